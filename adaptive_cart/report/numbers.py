"""Numbers of the results as text, with the digits that their Monte Carlo error allows.

A :class:`Bound` holds a cell of ``operating_characteristics.csv`` (or one computed from the stored
trials) together with its error and its address. What is printed follows from these alone, so that
prose cannot go stale: another cell, another sentence. The last digit shown is about the size of one
Monte Carlo standard error, as in the summary table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from adaptive_cart.report.document import Line, Number, line
from adaptive_cart.results.figure import Figure
from adaptive_cart.results.percentages import bound

Kind = Literal["probability", "mean", "difference", "true", "amount"]
LIMITS: dict[Kind, tuple[int, int]] = {  # least and most decimals
    "probability": (2, 5),
    "mean": (0, 2),
    "difference": (2, 4),
    "true": (3, 3),
    "amount": (0, 0),
}


@dataclass(frozen=True)
class Bound:
    """A number bound to the cell it comes from.

    Attributes
    ----------
    figure
        Estimate, Monte Carlo standard error, interval, number of trials.
    source
        Address of the cell: "expected: success".
    """

    figure: Figure
    source: str
    kind: Kind = "probability"

    @property
    def known(self) -> bool:
        """Whether there is a number at all."""
        return not math.isnan(self.figure.estimate)

    @property
    def exact(self) -> bool:
        """Whether the number has no Monte Carlo error."""
        return self.figure.n is None and self.figure.mcse == 0.0

    @property
    def digits(self) -> int:
        """Decimals: the last one shown is about the size of a standard error.

        Taken from the interval, which says something where all trials or none had the event too.
        """
        least, most = LIMITS[self.kind]
        if self.kind == "mean" and self._whole:
            return 0
        error = (self.figure.upper - self.figure.lower) / 4
        if math.isnan(error) and self.figure.n is not None:
            return least  # one trial: nothing is known of its error
        if self.figure.n is None or math.isnan(error) or error <= 0.0:
            return min(max(4, least), most)
        return min(max(math.ceil(-math.log10(error)), least), most)

    @property
    def _whole(self) -> bool:
        """Whether it is a whole number with a whole interval, as a percentile of counts is."""
        ends = (self.figure.estimate, self.figure.lower, self.figure.upper)
        return all(float(value).is_integer() for value in ends)

    @property
    def none(self) -> bool:
        """Whether a probability showed in none of the trials that were simulated."""
        figure = self.figure
        return (
            self.kind == "probability"
            and figure.n is not None
            and figure.estimate == 0.0
            and figure.upper > 0.0
        )

    def number(self) -> Number:
        """The estimate alone; where no trial showed it, with its bound: "0 (at most 0.013)"."""
        if self.none:
            return Number(f"0 (at most {bound(self.figure.upper)})", self.source)
        return self.beside_interval()

    def beside_interval(self) -> Number:
        """The estimate where its interval stands in the next column."""
        if not self.known:
            return Number("–", self.source)
        return Number("0" if self.none else self._shown(self.figure.estimate), self.source)

    def mcse(self) -> Number:
        """Its Monte Carlo standard error, with two significant digits."""
        value = self.figure.mcse
        if math.isnan(value):
            return Number("–", f"{self.source} (mcse)")
        if value == 0.0:  # where no trial showed it, the interval says more
            return Number("–" if self.none else "0", f"{self.source} (mcse)")
        decimals = max(1 - math.floor(math.log10(value)), 0)
        return Number(f"{value:.{decimals}f}", f"{self.source} (mcse)")

    def interval(self, between: str = " to ") -> Line:
        """Its Monte Carlo interval; nothing where the number is exact, or rests on one trial."""
        if self.exact or math.isnan(self.figure.lower + self.figure.upper):
            return ()
        lower, upper = (self._shown(value) for value in (self.figure.lower, self.figure.upper))
        if self.none:
            lower, upper = "0", bound(self.figure.upper)
        return line(
            Number(lower, f"{self.source} (lower)"),
            between,
            Number(upper, f"{self.source} (upper)"),
        )

    def with_interval(self) -> Line:
        """The estimate and, in brackets, its Monte Carlo interval."""
        interval = self.interval()
        if not interval or self.none:
            return (self.number(),)
        return line(self.number(), " (", interval, ")")

    def _shown(self, value: float) -> str:
        text = f"{value:+.{self.digits}f}" if self.kind == "difference" else self._plain(value)
        nought = not text.strip("+-0.,")  # a thousand has a comma, and is no number to Python
        return text.lstrip("+-") if nought else text.replace("-", "−")

    def _plain(self, value: float) -> str:
        return f"{value:,.{self.digits}f}"


SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
         "eleven", "twelve")  # fmt: skip


def counted(value: int, source: str, capital: bool = False) -> Number:
    """A count as a sentence has it: small ones in words."""
    if not 0 <= value < len(SMALL):
        return given(value, source)
    word = SMALL[value]
    return Number(word.capitalize() if capital else word, source)


def given(value: Any, source: str) -> Number:
    """A number that somebody wrote, as it was written: a design's, a setting's."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Number(str(value), source)
    if isinstance(value, int):
        return Number(f"{value:,}", source)
    text = repr(value) if abs(value) >= 1e-4 or value == 0.0 else f"{value:.3g}"
    return Number(text.removesuffix(".0").replace("-", "−"), source)


def rounded(value: float, digits: int, source: str) -> Number:
    """A number computed without error, with a stated number of decimals."""
    if math.isnan(value):
        return Number("–", source)
    text = f"{value:,.{digits}f}"
    return Number(text.replace("-", "−"), source)


def significant(value: float, digits: int, source: str) -> Number:
    """A number computed without error, with a stated number of significant digits."""
    text = f"{value:.{digits}g}"
    mantissa, _, power = text.partition("e")
    if power:
        text = f"{mantissa} × 10{str(int(power)).translate(_RAISED)}"
    return Number(text.replace("-", "−"), source)


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
