"""A search in the report: its numbers are those of the files it comes from."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

import adaptive_cart as ac
from adaptive_cart.design.file import digest_of
from adaptive_cart.errors import InputError, ResultsError
from adaptive_cart.optimising.found import Optimum
from adaptive_cart.optimising.kept import KEPT, Kept
from adaptive_cart.optimising.kept_optimum import read_optimum
from adaptive_cart.optimising.reported import OptimumExhibit
from adaptive_cart.report import write_report
from adaptive_cart.report.document import Block, Figure, Paragraph, Table, for_audience, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from checks import tiny_design

EVEN = {"null": 0.5, "expected": 0.5}


def design() -> ac.Design:
    scenarios = {
        "null": {"role": "null", "dfr": {"soc": 0.2, "cart": 0.2}},
        "expected": {"role": "alternative", "dfr": {"soc": 0.2, "cart": 0.7}},
    }
    return ac.Design(**tiny_design(scenarios=scenarios, calibration={"type_one_error": 0.1}))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ac.Result:
    folder = tmp_path_factory.mktemp("search") / "run"
    return ac.simulate(design(), trials=60, jobs=1, engine="simulate", out=folder)


@pytest.fixture(scope="module")
def searches(run: ac.Result) -> dict[str, tuple[Optimum, Path]]:
    """One that is enumerated, and one that is simulated."""
    free = {"enrolment.per_month": [2.0, 3.0]}
    found = {}
    for name, aim in (("counts", "analysed"), ("calendar", "months")):
        one = ac.optimise(
            design(), free, minimise=aim, weights=EVEN, power={"expected": 0.3}, trials=30,
            fresh=100, jobs=1,
        )  # fmt: skip
        one.write(run.folder.parent / name)
        found[name] = (one, run.folder.parent / name)
    return found


def told_by(run: ac.Result, folder: Path) -> tuple[Evidence, list[Block]]:
    evidence = Evidence(run, Facts(), 0)
    return evidence, ac.exhibit(folder).blocks(evidence)


@pytest.mark.parametrize("name", ["counts", "calendar"])
def test_a_search_is_read_back_as_it_was(
    searches: dict[str, tuple[Optimum, Path]], name: str
) -> None:
    found, folder = searches[name]
    again = read_optimum(folder)
    assert again == found
    assert again.text() == found.text()
    assert again.table() == found.table()


@pytest.mark.parametrize("name", ["counts", "calendar"])
def test_a_search_is_told_with_the_numbers_of_its_table(
    run: ac.Result, searches: dict[str, tuple[Optimum, Path]], name: str
) -> None:
    found, folder = searches[name]
    assert found.best is not None
    evidence, blocks = told_by(run, folder)
    (table,) = (block for block in blocks if isinstance(block, Table))
    heads = [plain(head) for head in table.head]
    shown = {plain(one.cells[0]).split(":")[0]: [plain(c) for c in one.cells] for one in table.rows}
    with (folder / "candidates.csv").open(encoding="utf-8") as file:
        written = next(csv.DictReader(file))
    power, error = heads.index("Power in expected"), heads.index("Type I error")
    cells = shown["As written"]
    for place, column in ((power, "success_expected"), (error, "error")):
        value = float(cells[place].split(" ")[0])
        assert value == pytest.approx(float(written[column]), abs=0.006)
        simulated = float(written[f"{column}_mcse"]) > 0.0
        assert (" to " in cells[place]) == simulated  # no simulated number without its interval
    assert "Found" in shown
    said = " ".join(plain(block.line) for block in blocks if isinstance(block, Paragraph))
    assert f"{len(found.rows)} designs were judged" in said
    assert found.confirmed is not None
    proof = found.confirmed.proof
    assert proof is not None
    assert proof.certificate is not None
    assert f"{proof.certificate + 5e-7:.6f}" in said
    assert ("Clopper-Pearson" in said) == (name == "calendar")
    assert any(isinstance(block, Figure) for block in blocks)
    assert evidence.trace.findings()[4].status == "reported"


def test_it_is_of_the_design_as_written_and_of_the_one_found_and_of_no_other(
    run: ac.Result, searches: dict[str, tuple[Optimum, Path]], tmp_path: Path
) -> None:
    found, folder = searches["counts"]
    assert found.found is not None
    exhibit = ac.exhibit(folder)
    assert exhibit.belongs_to(run.manifest["digest"])
    assert exhibit.belongs_to(digest_of(found.found))
    file = tmp_path / "found.toml"
    file.write_text((folder / "optimum.toml").read_text())
    assert exhibit.belongs_to(digest_of(ac.load_design(file)))
    other = ac.simulate(
        design().replace({"enrolment.per_month": 7.0}), trials=20, jobs=1, engine="simulate",
        out=tmp_path / "other",
    )  # fmt: skip
    with pytest.raises(InputError, match="of another design than the run"):
        write_report(other, tmp_path / "report", formats=["html"], exhibits=[exhibit])


def test_where_rules_were_free_it_stands_in_the_restricted_annex_alone(
    run: ac.Result, searches: dict[str, tuple[Optimum, Path]]
) -> None:
    found, folder = searches["counts"]
    evidence = Evidence(run, Facts(), 0)
    assert for_audience(OptimumExhibit(found, folder).blocks(evidence), "open")
    of_rules = replace(found, space=f"rules.efficacy.at_least from 0.9 to 0.99; {found.space}")
    blocks = OptimumExhibit(of_rules, folder).blocks(evidence)
    assert not for_audience(blocks, "open")
    assert for_audience(blocks, "restricted")


def test_what_is_damaged_is_refused(
    searches: dict[str, tuple[Optimum, Path]], tmp_path: Path
) -> None:
    text = (searches["counts"][1] / "search.json").read_text()
    (tmp_path / "search.json").write_text(text[: len(text) // 2])
    with pytest.raises(ResultsError, match="holds no search as this version writes it"):
        ac.exhibit(tmp_path)


def test_damaged_evaluations_are_no_evaluations(tmp_path: Path) -> None:
    one = {"average": [], "success": {}, "error": {}, "error_at": "", "thresholds": {}}
    told = {"kind": "adaptive_cart evaluations", "found": {"a": one}}
    (tmp_path / KEPT).write_text(json.dumps(told), encoding="utf-8")
    assert Kept(tmp_path).found == {}
