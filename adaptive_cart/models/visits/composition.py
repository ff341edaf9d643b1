"""The posterior of a mean at the last visit, composed of the regressions of all visits.

A contrast of arms (one arm, or one less another) has at each visit a mean, which its regression
gives as a combination of its own coefficients with the means of the visits before it. So, given
those, it has a t distribution, of which location and spread depend on them; and at the last visit
the answer is the average of such t distributions over the posterior of the means before it.

Method
------
The average is taken over 512 quasi-random nodes, the same for every table. Each visit before the
last has two axes, the normal deviation of its mean and its variance; so no more than quantiles of
chi-squared distributions are needed, which are kept by degrees of freedom. The last visit is
integrated by its distribution function. The nodes are a scrambled Sobol sequence
(``models/draws.py``); in the space of the deviations they are reflected, so that their first axis
lies in the direction in which the answer changes most. There they are a midpoint rule, the error of
which falls with the square of their number, however little the last visit leaves to chance; on the
other axes the answer hardly depends.

Student's t is turned into a normal score by Hill (1970, Communications of the ACM 13:617), which
is off by 1.1e-5 in a probability at three degrees of freedom and less with more; below that its own
distribution function is taken.

Error
-----
A probability is off by at most 0.001, with one visit by 1e-9, from draws by 0.015:
``tests/models/test_normal_visits.py`` holds it to integrals and to draws from the regressions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.models.completed_scores import Law
from adaptive_cart.models.draws import DRAWS, SCORES, ranks
from adaptive_cart.models.visits.regressions import Regression
from adaptive_cart.nouns.records import Booleans, Floats, Integers

FEW: Final = 3.0  # degrees of freedom below which a normal score is not near enough
HALVINGS: Final = 40
AT_ONCE: Final = 32  # trials
LARGEST: Final = 1e30  # a t beyond which there is nothing
LOG_NODES: Final = 9
NODES: Final = 2**LOG_NODES
MIDDLES: Final[Floats] = (np.arange(NODES) + 0.5) / NODES


@dataclass(frozen=True)
class Contrast:
    """A combination of the arms' mean scores.

    Attributes
    ----------
    weights
        ``(arm,)``, of the arms.
    baseline
        ``(trial,)`` the baseline at which it is taken, times the sum of the weights.
    """

    weights: Floats
    baseline: Floats

    def rows(self, rows: slice) -> Contrast:
        """The same of some trials."""
        return Contrast(self.weights, self.baseline[rows])


@dataclass(frozen=True)
class Composition:
    """Posterior of a contrast at the last visit: an average of t distributions.

    Attributes
    ----------
    location, scale
        ``(trial, node)``
    freedom
        ``(trial,)``
    known
        ``(trial,)``
    """

    location: Floats
    scale: Floats
    freedom: Floats
    known: Booleans

    @property
    def sd(self) -> Floats:
        """How wide the contrast's posterior is, without what its tails add, ``(trial,)``."""
        found: Floats = np.sqrt(self.location.var(axis=1) + (self.scale**2).mean(axis=1))
        return found

    def above(self, value: float | Floats) -> Floats:
        """Probability that the contrast lies above a value, ``(trial,)``; nan where not known."""
        return self._share_above(np.broadcast_to(value, self.freedom.shape))

    def _share_above(self, value: Floats) -> Floats:
        found = np.empty(len(value))
        for rows in at_once(len(value)):
            t = (self.location[rows] - value[rows, None]) / self.scale[rows]
            found[rows] = t_below(t, self.freedom[rows]).mean(axis=1)
        return np.where(self.known, found, np.nan)

    def quantile(self, probability: float) -> Floats:
        """Value below which the contrast lies with a probability, ``(trial,)``; nan where unknown.

        It is the average's, by halving what the t distributions of the nodes leave open.
        """
        away = special.stdtrit(self.freedom[:, None], probability)
        ends = self.location + self.scale * away
        low, high = ends.min(axis=1), ends.max(axis=1)
        for _ in range(HALVINGS):
            middle = (low + high) / 2.0
            more = self._share_above(middle) > 1.0 - probability
            low, high = np.where(more, middle, low), np.where(more, high, middle)
        return np.where(self.known, (low + high) / 2.0, np.nan)


def at_once(trials: int) -> Iterator[slice]:
    """Trials that are worked on together, so that they stay in cache."""
    for first in range(0, trials, AT_ONCE):
        yield slice(first, first + AT_ONCE)


def t_below(t: Floats, freedom: Floats) -> Floats:
    """Distribution function of Student's t.

    Parameters
    ----------
    t
        ``(trial, node)``
    freedom
        ``(trial,)``, whole numbers from 1 on.
    """
    few = (freedom < FEW) | (t.shape[1] == 1)
    t = np.clip(t, -LARGEST, LARGEST)
    half = freedom[:, None] - 0.5
    b = 48.0 * half**2
    w = half * np.log1p(t * t / freedom[:, None])
    bend = (((-0.4 * w - 3.3) * w - 24.0) * w - 85.5) / (0.8 * w * w + 100.0 + b)
    below: Floats = special.ndtr(np.copysign(((bend + w + 3.0) / b + 1.0) * np.sqrt(w), t))
    below[few] = special.stdtr(freedom[few, None], t[few])
    return below


def expected(visits: Sequence[Regression], contrast: Contrast) -> Floats:
    """Posterior mean of a contrast at the last visit, ``(trial,)``; nan where not known.

    Where a regression has one degree of freedom there is no mean, and this is the location.
    """
    *_, (location, _) = _steps(visits, contrast, None)
    return np.where(_known(visits, contrast), location[:, 0], np.nan)


def composed(visits: Sequence[Regression], contrast: Contrast) -> Composition:
    """Posterior of a contrast at the last visit."""
    parts = [
        _composed([visit.rows(rows) for visit in visits], contrast.rows(rows))
        for rows in at_once(len(contrast.baseline))
    ]
    fields = zip(*(vars(part).values() for part in parts), strict=True)
    return Composition(*(np.concatenate(field) for field in fields))


def _composed(visits: Sequence[Regression], contrast: Contrast) -> Composition:
    *earlier, last = visits
    rank = ranks(max(2 * len(earlier), 1), LOG_NODES)
    normal = special.ndtri(MIDDLES)[rank[: len(earlier)]]
    deviations = _reflected(normal, _direction(visits, contrast))
    for place, visit in enumerate(earlier):
        deviations[place] *= _spreads(visit.freedom)[:, rank[len(earlier) + place]]
    *_, (location, scale) = _steps(visits, contrast, deviations)
    return Composition(location, scale, last.freedom, _known(visits, contrast))


def _known(visits: Sequence[Regression], contrast: Contrast) -> Booleans:
    """Whether every regression is known, and the arms have been seen at every visit."""
    asked = contrast.weights != 0.0
    seen = [visit.known & (visit.number[:, asked] > 0.0).all(axis=1) for visit in visits]
    known: Booleans = np.logical_and.reduce(seen)
    return known


def _steps(
    visits: Sequence[Regression], contrast: Contrast, deviations: Sequence[Floats] | None
) -> Iterator[tuple[Floats, Floats]]:
    """Location and scale of the contrast at each visit, given those before it, ``(trial, node)``.

    Parameters
    ----------
    deviations
        ``(trial, node)`` of the contrast at each visit but the last, in scales; nothing for none.
    """
    nodes = 1 if not deviations else deviations[0].shape[1]
    values = [np.broadcast_to(contrast.baseline[:, None], (len(contrast.baseline), nodes))]
    weights = contrast.weights
    for place, visit in enumerate(visits):
        means = (weights[:, None] * visit.means).sum(axis=1)
        away = np.stack(values, axis=1) - means[:, :-1, None]
        within = visit.inverse @ away
        location = means[:, -1:] + (visit.slopes[:, None, :] @ within)[:, 0]
        own = (weights**2 / np.maximum(visit.number, 1.0)).sum(axis=1)
        scale = visit.sd[:, None] * np.sqrt(own[:, None] + (within**2).sum(axis=1))
        yield location, scale
        if place + 1 < len(visits):
            values.append(location if not deviations else location + scale * deviations[place])


def _direction(visits: Sequence[Regression], contrast: Contrast) -> Floats:
    """How much the location at the last visit changes with the deviation at each before it.

    Returns
    -------
    ``(trial, visit)``, of length 1.
    """
    scales = [scale[:, 0] for _, scale in _steps(visits, contrast, None)]
    effects = np.zeros((len(contrast.baseline), len(visits)))
    effects[:, -1] = 1.0
    for place in range(len(visits) - 1, 0, -1):  # what it does at once, and by later visits
        effects[:, :place] += effects[:, place, None] * visits[place].weights[:, 1:]
    found = effects[:, :-1] * np.stack(scales[:-1], axis=1) if len(visits) > 1 else effects[:, :0]
    size = np.sqrt((found**2).sum(axis=1, keepdims=True))
    return found / np.where(size > 0.0, size, 1.0)


def _reflected(normal: Floats, direction: Floats) -> list[Floats]:
    """Nodes reflected so that their first axis lies in a direction, ``(trial, node)`` by axis."""
    if not len(normal):
        return []
    mirror = -direction
    mirror[:, 0] += np.where(direction[:, 0] > 0.0, -1.0, 1.0)
    size = (mirror**2).sum(axis=1, keepdims=True)
    # no product of matrices: its last bits would depend on how many trials there are
    across = sum(
        part[:, None] * own for part, own in zip((mirror * 2.0 / size).T, normal, strict=True)
    )
    return [own - mirror[:, axis, None] * across for axis, own in enumerate(normal)]


def _spreads(freedom: Floats, number: int = NODES) -> Floats:
    """Standard deviations at nodes, as multiples of what a regression leaves, ``(trial, node)``.

    They rise from node to node.
    """
    distinct, which = np.unique(freedom, return_inverse=True)
    found: Floats = np.stack([_spread(float(one), number) for one in distinct])[which.reshape(-1)]
    return found


@lru_cache(maxsize=4096)
def _spread(freedom: float, number: int) -> Floats:
    """Square root of the inverse of a chi-squared variable over its degrees of freedom."""
    found: Floats = np.sqrt(freedom / special.chdtri(freedom, (np.arange(number) + 0.5) / number))
    return found


# ── draws of all arms together ────────────────────────────────────────────────────────────────
def axes_of(visits: int, arms: int) -> int:
    """Axes that draws of all arms take: at each visit its variance, its slopes and every arm."""
    return sum(1 + arms + 1 + visit for visit in range(visits))


def drawn(visits: Sequence[Regression], baseline: Floats, rank: Integers) -> Floats:
    """Draws of the mean score of every arm at the last visit, ``(trial, arm, draw)``.

    nan for an arm that was not seen at every visit, and where a regression is not known.

    Parameters
    ----------
    baseline
        ``(trial,)`` at which they are taken.
    rank
        ``(axis, draw)`` of as many axes as :func:`axes_of` says.
    """
    trials, arms = visits[0].number.shape
    values = [np.broadcast_to(baseline[:, None, None], (trials, arms, rank.shape[1]))]
    for visit, (size, own, steep) in zip(visits, _coefficients(visits, rank), strict=True):
        away = np.stack(values, axis=-2) - visit.means[:, :, :-1, None]
        within = visit.inverse[:, None] @ away
        alone = np.where(visit.number > 0.0, visit.number, np.nan) ** -0.5
        mean = visit.means[:, :, -1, None] + size[:, None] * alone[:, :, None] * own
        mean = mean + (within * steep[:, None]).sum(axis=2)
        values.append(np.where(visit.known[:, None, None], mean, np.nan))
    return values[-1]


def drawn_spread(visits: Sequence[Regression], rank: Integers) -> tuple[Floats, Floats]:
    """Draws of the slope of the scores at the last visit on baseline, and of their variance.

    They belong to the draws of :func:`drawn` with the same ranks.

    Returns
    -------
    ``(trial, draw)`` each; the variance is that about the slope.
    """
    one = np.ones((len(visits[0].number), rank.shape[1]))
    effects, sizes = [[one]], []  # of the baseline, then of what each visit leaves to chance
    for visit, (size, _, steep) in zip(visits, _coefficients(visits, rank), strict=True):
        weights = visit.inverse.swapaxes(1, 2) @ steep
        for place, own in enumerate(effects):  # each upon the values from its own on
            both = zip(range(place, weights.shape[1]), own, strict=True)
            own.append(sum((weights[:, value] * effect for value, effect in both), 0.0 * one))
        effects.append([one])
        sizes.append(size)
    left = zip(sizes, effects[1:], strict=True)
    return effects[0][-1], sum(((size * own[-1]) ** 2 for size, own in left), 0.0 * one)


def laws(visits: Sequence[Regression], rank: Integers) -> tuple[Law, ...]:
    """Draws of the regression of every visit, which belong to those of :func:`drawn`."""
    found = []
    for visit, (size, own, steep) in zip(visits, _coefficients(visits, rank), strict=True):
        weights = visit.inverse.swapaxes(1, 2) @ steep
        alone = np.where(visit.number > 0.0, visit.number, np.nan) ** -0.5
        mean = visit.means[:, :, -1, None] + size[:, None] * alone[:, :, None] * own
        intercept = mean - (visit.means[:, :, :-1, None] * weights[:, None]).sum(axis=2)
        # of whom nobody is seen the mean is unknown: nothing about other arms depends on it
        intercept = np.where(np.isnan(intercept), 0.0, intercept)
        found.append(Law(intercept[:, :, None], weights[:, :, None], size[:, None]))
    return tuple(found)


def _coefficients(
    visits: Sequence[Regression], rank: Integers
) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Draws of each regression.

    Yields
    ------
    Its standard deviation, ``(trial, draw)``; the deviation of each arm, ``(arm, draw)``; and its
    slopes on what the triangle makes of the values before it, ``(trial, value, draw)``.
    """
    first = 1 + visits[0].number.shape[1]
    for slopes, visit in enumerate(visits, start=1):
        own, common = (
            SCORES[rank[some]] for some in (slice(1, first), slice(first, first + slopes))
        )
        size = visit.sd[:, None] * _spreads(visit.freedom, DRAWS)[:, rank[0]]
        yield size, own, visit.slopes[:, :, None] + size[:, None] * common
        rank = rank[first + slopes :]
