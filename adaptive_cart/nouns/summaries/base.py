"""What every summary of an endpoint is: arrays with the trial first, and what is known of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.external import External, Form, Level
from adaptive_cart.nouns.external_draws import Law
from adaptive_cart.nouns.lost import MissingShift, Unseen
from adaptive_cart.nouns.questions.words import Parameter
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.rows_of import rows_of
from adaptive_cart.nouns.summaries.changes import Move, Reach

if TYPE_CHECKING:
    from adaptive_cart.nouns.summaries.by_period import ByPeriod


class Summary(ABC):
    """What can be seen of an endpoint at a look, as a model analyses it.

    Class attributes
    ----------------
    kind
        Its name: what a model says that it reads.
    binary
        Whether a participant has it or has it not.
    lasts
        Whether questions are about what lasts beyond a month.
    bounds
        What the parameter that a question is about lies between.
    parameter
        The noun of that parameter: a ``probability``.
    observed
        The two columns of ``looks.parquet`` of which the observed value is the ratio.
    observed_unit
        The unit of that ratio, in words; blank for a share of participants.
    holds
        What the cells of a table hold that :meth:`seen` fills, in words.
    searched
        What to say where none of the :meth:`changes` turns a rule over.
    plain
        Whether the numbers of each arm and stratum who have it and have it not are all there is.
    not_alike
        Why one more who has it does not count as every other would; blank where each does.
    external
        Keys of external data that say what was seen; none where there are no external data of it.
    external_columns
        Columns of a table of external participants that say what each had.
    external_level, external_law
        What a scenario says in their place; how they are drawn anew, where they can be.
    ordered
        Whether what is missing is of a best or a worst kind at the utmost (:meth:`filled`).
    missing_shift
        How what is missing may differ from what was seen; nothing where it is no number that moves.
    foretold
        Whether those who wait count too, by what earlier months tell.
    """

    kind: ClassVar[str]
    binary: ClassVar[bool] = False
    lasts: ClassVar[bool] = False
    bounds: ClassVar[tuple[float, float]]
    parameter: ClassVar[str]
    observed: ClassVar[tuple[str, str]]
    observed_unit: ClassVar[str]
    holds: ClassVar[str]
    searched: ClassVar[str] = "no change of the outcomes in its arms alone"
    plain: ClassVar[bool] = False
    ordered: ClassVar[bool] = False
    not_alike: ClassVar[str] = ""
    external: ClassVar[tuple[str, ...]] = ()
    external_columns: ClassVar[tuple[str, ...]] = ()
    external_level: ClassVar[Level] = Level()
    external_law: ClassVar[Law | None] = None
    missing_shift: ClassVar[MissingShift | None] = None
    foretold: ClassVar[bool] = False

    def periods(self) -> ByPeriod | None:
        """The same by period; nothing where periods are not told apart."""
        return None

    def filled(self, arm: int, strata: Sequence[int], best: int, kept: int | None) -> Self:
        """So many of the missing of an arm are of the best kind, the others of the worst.

        Of one trial, in some strata. The best kind of counts is to have it, the worst not to.

        Parameters
        ----------
        kept
            The category as which they are analysed; nothing where they are left out.
        """
        raise NotImplementedError  # supplied where kinds are ordered, and of counts

    def place(self, arm: int, strata: Sequence[int], kept: int | None) -> float:
        """Mean place of those of an arm who are not missing, from 0, the worst, to 1, the best."""
        raise NotImplementedError  # supplied where kinds are ordered, and of counts

    @classmethod
    @abstractmethod
    def empty(cls, arms: int, strata: int) -> Self:
        """Data of one trial in which nobody has been seen."""

    @property
    @abstractmethod
    def analysed(self) -> Integers:
        """Participants in the analysis, ``(trial, arm, stratum)``."""

    @property
    def drawn_where_missing(self) -> Integers | None:
        """What imputation draws, ``(trial, …)``, where a real trial's is drawn many times.

        Nothing where it is drawn once, as in a simulated trial.
        """
        return None

    @abstractmethod
    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Columns of ``looks.parquet``, ``(trial, arm, stratum)`` each."""

    @classmethod
    def asked_about(cls, unit: str = "") -> Parameter:
        """The parameter in words, with its unit."""
        return Parameter(cls.parameter, f" {unit}" if unit else "")

    @staticmethod
    def heads(unit: str = "") -> dict[str, str]:
        """What columns are called in a table, where not by their own names."""
        return {}

    @staticmethod
    @abstractmethod
    def told(total: Mapping[str, float], unit: str = "") -> str:
        """Say the data of an arm: ``12/40``.

        Parameters
        ----------
        total
            The columns, summed over strata.
        unit
            Of the endpoint's values, where they have one.
        """

    @staticmethod
    @abstractmethod
    def seen(total: Mapping[str, float]) -> str:
        """Say the same in the cell of a table, whose head says what it :attr:`holds`."""

    @staticmethod
    @abstractmethod
    def short(total: Mapping[str, float], unit: str = "") -> tuple[str, str]:
        """Say it shorter still, for a figure, and what that is: ``5/12`` ``events/years``.

        What it is is blank for participants of those analysed.
        """

    @abstractmethod
    def changes(self, reach: Reach) -> Iterator[tuple[tuple[Move, ...], Self]]:
        """What else might have been seen, the smallest change first."""

    @classmethod
    def external_form(cls, data: External) -> Form:
        """How external data of it are told; as these are, where it takes several forms."""
        return Form(cls.external, cls.external_level)

    def due_by_now(self) -> Integers:
        """Participants whose outcome is due, seen or not, ``(trial, arm, stratum)``."""
        return self.analysed

    def behind(self, outside: Sequence[External]) -> Self:
        """The same, and behind the arms external data, each as an arm in the first stratum.

        Data of another endpoint are an arm in which nobody has been seen.
        """
        raise NotImplementedError  # supplied where external data are numbers of the same kind

    def with_more(self, arm: int, stratum: int, number: int, having: int) -> Self:
        """The same with more participants analysed, so many of whom have it."""
        raise NotImplementedError  # supplied where a participant has it or has it not

    def share_missing(self, strata: Sequence[int]) -> Floats:
        """Share of those due in some strata whose value is missing, ``(trial, arm)``."""
        raise NotImplementedError  # supplied where a mean of the missing may be moved

    def with_share(self, unseen: Unseen, share: Floats) -> Self:
        """The same, had so large a share of what was not seen counted, ``(arm,)``.

        With those who are left out; as they are where the share is not a number.
        """
        raise NotImplementedError  # supplied where what is not seen counts as nothing

    def completed(self, levels: Floats, coming: Any, some: Completions) -> Self:
        """What may have been seen at the last look, a row a completion.

        Parameters
        ----------
        levels
            ``(trial, arm, stratum, completion)`` draws of the parameter.
        coming
            What is still to come.

        Returns
        -------
        The completions of the first trial, then those of the second, and so on.
        """
        raise NotImplementedError  # supplied where the parameter alone says what is to come

    def seen_outside(self) -> Floats | None:
        """Numbers of external data that were drawn anew with each trial.

        ``(trial, external data, number)``; nothing where none are.
        """
        return None

    def beside(self, outside: Floats) -> Summary:
        """The same, and such numbers beside it."""
        raise NotImplementedError  # supplied where external data can be drawn anew

    def followed_for(self) -> Floats:
        """Years for each participant, all trials together, ``(arm, stratum)``."""
        raise NotImplementedError  # supplied where strata are weighed by the time they are followed

    def of_arm(self, arm: int, trial: int = 0) -> dict[str, float]:
        """Columns of an arm of one trial, summed over strata."""
        return {name: float(v[trial, arm].sum()) for name, v in self.columns().items()}

    def in_stratum(self, stratum: int) -> Summary:
        """Return what was seen in one stratum alone."""
        raise NotImplementedError  # supplied where what is borrowed is of a stratum

    def among(self, inside: Booleans) -> Self:
        """Return what was seen of those in some arms and strata alone, the strata pooled.

        Parameters
        ----------
        inside
            ``(trial, arm, stratum)``.
        """
        return type(self)(*(_among(values, inside) for _, values in self._held()))

    def rows(self, trials: Integers) -> Self:
        """Return the same of some trials only."""
        return type(self)(*(_rows(value, trials) for _, value in self._held()))

    @classmethod
    def stacked(cls, several: Sequence[Self]) -> Self:
        """Return the trials of several, one after the other."""
        return cls(*(_stacked([getattr(one, n) for one in several]) for n, _ in several[0]._held()))

    def without_anybody(self) -> Self:
        """Return the same trials in which nobody has been seen."""
        return type(self)(
            *(
                values if name in ("arm", "stratum") else _nothing(values)
                for name, values in self._held()
            )
        )

    def replaced(self, where: Booleans, other: Self) -> Self:
        """Return the other's trials ``where`` (trial,) is true, and these elsewhere."""
        both = zip(self._held(), other._held(), strict=True)
        return type(self)(*(_replaced(where, theirs, mine) for (_, mine), (_, theirs) in both))

    def _held(self) -> list[tuple[str, npt.NDArray[Any]]]:
        """Names and arrays of which it is made, and not what was worked out of them and kept."""
        made_of = fields(self)  # type: ignore[arg-type]  # every kind is a dataclass
        return [(one.name, getattr(self, one.name)) for one in made_of]


@dataclass(frozen=True)
class Beside(Summary):
    """What is seen, and beside it the numbers of external data drawn with the trial.

    Attributes
    ----------
    outside
        ``(trial, external data, number)``.
    """

    outside: Floats

    def seen_outside(self) -> Floats:
        return self.outside

    def completed(self, levels: Floats, coming: Any, some: Completions) -> Any:
        found = super().completed(levels, coming, some)
        return found.beside(repeated(self.outside, some.number))


# ── what a summary is made of: arrays, a summary that tells the same people apart, or a tuple of
#    names or numbers that all trials share ─────────────────────────────────────────────────────


def _among(values: Any, inside: Booleans) -> Any:
    if isinstance(values, tuple):
        return values
    there = inside.reshape(*inside.shape, *[1] * (values.ndim - 3))
    return np.where(there, values, 0).sum(axis=2, keepdims=True)


def _rows(values: Any, trials: Integers) -> Any:
    if isinstance(values, tuple):
        return values
    return values.rows(trials) if isinstance(values, Summary) else rows_of(values, trials)


def _stacked(several: list[Any]) -> Any:
    first = several[0]
    if isinstance(first, tuple):
        return first
    if isinstance(first, Summary):
        return type(first).stacked(several)
    return np.concatenate(several)


def _nothing(values: Any) -> Any:
    if isinstance(values, tuple):
        return values
    return values.without_anybody() if isinstance(values, Summary) else np.zeros_like(values)


def _replaced(where: Booleans, theirs: Any, mine: Any) -> Any:
    if isinstance(mine, tuple):
        return mine
    if isinstance(mine, Summary):
        return mine.replaced(where, theirs)
    each = math.prod(mine.shape[1:])
    # told of each number: a condition that is spread over a few of them costs five times as much
    here = where if mine.ndim == 1 else np.repeat(where, each).reshape(mine.shape)
    return np.where(here, theirs, mine)


def repeated(values: npt.NDArray[Any], times: int) -> npt.NDArray[Any]:
    """Repeat each trial, ``(trial, …)`` to ``(trial and completion, …)``."""
    return np.repeat(values, times, axis=0)


def by_row(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """From ``(trial, arm, stratum, completion)`` to ``(trial and completion, arm, stratum)``."""
    rows = np.moveaxis(values, -1, 1)
    return rows.reshape(-1, *rows.shape[2:])


def none_of(arms: int, strata: int) -> Integers:
    """Zero of everything in one trial, ``(trial, arm, stratum)``."""
    return np.zeros((1, arms, strata), dtype=np.int64)
