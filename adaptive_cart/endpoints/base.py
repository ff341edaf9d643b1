"""The contract of an endpoint: what every kind says of itself, and what it can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, PrivateAttr, field_validator

from adaptive_cart.endpoints.direct import DirectTruth
from adaptive_cart.endpoints.intercurrent import (
    Circumstances,
    Event,
    Handled,
    Strategies,
    Strategy,
    refused,
)
from adaptive_cart.nouns.ahead import Ahead, Coming, Numbers
from adaptive_cart.nouns.attendance import Attendance
from adaptive_cart.nouns.early_states import EarlyStates
from adaptive_cart.nouns.lost import Lost, Unseen
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.parts import Part
from adaptive_cart.nouns.questions import Category, Cut
from adaptive_cart.nouns.records import Floats, Outcome, Population, Snapshot
from adaptive_cart.nouns.summaries import Scores, Summary, SummaryKind

NODES, STRETCHES = 4, 12  # of the area under what lasts


class EndpointBase(Part):
    """What every endpoint table may say, and what every endpoint can do.

    Class attributes
    ----------------
    gives
        The summary that :meth:`summary` gives; a model reads one kind.
    direct
        What a scenario may say of it directly, by arm; nothing where only a course feeds it.
    from_remission
        Whether its kind is worked out from remission and what follows it, where the truth is a
        course; :attr:`from_course` says it of one endpoint.
    counts_months
        Whether its mean is months in remission.
    after_relapse
        Whether what comes after the first relapse counts: another remission, say.
    named_in
        The part of a course that has a value under its name, where one has: ``events``, ``rates``.
    estimand_kind
        Kind of question whose quantity is the estimand, if this endpoint is the primary.
    harm
        Whether it is unwanted.
    unit
        Of a participant's value, where it is a number with one: ``months``.
    noun
        What one that is counted is called.
    counted_when
        When a participant is analysed, after a number of them: "are analysed".
    looks_by_events
        Whether looks can wait for so many of its events.
    tells_early
        Whether months before the one analysed have states that may predict it.
    opens_at_infusion
        Whether it is counted from the infusion on, in an arm whose product is infused.
    drawn_always
        Whether everybody has it, so that a course that says it of one arm says it of all.
    told_at_visit
        Whether it is a state at a month, told at the visit that stands for the month where states
        are seen at visits.
    strategies
        By intercurrent event for which there is a choice: the strategies that can be simulated,
        the usual one first.
    """

    type: str
    label: str | None = Field(default=None, description="name for tables and figures")
    primary: bool | None = Field(default=None, description="the endpoint that looks count")
    strategy: Strategies | None = Field(
        default=None, description="how it deals with intercurrent events, in the words of E9(R1)"
    )

    gives: ClassVar[SummaryKind]
    direct: ClassVar[DirectTruth | None] = None
    from_remission: ClassVar[bool] = False
    counts_months: ClassVar[bool] = False
    after_relapse: ClassVar[bool] = False
    named_in: ClassVar[Literal["events", "rates", "scores"] | None] = None
    estimand_kind: ClassVar[str | None] = None
    censored_by: ClassVar[str | None] = None
    harm: ClassVar[bool] = False
    unit: ClassVar[str] = ""
    noun: ClassVar[str] = "event"
    counted_when: ClassVar[str] = "are analysed"
    looks_by_events: ClassVar[bool] = False
    opens_at_infusion: ClassVar[bool] = False
    drawn_always: ClassVar[bool] = False
    tells_early: ClassVar[bool] = False
    told_at_visit: ClassVar[bool] = False
    strategies: ClassVar[Mapping[Event, tuple[Strategy, ...]]] = {}

    _early_months: tuple[float, ...] = PrivateAttr(default=())

    @field_validator("strategy")
    @classmethod
    def _possible(cls, strategy: Strategies | None) -> Strategies | None:
        wrong = refused(strategy.said(), cls.strategies) if strategy else ""
        if wrong:
            raise ValueError(wrong)
        return strategy

    def strategy_for(self, event: Event) -> Strategy:
        """The strategy for an intercurrent event for which there is a choice."""
        said = self.strategy.said() if self.strategy else {}
        return said.get(event, self.strategies[event][0])

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def describes(self) -> str:
        """Say in a few words what is measured: ``drug-free remission at month 12``."""
        raise NotImplementedError  # abstract: every kind supplies it

    def called(self, name: str, directly: bool) -> str:
        """What is measured where no label says it; blank where its name has to do.

        Parameters
        ----------
        directly
            Whether every scenario says its truth directly.
        """
        return ""

    def variable(self, directly: bool) -> str:
        """The variable of the estimand, with settings of the table in braces; blank likewise."""
        return ""

    def true_unit(self) -> str:
        """The unit of its true value, in words."""
        return self.unit

    def population(self, circumstances: Circumstances) -> str:
        """Say who is analysed, the population of the estimand."""
        return "everybody randomised"

    def handled(self, circumstances: Circumstances) -> Iterator[Handled]:
        """Say how each intercurrent event that may happen is dealt with, dropout among them."""
        raise NotImplementedError  # abstract: every kind supplies it

    def without_effect(self, directly: bool, dropout: bool) -> Iterator[tuple[str, str]]:
        """Settings that are given and change nothing, and why.

        Parameters
        ----------
        directly, dropout
            Whether every scenario says its truth directly; whether anybody drops out in any.
        """
        yield from ()

    def idle_strategies(
        self, circumstances: Circumstances, dropout: bool
    ) -> Iterator[tuple[Event, str]]:
        """Strategies that are given and change nothing, and why.

        Parameters
        ----------
        dropout
            Whether anybody drops out in any scenario.
        """
        yield from ()

    # ── what feeds it ─────────────────────────────────────────────────────────────────────
    @property
    def from_course(self) -> bool:
        """Whether it is worked out from remission and what else happens in a course, if any."""
        return self.from_remission

    def needs(self) -> tuple[str, ...]:
        """Hazards of a course that it counts (``rescue``, ``death``): none may be left out."""
        return ()

    def from_infusion(self) -> bool:
        """Whether it begins at infusion, so that when that is matters by itself."""
        return self.opens_at_infusion

    def needs_control(self) -> tuple[str, str] | None:
        """The setting that draws from the control, and what to write without; nothing for none."""
        return None

    def direct_refused(self) -> str:
        """Why nothing may be said directly of it, and what to write; blank where it may."""
        return ""

    def refuses_course(self) -> Iterator[tuple[str, str]]:
        """Settings that are not there where the truth is a course: key, and what to write."""
        yield from ()

    def reads(self) -> Mapping[str, float]:
        """Other endpoints whose score it reads, and the month at which it has to be taken."""
        return {}

    def taken_at(self) -> tuple[float, ...]:
        """Months at which a score is taken; none where it is no score."""
        return ()

    @property
    def early_months(self) -> tuple[float, ...]:
        """Months before the one analysed whose states tell, as ``[prediction]`` names them."""
        return self._early_months

    def told_early(self, months: Sequence[float]) -> Self:
        """Return the same, knowing the months before the one analysed whose states tell."""
        found = self.model_copy()
        found._early_months = tuple(months)
        return found

    # ── when it is known ──────────────────────────────────────────────────────────────────
    @property
    def binary(self) -> bool:
        """Whether a participant has it or has it not."""
        return self.gives.binary

    @property
    def lower_is_better(self) -> bool:
        """Whether less of it is better for a participant."""
        return self.harm

    @property
    def level_limits(self) -> tuple[float, float]:
        """The least and the largest level that an arm can have; infinite for none."""
        return self.gives.bounds

    def known_after(self) -> float | None:
        """Months from randomisation until the outcome is known, where that is fixed."""
        return None

    @property
    def seen_by_date(self) -> bool:
        """Whether how much is seen of it hangs on the date of a look, and on nothing else."""
        return not self.binary and self.known_after() is None

    def dropout_counts(self) -> bool:
        """Whether dropout is part of the outcome; if not, the estimand is without any."""
        return True

    def absent(self) -> frozenset[Event]:
        """What is taken not to happen in the estimand (hypothetical)."""
        return frozenset() if self.dropout_counts() else frozenset({"dropout"})

    def followed_for(self) -> float | None:
        """Months for which a participant is followed for this endpoint, where that is fixed."""
        return self.known_after()

    def planned_visits(self) -> tuple[float, ...]:
        """Months of the visits that the endpoint plans; none where it is no matter of visits."""
        return ()

    def censors_after(self) -> float | None:
        """Months, from where its time begins, after which nothing is counted any more."""
        return None if self.censored_by is None else getattr(self, self.censored_by)

    def between_visits(self) -> bool:
        """Whether it is the time of a change of state, which happens between two visits."""
        return False

    def as_seen(self, outcome: Outcome, attendance: Attendance) -> Outcome:
        """What its truth has drawn, as it is seen where states are seen at visits alone."""
        return outcome

    def counts_each_infusion(self) -> bool:
        """Whether infusions after the first count for it by themselves."""
        return False

    def imputes(self) -> bool:
        """Whether outcomes that are missing are drawn."""
        return False

    def category_names(self) -> tuple[str, ...]:
        """Names of the categories of its outcome, the worst first; none where it is no category."""
        return ()

    def category(self, name: str) -> Category | None:
        """Return the category of a name; nothing where there is none."""
        names = self.category_names()
        return Category(names.index(name), name) if name in names else None

    def cut(self, value: float | None) -> Cut | None:
        """Return the cut at a value; nothing where none is asked of, or a participant has none."""
        return None

    def counts_on_drugs(self) -> bool:
        """Whether remission on background drugs counts."""
        return False

    def ends(self, prepared: Any, population: Population) -> Floats | None:
        """Calendar month after which nothing more is seen of each, ``(trial, participant)``.

        Asked for where follow-up has no fixed length; infinite for who is followed for ever, and
        nothing where everybody is.
        """
        return None

    def prepare(self, name: str, population: Population) -> Any:
        """Work out once what does not change from look to look."""
        raise NotImplementedError  # abstract: every kind supplies it

    def summary(self, prepared: Any, snapshot: Snapshot) -> Summary:
        """Summarise what is visible at a look by ``(trial, arm, stratum)``."""
        raise NotImplementedError  # abstract: every kind supplies it

    def revealed(self, prepared: Any, snapshot: Snapshot) -> ParticipantSet:
        """Those whose own outcome can have been looked at by then; never fewer.

        Of an outcome that one has or has not.
        """
        return replace(snapshot, left_out=None).enrolled

    def to_come(self, prepared: Any, snapshot: Snapshot, summary: Any, ahead: Ahead) -> Coming:
        """What is still to be seen by the last look, for the model to complete.

        By default a number of participants: those planned, less those whose outcome is due.
        """
        return Numbers(ahead.still(summary.due_by_now()))

    def kept_category(self) -> int | None:
        """The category as which who is missing is analysed, from 0; nothing where there is none."""
        return None

    def lost(self, prepared: Any, snapshot: Snapshot, summary: Any) -> Lost | None:
        """Follow-up by the look of those who left before; nothing where none is asked after."""
        return None

    def unseen(self, prepared: Any, snapshot: Snapshot) -> Unseen | None:
        """What was not seen of those who left and counts as nothing; nothing where none does."""
        return None

    def given(self, prepared: Any, snapshot: Snapshot) -> Scores | None:
        """Those analysed whose score is given to them as they left; nothing where none are."""
        return None

    def principal_stratum(self) -> bool:
        """Whether only the infused are analysed."""
        return False

    def early(
        self,
        name: str,
        prepared: Any,
        snapshot: Snapshot,
        months: Sequence[float],
        at_once: bool = True,
    ) -> EarlyStates:
        """What is seen at months before the one analysed, of those who have reached them.

        Parameters
        ----------
        at_once
            Whether a failure for good counts when it happens, and not when a month is reached.
        """
        raise NotImplementedError  # supplied where early months tell

    # ── what is true ──────────────────────────────────────────────────────────────────────
    def closed_form(self, values: Any, dropout: Floats, course: bool) -> Floats | None:
        """True mean outcome as the truth says it, ``(arm, stratum)``; nothing if it must be drawn.

        Parameters
        ----------
        values
            By arm, then stratum: what is true there.
        dropout
            ``(arm, stratum)`` hazard a month.
        course
            Whether there is a course, in which participants may die.
        """
        return None

    def true_values(self, name: str, population: Population) -> Floats | None:
        """Mean outcome under unlimited follow-up of each trial's participants, ``(trial,)``.

        This is the quantity whose difference between arms is the estimand; nothing where the
        endpoint has none.
        """
        return None

    def counts_some(self) -> bool:
        """Whether the mean outcome is taken over some participants and not over everybody."""
        return False

    def counted(self, name: str, population: Population) -> Floats:
        """Fraction of each trial's participants over whom the mean is taken, ``(trial,)``."""
        return np.ones(population.trials)

    def counts_time(self) -> bool:
        """Whether an average over strata weighs each by the time its participants are followed."""
        return False

    def lasting(self, population: Population, month: float) -> Floats:
        """Fraction that lasts beyond a month (infinite: for ever), ``(trial,)``."""
        raise NotImplementedError  # supplied where questions are about what lasts

    def lasting_mean(self, population: Population, month: float) -> Floats:
        """Mean months until it is lost, of the first so many, ``(trial,)``.

        The area under what lasts, by Gauss's rule in equal stretches.
        """
        node, weight = np.polynomial.legendre.leggauss(NODES)
        ends = np.linspace(0.0, month, STRETCHES + 1)
        area = np.zeros(population.trials)
        for start, end in pairwise(ends):
            half = (end - start) / 2.0
            for at, share in zip(start + half * (node + 1.0), half * weight, strict=True):
                area += share * self.lasting(population, float(at))
        return area

    def shares(self, values: Any, dropout: Floats, course: bool) -> Floats | None:
        """True probabilities, ``(arm, stratum, category)``; else as for :meth:`closed_form`."""
        return None

    def share(self, name: str, population: Population, place: int) -> Floats:
        """Share of each trial's participants with the category in a place, ``(trial,)``."""
        raise NotImplementedError  # supplied where an outcome is a category

    def proportions(self, values: Any, dropout: Floats, course: bool, cut: Cut) -> Floats | None:
        """True proportions beyond a cut, ``(arm, stratum)``; else as for :meth:`closed_form`."""
        return None

    def proportion(self, name: str, population: Population, cut: Cut) -> Floats:
        """Proportion of each trial's participants beyond a cut, ``(trial,)``."""
        raise NotImplementedError  # supplied where participants have values

    # ── in the design file ────────────────────────────────────────────────────────────────
    def misfit(self) -> tuple[str, str] | None:
        """Setting that no participant course can fill, and why; nothing where one can."""
        return None

    def nothing_seen(self, arms: int, strata: int) -> Summary:
        """Data of one trial in which nobody has been seen."""
        return self.gives.empty(arms, strata)

    # ── in a participants table ───────────────────────────────────────────────────────────
    def settled(
        self, values: npt.NDArray[Any] | None, months: Mapping[str, Floats]
    ) -> npt.NDArray[np.bool_]:
        """Participants of whom nothing more can be learnt, however short their follow-up.

        Parameters
        ----------
        values
            Its own column of the table, where there is one.
        months
            By column of the course: months since randomisation, infinite where blank.
        """
        return np.zeros(len(months["rescue_month"]), dtype=np.bool_)

    def counted_in_record(
        self, name: str, values: npt.NDArray[Any], opens: Sequence[Floats]
    ) -> tuple[npt.NDArray[Any], str]:
        """What of its own column counts, and a note of what does not.

        Parameters
        ----------
        opens
            Months at which participants are infused first, or 0 where they are not; then those of
            the second infusion, the third and so on, infinite where there is none.
        """
        return values, ""


def is_time(endpoint: EndpointBase) -> bool:
    """Whether what is said directly of an endpoint is the distribution of a time."""
    return endpoint.direct is not None and endpoint.direct.is_time
