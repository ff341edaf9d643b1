"""What cannot be so in a row of a participants table: things in an order that is impossible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from adaptive_cart.design.design import Design
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.errors import one_of
from adaptive_cart.nouns.calendar import SAME
from adaptive_cart.nouns.course import DRUG_FREE
from adaptive_cart.nouns.records import Floats
from adaptive_cart.recorded.table import CROSSOVER, WITHDRAWN, infusions_in, spells_in

Found = Iterator[tuple[str, str]]


def impossible(
    design: Design, infused_arms: tuple[bool, ...], months: Mapping[str, float], arm: int
) -> Found:
    """What cannot be in the order in which it is recorded.

    Parameters
    ----------
    months
        By column of the course, infinite where blank; nan where it is not known, of which nothing
        is found.
    arm
        Position of the arm; -1 where it is not known.

    Yields
    ------
    Column, and what is wrong.
    """
    yield from _spells(months)
    yield from _at_once(months)
    yield from _infusions(months)
    death = months["death_month"]
    for column, month in months.items():
        if column != "death_month" and np.isfinite(month) and month > death + SAME:
            yield column, f"found {month:g}, after death (month {death:g})"
    if arm >= 0:  # what is possible depends on the arm
        yield from _of_the_arm(design, infused_arms, months, arm)


def _spells(months: Mapping[str, float]) -> Found:
    lost_before: dict[tuple[str, bool], str] = {}
    rescue = months["rescue_month"]
    for state, after, _, begins, ends in spells_in(months):
        if ends not in months:
            continue  # it never ends
        began, ended = months[begins], months[ends]
        if np.isfinite(ended) and began > ended:
            yield ends, f"found {ended:g}; a {_called(ends)} {_misplaced(months, begins)}"
        last = lost_before.get((state, after))
        if last is not None and np.isfinite(began) and months[last] > began + SAME:
            yield begins, f"found {began:g}; a {_called(begins)} {_misplaced(months, last)}"
        lost_before[state, after] = ends
        if state == DRUG_FREE and not after and began <= rescue < ended - SAME:
            yield (
                "rescue_month",
                f"found {rescue:g}, in drug-free remission (from month {began:g}); rescue ends "
                f"it, so {ends} is needed",
            )


def _at_once(months: Mapping[str, float]) -> Found:
    """Remissions of the own course and of the other arm's that would last at the same time."""
    spells = [
        (after, months[begins], begins, ends)
        for state, after, _, begins, ends in spells_in(months)
        if state == DRUG_FREE and ends in months and np.isfinite(months[begins])
    ]
    for after, began, begins, ends in spells:
        later = [
            s for s in spells if s[0] != after and s[1] >= began and s[1] < months[ends] - SAME
        ]
        if not later:
            continue
        _, month, other, _ = min(later, key=lambda spell: spell[1])
        found = f"found {months[ends]:g}" if np.isfinite(months[ends]) else "blank"
        yield (
            ends,
            f"{found}; {begins} (month {began:g}) has not ended when {other} (month {month:g}) "
            f"comes; fill in the month of its end, no later than {month:g}",
        )


def _infusions(months: Mapping[str, float]) -> Found:
    """Infusions that stand there without the one before, or before it."""
    columns = ["infused_month", *infusions_in(months)]
    for before, column in pairwise(columns):
        if np.isfinite(months[column]) and not months[before] < months[column]:
            found = f"found {months[column]:g}; an infusion"
            if np.isfinite(months[before]):
                yield column, f"{found} no later than the one before ({before} {months[before]:g})"
            elif not np.isnan(months[before]):
                yield column, f"{found} without the one before; {before} is blank"


def _called(column: str) -> str:
    return column.removesuffix("_month").replace("_", " ")


def _misplaced(months: Mapping[str, float], other: str) -> str:
    if np.isfinite(months[other]):
        return f"is before the {_called(other)} (month {months[other]:g})"
    return f"without a {_called(other)}"


def _of_the_arm(
    design: Design, infused_arms: tuple[bool, ...], months: Mapping[str, float], arm: int
) -> Found:
    crossed, name = months[CROSSOVER[0]], design.arm_names[arm]
    product = PRODUCTS.get(design.arms[name].product or "")
    may = infused_arms[arm] or (product is not None and product.infused) or np.isfinite(crossed)
    if design.crossover is not None and design.follow_up is not None:
        # an infusion is known at once, the crossover that led to it when it has been reported
        late = design.follow_up.reporting_delay > 0.0
        may = may or (late and name == design.crossover.from_)
    if np.isfinite(months["infused_month"]) and not may:
        yield "infused_month", f"nobody is infused in arm '{name}'"
    if design.crossover is None:
        return
    if np.isfinite(crossed) and name != design.crossover.from_:
        yield CROSSOVER[0], f"crossover is from arm '{design.crossover.from_}' only"
    if np.isfinite(months[CROSSOVER[1]]) and crossed > months[CROSSOVER[1]]:
        yield CROSSOVER[1], f"found {months[CROSSOVER[1]]:g}, before any crossover"


def after_last_contact(months: Mapping[str, float], last: float) -> Found:
    """What cannot be known after the last contact."""
    for column, month in months.items():
        if np.isfinite(month) and month > last + SAME:
            extra = "; a death is a contact" if column == "death_month" else ""
            yield column, f"found {month:g}, after last contact (month {last:g}){extra}"
    death = months.get("death_month", np.inf)
    if np.isfinite(death) and last > death + SAME:
        yield "last_contact_month", f"found {last:g}, after death (month {death:g})"


def known_ahead(found: Sequence[tuple[int, float]], delay: float) -> list[str]:
    """Tell infusions that came longer after the last contact than data should take.

    Parameters
    ----------
    found
        Row and months after the last contact of each.
    """
    if not found:
        return []
    rows = sorted({row for row, _ in found})
    where = f"row{'s' if len(rows) > 1 else ''} {one_of([str(row) for row in rows])}"
    return [
        f"an infusion or crossover is up to {max(months for _, months in found):g} months after "
        f"the last contact ({where}), and follow_up.reporting_delay is {delay:g}: taken as known "
        "before what was seen by then; is it so?"
    ]


def after_withdrawal(months: Mapping[str, float], last: float, withdrawn: float) -> Found:
    """What cannot be of somebody who has withdrawn."""
    if not np.isfinite(withdrawn):
        return
    if last > withdrawn + SAME:
        yield (
            WITHDRAWN,
            f"found {withdrawn:g}, and last contact is month {last:g}; who is still seen has "
            "not withdrawn: leave it blank, or end last_contact_month there",
        )
    death = months.get("death_month", np.inf)
    if np.isfinite(death):
        yield (
            WITHDRAWN,
            f"found {withdrawn:g}, and a death (month {death:g}); leave it blank where the "
            "participant was followed to death, or else leave the death blank",
        )


def outside_their_part(
    design: Design, randomised: Floats, arm: npt.NDArray[np.integer]
) -> Iterator[tuple[int, str]]:
    """Who of the first part is in an arm that does not enrol in it.

    Parameters
    ----------
    randomised, arm
        ``(participant,)`` months, nan where not known, and positions, -1 where not known.

    Yields
    ------
    Position of the participant, and what is wrong.
    """
    part = design.first_part
    if part is None:
        return
    enrols = part.arms(design)
    among = one_of(design.arm_names[place] for place in enrols)
    # with those of the same month counted, nobody else can be before
    upto = (randomised[:, None] <= randomised[None]).sum(axis=0)
    for place in np.flatnonzero((upto <= part.participants) & (arm >= 0)):
        if np.isfinite(randomised[place]) and arm[place] not in enrols:
            yield (
                int(place),
                f"found '{design.arm_names[arm[place]]}'; the first {part.participants} by month "
                f"of randomisation are those of the first part, in which {among} enrol",
            )
