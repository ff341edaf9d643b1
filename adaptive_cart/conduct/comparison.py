"""What a rule asks of each of its targets, and what the answer is compared with.

A comparison is a question, a side and a threshold a look: the smallest condition there is. What is
asked for is a probability that a posterior (or a test, or the prediction of another rule) gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from adaptive_cart.conduct.asking import Asking, Prediction
from adaptive_cart.design.alpha_graph import same_amount
from adaptive_cart.design.design import Design
from adaptive_cart.models.classical.alpha_spending import Spending
from adaptive_cart.nouns.questions import Parameter, Question, Wording, asked, written
from adaptive_cart.nouns.records import Booleans, Floats


@dataclass(frozen=True)
class Comparison:
    """A question to each target, a side, and a threshold a look.

    Attributes
    ----------
    name
        What its columns are called: as the rule, where that asks nothing else.
    targets
        What is asked, once for each target; for a predictive rule, what the predicted rule asks.
    asks
        For which probability: the posterior one, or a predictive one.
    at_least
        Whether it holds at or above its threshold, or below it.
    thresholds
        By number of the look, from 1, at which it is judged.
    last
        Whether it is judged at the last look, whichever that turns out to be.
    spending
        How it spends a type I error; its thresholds are then those of the planned numbers,
        and what is in force at a look follows from the numbers that it sees.
    by_alpha
        Of a claim that can come to hold several amounts of alpha: each with its threshold; its
        ``thresholds`` are then the strictest.
    """

    name: str
    targets: tuple[Question, ...]
    asks: Asking
    at_least: bool
    thresholds: dict[int, float]
    last: bool
    spending: Spending | None = None
    by_alpha: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        """Let what is asked know what it will be compared with, so that ties are decided."""
        asks, compared = self.asks.compared_with(self.known_thresholds)
        object.__setattr__(self, "asks", asks)
        targets = tuple(target.compared_with(*compared) for target in self.targets)
        object.__setattr__(self, "targets", targets)

    @property
    def known_thresholds(self) -> tuple[float, ...]:
        """Every number that it is compared with at any look; none that is still to be found."""
        return tuple(value for value in self._all_thresholds if not math.isnan(value))

    @property
    def question(self) -> Question:
        """The first target's question."""
        return self.targets[0]

    @property
    def several(self) -> bool:
        """Whether several things are asked at once, or one of several endpoints."""
        return self.asks.several(self.question)

    @property
    def everything(self) -> tuple[Question, ...]:
        """All that is asked of anybody."""
        return tuple(asked for target in self.targets for asked in self.asks.every(target))

    @property
    def about(self) -> tuple[Question, ...]:
        """What it asks of anybody, endpoint by endpoint."""
        return tuple(one for asked in self.everything for one in asked.of_endpoints)

    @property
    def affirms(self) -> bool:
        """Whether it claims, when it holds, what it asks; if not, the opposite."""
        return self.asks.affirms(self.at_least)

    def claimed(self, target: Question) -> tuple[Question, ...]:
        """All on which its claim about a target depends, each as it is claimed."""
        found = self.asks.claimed(target)
        return found if self.affirms else tuple(one.opposite for one in found)

    @property
    def prediction(self) -> Prediction | None:
        """What is predicted; nothing where the posterior is asked."""
        return self.asks if isinstance(self.asks, Prediction) else None

    def never(self) -> Comparison:
        """Return the same with a threshold that nothing reaches; it is asked all the same."""
        return replace(
            self,
            thresholds=dict.fromkeys(self.thresholds, 2.0 if self.at_least else -1.0),
            spending=None,
            by_alpha=(),
        )

    def compared(self, probability: Floats, threshold: float | Floats) -> Booleans:
        """Whether it holds, ``(trial,)``; never where the posterior failed.

        The targets' questions know the thresholds, so that what equals one exactly equals it here.
        """
        return probability >= threshold if self.at_least else probability < threshold

    def holds(self, probability: Floats, look: int) -> Booleans:
        """Whether it holds at a look."""
        return self.compared(probability, self.thresholds[look])

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

    def threshold_for(self, amount: float, look: int, between: bool = False) -> float:
        """What it is compared with at a look by a claim that holds an amount of alpha."""
        if not self.by_alpha:
            return self.threshold_at(look, between)
        known = (value for held, value in self.by_alpha if same_amount(held, amount))
        return next(known, math.nan)

    @property
    def _all_thresholds(self) -> tuple[float, ...]:
        return (*self.thresholds.values(), *(value for _, value in self.by_alpha))

    @property
    def easiest(self) -> float:
        """The threshold that is met first; not a number while one is to be calibrated."""
        values = self._all_thresholds
        if any(math.isnan(value) for value in values):
            return math.nan
        return (min if self.at_least else max)(values)

    def in_words(self, look: int) -> str:
        """The same, or of a claim that may hold several amounts of alpha, that of each."""
        if not self.by_alpha:
            return self.threshold_words(look)
        return ", ".join(f"{written(value)} (for alpha {held:g})" for held, value in self.by_alpha)

    def words(self, design: Design, target: int = 0, every: bool = False) -> str:
        """Say the question as a protocol would; ``every`` for all targets in one."""
        arms, strata = design.compared_names, design.stratum_names
        about = self.targets[target]
        if every and len(self.targets) > 1:
            first = self.targets[0]
            if len({question.arm for question in self.targets}) > 1:
                arms = tuple("each arm" if k == first.arm else arm for k, arm in enumerate(arms))
            if first.stratum >= 0 and len({q.stratum for q in self.targets}) > 1:
                strata = ("each stratum",) * len(strata)
            about = first
        said = [asked.words(arms, strata) for asked in self.asks.every(about)]
        inside = [words.partition("(")[2].removesuffix(")") for words in said]
        return self.asks.words(f"P({', and '.join(inside)})" if self.several else said[0])

    def threshold_words(self, look: int) -> str:
        """Threshold at a look in full, but for a boundary, whose decimals have no end."""
        threshold = self.thresholds[look]
        return written(threshold) if self.spending is None else f"{threshold:.6f}"

    def prose(self, design: Design, target: int = 0, every: bool = False) -> str:
        """Say what is asked after "whether", with labels; ``every`` for all targets in one."""
        if said := self.asks.prose(design.enrolment.max_n):
            return said
        about = self.targets[target]
        return " and ".join(
            asked(question, self._wording(design, question, about, every))
            for question in self.asks.every(about)
        )

    def _wording(self, design: Design, question: Question, about: Question, every: bool) -> Wording:
        wording = wording_of(design, question.endpoint)
        if every and len(self.targets) > 1:
            if len({other.arm for other in self.targets}) > 1:
                arms = ["each experimental arm" if k == about.arm else label
                        for k, label in enumerate(wording.arms)]  # fmt: skip
                wording = replace(wording, arms=arms)
            if question.stratum >= 0 and len({other.stratum for other in self.targets}) > 1:
                wording = replace(wording, strata=["each stratum"] * len(wording.strata))
        return wording

    def reason(self, design: Design, probability: float, threshold: float, target: int = 0) -> str:
        """Say why it holds (or does not), the compared numbers in full."""
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
    """What readers call an endpoint (or a utility), the arms and the strata of a design."""
    parameter = Parameter("utility")
    if endpoint not in design.utility:
        kind = design.endpoints[endpoint]
        parameter = kind.gives.asked_about(kind.unit)
    return Wording(
        endpoint=design.endpoint_label(endpoint),
        parameter=parameter,
        arms=[design.arm_label(name) for name in design.compared_names],
        strata=design.stratum_names,
    )
