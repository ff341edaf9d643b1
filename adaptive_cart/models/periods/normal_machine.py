"""Mean changes with a random walk over the calendar: summed over its scale and the spread.

Statement, of participant i in arm k, randomised in calendar period c, with baseline b and score y::

    y_i - b_i ~ Normal(mean_k + gamma_c + slope * (b_i - centre), sd)

``centre`` is the mean baseline of all who are analysed; gamma is the walk of ``walk.py``, 0 in the
latest calendar period, with steps in points of the score; p(means, slope, log sd) is flat and tau
half-normal.

Given tau and sd everything is normal. With means and slope projected out, the steps (of size 1)
have the precision I + (tau / sd)^2 S, where S is what the data tell of them, so that the
eigenvalues of S give the likelihood, and the mean and variance of every combination, at any tau and
sd in closed form. Both are summed by the trapezoid rule of their logarithms, laid about the mass
that a first, wider rule shows; a tau whose drift is as good as none stands for all below. What is
asked is then normal at each node, and the answer a weighed sum of normal distribution functions.
Against finer and wider rules a probability was off by at most 4e-4, with few participants, and by
1e-4 with ten or more; a table takes 2 to 5 milliseconds.

Where as many steps could explain all changes there is no posterior (nan), nor of an arm of which
nobody has been analysed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final, NamedTuple

import numpy as np
from scipy import special

from adaptive_cart.models.normal.normal import ROUNDING
from adaptive_cart.models.normal.normal_analysis import last_visit
from adaptive_cart.models.periods.normal_periods import NOUGHT, OUTSIDE, normal_equations
from adaptive_cart.models.periods.over_periods import OverPeriods
from adaptive_cart.models.periods.walk import LARGEST, LEAST, Walk
from adaptive_cart.models.ties import Sides, strictly_inside
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import OverCalendar, Scores

NODES: Final = 36  # of tau
SPREADS: Final = 40  # of sd
WIDE: Final = 72  # of either, to see where the mass lies
STRAIGHT: Final = 0.02  # of the spread: a drift of that standard deviation is as good as none
LITTLE: Final = 1e-11  # of the mass of the largest: what the wider rule leaves out
TAIL: Final = 1e-10  # probability beyond the ends of the wider rule
TRIALS_AT_ONCE: Final = 64
STEPS: Final = 80  # of the search of a quantile at most
CLOSE: Final = 1e-11  # of a scale


class Known(NamedTuple):
    """What the data of every trial say, steps of the walk in directions of their own.

    Attributes
    ----------
    best, inverse
        Means and slope without a walk, ``(trial, coefficient)``; and what these vary by, of sd 1.
    known
        Directions of these that the data tell, ``(trial, coefficient, direction)``.
    turned
        Of each step and calendar period: the effects of calendar periods, and what means and slope
        lose by them, in directions of their own, ``(trial, period or coefficient, direction)``.
    told, push
        Eigenvalues of S, and what the changes say in these directions, ``(trial, direction)``.
    left, freedom
        Sum of squares left without a walk, and its degrees of freedom, ``(trial,)``.
    least, spare
        The same with steps of any size.
    """

    best: Floats
    inverse: Floats
    known: Floats
    turned: Floats
    lost: Floats
    told: Floats
    push: Floats
    left: Floats
    freedom: Floats
    least: Floats
    spare: Floats


def known_of(products: Floats, walk: Walk) -> Known:
    """Project means and slope out, and turn the steps.

    Parameters
    ----------
    products
        ``(trial, arm, calendar period, 3, 3)`` sums of products of (1, baseline, score), calendar
        periods counted back from the latest.
    """
    arms, periods = products.shape[1:3]
    matrix, right, whole, number = normal_equations(products)
    flat = np.r_[0:arms, arms + periods]
    when = np.arange(arms, arms + periods)
    own, across = matrix[:, flat[:, None], flat], matrix[:, flat[:, None], when]
    diagonal = np.einsum("tii->ti", own)
    scale = np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    values, vectors = np.linalg.eigh(own / scale[:, :, None] / scale[:, None, :])
    seen = values > NOUGHT * len(flat)
    known = vectors * seen[:, None, :]
    inverse = np.einsum("tid,td,tjd->tij", known, 1.0 / np.where(seen, values, 1.0), known)
    inverse = inverse / scale[:, :, None] / scale[:, None, :]
    best = np.einsum("tij,tj->ti", inverse, right[:, flat])
    left = np.maximum(whole - (best * right[:, flat]).sum(axis=1), ROUNDING * whole)
    path = walk.path(periods)
    lost = np.matmul(np.matmul(inverse, across), path)
    inside = matrix[:, when[:, None], when] - np.matmul(
        np.swapaxes(across, 1, 2), np.matmul(inverse, across)
    )
    own_push = right[:, when] - np.einsum("tfc,tf->tc", across, best)
    precision = np.matmul(path.T, np.matmul(inside, path))
    told, turn = np.linalg.eigh(precision)
    nothing = told <= NOUGHT * np.maximum(told.max(axis=1, keepdims=True, initial=0.0), NOUGHT)
    told = np.where(nothing, 0.0, told)
    push = np.where(nothing, 0.0, np.einsum("tsd,tc,cs->td", turn, own_push, path))
    gained = (push**2 / np.where(nothing, 1.0, told)).sum(axis=1)
    freedom = number - seen.sum(axis=1)
    tiny = np.finfo(np.float64).tiny
    return Known(
        best, inverse, known / scale[:, :, None], np.matmul(path, turn), np.matmul(lost, turn),
        told, push, np.maximum(left, tiny), freedom,
        np.maximum(np.maximum(left - gained, ROUNDING * whole), tiny),
        freedom - (~nothing).sum(axis=1),
    )  # fmt: skip


class Nodes(NamedTuple):
    """Values of tau and sd, and the posterior weight of each pair.

    Attributes
    ----------
    tau, sd
        ``(trial, tau)`` and ``(trial, sd)``.
    weight
        ``(trial, tau, sd)``; those of a trial sum to 1. None where there is no posterior.
    """

    tau: Floats
    sd: Floats
    weight: Floats


def nodes_of(known: Known, walk: Walk) -> Nodes:
    """Lay out the values of tau and sd."""
    freedom, spare = (np.maximum(part, 1.0) for part in (known.freedom, known.spare))
    sd = (
        np.log(known.least / special.chdtri(spare, TAIL)) / 2.0,
        np.log(known.left / special.chdtri(freedom, 1.0 - TAIL)) / 2.0,
    )
    straight = STRAIGHT * np.sqrt(known.left / freedom) / max(walk.reach(len(known.turned[0])), 1.0)
    tau = (
        np.log(np.minimum(straight, LEAST * walk.step_scale)),
        np.full(len(straight), np.log(LARGEST * walk.step_scale)),
    )
    wide = _spread(*tau, WIDE), _spread(*sd, WIDE)
    log = _logs(known, walk, *wide)
    mass = np.exp(log - log.max(axis=(1, 2), keepdims=True))
    narrow = (
        _spread(*_holding(wide[0], mass.sum(axis=2)), NODES),
        _spread(*_holding(wide[1], mass.sum(axis=1)), SPREADS),
    )
    log = _logs(known, walk, *narrow)
    weight = np.exp(log - log.max(axis=(1, 2), keepdims=True))
    weight /= weight.sum(axis=(1, 2), keepdims=True)
    weight = np.where(known.spare[:, None, None] >= 1.0, weight, np.nan)
    return Nodes(np.exp(narrow[0]), np.exp(narrow[1]), weight)


def _spread(low: Floats, high: Floats, number: int) -> Floats:
    """Equal steps from one to the other, ``(trial, number)``."""
    share = np.linspace(0.0, 1.0, number)
    return low[:, None] + (high - low)[:, None] * share


def _holding(places: Floats, mass: Floats) -> tuple[Floats, Floats]:
    """Ends between which there is more than a little mass, ``(trial,)`` each."""
    inside = mass > LITTLE * mass.max(axis=1, keepdims=True)
    trials, last = np.arange(len(places)), places.shape[1] - 1
    first = np.maximum(inside.argmax(axis=1) - 1, 0)
    end = np.minimum(last - inside[:, ::-1].argmax(axis=1) + 1, last)
    return places[trials, first], places[trials, end]


def _logs(known: Known, walk: Walk, taus: Floats, sds: Floats) -> Floats:
    """Log mass at each tau and sd, but for a constant, ``(trial, tau, sd)``.

    Parameters
    ----------
    taus, sds
        Their logarithms, ``(trial, tau)`` and ``(trial, sd)``, in equal steps.
    """
    found = np.empty((len(taus), taus.shape[1], sds.shape[1]))
    for first in range(0, len(taus), TRIALS_AT_ONCE):
        rows = slice(first, first + TRIALS_AT_ONCE)
        variance = np.exp(2.0 * sds[rows])
        log = -known.freedom[rows, None] * sds[rows] - known.left[rows, None] / (2.0 * variance)
        share = np.exp(taus[rows]) / walk.step_scale
        prior = taus[rows] - 0.5 * share**2
        # what lies below the least counts as there
        step = taus[rows, 1] - taus[rows, 0]
        below = special.erf(share[:, 0] / np.sqrt(2.0)) / np.sqrt(2.0 / np.pi)
        least = step * share[:, 0] * np.exp(-0.5 * share[:, 0] ** 2) / 2.0 + below
        prior[:, 0] = np.log(least / step) + np.log(walk.step_scale)
        ratio = np.exp(2.0 * taus[rows])[:, :, None] / variance[:, None]
        each = log[:, None] + prior[:, :, None]
        for told, push in zip(known.told[rows].T, known.push[rows].T, strict=True):
            larger = 1.0 + ratio * told[:, None, None]
            each += 0.5 * ratio / variance[:, None] * (push**2)[:, None, None] / larger
            each -= 0.5 * np.log(larger)
        found[rows] = each
    return found


@dataclass
class MachineMeansPosterior(OverPeriods):
    """Posterior of mean changes, adjusted by a random walk over the calendar."""

    walk: Walk
    seen: OverCalendar

    closed: ClassVar[tuple[str, ...]] = ("level",)
    exactly = "quadrature"
    fast_error = 1e-3
    drawn_error = 0.007

    def __post_init__(self) -> None:
        """Nothing has been asked yet."""
        self._kept: dict[Question, tuple[Floats, Floats]] = {}

    @cached_property
    def _data(self) -> Known:
        apart = self.seen.split()
        assert isinstance(apart, Scores)
        own = np.moveaxis(last_visit(apart), 2, -1)
        return known_of(np.moveaxis(self.seen.counted_back(own), -1, 2), self.walk)

    @cached_property
    def _nodes(self) -> Nodes:
        return nodes_of(self._data, self.walk)

    def _asked(self, question: Question) -> tuple[Floats, Floats]:
        """Mean and standard deviation of a level, or a difference, at the nodes; kept."""
        bare = question.at(0.0).compared_with()
        if bare not in self._kept:
            self._kept[bare] = self._combined(question)
        return self._kept[bare]

    def _combined(self, question: Question) -> tuple[Floats, Floats]:
        known, nodes = self._data, self._nodes
        trials, arms = len(known.left), self.arms
        asked, shares = np.zeros((trials, arms + 1)), np.zeros((trials, known.turned.shape[1]))
        asked[:, question.arm] = 1.0
        if question.minus is None:
            shares = self.seen.shares((question.arm,))
        else:
            asked[:, question.minus] = -1.0
        # what of it the data tell: an arm of which nobody is seen has no mean
        nobody = np.einsum("tii->ti", known.inverse) == 0.0
        unknown = (nobody & (asked != 0.0)).any(axis=1) | self._confused(asked)
        drift = np.einsum("tc,tcd->td", shares, known.turned)
        drift = drift - np.einsum("tf,tfd->td", asked, known.lost)
        centre = np.einsum("tf,tf->t", asked, known.best)
        size = np.einsum("tf,tfg,tg->t", asked, known.inverse, asked)
        centre = np.where(unknown, np.nan, centre)
        variance = nodes.sd[:, None] ** 2
        mean = np.repeat(centre[:, None, None], nodes.tau.shape[1], axis=1)
        mean = np.repeat(mean, nodes.sd.shape[1], axis=2)
        wide = np.broadcast_to(variance * size[:, None, None], mean.shape).copy()
        tau = nodes.tau[:, :, None] ** 2
        ratio = tau / variance
        for told, push, own in zip(known.told.T, known.push.T, drift.T, strict=True):
            larger = 1.0 + ratio * told[:, None, None]
            mean += ratio * (own * push)[:, None, None] / larger
            wide += tau * (own**2)[:, None, None] / larger
        return mean.reshape(trials, -1), np.sqrt(wide).reshape(trials, -1)

    def _confused(self, asked: Floats) -> Booleans:
        """Trials in which a combination is not told apart from the slope."""
        known = self._data
        scale = np.sqrt((known.known**2).sum(axis=2))
        scale = np.where(scale > 0.0, scale, 1.0)
        unit, scaled = known.known / scale[:, :, None], asked
        told = np.einsum("tid,tjd,tj->ti", unit, unit, scaled)
        found: Booleans = np.abs(scaled - told).max(axis=1) > OUTSIDE
        return found

    @property
    def _weight(self) -> Floats:
        return self._nodes.weight.reshape(len(self._nodes.weight), -1)

    def _below(self, question: Question, value: Floats | float) -> Floats:
        """Distribution function of what is asked, ``(trial,)``."""
        mean, wide = self._asked(question)
        value = np.broadcast_to(np.asarray(value, dtype=np.float64), (len(mean),))
        found: Floats = (self._weight * special.ndtr((value[:, None] - mean) / wide)).sum(axis=1)
        return np.clip(found, 0.0, 1.0)

    def computed(self, question: Question) -> Floats:
        """Sum of normal distribution functions."""
        if not self.without_draws(question):
            return super().computed(question)
        below = self._below(question, question.value)
        return 1.0 - below if question.above else below

    def sides(self, question: Question) -> Sides:
        """Nothing is certain."""
        return strictly_inside if self.without_draws(question) else super().sides(question)

    def mean(self, question: Question) -> Floats:
        """Posterior mean."""
        if not self.without_draws(question):
            return super().mean(question)
        found: Floats = (self._weight * self._asked(question)[0]).sum(axis=1)
        return found

    def quantile(self, question: Question, probability: float) -> Floats:
        """Value that it lies below with this probability: Newton's steps, kept within bounds."""
        if not self.without_draws(question):
            return super().quantile(question, probability)
        mean, wide = self._asked(question)
        score = special.ndtri(probability)
        each = mean + score * wide
        counted = self._weight > 0.0
        low = np.where(counted, each, np.inf).min(axis=1)
        high = np.where(counted, each, -np.inf).max(axis=1)
        scale = np.sqrt((self._weight * wide**2).sum(axis=1))
        place = np.clip((self._weight * each).sum(axis=1), low, high)
        for _ in range(STEPS):
            z = (place[:, None] - mean) / wide
            reached = (self._weight * special.ndtr(z)).sum(axis=1) - probability
            slope = (self._weight * np.exp(-0.5 * z**2) / wide).sum(axis=1) / np.sqrt(2.0 * np.pi)
            low, high = np.where(reached < 0.0, place, low), np.where(reached < 0.0, high, place)
            with np.errstate(divide="ignore", invalid="ignore"):
                moved = place - reached / slope
            inside = (moved >= low) & (moved <= high)
            moved = np.where(inside, moved, 0.5 * (low + high))
            done = ~(np.abs(moved - place) > CLOSE * scale)
            place = moved
            if done.all():
                break
        return place

    def drawn(self, question: Question) -> Floats:
        """Draws of a level, or of a difference: by its own distribution function."""
        from adaptive_cart.models.draws import ranks, spread

        ends = self.quantile(question, 1e-5), self.quantile(question, 1.0 - 1e-5)
        share = np.linspace(0.0, 1.0, 201)
        values = ends[0][:, None] + (ends[1] - ends[0])[:, None] * share
        below = np.stack([self._below(question, value) for value in values.T], axis=1)
        return spread(values, special.ndtri(below), ranks(self.arms)[question.arm])
