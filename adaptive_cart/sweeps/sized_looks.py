"""Looks that are free while a size is searched: all choices on a grid, and the one with most power.

The last look is in proportion to the size. The others are at tenths of it, to the nearest
allocation block, a half upwards; tenths that fall together, or on the last look, are one look. A
choice is any of these, in the numbers that are allowed. Each is run, after its thresholds have been
calibrated where that is asked. Where it is enumerated nothing but the grid comes between what is
found and the best looks there are; where it is simulated, chance does too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.engine import Engine, cost_of, obstacles
from adaptive_cart.running.exact import enumerate_design
from adaptive_cart.running.region import needs_calibration, with_found
from adaptive_cart.running.workers import spread
from adaptive_cart.sweeps.counted_success import successes
from adaptive_cart.sweeps.moving_looks import (
    FreeLooks,
    block_of,
    final_of,
    nearest,
    with_numbers,
    wrong_looks,
)
from adaptive_cart.sweeps.varying import design_of_size

SHARES = 10  # into which the time to the last look is cut
SAME = 1e-12  # powers that differ by less are the same


@dataclass(frozen=True)
class BestLooks:
    """The choice of looks with most power at a size; the fewest and earliest of several.

    Attributes
    ----------
    design
        With them, and with its thresholds.
    calibrated
        Whether these were calibrated for it.
    powers
        Of every choice, by the numbers of its looks.
    """

    design: Design
    calibrated: bool
    powers: Mapping[tuple[int, ...], float]


@dataclass(frozen=True)
class Judging:
    """How choices of looks are judged.

    Attributes
    ----------
    scenarios
        In which the power counts.
    trials, seed
        Of simulated designs: the same participants for every choice.
    """

    scenarios: tuple[str, ...]
    recalibrate: bool
    engine: Engine
    trials: int
    seed: int
    jobs: int | None
    progress: Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Choice:
    """What is judged of a choice."""

    design: Design
    scenarios: tuple[str, ...]
    trials: int
    seed: int
    simulated: bool


def choices(design: Design, looks: FreeLooks, size: int) -> list[list[int]]:
    """Numbers of the looks of every choice at a size, fewest first."""
    block = block_of(design)
    last = final_of(design, size, block)
    tenths = {nearest(Fraction(k * last, SHARES)) for k in range(1, SHARES)}
    early = [number * block for number in sorted(tenths) if number < last]
    return [
        [*chosen, last * block]
        for number in range(looks.fewest - 1, looks.most)
        for chosen in itertools.combinations(early, number)
    ]


def best_looks(design: Design, looks: FreeLooks, size: int, how: Judging) -> BestLooks:
    """Judge every choice of looks at a size."""
    all_ = choices(design, looks, size)
    made = [_with_looks(design, size, numbers, how.recalibrate) for numbers in all_]
    found: list[tuple[float, Design]] = []
    simulated = how.engine == "simulate" or bool(obstacles(made[-1], made[-1].truths))
    items = [_Choice(one, how.scenarios, how.trials, how.seed, simulated) for one in made]
    for judged in spread(_judged, items, how.jobs):
        how.progress("choices of looks", len(found), len(items))
        found.append(judged)
    most = max(value for value, _ in found)
    first = next(one for value, one in found if value >= most - SAME)
    powers = {tuple(n): value for n, (value, _) in zip(all_, found, strict=True)}
    return BestLooks(first, needs_calibration(items[0].design), powers)


def _with_looks(design: Design, size: int, numbers: Sequence[int], recalibrate: bool) -> Design:
    return design_of_size(design, size, recalibrate, with_numbers(design, numbers))


def _judged(choice: _Choice) -> tuple[float, Design]:
    """The least probability of success in the scenarios, and the design with its thresholds."""
    design = choice.design
    if needs_calibration(design):
        design = with_found(design, calibrate(design, seed=choice.seed, jobs=1))
    if choice.simulated:
        number = successes(design, choice.scenarios, choice.seed, (0, choice.trials), jobs=1)
        return min(number) / choice.trials, design
    truths = {name: design.truths[name] for name in choice.scenarios}
    rows, _ = enumerate_design(design, truths)
    estimates = {row[:5]: row[5] for row in rows}  # by scenario, measure, arm, stratum, look
    return min(estimates[name, "success", None, None, None] for name in truths), design


# ── checks ────────────────────────────────────────────────────────────────────────────────────
def wrong_free_looks(
    design: Design, looks: FreeLooks, sizes: Sequence[int], recalibrate: bool, engine: Engine
) -> Iterator[Problem]:
    """Why looks cannot be free at these sizes."""
    problems = list(wrong_looks(design, looks, SHARES))
    yield from problems
    if problems:
        return
    if not sizes:
        return
    few = choices(design, FreeLooks(1, SHARES), sizes[0])[-1]
    if len(few) < looks.fewest:
        yield Problem(
            "--looks",
            f"found {looks.fewest} at least, and of {sizes[0]} participants the tenths are only "
            f"{len(few)} looks apart ({', '.join(map(str, few))}); begin higher with --least",
        )
    try:
        largest = _with_looks(design, sizes[-1], choices(design, looks, sizes[-1])[-1], recalibrate)
    except DesignError as error:
        yield from error.problems
        return
    if why := _why_not(largest, engine):
        yield Problem("--looks", f"every choice of looks is judged, and {why}")


def _why_not(design: Design, engine: Engine) -> str:
    """Why choices cannot be judged as is asked; blank where they can."""
    found = obstacles(design, design.truths)
    if found and engine == "exact":
        return f"cannot be enumerated: {'; '.join(found)}"
    cost = cost_of(design, len(design.truths)) if not found else None
    if engine == "auto" and cost is not None and not cost.small:
        return (
            f"to enumerate one alone would take {cost.words()}; --engine exact does it, or a lower "
            f"--most"
        )
    return ""
