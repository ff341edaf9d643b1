"""How fast participants come: ``[enrolment]``, and what a scenario says of it otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from pydantic import Discriminator, Field, Tag

from adaptive_cart.design.truth import merged
from adaptive_cart.nouns.distributions import TimeDistribution
from adaptive_cart.nouns.pace import LAG_POINTS, Pace, Pieces, Steady, Stretch, lagged
from adaptive_cart.nouns.parts import Months, NonNegative, Part, Positive, PositiveMonths

EVER = float("inf")


class Ramp(Part):
    """Enrolment rising linearly from zero to a plateau."""

    ramp_months: PositiveMonths
    plateau: Positive = Field(description="participants a month after the ramp")


class Piece(Part):
    """So many a month, from a month on until the next piece."""

    from_: Months = Field(alias="from", description="months since the trial opened")
    rate: NonNegative = Field(description="participants a month; 0 while nobody is enrolled")


class Site(Part):
    """A site, country or region that opens on its own date."""

    opens: Months = Field(default=0.0, description="months since the trial opened")
    closes: PositiveMonths | None = Field(default=None, description="as long as the trial, if not")
    per_month: Annotated[
        Annotated[Positive, Tag("number")]
        | Annotated[Ramp, Tag("ramp")]
        | Annotated[list[Piece], Tag("pieces")],
        Discriminator(lambda value: _shape(value)),
    ] = Field(description="participants a month once it is open, a ramp or pieces from its opening")

    def stretches(self) -> Iterator[Stretch]:
        """Its intensity over time."""
        ends = EVER if self.closes is None else self.closes
        for stretch in _over_time(self.per_month):
            inside = stretch.later(self.opens).until(ends)
            if inside is not None:
                yield inside


class Hold(Part):
    """Months in which nobody is randomised: a clinical hold."""

    from_: Months = Field(alias="from", description="months since the trial opened")
    until: PositiveMonths = Field(description="month at which it is lifted")


class Screening(Part):
    """Who is screened and not randomised, and how long the others wait."""

    failure: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)] = Field(
        default=0.0, description="probability that somebody screened is never randomised"
    )
    lag: TimeDistribution | None = Field(
        default=None, description="months from screening to randomisation"
    )


def _shape(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "pieces"
    return "ramp" if isinstance(value, dict | Ramp) else "number"


class Accrual(Part):
    """How fast participants come; a scenario may say another."""

    per_month: (
        Annotated[
            Annotated[Positive, Tag("number")]
            | Annotated[Ramp, Tag("ramp")]
            | Annotated[list[Piece], Tag("pieces")],
            Discriminator(_shape),
        ]
        | None
    ) = None
    sites: dict[str, Site] = Field(
        default_factory=dict, description="in place of `per_month`: sites or regions by name"
    )
    holds: list[Hold] = Field(
        default_factory=list, description="months in which nobody is randomised"
    )
    screening: Screening | None = Field(
        default=None, description="then `per_month` counts those who are screened"
    )

    @cached_property
    def pace(self) -> Pace:
        """The intensity of randomisation that all of it makes."""
        plain = not (self.sites or self.holds or self.screening)
        if plain and isinstance(self.per_month, Ramp):
            return Steady(self.per_month.plateau, self.per_month.ramp_months)
        if plain and isinstance(self.per_month, int | float):
            return Steady(float(self.per_month))
        stretches = list(self._stretches())
        if self.screening is not None:
            stretches = [s.scaled(self.randomised_of_screened) for s in stretches]
            if self.screening.lag is not None:
                points = (np.arange(LAG_POINTS) + 0.5) / LAG_POINTS
                stretches = lagged(stretches, np.unique(self.screening.lag.quantile(points)))
        return Pieces.of(stretches, [(hold.from_, hold.until) for hold in self.holds])

    def _stretches(self) -> Iterator[Stretch]:
        for site in self.sites.values():
            yield from site.stretches()
        if self.per_month is not None:
            yield from _over_time(self.per_month)

    @property
    def randomised_of_screened(self) -> float:
        """Fraction of those screened who are ever randomised, holds left aside."""
        return 1.0 if self.screening is None else 1.0 - self.screening.failure

    @property
    def in_words(self) -> str:
        """Say it in a line."""
        parts = [_words(self.per_month)] if self.per_month is not None else []
        parts += [_site(name, site) for name, site in self.sites.items()]
        for hold in self.holds:
            parts.append(f"nobody from month {hold.from_:g} until {hold.until:g}")
        if self.screening is not None:
            parts.append(self._screened())
        return "; ".join(parts)

    def _screened(self) -> str:
        assert self.screening is not None
        words = f"of those screened {self.screening.failure:.4g} are never randomised"
        if self.screening.lag is not None:
            words += f", the others after {self.screening.lag.words()} months"
        return words

    def faults(self) -> Iterator[tuple[str, str]]:
        """What of it cannot be, by key."""
        if (self.per_month is None) == (not self.sites):
            found = "missing" if self.per_month is None else "given beside `sites`"
            yield (
                "per_month",
                f"{found}; write participants a month, as `per_month = 3`, or each site's own "
                "under [enrolment.sites.NAME], and not both",
            )
        if isinstance(self.per_month, list):
            yield from _piece_faults(self.per_month, "when the trial opens")
        for name, site in self.sites.items():
            if isinstance(site.per_month, list):
                faults = _piece_faults(site.per_month, "when the site opens")
                yield from ((f"sites.{name}.{key}", why) for key, why in faults)
            if site.closes is not None and site.closes <= site.opens:
                message = f"found {site.closes:g}; it opens at month {site.opens:g}, close it later"
                yield f"sites.{name}.closes", message
        if self.sites and all(site.closes is not None for site in self.sites.values()):
            yield (
                "sites",
                "every site closes, so that too few might ever come; leave `closes` out of one",
            )
        for position, hold in enumerate(self.holds):
            if hold.until <= hold.from_:
                message = f"found {hold.until:g}; the hold begins at month {hold.from_:g}"
                yield f"holds[{position}].until", message
        lag = None if self.screening is None else self.screening.lag
        if lag is not None and lag.never > 0.0:
            yield (
                "screening.lag",
                "some would wait for ever; say who is never randomised by `failure`",
            )


def accrual_under(plan: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Lay what a scenario says of accrual over the design's plan.

    A scenario that says one of `per_month` and `sites` does not keep the other.
    """
    base = dict(plan)
    if "per_month" in own and "sites" not in own:
        base.pop("sites", None)
    if "sites" in own and not base.get("sites"):
        base.pop("per_month", None)
    return dict(merged(base, dict(own)))


def faster(table: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """What a table says of accrual, with every intensity so many times as great."""
    found = dict(table)
    if "per_month" in found:
        found["per_month"] = _faster(found["per_month"], factor)
    if "sites" in found:
        found["sites"] = {name: faster(site, factor) for name, site in found["sites"].items()}
    return found


def _faster(per_month: Any, factor: float) -> Any:
    if isinstance(per_month, list):
        return [{**piece, "rate": piece["rate"] * factor} for piece in per_month]
    if isinstance(per_month, dict):
        return {k: v * factor if k == "plateau" else v for k, v in per_month.items()}
    return per_month * factor


def _piece_faults(pieces: list[Piece], opening: str) -> Iterator[tuple[str, str]]:
    if not pieces:
        yield "per_month", "found []; at least one piece is expected, as { from = 0, rate = 3.0 }"
        return
    if pieces[0].from_ != 0.0:
        yield (
            "per_month[0].from",
            f"found {pieces[0].from_:g}; the first piece begins at 0, {opening}",
        )
    for position in range(1, len(pieces)):
        before, here = pieces[position - 1].from_, pieces[position].from_
        if here <= before:
            message = f"found {here:g}; later than the piece before it ({before:g}) is expected"
            yield f"per_month[{position}].from", message
    if pieces[-1].rate == 0.0:
        yield (
            f"per_month[{len(pieces) - 1}].rate",
            "found 0; the last piece goes on without end, so that too few might ever come: give "
            "it a rate",
        )


def _over_time(per_month: float | Ramp | list[Piece]) -> Iterator[Stretch]:
    """Intensity over time, from the opening on."""
    if isinstance(per_month, Ramp):
        ramp = per_month.ramp_months
        yield Stretch(0.0, ramp, 0.0, per_month.plateau / ramp)
        yield Stretch(ramp, EVER, per_month.plateau)
    elif isinstance(per_month, list):
        ends = [*(piece.from_ for piece in per_month[1:]), EVER]
        for piece, end in zip(per_month, ends, strict=True):
            yield Stretch(piece.from_, end, piece.rate)
    else:
        yield Stretch(0.0, EVER, float(per_month))


def _words(per_month: float | Ramp | list[Piece]) -> str:
    if isinstance(per_month, Ramp):
        return f"{per_month.plateau:g} a month after a ramp of {per_month.ramp_months:g} months"
    if isinstance(per_month, list):
        return ", ".join(
            f"{piece.rate:g} a month from month {piece.from_:g}" for piece in per_month
        )
    return f"{per_month:g} a month"


def _site(name: str, site: Site) -> str:
    words = f"{name} {_words(site.per_month)}, from month {site.opens:g}"
    if isinstance(site.per_month, list):
        words = f"{name} {_words(site.per_month)} of its own, which opens at month {site.opens:g}"
        return words if site.closes is None else f"{words} and closes at {site.closes:g}"
    return words if site.closes is None else f"{words} until {site.closes:g}"
