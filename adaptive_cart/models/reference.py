"""The PyMC face of an analysis model, by which its fast posterior is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.questions import ALL, OPEN, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Summary

Data: TypeAlias = Mapping[str, npt.NDArray[Any]]  # of one trial, by the name that a model has
Draws: TypeAlias = Mapping[str, Floats]  # by parameter, (chain, draw, ...)
Fitted: TypeAlias = Callable[[int], Draws]  # draws given the data of a stratum, or of ``ALL``
Kind = TypeVar("Kind", bound=Summary)


@dataclass(frozen=True)
class OneTrial:
    """What has been seen in one trial, and what is to be asked of it.

    Attributes
    ----------
    summary, trial
        Of some trials, and the position of this one among them.
    open_strata
        ``(stratum,)`` in that trial; nothing where all are open.
    question
        What is to be asked. A model that pools strata or compares two arms at a time analyses
        what the question is about; without one, all strata, and the first experimental arm
        against the control. Questions with equal data share a fit.
    """

    summary: Summary
    trial: int = 0
    open_strata: Booleans | None = None
    question: Question | None = None

    def seen(self, kind: type[Kind]) -> Kind:
        """What has been seen, which is of a kind that the model analyses."""
        assert isinstance(self.summary, kind)
        return self.summary

    @property
    def asked(self) -> Question:
        """What is to be asked, where that is known."""
        assert self.question is not None
        return self.question

    @property
    def stratum(self) -> int:
        """Position of the stratum asked about; ``ALL`` or ``OPEN`` where it is of several."""
        return ALL if self.question is None else self.question.stratum

    def of_strata(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Sum ``(arm, stratum, ...)`` over the strata that are asked about."""
        if self.stratum >= 0:
            return values[:, self.stratum].copy()
        if self.stratum == OPEN and self.open_strata is not None:
            values = values[:, self.open_strata]
        total: npt.NDArray[Any] = values.sum(axis=1)
        return total

    def in_strata(self, stratum: npt.NDArray[np.int8]) -> Booleans:
        """Which participants, ``(participant,)``, are in the strata that are asked about."""
        if self.stratum >= 0:
            return stratum == self.stratum
        if self.stratum == OPEN and self.open_strata is not None:
            return self.open_strata[stratum]
        return np.ones(stratum.shape, dtype=np.bool_)


class Reference:
    """The same model in PyMC: built once for a design, fitted to one look at a time.

    It is written from the statement of the model and shares nothing with the fast posterior but the
    prior's numbers, so that each checks the other.
    """

    arms: tuple[str, ...]
    made_of: ClassVar[
        tuple[str, ...]
    ] = ()  # names of data of which a model is made, and which it has not
    asked_with: ClassVar[
        tuple[str, ...]
    ] = ()  # of data that a question alone has: they stand beside the draws, and share a fit

    @property
    def completes(self) -> bool:
        """Whether what will be seen at the last look can be drawn from its draws."""
        return False

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers, a line each, for a protocol or a report."""
        raise NotImplementedError  # abstract: every model supplies it

    def form(self, data: Data) -> object:
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
    ) -> Data:
        """One trial's data, by the name that the model has for them; see :class:`OneTrial`."""
        return self.data_of(OneTrial(summary, trial, open_strata, question))

    def data_of(self, one: OneTrial) -> Data:
        """The same, as a model supplies them."""
        raise NotImplementedError  # abstract: every model supplies it

    def model(self, data: Data) -> Any:
        """A new ``pymc.Model`` of these data."""
        raise NotImplementedError  # abstract: every model supplies it

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """A quantity of an arm, draw by draw, ``(chain, draw)``.

        Parameters
        ----------
        draws
            Of a fit to the data of the question.
        open_strata
            ``(stratum,)`` as for ``data``.
        """
        raise NotImplementedError  # abstract: every model supplies it

    def quantity(
        self, draws: Draws, question: Question, open_strata: Booleans | None = None
    ) -> Floats:
        """What a question is about, draw by draw, ``(chain, draw)``; parameters as for ``of``."""
        needed = question.quantities(len(self.arms))
        return question.combine([self.of(draws, one, open_strata) for one in needed])

    def all_arms(self, stratum: int) -> Question | None:
        """A question whose data, in a stratum or in all, are those of every arm."""
        return Question("", len(self.arms) - 1, stratum=stratum)

    def completed(
        self, fitted: Fitted, summary: Summary, coming: Any, some: PlainCompletions, apart: bool
    ) -> Summary:
        """Data of one trial as they may be at the last look, a row a draw.

        Parameters
        ----------
        fitted
            Draws of one chain given the data of every arm in a stratum (its position), or in all.
        summary, coming, some, apart
            As for :meth:`Posterior.completed`.
        """
        raise NotImplementedError  # supplied where it completes trials


class ReferenceOf(Reference):
    """Stands before another reference, with all that it has but for what is said anew."""

    face: Reference

    @property
    def arms(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the arms."""
        return self.face.arms

    @property
    def asked_with(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of data that a question alone has."""
        return self.face.asked_with

    @property
    def completes(self) -> bool:
        """Whether what will be seen at the last look can be drawn from its draws."""
        return self.face.completes

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        return self.face.statement

    def form(self, data: Data) -> object:
        """What of the data the other one's model is made for."""
        return self.face.form(data)

    def data_of(self, one: OneTrial) -> Data:
        """One trial's data, as the other one has them."""
        return self.face.data_of(one)

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        return self.face.model(data)

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """A quantity of an arm, draw by draw."""
        return self.face.of(draws, quantity, open_strata)

    def all_arms(self, stratum: int) -> Question | None:
        """A question whose data are those of every arm."""
        return self.face.all_arms(stratum)

    def completed(
        self, fitted: Fitted, summary: Summary, coming: Any, some: PlainCompletions, apart: bool
    ) -> Summary:
        """Data of one trial as they may be at the last look, a row a draw."""
        return self.face.completed(fitted, summary, coming, some, apart)


def holds(question: Question, quantity: Floats) -> Floats:
    """Whether what a question asks is so, draw by draw, as 1 and 0; of a place a part between.

    The posterior probability is the mean.
    """
    return question.of.chance(question, quantity).astype(np.float64)
