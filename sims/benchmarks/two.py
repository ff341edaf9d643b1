"""What two jobs gain over one, by processor time: a model for machines that do other work as well.

    python sims/benchmarks/two.py [DESIGN ...] [--seconds 5 20 60] [--rounds 3]

A run with one job takes its processor time. Of a run with two jobs it is taken what the command
itself did, which nothing else did meanwhile, and how long each call of its workers took; these are
laid on two processors in the order in which they were begun, each call where it can begin first.
The sum is what the run would take where two processors do nothing else and no disk is waited for.
Each ratio is that of the medians of the rounds, which are run in turns; and the wall times of the
same runs are printed beside, with the load, for what they are worth. For each design as many trials
are run as take one job so many seconds, about. Writes ``two.csv``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = HERE / "two.csv"
HEAD = ("design", "trials", "one_cpu_s", "alone_s", "two_cpu_s", "two_model_s", "model_ratio",
        "one_wall_s", "two_wall_s", "load")  # fmt: skip
FEW = 2_000  # trials, of which and of twice as many it is taken how many are so many seconds
USUAL = ("hello", "sle_autologous", "durability_event_driven", "products_multiarm",
         "enrichment_biomarker", "basket_diseases")  # fmt: skip

# the command, told by a worker how long each of its calls took, and by itself how long it worked
PROGRAM = """
import json, os, resource, sys, time
calls = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_APPEND)
from adaptive_cart.running import forked
answer = forked._answer
def timed(call):
    began, used = time.monotonic(), time.process_time()
    found = answer(call)
    what = "trials" if b"run_stretch" in call[:2000] else "tables"
    told = [what, began, time.process_time() - used]
    os.write(calls, (json.dumps(told) + chr(10)).encode())
    return found
forked._answer = timed
from adaptive_cart.cli import main
main(standalone_mode=False)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([time.process_time(), used.ru_utime + used.ru_stime]))
"""


def run(design: Path, trials: int, jobs: int) -> dict[str, float]:
    """Seconds of a run: of the command itself, of its workers, by the model, and by the clock."""
    with tempfile.TemporaryDirectory() as name:
        calls = Path(name) / "calls"
        calls.touch()
        asked = ["--trials", str(trials), "--engine", "simulate", "--jobs", str(jobs)]
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(calls), "simulate", str(design), *asked,
             "--out", f"{name}/run"],
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        wall = time.monotonic() - began
        own, workers = json.loads(done.stdout.splitlines()[-1])
        told = [json.loads(line) for line in calls.read_text().splitlines()]
    apart = sum(laid([call for call in told if call[0] == what]) for what in ("trials", "tables"))
    between = workers - sum(seconds for _, _, seconds in told)  # copying, waiting for calls
    return {
        "cpu": own + workers, "own": own, "wall": wall, "model": own + apart + between / 2
    }  # fmt: skip


def laid(calls: list[Any]) -> float:
    """When the last of some calls ends on two processors, each begun where it can begin first."""
    ends = [0.0, 0.0]
    for _, _, seconds in sorted(calls, key=lambda call: call[1]):
        ends[ends.index(min(ends))] += seconds
    return max(ends)


def trials_for(design: Path, seconds: float) -> int:
    """Trials a scenario that take one job about so long, in hundreds."""
    few, more = (run(design, many, 1)["cpu"] for many in (FEW, 3 * FEW))
    each = (more - few) / (2 * FEW)
    return max(100, 100 * round((seconds - few + FEW * each) / each / 100))


def row_of(design: Path, seconds: float, rounds: int) -> tuple[Any, ...]:
    """A line of the table."""
    trials = trials_for(design, seconds)
    found: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(rounds):
        for jobs in found:
            found[jobs].append(run(design, trials, jobs))

    def middle(jobs: int, what: str) -> float:
        return statistics.median(one[what] for one in found[jobs])

    numbers = (middle(1, "cpu"), middle(2, "own"), middle(2, "cpu"), middle(2, "model"),
               middle(1, "cpu") / middle(2, "model"), middle(1, "wall"), middle(2, "wall"),
               os.getloadavg()[0])  # fmt: skip
    return (design.stem, trials, *(f"{number:.2f}" for number in numbers))


def main() -> None:
    """Measure, print and keep."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    usual = [ROOT / "designs" / f"{name}.toml" for name in USUAL]
    reader.add_argument("designs", nargs="*", type=Path, default=usual)
    reader.add_argument("--seconds", nargs="+", type=float, default=[5.0, 20.0, 60.0])
    reader.add_argument("--rounds", type=int, default=3)
    given = reader.parse_intermixed_args()
    print(*HEAD, flush=True)
    rows = []
    for design in given.designs:
        for seconds in given.seconds:
            rows.append(row_of(design.resolve(), seconds, given.rounds))
            print(*rows[-1], flush=True)
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEAD)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
