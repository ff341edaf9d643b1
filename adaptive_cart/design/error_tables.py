"""The tables ``[calibration]`` and ``[claims]``: what errors thresholds are set for, and share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from adaptive_cart.nouns.parts import Finite, Part, Positive, Probability

Inside01 = Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]


class FalseStop(Part):
    """How often a rule may stop a trial in scenarios in which it should not."""

    at_most: Inside01 = Field(description="probability of a false stop that is wanted, at most")
    scenarios: list[str] = Field(description="scenarios in which a stop is false")


class Losses(Part):
    """What a wrong decision costs, in one unit."""

    false_success: Positive = Field(description="a success whose claim is false")
    missed: Positive = Field(description="no success, although the claim is true")


class Averages(Part):
    """What is wanted on average over a design prior of the claim of one rule."""

    false_discovery: Inside01 | None = Field(
        default=None, description="probability that its claim is false, given that it is made"
    )
    correct_decision: Inside01 | None = Field(
        default=None,
        description="probability that its claim is made where it is true, or not where it is "
        "false, at least",
    )
    expected_loss: Losses | None = Field(
        default=None, description="what its errors cost; the smallest mean is taken"
    )

    @property
    def named(self) -> list[str]:
        """Names of what is wanted."""
        return [*self.plain()]


def without_stops(tables: dict[str, Any]) -> None:
    """Leave out of a design's tables what ``[calibration]`` wants of stops that are gone.

    The table goes where it wants nothing else.
    """
    asked, there = tables.get("calibration", {}), {rule["name"] for rule in tables["rules"]}
    asked.pop("futility", None)
    asked.pop("false_stop", None)
    overruled = [name for name in asked.pop("not_binding", None) or () if name in there]
    if overruled:
        asked["not_binding"] = overruled
    if not {"type_one_error", "averages", *Averages.model_fields} & asked.keys():
        tables.pop("calibration", None)


class Calibration(Part):
    """What a threshold that is to be calibrated is set for."""

    type_one_error: Inside01 | None = None
    null_region: dict[str, list[Finite]] | None = None
    design_prior: str | None = Field(
        default=None, description="name of the design prior over which the next three are averaged"
    )
    false_discovery: Inside01 | None = Field(
        default=None, description="probability that the claim is false, given success, at most"
    )
    correct_decision: Inside01 | None = Field(
        default=None,
        description="probability of a success that is true, or of none where it would be false, "
        "at least",
    )
    expected_loss: Losses | None = Field(
        default=None, description="what errors cost; the threshold with the smallest mean is taken"
    )
    averages: dict[str, Averages] | None = Field(
        default=None,
        description="by rule to be calibrated: what is wanted on average of its own claim",
    )
    futility: Literal["binding", "not_binding"] | None = Field(
        default=None, description="whether trials that it ends are taken for ended; binding"
    )

    not_binding: list[str] | None = Field(
        default=None, description="other rules that may be overruled: left out of the search"
    )

    confidence: Literal["upper", "estimate"] | None = Field(
        default=None, description="what is at most the error where it is simulated; upper"
    )

    shape: Literal["pocock", "obrien_fleming"] | None = Field(
        default=None, description="how the thresholds differ by look; pocock, one number"
    )

    held: Literal["family_wise", "by_claim"] | None = Field(
        default=None,
        description="whether any false success counts (default), or each claim's by itself",
    )

    spend: list[Inside01] | None = Field(
        default=None,
        description="type I error up to each look at which the rule for success is judged, at most",
    )

    shares: dict[str, Inside01] | None = Field(
        default=None,
        description="by rule for success: its share of type_one_error, for a threshold of its own",
    )

    false_stop: dict[str, FalseStop] | None = Field(
        default=None,
        description="by rule that stops a trial, arm or stratum: what its threshold is found for",
    )

    @property
    def by_claim(self) -> bool:
        """Whether the error of each claim is held by itself, arm by arm and rule by rule."""
        return self.held == "by_claim"

    @property
    def averaged(self) -> bool:
        """Whether anything is wanted on average over a design prior."""
        return bool(self.averages) or bool(self.of_all.named)

    @property
    def of_all(self) -> Averages:
        """What is wanted on average of every rule to be calibrated."""
        return Averages(
            false_discovery=self.false_discovery,
            correct_decision=self.correct_decision,
            expected_loss=self.expected_loss,
        )

    def averages_of(self, rule: str) -> Averages:
        """What is wanted on average of a rule to be calibrated."""
        return (self.averages or {}).get(rule, self.of_all)

    @property
    def by_upper_bound(self) -> bool:
        """Whether a simulated error's upper 95% bound has to be at most the one wanted."""
        return self.confidence != "estimate"

    @property
    def obeys_futility(self) -> bool:
        """Whether trials that a futility rule ends are taken for ended in the search."""
        return self.futility != "not_binding"


class SharedError(Part):
    """How success and further claims share the family-wise error, and pass their share on."""

    alpha: dict[str, Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)]]
    passes_to: dict[str, dict[str, Probability]] = Field(default_factory=dict)
