"""``[external.NAME]``: what is known of participants whom nobody randomised here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, NamedTuple

from pydantic import Discriminator, Field, Tag

from adaptive_cart.errors import one_of
from adaptive_cart.nouns import external_rows
from adaptive_cart.nouns.entropy_balance import Balanced, NoOverlap
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
Amounts = Annotated[
    Annotated[Positive, Tag("together")] | Annotated[dict[str, Positive], Tag("by_stratum")],
    Discriminator(_by),
]
Means = Annotated[
    Annotated[Finite, Tag("together")] | Annotated[dict[str, Finite], Tag("by_stratum")],
    Discriminator(_by),
]
MONTHS = 12.0  # a year
MISSING = "missing; means of covariates that the trial expects are expected: { age = 42.0 }"
SAMPLE = ("mean", "sd")  # of all participants they are those of one sample, and no sum
SAID = ("responders", "participants", "mean", "sd", "events", "months", "remaining", "month")


class Level(NamedTuple):
    """What participants would have had in the place of external data, where it is no share or mean.

    Attributes
    ----------
    told
        The noun.
    months
        Months of the unit in which events are counted.
    bounds
        Open below, since a hazard of 0 has no multiple; nothing where they are the summary's own.
    """

    told: str = ""
    months: float = MONTHS
    bounds: tuple[float, float] | None = None


class Form(NamedTuple):
    """How external data of an endpoint may be told.

    Attributes
    ----------
    keys
        All of them that are needed.
    level
        What a scenario says in their place.
    """

    keys: tuple[str, ...]
    level: Level


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
    mean: Means | None = Field(
        default=None, description="mean of a score, or of the months, or by stratum"
    )
    sd: Amounts | None = Field(
        default=None, description="standard deviation of participants, or by stratum"
    )
    events: Numbers | None = Field(default=None, description="events, or by stratum")
    months: Amounts | None = Field(
        default=None, description="months of follow-up of all participants together, or by stratum"
    )

    remaining: Numbers | None = Field(
        default=None, description="of a time: participants without the event at `month`"
    )
    month: Positive | None = Field(
        default=None, description="month at which they were counted, of all participants"
    )

    data: str | None = Field(
        default=None,
        description="or a table of the participants, a row each: CSV, beside the design file",
    )
    target: dict[str, Finite] | None = Field(
        default=None,
        description="of such a table: means of covariates that the trial expects to enrol",
    )
    rows: dict[str, list[Finite]] | None = Field(
        default=None, description="that table by column, as it is read from `data`"
    )
    redrawn: bool = Field(
        default=False,
        description="drawn anew in every simulated trial, where arms are compared with them or "
        "priors borrow from them",
    )

    @property
    def of_another(self) -> External:
        """The same beside an endpoint that they are not of: nothing was seen there."""
        return External(source=self.source, endpoint=self.endpoint)

    @property
    def said(self) -> tuple[str, ...]:
        """Keys of what was seen that the table has."""
        return tuple(key for key in SAID if getattr(self, key) is not None)

    def faults(self) -> Iterator[tuple[str, str]]:
        """What its own numbers contradict: (key, message)."""
        if not self.source.strip():
            yield "source", "found no text; say where the data come from"
        if self.data is not None or self.rows is not None or self.target is not None:
            yield from self._faults_of_rows()
            return
        tables = {key: getattr(self, key) for key in self.said}
        split = [key for key, value in tables.items() if isinstance(value, Mapping)]
        whole = [key for key in tables if key not in split and key != "month"]  # one for all
        if split and whole:
            message = f"a table by stratum is expected, as of {one_of(split)}"
            yield from ((key, message) for key in whole)
            return
        strata = {key: tuple(tables[key]) for key in split}
        if len({frozenset(names) for names in strata.values()}) > 1:
            told = "; ".join(f"{key} has {one_of(names)}" for key, names in strata.items())
            yield next(iter(strata)), f"the strata differ: {told}"
            return
        for key, told in (("responders", "responders"), ("remaining", "without the event")):
            yield from self._too_many(key, told)

    def _too_many(self, key: str, told: str) -> Iterator[tuple[str, str]]:
        number = getattr(self, key)
        if number is None or self.participants is None:
            return
        for stratum in self.strata or ("",):
            having, participants = (
                value[stratum] if isinstance(value, Mapping) else value
                for value in (number, self.participants)
            )
            if having > participants:
                where = f" in '{stratum}'" if stratum else ""
                yield (
                    key,
                    f"found {having} {told} of {participants} participants{where}; there "
                    f"cannot be more {told} than participants",
                )

    def _faults_of_rows(self) -> Iterator[tuple[str, str]]:
        for key in self.said:
            yield key, "the table of participants says it; leave it out"
        if self.rows is None:
            if self.data is None:
                yield "target", 'is of a table of participants: write data = "….csv"'
            elif self.target is not None:
                yield "data", "is read with the design file that names it; here write `rows`"
            else:
                yield "target", MISSING
            return
        if not self.target:
            yield "target", MISSING
            return
        found = list(external_rows.faults(self.rows, self.target))
        yield from found
        if not found:
            try:
                external_rows.weighed(self.rows, self.target)
            except NoOverlap as none:
                yield "target", str(none)

    @cached_property
    def balance(self) -> Balanced | None:
        """Weights of the participants of a table, and what they do; nothing without one."""
        if self.rows is None or self.target is None:
            return None
        return external_rows.weighed(self.rows, self.target)

    @cached_property
    def _counted(self) -> Mapping[str, float]:
        if self.rows is None or self.balance is None:
            return {}
        return external_rows.counted(self.rows, self.balance.weights)

    @cached_property
    def in_numbers(self) -> External:
        """Participants of a table as a source that draws so many anew: whole numbers, and no rows.

        Participants are those in effect, rounded down, and responders and events the nearest whole
        number; a mean, a standard deviation and months at risk are as they were weighted.
        """
        told = {"source": self.source, "endpoint": self.endpoint, "redrawn": self.redrawn}
        return External.model_validate(told | external_rows.whole(self._counted))

    @property
    def _in_effect(self) -> Mapping[str, float]:
        """What a table says in its own place: as it was weighted, or as so many who are drawn."""
        if not self.redrawn or not self._counted:
            return self._counted
        return external_rows.whole(self._counted)

    def has(self, key: str) -> bool:
        """Whether a number is known, told or counted in a table."""
        return getattr(self, key) is not None or key in self._counted

    @property
    def strata(self) -> tuple[str, ...] | None:
        """Strata that any number is told by; nothing where none is."""
        tables = [getattr(self, key) for key in self.said]
        named = [name for table in tables if isinstance(table, Mapping) for name in table]
        return tuple(dict.fromkeys(named)) or None

    def total(self, key: str) -> float:
        """A number, over all strata; of a table, of those who are left in effect."""
        if key in self._counted:
            return self._in_effect[key]
        value = getattr(self, key)
        if not isinstance(value, Mapping):
            return float(value)
        if key not in SAMPLE:
            return math.fsum(value.values())
        return float(self.added_up({name: getattr(self, name) for name in SAMPLE})[key])

    def added_up(self, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Numbers of all strata together, of those by stratum: numbers, or arrays of them.

        Means and standard deviations are those of the participants of all strata as one sample.
        """
        found = {key: sum(by.values()) for key, by in tables.items() if key not in SAMPLE}
        if "mean" in tables:
            mean, sd = (tables[key] for key in SAMPLE)
            numbers = {name: self.of("participants", name) for name in mean}
            everybody = sum(numbers.values())
            whole = sum(n * mean[name] for name, n in numbers.items()) / everybody
            squares = sum(
                (n - 1.0) * sd[name] ** 2 + n * (mean[name] - whole) ** 2
                for name, n in numbers.items()
            )
            found |= {"mean": whole, "sd": (squares / (everybody - 1.0)) ** 0.5}
        return found

    def of(self, key: str, stratum: str) -> float:
        """The same in one stratum."""
        return float(getattr(self, key)[stratum])

    def in_stratum(self, stratum: str) -> External:
        """What was seen in one stratum alone."""
        split = (key for key in self.said if isinstance(getattr(self, key), Mapping))
        return self.model_copy(update={key: getattr(self, key)[stratum] for key in split})

    def asked_in(self, stratum: int) -> External:
        """What a question about a stratum is compared with: what was seen there, where it is told.

        Parameters
        ----------
        stratum
            Position among the strata in which numbers are told; all of them where it is below 0.
        """
        if stratum < 0 or self.strata is None:
            return self
        return self.in_stratum(self.strata[stratum])

    @property
    def differs(self) -> bool:
        """Whether what an arm is compared with differs between trials, or between strata."""
        return self.redrawn or self.strata is not None

    @property
    def as_data(self) -> External:
        """The same as data of each trial, and not as part of a prior, where it differs."""
        return self.model_copy(update={"redrawn": True}) if self.differs else self

    def in_order_of(self, names: tuple[str, ...]) -> External:
        """The same with its numbers by stratum in the order of the design's strata."""
        if self.strata is None or set(self.strata) != set(names):
            return self
        split = (key for key in self.said if isinstance(getattr(self, key), Mapping))
        return self.model_copy(
            update={key: {one: getattr(self, key)[one] for one in names} for key in split}
        )

    def observed_as(self, level: Level) -> float:
        """The proportion, rate a year, hazard a month or mean that was seen."""
        if self.redrawn and self._counted:  # of a table as it was weighted, in no whole numbers
            return self.as_observed.observed_as(level)
        for key in ("responders", "remaining"):
            if self.has(key):
                return self.total(key) / self.total("participants")
        if self.has("events"):
            return self.total("events") / (self.total("months") / level.months)
        return self.total("mean") if self.has("mean") else math.nan

    @property
    def mix(self) -> dict[str, float]:
        """Share of each stratum in the numbers of all of them; none where none are told so.

        Of participants, or where events are counted of the months at risk.
        """
        if self.strata is None:
            return {}
        key = "months" if self.has("months") else "participants"
        return {name: self.of(key, name) / self.total(key) for name in self.strata}

    def mixed_as(self, shares: Mapping[str, float], level: Level) -> float:
        """What :meth:`observed_as` would have been, had strata these shares."""
        return math.fsum(
            share * self.in_stratum(name).observed_as(level) for name, share in shares.items()
        )

    def as_drawn(self, drawn: Mapping[str, float]) -> External:
        """The same with the numbers that were drawn in one trial, by stratum where they are so.

        Else all strata together.
        """
        if self._counted:
            return self.in_numbers.as_drawn(drawn)
        split = {
            key: {stratum: drawn[f"{key}.{stratum}"] for stratum in self.strata}
            for key in self.said
            if self.strata and f"{key}.{self.strata[0]}" in drawn
        }
        together = {key: self.total(key) for key in self.said} | dict(drawn)
        return self.model_copy(update=split or together)

    def once_drawn(self, drawn: Mapping[str, float]) -> External:
        """The same of one trial, in which nothing is drawn any more."""
        return self.as_drawn(drawn).as_observed

    @property
    def as_observed(self) -> External:
        """The same, staying as they are in every trial."""
        return self.model_copy(update={"redrawn": False}) if self.redrawn else self

    @property
    def in_words(self) -> str:
        """What was seen, as a report says it: ``14 of 310 participants``."""
        if self.redrawn and self._counted:
            anew = self.total("months" if self.has("events") else "participants")
            what = "months" if self.has("events") else "participants"
            return f"{self.as_observed.in_words} (as {anew:g} {what} where they are drawn)"
        if self.has("responders"):
            seen = f"{self.total('responders'):g} of {self.total('participants'):g} participants"
        elif self.has("remaining"):
            of = f"{self.total('remaining'):g} of {self.total('participants'):g} participants"
            seen = f"{of} without the event at month {self.month:g}"
        elif self.has("events"):
            seen = f"{self.total('events'):g} events in {self.total('months'):g} months"
        else:
            number = f"{self.total('participants'):g} participants"
            seen = f"mean {self.total('mean'):g}, SD {self.total('sd'):g} in {number}"
        if self.balance is not None:
            rows = len(self.balance.weights)
            return f"{seen} in effect, {rows:,} of {self.data or 'a table'} weighted to the target"
        if self.strata is None:
            return seen
        parted = "; " if self.mean is not None else ", "
        return f"{seen} ({parted.join(map(self._of_stratum, self.strata))})"

    def _of_stratum(self, stratum: str) -> str:
        if self.mean is not None:
            number = f"of {self.of('participants', stratum):g}"
            own = f"{self.of('mean', stratum):g}, SD {self.of('sd', stratum):g} {number}"
            return f"{stratum} {own}"
        first, second = ("events", "months") if self.events is not None else (
            "remaining" if self.responders is None else "responders", "participants"
        )  # fmt: skip
        return f"{stratum} {self.of(first, stratum):g}/{self.of(second, stratum):g}"
