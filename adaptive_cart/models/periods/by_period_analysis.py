"""What every analysis has that asks in which period somebody was randomised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from adaptive_cart.models.base import AnalysisBase
from adaptive_cart.models.binary.beta_binomial_analysis import BetaBinomialAnalysis
from adaptive_cart.models.periods.walk import Walk
from adaptive_cart.nouns.questions import Question, QuestionKind
from adaptive_cart.nouns.records import Booleans
from adaptive_cart.nouns.summaries import ByPeriod, Summary, over_periods

if TYPE_CHECKING:
    from adaptive_cart.models.prior_tip import PriorTip

    Base = AnalysisBase  # it stands before an analysis, whose methods it calls
else:
    Base = object


def nobody(summary: Summary, calendar: bool) -> ByPeriod:
    """The same of nobody, in one period in which all arms enrol."""
    trials, arms, _ = summary.analysed.shape
    there = np.ones((trials, arms, 1), dtype=np.bool_)
    first = np.zeros((trials, 1), dtype=np.int64)
    return over_periods(summary, summary, there, first if calendar else None)


class ByPeriodAnalysis(Base):
    """Stands before an analysis that tells participants apart by period; nothing is predicted."""

    enumerates: ClassVar[bool] = False
    of_tables: ClassVar[bool] = False
    of_two_counts: ClassVar[bool] = False
    by_period: ClassVar[bool] = True

    def over_time(self) -> AnalysisBase:
        return self

    @classmethod
    def can_be_asked(cls, kind: QuestionKind) -> bool:
        return super().can_be_asked(kind) and not kind.among_open

    @classmethod
    def predicts(cls) -> bool:
        return False

    def periods_counted(self, seen: ByPeriod, question: Question) -> Booleans:
        """Periods whose participants of its own arms a question hangs on, ``(trial, period)``."""
        return np.ones(seen.open_in[:, 0].shape, dtype=np.bool_)


class WalkingAnalysis(Base):
    """Stands before an analysis in which what all arms share walks over the calendar."""

    if TYPE_CHECKING:
        time_trend: Any

    @property
    def walk(self) -> Walk:
        """How it may drift."""
        assert self.time_trend is not None
        return self.time_trend.walk

    @property
    def calendar_months(self) -> float | None:
        return None if self.time_trend is None else self.time_trend.period_months

    def _step(self) -> dict[str, Any]:
        return {"dist": "half_normal", "sd": self.walk.step_scale}


class LogisticByPeriodAnalysis(ByPeriodAnalysis, BetaBinomialAnalysis):
    """Arms and the calendar on the logit, with priors of the coefficients."""

    slow: ClassVar[bool] = True

    def with_prior(self, kind: str, arms: tuple[str, ...]) -> dict[str, Any] | None:
        return None

    def in_stratum(self, fitted: Any, stratum: int) -> Any:
        return fitted  # designs with strata are not analysed by it

    def prior_tips(self, fitted: Any, arms: tuple[str, ...]) -> Iterator[PriorTip]:
        return iter(())

    def expected_of_control(self, fitted: Any) -> float | None:
        return None

    def error(self, fitted: Any, question: Question, participants: tuple[int, ...]) -> float:
        return self.answered_by.error(question)
