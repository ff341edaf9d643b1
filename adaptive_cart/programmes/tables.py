"""The tables of a programme file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from adaptive_cart.nouns.parameter_draws import ParameterDraw
from adaptive_cart.nouns.parts import Count, NonNegative, Part, Positive, Probability


def _share(value: Any) -> str:
    return "drawn" if isinstance(value, Mapping | Part) else "number"


Share = Annotated[
    Annotated[Probability, Tag("number")] | Annotated[ParameterDraw, Tag("drawn")],
    Discriminator(_share),
]


Rate = Annotated[
    Annotated[NonNegative, Tag("number")] | Annotated[ParameterDraw, Tag("drawn")],
    Discriminator(_share),
]


class PriorFromEarly(Part):
    """The prior of the controlled trial from the early data of its candidate."""

    believe: Probability = Field(
        default=1.0, description="by which early counts are multiplied; 1 takes them as they are"
    )


class Trial(Part):
    """A trial of every candidate, by a design file."""

    design: str = Field(description="path of the design file, from the folder of this one")
    scenario: str | None = Field(
        default=None,
        description="from which the truth of a candidate that works starts; the first of role "
        "alternative if left out",
    )
    does_not_work: str | None = Field(
        default=None,
        description="scenario of a candidate that does not work; the arm as its control "
        "(`same_as`) if left out",
    )


class Early(Trial):
    """The early trial; a candidate goes on where its success rule holds."""

    selected: Probability = Field(
        default=0.0,
        description="by how much its participants are more likely to have the primary endpoint "
        "than those of the controlled trial",
    )


class Confirm(Trial):
    """The controlled trial of candidates that go on."""

    prior_from_early: PriorFromEarly | None = Field(
        default=None,
        description="the experimental arm's prior from the candidate's early counts; the design's "
        "own if left out",
    )


class Capacity(Part):
    """What limits how many controlled trials run at once."""

    participants_per_year: Positive = Field(description="who can be enrolled in all of them")


class Benefit(Part):
    """What a product is worth: months in remission beyond the control's."""

    endpoint: str = Field(
        description="of the controlled design, whose true mean is months in remission"
    )
    treated_after_success: NonNegative = Field(
        default=0.0, description="patients who are given a product that has succeeded"
    )


class ClassSignal(Part):
    """A rare harm that is counted over all trials of a class, and stops it."""

    event: Annotated[str, Field(min_length=1)] = Field(description="what it is, in words")
    per_year: Rate = Field(
        description="events a year of everybody treated: a number, or drawn by class"
    )
    stop_at: Count = Field(description="number of events in a class with which its trials stop")


class Candidates(Part):
    """How many candidates there are, and what may be true of them."""

    count: Annotated[int, Field(ge=1, le=1_000)] = Field(description="candidates of a portfolio")
    share_that_work: Share = Field(
        default=1.0, description="probability that one works: a number, or drawn by portfolio"
    )
    draw: dict[str, ParameterDraw] = Field(
        default_factory=dict,
        description="by path in a scenario of both designs: what a working candidate draws",
    )
    classes: dict[str, Count] | None = Field(
        default=None, description="candidates by class; one class if left out"
    )
    between_classes: NonNegative = Field(
        default=0.0, description="standard deviation of the effect of a class, on the logit"
    )
    between_products: NonNegative = Field(
        default=0.0, description="standard deviation of a product's own effect, on the logit"
    )
    effect_on: str | None = Field(
        default=None,
        description="path drawn to which these effects add; needed where several are drawn",
    )
    start: Literal["parallel", "sequential"] = Field(
        default="parallel", description="whether controlled trials run at once or in turn"
    )
    control: Literal["separate", "common"] = Field(
        default="separate",
        description="whether every controlled trial has its own controls, or all of a portfolio "
        "share them (a platform)",
    )
    benefit: Benefit | None = Field(
        default=None, description="by what years in remission gained are counted"
    )
    class_signal: ClassSignal | None = Field(
        default=None, description="a rare harm by which a whole class is stopped"
    )
    capacity: Capacity | None = Field(
        default=None, description="what limits how many run at once; nothing if left out"
    )


class ProgrammeSimulation(Part):
    """How much is simulated."""

    portfolios: Count = Field(default=1_000, description="simulated portfolios")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(default=1, description="of all chance")


class ProgrammeTables(Part):
    """A programme file."""

    name: Annotated[str, Field(min_length=1)] = Field(description="what it is called")
    description: str = Field(default="", description="in a sentence")
    early: Early | None = Field(
        default=None, description="the early trial; every candidate goes on if left out"
    )
    confirm: Confirm = Field(description="the controlled trial")
    candidates: Candidates = Field(description="what may be true")
    policies: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="by name: keys set otherwise, of this file or of a design (early.design.KEY, "
        "confirm.design.KEY); early = false leaves the early trial out",
    )
    simulation: ProgrammeSimulation = Field(
        default_factory=ProgrammeSimulation, description="how much is simulated"
    )
