"""What a question is answered from two columns of counts, ties with its thresholds decided exactly.

The fast posterior answers all tables. Those whose answer comes within :data:`ERROR` of a threshold
are few and mostly the same few: each is worked out once as a fraction, and remembered.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np

from adaptive_cart.models.binary.beta_binomial import BetaBinomial
from adaptive_cart.models.binary.beta_exact import (
    Exact,
    ExactBeta,
    above_known,
    best_known,
    difference_known,
    exact_above,
    exact_best,
    exact_difference,
    exact_posterior,
)
from adaptive_cart.models.ties import Sides, as_written, settled, side_of, strictly_inside
from adaptive_cart.nouns.distinct_rows import distinct_rows
from adaptive_cart.nouns.questions import ALL, Question
from adaptive_cart.nouns.records import Floats, Integers

ERROR: Final = 1e-9  # what a fast probability may be wrong by; measured below 1e-11
SIDES_KEPT: Final = 65_536


def answered(
    model: BetaBinomial, question: Question, successes: Integers, totals: Integers
) -> Floats:
    """Posterior probability of a question, ``(table,)``; counts are ``(table, arm)``."""
    answer = fast(model, question, successes, totals)
    if not question.against:
        return answer
    return settled(answer, question.against, ERROR, sides_of(model, question, successes, totals))


def fast(model: BetaBinomial, question: Question, successes: Integers, totals: Integers) -> Floats:
    """Return the same as floating point has it, on whichever side of a threshold."""
    if question.kind == "best":
        arms = question.compared(successes.shape[1])
        every = model.best(arms, successes, totals, question.lowest)
        return every[:, arms.index(question.arm)]
    if question.of.ratio:
        assert question.minus is not None
        pair = question.arm, question.minus
        of_odds = question.kind == "odds_ratio"
        above = model.ratio_above(*pair, successes, totals, question.value, of_odds)
    elif question.minus is None:
        above = model.above(question.arm, successes, totals, question.value)
    else:
        above = model.difference_above(
            question.arm, question.minus, successes, totals, question.value
        )
    return above if question.above else 1.0 - above


def sides_of(
    model: BetaBinomial, question: Question, successes: Integers, totals: Integers
) -> Sides:
    """Which side of a threshold each of some tables lies on."""
    question = _plain(question)
    if question.kind == "best":
        arms = question.compared(successes.shape[1])
    else:
        arms = tuple(arm for arm in (question.arm, question.minus) if arm is not None)
    # what the memory of sides goes by: the question alone, whatever stratum's counts these are
    asked = replace(question, endpoint="", stratum=ALL).compared_with()
    inside = _strictly_inside(question, len(arms))

    def sides(threshold: float, rows: Integers) -> Floats:
        if inside and not 0.0 < threshold < 1.0:
            return strictly_inside(threshold, rows)
        counts = np.concatenate([successes[rows][:, arms], totals[rows][:, arms]], axis=1)
        tables, which = distinct_rows(counts)
        found = [_side(model, asked, arms, threshold, tuple(int(n) for n in row)) for row in tables]
        return np.array(found)[which]

    return sides


def _plain(question: Question) -> Question:
    """A ratio against 1 is a difference against 0, of which more is known."""
    if question.of.ratio and question.value == 1.0:
        return replace(question, kind="level", value=0.0)
    return question


def _strictly_inside(question: Question, arms: int) -> bool:
    """Whether every posterior leaves the question open: its probability is neither 0 nor 1."""
    if question.kind == "best":
        return arms > 1
    if question.of.ratio:
        return 0.0 < question.value < math.inf
    return (0.0 if question.minus is None else -1.0) < question.value < 1.0


def always_decided(model: BetaBinomial, question: Question, participants: tuple[int, ...]) -> bool:
    """Whether every table has its answer as a fraction, with no more participants than these.

    What a sum takes grows with an arm's responders and with the other one's failures.
    """
    question = _plain(question)
    if question.of.ratio:
        return False
    value = as_written(question.value)

    def posterior(arm: int, responders: int) -> Exact:  # weights do not matter
        prior, others = model.priors[arm], participants[arm] - responders
        return tuple(
            ExactBeta(Fraction(1), as_written(a) + responders, as_written(b) + others)
            for a, b in zip(prior.a, prior.b, strict=True)
        )

    if question.kind == "best":
        arms = question.compared(len(participants))
        first = [posterior(arm, participants[arm] if question.lowest else 0) for arm in arms]
        return best_known(_in_order(first, question), arms.index(question.arm))
    arm, minus = question.arm, question.minus
    if minus is None:
        return above_known(posterior(arm, 0), value)
    more, fewer = (arm, minus) if value >= 0 else (minus, arm)
    return difference_known(posterior(more, participants[more]), posterior(fewer, 0), abs(value))


def _in_order(posteriors: list[Exact], question: Question) -> list[Exact]:
    """Posteriors of which the largest is the best: turned round where it is the smallest."""
    if not question.lowest:
        return posteriors
    return [tuple(part.turned for part in exact) for exact in posteriors]


@lru_cache(maxsize=SIDES_KEPT)
def _side(
    model: BetaBinomial,
    question: Question,
    arms: tuple[int, ...],
    threshold: float,
    counts: tuple[int, ...],
) -> float:
    return side_of(exact_answer(model, question, arms, counts), threshold)


def exact_answer(
    model: BetaBinomial, question: Question, arms: tuple[int, ...], counts: tuple[int, ...]
) -> Fraction | None:
    """Posterior probability of a question as a fraction; nothing where no finite sum is known.

    Parameters
    ----------
    arms
        Those that the question is about, in its order; for ``best``, all experimental ones.
    counts
        Responders of these arms, then participants.
    """
    if question.of.ratio:
        return None
    pairs = zip(arms, counts[: len(arms)], counts[len(arms) :], strict=True)
    posteriors = [exact_posterior(model.priors[arm], x, n) for arm, x, n in pairs]
    if question.kind == "best":
        return exact_best(_in_order(posteriors, question), arms.index(question.arm))
    value = as_written(question.value)
    if question.minus is None:
        exact = exact_above(posteriors[0], value)
    else:
        exact = exact_difference(posteriors[0], posteriors[1], value)
    return exact if exact is None or question.above else 1 - exact
