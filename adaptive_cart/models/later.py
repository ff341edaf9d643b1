"""Tables of the analysis models whose fast posterior is not wired to the rules yet.

A design that names one loads and is checked; its endpoint is described by counts, events and
months; a rule that asks for its posterior is an error that says so.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from adaptive_cart.distributions import HalfNormal, Normal
from adaptive_cart.models.base import AnalysisBase
from adaptive_cart.parts import Part


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
