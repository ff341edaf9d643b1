"""What the report says of a truth is what the design has, and no sentence of an earlier version."""

from __future__ import annotations

import adaptive_cart as ac
from adaptive_cart.design.follow_up import FollowUp
from adaptive_cart.report import grid
from adaptive_cart.report.chapters.averages import averages
from adaptive_cart.report.chapters.conclusions import CHAPTER
from adaptive_cart.report.document import Items, Paragraph, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.report.tracing import checklist
from adaptive_cart.telling.averages import weights_in_words
from checks import raw_design
from running.test_adjusted import two_arms


def evidence_of(**changes: object) -> Evidence:
    design = ac.Design(**(raw_design("hello") | changes))
    return Evidence(ac.simulate(design, trials=20, jobs=1, engine="simulate"), Facts(), 0)


def limitations_of(evidence: Evidence) -> str:
    blocks = [block for section in CHAPTER.sections for block in section(evidence)]
    return " ".join(
        plain(one) for block in blocks if isinstance(block, Items) for one in block.lines
    )


def test_the_limitations_say_in_which_scenarios_the_truth_changes() -> None:
    plain_one = limitations_of(evidence_of())
    assert "does not change with calendar time" in plain_one
    assert "is known on that day, without errors" in plain_one
    drifting = evidence_of(truth={"time_trend": {"dfr": {"per_year": 0.2}}})
    said = limitations_of(drifting)
    assert "does not change with calendar time" not in said
    assert "changes with calendar time in every scenario" in said
    raw = raw_design("hello")["scenarios"]
    raw["expected"]["time_trend"] = {"dfr": {"per_year": 0.2}}
    assert "with calendar time in expected alone" in limitations_of(evidence_of(scenarios=raw))


def test_the_limitations_say_in_which_scenarios_data_are_late() -> None:
    assert FollowUp(adjudication_delay={"dfr": 0.0}).at_once
    assert not FollowUp(adjudication_delay={"dfr": 1.0}).at_once
    assert not FollowUp(visit_every=1.0).at_once
    raw = raw_design("hello")["scenarios"]
    raw["expected"]["follow_up"] = {"reporting_delay": 1.0}
    said = limitations_of(evidence_of(scenarios=raw))
    assert "what a look knows in expected alone" in said
    assert "is known on that day" not in said


def test_weights_without_an_end_are_told_as_fractions() -> None:
    raw = raw_design("hello")["scenarios"]
    more = {name: raw["expected"] for name in ("mild", "strong")}
    typed = {"weights": {"null": 0.3, "expected": 0.366667, "mild": 0.333333}}
    priors = {"neutral": {}, "skeptical": {}, "typed": typed}
    design = ac.Design(**(raw_design("hello") | {"scenarios": raw | more, "design_prior": priors}))
    assert weights_in_words(design, "neutral") == "null 0.5, expected 1/6, mild 1/6, strong 1/6"
    assert "null 0.75, expected 1/12" in weights_in_words(design, "skeptical")
    assert weights_in_words(design, "typed") == "null 0.3, expected 0.366667, mild 0.333333"


def test_a_design_prior_is_told_with_the_distributions_that_it_draws_from() -> None:
    prior = {
        "weights": {"null": 0.4, "expected": 0.6},
        "draw": {"dfr.cart": {"dist": "beta", "a": 5.0, "b": 10.0}},
    }
    by_data = {"weights": {"null": 0.4, "expected": 0.6},
               "early_data": {"responders": 4, "participants": 10, "believe": 0.5}}  # fmt: skip
    found = evidence_of(design_prior={"drawn": prior, "early": by_data})
    said = " ".join(plain(b.line) for b in averages(found) if isinstance(b, Paragraph))
    assert "dfr.cart from a beta distribution (a 5, b 10)" in said
    assert "dfr.cart from a beta distribution (a 3, b 4) in every scenario that is no null" in said


def test_the_largest_error_is_told_of_the_control_rates_that_the_design_names_too() -> None:
    region = {"type_one_error": 0.3, "null_region": {"soc": [0.02, 0.4]}}
    run = ac.simulate(two_arms(calibration=region), trials=20, jobs=1, engine="simulate")
    found = Evidence(run, Facts(), 0)
    rates = grid.grid_of(found)
    assert rates is not None
    (said,) = (plain(b.line) for b in grid.null_and_power(found) if isinstance(b, Paragraph))
    control, error = rates.worst_between(0.02, 0.4)
    assert error < rates.worst[1]
    assert f"that the design names, 0.02 to 0.4, it is {error:.4f}, at {control:.2f}" in said


def test_nothing_is_said_to_be_missing_from_this_version() -> None:
    assert not [item.title for item in checklist() if "version" in item.supply and item.number > 1]
