"""No two columns of a table have one name: such names of a design are refused, and only those."""

from __future__ import annotations

import copy
from typing import Any

import pyarrow as pa
import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.column_names import COUNTED, OF_COUNTS, OF_PARTICIPANTS
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.summaries import SUMMARIES
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.table import CROSSOVER, HEADER, MISSED, ON_DRUGS
from adaptive_cart.results.rows import trials_table
from checks import raw_design, tiny_design


def three_arms(one: str, other: str, **tables: Any) -> dict[str, Any]:
    raw = tiny_design(
        arms={"soc": {"control": True}, one: {}, other: {}},
        scenarios={"null": {"dfr": {"soc": 0.2, one: 0.2, other: 0.2}}},
        **tables,
    )
    raw["rules"][0]["posterior"]["arm"] = "each"
    return raw


def problems(raw: dict[str, Any]) -> dict[str, str]:
    try:
        Design(**copy.deepcopy(raw))
    except DesignError as error:
        return {problem.path: problem.message for problem in error.problems}
    return {}


def test_an_arm_named_like_an_arm_in_a_stratum_is_refused() -> None:
    raw = three_arms("a", "a_b", strata={"b": 0.5, "c": 0.5})
    found = problems(raw)
    assert found.keys() == {"arms.a_b"} or found.keys() == {"strata.b"}
    (message,) = found.values()
    assert "success_a_b" in message or "estimate_a_b" in message
    assert "arm 'a' in stratum 'b'" in message
    assert "arm 'a_b'" in message
    assert "choose another name" in message
    assert not problems(three_arms("a", "ab", strata={"b": 0.5, "c": 0.5}))


@pytest.mark.parametrize("name", COUNTED)
def test_an_arm_named_like_a_number_of_all_is_refused(name: str) -> None:
    found = problems(three_arms("a", name))
    assert found.keys() == {f"arms.{name}"}
    assert f"n_{name}" in found[f"arms.{name}"]


def test_an_arm_named_like_another_after_follow_up_is_refused() -> None:
    (path,) = problems(three_arms("a", "a_final"))
    assert path in ("arms.a", "arms.a_final")
    (path,) = problems(tiny_design(strata={"x": 0.5, "x_final": 0.5}))
    assert path in ("strata.x", "strata.x_final")


def test_a_stratum_named_like_an_end_of_the_interval_is_refused_where_it_is_kept() -> None:
    strata: dict[str, Any] = {"strata": {"lower": 0.5, "x": 0.5}}
    assert not problems(tiny_design(**strata))
    found = problems(tiny_design(**strata, adjusted_estimates={}))
    assert found.keys() == {"strata.lower"}
    assert "estimate_lower" in found["strata.lower"]
    assert "the lower end of all participants" in found["strata.lower"]


def test_an_endpoint_and_a_rule_that_share_a_column_are_refused() -> None:
    raw = tiny_design(
        endpoints={"p": {"type": "landmark", "month": 4}},
        scenarios={"null": {"p": {"soc": 0.2, "cart": 0.2}}},
    )
    raw["rules"][0] |= {"name": "events"}
    raw["rules"][0]["posterior"]["endpoint"] = "p"
    found = problems(raw)
    assert found.keys() == {"rules[0].name"}
    assert "p_events" in found["rules[0].name"]
    raw["rules"][0]["name"] = "efficacy"
    assert not problems(raw)


@pytest.mark.parametrize("name", ["arm", "participant", "death_month"])
def test_an_endpoint_named_like_a_column_of_participants_is_refused(name: str) -> None:
    raw = tiny_design(
        endpoints={name: {"type": "landmark", "month": 4}},
        scenarios={"null": {name: {"soc": 0.2, "cart": 0.2}}},
    )
    raw["rules"][0]["posterior"]["endpoint"] = name
    assert problems(raw).keys() == {f"endpoints.{name}"}


def test_the_names_are_those_that_are_written() -> None:
    """Fixed columns as the writers have them, and a table in which no two are alike."""
    assert (*HEADER, ON_DRUGS, *CROSSOVER, MISSED) == OF_PARTICIPANTS
    design = Design(**raw_design("products_multiarm"))
    block = run_block(
        Plan.of(design), next(iter(design.truths.values())),
        (0.0,) * len(Plan.of(design).estimands), latents_for(design, 1, 0, 4),
    )  # fmt: skip
    table = trials_table(Plan.of(design), "any", [block])
    assert isinstance(table, pa.Table)
    assert len(set(table.column_names)) == table.num_columns
    numbers = {f"n_{name}" for name in (*COUNTED, *design.arm_names)}
    assert {name for name in table.column_names if name.startswith("n_")} == numbers
    columns = {
        name
        for record in block.looks
        for summary in record.summaries.values()
        for name in summary.columns()
    }
    assert columns <= set(OF_COUNTS)
    assert len(SUMMARIES) == 6, "a new summary may have columns that OF_COUNTS lacks"
