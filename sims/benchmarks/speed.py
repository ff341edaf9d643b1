"""How fast trials are simulated, on one core, against the cost of drawing their random numbers.

    python sims/benchmarks/speed.py [DESIGN ...] [--trials 20000] [--block 0]

For each design and scenario: trials per second, microseconds a trial, and the ratio of that to the
time NumPy needs merely to draw as many uniforms as the trial used, measured in the same run: by
Philox, which the simulator uses, and by NumPy's default generator. The first trials, in which
tables of counts are analysed for the first time, are shown apart ("cold"): a run of ten thousand
has both. Ratios travel between machines; seconds do not.

Processor time of this process is measured, and the best of several stretches is taken, so that what
else the machine does disturbs little.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.file import load_design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.estimand import SobolLatents, target_values, true_values
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.region import needs_calibration, with_threshold
from adaptive_cart.running.stretches import block_size

DESIGNS = Path(__file__).parents[2] / "designs"
STRETCHES = 6
THRESHOLD = 0.99  # where a design would have to be calibrated before it can be timed


def draws(generator: np.random.Generator, trials: int, uniforms: int) -> float:
    """Seconds to draw the uniforms of one trial."""
    out = np.empty((trials, uniforms))
    best = np.inf
    for _ in range(STRETCHES):
        start = time.process_time()
        for _ in range(5):
            generator.random(out=out)
        best = min(best, (time.process_time() - start) / (5 * trials))
    return best


def seconds_drawing(path: Path) -> float:
    """Seconds to draw the uniforms of one trial of a design, by the simulator's own generator."""
    design = load_design(path)
    if needs_calibration(design):
        design = with_threshold(design, THRESHOLD)
    plan, size = Plan.of(design), block_size(design)
    latents = latents_for(design, 1, 0, size)
    truth = next(iter(truths_of(design).values()))
    run_block(plan, truth, (math.nan,) * len(plan.estimands), latents)  # what is needed is drawn
    return draws(np.random.Generator(np.random.Philox(1)), size, latents.drawn)


def measure(path: Path, trials: int, block: int) -> None:
    design = load_design(path)
    if needs_calibration(design):
        design = with_threshold(design, calibrate(design, trials=500).threshold)
    plan = Plan.of(design)
    size = block or block_size(design)
    points = SobolLatents()
    print(f"\n{path.stem}: blocks of {size} trials")
    print(
        f"  {'scenario':28s} {'cold/s':>9s} {'trials/s':>9s} {'us/trial':>9s} {'uniforms':>9s} "
        f"{'x Philox':>9s} {'x PCG64':>9s}"
    )
    for name, truth in truths_of(design).items():
        targets = target_values(plan, true_values(design, truth, points))
        each = max(1, trials // (STRETCHES * size)) * size
        best, cold, first = np.inf, np.inf, 0
        for stretch in range(STRETCHES):
            start = time.process_time()
            for at in range(first, first + each, size):
                latents = latents_for(design, 1, at, size)
                run_block(plan, truth, targets, latents)
            seconds = (time.process_time() - start) / each
            cold = seconds if stretch == 0 else cold
            best = min(best, seconds)
            first += each
        uniforms = latents.drawn
        philox = draws(np.random.Generator(np.random.Philox(1)), size, uniforms)
        default = draws(np.random.default_rng(1), size, uniforms)
        print(
            f"  {name:28s} {1 / cold:9.0f} {1 / best:9.0f} {best * 1e6:9.1f} {uniforms:9d} "
            f"{best / philox:9.1f} {best / default:9.1f}"
        )


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    reader.add_argument("designs", nargs="*", type=Path, default=sorted(DESIGNS.glob("*.toml")))
    reader.add_argument("--trials", type=int, default=20_000)
    reader.add_argument("--block", type=int, default=0)
    given = reader.parse_args()
    for path in given.designs:
        measure(path, given.trials, given.block)


if __name__ == "__main__":
    main()
