"""How the scores of a participant correlate with one another, where a scenario says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Correlated:
    """Correlations of the deviations of scores that are taken at the same time.

    What is correlated is by how much a baseline differs from its mean, and what each visit adds
    that baseline and the visits before it leave open. So it is the correlation of two baselines,
    and of two scores with the same visits and the same correlation within a participant that of
    any two of their values taken at the same time.

    Attributes
    ----------
    names
        Of the scores, in the order of the design.
    matrix
        By score and score.
    """

    names: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, given: Mapping[str, Mapping[str, float]], names: tuple[str, ...]) -> Correlated:
        """Put together what is given of pairs; all others are independent."""
        matrix = np.eye(len(names))
        for one, others in given.items():
            for other, value in others.items():
                pair = names.index(one), names.index(other)
                matrix[pair] = matrix[pair[::-1]] = value
        return cls(names, tuple(map(tuple, matrix.tolist())))

    @property
    def possible(self) -> bool:
        """Whether any scores can correlate like that."""
        return not self.names or bool(np.linalg.eigvalsh(np.array(self.matrix))[0] > 1e-9)

    def weights(self, name: str, among: tuple[str, ...]) -> dict[str, float]:
        """Weights of the independent deviations of which that of one score is made.

        Parameters
        ----------
        among
            Scores that are taken at that time, in the order of the design.
        """
        return dict(_weights(self, name, among))


@lru_cache(maxsize=1024)
def _weights(of: Correlated, name: str, among: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    places = [of.names.index(one) for one in among]
    matrix = np.array(of.matrix)[np.ix_(places, places)]
    row = np.linalg.cholesky(matrix)[among.index(name)]
    return tuple((one, float(weight)) for one, weight in zip(among, row, strict=True) if weight)
