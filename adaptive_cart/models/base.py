"""The contract of an analysis model: what it reads, what it can be asked, how it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.ties import Sides, settled
from adaptive_cart.nouns.parts import Part
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Summary


class Posterior:
    """What the data of a block of trials say; every answer is ``(trial,)``."""

    @property
    def failed(self) -> Booleans | None:
        """Trials whose posterior could not be computed; nothing where that cannot happen."""
        return None

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
        """What ``computed`` may be wrong by, as the model's module states and tests."""
        raise NotImplementedError  # abstract: every model supplies it

    def computed(self, question: Question) -> Floats:
        """Posterior probability as floating point has it, on whichever side of a threshold."""
        raise NotImplementedError  # abstract: every model supplies it

    def sides(self, question: Question) -> Sides:
        """On which side of a threshold answers lie, where that is known whatever their error."""
        raise NotImplementedError  # abstract: every model supplies it

    def mean(self, question: Question) -> Floats:
        """Posterior mean of the quantity that the question is about."""
        raise NotImplementedError  # abstract: every model supplies it

    def covers(self, question: Question, level: float) -> Booleans:
        """Whether the equal-tailed credible interval of the quantity holds the question's value."""
        return within_tails(self.probability(question.compared_with(*tails(level))), level)

    def where_open(self, open_strata: Booleans) -> Posterior:
        """Return the same posterior, asked about the strata that are open now."""
        raise NotImplementedError  # abstract: every model supplies it


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


class Reference(Protocol):
    """The same model in PyMC: built once for a design, fitted to one look at a time.

    It is written from the statement of the model and shares nothing with the fast posterior but the
    prior's numbers, so that each checks the other.
    """

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers, a line each, for a protocol or a report."""

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

    def model(self, data: Mapping[str, npt.NDArray[Any]]) -> Any:
        """A new ``pymc.Model`` of these data."""

    def quantity(
        self,
        draws: Mapping[str, npt.NDArray[np.float64]],
        question: Question,
        open_strata: Booleans | None = None,
    ) -> Floats:
        """What a question is about, draw by draw, ``(chain, draw)``.

        For ``best`` 1 where the arm is the best experimental arm and 0 elsewhere.

        Parameters
        ----------
        draws
            By parameter, ``(chain, draw, ...)``, of a fit to the data of this question.
        open_strata
            ``(stratum,)`` as for ``data``.
        """


def holds(question: Question, quantity: Floats) -> Floats:
    """Whether what a question asks is so, draw by draw, as 1 and 0.

    The posterior probability is the mean.
    """
    return question.of.holds(question, quantity).astype(np.float64)


class AnalysisBase(Part):
    """What every ``[analysis.ENDPOINT]`` table is.

    Class attributes
    ----------------
    reads
        The summary noun that the model analyses; it must be what the endpoint gives.
    answers
        The kinds of question the model can be asked.
    by_stratum
        Whether strata have parameters of their own, so that each has an estimand.
    answered_by
        What answers: its ``error`` says what an answer may be wrong by.
    """

    model: str

    reads: ClassVar[str]
    answers: ClassVar[tuple[str, ...]]
    by_stratum: ClassVar[bool] = False
    answered_by: ClassVar[type[Posterior]]

    def problems(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> list[tuple[str, str]]:
        """Faults of the table that need the design's names: (path below the table, message)."""
        return []

    def arms_named(self, arms: tuple[str, ...]) -> tuple[str, ...]:
        """Arms that the table speaks of: those with a prior of their own, else every arm."""
        return arms

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> Any:
        """Return the model with its priors in arm order: a frozen object, made once a run."""
        raise NotImplementedError  # abstract: every model supplies it

    def posterior(self, fitted: Any, summary: Summary, open_strata: Booleans | None) -> Posterior:
        """Posterior of a block of trials.

        Parameters
        ----------
        open_strata
            ``(trial, stratum)`` over which a question about the open strata averages; nothing
            where all are.
        """
        raise NotImplementedError  # abstract: every model supplies it

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
