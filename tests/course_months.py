"""Courses by the names that the slow twin has for their months, and back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from adaptive_cart.nouns.course import DRUG_FREE, ON_DRUGS, Course, Floats, Spell

EVENTS = ("infused", "rescue", "death", "dropout")


def months_of(course: Course) -> dict[str, Floats]:
    """Months of a course, ``(trial, participant)``; those after crossover where there is one."""
    found = {name: getattr(course, name) for name in EVENTS}
    found |= {f"infused_{k}": months for k, months in enumerate(course.infused_again, start=2)}
    if course.crossed is not None:
        found["crossed"] = course.crossed
    for spell in course.spells:
        if spell.state == ON_DRUGS:
            found["remission_on_drugs"] = spell.began
            continue
        after, number = "_after" if spell.after_crossover else "", ""
        while f"remission{number}{after}" in found:
            number = f"_{int(number[1:] or 1) + 1}"
        found |= {
            f"remission{number}{after}": spell.began,
            f"relapse{number}{after}": spell.ended,
        }
    return found


def course_of(months: Mapping[str, Floats]) -> Course:
    """The course that has these months."""
    spells = [Spell(DRUG_FREE, months["remission"], months["relapse"])]
    if "crossed" in months:
        spells.append(Spell(DRUG_FREE, months["remission_after"], months["relapse_after"], True))
    on_drugs = months["remission_on_drugs"]
    spells.append(Spell(ON_DRUGS, on_drugs, np.full(on_drugs.shape, np.inf)))
    events = {name: months[name] for name in EVENTS}
    return Course(**events, spells=tuple(spells), crossed=months.get("crossed"))
