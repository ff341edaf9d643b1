"""Levels of the control about that of its external data, along which truths are laid."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from adaptive_cart.endpoints.direct import DirectTruth
from adaptive_cart.nouns.external import MONTHS, External
from adaptive_cart.nouns.records import Floats

FACTOR = 2.5  # how far a line of rates goes to either side where nobody says


def line_of(
    kind: DirectTruth, seen: Sequence[External], region: tuple[float, float] | None, points: int
) -> tuple[float, Floats]:
    """Level of the external data, and levels of the line, which has it where it lies inside.

    Parameters
    ----------
    kind
        How the control's truth is said, which has levels.
    region
        From where to where; without one a factor of 2.5 to either side, or a standard deviation.
    """
    at, sd = observed(seen)
    if kind.by_factors:
        low, high = region or (at / FACTOR, at * FACTOR)
        line = np.geomspace(low, high, points)
    else:
        low, high = region or (at - sd, at + sd)
        line = np.linspace(low, high, points)
    if low < at < high:
        line[1 + int(np.abs(line[1:-1] - at).argmin())] = at
    return at, line


def observed(seen: Sequence[External]) -> tuple[float, float]:
    """Level of several external data together, and the spread of participants where they say it."""
    if all(one.has("events") for one in seen):
        events = math.fsum(one.total("events") for one in seen)
        return events / (math.fsum(one.total("months") for one in seen) / MONTHS), math.nan
    number, mean, sd = (
        np.array([one.total(key) for one in seen]) for key in ("participants", "mean", "sd")
    )
    return float(number @ mean / number.sum()), float(number @ sd / number.sum())
