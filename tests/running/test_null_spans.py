"""Null regions that run over more than one rate, against enumeration and a naive listing."""

from __future__ import annotations

import copy
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomlkit
from click.testing import CliRunner

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.conduct.rules import resolve_rules
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, EngineError
from adaptive_cart.results.calibration import Calibrated
from adaptive_cart.results.estimand import true_values
from adaptive_cart.results.kept_worst_case import read_worst_case
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.null_points import null_points
from adaptive_cart.running.region import region_of, with_found, with_threshold
from checks import raw_design
from twin import enumeration

AT_ONCE = {"dist": "exponential", "median": 0.001}
NEVER = {"probability": 0.0, "onset": AT_ONCE}


def course(region: dict[str, Any], threshold: Any = "calibrate") -> dict[str, Any]:
    """Two arms whose remission comes at once and stays: a landmark with the probability itself."""
    raw = copy.deepcopy(raw_design("hello"))
    raw["enrolment"]["max_n"], raw["looks"]["observed"] = 24, [12, 24]
    raw["rules"] = [raw["rules"][0] | {"at_least": threshold}]
    own = {"remission": {"probability": 0.2, "onset": AT_ONCE}, "durability": {"cured": 1.0}}
    raw["truth"] = {"soc": own, "cart": copy.deepcopy(own)}
    raw["scenarios"] = {
        "null": {"cart": {"same_as": "soc"}},
        "expected": {"cart": {"remission": {"probability": 0.6}}},
    }
    raw["calibration"] = {"type_one_error": 0.05, "null_region": region}
    return raw


def by_enumeration(rate: float, threshold: float) -> float:
    """The same trial with its rate said directly: its exact type I error."""
    raw = course({"soc": [0.0, 1.0]}, threshold)
    raw.pop("truth")
    raw.pop("calibration")
    raw["scenarios"] = {"null": {"dfr": {"soc": rate, "cart": rate}}}
    return enumeration.enumerate_design(raw)["null", "success", None, None]


def test_a_number_of_a_course_runs_over_its_range_and_the_worst_is_held() -> None:
    raw = course({"soc.remission.probability": [0.05, 0.45]})
    design = Design(**raw)
    found = calibrate(design, trials=2_000, seed=4, jobs=1)
    assert isinstance(found, Calibrated)
    assert "soc.remission.probability from 0.05 to 0.45" in found.region
    rates = np.linspace(0.05, 0.45, 81)
    exact = [by_enumeration(rate, found.threshold) for rate in rates]
    assert max(exact) <= 0.05 + 2.0 * math.sqrt(0.05 * 0.95 / 20_000)
    # what is told lies where it is told, and no place of the region is much worse
    named = float(found.worst.rsplit(" ", 1)[1])
    at = by_enumeration(named, found.threshold)
    assert found.fresh is not None
    assert found.fresh.n == 20_000
    assert abs(found.fresh.estimate - at) < 4.5 * math.sqrt(at * (1 - at) / 20_000)
    assert at > max(exact) - 0.004
    # with the next threshold below, the worst error would not be held
    assert found.must_not_count is not None
    beyond = max(by_enumeration(rate, found.must_not_count - 1e-9) for rate in rates)
    assert beyond > 0.05 - 3.0 * math.sqrt(0.05 * 0.95 / 20_000)


@pytest.mark.slow
def test_a_worst_case_over_a_number_of_a_course_is_a_curve(tmp_path: Path) -> None:
    raw = course({"soc.remission.probability": [0.1, 0.5]}, 0.95)
    found = ac.worst_case(Design(**raw), points=5, trials=4_000, seed=2, jobs=1)
    assert found.axes == ("soc.remission.probability",)
    assert [place.rates["soc.remission.probability"] for place in found.places] == pytest.approx(
        [0.1, 0.2, 0.3, 0.4, 0.5]
    )
    assert "--certify" not in found.words()
    assert "nothing is known of what lies between" in found.words()
    for place in found.places:
        exact = by_enumeration(place.rates["soc.remission.probability"], 0.95)
        assert abs(place.figure.estimate - exact) < 4.5 * math.sqrt(exact * (1 - exact) / 4_000)
    assert found.fresh is not None
    assert found.fresh.n == 100_000
    exact = by_enumeration(found.worst.rates["soc.remission.probability"], 0.95)
    assert abs(found.fresh.estimate - exact) < 4.5 * math.sqrt(exact * (1 - exact) / 100_000)
    from adaptive_cart.figures.worst_case import write_worst_case

    write_worst_case(found, tmp_path, ["svg"])
    assert read_worst_case(tmp_path) == found
    with pytest.raises(DesignError, match="nothing to hold the error at"):
        ac.worst_case(Design(**raw_never_false()), points=3, trials=100, jobs=1)


def raw_never_false() -> dict[str, Any]:
    """A region at which what is claimed is true everywhere."""
    raw = course({"soc.remission.probability": [0.1, 0.2]}, 0.95)
    raw["scenarios"]["null"] = {"cart": {"remission": {"probability": 0.9}}}
    return raw


STRATA = {"a": 0.5, "b": 0.3, "c": 0.2}


def stratified(region: dict[str, Any], each: bool = True) -> dict[str, Any]:
    """Control rates by stratum, and success of each stratum by itself or of all together."""
    raw = copy.deepcopy(raw_design("hello"))
    raw["enrolment"]["max_n"], raw["looks"]["observed"] = 48, [24, 48]
    raw["strata"] = dict(STRATA)
    raw["rules"] = [raw["rules"][0] | {"at_least": 0.95}]
    asked = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.1}
    raw["rules"][0]["posterior"] = asked | ({"stratum": "each"} if each else {})
    raw["scenarios"] = {"null": {"dfr": {"soc": 0.2, "cart": 0.2}}}
    raw["calibration"] = {"type_one_error": 0.05, "null_region": region}
    return raw


def test_every_choice_of_strata_differs_by_every_amount() -> None:
    raw = stratified({"soc.a": [0.1, 0.3], "soc": [0.2, 0.4], "elsewhere": [0.0, 0.3]})
    design = Design(**raw)
    points, _ = null_points(design, grid_of=3)
    got = {}
    for point in points:
        control, cart = (tuple(round(x, 9) for x in arm) for arm in point.truth.direct["dfr"])
        got[control, cart] = set(point.false["efficacy"])
    wanted = {}
    for a, others, amount in itertools.product((0.1, 0.2, 0.3), (0.2, 0.3, 0.4), (0.0, 0.15, 0.3)):
        control = (a, others, others)
        for size in range(3):
            for who in itertools.combinations(range(3), size):
                cart = tuple(
                    round(min(c + 0.1 + (amount if k in who else 0.0), 1.0), 9)
                    for k, c in enumerate(control)
                )
                false = {k for k in range(3) if k not in who or amount == 0.0}
                wanted[control, cart] = false
    assert got == wanted
    told = region_of(design).words
    assert "all soc rates in a from 0.1 to 0.3 and in b and c alike from 0.2 to 0.4 with" in told
    assert "differing from the control by 0 to 0.3" in region_of(design).words


def test_strata_with_ranges_of_their_own_are_not_told_to_run_from_0_to_1() -> None:
    told = region_of(Design(**stratified({f"soc.{name}": [0.1, 0.3] for name in STRATA}))).words
    each = " and ".join(f"in {name} from 0.1 to 0.3" for name in STRATA)
    assert told.startswith(f"all soc rates {each} with the effects")
    assert "from 0 to 1" not in told
    assert told.count("0.1 to 0.3") == len(STRATA)


def test_a_claim_about_all_strata_counts_where_their_average_is_not_beyond() -> None:
    raw = stratified({"soc": [0.3, 0.3], "elsewhere": [-0.2, 0.2]}, each=False)
    design = Design(**raw)
    points, notes = null_points(design, grid_of=2)
    for point in points:
        control, cart = point.truth.direct["dfr"]
        gain = sum(w * (b - a) for w, a, b in zip(STRATA.values(), control, cart, strict=True))
        assert gain <= 0.1 + 1e-9
    assert len(points) == 7  # nobody differs, or some do worse; where some do better it is true
    assert any("6 of 13 truths" in note for note in notes)


@pytest.mark.slow
def test_several_arms_are_held_where_another_works() -> None:
    raw = stratified({"soc": [0.2, 0.3], "elsewhere": [0.0, 0.5]})
    raw.pop("strata")
    raw["arms"] = {"soc": {"control": True}, "low": {}, "high": {}}
    raw["rules"][0]["posterior"] = {
        "endpoint": "dfr", "arm": "each", "minus": "soc", "above": 0.0,
    }  # fmt: skip
    raw["rules"][0]["at_least"] = "calibrate"
    raw["scenarios"] = {"null": {"dfr": {"soc": 0.2, "low": 0.2, "high": 0.2}}}
    design = Design(**raw)
    points, _ = null_points(with_threshold(design, 0.9), design, grid_of=2)
    names = {point.name for point in points}
    assert {"soc 0.2000", "soc 0.3000, low +0.5000", "soc 0.2000, high +0.5000"} <= names
    assert len(names) == 6
    found = calibrate(design, trials=500, seed=1, jobs=1)
    assert isinstance(found, Calibrated)
    worst = ac.worst_case(with_found(design, found), points=2, trials=4_000, seed=9, jobs=1)
    assert worst.axes == ("soc", "elsewhere")
    assert worst.worst.figure.estimate <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 4_000)
    with pytest.raises(EngineError, match="runs over every choice of other arms"):
        calibrate(design, engine="exact")


def test_dropout_is_no_part_of_the_rate_that_is_meant() -> None:
    raw = stratified({"soc.a": [0.2, 0.3]})
    raw["truth"] = {"dropout": {"per_year": 0.4}}
    design = Design(**raw)
    (rule,) = resolve_rules(design)
    points, _ = null_points(design, grid_of=2)
    for point in points:
        true = true_values(design, point.truth)
        for asked in rule.asked:
            quantity = true.quantity(asked)
            assert quantity is not None
            assert quantity.value <= 0.1 + 1e-9
    named = next(p for p in points if p.name.startswith("soc a 0.2000, soc 0.0"))
    (asked, *_) = rule.asked
    quantity = true_values(design, named.truth).quantity(asked)
    assert quantity is not None
    assert quantity.value == pytest.approx(0.1, abs=1e-9)


BAD = [
    (course({"soc.remission.probabilty": [0.1, 0.2]}), "no value 'soc.remission.probabilty'"),
    (course({"soc.remission.probability": [0.3, 0.2]}), "a lower and an upper limit"),
    (course({"soc.remission.probability": [0.3, 1.2]}), r"reaches 1\.2, where"),
    (course({"soc.remission": [0.3, 0.4]}), "a number is expected"),
    (course({"elsewhere": [0.0, 0.2]}), "has one arm and no strata"),
    (stratified({"dfr.soc": [0.1, 0.2]}), "are put in the place of what scenarios say"),
    (stratified({"soc.a": [0.1, 0.2], "soc.b": [0.1, 0.2], "soc.c": [0.1, 0.2],
                 "soc": [0.1, 0.2]}), "every stratum of soc has a range of its own"),
    (stratified({"soc": [0.1, 1.2]}), "limits from 0 to 1 are expected"),
    (stratified({"elsewhere": [-1.5, 0.2]}), "limits from -1 to 1 are expected"),
    (stratified({"cart.a": [0.1, 0.2]}), r"write soc = \[0.02, 0.30\]"),
    (stratified({"social": [0.1, 0.2]}), "no arm of this design"),
    (stratified({"null.dfr": [0.1, 0.2]}), r"at 'dfr'; a number is expected \(scenario null\)$"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "words"), BAD)
def test_a_range_that_cannot_run_is_refused_in_words(raw: dict[str, Any], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        Design(**raw)


def test_more_ranges_than_are_searched_together_are_refused() -> None:
    names = ["remission.probability", "durability.cured"]
    region = {f"{arm}.{name}": [0.1, 0.2] for arm in ("soc", "cart") for name in names}
    region["soc.remission.onset.median"] = [0.001, 0.002]
    raw = course(region)
    raw["scenarios"]["null"] = {}
    with pytest.raises(DesignError, match="runs over 5 ranges together"):
        Design(**raw)


def test_the_command_tells_what_ran(tmp_path: Path) -> None:
    file = tmp_path / "trial.toml"
    raw = course({"soc.remission.probability": [0.1, 0.4]})
    file.write_text(tomlkit.dumps(raw), encoding="utf-8")
    run = CliRunner().invoke(main, ["calibrate", str(file), "--trials", "200", "--jobs", "1"])
    assert run.exit_code == 0, run.output
    assert "soc.remission.probability from 0.1 to 0.4" in run.output


@pytest.mark.parametrize("soc", [[0.2, 0.2004], [0.2, 0.2 + 1e-6]])
def test_truths_of_narrow_ranges_have_names_of_their_own(soc: list[float]) -> None:
    for more in ({}, {"elsewhere": [0.0, 1e-5]}):
        raw = copy.deepcopy(raw_design("enrichment_biomarker"))
        raw["calibration"]["null_region"] = {"soc": soc, **more}
        written = Design(**raw)
        points, _ = null_points(with_threshold(written, 0.9), written)
        rates = [point.truth.direct["dfr"] for point in points]
        assert len({point.name for point in points}) == len({*rates}) == len(points) >= 6
