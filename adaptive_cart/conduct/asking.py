"""Which probability a rule asks for: the posterior one now, or the predictive one of another rule.

A further way to ask is a further class here; whoever holds looks asks them all alike.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.conduct.predictive import (
    Condition,
    always_decided,
    enumerated,
    predictive_probability,
)
from adaptive_cart.models import AnalysisBase, Posterior
from adaptive_cart.models.ties import EXACT, Error, Sides, not_known
from adaptive_cart.nouns.completions import DRAWS
from adaptive_cart.nouns.questions import Question, written
from adaptive_cart.nouns.records import Booleans, Floats

if TYPE_CHECKING:
    from adaptive_cart.conduct.completion import Completion
    from adaptive_cart.conduct.conditions import Condition as Whole
    from adaptive_cart.conduct.look_analysis import LookAnalysis
    from adaptive_cart.conduct.plan import Plan


class Asking(ABC):
    """What a rule makes of its question before it compares."""

    @property
    def weighs(self) -> bool:
        """Whether it puts draws of several endpoints together, and not their probabilities."""
        return False

    @abstractmethod
    def answer(self, seen: LookAnalysis, question: Question) -> Floats:
        """The probability, ``(chosen trial,)``; nan where it could not be computed."""

    def each(
        self, seen: LookAnalysis, targets: Sequence[Question], asked: Booleans
    ) -> Floats | None:
        """The same of several targets, ``(chosen trial, target)``, of no more trials than asked.

        Nothing where that costs no less than to ask one after the other.
        """
        return None

    @abstractmethod
    def sides(self, seen: LookAnalysis, question: Question) -> Sides:
        """On which side of a threshold the answer surely lies, where it is near."""

    @abstractmethod
    def error(
        self, analysis: AnalysisBase, model: Any, question: Question, participants: tuple[int, ...]
    ) -> Error:
        """What the answer may be wrong by near a threshold; 0 where it is decided exactly."""

    def error_in(
        self, fitted: Mapping[str, Any], question: Question, participants: tuple[int, ...]
    ) -> Error:
        """The same; analyses and models by endpoint."""
        analysis, model = fitted[question.endpoint]
        return self.error(analysis, model, question, participants)

    def every(self, question: Question) -> tuple[Question, ...]:
        """All that is asked at once where this question stands for a target."""
        return (question,)

    def of_whole(self, question: Question) -> tuple[Whole, tuple[Question, ...]] | None:
        """What stands behind a question, and what its parts ask of the target; nothing if itself.

        What follows claims that, and not the question alone.
        """
        return None

    def claimed(self, question: Question) -> tuple[Question, ...]:
        """All on which the claim depends where this question stands for a target."""
        behind = self.of_whole(question)
        if behind is None:
            return self.every(question)
        own = zip(behind[0].parts, behind[1], strict=True)
        return tuple(one for part, asked in own for one in part.claimed(asked))

    def hangs_on(self, question: Question) -> int:
        """On how many questions the answer hangs, for one target."""
        return len(self.every(question))

    def several(self, question: Question) -> bool:
        """Whether several things are asked at once, or one of several endpoints."""
        return len(self.every(question)) > 1

    def composed(self, question: Question) -> str:
        """Say where the probability comes from, where several endpoints have a part in it."""
        return ""

    def before_data(self, prior: Callable[[str], Posterior], question: Question) -> float:
        """What it is before anybody has been seen, given priors by endpoint; nan for none."""
        return math.nan

    @abstractmethod
    def compared_with(self, against: tuple[float, ...]) -> tuple[Asking, tuple[float, ...]]:
        """The same, knowing its thresholds; and those that the question is compared with."""

    def affirms(self, at_least: bool) -> bool:
        """Whether a rule that holds claims what is asked; if not, it claims the opposite."""
        return at_least

    def words(self, question: str) -> str:
        """Say it as a formula."""
        return question

    def prose(self, max_n: int) -> str:
        """Say it after "whether"; blank where the question says it all."""
        return ""


def said_by(posterior: Posterior, asked: Sequence[Question]) -> float:
    """Probability that all that some questions of one endpoint ask is so, of the first trial."""
    answer = posterior.probability(*asked) if len(asked) == 1 else posterior.together(asked)
    failed = posterior.failed
    return math.nan if failed is not None and failed[0] else float(answer[0])


def own_error(
    analysis: AnalysisBase, model: Any, question: Question, participants: tuple[int, ...]
) -> Error:
    """What a model's answer may be wrong by, where it lies; 0 where it is decided exactly."""
    most = analysis.error(model, question, participants)
    return analysis.answered_by.by_place(question, most) if most else EXACT


@dataclass(frozen=True)
class Now(Asking):
    """The posterior probability."""

    def before_data(self, prior: Callable[[str], Posterior], question: Question) -> float:
        """What the prior says."""
        return said_by(prior(question.endpoint), (question,))

    def answer(self, seen: LookAnalysis, question: Question) -> Floats:
        """The posterior's own answer."""
        posterior = seen.posterior(question.endpoint)
        answer = posterior.probability(question)
        return answer if posterior.failed is None else np.where(posterior.failed, np.nan, answer)

    def each(
        self, seen: LookAnalysis, targets: Sequence[Question], asked: Booleans
    ) -> Floats | None:
        """What the posterior answers at once."""
        endpoint, *others = {target.endpoint for target in targets}
        if others or any(target.to_be_named or target.of.of_several for target in targets):
            return None
        return seen.posterior(endpoint).each(targets, asked)

    def sides(self, seen: LookAnalysis, question: Question) -> Sides:
        """What the posterior knows."""
        return seen.posterior(question.endpoint).sides(question)

    def error(
        self, analysis: AnalysisBase, model: Any, question: Question, participants: tuple[int, ...]
    ) -> Error:
        """The model's own."""
        if question.of.inside(question, len(participants)) is False:  # so whatever the data
            return EXACT
        return own_error(analysis, model, question, participants)

    def compared_with(self, against: tuple[float, ...]) -> tuple[Asking, tuple[float, ...]]:
        """The question itself is compared."""
        return self, against


@dataclass(frozen=True)
class Prediction(Asking):
    """The predictive probability that a rule holds at the last look, and with which sample.

    Attributes
    ----------
    rule, at_least, threshold
        The rule to come, and its comparison at the last look.
    enrolled
        With those who are enrolled, or else with the planned number.
    against
        Thresholds that the predictive probability itself is compared with.
    months, prior
        Months whose states tell what will be seen; what each state is worth beforehand.
    whole
        All that the rule asks, where it asks several questions; ``at_least`` and ``threshold`` are
        then those of its parts.
    """

    rule: str
    at_least: bool
    threshold: float
    enrolled: bool
    against: tuple[float, ...] = ()
    months: tuple[float, ...] = ()
    prior: float = 1.0
    whole: Whole | None = field(default=None, hash=False)

    def condition(self, question: Question) -> Condition:
        """The predicted rule's condition at the last look, for one of its targets."""
        asked = question.compared_with(self.threshold)
        return Condition(asked, self.at_least, self.threshold, self.against)

    def answer(self, seen: LookAnalysis, question: Question) -> Floats:
        """Over all final tables, or else over completions of the trial."""
        analysis, model = seen.plan.fitted[question.endpoint]
        if self.completes(analysis, question):
            return self._completed(seen, question)
        if self.months:
            from adaptive_cart.conduct.early import early_probability

            condition = self.condition(question)
            return early_probability(seen, condition, self.prior, self.enrolled)
        to_come = seen.to_come(question, self.enrolled)
        if not model.redrawn:
            own = model.in_stratum(question.stratum)
            return predictive_probability(own, self.condition(question), *to_come)
        counts = seen.summary(question.endpoint).rows(seen.trials)
        answer = np.empty(len(seen.trials))
        for own, rows in model.each(counts, question.stratum):
            there = (part[rows] for part in to_come)
            answer[rows] = predictive_probability(own, self.condition(question), *there)
        return answer

    @property
    def stand_ins(self) -> tuple[Question, ...]:
        """One question for each target of a rule that asks several: about the target, if any is.

        Of a utility, about the first of its endpoints.
        """
        assert self.whole is not None
        found = (
            next((q for q in every if (q.arm, q.stratum) == tuple(target)), every[0])
            for target, every in zip(self.whole.targets, self._questions(), strict=True)
        )
        return tuple(question.of_endpoints[0] for question in found)

    def _questions(self) -> list[tuple[Question, ...]]:
        """All that is asked of each target."""
        assert self.whole is not None
        both = list(zip(self.whole.parts, self.whole.places, strict=True))
        numbers = range(len(self.whole.targets))
        return [tuple(part.targets[places[k]] for part, places in both) for k in numbers]

    def completion(self, seen: LookAnalysis, question: Question) -> Completion:
        """What is still to come of some trials, for one of the targets."""
        from adaptive_cart.conduct.completion import Completion
        from adaptive_cart.conduct.to_come import waited_for

        asked, endpoints = self.all_asked(question), self.drawn(seen.plan, question)
        by_stratum = any(seen.plan.fitted[name][0].by_stratum for name in endpoints)
        apart = by_stratum or any(one.stratum >= 0 for one in asked)
        return Completion(seen, self.enrolled, apart, waited_for(seen.plan, endpoints))

    def drawn(self, plan: Plan, question: Question) -> tuple[str, ...]:
        """Endpoints of which more is drawn to complete a trial: also that which dates its end."""
        from adaptive_cart.conduct.to_come import also_drawn

        return also_drawn(plan, self.endpoints(question))

    def _completed(self, seen: LookAnalysis, question: Question) -> Floats:
        endpoints = self.endpoints(question)
        completion = self.completion(seen, question)
        weighs = self.whole is not None and any(part.asks.weighs for part in self.whole.parts)
        answer = completion.chance(
            lambda last: self.holds(last, question), endpoints, self.against,
            2 * len(endpoints) * DRAWS if weighs else 0,
        )  # fmt: skip
        for name in self.drawn(seen.plan, question):
            posterior = seen.posterior_ahead(name)
            arms = self._arms(question, name, posterior.arms) or [*range(posterior.arms)]
            unknown = posterior.unpredictable(completion.apart, arms)
            answer = answer if unknown is None else np.where(unknown, np.nan, answer)
        return answer

    def of_whole(self, question: Question) -> tuple[Whole, tuple[Question, ...]] | None:
        """The predicted rule, where it asks several questions."""
        return None if self.whole is None else (self.whole, self.all_asked(question))

    def hangs_on(self, question: Question) -> int:
        """All that the predicted rule asks of the target, endpoint by endpoint."""
        if self.whole is None:
            return 1
        own = zip(self.whole.parts, self.all_asked(question), strict=True)
        return sum(len(one.endpoints) for part, asked in own for one in part.asks.every(asked))

    def endpoints(self, question: Question) -> tuple[str, ...]:
        """Endpoints that a completed trial is asked about, for one of the targets."""
        found = (name for one in self.all_asked(question) for name in self._about(one))
        return tuple(dict.fromkeys(found))

    def all_asked(self, question: Question) -> tuple[Question, ...]:
        """All that is asked of the target that a question stands for."""
        if self.whole is None:
            return (question,)
        return self._questions()[self._place(question)]

    def _place(self, question: Question) -> int:
        """Which target a question stands for, whatever arms it has been asked among."""
        return self.stand_ins.index(replace(question, among=()))

    def _arms(self, question: Question, endpoint: str, arms: int) -> list[int]:
        """Arms of an endpoint that are asked about, for one of the targets."""
        named = self.all_asked(question)
        asked = [*named]
        for part in () if self.whole is None else self.whole.parts:
            if part.several:
                mine = [one for one in part.targets if one in named]
                asked += [each for one in mine for each in part.asks.every(one)]
        own = [one for each in asked for one in each.of_endpoints if one.endpoint == endpoint]
        return sorted({quantity.arm for one in own for quantity in one.quantities(arms)})

    def _about(self, question: Question) -> tuple[str, ...]:
        """Endpoints that a question is about: of several at once there may be more."""
        if self.whole is None:
            return (question.endpoint,)
        found = list(question.endpoints)
        for part in self.whole.parts:
            if part.several and question in part.targets:
                found += [name for one in part.asks.every(question) for name in one.endpoints]
        return tuple(found)

    def holds(self, last: LookAnalysis, question: Question) -> Booleans:
        """Whether the rule holds at the last look, ``(chosen trial,)``."""
        if self.whole is None:
            condition = self.condition(question)
            return condition.holds(Now().answer(last, condition.question))
        asked = self._questions()[self._place(question)]
        look = last.plan.design.looks.number
        held = [
            part.compared(last.probability(part, one), part.threshold_at(look))
            for part, one in zip(self.whole.parts, asked, strict=True)
        ]
        return self.whole.of_one_target(held)

    def completes(self, analysis: AnalysisBase, question: Question) -> bool:
        """Whether it is the share of completions of the trial in which the rule holds."""
        return self.whole is not None or not enumerated(analysis, question)

    def summed(self, analysis: AnalysisBase, question: Question) -> bool:
        """Whether it is a sum over final tables given the posterior alone."""
        return not self.completes(analysis, question) and not self.months

    def sides(self, seen: LookAnalysis, question: Question) -> Sides:
        """Nothing is known."""
        return not_known

    def error(
        self, analysis: AnalysisBase, model: Any, question: Question, participants: tuple[int, ...]
    ) -> Error:
        """That of the posterior, unless there are few enough final tables to decide."""
        if self.completes(analysis, question):
            from adaptive_cart.conduct.completion import ERROR

            return Error(ERROR)
        decided = (
            not self.months
            and not model.redrawn
            and always_decided(model.in_stratum(question.stratum), question, participants)
        )
        return EXACT if decided else Error(analysis.answered_by.error(question))

    def compared_with(self, against: tuple[float, ...]) -> tuple[Asking, tuple[float, ...]]:
        """The question is compared at the last look, the predictive probability now."""
        return replace(self, against=against), (self.threshold,)

    def affirms(self, at_least: bool) -> bool:
        """It claims what the predicted rule claims, or the opposite of that."""
        return self.at_least == at_least

    def words(self, question: str) -> str:
        """Name the rule, the sample and what is to hold."""
        sample = "those enrolled" if self.enrolled else "max_n participants"
        if self.whole is not None:
            return f"P({self.rule} at the last look, with {sample} | data)"
        condition = f"{question} {'>=' if self.at_least else '<'} {written(self.threshold)}"
        return f"P({self.rule} at the last look, with {sample}: {condition} | data)"

    def prose(self, max_n: int) -> str:
        """Name the rule and the sample."""
        sample = "those enrolled by then" if self.enrolled else f"all {max_n} planned participants"
        early = " and ".join(f"{month:g}" for month in self.months)
        several = "s" if len(self.months) > 1 else ""
        told = f", given the states seen at month{several} {early}" if self.months else ""
        return f"{self.rule} will hold at the last look with {sample}{told}"
