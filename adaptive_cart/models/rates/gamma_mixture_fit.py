"""A distribution of a rate as a mixture of gammas, which stays one under Poisson events.

The fit is that of ``models/mixture_fit.py``, on a lattice of the logarithm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from scipy import special

from adaptive_cart.models.mixture_fit import MOST, FittedPoints, Start, four_digits
from adaptive_cart.models.mixture_fit import Fit as AnyFit
from adaptive_cart.models.rates.gamma_mixture import GammaMixture
from adaptive_cart.models.rates.log_rates import LogRates
from adaptive_cart.nouns.records import Floats

AIM: Final = 0.005  # components are added until it is off by no more, as far as they help
_POINTS: Final = 500  # that are fitted to, closer where the distribution is narrow
_SMALLEST, _LARGEST = 1e-3, 1e7  # shapes

Fit: TypeAlias = AnyFit[GammaMixture]


def fitted_mixture(law: LogRates, accuracy: float = AIM, most: int = MOST) -> Fit:
    """Fit a mixture of gammas; the best of ``most`` components where none is near enough."""
    return _Points.of(law).nearest(accuracy, most)


def rounded(prior: GammaMixture) -> GammaMixture:
    """Return the prior with four significant digits, its weights adding up to 1 as they must."""
    return GammaMixture(*four_digits(prior.weights, prior.a, prior.b))


@dataclass(frozen=True)
class _Points(FittedPoints[GammaMixture]):
    """Logarithms of the rate, less their mean (``middle``), and the rates of these."""

    logs: Floats
    rates: Floats
    middle: float

    @staticmethod
    def of(law: LogRates) -> _Points:
        """Points that are close where the distribution is high, and ever wider beside it."""
        from scipy.interpolate import CubicSpline

        mode = law.logs[np.argmax(law.weights)]
        step = law.logs[1] - law.logs[0]
        scale = 6.0 * law.narrow
        low, high = (float(np.arcsinh((end - mode) / scale)) for end in (law.logs[0], law.logs[-1]))
        even = np.linspace(low, high, _POINTS)
        logs, cells = mode + scale * np.sinh(even), scale * np.cosh(even) * (even[1] - even[0])
        density = CubicSpline(law.logs, np.log(np.maximum(law.weights / step, 1e-300)))
        inside = np.clip(logs, law.logs[0], law.logs[-1])
        weights = np.exp(density(inside)) * cells
        middle = float(law.weights @ law.logs)
        away = logs - middle
        return _Points(weights / weights.sum(), cells, away, np.exp(away), middle)

    @property
    def size(self) -> float:
        """Events that a gamma with the variance of the logarithm is worth."""
        mean = float(self.weights @ self.logs)
        return 1.0 / float(self.weights @ (self.logs - mean) ** 2)

    @property
    def sharpest(self) -> float:
        """Events that a gamma as high as the mode is worth."""
        return float(2.0 * np.pi * (self.weights / self.cells).max() ** 2)

    @property
    def mode(self) -> float:
        """Logarithm at which it is highest."""
        return float(self.logs[np.argmax(self.weights / self.cells)])

    bounds = ((float(np.log(_SMALLEST)), float(np.log(_LARGEST))), (-60.0, 60.0))

    def logs_of(self, shares: Floats, a: Floats, b: Floats) -> Floats:
        constant = np.log(shares) + a * np.log(b) - special.gammaln(a)
        found: Floats = constant[:, None] + a[:, None] * self.logs - b[:, None] * self.rates
        return found

    def likeliest(
        self, part: Floats, shares: Floats, a: Floats, b: Floats
    ) -> tuple[Floats, Floats]:
        return _likeliest(part @ self.logs / shares, part @ self.rates / shares, a)

    def slopes(self, part: Floats, sums: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
        by_a = a * (sums * (np.log(b) - special.digamma(a)) + part @ self.logs)
        by_b = a * sums - b * (part @ self.rates)
        return by_a, by_b

    def made(self, shares: Floats, a: Floats, b: Floats) -> GammaMixture:
        b = b * np.exp(-self.middle)  # from the logarithm less its mean to the rate itself
        return GammaMixture(tuple(shares.tolist()), tuple(a.tolist()), tuple(b.tolist()))

    def starts(self, components: int) -> Iterator[Start]:
        """One place with different sharpness, and pieces side by side."""
        size, mode = self.size, self.mode
        mean = float(np.exp(self.weights @ self.logs))
        equal = np.full(components, 1.0 / components)
        if components == 1:
            yield equal, np.array([size]), np.array([size / mean])
            return
        sizes = np.geomspace(min(size, self.sharpest) * 0.3, self.sharpest, components)
        yield equal, sizes, sizes / np.exp(mode)
        below = np.cumsum(self.weights)
        shares = (np.arange(components) + 0.5) / components
        middle = np.exp(self.logs[np.searchsorted(below, shares)])
        sizes = np.full(components, size * components)
        yield equal, sizes, sizes / middle


def _likeliest(mean_log: Floats, mean: Floats, a: Floats) -> tuple[Floats, Floats]:
    """Gammas with the given means of the logarithm and of the rate."""
    wanted = np.maximum(np.log(mean) - mean_log, 1e-12)
    for _ in range(50):
        gap = np.log(a) - special.digamma(a) - wanted
        move = gap / (1.0 / a - special.polygamma(1, a))
        following = np.clip(np.clip(a - move, 0.3 * a, 3.0 * a), _SMALLEST, _LARGEST)
        settled = np.abs(following / a - 1.0).max() < 1e-10
        a = following
        if settled:
            break
    return a, a / mean
