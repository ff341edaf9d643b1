"""The questions that a rule may ask of a posterior: one kind a file, and how they read aloud."""

from __future__ import annotations

from adaptive_cart.nouns.questions.best import Best
from adaptive_cart.nouns.questions.best_utility import BestUtility
from adaptive_cart.nouns.questions.expected_rank_utility import ExpectedRankUtility
from adaptive_cart.nouns.questions.kind import Key, QuestionKind
from adaptive_cart.nouns.questions.kinds import ARM_KEYS, KEYS, KINDS, kind_of, ordered_by
from adaptive_cart.nouns.questions.quantity import (
    ALL,
    BETTER,
    LEVEL,
    OPEN,
    Category,
    Cut,
    Quantity,
)
from adaptive_cart.nouns.questions.question import Question
from adaptive_cart.nouns.questions.rank import Rank
from adaptive_cart.nouns.questions.rank_utility import RankUtility
from adaptive_cart.nouns.questions.utility import sum_of, weighed
from adaptive_cart.nouns.questions.words import TO_CALIBRATE, Parameter, Wording, asked, written

__all__ = [
    "ALL",
    "ARM_KEYS",
    "BETTER",
    "KEYS",
    "KINDS",
    "LEVEL",
    "OPEN",
    "TO_CALIBRATE",
    "Best",
    "BestUtility",
    "Category",
    "Cut",
    "ExpectedRankUtility",
    "Key",
    "Parameter",
    "Quantity",
    "Question",
    "QuestionKind",
    "Rank",
    "RankUtility",
    "Wording",
    "asked",
    "kind_of",
    "ordered_by",
    "sum_of",
    "weighed",
    "written",
]
