"""What a course says beside the first remission: infusions after the first, tapers, wash-outs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from adaptive_cart.courses.group import GroupCourse
from adaptive_cart.design.design import Design
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.design.truth import Truth


def told_spells(design: Design, truth: Truth) -> Iterator[str]:
    """Say what each arm's course has of it, by stratum where they differ, and what to doubt."""
    for arm, by_stratum in zip(truth.arms, truth.courses or (), strict=bool(truth.courses)):
        own = [group for group in by_stratum if group.disease_of == arm]
        for key in dict.fromkeys(key for group in own for key, _ in _parts(group)):
            said = [dict(_parts(group)).get(key, "none") for group in own]
            yield f"{arm}.{key}: {' / '.join(dict.fromkeys(said))}"
        product = PRODUCTS.get(design.arms[arm].product or "")
        if product is None or not any(group.own.infuses_again for group in own):
            continue
        if product.against_redosing:
            yield (
                f"warning: {arm} is infused again, and of '{design.arms[arm].product}' that is "
                f"{product.redosing.partition(':')[0]}: {product.against_redosing}"
            )


def _parts(group: GroupCourse) -> Iterator[tuple[str, str]]:
    """Each part by its key, in words."""
    if group.washout is not None:
        yield "washout", f"the infusion waits; months from randomisation {group.washout.words()}"
    if group.own.taper is not None:
        yield "taper", group.own.taper.words()
    for key, sequel in group.own.sequels:
        yield key, sequel.words()


def course_events(design: Design, truths: Iterable[Truth]) -> list[str]:
    """What may happen to a participant in any of some scenarios, in the order in which it may."""
    truths = list(truths)
    groups = [group for truth in truths for arm in truth.courses or () for group in arm]
    # whom nothing makes an infusion of the own arm may still follow the other's course
    courses = [course for group in groups for course in (group.own, group.never_infused)]
    infuses = any(sequel.infuses for course in courses for _, sequel in course.sequels)
    again = any(not sequel.infuses for course in courses for _, sequel in course.sequels)
    on_drugs = any(group.on_drugs > 0.0 for group in groups)
    may = {
        "wash-out": any(group.washout is not None for group in groups),
        "infusion": any(group.infused for group in groups),
        "taper of background drugs": any(course.taper is not None for course in courses),
        "drug-free remission" if on_drugs else "remission": True,
        "remission on drugs": on_drugs,
        "relapse": any(course.may_relapse for course in courses),
        "another infusion": infuses,
        "remission that comes again by itself": again,
        "rescue": any(course.rescue > 0.0 for course in courses),
        "crossover": any(group.crossover > 0.0 for group in groups),
        "adverse events": any(any(group.events.values()) for group in groups),
        "recurrent events": any(any(group.rates.values()) for group in groups),
        "dropout": any(group.dropout > 0.0 for group in groups),
        "death": any(group.death > 0.0 for group in groups),
    }
    found = [event for event, happens in may.items() if happens]
    if may["crossover"] and design.crossover is not None:
        crossover, whom = design.crossover, design.crossover.whom.rstrip(",").replace(",", "")
        told = f"crossover from {crossover.from_} to {crossover.to} of participants {whom}"
        found[found.index("crossover")] = told
    return found
