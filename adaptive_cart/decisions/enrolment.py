"""The end of enrolment: those already in are followed, then the last look is held."""

from __future__ import annotations

from adaptive_cart.decisions.base import Actions, Decision, Holding


class StopEnrolment(Decision):
    """Nobody else is randomised; the trial itself goes on."""

    def act(self, trials: Actions, held: Holding) -> None:
        """Let nobody else in."""
        trials.stop_enrolment(held)


STOP_ENROLMENT = StopEnrolment(
    name="stop_enrolment",
    does="stops enrolment",
    done="enrolment stops",
    colour="green",
    hatch="\\\\\\\\",
    stops_enrolment=True,
)
