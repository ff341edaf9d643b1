"""The mean time without an event in the first so many months over that in another arm."""

from __future__ import annotations

from typing import ClassVar

from adaptive_cart.nouns.questions.kind import Key
from adaptive_cart.nouns.questions.restricted_mean import RestrictedMean


class RestrictedMeanRatio(RestrictedMean):
    """The ratio of two restricted mean times."""

    name = "restricted_mean_ratio"
    keys: ClassVar[tuple[Key, ...]] = ()
    asks = ("restricted_mean", "ratio_to")
    other = "ratio_to"
    ratio = True
    heavy = True
    orders = False
    asked_for = "a ratio of restricted mean times"
    comparison = "ratio of restricted mean times"
