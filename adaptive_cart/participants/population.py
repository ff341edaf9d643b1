"""A block of participants: enrolled, randomised, and followed as the scenario has it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from adaptive_cart.courses import follow as courses
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.endpoints import AdverseEvent
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.course import Course
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR
from adaptive_cart.nouns.records import Booleans, Floats, Population
from adaptive_cart.nouns.recurrent_events import RecurrentEvents
from adaptive_cart.nouns.streams import Latents, padded
from adaptive_cart.participants.enrolment import Enrolment

Groups = list[tuple[int, int, npt.NDArray[np.intp]]]


def latents_for(design: Design, seed: int, first_trial: int, trials: int) -> Latents:
    """Latent uniforms of a block of trials of a design."""
    return Latents(seed, first_trial, trials, padded(design.enrolment.max_n))


def followed(design: Design, truth: Truth, latents: Latents, enrolment: Enrolment) -> Population:
    """Follow everybody who is enrolled."""
    arrival, arm, stratum = enrolment.arrival, enrolment.arm, enrolment.stratum
    if design.adaptive:
        # a later decision changes the enrolment, and not the participants seen until then
        arrival, arm = arrival.copy(), arm.copy()
        stratum = None if stratum is None else stratum.copy()
    return populate(design, truth, latents, arrival, arm, stratum)


def populate(
    design: Design,
    truth: Truth,
    latents: Latents,
    arrival: Floats,
    arm: Labels,
    stratum: Labels | None,
) -> Population:
    """Follow every participant as the scenario has it.

    Parameters
    ----------
    arrival, arm, stratum
        ``(trial, participant)``, as enrolled.
    """
    arms, strata = len(truth.arms), len(truth.strata)
    groups = courses.groups_of(arm, stratum, arms, strata)
    course: Course | None = None
    if truth.courses is not None:
        course = courses.follow(latents, truth.courses, groups, arm.shape, opening_of(design))
    return Population(
        arrival=arrival,
        arm=arm,
        stratum=stratum,
        arms=arms,
        strata=strata,
        max_n=design.enrolment.max_n,
        infused_arms=truth.infused_arms,
        course=course,
        dropout=_dropout(truth, latents, groups, arm.shape, course),
        adverse_events=_adverse_events(design, truth, latents, groups, course),
        recurrent=_recurrent(design, truth, latents, groups, arm.shape),
        direct=_direct(design, truth, latents, groups, arm, stratum),
        imputations={
            name: latents.of(f"imputation:{name}")
            for name, endpoint in design.endpoints.items()
            if getattr(endpoint, "missing", None) == "impute"
        },
        crossover_counts=design.crossover is not None
        and design.crossover.strategy == "treatment_policy",
    )


def opening_of(design: Design) -> courses.Opening | None:
    """Crossover of a design, with its arms as positions."""
    if design.crossover is None:
        return None
    position = design.arm_names.index
    crossover = design.crossover
    return courses.Opening(position(crossover.from_), position(crossover.to), crossover.after_month)


def _dropout(
    truth: Truth,
    latents: Latents,
    groups: Groups,
    shape: tuple[int, ...],
    course: Course | None,
) -> Floats | None:
    if course is not None:
        return course.dropout
    if not truth.has_dropout:
        return None
    months = np.full(shape, np.inf)
    u = latents.of("dropout").ravel()
    for arm, stratum, where in groups:
        hazard = truth.dropout[arm][stratum]
        months.ravel()[where] = courses.exponential(u.take(where), hazard)
    return months


def _adverse_events(
    design: Design, truth: Truth, latents: Latents, groups: Groups, course: Course | None
) -> dict[str, Floats]:
    found = {}
    infused = None if course is None else course.infused
    for name, endpoint in design.endpoints.items():
        if not isinstance(endpoint, AdverseEvent):
            continue
        direct = truth.direct.get(name)
        chances = []
        for arm, stratum, where in groups:
            group = None if truth.courses is None else truth.courses[arm][stratum]
            if direct is not None:
                probability = direct[arm][stratum]
            else:
                probability = 0.0 if group is None else group.events.get(name, 0.0)
            chances.append((probability, group is not None and group.infused, where))
        u = latents.of(f"event:{name}" if direct is None else f"outcome:{name}")
        found[name] = courses.adverse_event(u, chances, infused, endpoint.within_months)
    return found


def _recurrent(
    design: Design, truth: Truth, latents: Latents, groups: Groups, shape: tuple[int, ...]
) -> dict[str, RecurrentEvents]:
    found = {}
    for name, endpoint in design.endpoints.items():
        if endpoint.direct_truth != "rate":
            continue
        rate = np.zeros(shape)
        for arm, stratum, where in groups:
            if name in truth.direct:
                yearly = truth.direct[name][arm][stratum]
            else:
                assert truth.courses is not None
                yearly = truth.courses[arm][stratum].rates.get(name, 0.0)
            rate.ravel()[where] = yearly / MONTHS_PER_YEAR
        found[name] = RecurrentEvents(latents, rate, name)
    return found


def _direct(
    design: Design,
    truth: Truth,
    latents: Latents,
    groups: Groups,
    arm: Labels,
    stratum: Labels | None,
) -> dict[str, Floats | Booleans]:
    found: dict[str, Floats | Booleans] = {}
    for name, values in truth.direct.items():
        kind = design.endpoints[name].direct_truth
        if isinstance(design.endpoints[name], AdverseEvent):
            continue  # an event has a time as well
        if kind == "probability":
            u = latents.of(f"outcome:{name}")
            found[name] = courses.direct_response(u, values, arm, stratum)
        elif kind == "time":
            u = latents.of(f"outcome:{name}")
            found[name] = courses.direct_time(u, values, groups)
    return found
