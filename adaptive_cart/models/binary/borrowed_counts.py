"""External counts as a prior, and what that prior adds to the counts of an arm."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.errors import InputError, one_of
from adaptive_cart.models.binary.beta_mixture import BetaMixture, Counts, updated
from adaptive_cart.models.ties import as_written
from adaptive_cart.nouns.historical import Historical
from adaptive_cart.nouns.records import Floats

SAME: Final = 1e-9  # probabilities that differ by less, relatively, are equal


def with_counts(data: Historical, weight: float) -> BetaMixture:
    """Beta(1, 1) and all external counts, times a weight."""
    responders, participants = (
        sum(map(as_written, part)) for part in (data.responders, data.participants)
    )
    share = as_written(weight)
    return BetaMixture.single(
        float(1 + share * responders), float(1 + share * (participants - responders))
    )


@lru_cache(maxsize=64)
def predicted(data: Historical, between_sd: float) -> BetaMixture:
    """What a random-effects meta-analysis of the sources predicts for the arm, in betas."""
    from adaptive_cart.models.binary.beta_mixture_fit import fitted_mixture, rounded
    from adaptive_cart.models.binary.robust_map import Heterogeneity, map_predictive
    from adaptive_cart.models.mixture_fit import ACCURACY

    found = map_predictive(data, Heterogeneity(between_sd=between_sd))
    fit = fitted_mixture(found.rates, found.weights, ACCURACY, cells=found.cells)
    if fit.distance > ACCURACY:
        far = f"some probability would be off by {fit.distance:.3f}, and {ACCURACY:g} is allowed"
        raise InputError(
            f"no mixture of betas is near to what {one_of(data.studies)} predict: {far}; write "
            "the prior as a mixture, or borrow by another method"
        )
    return rounded(fit.mixture)


def participants(prior: BetaMixture, successes: Counts, totals: Counts) -> Floats:
    """Participants borrowed where so many of the arm have the event, ``(table,)``.

    The effective size of the arm's posterior by its mean m and variance v, m (1 - m) / v - 1, less
    that without borrowing, which is the arm's own number and the two of Beta(1, 1). It is negative
    where the data contradict what is borrowed, and leave more doubt than without.
    """
    weights, a, b = updated(prior, successes, totals)
    means = a / (a + b)
    mean = (weights * means).sum(axis=-1)
    spread = (weights * means * (1.0 - means) / (a + b + 1.0)).sum(axis=-1)
    variance = spread + (weights * (means - mean[:, None]) ** 2).sum(axis=-1)
    size: Floats = mean * (1.0 - mean) / variance - 1.0 - (totals + 2.0)
    return size


def conflict(informative: BetaMixture, successes: Counts, totals: Counts) -> Floats:
    """Probability of a number with the event that is no likelier than the one seen, ``(table,)``.

    The prior predictive p-value (Box 1980, Journal of the Royal Statistical Society A 143:383).
    """
    found = np.ones(len(totals))
    for total in np.unique(totals):
        here = totals == total
        found[here] = _no_likelier(informative, int(total))[successes[here]]
    return found


@lru_cache(maxsize=4096)
def _no_likelier(prior: BetaMixture, total: int) -> Floats:
    """Probability of numbers that are no likelier than each of 0 ... total, ``(number,)``."""
    number = np.arange(total + 1)
    logs = [
        math.log(weight)
        + special.betaln(a + number, b + total - number)
        - special.betaln(a, b)
        - special.betaln(1.0 + number, 1.0 + total - number)
        - math.log1p(total)
        for weight, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
        if weight > 0.0
    ]
    mass = np.exp(special.logsumexp(np.stack(logs), axis=0))
    # numbers that mirror one another are equally likely, but for rounding
    no_likelier = mass[None, :] <= mass[:, None] * (1.0 + SAME)
    found: Floats = np.minimum((mass * no_likelier).sum(axis=1), 1.0)
    return found
