"""Which strata a question counts, in a posterior that pools them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy.typing as npt

from adaptive_cart.models.base import Posterior
from adaptive_cart.nouns.questions import OPEN
from adaptive_cart.nouns.records import Booleans


class PoolsStrata(Posterior):
    """A posterior of the strata that a question is about, pooled.

    Attributes
    ----------
    open_strata
        ``(trial, stratum)`` that are open; nothing where all are.
    """

    open_strata: Booleans | None

    def where_open(self, open_strata: Booleans) -> Self:
        """Return the same posterior, asked about the strata that are open now."""
        return replace(self, open_strata=open_strata)  # type: ignore[type-var]  # all are dataclasses

    def of_strata(self, values: npt.NDArray[Any], stratum: int, axis: int = 2) -> npt.NDArray[Any]:
        """Sum over the strata that are asked about.

        Parameters
        ----------
        values
            Trials first, strata along ``axis``.
        stratum
            Position; ``ALL``, or ``OPEN``.
        """
        if stratum >= 0:
            return values[(slice(None),) * axis + (stratum,)]
        if stratum == OPEN and self.open_strata is not None:
            shape = [1] * values.ndim
            shape[0], shape[axis] = self.open_strata.shape
            values = values * self.open_strata.reshape(shape)
        total: npt.NDArray[Any] = values.sum(axis=axis)
        return total
