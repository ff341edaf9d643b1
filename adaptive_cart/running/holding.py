"""The control rates over which a design on counts holds an error: largest intervals, certified.

The error at the margin is enumerated at every ten-thousandth of the line. A run of rates at which
it is small enough is an interval; what lies between its rates, and off the margin, is bounded by
:mod:`adaptive_cart.running.certificate`. Where that finds more than is to be held, the interval is
cut there and each part is bounded anew. So one step beyond either end the error is too large, or
not proven to be small enough where it was cut, or the line ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from adaptive_cart.nouns.records import Booleans
from adaptive_cart.results.drift import Held
from adaptive_cart.running.certificate import certify, why_none
from adaptive_cart.running.exact_error import ExactError

STEPS = 10_000  # of the line from 0 to 1; ends are told to so many parts
WITHIN = 1e-7  # how far a bound may lie above the largest error found


def held_over(
    error: ExactError, margin: float, at_most: float, threshold: float = math.nan
) -> tuple[Held, ...]:
    """Control rates, from and to, over which the error is nowhere larger; in order.

    Parameters
    ----------
    error
        Of a design of two arms with numbers as thresholds.
    margin
        Difference of the arms at which the claim is just false.
    threshold
        Of the rules whose thresholds are tried, where there are any.
    """
    controls = np.arange(STEPS + 1) / STEPS
    others = np.clip(controls + margin, 0.0, 1.0)
    holds = error.at(np.stack([controls, others], axis=1), threshold) <= at_most
    proven = why_none(error, threshold) is None
    found: list[Held] = []
    for first, last in runs(holds):
        if not proven:
            found.append(Held(first / STEPS, last / STEPS, None))
        else:
            found += _certified(error, first, last, at_most, threshold)
    return tuple(found)


def _certified(
    error: ExactError, first: int, last: int, at_most: float, threshold: float
) -> Iterator[Held]:
    """The parts of an interval, in steps, of which it is proven."""
    if first >= last:
        return
    certificate = certify(error, (first / STEPS, last / STEPS), WITHIN, threshold)
    if certificate.bound <= at_most:
        yield Held(first / STEPS, last / STEPS, certificate.bound)
        return
    place = certificate.at[0] * STEPS
    for low, high in ((first, math.ceil(place) - 1), (math.floor(place) + 1, last)):
        yield from _certified(error, max(low, first), min(high, last), at_most, threshold)


def runs(holds: Booleans) -> list[tuple[int, int]]:
    """First and last place of each run of what holds."""
    edges = np.diff(np.concatenate([[0], holds.astype(np.int64), [0]]))
    return [
        (int(first), int(end) - 1)
        for first, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
    ]
