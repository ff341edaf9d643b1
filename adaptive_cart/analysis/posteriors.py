"""What is summarised of each posterior: by arm, between arms, and where asked, by stratum.

An interval of the fast posterior is where its probability function crosses the two tails, found by
Brent's method: no draws, and an error below 1e-7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from adaptive_cart.analysis.findings import Interval, Quantity
from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.conduct.plan import LEVEL, Plan
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.questions import ALL, Question

MONTHS = (12.0, 24.0)  # at which the fraction remaining is told, beside those the rules ask about
TOLERANCE = 1.0e-7  # of the ends of an interval; they are shown to three decimals


def questions_of(plan: Plan) -> Iterator[Question]:
    """Quantities that are told of each endpoint with a posterior."""
    design = plan.design
    arms = range(len(design.arm_names))
    for endpoint, (analysis, _) in plan.fitted.items():
        places = [ALL]
        if analysis.by_stratum:
            places += range(len(design.stratum_names))
        if "hazard_ratio" in analysis.answers:
            for arm in arms[1:]:
                yield Question(endpoint, arm, 0, kind="hazard_ratio")
        if "level" in analysis.answers:
            for arm in arms:
                yield Question(endpoint, arm)
            for place in places:
                for arm in arms[1:]:
                    yield Question(endpoint, arm, 0, stratum=place)
        if "remaining" in analysis.answers:
            for month in _months(plan, endpoint):
                for arm in arms:
                    yield Question(endpoint, arm, kind="remaining", month=month)
                for arm in arms[1:]:
                    yield Question(endpoint, arm, 0, kind="remaining", month=month)


def _months(plan: Plan, endpoint: str) -> list[float]:
    asked = {
        target.month
        for rule in plan.rules
        for target in rule.targets
        if target.endpoint == endpoint and target.kind == "remaining"
    }
    horizon = getattr(plan.design.endpoints[endpoint], "horizon", None) or np.inf
    return sorted(asked | {month for month in MONTHS if month <= horizon})


def words_of(design: Design, question: Question, model: str) -> str:
    """Name a quantity: ``cart − soc``, ``cart remaining at 24 months``."""
    arms = tuple(design.arm_label(name) for name in design.arm_names)
    arm = arms[question.arm]
    other = None if question.minus is None else arms[question.minus]
    if question.kind == "hazard_ratio":
        words = f"hazard ratio {arm} / {other}"
    else:
        words = arm if other is None else f"{arm} − {other}"
    if question.kind == "remaining":
        words += f", in remission at month {question.month:g} of it"
    elif model == "weibull_cure":
        words += ", never relapsing"
    if question.stratum >= 0:
        words += f", {design.stratum_names[question.stratum]}"
    return words


def fast_quantities(plan: Plan, analysis: RecordedAnalysis) -> list[tuple[Question, Quantity]]:
    """Posterior mean and interval of every quantity, by the fast posterior."""
    design = plan.design
    found = []
    for question in questions_of(plan):
        model = plan.fitted[question.endpoint][0].model
        mean = analysis.mean(question)
        if not np.isfinite(mean):
            continue
        low, high = bounds(question, model)
        interval = Interval(mean, *interval_of(analysis.ask, question, low, high))
        found.append(
            (
                question,
                Quantity(
                    endpoint=question.endpoint,
                    words=words_of(design, question, model),
                    arm=design.arm_names[question.arm],
                    minus=None if question.minus is None else design.arm_names[question.minus],
                    stratum=(
                        design.stratum_names[question.stratum] if question.stratum >= 0 else None
                    ),
                    kind=question.kind,
                    month=question.month if question.kind == "remaining" else None,
                    fast=interval,
                ),
            )
        )
    return found


def bounds(question: Question, model: str) -> tuple[float, float]:
    """Between which values a quantity lies."""
    if question.kind == "hazard_ratio":
        return 1.0e-4, 1.0e4
    if model == "gamma_poisson":
        return (-1.0e3 if question.minus is not None else 0.0), 1.0e3
    return (-1.0 if question.minus is not None else 0.0), 1.0


def interval_of(
    probability: Callable[[Question], float], question: Question, low: float, high: float
) -> tuple[float, float]:
    """Equal-tailed interval: where P(quantity > value) crosses the two tails."""
    from scipy.optimize import brentq

    tail = (1.0 - LEVEL) / 2.0
    ratio = question.kind == "hazard_ratio"
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
