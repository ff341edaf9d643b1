"""Events over the calendar with gamma baselines and arms that are ratios: the likelihood.

Statement, of arm k, period s and, of times, interval j of follow-up::

    events_ksj   ~ Poisson(baseline_b(s,j) exp(eta_ks) exposure_ksj)
    baseline_b   ~ Gamma(a, rate b)                      independent
    eta_ks       linear in coefficients; that of the control in the first, or latest, period is 0

Baselines are integrated out in closed form, which leaves, up to a constant::

    prod_ks exp(eta_ks D_ks) prod_b (b + sum_ks exp(eta_ks) T_ksb) ** -(a + D_b)

whose logarithm is concave in the coefficients. Given these each baseline is gamma, with shape
a + D_b and the rate in brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adaptive_cart.nouns.records import Floats, Integers


@dataclass(frozen=True)
class Baselines:
    """Events and exposure of some tables, by the baseline that they share.

    Attributes
    ----------
    events, exposure
        ``(table, cell, baseline)``; a cell is an arm in a period.
    a, b
        Of the gamma prior of every baseline: events, and exposure.
    """

    events: Floats
    exposure: Floats
    a: float
    b: float

    def __len__(self) -> int:
        """How many tables there are."""
        return len(self.events)

    @cached_property
    def shape(self) -> Floats:
        """Of each baseline's posterior, ``(table, baseline)``."""
        found: Floats = self.a + self.events.sum(axis=1)
        return found

    @cached_property
    def _own(self) -> Floats:
        """Events of each cell, ``(table, cell)``."""
        found: Floats = self.events.sum(axis=2)
        return found

    def log(self, predictor: Floats) -> Floats:
        """Log likelihood, ``(table, tau)``."""
        rate = self.b + np.matmul(np.exp(predictor), self.exposure)
        own = (self._own[:, None] * predictor).sum(axis=-1)
        found: Floats = own - (self.shape[:, None] * np.log(rate)).sum(axis=-1)
        return found

    def curve(self, predictor: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Curvature and slope of each table and tau, by a product of its own."""
        times = np.exp(predictor)
        rate = self.b + np.matmul(times, self.exposure)
        shape = self.shape[:, None]
        expected = times * np.matmul(shape / rate, np.swapaxes(self.exposure, -1, -2))
        turned = np.swapaxes(rows, -1, -2)
        slope = np.matmul(turned, (self._own[:, None] - expected)[..., None])[..., 0]
        each = times[..., None] * rows
        mean = np.matmul(np.swapaxes(self.exposure, -1, -2)[:, None], each) / rate[..., None]
        between = np.matmul(np.swapaxes(mean, -1, -2), shape[..., None] * mean)
        return np.matmul(turned, expected[..., None] * rows) - between, slope

    def used(self, table: int) -> Integers:
        """Cells of a table in which anybody has been followed."""
        seen = self.exposure[table].any(axis=1) | self.events[table].any(axis=1)
        return np.flatnonzero(seen)

    def rate(self, table: int, predictor: Floats) -> Floats:
        """Of each baseline's posterior at points, ``(point, baseline)``.

        Parameters
        ----------
        predictor
            ``(point, used cell)``; what is found has its precision.
        """
        kind = predictor.dtype.type
        exposure = self.exposure[table, self.used(table)].astype(kind)
        found: Floats = kind(self.b) + np.exp(predictor) @ exposure
        return found

    def seen_in_all(self, table: int) -> float:
        """Events of a table."""
        return float(self._own[table].sum())

    def at_points(self, table: int, predictor: Floats) -> Floats:
        """Log likelihood of a table, ``(point,)``, in the precision of the predictor."""
        kind = predictor.dtype.type
        own = self._own[table, self.used(table)].astype(kind)
        found: Floats = predictor @ own
        return found - np.log(self.rate(table, predictor)) @ self.shape[table].astype(kind)
