"""A distribution of a probability as a mixture of betas, which a design file can hold.

The mixture with the largest expected log density under the distribution, which is the one nearest
to it in Kullback-Leibler divergence, by expectation-maximisation (Dempster, Laird and Rubin 1977, J
R Stat Soc B 39:1), finished by quasi-Newton steps, on the lattice of the distribution: the limit of
a fit to ever more draws, with no seed.  Parameters are kept at 1 or above, so that the density is
bounded and every definition of the effective sample size exists.

How many components: the fewest with which no event's probability is off by more than ``accuracy``,
0.01 unless said: the total variation distance, half the integral of the absolute difference of the
densities.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from adaptive_cart.models.binary.beta_binomial import BetaMixture
from adaptive_cart.nouns.records import Floats

DIGITS = 4  # significant ones; a prior known better than that is not known that well
ACCURACY = 0.01
_MOST = 8  # components; five are enough but for a spike with long tails
_POINTS = 400  # of the lattice that are fitted to
_ROUNDS = 200  # of expectation-maximisation: it finds the place quickly and the top slowly
_LARGEST = 1e9
MUCH_SHARPER = 20.0  # than the variance says: then the fit begins with the spike


@dataclass(frozen=True)
class Fit:
    """A mixture of betas and how near it comes.

    Attributes
    ----------
    distance
        Largest difference in the probability of any event.
    """

    mixture: BetaMixture
    distance: float


def fitted_mixture(
    rates: Floats,
    weights: Floats,
    accuracy: float = ACCURACY,
    most: int = _MOST,
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
    best: Fit | None = None
    fewest, ratio = 1, points.sharpest() / points.size()
    if ratio > MUCH_SHARPER:
        # long tails take a component for every eightfold size, fewer come nowhere near
        fewest = min(max(1, int(np.log(ratio) / np.log(8.0))), most)
    for components in range(fewest, most + 1):
        found = min(
            (points.fit(start) for start in _starts(points, components)),
            key=lambda fit: fit.distance,
        )
        if best is None or found.distance < best.distance:
            best = found
        if best.distance <= accuracy:
            break
    assert best is not None
    return best


def rounded(prior: BetaMixture) -> BetaMixture:
    """Return the prior with four significant digits, its weights adding up to 1 as they must."""
    weights = [round(weight, DIGITS) for weight in prior.weights[1:]]
    first = round(1.0 - sum(weights), DIGITS)
    return BetaMixture(
        (first, *weights),
        tuple(float(f"{a:.{DIGITS}g}") for a in prior.a),
        tuple(float(f"{b:.{DIGITS}g}") for b in prior.b),
    )


@dataclass(frozen=True)
class _Lattice:
    """Points of the distribution with what every round needs of them."""

    weights: Floats
    log_p: Floats
    log_q: Floats
    rates: Floats
    cell: Floats

    @staticmethod
    def of(rates: Floats, weights: Floats, steps: Floats | None) -> _Lattice:
        step = np.diff(special.logit(rates)).mean() if steps is None else steps
        # a density of p times this is a probability of the point
        cell = rates * (1.0 - rates) * step
        log_p, log_q = np.log(rates), np.log1p(-rates)
        return _Lattice(weights, log_p, log_q, rates, cell)

    def size(self) -> float:
        """Participants that a beta with the variance of this distribution is worth, at least 2."""
        mean = float(self.weights @ self.rates)
        variance = float(self.weights @ (self.rates - mean) ** 2)
        return max(mean * (1.0 - mean) / variance - 1.0, 2.0)

    def sharpest(self) -> float:
        """Participants that a beta as high as this distribution's mode is worth."""
        height = self.weights / self.cell
        mode = int(np.argmax(height))
        rate = self.rates[mode]
        return float(2.0 * np.pi * height[mode] ** 2 * rate * (1.0 - rate))

    def _logs(self, shares: Floats, a: Floats, b: Floats) -> Floats:
        logs = np.log(shares) - special.betaln(a, b)
        return logs[:, None] + (a - 1.0)[:, None] * self.log_p + (b - 1.0)[:, None] * self.log_q

    def _parts(self, shares: Floats, a: Floats, b: Floats) -> tuple[float, Floats]:
        """Mean log density, and the probability of each point by component."""
        logs = self._logs(shares, a, b)
        largest = logs.max(axis=0)
        each = np.exp(logs - largest)
        sums = each.sum(axis=0)
        return float(self.weights @ (largest + np.log(sums))), each * (self.weights / sums)

    def fit(self, start: tuple[Floats, Floats, Floats]) -> Fit:
        """The best mixture that is reached from a start."""
        from scipy.optimize import minimize

        shares, a, b = start
        for _ in range(_ROUNDS if len(shares) > 1 else 2):
            part = self._parts(shares, a, b)[1]
            shares = np.maximum(part.sum(axis=1), 1e-12)
            a, b = _likeliest(part @ self.log_p / shares, part @ self.log_q / shares, a, b)
            shares = shares / shares.sum()

        def unpacked(values: Floats) -> tuple[Floats, Floats, Floats]:
            logits, log_a, log_b = values.reshape(3, -1)
            return special.softmax(logits), np.exp(log_a), np.exp(log_b)

        def lost(values: Floats) -> tuple[float, Floats]:
            shares, a, b = unpacked(values)
            mean, part = self._parts(shares, a, b)
            sums = part.sum(axis=1)
            both = special.digamma(a + b)
            by_a = a * (part @ self.log_p - sums * (special.digamma(a) - both))
            by_b = b * (part @ self.log_q - sums * (special.digamma(b) - both))
            return -mean, -np.concatenate([sums - shares, by_a, by_b])

        bounds = [(-30.0, 30.0)] * len(a) + [(0.0, float(np.log(_LARGEST)))] * (2 * len(a))
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
        distance = 0.5 * float(np.abs(density * self.cell - self.weights).sum())
        order = np.argsort(-shares)
        values = [tuple(part[order].tolist()) for part in (shares / shares.sum(), a, b)]
        return Fit(BetaMixture(*values), distance)


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


def _starts(points: _Lattice, components: int) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Where the rounds begin: pieces side by side, and one place with different sharpness."""
    mean, size = float(points.weights @ points.rates), points.size()
    equal = np.full(components, 1.0 / components)
    if components == 1:
        yield equal, np.array([max(mean * size, 1.0)]), np.array([max((1.0 - mean) * size, 1.0)])
        return
    sharpest = points.sharpest()
    if sharpest > MUCH_SHARPER * size:  # a spike in a wide place
        mode = float(points.rates[np.argmax(points.weights / points.cell)])
        sizes = np.geomspace(size, sharpest, components)
        yield equal, np.maximum(mode * sizes, 1.01), np.maximum((1.0 - mode) * sizes, 1.01)
        return
    sharpness = size * np.geomspace(0.4, 4.0, components)
    yield equal, np.maximum(mean * sharpness, 1.01), np.maximum((1.0 - mean) * sharpness, 1.01)
    below = np.cumsum(points.weights)
    middle = np.array([
        points.rates[np.searchsorted(below, (place + 0.5) / components)]
        for place in range(components)
    ])  # fmt: skip
    sizes = np.full(components, size * components)
    yield equal, np.maximum(middle * sizes, 1.01), np.maximum((1.0 - middle) * sizes, 1.01)
