"""Worker processes that begin as copies of this one, with all that it has loaded and remembers.

To copy a process takes some milliseconds, where to start one and let it load what it needs takes
about a second. It is safe where nothing else goes on in the process, since of its threads only the
one that asks is copied, and locks that another holds would stay locked for ever. So it is done on
Linux alone, from the only thread that runs Python (a notebook has others); elsewhere and otherwise
joblib starts processes anew. Threads that never run Python hold no lock of it; OpenBLAS, Arrow and
the memory of C know of theirs, and make them good in a copy.

A copy is given a call at a time over a pipe, and ends when the pipe is closed, or with the process
that it was copied from.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, TypeVar

from adaptive_cart.running.belonging import belong_to
from adaptive_cart.running.ctrl_c import ctrl_c_waits

Item = TypeVar("Item")
Found = TypeVar("Found")

_ends: set[Connection] = set()  # of this process, of the pipes to all its copies


class WorkersDied(Exception):
    """Copies have died so many times with no call finished in between."""


class NoneToBeHad(Exception):
    """No copy can be made: another thread is under way, or there is no room."""


def python_threads() -> int:
    """Threads that run Python; ``threading`` knows those alone that it has started."""
    return max(threading.active_count(), len(sys._current_frames()))


def can_be_copied() -> bool:
    """Whether this process can be copied: on Linux, with no other thread under way."""
    return sys.platform == "linux" and python_threads() == 1


@dataclass(frozen=True, eq=False)
class _Copy:
    """A process, and our end of the pipe to it."""

    process: int
    pipe: Connection

    def end(self) -> None:
        """End it, whatever it does."""
        _ends.discard(self.pipe)
        self.pipe.close()
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.process, 0)


class Crew:
    """Copies of this process that are kept from one lot of calls to the next."""

    def __init__(self) -> None:
        self._all: set[_Copy] = set()  # that have not been ended
        self._idle: list[_Copy] = []

    def numbered(
        self, work: Callable[[Item], Found], items: Mapping[int, Item], jobs: int, patience: int
    ) -> Iterator[tuple[int, Found]]:
        """Results of calls with their numbers, each when it is there.

        Where a copy dies its call is given to another one, and a new one is made. Where no more
        can be had, those that there are do the work.

        Parameters
        ----------
        jobs
            Copies at most.
        patience
            How many times some may die with no call finished in between; those that were at work
            when another one died may have died with it, and are counted with it.

        Raises
        ------
        WorkersDied
            If they do so often.
        NoneToBeHad
            If there is none, and none can be made.
        """
        waiting = deque(items)
        busy: dict[Connection, tuple[_Copy, int, int]] = {}  # … and deaths when it was given
        deaths = 0
        try:
            while waiting or busy:
                while waiting and len(busy) < jobs and (copy := self._another()) is not None:
                    number = waiting.popleft()
                    busy[copy.pipe] = copy, number, deaths
                    with suppress(OSError):  # it has died: its pipe tells below
                        copy.pipe.send_bytes(_packed_call((work, items[number])))
                if not busy:
                    raise NoneToBeHad
                for pipe in wait(list(busy)):
                    assert isinstance(pipe, Connection)
                    try:
                        found, failure, where = pickle.loads(pipe.recv_bytes())
                    except (EOFError, OSError):
                        copy, number, before = busy.pop(pipe)
                        self._end([copy])
                        waiting.appendleft(number)
                        deaths += before >= deaths
                        if deaths >= patience:
                            raise WorkersDied from None
                        continue
                    copy, number, _ = busy.pop(pipe)
                    self._idle.append(copy)
                    if failure is not None:
                        failure.add_note(where)  # for those who look for a fault of ours
                        raise failure
                    deaths = 0
                    yield number, found
        finally:
            self._end([copy for copy, _, _ in busy.values()])  # nobody waits for what they do

    def _another(self) -> _Copy | None:
        if not self._idle and can_be_copied():
            # where Ctrl-C has waited, it is raised when the new one is among those that are ended
            with ctrl_c_waits(), suppress(OSError):  # no room for another one
                copy = _copied()
                self._all.add(copy)
                self._idle.append(copy)
        return self._idle.pop() if self._idle else None

    def _end(self, copies: Iterable[_Copy]) -> None:
        with ctrl_c_waits():
            for copy in copies:
                if copy in self._all:  # its number may be another process's later
                    copy.end()
                    self._all.remove(copy)

    def close(self) -> None:
        """End all copies, those too that Ctrl-C has let fall between two hands."""
        self._end(list(self._all))
        self._idle.clear()


def _by_value(message: Any) -> bytes:
    from joblib.externals.loky.backend.reduction import dumps

    return bytes(dumps(message))


def _packed(message: Any) -> bytes:
    """As bytes: functions and classes by name, or by value where they have none."""
    try:
        return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError):
        return _by_value(message)


def _packed_call(call: Any) -> bytes:
    """The same; by value what lies in the user's own script, where a copy may know an older one."""
    packed = _packed(call)
    if b"__main__" in packed:
        with suppress(Exception):  # by name, if it holds what cannot be sent
            return _by_value(call)
    return packed


def _written_out() -> None:
    """Let nothing wait in the buffers of what is printed."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # there is none, or it is closed
            stream.flush()


def _copied() -> _Copy:
    """A copy of this process, which waits for calls; Ctrl-C must be waiting."""
    here, there = Pipe()
    parent = os.getpid()
    _written_out()  # else a copy would write it once more
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: see the top
        process = os.fork()
    if process == 0:
        _serve_and_end(parent, here, there)
    there.close()
    _ends.add(here)
    return _Copy(process, here)


def _serve_and_end(parent: int, here: Connection, there: Connection) -> None:
    """What a copy does until its pipe is closed. It ends without tidying up: nothing is its own."""
    try:
        gc.freeze()  # what is shared stays shared: it is not looked through
        if callable(signal.getsignal(signal.SIGTERM)):  # the run's way of ending, not a worker's
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        here.close()
        for end in _ends:
            end.close()
        _ends.clear()
        belong_to(parent)
        while True:
            answer = _answer(there.recv_bytes())
            _written_out()
            there.send_bytes(answer)
    finally:
        os._exit(0)


def _answer(call: bytes) -> bytes:
    """What a call finds, or how and where it fails."""
    try:
        work, item = pickle.loads(call)
        return _packed((work(item), None, ""))
    except BaseException as error:
        where = "".join(traceback.format_exception(error))
        with suppress(Exception):
            packed = _packed((None, error, where))
            pickle.loads(packed)  # not every error that can be sent can be made again
            return packed
        return _packed((None, RuntimeError(repr(error)), where))
