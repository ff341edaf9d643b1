"""The posterior probability that an arm has the largest utility of the open arms, or its place.

Each endpoint's model draws its levels in all arms together, and endpoints are independent: draws of
one endpoint are put together with those of the others in so many orders, the same for every trial,
and the share in which the arm has the place that is asked for is the answer. What an endpoint has
in several arms stays together, whether or not its model takes arms for independent. A completed
trial is judged by one order: it is one of thousands. Where one endpoint alone is weighed its model
answers.

Against numerical integration over exact posteriors of counts and rates, three arms and two
endpoints, the answer is off by less than :data:`OF_BEST` (``tests/conduct/test_best_utility.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from adaptive_cart.conduct.weighing import AT_ONCE, TELLING, Weighing, draws_of
from adaptive_cart.models import Posterior
from adaptive_cart.models.base import Reference
from adaptive_cart.nouns.distinct_rows import each_distinct
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats

if TYPE_CHECKING:
    from adaptive_cart.conduct.look_analysis import LookAnalysis

ORDERS: Final = 8  # in which draws of endpoints are put together
SEED: Final = 1811
OF_BEST: Final = 0.006  # error of the probability of an arm to be the best

# of one endpoint: (arm, chain, draw), each with its weight
Chains: TypeAlias = "Sequence[tuple[Floats, float]]"
# draws of the level of one endpoint in every arm compared, (trial, draw) each
Levels: TypeAlias = "Sequence[Floats]"


@dataclass(frozen=True)
class WeighingArms(Weighing):
    """Whether an arm is the best of the open arms by a utility, or among the best."""

    def alone(self, question: Question) -> Question | None:
        """What is asked of a utility's single endpoint; nothing where it weighs several."""
        if len(question.weights) != 1:
            return None
        (one,) = question.of_endpoints
        own = question.of.alone
        return replace(one, kind=own, places=question.places, against=question.against)

    def of_draws(self, seen: LookAnalysis, question: Question) -> Floats:
        """From the draws of each endpoint."""
        return chance(question, places_seen(question, seen))

    def of_prior_draws(self, prior: Callable[[str], Posterior], question: Question) -> float:
        """The same of the draws of several priors."""
        asked = levels_asked(question, prior(question.endpoints[0]).arms)
        levels = [[own[:1] for own in draws_of(prior(each[0].endpoint), each)] for each in asked]
        weights = [weight for _, weight in question.weights]
        return float(chance(question, places(weights, levels))[0])

    def error_of_draws(self, fitted: Mapping[str, Any], question: Question) -> float:
        """That of the draws of several endpoints put together.

        Models whose draws are not those of exact quantiles of each arm add their own.
        """
        by = [fitted[name][0].answered_by for name in question.endpoints]
        drawn = (one.drawn_error for one in by if not one.arms_apart)
        return math.hypot(OF_BEST, *drawn)

    def of_chain(
        self,
        reference: Reference,
        draws: Mapping[str, Floats],
        one: Question,
        open_strata: Booleans | None,
    ) -> Floats:
        """The level in every arm compared, ``(arm, chain, draw)``."""
        levels = one.quantities(len(reference.arms))
        return np.stack([reference.of(draws, level, open_strata) for level in levels])

    def chance_of_chains(self, question: Question, found: Sequence[Chains]) -> tuple[float, float]:
        """Given a draw of one endpoint, the share over draws of the others in some orders."""
        return chance_of_chains(question, found)


def levels_asked(question: Question, arms: int) -> list[tuple[Quantity, ...]]:
    """The level in every arm compared, by endpoint, of a design with so many arms."""
    return [one.quantities(arms) for one in question.of_endpoints]


@lru_cache(maxsize=64)
def order_of_draws(endpoint: int, order: int, draws: int) -> npt.NDArray[np.intp]:
    """In which order an endpoint's draws are taken."""
    if endpoint == 0:
        return np.arange(draws)
    return np.random.default_rng([SEED, endpoint, order]).permutation(draws)


def known_again(levels: Sequence[Levels]) -> Floats:
    """What tells a trial's draws from those of other data, ``(trial, number)``."""
    return np.concatenate(
        [own[:, :: own.shape[1] // TELLING] for each in levels for own in each], axis=1
    )


def places(weights: Sequence[float], levels: Sequence[Levels], orders: int = ORDERS) -> Floats:
    """Probability of each arm to have each place by the utility, ``(trial, arm, place)``.

    Of equals the earlier arm is the better one; nan where any posterior failed.

    Parameters
    ----------
    orders
        In how many orders draws are put together.
    """
    _, first, which = np.unique(known_again(levels), axis=0, return_index=True, return_inverse=True)
    arms = len(levels[0])
    found = np.empty((len(first), arms, arms))
    for start in range(0, len(first), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        chosen = [[own[first[rows]] for own in each] for each in levels]
        total = np.zeros((len(chosen[0][0]), arms, arms))
        for number in range(orders):
            taken = [
                [own[:, order_of_draws(place, number, own.shape[1])] for own in each]
                for place, each in enumerate(chosen)
            ]
            total += _shares([_sum(weights, own) for own in zip(*taken, strict=True)])
        unknown = np.logical_or.reduce([np.isnan(own[:, 0]) for each in chosen for own in each])
        found[rows] = np.where(unknown[:, None, None], np.nan, total / orders)
    whole: Floats = found[which.reshape(-1)]
    return whole


def _sum(weights: Sequence[float], values: Sequence[Floats]) -> Floats:
    first, *rest = (weight * value for weight, value in zip(weights, values, strict=True))
    return sum(rest, start=first)


def _ahead(utilities: Sequence[Floats] | Floats) -> list[npt.NDArray[np.int8]]:
    """How many arms have a larger utility, or an equal one and come earlier, of each arm."""
    found = [np.zeros(own.shape, dtype=np.int8) for own in utilities]
    for (one, mine), (other, theirs) in combinations(enumerate(utilities), 2):
        better = mine >= theirs
        found[other] += better
        found[one] += ~better
    return found


def _shares(utilities: Sequence[Floats]) -> Floats:
    """Share of the draws in which each arm has each place, ``(trial, arm, place)``."""
    arms = range(len(utilities))
    return np.stack(
        [
            np.stack([(own == place).mean(axis=-1) for place in arms], axis=-1)
            for own in _ahead(utilities)
        ],
        axis=-2,
    )


def chance(question: Question, found: Floats) -> Floats:
    """Probability that what is asked of the arm's place is so, ``(trial,)``; or what is expected.

    Parameters
    ----------
    found
        Probabilities of places of the arms compared, ``(trial, arm, place)``.
    """
    arms = question.compared(question.first + found.shape[1])
    own: Floats = found[:, arms.index(question.arm)] @ _worth(question, arms)
    return own


def _worth(question: Question, arms: tuple[int, ...]) -> Floats:
    """What each place of the arm adds to the answer, the first place first."""
    named, every = replace(question, among=arms), np.arange(1, len(arms) + 1, dtype=np.float64)
    return np.asarray(named.of.chance(named, every), dtype=np.float64)


def best_of_open(order: Question, seen: LookAnalysis, open_arms: Booleans) -> Floats:
    """Probability of each open experimental arm to have the largest utility, ``(trial, arm)``.

    Parameters
    ----------
    order
        Which of some arms is the best, and by what; its own arm does not matter.
    open_arms
        ``(chosen trial, arm)``.
    """
    found = np.zeros(open_arms.shape)
    for pattern, rows in each_distinct(open_arms[:, order.first :]):
        arms = tuple(int(arm) + order.first for arm in np.flatnonzero(pattern))
        if len(arms) == 1:
            found[rows, arms[0]] = 1.0
        elif arms:
            question = replace(order, arm=arms[0], among=arms)
            found[rows[:, None], arms] = places_seen(question, seen)[rows, :, 0]
    return found


def place_seen(question: Question, seen: LookAnalysis) -> Floats:
    """Probability of an arm to have each place at a look, ``(trial, place)``."""
    return places_seen(question, seen)[:, question.among.index(question.arm)]


def places_seen(question: Question, seen: LookAnalysis) -> Floats:
    """Probabilities of places at a look, worked out once for all that is asked of these arms."""
    key = question.weights, question.among, question.stratum
    if key not in seen.places:
        weights = [weight for _, weight in question.weights]
        levels = levels_asked(question, len(seen.plan.design.arm_names))
        both = zip(levels, question.of_endpoints, strict=True)
        drawn = [seen.drawn_together(each, (one,)) for each, one in both]
        seen.places[key] = seen.over_rows(places(weights, drawn, seen.orders))
    return seen.places[key]


# ── of Markov chains ──────────────────────────────────────────────────────────────────────────
def chance_of_chains(question: Question, found: Sequence[Chains]) -> tuple[float, float]:
    """Probability that what is asked of the arm's place is so, and its Monte Carlo standard error.

    The error is what the mean owes to the chains of each endpoint.

    Parameters
    ----------
    found
        By endpoint that the utility weighs.
    """
    from adaptive_cart.models.sampling import mean_and_error  # slow to import

    weights = [weight for _, weight in question.weights]
    arms = question.compared(question.first + len(found[0][0][0]))
    mine, worth = arms.index(question.arm), _worth(question, arms)
    flat = [mixed_rows(own) for own in found]
    answer, variance = 0.0, 0.0
    for place, own in enumerate(found):
        means = []
        for draws, share in own:
            shape, number = draws.shape[1:], draws[0].size
            total = np.zeros(number)
            for order in range(ORDERS):
                utilities = weights[place] * draws.reshape(len(draws), number)
                for other, values in enumerate(flat):
                    if other != place:
                        random = np.random.default_rng([SEED, place, other, order])
                        taken = random.permutation(np.resize(np.arange(values.shape[1]), number))
                        utilities = utilities + weights[other] * values[:, taken]
                total += worth[_ahead(utilities)[mine]]
            mean, error = mean_and_error((total / ORDERS).reshape(shape))
            means.append(share * mean)
            variance += (share * error) ** 2
        answer = sum(means) if place == 0 else answer
    return float(answer), math.sqrt(variance)


def mixed_rows(found: Chains) -> Floats:
    """Draws of a mixture, ``(arm, draw)``: of each part as many as its weight among all parts."""
    most, taken = max(weight for _, weight in found), []
    for values, weight in found:
        flat = values.reshape(len(values), -1)
        number = max(1, round(weight / most * flat.shape[1]))
        taken.append(flat[:, np.linspace(0, flat.shape[1] - 1, number).astype(np.intp)])
    return np.concatenate(taken, axis=1)
