"""``[external.NAME]``: what is known of participants whom nobody randomised here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from adaptive_cart.errors import one_of
from adaptive_cart.nouns.parts import Count, Finite, Part, Positive

Number = Annotated[int, Field(ge=0)]


def _by(value: Any) -> str:
    return "by_stratum" if isinstance(value, Mapping) else "together"


Numbers = Annotated[
    Annotated[Number, Tag("together")] | Annotated[dict[str, Number], Tag("by_stratum")],
    Discriminator(_by),
]
Participants = Annotated[
    Annotated[Count, Tag("together")] | Annotated[dict[str, Count], Tag("by_stratum")],
    Discriminator(_by),
]
Months = Annotated[
    Annotated[Positive, Tag("together")] | Annotated[dict[str, Positive], Tag("by_stratum")],
    Discriminator(_by),
]
MONTHS = 12.0  # a year
# by summary that an endpoint gives: the keys that say what was seen
SEEN: dict[str, tuple[str, ...]] = {
    "counts": ("responders", "participants"),
    "scores": ("mean", "sd", "participants"),
    "means": ("mean", "sd", "participants"),
    "exposure": ("events", "months"),
    "durations": ("events", "months"),
}


class External(Part):
    """External data: a registry, the controls of another trial, a published series."""

    source: str = Field(description="where the data come from, as the report prints it")
    endpoint: str = Field(description="the endpoint that they are data of")
    responders: Numbers | None = Field(
        default=None, description="participants with the event, or by stratum"
    )
    participants: Participants | None = Field(
        default=None, description="participants analysed, or by stratum"
    )
    mean: Finite | None = Field(default=None, description="mean of a score, or of the months")
    sd: Positive | None = Field(default=None, description="standard deviation of participants")
    events: Numbers | None = Field(default=None, description="events, or by stratum")
    months: Months | None = Field(
        default=None, description="months of follow-up of all participants together, or by stratum"
    )

    redrawn: bool = Field(
        default=False,
        description="drawn anew in every simulated trial, where arms are compared with them",
    )

    @property
    def said(self) -> tuple[str, ...]:
        """Keys of what was seen that the table has."""
        every = dict.fromkeys(key for keys in SEEN.values() for key in keys)
        return tuple(key for key in every if getattr(self, key) is not None)

    def faults(self) -> Iterator[tuple[str, str]]:
        """What its own numbers contradict: (key, message)."""
        if not self.source.strip():
            yield "source", "found no text; say where the data come from"
        tables = {key: getattr(self, key) for key in self.said}
        split = [key for key, value in tables.items() if isinstance(value, Mapping)]
        whole = [key for key in tables if key not in split]
        if split and whole:
            message = f"a table by stratum is expected, as of {one_of(split)}"
            yield from ((key, message) for key in whole)
            return
        strata = {key: tuple(tables[key]) for key in split}
        if len({frozenset(names) for names in strata.values()}) > 1:
            told = "; ".join(f"{key} has {one_of(names)}" for key, names in strata.items())
            yield next(iter(strata)), f"the strata differ: {told}"
            return
        if self.responders is None or self.participants is None:
            return
        for stratum in self.strata or ("",):
            responders, participants = (
                value[stratum] if isinstance(value, Mapping) else value
                for value in (self.responders, self.participants)
            )
            if responders > participants:
                where = f" in '{stratum}'" if stratum else ""
                yield (
                    "responders",
                    f"found {responders} responders of {participants} participants{where}; there "
                    "cannot be more responders than participants",
                )

    @property
    def strata(self) -> tuple[str, ...] | None:
        """Strata that any number is told by; nothing where none is."""
        tables = [getattr(self, key) for key in self.said]
        named = [name for table in tables if isinstance(table, Mapping) for name in table]
        return tuple(dict.fromkeys(named)) or None

    def total(self, key: str) -> float:
        """A number of participants or events, or the months, over all strata."""
        value = getattr(self, key)
        return math.fsum(value.values()) if isinstance(value, Mapping) else float(value)

    def of(self, key: str, stratum: str) -> float:
        """The same in one stratum."""
        return float(getattr(self, key)[stratum])

    @property
    def observed(self) -> float:
        """The proportion, rate a year or mean that was seen."""
        if self.responders is not None:
            return self.total("responders") / self.total("participants")
        if self.events is not None:
            return self.total("events") / (self.total("months") / MONTHS)
        return math.nan if self.mean is None else float(self.mean)

    @property
    def in_words(self) -> str:
        """What was seen, as a report says it: ``14 of 310 participants``."""
        if self.responders is not None:
            seen = f"{self.total('responders'):g} of {self.total('participants'):g} participants"
        elif self.events is not None:
            seen = f"{self.total('events'):g} events in {self.total('months'):g} months"
        else:
            number = f"{self.total('participants'):g} participants"
            seen = f"mean {self.mean:g}, SD {self.sd:g} in {number}"
        if self.strata is None:
            return seen
        return f"{seen} ({', '.join(map(self._of_stratum, self.strata))})"

    def _of_stratum(self, stratum: str) -> str:
        first, second = (
            ("responders", "participants") if self.responders is not None else ("events", "months")
        )
        return f"{stratum} {self.of(first, stratum):g}/{self.of(second, stratum):g}"
