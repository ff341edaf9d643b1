"""Many blocks of trials over the cores, and what is kept of them.

A run is cut into stretches of trials. A stretch draws its latent uniforms once and takes every
scenario through them, so that scenarios are compared on the same participants; what it computes
depends on the trial's number alone, never on the stretch, the block or the job.

Processes by joblib and loky, which need no ``if __name__ == "__main__"`` in a user's script; a
cluster by dask. To start processes takes about a second, so a run that is shorter is done here.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import InputError, RunError
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.claims import Claims
from adaptive_cart.results.estimand import TrueValues
from adaptive_cart.results.operating import Z95
from adaptive_cart.results.rows import false_columns, looks_table, trials_table
from adaptive_cart.results.store import GO_ON, LOOKS, TRIALS, Parts, Span, Stretch, version
from adaptive_cart.running.memory import freed_memory_kept

STRETCH = 2_500  # trials in a stretch, at most
SHORTEST_STRETCH = 250
STRETCHES_A_JOB = 4  # at least, so that no core waits long for the last one
CELLS = 750_000  # participants in a block: fewer, and overhead counts; more, and memory does
PATIENCE = 2.0  # seconds of work that are not worth starting processes for

Piece = tuple[int, int, tuple[int, ...]]  # trials from, to (excluded), positions of scenarios


def block_size(design: Design) -> int:
    """Trials in a block; any other number gives the same results, only slower."""
    return max(32, min(STRETCH, CELLS // design.enrolment.max_n))


@dataclass(frozen=True)
class Job:
    """What a worker needs to run a stretch: small, and the same for all stretches.

    Attributes
    ----------
    targets
        By scenario: true values of the plan's estimands, against which coverage is measured.
    true
        By scenario that is run: all true values, by which successes are false or not.
    parts
        Folder of the finished stretches, from the root of the file system.
    version
        Of the package that started the run; a worker of another one refuses.
    """

    design: Design
    truths: Mapping[str, Truth]
    targets: Mapping[str, tuple[float, ...]]
    true: Mapping[str, TrueValues]
    seed: int
    parts: str
    version: str
    block: int

    @property
    def names(self) -> tuple[str, ...]:
        """Scenarios by position."""
        return tuple(self.truths)


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


@freed_memory_kept()
def run_stretch(job: Job, piece: Piece) -> int:
    """Run the trials of a stretch in some scenarios and keep them; returns their number."""
    import pyarrow as pa

    if version() != job.version:
        raise RunError(
            f"a worker has adaptive_cart {version()}, the run was started with {job.version}; "
            f"install the same version everywhere"
        )
    start, stop, positions = piece
    plan = Plan.of(job.design)
    trials: dict[int, list[pa.Table]] = {position: [] for position in positions}
    looks: dict[int, list[pa.Table]] = {position: [] for position in positions}
    for first in range(start, stop, job.block):
        latents = latents_for(job.design, job.seed, first, min(job.block, stop - first))
        for position in positions:
            name = job.names[position]
            block = run_block(plan, job.truths[name], job.targets[name], latents)
            claims = Claims(plan.rules, job.true[name])
            trials[position].append(trials_table(plan, name, [block], claims))
            looks[position].append(looks_table(plan, name, [block]))
    parts = Parts(job.parts)
    for position in positions:
        tables = (pa.concat_tables(blocks) for blocks in (trials[position], looks[position]))
        parts.write(Stretch(position, start, stop), *(table.combine_chunks() for table in tables))
    return (stop - start) * len(positions)


def columns_written(design: Design, truth: Truth) -> dict[str, list[str]]:
    """Columns of the tables that stretches are written with, by table: those of a single trial."""
    plan = Plan.of(design)
    unknown = (float("nan"),) * len(plan.estimands)
    block = run_block(plan, truth, unknown, latents_for(design, 0, 0, 1))
    trials = trials_table(plan, "", [block]).column_names
    return {
        TRIALS: [*trials, *false_columns(plan)],
        LOOKS: looks_table(plan, "", [block]).column_names,
    }


# ── which trials are still to be run ──────────────────────────────────────────────────────────
def spans_of(
    target: int, kept: int, finished: Sequence[Stretch]
) -> tuple[list[Span], list[tuple[int, int]]]:
    """Where the trials of one scenario are to be had, and which are nowhere.

    Parameters
    ----------
    target, kept
        Trials wanted, and trials that the tables hold.
    finished
        Its finished stretches; they may overlap each other and what is kept, and reach beyond what
        is wanted.

    Returns
    -------
    Spans in order of trial, none overlapping another; and the gaps between them.
    """
    spans = [Span(0, kept, None)] if kept else []
    gaps = []
    edge = kept
    for part in sorted(finished, key=lambda part: (part.start, -part.stop)):
        stop = min(part.stop, target)
        start = max(part.start, edge)
        if start >= stop:
            continue
        if start > edge:
            gaps.append((edge, start))
        spans.append(Span(start, stop, part))
        edge = stop
    if edge < target:
        gaps.append((edge, target))
    return spans, gaps


def stretch_length(trials: int, jobs: int) -> int:
    """Trials in a stretch: not too few to be worth a file, and some stretches for every job."""
    share = math.ceil(trials / (jobs * STRETCHES_A_JOB))
    return min(max(share, SHORTEST_STRETCH), STRETCH)


def pieces_of(gaps: Mapping[int, Sequence[tuple[int, int]]], length: int) -> list[Piece]:
    """Cut what is missing into stretches, with all scenarios that lack the same trials.

    Parameters
    ----------
    gaps
        By position of the scenario.
    """
    lacking: dict[tuple[int, int], list[int]] = {}
    for position, missing in gaps.items():
        for start, stop in missing:
            edges = [start, *range(start - start % length + length, stop, length), stop]
            for piece in itertools.pairwise(edges):
                lacking.setdefault(piece, []).append(position)
    return [(start, stop, tuple(places)) for (start, stop), places in sorted(lacking.items())]


def trials_in(pieces: Sequence[Piece]) -> int:
    """How many trials these stretches have, all scenarios together."""
    return sum((stop - start) * len(positions) for start, stop, positions in pieces)


# ── over the cores ────────────────────────────────────────────────────────────────────────────
def run_stretches(
    job: Job, pieces: Sequence[Piece], workers: Workers, done: Callable[[int], None]
) -> None:
    """Run stretches over the workers; ``done`` is told the number of trials of each.

    Raises
    ------
    RunError
        If a worker dies or cannot write; what was finished is kept.
    """
    if workers.backend == "dask":
        _over_cluster(job, pieces, workers, done)
        return
    left = list(pieces)
    jobs = workers.jobs
    if jobs > 1 and left:
        jobs = _worthwhile(job, left, jobs, done)
    if jobs > 1:
        _over_processes(job, left, jobs, done)
        return
    for piece in left:
        done(run_stretch(job, piece))


def _worthwhile(job: Job, left: list[Piece], jobs: int, done: Callable[[int], None]) -> int:
    """Run a block or two here, take them off what is left, and say how many jobs the rest is worth.

    The first block is slower than all others (imports, tables that are remembered), so that only
    the second one tells, unless the first took very long.
    """
    for warm in (False, True):
        if not left:
            return 1
        start, stop, positions = left[0]
        middle = min(start + job.block, stop)
        left[0:1] = [(middle, stop, positions)] if middle < stop else []
        began = time.perf_counter()
        trials = run_stretch(job, (start, middle, positions))
        seconds = time.perf_counter() - began
        done(trials)
        if (warm or seconds > PATIENCE) and seconds / trials * trials_in(left) > PATIENCE:
            return min(jobs, len(left))
    return 1


def _over_processes(
    job: Job, pieces: Sequence[Piece], jobs: int, done: Callable[[int], None]
) -> None:
    import joblib
    from joblib.externals.loky.process_executor import BrokenProcessPool

    parallel = joblib.Parallel(n_jobs=jobs, backend="loky", return_as="generator_unordered")
    parent = os.getpid()
    calls = (joblib.delayed(_in_process)(job, piece, parent) for piece in pieces)
    results: Any = iter(())
    try:
        with hidden_from_ctrl_c():
            results = parallel(calls)
        for trials in results:
            done(trials)
    except BrokenProcessPool:
        raise RunError(
            f"a worker process was ended from outside, perhaps for want of memory. {GO_ON}; "
            f"fewer --jobs need less memory"
        ) from None
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that work was cancelled is what was asked for
            del results


@contextmanager
def hidden_from_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C wait while processes are started, and let them never see it.

    It is the run's to answer: a worker would print a traceback of whatever it was importing, and
    joblib is not made to be interrupted in the middle of handing out work.
    """
    resource_tracker.ensure_running()  # where it is started later, it lets Ctrl-C through again
    waiting: list[int] = []
    usual = None
    if threading.current_thread() is threading.main_thread():
        usual = signal.getsignal(signal.SIGINT)
    if usual is not None:
        signal.signal(signal.SIGINT, lambda number, frame: waiting.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # processes inherit this
    # an interrupted pool may leave a semaphore to its tracker, which would tell after we have ended
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    try:
        yield
    finally:
        sys.warnoptions.pop()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if usual is not None:
            signal.signal(signal.SIGINT, usual)
    if waiting:
        signal.raise_signal(signal.SIGINT)


def _in_process(job: Job, piece: Piece, parent: int) -> int:
    belong_to(parent)
    return run_stretch(job, piece)


@functools.cache
def belong_to(parent: int) -> None:
    """Let this worker process end with the run that started it.

    Where the run is killed, its workers must not write behind the back of the one that goes on.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _over_cluster(
    job: Job, pieces: Sequence[Piece], workers: Workers, done: Callable[[int], None]
) -> None:
    from distributed import Client, KilledWorker, as_completed

    where = workers.scheduler or "a cluster on this machine"
    try:
        if workers.scheduler:
            client = Client(workers.scheduler)
        else:
            client = Client(n_workers=workers.jobs, threads_per_worker=1, dashboard_address=None)
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"--backend dask: cannot reach {where}: {error}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=60)
            calls = client.map(functools.partial(run_stretch, job), pieces, pure=False)
            for future in as_completed(calls):
                done(future.result())
        except KilledWorker as error:
            raise RunError(f"a worker of {where} died: {error}. {GO_ON}") from None
        except TimeoutError:
            raise RunError(f"--backend dask: {where} has no workers") from None


def all_cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def trials_for(mcse: float, successes: int, trials: int) -> int:
    """How many trials the success probability needs for a Monte Carlo standard error.

    The proportion is taken as (successes + z²/2) / (trials + z²), z = 1.96, so that none or all
    does not look like certainty (Agresti & Coull 1998, Am Stat 52:119). It lies nearer to one half
    than the plain proportion does, whose error is therefore small enough too.
    """
    p = (successes + Z95**2 / 2) / (trials + Z95**2)
    return math.ceil(p * (1 - p) / mcse**2)
