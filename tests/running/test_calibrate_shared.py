"""Thresholds of claims that share the family-wise error: the smallest for each amount."""

from __future__ import annotations

import itertools
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import load_design
from adaptive_cart.errors import DesignError, EngineError
from adaptive_cart.participants.population import latents_for
from adaptive_cart.report.chapters.shared_thresholds import shared_thresholds, shared_words
from adaptive_cart.report.chapters.thresholds import thresholds
from adaptive_cart.report.document import Paragraph, Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.results.calibration_log import log_beside, read_log
from adaptive_cart.results.claims import Claims
from adaptive_cart.results.estimand import true_values
from adaptive_cart.results.figure import Figure
from adaptive_cart.results.shared_calibration import (
    ClaimThreshold,
    SharedCalibration,
    calibration_of,
)
from adaptive_cart.running.calibrate import calibrate, calibrated_text
from adaptive_cart.running.calibrating.claims import (
    asked_at_the_end,
    false_claims,
    for_success_alone,
    nearer_than_known,
)
from adaptive_cart.running.region import with_found
from adaptive_cart.telling.check import described
from checks import assert_read_back_or_nothing
from conduct.test_claims_that_share_alpha import sharing
from conduct.test_fast_equals_adaptive_twin import (
    SEED,
    asker,
    latents_of_trial,
    product_infusion,
)
from conduct.test_fast_equals_twin import raw_design
from twin import adaptive_trial

TRIALS = 600
CLAIMS = ("safe", "large", "any")


def asking() -> dict[str, Any]:
    """The success asks one question, so that its threshold can be searched too."""
    raw = sharing()
    raw["calibration"] = {"type_one_error": 0.04, "confidence": "estimate"}  # a tenth of the trials
    raw["scenarios"]["small"] = {"cart": {"remission": {"probability": 0.45}}}
    for place in (0, 3, 4):
        raw["rules"][place]["at_least"] = "calibrate"
    success = raw["rules"][1]
    del success["all"]
    success |= {"at_least": "calibrate"}
    success["posterior"] = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0}
    return raw


@cache
def calibrated() -> SharedCalibration:
    found = calibrate(Design(**asking()), trials=TRIALS, jobs=1)
    assert isinstance(found, SharedCalibration)
    return found


def alone(raw: dict[str, Any], success: float) -> dict[str, Any]:
    """By hand: no gates, nothing shared, thresholds that nothing reaches."""
    del raw["claims"]
    for rule in raw["rules"]:
        if rule["then"] == "claim":
            rule.pop("requires", None)
            rule.pop("followed_up", None)
            rule["at_least"] = 1.0
        elif rule["then"] == "declare_success":
            rule["at_least"] = success
    return raw


def success_threshold() -> float:
    assert calibrated().success is not None
    return calibrated().success.threshold


@pytest.mark.slow
def test_the_upper_bound_of_each_claim_is_what_it_holds_where_that_is_asked_for() -> None:
    raw = asking()
    estimates = calibrate(Design(**raw), trials=300, jobs=1)
    raw["calibration"]["confidence"] = "upper"
    found = calibrate(Design(**raw), trials=300, jobs=1)
    assert isinstance(found, SharedCalibration)
    assert isinstance(estimates, SharedCalibration)
    for one, other in zip(found.claims, estimates.claims, strict=True):
        assert (one.rule, one.alpha) == (other.rule, other.alpha)
        assert one.fresh.n == 3000
        assert one.fresh.upper <= one.alpha
        assert other.fresh.n == 300
    assert "do not show" not in found.words()
    del raw["calibration"]["confidence"]
    left_out = calibrate(Design(**raw), trials=300, jobs=1)
    assert isinstance(left_out, SharedCalibration)
    assert left_out.claims == found.claims
    assert found.success is not None
    assert found.success.fresh is not None
    assert found.success.fresh.upper <= found.success.target


# ── the search ────────────────────────────────────────────────────────────────────────────────
def test_what_is_asked_at_the_end_is_what_the_twin_sees() -> None:
    """Trial by trial: every claim in every trial, whatever held before."""
    raw = alone(asking(), success_threshold())
    design, trials = Design(**raw), 12
    seen = asked_at_the_end(design, design.truths["expected"], CLAIMS, trials, SEED)
    for trial in range(trials):
        slow = adaptive_trial.run(
            raw, "expected", latents_of_trial(design, trial),
            product_infusion=product_infusion(design, raw), ask=asker(raw, design),
        )  # fmt: skip
        for name in CLAIMS:
            (record,) = slow["end"]["claims"][name]
            assert abs(seen[name][trial] - record["probability"]) < 1e-9


def test_each_threshold_is_the_smallest_that_keeps_its_amount() -> None:
    """By trying: at it no truth has more than the amount, at any lower step one has."""
    found = calibrated()
    design = Design(**alone(asking(), success_threshold()))
    false = {"safe": ["toxic"], "large": ["null", "small"], "any": ["null"]}
    reached = {
        truth: asked_at_the_end(design, design.truths[truth], CLAIMS, TRIALS, found.seed)
        for truth in ("null", "small", "toxic")
    }
    assert {one.rule: list(one.errors) for one in found.claims} == false
    for one in found.claims:

        def worst(threshold: float, name: str = one.rule) -> int:
            return max(int((reached[t][name] >= threshold).sum()) for t in false[name])

        allowed = int(np.floor(one.alpha * TRIALS + 1e-9))
        steps = sorted({float(v) for t in false[one.rule] for v in reached[t][one.rule]})
        lowest = next(step for step in steps if worst(step) <= allowed)
        before = [step for step in steps if step < lowest - 1e-11]
        assert worst(one.threshold) <= allowed
        assert before[-1] < one.threshold < lowest
        assert worst(before[-1]) > allowed
        assert one.errors[one.worst] == worst(one.threshold) / TRIALS


def test_every_amount_that_can_be_held_has_one_and_more_alpha_a_lower_one() -> None:
    found = calibrated()
    amounts = {n: [o.alpha for o in found.claims if o.rule == n] for n in CLAIMS}
    assert amounts == {
        "safe": [0.005, 0.01, 0.02, 0.04],
        "large": [0.01, 0.02, 0.04],
        "any": [0.01, 0.015, 0.02, 0.03],
    }
    for name in CLAIMS:
        own = [one.threshold for one in found.claims if one.rule == name]
        assert own == sorted(own, reverse=True)
        assert own[0] > own[-1]
    design = with_found(Design(**asking()), found)  # and the design takes them
    assert found.matches(design)
    assert found.answers(Design(**asking()))
    assert not found.matches(Design(**asking()))


def test_success_is_held_at_its_own_share() -> None:
    found, design = calibrated(), Design(**asking())
    share = for_success_alone(design)
    assert share.calibration is not None
    assert share.calibration.type_one_error == 0.02
    direct = calibrate(share, trials=TRIALS, jobs=1)
    assert found.success == direct
    assert found.success is not None
    assert found.success.target == 0.02


@pytest.mark.slow
def test_any_false_claim_is_counted_as_a_run_counts_it(tmp_path: Path) -> None:
    """In each scenario, on the same seed, against the measures of a run; within the sum."""
    found = calibrated()
    design = with_found(Design(**asking()), found)
    seeds = calibrated().seed
    result = ac.simulate(design, trials=400, seed=seeds, jobs=1, out=tmp_path / "out")
    for name, truth in design.truths.items():
        any_false, by_rule = false_claims(design, truth, 400, seeds)
        assert any_false == result.figure(name, "any_false_claim")
        for rule in CLAIMS:
            wanted = result.figure(name, f"false_claim_{rule}").estimate
            assert by_rule[rule].estimate == wanted if wanted else rule not in by_rule
    assert {point.name for point in found.family} == set(design.truths)
    for point in found.family:
        assert point.any_false.estimate - 3 * point.any_false.mcse <= found.target == 0.04


def test_the_confirmation_is_on_other_trials() -> None:
    found = calibrated()
    design = Design(**alone(asking(), success_threshold()))
    one = found.claims[0]
    same = asked_at_the_end(design, design.truths[one.worst], (one.rule,), TRIALS, found.seed)
    assert (same[one.rule] >= one.threshold).mean() == one.errors[one.worst]
    assert one.fresh.n == TRIALS
    others = [o.fresh.estimate != o.errors[o.worst] for o in found.claims]
    assert any(others)
    for o in found.claims:
        assert abs(o.fresh.estimate - o.alpha) < 5 * np.sqrt(2 * o.alpha / TRIALS)


@pytest.mark.slow
def test_the_number_of_jobs_changes_nothing() -> None:
    small = [calibrate(Design(**asking()), trials=200, jobs=jobs) for jobs in (1, 2)]
    assert small[0] == small[1]


def test_direct_rates_are_held_over_every_control_rate() -> None:
    """A claim about rates is asked where it is just false, at control rates from 0 to 1."""
    raw = asking()
    del raw["truth"], raw["endpoints"]["crs3"]
    raw["scenarios"] = {"null": {"dfr": {"soc": 0.2, "cart": 0.2}},
                        "works": {"dfr": {"soc": 0.2, "cart": 0.6}}}  # fmt: skip
    raw["rules"] = [rule for rule in raw["rules"] if rule["name"] not in ("safe", "any")]
    raw["claims"] = {"alpha": {"safe_benefit": 0.03, "large": 0.01},
                     "passes_to": {"safe_benefit": {"large": 1.0}}}  # fmt: skip
    found = calibrate(Design(**raw), trials=400, jobs=1)
    (small, large) = found.claims
    rates = [name for name in small.errors if name.startswith("soc ")]
    assert "soc 0.5000, cart 0.7500" in rates
    assert len(rates) == 21
    assert "null" in small.errors
    assert small.threshold > large.threshold
    assert not any("nearest to its margin" in note for note in found.notes)
    assert found.success is not None
    assert found.success.method == "exact"


# ── told and kept ─────────────────────────────────────────────────────────────────────────────
def test_it_is_kept_as_it_is_and_told() -> None:
    found = calibrated()
    assert calibration_of(json.loads(json.dumps(found.plain()))) == found
    assert calibration_of(found.plain() | {"claims": [{}]}) is None
    words = found.words()
    assert words.count("' for alpha ") == len(found.claims)
    assert f"{found.worst.any_false.estimate:.4f} at {found.worst.name}, the largest of 4" in words
    assert "'large' claims cart − soc > 0.25; nearest to its margin is small" in words


def test_the_file_is_calibrated_run_and_reported(tmp_path: Path) -> None:
    raw = asking()
    raw["simulation"] = {"trials": 60, "seed": 4}
    file = tmp_path / "shared.toml"
    comment = "# why these claims\n"
    file.write_text(comment + Design(**raw).as_toml(), encoding="utf-8")
    told = CliRunner().invoke(main, ["calibrate", str(file), "--trials", "200", "--jobs", "1"])
    assert told.exit_code == 0, told.output
    assert "any false claim" in told.output
    kept = read_log(log_beside(file))
    assert isinstance(kept, SharedCalibration)
    assert_read_back_or_nothing(kept)
    text = file.read_text(encoding="utf-8")
    assert text.startswith(comment)
    design = load_design(file)
    assert kept.matches(design)
    assert text == calibrated_text(comment + Design(**raw).as_toml(), kept)
    told = CliRunner().invoke(
        main, ["simulate", str(file), "--jobs", "1", "--out", str(tmp_path / "out")]
    )
    assert told.exit_code == 0, told.output
    result = ac.open_result(tmp_path / "out")
    assert result.calibration == kept
    evidence = Evidence(result, Facts(), 0)
    (table,) = [one for one in shared_thresholds(evidence) if isinstance(one, Table)]
    shown = [[plain(cell) for cell in row.cells] for row in table.rows]
    assert [row[:2] for row in shown] == [[o.rule, f"{o.alpha:g}"] for o in kept.claims]
    assert [row[3] for row in shown] == [o.worst for o in kept.claims]
    said = " ".join(plain(one.line) for one in thresholds(evidence) if isinstance(one, Paragraph))
    assert "to which the shares sum" in said
    assert "set by hand" not in said
    assert "share a family-wise error of 0.04 with success" in plain(shared_words(evidence))


def test_a_run_that_is_asked_to_calibrate_does(tmp_path: Path) -> None:
    told: list[str] = []
    raw = asking() | {"simulation": {"trials": 40, "seed": 4}}
    small = Design(**raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adaptive_cart.running.calibrate.TRIALS", 200)
        for _ in range(2):
            result = ac.simulate(small, jobs=1, out=tmp_path / "out", tell=told.append)
    assert isinstance(result.calibration, SharedCalibration)
    assert any("calibrated before" in words for words in told), "the second time"


def test_a_success_above_its_share_is_told() -> None:
    raw = asking()
    raw["rules"][1]["at_least"] = 0.5
    found = calibrate(Design(**raw), trials=200, jobs=1)
    assert found.success is None
    assert any("more than its share of 0.02" in note for note in found.notes)
    assert "above 0.04, the sum of the shares" in found.words()


def test_a_threshold_that_hangs_on_the_error_of_its_probabilities_is_told() -> None:
    """The cure model is known to within 0.002: 0.9987 leaves less than that up to 1."""
    raw = raw_design("lupus_gated_claims")
    raw["rules"][-2]["at_least"] = {"alpha": [0.01, 0.025], "threshold": [0.9987, 0.90]}
    raw["rules"][-2].pop("requires")
    raw["rules"].pop()
    raw["claims"] = {"alpha": {"benefit_without_harm": 0.015, "lasting": 0.01},
                     "passes_to": {"benefit_without_harm": {"lasting": 1.0}}}  # fmt: skip
    fresh = Figure(0.01, 0.001, 0.008, 0.012, 100)
    both = [ClaimThreshold("lasting", a, t, None, None, {}, "", fresh)
            for a, t in ((0.01, 0.9987), (0.025, 0.90))]  # fmt: skip
    (note,) = nearer_than_known(Design(**raw), both)
    assert "known to within 0.002, and its threshold for 0.01 leaves 0.0013 up to 1" in note
    assert nearer_than_known(Design(**raw), both[1:]) == []


def test_check_says_what_is_wanted() -> None:
    told = described(Design(**asking()))
    assert "family-wise error wanted: at most 0.04; each claim at most what it holds" in told


# ── refused ───────────────────────────────────────────────────────────────────────────────────
def test_a_claim_without_a_share_cannot_be_calibrated() -> None:
    raw = asking()
    del raw["claims"]
    with pytest.raises(DesignError) as error:
        Design(**raw)
    told = {problem.path: problem.message for problem in error.value.problems}
    assert "to which [claims] gives a share" in told["rules[3].at_least"]


def test_one_success_rule_is_searched() -> None:
    raw = asking()
    raw["rules"].append(raw["rules"][1] | {"name": "again"})
    raw["claims"]["alpha"] |= {"safe_benefit": 0.01, "again": 0.01}
    with pytest.raises(DesignError, match="one threshold for success is searched"):
        Design(**raw)


def test_a_claim_that_is_true_everywhere_is_told() -> None:
    raw = asking()
    del raw["scenarios"]["toxic"]
    with pytest.raises(DesignError, match="'safe' is true in all of them"):
        calibrate(Design(**raw), trials=200, jobs=1)


def test_claims_are_not_enumerated() -> None:
    raw = asking()
    raw["rules"][1]["at_least"] = 0.98
    with pytest.raises(EngineError, match="simulated, and not enumerated"):
        calibrate(Design(**raw), trials=50, jobs=1, engine="exact")


def test_false_claims_agree_with_the_standing() -> None:
    """By hand from one block: who claims what is not so in the truth."""
    design = with_found(Design(**asking()), calibrated())
    truth = design.truths["small"]
    plan = Plan.of(design)
    block = run_block(plan, truth, (0.0,), latents_for(design, 5, 0, 300))
    claims = Claims(plan.rules, true_values(design, truth))
    known = {rule.name: claims.false(k) for k, rule in enumerate(plan.rules)}
    assert known == {"safe": False, "safe_benefit": False, "futility": known["futility"],
                     "large": True, "any": False}  # fmt: skip
    wrong = (block.standing.noted[3] > 0).any(axis=1)
    any_false, by_rule = false_claims(design, truth, 300, 5)
    assert any_false.estimate == by_rule["large"].estimate == wrong.mean()
    assert list(itertools.chain(by_rule)) == ["large"]
