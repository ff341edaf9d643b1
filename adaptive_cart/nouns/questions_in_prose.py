"""A question of a rule as a protocol says it, after "whether".

the rate of Serious infection in Donor CAR-T cells exceeds that in Usual care by more than 0.20
a year
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from adaptive_cart.nouns.questions import OPEN, Question, written

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


def asked(question: Question, wording: Wording) -> str:
    """Say what a question asks, as a clause that follows "whether"."""
    arm = wording.arms[question.arm]
    other = None if question.minus is None else wording.arms[question.minus]
    place = _place(question, wording)
    if question.kind == "best":
        noun, _ = QUANTITIES[wording.summary]
        return (
            f"{arm} has the largest {noun} of {wording.endpoint}{place} of all arms that are still "
            f"open"
        )
    if question.kind == "hazard_ratio":
        beyond = "exceeds" if question.above else "is below"
        return (
            f"the hazard ratio of {wording.endpoint} in {arm} against {other}{place} {beyond} "
            f"{written(question.value)}"
        )
    subject = f"{quantity(question, wording.endpoint, wording.summary)} in {arm}{place}"
    unit = _unit(question, wording.summary)
    if other is None:
        beyond = "exceeds" if question.above else "is below"
        return f"{subject} {beyond} {written(question.value)}{unit}"
    return f"{subject} {_against(question, other, unit)}"


def quantity(question: Question, endpoint: str, summary: str) -> str:
    """Name what a question is about: ``the rate of Serious infection``."""
    if question.kind == "hazard_ratio":
        return f"the hazard ratio of {endpoint}"
    if question.kind == "remaining":
        return f"the fraction still without an event at month {question.month:g} ({endpoint})"
    if summary == "durations":
        return f"the {QUANTITIES[summary][0]} ({endpoint})"
    return f"the {QUANTITIES[summary][0]} of {endpoint}"


def value_words(question: Question, summary: str) -> str:
    """Say the value that a question compares with, with its unit: ``0.20 a year``."""
    return written(question.value) + _unit(question, summary)


def _unit(question: Question, summary: str) -> str:
    return QUANTITIES[summary][1] if question.kind == "level" else ""


def _place(question: Question, wording: Wording) -> str:
    """Which strata a question is about; nothing where there are none."""
    if not wording.strata:
        return ""
    if question.stratum >= 0:
        name = wording.strata[question.stratum]
        return f" in {name}" if name.startswith("each ") else f" in stratum {name}"
    return " over the strata still open" if question.stratum == OPEN else " over all strata"


def _against(question: Question, other: str, unit: str) -> str:
    """Compare an arm with another by a margin, in whichever direction it lies."""
    size = written(abs(question.value)) + unit
    direction: Literal["above", "below"] = "above" if question.above else "below"
    if question.value == 0.0:
        return f"exceeds that in {other}" if question.above else f"is below that in {other}"
    if direction == "above":
        if question.value > 0.0:
            return f"exceeds that in {other} by more than {size}"
        return f"is below that in {other} by less than {size}, if at all"
    if question.value < 0.0:
        return f"is below that in {other} by more than {size}"
    return f"exceeds that in {other} by less than {size}, if at all"
