"""One real trial, conducted by the code that conducts simulated ones.

The participants come from a table instead of a simulation, and the block has one trial; everything
between a date and a decision is :mod:`adaptive_cart.conduct.holding`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.conditions import Target
from adaptive_cart.conduct.holding import Conduct
from adaptive_cart.conduct.look_analysis import LookAnalysis, in_full
from adaptive_cart.conduct.look_record import LookRecord, Thresholds
from adaptive_cart.conduct.looks import snapshot_at
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.conduct.standing import Standing, why_not_asked
from adaptive_cart.design.planned import said_moment
from adaptive_cart.models.draws import MIDDLES
from adaptive_cart.models.ties import not_known, undecided
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.questions import Quantity, Question, weighed
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Population, Snapshot
from adaptive_cart.nouns.summaries import Summary
from adaptive_cart.participants.shares import Shares
from adaptive_cart.recorded.known import LEFT, WINDOW, Participants, Silence

IMPUTATIONS = 400
Answers = Callable[["RecordedAnalysis", Comparison, Question], float]


@dataclass(frozen=True)
class Judgement:
    """One rule as it was judged, noted by what judged it.

    Attributes
    ----------
    look, date
        The look (between looks, the one to come), and the calendar month.
    answers, thresholds
        By comparison, ``(question,)``: nan where it was not asked or could not be computed; what it
        was compared with.
    holds
        Whether the rule held for any target.
    failed
        Endpoints whose posterior could not be computed.
    """

    rule: str
    look: int
    date: float
    answers: tuple[Floats, ...]
    thresholds: tuple[Floats, ...]
    holds: bool
    failed: tuple[str, ...]


class RecordedAnalysis(LookAnalysis):
    """What can be asked of a real trial at a date.

    Where an endpoint imputes, a simulated trial draws each missing outcome once. Here nobody's
    response or category is left to one draw: the probability is the mean over :data:`IMPUTATIONS`
    draws.

    Attributes
    ----------
    answers
        Who answers the rules; the fast posterior if nobody else.
    open_when_asked
        By comparison and target: the arms and strata that were open when it was judged,
        ``(1, arm)`` and ``(1, stratum)``.
    settled
        By rule and place of the target: why it was not asked, as the trial stood at its turn.
    """

    answers: Answers | None = None

    def __init__(self, trial: RealTrial, date: Floats, held: Booleans) -> None:
        plan, standing = trial.plan, trial.standing
        self.trial = trial
        self.date = float(date[0])
        trial.follow(self.date)
        snapshot = snapshot_at(trial.population, date, standing.enrolled)
        standing.on(date, held)
        super().__init__(
            plan, snapshot, trial.prepared, np.flatnonzero(held),
            standing.compared, standing.open_strata, standing.closed_at,
        )  # fmt: skip
        self._imputed: dict[str, tuple[Summary, Floats]] = {}
        self._drawn_as: dict[str, Integers] = {}  # which of the tables each imputation makes
        self._once: dict[str, LookAnalysis] = {}
        self.open_when_asked: dict[tuple[str, Question], tuple[Booleans, Booleans | None]] = {}
        self.settled: dict[tuple[str, int], str] = {}

    def now_open(self, open_arms: Booleans, open_strata: Booleans) -> None:
        """Let the rules still to be judged see which arms and strata are open now."""
        super().now_open(open_arms, open_strata)
        self._once.clear()

    def as_asked(self, target: Question) -> Question:
        """The question in full: where it is about the best arm, the best of those open now."""
        return in_full(target, self.open_arms[0])

    def probabilities(self, part: Comparison, asked: Booleans) -> Floats:
        """Each target by itself, of which something may have been told."""
        return self.one_by_one(part, asked)

    def probability(self, part: Comparison, target: Question) -> Floats:
        """The probability that is asked for, ``(1,)``; nan where it failed."""
        self.open_when_asked[part.name, target] = self.open_arms, self.open_strata
        if self.answers is not None and self.plan.bayesian(part):
            return np.array([self.answers(self, part, self.as_asked(target))])
        return self.fast_probability(part, target)

    def fast_probability(self, part: Comparison, target: Question) -> Floats:
        """The same by the fast posterior."""
        if part.several or not self.imputes(target.endpoint):
            return super().probability(part, target)
        tables, weights = self.imputed(target.endpoint)
        other = self.instead(target.endpoint, tables)
        answers = other.probability(part, self.as_asked(target))
        return np.array([float(weights @ answers)])

    def together(self, questions: tuple[Question, ...]) -> Floats:
        """Probability that all that some questions of one endpoint ask is so, ``(1,)``."""
        endpoint = questions[0].endpoint
        if not self.imputes(endpoint):
            return super().together(questions)
        tables, weights = self.imputed(endpoint)
        return np.array([float(weights @ self.instead(endpoint, tables).together(questions))])

    def drawn_of(self, question: Question) -> Floats:
        """Draws of what a question of one endpoint is about, ``(1, draw)``."""
        endpoint = question.endpoint
        if not self.imputes(endpoint):
            return super().drawn_of(question)
        tables, weights = self.imputed(endpoint)
        drawn = self._instead_once(endpoint, tables).drawn_of(question)
        order = np.argsort(drawn, axis=None, kind="stable")
        below = np.cumsum(np.repeat(weights / drawn.shape[1], drawn.shape[1])[order])
        places = np.searchsorted(below, MIDDLES).clip(max=len(order) - 1)
        return drawn.ravel()[order][places][None]

    def drawn_together(
        self, quantities: Sequence[Quantity], asked: Sequence[Question]
    ) -> list[Floats]:
        """Draws of numbers of arms of one endpoint that belong together, a row an imputation.

        One row where nothing is imputed. The imputations of one endpoint are drawn apart from those
        of another, so that they are put together as they are numbered.
        """
        endpoint = quantities[0].endpoint
        if not self.imputes(endpoint):
            drawn = super().drawn_together(quantities, asked)
            several = any(map(self.imputes, self.plan.fitted))
            return [own.repeat(IMPUTATIONS, axis=0) for own in drawn] if several else drawn
        tables, _ = self.imputed(endpoint)
        drawn = self._instead_once(endpoint, tables).drawn_together(quantities, asked)
        return [own[self._drawn_as[endpoint]] for own in drawn]

    def over_rows(self, answers: Floats) -> Floats:
        """The mean over imputations."""
        return answers.mean(axis=0, keepdims=True)

    def undecided(
        self, part: Comparison, target: Question, probability: Floats, threshold: float
    ) -> Booleans:
        """Whether the error of a probability could turn the verdict, ``(1,)``."""
        if not any(
            self.imputes(name) for asked in part.asks.every(target) for name in asked.endpoints
        ):
            return super().undecided(part, target, probability, threshold)
        return undecided(probability, threshold, self.plan.part_errors[part.name], not_known)

    def as_when_asked(self, part: Comparison, target: Question) -> RecordedAnalysis:
        """Return to the arms and strata that were open when it was asked."""
        now = self.open_arms, self.open_strata
        arms, strata = self.open_when_asked.get((part.name, target), now)
        self.now_open(arms, self.trial.standing.open_strata if strata is None else strata)
        return self

    def imputes(self, endpoint: str) -> bool:
        """Whether responses of the endpoint are missing here and are imputed many times."""
        kind = self.plan.design.endpoints[endpoint]
        if not kind.imputes():
            return False
        seen = self.summary(endpoint)
        return seen.drawn_where_missing is not None and bool(seen.columns()["missing"].any())

    def imputed(self, endpoint: str) -> tuple[Summary, Floats]:
        """Tables with the missing responses drawn, each once, and how often each was drawn."""
        if endpoint not in self._imputed:
            summary = self.trial.imputed(endpoint, self.snapshot.date)
            drawn = summary.drawn_where_missing
            assert drawn is not None
            _, first, which, times = np.unique(
                drawn.reshape(IMPUTATIONS, -1),
                axis=0,
                return_index=True,
                return_inverse=True,
                return_counts=True,
            )
            self._imputed[endpoint] = summary.rows(first), times / IMPUTATIONS
            self._drawn_as[endpoint] = which.reshape(-1)
        return self._imputed[endpoint]

    def tables(self, endpoint: str) -> tuple[Summary, Floats]:
        """The endpoint's data, one table or as many as imputation makes, and their weights."""
        if self.imputes(endpoint):
            return self.imputed(endpoint)
        return self.summary(endpoint), np.ones(1)

    def instead(self, endpoint: str, tables: Summary, plan: Plan | None = None) -> LookAnalysis:
        """The same look with other data of an endpoint, ``(table, …)``, or by another plan."""
        return self.instead_of({endpoint: tables}, plan)

    def instead_of(self, tables: Mapping[str, Summary], plan: Plan | None = None) -> LookAnalysis:
        """The same look with other data of some endpoints, ``(table, …)`` each."""
        number = len(next(iter(vars(next(iter(tables.values()))).values())))
        population = self.trial.seen_at(self.date, number)
        snapshot = snapshot_at(
            population,
            np.repeat(self.snapshot.date, number),
            np.repeat(self.trial.standing.enrolled, number),
        )
        open_strata = np.tile(self.trial.standing.open_strata, (number, 1))
        if self.open_strata is not None:
            open_strata = np.tile(self.open_strata, (number, 1))
        open_arms = np.tile(self.open_arms, (number, 1))
        own = self.plan if plan is None else plan
        closed_at = np.tile(self.trial.standing.closed_at, (number, 1))
        every = np.arange(number)
        other = LookAnalysis(own, snapshot, {}, every, open_arms, open_strata, closed_at)
        other.summaries |= tables
        for endpoint in tables.keys() & self.plan.design.prediction.keys():
            # the same, whatever was imputed
            other.states[endpoint] = self.early(endpoint).rows(np.zeros(number, dtype=np.int64))
        return other

    def ask(self, question: Question) -> float:
        """Fast posterior probability of a question; nan where it could not be computed."""
        return self._averaged(question, "probability")

    def mean(self, question: Question) -> float:
        """Fast posterior mean of the quantity that a question is about."""
        if question.of.of_several:
            return float(weighed(question, [self.mean(one) for one in question.of_endpoints]))
        return self._averaged(question, "mean")

    def without_data(self, endpoint: str) -> Callable[[Question], float]:
        """Answer questions about an endpoint by its prior: the posterior of nobody."""
        summary = self.summary(endpoint).rows(np.zeros(1, dtype=np.int64))
        prior = self.instead(endpoint, summary.without_anybody()).posterior(endpoint)
        return lambda question: float(prior.probability(question)[0])

    def _averaged(self, question: Question, what: str) -> float:
        tables, weights = self.tables(question.endpoint)
        here = self if len(weights) == 1 else self._instead_once(question.endpoint, tables)
        posterior = here.posterior(question.endpoint)
        answers = getattr(posterior, what)(question)
        if posterior.failed is not None:
            answers = np.where(posterior.failed, np.nan, answers)
        return float(weights @ answers)

    def _instead_once(self, endpoint: str, tables: Summary) -> LookAnalysis:
        if endpoint not in self._once:
            self._once[endpoint] = self.instead(endpoint, tables)
        return self._once[endpoint]


class RealTrial(Conduct):
    """Conducts the looks of one real trial.

    Attributes
    ----------
    window
        Months by which a visit may come before the day for which it stands.
    silence
        How those are read who were last seen before the cut.
    answers
        Who answers the rules from now on; the fast posterior if nobody else.
    judgements
        Every rule judged so far, in order.
    quiet
        Those of them that were judged between looks and ended nothing.
    """

    def __init__(
        self,
        plan: Plan,
        participants: Participants,
        window: float = WINDOW,
        seed: int = 0,
        silence: Silence = LEFT,
    ) -> None:
        super().__init__(plan, 1)
        self.participants = participants
        self.window = window
        self.silence = silence
        self.seed = seed
        self.answers: Answers | None = None
        self.last_analysis: RecordedAnalysis | None = None
        self.judgements: list[Judgement] = []
        self.quiet: list[Judgement] = []
        if plan.shares_follow:
            self.shares = Shares.at_start(self.standing.windows)
        self.follow(participants.reach)

    def follow(self, date: float) -> None:
        """Take the participants as what is known at a date has them."""
        self.population = self.seen_at(date, 1, self._uniforms(1))
        self.prepared = {
            name: endpoint.prepare(name, self.population)
            for name, endpoint in self.design.endpoints.items()
        }

    def seen_at(
        self, date: float, trials: int, uniforms: Mapping[str, Floats] | None = None
    ) -> Population:
        """The participants as a block of equal trials, as what is known at a date has them."""
        known = self.participants.population(date, self.window, trials, uniforms, self.silence)
        if not self.design.by_period:
            return known
        closed = np.repeat(self.standing.closed_at, trials, axis=0)
        return replace(known, windows=self.design.windows(closed))

    def _uniforms(self, trials: int) -> dict[str, Floats]:
        """With which missing responses are drawn: the first rows are the same for any number."""
        width = self.participants.width
        return {
            name: np.random.Generator(np.random.Philox(key=[self.seed, place])).random(
                (trials, width)
            )
            for place, (name, endpoint) in enumerate(self.design.endpoints.items())
            if endpoint.imputes()
        }

    def imputed(self, endpoint: str, date: Floats) -> Summary:
        """What is seen with the missing outcomes drawn :data:`IMPUTATIONS` times, a row a time."""
        population = self.seen_at(float(date[0]), IMPUTATIONS, self._uniforms(IMPUTATIONS))
        kind = self.design.endpoints[endpoint]
        snapshot = snapshot_at(
            population,
            np.repeat(date, IMPUTATIONS),
            np.repeat(self.standing.enrolled, IMPUTATIONS),
        )
        return self.plan.summary(endpoint, kind.prepare(endpoint, population), snapshot)

    def none_imputed(self, endpoint: str, date: Floats) -> tuple[Any, Snapshot]:
        """The same where nobody who is missing is drawn to respond, or but the worst.

        Of one trial: what is prepared of the endpoint, and what is seen.
        """
        kind, width = self.design.endpoints[endpoint], self.participants.width
        population = self.seen_at(float(date[0]), 1, {endpoint: np.ones((1, width))})
        snapshot = snapshot_at(population, date, self.standing.enrolled)
        return kind.prepare(endpoint, population), snapshot

    def analysis(self, date: Floats, held: Booleans) -> RecordedAnalysis:
        """What can be seen at a date."""
        self.last_analysis = RecordedAnalysis(self, date, held)
        self.last_analysis.answers = self.answers
        return self.last_analysis

    def judge_rule(
        self,
        position: int,
        analysis: LookAnalysis,
        judged: Booleans,
        thresholds: Thresholds,
        look: int,
        last: Booleans,
    ) -> tuple[Floats, ...]:
        """Judge one rule, and note what came of it and why a target was not asked."""
        rule, design = self.plan.rules[position], self.design
        assert isinstance(analysis, RecordedAnalysis)
        settled = {
            (rule.name, place): why
            for place, target in enumerate(rule.targets)
            if (why := self._settled(position, place, target, analysis)) is not None
        }
        analysis.settled.update(settled)
        found = super().judge_rule(position, analysis, judged, thresholds, look, last)
        answers = tuple(answer[0] for answer in found)
        asked = np.array(
            [[(rule.name, place) not in settled for place in range(len(rule.targets))]]
        )
        failed = {
            name
            for part, answer, mine in zip(
                rule.parts, answers, rule.condition.by_part(asked), strict=True
            )
            for place, target in enumerate(part.targets)
            if np.isnan(answer[place]) and mine[0, place]
            for name in target.endpoints
        }
        against = tuple(
            np.broadcast_to(threshold, answer.shape)[0]
            for threshold, answer in zip(thresholds, found, strict=True)
        )
        held = [
            part.compared(answer, threshold)[None]
            for part, answer, threshold in zip(rule.parts, answers, against, strict=True)
        ]
        holds = bool((rule.condition.of_targets(held) & asked).any())  # never where it is nan
        date = float(analysis.snapshot.date[0])
        self.judgements.append(
            Judgement(
                rule.name, look, date, tuple(answer.copy() for answer in answers),
                tuple(threshold.copy() for threshold in against), holds,
                tuple(name for name in design.endpoints if name in failed),
            )
        )  # fmt: skip
        return found

    def of_ended(self, analysis: LookAnalysis, ended: Booleans) -> LookAnalysis:
        """What is seen of the trial, which is the one there is."""
        return analysis

    def _settled(
        self, position: int, place: int, target: Target, analysis: LookAnalysis
    ) -> str | None:
        """Say why a target of a rule is not asked about; nothing where it is."""
        rule = self.plan.rules[position]
        if not rule.decision.at_the_end:
            settled = settled_by(self.standing, target) or self._absent(target, analysis)
            if self.before_control(rule, place, analysis)[0]:
                return f"{self.design.control} does not enrol before the second part"
            return settled or self._too_few(rule, place, analysis)
        if self.standing.may_be_claimed(position)[0, place]:
            return None
        return why_not_asked(self.standing, position)

    def _absent(self, target: Target, analysis: LookAnalysis) -> str | None:
        """Say that the arm of a target has not entered; nothing where it has."""
        if self.standing.entered(analysis.snapshot.date)[0, target.arm]:
            return None
        name = self.design.arm_names[target.arm]
        moment = self.design.arms[name].enters
        return f"arm {name} has not entered; it enters {said_moment(moment)}"

    def _too_few(self, rule: ResolvedRule, place: int, analysis: LookAnalysis) -> str | None:
        """Say for how many of an arm a rule still waits; nothing where there are enough."""
        if self.enough(rule, analysis)[0, place]:
            return None
        asked = itertools.chain.from_iterable(rule.questions(place))
        number, question = min(
            ((int(self.analysed_of(one, analysis)[0]), one) for one in asked),
            key=lambda pair: pair[0],
        )
        endpoint, arm = (
            self.design.endpoints[question.endpoint],
            self.design.arm_names[question.arm],
        )
        when = endpoint.counted_when
        return f"silent before {rule.least} of {arm} {when}; there are {number}"

    def record_between(self, look: int, date: float, asked: dict[str, Floats]) -> LookRecord:
        """What is kept of a date between looks at which no rule ended the trial."""
        analysis = self.analysis(np.array([date]), np.ones(1, dtype=np.bool_))
        for name in self.design.endpoints:
            analysis.summary(name)
        snapshot = analysis.snapshot
        randomised = snapshot.enrolled_by_group
        return LookRecord(
            look, np.ones(1, dtype=np.bool_), snapshot.date, randomised, self.infused(snapshot),
            analysis.summaries, asked, None, between=True,
        )  # fmt: skip

    def enrol_later(
        self, rows: Integers, date: Floats, strata_before: Booleans, shares: Shares | None
    ) -> None:
        """Note the shares in force; who was enrolled later stands in the table."""
        if shares is not None and self.shares is not None:
            self.shares = self.shares.replaced(rows, shares)

    def due(self, look: int, reach: float | None = None) -> tuple[float, bool]:
        """When a look falls due (infinite if that is not known), and whether it is the last.

        A number of events that is not reached may still be, as long as anybody is to come or under
        follow-up; only then is the look the last one.

        Parameters
        ----------
        reach
            Calendar month up to which all is known: that of the table if left out.
        """
        reach = self.participants.reach if reach is None else max(reach, self.participants.reach)
        self.follow(reach)
        dates, lasts = self.next_look(look, np.array([self._more_to_come(reach)]))
        date, last = float(dates[0]), bool(lasts[0])
        if date > until(reach):  # until then a number may still be reached
            last = look == self.plan.schedule.number
        return date, last

    def _more_to_come(self, reach: float) -> bool:
        """Whether anybody is to come, or of what looks count is still to be seen of somebody."""
        if len(self.participants) < int(self.standing.enrolled[0]):
            return True
        waits = self.plan.schedule.counts.of_events
        return waits and bool(self.participants.unseen(reach, self.window).any())


def settled_by(standing: Standing, target: Target) -> str | None:
    """Say what has settled a target already; nothing where it is still to be asked about."""
    design = standing.design
    if not standing.running[0]:
        return f"rule '{standing.rules[int(standing.rule[0])].name}' has ended the trial"
    arm = design.arm_names[target.arm]
    if not standing.open_arms[0, target.arm]:
        at = int(standing.dropped[0, target.arm])
        return f"arm {arm} was dropped at look {at}" if at else _success(standing, target.arm, -1)
    if target.stratum >= 0 and not standing.open_strata[0, target.stratum]:
        stratum, at = design.stratum_names[target.stratum], int(standing.closed[0, target.stratum])
        if at:
            return f"stratum {stratum} was closed at look {at}"
        return _success(standing, target.arm, target.stratum)
    return None


def _success(standing: Standing, arm: int, stratum: int) -> str:
    """Name the success that has resolved an arm or a stratum."""
    names = standing.design.arm_names[arm]
    if stratum >= 0:
        names = f"stratum {standing.design.stratum_names[stratum]}"
    for position, looks in standing.won.items():
        for place, target in enumerate(standing.rules[position].targets):
            mine = target.stratum == stratum if stratum >= 0 else target.arm == arm
            if mine and looks[0, place] > 0:
                rule = standing.rules[position].name
                return f"{names} succeeded at look {int(looks[0, place])} (rule '{rule}')"
    return f"{names} is no longer open"
