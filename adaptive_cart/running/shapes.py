"""Shapes of calibrated thresholds over the looks: how each look's follows from the last one's.

With a flat prior and many participants a posterior probability of a positive effect is Φ(z) for the
usual z. A shape is a number for each look that z is multiplied with before looks are compared: so
one threshold is searched, on the scale of the last look, whatever the shape (Jennison & Turnbull
2000, Group Sequential Methods, chapter 2, for the shapes).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.rule_tables import Rule
from adaptive_cart.nouns.records import Floats

FEWEST = 4  # decimals of a threshold of a shape that is simulated
DECIMALS = 10  # of a threshold, where that keeps it between what it separates
EXTRA = 3  # beyond the first that differs from 1, where it is not known what it separates

FACTORS: dict[str, Callable[[float], float]] = {  # by the share of all participants analysed
    "pocock": lambda share: 1.0,
    "obrien_fleming": math.sqrt,
}


@dataclass(frozen=True)
class Shape:
    """How the thresholds of a rule follow from that of the last look.

    Attributes
    ----------
    name
        ``pocock`` for one number at every look.
    factors
        By look: what z is multiplied with.
    """

    name: str
    factors: Mapping[int, float]

    @staticmethod
    def of(design: Design) -> Shape:
        """The shape that ``[calibration]`` asks for; one number where it asks for none."""
        name = "pocock"
        if design.calibration is not None and design.calibration.shape is not None:
            name = design.calibration.shape
        looks = design.looks
        at = [*looks.at, design.enrolment.max_n] if looks.final is not None else looks.at
        shares = {look: number / at[-1] for look, number in enumerate(at, start=1)}
        return Shape(name, {look: FACTORS[name](share) for look, share in shares.items()})

    @staticmethod
    def one_number() -> Shape:
        """That of a threshold which is the same at every look."""
        return Shape("pocock", {})

    @property
    def flat(self) -> bool:
        """Whether it is one number."""
        return all(factor == 1.0 for factor in self.factors.values())

    def as_last(self, probability: Floats, look: int) -> Floats:
        """A probability of a look as it would be at the last: the same rank, another scale."""
        from scipy import special

        factor = self.factors.get(look, 1.0)
        if factor == 1.0:
            return probability
        return np.asarray(special.ndtr(special.ndtri(probability) * factor))

    def at(self, last: float, look: int) -> float:
        """The threshold of a look, from that of the last one."""
        from scipy import special

        factor = self.factors.get(look, 1.0)
        return last if factor == 1.0 else float(special.ndtr(special.ndtri(last) / factor))

    def thresholds(self, design: Design, rule: Rule, last: float) -> dict[int, float]:
        """By look at which a rule is judged: its threshold."""
        return {look: self.at(last, look) for look in design.judged_at(rule)}

    def rounded(self, design: Design, rule: Rule, last: float) -> dict[int, float]:
        """The same, each rounded away from what may count."""
        thresholds = self.thresholds(design, rule, last)
        return {look: rounded_up(value) for look, value in thresholds.items()}


def as_written(by_look: Mapping[int, float]) -> float | list[float]:
    """Thresholds as a design says them: a list, or one number where they are all the same."""
    values = list(by_look.values())
    return values[0] if len(set(values)) == 1 else values


def rounded_between(value: float, low: float, high: float) -> float:
    """A threshold to ten decimals, or to as many more as keep it between two probabilities."""
    for digits in range(DECIMALS, 18):
        found = round(value, digits)
        if low < found < high:
            return found
    return value


def rounded_up(value: float) -> float:
    """A threshold rounded away from what may count, to three decimals more than its nines."""
    if not 0.0 < value < 1.0:
        return value
    digits = max(FEWEST, math.ceil(-math.log10(1.0 - value)) + EXTRA)
    found = math.ceil(value * 10**digits) / 10**digits
    return found if found < 1.0 else value
