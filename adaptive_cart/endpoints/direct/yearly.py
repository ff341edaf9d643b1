"""The yearly rate of events that may come again and again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from adaptive_cart.endpoints.direct.base import (
    A_YEAR,
    Array,
    Cell,
    Contact,
    DirectTruth,
    Drawing,
    Spread,
)
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR, NonNegative
from adaptive_cart.nouns.records import Booleans, Floats, Outcome
from adaptive_cart.nouns.recurrent_events import RecordedEvents, RecurrentEvents
from adaptive_cart.nouns.streams import Latents
from adaptive_cart.nouns.time_trend import MOST_YEARLY, RateTrend, TimeTrend


class Yearly(DirectTruth):
    """A rate of events a year; the column holds the months of all of them."""

    value: ClassVar[Any] = NonNegative
    wanted: ClassVar[str] = "a number of at least 0"
    most: ClassVar[float | None] = MOST_YEARLY
    holds: ClassVar[str] = "months of the events, with ; between them"
    moments: ClassVar[bool] = True
    level: ClassVar[str] = A_YEAR
    by_factors: ClassVar[bool] = True

    def trend_of(self, value: Any) -> type[TimeTrend] | None:
        return RateTrend

    def at_level(self, told: Any, level: float) -> float:
        return level

    def draw(self, drawing: Drawing) -> Outcome:
        if drawing.trend:
            return RecurrentEvents(
                drawing.latents, drawing.drifting() / MONTHS_PER_YEAR, drawing.name
            )
        own = drawing.own(lambda yearly: yearly / MONTHS_PER_YEAR)
        return RecurrentEvents(drawing.latents, own, drawing.name)

    def drawn(
        self, latents: Latents, name: str, own: Floats, events: type[RecurrentEvents]
    ) -> Outcome:
        return events(latents, own / MONTHS_PER_YEAR, name)

    def meaning(self, endpoint: Any, since: str) -> str:
        return f"all events, with ; between them; {since}; blank if there was none"

    def read(self, cell: Cell) -> tuple[float, ...]:
        if not cell.text:
            return ()
        found = [cell.month(part.strip()) for part in cell.text.split(";")]
        return tuple(sorted(month for month in found if not np.isnan(month)))

    def gathered(self, values: list[Any]) -> Array:
        column = np.empty(len(values), dtype=object)
        for place, months in enumerate(values):  # tuples of one length would be taken for rows
            column[place] = months
        return column

    def dated(self, value: Any) -> Iterable[float]:
        return tuple(value)

    def may_be_blank(self, cell: Cell) -> bool:
        return False

    def recorded(self, values: Array, block: Spread, respond: Booleans) -> Outcome:
        most = max((len(months) for months in values), default=0)
        in_order = [
            np.array([months[k] if k < len(months) else np.inf for months in values])
            for k in range(most)
        ]
        never = block(np.full(len(values), np.inf), np.inf)
        return RecordedEvents([block(months, np.inf) for months in in_order], never)

    def written(self, outcome: Any, known: float | None, whom: Contact) -> Any:
        return ";".join(repr(month) for month in outcome.months_until(*whom.at, whom.last))
