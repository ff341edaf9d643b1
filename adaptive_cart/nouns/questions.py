"""The closed list of questions that a rule may ask of a posterior, and how they read aloud."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal["level", "hazard_ratio", "remaining", "best"]
ALL = -1  # the average over all strata by their shares
OPEN = -2  # the average over the strata still open


@dataclass(frozen=True)
class Question:
    """One question about one endpoint's posterior; the answer is a probability a trial.

    Attributes
    ----------
    kind
        ``level``: the endpoint's parameter (a probability, a rate) in an arm, or its difference
        between two arms; ``hazard_ratio`` of ``arm`` to ``minus``; ``remaining``: the fraction
        still in remission at ``month``, likewise; ``best``: the arm has the largest parameter of
        the arms ``among`` which it is asked.
    arm, minus
        Positions of the arms; ``minus`` is nothing where the question is about the arm alone.
    value
        What the quantity is compared with.
    above
        P(quantity > value) if true, P(quantity < value) otherwise.
    stratum
        Position of a stratum, or ``ALL`` or ``OPEN``.
    month
        Months after remission began, for ``remaining``.
    among
        Positions of the arms compared, for ``best``; nothing for every experimental arm.
    against
        Thresholds that the answer will be compared with. It lies on the right side of each,
        whatever the last bit says; what is asked stays the same.
    """

    endpoint: str
    arm: int
    minus: int | None = None
    value: float = 0.0
    above: bool = True
    kind: Kind = "level"
    stratum: int = ALL
    month: float = 0.0
    among: tuple[int, ...] = ()
    against: tuple[float, ...] = field(default=(), compare=False, repr=False)

    def at(self, value: float) -> Question:
        """Ask the same of another value."""
        return replace(self, value=value)

    def compared(self, arms: int) -> tuple[int, ...]:
        """Arms among which the best is sought, of a design with so many arms."""
        return self.among or tuple(range(1, arms))

    def compared_with(self, *thresholds: float) -> Question:
        """Ask the same for an answer that will be compared with these thresholds."""
        return replace(self, against=tuple(t for t in thresholds if not math.isnan(t)))

    def words(self, arms: tuple[str, ...], strata: tuple[str, ...], value_text: str = "") -> str:
        """Say the question the way a protocol writes it: ``P(cart − soc > 0.10 | dfr)``."""
        value = value_text or written(self.value)
        compared = ">" if self.above else "<"
        arm = arms[self.arm]
        other = None if self.minus is None else arms[self.minus]
        about = self.endpoint
        if self.stratum >= 0:
            about += f", {strata[self.stratum]}"
        elif self.stratum == OPEN:
            about += ", open strata"
        if self.kind == "best":
            return f"P({arm} is the best of the open arms | {about})"
        if self.kind == "hazard_ratio":
            return f"P(hazard ratio {arm} / {other} {compared} {value} | {about})"
        if self.kind == "remaining":
            arm = f"{arm} remaining at {self.month:g} months"
        quantity = arm if other is None else f"{arm} − {other}"
        return f"P({quantity} {compared} {value} | {about})"


TO_CALIBRATE = "a threshold to be calibrated"


def written(value: float) -> str:
    """Write a threshold in full, with two decimals at least: 0.1 as 0.10, 0.9875 as it is.

    One that is still to be calibrated is no number yet, and is said so.
    """
    if math.isnan(value):
        return TO_CALIBRATE
    text = repr(float(value))
    if "e" in text:
        return text
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"
