"""Scores at the last look, given what has been seen: a draw of the regressions a completion.

Visit by visit the score of a participant is drawn from its regression on baseline and the scores
before, which are as they have been seen, or as they have been drawn. Baselines of those who are
still to be enrolled are taken from those observed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.scores_ahead import ScoresAhead
from adaptive_cart.nouns.summaries import Scores
from adaptive_cart.nouns.summaries.base import repeated

SMALLEST = 2.0**-54  # what a uniform of 0 stands for


@dataclass(frozen=True)
class Law:
    """A draw, for each completion, of the regression of a visit.

    The third axis is the stratum, of length 1 where all strata have one regression.

    Attributes
    ----------
    intercept
        ``(trial, arm, stratum, completion)``
    weights
        ``(trial, value, stratum, completion)`` slopes on baseline and the scores before.
    sd
        ``(trial, stratum, completion)``
    """

    intercept: Floats
    weights: Floats
    sd: Floats

    @classmethod
    def stacked(cls, several: Sequence[Law]) -> Law:
        """Of several strata, each by itself."""
        return cls(
            np.concatenate([law.intercept for law in several], axis=2),
            np.concatenate([law.weights for law in several], axis=2),
            np.concatenate([law.sd for law in several], axis=1),
        )

    def drawn(self, coming: ScoresAhead, before: Sequence[Floats], normal: Floats) -> Floats:
        """Draw the score at the visit, ``(trial, column, completion)``.

        Parameters
        ----------
        before
            Baseline and the scores before it, each likewise.
        normal
            ``(column, completion)`` standard normal deviations.
        """
        row = np.arange(len(self.sd))[:, None]
        alike = self.sd.shape[1] == 1
        stratum = np.zeros_like(coming.stratum) if alike else coming.stratum
        own = (slice(None), slice(0, 1)) if alike else (row, stratum)
        score = self.intercept[row, coming.like, stratum] + self.sd[own] * normal
        for place, values in enumerate(before):
            score += self.weights[:, place][own] * values
        return score


def completed(
    summary: Scores, coming: ScoresAhead, some: Completions, laws: Sequence[Law]
) -> Scores:
    """What may have been seen at the last look: the first trial's completions, then the second's.

    Parameters
    ----------
    summary
        What has been seen.
    laws
        Of every visit of the summary.
    """
    width = coming.reach.shape[1]
    coming_columns = np.flatnonzero((coming.reach > coming.seen).any(axis=0))

    def uniform(purpose: int) -> Floats:
        return some.plain(width, purpose).T[coming_columns]

    coming = coming.columns(coming_columns)
    values = [coming.baselines(uniform(0))]
    for visit, law in enumerate(laws, start=1):
        own = np.maximum(uniform(visit), SMALLEST)
        known = coming.known[..., visit, None]
        score = law.drawn(coming, values, special.ndtri(own))
        score = np.where(np.isnan(known), score, known)
        values.append(coming.of_who_left(score, own) if visit == len(laws) else score)
    trials, arms, strata = summary.missing.shape
    cells = np.arange(arms * strata)
    cell = coming.arm.astype(np.int64) * strata + coming.stratum
    more = np.zeros((trials, len(cells), some.number, *summary.products.shape[3:]))
    for visit in range(len(laws)):
        newly = (coming.reach > visit) & (coming.seen <= visit)
        members = ((cell[:, None] == cells[:, None]) & newly[:, None]).astype(np.float64)
        seen = [np.ones(values[0].shape), *values[: visit + 2]]
        seen = [np.where(newly[..., None], each, 0.0) for each in seen]
        for one, other in zip(*np.triu_indices(visit + 3), strict=True):
            total = members @ (seen[one] * seen[other])
            more[:, :, :, visit, one, other] = more[:, :, :, visit, other, one] = total
    more = np.moveaxis(more, 2, 1).reshape(-1, arms, strata, *summary.products.shape[3:])
    had = repeated(summary.products, some.number)
    return Scores(had + more, repeated(summary.missing, some.number))
