"""Rules as they are judged: resolved to positions, compared, and told in words.

A rule sees posteriors and counts, never the truth. It has a target for each arm and stratum that it
asks about ("each" asks about all in turn). Rules are judged at each look in the order written; the
first that ends the trial wins. What follows from one is said by its decision
(:mod:`adaptive_cart.decisions`). When all arms or all strata are resolved the trial ends:
``success`` if there was any, else ``futility``. Where no rule ends it the next look is held; after
the last one the trial ends: ``success`` if there was any, else ``no_success``.

A futility or safety rule that ends a trial in which some target has already succeeded leaves that
success standing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from adaptive_cart.conduct.asking import Asking, Now, Prediction
from adaptive_cart.decisions import Decision
from adaptive_cart.design.design import Design, PosteriorQuestion, Rule
from adaptive_cart.design.spending import spending_of
from adaptive_cart.models.classical.alpha_spending import Spending
from adaptive_cart.nouns.questions import ALL, OPEN, Question, Wording, asked, written
from adaptive_cart.nouns.records import Booleans, Floats


@dataclass(frozen=True)
class ResolvedRule:
    """A rule with its names turned into positions.

    Attributes
    ----------
    targets
        What is asked, once for each target; for a predictive rule, what the predicted rule asks.
    asks
        For which probability: the posterior one, or a predictive one.
    at_least
        Whether the rule holds at or above its threshold, or below it.
    thresholds
        By number of the look, from 1; the rule is judged at these looks.
    last
        Whether the rule is judged at the last look, whichever that turns out to be.
    every
        The rule is also judged at every so-many-th infusion; 0 for not.
    spending
        How the rule spends a type I error; its thresholds are then those of the planned numbers,
        and what is in force at a look follows from the numbers that it sees.
    """

    name: str
    decision: Decision
    targets: tuple[Question, ...]
    asks: Asking
    at_least: bool
    thresholds: dict[int, float]
    last: bool
    every: int = 0
    spending: Spending | None = None

    def __post_init__(self) -> None:
        """Let what is asked know what it will be compared with, so that ties are decided."""
        against = tuple(value for value in self.thresholds.values() if not math.isnan(value))
        asks, compared = self.asks.compared_with(against)
        object.__setattr__(self, "asks", asks)
        targets = tuple(target.compared_with(*compared) for target in self.targets)
        object.__setattr__(self, "targets", targets)

    @property
    def question(self) -> Question:
        """The first target's question."""
        return self.targets[0]

    @property
    def affirms(self) -> bool:
        """Whether the rule, when it holds, claims what it asks; if not, it claims the opposite."""
        return self.asks.affirms(self.at_least)

    @property
    def prediction(self) -> Prediction | None:
        """What is predicted; nothing where the posterior is asked."""
        return self.asks if isinstance(self.asks, Prediction) else None

    def never(self) -> ResolvedRule:
        """Return the same rule with a threshold that nothing reaches; it is asked all the same."""
        return replace(
            self,
            thresholds=dict.fromkeys(self.thresholds, 2.0 if self.at_least else -1.0),
            spending=None,
        )

    def compared(self, probability: Floats, threshold: float | Floats) -> Booleans:
        """Whether the rule holds, ``(trial,)``; never where the posterior failed.

        The targets' questions know the thresholds, so that what equals one exactly equals it here.
        """
        return probability >= threshold if self.at_least else probability < threshold

    def holds(self, probability: Floats, look: int) -> Booleans:
        """Whether the rule holds at a look."""
        return self.compared(probability, self.thresholds[look])

    def when(self, design: Design) -> str:
        """Say when the rule is judged: ``every look and, between looks, every 7th infusion …``."""
        number, judged = design.looks.number, list(self.thresholds)
        if judged == list(range(1, number + 1)):
            dates = "every look"
        elif judged == [number]:
            dates = "the last look"
        else:
            numbers = [f"{look} (the last)" if look == number else str(look) for look in judged]
            dates = ("look " if len(judged) == 1 else "looks ") + listed(numbers)
        if self.every:
            dates += f" and, between looks, {rhythm(self.every)}"
        return dates

    def threshold_at(self, look: int, between: bool = False) -> float:
        """What it is compared with at a look, or ``between`` that look and the one before.

        Between looks as at the next one at which it is judged, and after all of those as at the
        last of them. At a look at which it is not judged, as at the trial's last where it is judged
        there, since the look may have become the last early; not a number otherwise.
        """
        if look in self.thresholds:
            return self.thresholds[look]
        later = min((at for at in self.thresholds if at > look and between), default=None)
        if later is None and not (between or self.last):
            return math.nan
        return self.thresholds[max(self.thresholds) if later is None else later]

    @property
    def easiest(self) -> float:
        """The threshold that is met first; not a number while one is to be calibrated."""
        values = self.thresholds.values()
        if any(math.isnan(value) for value in values):
            return math.nan
        return (min if self.at_least else max)(values)

    def words(self, design: Design, target: int = 0, every: bool = False) -> str:
        """Say the rule's question as a protocol would; ``every`` for all targets in one."""
        arms, strata = design.arm_names, design.stratum_names
        asked = self.targets[target].words(arms, strata)
        if every and len(self.targets) > 1:
            first = self.targets[0]
            if len({question.arm for question in self.targets}) > 1:
                arms = tuple("each arm" if k == first.arm else arm for k, arm in enumerate(arms))
            if first.stratum >= 0 and len({q.stratum for q in self.targets}) > 1:
                strata = ("each stratum",) * len(strata)
            asked = first.words(arms, strata)
        return self.asks.words(asked)

    def threshold_words(self, look: int) -> str:
        """Threshold at a look in full, but for a boundary, whose decimals have no end."""
        threshold = self.thresholds[look]
        return written(threshold) if self.spending is None else f"{threshold:.6f}"

    def prose(self, design: Design, target: int = 0, every: bool = False) -> str:
        """Say what the rule asks after "whether", with labels; ``every`` for all targets in one."""
        if said := self.asks.prose(design.enrolment.max_n):
            return said
        question, wording = self.targets[target], wording_of(design, self.targets[target].endpoint)
        if every and len(self.targets) > 1:
            if len({other.arm for other in self.targets}) > 1:
                arms = ["each experimental arm" if k == question.arm else label
                        for k, label in enumerate(wording.arms)]  # fmt: skip
                wording = replace(wording, arms=arms)
            if question.stratum >= 0 and len({other.stratum for other in self.targets}) > 1:
                wording = replace(wording, strata=["each stratum"] * len(wording.strata))
        return asked(question, wording)

    def reason(self, design: Design, probability: float, threshold: float, target: int = 0) -> str:
        """Say why the rule holds (or does not), the compared numbers in full."""
        if math.isnan(threshold):  # nothing to compare with yet
            words = self.words(design, target)
            return f"{words} = {probability:.4f}, to be compared with {written(threshold)}"
        holds = probability >= threshold if self.at_least else probability < threshold
        sign = (">=" if self.at_least else "<") if holds else ("<" if self.at_least else ">=")
        fewest = 4 if self.spending is None else 6  # boundaries have no end
        value = f"{probability:.{fewest}f}"
        if float(value) == round(threshold, fewest) and probability != threshold:
            # so few decimals would hide on which side it lies
            digits = (f"{probability:.{number}g}" for number in (12, 17))
            value = next(text for text in digits if float(text) != threshold)
        shown = written(threshold)
        if self.spending is not None or len(shown.split(".")[-1]) < 4:
            shown = f"{threshold:.{fewest}f}"
        return f"{self.words(design, target)} = {value} {sign} {shown}"


def wording_of(design: Design, endpoint: str) -> Wording:
    """What readers call an endpoint, the arms and the strata of a design."""
    return Wording(
        endpoint=design.endpoint_label(endpoint),
        parameter=design.endpoints[endpoint].gives.asked_about(design.endpoints[endpoint].unit),
        arms=[design.arm_label(name) for name in design.arm_names],
        strata=design.stratum_names,
    )


def rhythm(every: int) -> str:
    """Say a rhythm between looks: ``every 7th infusion (all arms counted)``."""
    if every == 1:
        return "every infusion (all arms counted)"
    last = every % 10 if every % 100 not in (11, 12, 13) else 0
    ending = {1: "st", 2: "nd", 3: "rd"}.get(last, "th")
    return f"every {every}{ending} infusion (all arms counted)"


def listed(words: list[str]) -> str:
    """Words in a list: ``1, 2 and 4``."""
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def resolve_rules(design: Design) -> tuple[ResolvedRule, ...]:
    """Turn a design's rules into what is judged."""
    return tuple(_resolve(design, rule) for rule in design.rules)


def _resolve(design: Design, rule: Rule) -> ResolvedRule:
    thresholds = {look: design.threshold_at(rule, look) for look in design.judged_at(rule)}
    asks: Asking = Now()
    if rule.posterior is not None:
        targets = targets_of(design, rule.posterior)
    else:
        assert rule.predictive is not None
        named = next(other for other in design.rules if other.name == rule.predictive.rule)
        assert named.posterior is not None
        targets = targets_of(design, named.posterior)
        threshold = design.threshold_at(named, design.looks.number)
        enrolled = rule.predictive.with_ == "enrolled"
        asks = Prediction(named.name, named.at_least is not None, threshold, enrolled)
    return ResolvedRule(
        name=rule.name,
        decision=rule.decision,
        targets=targets,
        asks=asks,
        at_least=rule.at_least is not None,
        thresholds=thresholds,
        last=rule.looks is None or "final" in rule.looks,
        every=rule.every or 0,
        spending=spending_of(design, rule),
    )


def targets_of(design: Design, asked: PosteriorQuestion) -> tuple[Question, ...]:
    """Questions that a rule's posterior table asks, by arm and then stratum."""
    arms, strata = design.arm_names, design.stratum_names
    kind = asked.kind
    other = None if kind.other is None else getattr(asked, kind.other)
    value = asked.above if asked.above is not None else asked.below
    assert asked.arm is not None
    chosen = range(1, len(arms)) if asked.arm == "each" else [arms.index(asked.arm)]
    if asked.stratum == "each":
        places = list(range(len(strata)))
    elif asked.stratum == "open":
        places = [OPEN]
    else:
        places = [ALL if asked.stratum is None else strata.index(asked.stratum)]
    return tuple(
        Question(
            endpoint=asked.endpoint,
            arm=arm,
            minus=None if other is None else arms.index(other),
            value=0.0 if value is None else value,
            above=asked.above is not None,
            kind=kind.name,
            stratum=stratum,
            month=kind.month(asked),
            sign=design.told(asked.endpoint).sign,
        )
        for arm in chosen
        for stratum in places
    )
