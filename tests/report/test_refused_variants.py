"""A variant of the design that cannot be run is named with its reason, and not left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.report import sensitivity
from adaptive_cart.report.chapters.sensitivity import _variants
from adaptive_cart.report.document import Paragraph, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from checks import raw_design

LATE = "looks.enrolled: found 27, beyond max_n = 24"


def crowded() -> Any:
    """Looks so late that they cannot be later."""
    raw = raw_design("hello")
    raw["enrolment"]["max_n"] = 24
    raw["looks"] = {"enrolled": [12, 22], "final": "all_observed"}
    return ac.Design(**raw)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ac.Result:
    out = tmp_path_factory.mktemp("run")
    return ac.simulate(crowded(), trials=20, jobs=1, engine="simulate", out=out)


def test_what_cannot_be_run_comes_with_its_reason() -> None:
    (one,) = sensitivity.refused(crowded())
    assert (one.key, one.items) == ("later", (57,))
    assert LATE in one.why
    assert "later" not in [v.key for v in sensitivity.variants(crowded(), crowded().truths)]


def test_the_report_says_so(run: ac.Result) -> None:
    evidence = Evidence(run, Facts(), 5)
    said = [plain(block.line) for block in _variants(evidence) if isinstance(block, Paragraph)]
    (line,) = [line for line in said if line.startswith("Not simulated: looks a tenth later")]
    assert LATE in line
    assert evidence.warnings == [f"sensitivity: looks a tenth later: not simulated: {LATE}"]
    none = Evidence(run, Facts(), 0)
    _variants(none)
    assert not none.warnings


@pytest.mark.slow
def test_the_command_says_so_too(run: ac.Result) -> None:
    words = ["report", str(run.folder), "--format", "html", "--sensitivity-trials", "5"]
    told = CliRunner().invoke(main, words).stderr
    assert f"warning: sensitivity: looks a tenth later: not simulated: {LATE}" in told


@pytest.mark.parametrize(
    ("looks", "why"),
    [([30], "the design has one look only"), ([20, 30], "no success is judged at the last look")],
)
def test_why_there_is_no_design_of_one_look_to_compare_with(
    looks: list[int], why: str, tmp_path: Path
) -> None:
    raw = raw_design("hello")
    raw["looks"] = {"observed": looks}
    raw["rules"] = [raw["rules"][0] | {"looks": [1]}]
    design = ac.Design(**raw)
    run = ac.simulate(design, trials=20, jobs=1, engine="simulate", out=tmp_path)
    evidence = Evidence(run, Facts(), 5)
    _variants(evidence)
    found = evidence.trace.findings()[3]
    assert (found.status, found.note) == ("not applicable", why)


def test_what_joins_questions_and_lists_thresholds_has_a_design_of_one_look() -> None:
    raw = raw_design("myasthenia_scores")
    assert not sensitivity.refused(ac.Design(**raw))


def test_a_landmark_of_several_states_can_be_written_and_read_again() -> None:
    raw = raw_design("sle_autologous")
    name = next(iter(raw["endpoints"]))
    raw["endpoints"][name] = {"type": "landmark", "month": 12.0,
                              "all": ["drug_free_remission", "remission"]}  # fmt: skip
    design = ac.Design(**raw)
    assert ac.Design(**design.plain()) == design
    assert "state" not in design.plain()["endpoints"][name]
