"""A run is killed, again and again, and ends with the bytes of one that was not.

    python sims/robustness/kills.py random --kills 100
    python sims/robustness/kills.py between --kills 20
    python sims/robustness/kills.py dask --seconds 4

`random`: the command is killed at moments drawn over six tenths of its time, and typed again;
after every fifth kill it is left to finish. `between`: it is killed in the middle of writing, right
before the first, second, … file of the run gets its name. `dask`: two workers, one of which is
killed every few seconds until the run has ended; nobody types anything again. What is compared are
the tables of the results folder, byte for byte, with those of a run in one piece. Writes a row to
``kills.csv``, renewed after every run; a row of the same name is replaced, and gone on with where
its trials and its seed are the same and it has fewer kills.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DESIGN = ROOT / "designs" / "sle_autologous.toml"
RESULTS = HERE / "kills.csv"
HEAD = ("how", "kills", "trials", "runs", "runs_with_the_same_bytes", "typed_again", "seed")
COMPARED = ("trials.parquet", "looks.parquet", "operating_characteristics.csv", "boundaries.csv",
            "stopping_counts.csv")  # fmt: skip
KILLS_A_RUN = 5

# run the command, and die instead of giving the file of some number its name
DYING = """
import os, signal, sys
from adaptive_cart.cli import main
left = int(sys.argv.pop(1))
named = os.replace
def replace(*paths, **how):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return named(*paths, **how)
os.replace = replace
main()
"""


def command(out: Path, trials: int, *more: str) -> list[str]:
    """What is typed."""
    asked = [str(DESIGN), "--trials", str(trials), "--engine", "simulate", "--out", str(out)]
    return [sys.executable, "-m", "adaptive_cart", "simulate", *asked, *more]


def bytes_of(folder: Path) -> str:
    """Fingerprint of what is compared."""
    whole = hashlib.sha256()
    for name in COMPARED:
        whole.update((folder / name).read_bytes())
    return whole.hexdigest()


def finish(typed: list[str]) -> None:
    """Let a command end, and complain if it fails."""
    done = subprocess.run(typed, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(typed)}\n{done.stderr}")


def killed_at(typed: list[str], seconds: float) -> bool:
    """Kill a command after so long; whether it was still running."""
    process = subprocess.Popen(
        typed, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


Found = Iterator[tuple[int, str, int]]  # of a run: kills, fingerprint, how often typed again


def at_random(scratch: Path, done: int, kills: int, trials: int, seed: int) -> Found:
    """Runs that are killed at random moments, until there are so many kills."""
    began = time.monotonic()
    finish(command(scratch / "timed", trials))
    whole = time.monotonic() - began
    while done < kills:
        draw = random.Random(f"{seed} {done}")
        out = scratch / f"run {done}"
        moments = [draw.uniform(0.2, 0.6 * whole) for _ in range(KILLS_A_RUN)]
        killed = sum(killed_at(command(out, trials), moment) for moment in moments)
        finish(command(out, trials))
        done += killed
        yield killed, bytes_of(out), KILLS_A_RUN


def between_writes(scratch: Path, done: int, kills: int, trials: int) -> Found:
    """The same, killed before the first, second, … file gets its name."""
    for number in range(done, kills):
        out = scratch / f"run {number}"
        dying = [sys.executable, "-c", DYING, str(number), *command(out, trials, "--jobs", "1")[3:]]
        process = subprocess.run(dying, cwd=ROOT, capture_output=True, check=False)
        if process.returncode != -signal.SIGKILL:
            sys.exit(f"nothing was written {number + 1} times: {process.stderr.decode()}")
        finish(command(out, trials))
        yield 1, bytes_of(out), 1


def on_a_cluster(scratch: Path, seconds: float, trials: int) -> Found:
    """The same over two dask workers, one of which is killed every few seconds."""
    import psutil

    out = scratch / "over dask"
    process = subprocess.Popen(
        command(out, trials, "--backend", "dask", "--jobs", "2"), cwd=ROOT, stderr=subprocess.PIPE
    )
    kills = 0
    stop = threading.Event()

    def kill() -> None:
        nonlocal kills
        while not stop.wait(seconds):
            for child in psutil.Process(process.pid).children(recursive=True):
                if "spawn_main" in " ".join(child.cmdline()):
                    os.kill(child.pid, signal.SIGKILL)
                    kills += 1
                    break

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    _, told = process.communicate()
    stop.set()
    if process.returncode:
        sys.exit(told.decode())
    yield kills, bytes_of(out), 0


def main() -> None:
    """Kill, compare, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("how", choices=["random", "between", "dask"])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=4.0, help="between two kills of a worker")
    parser.add_argument("--trials", type=int, default=4_000, help="a scenario")
    parser.add_argument("--seed", type=int, default=20261129)
    wanted = parser.parse_args()
    row = _gone_on_with(wanted)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        finish(command(scratch / "in one piece", wanted.trials))
        right = bytes_of(scratch / "in one piece")
        if wanted.how == "random":
            runs = at_random(scratch, row["kills"], wanted.kills, wanted.trials, wanted.seed)
        elif wanted.how == "between":
            runs = between_writes(scratch, row["kills"], wanted.kills, wanted.trials)
        else:
            runs = on_a_cluster(scratch, wanted.seconds, wanted.trials)
        for kills, found, again in runs:
            row["kills"] += kills
            row["runs"] += 1
            row["runs_with_the_same_bytes"] += found == right
            row["typed_again"] += again
            _write(row)
            print(row, flush=True)
    sys.exit(row["runs"] != row["runs_with_the_same_bytes"])


def _gone_on_with(wanted: argparse.Namespace) -> dict[str, Any]:
    """The row that is there, where it is of what is wanted; else one of nothing."""
    asked = {"how": wanted.how, "trials": wanted.trials, "seed": wanted.seed}
    for kept in _kept():
        row = dict(zip(HEAD, [kept[0], *map(int, kept[1:])], strict=True))
        if wanted.how != "dask" and asked.items() <= row.items() and row["kills"] < wanted.kills:
            return row
    return dict.fromkeys(HEAD, 0) | asked


def _write(row: dict[str, Any]) -> None:
    written = tuple(str(row[name]) for name in HEAD)
    rows = [kept for kept in _kept() if kept[0] != row["how"]] + [written]
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEAD)
        writer.writerows(sorted(rows))


def _kept() -> list[tuple[str, ...]]:
    if not RESULTS.exists():
        return []
    with RESULTS.open(encoding="utf-8") as file:
        return [tuple(row) for row in list(csv.reader(file))[1:]]


if __name__ == "__main__":
    main()
