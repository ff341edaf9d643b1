"""What the data of a block of trials say: the quantities a posterior knows, and how it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, reduce
from operator import mul
from typing import ClassVar

import numpy as np

from adaptive_cart.models.ties import Error, Sides, certain, not_known, settled, strictly_inside
from adaptive_cart.nouns.ahead import Coming
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.distinct_rows import each_distinct
from adaptive_cart.nouns.questions import ALL, LEVEL, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Summary


class Posterior:
    """What the data of a block of trials say; every answer is ``(trial,)``.

    A posterior knows numbers of arms (quantities); a question says which, and how they combine.
    What a model has in closed form or by quadrature it answers so: it overrides ``computed``,
    ``sides``, ``mean`` for the kinds of question in ``closed``. All else is answered here, from
    draws of the quantities; a model's first day needs no more than ``draw``.

    Class attributes
    ----------------
    closed, exactly
        Kinds of question that are answered without draws, and how that is done.
    fast_error, drawn_error
        What a probability may be wrong by at most, without draws and from them, as the model's
        module states and tests.
    limit_error
        What the probability beyond an end of a 95% interval may be wrong by at most.
    falls
        Whether the error without draws falls as a probability comes near to 0 or 1.
    arms_apart
        Whether arms have independent posteriors, and the draws of a level are its quantiles.
    begins_anew
        Whether nothing that is known of it makes it quicker to answer: all there is to know of a
        table is remembered elsewhere, so that tables of several looks are best asked together.
    drawn_seconds
        What drawing the arms of one table takes of one core, about, where that is long.
    completed_seconds
        What completing a trial at one look takes of one core, about, with the last look's answers.
    """

    closed: ClassVar[tuple[str, ...]] = ()
    exactly: ClassVar[str] = "closed form"
    fast_error: ClassVar[float] = 0.0
    drawn_error: ClassVar[float]
    limit_error: ClassVar[float] = 0.003
    falls: ClassVar[bool] = False
    arms_apart: ClassVar[bool] = False
    begins_anew: ClassVar[bool] = False
    drawn_seconds: ClassVar[float] = 0.0
    completed_seconds: ClassVar[float] = 0.01

    # ── what a model supplies ─────────────────────────────────────────────────────────────
    @property
    def arms(self) -> int:
        """How many arms the design has."""
        raise NotImplementedError  # abstract: every model supplies it

    def draw(self, quantity: Quantity) -> Floats:
        """Draws of a quantity from its posterior, ``(trial, draw)``; see ``models/draws.py``."""
        raise NotImplementedError  # abstract: every model supplies it

    @property
    def failed(self) -> Booleans | None:
        """Trials whose posterior could not be computed; nothing where that cannot happen."""
        return None

    def where_open(self, open_strata: Booleans) -> Posterior:
        """Return the same posterior, asked about the strata that are open now."""
        raise NotImplementedError  # abstract: every model supplies it

    def of_trials(self, rows: Integers) -> Posterior | None:
        """Return that of some of its trials, with what is known of them already.

        Nothing where that would not be less work than to begin anew.
        """
        return None

    def unpredictable(self, apart: bool, arms: list[int]) -> Booleans | None:
        """Trials from whose posterior nothing can be drawn; nothing where that cannot happen.

        Parameters
        ----------
        apart
            Whether strata are predicted each by itself.
        arms
            Those that are asked about; of others less has to be known.
        """
        return self.failed

    def completed(
        self, summary: Summary, coming: Coming, some: Completions, apart: bool
    ) -> Summary:
        """Data as they may be at the last look, a row a completion of a trial.

        Each is drawn with one draw of the posterior; by default a draw of every arm's level says
        all that is to be known.

        Parameters
        ----------
        summary, coming
            What has been seen, and what is still to come.
        some
            Which completions.
        apart
            Whether strata are predicted each by itself.
        """
        arms, strata = summary.analysed.shape[1:]
        levels = np.stack(
            [
                np.stack([self._level(arm, place, some, apart) for place in range(strata)], axis=1)
                for arm in range(arms)
            ],
            axis=1,
        )
        return summary.completed(levels, coming, some)

    def _level(self, arm: int, stratum: int, some: Completions, apart: bool) -> Floats:
        """Draws of an arm's level, ``(trial, completion)``."""
        return some.of(self.draws(Quantity("", LEVEL, arm, None, stratum if apart else ALL)))

    # ── what it is asked ──────────────────────────────────────────────────────────────────
    def about(self, question: Question) -> Posterior:
        """The posterior of those whom a question counts: its own, where it counts everybody."""
        return self

    def probability(self, question: Question) -> Floats:
        """Posterior probability that a rule's question asks for.

        It lies on the right side of the thresholds that the question knows; see ``models/ties.py``.
        """
        answer = self.computed(question)
        if not question.against:
            return answer
        return settled(answer, question.against, self.error(question), self.sides(question))

    def each(self, questions: Sequence[Question], asked: Booleans) -> Floats | None:
        """Probabilities of several questions, ``(trial, question)``, of no more trials than asked.

        Parameters
        ----------
        asked
            ``(trial, question)``; what is not asked is nan.

        Returns
        -------
        Nothing where that costs no less than to ask one after the other.
        """
        return None

    @classmethod
    def error(cls, question: Question) -> float:
        """What ``computed`` may be wrong by at most."""
        return cls.fast_error if cls.closed_for(question) else cls.drawn_error

    @classmethod
    def by_place(cls, question: Question, most: float) -> Error:
        """What it may be wrong by where the probability lies, of what it may be at most."""
        if not cls.closed_for(question):
            return Error.of_draws(most)
        return Error.of_tails(most) if cls.falls else Error(most)

    @classmethod
    def without_draws(cls, question: Question) -> bool:
        """Whether a question is answered without draws, by itself and not as a mean of others."""
        return question.kind in cls.closed

    @classmethod
    def closed_for(cls, question: Question) -> bool:
        """Whether a question is answered without draws, by itself or as the mean of some that are.

        An expected rank is such a mean: of its comparisons with the other arms.
        """
        kind = question.of.answered_as(question)
        if kind == question.kind:
            return cls.without_draws(question)
        return cls.without_draws(replace(question, kind=kind, minus=0 if question.arm else 1))

    def computed(self, question: Question) -> Floats:
        """Posterior probability as floating point has it, on whichever side of a threshold."""
        parts = question.of.averaged(question, self.arms)
        if parts and all(self.without_draws(one) for one in parts):
            return np.mean([self.computed(one) for one in parts], axis=0)
        return self.together([question])

    def sides(self, question: Question) -> Sides:
        """On which side of a threshold answers lie, where that is known whatever their error."""
        inside = question.of.inside(question, self.arms)
        if inside is None:
            return not_known
        return strictly_inside if inside else certain(True)

    def mean(self, question: Question) -> Floats:
        """Posterior mean of the quantity that the question is about.

        The posterior median of a kind whose mean may not exist (``question.of.heavy``).
        """
        if question.of.heavy:
            return self.quantile(question, 0.5)
        return self._known(self.drawn(question).mean(axis=1))

    def best(self, question: Question, rows: Integers) -> Floats:
        """Probability of each of the arms compared to be the best, ``(row, arm)``; they sum to 1.

        Parameters
        ----------
        question
            Which of some arms is the best, and by what; its own arm does not matter.
        rows
            Trials.
        """
        arms = question.compared(self.arms)
        if len(arms) == 1:
            return np.ones((len(rows), 1))
        values = np.stack([self.draws(one)[rows] for one in question.quantities(self.arms)])
        best = values.argmin(axis=0) if question.lowest else values.argmax(axis=0)
        found = np.stack([(best == place).mean(axis=1) for place in range(len(arms))], axis=1)
        if question.by.ties:  # of those that are the best together each has its part
            top = values == (values.min(axis=0) if question.lowest else values.max(axis=0))
            found = (top / np.maximum(top.sum(axis=0), 1)).mean(axis=2).T
        unknown = np.flatnonzero(np.isnan(values).any(axis=(0, 2)))
        found[unknown] = np.nan
        return found

    def best_of_open(self, order: Question, open_arms: Booleans) -> Floats:
        """Probability of each open experimental arm to be the best, ``(trial, arm)``; others 0.

        Parameters
        ----------
        order
            Which of some arms is the best, and by what.
        open_arms
            ``(trial, arm)``.
        """
        found = np.zeros(open_arms.shape)
        for pattern, rows in each_distinct(open_arms[:, order.first :]):
            arms = tuple(int(arm) + order.first for arm in np.flatnonzero(pattern))
            if arms:
                found[rows[:, None], arms] = self.best(replace(order, among=arms), rows)
        return found

    def covers(self, question: Question, level: float) -> Booleans:
        """Whether the equal-tailed credible interval of the quantity holds the question's value."""
        return within_tails(self.probability(question.compared_with(*tails(level))), level)

    def quantile(self, question: Question, probability: float) -> Floats:
        """Value that what the question is about lies below with this probability, from draws."""
        drawn = self.drawn(question)
        with np.errstate(invalid="ignore"):
            found = np.quantile(drawn, probability, axis=1)
        endless = np.flatnonzero(np.isinf(drawn).any(axis=1))
        if len(endless):  # nothing lies between a number and infinity
            found[endless] = np.quantile(drawn[endless], probability, axis=1, method="inverted_cdf")
        return self._known(found)

    def limits(self, question: Question, level: float) -> tuple[Floats, Floats]:
        """Both ends of the equal-tailed credible interval of what a question is about."""
        low, high = tails(level)
        return self.quantile(question, low), self.quantile(question, high)

    def together(self, questions: Sequence[Question]) -> Floats:
        """Probability that all that some questions ask is so, from draws."""
        drawn = [self.drawn(question) for question in questions]
        both = zip(questions, drawn, strict=True)
        so = reduce(mul, (question.of.chance(question, values) for question, values in both))
        unknown = np.logical_or.reduce([np.isnan(values[:, 0]) for values in drawn])
        return self._known(np.where(unknown, np.nan, so.mean(axis=1)))

    def drawn_for(self, questions: Sequence[Question]) -> Posterior:
        """Return the posterior whose draws answer what some questions ask at once: mostly itself.

        For models that compare arms two at a time, that of the pair.
        """
        return self

    def drawn(self, question: Question) -> Floats:
        """Draws of what a question is about, ``(trial, draw)``; nan where there is no posterior."""
        values = [self.draws(one) for one in question.quantities(self.arms)]
        unknown = np.logical_or.reduce([np.isnan(value[:, :1]) for value in values])
        return np.where(unknown, np.nan, question.combine(values))

    def draws(self, quantity: Quantity) -> Floats:
        """Draws of a quantity, ``(trial, draw)``; the same for all questions."""
        if quantity not in self._draws:
            self._draws[quantity] = self.draw(quantity)
        return self._draws[quantity]

    @cached_property
    def _draws(self) -> dict[Quantity, Floats]:
        return {}

    def _known(self, answer: Floats) -> Floats:
        return answer if self.failed is None else np.where(self.failed, np.nan, answer)


def tails(level: float) -> tuple[float, float]:
    """Probabilities at the ends of an equal-tailed interval: 0.025 and 0.975 for 0.95."""
    tail = round((1.0 - level) / 2.0, 15)  # 1 - 0.95 is 0.05 but for its last bit
    return tail, 1.0 - tail


def within_tails(probability: Floats, level: float) -> Booleans:
    """Whether a value with this posterior probability beyond it lies in the equal-tailed interval.

    Nowhere where the probability is nan.
    """
    lower, upper = tails(level)
    inside: Booleans = (probability >= lower) & (probability <= upper)
    return inside
