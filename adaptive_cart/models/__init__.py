"""What the data say about the arms: one room an analysis model.

To add one: ``docs/extending/model.md``, and a line in ``ANALYSES``.
"""

from __future__ import annotations

from adaptive_cart.models.base import AnalysisBase, Posterior
from adaptive_cart.nouns.kinds import Kinds

ANALYSES: Kinds[AnalysisBase] = Kinds(
    "adaptive_cart.models",
    {
        "beta_binomial": "binary.beta_binomial_analysis.BetaBinomialAnalysis",
        "logistic": "strata.logistic_analysis.LogisticAnalysis",
        "hierarchical_logistic": "strata.logistic_analysis.HierarchicalLogisticAnalysis",
        "piecewise_exponential": "hazards.piecewise_exponential_analysis"
        ".PiecewiseExponentialAnalysis",
        "stratified_piecewise_exponential": "hazards.stratified_hazards_analysis"
        ".StratifiedPiecewiseExponentialAnalysis",
        "weibull_cure": "durability.weibull_cure_analysis.WeibullCureAnalysis",
        "restricted_mean": "restricted_mean.restricted_mean_analysis.RestrictedMeanAnalysis",
        "gamma_poisson": "rates.gamma_poisson_analysis.GammaPoissonAnalysis",
        "dirichlet": "ordinal.dirichlet_analysis.DirichletAnalysis",
        "proportional_odds": "ordinal.proportional_odds_analysis.ProportionalOddsAnalysis",
        "normal": "normal.normal_analysis.NormalAnalysis",
        "normal_visits": "visits.normal_visits_analysis.NormalVisitsAnalysis",
        "proportions_test": "classical.classical_analysis.ProportionsTestAnalysis",
        "logrank_test": "classical.classical_analysis.LogrankTestAnalysis",
    },
)
DEFAULT_MODEL = "beta_binomial"  # of a binary endpoint that has no [analysis]

__all__ = ["ANALYSES", "DEFAULT_MODEL", "AnalysisBase", "Posterior"]
