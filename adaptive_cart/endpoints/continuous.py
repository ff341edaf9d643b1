"""A score at visits: its change from baseline at a month.

Analysed is the change from baseline at ``month`` (the last visit unless it says otherwise) of those
whose month has passed at the look. Follow-up ends once, by dropout or death: who was seen at a
visit was seen at all before it. What becomes of those who were not seen at ``month``, ``missing``
says:

* ``at_random``: they are left out at the visits after they left, and the estimand is the mean
  change had everybody stayed; what was seen before counts for a model that reads all visits;
* ``worst_case``: they have the score ``worst``: leaving is part of the outcome (composite);
* ``jump_to_reference``, ``copy_reference``, ``copy_increments_in_reference``: their score is drawn
  from what the control says of it (``reference.py``). The draw uses the participant's own latent
  uniform at every look. The estimand mixes the two arms by who stays (treatment policy, the effect
  lost, fading or kept on leaving).

With any but the first the month alone is analysed; only who copies the reference, or its
increments, is drawn given the visits before.

A planned visit may be missed by somebody who stays. At ``month`` the score is then missing like any
other; before it, it is taken on the line between the visits held on either side, from the later one
on, and until then not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.endpoints.direct import DirectTruth, ScoresAtVisits
from adaptive_cart.endpoints.direct.scored import ScoreTruth
from adaptive_cart.endpoints.intercurrent import Circumstances, Handled, Strategy
from adaptive_cart.endpoints.missed_scores import on_the_line
from adaptive_cart.endpoints.reference import (
    COPY,
    INCREMENTS,
    JUMP,
    MEANS,
    Changes,
    Leavers,
    Reference,
    drawn,
    predicted,
)
from adaptive_cart.nouns.ahead import Ahead
from adaptive_cart.nouns.attendance import Attendance
from adaptive_cart.nouns.calendar import SAME, short_of, until
from adaptive_cart.nouns.counters import Labels, narrow
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.parts import Finite, PositiveMonths
from adaptive_cart.nouns.questions import Cut
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Outcome, Population, Snapshot
from adaptive_cart.nouns.scored import Scored, SeenScores, Values
from adaptive_cart.nouns.scores_ahead import ScoresAhead, pool_of
from adaptive_cart.nouns.summaries import Scores, SummaryKind
from adaptive_cart.nouns.summaries.scores import products_of


@dataclass(frozen=True)
class Prepared:
    """Scores of everybody, and at how many visits each is seen if nothing is cut off.

    Attributes
    ----------
    name
        Of the endpoint.
    vector
        Baseline, and the score at each visit that is analysed, ``(trial, participant)`` each; 0
        for what is never seen.
    visits
        Months of these visits.
    seen
        ``(trial, participant)`` visits at which each is seen before follow-up ends.
    left
        Who is not seen at the last of them; nothing where everybody is.
    without
        Whose baseline is not known; nothing where everybody's is.
    products
        Products of each two of (1, baseline, scores).
    known
        Months at which the score of each visit is known, ``(trial, participant)`` each: later than
        the visit where that was missed. Nothing where no visit is missed between two that are held.
    """

    name: str
    vector: Values
    visits: tuple[float, ...]
    seen: Labels
    left: ParticipantSet | None
    without: Booleans | None
    products: Floats
    known: tuple[Floats, ...] | None = None


class Continuous(EndpointBase):
    """A continuous endpoint: the change of a score from baseline at a visit."""

    type: Literal["continuous"]
    visits: list[PositiveMonths] = Field(
        min_length=1, description="months after randomisation at which the score is taken"
    )
    month: PositiveMonths | None = Field(
        default=None, description="the visit that is analysed; the last one if left out"
    )
    better: Literal["lower", "higher"] = Field(description="which scores are better")
    missing: Literal["at_random", "worst_case", Reference] = "at_random"
    worst: Finite | None = Field(
        default=None, description="the score of those missing, for `worst_case`"
    )

    gives: ClassVar[SummaryKind] = Scores
    direct: ClassVar[DirectTruth | None] = ScoresAtVisits()
    estimand_kind: ClassVar[str | None] = "level"
    named_in: ClassVar[Literal["events", "rates", "scores"] | None] = "scores"
    drawn_always: ClassVar[bool] = True
    unit: ClassVar[str] = "points"

    @model_validator(mode="after")
    def _in_order(self) -> Continuous:
        visits = ", ".join(f"{month:g}" for month in self.visits)
        pairs = zip(self.visits, self.visits[1:], strict=False)
        if any(later - sooner <= SAME for sooner, later in pairs):
            raise ValueError(f"'visits' are {visits}; each must come after the one before it")
        if self.month is not None and self.month not in self.visits:
            raise ValueError(f"'month' is {self.month:g}, and the visits are {visits}; one of them")
        if self.missing == "worst_case" and self.worst is None:
            raise ValueError('`missing = "worst_case"` needs `worst`, the score of those missing')
        if self.missing != "worst_case" and self.worst is not None:
            raise ValueError('`worst` is read where `missing = "worst_case"`; leave it out')
        return self

    def needs_control(self) -> tuple[str, str] | None:
        if self.missing not in MEANS:
            return None
        found = f'found "{self.missing}", which draws the scores of those missing from the control'
        return "missing", f'{found}; write "at_random" or "worst_case"'

    @property
    def analysed(self) -> float:
        """Month of the visit that is analysed."""
        return self.visits[-1] if self.month is None else self.month

    @property
    def place(self) -> int:
        """Place of that visit among all of them."""
        return self.visits.index(self.analysed)

    @property
    def lower_is_better(self) -> bool:
        return self.better == "lower"

    def taken_at(self) -> tuple[float, ...]:
        return tuple(self.visits)

    def known_after(self) -> float:
        return self.analysed

    def planned_visits(self) -> tuple[float, ...]:
        return tuple(self.visits)

    def dropout_counts(self) -> bool:
        return self.missing != "at_random"

    def imputes(self) -> bool:
        return self.missing in MEANS

    # ── what is seen ──────────────────────────────────────────────────────────────────────
    def prepare(self, name: str, population: Population) -> Prepared:
        scored = population.outcomes[name]
        assert isinstance(scored, Scored)
        baseline, *scores = scored.values
        visits, scores = tuple(self.visits[: self.place + 1]), scores[: self.place + 1]
        known = None
        if self.missing in ("worst_case", JUMP):
            visits, scores = visits[-1:], scores[-1:]
        else:
            scores, known = on_the_line(population, baseline, scores, visits)
        there, seen = self._seen(population, (baseline, *scores), visits)
        left, without = None, None
        if there is not None:
            left = ParticipantSet.where(seen < len(visits))
            without = ~np.isfinite(baseline)
            baseline = np.where(without, 0.0, baseline)
            scores = [np.where(stays, own, 0.0) for stays, own in zip(there, scores, strict=True)]
            if self.worst is not None:
                scores = [np.where(there[0], scores[0], self.worst)]
        vector = (baseline, *scores)
        products = products_of(vector)
        return Prepared(name, vector, visits, seen, left, without, products, known)

    def as_seen(self, outcome: Outcome, attendance: Attendance) -> Outcome:
        held = [attendance.held_at(month) for month in self.visits]
        if all(everybody is None for everybody in held):
            return outcome
        assert isinstance(outcome, Scored)
        return SeenScores(outcome, held)

    def _seen(
        self, population: Population, values: Values, visits: tuple[float, ...]
    ) -> tuple[list[Booleans] | None, Labels]:
        """Who is seen at each visit, nothing where everybody is at all of them; at how many."""
        last = population.last_seen
        known = np.isfinite(values[0])
        everybody = last is None and known.all() and all(np.isfinite(v).all() for v in values[1:])
        seen = np.full(values[0].shape, len(visits) if everybody else 0, narrow(len(visits)))
        if everybody:
            return None, seen
        there = []
        for month, own in zip(visits, values[1:], strict=True):
            known = known & np.isfinite(own)
            if last is not None:
                known = known & (last >= short_of(month))
            there.append(known)
            seen += known
        return there, seen

    def summary(self, prepared: Prepared, snapshot: Snapshot) -> Scores:
        population = snapshot.population
        due = snapshot.passed(self.analysed)
        reached = self._reached(prepared, snapshot)
        if prepared.left is None:
            none = np.zeros((population.trials, population.arms, population.strata), np.int64)
            return Scores.of(population, prepared.products, reached, none)
        left = due & prepared.left
        missing = population.tally(left)
        if self.worst is not None:
            return Scores.of(population, prepared.products, reached, missing)
        seen = Scores.of(population, prepared.products, np.minimum(reached, prepared.seen), missing)
        return self._filled_in(prepared, population, seen, due, left) if self.imputes() else seen

    def given(self, prepared: Prepared, snapshot: Snapshot) -> Scores | None:
        if prepared.left is None or not self.dropout_counts():
            return None
        population, due = snapshot.population, snapshot.passed(self.analysed)
        left, reached = due & prepared.left, self._reached(prepared, snapshot)
        missing = population.tally(left)
        if self.worst is not None:
            mine = reached * left.mask(population.participants)
            return Scores.of(population, prepared.products, mine, missing)
        seen = Scores.of(population, prepared.products, np.minimum(reached, prepared.seen), missing)
        return self._filled_in(prepared, population, seen, left, left)

    def _reached(self, prepared: Prepared, snapshot: Snapshot) -> Labels:
        """Visits whose score is known at the look, or never, ``(trial, participant)``."""
        population = snapshot.population
        now = until(snapshot.date)[:, None]
        reached = np.zeros(population.arm.shape, dtype=narrow(len(prepared.visits)))
        for place, month in enumerate(prepared.visits):
            if prepared.known is None:
                reached += population.date_of(month) <= now
            else:
                reached += population.arrival + prepared.known[place] <= now
        reached *= snapshot.enrolled.mask(population.participants)
        if prepared.without is not None:
            reached *= ~prepared.without
        return reached

    def _filled_in(
        self,
        prepared: Prepared,
        population: Population,
        seen: Scores,
        due: ParticipantSet,
        left: ParticipantSet,
    ) -> Scores:
        """The month alone, with the scores of those who left drawn.

        Nobody is drawn in a trial (and stratum) whose control says nothing of it yet.
        """
        baseline, score = prepared.vector[0], prepared.vector[-1].copy()
        assert prepared.without is not None
        at = np.nonzero(left.mask(population.participants) & ~prepared.without)
        leavers = self._leavers(prepared, population, at, prepared.seen)
        found = drawn(self.missing, seen.products, leavers)
        known = np.isfinite(found)
        counted = due.without(left).mask(population.participants)
        counted &= ~prepared.without
        at = at[0][known], at[1][known]
        counted[at] = True
        score[at] = found[known]
        products = products_of((baseline, score))
        return Scores.of(population, products, counted.astype(np.int8), seen.missing)

    @staticmethod
    def _leavers(
        prepared: Prepared,
        population: Population,
        at: tuple[npt.NDArray[np.intp], ...],
        seen: npt.NDArray[Any],
    ) -> Leavers:
        """Those who left at some places, ``(trial, participant)``, seen at so many visits."""
        return Leavers(
            trial=at[0],
            arm=population.arm[at],
            stratum=population.label[at],
            seen=seen[at],
            values=np.stack([values[at] for values in prepared.vector], axis=-1),
            uniform=population.imputations[prepared.name][at],
        )

    def to_come(
        self, prepared: Prepared, snapshot: Snapshot, summary: Scores, ahead: Ahead
    ) -> ScoresAhead:
        """Visits of those who are in, and of those still to be enrolled; nobody leaves any more.

        Who has left is not seen again: with ``worst_case`` they will have the worst score, with
        ``jump_to_reference`` that of the control, and who copies it (or its increments) is drawn as
        at the look.
        """
        population, visits = snapshot.population, len(prepared.visits)
        shape, here = ahead.arrival.shape, slice(0, population.participants)
        reached = self._reached(prepared, snapshot)
        seen = np.zeros(shape, dtype=np.int64)
        seen[:, here] = np.minimum(reached, prepared.seen)
        last = until(np.where(np.isnan(ahead.last), np.inf, ahead.last))[:, None]
        reach = sum((ahead.arrival + month <= last).astype(np.int64) for month in prepared.visits)
        reach = np.where(ahead.inside, reach, 0)
        enrolled = snapshot.enrolled.mask(population.participants)
        if prepared.without is not None:
            enrolled = enrolled & ~prepared.without
        known = np.full((*shape, visits + 1), np.nan)
        for place, values in enumerate(prepared.vector):
            visible = enrolled & (seen[:, here] >= place)
            known[:, here, place] = np.where(visible, values, np.nan)
        gone = np.zeros(shape, dtype=np.bool_)
        gone[:, here] = ((reached == visits) & (prepared.seen < visits)) | ~enrolled
        if population.last_seen is not None:
            gone[:, here] |= population.last_seen <= until(snapshot.follow_up())
        like, left = ahead.arm, None
        if self.dropout_counts():  # they count at the month, unless they are counted already
            due = gone & (reach == visits)
            due[:, here] &= enrolled & (reached < visits)
            if self.missing in (COPY, INCREMENTS):
                left = self._left(prepared, population, seen[:, here], due)
                due &= np.isfinite(left[..., 0])
            elif self.worst is None:
                like = np.where(due, np.zeros_like(like), like)
            else:
                known[..., -1] = np.where(due, self.worst, known[..., -1])
            gone &= ~due
        reach = np.where(gone, np.minimum(reach, seen), reach)
        pool, size = pool_of(prepared.vector[0], enrolled, population.label, population.strata)
        found = ScoresAhead(known, seen, reach, ahead.arm, ahead.stratum, like, pool, size, left)
        return found if left is None else found.last_visit()  # the month alone is analysed

    def _left(
        self,
        prepared: Prepared,
        population: Population,
        seen: Integers,
        due: Booleans,
    ) -> Floats:
        """How the score of who has left and will be due is distributed as the look has it.

        ``(trial, column, part)``, as what is ahead has it.
        """
        none = np.zeros((population.trials, population.arms, population.strata), np.int64)
        products = Scores.of(population, prepared.products, seen.astype(np.int8), none).products
        at = np.nonzero(due[:, : population.participants])
        law = predicted(self.missing, products, self._leavers(prepared, population, at, seen))
        found = np.full((*due.shape, 3), np.nan)
        found[at] = np.stack([law.centre + law.back, law.scale, law.freedom], axis=-1)
        return found

    # ── what is true ──────────────────────────────────────────────────────────────────────
    def closed_form(self, values: Any, dropout: Floats, course: bool) -> Floats | None:
        return self._averaged(values, dropout, course, lambda changes: changes.mean)

    def proportions(self, values: Any, dropout: Floats, course: bool, cut: Cut) -> Floats | None:
        return self._averaged(values, dropout, course, lambda changes: changes.beyond(cut))

    def _averaged(
        self, values: Any, dropout: Floats, course: bool, of: Callable[[Changes], float]
    ) -> Floats | None:
        """A number of changes, of those who stay and of those who leave between two visits.

        Nothing where it is not known without drawing participants.
        """
        if not isinstance(values[0][0], ScoreTruth):  # it depends on the state
            return None
        last = self.place + 1
        stay = np.array([[of(Changes.of(own, last)) for own in by] for by in values])
        if not self.dropout_counts():
            return stay
        if course:
            return None
        months = np.array([0.0, *self.visits[:last]])
        stays = np.exp(-dropout[..., None] * months)
        leave = [
            [
                [of(self._had_left(own, control, seen)) for seen in range(last)]
                for own, control in zip(by, values[0], strict=True)
            ]
            for by in values
        ]
        leaves = -np.diff(stays, axis=-1)
        return stays[..., -1] * stay + (leaves * np.array(leave)).sum(axis=-1)

    def _had_left(self, own: ScoreTruth, control: ScoreTruth, seen: int) -> Changes:
        """Changes of those who are last seen so many visits in."""
        if self.worst is not None:
            return Changes(self.worst - own.baseline.mean, own.baseline.sd)
        return Changes.had_left(self.missing, own, control, self.place + 1, seen)

    def true_values(self, name: str, population: Population) -> Floats:
        scored = population.outcomes[name]
        assert isinstance(scored, Scored)
        baseline, score = scored.expected[0], scored.expected[self.place + 1]
        change: Floats = (self._at_the_end(population, score) - baseline).mean(axis=1)
        return change

    def cut(self, value: float | None) -> Cut | None:
        return None if value is None else Cut(value, self.lower_is_better)

    def proportion(self, name: str, population: Population, cut: Cut) -> Floats:
        scored = population.outcomes[name]
        assert isinstance(scored, Scored)
        baseline, score = scored.values[0], scored.values[self.place + 1]
        change = self._at_the_end(population, score) - baseline
        beyond = change < cut.value if cut.lower else change > cut.value
        return beyond.mean(axis=1)

    def _at_the_end(self, population: Population, score: Floats) -> Floats:
        """Scores, with the worst for who left where leaving is part of the outcome."""
        if self.dropout_counts() and population.last_seen is not None:
            assert self.worst is not None
            return np.where(population.last_seen < short_of(self.analysed), self.worst, score)
        return score

    def refuses_course(self) -> Iterator[tuple[str, str]]:
        if self.imputes():
            why = "needs the change of the control had all stayed, which a course does not say"
            yield "missing", f'{why}; write "at_random" or "worst_case"'

    def counts_some(self) -> bool:
        return not self.dropout_counts()

    def counted(self, name: str, population: Population) -> Floats:
        """Those seen at the month."""
        if population.last_seen is None:
            return np.ones(population.trials)
        stays: Floats = (population.last_seen >= short_of(self.analysed)).mean(axis=1)
        return stays

    # ── in a participants table ───────────────────────────────────────────────────────────
    def counted_in_record(
        self, name: str, values: npt.NDArray[Any], opens: Sequence[Floats]
    ) -> tuple[npt.NDArray[Any], str]:
        """A visit that is blank between two that are not counts as missed, and is told."""
        known = np.isfinite(values[:, : self.place + 2])
        after = np.logical_or.accumulate(known[:, ::-1], axis=1)[:, ::-1]
        gaps = ~known & after & known[:, :1]
        lacking = int((~known[:, 0]).sum())
        notes = []
        if gaps.any():
            notes.append(
                f"{int(gaps.sum())} between two that are not blank, taken on the line between them"
            )
        if lacking:
            plural = "s have" if lacking > 1 else " has"
            notes.append(f"{lacking} participant{plural} no baseline and cannot be analysed")
        return values, f"{name}: {'; '.join(notes)}" if notes else ""

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def describes(self) -> str:
        return f"change from baseline at month {self.analysed:g}"

    def variable(self, directly: bool) -> str:
        month = "{month}" if self.month is not None else f"{self.analysed:g}"
        return f"change of the score from baseline to month {month} after randomisation"

    def handled(self, circumstances: Circumstances) -> Iterator[Handled]:
        if not circumstances.directly:
            if circumstances.infused:
                yield Handled("not_infused", "treatment_policy", "part of the strategy of the arm")
            yield Handled("rescue", "treatment_policy", "scores after it count")
            if circumstances.crossover is not None:
                yield Handled("crossover", "treatment_policy", "scores after it count")
        strategy, means = self._leaving()
        yield Handled("dropout", strategy, means)
        if not circumstances.directly:
            yield Handled("death", strategy, means)

    def _leaving(self) -> tuple[Strategy, str]:
        """What leaving before the month means, by dropout or by death."""
        if self.missing == "at_random":
            return "hypothetical", "missing at random; the change had nobody left"
        if self.missing == "worst_case":
            return "composite", "the score is the one stated as the worst"
        means = f"{MEANS[self.missing]}; the change of those who stay and leave, mixed"
        return "treatment_policy", means

    def without_effect(self, directly: bool, dropout: bool) -> Iterator[tuple[str, str]]:
        if "missing" in self.model_fields_set and not dropout:
            yield "missing", "nobody drops out in any scenario"
        if self.place + 1 < len(self.visits):
            later = ", ".join(f"{month:g}" for month in self.visits[self.place + 1 :])
            yield "visits", f"month {later} lies after the visit that is analysed, for the reader"
