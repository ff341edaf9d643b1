"""Many blocks of trials over the cores, and what is kept of them.

A run is cut into stretches of trials. A stretch draws its latent uniforms once and takes every
scenario through them, so that scenarios are compared on the same participants; what it computes
depends on the trial's number alone, never on the stretch, the block or the job.

Who runs them is :mod:`adaptive_cart.running.workers`. To start processes takes its time, so what is
soon done is done here.
"""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import RunError
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.claims import Claims
from adaptive_cart.results.estimand import TrueValues
from adaptive_cart.results.figure import Z95
from adaptive_cart.results.parquet_tables import GO_ON
from adaptive_cart.results.parts import Parts, Span, Stretch
from adaptive_cart.results.rows import false_columns, looks_table, trials_table
from adaptive_cart.results.store import LOOKS, TRIALS, version
from adaptive_cart.running.memory import freed_memory_kept
from adaptive_cart.running.workers import (
    over_a_cluster,
    seconds_to_start,
    spread_as_finished,
    worth_processes,
)

STRETCH = 5_000  # trials in a stretch, at most
SHORTEST_STRETCH = 250
STRETCHES_A_JOB = 4  # at least, so that no core waits long for the last one
CELLS = 1_500_000  # participants in a block: fewer, and overhead counts; more, and memory does
TELLING = 0.3  # of the seconds that processes take to start: work that tells of the rest
SHORT = 0.5  # seconds of work in the last stretches: longer ones let a job wait for another
LAST = 24  # parts of a job's share, of which they are one at least: shorter cost more than to wait
FEWEST = 3  # stretches of the shortest that a job's share has
DOUBT = 20.0  # times as long as a trial among many takes a trial among few, at most
FIXED = 0.08  # seconds of a scenario that any number of trials takes, at most
AFFORDED = 1.0  # seconds of work that one job may lose where it is stopped

Piece = tuple[int, int, tuple[int, ...]]  # trials from, to (excluded), positions of scenarios


def block_size(design: Design) -> int:
    """Trials in a block; any other number gives the same results, only slower."""
    # shares are renewed at every look, and most of that costs the same for any number of trials
    cells = CELLS if design.randomisation.by_shares is None else 2 * CELLS
    return max(32, min(STRETCH, cells // design.enrolment.max_n))


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
            block = run_block(plan, job.truths[name], job.targets[name], latents, as_observed=True)
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
    block = run_block(plan, truth, unknown, latents_for(design, 0, 0, 1), as_observed=True)
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


def joined(pieces: Sequence[Piece], longest: float = STRETCH) -> list[Piece]:
    """The same trials in as few stretches as may be, none of them made longer than that."""
    found: list[Piece] = []
    for start, stop, positions in pieces:
        if found and found[-1][1:] == (start, positions) and stop - found[-1][0] <= longest:
            start = found.pop()[0]
        found.append((start, stop, positions))
    return found


def tapered(pieces: Sequence[Piece], jobs: int, shortest: int) -> list[Piece]:
    """The same trials in stretches of half a job's share of what is left, so ever shorter ones.

    Long ones cost least a trial; with short ones at the end no job waits long for the last. What
    would be less than half of the shortest is run with those before it.
    """
    left = sum(stop - start for start, stop, _ in pieces)
    shortest = min(shortest, max(math.ceil(left / (FEWEST * jobs)), SHORTEST_STRETCH))
    shortest = min(max(shortest, math.ceil(left / (LAST * jobs))), STRETCH)
    found: list[Piece] = []
    for start, stop, positions in joined(pieces, math.inf):
        while start < stop:
            size = min(max(math.ceil(left / (2 * jobs)), shortest), STRETCH)
            if stop - start - size < shortest / 2 and stop - start <= STRETCH:
                size = stop - start
            found.append((start, start + size, positions))
            start, left = start + size, left - size
    return found


def trials_in(pieces: Sequence[Piece]) -> int:
    """How many trials these stretches have, all scenarios together."""
    return sum((stop - start) * len(positions) for start, stop, positions in pieces)


# ── over the cores ────────────────────────────────────────────────────────────────────────────
def run_stretches(job: Job, pieces: Sequence[Piece], jobs: int, done: Callable[[int], None]) -> int:
    """Run stretches over the workers; ``done`` is told the number of trials of each.

    Returns
    -------
    How many processes of this machine there was work for.

    Raises
    ------
    RunError
        If workers die again and again, or one cannot write; what was finished is kept.
    """
    left = list(pieces)
    if len(left) <= 1:
        jobs = 1
    elif not over_a_cluster():
        jobs = _worthwhile(job, left, jobs, done) if jobs > 1 else _alone(job, left, done)
    for trials in spread_as_finished(functools.partial(run_stretch, job), left, jobs, GO_ON):
        done(trials)
    return jobs


def _alone(job: Job, left: list[Piece], done: Callable[[int], None]) -> int:
    """Run a stretch, and join those after it as far as they take no longer than may be lost."""
    began = time.perf_counter()
    run = run_stretch(job, left[0])
    seconds = time.perf_counter() - began
    done(run)
    trials = left[0][1] - left[0][0]
    afforded = AFFORDED / seconds * trials if seconds > 0.0 else STRETCH
    left[:] = joined(left[1:], min(afforded, STRETCH))
    return 1


def _worthwhile(job: Job, left: list[Piece], jobs: int, done: Callable[[int], None]) -> int:
    """Run some trials here, take them off what is left, and say how many jobs the rest is worth.

    The first ones are slower than all others (imports, tables that are remembered), so that only
    those after them tell that more jobs are needed, unless the first took very long. They are few,
    since other cores wait, and twice as many until they took long enough to tell. That one job does
    is told by any of them, since a trial costs most where few are run together; what is left
    is then cut as for one. Where it may be that alone which makes the rest look long, it is what
    more trials take more time that tells. Seconds are of the processor, whatever else it does
    meanwhile.
    """
    trials, warm, telling = SHORTEST_STRETCH, False, TELLING * seconds_to_start()
    before: _Run | None = None
    while left:
        start, stop, positions = left[0]
        middle = min(start + min(trials, job.block), stop)
        left[0:1] = [(middle, stop, positions)] if middle < stop else []
        began = time.process_time()
        number = run_stretch(job, (start, middle, positions))
        run = _Run(number, time.process_time() - began)
        done(number)
        rest = trials_in(left)
        if not worth_processes(run.each * rest):
            break
        told = warm and (run.seconds > telling or trials >= job.block)
        least = max(run.each / DOUBT, (run.seconds - FIXED * len(positions)) / number)
        if worth_processes(run.seconds) or (told and worth_processes(least * rest)):
            return _shared_out(left, jobs, run.each * len(positions))
        more = run.each_after(before)
        if told and (more is not None or trials >= job.block):
            each = run.each if more is None else more
            if not worth_processes(each * rest):
                break
            return _shared_out(left, jobs, each * len(positions))
        before = run if warm else before
        trials, warm = (2 * trials, True) if warm else (trials, True)
    left[:] = joined(left)
    return 1


@dataclass(frozen=True)
class _Run:
    """So many trials that were run together, of all scenarios, and the seconds that they took."""

    number: int
    seconds: float

    @property
    def each(self) -> float:
        """Seconds of a trial, with its part of what any number of them costs."""
        return self.seconds / self.number

    def each_after(self, other: _Run | None) -> float | None:
        """Seconds of a trial without that part, by a run of fewer; nothing if that is unknown."""
        if other is None or other.number >= self.number:
            return None
        more = (self.seconds - other.seconds) / (self.number - other.number)
        return min(max(more, self.each / DOUBT), self.each)


def _shared_out(left: list[Piece], jobs: int, seconds: float) -> int:
    """Cut what is left for some jobs; ``seconds`` a trial takes in all scenarios."""
    left[:] = tapered(left, jobs, max(math.ceil(SHORT / seconds), SHORTEST_STRETCH))
    return min(jobs, len(left))


def trials_for(mcse: float, successes: int, trials: int) -> int:
    """How many trials the success probability needs for a Monte Carlo standard error.

    The proportion is taken as (successes + z²/2) / (trials + z²), z = 1.96, so that none or all
    does not look like certainty (Agresti & Coull 1998, Am Stat 52:119). It lies nearer to one half
    than the plain proportion does, whose error is therefore small enough too.
    """
    p = (successes + Z95**2 / 2) / (trials + Z95**2)
    return math.ceil(p * (1 - p) / mcse**2)
