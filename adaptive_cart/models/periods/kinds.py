"""The analyses that know in which period somebody was randomised, by ``time_trend.model``."""

from __future__ import annotations

from adaptive_cart.models.binary.beta_binomial_analysis import BetaBinomialAnalysis
from adaptive_cart.models.periods.concurrent_analysis import ConcurrentAnalysis
from adaptive_cart.models.periods.periods_analysis import PeriodsAnalysis
from adaptive_cart.models.periods.time_machine_analysis import TimeMachineAnalysis

ADJUSTED: dict[str, type[BetaBinomialAnalysis]] = {
    "concurrent": ConcurrentAnalysis,
    "periods": PeriodsAnalysis,
    "time_machine": TimeMachineAnalysis,
}
