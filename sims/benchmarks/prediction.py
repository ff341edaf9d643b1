"""What earlier months cost: the main design with ``[prediction]`` against the same without.

    python sims/benchmarks/prediction.py [--trials 2500] [--rounds 5] [--arrays]

The designs of ``sims/validation/early_tells_late.py``, judged at every look, in blocks as large as
a run has. All of them take turns, each on the trials of its round; the median of
processor times a trial is shown, its range, and the ratio to the design without earlier months in
the same round. The first round, in which tables are analysed for the first time, is shown apart
("cold"). With ``--arrays`` nothing is compiled, as where numba is not installed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "validation"))

import numpy as np
from early_tells_late import base

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.nouns import early_law_loops
from adaptive_cart.participants.population import latents_for
from adaptive_cart.running.stretches import block_size

VARIANTS = {
    "without": ([], "predictions"),
    "6": ([6.0], "predictions"),
    "3 and 6": ([3.0, 6.0], "predictions"),
    "3, 6 and 9": ([3.0, 6.0, 9.0], "predictions"),
    '6, counts = "all"': ([6.0], "all"),
    '3 and 6, counts = "all"': ([3.0, 6.0], "all"),
    '3, 6 and 9, counts = "all"': ([3.0, 6.0, 9.0], "all"),
}


def plan_of(months: list[float], counts: str) -> Plan:
    """The main design, with the months that tell."""
    raw = base("at every look")
    if months:
        raw["prediction"] = {"dfr": {"from": months, "counts": counts}}
    return Plan.of(Design(**raw))


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    reader.add_argument("--trials", type=int, default=2_500)
    reader.add_argument("--rounds", type=int, default=5)
    reader.add_argument("--scenario", default="expected")
    reader.add_argument("--only", default="", help="variants whose name contains it")
    reader.add_argument("--arrays", action="store_true", help="as where there is no numba")
    given = reader.parse_args()
    if given.arrays:
        early_law_loops.THERE = False
    plans = {name: plan_of(*own) for name, own in VARIANTS.items()
             if name == "without" or given.only in name}  # fmt: skip
    taken: dict[str, list[float]] = {name: [] for name in plans}
    for turn in range(given.rounds + 1):
        for name, plan in plans.items():
            truth = plan.design.truths[given.scenario]
            targets = [np.nan] * len(plan.estimands)
            began = time.process_time()
            first, block = turn * given.trials, min(block_size(plan.design), given.trials)
            for at in range(first, first + given.trials, block):
                run_block(plan, truth, targets, latents_for(plan.design, 1, at, block))
            taken[name].append(1e6 * (time.process_time() - began) / given.trials)
    alone = np.array(taken["without"])
    print(f"{'':30s} {'us/trial':>9s} {'range':>15s} {'x without':>10s} {'cold':>7s}")
    for name, every in taken.items():
        own = np.array(every)
        ratio, span = np.median(own[1:] / alone[1:]), f"{own[1:].min():.0f} to {own[1:].max():.0f}"
        print(
            f"{name:30s} {np.median(own[1:]):9.0f} {span:>15s} {ratio:10.2f} "
            f"{own[0] / alone[0]:7.2f}"
        )


if __name__ == "__main__":
    main()
