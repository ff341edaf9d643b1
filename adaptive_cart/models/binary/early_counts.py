"""Posterior of a response where who has not reached the month counts by an earlier state.

Given how many of those who wait will respond, an arm's probability has the posterior of the
completed counts. How many will follows from the chain, whose rows know nothing of that probability:
so the posterior is a mixture of those of the completed counts, weighted with the chain's law, and
what is asked is averaged over it. Without anybody waiting it is the posterior of the counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import ClassVar, Final

import numpy as np

from adaptive_cart.models.binary.beta_answers import fast, sides_of
from adaptive_cart.models.binary.beta_binomial import BetaBinomial
from adaptive_cart.models.binary.beta_binomial_analysis import CountsPosterior
from adaptive_cart.models.draws import DRAWS, MIDDLES, axis_of, ranks, spread
from adaptive_cart.models.ties import Sides
from adaptive_cart.nouns.ahead import Coming, Numbers
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.early_law import responders
from adaptive_cart.nouns.early_states import EarlyStates, about
from adaptive_cart.nouns.early_tables import Answers, Box, averaged, cells
from adaptive_cart.nouns.questions import ALL, LEVEL, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import EarlyCounts, Summary

TABLES_KEPT: Final = 512
MOST_CELLS: Final = 50_000  # of a whole table that is worked out for some of its cells
DRAWN_AT_ONCE: Final = 4_000_000


@dataclass(frozen=True)
class EarlyCountsPosterior(CountsPosterior):
    """Posterior of independent binomial arms, averaged over the responders among those who wait.

    Attributes
    ----------
    early, prior
        Those who wait, and what each state of a row of the chain is worth beforehand.
    """

    early: EarlyStates
    prior: float

    closed: ClassVar[tuple[str, ...]] = ("level", "ratio", "odds_ratio")
    exactly = "closed form or quadrature, averaged over those who wait"
    arms_apart = False  # a draw has its own number of responders among those who wait
    begins_anew = False  # it knows how many of those who wait will respond

    # ── how many of those who wait will respond ───────────────────────────────────────────
    def _numbers(self, question: Question | Quantity) -> tuple[Integers, Integers]:
        """Responders so far, and participants with those who wait, ``(trial, arm)``."""
        successes, totals = self._table(question)
        here = about(question, self.early.waiting_last, self.open_strata).sum(axis=(2, 3))
        return successes, totals + here + about(question, self.early.failed, self.open_strata)

    def law(self, question: Question | Quantity, arm: int) -> Floats:
        """Probability of each number of responders among an arm's who wait, ``(trial, more)``."""
        key = question.stratum, arm
        if key not in self._laws:
            waiting = about(question, self.early.waiting_last, self.open_strata)
            self._laws[key] = responders(waiting[:, arm], self.early.moved[:, arm], self.prior)
        return self._laws[key]

    @cached_property
    def _laws(self) -> dict[tuple[int, int], Floats]:
        return {}

    # ── what it is asked ──────────────────────────────────────────────────────────────────
    def computed(self, question: Question) -> Floats:
        """Averaged over the tables that may be, or from draws."""
        if question.kind not in self.closed:
            return super(CountsPosterior, self).computed(question)
        asked = replace(question, endpoint="", stratum=ALL).compared_with()
        return np.clip(self._averaged(question, partial(_answers, self.model, asked)), 0.0, 1.0)

    def _averaged(
        self,
        question: Question,
        answers: Answers,
    ) -> Floats:
        arms = [question.arm] if question.minus is None else [question.arm, question.minus]
        successes, totals = self._numbers(question)
        laws = [self.law(question, arm) for arm in arms]
        numbers = totals[:, arms]
        return averaged(
            answers, numbers, successes[:, arms], numbers, laws,
        )  # fmt: skip

    def sides(self, question: Question) -> Sides:
        """Known where nobody waits; elsewhere nothing is known but the number."""
        if question.kind not in self.closed:
            return super(CountsPosterior, self).sides(question)
        successes, totals = self._numbers(question)
        known = sides_of(self.model, question, successes, totals)
        arms = [arm for arm in (question.arm, question.minus) if arm is not None]
        waiting = about(question, self.early.waiting_last, self.open_strata)[:, arms]
        nobody = waiting.sum(axis=(1, 2, 3)) == 0
        inside = super(CountsPosterior, self).sides(question)

        def sides(threshold: float, rows: Integers) -> Floats:
            found = inside(threshold, rows)
            here = np.flatnonzero(nobody[rows])
            found[here] = known(threshold, rows[here])
            return found

        return sides

    def mean(self, question: Question) -> Floats:
        """Of levels averaged over the tables that may be; else from draws."""
        if question.kind != "level":
            return super(CountsPosterior, self).mean(question)
        mean = self._mean_of(question, question.arm)
        return mean if question.minus is None else mean - self._mean_of(question, question.minus)

    def _mean_of(self, question: Question, arm: int) -> Floats:
        one = replace(question, arm=arm, minus=None)
        return self._averaged(one, partial(_means, self.model, arm))

    def best(self, question: Question, rows: Integers) -> Floats:
        """From draws."""
        return super(CountsPosterior, self).best(question, rows)

    def best_of_open(self, order: Question, open_arms: Booleans) -> Floats:
        """The same, by the arms that are open."""
        return super(CountsPosterior, self).best_of_open(order, open_arms)

    # ── draws ─────────────────────────────────────────────────────────────────────────────
    def draw(self, quantity: Quantity) -> Floats:
        """Draws of an arm's probability, of each with its own number of responders."""
        return self._together(quantity)[1]

    def _together(self, quantity: Quantity) -> tuple[Integers, Floats]:
        """Draws of the responders among those who wait, and of the probability given them."""
        if quantity not in self._pairs:
            successes, totals = self._numbers(quantity)
            size = max(1, DRAWN_AT_ONCE // DRAWS)
            law, parts = self.law(quantity, quantity.arm), []
            for start in range(0, len(law), size):
                rows = slice(start, start + size)
                had, total = successes[rows, quantity.arm], totals[rows, quantity.arm]
                parts.append(self._drawn_of(quantity, law[rows], had, total))
            more, level = zip(*parts, strict=True) if parts else ((), ())
            self._pairs[quantity] = (
                np.concatenate([np.zeros((0, DRAWS), dtype=np.int64), *more]),
                np.concatenate([np.zeros((0, DRAWS)), *level]),
            )
        return self._pairs[quantity]

    @cached_property
    def _pairs(self) -> dict[Quantity, tuple[Integers, Floats]]:
        return {}

    def _drawn_of(
        self, quantity: Quantity, law: Floats, had: Integers, totals: Integers
    ) -> tuple[Integers, Floats]:
        axes = self.successes[0].size + self.arms
        rank, axis = ranks(2 * axes), axis_of(quantity, self.arms)
        reached = np.cumsum(law, axis=1)
        at = MIDDLES[rank[axes + axis]]
        more = np.stack([np.searchsorted(row, at * row[-1], side="left") for row in reached])
        counts = np.stack([had[:, None] + more, np.broadcast_to(totals[:, None], more.shape)])
        keys = counts[0] * (int(totals.max(initial=0)) + 1) + counts[1]
        distinct, first, which = np.unique(keys, return_index=True, return_inverse=True)
        tables = counts.reshape(2, -1)[:, first]
        from scipy import special

        levels = np.empty((len(distinct), DRAWS))
        for place in range(0, len(distinct), 512):
            some = slice(place, place + 512)
            knots = self.model.logits(quantity.arm, tables[0, some], tables[1, some])
            levels[some] = special.expit(spread(*knots, rank[axis]))
        return more, levels[which.reshape(more.shape), np.arange(DRAWS)]

    def completed(
        self, summary: Summary, coming: Coming, some: Completions, apart: bool
    ) -> Summary:
        """Who waits responds as drawn by the chain, and then the others as drawn given that."""
        assert isinstance(summary, EarlyCounts)
        assert isinstance(coming, Numbers)
        arms, strata = summary.analysed.shape[1:]
        shape = (len(summary.analysed), arms, strata, some.number)
        responding, levels = np.zeros(shape, dtype=np.int64), np.empty(shape)
        room = summary.waiting.sum(axis=(3, 4))
        for arm in range(arms):
            left = np.zeros((len(room), some.number), dtype=np.int64)
            for stratum in range(strata):
                quantity = Quantity("", LEVEL, arm, None, stratum if apart else ALL)
                more, level = self._together(quantity)
                levels[:, arm, stratum] = some.of(level)
                if apart or stratum == 0:
                    left = some.of(more.astype(np.float64)).astype(np.int64)
                here = np.minimum(left, room[:, arm, stratum, None])
                responding[:, arm, stratum] = here
                left = left - here
        return summary.completed_after(levels, responding, coming, some)

    def where_open(self, open_strata: Booleans) -> EarlyCountsPosterior:
        """The same, asked about the strata that are open now."""
        return replace(self, open_strata=open_strata)


def _answers(model: BetaBinomial, question: Question, totals: tuple[int, ...], box: Box) -> Floats:
    """What is asked of tables with the same totals; responders and totals by arm of the question.

    A whole table is worked out once, and then looked up.
    """
    if np.prod([total + 1 for total in totals]) > MOST_CELLS:
        return _of_cells(model, question, totals, cells(box))
    found: Floats = _whole(model, question, totals)[box]
    return found


@lru_cache(maxsize=TABLES_KEPT)
def _whole(model: BetaBinomial, question: Question, totals: tuple[int, ...]) -> Floats:
    every = tuple(slice(0, total + 1) for total in totals)
    answer = _of_cells(model, question, totals, cells(every))
    return answer.reshape([side.stop for side in every])


def _of_cells(
    model: BetaBinomial, question: Question, totals: tuple[int, ...], seen: tuple[Integers, ...]
) -> Floats:
    arms = [arm for arm in (question.arm, question.minus) if arm is not None]
    successes = np.zeros((len(seen[0]), len(model.priors)), dtype=np.int64)
    numbers = np.zeros_like(successes)
    for arm, total, own in zip(arms, totals, seen, strict=True):
        successes[:, arm], numbers[:, arm] = own, total
    return fast(model, question, successes, numbers)


def _means(model: BetaBinomial, arm: int, totals: tuple[int, ...], box: Box) -> Floats:
    """Posterior mean of an arm's probability, of tables with the same total."""
    seen = cells(box)[0]
    successes = np.zeros((len(seen), len(model.priors)), dtype=np.int64)
    numbers = np.zeros_like(successes)
    successes[:, arm], numbers[:, arm] = seen, totals[0]
    return model.mean(arm, successes, numbers)
