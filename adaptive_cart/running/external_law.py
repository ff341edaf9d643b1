"""All external data that may be drawn with a trial, each with its probability.

Responders of each source are binomial among its participants; sources are independent.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

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
    """How many may be drawn in any scenario, at most: all of each source with all of the others."""
    by_scenario = [_laws(design, truth, design.redrawn) for truth in truths]
    by_source = zip(*by_scenario, strict=True)
    return math.prod(len({int(x) for own, _ in laws for x in own}) for laws in by_source)


def expected_distinct(design: Design, truth: Truth, endpoint: str, trials: int) -> float:
    """How many different sets of counts so many trials are expected to have; of many, as many.

    Parameters
    ----------
    endpoint
        Whose external data that are drawn anew count: responders.
    """
    laws = _laws(design, truth, drawn_names(design.external, endpoint))
    if math.prod(len(masses) for _, masses in laws) > MANY:
        return float(trials)
    every = functools.reduce(np.multiply.outer, (masses for _, masses in laws))
    return float(-np.expm1(trials * np.log1p(-np.minimum(every, 1.0 - 1e-12))).sum())


def _laws(design: Design, truth: Truth, names: Iterable[str]) -> list[tuple[Integers, Floats]]:
    """By source: responders that are likely enough, and how likely they are."""
    found = []
    for name in names:
        data = design.external[name]
        rate = truth.external_source[data.endpoint, name]
        found.append(_binomial(int(data.total("participants")), rate))
    return found


def observed_table(design: Design) -> tuple[int, ...]:
    """What was observed in the data that are drawn anew, in the order written."""
    return tuple(int(design.external[name].total("responders")) for name in design.redrawn)


def drawn_with(design: Design, responders: tuple[int, ...], trials: int) -> Mapping[str, Drawn]:
    """The same numbers drawn with each of some trials, by name."""
    both = zip(design.redrawn, responders, strict=True)
    return {name: {"responders": np.full(trials, x)} for name, x in both}


def _binomial(number: int, rate: float) -> tuple[Integers, Floats]:
    """Responders that are likely enough, and how likely they are."""
    from scipy import stats

    law = stats.binom(number, rate)
    low, high = law.ppf(LEFT_OUT), law.isf(LEFT_OUT)
    responders = np.arange(max(int(low), 0), min(int(high), number) + 1)
    return responders, np.asarray(law.pmf(responders), dtype=np.float64)
