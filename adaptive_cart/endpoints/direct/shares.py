"""The probability of each category of an ordinal outcome."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from adaptive_cart.endpoints.direct.base import Array, Cell, Contact, DirectTruth, Drawing, Spread
from adaptive_cart.endpoints.direct.response import too_early
from adaptive_cart.errors import nearest, one_of
from adaptive_cart.nouns.calendar import SAME
from adaptive_cart.nouns.parts import Probability
from adaptive_cart.nouns.records import Booleans, Floats, Outcome


@dataclass(frozen=True)
class Shares(DirectTruth):
    """A probability for each category; the outcome is the place of the category, from 0.

    Attributes
    ----------
    names
        Of the endpoint's categories, the worst first.
    """

    names: tuple[str, ...] = ()

    value: ClassVar[Any] = dict[str, Probability]
    wanted: ClassVar[str] = "a table with the probability of each category, which sum to 1,"
    table: ClassVar[bool] = True
    holds: ClassVar[str] = "the category"

    # ── the truth ─────────────────────────────────────────────────────────────────────────
    def by_stratum(self, value: Any, strata: Sequence[str]) -> bool:
        """Whether it is a table of tables: categories have numbers."""
        if not isinstance(value, dict) or not value:
            return False
        return all(isinstance(item, dict) for item in value.values())

    def fault(self, value: dict[str, float], endpoint: Any) -> str:
        unknown = [name for name in value if name not in self.names]
        if unknown:
            hint = nearest(unknown[0], self.names)
            return f"no category '{unknown[0]}'{hint}; the categories are {one_of(self.names)}"
        lacking = [name for name in self.names if name not in value]
        if lacking:
            return f"no probability of {one_of(lacking)}; each category needs one, 0 if it is never"
        total = math.fsum(value.values())
        if abs(total - 1.0) > 1e-9:
            return f"the probabilities sum to {total:.10g}; they must sum to 1"
        return ""

    def words(self, value: dict[str, float]) -> str:
        return ", ".join(f"{name} {value[name]:g}" for name in self.names)

    def probabilities(self, values: Sequence[Sequence[dict[str, float]]]) -> Floats:
        """Return ``(arm, stratum, category)``."""
        return np.array([[[own[name] for name in self.names] for own in by] for by in values])

    def in_array(self, value: Any) -> bool:
        return True

    def draw(self, drawing: Drawing) -> Outcome:
        u = drawing.uniforms().ravel()
        place = np.zeros(drawing.arm.shape)
        below = np.add.accumulate(self.probabilities(drawing.values), axis=-1)
        for arm, stratum, where in drawing.groups:
            # the last one takes what rounding leaves
            ends = below[arm, stratum, :-1]
            place.ravel()[where] = np.searchsorted(ends, u.take(where), side="right")
        return place

    # ── a column of a participants table ──────────────────────────────────────────────────
    def meaning(self, endpoint: Any, since: str) -> str:
        return (
            f"what became of the participant by month {endpoint.known_after():g}: one of "
            f"{one_of(self.names)}; blank where it is not known"
        )

    def read(self, cell: Cell) -> float:
        text, known = cell.text, cell.known
        assert known is not None
        if text:
            if text not in self.names:
                hint = nearest(text, self.names)
                cell.report(f"found '{text}'{hint}; {one_of(self.names)} or blank is expected")
                return np.nan
            if not cell.settled <= known:
                too_early(cell, known)
            return float(self.names.index(text))
        if cell.unseen:
            return np.nan
        if cell.last >= known + cell.late - SAME:
            cell.report(
                f"blank, and month {known:g} has passed (last contact is month {cell.last:g}); "
                "write the category, or as last contact the last month at which it could be told"
            )
        elif cell.settled <= known and cell.last <= cell.settled + SAME:
            cell.report(
                f"blank, and the last contact is a death or a rescue before month {known:g}; write "
                "the category that it is"
            )
        return np.nan

    def may_be_blank(self, cell: Cell) -> bool:
        return not cell.text and not cell.unseen

    def recorded(self, values: Array, block: Spread, respond: Booleans) -> Outcome:
        best = float(len(self.names) - 1)
        return block(np.where(respond, best, np.where(np.isnan(values), 0.0, values)), 0.0)

    def written(self, outcome: Any, known: float | None, whom: Contact) -> Any:
        assert known is not None
        return self.names[int(outcome[whom.at])] if whom.knows(known) else ""


class SharesOf:
    """The direct truth of an ordinal endpoint, which knows the endpoint's own categories."""

    def __get__(self, endpoint: Any, kind: type[Any]) -> Shares:
        """Return that of an endpoint; of the kind, one without categories."""
        return Shares(() if endpoint is None else tuple(endpoint.categories))
