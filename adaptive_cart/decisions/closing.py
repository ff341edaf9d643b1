"""An arm or a stratum that enrols no more; the trial ends when none is left open."""

from __future__ import annotations

import json

from adaptive_cart.decisions.base import Actions, Asked, Decision, Holding, Refusals
from adaptive_cart.errors import one_of


class DropArm(Decision):
    """The target's arm stops enrolling and is resolved."""

    def act(self, trials: Actions, held: Holding) -> None:
        """Close the arms; where none is left, the trial ends."""
        trials.drop_arms(held)
        trials.end_where_resolved(held)

    def refuses(self, asked: Asked, control: str | None, strata: tuple[str, ...]) -> Refusals:
        """The control cannot be dropped."""
        if control is not None and asked.arm == control:
            found = json.dumps(asked.arm, ensure_ascii=False)
            yield "posterior.arm", f"found {found}, the control, which cannot be dropped", "then"


class CloseStratum(Decision):
    """The target's stratum stops enrolling and is resolved."""

    def act(self, trials: Actions, held: Holding) -> None:
        """Close the strata; where none is left, the trial ends."""
        trials.close_strata(held)
        trials.end_where_resolved(held)

    def refuses(self, asked: Asked, control: str | None, strata: tuple[str, ...]) -> Refusals:
        """A stratum that is to be closed has to be named."""
        if not strata:
            yield "then", f"'{self.name}' needs [strata], which this design has not"
        elif asked.stratum in (None, "open"):
            found = "missing" if asked.stratum is None else f'found "{asked.stratum}"'
            yield (
                "posterior.stratum",
                f"{found}; '{self.name}' needs the stratum that it closes: "
                f"{one_of(('each', *strata))}",
                "then",
                "posterior.stratum",
            )


DROP_ARM = DropArm(
    name="drop_arm",
    does="drops an arm",
    done="the arm is dropped",
    colour="vermilion",
    hatch="----",
    drops_arms=True,
)
CLOSE_STRATUM = CloseStratum(
    name="close_stratum",
    does="closes a stratum",
    done="the stratum is closed",
    colour="vermilion",
    hatch="----",
    closes_strata=True,
)
