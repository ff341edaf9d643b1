"""How often each rule holds, by look, whichever of them is the one that ends the trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.results.result import Result
from adaptive_cart.running.run import simulate
from checks import tiny_design
from conduct.test_order_in_time import CRS, course_design, safety

Raw = dict[str, Any]


def measures(result: Result, prefix: str) -> dict[tuple[str, str, float], tuple[float, float]]:
    """Estimate and error of measures, by scenario, name of the rule, and look (0 for any)."""
    rows = result.operating_characteristics
    rows = rows[rows["measure"].str.startswith(prefix)]
    found = {}
    for row in rows.itertuples():
        look = 0.0 if pd.isna(row.look) else float(row.look)
        key = row.scenario, row.measure.removeprefix(prefix), look
        found[key] = row.estimate, row.mcse
    return found


def toxic(order: int) -> Raw:
    """Two safety rules, one of which asks for less, and rhythms of their own."""
    easy = safety("easy", 4, at_least=0.7)
    hard = safety("hard", 6, at_least=0.9)
    other = {
        "name": "worse",
        "then": "stop_for_safety",
        "posterior": CRS | {"above": 0.2},
        "at_least": 0.6,
    }
    rules = [easy, hard, other]
    return course_design(*(rules if order > 0 else rules[::-1]))


def rules_of_counts(order: int) -> Raw:
    question = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0}
    one, two, three = (
        {"name": name, "then": "declare_success", "posterior": question | more, "at_least": at}
        for name, more, at in (
            ("some", {}, 0.9),
            ("more", {}, 0.97),
            ("large", {"above": 0.2}, 0.7),
        )
    )
    return tiny_design(rules=[one, two, three][::order], looks={"observed": [12, 18, 24]})


def run(raw: Raw, out: Path, **keys: Any) -> Result:
    return simulate(Design(**raw), out=out, jobs=1, **keys)


@pytest.mark.parametrize(
    ("raw", "keys"),
    [
        (toxic, {"trials": 300, "seed": 3}),
        (rules_of_counts, {"engine": "exact"}),
        (rules_of_counts, {"engine": "simulate", "trials": 500, "seed": 5}),
    ],
)
def test_it_does_not_depend_on_the_order_in_which_rules_are_written(
    raw: Any, keys: Raw, tmp_path: Path
) -> None:
    first = run(raw(1), tmp_path / "first", **keys)
    other = run(raw(-1), tmp_path / "other", **keys)
    one, two = measures(first, "held_"), measures(other, "held_")
    assert one.keys() == two.keys()
    for key, (estimate, error) in one.items():
        assert estimate == pytest.approx(two[key][0], abs=1e-12), key
        assert error == pytest.approx(two[key][1], abs=1e-12), key
    decided = measures(first, "decided_"), measures(other, "decided_")
    assert decided[0] != decided[1]
    for mine in (first, other):
        held, ended = measures(mine, "held_"), measures(mine, "decided_")
        assert all(held[key][0] >= ended[key][0] - 1e-12 for key in ended)
        top = mine.design.rules[0].name
        # some rule that comes later decides less often than it holds
        assert any(held[key][0] > ended[key][0] + 1e-6 for key in ended if key[1] != top)
        if raw is rules_of_counts:
            assert all(
                held[key][0] == pytest.approx(ended[key][0], abs=1e-12)
                for key in ended
                if key[1] == top
            )


def test_enumerated_and_simulated_agree(tmp_path: Path) -> None:
    exactly = measures(run(rules_of_counts(1), tmp_path / "exact", engine="exact"), "held_")
    drawn = run(rules_of_counts(1), tmp_path / "drawn", engine="simulate", trials=4_000, seed=11)
    for key, (estimate, error) in measures(drawn, "held_").items():
        assert exactly[key][1] == 0.0
        assert abs(estimate - exactly[key][0]) <= 4.5 * max(error, 1 / 4_000), key


def test_looks_add_up(tmp_path: Path) -> None:
    held = measures(run(toxic(1), tmp_path / "r", trials=300, seed=3), "held_")
    for scenario, name, look in held:
        if look == 0.0:
            by_look = [v for (s, n, k), (v, _) in held.items() if (s, n) == (scenario, name) and k]
            assert held[scenario, name, look][0] == pytest.approx(sum(by_look))
