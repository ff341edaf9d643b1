"""The median time to an event in an arm over that in another."""

from __future__ import annotations

from typing import ClassVar

from adaptive_cart.nouns.questions.kind import Key
from adaptive_cart.nouns.questions.median import Median


class MedianRatio(Median):
    """The ratio of two median times."""

    name = "median_ratio"
    keys: ClassVar[tuple[Key, ...]] = ()
    asks = ("median", "ratio_to")
    other = "ratio_to"
    ratio = True
    orders = False
    asked_for = "a ratio of median times"
    comparison = "ratio of median times"
