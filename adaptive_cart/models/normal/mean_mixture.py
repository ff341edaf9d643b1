"""What external means say of an arm's own mean: a mixture of normals.

Source j of n_j participants has a mean change m_j; the standard deviation s of changes, pooled over
sources, counts as known here::

    m_j   ~ Normal(mean_j, s / sqrt(n_j))
    mean_j ~ Normal(centre, between), the arm's own one more       centre ~ flat
    between ~ half-normal                                          in points of the score

Given ``between`` all is normal, so that what is predicted for the arm is a mixture of normals over
it, summed by Gauss-Legendre nodes in panels (the meta-analytic-predictive prior of Neuenschwander,
Capkun-Niggli, Branson and Spiegelhalter 2010, Clin Trials 7:5). It is fitted by a few normals by
expectation-maximisation: no probability is off by more than ``ACCURACY``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from adaptive_cart.errors import InputError
from adaptive_cart.models.mixture_fit import ACCURACY, four_digits
from adaptive_cart.nouns.records import Floats

AIM: Final = 0.005
_POINTS: Final = 401
_MOST: Final = 6
_ROUNDS: Final = 400
_REACH: Final = 5.0  # standard deviations of the half-normal
_PANEL: Final = 12


@dataclass(frozen=True)
class SourceMean:
    """Mean change of a source, and the participants behind it."""

    mean: float
    participants: float


@dataclass(frozen=True)
class NormalMixture:
    """Weights, means and standard deviations of normals."""

    weights: tuple[float, ...]
    means: tuple[float, ...]
    sds: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Of all."""
        return math.fsum(w * m for w, m in zip(self.weights, self.means, strict=True))

    def density(self, at: Floats) -> Floats:
        """At some means, ``(point,)``."""
        weights, means, sds = (
            np.array(part)[:, None] for part in (self.weights, self.means, self.sds)
        )
        found: Floats = (weights * np.exp(-0.5 * ((at - means) / sds) ** 2) / sds).sum(axis=0)
        return found / math.sqrt(2.0 * math.pi)


def predicted(sources: tuple[SourceMean, ...], sd: float, between: float) -> NormalMixture:
    """What a meta-analysis says of the arm's mean, node by node of the SD between sources."""
    narrow = sd / math.sqrt(math.fsum(one.participants for one in sources))
    edges = [0.0, min(narrow, _REACH * between)]
    while edges[-1] < _REACH * between:
        edges.append(min(4.0 * edges[-1], _REACH * between))
    nodes, lengths = np.polynomial.legendre.leggauss(_PANEL)
    low, high = np.array(edges[:-1])[:, None], np.array(edges[1:])[:, None]
    apart = (low + (high - low) * 0.5 * (nodes + 1.0)).ravel()
    weights = ((high - low) * 0.5 * lengths).ravel() * np.exp(-0.5 * (apart / between) ** 2)
    means = np.array([one.mean for one in sources])
    own = np.array([sd**2 / one.participants for one in sources])
    precision = 1.0 / (own + apart[:, None] ** 2)
    total = precision.sum(axis=1)
    centre = (precision * means).sum(axis=1) / total
    misfit = (precision * (means - centre[:, None]) ** 2).sum(axis=1)
    logs = np.log(weights) + 0.5 * (np.log(precision).sum(axis=1) - np.log(total) - misfit)
    chance = np.exp(logs - logs.max())
    spread = np.sqrt(1.0 / total + apart**2)
    return NormalMixture(tuple(chance / chance.sum()), tuple(centre), tuple(spread))


@lru_cache(maxsize=64)
def fitted(sources: tuple[SourceMean, ...], sd: float, between: float) -> NormalMixture:
    """The same in as few normals as are near enough, rounded to four digits.

    Raises
    ------
    InputError
        If none is near.
    """
    whole = predicted(sources, sd, between)
    middle, narrow, wide = whole.mean, min(whole.sds), max(whole.sds)
    ends = np.arcsinh(8.0 * wide / narrow)
    even = np.linspace(-ends, ends, _POINTS)
    at = middle + narrow * np.sinh(even)
    cells = narrow * np.cosh(even) * (even[1] - even[0])
    weights = whole.density(at) * cells
    weights /= weights.sum()
    best, distance = whole, math.inf
    for components in range(1, _MOST + 1):
        found = _likeliest(at, weights, middle, np.geomspace(narrow, 0.7 * wide, components))
        far = 0.5 * float(np.abs(found.density(at) * cells - weights).sum())
        if far < distance:
            best, distance = found, far
        if distance <= AIM:
            break
    if distance > ACCURACY:
        raise InputError(
            f"no mixture of normals is near to what external means say: some probability would be "
            f"off by {distance:.3f}, and {ACCURACY:g} is allowed; write another heterogeneity, or "
            "borrow by another method"
        )
    parts = (tuple(map(float, part)) for part in (best.weights, best.means, best.sds))
    return NormalMixture(*four_digits(*parts))


def _likeliest(at: Floats, weights: Floats, middle: float, sds: Floats) -> NormalMixture:
    """Expectation-maximisation from normals about one place."""
    shares, means = np.full(len(sds), 1.0 / len(sds)), np.full(len(sds), middle)
    for _ in range(_ROUNDS if len(sds) > 1 else 2):
        logs = np.log(shares / sds)[:, None] - 0.5 * ((at - means[:, None]) / sds[:, None]) ** 2
        part = np.exp(logs - logs.max(axis=0))
        part *= weights / part.sum(axis=0)
        shares = np.maximum(part.sum(axis=1), 1e-12)
        means = part @ at / shares
        before, sds = sds, np.sqrt((part * (at - means[:, None]) ** 2).sum(axis=1) / shares)
        if np.abs(sds / before - 1.0).max() < 1e-6:
            break
    order = np.argsort(-shares)
    shares = shares / shares.sum()
    return NormalMixture(tuple(shares[order]), tuple(means[order]), tuple(sds[order]))
