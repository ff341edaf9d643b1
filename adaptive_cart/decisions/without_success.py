"""The end of the trial, for futility or for safety."""

from __future__ import annotations

from adaptive_cart.decisions.base import Actions, Decision, Holding
from adaptive_cart.decisions.endings import FUTILITY, SAFETY


class EndTheTrial(Decision):
    """The trial ends as soon as the rule holds for one target."""

    def act(self, trials: Actions, held: Holding) -> None:
        """End the trials."""
        assert self.ends is not None
        trials.end(held, self.ends)


DECLARE_FUTILITY = EndTheTrial(
    name="declare_futility",
    does=FUTILITY.does,
    done="futility",
    colour=FUTILITY.colour,
    hatch=FUTILITY.hatch,
    ends=FUTILITY,
)
STOP_FOR_SAFETY = EndTheTrial(
    name="stop_for_safety",
    does=SAFETY.does,
    done="stop for safety",
    colour=SAFETY.colour,
    hatch=SAFETY.hatch,
    ends=SAFETY,
)
