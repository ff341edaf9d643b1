"""Tables of the analysis models whose fast posterior is not wired to the rules yet.

A design that names one loads and is checked; its endpoint is described by counts, events and
months; a rule that asks for its posterior is an error that says so.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from adaptive_cart.distributions import Beta, HalfNormal, Lognormal, Normal
from adaptive_cart.models.base import AnalysisBase
from adaptive_cart.parts import NonNegative, Part, Positive, PositiveMonths


class LogisticPrior(Part):
    """Normal priors on the log-odds scale."""

    intercept: Normal
    treatment: Normal
    stratum: Normal
    interaction: Normal


class LogisticAnalysis(AnalysisBase):
    """Binomial by arm and stratum: treatment, stratum and their interaction on the logit."""

    model: Literal["logistic"]
    prior: LogisticPrior

    reads: ClassVar[str] = "counts"
    answers: ClassVar[tuple[str, ...]] = ("level",)
    available: ClassVar[bool] = False


class HierarchicalLogisticPrior(Part):
    """Priors of the control logits and of the exchangeable log-odds ratios."""

    control_logit: Normal
    effect_mean: Normal
    effect_sd: HalfNormal


class HierarchicalLogisticAnalysis(AnalysisBase):
    """Log-odds ratios of the strata, exchangeable around a common mean."""

    model: Literal["hierarchical_logistic"]
    prior: HierarchicalLogisticPrior

    reads: ClassVar[str] = "counts"
    answers: ClassVar[tuple[str, ...]] = ("level",)
    available: ClassVar[bool] = False


class GammaPrior(Part):
    """A gamma prior by shape ``a`` and rate ``b``."""

    a: Positive
    b: Positive


class PiecewiseExponentialPrior(Part):
    """Priors of every baseline hazard (a month) and of the log hazard ratio."""

    baseline: GammaPrior
    log_hazard_ratio: Normal


class PiecewiseExponentialAnalysis(AnalysisBase):
    """Proportional hazards over a baseline that is constant between cuts."""

    model: Literal["piecewise_exponential"]
    cuts: list[PositiveMonths] = Field(default_factory=list)
    prior: PiecewiseExponentialPrior

    reads: ClassVar[str] = "durations"
    answers: ClassVar[tuple[str, ...]] = ("hazard_ratio",)
    available: ClassVar[bool] = False


class WeibullCurePrior(Part):
    """Priors of the cured fraction and of the others' relapse time."""

    cured: Beta
    median_months: Lognormal
    shape: Lognormal


class WeibullCureAnalysis(AnalysisBase):
    """By arm: a cured fraction, and a Weibull relapse time for the rest."""

    model: Literal["weibull_cure"]
    prior: WeibullCurePrior

    reads: ClassVar[str] = "durations"
    answers: ClassVar[tuple[str, ...]] = ("level", "remaining")
    available: ClassVar[bool] = False


class GammaPoissonPrior(Part):
    """Gamma prior of the yearly rate, every arm."""

    a: Positive
    b: NonNegative


class GammaPoissonAnalysis(AnalysisBase):
    """Events by patient-years in each arm, gamma prior of the yearly rate."""

    model: Literal["gamma_poisson"]
    prior: GammaPoissonPrior

    reads: ClassVar[str] = "exposure"
    answers: ClassVar[tuple[str, ...]] = ("level",)
    available: ClassVar[bool] = False
