"""Draws of the hazards of all arms together, and what follows from them in an arm.

Given the log hazard ratios, the baseline hazards of ``piecewise_exponential.py`` are independent
gammas (``joint_ratios.py`` integrates them out)::

    baseline hazard_j ~ Gamma(a + D_j, rate b + T_0j + sum_k exp(beta_k) T_kj)

so each is the draw of a standard gamma, divided by what the drawn ratios make of the months at
risk. The hazard of arm k is exp(beta_k) times it, constant between the cuts. The fraction that
remains, the mean of so many months and the median are closed forms of these hazards.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.draws import DRAWS, KNOTS, spread
from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
from adaptive_cart.models.rates.gamma_poisson import log_quantiles
from adaptive_cart.nouns.records import Floats

Ranks = npt.NDArray[np.int64]

LN2 = float(np.log(2.0))


def hazards(
    model: PiecewiseExponential, events: Floats, time: Floats, ratios: Floats, ranks: Ranks
) -> Floats:
    """Draws of the control's hazard a month in each interval, ``(table, interval, draw)``.

    Parameters
    ----------
    events, time
        ``(table, arm, interval)``, control first.
    ratios
        ``(table, experimental arm, draw)`` drawn log hazard ratios to the control.
    ranks
        ``(interval, draw)``.
    """
    shape, rate = model.baseline
    found = np.empty((len(events), len(ranks), DRAWS))
    for interval, rank in enumerate(ranks):
        own = events[:, :, interval].sum(axis=1)
        log = log_quantiles(shape + own, np.ones(len(own)), KNOTS)
        risk = np.repeat((rate + time[:, 0, interval])[:, None], DRAWS, axis=1)
        for k in range(ratios.shape[1]):
            risk += np.exp(ratios[:, k]) * time[:, k + 1, interval][:, None]
        found[:, interval] = np.exp(spread(log, KNOTS, rank)) / risk
    return found


class Curve:
    """A fraction that remains, by hazards that are constant between cuts.

    Parameters
    ----------
    cuts
        Months at which the hazard changes.
    hazard
        ``(..., interval, draw)`` a month.
    """

    def __init__(self, cuts: tuple[float, ...], hazard: Floats) -> None:
        edges = (0.0, *cuts, np.inf)
        self.intervals = list(zip(pairwise(edges), np.moveaxis(hazard, -2, 0), strict=True))

    def remaining(self, month: float | Floats) -> Floats:
        """Fraction without the event at a month, or at one for each draw."""
        gone = np.zeros_like(self.intervals[0][1])
        for (start, end), hazard in self.intervals:
            gone += hazard * np.clip(month - start, 0.0, end - start)
        return np.exp(-gone)

    def restricted_mean(self, month: float) -> Floats:
        """Mean months without the event, of the first so many."""
        total = np.zeros_like(self.intervals[0][1])
        left = np.ones_like(total)
        for (start, end), hazard in self.intervals:
            length = float(np.clip(month - start, 0.0, end - start))
            if length == 0.0:
                break
            gone = hazard * length
            # a hazard next to 0 leaves the whole length
            share = np.where(gone > 1e-12, -np.expm1(-gone) / np.maximum(gone, 1e-300), 1.0)
            total += left * length * share
            left *= np.exp(-gone)
        return total

    def median(self) -> Floats:
        """Months at which half are left."""
        found = np.full_like(self.intervals[0][1], np.nan)
        wanted = np.full_like(found, LN2)
        for (start, end), hazard in self.intervals:
            with np.errstate(divide="ignore"):
                at = start + wanted / hazard
            here = np.isnan(found) & (at <= end)
            found[here] = at[here]
            wanted = wanted - hazard * (end - start) if np.isfinite(end) else wanted
        return found
