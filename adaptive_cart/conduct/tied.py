"""What is asked at once of endpoints that a utility ties together: from draws of all of them.

Endpoints are analysed apart, so that their posteriors are independent and several questions are a
product over endpoints; but a utility is about several of them. Questions that share an endpoint are
answered together: each endpoint's model draws all the numbers of arms that any of them is made of,
and its draws are put together with those of the others in as many orders as where arms are compared
by a utility (:mod:`adaptive_cart.conduct.weighing_arms`), the same for every trial. The share of
the draws in which all is so is the answer.

Against numerical integration over exact posteriors of counts and rates it is off by less than
:data:`OF_BEST` (``tests/conduct/test_utility_at_once.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import mul
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from adaptive_cart.conduct.weighing import AT_ONCE, Weighing
from adaptive_cart.conduct.weighing_arms import (
    OF_BEST,
    ORDERS,
    SEED,
    WeighingArms,
    known_again,
    mixed_rows,
    order_of_draws,
)
from adaptive_cart.models.base import Reference
from adaptive_cart.models.ties import Error
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats

if TYPE_CHECKING:
    from adaptive_cart.conduct.look_analysis import LookAnalysis

# of one endpoint: (quantity, chain, draw), each with its weight
Chains: TypeAlias = "Sequence[tuple[Floats, float]]"

_SUM: Final = Weighing()
_ARMS: Final = WeighingArms()


def weighing(question: Question) -> Weighing:
    """How a utility is asked about: for itself, or for the place of an arm by it."""
    return _ARMS if question.of.among_open else _SUM


def of_one(question: Question) -> Question:
    """The same of the only endpoint of a utility that weighs one; else the question itself."""
    alone = weighing(question).alone(question) if question.of.of_several else None
    return question if alone is None else alone


def tied(questions: Sequence[Question]) -> list[tuple[Question, ...]]:
    """Questions that share an endpoint together, in the order in which endpoints come."""
    groups: list[list[Question]] = []
    for question in map(of_one, questions):
        own = {*question.endpoints}
        mine = [group for group in groups if own & {n for q in group for n in q.endpoints}]
        if not mine:
            groups.append([question])
            continue
        first, *rest = mine
        for other in rest:
            first += other
            groups.remove(other)
        first.append(question)
    return [tuple(group) for group in groups]


def weighed_among(questions: Sequence[Question]) -> bool:
    """Whether a utility of several endpoints is asked about beside something else."""
    return len(questions) > 1 and any(question.of.of_several for question in questions)


def quantities_of(questions: Sequence[Question], arms: int) -> dict[str, tuple[Quantity, ...]]:
    """Numbers of arms that questions are made of, by endpoint; endpoints in alphabetical order."""
    found: dict[str, dict[Quantity, None]] = {}
    for question in questions:
        for quantity in question.quantities(arms):
            found.setdefault(quantity.endpoint, {})[quantity] = None
    return {name: tuple(found[name]) for name in sorted(found)}


def asked_of(questions: Sequence[Question], endpoint: str) -> tuple[Question, ...]:
    """What questions ask of one endpoint, each as it is asked of that alone."""
    every = (one for question in questions for one in question.of_endpoints)
    return tuple(one for one in every if one.endpoint == endpoint)


def _so(questions: Sequence[Question], values: Mapping[Quantity, Floats], arms: int) -> Floats:
    """Whether all that is asked is so, draw by draw, as 1 and 0."""
    each = (
        question.of.chance(
            question, question.combine([values[one] for one in question.quantities(arms)])
        )
        for question in questions
    )
    return np.asarray(reduce(mul, each), dtype=np.float64)


def chance_seen(questions: Sequence[Question], seen: LookAnalysis) -> Floats:
    """Probability at a look that all that is asked is so, ``(chosen trial,)``."""
    arms = len(seen.plan.design.arm_names)
    needed = quantities_of(questions, arms)
    drawn = [seen.drawn_together(own, asked_of(questions, name)) for name, own in needed.items()]
    found = chance(questions, [*needed.values()], drawn, arms, seen.orders)
    return seen.over_rows(found)


def chance(
    questions: Sequence[Question],
    needed: Sequence[Sequence[Quantity]],
    drawn: Sequence[Sequence[Floats]],
    arms: int,
    orders: int = ORDERS,
) -> Floats:
    """Probability that all that is asked is so, ``(row,)``; nan where any posterior failed.

    Parameters
    ----------
    needed, drawn
        By endpoint: numbers of arms, and the draws of each, ``(row, draw)``.
    arms
        How many arms the design has.
    orders
        In how many orders draws are put together.
    """
    _, first, which = np.unique(known_again(drawn), axis=0, return_index=True, return_inverse=True)
    found = np.empty(len(first))
    for start in range(0, len(first), AT_ONCE):
        rows = first[start : start + AT_ONCE]
        total = np.zeros(len(rows))
        for number in range(orders):
            values = {
                quantity: own[rows][:, order_of_draws(place, number, own.shape[1])]
                for place, (names, each) in enumerate(zip(needed, drawn, strict=True))
                for quantity, own in zip(names, each, strict=True)
            }
            total += _so(questions, values, arms).mean(axis=-1)
        unknown = np.logical_or.reduce([np.isnan(own[rows, 0]) for each in drawn for own in each])
        found[start : start + AT_ONCE] = np.where(unknown, np.nan, total / orders)
    whole: Floats = found[which.reshape(-1)]
    return whole


def error_of(questions: Sequence[Question], fitted: Mapping[str, Any]) -> Error:
    """What such a probability may be wrong by: that of draws put together.

    Models whose draws are not those of exact quantiles of each arm add their own.
    """
    names = dict.fromkeys(name for question in questions for name in question.endpoints)
    by = [fitted[name][0].answered_by for name in names]
    return Error(
        round(math.hypot(OF_BEST, *(one.drawn_error for one in by if not one.arms_apart)), 4)
    )


# ── of Markov chains ──────────────────────────────────────────────────────────────────────────
def of_chain(
    reference: Reference,
    draws: Mapping[str, Floats],
    quantities: Sequence[Quantity],
    open_strata: Booleans | None,
) -> Floats:
    """Numbers of arms by the draws of an endpoint's chains, ``(quantity, chain, draw)``."""
    return np.stack([reference.of(draws, one, open_strata) for one in quantities])


def chance_of_chains(
    questions: Sequence[Question],
    needed: Mapping[str, Sequence[Quantity]],
    found: Mapping[str, Chains],
    arms: int,
) -> tuple[float, float]:
    """Probability that all that is asked is so, and its Monte Carlo standard error.

    The error is what the mean owes to the chains of each endpoint.

    Parameters
    ----------
    needed, found
        By endpoint: numbers of arms, and their draws in the same order.
    """
    from adaptive_cart.models.sampling import mean_and_error  # slow to import

    flat = {name: mixed_rows(own) for name, own in found.items()}
    answer, variance = 0.0, 0.0
    for place, (name, own) in enumerate(found.items()):
        means = []
        for draws, share in own:
            number = draws[0].size
            total = np.zeros(number)
            for order in range(ORDERS):
                values = dict(zip(needed[name], draws.reshape(len(draws), number), strict=True))
                for other, (theirs, mixed) in enumerate(flat.items()):
                    if other != place:
                        random = np.random.default_rng([SEED, place, other, order])
                        taken = random.permutation(np.resize(np.arange(mixed.shape[1]), number))
                        values |= dict(zip(needed[theirs], mixed[:, taken], strict=True))
                total += _so(questions, values, arms)
            mean, error = mean_and_error((total / ORDERS).reshape(draws.shape[1:]))
            means.append(share * mean)
            variance += (share * error) ** 2
        answer = sum(means) if place == 0 else answer
    return float(answer), math.sqrt(variance)
