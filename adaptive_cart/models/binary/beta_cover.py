"""Which intervals of a difference of two arms plainly cover a value, and which plainly do not.

By four moments of the difference (the expansion of Edgeworth, Cramér 1946, Mathematical Methods of
Statistics, 17.7) the probability beyond a value is known to within 0.0081 where every
parameter of both beta distributions is :data:`LEAST` or more. It is furthest off where one arm is
far smaller than the other and one of its parameters far larger than the other: there the difference
is a gamma variable of shape :data:`LEAST`, and it is off by 0.0080; where neither arm is more than
twice the other, by half of that. Measured over differences and values of all sizes, as tests have.
Where it is further than :data:`ROOM`, which is more, from both ends of an interval, it is plain on
which side of them the value lies, and nothing has to be summed. Elsewhere nothing is said.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from scipy import special

from adaptive_cart.models.binary.beta_mixture import BetaMixture
from adaptive_cart.nouns.records import Booleans, Floats, Integers

LEAST: Final = 5.0
ROOM: Final = 0.01


class Moments(NamedTuple):
    """Mean, and second to fourth cumulant, of beta distributions, ``(table,)`` each."""

    mean: Floats
    variance: Floats
    third: Floats
    fourth: Floats

    @staticmethod
    def of(a: Floats, b: Floats) -> Moments:
        """Return those of Beta(a, b)."""
        n = a + b
        variance = a * b / (n * n * (n + 1.0))
        third = 2.0 * a * b * (b - a) / (n**3 * (n + 1.0) * (n + 2.0))
        excess = (a - b) ** 2 * (n + 1.0) - a * b * (n + 2.0)
        excess *= 6.0 / (a * b * (n + 2.0) * (n + 3.0))
        return Moments(a / n, variance, third, variance * variance * excess)


def nearly_above(
    upper: tuple[Floats, Floats], lower: tuple[Floats, Floats], value: float
) -> Floats:
    """P(difference > value), nearly, of the upper arm's Beta(a, b) less the lower one's."""
    one, other = Moments.of(*upper), Moments.of(*lower)
    variance = one.variance + other.variance
    deviation = np.sqrt(variance)
    z = (value - (one.mean - other.mean)) / deviation
    skewness = (one.third - other.third) / (variance * deviation)
    kurtosis = (one.fourth + other.fourth) / (variance * variance)
    z2 = z * z
    bent = skewness / 6.0 * (z2 - 1.0) + kurtosis / 24.0 * z * (z2 - 3.0)
    bent += skewness * skewness / 72.0 * z * (z2 * (z2 - 10.0) + 15.0)
    above: Floats = special.ndtr(-z) + np.exp(-0.5 * z2) / np.sqrt(2.0 * np.pi) * bent
    return above


def plainly_covered(
    priors: tuple[BetaMixture, BetaMixture],
    successes: Integers,
    totals: Integers,
    value: float,
    ends: tuple[float, float],
) -> tuple[Booleans, Booleans]:
    """Whether a value lies inside an interval of the first arm less the second, and where plainly.

    Parameters
    ----------
    priors
        Of one component each; of others nothing is said.
    successes, totals
        ``(table, 2)``.
    ends
        Probabilities beyond which the value would have to lie to be outside.
    """
    if any(len(prior.weights) > 1 for prior in priors):
        return (np.zeros(len(totals), dtype=np.bool_),) * 2
    a = successes + np.array([prior.a[0] for prior in priors])
    b = totals - successes + np.array([prior.b[0] for prior in priors])
    above = nearly_above((a[:, 0], b[:, 0]), (a[:, 1], b[:, 1]), value)
    plain = np.minimum(a, b).min(axis=1) >= LEAST
    for end in ends:
        plain &= np.abs(above - end) > ROOM
    return (above > ends[0]) & (above < ends[1]), plain
