"""Policies of keys that take several values: all combinations, each a policy of its own.

A policy is what is done. What is true of candidates, and by what a programme is judged, is the same
in all of them: keys that set it are refused, since a programme would be best by what it assumes.

``early = false`` leaves the early trial out, and the prior that is made of it. What a combination
sets of the two has no meaning then and is left out of it, so that it stands once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adaptive_cart.design.validation import shown
from adaptive_cart.errors import Problem
from adaptive_cart.programmes.programme import EARLY, of_early

AS_WRITTEN = "as written"
MOST = 200  # combinations: each is a run of its own
Settings = Mapping[str, Any]

OF_THE_RUN = ("name", "description", "simulation", "policies")
TRUE = (
    *("candidates.count", "candidates.classes", "candidates.share_that_work", "candidates.draw"),
    *("candidates.effect_on", "candidates.between_classes", "candidates.between_products"),
    *("candidates.benefit", "candidates.class_signal.event", "candidates.class_signal.per_year"),
    *(
        f"{trial}.{key}"
        for trial in ("early", "confirm")
        for key in ("scenario", "does_not_work", "design.truth", "design.scenarios")
    ),
)


def label_of(settings: Settings) -> str:
    """What a combination is called: its keys and values."""
    return ", ".join(f"{key} = {shown(value, 40)}" for key, value in settings.items())


def combinations_of(vary: Mapping[str, Sequence[Any]]) -> dict[str, Settings]:
    """All combinations of the values of all keys, by what they are called."""
    found: dict[str, Settings] = {}
    for values in itertools.product(*vary.values()):
        settings = dict(zip(vary, values, strict=True))
        if settings.get(EARLY) is False:
            settings = {key: value for key, value in settings.items() if not of_early(key)}
        found.setdefault(label_of(settings), settings)
    return found


def too_many(vary: Mapping[str, Sequence[Any]]) -> Iterator[Problem]:
    """Tell of a key without values, and of more combinations than are run."""
    number = math.prod(len(values) for values in vary.values())
    for key, values in vary.items():
        if not values:
            yield Problem(key, "has no values; write --vary KEY=VALUE,VALUE")
    if number > MOST:
        yield Problem("--vary", f"{number:,} combinations; at most {MOST} are run")


def no_policy(vary: Mapping[str, Sequence[Any]]) -> Iterator[Problem]:
    """Tell of keys, with their values, that are not of what is done."""
    for key, values in vary.items():
        if _within(key, OF_THE_RUN):
            yield Problem(
                key, "is of the whole run and the same in all policies; set it in the file"
            )
        elif _within(key, TRUE) or key == "candidates":
            yield Problem(
                key,
                "is of what is true of candidates, or of what a programme is worth, and no policy: "
                "all policies have the same; write another programme file",
            )
        elif key == EARLY and not all(isinstance(value, bool) for value in values):
            wrong = next(value for value in values if not isinstance(value, bool))
            message = "false is expected, which leaves the early trial out, or true, as written"
            yield Problem(key, f"found {shown(wrong)}; {message}")


def _within(key: str, tables: Sequence[str]) -> bool:
    return any(key == table or key.startswith((f"{table}.", f"{table}[")) for table in tables)
