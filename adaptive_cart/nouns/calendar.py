"""Dates that are equal by design are equal: one tolerance for all comparisons of months.

A date is often a sum (arrival, then infusion, then the window), and two sums that are equal in
whole fractions may differ in the last bit. Months that lie within :data:`TIE` of each other are one
moment. Continuous times never come that close but by chance of one in a thousand million.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

TIE = 1.0e-9  # months; under three thousandths of a second
SAME = 1.0e-6  # months; under three seconds: what people have rounded

Months = TypeVar("Months", float, npt.NDArray[np.float64])


def until(date: Months) -> Months:
    """Return what a moment must not lie after to have happened by a date."""
    return date + TIE


def short_of(date: Months) -> Months:
    """Return what a moment must lie before to have happened strictly before a date."""
    return date - TIE
