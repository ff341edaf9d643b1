"""What borrowing buys and what it risks, as the control's rate drifts from the external data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from adaptive_cart.nouns.csv_text import csv_text
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.bounds import at_most
from adaptive_cart.results.worst_case import WorstCase

Truth = Literal["null", "effect"]
WRITTEN: Final = "as written"
WITHOUT: Final = "without borrowing"
EQUAL: Final = "borrowing, equal error"
ALONE: Final = "without borrowing, equal error"
COLUMNS: Final = (
    "design", "truth", "control_rate", "other_rate", "drift", "success", "bias", "coverage",
    "participants_borrowed", "conflict",
)  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """Characteristics over true control rates, ``(rate,)`` each, without Monte Carlo error.

    Attributes
    ----------
    others
        The other arm's rate.
    success
        The type I error where the truth is the margin; the power where it is the effect.
    borrowed, conflict
        At the look that ended the trial: mean number of participants, and share of trials in which
        the prior predictive p-value is below 0.05.
    """

    controls: Floats
    others: Floats
    success: Floats
    bias: Floats
    coverage: Floats
    borrowed: Floats
    conflict: Floats


@dataclass(frozen=True)
class Held:
    """Control rates, from and to, over which an error is held.

    Attributes
    ----------
    bound
        Which the error is proven to exceed nowhere between them; nothing where it was enumerated
        at every ten-thousandth and not proven.
    """

    low: float
    high: float
    bound: float | None

    @property
    def words(self) -> str:
        """Say it: ``0.0000 to 0.1362 (proven: nowhere above 0.024998)``."""
        proof = (
            "not proven"
            if self.bound is None
            else f"proven: nowhere above {at_most(self.bound, 6)}"
        )
        return f"{self.low:.4f} to {self.high:.4f} ({proof})"


@dataclass(frozen=True)
class Equal:
    """Both designs with the threshold that holds the same error over the region.

    Attributes
    ----------
    thresholds, errors
        With borrowing, then without.
    gains
        Control rates, from and to, between which borrowing has more power; in order.
    most, least
        The largest gain and the largest loss of power, ``(control rate, gain)``.
    expected
        Power with and without, where the control's rate is that of the external data.
    """

    thresholds: tuple[float, float]
    errors: tuple[float, float]
    gains: tuple[tuple[float, float], ...]
    most: tuple[float, float]
    least: tuple[float, float]
    expected: tuple[float, float]


@dataclass(frozen=True)
class Drift:
    """A design that borrows and the same without, over a line of true control rates.

    Attributes
    ----------
    arms
        Names, the one that borrows first.
    how, sources, balance
        The method in words, each source, and how participants of a table were weighted.
    observed
        Share of external participants with the event.
    margin, effect, error, region
        Differences of the arms at which errors and power are told; the error to be held, and the
        control rates over which.
    curves
        By design and truth.
    worst
        The largest error of the design as written over the region, and of that without borrowing.
    holds
        Of all control rates, those over which the written thresholds hold the error.
    equal
        Nothing where a threshold holds the error for one of the two designs nowhere near; then
        ``cannot`` says of which, and over which control rates the strictest threshold holds it.
    """

    design: str
    endpoint: str
    arms: tuple[str, str]
    how: str
    sources: tuple[str, ...]
    balance: tuple[str, ...]
    observed: float
    margin: float
    effect: float
    error: float
    region: tuple[float, float]
    curves: Mapping[tuple[str, Truth], Curve]
    worst: tuple[WorstCase, WorstCase]
    holds: tuple[Held, ...]
    equal: Equal | None
    cannot: str

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def words(self) -> str:
        """Say what was found, a line each."""
        control, other = self.arms
        lines = [
            f"{control} borrows in {self.endpoint}: {self.how}",
            *(f"  {source}" for source in self.sources),
            *self.balance,
            f"external rate {self.observed:.4f}; error where {other} − {control} is "
            f"{self.margin:g}, power where it is {self.effect:g}",
            f"as written: {_first(self.worst[0])}",
            f"without borrowing: {_first(self.worst[1])}",
        ]
        limits = f"{control} rates from {self.region[0]:g} to {self.region[1]:g}"
        if self.worst[0].worst.figure.estimate > self.error:
            where = region_words(self.holds)
            lines.append(
                f"as written it does NOT hold {self.error:g} over {limits}; the largest region in "
                f"which it does: {where}"
            )
        if self.equal is None:
            return "\n".join([*lines, f"at equal error over {limits}: {self.cannot}"])
        return "\n".join([*lines, *self._at_equal_error(self.equal, limits)])

    def _at_equal_error(self, equal: Equal, limits: str) -> Iterator[str]:
        yield (
            f"at equal error, at most {self.error:g} over {limits}: thresholds "
            f"{equal.thresholds[0]:.6f} with borrowing (error {equal.errors[0]:.5f}), "
            f"{equal.thresholds[1]:.6f} without ({equal.errors[1]:.5f}), one for all looks"
        )
        yield (
            f"  power without drift {equal.expected[0]:.4f} with borrowing, "
            f"{equal.expected[1]:.4f} without"
        )
        if not equal.gains:
            yield "  borrowing gains power at no control rate"
        else:
            yield (
                f"  borrowing gains power where the {self.arms[0]} rate is in "
                f"{_ranges(equal.gains)} (drift {_ranges(equal.gains, self.observed)}), most at "
                f"{equal.most[0]:.3f} by {equal.most[1]:+.4f}"
            )
        if equal.least[1] < 0.0:
            yield f"  and loses most at {equal.least[0]:.3f}, by {equal.least[1]:+.4f}"

    def paragraph(self) -> str:
        """What a protocol would say of it."""
        control, other = self.arms
        first, second = self.worst
        text = (
            f"The {control} arm borrows external data of {self.endpoint} "
            f"({'; '.join(self.sources)}): {self.how}. All numbers that follow are enumerated and "
            f"have no Monte Carlo error. Over all true {control} rates from {self.region[0]:g} to "
            f"{self.region[1]:g}, with {other} − {control} = {self.margin:g}, the probability of a "
            f"false success is at most {first.worst.figure.estimate:.4f} (at "
            f"{first.worst.name}), and without borrowing {second.worst.figure.estimate:.4f}."
        )
        if first.certificate is not None and first.certificate.holds:
            bound = at_most(first.certificate.bound, 6)
            text += f" It is proven to exceed {bound} nowhere in that region."
        if first.worst.figure.estimate > self.error:
            where = region_words(self.holds)
            text += (
                f" That is above {self.error:g}; the largest region in which it is not: {where}."
            )
        written = self.at(WRITTEN, "effect", self.observed)
        if written is not None:
            text += (
                f" Where the {control} rate is that of the external data ({self.observed:.3f}) and "
                f"the effect is {self.effect:g}, power is {written.success:.3f}, the bias of the "
                f"difference {_signed(written.bias)}, the coverage of its 95% interval "
                f"{written.coverage:.3f}, and {written.borrowed:.1f} participants are borrowed on "
                f"average."
            )
        if self.equal is None:
            return f"{text} {self.cannot[:1].upper()}{self.cannot[1:]}."
        if not self.equal.gains:
            return (
                f"{text} With thresholds that hold {self.error:g} over that region for both, "
                "borrowing gains power at no control rate."
            )
        loss = -self.equal.least[1]
        elsewhere = f", and elsewhere in that region loses up to {loss:.3f}" if loss > 0.0 else ""
        return (
            f"{text} With thresholds that hold {self.error:g} over that region for both designs, "
            f"borrowing has more power where the true {control} rate is in "
            f"{_ranges(self.equal.gains)}, by at most {self.equal.most[1]:.3f}{elsewhere}."
        )

    # ── as numbers ────────────────────────────────────────────────────────────────────────
    def at(self, design: str, truth: Truth, control: float) -> Place | None:
        """Characteristics at the control rate of the line that is nearest; nothing without any."""
        curve = self.curves.get((design, truth))
        if curve is None or not len(curve.controls):
            return None
        place = int(np.abs(curve.controls - control).argmin())
        return Place(
            *(float(getattr(curve, name)[place])
              for name in ("controls", "others", "success", "bias", "coverage", "borrowed"))
        )  # fmt: skip

    def table(self, step: float = 0.1) -> str:
        """Rates along the line, as lines: errors, power, bias, coverage and what is borrowed."""
        head = (
            f"{self.arms[0]:>8s} {'drift':>7s} | type I error    | power           | at equal error"
            f"  | bias of written | cover- | borrowed\n"
            f"{'':8s} {'':7s} | written without | written without | with    without | null    "
            f"effect  | age    |"
        )
        some = {round(k * step, 10) for k in range(math.floor(1.0 / step) + 1)}
        rows = [self._row(rate) for rate in sorted({*some, self.observed})]
        return "\n".join([head, *rows])

    def _row(self, rate: float) -> str:
        def told(design: str, truth: Truth, what: str, form: str = "7.4f") -> str:
            found = self.at(design, truth, rate)
            near = found is not None and abs(found.control - rate) < 1e-9
            value = getattr(found, what) if near else math.nan
            return format(value, form) if math.isfinite(value) else f"{'–':>7s}"

        return (
            f"{rate:8.3f} {rate - self.observed:+7.3f} | "
            f"{told(WRITTEN, 'null', 'success')} {told(WITHOUT, 'null', 'success')} | "
            f"{told(WRITTEN, 'effect', 'success')} {told(WITHOUT, 'effect', 'success')} | "
            f"{told(EQUAL, 'effect', 'success')} {told(ALONE, 'effect', 'success')} | "
            f"{told(WRITTEN, 'null', 'bias', '+7.4f')} {told(WRITTEN, 'effect', 'bias', '+7.4f')} |"
            f"{told(WRITTEN, 'null', 'coverage', '7.4f')} |"
            f"{told(WRITTEN, 'null', 'borrowed', '7.1f')}"
        )

    def csv(self) -> str:
        """Every curve as text: a row a design, truth and control rate."""
        rows = []
        for (design, truth), curve in self.curves.items():
            for place, control in enumerate(curve.controls):
                values = (
                    control, curve.others[place], control - self.observed, curve.success[place],
                    curve.bias[place], curve.coverage[place], curve.borrowed[place],
                    curve.conflict[place],
                )  # fmt: skip
                told = ("" if math.isnan(value) else repr(float(value)) for value in values)
                rows.append([design, truth, *told])
        return csv_text(COLUMNS, rows)


@dataclass(frozen=True)
class Place:
    """Characteristics at one control rate."""

    control: float
    other: float
    success: float
    bias: float
    coverage: float
    borrowed: float


def region_words(held: Sequence[Held]) -> str:
    """Say over which control rates an error is held, the largest interval first."""
    if not held:
        return "no interval of control rates"
    largest, *others = sorted(held, key=lambda one: one.low - one.high)
    also = "; ".join(one.words for one in sorted(others, key=lambda one: one.low))
    return f"the control rates {largest.words}{f', and over {also}' if also else ''}"


def _first(worst: WorstCase) -> str:
    return "; ".join(worst.words().splitlines()[:2])


def _ranges(ranges: tuple[tuple[float, float], ...], less: float = 0.0) -> str:
    """Say intervals: ``0.080 to 0.240 and 0.900 to 1.000``."""
    sign = "+" if less else ""
    return " and ".join(
        f"{low - less:{sign}.3f} to {high - less:{sign}.3f}" for low, high in ranges
    )


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
