"""How far the rates of different sources may lie apart: priors of a standard deviation of logs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from adaptive_cart.nouns.records import Floats

WIDEST: Final = 5.0  # where a half-Cauchy is cut: one SD is a factor of 150
_POINTS: Final = 12  # of a panel
_LONGER: Final = 4.0  # times the panel before
_REACH: Final = 5.0  # standard deviations of a half-normal, beyond which lies 6e-7


class Between:
    """A prior of the standard deviation between the logarithms of rates."""

    @property
    def largest(self) -> float:
        """Standard deviation beyond which there is nothing to speak of."""
        raise NotImplementedError  # abstract: every prior supplies it

    @property
    def words(self) -> str:
        """As a protocol writes it."""
        raise NotImplementedError  # abstract: every prior supplies it

    def nodes(self, smallest: float, refine: int = 1) -> tuple[Floats, Floats]:
        """Standard deviations and weights that add up to 1, ``(node,)`` each.

        Parameters
        ----------
        smallest
            Scale of the data below which a standard deviation makes no difference.
        """
        raise NotImplementedError  # abstract: every prior supplies it


@dataclass(frozen=True)
class HalfNormal(Between):
    """A half-normal prior by its scale."""

    scale: float

    @property
    def largest(self) -> float:
        """Standard deviation beyond which there is nothing to speak of."""
        return _REACH * self.scale

    @property
    def words(self) -> str:
        """As a protocol writes it."""
        return f"half-normal({self.scale:g})"

    def nodes(self, smallest: float, refine: int = 1) -> tuple[Floats, Floats]:
        """Standard deviations and weights."""
        at, length = _panels(0.0, self.largest, smallest, refine)
        weights = length * np.exp(-0.5 * (at / self.scale) ** 2)
        return at, weights / weights.sum()


@dataclass(frozen=True)
class HalfCauchy(Between):
    """A half-Cauchy prior by its scale, cut where rates would differ beyond all reason."""

    scale: float

    @property
    def largest(self) -> float:
        """Standard deviation at which it is cut."""
        return WIDEST

    @property
    def words(self) -> str:
        """As a protocol writes it."""
        return f"half-Cauchy({self.scale:g}), cut at {WIDEST:g}"

    def nodes(self, smallest: float, refine: int = 1) -> tuple[Floats, Floats]:
        """Standard deviations and weights."""
        at, length = _panels(0.0, self.largest, min(smallest, self.scale), refine)
        weights = length / (1.0 + (at / self.scale) ** 2)
        return at, weights / weights.sum()


@dataclass(frozen=True)
class SpikeAndSlab(Between):
    """A precision (one over the variance of the logarithm) that is one value, or uniform.

    Parameters
    ----------
    spike, weight
        The one value, and its probability.
    slab
        Precisions between which it is uniform otherwise.
    """

    spike: float
    slab: tuple[float, float]
    weight: float

    @property
    def largest(self) -> float:
        """Standard deviation beyond which there is nothing."""
        return 1.0 / math.sqrt(self.slab[0])

    @property
    def words(self) -> str:
        """As a protocol writes it."""
        low, high = self.slab
        return (
            f"of precision {self.spike:g} (SD {1.0 / math.sqrt(self.spike):.3g}) with probability "
            f"{self.weight:g}, else uniform from {low:g} to {high:g} (SD "
            f"{1.0 / math.sqrt(high):.3g} to {1.0 / math.sqrt(low):.3g})"
        )

    def nodes(self, smallest: float, refine: int = 1) -> tuple[Floats, Floats]:
        """Standard deviations and weights."""
        low, high = (1.0 / math.sqrt(precision) for precision in reversed(self.slab))
        at, length = _panels(low, high, smallest, refine)
        slab = length / at**3  # of the standard deviation, where the precision is uniform
        own = 1.0 / math.sqrt(self.spike)
        weights = (1.0 - self.weight) * slab / slab.sum()
        return np.append(at, own), np.append(weights, self.weight)


def _panels(low: float, high: float, smallest: float, refine: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights: a panel of the smallest scale, then ever longer ones."""
    edges = [low, min(max(smallest, 2.0 * low), high)]
    while edges[-1] < high:
        edges.append(min(_LONGER * edges[-1], high))
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS * refine)
    first, last = np.array(edges[:-1])[:, None], np.array(edges[1:])[:, None]
    at = first + (last - first) * 0.5 * (nodes + 1.0)
    return at.ravel(), ((last - first) * 0.5 * weights).ravel()
