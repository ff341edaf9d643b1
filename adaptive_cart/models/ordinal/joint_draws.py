"""Draws of all parameters of a cumulative logit model, of each distinct table once.

Proposed are points of independent t variables about the mode, stretched by the root of the
covariance there: in the coordinates of ``cumulative_logit.py`` the posterior is near to a normal
one where there are data, and its tails are exponential where there are none. Each point is then
taken as often as its importance says, in the order of the first log odds ratio, so that few draws
stand for it unevenly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.draws import MIDDLES, ranks
from adaptive_cart.models.ordinal.cumulative_logit import Tables, log_posterior
from adaptive_cart.nouns.records import Floats

FREEDOM: Final = 6.0  # degrees, of what is proposed


@dataclass(frozen=True)
class JointDraws:
    """Draws of some tables.

    Attributes
    ----------
    middle, root
        ``(table, coordinate)`` and ``(table, coordinate, coordinate)``.
    scores
        ``(draw, coordinate)`` points proposed, the same for every table.
    taken
        ``(table, draw)``: which of them.
    """

    middle: Floats
    root: Floats
    scores: Floats
    taken: npt.NDArray[np.int16]

    def places(self) -> Iterator[Floats]:
        """Coordinates ``(draw, coordinate)`` of each table in turn."""
        for middle, root, taken in zip(self.middle, self.root, self.taken, strict=True):
            yield middle + self.scores[taken] @ root.T

    def of(self, what: Callable[[Floats], Floats]) -> Floats:
        """What the coordinates make, ``(table, draw)``."""
        return np.array([what(place) for place in self.places()])


def joint_draws(tables: Tables, found: tuple[Floats, Floats], first: int, axes: int) -> JointDraws:
    """Draws of some tables.

    Parameters
    ----------
    found
        Mode and covariance.
    first, axes
        Which of so many axes are theirs; others are independent of them.
    """
    middle, covariance = found
    size = middle.shape[1]
    rank = ranks(axes)[first : first + size]
    scores = special.stdtrit(FREEDOM, MIDDLES)[rank].T
    proposed = -0.5 * (FREEDOM + 1.0) * np.log1p(scores**2 / FREEDOM).sum(axis=1)
    root = np.linalg.cholesky(covariance).astype(np.float64, copy=False)
    taken = np.empty((len(middle), len(scores)), dtype=np.int16)
    order = rank[-1].argsort()
    for table, own in enumerate(middle):
        place = own + scores @ root[table].T
        weight = log_posterior(tables.rows(np.array([table])), place) - proposed
        along = place[:, tables.cutpoints].argsort()
        chance = np.exp(weight - weight.max())[along].cumsum()
        taken[table, order] = along[np.searchsorted(chance, MIDDLES * chance[-1])]
    return JointDraws(middle, root, scores, taken)
