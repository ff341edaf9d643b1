"""The difference of two independent t variables, without draws.

    P(X - Y < d) = E F_Y(X - d) reversed, or the same with the two exchanged,

an expectation over the narrower of the two, so that what is averaged, the distribution function of
the wider one, is never steeper than the density that it is averaged over. The narrower one is the
quantile of a normal score z, and the mean over z a trapezoid sum to 8.4: what is summed is
analytic, so that the error falls geometrically with the step. There are 121 points, 361 where the
narrower has fewer than 4 degrees of freedom. Measured against adaptive quadrature and closed forms,
with 1 to 400 degrees of freedom and scales up to 1e4 apart: at most 1e-8
(``tests/models/test_restricted_mean.py``).
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.nouns.records import Floats

T: TypeAlias = tuple[Floats, Floats, Floats]  # degrees of freedom, location, scale

END: Final = 8.4
POINTS: Final = 121
POINTS_OF_FEW: Final = 361
FEW: Final = 4.0  # degrees of freedom
TABLES_AT_ONCE: Final = 128


def below(one: T, other: T, value: float) -> Floats:
    """Probability that the first less the second lies below a value, ``(table,)``."""
    swap = one[2] > other[2]
    # X - Y < d is Y - X > -d: with the two exchanged, one less what is asked
    narrow, wide = _chosen(swap, other, one), _chosen(swap, one, other)
    distance = np.where(swap, -value, value)
    found = np.empty(len(swap))
    few = narrow[0] < FEW
    for tables, points in ((np.flatnonzero(~few), POINTS), (np.flatnonzero(few), POINTS_OF_FEW)):
        for first in range(0, len(tables), TABLES_AT_ONCE):
            rows = tables[first : first + TABLES_AT_ONCE]
            found[rows] = _wide_is_above(
                _rows(narrow, rows), _rows(wide, rows), distance[rows], points
            )
    return np.where(swap, 1.0 - found, found)


def _chosen(where: npt.NDArray[np.bool_], yes: T, no: T) -> T:
    freedom, location, scale = (np.where(where, a, b) for a, b in zip(yes, no, strict=True))
    return freedom, location, scale


def _rows(t: T, rows: npt.NDArray[np.intp]) -> T:
    return t[0][rows], t[1][rows], t[2][rows]


def _wide_is_above(narrow: T, wide: T, distance: Floats, points: int) -> Floats:
    """Probability that the wide one lies above the narrow one less a distance, ``(table,)``."""
    scores = np.linspace(-END, END, points)
    weights = np.exp(-0.5 * scores**2)
    lower = special.stdtrit(narrow[0][:, None], special.ndtr(scores[: points // 2]))
    standard = np.concatenate([lower, np.zeros((len(lower), 1)), -lower[:, ::-1]], axis=1)
    quantile = narrow[1][:, None] + narrow[2][:, None] * standard
    score = (quantile - (distance + wide[1])[:, None]) / wide[2][:, None]
    chance = special.stdtr(wide[0][:, None], -score) * weights
    found: Floats = chance.sum(axis=1) / weights.sum()
    return found
