"""Calibration where events are seen at visits and analysed by intervals: what is drawn.

Parameters and moments are those of the models without intervals. Everybody is then seen at visits
so many months apart, some of which are missed: an event is known to lie between the last visit
without it and that at which it is seen, and who has none is followed up to the last visit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
from calibration_case import Case, Floats, Generator, Truth

from adaptive_cart.nouns.summaries import Durations, SeenDurations, Summary

MONTHS, MISSED = 42.0, 0.2  # of visits; probability

Data = Callable[[Generator, Truth, Callable[..., Summary]], Summary]


def by_intervals(case: Case, data: Data, every: float) -> Case:
    """A case whose events are seen at visits so many months apart."""

    def seen(generator: Generator, truth: Truth) -> Summary:
        found = data(generator, truth, partial(_between, every))
        assert isinstance(found, SeenDurations)
        return found.in_the_middle()

    return replace(case, table={**case.table, "intervals": True}, data=seen)


def _between(
    every: float, generator: Generator, time_to: Floats, arm: npt.NDArray[np.int8]
) -> SeenDurations:
    """Events between two visits held; some participants are not in the analysis."""
    visits = np.arange(0.0, MONTHS, every)
    held = generator.random((*time_to.shape, len(visits))) >= MISSED
    held[..., 0] = True  # where the clock begins
    followed = generator.uniform(1.0, 40.0, time_to.shape)
    held &= visits <= followed[..., None]
    without = np.where(held & (visits < time_to[..., None]), visits, 0.0).max(axis=-1)
    after = np.where(held & (visits >= time_to[..., None]), visits, np.inf).min(axis=-1)
    event = np.isfinite(after)
    nothing = np.zeros((len(time_to), 2, 1), dtype=np.int64)
    dated = Durations(
        np.where(event, after, without),
        event,
        generator.random(time_to.shape) < 0.8,
        arm,
        np.zeros_like(arm),
        nothing,
        nothing,
        1.0 * nothing,
    )
    return SeenDurations.seen_since(dated, np.where(event, without, 0.0))
