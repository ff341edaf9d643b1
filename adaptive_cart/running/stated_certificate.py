"""Bounds of a simulated probability at a truth, and from one truth to another by a tilt.

Let f(p) be the probability of a false success, p0 another truth, and L the likelihood ratio of all
that participants can show, p against p0. By Hölder's inequality, for every q > 1,

    f(p) ≤ f(p0)^(1 − 1/q) · E0[L^q]^(1/q),   E0[L^q] ≤ exp(N · max over arms of m_q(p0, p))

    m_q(p0, p) = log[(1 − p0) ((1 − p)/(1 − p0))^q + p0 (p/p0)^q]

with N participants at most, whichever arms they come to be in: m is never negative, and what
adaptation does to them depends on what was seen before. It is the exponential tilt of Sklar and
others (2022, arXiv 2212.10042), for binary outcomes. For one q it grows with the distance of each
arm's p from p0, so that over an interval of control rates its largest value lies at an end. It
serves where f(p0) is enumerated; where trials are simulated, they tell more
(:mod:`adaptive_cart.running.weighed`).
"""

from __future__ import annotations

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.nouns.records import Floats
from adaptive_cart.running.region import Region

CONFIDENCE = 0.95
POWERS = 1.0 + np.geomspace(0.02, 1e4, 60)  # q, of which the best is taken
SURE = 1e-5  # how improbable it must be that a bound which holds is found exceeded


def why_not_stated(design: Design, region: Region) -> str | None:
    """Why no bound can be stated with confidence; nothing where one can."""
    if region.base is None:
        return "the truths are scenarios, and nothing lies between them"
    truth = design.truths[region.base]
    if truth.trends:
        return "rates change with time, so that one rate does not say the truth"
    if truth.correlated is not None:
        return "outcomes of one participant are correlated, so that others tell of a rate too"
    if truth.mixture is not None:
        return "parts of the participants fare otherwise, so that one rate does not say the truth"
    return None


# ── the bound ─────────────────────────────────────────────────────────────────────────────────
def clopper_pearson(events: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Upper bound of a probability (Clopper & Pearson 1934, Biometrika 26:404)."""
    from scipy import stats

    if events >= trials:
        return 1.0
    return float(stats.beta.ppf(confidence, events + 1, trials - events))


def lower_bound(events: int, trials: int, doubt: float) -> float:
    """Lower bound of a probability, with all the confidence but ``doubt``."""
    from scipy import stats

    return float(stats.beta.ppf(doubt, events, trials - events + 1)) if events else 0.0


def log_moment(q: Floats, at: float, to: float) -> Floats:
    """Logarithm of the mean of one participant's likelihood ratio to the power q, ``(q,)``.

    Infinite from a rate of 0 or 1 to any other: what happens there cannot happen here.
    """
    if at in (0.0, 1.0) and to != at:
        return np.full(len(q), np.inf)
    with np.errstate(divide="ignore"):
        none = np.log1p(-at) + q * (np.log1p(-to) - np.log1p(-at))
        one = np.log(at) + q * (np.log(to) - np.log(at))
    return np.asarray(np.logaddexp(none, one))


def tilted(error: float, inside: Floats, ends: Floats, participants: int) -> float:
    """What an error is at most at the ends of a tile, given what it is at most inside it."""
    if error >= 1.0:
        return 1.0
    with np.errstate(divide="ignore"):
        start = (1.0 - 1.0 / POWERS) * np.log(error)
    worst = np.zeros(len(POWERS))
    for end in ends:
        for at, to in zip(inside, end, strict=True):
            if at != to:
                worst = np.maximum(worst, log_moment(POWERS, float(at), float(to)))
    with np.errstate(invalid="ignore"):
        told = start + participants * worst / POWERS
    # from a rate of 0 or 1, where nothing was seen, nothing can be said of another
    return float(min(np.exp(np.where(np.isnan(told), 0.0, told).min()), 1.0))
