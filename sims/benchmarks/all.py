"""Every benchmark of speed in one table of ratios, which is kept beside the machine's name.

    python sims/benchmarks/all.py [DESIGN ...] [--against CHECKOUT] [--trials 5000] [--rounds 3]
                                  [--two] [--reference]

Against another checkout of this repository, such as ``git worktree add /tmp/before COMMIT`` makes,
each figure is measured in turns of the two, and the ratio is that of the medians: how many times as
fast this one is. The figures of a design, of which all but the first travel between machines:

- trials a second in a warm block on one core, no files; and the time of a trial over the time that
  NumPy needs to draw its uniforms by the simulator's own generator (``speed.py``);
- the first table: the command ``simulate`` with 1,000 trials from a cold shell, files included,
  in seconds of processor time and megabytes;
- the enumerated table, where the design can be enumerated: seconds of processor time, and how many
  trials, warm and on one core, are simulated in as long;
- with ``--two``, the wall time of one job over that of two, for so many trials that one job takes
  about twenty seconds;
- with ``--reference``, refits of the PyMC model over the fast posterior (``reference.py``).

Writes ``all.csv``. Median of the rounds; on a machine that does other work, ratios below 1.1 say
little.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = HERE / "all.csv"
HEAD = ("design", "what", "value", "unit", "before", "before_over_now")
FIRST_TABLE = 1_000  # trials
LONG = 20.0  # seconds of work for two jobs
AGAIN = "import json, sys; sys.path.insert(0, {here!r}); import speed; print(json.dumps({call}))"


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
            raise SystemExit(f"{checkout}: {' '.join(command)} ended with {child.returncode}")
        told.seek(0)
        return used.ru_utime + used.ru_stime, wall, megabytes(used), told.read()


def megabytes(used: resource.struct_rusage) -> float:
    """Peak memory; macOS counts bytes, Linux kilobytes."""
    return used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def simulate(design: Path, *more: str) -> list[str]:
    """The command ``simulate`` into a folder of its own."""
    folder = tempfile.mkdtemp(prefix="benchmark_")
    return ["-m", "adaptive_cart", "simulate", str(design), "--out", f"{folder}/run", *more]


class Turns:
    """Measures one checkout, or two of them in turns.

    Attributes
    ----------
    checkouts
        The one that this file is in first.
    """

    def __init__(self, checkouts: list[Path], rounds: int) -> None:
        self.checkouts = checkouts
        self.rounds = rounds

    def first_tables(self, design: Path) -> list[tuple[float, float]]:
        """By checkout: processor seconds and megabytes of the first table."""
        wanted = ("--trials", str(FIRST_TABLE), "--engine", "simulate", "--jobs", "1")
        found: list[list[tuple[float, float]]] = [[] for _ in self.checkouts]
        for turn in range(self.rounds + 1):
            for place, checkout in enumerate(self.checkouts):
                cpu, _, memory, _ = run_in(checkout, simulate(design, *wanted))
                if turn:  # the first compiles the modules
                    found[place].append((cpu, memory))
        return [tuple(map(statistics.median, zip(*of, strict=True))) for of in found]  # type: ignore[misc]

    def warm(self, design: Path, trials: int) -> list[tuple[float, float]]:
        """By checkout: seconds of a trial, and of drawing its uniforms."""
        call = f"speed.seconds_of({str(design)!r}, {trials})"
        return self._asked(AGAIN.format(here=str(HERE), call=call))

    def enumerated(self, design: Path) -> list[tuple[float, float]]:
        """By checkout: processor seconds to enumerate, 0 for not at all; and the scenarios."""
        call = f"speed.seconds_to_enumerate({str(design)!r})"
        return self._asked(AGAIN.format(here=str(HERE), call=call))

    def _asked(self, program: str) -> list[tuple[float, float]]:
        found: list[list[list[float]]] = [[] for _ in self.checkouts]
        for _ in range(self.rounds):
            for place, checkout in enumerate(self.checkouts):
                told = run_in(checkout, ["-c", program])[-1]
                found[place].append(json.loads(told.splitlines()[-1]))
        return [tuple(map(statistics.median, zip(*of, strict=True))) for of in found]  # type: ignore[misc]


def rows_of(design: Path, turns: Turns, trials: int, two: bool) -> Iterator[tuple[str, ...]]:
    """Lines of the table of one design."""
    warm = turns.warm(design, trials)
    (each, drawing), before = warm[0], [seconds for seconds, _ in warm[1:]]

    def line(what: str, value: float, unit: str, *old: float) -> tuple[str, ...]:
        ratio = [f"{old[0]:.4g}", f"{old[0] / value:.2f}"] if old else ["", ""]
        return (design.stem, what, f"{value:.4g}", unit, *ratio)

    yield line("a trial", 1e6 * each, "us", *(1e6 * seconds for seconds in before))
    yield line("trials a second", 1.0 / each, "")
    yield line("a trial over its uniforms", each / drawing, "x Philox")
    tables = turns.first_tables(design)
    yield line("first table", tables[0][0], "CPU s", *(cpu for cpu, _ in tables[1:]))
    yield line("first table, memory", tables[0][1], "MB", *(memory for _, memory in tables[1:]))
    exact = turns.enumerated(design)
    if exact[0][0] > 0.0:
        yield line("enumerated", exact[0][0], "CPU s", *(seconds for seconds, _ in exact[1:]))
        yield line("trials simulated in as long", exact[0][0] / each, "")
    if two:
        scenarios = exact[0][1]
        many = str(max(FIRST_TABLE, round(LONG / each / scenarios)))
        command = ("--trials", many, "--engine", "simulate", "--jobs")
        one, both = (
            statistics.median(
                run_in(ROOT, simulate(design, *command, jobs))[1] for _ in range(turns.rounds)
            )
            for jobs in ("1", "2")
        )
        yield line(f"two jobs against one, {many} trials a scenario", one / both, "x wall")


def machine() -> str:
    """Processor, cores and versions, as they stand at the top of what is kept."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.split(":")[1].strip() for line in lines if "model name" in line), name)
    versions = ", ".join(
        subprocess.run(
            [sys.executable, "-c", f"import {module}; print('{module}', {module}.__version__)"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        for module in ("numpy", "scipy", "pyarrow")
    )  # fmt: skip
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{time.strftime('%Y-%m-%d')}, {name}, {os.cpu_count()} cores, {load}, "
        f"Python {platform.python_version()}, {versions}"
    )


def main() -> None:
    """Measure, print and keep."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shipped = sorted((ROOT / "designs").glob("*.toml"))
    reader.add_argument("designs", nargs="*", type=Path, default=shipped)
    reader.add_argument("--against", type=Path)
    reader.add_argument("--trials", type=int, default=5_000)
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--two", action="store_true")
    reader.add_argument("--reference", action="store_true")
    given = reader.parse_intermixed_args()
    checkouts = [ROOT] if given.against is None else [ROOT, given.against.resolve()]
    turns, rows = Turns(checkouts, given.rounds), []
    print(machine())
    for design in given.designs:
        for row in rows_of(design.resolve(), turns, given.trials, given.two):
            print(
                f"{row[0]:28s} {row[1]:44s} {row[2]:>10s} {row[3]:10s} {row[4]:>10s} {row[5]:>6s}"
            )
            rows.append(row)
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([f"# {machine()}"])
        writer.writerow(HEAD)
        writer.writerows(rows)
    if given.reference:
        subprocess.run([sys.executable, str(HERE / "reference.py")], check=True)


if __name__ == "__main__":
    main()
