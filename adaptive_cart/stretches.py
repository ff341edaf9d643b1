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
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.design import Design
from adaptive_cart.operating import Z95
from adaptive_cart.population import latents_for
from adaptive_cart.rules import REASONS
from adaptive_cart.store import Store, Stretch
from adaptive_cart.trial import Block, Plan, run_block
from adaptive_cart.truth import Truth

if TYPE_CHECKING:
    import pyarrow as pa

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
    estimands: Mapping[str, float]
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
            block = run_block(plan, job.truths[name], job.estimands[name], latents)
            blocks[position].append(block)
    store = Store(job.folder)
    successes = {}
    for position, run in blocks.items():
        name = job.names[position]
        trials = trials_table(plan, name, run)
        store.write_stretch(Stretch(position, start, stop), trials, looks_table(plan, name, run))
        successes[name] = sum(int((block.reason == 0).sum()) for block in run)
    return successes


def trials_table(plan: Plan, scenario: str, blocks: list[Block]) -> pa.Table:
    """Rows of ``trials.parquet``."""
    import pyarrow as pa

    def whole(name: str) -> Any:
        return np.concatenate([getattr(block, name) for block in blocks])

    trial = np.concatenate(
        [np.arange(block.first_trial, block.first_trial + len(block.reason)) for block in blocks]
    )
    rules = np.array([*(rule.name for rule in plan.rules), ""], dtype=object)
    return pa.table(
        {
            "scenario": _constant(scenario, len(trial)),
            "trial": trial,
            "reason": _labels(np.array(REASONS, dtype=object), whole("reason")),
            "rule": _labels(rules, whole("rule")),
            "look": whole("look"),
            "months": whole("months"),
            "n_randomised": whole("randomised"),
            "n_analysed": whole("analysed"),
            "n_infused": whole("infused"),
            "probability": whole("probability"),
            "estimate": whole("estimate"),
            "covered": whole("covered"),
            "n_analysed_final": whole("analysed_final"),
            "estimate_final": whole("estimate_final"),
            "covered_final": whole("covered_final"),
            "reversal": whole("reversal"),
            "failed": whole("failed"),
        }
    )


def looks_table(plan: Plan, scenario: str, blocks: list[Block]) -> pa.Table:
    """Rows of ``looks.parquet``, ordered by trial, look, arm and stratum."""
    import pyarrow as pa

    design = plan.design
    arms = np.array(design.arm_names, dtype=object)
    strata = np.array(design.stratum_names or ("",), dtype=object)
    parts: dict[str, list[Any]] = {}
    for block in blocks:
        for name, values in _look_columns(plan, block).items():
            parts.setdefault(name, []).append(values)
    columns = {name: np.concatenate(values) for name, values in parts.items()}
    order = np.lexsort((columns["stratum"], columns["arm"], columns["look"], columns["trial"]))
    columns = {name: values[order] for name, values in columns.items()}
    table = {"scenario": _constant(scenario, len(order)), "trial": columns.pop("trial")}
    table["look"] = columns.pop("look")
    table["arm"] = _labels(arms, columns.pop("arm"))
    table["stratum"] = _labels(strata, columns.pop("stratum"))
    return pa.table({**table, **columns})


def _look_columns(plan: Plan, block: Block) -> dict[str, Any]:
    """Columns of one block, a row for each trial that reached the look, its arms and strata."""
    design = plan.design
    shape = (len(block.reason), len(design.arm_names), len(design.shares))
    parts: dict[str, list[Any]] = {}
    for record in block.looks:
        reached = np.flatnonzero(record.reached)

        def spread(
            values: Any, reached: Any = reached, shape: tuple[int, ...] = shape
        ) -> Any:
            """Repeat a number a trial over arms and strata."""
            return np.repeat(values[reached], shape[1] * shape[2])

        def cells(values: Any, reached: Any = reached) -> Any:
            return values[reached].reshape(-1)

        arm, stratum = np.indices(shape[1:])
        columns = {
            "trial": spread(block.first_trial + np.arange(shape[0])),
            "look": np.full(len(reached) * shape[1] * shape[2], record.look, dtype=np.int8),
            "arm": np.tile(arm.reshape(-1).astype(np.int8), len(reached)),
            "stratum": np.tile(stratum.reshape(-1).astype(np.int8), len(reached)),
            "months": spread(record.date),
            "last": spread(block.look == record.look),
            "n_randomised": cells(record.randomised),
            "n_infused": cells(record.infused),
        }
        for endpoint, summary in record.summaries.items():
            for name, values in summary.columns().items():
                columns[f"{endpoint}_{name}"] = cells(values)
        for rule in plan.rules:
            probability = record.probabilities.get(rule.name, np.full(shape[0], np.nan))
            columns[f"p_{rule.name}"] = spread(probability)
        for name, values in columns.items():
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def _labels(words: Any, positions: Any) -> Any:
    """Text by position, kept as positions in the file."""
    import pyarrow as pa

    indices = pa.array(np.where(positions < 0, len(words) - 1, positions).astype(np.int8))
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(words), pa.string()))


def _constant(word: str, rows: int) -> Any:
    return _labels(np.array([word], dtype=object), np.zeros(rows, dtype=np.int8))


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
