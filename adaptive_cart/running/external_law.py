"""All external data that may be drawn with a trial, each with its probability.

Responders of each source are binomial among its participants, where they are told by stratum in
each; sources, and strata, are independent.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.models.borrowed import drawn_names
from adaptive_cart.nouns.external_draws import Drawn
from adaptive_cart.nouns.records import Floats, Integers

LEFT_OUT = 1e-13  # probability in each tail of a source that is not summed
MANY = 1_000_000  # tables, of which hardly any is drawn twice


class ExternalTable(NamedTuple):
    """What may be drawn with a trial.

    Attributes
    ----------
    responders
        By external data that are drawn anew, in the order written.
    mass
        Its probability.
    """

    responders: tuple[int, ...]
    mass: float


NONE_DRAWN = (ExternalTable((), 1.0),)


def external_tables(design: Design, truth: Truth) -> tuple[ExternalTable, ...]:
    """Everything that may be drawn in a scenario, but for what is next to impossible."""
    sources = _laws(design, truth, design.redrawn)
    return tuple(
        ExternalTable(tuple(int(x) for x, _ in both), math.prod(p for _, p in both))
        for both in itertools.product(*(list(zip(*one, strict=True)) for one in sources))
    )


def number_of_tables(design: Design, truths: Iterable[Truth]) -> int:
    """How many may be drawn in any scenario; at most so many, where sources are very many.

    In a scenario a source has all numbers from its least to its largest, so that sets are boxes:
    each source is cut where any scenario's begins or ends, and cells that lie in a box are added.
    """
    by_scenario = [
        [(int(own[0]), int(own[-1]) + 1) for own, _ in _laws(design, truth, design.redrawn)]
        for truth in truths
    ]
    edges = [
        np.unique([end for box in by_scenario for end in box[source]])
        for source in range(len(design.redrawn))
    ]
    sizes = [np.diff(own) for own in edges]
    if math.prod(map(len, sizes)) > MANY:
        return math.prod(int(own.sum()) for own in sizes)
    inside = np.zeros(tuple(map(len, sizes)), dtype=np.bool_)
    for box in by_scenario:
        cells = (slice(*np.searchsorted(own, ends)) for own, ends in zip(edges, box, strict=True))
        inside[tuple(cells)] = True
    return int(functools.reduce(np.multiply.outer, sizes)[inside].sum())


def expected_distinct(design: Design, truth: Truth, endpoint: str, trials: int) -> float:
    """How many different sets of counts so many trials are expected to have; of many, as many.

    Parameters
    ----------
    endpoint
        Whose external data that are drawn anew count: responders, or events.
    """
    laws = _laws(design, truth, drawn_names(design.external, endpoint))
    if math.prod(len(masses) for _, masses in laws) > MANY:
        return float(trials)
    every = functools.reduce(np.multiply.outer, (masses for _, masses in laws))
    return float(-np.expm1(trials * np.log1p(-np.minimum(every, 1.0 - 1e-12))).sum())


def _laws(design: Design, truth: Truth, names: Iterable[str]) -> list[tuple[Integers, Floats]]:
    """By source: responders (or events) that are likely enough, and how likely they are."""
    found = []
    for name in names:
        from scipy import stats  # slow to load, and most designs draw nothing anew

        data = design.external[name].in_order_of(design.stratum_names)
        levels = truth.external_source[data.endpoint, name]
        split = data.strata is not None and len(set(levels)) > 1
        parts = [data.in_stratum(s) for s in data.strata or ()] if split else [data]
        each = levels if split else levels[:1]
        if data.has("events"):
            unit = design.endpoints[data.endpoint].gives.external_level.months
            expected = [
                level * part.total("months") / unit for level, part in zip(each, parts, strict=True)
            ]
            found.append(_likely(stats.poisson(math.fsum(expected))))
        else:
            laws = [
                _likely(stats.binom(int(part.total("participants")), level))
                for level, part in zip(each, parts, strict=True)
            ]
            found.append(functools.reduce(_added, laws))
    return found


def _added(one: tuple[Integers, Floats], other: tuple[Integers, Floats]) -> tuple[Integers, Floats]:
    """The law of the sum of two independent numbers."""
    mass = np.convolve(one[1], other[1])
    return one[0][0] + other[0][0] + np.arange(len(mass)), mass


def observed_table(design: Design) -> tuple[int, ...]:
    """What was observed in the data that are drawn anew, in the order written."""
    return tuple(int(design.external[name].total("responders")) for name in design.redrawn)


def drawn_with(design: Design, responders: tuple[int, ...], trials: int) -> Mapping[str, Drawn]:
    """The same numbers drawn with each of some trials, by name."""
    both = zip(design.redrawn, responders, strict=True)
    return {name: {"responders": np.full(trials, x)} for name, x in both}


def _likely(law: Any) -> tuple[Integers, Floats]:
    """Numbers that are likely enough, and how likely they are."""
    low, high = law.ppf(LEFT_OUT), law.isf(LEFT_OUT)
    last = min(float(high), float(law.support()[1]))
    numbers = np.arange(max(int(low), 0), int(last) + 1)
    return numbers, np.asarray(law.pmf(numbers), dtype=np.float64)
