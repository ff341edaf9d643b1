"""What events by exposure say about yearly rates, for many trials at once.

The model of serious infections, second malignancies and whatever else is counted by patient-year:
in each arm a rate, learnt from a number of events and the years they were seen in.

Statement
---------
In every arm by itself::

    rate    ~ Gamma(a, rate b)              events per patient-year
    events  ~ Poisson(rate * years)

Method
------
The posterior of a rate is Gamma(a + events, rate b + years) (Gelman et al., Bayesian Data Analysis,
3rd ed., section 2.6), so a question about one arm is an incomplete gamma function. Of two arms
with posteriors Gamma(A, R) and Gamma(B, S), `R rate_a / (R rate_a + S rate_b)` is Beta(A, B), so a
question about their ratio, and about which is larger, is an incomplete beta function.

A difference against a margin other than 0 is one integral, over whichever form is smooth at the
scale of its density (f density, F distribution function)::

    P(rate_a > rate_b + margin) = integral of F_b(y) f_a(y + margin) dy         (y > 0)
                                = integral of f_b(y) (1 - F_a(y + margin)) dy

the second where rate_b is the better known and has at least `SHARP` events, prior included. A
negative margin asks the opposite question of the exchanged arms. The variable y = scale log(1 +
exp(t)) is logarithmic towards 0, where F_b(y) goes like y ** B, and linear in the bulk; in t the
integrand is analytic and vanishes at both ends, where the trapezoidal rule converges geometrically
(Trefethen and Weideman 2014, doi:10.1137/130932132). Its ends are quantiles of the table's own
posteriors that leave out 1e-13, its nodes are a fixed number: a table's result does not depend on
its neighbours.

Error
-----
Closed forms: that of `scipy.special`. The integral, measured against an exact sum (Poisson plus
negative binomial, for whole shapes) over 3 000 pairs with shapes 0.01 to 3 000 and margins of 1e-6
to 10 a year: at most 6e-12; down to margins of 1e-12 of the mean, 2e-10.
`tests/models/test_gamma_poisson.py` holds it to 1e-10, other shapes to 1e-9 by quadrature.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.nouns.records import Floats

NODES: Final = 160
TAIL: Final = 1e-13  # probability left out at each end of the range
SMALLEST: Final = 1e-300
SHARP: Final = 4.0  # shape from which a gamma density may be narrow against its own mean
NODES_AT_ONCE: Final = 2**15  # of all tables of a chunk together, to stay in cache


def log_quantiles(shape: Floats, rate: Floats, scores: Floats) -> Floats:
    """Logarithms of gamma variables below which the probability has some normal scores, (…, score).

    A variable beyond the smallest float stands at it.
    """
    below, above = special.ndtr(scores), special.ndtr(-scores)
    quantile = np.where(
        scores < 0.0,
        special.gammaincinv(shape[..., None], below),
        special.gammainccinv(shape[..., None], above),
    )
    log: Floats = np.log(np.maximum(quantile, SMALLEST)) - np.log(rate)[..., None]
    return log


def gamma_ratio_above(
    shape_a: Floats, rate_a: Floats, shape_b: Floats, rate_b: Floats, value: float
) -> Floats:
    """Probability that one gamma variable is more than `value` times another."""
    share_of_b = rate_b / (rate_b + rate_a * value)
    probability: Floats = special.betainc(shape_b, shape_a, share_of_b)
    return probability


def gamma_difference_above(
    shape_a: Floats, rate_a: Floats, shape_b: Floats, rate_b: Floats, margin: float
) -> Floats:
    """Probability that one gamma variable exceeds another by a margin above 0, (table,)."""
    probability = np.full(len(shape_a), np.nan)
    known = np.isfinite(rate_a) & np.isfinite(rate_b)
    narrower_b = np.sqrt(shape_b) / rate_b < np.sqrt(shape_a) / rate_a
    over_b = (shape_b >= SHARP) & narrower_b
    rows_at_once = max(1, NODES_AT_ONCE // NODES)
    for chosen, integral in ((known & over_b, _over_b), (known & ~over_b, _over_a)):
        tables = np.flatnonzero(chosen)
        for first in range(0, len(tables), rows_at_once):
            rows = tables[first : first + rows_at_once]
            probability[rows] = integral(
                shape_a[rows], rate_a[rows], shape_b[rows], rate_b[rows], margin
            )
    inside: Floats = np.clip(probability, 0.0, 1.0)
    return inside


def _over_a(
    shape_a: Floats, rate_a: Floats, shape_b: Floats, rate_b: Floats, margin: float
) -> Floats:
    """Integral of F_b(y) f_a(y + margin) over y > 0, (table,)."""
    # below each of these there is too little: of b, of a, of a where its density has no pole
    little = TAIL * margin / np.maximum(np.sqrt(shape_a), 1.0)
    low = np.maximum(special.gammaincinv(shape_b, TAIL) / rate_b, little)
    low = np.maximum(low, special.gammaincinv(shape_a, TAIL) / rate_a - margin)
    high = special.gammainccinv(shape_a, TAIL) / rate_a - margin
    some = high > low
    scale = np.maximum(np.sqrt(shape_a), 1.0) / rate_a
    y, weight = _nodes(low, np.where(some, high, 2.0 * low), scale)
    value = special.gammainc(shape_b[:, None], rate_b[:, None] * y)
    value *= _density(y + margin, shape_a, rate_a)
    value *= weight
    total: Floats = np.where(some, value.sum(axis=-1), 0.0)
    return total


def _over_b(
    shape_a: Floats, rate_a: Floats, shape_b: Floats, rate_b: Floats, margin: float
) -> Floats:
    """Integral of f_b(y) (1 - F_a(y + margin)) over y > 0, (table,)."""
    low = special.gammaincinv(shape_b, TAIL) / rate_b
    high = special.gammainccinv(shape_b, TAIL) / rate_b
    y, weight = _nodes(low, high, np.sqrt(shape_b) / rate_b)
    value = special.gammaincc(shape_a[:, None], rate_a[:, None] * (y + margin))
    value *= _density(y, shape_b, rate_b)
    value *= weight
    total: Floats = value.sum(axis=-1)
    return total


def _nodes(low: Floats, high: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Nodes y = scale log(1 + exp(t)) and weights of the rule in t, (table, node) each."""
    first, last = _inverse_softplus(low / scale), _inverse_softplus(high / scale)
    step = (last - first) / (NODES - 1)
    t = first[:, None] + step[:, None] * np.arange(NODES)
    y = scale[:, None] * np.logaddexp(0.0, t)
    weight = special.expit(t)
    weight *= (scale * step)[:, None]
    return y, weight


def _inverse_softplus(y: Floats) -> Floats:
    """Value t with log(1 + exp(t)) = y."""
    t: Floats = y + np.log(-np.expm1(-y))
    return t


def _density(x: Floats, shape: Floats, rate: Floats) -> Floats:
    """Gamma density at the nodes of each table, (table, node).

    Written about its own mean, x = z shape / rate: the parts of the exponent stay small where the
    density is not, and thousands of events lose no digits.
    """
    excess = x * (rate / shape)[:, None]
    excess -= 1.0
    exponent = special.log1p(excess)
    exponent -= excess
    exponent *= shape[:, None]
    constant = special.xlogy(shape, shape) - shape - special.gammaln(shape)
    exponent += constant[:, None]
    density: Floats = np.exp(exponent, out=exponent)
    density /= x
    return density
