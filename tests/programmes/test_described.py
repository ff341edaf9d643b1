"""What `check` says of a programme file: all that it holds, and nothing beside."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from adaptive_cart.cli import main
from adaptive_cart.design.file import load_design
from adaptive_cart.design.json_schema import schema_of_part
from adaptive_cart.errors import DesignError
from adaptive_cart.programmes import load_programme
from adaptive_cart.programmes.described import described
from adaptive_cart.programmes.tables import ProgrammeTables
from adaptive_cart.programmes.telling import WIDTH
from checks import DESIGNS

SHIPPED = DESIGNS / "programmes" / "lupus.toml"
CHANGES: tuple[dict[str, Any], ...] = (
    {"early.selected": 0.1},
    {"early": False},
    {"early.design.enrolment.max_n": 24, "early.design.looks.observed": [24]},
    {"confirm.scenario": "rapid_waning"},
    {"confirm.does_not_work": "null"},
    {"confirm.prior_from_early.believe": 0.25},
    {"candidates.count": 12, "candidates.classes": {"one": 6, "other": 6}},
    {"candidates.share_that_work": 0.4},
    {"candidates.draw": {"cart.remission.probability": {"dist": "beta", "a": 3.0, "b": 4.0}}},
    {"candidates.between_classes": 0.1},
    {"candidates.between_products": 0.1},
    {"candidates.benefit.treated_after_success": 10.0},
    {"candidates.capacity.participants_per_year": 80.0},
    {"candidates.start": "sequential"},
    {"candidates.control": "common"},
    {"candidates.class_signal": {"event": "lymphoma", "per_year": 0.01, "stop_at": 2}},
    {"policies": {}},
    {"simulation.portfolios": 7},
    {"simulation.seed": 8},
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: ", ".join(change))
def test_every_key_of_a_programme_is_told(change: dict[str, Any], tmp_path: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8").replace('"../', f'"{DESIGNS}/')
    if not any(key.startswith("candidates.capacity") for key in change):
        text = text.replace("capacity = {", "# capacity = {")  # it does not go with every change
    file = tmp_path / "programme.toml"
    file.write_text(text, encoding="utf-8")
    before, after = described(load_programme(file)), described(load_programme(file, change))
    assert after != before
    assert max(map(len, after.splitlines())) <= WIDTH


def test_check_tells_a_programme_and_reads_its_settings() -> None:
    done = CliRunner().invoke(main, ["check", str(SHIPPED), "--set", "simulation.portfolios=40"])
    assert done.exit_code == 0
    raw = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    told = " ".join(done.output.split())  # lines are folded to the terminal
    assert "40 portfolios of 25 candidates, 1,000 in all" in told
    for name, size in raw["candidates"]["classes"].items():
        assert f"{size} {name}" in told
    for name in raw["policies"]:
        assert f" {name}: " in told


def test_a_programme_is_no_design_and_says_so() -> None:
    with pytest.raises(DesignError) as refused:
        load_design(SHIPPED)
    (problem,) = refused.value.problems
    assert "`adaptive-cart programme` simulates it" in problem.message


def test_the_schema_of_a_programme_takes_the_shipped_one_and_no_unknown_key() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema (the `test` extra)")
    document = schema_of_part(ProgrammeTables, "adaptive_cart programme")
    jsonschema.Draft202012Validator.check_schema(document)
    validator = jsonschema.Draft202012Validator(document)
    raw = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    assert not list(validator.iter_errors(raw))
    for wrong in ({"candidats": {}}, {"early": {"design": 3}}, {"simulation": {"seed": -1}}):
        assert list(validator.iter_errors(raw | wrong)), wrong
    assert list(validator.iter_errors({k: v for k, v in raw.items() if k != "confirm"}))
