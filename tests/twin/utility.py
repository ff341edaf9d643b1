"""The probability that a utility lies beyond a value, by convolution of distribution functions.

A utility is the sum of what each endpoint has (its level in an arm, or its difference to another
arm) times its weight. The endpoints are analysed apart, so their posteriors are independent, and so
are those of the arms. Each term is a distribution function; cut into cells of equal width it is a
row of masses, and the distribution of a sum of independent terms is their convolution.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

Distribution = Callable[[np.ndarray], np.ndarray]  # probability at or below a value
CELLS = 1 << 13  # of one term


def beta_mixture(mixture: list[tuple[float, float, float]]) -> Distribution:
    """Distribution function of a mixture of betas: (weight, a, b) each."""

    def below(x: np.ndarray) -> np.ndarray:
        inside = np.clip(x, 0.0, 1.0)
        return sum(w * special.betainc(a, b, inside) for w, a, b in mixture)

    return below


def gamma(shape: float, rate: float) -> Distribution:
    """Distribution function of a gamma."""
    return lambda x: special.gammainc(shape, rate * np.clip(x, 0.0, None))


def beyond(
    terms: list[tuple[float, Distribution]], value: float, above: bool, most: float
) -> float:
    """P(sum of weight times term > value), or below it.

    Parameters
    ----------
    most
        No term is larger, but with a chance that does not matter.
    """
    widest = max(abs(weight) for weight, _ in terms) * most
    step = 2.0 * widest / CELLS
    size = CELLS * (2 * len(terms))
    product = np.ones(size // 2 + 1, dtype=np.complex128)
    for weight, below in terms:
        edges = -widest + step * np.arange(CELLS + 1)
        reached = below(edges / weight) if weight > 0.0 else 1.0 - below(edges / weight)
        product = product * np.fft.rfft(np.diff(reached), size)
    masses = np.fft.irfft(product, size)
    # a sum of cells has its middle at the sum of their middles
    middles = len(terms) * (-widest + step / 2.0) + step * np.arange(size)
    under = float(np.interp(value, middles + step / 2.0, np.cumsum(masses)))
    return 1.0 - under if above else under
