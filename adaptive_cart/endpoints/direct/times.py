"""The distribution of the time to an event."""

from __future__ import annotations

import math
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
from adaptive_cart.nouns.distributions import TimeDistribution
from adaptive_cart.nouns.drifting_times import sooner
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR
from adaptive_cart.nouns.records import Booleans, Floats, Outcome
from adaptive_cart.nouns.time_trend import HazardTrend, TimeTrend, factors


class Dated(DirectTruth):
    """A kind whose column holds a month, blank where there is none."""

    moments: ClassVar[bool] = True

    def read(self, cell: Cell) -> float:
        return cell.month(cell.text) if cell.text else np.inf

    def dated(self, value: Any) -> Iterable[float]:
        return (value,)

    def may_be_blank(self, cell: Cell) -> bool:
        return False

    def recorded(self, values: Array, block: Spread, respond: Booleans) -> Outcome:
        return block(values, np.inf)

    def written(self, outcome: Any, known: float | None, whom: Contact) -> Any:
        return whom.seen(float(outcome[whom.at]))

    def mark(self, value: Any, known: float | None) -> float:
        return float(value)


class Times(Dated):
    """A time distribution; the column holds the month of the event."""

    value: ClassVar[Any] = TimeDistribution
    wanted: ClassVar[str] = "a distribution"
    table: ClassVar[bool] = True
    is_time: ClassVar[bool] = True
    holds: ClassVar[str] = "month of the event"
    level: ClassVar[str] = A_YEAR
    by_factors: ClassVar[bool] = True

    def words(self, value: Any) -> str:
        return str(value.words())

    def at_level(self, told: Any, level: float) -> dict[str, Any]:
        """A constant hazard, of so many events a year at risk."""
        return {"dist": "exponential", "median": MONTHS_PER_YEAR * math.log(2.0) / level}

    def in_array(self, value: Any) -> bool:
        return True

    def trend_of(self, value: Any) -> type[TimeTrend] | None:
        return HazardTrend if value.varies else None

    def draw(self, drawing: Drawing) -> Floats:
        u = drawing.uniforms().ravel()
        if drawing.trend:
            u = sooner(u, factors(drawing.shift()).ravel())
        months = np.full(drawing.arm.shape, np.inf)
        for arm, stratum, where in drawing.groups:
            months.ravel()[where] = drawing.values[arm][stratum].quantile(u.take(where))
        return months

    def meaning(self, endpoint: Any, since: str) -> str:
        return f"the event; {since}; blank if there was none by the last contact"
