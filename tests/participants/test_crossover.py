"""Control participants who take the other arm's course after a month."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, run_block
from adaptive_cart.courses.triggers import TRIGGERS
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.course import DRUG_FREE, Spell, Spells
from adaptive_cart.nouns.summaries import Counts
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.order import impossible
from adaptive_cart.recorded.table import CROSSOVER
from adaptive_cart.telling.without_effect import without_effect
from conduct.test_fast_equals_twin import compare, latents_of_trial, raw_design, with_strata
from course_months import months_of
from twin import one_trial

AFTER = 12.0
NEVER = np.inf
TRIALS = 300


def run(month: float, probability: float | None, strategy: str = "composite") -> Block:
    raw: dict[str, Any] = copy.deepcopy(raw_design("sle_autologous"))
    raw["endpoints"]["dfr"] |= {"month": month, "sustained_from": month - 3.0}
    if probability is not None:
        crossover = {"from": "soc", "to": "cart", "after_month": AFTER, "strategy": strategy}
        raw["crossover"] = crossover
        raw["truth"]["soc"]["crossover"] = {"probability": probability}
    design = Design(**raw)
    plan = Plan.of(design)
    truth = truths_of(design)["expected"]
    return run_block(plan, truth, (0.5,), latents_for(design, 3, 0, TRIALS), True)


def control_responders(block: Block) -> int:
    summary = block.looks[-1].summaries["dfr"]
    assert isinstance(summary, Counts)
    return int(summary.successes[:, 0].sum())


@pytest.mark.parametrize("strategy", ["composite", "treatment_policy"])
def test_a_landmark_up_to_the_month_is_untouched(strategy: str) -> None:
    without, with_ = run(AFTER, None), run(AFTER, 0.7, strategy)
    for mine, theirs in zip(with_.looks, without.looks, strict=True):
        for a, b in zip(
            vars(mine.summaries["dfr"]).values(),
            vars(theirs.summaries["dfr"]).values(),
            strict=True,
        ):
            np.testing.assert_array_equal(a[:, :, 0][mine.held], b[:, :, 0][mine.held])


def test_nobody_crosses_with_probability_zero() -> None:
    block = run(24.0, 0.0)
    assert block.population is not None
    assert block.population.course is not None
    assert not np.isfinite(block.population.course.crossed).any()
    assert control_responders(block) == control_responders(run(24.0, None))


def test_who_crosses_and_what_becomes_of_them() -> None:
    block = run(24.0, 0.6, "treatment_policy")
    population = block.population
    assert population is not None
    course, before = population.course, run(24.0, None).population.course  # type: ignore[union-attr]
    assert course is not None
    assert before is not None
    control = population.arm == 0
    followed = np.minimum(before.dropout, before.death) > AFTER
    months, past_months = months_of(course), months_of(before)
    in_remission = (past_months["remission"] <= AFTER) & (past_months["relapse"] > AFTER)
    eligible = control & followed & ~in_remission
    crossed = np.isfinite(course.crossed)
    assert not crossed[~eligible].any()
    n = eligible.sum()
    assert abs(crossed.sum() / n - 0.6) < 5 * np.sqrt(0.6 * 0.4 / n)
    infused = crossed & np.isfinite(course.infused)
    delay = course.infused[infused] - AFTER
    assert (delay > 0).all()
    assert abs(np.median(delay) - 1.3) < 0.05
    # the control is infused by crossing alone, and nobody's past changes
    assert np.array_equal(np.isfinite(course.infused) & control, infused)
    for name in ("remission", "relapse", "rescue"):
        mine, theirs = months[name], past_months[name]
        past = control & (theirs <= AFTER)
        np.testing.assert_array_equal(mine[past], theirs[past])
        np.testing.assert_array_equal(mine[~crossed], theirs[~crossed])
    after = months["remission_after"]
    assert (
        after[infused & np.isfinite(after)] > course.infused[infused & np.isfinite(after)]
    ).all()
    share = np.isfinite(after[infused]).mean()
    assert 0.60 < share < 0.66  # 0.66 less those whom rescue comes first
    assert not np.isfinite(after[~infused]).any()


def test_composite_counts_a_crosser_as_non_response() -> None:
    composite, policy, none = run(24.0, 1.0), run(24.0, 1.0, "treatment_policy"), run(24.0, None)
    assert control_responders(composite) <= control_responders(none)
    assert control_responders(policy) > 10 * control_responders(none)


def test_dropout_goes_on_at_the_other_arms_hazard() -> None:
    block = run(24.0, 1.0)
    assert block.population is not None
    course = block.population.course
    assert course is not None
    crossed = np.isfinite(course.crossed)
    left = np.minimum(course.dropout, course.death)[crossed] - AFTER
    hazard = 1.0 / left.mean() * 12.0  # of an exponential time
    expected = 0.06 + 0.010
    assert abs(hazard / expected - 1.0) < 5 / np.sqrt(crossed.sum())


# --- Trial by trial, against the slow twin ----------------------------------------------------


def crossing(strategy: str) -> dict[str, Any]:
    """Controls of whom many have been in remission, or will be, when crossover opens at month 6.

    Three in ten are not infused after it, and the primary is at month 12.
    """
    raw: dict[str, Any] = copy.deepcopy(raw_design("sle_autologous"))
    raw["crossover"] = {"from": "soc", "to": "cart", "after_month": 6.0, "strategy": strategy}
    raw["truth"]["soc"] |= {
        "crossover": {"probability": 0.7},
        "remission": {"probability": 0.5, "onset": {"dist": "exponential", "rate": 0.1}},
        "durability": {"cured": 0.2, "relapse": {"dist": "exponential", "median": 5.0}},
    }
    raw["truth"]["cart"]["infusion"]["failure"] = 0.3
    # the predictive rule is compared elsewhere, and most of the time would be its
    raw["rules"] = [rule for rule in raw["rules"] if "predictive" not in rule]
    return raw


def as_it_is(raw: dict[str, Any]) -> None:
    pass


def landmark_up_to_the_month(raw: dict[str, Any]) -> None:
    raw["crossover"]["after_month"] = 12.0


def landmark_long_after(raw: dict[str, Any]) -> None:
    raw["endpoints"]["dfr"] |= {"month": 24, "sustained_from": 20}


def strata(raw: dict[str, Any]) -> None:
    with_strata(raw)
    raw["truth"]["soc"]["strata"] = {"low": {"crossover": {"probability": 0.2}}}


def missing_left_out(raw: dict[str, Any]) -> None:
    raw["endpoints"]["dfr"]["missing"] = "exclude"


def nobody_is_infused_and_remission_is_late(raw: dict[str, Any]) -> None:
    raw["truth"]["cart"]["infusion"]["failure"] = 1.0
    raw["truth"]["soc"]["remission"]["onset"]["rate"] = 0.05


def no_dropout_before(raw: dict[str, Any]) -> None:
    del raw["truth"]["soc"]["dropout"]
    raw["truth"]["cart"]["death"]["per_year"] = 0.3


def no_dropout_after(raw: dict[str, Any]) -> None:
    del raw["truth"]["cart"]["dropout"]
    raw["truth"]["soc"]["death"]["per_year"] = 0.3


def remission_of_either_kind_sustained(raw: dict[str, Any]) -> None:
    raw["endpoints"]["remission"] |= {"month": 24, "sustained_from": 12}
    raw["looks"]["observed"] = [80, 90]
    raw["rules"] = raw["rules"][:1]
    slow = {"dist": "exponential", "median": 15.0}
    raw["truth"]["soc"]["remission_on_drugs"] = {"probability": 1.0, "onset": slow}
    raw["truth"]["cart"]["durability"] = {"relapse": {"dist": "exponential", "median": 6.0}}


def infusion_of_the_product(raw: dict[str, Any]) -> None:
    del raw["truth"]["cart"]["infusion"]


def the_other_arm_is_the_same(raw: dict[str, Any]) -> None:
    raw["scenarios"]["expected"] = {"cart": {"same_as": "soc"}}


CHANGES = [
    as_it_is, landmark_up_to_the_month, landmark_long_after, strata, missing_left_out,
    nobody_is_infused_and_remission_is_late, no_dropout_before, no_dropout_after,
    remission_of_either_kind_sustained, infusion_of_the_product, the_other_arm_is_the_same,
]  # fmt: skip


def after_month(when: str, month: float | None) -> Callable[[dict[str, Any]], None]:
    def change(raw: dict[str, Any]) -> None:
        raw["crossover"]["when"] = when
        del raw["crossover"]["after_month"]
        if month is not None:
            raw["crossover"]["after_month"] = month
        raw["truth"]["soc"]["remission"]["again"] = {"probability": 0.8, "at_most": 2}
        raw["truth"]["soc"]["durability"]["relapse"]["median"] = 2.0
        raw["truth"]["soc"]["rescue"]["per_year"] = 0.8

    change.__name__ = f"{when}_{month}"
    return change


TRIGGERED = [
    after_month("relapse", None), after_month("relapse", 6.0), after_month("rescue", None),
    after_month("rescue", 5.0), after_month("no_remission", 4.0), after_month("month", 6.0),
]  # fmt: skip


@pytest.mark.parametrize("change", TRIGGERED, ids=lambda change: change.__name__)
def test_trials_with_a_trigger_are_the_twins(change: Callable[[dict[str, Any]], None]) -> None:
    raw = crossing("treatment_policy")
    change(raw)
    compare(raw, "expected", 2)


def test_by_hand_when_there_is_reason_to_cross() -> None:
    two, soon = [(2.0, 5.0), (7.0, 9.0)], [(2.0, 3.0), (4.0, 8.0)]

    def month(when: str, after: float, remissions: Any, rescue: float = NEVER) -> float:
        crossover = {"when": when, "after_month": after}
        return one_trial.spells.crossing_month(crossover, remissions, rescue)

    assert month("relapse", 0.0, two) == 5.0
    assert month("relapse", 6.0, two) == 6.0, "it waits"
    assert month("relapse", 6.0, soon) == 8.0, "in remission at month 6, which is lost at 8"
    assert month("relapse", 6.0, [(2.0, 3.0), (4.0, NEVER)]) == NEVER
    assert month("no_remission", 6.0, two) == NEVER
    assert month("no_remission", 6.0, [(7.0, 9.0)]) == 6.0
    assert month("rescue", 6.0, [], 2.5) == 6.0
    assert month("rescue", 0.0, [], 2.5) == 2.5
    assert month("month", 6.0, two) == 6.0
    assert month("month", 8.0, two) == NEVER


def test_who_is_in_another_remission_waits_until_that_is_lost() -> None:
    """As the twin above: (2, 5) and (7, 9); (2, 3) and (4, 8); (2, 3) and one that lasts."""
    began = (np.array([2.0, 2.0, 2.0]), np.array([7.0, 4.0, 4.0]))
    ended = (np.array([5.0, 3.0, 3.0]), np.array([9.0, 8.0, NEVER]))
    remissions = Spells(tuple(Spell(DRUG_FREE, *one) for one in zip(began, ended, strict=True)))
    rescue = np.full(3, NEVER)
    for after, expected in ((0.0, [5.0, 3.0, 3.0]), (6.0, [6.0, 8.0, NEVER])):
        found = TRIGGERS["relapse"].month(remissions, rescue, after)
        np.testing.assert_array_equal(found, expected)


def test_an_infusion_may_be_known_before_the_crossover_that_led_to_it() -> None:
    def found(reporting_delay: float) -> list[tuple[str, str]]:
        raw = crossing("composite") | {"follow_up": {"reporting_delay": reporting_delay}}
        months = dict.fromkeys(("rescue_month", "death_month", *CROSSOVER), NEVER)
        return list(impossible(Design(**raw), (False, True), months | {"infused_month": 6.2}, 0))

    assert found(0.5) == []
    assert found(0.0) == [("infused_month", "nobody is infused in arm 'soc'")]


def test_a_month_is_needed_where_it_is_the_reason() -> None:
    for when in ("month", "no_remission"):
        raw = crossing("composite")
        after_month(when, None)(raw)
        with pytest.raises(DesignError, match=f"when = .{when}. asks for a month"):
            Design(**raw)


def test_a_reason_that_nobody_has_is_told() -> None:
    raw = crossing("composite")
    raw["crossover"]["when"] = "rescue"
    raw["truth"]["soc"]["rescue"]["per_year"] = 0.0
    design = Design(**raw)
    told = [line for line in without_effect(design, truths_of(design)) if "crossover" in line]
    assert told == ["crossover.when: nobody is rescued in that arm, in any scenario"]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("strategy", ["composite", "treatment_policy"])
def test_trials_are_the_twins(strategy: str, change: Callable[[dict[str, Any]], None]) -> None:
    raw = crossing(strategy)
    change(raw)
    compare(raw, "expected", 3)


def test_the_compared_trials_hold_what_they_are_to_compare() -> None:
    raw = crossing("treatment_policy")
    latents = latents_of_trial(Design(**copy.deepcopy(raw)), 0)
    people = one_trial.participants_of(raw, "expected", latents)
    crossed = [person for person in people if person["crossed_month"] < np.inf]
    assert {person["arm"] for person in crossed} == {"soc"}
    assert any(person["remission_month"] < 6.0 for person in crossed)
    assert any(person["rescue_month"] < 6.0 for person in crossed)
    infused = [person for person in crossed if person["infused_month"] < np.inf]
    assert 0 < len(infused) < len(crossed)
    assert any(person["remission_after_month"] < np.inf for person in infused)
    assert any(person["relapse_after_month"] < 30.0 for person in infused)


# --- The twin, by hand ------------------------------------------------------------------------


def by_hand(**latents: float) -> dict[str, Any]:
    """A control: crosses at month 12, infused at 14, in remission from 17 to 32, lost at 36."""
    truth = {
        "soc": {
            "crossover": {"probability": 0.5},
            "remission": {"probability": 0.5, "onset": {"dist": "fixed", "value": 20.0}},
            "durability": {"relapse": {"dist": "fixed", "value": 100.0}},
            "dropout": {"per_year": 0.12},
        },
        "cart": {
            "infusion": {"failure": 0.5, "delay": {"dist": "fixed", "value": 2.0}},
            "remission": {"probability": 0.5, "onset": {"dist": "fixed", "value": 3.0}},
            "durability": {"relapse": {"dist": "fixed", "value": 15.0}},
            "dropout": {"per_year": 0.24},
        },
    }
    raw = {
        "arms": {"soc": {"control": True}, "cart": {}},
        "endpoints": {},
        "crossover": {"from": "soc", "to": "cart", "after_month": 12},
    }
    uniforms = dict.fromkeys(("remission_onset", "relapse"), 0.5) | {
        # a cumulative hazard of 0.60: 0.12 by month 12, the rest at 0.02 a month, until month 36
        "dropout": -np.expm1(-0.60), "remission": 0.1, "crossover": 0.4,
        "crossover:infusion_failure": 0.9, "crossover:infusion_delay": 0.5,
        "crossover:remission": 0.1, "crossover:remission_onset": 0.5, "crossover:relapse": 0.5,
    } | latents  # fmt: skip
    return one_trial.run_course(raw, truth, "soc", None, uniforms.__getitem__)


def person_months(person: dict[str, Any]) -> tuple[float, ...]:
    names = ("crossed", "infused", "remission", "remission_after", "relapse_after", "dropout")
    return tuple(round(person[f"{name}_month"], 9) for name in names)


def test_by_hand_who_crosses_and_what_follows() -> None:
    assert person_months(by_hand()) == (12, 14, NEVER, 17, 32, 36)
    not_infused = by_hand(**{"crossover:infusion_failure": 0.4})
    assert person_months(not_infused) == (12, NEVER, 20, NEVER, NEVER, 36)
    stays = by_hand(crossover=0.5)
    assert person_months(stays) == (NEVER, NEVER, 20, NEVER, NEVER, 60)
    lost = by_hand(dropout=-np.expm1(-0.12))  # at month 12
    assert person_months(lost) == (NEVER, NEVER, 20, NEVER, NEVER, 12)
    lost_before_infusion = by_hand(dropout=-np.expm1(-0.14))  # at month 13
    assert person_months(lost_before_infusion) == (12, NEVER, 20, NEVER, NEVER, 13)


@pytest.mark.parametrize(
    ("month", "composite", "treatment_policy"),
    [
        (12, "failure", "failure"),
        (16, "failure", "failure"),
        (24, "failure", "success"),
        (33, "failure", "failure"),
        (40, "failure", "missing"),
    ],
)
def test_by_hand_the_landmark(month: float, composite: str, treatment_policy: str) -> None:
    person = by_hand()
    for counts, outcome in ((False, composite), (True, treatment_policy)):
        person["after_crossover_counts"] = counts
        person["rescue_month"] = NEVER
        endpoint = {"type": "landmark", "month": month}
        assert one_trial.landmark_outcome("dfr", endpoint, person) == outcome
        person["rescue_month"] = 5.0  # before crossover, and yet by the month
        assert one_trial.landmark_outcome("dfr", endpoint, person) == "failure"


def test_by_hand_the_times() -> None:
    person = by_hand() | {"randomised_month": 0.0}
    not_infused = by_hand(**{"crossover:infusion_failure": 0.4}) | {"randomised_month": 0.0}
    for counts, months, own in ((False, 0.0, 0.0), (True, 15.0, 16.0)):
        for one, expected in ((person, months), (not_infused, own)):
            one["after_crossover_counts"] = counts
            seen = one_trial.see_time_in_remission({"horizon": 40}, [one], NEVER)
            np.testing.assert_allclose(seen["mean_months"], expected, rtol=1e-12)
            seen = one_trial.see_relapse({"horizon": 40}, [one], NEVER)
            assert seen["remitters"] == (1 if counts else 0)
            np.testing.assert_allclose(seen["months_at_risk"], expected, rtol=1e-12)
