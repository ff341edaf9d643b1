"""What a figure shows where it has no room for everything: first what a reader would miss.

Whatever is left out, a figure of scenarios shows the null with the largest type I error, the
scenario with the most stops for safety, the expected one (the alternative named ``expected``, and
the first alternative, which figures of one truth show), the extremes of what the figure itself
shows, and the robustness truths that differ from another scenario in nothing but harm. What room is
left goes to those farthest from what is shown already. Captions name what is left out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from adaptive_cart.figures.source import (
    kept,
    main_scenario,
    plan_of,
    scenarios,
    truth_of,
    with_role,
)
from adaptive_cart.figures.truths import differ_in_harm_only, numbers_of
from adaptive_cart.nouns.roles import ALTERNATIVE, NULL, ROBUSTNESS

if TYPE_CHECKING:
    from adaptive_cart.results.result import Result

T = TypeVar("T", bound=Hashable)
Values = Mapping[T, float]
EXPECTED = "expected"
WHY = (
    "the null with the largest type I error, the scenario with the most stops for safety, the "
    "expected one, the extremes of what is shown and the truths that differ in harm only are drawn"
)


def choose(
    things: Sequence[T],
    most: int,
    first: Iterable[T] = (),
    values: Iterable[Values[T]] = (),
    then: Iterable[T] = (),
    room: int | None = None,
) -> list[T]:
    """Choose what is shown of many things, in their own order.

    Parameters
    ----------
    most
        How many stand well side by side; all are shown where there are no more.
    first
        What must be seen before all else.
    values
        Numbers that the figure shows; the things with the smallest and the largest must be seen.
    then
        What must be seen as well.
    room
        How many fit if need be, for the sake of what must be seen; ``most`` if left out.
    """
    if len(things) <= most:
        return list(things)
    wanted = [thing for thing in first if thing in things]
    for numbers in values:
        wanted += [thing for thing in _ends(things, numbers, wanted) if thing not in wanted]
    wanted += [thing for thing in then if thing in things]
    shown = list(dict.fromkeys(wanted))[: max(most if room is None else room, 1)]
    while len(shown) < most:
        shown.append(_farthest(things, shown))
    return [thing for thing in things if thing in shown]


def _ends(things: Sequence[T], numbers: Values[T], wanted: Sequence[T]) -> Iterator[T]:
    """Things with the smallest and the largest number; of equal ones one that is wanted anyway."""
    known = [thing for thing in things if numbers.get(thing, float("nan")) == numbers.get(thing)]
    if not known:
        return
    for end in (min(numbers[thing] for thing in known), max(numbers[thing] for thing in known)):
        equal = [thing for thing in known if numbers[thing] == end]
        yield next((thing for thing in equal if thing in wanted), equal[0])


def _farthest(things: Sequence[T], shown: Sequence[T]) -> T:
    """The thing whose nearest neighbour among those shown is farthest away, the first of equals."""
    places = [place for place, thing in enumerate(things) if thing in shown]

    def distance(place: int) -> int:
        # where nothing is shown yet the ends come first
        return min((abs(place - other) for other in places), default=abs(2 * place - len(things)))

    left = [place for place, thing in enumerate(things) if thing not in shown]
    return things[max(left, key=distance)]


def shown_scenarios(
    result: Result,
    most: int,
    *values: Values[str],
    room: int | None = None,
    among: Sequence[str] | None = None,
) -> set[str]:
    """Scenarios that a figure shows, in the words of the head of this file.

    Parameters
    ----------
    most, room
        See :func:`choose`; scenarios are ordered by the true effect.
    values
        What the figure shows of each scenario.
    among
        Those that the figure is about; all that have been run if left out.
    """
    names = [name for name, _ in scenarios(result)] if among is None else list(among)
    effects = {name: _effect_of(result, name) for name in names}
    ordered = sorted(names, key=lambda name: effects[name])
    return set(choose(ordered, most, must_be_seen(result), values, harm_only(result), room))


def expected_scenario(result: Result) -> str:
    """The alternative named ``expected``, else the one that figures of one truth show."""
    named = EXPECTED in with_role(result, ALTERNATIVE)
    return EXPECTED if named else main_scenario(result)


def must_be_seen(result: Result) -> list[str]:
    """What no figure of scenarios leaves out, the most important first."""
    nulls = {name: _figure(result, name, "success") for name in with_role(result, NULL)}
    stops = {name: _figure(result, name, "stop_safety") for name, _ in scenarios(result)}
    found = [max(nulls, key=lambda name: nulls[name])] if nulls else []
    if max(stops.values())[0] > 0.0:
        found.append(max(stops, key=lambda name: stops[name]))
    return [*found, expected_scenario(result), main_scenario(result)]


def _figure(result: Result, scenario: str, measure: str) -> tuple[float, float]:
    """An estimate and its upper bound, to be compared; below all others where there is none."""
    try:
        found = result.figure(scenario, measure)
    except KeyError:
        return -1.0, -1.0
    return found.estimate, found.upper


def harm_only(result: Result) -> list[str]:
    """Robustness truths that differ from a scenario in nothing but harm, most stops first."""

    def make() -> list[str]:
        flat = {name: numbers_of(truth_of(result, name)) for name, _ in scenarios(result)}
        harms = {name for name, e in result.design.endpoints.items() if e.harm}
        robust = with_role(result, ROBUSTNESS)
        others = [name for name in flat if name not in robust]
        found = [
            name
            for name in robust
            if any(differ_in_harm_only(flat[name], flat[other], harms) for other in others)
        ]
        return sorted(found, key=lambda name: _figure(result, name, "stop_safety"), reverse=True)

    return kept(result, "harm only", make)


def _effect_of(result: Result, scenario: str) -> float:
    for estimand in plan_of(result).estimands:
        value = result.figure(
            scenario, "estimand", arm=estimand.arm, stratum=estimand.stratum
        ).estimate
        if value == value:
            return float(value)
    return 0.0


# ── what a caption says of it ─────────────────────────────────────────────────────────────────
def left_out(frame: Any, key: str = "scenario", why: str = WHY) -> str:
    """Name what is not drawn and say why; nothing where everything is drawn.

    Parameters
    ----------
    frame
        A table of the figure with a column ``shown``.
    key
        Its column of what is shown or not.
    why
        What is drawn whatever the room.
    """
    drawn = set(frame.loc[frame["shown"].astype(bool), key])
    missing = [str(name) for name in dict.fromkeys(frame[key]) if name not in drawn]
    if not missing:
        return ""
    return (
        f" Not drawn for want of room, but in the table: {', '.join(missing)}; where there is too "
        f"little, {why}."
    )
