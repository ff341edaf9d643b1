"""All external data that may be drawn with a trial, each with its probability.

Responders of each source are binomial among its participants; sources are independent.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.external_draws import Drawn
from adaptive_cart.nouns.records import Floats, Integers

LEFT_OUT = 1e-13  # probability in each tail of a source that is not summed


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
    sources = []
    for name in design.redrawn:
        data = design.external[name]
        rate = truth.external_source[data.endpoint, name]
        sources.append(_binomial(int(data.total("participants")), rate))
    return tuple(
        ExternalTable(tuple(int(x) for x, _ in both), math.prod(p for _, p in both))
        for both in itertools.product(*(list(zip(*one, strict=True)) for one in sources))
    )


def expected_distinct(tables: Sequence[ExternalTable], trials: int) -> float:
    """How many different ones are expected in so many trials."""
    masses = np.array([one.mass for one in tables])
    return float(-np.expm1(trials * np.log1p(-np.minimum(masses, 1.0 - 1e-12))).sum())


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
