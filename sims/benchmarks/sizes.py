"""The smallest size by a search, against every size by itself: the same answer, and what both take.

    python sims/benchmarks/sizes.py [--trials 1000]

For each design every size is run by ``simulate``, in those scenarios alone in which power is
wanted, and the size is searched, in turns, by one process; processor time. Prints what a search
takes of the time of all sizes, without what confirms its answer on fresh trials and with it, and
stops where the two find another size.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import adaptive_cart as ac
from adaptive_cart.sweeps.varying import design_of_size

DESIGNS = Path(__file__).parents[2] / "designs"
WANTED = {  # power, in which scenarios, and the block
    "goldilocks_allogeneic": (0.9, ["expected"], 2),
    "sle_autologous": (0.6, ["expected", "early_data_do_not_hold_up", "rapid_waning"], 3),
}


def every_size(
    design: ac.Design, power: float, scenarios: list[str], block: int, trials: int
) -> int | None:
    """The smallest size from which every larger one has the power, each run by itself."""
    half = -(-(design.enrolment.max_n // 2) // block) * block
    sizes = range(half, 2 * design.enrolment.max_n + 1, block)
    has = {}
    for number in sizes:
        made = design_of_size(design, number, recalibrate=False)
        told: dict[str, Any] = {"trials": trials, "jobs": 1, "engine": "simulate"}
        result = ac.simulate(made, scenarios=scenarios, **told)
        has[number] = min(result.figure(name, "success").estimate for name in scenarios) >= power
    lacking = [number for number in sizes if not has[number]]
    answer = lacking[-1] + block if lacking else half
    return answer if answer in has else None


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of a call, and what it found."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def line_of(name: str, trials: int) -> str:
    """What the search of a design takes of the time of all its sizes."""
    power, scenarios, block = WANTED[name]
    design = ac.load_design(DESIGNS / f"{name}.toml")
    told: dict[str, Any] = {"jobs": 1, "engine": "simulate", "scenarios": scenarios}
    ac.size(design, power, **told, trials=100, fresh=100)  # what is imported once
    bare, promised = timed(lambda: ac.size(design, power, **told, trials=trials, fresh=0))
    every, by_itself = timed(lambda: every_size(design, power, scenarios, block, trials))
    whole, found = timed(lambda: ac.size(design, power, **told, trials=trials))
    if promised.answer != by_itself or found.promised != by_itself:
        raise SystemExit(f"{name}: {promised.answer} and {found.promised}, not {by_itself}")
    return (
        f"{name}, power {power}, {trials:,} trials: {by_itself}; all sizes {every:.1f} s, the "
        f"search {bare:.2f} s ({bare / every:.3f}, {len(promised.tried)} run), with fresh "
        f"trials {whole:.2f} s ({whole / every:.3f}, {found.answer})"
    )


def main() -> None:
    """Print a line a design."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--trials", type=int, default=1_000)
    trials = words.parse_args().trials
    for name in WANTED:
        print(line_of(name, trials), flush=True)


if __name__ == "__main__":
    main()
