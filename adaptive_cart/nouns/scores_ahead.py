"""Scores that are still to be seen by the last look, and what has been seen of whose they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from adaptive_cart.nouns.ahead import Coming
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.records import Booleans, Floats, Integers


@dataclass(frozen=True)
class ScoresAhead(Coming):
    """Visits that are still to come. Columns are those enrolled, then those still to be.

    Attributes
    ----------
    known
        ``(trial, column, value)`` baseline and scores as far as they are known; else nan.
    seen, reach
        ``(trial, column)`` visits seen so far, and by the last look.
    arm, stratum
        ``(trial, column)`` who is whose.
    like
        ``(trial, column)`` the arm whose scores they will have.
    pool, size
        ``(trial, stratum, place)`` baselines observed, from which those of the participants still
        to be enrolled are taken, and how many they are, ``(trial, stratum)``.
    left
        ``(trial, column, part)`` of who has left and will count: centre, scale and degrees of
        freedom of the t distribution of the last score; nan for all others. Nothing where nobody's
        score is drawn so.
    """

    known: Floats
    seen: Integers
    reach: Integers
    arm: Labels
    stratum: Labels
    like: Labels
    pool: Floats
    size: Integers
    left: Floats | None = None

    @property
    def nothing(self) -> Booleans:
        """Trials in which all has been seen, ``(trial,)``."""
        found: Booleans = np.asarray(~(self.reach > self.seen).any(axis=1))
        return found

    def last_visit(self) -> ScoresAhead:
        """Return the same of the baseline and the last visit alone."""
        visits = self.known.shape[2] - 1
        return replace(
            self,
            known=self.known[..., [0, -1]],
            seen=(self.seen == visits).astype(np.int64),
            reach=(self.reach == visits).astype(np.int64),
        )

    def columns(self, chosen: Integers) -> ScoresAhead:
        """Return the same of some columns."""
        cut = {
            name: getattr(self, name)[:, chosen]
            for name in ("known", "seen", "reach", "arm", "stratum", "like")
        }
        if self.left is not None:
            cut["left"] = self.left[:, chosen]
        return replace(self, **cut)

    def of_who_left(self, score: Floats, uniform: Floats) -> Floats:
        """Last scores, ``(trial, column, completion)``, with those of who has left drawn.

        Parameters
        ----------
        uniform
            ``(column, completion)``.
        """
        from scipy import special  # slow to import

        if self.left is None:
            return score
        found = score.copy()
        trial, column = np.nonzero(np.isfinite(self.left[..., 0]))
        centre, scale, freedom = self.left[trial, column].T[..., None]
        found[trial, column] = centre + scale * special.stdtrit(freedom, uniform[column])
        return found

    def baselines(self, uniform: Floats) -> Floats:
        """Baselines, ``(trial, column, completion)``; those not known are of those observed.

        Parameters
        ----------
        uniform
            ``(column, completion)``.
        """
        row = np.arange(len(self.size))[:, None]
        size = self.size[row, self.stratum][..., None]
        place = np.minimum((uniform * size).astype(np.int64), np.maximum(size - 1, 0))
        drawn = self.pool[row[..., None], self.stratum[..., None], place]
        known = self.known[..., :1]
        found: Floats = np.where(np.isnan(known), np.where(size > 0, drawn, np.nan), known)
        return found


def pool_of(
    baseline: Floats, members: Booleans, stratum: Labels, strata: int
) -> tuple[Floats, Integers]:
    """Baselines observed in every stratum, in all of them where nobody is in one.

    Parameters
    ----------
    baseline, members, stratum
        ``(trial, participant)``; of the members the baseline is known.

    Returns
    -------
    ``(trial, stratum, place)``, and how many they are, ``(trial, stratum)``.
    """
    pools, sizes = [], []
    for label in range(strata):
        own = members & (stratum == label)
        own = np.where(own.any(axis=1, keepdims=True), own, members)
        order = np.argsort(~own, axis=1, kind="stable")
        pools.append(np.take_along_axis(baseline, order, axis=1))
        sizes.append(own.sum(axis=1))
    return np.stack(pools, axis=1), np.stack(sizes, axis=1)
