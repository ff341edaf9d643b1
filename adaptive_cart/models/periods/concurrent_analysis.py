"""``time_trend.model = "concurrent"``: those of a comparison who were there together, by any model.

A comparison of two arms counts those of both who were randomised while both enrolled; a question
about one arm alone is answered as without it. Each comparison so has data of its own, and is the
model's own answer to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from adaptive_cart.models.base import Posterior, Reference, Statement
from adaptive_cart.models.periods.adjustment import arms_of
from adaptive_cart.models.periods.by_period_analysis import ByPeriodAnalysis
from adaptive_cart.models.periods.over_periods import OverPeriods
from adaptive_cart.models.reference import Data, OneTrial, ReferenceOf
from adaptive_cart.models.ties import Sides
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import ByPeriod, Summary


@dataclass
class ConcurrentPosterior(OverPeriods):
    """Posterior of a model, of those who were there together.

    Attributes
    ----------
    fit
        The model's own posterior of what was seen.
    seen
        What was seen, also by period.
    """

    fit: Callable[[Summary], Posterior]
    seen: ByPeriod
    _kept: dict[tuple[int, ...], Posterior] = field(default_factory=dict)

    def of(self, arms: Sequence[int]) -> Posterior:
        """The posterior of those whom a question about some arms counts."""
        those = tuple(sorted(arms)) if len(arms) > 1 else ()  # of one arm everybody counts
        if those not in self._kept:
            self._kept[those] = self.fit(self.seen.compared(arms))
        return self._kept[those]

    def about(self, question: Question) -> Posterior:
        """The posterior of those whom a question counts."""
        return self.of(arms_of(question))

    @property
    def failed(self) -> Booleans | None:
        found = [one.failed for one in self._kept.values()]
        known = [failed for failed in found if failed is not None]
        return np.logical_or.reduce(known) if known else None

    def probability(self, question: Question) -> Floats:
        return self.about(question).probability(question)

    def computed(self, question: Question) -> Floats:
        return self.about(question).computed(question)

    def sides(self, question: Question) -> Sides:
        return self.about(question).sides(question)

    def mean(self, question: Question) -> Floats:
        return self.about(question).mean(question)

    def covers(self, question: Question, level: float) -> Booleans:
        return self.about(question).covers(question, level)

    def quantile(self, question: Question, probability: float) -> Floats:
        return self.about(question).quantile(question, probability)

    def limits(self, question: Question, level: float) -> tuple[Floats, Floats]:
        return self.about(question).limits(question, level)

    def drawn(self, question: Question) -> Floats:
        return self.about(question).drawn(question)

    def draw(self, quantity: Quantity) -> Floats:
        arms = (quantity.arm,) if quantity.to is None else (quantity.to, quantity.arm)
        return self.of(arms).draw(quantity)


@dataclass(frozen=True)
class ConcurrentReference(ReferenceOf):
    """The same in PyMC: the model's own face, the data those whom a question is about."""

    face: Reference
    completes = False

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        return (
            f"{self.face.statement}\n"
            "of two arms: those randomised while both enrolled; of one: everybody"
        )

    def data_of(self, one: OneTrial) -> Data:
        """One trial's data, of those whom the question is about."""
        return self.face.data_of(counted(one) if isinstance(one.summary, ByPeriod) else one)

    def all_arms(self, stratum: int) -> Question | None:
        """None: no question is about the data of every arm."""
        return None


def counted(one: OneTrial) -> OneTrial:
    """One trial, of those whom its question is about."""
    assert isinstance(one.summary, ByPeriod)
    return replace(one, summary=one.summary.compared(arms_of(one.question)), open_strata=None)


class Concurrent(ByPeriodAnalysis):
    """Stands before an analysis, whose comparisons then are of those who were there together."""

    counted: ClassVar[str] = (
        "those randomised while both arms of a comparison enrolled (concurrent controls)"
    )

    def periods_counted(self, seen: ByPeriod, question: Question) -> Booleans:
        asked = arms_of(question)
        return seen.together(asked) if len(asked) > 1 else super().periods_counted(seen, question)

    def posterior(self, fitted: Any, summary: Summary, open_strata: Booleans | None) -> Any:
        if not isinstance(summary, ByPeriod):  # of nobody: there are no periods
            return super().posterior(fitted, summary, open_strata)
        own = super().posterior
        return ConcurrentPosterior(lambda seen: own(fitted, seen, None), summary)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        return ConcurrentReference(super().reference(arms, (), (1.0,)))


class ConcurrentTest(Concurrent):
    """The same of a test, which is worked out anew by other code in place of PyMC."""

    def anew(self, one: OneTrial) -> float:
        return super().anew(counted(one))

    def estimated_anew(self, one: OneTrial) -> float:
        return super().estimated_anew(counted(one))


def never_apart(kind: type[Posterior]) -> type[Posterior]:
    """The same answers, but that arms are never put together from what is said of each alone."""
    return type(kind.__name__, (kind,), {"arms_apart": False})


def together(source: str) -> Statement:
    """How the sums of a comparison are taken, for a report.

    Parameters
    ----------
    source
        The sums, as an equation.
    """
    return Statement(
        source,
        "A comparison of two arms counts the participants of both randomised in the periods S "
        "in which both enrolled, and no others; what is said of one arm counts everybody.",
    )
