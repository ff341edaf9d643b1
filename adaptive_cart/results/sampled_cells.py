"""Means over the participants of a course, on the points that they are integrated over.

One arm and stratum at a time. The same points serve every scenario, and every design of a sweep:
where two say the same of an arm, as most do of the control, its participants are followed once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.counters import narrow
from adaptive_cart.nouns.records import Floats, Population
from adaptive_cart.nouns.streams import Latents
from adaptive_cart.participants.population import opening_of, populate

if TYPE_CHECKING:
    from adaptive_cart.results.estimand import SobolLatents

Measured: TypeAlias = Callable[[Population], Floats | None]
Place: TypeAlias = tuple[int, int]  # an arm and a stratum
Own: TypeAlias = tuple[Truth, tuple[bool, ...], bool]
Key = TypeVar("Key")

# what of a design means nothing to a participant who is followed to the end of an endpoint
NO_MATTER = ("name", "description", "rules", "looks", "calibration", "claims", "simulation")


class KnownCells:
    """What was measured on some points before, by what was true of those measured."""

    def __init__(self) -> None:
        self._known: list[tuple[Design, Place, Own, dict[str, Floats | None]]] = []
        self._alike: list[tuple[Design, dict[str, Any]]] = []  # each with what is to be alike

    def of(self, design: Design, place: Place, own: Own) -> dict[str, Floats | None]:
        """By endpoint: ``(scramble,)`` means, to be read and added to; nothing if it has none."""
        first = self._first_like(design)
        for known_design, known_place, known_own, known in self._known:
            if known_design is first and known_place == place and known_own == own:
                return known
        values: dict[str, Floats | None] = {}
        self._known.append((first, place, own, values))
        return values

    def _first_like(self, design: Design) -> Design:
        """The first design asked about whose participants fare as those of this one."""
        if not any(known is design for known, _ in self._alike):
            told = design.plain()
            own = {key: value for key, value in told.items() if key not in NO_MATTER}
            self._alike.append((design, own))
        own = next(parts for known, parts in self._alike if known is design)
        return next(known for known, parts in self._alike if parts == own)


def endpoint_cells(
    design: Design, truth: Truth, measured: Mapping[str, Measured], points: SobolLatents
) -> dict[str, Floats]:
    """By endpoint whose mean is measured: ``(scramble, arm, stratum)``.

    Parameters
    ----------
    measured
        By endpoint: its mean, the same in every scenario of a design.
    """
    places = _places(truth)
    if truth.drifts or truth.correlated is not None:  # more than an arm's own lot may matter
        return sampled_cells(design, truth, measured, points)
    known = {place: points.cells.of(design, place, _of_place(design, truth, place))
             for place in places}  # fmt: skip
    new = [place for place in places if not measured.keys() <= known[place].keys()]
    if new:
        found = sampled_cells(design, truth, measured, points, places=new)
        for arm, stratum in new:
            known[arm, stratum].update(
                (name, found[name][:, arm, stratum] if name in found else None) for name in measured
            )
    result = {}
    for name in measured:
        values = np.full((points.trials, len(truth.arms), len(truth.strata)), np.nan)
        cells = {place: known[place][name] for place in places}
        for (arm, stratum), own in cells.items():
            if own is not None:
                values[:, arm, stratum] = own
        if any(own is not None for own in cells.values()):
            result[name] = values
    return result


def follow_together(
    design: Design, worlds: Sequence[tuple[Truth, Mapping[str, Measured]]], points: SobolLatents
) -> None:
    """Measure participants of several truths, so that each lot of points is made for all of them.

    What is found is kept with the points, where :func:`endpoint_cells` finds it, and is the same as
    if it had been asked of one truth after the other.
    """
    wanted: list[tuple[Truth, Mapping[str, Measured], Place, dict[str, Floats | None]]] = []
    for truth, measured in worlds:
        if truth.drifts or truth.correlated is not None:
            continue
        for place in _places(truth):
            known = points.cells.of(design, place, _of_place(design, truth, place))
            if not measured.keys() <= known.keys() and all(known is not of[3] for of in wanted):
                wanted.append((truth, measured, place, known))
    found: list[dict[str, list[Floats]]] = [{} for _ in wanted]
    for part in points.by_few() if wanted else ():
        for (truth, measured, place, _), values in zip(wanted, found, strict=True):
            for name, cells in _cells_of(design, truth, measured, part, [place]).items():
                values.setdefault(name, []).append(cells[:, *place])
    for (_, measured, _, known), values in zip(wanted, found, strict=True):
        known.update(
            (name, np.concatenate(values[name]) if name in values else None) for name in measured
        )


def sampled_cells(
    design: Design,
    truth: Truth,
    measured: Mapping[Key, Measured],
    points: SobolLatents,
    together: bool = False,
    places: Sequence[Place] | None = None,
) -> dict[Key, Floats]:
    """What is measured of the participants of every scramble, ``(scramble, arm, stratum)``.

    Parameters
    ----------
    together
        Whether what is measured of a scramble takes the others into account.
    places
        Arms and strata of which it is wanted; all of them if left out.
    """
    parts = [points] if together else points.by_few()
    found: dict[Key, list[Floats]] = {}
    wanted = _places(truth) if places is None else places
    for part in parts:
        for key, cells in _cells_of(design, truth, measured, part, wanted).items():
            found.setdefault(key, []).append(cells)
    return {key: np.concatenate(cells) for key, cells in found.items()}


def _cells_of(
    design: Design,
    truth: Truth,
    measured: Mapping[Key, Measured],
    points: Latents,
    places: Sequence[Place],
) -> dict[Key, Floats]:
    """The same of some scrambles, which are followed at once."""
    shape = (points.trials, points.participants)
    arrival = np.zeros(shape)
    arms, strata = len(truth.arms), len(truth.strata)
    result: dict[Key, Floats] = {}
    for arm, stratum in places:
        everybody = np.full(shape, arm, dtype=narrow(arms))
        label = np.full(shape, stratum, dtype=narrow(strata)) if strata > 1 else None
        population = populate(design, truth, points, arrival, everybody, label)
        for key, of in measured.items():
            values = of(population)
            if values is None:
                continue
            cells = result.setdefault(key, np.empty((shape[0], arms, strata)))
            cells[:, arm, stratum] = values
    return result


def _places(truth: Truth) -> list[Place]:
    return [(arm, s) for arm in range(len(truth.arms)) for s in range(len(truth.strata))]


def _of_place(design: Design, truth: Truth, place: Place) -> Own:
    """What is true of an arm in a stratum; of another arm too, whose course it may go on with.

    All that is said of the whole trial stays, names and sources apart; and who is infused at all,
    and whether anybody drops out, which may be asked of all arms.
    """
    arm, stratum = place
    opening = opening_of(design)
    other = None if opening is None else opening.other(arm)
    arms = (arm,) if other is None else (arm, other)
    courses = truth.courses
    own = replace(
        truth,
        name="",
        role="",
        sources={},
        courses=courses and tuple((courses[own][stratum],) for own in arms),
        direct={
            name: tuple((by[own][stratum],) for own in arms) for name, by in truth.direct.items()
        },
        dropout=((truth.dropout[arm][stratum],),),
    )
    return own, truth.infused_arms, truth.has_dropout
