"""Worst cases and sweeps in the report: their numbers are those of the files they come from."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.design.design import Design
from adaptive_cart.errors import InputError, ResultsError
from adaptive_cart.figures.worst_case import write_worst_case
from adaptive_cart.report import write_report
from adaptive_cart.report.chapters.worst_case import WorstCaseExhibit
from adaptive_cart.report.document import Block, Figure, Paragraph, Table, for_audience, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.results.figure import proportion
from adaptive_cart.results.kept_worst_case import read_worst_case
from adaptive_cart.sweeps.opened import open_sweep
from adaptive_cart.sweeps.reported import SweepExhibit
from checks import tiny_design
from report_case import without_figures

VARY: dict[str, Any] = {"enrolment.per_month": [3.0, 6.0], "scenarios.expected.dfr.cart": [0.6]}


def tables(**more: Any) -> dict[str, Any]:
    scenarios = {
        "null": {"dfr": {"soc": 0.2, "cart": 0.2}},
        "expected": {"dfr": {"soc": 0.2, "cart": 0.7}},
    }
    return tiny_design(scenarios=scenarios, calibration={"type_one_error": 0.05}, **more)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ac.Result:
    folder = tmp_path_factory.mktemp("exhibits") / "run"
    return ac.simulate(Design(**tables()), trials=60, jobs=1, engine="simulate", out=folder)


@pytest.fixture(scope="module")
def folders(run: ac.Result) -> dict[str, Path]:
    """A worst case, and a sweep."""
    base = run.folder.parent
    write_worst_case(ac.worst_case(run.design, points=11), base / "worst", ("svg",))
    told: dict[str, Any] = {"trials": 60, "jobs": 1, "engine": "simulate"}
    ac.sweep(run.design, VARY, how="one_at_a_time", out=base / "keys", **told)
    return {name: base / name for name in ("worst", "keys")}


def told_by(run: ac.Result, folder: Path) -> tuple[Evidence, list[Block]]:
    evidence = Evidence(run, Facts(), 0)
    return evidence, ac.exhibit(folder).blocks(evidence)


def table_of(blocks: list[Block]) -> list[list[str]]:
    table = next(block for block in blocks if isinstance(block, Table))
    return [[plain(cell) for cell in one.cells] for one in table.rows]


# ── what is read back ─────────────────────────────────────────────────────────────────────────
def test_a_worst_case_is_read_back_as_it_was(run: ac.Result, folders: dict[str, Path]) -> None:
    assert read_worst_case(folders["worst"]) == ac.worst_case(run.design, points=11)


def test_a_sweep_is_read_back_as_it_was(folders: dict[str, Path]) -> None:
    again, folder = open_sweep(folders["keys"]), folders["keys"]
    assert (
        again.table.to_csv(index=False, lineterminator="\n") == (folder / "sweep.csv").read_text()
    )
    assert again.text() == (folder / "sweep.txt").read_text().rstrip("\n")


# ── what is told ──────────────────────────────────────────────────────────────────────────────
def test_the_worst_case_is_told_with_the_numbers_of_its_file(
    run: ac.Result, folders: dict[str, Path]
) -> None:
    evidence, blocks = told_by(run, folders["worst"])
    found = json.loads((folders["worst"] / "worst_case.json").read_text())
    said = " ".join(plain(block.line) for block in blocks if isinstance(block, Paragraph))
    assert f"{found['worst']['figure']['estimate']:.6f}" in said
    assert f"{found['certificate']['bound'] + 1e-9:.9f}"[:10] in said
    assert f"{found['certificate']['found']:.9f}" in said
    more = found["worst"]["figure"]["estimate"] > found["target"]
    assert ("more than the 0.05 that the design promises" in said) == more
    rows = list(csv.DictReader((folders["worst"] / "worst_case.csv").read_text().splitlines()))
    shown = {one[0]: one[1] for one in table_of(blocks)[1:]}
    assert shown == {row["place"]: f"{float(row['false_success']):.6f}" for row in rows}
    assert evidence.trace.findings()[27].status == "reported"
    assert any(isinstance(block, Figure) for block in blocks)


def test_a_certificate_that_does_not_hold_is_told(run: ac.Result, folders: dict[str, Path]) -> None:
    found = read_worst_case(folders["worst"])
    assert found.certificate is not None
    broken = replace(found, target=0.9, certificate=replace(found.certificate, exceeded=3))
    blocks = WorstCaseExhibit(broken).blocks(Evidence(run, Facts(), 0))
    said = " ".join(plain(block.line) for block in blocks if isinstance(block, Paragraph))
    assert "does not hold" in said
    assert "nowhere in the region" not in said
    assert "and not proven" in said


def test_a_simulated_power_is_too_small_by_chance_and_its_fresh_trials_are_counted(
    run: ac.Result, folders: dict[str, Path]
) -> None:
    found = read_worst_case(folders["worst"])
    drawn = replace(
        found, measure="power", effect=0.3, engine="simulated", trials=500, certificate=None,
        why_none="it is simulated", fresh=proportion(81_000, 100_000),
        worst=replace(found.worst, figure=proportion(400, 500)),
    )  # fmt: skip
    blocks = WorstCaseExhibit(drawn).blocks(Evidence(run, Facts(), 0))
    said = " ".join(plain(block.line) for block in blocks if isinstance(block, Paragraph))
    assert "the smallest of" in said
    assert "so too small by chance; on 100,000 fresh trials it is 0.81" in said


def test_a_promise_is_judged_in_the_report_by_fresh_trials_too(
    run: ac.Result, folders: dict[str, Path]
) -> None:
    found = read_worst_case(folders["worst"])
    drawn = replace(
        found, engine="simulated", trials=500, certificate=None, why_none="it is simulated",
        target=0.05, worst=replace(found.worst, figure=proportion(30, 500)),
    )  # fmt: skip
    for events, words in (
        (4_900, "not contradicted here"),
        (5_050, "more than the 0.05 that the design promises, though by no more than chance"),
        (5_500, "more than the 0.05 that the design promises."),
    ):
        exhibit = WorstCaseExhibit(replace(drawn, fresh=proportion(events, 100_000)))
        blocks = exhibit.blocks(Evidence(run, Facts(), 0))
        assert words in " ".join(plain(b.line) for b in blocks if isinstance(b, Paragraph))


def test_a_sweep_is_told_with_the_numbers_of_its_table(
    run: ac.Result, folders: dict[str, Path]
) -> None:
    evidence, blocks = told_by(run, folders["keys"])
    frame = open_sweep(folders["keys"]).table
    rows = {one[0]: one for one in table_of(blocks)}
    assert len(rows) == 1 + 2  # 3.0 is as written
    faster = frame[(frame["variant"] == "enrolment.per_month = 6.0")].set_index(
        ["measure", "scenario"]
    )
    success = faster.loc[("success", "expected")]
    assert float(rows["per_month = 6.0"][3]) == pytest.approx(success["estimate"], abs=0.006)
    change = rows["per_month = 6.0"][4].split(" ")[0].replace("−", "-")
    assert float(change) == pytest.approx(success["difference"], abs=0.006)
    statuses = {f.item.number: f.status for f in evidence.trace.findings()}
    assert (statuses[56], statuses[57]) == ("missing", "reported")


def test_a_sweep_tells_of_which_truths_its_type_one_error_is(
    run: ac.Result, folders: dict[str, Path]
) -> None:
    """Beside a worst case in the same report its number is another one."""
    blocks = SweepExhibit.read(folders["keys"]).blocks(Evidence(run, Facts(), 0))
    table = next(block for block in blocks if isinstance(block, Table))
    heads = [plain(head) for head in table.head]
    assert "Type I error, null scenarios" in heads
    told = " ".join(plain(note) for note in table.notes)
    nulls = [name for name, truth in run.design.truths.items() if truth.role == "null"]
    assert f"Type I error: of {nulls[0]}." in told
    simulated = "in brackets Monte Carlo intervals" in told
    rows = open_sweep(folders["keys"]).rows
    assert simulated == any(cell.mcse > 0.0 for cell in rows)


def test_one_key_has_no_combinations_and_no_bracket_is_told_that_is_not_there(
    run: ac.Result, folders: dict[str, Path]
) -> None:
    evidence, found = Evidence(run, Facts(), 0), SweepExhibit.read(folders["keys"])
    one = "enrolment.per_month"
    left = tuple(v for v in found.found.variants if set(v.settings) <= {one})
    rows = [replace(cell, mcse=0.0) for cell in found.found.rows if cell.variant in left]
    alone = replace(found.found, rows=tuple(rows), variants=left, vary={one: VARY[one]})
    for sweep, several in ((found.found, True), (alone, False)):
        blocks = replace(found, found=replace(sweep, how="grid")).blocks(evidence)
        said = " ".join(plain(block.line) for block in blocks if isinstance(block, Paragraph))
        notes = next(block.notes for block in blocks if isinstance(block, Table))
        assert ("in all combinations" in said) == several
        assert ("in brackets" in " ".join(plain(note) for note in notes)) == several


def test_a_sweep_of_thresholds_is_in_the_restricted_annex_alone(
    run: ac.Result, folders: dict[str, Path]
) -> None:
    evidence = Evidence(run, Facts(), 0)
    found = SweepExhibit.read(folders["keys"])
    assert for_audience(found.blocks(evidence), "open")
    vary = {**found.found.vary, "rules.efficacy.at_least": (0.95,)}
    of_rules = replace(found.found, vary=vary)
    blocks = replace(found, found=of_rules).blocks(evidence)
    assert not for_audience(blocks, "open")
    assert for_audience(blocks, "restricted")


# ── what is refused ───────────────────────────────────────────────────────────────────────────
def test_what_is_of_another_design_is_refused_and_nothing_is_written(
    run: ac.Result, folders: dict[str, Path], tmp_path: Path
) -> None:
    other = Design(**tables(enrolment={"max_n": 30, "per_month": 3}))
    strange = ac.simulate(other, trials=20, jobs=1, engine="simulate", out=tmp_path / "other")
    for name in ("worst", "keys"):
        with pytest.raises(InputError, match="of another design than the run"):
            write_report(
                strange, tmp_path / "report", formats=["html"], exhibits=[ac.exhibit(folders[name])]
            )
    assert not (tmp_path / "report").exists()
    twice = [ac.exhibit(folders["worst"])] * 2
    with pytest.raises(InputError, match="name one"):
        write_report(run, tmp_path / "report", formats=["html"], exhibits=twice)


def test_folders_without_or_with_damaged_contents_are_refused(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no such folder"):
        ac.exhibit(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"holds neither worst_case\.json nor sweep"):
        ac.exhibit(tmp_path)
    for name, needed in (("worst", "worst_case.json"), ("keys", "sweep.json")):
        (tmp_path / name).mkdir()
        text = (folders[name] / needed).read_text()
        (tmp_path / name / needed).write_text(text[: len(text) // 2])
        with pytest.raises(ResultsError, match="as this version writes it"):
            ac.exhibit(tmp_path / name)


def test_what_is_wrong_of_every_folder_is_told_at_once(
    run: ac.Result, folders: dict[str, Path], tmp_path: Path
) -> None:
    typed = ["report", str(run.folder), "--out", str(tmp_path / "report")]
    for folder in (tmp_path / "nowhere", folders["worst"], tmp_path):
        typed += ["--also", str(folder)]
    done = CliRunner().invoke(main, typed)
    assert done.exit_code == 2
    assert "nowhere: no such folder" in done.output
    assert f"{tmp_path}: holds neither worst_case.json" in done.output
    assert not (tmp_path / "report").exists()


def test_the_command_takes_folders(
    run: ac.Result, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_figures(monkeypatch)
    out = tmp_path / "report"
    typed = ["report", str(run.folder), "--format", "html", "--sensitivity-trials", "0"]
    typed += ["--out", str(out), "--audience", "open"]
    typed += [part for name in ("worst", "keys") for part in ("--also", str(folders[name]))]
    done = CliRunner().invoke(main, typed)
    assert done.exit_code == 0, done.output
    assert "of 70 items" in done.output
    page = (out / "report.html").read_text()
    assert "Largest type I error over the null region" in page
    assert "Keys set otherwise" in page
