"""Published designs: the committed table is what the study gives, and what disagrees is explained.

The study itself, with its sources, is `sims/validation/published_designs.py`.
"""

from __future__ import annotations

import csv
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

VALIDATION = Path(__file__).parent.parent / "sims" / "validation"


@pytest.fixture(scope="module")
def study() -> ModuleType:
    path = VALIDATION / "published_designs.py"
    if not path.exists():
        pytest.skip("sims/validation is no part of this copy")
    spec = importlib.util.spec_from_file_location("published_designs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["published_designs"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def committed() -> list[dict[str, str]]:
    with (VALIDATION / "published_designs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def number(text: str) -> float:
    return -1.0 if text == "none" else float(text)


def assert_same(rows: Iterable[Any], expected: list[dict[str, str]], columns: Any) -> None:
    cells = [dict(zip(columns, row.cells, strict=True)) for row in rows]
    assert len(cells) == len(expected)
    for found, wanted in zip(cells, expected, strict=True):
        for column in ("source", "quantity", "published", "allowed", "agrees", "remark"):
            assert found[column] == wanted[column], wanted
        # nine digits are written; the last may differ between machines
        assert number(found["found"]) == pytest.approx(number(wanted["found"]), rel=1e-7), wanted


@pytest.mark.slow
def test_enumerated_designs_come_out_as_committed(study: ModuleType) -> None:
    rows = study.rows_of(study.FAST)
    assert_same(rows, committed()[: len(rows)], study.COLUMNS)
    assert {row.quantity for row in rows if not row.agrees} == {key[1] for key in study.REMARKS}


@pytest.mark.slow
def test_simulated_designs_come_out_as_committed(study: ModuleType) -> None:
    rows = study.rows_of(study.SLOW)
    assert_same(rows, committed()[-len(rows) :], study.COLUMNS)


def test_the_committed_table_is_whole(study: ModuleType) -> None:
    rows = committed()
    assert tuple(rows[0]) == study.COLUMNS
    keys = [(row["source"], row["quantity"]) for row in rows]
    assert len(keys) == len(set(keys)), "a number stands twice"
    assert any("survival" in quantity for _, quantity in keys), "the simulated design is missing"
    for row in rows:
        assert (row["agrees"] == "no") == bool(row["remark"]), row
    assert [row for row in rows if row["agrees"] == "no"], "those known to disagree are shown"


@pytest.mark.parametrize(
    ("published", "found", "agrees"),
    [
        ("0.25", 0.2549, True), ("0.25", 0.2551, False), ("0.250", 0.2506, False),
        ("7", 7.0, True), ("7", 7.6, False), ("none", -1.0, True), ("none", 0.0, False),
        ("<0.001", 0.0009, True), ("<0.001", 0.0011, False),
        (">0.999", 0.9991, True), (">0.999", 0.9945, False),
    ],
)  # fmt: skip
def test_half_of_the_last_printed_digit(
    study: ModuleType, published: str, found: float, agrees: bool
) -> None:
    assert study.Row("source", "quantity", published, found).agrees is agrees


def test_a_count_is_exact(study: ModuleType) -> None:
    rows = list(study.count_rows("source", "boundary", {10: 3, 20: -1}, {10: 4, 20: -1}))
    assert [row.agrees for row in rows] == [False, True]


def test_another_rule_would_not_come_out(study: ModuleType, monkeypatch: Any) -> None:
    """Look rules that stop one response later: the printed table tells them apart."""
    between = study.between
    monkeypatch.setattr(study, "between", lambda s, n, value: between(s + 1, n, value))
    rows = list(study.three_looks())
    assert sum(not row.agrees for row in rows) > len(rows) / 2
