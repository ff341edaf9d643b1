"""Success: of the trial, or of one of its arms or strata."""

from __future__ import annotations

from adaptive_cart.decisions.base import Actions, Decision, Holding
from adaptive_cart.decisions.endings import SUCCESS


class DeclareSuccess(Decision):
    """The trial ends as a success.

    With several experimental arms, or "each", the target's arm (or stratum) is successful and
    resolved; the trial goes on with the others, unless the first success ends it.
    """

    def act(self, trials: Actions, held: Holding) -> None:
        """Note the success, and let it end what it ends."""
        trials.note(held)
        trials.succeed(held)


DECLARE_SUCCESS = DeclareSuccess(
    name="declare_success",
    does="declares success",
    done="success",
    colour=SUCCESS.colour,
    hatch=SUCCESS.hatch,
    ends=SUCCESS,
    claims=True,
)
