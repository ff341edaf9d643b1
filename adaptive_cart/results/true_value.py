"""A true value, its error, and true values by arm and stratum with what averages them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from adaptive_cart.nouns.records import Floats


@dataclass(frozen=True)
class TrueValue:
    """A true value with its Monte Carlo standard error (0 where it is exact)."""

    value: float
    mcse: float


@dataclass(frozen=True)
class Cells:
    """True values of a quantity by arm and stratum, and what each stratum weighs in an average.

    Attributes
    ----------
    values
        ``(scramble, arm, stratum)``: a row an independent integration, one where it is exact.
    shares
        Of the strata in enrolment.
    counted
        ``(scramble, arm, stratum)`` how much of the quantity's denominator a participant brings: 1
        for remitters, the infused, those not missing, 0 for others, on average; or patient-years.
        Nothing where everybody counts alike.
    """

    values: Floats
    shares: tuple[float, ...]
    counted: Floats | None = None

    @property
    def arms(self) -> range:
        """Positions of the arms."""
        return range(self.values.shape[1])

    def by_shares(self) -> Cells:
        """The same, averaged by shares of enrolment whatever the denominator."""
        return Cells(self.values, self.shares)

    def with_arms(self, other: Any) -> Self:
        """The same, and other exact cells behind the arms, in which everybody counts alike."""
        shape = (len(self.values), *other.values.shape[1:])
        values = np.concatenate([self.values, np.broadcast_to(other.values, shape)], axis=1)
        counted = self.counted
        if counted is not None:
            ones = np.ones((len(counted), *shape[1:]))
            counted = np.concatenate([counted, ones], axis=1)
        return replace(self, values=values, counted=counted)

    def of(self, arm: int, strata: tuple[int, ...] | None = None) -> Floats:
        """Mean over some strata (positions; all if left out) in an arm, ``(scramble,)``.

        Nan where no stratum has anybody who counts.
        """
        values = self.values[:, arm]
        if strata is not None and len(strata) == 1:
            return values[:, strata[0]]
        if values.shape[-1] == 1:
            return values[:, 0]
        shares = np.array(self.shares)
        if strata is None and self.counted is None:
            averaged: Floats = (values * shares).sum(axis=-1)
            return averaged
        inside = np.isin(np.arange(len(shares)), range(len(shares)) if strata is None else strata)
        weights = np.where(inside, shares, 0.0)[None]
        if self.counted is not None:
            weights = weights * self.counted[:, arm]
        # a stratum in which nobody counts has no value, and needs none
        total = (np.where(weights > 0.0, values, 0.0) * weights).sum(axis=-1)
        with np.errstate(invalid="ignore"):
            mean: Floats = total / weights.sum(axis=-1)
        return mean

    def level(self, arm: int, strata: tuple[int, ...] | None = None) -> TrueValue:
        """True value in an arm."""
        return told(self.of(arm, strata))


def told(values: Floats) -> TrueValue:
    """Mean of independent integrations, and the standard error from their spread."""
    if len(values) == 1 or np.isinf(values).any():
        return TrueValue(float(values[0]), 0.0)
    spread = float(values.std(ddof=1)) / math.sqrt(len(values))
    return TrueValue(float(values.mean()), spread)
