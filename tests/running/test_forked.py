"""Copies of this process as workers: kept, ended, and without what must stay the run's alone."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adaptive_cart.errors import DesignError, Problem, ResultsError, RunError
from adaptive_cart.nouns.locked_folder import locked
from adaptive_cart.running import forked, workers
from adaptive_cart.running.forked import Crew, can_be_copied
from adaptive_cart.running.workers import at_work, spread, spread_as_finished

PACKAGE = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("copied")
remembered: list[str] = []


def process_of(_: int) -> int:
    time.sleep(0.05)  # so that another one takes the next call
    return os.getpid()


def what_is_remembered(_: int) -> list[str]:
    return remembered


def wrong(number: int) -> int:
    raise DesignError([Problem("rules.efficacy", f"found {number}")])


def odd(_: int) -> int:
    class OddError(Exception):
        """Known to nobody else."""

    raise OddError("not known elsewhere")


def hidden_signals(_: int) -> set[signal.Signals | int]:
    return signal.pthread_sigmask(signal.SIG_BLOCK, [])


def slow(folder: Path, number: int) -> int:
    (folder / str(os.getpid())).touch()
    time.sleep(0.05 if number == 0 else 60.0)
    return number


def dies_at_first(marks: Path, number: int) -> int:
    mark = marks / str(number)
    if number % 5 == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def crew() -> Iterator[Crew]:
    found = Crew()
    yield found
    found.close()


def test_copies_are_kept_until_the_work_is_over():
    with at_work(jobs=2):
        first = set(spread(process_of, range(6), 2))
        assert first == set(spread(process_of, range(6), 2))
        assert len(first) == 2
        assert os.getpid() not in first
    assert not any(map(runs, first))
    alone = set(spread(process_of, range(6), 2))  # and those of a single lot of calls with it
    assert not alone & first
    assert not any(map(runs, alone))


def test_they_know_what_this_process_knows(monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "remembered", ["by", "heart"])
    assert list(spread(what_is_remembered, [0, 1], 2)) == [["by", "heart"]] * 2


def test_what_lies_in_a_function_is_sent_by_value():
    by = 3
    assert list(spread(lambda number: by * number, range(4), 2)) == [0, 3, 6, 9]


def test_errors_come_back_as_they_are_and_say_where():
    with pytest.raises(DesignError) as caught:
        list(spread(wrong, [7, 8], 2))
    assert [problem.path for problem in caught.value.problems] == ["rules.efficacy"]
    assert "in wrong" in caught.value.__notes__[0]
    with pytest.raises(Exception, match="not known elsewhere"):
        list(spread(odd, [0, 1], 2))


def test_the_lock_of_a_folder_stays_with_the_run(tmp_path, crew):
    with locked(tmp_path):
        list(crew.numbered(process_of, {0: 0, 1: 1}, 2, 3))
        with pytest.raises(ResultsError, match="another run is writing there"), locked(tmp_path):
            pass
    with locked(tmp_path):  # though two copies of then are still there
        pass


def test_ctrl_c_is_the_runs_to_answer():
    assert all(signal.SIGINT in hidden for hidden in spread(hidden_signals, [0, 1], 2))
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_who_is_not_waited_for_any_more_is_ended(tmp_path):
    began = time.monotonic()
    results = spread_as_finished(functools.partial(slow, tmp_path), range(3), 2)
    assert next(results) == 0
    results.close()
    assert time.monotonic() - began < 30.0
    assert not any(runs(int(path.name)) for path in tmp_path.iterdir())


def test_a_copy_that_is_killed_costs_time_and_no_result(tmp_path, crew):
    dying = functools.partial(dies_at_first, tmp_path)
    found = dict(crew.numbered(dying, {number: number for number in range(25)}, 2, 3))
    assert found == {number: number**2 for number in range(25)}
    died = {path.name for path in tmp_path.iterdir()}  # more than at once, others between them
    assert died == {"2", "7", "12", "17", "22"}


def test_a_call_within_another_lot_has_copies_of_its_own(crew):
    outer = crew.numbered(process_of, dict(enumerate(range(4))), 2, 3)
    _, first = next(outer)
    inner = {found for _, found in crew.numbered(process_of, {0: 0, 1: 1, 2: 2}, 2, 3)}
    rest = [found for _, found in outer]
    assert len(rest) == 3
    assert len({first, *rest} | inner) <= 4


def test_beside_another_thread_processes_are_started_anew(monkeypatch):
    asked = []

    def once(work, left, jobs):
        asked.append(jobs)
        for number, item in list(left.items()):
            yield number, work(item)

    monkeypatch.setattr(workers, "_once_over_processes", once)
    enough = threading.Event()
    thread = threading.Thread(target=enough.wait)
    thread.start()
    try:
        assert not can_be_copied()
        assert workers.seconds_to_start() == workers.OF_A_PROCESS
        assert list(spread(abs, [-1, -2], 2)) == [1, 2]
        assert asked == [2]
    finally:
        enough.set()
        thread.join()
    assert can_be_copied()
    assert workers.seconds_to_start() == workers.OF_A_COPY


def test_where_none_can_be_copied_any_more_it_is_told(monkeypatch, crew):
    monkeypatch.setattr(forked, "can_be_copied", lambda: False)
    with pytest.raises(forked.WorkersDied):
        list(crew.numbered(process_of, {0: 0}, 2, 3))
    with pytest.raises(RunError, match="ended from outside"):
        list(spread(process_of, [0, 1], 2))


@pytest.mark.slow
def test_they_end_with_the_process_that_they_are_copies_of(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import functools, os, pathlib, sys\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from running.test_forked import slow\n"
        "from adaptive_cart.running.workers import spread\n"
        "list(spread(functools.partial(slow, pathlib.Path(sys.argv[1])), [1, 2], 2))\n"
    )
    marks = tmp_path / "marks"
    marks.mkdir()
    run = subprocess.Popen(
        [sys.executable, str(script), str(marks), str(PACKAGE / "tests")],
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
    )
    end = time.monotonic() + 60.0
    while len(list(marks.iterdir())) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    copies = [int(path.name) for path in marks.iterdir()]
    assert len(copies) == 2
    run.kill()
    run.wait()
    while any(map(runs, copies)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(runs, copies))
