"""The mass of tables of counts, carried from look to look by binomial increments in each arm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from adaptive_cart.nouns.records import Floats, Integers


def _binomial(n: int, rates: Sequence[float]) -> Floats:
    """Binomial masses of 0..n successes, ``(rate, successes)``."""
    from scipy import special

    k = np.arange(n + 1)
    inside = [p for p in rates if 0.0 < p < 1.0]
    of_p = np.array([math.log(p) for p in inside])[:, None]
    of_rest = np.array([math.log1p(-p) for p in inside])[:, None]
    choose = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    masses = iter(np.exp(choose + k * of_p + (n - k) * of_rest))
    certain = {0.0: k == 0, 1.0: k == n}
    return np.array([certain[p] if p in certain else next(masses) for p in rates], dtype=np.float64)


def step(before: int, after: int, p: float) -> Floats:
    """Probability of the successes after more participants, ``(successes before, after)``."""
    return steps(before, after, [p])[0]


def steps(before: int, after: int, rates: Sequence[float]) -> Floats:
    """The same for several rates, ``(rate, successes before, after)``."""
    moves = np.zeros((len(rates), before + 1, after + 1))
    of_rate, of_before, of_after = moves.strides
    # from so many successes on: the same masses, one place further in every row
    shape = (len(rates), before + 1, after - before + 1)
    further = (of_rate, of_before + of_after, of_after)
    np.lib.stride_tricks.as_strided(moves, shape, further)[:] = _binomial(after - before, rates)[
        :, None
    ]
    return moves


def carried(mass: Floats, steps: Sequence[Floats]) -> Floats:
    """Carry the mass of tables of one arm or two to the next look.

    Parameters
    ----------
    steps
        By arm: probability of the successes then, given those before, ``(before, then)``. Axes
        before these are of scenarios; a single arm then has a second axis of length one in `mass`.
    """
    first: Floats = np.swapaxes(steps[0], -1, -2) @ mass
    return first if len(steps) == 1 else first @ steps[1]


def over_tables(mass: Floats, masses: list[Floats]) -> Floats:
    """Sum over all tables of one arm or two, ``(rate,)``; binomial masses by arm."""
    if len(masses) == 1:
        return np.asarray(masses[0] @ mass)
    return np.asarray(((masses[0] @ mass) * masses[1]).sum(axis=1))


def binomials(n: int, rates: Floats) -> Floats:
    """Binomial masses of 0..n successes, ``(rate, successes)``."""
    from scipy import special

    k = np.arange(n + 1)
    choose = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    rate = rates[:, None]
    return np.asarray(np.exp(choose + special.xlogy(k, rate) + special.xlog1py(n - k, -rate)))


def chosen(before: int, after: int) -> Floats:
    """Probability of the successes among the first, given those among all, ``(first, all)``."""
    from scipy import special

    first, every = np.arange(before + 1)[:, None], np.arange(after + 1)[None, :]
    later = every - first
    there = (later >= 0) & (later <= after - before)

    def choose(n: Integers | int, k: Integers) -> Floats:
        inside = np.clip(k, 0, n)
        terms = (np.asarray(n) + 1, inside + 1, np.asarray(n) - inside + 1)
        total, taken, left = (special.gammaln(term) for term in terms)
        return np.asarray(total - taken - left)

    ways = choose(before, first) + choose(after - before, later) - choose(after, every)
    return np.where(there, np.exp(ways), 0.0)
