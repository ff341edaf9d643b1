"""The posterior of the log hazard ratio of two arms, by quadrature, for many tables at once.

The model is that of ``piecewise_exponential.py``. Each baseline hazard is integrated out in closed
form (gamma against Poisson), which leaves the posterior of beta up to a constant, D_j and D_1 being
totals over arms and over intervals::

    prior(beta) exp(beta D_1) prod_j (b + T_0j + exp(beta) T_1j) ** -(a + D_j)

Probabilities and means of nearly every table of a trial are sums over some forty equal steps
(``log_ratio_even.py``). For tables that would need many, and for events that are known to lie
between two months, they come from panels (``log_ratio_panels.py``), as curves always
do. Which it is depends on the table alone. Each of the two says how near it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.hazards.log_ratio_density import Density
from adaptive_cart.models.hazards.log_ratio_even import EvenSteps
from adaptive_cart.models.hazards.log_ratio_panels import Panels
from adaptive_cart.nouns.records import Booleans, Floats


class Posterior:
    """Posterior of the log hazard ratio of each table.

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
        self._even = None if density.between is not None else EvenSteps(density)
        settled = (
            np.zeros(len(density.slope), np.bool_) if self._even is None else self._even.settled
        )
        self._rest = np.flatnonzero(~settled)
        self._panels = Panels(density.take(self._rest)) if len(self._rest) else None
        self.failed = np.zeros(len(settled), dtype=np.bool_)
        if self._panels is not None:
            self.failed[self._rest] = self._panels.failed

    def take(self, tables: npt.NDArray[np.int64]) -> Posterior:
        """Keep these tables only, with what is known of them."""
        kept = Posterior.__new__(Posterior)
        kept._density, kept.failed = self._density.take(tables), self.failed[tables]
        kept._even = None if self._even is None else self._even.take(tables)
        place = np.full(len(self.failed), -1)
        place[self._rest] = np.arange(len(self._rest))
        kept._rest = np.flatnonzero(place[tables] >= 0)
        kept._panels = None
        if self._panels is not None and len(kept._rest):
            kept._panels = self._panels.take(place[tables][kept._rest])
        return kept

    @cached_property
    def on_panels(self) -> Panels:
        """All tables on panels, for what is asked of the density itself."""
        if self._panels is not None and len(self._rest) == len(self.failed):
            return self._panels
        return Panels(self._density)

    # ── what it is asked ──────────────────────────────────────────────────────────────────
    def hazard_ratio_below(self, value: float) -> Floats:
        """Probability that the hazard ratio lies below a value, (table,)."""
        return self._share(value, above=False)

    def hazard_ratio_above(self, value: float) -> Floats:
        """Probability that the hazard ratio lies above a value, (table,)."""
        return self._share(value, above=True)

    def hazard_ratio_mean(self) -> Floats:
        """Posterior mean of the hazard ratio, (table,)."""
        return self.mean_of_power(np.ones(len(self.failed)))

    def mean_of_power(self, power: Floats) -> Floats:
        """Posterior mean of a power of the hazard ratio, (table,).

        Infinite where it is beyond the largest float, nan where the posterior has failed, or would
        with so many more events in the experimental arm.

        Parameters
        ----------
        power
            (table,)
        """
        found, few = np.empty(len(self.failed)), np.zeros(len(self.failed), dtype=np.bool_)
        if self._even is not None:
            found, few = self._even.mean_of_power(power)
        if self._panels is not None:
            found[self._rest] = self._panels.mean_of_power(power[self._rest])
            few[self._rest] = True
        many = np.flatnonzero(~few)
        if len(many):
            found[many] = Panels(self._density.take(many)).mean_of_power(power[many])
        return found

    @property
    def log_constant(self) -> Floats:
        """Logarithm of the integral of the density as it is written, (table,)."""
        return self._joined(EvenSteps.log_constant, Panels.log_constant)

    # ── the density itself ────────────────────────────────────────────────────────────────
    @property
    def prior_sd(self) -> float:
        """Standard deviation of the prior of the log hazard ratio."""
        return self._density.sd

    def curve(self) -> tuple[Floats, Floats]:
        """Log hazard ratios, rising, and normal scores of being below them, (table, knot) each."""
        return self.on_panels.curve()

    def log_density(self, table: int, beta: Floats) -> Floats:
        """Logarithm of the density of one table at some log hazard ratios, up to a constant."""
        return self._density.take(slice(table, table + 1)).log(beta[None])[0]

    def _share(self, value: float, above: bool) -> Floats:
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"value: {value} found, a hazard ratio above 0 allowed")
        log_value = math.log(value)
        return self._joined(
            lambda even: even.share(log_value, above), lambda panels: panels.sides(log_value)[above]
        )

    def _joined(
        self, even: Callable[[EvenSteps], Floats], panels: Callable[[Panels], Floats]
    ) -> Floats:
        """An answer of each table by the quadrature that it takes, (table,)."""
        found = np.empty(len(self.failed)) if self._even is None else even(self._even)
        if self._panels is not None:
            found[self._rest] = panels(self._panels)
        return found
