"""Parts of the participants who fare otherwise: against the twin, and what is then true."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.questions import Question
from adaptive_cart.participants.population import latents_for, populate
from adaptive_cart.results.estimand import SobolLatents, true_values
from adaptive_cart.results.long_term import groups_in
from adaptive_cart.running.engine import obstacles
from adaptive_cart.telling.check import described
from conduct.test_fast_equals_adaptive_twin import compare
from conduct.test_time_trend import design_of as direct_design

Raw = dict[str, Any]
STEPS = [{"from": 0.0, "share": 0.2}, {"from": 8.0, "share": 0.9}]
LINE = [{"at": 2.0, "share": 0.1}, {"at": 12.0, "share": 0.7}]


def direct(mixture: Raw, **tables: Any) -> Raw:
    raw = direct_design({"per_year": 0.0}, **tables)
    del raw["scenarios"]["one"]["time_trend"]
    raw["scenarios"]["one"]["mixture"] = mixture
    return raw


def course(mixture: Raw, **tables: Any) -> Raw:
    """Two arms that follow a course, the product infused, the control able to cross over."""
    onset = {"dist": "weibull", "shape": 1.5, "median": 2.0}
    raw = direct_design({"per_year": 0.0})
    raw["arms"]["cells"]["product"] = "autologous"
    raw["crossover"] = {"from": "usual", "to": "cells", "after_month": 6.0}
    relapse = {"dist": "exponential", "median": 9.0}
    raw["truth"] = {
        "usual": {
            "remission": {"probability": 0.3, "onset": onset},
            "durability": {"cured": 0.0, "relapse": relapse},
            "dropout": {"per_year": 0.2},
            "crossover": {"probability": 0.5},
            "events": {"fever": 0.1},
        },
        "cells": {
            "infusion": {"failure": 0.3, "delay": {"dist": "fixed", "value": 1.0}},
            "remission": {"probability": 0.6, "onset": onset},
            "durability": {"cured": 0.5, "relapse": relapse},
            "dropout": {"per_year": 0.1},
            "events": {"fever": 0.4},
        },
    }
    raw["scenarios"] = {"one": {"mixture": mixture}}
    return raw | tables


TWO = {
    "newer": {"share": STEPS, "free": {"usual": 0.6}},
    "abroad": {"share": 0.1, "free": {"usual": 0.1, "cells": 0.9}, "fever": {"cells": 0.8}},
}
IN_COURSE = {
    "newer": {"share": LINE, "usual": {"remission": {"probability": 0.8}}},
    "abroad": {
        "share": 0.25,
        "cells": {"remission": {"probability": 0.1}, "events": {"fever": 0.9}},
        "dropout": {"per_year": 0.0},
        "usual": {"dropout": {"per_year": 1.5}},
    },
}


@pytest.mark.parametrize("share", [0.4, STEPS, LINE])
def test_a_direct_truth_is_the_twins_trial_by_trial(share: Any) -> None:
    raw = direct({"newer": {"share": share, "free": {"usual": 0.9}}})
    compare(raw, "one", 6)


def test_two_parts_that_drift_are_the_twins() -> None:
    raw = direct(TWO, strata={"mild": 0.4, "hard": 0.6})
    raw["scenarios"]["one"]["time_trend"] = {"free": {"per_year": 1.0}}
    compare(raw, "one", 6)


def test_a_course_is_the_twins_trial_by_trial() -> None:
    compare(course(IN_COURSE), "one", 8)


def test_who_is_as_the_control_is_of_the_same_parts() -> None:
    """An arm with the control's course and the never infused share its mixture: a true null."""
    raw = course(IN_COURSE)
    raw["truth"]["cells"] = {"same_as": "usual", "events": {"fever": 0.4}}
    raw["scenarios"]["one"]["mixture"] = {"newer": IN_COURSE["newer"]}
    del raw["crossover"], raw["truth"]["usual"]["crossover"]
    compare(raw, "one", 4)
    design = Design(**copy.deepcopy(raw))
    found = true_values(design, design.truths["one"], SobolLatents(points=2**10))
    assert found.quantity(Question("free", 1, 0)).value == 0.0  # type: ignore[union-attr]


def test_the_true_difference_is_averaged_over_parts_and_months() -> None:
    """Those expected at 1/3, 2/3, ... months, each with the parts of that month."""
    raw = direct(TWO)
    design = Design(**copy.deepcopy(raw))
    differences = []
    for participant in range(48):
        newer = 0.2 if (participant + 1) / 3.0 < 8.0 else 0.9
        rest = 1.0 - newer - 0.1
        usual = newer * 0.6 + 0.1 * 0.1 + max(rest, 0.0) * 0.3
        differences.append(newer * 0.4 + 0.1 * 0.9 + max(rest, 0.0) * 0.4 - usual)
    found = true_values(design, design.truths["one"]).quantity(Question("free", 1, 0))
    assert found is not None
    assert found.value == pytest.approx(math.fsum(differences) / 48, abs=1e-12)


def test_a_true_value_of_a_course_is_that_of_many_followed() -> None:
    """Against 60,000 participants who come as expected, within four standard errors."""
    design = Design(**course(IN_COURSE))
    truth = design.truths["one"]
    months = design.open_months(truth.accrual.pace, (0,))
    latents = latents_for(design, 3, 0, 1250)
    shape = (latents.trials, latents.participants)
    arrival = np.resize(months, shape)
    truth_now = true_values(design, truth, SobolLatents(points=2**12))
    for arm in (0, 1):
        people = populate(design, truth, latents, arrival, np.full(shape, arm, np.int8), None)
        seen = design.endpoints["free"].true_values("free", people)
        assert seen is not None
        error = seen.std() / math.sqrt(len(seen))
        assert abs(seen.mean() - truth_now.by_arm["free"][arm].value) < 4.0 * error


def test_a_share_of_nought_or_of_everybody_is_a_plain_truth() -> None:
    none, whole = (
        direct({"newer": {"share": share, "free": {"usual": 0.6}}}) for share in (0.0, 1.0)
    )
    for raw, usual in ((none, 0.3), (whole, 0.6)):
        design = Design(**raw)
        assert true_values(design, design.truths["one"]).by_arm["free"][0].value == usual


def test_courses_are_weighed_by_the_expected_shares() -> None:
    design = Design(**course(IN_COURSE))
    found = [share for share, _ in groups_in(design, design.truths["one"], 1)]
    months = [(k + 1) / 3.0 for k in range(48)]
    newer = [min(max(0.1 + 0.06 * (month - 2.0), 0.1), 0.7) for month in months]
    assert found == pytest.approx([0.75 - np.mean(newer), np.mean(newer), 0.25])


def test_check_and_the_engine_say_it() -> None:
    design = Design(**direct(TWO))
    text = described(design)
    assert "part newer: share 0.2 from month 0, 0.9 from month 8" in text
    assert "averaged over the parts" in text
    assert "free in abroad: usual 0.100, cells 0.900" in text
    assert any("newer, abroad" in said for said in obstacles(design, design.truths))


def test_check_says_that_nothing_differs() -> None:
    """What is said of all arms has no effect where an arm has its own."""
    raw = course({"ill": {"share": 0.5, "dropout": {"per_year": 9.0}}})
    assert "nothing differs in ill: an arm's own values stay in force" in described(Design(**raw))


def test_a_scenario_lays_a_part_over_that_of_the_truth() -> None:
    raw = direct({"newer": {"share": 0.5}})
    raw["truth"] = {"mixture": {"newer": {"share": STEPS, "free": {"usual": 0.6}}}}
    mixture = Design(**raw).truths["one"].mixture
    assert mixture is not None
    assert (mixture.shares[0].share, mixture.truths[0].direct["free"][0]) == (0.5, (0.6,))


@pytest.mark.parametrize(
    ("mixture", "told"),
    [
        ({"newer": 0.3}, "mixture.newer: found 0.3; a table is expected"),
        ({"newer": {"free": {"usual": 0.6}}}, "newer.share: missing; write share = 0.3"),
        ({"newer": {"share": 0.3}}, "newer: says nothing that differs"),
        ({"newer": {"share": 1.3, "free": {"usual": 0.6}}}, "newer.share: found 1.3"),
        ({"newer": {"share": [], "free": {"usual": 0.6}}}, "'share' has no months"),
        (
            {"newer": {"share": [STEPS[1]], "free": {"usual": 0.6}}},
            "the first step of 'share' is from = 0",
        ),
        (
            {"newer": {"share": [STEPS[0], LINE[1]], "free": {"usual": 0.6}}},
            "steps (`from`) and a line (`at`)",
        ),
        (
            {"newer": {"share": [{"share": 0.1}], "free": {"usual": 0.6}}},
            "newer.share[0]: has one month: { from = 12, share = … } for a step",
        ),
        ({"newer": {"share": 0.3, "fre": {"usual": 0.6}}}, "fre: neither an arm nor an endpoint"),
        ({"newer": {"share": 0.3, "free": {"usal": 0.6}}}, "did you mean 'usual'?"),
        ({"newer": {"share": 0.3, "enrolment": {"per_month": 2.0}}}, "enrolment: neither an arm"),
        (
            {n: {"share": 0.6, "free": {"usual": 0.6}} for n in ("one", "two")},
            "the shares of all parts together are 1.2 at month 0",
        ),
    ],
)
def test_what_is_wrong_is_told(mixture: Raw, told: str) -> None:
    with pytest.raises(DesignError) as caught:
        Design(**direct(mixture))
    assert told in str(caught.value)
    assert len(caught.value.problems) == 1
