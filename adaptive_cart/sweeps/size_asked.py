"""What is asked of a size: where the power is wanted, which sizes, and whether looks are free."""

from __future__ import annotations

from collections.abc import Iterable

from adaptive_cart.design.design import Design
from adaptive_cart.design.randomisation import smallest_block
from adaptive_cart.errors import DesignError, InputError, Problem, one_of
from adaptive_cart.nouns.asked_numbers import LARGEST_TRIAL, MOST_TRIALS, wrong_number
from adaptive_cart.running.asked import wrong_numbers
from adaptive_cart.running.engine import Engine
from adaptive_cart.sweeps.moving_looks import FreeLooks, block_of, looks_of
from adaptive_cart.sweeps.sized_looks import wrong_free_looks


def read_asked(
    design: Design,
    power: float,
    scenarios: Iterable[str] | None,
    between: tuple[int | None, int | None],
    looks: tuple[int, int] | str | None,
    recalibrate: bool,
    engine: Engine,
    fresh: int,
    numbers: tuple[int, int, int | None],
) -> tuple[FreeLooks | None, tuple[str, ...], list[int]]:
    """What is free of the looks, where the power is wanted, and the sizes.

    Parameters
    ----------
    numbers
        Trials, seed and processes.

    Raises
    ------
    DesignError
        With every problem of what was asked.
    """
    trials, seed, jobs = numbers
    problems = wrong_numbers(trials, seed, jobs=jobs)
    asked: tuple[str, ...] = ()
    sizes: list[int] = []
    free = None
    try:
        asked = _scenarios(design, scenarios)
    except DesignError as error:
        problems += error.problems
    if not 0.0 < power < 1.0:
        problems.append(
            Problem("--power", f"found {power:g}; a number between 0 and 1 is expected")
        )
    problems += wrong_number("--fresh", fresh, 0, MOST_TRIALS)
    block = smallest_block(design.allocation) if looks is None else block_of(design)
    beyond = [
        problem
        for option, size in zip(("--least", "--most"), between, strict=True)
        for problem in wrong_number(option, size, 1, LARGEST_TRIAL)
    ]
    problems += beyond
    try:
        sizes = [] if beyond else _sizes(design, *between, block)
    except InputError as error:
        problems.append(Problem("", str(error)))
    try:
        if looks is not None:
            free = FreeLooks(*(looks_of(looks) if isinstance(looks, str) else looks))
    except InputError as error:
        problems.append(Problem("", str(error)))
    if free is not None:
        problems += wrong_free_looks(design, free, sizes, recalibrate, engine)
    if problems:
        raise DesignError(problems)
    return free, asked, sizes


def _scenarios(design: Design, wanted: Iterable[str] | None) -> tuple[str, ...]:
    """Scenarios in which the power is wanted."""
    names = list(wanted or ())
    alternatives = [n for n, s in design.truths.items() if s.is_alternative]
    unknown = [name for name in names if name not in design.scenarios]
    if unknown:
        there = f"there are {one_of(list(design.scenarios))}"
        raise DesignError([Problem("--scenario", f"no scenario '{n}'; {there}") for n in unknown])
    found = tuple(dict.fromkeys(names or alternatives))
    if not found:
        raise DesignError([Problem("", "no scenario is an alternative; name one with --scenario")])
    return found


def _sizes(design: Design, least: int | None, most: int | None, block: int) -> list[int]:
    """Sizes that may be searched: whole allocation blocks."""
    written = design.enrolment.max_n
    first = -(-(written // 2 if least is None else least) // block) * block
    if design.first_part is not None:  # somebody is left for the second part
        first = max(first, -(-(design.first_part.participants + 1) // block) * block)
    last = (2 * written if most is None else most) // block * block
    if first < block or last <= first:
        raise InputError(
            f"--least {least if least is not None else first} and --most "
            f"{most if most is not None else last}: no two sizes lie between them, in whole "
            f"allocation blocks of {block}"
        )
    return list(range(first, last + 1, block))
