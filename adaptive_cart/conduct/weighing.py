"""The posterior probability that a utility lies beyond a value: several endpoints, weighed.

Endpoints are analysed apart, so that their posteriors are independent. Its terms are what each
endpoint has, times its weight: the level in each arm where a model's arms are independent too
(``arms_apart``), else the level or its difference in one. Each term is known by its draws
(``models/draws.py``), which in order are its quantiles at the middles of 4,096 equal parts of
(0, 1): of one arm they are all but exact. The distribution of the sum is the convolution of those
of the terms, on a lattice of 4,096 cells over all that the sum may be, every draw in the nearest
cell. Nothing is drawn anew, and an answer depends on the trial's own data alone. Where one endpoint
alone is weighed its model answers, as exactly as ever.

What is stated is the root of the sum of squares of the terms' errors, which are errors about
different data: 0.0004 of an arm, else that of the model's draws. Against numerical convolution of
the exact posteriors (tables from nobody to 150 an arm) counts and rates of three endpoints are off
by less than 0.0005; ``tests/conduct/test_utility.py`` holds them to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from adaptive_cart.conduct.asking import Now, own_error, said_by
from adaptive_cart.models import Posterior
from adaptive_cart.models.base import Reference
from adaptive_cart.models.ties import Error, Sides, not_known
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers

if TYPE_CHECKING:
    from adaptive_cart.conduct.look_analysis import LookAnalysis


CELLS: Final = 4096
ORDERS: Final = 16  # in which draws of Markov chains are put together
AT_ONCE: Final = 64  # trials convolved at once
TELLING: Final = 16  # draws by which a posterior is known again
OF_AN_ARM: Final = 0.0004  # error of a probability about the level of one arm, in order

# draws of one endpoint's quantity, (chain, draw), each with its weight: several where imputed
Chains: TypeAlias = "list[tuple[Floats, float]]"


@dataclass(frozen=True)
class Weighing(Now):
    """Whether a utility lies beyond a value."""

    @property
    def weighs(self) -> bool:
        """Always."""
        return True

    def several(self, question: Question) -> bool:
        """It is always made of endpoints, and never asked of one."""
        return True

    def alone(self, question: Question) -> Question | None:
        """What a utility of a single endpoint asks of that; nothing where it weighs several."""
        if len(question.weights) != 1:
            return None
        ((_, weight),), (one,) = question.weights, question.of_endpoints
        return replace(one, value=question.value / weight, against=question.against)

    def answer(self, seen: LookAnalysis, question: Question) -> Floats:
        """The model's own of a single endpoint, else from the draws of each."""
        alone = self.alone(question)
        return self.of_draws(seen, question) if alone is None else seen.together((alone,))

    def of_draws(self, seen: LookAnalysis, question: Question) -> Floats:
        """From the draws of each endpoint, in order."""
        apart = {name: seen.posterior(name).arms_apart for name in question.endpoints}
        terms = [weight * seen.drawn_of(one) for weight, one in terms_of(question, apart)]
        return chance(question, terms)

    def before_data(self, prior: Callable[[str], Posterior], question: Question) -> float:
        """The same of the priors."""
        alone = self.alone(question)
        if alone is not None:
            return said_by(prior(alone.endpoint), (alone,))
        return self.of_prior_draws(prior, question)

    def of_prior_draws(self, prior: Callable[[str], Posterior], question: Question) -> float:
        """The same of the draws of several priors."""
        found = {name: prior(name) for name in question.endpoints}
        apart = {name: posterior.arms_apart for name, posterior in found.items()}
        terms = [
            weight * drawn_of(found[one.endpoint], one)[:1]
            for weight, one in terms_of(question, apart)
        ]
        return float(chance(question, terms)[0])

    def sides(self, seen: LookAnalysis, question: Question) -> Sides:
        """What the model of a single endpoint knows; of several nothing."""
        alone = self.alone(question)
        return not_known if alone is None else seen.posterior(alone.endpoint).sides(alone)

    def error_in(
        self, fitted: Mapping[str, Any], question: Question, participants: tuple[int, ...]
    ) -> Error:
        """That of a single endpoint, or of the draws of several together."""
        alone = self.alone(question)
        if alone is not None:
            analysis, model = fitted[alone.endpoint]
            return own_error(analysis, model, alone, participants)
        return Error(round(self.error_of_draws(fitted, question), 4))

    def error_of_draws(self, fitted: Mapping[str, Any], question: Question) -> float:
        """That of the draws of several endpoints together."""
        by = {name: fitted[name][0].answered_by for name in question.endpoints}
        apart = {name: of.arms_apart for name, of in by.items()}
        errors = (
            OF_AN_ARM if apart[one.endpoint] else by[one.endpoint].drawn_error
            for _, one in terms_of(question, apart)
        )
        return math.hypot(*errors)

    def of_chain(
        self,
        reference: Reference,
        draws: Mapping[str, Floats],
        one: Question,
        open_strata: Booleans | None,
    ) -> Floats:
        """What an endpoint has, of the draws of its Markov chains: ``(chain, draw)``."""
        return reference.quantity(draws, one, open_strata)

    def chance_of_chains(self, question: Question, found: Sequence[Chains]) -> tuple[float, float]:
        """The probability by such draws of every endpoint, and its Monte Carlo standard error."""
        return chance_of_chains(question, found)

    def composed(self, question: Question) -> str:
        """Say that posteriors are independent, and where the probability comes from."""
        names = question.endpoints
        if len(names) == 1:
            return f"weighed: {names[0]} alone, so that it is what its posterior says"
        told = ", ".join(names[:-1]) + f" and {names[-1]}"
        how = "their posteriors are independent"
        return f"weighed: {told} are analysed apart, so that {how}"


def drawn_of(posterior: Posterior, question: Question) -> Floats:
    """Draws of what a question of one endpoint is about, ``(trial, draw)``; nan where it failed."""
    drawn = posterior.drawn(question)
    failed = posterior.failed
    return drawn if failed is None else np.where(failed[:, None], np.nan, drawn)


def draws_of(posterior: Posterior, quantities: Sequence[Quantity]) -> list[Floats]:
    """Draws of numbers of arms that belong together, ``(trial, draw)``; nan where it failed."""
    drawn = [posterior.draws(quantity) for quantity in quantities]
    unknown = np.logical_or.reduce([np.isnan(own[:, :1]) for own in drawn])
    if posterior.failed is not None:
        unknown = unknown | posterior.failed[:, None]
    return [np.where(unknown, np.nan, own) for own in drawn] if unknown.any() else drawn


def terms_of(question: Question, apart: Mapping[str, bool]) -> list[tuple[float, Question]]:
    """What a utility is the sum of: independent terms, each with the number it is taken times.

    Parameters
    ----------
    apart
        By endpoint: whether its arms are independent.
    """
    found = []
    for (name, weight), one in zip(question.weights, question.of_endpoints, strict=True):
        if one.minus is None or not apart[name]:
            found.append((weight, one))
        else:
            alone = replace(one, minus=None)
            found += [(weight, alone), (-weight, replace(alone, arm=one.minus))]
    return found


@dataclass(frozen=True)
class Sums:
    """Distributions of a sum of independent terms, a row a trial, on a lattice of cells.

    Attributes
    ----------
    first, step
        ``(trial,)`` number of the first cell, counted from 0, and width of each; nan where any term
        failed.
    reached
        ``(trial, cell)`` probability up to the upper end of a cell.
    """

    first: Floats
    step: Floats
    reached: Floats

    @staticmethod
    def of(terms: Sequence[Floats]) -> Sums:
        """Convolve terms, each ``(trial, draw)``."""
        width = np.add.reduce([np.ptp(term, axis=1) for term in terms])
        # one of a few widths, so that the last bit of a draw moves no cell
        steps = np.log2(np.where(width > 0.0, width, 1.0) / (CELLS - 3 * len(terms)))
        step = np.exp2(np.ceil(4.0 * steps) / 4.0)
        bases = [np.floor(term.min(axis=1) / step) for term in terms]
        reached = np.zeros((len(step), CELLS))
        for start in range(0, len(step), AT_ONCE):
            rows = np.arange(start, min(start + AT_ONCE, len(step)))
            rows = rows[~np.isnan(step[rows])]
            product = np.ones((len(rows), CELLS // 2 + 1), dtype=np.complex128)
            for term, base in zip(terms, bases, strict=True):
                places = np.rint(term[rows] / step[rows, None]) - base[rows, None]
                product *= np.fft.rfft(_shares(places.astype(np.int64)), axis=1)
            masses = np.fft.irfft(product, n=CELLS, axis=1)
            reached[rows] = np.cumsum(masses, axis=1).clip(0.0, 1.0)
        return Sums(np.add.reduce(bases), step, reached)

    def beyond(self, question: Question) -> Floats:
        """Probability that the sum lies on the side of the value that is asked about, ``(trial,)``.

        Within a cell what lies there is spread evenly.
        """
        place = question.value / self.step - self.first + 0.5  # cells that begin below the value
        cell = np.clip(np.floor(np.nan_to_num(place)), 0, CELLS - 1).astype(np.int64)[:, None]
        here = np.take_along_axis(self.reached, cell, axis=1)[:, 0]
        before = np.take_along_axis(self.reached, np.maximum(cell - 1, 0), axis=1)[:, 0]
        before = np.where(cell[:, 0] > 0, before, 0.0)
        below = before + np.clip(place - cell[:, 0], 0.0, 1.0) * (here - before)
        return 1.0 - below if question.above else below

    def quantiles(self, probabilities: Sequence[float]) -> Floats:
        """Quantiles of the first row."""
        ends = self.step[0] * (self.first[0] + np.arange(CELLS) + 0.5)
        return np.interp(probabilities, self.reached[0], ends)


def _shares(places: Integers) -> Floats:
    """Share of the draws in each cell, ``(trial, cell)``, by their cells."""
    rows, draws = places.shape
    flat = (places + CELLS * np.arange(rows)[:, None]).ravel()
    return np.bincount(flat, minlength=rows * CELLS).reshape(rows, CELLS) / draws


def chance(question: Question, terms: Sequence[Floats]) -> Floats:
    """Probability that what is asked of a sum of terms is so, ``(trial,)``; nan where any failed.

    Parameters
    ----------
    terms
        What each independent term brings to the utility, ``(trial, draw)``.
    """
    # rows of the same data are one: their draws are the same, and no two posteriors share so many
    key = np.concatenate([term[:, :: term.shape[1] // TELLING] for term in terms], axis=1)
    _, first, which = np.unique(key, axis=0, return_index=True, return_inverse=True)
    found: Floats = Sums.of([term[first] for term in terms]).beyond(question)[which.reshape(-1)]
    return found


# ── of Markov chains ──────────────────────────────────────────────────────────────────────────
def chance_of_chains(question: Question, found: Sequence[Chains]) -> tuple[float, float]:
    """Probability that what a utility asks is so, and its Monte Carlo standard error.

    Given what one endpoint has, the probability is that of the sum of the others; its mean over the
    draws of that endpoint is the answer, and what the answer owes to the chains of each endpoint is
    the error of such a mean (the first-order projection; Hoeffding 1948, Ann Math Stat 19:293).

    Parameters
    ----------
    found
        By endpoint that it weighs.
    """
    from adaptive_cart.models.sampling import mean_and_error  # slow to import

    weights = [weight for _, weight in question.weights]
    whole = [weight * mixed(own) for weight, own in zip(weights, found, strict=True)]
    answer, variance = 0.0, 0.0
    for place, (weight, own) in enumerate(zip(weights, found, strict=True)):
        others = _sum_of_others(whole, place)
        means = []
        for draws, share in own:
            mean, error = mean_and_error(_beyond(question, others, weight * draws))
            means.append(share * mean)
            variance += (share * error) ** 2
        answer = sum(means) if place == 0 else answer
    return float(answer), math.sqrt(variance)


def mixed(found: Chains) -> Floats:
    """Draws of a mixture: of each part as many, evenly spaced, as its weight among all parts."""
    if len(found) == 1:
        return found[0][0].ravel()
    most, taken = max(weight for _, weight in found), []
    for quantity, weight in found:
        draws = quantity.ravel()
        number = max(1, round(weight / most * len(draws)))
        taken.append(draws[np.linspace(0, len(draws) - 1, number).astype(np.intp)])
    return np.concatenate(taken)


def _sum_of_others(whole: Sequence[Floats], place: int) -> Floats:
    """What all endpoints but one bring, rising.

    Of several the draws are put together in so many orders of chance that what they owe to the
    order does not matter beside what they owe to each chain.
    """
    others = [values for other, values in enumerate(whole) if other != place]
    number, orders = min(map(len, others), default=1), ORDERS if len(others) > 1 else 1
    total = np.zeros((orders, number))
    for other, values in enumerate(others):
        random = np.random.default_rng([place, other])
        total += [random.permutation(values)[:number] for _ in range(orders)]
    return np.sort(total, axis=None)


def _beyond(question: Question, others: Floats, own: Floats) -> Floats:
    """Share of the others' sums with which one endpoint's draws lie beyond the value."""
    left = question.value - own
    if question.above:
        return 1.0 - np.searchsorted(others, left, side="right") / len(others)
    return np.searchsorted(others, left, side="left") / len(others)
