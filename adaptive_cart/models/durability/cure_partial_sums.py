"""Sums of equally spaced densities from a place between two of them on.

The sum stays smooth in the place: within the step that the place cuts it integrates the polynomial
through six neighbours.
"""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.records import Floats

Real = TypeVar("Real", np.float32, np.float64)

TAPS: Final = np.arange(-2, 4)  # lattice points that a partial sum interpolates, from the crossing
PADDING: Final = 4  # empty lattice points at either end


def _cardinal() -> Floats:
    """Coefficients of the polynomials through six neighbours, 1 at one of them, (tap, power).

    In the distance from the third neighbour, in steps.
    """
    cardinal = []
    for tap in TAPS:
        polynomial = np.array([1.0])
        for other in TAPS:
            if other != tap:
                polynomial = np.convolve(polynomial, np.array([-other, 1.0]) / (tap - other))
        cardinal.append(polynomial)
    return np.array(cardinal)


def _partial_weights() -> Floats:
    """Coefficients of the weight that each of six neighbours has in a sum from a crossing on.

    The crossing lies at t in [0, 1] between the third and the fourth; the weight is a polynomial in
    t, (tap, power), the integral from t on of the pieces of polynomials through six points.
    """
    integral = CARDINAL / np.arange(1, len(TAPS) + 1)
    integral = np.concatenate([np.zeros((len(TAPS), 1)), integral], axis=1)
    whole = integral.sum(axis=1)
    weights = -integral
    weights[:, 0] += whole + np.concatenate([[0.0], np.cumsum(whole)[:-1]])
    return weights


CARDINAL: Final = _cardinal()
WEIGHTS: Final = _partial_weights()
SINGLE_CARDINAL: Final = CARDINAL.astype(np.float32)
SINGLE_WEIGHTS: Final = WEIGHTS.astype(np.float32)


def at_share(coefficients: npt.NDArray[Real], share: npt.NDArray[Real]) -> npt.NDArray[Real]:
    """Polynomial of a tap at shares of the way from the third neighbour to the fourth."""
    weight = coefficients[-1] * share
    for coefficient in coefficients[-2:0:-1]:
        weight += coefficient
        weight *= share
    weight += coefficients[0]
    return weight


def tail(density: Floats, position: Floats) -> Floats:
    """Sum of equally spaced densities (..., point) from a position (...) on, in steps."""
    number = density.shape[-1]
    padding = [(0, 0)] * (density.ndim - 1) + [(PADDING, PADDING)]
    padded = np.pad(density, padding)
    running = np.add.accumulate(padded, axis=-1)
    position = np.clip(position, -1.0, number - 0.001)
    index = np.floor(position).astype(np.int64)
    share = position - index
    base = (index + PADDING)[..., None]
    total = running[..., -1] - np.take_along_axis(running, base + TAPS[-1], axis=-1)[..., 0]
    for tap, coefficients in zip(TAPS, WEIGHTS, strict=True):
        neighbour = np.take_along_axis(padded, base + tap, axis=-1)[..., 0]
        total = total + at_share(coefficients, share) * neighbour
    return total


def weight_beyond(distance: Floats) -> Floats:
    """Weight of a lattice point in a sum from a place on that it lies beyond by some steps."""
    tap = np.clip(np.ceil(distance), TAPS[0], TAPS[-1])
    share = np.clip(tap - distance, 0.0, 1.0)
    coefficients = WEIGHTS[tap.astype(np.int64) - TAPS[0]]
    weight = coefficients[..., -1]
    for power in range(len(TAPS) - 1, -1, -1):
        weight = weight * share + coefficients[..., power]
    return weight
