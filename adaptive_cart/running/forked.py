"""Worker processes that begin as copies of this one, with all that it has loaded and remembers.

To copy a process takes some milliseconds, where to start one and let it load what it needs takes
about a second. It is safe where nothing else goes on in the process, since of its threads only the
one that asks is copied, and locks that another holds would stay locked for ever. So it is done on
Linux alone, from the only thread that Python knows of; elsewhere and otherwise joblib starts
processes anew. OpenBLAS and Arrow know of their own threads, and start them again in a copy.

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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, TypeVar

from adaptive_cart.running.belonging import belong_to

Item = TypeVar("Item")
Found = TypeVar("Found")

_ends: set[Connection] = set()  # of this process, of the pipes to all its copies


class WorkersDied(Exception):
    """So many copies have died with no call finished in between."""


def can_be_copied() -> bool:
    """Whether this process can be copied: on Linux, with no other thread under way."""
    return sys.platform == "linux" and threading.active_count() == 1


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
        self._idle: list[_Copy] = []

    def numbered(
        self, work: Callable[[Item], Found], items: Mapping[int, Item], jobs: int, patience: int
    ) -> Iterator[tuple[int, Found]]:
        """Results of calls with their numbers, each when it is there.

        Where a copy dies its call is given to another one, and a new one is made.

        Parameters
        ----------
        jobs
            Copies at most.
        patience
            How many may die with no call finished in between.

        Raises
        ------
        WorkersDied
            If so many do, or none is left and this process cannot be copied any more.
        """
        waiting = deque(items)
        busy: dict[Connection, tuple[_Copy, int]] = {}
        deaths = 0
        try:
            while waiting or busy:
                while waiting and len(busy) < jobs and (copy := self._another()) is not None:
                    number = waiting.popleft()
                    busy[copy.pipe] = copy, number
                    with suppress(OSError):  # it has died: its pipe tells below
                        copy.pipe.send_bytes(_packed((work, items[number])))
                if not busy:
                    raise WorkersDied
                for pipe in wait(list(busy)):
                    assert isinstance(pipe, Connection)
                    try:
                        found, failure, where = pickle.loads(pipe.recv_bytes())
                    except (EOFError, OSError):
                        copy, number = busy.pop(pipe)
                        copy.end()
                        waiting.appendleft(number)
                        deaths += 1
                        if deaths >= patience:
                            raise WorkersDied from None
                        continue
                    copy, number = busy.pop(pipe)
                    self._idle.append(copy)
                    if failure is not None:
                        failure.add_note(where)  # for those who look for a fault of ours
                        raise failure
                    deaths = 0
                    yield number, found
        finally:
            for copy, _ in busy.values():  # nobody waits for what they do
                copy.end()

    def _another(self) -> _Copy | None:
        if self._idle:
            return self._idle.pop()
        return _copied() if can_be_copied() else None

    def close(self) -> None:
        """End all copies."""
        while self._idle:
            self._idle.pop().end()


def _packed(message: Any) -> bytes:
    """As bytes; by value what lies in the user's own script, which may be younger than a copy."""
    try:
        return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError):
        from joblib.externals.loky.backend.reduction import dumps

        return bytes(dumps(message))


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C wait, and copies never see it: it is the run's to answer."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # copies inherit this
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _copied() -> _Copy:
    """A copy of this process, which waits for calls."""
    here, there = Pipe()
    parent = os.getpid()
    with _without_ctrl_c(), warnings.catch_warnings():
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
        here.close()
        for end in _ends:
            end.close()
        _ends.clear()
        belong_to(parent)
        while True:
            there.send_bytes(_answer(there.recv_bytes()))
    finally:
        os._exit(0)


def _answer(call: bytes) -> bytes:
    """What a call finds, or how and where it fails."""
    try:
        work, item = pickle.loads(call)
        return _packed((work(item), None, ""))
    except BaseException as error:
        where = "".join(traceback.format_exception(error))
        try:
            return _packed((None, error, where))
        except Exception:
            return _packed((None, RuntimeError(repr(error)), where))
