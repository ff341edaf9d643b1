"""What can be seen of some trials at a date: summaries, posteriors, and what rules ask of them.

Each is worked out when it is asked for. Tables of counts are looked at in the same way, whether a
trial came to them or they are enumerated.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Final

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.weighing import drawn_of, draws_of
from adaptive_cart.conduct.weighing_arms import ORDERS, best_of_open
from adaptive_cart.design.planned import planned_ahead
from adaptive_cart.models import Posterior
from adaptive_cart.models.binary.external_counts import asked_in
from adaptive_cart.models.ties import undecided
from adaptive_cart.nouns.calendar import short_of
from adaptive_cart.nouns.distinct_rows import each_distinct
from adaptive_cart.nouns.early_states import EarlyStates
from adaptive_cart.nouns.external_draws import Drawn
from adaptive_cart.nouns.questions import OPEN, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Population, Snapshot
from adaptive_cart.nouns.records import pooled as over_strata
from adaptive_cart.nouns.rows_of import rows_of
from adaptive_cart.nouns.summaries import Counts, EarlyCounts, Summary

NOTHING_DRAWN: Final[Mapping[str, Drawn]] = MappingProxyType({})


class LookAnalysis:
    """Summaries and posteriors of some trials at a snapshot, each worked out when asked for.

    Class attributes
    ----------------
    orders
        In how many orders draws of endpoints are put together where arms are compared by a utility.
    """

    orders: ClassVar[int] = ORDERS

    def __init__(
        self,
        plan: Plan,
        snapshot: Snapshot,
        prepared: dict[str, Any],
        trials: Integers,
        open_arms: Booleans,
        open_strata: Booleans,
        closed_at: Floats | None = None,
    ) -> None:
        """Look at some trials.

        Parameters
        ----------
        closed_at
            ``(trial, arm)`` months at which decisions have closed arms; nothing where nobody asks.
        """
        self.plan = plan
        self.snapshot = snapshot
        self.prepared = prepared
        self.trials = trials
        self.open_arms = rows_of(open_arms, trials)
        self.closed_at = closed_at
        self.open_strata = rows_of(open_strata, trials) if open_strata.shape[1] > 1 else None
        self.summaries: dict[str, Summary] = {}
        self.states: dict[str, EarlyStates] = {}
        self._posteriors: dict[str, Posterior] = {}

    @classmethod
    def of_tables(
        cls,
        plan: Plan,
        endpoint: str,
        successes: Integers,
        totals: Integers,
        stratum: int = 0,
        drawn: Mapping[str, Drawn] = NOTHING_DRAWN,
    ) -> LookAnalysis:
        """Tables of counts of an endpoint, each as if it were all that a trial has seen.

        Parameters
        ----------
        successes, totals
            ``(table, arm)``.
        stratum
            The one in which all of them are.
        drawn
            External data that are drawn with each, by name.
        """
        own = np.arange(len(plan.design.shares)) == stratum
        everybody = np.where(own, totals[:, :, None], 0)
        with_it = np.where(own, successes[:, :, None], 0)
        return cls.of_strata(plan, endpoint, with_it, everybody, drawn)

    @classmethod
    def of_strata(
        cls,
        plan: Plan,
        endpoint: str,
        successes: Integers,
        totals: Integers,
        drawn: Mapping[str, Drawn] = NOTHING_DRAWN,
    ) -> LookAnalysis:
        """The same of tables by stratum, ``(table, arm, stratum)``."""
        number, strata = len(successes), len(plan.design.shares)
        nobody: Population = None  # type: ignore[assignment]
        snapshot = Snapshot(np.zeros(number), totals.sum(axis=(1, 2)), nobody)
        open_arms = np.ones(totals.shape[:2], dtype=np.bool_)
        open_strata = np.ones((number, strata), dtype=np.bool_)
        seen = cls(plan, snapshot, {}, np.arange(number), open_arms, open_strata)
        counts: Counts = Counts(successes, totals, np.zeros_like(totals), totals)
        beside = plan.fitted[endpoint][0].with_drawn(counts, drawn) if drawn else counts
        seen.summaries[endpoint] = beside
        return seen

    def of_rows(self, rows: Integers) -> LookAnalysis:
        """The same look at some of the chosen trials, by position among them."""
        other = copy.copy(self)
        other.trials, other.open_arms = self.trials[rows], self.open_arms[rows]
        if self.open_strata is not None:
            other.open_strata = self.open_strata[rows]
        other._posteriors = {}
        other.__dict__.pop("places", None)
        return other

    def with_model(self, endpoint: str, model: Any) -> LookAnalysis:
        """The same look with another fitted model of an endpoint."""
        other, (analysis, _) = copy.copy(self), self.plan.fitted[endpoint]
        fitted = {**self.plan.fitted, endpoint: (analysis, model)}
        other.plan = dataclasses.replace(self.plan, fitted=fitted)
        other._posteriors = {}
        other.__dict__.pop("places", None)
        return other

    def with_summary(self, endpoint: str, summary: Summary) -> LookAnalysis:
        """The same look with other data of an endpoint, of all trials of the block."""
        other = copy.copy(self)
        other.summaries = {**self.summaries, endpoint: summary}
        other._posteriors = {}
        other.__dict__.pop("places", None)
        return other

    def now_open(self, open_arms: Booleans, open_strata: Booleans) -> None:
        """Let the rules still to be judged see which arms and strata are open now."""
        self.open_arms = rows_of(open_arms, self.trials)
        if self.open_strata is not None:
            now = rows_of(open_strata, self.trials)
            self.open_strata = now
            self._posteriors = {
                endpoint: posterior.where_open(now)
                for endpoint, posterior in self._posteriors.items()
            }
            self.places.clear()

    def summary(self, endpoint: str) -> Summary:
        """Summary of all trials of the block."""
        if endpoint not in self.summaries:
            prepared = self.prepared[endpoint]
            self.summaries[endpoint] = self.plan.summary(endpoint, prepared, self.snapshot)
        return self.summaries[endpoint]

    def early(self, endpoint: str) -> EarlyStates:
        """What earlier months tell of all trials of the block; failures count when they happen."""
        if endpoint not in self.states:
            prepared = self.prepared[endpoint]
            self.states[endpoint] = self.plan.early(endpoint, prepared, self.snapshot, at_once=True)
        return self.states[endpoint]

    def looking_ahead(self, endpoint: str) -> Summary:
        """What is seen from which what is to come is drawn: earlier months tell, if any."""
        summary = self.summary(endpoint)
        if endpoint not in self.plan.design.prediction:
            return summary
        assert isinstance(summary, Counts)
        return EarlyCounts.of(summary, self.early(endpoint))

    def posterior_ahead(self, endpoint: str) -> Posterior:
        """Posterior of the chosen trials from which what is to come is drawn."""
        own = self.plan.fitted[endpoint][0]
        if own.ahead is own:
            return self.posterior(endpoint)
        analysis, model = self.plan.ahead[endpoint]
        summary = self.looking_ahead(endpoint).rows(self.trials)
        return analysis.posterior(model, summary, self.open_strata)

    def posterior(self, endpoint: str) -> Posterior:
        """Posterior of the chosen trials."""
        if endpoint not in self._posteriors:
            analysis, model = self.plan.fitted[endpoint]
            summary = self.summary(endpoint).rows(self.trials)
            self._posteriors[endpoint] = analysis.posterior(model, summary, self.open_strata)
        return self._posteriors[endpoint]

    @cached_property
    def places(self) -> dict[object, Floats]:
        """Places of arms by utilities, as far as they have been worked out."""
        return {}

    def knows(self, endpoint: str, posterior: Posterior) -> None:
        """Take a posterior of the chosen trials that has been worked out elsewhere."""
        self._posteriors[endpoint] = posterior

    def known_posterior(self, endpoint: str) -> Posterior | None:
        """Posterior of the chosen trials if it has been worked out."""
        return self._posteriors.get(endpoint)

    def probability(self, part: Comparison, target: Question) -> Floats:
        """The probability that is asked for, ``(chosen trial,)``; nan where it failed."""
        if not target.to_be_named:
            return part.asks.answer(self, target)
        answer = np.full(len(self.trials), np.nan)
        for question, rows in among_open(target, self.open_arms):
            answer[rows] = part.asks.answer(self, question)[rows]
        return answer

    def probabilities(self, part: Comparison, asked: Booleans) -> Floats:
        """What a comparison asks for of all its targets, ``(chosen trial, target)``.

        Parameters
        ----------
        asked
            ``(chosen trial, target)``; elsewhere the answer may be nan.
        """
        found = part.asks.each(self, part.targets, asked)
        return self.one_by_one(part, asked) if found is None else found

    def one_by_one(self, part: Comparison, asked: Booleans) -> Floats:
        """The same, each target asked of all chosen trials if it is asked of any."""
        found = np.full(asked.shape, np.nan)
        for place, target in enumerate(part.targets):
            if asked[:, place].any():
                found[:, place] = self.probability(part, target)
        return found

    def together(self, questions: tuple[Question, ...]) -> Floats:
        """Probability that all that some questions of one endpoint ask is so."""
        posterior = self.posterior(questions[0].endpoint)
        if len(questions) > 1:
            return posterior.together(questions)
        answer = posterior.probability(questions[0])
        return answer if posterior.failed is None else np.where(posterior.failed, np.nan, answer)

    def drawn_of(self, question: Question) -> Floats:
        """Draws of what a question of one endpoint is about, ``(chosen trial, draw)``."""
        return drawn_of(self.posterior(question.endpoint), question)

    def drawn_together(
        self, quantities: Sequence[Quantity], asked: Sequence[Question]
    ) -> list[Floats]:
        """Draws of numbers of arms of one endpoint that belong together, ``(row, draw)`` each.

        Rows are the chosen trials, here; what is made of them is put together by ``over_rows``.

        Parameters
        ----------
        asked
            What is asked of the endpoint with them.
        """
        return draws_of(self.posterior(quantities[0].endpoint).drawn_for(asked), quantities)

    def over_rows(self, answers: Floats) -> Floats:
        """Answers of the chosen trials from those of the rows of ``drawn_together``."""
        return answers

    def best(self, order: Question, among: Booleans) -> Floats:
        """Probability of each experimental arm to be the best of some, ``(chosen trial, arm)``."""
        if order.of.of_several:
            return best_of_open(order, self, among)
        return self.posterior(order.endpoint).best_of_open(order, among)

    def undecided(
        self, part: Comparison, target: Question, probability: Floats, threshold: float
    ) -> Booleans:
        """Where the error of a probability could turn the verdict, ``(chosen trial,)``."""
        found = np.zeros(len(self.trials), dtype=np.bool_)
        error = self.plan.part_errors[part.name]
        if error.most == 0.0 or not (np.abs(probability - threshold) <= error.most).any():
            return found
        for question, rows in among_open(target, self.open_arms):
            sides = part.asks.sides(self, question)
            found[rows] = undecided(probability, threshold, error, sides)[rows]
        return found

    def to_come(self, target: Question, enrolled: bool) -> tuple[Integers, Integers, Integers]:
        """What a predictive rule looks from and to, ``(chosen trial, arm)`` each.

        Parameters
        ----------
        enrolled
            To those who are enrolled, or else to the planned number.

        Returns
        -------
        Responders and participants analysed so far, and participants in the last analysis.
        """
        counts = self.summary(target.endpoint)
        assert isinstance(counts, Counts)

        def pooled(values: Integers) -> Integers:
            mine = rows_of(values, self.trials)
            if target.stratum >= 0:
                return mine[:, :, target.stratum]
            if target.stratum == OPEN and self.open_strata is not None:
                mine = mine * self.open_strata[:, None, :]
            return over_strata(mine)

        totals, due = pooled(counts.totals), pooled(counts.due)
        if enrolled:
            planned = pooled(self.snapshot.enrolled_by_group)
        else:
            planned = self._planned(target.stratum)
        final = totals + np.maximum(planned - due, 0)
        # external data stand behind the arms, and nobody is still to come there
        there = self.plan.fitted[target.endpoint][0].outside(counts)
        responders, participants = (asked_in(part[self.trials], target.stratum) for part in there)
        return (
            np.concatenate([pooled(counts.successes), responders], axis=1),
            np.concatenate([totals, participants], axis=1),
            np.concatenate([final, participants], axis=1),
        )

    def _planned(self, stratum: int) -> Integers:
        """Planned numbers, ``(chosen trial, arm)``, or ``(1, arm)`` where they are those of all.

        Where arms enter or leave they are worked out anew from what has happened by the date.

        Parameters
        ----------
        stratum
            The one asked about; below 0 for all of them.
        """
        design = self.plan.design
        share = design.shares[stratum] if stratum >= 0 else 1.0
        closed = self.closed_by_now()
        if closed is None:
            return np.rint(np.array([design.planned]) * share).astype(np.int64)
        by_cell = rows_of(self.snapshot.enrolled_by_group, self.trials)
        randomised, date = over_strata(by_cell), self.snapshot.date[self.trials]
        planned = planned_ahead(design, date, randomised, closed[self.trials])
        inside = by_cell[:, :, stratum] if stratum >= 0 else randomised
        return inside + np.rint((planned - randomised) * share).astype(np.int64)

    def closed_by_now(self) -> Floats | None:
        """When decisions have closed arms, those judged at this very look too, ``(trial, arm)``.

        Of all trials of the block; nothing where no arm enters or leaves.
        """
        design = self.plan.design
        if design.stays is None:
            return None
        assert self.closed_at is not None
        date, closed = self.snapshot.date[self.trials][:, None], self.closed_at[self.trials]
        entered = design.windows(closed).opens < short_of(date)
        now = entered & ~self.open_arms
        found = self.closed_at.copy()
        found[self.trials] = np.where(now, np.minimum(closed, date), closed)
        return found


def among_open(target: Question, open_arms: Booleans) -> Iterator[tuple[Question, Integers]]:
    """Ask among the experimental arms that are open in each trial, where that is to be said.

    Parameters
    ----------
    open_arms
        ``(trial, arm)``.

    Yields
    ------
    The question about some arms, and the trials in which these and no others are open; none for
    trials in which the arm itself is not.
    """
    if not target.to_be_named:
        yield target, np.arange(len(open_arms))
        return
    for pattern, rows in each_distinct(open_arms[:, target.first :]):
        arms = tuple(int(arm) + target.first for arm in np.flatnonzero(pattern))
        if target.arm in arms:
            yield replace(target, among=arms), rows


def in_full(target: Question, open_arms: Booleans) -> Question:
    """What a target asks in one trial, with these arms open, ``(arm,)``."""
    return next((question for question, _ in among_open(target, open_arms[None])), target)
