"""The table ``[analysis.ENDPOINT.time_trend]``: what becomes of controls who are not concurrent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from adaptive_cart.models.periods.walk import Walk
from adaptive_cart.nouns.parts import Part, PositiveMonths
from adaptive_cart.nouns.questions import Question

COEFFICIENT_SD: Final = 2.5  # of every coefficient of the logistic models over the calendar
MACHINE: Final = "time_machine"
MOST_POINTS: Final = 1e3  # of a step of a score
WIDEST_STEP: Final = 2.0  # on the logit; a step of that size takes 0.1 to 0.45

StepScale = Annotated[float, Field(gt=0.0, le=WIDEST_STEP, allow_inf_nan=False)]
PointScale = Annotated[float, Field(gt=0.0, le=MOST_POINTS, allow_inf_nan=False)]


class TrendSelection(Part):
    """Who counts in a comparison, of those randomised while one of its arms was not open."""

    model: Literal["concurrent", "pooled"] = Field(
        description="they are left out, or count like all others"
    )

    @property
    def by_period(self) -> bool:
        """Whether it matters in which period somebody was randomised."""
        return self.model != "pooled"


LEFT_OUT: Any = Field(
    default=None,
    description="participants randomised while an arm of a comparison was not open: they count "
    "like all others (pooled) if left out",
)


class TrendAdjustment(Part):
    """How a comparison deals with participants randomised while one of its arms was not open."""

    model: Literal["concurrent", "pooled", "periods", "time_machine"] = Field(
        description="they are left out, count like all others, or help to estimate the periods, "
        "each with an effect of its own, or with a random walk over the calendar"
    )
    period_months: PositiveMonths | None = Field(
        default=None, description="time_machine: length of a calendar period"
    )
    order: Literal[1, 2] | None = Field(
        default=None,
        description="time_machine: the walk takes steps (1), or changes of steps (2, if left out)",
    )
    step_scale: StepScale | None = Field(
        default=None,
        description="time_machine: scale of the half-normal prior of the standard deviation of a "
        "step, on the logit of a probability, or on the logarithm of a rate or a hazard",
    )

    on: ClassVar[str] = "on the logit (of a rate or a hazard, on the logarithm)"

    def problems(self) -> list[tuple[str, str]]:
        """Keys of the walk that are missing, or that nothing asks for: path, and message."""
        needed = {
            "period_months": "the length of a calendar period, for instance 3.0",
            "step_scale": "the scale of the half-normal prior of the standard deviation of a step "
            f"{self.on}, for instance 0.1",
        }
        if self.model == MACHINE:
            return [
                (f"time_trend.{key}", f'a value is needed with model = "{MACHINE}": {told}')
                for key, told in needed.items()
                if getattr(self, key) is None
            ]
        return [
            (
                f"time_trend.{key}",
                f'found {getattr(self, key):g}; "{self.model}" has no random walk over the '
                f'calendar: leave it out, or write model = "{MACHINE}"',
            )
            for key in ("period_months", "order", "step_scale")
            if getattr(self, key) is not None
        ]

    def on_the_logit(self, has_prior: bool) -> list[tuple[str, str]]:
        """Whether a prior of probabilities is given, where a logistic model has its own."""
        if not (self.adjusts and has_prior):
            return []
        why = (
            f'time_trend.model is "{self.model}", a logistic model whose coefficients are all '
            f"Normal(0, {COEFFICIENT_SD:g}); leave `prior` out, or write model = "
            '"concurrent"'
        )
        return [("prior", why)]

    def on_the_logarithm(self, written: bool, path: str, whose: str) -> list[tuple[str, str]]:
        """Whether the baselines of a model of rates or hazards have a gamma prior of its own.

        Parameters
        ----------
        written
            Whether it is one gamma for all.
        path, whose
            Where it stands, and what it is of: the control's ``rate``, or ``hazard``.
        """
        if written or not self.adjusts:
            return []
        when = "each period" if self.model == "periods" else "the latest calendar period"
        why = (
            f'time_trend.model is "{self.model}", in which it is the prior of the control\'s '
            f"{whose} in {when}: write {path} = {{ a = …, b = … }}, or model = "
            '"concurrent"'
        )
        return [(path, why)]

    @property
    def adjusts(self) -> bool:
        """Whether effects of periods are estimated, so that the model is another one."""
        return self.model in ("periods", MACHINE)

    @property
    def by_period(self) -> bool:
        """Whether it matters in which period somebody was randomised."""
        return self.model != "pooled"

    @property
    def walk(self) -> Walk:
        """How the logit may drift, where the model is a random walk."""
        assert self.period_months is not None
        assert self.step_scale is not None
        return Walk(self.period_months, self.order or 2, self.step_scale)


class ScoreAdjustment(TrendAdjustment):
    """The same of a score, whose effects of periods are in its points."""

    step_scale: PointScale | None = Field(
        default=None,
        description="time_machine: scale of the half-normal prior of the standard deviation of a "
        "step, in points of the score",
    )

    on: ClassVar[str] = "in points of the score"

    def on_means(self, given: Iterable[str]) -> list[tuple[str, str]]:
        """Priors of means and of the spread, where these are flat: path, and message."""
        if not self.adjusts:
            return []
        why = (
            f'time_trend.model is "{self.model}", in which means, the slope and the spread have '
            'flat priors; leave it out, or write model = "concurrent"'
        )
        return [(key, why) for key in given]


def arms_of(question: Question | None) -> tuple[int, ...]:
    """Arms that a question compares, the one that it is about last; without one the first two."""
    if question is None:
        return 0, 1
    return (question.arm,) if question.minus is None else (question.minus, question.arm)
