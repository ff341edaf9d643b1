"""A number of one arm, of which every question is made: a rate, a fraction remaining, a ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

LEVEL = "level"
BETTER = "better"  # the probability to do better
ALL = -1  # the average over all strata by their shares
OPEN = -2  # the average over the strata still open


class Category(NamedTuple):
    """A category of an ordinal outcome: its place from the worst, from 0, and its name."""

    place: int
    name: str


class Cut(NamedTuple):
    """A value of a number of participants, and whether what is lower lies beyond it."""

    value: float
    lower: bool


@dataclass(frozen=True)
class Quantity:
    """A number of one arm that a truth says and a posterior knows.

    Attributes
    ----------
    name
        ``level``: the endpoint's own parameter (a probability, a yearly rate, a mean, a cured
        fraction); ``remaining``: the fraction without an event at a month; ``median``: the median
        time; ``restricted_mean``: the mean time of so many months; ``hazard_ratio`` to another arm,
        which is known of two arms together only, as are the probability to do ``better`` than it
        and the ``common_odds_ratio`` to it;
        ``reaches``: the probability of a category or a better one; ``beyond``: the proportion of
        participants whose value lies beyond a cut.
    arm, to
        Positions; ``to`` is the other arm of a ratio that is a quantity by itself.
    stratum
        Position of a stratum, or ``ALL`` or ``OPEN``.
    month
        Months after the clock of the endpoint began; infinite where it is of no month, so that of
        what lasts the level is the fraction that lasts for ever.
    category
        Of an ordinal outcome, where it is of that category or a better one.
    cut
        The value beyond which participants count, where it is of them.
    """

    endpoint: str
    name: str
    arm: int
    to: int | None = None
    stratum: int = ALL
    month: float = math.inf
    category: Category | None = None
    cut: Cut | None = None

    @property
    def point(self) -> float | Cut:
        """What it is of, beside an arm: a month, or a cut."""
        return self.month if self.cut is None else self.cut
