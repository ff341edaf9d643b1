"""The level of an arm over that of another: a ratio of rates, of probabilities or of means."""

from __future__ import annotations

import math

from adaptive_cart.nouns.questions.kind import Key, QuestionKind


class Ratio(QuestionKind):
    """The ratio of two levels, where a level is never below 0."""

    name = "ratio"
    keys = (Key("ratio_to", str, "Arm that the level of `arm` is divided by."),)
    other = "ratio_to"
    ratio = True
    observed = True
    heavy = True
    asked_for = "a ratio of levels"
    comparison = "ratio"
    fits = ((0.0, math.inf), "a rate, a probability or another parameter that is never below 0")
