"""A sweep of twenty points against twenty runs of ``simulate``.

    python sims/benchmarks/sweeps.py [--trials 10000] [--jobs 1]

``sle_autologous`` with twenty thresholds of its safety rule, at each so many trials of all
scenarios: by ``simulate``, one after the other, and by ``sweep``, which also compares all with the
design as written, one of the twenty, and writes its table. Processor time, of the workers too, and
wall. Both have the same success in every scenario, or it stops.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import adaptive_cart as ac

DESIGNS = Path(__file__).parents[2] / "designs"
KEY = "rules.safety.at_least"
POINTS = [round(0.80 + 0.01 * place, 2) for place in range(20)]  # 0.90, as written, among them


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Processor and wall seconds of a call, and what it found."""
    before, began = sum(os.times()[:4]), time.perf_counter()
    found = work()
    return sum(os.times()[:4]) - before, time.perf_counter() - began, found


def main() -> None:
    """Print a line."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--trials", type=int, default=10_000)
    words.add_argument("--jobs", type=int, default=1)
    told = words.parse_args()
    design = ac.load_design(DESIGNS / "sle_autologous.toml")
    asked: dict[str, Any] = {"trials": told.trials, "jobs": told.jobs, "engine": "simulate"}
    ac.simulate(design, trials=100, jobs=1)  # what is imported and remembered once
    by_point = {point: design.replace(KEY, point) for point in POINTS}
    with tempfile.TemporaryDirectory() as folder:
        swept = timed(lambda: ac.sweep(design, {KEY: POINTS}, **asked, out=folder))
        runs = timed(lambda: {p: ac.simulate(one, **asked) for p, one in by_point.items()})
    rows = swept[2].table.query("measure == 'success'")
    for point, run in runs[2].items():
        mine = rows[(rows[KEY] == point) if point != design.rules[0].at_least else rows.index < 0]
        for name, value in zip(mine.scenario, mine.estimate, strict=True):
            if name and value != run.figure(name, "success").estimate:
                raise SystemExit(f"{KEY} = {point}, {name}: not the same success")
    print(
        f"{len(POINTS)} points of {told.trials:,} trials, {told.jobs} jobs: {len(POINTS)} runs "
        f"{runs[0]:.1f} s of processor, {runs[1]:.1f} s; the sweep {swept[0]:.1f} s, "
        f"{swept[1]:.1f} s ({swept[0] / runs[0]:.2f} of the processor time)"
    )


if __name__ == "__main__":
    main()
