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

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.binary.beta_exact import ExactBeta, exact_above
from adaptive_cart.models.ties import as_written

__all__ = ["GammaPoisson", "gamma_difference_above", "gamma_ratio_above"]

Array = npt.NDArray[np.float64]

NODES: Final = 160
TAIL: Final = 1e-13  # probability left out at each end of the range
SMALLEST: Final = 1e-300
SHARP: Final = 4.0  # shape from which a gamma density may be narrow against its own mean
NODES_AT_ONCE: Final = 2**15  # of all tables of a chunk together, to stay in cache


@dataclass(frozen=True)
class GammaPoisson:
    """Poisson events by exposure with a gamma prior of the yearly rate, the same in every arm.

    Every answer has the common shape of the counts and years given, element by element. It is nan
    where neither the prior nor the data bring any exposure (`b` = 0 and no years), which leaves no
    posterior.

    Parameters
    ----------
    a
        shape of the prior: its events
    b
        rate of the prior: its patient-years
    """

    a: float
    b: float

    def __post_init__(self) -> None:
        """Refuse what is no gamma prior."""
        if not (math.isfinite(self.a) and self.a > 0.0):
            raise ValueError(f"a: {self.a} found, a shape above 0 allowed")
        if not (math.isfinite(self.b) and self.b >= 0.0):
            raise ValueError(f"b: {self.b} found, years from 0 allowed")

    def mean(self, events: npt.ArrayLike, years: npt.ArrayLike) -> Array:
        """Posterior mean of the yearly rate."""
        shape, rate = self._gamma(events, years)
        mean: Array = shape / rate
        return mean

    def interval(self, events: npt.ArrayLike, years: npt.ArrayLike, level: float = 0.95) -> Array:
        """Equal-tailed credible interval of the yearly rate, its ends on a new last axis."""
        tail = _tail(level)
        shape, rate = self._gamma(events, years)
        ends = [special.gammaincinv(shape, tail), special.gammainccinv(shape, tail)]
        return np.stack([end / rate for end in ends], axis=-1)

    def above(self, events: npt.ArrayLike, years: npt.ArrayLike, value: float) -> Array:
        """Probability that the yearly rate lies above a value."""
        shape, rate = self._gamma(events, years)
        limit = max(_finite("value", value), 0.0)
        probability: Array = special.gammaincc(shape, rate * limit)
        return probability

    def log_quantiles(self, events: npt.ArrayLike, years: npt.ArrayLike, scores: Array) -> Array:
        """Logarithms of the rates below which the probability has some normal scores, (…, score).

        A rate beyond the smallest float stands at it.
        """
        shape, rate = self._gamma(events, years)
        below, above = special.ndtr(scores), special.ndtr(-scores)
        quantile = np.where(
            scores < 0.0,
            special.gammaincinv(shape[..., None], below),
            special.gammainccinv(shape[..., None], above),
        )
        log: Array = np.log(np.maximum(quantile, SMALLEST)) - np.log(rate)[..., None]
        return log

    def ratio_above(
        self,
        events_a: npt.ArrayLike,
        years_a: npt.ArrayLike,
        events_b: npt.ArrayLike,
        years_b: npt.ArrayLike,
        value: float,
    ) -> Array:
        """Probability that the rate of arm a is more than `value` times that of arm b."""
        shape_a, rate_a, shape_b, rate_b = self._pair(events_a, years_a, events_b, years_b)
        limit = max(_finite("value", value), 0.0)
        return gamma_ratio_above(shape_a, rate_a, shape_b, rate_b, limit)

    def difference_above(
        self,
        events_a: npt.ArrayLike,
        years_a: npt.ArrayLike,
        events_b: npt.ArrayLike,
        years_b: npt.ArrayLike,
        margin: float,
    ) -> Array:
        """Probability that the rate of arm a exceeds that of arm b by more than a margin.

        Parameters
        ----------
        margin
            events per patient-year, of either sign
        """
        margin = _finite("margin", margin)
        shape_a, rate_a, shape_b, rate_b = self._pair(events_a, years_a, events_b, years_b)
        if margin == 0.0:
            return gamma_ratio_above(shape_a, rate_a, shape_b, rate_b, 1.0)
        a, b = (np.ravel(shape_a), np.ravel(rate_a)), (np.ravel(shape_b), np.ravel(rate_b))
        if margin > 0.0:
            probability = gamma_difference_above(*a, *b, margin)
        else:
            probability = 1.0 - gamma_difference_above(*b, *a, -margin)
        return probability.reshape(shape_a.shape)

    def exact_ratio_above(
        self,
        events_a: float,
        events_b: float,
        years_a: float,
        years_b: float,
        *,
        value: float = 1.0,
    ) -> Fraction | None:
        """P(rate of arm a > value times that of arm b) as a fraction; nothing if it is none.

        A Beta(A, B) has the share that arm a has of both rates, each in units of its own exposure.
        Years are read to twelve digits, so that the order in which they were added up is no matter.
        """
        shape, rate = as_written(self.a), as_written(self.b)
        a, b = shape + int(events_a), shape + int(events_b)
        exposed_a, exposed_b = (rate + Fraction(f"{years:.12g}") for years in (years_a, years_b))
        if exposed_a + exposed_b == 0:
            return None
        share_of_b = ExactBeta(Fraction(1), b, a)
        of_a = exposed_a * as_written(value)
        above = exact_above((share_of_b,), exposed_b / (of_a + exposed_b))
        return None if above is None else 1 - above

    def _gamma(self, events: npt.ArrayLike, years: npt.ArrayLike) -> tuple[Array, Array]:
        """Shape and rate of the posterior, in one common shape of arrays."""
        counts, exposure = np.broadcast_arrays(
            np.asarray(events, dtype=np.float64), np.asarray(years, dtype=np.float64)
        )
        for name, found in (("events", counts), ("years", exposure)):
            if not np.all((found >= 0.0) & (found < np.inf)):
                raise ValueError(f"{name}: a negative or unknown number found, 0 or more allowed")
        rate = self.b + exposure
        return self.a + counts, np.where(rate > 0.0, rate, np.nan)

    def _pair(
        self,
        events_a: npt.ArrayLike,
        years_a: npt.ArrayLike,
        events_b: npt.ArrayLike,
        years_b: npt.ArrayLike,
    ) -> tuple[Array, Array, Array, Array]:
        """Shape and rate of both arms, in one common shape of arrays."""
        shape_a, rate_a, shape_b, rate_b = np.broadcast_arrays(
            *self._gamma(events_a, years_a), *self._gamma(events_b, years_b)
        )
        return shape_a, rate_a, shape_b, rate_b


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{name}: {value} found, a finite number allowed")
    return float(value)


def _tail(level: float) -> float:
    """Probability on either side of an equal-tailed interval."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level: {level} found, a probability between 0 and 1 allowed")
    return (1.0 - level) / 2.0


def gamma_ratio_above(
    shape_a: Array, rate_a: Array, shape_b: Array, rate_b: Array, value: float
) -> Array:
    """Probability that one gamma variable is more than `value` times another."""
    share_of_b = rate_b / (rate_b + rate_a * value)
    probability: Array = special.betainc(shape_b, shape_a, share_of_b)
    return probability


def gamma_difference_above(
    shape_a: Array, rate_a: Array, shape_b: Array, rate_b: Array, margin: float
) -> Array:
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
    inside: Array = np.clip(probability, 0.0, 1.0)
    return inside


def _over_a(shape_a: Array, rate_a: Array, shape_b: Array, rate_b: Array, margin: float) -> Array:
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
    total: Array = np.where(some, value.sum(axis=-1), 0.0)
    return total


def _over_b(shape_a: Array, rate_a: Array, shape_b: Array, rate_b: Array, margin: float) -> Array:
    """Integral of f_b(y) (1 - F_a(y + margin)) over y > 0, (table,)."""
    low = special.gammaincinv(shape_b, TAIL) / rate_b
    high = special.gammainccinv(shape_b, TAIL) / rate_b
    y, weight = _nodes(low, high, np.sqrt(shape_b) / rate_b)
    value = special.gammaincc(shape_a[:, None], rate_a[:, None] * (y + margin))
    value *= _density(y, shape_b, rate_b)
    value *= weight
    total: Array = value.sum(axis=-1)
    return total


def _nodes(low: Array, high: Array, scale: Array) -> tuple[Array, Array]:
    """Nodes y = scale log(1 + exp(t)) and weights of the rule in t, (table, node) each."""
    first, last = _inverse_softplus(low / scale), _inverse_softplus(high / scale)
    step = (last - first) / (NODES - 1)
    t = first[:, None] + step[:, None] * np.arange(NODES)
    y = scale[:, None] * np.logaddexp(0.0, t)
    weight = special.expit(t)
    weight *= (scale * step)[:, None]
    return y, weight


def _inverse_softplus(y: Array) -> Array:
    """Value t with log(1 + exp(t)) = y."""
    t: Array = y + np.log(-np.expm1(-y))
    return t


def _density(x: Array, shape: Array, rate: Array) -> Array:
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
    density: Array = np.exp(exponent, out=exponent)
    density /= x
    return density
