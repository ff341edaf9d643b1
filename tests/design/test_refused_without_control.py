"""What is refused of a design without a control, with what to write; and what is told of one."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

import adaptive_cart as ac
from adaptive_cart.comparison.classical import group_sequential
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.priors.command import prior_text
from adaptive_cart.telling.check import described
from checks import raw_design
from design.test_bad_input import changed, found

DIRECT: dict[str, Any] = {
    "name": "a single arm",
    "arms": {"cart": {"product": "autologous"}},
    "endpoints": {"dfr": {"type": "landmark", "month": 12}},
    "enrolment": {"max_n": 60, "per_month": 3},
    "looks": {"observed": [30, 60]},
    "rules": [
        {
            "name": "efficacy",
            "then": "declare_success",
            "posterior": {"endpoint": "dfr", "arm": "cart", "above": 0.4},
            "at_least": 0.975,
        }
    ],
    "scenarios": {"null": {"dfr": {"cart": 0.4}}, "expected": {"dfr": {"cart": 0.6}}},
}
SOC = {"soc": {"a": 1, "b": 9}}
OTHER = {"low": {}, "high": {}}
WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("direct", {"rules/0/posterior/minus": "soc"}, "rules[0].posterior.minus",
     "leave it out and compare with a number, posterior = { endpoint = \"dfr\""),
    ("direct", {"rules/0/posterior/ratio_to": "soc"}, "rules[0].posterior.ratio_to",
     "or write [arms.soc] with control = true"),
    ("direct", {"analysis": {"dfr": {"model": "beta_binomial", "prior": SOC}}},
     "analysis.dfr.prior.soc", "no arm of this design"),
    ("direct", {"analysis": {"dfr": {"model": "proportions_test"}}}, "analysis.dfr.model",
     "no arm is one; without one the models of 'landmark' are beta_binomial"),
    ("direct", {"arms/cart/control": True, "arms/cart/product": "standard_of_care"}, "arms",
     "a single arm is compared with a number"),
    ("direct", {"randomisation": {"method": "response_adaptive"}}, "randomisation.method",
     "there is one arm, to which everybody goes"),
    ("direct", {"scenarios/null/dfr/soc": 0.1}, "scenarios.null.dfr.soc", "(there is no control)"),
    ("course", {"truth/not_infused/events": {"crs3": 0.1}}, "truth.not_infused.events",
     "is no arm: it says how the disease runs"),
    ("course", {"scenarios/nothing_at_all/cart": {"same_as": "soc"}},
     "scenarios.nothing_at_all.cart.same_as", 'there is no control; write [truth.not_infused]'),
    ("course", {"calibration": {"type_one_error": 0.025, "null_region": {"soc": [0.1, 0.2]}}},
     "calibration.null_region.soc", "no arm of this design"),
]  # fmt: skip


def base(name: str) -> dict[str, Any]:
    return copy.deepcopy(DIRECT if name == "direct" else raw_design("lupus_single_arm"))


@pytest.mark.parametrize(("of", "changes", "path", "words"), WRONG)
def test_what_is_refused(of: str, changes: dict[str, Any], path: str, words: str) -> None:
    problems = [pair for pair in found(changed(base(of), changes)) if pair[0] == path]
    assert any(words in message for _, message in problems), problems


def test_who_is_never_infused_needs_a_course() -> None:
    raw = base("course")
    del raw["truth"]["not_infused"]
    for name in ("nothing_at_all", "selected"):
        del raw["scenarios"][name]
    told = dict(found(raw))
    assert "are never infused, and there is no control" in told["truth.not_infused"]
    raw["truth"]["cart"]["infusion"]["failure"] = 0.0
    raw["scenarios"]["cruel"]["cart"].pop("infusion")
    assert Design(**raw).truths["kind"].courses is not None


def test_scores_cannot_be_drawn_from_a_control_that_is_not_there() -> None:
    raw = base("direct")
    raw["endpoints"] = {"mgadl": {"type": "continuous", "visits": [3.0], "better": "lower",
                                  "missing": "jump_to_reference"}}  # fmt: skip
    raw["analysis"] = {"mgadl": {"model": "normal"}}
    raw["rules"][0]["posterior"] = {"endpoint": "mgadl", "arm": "cart", "below": -2.0}
    truth = {"baseline": {"mean": 9.0, "sd": 3.0}, "change": [-2.0], "sd": [2.0],
             "correlation": 0.5}  # fmt: skip
    raw["scenarios"] = {"null": {"mgadl": {"cart": truth}}}
    told = dict(found(raw))
    assert (
        "which draws the scores of those missing from the control"
        in told["endpoints.mgadl.missing"]
    )
    raw["endpoints"]["mgadl"]["missing"] = "at_random"
    assert Design(**raw).control is None


def test_several_problems_are_told_at_once() -> None:
    raw = base("direct")
    raw["rules"][0]["posterior"]["minus"] = "soc"
    raw["scenarios"]["null"]["dfr"]["soc"] = 0.1
    with pytest.raises(DesignError) as error:
        Design(**raw)
    assert len(error.value.problems) == 2


def test_shares_of_a_control_are_refused_where_none_is() -> None:
    raw = base("direct")
    raw["arms"] = copy.deepcopy(OTHER)
    raw["rules"][0]["posterior"]["arm"] = "each"
    raw["randomisation"] = {"method": "response_adaptive", "control": 0.3}
    for scenario in raw["scenarios"].values():
        scenario["dfr"] = {"low": 0.3, "high": 0.4}
    assert found(raw) == [
        ("randomisation.control", "found 0.3, and no arm is the control; leave it out")
    ]


def test_every_word_about_a_control_says_that_there_is_none() -> None:
    for design in (Design(**DIRECT), Design(**raw_design("lupus_single_arm"))):
        text = described(design)
        told = [line for line in text.splitlines() if "control" in line]
        assert len(told) == 2  # no arm is the control; no concurrent control
        assert "single-arm trial against a performance goal" in text
        for words in ("no concurrent control", "selection", "known standard of care"):
            assert f"    {words}: " in text
        assert "randomisation: none; everybody is enrolled in cart" in text
        story = ac.example(design).text
        assert "Estimated probability" in story
        assert "difference" not in story


def test_a_rule_for_few_says_up_to_where_it_holds() -> None:
    raw = base("direct")
    raw["rules"].append(copy.deepcopy(raw["rules"][0]) | {"name": "futility",
                        "then": "declare_futility", "looks": [1], "below": 0.1})  # fmt: skip
    del raw["rules"][1]["at_least"]
    assert "    look 1: up to 8/30 in cart" in described(Design(**raw))


def test_a_design_with_a_control_says_nothing_of_what_replaces_it() -> None:
    assert "performance goal" not in described(Design(**raw_design("hello")))


def test_what_needs_a_control_elsewhere_says_so(tmp_path: Path) -> None:
    design, earlier = tmp_path / "single.toml", tmp_path / "earlier.csv"
    design.write_text(Design(**DIRECT).as_toml(), encoding="utf-8")
    earlier.write_text("study,responders,participants\na,10,100\nb,12,150\n", encoding="utf-8")
    with pytest.raises(DesignError, match="no arm of the design is one: say which of cart"):
        prior_text(design, None, earlier)
    assert "prior.cart = " in prior_text(design, None, earlier, arm="cart")
    with pytest.raises(DesignError, match="no arm is the control, with which the test"):
        group_sequential(Design(**DIRECT))
