"""How looks move: with the size, to other times, to another number; and rules that name them.

Looks that count participants come out in whole allocation blocks, those that count events in whole
events; a half is rounded up. Looks by months alone stay where they are as the size moves; where
their times are free they come out in whole months, the last one as it is written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from adaptive_cart.design.design import Design
from adaptive_cart.design.look_scales import NUMBERS
from adaptive_cart.design.randomisation import smallest_block
from adaptive_cart.design.validation import path_to, shown
from adaptive_cart.errors import InputError, Problem

MOST_LOOKS = 12


@dataclass(frozen=True)
class FreeLooks:
    """Looks whose timing is free, and their number between two.

    Attributes
    ----------
    fewest, most
        Numbers of looks, the last one, which stays where it is, counted in.
    """

    fewest: int
    most: int

    def number(self) -> str:
        """Say how many: ``2 to 4 looks``."""
        many = f"{self.fewest}" if self.fewest == self.most else f"{self.fewest} to {self.most}"
        return f"{many} look{'s' if self.most > 1 else ''}"

    def words(self) -> str:
        """Say it: ``2 to 4 looks, at any time``."""
        return f"{self.number()}, at any time"


def looks_of(typed: str) -> tuple[int, int]:
    """Read ``3`` or ``2:4`` as the fewest and the most looks."""
    ends = re.fullmatch(r"\s*(\d+)\s*(?::\s*(\d+)\s*)?", typed)
    if ends is None:
        raise InputError(
            f"--looks: found {shown(typed)}; a number of looks, or FEWEST:MOST such as 2:4"
        )
    return int(ends[1]), int(ends[2] or ends[1])


def block_of(design: Design) -> int:
    """Participants of an allocation block."""
    return design.randomisation.block_given or smallest_block(design.allocation)


# ── when they are ─────────────────────────────────────────────────────────────────────────────
def nearest(number: Fraction) -> int:
    """The nearest whole number, a half upwards, and 1 at least."""
    return max(int(number + Fraction(1, 2)), 1)


def moved_with_size(design: Design, size: int) -> list[int]:
    """Looks by number in proportion to ``max_n``.

    A first part keeps its participants and its look; those of the second are in proportion to it.
    """
    looks, unit = design.looks, _unit(design, smallest_block(design.allocation))
    kept = 0 if design.first_part is None else design.first_part.participants
    share = Fraction(max(size - kept, 0), design.enrolment.max_n - kept)
    later = [int(at) - kept for at in looks.at if int(at) != kept]
    moved = [kept] if kept else []
    return _within(design, size, [*moved, *(kept + nearest(n * share / unit) * unit
                                            for n in later)])  # fmt: skip


def at_shares(
    design: Design, size: int, block: int, shares: Sequence[float] | None = None
) -> list[int]:
    """Looks by number at shares of the last one, which is in proportion to ``max_n``.

    Parameters
    ----------
    shares
        From 0 to 1; those of the design as written if left out. Looks that would be one move apart.
    """
    last, unit = final_of(design, size, block), _unit(design, block)
    if shares is None:
        of_last = [Fraction(int(at), int(design.looks.at[-1])) for at in design.looks.at]
    else:
        of_last = [Fraction(share) for share in shares]
    numbers = rising([int(share * last + Fraction(1, 2)) for share in of_last], last)
    return _within(design, size, [number * unit for number in numbers])


def free_looks(design: Design, size: int, block: int, shares: Sequence[float]) -> list[float]:
    """Looks as they are written, at shares of the last one: numbers, or months.

    The last one is the final look where there is one, of everybody, and is not written then.
    """
    last = design.looks.at[-1]
    if design.looks.counts.by_calendar:
        whole = math.ceil(last)
        months = rising([int(Fraction(share) * whole + Fraction(1, 2)) for share in shares], whole)
        return [*map(float, months[:-1]), last]
    if design.looks.final is None:
        return list(at_shares(design, size, block, shares))
    everybody = size // block
    numbers = rising([int(Fraction(share) * everybody + Fraction(1, 2)) for share in shares],
                     everybody)  # fmt: skip
    return [number * block for number in numbers[:-1]]


def shares_of(design: Design) -> list[float]:
    """Times of all looks but the last, as shares of it: what :func:`free_looks` is given."""
    looks = design.looks
    if looks.final is not None:
        return [float(at) / design.enrolment.max_n for at in looks.at]
    return [float(at) / float(looks.at[-1]) for at in looks.at[:-1]]


def final_of(design: Design, size: int, block: int) -> int:
    """The last look in proportion to ``max_n``, in blocks or events."""
    last = Fraction(int(design.looks.at[-1]) * size, design.enrolment.max_n)
    return nearest(last / _unit(design, block))


def _unit(design: Design, block: int) -> int:
    return block if design.looks.counts.of_participants else 1


def _within(design: Design, size: int, numbers: list[int]) -> list[int]:
    """No look waits for more participants than there are."""
    if not design.looks.counts.of_participants:
        return numbers
    return [min(number, size) for number in numbers]


def rising(numbers: Sequence[int], last: int) -> list[int]:
    """Whole numbers from 1 to the last, each larger than the one before; as near as may be."""
    kept = min(len(numbers), last)
    found = list(numbers[len(numbers) - kept :])
    for place in range(kept):
        found[place] = max(found[place], 1 if place == 0 else found[place - 1] + 1)
    found[-1] = last
    for place in range(kept - 2, -1, -1):
        found[place] = min(found[place], found[place + 1] - 1)
    return found


# ── the design with them ──────────────────────────────────────────────────────────────────────
def with_numbers(design: Design, numbers: Sequence[float]) -> dict[str, Any]:
    """Settings for looks by other numbers or months, and for the rules that name looks."""
    looks = design.looks
    inner = looks.written(list(numbers))[looks.scale]
    named = ("looks", looks.scale, "numbers") if isinstance(inner, dict) else ("looks", looks.scale)
    number = len(numbers) + (looks.final is not None)
    return {path_to("", *named): list(numbers)} | _rules(design, number)


def _rules(design: Design, number: int) -> dict[str, Any]:
    """Looks of the rules that are judged before the last look, or at it, at another number."""
    before = design.looks.number
    found: dict[str, Any] = {}
    if number == before:
        return {}
    for rule in design.rules:
        judged = design.judged_at(rule)
        if rule.looks is not None and judged == tuple(range(1, before)):
            found[path_to("rules", rule.name, "looks")] = list(range(1, number))
        elif rule.looks is not None and judged == (before,):
            found[path_to("rules", rule.name, "looks")] = ["final"]
    return found


# ── checks ────────────────────────────────────────────────────────────────────────────────────
def wrong_looks(
    design: Design, looks: FreeLooks, most: int = MOST_LOOKS, by_calendar: bool = False
) -> Iterable[Problem]:
    """Why looks cannot be free in a design.

    Parameters
    ----------
    most
        Looks that may be asked for.
    by_calendar
        Whether looks by months may be free, and those before a final look of everybody.
    """
    if not 1 <= looks.fewest <= looks.most <= most:
        yield Problem(
            "--looks",
            f"found {looks.fewest}:{looks.most}; FEWEST:MOST from 1 to {most} is expected",
        )
        return
    if why := _kept_as_written(design, by_calendar):
        yield Problem("--looks", why)
        return
    if design.looks.final is not None and looks.fewest < 2:
        message = "one is stated before the final look at least: --looks 2:… is the fewest then"
        yield Problem("--looks", message)
    yield from _wrong_rules(design, looks)


def _kept_as_written(design: Design, by_calendar: bool) -> str:
    """Why looks stay as they are written; blank where they can be free."""
    looks = design.looks
    scale, final = looks.scale, looks.final is not None
    if looks.at_months or (final and not looks.counts.of_participants):
        also = " and months" if looks.at_months else " and a final one"
        return f"looks by {scale}{also} stay as they are; looks by one scale alone can be free"
    if not by_calendar and (final or looks.counts.by_calendar):
        return (
            f"looks by {'a final one of everybody' if final else scale} stay as they are; looks by "
            f"{', '.join(NUMBERS)} alone can be free"
        )
    return ""


def _wrong_rules(design: Design, looks: FreeLooks) -> Iterable[Problem]:
    """Rules that do not go with another number of looks."""
    before = design.looks.number
    if (looks.fewest, looks.most) == (before, before):
        return
    whole = {tuple(range(1, before)), (before,), tuple(range(1, before + 1))}
    for rule in design.rules:
        path = path_to("rules", rule.name)
        if rule.looks is not None and design.judged_at(rule) not in whole:
            yield Problem(
                f"{path}.looks",
                f"names looks {design.judged_at(rule)}, and with --looks their number is free; "
                f"all but the last, the last, or all are expected, or --looks {before}",
            )
        early = rule.looks is not None and design.judged_at(rule) == tuple(range(1, before))
        if early and looks.fewest < 2:
            message = "is judged before the last look; --looks 2:… is the fewest then"
            yield Problem(f"{path}.looks", message)
        if any(_by_look(asked.at_least, asked.below) for asked in rule.comparisons):
            message = f"has one threshold a look, so that the number is not free: --looks {before}"
            yield Problem(path, message)


def _by_look(*thresholds: Any) -> bool:
    return any(isinstance(value, list) for value in thresholds)
