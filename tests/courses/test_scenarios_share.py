"""What scenarios share of a course is what each would have had alone."""

from __future__ import annotations

import numpy as np
import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.nouns.course import Course
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import followed, latents_for
from checks import raw_design

FAILS = {"soc": {}, "cart": {"infusion": {"failure": 0.4}}}
STAYS = {"soc": {"dropout": {"per_year": 0.5}}, "cart": {"dropout": {"per_year": 0.0}}}
LATER = {"cart": {"infusion": {"delay": {"dist": "lognormal", "median": 4.0, "sigma": 0.3}}}}
ON_DRUGS = {"soc": {"remission_on_drugs": {"probability": 0.6}}}


def every_month(course: Course) -> list[np.ndarray]:
    found = [course.infused, course.rescue, course.death, course.dropout]
    for spell in course.spells:
        found += [spell.began, spell.ended]
    return found + ([] if course.crossed is None else [course.crossed])


@pytest.mark.parametrize("crossover", [False, True])
def test_a_course_does_not_hang_on_the_scenarios_before_it(crossover: bool) -> None:
    raw = raw_design("sle_autologous")
    for number, change in enumerate((FAILS, STAYS, LATER, ON_DRUGS)):
        raw["scenarios"][f"other_{number}"] = {"role": "robustness", **change}
        raw["scenarios"][f"again_{number}"] = {"role": "robustness"}
    if crossover:
        raw["crossover"] = {"from": "soc", "to": "cart", "after_month": 6}
        raw["truth"]["soc"]["crossover"] = {"probability": 0.5}
    design = Design(**raw)
    together, latents = [], latents_for(design, 5, 0, 12)
    for truth in truths_of(design).values():
        enrolment = Enrolment.at_start(design, latents, truth.accrual.pace, truth.follow_up)
        together.append(followed(design, truth, latents, enrolment).course)
    for truth, shared in zip(truths_of(design).values(), together, strict=True):
        own = latents_for(design, 5, 0, 12)
        enrolment = Enrolment(design, own, truth.accrual.pace, truth.follow_up)
        alone = followed(design, truth, own, enrolment).course
        assert shared is not None
        assert alone is not None
        for one, other in zip(every_month(shared), every_month(alone), strict=True):
            assert np.array_equal(one, other)
