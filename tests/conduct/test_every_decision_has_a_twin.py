"""Whatever follows when a rule holds is held against the slow twin, trial by trial."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from adaptive_cart.decisions import DECISIONS
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from conduct.test_fast_equals_adaptive_twin import basket, compare
from conduct.test_fast_equals_twin import raw_design


def arms_and_strata() -> list[tuple[dict[str, Any], str]]:
    """Designs of several arms and of several strata, with the scenario in which these differ."""
    return [(raw_design("products_multiarm"), "ordered"), (basket(), "sle_only")]


@pytest.mark.parametrize("then", DECISIONS)
def test_it_does_what_the_twin_does(then: str) -> None:
    compared = 0
    for raw, scenario in arms_and_strata():
        last = {"name": "asked", "then": then, "at_least": 0.6}
        last["posterior"] = copy.deepcopy(raw["rules"][-1]["posterior"])
        raw["rules"] = [*(rule for rule in raw["rules"] if rule["then"] != then), last]
        try:
            Design(**copy.deepcopy(raw))
        except DesignError:
            continue  # it makes no sense there
        block = compare(raw, scenario, 3)
        compared += 1
        if DECISIONS[then].at_the_end:
            held = block.standing.noted[len(raw["rules"]) - 1] > 0
        else:
            found = [look.probabilities.get("asked", np.zeros(1)) for look in block.looks]
            held = np.array([(one >= 0.6).any() for one in found])
        assert held.any()
    assert compared
