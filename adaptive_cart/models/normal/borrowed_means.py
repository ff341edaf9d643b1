"""``prior.ARM = { external = […], method = "…" }``: external means and spreads as a prior.

External participants enter as their likelihood, to the power of what each counts: with sources of
n_j participants, means m_j and standard deviations s_j, and a share a, the arm's mean is known as
from w = a n participants about the mean of all, and the standard deviation of changes, which arms
share, from their squares about it with w - 1 degrees of freedom. Their baselines are not known:
they are taken to start where the trial's participants do.
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Discriminator, Tag

from adaptive_cart.models import borrowed
from adaptive_cart.models.borrowed import Added, Borrowed, by_method
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.records import pooled
from adaptive_cart.nouns.summaries import Scores, Summary


class Known(NamedTuple):
    """What is known beforehand of an arm's mean, and by it of the spread of changes.

    Attributes
    ----------
    mean, worth
        Of the arm, and the participants that it counts for.
    squares, freedom
        Sum of squares about the mean, and its degrees of freedom.
    """

    mean: float
    worth: float
    squares: float
    freedom: float

    def with_participants(self, data: External, share: float = 1.0) -> Known:
        """The same and external participants beside it, each counting for a share."""
        number, mean, sd = (data.total(key) for key in ("participants", "mean", "sd"))
        more = share * number
        worth = self.worth + more
        between = self.worth * more / worth * (mean - self.mean) ** 2
        return Known(
            (self.worth * self.mean + more * mean) / worth,
            worth,
            self.squares + share * (number - 1.0) * sd**2 + between,
            self.freedom + more - (self.worth == 0.0),
        )


NOTHING = Known(0.0, 0.0, 0.0, 0.0)


class BorrowedMeans(Borrowed):
    """What every way to borrow means has, and says."""

    def too_little(self) -> str | None:
        """Why nothing follows from what was seen: it counts for one participant or fewer."""
        if self.known.worth > 1.0:
            return None
        counted = f"they count for {self.known.worth:g} participants"
        return f"{counted}, of whom no spread is known; more than one is needed"

    @property
    def share(self) -> float:
        """What an external participant counts, beside one of the arm."""
        raise NotImplementedError  # the method says it

    @property
    def known(self) -> Known:
        """What the external participants say of the arm."""
        found = NOTHING
        for data in self.seen:
            found = found.with_participants(data, self.share)
        return found

    @property
    def counted(self) -> str:
        """What participants borrowed are, in words."""
        return (
            "the external participants, by what each counts: a mean is worth them and the arm's "
            "own, whatever is seen"
        )

    def added(self, arm: int, summary: Summary) -> Added:
        """What is added to an arm (its position) by what was seen of its endpoint.

        The posterior of a mean is worth the arm's participants and those borrowed, whatever is
        seen. The p-value is that of the arm's own mean change, two-sided: before the trial it is t
        distributed about the external mean.
        """
        from scipy import special

        assert isinstance(summary, Scores)
        known, last = self.known, summary.products.shape[-1] - 1
        products = pooled(np.moveaxis(summary.products[:, arm, :, -1], 1, -1))
        number = products[:, 0, 0]
        seen = np.where(number > 0.0, number, np.nan)
        change = (products[:, 0, last] - products[:, 0, 1]) / seen
        spread = math.sqrt(known.squares / known.freedom)
        away = np.abs(change - known.mean) / (spread * np.sqrt(1.0 / seen + 1.0 / known.worth))
        conflict = 2.0 * special.stdtr(known.freedom, -away)
        return Added(np.where(number > 0.0, known.worth, np.nan), conflict)


class PooledMeans(borrowed.Pooled, BorrowedMeans):
    """External participants count as the arm's own."""


class PowerMeans(borrowed.Power, BorrowedMeans):
    """External participants count with a fixed weight: the power prior."""


AnyBorrowedMeans = Annotated[
    Annotated[PooledMeans, Tag("pooled")] | Annotated[PowerMeans, Tag("power")],
    Discriminator(by_method),
]
