"""Published early series in the place of what a programme file says, and the page of figures."""

from __future__ import annotations

import copy
import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import special

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.design.file import digest_of
from adaptive_cart.errors import DesignError, ResultsError
from adaptive_cart.evidence import Findings, learn
from adaptive_cart.evidence.draws import Draws
from adaptive_cart.evidence.file import COLUMNS, parsed_series
from adaptive_cart.nouns.streams import uniforms
from adaptive_cart.programmes import simulate_programme
from adaptive_cart.programmes.learned import LawOfSeries, with_series
from adaptive_cart.programmes.pictures import cut_of, early_results, go_rules
from adaptive_cart.report.document import Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from programmes import cases
from programmes.cases import programme, written

DRAWN = """count = 5
classes = { a = 3, new = 2 }
share_that_work = 0.6
draw."dfr.cart" = { dist = "beta", a = 6, b = 4 }
between_classes = 0.3
between_products = 0.5
"""
EARLY = 'does_not_work = "nothing"\nselected = 0.1\n'
SERIES = [("s1", "P", "a", "D1", 8, 6), ("s2", "Q", "a", "D1", 12, 9), ("s3", "R", "b", "D2", 5, 1)]


def table() -> str:
    lines = [",".join(COLUMNS)]
    for name, product, of_class, disease, participants, responders in SERIES:
        cells = [name, product, of_class, disease, str(participants), str(responders), "response"]
        lines.append(",".join([*cells, "", "", "", "", "", "", "response", "", "A", "a paper"]))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def findings() -> Findings:
    return learn(parsed_series(table(), "series.csv", "abc"))


def test_candidates_are_drawn_from_the_posterior_as_the_page_says(
    findings: Findings, tmp_path: Path
) -> None:
    """Portfolio by portfolio: one draw of the posterior, an effect of a new class, of a product."""
    law = with_series(programme(tmp_path, DRAWN, of_early=EARLY), findings).law
    assert isinstance(law, LawOfSeries)
    seed, first, number = 4, 7, 6
    found = law.draw(seed, first, number).values["dfr", "cart"]
    draws = law.draws
    sds = [draws.sds[level] for level in ("class", "product", "disease")]
    for portfolio in range(number):

        def u(purpose: str, at: int, width: int, row: int = first + portfolio) -> float:
            return float(uniforms(seed, f"programme:{purpose}", row, 1, width)[0, at])

        k = int(u("series", 0, 1) * len(draws.centre))
        new = draws.centre[k] + sds[0][k] * special.ndtri(u("class", 1, 2))
        for candidate in range(5):
            mean = draws.groups["a"][k] if candidate < 3 else new
            away = math.hypot(sds[1][k], sds[2][k]) * special.ndtri(u("product", candidate, 5))
            early = 1.0 / (1.0 + math.exp(-(mean + away)))
            expected = max(early - 0.1, 0.0)
            assert found[portfolio, candidate] == pytest.approx(expected, abs=1e-12)
    # which candidates work is no matter of the series
    assert np.array_equal(law.draw(seed, 0, 9).works, law.file.draw(seed, 0, 9).works)


def test_series_that_leave_nothing_open_give_the_programme_of_one_value(
    findings: Findings, tmp_path: Path
) -> None:
    """A posterior that is a point is a scenario of that value, to the last bit."""
    with_point = with_series(programme(tmp_path / "a", DRAWN, of_early=EARLY), findings)
    law, nothing = with_point.law, np.zeros(3)
    assert isinstance(law, LawOfSeries)
    at = special.logit(0.55)
    sds = dict.fromkeys(("class", "product", "disease"), nothing)
    point = replace(law, draws=Draws(at + nothing, sds, {"a": at + nothing}))
    value = float(np.clip(special.expit(at) - 0.1, 0.0, 1.0))
    designs = {"early": copy.deepcopy(cases.EARLY), "confirm": copy.deepcopy(cases.CONFIRM)}
    for design in designs.values():
        design["scenarios"]["works"]["dfr"]["cart"] = value
    plain = "count = 5\nclasses = { a = 3, new = 2 }\nshare_that_work = 0.6\n"
    same = programme(tmp_path / "b", plain, of_early=EARLY, **designs)
    one = simulate_programme(with_point.with_law(point), portfolios=8, seed=2, jobs=1)
    other = simulate_programme(same, portfolios=8, seed=2, jobs=1)
    for name in ("go", "success", "early_responders", "later_responders", "months"):
        assert np.array_equal(one.candidates[name], other.candidates[name], equal_nan=True), name
    assert one.programme.digest != other.programme.digest


def test_the_table_and_its_priors_are_part_of_what_a_programme_is(
    findings: Findings, tmp_path: Path
) -> None:
    drawn = programme(tmp_path, DRAWN)
    wider = replace(findings, spread=2.0)
    digests = {drawn.digest, with_series(drawn, findings).digest, with_series(drawn, wider).digest}
    assert len(digests) == 3


def test_what_series_cannot_be_put_into_is_refused(findings: Findings, tmp_path: Path) -> None:
    rows = replace(findings.record.series[0], responders=None, counts_for=("crs3",),
                   safety_participants=9, crs3=0)  # fmt: skip
    silent = learn(replace(findings.record, series=(rows,)))
    with pytest.raises(DesignError, match=r"--evidence: no series of series.csv counts for"):
        with_series(programme(tmp_path / "a", DRAWN), silent)
    with pytest.raises(DesignError, match=r"effect_on: missing; series tell of one of the paths"):
        with_series(programme(tmp_path / "b", "count = 2\n"), findings)


@pytest.mark.slow
def test_the_command_tells_what_changed_beside_the_result_without(tmp_path: Path) -> None:
    path = written(tmp_path, DRAWN, of_early=EARLY)
    series = tmp_path / "series.csv"
    series.write_text(table(), encoding="utf-8")
    out = tmp_path / "out"
    typed = ["programme", str(path), "--portfolios", "3", "--jobs", "1", "--out", str(out)]
    done = CliRunner().invoke(main, [*typed, "--format", "svg", "--evidence", str(series)])
    assert done.exit_code == 0, done.output
    told = " ".join(done.output.split())
    assert "as the file says" in told
    assert "3 series of 3 products in 2 classes count, 16 of 25 participants" in told
    assert "Series are of a. No series that counts is of new" in told
    assert "less the 0.1 by which participants of early trials are selected" in told
    page = (out / "with_evidence" / "page" / "portfolio.html").read_text(encoding="utf-8")
    assert "<svg role=" in page
    assert "With published early series, and without" in page
    assert "<li>What a treatment does" in page  # sentences flow on a narrow screen, tables do not
    assert "<pre>dfr.cart" in page
    assert "With published early series" not in (out / "page" / "portfolio.html").read_text("utf-8")
    alone = CliRunner().invoke(main, [*typed, "--spread", "2"])
    assert alone.exit_code == 2
    assert "give a TABLE too" in alone.output


def test_the_page_counts_what_every_go_rule_costs(tmp_path: Path) -> None:
    result = simulate_programme(programme(tmp_path, DRAWN), portfolios=12, seed=3, jobs=1)
    table_ = result.candidates
    rows = [
        (bool(w), int(r), bool(g), float(t))
        for w, r, g, t in zip(
            table_["works"],
            table_["early_responders"],
            table_["go"],
            table_["early_true"],
            strict=True,
        )
    ]
    found = {rule.responders: rule for rule in go_rules(result)}
    assert sorted(found) == list(range(12))
    for least, rule in found.items():
        lost = sum(works and seen < least for works, seen, _, _ in rows) / 12
        none = sum(not works and seen >= least for works, seen, _, _ in rows) / 12
        assert (rule.stopped_working, rule.trials_of_none) == pytest.approx((lost, none))
    cut = cut_of(result)
    assert cut == min(seen for _, seen, going, _ in rows if going)
    # the measure of the run is the same number, for the rule that it has
    assert found[cut].stopped_working == pytest.approx(result.figure("working_not_gone").estimate)
    for one in early_results(result):
        true = [level for _, seen, _, level in rows if seen == round(10 * one.observed)]
        assert one.candidates == len(true)
        assert one.true == pytest.approx(sum(true) / len(true))


def test_a_programme_is_told_in_the_restricted_report_of_its_controlled_trial(
    tmp_path: Path,
) -> None:
    drawn = programme(tmp_path / "a", DRAWN)
    simulate_programme(drawn, portfolios=6, seed=3, jobs=1, out=tmp_path / "p")
    told = ac.exhibit(tmp_path / "p")
    assert told.belongs_to(digest_of(drawn.confirm.design))
    assert not told.belongs_to(drawn.digest)
    run = ac.simulate(
        drawn.confirm.design, trials=20, jobs=1, engine="simulate", out=tmp_path / "r"
    )
    blocks = told.blocks(Evidence(run, Facts(), 0))
    assert {block.audience for block in blocks} == {"restricted"}
    table_ = next(block for block in blocks if isinstance(block, Table))
    rows = {plain(one.cells[0]): plain(one.cells[1]) for one in table_.rows}
    with (tmp_path / "p" / "measures.csv").open(newline="") as file:
        measures = {(row["measure"], row["of"]): row["estimate"] for row in csv.DictReader(file)}
    for label, key in (
        ("Candidates that go on, mean", ("number_go", "portfolio")),
        ("Goes on, if it works", ("P(go)", "work")),
        ("Early result less the truth, of all", ("early_overstated", "all")),
    ):
        shown = float(rows[label].split(" ")[0].replace("−", "-"))
        assert shown == pytest.approx(float(measures[key]), abs=0.06)
    record = tmp_path / "p" / "programme.json"
    text = record.read_text()
    record.write_text(text.replace('"complete"', '"running"'))  # measures are of a shorter run
    with pytest.raises(ResultsError, match="it is not finished"):
        ac.exhibit(tmp_path / "p")
    record.write_text(text.replace('"engine": "simulate"', '"engine": "exact"'))
    with pytest.raises(ResultsError, match="enumerated: its page shows candidates that are drawn"):
        ac.exhibit(tmp_path / "p")
    record.write_text(text)
    (tmp_path / "p" / "measures.csv").write_text("measure\n")
    with pytest.raises(ResultsError, match="as this version writes it"):
        ac.exhibit(tmp_path / "p")
