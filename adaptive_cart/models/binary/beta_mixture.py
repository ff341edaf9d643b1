"""One arm's probability of the event: a mixture of beta distributions, before and after the data.

Under binomial data each component stays a beta, with a + successes and b + failures; its weight is
multiplied by its beta-binomial marginal likelihood.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.mixtures import TwoNumberMixture
from adaptive_cart.models.ties import as_written

Table: TypeAlias = npt.NDArray[np.float64]  # (table,)
Counts: TypeAlias = npt.NDArray[np.int64]  # (table,)
SMALLEST: Final = 1e-300
KNOTS: Final = np.linspace(-4.0, 4.0, 161)  # normal scores
TableNode: TypeAlias = npt.NDArray[np.float64]  # (table, node)


@dataclass(frozen=True)
class BetaMixture(TwoNumberMixture):
    """Prior of one arm's probability: a mixture of beta distributions.

    Its parameters are prior successes and failures.

    Raises
    ------
    ValueError
        If the lengths differ, a parameter is not positive or the weights do not add up to 1.
    """

    law: ClassVar[str] = "Beta"

    def __post_init__(self) -> None:
        """Refuse what is no mixture of beta distributions."""
        if not len(self.weights) == len(self.a) == len(self.b) > 0:
            raise ValueError(
                f"weights, a and b need the same length, at least 1; found "
                f"{len(self.weights)}, {len(self.a)} and {len(self.b)}"
            )
        if not all(0.0 < parameter < math.inf for parameter in self.a + self.b):
            raise ValueError(f"beta parameters must be positive; found a={self.a}, b={self.b}")
        if not (min(self.weights) >= 0.0 and abs(math.fsum(self.weights) - 1.0) < 1e-9):
            raise ValueError(f"weights must be >= 0 and add up to 1; found {self.weights}")

    @property
    def most(self) -> BetaMixture:
        """The prior where the arm's own data let it say the most: itself, where they do not."""
        return self

    @property
    def turned(self) -> BetaMixture:
        """The same of one minus the probability."""
        return replace(self, a=self.b, b=self.a)

    @property
    def rates(self) -> tuple[float, ...]:
        """Rates by whose likelihoods the arm's own data set the weights; none where they do not."""
        return ()

    def exact_weights(self, successes: int, total: int) -> tuple[Fraction, ...]:
        """The weights before the data as fractions, up to a factor that all of them share."""
        return tuple(as_written(weight) for weight in self.weights)

    def mean(self) -> float:
        """Prior mean of the probability."""
        return math.fsum(
            weight * a / (a + b) for weight, a, b in zip(self.weights, self.a, self.b, strict=True)
        )


class MixturePosterior(NamedTuple):
    """Posterior mixtures of one arm, each (table, component)."""

    weights: npt.NDArray[np.float64]
    a: npt.NDArray[np.float64]
    b: npt.NDArray[np.float64]


def updated(prior: BetaMixture, successes: Counts, totals: Counts) -> MixturePosterior:
    """Posterior mixture of one arm."""
    prior_a, prior_b = np.array(prior.a), np.array(prior.b)
    a: TableNode = prior_a + successes[:, None]
    b: TableNode = prior_b + (totals - successes)[:, None]
    if len(prior.weights) == 1:
        return MixturePosterior(np.ones_like(a), a, b)
    log_weights = prior.log_weights(successes, totals)
    log_weights = log_weights + special.betaln(a, b) - special.betaln(prior_a, prior_b)
    weights = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return MixturePosterior(weights, a, b)


def probability_above(prior: BetaMixture, counts: tuple[Counts, ...], value: float) -> Table:
    """P(probability > value), (table,)."""
    weights, a, b = updated(prior, counts[0], counts[1])
    inside = min(max(float(value), 0.0), 1.0)
    above: Table = (weights * special.betaincc(a, b, inside)).sum(axis=-1)
    return np.minimum(above, 1.0)


def logits(prior: BetaMixture, counts: tuple[Counts, ...]) -> npt.NDArray[np.float64]:
    """Log odds of the probability, rising, then normal scores of being below, (table, 2 x knot).

    The log odds are quantiles of the components; on this scale a posterior is almost normal.
    """
    weights, a, b = updated(prior, counts[0], counts[1])
    below, above = special.ndtr(KNOTS), special.ndtr(-KNOTS)
    first, second = a[..., None], b[..., None]
    low = np.maximum(special.betaincinv(first, second, below), SMALLEST)
    high = np.maximum(special.betaincinv(second, first, above), SMALLEST)
    if a.shape[1] == 1:
        odds = (np.log(low) - np.log(high))[:, 0]
        return np.concatenate([odds, np.broadcast_to(KNOTS, odds.shape)], axis=1)
    odds = np.sort((np.log(low) - np.log(high)).reshape(len(a), -1), axis=1)
    p, q = special.expit(odds), special.expit(-odds)
    exceeds = np.zeros_like(odds)
    for k in range(a.shape[1]):
        exceeds += weights[:, k, None] * beta_above(a[:, k, None], b[:, k, None], p, q)
    scores = -special.ndtri(np.clip(exceeds, special.ndtr(-8.0), special.ndtr(8.0)))
    return np.concatenate([odds, np.maximum.accumulate(scores, axis=1)], axis=1)


def beta_above(
    a: npt.NDArray[np.float64],
    b: npt.NDArray[np.float64],
    p: npt.NDArray[np.float64],
    q: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """P(Beta(a, b) > p), q being 1 - p, by way of the smaller of the two."""
    near_0 = p < q
    first, second = np.where(near_0, a, b), np.where(near_0, b, a)
    # betainc with swapped parameters is as exact as betaincc here, and ten times as fast.
    tail = special.betainc(first, second, np.minimum(p, q))
    survival: npt.NDArray[np.float64] = np.where(near_0, 1.0 - tail, tail)
    return survival
