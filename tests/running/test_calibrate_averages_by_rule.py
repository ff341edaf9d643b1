"""Averages of several rules, each with a threshold of its own, against obvious loops and tables."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.design.design_prior import weighed_by
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.streams import fresh_seed
from adaptive_cart.report.chapters.thresholds import thresholds
from adaptive_cart.report.document import Paragraph, Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.results.averaged_calibration import AveragedCalibration
from adaptive_cart.results.several_averages import SeveralAverages
from adaptive_cart.results.shared_calibration import calibration_of
from adaptive_cart.results.stop_calibration import StopCalibration
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.calibrating import averages_by_rule
from adaptive_cart.running.drawn_truths import nodes_of
from adaptive_cart.running.exact_error import ExactError
from adaptive_cart.running.region import with_found
from adaptive_cart.telling.check import described
from checks import assert_read_back_or_nothing, raw_design

WEIGHTS = {"null": 0.4, "some": 0.35, "much": 0.25}
TRUE = {"efficacy": ("some", "much"), "strong": ("much",)}  # scenarios in which the claim is true
ASKED = {
    "efficacy": {"false_discovery": 0.1},
    "strong": {"correct_decision": 0.8},
}


def two(averages: Any = ASKED, **wanted: Any) -> dict[str, Any]:
    """Two looks, and two rules that declare success: by anything, and by 0.2 at the least."""
    raw: dict[str, Any] = copy.deepcopy(raw_design("hello"))
    raw["enrolment"]["max_n"] = 24
    raw["looks"]["observed"] = [12, 24]
    posterior = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.2}
    strong = {"name": "strong", "then": "declare_success", "at_least": "calibrate"}
    strong |= {"posterior": posterior}
    efficacy, futility = raw["rules"]
    efficacy["at_least"], futility["looks"] = "calibrate", [1]
    futility["predictive"]["rule"] = "efficacy"
    raw["rules"] = [strong, efficacy, futility]
    raw["scenarios"] = {
        "null": {"dfr": {"soc": 0.3, "cart": 0.3}},
        "some": {"dfr": {"soc": 0.3, "cart": 0.45}},
        "much": {"dfr": {"soc": 0.2, "cart": 0.7}},
    }
    raw["design_prior"] = {"held": {"weights": WEIGHTS}}
    raw["calibration"] = {"design_prior": "held", **wanted}
    if averages:
        raw["calibration"]["averages"] = averages
    return raw


def found_in(raw: dict[str, Any], **how: Any) -> SeveralAverages:
    """The calibration."""
    found = calibrate(Design(**raw), **{"jobs": 1, **how})
    assert isinstance(found, SeveralAverages)
    return found


def with_thresholds(raw: dict[str, Any], values: dict[str, Any]) -> Design:
    """The design with numbers as thresholds."""
    tables = copy.deepcopy(raw)
    for rule in tables["rules"]:
        if rule["name"] in values:
            rule["at_least"] = values[rule["name"]]
    return Design(**tables)


def by_rule(run: Any, rule: str) -> dict[str, float]:
    """Averages of a rule's own claim, from how often it decides in each scenario of a run."""
    won = {s: w * run.figure(s, f"decided_{rule}").estimate for s, w in WEIGHTS.items()}
    true = sum(won[s] for s in TRUE[rule])
    false = sum(won.values()) - true
    missed = sum(WEIGHTS[s] for s in TRUE[rule]) - true
    correct = true + sum(w for s, w in WEIGHTS.items() if s not in TRUE[rule]) - false
    told = {"correct_decision": correct, "assurance": true + false, "lost": 3 * false + missed}
    return told | ({"false_discovery": false / (true + false)} if true + false else {})


# ── enumerated ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "asked",
    [ASKED, {"efficacy": {"false_discovery": 0.25}, "strong": {"false_discovery": 0.3}}],
    ids=["differ", "alike"],
)
def test_each_threshold_is_the_smallest_with_the_other_in_force(asked: Any) -> None:
    raw = two(asked)
    found = found_in(raw)
    assert found.exact
    values = {name: found.of_rule(name) for name in found.rules}
    run = ac.simulate(with_thresholds(raw, values), engine="exact", jobs=1)
    for name, one in found.rules.items():
        told = by_rule(run, name)
        for measure in ("false_discovery", "correct_decision", "assurance"):
            assert one.averages[measure].estimate == pytest.approx(told[measure], abs=1e-10)
        (measure, wanted), *_ = asked[name].items()
        keeps = told[measure] <= wanted if measure == "false_discovery" else told[measure] >= wanted
        assert keeps
        assert one.must_not_count is not None
        beside = with_thresholds(raw, values | {name: one.must_not_count - 1e-9})
        before = by_rule(ac.simulate(beside, engine="exact", jobs=1), name)[measure]
        assert before > wanted if measure == "false_discovery" else before < wanted


def test_a_loss_of_one_rule_is_the_smallest_of_all_its_thresholds() -> None:
    lost = {"expected_loss": {"false_success": 3.0, "missed": 1.0}}
    raw = two({"efficacy": {"false_discovery": 0.1}, "strong": lost})
    found = found_in(raw)
    strong = found.rules["strong"]
    values = {name: found.of_rule(name) for name in found.rules}
    least = strong.averages["expected_loss"].estimate
    for threshold in (*np.linspace(0.1, 0.99, 8), strong.threshold):
        run = ac.simulate(
            with_thresholds(raw, values | {"strong": float(threshold)}), engine="exact", jobs=1
        )
        assert by_rule(run, "strong")["lost"] >= least - 1e-10
    assert by_rule(run, "strong")["lost"] == pytest.approx(least, abs=1e-10)
    drawn = {name: replace(one, method="simulated") for name, one in found.rules.items()}
    kept = {name: "scenario; its estimate keeps it" in one.words() for name, one in drawn.items()}
    assert kept == {"efficacy": True, "strong": False}  # a smallest loss is held to nothing


def test_one_target_is_of_each_rule_with_a_threshold_of_its_own() -> None:
    common = found_in(two(None, false_discovery=0.2))
    each = found_in(two({name: {"false_discovery": 0.2} for name in TRUE}))
    thresholds_ = [{n: one.of_rule(n) for n in one.rules} for one in (common, each)]
    assert thresholds_[0] == thresholds_[1]
    assert len({*thresholds_[0].values()}) == 2
    told = described(Design(**two(None, false_discovery=0.2)))
    assert (
        "of each of 'strong', 'efficacy', with a threshold of its own, P(claim false | success) "
        "wanted: at most 0.2"
    ) in told


def test_shares_of_a_type_one_error_are_kept_too() -> None:
    shares = {"strong": 0.3, "efficacy": 0.7}
    wanted = {name: {"correct_decision": 0.3} for name in shares}
    raw = two(wanted, type_one_error=0.05, shares=shares)
    found = found_in(raw)
    for name, share in shares.items():
        one = found.rules[name]
        assert one.success is not None
        assert one.success.target == pytest.approx(0.05 * share)
        assert one.threshold >= one.success.threshold
        assert f"a type I error of {0.05 * share:g} alone needs" in one.words()
    final = with_found(Design(**raw), found)
    assert ac.worst_case(final, jobs=1).worst.figure.estimate <= 0.05


def test_stops_are_searched_beside_them() -> None:
    raw = two(false_stop={"futility": {"at_most": 0.1, "scenarios": ["much"]}})
    raw["rules"][2]["below"] = "calibrate"
    design = Design(**raw)
    found = calibrate(design, jobs=1)
    assert isinstance(found, StopCalibration)
    assert [one.rule for one in found.of_averages] == ["strong", "efficacy"]
    assert calibration_of(json.loads(json.dumps(found.plain()))) == found
    final = with_found(design, found)
    assert found.matches(final)
    run = ac.simulate(final, engine="exact", jobs=1)
    assert run.figure("much", "stop_futility").estimate <= 0.1
    assert by_rule(run, "efficacy")["false_discovery"] <= 0.1
    assert by_rule(run, "strong")["correct_decision"] >= 0.8


# ── simulated ─────────────────────────────────────────────────────────────────────────────────
def test_simulated_each_keeps_it_on_the_very_trials_and_fresh_ones_say_what_it_is() -> None:
    asked = {"efficacy": {"correct_decision": 0.5}, "strong": {"false_discovery": 0.25}}
    raw = two(asked, confidence="estimate")
    raw["rules"] = raw["rules"][:2]
    found = found_in(raw, trials=60, engine="simulate")
    values = {name: found.of_rule(name) for name in found.rules}
    design = with_thresholds(raw, values)
    seed = fresh_seed(design.simulation.seed, "calibration")
    own = ac.simulate(design, trials=600, seed=seed, engine="simulate", jobs=1)
    exact = ac.simulate(design, engine="exact", jobs=1)
    for name, one in found.rules.items():
        for measure in ("false_discovery", "correct_decision", "assurance"):
            told = one.averages[measure].estimate
            assert told == pytest.approx(by_rule(own, name)[measure], abs=1e-12)
            fresh, true = one.fresh[measure], by_rule(exact, name)[measure]
            assert abs(fresh.estimate - true) < 5.0 * fresh.mcse
        (measure, wanted), *_ = asked[name].items()
        beside = with_thresholds(raw, values | {name: (one.must_not_count or 0.0) - 1e-10})
        run = ac.simulate(beside, trials=600, seed=seed, engine="simulate", jobs=1)
        before = by_rule(run, name)[measure]
        assert before > wanted if measure == "false_discovery" else before < wanted


@pytest.mark.slow
def test_of_truths_that_are_drawn_too_against_sums_over_their_nodes() -> None:
    asked = {"efficacy": {"false_discovery": 0.4}, "strong": {"false_discovery": 0.3}}
    raw = two(asked, confidence="estimate")
    raw["design_prior"]["held"] = {
        "weights": {"null": 0.4, "some": 0.6},
        "draw": {"some.dfr.cart": {"dist": "beta", "a": 5.0, "b": 5.0}},
    }
    found = found_in(raw, trials=400, engine="simulate")
    final = with_found(Design(**raw), found)
    error = ExactError(final, set(), (0.0, 1.0))
    for name, margin in (("strong", 0.2), ("efficacy", 0.0)):
        false = true = 0.0
        for one in weighed_by(final, "held"):
            nodes = nodes_of(final, one.scenario, one.draws) if one.draws else None
            for weight, truth in nodes or [(1.0, final.truths[one.scenario])]:
                rates = np.array([[float(strata[0]) for strata in truth.direct["dfr"]]])
                counted = {rule.name: np.array([rule.name == name]) for rule in error.success}
                won = weight * one.weight * float(error.of_rules(rates, counted)[0])
                if rates[0, 1] - rates[0, 0] > margin + 1e-9:
                    true += won
                else:
                    false += won
        for figures in (found.rules[name].averages, found.rules[name].fresh):
            told = figures["false_discovery"]
            assert abs(told.estimate - false / (false + true)) < 4.0 * told.mcse


def claiming() -> dict[str, Any]:
    """Success, and after it a further claim, each with a threshold of its own."""
    raw = two(None)
    strong = raw["rules"].pop(0)
    raw["rules"].append(strong | {"then": "claim", "requires": ["efficacy"]})
    raw["calibration"] |= {"confidence": "estimate", "averages": {
        "efficacy": {"false_discovery": 0.12}, "strong": {"false_discovery": 0.35}}}  # fmt: skip
    return raw


def test_a_further_claim_has_a_threshold_for_its_own_average() -> None:
    raw = claiming()
    raw["rules"] = [rule for rule in raw["rules"] if rule["name"] != "futility"]
    found = found_in(raw, trials=60)
    values = {name: found.of_rule(name) for name in found.rules}
    seed = fresh_seed(Design(**raw).simulation.seed, "calibration")

    def discovered(threshold: float, of: int) -> float:
        design = with_thresholds(raw, values | {"strong": threshold})
        run = ac.simulate(design, trials=of, seed=seed, jobs=1)
        rows = run.trials
        claimed = {s: rows.loc[rows["scenario"] == s, "claimed_strong"] > 0 for s in WEIGHTS}
        made = {s: w * float(claimed[s].mean()) for s, w in WEIGHTS.items()}
        return (made["null"] + made["some"]) / sum(made.values())

    said = described(Design(**raw))
    assert "of 'strong' P(claim false | claimed) wanted: at most 0.35" in said
    assert "of 'efficacy' P(claim false | success) wanted: at most 0.12" in said
    strong = found.rules["strong"]
    told = strong.averages["false_discovery"].estimate
    assert told == pytest.approx(discovered(strong.threshold, 600), abs=1e-12)
    assert told <= 0.35
    assert strong.must_not_count is not None
    assert discovered(strong.must_not_count - 1e-10, 600) > 0.35
    assert "P(claim false | claimed) at most 0.35 wanted" in strong.words()
    assert "P(claim false | success) at most 0.12 wanted" in found.rules["efficacy"].words()


def test_the_report_says_of_a_further_claim_that_it_is_made(tmp_path: Path) -> None:
    raw = claiming()
    found = found_in(raw, trials=20)
    run = ac.simulate(
        with_found(Design(**raw), found), trials=20, jobs=1, out=tmp_path / "run", calibration=found
    )
    blocks = thresholds(Evidence(run, Facts(), 0))
    said = [plain(block.line) for block in blocks if isinstance(block, Paragraph)]
    assert "that the claim is false, given success is at most 0.12" in said[0]
    assert "that the claim is false, given that it is made is at most 0.35" in said[1]
    tables = [block for block in blocks if isinstance(block, Table)]
    heads = [[plain(one.cells[0]) for one in table.rows] for table in tables]
    assert heads[0] == ["Claim false, given success", "Correct decision", "Success"]
    assert heads[1] == ["Claim false, given that it is made", "Correct decision", "Claim made"]


def test_a_rule_beside_others_with_numbers_is_held_to_its_own_claim() -> None:
    raw = two({"efficacy": {"false_discovery": 0.1}})
    raw["rules"][0]["at_least"] = 0.6
    design = Design(**raw)
    found = calibrate(design, jobs=1)
    assert isinstance(found, AveragedCalibration)
    assert found.answers(design)
    final = with_found(design, found)
    assert found.matches(final)
    told = by_rule(ac.simulate(final, engine="exact", jobs=1), "efficacy")
    assert found.averages["false_discovery"].estimate == pytest.approx(told["false_discovery"])


# ── what is written, told and refused ─────────────────────────────────────────────────────────
def test_the_log_is_kept_and_the_report_tells_every_rule(tmp_path: Path) -> None:
    raw = two()
    design, found = Design(**raw), found_in(raw)
    assert_read_back_or_nothing(found)
    assert found.answers(design)
    final = with_found(design, found)
    assert found.matches(final)
    text = found.words()
    assert "'strong': P(correct decision) at least 0.8 wanted, over the design prior held" in text
    assert "'efficacy': P(claim false | success) at most 0.1 wanted" in text
    assert "the other thresholds are in force, and none moves any more" in text
    assert found.short() == "; ".join(
        f"{name}: threshold {found.of_rule(name)!r}" for name in ("strong", "efficacy")
    )
    assert sum("P(claim false | success)" in line for line in found.lines()) == 2
    told = described(design)
    assert "of 'efficacy' P(claim false | success) wanted: at most 0.1" in told
    assert "of 'strong' P(correct decision) wanted: at least 0.8" in told
    run = ac.simulate(
        final, trials=20, jobs=1, engine="simulate", out=tmp_path / "run", calibration=found
    )
    blocks = thresholds(Evidence(run, Facts(), 0))
    tables = [block for block in blocks if isinstance(block, Table)]
    assert [plain(table.title) for table in tables] == [
        f"Averages over the design prior at the threshold of {name}"
        for name in ("strong", "efficacy")
    ]
    said = " ".join(plain(block.line) for block in blocks if isinstance(block, Paragraph))
    assert "What one of strong and efficacy declares decides what is asked of the others" in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"averages": {"efficacy": {"false_discovery": 0.1}}},
         r"calibration\.averages\.strong: missing; 'strong' asks for \"calibrate\""),
        ({"averages": ASKED | {"futility": {"false_discovery": 0.1}}},
         r"calibration\.averages\.futility: .*rules that declare success or claim"),
        ({"averages": ASKED | {"strong": {}}}, r"averages\.strong: asks for nothing; write false_"),
        ({"false_discovery": 0.1}, r"calibration\.false_discovery: is wanted of every rule"),
        ({"averages": {"strong": {"false_discovery": 1.0}, "efficacy": {"false_discovery": 0.1}}},
         r"calibration\.averages\.strong\.false_discovery"),
        ({"type_one_error": 0.05}, r"write shares = \{ strong = 0\.5, efficacy = 0\.5 \}"),
        ({"design_prior": "hold"}, r"did you mean 'held'"),
    ],
)  # fmt: skip
def test_what_is_said_of_no_rule_or_twice_is_refused(change: Any, words: str) -> None:
    raw = two()
    raw["calibration"] |= change
    with pytest.raises(DesignError, match=words):
        Design(**raw)


def test_a_rule_about_each_arm_is_refused_by_its_name() -> None:
    raw = two()
    raw["rules"][0]["posterior"]["arm"] = "each"
    with pytest.raises(DesignError, match=r"averages\.strong: is for one claim, and 'strong'"):
        Design(**raw)


def test_what_no_threshold_keeps_is_told_where_it_is_written() -> None:
    raw = two({"efficacy": {"false_discovery": 0.1}, "strong": {"correct_decision": 0.99}})
    with pytest.raises(DesignError) as told:
        found_in(raw)
    (problem,) = told.value.problems
    assert problem.path == "calibration.averages.strong.correct_decision"
    assert "found 0.99; the largest is about" in problem.message
    raw = two({"strong": {"false_discovery": 0.3}, "efficacy": {"false_discovery": 0.15}})
    with pytest.raises(
        DesignError, match=r"0\.15; the smallest.*\(with 'strong' at 0\.76.* force\)"
    ):
        found_in(raw)
    with pytest.raises(DesignError, match=r"false_discovery: of 'strong': found 0\.0001; the sm"):
        found_in(two(None, false_discovery=0.0001))


def test_thresholds_that_do_not_settle_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(averages_by_rule, "ROUNDS", 1)
    with pytest.raises(DesignError, match=r"calibration\.averages: the thresholds of strong"):
        found_in(two())
