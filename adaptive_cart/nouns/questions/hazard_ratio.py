"""The hazard of an arm over that of another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from adaptive_cart.nouns.distributions import EventTime, Exponential, Gompertz, Piecewise, Weibull
from adaptive_cart.nouns.questions.kind import Key, OfTwoArms

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.questions.words import Parameter


class HazardRatio(OfTwoArms):
    """A hazard ratio: a quantity of two arms, for no hazard is known by itself."""

    name = "hazard_ratio"
    keys = (Key("hazard_ratio_to", str, "Arm that the hazard of `arm` is divided by."),)
    other = "hazard_ratio_to"
    quantity = "hazard_ratio"
    ratio = True
    lower_is_better = True
    asked_for = "a hazard ratio"
    comparison = "hazard ratio"
    against = "against"
    observed = True
    limits = (0.0, math.inf)

    def at_margin(self, question: Question, control: Any) -> Any:
        """The control's time with its hazard multiplied, where that is a time of its kind."""
        if not isinstance(control, EventTime) or control.cured or question.value <= 0.0:
            return None
        if isinstance(control, Exponential):
            key = "rate" if control.rate is not None else "median"
            factor = question.value if key == "rate" else 1.0 / question.value
        elif isinstance(control, Weibull):
            key = "scale" if control.scale is not None else "median"
            factor = float(question.value ** (-1.0 / control.shape))
        elif isinstance(control, Gompertz):
            rate = control.beginning * question.value
            return control.model_copy(update={"rate": rate, "median": None})
        elif isinstance(control, Piecewise):
            hazards = [hazard * question.value for hazard in control.hazards]
            return control.model_copy(update={"hazards": hazards})
        else:
            return None
        return control.model_copy(update={key: getattr(control, key) * factor})

    def symbol(self, question: Question, arm: str, other: str | None) -> str:
        """Write it: ``hazard ratio cart / soc``."""
        return f"hazard ratio {arm} / {other}"

    def observed_of(self, endpoint: str) -> str:
        """The ratio of rates: no hazard is seen."""
        return "ratio of event rates"

    def noun(self, question: Question, endpoint: str, parameter: Parameter) -> str:
        """Name it: ``the hazard ratio of Relapse``."""
        return f"the hazard ratio of {endpoint}"
