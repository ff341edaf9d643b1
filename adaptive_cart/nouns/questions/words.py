"""A question of a rule as a protocol says it, after "whether".

the rate of Serious infection in Donor CAR-T cells exceeds that in Usual care by more than 0.20
a year
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adaptive_cart.nouns.questions.quantity import OPEN

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question

TO_CALIBRATE = "a threshold to be calibrated"
QUANTITIES = {  # by how an endpoint is summarised: what its parameter is, and in which unit
    "counts": ("probability", ""),
    "exposure": ("rate", " a year"),
    "means": ("mean", " months"),
    "durations": ("cured fraction", ""),
}


@dataclass(frozen=True)
class Wording:
    """What readers call the parts of a question.

    Attributes
    ----------
    endpoint
        Its label.
    summary
        How the endpoint is summarised: counts, exposure, means or durations.
    arms, strata
        Their labels, by position.
    """

    endpoint: str
    summary: str
    arms: Sequence[str]
    strata: Sequence[str]


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


def asked(question: Question, wording: Wording) -> str:
    """Say what a question asks, as a clause that follows "whether"."""
    return question.of.clause(question, wording)


def parameter(endpoint: str, summary: str) -> str:
    """Name an endpoint's own parameter: ``the rate of Serious infection``."""
    noun = QUANTITIES[summary][0]
    return f"the {noun} ({endpoint})" if summary == "durations" else f"the {noun} of {endpoint}"


def value_words(question: Question, summary: str) -> str:
    """Say the value that a question compares with, with its unit: ``0.20 a year``."""
    return written(question.value) + question.of.unit(summary)


def beyond(question: Question, unit: str = "") -> str:
    """Say on which side of its value a question asks: ``exceeds 0.20 a year``."""
    side = "exceeds" if question.above else "is below"
    return f"{side} {written(question.value)}{unit}"


def place(question: Question, wording: Wording) -> str:
    """Which strata a question is about; nothing where there are none."""
    if not wording.strata:
        return ""
    if question.stratum >= 0:
        name = wording.strata[question.stratum]
        return f" in {name}" if name.startswith("each ") else f" in stratum {name}"
    return " over the strata still open" if question.stratum == OPEN else " over all strata"


def compared(question: Question, wording: Wording) -> str:
    """Compare an arm with a value, or with another arm by a margin."""
    unit = question.of.unit(wording.summary)
    noun = question.of.noun(question, wording.endpoint, wording.summary)
    subject = f"{noun} in {wording.arms[question.arm]}{place(question, wording)}"
    if question.minus is None:
        return f"{subject} {beyond(question, unit)}"
    return f"{subject} {_against(question, wording.arms[question.minus], unit)}"


def _against(question: Question, other: str, unit: str) -> str:
    """Compare an arm with another by a margin, in whichever direction it lies."""
    size = written(abs(question.value)) + unit
    if question.value == 0.0:
        return f"exceeds that in {other}" if question.above else f"is below that in {other}"
    if question.above:
        if question.value > 0.0:
            return f"exceeds that in {other} by more than {size}"
        return f"is below that in {other} by less than {size}, if at all"
    if question.value < 0.0:
        return f"is below that in {other} by more than {size}"
    return f"exceeds that in {other} by less than {size}, if at all"
