"""A dask cluster as the workers: connected to, watched over while it is waited for, and left.

dask itself would wait for ever: for workers that do not come, for workers that it has paused, for a
scheduler that does not answer. So a cluster is looked at every few seconds. What keeps it from
working is told in a line, and where it lasts for a minute, the work is given up in another; what is
finished by then is kept by whoever asked for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from adaptive_cart.errors import RunError
from adaptive_cart.nouns.progress import Tell, unheard
from adaptive_cart.running.ctrl_c import ctrl_c_waits

PATIENCE = 3  # times that workers die with no call finished in between, before we give up
SECONDS_FOR_WORKERS = 60  # that a cluster may be without any that works
SECONDS_TO_COME_AGAIN = 60  # that a cluster of our own waits for one that died
SECONDS_BETWEEN_LOOKS = 5.0  # at whether it has some, and that its scheduler may take to answer
LOOKS_BEFORE_TOLD = 2  # in a row at which it does not work
DEATHS_OF_A_TASK = 10  # that a cluster of our own forgives, where another's forgives three

NO_WORKERS = "has had no workers for {} seconds, or none that lived until it was looked for"
PAUSED = (
    "has had all its workers paused for {} seconds, as dask does where four fifths of a worker's "
    "memory are in use"
)
UNANSWERED = "has a scheduler that has not answered for {} seconds"

Item = TypeVar("Item")
Found = TypeVar("Found")


def given_up(what: str, kept: str) -> RunError:
    """The error where workers die again and again."""
    return RunError(f"{what}, {PATIENCE} times with nothing finished in between. {kept}")


class Cluster:
    """A dask cluster, connected to when there is first something to be done.

    Attributes
    ----------
    jobs
        Processes of a cluster that is started here.
    scheduler
        Address of a cluster that runs already.
    where
        In words, for messages.
    tell
        Called with a line where it does not work and is waited for.
    """

    def __init__(
        self,
        jobs: int,
        scheduler: str | None = None,
        tell: Tell = unheard,
    ) -> None:
        self.jobs = jobs
        self.scheduler = scheduler
        self.tell = tell
        self.where = scheduler or "a cluster on this machine"
        self._open = ExitStack()
        self._client: Any = None

    @property
    def client(self) -> Any:
        """The connection.

        Raises
        ------
        RunError
            If the cluster cannot be reached.
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
        # workers of our own tell of whatever they did when they were let go
        quiet = {"distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "critical"}
        self._open.enter_context(dask.config.set(forgiving | quiet))
        own = {
            "n_workers": self.jobs,
            "threads_per_worker": 1,
            "dashboard_address": None,
            # whatever port is free: that a fixed one is in use would be told with a warning
            "scheduler_kwargs": {"dashboard_address": ":0"},
        }
        where: dict[str, Any] = {"address": self.scheduler} if self.scheduler else own
        where |= {"loop": self._open.enter_context(_deaf_loop())}
        for left in reversed(range(PATIENCE)):
            try:
                client = Client(**where)
                break
            except (OSError, ValueError, TypeError) as error:
                raise RunError(f"--backend dask: cannot reach {self.where}: {error}") from None
            except RuntimeError as error:  # a worker was ended while it was being started
                if self.scheduler:
                    raise RunError(f"--backend dask: cannot reach {self.where}: {error}") from None
                if not left:
                    raise RunError(
                        f"--backend dask: {self.where} does not start: a worker process was ended "
                        f"from outside while it was started, {PATIENCE} times"
                    ) from None
        self._open.callback(_closed, client)
        return client

    def hindrance(self) -> str:
        """What keeps it from working now, with a place for seconds; empty where it works.

        A cluster that was started here starts the workers that it lacks.
        """
        client = self.client
        try:
            known = client.sync(client.scheduler.identity, callback_timeout=SECONDS_BETWEEN_LOOKS)
        except Exception:  # whatever the connection makes of it
            return UNANSWERED
        workers = known["workers"].values()
        if self.scheduler is None and len(workers) < self.jobs:
            self._start_again()
        if not workers:
            return NO_WORKERS
        return "" if any(map(_works, workers)) else PAUSED

    def _start_again(self) -> None:
        own = self.client.cluster
        for name, keeper in list(own.workers.items()):
            if keeper.status.name in ("closed", "failed"):
                own.workers.pop(name, None)  # else it is thought to be there
        own.scale(self.jobs)

    def close(self) -> None:
        """Let go of the connection, and of the cluster if it was started here."""
        self._open.close()
        self._client = None


def _works(worker: dict[str, Any]) -> bool:
    """Whether a worker takes calls, or ends one that it has: one that is paused does."""
    under_way = worker.get("metrics", {}).get("task_counts", {}).get("executing", 0)
    return worker.get("status") != "paused" or under_way > 0


def _closed(client: Any) -> None:
    with suppress(Exception):  # a scheduler that is gone cannot be told good-bye
        client.close(timeout=SECONDS_BETWEEN_LOOKS)


@contextmanager
def _deaf_loop() -> Iterator[Any]:
    """What dask does beside us, in a thread that never sees Ctrl-C; nor do processes made there.

    Workers of our own would print a traceback each of whatever they were doing.
    """
    from distributed.utils import LoopRunner

    runner = LoopRunner()
    resource_tracker.ensure_running()  # where it is started later, it lets Ctrl-C through again
    with ctrl_c_waits():
        runner.start()
    try:
        yield runner.loop
    finally:
        runner.stop()


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


class Watch:
    """Over whether a cluster works, while it is waited for.

    Looks are counted and not seconds, so that a computer that was asleep does not give up.
    """

    def __init__(self, cluster: Cluster, kept: str) -> None:
        self.cluster = cluster
        self.kept = kept
        self.looked = time.monotonic()
        self.without = 0  # looks in a row at which it did not work

    def look(self) -> None:
        """Raise a :class:`RunError` if it has not worked for long; look now and then only."""
        now = time.monotonic()
        if now < self.looked + SECONDS_BETWEEN_LOOKS:
            return
        self.looked = now
        hindrance = self.cluster.hindrance()
        if not hindrance:
            self.works()
            return
        self.without += 1
        waited = self.without * SECONDS_BETWEEN_LOOKS
        if waited >= SECONDS_FOR_WORKERS:
            reason = hindrance.format(f"{waited:g}")
            raise RunError(f"{self.cluster.where} {reason}. {self.kept}")
        if self.without == LOOKS_BEFORE_TOLD:
            reason = hindrance.format(f"{waited:g}")
            self.cluster.tell(
                f"{self.cluster.where} {reason}; given up after {SECONDS_FOR_WORKERS:g} seconds"
            )

    def works(self) -> None:
        """Begin to count anew: it has workers, or a result has come."""
        if self.without >= LOOKS_BEFORE_TOLD:
            self.cluster.tell(f"{self.cluster.where} works again")
        self.without = 0


def _next_of(finished: Any, watch: Watch) -> Any:
    while not finished.has_ready():
        with finished.thread_condition:
            finished.thread_condition.wait(0.1)  # as long as dask waits
        watch.look()
    return next(finished)


def _result_of(future: Any, watch: Watch) -> Any:
    """What a finished call has found; it is done again where its worker died before it was sent."""
    while True:
        try:
            return future.result(timeout=SECONDS_BETWEEN_LOOKS)
        except TimeoutError:
            if future.status == "error":  # it is the call's own
                raise
            watch.look()


def over_cluster(
    cluster: Cluster, work: Callable[[Item], Found], items: Sequence[Item], kept: str
) -> Iterator[tuple[int, Found]]:
    """Number and result of each call, as they come.

    Raises
    ------
    RunError
        If worker after worker dies, the cluster does not work for a minute, or is gone.
    """
    from distributed import CancelledError, KilledWorker, as_completed
    from distributed.comm import CommClosedError

    client = cluster.client
    gone = RunError(f"the dask scheduler of {cluster.where} is gone. {kept}")
    watch = Watch(cluster, kept)
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
                    raise given_up(f"a worker of {cluster.where} died", kept) from None
                again = client.submit(work, items[number], pure=False)
                calls[again] = number
                finished.add(again)
                continue
            deaths = 0
            watch.works()
            future.release()
            yield number, found
    except (CancelledError, CommClosedError, OSError) as error:
        if isinstance(error, OSError) and client.status == "running":
            raise
        raise gone from None
    finally:
        # nobody wants them any more; to cancel them would wait for the scheduler's answer
        for future in calls:
            future.release()
