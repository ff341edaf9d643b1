"""A block of participants as they are seen at visits: what the trial's record has of them.

States of the course begin, and are lost, at the visit at which that is first seen; what begins and
ends between two visits is never seen. Infusion, rescue, crossover, death, dropout and adverse
events are known at their moment, and a rescue, a crossover or another infusion tells at its moment
that a remission has been lost. The truth of a scenario is that of the real course; what visits miss
is bias.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.follow_up import FollowUp
from adaptive_cart.nouns.attendance import Attendance, DrawnAttendance
from adaptive_cart.nouns.calendar import short_of
from adaptive_cart.nouns.course import Course, Spell
from adaptive_cart.nouns.records import Floats, Population
from adaptive_cart.nouns.streams import Latents


def as_seen(
    population: Population, design: Design, follow_up: FollowUp | None, latents: Latents
) -> Population:
    """The same participants as visits show them; unchanged where nothing waits for a visit."""
    if follow_up is None or follow_up.visit_every is None:
        return population
    attendance = DrawnAttendance(
        every=follow_up.visit_every,
        window=follow_up.visit_window,
        ends=population.last_seen,
        uniform=latents.of("visits"),
        missed=follow_up.missed,
    )
    course = population.course
    outcomes = {
        name: design.endpoints[name].as_seen(outcome, attendance)
        for name, outcome in population.outcomes.items()
    }
    return replace(
        population,
        course=None if course is None else course_seen(course, attendance),
        outcomes=outcomes,
        attendance=attendance,
    )


def course_seen(course: Course, attendance: Attendance) -> Course:
    """A course whose spells are those that visits show."""
    seen: list[Spell] = []
    for _, alike in groupby(course.spells, key=lambda spell: (spell.state, spell.after_crossover)):
        seen += _spells_seen(list(alike), course, attendance)
    return replace(course, spells=tuple(seen))


def _spells_seen(spells: list[Spell], course: Course, attendance: Attendance) -> list[Spell]:
    """Spells in one state, in order of time, as visits show them."""
    seen: list[Spell] = []
    for spell in spells:
        began, ended = attendance.first_from(spell.began), _loss_seen(spell, course, attendance)
        missed = began >= short_of(spell.ended)
        for before in seen:  # back in the state when its loss would have been seen
            joined = np.isfinite(began) & (began == before.ended) & ~missed
            before.ended[joined] = ended[joined]
            missed |= joined
        began[missed], ended[missed] = np.inf, np.inf
        seen.append(spell._replace(began=began, ended=ended))
    return _numbered(seen)


def _loss_seen(spell: Spell, course: Course, attendance: Attendance) -> Floats:
    """Month at which the loss of a state is seen: at a visit, or by what is known at once."""
    seen = attendance.first_from(spell.ended)
    for told in (course.rescue, course.crossed, *course.infused_again):
        if told is not None:
            after = (told >= short_of(spell.ended)) & (told < seen)
            seen = np.where(after, told, seen)
    return seen


def _numbered(spells: list[Spell]) -> list[Spell]:
    """The same spells, numbered as they are seen: who misses the first has it as the second."""
    if len(spells) == 1:
        return spells
    began = np.stack([spell.began.ravel() for spell in spells])
    ended = np.stack([spell.ended.ravel() for spell in spells])
    mixed = np.flatnonzero((began[1:] < began[:-1]).any(axis=0))
    order = np.argsort(began[:, mixed], axis=0, kind="stable")
    for months in (began, ended):
        months[:, mixed] = np.take_along_axis(months[:, mixed], order, axis=0)
    shape = spells[0].began.shape
    return [
        spell._replace(began=began[place].reshape(shape), ended=ended[place].reshape(shape))
        for place, spell in enumerate(spells)
    ]
