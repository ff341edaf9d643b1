"""How an outcome arises from what is true, when it is known, and what summary of it is analysed.

An endpoint is a frozen object that holds its settings and its behaviour. To add one: write a module
that imitates ``landmark.py`` and name it in ``KINDS``.
"""

from __future__ import annotations

from adaptive_cart.endpoints.adverse_event import AdverseEvent
from adaptive_cart.endpoints.base import EndpointBase, is_time
from adaptive_cart.endpoints.continuous import Continuous
from adaptive_cart.endpoints.event_rate import EventRate
from adaptive_cart.endpoints.landmark import Landmark
from adaptive_cart.endpoints.ordinal import Ordinal
from adaptive_cart.endpoints.time_in_remission import TimeInRemission
from adaptive_cart.endpoints.time_to_event import TimeToEvent
from adaptive_cart.endpoints.time_to_relapse import TimeToRelapse

KINDS: dict[str, type[EndpointBase]] = {
    "landmark": Landmark,
    "time_to_event": TimeToEvent,
    "time_to_relapse": TimeToRelapse,
    "time_in_remission": TimeInRemission,
    "adverse_event": AdverseEvent,
    "event_rate": EventRate,
    "continuous": Continuous,
    "ordinal": Ordinal,
}

__all__ = [
    "KINDS",
    "AdverseEvent",
    "Continuous",
    "EndpointBase",
    "EventRate",
    "Landmark",
    "Ordinal",
    "TimeInRemission",
    "TimeToEvent",
    "TimeToRelapse",
    "is_time",
]
