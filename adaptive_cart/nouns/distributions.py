"""Distributions of a design file, as quantile functions of one uniform a participant.

Every random quantity of a participant is the quantile of one latent uniform ``u`` in [0, 1), so
that scenarios and designs are compared on the same participants. Time distributions may carry
``cured``: the fraction that never has the event. The last ``cured`` part of the unit interval is
theirs, and the rest is stretched over the others.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Discriminator, Field, Tag, model_validator

from adaptive_cart.nouns.parts import (
    Finite,
    NonNegative,
    Part,
    Positive,
    PositiveMonths,
    Probability,
    Worth,
    worth_something,
)

Floats: TypeAlias = npt.NDArray[np.float64]

LN2 = math.log(2.0)
NODES, POWER = 200, 5  # of an integral of quantiles, and how they crowd towards 0


class EventTime(Part):
    """A time to an event in months; a fraction ``cured`` never has it."""

    cured: Probability | None = Field(default=None, description="fraction that never has the event")

    varies: ClassVar[bool] = True  # and is not the same in everybody
    either: ClassVar[tuple[str, ...]] = ()  # keys of which one is given, where there are such

    @model_validator(mode="after")
    def _one_of_either(self) -> Self:
        given = [name for name in self.either if getattr(self, name) is not None]
        if self.either and len(given) != 1:
            first, second = self.either
            found = "both" if given else "neither"
            raise ValueError(f"give either '{first}' or '{second}'; found {found}")
        return self

    def _standard_quantile(self, u: Floats) -> Floats:
        raise NotImplementedError  # abstract: every distribution below supplies it

    def _standard_never(self) -> float:
        """Fraction of those not cured that never has the event all the same."""
        return 0.0

    def changes_at(self) -> tuple[float, ...]:
        """Months at which a hazard changes that is constant between them."""
        return ()

    @property
    def constant_hazard(self) -> float | None:
        """Events per month, where they are as many at any time; nothing where they are not."""
        return None

    @property
    def never(self) -> float:
        """Fraction that never has the event."""
        cured = self.cured or 0.0
        return cured + (1.0 - cured) * self._standard_never()

    def quantile(self, u: Floats) -> Floats:
        """Months at each uniform; infinity for those who never have the event.

        What is later than any number counts as never.
        """
        with np.errstate(over="ignore"):
            return self._quantile(u)

    def _quantile(self, u: Floats) -> Floats:
        if not self.cured:
            return self._standard_quantile(u)
        susceptible = 1.0 - self.cured
        if susceptible == 0.0:
            return np.full_like(u, np.inf)
        never = u >= susceptible
        months = self._standard_quantile(np.where(never, 0.0, u / susceptible))
        months[never] = np.inf
        return months

    def words(self) -> str:
        """Say it as the file does: ``lognormal (median 1.3, sigma 0.3)``."""
        plain = self.plain()
        settings = ", ".join(
            f"{key} {value:.4g}" for key, value in plain.items() if isinstance(value, float)
        )
        return f"{plain['dist']} ({settings})"

    def beyond(self, months: float) -> float:
        """Probability of a time beyond some months; of infinitely many, the fraction without."""
        if math.isinf(months):
            return self.never
        low, high = 0.0, 1.0
        for _ in range(60):  # the quantile increases: halve the uniforms until they are told apart
            middle = (low + high) / 2.0
            later = middle == 1.0 or float(self.quantile(np.array([middle]))[0]) > months
            low, high = (low, middle) if later else (middle, high)
        return 1.0 - high

    def half(self) -> float:
        """Median months; infinite where half or more never have the event."""
        return float(self.quantile(np.array([0.5]))[0])

    def mean_until(self, months: float) -> float:
        """Mean months without the event, of the first so many.

        The integral of the quantile function up to these months, over what is uniform.
        """
        sooner = 1.0 - self.beyond(months)
        node, weight = np.polynomial.legendre.leggauss(NODES)
        share = (node + 1.0) / 2.0
        u = sooner * share**POWER  # quantiles may begin like any power of it
        inside = np.minimum(self.quantile(u), months) * POWER * share ** (POWER - 1) * weight / 2.0
        return sooner * float(inside.sum()) + (1.0 - sooner) * months


class Weibull(EventTime):
    """Weibull by shape and either scale or median."""

    dist: Literal["weibull"]
    shape: Positive
    scale: Positive | None = None
    median: Positive | None = None

    either: ClassVar[tuple[str, ...]] = ("scale", "median")

    def _standard_quantile(self, u: Floats) -> Floats:
        scale = self.scale
        if scale is None:
            assert self.median is not None
            scale = self.median / LN2 ** (1.0 / self.shape)
        hazard = -np.log(1.0 - u)
        if self.shape != 1.0:
            hazard = np.power(hazard, 1.0 / self.shape)
        return scale * hazard


class Exponential(EventTime):
    """Exponential by rate per month or by median."""

    dist: Literal["exponential"]
    rate: Positive | None = Field(default=None, description="events per month")
    median: Positive | None = None

    either: ClassVar[tuple[str, ...]] = ("rate", "median")

    @property
    def constant_hazard(self) -> float | None:
        """Events per month, where nobody is cured."""
        if self.cured:
            return None
        return self.rate if self.rate is not None else math.log(2.0) / (self.median or 1.0)

    def _standard_quantile(self, u: Floats) -> Floats:
        mean = 1.0 / self.rate if self.rate is not None else (self.median or 0.0) / LN2
        return -np.log(1.0 - u) * mean


class Lognormal(EventTime):
    """Lognormal by median and the standard deviation ``sigma`` of the logarithm."""

    dist: Literal["lognormal"]
    median: Positive
    sigma: Positive

    def _standard_quantile(self, u: Floats) -> Floats:
        from scipy import special

        return self.median * np.exp(self.sigma * special.ndtri(u))


class Gamma(EventTime):
    """Gamma by shape and either rate or scale."""

    dist: Literal["gamma"]
    shape: Positive
    rate: Positive | None = None
    scale: Positive | None = None

    either: ClassVar[tuple[str, ...]] = ("rate", "scale")

    def _standard_quantile(self, u: Floats) -> Floats:
        from scipy import special

        scale = self.scale if self.scale is not None else 1.0 / (self.rate or 1.0)
        return scale * np.asarray(special.gammaincinv(self.shape, u), dtype=np.float64)


class Fixed(EventTime):
    """A value that is always the same."""

    dist: Literal["fixed"]
    value: NonNegative

    varies: ClassVar[bool] = False

    def _standard_quantile(self, u: Floats) -> Floats:
        return np.full_like(u, self.value)


class LogLogistic(EventTime):
    """Log-logistic by median and shape: the odds of an event by month t are (t / median)^shape."""

    dist: Literal["loglogistic"]
    median: Positive
    shape: Positive

    def _standard_quantile(self, u: Floats) -> Floats:
        return self.median * np.power(u / (1.0 - u), 1.0 / self.shape)


class Gompertz(EventTime):
    """Gompertz: a hazard that grows by e^shape a month, or, below 0, fades for ever."""

    dist: Literal["gompertz"]
    shape: Finite = Field(description="growth of the log hazard a month; below 0 it fades")
    rate: Positive | None = Field(default=None, description="hazard a month at the beginning")
    median: Positive | None = None

    either: ClassVar[tuple[str, ...]] = ("rate", "median")

    @property
    def beginning(self) -> float:
        """Hazard a month at the beginning."""
        if self.rate is not None:
            return self.rate
        assert self.median is not None
        return LN2 / self._stretched(self.median)

    def _stretched(self, months: float) -> float:
        """Cumulative hazard by some months of a hazard that begins with 1."""
        return math.expm1(self.shape * months) / self.shape if self.shape else months

    def _standard_never(self) -> float:
        return math.exp(self.beginning / self.shape) if self.shape < 0.0 else 0.0

    def _standard_quantile(self, u: Floats) -> Floats:
        months = -np.log(1.0 - u) / self.beginning
        if self.shape == 0.0:
            return months
        grown = self.shape * months
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(grown > -1.0, np.log1p(grown) / self.shape, np.inf)


class Piecewise(EventTime):
    """A hazard that is constant between cuts: effects that come late, or wane."""

    dist: Literal["piecewise"]
    hazards: list[NonNegative] = Field(description="events per month, one more than the cuts")
    cuts: list[PositiveMonths] = Field(description="months at which the hazard changes")

    @model_validator(mode="after")
    def _pieces(self) -> Piecewise:
        if any(later <= earlier for earlier, later in pairwise(self.cuts)):
            raise ValueError(f"'cuts' is {self.cuts}; the cuts must be increasing")
        if len(self.hazards) != len(self.cuts) + 1:
            raise ValueError(
                f"'hazards' is {self.hazards}; {len(self.cuts) + 1} numbers are expected, one "
                f"before the first of the {len(self.cuts)} cuts and one after each"
            )
        if not any(self.hazards):
            raise ValueError(
                f"'hazards' is {self.hazards}; one above 0 is expected (an event that never "
                "happens: `cured = 1.0` beside any distribution)"
            )
        return self

    def changes_at(self) -> tuple[float, ...]:
        """Months at which the hazard changes."""
        return tuple(self.cuts)

    def __hash__(self) -> int:
        return hash((self.cured, *self.hazards, *self.cuts))

    def words(self) -> str:
        """Say it as the file does: ``piecewise (hazards 0.1, 0.04; cuts 6)``."""
        hazards, cuts = (", ".join(f"{v:.4g}" for v in part) for part in (self.hazards, self.cuts))
        cured = "" if self.cured is None else f"; cured {self.cured:.4g}"
        return f"piecewise (hazards {hazards}{'; cuts ' + cuts if cuts else ''}{cured})"

    @property
    def _grown(self) -> Floats:
        """Cumulative hazard at the beginning and at every cut."""
        lengths = np.diff([0.0, *self.cuts])
        return np.concatenate([[0.0], np.cumsum(np.array(self.hazards[:-1]) * lengths)])

    def _standard_never(self) -> float:
        return 0.0 if self.hazards[-1] else math.exp(-float(self._grown[-1]))

    def _standard_quantile(self, u: Floats) -> Floats:
        grown, starts = self._grown, np.array([0.0, *self.cuts])
        wanted = -np.log(1.0 - u)
        # pieces without a hazard are passed over: nobody has the event there
        piece = np.searchsorted(grown, wanted, side="right") - 1
        hazard = np.array(self.hazards)[piece]
        with np.errstate(invalid="ignore", divide="ignore"):
            months = starts[piece] + (wanted - grown[piece]) / hazard
        return np.where(hazard > 0.0, months, np.inf)


class Normal(Part):
    """Normal by mean and standard deviation, of the logarithm of odds or of a ratio."""

    dist: Literal["normal"]
    # beyond these the odds themselves, and densities over them, leave the floating range
    mean: Annotated[float, Field(ge=-10.0, le=10.0, allow_inf_nan=False)]
    sd: Annotated[float, Field(gt=0.0, le=100.0, allow_inf_nan=False)]


class HalfNormal(Part):
    """Half-normal by the standard deviation of the normal that was folded."""

    dist: Literal["half_normal"]
    sd: Annotated[float, Field(gt=0.0, le=100.0, allow_inf_nan=False)]


class Beta(Part):
    """Beta by its two parameters."""

    dist: Literal["beta"]
    a: Worth
    b: Worth

    @model_validator(mode="after")
    def _worth(self) -> Beta:
        worth_something(self)
        return self


def _dist_of(value: Any) -> Any:
    return value.get("dist") if isinstance(value, dict) else getattr(value, "dist", None)


TimeDistribution = Annotated[
    Annotated[Weibull, Tag("weibull")]
    | Annotated[Exponential, Tag("exponential")]
    | Annotated[Lognormal, Tag("lognormal")]
    | Annotated[Gamma, Tag("gamma")]
    | Annotated[LogLogistic, Tag("loglogistic")]
    | Annotated[Gompertz, Tag("gompertz")]
    | Annotated[Piecewise, Tag("piecewise")]
    | Annotated[Fixed, Tag("fixed")],
    Discriminator(_dist_of),
]
