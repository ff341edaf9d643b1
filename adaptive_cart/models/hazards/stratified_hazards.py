"""Proportional hazards in strata with baseline hazards of their own: the model and its priors.

Statement, for stratum s, interval j and arm k (0 control)::

    baseline hazard_sj     ~ Gamma(a, rate b)          per month, independent
    log hazard ratio       ~ Normal(mean, sd)          one for all strata, or one for each
    D_skj                  ~ Poisson(hazard_sj exp(beta_s k) T_skj)

With one hazard ratio the posterior is that of ``piecewise_exponential.py`` with the intervals of
every stratum side by side. With one each, strata are independent, and a question about several is
about the average of their log hazard ratios by shares of enrolment (``average_ratio.py``). Either
way a question about some strata is answered from the data of those strata, and one about a single
stratum from its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential


@dataclass(frozen=True)
class StratifiedHazards:
    """The model with its priors.

    Attributes
    ----------
    one
        The model of one stratum.
    shares
        Of the strata in enrolment, by which log hazard ratios are averaged.
    own
        Whether each stratum has a hazard ratio of its own.
    """

    one: PiecewiseExponential
    shares: tuple[float, ...]
    own: bool

    @cached_property
    def stacked(self) -> PiecewiseExponential:
        """The model of all strata with one hazard ratio."""
        return replace(self.one, strata=len(self.shares))

    @property
    def split(self) -> object:
        """How follow-up is split at the cuts."""
        return self.one.split
