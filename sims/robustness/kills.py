"""A run is killed, again and again, and ends with the bytes of one that was not.

    python sims/robustness/kills.py random --kills 100
    python sims/robustness/kills.py between --kills 20
    python sims/robustness/kills.py dask --seconds 4

`random`: the command is killed at moments drawn over six tenths of its time, and typed again;
after every fifth kill it is left to finish. `between`: it is killed in the middle of writing, right
before the first, second, … file of the run gets its name. `dask`: two workers, one of which is
killed every few seconds until the run has ended; nobody types anything again. What is compared are
the tables of the results folder, byte for byte, with those of a run in one piece. Writes a row to
``kills.csv``; a row of the same name is replaced.
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
from pathlib import Path

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


def at_random(scratch: Path, kills: int, trials: int, seed: int) -> tuple[int, list[str], int]:
    """Kills, fingerprints of the finished runs, and how often it was typed again."""
    draw = random.Random(seed)
    began = time.monotonic()
    finish(command(scratch / "timed", trials))
    whole = time.monotonic() - began
    done, found, again = 0, [], 0
    while done < kills:
        out = scratch / f"run {len(found)}"
        for _ in range(KILLS_A_RUN):
            done += killed_at(command(out, trials), draw.uniform(0.2, 0.6 * whole))
            again += 1
        finish(command(out, trials))
        found.append(bytes_of(out))
        print(f"{done} kills, {len(found)} runs", flush=True)
    return done, found, again


def between_writes(scratch: Path, kills: int, trials: int) -> tuple[int, list[str], int]:
    """The same, killed before the first, second, … file gets its name."""
    found = []
    for number in range(kills):
        out = scratch / f"run {number}"
        dying = [sys.executable, "-c", DYING, str(number), *command(out, trials, "--jobs", "1")[3:]]
        process = subprocess.run(dying, cwd=ROOT, capture_output=True, check=False)
        if process.returncode != -signal.SIGKILL:
            sys.exit(f"nothing was written {number + 1} times: {process.stderr.decode()}")
        finish(command(out, trials))
        found.append(bytes_of(out))
        print(f"{number + 1} kills", flush=True)
    return kills, found, kills


def on_a_cluster(scratch: Path, seconds: float, trials: int) -> tuple[int, list[str], int]:
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
    return kills, [bytes_of(out)], 0


def main() -> None:
    """Kill, compare, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("how", choices=["random", "between", "dask"])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=4.0, help="between two kills of a worker")
    parser.add_argument("--trials", type=int, default=4_000, help="a scenario")
    parser.add_argument("--seed", type=int, default=20261129)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        finish(command(scratch / "in one piece", wanted.trials))
        right = bytes_of(scratch / "in one piece")
        if wanted.how == "random":
            found = at_random(scratch, wanted.kills, wanted.trials, wanted.seed)
        elif wanted.how == "between":
            found = between_writes(scratch, wanted.kills, wanted.trials)
        else:
            found = on_a_cluster(scratch, wanted.seconds, wanted.trials)
    kills, bytes_found, again = found
    same = sum(one == right for one in bytes_found)
    row = (wanted.how, kills, wanted.trials, len(bytes_found), same, again, wanted.seed)
    rows = [row for row in _kept() if row[0] != wanted.how] + [tuple(map(str, row))]
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEAD)
        writer.writerows(sorted(rows))
    print(dict(zip(HEAD, row, strict=True)))
    sys.exit(same != len(bytes_found))


def _kept() -> list[tuple[str, ...]]:
    if not RESULTS.exists():
        return []
    with RESULTS.open(encoding="utf-8") as file:
        return [tuple(row) for row in list(csv.reader(file))[1:]]


if __name__ == "__main__":
    main()
