"""The average over strata of log hazard ratios that are independent given the data.

theta = sum_s w_s beta_s, the hazard ratio at theta being a geometric mean of those of the strata.
The density of theta is the convolution of theirs, so its characteristic function is the product

    phi(omega) = prod_s E exp(i omega w_s beta_s),

each factor a sum over equally spaced points of the stratum's own range: the trapezoid rule, which
for densities that are analytic and vanish at both ends is as good as exact up to half as many turns
as there are points. Their number depends on the prior alone. Beyond the ends of the strata's ranges
no density has any mass to speak of, so theta lies within a range of length L = sum_s w_s L_s, and
its density is the sum of a Fourier series of that period: with x the distance of theta from the
beginning of the range,

    P(theta < x) = x / L + sum_k Re[ phi_k (1 - exp(-2 pi i k x / L)) / (i k) ] / pi.

Densities are analytic in a strip, so phi_k falls geometrically; terms are added for a table until
eight in a row are below 1e-10, and its answer does not depend on its neighbours.

Error: that of the strata's posteriors and of the terms left out, below 1e-6 in a probability as
measured against the convolution of densities on a grid (`tests/models/test_stratified_hazards.py`);
most of that is the grid's, and falls with its step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.hazards.log_ratio_posterior import Posterior
from adaptive_cart.nouns.records import Booleans, Floats

SMALL: Final = 1e-10  # of a term of the series, eight of which in a row end it
AT_ONCE: Final = 8
FEWEST_POINTS: Final = 128
POINTS_PER_SD: Final = 48  # of the prior; its range is 15 long
MOST: Final = 4096  # terms; a table that needs more has failed
TABLES_AT_ONCE: Final = 64


@dataclass
class _Wave:
    """Turns of one stratum's mass at its points, and the mass as it is turned, (table, point)."""

    cosine: Floats
    sine: Floats
    real: Floats
    imaginary: Floats

    def rows(self, kept: Booleans) -> _Wave:
        return _Wave(self.cosine[kept], self.sine[kept], self.real[kept], self.imaginary[kept])

    def turned(self) -> tuple[Floats, Floats]:
        """Turn the mass once more and sum it up, real and imaginary part (table,)."""
        real = self.real * self.cosine - self.imaginary * self.sine
        self.imaginary = self.real * self.sine + self.imaginary * self.cosine
        self.real = real
        return self.real.sum(axis=1), self.imaginary.sum(axis=1)


def _product(factors: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Product of complex numbers, as real and imaginary parts."""
    (real, imaginary), *others = factors
    for a, b in others:
        real, imaginary = real * a - imaginary * b, real * b + imaginary * a
    return real, imaginary


class AverageRatio:
    """Posterior of the weighted average of log hazard ratios of each table.

    Attributes
    ----------
    failed
        (table,) where a stratum's posterior has failed, or the series does not end
    """

    failed: Booleans

    def __init__(self, strata: Sequence[Posterior], weights: Floats) -> None:
        """Take the posteriors of the strata and their weights (table, stratum), which sum to 1."""
        self._strata, self._weights = strata, weights
        ends = [stratum.on_panels.range() for stratum in strata]
        low, high = (np.stack(side, axis=1) for side in zip(*ends, strict=True))
        self._start = (weights * low).sum(axis=1)
        self._length = (weights * (high - low)).sum(axis=1)
        self.failed = np.logical_or.reduce([stratum.failed for stratum in strata])
        self._terms: list[tuple[Floats, Floats]] = []
        tables = len(weights)
        for first in range(0, tables, TABLES_AT_ONCE):
            rows = slice(first, first + TABLES_AT_ONCE)
            *terms, ended = self._series(rows)
            self.failed[rows] |= ~ended
            self._terms.append((terms[0], terms[1]))

    def take(self, tables: npt.NDArray[np.int64]) -> AverageRatio:
        """Keep these tables only."""
        return AverageRatio([one.take(tables) for one in self._strata], self._weights[tables])

    def _series(self, rows: slice) -> tuple[Floats, Floats, Booleans]:
        """Real and imaginary terms, (term, table) each, and for which tables they have ended.

        In real numbers: products of complex ones depend, in their last bit, on who stands beside.
        """
        waves = [self._wave(place, rows) for place in range(len(self._strata))]
        number = len(self._length[rows])
        real: list[Floats] = []
        imaginary: list[Floats] = []
        going = np.flatnonzero(~self.failed[rows])
        ended = np.zeros(number, dtype=np.bool_)
        left = self.failed[rows].copy()  # since waves were last cut down
        while len(going) and len(real) < MOST:
            waves = [wave.rows(~left) for wave in waves]
            size = np.zeros(len(going))
            for _ in range(AT_ONCE):
                cosine, sine = np.zeros(number), np.zeros(number)
                cosine[going], sine[going] = _product([wave.turned() for wave in waves])
                size = np.maximum(size, np.hypot(cosine[going], sine[going]))
                real.append(cosine)
                imaginary.append(sine)
            left = size < SMALL
            ended[going[left]] = True
            going = going[~left]
        # where all have failed there are no terms, of so many tables
        return np.reshape(real, (-1, number)), np.reshape(imaginary, (-1, number)), ended

    def _wave(self, place: int, rows: slice) -> _Wave:
        stratum = self._strata[place]
        points = max(FEWEST_POINTS, math.ceil(POINTS_PER_SD * stratum.prior_sd))
        beta, mass = stratum.on_panels.lattice(rows, points)
        away = self._weights[rows, place, None] * (beta - stratum.on_panels.range()[0][rows, None])
        phase = away * (2.0 * math.pi / self._length[rows, None])
        return _Wave(np.cos(phase), np.sin(phase), mass, np.zeros_like(mass))

    def hazard_ratio_below(self, value: float) -> Floats:
        """Probability that the average hazard ratio lies below a value, (table,)."""
        x = np.clip((math.log(value) - self._start) / self._length, 0.0, 1.0)
        below = x.copy()
        first = 0
        for real, imaginary in self._terms:
            rows = slice(first, first + real.shape[1])
            first += real.shape[1]
            for k, (a, b) in enumerate(zip(real, imaginary, strict=True), start=1):
                turn = (2.0 * math.pi * k) * x[rows]  # terms of 0 after the end add nothing
                below[rows] += (a * np.sin(turn) + b * (1.0 - np.cos(turn))) / (math.pi * k)
        return np.where(self.failed, np.nan, np.clip(below, 0.0, 1.0))

    def hazard_ratio_above(self, value: float) -> Floats:
        """Probability that the average hazard ratio lies above a value, (table,)."""
        return 1.0 - self.hazard_ratio_below(value)

    def hazard_ratio_mean(self) -> Floats:
        """Posterior mean of the average hazard ratio, (table,): a product of powers."""
        mean = np.ones(len(self.failed))
        for place, stratum in enumerate(self._strata):
            mean = mean * stratum.mean_of_power(self._weights[:, place])
        return np.where(self.failed, np.nan, mean)
