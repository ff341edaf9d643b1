"""Kinds of question: what each is by hand, and that nobody outside their room knows one by name."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from adaptive_cart.nouns.questions import ALL, KINDS, Quantity, Question

PACKAGE = Path(__file__).parents[2] / "adaptive_cart"
ROOM = "nouns/questions/"
# Where the name of a kind may stand in a comparison, and why.
EXCEPTIONS = {
    "models/": "what a model answers without draws is its own, and of one kind",
}


def test_no_kind_of_question_is_compared_outside_its_room() -> None:
    name = "[\"'](?:" + "|".join(KINDS) + ")[\"']"
    compared = re.compile(rf"(?:==|!=|\bin|\bis) \(?{name}|{name},? *\)? (?:==|!=|in|not in)\b")
    found = {
        path.relative_to(PACKAGE).as_posix(): line.strip()
        for path in sorted(PACKAGE.rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if compared.search(line)
    }
    known = (ROOM, *EXCEPTIONS)
    assert not {place: line for place, line in found.items() if not place.startswith(known)}
    for place in EXCEPTIONS:
        assert any(each.startswith(place) for each in found), f"{place} is no exception any more"


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'odds' found, one of level, ratio, odds_ratio"):
        Question("free", 1, kind="odds")


def values_of(question: Question, by_arm: list[float]) -> list[np.ndarray]:
    return [np.array([by_arm[quantity.arm]]) for quantity in question.quantities(len(by_arm))]


@pytest.mark.parametrize(
    ("question", "by_arm", "expected"),
    [
        (Question("free", 1), [0.2, 0.5, 0.1], 0.5),
        (Question("free", 1, 0), [0.2, 0.5, 0.1], 0.3),
        (Question("free", 0, 2), [0.2, 0.5, 0.1], 0.1),
        (Question("free", 2, 1, kind="remaining", month=6.0), [0.2, 0.5, 0.1], -0.4),
        (Question("free", 1, kind="best"), [0.9, 0.5, 0.1], 1.0),
        (Question("free", 2, kind="best"), [0.9, 0.5, 0.1], 0.0),
        (Question("free", 2, kind="best", among=(2,)), [0.9, 0.5, 0.1], 1.0),
        (Question("free", 2, kind="best", among=(2, 3)), [0.9, 0.5, 0.1, 0.3], 0.0),
        (Question("free", 1, kind="best", ordered_by="median"), [5.0, 9.0, 8.0], 1.0),
        (Question("free", 1, kind="best", ordered_by="median"), [5.0, np.inf, 8.0], 1.0),
        (Question("free", 1, kind="best", ordered_by="median"), [5.0, np.inf, np.inf], 0.0),
        (Question("free", 2, kind="best", ordered_by="median"), [5.0, np.inf, np.inf], 0.0),
        (Question("free", 1, kind="rank", ordered_by="median"), [5.0, np.inf, np.inf, 3.0], 2.0),
        (Question("free", 3, kind="rank", ordered_by="median"), [5.0, np.inf, np.inf, 3.0], 3.0),
        (Question("free", 3, kind="expected_rank"), [0.9, 0.5, 0.1, 0.3], 2.0),
    ],
)
def test_what_a_question_is_about_by_hand(
    question: Question, by_arm: list[float], expected: float
) -> None:
    combined = question.combine(values_of(question, by_arm))
    assert combined == pytest.approx([expected], abs=1e-15)


def test_a_hazard_ratio_is_one_quantity_of_two_arms() -> None:
    question = Question("loss", 2, 1, kind="hazard_ratio", stratum=ALL)
    assert question.quantities(3) == (Quantity("loss", "hazard_ratio", 2, to=1),)
    assert question.combine([np.array([0.7])]) == pytest.approx([0.7])


def test_a_question_of_a_month_needs_its_month() -> None:
    (own,) = Question("loss", 1, kind="remaining", month=24.0).quantities(2)
    (for_ever,) = Question("loss", 1).quantities(2)
    assert (own.name, own.month) == ("remaining", 24.0)
    assert (for_ever.name, for_ever.month) == ("level", np.inf)


def test_to_be_the_best_is_to_be_better_than_each_other_open_arm() -> None:
    best = Question("free", 2, kind="best", among=(1, 2, 4))
    parts = best.of.claims(best, 5)
    assert [(part.kind, part.arm, part.minus, part.value, part.above) for part in parts] == [
        ("level", 2, 1, 0.0, True),
        ("level", 2, 4, 0.0, True),
    ]
