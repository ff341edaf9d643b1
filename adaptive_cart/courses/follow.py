"""The course of participants from randomisation on, a whole block of trials at once.

Every step is the quantile of the participant's own latent uniform for that purpose, so that a
participant is the same in every scenario but for what the scenario changes. Participants are taken
group by group, as flat positions in the block: an arm and a stratum have one set of parameters, or
one for each truth where trials of a block have truths of their own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from adaptive_cart.courses.group import DiseaseCourse, GroupCourse
from adaptive_cart.courses.sequel import Relapsed
from adaptive_cart.courses.triggers import Trigger
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.course import DRUG_FREE, ON_DRUGS, Course, Spell, Spells
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.streams import Latents, Same

Positions = npt.NDArray[np.intp]


def groups_of(
    arm: Labels, stratum: Labels | None, arms: int, strata: int
) -> list[tuple[int, int, Positions]]:
    """Flat positions of the participants of each arm and stratum."""
    found = []
    for a in range(arms):
        in_arm = arm == a
        for s in range(strata):
            inside = in_arm if stratum is None else in_arm & (stratum == s)
            found.append((a, s, np.flatnonzero(inside)))
    return found


class Groups:
    """The same, found when they are first gone through: not every outcome is drawn by groups."""

    def __init__(self, arm: Labels, stratum: Labels | None, arms: int, strata: int) -> None:
        self._asked = (arm, stratum, arms, strata)

    def __iter__(self) -> Iterator[tuple[int, int, Positions]]:
        return iter(self._found)

    @cached_property
    def _found(self) -> list[tuple[int, int, Positions]]:
        return groups_of(*self._asked)


def exponential(u: Floats, hazard: float) -> Floats:
    """Months to an event with a constant hazard a month; never where the hazard is zero."""
    if hazard == 0.0:
        return np.full_like(u, np.inf)
    return _cumulative(u) / hazard


def cumulative(latents: Latents, purpose: str) -> Floats:
    """Cumulative hazard at everybody's event, once for all scenarios."""
    whole = latents.of(purpose)
    return latents.made_once(f"cumulative hazard: {purpose}", (), lambda: _cumulative(whole))


def _cumulative(u: Floats) -> Floats:
    """Cumulative hazard at the event, of which the uniform is the distribution function."""
    hazard = 1.0 - u
    np.log(hazard, out=hazard)
    return np.negative(hazard, out=hazard)


@dataclass(frozen=True)
class Opening:
    """Crossover from one arm to another (positions).

    Attributes
    ----------
    after_month
        Months after randomisation before which nobody crosses.
    trigger
        What makes a participant cross.
    arms
        How many there are; courses beyond are those of parts of the participants, arm by arm.
    """

    from_arm: int
    to_arm: int
    after_month: float
    trigger: Trigger
    arms: int

    def other(self, arm: int) -> int | None:
        """The arm whose course participants of an arm may take, of the same part of them."""
        part, place = divmod(arm, self.arms)
        return part * self.arms + self.to_arm if place == self.from_arm else None


class Following:
    """Writes the course of one group after the other into the block's arrays, which are flat."""

    def __init__(
        self, latents: Latents, shape: tuple[int, int], leaving: dict[str, Floats]
    ) -> None:
        """Begin with nothing written.

        Parameters
        ----------
        leaving
            Months of death and of dropout.
        """
        self.latents = latents
        self.shape = shape
        self.months = {"infused": self.never(), "rescue": self.never(), **leaving}
        # positions that other scenarios may have as well, by what only they have while they are
        self._named: dict[int, tuple[str, Positions]] = {}
        self.again: list[Floats] = []  # months of infusions after the first
        self._counts: dict[tuple[str, bool], npt.NDArray[np.int8]] = {}
        self._spells: dict[tuple[str, bool, int], Spell] = {}
        ended = self.spell(DRUG_FREE).ended
        self.on_drugs = Spell(ON_DRUGS, self.never(), np.broadcast_to(np.inf, ended.shape))
        self._spells[ON_DRUGS, False, 1] = self.on_drugs

    def never(self) -> Floats:
        """Return months at which nothing happens to anybody."""
        return np.full(math.prod(self.shape), np.inf)

    def u(self, purpose: str, where: Positions) -> Floats:
        """Uniforms for a purpose, of the participants at some positions, which do not repeat."""
        return self._of(purpose, self.latents.of(purpose), where)

    def _of(self, what: str, everybody: Floats, where: Positions) -> Floats:
        """Values of the participants at some positions; of a group once for all scenarios."""
        flat = everybody.ravel()
        if len(where) == len(flat):
            return flat
        if id(where) not in self._named:
            return flat.take(where)
        name, _ = self._named[id(where)]
        return self.latents.made_once(f"{what} of {name}", Same(where), lambda: flat.take(where))

    def exponential(self, purpose: str, where: Positions, hazard: float) -> Floats:
        """The same months, whose logarithms all scenarios share."""
        if hazard == 0.0:
            return np.full(len(where), np.inf)
        everybody = cumulative(self.latents, purpose)
        return self._of(f"cumulative hazard: {purpose}", everybody, where) / hazard

    def put(self, name: str, where: Positions, months: Floats) -> None:
        """Write the months of an event."""
        self.months[name][where] = months

    def counts(self, purpose: str, after_crossover: bool) -> npt.NDArray[np.int8]:
        """How often everybody has had what a purpose gives in a course, to be written to."""
        key = (purpose, after_crossover)
        if key not in self._counts:
            self._counts[key] = np.zeros(math.prod(self.shape), dtype=np.int8)
        return self._counts[key]

    def infuse_again(self, where: Positions, months: Floats, before: npt.NDArray[np.int8]) -> None:
        """Write the months of infusions, of which each has had so many after the first before."""
        for number in np.unique(before):
            if len(self.again) <= number:
                self.again.append(self.never())
            mine = before == number
            self.again[number][where[mine]] = months[mine]

    def spell(self, state: str, after_crossover: bool = False, number: int = 1) -> Spell:
        """Everybody's spell of that number in a state, to be written to."""
        key = (state, after_crossover, number)
        if key not in self._spells:
            self._spells[key] = Spell(state, self.never(), self.never(), after_crossover)
        return self._spells[key]

    def course(self) -> Course:
        """Return what was written."""
        spells = (
            spell._replace(
                began=spell.began.reshape(self.shape), ended=spell.ended.reshape(self.shape)
            )
            for _, spell in sorted(self._spells.items(), key=lambda kept: kept[0])
        )
        months = {name: values.reshape(self.shape) for name, values in self.months.items()}
        again = tuple(values.reshape(self.shape) for values in self.again)
        return Course(**months, spells=tuple(spells), infused_again=again)

    def cross(
        self, group: GroupCourse, other: GroupCourse, where: Positions, opening: Opening
    ) -> None:
        """Let some of an arm take the other arm's course from a month of theirs on.

        Who is still followed when there is reason to cross does so with the arm's probability. The
        own course stops there (remission that had not begun, rescue); dropout and death go on at
        the other arm's hazards, the time left stretched by their ratio. Who is lost before the
        infusion keeps the own course.
        """
        months = {name: values[where] for name, values in self.months.items()}
        spells = [s for s in self._spells.values() if not s.after_crossover]
        remissions = Spells(tuple(s for s in spells if s.state == DRUG_FREE)).rows(where)
        month = opening.trigger.month(remissions, months["rescue"], opening.after_month)
        followed = np.minimum(months["dropout"], months["death"]) > month
        crosses = self.u("crossover", where) < group.crossover
        who = np.flatnonzero(crosses & followed)
        at, after_month = where[who], month[who]
        by_then = until(after_month)
        self.put("crossed", at, after_month)
        last = np.full(len(at), np.inf)
        for name in ("dropout", "death"):
            own, now = getattr(group, name), getattr(other, name)
            if own > 0.0 and now > 0.0:
                left = (months[name][who] - after_month) * (own / now)
            else:
                left = exponential(self.u(f"crossover:{name}", at), now)
            self.put(name, at, after_month + left)
            last = np.minimum(last, after_month + left)
        delay = np.zeros(len(at))
        if other.infused:
            assert other.delay is not None
            delay = other.delay.quantile(self.u("crossover:infusion_delay", at))
            delay = other.infused_after(delay, lambda: self.u("crossover:washout", at))
            failed = self.u("crossover:infusion_failure", at) < other.failure
            infused = ~failed & (after_month + delay < last)
            at, who, delay = at[infused], who[infused], delay[infused]
            after_month, by_then = after_month[infused], by_then[infused]
            self.put("infused", at, after_month + delay)
        if other.disease_of == group.disease_of:
            return  # one arm is `same_as` the other: the disease just goes on
        for spell in spells:
            if spell is self.on_drugs:
                continue  # it stays the own
            to_come = at[spell.began[at] > by_then]
            spell.began[to_come] = spell.ended[to_come] = np.inf
        rescued = months["rescue"][who] <= by_then
        self.put("rescue", at[~rescued], np.full((~rescued).sum(), np.inf))
        # rescue comes once: who was rescued before the crossover keeps that month
        first = np.where(rescued, months["rescue"][who], np.inf)
        self.disease(other.own, at, after_month + delay, after_crossover=True)
        self.put("rescue", at, np.minimum(first, self.months["rescue"][at]))

    def group(self, group: GroupCourse, where: Positions, name: str) -> None:
        """Follow everybody in one arm and stratum, whose name it is."""
        self._named[id(where)] = name, where
        if group.on_drugs > 0.0:
            reached, onset = self.latents.made_once(
                f"remission on drugs of {name}",
                (Same(where), group.on_drugs, group.on_drugs_onset),
                lambda: self._on_drugs(group, where),
            )
            self.on_drugs.began[reached] = onset
        if not group.infused:
            self.disease(group.own, where, np.zeros(len(where)))
            return
        last = np.minimum(self.months["dropout"], self.months["death"])
        theirs, begins, never = self.latents.made_once(
            f"infusion of {name}",
            (Same(where), group.dropout, group.death, group.failure, group.delay, group.washout),
            lambda: self._infusion(group, where, last, name),
        )
        self._named[id(theirs)] = f"{name}, infused", theirs
        self.put("infused", theirs, begins)
        if group.from_randomisation:
            self.disease(group.own, where, np.zeros(len(where)))
        else:
            if group.washout is not None:  # who is infused has no background drugs any more
                self.on_drugs.began[theirs] = np.inf
            self.disease(group.own, theirs, begins)
            self.disease(group.never_infused, never, np.zeros(len(never)))

    def _on_drugs(self, group: GroupCourse, where: Positions) -> tuple[Positions, Floats]:
        """Who reaches remission on drugs, and the months at which."""
        assert group.on_drugs_onset is not None
        reached = np.flatnonzero(self.u("remission_on_drugs", where) < group.on_drugs)
        reached = where.take(reached)
        return reached, group.on_drugs_onset.quantile(self.u("remission_on_drugs_onset", reached))

    def _infusion(
        self, group: GroupCourse, where: Positions, last: Floats, name: str
    ) -> tuple[Positions, Floats, Positions]:
        """Who is infused, the months at which, and who is not."""
        planned = group.delay
        assert planned is not None
        delay = self.latents.made_once(
            f"infusion delay of {name}",
            (Same(where), planned),
            lambda: planned.quantile(self.u("infusion_delay", where)),
        )
        delay = group.infused_after(delay, lambda: self.u("washout", where))
        failed = self.u("infusion_failure", where) < group.failure
        infused = ~failed & (delay < last.take(where))
        who = np.flatnonzero(infused)  # positions are taken in a third of the time that flags take
        return where.take(who), delay.take(who), where[~infused]

    def disease(
        self,
        disease: DiseaseCourse,
        where: Positions,
        start: Floats,
        after_crossover: bool = False,
    ) -> None:
        """Remission, relapse and rescue on a clock that starts ``start`` months in.

        Rescue is a hazard outside drug-free remission: its clock stands still while remission
        lasts, so one exponential a participant says both whether rescue comes first and, if
        remission is lost, how long after.
        """
        if len(where) == 0:
            return
        prefix = "crossover:" if after_crossover else ""
        clock = None
        if disease.rescue:
            if after_crossover:  # a few of all
                clock = exponential(self.u(f"{prefix}rescue", where), disease.rescue)
            else:
                clock = self.exponential("rescue", where, disease.rescue)
        tapered = None
        if disease.taper is not None:
            tapered = start + disease.taper.until_off(self.u(f"{prefix}taper", where))
        reached = np.flatnonzero(self.u(f"{prefix}remission", where) < disease.remission)
        pause = None
        if len(reached):
            assert disease.onset is not None
            at = where.take(reached)
            onset = disease.onset.quantile(self.u(f"{prefix}remission_onset", at))
            if tapered is not None:
                onset = np.maximum(onset, tapered[reached] - start[reached])
            if clock is not None:
                in_time = np.flatnonzero(onset <= clock.take(reached))
                reached, onset, at = reached.take(in_time), onset.take(in_time), at.take(in_time)
            lasts = self.lasts(disease, at, prefix)
            began = start.take(reached) + onset
            remission = self.spell(DRUG_FREE, after_crossover)
            remission.began[at] = began
            remission.ended[at] = began + lasts
            pause = lasts
        rescue = np.full(len(where), np.inf) if clock is None else start + clock
        waiting = Relapsed(self, disease, 1, after_crossover, where, start, rescue, tapered, 1)
        again = self._unremitted(waiting)
        if pause is not None:
            kept = slice(None) if again is None else ~again[reached]
            rescue[reached[kept]] += pause[kept]
        self._sequels(disease, where, rescue, tapered, after_crossover)
        if clock is not None:
            self.put("rescue", where, rescue)

    def _unremitted(self, waiting: Relapsed) -> Booleans | None:
        """Let what follows begin where no remission has come, and again where none comes.

        Returns
        -------
        (waiting,): in whom, whose ``rescue`` and ``tapered`` are then written; nothing where a
        design has no such thing.
        """
        sequels = [sequel for _, sequel in waiting.disease.sequels if not sequel.after_relapse]
        if not sequels:
            return None
        before, found = waiting.rescue.copy(), np.zeros(len(waiting.at), dtype=np.bool_)
        (sequel,), who, people = sequels, np.arange(len(waiting.at)), waiting
        while True:
            again, month = sequel.unremitted(people)
            waiting.rescue[who[again]] = people.rescue[again]
            if waiting.tapered is not None and people.tapered is not None:
                waiting.tapered[who[again]] = people.tapered[again]
            who = who[again]
            if not len(who):
                return found
            found[who] = True
            people = replace(
                people, number=people.number + 1, at=people.at[again], month=month,
                rescue=before[who],
                tapered=None if people.tapered is None else people.tapered[again],
            )  # fmt: skip

    def _sequels(
        self,
        disease: DiseaseCourse,
        where: Positions,
        rescue: Floats,
        tapered: Floats | None,
        after_crossover: bool,
    ) -> None:
        """What follows the first relapse, and the next, as long as anybody has one."""
        number = 1
        while disease.sequels and (DRUG_FREE, after_crossover, number) in self._spells:
            ended = self.spell(DRUG_FREE, after_crossover, number).ended[where]
            lost = np.flatnonzero(np.isfinite(ended))
            for _, sequel in disease.sequels:
                if not len(lost):
                    break  # nothing follows, and what would follow need not be complete
                at, month = where[lost], ended[lost]
                off = None if tapered is None else tapered[lost]
                relapsed = Relapsed(
                    self, disease, number, after_crossover, at, month, rescue[lost], off
                )
                taken = sequel.follow(relapsed)
                rescue[lost] = relapsed.rescue
                if tapered is not None and off is not None:
                    tapered[lost] = off
                lost = lost[~taken]
            number += 1

    def lasts(self, disease: DiseaseCourse, where: Positions, prefix: str) -> Floats:
        """Months that remission lasts; infinite for the cured."""
        lasts = np.full(len(where), np.inf)
        if disease.relapse is None:
            return lasts
        if disease.cured == 0.0:
            return disease.relapse.quantile(self.u(f"{prefix}relapse", where))
        not_cured = np.flatnonzero(self.u(f"{prefix}cured", where) >= disease.cured)
        u = self.u(f"{prefix}relapse", where.take(not_cured))
        lasts[not_cured] = disease.relapse.quantile(u)
        return lasts


Courses = tuple[tuple[GroupCourse, ...], ...]  # by arm, then stratum


class Group(NamedTuple):
    """Participants of one arm and stratum, and the courses of the truth that is theirs."""

    arm: int
    stratum: int
    where: Positions
    courses: Courses


def follow(
    latents: Latents,
    groups: Sequence[Group],
    shape: tuple[int, int],
    crossover: Opening | None = None,
) -> Course:
    """Follow every participant of a block for ever, ``(trial, participant)``."""
    months = leaving(latents, groups, shape)
    if crossover is not None:  # after which they are others
        months = {name: values.copy() for name, values in months.items()}
    writing = Following(latents, shape, months)
    for number, (arm, stratum, where, courses) in enumerate(groups):
        writing.group(courses[arm][stratum], where, f"group {number}")
    if crossover is not None:
        writing.months["crossed"] = writing.never()
        writing.spell(DRUG_FREE, after_crossover=True)
        for arm, stratum, where, courses in groups:
            other = crossover.other(arm)
            if other is not None:
                writing.cross(courses[arm][stratum], courses[other][stratum], where, crossover)
    return writing.course()


def leaving(latents: Latents, groups: Sequence[Group], shape: tuple[int, int]) -> dict[str, Floats]:
    """Months of death and dropout of everybody, flat; once for all scenarios of the same hazards.

    Nothing but a crossover changes them.
    """
    own = [courses[arm][stratum] for arm, stratum, _, courses in groups]
    places = [group.where for group in groups]
    found = {}
    for name in ("dropout", "death"):
        hazards = [getattr(course, name) for course in own]

        def make(name: str = name, hazards: Sequence[float] = hazards) -> Floats:
            months = np.full(math.prod(shape), np.inf)
            for where, hazard in zip(places, hazards, strict=True):
                if hazard > 0.0:
                    months[where] = cumulative(latents, name).ravel().take(where) / hazard
            months.setflags(write=False)
            return months

        alike = ([Same(where) for where in places], hazards)
        found[name] = latents.made_once(f"months of {name}", alike, make)
    return found


def groups_by_truth(
    groups: Iterable[tuple[int, int, Positions]],
    courses: Sequence[Courses],
    of_trial: npt.NDArray[np.int64],
    width: int,
    crossover: Opening | None = None,
) -> list[Group]:
    """Divide groups further by the truths of their trials, where those differ in what is followed.

    Parameters
    ----------
    courses
        Of every truth; ``of_trial`` says which is whose.
    width
        Participants a trial, by which flat positions are told apart.
    """
    found = []
    for arm, stratum, where in groups:
        other = None if crossover is None else crossover.other(arm)
        arms = (arm,) if other is None else (arm, other)
        kinds: list[Courses] = []  # those that differ here, few or as many as there are trials
        kind = np.empty(len(courses), dtype=np.int64)
        for place, own in enumerate(courses):
            if not kinds or not _alike(kinds[-1], own, arms, stratum):
                kinds.append(own)
            kind[place] = len(kinds) - 1
        if len(kinds) == 1:
            found.append(Group(arm, stratum, where, kinds[0]))
            continue
        # positions increase, and so does the trial: sorted by kind they lie in one piece each
        mine = kind[of_trial[where // width]]
        order = np.argsort(mine, kind="stable")
        edges = np.searchsorted(mine[order], np.arange(len(kinds) + 1))
        for k, (start, stop) in enumerate(itertools.pairwise(edges)):
            if start < stop:
                found.append(Group(arm, stratum, where[order[start:stop]], kinds[k]))
    return found


def _alike(one: Courses, other: Courses, arms: Sequence[int], stratum: int) -> bool:
    return all(one[arm][stratum] == other[arm][stratum] for arm in arms)
