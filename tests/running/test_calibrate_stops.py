"""Thresholds of futility and safety rules, against the twin's enumeration of what they stop."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.report.chapters.stop_thresholds import stop_thresholds
from adaptive_cart.report.document import Paragraph, Table, for_audience, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.report.sensitivity import variants
from adaptive_cart.results.calibration_log import log_beside, read_log
from adaptive_cart.results.shared_calibration import calibration_of
from adaptive_cart.results.stop_calibration import StopCalibration
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.region import with_found
from adaptive_cart.telling.check import described
from checks import assert_read_back_or_nothing, raw_design
from twin import enumeration

TRIALS = 200  # of which ten times as many are simulated


def small(**stops: Any) -> dict[str, Any]:
    """Two looks, a safety rule on the rate itself, futility by prediction, success."""
    raw: dict[str, Any] = copy.deepcopy(raw_design("hello"))
    raw["enrolment"]["max_n"] = 24
    raw["looks"]["observed"] = [12, 24]
    harm = {"name": "harm", "then": "stop_for_safety", "at_least": 0.95,
            "posterior": {"endpoint": "dfr", "arm": "cart", "below": 0.3}}  # fmt: skip
    efficacy, futility = raw["rules"]
    efficacy["at_least"], futility["looks"] = 0.95, [1]
    raw["rules"] = [harm, efficacy, futility]
    raw["scenarios"] = {
        "null": {"dfr": {"soc": 0.2, "cart": 0.2}},
        "expected": {"dfr": {"soc": 0.2, "cart": 0.5}},
        "large": {"dfr": {"soc": 0.2, "cart": 0.7}},
    }
    raw["calibration"] = {"type_one_error": 0.05, "false_stop": stops}
    for rule in raw["rules"]:
        if rule["name"] in stops:
            rule["at_least" if "at_least" in rule else "below"] = "calibrate"
    return raw


def stops_of(raw: dict[str, Any], found: StopCalibration, measure: str, where: str) -> float:
    """Probability of a stop, by the twin, with the thresholds that were found."""
    tables = copy.deepcopy(raw)
    for rule in tables["rules"]:
        for key in ("at_least", "below"):
            if rule.get(key) == "calibrate":
                rule[key] = found.of_rule(rule["name"])
    return enumeration.enumerate_design(tables)[where, measure, None, None]


BOTH = pytest.mark.parametrize(
    ("name", "measure"), [("harm", "stop_safety"), ("futility", "stop_futility")]
)


@BOTH
def test_an_enumerated_stop_has_the_threshold_nearest_to_stopping_everybody(
    name: str, measure: str
) -> None:
    for at_most in (0.1, 0.02):
        raw = small(**{name: {"at_most": at_most, "scenarios": ["expected", "large"]}})
        found = calibrate(Design(**raw), jobs=1)
        assert isinstance(found, StopCalibration)
        assert found.trials == 0
        (one,) = found.stops
        for scenario, error in one.errors.items():
            assert error == pytest.approx(stops_of(raw, found, measure, scenario), abs=1e-12)
        assert max(one.errors.values()) <= at_most
        assert one.fresh.estimate == one.errors[one.worst]
        assert "exact" in one.words(0)
        # the next value that may not stop stops more than is wanted, in one of them
        assert one.must_not_count is not None
        assert one.may_count is not None
        assert (one.must_not_count < one.threshold < one.may_count) == (name == "harm")
        assert (one.must_not_count > one.threshold > one.may_count) == (name == "futility")
        beyond = copy.deepcopy(found)
        beside = one.must_not_count + (1e-9 if name == "futility" else -1e-9)
        object.__setattr__(beyond.stops[0], "threshold", beside)
        assert max(stops_of(raw, beyond, measure, s) for s in one.errors) > at_most


@BOTH
def test_beside_a_success_with_numbers_no_type_one_error_is_needed(
    name: str, measure: str, tmp_path: Path
) -> None:
    raw = small(**{name: {"at_most": 0.1, "scenarios": ["expected"]}})
    with_error = calibrate(Design(**raw), jobs=1)
    del raw["calibration"]["type_one_error"]
    design = Design(**raw)
    found = calibrate(design, jobs=1)
    assert found.of_rule(name) == with_error.of_rule(name)
    said = [line.strip() for line in described(design).splitlines() if "false stops" in line]
    assert said == [f"false stops by {name} wanted: at most 0.1 in 'expected'"]
    run = ac.simulate(design, jobs=1, out=tmp_path / "run")
    compared = ac.compare(
        [run], with_fixed=True
    )  # whose stops are gone, and what was wanted of them
    assert compared.candidates[1].design.calibration is None
    with pytest.raises(DesignError, match=r"calibration\.type_one_error: not there; a fixed size"):
        ac.compare([run], with_fixed=True, calibrate_fixed=True)
    assert "no_futility" in [one.key for one in variants(run.design, run.design.truths)]


def test_a_success_that_is_sought_too_needs_something_to_be_held_to() -> None:
    raw = small(harm={"at_most": 0.1, "scenarios": ["expected"]})
    del raw["calibration"]["type_one_error"]
    raw["calibration"]["null_region"] = {"soc": [0.1, 0.3]}
    with pytest.raises(DesignError, match=r"null_region: .*; leave it out, or write type_one"):
        Design(**raw)
    raw["rules"][1]["at_least"] = "calibrate"
    with pytest.raises(DesignError, match=r"calibration\.type_one_error: missing"):
        Design(**raw)


@BOTH
def test_a_simulated_stop_is_as_rare_as_is_wanted_where_it_is_false(
    name: str, measure: str
) -> None:
    raw = small(**{name: {"at_most": 0.1, "scenarios": ["expected", "large"]}})
    found = calibrate(Design(**raw), trials=TRIALS, seed=3, jobs=1, engine="simulate")
    assert isinstance(found, StopCalibration)
    (one,) = found.stops
    assert one.worst == "expected"
    true = stops_of(raw, found, measure, "expected")
    n = 10 * TRIALS
    mcse = math.sqrt(true * (1 - true) / n)
    assert true <= 0.1 + 2 * mcse
    assert abs(one.fresh.estimate - true) < 5 * mcse + 1e-9
    assert one.fresh.n == n
    # a threshold on the other side of what must not stop stops more than is wanted
    assert one.must_not_count is not None
    beyond = copy.deepcopy(found)
    beside = one.must_not_count - 1e-9 if name == "harm" else one.must_not_count + 1e-9
    object.__setattr__(beyond.stops[0], "threshold", beside)
    assert stops_of(raw, beyond, measure, "expected") > 0.1 - 6 * math.sqrt(0.09 / n)
    assert found.success is None


def test_success_is_calibrated_with_the_stops_in_force() -> None:
    raw = small(
        harm={"at_most": 0.05, "scenarios": ["expected"]},
        futility={"at_most": 0.1, "scenarios": ["expected"]},
    )
    raw["rules"][1]["at_least"] = "calibrate"
    design = Design(**raw)
    found = calibrate(design, trials=TRIALS, seed=1, jobs=1)
    assert isinstance(found, StopCalibration)
    assert found.success is not None
    final = with_found(design, found)
    certificate = ac.worst_case(final).certificate
    assert certificate is not None
    assert certificate.bound <= 0.05
    assert certificate.found == pytest.approx(found.success.worst_point.error, abs=1e-6)
    for one, measure in zip(found.stops, ("stop_safety", "stop_futility"), strict=True):
        assert one.fresh.estimate == pytest.approx(stops_of(raw, found, measure, "expected"))
    assert found.matches(final)
    assert found.answers(design)
    assert calibration_of(json.loads(json.dumps(found.plain()))) == found
    unreadable = found.plain()["success"] | {"points": [{}]}
    assert calibration_of(found.plain() | {"success": unreadable}) is None


def test_the_number_of_jobs_changes_nothing() -> None:
    design = Design(**small(harm={"at_most": 0.1, "scenarios": ["expected", "large"]}))
    one, two = (
        calibrate(design, trials=20, seed=1, jobs=jobs, engine="simulate") for jobs in (1, 2)
    )
    assert one == two


def test_the_file_is_written_and_the_log_tells_both(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "designs" / "hello.toml").read_text()
    text = text.replace("at_least = 0.985", 'at_least = "calibrate"')
    text = text.replace("below = 0.05", 'below = "calibrate"')
    text += '[calibration]\ntype_one_error = 0.025\nconfidence = "estimate"\n'
    text += 'false_stop.futility = { at_most = 0.05, scenarios = ["expected"] }\n'
    file = tmp_path / "stops.toml"
    file.write_text(text)
    done = CliRunner().invoke(main, ["calibrate", str(file), "--trials", "50", "--jobs", "1"])
    assert done.exit_code == 0, done.output
    found = read_log(log_beside(file))
    assert isinstance(found, StopCalibration)
    assert_read_back_or_nothing(found)
    (one,) = found.stops
    assert f"'futility': threshold {one.threshold!r}" in done.output
    assert "calibrated threshold" in done.output
    after = text.replace('at_least = "calibrate"', f"at_least = {found.of_rule('efficacy')!r}")
    assert file.read_text() == after.replace('below = "calibrate"', f"below = {one.threshold!r}")
    result = ac.simulate(ac.load_design(file), out=tmp_path / "out", calibration=found)
    assert ac.open_result(tmp_path / "out").calibration == found
    exact = result.figure("expected", "stop_futility").estimate
    assert exact == pytest.approx(one.errors["expected"], abs=1e-12)
    assert exact <= 0.05


@pytest.mark.parametrize("engine", ["exact", "simulate"])
def test_the_report_tells_how_the_threshold_of_a_stop_was_found(
    tmp_path: Path, engine: Any
) -> None:
    wanted = {"at_most": 0.1, "scenarios": ["expected", "large"]}
    raw = small(futility=wanted)
    found = calibrate(Design(**raw), trials=TRIALS, jobs=1, engine=engine)
    assert isinstance(found, StopCalibration)
    design = with_found(Design(**raw), found)
    run = ac.simulate(
        design, trials=30, jobs=1, engine="simulate", out=tmp_path / "run", calibration=found
    )
    evidence = Evidence(run, Facts(), 0)
    said, table = stop_thresholds(evidence)
    assert isinstance(said, Paragraph)
    assert isinstance(table, Table)
    assert "futility" in plain(said.line)
    assert ("was enumerated" in plain(said.line)) == (engine == "exact")
    assert ("The search simulated 2,000 trials" in plain(said.line)) == (engine == "simulate")
    assert {plain(one.cells[5]) for one in table.rows} >= (
        {"enumerated"} if engine == "exact" else {"–"}
    )
    shown = {plain(one.cells[2]).split(" ")[0]: plain(one.cells[3]) for one in table.rows}
    (stop,) = found.stops
    assert shown == {name: f"{error:.4f}" for name, error in stop.errors.items()}
    assert repr(stop.threshold) not in "".join(
        plain(cell) for block in for_audience([table], "open") if isinstance(block, Table)
        for one in block.rows for cell in one.cells
    )  # fmt: skip


def test_check_says_what_false_stops_are_wanted() -> None:
    raw = small(harm={"at_most": 0.1, "scenarios": ["expected", "large"]})
    assert "false stops by harm wanted: at most 0.1 in 'expected', 'large'" in described(
        Design(**raw)
    )


# ── of each arm or stratum ────────────────────────────────────────────────────────────────────
def each_arm(then: str) -> dict[str, Any]:
    """Three arms, two looks; a rule about each experimental arm that stops something."""
    raw: dict[str, Any] = copy.deepcopy(raw_design("hello"))
    raw["arms"] = {"soc": {"control": True}, "low": {}, "high": {}}
    raw["enrolment"]["max_n"], raw["looks"]["observed"] = 36, [18, 36]
    each = {"endpoint": "dfr", "arm": "each", "minus": "soc", "above": 0.0}
    raw["rules"] = [
        {"name": "gone", "then": then, "posterior": each, "below": "calibrate"},
        {"name": "efficacy", "then": "declare_success", "posterior": each, "at_least": 0.97},
    ]
    works = {"soc": 0.2, "low": 0.5, "high": 0.6}
    raw["scenarios"] = {"null": {"dfr": dict.fromkeys(works, 0.2)}, "works": {"dfr": works}}
    wanted = {"gone": {"at_most": 0.1, "scenarios": ["works"]}}
    raw["calibration"] = {"type_one_error": 0.05, "false_stop": wanted}
    return raw


def each_stratum() -> dict[str, Any]:
    """Two strata, of which each may be closed."""
    raw = each_arm("close_stratum")
    raw["arms"] = {"soc": {"control": True}, "low": {}}
    raw["strata"] = {"sle": 0.5, "ssc": 0.5}
    for rule in raw["rules"]:
        rule["posterior"] = rule["posterior"] | {"arm": "low", "stratum": "each"}
    raw["scenarios"]["works"] = {"dfr": {"soc": 0.2, "low": 0.5}}
    raw["scenarios"]["null"] = {"dfr": {"soc": 0.2, "low": 0.2}}
    raw["analysis"] = {"dfr": copy.deepcopy(raw_design("enrichment_biomarker")["analysis"]["dfr"])}
    return raw


def stopping(raw: dict[str, Any], threshold: float, seed: int, trials: int) -> float:
    """Share of trials in which the rule stops something, of the design as it acts."""
    tables = copy.deepcopy(raw)
    tables["rules"][0]["below"] = threshold
    run = ac.simulate(
        Design(**tables), trials=trials, seed=seed, jobs=1, scenarios=["works"], engine="simulate"
    )
    looks = run.looks
    stopped = looks[looks["p_gone"] < threshold]
    assert looks["p_gone"].notna().any()
    return float(len({*stopped["trial"]}) / trials)


@pytest.mark.parametrize("then", ["drop_arm", "declare_futility", "close_stratum"])
def test_a_rule_about_each_stops_any_of_them_as_rarely_as_is_wanted(then: str) -> None:
    raw = each_stratum() if then == "close_stratum" else each_arm(then)
    found = calibrate(Design(**raw), trials=30, seed=5, jobs=1)
    assert isinstance(found, StopCalibration)
    (one,) = found.stops
    assert not one.enumerated
    # the same trials, in which the rule acts: the share that the search foretold, and no more
    assert stopping(raw, one.threshold, found.seed, 300) == one.errors["works"] <= 0.1
    assert one.must_not_count is not None
    assert stopping(raw, one.must_not_count + 1e-9, found.seed, 300) > one.errors["works"]
    assert one.fresh.n == 300
    assert one.fresh.lower <= 0.1 + 0.05


# ── what cannot be done is said ───────────────────────────────────────────────────────────────
@pytest.mark.parametrize("at_most", [0.0, 1.0])
def test_a_target_of_nought_or_one_is_refused(at_most: float) -> None:
    with pytest.raises(DesignError, match=r"calibration\.false_stop\.harm\.at_most"):
        Design(**small(harm={"at_most": at_most, "scenarios": ["expected"]}))
    raw = small()
    raw["calibration"]["type_one_error"] = at_most
    with pytest.raises(DesignError, match=r"calibration\.type_one_error"):
        Design(**raw)


@pytest.mark.parametrize(
    ("stops", "words"),
    [
        ({"harn": {"at_most": 0.1, "scenarios": ["expected"]}}, "no rule that stops"),
        ({"efficacy": {"at_most": 0.1, "scenarios": ["expected"]}}, "no rule that stops"),
        ({"harm": {"at_most": 0.1, "scenarios": ["expectd"]}}, "did you mean|no scenario"),
        ({"harm": {"at_most": 0.1, "scenarios": []}}, "names no scenario"),
    ],
)
def test_what_names_nothing_is_refused(stops: dict[str, Any], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        Design(**small(**stops))


def test_a_stop_to_be_calibrated_needs_its_target() -> None:
    raw = small()
    raw["rules"][0]["at_least"] = "calibrate"
    with pytest.raises(DesignError, match=r"false_stop\.harm = "):
        Design(**raw)


def test_a_target_that_no_threshold_keeps_and_one_that_trials_cannot_show_are_refused() -> None:
    raw = small(harm={"at_most": 0.05, "scenarios": ["expected"]})
    raw["rules"][0]["posterior"]["below"] = 1.0  # certain, whatever is seen
    for engine in ("exact", "simulate"):
        with pytest.raises(DesignError, match="no threshold keeps it: in 'expected'"):
            calibrate(Design(**raw), trials=TRIALS, seed=1, jobs=1, engine=engine)  # type: ignore
    raw = small(harm={"at_most": 1e-6, "scenarios": ["expected"]})
    with pytest.raises(DesignError, match="2,000 trials cannot show") as caught:
        calibrate(Design(**raw), trials=TRIALS, seed=1, jobs=1, engine="simulate")
    assert caught.value.problems[0].path == "calibration.false_stop.harm.at_most"


def test_thresholds_that_do_not_settle_are_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from adaptive_cart.running.calibrating import stops as calibrate_stops

    monkeypatch.setattr(calibrate_stops, "ROUNDS", 1)
    raw = small(harm={"at_most": 0.05, "scenarios": ["expected"]})
    with pytest.raises(DesignError, match=r"cannot be met together: .*'harm' from 1 to"):
        calibrate(Design(**raw), trials=20, seed=1, jobs=1)
