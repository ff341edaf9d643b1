"""How an outcome arises from what is true, when it is known, and what summary of it is analysed.

An endpoint is a frozen object that holds its settings and its behaviour. To add one:
``docs/extending/endpoint.md``, and a line in ``KINDS``.
"""

from __future__ import annotations

from adaptive_cart.endpoints.base import EndpointBase, is_time
from adaptive_cart.nouns.kinds import Kinds

KINDS: Kinds[EndpointBase] = Kinds(
    "adaptive_cart.endpoints",
    {
        "landmark": "landmark.Landmark",
        "time_to_event": "time_to_event.TimeToEvent",
        "time_to_relapse": "time_to_relapse.TimeToRelapse",
        "time_in_remission": "time_in_remission.TimeInRemission",
        "adverse_event": "adverse_event.AdverseEvent",
        "event_rate": "event_rate.EventRate",
        "continuous": "continuous.Continuous",
        "ordinal": "ordinal.Ordinal",
    },
)

__all__ = ["KINDS", "EndpointBase", "is_time"]
