"""A block of participants: enrolled, randomised, and followed as the scenario has it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.courses import follow as courses
from adaptive_cart.design.design import Design
from adaptive_cart.design.own_truths import OwnTruths
from adaptive_cart.design.truth import Truth
from adaptive_cart.endpoints.direct import Drawing
from adaptive_cart.nouns.counters import Labels, narrow
from adaptive_cart.nouns.course import Course
from adaptive_cart.nouns.enrolled import Enrolled
from adaptive_cart.nouns.external_draws import Drawn, drawn_from
from adaptive_cart.nouns.participant_set import WORD
from adaptive_cart.nouns.records import Floats, Outcome, Population
from adaptive_cart.nouns.streams import Latents, Same, padded
from adaptive_cart.participants.enrolment import Enrolment

Groups = Iterable[tuple[int, int, npt.NDArray[np.intp]]]
Array = npt.NDArray[Any]


def latents_for(design: Design, seed: int, first_trial: int, trials: int) -> Latents:
    """Latent uniforms of a block of trials of a design."""
    return Latents(seed, first_trial, trials, padded(design.enrolment.max_n))


def followed(
    design: Design,
    truth: Truth,
    latents: Latents,
    enrolment: Enrolment,
    own: OwnTruths | None = None,
) -> Population:
    """Follow everybody who is enrolled.

    Parameters
    ----------
    own
        Truths of the trials, where they have truths of their own; ``truth`` is then one of them.
    """
    arrival, arm, stratum = enrolment.arrival, enrolment.arm, enrolment.stratum
    if design.adaptive:
        # a later decision changes the enrolment, and not the participants seen until then
        arm = arm.copy()
        if stratum is not None:  # where one closes, fewer come
            arrival, stratum = arrival.copy(), stratum.copy()
    population = populate(design, truth, latents, arrival, arm, stratum, own)
    if design.by_period:
        population = replace(population, windows=enrolment.windows)
    return population


def in_arrays(design: Design, truth: Truth, population: Population) -> bool:
    """Whether each participant is drawn apart from all others, and is nothing but numbers."""
    return (
        truth.courses is None
        and truth.mixture is None
        and population.stratum is None
        and population.attendance is None
        and not design.by_period
        and not design.redrawn
        and all(isinstance(outcome, np.ndarray) for outcome in population.outcomes.values())
    )


def _numbers_alone(design: Design, truth: Truth) -> bool:
    """Whether that is known before anybody is followed, of one stratum; see `in_arrays`."""
    visits = truth.follow_up is not None and truth.follow_up.visit_every is not None
    plain = truth.courses is None and truth.mixture is None and not visits
    if not plain or design.by_period or design.redrawn:
        return False
    for name, endpoint in design.endpoints.items():
        values = truth.said(name, endpoint.named_in)
        direct = endpoint.direct
        if values is None or direct is None:
            return False
        if not all(direct.in_array(value) for by in values for value in by):
            return False
    return True


def first_followed(
    design: Design, truth: Truth, latents: Latents, enrolment: Enrolment
) -> Population | None:
    """Follow those of the first word alone, where that may be; all others have nothing yet."""
    if not _numbers_alone(design, truth):
        return None
    own = slice(0, min(WORD, enrolment.arrival.shape[1]))
    arrival, arm = enrolment.arrival[:, own], np.ascontiguousarray(enrolment.arm[:, own])
    seen = populate(design, truth, latents.columns(own), arrival, arm, None)
    return seen.widened(enrolment.arrival, imputation_uniforms(design, latents))


def followed_anew(
    population: Population,
    design: Design,
    truth: Truth,
    latents: Latents,
    enrolment: Enrolment,
    columns: slice,
) -> Population:
    """The same population, of which some columns have been enrolled anew; see `in_arrays`."""
    last = min(-(-columns.stop // WORD) * WORD, population.participants)
    own = slice(columns.start // WORD * WORD, last)
    arrival, arm = population.arrival[:, own], np.ascontiguousarray(enrolment.arm[:, own])
    seen = populate(design, truth, latents.columns(own), arrival, arm, None)
    return population.with_columns(own.start, seen)


def populate(
    design: Design,
    truth: Truth,
    latents: Latents,
    arrival: Floats,
    arm: Labels,
    stratum: Labels | None,
    own: OwnTruths | None = None,
) -> Population:
    """Follow every participant as the scenario has it.

    Parameters
    ----------
    arrival, arm, stratum
        ``(trial, participant)``, as enrolled.
    own
        Truths of the trials, where they have truths of their own; ``truth`` is then one of them.

    Where the truth has parts, everybody is drawn from the arm of the own part.
    """
    arms, strata = len(truth.arms), len(truth.strata)
    whose, whole = arm, truth
    if truth.mixture is not None:
        whole = truth.side_by_side
        part = truth.mixture.part_of(latents.of("mixture"), arrival)
        whose = (part * arms + arm).astype(narrow(len(whole.arms)))
        if own is not None:  # of the same parts, in the same shares
            own = replace(own, distinct=tuple(each.side_by_side for each in own.distinct))
    alike = (Same(whose), Same(stratum), len(whole.arms), strata)
    groups = latents.made_once("groups", alike, lambda: courses.Groups(whose, stratum, *alike[2:]))
    course: Course | None = None
    if whole.courses is not None:
        opening = opening_of(design)
        if own is None:
            theirs = [courses.Group(*group, whole.courses) for group in groups]
        else:
            every = [each.courses for each in own.distinct if each.courses is not None]
            theirs = courses.groups_by_truth(groups, every, own.of_trial, arm.shape[1], opening)
        course = courses.follow(latents, theirs, arm.shape, opening)
    return Population(
        arrival=arrival,
        arm=arm,
        stratum=stratum,
        arms=arms,
        strata=strata,
        max_n=design.enrolment.max_n,
        infused_arms=truth.infused_arms,
        course=course,
        dropout=_dropout(whole, latents, groups, arm.shape, course),
        outcomes=_outcomes(design, whole, latents, groups, arrival, whose, stratum, course, own),
        imputations=imputation_uniforms(design, latents),
        visits={name: endpoint.taken_at() for name, endpoint in design.endpoints.items()},
        crossover_counts=design.crossover is not None and design.crossover.ignored,
        external=_external(design, truth, latents),
        shared=latents.made_once(
            "enrolled", (Same(arrival), Same(arm), Same(stratum), arms, strata),
            lambda: Enrolled(arrival, arm, stratum, arms, strata),
        ),
    )  # fmt: skip


def imputation_uniforms(design: Design, latents: Latents) -> dict[str, Floats]:
    """By endpoint that is imputed: with which a missing response is drawn."""
    return {
        name: latents.of(f"imputation:{name}")
        for name, endpoint in design.endpoints.items()
        if endpoint.imputes()
    }


def _external(design: Design, truth: Truth, latents: Latents) -> dict[str, Drawn]:
    """Numbers of external data that are drawn anew in every trial."""
    found = {}
    for name in design.redrawn:
        data = design.external[name].in_order_of(design.stratum_names)
        law = design.endpoints[data.endpoint].gives.external_law
        assert law is not None
        levels = truth.external_source[data.endpoint, name]
        u = latents.of(f"external:{name}", law.uniforms * len(levels))
        found[name] = drawn_from(law, data, levels, u)
    return found


def opening_of(design: Design) -> courses.Opening | None:
    """Crossover of a design, with its arms as positions."""
    if design.crossover is None:
        return None
    position = design.arm_names.index
    crossover = design.crossover
    return courses.Opening(
        position(crossover.from_),
        position(crossover.to),
        crossover.opens,
        crossover.trigger,
        len(design.arm_names),
    )


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


def _outcomes(
    design: Design,
    truth: Truth,
    latents: Latents,
    groups: Groups,
    arrival: Floats,
    arm: Labels,
    stratum: Labels | None,
    course: Course | None,
    own: OwnTruths | None,
) -> dict[str, Outcome]:
    """Draw what the truth says of each endpoint itself, directly or as part of a course."""
    found: dict[str, Outcome] = {}
    for name, endpoint in design.endpoints.items():
        values = truth.said(name, endpoint.named_in)
        if values is None:
            continue
        if own is None or all(_says_alike(each, truth, name, design) for each in own.distinct):
            drawing = _drawing(design, truth, name, latents, groups, arrival, arm, stratum, course)
            found[name] = drawing.endpoint.direct.draw(drawing)
            continue
        pieces: Array | None = None  # of arrays, as `OwnTruths.together` has seen to
        for each, rows in own.parts():
            labels = None if stratum is None else stratum[rows]
            drawing = _drawing(
                design, each, name, latents.rows(rows),
                courses.Groups(arm[rows], labels, len(truth.arms), len(truth.strata)),
                arrival[rows], arm[rows], labels, None if course is None else course.rows(rows),
            )  # fmt: skip
            piece = drawing.endpoint.direct.draw(drawing)
            if pieces is None:
                pieces = np.empty(arm.shape, dtype=piece.dtype)
            pieces[rows] = piece
        assert pieces is not None
        found[name] = pieces
    return found


def _says_alike(one: Truth, other: Truth, name: str, design: Design) -> bool:
    """Whether outcomes of an endpoint are drawn alike under two truths."""
    named_in = design.endpoints[name].named_in
    said = one.said(name, named_in) == other.said(name, named_in)
    return said and _after_first(one) == _after_first(other)


def _after_first(truth: Truth) -> list[list[dict[str, float]]]:
    """By arm and stratum: probabilities of events after infusions beyond the first."""
    return [[group.own.events_after for group in by] for by in truth.courses or ()]


def _drawing(
    design: Design,
    truth: Truth,
    name: str,
    latents: Latents,
    groups: Groups,
    arrival: Floats,
    arm: Labels,
    stratum: Labels | None,
    course: Course | None,
) -> Drawing:
    """What is drawn of an endpoint, whose it is, and with which uniforms."""
    endpoint = design.endpoints[name]
    values = truth.said(name, endpoint.named_in)
    assert values is not None
    return Drawing(
        endpoint=endpoint,
        name=name,
        values=values,
        directly=name in truth.direct,
        latents=latents,
        arm=arm,
        stratum=stratum,
        groups=groups,
        course=course,
        infused=[[group.infused for group in by] for by in truth.courses or ()],
        after_first=_after_first(truth),
        visits={n: e.taken_at() for n, e in design.endpoints.items()},
        correlated=truth.correlated,
        month=arrival,
        trend=truth.trends.get(name, ()),
    )
