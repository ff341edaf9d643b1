"""The contract of an analysis model: what it reads, what it can be asked, how it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, reduce
from operator import mul
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.ties import Error, Sides, certain, not_known, settled, strictly_inside
from adaptive_cart.nouns.ahead import Coming
from adaptive_cart.nouns.completions import Completions, PlainCompletions
from adaptive_cart.nouns.distinct_rows import each_distinct
from adaptive_cart.nouns.parts import Part
from adaptive_cart.nouns.questions import ALL, KINDS, LEVEL, Quantity, Question, QuestionKind
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import SUMMARIES, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.borrowed import Borrowed
    from adaptive_cart.models.prior import Prior
    from adaptive_cart.models.prior_tip import PriorTip
    from adaptive_cart.nouns.external import External
    from adaptive_cart.nouns.external_draws import Drawn


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
    def probability(self, question: Question) -> Floats:
        """Posterior probability that a rule's question asks for.

        It lies on the right side of the thresholds that the question knows; see ``models/ties.py``.
        """
        answer = self.computed(question)
        if not question.against:
            return answer
        return settled(answer, question.against, self.error(question), self.sides(question))

    @classmethod
    def error(cls, question: Question) -> float:
        """What ``computed`` may be wrong by at most."""
        return cls.fast_error if cls.without_draws(question) else cls.drawn_error

    @classmethod
    def by_place(cls, question: Question, most: float) -> Error:
        """What it may be wrong by where the probability lies, of what it may be at most."""
        if not cls.without_draws(question):
            return Error.of_draws(most)
        return Error.of_tails(most) if cls.falls else Error(most)

    @classmethod
    def without_draws(cls, question: Question) -> bool:
        """Whether a question is answered without draws."""
        return question.of.answered_as(question) in cls.closed

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


class Reference:
    """The same model in PyMC: built once for a design, fitted to one look at a time.

    It is written from the statement of the model and shares nothing with the fast posterior but the
    prior's numbers, so that each checks the other.
    """

    arms: tuple[str, ...]

    @property
    def completes(self) -> bool:
        """Whether what will be seen at the last look can be drawn from its draws."""
        return False

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers, a line each, for a protocol or a report."""
        raise NotImplementedError  # abstract: every model supplies it

    def form(self, data: Mapping[str, npt.NDArray[Any]]) -> object:
        """What of the data a model is made for: data of another form need another model.

        By default nothing, so that one model is fitted to all.
        """
        return None

    def data(
        self,
        summary: Summary,
        trial: int = 0,
        open_strata: Booleans | None = None,
        question: Question | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """One trial's data, by the name that the model has for them.

        Parameters
        ----------
        trial
            Position in the summary.
        open_strata
            ``(stratum,)`` in that trial; nothing where all are open.
        question
            What is to be asked. A model that pools strata or compares two arms at a time analyses
            what the question is about; without one, all strata, and the first experimental arm
            against the control. Questions with equal data share a fit.
        """
        raise NotImplementedError  # abstract: every model supplies it

    def model(self, data: Mapping[str, npt.NDArray[Any]]) -> Any:
        """A new ``pymc.Model`` of these data."""
        raise NotImplementedError  # abstract: every model supplies it

    def of(
        self,
        draws: Mapping[str, npt.NDArray[np.float64]],
        quantity: Quantity,
        open_strata: Booleans | None = None,
    ) -> Floats:
        """A quantity of an arm, draw by draw, ``(chain, draw)``.

        Parameters
        ----------
        draws
            By parameter, ``(chain, draw, ...)``, of a fit to the data of the question.
        open_strata
            ``(stratum,)`` as for ``data``.
        """
        raise NotImplementedError  # abstract: every model supplies it

    def quantity(
        self,
        draws: Mapping[str, npt.NDArray[np.float64]],
        question: Question,
        open_strata: Booleans | None = None,
    ) -> Floats:
        """What a question is about, draw by draw, ``(chain, draw)``; parameters as for ``of``."""
        needed = question.quantities(len(self.arms))
        return question.combine([self.of(draws, one, open_strata) for one in needed])

    def all_arms(self, stratum: int) -> Question | None:
        """A question whose data, in a stratum or in all, are those of every arm."""
        return Question("", len(self.arms) - 1, stratum=stratum)

    def completed(
        self,
        fitted: Callable[[int], Mapping[str, npt.NDArray[np.float64]]],
        summary: Summary,
        coming: Any,
        some: PlainCompletions,
        apart: bool,
    ) -> Summary:
        """Data of one trial as they may be at the last look, a row a draw.

        Parameters
        ----------
        fitted
            Draws given the data of every arm in a stratum (its position, or ``ALL``): by parameter,
            ``(1, draw, ...)``.
        summary, coming, some, apart
            As for :meth:`Posterior.completed`.
        """
        raise NotImplementedError  # supplied where it completes trials


def holds(question: Question, quantity: Floats) -> Floats:
    """Whether what a question asks is so, draw by draw, as 1 and 0; of a place a part between.

    The posterior probability is the mean.
    """
    return question.of.chance(question, quantity).astype(np.float64)


class Statement(NamedTuple):
    """One equation of a model, in the LaTeX of ``report/equations.py``, and how it reads aloud."""

    source: str
    words: str


class Told(NamedTuple):
    """What readers call what a model gives.

    Attributes
    ----------
    answer
        What a rule compares with its threshold, before the clause that it is of.
    sign
        The same in a formula, before the brackets.
    estimate, interval
        Of a quantity.
    """

    answer: str
    sign: str
    estimate: str
    interval: str


class AnalysisBase(Part):
    """What every ``[analysis.ENDPOINT]`` table is.

    Class attributes
    ----------------
    reads
        The summary noun that the model analyses; it must be what the endpoint gives.
    answers
        The kinds of question that it answers without draws; what they are made of it knows.
    knows
        Names of the quantities of an arm that its posterior knows beside those of its answers.
    ordered_by
        The kind of question whose quantity puts arms in order where a rule names none.
    by_stratum
        Whether strata have parameters of their own, so that each has an estimand.
    title
        Name of the model at the head of its equations.
    statements
        Likelihood and prior, for a report.
    level
        What its level is: a ``probability``, a ``yearly rate``.
    of_level
        What those have who make up the level, where the arm's name alone does not say it.
    pairs
        Whether arms are compared two at a time, so that no other arm has a part in the posterior.
    slow
        Whether its posterior takes so long that a report repeats fewer trials.
    enumerates
        Whether a predictive probability about levels is a sum over all last tables, and not a share
        of drawn ones.
    answered_by
        What answers: its ``error`` says what an answer may be wrong by.
    bayesian
        Whether its answers are probabilities of a posterior, from a prior. Else it is a test, whose
        answers are one less a p-value; only such a threshold can spend a type I error.
    of_tables
        Whether its answers are a matter of responders and participants alone.
    beside_external
        Whether arms can be compared with external data of the endpoint.
    external_by_stratum
        Whether that is so in one stratum, by what was seen there.
    beside_control
        Whether its parameters are those of the control, and what each other arm differs by.
    by_period
        Whether it matters in which period of the trial somebody was randomised.
    cures
        Whether by it somebody may never have the event, however long the follow-up.
    counted
        Who counts in a comparison, in words, where it is not simply everybody in its arms.
    told
        What readers call its answers and estimates.
    """

    model: str

    reads: ClassVar[str]
    answers: ClassVar[tuple[str, ...]]
    knows: ClassVar[tuple[str, ...]] = ()
    ordered_by: ClassVar[str] = LEVEL
    by_stratum: ClassVar[bool] = False
    title: ClassVar[str]
    statements: ClassVar[tuple[Statement, ...]]
    level: ClassVar[str] = "probability"
    of_level: ClassVar[str] = ""
    pairs: ClassVar[bool] = False
    slow: ClassVar[bool] = False
    enumerates: ClassVar[bool] = False
    answered_by: ClassVar[type[Posterior]]
    bayesian: ClassVar[bool] = True
    of_tables: ClassVar[bool] = False
    beside_external: ClassVar[bool] = False
    external_by_stratum: ClassVar[bool] = False
    beside_control: ClassVar[bool] = False
    by_period: ClassVar[bool] = False
    cures: ClassVar[bool] = False
    counted: ClassVar[str] = ""
    told: ClassVar[Told] = Told(
        "the posterior probability that", "P", "posterior mean", "credible interval"
    )

    @property
    def calendar_months(self) -> float | None:
        """Length of the equal calendar periods that are told apart too; nothing where none are."""
        return None

    @property
    def over_strata(self) -> str:
        """How strata enter a question that names none, in words."""
        return "averaged over the strata by their shares" if self.by_stratum else "strata pooled"

    @property
    def ratio_over_strata(self) -> Literal["pooled", "shared", "averaged"]:
        """What a hazard ratio over several strata is one of.

        Of their data pooled; of strata with baselines of their own that share it; or a geometric
        mean of theirs by shares of enrolment.
        """
        return "pooled"

    @property
    def strata_apart(self) -> bool:
        """Whether a question about a stratum is answered from its data alone, apart from all."""
        return not self.by_stratum

    @classmethod
    def can_be_asked(cls, kind: QuestionKind) -> bool:
        """Whether its posterior knows the numbers of arms that a kind of question is made of."""
        if kind.among_open and not kind.of_several:  # of whatever its arms are put in order by
            return True
        if kind.of_several and not cls.bayesian:  # a test has no draws to put together
            return False
        fits = kind.may_be_asked_of(SUMMARIES[cls.reads].bounds)
        answered = {KINDS[name].quantity for name in cls.answers}
        return kind.quantity in answered.union(cls.knows) and fits

    @property
    def ahead(self) -> AnalysisBase | None:
        """The analysis from whose posterior what is still to come is drawn; nothing for none."""
        return self if self.predicts() else None

    def to_come_example(self) -> str:
        """What to write where a test is to be predicted: a table, as TOML."""
        return ""

    @classmethod
    def predicts(cls) -> bool:
        """Whether what will be seen at the last look can be drawn from its posterior."""
        own = cls.answered_by.completed is not Posterior.completed
        return cls.bayesian and (own or SUMMARIES[cls.reads].completed is not Summary.completed)

    def problems(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> list[tuple[str, str]]:
        """Faults of the table that need the design's names: (path below the table, message)."""
        return []

    def misfits(self, categories: tuple[str, ...]) -> list[tuple[str, str]]:
        """Faults of the table beside the categories of an ordinal outcome, likewise."""
        return []

    def arms_named(self, arms: tuple[str, ...]) -> tuple[str, ...]:
        """Arms that the table speaks of: those with a prior of their own, else every arm."""
        return arms

    def borrowed(self, arms: tuple[str, ...]) -> Mapping[str, Borrowed]:
        """By arm: how its prior borrows from external data, where it does."""
        return {}

    def borrows_at(self, arm: str) -> str:
        """Where the table says how an arm borrows."""
        return f"prior.{arm}"

    def told_external(self, external: Mapping[str, External]) -> AnalysisBase:
        """Return the analysis told what was seen in the external data that it names."""
        return self

    def priors(self, fitted: Any, arms: tuple[str, ...]) -> Iterator[Prior]:
        """Every prior of the table, for pages and figures.

        By default that of a level, from draws of the posterior that no data leave.
        """
        from adaptive_cart.models.prior import in_order, of_draws

        empty = SUMMARIES[self.reads].empty(len(arms), 1)
        drawn = self.posterior(fitted, empty, None).drawn(Question("", len(arms) - 1))[0]
        yield of_draws(self.level, self.level, in_order(self.plain()["prior"]), drawn)

    def in_stratum(self, fitted: Any, stratum: int) -> Any:
        """The fitted model by which a question about one stratum is answered; here the same.

        Parameters
        ----------
        stratum
            Position; all of them together where it is below 0.
        """
        return fitted

    def prior_tips(self, fitted: Any, arms: tuple[str, ...]) -> Iterator[PriorTip]:
        """Numbers of its priors that may be moved until a decision turns; none by default."""
        return iter(())

    def prior_table(self) -> dict[str, Any]:
        """What the table says of its priors, for a reader; empty where they are flat."""
        return dict(self.plain()["prior"])

    def flat(self, fitted: Any) -> bool:
        """Whether a prior is flat, so that there is no posterior before there are data."""
        return False

    def with_prior(self, kind: str, arms: tuple[str, ...]) -> dict[str, Any] | None:
        """Table of the same model with a ``vague`` prior, or the ``sceptical`` one: the control's.

        Nothing where the model has no such prior, or has it already.
        """
        return None

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> Any:
        """Return the model with its priors in arm order: a frozen object, made once a run."""
        raise NotImplementedError  # abstract: every model supplies it

    def of_categories(self, fitted: Any, categories: tuple[str, ...]) -> Any:
        """Return what was fitted, told the categories of its endpoint; the same where it has none.

        Parameters
        ----------
        categories
            Names, the worst first.
        """
        return fitted

    def beside(self, external: Mapping[str, External], controlled: bool = True) -> AnalysisBase:
        """Return the analysis told what was seen in the external data that arms are compared with.

        They stand behind the arms, in their order; data of other endpoints have no numbers.

        Parameters
        ----------
        controlled
            Whether an arm is the control.
        """
        return self

    def beside_problems(self) -> Iterator[tuple[str, str]]:
        """Faults of the table where arms are compared with external data, as of ``problems``."""
        return iter(())

    def with_drawn(self, summary: Summary, drawn: Mapping[str, Drawn]) -> Summary:
        """Return what is seen, and beside it the external data that are drawn anew with each trial.

        Parameters
        ----------
        drawn
            By name of the external data.
        """
        raise NotImplementedError  # supplied where arms can be compared with external data

    def over_time(self) -> AnalysisBase:
        """Return the analysis that deals with the calendar as the table says; by default itself."""
        return self

    def outside(self, summary: Summary) -> tuple[Integers, Integers]:
        """Responders and participants of external data behind the arms, ``(trial, external)``."""
        none = np.zeros((len(summary.analysed), 0), dtype=np.int64)
        return none, none

    def counting_early(self, prior: float) -> AnalysisBase:
        """Return the analysis in which who has not reached the month counts by an earlier state.

        Parameters
        ----------
        prior
            What each state of a row of the chain is worth beforehand.
        """
        raise NotImplementedError  # supplied where earlier months are counted in

    def dated(self, summary: Summary) -> Summary:
        """What is seen of an endpoint, as the analysis dates it."""
        return summary

    def by_intervals(self) -> bool:
        """Whether events that are seen at visits are analysed as having happened between two."""
        return False

    def error(self, fitted: Any, question: Question, participants: tuple[int, ...]) -> float:
        """What an answer near a threshold may be wrong by; 0 where each of them is decided exactly.

        Parameters
        ----------
        participants
            By arm, the most that are analysed.
        """
        return self.answered_by.error(question)

    def posterior(self, fitted: Any, summary: Summary, open_strata: Booleans | None) -> Posterior:
        """Posterior of a block of trials.

        Parameters
        ----------
        open_strata
            ``(trial, stratum)`` over which a question about the open strata averages; nothing
            where all are.
        """
        raise NotImplementedError  # abstract: every model supplies it

    def anew(
        self, summary: Summary, trial: int, open_strata: Booleans | None, question: Question
    ) -> float:
        """What a test answers of one trial, by other code; of posteriors there is ``reference``.

        Parameters
        ----------
        trial
            Position in the summary.
        open_strata
            ``(stratum,)``; nothing where all are open.
        """
        raise NotImplementedError  # supplied where there is no posterior

    def estimated_anew(
        self, summary: Summary, trial: int, open_strata: Booleans | None, question: Question
    ) -> float:
        """What a test estimates of one trial, by other code; parameters as for :meth:`anew`."""
        raise NotImplementedError  # supplied where there is no posterior

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        """Return the same model in PyMC, for a design's arms and strata.

        Parameters
        ----------
        strata, shares
            Names (none where there are no strata) and shares of enrolment.
        """
        raise NotImplementedError  # abstract: every model supplies it
