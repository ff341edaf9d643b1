"""How few missing categories, or imputed responses, would turn a success rule over, trial by trial.

At the look that ended a trial so many of those whose outcome was due and missing are given the best
category (a response), and the others the worst (none), arm by arm, in place of what the design made
of them; each table is judged by the posterior and the threshold of that look. The fewest are
counted from the mean place of the others of their arm between the worst and the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import prod
from typing import Final

import numpy as np

from adaptive_cart.conduct.block import Block
from adaptive_cart.conduct.moved_missing import Completed, arms_in_trial
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.nouns.records import Floats, Integers, Snapshot
from adaptive_cart.nouns.summaries import SUMMARIES, Summary
from adaptive_cart.running.judged_at_end import JudgedAtEnd, parts_at_end
from adaptive_cart.running.missing_tips import MissingTips, rule_about_one

MOST_WAYS: Final = 2_000  # outcomes of the missing of one trial
AT_ONCE: Final = 2_000  # tables


def rule_to_complete(plan: Plan) -> ResolvedRule | None:
    """The success rule whose missing outcomes are told so; nothing where there is none."""
    rule, why = rule_about_one(plan)
    if rule is None or why:
        return None
    assert rule.only is not None
    question = rule.only.question
    analysis, kind = plan.fitted[question.endpoint][0], plan.design.endpoints[question.endpoint]
    reads = SUMMARIES[analysis.reads]
    told = reads.ordered or (reads.binary and analysis.of_tables and kind.imputes())
    return rule if told and not analysis.by_period and plan.bayesian(rule.only) else None


def completed_tips(plan: Plan, rule: ResolvedRule, block: Block) -> MissingTips:
    """Judge every outcome of the missing of the trials of a block.

    Parameters
    ----------
    plan
        That under the truth of the block.
    block
        With its participants.

    Returns
    -------
    Where a trial has more than :data:`MOST_WAYS` outcomes, or was not judged at the look that ended
    it, its fewest is not a number.
    """
    (judged,) = parts_at_end(_Judged, plan, rule, block).values()
    return judged.tips()


@dataclass(frozen=True)
class _Judged(JudgedAtEnd):
    """One question at the look that ended each trial, whose missing may be put in."""

    def tips(self) -> MissingTips:
        """How few turn it over, trial by trial."""
        missing, read_as = self._missing, self._read_as
        fewest = np.full(len(missing), np.nan)
        some: list[tuple[int, list[tuple[int, ...]]]] = []
        for trial in np.flatnonzero(self.known).tolist():
            ways = [int(n) + 1 for n in missing[trial]]
            if prod(ways) <= MOST_WAYS:
                some.append((trial, list(product(*(range(n) for n in ways)))))
            if sum(len(every) for _, every in some) >= AT_ONCE:
                self._judge(some, read_as, fewest)
                some = []
        self._judge(some, read_as, fewest)
        return MissingTips(self.holds, missing.sum(axis=1), fewest)

    def _judge(
        self, some: Sequence[tuple[int, list[tuple[int, ...]]]], read_as: Integers, fewest: Floats
    ) -> None:
        """Write the fewest of some trials, all of whose outcomes are judged at once."""
        if not some:
            return
        tables = [self._table(trial, having) for trial, every in some for having in every]
        rows = np.array([trial for trial, _ in some])
        each = np.array([len(every) for _, every in some])
        endpoint = self.part.question.endpoint
        stacked = type(tables[0]).stacked(tables)
        other = Completed(self.seen.of_rows(rows), endpoint, stacked, each)
        answers = other.probability(self.part, self.part.question)
        held = self.part.compared(answers, np.repeat(self.thresholds[rows], each))
        turned = held != np.repeat(self.holds[rows], each)
        ends = np.cumsum(each)
        for (trial, every), end in zip(some, ends, strict=True):
            away = np.abs(np.array(every) - read_as[trial]).sum(axis=1)
            mine = turned[end - len(every) : end]
            fewest[trial] = away[mine].min() if mine.any() else np.inf

    def _table(self, trial: int, having: Sequence[int]) -> Summary:
        table = self._none.rows(np.array([trial]))
        for arm, number in zip(self._arms, having, strict=True):
            table = table.filled(arm, self._strata, number, self._kept)
        return table

    @cached_property
    def _none(self) -> Summary:
        """What was seen, of all whose outcome is imputed the worst."""
        seen, endpoint = self.seen, self.part.question.endpoint
        kind = seen.plan.design.endpoints[endpoint]
        if not kind.imputes():
            return seen.summary(endpoint)
        people = seen.snapshot.population
        worst = np.ones_like(people.imputations[endpoint])
        people = replace(people, imputations={**people.imputations, endpoint: worst})
        snapshot = Snapshot(seen.snapshot.date, seen.snapshot.randomised, people)
        return seen.plan.summary(endpoint, kind.prepare(endpoint, people), snapshot)

    @cached_property
    def _missing(self) -> Integers:
        """Participants whose outcome is due and missing, ``(trial, arm)``."""
        missing = self._none.columns()["missing"][:, self._arms]
        return missing[:, :, self._strata].sum(axis=2)

    @cached_property
    def _read_as(self) -> Integers:
        """From how many of the best the fewest are counted, ``(trial, arm)``."""
        found = np.zeros(self._missing.shape, dtype=np.int64)
        for trial in np.flatnonzero(self.known).tolist():
            one = self._none.rows(np.array([trial]))
            for place, arm in enumerate(self._arms):
                mean = one.place(arm, self._strata, self._kept)
                found[trial, place] = round(self._missing[trial, place] * mean)
        return found

    @property
    def _arms(self) -> list[int]:
        return list(arms_in_trial(self.seen.plan.design, self.part.question))

    @property
    def _strata(self) -> list[int]:
        stratum = self.part.question.stratum
        return [stratum] if stratum >= 0 else list(range(len(self.seen.plan.design.shares)))

    @property
    def _kept(self) -> int | None:
        kind = self.seen.plan.design.endpoints[self.part.question.endpoint]
        return 0 if kind.imputes() else kind.kept_category()
