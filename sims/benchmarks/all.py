"""Every benchmark of speed in one table of ratios, which is kept beside the machine's name.

    python sims/benchmarks/all.py [DESIGN ...] [--against CHECKOUT] [--stretches 9] [--rounds 3]
                                  [--two] [--reference]

Against another checkout of this repository, such as ``git worktree add /tmp/before COMMIT`` makes,
each figure is measured in turns of the two, and the ratio is that of the medians: how many times as
fast this one is. Of a design that the other cannot run there is no ratio. The figures of a design,
of which all but the first travel between machines:

- trials a second in a warm block on one core, no files (``turns.py``); and the time of a trial over
  the time that NumPy needs to draw its uniforms by the simulator's own generator (``speed.py``);
- the first table: the command ``simulate`` with 1,000 trials from a cold shell, files included,
  in seconds of processor time and megabytes;
- the enumerated table, where the design can be enumerated: seconds of processor time, and how many
  trials, warm and on one core, are simulated in as long;
- with ``--two``, the wall time of one job over that of two, for so many trials that one job takes
  about twenty seconds;
- with ``--reference``, refits of the PyMC model over the fast posterior (``reference.py``).

Writes ``all.csv``, anew after each design. Median of the rounds; on a machine that does other work,
ratios below 1.1 say little.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import machine
import speed
import turns

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = HERE / "all.csv"
HEAD = ("design", "what", "value", "unit", "before", "before_over_now")
FIRST_TABLE = 1_000  # trials
LONG = 20.0  # seconds of work for two jobs
ENUMERATED = """
import json, sys, time
from pathlib import Path
from adaptive_cart.design.file import load_design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import EngineError
from adaptive_cart.running.engine import choose_engine
from adaptive_cart.running.exact import enumerate_design
from adaptive_cart.running.region import needs_calibration, with_threshold
design = load_design(Path(sys.argv[1]))
if needs_calibration(design):
    design = with_threshold(design, 0.99)
truths, seconds = truths_of(design), 0.0
try:
    exact = choose_engine(design, truths, "auto").engine == "exact"
except EngineError:
    exact = False
if exact:
    start = time.process_time()
    enumerate_design(design, truths)
    seconds = time.process_time() - start
print(json.dumps([seconds, len(truths)]))
"""


class Failed(Exception):
    """A command ended otherwise than it should."""


def run_in(checkout: Path, command: list[str]) -> tuple[float, float, float, str]:
    """Processor seconds, wall seconds and megabytes of a command, and what it printed."""
    cold = {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}
    with tempfile.TemporaryFile("w+") as told:
        began = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, *command], env=os.environ | cold, stdout=told,
            stderr=subprocess.DEVNULL, cwd=checkout,
        )  # fmt: skip
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise Failed(f"{checkout}: {' '.join(command)} ended with {child.returncode}")
        told.seek(0)
        return used.ru_utime + used.ru_stime, wall, megabytes(used), told.read()


def megabytes(used: resource.struct_rusage) -> float:
    """Peak memory; macOS counts bytes, Linux kilobytes."""
    return used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def table_in(checkout: Path, design: Path, *more: str) -> tuple[float, float, float]:
    """Processor seconds, wall seconds and megabytes of ``simulate`` into a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="benchmark_") as folder:
        command = ["-m", "adaptive_cart", "simulate", str(design), "--engine", "simulate"]
        return run_in(checkout, [*command, *more, "--out", f"{folder}/run"])[:3]


def first_tables(design: Path, checkouts: list[Path], rounds: int) -> list[tuple[float, float]]:
    """By checkout: processor seconds and megabytes of the first table."""
    found: list[list[tuple[float, float]]] = [[] for _ in checkouts]
    for turn in range(rounds + 1):
        for place, checkout in enumerate(checkouts):
            wanted = ("--trials", str(FIRST_TABLE), "--jobs", "1")
            cpu, _, memory = table_in(checkout, design, *wanted)
            if turn:  # the first compiles the modules
                found[place].append((cpu, memory))
    return medians(found)


def enumerated(design: Path, checkouts: list[Path], rounds: int) -> list[tuple[float, float]]:
    """By checkout: processor seconds to enumerate, 0 for not at all; and the scenarios."""
    found: list[list[tuple[float, float]]] = [[] for _ in checkouts]
    for _ in range(rounds):
        for place, checkout in enumerate(checkouts):
            program = turns.words_of(checkout, ENUMERATED)
            told = run_in(checkout, ["-c", program, str(design)])[-1]
            seconds, scenarios = json.loads(told.splitlines()[-1])
            found[place].append((seconds, scenarios))
    return medians(found)


def medians(found: list[list[tuple[float, float]]]) -> list[tuple[float, float]]:
    """By checkout, the median of the rounds of either figure."""
    return [
        (statistics.median(one for one, _ in of), statistics.median(other for _, other in of))
        for of in found
    ]


def rows_of(
    design: Path, checkouts: list[Path], stretches: int, rounds: int, two: bool
) -> Iterator[tuple[str, ...]]:
    """Lines of the table of one design; this checkout is the first."""

    def line(
        what: str, value: float, unit: str, *old: float, ratio: float = 0.0
    ) -> tuple[str, ...]:
        before = [f"{old[0]:.4g}", f"{ratio or old[0] / value:.2f}"] if old else ["", ""]
        return (design.stem, what, f"{value:.4g}", unit, *before)

    warm, ratio = turns.in_turns(checkouts[::-1], design, stretches)
    each = warm[-1]
    yield line("a trial", 1e6 * each, "us", *(1e6 * old for old in warm[:-1]), ratio=ratio)
    yield line("trials a second", 1.0 / each, "")
    yield line("a trial over its uniforms", each / speed.seconds_drawing(design), "x Philox")
    tables = first_tables(design, checkouts, rounds)
    yield line("first table", tables[0][0], "CPU s", *(cpu for cpu, _ in tables[1:]))
    yield line("first table, memory", tables[0][1], "MB", *(memory for _, memory in tables[1:]))
    exact = enumerated(design, checkouts, rounds)
    if exact[0][0] > 0.0:
        before = [seconds for seconds, _ in exact[1:] if seconds > 0.0]
        yield line("enumerated", exact[0][0], "CPU s", *before)
        yield line("trials simulated in as long", exact[0][0] / each, "")
    if two:
        many = str(max(FIRST_TABLE, round(LONG / each / exact[0][1])))
        one, both = (
            statistics.median(
                table_in(ROOT, design, "--trials", many, "--jobs", jobs)[1] for _ in range(rounds)
            )
            for jobs in ("1", "2")
        )
        yield line(f"two jobs against one, {many} trials a scenario", one / both, "x wall")


def measured(
    design: Path, checkouts: list[Path], stretches: int, rounds: int, two: bool
) -> list[tuple[str, ...]]:
    """The lines of a design: in turns where the other checkout can run it, else of this one."""
    try:
        return list(rows_of(design, checkouts, stretches, rounds, two))
    except (Failed, turns.CannotRun):
        if checkouts == [ROOT]:
            raise
        print(f"{design.stem}: cannot be run by both", file=sys.stderr)
        return list(rows_of(design, [ROOT], stretches, rounds, two))


def main() -> None:
    """Measure, print and keep."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shipped = sorted((ROOT / "designs").glob("*.toml"))
    reader.add_argument("designs", nargs="*", type=Path, default=shipped)
    reader.add_argument("--against", type=Path)
    reader.add_argument("--stretches", type=int, default=9)
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--two", action="store_true")
    reader.add_argument("--reference", action="store_true")
    given = reader.parse_intermixed_args()
    checkouts = [ROOT] if given.against is None else [ROOT, given.against.resolve()]
    rows: list[tuple[str, ...]] = []
    print(machine.words())
    for design in given.designs:
        found = measured(design.resolve(), checkouts, given.stretches, given.rounds, given.two)
        for row in found:
            print(
                f"{row[0]:28s} {row[1]:44s} {row[2]:>10s} {row[3]:10s} {row[4]:>10s} {row[5]:>6s}",
                flush=True,
            )
        rows += found
        machine.keep(RESULTS, HEAD, rows)
    if given.reference:
        subprocess.run([sys.executable, str(HERE / "reference.py")], check=True)


if __name__ == "__main__":
    main()
