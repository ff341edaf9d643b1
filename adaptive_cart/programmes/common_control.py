"""Controls that all controlled trials of a portfolio share: a platform.

The platform opens when the last early trial has decided, and every candidate that goes is in it
from the first day. Its control participants are the same persons in every trial: they come on the
same dates, to the same places of the randomisation list, and what becomes of them is drawn once for
the portfolio. Those of an experimental arm are each candidate's own. So the comparisons of a
portfolio are no longer independent, and controls are counted once.
"""

from __future__ import annotations

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.streams import ChosenLatents, Latents
from adaptive_cart.participants.enrolment import Enrolment

OF_ENROLMENT = ("arrival", "stratum", "allocation", "assignment:")  # who comes when, and to where


class CommonControl(ChosenLatents):
    """Uniforms of candidates whose control participants are those of their portfolio's first.

    Parameters
    ----------
    whole
        Of all candidates of some portfolios, a candidate after the other.
    count
        Candidates of a portfolio.
    """

    def __init__(self, design: Design, whole: Latents, count: int) -> None:
        super().__init__(whole, np.arange(whole.trials))
        self._shared = whole.rows(np.arange(whole.trials) // count * count)
        self._control: Booleans = Enrolment(design, self._shared).arm == 0

    def of(self, purpose: str, width: int | None = None) -> Floats:
        """Uniforms for one purpose, ``(trial, participant)``, read only."""
        if purpose not in self._kept:
            values = self._shared.of(purpose, width)
            if not purpose.startswith(OF_ENROLMENT):
                values = np.where(self._control, values, self.whole.of(purpose, width))
            values.setflags(write=False)
            self._kept[purpose] = values
        return self._kept[purpose]


def opened_together(ready: Floats) -> Floats:
    """Month at which candidates are ready for a platform, ``(portfolio, candidate)``: the last."""
    return np.broadcast_to(ready.max(axis=1, keepdims=True), ready.shape)


def counted_once(controls: Integers) -> Integers:
    """Control participants of a portfolio, ``(portfolio,)``, of those in each of its trials."""
    most: Integers = controls.max(axis=1)
    return most
