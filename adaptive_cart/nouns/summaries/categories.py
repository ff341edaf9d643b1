"""How many participants have each category of an ordinal outcome, the worst first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.questions.words import Parameter
from adaptive_cart.nouns.records import Integers
from adaptive_cart.nouns.summaries.base import Summary, none_of
from adaptive_cart.nouns.summaries.changes import Move, Reach

OTHERS = ("analysed", "missing", "score")  # columns that are of no category


@dataclass(frozen=True)
class Categories(Summary):
    """Participants by category of those analysed.

    Attributes
    ----------
    counts
        ``(trial, arm, stratum, category)``, the worst category first.
    missing
        ``(trial, arm, stratum)`` participants whose outcome is due and missing, whatever becomes
        of them.
    due
        ``(trial, arm, stratum)`` participants whose outcome is due: they are not still to come,
        also where they are missing.
    names, scores
        Of the categories, in that order.
    """

    counts: Integers
    missing: Integers
    due: Integers
    names: tuple[str, ...]
    scores: tuple[float, ...]

    kind: ClassVar[str] = "categories"
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    parameter: ClassVar[str] = "mean score"
    observed: ClassVar[tuple[str, str]] = ("score", "analysed")
    observed_unit: ClassVar[str] = "mean score"
    holds: ClassVar[str] = "the mean score so far, and those analysed"
    ordered: ClassVar[bool] = True
    searched: ClassVar[str] = "no change from one category to another in one arm"

    @classmethod
    def empty(cls, arms: int, strata: int) -> Categories:
        none = none_of(arms, strata)
        return cls(np.zeros((*none.shape, 0), dtype=np.int64), none, none, (), ())

    @classmethod
    def nobody(
        cls, arms: int, strata: int, names: tuple[str, ...], scores: tuple[float, ...]
    ) -> Categories:
        """Data of one trial in which nobody has been seen, with the categories that there are."""
        none = none_of(arms, strata)
        counts = np.zeros((*none.shape, len(names)), dtype=np.int64)
        return cls(counts, none, none, names, scores)

    @property
    def analysed(self) -> Integers:
        number: Integers = self.counts.sum(axis=-1)
        return number

    def due_by_now(self) -> Integers:
        return self.due

    @property
    def drawn_where_missing(self) -> Integers:
        return self.counts

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        score = (self.counts * np.array(self.scores)).sum(axis=-1)
        of_categories = {name: self.counts[..., k] for k, name in enumerate(self.names)}
        return {
            "analysed": self.analysed,
            "missing": self.missing,
            "score": score,
            **of_categories,
        }

    @classmethod
    def asked_about(cls, unit: str = "") -> Parameter:
        return Parameter(cls.parameter, of="the {noun} ({endpoint})")

    @staticmethod
    def heads(unit: str = "") -> dict[str, str]:
        return {"score": "sum of scores"}

    @staticmethod
    def told(total: Mapping[str, float], unit: str = "") -> str:
        missing = f", {total['missing']:.0f} missing" if total["missing"] else ""
        if not total["analysed"]:
            return f"nobody seen so far{missing}"
        each = [f"{name} {total[name]:.0f}" for name in total if name not in OTHERS]
        return f"{', '.join(each)} (of {total['analysed']:.0f}{missing})".strip()

    @staticmethod
    def seen(total: Mapping[str, float]) -> str:
        number = total["analysed"]
        return f"{total['score'] / number:.1f} ({number:.0f})" if number else "–"

    @staticmethod
    def short(total: Mapping[str, float], unit: str = "") -> tuple[str, str]:
        return f"{total['score'] / max(total['analysed'], 1.0):.0f}", "mean score"

    def changes(self, reach: Reach) -> Iterator[tuple[tuple[Move, ...], Categories]]:
        """Some participants of an arm have another category, the next ones first."""
        most = int(self.counts.max(initial=0)) * max(map(len, reach.strata), default=0)
        pairs = sorted(
            permutations(range(len(self.names)), 2), key=lambda pair: abs(pair[1] - pair[0])
        )
        for size in range(1, most + 1):
            for arm, strata, (k, to) in product(reach.arms, reach.strata, pairs):
                if self.counts[:, arm, list(strata), k].sum(axis=1).min() >= size:
                    words = f"{size} of {{where}} with {self.names[to]} instead of {self.names[k]}"
                    yield (reach.move(arm, strata, words),), self._moved(arm, strata, k, to, size)

    def _moved(self, arm: int, strata: tuple[int, ...], k: int, to: int, size: int) -> Categories:
        counts = self.counts.copy()
        left = np.full(len(counts), size)
        for stratum in strata:  # pooled: wherever there are any, in each of the tables
            take = np.minimum(left, counts[:, arm, stratum, k])
            counts[:, arm, stratum, k] -= take
            counts[:, arm, stratum, to] += take
            left -= take
        return replace(self, counts=counts)

    def filled(self, arm: int, strata: Sequence[int], best: int, kept: int | None) -> Categories:
        counts, left = self.counts.copy(), best
        for stratum in strata:
            missing = int(self.missing[0, arm, stratum])
            some = min(left, missing)
            if kept is not None:
                counts[:, arm, stratum, kept] -= missing
            counts[:, arm, stratum, -1] += some
            counts[:, arm, stratum, 0] += missing - some
            left -= some
        return replace(self, counts=counts)

    def place(self, arm: int, strata: Sequence[int], kept: int | None) -> float:
        seen = self.counts[0, arm, list(strata)].sum(axis=0)
        if kept is not None:
            seen = seen - (np.arange(len(seen)) == kept) * self.missing[0, arm, list(strata)].sum()
        return float((seen * np.linspace(0.0, 1.0, len(seen))).sum() / max(int(seen.sum()), 1))
