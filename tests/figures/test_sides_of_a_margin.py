"""Which side of the margin a scenario lies on, where less is better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import adaptive_cart as ac
from adaptive_cart.figures.about import asked_below
from adaptive_cart.figures.writing import tables_of
from adaptive_cart.telling.comparator import goals


def simulated(folder: Path, rule: dict[str, Any], judged: dict[str, float]) -> Any:
    """A harm in one arm, which is as large as the number in one scenario and smaller in another."""
    design = ac.Design(**{
        "name": "a harm", "arms": {"cart": {}},
        "endpoints": {"harm": {"type": "landmark", "month": 3.0}},
        "enrolment": {"max_n": 40, "per_month": 5.0}, "looks": {"observed": [40]},
        "rules": [{"name": "success", "then": "declare_success", **judged,
                   "posterior": {"endpoint": "harm", "arm": "cart", **rule}}],
        "scenarios": {"as_large": {"role": "null", "harm": {"cart": 0.3}},
                      "rare": {"role": "alternative", "harm": {"cart": 0.1}},
                      "frequent": {"role": "robustness", "harm": {"cart": 0.5}}},
    })  # fmt: skip
    return ac.simulate(design, out=folder)


@pytest.mark.parametrize(
    ("rule", "judged", "below", "others"),
    [
        ({"below": 0.3}, {"at_least": 0.9}, True, {"frequent"}),
        ({"above": 0.3}, {"at_least": 0.9}, False, {"rare"}),
        # with `below` as the threshold the opposite is claimed
        ({"above": 0.3}, {"below": 0.1}, True, {"frequent"}),
    ],
)
def test_scenarios_in_which_the_claim_is_false_are_those_on_its_wrong_side(
    tmp_path: Path,
    rule: dict[str, Any],
    judged: dict[str, float],
    below: bool,
    others: set[str],
) -> None:
    result = simulated(tmp_path, rule, judged)
    assert asked_below(result) is below
    (goal,) = goals(result.design)
    assert goal.above is not below
    shown = tables_of(result, "F5")
    assert isinstance(shown, dict)
    assert {*shown["type_one_error"]["scenario"]} == {"as_large"} | others
