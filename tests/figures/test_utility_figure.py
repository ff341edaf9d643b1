"""C8: benefit against harm as a utility weighs them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.figures import FIGURES, Missing
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.report.utilities import utilities
from conduct.test_utility import DIRECT

DESIGNS = Path(__file__).parents[2] / "designs"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Any:
    design = Design(**tomllib.loads(DIRECT))
    return ac.simulate(design, trials=50, seed=4, jobs=1, out=tmp_path_factory.mktemp("c8") / "run")


def panels(figure: Any) -> dict[str, Any]:
    found = {axes.get_title("left"): axes for axes in figure.axes if axes.get_title("left")}
    assert list(found) == ["null", "at_the_margin", "works"]
    return found


def test_the_points_are_the_posterior_means_of_the_trials(result: Any) -> None:
    figure = ac.figures.utility(result)
    axes = panels(figure)["works"]
    trials = result.trials[result.trials["scenario"].astype(str) == "works"]
    won = (trials["reason"].astype(str) == "success").to_numpy()
    drawn = {line.get_marker(): line for line in axes.lines if line.get_marker() in "os"}
    for marker, inside in (("o", won), ("s", ~won)):
        np.testing.assert_array_equal(drawn[marker].get_xdata(), trials["harm_net"][inside])
        np.testing.assert_array_equal(drawn[marker].get_ydata(), trials["benefit_net"][inside])
    assert 0 < won.sum() < len(won)


def test_the_line_is_where_the_claim_is_just_false_and_the_truth_lies_beside_it(
    result: Any,
) -> None:
    figure = ac.figures.utility(result)
    for name, axes in panels(figure).items():
        line = next(own for own in axes.lines if own.get_linestyle() == "--")
        x, y = line.get_xdata(), line.get_ydata()
        np.testing.assert_allclose(np.asarray(y) - np.asarray(x), 0.1)
        true = next(own for own in axes.lines if own.get_marker() == "X")
        utility = true.get_ydata()[0] - true.get_xdata()[0]
        expected = {"null": 0.0, "at_the_margin": 0.1, "works": 0.35}[name]
        assert utility == pytest.approx(expected)


def test_its_words_have_the_run_s_numbers(result: Any) -> None:
    tables = FIGURES["C8"].tables(result)
    assert not isinstance(tables, Missing)
    said = FIGURES["C8"].caption(tables)
    found = result.figure("works", "expected_utility_net", arm="cart")
    assert f"works 0.350, expected {found.estimate:.3f}" in said
    assert "worth_it claims that it lies above" in said


def test_a_design_without_a_utility_says_what_to_write(tmp_path: Path) -> None:
    design = ac.load_design(DESIGNS / "hello.toml")
    run = ac.simulate(design, trials=20, seed=1, jobs=1, engine="simulate", out=tmp_path / "run")
    missing = FIGURES["C8"].tables(run)
    assert isinstance(missing, Missing)
    assert "write [utility.NAME]" in str(missing)


def test_the_report_has_a_row_a_scenario_with_the_false_successes(result: Any) -> None:
    evidence = Evidence(result, Facts(), 0)
    table = next(block for block in utilities(evidence) if hasattr(block, "rows"))
    rows = [" ".join(str(part) for cell in row.cells for part in cell) for row in table.rows]
    assert len(rows) == 3
    assert "at_the_margin" in rows[1]
    assert Plan.of(result.design).utilities[0].suffix == "_net"


def test_the_design_of_a_net_benefit_is_false_where_the_harm_outweighs(tmp_path: Path) -> None:
    design = ac.load_design(DESIGNS / "lupus_net_benefit.toml")
    run = ac.simulate(design, trials=40, seed=2, jobs=1, out=tmp_path / "run")
    true = run.figure("outweighed", "utility_net_benefit", arm="cart").estimate
    assert 0.05 < true < 0.10
    for name in ("outweighed", "null", "expected"):
        false = run.figure(name, "false_success").estimate
        success = run.figure(name, "success").estimate
        assert false == (0.0 if name == "expected" else success)
