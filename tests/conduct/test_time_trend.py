"""Probabilities that drift with the month of randomisation: against the twin, and what is true."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, EngineError, InputError
from adaptive_cart.nouns.questions import Question
from adaptive_cart.results.estimand import true_values
from adaptive_cart.running.engine import choose_engine
from adaptive_cart.telling.check import described
from checks import tiny_design
from conduct.test_fast_equals_adaptive_twin import compare

Raw = dict[str, Any]
SHAPES: dict[str, Raw] = {
    "a line": {"per_year": 1.5},
    "a line that turns": {"per_year": 2.0, "turns_at_month": 5.0},
    "a step": {"step": -2.0, "at_month": 6.0},
    "a wave": {"amplitude": 1.2, "peak_month": 4.0},
    "all together": {"per_year": -0.8, "step": 1.0, "at_month": 3.0, "amplitude": 0.5,
                     "peak_month": 11.0},
    "unequal": {"per_year": 0.5, "cells": {"per_year": 3.0}},
    "one arm": {"usual": {"step": 1.5, "at_month": 4.0}},
}  # fmt: skip


def design_of(trend: Raw, **tables: Any) -> Raw:
    """Two arms, a landmark and an adverse event, both said directly."""
    raw: Raw = {
        "name": "Drifting",
        "arms": {"usual": {"control": True}, "cells": {"allocation": 2}},
        "endpoints": {
            "free": {"type": "landmark", "month": 4.0},
            "fever": {"type": "adverse_event", "within_months": 2.0},
        },
        "enrolment": {"max_n": 48, "per_month": 3.0},
        "looks": {"observed": [18, 36], "final": "all_observed"},
        "rules": [
            {
                "name": "harm",
                "then": "stop_for_safety",
                "posterior": {"endpoint": "fever", "arm": "cells", "above": 0.5},
                "at_least": 0.9,
            },
            {
                "name": "works",
                "then": "declare_success",
                "posterior": {
                    "endpoint": "free", "arm": "cells", "minus": "usual", "above": 0.0
                },
                "at_least": 0.95,
            },
        ],
        "scenarios": {
            "one": {
                "free": {"usual": 0.3, "cells": 0.4},
                "fever": {"usual": 0.1, "cells": 0.3},
                "time_trend": {"free": trend, "fever": {"per_year": 0.7}},
            }
        },
    }  # fmt: skip
    return raw | tables


@pytest.mark.parametrize("trend", SHAPES.values(), ids=SHAPES)
def test_each_shape_is_the_twins_trial_by_trial(trend: Raw) -> None:
    compare(design_of(trend), "one", 8)


def test_strata_drift_each_from_its_own_value() -> None:
    raw = design_of({"per_year": 2.0}, strata={"mild": 0.4, "hard": 0.6})
    raw["scenarios"]["one"]["free"]["cells"] = {"mild": 0.7, "hard": 0.2}
    compare(raw, "one", 8)


def true_difference(raw: Raw) -> float:
    design = Design(**copy.deepcopy(raw))
    found = true_values(design, design.truths["one"]).quantity(Question("free", 1, 0))
    assert found is not None
    assert found.mcse == 0.0
    return found.value


@pytest.mark.parametrize("trend", SHAPES.values(), ids=SHAPES)
def test_the_true_difference_is_averaged_over_the_expected_arrivals(trend: Raw) -> None:
    """Those expected at 1/3, 2/3, ... months, each with the probability of that month."""
    from twin import one_trial

    raw = design_of(trend)
    truth = one_trial.truth_of(raw, "one")
    differences = []
    for participant in range(48):
        month = (participant + 1) / 3.0
        usual, cells = (
            one_trial.drifted(truth, "free", {"arm": arm, "stratum": None}, month)[arm]
            for arm in ("usual", "cells")
        )
        differences.append(cells - usual)
    assert true_difference(raw) == pytest.approx(math.fsum(differences) / 48, abs=1e-12)


def test_a_trend_of_nought_is_no_trend() -> None:
    raw = design_of({"per_year": 0.0})
    assert true_difference(raw) == pytest.approx(0.1, abs=1e-12)


def test_arms_alike_differ_by_nothing_under_a_trend() -> None:
    raw = design_of({"per_year": 0.7, "amplitude": 0.3, "peak_month": 2.0})
    raw["scenarios"]["one"]["free"]["cells"] = 0.3
    assert true_difference(raw) == 0.0


def test_a_scenario_lays_its_trend_over_that_of_the_truth() -> None:
    raw = design_of({"cells": {"per_year": 1.0}})
    raw["truth"] = {"time_trend": {"free": {"per_year": 0.4, "step": 1.0, "at_month": 5.0}}}
    usual, cells = Design(**raw).truths["one"].trends["free"]
    assert usual is not None
    assert cells is not None
    assert (usual.per_year, usual.step) == (0.4, 1.0)
    assert (cells.per_year, cells.step) == (1.0, 1.0)


def test_the_exact_engine_refuses_and_auto_simulates() -> None:
    raw = tiny_design()
    raw["scenarios"]["null"]["time_trend"] = {"dfr": {"per_year": 0.2}}
    design = Design(**raw)
    assert choose_engine(design, design.truths, "auto").engine == "simulate"
    with pytest.raises(EngineError, match=r"drift with the calendar \(dfr, scenario 'null'\)"):
        choose_engine(design, design.truths, "exact")


def test_check_says_the_trend_and_over_whom_values_are_averaged() -> None:
    text = described(Design(**design_of(SHAPES["unequal"])))
    assert "time trend by month of randomisation: usual logit +0.5 a year; cells logit +3" in text
    assert "randomised while the arms compared are open" in text


@pytest.mark.parametrize(
    ("trend", "told"),
    [
        ({"free": 0.1}, "time_trend.free: found 0.1; a trend is expected: { per_year"),
        ({"fre": {"per_year": 0.1}}, "fre: no endpoint of this design (did you mean 'free'?)"),
        ({"free": {"per_yer": 0.1}}, "per_yer: neither a key of a trend nor an arm (did you mean"),
        ({"free": {"turns_at_month": 3.0}}, "has 'turns_at_month' without 'per_year'"),
        ({"free": {"per_year": 1.0, "turns_at_month": 0.0}}, "time_trend.free.turns_at_month"),
        ({"free": {"step": 0.1}}, "time_trend.free: has 'step' without 'at_month'"),
        ({"free": {"peak_month": 1.0}}, "time_trend.free: has 'peak_month' without 'amplitude'"),
        ({"free": {}}, "time_trend.free: says no trend; write per_year"),
        ({"free": {"cells": 2}}, "time_trend.free.cells: found 2; a trend is expected"),
        ({"free": {"cells": {"per_year": "a"}}}, 'cells.per_year: found "a"; a number is expected'),
    ],
)
def test_what_is_wrong_is_told(trend: Raw, told: str) -> None:
    raw = design_of({"per_year": 0.0})
    raw["scenarios"]["one"]["time_trend"] = trend
    with pytest.raises(DesignError) as caught:
        Design(**raw)
    assert told in str(caught.value)
    assert len(caught.value.problems) == 1


def with_rate(trend: Raw) -> Raw:
    """The same with a yearly rate, said directly, of which a rule asks."""
    raw = design_of({"per_year": 0.1})
    raw["endpoints"]["rate"] = {"type": "event_rate"}
    raw["analysis"] = {"rate": {"model": "gamma_poisson", "prior": {"a": 0.5, "b": 1.0}}}
    asked = {"endpoint": "rate", "arm": "cells", "above": 2.0}
    raw["rules"].append(
        {"name": "many", "then": "stop_for_safety", "posterior": asked, "at_least": 0.9}
    )
    raw["scenarios"]["one"] |= {"rate": {"usual": 0.8, "cells": 1.2}}
    raw["scenarios"]["one"]["time_trend"]["rate"] = trend
    return raw


RATES = {
    "a line that turns": {"per_year": 1.5, "turns_at_month": 6.0},
    "unequal": {"amplitude": 1.0, "peak_month": 2.0, "cells": {"step": 1.0, "at_month": 4.0}},
}


@pytest.mark.parametrize("trend", RATES.values(), ids=RATES)
def test_a_rate_drifts_on_its_logarithm_as_the_twins(trend: Raw) -> None:
    compare(with_rate(trend), "one", 6)


def test_the_true_rate_is_averaged_over_the_expected_arrivals() -> None:
    from twin import adaptive_trial, one_trial

    raw = with_rate(RATES["unequal"])
    truth = one_trial.truth_of(raw, "one")
    design = Design(**copy.deepcopy(raw))
    found = true_values(design, design.truths["one"]).quantity(Question("rate", 1))
    assert found is not None
    slow = [adaptive_trial.yearly_rate(truth, "rate", "cells", None, n / 3.0) for n in range(1, 49)]
    assert found.value == pytest.approx(math.fsum(slow) / 48, abs=1e-12)


def test_a_rate_that_drifts_beyond_all_bounds_is_told() -> None:
    design = Design(**with_rate({"per_year": 30.0}))
    with pytest.raises(InputError, match=r"^'one', time_trend\.rate: .* beyond 100 events a year"):
        true_values(design, design.truths["one"])


def with_score(trend: Raw, **asked: Any) -> Raw:
    """A trial about a score that is said directly, whose mean change drifts."""
    question = {"endpoint": "mgadl", "arm": "cells", "minus": "usual", "below": -1.0} | asked
    arm = {"baseline": {"mean": 9.0, "sd": 3.0}, "sd": [2.0, 3.0], "correlation": 0.6}
    changes = {"usual": [-0.5, -1.0], "cells": [-2.0, -2.5]}
    truth = {name: arm | {"change": change} for name, change in changes.items()}
    raw = design_of({"per_year": 0.1}, analysis={"mgadl": {"model": "normal"}})
    raw["endpoints"] = {
        "mgadl": {"type": "continuous", "visits": [1.0, 4.0], "month": 4.0, "better": "lower"}
    }
    raw["rules"] = [raw["rules"][1] | {"posterior": question, "looks": [1, 2, "final"]}]
    raw["scenarios"]["one"] = {"mgadl": truth, "time_trend": {"mgadl": trend}}
    return raw


@pytest.mark.parametrize("trend", SHAPES.values(), ids=SHAPES)
def test_a_mean_change_drifts_at_every_visit_as_the_twins(trend: Raw) -> None:
    from conduct.test_fast_equals_twin import compare as compare_plain

    compare_plain(with_score(trend), "one", 3)


@pytest.mark.parametrize("trend", SHAPES.values(), ids=SHAPES)
def test_the_true_mean_change_is_averaged_over_the_expected_arrivals(trend: Raw) -> None:
    from twin import one_trial

    raw = with_score(trend)
    truth = one_trial.truth_of(raw, "one")
    design = Design(**copy.deepcopy(raw))
    found = true_values(design, design.truths["one"]).quantity(Question("mgadl", 1, 0))
    assert found is not None
    slow = [
        -2.5 + 1.0 + one_trial.drift_of(truth, "mgadl", "cells", n / 3.0)
        - one_trial.drift_of(truth, "mgadl", "usual", n / 3.0)
        for n in range(1, 49)
    ]  # fmt: skip
    assert found.value == pytest.approx(math.fsum(slow) / 48, abs=1e-12)
    assert "usual baseline 9 (sd 3), changes -0.5, -1" in described(design)


def test_a_proportion_of_a_drifting_score_is_refused() -> None:
    raw = with_score({"per_year": 0.5}, beyond=-2.0, below=0.5)
    with pytest.raises(DesignError, match="whose mean drifts with the calendar"):
        Design(**raw)


def test_a_trend_has_to_move_what_is_one_number() -> None:
    raw = design_of({"per_year": 0.1})
    raw["endpoints"]["flare"] = {"type": "time_to_event"}
    always = {"dist": "fixed", "value": 12.0}  # no hazard
    raw["scenarios"]["one"] |= {"flare": {"usual": always, "cells": always}}
    raw["scenarios"]["one"]["time_trend"]["flare"] = {"per_year": 0.1}
    with pytest.raises(DesignError, match="is none of these: leave the trend out"):
        Design(**raw)


def test_the_drift_is_seen_in_simulated_participants() -> None:
    """Of 400 trials, responders randomised before and after a step, within 4 standard errors."""
    from adaptive_cart.participants.enrolment import Enrolment
    from adaptive_cart.participants.population import followed, latents_for

    design = Design(**design_of({"step": 1.5, "at_month": 8.0}))
    latents = latents_for(design, 5, 0, 400)
    population = followed(design, design.truths["one"], latents, Enrolment(design, latents))
    came = np.isfinite(population.arrival)
    for after, expected in ((False, 0.3), (True, 1.0 / (1.0 + 7.0 / 3.0 * math.exp(-1.5)))):
        who = came & (population.arm == 0) & ((population.arrival >= 8.0) == after)
        share = np.asarray(population.outcomes["free"])[who].mean()
        assert abs(share - expected) < 4.0 * math.sqrt(expected * (1 - expected) / who.sum())


# ── times ─────────────────────────────────────────────────────────────────────────────────────
TIMES: dict[str, Raw] = {
    "usual": {"dist": "exponential", "median": 6.0},
    "cells": {"dist": "weibull", "shape": 1.3, "scale": 10.0, "cured": 0.2},
}


def with_time(trend: Raw, question: Raw, times: Raw = TIMES) -> Raw:
    """A trial about a time that is said directly, whose hazard drifts."""
    raw = design_of({"per_year": 0.1}, looks={"enrolled": [24, 48]})
    raw["endpoints"] = {"relapse": {"type": "time_to_event", "horizon": 18.0}}
    prior = {
        "baseline": {"a": 0.5, "b": 5.0},
        "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.0},
    }
    raw["analysis"] = {"relapse": {"model": "piecewise_exponential", "prior": prior, "cuts": [4.0]}}
    asked = {"endpoint": "relapse", "arm": "cells"} | question
    raw["rules"] = [raw["rules"][1] | {"posterior": asked}]
    raw["scenarios"]["one"] = {"relapse": dict(times), "time_trend": {"relapse": trend}}
    return raw


RATIO = {"hazard_ratio_to": "usual", "below": 1.0}


@pytest.mark.parametrize("trend", SHAPES.values(), ids=SHAPES)
def test_a_hazard_drifts_on_its_logarithm_as_the_twins(trend: Raw) -> None:
    compare(with_time(trend, RATIO), "one", 3, tolerance=1e-8)


def left_by_hand(arm: str, month: float) -> float:
    """Fraction without the event at a month, as the distributions say it."""
    if arm == "usual":
        return 0.5 ** (month / 6.0)
    return 0.2 + 0.8 * math.exp(-((month / 10.0) ** 1.3))


def test_check_says_once_what_a_drifting_time_was_without_the_trend() -> None:
    """What is said of an arm is not what its participants have, so that it is not told as true."""
    text = described(Design(**with_time({"per_year": -0.4}, RATIO)))
    assert text.count("usual exponential (median 6)") == 1
    assert "relapse, said without the trend: usual exponential (median 6)" in text
    assert "relapse, time trend by month of randomisation: log hazard -0.4 a year" in text


@pytest.mark.parametrize("trend", [SHAPES["a line that turns"], SHAPES["unequal"]])
def test_what_is_true_of_a_time_is_averaged_over_the_expected_arrivals(trend: Raw) -> None:
    """S(t) to the power of each participant's own factor; then the mean of these fractions."""
    from scipy import integrate, optimize

    from twin import one_trial

    raw = with_time(trend, {"minus": "usual", "remains_at": 9.0, "above": 0.0})
    truth = one_trial.truth_of(raw, "one")
    design = Design(**copy.deepcopy(raw))

    def left(arm: str, month: float) -> float:
        powers = [
            math.exp(one_trial.drift_of(truth, "relapse", arm, n / 3.0)) for n in range(1, 49)
        ]
        return math.fsum(left_by_hand(arm, month) ** power for power in powers) / 48

    def median(arm: str) -> float:
        return float(optimize.brentq(lambda month: left(arm, month) - 0.5, 1e-9, 1e4))

    asked = [
        (Question("relapse", 1, 0, kind="remaining", month=9.0),
         left("cells", 9.0) - left("usual", 9.0)),
        (Question("relapse", 0, kind="remaining", month=3.0), left("usual", 3.0)),
        (Question("relapse", 1, kind="median"), median("cells")),
        (Question("relapse", 1, 0, kind="restricted_mean", month=12.0),
         integrate.quad(lambda m: left("cells", m) - left("usual", m), 0.0, 12.0)[0]),
    ]  # fmt: skip
    questions = [question for question, _ in asked]
    found = true_values(design, design.truths["one"], also=questions)
    for question, slow in asked:
        value = found.quantity(question)
        assert value is not None
        assert value.value == pytest.approx(slow, abs=1e-6)


def test_the_true_hazard_ratio_is_that_of_hazards_that_drift_alike() -> None:
    times = {"usual": {"dist": "exponential", "median": 6.0},
             "cells": {"dist": "exponential", "median": 9.0}}  # fmt: skip
    for trend in (SHAPES["a line"], SHAPES["a wave"]):
        design = Design(**with_time(trend, RATIO, times))
        found = true_values(design, design.truths["one"]).quantity(
            Question("relapse", 1, 0, kind="hazard_ratio")
        )
        assert found is not None
        assert (found.value, found.mcse) == (pytest.approx(2.0 / 3.0, abs=1e-12), 0.0)


def test_times_of_many_months_together_are_drawn_by_their_own_distribution() -> None:
    from adaptive_cart.nouns.distributions import Weibull
    from adaptive_cart.nouns.time_trend import HazardTrend

    time = Weibull(dist="weibull", shape=1.3, scale=10.0, cured=0.2)
    months = np.linspace(0.0, 24.0, 25)
    averaged = HazardTrend(per_year=0.8).averaged(time, months)
    u = np.array([0.01, 0.2, 0.5, 0.7, 0.95])
    drawn = averaged.quantile(u)
    assert np.isinf(drawn[-1])
    for chance, month in zip(u[:-1], drawn[:-1], strict=True):
        assert averaged.beyond(float(month)) == pytest.approx(1.0 - chance, abs=1e-6)
    assert averaged.never == pytest.approx(
        np.mean([0.2 ** math.exp(0.8 * month / 12.0) for month in months]), abs=1e-12
    )


def test_check_says_how_a_hazard_drifts() -> None:
    text = described(Design(**with_time(SHAPES["unequal"], RATIO)))
    assert "usual log hazard +0.5 a year; cells log hazard +3 a year" in text
    assert "relapse: hazards are not proportional" in text
    alike = {arm: TIMES["usual"] for arm in TIMES}
    text = described(Design(**with_time({"per_year": 0.5}, RATIO, alike)))
    assert "relapse, hazard ratio to usual: cells 1.000" in text
