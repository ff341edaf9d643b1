"""The table ``[design_prior.NAME]``: how probable each scenario is held to be before the trial.

A design prior averages operating characteristics over what may be true. It is no prior of an
analysis: nothing that is judged at a look knows it. Three are ready made, and are written as an
empty table of their name: they share the scenarios whose role is null or alternative out.

===============  ===================================================================================
`skeptical`      three quarters on the null scenarios, one quarter on the alternatives
`neutral`        one half on each: equipoise
`enthusiastic`   one quarter on the null scenarios, three quarters on the alternatives
===============  ===================================================================================

``draw`` gives a value of the truth a distribution: it is drawn anew in every simulated trial, in
every scenario with a weight but those whose role is null, or in the one scenario that the path
begins with. ``early_data`` is such a draw as well: of the primary's probability in an experimental
arm, a beta that counts the early responders and non-responders, multiplied by how far they are
believed, upon Beta(1, 1).
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from adaptive_cart.design.validation import steps_of
from adaptive_cart.nouns.parameter_draws import AnyDraw, BetaDraw, ParameterDraw
from adaptive_cart.nouns.parts import Count, Part, Probability
from adaptive_cart.nouns.roles import ALTERNATIVE, NULL

if TYPE_CHECKING:
    from adaptive_cart.design.design import Design

READY_MADE = {"skeptical": 0.75, "neutral": 0.5, "enthusiastic": 0.25}  # weight of the nulls
EXPECTED = (NULL, ALTERNATIVE)  # roles that a ready-made one shares the weight out to
ROUNDING = 1e-9


class EarlyData(Part):
    """Results of an earlier trial, in part believed."""

    responders: Annotated[int, Field(ge=0)] = Field(description="of the primary endpoint")
    participants: Count = Field(description="among whom they were")
    believe: Probability = Field(
        default=1.0, description="by which their numbers are multiplied; 1 takes them as they are"
    )
    arm: str | None = Field(
        default=None, description="the experimental arm; needed where there are several"
    )

    @model_validator(mode="after")
    def _possible(self) -> EarlyData:
        if self.responders > self.participants:
            raise ValueError(
                f"'responders' is {self.responders}; at most the {self.participants} participants "
                f"are expected"
            )
        return self

    def drawn(self) -> BetaDraw:
        """The beta that it makes of a flat one."""
        failures = self.participants - self.responders
        return BetaDraw(
            dist="beta", a=1.0 + self.believe * self.responders, b=1.0 + self.believe * failures
        )


class DesignPrior(Part):
    """How probable each scenario is held to be, and how its values are distributed."""

    weights: dict[str, Probability] | None = Field(
        default=None, description="by scenario; they sum to 1. A ready-made prior has its own"
    )
    draw: dict[str, ParameterDraw] = Field(
        default_factory=dict,
        description="by path in a scenario: the distribution from which its value is drawn",
    )
    early_data: EarlyData | None = Field(
        default=None, description="results by which an experimental arm's probability is drawn"
    )


@dataclass(frozen=True)
class Draw:
    """A value of the truth that is drawn.

    Attributes
    ----------
    path
        As it is written; keys and positions within the scenario's tables are ``steps``.
    scenario
        The one scenario in which it is drawn; nothing for every one whose role is not null.
    """

    path: str
    steps: tuple[str, ...]
    scenario: str | None
    dist: AnyDraw

    def concerns(self, scenario: str, role: str) -> bool:
        """Whether it is drawn in a scenario."""
        return scenario == self.scenario if self.scenario is not None else role != NULL


def draws_of(
    prior: DesignPrior, scenarios: Container[str], primary: str | None, arms: Sequence[str]
) -> list[Draw]:
    """What a design prior draws, in the order written; early data last.

    Parameters
    ----------
    arms
        The experimental arms.
    """
    found = []
    for path, dist in prior.draw.items():
        steps = tuple(str(step) for step in steps_of(path))
        named = len(steps) > 1 and steps[0] in scenarios
        found.append(Draw(path, steps[named:], steps[0] if named else None, dist))
    early = prior.early_data
    if early is not None and primary is not None:
        arm = early.arm if early.arm is not None else arms[0]
        found.append(Draw("early_data", (primary, arm), None, early.drawn()))
    return found


def weights_of(name: str, prior: DesignPrior, roles: Mapping[str, str]) -> dict[str, float]:
    """Weight of each scenario that has one.

    Parameters
    ----------
    roles
        By scenario.
    """
    if prior.weights is not None:
        return {scenario: weight for scenario, weight in prior.weights.items() if weight > 0.0}
    share = {NULL: READY_MADE[name], ALTERNATIVE: 1.0 - READY_MADE[name]}
    number = {role: sum(found == role for found in roles.values()) for role in EXPECTED}
    return {
        scenario: share[role] / number[role] for scenario, role in roles.items() if role in EXPECTED
    }


@dataclass(frozen=True)
class Weighed:
    """A scenario in a design prior, and what is drawn in it."""

    prior: str
    scenario: str
    weight: float
    draws: tuple[Draw, ...]


def weighed_by(design: Design, name: str) -> list[Weighed]:
    """What a design prior of a design weighs, and draws."""
    prior = design.design_prior[name]
    roles = {scenario: truth.role for scenario, truth in design.truths.items()}
    draws = draws_of(prior, design.scenarios, design.primary, design.experimental_names)
    return [
        Weighed(name, one, weight, tuple(d for d in draws if d.concerns(one, roles[one])))
        for one, weight in weights_of(name, prior, roles).items()
    ]


def wrong_weights(
    name: str, prior: DesignPrior, roles: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Key and message of what is wrong with a table, given the design's scenarios."""
    if prior.weights is None:
        if name not in READY_MADE:
            ready = ", ".join(READY_MADE)
            yield "", f"has no weights; write weights = {{ SCENARIO = … }}, or call it {ready}"
            return
        lacking = [role for role in EXPECTED if role not in roles.values()]
        if lacking:
            yield (
                "",
                f"shares its weight out to null and alternative scenarios, and there is none of "
                f"role {lacking[0]}; write weights = {{ … }}",
            )
        return
    total = sum(prior.weights.values())
    if abs(total - 1.0) > ROUNDING:
        yield "weights", f"sum to {total:.10g}; 1 is expected"
