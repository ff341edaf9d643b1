"""Averages over design priors: weighted sums, trial by trial, and what is wrong with a table."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.errors import DesignError, ResultsError
from adaptive_cart.report.chapters.averages import averages as section
from adaptive_cart.report.document import Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.results.averages import PROBABILITIES, Member, averaged
from adaptive_cart.results.tables import summary
from adaptive_cart.telling.check import described
from checks import raw_design

HONEST = {"null": 0.3, "expected": 0.5, "worse": 0.2}
TRIALS = 400


def raw(**priors: Any) -> dict[str, Any]:
    found = raw_design("hello")
    found["scenarios"]["worse"] = {"role": "robustness", "dfr": {"soc": 0.2, "cart": 0.1}}
    found["design_prior"] = priors or {"honest": {"weights": HONEST}, "skeptical": {}}
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ac.Result:
    folder = tmp_path_factory.mktemp("averages") / "run"
    design = ac.Design(**raw())
    return ac.simulate(design, trials=TRIALS, seed=5, jobs=1, engine="simulate", out=folder)


# ── numbers ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("engine", ["exact", "simulate"])
def test_averages_are_weighted_sums_of_scenarios(engine: Any, tmp_path: Path) -> None:
    design = ac.Design(**raw())
    result = ac.simulate(design, trials=200, seed=2, jobs=1, engine=engine, out=tmp_path / "run")
    for prior, weights in (("honest", HONEST), ("skeptical", {"null": 0.75, "expected": 0.25})):

        def sum_of(measure: str, of: Any, weights: Any = weights) -> float:
            return sum(w * result.figure(n, measure).estimate for n, w in weights.items() if of(n))

        found = result.averages[prior]
        # the claim is that cart is better: so it is in `expected` alone
        false_weight = sum(w for n, w in weights.items() if n != "expected")
        success = sum_of("success", lambda n: True)
        error = sum_of("false_success", lambda n: True)
        hit = sum_of("success", lambda n: n == "expected")
        expected = {
            "assurance": success,
            "type_one_error_average": error / false_weight,
            "power_average": hit / (1.0 - false_weight),
            "false_discovery": error / success,
            "false_omission": (1.0 - false_weight - hit) / (1.0 - success),
            "correct_decision": hit + false_weight - error,
        }
        for name, value in expected.items():
            assert found[name].estimate == pytest.approx(value, abs=1e-13), name
        if engine == "exact":
            assert all(figure.mcse == 0.0 for figure in found.values())
            ahead = {name for name in found if name.startswith("conditional_assurance")}
            assert set(found) - ahead == set(PROBABILITIES)
            assert "participants_helped" not in found


def test_the_errors_are_those_of_the_trials_one_by_one(run: ac.Result) -> None:
    """Trial i has the same participants in every scenario: its parts are added up first."""
    frames = {n: run.trials[run.trials["scenario"] == n].sort_values("trial") for n in HONEST}
    found = run.averages["honest"]
    for measure in ("assurance", "false_discovery", "participants", "participants_helped"):
        tops, bottoms = [], []
        for trial in range(TRIALS):
            top = bottom = 0.0
            for name, weight in HONEST.items():
                row = frames[name].iloc[trial]
                won, false = row["reason"] == "success", row["false_success"] == 1
                if measure == "assurance":
                    top, bottom = top + weight * won, bottom + weight
                elif measure == "false_discovery":
                    top, bottom = top + weight * false, bottom + weight * won
                elif measure == "participants":
                    top, bottom = top + weight * row["n_randomised"], bottom + weight
                else:
                    gain = {"null": 0.0, "expected": 0.25, "worse": 0.0}[name]
                    top, bottom = top + weight * row["n_cart"] * gain, bottom + weight
            tops.append(top)
            bottoms.append(bottom)
        ratio = sum(tops) / sum(bottoms)
        parts = [(a - ratio * b) / np.mean(bottoms) for a, b in zip(tops, bottoms, strict=True)]
        assert found[measure].estimate == pytest.approx(ratio, abs=1e-12)
        error = np.std(parts, ddof=1) / math.sqrt(TRIALS)
        assert found[measure].mcse == pytest.approx(error, rel=1e-9)
    worse = frames["worse"]["n_cart"].mean()
    assert found["participants_harmed"].estimate == pytest.approx(0.2 * worse * 0.1)


def test_the_error_is_that_of_repeated_runs() -> None:
    """Correlated trials, more of one scenario than of the other."""
    rng = np.random.default_rng(8)
    found: list[tuple[float, float]] = []
    for _ in range(600):
        u = rng.random(300)
        null, good = u[:200] < 0.2, u < 0.7
        members = [
            Member(0.4, null.astype(float), null.astype(float), 0.0, 1.0, null, {}),
            Member(0.6, good.astype(float), np.zeros(300), 1.0, 0.0, good, {}),
        ]
        figure = averaged(members, "false_discovery")
        assert figure is not None
        found.append((figure.estimate, figure.mcse))
    estimates, errors = np.array(found).T
    assert estimates.mean() == pytest.approx(0.08 / 0.5, abs=0.01)
    assert errors.mean() == pytest.approx(estimates.std(ddof=1), rel=0.1)  # 3.5 of its own errors


def test_a_prior_of_one_scenario_is_that_scenario(tmp_path: Path) -> None:
    design = ac.Design(**raw(one={"weights": {"expected": 1.0, "null": 0.0}}))
    result = ac.simulate(design, trials=100, seed=1, jobs=1, engine="simulate", out=tmp_path / "a")
    found, alone = result.averages["one"], result.figure("expected", "success")
    assert found["assurance"].estimate == alone.estimate
    assert found["assurance"].mcse == pytest.approx(alone.mcse * math.sqrt(100 / 99))
    assert math.isnan(found["type_one_error_average"].estimate)
    assert found["false_discovery"].estimate == 0.0


def test_a_scenario_that_was_not_run_leaves_its_averages_out(tmp_path: Path) -> None:
    told: list[str] = []
    design = ac.Design(**raw())
    result = ac.simulate(
        design, scenarios=["null", "expected"], out=tmp_path / "a", tell=told.append
    )
    assert list(result.averages) == ["skeptical"]
    assert "design prior honest: no averages, since worse was not run" in told
    whole = ac.simulate(design, out=tmp_path / "a")
    assert list(whole.averages) == ["honest", "skeptical"]


def test_the_file_is_whole_or_refused(run: ac.Result) -> None:
    path = run.folder / "averages.csv"
    kept = path.read_text("utf-8")
    path.write_text(kept.replace("assurance,0", "assurance,1"), "utf-8")
    with pytest.raises(ResultsError, match=r"averages\.csv: has been changed"):
        ac.open_result(run.folder).averages  # noqa: B018
    path.write_text(kept, "utf-8")
    assert ac.open_result(run.folder).averages == run.averages


# ── what is told ──────────────────────────────────────────────────────────────────────────────
def test_check_summary_and_report_tell_it(run: ac.Result) -> None:
    told = described(run.design)
    assert "honest: null 0.3, expected 0.5, worse 0.2" in told
    assert "skeptical (ready made): null 0.75, expected 0.25" in told
    text = summary(run)
    line = next(row for row in text.splitlines() if row.startswith(" honest"))
    assert f"{run.averages['honest']['assurance'].estimate:.2f}" in line
    blocks = section(Evidence(run, Facts(), 0))
    table = next(block for block in blocks if isinstance(block, Table))
    assert [plain(row.cells[0]) for row in table.rows] == ["honest", "skeptical"]
    assert "Assurance" in [plain(cell) for cell in table.head]
    without = ac.load_design(Path(__file__).parents[2] / "designs" / "hello.toml")
    assert "Design priors" not in described(without)


@pytest.mark.parametrize(
    ("priors", "told"),
    [
        ({"x": {}}, r"design_prior\.x: has no weights; write weights = .* skeptical, neutral"),
        ({"x": {"weights": {"null": 0.5, "expected": 0.6}}}, r"x\.weights: sum to 1\.1; 1 is"),
        ({"x": {"weights": {"nul": 0.5, "expected": 0.5}}}, r"weights\.nul: .*did you mean 'null'"),
        ({"x": {"weights": {"null": -0.5, "expected": 1.5}}}, r"weights\.null: found -0\.5"),
        ({"x": {"weight": {"null": 1.0}}}, r"x\.weight: unknown key \(did you mean 'weights'"),
        ({"skeptical": 3}, r"design_prior\.skeptical: found 3"),
    ],
)
def test_what_is_wrong_is_told(priors: dict[str, Any], told: str) -> None:
    with pytest.raises(DesignError, match=told):
        ac.Design(**raw(**priors))


def test_a_ready_made_one_needs_nulls_and_alternatives() -> None:
    found = raw(neutral={})
    del found["scenarios"]["expected"]
    with pytest.raises(DesignError, match="there is none of role alternative"):
        ac.Design(**found)
    found = raw(neutral={})
    found["scenarios"]["more"] = {"dfr": {"soc": 0.1, "cart": 0.5}}
    assert "neutral (ready made): null 0.5, expected 0.25, more 0.25" in described(
        ac.Design(**found)
    )
