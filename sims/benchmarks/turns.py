"""Old against new, in turns: the time of a trial, a block of one checkout beside one of the other.

    python sims/benchmarks/turns.py OLD [DESIGN ...] [--stretches 15] [--block 0]

Two processes stand ready, each with the code of one checkout and the same design, and have met its
tables. Then each simulates one block of all scenarios, one process after the other, and its
processor time is taken. What else the machine does meets both alike: the last column is the median
over the stretches of the ratio of a stretch to the one beside it. A design that OLD cannot read is
told so.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DESIGNS = ROOT / "designs"
WORKER = """
import json, sys, time
from pathlib import Path
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.file import load_design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.estimand import SobolLatents, target_values, true_values
from adaptive_cart.running.region import needs_calibration, with_threshold
from adaptive_cart.running.stretches import block_size
path, block = sys.argv[1:]
design = load_design(Path(path))
if needs_calibration(design):
    design = with_threshold(design, 0.99)
plan, size = Plan.of(design), int(block) or block_size(design)
truths, first, points = truths_of(design), 0, SobolLatents()
aims = {n: target_values(plan, true_values(design, t, points)) for n, t in truths.items()}
del points
print(json.dumps([size, len(truths)]), flush=True)
try:
    from adaptive_cart.running.memory import freed_memory_kept
except ImportError:
    from contextlib import nullcontext as freed_memory_kept
with freed_memory_kept():
    for _ in sys.stdin:
        start = time.process_time()
        latents = latents_for(design, 1, first, size)
        for name, truth in truths.items():
            run_block(plan, truth, aims[name], latents)
        first += size
        print(json.dumps(time.process_time() - start), flush=True)
"""


def words_of(checkout: Path, program: str) -> str:
    """A program with the names that its modules have in that checkout."""
    if not (checkout / "adaptive_cart" / "running" / "region.py").is_file():
        program = program.replace("running.region", "running.calibrate")
    if not (checkout / "adaptive_cart" / "running" / "stretches.py").is_file():
        program = program.replace("running.stretches", "running.simulate")
    return program


class CannotRun(Exception):
    """A checkout cannot run a design."""


class Worker:
    """A process with the code of one checkout, which simulates a block whenever it is asked to."""

    def __init__(self, checkout: Path, design: Path, block: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", words_of(checkout, WORKER), str(design), str(block)],
            env=os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, cwd=checkout,
        )  # fmt: skip
        self.size, self.scenarios = json.loads(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise CannotRun
        return line

    def seconds(self) -> float:
        """Processor time of one trial in the next block."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(json.loads(self._line())) / self.size / self.scenarios

    def end(self) -> None:
        """Let the process end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def in_turns(
    checkouts: list[Path], design: Path, stretches: int, block: int = 0
) -> tuple[list[float], float]:
    """Median seconds of a trial by checkout, and the median ratio of the first to the last."""
    workers: list[Worker] = []
    try:
        for checkout in checkouts:
            workers.append(Worker(checkout, design, block))
        return _taken(workers, stretches)
    finally:
        for worker in workers:
            worker.end()


def _taken(workers: list[Worker], stretches: int) -> tuple[list[float], float]:
    found: list[list[float]] = []
    for stretch in range(stretches + 2):
        # who goes first changes, so that neither always follows the other
        order = list(range(len(workers)))[:: 1 if stretch % 2 else -1]
        times = {place: workers[place].seconds() for place in order}
        found.append([times[place] for place in range(len(workers))])
    warm = found[2:]
    ratios = [each[0] / each[-1] for each in warm]
    return [statistics.median(of) for of in zip(*warm, strict=True)], statistics.median(ratios)


def main() -> None:
    """Measure and print."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("old", type=Path)
    reader.add_argument("designs", nargs="*", type=Path, default=sorted(DESIGNS.glob("*.toml")))
    reader.add_argument("--stretches", type=int, default=15)
    reader.add_argument("--block", type=int, default=0)
    given = reader.parse_intermixed_args()
    print(f"{'design':28s} {'old us':>9s} {'new us':>9s} {'old/new':>8s}")
    for design in given.designs:
        checkouts = [given.old.resolve(), ROOT]
        try:
            (old, new), ratio = in_turns(checkouts, design.resolve(), given.stretches, given.block)
        except CannotRun:
            print(f"{design.stem:28s} cannot be run by both")
            continue
        print(f"{design.stem:28s} {1e6 * old:9.1f} {1e6 * new:9.1f} {ratio:8.2f}", flush=True)


if __name__ == "__main__":
    main()
