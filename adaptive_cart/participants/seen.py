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
    began = np.stack([spell.began for spell in spells])
    ended = np.stack([spell.ended for spell in spells])
    order = np.argsort(began, axis=0, kind="stable")
    began, ended = (np.take_along_axis(months, order, axis=0) for months in (began, ended))
    return [
        spell._replace(began=began[place], ended=ended[place]) for place, spell in enumerate(spells)
    ]
