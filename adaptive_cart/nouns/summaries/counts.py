"""Participants who have it, of those analysed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy.typing as npt

from adaptive_cart.nouns.records import Integers
from adaptive_cart.nouns.summaries.base import Summary, none_of


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

    @classmethod
    def empty(cls, arms: int, strata: int) -> Counts:
        none = none_of(arms, strata)
        return cls(none, none, none, none)

    @property
    def analysed(self) -> Integers:
        return self.totals

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        return {"events": self.successes, "analysed": self.totals, "missing": self.missing}

    @staticmethod
    def told(total: Mapping[str, float], unit: str = "") -> str:
        missing = f" ({total['missing']:.0f} missing)" if total["missing"] else ""
        return f"{total['events']:.0f}/{total['analysed']:.0f}{missing}"

    @staticmethod
    def seen(total: Mapping[str, float]) -> str:
        return f"{total['events']:.0f}/{total['analysed']:.0f}"

    @staticmethod
    def short(total: Mapping[str, float], unit: str = "") -> tuple[str, str]:
        return Counts.seen(total), ""
