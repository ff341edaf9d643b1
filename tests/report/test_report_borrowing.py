"""The section on borrowing: the sources by name, and what is borrowed by scenario and look."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.report.chapters.borrowing import borrowing
from adaptive_cart.report.chapters.summary import _prior
from adaptive_cart.report.document import Paragraph, Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.report.grid import _conflict_by_scenario, _expected_of_control, null_and_power
from adaptive_cart.report.measure_words import measure_words
from adaptive_cart.report.sensitivity import _priors
from adaptive_cart.running.run import simulate
from checks import raw_design
from models.test_borrowed_numbers import borrowing as lent
from models.test_borrowed_numbers import rates


def hybrid() -> Design:
    raw = copy.deepcopy(raw_design("hello"))
    raw["external"] = {
        "registry": {
            "source": "Registry of the disease", "endpoint": "dfr", "responders": 6,
            "participants": 60,
        }
    }  # fmt: skip
    borrows = {"external": ["registry"], "method": "sam", "difference": 0.15}
    raw["analysis"] = {"dfr": {"model": "beta_binomial", "prior": {"soc": borrows}}}
    raw["enrolment"]["max_n"], raw["looks"]["observed"] = 60, [30, 60]
    raw["rules"] = raw["rules"][:1]
    return Design(**raw)


@pytest.mark.parametrize("engine", ["exact", "simulate"])
def test_the_section_names_its_sources_and_holds_the_measures(tmp_path: Path, engine: str) -> None:
    result = simulate(hybrid(), trials=60, seed=1, jobs=1, engine=engine, out=tmp_path / engine)  # type: ignore[arg-type]
    _, said, table = borrowing(Evidence(result, Facts(), 0))
    assert isinstance(said, Paragraph)
    text = plain(said.line)
    assert "registry, 6 of 60 participants (Registry of the disease)" in text
    assert "self-adapting mixture" in text
    assert isinstance(table, Table)
    assert len(table.rows) == 6  # two scenarios, two looks and the end
    for row in table.rows:
        scenario, look, mean, _, conflict = (plain(cell) for cell in row.cells)
        where = {} if look == "the end" else {"look": int(look)}
        found = result.figure(scenario, "borrowed_dfr_mean", arm="soc", **where)
        shown = float(mean.split()[0].replace("−", "-"))
        assert abs(shown - found.estimate) < 0.6
        share = result.figure(scenario, "conflict_dfr", arm="soc", **where).estimate
        assert abs(float(conflict.split()[0]) - share) < 0.006


def test_rates_that_are_borrowed_anew_are_said_to_be(tmp_path: Path) -> None:
    own = {"a": 0.5, "b": 0.5, "external": ["registry"], "method": "pooled"}
    raw = lent(rates(), own)
    raw["external"]["registry"]["redrawn"] = True
    result = simulate(Design(**raw), trials=20, engine="simulate", jobs=1, out=tmp_path / "run")
    evidence = Evidence(result, Facts(), 0)
    _, said, _ = borrowing(evidence)
    assert isinstance(said, Paragraph)
    anew = "drawn anew in every trial, so that characteristics are unconditional"
    assert anew in plain(said.line)
    assert _expected_of_control(evidence) is None, "the prior of a rate has no probability"
    (priors,) = map(plain, _prior(evidence))
    assert "soc Gamma(90.5, 150.5) (mean 0.601) and cart Gamma(0.5, 0.5) (mean 1.000)" in priors


@pytest.mark.parametrize(("method", "vague"), [("sam", 0.5), ("robust_map", 0.2), ("pooled", 0.0)])
def test_a_control_conflicts_with_what_the_external_data_predict(
    tmp_path: Path, method: str, vague: float
) -> None:
    """Without the vague part of the prior, whose mean is one half."""
    raw = hybrid().plain()
    borrows = {"external": ["registry"], "method": method}
    raw["analysis"]["dfr"]["prior"]["soc"] = borrows | (
        {"difference": 0.15} if method == "sam" else {}
    )
    raw["scenarios"]["null"]["dfr"] = {"soc": 0.2, "cart": 0.2}
    result = simulate(Design(**raw), trials=10, seed=1, jobs=1, engine="simulate",
                      out=tmp_path / method)  # fmt: skip
    evidence = Evidence(result, Facts(), 0)
    expected = _expected_of_control(evidence)
    assert expected is not None
    assert expected.words == "external prediction"
    prior = evidence.plan.fitted["dfr"][1].priors[0].mean()
    assert expected.mean == pytest.approx((prior - 0.5 * vague) / (1.0 - vague), abs=2e-4)
    (table,) = _conflict_by_scenario(evidence)
    assert isinstance(table, Table)
    assert plain(table.head[2]) == "Truth − external prediction"
    beside = {plain(row.cells[0]): plain(row.cells[2]) for row in table.rows}
    for scenario, rate in (("null", 0.2), ("expected", 0.1)):
        shown = float(beside[scenario].replace("−", "-"))
        assert shown == pytest.approx(rate - expected.mean, abs=6e-4)


@pytest.mark.parametrize(("margin", "said"), [(0.1, True), (-0.1, False)])
def test_no_effect_is_said_to_be_in_the_null_region_where_it_is(
    tmp_path: Path, margin: float, said: bool
) -> None:
    raw = raw_design("hello")
    raw["enrolment"]["max_n"], raw["looks"]["observed"] = 12, [12]
    raw["rules"] = raw["rules"][:1]
    raw["rules"][0]["posterior"]["above"] = margin
    result = simulate(Design(**raw), trials=10, seed=1, jobs=1, engine="simulate",
                      out=tmp_path / "run")  # fmt: skip
    _, told, *_ = null_and_power(Evidence(result, Facts(), 0))
    assert isinstance(told, Paragraph)
    assert ("nought lies inside the region" in plain(told.line)) == said


def test_a_design_that_does_not_borrow_has_no_such_section(tmp_path: Path) -> None:
    plainly = Design(**raw_design("hello"))
    result = simulate(plainly, trials=20, seed=1, jobs=1, engine="simulate", out=tmp_path / "run")
    assert borrowing(Evidence(result, Facts(), 0)) == []


def test_measures_have_words() -> None:
    design = hybrid()
    assert measure_words(design, "borrowed_dfr_p05") == "participants borrowed, dfr, percentile 5"
    assert "prior predictive p below 0.05" in measure_words(design, "conflict_dfr")


def test_other_priors_are_tried_without_the_external_data() -> None:
    design = hybrid()
    tables = design.plain()
    assert _priors(tables, design, "vague")
    assert tables["external"] == {}
    assert Design(**tables).analysis["dfr"].prior.a == 1.0
    # the control's prior in every arm would have the other arm borrow external controls
    assert not _priors(design.plain(), design, "sceptical")
