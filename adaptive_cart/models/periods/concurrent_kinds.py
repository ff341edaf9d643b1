"""Every model whose comparisons may be of those who were randomised together."""

from __future__ import annotations

from typing import ClassVar

from adaptive_cart.models.base import Posterior, Statement
from adaptive_cart.models.binary.beta_binomial_analysis import (
    BetaBinomialAnalysis,
    CountsPosterior,
)
from adaptive_cart.models.classical.classical_analysis import (
    LogrankTestAnalysis,
    ProportionsTestAnalysis,
)
from adaptive_cart.models.durability.weibull_cure_analysis import WeibullCureAnalysis
from adaptive_cart.models.hazards.piecewise_exponential_analysis import (
    PiecewiseExponentialAnalysis,
)
from adaptive_cart.models.normal.normal_analysis import NormalAnalysis
from adaptive_cart.models.ordinal.dirichlet_analysis import DirichletAnalysis
from adaptive_cart.models.ordinal.proportional_odds_analysis import ProportionalOddsAnalysis
from adaptive_cart.models.periods.concurrent_analysis import (
    Concurrent,
    ConcurrentTest,
    never_apart,
    together,
)
from adaptive_cart.models.rates.gamma_poisson_analysis import GammaPoissonAnalysis, RatesPosterior
from adaptive_cart.models.restricted_mean.restricted_mean_analysis import (
    RestrictedMeanAnalysis,
    RestrictedMeanPosterior,
)
from adaptive_cart.models.visits.normal_visits_analysis import NormalVisitsAnalysis

OF_EACH = together(r"i \text{ randomised in } s \in S")


class ConcurrentCounts(Concurrent, BetaBinomialAnalysis):
    """Independent binomial arms, of those who were there together."""

    title: ClassVar[str] = "Independent binomial arms, concurrent controls"
    statements: ClassVar[tuple[Statement, ...]] = (
        *BetaBinomialAnalysis.statements,
        together(r"y_k = \sum_{s \in S} y_{ks}"),
    )
    of_two_counts: ClassVar[bool] = True
    answered_by: ClassVar[type[Posterior]] = never_apart(CountsPosterior)


class ConcurrentCategories(Concurrent, DirichletAnalysis):
    """Participants by category, of those who were there together."""

    title: ClassVar[str] = "Participants by category, concurrent controls"
    statements: ClassVar[tuple[Statement, ...]] = (*DirichletAnalysis.statements, OF_EACH)


class ConcurrentOdds(Concurrent, ProportionalOddsAnalysis):
    """Proportional odds, of those who were there together."""

    title: ClassVar[str] = "Proportional odds, concurrent controls"
    statements: ClassVar[tuple[Statement, ...]] = (*ProportionalOddsAnalysis.statements, OF_EACH)


class ConcurrentProportions(ConcurrentTest, ProportionsTestAnalysis):
    """The z test of two proportions, of those who were there together."""

    title: ClassVar[str] = "Pooled z test of two proportions, concurrent controls"
    statements: ClassVar[tuple[Statement, ...]] = (*ProportionsTestAnalysis.statements, OF_EACH)


class ConcurrentLogrank(ConcurrentTest, LogrankTestAnalysis):
    """The logrank test, of those who were there together."""

    title: ClassVar[str] = "Logrank test, concurrent controls"
    statements: ClassVar[tuple[Statement, ...]] = (*LogrankTestAnalysis.statements, OF_EACH)


class ConcurrentRates(Concurrent, GammaPoissonAnalysis):
    """Events by patient-years, of those who were there together."""

    title: ClassVar[str] = "Events by patient-years, concurrent controls"
    statements: ClassVar[tuple[Statement, ...]] = (
        *GammaPoissonAnalysis.statements,
        together(r"y_k = \sum_{s \in S} y_{ks}, \quad T_k = \sum_{s \in S} T_{ks}"),
    )
    answered_by: ClassVar[type[Posterior]] = never_apart(RatesPosterior)


class ConcurrentMeans(Concurrent, RestrictedMeanAnalysis):
    """Mean months in each arm, of those who were there together."""

    title: ClassVar[str] = "Restricted mean time, concurrent controls"
    statements: ClassVar[tuple[Statement, ...]] = (*RestrictedMeanAnalysis.statements, OF_EACH)
    answered_by: ClassVar[type[Posterior]] = never_apart(RestrictedMeanPosterior)


class ConcurrentNormal(Concurrent, NormalAnalysis):
    """Mean changes from baseline, of those who were there together."""

    title: ClassVar[str] = "Change from baseline, adjusted for baseline, concurrent controls"
    statements: ClassVar[tuple[Statement, ...]] = (*NormalAnalysis.statements, OF_EACH)


class ConcurrentVisits(Concurrent, NormalVisitsAnalysis):
    """Mean changes at the last of all visits, of those who were there together."""

    title: ClassVar[str] = "Change from baseline, all visits, concurrent controls"
    statements: ClassVar[tuple[Statement, ...]] = (*NormalVisitsAnalysis.statements, OF_EACH)


class ConcurrentHazards(Concurrent, PiecewiseExponentialAnalysis):
    """Proportional hazards, of those who were there together."""

    title: ClassVar[str] = "Piecewise exponential model, concurrent controls"
    statements: ClassVar[tuple[Statement, ...]] = (
        *PiecewiseExponentialAnalysis.statements,
        together(r"D_{kj} = \sum_{s \in S} D_{kjs}, \quad T_{kj} = \sum_{s \in S} T_{kjs}"),
    )


class ConcurrentDurability(Concurrent, WeibullCureAnalysis):
    """Cured fractions, of those who were there together."""

    title: ClassVar[str] = "Weibull cure model, concurrent controls"
    statements: ClassVar[tuple[Statement, ...]] = (*WeibullCureAnalysis.statements, OF_EACH)
