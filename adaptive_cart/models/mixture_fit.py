"""A distribution as a mixture of betas or of gammas, which a design file can hold.

The mixture with the largest expected log density under the distribution, which is the one nearest
to it in Kullback-Leibler divergence, by expectation-maximisation (Dempster, Laird and Rubin 1977, J
R Stat Soc B 39:1), finished by quasi-Newton steps, on a lattice of the distribution: the limit of
a fit to ever more draws, with no seed.

How many components: the fewest with which no event's probability is off by more than what is
allowed: the total variation distance, half the integral of the absolute difference of the
densities.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import numpy as np
from scipy import special

from adaptive_cart.nouns.records import Floats

ACCURACY: Final = 0.01  # what a prior may be off by
DIGITS: Final = 4  # significant ones; a prior known better than that is not known that well
MOST: Final = 8  # components; five are enough but for a spike with long tails
ROUNDS: Final = 200  # of expectation-maximisation: it finds the place quickly and the top slowly
MUCH_SHARPER: Final = 20.0  # than the variance says: then the fit begins with the spike

Start = tuple[Floats, Floats, Floats]


M = TypeVar("M")


@dataclass(frozen=True)
class Fit(Generic[M]):
    """A mixture and how near it comes.

    Attributes
    ----------
    distance
        Largest difference in the probability of any event.
    """

    mixture: M
    distance: float


def four_digits(
    weights: tuple[float, ...], *parameters: tuple[float, ...]
) -> Iterator[tuple[float, ...]]:
    """Weights and parameters with four significant digits, the weights adding up to 1."""
    others = [round(weight, DIGITS) for weight in weights[1:]]
    yield (round(1.0 - sum(others), DIGITS), *others)
    for values in parameters:
        yield tuple(float(f"{value:.{DIGITS}g}") for value in values)


@dataclass(frozen=True)
class FittedPoints(ABC, Generic[M]):
    """Points of the distribution with what every round needs of them, ``(point,)`` each.

    Attributes
    ----------
    weights
        How probable each point is.
    cells
        What a density is multiplied with for the probability of a point.
    """

    weights: Floats
    cells: Floats

    # ── what betas and gammas answer each for themselves ──────────────────────────────────
    @property
    @abstractmethod
    def size(self) -> float:
        """What a component with the variance of this distribution is worth."""

    @property
    @abstractmethod
    def sharpest(self) -> float:
        """What a component as high as this distribution's mode is worth."""

    @abstractmethod
    def starts(self, components: int) -> Iterator[Start]:
        """Weights and parameters with which the rounds begin."""

    @abstractmethod
    def logs_of(self, shares: Floats, a: Floats, b: Floats) -> Floats:
        """Logarithms of the weighed densities, ``(component, point)``."""

    @abstractmethod
    def likeliest(
        self, part: Floats, shares: Floats, a: Floats, b: Floats
    ) -> tuple[Floats, Floats]:
        """The parameters that are likeliest given the share of each point by component."""

    @abstractmethod
    def slopes(self, part: Floats, sums: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
        """Derivatives of the mean log density by the logarithms of both parameters."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Where the logarithms of both parameters may lie."""

    @abstractmethod
    def made(self, shares: Floats, a: Floats, b: Floats) -> M:
        """The mixture itself."""

    # ── the fit ───────────────────────────────────────────────────────────────────────────
    def nearest(self, accuracy: float, most: int) -> Fit[M]:
        """The fewest components that are near enough; else the best of so many at most."""
        best: Fit[M] | None = None
        fewest, ratio = 1, self.sharpest / self.size
        if ratio > MUCH_SHARPER:
            # long tails take a component for every eightfold size, fewer come nowhere near
            fewest = min(max(1, int(np.log(ratio) / np.log(8.0))), most)
        for components in range(fewest, most + 1):
            fits = [self.fit(start) for start in self.starts(components)]
            found = min(fits, key=lambda fit: fit.distance)
            if best is None or found.distance < best.distance:
                best = found
            if best.distance <= accuracy:
                break
        assert best is not None
        return best

    def fit(self, start: Start) -> Fit[M]:
        """The best mixture that is reached from a start."""
        from scipy.optimize import minimize

        shares, a, b = start
        for _ in range(ROUNDS if len(shares) > 1 else 2):
            part = self._parts(shares, a, b)[1]
            shares = np.maximum(part.sum(axis=1), 1e-12)
            a, b = self.likeliest(part, shares, a, b)
            shares = shares / shares.sum()

        def unpacked(values: Floats) -> Start:
            logits, log_a, log_b = values.reshape(3, -1)
            return special.softmax(logits), np.exp(log_a), np.exp(log_b)

        def lost(values: Floats) -> tuple[float, Floats]:
            shares, a, b = unpacked(values)
            mean, part = self._parts(shares, a, b)
            sums = part.sum(axis=1)
            return -mean, -np.concatenate([sums - shares, *self.slopes(part, sums, a, b)])

        of_a, of_b = self.bounds
        found: Any = minimize(
            lost,
            np.concatenate([np.log(shares), np.log(a), np.log(b)]),
            jac=True,
            bounds=[(-30.0, 30.0)] * len(a) + [of_a] * len(a) + [of_b] * len(a),
            method="L-BFGS-B",
            options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-8},
        )
        shares, a, b = unpacked(found.x)
        density = np.exp(special.logsumexp(self.logs_of(shares, a, b), axis=0))
        distance = 0.5 * float(np.abs(density * self.cells - self.weights).sum())
        order = np.argsort(-shares)
        return Fit(self.made((shares / shares.sum())[order], a[order], b[order]), distance)

    def _parts(self, shares: Floats, a: Floats, b: Floats) -> tuple[float, Floats]:
        """Mean log density, and the probability of each point by component."""
        logs = self.logs_of(shares, a, b)
        largest = logs.max(axis=0)
        each = np.exp(logs - largest)
        sums = each.sum(axis=0)
        return float(self.weights @ (largest + np.log(sums))), each * (self.weights / sums)
