"""What is summarised of each posterior: by arm, between arms, and where asked, by stratum.

An interval of the fast posterior is where its probability function crosses the two tails, found by
Brent's method to 1e-7. What a model answers without draws has no other error; where it answers from
draws the crossing is that of the draws, as near as the model's ``drawn_error`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from adaptive_cart.analysis.findings import Interval, Quantity
from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.conduct.plan import LEVEL, Plan
from adaptive_cart.conduct.weighing import Sums, terms_of
from adaptive_cart.conduct.weighing_arms import place_seen
from adaptive_cart.design.design import Design
from adaptive_cart.models.base import tails
from adaptive_cart.nouns.questions import ALL, KINDS, Question, Rank, RankUtility
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import SUMMARIES

MONTHS = (12.0, 24.0)  # at which the fraction remaining is told, beside those the rules ask about
FAR, FAR_RATIO = 1.0e3, 1.0e4  # as far as a quantity without an end is looked for
TOLERANCE = 1.0e-7  # of the ends of an interval; they are shown to three decimals


def questions_of(plan: Plan) -> Iterator[Question]:
    """Quantities that are told of each endpoint with a posterior, and of each utility."""
    design = plan.design
    arms = range(len(design.arm_names))
    for endpoint, (analysis, _) in plan.fitted.items():
        places = [ALL]
        if analysis.by_stratum:
            places += range(len(design.stratum_names))
        for kind in KINDS.values():
            if kind.has_value and not kind.of_several and analysis.can_be_asked(kind):
                base = Question(endpoint, 0, kind=kind.name)
                told = list(kind.told(base, len(arms), places, _months(plan, endpoint)))
                if design.control is None:
                    told = [] if kind.of_two else list(_of_arms(told))
                    told += [q for q in _estimated(plan, base) if q not in told]
                yield from told or dict.fromkeys(_asked(plan, base))
    yield from dict.fromkeys(_places(plan))
    yield from _utilities(plan)


def _estimated(plan: Plan, like: Question) -> Iterator[Question]:
    """What is estimated of an endpoint by a kind of question."""
    for estimand in plan.estimands:
        question = estimand.question
        if (question.endpoint, question.of) == (like.endpoint, like.of):
            yield question


def _places(plan: Plan) -> Iterator[Question]:
    """The place of every experimental arm, where a rule asks which is the best, or among them."""
    every = tuple(plan.design.experimental)
    for rule in plan.rules:
        for target in rule.asked:
            if target.of.among_open and len(every) > 1:
                kind = Rank if not target.of.of_several else RankUtility
                one = replace(target, kind=kind.name, places=1, against=(), among=every)
                yield from (replace(one, arm=arm) for arm in every)


def _of_arms(told: list[Question]) -> Iterator[Question]:
    """What is told where no arm is the control: of the arms themselves, also by stratum."""
    yield from dict.fromkeys(replace(question, minus=None) for question in told)


def _utilities(plan: Plan) -> Iterator[Question]:
    """Every utility in each arm, and its difference to that of the control."""
    arms = range(len(plan.design.arm_names))
    for name, weights in plan.design.utility.items():
        one = Question(name, 0, kind="utility", weights=tuple(weights.items()))
        yield from (replace(one, arm=arm) for arm in arms)
    yield from (utility.question for utility in plan.utilities)


def _asked(plan: Plan, like: Question) -> Iterator[Question]:
    """What rules ask of an endpoint by a kind of question, as a quantity."""
    for rule in plan.rules:
        for target in rule.asked:
            if (target.endpoint, target.of) == (like.endpoint, like.of) and like.of.has_value:
                yield replace(target.unordered(), value=like.value, above=True, against=())


def _months(plan: Plan, endpoint: str) -> list[float]:
    asked = {
        target.month
        for rule in plan.rules
        for target in rule.asked
        if target.endpoint == endpoint and target.month
    }
    horizon = plan.design.endpoints[endpoint].censors_after() or np.inf
    return sorted(asked | {month for month in MONTHS if month <= horizon})


def words_of(design: Design, question: Question, of_level: str) -> str:
    """Name a quantity: ``cart − soc``, ``cart remaining at 24 months``."""
    arms = tuple(design.arm_label(name) for name in design.compared_names)
    arm = arms[question.arm]
    other = None if question.minus is None else arms[question.minus]
    words = question.of.heading(question, arm, other)
    if of_level and question.of.about_levels:
        words += f", {of_level}"
    if question.of.heavy:
        words += " (posterior median)"
    if question.stratum >= 0:
        words += f", {design.stratum_names[question.stratum]}"
    return words


def fast_quantities(plan: Plan, analysis: RecordedAnalysis) -> list[tuple[Question, Quantity]]:
    """Posterior mean and interval of every quantity, by the fast posterior."""
    design = plan.design
    found = []
    for question in questions_of(plan):
        levels = {plan.fitted[name][0].of_level for name in question.endpoints}
        of_level = levels.pop() if len(levels) == 1 else ""
        interval = interval_seen(plan, analysis, question)
        if not np.isfinite(interval.mean):
            continue
        found.append(
            (
                question,
                Quantity(
                    endpoint=question.endpoint,
                    words=words_of(design, question, of_level),
                    arm=design.arm_names[question.arm],
                    minus=None if question.minus is None else design.compared_names[question.minus],
                    stratum=(
                        design.stratum_names[question.stratum] if question.stratum >= 0 else None
                    ),
                    kind=question.kind,
                    month=question.month or None,
                    fast=interval,
                ),
            )
        )
    return found


def interval_seen(plan: Plan, analysis: RecordedAnalysis, question: Question) -> Interval:
    """Posterior mean of a quantity, and its interval; no number where it could not be had."""
    if question.of.among_open and question.of.of_several:
        return interval_of_place(place_seen(question, analysis)[0])
    mean = analysis.mean(question)
    if not np.isfinite(mean):
        return Interval(mean, mean, mean)
    return Interval(mean, *_ends(plan, analysis, question))


def interval_of_place(chances: Floats) -> Interval:
    """Mean of a place and its interval, of the probability of each, ``(place,)``: whole numbers."""
    places, reached = 1.0 + np.arange(len(chances)), np.cumsum(chances)
    ends = [places[min(int((reached < tail).sum()), len(places) - 1)] for tail in tails(LEVEL)]
    return Interval(float(chances @ places), *map(float, ends))


def _ends(plan: Plan, analysis: RecordedAnalysis, question: Question) -> tuple[float, float]:
    """Ends of the interval of a quantity; of a utility from draws of its endpoints."""
    if not question.of.has_value:  # a place, which is a whole number
        drawn = analysis.drawn_of(question)[0]
        lower, upper = np.quantile(drawn, tails(LEVEL), method="inverted_cdf")
        return float(lower), float(upper)
    if not question.of.of_several:
        return interval_of(analysis.ask, question, *bounds(plan, question))
    apart = {name: analysis.posterior(name).arms_apart for name in question.endpoints}
    terms = [weight * analysis.drawn_of(one) for weight, one in terms_of(question, apart)]
    tail = (1.0 - LEVEL) / 2.0
    lower, upper = Sums.of(terms).quantiles([tail, 1.0 - tail])
    return float(lower), float(upper)


def bounds(plan: Plan, question: Question) -> tuple[float, float]:
    """Between which values a quantity is looked for; beyond them where it has no end."""
    level = SUMMARIES[plan.fitted[question.endpoint][0].reads].bounds
    low, high = question.of.range(level, question.minus is not None, question.month)
    if question.of.ratio:
        return max(low, 1.0 / FAR_RATIO), min(high, FAR_RATIO)
    return max(low, -FAR), min(high, FAR)


def interval_of(
    probability: Callable[[Question], float], question: Question, low: float, high: float
) -> tuple[float, float]:
    """Equal-tailed interval: where P(quantity > value) crosses the two tails."""
    from scipy.optimize import brentq

    tail = (1.0 - LEVEL) / 2.0
    ratio = question.of.ratio
    ends = (np.log(low), np.log(high)) if ratio else (low, high)

    def crossing(level: float) -> float:
        def beyond(at: float) -> float:
            return probability(question.at(float(np.exp(at)) if ratio else at)) - level

        # a quantity that lies wholly at an end of its range has its bounds there
        if beyond(ends[0]) <= 0.0 or beyond(ends[1]) >= 0.0:
            at = ends[0] if beyond(ends[0]) <= 0.0 else ends[1]
        else:
            at = float(brentq(beyond, *ends, xtol=TOLERANCE))
        return float(np.exp(at)) if ratio else at

    return crossing(1.0 - tail), crossing(tail)
