"""What is missing of scores, times and rates, moved away from what was seen in the same arm.

A *mean change* of those who were not seen at the month lies by an amount above the mean of those
who were (both given the baseline): an arm's mean is then that of those seen, raised by the share
that is missing times the amount (pattern mixture; Daniels & Hogan 2008, Missing Data in
Longitudinal Studies). So only the value that the rule asks about moves, and nothing is drawn. Of a
*proportion* of participants whose change lies beyond a value, that of everybody is made of those of
the two, by their shares: of the missing, as many are beyond it as of those seen are beyond a value
that is lower by the amount. A
*hazard* or a *rate* in time that was not seen is a multiple of that in the time that was: that time
is completed with draws of the posterior (as a predictive rule's is), the same ones for every
multiple, and the completed data are judged (delta adjustment; Lipkovich, Ratitch & O'Kelly 2016,
Pharm Stat 15:216). What is told is the probability as it stands and the mean difference that the
multiple makes to it, so that at one it is the probability itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.lost import Lost, MissingShift
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Summary

SPREADS: Final = 5.0  # standard deviations of the changes, up to which a mean is moved


def arms_in_trial(design: Design, target: Question) -> tuple[int, ...]:
    """Arms that a question compares, the second first; external data do not change."""
    return tuple(arm for arm in target.pair[::-1] if arm < len(design.arms))


def counted_in(plan: Plan, seen: Summary, target: Question, strata: Sequence[int]) -> Booleans:
    """Which strata, or periods where these are told apart, a question counts, ``(trial, …)``.

    Parameters
    ----------
    strata
        Those that the question is about.
    """
    by_period = seen.periods()
    if by_period is not None:
        return plan.fitted[target.endpoint][0].periods_counted(by_period, target)
    trials, _, number = seen.analysed.shape
    return np.tile(np.isin(np.arange(number), strata), (trials, 1))


def why_not_moved(
    plan: Plan, part: Comparison, target: Question, shift: MissingShift
) -> str | None:
    """Why nothing can be told of what is missing; nothing where it can."""
    if part.prediction is not None:
        return f"the {shift.words} is not moved in what it predicts"
    if not plan.bayesian(part):
        return f"the {shift.words} is not moved in a test"
    if shift.share:
        return None
    if not shift.added:
        by_period = plan.fitted[target.endpoint][0].by_period
        return f"the {shift.words} is not moved by period" if by_period else None
    if plan.design.endpoints[target.endpoint].dropout_counts():
        return None  # what the design gives them is moved
    if target.of.raised(target, 0.0, 0.0) is None and not mixes(plan.design, target):
        return f"the {shift.words} is not moved where such a question is asked"
    return None


def mixes(design: Design, target: Question) -> bool:
    """Whether what it asks of everybody is made of those seen and of those missing, by draws."""
    quantities = target.quantities(len(design.arms))
    return all(target.of.moved(quantity, 0.0) is not None for quantity in quantities)


def mixed_answer(seen: LookAnalysis, target: Question, parts: Floats, amounts: Floats) -> Floats:
    """Posterior probability, had values of an arm's missing been higher than of those seen.

    Parameters
    ----------
    parts
        ``(trial, arm)`` the share missing.
    amounts
        ``(arm,)`` by how much they are higher.

    Returns
    -------
    ``(trial,)``; not a number where there is no posterior.
    """
    posterior = seen.posterior(target.endpoint).about(target)
    values = []
    for quantity in target.quantities(parts.shape[1]):
        drawn = posterior.draws(quantity)
        inside = quantity.arm < len(amounts)  # not external data
        if inside and amounts[quantity.arm] != 0.0:
            moved = target.of.moved(quantity, float(amounts[quantity.arm]))
            assert moved is not None
            part = parts[:, quantity.arm, None]
            drawn = (1.0 - part) * drawn + part * posterior.draw(moved)
        values.append(drawn)
    unknown = np.logical_or.reduce([np.isnan(value[:, 0]) for value in values])
    answer = target.of.chance(target, target.combine(values)).mean(axis=1)
    if posterior.failed is not None:
        unknown |= posterior.failed
    return np.where(unknown, np.nan, answer)


def share_missing(plan: Plan, target: Question, seen: Summary, strata: Sequence[int]) -> Floats:
    """Share of those due whose value is missing, ``(trial, arm)``.

    Of those who are counted where only those are who were randomised in the same periods.
    """
    own = counted_of(plan, target, seen)
    return own.share_missing(strata if own is seen else [0])


def counted_of(plan: Plan, target: Question, seen: Summary) -> Summary:
    """What is seen of those whom a question counts, in its own arms."""
    apart = seen.periods()
    if apart is None:
        return seen
    counted = plan.fitted[target.endpoint][0].periods_counted(apart, target)
    return apart.split().among(np.repeat(counted[:, None], apart.open_in.shape[1], axis=1))


def spread_of_changes(summary: Summary) -> Floats:
    """Standard deviation of the changes seen in all arms together, ``(trial,)``."""
    every = {name: part.sum(axis=(1, 2)) for name, part in summary.columns().items()}
    number = np.maximum(every["analysed"], 1)
    found: Floats = np.sqrt(
        np.maximum(every["squares"] / number - (every["change"] / number) ** 2, 0.0)
    )
    return found


def lost_of(seen: LookAnalysis, endpoint: str) -> Lost | None:
    """Follow-up by the look of those who left before, of all trials; nothing where there is none.

    Of an endpoint for whose events time is at risk.
    """
    snapshot = seen.plan.analysed(endpoint, seen.snapshot).reported(seen.plan.delay(endpoint))
    kind = seen.plan.design.endpoints[endpoint]
    return kind.lost(seen.prepared[endpoint], snapshot, seen.summary(endpoint))


def completed_answers(
    seen: LookAnalysis, part: Comparison, asked: Question, lost: Lost, factors: Floats,
    some: Completions,
) -> Floats:  # fmt: skip
    """Probability of each completion of the time that was not seen, ``(chosen trial, completion)``.

    Parameters
    ----------
    factors
        ``(arm,)`` what the hazard, or the rate, is multiplied by in it.
    """
    endpoint = asked.endpoint
    apart = seen.plan.fitted[endpoint][0].by_stratum or asked.stratum >= 0
    coming = lost.coming.rows(seen.trials).times(factors)
    now = seen.summary(endpoint).rows(seen.trials)
    tables = seen.posterior_ahead(endpoint).completed(now, coming, some, apart)
    other = Completed(seen, endpoint, tables, some.number)
    return other.probability(part, asked).reshape(-1, some.number)


class Completed(LookAnalysis):
    """Completed tables of an endpoint: those of the first chosen trial, of the second, and on.

    Parameters
    ----------
    each
        How many tables there are of each trial, or of every one, ``(chosen trial,)``.
    """

    def __init__(
        self, seen: LookAnalysis, endpoint: str, tables: Summary, each: int | Integers
    ) -> None:
        self.plan, self.snapshot, self.prepared = seen.plan, seen.snapshot, {}
        self.trials = np.arange(np.repeat(seen.trials, each).size)
        self.open_arms = np.repeat(seen.open_arms, each, axis=0)
        opened = seen.open_strata
        self.open_strata = None if opened is None else np.repeat(opened, each, axis=0)
        self.closed_at = None
        self.summaries, self.states = {endpoint: tables}, {}
        self._posteriors = {}
