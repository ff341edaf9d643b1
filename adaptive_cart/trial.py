"""A block of trials through all its looks: the one place where the stages meet.

    enrol ─► follow ─► for each look: date ─► snapshot ─► summaries ─► posteriors ─► rules ─► end?

Trials that have ended stay in the block; what happens after their end is never recorded. The only
loop in Python is over looks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.design import Design
from adaptive_cart.looks import Schedule, snapshot_at
from adaptive_cart.models import AnalysisBase, Posterior
from adaptive_cart.participant_set import ParticipantSet
from adaptive_cart.population import enrol, populate
from adaptive_cart.predictive import predictive_probability
from adaptive_cart.questions import Question
from adaptive_cart.records import (
    Booleans,
    Counts,
    Floats,
    Integers,
    Population,
    Snapshot,
    Summary,
)
from adaptive_cart.rules import ENDS, REASONS, ResolvedRule, resolve_rules
from adaptive_cart.streams import Latents
from adaptive_cart.truth import Truth

LEVEL = 0.95
NO_SUCCESS = REASONS.index("no_success")
RUNNING = -1


@dataclass(frozen=True)
class Plan:
    """A design made ready to run, once: rules with positions, models with their priors.

    Attributes
    ----------
    fitted
        By endpoint: the analysis and its model, where a posterior can be had.
    estimand
        The question whose quantity is estimated, bias and coverage are measured of.
    """

    design: Design
    rules: tuple[ResolvedRule, ...]
    schedule: Schedule
    fitted: dict[str, tuple[AnalysisBase, Any]]
    estimand: Question

    @staticmethod
    def of(design: Design) -> Plan:
        fitted = {}
        for name in design.endpoints:
            analysis = design.analysis_of(name)
            if analysis is not None and analysis.available:
                model = analysis.fitted(design.arm_names, design.shares)
                fitted[name] = (analysis, model)
        estimand = Question(endpoint=design.primary, arm=1, minus=0)
        return Plan(design, resolve_rules(design), Schedule.of(design), fitted, estimand)


@dataclass
class LookRecord:
    """What is kept of one look: a row a trial, arm and stratum in ``looks.parquet``."""

    look: int
    reached: Booleans
    date: Floats
    randomised: Integers
    infused: Integers
    summaries: dict[str, Summary]
    probabilities: dict[str, Floats]


@dataclass
class Block:
    """The outcome of a block of trials in one scenario; every array is ``(trial,)``.

    Attributes
    ----------
    reason
        Position in :data:`REASONS` of how the trial ended.
    rule
        Position of the rule that ended it, -1 for none.
    look, months
        The look that ended it and its calendar month.
    randomised, analysed, infused
        Participants randomised (pipeline counted in), in the primary analysis, and infused by then.
    probability
        The probability that ended it.
    estimate, covered
        Posterior mean of the estimand at the end, and whether the credible interval covers it.
    estimate_final, covered_final, analysed_final
        The same after the pipeline has been followed up.
    reversal
        A success that the pipeline turned into a failure.
    failed
        A posterior that a rule asked for could not be computed; treated as no success.
    """

    first_trial: int
    reason: npt.NDArray[np.int8]
    rule: npt.NDArray[np.int8]
    look: npt.NDArray[np.int8]
    months: Floats
    randomised: Integers
    analysed: Integers
    infused: Integers
    probability: Floats
    estimate: Floats
    covered: Booleans
    estimate_final: Floats
    covered_final: Booleans
    analysed_final: Integers
    reversal: Booleans
    failed: Booleans
    looks: list[LookRecord] = field(default_factory=list)
    population: Population | None = None

    @staticmethod
    def running(first_trial: int, trials: int) -> Block:
        def whole(value: int) -> npt.NDArray[np.int8]:
            return np.full(trials, value, dtype=np.int8)

        def numbers() -> Integers:
            return np.zeros(trials, dtype=np.int64)

        def unknown() -> Floats:
            return np.full(trials, np.nan)

        def no() -> Booleans:
            return np.zeros(trials, dtype=np.bool_)

        return Block(
            first_trial, whole(RUNNING), whole(-1), whole(0), unknown(), numbers(), numbers(),
            numbers(), unknown(), unknown(), no(), unknown(), no(), numbers(), no(), no(),
        )  # fmt: skip


class _Analysis:
    """Summaries and posteriors of a snapshot, each worked out when first asked for."""

    def __init__(self, plan: Plan, snapshot: Snapshot, prepared: dict[str, Any]) -> None:
        self.plan = plan
        self.snapshot = snapshot
        self.prepared = prepared
        self.summaries: dict[str, Summary] = {}
        self._posteriors: dict[str, Posterior] = {}

    def summary(self, endpoint: str) -> Summary:
        if endpoint not in self.summaries:
            kind = self.plan.design.endpoints[endpoint]
            self.summaries[endpoint] = kind.summary(self.prepared[endpoint], self.snapshot)
        return self.summaries[endpoint]

    def posterior(self, endpoint: str) -> Posterior:
        if endpoint not in self._posteriors:
            analysis, model = self.plan.fitted[endpoint]
            self._posteriors[endpoint] = analysis.posterior(model, self.summary(endpoint), None)
        return self._posteriors[endpoint]

    def probability(self, rule: ResolvedRule) -> Floats:
        """The probability that a rule asks for, ``(trial,)``; nan where the posterior failed."""
        endpoint = rule.question.endpoint
        posterior = self.posterior(endpoint)
        if rule.prediction is None:
            answer = posterior.probability(rule.question)
        else:
            answer = self._predicted(rule)
        if posterior.failed is not None:
            answer = np.where(posterior.failed, np.nan, answer)
        return answer

    def _predicted(self, rule: ResolvedRule) -> Floats:
        assert rule.prediction is not None
        counts = self.summary(rule.question.endpoint)
        assert isinstance(counts, Counts)
        stratum = rule.question.stratum

        def pooled(values: Integers) -> Integers:
            return values.sum(axis=2) if stratum < 0 else values[:, :, stratum]

        design = self.plan.design
        totals, due = pooled(counts.totals), pooled(counts.due)
        if rule.prediction.enrolled:
            planned = pooled(self.snapshot.population.tally(self.snapshot.enrolled))
        else:
            share = 1.0 if stratum < 0 else design.shares[stratum]
            planned = np.array([round(n * share) for n in design.planned], dtype=np.int64)
        final = totals + np.maximum(planned - due, 0)
        model = self.plan.fitted[rule.question.endpoint][1]
        return predictive_probability(
            model, rule.prediction.condition, pooled(counts.successes), totals, final
        )


def run_block(
    plan: Plan, truth: Truth, estimand: float, latents: Latents, keep_population: bool = False
) -> Block:
    """Run a block of trials of one scenario through all its looks.

    Parameters
    ----------
    estimand
        True value of the primary estimand, against which coverage is measured.
    """
    design = plan.design
    arrival, arm, stratum = enrol(design, latents)
    population = populate(design, truth, latents, arrival, arm, stratum)
    prepared = {
        name: endpoint.prepare(name, population) for name, endpoint in design.endpoints.items()
    }
    block = Block.running(latents.first_trial, latents.trials)
    for look in range(1, plan.schedule.number + 1):
        running = block.reason == RUNNING
        snapshot = snapshot_at(population, plan.schedule.due(look, population))
        analysis = _Analysis(plan, snapshot, prepared)
        probabilities = _judge(plan, analysis, look, block)
        if look == plan.schedule.number:
            block.reason[block.reason == RUNNING] = NO_SUCCESS
        ended = running & (block.reason != RUNNING)
        infused = _infused(snapshot)
        _close(plan, analysis, look, estimand, block, ended, infused)
        for name in design.endpoints:
            analysis.summary(name)
        block.looks.append(
            LookRecord(
                look,
                running,
                snapshot.date,
                population.tally(snapshot.enrolled),
                infused,
                analysis.summaries,
                probabilities,
            )
        )
    _follow_up(plan, population, prepared, estimand, block)
    if keep_population:
        block.population = population
    return block


def _judge(plan: Plan, analysis: _Analysis, look: int, block: Block) -> dict[str, Floats]:
    """Judge the rules of a look in order; trials that one of them ends are marked in the block."""
    probabilities: dict[str, Floats] = {}
    for position, rule in enumerate(plan.rules):
        if look not in rule.thresholds:
            continue
        probability = analysis.probability(rule)
        probabilities[rule.name] = probability
        running = block.reason == RUNNING
        block.failed |= running & np.isnan(probability)
        ends = running & rule.holds(probability, look)
        block.reason[ends] = REASONS.index(ENDS[rule.then])
        block.rule[ends] = position
        block.probability[ends] = probability[ends]
    return probabilities


def _infused(snapshot: Snapshot) -> Integers:
    """Participants infused by the look, ``(trial, arm, stratum)``."""
    population = snapshot.population
    if population.course is None or not any(population.infused_arms):
        return np.zeros((population.trials, population.arms, population.strata), dtype=np.int64)
    by_now = ParticipantSet.where(population.infusion_date <= snapshot.date[:, None])
    return population.tally(by_now & snapshot.enrolled)


def _close(
    plan: Plan,
    analysis: _Analysis,
    look: int,
    estimand: float,
    block: Block,
    ended: Booleans,
    infused: Integers,
) -> None:
    """Record the trials that end at a look."""
    if not ended.any():
        return
    snapshot = analysis.snapshot
    block.look[ended] = look
    block.months[ended] = snapshot.date[ended]
    block.randomised[ended] = snapshot.randomised[ended]
    block.infused[ended] = infused.sum(axis=(1, 2))[ended]
    block.analysed[ended] = _analysed(analysis.summary(plan.design.primary))[ended]
    if plan.estimand.endpoint in plan.fitted:
        estimate, covered = _estimate(plan, analysis, estimand)
        block.estimate[ended] = estimate[ended]
        block.covered[ended] = covered[ended]


def _analysed(summary: Summary) -> Integers:
    number = summary.totals if isinstance(summary, Counts) else getattr(summary, "participants")  # noqa: B009
    return np.asarray(number).sum(axis=(1, 2))


def _estimate(plan: Plan, analysis: _Analysis, estimand: float) -> tuple[Floats, Booleans]:
    """Posterior mean of the estimand, and whether its equal-tailed interval covers the truth."""
    posterior = analysis.posterior(plan.estimand.endpoint)
    below_truth = 1.0 - posterior.probability(plan.estimand.at(estimand))
    tail = (1.0 - LEVEL) / 2.0
    covered = (below_truth >= tail) & (below_truth <= 1.0 - tail)
    return posterior.mean(plan.estimand), covered


def _follow_up(
    plan: Plan,
    population: Population,
    prepared: dict[str, Any],
    estimand: float,
    block: Block,
) -> None:
    """Follow the pipeline to its end and judge the rule that declared success again."""
    date = plan.schedule.all_observed(population, block.randomised)
    date = np.maximum(date, block.months)
    analysis = _Analysis(plan, Snapshot(date, block.randomised, population), prepared)
    primary = analysis.summary(plan.design.primary)
    block.analysed_final[:] = _analysed(primary)
    if plan.estimand.endpoint in plan.fitted:
        block.estimate_final[:], block.covered_final[:] = _estimate(plan, analysis, estimand)
    for position, rule in enumerate(plan.rules):
        declared = (block.rule == position) & (block.reason == REASONS.index("success"))
        if not declared.any():
            continue
        probability = analysis.probability(rule)
        for look in rule.thresholds:
            here = declared & (block.look == look)
            block.reversal |= here & ~rule.holds(probability, look)
