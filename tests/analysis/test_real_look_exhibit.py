"""The tipping points of a real look in the report: those of the analysis, and restricted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import adaptive_cart as ac
from adaptive_cart.analysis import analyze
from adaptive_cart.errors import InputError, ResultsError
from adaptive_cart.exhibits.real_look import RealLookExhibit
from adaptive_cart.report import write_report
from adaptive_cart.report.document import Figure, Table, for_audience, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from analysis.test_tipping import AT, design, with_missing


def test_it_tells_what_the_analysis_found_to_those_who_may_see_it(tmp_path: Path) -> None:
    planned = design("exclude", usual={"a": 4.0, "b": 16.0})
    run = ac.simulate(planned, trials=20, jobs=1, engine="simulate", out=tmp_path / "run")
    found = analyze(planned, with_missing(), tipping=True, out=tmp_path / "look", **AT)
    exhibit = ac.exhibit(tmp_path / "look")
    assert isinstance(exhibit, RealLookExhibit)
    assert exhibit.belongs_to(run.manifest["digest"])
    tipping = found.findings.tipping
    assert tipping is not None
    assert (exhibit.missing, exhibit.priors) == (tipping.missing, tipping.priors)
    evidence = Evidence(run, Facts(), 0)
    blocks = exhibit.blocks(evidence)
    assert not for_audience(blocks, "open")  # outcomes of a running trial
    assert for_audience(blocks, "restricted")
    missing, priors = (
        [[plain(cell) for cell in one.cells] for one in block.rows]
        for block in blocks
        if isinstance(block, Table)
    )
    tip = tipping.missing[0]
    assert tip.fewest is not None
    assert missing[0][0] == "efficacy"
    assert missing[0][2] == "3 in usual and 7 in cells"
    assert missing[0][4] == f"{tip.fewest[0]} in usual and {tip.fewest[1]} in cells"
    assert missing[0][5] == f"{len(tip.holds)} of 32"
    (figure,) = (block for block in blocks if isinstance(block, Figure))
    assert f"efficacy holds with {len(tip.holds)} of 32 outcomes" in figure.alternative
    assert figure.draw() is not figure.draw()
    above = [one.above for one in tipping.priors if one.above is not None]
    assert [float(one[5]) for one in priors if one[5]] == pytest.approx(above, rel=5e-3)
    assert evidence.trace.findings()[64].status == "reported"
    other = planned.replace({"enrolment.max_n": planned.enrolment.max_n + 2})
    strange = ac.simulate(other, trials=20, jobs=1, engine="simulate", out=tmp_path / "other")
    with pytest.raises(InputError, match="of another design than the run"):
        write_report(strange, tmp_path / "report", formats=["html"], exhibits=[exhibit])
    told = json.loads((tmp_path / "look" / "analysis.json").read_text())
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "analysis.json").write_text(json.dumps({**told, "tipping": None}))
    with pytest.raises(InputError, match="not asked for tipping points"):
        ac.exhibit(tmp_path / "plain")
    told["tipping"]["missing"] = [[1]]
    (tmp_path / "plain" / "analysis.json").write_text(json.dumps(told))
    with pytest.raises(ResultsError, match="holds no analysis as this version writes it"):
        ac.exhibit(tmp_path / "plain")
