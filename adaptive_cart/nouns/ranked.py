"""Arithmetic of an ordinal outcome, by its categories from the worst to the best."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

Array = npt.NDArray[Any]

SAME = 1e-9  # odds ratios that differ by less are proportional


def better(own: Array, other: Array) -> Array:
    """Probability that a participant of one arm does better than one of another, ties half.

    Parameters
    ----------
    own, other
        ``(..., category)`` probabilities, the worst category first.
    """
    worse = np.add.accumulate(other, axis=-1) - 0.5 * other
    found: Array = (own * worse).sum(axis=-1)
    return found


def or_better(own: Array, place: int) -> Array:
    """Probability of the category in a place, from 0, or a better one."""
    found: Array = own[..., place:].sum(axis=-1)
    return found


def common_odds_ratio(own: Array, other: Array, weights: tuple[float, float]) -> Array:
    """Odds ratio of a category or a better one, whichever it is: what proportional odds tend to.

    Where odds are not proportional it is what the maximum likelihood of a cumulative logit model
    tends to with ever more participants.

    Parameters
    ----------
    own, other
        ``(..., category)`` probabilities, the worst category first.
    weights
        How many participants of each arm there are, in proportion.
    """
    both = np.stack(np.broadcast_arrays(own, other), axis=-2)
    rows = both.reshape(-1, *both.shape[-2:])
    found: Array = np.array([_of_two(row, weights) for row in rows]).reshape(both.shape[:-2])
    return found


def _of_two(both: Array, weights: tuple[float, float]) -> float:
    """The same of one pair of arms, ``(arm, category)``."""
    both = both[:, both.sum(axis=0) > 0.0]
    first, last = ([int(f(np.flatnonzero(row))) for row in both] for f in (np.min, np.max))
    if both.shape[1] == 1:
        return 1.0
    if first[0] >= last[1] or first[1] >= last[0]:  # no odds of the one are those of the other
        return np.inf if first[0] >= last[1] else 0.0
    worse = np.add.accumulate(both, axis=1)[:, :-1]
    inside = ((worse > 0.0) & (worse < 1.0)).all(axis=0)
    odds = (1.0 - worse[:, inside]) / worse[:, inside]
    ratios = odds[0] / odds[1]
    if inside.all() and np.ptp(ratios) <= SAME * ratios.max():
        return float(ratios[0])
    counts = both * (np.array(weights) / sum(weights))[:, None]
    cut = special.logit(np.add.accumulate(counts.sum(axis=0))[:-1])
    start = np.concatenate([[np.log(ratios).mean()], cut[:1], np.log(np.diff(cut))])
    from scipy import optimize  # takes long to load, and most designs never need it

    fit = optimize.minimize(_unlikely, start, args=(counts,), jac=True, options={"gtol": 1e-9})
    return float(np.exp(fit.x[0]))


def _unlikely(place: Array, counts: Array) -> tuple[float, Array]:
    """Negative log likelihood of a cumulative logit model, and its gradient.

    Parameters
    ----------
    place
        Log odds ratio, first cutpoint, logarithms of the gaps between cutpoints.
    """
    gaps = np.exp(place[2:])
    cut = np.add.accumulate(np.concatenate([place[1:2], gaps]))
    worse = special.expit(cut - np.array([[place[0]], [0.0]]))
    ends = np.pad(worse, [(0, 0), (1, 1)], constant_values=((0.0, 0.0), (0.0, 1.0)))
    chance = np.maximum(np.diff(ends, axis=1), np.finfo(np.float64).tiny)
    each = counts / chance
    slope = (each[:, :-1] - each[:, 1:]) * worse * (1.0 - worse)
    later = np.add.accumulate(slope.sum(axis=0)[::-1])[::-1]
    gradient = np.concatenate([[-slope[0].sum()], later[:1], later[1:] * gaps])
    return -float(special.xlogy(counts, chance).sum()), -gradient
