"""The closed list of questions that a rule may ask of a posterior."""

from __future__ import annotations

from typing import Any

from adaptive_cart.nouns.questions.best import Best
from adaptive_cart.nouns.questions.best_utility import BestUtility
from adaptive_cart.nouns.questions.better import Better
from adaptive_cart.nouns.questions.beyond import Beyond
from adaptive_cart.nouns.questions.common_odds_ratio import CommonOddsRatio
from adaptive_cart.nouns.questions.expected_rank import ExpectedRank
from adaptive_cart.nouns.questions.expected_rank_utility import ExpectedRankUtility
from adaptive_cart.nouns.questions.hazard_ratio import HazardRatio
from adaptive_cart.nouns.questions.kind import Key, QuestionKind
from adaptive_cart.nouns.questions.level import Level
from adaptive_cart.nouns.questions.median import Median
from adaptive_cart.nouns.questions.median_ratio import MedianRatio
from adaptive_cart.nouns.questions.odds_ratio import OddsRatio
from adaptive_cart.nouns.questions.rank import Rank
from adaptive_cart.nouns.questions.rank_utility import RankUtility
from adaptive_cart.nouns.questions.ratio import Ratio
from adaptive_cart.nouns.questions.reaches import Reaches
from adaptive_cart.nouns.questions.remaining import Remaining
from adaptive_cart.nouns.questions.restricted_mean import RestrictedMean
from adaptive_cart.nouns.questions.restricted_mean_ratio import RestrictedMeanRatio
from adaptive_cart.nouns.questions.utility import Utility

# of kinds that share keys the later one is asked, where all of its keys are given
_ALL: tuple[QuestionKind, ...] = (
    Level(),
    Ratio(),
    OddsRatio(),
    HazardRatio(),
    Remaining(),
    Median(),
    MedianRatio(),
    RestrictedMean(),
    RestrictedMeanRatio(),
    Best(),
    Better(),
    Reaches(),
    CommonOddsRatio(),
    Beyond(),
    Rank(),
    ExpectedRank(),
    Utility(),
    BestUtility(),
    RankUtility(),
    ExpectedRankUtility(),
)
KINDS: dict[str, QuestionKind] = {kind.name: kind for kind in _ALL}
KEYS: dict[str, Key] = {key.name: key for kind in _ALL for key in kind.keys}

ARM_KEYS = ("minus", *(key.name for key in KEYS.values() if key.type is str))


def ordered_by(asked: Any) -> QuestionKind | None:
    """Kind whose number puts arms in order, where a table that compares them names one."""
    named = [kind for kind in _ALL if kind.orders and getattr(asked, str(kind.asked_by))]
    return named[0] if named else None


def kind_of(asked: Any) -> QuestionKind:
    """Which kind of question a rule's table asks: by the keys that it has."""
    given = [kind for kind in _ALL if all(_says(asked, key) for key in kind.asking)]
    return given[-1]


def _says(asked: Any, key: str) -> bool:
    """Whether a table has a key, and says yes where it may say no; 0 is a value."""
    value = getattr(asked, key)
    return value is not None and value is not False
