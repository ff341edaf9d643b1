"""Calibrated thresholds keep the type I error wherever the claim is false, against the twin."""

from __future__ import annotations

import copy
import math
import os
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, EngineError
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.streams import Latents, fresh_seed
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.calibration import Calibrated, apart, four_decimals
from adaptive_cart.results.calibration_log import log_beside, read_log
from adaptive_cart.results.figure import proportion
from adaptive_cart.running.calibrate import calibrate, calibrated_text
from adaptive_cart.running.calibrating.search import Effort
from adaptive_cart.running.calibrating.type_one_error import _least_that_keeps
from adaptive_cart.running.exact_error import ExactError, Worst
from adaptive_cart.running.null_points import null_points
from adaptive_cart.running.region import with_threshold
from adaptive_cart.running.simulated_error import false_successes, midway
from adaptive_cart.telling.check import described
from checks import assert_read_back_or_nothing, raw_design, tiny_design
from twin import enumeration, posterior

UNIFORM = ((1.0, 1.0, 1.0),)
MARGIN = """\
name = "A margin"
[arms.usual]
control = true
[arms.cells]
[endpoints.free]
type = "landmark"
month = 6
[enrolment]
max_n = 120
per_month = 4
[looks]
observed = [120]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "free", arm = "cells", minus = "usual", above = 0.10 }
at_least = "calibrate"          # to be found
[calibration]
type_one_error = 0.025
null_region = { usual = [0.10, 0.40] }
[scenarios.at_the_margin]
role = "null"
free = { usual = 0.30, cells = 0.40 }
"""


def hello(**changes: Any) -> dict[str, Any]:
    raw: dict[str, Any] = copy.deepcopy(raw_design("hello"))
    raw["rules"][0]["at_least"] = "calibrate"
    raw["calibration"] = {"type_one_error": 0.025, "null_region": {"soc": [0.02, 0.30]}}
    return raw | changes


def small(margin: float = 0.0, **changes: Any) -> dict[str, Any]:
    """Two looks of 12 and 24 participants, one in three in the control."""
    raw = hello(calibration={"type_one_error": 0.05})
    raw["enrolment"]["max_n"] = 24
    raw["looks"]["observed"] = [12, 24]
    raw["rules"][0]["posterior"]["above"] = margin
    raw["rules"][1]["looks"] = [1]
    return raw | changes


Pairs = Iterable[tuple[float, float]]


def slow_errors(raw: dict[str, Any], threshold: float, pairs: Pairs) -> list[float]:
    """Probability of success at pairs of rates, by the twin, at a threshold."""
    tables = copy.deepcopy(raw)
    for rule in tables["rules"]:
        for key in ("at_least", "below"):
            if rule.get(key) == "calibrate":
                rule[key] = threshold
    tables["scenarios"] = {
        f"point{place}": {"dfr": {"soc": float(control), "cart": float(other)}}
        for place, (control, other) in enumerate(pairs)
    }
    found = enumeration.enumerate_design(tables)
    return [found[name, "success", None, None] for name in tables["scenarios"]]


def slow_error(raw: dict[str, Any], threshold: float, control: float, other: float) -> float:
    return slow_errors(raw, threshold, [(control, other)])[0]


# ── the null region is the complement of the claim ────────────────────────────────────────────
def test_the_error_is_held_at_the_margin_of_the_claim() -> None:
    """All 61 x 61 tables of the one look, from the words: P(cells - usual > 0.10) >= threshold."""
    design = Design(**tomllib.loads(MARGIN))
    found = calibrate(design)
    table = posterior.difference_above_table(UNIFORM, 60, UNIFORM, 60, 0.10).T  # (usual, cells)
    patients = np.arange(61)

    def worst(threshold: float, difference: float) -> float:
        errors = []
        for usual in np.linspace(0.10, 0.40, 61):
            masses = [stats.binom.pmf(patients, 60, rate) for rate in (usual, usual + difference)]
            errors.append(float((np.outer(*masses) * (table >= threshold)).sum()))
        return max(errors)

    assert found.threshold == pytest.approx(0.9766, abs=1e-4)
    assert worst(found.threshold, 0.10) <= 0.025
    assert worst(found.threshold, 0.0) < 0.002
    # the next smaller probability must not count, and midway is neither
    assert found.must_not_count is not None
    assert found.may_count is not None
    assert found.threshold == pytest.approx((found.must_not_count + found.may_count) / 2, abs=1e-4)
    assert found.must_not_count < found.threshold < found.may_count
    assert worst(found.must_not_count - 1e-9, 0.10) > 0.025
    inside = table[(table > found.must_not_count + 1e-9) & (table < found.may_count - 1e-9)]
    assert inside.size == 0
    assert found.worst_point.error == pytest.approx(worst(found.threshold, 0.10), abs=2e-5)
    assert found.worst_point.error >= worst(found.threshold, 0.10) - 1e-12
    assert "0.10" in found.claims["efficacy"]
    assert found.margins == {"efficacy": 0.10}


@pytest.mark.parametrize("margin", [-0.15, 0.0, 0.2])
def test_every_control_rate_counts_unless_the_region_is_narrower(margin: float) -> None:
    raw = small(margin)
    found = calibrate(Design(**raw))
    rates = [rate for rate in np.linspace(0.0, 1.0, 41) if rate + margin >= 0.0]
    pairs = [(rate, min(rate + margin, 1.0)) for rate in rates]
    errors = slow_errors(raw, found.threshold, pairs)
    assert max(errors) <= 0.05
    assert max(errors) > 0.6 * found.worst_point.error
    control, other = (float(word.split()[1]) for word in found.worst.split(", "))
    assert other == pytest.approx(min(control + margin, 1.0), abs=1e-4)
    assert slow_error(raw, found.threshold, control, other) == pytest.approx(
        found.worst_point.error, abs=1e-5
    )
    assert found.must_not_count is not None
    lower = found.must_not_count - 1e-9
    assert slow_error(raw, lower, control, other) >= found.worst_point.error
    assert max(slow_errors(raw, lower, pairs)) > 0.05 - 2e-3, "a smaller threshold does not hold"


def test_a_claim_of_less_is_false_at_and_above_its_margin() -> None:
    raw = small()
    raw["rules"][0]["posterior"] = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "below": 0.1}
    del raw["rules"][1]
    found = calibrate(Design(**raw))
    errors = slow_errors(raw, found.threshold, [(c, c + 0.1) for c in np.linspace(0.0, 0.9, 31)])
    assert 0.02 < max(errors) <= 0.05
    assert slow_error(raw, found.threshold, 0.4, 0.4) > 0.05, "there the claim is true"


def test_several_claims_are_each_held_at_their_own_margin() -> None:
    raw = small(0.2)
    first = raw["rules"][0]
    more = copy.deepcopy(first) | {"name": "any_effect"}
    more["posterior"]["above"] = 0.0
    raw["rules"] = [first, more]
    found = calibrate(Design(**raw))
    assert found.margins == {"efficacy": 0.2, "any_effect": 0.0}
    rates = np.linspace(0.0, 1.0, 21)
    at_zero = slow_errors(raw, found.threshold, zip(rates, rates, strict=True))
    alone = raw | {"rules": [first]}
    at_margin = slow_errors(alone, found.threshold, [(r, min(r + 0.2, 1.0)) for r in rates])
    assert max(at_zero) <= 0.05  # either success is false there
    assert max(at_margin) <= 0.05


# ── enumerated and simulated agree ────────────────────────────────────────────────────────────
@pytest.mark.parametrize("futility", [True, False])
def test_the_simulated_search_keeps_the_error_too(futility: bool) -> None:
    raw = hello()
    if not futility:
        raw["rules"] = raw["rules"][:1]
    trials = 1_000
    found = calibrate(Design(**raw), trials=trials, seed=5, jobs=1, engine="simulate")
    exact = calibrate(Design(**raw))
    rates = np.linspace(0.02, 0.30, 8)
    errors = slow_errors(raw, found.threshold, zip(rates, rates, strict=True))
    mcse = math.sqrt(0.025 * 0.975 / trials)
    # the worst of eight noisy points is chosen, so that the search errs on the safe side
    assert 0.025 - 5 * mcse < max(errors) < 0.025 + 3 * mcse
    assert all(error <= 0.025 for error in found.errors.values())
    assert abs(found.threshold - exact.threshold) < 0.006
    assert found.fresh is not None
    assert abs(found.fresh.estimate - max(errors)) < 5 * mcse
    assert exact.fresh is None
    assert exact.worst_point.error <= 0.025
    pairs = [(rate, rate) for rate in (0.2, 0.3)]
    assert exact.worst_point.error >= max(slow_errors(raw, exact.threshold, pairs)) - 1e-12


def test_the_simulated_search_honours_a_margin_and_finds_the_hard_rates() -> None:
    raw = small(0.2)
    found = calibrate(Design(**raw), trials=2_000, seed=3, jobs=1, engine="simulate")
    assert len(found.points) == 8, "of all control rates the hardest are simulated in full"
    for point in found.points:
        control, other = (float(word.split()[1]) for word in point.name.split(", "))
        assert other == pytest.approx(min(control + 0.2, 1.0))
        true = slow_error(raw, found.threshold, control, other)
        assert abs(point.error - true) < 5 * math.sqrt(true * (1 - true) / 2_000) + 1e-9
    exact = calibrate(Design(**raw))
    assert slow_error(raw, found.threshold, *_rates(exact.worst)) < 0.05 + 4 * math.sqrt(
        0.05 * 0.95 / 2_000
    )


def _rates(name: str) -> tuple[float, float]:
    control, other = (float(word.split()[1]) for word in name.split(", "))
    return control, other


def test_an_arm_without_effect_counts_where_another_works() -> None:
    raw = small()
    raw["arms"]["other"] = {}
    raw["looks"]["observed"] = [12, 24]
    raw["rules"] = [raw["rules"][0]]
    raw["rules"][0]["posterior"]["arm"] = "each"
    raw["scenarios"] = {"one_works": {"dfr": {"soc": 0.1, "cart": 0.8, "other": 0.1}}}
    design = Design(**raw)
    points = {point.name: point for point in null_points(with_threshold(design, 0.9), design)[0]}
    assert points["one_works"].false == {"efficacy": (1,)}
    assert points["soc 0.5000, cart 0.5000, other 0.5000"].false == {"efficacy": (0, 1)}
    assert "'one_works'" in described(design)
    found = calibrate(design, trials=200, jobs=1)
    result = ac.simulate(with_threshold(design, found.threshold), trials=1_000, seed=9, jobs=1)
    wrong = result.figure("one_works", "arm_success", arm="other")
    assert wrong.estimate <= 0.05 + 4 * wrong.mcse


def test_hazard_ratios_are_put_at_their_limit() -> None:
    raw = raw_design("durability_event_driven")
    rule = next(r for r in raw["rules"] if r["then"] == "declare_success")
    rule["at_least"] = "calibrate"
    limit = rule["posterior"]["below"] = 0.8
    raw["calibration"] = {"type_one_error": 0.05}
    raw["scenarios"] = {
        name: {**table, "role": "null"} if name == "null" else table
        for name, table in raw["scenarios"].items()
    }
    points, _ = null_points(with_threshold(Design(**raw), 0.9), Design(**raw))
    assert any(str(limit) in point.name for point in points), [p.name for p in points]


def test_a_null_scenario_whose_claim_is_true_is_told_and_does_not_count() -> None:
    raw = small(-0.15)
    raw["endpoints"]["dfr"] = {"type": "landmark", "month": 12}
    raw["truth"] = {
        "soc": {
            "remission": {"probability": 0.3, "onset": {"dist": "fixed", "value": 3.0}},
            "durability": {"cured": 1.0},
            "rescue": {"per_year": 0.0},
        },
    }
    raw["scenarios"] = {
        "same": {"role": "null", "cart": {"same_as": "soc"}},
        "worse": {"role": "null", "cart": {"remission": {"probability": 0.1}}},
    }
    raw["truth"]["cart"] = copy.deepcopy(raw["truth"]["soc"])
    found = calibrate(Design(**raw), trials=200, jobs=1)
    assert list(found.errors) == ["worse"]
    assert any("'same'" in note and "does not count" in note for note in found.notes)
    assert any("'worse'" in note and "is not held" in note for note in found.notes)
    only = Design(**(raw | {"scenarios": {"same": raw["scenarios"]["same"]}}))
    with pytest.raises(DesignError, match="nothing to hold the error at"):
        calibrate(only, trials=200, jobs=1)


@pytest.mark.slow
def test_it_is_the_same_for_the_same_seed_and_any_number_of_jobs() -> None:
    design = Design(**hello())
    first, second = (
        calibrate(design, trials=100, seed=5, jobs=jobs, engine="simulate") for jobs in (1, 2)
    )
    assert first == second
    other = calibrate(design, trials=100, seed=6, jobs=1, engine="simulate")
    assert other.threshold != first.threshold


def test_a_calibration_is_confirmed_on_trials_that_did_not_choose_its_threshold() -> None:
    """On its own trials the error never exceeds the target; on fresh ones it is on both sides."""
    raw = small(calibration={"type_one_error": 0.05, "null_region": {"soc": [0.3, 0.3]}})
    raw["calibration"]["confidence"] = "estimate"
    raw["rules"] = raw["rules"][:1]
    design = Design(**raw)
    above = 0
    for seed in range(8):
        found = calibrate(design, trials=200, seed=seed, jobs=1, engine="simulate")
        assert found.fresh is not None
        assert found.worst_point.error <= 0.05
        assert found.seed != seed  # nor are they the trials of a run of the design
        above += found.fresh.estimate > 0.05
        # the trials of the search, counted by the design as it acts, give the searched error
        final = with_threshold(design, found.threshold)
        (point,) = (p for p in null_points(final, design)[0] if p.name == found.worst)
        assert false_successes(final, point, 200, found.seed) / 200 == found.worst_point.error
    assert 1 <= above <= 7


@pytest.mark.parametrize("seed", [0, 1, 20261130])
def test_what_searches_what_confirms_and_what_is_run_are_different_trials(seed: int) -> None:
    effort = Effort(1_000, seed, 1, lambda *_: None, "simulate")
    drawn = {own: Latents(own, 0, 50, 8).of("arrival").tobytes() for own in (seed, *effort.seeds)}
    assert len(set(drawn.values())) == len(drawn) == 3


def test_the_upper_bound_of_a_simulated_error_is_what_is_wanted() -> None:
    """Over eight seeds the true error, by the twin, is below the target, and near it."""
    raw = small(calibration={"type_one_error": 0.05, "null_region": {"soc": [0.3, 0.3]}})
    raw["rules"] = raw["rules"][:1]
    design = Design(**raw)
    for seed in range(8):
        found = calibrate(design, trials=200, seed=seed, jobs=1, engine="simulate")
        assert found.confidence == "upper"
        assert found.fresh is not None
        assert found.fresh.n == 2_000
        assert found.fresh.upper <= 0.05
        # one false success more would be too many
        more = proportion(round(found.fresh.estimate * 2_000) + 1, 2_000)
        assert more.upper > 0.05 or found.may_count != found.threshold
        final = with_threshold(design, found.threshold)
        (point,) = (p for p in null_points(final, design)[0] if p.name == found.worst)
        wrong = false_successes(final, point, 2_000, fresh_seed(found.seed, "calibration"))
        assert wrong / 2_000 == found.fresh.estimate, "as the design acts"
        true = slow_error(raw, found.threshold, 0.3, 0.3)
        mcse = math.sqrt(true * (1 - true) / 2_000)
        assert 0.05 - 6 * mcse - 0.012 < true < 0.05 + 1.5 * mcse
        assert "upper bound is at most 0.05" in found.words()
    estimate = raw | {"calibration": raw["calibration"] | {"confidence": "estimate"}}
    other = calibrate(Design(**estimate), trials=200, seed=1, jobs=1, engine="simulate")
    assert other.confidence == "estimate"
    assert other.errors["soc 0.3000, cart 0.3000"] > 0.04


@pytest.mark.parametrize(
    ("confidence", "shown", "needed"),
    [("upper", "2,000", "38,414,585"), ("estimate", "200", "10,000,000")],
)
def test_an_error_that_so_few_trials_cannot_show_is_refused(
    confidence: str, shown: str, needed: str
) -> None:
    """At once, before any trial is simulated."""
    raw = small(calibration={"type_one_error": 1e-7, "confidence": confidence})
    simulated: list[str] = []

    def progress(what: str, done: int, total: int) -> None:
        simulated.append(what)

    with pytest.raises(DesignError, match=f"which {shown} trials cannot show") as caught:
        calibrate(Design(**raw), trials=200, seed=1, jobs=1, engine="simulate", progress=progress)
    assert f"at least {needed} are needed" in str(caught.value)
    assert simulated == []


def test_hello_is_solved_exactly_and_no_smaller_threshold_would_do() -> None:
    """By brute force: every probability that the rule can come to, at a hundred control rates."""
    raw = hello(calibration={"type_one_error": 0.025})
    began = time.perf_counter()
    found = calibrate(Design(**raw))
    assert time.perf_counter() - began < 5.0
    assert found.threshold == pytest.approx(0.9889021539594712, abs=6e-11)
    assert found.must_not_count is not None
    assert found.may_count is not None
    error = ExactError(with_threshold(Design(**raw), 0.5), {"efficacy"}, (0.0, 1.0))
    reached = error.probabilities
    between = (reached > found.must_not_count + 1e-9) & (reached < found.may_count - 1e-9)
    assert not between.any()
    rates = np.linspace(0.01, 0.99, 99)
    pairs = np.stack([rates, rates], axis=1)
    smaller = reached[(reached <= found.must_not_count) & (reached > 0.97)]
    assert all(error.at(pairs, float(value)).max() > 0.025 for value in smaller[::25])
    assert error.at(pairs, found.must_not_count).max() > 0.025, "the next smaller one"
    proven = ac.worst_case(with_threshold(Design(**raw), found.threshold)).certificate
    assert proven is not None
    assert proven.bound <= 0.025


@pytest.mark.parametrize(
    ("low", "high", "written"),
    [
        (0.98, 0.99, 0.985),
        (0.9888689, 0.9889354, 0.98890215),
        (0.9, 1.0, 0.95),
        (0.1234567890123, 0.1234567890323, 0.1234567890223),
        (0.5, 0.5 + 4e-14, 0.5 + 2e-14),
    ],
)
def test_a_threshold_lies_midway_to_ten_decimals_and_never_on_either_side(
    low: float, high: float, written: float
) -> None:
    found = midway(low, high)
    assert low < found < high
    assert found == pytest.approx(written, abs=min(6e-11, (high - low) / 4.0))


def test_the_last_bits_of_a_probability_move_no_threshold() -> None:
    low, high = 0.9888689, 0.9889354
    moved = {midway(low + a, high + b) for a in (-1e-13, 1e-13) for b in (-1e-13, 1e-13)}
    assert moved == {0.98890215}


def test_another_rule_for_success_counts_as_well() -> None:
    raw = small()
    easy = copy.deepcopy(raw["rules"][0]) | {"name": "easy", "at_least": 0.6}
    raw["rules"] = [raw["rules"][0], easy]
    with pytest.raises(DesignError, match="no threshold keeps"):
        calibrate(Design(**raw))
    with pytest.raises(DesignError, match="no threshold keeps"):
        calibrate(Design(**raw), trials=200, jobs=1, engine="simulate")


# ── what cannot be done is said ───────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"calibration": None}, "calibration"),
        ({"calibration": {"type_one_error": 0.1, "null_region": {"cart": [0.1, 0.2]}}}, "cart"),
        ({"calibration": {"type_one_error": 0.1, "null_region": {"soc": [0.2, 0.1]}}}, "soc"),
        ({"calibration": {"type_one_error": 0.1, "null_region": {}}}, "calibration.null_region"),
    ],
)
def test_a_region_that_is_none_is_refused_by_check(change: dict[str, Any], path: str) -> None:
    tables = {key: value for key, value in (hello() | change).items() if value is not None}
    with pytest.raises(DesignError) as caught:
        Design(**tables)
    assert path in str(caught.value)


def test_a_region_of_rates_needs_a_rate_that_is_given() -> None:
    raw = hello()
    course = {
        "remission": {"probability": 0.3, "onset": {"dist": "fixed", "value": 3.0}},
        "durability": {"cured": 1.0},
    }
    raw |= {"truth": {"soc": course, "cart": course}, "scenarios": {"expected": {}}}
    with pytest.raises(DesignError) as caught:
        Design(**raw)
    assert [problem.path for problem in caught.value.problems] == ["calibration.null_region"]
    assert "same_as" in str(caught.value)
    del raw["calibration"]["null_region"]
    with pytest.raises(DesignError, match="no null scenario") as caught:
        Design(**raw)
    assert [problem.path for problem in caught.value.problems] == ["scenarios"]
    events = raw_design("durability_event_driven")
    control = next(name for name, arm in events["arms"].items() if arm.get("control"))
    events["calibration"] = {"type_one_error": 0.05, "null_region": {control: [0.1, 0.2]}}
    with pytest.raises(DesignError, match="has none; leave it out"):
        Design(**events)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"then": "declare_futility"}, "rules[0].at_least"),
        ({"every": 5}, "rules[0].every"),
        ({"posterior": None, "predictive": {"rule": "other"}}, "rules[0].at_least"),
    ],
)
def test_thresholds_that_no_type_one_error_decides(change: dict[str, Any], place: str) -> None:
    raw = hello()
    other = copy.deepcopy(raw["rules"][0]) | {"name": "other", "at_least": 0.9}
    raw["rules"] = [{k: v for k, v in (raw["rules"][0] | change).items() if v}, other]
    with pytest.raises(DesignError) as caught:
        Design(**raw)
    assert place in [problem.path for problem in caught.value.problems]


def test_a_design_without_a_threshold_to_find_is_refused() -> None:
    with pytest.raises(DesignError, match="nothing is to be found"):
        calibrate(Design(**raw_design("hello")), trials=100, jobs=1)


def test_exact_says_what_stands_in_the_way() -> None:
    raw = raw_design("enrichment_biomarker")
    with pytest.raises(EngineError, match="strata"):
        calibrate(Design(**raw), engine="exact")


# ── futility that is not binding ──────────────────────────────────────────────────────────────
@pytest.mark.parametrize("engine", ["exact", "simulate"])
def test_futility_that_is_not_binding_is_left_out_of_the_search(engine: Any) -> None:
    """As if there were no such rule, which asks for more than where it ends trials."""
    raw, alone = small(), small()
    alone["rules"] = [rule for rule in alone["rules"] if rule["then"] != "declare_futility"]
    assert len(alone["rules"]) < len(raw["rules"])
    binding = calibrate(Design(**raw), trials=300, jobs=1, engine=engine)
    without = calibrate(Design(**alone), trials=300, jobs=1, engine=engine)
    raw["calibration"]["futility"] = "not_binding"
    design = Design(**raw)
    found = calibrate(design, trials=300, jobs=1, engine=engine)
    assert found.threshold == without.threshold >= binding.threshold
    assert found.errors == without.errors
    assert any("'futility' left out of the search" in note for note in found.notes)
    assert found.answers(design)
    assert found.matches(with_threshold(design, found.threshold))
    assert not found.matches(with_threshold(Design(**small()), found.threshold))
    assert "with futility left out (futility is not binding)" in described(design)
    if engine == "exact":
        pairs = [(rate, rate) for rate in np.linspace(0.05, 0.95, 19)]
        assert max(slow_errors(alone, found.threshold, pairs)) <= 0.05 + 1e-12


def test_futility_that_is_not_there_is_not_left_out() -> None:
    raw = small()
    raw["rules"] = raw["rules"][:1]
    raw["calibration"]["futility"] = "not_binding"
    with pytest.raises(DesignError, match="no rule declares futility"):
        Design(**raw)


@pytest.mark.parametrize("engine", ["exact", "simulate"])
def test_other_rules_that_are_not_binding_are_left_out_of_the_search(engine: Any) -> None:
    raw, alone = small(), small()
    harm = {"name": "harm", "then": "stop_for_safety", "at_least": 0.7,
            "posterior": {"endpoint": "dfr", "arm": "cart", "below": 0.3}}  # fmt: skip
    raw["rules"] = [harm, *raw["rules"]]
    raw["calibration"] |= {"not_binding": ["harm"], "futility": "not_binding"}
    alone["rules"] = [rule for rule in alone["rules"] if rule["then"] == "declare_success"]
    design = Design(**raw)
    found = calibrate(design, trials=300, jobs=1, engine=engine)
    without = calibrate(Design(**alone), trials=300, jobs=1, engine=engine)
    raw["calibration"].pop("not_binding")
    binding = calibrate(Design(**raw), trials=300, jobs=1, engine=engine)
    assert isinstance(found, Calibrated)
    assert isinstance(without, Calibrated)
    assert isinstance(binding, Calibrated)
    assert found.threshold == without.threshold >= binding.threshold
    assert found.errors == without.errors
    assert engine == "simulate" or found.errors != binding.errors
    assert "harm and futility are not binding: 'harm', 'futility' left out" in found.notes[0]
    assert "with harm, futility left out (harm and futility are not binding)" in described(design)
    if engine == "exact":
        worst = ac.worst_case(with_threshold(design, found.threshold))
        assert worst.worst.figure.estimate == pytest.approx(found.worst_point.error, abs=1e-9)
        assert "harm and futility are not binding" in worst.notes[0]


@pytest.mark.parametrize(
    "closing", ["drop_arm", pytest.param("close_stratum", marks=pytest.mark.slow)]
)
def test_an_arm_or_stratum_that_stays_though_it_should_go_is_counted(closing: str) -> None:
    raw = copy.deepcopy(raw_design("enrichment_biomarker"))
    raw["enrolment"]["max_n"], raw["looks"]["observed"] = 40, [20, 40]
    raw["rules"] = [rule for rule in raw["rules"] if rule["name"] != "harm"]
    if closing == "drop_arm":
        raw.pop("strata")
        raw["analysis"].pop("dfr")
        raw["scenarios"] = {"null": raw["scenarios"]["null"], "all": raw["scenarios"]["all"]}
        for rule in raw["rules"]:
            rule["posterior"].pop("stratum")
        raw["rules"][0]["then"] = "drop_arm"
    raw["rules"][0]["below"] = 0.6
    alone = copy.deepcopy(raw)
    alone["rules"] = raw["rules"][1:]
    raw["calibration"]["not_binding"] = ["enrich"]
    found = calibrate(Design(**raw), trials=100, jobs=1)
    without = calibrate(Design(**alone), trials=100, jobs=1)
    assert isinstance(found, Calibrated)
    assert isinstance(without, Calibrated)
    assert (found.threshold, found.errors) == (without.threshold, without.errors)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ([], "names no rule; leave it out, or name one of futility"),
        (["futilty"], "did you mean 'futility'|the rules that stop something are futility"),
        (["efficacy"], "the rules that stop something are futility"),
    ],
)
def test_what_cannot_be_overruled_is_refused(named: list[str], words: str) -> None:
    raw = small()
    raw["calibration"]["not_binding"] = named
    with pytest.raises(DesignError, match=words):
        Design(**raw)
    raw["rules"] = [rule for rule in raw["rules"] if rule["name"] == "efficacy"]
    with pytest.raises(DesignError, match="no rule stops a trial, an arm or a stratum; leave it"):
        Design(**raw)


# ── what is kept ──────────────────────────────────────────────────────────────────────────────
def written(folder: Path, text: str = MARGIN) -> Path:
    file = folder / "margin.toml"
    file.write_bytes(text.encode())
    return file


def run(*words: object) -> Any:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_line_of_the_file_changes_and_nothing_else(tmp_path: Path, end: str) -> None:
    file = written(tmp_path, MARGIN.replace("\n", end))
    file.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(file.name)
    told = run("calibrate", link)
    assert told.exit_code == 0, told.output
    found = read_log(log_beside(link))
    assert found is not None
    after = file.read_bytes().decode()
    assert after == MARGIN.replace("\n", end).replace('"calibrate"', repr(found.threshold))
    assert file.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"margin.toml", "link.toml", "margin.calibration.json"}


def test_a_protected_file_that_may_be_written_stays_protected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administrator may write it; the protection is the owner's to lift."""
    file = written(tmp_path)
    file.chmod(0o444)
    monkeypatch.setattr(os, "access", lambda path, mode: True)  # whoever runs this test
    told = run("calibrate", file)
    assert told.exit_code == 0, told.output
    assert file.read_text() != MARGIN
    assert file.stat().st_mode & 0o777 == 0o444


def test_what_is_protected_or_not_ours_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    told = run("calibrate", file)
    assert told.exit_code == 2
    assert "write-protected" in told.output
    assert file.read_text() == MARGIN
    monkeypatch.undo()
    notes = tmp_path / "margin.calibration.json"
    notes.write_text("my notes")
    told = run("calibrate", file)
    assert told.exit_code == 2
    assert notes.read_text() == "my notes"
    assert file.read_text() == MARGIN


def test_a_calibration_that_somebody_has_added_to_is_left_alone(tmp_path: Path) -> None:
    file = written(tmp_path)
    assert run("calibrate", file).exit_code == 0
    log = tmp_path / "margin.calibration.json"
    whole = log.read_text()
    file.write_text(MARGIN)
    for edited in (whole + "\n", whole.replace("{", '{ "checked_by": "me",', 1)):
        log.write_text(edited)
        told = run("calibrate", file)
        assert told.exit_code == 2
        assert "is not as a calibration of this version was written" in told.output
        assert log.read_text() == edited
    log.unlink()
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(whole)
    log.symlink_to(elsewhere)
    assert run("calibrate", file).exit_code == 2
    log.unlink()
    log.write_text(whole)
    assert run("calibrate", file).exit_code == 0
    assert elsewhere.read_text() == whole


def test_the_calibration_is_kept_with_the_results_and_read_back(tmp_path: Path) -> None:
    file = written(tmp_path)
    first = run("simulate", file, "--out", tmp_path / "direct")
    assert "calibrated threshold" in first.output
    again = run("simulate", file, "--out", tmp_path / "direct")
    assert again.exit_code == 0
    assert "calibrated before" in again.output
    direct = ac.open_result(tmp_path / "direct").calibration
    assert direct is not None

    assert run("calibrate", file).exit_code == 0
    assert run("simulate", file, "--out", tmp_path / "later").exit_code == 0
    later = ac.open_result(tmp_path / "later").calibration
    assert later == direct == read_log(log_beside(file))
    assert later.target == 0.025
    assert_read_back_or_nothing(later)

    # an edited threshold, or a table that the search read, is not what was calibrated
    text = file.read_text()
    for place, (old, new) in enumerate(
        [
            (repr(later.threshold), "0.97"),
            ("[0.10, 0.40]", "[0.10, 0.30]"),
            ("max_n = 120", "max_n = 240"),
        ]
    ):
        file.write_text(text.replace(old, new))
        assert run("simulate", file, "--out", tmp_path / f"edited{place}").exit_code == 0
        assert ac.open_result(tmp_path / f"edited{place}").calibration is None
    # a comment or another scenario is
    file.write_text(text + "[scenarios.expected]\nfree = { usual = 0.30, cells = 0.60 }  # new\n")
    assert run("simulate", file, "--out", tmp_path / "more").exit_code == 0
    assert ac.open_result(tmp_path / "more").calibration == later


def test_a_run_with_typed_thresholds_has_no_calibration(tmp_path: Path) -> None:
    file = written(tmp_path, MARGIN.replace('"calibrate"', "0.8"))
    assert run("simulate", file, "--out", tmp_path / "typed").exit_code == 0
    assert ac.open_result(tmp_path / "typed").calibration is None


def test_the_text_keeps_its_comments() -> None:
    raw = (Path(__file__).parents[2] / "designs" / "hello.toml").read_text()
    text = raw.replace("at_least = 0.985", 'at_least = "calibrate"')
    found = calibrate(Design(**hello()))
    assert calibrated_text(text, found).replace(repr(found.threshold), '"calibrate"') == text


def test_check_says_what_is_to_be_held() -> None:
    region = (
        "all soc rates from 0.02 to 0.3 with the effects at which the claim (cart − soc > 0.10)"
    )
    raw = hello()
    raw["rules"][0]["posterior"]["above"] = 0.10
    assert f"at most 0.025, over {region} is just false" in described(Design(**raw))
    raw["rules"][0]["at_least"] = 0.9
    assert "the thresholds are written" in described(Design(**raw))
    del raw["calibration"]
    assert "type I error wanted" not in described(Design(**raw))


def test_words_say_region_neighbours_and_doubt() -> None:
    exact = calibrate(Design(**hello()))
    assert "soc rates from 0.02 to 0.3" in exact.words()
    assert "must not count" in exact.words()
    drawn = calibrate(Design(**hello()), trials=200, seed=2, jobs=1, engine="simulate")
    assert drawn.fresh is not None
    assert ("do not show" in drawn.words()) == (drawn.fresh.upper > 0.025)


# ── each claim by itself ──────────────────────────────────────────────────────────────────────
def two_arms(**calibration: Any) -> dict[str, Any]:
    """A control and two arms, a success of each."""
    success = {
        "name": "efficacy",
        "then": "declare_success",
        "posterior": {"endpoint": "dfr", "arm": "each", "minus": "soc", "above": 0.0},
        "at_least": "calibrate",
    }
    wanted = {"type_one_error": 0.05, "null_region": {"soc": [0.3, 0.3]}, "confidence": "estimate"}
    return tiny_design(
        arms={"soc": {"control": True}, "low": {}, "high": {}},
        enrolment={"max_n": 36, "per_month": 3},
        looks={"observed": [18, 36]},
        rules=[success],
        scenarios={"null": {"dfr": {"soc": 0.3, "low": 0.3, "high": 0.3}}},
        calibration=wanted | calibration,
    )


def test_each_arm_is_held_by_itself_where_that_is_asked_for() -> None:
    any_, each = (
        calibrate(Design(**two_arms(held=held)), trials=2000, jobs=1)
        for held in ("family_wise", "by_claim")
    )
    assert isinstance(any_, Calibrated)
    assert isinstance(each, Calibrated)
    assert each.threshold < any_.threshold
    assert len(each.points) == 2 * len(any_.points)
    named = {point.name.split(" (")[1] for point in each.points}
    assert named == {"efficacy low)", "efficacy high)"}
    assert "for each claim by itself" in described(Design(**two_arms(held="by_claim")))
    assert "the error of each claim is held by itself" in each.words()
    largest = _largest_by_arm(each)
    shares = (largest >= each.threshold).mean(axis=0)
    assert sorted(shares) == sorted(each.errors.values())
    assert shares.max() <= 0.05
    assert (largest >= each.must_not_count).mean(axis=0).max() > 0.05


def _largest_by_arm(found: Calibrated) -> Floats:
    """The largest probability of each arm in the trials of the search, ``(trial, arm)``."""
    raw = two_arms(held="by_claim")
    raw["rules"][0]["at_least"] = 1.0
    raw.pop("calibration")
    design = Design(**raw)
    plan = Plan.of(design)
    never = Plan(design, tuple(r.never() for r in plan.rules), plan.schedule, plan.fitted, ())
    latents = latents_for(design, found.seed, 0, found.trials)
    block = run_block(never, design.truths["null"], (), latents)
    return np.fmax.reduce([look.probabilities["efficacy"] for look in block.looks])


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (small(calibration={"type_one_error": 0.05, "held": "by_claim"}), "makes one claim alone"),
        (two_arms(held="both"), "held"),
    ],
)
def test_claims_that_cannot_be_held_one_by_one_are_refused(raw: dict[str, Any], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        Design(**raw)


# ── where nothing is false ────────────────────────────────────────────────────────────────────
def margin(region: list[float], null: float = 0.2) -> Design:
    """`hello` on 24 participants with the claim "no worse by 0.10"."""
    raw = copy.deepcopy(raw_design("hello"))
    raw["enrolment"]["max_n"], raw["looks"]["observed"] = 24, [12, 24]
    raw["rules"] = [raw["rules"][0] | {"at_least": "calibrate"}]
    raw["rules"][0]["posterior"] = raw["rules"][0]["posterior"] | {"above": -0.1}
    raw["scenarios"]["null"] = {"dfr": {"soc": 0.2, "cart": null}}
    raw["calibration"] = {"type_one_error": 0.05, "null_region": {"soc": region}}
    return Design(**raw)


@pytest.mark.parametrize("engine", ["exact", "simulate"])
def test_a_region_in_which_every_claim_is_true_is_refused(engine: Any) -> None:
    with pytest.raises(DesignError, match="nothing to hold the error at"):
        calibrate(margin([0.0, 0.05]), trials=200, jobs=1, engine=engine)


def test_what_is_claimed_falsely_in_a_scenario_that_is_no_null_one_is_told() -> None:
    """Its successes count as false in a run, though the search does not hold them."""
    raw = raw_design("durability_event_driven")
    raw["enrolment"]["max_n"], raw["looks"] = 40, {"events": [12, 16, 20]}
    raw["rules"][0]["at_least"] = "calibrate"
    raw["calibration"] = {"type_one_error": 0.1}
    truth = raw["scenarios"]["null"]
    raw["scenarios"]["none_either"] = copy.deepcopy(truth) | {"role": "robustness"}
    notes = calibrate(Design(**raw), trials=100, jobs=1).notes
    told = [one for one in notes if "'none_either'" in one]
    assert len(told) == 1
    assert "what 'efficacy' claims is false in scenario 'none_either' too" in told[0]
    assert not any("'expected'" in one for one in notes)
    raw["scenarios"]["none_either"]["role"] = "null"
    assert not any("none_either" in one for one in
                   calibrate(Design(**raw), trials=100, jobs=1).notes)  # fmt: skip


def test_rates_of_one_arm_at_which_its_claim_is_true_are_no_region() -> None:
    """Rates on the other side of the number count as it, so that one on this side is needed."""
    raw = tiny_design(
        arms={"cart": {}}, scenarios={"null": {"role": "null", "dfr": {"cart": 0.3}}},
        calibration={"type_one_error": 0.05, "null_region": {"cart": [0.35, 0.5]}},
    )  # fmt: skip
    asked = {"endpoint": "dfr", "arm": "cart", "above": 0.3}
    raw["rules"] = [raw["rules"][0] | {"posterior": asked, "at_least": "calibrate"}]
    for engine in ("exact", "simulate"):
        with pytest.raises(DesignError, match=r"calibration\.null_region\.cart: .* is true at all"):
            calibrate(Design(**raw), trials=200, jobs=1, engine=engine)
    raw["calibration"]["null_region"] = {"cart": [0.1, 0.35]}
    assert isinstance(calibrate(Design(**raw)), Calibrated)


@pytest.mark.parametrize("engine", ["exact", "simulate"])
def test_what_of_a_region_does_not_count_is_told(engine: Any) -> None:
    found = calibrate(margin([0.0, 0.3]), trials=200, jobs=1, engine=engine)
    told = " ".join(found.notes)
    assert "scenario 'null' has the role null, and cart − soc > -0.10 is true there" in told
    assert ("at control rates from 0 to 0.0999 all that is claimed is true" in told) == (
        engine == "exact"
    )
    assert not calibrate(margin([0.1, 0.3], 0.1), trials=200, jobs=1, engine=engine).notes


def test_probabilities_too_small_for_four_decimals_are_told_with_two_digits() -> None:
    assert [four_decimals(p) for p in (0.0, 0.0249, 0.00005001, 0.00004, 3.21e-8)] == [
        "0.0000", "0.0249", "0.0001", "4e-05", "3.2e-08",
    ]  # fmt: skip
    assert apart(0.9885, 0.98851) == ("0.988500", "0.988510")
    assert apart(0.99999996, 0.99999997) == ("0.99999996", "0.99999997")
    assert apart(0.5, 0.50000001) == ("0.50000000", "0.50000001")


def test_one_futility_rule_of_two_that_is_not_binding_is_named() -> None:
    raw = raw_design("hello")
    raw["rules"].append({**raw["rules"][1], "name": "hopeless", "below": 0.01})
    raw["calibration"] = {"type_one_error": 0.05, "not_binding": ["hopeless"]}
    raw["rules"][0]["at_least"] = "calibrate"
    assert Design(**raw).overruled_words == "hopeless is not binding"
    raw["calibration"]["not_binding"] = ["hopeless", "futility"]
    assert Design(**raw).overruled_words == "futility is not binding"


# ── how the threshold is looked for ───────────────────────────────────────────────────────────
class Falling:
    """An error that falls with the threshold, and that a look at few control rates makes less."""

    def __init__(self, errors: list[float], less: float) -> None:
        self.errors, self.less, self.full = errors, less, 0

    def worst(self, threshold: float, enough: float, coarse: bool = False) -> Worst:
        self.full += not coarse
        error = self.errors[int(threshold)]
        return Worst(error * (self.less if coarse else 1.0), "there")


@pytest.mark.parametrize("near", [None, -1.0, 0.0, 3.0, 40.0, 99.0, 1000.0])
@pytest.mark.parametrize("less", [1.0, 0.8, 0.0])
def test_the_threshold_is_the_least_wherever_it_is_expected(
    near: float | None, less: float
) -> None:
    errors = sorted((float(e) for e in np.random.default_rng(3).random(100)), reverse=True)
    values = np.arange(100.0)
    for target in (*errors[::7], 0.0, 1.0):
        error = Falling(errors, less)
        found = _least_that_keeps(
            cast("ExactError", error), values, target, near, lambda what, done, total: None
        )
        assert found == next((k for k, e in enumerate(errors) if e <= target), 100)
        assert less < 1.0 or error.full <= 1
