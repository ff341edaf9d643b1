"""External events and exposure as a prior of an arm's rate or hazard: what every such prior has.

What is borrowed comes on top of, or beside, the arm's own Gamma(a, b), as that of counts on top of
or beside Beta(1, 1). Events a year and events by month at risk are the same but for the unit, so
that both rooms take the methods from here.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from adaptive_cart.errors import InputError
from adaptive_cart.models.borrowed import METHOD, Added, Borrowed
from adaptive_cart.models.rates.gamma_mixture import (
    GammaMixture,
    conflict,
    equivalent_years,
    updated,
)
from adaptive_cart.models.rates.log_rates import Seen, commensurate, meta_analytic
from adaptive_cart.nouns.external import MONTHS
from adaptive_cart.nouns.parts import Part, Worth
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import Summary

if TYPE_CHECKING:
    from adaptive_cart.models.rates.between_rates import Between

WEIGHT: Final = 0.8  # of the informative part of a robust prior, where none is written
BETWEEN: Final = 0.5  # SD of the half-normal prior between sources, likewise: a ratio of 1.6

Scale = Annotated[float, Field(gt=0.0, le=2.0, allow_inf_nan=False)]


class HalfNormalBetween(Part):
    """A half-normal prior of the SD between the logarithms of rates."""

    half_normal: Scale = Field(description="its scale")

    @property
    def prior(self) -> Between:
        """As the integrals take it."""
        from adaptive_cart.models.rates.between_rates import HalfNormal

        return HalfNormal(self.half_normal)


class HalfCauchyBetween(Part):
    """A half-Cauchy prior of the SD between the logarithms of rates, cut at 5."""

    half_cauchy: Scale = Field(description="its scale")

    @property
    def prior(self) -> Between:
        """As the integrals take it."""
        from adaptive_cart.models.rates.between_rates import HalfCauchy

        return HalfCauchy(self.half_cauchy)


class SpikeAndSlabBetween(Part):
    """A spike-and-slab prior of the precision, one over the variance of the logarithm."""

    spike: Annotated[float, Field(gt=0.0, le=1e6)] = Field(
        description="precision at which the rates are commensurate"
    )
    slab: Annotated[
        list[Annotated[float, Field(ge=0.05, le=1e6)]], Field(min_length=2, max_length=2)
    ] = Field(description="precisions between which it is uniform otherwise")
    weight: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(description="of the spike")

    @model_validator(mode="after")
    def _in_order(self) -> SpikeAndSlabBetween:
        low, high = self.slab
        if not low < high <= self.spike:
            raise ValueError(
                f"the slab [{low:g}, {high:g}] has to rise, and to end below the spike "
                f"({self.spike:g}), which is the larger precision"
            )
        return self

    @property
    def prior(self) -> Between:
        """As the integrals take it."""
        from adaptive_cart.models.rates.between_rates import SpikeAndSlab

        return SpikeAndSlab(self.spike, (self.slab[0], self.slab[1]), self.weight)


def _how(value: Any) -> str:
    if isinstance(value, HalfCauchyBetween) or (isinstance(value, dict) and "half_cauchy" in value):
        return "half_cauchy"
    if isinstance(value, SpikeAndSlabBetween) or (isinstance(value, dict) and "spike" in value):
        return "spike"
    return "half_normal" if isinstance(value, dict | HalfNormalBetween) else "number"


Heterogeneity = Annotated[
    Annotated[Scale, Tag("number")]
    | Annotated[HalfNormalBetween, Tag("half_normal")]
    | Annotated[HalfCauchyBetween, Tag("half_cauchy")]
    | Annotated[SpikeAndSlabBetween, Tag("spike")],
    Discriminator(_how),
]


def _prior(value: Any) -> Between:
    given = value if isinstance(value, Part) else HalfNormalBetween(half_normal=value)
    found: Between = given.prior  # type: ignore[attr-defined]
    return found


FIT_SECONDS = 0.5  # a meta-analysis fitted by gammas
NUMBERS = ("events",)  # of external data, from trial to trial


class BorrowedGamma(Borrowed):
    """What every way to borrow events and exposure has, and says."""

    a: Worth
    b: Worth

    months_in_unit: ClassVar[float] = MONTHS
    unit: ClassVar[str] = "years"

    @property
    def own(self) -> GammaMixture:
        """The arm's prior without external data."""
        return GammaMixture.single(self.a, self.b)

    @property
    def sources(self) -> tuple[Seen, ...]:
        """What was seen in each of the external data, in the unit of the prior."""
        return tuple(
            Seen(one.total("events"), one.total("months") / self.months_in_unit)
            for one in self.seen
        )

    @property
    def informative(self) -> GammaMixture:
        """What external data say of the arm, before anything is kept back."""
        raise NotImplementedError  # abstract: every method supplies it

    @property
    def as_mixture(self) -> GammaMixture:
        """The prior of the arm, as models take it."""
        return self.informative

    @property
    def counted(self) -> str:
        """What participants borrowed are, in words."""
        return (
            f"the {self.unit} that a gamma with the mean and variance of the arm's posterior is "
            f"worth, less those without borrowing, by the {self.unit} for which a participant of "
            "the arm was followed"
        )

    def shown(self, arm: int, summary: Summary) -> tuple[Floats, Floats, Floats]:
        """Events, exposure and participants of an arm (its position), ``(trial,)`` each."""
        raise NotImplementedError  # abstract: every model supplies it

    def added(self, arm: int, summary: Summary) -> Added:
        """What is added to an arm (its position) by what was seen of its endpoint."""
        anew = self.added_anew(arm, summary, NUMBERS)
        if anew is not None:
            return anew
        events, exposure, people = self.shown(arm, summary)
        return Added(
            self.participants(events, exposure, people),
            conflict(self.informative, events, exposure),
        )

    def participants(self, events: Floats, exposure: Floats, people: Floats) -> Floats:
        """Participants borrowed: exposure, as a gamma with the posterior's moments has it.

        Less that without borrowing, by the exposure of a participant of the arm; nan where none
        was.
        """
        size = equivalent_years(updated(self.as_mixture, events, exposure))
        more = size - equivalent_years(updated(self.own, events, exposure))
        followed: Floats = exposure / people.clip(min=1.0)
        seen = followed > 0.0
        found: Floats = more / followed.clip(min=1e-300)
        found[~seen] = math.nan
        return found


class AddedGamma(BorrowedGamma):
    """External events and exposure are added, each for a share."""

    @property
    def share(self) -> float:
        """What an external participant counts, beside one of the arm."""
        raise NotImplementedError  # the method says it

    @property
    def informative(self) -> GammaMixture:
        """What external data say of the arm."""
        return added_up(self.own, self.sources, self.share)


class RobustMapGamma(BorrowedGamma):
    """What a meta-analysis predicts for the arm, mixed with the arm's own prior."""

    method: Literal["robust_map"] = Field(description=METHOD)
    weight: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=WEIGHT,
        description="of the informative part; the arm's own Gamma(a, b) has the rest",
    )
    heterogeneity: Scale = Field(
        default=BETWEEN,
        description="SD of the half-normal prior of the SD between sources, on the logarithm",
    )

    @property
    def seconds(self) -> float:
        """What it takes of one core to make the prior of other data, about."""
        return FIT_SECONDS

    def too_little(self) -> str | None:
        """Why nothing follows from what was seen."""
        return no_events(self.sources)

    @property
    def informative(self) -> GammaMixture:
        """What external data say of the arm; as its own prior if none drew an event."""
        if self.too_little() is not None:
            return self.own
        return predicted(self.sources, _prior(self.heterogeneity))

    @property
    def as_mixture(self) -> GammaMixture:
        """The prior of the arm, as models take it."""
        from adaptive_cart.models.rates.gamma_mixture_fit import rounded

        if self.weight == 1.0 or self.too_little() is not None:
            return self.informative
        return rounded(self.informative.mixed(self.own, self.weight))

    @property
    def in_words(self) -> str:
        """What the method does, as a protocol says it."""
        return (
            "a robust meta-analytic-predictive prior (SD between sources "
            f"half-normal({self.heterogeneity:g}) on the logarithm, the informative part of weight "
            f"{self.weight:g}), which is the mixture {self.as_mixture.words}"
        )


class SamGamma(BorrowedGamma):
    """An informative part whose weight the arm's own data set: the self-adapting mixture."""

    method: Literal["sam"] = Field(description=METHOD)
    heterogeneity: Scale | None = Field(
        default=None,
        description="as of robust_map, whose informative part it then has; else data are added",
    )

    @property
    def seconds(self) -> float:
        """What it takes of one core to make the prior of other data, about."""
        return 0.0 if self.heterogeneity is None else FIT_SECONDS

    def too_little(self) -> str | None:
        """Why nothing follows from what was seen."""
        return None if self.heterogeneity is None else no_events(self.sources)

    @property
    def informative(self) -> GammaMixture:
        """What external data say of the arm."""
        if self.heterogeneity is None:
            return added_up(self.own, self.sources, 1.0)
        if self.too_little() is not None:
            return self.own
        return predicted(self.sources, _prior(self.heterogeneity))

    @property
    def apart(self) -> str:
        """What differs clinically, in words."""
        raise NotImplementedError  # abstract: every model supplies it

    @property
    def in_words(self) -> str:
        """What the method does, as a protocol says it."""
        what = (
            "what the external participants say"
            if self.heterogeneity is None
            else "the meta-analytic-predictive distribution of the sources (SD between sources "
            f"half-normal({self.heterogeneity:g}) on the logarithm)"
        )
        return (
            f"{what}, mixed with {self.own.words}; its weight is set by the arm's own data, as the "
            f"likelihood of the external rate against that of a rate {self.apart} "
            "(self-adapting mixture)"
        )


class CommensurateGamma(BorrowedGamma):
    """The arm's rate is centred at the external one: the commensurate prior."""

    method: Literal["commensurate"] = Field(description=METHOD)
    heterogeneity: Heterogeneity = Field(
        description="prior of the SD of the logarithm of the arm's rate about the external one: a "
        "number s (half-normal(s)), { half_normal = s }, { half_cauchy = s }, or { spike, slab, "
        "weight } of its precision"
    )

    @property
    def seconds(self) -> float:
        """What it takes of one core to make the prior of other data, about."""
        return FIT_SECONDS

    @property
    def informative(self) -> GammaMixture:
        """What external data say of the arm."""
        return centred(self.sources, Seen(self.a, self.b), _prior(self.heterogeneity))

    @property
    def in_words(self) -> str:
        """What the method does, as a protocol says it."""
        words = _prior(self.heterogeneity).words
        between = words if words.startswith("of precision") else f"with an SD ~ {words}"
        return (
            f"a commensurate prior (the logarithm normal about that of the external rate, {between}"
            f"), which is the mixture {self.informative.words}"
        )


@lru_cache(maxsize=256)
def added_up(own: GammaMixture, sources: tuple[Seen, ...], share: float) -> GammaMixture:
    """Gamma(a, b) and all external events and exposure, times a share."""
    events = math.fsum(one.events for one in sources)
    exposure = math.fsum(one.exposure for one in sources)
    return GammaMixture.single(own.a[0] + share * events, own.b[0] + share * exposure)


@lru_cache(maxsize=64)
def predicted(sources: tuple[Seen, ...], between: Between) -> GammaMixture:
    """What a random-effects meta-analysis of the sources predicts for the arm, in gammas."""
    return _fitted(meta_analytic(sources, between))


@lru_cache(maxsize=64)
def centred(sources: tuple[Seen, ...], own: Seen, between: Between) -> GammaMixture:
    """What a commensurate prior says of the arm, in gammas."""
    return _fitted(commensurate(sources, own, between))


def no_events(sources: tuple[Seen, ...]) -> str | None:
    """Why a meta-analysis says nothing: no event was seen; nothing where one was."""
    if any(one.events > 0.0 for one in sources):
        return None
    return "no event was seen in them, so that they leave no rate on the logarithm"


def _fitted(law: Any) -> GammaMixture:
    from adaptive_cart.models.mixture_fit import ACCURACY
    from adaptive_cart.models.rates.gamma_mixture_fit import fitted_mixture, rounded

    fit = fitted_mixture(law)
    if fit.distance > ACCURACY:
        raise InputError(
            f"no mixture of gammas is near to what external data say: some probability would be "
            f"off by {fit.distance:.3f}, and {ACCURACY:g} is allowed; write a smaller "
            "heterogeneity, or borrow by another method"
        )
    return rounded(fit.mixture)
