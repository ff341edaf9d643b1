"""``prior.ARM = { external = […], method = "…" }``: priors that external data make, by method.

Each says how external counts become a prior of the arm's probability, which is then an ordinary
mixture of betas (or, of ``"sam"``, one whose weights the arm's own data set), so that posteriors,
enumeration and PyMC need to know nothing of where it came from. The vague part of every mixture,
and what is borrowed on top of, is Beta(1, 1).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag

from adaptive_cart.models import borrowed
from adaptive_cart.models.borrowed import METHOD, Added, Borrowed, by_method
from adaptive_cart.nouns.distinct_rows import each_distinct
from adaptive_cart.nouns.historical import Historical
from adaptive_cart.nouns.records import Floats, pooled
from adaptive_cart.nouns.summaries import Counts, Summary
from adaptive_cart.nouns.summaries.counts_beside import lent_to

if TYPE_CHECKING:
    from adaptive_cart.models.binary.beta_mixture import BetaMixture
    from adaptive_cart.models.binary.beta_mixture import Counts as Tables

WEIGHT = 0.8  # of the informative part of a robust prior, where none is written
# on the logit; beyond it sources say nothing of each other
BetweenSources = Annotated[float, Field(gt=0.0, le=3.0, allow_inf_nan=False)]
FIT_SECONDS = 0.7  # a meta-analysis fitted by betas
BETWEEN = 1.0  # standard deviation of the half-normal prior between studies, likewise


class BorrowedCounts(Borrowed):
    """What every way to borrow counts has, and says."""

    of_a_stratum: ClassVar[bool] = True

    @cached_property
    def data(self) -> Historical:
        """What was seen in the external data."""
        return Historical(
            tuple(self.external),
            tuple(one.total("responders") for one in self.seen),
            tuple(one.total("participants") for one in self.seen),
        )

    @property
    def informative(self) -> BetaMixture:
        """What external data say of the arm, before anything is kept back."""
        raise NotImplementedError  # abstract: every method supplies it

    @property
    def predicts(self) -> float:
        """Mean of the informative part."""
        return self.informative.mean()

    @property
    def as_mixture(self) -> BetaMixture:
        """The prior of the arm, as models take it."""
        return self.informative

    @property
    def counted(self) -> str:
        """What participants borrowed are, in words."""
        return (
            "the effective size of the arm's posterior by its mean and variance, less that without "
            "borrowing, with Beta(1, 1); fewer than none where the arm's own data leave more doubt "
            "than without"
        )

    def added(self, arm: int, summary: Summary) -> Added:
        """What is added to an arm (its position) by what was seen of its endpoint."""
        assert isinstance(summary, Counts)
        successes = pooled(np.asarray(summary.successes))[:, arm].astype(np.int64)
        totals = pooled(np.asarray(summary.totals))[:, arm].astype(np.int64)
        lent = lent_to(summary) if self.redrawn else None
        if lent is None:
            return Added(self.participants(successes, totals), self.conflict(successes, totals))
        found = Added(*np.full((2, len(totals)), np.nan))
        for row, here in each_distinct(lent):
            one = self.as_drawn(self.numbers(row, ("responders",)))
            found.participants[here] = one.participants(successes[here], totals[here])
            found.conflict[here] = one.conflict(successes[here], totals[here])
        return found

    def participants(self, successes: Tables, totals: Tables) -> Floats:
        """Participants that are borrowed where so many of the arm have the event, ``(table,)``."""
        from adaptive_cart.models.binary.borrowed_counts import participants

        return participants(self.as_mixture, successes, totals)

    def conflict(self, successes: Tables, totals: Tables) -> Floats:
        """How far the arm's own data are from what external data predict: a p-value, ``(table,)``.

        By the informative part. The vague part expects everything alike, and has no say.
        """
        from adaptive_cart.models.binary.borrowed_counts import conflict

        return conflict(self.informative, successes, totals)


class _Added(BorrowedCounts):
    """External counts are added to Beta(1, 1), each participant for a share of one."""

    @property
    def share(self) -> float:
        """What an external participant counts, beside one of the arm."""
        raise NotImplementedError  # the method says it

    @property
    def informative(self) -> BetaMixture:
        """What external data say of the arm."""
        from adaptive_cart.models.binary.borrowed_counts import with_counts

        return with_counts(self.data, self.share)


class Pooled(borrowed.Pooled, _Added):
    """External participants count as the arm's own."""


class Power(borrowed.Power, _Added):
    """External participants count with a fixed weight: the power prior."""


class RobustMap(BorrowedCounts):
    """What a meta-analysis predicts for the arm, mixed with a vague part: the robust MAP prior."""

    method: Literal["robust_map"] = Field(description=METHOD)
    weight: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=WEIGHT, description="of the informative part; the vague one has the rest"
    )
    heterogeneity: BetweenSources = Field(
        default=BETWEEN,
        description="SD of the half-normal prior of the SD between sources, on the logit",
    )

    @property
    def seconds(self) -> float:
        """What it takes of one core to make the prior of other data, about."""
        return FIT_SECONDS

    @property
    def informative(self) -> BetaMixture:
        """What external data say of the arm."""
        from adaptive_cart.models.binary.borrowed_counts import predicted

        return predicted(self.data, self.heterogeneity)

    @property
    def as_mixture(self) -> BetaMixture:
        """The prior of the arm, as models take it."""
        from adaptive_cart.models.binary.beta_mixture_fit import rounded
        from adaptive_cart.models.binary.robust_map import robustified

        return rounded(robustified(self.informative, 1.0 - self.weight))

    @property
    def in_words(self) -> str:
        """What the method does, as a protocol says it."""
        return (
            "a robust meta-analytic-predictive prior (SD between sources "
            f"half-normal({self.heterogeneity:g}) on the logit, the informative part of weight "
            f"{self.weight:g}), which is the mixture {self.as_mixture.words}"
        )


class Sam(BorrowedCounts):
    """An informative part whose weight the arm's own data set: the self-adapting mixture."""

    set_by_data: ClassVar[bool] = True

    method: Literal["sam"] = Field(description=METHOD)
    difference: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        description="between rates that differ clinically"
    )
    heterogeneity: BetweenSources | None = Field(
        default=None,
        description="as of robust_map, whose informative part it then has; else counts are added",
    )

    @property
    def seconds(self) -> float:
        """What it takes of one core to make the prior of other data, about."""
        return 0.0 if self.heterogeneity is None else FIT_SECONDS

    @property
    def informative(self) -> BetaMixture:
        """What external data say of the arm."""
        from adaptive_cart.models.binary.borrowed_counts import predicted, with_counts

        if self.heterogeneity is None:
            return with_counts(self.data, 1.0)
        return predicted(self.data, self.heterogeneity)

    @property
    def as_mixture(self) -> BetaMixture:
        """The prior of the arm, as models take it."""
        from adaptive_cart.models.binary.self_adapting import SelfAdapting

        return SelfAdapting.of(self.informative, self.difference)

    @property
    def in_words(self) -> str:
        """What the method does, as a protocol says it."""
        what = (
            "what the external participants say"
            if self.heterogeneity is None
            else "the meta-analytic-predictive distribution of the sources (SD between sources "
            f"half-normal({self.heterogeneity:g}) on the logit)"
        )
        return (
            f"{what}, mixed with Beta(1, 1); its weight is set by the arm's own data, as the "
            "likelihood of the external rate against that of a rate that differs by "
            f"{self.difference:g} (self-adapting mixture)"
        )


AnyBorrowed = Annotated[
    Annotated[Pooled, Tag("pooled")]
    | Annotated[Power, Tag("power")]
    | Annotated[RobustMap, Tag("robust_map")]
    | Annotated[Sam, Tag("sam")],
    Discriminator(by_method),
]
