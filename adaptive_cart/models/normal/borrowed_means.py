"""``prior.ARM = { external = […], method = "…" }``: external means and spreads as a prior.

External participants enter as their likelihood, to the power of what each counts: with sources of
n_j participants, means m_j and standard deviations s_j, and a share a, the arm's mean is known as
from w = a n participants about the mean of all, and the standard deviation of changes, which arms
share, from their squares about it with w - 1 degrees of freedom. Their baselines are not known:
they are taken to start where the trial's participants do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Discriminator, Field, Tag

from adaptive_cart.models import borrowed
from adaptive_cart.models.borrowed import METHOD, Added, Borrowed, by_method
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.parts import Positive
from adaptive_cart.nouns.records import Floats, pooled
from adaptive_cart.nouns.summaries import Scores, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.normal.mean_mixture import NormalMixture

WEIGHT = 0.8  # of the informative part of a robust prior, where none is written
NUMBERS = ("mean", "sd")  # of external data, from trial to trial
VAGUE = 1.0  # participants that the vague part is worth


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
        return self.with_so_many(
            data.total("participants"), data.total("mean"), data.total("sd"), share
        )

    def with_so_many(self, number: float, mean: Any, sd: Any, share: float = 1.0) -> Known:
        """The same, as many participants being known with a mean and a standard deviation.

        These may be arrays, one a trial; then so are the mean and the squares of what is found.
        """
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

    def known_anew(self, lent: Floats) -> Known:
        """The same by what was drawn with each trial, of :meth:`lent`: arrays, one a trial."""
        drawn = lent.reshape(len(lent), len(self._beside), -1)[..., : len(NUMBERS)]
        found = NOTHING
        for name, data in zip(self.external, self.seen, strict=True):
            mean, sd = data.total("mean"), data.total("sd")
            if name in self._beside:
                mean, sd = drawn[:, self._beside.index(name)].T
            found = found.with_so_many(data.total("participants"), mean, sd, self.share)
        return found

    @property
    def parts(self) -> tuple[tuple[float, Known], ...]:
        """Components of the prior of the arm's mean, with their weights."""
        return ((1.0, self.known),)

    @property
    def told_as(self) -> str:
        """Words in the place of mean and worth; none where these say all."""
        return ""

    def ratio_by(self) -> tuple[float, float, float] | None:
        """Mean, SD and clinical difference by which the arm's own data set the weights."""
        return None

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

        anew = self.added_anew(arm, summary, NUMBERS)
        if anew is not None:
            return anew
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


class MixedMeans(BorrowedMeans):
    """A mixture of normals of the arm's mean; of the spread nothing is borrowed."""

    @property
    def sd(self) -> float:
        """Standard deviation of changes of the external participants, within sources."""
        freedom = math.fsum(one.total("participants") - 1.0 for one in self.seen)
        squares = math.fsum(
            (one.total("participants") - 1.0) * one.total("sd") ** 2 for one in self.seen
        )
        return math.sqrt(squares / freedom)

    def too_little(self) -> str | None:
        """Why nothing follows from what was seen: no spread of changes is known."""
        if math.fsum(one.total("participants") - 1.0 for one in self.seen) > 0.0:
            return None
        return "they are one participant, of whom no spread is known; more than one is needed"

    @property
    def informative(self) -> NormalMixture:
        """What external data say of the arm's mean, before anything is kept back."""
        raise NotImplementedError  # abstract: every method supplies it

    @property
    def share_of_informative(self) -> float:
        """Weight of the informative part, before there are data."""
        raise NotImplementedError  # abstract: every method supplies it

    @property
    def parts(self) -> tuple[tuple[float, Known], ...]:
        """Components with their weights; the vague one, worth one participant, stands last."""
        known, share = self.informative, self.share_of_informative
        found = [
            (share * weight, NOTHING._replace(mean=mean, worth=(self.sd / sd) ** 2))
            for weight, mean, sd in zip(known.weights, known.means, known.sds, strict=True)
        ]
        if share < 1.0:
            found.append((1.0 - share, NOTHING._replace(mean=known.mean, worth=VAGUE)))
        return tuple(found)

    @property
    def known(self) -> Known:
        """One normal with the mean and variance of the mixture."""
        mean = math.fsum(weight * part.mean for weight, part in self.parts)
        variance = math.fsum(
            weight * (self.sd**2 / part.worth + (part.mean - mean) ** 2)
            for weight, part in self.parts
        )
        return NOTHING._replace(mean=mean, worth=self.sd**2 / variance)

    @property
    def told_as(self) -> str:
        """The mixture, as a protocol writes it."""
        return " + ".join(
            f"{weight:.4g} Normal({part.mean:g}, worth {part.worth:.4g})"
            for weight, part in self.parts
        )

    @property
    def counted(self) -> str:
        """What participants borrowed are, in words."""
        return (
            "the participants that the posterior variance of the arm's mean is worth, from its own "
            "data alone and with the external standard deviation, less the arm's own; fewer than "
            "none where its data leave more doubt than without"
        )

    def added(self, arm: int, summary: Summary) -> Added:
        """What is added to an arm (its position) by what was seen of its endpoint.

        The p-value is that of the arm's own mean change, two-sided, by the informative part.
        """
        from scipy import special

        anew = self.added_anew(arm, summary, NUMBERS)
        if anew is not None:
            return anew
        number, change = _own(arm, summary)
        weights, means, worth = (
            np.array(part)
            for part in zip(*((w, k.mean, k.worth) for w, k in self.parts), strict=True)
        )
        sd = self.sd
        spread = sd * np.sqrt(1.0 / number[:, None] + 1.0 / worth)
        logs = -0.5 * ((change[:, None] - means) / spread) ** 2 - np.log(spread)
        logs = logs + self._log_weights(weights, number, change)
        share = np.exp(logs - logs.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        total = worth + number[:, None]
        at = (worth * means + number[:, None] * change[:, None]) / total
        mean = (share * at).sum(axis=1)
        variance = (share * (sd**2 / total + (at - mean[:, None]) ** 2)).sum(axis=1)
        known = self.informative
        below = np.zeros_like(change)
        for weight, middle, own in zip(known.weights, known.means, known.sds, strict=True):
            below += weight * special.ndtr((change - middle) / np.hypot(own, sd / np.sqrt(number)))
        return Added(sd**2 / variance - number, 2.0 * np.minimum(below, 1.0 - below))

    def _log_weights(self, weights: Floats, number: Floats, change: Floats) -> Floats:
        """Logarithms of the prior weights, of one trial or of each."""
        return np.log(weights)


class RobustMapMeans(MixedMeans):
    """What a meta-analysis predicts for the arm's mean, mixed with a vague part."""

    method: Literal["robust_map"] = Field(description=METHOD)
    weight: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=WEIGHT, description="of the informative part; one participant's worth has the rest"
    )
    heterogeneity: Positive = Field(
        description="SD of the half-normal prior of the SD between sources, in points of the score"
    )

    @property
    def informative(self) -> NormalMixture:
        """What external data say of the arm's mean."""
        return _predicted(self, self.heterogeneity)

    @property
    def share_of_informative(self) -> float:
        """Weight of the informative part."""
        return self.weight

    @property
    def in_words(self) -> str:
        """What the method does, as a protocol says it."""
        return (
            "a robust meta-analytic-predictive prior (SD between sources "
            f"half-normal({self.heterogeneity:g}), the informative part of weight "
            f"{self.weight:g}), which is the mixture {self.told_as}"
        )


class SamMeans(MixedMeans):
    """An informative part whose weight the arm's own data set: the self-adapting mixture."""

    method: Literal["sam"] = Field(description=METHOD)
    difference: Positive = Field(description="between mean changes that differ clinically")
    heterogeneity: Positive | None = Field(
        default=None,
        description="as of robust_map, whose informative part it then has; else one normal, worth "
        "all external participants",
    )

    @property
    def informative(self) -> NormalMixture:
        """What external data say of the arm's mean."""
        if self.heterogeneity is not None:
            return _predicted(self, self.heterogeneity)
        from adaptive_cart.models.normal.mean_mixture import NormalMixture

        number = math.fsum(one.total("participants") for one in self.seen)
        total = math.fsum(one.total("participants") * one.total("mean") for one in self.seen)
        return NormalMixture((1.0,), (total / number,), (self.sd / math.sqrt(number),))

    @property
    def share_of_informative(self) -> float:
        """Weight of the informative part before there are data: nothing speaks for or against."""
        return 0.5

    def ratio_by(self) -> tuple[float, float, float] | None:
        """Mean, SD and clinical difference by which the arm's own data set the weights."""
        return self.informative.mean, self.sd, self.difference

    def _log_weights(self, weights: Floats, number: Floats, change: Floats) -> Floats:
        from scipy import special

        from adaptive_cart.models.normal.mixed_means import Adapting

        known = Adapting(0, self.informative.mean, self.sd, self.difference)
        ratio = known.log_ratio(number, change)[:, None]
        shares = np.log(weights[:-1] / 0.5)
        return np.concatenate([special.log_expit(ratio) + shares, special.log_expit(-ratio)], 1)

    @property
    def in_words(self) -> str:
        """What the method does, as a protocol says it."""
        return (
            f"the mixture {self.told_as}, before there are data; the weight of the last part is "
            "set by the arm's own mean change, as the likelihood of the external mean against that "
            f"of one that differs by {self.difference:g} (self-adapting mixture)"
        )


def _predicted(prior: MixedMeans, between: float) -> NormalMixture:
    from adaptive_cart.models.normal.mean_mixture import SourceMean, fitted

    sources = tuple(SourceMean(one.total("mean"), one.total("participants")) for one in prior.seen)
    return fitted(sources, prior.sd, between)


def _own(arm: int, summary: Summary) -> tuple[Floats, Floats]:
    """Participants of an arm that were seen, and their mean change; nan where there were none."""
    assert isinstance(summary, Scores)
    last = summary.products.shape[-1] - 1
    products = pooled(np.moveaxis(summary.products[:, arm, :, -1], 1, -1))
    number = products[:, 0, 0]
    number = np.where(number > 0.0, number, np.nan)
    return number, (products[:, 0, last] - products[:, 0, 1]) / number


AnyBorrowedMeans = Annotated[
    Annotated[PooledMeans, Tag("pooled")]
    | Annotated[PowerMeans, Tag("power")]
    | Annotated[RobustMapMeans, Tag("robust_map")]
    | Annotated[SamMeans, Tag("sam")],
    Discriminator(by_method),
]
