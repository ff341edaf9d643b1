"""Copies of this process as workers: kept, ended, and without what must stay the run's alone."""

from __future__ import annotations

import _thread
import functools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from adaptive_cart.errors import DesignError, Problem, ResultsError
from adaptive_cart.nouns.locked_folder import locked
from adaptive_cart.nouns.passing_folder import removed_with
from adaptive_cart.running import forked, workers
from adaptive_cart.running.forked import Crew, can_be_copied
from adaptive_cart.running.workers import at_work, spread, spread_as_finished

PACKAGE = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("copied")
remembered: list[str] = []
held: list[object] = []


def process_of(_: int) -> int:
    time.sleep(0.05)  # so that another one takes the next call
    return os.getpid()


def at_once(number: int) -> int:
    return number


def what_is_remembered(_: int) -> list[str]:
    return remembered


def wrong(number: int) -> int:
    raise DesignError([Problem("rules.efficacy", f"found {number}")])


def odd(_: int) -> int:
    class OddError(Exception):
        """Known to nobody else."""

    raise OddError("not known elsewhere")


class WordsError(Exception):
    """Can be sent, but not made again: it has fewer words than it was made of."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other}")


def made_of_two(_: int) -> int:
    raise WordsError("this", "that")


def ended_politely(marks: Path, number: int) -> int:
    if number == 1 and not (marks / "asked").exists():
        (marks / "asked").touch()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30.0)
    return number


def printed(number: int) -> int:
    sys.stdout.write(f"from {number}\n")
    return number


def forgets(_: int) -> None:
    held.clear()


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


def test_a_thread_that_threading_does_not_know_is_one_too():
    enough, under_way, over = threading.Lock(), threading.Lock(), threading.Lock()

    def waits() -> None:
        under_way.release()
        with enough:
            over.release()

    for lock in (enough, under_way, over):
        lock.acquire()
    _thread.start_new_thread(waits, ())
    under_way.acquire()
    assert threading.active_count() == 1
    assert not can_be_copied()
    enough.release()
    over.acquire()
    end = time.monotonic() + 60.0
    while not can_be_copied() and time.monotonic() < end:
        time.sleep(0.01)  # it is at its very end
    assert can_be_copied()


def test_where_none_can_be_copied_any_more_the_rest_is_done_otherwise(monkeypatch, crew):
    monkeypatch.setattr(forked, "can_be_copied", lambda: False)
    with pytest.raises(forked.NoneToBeHad):
        list(crew.numbered(process_of, {0: 0}, 2, 3))
    assert list(spread(process_of, [0, 1], 2)) == [os.getpid()] * 2


@pytest.mark.parametrize("room", [0, 1])
def test_where_there_is_room_for_fewer_these_do_the_work(monkeypatch, room):
    copies, fork = [], os.fork

    def for_some() -> int:
        if len(copies) == room:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        process = fork()
        copies.append(process)
        return process

    monkeypatch.setattr(os, "fork", for_some)
    assert set(spread(process_of, range(4), 3)) == (set(copies) or {os.getpid()})


def test_copies_that_are_ended_together_count_as_one(monkeypatch):
    with at_work(jobs=4):
        before = set(spread(process_of, range(8), 4))
        assert len(before) == 4
        for process in before:
            os.kill(process, signal.SIGKILL)
        after = set(spread(process_of, range(8), 4))
    assert len(after) == 4
    assert not before & after


def test_an_error_that_cannot_be_made_again_is_told_in_its_words():
    with pytest.raises(RuntimeError, match="this and that") as caught:
        list(spread(made_of_two, [0, 1], 2))
    assert "in made_of_two" in caught.value.__notes__[0]


def test_what_the_users_script_says_now_is_done(monkeypatch):
    main = sys.modules["__main__"]

    def written(words: str) -> object:
        script = {"__name__": "__main__"}
        exec(f"def of_the_script(number): return {words!r}", script)
        monkeypatch.setattr(main, "of_the_script", script["of_the_script"], raising=False)
        return main.of_the_script

    with at_work(jobs=2):
        assert list(spread(process_of, [0, 1], 2))  # before there was any
        assert list(spread(written("first"), [0, 1], 2)) == ["first"] * 2
        assert list(spread(written("then"), [0, 1], 2)) == ["then"] * 2


def test_a_copy_that_is_asked_to_end_ends_and_its_call_is_done_again(tmp_path):
    usual = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(7))
    try:
        assert list(spread(functools.partial(ended_politely, tmp_path), range(4), 2)) == [*range(4)]
    finally:
        signal.signal(signal.SIGTERM, usual)
    assert (tmp_path / "asked").exists()


def test_what_is_printed_is_printed_once(tmp_path, monkeypatch):
    with (tmp_path / "out").open("w+") as out:
        monkeypatch.setattr(sys, "stdout", out)
        out.write("before\n")  # and still in the buffer
        list(spread(printed, [1, 2], 2))
        monkeypatch.undo()
    assert sorted((tmp_path / "out").read_text().split("\n")) == ["", "before", "from 1", "from 2"]


def test_a_folder_goes_with_what_it_belongs_to_but_not_in_a_copy(tmp_path):
    class Owner:
        """Of a folder."""

    folder = tmp_path / "folder"
    folder.mkdir()
    held.append(Owner())
    removed_with(held[0], folder)
    list(spread(forgets, [0, 1], 2))
    assert folder.exists()
    held.clear()
    assert not folder.exists()


@pytest.mark.parametrize("taken_by", ["this thread", "another thread"])
def test_a_copy_that_ctrl_c_has_met_is_ended_too(monkeypatch, crew, taken_by):
    copies, fork = [], os.fork

    def at_ctrl_c() -> int:
        process = fork()
        if process:
            copies.append(process)
            signal.raise_signal(signal.SIGINT)
        return process

    monkeypatch.setattr(os, "fork", at_ctrl_c)
    if taken_by == "another thread":  # which does not block it
        monkeypatch.setattr(signal, "pthread_sigmask", lambda how, which: set())
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have hidden it
    try:
        with pytest.raises(KeyboardInterrupt):
            list(crew.numbered(process_of, {0: 0, 1: 1}, 2, 3))
    finally:
        signal.signal(signal.SIGINT, usual)
    crew.close()
    assert len(copies) == 1
    assert not runs(copies[0])


@pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_a_copy_is_ended_wherever_ctrl_c_falls(monkeypatch, crew, every):
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    copies, fork = [], os.fork

    def noted() -> int:
        process = fork()
        copies.append(process)
        return process

    monkeypatch.setattr(os, "fork", noted)

    def pressed(frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        nonlocal steps
        if Path(frame.f_code.co_filename).name not in ("forked.py", "ctrl_c.py"):
            return None
        steps -= 1
        if steps == 0:
            signal.raise_signal(signal.SIGINT)
        return pressed

    try:
        pressed_at = 0
        met = True
        while met:
            pressed_at += every
            steps, met = pressed_at, False
            try:
                sys.settrace(pressed)
                found = list(crew.numbered(at_once, {0: 0, 1: 1, 2: 2}, 2, 3))
            except KeyboardInterrupt:
                met = True
            finally:
                sys.settrace(None)
                crew.close()
            assert not any(runs(copy) for copy in copies if copy), pressed_at
        assert sorted(found) == [(0, 0), (1, 1), (2, 2)]
        assert pressed_at > 100
    finally:
        signal.signal(signal.SIGINT, usual)


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
