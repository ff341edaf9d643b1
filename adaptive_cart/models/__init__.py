"""What the data say about the arms: one room an analysis model.

To add one: ``docs/extending/model.md``, and a line in ``ANALYSES``.
"""

from __future__ import annotations

from adaptive_cart.models.base import AnalysisBase, Posterior
from adaptive_cart.models.binary.beta_binomial_analysis import BetaBinomialAnalysis
from adaptive_cart.models.classical.classical_analysis import (
    LogrankTestAnalysis,
    ProportionsTestAnalysis,
)
from adaptive_cart.models.durability.weibull_cure_analysis import WeibullCureAnalysis
from adaptive_cart.models.hazards.piecewise_exponential_analysis import PiecewiseExponentialAnalysis
from adaptive_cart.models.hazards.stratified_hazards_analysis import (
    StratifiedPiecewiseExponentialAnalysis,
)
from adaptive_cart.models.normal.normal_analysis import NormalAnalysis
from adaptive_cart.models.ordinal.dirichlet_analysis import DirichletAnalysis
from adaptive_cart.models.ordinal.proportional_odds_analysis import ProportionalOddsAnalysis
from adaptive_cart.models.rates.gamma_poisson_analysis import GammaPoissonAnalysis
from adaptive_cart.models.restricted_mean.restricted_mean_analysis import RestrictedMeanAnalysis
from adaptive_cart.models.strata.logistic_analysis import (
    HierarchicalLogisticAnalysis,
    LogisticAnalysis,
)
from adaptive_cart.models.visits.normal_visits_analysis import NormalVisitsAnalysis

ANALYSES: dict[str, type[AnalysisBase]] = {
    "beta_binomial": BetaBinomialAnalysis,
    "logistic": LogisticAnalysis,
    "hierarchical_logistic": HierarchicalLogisticAnalysis,
    "piecewise_exponential": PiecewiseExponentialAnalysis,
    "stratified_piecewise_exponential": StratifiedPiecewiseExponentialAnalysis,
    "weibull_cure": WeibullCureAnalysis,
    "restricted_mean": RestrictedMeanAnalysis,
    "gamma_poisson": GammaPoissonAnalysis,
    "dirichlet": DirichletAnalysis,
    "proportional_odds": ProportionalOddsAnalysis,
    "normal": NormalAnalysis,
    "normal_visits": NormalVisitsAnalysis,
    "proportions_test": ProportionsTestAnalysis,
    "logrank_test": LogrankTestAnalysis,
}
DEFAULT_MODEL = "beta_binomial"  # of a binary endpoint that has no [analysis]

__all__ = ["ANALYSES", "DEFAULT_MODEL", "AnalysisBase", "Posterior"]
