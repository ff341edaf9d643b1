"""Rules as they are judged: resolved to positions, compared, and told in words.

A rule sees posteriors and counts, never the truth. Rules are judged at each look in the order
written; the first that holds and ends the trial wins:

    =================  =========================================================
    declare_success    the trial ends as ``success``
    declare_futility   the trial ends as ``futility``
    stop_for_safety    the trial ends as ``safety``
    no such rule       the next look; at the last look the trial ends as ``no_success``
    =================  =========================================================
"""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cart.checks import kind_of
from adaptive_cart.design import Design, PosteriorQuestion, Rule
from adaptive_cart.predictive import Condition
from adaptive_cart.questions import Question, written
from adaptive_cart.records import Booleans, Floats

REASONS = ("success", "futility", "safety", "no_success")
ENDS = {
    "declare_success": "success",
    "declare_futility": "futility",
    "stop_for_safety": "safety",
}


@dataclass(frozen=True)
class Prediction:
    """A predictive question: the condition to come, and for how many participants."""

    rule: str
    condition: Condition
    enrolled: bool


@dataclass(frozen=True)
class ResolvedRule:
    """A rule with its names turned into positions.

    Attributes
    ----------
    question
        What is asked; for a predictive rule, what the predicted rule asks.
    prediction
        Set where the rule asks for a predictive probability.
    at_least
        Whether the rule holds at or above its threshold, or below it.
    thresholds
        By number of the look, from 1; the rule is judged at these looks.
    """

    name: str
    then: str
    question: Question
    prediction: Prediction | None
    at_least: bool
    thresholds: dict[int, float]

    def holds(self, probability: Floats, look: int) -> Booleans:
        """Whether the rule holds at a look, ``(trial,)``; never where the posterior failed."""
        threshold = self.thresholds[look]
        return probability >= threshold if self.at_least else probability < threshold

    def words(self, design: Design) -> str:
        """Say the rule's question as a protocol would."""
        asked = self.question.words(design.arm_names, design.stratum_names)
        if self.prediction is None:
            return asked
        last = self.thresholds_of_target(design)
        sample = "those enrolled" if self.prediction.enrolled else "max_n participants"
        return f"P({self.prediction.rule} at the last look, with {sample}: {asked} {last} | data)"

    def thresholds_of_target(self, design: Design) -> str:
        """The predicted rule's comparison at the last look."""
        assert self.prediction is not None
        target = next(rule for rule in design.rules if rule.name == self.prediction.rule)
        return f"{target.sign} {written(design.threshold_at(target, design.looks.number))}"

    def reason(self, design: Design, probability: float, look: int) -> str:
        """Say why the rule holds (or does not) at a look, the compared numbers in full."""
        holds = bool(self.holds(_single(probability), look)[0])
        sign = (">=" if self.at_least else "<") if holds else ("<" if self.at_least else ">=")
        threshold = self.thresholds[look]
        value = f"{probability:.4f}"
        if float(value) == round(threshold, 4) and probability != threshold:
            value = f"{probability:.12g}"  # four decimals would hide on which side it lies
        shown = written(threshold)
        shown = shown if len(shown.split(".")[-1]) >= 4 else f"{threshold:.4f}"
        return f"{self.words(design)} = {value} {sign} {shown}"


def _single(value: float) -> Floats:
    import numpy as np

    return np.array([value], dtype=np.float64)


def resolve_rules(design: Design) -> tuple[ResolvedRule, ...]:
    """Turn a design's rules into what is judged."""
    return tuple(_resolve(design, rule) for rule in design.rules)


def _resolve(design: Design, rule: Rule) -> ResolvedRule:
    thresholds = {look: design.threshold_at(rule, look) for look in design.judged_at(rule)}
    prediction = None
    if rule.posterior is not None:
        question = question_of(design, rule.posterior)
    else:
        assert rule.predictive is not None
        target = next(other for other in design.rules if other.name == rule.predictive.rule)
        assert target.posterior is not None
        question = question_of(design, target.posterior)
        last = design.threshold_at(target, design.looks.number)
        condition = Condition(question, target.at_least is not None, last)
        prediction = Prediction(target.name, condition, rule.predictive.with_ == "enrolled")
    return ResolvedRule(
        rule.name, rule.then, question, prediction, rule.at_least is not None, thresholds
    )


def question_of(design: Design, asked: PosteriorQuestion) -> Question:
    """Turn a rule's posterior table into positions of arms and strata."""
    arms, strata = design.arm_names, design.stratum_names
    other = asked.minus if asked.minus is not None else asked.hazard_ratio_to
    value = asked.above if asked.above is not None else asked.below
    assert asked.arm is not None
    return Question(
        endpoint=asked.endpoint,
        arm=arms.index(asked.arm),
        minus=None if other is None else arms.index(other),
        value=0.0 if value is None else value,
        above=asked.above is not None,
        kind=kind_of(asked),  # type: ignore[arg-type]
        stratum=strata.index(asked.stratum) if asked.stratum in strata else -1,
        month=asked.remains_at or 0.0,
    )
