"""The reference posterior's answers to the rules of a look: PyMC, with its diagnostics.

Each endpoint's model is compiled once and fitted to the data that a question is about; questions
with equal data share a fit. A fit that is not to be trusted (R-hat above 1.01, effective sample
size below 400, any divergence) is made once more with smaller steps; what is then still not to be
trusted withholds the decision.

A predictive probability is the mean, over the draws, of the chance that the rule's condition holds
at the last look: the participants still to come are binomial given a draw, and the condition at the
last look is that of the rule, judged as it will be judged then. Where the trial is completed, that
is done once from every draw; from the fast posterior alone where responses are imputed, or where
PyMC cannot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adaptive_cart.analysis.findings import Diagnosis, Interval
from adaptive_cart.analysis.posteriors import interval_of_place
from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.conduct.asking import Prediction
from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.completion import WANTED
from adaptive_cart.conduct.completion_by_chains import (
    by_chain,
    chains_completed,
    face_ahead,
    what_is_ahead,
)
from adaptive_cart.conduct.jointly import product, whose_data
from adaptive_cart.conduct.plan import LEVEL, Plan
from adaptive_cart.conduct.predictive import Condition, predictive_probability
from adaptive_cart.conduct.tied import (
    asked_of,
    chance_of_chains,
    chance_seen,
    of_chain,
    quantities_of,
    tied,
    weighed_among,
    weighing,
)
from adaptive_cart.conduct.weighing import Chains, Sums, Weighing, mixed
from adaptive_cart.conduct.weighing_arms import WeighingArms
from adaptive_cart.models.base import holds
from adaptive_cart.models.draws import MIDDLES
from adaptive_cart.nouns.questions import ExpectedRankUtility, Question, weighed
from adaptive_cart.nouns.records import Booleans, Floats, Integers

TABLES = 40  # fitted at most where responses are imputed: those that were drawn most often
CHAINS, DRAWS, TUNE = 4, 2500, 1000


@dataclass(frozen=True)
class Answer:
    """A probability by the reference posterior, its Monte Carlo standard error, and any trouble.

    Attributes
    ----------
    fast
        By the fast posterior on the same data; these may be fewer where responses are imputed.
    alone
        Whether there is no other than the fast one: the trial was completed from that posterior.
    """

    probability: float
    mcse: float
    fast: float
    trouble: str | None
    alone: bool = False


class ReferencePosteriors:
    """Fits of a real trial's reference models, made when they are asked for."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self.plan = plan
        self.seed = seed
        self.answers: dict[tuple[str, Question, bytes], Answer] = {}
        self._references: dict[str, Any] = {}
        self._ahead: dict[str, Any] = {}
        self._compiled: dict[tuple[int, object], Any] = {}
        self._fits: dict[tuple[str, bytes], tuple[Any, str | None]] = {}
        self._first: dict[str, Any] = {}

    # ── fits ──────────────────────────────────────────────────────────────────────────────
    def _reference(self, endpoint: str) -> Any:
        if endpoint not in self._references:
            design = self.plan.design
            analysis = self.plan.fitted[endpoint][0]
            self._references[endpoint] = analysis.reference(
                design.arm_names, design.stratum_names, design.shares
            )
        return self._references[endpoint]

    def _fit(self, endpoint: str, data: Mapping[str, Any], face: Any) -> tuple[Any, str | None]:
        from adaptive_cart.models.sampling import Compiled, fitted_carefully

        key = (endpoint, _bytes_of(data))
        if key not in self._fits:
            model = id(face), face.form(data)
            if model not in self._compiled:
                self._compiled[model] = Compiled(face, data)
            self._fits[key] = fitted_carefully(
                self._compiled[model],
                data,
                seed=self.seed + self.plan.stream(endpoint),
                chains=CHAINS,
                tune=TUNE,
                draws=DRAWS,
            )
            if face is self._references.get(endpoint):
                self._first.setdefault(endpoint, self._fits[key][0])
        return self._fits[key]

    def _draws(
        self, analysis: RecordedAnalysis, question: Question
    ) -> tuple[list[tuple[Any, float]], Booleans | None, Any, str | None]:
        """Fits to the data of a question with their weights, open strata, tables, trouble."""
        endpoint = question.endpoint
        open_strata = None if analysis.open_strata is None else analysis.open_strata[0]
        tables, weights = analysis.tables(endpoint)
        if len(weights) > TABLES:
            often = np.sort(np.argsort(-weights, kind="stable")[:TABLES])
            tables, weights = tables.rows(often), weights[often] / weights[often].sum()
        reference = self._reference(endpoint)
        fits, troubles = [], []
        for row, weight in enumerate(weights):
            data = reference.data(tables, row, open_strata, question)
            fit, trouble = self._fit(endpoint, data, reference)
            fits.append((fit, float(weight)))
            if trouble is not None:
                troubles.append(trouble)
        trouble = f"{endpoint}: {'; '.join(dict.fromkeys(troubles))}" if troubles else None
        return fits, open_strata, (tables, weights), trouble

    # ── answers ───────────────────────────────────────────────────────────────────────────
    def __call__(self, analysis: RecordedAnalysis, part: Comparison, target: Question) -> float:
        """The probability that is asked for, by the reference posterior."""
        return self.answer(analysis, part, target).probability

    def answer(self, analysis: RecordedAnalysis, part: Comparison, target: Question) -> Answer:
        """The same with its error, the fast answer on the same data, and any trouble."""
        target = analysis.as_asked(target)
        open_now = b"" if analysis.open_strata is None else analysis.open_strata.tobytes()
        key = (part.name, target, open_now)
        if key not in self.answers:
            self.answers[key] = self._answered(analysis, part, target)
        return self.answers[key]

    def _answered(self, analysis: RecordedAnalysis, part: Comparison, target: Question) -> Answer:
        from adaptive_cart.models.sampling import mean_and_error

        if part.several:
            return self._at_once(analysis, part.asks.every(target))
        ahead = part.prediction
        if ahead is not None and not ahead.summed(self.plan.fitted[target.endpoint][0], target):
            return self._completed(analysis, part, ahead, target)
        fits, open_strata, (tables, weights), trouble = self._draws(analysis, target)
        reference = self._reference(target.endpoint)
        probability = variance = 0.0
        for row, (fit, weight) in enumerate(fits):
            if part.prediction is None:
                quantity = reference.quantity(fit.draws, target, open_strata)
                chances = holds(target, quantity)
            else:
                chances = self._predicted(analysis, part, target, fit, open_strata, tables, row)
            mean, error = mean_and_error(chances)
            probability += weight * mean
            variance += (weight * error) ** 2
        if len(weights) == 1:
            fast = float(analysis.fast_probability(part, target)[0])
        else:
            other = analysis.instead(target.endpoint, tables)
            fast = float(weights @ other.probability(part, target))
        return Answer(probability, float(np.sqrt(variance)), fast, trouble)

    def _at_once(self, analysis: RecordedAnalysis, asked: tuple[Question, ...]) -> Answer:
        """That all that is asked is so: the product over endpoints, tied ones as one."""
        found = [self._of_group(analysis, together) for together in tied(asked)]
        probability, error = product([(own.probability, own.mcse) for own in found])
        troubles = [own.trouble for own in found if own.trouble is not None]
        return Answer(
            probability, error, math.prod(own.fast for own in found), "; ".join(troubles) or None
        )

    def _of_group(self, analysis: RecordedAnalysis, asked: tuple[Question, ...]) -> Answer:
        """All that is asked of one endpoint, or of several that a utility ties together."""
        if weighed_among(asked):
            return self._tied(analysis, asked)
        if asked[0].of.of_several:
            return self._weighed(analysis, asked[0])
        return self._of_one(analysis, asked)

    def _of_one(self, analysis: RecordedAnalysis, asked: tuple[Question, ...]) -> Answer:
        """All that is asked of one endpoint, from the draws of its posterior."""
        from adaptive_cart.models.sampling import mean_and_error

        endpoint = asked[0].endpoint
        fits, open_strata, (tables, weights), trouble = self._draws(analysis, whose_data(asked))
        reference = self._reference(endpoint)
        probability = variance = 0.0
        for fit, weight in fits:
            so = [holds(q, reference.quantity(fit.draws, q, open_strata)) for q in asked]
            mean, error = mean_and_error(np.multiply.reduce(so))
            probability += weight * mean
            variance += (weight * error) ** 2
        here = analysis if len(weights) == 1 else analysis.instead(endpoint, tables)
        fast = float(weights @ here.together(asked))
        return Answer(probability, float(np.sqrt(variance)), fast, trouble)

    def _tied(self, analysis: RecordedAnalysis, asked: tuple[Question, ...]) -> Answer:
        """All that is asked of endpoints that a utility ties together, from the draws of each."""
        arms = len(self.plan.design.arm_names)
        needed = quantities_of(asked, arms)
        found, troubles = {}, []
        for name, quantities in needed.items():
            fits, open_strata, _, trouble = self._draws(analysis, whose_data(asked_of(asked, name)))
            reference = self._reference(name)
            found[name] = [
                (of_chain(reference, fit.draws, quantities, open_strata), weight)
                for fit, weight in fits
            ]
            troubles += [trouble] if trouble is not None else []
        answer = chance_of_chains(asked, needed, found, arms)
        return Answer(*answer, float(chance_seen(asked, analysis)[0]), "; ".join(troubles) or None)

    def _weighed(self, analysis: RecordedAnalysis, question: Question) -> Answer:
        """What is asked of a utility, from the draws of each endpoint."""
        asks = weighing(question)
        found, troubles = self._chains(analysis, question, asks)
        fast = float(asks.answer(analysis, question)[0])
        answer = asks.chance_of_chains(question, found)
        return Answer(*answer, fast, "; ".join(troubles) or None)

    def _chains(
        self, analysis: RecordedAnalysis, question: Question, asks: Weighing
    ) -> tuple[list[Chains], list[str]]:
        """Draws of the quantity of each endpoint that a question is about, and any trouble."""
        found, troubles = [], []
        for one in question.of_endpoints:
            fits, open_strata, _, trouble = self._draws(analysis, one)
            reference = self._reference(one.endpoint)
            found.append(
                [
                    (asks.of_chain(reference, fit.draws, one, open_strata), weight)
                    for fit, weight in fits
                ]
            )
            troubles += [trouble] if trouble is not None else []
        return found, troubles

    def _completed(
        self, analysis: RecordedAnalysis, part: Comparison, ahead: Prediction, target: Question
    ) -> Answer:
        """The share of completions of the trial, one from each draw, in which the rule holds."""
        from adaptive_cart.models.sampling import mean_and_error

        fast = float(analysis.fast_probability(part, target)[0])
        names = ahead.drawn(self.plan, target)
        drawn = ahead.completes(self.plan.fitted[target.endpoint][0], target)
        told = drawn or not self.plan.design.strata
        possible = told and all(self._can_complete(analysis, name) for name in names)
        if not possible or math.isnan(fast):
            return Answer(fast, self.plan.part_errors[part.name].most, fast, None, alone=True)
        then = what_is_ahead(ahead, analysis, target)(0)
        troubles: dict[str, None] = {}

        def fitted(endpoint: str, question: Question | None) -> Mapping[str, Any]:
            face = self._looking_ahead(endpoint)
            data = face.data(then.now[endpoint], 0, then.open_strata, question)
            fit, trouble = self._fit(endpoint, data, face)
            if trouble is not None:
                troubles[f"{endpoint}: {trouble}"] = None
            return dict(fit.draws)

        completions = chains_completed(self.plan, then, self._looking_ahead, fitted, self.seed)
        held = np.concatenate([ahead.holds(last, target) for last in completions])
        probability, error = mean_and_error(by_chain(held, CHAINS))
        if drawn and not then.nothing:  # the fast answer is a share of completions as well
            error = math.hypot(error, WANTED)
        return Answer(probability, error, fast, "; ".join(troubles) or None)

    def _can_complete(self, analysis: RecordedAnalysis, endpoint: str) -> bool:
        """Whether PyMC can: not where responses are imputed, a table for each way they are."""
        return self._looking_ahead(endpoint).completes and not analysis.imputes(endpoint)

    def _looking_ahead(self, endpoint: str) -> Any:
        """The model from which what is to come is drawn: mostly that which is asked."""
        if self.plan.ahead[endpoint][0] is self.plan.fitted[endpoint][0]:
            return self._reference(endpoint)
        if endpoint not in self._ahead:
            self._ahead[endpoint] = face_ahead(self.plan, endpoint)
        return self._ahead[endpoint]

    def _predicted(
        self,
        analysis: RecordedAnalysis,
        part: Comparison,
        target: Question,
        fit: Any,
        open_strata: Booleans | None,
        tables: Any,
        row: int,
    ) -> Floats:
        """Chance, draw by draw, that the condition holds at the last look, ``(chain, draw)``."""
        from scipy.stats import binom

        assert part.prediction is not None
        look = analysis if len(tables.successes) == 1 else analysis.instead(target.endpoint, tables)
        to_come = look.to_come(target, part.prediction.enrolled)
        successes, totals, final = (part[row] for part in to_come)
        arms = [target.arm] if target.minus is None else [target.arm, target.minus]
        model = self.plan.fitted[target.endpoint][1].in_stratum(target.stratum)
        region = _region(model, part.prediction.condition(target), final)
        reference = self._reference(target.endpoint)
        masses = []
        for arm in arms:
            level = Question(target.endpoint, arm, stratum=target.stratum)
            chance = reference.quantity(fit.draws, level, open_strata)
            more = int(final[arm] - totals[arm])
            mass = binom.pmf(np.arange(more + 1), more, chance[..., None])
            masses.append(mass)
        mine = slice(int(successes[arms[0]]), int(successes[arms[0]]) + masses[0].shape[-1])
        if len(arms) == 1:
            return masses[0] @ region[mine]
        theirs = slice(int(successes[arms[1]]), int(successes[arms[1]]) + masses[1].shape[-1])
        return np.einsum("cdi,ij,cdj->cd", masses[0], region[mine, theirs], masses[1])

    def interval(self, analysis: RecordedAnalysis, question: Question) -> tuple[Interval, float]:
        """Posterior mean (or median) and interval of a quantity, and the error of the mean."""
        from adaptive_cart.models.sampling import mean_and_error

        if question.of.of_several:
            of = self._interval_of_place if question.of.among_open else self._interval_of_sum
            return of(analysis, question)
        fits, open_strata, _, _ = self._draws(analysis, question)
        reference = self._reference(question.endpoint)
        quantities = [reference.quantity(fit.draws, question, open_strata) for fit, _ in fits]
        pairs = [mean_and_error(quantity) for quantity in quantities]
        weights = np.array([weight for _, weight in fits])
        drawn = mixed(list(zip(quantities, weights, strict=True)))
        tail = (1.0 - LEVEL) / 2.0
        whole = question.of.heavy or not question.of.has_value  # a place is a whole number
        method: Any = "inverted_cdf" if whole else "linear"
        lower, upper = np.quantile(drawn, [tail, 1.0 - tail], method=method)
        mean = float(weights @ [mean for mean, _ in pairs])
        error = float(np.sqrt(np.square(weights * [error for _, error in pairs]).sum()))
        if question.of.heavy:  # the mean may not exist: the median, as good as a share of draws is
            mean = float(np.quantile(drawn, 0.5, method="inverted_cdf"))
            shares = [mean_and_error(quantity < mean)[1] for quantity in quantities]
            off = float(np.sqrt(np.square(weights * shares).sum()))
            ends = np.quantile(drawn, [0.5 - off, 0.5 + off], method="inverted_cdf")
            error = float(ends[1] - ends[0]) / 2.0
        return Interval(mean, float(lower), float(upper)), error

    def _interval_of_sum(
        self, analysis: RecordedAnalysis, question: Question
    ) -> tuple[Interval, float]:
        """The same of a utility: means add up, and independent draws are put together."""
        parts = [self.interval(analysis, one) for one in question.of_endpoints]
        weights = [weight for _, weight in question.weights]
        mean = float(weighed(question, [part.mean for part, _ in parts]))
        error = math.hypot(*(w * error for w, (_, error) in zip(weights, parts, strict=True)))
        found, _ = self._chains(analysis, question, Weighing())
        terms = [
            w * np.quantile(mixed(own), MIDDLES)[None]
            for w, own in zip(weights, found, strict=True)
        ]
        tail = (1.0 - LEVEL) / 2.0
        lower, upper = Sums.of(terms).quantiles([tail, 1.0 - tail])
        return Interval(mean, float(lower), float(upper)), error

    def _interval_of_place(
        self, analysis: RecordedAnalysis, question: Question
    ) -> tuple[Interval, float]:
        """The same of an arm's place by a utility, from the probability to be among the best."""
        asks, number = WeighingArms(), len(question.among)
        found, _ = self._chains(analysis, question, asks)
        among = [replace(question, places=best) for best in range(1, number)]
        reached = [asks.chance_of_chains(one, found)[0] for one in among] + [1.0]
        _, error = asks.chance_of_chains(replace(question, kind=ExpectedRankUtility.name), found)
        return interval_of_place(np.diff(reached, prepend=0.0)), (number - 1) * error

    def draws_of(self, analysis: RecordedAnalysis, question: Question) -> Floats:
        """All draws of a quantity, as one row."""
        fits, open_strata, _, _ = self._draws(analysis, question)
        reference = self._reference(question.endpoint)
        parts = [reference.quantity(fit.draws, question, open_strata) for fit, _ in fits]
        return mixed(list(zip(parts, [weight for _, weight in fits], strict=True)))

    # ── what is kept ──────────────────────────────────────────────────────────────────────
    def diagnoses(self) -> tuple[Diagnosis, ...]:
        """The worst of the diagnostics of each endpoint's fits."""
        found = []
        for endpoint in self._first:
            fits = [(fit, why) for (name, _), (fit, why) in self._fits.items() if name == endpoint]
            numbers = [fit.diagnostics() for fit, _ in fits]
            troubles = [why for _, why in fits if why is not None]
            found.append(
                Diagnosis(
                    endpoint=endpoint,
                    model=self.plan.fitted[endpoint][0].model,
                    fits=len(fits),
                    r_hat=float(np.max([n.r_hat for n in numbers])),
                    ess_bulk=float(np.min([n.ess_bulk for n in numbers])),
                    ess_tail=float(np.min([n.ess_tail for n in numbers])),
                    divergences=sum(n.diverging for n in numbers),
                    sampler=fits[0][0].sampler,
                    trouble="; ".join(dict.fromkeys(troubles)) or None,
                )
            )
        return tuple(found)

    def fits(self) -> dict[str, Any]:
        """One fit an endpoint: that of the first data asked about."""
        return dict(self._first)

    def statement(self, endpoint: str) -> str:
        """The model of an endpoint in words and numbers."""
        return str(self._reference(endpoint).statement)


def _region(model: Any, condition: Condition, final: Integers) -> Floats:
    """Whether a condition holds at the last look, by responders in its arms."""
    question = condition.question
    arms = [question.arm] if question.minus is None else [question.arm, question.minus]
    shape = [int(final[arm]) + 1 for arm in arms]
    successes = np.zeros((int(np.prod(shape)), len(final)), dtype=np.int64)
    for arm, responders in zip(arms, np.indices(shape), strict=True):
        successes[:, arm] = responders.ravel()
    totals = np.tile(np.asarray(final, dtype=np.int64), (len(successes), 1))
    # with nobody still to come, the predictive probability is whether the condition holds
    return predictive_probability(model, condition, successes, totals, totals).reshape(shape)


def _bytes_of(data: Mapping[str, Any]) -> bytes:
    return b"|".join(
        name.encode() + np.ascontiguousarray(values).tobytes() + str(np.shape(values)).encode()
        for name, values in sorted(data.items())
    )
