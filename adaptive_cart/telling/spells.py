"""What a course says beside the first remission: infusions after the first, tapers, wash-outs."""

from __future__ import annotations

from collections.abc import Iterator

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
