"""Probabilities of beta posteriors as fractions: what decides a tie with a threshold.

With whole parameters c, d the distribution function of Beta(c, d) is a sum of binomial terms, and
under Beta(a, b), a and b any rational numbers, the mean of x^i (1 - x)^j is
(a)_i (b)_j / (a + b)_(i + j), (a)_i being a (a + 1) … (a + i - 1). So, with N = c + d - 1::

    P(Beta(a, b) > Beta(c, d)) = sum over i = c … N of C(N, i) (a)_i (b)_(N - i) / (a + b)_N

and likewise with a margin, for several arms, for the weights of a mixture after the data and for
the participants still to come. Numerators are whole numbers over one common denominator. Where no
such sum is known (both parameters of what is integrated over are no whole numbers), symmetry may
still tell; else there is no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import product
from math import comb, factorial, lcm
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.binary.beta_mixture import BetaMixture
from adaptive_cart.models.ties import as_written

HALF = Fraction(1, 2)
MOST_STEPS = 500_000  # of whole numbers with thousands of digits: about a second; beyond, no answer
MOST_TERMS = 10_000  # of a single sum; likewise


class ExactBeta(NamedTuple):
    """A beta component with its weight."""

    weight: Fraction
    a: Fraction
    b: Fraction

    @property
    def whole(self) -> bool:
        """Whether both parameters are whole numbers."""
        return self.a.denominator == 1 and self.b.denominator == 1

    @property
    def turned(self) -> ExactBeta:
        """Return the distribution of one minus the probability."""
        return ExactBeta(self.weight, self.b, self.a)


Exact = tuple[ExactBeta, ...]


def exact_posterior(prior: BetaMixture, successes: int, total: int) -> Exact:
    """Posterior mixture of one arm, the prior's numbers as they are written; parts in order."""
    failures = total - successes
    parts: dict[tuple[Fraction, Fraction], Fraction] = {}
    weights = prior.exact_weights(successes, total)
    for weight, a, b in zip(weights, prior.a, prior.b, strict=True):
        first, second = as_written(a), as_written(b)
        if len(prior.weights) > 1:
            marginal = _rising(first, successes) * _rising(second, failures)
            weight *= marginal / _rising(first + second, total)
        key = first + successes, second + failures
        parts[key] = parts.get(key, Fraction(0)) + weight
    sum_of_weights = sum(parts.values())
    return tuple(
        ExactBeta(weight / sum_of_weights, *key) for key, weight in sorted(parts.items()) if weight
    )


def exact_above(arm: Exact, value: Fraction) -> Fraction | None:
    """P(probability > value)."""
    if value <= 0:
        return Fraction(1)
    if value >= 1:
        return Fraction(0)
    if value == HALF and _same(arm, (part.turned for part in arm)):
        return HALF
    if not above_known(arm, value):
        return None
    return sum((part.weight * _above(part, value) for part in arm), Fraction(0))


def above_known(arm: Exact, value: Fraction) -> bool:
    """Whether there is a sum for P(probability > value)."""
    return not 0 < value < 1 or all(part.whole and part.a + part.b < MOST_TERMS for part in arm)


def exact_difference(upper: Exact, lower: Exact, margin: Fraction) -> Fraction | None:
    """P(upper - lower > margin)."""
    if margin >= 1:
        return Fraction(0)
    if margin <= -1:
        return Fraction(1)
    if margin < 0:
        turned = exact_difference(lower, upper, -margin)
        return None if turned is None else 1 - turned
    if margin == 0 and _balanced(upper, lower):
        return HALF
    total = Fraction(0)
    for first in upper:
        for second in lower:
            exceeds = _exceeds(first, second, margin)
            if exceeds is None:
                return None
            total += first.weight * second.weight * exceeds
    return total


def difference_known(upper: Exact, lower: Exact, margin: Fraction) -> bool:
    """Whether there is a sum for P(upper - lower > margin), the margin not negative."""
    return margin >= 1 or all(_pair_known(*pair, margin) for pair in product(upper, lower))


def exact_best(arms: Sequence[Exact], place: int) -> Fraction | None:
    """P(the arm in this place has the largest probability)."""
    others = [arm for k, arm in enumerate(arms) if k != place]
    if all(arm == arms[place] for arm in others):
        return Fraction(1, len(arms))
    if len(others) == 1:
        return exact_difference(arms[place], others[0], Fraction(0))
    if not best_known(arms, place):
        return None
    total = Fraction(0)
    for combination in product(*others):
        weight = Fraction(1)
        below: npt.NDArray[np.object_] = np.array([1], dtype=object)
        for part in combination:
            weight *= part.weight
            n = int(part.a + part.b) - 1
            terms = [comb(n, i) if i >= part.a else 0 for i in range(n + 1)]
            below = _multiplied(below, np.array(terms, dtype=object))
        for own in arms[place]:
            total += weight * own.weight * _mean_of(own, below)
    return total


def best_known(arms: Sequence[Exact], place: int) -> bool:
    """Whether there is a sum for P(the arm in this place has the largest probability)."""
    others = [arm for k, arm in enumerate(arms) if k != place]
    if len(others) < 2:
        return not others or difference_known(arms[place], others[0], Fraction(0))
    if not all(part.whole for arm in others for part in arm):
        return False
    return sum(int(part.a + part.b) for arm in others for part in arm) ** 2 <= MOST_STEPS


def exact_predictive(arm: Exact, more: int) -> tuple[npt.NDArray[np.object_], int]:
    """Predictive masses of 0 … ``more`` responders to come: numerators and their denominator."""
    by_part = [(part.weight, *_beta_binomial(part, more)) for part in arm]
    denominator = lcm(*(weight.denominator * below for weight, _, below in by_part))
    masses: npt.NDArray[np.object_] = np.zeros(more + 1, dtype=object)
    for weight, terms, below in by_part:
        masses = masses + terms * (weight.numerator * denominator // (weight.denominator * below))
    return masses, denominator


# ── one component against one other ───────────────────────────────────────────────────────────
def _exceeds(upper: ExactBeta, lower: ExactBeta, margin: Fraction) -> Fraction | None:
    """P(upper - lower > margin) for 0 <= margin < 1."""
    if margin == 0 and _balanced((upper,), (lower,)):
        return HALF
    if not _pair_known(upper, lower, margin):
        return None
    if margin == 0:
        return _beyond(upper, lower) if lower.whole else 1 - _beyond(lower, upper)
    return _by_margin(upper, lower, margin)


def _pair_known(upper: ExactBeta, lower: ExactBeta, margin: Fraction) -> bool:
    """Whether there is a sum for one component against another, 0 <= margin < 1."""
    if margin == 0:
        few = upper.a + upper.b + lower.a + lower.b <= MOST_TERMS
        return few and (upper.whole or lower.whole)
    if not (upper.whole and lower.whole):
        return False
    return int(upper.a + upper.b) * int(upper.a + lower.b) <= MOST_STEPS


def _beyond(upper: ExactBeta, lower: ExactBeta) -> Fraction:
    """P(upper > lower), the lower one's parameters whole."""
    terms, denominator = _beta_binomial(upper, int(lower.a + lower.b) - 1)
    return Fraction(sum(terms[int(lower.a) :]), denominator)


def _beta_binomial(part: ExactBeta, n: int) -> tuple[npt.NDArray[np.object_], int]:
    """C(n, i) (a)_i (b)_(n - i) for i = 0 … n, and (a + b)_n, both times a common factor."""
    q = lcm(part.a.denominator, part.b.denominator)
    a, b = int(part.a * q), int(part.b * q)
    terms = np.empty(n + 1, dtype=object)
    term = denominator = 1
    for k in range(n):
        term *= b + k * q
        denominator *= a + b + k * q
    terms[0] = term
    for i in range(n):
        term = term * (n - i) * (a + i * q) // ((i + 1) * (b + (n - i - 1) * q))
        terms[i + 1] = term
    return terms, denominator


def _above(part: ExactBeta, value: Fraction) -> Fraction:
    """P(probability > value), the parameters whole: fewer than a of N binomial trials succeed."""
    n, p, q = int(part.a + part.b) - 1, value.numerator, value.denominator
    total, term = 0, (q - p) ** n
    for i in range(int(part.a)):
        total += term
        term = term * (n - i) * p // ((i + 1) * (q - p))
    return Fraction(total, q**n)


def _by_margin(upper: ExactBeta, lower: ExactBeta, margin: Fraction) -> Fraction:
    """P(upper - lower > margin), parameters whole, 0 < margin < 1.

    The lower arm is (1 - margin) u, v is 1 - u, and everything is a polynomial in u and v.
    """
    p, q = margin.numerator, margin.denominator
    s = q - p
    a, c, d = int(upper.a), int(lower.a), int(lower.b)
    n = int(upper.a + upper.b) - 1
    # survival of the upper arm at u + margin v, times q^n: coefficients of u^j v^(n - j)
    survival = np.array([comb(n, a - 1)], dtype=object)
    power = 1
    for i in range(a - 2, -1, -1):
        more = np.zeros(len(survival) + 1, dtype=object)
        more[:-1] += survival * p
        more[1:] += survival * q
        power *= s
        more[0] += comb(n, i) * power
        survival = more
    survival = survival * s ** (n - a + 1)
    density = np.array([comb(d - 1, k) * p**k * q ** (d - 1 - k) for k in range(d)], dtype=object)
    product = _multiplied(survival, density)
    most = n + c + d - 1
    total = sum(
        value * factorial(j + c - 1) * factorial(most - j - c)
        for j, value in enumerate(product)
        if value
    )
    constant = Fraction(factorial(c + d - 1), factorial(c - 1) * factorial(d - 1))
    return constant * Fraction(s**c * total, q ** (n + c + d - 1) * factorial(most))


def _mean_of(own: ExactBeta, polynomial: npt.NDArray[np.object_]) -> Fraction:
    """Mean of sum_i c_i x^i (1 - x)^(n - i) under a beta distribution."""
    n = len(polynomial) - 1
    terms, denominator = _beta_binomial(own, n)
    total = Fraction(0)
    for i, coefficient in enumerate(polynomial):
        if coefficient:
            total += Fraction(coefficient * terms[i], comb(n, i))
    return total / denominator


# ── helpers ───────────────────────────────────────────────────────────────────────────────────
def _rising(start: Fraction, factors: int) -> Fraction:
    """Return (start)_factors."""
    p, q = start.numerator, start.denominator
    product = 1
    for k in range(factors):
        product *= p + k * q
    return Fraction(product, q**factors)


def _multiplied(
    first: npt.NDArray[np.object_], second: npt.NDArray[np.object_]
) -> npt.NDArray[np.object_]:
    """Product of two polynomials with whole coefficients."""
    product: npt.NDArray[np.object_] = np.zeros(len(first) + len(second) - 1, dtype=object)
    for place, coefficient in enumerate(first):
        if coefficient:
            product[place : place + len(second)] += second * coefficient
    return product


def _same(arm: Exact, other: Iterable[ExactBeta]) -> bool:
    return sorted(arm) == sorted(other)


def _balanced(upper: Exact, lower: Exact) -> bool:
    """Whether the difference is distributed alike on both sides of 0."""
    if _same(upper, lower):
        return True
    return all(_same(arm, (part.turned for part in arm)) for arm in (upper, lower))
