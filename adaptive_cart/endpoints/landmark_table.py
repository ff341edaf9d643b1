"""What a design file says of a state at a month, and what that is in words.

What becomes of participants is in :mod:`adaptive_cart.endpoints.landmark`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.endpoints.composite import Component, ScoreBound, State
from adaptive_cart.endpoints.direct import DirectTruth, ResponseOrChain
from adaptive_cart.endpoints.intercurrent import Circumstances, Event, Handled, Strategy
from adaptive_cart.nouns.parts import Months, PositiveMonths
from adaptive_cart.nouns.summaries import Counts, SummaryKind

PRINCIPAL: Final = "principal_stratum"
RESCUE_ENDS_IT: Final = "no drug-free remission begins after rescue"


class LandmarkTable(EndpointBase):
    """The keys of a state at a month, and their words."""

    type: Literal["landmark"]
    month: PositiveMonths
    sustained_from: Months | None = Field(
        default=None, description="in the state at every moment from this month to `month`"
    )
    state: State = "drug_free_remission"
    all: list[Component] | None = Field(
        default=None,
        min_length=1,
        description="states and scores that must hold together, instead of `state`",
    )
    missing: Literal["non_response", "exclude", "impute"] = "non_response"

    gives: ClassVar[SummaryKind] = Counts
    direct: ClassVar[DirectTruth | None] = ResponseOrChain()
    from_remission: ClassVar[bool] = True
    after_relapse: ClassVar[bool] = True
    estimand_kind: ClassVar[str | None] = "level"
    noun: ClassVar[str] = "responder"
    tells_early: ClassVar[bool] = True
    told_at_visit: ClassVar[bool] = True
    strategies: ClassVar[Mapping[Event, tuple[Strategy, ...]]] = {
        "not_infused": ("treatment_policy", "principal_stratum"),
        "redosing": ("treatment_policy", "composite"),
        "rescue": ("composite", "treatment_policy", "hypothetical"),
        "crossover": ("composite", "treatment_policy", "hypothetical"),
        "death": ("composite",),
    }

    @model_validator(mode="after")
    def _hypothetical(self) -> LandmarkTable:
        events = sorted(self.absent() - {"dropout"})
        if events and self.dropout_counts():
            raise ValueError(
                f"'strategy' has {' and '.join(events)} as hypothetical, after which nothing "
                'counts, as after dropout; missing = "exclude" or "impute" is needed, and '
                f"'missing' is \"{self.missing}\""
            )
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, told: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As tables that can be read again: where 'all' says the states, 'state' says none."""
        found: dict[str, Any] = told(self)
        if self.all is not None:
            found.pop("state", None)
        return found

    @model_validator(mode="after")
    def _said_once(self) -> LandmarkTable:
        if self.all is not None and "state" in self.model_fields_set:
            raise ValueError("'all' says the states; leave out 'state'")
        names = [one if isinstance(one, str) else one.words() for one in self.all or ()]
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            raise ValueError(f"'all' has {twice[0]} twice; once is enough")
        return self

    @model_validator(mode="after")
    def _span(self) -> LandmarkTable:
        if self.sustained_from is not None and self.sustained_from > self.month:
            raise ValueError(
                f"'sustained_from' is {self.sustained_from:g}; it cannot lie after 'month', "
                f"which is {self.month:g}"
            )
        return self

    def plain(self) -> dict[str, Any]:
        """What holds; `state` is not asked where `all` is."""
        given = super().plain()
        return {key: value for key, value in given.items() if key != "state" or self.all is None}

    @property
    def states(self) -> tuple[str, ...]:
        """States that must hold."""
        said = (self.state,) if self.all is None else self.all
        return tuple(one for one in said if isinstance(one, str))

    @property
    def bounds(self) -> tuple[ScoreBound, ...]:
        """Scores that must hold."""
        return tuple(one for one in self.all or () if isinstance(one, ScoreBound))

    @property
    def _start(self) -> float:
        """Month from which on the state must hold."""
        return self.month if self.sustained_from is None else self.sustained_from

    def reads(self) -> dict[str, float]:
        return {bound.score: self.month for bound in self.bounds}

    def known_after(self) -> float:
        return self.month

    def dropout_counts(self) -> bool:
        return self.missing == "non_response"

    def absent(self) -> frozenset[Event]:
        said = self.strategy.said() if self.strategy else {}
        return super().absent() | {event for event, how in said.items() if how == "hypothetical"}

    def counts_some(self) -> bool:
        return self.missing == "exclude" or self._infused_only()

    def principal_stratum(self) -> bool:
        return self._infused_only()

    def _infused_only(self) -> bool:
        return self.strategy_for("not_infused") == PRINCIPAL

    def imputes(self) -> bool:
        return self.missing == "impute"

    def counts_on_drugs(self) -> bool:
        return "remission" in self.states

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def describes(self) -> str:
        return f"{self._held_words()} at month {self.month:g}"

    def called(self, name: str, directly: bool) -> str:
        return "" if directly else self.describes()

    def variable(self, directly: bool) -> str:
        if directly:
            return "whether there is a response at month {month} after randomisation"
        begins = self.sustained_from is not None
        since = ", without a gap since month {sustained_from}" if begins else ""
        held = self._held_words().replace("{", "{{").replace("}", "}}")
        return f"{held} at month {{month}} after randomisation{since}, alive"

    def _held_words(self) -> str:
        """Say what must hold: ``drug-free remission and sledai at most 4``."""
        said = [state.replace("drug_free", "drug-free").replace("_", " ") for state in self.states]
        return " and ".join([*said, *(bound.words() for bound in self.bounds)])

    def population(self, circumstances: Circumstances) -> str:
        if circumstances.infused and not circumstances.directly and self._infused_only():
            return (
                "in an arm whose product is infused those infused by the month of the outcome, in "
                "any other everybody randomised"
            )
        return super().population(circumstances)

    def handled(self, circumstances: Circumstances) -> Iterator[Handled]:
        if circumstances.directly:
            yield self._handled_dropout()
            return
        if circumstances.infused:
            if self._infused_only():
                means = (
                    "the infused, compared with everybody in an arm without infusion, which "
                    "supposes that those who cannot be infused would have done alike"
                )
                yield Handled("not_infused", "principal_stratum", means)
            else:
                yield Handled("not_infused", "treatment_policy", "part of the strategy of the arm")
        if circumstances.redosed:
            yield self._redosed()
        told = self._told("rescue", self.strategy_for("rescue"))
        if told.strategy == "treatment_policy" and self._rescue_ends_it(circumstances):
            told = replace(told, means=f"the state at the month counts; {RESCUE_ENDS_IT}")
        yield told
        if circumstances.crossover is not None:
            said = self.strategy.crossover if self.strategy else None
            yield self._told("crossover", said or circumstances.crossover)
        yield self._handled_dropout()
        yield Handled("death", "composite", "non-response")

    def _redosed(self) -> Handled:
        strategy = self.strategy_for("redosing")
        means = "non-response" if strategy == "composite" else "part of the strategy of the arm"
        return Handled("redosing", strategy, means)

    def _told(self, event: Event, strategy: Strategy) -> Handled:
        counts = "had nobody been rescued" if event == "rescue" else "had nobody crossed over"
        means = {
            "composite": "non-response",
            "treatment_policy": "the state at the month counts, whatever came before",
            "hypothetical": f"from then on missing as after dropout; the response {counts}",
        }[strategy]
        return Handled(event, strategy, means)

    def _handled_dropout(self) -> Handled:
        if self.missing == "non_response":
            return Handled("dropout", "composite", "before the outcome it is non-response")
        means = {
            "exclude": "left out of the analysis",
            "impute": "a response is drawn from participants in the same state",
        }[self.missing]
        means += "; the response had nobody dropped out"
        return Handled("dropout", "hypothetical", means)

    def _rescue_ends_it(self, circumstances: Circumstances) -> bool:
        """Whether nobody is in the state after rescue, so that it is non-response anyhow."""
        crossover = circumstances.crossover
        if self.strategy and self.strategy.crossover:
            crossover = self.strategy.crossover
        again = circumstances.crossover is not None and crossover == "treatment_policy"
        return "drug_free_remission" in self.states and not again

    def idle_strategies(
        self, circumstances: Circumstances, dropout: bool
    ) -> Iterator[tuple[Event, str]]:
        lost = dropout and self.missing != "non_response"  # it settles who drops out afterwards
        counts = self.strategy_for("rescue") == "treatment_policy"
        if counts and not lost and self._rescue_ends_it(circumstances):
            why = f"{RESCUE_ENDS_IT}: who is rescued is no responder whatever the strategy"
            yield "rescue", why

    def without_effect(self, directly: bool, dropout: bool) -> Iterator[tuple[str, str]]:
        for key in ("sustained_from", "state", "all") if directly else ():
            if key in self.model_fields_set:
                yield (
                    key,
                    "for the reader; the truth is said directly, as the probability of a response",
                )
        if "missing" in self.model_fields_set and not dropout:
            yield "missing", "nobody drops out in any scenario"
