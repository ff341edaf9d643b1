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
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from adaptive_cart.errors import InputError, RunError
from adaptive_cart.running.belonging import belong_to
from adaptive_cart.running.ctrl_c import ctrl_c_waits
from adaptive_cart.running.forked import Crew, NoneToBeHad, WorkersDied, can_be_copied

PATIENCE = 3  # times that workers die with no call finished in between, before we give up
SECONDS_FOR_WORKERS = 60  # that a cluster may be without any
SECONDS_TO_COME_AGAIN = 60  # that a cluster of our own waits for one that died
SECONDS_BETWEEN_LOOKS = 5.0  # at whether it has some
DEATHS_OF_A_TASK = 10  # that a cluster of our own forgives, where another's forgives three
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
    def at_work(self) -> Iterator[None]:
        """Let all that simulates inside be done by them; inside a cluster's work, by that one."""
        if _cluster.get() is not None:
            yield
            return
        if self.backend == "loky":
            with _kept_crew():
                yield
            return
        cluster = Cluster(self)
        token = _cluster.set(cluster)
        try:
            yield
        finally:
            _cluster.reset(token)
            cluster.close()


class Cluster:
    """A dask cluster, connected to when there is first something to be done.

    Attributes
    ----------
    where
        In words, for messages.
    """

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.where = workers.scheduler or "a cluster on this machine"
        self._open = ExitStack()
        self._client: Any = None

    @property
    def client(self) -> Any:
        """The connection.

        Raises
        ------
        RunError
            If the cluster cannot be reached, or has no workers.
        """
        if self._client is None:
            self._client = self._connected()
        return self._client

    def _connected(self) -> Any:
        import dask
        from distributed import Client

        self._open.enter_context(_quiet())
        forgiving = {
            "distributed.scheduler.allowed-failures": DEATHS_OF_A_TASK,
            # a worker that takes longer to come again is given up by the cluster, and none comes
            "distributed.deploy.lost-worker-timeout": SECONDS_TO_COME_AGAIN,
        }
        self._open.enter_context(dask.config.set(forgiving))
        own = {"n_workers": self.workers.jobs, "threads_per_worker": 1, "dashboard_address": None}
        where = {"address": self.workers.scheduler} if self.workers.scheduler else own
        for left in reversed(range(PATIENCE)):
            try:
                client = Client(**where)
                break
            except (OSError, ValueError, TypeError) as error:
                raise RunError(f"--backend dask: cannot reach {self.where}: {error}") from None
            except RuntimeError as error:  # a worker was ended while it was being started
                if self.workers.scheduler:
                    raise RunError(f"--backend dask: cannot reach {self.where}: {error}") from None
                if not left:
                    raise RunError(
                        f"--backend dask: {self.where} does not start: a worker process was ended "
                        f"from outside while it was started, {PATIENCE} times"
                    ) from None
        self._open.callback(_closed, client)
        try:
            client.wait_for_workers(1, timeout=SECONDS_FOR_WORKERS)
        except TimeoutError:
            raise RunError(f"--backend dask: {self.where} has no workers") from None
        return client

    def has_workers(self) -> bool:
        """Whether it has any now; a cluster that was started here starts those that it lacks."""
        there = len(self.client.scheduler_info()["workers"])
        if self.workers.scheduler is None and there < self.workers.jobs:
            own = self.client.cluster
            for name, keeper in list(own.workers.items()):
                if keeper.status.name in ("closed", "failed"):
                    own.workers.pop(name, None)  # else it is thought to be there
            own.scale(self.workers.jobs)
        return there > 0

    def close(self) -> None:
        """Let go of the connection, and of the cluster if it was started here."""
        self._open.close()
        self._client = None


def _closed(client: Any) -> None:
    with suppress(Exception):  # a scheduler that is gone cannot be told good-bye
        client.close()


def all_cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def at_work(
    backend: str = "loky", scheduler: str | None = None, jobs: int | None = None
) -> Iterator[None]:
    """Let all that simulates inside be done by these workers; a cluster is connected to once.

    Parameters
    ----------
    backend
        ``loky``: processes of this machine; ``dask``: a cluster.
    scheduler
        Address of the cluster's scheduler; a cluster of ``jobs`` processes is started if left out.

    Raises
    ------
    InputError
        If the backend does not exist or is not installed.
    """
    workers = Workers(all_cores() if jobs is None else jobs, backend, scheduler)
    workers.require()
    with workers.at_work():
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Let dask not tell of every worker that comes and goes: what matters is told by us."""
    import logging

    top = ("distributed", "tornado", "asyncio")
    below = (name for name in logging.root.manager.loggerDict if name.split(".")[0] in top)
    loud = [logging.getLogger(name) for name in {*top, *below}]
    before = [logger.level for logger in loud]
    for logger in loud:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loud, before, strict=True):
            logger.setLevel(level)


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
        yield from _over_cluster(cluster, work, items, kept)
        return
    number = min(all_cores() if jobs is None else jobs, len(items))
    if number <= 1:
        yield from ((place, work(item)) for place, item in enumerate(items))
        return
    yield from _over_processes(work, items, number, kept)


def _given_up(what: str, kept: str) -> RunError:
    return RunError(f"{what}, {PATIENCE} times with nothing finished in between. {kept}")


# ── processes ─────────────────────────────────────────────────────────────────────────────────
def _over_processes(
    work: Callable[[Item], Found], items: Sequence[Item], jobs: int, kept: str
) -> Iterator[tuple[int, Found]]:
    what = "a worker process was ended from outside, perhaps for want of memory"
    given_up = _given_up(what, f"{kept}; fewer --jobs need less memory")
    left = dict(enumerate(items))
    if can_be_copied():
        kept_crew = _crew.get()
        crew = Crew() if kept_crew is None else kept_crew
        try:
            for number, found in crew.numbered(work, left, jobs, PATIENCE):
                del left[number]
                yield number, found
        except WorkersDied:
            raise given_up from None
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
                raise given_up from None


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


# ── a cluster ─────────────────────────────────────────────────────────────────────────────────
class _Watch:
    """Over whether a cluster has workers, while it is waited for: dask would wait for ever."""

    def __init__(self, cluster: Cluster, kept: str) -> None:
        self.cluster = cluster
        self.kept = kept
        self.looked = time.monotonic()
        self.without = 0  # looks in a row at which there was none

    def look(self) -> None:
        """Raise a :class:`RunError` if there has been none for long; look now and then only."""
        if time.monotonic() < self.looked + SECONDS_BETWEEN_LOOKS:
            return
        there = False
        with suppress(Exception):  # a scheduler that does not answer has none
            there = self.cluster.has_workers()
        self.without = 0 if there else self.without + 1
        self.looked = time.monotonic()
        if self.without * SECONDS_BETWEEN_LOOKS >= SECONDS_FOR_WORKERS:
            raise RunError(
                f"{self.cluster.where} has had no workers for {SECONDS_FOR_WORKERS} seconds, or "
                f"none that lived until it was looked for. {self.kept}"
            )


def _next_of(finished: Any, watch: _Watch) -> Any:
    while not finished.has_ready():
        with finished.thread_condition:
            finished.thread_condition.wait(0.1)  # as long as dask waits
        watch.look()
    return next(finished)


def _result_of(future: Any, watch: _Watch) -> Any:
    """What a finished call has found; it is done again where its worker died before it was sent."""
    while True:
        try:
            return future.result(timeout=SECONDS_BETWEEN_LOOKS)
        except TimeoutError:
            if future.status == "error":  # it is the call's own
                raise
            watch.look()


def _over_cluster(
    cluster: Cluster, work: Callable[[Item], Found], items: Sequence[Item], kept: str
) -> Iterator[tuple[int, Found]]:
    from distributed import CancelledError, KilledWorker, as_completed
    from distributed.comm import CommClosedError

    client = cluster.client
    gone = RunError(f"the dask scheduler of {cluster.where} is gone. {kept}")
    watch = _Watch(cluster, kept)
    calls = {}
    try:
        for number, item in enumerate(items):
            calls[client.submit(work, item, pure=False)] = number
        finished = as_completed(calls)
        deaths = 0
        while calls:
            future = _next_of(finished, watch)
            number = calls.pop(future)
            try:
                found = _result_of(future, watch)
            except KilledWorker:
                deaths += 1
                if deaths == PATIENCE:
                    raise _given_up(f"a worker of {cluster.where} died", kept) from None
                again = client.submit(work, items[number], pure=False)
                calls[again] = number
                finished.add(again)
                continue
            deaths = 0
            future.release()
            yield number, found
    except (CancelledError, CommClosedError, OSError) as error:
        if isinstance(error, OSError) and client.status == "running":
            raise
        raise gone from None
    finally:
        with suppress(Exception):  # a scheduler that is gone has forgotten them
            client.cancel(list(calls))
