"""The posterior of the log hazard ratio of two arms, by quadrature on panels, for any table.

The model is that of ``piecewise_exponential.py``. Where fewer nodes will do ``log_ratio_even.py``
has them.

Method
------
The logarithm of the density (``log_ratio_posterior.py`` writes it) is concave, its curvature at
least that of the prior. So the mode is found by
Newton steps kept within a bracket that shrinks, and the two ends, where the density has fallen by
exp(-28), by Newton steps from outside, which cannot jump over them. By concavity the mass beyond
an end is below exp(-28) = 7e-13 of the whole. Between the ends lie equal panels of 24
Gauss-Legendre nodes; their number depends on the prior's standard deviation alone (the range is
at most 15 of these), never on the data, so a table's result does not depend on its neighbours.
A question cuts the panel it falls in and integrates the two pieces with 24 nodes of their own:
the answer is smooth in the value asked about and no step on a grid.

Error
-----
The integrand is analytic for |Im beta| < pi, a panel is at most 15 long, hence geometric
convergence (Trefethen 2008, doi:10.1137/060659831, theorem 4.5). Measured against a fine grid of
the formula in extended precision (100 000 nodes and more), over prior sd 0.1 to 10, 0 to 20 000
events, no exposure, one participant, knees of the density anywhere: at most 2e-11 in a probability.
``tests/models/test_piecewise_exponential.py`` holds it to 2e-10.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.hazards.log_ratio_density import DROP, Density, range_of
from adaptive_cart.nouns.records import Booleans, Floats

PANEL: Final = 15.0  # longest panel, in units of the log hazard ratio
FEWEST_PANELS: Final = 4
NODES: Final = 24
KNOTS: Final = 401  # values that join a distribution function
FURTHEST: Final = 8.0  # normal scores of its ends
NODES_AT_ONCE: Final = 2**14  # of all tables of a chunk together, to stay in cache
_roots, _root_weights = np.polynomial.legendre.leggauss(NODES)
FRACTIONS: Final[Floats] = (_roots + 1.0) / 2.0
WEIGHTS: Final[Floats] = _root_weights / 2.0


class Panels:
    """Posterior of the log hazard ratio of each table, held as its mass by panel.

    Attributes
    ----------
    failed
        (table,) where the quadrature could not be set up, which takes a log hazard ratio beyond
        650 in size (events without any time at risk under a very wide prior); every answer for
        such a table is nan
    """

    failed: Booleans

    def __init__(self, density: Density) -> None:
        self._density = density
        self._panels = _number_of_panels(density.sd)
        self._start, self._width, self._peak, self.failed = range_of(density, self._panels)
        tables = len(density.slope)
        self._mass = np.empty((tables, self._panels))
        for rows in chunks(tables, self._panels * NODES):
            failed = self.failed[rows, None]
            self._mass[rows] = np.where(failed, 1.0, self._by_panel(rows).sum(axis=-1))
        # one table at a time is summed from the left and from the right, so that a small
        # probability on either side is not the rounding error of the other
        self._below = np.zeros((tables, self._panels + 1))
        self._above = np.zeros((tables, self._panels + 1))
        np.cumsum(self._mass, axis=-1, out=self._below[:, 1:])
        self._above[:, :-1] = np.cumsum(self._mass[:, ::-1], axis=-1)[:, ::-1]

    def take(self, tables: npt.NDArray[np.int64]) -> Panels:
        """Keep these tables only, with what is known of them."""
        kept = Panels.__new__(Panels)
        kept._density, kept._panels = self._density.take(tables), self._panels
        kept.failed, kept._peak = self.failed[tables], self._peak[tables]
        kept._start, kept._width = self._start[tables], self._width[tables]
        kept._mass = self._mass[tables]
        kept._below, kept._above = self._below[tables], self._above[tables]
        return kept

    def sides(self, log_value: float) -> tuple[Floats, Floats]:
        """Share of the mass on either side of a log hazard ratio, (table,) each."""
        below, above = self._sides(log_value)
        total = below + above
        return self._answer(below / total), self._answer(above / total)

    def mean_of_power(self, power: Floats) -> Floats:
        """Posterior mean of a power of the hazard ratio, (table,).

        It is the ratio of two normalising constants, that of the posterior with so many more events
        in the experimental arm over this one, each on a range of its own: under a wide prior the
        mean is made in a tail that hardly counts for the posterior itself. Infinite where it is
        beyond the largest float, nan where the other posterior has failed.

        Parameters
        ----------
        power
            (table,)
        """
        density = self._density
        more = Panels(density.times_power(power))
        with np.errstate(over="ignore", invalid="ignore"):  # the latter in failed tables
            mean = np.exp(more.log_constant() - self.log_constant())
        return self._answer(np.where(more.failed, np.nan, mean))

    def lattice(self, rows: slice, points: int) -> tuple[Floats, Floats]:
        """Equally spaced log hazard ratios and the mass that each stands for, (table, point) each.

        No mass where the table has failed.
        """
        low, high = (end[rows, None] for end in self.range())
        beta = low + (high - low) * ((np.arange(points) + 0.5) / points)
        mass = np.exp(self._density.take(rows).log(beta) - self._peak[rows, None])
        failed = self.failed[rows, None]
        mass = np.where(failed, 0.0, mass)
        return beta, mass / np.where(failed, 1.0, mass.sum(axis=-1, keepdims=True))

    def range(self) -> tuple[Floats, Floats]:
        """Log hazard ratios beyond which there is no mass to speak of, (table,) each."""
        return self._start, self._start + self._width * self._panels

    def curve(self) -> tuple[Floats, Floats]:
        """Log hazard ratios, rising, and normal scores of being below them, (table, knot) each."""
        share = np.linspace(0.0, 1.0, KNOTS)
        values = self._start[:, None] + (self._width * self._panels)[:, None] * share
        density = self._density.log(values)
        density -= self._peak[:, None]
        np.exp(density, out=density)
        scores = normal_scores(density)
        return self._answer(values.T).T, np.clip(scores, -FURTHEST, FURTHEST)

    def density(self, values: Floats) -> Floats:
        """Density at log hazard ratios of each table, (table, value); 0 where it has failed."""
        logs = self._density.log(values) - self._peak[:, None]
        found = np.exp(logs) / self._below[:, -1:]
        return np.where(self.failed[:, None], 0.0, found)

    def _answer(self, values: Floats) -> Floats:
        return np.where(self.failed, np.nan, values)

    def log_constant(self) -> Floats:
        """Logarithm of the integral of the density as it is written, (table,)."""
        return self._peak + np.log(self._below[:, -1])

    def _by_panel(self, rows: slice) -> Floats:
        """Weighted density at the nodes, (table, panel, node), the density being 1 at the mode."""
        places = (np.arange(self._panels)[:, None] + FRACTIONS).ravel()
        width = self._width[rows, None]
        beta = self._start[rows, None] + width * places
        weighted = self._density.take(rows).log(beta)
        weighted -= self._peak[rows, None]
        np.exp(weighted, out=weighted)
        by_panel = weighted.reshape(-1, self._panels, NODES)
        by_panel *= WEIGHTS
        by_panel *= width[:, :, None]
        return by_panel

    def _piece(self, density: Density, peak: Floats, start: Floats, length: Floats) -> Floats:
        """Mass of a stretch no longer than a panel, (table,)."""
        value = density.log(start[:, None] + length[:, None] * FRACTIONS)
        value -= peak[:, None]
        np.exp(value, out=value)
        value *= WEIGHTS
        mass: Floats = value.sum(axis=-1) * length
        return mass

    def _sides(self, log_value: float) -> tuple[Floats, Floats]:
        """Mass on either side of one value, (table,) each."""
        place = np.clip((log_value - self._start) / self._width, 0.0, float(self._panels))
        panel = np.minimum(place.astype(np.intp), self._panels - 1)
        left = self._start + panel * self._width
        # the value itself, and not its rounded place, wherever it is within the range
        end = self._start + self._panels * self._width
        value = np.clip(log_value, self._start, np.maximum(end, self._start))
        first = np.empty_like(left)
        second = np.empty_like(left)
        for rows in chunks(len(left), 2 * NODES):
            density, peak = self._density.take(rows), self._peak[rows]
            here = value[rows]
            first[rows] = self._piece(density, peak, left[rows], here - left[rows])
            right = left[rows] + self._width[rows]
            second[rows] = self._piece(density, peak, here, right - here)
        table = np.arange(len(left))
        below = self._below[table, panel] + np.maximum(first, 0.0)
        above = self._above[table, panel + 1] + np.maximum(second, 0.0)
        return below, above


def normal_scores(density: Floats) -> Floats:
    """Normal scores of lying below each of equally spaced knots, (table, knot).

    Parameters
    ----------
    density
        (table, knot), of any scale
    """
    middle = 0.5 * (density[:, 1:] + density[:, :-1])
    below = np.zeros_like(density)
    np.cumsum(middle, axis=1, out=below[:, 1:])
    above = np.zeros_like(density)
    above[:, :-1] = np.cumsum(middle[:, ::-1], axis=1)[:, ::-1]
    total = below[:, -1:]
    # each from its own side, to lose no tail
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below < above, special.ndtri(below / total), -special.ndtri(above / total))


def _number_of_panels(sd: float) -> int:
    """Panels enough for the longest range that any data can leave, which is the prior's."""
    return max(FEWEST_PANELS, math.ceil(2.0 * math.sqrt(2.0 * DROP) * sd / PANEL))


def chunks(tables: int, nodes: int) -> list[slice]:
    """Cut the table axis so that a chunk's nodes stay in cache."""
    size = max(1, NODES_AT_ONCE // max(nodes, 1))
    return [slice(first, first + size) for first in range(0, tables, size)]
