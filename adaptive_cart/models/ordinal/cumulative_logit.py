"""The log posterior of a cumulative logit model, and its mode.

Statement: with cutpoints c_1 < … < c_(K-1) and log odds ratios b of the arms (0 in the control),
P(category k or worse in arm a) = F(c_k - b_a), F being the logistic function; the probabilities of
the control have a Dirichlet prior with parameters e, each b a normal one.

A category in the middle has probability F(x)(1 - F(y))(1 - exp(y - x)), where x > y are its ends
less b: the last factor is the same in all arms, so that a table of counts n says

    sum_ak [n_ak + e_k if control] log F(c_k - b_a) + [n_a(k+1) + e_(k+1) if control]
        log F(b_a - c_k)  +  sum_(k=2)^(K-1) [sum_a n_ak + e_k] log F(g_k)

in the coordinates c_1 and g_k = logit(1 - exp(c_(k-1) - c_k)), whose Jacobian is in it. All its
parts are logarithms of F, so that Newton's method finds the mode from the cutpoints of all arms
together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.nouns.records import Floats, Integers

MOST_STEPS: Final = 40  # of Newton's method, to the mode
LONGEST: Final = 1.5  # step of Newton's method in a coordinate
SMALL: Final = 1e-9  # step after which a mode is found
NEAREST: Final = 1e-4  # cutpoints, at which the search begins


@dataclass(frozen=True)
class Normals:
    """Normal priors of the log odds ratios, ``(arm,)`` each, without the control."""

    mean: Floats
    sd: Floats


@dataclass(frozen=True)
class Tables:
    """Counts of some tables, with the prior's, as the log posterior needs them.

    Attributes
    ----------
    lower, upper
        ``(table, arm, cutpoint)``: weights of log F and of log(1 - F).
    gaps
        ``(table, category)`` of the categories that are neither first nor last.
    """

    lower: Floats
    upper: Floats
    gaps: Floats
    priors: Normals

    @classmethod
    def of(cls, counts: Integers, control: Floats, priors: Normals) -> Tables:
        """Tables of counts ``(table, arm, category)``, and the control's Dirichlet parameters."""
        weights = counts.astype(np.float64)
        weights[:, 0] += control
        return cls(weights[:, :, :-1], weights[:, :, 1:], weights.sum(axis=1)[:, 1:-1], priors)

    def rows(self, chosen: Integers) -> Tables:
        """Some of the tables."""
        lower, upper, gaps = (part[chosen] for part in (self.lower, self.upper, self.gaps))
        return Tables(lower, upper, gaps, self.priors)

    def repeated(self, times: int) -> Tables:
        """Each table so many times, one after the other."""
        lower, upper, gaps = (
            np.repeat(part, times, axis=0) for part in (self.lower, self.upper, self.gaps)
        )
        return Tables(lower, upper, gaps, self.priors)

    @property
    def cutpoints(self) -> int:
        """How many there are."""
        return self.lower.shape[2]

    @property
    def participants(self) -> Floats:
        """Of all arms, with what the control's prior is worth, ``(table,)``."""
        found: Floats = self.lower[..., 0].sum(axis=1) + self.upper.sum(axis=(1, 2))
        return found

    def start(self) -> Floats:
        """Coordinates at which the search begins: cutpoints of all arms together, no effect."""
        first, rest = self.lower.sum(axis=1), self.upper.sum(axis=1)
        total = first[:, :1] + rest.sum(axis=1, keepdims=True)
        cut = special.logit(np.add.accumulate(first, axis=1) / total)
        gap = np.maximum(np.diff(cut, axis=1), NEAREST)
        none = np.zeros((len(cut), len(self.priors.mean)))
        return np.concatenate([cut[:, :1], np.log(np.expm1(gap)), none], axis=1)


def cutpoints(place: Floats) -> Floats:
    """Cutpoints, rising along the last axis, of coordinates c_1 and g_k."""
    gaps = np.logaddexp(0.0, place[..., 1:])
    found: Floats = np.add.accumulate(np.concatenate([place[..., :1], gaps], axis=-1), axis=-1)
    return found


def log_posterior(tables: Tables, place: Floats) -> Floats:
    """Logarithm of the posterior density, but for a constant, ``(table,)``.

    Parameters
    ----------
    place
        ``(table, coordinate)``: c_1, the g_k, then the log odds ratio of each arm but the control.
    """
    k = tables.cutpoints
    away = _away(place, k)
    found = (tables.lower * special.log_expit(away)).sum(axis=(1, 2))
    found += (tables.upper * special.log_expit(-away)).sum(axis=(1, 2))
    found += (tables.gaps * special.log_expit(place[:, 1:k])).sum(axis=1)
    score = (place[:, k:] - tables.priors.mean) / tables.priors.sd
    result: Floats = found - 0.5 * (score**2).sum(axis=1)
    return result


def _away(place: Floats, k: int) -> Floats:
    """Cutpoints less the log odds ratio, ``(table, arm, cutpoint)``."""
    ratios = np.concatenate([np.zeros((len(place), 1)), place[:, k:]], axis=1)
    away: Floats = cutpoints(place[:, :k])[:, None] - ratios[:, :, None]
    return away


def derivatives(tables: Tables, place: Floats) -> tuple[Floats, Floats]:
    """Gradient of the log posterior, and its Hessian with the sign changed."""
    k, size = tables.cutpoints, place.shape[1]
    chance = special.expit(_away(place, k))
    slope = tables.lower * (1.0 - chance) - tables.upper * chance
    bend = (tables.lower + tables.upper) * chance * (1.0 - chance)
    # what a cutpoint moves by: all by c_1, those from its category on by a gap
    share = special.expit(place[:, 1:k])
    moved = np.concatenate([np.ones((len(place), 1)), share], axis=1)
    slope_on, bend_on = (
        np.add.accumulate(part[..., ::-1], axis=-1)[..., ::-1] for part in (slope, bend)
    )
    gradient = np.empty_like(place)
    gradient[:, :k] = moved * slope_on.sum(axis=1)
    gradient[:, 1:k] += tables.gaps * (1.0 - share)
    priors = tables.priors
    gradient[:, k:] = -slope_on[:, 1:, 0] - (place[:, k:] - priors.mean) / priors.sd**2
    hessian = np.zeros((len(place), size, size))
    later = np.maximum.outer(np.arange(k), np.arange(k))
    hessian[:, :k, :k] = moved[:, :, None] * moved[:, None] * bend_on.sum(axis=1)[:, later]
    gap = np.arange(1, k)
    hessian[:, gap, gap] += share * (1.0 - share) * (tables.gaps - slope_on.sum(axis=1)[:, 1:])
    across = -moved[:, None] * bend_on[:, 1:]
    hessian[:, k:, :k], hessian[:, :k, k:] = across, across.transpose(0, 2, 1)
    arm = np.arange(k, size)
    hessian[:, arm, arm] = bend_on[:, 1:, 0] + 1.0 / priors.sd**2
    return gradient, hessian


def uphill(gradient: Floats, hessian: Floats) -> Floats:
    """Newton's step; where the surface is not concave, up its slope all the same."""
    values, vectors = np.linalg.eigh(hessian)
    along = (vectors * gradient[:, :, None]).sum(axis=1) / np.maximum(np.abs(values), SMALL)
    return no_longer((vectors * along[:, None]).sum(axis=2))


def no_longer(step: Floats) -> Floats:
    """A step, shortened where a coordinate would move by more than ``LONGEST``."""
    longest = np.abs(step).max(axis=1, keepdims=True)
    found: Floats = step * np.minimum(1.0, LONGEST / np.maximum(longest, SMALL))
    return found


def mode(tables: Tables) -> tuple[Floats, Floats]:
    """Mode ``(table, coordinate)``, and the covariance that the Hessian there stands for."""
    place = tables.start()
    value = log_posterior(tables, place)
    moving = np.arange(len(place))
    for _ in range(MOST_STEPS):
        own = tables.rows(moving)
        step = uphill(*derivatives(own, place[moving]))
        for _ in range(8):  # half as far where it went down
            tried = log_posterior(own, place[moving] + step)
            worse = tried < value[moving] - SMALL
            if not worse.any():
                break
            step[worse] *= 0.5
        place[moving] += step
        value[moving] = tried
        moving = moving[np.abs(step).max(axis=1) > SMALL]
        if not moving.size:
            break
    return place, np.linalg.inv(derivatives(tables, place)[1]).astype(np.float64, copy=False)


def probabilities(place: Floats, k: int, arm: int) -> Floats:
    """Probabilities of the categories of an arm, ``(draw, category)``, the worst first.

    Parameters
    ----------
    place
        ``(draw, coordinate)``.
    k
        How many cutpoints there are.
    """
    moved = place[:, k + arm - 1, None] if arm else 0.0
    below = special.expit(cutpoints(place[:, :k]) - moved)
    ends = np.pad(below, [(0, 0), (1, 1)], constant_values=((0.0, 0.0), (0.0, 1.0)))
    found: Floats = np.diff(ends, axis=1)
    return found
