"""The contract of an analysis model: what it reads, what it can be asked, how it answers.

Of its three parts, all to be had from here, the table is below, and the fast answers
(``posterior.py``) and the same in PyMC (``reference.py``) have files of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from adaptive_cart.models.posterior import Posterior, tails, within_tails
from adaptive_cart.models.reference import OneTrial, Reference, holds
from adaptive_cart.nouns.parts import Part
from adaptive_cart.nouns.questions import KINDS, LEVEL, Question, QuestionKind
from adaptive_cart.nouns.records import Booleans, Integers
from adaptive_cart.nouns.summaries import SUMMARIES, ByPeriod, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.borrowed import Borrowed
    from adaptive_cart.models.prior import Prior
    from adaptive_cart.models.prior_tip import PriorTip
    from adaptive_cart.nouns.external import External
    from adaptive_cart.nouns.external_draws import Drawn
    from adaptive_cart.nouns.prior_truths import PriorTruth, PriorUniforms

__all__ = [
    "AnalysisBase",
    "OneTrial",
    "Posterior",
    "Reference",
    "Statement",
    "Told",
    "holds",
    "tails",
    "within_tails",
]


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
    of_two_counts
        Whether what it says of two arms is a matter of responders and participants that it counts.
    beside_external
        Whether arms can be compared with external data of the endpoint.
    external_redrawn
        Whether such data may be drawn anew with every trial.
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
    information
        What a type I error is spent by: ``participants`` or ``events``; blank where by nothing.
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
    of_two_counts: ClassVar[bool] = False
    beside_external: ClassVar[bool] = False
    external_redrawn: ClassVar[bool] = False
    external_by_stratum: ClassVar[bool] = False
    beside_control: ClassVar[bool] = False
    by_period: ClassVar[bool] = False
    cures: ClassVar[bool] = False
    counted: ClassVar[str] = ""
    information: ClassVar[str] = ""
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

    def prior_truths(
        self, fitted: Any, arms: int, strata: int, draws: PriorUniforms
    ) -> PriorTruth | None:
        """What is true in every trial of a block, drawn from the prior; nothing where none is.

        Parameters
        ----------
        arms, strata
            How many the design has.
        """
        return None

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

    def expected_of_control(self, fitted: Any) -> float | None:
        """Prior mean of the control's probability; nothing where no prior is of that alone."""
        return None

    def changes_at(self) -> tuple[float, ...]:
        """Months at which a hazard changes that is constant between them."""
        return ()

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

    @classmethod
    def why_not_beside(cls, kind: QuestionKind, month: float, data: External) -> str:
        """Why an arm cannot be compared with external data so; blank where it can.

        Parameters
        ----------
        kind, month
            What is asked; the month is 0 where it asks about none.
        """
        return ""

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
        """Return the analysis that deals with the calendar as the table says.

        Itself where it has no ``time_trend``, or one by which everybody counts.
        """
        asked = getattr(self, "time_trend", None)
        if asked is None or not asked.by_period:
            return self
        from adaptive_cart.models.periods.kinds import ADJUSTED

        return ADJUSTED[asked.model][self.model].model_construct(**dict(self))

    def outside(self, summary: Summary) -> tuple[Integers, Integers]:
        """Responders and participants of external data behind the arms.

        ``(trial, external data, stratum)``; what is told of all strata together, in the first.
        """
        none = np.zeros((len(summary.analysed), 0, 1), dtype=np.int64)
        return none, none

    def counting_early(self, prior: float) -> AnalysisBase:
        """Return the analysis in which who has not reached the month counts by an earlier state.

        Parameters
        ----------
        prior
            What each state of a row of the chain is worth beforehand.
        """
        raise NotImplementedError  # supplied where earlier months are counted in

    def periods_counted(self, seen: ByPeriod, question: Question) -> Booleans:
        """Periods whose participants of its own arms a question hangs on, ``(trial, period)``."""
        raise NotImplementedError  # supplied where periods are told apart

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

    def anew(self, one: OneTrial) -> float:
        """What a test answers of one trial, by other code; of posteriors there is ``reference``."""
        raise NotImplementedError  # supplied where there is no posterior

    def estimated_anew(self, one: OneTrial) -> float:
        """What a test estimates of one trial, by other code."""
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
