"""Scores at baseline and at visits, as sums of products: all that a normal model needs of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.questions.words import Parameter
from adaptive_cart.nouns.records import Floats, Integers, Population
from adaptive_cart.nouns.summaries.base import Summary, none_of
from adaptive_cart.nouns.summaries.changes import Move, Reach
from adaptive_cart.nouns.summaries.means import MOST_SHIFT


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

    @classmethod
    def of(
        cls,
        population: Population,
        products: Mapping[tuple[int, int], Floats],
        seen: Integers,
        visits: int,
        missing: Integers,
    ) -> Scores:
        """Sum the products of everybody's scores.

        Parameters
        ----------
        products
            By places in the vector, the second not before the first: ``(trial, participant)``.
            What was not seen does not matter.
        seen
            ``(trial, participant)`` number of visits at which each was seen.
        """
        arms, strata, trials = population.arms, population.strata, population.trials
        cell = population.arm.astype(np.int64) * strata + population.label
        cell = cell * (visits + 1) + seen
        cell += np.arange(trials)[:, None] * (arms * strata * (visits + 1))
        where, number = cell.ravel(), trials * arms * strata * (visits + 1)
        width = visits + 2
        sums = np.zeros((trials, arms, strata, visits, width, width))
        for (one, other), values in products.items():
            weights = None if other == 0 else values.ravel()
            by_last = np.bincount(where, weights, number)
            by_last = by_last.reshape(trials, arms, strata, visits + 1)
            total = np.zeros((trials, arms, strata))
            for visit in range(visits - 1, max(other - 2, 0) - 1, -1):
                total = total + by_last[..., visit + 1]
                sums[..., visit, one, other] = total
                sums[..., visit, other, one] = total
        return cls(sums, missing)

    @classmethod
    def empty(cls, arms: int, strata: int) -> Scores:
        return cls(np.zeros((1, arms, strata, 1, 3, 3)), none_of(arms, strata))

    @property
    def analysed(self) -> Integers:
        return np.rint(self.products[..., -1, 0, 0]).astype(np.int64)

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
