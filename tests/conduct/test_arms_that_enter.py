"""Arms that enter and leave: against the twin, by hand, and refused where they cannot be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from adaptive_cart.analysis.replay import replayed
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.design.planned import planned_ahead, planned_windows
from adaptive_cart.design.randomisation import ResponseAdaptive
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.questions import Question
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import followed, latents_for
from adaptive_cart.participants.shares import moved_shares
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.results.estimand import true_values
from adaptive_cart.running.engine import obstacles
from adaptive_cart.telling.check import described
from adaptive_cart.telling.walkthrough import example
from analysis.test_real_trial_round_trip import same_end, simulated, table
from conduct.test_fast_equals_adaptive_twin import compare

Raw = dict[str, Any]


def platform(stays: Raw, **tables: Any) -> Raw:
    """A control and three products; arms are dropped, and each succeeds by itself."""
    question = {"endpoint": "free", "arm": "each", "minus": "usual", "above": 0.0}
    raw: Raw = {
        "name": "Platform",
        "arms": {"usual": {"control": True}, "auto": {}, "allo": {"allocation": 2}, "vivo": {}},
        "endpoints": {"free": {"type": "landmark", "month": 3.0}},
        "enrolment": {"max_n": 90, "per_month": 3.0},
        "looks": {"observed": [18, 36, 54, 72], "final": "all_observed"},
        "rules": [
            {"name": "weak", "then": "drop_arm", "posterior": question, "below": 0.3},
            {"name": "works", "then": "declare_success", "posterior": question,
             "at_least": 0.9, "looks": [3, 4, "final"]},
        ],
        "scenarios": {
            "one": {
                "free": {"usual": 0.3, "auto": 0.3, "allo": 0.5, "vivo": 0.4},
                "time_trend": {"free": {"per_year": 0.5}},
            }
        },
    }  # fmt: skip
    for arm, moments in stays.items():
        raw["arms"][arm] |= moments
    return raw | tables


STAYS: dict[str, Raw] = {
    "one enters": {"allo": {"enters": 8.0}},
    "two enter": {"allo": {"enters": 8.0}, "vivo": {"enters": 15.5}},
    "one leaves": {"auto": {"leaves": 11.0}},
    "one leaves as another enters": {"auto": {"leaves": 10.0}, "vivo": {"enters": 10.0}},
    "after another": {"vivo": {"enters": {"after": "auto"}}},
    "after one that leaves at the latest": {
        "auto": {"leaves": 16.0}, "vivo": {"enters": {"after": "auto"}}
    },
    "a chain": {
        "auto": {"leaves": 7.0}, "allo": {"enters": {"after": "auto"}, "leaves": 20.0},
        "vivo": {"enters": {"after": "allo"}},
    },
    "leaves when another does": {"allo": {"leaves": {"after": "auto"}}, "vivo": {"enters": 4.0}},
    "only the control for a while": {
        "auto": {"leaves": 6.0}, "allo": {"enters": 9.0}, "vivo": {"enters": 12.0}
    },
}  # fmt: skip


@pytest.mark.parametrize("stays", STAYS.values(), ids=STAYS)
def test_it_is_the_twins_trial_by_trial(stays: Raw) -> None:
    compare(platform(stays), "one", 3)


@pytest.mark.parametrize("after_closing", ["redistribute", "keep"])
def test_within_strata(after_closing: str) -> None:
    raw = platform(STAYS["a chain"], strata={"mild": 0.4, "hard": 0.6})
    raw["enrolment"]["after_closing"] = after_closing
    compare(raw, "one", 3)


def test_planned_numbers_are_shares_of_those_expected_while_an_arm_is_open() -> None:
    """Three a month: 24 until month 8 in two arms, 22.5 in three until 15.5, 43.5 in four."""
    design = Design(**platform(STAYS["two enter"]))
    # 24/2 + 22.5/4 + 43.5/5 = 26.325 twice, 22.5/2 + 2 x 43.5/5 = 28.65, 43.5/5 = 8.7
    assert design.planned == (26, 26, 29, 9)


def test_after_another_is_planned_from_the_middle_look_that_may_close_it() -> None:
    """Looks at 18, 36, 54 and 72 of 3 a month, 3 months later: the third is expected at 21."""
    design = Design(**platform(STAYS["after another"]))
    windows = planned_windows(design)
    assert windows.opens[0].tolist() == [0.0, 0.0, 0.0, 21.0]
    assert windows.closes[0].tolist() == [np.inf, 21.0, np.inf, np.inf]
    # 63 in 1 : 1 : 2, then 27 in 1 : 2 : 1
    # 63 in 1 : 1 : 2 is 15.75, 15.75 and 31.5; then 27 in 1 : 2 : 1 is 6.75, 13.5 and 6.75
    assert design.planned == (22, 16, 45, 7)  # 22.5, 15.75, 45 and 6.75


def test_true_differences_are_over_those_randomised_while_the_arm_is_open() -> None:
    raw = platform(STAYS["two enter"])
    design = Design(**raw)
    values = true_values(design, design.truths["one"])

    def at(probability: float, month: float) -> float:
        odds = probability / (1.0 - probability) * math.exp(0.5 * month / 12.0)
        return odds / (1.0 + odds)

    for arm, enters in ((1, 0.0), (2, 8.0), (3, 15.5)):
        months = [(k + 1) / 3.0 for k in range(90) if (k + 1) / 3.0 > enters + 1e-9]
        own = raw["scenarios"]["one"]["free"][design.arm_names[arm]]
        each = [at(own, month) - at(0.3, month) for month in months]
        found = values.quantity(Question("free", arm, 0))
        assert found is not None
        assert found.value == pytest.approx(math.fsum(each) / len(each), abs=1e-12)


def test_an_arm_has_nobody_before_it_enters_and_after_it_leaves() -> None:
    design = Design(**platform({"auto": {"leaves": 11.0}, "allo": {"enters": 8.0}}))
    latents = latents_for(design, 3, 0, 50)
    population = followed(design, design.truths["one"], latents, Enrolment(design, latents))
    came = np.isfinite(population.arrival)
    assert population.arrival[came & (population.arm == 1)].max() <= 11.0
    assert population.arrival[came & (population.arm == 2)].min() > 8.0
    for begins, ends, ratio in ((0.0, 8.0, (1, 1, 0, 1)), (8.0, 11.0, (1, 1, 2, 1))):
        within = (population.arrival > begins) & (population.arrival <= ends)
        counts = np.stack([(within & (population.arm == a)).sum(axis=1) for a in range(4)], 1)
        blocks = counts.sum(axis=1, keepdims=True) // sum(ratio)  # whole ones, then a part of one
        assert (counts >= blocks * np.array(ratio)).all()
        assert (counts <= (blocks + 1) * np.array(ratio)).all()


def test_the_exact_engine_refuses_and_check_says_the_periods() -> None:
    design = Design(**platform(STAYS["a chain"]))
    why = "the numbers in auto, allo, vivo hang on the calendar"
    assert why in obstacles(design, design.truths)
    text = described(design)
    assert "(enters when auto stops enrolling; leaves at month 20)" in text
    assert "from month 0 to 7: usual 1 : auto 1 in blocks of 2" in text
    assert "from month 7 to 20: usual 1 : allo 2 in blocks of 3" in text
    assert "from month 20 on: usual 1 : vivo 1 in blocks of 2" in text
    assert "planned as if auto stopped enrolling at the middle one of the looks" in described(
        Design(**platform(STAYS["after another"]))
    )


def test_check_says_with_what_share_an_arm_enters() -> None:
    raw = platform(STAYS["two enter"], randomisation={"method": "response_adaptive"})
    text = described(Design(**raw))
    assert "who enters begins with one part in as many as there are arms" in text
    assert "from month 0 to 8: usual, auto\n" in text
    assert "from month 8 to 15.5: usual, auto, allo\n" in text


def test_an_example_says_that_an_arm_has_not_entered() -> None:
    design = Design(**platform(STAYS["two enter"]))
    told = example(design, "one", 0).text
    assert "weak: not judged of vivo, which has not entered (it enters at month 15.5)" in told


@pytest.mark.parametrize(
    ("stays", "method"),
    [(stays, "permuted_blocks") for stays in ("two enter", "after another", "a chain")]
    + [(stays, "response_adaptive") for stays in ("two enter", "after another")],
)
def test_a_table_of_participants_is_the_same_trial(stays: str, method: str) -> None:
    """Read back as a real trial, every look has the same numbers, answers and decisions."""
    design = Design(**platform(STAYS[stays], randomisation={"method": method}))
    block = simulated(design, "one", 2)
    for trial in range(2):
        participants = read_participants(table(design, block, trial), design)
        same_end(block, trial, replayed(Plan.of(design), participants))


@pytest.mark.parametrize("spends", [False, True])
def test_a_real_trial_is_completed_and_spends_as_the_simulated_one(spends: bool) -> None:
    raw = platform(STAYS["two enter"])
    if spends:
        raw["analysis"] = {"free": {"model": "proportions_test"}}
        raw["rules"] = [raw["rules"][1] | {"at_least": {"alpha": 0.05}}]
        del raw["rules"][0]["looks"]
    else:
        asked = raw["rules"].pop()
        level = {"endpoint": "free", "arm": "each", "above": 0.2}
        both = [{key: asked.pop(key) for key in ("posterior", "at_least")},
                {"posterior": level, "at_least": 0.7}]  # fmt: skip
        raw["rules"] = [
            {"name": "ahead", "then": "drop_arm", "predictive": {"rule": "works"}, "below": 0.1,
             "looks": [1, 2, 3, 4]},
            asked | {"all": both, "looks": ["final"]},
        ]  # fmt: skip
    design = Design(**raw)
    block = simulated(design, "one", 2)
    for trial in range(2):
        participants = read_participants(table(design, block, trial), design)
        same_end(block, trial, replayed(Plan.of(design), participants))


REFUSED: list[tuple[Raw, str]] = [
    ({"allo": {"enters": 30.0}}, "arms.allo.enters: found 30; 'allo' enters after the trial can"),
    ({"usual": {"enters": 3.0}}, "arms.usual.enters: 'usual' is the control, which enrols from"),
    ({"allo": {"enters": {"after": "aut"}}}, "(did you mean 'auto'?); the experimental arms are"),
    ({"allo": {"enters": {"after": "allo"}}}, "an arm cannot wait for itself"),
    ({"allo": {"enters": {"after": "usual"}}}, "the control, which enrols to the end"),
    ({"allo": {"enters": 9.0, "leaves": 8.0}}, "'allo' enters at month 9, and leaves after that"),
    ({"allo": {"enters": 0.0}}, "arms.allo.enters: found 0.0"),
    ({"allo": {"enters": "auto"}}, "arms.allo.enters: found \"auto\""),
    ({"allo": {"enters": {"afer": "auto"}}}, "arms.allo.enters.afer: unknown key (did you mean"),
    (
        {"auto": {"enters": {"after": "allo"}}, "allo": {"enters": {"after": "auto"}}},
        "waits for itself, by",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("stays", "told"), REFUSED)
def test_what_is_wrong_is_told(stays: Raw, told: str) -> None:
    with pytest.raises(DesignError) as caught:
        Design(**platform(stays))
    assert told in str(caught.value)


def test_beside_no_control_no_arm_enters() -> None:
    raw = platform(STAYS["one enters"])
    raw["arms"]["usual"] = {}
    for rule in raw["rules"]:
        rule["posterior"] = {"endpoint": "free", "arm": "each", "above": 0.3}
    with pytest.raises(DesignError, match="this design has none: write `control = true`"):
        Design(**raw)


def test_an_arm_that_enrols_to_the_end_is_not_waited_for() -> None:
    raw = platform(STAYS["after another"])
    raw["rules"] = [raw["rules"][1]]
    raw["rules"][0]["posterior"] = {"endpoint": "free", "arm": "allo", "above": 0.3}
    with pytest.raises(DesignError, match="'auto' stops enrolling only when the trial ends"):
        Design(**raw)


ADAPTIVE: dict[str, Raw] = {
    "matched": {"power": 1.0},
    "a fixed control, and a least share": {
        "control": 0.3, "minimum": 0.2, "power": 2.0, "burn_in": 40
    },
    "a least share of all": {"minimum": 0.2, "power": 3.0},
}  # fmt: skip


@pytest.mark.parametrize("rule", ADAPTIVE.values(), ids=ADAPTIVE)
@pytest.mark.parametrize(
    "stays",
    [
        pytest.param(STAYS[name], id=name, marks=[] if fast else [pytest.mark.slow])
        for name, fast in {
            "two enter": False,
            "one leaves as another enters": False,
            "after another": True,
            "a chain": False,
            "only the control for a while": True,
        }.items()
    ],
)
def test_shares_are_the_twins_trial_by_trial(stays: Raw, rule: Raw) -> None:
    """Arms enter and leave between looks, and at the very date of one; each share is the twin's."""
    raw = platform(stays, randomisation={"method": "response_adaptive", **rule})
    raw["arms"]["allo"].pop("allocation")
    raw["looks"]["observed"] = [12, 24, 40, 60]
    compare(raw, "one", 3)


def test_an_arm_that_enters_has_one_part_in_all_until_the_next_look() -> None:
    """Equal shares of three until month 8, of four after it; a least share is kept at once."""
    raw = platform({"vivo": {"enters": 8.0}}, randomisation={"method": "response_adaptive"})
    design = Design(**raw)
    trials = 20_000
    latents = latents_for(design, 3, 0, trials)
    enrolment = Enrolment(design, latents)
    for begins, ends, part in ((0.0, 8.0, [1 / 3, 1 / 3, 1 / 3, 0.0]), (8.0, 99.0, [0.25] * 4)):
        within = (enrolment.arrival > begins) & (enrolment.arrival <= ends)
        seen = np.bincount(enrolment.arm[within], minlength=4) / within.sum()
        assert within.sum() > 100_000
        np.testing.assert_allclose(seen, part, atol=4.0 * 0.5 / math.sqrt(within.sum()))
    # 0.6, 0.3 and 0.1; who enters has a quarter, and 0.75 x 0.1 is raised to 0.1
    rule = ResponseAdaptive(method="response_adaptive", minimum=0.1)
    before, now = np.array([[True, True, True, False]]), np.ones((1, 4), dtype=np.bool_)
    moved = moved_shares(
        np.array([[0.6, 0.3, 0.1, 0.0]]), before, now, rule, np.ones(1, dtype=np.bool_)
    )
    scale = (1.0 - 0.1) / (0.45 + 0.225 + 0.25)
    np.testing.assert_allclose(moved, [[0.45 * scale, 0.225 * scale, 0.1, 0.25 * scale]])
    # before anything has been learned all have the same, also beside a fixed share of the control
    fixed = ResponseAdaptive(method="response_adaptive", control=0.4)
    equal = np.full((1, 4), 0.25)
    moved = moved_shares(equal, now, before, fixed, np.zeros(1, dtype=np.bool_))
    np.testing.assert_allclose(moved, [[1 / 3, 1 / 3, 1 / 3, 0.0]])


@pytest.mark.parametrize("stays", ["two enter", "after another"])
def test_the_best_is_sought_among_those_that_have_entered(stays: str) -> None:
    raw = platform(STAYS[stays])
    raw["rules"] = [
        {"name": "poor", "then": "drop_arm", "below": 0.15,
         "posterior": {"endpoint": "free", "arm": "each", "best": True}},
        {"name": "works", "then": "declare_success", "at_least": 0.61, "looks": [2, 3, 4, "final"],
         "posterior": {"endpoint": "free", "arm": "each", "best": True}},
    ]  # fmt: skip
    block = compare(raw, "one", 4, tolerance=1e-5)
    assert block.reversal.any() or (block.standing.noted[1] > 0).any()


@pytest.mark.parametrize(
    ("stays", "whom"),
    [
        *[(stays, "max_n") for stays in ("two enter", "after another")],
        *[
            pytest.param(stays, "max_n", marks=pytest.mark.slow)
            for stays in ("a chain", "one leaves", "leaves when another does")
        ],
        pytest.param("two enter", "enrolled", marks=pytest.mark.slow),
    ],
)
def test_what_is_predicted_is_the_twins(stays: str, whom: str) -> None:
    """Of each arm, those in it and its share of those to come, as things stand at the look."""
    raw = platform(STAYS[stays])
    raw["rules"][0]["below"] = 0.31  # of few participants it can be 0.3 to the last bit but one
    raw["rules"][1]["looks"] = ["final"]
    raw["rules"].insert(
        1,
        {"name": "hopeless", "then": "drop_arm", "predictive": {"rule": "works", "with": whom},
         "below": 0.1, "looks": [1, 2, 3, 4]},
    )  # fmt: skip
    block = compare(raw, "one", 3)
    seen = [record.probabilities["hopeless"] for record in block.looks[:4]]
    told = np.concatenate([part[np.isfinite(part)] for part in seen])
    assert len(told) >= 12
    assert ((told > 0.01) & (told < 0.99)).sum() >= 6


def test_numbers_ahead_by_hand() -> None:
    """At month 10 of three a month 25 are in; vivo enters at 15.5, allo has been dropped at 10."""
    design = Design(**platform(STAYS["two enter"]))
    randomised = np.array([[10, 9, 6, 0]])
    closed = np.array([[np.inf, np.inf, 10.0, np.inf]])
    found = planned_ahead(design, np.array([10.0]), randomised, closed)
    # 16.5 in two arms until 15.5, then 48.5 in three: 24.4167 each of the first two, 16.1667
    assert found.tolist() == [[10 + 25, 9 + 24, 6, 16]]
    assert found.sum() == 90
    # one that waits for auto enters when auto has been dropped, not when that was planned
    design = Design(**platform(STAYS["after another"]))
    closed = np.array([[np.inf, 10.0, np.inf, np.inf], [np.inf] * 4])
    found = planned_ahead(design, np.full(2, 10.0), np.array([[8, 7, 10, 0]] * 2), closed)
    # dropped: 65 in 1 : 2 : 1; else until 21, the third look, 33 in 1 : 1 : 2, then 32 in 1 : 2 : 1
    assert found[0].tolist() == [8 + 16, 7, 10 + 33, 16]  # 16.25, 32.5, 16.25
    assert found[1].tolist() == [8 + 16, 7 + 8, 10 + 33, 8]  # 16.25, 8.25, 32.5, 8


def test_an_arm_alone_among_those_that_have_entered_is_the_best_of_them() -> None:
    """Nobody else is there at the first look, so that P(best) is 1; later it is not."""
    raw = platform({"allo": {"enters": 12.0}, "vivo": {"enters": 12.0}})
    raw["rules"][0] = {
        "name": "ahead", "then": "drop_arm", "below": 0.0001,
        "posterior": {"endpoint": "free", "arm": "each", "best": True},
    }  # fmt: skip
    raw["rules"][1]["looks"] = ["final"]
    design = Design(**raw)
    block = simulated(design, "one", 5)
    first, later = block.looks[0], block.looks[2]
    assert first.date.max() < 12.0 < later.date.min()
    np.testing.assert_array_equal(first.probabilities["ahead"][:, 0], 1.0)
    assert np.isnan(first.probabilities["ahead"][:, 1:]).all()
    sums = np.nansum(later.probabilities["ahead"], axis=1)
    np.testing.assert_allclose(sums, 1.0, atol=1e-6)


TOGETHER: list[tuple[Raw, Raw, str]] = [
    ({"randomisation": {"block": 10}}, {}, "while only usual and allo enrol, 1 : 2 needs a mult"),
    ({"looks": {"observed": [18], "minimum_in_each_arm": 2}}, {}, "an arm that has not entered"),
    ({"looks": {"months": [6.0, 8.0]}}, {}, "the last look is at month 8"),
]


@pytest.mark.parametrize(("tables", "rule", "told"), TOGETHER)
def test_what_does_not_go_with_entering_arms_is_told(tables: Raw, rule: Raw, told: str) -> None:
    raw = platform(STAYS["one enters"], **tables)
    del raw["rules"][1]["looks"]
    raw["rules"] += [{"name": "more", **rule}] if rule else []
    with pytest.raises(DesignError) as caught:
        Design(**raw)
    assert told in str(caught.value)


def test_regular_arrivals_and_a_scenario_with_a_pace_of_its_own() -> None:
    raw = platform(STAYS["two enter"])
    raw["enrolment"]["arrivals"] = "regular"
    raw["scenarios"]["one"]["enrolment"] = {"per_month": {"ramp_months": 6.0, "plateau": 4.0}}
    compare(raw, "one", 2)
