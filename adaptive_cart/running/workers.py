"""Who does the work of a search or a run: processes of this machine, or a dask cluster.

Whatever simulates cuts its work into calls that depend on nothing but what they are given, and
hands them to :func:`spread`, which is the only place that knows where they are done. A call may be
done twice and changes nothing by it: a worker that dies costs the time of what it was doing, and
those calls are handed out again. Only where worker after worker dies and no call is finished in
between is the work given up.

Processes are copies of this one where that is safe (:mod:`adaptive_cart.running.forked`), else they
are started by joblib and loky; neither needs an ``if __name__ == "__main__"`` in a user's script. A
cluster is dask's, whose workers may be on any number of machines.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from adaptive_cart.errors import InputError
from adaptive_cart.nouns.progress import Tell, unheard
from adaptive_cart.running.belonging import belong_to
from adaptive_cart.running.cluster import PATIENCE, Cluster, given_up, over_cluster
from adaptive_cart.running.ctrl_c import ctrl_c_waits
from adaptive_cart.running.forked import Crew, NoneToBeHad, WorkersDied, can_be_copied

OF_A_COPY, OF_A_PROCESS = 0.2, 1.0  # seconds until it works at its full pace
WORTH = 4.0  # times as long as they take to start
LOST = "Nothing is kept of what was not finished"

Item = TypeVar("Item")
Found = TypeVar("Found")

_cluster: ContextVar[Cluster | None] = ContextVar("cluster", default=None)
_crew: ContextVar[Crew | None] = ContextVar("crew", default=None)


@dataclass(frozen=True)
class Workers:
    """Who does the work: processes of this machine, or a dask cluster.

    Attributes
    ----------
    jobs
        Processes at most; a cluster that runs already has its own number.
    scheduler
        Address of the cluster's scheduler; one is started here if left out.
    """

    jobs: int
    backend: str = "loky"
    scheduler: str | None = None

    def require(self) -> None:
        """Raise an :class:`InputError` if this backend cannot be had."""
        if self.backend not in ("loky", "dask"):
            raise InputError(f"--backend: found {self.backend!r}; loky or dask is expected")
        if self.backend == "loky" and self.scheduler is not None:
            raise InputError("--scheduler is the address of a dask scheduler: add --backend dask")
        if self.backend == "dask":
            try:
                import distributed  # noqa: F401
            except ImportError:
                raise InputError(
                    "--backend dask needs the packages dask and distributed; "
                    "type: pip install dask distributed"
                ) from None

    @contextmanager
    def at_work(self, tell: Tell = unheard) -> Iterator[None]:
        """Let all that simulates inside be done by them; inside a cluster's work, by that one."""
        if _cluster.get() is not None:
            yield
            return
        if self.backend == "loky":
            with _kept_crew():
                yield
            return
        cluster = Cluster(self.jobs, self.scheduler, tell)
        token = _cluster.set(cluster)
        try:
            yield
        finally:
            _cluster.reset(token)
            cluster.close()


def all_cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def at_work(
    backend: str = "loky",
    scheduler: str | None = None,
    jobs: int | None = None,
    tell: Tell = unheard,
) -> Iterator[None]:
    """Let all that simulates inside be done by these workers; a cluster is connected to once.

    Parameters
    ----------
    backend
        ``loky``: processes of this machine; ``dask``: a cluster.
    scheduler
        Address of the cluster's scheduler; a cluster of ``jobs`` processes is started if left out.
    tell
        Called with a line where the cluster does not work and is waited for.

    Raises
    ------
    InputError
        If the backend does not exist or is not installed.
    """
    workers = Workers(all_cores() if jobs is None else jobs, backend, scheduler)
    workers.require()
    with workers.at_work(tell):
        yield


@contextmanager
def _kept_crew() -> Iterator[None]:
    """Keep copies of this process from one lot of calls to the next, until what is inside ends."""
    if _crew.get() is not None:
        yield
        return
    crew = Crew()
    token = _crew.set(crew)
    try:
        yield
    finally:
        _crew.reset(token)
        crew.close()


def seconds_to_start() -> float:
    """How long, about, processes of this machine take until they work at their full pace."""
    return OF_A_COPY if can_be_copied() else OF_A_PROCESS


def worth_processes(seconds: float) -> bool:
    """Whether so much work gains from being shared out, beyond doubt."""
    return seconds > WORTH * seconds_to_start()


def over_a_cluster() -> bool:
    """Whether the work is done by a cluster now."""
    return _cluster.get() is not None


# ── the one door ──────────────────────────────────────────────────────────────────────────────
def spread(
    work: Callable[[Item], Found],
    items: Iterable[Item],
    jobs: int | None = None,
    kept: str = LOST,
) -> Generator[Found, None, None]:
    """Results of calls, in the order of the items, each as soon as those before it are there.

    Parameters
    ----------
    work
        A function that can be sent to a process, called with each item.
    jobs
        Processes; all cores if left out. A cluster has its own number.
    kept
        What becomes of what is finished when the work is given up, for the message.

    Raises
    ------
    RunError
        If workers die and nothing gets finished, or a cluster is gone.
    """
    waiting: dict[int, Found] = {}
    next_one = 0
    for number, found in _numbered(work, list(items), jobs, kept):
        waiting[number] = found
        while next_one in waiting:
            yield waiting.pop(next_one)
            next_one += 1


def spread_as_finished(
    work: Callable[[Item], Found],
    items: Iterable[Item],
    jobs: int | None = None,
    kept: str = LOST,
) -> Generator[Found, None, None]:
    """The same, each result when it is there, whatever was asked before it."""
    for _, found in _numbered(work, list(items), jobs, kept):
        yield found


def _numbered(
    work: Callable[[Item], Found], items: Sequence[Item], jobs: int | None, kept: str
) -> Iterator[tuple[int, Found]]:
    cluster = _cluster.get()
    if cluster is not None:
        yield from over_cluster(cluster, work, items, kept)
        return
    number = min(all_cores() if jobs is None else jobs, len(items))
    if number <= 1:
        yield from ((place, work(item)) for place, item in enumerate(items))
        return
    yield from _over_processes(work, items, number, kept)


# ── processes ─────────────────────────────────────────────────────────────────────────────────
def _over_processes(
    work: Callable[[Item], Found], items: Sequence[Item], jobs: int, kept: str
) -> Iterator[tuple[int, Found]]:
    what = "a worker process was ended from outside, perhaps for want of memory"
    gone = given_up(what, f"{kept}; fewer --jobs need less memory")
    left = dict(enumerate(items))
    if can_be_copied():
        kept_crew = _crew.get()
        crew = Crew() if kept_crew is None else kept_crew
        try:
            for number, found in crew.numbered(work, left, jobs, PATIENCE):
                del left[number]
                yield number, found
        except WorkersDied:
            raise gone from None
        except NoneToBeHad:
            pass
        finally:
            if kept_crew is None:
                crew.close()
        if can_be_copied():  # but there is no room: what is left is done here
            yield from ((number, work(item)) for number, item in left.items())
            return
    from joblib.externals.loky.process_executor import BrokenProcessPool

    deaths = 0
    while left:
        try:
            for number, found in _once_over_processes(work, left, jobs):
                del left[number]
                deaths = 0
                yield number, found
        except BrokenProcessPool:
            deaths += 1
            if deaths == PATIENCE:
                raise gone from None


def _once_over_processes(
    work: Callable[[Item], Found], left: dict[int, Item], jobs: int
) -> Iterator[tuple[int, Found]]:
    import joblib

    parallel = joblib.Parallel(n_jobs=jobs, backend="loky", return_as="generator_unordered")
    parent = os.getpid()
    calls = (joblib.delayed(_in_process)(work, *call, parent) for call in list(left.items()))
    results: Any = iter(())
    try:
        with hidden_from_ctrl_c():
            results = parallel(calls)
        yield from results
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that work was cancelled is what was asked for
            del results


def _in_process(
    work: Callable[[Item], Found], number: int, item: Item, parent: int
) -> tuple[int, Found]:
    belong_to(parent)
    return number, work(item)


@contextmanager
def hidden_from_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C wait while processes are started, and let them never see it.

    A worker would print a traceback of whatever it was importing, and joblib is not made to be
    interrupted in the middle of handing out work.
    """
    resource_tracker.ensure_running()  # where it is started later, it lets Ctrl-C through again
    # an interrupted pool may leave a semaphore to its tracker, which would tell after we have ended
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    try:
        with ctrl_c_waits():
            yield
    finally:
        sys.warnoptions.pop()
