"""Both faces of a model at a look: every probability that its rules ask for, fast and by PyMC.

A test has no posterior: one less its p-value is worked out anew, by other code.

The two are the same prior and likelihood, computed in two ways that share no code. A predictive
probability is, by the reference, the mean over draws of the binomial mass that a draw gives to
those last tables of counts at which the rule's condition holds. Where the trial is completed, it is
completed once from every draw (:mod:`adaptive_cart.conduct.completion_by_chains`). Either way the
condition is judged by the fast posterior, as it will be at the last look; so one last look is taken
from the completions of every trial, the closest to a threshold, and is compared as any look is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np

from adaptive_cart.conduct.asking import Prediction
from adaptive_cart.conduct.completion import WANTED
from adaptive_cart.conduct.completion_by_chains import (
    WhatIsAhead,
    by_chain,
    chains_completed,
    face_ahead,
)
from adaptive_cart.conduct.jointly import product, whose_data
from adaptive_cart.conduct.look_analysis import LookAnalysis, in_full
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.predictive import Condition
from adaptive_cart.conduct.tied import (
    asked_of,
    chance_of_chains,
    of_chain,
    quantities_of,
    tied,
    weighed_among,
    weighing,
)
from adaptive_cart.conduct.weighing import Weighing
from adaptive_cart.design.design import Design
from adaptive_cart.models.base import AnalysisBase, OneTrial, Reference, holds
from adaptive_cart.models.sampling import Fit, mean_and_error
from adaptive_cart.nouns.questions import ALL, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Counts, Summary
from adaptive_cart.nouns.summaries.counts_beside import CountsBeside
from adaptive_cart.verification.verified_estimates import beside
from adaptive_cart.verification.verified_fits import (
    DRAWS,
    MOST_DRAWS,
    Fits,
    Fitting,
)
from adaptive_cart.verification.verified_looks import Asked, ChosenLook, logit
from adaptive_cart.verification.verified_row import (
    LARGEST_OF_TEST,
    OTHER_CODE,
    Row,
    allowed_of,
)

CHAINS: Final = 4
# Monte Carlo standard error of a probability; more draws until then. Less where the fast face is
# as good as exact: a difference is then chance, and has to stay small among hundreds.
WANTED_ERROR: Final = 0.0012
WANTED_OF_EXACT: Final = 0.0008
AS_GOOD_AS_EXACT: Final = 1e-5


Draws: TypeAlias = "Mapping[str, Any]"  # by parameter


@dataclass(frozen=True)
class Answer:
    """A probability by the chains, its error, and the fits that it comes from."""

    probability: float
    error: float
    fits: list[tuple[Fit, str | None]]


@dataclass(frozen=True)
class _LastLook:
    """A last look of a completed trial: how far from a threshold, what is asked, what was seen."""

    distance: float
    asked: tuple[Asked, ...]
    summaries: dict[str, Summary]


class Comparison:
    """Fits the reference models of a design to looks; each model is compiled once a process."""

    def __init__(self, design: Design, seed: int) -> None:
        self.plan = Plan.of(design)
        self.seed = seed
        self._references: dict[str, Reference] = {}
        self._looking_ahead: dict[str, Reference] = {}
        self.fitting = Fitting()

    def rows(self, look: ChosenLook) -> list[Row]:
        """Every probability that is asked for at a look, by both faces, and what stands beside."""
        fits: Fits = {}
        found = []
        for asked in look.asked:
            if not self.plan.bayesian(self.plan.parts[asked.part]):
                found.append(self._tested(look, asked))
                continue
            if asked.ahead is not None:
                found += self._completed(look, asked, asked.ahead, fits)
                continue
            found.append(self._row(look, asked, self._now(look, asked, fits)))
            if asked.to_come is not None:
                found += self._last_look(look, self._last_table(asked))
        return [*found, *beside(self, look, fits)]

    def _row(self, look: ChosenLook, asked: Asked, by_chains: Answer, last: bool = False) -> Row:
        """Compare the fast answer with that of the chains."""
        question, design = asked.question, self.plan.design
        part = self.plan.parts[asked.part]
        stated = self.plan.part_errors[part.name].most if part.several or asked.ahead else (
            self.plan.fitted[question.endpoint][0].answered_by.error(question)
        )  # fmt: skip
        probability = by_chains.probability
        decisions = part.compared(np.array([asked.fast, probability]), asked.threshold)
        diagnostics = [fit.diagnostics() for fit, _ in by_chains.fits]
        return Row(
            scenario=look.scenario,
            trial=look.trial,
            look=look.look,
            rule=part.name,
            arm=design.arm_names[question.arm],
            stratum=design.stratum_names[question.stratum] if question.stratum >= 0 else "",
            fast=asked.fast,
            reference=probability,
            difference=asked.fast - probability,
            mcse=by_chains.error,
            threshold=asked.threshold,
            fast_decision=bool(decisions[0]),
            reference_decision=bool(decisions[1]),
            r_hat=max((n.r_hat for n in diagnostics), default=math.nan),
            ess_bulk=min((n.ess_bulk for n in diagnostics), default=math.nan),
            divergences=sum(n.diverging for n in diagnostics),
            trusted=all(trouble is None for _, trouble in by_chains.fits),
            allowed=allowed_of(stated),
            between=look.between,
            completed=last,
        )

    def _tested(self, look: ChosenLook, asked: Asked, last: bool = False) -> Row:
        """Compare what a test says with the same test by other code."""
        question = asked.question
        seen = look.summaries[question.endpoint]
        analysis: AnalysisBase = self.plan.fitted[question.endpoint][0]
        again = analysis.anew(OneTrial(seen, 0, asked.open_strata, question))
        row = self._row(look, asked, Answer(again, 0.0, []), last)
        return replace(row, allowed=LARGEST_OF_TEST, by=OTHER_CODE)

    # ── what is so now ────────────────────────────────────────────────────────────────────
    def _now(self, look: ChosenLook, asked: Asked, fits: Fits) -> Answer:
        """The probability now: of what is weighed, or of all that is asked at once."""
        asks = self.plan.parts[asked.part].asks
        if isinstance(asks, Weighing):
            return self.weighed(look, asked.question, asks, asked.open_strata, fits)
        return self._multiplied(look, asked, fits)

    def weighed(
        self,
        look: ChosenLook,
        question: Question,
        asks: Weighing,
        open_strata: Booleans | None,
        fits: Fits,
    ) -> Answer:
        """What is asked of a utility, from the draws of each endpoint."""
        parts = question.of_endpoints

        def chance(drawn: Sequence[Draws]) -> tuple[float, float]:
            chains = [
                [(asks.of_chain(self.reference(one.endpoint), own, one, open_strata), 1.0)]
                for one, own in zip(parts, drawn, strict=True)
            ]
            return asks.chance_of_chains(question, chains)

        return self._put_together(look, parts, open_strata, fits, chance)

    def _tied(
        self,
        look: ChosenLook,
        questions: tuple[Question, ...],
        open_strata: Booleans | None,
        fits: Fits,
    ) -> Answer:
        """All that is asked of endpoints that a utility ties together, from the draws of each."""
        arms = len(self.plan.design.arm_names)
        needed = quantities_of(questions, arms)

        def chance(drawn: Sequence[Draws]) -> tuple[float, float]:
            found = {
                name: [(of_chain(self.reference(name), own, needed[name], open_strata), 1.0)]
                for name, own in zip(needed, drawn, strict=True)
            }
            return chance_of_chains(questions, needed, found, arms)

        parts = [whose_data(asked_of(questions, name)) for name in needed]
        return self._put_together(look, parts, open_strata, fits, chance)

    def _put_together(
        self,
        look: ChosenLook,
        parts: Sequence[Question],
        open_strata: Booleans | None,
        fits: Fits,
        chance: Callable[[Sequence[Draws]], tuple[float, float]],
    ) -> Answer:
        """A probability that the chains of several endpoints give, of as many draws as it needs.

        Parameters
        ----------
        parts
            One question of each endpoint: whose data are analysed.
        chance
            The probability and its error, of the draws of each.
        """
        draws = DRAWS
        while True:
            found = []
            for one in parts:
                reference = self.reference(one.endpoint)
                data = reference.data(look.summaries[one.endpoint], 0, open_strata, one)
                found.append(self.fit(look, one.endpoint, reference, data, draws, fits))
            probability, error = chance([fit.draws for fit, _ in found])
            troubled = any(why is not None for _, why in found)
            draws = min(fit.length for fit, _ in found)
            if error <= WANTED_ERROR or draws >= MOST_DRAWS or troubled:
                return Answer(probability, error, found)
            draws = min(MOST_DRAWS, int(1.1 * draws * (error / WANTED_ERROR) ** 2) + 1)

    def _multiplied(self, look: ChosenLook, asked: Asked, fits: Fits) -> Answer:
        """The product over endpoints, those that a utility ties together as one."""
        part, question = self.plan.parts[asked.part], asked.question
        groups = tied(part.asks.every(question) if part.several else (question,))
        found = [self._of_group(look, asked, one, fits) for one in groups]
        probability, error = product([(own.probability, own.error) for own in found])
        return Answer(probability, error, [fit for own in found for fit in own.fits])

    def _of_group(
        self, look: ChosenLook, asked: Asked, group: tuple[Question, ...], fits: Fits
    ) -> Answer:
        """All that is asked of one endpoint, or of several that a utility ties together."""
        if weighed_among(group):
            return self._tied(look, group, asked.open_strata, fits)
        if group[0].of.of_several:
            return self.weighed(look, group[0], weighing(group[0]), asked.open_strata, fits)
        probability, error, fit = self._answer(look, asked, group, fits)
        return Answer(probability, error, [fit])

    def fit(
        self,
        look: ChosenLook,
        endpoint: str,
        reference: Reference,
        data: Mapping[str, Any],
        draws: int,
        fits: Fits,
    ) -> tuple[Fit, str | None]:
        """A fit with so many draws at least, lengthened where there is but a shorter one."""
        model = self.plan.fitted[endpoint][0].model
        seed = self._seed(look, self.plan.stream(endpoint))
        return self.fitting.fit(fits, endpoint, model, reference, data, draws, seed)

    def _answer(
        self, look: ChosenLook, asked: Asked, together: tuple[Question, ...], fits: Fits
    ) -> tuple[float, float, tuple[Fit, str | None]]:
        """What is asked of one endpoint: the probability, its error, the fit and any trouble."""
        question, endpoint = whose_data(together), together[0].endpoint
        reference = self.reference(endpoint)
        data = reference.data(look.summaries[endpoint], 0, asked.open_strata, question)
        exact = self.plan.fitted[endpoint][0].answered_by.error(question) < AS_GOOD_AS_EXACT
        wanted = WANTED_OF_EXACT if exact else WANTED_ERROR
        draws = 0
        while True:
            fit, trouble = self.fit(look, endpoint, reference, data, draws, fits)
            probability, error = mean_and_error(self._chances(reference, fit, asked, together))
            if error <= wanted or fit.length >= MOST_DRAWS or trouble is not None:
                return probability, error, (fit, trouble)
            draws = min(MOST_DRAWS, int(1.1 * fit.length * (error / wanted) ** 2) + 1)

    def _chances(
        self, reference: Reference, fit: Fit, asked: Asked, together: tuple[Question, ...]
    ) -> Floats:
        """What is asked for, draw by draw; its mean is the probability."""
        part = self.plan.parts[asked.part]
        if part.prediction is None:
            so = [
                holds(one, reference.quantity(fit.draws, one, asked.open_strata))
                for one in together
            ]
            return np.multiply.reduce(so)
        return self._predicted(reference, fit, part.prediction.condition(together[0]), asked)

    def reference(self, endpoint: str) -> Reference:
        """The other face of an endpoint's model."""
        if endpoint not in self._references:
            design = self.plan.design
            analysis: AnalysisBase = self.plan.fitted[endpoint][0]
            self._references[endpoint] = analysis.reference(
                design.arm_names, design.stratum_names, design.shares
            )
        return self._references[endpoint]

    def _ahead(self, endpoint: str) -> Reference:
        """The model from which what is to come is drawn: mostly that which is asked."""
        if self.plan.ahead[endpoint][0] is self.plan.fitted[endpoint][0]:
            return self.reference(endpoint)
        if endpoint not in self._looking_ahead:
            self._looking_ahead[endpoint] = face_ahead(self.plan, endpoint)
        return self._looking_ahead[endpoint]

    def _seed(self, look: ChosenLook, of: int = 0) -> int:
        """A seed that belongs to the look, so that no number of processes changes a draw.

        Parameters
        ----------
        of
            Which endpoint, by :meth:`Plan.stream`.
        """
        place = list(self.plan.design.scenarios).index(look.scenario)
        words = [self.seed, place, look.trial, look.look, *([of] if of else [])]
        return int(np.random.SeedSequence(words).generate_state(1)[0])

    # ── what will be so at the last look ──────────────────────────────────────────────────
    def _completed(
        self, look: ChosenLook, asked: Asked, ahead: WhatIsAhead, fits: Fits
    ) -> list[Row]:
        """The share of completions in which the rule holds, and one of their last looks."""
        part = self.plan.parts[asked.part]
        asks = part.prediction
        assert asks is not None
        target = part.targets[asked.place]
        used: dict[int, tuple[Fit, str | None]] = {}

        def fitted(endpoint: str, question: Question | None) -> Mapping[str, Any]:
            reference = self._ahead(endpoint)
            data = reference.data(ahead.now[endpoint], 0, asked.open_strata, question)
            fit = self.fit(look, endpoint, reference, data, DRAWS, fits)
            used[id(fit[0])] = fit
            return fit[0].draws

        held, closest = [], None
        for last in chains_completed(self.plan, ahead, self._ahead, fitted, self._seed(look)):
            held.append(asks.holds(last, target))
            one = self._closest(asks, last, target)
            closest = one if closest is None else min(closest, one, key=lambda each: each.distance)
        values = by_chain(np.concatenate(held), CHAINS)
        probability, error = mean_and_error(values)
        # the fast answer may be a share of completions as well
        drawn = asks.completes(self.plan.fitted[target.endpoint][0], target)
        own = WANTED if drawn and not ahead.nothing else 0.0
        answer = Answer(probability, math.hypot(error, own), list(used.values()))
        assert closest is not None
        return [self._row(look, asked, answer), *self._last_look(look, closest)]

    def _last_look(self, look: ChosenLook, last: _LastLook) -> list[Row]:
        """All that the rule to come asks at a last look of a completed trial."""
        fits: Fits = {}
        then = replace(look, summaries=last.summaries)
        return [
            self._row(then, asked, self._now(then, asked, fits), last=True)
            if self.plan.bayesian(self.plan.parts[asked.part])
            else self._tested(then, asked, last=True)
            for asked in last.asked
        ]

    def _closest(self, asks: Prediction, last: LookAnalysis, target: Question) -> _LastLook:
        """The last look, of some completions, closest to a threshold of the rule to come."""
        rule = next(rule for rule in self.plan.rules if rule.name == asks.rule)
        number = self.plan.design.looks.number
        found = []
        for part, question in zip(rule.parts, asks.all_asked(target), strict=True):
            answer = last.probability(part, question)
            found.append((part, question, answer, part.threshold_at(number)))
        away = np.min([[abs(logit(float(p)) - logit(against)) for p in answer]
                       for _, _, answer, against in found], axis=0)  # fmt: skip
        row = int(away.argmin())
        here = np.array([row])
        strata = None if last.open_strata is None else last.open_strata[row]
        asked = tuple(
            Asked(
                self.plan.parts.index(part), part.targets.index(question),
                in_full(question, last.open_arms[row]), strata, float(answer[row]), against,
            )
            for part, question, answer, against in found
        )  # fmt: skip
        seen = {name: own.rows(here) for name, own in last.summaries.items()}
        return _LastLook(float(away[row]), asked, seen)

    def _predicted(
        self, reference: Reference, fit: Fit, condition: Condition, asked: Asked
    ) -> Floats:
        """Chance that the condition holds at the last look, draw by draw."""
        from scipy.stats import binom

        assert asked.to_come is not None
        _, totals, final = asked.to_come
        question = condition.question
        arms = [question.arm] if question.minus is None else [question.arm, question.minus]
        masses = []
        for arm in arms:
            level = Question(question.endpoint, arm, stratum=question.stratum)
            chance = reference.quantity(fit.draws, level, asked.open_strata)
            more = max(final[arm] - totals[arm], 0)
            masses.append(binom.pmf(np.arange(more + 1), more, chance[..., None]))
        region = self._region(condition, arms, asked.to_come, asked.lent)
        if len(arms) == 1:
            return masses[0] @ region
        return np.einsum("cdi,cdi->cd", masses[0] @ region, masses[1])

    def _region(
        self,
        condition: Condition,
        arms: Sequence[int],
        to_come: tuple[tuple[int, ...], ...],
        lent: tuple[int, ...],
    ) -> Floats:
        """Whether the condition holds at the last look, by responders still to come in its arms."""
        _, totals, final = to_come
        _, answer = self._last_tables(condition.question, arms, to_come, lent)
        shape = [max(final[arm] - totals[arm], 0) + 1 for arm in arms]
        return condition.holds(answer).astype(np.float64).reshape(shape)

    def _last_tables(
        self,
        question: Question,
        arms: Sequence[int],
        to_come: tuple[tuple[int, ...], ...],
        lent: tuple[int, ...] = (),
    ) -> tuple[Counts, Floats]:
        """All last tables by responders still to come in some arms, and the fast answers there."""
        analysis, fitted = self.plan.fitted[question.endpoint]
        successes, totals, final = (np.array(part) for part in to_come)
        last = np.maximum(final, totals)
        shape = [int(last[arm] - totals[arm]) + 1 for arm in arms]
        tables = np.tile(np.array(successes), (math.prod(shape), 1))
        for arm, more in zip(arms, np.indices(shape), strict=True):
            tables[:, arm] += more.ravel()
        numbers = np.tile(last, (len(tables), 1))
        own = len(self.plan.design.arm_names)  # behind these stand external data
        here = np.arange(len(self.plan.design.shares)) == max(question.stratum, 0)
        parts = (part[:, :own, None] * here for part in (tables, numbers, 0 * numbers, numbers))
        counts = Counts(*parts)
        if self.plan.design.comparators or lent:
            drawn = np.tile(np.array(lent, dtype=np.int64), (len(tables), 1))
            outside, people = (part[:, own:, None] * here for part in (tables, numbers))
            counts = CountsBeside.of(counts, outside, people, drawn)
        posterior = analysis.posterior(fitted, counts, None)
        return counts, posterior.probability(_of_tables(question))

    def _last_table(self, asked: Asked) -> _LastLook:
        """The last table that is closest to the threshold of the rule to come."""
        asks = self.plan.parts[asked.part].prediction
        assert asks is not None
        assert asked.to_come is not None
        rule = next(rule for rule in self.plan.rules if rule.name == asks.rule)
        part, question = rule.parts[0], asks.condition(asked.question).question
        arms = [question.arm] if question.minus is None else [question.arm, question.minus]
        counts, answer = self._last_tables(question, arms, asked.to_come, asked.lent)
        away = np.array([abs(logit(float(p)) - logit(asks.threshold)) for p in answer])
        row = int(away.argmin())
        then = Asked(
            self.plan.parts.index(part), asked.place, _of_tables(question), None,
            float(answer[row]), asks.threshold,
        )  # fmt: skip
        seen: dict[str, Summary] = {question.endpoint: counts.rows(np.array([row]))}
        return _LastLook(float(away[row]), (then,), seen)


def _of_tables(question: Question) -> Question:
    """What is asked of tables in which all counts are of the strata asked about.

    One stratum by name keeps it, for what is borrowed there may be another prior.
    """
    return question if question.stratum >= 0 else replace(question, stratum=ALL)
