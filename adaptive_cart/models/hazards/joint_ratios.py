"""Draws of the hazard ratios of several arms to one control together.

The statement is that of ``piecewise_exponential.py`` with an effect beta_k for every experimental
arm k: each baseline hazard is integrated out in closed form, which leaves, up to a constant::

    prod_k prior(beta_k) exp(beta_k D_k) prod_j (b + T_0j + sum_k exp(beta_k) T_kj) ** -(a + D_j)

Draws have margins of the shape of the posterior of one arm and the control by themselves, placed
and stretched as the joint mode asks (Newton's method; the density is log-concave), and joined by
the normal copula of the correlations there.
What they are off by is taken back by weights, and draws are taken anew in proportion to these, in
equal steps, so that all count alike. With one experimental arm there is nothing to take back.

Several arms say more about the baseline than one pair does. Where the ratio of a pair is asked for,
the draws are of the data of its two arms (``ratios_analysis.py``).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.draws import MIDDLES, SCORES, spread
from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
from adaptive_cart.nouns.records import Floats

Ranks = npt.NDArray[np.int64]

STEPS: Final = 60
LONGEST: Final = 2.0  # of a Newton step


def log_ratios(model: PiecewiseExponential, events: Floats, time: Floats, ranks: Ranks) -> Floats:
    """Draws of the log hazard ratio of every experimental arm to the control.

    Parameters
    ----------
    events, time
        ``(table, arm, interval)``, control first.
    ranks
        ``(experimental arm, draw)``.

    Returns
    -------
    ``(table, experimental arm, draw)``
    """
    arms = events.shape[1] - 1
    pairs = [model.posterior(events[:, [0, k]], time[:, [0, k]]) for k in range(1, arms + 1)]
    curves = [pair.curve() for pair in pairs]
    if arms == 1:
        return spread(*curves[0], ranks[0])[:, None]
    mode, sd, correlation = _near(model, events, time)
    alone = [_near(model, events[:, [0, k]], time[:, [0, k]]) for k in range(1, arms + 1)]
    origin = np.stack([near[0][:, 0] for near in alone], axis=1)
    stretch = sd / np.stack([near[1][:, 0] for near in alone], axis=1)
    factor = np.linalg.cholesky(correlation)
    raw = np.ascontiguousarray(SCORES[ranks])
    found = np.empty((len(events), arms, ranks.shape[1]))
    for table in range(len(events)):
        scores = factor[table] @ raw
        margin = np.stack(
            [
                np.interp(own, knots[table], values[table])
                for own, (values, knots) in zip(scores, curves, strict=True)
            ]
        )
        beta = mode[table][:, None] + stretch[table][:, None] * (margin - origin[table][:, None])
        weight = _joint(model, events[table], time[table], beta)
        for own, pair, score in zip(margin, pairs, scores, strict=True):
            weight -= pair.log_density(table, own) + 0.5 * score**2
        weight += 0.5 * (raw**2).sum(axis=0)
        order = ranks[0].argsort()
        chance = np.exp(weight - weight.max())[order].cumsum()
        taken = order[np.searchsorted(chance, MIDDLES * chance[-1])]
        found[table][:, order] = beta[:, taken]
    return found


def _joint(model: PiecewiseExponential, events: Floats, time: Floats, beta: Floats) -> Floats:
    """Logarithm of the joint density of one table at draws ``(arm, draw)``, up to a constant."""
    mean, sd = model.log_hazard_ratio
    log: Floats = events[1:].sum(axis=1) @ beta - 0.5 * (((beta - mean) / sd) ** 2).sum(axis=0)
    return log + model.log_joint(events, time, time[1:].T @ np.exp(beta))


def _near(
    model: PiecewiseExponential, events: Floats, time: Floats
) -> tuple[Floats, Floats, Floats]:
    """Joint mode, standard deviations (table, arm) and correlations there, (table, arm, arm)."""
    shape, rate = model.baseline
    mean, sd = model.log_hazard_ratio
    own = events[:, 1:].sum(axis=2)
    expected = (shape + events.sum(axis=1))[:, None]
    beta = np.full(own.shape, mean)
    each = np.arange(own.shape[1])
    for _ in range(STEPS):
        risk = np.exp(beta)[..., None] * time[:, 1:]
        share = risk / (rate + time[:, :1] + risk.sum(axis=1, keepdims=True))
        push = own - (expected * share).sum(axis=2) - (beta - mean) / sd**2
        curvature = -np.einsum("tkj,tlj->tkl", expected * share, share)
        curvature[:, each, each] += (expected * share).sum(axis=2) + 1.0 / sd**2
        step = np.linalg.solve(curvature, push[..., None])[..., 0]
        beta += np.clip(step, -LONGEST, LONGEST)
    covariance = np.linalg.inv(curvature)
    scale = np.sqrt(covariance[:, each, each])
    return beta, scale, covariance / (scale[:, :, None] * scale[:, None, :])
