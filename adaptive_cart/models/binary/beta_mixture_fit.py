"""A distribution of a probability as a mixture of betas, which a design file can hold.

The fit is that of ``models/mixture_fit.py``, on the lattice of the distribution. Parameters are
kept at 1 or above, so that the density is bounded and every definition of the effective sample
size exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy import special

from adaptive_cart.models.binary.beta_binomial import BetaMixture
from adaptive_cart.models.mixture_fit import (
    ACCURACY,
    MOST,
    MUCH_SHARPER,
    FittedPoints,
    Start,
    four_digits,
)
from adaptive_cart.models.mixture_fit import Fit as AnyFit
from adaptive_cart.nouns.records import Floats

_POINTS = 400  # of the lattice that are fitted to
_LARGEST = 1e9

Fit: TypeAlias = AnyFit[BetaMixture]


def fitted_mixture(
    rates: Floats,
    weights: Floats,
    accuracy: float = ACCURACY,
    most: int = MOST,
    cells: Floats | None = None,
) -> Fit:
    """Fit a mixture of betas to a distribution on a lattice.

    Parameters
    ----------
    rates, weights
        ``(point,)`` increasing probabilities, and how probable each is. The lattice must be fine.
    accuracy
        Largest difference in the probability of any event that is allowed.
    most
        Components at most; the best of so many is returned where none is near enough.
    cells
        How much of the logit each point stands for; the same for all where left out.
    """
    if rates.shape != weights.shape or rates.ndim != 1:
        raise ValueError(f"rates are {rates.shape}, weights {weights.shape}")
    # far out on the logit a rate is 0 or 1 by rounding, which no density of a beta reaches
    between = (rates > 0.0) & (rates < 1.0)
    inside = np.flatnonzero(between & (weights > 1e-12 * weights.max()))
    apart = max(1, len(inside) // _POINTS)
    inside = inside[::apart]
    steps = None if cells is None else apart * cells[inside]
    points = _Lattice.of(rates[inside], weights[inside] / weights[inside].sum(), steps)
    return points.nearest(accuracy, most)


def rounded(prior: BetaMixture) -> BetaMixture:
    """Return the prior with four significant digits, its weights adding up to 1 as they must."""
    return BetaMixture(*four_digits(prior.weights, prior.a, prior.b))


@dataclass(frozen=True)
class _Lattice(FittedPoints[BetaMixture]):
    """Probabilities with their logarithms."""

    log_p: Floats
    log_q: Floats
    rates: Floats

    @staticmethod
    def of(rates: Floats, weights: Floats, steps: Floats | None) -> _Lattice:
        step = np.diff(special.logit(rates)).mean() if steps is None else steps
        # a density of p times this is a probability of the point
        cells = rates * (1.0 - rates) * step
        return _Lattice(weights, cells, np.log(rates), np.log1p(-rates), rates)

    @property
    def size(self) -> float:
        """Participants that a beta with the variance of this distribution is worth, at least 2."""
        mean = float(self.weights @ self.rates)
        variance = float(self.weights @ (self.rates - mean) ** 2)
        return max(mean * (1.0 - mean) / variance - 1.0, 2.0)

    @property
    def sharpest(self) -> float:
        """Participants that a beta as high as this distribution's mode is worth."""
        height = self.weights / self.cells
        mode = int(np.argmax(height))
        rate = self.rates[mode]
        return float(2.0 * np.pi * height[mode] ** 2 * rate * (1.0 - rate))

    bounds = ((0.0, float(np.log(_LARGEST))),) * 2

    def logs_of(self, shares: Floats, a: Floats, b: Floats) -> Floats:
        logs = np.log(shares) - special.betaln(a, b)
        return logs[:, None] + (a - 1.0)[:, None] * self.log_p + (b - 1.0)[:, None] * self.log_q

    def likeliest(
        self, part: Floats, shares: Floats, a: Floats, b: Floats
    ) -> tuple[Floats, Floats]:
        return _likeliest(part @ self.log_p / shares, part @ self.log_q / shares, a, b)

    def slopes(self, part: Floats, sums: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
        both = special.digamma(a + b)
        by_a = a * (part @ self.log_p - sums * (special.digamma(a) - both))
        by_b = b * (part @ self.log_q - sums * (special.digamma(b) - both))
        return by_a, by_b

    def made(self, shares: Floats, a: Floats, b: Floats) -> BetaMixture:
        return BetaMixture(tuple(shares.tolist()), tuple(a.tolist()), tuple(b.tolist()))

    def starts(self, components: int) -> Iterator[Start]:
        """Pieces side by side, and one place with different sharpness."""
        mean, size = float(self.weights @ self.rates), self.size
        equal = np.full(components, 1.0 / components)
        if components == 1:
            yield (
                equal,
                np.array([max(mean * size, 1.0)]),
                np.array([max((1.0 - mean) * size, 1.0)]),
            )
            return
        sharpest = self.sharpest
        if sharpest > MUCH_SHARPER * size:  # a spike in a wide place
            mode = float(self.rates[np.argmax(self.weights / self.cells)])
            sizes = np.geomspace(size, sharpest, components)
            yield equal, np.maximum(mode * sizes, 1.01), np.maximum((1.0 - mode) * sizes, 1.01)
            return
        sharpness = size * np.geomspace(0.4, 4.0, components)
        yield equal, np.maximum(mean * sharpness, 1.01), np.maximum((1.0 - mean) * sharpness, 1.01)
        below = np.cumsum(self.weights)
        middle = np.array([
            self.rates[np.searchsorted(below, (place + 0.5) / components)]
            for place in range(components)
        ])  # fmt: skip
        sizes = np.full(components, size * components)
        yield equal, np.maximum(middle * sizes, 1.01), np.maximum((1.0 - middle) * sizes, 1.01)


def _likeliest(mean_p: Floats, mean_q: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Betas with the given means of log p and log(1 - p), none of whose parameters is below 1."""
    for _ in range(50):
        total = special.polygamma(1, a + b)
        first = mean_p - special.digamma(a) + special.digamma(a + b)
        second = mean_q - special.digamma(b) + special.digamma(a + b)
        minus_a = special.polygamma(1, a) - total
        minus_b = special.polygamma(1, b) - total
        # where a bound holds, the other parameter moves alone
        held_a, held_b = (a <= 1.0) & (first < 0.0), (b <= 1.0) & (second < 0.0)
        determinant = minus_a * minus_b - total**2
        move_a = (minus_b * first + total * second) / determinant
        move_b = (minus_a * second + total * first) / determinant
        move_a = np.where(held_a, 0.0, np.where(held_b, first / minus_a, move_a))
        move_b = np.where(held_b, 0.0, np.where(held_a, second / minus_b, move_b))
        next_a = np.clip(np.clip(a + move_a, 0.5 * a, 2.0 * a), 1.0, _LARGEST)
        next_b = np.clip(np.clip(b + move_b, 0.5 * b, 2.0 * b), 1.0, _LARGEST)
        settled = max(np.abs(next_a / a - 1.0).max(), np.abs(next_b / b - 1.0).max()) < 1e-9
        a, b = next_a, next_b
        if settled:
            break
    return a, b
