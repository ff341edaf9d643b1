"""How far what is missing would have to differ to turn success over, trial by trial.

At the look that ended a trial what is missing of scores, times and rates is moved away from what
was seen in the same arm (:mod:`adaptive_cart.conduct.moved_missing`), of one arm or of all alike,
and the rule judged again at the threshold of that look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from adaptive_cart.conduct.block import Block
from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.given_scores import GivenScores
from adaptive_cart.conduct.moved_missing import (
    SPREADS,
    arms_in_trial,
    completed_answers,
    counted_of,
    lost_of,
    mixed_answer,
    mixes,
    share_missing,
    spread_of_changes,
)
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.conduct.unseen_months import UnseenMonths
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.lost import Lost, MissingShift
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.running.judged_at_end import EDGE, JudgedAtEnd, others_hold, parts_at_end

FOLDS: Final = (1.5, 2.0, 5.0, 20.0)  # a hazard or a rate is multiplied, or divided, by these
DRAWN: Final = (64, 448)  # completions; the second lot where the first leaves it open
NEAR: Final = 3.0  # standard errors from the threshold, within which it is open
SHARES: Final = 40  # steps from none to all of the months that were not seen
STEPS: Final = 100  # towards either end, at which a mean is judged
DRAWN_STEPS: Final = 40  # the same of a proportion, from draws, and of scores that are given
CELLS: Final = 3_000_000  # of completed participants at once


@dataclass(frozen=True)
class ShiftTips:
    """What some arms' missing could do to success, ``(trial,)`` each.

    Attributes
    ----------
    arms
        Whose missing differ, all alike.
    holds
        Whether the rule holds as the trial stands.
    known
        Whether it was judged at the look that ended the trial.
    missing
        How many participants of these arms something is missing of.
    size
        The least move that turns success over: in standard deviations of the changes seen, how
        many times larger or smaller, or by what share of the months that were not seen; infinite
        where none that is looked at does.
    amount
        The same in the endpoint's unit, higher or lower, or the share; not a number of a factor,
        or where there is none.
    """

    endpoint: str
    shift: MissingShift
    arms: tuple[int, ...]
    holds: Booleans
    known: Booleans
    missing: Floats
    size: Floats
    amount: Floats


def shift_tips(
    plan: Plan, rule: ResolvedRule, parts: Sequence[Comparison], block: Block
) -> list[ShiftTips]:
    """Move what is missing of each question's endpoint, arm by arm and of all alike.

    Parameters
    ----------
    plan
        That under the truth of the block.
    parts
        Questions of the rule, all of which have to hold.
    block
        With its participants.
    """
    judged = parts_at_end(_Judged, plan, rule, block)
    found: list[ShiftTips] = []
    for part in parts:
        beside = others_hold(judged, part, len(block.months))
        found += judged[part.name].tips(beside)
    return found


class _Judged(JudgedAtEnd):
    """One question at the look that ended each trial, whose missing may be moved."""

    def tips(self, beside: Booleans) -> Iterator[ShiftTips]:
        """Arm by arm, and all alike.

        Parameters
        ----------
        beside
            Whether all else that success asks holds.
        """
        question = self.part.question
        shift = self.seen.summary(question.endpoint).missing_shift
        assert shift is not None
        if shift.share:
            missing, move = self._months()
        else:
            missing, move = self._means() if shift.added else self._completed()
        arms = [arm for arm in arms_in_trial(self.seen.plan.design, question)
                if missing[:, arm].any()]  # fmt: skip
        for group in [[arm] for arm in arms] + ([arms] if len(arms) > 1 else []):
            size, amount = move(group)
            can = beside & ~np.isnan(self.thresholds)
            yield ShiftTips(
                question.endpoint,
                shift,
                tuple(group),
                self.holds & beside,
                self.known,
                missing[:, group].sum(axis=1),
                np.where(can, size, np.inf),
                np.where(can & np.isfinite(size), amount, np.nan),
            )

    @property
    def _strata(self) -> list[int]:
        stratum = self.part.question.stratum
        return [stratum] if stratum >= 0 else list(range(len(self.seen.plan.design.shares)))

    # ── means ─────────────────────────────────────────────────────────────────────────────
    def _means(self) -> tuple[Floats, Callable[[list[int]], tuple[Floats, Floats]]]:
        """Participants missing, ``(trial, arm)``, and the least move of some arms' means."""
        question = self.part.question
        summary = self.seen.summary(question.endpoint)
        plan, strata, given = self.seen.plan, self._strata, None
        if plan.design.endpoints[question.endpoint].dropout_counts():
            given = GivenScores.of(self.seen, question, strata)
            if given is None:
                none = np.zeros((len(self.thresholds), len(plan.design.arms)))
                return none, lambda group: (np.zeros(0), np.zeros(0))
        own = counted_of(plan, question, summary)
        missing = own.columns()["missing"][:, :, strata if own is summary else [0]].sum(axis=2)
        share = share_missing(plan, question, summary, strata)
        spread = spread_of_changes(summary)
        if given is not None:
            by_given = partial(self._by_steps, partial(self._given, given), spread)
            return given.participants.astype(np.float64), by_given
        if mixes(plan.design, question):
            return missing, partial(self._by_steps, partial(self._mixed, share), spread)
        by, turns = self._raised(SPREADS * float((share.max(axis=1) * spread).max(initial=0.0)))

        def move(group: list[int]) -> tuple[Floats, Floats]:
            own = share[:, question.arm] if question.arm in group else np.zeros(len(share))
            other = question.minus
            if other in group:
                own = own - share[:, other]
            with np.errstate(divide="ignore", invalid="ignore"):
                each = by / own[:, None]  # the move at which the means lie apart by so much more
            beyond = ~(np.abs(each) <= SPREADS * spread[:, None])
            nearest = np.where(beyond | ~turns, np.inf, np.abs(each))
            place = nearest.argmin(axis=1)
            every = np.arange(len(place))
            least = nearest[every, place]
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(np.isinf(least), np.inf, least / spread), each[every, place]

        return missing, move

    def _mixed(self, share: Floats, amounts: Floats) -> Floats:
        """The probability where the missing have a proportion of their own."""
        return mixed_answer(self.seen, self.part.question, share, amounts)

    def _given(self, given: GivenScores, amounts: Floats) -> Floats:
        """The probability where scores that were given are moved."""
        question = self.part.question
        other = self.seen.with_summary(question.endpoint, given.moved(amounts))
        return other.probability(self.part, question)

    def _by_steps(
        self, answer: Callable[[Floats], Floats], spread: Floats, group: list[int]
    ) -> tuple[Floats, Floats]:
        """The least move of some arms' missing: in spreads, and as it is.

        Looked at are evenly spaced moves, the same of every trial.

        Parameters
        ----------
        answer
            The probability, ``(trial,)``, with what is missing of each arm moved so far.
        """
        most = SPREADS * float(spread.max(initial=0.0))
        nearest = np.full(len(spread), np.inf)
        for sign in (1.0, -1.0):
            answers = [self.probability]
            for step in range(1, DRAWN_STEPS + 1):
                amounts = np.zeros(len(self.seen.plan.design.arms))
                amounts[group] = sign * most * step / DRAWN_STEPS
                answers.append(answer(amounts))
            place, turned = self.first_turn(answers)
            by = sign * most / DRAWN_STEPS * place
            near = turned & (np.abs(by) <= SPREADS * spread) & (np.abs(by) < np.abs(nearest))
            nearest = np.where(near, by, nearest)
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.where(np.isinf(nearest), np.inf, np.abs(nearest) / spread)
        return size, nearest

    def _raised(self, most: float) -> tuple[Floats, Booleans]:
        """By how much the difference asked about has to be raised, and lowered, to turn it over.

        The probability is worked out at evenly spaced values, the same of every trial; between two
        the normal quantile of it is taken as straight.

        Parameters
        ----------
        most
            As far as that is looked at.

        Returns
        -------
        ``(trial, 2)`` up and down, and whether it turns over there.
        """
        question, part = self.part.question, self.part
        up = [most * k / STEPS for k in range(STEPS + 1)]
        by, turns = [], []
        for values in (up, [-value for value in up]):
            answers = []
            for value in values:
                raised = question.of.raised(question, value, 0.0)
                assert raised is not None
                answers.append(self.seen.probability(part, raised))
            place, turned = self.first_turn(answers)
            by.append((values[1] - values[0]) * place)
            turns.append(turned)
        return np.stack(by, axis=1), np.stack(turns, axis=1)

    # ── months that were not seen ──────────────────────────────────────────────────────────
    def _months(self) -> tuple[Floats, Callable[[list[int]], tuple[Floats, Floats]]]:
        """Participants who left, ``(trial, arm)``, and how far the share of their months has to go.

        Where who left is left out, from the share with which they are as the others of their arm.
        """
        seen, question = self.seen, self.part.question
        months = UnseenMonths.of(seen, question, self._strata)
        trials, arms = len(self.thresholds), len(seen.plan.design.arms)
        if months is None:
            return np.zeros((trials, arms)), lambda group: (np.zeros(0), np.zeros(0))

        def move(group: list[int]) -> tuple[Floats, Floats]:
            lines = []
            for value in np.arange(SHARES + 1) / SHARES:
                share = np.full(arms, months.as_read)
                share[group] = value
                other = seen.with_summary(question.endpoint, months.with_share(share))
                lines.append(other.probability(self.part, question))
            gone = self._nearest(np.stack(lines), months.from_where(group))
            return gone, gone

        return months.participants.astype(np.float64), move

    def _nearest(self, answers: Floats, start: Floats) -> Floats:
        """How far from a share the nearest is with which the verdict is another, ``(trial,)``.

        Between two shares that are looked at the normal quantile of the probability is taken as
        straight; infinite where there is none.

        Parameters
        ----------
        answers
            ``(share, trial)`` probabilities at evenly spaced shares from none to all.
        """
        from scipy.special import ndtri  # slow to import

        other = self.part.compared(answers, self.thresholds) != self.holds
        lines, wanted = ndtri(np.clip(answers, EDGE, 1.0 - EDGE)), ndtri(self.thresholds)
        nearest = np.full(len(start), np.inf)
        for k in range(len(answers) - 1):
            with np.errstate(divide="ignore", invalid="ignore"):
                part_way = (wanted - lines[k]) / (lines[k + 1] - lines[k])
            crossing = (k + np.clip(np.nan_to_num(part_way, nan=1.0), 0.0, 1.0)) / SHARES
            low = np.where(other[k], k / SHARES, crossing)  # from here to there it is another
            high = np.where(other[k + 1], (k + 1) / SHARES, crossing)
            away = np.abs(start - np.clip(start, low, high))
            there = (other[k] | other[k + 1]) & self.known
            nearest = np.where(there, np.minimum(nearest, away), nearest)
        return nearest

    # ── hazards and rates ─────────────────────────────────────────────────────────────────
    def _completed(self) -> tuple[Floats, Callable[[list[int]], tuple[Floats, Floats]]]:
        """Participants lost, ``(trial, arm)``, and the least factor of some arms' hazards."""
        lost = lost_of(self.seen, self.part.question.endpoint)
        trials, arms = len(self.thresholds), len(self.seen.plan.design.arms)
        if lost is None:
            return np.zeros((trials, arms)), lambda group: (np.zeros(0), np.zeros(0))
        missing = lost.participants[:, :, self._strata].sum(axis=2)
        known = self.known
        as_seen = np.full((trials, DRAWN[0]), np.nan)
        as_seen[known] = self._answers(lost, np.flatnonzero(known), np.ones(arms), 0)

        def turned(rows: Integers, group: list[int], factor: float) -> Booleans:
            factors = np.ones(arms)
            factors[group] = factor
            more = self._answers(lost, rows, factors, 0) - as_seen[rows]
            moved = self.probability[rows] + more.mean(axis=1)
            error = more.std(axis=1, ddof=1) / np.sqrt(DRAWN[0])
            near = np.flatnonzero(np.abs(moved - self.thresholds[rows]) <= NEAR * error)
            again, before = (
                self._answers(lost, rows[near], of, 1) for of in (factors, np.ones(arms))
            )
            sums = more[near].sum(axis=1) + (again - before).sum(axis=1)
            moved[near] = self.probability[rows[near]] + sums / sum(DRAWN)
            moved = np.clip(moved, 0.0, 1.0)
            return self.part.compared(moved, self.thresholds[rows]) != self.holds[rows]

        def move(group: list[int]) -> tuple[Floats, Floats]:
            size = np.full(trials, np.inf)
            some = np.flatnonzero(known & (missing[:, group] > 0).any(axis=1))
            for sign in (1.0, -1.0):
                rows = some
                for fold in FOLDS[::-1]:
                    over = turned(rows, group, fold**sign)
                    size[rows[over]] = np.minimum(size[rows[over]], fold)
                    rows = rows[over] if len(group) == 1 else rows  # of one arm it only grows
            return size, np.full(trials, np.nan)

        return missing, move

    def _answers(self, lost: Lost, rows: Integers, factors: Floats, lot: int) -> Floats:
        """Probability of each completion of one lot of some trials, ``(row, completion)``."""
        seen, question = self.seen, self.part.question
        stream, number = list(seen.plan.design.endpoints).index(question.endpoint), DRAWN[lot]
        some = Completions(sum(DRAWN[:lot]), number, stream)
        each = max(1, CELLS // (number * seen.snapshot.population.participants))
        found = [np.zeros((0, number))]
        for few in np.split(rows, range(each, len(rows), each)) if len(rows) else ():
            here = seen.of_rows(few)
            found.append(completed_answers(here, self.part, question, lost, factors, some))
        return np.concatenate(found)
