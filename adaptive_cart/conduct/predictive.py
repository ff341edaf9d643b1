"""The exact probability, given the data so far, that a condition on counts will hold at the end.

For the beta-binomial model every final table of counts is weighted with its
beta-binomial predictive mass (Dmitrienko & Wang 2006, Stat Med 25:2178, eq. 2), and the condition
is looked up in the table. Looks in between are ignored. Still to come in an arm is its final number
less those analysed.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from adaptive_cart.models.binary.external_counts import beside
from adaptive_cart.models.ties import Sides, settled, side_of
from adaptive_cart.nouns.distinct_rows import distinct_rows, each_distinct
from adaptive_cart.nouns.early_tables import cells
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers

if TYPE_CHECKING:
    from adaptive_cart.models import AnalysisBase
    from adaptive_cart.models.binary.beta_binomial import BetaBinomial

PROBABILITIES_KEPT = 4096
MOST_TERMS = 50_000_000  # of a whole table; above, only the tables that are asked for are summed
MOST_OUTCOMES = 250_000  # final tables to which a near tie is summed exactly; beyond, no answer


class Condition:
    """A rule's condition at the last look: a question, a side and a threshold; hashable.

    ``against`` are the thresholds that its predictive probability will be compared with.
    """

    def __init__(
        self,
        question: Question,
        at_least: bool,
        threshold: float,
        against: tuple[float, ...] = (),
    ) -> None:
        self._key = (question.compared_with(threshold), at_least, threshold, against)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self._key == other._key

    @property
    def question(self) -> Question:
        """What the condition asks."""
        return self._key[0]

    @property
    def at_least(self) -> bool:
        """Whether it holds at or above its threshold, or below it."""
        return self._key[1]

    @property
    def against(self) -> tuple[float, ...]:
        """Thresholds that the predictive probability will be compared with."""
        return self._key[3]

    def holds(self, probability: Floats) -> Booleans:
        """Whether it holds, for each probability."""
        _, at_least, threshold, _ = self._key
        return probability >= threshold if at_least else probability < threshold


def predictive_probability(
    model: BetaBinomial,
    condition: Condition,
    successes: Integers,
    totals: Integers,
    final: Integers,
) -> Floats:
    """Predictive probability that the condition holds on the final table, ``(trial,)``.

    Parameters
    ----------
    successes, totals, final
        ``(trial, arm)``: responders and participants analysed so far, and participants in the
        final analysis. An arm that is past its final number has nobody still to come.
    """
    question, number = condition.question, len(model.priors)
    successes, totals, final = (beside(part, number) for part in (successes, totals, final))
    arms = question.pair
    last = np.maximum(final, totals)
    shape = np.stack([part[:, arm] for arm in arms for part in (totals, last)], axis=1)
    if len(shape) and (shape == shape[0]).all():  # fixed numbers at the look: nothing to sort
        return looked_up(model, condition, shape[0], tuple(successes[:, arm] for arm in arms))
    answer = np.empty(len(successes), dtype=np.float64)
    for row, here in each_distinct(shape):
        seen = tuple(successes[here, arm] for arm in arms)
        answer[here] = looked_up(model, condition, row, seen)
    return answer


def enumerated(analysis: AnalysisBase, question: Question) -> bool:
    """Whether a condition on a question is summed over all final tables, and not over draws."""
    return analysis.enumerates and question.of.about_levels and question.kind in analysis.answers


def always_decided(model: BetaBinomial, question: Question, last: tuple[int, ...]) -> bool:
    """Whether every predictive probability of a condition on a question is decided exactly.

    Parameters
    ----------
    last
        By arm, the most participants at the last look.
    """
    from adaptive_cart.models.binary.beta_answers import always_decided as decided_there

    outcomes = [last[arm] + 1 for arm in question.pair]
    most = MOST_TERMS // 10 if len(outcomes) == 1 else MOST_TERMS
    few = math.prod(outcomes) <= MOST_OUTCOMES and outcomes[0] * math.prod(outcomes) <= most
    return few and decided_there(model, question, last)


def looked_up(
    model: BetaBinomial, condition: Condition, row: Integers, seen: tuple[Integers, ...]
) -> Floats:
    """Predictive probability of some tables with the same numbers; ``seen`` by arm."""
    numbers = tuple(int(number) for number in row)
    if _whole(numbers):
        found: Floats = _by_table(model, condition, numbers)[seen]
        return found
    if len(numbers) == 2:
        return _alone(model, condition, numbers[0], numbers[1], seen[0])
    return _one_by_one(model, condition, numbers, seen)


def boxed(
    model: BetaBinomial, condition: Condition, numbers: tuple[int, ...], box: tuple[slice, ...]
) -> Floats:
    """Predictive probability of all tables whose responders lie in a box, a side an arm."""
    if _whole(numbers):
        found: Floats = _by_table(model, condition, numbers)[box]
        return found
    return looked_up(model, condition, np.array(numbers), cells(box))


def _whole(numbers: tuple[int, ...]) -> bool:
    """Whether a table of every number of responders is small enough to be worked out."""
    if len(numbers) == 2:
        return (numbers[0] + 1) * (numbers[1] + 1) <= MOST_TERMS // 10
    return (numbers[0] + 1) * (numbers[1] + 1) * (numbers[3] + 1) <= MOST_TERMS


def _alone(
    model: BetaBinomial, condition: Condition, now: int, last: int, seen: Integers
) -> Floats:
    """The same for a question about one arm, of whom only some numbers are asked for."""
    holds = _holds(model, condition, (last,))
    responders, which = np.unique(seen, return_inverse=True)
    arm = condition.question.arm
    weights = (model.predictive_weights(arm, int(number), now, last) for number in responders)
    return np.array([float((row * holds).sum()) for row in weights])[which.reshape(-1)]


def _one_by_one(
    model: BetaBinomial,
    condition: Condition,
    numbers: tuple[int, ...],
    seen: tuple[Integers, ...],
) -> Floats:
    """The same where the whole table would take too long: only what is asked for, by the boundary.

    On the final tables the condition holds beyond one number of responders in each row, so that a
    sum over a row is a tail of the predictive distribution.
    """
    question = condition.question
    assert question.minus is not None
    now, last, other_now, other_last = numbers
    many, turns = _final_boundary(model, condition, last, other_last)
    cells, which = distinct_rows(np.stack(seen, axis=1))
    answer = np.empty(len(cells))
    tails: Floats = np.zeros(0)
    for place, (mine, theirs) in enumerate(cells):  # in order of the first arm's responders
        if place == 0 or mine != cells[place - 1][0]:
            weights = model.predictive_weights(question.arm, int(mine), now, last)
            below = np.concatenate([[0.0], np.cumsum(weights)])
            above = np.concatenate([np.cumsum(weights[::-1])[::-1], [0.0]])
            tails = (above if many else below)[turns]
        other = model.predictive_weights(question.minus, int(theirs), other_now, other_last)
        answer[place] = float((tails * other).sum())
    return np.clip(answer, 0.0, 1.0)[which]


@lru_cache(maxsize=64)
def _final_boundary(
    model: BetaBinomial, condition: Condition, last: int, other: int
) -> tuple[bool, Integers]:
    """On the final tables: from or below which number of the arm's responders it holds, by row.

    Returns
    -------
    Whether it holds for many responders, and ``(the other arm's responders,)``.
    """
    from adaptive_cart.conduct.staircase import turns
    from adaptive_cart.models.binary.beta_answers import answered

    question = condition.question
    assert question.minus is not None
    minus = question.minus
    many = question.above == condition.at_least

    def beyond(theirs: Integers, mine: Integers) -> Booleans:
        successes = np.zeros((len(mine), len(model.priors)), dtype=np.int64)
        totals = np.zeros_like(successes)
        successes[:, question.arm], successes[:, minus] = mine, theirs
        totals[:, question.arm], totals[:, minus] = last, other
        holds = condition.holds(answered(model, question, successes, totals))
        return holds if many else ~holds

    return many, turns(beyond, other + 1, last)


@lru_cache(maxsize=PROBABILITIES_KEPT)
def _by_table(model: BetaBinomial, condition: Condition, numbers: tuple[int, ...]) -> Floats:
    """Predictive probability by successes so far, one axis an arm that the question is about."""
    arms = condition.question.pair
    holds = _holds(model, condition, numbers[1::2])
    weights = [
        _weights(model, arm, now, last)
        for arm, now, last in zip(arms, numbers[::2], numbers[1::2], strict=True)
    ]
    # einsum and not a matrix product: its sums never depend on the number of threads
    if len(arms) == 1:
        answer = np.einsum("ij,j->i", weights[0], holds)
    else:
        answer = np.einsum("il,kl->ik", np.einsum("ij,jl->il", weights[0], holds), weights[1])
    if not condition.against:
        return answer
    from adaptive_cart.models.binary.beta_answers import ERROR

    sides = _sides(model, condition, numbers, holds)
    return settled(answer.ravel(), condition.against, ERROR, sides).reshape(answer.shape)


def _sides(
    model: BetaBinomial, condition: Condition, numbers: tuple[int, ...], holds: Floats
) -> Sides:
    """Which side of a threshold the predictive probability of some tables lies on.

    ``rows`` are positions in the tables of successes so far, in order.
    """
    from adaptive_cart.models.binary.beta_exact import exact_posterior, exact_predictive

    arms = condition.question.pair
    now, last = numbers[::2], numbers[1::2]

    def side(threshold: float, seen: tuple[int, ...]) -> float:
        to_come = tuple(
            slice(x, x + final - n + 1) for x, n, final in zip(seen, now, last, strict=True)
        )
        reached = holds[to_come] > 0.5
        if reached.all() or not reached.any():  # every outcome is possible
            return side_of(Fraction(int(reached.all())), threshold)
        if not 0.0 < threshold < 1.0:
            return 1.0 if threshold <= 0.0 else -1.0
        if reached.size > MOST_OUTCOMES:
            return np.nan
        masses = [
            exact_predictive(exact_posterior(model.priors[arm], x, n), final - n)
            for arm, x, n, final in zip(arms, seen, now, last, strict=True)
        ]
        terms, denominator = masses[0]
        total = reached.astype(object)
        for _, below in masses[1:]:
            denominator *= below
        for mass, _ in reversed(masses[1:]):
            total = total @ mass
        return side_of(Fraction(int(terms @ total), denominator), threshold)

    def sides(threshold: float, rows: Integers) -> Floats:
        places = np.unravel_index(rows, tuple(n + 1 for n in now))
        return np.array(
            [side(threshold, tuple(int(x) for x in seen)) for seen in zip(*places, strict=True)]
        )

    return sides


@lru_cache(maxsize=PROBABILITIES_KEPT)
def _weights(model: BetaBinomial, arm: int, now: int, last: int) -> Floats:
    """Predictive mass of the final successes, ``(successes now, final successes)``."""
    return np.stack(
        [model.predictive_weights(arm, successes, now, last) for successes in range(now + 1)]
    )


@lru_cache(maxsize=256)
def _holds(model: BetaBinomial, condition: Condition, last: tuple[int, ...]) -> Floats:
    """Whether the condition holds on each final table, 1 or 0, one axis an arm."""
    from adaptive_cart.models.binary.beta_answers import answered

    question = condition.question
    arms = question.pair
    shape = tuple(n + 1 for n in last)
    cells = np.indices(shape).reshape(len(arms), -1)
    successes = np.zeros((cells.shape[1], len(model.priors)), dtype=np.int64)
    totals = np.zeros_like(successes)
    for place, arm in enumerate(arms):
        successes[:, arm] = cells[place]
        totals[:, arm] = last[place]
    probability = answered(model, question, successes, totals)
    return condition.holds(probability).astype(np.float64).reshape(shape)
