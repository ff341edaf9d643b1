"""Thousands of designs and tables that are meant to hurt: none ends in a traceback or hangs.

    python sims/robustness/fuzz.py designs --number 20000
    python sims/robustness/fuzz.py tables --number 5000
    python sims/robustness/fuzz.py places

The strategies are those of ``tests/hostile``: a shipped design or template with one to four of its
places changed, and a simulated trial's table with cells, columns, separators and encodings changed.
``places`` draws nothing: each place of each shipped design is given each of a few values that are
wrong nearly everywhere, and the design is told and not run. What must hold: it is refused in clear
lines, or told by `check` within the seconds of a processor that ``tests/hostile/held.py`` allows
and run for 20 trials (a table: analysed). What fails is made as small as it can be and printed. The
whole has 4 GB of addresses, so that what would take more memory fails too. Writes a row to
``fuzz.csv``, renewed after every piece of 250; a row of the same name is replaced, and gone on with
where its seed is the same and fewer have been tried. How long ``check`` took, in seconds of a
processor, is measured without the loading of what it needs: every piece begins with a check that
does not count.
"""

from __future__ import annotations

import argparse
import collections
import csv
import resource
import sys
import time
import tomllib
import traceback
import warnings
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from adaptive_cart.design.design import Design
from adaptive_cart.design.file import load_design
from adaptive_cart.results.estimand import SobolLatents
from adaptive_cart.running import run
from adaptive_cart.telling.walkthrough import example
from hostile import held
from hostile.designs import DESIGNS, broken_texts, designs, places, spoilt, starting
from hostile.held import design_holds, table_holds
from hostile.tables import tables

RESULTS = HERE / "fuzz.csv"
HEAD = (
    "what",
    "pieces",
    "number",
    "refused",
    "run_refused",
    "ran_or_analysed",
    "failed",
    "seed",
    "megabytes",
    "checks_beyond_a_second",
    "slowest_check",
)
MOST_MEMORY = 4 * 2**30  # bytes of addresses; whatever asks for more fails
WITH_ALL_KEYS = "all_keys"  # a template that no design is made of
WRONG: tuple[Any, ...] = ("nothing like it", {}, [], -1, 1e308, 1e-300)
PIECE = 250  # examples of one seed
WORDS = {"refused": "refused", "run_refused": "run refused", "ran_or_analysed": "ran"}  # of a row
CHECK_SECONDS = 1.0
POINTS = 2**8  # of true values, which are not what is tried here
TABLES_OF = ("hello.toml", "sle_autologous_visits.toml", "myasthenia_scores.toml",
             "lupus_in_vivo_redosing.toml", "basket_diseases.toml")  # fmt: skip


_checked = held.checked
seconds_of_checks: list[float] = []  # of the piece that is tried


def settings_of(number: int) -> settings:
    """How many are tried, each made small where it fails."""
    return settings(
        max_examples=number, deadline=None, database=None, print_blob=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink), report_multiple_bugs=True,
    )  # fmt: skip


def tried(what: str, number: int, first_seed: int) -> int:
    """Tries, goes on where a call with this seed ended, and says how many pieces failed."""
    done, found, failed, megabytes = kept(what, first_seed)
    long, slowest = _kept_seconds(what, first_seed)
    for piece in range(done, -(-number // PIECE)):
        many = min(PIECE, number - piece * PIECE)
        began = time.monotonic()
        held.checked(DESIGNS / "sle_autologous.toml")
        seconds_of_checks.clear()
        try:
            _piece(what, many, first_seed + piece, piece, found)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            failed += 1
            traceback.print_exc()
        long += sum(seconds > CHECK_SECONDS for seconds in seconds_of_checks)
        slowest = max(slowest, *seconds_of_checks, 0.0)
        print(f"{what}: {(piece + 1) * PIECE:,}, {dict(found)}, {failed} pieces failed, "
              f"{long} checks beyond a second, {slowest:.2f} s the slowest, "
              f"{time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
        megabytes = write(what, piece + 1, found, failed, first_seed, megabytes, long, slowest)
    return failed


def _piece(
    what: str, many: int, one_seed: int, piece: int, found: collections.Counter[str]
) -> None:
    if what == "tables":
        design = load_design(DESIGNS / TABLES_OF[piece % len(TABLES_OF)])
        text = example(design, trial=piece).participants_csv()

        @seed(one_seed)
        @settings_of(many)
        @given(tables(text))
        def try_table(raw: bytes) -> None:
            found[table_holds(raw, design)] += 1

        try_table()
        return

    @seed(one_seed)
    @settings_of(many)
    @given(st.one_of(*[designs()] * 9, broken_texts()))
    def try_design(raw: bytes | str) -> None:
        found[design_holds(raw)] += 1

    try_design()


def tried_places() -> tuple[collections.Counter[str], int]:
    """What became of every place of every shipped design, and how many failed."""
    found: collections.Counter[str] = collections.Counter()
    failed = 0
    for name, text in starting():
        if not name.endswith(".toml") and name != WITH_ALL_KEYS:
            continue  # the template of a design that is tried
        for place in places(tomllib.loads(text)):
            for value in WRONG:
                try:
                    found[design_holds(spoilt(text, place, value), run=False)] += 1
                except Exception:
                    failed += 1
                    print(f"{name}, {place}, {value!r}")
                    traceback.print_exc()
        print(f"places: {name}, {dict(found)}, {failed} failed", flush=True)
    return found, failed


def rows() -> dict[str, dict[str, str]]:
    """What is kept, a row a name."""
    if not RESULTS.exists():
        return {}
    with RESULTS.open(encoding="utf-8") as file:
        return {row["what"]: row for row in csv.DictReader(file)}


def kept(what: str, seed: int) -> tuple[int, collections.Counter[str], int, int]:
    """Of an earlier call with this seed: pieces, what became of them, failures, memory."""
    row = rows().get(what)
    if row is None or row["seed"] != str(seed):
        return 0, collections.Counter(), 0, 0
    found = collections.Counter(
        {WORDS[how]: int(row[how]) for how in ("refused", "run_refused", "ran_or_analysed")}
    )
    return int(row["pieces"]), found, int(row["failed"]), int(row["megabytes"])


def _kept_seconds(what: str, seed: int) -> tuple[int, float]:
    """How many checks took long, and the longest."""
    row = rows().get(what, {})
    if row.get("seed") != str(seed):
        return 0, 0.0
    return int(row["checks_beyond_a_second"] or 0), float(row["slowest_check"] or 0.0)


def _timed(path: Path) -> Design | None:
    """A design as ``check`` reads it, and how long that took."""
    began = time.process_time()
    try:
        return _checked(path)
    finally:
        seconds_of_checks.append(time.process_time() - began)


def write(
    what: str, pieces: int, found: collections.Counter[str], failed: int, seed: int, megabytes: int,
    long: int = 0, slowest: float = 0.0,
) -> int:  # fmt: skip
    """Renews the row, and gives the largest memory that any call needed."""
    megabytes = max(megabytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    went_well = sum(found[how] for how in ("ran", "analysed", "accepted"))
    row = (what, pieces, sum(found.values()), found["refused"], found["run refused"],
           went_well, failed, seed, megabytes, long, f"{slowest:.2f}")  # fmt: skip
    renewed = {**rows(), what: dict(zip(HEAD, map(str, row), strict=True))}
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEAD, lineterminator="\n")
        writer.writeheader()
        writer.writerows(renewed[name] for name in sorted(renewed))
    return megabytes


def main() -> None:
    """Try, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["designs", "tables", "places"])
    parser.add_argument("--number", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    warnings.simplefilter("error")  # nobody has asked for them
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    run.SobolLatents = lambda: SobolLatents(points=POINTS)
    held.checked = _timed
    if wanted.what == "places":
        found, failed = tried_places()
        write(wanted.what, 1, found, failed, wanted.seed, 0)
    else:
        failed = tried(wanted.what, wanted.number, wanted.seed)
    print(rows()[wanted.what])
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
