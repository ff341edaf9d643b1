"""The probability of an outcome that a participant has or has not."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from adaptive_cart.endpoints.direct.base import Array, Cell, Contact, DirectTruth, Drawing, Spread
from adaptive_cart.nouns.calendar import SAME
from adaptive_cart.nouns.parts import Probability
from adaptive_cart.nouns.records import Booleans, Floats, Outcome
from adaptive_cart.nouns.recurrent_events import RecurrentEvents
from adaptive_cart.nouns.streams import Latents

FEW = 6  # different probabilities


class Response(DirectTruth):
    """A probability of response; the column holds 0 or 1, known from its month on."""

    value: ClassVar[Any] = Probability
    wanted: ClassVar[str] = "a number from 0 to 1"
    holds: ClassVar[str] = "0 or 1"

    def drifts(self, value: Any) -> bool:
        return True

    def in_array(self, value: Any) -> bool:
        return True

    def draw(self, drawing: Drawing) -> Outcome:
        if drawing.trend:
            return drawing.uniforms() < drawing.drifting()
        u, values, arm, stratum = drawing.uniforms(), drawing.values, drawing.arm, drawing.stratum
        if stratum is not None:
            return u < np.array(values, dtype=np.float64)[arm, stratum]
        chances = [by_stratum[0] for by_stratum in values]
        distinct = sorted(set(chances))
        if len(distinct) > FEW:
            return u < np.array(chances).take(arm)
        below = drawing.latents.below(f"outcome:{drawing.name}", tuple(distinct))
        # few probabilities: who responds with a smaller one does so with a larger one, so that
        # only those with a larger one are looked up
        found: Booleans = below[0].copy()
        for chance, under in zip(distinct[1:], below[1:], strict=True):
            for own in (place for place, its in enumerate(chances) if its == chance):
                inside: Booleans = arm == own
                inside &= under
                found |= inside
        return found

    def drawn(
        self, latents: Latents, name: str, own: Floats, events: type[RecurrentEvents]
    ) -> Outcome:
        return latents.of(f"outcome:{name}") < own

    def meaning(self, endpoint: Any, since: str) -> str:
        return (
            f"1 if the outcome at month {endpoint.known_after():g} is a response, 0 if not; blank "
            "where it is not known, and after a death before that month"
        )

    def read(self, cell: Cell) -> bool:
        text, known = cell.text, cell.known
        if text not in ("", "0", "1", "0.0", "1.0"):
            cell.report(f"found '{text}'; 0, 1 or blank is expected")
            return False
        if known is None or cell.settled <= known:
            return text in ("1", "1.0")
        too_early(cell, known)
        if not text and cell.last >= known + cell.late - SAME and not cell.unseen:
            cell.report(
                f"blank, and month {known:g} has passed (last contact is month {cell.last:g}); "
                "write 0 or 1, or as last contact the last month at which it could be told"
            )
        return text in ("1", "1.0")

    def gathered(self, values: list[Any]) -> Array:
        return np.array(values, dtype=np.bool_)

    def recorded(self, values: Array, block: Spread, respond: Booleans) -> Outcome:
        return block(values | respond, False)

    def written(self, outcome: Any, known: float | None, whom: Contact) -> Any:
        return int(outcome[whom.at]) if whom.knows(known) else ""

    def mark(self, value: Any, known: float | None) -> float:
        return (known or 0.0) if value else np.inf


def too_early(cell: Cell, known: float) -> None:
    """Report an outcome that is written before it can be known."""
    if cell.text and cell.last + cell.window < known - SAME:
        cell.report(
            f"found {cell.text}, the outcome at month {known:g}; but last contact is month "
            f"{cell.last:g}"
        )
    elif cell.text and cell.withdrawn < known - SAME:
        cell.report(
            f"found {cell.text}, the outcome at month {known:g}; but withdrawn_month is "
            f"{cell.withdrawn:g}: leave the outcome blank, or write the month of the visit at "
            "which it was told"
        )
