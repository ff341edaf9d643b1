"""The classical design, judged on simulated trials: the very ones that the other design has.

The trials are run again with no rule at all, to their last look, and the classical test is made at
each look of each, so that both designs judge the same participants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.comparison.alpha_spending import z_statistic
from adaptive_cart.comparison.classical import Classical
from adaptive_cart.comparison.logrank import at_risk, hazard_ratio, logrank
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Snapshot, any_of
from adaptive_cart.nouns.records import pooled as over_strata
from adaptive_cart.nouns.summaries import Counts, Durations, Summary
from adaptive_cart.participants.population import latents_for
from adaptive_cart.running.run import Progress
from adaptive_cart.running.stretches import block_size


@dataclass(frozen=True)
class Outcomes:
    """What became of the trials of one scenario; ``(trial,)`` unless said.

    Attributes
    ----------
    won
        ``(trial, arm)``, experimental arms only: did it succeed?
    futility
        Every arm was given up before the last look.
    look
        The look that ended the trial, from 1.
    estimate
        ``(trial, arm)`` at that look: the observed difference to the control, or the hazard ratio.
    reversal
        A success of which no arm still reaches its boundary once the pipeline has been followed up.
    """

    won: Booleans
    futility: Booleans
    look: Integers
    months: Floats
    randomised: Integers
    analysed: Integers
    infused: Integers
    estimate: Floats
    reversal: Booleans

    @property
    def success(self) -> Booleans:
        """Trials in which any arm succeeded, ``(trial,)``."""
        return any_of(self.won)

    def joined(self, other: Outcomes) -> Outcomes:
        """Put further trials behind these."""
        return Outcomes(*(np.concatenate([a, vars(other)[name]]) for name, a in vars(self).items()))


@dataclass(frozen=True)
class Seen:
    """What the test sees at a look.

    Attributes
    ----------
    z
        ``(trial, arm)``, experimental arms only; the larger the better.
    information
        ``(trial, arm)`` participants analysed, or events, of the arm and the control.
    reached
        ``(trial,)`` the same of all arms.
    estimate
        ``(trial, arm)``.
    """

    z: Floats
    information: Integers
    reached: Integers
    estimate: Floats


def judged_trials(
    design: Classical,
    truth: Truth,
    seed: int,
    trials: int,
    progress: Progress = lambda what, done, total: None,
) -> Outcomes:
    """Judge the first ``trials`` simulated trials of a seed by the classical test."""
    plan = replace(Plan.of(design.design), rules=(), estimands=())
    size = block_size(design.design)
    found: Outcomes | None = None
    for first in range(0, trials, size):
        progress("group-sequential", first, trials)
        block = _judged_block(design, plan, truth, seed, first, min(size, trials - first))
        found = block if found is None else found.joined(block)
    assert found is not None
    return found


def _judged_block(
    design: Classical, plan: Plan, truth: Truth, seed: int, first: int, trials: int
) -> Outcomes:
    name = plan.design.primary
    latents = latents_for(plan.design, seed, first, trials)
    block = run_block(plan, truth, (), latents, keep_population=True)
    looks = [record for record in block.looks if not record.between]
    held = np.stack([record.held for record in looks])  # (look, trial)
    seen = [seen_at(design, record.summaries[name]) for record in looks]
    bounds = boundaries(design, seen, held)
    won, futility, ended = decided(design, np.stack([at.z for at in seen]), bounds, held)

    def at_the_end(values: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return np.stack(values)[ended, np.arange(trials)]

    randomised = at_the_end([record.randomised.sum(axis=(1, 2)) for record in looks])
    months = at_the_end([record.date for record in looks])
    population = block.population
    assert population is not None
    endpoint = plan.design.primary_endpoint
    everybody = Snapshot(
        plan.schedule.all_observed(population, randomised, months), randomised, population
    )
    followed = seen_at(design, endpoint.summary(endpoint.prepare(name, population), everybody))
    # every arm that won is held against the boundary that it had reached
    mine = np.take_along_axis(bounds, np.maximum(won - 1, 0)[None], axis=0)[0]
    stands = (won > 0) & (followed.z >= mine)
    return Outcomes(
        won=won > 0,
        futility=futility,
        look=ended + 1,
        months=months,
        randomised=randomised,
        analysed=at_the_end([record.summaries[name].analysed.sum(axis=(1, 2)) for record in looks]),
        infused=at_the_end([record.infused.sum(axis=(1, 2)) for record in looks]),
        estimate=at_the_end([at.estimate for at in seen]),
        reversal=(won > 0).any(axis=1) & ~stands.any(axis=1),
    )


# ── the test ──────────────────────────────────────────────────────────────────────────────────
def seen_at(design: Classical, summary: Summary) -> Seen:
    """Make the test of every experimental arm against the control."""
    if isinstance(summary, Durations):
        found = _of_times(summary, len(design.experimental))
    else:
        assert isinstance(summary, Counts)
        found = of_counts(over_strata(summary.successes), over_strata(summary.totals))
    return found if design.higher_is_better else replace(found, z=-found.z)


def of_counts(successes: Integers, totals: Integers) -> Seen:
    """Make the z test of two proportions; responders and participants are ``(trial, arm)``."""
    arms = range(1, totals.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        rates: Floats = successes / totals
    z = [
        z_statistic((successes[:, 0], successes[:, arm]), (totals[:, 0], totals[:, arm]))
        for arm in arms
    ]
    return Seen(
        np.stack(z, axis=1), totals[:, :1] + totals[:, 1:], totals.sum(axis=1),
        rates[:, 1:] - rates[:, :1],
    )  # fmt: skip


def _of_times(summary: Durations, arms: int) -> Seen:
    control = summary.included & (summary.arm == 0)
    risks = [
        at_risk(summary.months, summary.event, control, summary.included & (summary.arm == arm))
        for arm in range(1, arms + 1)
    ]
    return Seen(
        z=np.stack([logrank(risk) for risk in risks], axis=1),
        information=np.stack([risk.total for risk in risks], axis=1),
        reached=summary.events.sum(axis=(1, 2)),
        estimate=np.stack([hazard_ratio(risk) for risk in risks], axis=1),
    )


# ── the boundaries and the decision ───────────────────────────────────────────────────────────
def boundaries(design: Classical, seen: list[Seen], held: Booleans) -> Floats:
    """Boundaries at the numbers that each trial's looks see, ``(look, trial, arm)``.

    Parameters
    ----------
    held
        ``(look, trial)``: a number of events that can no longer be reached makes its look the last.
    """
    reached = np.stack([at.reached for at in seen])
    information = np.stack([at.information for at in seen])
    found = np.full(information.shape, np.inf)
    number = held.sum(axis=0)
    looks = len(seen)
    for arm in range(information.shape[2]):
        rows = np.concatenate([number[None], reached, information[:, :, arm]]).T
        patterns, which = np.unique(rows, axis=0, return_inverse=True)
        limits = np.full((len(patterns), looks), np.inf)
        for place, pattern in enumerate(patterns.tolist()):
            last = pattern[0]
            whole, two = pattern[1 : 1 + last], pattern[1 + looks : 1 + looks + last]
            limits[place, :last] = design.bounds(tuple(two), tuple(whole))
        found[:, :, arm] = limits[which.reshape(-1)].T
    return found


def decided(
    design: Classical, z: Floats, bounds: Floats, held: Booleans
) -> tuple[Integers, Booleans, Integers]:
    """Go through the looks.

    Parameters
    ----------
    z, bounds
        ``(look, trial, arm)``.
    held
        ``(look, trial)``.

    Returns
    -------
    ``(trial, arm)`` look at which an arm won, from 1, and 0 for not; ``(trial,)`` whether every arm
    was given up before the last look; ``(trial,)`` place of the look that ended the trial.
    """
    looks, trials, arms = z.shape
    won = np.zeros((trials, arms), dtype=np.int64)
    undecided = np.ones((trials, arms), dtype=np.bool_)
    running = np.ones(trials, dtype=np.bool_)
    futility = np.zeros(trials, dtype=np.bool_)
    ended = np.zeros(trials, dtype=np.int64)
    number = held.sum(axis=0)
    for look in range(looks):
        asked = running & held[look]
        last = number == look + 1
        wins = asked[:, None] & undecided & (z[look] >= bounds[look])
        won[wins] = look + 1
        undecided &= ~wins
        if design.futility is not None:
            undecided &= ~((asked & ~last)[:, None] & (z[look] < design.futility))
        resolved = ~undecided.any(axis=1)
        ends = asked & (last | resolved)
        if design.ends_at_first_success:
            ends |= wins.any(axis=1)
        futility |= ends & resolved & ~last & ~(won > 0).any(axis=1)
        ended[ends] = look
        running &= ~ends
    return won, futility, ended
