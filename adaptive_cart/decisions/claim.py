"""A further claim: judged once the trial has ended, noted for its target; it ends nothing."""

from __future__ import annotations

from adaptive_cart.decisions.base import Actions, Decision, Holding


class Claim(Decision):
    """What the rule asks is claimed, if the rules that it requires have held."""

    def act(self, trials: Actions, held: Holding) -> None:
        """Note the claim."""
        trials.note(held)


CLAIM = Claim(
    name="claim",
    does="makes a further claim",
    done="claimed",
    colour="sky",
    hatch="++++",
    claims=True,
    at_the_end=True,
)
