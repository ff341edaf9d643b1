"""How far power jumps from one size to the next, since counts are whole numbers.

Power does not rise evenly with the size. A threshold asks for whole numbers of responders: while
these stay as they are power goes one way, and where one more is asked for it falls at once by the
probability of a table or two. Of one arm that is the probability of a single count. Of two arms the
number asked for moves at other sizes for every count of the other arm, and what each adds is off as
chance has it: together by the root of the sum of the squares of their probabilities. A single count
is likeliest in the middle; where the power is far from one half the number asked for is one of the
less likely ones, by the height of a normal density there.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.nouns.records import Floats
from adaptive_cart.running.engine import numbers_at
from adaptive_cart.running.exact import rates_in


def step_of_power(design: Design, scenarios: Iterable[str], power: float) -> float:
    """By how much power may jump at the size of a design whose tables are enumerated.

    Parameters
    ----------
    scenarios
        The largest step of which is told.
    power
        About which it jumps.
    """
    from scipy import special

    _, last = numbers_at(design)[-1]
    height = float(np.exp(-0.5 * special.ndtri(power) ** 2))
    return height * max(_step(last, rates_in(design, name)) for name in scenarios)


def _step(numbers: Iterable[int], rates: Iterable[float]) -> float:
    """The step of one more count in the arm in which that is the smaller."""
    chances = [_chances(n, rate) for n, rate in zip(numbers, rates, strict=True)]
    alike = [float(np.sqrt((one * one).sum())) for one in chances]
    whole = float(np.prod(alike))
    return min(float(one.max()) * whole / own for one, own in zip(chances, alike, strict=True))


def _chances(number: int, rate: float) -> Floats:
    """Probability of every count of an arm."""
    from scipy import stats

    return np.asarray(stats.binom.pmf(np.arange(number + 1), number, rate))
