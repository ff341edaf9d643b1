"""Many blocks of trials over the cores, and what is kept of them.

A run is cut into stretches of trials. A stretch draws its latent uniforms once and takes every
scenario through them, so that scenarios are compared on the same participants; what it computes
depends on the trial's number alone, never on the stretch, the block or the job.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adaptive_cart.design import Design
from adaptive_cart.operating import Z95
from adaptive_cart.plan import Plan
from adaptive_cart.population import latents_for
from adaptive_cart.rows import looks_table, trials_table
from adaptive_cart.standing import SUCCESS
from adaptive_cart.store import Store, Stretch
from adaptive_cart.trial import Block, run_block
from adaptive_cart.truth import Truth

STRETCH = 2_500
CELLS = 45_000  # participants in a block: its arrays then stay in a core's cache


def block_size(design: Design) -> int:
    """Trials in a block; any other number gives the same results, only slower."""
    return max(32, CELLS // design.enrolment.max_n)


@dataclass(frozen=True)
class Job:
    """What a worker needs to run a stretch: small, and the same for all stretches."""

    design: Design
    truths: Mapping[str, Truth]
    targets: Mapping[str, tuple[float, ...]]
    seed: int
    folder: str
    block: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.truths)


def run_stretch(job: Job, start: int, stop: int, positions: tuple[int, ...]) -> dict[str, int]:
    """Run trials ``start`` to ``stop`` of some scenarios and keep them; returns successes."""
    plan = Plan.of(job.design)
    blocks: dict[int, list[Block]] = {position: [] for position in positions}
    for first in range(start, stop, job.block):
        latents = latents_for(job.design, job.seed, first, min(job.block, stop - first))
        for position in positions:
            name = job.names[position]
            block = run_block(plan, job.truths[name], job.targets[name], latents)
            blocks[position].append(block)
    store = Store(job.folder)
    successes = {}
    for position, run in blocks.items():
        name = job.names[position]
        trials = trials_table(plan, name, run)
        store.write_stretch(Stretch(position, start, stop), trials, looks_table(plan, name, run))
        successes[name] = sum(int((block.standing.reason == SUCCESS).sum()) for block in run)
    return successes


# ── which trials are still to be run ──────────────────────────────────────────────────────────
def missing_stretches(
    targets: Mapping[int, int], kept: Mapping[int, int], finished: list[Stretch]
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Stretches still to be run, with the scenarios that lack each.

    Parameters
    ----------
    targets, kept
        By scenario position: trials wanted, and trials that the tables already hold.
    finished
        Stretches of an earlier run that are not in the tables yet.
    """
    lacking: dict[tuple[int, int], list[int]] = {}
    for position, target in targets.items():
        done = sorted(
            [(0, kept.get(position, 0))]
            + [(part.start, part.stop) for part in finished if part.scenario == position]
        )
        edge = 0
        for start, stop in [*done, (target, target)]:
            while edge < min(start, target):
                after = min(edge - edge % STRETCH + STRETCH, start, target)
                lacking.setdefault((edge, after), []).append(position)
                edge = after
            edge = max(edge, stop)
    for (start, stop), positions in sorted(lacking.items()):
        yield start, stop, tuple(positions)


def within(finished: list[Stretch], targets: Mapping[int, int]) -> list[Stretch]:
    """Finished stretches that a run uses: none reaches beyond what is wanted."""
    return [part for part in finished if part.stop <= targets.get(part.scenario, 0)]


# ── over the cores ────────────────────────────────────────────────────────────────────────────
def run_stretches(
    job: Job,
    stretches: list[tuple[int, int, tuple[int, ...]]],
    jobs: int,
    backend: str,
    scheduler: str | None,
    done: Callable[[int], None],
) -> None:
    """Run stretches over ``jobs`` processes; ``done`` is told the number of trials of each."""
    workers = min(jobs, len(stretches)) if backend == "loky" else jobs
    if backend == "loky" and workers <= 1:
        for start, stop, positions in stretches:
            run_stretch(job, start, stop, positions)
            done((stop - start) * len(positions))
        return
    import joblib

    with _backend(backend, scheduler):
        parallel = joblib.Parallel(
            n_jobs=workers if backend == "loky" else -1, return_as="generator_unordered"
        )
        calls = (
            joblib.delayed(_numbered)(job, start, stop, positions)
            for start, stop, positions in stretches
        )
        for number in parallel(calls):
            done(number)


def _numbered(job: Job, start: int, stop: int, positions: tuple[int, ...]) -> int:
    run_stretch(job, start, stop, positions)
    return (stop - start) * len(positions)


def _backend(backend: str, scheduler: str | None) -> Any:
    import joblib

    if backend == "loky":
        return joblib.parallel_config(backend="loky")
    from adaptive_cart.errors import InputError

    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "--backend dask needs the package 'distributed'; type: pip install distributed"
        ) from None
    Client(scheduler) if scheduler else Client()
    return joblib.parallel_config(backend="dask")


def all_cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def trials_for(mcse: float, successes: int, trials: int) -> int:
    """How many trials the success probability needs for a Monte Carlo standard error.

    The proportion is taken as (successes + 2) / (trials + 4), so that none or all does not look
    like certainty (Agresti & Coull 1998).
    """
    p = (successes + Z95**2 / 2) / (trials + Z95**2)
    return math.ceil(p * (1 - p) / mcse**2)


def default_folder(stem: str) -> Path:
    """Where results go if nothing else is said."""
    return Path("results") / stem
