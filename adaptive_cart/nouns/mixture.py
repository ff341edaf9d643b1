"""Parts of the participants who fare otherwise than the rest, in shares that drift over time.

A region, or a drug of the control arm. Each participant belongs to one part, by a uniform of the
own and the shares at the month of randomisation; who belongs to none has the truth itself.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, Self

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from adaptive_cart.nouns.parts import Months, Part, Probability
from adaptive_cart.nouns.records import Floats, Integers

JUST_BEFORE: Final = 1e-9  # months


class SharePoint(Part):
    """A share from a month on, or at a month with a straight line to the next."""

    from_: Months | None = Field(
        default=None, alias="from", description="month since the trial opened from which it holds"
    )
    at: Months | None = Field(
        default=None,
        description="in place of `from`: month at which it is so; a straight line leads to the "
        "next, and before the first and after the last it stays",
    )
    share: Probability = Field(description="of those randomised then")

    @model_validator(mode="after")
    def _one_month(self) -> Self:
        if (self.from_ is None) == (self.at is None):
            raise ValueError(
                "has one month: { from = 12, share = … } for a step, or { at = 12, share = … } "
                "for a point of a straight line"
            )
        return self

    @property
    def month(self) -> float:
        """Month that the share is about."""
        return float(self.at if self.from_ is None else self.from_)  # type: ignore[arg-type]


class Share(Part):
    """The share of a part among those randomised at a month."""

    share: Annotated[
        Annotated[Probability, Tag("number")] | Annotated[list[SharePoint], Tag("points")],
        Discriminator(lambda value: "points" if isinstance(value, list | tuple) else "number"),
    ] = Field(
        description="share of the participants who belong to it; by month of randomisation as "
        "[{ from = 0, share = 0.1 }, { from = 12, share = 0.4 }], or with `at` in place of `from` "
        "along a straight line"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        points = self._points
        if not isinstance(self.share, list):
            return self
        if not points:
            raise ValueError("'share' has no months; write a number, or [{ from = 0, share = … }]")
        if len({point.at is None for point in points}) > 1:
            raise ValueError("'share' has steps (`from`) and a line (`at`); write one of the two")
        months = [point.month for point in points]
        if any(later <= month for month, later in itertools.pairwise(months)):
            raise ValueError("the months of 'share' have to rise")
        if self.steps and months[0] != 0.0:
            raise ValueError("the first step of 'share' is from = 0, the opening of the trial")
        return self

    @property
    def _points(self) -> list[SharePoint]:
        return self.share if isinstance(self.share, list) else []

    @property
    def steps(self) -> bool:
        """Whether it changes at once, and not along a line."""
        return bool(self._points) and self._points[0].at is None

    @property
    def months(self) -> tuple[float, ...]:
        """Months at which it may be largest or smallest."""
        known = [point.month for point in self._points]
        before = [month - JUST_BEFORE for month in known if month > 0.0]
        return (0.0, *known, *before)

    def by(self, month: Floats) -> Floats:
        """The share among those randomised at each month."""
        if not isinstance(self.share, list):
            return np.full(month.shape, float(self.share))
        months = np.array([point.month for point in self._points])
        shares = np.array([point.share for point in self._points])
        if not self.steps:
            found: Floats = np.interp(month, months, shares)
            return found
        place = np.searchsorted(months, month, side="right") - 1
        return shares[np.clip(place, 0, len(shares) - 1)]

    def words(self) -> str:
        """Say it: ``0.1 from month 0, 0.4 from month 12``."""
        if not isinstance(self.share, list):
            return f"{self.share:g}"
        how = "from" if self.steps else "at"
        said = ", ".join(f"{point.share:g} {how} month {point.month:g}" for point in self._points)
        return said if self.steps or len(self._points) == 1 else f"{said}, straight between"


@dataclass(frozen=True)
class Mixture:
    """Parts of the participants, and what is true of each.

    Attributes
    ----------
    names, shares, truths
        By part. What is true of one is a truth without parts of its own.
    """

    names: tuple[str, ...]
    shares: tuple[Share, ...]
    truths: tuple[Any, ...]

    def weights(self, month: Floats) -> Floats:
        """Share of those who belong to no part, then of each, ``(part + 1, *month.shape)``."""
        own = np.stack([share.by(month) for share in self.shares])
        return np.concatenate([np.clip(1.0 - own.sum(axis=0), 0.0, 1.0)[None], own])

    @cached_property
    def drifts(self) -> bool:
        """Whether any share changes over time."""
        return any(isinstance(share.share, list) for share in self.shares)

    def part_of(self, u: Floats, month: Floats) -> Integers:
        """Part of each participant: 0 for none, from 1 in order.

        Parameters
        ----------
        u, month
            A uniform of the own, and the month of randomisation; who never is belongs to that of
            the opening.
        """
        month = np.where(np.isfinite(month), month, 0.0)
        found = np.zeros(u.shape, dtype=np.int64)
        low = np.zeros(u.shape)
        for place, share in enumerate(self.shares, start=1):
            high = low + share.by(month)
            found[(u >= low) & (u < high)] = place
            low = high
        return found

    def total(self) -> tuple[float, float]:
        """Largest sum of all shares, and a month at which it is reached."""
        months = np.array(sorted({month for share in self.shares for month in share.months}))
        whole = np.stack([share.by(months) for share in self.shares]).sum(axis=0)
        most = int(np.argmax(whole))
        return float(whole[most]), float(months[most])
