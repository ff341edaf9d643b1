"""The participants of a real trial, as far as they are known, made what a look can see.

**What is known, and until when.** Nothing is assumed beyond last contact. At a look, a participant
whose last contact lies before the look's date, and who is alive, has left follow-up there: times
are censored at last contact, follow-up for rates ends there, and a landmark that lies after it is
missing once it has passed. A last contact at or after the look's date means that the participant
was followed to the look. ``window`` lets what was seen at the last contact stand for so many months
more, for visits that come a little early; it is 0 unless asked for.

The table may know more than a look could: it is cut by the code that cuts a simulated trial, which
uses nothing after the look's date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.design.design import Design
from adaptive_cart.nouns.records import Booleans, Course, Floats, Population
from adaptive_cart.nouns.recurrent_events import RecurrentEvents
from adaptive_cart.nouns.streams import padded
from adaptive_cart.recorded.table import CROSSOVER, ON_DRUGS


class RecordedEvents(RecurrentEvents):
    """Events that came again and again, as they were recorded.

    Parameters
    ----------
    months
        ``(event, trial, participant)``, in order of time, infinite where there are no more.
    """

    def __init__(self, months: Floats) -> None:
        self._recorded = months
        self._never = np.full(months.shape[1:], np.inf)

    def month_of(self, number: int) -> Floats:
        """Month since randomisation of the ``number``-th event (from 0)."""
        return self._recorded[number] if number < len(self._recorded) else self._never


@dataclass(frozen=True)
class Participants:
    """A participants table, checked, in order of randomisation; arrays are ``(participant,)``.

    Attributes
    ----------
    names
        Identifiers, as written.
    arm, stratum
        Positions; no stratum where the design has none.
    randomised, last_contact
        Calendar month, and months since randomisation.
    months
        By column of the course: months since randomisation, infinite where blank.
    onsets, times, responses
        By endpoint with a column of its own: month of an adverse event or of the event that is
        waited for, and whether there was a response.
    events
        By endpoint: months of recurrent events of each participant.
    has_course
        Whether any endpoint is worked out from the course, or anything of it is recorded.
    infused_arms
        By arm: is the product infused?
    digest
        SHA-256 of the file, or of the table as it would be written.
    notes
        What a reader of the analysis should know.
    """

    design: Design
    source: str
    digest: str
    names: tuple[str, ...]
    arm: npt.NDArray[np.int8]
    stratum: npt.NDArray[np.int8] | None
    randomised: Floats
    last_contact: Floats
    months: Mapping[str, Floats]
    onsets: Mapping[str, Floats]
    times: Mapping[str, Floats]
    responses: Mapping[str, Booleans]
    events: Mapping[str, tuple[tuple[float, ...], ...]]
    has_course: bool
    infused_arms: tuple[bool, ...]
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def reach(self) -> float:
        """Calendar month up to which the table knows of anything."""
        return float((self.randomised + self.last_contact).max())

    @property
    def width(self) -> int:
        """Columns of the arrays in a population; what is past the participants never arrives."""
        return max(padded(self.design.enrolment.max_n), len(self))

    def lost(self, date: float, window: float = 0.0) -> Booleans:
        """Participants randomised by a date, alive, and last seen before it."""
        seen_until = self.last_contact + window
        followed = (seen_until >= date - self.randomised) | np.isfinite(self.months["death_month"])
        lost: Booleans = (self.randomised <= date) & ~followed
        return lost

    def population(
        self,
        date: float,
        window: float = 0.0,
        trials: int = 1,
        uniforms: Mapping[str, Floats] | None = None,
    ) -> Population:
        """The participants as a block of equal trials, as what is known at a date has them.

        Parameters
        ----------
        date
            Calendar month; who was last seen before it has left follow-up.
        window
            Months for which the last contact speaks beyond itself.
        trials
            How often the trial stands in the block.
        uniforms
            By endpoint that imputes: ``(trial, participant)`` with which responses are drawn.
        """
        width = self.width

        def block(values: npt.NDArray[Any], fill: Any) -> npt.NDArray[Any]:
            row = np.full(width, fill, dtype=values.dtype)
            row[: len(self)] = values
            return np.tile(row, (trials, 1))

        dropout = np.where(self.lost(date, window), self.last_contact + window, np.inf)
        dropped = block(dropout, np.inf)
        course = None
        if self.has_course:
            months = {name: block(values, np.inf) for name, values in self.months.items()}
            crossed = self.design.crossover is not None
            course = Course(
                infused=months["infused_month"],
                remission=months["remission_month"],
                relapse=months["relapse_month"],
                rescue=months["rescue_month"],
                death=months["death_month"],
                dropout=dropped,
                remission_on_drugs=months[ON_DRUGS],
                crossed=months[CROSSOVER[0]] if crossed else None,
                remission_after=months[CROSSOVER[1]] if crossed else None,
                relapse_after=months[CROSSOVER[2]] if crossed else None,
            )
        crossover = self.design.crossover
        direct: dict[str, Floats | Booleans] = {
            name: block(values, np.inf) for name, values in self.times.items()
        }
        direct |= {name: block(values, False) for name, values in self.responses.items()}
        return Population(
            arrival=block(self.randomised, np.inf),
            arm=block(self.arm, 0),
            stratum=None if self.stratum is None else block(self.stratum, 0),
            arms=len(self.design.arm_names),
            strata=len(self.design.shares),
            max_n=self.design.enrolment.max_n,
            infused_arms=self.infused_arms if self.has_course else (False,) * len(self.design.arms),
            course=course,
            dropout=dropped,
            adverse_events={name: block(onset, np.inf) for name, onset in self.onsets.items()},
            recurrent={
                name: RecordedEvents(_in_order(events, trials, width))
                for name, events in self.events.items()
            },
            direct=direct,
            imputations=uniforms or {},
            crossover_counts=crossover is not None and crossover.strategy == "treatment_policy",
        )


def _in_order(events: tuple[tuple[float, ...], ...], trials: int, width: int) -> Floats:
    """Months of recurrent events, ``(event, trial, participant)``."""
    most = max((len(months) for months in events), default=0)
    found = np.full((most, trials, width), np.inf)
    for participant, months in enumerate(events):
        found[: len(months), :, participant] = np.array(months)[:, None]
    return found
