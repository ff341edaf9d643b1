"""One arm goes on, the best of those for which the rule holds; all others enrol no more."""

from __future__ import annotations

import json

from adaptive_cart.decisions.base import Actions, Asked, Decision, Holding, Refusals


class ChooseArm(Decision):
    """The best arm goes on."""

    def act(self, trials: Actions, held: Holding) -> None:
        """Close all other arms; where the rule holds of none, nothing follows."""
        trials.drop_arms(trials.all_but_best(held))

    def refuses(self, asked: Asked, control: str | None, strata: tuple[str, ...]) -> Refusals:
        """It is about each experimental arm, over all strata."""
        if asked.arm != "each":
            found = "missing" if asked.arm is None else f"found {json.dumps(asked.arm)}"
            yield (
                "posterior.arm",
                f"{found}; '{self.name}' chooses among the arms: \"each\" is needed",
                "then",
            )
        if asked.stratum == "each":
            yield (
                "posterior.stratum",
                f"found \"each\"; '{self.name}' chooses one arm for all strata: leave it out",
                "then",
            )


CHOOSE_ARM = ChooseArm(
    name="choose_arm",
    does="chooses the arm that goes on",
    done="the best arm goes on, and the others are dropped",
    colour="blue",
    hatch="....",
    drops_arms=True,
    chooses=True,
)
