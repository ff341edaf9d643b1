"""Months spent in drug-free remission within ``horizon`` of randomisation, everybody.

Analysed are those whose horizon has passed at the look. Months after death do not exist, and none
of them counts as remission. Months after dropout are not seen, and ``missing`` says what becomes of
that:

* ``not_in_remission``: they count as none in remission (composite estimand);
* ``exclude``: who drops out alive before the horizon is left out of the analysis; the estimand is
  the mean had nobody dropped out.

Remission after crossover counts where the design says so (``strategy = "treatment_policy"``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.endpoints.intercurrent import Circumstances, Event, Handled, Strategy
from adaptive_cart.nouns.ahead import Ahead, Numbers
from adaptive_cart.nouns.calendar import short_of
from adaptive_cart.nouns.course import DRUG_FREE
from adaptive_cart.nouns.lost import Unseen
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.parts import PositiveMonths
from adaptive_cart.nouns.records import Floats, Population, Snapshot
from adaptive_cart.nouns.rows_of import at_most
from adaptive_cart.nouns.summaries import Means, SummaryKind


@dataclass(frozen=True)
class Stays:
    """Months in remission within the horizon, and who is left out of the analysis, if anybody."""

    months: Floats
    left: ParticipantSet | None


class TimeInRemission(EndpointBase):
    """Restricted mean time in drug-free remission."""

    type: Literal["time_in_remission"]
    horizon: PositiveMonths
    missing: Literal["not_in_remission", "exclude"] = Field(
        default="not_in_remission",
        description="months after dropout: none, or left out with who had it",
    )

    gives: ClassVar[SummaryKind] = Means
    unit: ClassVar[str] = "months"
    from_remission: ClassVar[bool] = True
    counts_months: ClassVar[bool] = True
    estimand_kind: ClassVar[str | None] = "level"
    after_relapse: ClassVar[bool] = True
    strategies: ClassVar[Mapping[Event, tuple[Strategy, ...]]] = {
        "not_infused": ("treatment_policy",),
        "redosing": ("treatment_policy", "composite"),
        "rescue": ("composite",),
        "crossover": ("composite", "treatment_policy"),
        "death": ("composite",),
    }

    def handled(self, circumstances: Circumstances) -> Iterator[Handled]:
        if circumstances.infused:
            yield Handled("not_infused", "treatment_policy", "part of the strategy of the arm")
        if circumstances.redosed:
            strategy = self.strategy_for("redosing")
            means = "remission after it counts"
            if strategy == "composite":
                means = "remission after it does not count"
            yield Handled("redosing", strategy, means)
        yield Handled("rescue", "composite", "months on rescue are not drug-free remission")
        if circumstances.crossover is not None:
            means = {
                "composite": "remission that begins after it does not count",
                "treatment_policy": "remission after it counts",
            }[self._crossover(circumstances.crossover)]
            yield Handled("crossover", self._crossover(circumstances.crossover), means)
        if self.missing == "exclude":
            means = "left out of the analysis; the estimand is the mean had nobody dropped out"
            yield Handled("dropout", "hypothetical", means)
        else:
            yield Handled("dropout", "composite", "months after it count as none in remission")
        yield Handled("death", "composite", "months after it count as none in remission")

    def _crossover(self, of_design: Strategy) -> Strategy:
        said = self.strategy.crossover if self.strategy else None
        return said or of_design

    def describes(self) -> str:
        return f"months in drug-free remission within {self.horizon:g}"

    def called(self, name: str, directly: bool) -> str:
        return "months in remission"

    def variable(self, directly: bool) -> str:
        return "months in drug-free remission within {horizon} months of randomisation"

    @property
    def level_limits(self) -> tuple[float, float]:
        return 0.0, self.horizon

    def known_after(self) -> float:
        return self.horizon

    def dropout_counts(self) -> bool:
        return self.missing == "not_in_remission"

    def counts_some(self) -> bool:
        return self.missing == "exclude"

    def counted(self, name: str, population: Population) -> Floats:
        """Those who do not drop out before the horizon."""
        left = self.prepare(name, population).left
        if left is None:
            return np.ones(population.trials)
        return 1.0 - left.mask(population.participants).mean(axis=1)

    def prepare(self, name: str, population: Population) -> Stays:
        """Months in remission of each participant, and who is left out."""
        assert population.last_seen is not None
        seen_until = at_most(population.last_seen, self.horizon)
        course = population.course
        assert course is not None
        if course.infused_again and self.strategy_for("redosing") == "composite":
            # nobody is infused in remission, so that this cuts none short
            seen_until = np.minimum(seen_until, course.infused_again[0])
        of_design: Strategy = "treatment_policy" if population.crossover_counts else "composite"
        counts = self._crossover(of_design) == "treatment_policy"
        months = population.state(DRUG_FREE, counts).time_until(seen_until)
        if self.missing == "not_in_remission":
            return Stays(months, None)
        return Stays(months, self._left(population))

    def _left(self, population: Population) -> ParticipantSet:
        """Who drops out alive before the horizon."""
        course = population.course
        assert course is not None
        return ParticipantSet.where(
            course.dropout < short_of(np.minimum(course.death, self.horizon))
        )

    def unseen(self, prepared: Stays, snapshot: Snapshot) -> Unseen | None:
        """Months from dropout to the horizon, of those whose horizon has passed."""
        population = snapshot.population
        if population.last_seen is None:
            return None
        who = snapshot.passed(self.horizon) & self._left(population)
        months = np.maximum(self.horizon - population.last_seen, 0.0)
        total, squares = population.totals_and_squares(months, who)
        products = population.totals(months * prepared.months, who)
        found = Unseen(population.tally(who), total, squares, products)
        if prepared.left is None:
            return found
        own, own_squares = population.totals_and_squares(prepared.months, who)
        return replace(found, own=own, own_squares=own_squares)

    def summary(self, prepared: Stays, snapshot: Snapshot) -> Means:
        passed = snapshot.passed(self.horizon)
        analysed = passed if prepared.left is None else passed.without(prepared.left)
        return Means.of(snapshot.population, prepared.months, analysed)

    def to_come(self, prepared: Stays, snapshot: Snapshot, summary: Means, ahead: Ahead) -> Numbers:
        """Those planned, less those who have reached the horizon, left out or not."""
        due = snapshot.population.tally(snapshot.passed(self.horizon))
        return Numbers(ahead.still(due))

    def true_values(self, name: str, population: Population) -> Floats | None:
        if population.course is None:
            return None
        return self.prepare(name, population).months.mean(axis=1)

    def without_effect(self, directly: bool, dropout: bool) -> Iterator[tuple[str, str]]:
        if "missing" in self.model_fields_set and not dropout:
            yield "missing", "nobody drops out in any scenario"
