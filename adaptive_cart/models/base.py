"""The contract of an analysis model: what it reads, what it can be asked, how it answers."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from adaptive_cart.parts import Part
from adaptive_cart.questions import Question
from adaptive_cart.records import Booleans, Floats, Summary


class Posterior(Protocol):
    """What the data of a block of trials say; every answer is ``(trial,)``."""

    @property
    def failed(self) -> Booleans | None:
        """Trials whose posterior could not be computed; nothing where that cannot happen."""

    def probability(self, question: Question) -> Floats:
        """Posterior probability that a rule's question asks for."""

    def mean(self, question: Question) -> Floats:
        """Posterior mean of the quantity that the question is about."""


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
    available
        Whether the fast posterior is built; a model that is not may be named in a design as long as
        no rule asks it.
    """

    model: str

    reads: ClassVar[str]
    answers: ClassVar[tuple[str, ...]]
    available: ClassVar[bool] = True
    by_stratum: ClassVar[bool] = False

    def problems(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> list[tuple[str, str]]:
        """Faults of the table that need the design's names: (path below the table, message)."""
        return []

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
