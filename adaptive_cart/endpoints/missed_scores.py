"""Scores of planned visits that somebody missed who was seen before and after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adaptive_cart.nouns.calendar import short_of
from adaptive_cart.nouns.records import Floats, Population


def on_the_line(
    population: Population, baseline: Floats, scores: Sequence[Floats], visits: tuple[float, ...]
) -> tuple[list[Floats], tuple[Floats, ...] | None]:
    """Scores with those missed between two visits held, and the month at which each is known.

    Nothing of the latter where there is none to be filled in.
    """
    if all(np.isfinite(own).all() for own in scores):
        return list(scores), None
    last = population.last_seen
    there = [np.isfinite(own) if last is None else np.isfinite(own) & (last >= short_of(month))
             for own, month in zip(scores, visits, strict=True)]  # fmt: skip
    held_next, at_next = np.full(baseline.shape, np.nan), np.full(baseline.shape, np.inf)
    following = []
    for held, own, month in reversed(list(zip(there, scores, visits, strict=True))):
        following.append((held_next, at_next))
        held_next, at_next = np.where(held, own, held_next), np.where(held, month, at_next)
    before, at_before = baseline, np.zeros(baseline.shape)
    filled, known = [], []
    for held, own, month, (later, at_later) in zip(
        there, scores, visits, reversed(following), strict=True
    ):
        gap = ~held & np.isfinite(at_later) & np.isfinite(baseline)
        with np.errstate(invalid="ignore"):
            line = before + (later - before) * ((month - at_before) / (at_later - at_before))
        filled.append(np.where(gap, line, own))
        known.append(np.where(gap, at_later, month))
        before, at_before = np.where(held, own, before), np.where(held, month, at_before)
    return filled, tuple(known)
