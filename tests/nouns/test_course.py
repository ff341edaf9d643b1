"""Spells in a state, against plain loops over one participant at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from adaptive_cart.nouns.course import DRUG_FREE, ON_DRUGS, Course, Spell

NEVER = np.inf
SHAPE = (40, 25)


def course_of(seed: int) -> Course:
    """Whole months, so that much happens at one moment: two remissions, one after crossover."""
    draw = np.random.default_rng(seed)

    def months(most: int, chance: float) -> npt.NDArray[np.float64]:
        return np.where(draw.random(SHAPE) < chance, draw.integers(0, most, SHAPE), NEVER)

    began = months(6, 0.7)
    lost = began + months(5, 0.6)
    second = lost + months(4, 0.6)
    crossed = months(12, 0.3)
    after = crossed + months(4, 0.5)
    on_drugs = months(12, 0.4)
    spells = (
        Spell(DRUG_FREE, began, lost),
        Spell(DRUG_FREE, second, second + months(5, 0.6)),
        Spell(DRUG_FREE, after, after + months(5, 0.6), after_crossover=True),
        Spell(ON_DRUGS, on_drugs, np.broadcast_to(NEVER, SHAPE)),
    )
    never = np.full(SHAPE, NEVER)
    return Course(never, never, never, never, spells, crossed)


def of_one(
    course: Course, at: tuple[int, ...], either: bool, counts: bool
) -> list[tuple[float, float, bool]]:
    """Spells of one participant that count: beginning, end, on drugs."""
    assert course.crossed is not None
    found = []
    for state, began, ended, after_crossover in course.spells:
        if state == ON_DRUGS and not either:
            continue
        if not counts and (after_crossover or began[at] > course.crossed[at]):
            continue
        if began[at] < NEVER:
            found.append((began[at], ended[at], state == ON_DRUGS))
    return found


@pytest.mark.parametrize("either", [False, True])
@pytest.mark.parametrize("counts", [False, True])
def test_states_hold_when_the_loops_say(either: bool, counts: bool) -> None:
    course = course_of(5)
    state = course.state("remission" if either else DRUG_FREE, counts)
    held = {month: state.hold_at(float(month)) for month in range(14)}
    spans = {(a, b): state.throughout(float(a), float(b)) for a in range(9) for b in (a, a + 3)}
    assert all(0.03 < there.mean() < 0.8 for (a, _), there in spans.items() if a > 1)
    for at in np.ndindex(SHAPE):
        mine = of_one(course, at, either, counts)
        for month, there in held.items():
            assert there[at] == any(began <= month < ended for began, ended, _ in mine)
        for (start, end), there in spans.items():
            lasts = False
            for began, ended, drugs in mine:
                if began <= start:
                    lasts |= ended > end
                    lasts |= any(b <= ended and e > end for b, e, d in mine if d != drugs)
            assert there[at] == lasts


@pytest.mark.parametrize("counts", [False, True])
def test_months_in_a_state_and_its_first_spell(counts: bool) -> None:
    course = course_of(6)
    state = course.state(DRUG_FREE, counts)
    months = state.time_until(np.full(SHAPE, 9.0))
    began, ended = state.first()
    for at in np.ndindex(SHAPE):
        mine = of_one(course, at, False, counts)
        assert months[at] == sum(max(min(e, 9.0) - b, 0.0) for b, e, _ in mine)
        first = mine[0][:2] if mine else (NEVER, ended[at])
        assert (began[at], ended[at]) == first
