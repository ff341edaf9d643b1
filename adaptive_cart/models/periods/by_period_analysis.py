"""What every ``beta_binomial`` has that asks in which period somebody was randomised."""

from __future__ import annotations

from typing import Any, ClassVar

from adaptive_cart.models.base import AnalysisBase
from adaptive_cart.models.binary.beta_binomial_analysis import BetaBinomialAnalysis
from adaptive_cart.nouns.questions import Question, QuestionKind


class ByPeriodAnalysis(BetaBinomialAnalysis):
    """Binomial arms whose participants are counted by period; nothing is predicted."""

    enumerates: ClassVar[bool] = False
    of_tables: ClassVar[bool] = False
    by_period: ClassVar[bool] = True

    def over_time(self) -> AnalysisBase:
        return self

    @classmethod
    def can_be_asked(cls, kind: QuestionKind) -> bool:
        return super().can_be_asked(kind) and not kind.among_open

    @classmethod
    def predicts(cls) -> bool:
        return False


class LogisticByPeriodAnalysis(ByPeriodAnalysis):
    """Arms and the calendar on the logit, with priors of the coefficients."""

    slow: ClassVar[bool] = True

    def with_prior(self, kind: str, arms: tuple[str, ...]) -> dict[str, Any] | None:
        return None

    def error(self, fitted: Any, question: Question, participants: tuple[int, ...]) -> float:
        return self.answered_by.error(question)
