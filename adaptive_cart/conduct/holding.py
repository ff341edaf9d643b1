"""Holding the looks of a trial: what is seen at a date, what the rules make of it, what follows.

    date ─► snapshot ─► summaries ─► posteriors ─► rules ─► end? ─► what later arrivals meet

Nothing here knows where the participants come from. :mod:`adaptive_cart.conduct.trial`
simulates them, a block of trials at once; the analysis of a real trial reads them from a table, as
a block of one. The same lines judge both.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import Any

import numpy as np

from adaptive_cart.conduct.claiming import judge_claims
from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.look_record import LookRecord, Thresholds, between_looks, by_name
from adaptive_cart.conduct.looks import snapshot_at
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rhythms import infusions_of, next_dates
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.conduct.spent import Spent
from adaptive_cart.conduct.standing import Standing
from adaptive_cart.decisions import Holding
from adaptive_cart.design.randomisation import ResponseAdaptive
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.questions import OPEN, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Population, Snapshot, any_of
from adaptive_cart.nouns.records import pooled as over_strata
from adaptive_cart.participants.shares import Shares, renewed_shares


class Conduct:
    """Holds the looks of a block of trials, one after the other.

    Attributes
    ----------
    population, prepared
        The participants, and by endpoint what does not change from look to look; whoever conducts
        the trials supplies both.
    standing
        What has been decided so far.
    before
        ``(trial,)`` date of the look before, or of what was judged between looks since.
    shares
        As they were last set, under response-adaptive randomisation.
    records
        The looks held, in order.
    spent
        By name of a comparison that spends a type I error: what it has seen so far.
    """

    population: Population
    prepared: dict[str, Any]
    shares: Shares | None = None

    def __init__(self, plan: Plan, trials: int) -> None:
        self.plan = plan
        self.design = plan.design
        self.standing = Standing.at_start(plan.design, plan.rules, trials)
        self.before = np.zeros(trials)
        self.records: list[LookRecord] = []
        self.spent = {
            part.name: Spent(part, trials) for part in plan.parts if part.spending is not None
        }
        self._sorted: tuple[Population, Integers, Floats] | None = None

    @property
    def recorded(self) -> Collection[str]:
        """Endpoints of which every look keeps what was seen, asked or not."""
        return self.design.endpoints

    # ── what a look means to whoever conducts the trials ──────────────────────────────────
    def ended_at(
        self,
        analysis: LookAnalysis,
        look: int,
        ended: Booleans,
        infused: Integers,
        between: bool = False,
    ) -> None:
        """Note which trials have ended at a look, or between two of them, ``(trial,)``."""

    def enrol_later(
        self, rows: Integers, date: Floats, strata_before: Booleans, shares: Shares | None
    ) -> None:
        """Let those who arrive after a date meet what is now in force.

        Parameters
        ----------
        rows
            Positions of the trials in which something changed.
        date, strata_before, shares
            ``(trial,)``, ``(trial, stratum)`` open before, and as now set, of all trials.
        """

    def note_held(
        self,
        position: int,
        analysis: LookAnalysis,
        judged: Booleans,
        answers: list[Floats],
        thresholds: Thresholds,
        look: int,
    ) -> None:
        """Note where a rule held, also of trials that a rule before it has ended at this date.

        Parameters
        ----------
        judged
            ``(trial,)`` where the rule has its turn, ended or not.
        answers
            By comparison: ``(trial, question)`` as far as they have been worked out.
        """

    def best_of(self, analysis: LookAnalysis, compared: Booleans, renewed: Booleans) -> Floats:
        """Probability of each arm to be the best, which shares follow, ``(chosen trial, arm)``.

        Parameters
        ----------
        compared
            ``(chosen trial, arm)`` among which.
        renewed
            ``(trial,)`` where shares are renewed, if there is a posterior.
        """
        return analysis.best(self.plan.order, compared)

    # ── looks ─────────────────────────────────────────────────────────────────────────────
    def look(self, look: int) -> None:
        """Hold one look in the trials in which it is due, after what is judged before it."""
        date, last = self.between(look)
        self.hold(look, date, self.standing.running & ~self.skipped(last), last)

    def next_look(self, look: int, pending: Booleans | None = None) -> tuple[Floats, Booleans]:
        """When a look falls due as things stand, and whether it is the last, ``(trial,)`` each.

        Parameters
        ----------
        pending
            ``(trial,)`` more may come than is known of; nowhere if left out.
        """
        standing = self.standing
        return self.plan.schedule.due(
            look, self.population, self.prepared, standing.enrolled, self.before,
            standing.enrolment_stopped, standing.open_arms, pending,
        )  # fmt: skip

    def skipped(self, last: Booleans) -> Booleans:
        """Where a look is left out: enrolment has been stopped, and it is not the last."""
        return self.standing.enrolment_stopped & ~last

    def hold(self, look: int, date: Floats, held: Booleans, last: Booleans) -> LookRecord:
        """Hold a look at a date: judge its rules, and let what they decide take effect.

        Parameters
        ----------
        date, held, last
            ``(trial,)`` calendar month; the trials in which the look is held, and those whose last
            look it is.
        """
        standing, schedule = self.standing, self.plan.schedule
        opened = standing.open_strata.copy()
        open_arms = standing.open_arms.copy()
        standing.go_on(held)
        analysis = self.analysis(date, held)
        probabilities = self.judge(analysis, look, held, last)
        standing.finish(last & held)
        ended = held & ~standing.running
        claimed = judge_claims(self, analysis, look, ended)
        probabilities |= claimed.probabilities
        infused = self.infused(analysis.snapshot)
        self.ended_at(analysis, look, ended, infused)
        for name in self.recorded:
            analysis.summary(name)
        standing.note_closed(date, held)
        shares = None
        if look < schedule.number:
            shares = self._renew(look, analysis, held & standing.running, open_arms, opened)
        record = LookRecord(
            look,
            held,
            date,
            analysis.snapshot.enrolled_by_group,
            infused,
            analysis.summaries,
            probabilities,
            shares,
            in_force={name: s.at[look] for name, s in self.spent.items() if look in s.at}
            | claimed.in_force,
            sets=claimed.sets,
        )  # fmt: skip
        self.records.append(record)
        self.before = np.where(held, date, self.before)
        return record

    def analysis(self, date: Floats, held: Booleans) -> LookAnalysis:
        """What can be seen at a date, ``(trial,)``, in the trials in which a look is held."""
        snapshot = snapshot_at(self.population, date, self.standing.enrolled)
        self.standing.on(date, held)
        return LookAnalysis(
            self.plan, snapshot, self.prepared, np.flatnonzero(held),
            self.standing.compared, self.standing.open_strata, self.standing.closed_at,
        )  # fmt: skip

    def judge(
        self, analysis: LookAnalysis, look: int, held: Booleans, last: Booleans
    ) -> dict[str, Floats]:
        """Judge the rules of a look in the order written."""
        probabilities: dict[str, Floats] = {}
        for position, rule in enumerate(self.plan.rules):
            if rule.decision.at_the_end:
                continue
            judged = held if look in rule.looks else held & last & rule.condition.last
            if not judged.any():
                continue
            thresholds = tuple(
                self.spent[part.name].threshold(analysis, look, judged, last)
                if part.name in self.spent
                else part.threshold_at(look)
                for part in rule.parts
            )
            answers = self.judge_rule(position, analysis, judged, thresholds, look, last)
            probabilities |= by_name(rule, answers)
        return probabilities

    def of_ended(self, analysis: LookAnalysis, ended: Booleans) -> LookAnalysis:
        """What is seen of the trials that have ended, so that no posterior of others is needed."""
        rows = np.flatnonzero(ended)
        if len(rows) == len(analysis.trials):
            return analysis
        standing = self.standing
        own = LookAnalysis(
            self.plan, analysis.snapshot, self.prepared, rows,
            standing.compared, standing.open_strata, standing.closed_at,
        )  # fmt: skip
        own.summaries = analysis.summaries
        return own

    def asked(self, position: int, judged: Booleans, analysis: LookAnalysis) -> Booleans:
        """Of which targets a rule is asked, ``(trial, target)``, in the trials where it is judged.

        A claim is asked of a trial that has ended, whether or not the arm still enrolled.
        """
        rule, standing = self.plan.rules[position], self.standing
        at_the_end = rule.decision.at_the_end
        asked = standing.may_be_claimed(position) if at_the_end else standing.asked(rule)
        return asked & judged[:, None] & self.enough(rule, analysis)

    def enough(self, rule: ResolvedRule, analysis: LookAnalysis) -> Booleans:
        """Of which targets the arms have entered, and so many are analysed as a rule waits for.

        ``(trial, target)``
        """
        found = np.ones((len(self.before), len(rule.targets)), dtype=np.bool_)
        if self.design.stays is not None:
            entered = self.standing.entered(analysis.snapshot.date)
            for place in range(len(rule.targets)):
                for question in itertools.chain.from_iterable(rule.questions(place)):
                    found[:, place] &= entered[:, question.arm]
        for place in range(len(rule.targets)) if self.design.first_part is not None else ():
            found[:, place] &= ~self.before_control(rule, place, analysis)
        for place in range(len(rule.targets)) if rule.least else ():
            for question in itertools.chain.from_iterable(rule.questions(place)):
                found[:, place] &= self.analysed_of(question, analysis) >= rule.least
        return found

    def before_control(self, rule: ResolvedRule, place: int, analysis: LookAnalysis) -> Booleans:
        """Whether a rule asks about the control, which the first part is without, ``(trial,)``."""
        randomised, part = analysis.snapshot.randomised, self.design.first_part
        asked = itertools.chain.from_iterable(rule.questions(place))
        about_control = any(0 in (question.arm, question.minus) for question in asked)
        if part is None or part.control or self.design.control is None or not about_control:
            return np.zeros(len(randomised), dtype=np.bool_)
        return randomised <= part.participants

    def analysed_of(self, question: Question, analysis: LookAnalysis) -> Integers:
        """How many of the arm that a question is about are analysed, ``(trial,)``."""
        analysed = analysis.summary(question.endpoint).analysed[:, question.arm]
        if question.stratum >= 0:
            number: Integers = analysed[:, question.stratum]
            return number
        if question.stratum == OPEN:
            analysed = np.where(self.standing.open_strata, analysed, 0)
        return over_strata(analysed)

    def judge_rule(
        self,
        position: int,
        analysis: LookAnalysis,
        judged: Booleans,
        thresholds: Thresholds,
        look: int,
        last: Booleans,
    ) -> tuple[Floats, ...]:
        """Judge one rule; returns what each of its comparisons asked for, ``(trial, question)``.

        Parameters
        ----------
        thresholds
            By comparison.
        """
        standing, rule = self.standing, self.plan.rules[position]
        asked = self.asked(position, judged, analysis)
        noted = position in standing.held_at  # also where another rule ends the trial at this date
        answers, held, surely, perhaps, everywhere = [], [], [], [], []
        for part, mine, threshold in zip(
            rule.parts, rule.condition.by_part(asked), thresholds, strict=True
        ):
            wanted = np.broadcast_to(mine.any(axis=0), mine.shape) if noted else mine
            whole, unsure = self._answered(part, analysis, wanted, threshold)
            everywhere.append(whole)
            answer = np.where(mine, whole, np.nan)
            standing.failed |= any_of(mine & np.isnan(answer))
            answers.append(answer)
            held.append(part.compared(answer, threshold))
            unsure &= mine
            surely.append(held[-1] & ~unsure)
            perhaps.append(held[-1] | unsure)
        if self.plan.errors[rule.name]:
            turns = rule.condition.of_targets(surely) != rule.condition.of_targets(perhaps)
            before = standing.judged_within_error(position)
            standing.within_error[position] = before | any_of(turns & asked)
        holds = asked & rule.condition.of_targets(held)
        self.note_held(position, analysis, judged, everywhere, thresholds, look)
        if holds.any():
            randomised = analysis.snapshot.randomised
            against = tuple(
                np.broadcast_to(threshold, answer.shape)
                for threshold, answer in zip(thresholds, answers, strict=True)
            )
            standing.apply(
                Holding(position, holds, tuple(answers), against, look, randomised, last)
            )
            if rule.decision.drops_arms or rule.decision.closes_strata or self.design.by_target:
                analysis.now_open(standing.compared, standing.open_strata)
        return tuple(answers)

    def _answered(
        self, part: Comparison, analysis: LookAnalysis, asked: Booleans, threshold: float | Floats
    ) -> tuple[Floats, Booleans]:
        """What a comparison asks for, and where its error could turn the verdict.

        Parameters
        ----------
        asked
            ``(trial, question)``, as what is returned. What is asked of one trial may be answered
            for all that are looked at.
        """
        probability = np.full(asked.shape, np.nan)
        unsure = np.zeros(asked.shape, dtype=np.bool_)
        here = asked[analysis.trials]
        found = analysis.probabilities(part, here)
        probability[analysis.trials] = found
        if not isinstance(threshold, float):  # a test's answers have no error
            return probability, unsure
        for place in np.flatnonzero(here.any(axis=0)):
            unsure[analysis.trials, place] = analysis.undecided(
                part, part.targets[place], found[:, place], threshold
            )
        return probability, unsure

    # ── between looks ─────────────────────────────────────────────────────────────────────
    def between(self, look: int) -> tuple[Floats, Booleans]:
        """Judge, date by date, the rules with a rhythm of their own before a look.

        What is decided at one date is seen at the later ones, and may move the look.

        Returns
        -------
        When the look falls due after all that, and whether it is the last, ``(trial,)`` each.
        """
        date, last = self.next_look(look)
        while True:
            at, rules = self.next_check(date, self.skipped(last))
            if not rules.any():
                return date, last
            if self.check(look, at, rules):
                date, last = self.next_look(look)

    def next_check(self, date: Floats, skipped: Booleans) -> tuple[Floats, Booleans]:
        """When rules with a rhythm of their own are next judged before a look, and which.

        At every so-many-th infusion of those who are enrolled, all arms counted, that falls
        strictly between the look (or check) before and ``date`` (trial,).

        Returns
        -------
        ``(trial,)`` calendar month, infinite where there is none; ``(trial, rule)`` rules judged.
        """
        rules, going_on = self.plan.rules, self.standing.running & ~skipped
        rhythms = any(rule.every for rule in rules)
        if not rhythms or self.population.course is None or not going_on.any():
            return np.full(len(date), np.inf), np.zeros((len(date), len(rules)), dtype=np.bool_)
        open_until = np.where(going_on, date, -np.inf)
        return next_dates(rules, self._infusions, self.before, open_until)

    @property
    def _infusions(self) -> Floats:
        """Calendar months of the infusions of those who are enrolled, ``(trial, infusion)``."""
        population, enrolled = self.population, self.standing.enrolled
        if self._sorted is not None:
            of, numbers, dates = self._sorted
            if of is population and np.array_equal(numbers, enrolled):
                return dates
        dates = infusions_of(population, enrolled)
        self._sorted = (population, enrolled.copy(), dates)
        return dates

    def check(self, look: int, at: Floats, rules: Booleans) -> bool:
        """Judge rules at a date between looks, in the order written, and let it take effect.

        Parameters
        ----------
        look
            Number of the look to come.
        at, rules
            ``(trial,)`` calendar month, ``(trial, rule)`` which rules are judged then.

        Returns
        -------
        Whether anything has changed for those who are still to come, in any trial.
        """
        standing = self.standing
        here = any_of(rules)
        opened, open_arms = standing.open_strata.copy(), standing.open_arms.copy()
        stopped = standing.enrolment_stopped.copy()
        self.standing.go_on(here)
        analysis = self.analysis(np.where(here, at, 0.0), here)
        never_last = np.zeros(len(here), dtype=np.bool_)
        for position, rule in enumerate(self.plan.rules):
            judged, running = rules[:, position], standing.running
            if not judged.any():
                continue
            thresholds = between_looks(rule, look)
            asked = self.judge_rule(position, analysis, judged, thresholds, look, never_last)
            ended = running & ~standing.running
            if ended.any():
                self._record_between(analysis, by_name(rule, asked), look, ended)
        self.before = np.where(here, at, self.before)
        standing.note_closed(at, here)
        renewed = self._renew_between(analysis, here & standing.running, open_arms, opened)
        return renewed or bool((standing.enrolment_stopped != stopped).any())

    def _record_between(
        self, analysis: LookAnalysis, asked: dict[str, Floats], look: int, ended: Booleans
    ) -> None:
        """Record trials that a rule with a rhythm of its own has ended."""
        claimed = judge_claims(self, analysis, look, ended, between=True)
        asked = asked | claimed.probabilities
        infused = self.infused(analysis.snapshot)
        self.ended_at(analysis, look, ended, infused, between=True)
        for name in self.recorded:
            analysis.summary(name)
        randomised = analysis.snapshot.enrolled_by_group
        self.records.append(
            LookRecord(
                look, ended, analysis.snapshot.date, randomised, infused, analysis.summaries,
                asked, None, between=True, in_force=claimed.in_force, sets=claimed.sets,
            )
        )  # fmt: skip

    def infused(self, snapshot: Snapshot) -> Integers:
        """Participants infused by the look, ``(trial, arm, stratum)``."""
        population = snapshot.population
        if population.course is None or not any(population.infused_arms):
            shape = (population.trials, population.arms, population.strata)
            return np.zeros(shape, dtype=np.int64)
        by_now = ParticipantSet.where(population.infusion_date <= until(snapshot.date)[:, None])
        return population.tally(by_now & snapshot.enrolled)

    # ── what later arrivals meet ──────────────────────────────────────────────────────────
    def _renew(
        self,
        look: int,
        analysis: LookAnalysis,
        going_on: Booleans,
        arms_before: Booleans,
        strata_before: Booleans,
    ) -> Floats | None:
        """Enrol later arrivals under what the look decided; returns the shares in force."""
        if not self.design.adaptive:
            return None
        changed = self._closed_since(arms_before, strata_before)
        shares = None
        rule = self.design.randomisation.by_shares
        if rule is not None:
            shares = self._shares(analysis, rule)
            assert self.shares is not None
            changed |= (shares.values != self.shares.values).any(axis=1)
            changed |= shares.learned != self.shares.learned
        rows = np.flatnonzero(changed & going_on)
        if len(rows):
            self.enrol_later(rows, analysis.snapshot.date, strata_before, shares)
        return None if shares is None else shares.values

    def _renew_between(
        self,
        analysis: LookAnalysis,
        going_on: Booleans,
        arms_before: Booleans,
        strata_before: Booleans,
    ) -> bool:
        """Enrol later arrivals under what was decided between looks; returns whether any are.

        Shares are not renewed there, but an arm that has closed has none any more.
        """
        rows = np.flatnonzero(self._closed_since(arms_before, strata_before) & going_on)
        if len(rows) == 0:
            return False
        shares = None
        rule = self.design.randomisation.by_shares
        if rule is not None:
            assert self.shares is not None
            shares = self.shares.at(analysis.snapshot.date, self.standing.windows, rule)
        self.enrol_later(rows, analysis.snapshot.date, strata_before, shares)
        return True

    def _closed_since(self, arms_before: Booleans, strata_before: Booleans) -> Booleans:
        """Trials in which an arm or a stratum has closed, ``(trial,)``."""
        closed: Booleans = (self.standing.open_arms != arms_before).any(axis=1)
        return closed | (self.standing.open_strata != strata_before).any(axis=1)

    def _shares(self, analysis: LookAnalysis, rule: ResponseAdaptive) -> Shares:
        """Shares of the arms from a look on."""
        standing, date = self.standing, analysis.snapshot.date
        assert self.shares is not None
        windows = standing.windows
        shares = self.shares.at(date, windows, rule)
        compared = windows.enrolling(shares.since) & standing.entered(date)
        renewed = standing.running & (analysis.snapshot.randomised >= rule.burn_in)
        best = np.zeros(compared.shape)
        best[analysis.trials] = self.best_of(analysis, compared[analysis.trials], renewed)
        renewed &= np.isfinite(best).all(axis=1)  # where there is no posterior, shares stay
        controls = min(self.design.experimental)
        return renewed_shares(shares, renewed, best, compared, windows, rule, controls)
