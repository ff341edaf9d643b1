"""The report says what a course has beside the first infusion and the first remission."""

from __future__ import annotations

from pathlib import Path

import pytest

import adaptive_cart as ac
from adaptive_cart.report import write_report
from adaptive_cart.telling.spells import told_spells
from checks import raw_design


@pytest.mark.parametrize("name", ["lupus_in_vivo_redosing", "sle_autologous"])
def test_infusions_after_the_first_and_background_drugs_are_told(name: str, tmp_path: Path) -> None:
    raw = raw_design(name)
    raw["scenarios"] = {"null": raw["scenarios"]["null"], "expected": raw["scenarios"]["expected"]}
    design = ac.Design(**raw)
    result = ac.simulate(design, trials=20, jobs=1, out=tmp_path / "run")
    write_report(result, tmp_path / "report", formats=["html"], sensitivity_trials=0)
    text = (tmp_path / "report" / "report.html").read_text("utf-8")
    told = list(told_spells(design, design.truths["expected"]))
    assert bool(told) == (name == "lupus_in_vivo_redosing")
    assert ("of infusions after the first" in text) == bool(told)
    for words in told:
        assert words in text
