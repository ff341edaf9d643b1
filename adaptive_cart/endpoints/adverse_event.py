"""An adverse event within a window after infusion: CRS of grade 3 or higher within a month.

Analysed are infused participants (everybody in an arm where nobody is infused, from randomisation)
whose window has passed at the look, and not sooner because an event has already happened. An event
after dropout or death is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.endpoints.direct import DirectTruth, Onset
from adaptive_cart.endpoints.intercurrent import Circumstances, Handled
from adaptive_cart.nouns.calendar import short_of, until
from adaptive_cart.nouns.participant_set import ParticipantSet, kept
from adaptive_cart.nouns.parts import PositiveMonths
from adaptive_cart.nouns.records import Floats, Population, Snapshot
from adaptive_cart.nouns.summaries import Counts, SummaryKind


@dataclass(frozen=True)
class Windows:
    """Calendar month at which each window has passed, and who has the event in it.

    Attributes
    ----------
    known
        Where several windows open: month at which the one of the event has passed.
    """

    closes: Floats
    event: ParticipantSet
    known: Floats | None = None


class AdverseEvent(EndpointBase):
    """A binary safety endpoint in a window after infusion."""

    type: Literal["adverse_event"]
    within_months: PositiveMonths
    each_infusion: bool = Field(
        default=False, description="whether a window opens at each infusion, and not the first only"
    )

    gives: ClassVar[SummaryKind] = Counts
    direct: ClassVar[DirectTruth | None] = Onset()
    named_in: ClassVar[Literal["events", "rates", "scores"] | None] = "events"
    estimand_kind: ClassVar[str | None] = "level"
    harm: ClassVar[bool] = True
    opens_at_infusion: ClassVar[bool] = True
    counted_when: ClassVar[str] = "are infused and their window has passed"

    def population(self, circumstances: Circumstances) -> str:
        if circumstances.directly or not circumstances.infused:
            return super().population(circumstances)
        return "the infused; everybody in an arm where nobody is infused"

    def handled(self, circumstances: Circumstances) -> Iterator[Handled]:
        if not circumstances.directly:
            if circumstances.infused:
                means = "analysed are the infused, from infusion on"
                yield Handled("not_infused", "principal_stratum", means)
            yield Handled("rescue", "treatment_policy", "an event after it counts")
            if circumstances.crossover is not None:
                means = "the own arm's events go on, as if nobody had crossed over"
                yield Handled("crossover", "hypothetical", means)
        means = "an event counts until then; who leaves the window without one counts as without"
        yield Handled("dropout", "while_alive", means)
        if not circumstances.directly:
            yield Handled("death", "while_alive", means)

    def describes(self) -> str:
        plural = "" if self.within_months == 1.0 else "s"
        return f"within {self.within_months:g} month{plural} of {self._infusion}"

    @property
    def _infusion(self) -> str:
        return "any infusion" if self.each_infusion else "infusion"

    def counts_each_infusion(self) -> bool:
        return self.each_infusion

    def variable(self, directly: bool) -> str:
        plural = "" if self.within_months == 1.0 else "s"
        window = f"within {{within_months}} month{plural} of {self._infusion}"
        return f"whether the event happens {window}"

    def prepare(self, name: str, population: Population) -> Windows:
        course, onset = population.course, _months(population, name)
        known = None
        if course is None:  # nobody is infused, the window starts at randomisation
            closes = population.arrival + self.within_months
        else:
            opens = course.infused
            if not all(population.infused_arms):
                # (np.where costs six times as much where there is no pattern)
                opens = kept(np.array(population.infused_arms).take(population.arm), opens)
            closes = population.arrival + (opens + self.within_months)
            if self.each_infusion:
                known = population.arrival + self._ends(population, opens, onset)
        seen = _finite(onset)
        if population.last_seen is not None:
            seen = seen & ParticipantSet.where(onset <= population.last_seen)
        return Windows(closes, seen, known)

    def _ends(self, population: Population, first: Floats, onset: Floats) -> Floats:
        """Months after randomisation at which the first window that holds the event has passed."""
        assert population.course is not None
        infused = np.array(population.infused_arms)[population.arm]
        others = [np.where(infused, m, np.inf) for m in population.course.infused_again]
        return self._window_of(onset, [first, *others]) + self.within_months

    def _window_of(self, onset: Floats, opens: Sequence[Floats]) -> Floats:
        """When the first of some windows opens that holds an event; infinite where none does."""
        found = np.full(onset.shape, np.inf)
        for opened in opens:
            held = (onset >= short_of(opened)) & (onset <= until(opened + self.within_months))
            found = np.minimum(found, np.where(held, opened, np.inf))
        return found

    def summary(self, prepared: Windows, snapshot: Snapshot) -> Counts:
        population = snapshot.population
        passed = (
            ParticipantSet.where(prepared.closes <= until(snapshot.date)[:, None])
            & snapshot.enrolled
        )
        totals = population.tally(passed)
        event = passed & prepared.event
        if prepared.known is not None:
            due = prepared.known <= until(snapshot.date)[:, None]
            event = event & ParticipantSet.where(due)
        events = population.tally(event)
        return Counts(events, totals, np.zeros_like(totals), totals)

    def revealed(self, prepared: Windows, snapshot: Snapshot) -> ParticipantSet:
        """Whoever has a window at all: of those who are never infused nothing is to be seen."""
        enrolled = super().revealed(prepared, snapshot)
        return enrolled & ParticipantSet.where(np.isfinite(prepared.closes))

    def true_values(self, name: str, population: Population) -> Floats | None:
        windows = self.prepare(name, population)
        analysed = np.isfinite(windows.closes)
        event = windows.event.mask(population.participants)
        return (event & analysed).sum(axis=1) / np.maximum(analysed.sum(axis=1), 1)

    def closed_form(self, values: Any, dropout: Floats, course: bool) -> Floats | None:
        return None if course or dropout.any() else np.array(values, dtype=np.float64)

    def counts_some(self) -> bool:
        return True

    def counted(self, name: str, population: Population) -> Floats:
        """The infused; everybody where nobody is."""
        return np.isfinite(self.prepare(name, population).closes).mean(axis=1)

    def settled(
        self, values: npt.NDArray[Any] | None, months: Mapping[str, Floats]
    ) -> npt.NDArray[np.bool_]:
        """Who is not known to have had the event counts as without it."""
        return np.ones(len(months["rescue_month"]), dtype=np.bool_)

    def counted_in_record(
        self, name: str, values: npt.NDArray[Any], opens: Sequence[Floats]
    ) -> tuple[npt.NDArray[Any], str]:
        """Events outside the window, or every window, are left out."""
        inside = np.isfinite(self._window_of(values, opens if self.each_infusion else opens[:1]))
        outside = int((np.isfinite(values) & ~inside).sum())
        note = (
            f"{name}: {outside} outside the window of {self.within_months:g} months after "
            f"{'each ' if self.each_infusion else ''}infusion, not counted"
        )
        return np.where(inside, values, np.inf), note if outside else ""


def _months(population: Population, name: str) -> Floats:
    return np.asarray(population.outcomes[name], dtype=np.float64)


def _finite(months: Floats) -> ParticipantSet:
    return ParticipantSet.where(np.isfinite(months))
