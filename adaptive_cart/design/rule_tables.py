"""The tables of a rule: what it asks, with which comparison, when, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, create_model

from adaptive_cart.decisions import DECISIONS, Decision
from adaptive_cart.models.classical.alpha_spending import Shape
from adaptive_cart.nouns.parts import Count, Finite, Part, Probability
from adaptive_cart.nouns.questions import ARM_KEYS, KEYS, QuestionKind, kind_of

if TYPE_CHECKING:
    DecisionName = str
else:
    DecisionName = Literal[tuple(DECISIONS)]


class Asked(Part):
    """P(arm - minus > above | data), or about the arm alone."""

    endpoint: str | None = None
    arm: str | None = None
    minus: str | None = None
    above: Finite | None = None
    below: Finite | None = None
    stratum: str | None = None

    @property
    def kind(self) -> QuestionKind:
        """Which kind of question its keys ask."""
        return kind_of(self)

    @property
    def about(self) -> str:
        """Name of the endpoint that it asks about, or of the utility."""
        return self.endpoint or getattr(self, "utility", None) or ""

    @property
    def others(self) -> list[tuple[str, str]]:
        """Every key that names a second arm, and the name."""
        found = ((key, getattr(self, key)) for key in ARM_KEYS)
        return [(key, name) for key, name in found if name is not None]

    def given(self) -> tuple[str, ...]:
        """Keys that it has of those that not every question takes."""
        return tuple(key for key in ("minus", *KEYS) if getattr(self, key) is not None)


if TYPE_CHECKING:
    PosteriorQuestion = Asked
else:  # each kind of question has keys of its own
    PosteriorQuestion = create_model(
        "PosteriorQuestion",
        __base__=Asked,
        __doc__=Asked.__doc__,
        **{
            key.name: (key.type | None, Field(default=None, description=key.words))
            for key in KEYS.values()
        },
    )


class PredictiveQuestion(Part):
    """The probability that a rule's condition will hold at the last look."""

    rule: str
    with_: Literal["max_n", "enrolled"] = Field(default="max_n", alias="with")

    @property
    def of_enrolled(self) -> bool:
        """Whether those enrolled by the look are all there will be."""
        return self.with_ == "enrolled"


class AlphaSpending(Part):
    """Thresholds that spend a type I error over the looks, for the p-value of a test."""

    alpha: Annotated[float, Field(gt=0.0, lt=0.5, allow_inf_nan=False)]
    spending: Shape = "obrien_fleming"


class ByAlpha(Part):
    """Thresholds of a claim, one for each amount of alpha that it can come to hold."""

    alpha: list[Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]]
    threshold: list[Probability]

    @property
    def pairs(self) -> tuple[tuple[float, float], ...]:
        """Amounts with their thresholds."""
        return tuple(zip(self.alpha, self.threshold, strict=False))


def _threshold_shape(value: Any) -> str:
    if isinstance(value, str):
        return "calibrate"
    if isinstance(value, ByAlpha) or (
        isinstance(value, dict) and ("threshold" in value or isinstance(value.get("alpha"), list))
    ):
        return "by_alpha"
    if isinstance(value, dict | AlphaSpending):
        return "spending"
    return "list" if isinstance(value, list) else "number"


Threshold = Annotated[
    Annotated[Probability, Tag("number")]
    | Annotated[list[Probability], Tag("list")]
    | Annotated[Literal["calibrate"], Tag("calibrate")]
    | Annotated[AlphaSpending, Tag("spending")]
    | Annotated[ByAlpha, Tag("by_alpha")],
    Discriminator(_threshold_shape),
]


def _look_shape(value: Any) -> str:
    return "final" if isinstance(value, str) else "number"


LookNumber = Annotated[
    Annotated[Count, Tag("number")] | Annotated[Literal["final"], Tag("final")],
    Discriminator(_look_shape),
]


class Condition(Part):
    """One question with its comparison, or several conditions of which all hold, or any."""

    posterior: PosteriorQuestion | None = None
    predictive: PredictiveQuestion | None = None
    jointly: list[PosteriorQuestion] | None = None
    at_least: Threshold | None = None
    below: Threshold | None = None
    all: list[Condition] | None = None
    any: list[Condition] | None = None

    @property
    def threshold(self) -> Any:
        """What the probability is compared with, as written."""
        return _threshold(self)

    @property
    def sign(self) -> str:
        """The comparison, as a protocol writes it."""
        return _sign(self)


class Rule(Part):
    """A condition, and what follows when it holds."""

    name: str
    then: DecisionName
    posterior: PosteriorQuestion | None = None
    predictive: PredictiveQuestion | None = None
    jointly: list[PosteriorQuestion] | None = None
    at_least: Threshold | None = None
    below: Threshold | None = None
    all: list[Condition] | None = None
    any: list[Condition] | None = None
    looks: list[LookNumber] | None = None
    every: Count | None = Field(default=None, description="judge at every n-th infusion as well")
    from_: Count | None = Field(
        default=None,
        alias="from",
        description="silent while fewer of the arm that it asks about are analysed",
    )
    requires: list[str] | None = None
    followed_up: bool | None = None

    @property
    def judged_last(self) -> bool:
        """Whether it is judged at the last look: at all looks, or at that which is final."""
        return self.looks is None or "final" in self.looks

    @property
    def decision(self) -> Decision:
        """What follows when it holds."""
        return DECISIONS[self.then]

    @property
    def threshold(self) -> Any:
        """What the probability is compared with, as written; nothing where it asks several."""
        return _threshold(self)

    @property
    def sign(self) -> str:
        """The comparison, as a protocol writes it."""
        return _sign(self)

    @property
    def comparisons(self) -> tuple[Comparing, ...]:
        """Every question that it asks with its comparison, in the order written."""
        return tuple(part for _, part in leaves(self))

    @property
    def to_calibrate(self) -> bool:
        """Whether a threshold of it is still to be found."""
        return any(part.threshold == "calibrate" for part in self.comparisons)

    @property
    def asked(self) -> tuple[PosteriorQuestion, ...]:
        """Every question that it asks of a posterior, in the order written."""
        return tuple(asked for _, asked in questions(self))


Comparing = Rule | Condition  # a table with a question and its comparison


def _threshold(part: Comparing) -> Any:
    return part.at_least if part.at_least is not None else part.below


def _sign(part: Comparing) -> str:
    return ">=" if part.at_least is not None else "<"


def side_of(part: Comparing) -> str:
    """The key that holds the threshold."""
    return "at_least" if part.at_least is not None else "below"


def together(part: Comparing) -> tuple[str, list[Condition]] | None:
    """The word that puts conditions together, and they; nothing where there is but one."""
    if part.all is not None:
        return "all", part.all
    return None if part.any is None else ("any", part.any)


def leaves(part: Comparing, path: str = "") -> Iterator[tuple[str, Comparing]]:
    """Every question with its comparison inside a table, with its path: ``all[0]``."""
    found = together(part)
    if found is None:
        yield path, part
        return
    word, inner = found
    for place, one in enumerate(inner):
        yield from leaves(one, f"{path}.{word}[{place}]" if path else f"{word}[{place}]")


def questions(part: Comparing, path: str = "") -> Iterator[tuple[str, PosteriorQuestion]]:
    """Every question to a posterior inside a table, with its path: ``all[0].posterior``."""
    for place, leaf in leaves(part, path):
        if leaf.posterior is not None:
            yield f"{place}.posterior" if place else "posterior", leaf.posterior
        for number, one in enumerate(leaf.jointly or ()):
            yield f"{place}.jointly[{number}]" if place else f"jointly[{number}]", one
