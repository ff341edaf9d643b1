"""True values of several designs on the same points are those that each has by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.results import sampled_cells
from adaptive_cart.results.estimand import SobolLatents, TrueValues, true_values, values_of_all

DESIGNS = Path(__file__).parents[2] / "designs"


def few_points() -> SobolLatents:
    return SobolLatents(scrambles=2, points=256)


def same(one: TrueValues, other: TrueValues) -> bool:
    """Whether two are the same to the last bit."""
    return one.cells.keys() == other.cells.keys() and all(
        np.array_equal(cells.values, other.cells[name].values, equal_nan=True)
        for name, cells in one.cells.items()
    )


@pytest.mark.parametrize(
    ("changes", "shared"),
    [
        ({"rules.safety.at_least": 0.8, "simulation.seed": 3}, True),
        ({"looks.observed": [30, 60, 90]}, True),
        ({"truth.cart.remission.probability": 0.5}, False),  # the control's values still are
        ({"endpoints.dfr.month": 9, "endpoints.dfr.sustained_from": 6}, False),
        ({"endpoints.dfr.missing": "exclude"}, False),
    ],
)
def test_they_are_followed_once_where_nothing_of_them_differs(
    changes: dict[str, Any], shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = ac.load_design(DESIGNS / "sle_autologous.toml")
    other = design.replace(changes)
    points = few_points()
    for truth in design.truths.values():
        true_values(design, truth, points)
    followed: list[tuple[int, int]] = []
    whole = sampled_cells.sampled_cells

    def counted(*given: Any, **named: Any) -> Any:
        followed.extend(named["places"])
        return whole(*given, **named)

    monkeypatch.setattr(sampled_cells, "sampled_cells", counted)
    together = [true_values(other, truth, points) for truth in other.truths.values()]
    assert bool(followed) != shared
    monkeypatch.undo()
    for found, truth in zip(together, other.truths.values(), strict=True):
        assert same(found, true_values(other, truth, few_points()))


@pytest.mark.parametrize("name", ["sle_autologous", "durability_event_driven"])
def test_scenarios_that_are_followed_together_fare_as_each_by_itself(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = ac.load_design(DESIGNS / f"{name}.toml")
    alone = {key: true_values(design, truth, few_points()) for key, truth in design.truths.items()}
    monkeypatch.setattr(sampled_cells, "sampled_cells", None)  # nobody is followed once more
    together = dict(values_of_all(design, design.truths, few_points()))
    assert list(together) == list(alone)
    assert all(same(found, alone[key]) for key, found in together.items())
