"""Do the tests notice when the code is broken on purpose? Mutation testing of a random sample.

    python -m pip install cosmic-ray coverage              # beside what the tests need
    python sims/validation/mutants.py cover                # which tests run which line
    python sims/validation/mutants.py run --each 50        # breaks one place at a time
    python sims/validation/mutants.py join                 # into results/mutants.csv
    python sims/validation/mutants.py again --each 50      # all tests for those that survived
    python sims/validation/mutants.py anew --rooms results # those that were given fewer tests
    python sims/validation/mutants.py kill MODULE TEST …   # tests written for its survivors
    python sims/validation/mutants.py named                # the mutants that a review found alive
    python sims/validation/mutants.py show                 # what survived, and why

Cosmic-ray's operators (comparisons, arithmetic, numbers, conditions, loops) give every change that
can be made in the rooms ``conduct``, ``participants``, ``results`` and ``running``; annotations,
decorators, imports and assertions are left out. Of each room as many are taken at random, one of
each line and kind of operator. On a copy of the project the tests that run the changed line are
run, the shortest first, until one fails: the mutant is *killed*. Where none does, within so many
seconds of tests, it *survived*, and is either killed by a new test or explained in the column
``why`` of ``results/mutants.csv``, which is kept when the program runs again. A line that no test
of ``TESTED`` runs is *not run*.

``cover`` takes 15 minutes of an idle core and ``run`` 5 to 10 seconds a mutant. Both may be stopped
and go on where they were, several at once (``--part 1/2`` and ``2/2``), also while tests are still
being covered: a mutant that survived is given the tests that are known by then. A larger ``--each``
begins with the same ones. Each mutant is tested in a process of its own, forked when NumPy, SciPy
and pytest have been imported. The code must not change in between; what is found is kept in
``build/mutants``.
"""

from __future__ import annotations

import argparse
import ast
import csv
import importlib
import json
import math
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
ROOMS = ("conduct", "participants", "results", "running")
TESTED = tuple(
    f"tests/{room}"
    for room in ("participants", "results", "conduct", "running", "analysis", "twin", "courses",
                 "endpoints", "recorded")
)  # fmt: skip
TELLING = ("tests/telling", "tests/test_designs.py", "tests/models/test_ties.py",
           "tests/report/test_report_and_design.py")  # fmt: skip
QUICK = "not slow and not reference"
RESULT = Path(__file__).parent / "results" / "mutants.csv"
NAMED_RESULT = RESULT.with_name("mutants_named.csv")
WORK = ROOT / "build" / "mutants"
COLUMNS = ("module", "line", "operator", "was", "is", "outcome", "killed_by", "tests", "why")
WRITTEN = "survived; the test was written for it"
THERE = "survived those that take less time; the test was there"
BUDGET = 20.0  # seconds of tests that one mutant is given
SECONDS = 240  # of a processor, after which a mutant that hangs counts as killed
LEFT_OUT = ("Exception", "Decorator")
IMPORTED = ("numpy", "pandas", "pyarrow.parquet", "pydantic", "pytest", "scipy.stats",
            "scipy.optimize", "joblib", "tomlkit", "rich")  # fmt: skip

# Mutants that survived an earlier review: what is wrong in them, where, and the tests that die.
IN_FORCE = "tests/conduct/test_in_force.py::"
NAMED = (
    (
        "a reversal judged at the threshold of another look",
        "conduct/trial.py",
        "threshold = self.standing.threshold_when_won(position, place, number)[chosen]",
        "threshold = part.threshold_at(self.plan.schedule.number)",
        IN_FORCE + "test_a_success_is_judged_again_at_the_threshold_of_its_own_look",
    ),
    (
        "a calibration confirmed on the seed of its search",
        "running/calibrating/type_one_error.py",
        "number, effort.confirming.seed)",
        "number, effort.searching.seed)",
        "tests/running/test_calibrate.py::"
        "test_a_calibration_is_confirmed_on_trials_that_did_not_choose_its_threshold",
    ),
    (
        "any other calibration confirmed on the seed of its search",
        "running/calibrating/search.py",
        "fresh_seed(self.seed, CALIBRATION, times=2)",
        "fresh_seed(self.seed, CALIBRATION)",
        "tests/running/test_calibrate.py::"
        "test_what_searches_what_confirms_and_what_is_run_are_different_trials",
    ),
    (
        "events declared out of reach while people may still enrol",
        "analysis/real_trial.py",
        "if len(self.participants) < int(self.standing.enrolled[0]):",
        "if len(self.participants) < 0:",
        "tests/analysis/test_analyze.py::"
        "test_counts_of_events_that_can_still_come_leave_a_look_undue",
    ),
    (
        "rules between looks judged in looks that are skipped",
        "conduct/holding.py",
        "self.next_check(date, self.skipped(last))",
        "self.next_check(date, np.zeros_like(last))",
        IN_FORCE + "test_between_looks_nothing_is_judged_for_a_look_that_is_skipped",
    ),
    (
        "paired errors without those of the true values",
        "comparison/measured.py",
        "error = math.hypot(error, first.true.mcse, other.true.mcse)",
        "error = math.hypot(error)",
        "tests/comparison/test_compare.py::"
        "test_paired_errors_hold_those_of_true_values_that_differ",
    ),
    (
        "the error of a hazard ratio without the factor of the jackknife",
        "results/hazard_ratios.py",
        "math.sqrt((len(data) - 1) * float(",
        "math.sqrt(float(",
        "tests/results/test_estimand.py::"
        "test_the_error_of_a_hazard_ratio_is_the_jackknife_over_batches_of_trials",
    ),
    (
        "a burn-in that is met exactly is not over",
        "conduct/holding.py",
        "randomised >= rule.burn_in",
        "randomised > rule.burn_in",
        IN_FORCE + "test_the_burn_in_is_over_at_the_look_that_has_exactly_so_many",
    ),
    (
        "a look that became the last early judged at another look's threshold",
        "conduct/comparison.py",
        "return self.thresholds[max(self.thresholds) if later is None else later]",
        "return self.thresholds[min(self.thresholds) if later is None else later]",
        IN_FORCE + "test_the_threshold_of_a_look_that_is_the_last_because_events_are_out_of_reach",
    ),
)


@dataclass(frozen=True)
class Place:
    """One change at one place of a module."""

    module: str
    operator: str
    occurrence: int
    line: int


# ── places ────────────────────────────────────────────────────────────────────────────────────
def spared(text: str) -> set[int]:
    """Lines that hold annotations, decorators, imports or assertions."""
    found = set[int]()
    for node in ast.walk(ast.parse(text)):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts += node.decorator_list
        if isinstance(node, ast.FunctionDef):
            parts.append(node.returns)
        if isinstance(node, ast.arg | ast.AnnAssign):
            parts.append(node.annotation)
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert):
            parts.append(node)
        for part in parts:
            if part is not None:
                found |= set(range(part.lineno, (part.end_lineno or part.lineno) + 1))
    return found


def places(module: str) -> Iterator[Place]:
    """Every change that the operators make in a module."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    text = (ROOT / module).read_text("utf-8")
    tree, leave = get_ast(text), spared(text)
    for name in sorted(operator_names()):
        kind = get_operator(name)
        if any(word in name for word in LEFT_OUT) or kind.arguments():
            continue
        positions = [at for node in ast_nodes(tree) for at in kind().mutation_positions(node)]
        for occurrence, ((line, _), _) in enumerate(positions):
            if line not in leave:
                yield Place(module, name, occurrence, line)


def places_of(room: str) -> list[Place]:
    """Those of all modules of a room; kept, since to find them takes a minute."""
    paths = sorted((ROOT / "adaptive_cart" / room).rglob("*.py"))
    state = sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]
    kept = WORK / f"places_{room}_{state}.json"
    if not kept.exists():
        found = [place for path in paths for place in places(str(path.relative_to(ROOT)))]
        kept.write_text(json.dumps([astuple(place) for place in found]), "utf-8")
    return [Place(*place) for place in json.loads(kept.read_text("utf-8"))]


def mutated(place: Place) -> str | None:
    """Source of a module with one change; nothing where that is no Python."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    text = (ROOT / place.module).read_text("utf-8")
    new: str | None = mutate_code(text, get_operator(place.operator)(), place.occurrence)
    try:
        ast.parse(new or text)
    except SyntaxError:
        return None
    return new


def sample(each: int, seed: int, rooms: Sequence[str]) -> list[Place]:
    """So many places of each room at random, one change of each line and kind of operator."""
    found = list[list[Place]]()
    for room in rooms:
        kept: dict[tuple[str, int, str], list[Place]] = {}
        for place in places_of(room):
            family = place.operator.split("_")[0]
            kept.setdefault((place.module, place.line, family), []).append(place)
        chance, keys = random.Random(f"{seed} {room}"), sorted(kept)
        chance.shuffle(keys)  # more of them begin with the same ones
        print(f"{room}: {min(each, len(keys))} of {len(keys)} places", flush=True)
        found.append([chance.choice(kept[key]) for key in keys[:each]])
    # one of each room in turn, so that a run that is stopped has as many of each
    return [place for turn in zip_longest(*found) for place in turn if place is not None]


# ── which tests run which line ────────────────────────────────────────────────────────────────
def pytest_runtest_setup(item: Any) -> None:
    """What runs from here on is owed to this test: its fixtures and itself (a hook of pytest)."""
    from coverage import Coverage

    measuring = Coverage.current()
    if measuring is not None:
        measuring.switch_context(f"{item.location[0]}::{item.originalname}")


def cover() -> None:
    """Find which tests run which line, and how long each takes, one folder of tests at a time."""
    WORK.mkdir(parents=True, exist_ok=True)
    rooms = "".join(f"    adaptive_cart/{room}/*\n" for room in ROOMS)
    here = str(Path(__file__).parent)
    for folder in TESTED:
        name = folder.rpartition("/")[2]
        settings = WORK / f"coveragerc_{name}"
        try:
            settings.touch(exist_ok=False)
        except FileExistsError:
            continue  # covered, or being covered by another process
        data, times = WORK / f"begun_{name}", WORK / f"begun_{name}.xml"
        settings.write_text(f"[run]\ndata_file = {data}\ninclude =\n{rooms}", "utf-8")
        subprocess.run(
            [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", "-m", "pytest", "-q",
             "-p", "mutants", "-m", QUICK, f"--junitxml={times}", folder],
            cwd=ROOT, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), here)),
                 "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        times.rename(WORK / f"times_{name}.xml")
        data.rename(WORK / f"coverage_{name}")


def durations() -> dict[str, float]:
    """Seconds of every test that passes, all its cases together."""
    found, failed = dict[str, float](), set[str]()
    for times in WORK.glob("times_*.xml"):
        for case in ElementTree.parse(times).iter("testcase"):
            path = case.get("classname", "").replace(".", "/") + ".py"
            node = f"{path}::{case.get('name', '').split('[')[0]}"
            found[node] = found.get(node, 0.0) + float(case.get("time", "0"))
            if case.find("failure") is not None or case.find("error") is not None:
                failed.add(node)  # whatever is broken, it tells nothing
    return {node: seconds for node, seconds in found.items() if node not in failed}


def covering(budget: float) -> dict[tuple[str, int], list[str]]:
    """By module and line: tests that run it, the shortest first, as many as the budget allows."""
    from coverage.numbits import numbits_to_nums

    seconds = durations()
    lines: dict[tuple[str, int], set[str]] = {}
    query = (
        "select file.path, context.context, numbits from line_bits "
        "join file on file.id = file_id join context on context.id = context_id"
    )
    for data in WORK.glob("coverage_*"):
        for path, node, bits in sqlite3.connect(data).execute(query):
            module = str(Path(path).relative_to(ROOT))
            for line in numbits_to_nums(bits) if node in seconds else ():
                lines.setdefault((module, line), set()).add(node)
    found = {}
    for key, own in lines.items():
        spent, taken = 0.0, []
        for node in sorted(own, key=lambda node: (seconds[node], node)):
            spent += seconds[node]
            if taken and spent > budget:
                break
            taken.append(node)
        found[key] = taken
    return found


# ── breaking and testing ──────────────────────────────────────────────────────────────────────
def copied() -> Path:
    """A copy of the project in which a module may be broken."""
    copy = WORK / f"copy_{os.getpid()}"
    for folder in ("adaptive_cart", "tests", "designs", "docs", "sims"):
        shutil.copytree(
            ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.png")
        )
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, copy / name)
    for name in IMPORTED:
        importlib.import_module(name)
    return copy


def failing(copy: Path, tests: list[str]) -> str:
    """The first of some tests that fails on a copy; nothing where all pass."""
    told = copy / "told.txt"
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)  # whatever the tests start ends with it
        out = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(copy)
        sys.path.insert(0, str(copy))
        sys.dont_write_bytecode = True
        os.environ |= {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        import pytest

        os._exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-m", QUICK, *tests]))
    before = time.monotonic()
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if used(child) > SECONDS or time.monotonic() - before > 30.0 * SECONDS:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "no end"
        time.sleep(0.05)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return ""
    if code < 0:
        return "no memory or a crash"
    lines = told.read_text("utf-8", errors="replace").splitlines()
    named = [line.split(" ")[1] for line in lines if line.startswith(("FAILED ", "ERROR "))]
    if named:
        return named[0]
    if any("while loading conftest" in line for line in lines):
        return "no import"
    raise SystemExit("\n".join(lines[-20:]))


def used(process: int) -> float:
    """Seconds of a processor that a process and those that it waited for have used (Linux)."""
    told = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return sum(map(int, told[11:15])) / os.sysconf("SC_CLK_TCK")


def changed_line(place: Place, new: str) -> tuple[str, str]:
    """The line as it was, and as it is."""
    old = (ROOT / place.module).read_text("utf-8").splitlines()
    for was, now in zip(old, new.splitlines(), strict=False):
        if was != now:
            return was.strip(), now.strip()
    return old[place.line - 1].strip(), ""


def rows_of(path: Path) -> list[dict[str, Any]]:
    """What is kept in a file, if there is one."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def key_of(row: dict[str, Any]) -> tuple[str, str, str]:
    """The module and the change of a row."""
    return row["module"], row["was"], row["is"]


def explained() -> dict[tuple[str, str, str], str]:
    """What is said of survivors of earlier runs, by module and change."""
    return {key_of(row): row["why"] for row in rows_of(RESULT) if row["why"]}


def written(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """Keep what was found so far."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def tried(row: dict[str, Any]) -> float:
    """How many tests a mutant was given; there are no more for one that was killed."""
    return math.inf if row["outcome"] == "killed" else int(row["tests"])


def done(key: tuple[str, str, str]) -> float:
    """How many tests a mutant was given so far, by any run."""
    rows = (row for part in WORK.glob("part_*.csv") for row in rows_of(part))
    return max((tried(row) for row in rows if key_of(row) == key), default=-1)


def run(each: int, seed: int, part: str, rooms: Sequence[str]) -> None:
    """Break one place at a time, and keep what became of it."""
    index, of = map(int, part.split("/"))
    path = WORK / f"part_{index}.csv"
    known, why, copy = covering(BUDGET), explained(), copied()
    rows = rows_of(path)
    chosen, began = sample(each, seed, rooms), time.monotonic()
    sound = [tests[0] for place in chosen if (tests := known.get((place.module, place.line)))]
    if broken := failing(copy, sound[:10]):
        raise SystemExit(f"{broken} fails, and nothing is broken yet")
    for number, place in enumerate(chosen):
        new = mutated(place)
        if new is None or number % of != index - 1:
            continue
        was, now = changed_line(place, new)
        module = place.module.removeprefix("adaptive_cart/")
        tests, file = known.get((place.module, place.line), []), copy / place.module
        if len(tests) <= done((module, was, now)):
            continue  # by a run that was stopped; those alive are done again with more tests
        file.write_text(new, "utf-8")
        killed = failing(copy, tests) if tests else ""
        shutil.copy(ROOT / place.module, file)
        outcome = "killed" if killed else "survived" if tests else "not run"
        rows = [row for row in rows if key_of(row) != (module, was, now)]
        rows.append({
            "module": module, "line": place.line, "was": was, "is": now, "outcome": outcome,
            "operator": place.operator.removeprefix("core/"), "killed_by": killed,
            "tests": len(tests), "why": why.get((module, was, now), ""),
        })  # fmt: skip
        written(path, COLUMNS, rows)
        if outcome != "killed" or len(rows) % 10 == 0:
            print(f"{len(rows)}, {time.monotonic() - began:.0f} s: {outcome} {module}:{place.line}",
                  flush=True)  # fmt: skip
    shutil.rmtree(copy)


def again(each: int, seed: int, rooms: Sequence[str]) -> None:
    """Give all tests that run the line, and those of what is told, to mutants that survived."""
    known, copy = covering(math.inf), copied()
    rows = rows_of(RESULT)
    left = {key_of(row): row for row in rows if not row["killed_by"]}
    for place in sample(each, seed, rooms):
        new = mutated(place)
        key = (place.module.removeprefix("adaptive_cart/"), *changed_line(place, new or ""))
        if new is None or key not in left:
            continue
        tests, file = known.get((place.module, place.line), []), copy / place.module
        file.write_text(new, "utf-8")
        killed = failing(copy, [*tests, *TELLING])
        shutil.copy(ROOT / place.module, file)
        if killed:
            left[key] |= {"outcome": "killed", "killed_by": killed}
        print(f"{killed or 'survived'}: {key}", flush=True)
        written(RESULT, COLUMNS, rows)
    shutil.rmtree(copy)


def joined() -> None:
    """Put what has been found so far into one file; what was found earlier stays while it can.

    A row of an earlier run stays as long as its line stands in the module. One that is to be done
    again, since more tests are known to run its line than it was given, is left out till then.
    """
    known, best = covering(BUDGET), dict[tuple[str, str, str], dict[str, Any]]()
    for row in rows_of(RESULT):
        if line := standing(row):
            best[key_of(row)] = row | {"line": line}
    for path in sorted(WORK.glob("part_*.csv")):
        for row in rows_of(path):
            at = f"adaptive_cart/{row['module']}", int(row["line"])
            if tried(row) < len(known.get(at, [])):
                continue
            if key_of(row) not in best or tried(row) > tried(best[key_of(row)]):
                best[key_of(row)] = row
    rows = sorted(best.values(), key=lambda row: (row["module"], int(row["line"]), row["is"]))
    written(RESULT, COLUMNS, rows)


def standing(row: dict[str, Any]) -> int:
    """Where the line of a row stands now, the nearest to where it stood; 0 for nowhere."""
    path = ROOT / "adaptive_cart" / row["module"]
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    found = [at for at, line in enumerate(lines, start=1) if line.strip() == row["was"]]
    return min(found, key=lambda at: abs(at - int(row["line"])), default=0)


@contextmanager
def broken(copy: Path, row: dict[str, Any]) -> Iterator[None]:
    """A copy in which the change of a row is made, as long as it is needed."""
    file = copy / "adaptive_cart" / row["module"]
    text = file.read_text("utf-8")
    lines = text.splitlines(keepends=True)
    at = standing(row) - 1
    lines[at] = lines[at].replace(row["was"], row["is"])
    file.write_text("".join(lines), "utf-8")
    try:
        yield
    finally:
        file.write_text(text, "utf-8")


def kill(module: str, tests: list[str], why: str) -> None:
    """Give tests to survivors of a module: those written for them, or others that were there."""
    copy, rows = copied(), rows_of(RESULT)
    for row in rows:
        if row["outcome"] == "killed" or row["module"] != module:
            continue
        with broken(copy, row):
            killed = failing(copy, tests)
        if killed:
            row |= {"outcome": "killed", "killed_by": killed, "why": why}
        print(f"{killed or 'survived'}: {key_of(row)}", flush=True)
        written(RESULT, COLUMNS, rows)
    shutil.rmtree(copy)


def anew(rooms: Sequence[str]) -> None:
    """Judge rows again that were given fewer tests than are known to run their line.

    Where something is said of a row, its own test comes last, so that it is seen whether another
    would have noticed; what is said stays as long as none does.
    """
    known, copy, rows = covering(BUDGET), copied(), rows_of(RESULT)
    for row in rows:
        at = standing(row)
        tests = known.get((f"adaptive_cart/{row['module']}", at), [])
        if row["module"].split("/")[0] not in rooms or not at or len(tests) <= int(row["tests"]):
            continue
        own = row["killed_by"].split("[")[0]
        others = [test for test in tests if not row["why"] or test != own]
        with broken(copy, row):
            killed = failing(copy, others) if others else ""
            alone = "" if killed or not own else failing(copy, [own])
        if killed:
            row |= {"outcome": "killed", "killed_by": killed, "why": ""}
        elif alone:
            row |= {"outcome": "killed", "killed_by": alone}
        else:
            row |= {"outcome": "survived" if tests else "not run", "killed_by": ""}
        row |= {"line": at, "tests": len(tests)}
        print(f"{killed or alone or 'survived'}: {key_of(row)}", flush=True)
        written(RESULT, COLUMNS, rows)
    shutil.rmtree(copy)


def named() -> None:
    """Break what a review had found unguarded, and name the test that fails."""
    copy, rows = copied(), list[dict[str, Any]]()
    for wrong, module, was, now, tests in NAMED:
        file = copy / "adaptive_cart" / module
        text = file.read_text("utf-8")
        if text.count(was) != 1:
            raise SystemExit(f"{module}: {was!r} stands there {text.count(was)} times, not once")
        file.write_text(text.replace(was, now), "utf-8")
        killed = failing(copy, [tests])
        file.write_text(text, "utf-8")
        rows.append({"wrong": wrong, "module": module, "killed_by": killed or "no test"})
        print(f"{wrong}: {killed or 'SURVIVED'}", flush=True)
        written(NAMED_RESULT, ("wrong", "module", "killed_by"), rows)
    shutil.rmtree(copy)


def show() -> None:
    """Print how many were killed, and every other."""
    rows = rows_of(RESULT)
    for name in ("killed", "survived", "not run"):
        print(name, sum(row["outcome"] == name for row in rows), "of", len(rows))
    for row in rows:
        if row["outcome"] != "killed":
            print(f"\n{row['module']}:{row['line']} {row['operator']} ({row['outcome']})")
            print(f"  - {row['was']}\n  + {row['is']}\n  {row['why']}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "what", choices=["cover", "run", "join", "again", "anew", "kill", "named", "show"]
    )
    parser.add_argument("tests", nargs="*", help="of kill: a module, and tests")
    parser.add_argument("--each", type=int, default=50, help="mutants of each room")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rooms", nargs="+", choices=ROOMS, default=ROOMS, help="some of them")
    parser.add_argument(
        "--part", default="1/1", help="every second one: 1/2 and 2/2; all are joined"
    )
    parser.add_argument("--there", action="store_true", help="of kill: the tests are older")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    if asked.what == "cover":
        cover()
    elif asked.what == "run":
        run(asked.each, asked.seed, asked.part, asked.rooms)
    elif asked.what == "join":
        joined()
    elif asked.what == "again":
        again(asked.each, asked.seed, asked.rooms)
    elif asked.what == "anew":
        anew(asked.rooms)
    elif asked.what == "kill":
        kill(*asked.tests[:1], asked.tests[1:], THERE if asked.there else WRITTEN)
    elif asked.what == "named":
        named()
    else:
        show()
