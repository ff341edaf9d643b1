"""The PyMC face of an analysis model, by which its fast posterior is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Summary


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
