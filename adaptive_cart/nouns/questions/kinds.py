"""The closed list of questions that a rule may ask of a posterior."""

from __future__ import annotations

from typing import Any

from adaptive_cart.nouns.questions.best import Best
from adaptive_cart.nouns.questions.better import Better
from adaptive_cart.nouns.questions.hazard_ratio import HazardRatio
from adaptive_cart.nouns.questions.kind import Key, QuestionKind
from adaptive_cart.nouns.questions.level import Level
from adaptive_cart.nouns.questions.reaches import Reaches
from adaptive_cart.nouns.questions.remaining import Remaining

_ALL: tuple[QuestionKind, ...] = (
    Level(),
    HazardRatio(),
    Remaining(),
    Best(),
    Better(),
    Reaches(),
)
KINDS: dict[str, QuestionKind] = {kind.name: kind for kind in _ALL}
KEYS: dict[str, Key] = {key.name: key for kind in _ALL for key in kind.keys}

ARM_KEYS = ("minus", *(key.name for key in KEYS.values() if key.type is str))


def kind_of(asked: Any) -> QuestionKind:
    """Which kind of question a rule's table asks: by the keys that it has."""
    given = [kind for kind in _ALL if kind.asked_by and getattr(asked, kind.asked_by)]
    return given[-1] if given else KINDS["level"]
