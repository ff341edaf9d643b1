"""More arms, strata, looks and rules than a byte can count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.rows import looks_table, trials_table
from checks import tiny_design

MANY = 200


def run(raw: dict[str, Any], trials: int = 3) -> tuple[Plan, Block]:
    design = Design(**raw)
    plan = Plan.of(design)
    latents = latents_for(design, 5, 0, trials)
    truth = truths_of(design)["null"]
    return plan, run_block(plan, truth, (0.0,) * len(plan.estimands), latents, True)


def test_many_looks() -> None:
    number = 130
    at = list(range(1, number + 1))
    raw = tiny_design(enrolment={"max_n": number, "per_month": 10}, looks={"observed": at})
    raw["rules"][0]["at_least"] = 1.0
    plan, block = run(raw, 1)
    assert block.look.tolist() == [number]
    looks = looks_table(plan, "null", [block]).to_pandas()
    assert sorted(looks["look"].unique()) == at
    assert looks[looks["last"]]["look"].unique().tolist() == [number]


@pytest.mark.parametrize("method", ["permuted_blocks", "response_adaptive"])
def test_many_arms(method: str) -> None:
    arms = {"soc": {"control": True}} | {f"arm{k}": {} for k in range(MANY)}
    raw = tiny_design(
        arms=arms,
        enrolment={"max_n": 4 * len(arms), "per_month": 50},
        looks={"enrolled": [4 * len(arms)]},
        randomisation={"method": method},
        scenarios={"null": {"dfr": dict.fromkeys(arms, 0.2)}},
    )
    raw["rules"][0]["posterior"]["arm"] = f"arm{MANY - 1}"
    plan, block = run(raw, 2)
    numbers = block.randomised
    assert numbers.sum(axis=1).tolist() == [4 * len(arms)] * 2
    if method == "permuted_blocks":
        assert (numbers == 4).all()
    else:  # independent draws: Poisson numbers nearly, the late arms as the early ones
        assert np.abs(numbers[:, 100:].sum(axis=1) - 404).max() < 4 * 404**0.5
    rows = trials_table(plan, "null", [block]).to_pandas()
    assert rows[f"n_arm{MANY - 1}"].tolist() == numbers[:, -1].tolist()
    looks = looks_table(plan, "null", [block]).to_pandas()
    assert looks["arm"].unique().tolist() == list(arms)


def test_many_strata() -> None:
    strata = {f"place{k}": 1 / MANY for k in range(MANY)}
    raw = tiny_design(
        strata=strata,
        enrolment={"max_n": 20 * MANY, "per_month": 500},
        looks={"enrolled": [20 * MANY]},
    )
    plan, block = run(raw, 2)
    looks = looks_table(plan, "null", [block]).to_pandas()
    by_stratum = looks.groupby("stratum", observed=True)["n_randomised"].sum()
    assert set(by_stratum.index) == set(strata)
    assert by_stratum.sum() == 40 * MANY
    assert by_stratum.between(10, 80).all()  # 40 expected in each


def test_many_rules() -> None:
    raw = tiny_design()
    rule = raw["rules"][0]
    raw["rules"] = [rule | {"name": f"rule{k}", "at_least": 1.0} for k in range(MANY)]
    raw["rules"][-1]["at_least"] = 0.0
    plan, block = run(raw)
    assert block.standing.rule.tolist() == [MANY - 1] * 3
    rows = trials_table(plan, "null", [block]).to_pandas()
    assert rows["rule"].tolist() == [f"rule{MANY - 1}"] * 3


def test_more_participants_than_memory_holds_are_refused() -> None:
    raw = tiny_design(enrolment={"max_n": 10**12, "per_month": 10})
    with pytest.raises(DesignError, match=r"enrolment\.max_n.*at most 1,000,000.*memory"):
        Design(**raw)
