"""What is told of the validation: tables from committed files, programs that are there."""

from __future__ import annotations

import csv
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGE, STUDIES = ROOT / "docs" / "validation.md", ROOT / "sims" / "validation"
pytestmark = pytest.mark.skipif(
    not (PAGE.exists() and STUDIES.exists()), reason="docs and sims are no part of this copy"
)
NO_NUMBER = {"nan", "None", "True", "False", "inf", "<NA>"}


def hook() -> ModuleType:
    """The tables as the page takes them."""
    pytest.importorskip("mkdocs")
    path = ROOT / "docs" / "hooks" / "validation_tables.py"
    spec = importlib.util.spec_from_file_location("validation_tables", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def words_of(cell: str) -> set[str]:
    return set(re.split(r"[\s,()`]+", cell))


def test_every_table_of_the_page_is_made_of_a_file_and_has_no_cell_without_a_number() -> None:
    tables = hook()
    named = tables.MARK.findall(PAGE.read_text("utf-8"))
    assert len(named) == len(set(named)) > 15
    for name in named:
        lines = list(tables.TABLES[name]())
        assert len(lines) > 2, name
        for line in lines:
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            assert not any(words_of(cell) & NO_NUMBER for cell in cells), (name, line)


@pytest.mark.parametrize("page", [PAGE, STUDIES / "README.md"])
def test_programs_and_tests_that_are_named_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    named = re.findall(r"`((?:sims|tests)/[\w./]+\.\w+)", text)
    assert page != PAGE or len(named) > 10
    assert not [name for name in named if not (ROOT / name).exists()]
    files = re.findall(r"`(results/[\w]+\.csv)`", text)
    assert not [name for name in files if "MODEL" not in name and "OUTCOME" not in name
                and not (STUDIES / name).exists()]  # fmt: skip


def test_every_result_is_of_a_program_that_is_named() -> None:
    text = (STUDIES / "README.md").read_text("utf-8")
    for path in (STUDIES / "results").glob("*.csv"):
        assert path.name.startswith("calibration_") or path.name in text, path.name


def test_it_is_told_of_every_quantity_outside_its_bands_what_became_of_it() -> None:
    lines = (STUDIES / "README.md").read_text("utf-8").splitlines()
    for path in (STUDIES / "results").glob("calibration_*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["inside_bands"] == "false"]
        for row in rows:
            if "model" in row:
                told = [line for line in lines if line.startswith(f"| `{row['model']}`, ")]
                assert any(row["face"] in line for line in told), row


def test_a_run_that_passed_in_part_names_what_is_missing() -> None:
    with (STUDIES / "results" / "verified_designs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    seldom = {line.split(" | ")[0].strip("| ") for line in hook().TABLES["compared_seldom"]()}
    for row in rows:
        assert (row["verdict"] == "passed in part") == bool(row["compared_seldom_or_never"])
        assert (row["design"] in seldom) == bool(row["compared_seldom_or_never"])
