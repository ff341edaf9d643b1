"""A block of trials through all its looks: the one place where the stages meet.

    enrol ─► follow ─► for each look: date ─► snapshot ─► summaries ─► posteriors ─► rules ─► end?
      ▲                                                                               │
      └──────── arms dropped, strata closed, shares renewed (later arrivals only) ◄───┘

Trials that have ended stay in the block; what happens after their end is never recorded. The only
loop in Python is over looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.design import ResponseAdaptive
from adaptive_cart.enrolment import Enrolment
from adaptive_cart.looks import snapshot_at
from adaptive_cart.models import Posterior
from adaptive_cart.participant_set import ParticipantSet
from adaptive_cart.plan import LEVEL, Plan
from adaptive_cart.population import followed
from adaptive_cart.predictive import predictive_probability
from adaptive_cart.questions import OPEN, Question
from adaptive_cart.randomisation import adaptive_shares
from adaptive_cart.records import (
    Booleans,
    Counts,
    Floats,
    Integers,
    Population,
    Snapshot,
    Summary,
    any_of,
)
from adaptive_cart.records import pooled as over_strata
from adaptive_cart.rules import ResolvedRule
from adaptive_cart.standing import SUCCESS, Small, Standing
from adaptive_cart.streams import Latents
from adaptive_cart.truth import Truth


@dataclass
class LookRecord:
    """What is kept of one look: a row a trial, arm and stratum in ``looks.parquet``.

    Attributes
    ----------
    held
        ``(trial,)``: was the look held in the trial?
    randomised, infused
        ``(trial, arm, stratum)``.
    probabilities
        By rule: ``(trial, target)``, nan where it was not asked.
    shares
        ``(trial, arm)`` in force after the look, under response-adaptive randomisation.
    between
        Whether this is a stop between looks, counted with the look that would have come next.
    """

    look: int
    held: Booleans
    date: Floats
    randomised: Integers
    infused: Integers
    summaries: dict[str, Summary]
    probabilities: dict[str, Floats]
    shares: Floats | None
    between: bool = False


@dataclass
class Block:
    """The outcome of a block of trials in one scenario; arrays are ``(trial,)`` unless said.

    Attributes
    ----------
    standing
        Decisions, and how each trial ended.
    look, months
        The look that ended it and its calendar month. A stop between looks (a rule with ``every``)
        counts with the look that would have come next.
    randomised, analysed, infused
        ``(trial, arm)`` participants randomised (pipeline counted in), in the primary analysis, and
        infused by then.
    estimate, covered
        ``(trial, estimand)`` posterior mean at the end, and whether the credible interval covers
        the true value.
    estimate_final, covered_final, analysed_final
        The same after the pipeline has been followed up.
    reversal
        A success that the pipeline turned into a failure.
    """

    first_trial: int
    standing: Standing
    look: Small
    months: Floats
    randomised: Integers
    analysed: Integers
    infused: Integers
    estimate: Floats
    covered: Booleans
    estimate_final: Floats
    covered_final: Booleans
    analysed_final: Integers
    reversal: Booleans
    looks: list[LookRecord]
    population: Population | None = None


class _Analysis:
    """Summaries and posteriors of some trials at a snapshot, each worked out when asked for."""

    def __init__(
        self,
        plan: Plan,
        snapshot: Snapshot,
        prepared: dict[str, Any],
        trials: Integers,
        open_strata: Booleans,
    ) -> None:
        self.plan = plan
        self.snapshot = snapshot
        self.prepared = prepared
        self.trials = trials
        self.open_strata = open_strata[trials] if open_strata.shape[1] > 1 else None
        self.summaries: dict[str, Summary] = {}
        self._posteriors: dict[str, Posterior] = {}

    def open_strata_changed(self, open_strata: Booleans) -> None:
        """Let the rules still to be judged see which strata are open now."""
        if self.open_strata is not None:
            self.open_strata = open_strata[self.trials]
            self._posteriors.clear()

    def summary(self, endpoint: str) -> Summary:
        """Summary of all trials of the block."""
        if endpoint not in self.summaries:
            kind = self.plan.design.endpoints[endpoint]
            self.summaries[endpoint] = kind.summary(self.prepared[endpoint], self.snapshot)
        return self.summaries[endpoint]

    def posterior(self, endpoint: str) -> Posterior:
        """Posterior of the chosen trials."""
        if endpoint not in self._posteriors:
            analysis, model = self.plan.fitted[endpoint]
            summary = self.summary(endpoint).rows(self.trials)
            self._posteriors[endpoint] = analysis.posterior(model, summary, self.open_strata)
        return self._posteriors[endpoint]

    def known_posterior(self, endpoint: str) -> Posterior | None:
        """Posterior of the chosen trials if it has been worked out."""
        return self._posteriors.get(endpoint)

    def probability(self, rule: ResolvedRule, target: Question) -> Floats:
        """The probability that a rule asks for, ``(chosen trial,)``; nan where it failed."""
        if rule.prediction is not None:
            return self._predicted(rule, target)
        posterior = self.posterior(target.endpoint)
        answer = posterior.probability(target)
        return answer if posterior.failed is None else np.where(posterior.failed, np.nan, answer)

    def _predicted(self, rule: ResolvedRule, target: Question) -> Floats:
        assert rule.prediction is not None
        counts = self.summary(target.endpoint)
        assert isinstance(counts, Counts)
        design = self.plan.design
        shares = np.array(design.shares)

        def pooled(values: Integers) -> Integers:
            mine = values[self.trials]
            if target.stratum >= 0:
                return mine[:, :, target.stratum]
            if target.stratum == OPEN and self.open_strata is not None:
                mine = mine * self.open_strata[:, None, :]
            return over_strata(mine)

        totals, due = pooled(counts.totals), pooled(counts.due)
        if rule.prediction.enrolled:
            planned = pooled(self.snapshot.population.tally(self.snapshot.enrolled))
        else:
            share = shares[target.stratum] if target.stratum >= 0 else 1.0
            planned = np.array([round(n * share) for n in design.planned], dtype=np.int64)
        final = totals + np.maximum(planned - due, 0)
        model = self.plan.fitted[target.endpoint][1]
        condition = rule.prediction.condition(target)
        return predictive_probability(model, condition, pooled(counts.successes), totals, final)


class _Conduct:
    """Conducts a block of trials in one scenario."""

    def __init__(
        self, plan: Plan, truth: Truth, targets: Sequence[float], latents: Latents
    ) -> None:
        self.plan = plan
        self.design = plan.design
        self.truth = truth
        self.targets = targets
        self.latents = latents
        self.enrolment = Enrolment(plan.design, latents)
        self._follow()
        trials = latents.trials
        arms = len(plan.design.arm_names)
        self.standing = Standing.at_start(plan.design, plan.rules, trials)
        self.before = np.zeros(trials)
        self.ends: Summary | None = None
        self.estimated = np.zeros(trials, dtype=np.bool_)
        estimands = (trials, len(plan.estimands))
        self.block = Block(
            first_trial=latents.first_trial,
            standing=self.standing,
            look=np.zeros(trials, dtype=np.int8),
            months=np.full(trials, np.nan),
            randomised=np.zeros((trials, arms), dtype=np.int64),
            analysed=np.zeros((trials, arms), dtype=np.int64),
            infused=np.zeros((trials, arms), dtype=np.int64),
            estimate=np.full(estimands, np.nan),
            covered=np.zeros(estimands, dtype=np.bool_),
            estimate_final=np.full(estimands, np.nan),
            covered_final=np.zeros(estimands, dtype=np.bool_),
            analysed_final=np.zeros((trials, arms), dtype=np.int64),
            reversal=np.zeros(trials, dtype=np.bool_),
            looks=[],
        )

    def _follow(self) -> None:
        self.population = followed(self.design, self.truth, self.latents, self.enrolment)
        self.prepared = {
            name: endpoint.prepare(name, self.population)
            for name, endpoint in self.design.endpoints.items()
        }

    # ── looks ─────────────────────────────────────────────────────────────────────────────
    def look(self, look: int) -> None:
        """Hold one look in the trials in which it is due."""
        standing, schedule = self.standing, self.plan.schedule
        stopped = standing.enrolled < self.design.enrolment.max_n
        date, last = schedule.due(
            look, self.population, self.prepared[self.design.primary], standing.enrolled,
            self.before,
        )  # fmt: skip
        skipped = stopped & ~last
        self._between(look, date, skipped)
        held = standing.running & ~skipped
        opened = standing.open_strata.copy()
        open_arms = standing.open_arms.copy()
        analysis = self._analysis(date, held)
        probabilities = self._judge(analysis, look, held, last)
        standing.finish(last & held)
        ended = held & ~standing.running
        infused = self._infused(analysis.snapshot)
        self._close(analysis, look, ended, infused)
        for name in self.design.endpoints:
            analysis.summary(name)
        shares = None
        if look < schedule.number:
            shares = self._renew(look, analysis, held & standing.running, open_arms, opened)
        self.block.looks.append(
            LookRecord(
                look,
                held,
                date,
                analysis.snapshot.population.tally(analysis.snapshot.enrolled),
                infused,
                analysis.summaries,
                probabilities,
                shares,
            )
        )
        self.before = np.where(held, date, self.before)

    def _analysis(self, date: Floats, held: Booleans) -> _Analysis:
        snapshot = snapshot_at(self.population, date, self.standing.enrolled)
        return _Analysis(
            self.plan, snapshot, self.prepared, np.flatnonzero(held), self.standing.open_strata
        )

    def _judge(
        self, analysis: _Analysis, look: int, held: Booleans, last: Booleans
    ) -> dict[str, Floats]:
        """Judge the rules of a look in the order written."""
        probabilities: dict[str, Floats] = {}
        final = self.plan.schedule.number
        for position, rule in enumerate(self.plan.rules):
            judged = held if look in rule.thresholds else held & last & rule.last
            if not judged.any():
                continue
            threshold = rule.thresholds.get(look, rule.thresholds.get(final, np.nan))
            probabilities[rule.name] = self._judge_rule(
                position, analysis, judged, threshold, look, last
            )
        return probabilities

    def _judge_rule(
        self,
        position: int,
        analysis: _Analysis,
        judged: Booleans,
        threshold: float,
        look: int,
        last: Booleans,
    ) -> Floats:
        """Judge one rule; returns what it asked for, ``(trial, target)``."""
        standing, rule = self.standing, self.plan.rules[position]
        asked = standing.asked(rule) & judged[:, None]
        probability = np.full(asked.shape, np.nan)
        for place, target in enumerate(rule.targets):
            if asked[:, place].any():
                probability[analysis.trials, place] = analysis.probability(rule, target)
        probability[~asked] = np.nan
        standing.failed |= any_of(asked & np.isnan(probability))
        holds = asked & rule.compared(probability, threshold)
        if holds.any():
            randomised = analysis.snapshot.randomised
            standing.apply(position, holds, probability, look, randomised, last)
            if rule.then == "close_stratum" or self.design.by_target:
                analysis.open_strata_changed(standing.open_strata)
        return probability

    def _between(self, look: int, date: Floats, skipped: Booleans) -> None:
        """Judge the rules with a rhythm of their own at the infusions before a look."""
        for position, rule in enumerate(self.plan.rules):
            if not rule.every or self.population.course is None:
                continue
            infusions = np.sort(self.population.infusion_date, axis=1)
            later = [at for at in rule.thresholds if at >= look]
            threshold = rule.thresholds[min(later) if later else max(rule.thresholds)]
            for number in range(rule.every, self.population.participants + 1, rule.every):
                at = infusions[:, number - 1]
                due = self.standing.running & (at > self.before) & (at < date) & ~skipped
                if not due.any():
                    continue
                analysis = self._analysis(np.where(due, at, 0.0), due)
                never_last = np.zeros(len(due), dtype=np.bool_)
                asked = self._judge_rule(position, analysis, due, threshold, look, never_last)
                ended = due & ~self.standing.running
                if ended.any():
                    self._record_between(analysis, rule.name, look, ended, asked)

    def _record_between(
        self, analysis: _Analysis, rule: str, look: int, ended: Booleans, asked: Floats
    ) -> None:
        """Record trials that a rule with a rhythm of its own has ended."""
        infused = self._infused(analysis.snapshot)
        self._close(analysis, look, ended, infused)
        for name in self.design.endpoints:
            analysis.summary(name)
        randomised = analysis.snapshot.population.tally(analysis.snapshot.enrolled)
        self.block.looks.append(
            LookRecord(
                look, ended, analysis.snapshot.date, randomised, infused, analysis.summaries,
                {rule: asked}, None, between=True,
            )
        )  # fmt: skip

    def _infused(self, snapshot: Snapshot) -> Integers:
        """Participants infused by the look, ``(trial, arm, stratum)``."""
        population = snapshot.population
        if population.course is None or not any(population.infused_arms):
            shape = (population.trials, population.arms, population.strata)
            return np.zeros(shape, dtype=np.int64)
        by_now = ParticipantSet.where(population.infusion_date <= snapshot.date[:, None])
        return population.tally(by_now & snapshot.enrolled)

    def _close(self, analysis: _Analysis, look: int, ended: Booleans, infused: Integers) -> None:
        """Record the trials that end at a look."""
        if not ended.any():
            return
        block, snapshot = self.block, analysis.snapshot
        randomised = over_strata(snapshot.population.tally(snapshot.enrolled))
        primary = analysis.summary(self.design.primary)
        block.look[ended] = look
        block.months[ended] = snapshot.date[ended]
        block.randomised[ended] = randomised[ended]
        block.infused[ended] = over_strata(infused)[ended]
        block.analysed[ended] = over_strata(primary.analysed)[ended]
        self.ends = primary if self.ends is None else self.ends.replaced(ended, primary)  # type: ignore[arg-type]
        self._estimate_now(analysis, ended)

    # ── what later arrivals meet ──────────────────────────────────────────────────────────
    def _renew(
        self,
        look: int,
        analysis: _Analysis,
        going_on: Booleans,
        arms_before: Booleans,
        strata_before: Booleans,
    ) -> Floats | None:
        """Enrol later arrivals under what the look decided; returns the shares in force."""
        if not self.design.adaptive:
            return None
        standing = self.standing
        changed = (standing.open_arms != arms_before).any(axis=1)
        changed |= (standing.open_strata != strata_before).any(axis=1)
        shares = None
        if isinstance(self.design.randomisation, ResponseAdaptive):
            shares = self._shares(analysis, self.design.randomisation, changed)
            assert self.enrolment.shares is not None
            changed |= (shares != self.enrolment.shares).any(axis=1)
        rows = np.flatnonzero(changed & going_on)
        if len(rows):
            self.enrolment.renew(
                rows, analysis.snapshot.date, standing.open_arms, standing.open_strata,
                strata_before, shares,
            )  # fmt: skip
            self._follow()
        return shares

    def _shares(self, analysis: _Analysis, rule: ResponseAdaptive, changed: Booleans) -> Floats:
        """Shares of the arms from a look on, ``(trial, arm)``."""
        open_arms = self.standing.open_arms
        assert self.enrolment.shares is not None
        counts = analysis.summary(self.design.primary)
        assert isinstance(counts, Counts)
        successes, totals = over_strata(counts.successes), over_strata(counts.totals)
        best = np.zeros(open_arms.shape)
        model = self.plan.fitted[self.design.primary][1]
        renewed = self.standing.running & (analysis.snapshot.randomised >= rule.burn_in)
        patterns, which = np.unique(open_arms, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            rows = np.flatnonzero((which.reshape(-1) == number) & renewed)
            arms = tuple(int(arm) for arm in np.flatnonzero(pattern) if arm > 0)
            if len(rows) and arms:
                best[rows[:, None], arms] = model.best(arms, successes[rows], totals[rows])
        control = None if rule.control == "match_largest" else float(rule.control)
        adaptive = adaptive_shares(best, open_arms, rule.power, rule.minimum, control)
        equal = open_arms / open_arms.sum(axis=1, keepdims=True)
        fallback = np.where(changed[:, None], equal, self.enrolment.shares)
        return np.where(renewed[:, None], adaptive, fallback)

    # ── the end ───────────────────────────────────────────────────────────────────────────
    def finish(self) -> Block:
        """Estimate at the end of every trial, follow the pipeline up, and judge again."""
        block, plan = self.block, self.plan
        randomised = over_strata(block.randomised)
        date = plan.schedule.all_observed(self.population, randomised, block.months)
        snapshot = Snapshot(date, randomised, self.population)
        primary = self.design.primary_endpoint.summary(self.prepared[self.design.primary], snapshot)
        block.analysed_final[:] = over_strata(primary.analysed)
        # who has no pipeline, or a whole one without an end, has been judged on all there is
        waiting = np.flatnonzero((date > block.months) & (block.months > 0.0))
        self._reversals(snapshot, waiting)
        if plan.estimands:
            analysis, model = plan.fitted[self.design.primary]
            pending = np.flatnonzero(~self.estimated)
            if len(pending):
                assert self.ends is not None
                at_end = analysis.posterior(model, self.ends.rows(pending), None)
                block.estimate[pending], block.covered[pending] = self._estimates(at_end)
            block.estimate_final, block.covered_final = block.estimate.copy(), block.covered.copy()
            if len(waiting):
                final = analysis.posterior(model, primary.rows(waiting), None)
                estimates, covered = self._estimates(final)
                block.estimate_final[waiting], block.covered_final[waiting] = estimates, covered
        return block

    def _estimate_now(self, analysis: _Analysis, ended: Booleans) -> None:
        """Estimate trials that end from the posterior their look has worked out already.

        Only where most of the trials at the look end: a posterior answers for all of them at once.
        """
        posterior = analysis.known_posterior(self.design.primary)
        if posterior is None or not self.plan.estimands:
            return
        here = ended[analysis.trials]
        if 2 * here.sum() < len(here):
            return
        estimates, covered = self._estimates(posterior)
        rows = analysis.trials[here]
        self.block.estimate[rows], self.block.covered[rows] = estimates[here], covered[here]
        self.estimated[rows] = True

    def _estimates(self, posterior: Posterior) -> tuple[Floats, Booleans]:
        """Posterior means, and whether the equal-tailed intervals cover the true values."""
        tail = (1.0 - LEVEL) / 2.0
        means, covered = [], []
        for estimand, target in zip(self.plan.estimands, self.targets, strict=True):
            mean = posterior.mean(estimand.question)
            above = posterior.probability(estimand.question.at(target))
            if posterior.failed is not None:
                mean = np.where(posterior.failed, np.nan, mean)
            means.append(mean)
            covered.append((above >= tail) & (above <= 1.0 - tail))
        return np.stack(means, axis=1), np.stack(covered, axis=1)

    def _reversals(self, snapshot: Snapshot, waiting: Integers) -> None:
        """A success is reversed when none of the targets that succeeded holds on everybody."""
        standing = self.standing
        chosen = waiting[standing.reason[waiting] == SUCCESS]
        if len(chosen) == 0:
            return
        followed_up = _Analysis(self.plan, snapshot, self.prepared, chosen, standing.open_strata)
        stands = np.zeros(len(chosen), dtype=np.bool_)
        for position, looks in standing.won.items():
            rule = self.plan.rules[position]
            for place, target in enumerate(rule.targets):
                won = looks[chosen, place]
                if not won.any():
                    continue
                probability = followed_up.probability(rule, target)
                for look in np.unique(won[won > 0]):
                    last = rule.thresholds.get(self.plan.schedule.number, np.nan)
                    threshold = rule.thresholds.get(int(look), last)
                    stands |= (won == look) & rule.compared(probability, threshold)
        self.block.reversal[chosen] = ~stands


def run_block(
    plan: Plan,
    truth: Truth,
    targets: Sequence[float],
    latents: Latents,
    keep_population: bool = False,
) -> Block:
    """Run a block of trials of one scenario through all its looks.

    Parameters
    ----------
    targets
        True value of each of the plan's estimands, against which coverage is measured.
    """
    conduct = _Conduct(plan, truth, targets, latents)
    for look in range(1, plan.schedule.number + 1):
        conduct.look(look)
        if not conduct.standing.running.any() and not keep_population:
            break
    block = conduct.finish()
    if keep_population:
        block.population = conduct.population
    return block
