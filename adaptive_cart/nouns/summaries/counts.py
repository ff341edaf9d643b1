"""Participants who have it, of those analysed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.ahead import Numbers
from adaptive_cart.nouns.completions import Completions, binomial
from adaptive_cart.nouns.external_draws import OF_RESPONDERS, Law
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.summaries.base import Summary, by_row, none_of, repeated
from adaptive_cart.nouns.summaries.changes import Move, Reach, counted

Place: TypeAlias = tuple[int, tuple[int, ...]]  # an arm, and strata of it


@dataclass(frozen=True)
class Counts(Summary):
    """Responders or participants with an adverse event, among those analysed.

    All ``(trial, arm, stratum)``.

    Attributes
    ----------
    successes, totals
        Responders and participants in the analysis.
    missing
        Participants whose outcome is due and missing, whatever becomes of them.
    due
        Participants whose outcome is due: they are not still to come, also where they are missing.
    """

    successes: Integers
    totals: Integers
    missing: Integers
    due: Integers

    kind: ClassVar[str] = "counts"
    binary: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    parameter: ClassVar[str] = "probability"
    observed: ClassVar[tuple[str, str]] = ("events", "analysed")
    observed_unit: ClassVar[str] = ""
    holds: ClassVar[str] = "those with a response, of those analysed"
    plain: ClassVar[bool] = True
    external: ClassVar[tuple[str, ...]] = ("responders", "participants")
    external_columns: ClassVar[tuple[str, ...]] = ("responder",)
    external_law: ClassVar[Law | None] = OF_RESPONDERS

    @classmethod
    def empty(cls, arms: int, strata: int) -> Counts:
        none = none_of(arms, strata)
        return cls(none, none, none, none)

    @property
    def analysed(self) -> Integers:
        return self.totals

    @property
    def drawn_where_missing(self) -> Integers:
        return self.successes

    def due_by_now(self) -> Integers:
        return self.due

    def in_stratum(self, stratum: int) -> Counts:
        own = np.s_[..., stratum : stratum + 1]
        both = (self.successes, self.totals, self.missing, self.due)
        return Counts(*(np.asarray(part)[own] for part in both))

    def with_more(self, arm: int, stratum: int, number: int, having: int) -> Counts:
        more = np.zeros_like(self.totals)
        more[:, arm, stratum] = 1
        return replace(
            self,
            successes=self.successes + having * more,
            totals=self.totals + number * more,
            due=self.due + number * more,
        )

    def filled(self, arm: int, strata: Sequence[int], best: int, kept: int | None) -> Self:
        successes, totals, left = self.successes.copy(), self.totals.copy(), best
        for stratum in strata:  # pooled: whose stratum it is makes no difference
            some = min(left, int(self.missing[0, arm, stratum]))
            successes[:, arm, stratum] += some
            left -= some
            if kept is None:
                totals[:, arm, stratum] += self.missing[:, arm, stratum]
        return replace(self, successes=successes, totals=totals)

    def place(self, arm: int, strata: Sequence[int], kept: int | None) -> float:
        here = (0, arm, list(strata))
        seen = int(self.totals[here].sum())
        seen -= 0 if kept is None else int(self.missing[here].sum())
        return float(self.successes[here].sum()) / seen if seen else 0.0

    def completed(self, levels: Floats, coming: Numbers, some: Completions) -> Counts:
        arms, strata = self.totals.shape[1:]
        uniform = some.even(arms * strata).reshape(1, arms, strata, -1)
        more = coming.participants[..., None]
        drawn = by_row(binomial(uniform, more, levels))
        extra = by_row(np.broadcast_to(more, levels.shape))
        had = [repeated(part, some.number) for part in vars(self).values()]
        return Counts(had[0] + drawn, had[1] + extra, had[2], had[3] + extra)

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        return {"events": self.successes, "analysed": self.totals, "missing": self.missing}

    @staticmethod
    def told(total: Mapping[str, float], unit: str = "") -> str:
        missing = f" ({total['missing']:.0f} missing)" if total["missing"] else ""
        early = total.get("early", 0.0)
        more = f" and {early:.0f} by an earlier month" if early else ""
        return f"{total['events']:.0f}/{total['analysed']:.0f}{missing}{more}"

    @staticmethod
    def seen(total: Mapping[str, float]) -> str:
        return f"{total['events']:.0f}/{total['analysed']:.0f}"

    @staticmethod
    def short(total: Mapping[str, float], unit: str = "") -> tuple[str, str]:
        return Counts.seen(total), ""

    def changes(self, reach: Reach) -> Iterator[tuple[tuple[Move, ...], Counts]]:
        """Responders move, totals unchanged: fewest first, and in one arm before in two."""
        cells = [(arm, strata) for arm in reach.arms for strata in reach.strata]
        room = {}
        for arm, strata in cells:
            inside = self.successes[:, arm, list(strata)].sum(axis=1)
            free = self.totals[:, arm, list(strata)].sum(axis=1) - inside
            room[arm, strata] = (-int(inside.min()), int(free.min()))
        both = len(reach.strata) == 1 and len(cells) == 2
        for size in range(1, max((max(-low, high) for low, high in room.values()), default=0) + 1):
            splits = [(size, 0), (0, size), *((size - k, k) for k in range(1, size))]
            steps: list[dict[Place, int]]
            if both:
                signs = list(product((1, -1), repeat=2))
                pairs = [(up * one, down * two) for one, two in splits for up, down in signs]
                steps = [dict(zip(cells, pair, strict=True)) for pair in pairs]
            else:
                steps = [{cell: sign * size} for cell in cells for sign in (1, -1)]
            told: set[tuple[tuple[Place, int], ...]] = set()
            for step in steps:
                key = tuple((cell, by) for cell, by in step.items() if by)
                fits = all(room[cell][0] <= by <= room[cell][1] for cell, by in key)
                if fits and key not in told:
                    told.add(key)
                    moves = tuple(reach.move(*cell, counted(by)) for cell, by in key)
                    yield moves, self._moved(key)

    def _moved(self, step: tuple[tuple[Place, int], ...]) -> Counts:
        successes = self.successes.copy()
        for (arm, strata), by in step:
            left = np.full(len(successes), by)
            for stratum in strata:  # pooled: wherever there is room
                here = successes[:, arm, stratum]
                take = np.clip(left, -here, self.totals[:, arm, stratum] - here)
                successes[:, arm, stratum] = here + take
                left = left - take
        return replace(self, successes=successes)
