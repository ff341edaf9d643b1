"""A run gives the same bytes however it is cut, interrupted, extended or spread over processes."""

from __future__ import annotations

import errno
import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import adaptive_cart
from adaptive_cart.conduct import trial as trial_module
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of, load_design
from adaptive_cart.errors import DesignError, EngineError, InputError, ResultsError, RunError
from adaptive_cart.results import store as store_module
from adaptive_cart.results.percentages import with_interval
from adaptive_cart.results.result import Result
from adaptive_cart.results.store import LOOKS, MEASURES, TRIALS, Store
from adaptive_cart.running import forked as forked_module
from adaptive_cart.running import run as run_module
from adaptive_cart.running import stretches as stretches_module
from adaptive_cart.running import workers as workers_module
from adaptive_cart.running.run import simulate
from adaptive_cart.running.stretches import trials_for

PACKAGE = Path(adaptive_cart.__file__).parent.parent
TEXT = """
name = "small"
[arms.soc]
control = true
[arms.cart]
product = "autologous"
allocation = 2
[endpoints.dfr]
type = "landmark"
month = 3
[enrolment]
max_n = 30
per_month = 5
[looks]
observed = [12, 21, 30]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
at_least = 0.95
[[rules]]
name = "futility"
then = "declare_futility"
predictive = { rule = "efficacy" }
below = 0.05
looks = [1, 2]
[scenarios.null]
dfr = { soc = 0.2, cart = 0.2 }
[scenarios.expected]
dfr = { soc = 0.2, cart = 0.5 }
[simulation]
seed = 4
"""
TABLES = (TRIALS, LOOKS, MEASURES)


def designed(text: str = TEXT) -> Design:
    return Design(**tomllib.loads(text))


DESIGN = designed()


def drawn(folder: Path, trials: int, **how: Any) -> Result:
    """Run the simulating engine in one process, in blocks of 16 trials."""
    how = {"engine": "simulate", "jobs": 1, "block": 16} | how
    if "design" not in how:
        how = {"design_text": TEXT} | how
    return simulate(how.pop("design", DESIGN), trials=trials, out=folder, **how)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in TABLES}


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its bytes and when it was written."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def is_tidy(folder: Path) -> bool:
    names = {"manifest.json", "design.toml", "boundaries.csv", "stopping_counts.csv", *TABLES}
    return {str(path.relative_to(folder)) for path in folder.rglob("[!.]*")} == names


@pytest.fixture
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches_module, "STRETCH", 32)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], dict[str, bytes]]:
    """Tables of an uninterrupted run of so many trials, in one process."""
    kept: dict[int, dict[str, bytes]] = {}

    def run(trials: int) -> dict[str, bytes]:
        if trials not in kept:
            folder = tmp_path_factory.mktemp("straight")
            drawn(folder, trials, block=None)
            assert is_tidy(folder)
            kept[trials] = contents(folder)
        return kept[trials]

    return run


# ── the same to the last bit ──────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("block", [1, 7, 64])
def test_any_block_size(tmp_path, straight, block):
    drawn(tmp_path, 70, block=block)
    assert contents(tmp_path) == straight(70)


def test_any_number_of_jobs(tmp_path, straight, monkeypatch, short_stretches):
    monkeypatch.setattr(workers_module, "WORTH", 0.0)
    seen: list[int] = []
    monkeypatch.setattr(workers_module, "_over_processes", recorded(seen))
    drawn(tmp_path, 150, jobs=2)
    assert seen == [2, 2]  # the trials; the tables and what is read off
    assert contents(tmp_path) == straight(150)


@pytest.mark.slow
def test_any_number_of_jobs_that_are_started_anew(tmp_path, straight, monkeypatch, short_stretches):
    monkeypatch.setattr(workers_module, "WORTH", 0.0)
    monkeypatch.setattr(workers_module, "can_be_copied", lambda: False)
    drawn(tmp_path, 150, jobs=2)
    assert contents(tmp_path) == straight(150)


def recorded(seen: list[int]) -> Callable[..., None]:
    original = workers_module._over_processes

    def over_processes(work: Any, items: Any, jobs: int, kept: str) -> Any:
        seen.append(jobs)
        return original(work, items, jobs, kept)

    return over_processes


def test_a_short_run_starts_no_processes(tmp_path, straight, monkeypatch):
    seen: list[int] = []
    monkeypatch.setattr(workers_module, "_over_processes", recorded(seen))
    drawn(tmp_path, 70, jobs=8)
    assert seen == []
    assert contents(tmp_path) == straight(70)


@pytest.mark.parametrize(
    "counts", [(200, 400), (1, 2, 3, 70), (37, 64, 65, 300), (300, 300), (33, 70)]
)
def test_a_longer_run_extends_a_shorter_one(tmp_path, straight, short_stretches, counts):
    for trials in counts:
        result = drawn(tmp_path, trials, block=32 if trials < 200 else 100)
        assert result.manifest["trials"] == {"null": trials, "expected": trials}
    assert contents(tmp_path) == straight(counts[-1])
    assert is_tidy(tmp_path)


@pytest.mark.parametrize(
    "steps",
    [
        [(["null"], 70), (["expected"], 70)],
        [(["expected"], 70), (["null"], 33), (["null"], 70)],
        [(["null"], 40), (None, 70)],
        [(["expected", "null", "null"], 70)],
    ],
)
def test_scenarios_one_by_one_or_together(tmp_path, straight, short_stretches, steps):
    for scenarios, trials in steps:
        drawn(tmp_path, trials, scenarios=scenarios)
    assert contents(tmp_path) == straight(70)


def test_exact_scenarios_one_by_one_or_together(tmp_path):
    simulate(DESIGN, out=tmp_path / "together")
    for name in ("expected", "null"):
        simulate(DESIGN, out=tmp_path / "each", scenarios=[name])
    for name in (MEASURES, "boundaries.csv"):
        assert (tmp_path / "each" / name).read_bytes() == (
            tmp_path / "together" / name
        ).read_bytes()
    told = json.loads((tmp_path / "each" / "manifest.json").read_text())
    assert told["engine"] == "exact"
    assert told["trials"] == {"null": 0, "expected": 0}


def test_a_trial_is_the_same_alone(tmp_path):
    frame = drawn(tmp_path, 70).trials
    again = drawn(tmp_path / "b", 71).trials
    for scenario in ("null", "expected"):
        mine = frame[frame["scenario"] == scenario].set_index("trial")
        longer = again[again["scenario"] == scenario].set_index("trial")
        pd.testing.assert_frame_equal(mine, longer.loc[:69])


@pytest.mark.parametrize("row_group", [5, 64])
def test_row_groups_do_not_matter(tmp_path, straight, monkeypatch, row_group):
    whole = straight(70)
    monkeypatch.setattr(store_module, "ROW_GROUP", row_group)
    drawn(tmp_path, 70)
    assert (tmp_path / MEASURES).read_bytes() == whole[MEASURES]
    assert pq.ParquetFile(tmp_path / TRIALS).num_row_groups == 2 * -(-70 // row_group)


# ── killed ────────────────────────────────────────────────────────────────────────────────────
def redone(folder: Path, trials: int, **how: Any) -> Result:
    """Run in two stretches where there are more than 64 trials to run."""
    return drawn(folder, trials, **{"block": 64} | how)


class Killed(BaseException):
    """The process is no more: nothing is cleaned up."""


class Killer:
    """Ends a run just before its n-th change to the folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = -1
        for name in ("replace", "unlink", "rmdir", "rename"):
            monkeypatch.setattr(Path, name, self._counted(getattr(Path, name)))

    def _counted(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def counted(path: Path, *arguments: Any, **keywords: Any) -> Any:
            if self.left == 0:
                raise OSError("a process that is dead changes nothing")
            if self.left > 0 and Path(path).exists():
                self.left -= 1
                if self.left == 0:
                    raise Killed
            return original(path, *arguments, **keywords)

        return counted

    def kill(self, at: int, what: Callable[[], Any]) -> bool:
        """Run something and kill it; returns whether there was still something to kill."""
        self.left = at
        try:
            what()
        except Killed:
            return True
        finally:
            self.left = -1
        return False

    def every_time(
        self, folder: Path, what: Callable[[Path], Any], steps: int = 1
    ) -> Iterator[Path]:
        """Folders that a run leaves when it is killed before its first, second, … change.

        With ``steps`` only before every so-many-th.
        """
        start = folder / "start"
        for at in range(1, 200, steps):
            killed = folder / f"killed before change {at}"
            if start.exists():
                shutil.copytree(start, killed)
            if not self.kill(at, lambda killed=killed: what(killed)):
                assert at > 17  # parts, tables, manifests, texts, and the tidying
                return
            yield killed
            shutil.rmtree(killed)
        raise AssertionError("a run never came to its end")


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Killer:
    monkeypatch.setattr(stretches_module, "STRETCH", 64)
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # no machine loses its power here
    return Killer(monkeypatch)


@pytest.mark.parametrize("steps", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_before_every_change(tmp_path, straight, killer, steps):
    for folder in killer.every_time(tmp_path, lambda folder: redone(folder, 70), steps):
        redone(folder, 70)
        assert contents(folder) == straight(70), folder
        assert is_tidy(folder), folder


@pytest.mark.parametrize(
    "wanted", [pytest.param(wanted, marks=pytest.mark.slow) for wanted in (20, 40, 64)]
)
def test_killed_while_extending_and_then_asked_for_another_number(
    tmp_path, straight, killer, wanted
):
    redone(tmp_path / "start", 20)
    for folder in killer.every_time(tmp_path, lambda folder: redone(folder, 50)):
        held = json.loads((folder / "manifest.json").read_text())["trials"]["null"]
        if wanted < held:
            with pytest.raises(ResultsError, match=f"holds {held} trials of 'null'"):
                redone(folder, wanted)
        else:
            redone(folder, wanted)
            assert contents(folder) == straight(wanted), folder
            assert is_tidy(folder), folder


@pytest.mark.slow
def test_killed_while_replacing(tmp_path, straight, killer):
    redone(tmp_path / "start", 40, seed=99)
    for folder in killer.every_time(tmp_path, lambda folder: redone(folder, 50, restart=True)):
        try:
            redone(folder, 50)  # as one would type it again, forgetting --restart
        except ResultsError as error:
            assert "--restart" in str(error)  # noqa: PT017
            redone(folder, 50, restart=True)
        assert contents(folder) == straight(50), folder
        assert is_tidy(folder), (folder, sorted(folder.rglob("*")))


def test_killed_again_and_again(tmp_path, straight, killer):
    for at in (3, 1, 4, 2, 9, 1, 3):
        assert killer.kill(at, lambda: redone(tmp_path, 70))
    assert killer.kill(5, lambda: redone(tmp_path, 100))
    redone(tmp_path, 70)
    redone(tmp_path, 100)
    assert contents(tmp_path) == straight(100)


def test_parts_of_a_killed_run_are_used(tmp_path, straight, killer):
    said: list[str] = []
    assert killer.kill(13, lambda: redone(tmp_path, 70))  # after manifest, design and six parts
    redone(tmp_path, 70, tell=said.append)
    assert "134 of 140 trials were there already" in said
    assert contents(tmp_path) == straight(70)


def test_damaged_and_foreign_parts_are_run_again(tmp_path, straight, killer):
    said: list[str] = []
    assert killer.kill(15, lambda: redone(tmp_path, 70))
    parts = sorted(tmp_path.glob("parts/*/*.parquet"))
    assert len(parts) == 8
    for path in parts[:5:2]:
        path.write_bytes(path.read_bytes()[:-20])
    parts[1].with_name("000-0000000000-0000000070.looks.parquet").write_bytes(b"PAR1")
    parts[1].with_name("notes.txt").write_text("x")
    parts[1].with_name("x.looks.parquet.0123456789ab.tmp").write_text("x")
    redone(tmp_path, 70, tell=said.append)
    assert "4 damaged stretches of an earlier run are run again" in said
    assert contents(tmp_path) == straight(70)
    others = sorted(path.name for path in parts[0].parent.iterdir())
    assert others == ["notes.txt", "x.looks.parquet.0123456789ab.tmp"]  # left to whoever put them


@pytest.mark.parametrize("jobs", [1, 2])
def test_damaged_pages_of_parts_are_run_again_by_the_same_command(tmp_path, straight, killer, jobs):
    assert killer.kill(15, lambda: redone(tmp_path, 70))
    paths = sorted(tmp_path.glob("parts/*/*.parquet"))
    for path in (paths[1], paths[2], paths[4]):  # of three stretches of four
        content = bytearray(path.read_bytes())
        content[len(content) // 4] ^= 1  # the footer is sound
        path.write_bytes(content)
    said: list[str] = []
    redone(tmp_path, 70, jobs=jobs, tell=said.append)
    assert sum("is damaged" in words and "run again" in words for words in said) == 1
    assert contents(tmp_path) == straight(70)
    assert is_tidy(tmp_path)


def test_a_part_that_vanishes_is_no_reason_for_a_short_table(tmp_path, straight, monkeypatch):
    original = stretches_module.Parts.write

    def elsewhere(self: Any, stretch: Any, *tables: Any) -> None:
        if stretch.start == 0:
            return  # written to a disk that only the worker has
        original(self, stretch, *tables)

    monkeypatch.setattr(stretches_module, "STRETCH", 32)
    monkeypatch.setattr(stretches_module.Parts, "write", elsewhere)
    with pytest.raises(RunError, match="is it a folder that all of them share"):
        drawn(tmp_path, 70)
    monkeypatch.setattr(stretches_module.Parts, "write", original)
    drawn(tmp_path, 70)
    assert contents(tmp_path) == straight(70)


# ── what is there ─────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def complete(tmp_path: Path) -> Path:
    folder = tmp_path / "complete"
    drawn(folder, 40)
    return folder


OTHER = TEXT.replace("at_least = 0.95", "at_least = 0.96")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"design": designed(OTHER)}, "results of another run: design"),
        ({"seed": 5}, "seed 4 there, 5 now"),
        ({"engine": "exact"}, "engine simulate there, exact now"),
        ({"trials": 39}, "holds 40 trials of 'null', more than the 39 asked for"),
    ],
)
def test_another_run_is_refused_and_nothing_touched(complete, how, words):
    before = everything(complete)
    how = {"trials": 50} | how
    with pytest.raises(ResultsError, match=words) as caught:
        drawn(complete, how.pop("trials"), **how)
    assert caught.value.exit_status == 2
    assert everything(complete) == before
    assert is_tidy(complete)


def test_another_version_is_refused(complete, monkeypatch):
    before = everything(complete)
    monkeypatch.setattr(run_module, "version", lambda: "99.0")
    with pytest.raises(ResultsError, match=r"version .* there, 99\.0 now"):
        drawn(complete, 50)
    assert everything(complete) == before


def test_names_and_comments_make_no_other_design(complete):
    same = designed(TEXT.replace('name = "small"', 'name = "renamed"\ndescription = "x"'))
    drawn(complete, 50, design=same)


@pytest.mark.parametrize("how", [{"design": designed(OTHER)}, {"seed": 5}, {"engine": "exact"}])
def test_restart_replaces(complete, tmp_path, how):
    drawn(complete, 50, restart=True, **how)
    drawn(tmp_path / "fresh", 50, **how)
    names = [name for name in TABLES if (tmp_path / "fresh" / name).exists()]
    for name in [*names, "design.toml"]:
        assert (complete / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()
    assert sorted(os.listdir(complete)) == sorted(os.listdir(tmp_path / "fresh"))


def test_wrong_input_does_not_clear_the_folder(complete, monkeypatch):
    before = everything(complete)
    wrong: list[dict[str, Any]] = [
        {"scenarios": ["nul"]},
        {"jobs": 0},
        {"seed": -1},
        {"mcse": 0.7},
        {"scheduler": "tcp://nowhere:1"},
        {"backend": "spark"},
    ]
    for how in wrong:
        with pytest.raises(InputError):
            drawn(complete, 50, restart=True, **how)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match="pip install dask distributed"):
        drawn(complete, 50, restart=True, backend="dask")
    with pytest.raises(DesignError, match=r"(?s)--trials: found 0.*--seed: found -1"):
        drawn(complete, 0, restart=True, seed=-1)
    varying = designed(TEXT.replace("observed = [", "enrolled = ["))
    with pytest.raises(EngineError, match="the exact engine is not valid for this design"):
        drawn(complete, 50, restart=True, engine="exact", design=varying)
    assert everything(complete) == before


@pytest.mark.parametrize("name", [TRIALS, LOOKS])
@pytest.mark.parametrize("damage", ["cut", "changed", "missing", "swapped"])
def test_damaged_tables_are_not_used(complete, tmp_path, name, damage):
    path = complete / name
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[:-9])
    elif damage == "changed":
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    elif damage == "missing":
        path.unlink()
    else:
        drawn(tmp_path / "shorter", 39)
        shutil.copy(tmp_path / "shorter" / name, path)
    before = everything(complete)
    with pytest.raises(ResultsError, match=rf"{name}: .*--restart") as caught:
        drawn(complete, 50)
    assert caught.value.exit_status == 2
    result = Result(DESIGN, complete)
    for read in ("trials", "looks", "operating_characteristics", "manifest"):
        with pytest.raises(ResultsError, match=name):
            getattr(result, read)
    assert everything(complete) == before
    drawn(complete, 50, restart=True)


def test_results_of_a_run_that_is_not_finished_are_not_shown(complete):
    path = complete / "manifest.json"
    path.write_text(path.read_text().replace('"complete"', '"running"'))
    with pytest.raises(ResultsError, match="the run is not finished"):
        assert Result(DESIGN, complete).operating_characteristics is None
    with pytest.raises(ResultsError, match="no results here"):
        assert Result(DESIGN, complete / "none").trials is None


def test_two_runs_at_once_are_refused(complete):
    words = "another run is writing there"
    with Store(complete).locked(), pytest.raises(ResultsError, match=words):
        drawn(complete, 50)


def test_the_design_lies_beside_its_results(tmp_path):
    drawn(tmp_path, 10)
    assert digest_of(load_design(tmp_path / "design.toml")) == digest_of(DESIGN)
    drawn(tmp_path, 20, design_text="# my comment\n" + TEXT)
    assert (tmp_path / "design.toml").read_text() == "# my comment\n" + TEXT


# ── a disk that fails ─────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "at",
    [at if at in (0, 3, 7, 11) else pytest.param(at, marks=pytest.mark.slow) for at in range(12)],
)
def test_a_full_disk(complete, straight, monkeypatch, short_stretches, at):
    before, goal = contents(complete), straight(70)
    count = [at]
    original = os.fsync

    def fsync(handle: int) -> None:
        count[0] -= 1
        if count[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(RunError, match="No space left on device") as caught:
        drawn(complete, 70)
    assert caught.value.exit_status == 1
    assert "the same command goes on from there" in str(caught.value)
    for name in (TRIALS, LOOKS):  # as they were or as they will be, and readable
        pq.read_table(complete / name)
        assert (complete / name).read_bytes() in (before[name], goal[name])
    assert not list(complete.rglob("*.tmp"))
    monkeypatch.setattr(os, "fsync", original)
    drawn(complete, 70)
    assert contents(complete) == goal


def test_until_the_tables_are_replaced_the_old_results_stay(complete, monkeypatch):
    def full(*arguments: Any, **keywords: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(RunError, match="No space left on device"):
        drawn(complete, 70)
    result = Result(DESIGN, complete)
    assert len(result.trials) == 80
    assert result.figure("null", "success").n == 40


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(complete):
    complete.chmod(0o500)
    try:
        with pytest.raises(RunError, match="Permission denied"):
            drawn(complete, 70)
    finally:
        complete.chmod(0o700)
    assert len(Result(DESIGN, complete).trials) == 80


def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch):
    def forbidden(*arguments: Any, **keywords: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(RunError, match="out: cannot be made: Permission denied"):
        drawn(tmp_path / "out", 10)


# ── as sure as wanted ─────────────────────────────────────────────────────────────────────────
def test_until_every_success_probability_is_as_sure_as_wanted(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "ROUNDED", 50)
    target = 0.03
    result = drawn(tmp_path / "a", 20, mcse=target)
    held = result.manifest["trials"]
    for name, trials in held.items():
        figure = result.figure(name, "success")
        assert figure.n == trials
        assert 0.0 < figure.mcse <= target
        # no more than the rounding and the caution of the estimate ask for
        assert trials < figure.estimate * (1 - figure.estimate) / target**2 * 1.3 + 60
    assert held["null"] < held["expected"] or held["null"] > held["expected"]
    before = contents(tmp_path / "a")
    drawn(tmp_path / "a", 20, mcse=target)
    drawn(tmp_path / "a", 20, mcse=target * 2)
    assert contents(tmp_path / "a") == before
    drawn(tmp_path / "b", 20, mcse=target, block=7, scenarios=["expected"])
    drawn(tmp_path / "b", 20, mcse=target, block=64)
    assert contents(tmp_path / "b") == before


def test_mcse_goes_on_after_a_kill(tmp_path, killer, monkeypatch):
    monkeypatch.setattr(run_module, "ROUNDED", 50)
    monkeypatch.setattr("adaptive_cart.running.stretches.SHORTEST_STRETCH", 10)
    drawn(tmp_path / "a", 20, mcse=0.05)
    for at in (5, 21, 35):
        folder = tmp_path / str(at)
        assert killer.kill(at, lambda folder=folder: drawn(folder, 20, mcse=0.05))
        drawn(folder, 20, mcse=0.05)
        assert contents(folder) == contents(tmp_path / "a")


@pytest.mark.parametrize(("at_least", "success"), [(0.0, 1.0), (1.0, 0.0)])
def test_mcse_comes_to_an_end_where_nothing_varies(tmp_path, at_least, success):
    text = TEXT.replace("at_least = 0.95", f"at_least = {at_least}").replace(
        "below = 0.05", "below = 0.0"
    )
    result = drawn(tmp_path, 10, mcse=0.01, design=designed(text), block=None)
    assert result.figure("null", "success").estimate == success
    assert 10 < result.manifest["trials"]["null"] <= 2_500


def test_trials_for_a_standard_error():
    # p (1 - p) / mcse²; at none or all successes, with z²/2 of either added
    assert trials_for(0.005, 5_000, 10_000) == 10_000
    assert trials_for(0.005, 0, 10_000) < 20
    assert trials_for(0.005, 0, 10) == trials_for(0.005, 10, 10) > 4_000


def test_a_target_that_cannot_be_reached_is_told(tmp_path, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(run_module, "MOST_TRIALS", 100)
    result = drawn(tmp_path, 20, mcse=0.001, tell=said.append)
    assert result.manifest["trials"] == {"null": 100, "expected": 100}
    assert any("stopped at 100 trials" in line for line in said)


# ── posteriors that fail ──────────────────────────────────────────────────────────────────────
def test_failed_posteriors_are_counted_and_no_success(tmp_path, monkeypatch):
    plain = drawn(tmp_path / "plain", 200)
    original = trial_module.LookAnalysis.probability

    def failing(self: Any, rule: Any, target: Any) -> Any:
        """No posterior in trials with an odd number of responders."""
        found = original(self, rule, target)
        odd = self.summary("dfr").successes.sum(axis=(1, 2))[self.trials] % 2 == 1
        return np.where(odd, np.nan, found)

    monkeypatch.setattr(trial_module.LookAnalysis, "probability", failing)
    result = drawn(tmp_path / "failing", 200)
    for name in ("null", "expected"):
        frame = result.trials[result.trials["scenario"] == name]
        looks = result.looks[result.looks["scenario"] == name]
        events = looks.groupby(["trial", "look"], observed=True)["dfr_events"].sum()
        odd = (events % 2 == 1).groupby("trial").any().to_numpy()
        assert 0 < odd.sum() < 200
        assert np.array_equal(frame["failed"].to_numpy(), odd)
        figure = result.figure(name, "failed")
        assert figure.estimate == odd.mean()
        assert figure.n == 200
        last = events[events.index.isin(list(zip(frame["trial"], frame["look"], strict=True)))]
        success = (frame["reason"] == "success").to_numpy()
        assert not (success & (last.to_numpy() % 2 == 1)).any()
        assert result.figure(name, "success").estimate == success.mean()
        assert success.mean() < plain.figure(name, "success").estimate
    figures = [result.figure(name, "failed") for name in ("null", "expected")]
    worst = max(figures, key=lambda figure: figure.estimate)
    from adaptive_cart.results.tables import failure_warning, summary

    share = with_interval(worst.estimate, worst.lower, worst.upper)
    assert re.fullmatch(r"[\d.]+% \([\d.]+% to [\d.]+%\)", share)
    assert f"in up to {share} of the trials" in failure_warning(result)
    assert share in summary(result)
    assert "posterior" not in summary(plain).split("true, bias")[0]
    assert failure_warning(plain) == ""


# ── from Python ───────────────────────────────────────────────────────────────────────────────
def test_the_result_of_a_call(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    result = adaptive_cart.simulate(DESIGN, trials=50, seed=1, jobs=1, engine="simulate")
    folder = result.folder
    assert folder.parent == tmp_path
    assert list(result.operating_characteristics.columns) == [
        "scenario", "measure", "arm", "stratum", "look", "estimate", "mcse", "lower", "upper", "n",
        "reason",
    ]  # fmt: skip
    assert result.trials.groupby("scenario", observed=True).size().to_dict() == {
        "null": 50,
        "expected": 50,
    }
    assert result.looks.groupby(["scenario", "trial"], observed=True).ngroups == 100
    assert result.figure("null", "stop_success", look=1).n == 50
    with pytest.raises(KeyError):
        result.figure("null", "no such measure")
    with pytest.raises(TypeError, match="no column arms"):
        result.figure("null", "success", arms="cart")
    assert "engine='simulate'" in repr(result)
    del result
    gc.collect()
    assert not folder.exists()


def test_the_numbers_read_are_those_written(tmp_path):
    result = drawn(tmp_path, 50)
    frame = result.operating_characteristics
    for row in frame.itertuples():
        where = {
            name: getattr(row, name)
            for name in ("arm", "stratum", "look", "reason")
            if not pd.isna(getattr(row, name))
        }
        figure = result.figure(row.scenario, row.measure, **where)
        for name in ("estimate", "mcse", "lower", "upper"):
            assert np.array_equal(getattr(figure, name), getattr(row, name), equal_nan=True)


def test_the_temporary_folder_of_a_failed_run_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def fails(*arguments: Any) -> None:
        raise RunError("no")

    monkeypatch.setattr(run_module, "run_stretches", fails)
    with pytest.raises(RunError):
        simulate(DESIGN, trials=10, jobs=1, engine="simulate")
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_a_script_without_a_main_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"""
import adaptive_cart as ac
from adaptive_cart.running import stretches, workers

workers.WORTH = 0.0  # start processes, however short the run
stretches.STRETCH = 32
design = ac.load_design({str(tmp_path / "design.toml")!r})
result = ac.simulate(design, trials=100, jobs=2, engine="simulate")
print(result.folder)
print(len(result.trials), result.figure("null", "success").n, len(result.looks) > 400)
"""
    )
    (tmp_path / "design.toml").write_text(TEXT)
    environment = os.environ | {"PYTHONPATH": str(PACKAGE)}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    folder, told = done.stdout.strip().splitlines()
    assert told == "200 100 True"
    assert not Path(folder).exists()


@pytest.mark.slow
@pytest.mark.parametrize("anew", [False, True])
def test_a_worker_that_dies_is_told(tmp_path, straight, monkeypatch, short_stretches, copied, anew):
    monkeypatch.setattr(workers_module, "WORTH", 0.0)
    original = stretches_module.Parts.write

    def dying(*_: Any) -> int:
        os._exit(9)

    if anew:
        monkeypatch.setattr(workers_module, "can_be_copied", lambda: False)
        monkeypatch.setattr(workers_module, "_in_process", dying)
    else:
        monkeypatch.setattr(forked_module, "_answer", dying)
    with pytest.raises(RunError, match="worker process was ended from outside"):
        drawn(tmp_path, 300, jobs=2)
    monkeypatch.undo()
    assert stretches_module.Parts.write is original
    drawn(tmp_path, 300)
    assert contents(tmp_path) == straight(300)


def test_a_worker_of_another_version_refuses(tmp_path, monkeypatch):
    monkeypatch.setattr(stretches_module, "version", lambda: "0.0.1")
    with pytest.raises(RunError, match=r"a worker has adaptive_cart 0\.0\.1"):
        drawn(tmp_path, 10)


# ── a cluster ─────────────────────────────────────────────────────────────────────────────────
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_gives_the_same(tmp_path, straight, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(stretches_module, "STRETCH", 32)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        drawn(tmp_path / "there", 70, backend="dask", scheduler=address)
        assert contents(tmp_path / "there") == straight(70)
        assert len(cluster.scheduler.clients) == 1  # the cluster's own; ours has been closed
    drawn(tmp_path / "here", 70, backend="dask", jobs=1)
    assert contents(tmp_path / "here") == straight(70)
    with pytest.raises(RunError, match="cannot reach nowhere"):
        drawn(tmp_path / "none", 70, backend="dask", scheduler="nowhere")
