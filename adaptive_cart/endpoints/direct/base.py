"""The contract of a kind of direct truth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.correlated import Correlated
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.course import Course
from adaptive_cart.nouns.parts import Part
from adaptive_cart.nouns.records import Booleans, Floats, Outcome
from adaptive_cart.nouns.recurrent_events import RecurrentEvents
from adaptive_cart.nouns.streams import Latents
from adaptive_cart.nouns.time_trend import TimeTrend

Array: TypeAlias = npt.NDArray[Any]
Spread: TypeAlias = Callable[[Array, Any], Array]  # a column over a block of equal trials
Group: TypeAlias = tuple[int, int, npt.NDArray[np.intp]]
A_YEAR = "rate a year"


@dataclass(frozen=True)
class Drawing:
    """Whose outcomes are drawn, from which truth, with which uniforms.

    Attributes
    ----------
    endpoint, name
        The endpoint, with its settings, and what it is called.
    values
        By arm, then stratum: what is true there.
    directly
        Whether the scenario says it directly; if not, as part of a course.
    latents
        Uniforms of the participants.
    arm, stratum
        ``(trial, participant)``.
    groups
        Arm, stratum, and the flat positions of its participants.
    course, infused
        The course, where there is one, and by arm and stratum whether the product is infused.
    after_first
        By arm and stratum: probabilities of events, by name, after infusions beyond the first.
    visits, correlated
        Of all scores: months at which they are taken, and how they correlate, if they do.
    month, trend
        ``(trial, participant)`` month of randomisation, and by arm how the probability drifts with
        it; nothing where it does not.
    """

    endpoint: Any
    name: str
    values: Sequence[Sequence[Any]]
    directly: bool
    latents: Latents
    arm: Labels
    stratum: Labels | None
    groups: Iterable[Group]
    course: Course | None
    infused: Sequence[Sequence[bool]]
    after_first: Sequence[Sequence[Mapping[str, float]]] = ()
    visits: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    correlated: Correlated | None = None
    month: Floats | None = None
    trend: Sequence[TimeTrend | None] = ()

    def uniforms(self, purpose: str = "outcome") -> Floats:
        """Uniforms of the endpoint, ``(trial, participant)``."""
        return self.latents.of(f"{purpose}:{self.name}")

    def own(self, of: Callable[[Any], float]) -> Floats:
        """A number of each participant's own truth, ``(trial, participant)``."""
        found = np.zeros(self.arm.shape)
        for arm, stratum, where in self.groups:
            found.ravel()[where] = of(self.values[arm][stratum])
        return found

    def drifting(self) -> Floats:
        """Each participant's own probability or rate, that of the month of randomisation."""
        return self._by_month(self.own(float), lambda trend, own, month: trend.moved(own, month))

    def shift(self) -> Floats:
        """By how much each participant's mean is shifted, by the month of randomisation."""
        none = np.zeros(self.arm.shape)
        return self._by_month(none, lambda trend, own, month: trend.shift(month))

    def _by_month(
        self, own: Floats, changed: Callable[[TimeTrend, Floats, Floats], Floats]
    ) -> Floats:
        assert self.month is not None
        for arm, trend in enumerate(self.trend):
            if trend is not None:
                where = self.arm == arm
                own[where] = changed(trend, own[where], self.month[where])
        return own


@dataclass(frozen=True)
class Cell:
    """One cell of an endpoint's own column, and what else the row says.

    Attributes
    ----------
    text
        As it stands; blank where nothing does.
    known
        Month at which the outcome is known, where that is fixed.
    last, withdrawn, settled
        Months of the last contact, of withdrawal, and of the rescue or death that settled it.
    window
        Months by which a visit may come before the day for which it stands.
    month
        Reads a text as a number of months; nan, with a problem reported, where it is none.
    report
        Reports what is wrong with the cell.
    late
        Months by which the visit for the outcome may come after its day.
    unseen
        Whether every visit that could have told the outcome was missed.
    """

    text: str
    known: float | None
    last: float
    withdrawn: float
    settled: float
    window: float
    month: Callable[[str], float]
    report: Callable[[str], None]
    late: float = 0.0
    unseen: bool = False


@dataclass(frozen=True)
class Contact:
    """A participant of whom a row is written, and what was seen of them.

    Attributes
    ----------
    at
        Trial and participant.
    seen
        Gives a month back if what happens then was seen, and else blank.
    last
        Month of the last contact.
    """

    at: tuple[int, int]
    seen: Callable[[float], float | str]
    last: float

    def knows(self, month: float | None) -> bool:
        """Whether what is known from a month on was to be seen; always where none is fixed."""
        return month is None or self.seen(month) != ""


class DirectTruth(ABC):
    """What a scenario says of an endpoint, and how a participants table holds its outcome.

    Class attributes
    ----------------
    value
        The type of a value, as pydantic reads it.
    wanted
        What is expected as a value, in the words of a message.
    table
        Whether a value is itself a table; any other table is one by stratum.
    tables
        Tables that a value may be, where it may also be a number.
    is_time
        Whether a value is the distribution of a time to an event.
    holds
        What a cell of the endpoint's own column holds, in short.
    moments
        Whether that column holds moments: months, or dates.
    most
        The largest number that may be written; nothing where there is no bound.
    level
        What the level of an arm is called along which truths may be laid (:meth:`at_level`);
        blank where none are.
    by_factors
        Whether levels are never below 0, and drift by a factor instead of a difference.
    """

    value: ClassVar[Any]
    wanted: ClassVar[str]
    table: ClassVar[bool] = False
    tables: ClassVar[tuple[type[Part], ...]] = ()
    is_time: ClassVar[bool] = False
    holds: ClassVar[str]
    moments: ClassVar[bool] = False
    most: ClassVar[float | None] = None
    level: ClassVar[str] = ""
    by_factors: ClassVar[bool] = False

    # ── the truth ─────────────────────────────────────────────────────────────────────────
    def by_stratum(self, value: Any, strata: Sequence[str]) -> bool:
        """Whether what is written for an arm is a table by stratum, and not one value."""
        if not isinstance(value, dict) or "dist" in value:
            return False
        if not self.table or set(value) & set(strata):
            return True
        return bool(value) and all(isinstance(item, dict) for item in value.values())

    def words(self, value: Any) -> str:
        """Say a value as a protocol would."""
        return f"{value:g}"

    def tells_at(self, value: Any) -> tuple[float, ...]:
        """Months before the outcome's own of which a value says the states."""
        return ()

    def fault(self, value: Any, endpoint: Any) -> str:
        """Say why a value does not fit the endpoint's settings; blank where it does."""
        return ""

    def drifts(self, value: Any) -> bool:
        """Whether a value is one probability, whose logit may drift with calendar time."""
        return False

    def trend_of(self, value: Any) -> type[TimeTrend] | None:
        """How a value may drift with calendar time; nothing where it may not."""
        return TimeTrend if self.drifts(value) else None

    def at_level(self, told: Any, level: float) -> Any:
        """What a scenario says of an arm that has a level, and is else as it was told."""
        raise NotImplementedError  # supplied where the level has a name

    def in_array(self, value: Any) -> bool:
        """Whether outcomes are drawn as an array, in which trials of other values lie beside."""
        return False

    @abstractmethod
    def draw(self, drawing: Drawing) -> Outcome:
        """Draw the outcomes of participants."""

    def drawn(
        self, latents: Latents, name: str, own: Floats, events: type[RecurrentEvents]
    ) -> Outcome:
        """Draw the outcomes of participants who each have a truth that is one number.

        Parameters
        ----------
        own
            ``(trial, participant)``.
        events
            How events are drawn that come again.
        """
        raise NotImplementedError  # a kind that no analysis prior is drawn for has none

    # ── a column of a participants table ──────────────────────────────────────────────────
    def columns(self, name: str, endpoint: Any) -> dict[str, float | None]:
        """Columns that are the endpoint's own, and the month at which each is known if it is fixed.

        One with the endpoint's name, where nothing else is said.
        """
        return {name: endpoint.known_after()}

    def meanings(self, name: str, endpoint: Any, since: str) -> dict[str, str]:
        """Say what each column holds."""
        return {name: self.meaning(endpoint, since)}

    def read_all(self, cells: Sequence[Cell]) -> Any:
        """Read the cells of a row, one for each column."""
        return self.read(cells[0])

    def written_all(self, name: str, endpoint: Any, outcome: Any, whom: Contact) -> dict[str, Any]:
        """The cells of a participant, by column; parameters as for :meth:`written`."""
        return {name: self.written(outcome, endpoint.known_after(), whom)}

    @abstractmethod
    def meaning(self, endpoint: Any, since: str) -> str:
        """Say what a column holds, for whoever fills it in.

        Parameters
        ----------
        since
            From what months are counted, in words.
        """

    @abstractmethod
    def read(self, cell: Cell) -> Any:
        """Read a cell."""

    def gathered(self, values: list[Any]) -> Array:
        """A column of what was read, ``(participant,)``."""
        return np.array(values, dtype=np.float64)

    def dated(self, value: Any) -> Iterable[float]:
        """Months that a value names, none of which can be after the last contact."""
        return ()

    def may_be_blank(self, cell: Cell) -> bool:
        """Whether the cell is blank because the outcome is not known."""
        waits = not cell.text and cell.known is not None and not cell.settled <= cell.known
        return waits and not cell.unseen

    def recorded(self, values: Array, block: Spread, respond: Booleans) -> Outcome:
        """What a column has in place of a drawn outcome.

        Parameters
        ----------
        block
            Who is not there has the other value.
        respond
            Those of whom nothing is known and who are taken to respond, ``(participant,)``.
        """
        return block(values, np.nan)

    def written(self, outcome: Any, known: float | None, whom: Contact) -> Any:
        """The cell of a participant; blank for what was not to be seen.

        Parameters
        ----------
        known
            Month at which the outcome is known, where that is fixed.
        """
        return float(outcome[whom.at]) if whom.knows(known) else ""

    def mark(self, value: Any, known: float | None) -> float:
        """Month at which a lane of a swimmer plot has its mark, infinite for none."""
        return np.inf
