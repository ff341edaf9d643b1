"""What happens to participants after randomisation, and how an endpoint deals with each of it.

The strategies are those of ICH E9(R1), *Addendum on Estimands and Sensitivity Analysis in Clinical
Trials* (2019), section A.3.2; "while alive" is its "while on treatment" for what ends with death.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from adaptive_cart.nouns.parts import Part

Event = Literal["not_infused", "redosing", "rescue", "crossover", "dropout", "death"]
Strategy = Literal[
    "treatment_policy", "composite", "hypothetical", "while_alive", "principal_stratum"
]

EVENTS: Final[dict[Event, str]] = {
    "not_infused": "not infused",
    "redosing": "another infusion",
    "rescue": "rescue immunosuppression",
    "crossover": "crossover",
    "dropout": "dropout",
    "death": "death",
}
STRATEGIES: Final[dict[Strategy, str]] = {
    "treatment_policy": "treatment policy",
    "composite": "composite",
    "hypothetical": "hypothetical",
    "while_alive": "while alive",
    "principal_stratum": "principal stratum",
}


@dataclass(frozen=True)
class Circumstances:
    """What of a design decides which intercurrent events an endpoint meets.

    Attributes
    ----------
    directly
        Whether every scenario says its truth directly, so that nothing befalls a participant but
        dropout.
    infused
        Whether the product of any arm is infused.
    crossover
        The strategy of the design for crossover; nothing where nobody may cross over.
    redosed
        Whether anybody may be infused again, so that an endpoint's strategy may make it an event.
    """

    directly: bool
    infused: bool
    crossover: Strategy | None
    redosed: bool = False


@dataclass(frozen=True)
class Handled:
    """An intercurrent event, the strategy that an endpoint has for it, and what that means."""

    event: Event
    strategy: Strategy
    means: str

    def words(self) -> str:
        """Say it in a clause: ``rescue immunosuppression: composite (it is non-response)``."""
        return f"{EVENTS[self.event]}: {STRATEGIES[self.strategy]} ({self.means})"


class Strategies(Part):
    """How an endpoint deals with intercurrent events, where it can do so in more than one way."""

    not_infused: Strategy | None = None
    redosing: Strategy | None = None
    rescue: Strategy | None = None
    crossover: Strategy | None = None
    dropout: Strategy | None = None
    death: Strategy | None = None

    def said(self) -> dict[Event, Strategy]:
        """What is given, by event."""
        return {e: s for e in EVENTS if (s := getattr(self, e)) is not None}


def refused(said: Mapping[Event, Strategy], possible: Mapping[Event, tuple[Strategy, ...]]) -> str:
    """Say of the first strategy that an endpoint cannot simulate what it can; blank if none.

    A design is read on without it, so that each of several is told at its own key.
    """
    for event, strategy in said.items():
        can = possible.get(event, ())
        if strategy in can:
            continue
        found = f"'{event}' is \"{strategy}\""
        if event == "dropout":
            return f"{found}, and `missing` says it; where there is no such key it is fixed"
        if not can:
            return f"{found}, and there is no choice here; leave it out (`check` says what holds)"
        allowed = " or ".join(f'"{each}"' for each in can)
        return f"{found}, which is not simulated; {allowed} is"
    return ""
