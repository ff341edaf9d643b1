"""The probability of an adverse event in a window, and when in the window it comes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from adaptive_cart.endpoints.direct.base import Drawing
from adaptive_cart.endpoints.direct.times import Dated
from adaptive_cart.nouns.parts import Probability
from adaptive_cart.nouns.records import Floats, Outcome
from adaptive_cart.nouns.recurrent_events import RecurrentEvents
from adaptive_cart.nouns.streams import Latents


class Onset(Dated):
    """A probability of the event; the outcome is its month, infinite where there is none.

    With probability p the event falls uniformly into the window after infusion (after randomisation
    in an arm where nobody is infused): the part of the uniform below p, stretched over the window,
    is its time. With ``each_infusion`` a window opens at each, and the first event of any is taken.
    """

    value: ClassVar[Any] = Probability
    wanted: ClassVar[str] = "a number from 0 to 1"
    holds: ClassVar[str] = "month of onset"

    def drifts(self, value: Any) -> bool:
        return True

    def in_array(self, value: Any) -> bool:
        return True

    def draw(self, drawing: Drawing) -> Floats:
        window = drawing.endpoint.within_months
        u = drawing.uniforms("outcome" if drawing.directly else "event").ravel()
        onset = np.full(drawing.arm.shape, np.inf)
        own = drawing.drifting().ravel() if drawing.trend else None
        for arm, stratum, where in drawing.groups:
            probability = drawing.values[arm][stratum]
            if probability == 0.0:
                continue
            mine = u.take(where)
            if own is not None:
                probability = own[where]
            having = np.flatnonzero(mine < probability)
            at = where[having]
            opens: Floats | float = 0.0
            if drawing.course is not None and drawing.infused[arm][stratum]:
                opens = drawing.course.infused.ravel()[at]
            chance = probability if own is None else probability[having]
            onset.ravel()[at] = opens + mine[having] / chance * window
        if drawing.endpoint.each_infusion and not drawing.directly:
            self._after_others(drawing, onset, own)
        return onset

    def _after_others(self, drawing: Drawing, onset: Floats, own: Floats | None) -> None:
        """Let the event come after an infusion that is not the first, if that is sooner."""
        assert drawing.course is not None
        first, within = onset.ravel(), drawing.endpoint.within_months
        for number, months in enumerate(drawing.course.infused_again, start=1):
            u = drawing.latents.of(f"again_event:{drawing.name}:{number}").ravel()
            for arm, stratum, where in drawing.groups:
                if not drawing.infused[arm][stratum]:
                    continue
                usual = drawing.values[arm][stratum] if own is None else own[where]
                chance = drawing.after_first[arm][stratum].get(drawing.name, usual)
                mine, opens = u.take(where), months.ravel()[where]
                with np.errstate(divide="ignore", invalid="ignore"):
                    comes = np.where(mine < chance, opens + mine / chance * within, np.inf)
                first[where] = np.minimum(first[where], comes)

    def drawn(
        self, latents: Latents, name: str, own: Floats, events: type[RecurrentEvents]
    ) -> Outcome:
        return np.where(latents.of(f"outcome:{name}") < own, 0.0, np.inf)

    def meaning(self, endpoint: Any, since: str) -> str:
        return (
            f"onset of the adverse event; {since}; blank if there was none. Counted to month "
            f"{endpoint.within_months:g} after infusion (after randomisation in an arm where "
            "nobody is infused)"
        )
