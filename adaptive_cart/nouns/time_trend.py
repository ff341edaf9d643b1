"""How a probability, a rate, a hazard or a mean drifts with the month of randomisation."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self

import numpy as np
from pydantic import Field, model_validator
from scipy import special

from adaptive_cart.errors import InputError
from adaptive_cart.nouns.drifting_times import AveragedTime
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR, Finite, Months, Part, PositiveMonths
from adaptive_cart.nouns.records import Floats

MOST_YEARLY: Final = 100.0  # events: each is a date of its own, and has to find room in memory
STEEPEST: Final = 50.0  # of a logarithm: far beyond what is refused


class TimeTrend(Part):
    """A shift by month of randomisation, from the opening of the trial.

    It is of the logit of a probability, of the logarithm of a yearly rate or of a hazard, or of a
    mean change in points. What is given is added up: a straight line, which may turn, a step, and a
    wave of twelve months.
    """

    per_year: Finite | None = Field(
        default=None, description="a straight line: by how much the shift rises a year"
    )
    turns_at_month: PositiveMonths | None = Field(
        default=None, description="month at which the line turns and goes back as fast as it came"
    )
    step: Finite | None = Field(
        default=None, description="by how much the shift is larger from `at_month` on"
    )
    at_month: Months | None = Field(default=None, description="month of the step")
    amplitude: Finite | None = Field(
        default=None, description="a wave of twelve months: by how much the shift is larger at its "
        "peak than on average"
    )  # fmt: skip
    peak_month: Months | None = Field(
        default=None, description="month at which the wave has its peak"
    )

    scale: ClassVar[str] = "logit"  # of what is shifted

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for size, month in (("step", "at_month"), ("amplitude", "peak_month")):
            if (getattr(self, size) is None) != (getattr(self, month) is None):
                given, lacking = (size, month) if getattr(self, month) is None else (month, size)
                raise ValueError(f"has '{given}' without '{lacking}'; the two go together")
        if self.turns_at_month is not None and self.per_year is None:
            raise ValueError("has 'turns_at_month' without 'per_year', the line that turns")
        if self.per_year is None and self.step is None and self.amplitude is None:
            raise ValueError(
                "says no trend; write per_year = …, step = … with at_month = …, or amplitude = … "
                "with peak_month = …"
            )
        return self

    def shift(self, month: Floats) -> Floats:
        """Shift for those randomised at a month; none for those who never are."""
        month = np.where(np.isfinite(month), month, 0.0)
        found = np.zeros(month.shape)
        if self.per_year is not None:
            top = np.inf if self.turns_at_month is None else self.turns_at_month
            found += self.per_year * (month - 2.0 * np.maximum(month - top, 0.0)) / MONTHS_PER_YEAR
        if self.step is not None and self.at_month is not None:
            found += np.where(month >= self.at_month, self.step, 0.0)
        if self.amplitude is not None and self.peak_month is not None:
            angle = 2.0 * np.pi * (month - self.peak_month) / MONTHS_PER_YEAR
            found += self.amplitude * np.cos(angle)
        return found

    def moved(self, probability: Floats | float, month: Floats) -> Floats:
        """A probability as it is for those randomised at a month."""
        found: Floats = special.expit(special.logit(probability) + self.shift(month))
        return found

    def averaged(self, value: Any, months: Floats, weights: Floats | None = None) -> Any:
        """What is said of an arm, averaged over months of randomisation.

        Parameters
        ----------
        months, weights
            ``(participant,)``; all alike if no weights are given.
        """
        return float(np.average(self.moved(float(value), months), weights=weights))

    def words(self) -> str:
        """Say it: ``logit + 0.15 a year``."""
        parts = []
        if self.per_year is not None:
            turns = self.turns_at_month
            back = "" if turns is None else f" until month {turns:g} and back as fast"
            parts.append(f"{self.per_year:+g} a year{back}")
        if self.step is not None:
            parts.append(f"{self.step:+g} from month {self.at_month:g} on")
        if self.amplitude is not None:
            parts.append(
                f"a wave of twelve months, ±{abs(self.amplitude):g}, with its peak at month "
                f"{self.peak_month:g}"
            )
        return f"{self.scale} " + ", and ".join(parts)


class MeanTrend(TimeTrend):
    """The same shift of the mean of a score at every visit after the baseline."""

    scale: ClassVar[str] = "mean change"

    def averaged(self, value: Any, months: Floats, weights: Floats | None = None) -> Any:
        """The score's truth with the mean changes of all, averaged over months."""
        shift = float(np.average(self.shift(months), weights=weights))
        return value.model_copy(update={"change": [change + shift for change in value.change]})


class RateTrend(TimeTrend):
    """The same shift of the logarithm of a yearly rate."""

    scale: ClassVar[str] = "log rate"

    def moved(self, probability: Floats | float, month: Floats) -> Floats:
        """A yearly rate as it is for those randomised at a month."""
        found: Floats = probability * np.exp(np.minimum(self.shift(month), STEEPEST))
        if found.max(initial=0.0) > MOST_YEARLY:
            raise InputError(
                f"a yearly rate drifts beyond {MOST_YEARLY:g} events a year ({self.words()}); "
                "write a smaller trend"
            )
        return found


class HazardTrend(TimeTrend):
    """The same shift of the logarithm of the hazard of an event, at every month from its clock on.

    The fraction without the event at any month is raised to the power of the factor, and so is that
    which never has it.
    """

    scale: ClassVar[str] = "log hazard"

    def averaged(self, value: Any, months: Floats, weights: Floats | None = None) -> Any:
        """The time of those randomised at some months, together."""
        each = np.ones(months.shape) if weights is None else weights
        factor, place = np.unique(factors(self.shift(months)), return_inverse=True)
        share = np.bincount(place.ravel(), weights=each, minlength=len(factor)) / each.sum()
        return AveragedTime(value, tuple(factor.tolist()), tuple(share.tolist()))


def factors(shift: Floats) -> Floats:
    """What hazards are multiplied by, which are shifted by so much on the logarithm."""
    return np.exp(np.clip(shift, -STEEPEST, STEEPEST))
