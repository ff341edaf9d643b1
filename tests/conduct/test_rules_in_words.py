"""When a rule is judged, as every page says it: from the rule that is judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.conduct.plan import estimand_of, told_of
from adaptive_cart.conduct.rules import resolve_rules, rhythm
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.questions import ALL, OPEN, Question
from adaptive_cart.nouns.questions.words import Parameter, Wording, asked
from adaptive_cart.nouns.summaries import Counts, Durations, Exposure, Means
from adaptive_cart.results.best_arm import lower_is_better
from adaptive_cart.telling.check import described
from checks import raw_design, tiny_design


@pytest.mark.parametrize(
    ("looks", "every", "said"),
    [
        (None, None, "every look"),
        ([1], None, "look 1"),
        ([1, "final"], None, "looks 1 and 3 (the last)"),
        (["final"], None, "the last look"),
        (None, 7, "every look and, between looks, every 7th infusion (all arms counted)"),
        ([2], 1, "look 2 and, between looks, every infusion (all arms counted)"),
    ],
)
def test_when_a_rule_is_judged_is_said_with_its_rhythm(looks: Any, every: Any, said: str) -> None:
    raw = raw_design("hello")
    rule = {**raw["rules"][0], "at_least": 0.99}
    rule |= {key: value for key, value in (("looks", looks), ("every", every)) if value is not None}
    design = Design(**{**raw, "looks": {"observed": [20, 40, 60]}, "rules": [rule]})
    assert resolve_rules(design)[0].when(design) == said


ARMS, CELLS = ("Usual care", "Donor CAR-T cells"), 1
INFECTION = ("Serious infection", Exposure.asked_about())
RESPONSE = ("Response", Counts.asked_about())
RELAPSE = ("Relapse", Durations.asked_about())
REMISSION = ("Months in remission", Means.asked_about("months"))


@pytest.mark.parametrize(
    ("endpoint", "asked_about", "said"),
    [
        (INFECTION, {"minus": 0, "value": 0.2}, "the rate of Serious infection in Donor CAR-T "
         "cells exceeds that in Usual care by more than 0.20 a year"),
        (INFECTION, {"value": 0.2}, "the rate of Serious infection in Donor CAR-T cells exceeds "
         "0.20 a year"),
        (RESPONSE, {"minus": 0}, "the probability of Response in Donor CAR-T cells exceeds that in "
         "Usual care"),
        (RESPONSE, {"minus": 0, "value": -0.1}, "the probability of Response in Donor CAR-T cells "
         "is below that in Usual care by less than 0.10, if at all"),
        (RESPONSE, {"minus": 0, "value": -0.1, "above": False}, "the probability of Response in "
         "Donor CAR-T cells is below that in Usual care by more than 0.10"),
        (RESPONSE, {"minus": 0, "value": 0.1, "above": False}, "the probability of Response in "
         "Donor CAR-T cells exceeds that in Usual care by less than 0.10, if at all"),
        (RESPONSE, {"value": 0.15, "above": False}, "the probability of Response in Donor CAR-T "
         "cells is below 0.15"),
        (RESPONSE, {"minus": 0, "above": False}, "the probability of Response in Donor CAR-T cells "
         "is below that in Usual care"),
        (RESPONSE, {"kind": "best"}, "Donor CAR-T cells has the largest probability of Response of "
         "all arms that are still open"),
        (RELAPSE, {"kind": "hazard_ratio", "minus": 0, "value": 1.0,
                                    "above": False},
         "the hazard ratio of Relapse in Donor CAR-T cells against Usual care is below 1.00"),
        (RELAPSE, {"kind": "remaining", "value": 0.5, "month": 24.0},
         "the fraction still without an event at month 24 (Relapse) in Donor CAR-T cells exceeds "
         "0.50"),
        (RELAPSE, {"value": 0.3}, "the cured fraction (Relapse) in Donor CAR-T "
         "cells exceeds 0.30"),
        (REMISSION, {"minus": 0, "value": 2.0}, "the mean of Months in "
         "remission in Donor CAR-T cells exceeds that in Usual care by more than 2.00 months"),
    ],
)  # fmt: skip
def test_every_kind_of_question_reads_as_a_protocol_says_it(
    endpoint: tuple[str, Parameter], asked_about: dict[str, Any], said: str
) -> None:
    question = Question(endpoint="e", arm=CELLS, **asked_about)
    assert asked(question, Wording(*endpoint, arms=ARMS, strata=())) == said


@pytest.mark.parametrize(
    ("stratum", "said"),
    [(1, " in stratum renal"), (ALL, " over all strata"), (OPEN, " over the strata still open")],
)
def test_a_question_says_its_strata(stratum: int, said: str) -> None:
    wording = Wording(*RESPONSE, arms=ARMS, strata=("skin", "renal"))
    told = asked(Question(endpoint="e", arm=CELLS, value=0.3, stratum=stratum), wording)
    assert told == f"the probability of Response in Donor CAR-T cells{said} exceeds 0.30"


def test_rules_of_each_arm_or_stratum_and_predictions_say_so() -> None:
    basket, several = (Design(**raw_design(n)) for n in ("basket_diseases", "products_multiarm"))
    told = [part.prose(basket, every=True) for rule in resolve_rules(basket) for part in rule.parts]
    assert any(" in each stratum " in said for said in told)
    resolved = resolve_rules(several)
    told = [part.prose(several, every=True) for rule in resolved for part in rule.parts]
    assert any("in each experimental arm" in said for said in told)
    goldilocks = Design(**raw_design("goldilocks_allogeneic"))
    told = [part.prose(goldilocks) for rule in resolve_rules(goldilocks) for part in rule.parts]
    assert told[1] == "efficacy will hold at the last look with those enrolled by then"
    assert told[2] == "efficacy will hold at the last look with all 120 planned participants"


def test_what_is_asked_of_one_arm_beside_each_is_said_to_be_of_all() -> None:
    raw = raw_design("products_multiarm")
    own = next(rule["posterior"] for rule in raw["rules"] if "posterior" in rule)
    each = {"endpoint": own["endpoint"], "arm": "each", "minus": "soc", "above": 0.0}
    name = next(name for name, arm in raw["arms"].items() if not arm.get("control"))
    parts = [
        {"posterior": each, "at_least": 0.9},
        {"posterior": each | {"arm": name}, "at_least": 0.5},
    ]
    raw["rules"] = [{"name": "good", "then": "declare_success", "all": parts}]
    asked = f"P({name} − soc > 0.00 | {own['endpoint']})"
    told = f"the same for every arm: {asked}, which is about {name} alone"
    assert told in described(Design(**raw))
    raw["rules"][0]["all"] = parts[:1] * 2
    assert "the same for every arm" not in described(Design(**raw))


def test_what_success_claims_is_estimated_and_said_so() -> None:
    raw = raw_design("hello")
    assert told_of(Design(**raw)).estimate == "posterior mean"
    for rule in raw["rules"]:
        if rule["then"] == "declare_success":
            asked = rule["posterior"]
            asked |= {"ratio_to": asked.pop("minus"), "above": 1.2}
    design = Design(**raw)
    asked = estimand_of(design)
    assert asked is not None
    assert (asked.kind, asked.minus) == ("ratio", 0)
    assert told_of(design).estimate == "posterior median"


def test_the_category_that_success_asks_for_is_estimated() -> None:
    shares = {"dead": 0.1, "bad": 0.5, "good": 0.4}
    asked = {"endpoint": "o", "arm": "cart", "minus": "soc", "reaches": "good", "above": 0.0}
    rule = {"name": "win", "then": "declare_success", "posterior": asked, "at_least": 0.97}
    raw = tiny_design(
        endpoints={"o": {"type": "ordinal", "month": 4, "categories": list(shares)}},
        analysis={"o": {"model": "dirichlet"}},
        rules=[rule],
        scenarios={"null": {"o": {"soc": shares, "cart": shares}}},
    )
    found = estimand_of(Design(**raw))
    assert found is not None
    assert found.category is not None
    assert (found.kind, found.category.name, found.minus) == ("reaches", "good", 0)
    other = rule | {"name": "other", "posterior": asked | {"reaches": "bad"}}
    found = estimand_of(Design(**raw | {"rules": [rule, other]}))
    assert found is not None
    assert found.kind != "reaches"


def test_the_order_of_questions_asked_at_once_changes_no_estimand() -> None:
    raw = raw_design("hello")
    rule = next(rule for rule in raw["rules"] if rule["then"] == "declare_success")
    level = rule.pop("posterior")
    ratio = {key: value for key, value in level.items() if key not in ("minus", "above")}
    ratio |= {"ratio_to": level["minus"], "below": 0.8}
    alone = ratio | {"arm": level["minus"]}
    del alone["ratio_to"]
    for pair in ((level, ratio), (alone, ratio)):
        found, lower = [], []
        for order in (pair, pair[::-1]):
            rule["jointly"] = [dict(asked) for asked in order]
            design = Design(**raw)
            found.append(estimand_of(design))
            lower.append(lower_is_better(design))
        assert found[0] == found[1]
        assert lower[0] == lower[1]
        assert found[0] is not None
        assert found[0].kind == ("level" if pair[0] is level else "ratio")
        assert lower[0] is (pair[0] is not level)


def test_rhythms_have_their_endings() -> None:
    said = [rhythm(n).split()[1] for n in (2, 3, 4, 11, 12, 13, 21, 22, 101, 111)]
    assert said == ["2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "101st", "111th"]


def test_stops_between_looks_and_deciding_rules_are_counted_apart(tmp_path: Any) -> None:
    raw = raw_design("sle_autologous")
    raw["rules"][0]["every"] = 5
    result = ac.simulate(
        Design(**raw), trials=200, seed=3, jobs=1, scenarios=["toxic"], out=tmp_path / "out"
    )
    trials = result.trials
    between = trials["between"].to_numpy()
    first = result.design.looks.at[0]
    assert 20 < between.sum() < len(trials)
    early = between & (trials["look"] == 1).to_numpy()
    # nobody reached the look that would have come next: fewer are analysed than it asks for
    assert (trials["n_analysed"][early] < first).all()
    assert (trials["n_analysed"][~between] >= first).all()
    assert result.figure("toxic", "stop_between").estimate == between.mean()
    found = result.figure("toxic", "stop_between", look=1, reason="safety").estimate
    assert found == (early & (trials["reason"] == "safety").to_numpy()).mean()
    for rule in result.design.rules:
        mine = (trials["rule"] == rule.name).to_numpy()
        assert result.figure("toxic", f"decided_{rule.name}").estimate == mine.mean()
        for look in (1, 2):
            here = mine & (trials["look"] == look).to_numpy()
            told = result.figure("toxic", f"decided_{rule.name}", look=look).estimate
            assert np.isclose(told, here.mean(), rtol=0, atol=0)
