"""The worst case of an error over a region: a curve or a map, its worst point, a certificate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from adaptive_cart.decisions import FUTILITY, SAFETY, SUCCESS, Ending
from adaptive_cart.nouns.csv_text import csv_text
from adaptive_cart.results.bounds import at_least, at_most
from adaptive_cart.results.figure import Figure

KIND = "adaptive_cart worst case"
FORMAT = 1
Over = Literal["control", "arms", "strata", "region"]


@dataclass(frozen=True)
class Measure:
    """A probability of which the worst case is looked for.

    Attributes
    ----------
    label
        A noun.
    worst
        The worst of it, in words.
    smallest
        Whether the smallest is the worst.
    ending
        How a trial ends that it counts.
    at_effect
        Whether it is looked at where arms differ by an effect; else where a claim is false.
    """

    label: str
    worst: str
    smallest: bool
    ending: Ending
    at_effect: bool


MEASURES = {
    "false_success": Measure("Type I error", "largest type I error", False, SUCCESS, False),
    "power": Measure("Power", "smallest power", True, SUCCESS, True),
    "futility_stop": Measure(
        "Stops for futility", "largest probability of a stop for futility", False, FUTILITY, True
    ),
    "safety_stop": Measure(
        "Stops for safety", "largest probability of a stop for safety", False, SAFETY, True
    ),
}


@dataclass(frozen=True)
class Across:
    """What a curve or a map runs across; all False of it: the control rate.

    Attributes
    ----------
    arms, strata
        The rates of all arms; the control rates of the strata by themselves.
    named
        What the null region names, which may be other than rates.
    title
        What stands behind "over the null region".
    """

    arms: bool = False
    strata: bool = False
    named: bool = False
    title: str = ""

    @property
    def control(self) -> bool:
        """Whether it is the control rate alone."""
        return not (self.arms or self.strata or self.named)


ACROSS = {
    "control": Across(),
    "arms": Across(arms=True, title=", by the rates of both arms"),
    "strata": Across(strata=True, title=", by stratum"),
    "region": Across(named=True),
}


class Bound:
    """What an error does not exceed, and the largest that was found."""

    bound: float
    found: float
    exceeded: int

    @property
    def holds(self) -> bool:
        """Whether no truth was found that exceeds it."""
        return self.exceeded == 0 and self.found <= self.bound

    @property
    def gap(self) -> float:
        """How far it lies above the largest error, or estimate, found."""
        return self.bound - self.found


@dataclass(frozen=True)
class Certificate(Bound):
    """A number that an error does not exceed anywhere in a region.

    Attributes
    ----------
    bound
        The number, rounding counted in.
    found
        The largest error seen while it was worked out, and ``at`` which rates.
    rounding
        How much of the bound stands for what rounding can have done.
    monotone
        Whether success was found to be more likely the more respond, on every final table, so that
        only margins had to be bounded; else all pairs of rates were.
    pieces
        Into how many the region was cut.
    degree
        Of the polynomial.
    tried, exceeded
        Random truths at which the error was worked out another way; at how many it was larger.
    over
        What was bounded, in words; blank for what ``monotone`` says of two rates.
    """

    bound: float
    found: float
    at: tuple[float, ...]
    rounding: float
    monotone: bool
    pieces: int
    degree: int
    tried: int = 0
    exceeded: int = 0
    over: str = ""


@dataclass(frozen=True)
class Stated(Bound):
    """A number that a simulated probability does not exceed over many truths, with confidence.

    Attributes
    ----------
    bound
        The number, and the ``confidence`` with which it holds.
    found
        The largest estimate, and ``at`` which truth.
    tiles
        At how many truths ``trials`` were simulated each.
    seed
        Of these trials.
    tried, exceeded
        Random truths that were simulated too; at how many the error is larger, beyond chance.
    over
        The truths, in words; blank for the margins of claims over the control rates.
    weighed
        Whether all trials were weighed for the truths between; else a tilt led there, each from its
        own, and ``found`` is the largest share of trials.
    """

    bound: float
    confidence: float
    found: float
    at: str
    tiles: int
    trials: int
    seed: int
    tried: int
    exceeded: int
    over: str = ""
    weighed: bool = False

    @property
    def how(self) -> str:
        """What it was worked out from, in words."""
        if self.weighed:
            return (
                f"{self.trials:,} trials at each of {self.tiles:,} truths, all weighed by "
                f"likelihood for those between"
            )
        return (
            f"Clopper-Pearson bounds at {self.tiles:,} truths, {self.trials:,} trials each, and an "
            f"exponential tilt between them"
        )


@dataclass(frozen=True)
class Place:
    """One truth, and the error there.

    Attributes
    ----------
    name
        In words.
    rates
        By what varies: the rate there; empty where the truth is a scenario.
    figure
        The error, with its Monte Carlo standard error and 95% interval (none if enumerated).
    """

    name: str
    rates: Mapping[str, float]
    figure: Figure


@dataclass(frozen=True)
class WorstCase:
    """An error over a region of truths.

    Attributes
    ----------
    design
        Its name.
    measure
        One of ``MEASURES``.
    over
        What varies: the control rate, the rates of two arms, those of two strata, or what the null
        region names.
    effect
        Difference of the arms at which it was looked at; nothing for the type I error.
    region
        In words.
    engine
        ``exact`` where the error is enumerated, else ``simulated``.
    trials, seed
        Of each place; 0 where it is enumerated.
    fresh
        The error at the worst place on trials of another seed.
    places
        The curve or the map.
    worst
        The worst place; where it is enumerated, between those of the curve.
    certificate
        Nothing where there is none, and ``why_none`` says why.
    target
        The error that the design promises; nothing where it promises none.
    digest
        Fingerprint of the design.
    stated
        A bound with confidence, of a simulated error where one was asked for.
    """

    design: str
    measure: str
    over: Over
    effect: float | None
    region: str
    engine: Literal["exact", "simulated"]
    trials: int
    seed: int
    fresh: Figure | None
    places: tuple[Place, ...]
    worst: Place
    certificate: Certificate | None
    why_none: str | None
    target: float | None
    notes: tuple[str, ...]
    digest: str
    stated: Stated | None = None

    @property
    def axes(self) -> tuple[str, ...]:
        """What varies, in order; nothing where the truths are scenarios."""
        return tuple(self.places[0].rates)

    @property
    def exact(self) -> bool:
        """Whether it was enumerated."""
        return self.engine == "exact"

    @property
    def across(self) -> Across:
        """What is shown, as a curve or a map."""
        return ACROSS[self.over]

    @property
    def label(self) -> str:
        """What is shown: a noun."""
        return self.of.label

    @property
    def of(self) -> Measure:
        """What was looked at."""
        return MEASURES[self.measure]

    @property
    def judged(self) -> Figure:
        """What is held against the promise: of a simulated curve, trials that chose nothing."""
        return self.worst.figure if self.fresh is None else self.fresh

    @property
    def hangs_on_chance(self) -> bool:
        """Whether what is promised lies within the Monte Carlo interval of what is judged."""
        found, target = self.judged, self.target
        return target is not None and bool(found.n) and found.lower <= target <= found.upper

    @property
    def bound(self) -> float | None:
        """What the error exceeds nowhere; nothing where no bound holds."""
        found = self.certificate or self.stated
        return found.bound if found is not None and found.holds else None

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def words(self) -> str:
        """Say it, a line each: the worst point, the certificate, what is promised."""
        what = self.of.worst
        figure = self.worst.figure
        how = "exact" if self.exact else _simulated(figure)
        lines = [f"{what} {figure.estimate:.6f} at {self.worst.name} ({how}), over {self.region}"]
        if self.fresh is not None:
            lines.append(
                f"on fresh trials there {self.fresh.estimate:.4f}, {_simulated(self.fresh)}"
            )
        lines += self._certified()
        if self.target is not None and not self.of.at_effect:
            lines.append(self._promised(self.target))
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def _certified(self) -> list[str]:
        found = self.certificate
        if self.stated is not None:
            return [_with_confidence(self.stated, self.of.smallest)]
        if found is None:
            return [f"no certificate: {self.why_none}"]
        if not found.holds:
            return [
                f"the certificate is BROKEN: {found.bound:.9f} is exceeded, at "
                f"{found.exceeded:,} of {found.tried:,} random truths, and {found.found:.9f} "
                f"was found; do not use it, and report this"
            ]
        power = self.of.smallest
        bound = self.bound_text(found)
        how = found.over or (
            "on the line of this effect"
            if self.of.at_effect
            else "at the margins alone, since on every final table success is more likely the more "
            "respond (looked up)"
            if found.monotone
            else "over all pairs of rates at which a claim is false"
        )
        lines = [
            f"certificate: nowhere in the region is it {'below' if power else 'above'} {bound}, "
            f"{found.gap:.1e} from the {'smallest' if power else 'largest'} found, "
            f"{1.0 - found.found if power else found.found:.9f}; a polynomial of "
            f"degree {found.degree}, bounded {how}, in {_pieces(found.pieces)}; "
            f"{found.rounding:.0e} of it is for rounding"
        ]
        if found.tried:
            lines.append(f"tried at {found.tried:,} random truths of the region: none is above it")
        return lines

    def bound_text(self, found: Certificate) -> str:
        """The bound with nine decimals, rounded to the safe side; of power, the lower one."""
        return at_least(1.0 - found.bound, 9) if self.of.smallest else at_most(found.bound, 9)

    def _promised(self, target: float) -> str:
        if self.judged.estimate > target:
            beyond = ", though by no more than chance may do" if self.hangs_on_chance else ""
            return f"that is MORE than the {target:g} that [calibration] asks for{beyond}"
        if self.bound is not None and self.stated is None:
            known = "proven" if self.bound <= target else "not proven: the certificate is above it"
            return f"at most {target:g} is promised: {known}"
        if self.bound is not None:
            shown = "shown" if self.bound <= target else "not shown: the bound is above it"
            return f"at most {target:g} is promised: with this confidence {shown}"
        if self.fresh is not None and self.fresh.upper > target:
            return f"at most {target:g} is promised: these trials do not show it"
        return f"at most {target:g} is promised"

    def table(self, most: int = 21) -> str:
        """The curve, or the places of a map with the largest errors, as lines."""
        shown = self.some(most)
        wide = max(len(place.name) for place in shown)
        return "\n".join(
            f"{place.name:{wide}s}  {place.figure.estimate:.6f}"
            + (f"  (MCSE {place.figure.mcse:.4f})" if place.figure.n else "")
            for place in shown
        )

    def some(self, most: int) -> list[Place]:
        """Places of a curve, evenly spaced; of a map those with the worst errors."""
        places = [*self.places]
        if len(self.axes) >= 2 or self.over == "region":
            worst_first = sorted(places, key=lambda p: -p.figure.estimate * self._sign)
            return worst_first[:most]
        step = max((len(places) - 1) // (most - 1), 1)
        return places[::step]

    @property
    def _sign(self) -> float:
        return -1.0 if self.of.smallest else 1.0

    # ── kept ──────────────────────────────────────────────────────────────────────────────
    def csv(self) -> str:
        """The curve or the map as text: a row a place."""
        header = ["place", *self.axes, self.measure, "mcse", "lower", "upper", "trials"]
        rows = []
        for place in self.places:
            told = place.figure
            shown = [told.mcse, told.lower, told.upper] if told.n else [0.0, "", ""]
            rates = [repr(rate) for rate in place.rates.values()]
            rows.append([place.name, *rates, repr(told.estimate), *shown, told.n or 0])
        return csv_text(header, rows)

    def json(self) -> str:
        """Everything but the curve, as JSON."""
        plain: dict[str, Any] = asdict(self)
        plain.pop("places")
        return json.dumps({"kind": KIND, "format": FORMAT, **plain}, indent=2) + "\n"


def _with_confidence(found: Stated, smallest: bool) -> str:
    """Say a bound; of power, the lower one."""
    sure = f"{found.confidence:.0%}"
    seen = 1.0 - found.found if smallest else found.found
    if not found.holds:
        bound = 1.0 - found.bound if smallest else found.bound
        return (
            f"the bound with confidence {sure} is BROKEN: {bound:.6f} is exceeded, at "
            f"{found.exceeded} of {found.tried} random truths, beyond chance, and "
            f"{seen:.6f} was seen; do not use it, and report this"
        )
    over = found.over or ("these control rates, at the effects at which the claim is just false")
    side, which = ("below", "smallest") if smallest else ("above", "largest")
    told = at_least(1.0 - found.bound, 6) if smallest else at_most(found.bound, 6)
    gap = (
        f", which lies {found.gap:.2g} {'above' if smallest else 'below'} it" if found.over else ""
    )
    return (
        f"with confidence {sure}: over {over}, it is nowhere {side} {told}; the {which} estimate "
        f"is {seen:.6f} at {found.at}{gap}. {found.how}; tried at {found.tried} random truths: "
        f"at none is the error {side} it, beyond chance"
    )


def _simulated(figure: Figure) -> str:
    return (
        f"{figure.n:,} trials, MCSE {figure.mcse:.4f}, 95% interval {figure.lower:.4f} to "
        f"{figure.upper:.4f}"
    )


def _pieces(number: int) -> str:
    return "one piece" if number == 1 else f"{number:,} pieces"
