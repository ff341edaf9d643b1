"""The tests of one trial by other code, so that ``verify`` has something to hold them against.

There is no posterior to draw from. The pooled z test of two proportions is Pearson's chi-squared
test of the table (its root, with the sign of the difference) by SciPy; of another difference than
none, the likelihood under that difference is maximised by search and not in closed form. The
logrank statistic is SciPy's; of another ratio than one it is added up event by event.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from adaptive_cart.models.reference import OneTrial
from adaptive_cart.nouns.questions import OPEN
from adaptive_cart.nouns.summaries import Counts, Durations

Followed = Sequence[tuple[float, bool]]  # months, and whether they ended with the event


def of_proportions(one: OneTrial) -> float:
    """One less the one-sided p-value of a question about proportions, of one trial."""
    question = one.asked
    mine = _table(one, question.arm)
    if question.minus is None:
        z = _z_of_value(*mine, question.value)
    else:
        theirs = _table(one, question.minus)
        if question.value == 0.0:
            z = _z_of_chi_squared(mine, theirs)
        else:
            z = _z_of_difference(mine, theirs, question.value)
    return _one_less_p(z, question.above)


def estimate_of_proportions(one: OneTrial) -> float:
    """The observed proportion, or difference of two, of one trial; nan of nobody."""
    question = one.asked
    arms = (question.arm,) if question.minus is None else (question.arm, question.minus)
    tables = [_table(one, arm) for arm in arms]
    rates = [x / n if n else math.nan for x, n in tables]
    return rates[0] - sum(rates[1:])


def _table(one: OneTrial, arm: int) -> tuple[int, int]:
    """Responders and participants of an arm in the strata that a question is about."""
    summary, trial = one.seen(Counts), one.trial
    counted = [
        (int(summary.successes[trial, arm, stratum]), int(summary.totals[trial, arm, stratum]))
        for stratum in range(summary.totals.shape[2])
        if _about(one, stratum)
    ]
    return sum(x for x, _ in counted), sum(n for _, n in counted)


def of_times(one: OneTrial) -> float:
    """The same of a question about a hazard ratio."""
    question = one.asked
    mine, theirs = _both_arms(one)
    if question.value == 1.0:
        z = _z_of_scipy(mine, theirs)
    else:
        z = _z_of_ratio(mine, theirs, question.value)
    return _one_less_p(z, question.above)


def estimate_of_times(one: OneTrial) -> float:
    """Cox's hazard ratio of one trial, where the score of a ratio crosses zero, by bisection.

    Zero, infinite or nan where one arm alone has events while both are at risk, or neither.
    """
    from scipy import optimize

    mine, theirs = _both_arms(one)

    def beyond(log_ratio: float) -> float:
        return _score_of_ratio(mine, theirs, math.exp(log_ratio))[0]

    # far from the root the score is what events of one arm alone leave
    low, high = beyond(-40.0), beyond(40.0)
    nothing = 1e-9
    if low < nothing and high > -nothing:
        return math.nan
    if low < nothing:
        return 0.0
    if high > -nothing:
        return math.inf
    return math.exp(float(optimize.bisect(beyond, -40.0, 40.0, xtol=1e-13)))


def _both_arms(one: OneTrial) -> tuple[Followed, Followed]:
    """Those of the arm of a question and of the other, in the strata that it is about."""
    summary, trial = one.seen(Durations), one.trial

    def followed(arm: int | None) -> Followed:
        return [
            (float(summary.months[trial, who]), bool(summary.event[trial, who]))
            for who in range(summary.months.shape[1])
            if summary.included[trial, who]
            and summary.arm[trial, who] == arm
            and _about(one, int(summary.stratum[trial, who]))
        ]

    return followed(one.asked.arm), followed(one.asked.minus)


def _about(one: OneTrial, stratum: int) -> bool:
    """Whether a question is about a stratum."""
    if one.stratum >= 0:
        return stratum == one.stratum
    closed = one.open_strata is not None and not one.open_strata[stratum]
    return not (one.stratum == OPEN and closed)


def _one_less_p(z: float, above: bool) -> float:
    """Of a statistic; 1/2 where there is none."""
    from scipy import stats

    z = 0.0 if math.isnan(z) else z
    return float(stats.norm.cdf(z) if above else stats.norm.sf(z))


def _z_of_value(successes: int, number: int, value: float) -> float:
    if number == 0:
        return math.nan
    spread = math.sqrt(number * value * (1.0 - value))
    return (successes - number * value) / spread if spread else math.nan


def _z_of_chi_squared(mine: tuple[int, int], theirs: tuple[int, int]) -> float:
    """Root of Pearson's chi-squared of the fourfold table, above zero where mine do better."""
    from scipy import stats

    (x1, n1), (x0, n0) = mine, theirs
    if min(n1, n0, x1 + x0, n1 + n0 - x1 - x0) == 0:
        return math.nan
    squared = stats.chi2_contingency([[x1, n1 - x1], [x0, n0 - x0]], correction=False).statistic
    return math.copysign(math.sqrt(squared), x1 * n0 - x0 * n1)


def _z_of_difference(mine: tuple[int, int], theirs: tuple[int, int], value: float) -> float:
    """The difference beyond a value, by its spread under the likeliest such proportions."""
    from scipy import optimize

    (x1, n1), (x0, n0) = mine, theirs
    if min(n1, n0) == 0:
        return math.nan
    low, high = max(0.0, -value), min(1.0, 1.0 - value)

    def slope(p0: float) -> float:
        """Of the log likelihood along the line p1 = p0 + value; it falls all the way."""
        p1 = p0 + value
        parts = ((x0, p0), (x0 - n0, 1.0 - p0), (x1, p1), (x1 - n1, 1.0 - p1))
        # at an end of the line a proportion may be nought but for its last digit
        return sum(x / p if p > 0.0 else math.copysign(math.inf, x) for x, p in parts if x)

    inside = 1e-15 * (high - low)
    first, last = low + inside, high - inside
    if slope(first) <= 0.0:
        p0 = low
    elif slope(last) >= 0.0:
        p0 = high
    else:
        p0 = optimize.brentq(slope, first, last, xtol=1e-16, maxiter=1000)
    p1 = min(max(p0 + value, 0.0), 1.0)
    spread = math.sqrt(p0 * (1.0 - p0) / n0 + p1 * (1.0 - p1) / n1)
    beyond = x1 / n1 - x0 / n0 - value
    if abs(beyond) < 1e-15:
        return 0.0
    return beyond / spread if spread else math.copysign(math.inf, beyond)


def _z_of_scipy(mine: Followed, theirs: Followed) -> float:
    """Logrank statistic by SciPy, above zero where mine have more events than expected."""
    from scipy import stats

    if not mine or not theirs or not any(event for _, event in [*mine, *theirs]):
        return math.nan
    samples = [
        stats.CensoredData(
            uncensored=[t for t, event in part if event],
            right=[t for t, event in part if not event],
        )
        for part in (mine, theirs)
    ]
    with np.errstate(invalid="ignore", divide="ignore"):  # no event while both are at risk
        statistic = float(stats.logrank(*samples).statistic)
    return statistic if math.isfinite(statistic) else math.nan


def _z_of_ratio(mine: Followed, theirs: Followed, ratio: float) -> float:
    """Score of a hazard ratio in Cox's model over its root variance."""
    beyond, variance = _score_of_ratio(mine, theirs, ratio)
    return beyond / math.sqrt(variance) if variance > 0.0 else math.nan


def _score_of_ratio(mine: Followed, theirs: Followed, ratio: float) -> tuple[float, float]:
    """Score of a hazard ratio in Cox's model, and its variance, event time by event time."""
    times = sorted({t for part in (mine, theirs) for t, event in part if event})
    beyond = variance = 0.0
    for time in times:
        n1, n0 = (sum(t >= time for t, _ in part) for part in (mine, theirs))
        d1, d0 = (sum(event and t == time for t, event in part) for part in (mine, theirs))
        n, d = n1 + n0, d1 + d0
        expected = n1 * ratio / (n1 * ratio + n0)
        beyond += d1 - d * expected
        if n > 1:
            variance += d * expected * (1.0 - expected) * (n - d) / (n - 1)
    return beyond, variance
