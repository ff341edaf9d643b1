"""Priors that borrow from external data which are drawn anew with every trial.

Once the numbers of a trial are known its prior is an ordinary one. So there is an analysis for each
set of numbers that was drawn, and every answer is that of the one that fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Final, Self

import numpy as np
from pydantic import PrivateAttr

from adaptive_cart.models.base import AnalysisBase, Posterior, Reference
from adaptive_cart.models.borrowed import Borrowed, with_lent
from adaptive_cart.models.reference import Data, OneTrial, ReferenceOf
from adaptive_cart.models.ties import Sides
from adaptive_cart.nouns.ahead import Coming
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.distinct_rows import each_distinct
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.external_draws import Drawn, beside
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Summary

MOST_KEPT: Final = 4096  # analyses of numbers that were drawn
LENT: Final = "lent"  # name of these among a trial's data


@dataclass(frozen=True)
class PosteriorsAsDrawn(Posterior):
    """Posteriors of trials with which different external data were drawn, each answered apart.

    Attributes
    ----------
    parts
        Positions of trials, and their posterior.
    number
        Of all trials.
    """

    parts: tuple[tuple[Integers, Posterior], ...]
    number: int

    @property
    def arms(self) -> int:
        return self.parts[0][1].arms

    def _each(self, answers: Iterator[Floats]) -> Floats:
        """Put the answers of the parts back in the order of the trials."""
        found: Floats | None = None
        for (rows, _), answer in zip(self.parts, answers, strict=True):
            if found is None:
                found = np.empty((self.number, *answer.shape[1:]), dtype=answer.dtype)
            found[rows] = answer
        assert found is not None
        return found

    def draw(self, quantity: Quantity) -> Floats:
        return self._each(own.draws(quantity) for _, own in self.parts)

    def computed(self, question: Question) -> Floats:
        return self._each(own.computed(question) for _, own in self.parts)

    def sides(self, question: Question) -> Sides:
        own = [part.sides(question) for _, part in self.parts]
        whose, place = self._whose

        def sides(threshold: float, rows: Integers) -> Floats:
            found = np.empty(len(rows))
            for part, answer in enumerate(own):
                here = whose[rows] == part
                if here.any():
                    found[here] = answer(threshold, place[rows[here]])
            return found

        return sides

    @cached_property
    def _whose(self) -> tuple[Integers, Integers]:
        """By trial: its part, and its position there."""
        whose, place = np.zeros((2, self.number), dtype=np.int64)
        for part, (rows, _) in enumerate(self.parts):
            whose[rows], place[rows] = part, np.arange(len(rows))
        return whose, place

    @property
    def failed(self) -> Booleans | None:
        return self._any(own.failed for _, own in self.parts)

    def unpredictable(self, apart: bool, arms: list[int]) -> Booleans | None:
        return self._any(own.unpredictable(apart, arms) for _, own in self.parts)

    def _any(self, answers: Iterator[Booleans | None]) -> Booleans | None:
        """Trials of which something is so; nothing where that can be of none."""
        found, some = np.zeros(self.number, dtype=np.bool_), False
        for (rows, _), answer in zip(self.parts, answers, strict=True):
            if answer is not None:
                found[rows], some = answer, True
        return found if some else None

    def mean(self, question: Question) -> Floats:
        return self._each(own.mean(question) for _, own in self.parts)

    def quantile(self, question: Question, probability: float) -> Floats:
        return self._each(own.quantile(question, probability) for _, own in self.parts)

    def limits(self, question: Question, level: float) -> tuple[Floats, Floats]:
        both = self._each(np.stack(own.limits(question, level), axis=1) for _, own in self.parts)
        return both[:, 0], both[:, 1]

    def best(self, question: Question, rows: Integers) -> Floats:
        every = [np.arange(len(own)) for own, _ in self.parts]
        both = zip(self.parts, every, strict=True)
        found: Floats = self._each(own.best(question, here) for (_, own), here in both)
        return found[rows]

    def best_of_open(self, order: Question, open_arms: Booleans) -> Floats:
        return self._each(own.best_of_open(order, open_arms[rows]) for rows, own in self.parts)

    def where_open(self, open_strata: Booleans) -> PosteriorsAsDrawn:
        parts = tuple((rows, own.where_open(open_strata[rows])) for rows, own in self.parts)
        return replace(self, parts=parts)

    def completed(
        self, summary: Summary, coming: Coming, some: Completions, apart: bool
    ) -> Summary:
        """Data as they may be at the last look, each part's by its own posterior."""
        found: list[Any] = [
            own.completed(summary.rows(rows), coming.rows(rows), some, apart)
            for rows, own in self.parts
        ]
        places = [
            (rows[:, None] * some.number + np.arange(some.number)).ravel() for rows, _ in self.parts
        ]
        together = {}
        for field in fields(found[0]):
            values = [getattr(one, field.name) for one in found]
            shape = self.number * some.number, *values[0].shape[1:]
            together[field.name] = np.empty(shape, dtype=values[0].dtype)
            for place, value in zip(places, values, strict=True):
                together[field.name][place] = value
        completed: Summary = replace(found[0], **together)
        return completed


def posteriors_as_drawn(
    parts: tuple[tuple[Integers, Posterior], ...], number: int
) -> PosteriorsAsDrawn:
    """Posteriors of parts of so many trials as one; they are all of one kind."""
    return _kind_of(type(parts[0][1]))(parts, number)


_KINDS: dict[str, type[PosteriorsAsDrawn]] = {}
SAID: Final = (
    "exactly", "closed", "fast_error", "drawn_error", "falls", "arms_apart", "drawn_seconds",
    "completed_seconds",
)  # fmt: skip


def _kind_of(kind: type[Any]) -> type[PosteriorsAsDrawn]:
    """The class of such posteriors, with what a posterior's class says of itself."""
    name = f"{kind.__name__}AsDrawn"
    if name not in _KINDS:
        own = {key: getattr(kind, key) for key in SAID if hasattr(kind, key)}
        _KINDS[name] = type(name, (PosteriorsAsDrawn,), own)
    return _KINDS[name]


class BorrowsAnew(AnalysisBase):
    """An analysis whose priors may borrow from external data that are drawn anew with each trial.

    Class attributes
    ----------------
    numbers_drawn
        Keys of the numbers of external data that differ from trial to trial.
    """

    numbers_drawn: ClassVar[tuple[str, ...]]
    external_redrawn: ClassVar[bool] = True
    _beside: dict[str, External] = PrivateAttr(default_factory=dict)
    _made_for: tuple[tuple[str, ...], tuple[float, ...]] = PrivateAttr(default=((), ()))
    _kept: dict[bytes, tuple[Any, Any]] = PrivateAttr(default_factory=dict)

    def made_for(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> None:
        """Remember what the model is made for, since it is made again of what is drawn."""
        self._made_for, self._kept = (arms, shares), {}

    def beside(self, external: Mapping[str, External], controlled: bool = True) -> Self:
        copy = self.model_copy()
        copy._beside = dict(external)
        return copy

    def with_drawn(self, summary: Summary, drawn: Mapping[str, Drawn]) -> Summary:
        outside = beside(self._beside, self.numbers_drawn, drawn)
        if any(prior.redrawn for prior in self.borrowed(("",)).values()):
            outside = with_lent(outside, self.numbers_drawn, drawn)
        return summary.beside(outside)

    def part_by_part(
        self, summary: Summary, open_strata: Booleans | None, priors: Mapping[str, Borrowed]
    ) -> Posterior | None:
        """Posteriors by what was drawn with each trial; nothing where all have one prior.

        Parameters
        ----------
        priors
            Those by which analyses differ.
        """
        anew = [prior for prior in priors.values() if prior.redrawn]
        lent = anew[0].lent(summary) if anew else None
        if lent is None or not len(lent):
            return None
        parts = []
        for row, here in each_distinct(lent):
            own, fitted = self._as_drawn(row, anew[0])
            strata = None if open_strata is None else open_strata[here]
            parts.append((here, own.posterior(fitted, summary.rows(here), strata)))
        return posteriors_as_drawn(tuple(parts), len(lent))

    def _as_drawn(self, row: Floats, prior: Borrowed) -> tuple[AnalysisBase, Any]:
        """The same with the priors of a trial with which these numbers were drawn, and its model.

        Parameters
        ----------
        row, prior
            One of what was lent, and a prior that knows its columns.
        """
        key = row.tobytes()
        if key not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            drawn = prior.numbers(row, self.numbers_drawn)
            own = self.told_external({
                name: data.once_drawn(drawn[name]) if name in drawn else data
                for each in self.borrowed(("",)).values()
                for name, data in zip(each.external, each.seen, strict=True)
            })  # fmt: skip
            self._kept[key] = own, own.fitted(*self._made_for)
        return self._kept[key]

    def reference_as_drawn(self, observed: Reference) -> Reference:
        """The model in PyMC by what was drawn with each trial; as observed where nothing is."""
        anew = [prior for prior in self.borrowed(("",)).values() if prior.redrawn]
        return ReferenceAsDrawn(observed, self, anew[0]) if anew else observed

    def reference_of(self, row: Floats, prior: Borrowed) -> Reference:
        """That of one trial, with which these numbers were drawn."""
        return self._as_drawn(row, prior)[0].reference(*self._reference_for())

    def _reference_for(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[float, ...]]:
        arms, shares = self._made_for
        return arms, ("",) * len(shares), shares


@dataclass(frozen=True)
class ReferenceAsDrawn(ReferenceOf):
    """The same in PyMC: a model for each set of numbers that was drawn.

    Draws know the prior that they were made with.

    Attributes
    ----------
    face
        Of the data as they were observed, as in a real trial.
    analysis, prior
        Which makes the others, and a prior that knows what was drawn.
    """

    face: Reference
    analysis: BorrowsAnew
    prior: Borrowed
    made_of: ClassVar[tuple[str, ...]] = (LENT,)

    def data_of(self, one: OneTrial) -> Data:
        """One trial's data, and beside them the numbers that were drawn with it."""
        lent = self.prior.lent(one.summary)
        if lent is None:
            return self.face.data_of(one)
        own = self.analysis.reference_of(lent[one.trial], self.prior)
        return {**own.data_of(one), LENT: lent[one.trial]}

    def form(self, data: Data) -> object:
        """Priors are made of what was drawn."""
        own, rest = self._of(data)
        return own.form(rest), data[LENT].tobytes() if LENT in data else b""

    def _of(self, data: Data) -> tuple[Reference, Data]:
        """The model of a trial, and its data without what was drawn."""
        rest = {name: value for name, value in data.items() if name != LENT}
        if LENT not in data:
            return self.face, rest
        return self.analysis.reference_of(data[LENT], self.prior), rest

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        own, rest = self._of(data)
        return own.model(rest)
