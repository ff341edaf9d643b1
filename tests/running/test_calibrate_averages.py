"""Thresholds for averages over a design prior, against trying every one with the twin."""

from __future__ import annotations

import copy
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.report.chapters.thresholds import thresholds
from adaptive_cart.report.document import Paragraph, Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.results.averaged_calibration import AveragedCalibration
from adaptive_cart.results.shared_calibration import calibration_of
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.calibrating import averaged_thresholds, averages, type_one_error
from adaptive_cart.running.calibrating.averaged_runs import successes
from adaptive_cart.running.calibrating.averaged_thresholds import Chances, Wanted, best
from adaptive_cart.running.calibrating.averaged_trials import Curves, OfScenario
from adaptive_cart.running.exact_error import ExactError, distinct
from adaptive_cart.running.region import with_found, with_threshold
from adaptive_cart.telling.check import described
from checks import assert_read_back_or_nothing, raw_design
from twin import enumeration

WEIGHTS = {"null": 0.4, "harm": 0.1, "expected": 0.3, "large": 0.2}
FALSE = ("null", "harm")


def small(**wanted: Any) -> dict[str, Any]:
    """Two looks, futility by predicting success, and four truths."""
    raw: dict[str, Any] = copy.deepcopy(raw_design("hello"))
    raw["enrolment"]["max_n"] = 18
    raw["looks"]["observed"] = [9, 18]
    efficacy, futility = raw["rules"]
    efficacy["at_least"], futility["looks"] = "calibrate", [1]
    raw["scenarios"] = {
        "null": {"dfr": {"soc": 0.2, "cart": 0.2}},
        "harm": {"role": "null", "dfr": {"soc": 0.5, "cart": 0.4}},
        "expected": {"dfr": {"soc": 0.2, "cart": 0.5}},
        "large": {"dfr": {"soc": 0.1, "cart": 0.7}},
    }
    raw["design_prior"] = {"held": {"weights": WEIGHTS}}
    raw["calibration"] = {"design_prior": "held", **wanted}
    return raw


@cache
def by_threshold() -> list[tuple[float, float, float]]:
    """Every attainable threshold, with weighted false and true successes, by the twin."""
    numbers = with_threshold(Design(**small(false_discovery=0.5)), 0.5)
    values = distinct(ExactError(numbers, {"efficacy"}, (0.0, 1.0)).probabilities)
    found = []
    for value in values:
        raw = small(false_discovery=0.5)
        raw["rules"][0]["at_least"] = float(value) - 1e-9
        rows = enumeration.enumerate_design(raw)
        won = {name: w * rows[name, "success", None, None] for name, w in WEIGHTS.items()}
        false = sum(won[name] for name in FALSE)
        found.append((float(value), false, sum(won.values()) - false))
    return found


def brute(wanted: dict[str, Any]) -> float:
    """The next probability that may count, by trying all."""
    true = sum(weight for name, weight in WEIGHTS.items() if name not in FALSE)
    kept = []
    for value, false, right in by_threshold():
        discovery = false / (false + right) if false + right else math.nan
        correct = right + (1.0 - true) - false
        loss = wanted.get("expected_loss", {"false_success": 0.0, "missed": 0.0})
        if not discovery <= wanted.get("false_discovery", 1.0) + 1e-9:
            continue
        if correct < wanted.get("correct_decision", 0.0) - 1e-9:
            continue
        lost = loss["false_success"] * false + loss["missed"] * (true - right)
        kept.append((round(lost, 9), value))
    return min(kept)[1]


LOSS = {"false_success": 5.0, "missed": 1.0}


@pytest.mark.parametrize(
    "wanted",
    [
        {"false_discovery": 0.05},
        {"false_discovery": 0.2},
        {"correct_decision": 0.7},
        {"expected_loss": LOSS},
        {"expected_loss": {"false_success": 1.0, "missed": 3.0}},
        {"false_discovery": 0.06, "expected_loss": LOSS},
        {"false_discovery": 0.1, "correct_decision": 0.66},
    ],
    ids=lambda wanted: ", ".join(wanted),
)
def test_the_threshold_is_the_one_that_trying_all_finds(wanted: dict[str, Any]) -> None:
    found = calibrate(Design(**small(**wanted)), jobs=1)
    assert isinstance(found, AveragedCalibration)
    assert found.may_count == pytest.approx(brute(wanted), abs=1e-9)
    assert found.must_not_count is not None
    assert found.must_not_count < found.threshold < found.may_count
    held = {value: (false, right) for value, false, right in by_threshold()}
    false, right = next(v for k, v in held.items() if abs(k - found.may_count) < 1e-9)
    told = found.averages["false_discovery"].estimate
    assert told == pytest.approx(false / (false + right), abs=1e-9)


def test_the_averages_told_are_those_of_the_run() -> None:
    raw = small(false_discovery=0.08, expected_loss=LOSS)
    found = calibrate(Design(**raw), jobs=1)
    assert isinstance(found, AveragedCalibration)
    run = ac.simulate(with_found(Design(**raw), found), engine="exact", jobs=1)
    averages = run.averages["held"]
    for name in ("false_discovery", "correct_decision", "assurance"):
        assert found.averages[name].estimate == pytest.approx(averages[name].estimate, abs=1e-10)


def test_a_type_one_error_is_held_too() -> None:
    alone = calibrate(Design(**small(false_discovery=0.2)), jobs=1)
    both = calibrate(Design(**small(false_discovery=0.2, type_one_error=0.05)), jobs=1)
    assert isinstance(both, AveragedCalibration)
    assert both.success is not None
    assert both.threshold == both.success.threshold  # type: ignore[union-attr]
    assert both.threshold > alone.threshold  # type: ignore[union-attr]


def test_drawn_truths_are_averaged_as_the_run_averages_them() -> None:
    raw = small(false_discovery=0.06)
    draw = {"dfr.cart": {"dist": "beta", "a": 3.0, "b": 3.0}}
    weights = {"null": 0.4, "expected": 0.6}
    raw["design_prior"]["held"] = {"weights": weights, "draw": draw}
    found = calibrate(Design(**raw), jobs=1)
    assert isinstance(found, AveragedCalibration)
    run = ac.simulate(with_found(Design(**raw), found), engine="exact", jobs=1)
    told = run.averages["held"]["false_discovery"].estimate
    assert found.averages["false_discovery"].estimate == pytest.approx(told, abs=1e-9)
    assert told <= 0.06
    assert "null 0.4, expected 0.6 (dfr.cart drawn)" in found.words()


# ── the search ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("seed", range(20))
def test_no_threshold_is_overlooked(seed: int) -> None:
    draw = np.random.default_rng(seed)
    falls = np.sort(draw.random((2, 60)) ** 3, axis=1)[:, ::-1]
    chances = [Chances(0.4 * float(f), 0.6 * float(t)) for f, t in falls.T]
    loss = (float(draw.uniform(0.5, 5.0)), 1.0) if seed % 2 else (None, None)
    wanted = Wanted(float(draw.uniform(0.2, 0.6)), None, *loss, 0.6)
    kept = [k for k, c in enumerate(chances) if wanted.kept(c.false, c.true)]
    expected = min(
        kept,
        key=lambda k: (wanted.loss(chances[k].false, chances[k].true), k),
        default=None,
    )
    assert best(chances.__getitem__, len(chances), wanted) == expected


def test_where_a_higher_threshold_lets_more_through_all_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []

    def at(place: int) -> Chances:
        tried.append(place)
        return Chances(0.1 + 0.01 * place, 0.3)

    wanted = Wanted(0.15, None, 1.0, 1.0, 0.6)
    assert best(at, 30, wanted) is None
    assert {*tried} == {*range(30)}
    assert averaged_thresholds.SLACK > 0.0


def test_also_where_it_lets_more_true_successes_through() -> None:
    chances = [Chances(0.05, 0.1), Chances(0.05, 0.1), Chances(0.05, 0.5)]
    assert best(chances.__getitem__, 3, Wanted(None, 0.6, None, None, 0.6)) == 2


# ── simulated ─────────────────────────────────────────────────────────────────────────────────
def test_errors_at_every_threshold_are_those_of_the_trials_there() -> None:
    draw = np.random.default_rng(4)
    common = draw.random(400)
    largest = [np.clip(0.7 * common + 0.3 * draw.random(400) + s, 0.0, 1.0) for s in (0.0, 0.2)]
    members = [
        OfScenario("null", 0.3, False, largest[0]),
        OfScenario("expected", 0.7, True, largest[1]),
    ]
    curves = Curves(members, Wanted(0.2, 0.5, None, None, 0.7))
    for place in (3, 200, 600):
        value = curves.values[place]
        false, true = ((one >= value - 1e-12).astype(float) for one in largest)
        above, below = 0.3 * false, 0.3 * false + 0.7 * true
        ratio = above.mean() / below.mean()
        assert curves.discovery()[place] == pytest.approx(ratio)
        parts = (above - ratio * below) / below.mean()
        error = curves._error_of_discovery(curves.discovery())[place]
        assert error == pytest.approx(parts.std() / 20.0)


def test_simulated_thresholds_keep_what_is_wanted_by_their_bound() -> None:
    raw = small(false_discovery=0.08)
    found = calibrate(Design(**raw), trials=400, jobs=1, engine="simulate")
    exact = calibrate(Design(**raw), jobs=1)
    assert isinstance(found, AveragedCalibration)
    assert isinstance(exact, AveragedCalibration)
    assert found.averages["false_discovery"].upper <= 0.08
    assert found.threshold >= exact.threshold - 1e-9  # the estimate alone would be near it
    final = with_found(Design(**raw), found)
    rows = enumeration.enumerate_design(final.plain())
    for name in WEIGHTS:
        won = successes(final, "efficacy", final.truths[name], 3000, 9)
        true = rows[name, "success", None, None]
        assert abs(won.mean() - true) < 5.0 * math.sqrt(true * (1.0 - true) / 3000)
    by_estimate = copy.deepcopy(raw)
    by_estimate["calibration"]["confidence"] = "estimate"
    other = calibrate(Design(**by_estimate), trials=400, jobs=1, engine="simulate")
    assert isinstance(other, AveragedCalibration)
    assert other.threshold < found.threshold


# ── what is written, told and refused ─────────────────────────────────────────────────────────
@pytest.mark.parametrize("settles", [True, False])
def test_a_threshold_that_had_not_settled_when_the_search_ended_says_so(
    settles: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not settles:  # from its start a threshold moves
        monkeypatch.setattr(averages, "ROUNDS", 1)
        monkeypatch.setattr(type_one_error, "ROUNDS", 1)
    raw = small(false_discovery=0.1, correct_decision=0.6)
    found = calibrate(Design(**raw), trials=40, jobs=1, engine="simulate")
    assert ("had not settled after 1 rounds" in found.words()) != settles
    raw["calibration"] = {"type_one_error": 0.1, "confidence": "estimate"}
    found = calibrate(Design(**raw), trials=40, jobs=1, engine="simulate")
    assert ("had not settled after 1 rounds" in found.words()) != settles
    raw["rules"] = raw["rules"][:1]  # nothing predicts it
    found = calibrate(Design(**raw), trials=40, jobs=1, engine="simulate")
    assert "settled" not in found.words()


def test_the_file_is_written_and_the_log_read_back(tmp_path: Path) -> None:
    path = tmp_path / "design.toml"
    import tomlkit

    path.write_text(tomlkit.dumps(small(false_discovery=0.05)), encoding="utf-8")
    done = CliRunner().invoke(main, ["calibrate", str(path)])
    assert done.exit_code == 0, done.output
    assert "at most 0.05 wanted, over the design prior held" in done.output
    kept = calibration_of(json.loads((tmp_path / "design.calibration.json").read_text()))
    assert isinstance(kept, AveragedCalibration)
    assert_read_back_or_nothing(kept)
    design = ac.load_design(path)
    assert design.rules[0].at_least == kept.threshold
    assert kept.matches(design)


def test_the_report_tells_what_the_threshold_keeps(tmp_path: Path) -> None:
    raw = small(false_discovery=0.08, expected_loss=LOSS)
    found = calibrate(Design(**raw), trials=100, jobs=1, engine="simulate")
    assert isinstance(found, AveragedCalibration)
    design = with_found(Design(**raw), found)
    run = ac.simulate(
        design, trials=30, jobs=1, engine="simulate", out=tmp_path / "run", calibration=found
    )
    evidence = Evidence(run, Facts(), 0)
    _, said, table = thresholds(evidence)
    assert isinstance(said, Paragraph)
    assert isinstance(table, Table)
    text = plain(said.line)
    assert "smallest expected loss (a false success costs 5 and a missed claim costs 1)" in text
    assert "the claim is false, given success is at most 0.08" in text
    rows = {plain(one.cells[0]): plain(one.cells[3]) for one in table.rows}
    fresh = found.fresh["false_discovery"].estimate
    assert float(rows["Claim false, given success"].split(" ")[0]) == pytest.approx(fresh, abs=0.01)
    assert evidence.trace.findings()[60].status == "reported"


def test_check_says_what_is_wanted() -> None:
    told = described(Design(**small(false_discovery=0.05, expected_loss=LOSS)))
    assert "P(claim false | success) wanted: at most 0.05" in told
    assert "a false success costs 5 and a missed claim 1" in told
    assert "averaged over the design prior held" in told


def test_what_cannot_be_met_together_is_told_by_name() -> None:
    design = Design(**small(false_discovery=0.001, correct_decision=0.72))
    with pytest.raises(DesignError) as told:
        calibrate(design, jobs=1)
    text = str(told.value)
    assert [one.path for one in told.value.problems] == [
        "calibration.false_discovery",
        "calibration.correct_decision",
    ]
    assert "calibration.false_discovery: found 0.001; the smallest is about" in text
    assert "calibration.correct_decision: found 0.72; the largest is about" in text
    assert "no threshold keeps both together" in text
    with pytest.raises(DesignError) as told:  # one of them by itself is beyond reach
        calibrate(Design(**small(false_discovery=0.5, correct_decision=0.99)), jobs=1)
    assert [one.path for one in told.value.problems] == ["calibration.correct_decision"]
    strict = Design(**small(correct_decision=0.7, type_one_error=0.0001))
    with pytest.raises(DesignError, match=r"which the type_one_error of 0\.0001 needs"):
        calibrate(strict, jobs=1)


def test_what_the_trials_cannot_show_is_told() -> None:
    with pytest.raises(DesignError, match="50 trials in each scenario cannot show"):
        calibrate(Design(**small(false_discovery=0.01)), trials=5, jobs=1, engine="simulate")
    beyond = Design(**small(correct_decision=0.99))  # of what the trials themselves come to
    with pytest.raises(DesignError, match=r"correct_decision: found 0\.99; the largest is about"):
        calibrate(beyond, trials=5, jobs=1, engine="simulate")


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_targets_of_nought_and_one_are_refused(value: float) -> None:
    for name in ("false_discovery", "correct_decision"):
        with pytest.raises(DesignError, match=f"calibration.{name}"):
            Design(**small(**{name: value}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"false_discovery": None}, "calibration.type_one_error: missing"),
        ({"design_prior": None}, r"calibration\.design_prior: missing"),
        ({"design_prior": "hold"}, r"did you mean 'held'"),
        ({"design_prior": "neutral"}, r"write \[design_prior\.neutral\], an empty table"),
        ({"null_region": {"soc": [0.1, 0.2]}}, "is where a type_one_error is held"),
        ({"expected_loss": {"false_success": 0.0, "missed": 1.0}}, "false_success"),
    ],
)
def test_what_is_not_said_or_not_there_is_refused(change: dict[str, Any], words: str) -> None:
    raw = small(false_discovery=0.05)
    raw["calibration"] = {k: v for k, v in (raw["calibration"] | change).items() if v is not None}
    with pytest.raises(DesignError, match=words):
        Design(**raw)


def test_a_prior_in_which_the_claim_is_never_false_is_refused() -> None:
    raw = small(false_discovery=0.05)
    raw["design_prior"]["held"]["weights"] = {"expected": 1.0}
    with pytest.raises(DesignError, match="in no truth of which the claim is false"):
        calibrate(Design(**raw), jobs=1)
