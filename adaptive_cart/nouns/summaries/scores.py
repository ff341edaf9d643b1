"""Scores at baseline and at visits, as sums of products: all that a normal model needs of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.external_draws import OF_MEAN, Law
from adaptive_cart.nouns.lost import MissingShift
from adaptive_cart.nouns.questions.words import Parameter
from adaptive_cart.nouns.records import Floats, Integers, Population
from adaptive_cart.nouns.summaries.base import Beside, Summary, none_of
from adaptive_cart.nouns.summaries.changes import Move, Reach
from adaptive_cart.nouns.summaries.means import MOST_SHIFT

AT_ONCE: Final = 4096  # participants whose products are worked out at a time, to stay in cache


@dataclass(frozen=True)
class Scores(Summary):
    """Sums of products of each participant's scores, by how many visits have been seen.

    Whoever was seen at a visit was seen at all before it: follow-up ends once, by dropout, death
    or the date of the look. What is analysed is the change from baseline at the last visit.

    Attributes
    ----------
    products
        ``(trial, arm, stratum, visit, value, value)``: for each visit the sums of products of the
        vector (1, baseline, score at the first visit, …, at the last) over the participants who
        were seen at that visit; 0 for the scores of later visits. So ``[..., j, 0, 0]`` counts
        those seen at visit ``j``, and ``[..., j, 0, 1]`` sums their baselines.
    missing
        ``(trial, arm, stratum)`` participants whose last visit is due and was not seen, whatever
        becomes of them.
    """

    products: Floats
    missing: Integers

    kind: ClassVar[str] = "scores"
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    parameter: ClassVar[str] = "mean change"
    observed: ClassVar[tuple[str, str]] = ("change", "analysed")
    observed_unit: ClassVar[str] = "mean change"
    holds: ClassVar[str] = "the mean change so far, and those analysed"
    external: ClassVar[tuple[str, ...]] = ("mean", "sd", "participants")
    external_columns: ClassVar[tuple[str, ...]] = ("change",)
    external_law: ClassVar[Law | None] = OF_MEAN
    missing_shift: ClassVar[MissingShift | None] = MissingShift(
        "mean change of the missing", added=True
    )

    @classmethod
    def of(
        cls, population: Population, products: Floats, seen: Labels, missing: Integers
    ) -> Scores:
        """Sum the products of everybody's scores.

        Parameters
        ----------
        products
            ``(trial, participant, pair)`` as :func:`products_of` gives them. What was not seen does
            not matter.
        seen
            ``(trial, participant)`` number of visits at which each was seen.
        """
        pairs = products.shape[-1]
        width = places(pairs)
        visits = width - 2
        shape = (population.trials, population.arms, population.strata, visits + 1)
        cell = population.arm.astype(np.int32) * (population.strata * (visits + 1))
        if population.stratum is not None:
            cell += population.stratum.astype(np.int32) * (visits + 1)
        cell += seen
        cell += (np.arange(shape[0]) * math.prod(shape[1:]))[:, None]
        by_last = in_cells(products.reshape(-1, pairs), cell.ravel(), math.prod(shape))
        by_last = by_last.reshape(*shape, pairs)
        both = square_of(width)
        sums = np.empty((*shape[:-1], visits, width, width))
        total = np.zeros((*shape[:-1], pairs))
        for visit in range(visits - 1, -1, -1):
            total += by_last[..., visit + 1, :]
            sums[..., visit, :, :] = total[..., both]
            sums[..., visit, visit + 3 :, :] = 0.0
            sums[..., visit, :, visit + 3 :] = 0.0
        return cls(sums, missing)

    @classmethod
    def empty(cls, arms: int, strata: int) -> Scores:
        return cls(np.zeros((1, arms, strata, 1, 3, 3)), none_of(arms, strata))

    @property
    def analysed(self) -> Integers:
        return np.rint(self.products[..., -1, 0, 0]).astype(np.int64)

    def share_missing(self, strata: Sequence[int]) -> Floats:
        missing = self.missing[:, :, list(strata)].sum(axis=2)
        due = missing + self.analysed[:, :, list(strata)].sum(axis=2)
        return missing / np.maximum(due, 1)

    def with_moved(self, given: Scores, amounts: Floats) -> Self:
        """The same, had the last score of some of the participants been higher.

        Parameters
        ----------
        given
            Those participants.
        amounts
            ``(arm,)`` by how much.
        """
        own = given.products[..., -1, :, :]
        move = np.tile(np.eye(own.shape[-1]), (len(amounts), 1, 1, 1))
        move[:, 0, -1, 0] = amounts
        products = self.products.copy()
        products[..., -1, :, :] += move @ own @ np.swapaxes(move, -1, -2) - own
        return replace(self, products=products)

    def beside(self, outside: Floats) -> ScoresBeside:
        return ScoresBeside(self.products, self.missing, outside)

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        last = self.products[..., -1, :, :]
        return {
            "analysed": self.analysed,
            "missing": self.missing,
            "baseline": last[..., 0, 1],
            "change": last[..., 0, -1] - last[..., 0, 1],
            "squares": last[..., -1, -1] - 2.0 * last[..., 1, -1] + last[..., 1, 1],
        }

    @classmethod
    def asked_about(cls, unit: str = "") -> Parameter:
        unit = f" {unit}" if unit else ""
        return Parameter(cls.parameter, unit, of="the {noun} from baseline in {endpoint}")

    @staticmethod
    def heads(unit: str = "") -> dict[str, str]:
        of = f" ({unit})" if unit else ""
        return {
            "baseline": f"sum of baselines{of}",
            "change": f"sum of changes{of}",
            "squares": "sum of squared changes",
        }

    @staticmethod
    def told(total: Mapping[str, float], unit: str = "") -> str:
        number = total["analysed"]
        missing = f", {total['missing']:.0f} missing" if total["missing"] else ""
        if number == 0:
            return f"nobody seen so far{missing}"
        mean = f"{total['change'] / number:.2f}{f' {unit}' if unit else ''}"
        return f"mean change {mean} ({number:.0f} seen{missing})"

    @staticmethod
    def seen(total: Mapping[str, float]) -> str:
        number = total["analysed"]
        return f"{total['change'] / number:.2f} ({number:.0f})" if number else "–"

    @staticmethod
    def short(total: Mapping[str, float], unit: str = "") -> tuple[str, str]:
        mean = total["change"] / max(total["analysed"], 1.0)
        return f"{mean:.1f}", f"mean change, {unit}".strip(", ")

    def changes(self, reach: Reach) -> Iterator[tuple[tuple[Move, ...], Scores]]:
        """All last scores of an arm are higher or lower, by so many hundredths of their spread."""
        columns = self.columns()
        for size in range(1, MOST_SHIFT + 1):
            for arm, strata, sign in product(reach.arms, reach.strata, (1, -1)):
                here = (0, arm, list(strata))
                number = columns["analysed"][here].sum()
                if number < 2:
                    continue
                mean = columns["change"][here].sum() / number
                spread = columns["squares"][here].sum() / number - mean**2
                by = sign * size / 100.0 * math.sqrt(max(spread, 0.0))
                side = "higher" if by > 0.0 else "lower"
                words = f"every change in {{where}} {side} by {abs(by):.3g}"
                yield (reach.move(arm, strata, words),), self._moved(arm, strata, by)

    def _moved(self, arm: int, strata: Sequence[int], by: float) -> Scores:
        """The same with the last score of everybody in some strata of an arm moved."""
        move = np.eye(self.products.shape[-1])
        move[-1, 0] = by
        products = self.products.copy()
        for stratum in strata:
            last = products[:, arm, stratum, -1]
            products[:, arm, stratum, -1] = move @ last @ move.T
        return replace(self, products=products)


@dataclass(frozen=True)
class ScoresBeside(Beside, Scores):
    """Sums of products, and beside them mean and standard deviation of external data."""


def products_of(vector: Sequence[Floats]) -> Floats:
    """Products of each two of (1, baseline, scores) of every participant.

    Parameters
    ----------
    vector
        Baseline and scores, ``(trial, participant)`` each.

    Returns
    -------
    ``(trial, participant, pair)``, pairs in the order of ``numpy.triu_indices``.
    """
    width = len(vector) + 1
    own = [np.ascontiguousarray(values).reshape(-1) for values in vector]
    found = np.empty((own[0].size, width * (width + 1) // 2))
    found[:, 0] = 1.0
    for first in range(0, len(found), AT_ONCE):
        rows = slice(first, first + AT_ONCE)
        for pair, (one, other) in enumerate(zip(*np.triu_indices(width), strict=True)):
            if one:
                np.multiply(own[one - 1][rows], own[other - 1][rows], out=found[rows, pair])
            elif other:
                found[rows, pair] = own[other - 1][rows]
    return found.reshape(*vector[0].shape, -1)


def places(pairs: int) -> int:
    """Length of the vector of which there are so many pairs."""
    return (math.isqrt(8 * pairs + 1) - 1) // 2


def square_of(width: int) -> Integers:
    """For each two places of the vector, which pair they are, ``(place, place)``."""
    found = np.empty((width, width), dtype=np.int64)
    one, other = np.triu_indices(width)
    found[one, other] = found[other, one] = np.arange(len(one))
    return found


def in_cells(rows: Floats, cell: npt.NDArray[np.int32], cells: int) -> Floats:
    """Sum rows by the cell that each is in, ``(cell, column)``: a sparse matrix times a dense one.

    Each cell adds its rows in their order, so that no trial depends on its neighbours.
    """
    from scipy import sparse  # slow to import

    every = np.arange(len(cell) + 1, dtype=np.int32)
    member = sparse.csc_array((np.ones(len(cell)), cell, every), shape=(cells, len(cell)))
    found: Floats = member @ rows
    return found
