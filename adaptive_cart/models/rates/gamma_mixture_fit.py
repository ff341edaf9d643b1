"""A distribution of a rate as a mixture of gammas, which stays one under Poisson events.

The mixture with the largest expected log density under the distribution, by
expectation-maximisation (Dempster, Laird and Rubin 1977, J R Stat Soc B 39:1), finished by
quasi-Newton steps, on a lattice of the logarithm: the limit of a fit to ever more draws, with no
seed. How many components: the fewest with which no event's probability is off by more than
``accuracy``, half the integral of the absolute difference of the densities.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.models.rates.gamma_mixture import GammaMixture
from adaptive_cart.models.rates.log_rates import LogRates
from adaptive_cart.nouns.records import Floats

ACCURACY: Final = 0.01  # what a prior may be off by
AIM: Final = 0.005  # components are added until it is off by no more, as far as they help
DIGITS: Final = 4  # significant ones
_MOST: Final = 8
_POINTS: Final = 500  # that are fitted to, closer where the distribution is narrow
_ROUNDS: Final = 200
_SMALLEST, _LARGEST = 1e-3, 1e7  # shapes
MUCH_SHARPER: Final = 20.0  # than the variance says: then the fit begins with the spike

Start = tuple[Floats, Floats, Floats]


@dataclass(frozen=True)
class Fit:
    """A mixture of gammas and how near it comes.

    Attributes
    ----------
    distance
        Largest difference in the probability of any event.
    """

    mixture: GammaMixture
    distance: float


def fitted_mixture(law: LogRates, accuracy: float = AIM, most: int = _MOST) -> Fit:
    """Fit a mixture of gammas; the best of ``most`` components where none is near enough."""
    points = _Points.of(law)
    best: Fit | None = None
    fewest, ratio = 1, points.sharpest / points.size
    if ratio > MUCH_SHARPER:
        fewest = min(max(1, int(np.log(ratio) / np.log(8.0))), most)
    for components in range(fewest, most + 1):
        fits = [points.fit(start) for start in _starts(points, components)]
        found = min(fits, key=lambda fit: fit.distance)
        if best is None or found.distance < best.distance:
            best = found
        if best.distance <= accuracy:
            break
    assert best is not None
    return best


def rounded(prior: GammaMixture) -> GammaMixture:
    """Return the prior with four significant digits, its weights adding up to 1 as they must."""
    weights = [round(weight, DIGITS) for weight in prior.weights[1:]]
    first = round(1.0 - sum(weights), DIGITS)
    return GammaMixture(
        (first, *weights),
        tuple(float(f"{a:.{DIGITS}g}") for a in prior.a),
        tuple(float(f"{b:.{DIGITS}g}") for b in prior.b),
    )


@dataclass(frozen=True)
class _Points:
    """Logarithms of the rate, less their mean, with the weight and the width of each."""

    logs: Floats
    rates: Floats
    weights: Floats
    cells: Floats
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
        return _Points(away, np.exp(away), weights / weights.sum(), cells, middle)

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

    def _logs(self, shares: Floats, a: Floats, b: Floats) -> Floats:
        """Logarithm of the density of the logarithm, ``(component, point)``."""
        constant = np.log(shares) + a * np.log(b) - special.gammaln(a)
        found: Floats = constant[:, None] + a[:, None] * self.logs - b[:, None] * self.rates
        return found

    def _parts(self, shares: Floats, a: Floats, b: Floats) -> tuple[float, Floats]:
        """Mean log density, and the probability of each point by component."""
        logs = self._logs(shares, a, b)
        largest = logs.max(axis=0)
        each = np.exp(logs - largest)
        sums = each.sum(axis=0)
        return float(self.weights @ (largest + np.log(sums))), each * (self.weights / sums)

    def fit(self, start: Start) -> Fit:
        """The best mixture that is reached from a start."""
        from scipy.optimize import minimize

        shares, a, b = start
        for _ in range(_ROUNDS if len(shares) > 1 else 2):
            part = self._parts(shares, a, b)[1]
            shares = np.maximum(part.sum(axis=1), 1e-12)
            a, b = _likeliest(part @ self.logs / shares, part @ self.rates / shares, a)
            shares = shares / shares.sum()

        def unpacked(values: Floats) -> Start:
            logits, log_a, log_b = values.reshape(3, -1)
            return special.softmax(logits), np.exp(log_a), np.exp(log_b)

        def lost(values: Floats) -> tuple[float, Floats]:
            shares, a, b = unpacked(values)
            mean, part = self._parts(shares, a, b)
            sums = part.sum(axis=1)
            by_a = a * (sums * (np.log(b) - special.digamma(a)) + part @ self.logs)
            by_b = a * sums - b * (part @ self.rates)
            return -mean, -np.concatenate([sums - shares, by_a, by_b])

        inside = (float(np.log(_SMALLEST)), float(np.log(_LARGEST)))
        bounds = [(-30.0, 30.0)] * len(a) + [inside] * len(a) + [(-60.0, 60.0)] * len(a)
        found = minimize(
            lost,
            np.concatenate([np.log(shares), np.log(a), np.log(b)]),
            jac=True,
            bounds=bounds,
            method="L-BFGS-B",
            options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-8},
        )
        shares, a, b = unpacked(found.x)
        density = np.exp(special.logsumexp(self._logs(shares, a, b), axis=0))
        distance = 0.5 * float(np.abs(density * self.cells - self.weights).sum())
        order = np.argsort(-shares)
        b = b * np.exp(-self.middle)  # from the logarithm less its mean to the rate itself
        values = [tuple(part[order].tolist()) for part in (shares / shares.sum(), a, b)]
        return Fit(GammaMixture(*values), distance)


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


def _starts(points: _Points, components: int) -> Iterator[Start]:
    """Where the rounds begin: one place with different sharpness, and pieces side by side."""
    size, mode = points.size, points.mode
    mean = float(np.exp(points.weights @ points.logs))
    equal = np.full(components, 1.0 / components)
    if components == 1:
        yield equal, np.array([size]), np.array([size / mean])
        return
    sizes = np.geomspace(min(size, points.sharpest) * 0.3, points.sharpest, components)
    yield equal, sizes, sizes / np.exp(mode)
    below = np.cumsum(points.weights)
    shares = (np.arange(components) + 0.5) / components
    middle = np.exp(points.logs[np.searchsorted(below, shares)])
    sizes = np.full(components, size * components)
    yield equal, sizes, sizes / middle
