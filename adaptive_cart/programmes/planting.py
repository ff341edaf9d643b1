"""Where a drawn value stands in a resolved truth, so that it is put there without resolving anew.

A scenario is resolved at three values of each draw. Where the value itself is then found in the
truth, and nothing else changes, a truth with another value is a copy with that number in its place.
The third value is the check: the copy has to equal what resolving gives. Elsewhere (a yearly hazard
is kept by month, a distribution is made of its parameters) every truth is resolved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeAlias

from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truth_with
from adaptive_cart.design.truth import Truth

Steps: TypeAlias = tuple[str, ...]
Place: TypeAlias = tuple[str | int, ...]
WITHIN = (0.25, 0.5, 0.75)  # of the reach of a draw: values at which a scenario is resolved


class _Elsewhere(Exception):
    """The value is not in the truth as it is drawn."""


@dataclass(frozen=True)
class Planted:
    """Truths of a scenario with some of its values drawn.

    Attributes
    ----------
    base
        The truth with values in the middle.
    places
        By steps of a value: where it stands; nothing where truths have to be resolved.
    """

    design: Design
    scenario: str
    base: Truth
    places: Mapping[Steps, tuple[Place, ...]] | None

    @staticmethod
    def of(design: Design, scenario: str, reaches: Mapping[Steps, tuple[float, float]]) -> Planted:
        """Find where values stand.

        Parameters
        ----------
        reaches
            By steps: the smallest and the largest value.
        """
        at = [
            {steps: low + part * (high - low) for steps, (low, high) in reaches.items()}
            for part in WITHIN
        ]
        first, base, last = (truth_with(design, scenario, values) for values in at)
        found = Planted(design, scenario, base, None)
        try:
            places = {
                steps: tuple(_places(truth_with(design, scenario, {**at[1], **one}), base, at, one))
                for steps in reaches
                for one in ({steps: at[0][steps]},)
            }
        except _Elsewhere:
            return found
        planted = replace(found, places=places)
        sound = planted.truth(at[2]) == last and planted.truth(at[0]) == first
        return planted if sound else found

    def truth(self, values: Mapping[Steps, float]) -> Truth:
        """The truth with these values."""
        if self.places is None:
            return truth_with(self.design, self.scenario, values)
        truth = self.base
        for steps, value in values.items():
            for place in self.places[steps]:
                truth = _put(truth, place, value)
        return truth


def _places(
    other: Truth, base: Truth, at: Sequence[Mapping[Steps, float]], one: Mapping[Steps, float]
) -> Iterator[Place]:
    """Where two truths differ, by exactly the two values of one draw."""
    ((steps, value),) = one.items()
    for place, mine, theirs in _differences(other, base, ()):
        if mine != value or theirs != at[1][steps]:
            raise _Elsewhere
        yield place


def _differences(one: Any, other: Any, place: Place) -> Iterator[tuple[Place, float, float]]:
    if one is other or one == other:
        return
    if isinstance(one, float) and isinstance(other, float):
        yield place, one, other
    elif is_dataclass(one) and type(one) is type(other):
        for field in fields(one):
            mine, theirs = getattr(one, field.name), getattr(other, field.name)
            yield from _differences(mine, theirs, (*place, field.name))
    elif isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from _differences(mine, theirs, (*place, number))
    elif isinstance(one, dict) and isinstance(other, dict) and set(one) == set(other):
        for key in one:
            yield from _differences(one[key], other[key], (*place, key))
    else:
        raise _Elsewhere


def _put(whole: Any, place: Place, value: float) -> Any:
    """A copy with a number in its place."""
    if not place:
        return value
    step, *rest = place
    if isinstance(whole, tuple):
        assert isinstance(step, int)
        return (*whole[:step], _put(whole[step], tuple(rest), value), *whole[step + 1 :])
    if isinstance(whole, dict):
        return {**whole, step: _put(whole[step], tuple(rest), value)}
    return replace(whole, **{str(step): _put(getattr(whole, str(step)), tuple(rest), value)})
