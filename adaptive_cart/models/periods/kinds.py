"""The analyses that know in which period somebody was randomised.

By ``time_trend.model``, then by the model whose comparisons they are.
"""

from __future__ import annotations

from adaptive_cart.models.base import AnalysisBase
from adaptive_cart.nouns.kinds import Kinds

ROOM = "adaptive_cart.models.periods"
ADJUSTED: dict[str, Kinds[AnalysisBase]] = {
    "concurrent": Kinds(
        ROOM,
        {
            "beta_binomial": "concurrent_kinds.ConcurrentCounts",
            "dirichlet": "concurrent_kinds.ConcurrentCategories",
            "gamma_poisson": "concurrent_kinds.ConcurrentRates",
            "logrank_test": "concurrent_kinds.ConcurrentLogrank",
            "normal": "concurrent_kinds.ConcurrentNormal",
            "normal_visits": "concurrent_kinds.ConcurrentVisits",
            "piecewise_exponential": "concurrent_kinds.ConcurrentHazards",
            "proportional_odds": "concurrent_kinds.ConcurrentOdds",
            "proportions_test": "concurrent_kinds.ConcurrentProportions",
            "restricted_mean": "concurrent_kinds.ConcurrentMeans",
            "weibull_cure": "concurrent_kinds.ConcurrentDurability",
        },
    ),
    "periods": Kinds(
        ROOM,
        {
            "beta_binomial": "periods_analysis.PeriodsAnalysis",
            "gamma_poisson": "baselines_analysis.RatesByPeriod",
            "piecewise_exponential": "baselines_analysis.HazardsByPeriod",
            "normal": "normal_periods_analysis.NormalPeriodsAnalysis",
        },
    ),
    "time_machine": Kinds(
        ROOM,
        {
            "beta_binomial": "time_machine_analysis.TimeMachineAnalysis",
            "gamma_poisson": "baselines_analysis.RatesByMachine",
            "normal": "normal_periods_analysis.NormalMachineAnalysis",
            "piecewise_exponential": "baselines_analysis.HazardsByMachine",
        },
    ),
}
