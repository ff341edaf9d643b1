"""How accurate posterior probabilities are: the same integrals by another method, near thresholds.

Tables of counts on either side of each boundary are where an error could change a decision. For
each of them the probability of a difference, a ratio or an odds ratio is worked out anew by
Simpson's rule on a fine grid of the log odds, with the beta functions of a general library, and
compared with what the rules used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import Counts
from adaptive_cart.report.evidence import Evidence

Beta = list[tuple[float, float, float]]  # weight, a, b of each component

MOST_TABLES = 120
REACH = 120.0  # log odds beyond which no density is left
NODES = 8_001
TIE = 1e-9  # nearer to a threshold this integral cannot tell the sides apart


@dataclass(frozen=True)
class Accuracy:
    """What the comparison found.

    Attributes
    ----------
    tables
        Tables of counts compared.
    largest
        Largest absolute difference in a probability.
    disagreements
        Tables for which the rule would decide otherwise.
    """

    tables: int
    largest: float
    disagreements: int


def measured(evidence: Evidence) -> Accuracy | None:
    """Compare probabilities next to the boundaries; nothing where no rule is on two-arm counts."""
    tables = 0
    largest = 0.0
    disagreements = 0
    for rule in evidence.plan.rules:
        part = rule.only
        if (
            part is None
            or part.several
            or part.prediction is not None
            or not part.question.of.about_levels
        ):
            continue
        model = _model(evidence.plan, part.question.endpoint)
        if model is None:
            continue
        found = [b for b in evidence.boundaries if b.rule == rule.name]
        share = max(MOST_TABLES // max(len(found), 1), 1)
        for boundary in found:
            arm = evidence.design.arm_names.index(boundary.arms[-1])
            question = next(one for one in part.targets if one.arm == arm)
            for cell in _edges(boundary.holds)[:share]:
                fast = _fast(evidence.plan, question, boundary.analysed, cell)
                slow = _slow(model, question, boundary.analysed, cell)
                tables += 1
                largest = max(largest, abs(fast - slow))
                threshold = part.thresholds[boundary.look]
                holds = part.compared(np.array([fast, slow]), threshold)
                # on the threshold itself the rule knows better than Simpson's rule can
                tied = abs(slow - threshold) <= TIE
                disagreements += int(holds[0] != holds[1] and not tied)
    return Accuracy(tables, largest, disagreements) if tables else None


def _model(plan: Plan, endpoint: str) -> BetaBinomial | None:
    model = plan.fitted[endpoint][1] if endpoint in plan.fitted else None
    return model if isinstance(model, BetaBinomial) else None


def _edges(holds: Any) -> list[tuple[int, ...]]:
    """Tables on either side of a boundary, spread evenly over the control's responders."""
    cells: list[tuple[int, ...]] = []
    for row in range(holds.shape[0]):
        for change in np.flatnonzero(np.diff(holds[row].astype(int))):
            cells += [(row, int(change)), (row, int(change) + 1)]
    return cells if holds.shape[0] > 1 else [(column,) for _, column in cells]


def _fast(
    plan: Plan, question: Question, analysed: tuple[int, ...], cell: tuple[int, ...]
) -> float:
    arms = (question.arm,) if question.minus is None else (question.minus, question.arm)
    shape = (1, len(plan.design.arm_names), 1)
    successes, totals = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for arm, y, n in zip(arms[-len(cell) :], cell, analysed, strict=True):
        successes[0, arm, 0], totals[0, arm, 0] = y, n
    counts = Counts(successes, totals, np.zeros_like(totals), totals)
    analysis, model = plan.fitted[question.endpoint]
    return float(analysis.posterior(model, counts, None).probability(question)[0])


def _beside(arms: tuple[int, ...], numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Numbers by arm; none of a trial in external data that an arm is compared with."""
    return (0,) * (len(arms) - len(numbers)) + numbers


def _slow(
    model: BetaBinomial, question: Question, analysed: tuple[int, ...], cell: tuple[int, ...]
) -> float:
    from scipy import special

    arms = (question.arm,) if question.minus is None else (question.minus, question.arm)
    posteriors = [
        _posterior(model.priors[arm], y, n)
        for arm, y, n in zip(arms, _beside(arms, cell), _beside(arms, analysed), strict=True)
    ]
    if question.minus is None:
        rest = 1.0 - question.value
        above = sum(w * float(special.betainc(b, a, rest)) for w, a, b in posteriors[0])
    else:
        control, compared = posteriors
        above = _ABOVE[question.kind](control, compared, question.value)
    return above if question.above else 1.0 - above


def _difference_above(control: Beta, arm: Beta, margin: float) -> float:
    first, second = (control, arm) if margin >= 0.0 else (arm, control)
    room = 1.0 - abs(margin)
    p, q = _grid()
    total = room * _integral(first, room * p, (1.0 - room) + room * q, second, room * q)
    return total if margin >= 0.0 else 1.0 - total


def _ratio_above(control: Beta, arm: Beta, value: float) -> float:
    if not 0.0 < value < math.inf:  # a ratio is above 0 and finite
        return float(value <= 0.0)
    p, q = _grid()
    if value < 1.0:
        return _integral(control, p, q, arm, (1.0 - value) + value * q)
    # over the arm, of which every value can be reached; the mass that the control has below it
    below = (1.0 - 1.0 / value) + q / value
    return 1.0 - _integral(arm, p, q, control, below)


def _odds_ratio_above(control: Beta, arm: Beta, value: float) -> float:
    from scipy import special

    if not 0.0 < value < math.inf:
        return float(value <= 0.0)
    p, q = _grid()
    rest = special.expit(-(np.linspace(-REACH, REACH, NODES) + math.log(value)))
    return _integral(control, p, q, arm, rest)


_ABOVE: Final[Mapping[str, Callable[[Beta, Beta, float], float]]] = {
    "level": _difference_above,
    "ratio": _ratio_above,
    "odds_ratio": _odds_ratio_above,
}


def _grid() -> tuple[Floats, Floats]:
    """Probabilities at equally spaced log odds, and one less each."""
    from scipy import special

    odds = np.linspace(-REACH, REACH, NODES)
    return special.expit(odds), special.expit(-odds)


def _integral(first: Beta, rate: Floats, rest: Floats, second: Beta, room: Floats) -> float:
    """Integrate over the first the probability that the second is above one less `room`."""
    from scipy import integrate, special

    p, q = _grid()
    density = sum(
        w * np.exp((a - 1) * np.log(rate) + (b - 1) * np.log(rest) - special.betaln(a, b))
        for w, a, b in first
    )
    beyond = sum(w * special.betainc(b, a, room) for w, a, b in second)
    odds = np.linspace(-REACH, REACH, NODES)
    return float(integrate.simpson(density * beyond * p * q, x=odds))


def _posterior(prior: BetaMixture, y: int, n: int) -> Beta:
    """Components of the posterior: weight, a, b."""
    from scipy import special

    logs = [
        np.log(w) + special.betaln(a + y, b + n - y) - special.betaln(a, b)
        for w, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
    ]
    weights = np.exp(np.array(logs) - max(logs))
    weights /= weights.sum()
    return [(float(w), a + y, b + n - y) for w, a, b in zip(weights, prior.a, prior.b, strict=True)]
