"""What every analysis has that asks in which period somebody was randomised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from adaptive_cart.models.base import AnalysisBase
from adaptive_cart.models.binary.beta_binomial_analysis import BetaBinomialAnalysis
from adaptive_cart.nouns.questions import Question, QuestionKind

if TYPE_CHECKING:
    from adaptive_cart.models.prior_tip import PriorTip

    Base = AnalysisBase  # it stands before an analysis, whose methods it calls
else:
    Base = object


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


class LogisticByPeriodAnalysis(ByPeriodAnalysis, BetaBinomialAnalysis):
    """Arms and the calendar on the logit, with priors of the coefficients."""

    slow: ClassVar[bool] = True

    def with_prior(self, kind: str, arms: tuple[str, ...]) -> dict[str, Any] | None:
        return None

    def prior_tips(self, fitted: Any, arms: tuple[str, ...]) -> Iterator[PriorTip]:
        return iter(())

    def expected_of_control(self, fitted: Any) -> float | None:
        return None

    def error(self, fitted: Any, question: Question, participants: tuple[int, ...]) -> float:
        return self.answered_by.error(question)
