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


@dataclass(frozen=True)
class Parameter:
    """What is asked about an endpoint, in words.

    Attributes
    ----------
    noun, unit
        ``rate``, and `` a year`` after its value.
    of
        How the two are put together.
    """

    noun: str
    unit: str = ""
    of: str = "the {noun} of {endpoint}"

    def named(self, endpoint: str) -> str:
        """Name it: ``the rate of Serious infection``."""
        return self.of.format(noun=self.noun, endpoint=endpoint)


@dataclass(frozen=True)
class Wording:
    """What readers call the parts of a question.

    Attributes
    ----------
    endpoint
        Its label.
    parameter
        What is asked about it.
    arms, strata
        Their labels, by position.
    """

    endpoint: str
    parameter: Parameter
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


def value_words(question: Question, parameter: Parameter) -> str:
    """Say the value that a question compares with, with its unit: ``0.20 a year``."""
    return written(question.value) + question.of.unit(parameter)


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
    kind, unit = question.of, question.of.unit(wording.parameter)
    noun, where = kind.noun(question, wording.endpoint, wording.parameter), place(question, wording)
    arm, *others = (wording.arms[k] for k in question.pair)
    if not others:
        return f"{noun} in {arm}{where} {beyond(question, unit)}"
    if kind.ratio:
        return f"{noun} in {arm} {kind.against} {others[0]}{where} {beyond(question, unit)}"
    return f"{noun} in {arm}{where} {_against(question, others[0], unit)}"


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
