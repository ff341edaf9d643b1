"""Thresholds for averages of drawn truths where trials are simulated, against obvious loops."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.design.design_prior import weighed_by
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.streams import fresh_seed
from adaptive_cart.results.averaged_calibration import AveragedCalibration
from adaptive_cart.results.averages import Member, averaged
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.calibrating.averaged_runs import alike_between
from adaptive_cart.running.calibrating.averaged_thresholds import Wanted
from adaptive_cart.running.calibrating.averaged_trials import Curves, OfScenario
from adaptive_cart.running.drawn_truths import OF_MEMBERS, trials_drawn
from adaptive_cart.running.engine import obstacles
from adaptive_cart.running.region import with_found, with_threshold
from checks import raw_design

BETA = {"dist": "beta", "a": 3.0, "b": 3.0}


def drawn(**wanted: Any) -> dict[str, Any]:
    """Two looks and futility; in half of what is expected the claim is false."""
    raw: dict[str, Any] = copy.deepcopy(raw_design("hello"))
    raw["enrolment"]["max_n"] = 18
    raw["looks"]["observed"] = [9, 18]
    efficacy, futility = raw["rules"]
    efficacy["at_least"], futility["looks"] = "calibrate", [1]
    raw["scenarios"] = {
        "null": {"dfr": {"soc": 0.2, "cart": 0.2}},
        "expected": {"dfr": {"soc": 0.35, "cart": 0.5}},
    }
    prior = {"weights": {"null": 0.3, "expected": 0.7}, "draw": {"dfr.cart": BETA}}
    raw["design_prior"] = {"held": prior}
    raw["calibration"] = {"design_prior": "held", "confidence": "estimate", **wanted}
    return raw


def found_by_trials(raw: dict[str, Any], trials: int, **how: Any) -> AveragedCalibration:
    """The calibration, simulated."""
    found = calibrate(Design(**raw), trials=trials, engine="simulate", **{"jobs": 1, **how})
    assert isinstance(found, AveragedCalibration)
    return found


def counted(raw: dict[str, Any], threshold: float, trials: int, seed: int) -> list[Member]:
    """Every trial of every scenario run by itself as the design acts at a threshold."""
    design = with_threshold(Design(**raw), threshold)
    members = []
    weighed = weighed_by(design, next(iter(design.design_prior)))
    for one in weighed:
        draws = list(one.draws)
        if not draws:  # a draw that changes nothing
            draws = weighed[1].draws[:1]
            kept = {"dist": "uniform", "low": 0.2 - 1e-12, "high": 0.2}
            draws = [type(draws[0])("dfr.cart", ("dfr", "cart"), None, _uniform(kept))]
        own = replace(one, draws=tuple(draws))
        columns = trials_drawn(design, own, seed, trials, 1, lambda count: None)
        members.append(Member(one.weight, *(columns[name] for name in OF_MEMBERS[:5]), {}))
    return members


def _uniform(kept: dict[str, Any]) -> Any:
    from adaptive_cart.nouns.parameter_draws import UniformDraw

    return UniformDraw(**kept)


@pytest.mark.parametrize(
    ("wanted", "measure", "most", "both"),
    [
        ({"false_discovery": 0.12}, "false_discovery", True, False),
        ({"correct_decision": 0.70}, "correct_decision", False, True),
    ],
)
def test_it_is_the_smallest_threshold_at_which_the_trials_keep_it(
    wanted: dict[str, float], measure: str, most: bool, both: bool
) -> None:
    raw = drawn(**wanted)
    if both:
        raw["design_prior"]["held"]["draw"]["dfr.soc"] = {
            "dist": "uniform",
            "low": 0.1,
            "high": 0.5,
        }
    raw["rules"] = raw["rules"][:1]  # nothing hangs on its threshold
    found = found_by_trials(raw, 30)
    seed = fresh_seed(Design(**raw).simulation.seed, "calibration")
    at = [found.threshold]
    if found.must_not_count is not None:
        at.append(found.must_not_count - 1e-10)  # then it counts
    kept = [averaged(counted(raw, threshold, 300, seed), measure) for threshold in at]
    told = found.averages[measure]
    assert kept[0] is not None
    assert told.estimate == pytest.approx(kept[0].estimate, abs=1e-12)
    assert told.mcse == pytest.approx(kept[0].mcse, rel=1e-9)
    target = wanted[measure]
    assert (kept[0].estimate <= target) if most else (kept[0].estimate >= target)
    for below in kept[1:]:
        assert below is not None
        assert (below.estimate > target) if most else (below.estimate < target)


@pytest.mark.slow
def test_trials_find_what_tables_find() -> None:
    raw = drawn(false_discovery=0.1, expected_loss={"false_success": 3.0, "missed": 1.0})
    found = found_by_trials(raw, 400)
    exact = calibrate(Design(**raw), jobs=1, engine="exact")
    assert isinstance(exact, AveragedCalibration)
    assert found.threshold == pytest.approx(exact.threshold, abs=0.02)
    final = with_found(Design(**raw), found)
    true = ac.simulate(final, engine="exact", jobs=1).averages["held"]
    run = ac.simulate(final, engine="simulate", trials=1_500, seed=77, jobs=1).averages["held"]
    for name in ("false_discovery", "correct_decision", "assurance"):
        for figure in (found.averages[name], found.fresh[name], run[name]):
            assert abs(figure.estimate - true[name].estimate) < 4.0 * figure.mcse, name
            assert figure.mcse > 0.0


def test_errors_are_those_of_each_trials_own_sums() -> None:
    draw = np.random.default_rng(8)
    true, common = draw.random(500) < 0.6, draw.random(500)
    largest = np.clip(0.6 * common + 0.4 * draw.random(500) + 0.2 * true, 0.0, 1.0)
    null = np.clip(0.8 * common + 0.2 * draw.random(500) - 0.1, 0.0, 1.0)
    members = [OfScenario("null", 0.4, False, null), OfScenario("expected", 0.6, true, largest)]
    curves = Curves(members, Wanted(0.2, 0.5, None, None, 0.6 * true.mean()))
    for place in (40, 300, 700):
        value = curves.values[place]
        won = [(one >= value - 1e-12).astype(float) for one in (null, largest)]
        false = 0.4 * won[0] + 0.6 * won[1] * ~true
        every = 0.4 * won[0] + 0.6 * won[1]
        ratio = false.mean() / every.mean()
        assert curves.discovery()[place] == pytest.approx(ratio)
        error = curves._error_of_discovery(curves.discovery())[place]
        assert error == pytest.approx(((false - ratio * every) / every.mean()).std() / 500**0.5)
        right = 0.4 * (1.0 - won[0]) + 0.6 * np.where(true, won[1], 1.0 - won[1])
        assert curves.correct()[place] == pytest.approx(right.mean())
        assert curves._error_of_correct()[place] == pytest.approx(right.std() / 500**0.5)


@pytest.mark.parametrize("seed", range(8))
def test_few_answers_say_what_all_would(seed: int) -> None:
    draw = np.random.default_rng(seed)
    number = int(draw.choice([1, 2, 3, 64, 65, 66, 700]))
    values, edges = draw.random(number), np.sort(draw.random(seed % 3))
    asked = []

    def so(value: float) -> bool:
        asked.append(value)
        return bool(np.searchsorted(edges, value) % 2)

    found = alike_between(values, so)
    few = len(asked)
    apart = np.diff(np.searchsorted(np.sort(values), edges)) >= number / 64 + 1
    if len(edges) < 2 or apart.all():
        assert [*found] == [so(value) for value in values]
    assert few <= 65 + 2 * math.ceil(math.log2(max(number / 64, 1)) + 1)


@pytest.mark.slow
def test_a_course_is_drawn_by_two_values_and_any_number_of_cores() -> None:
    raw = copy.deepcopy(raw_design("sle_autologous"))
    rule = next(rule for rule in raw["rules"] if rule["then"] == "declare_success")
    rule["at_least"] = "calibrate"
    draw = {
        "cart.remission.probability": {"dist": "beta", "a": 6.0, "b": 4.0},
        "soc.remission.probability": {"dist": "uniform", "low": 0.02, "high": 0.4},
    }
    raw["design_prior"] = {"two": {"weights": {"null": 0.5, "expected": 0.5}, "draw": draw}}
    raw["calibration"] = {
        "design_prior": "two", "expected_loss": {"false_success": 2.0, "missed": 1.0},
        "confidence": "estimate",
    }  # fmt: skip
    design = Design(**raw)
    numbers = with_threshold(design, 0.9)
    assert obstacles(numbers, numbers.truths)  # no tables
    found = calibrate(design, trials=2, jobs=1)
    assert isinstance(found, AveragedCalibration)
    assert found.method == "simulated"
    assert found.trials == 20
    assert "cart.remission.probability, soc.remission.probability drawn" in found.words()
    other = calibrate(design, trials=2, jobs=2)
    assert found == other


def test_a_prior_under_which_the_claim_is_hardly_ever_false_says_so() -> None:
    raw = drawn(false_discovery=0.1)
    raw["design_prior"]["held"] = {
        "weights": {"expected": 1.0},
        "draw": {"dfr.cart": {"dist": "uniform", "low": 0.6, "high": 0.9}},
    }
    with pytest.raises(DesignError, match="in no truth of which the claim is false"):
        found_by_trials(raw, 5)
