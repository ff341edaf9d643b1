"""Completing a trial in which arms enter and leave: who is still to come in each arm, and when.

The twin goes arm by arm. Of those to come, who arrive as enrolment is planned, each arm open then
has its part by allocation; an arm's own come evenly as its part grows; and the order in which they
do so is that in which all arrive.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.conduct import asking
from adaptive_cart.conduct.completion import Completion
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import SimulatedConduct
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.ahead import Ahead
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.participants.population import latents_for

Raw = dict[str, Any]
ALLOWED = 0.015  # a predictive probability: four of its standard errors near 0.05, two near a half
ARMS = ("soc", "cart", "allo", "vivo")
ALLOCATION = (1, 1, 2, 1)
LAST = 14.0  # month at which auto leaves
ENTERS = (0.0, 0.0, 10.0, 30.0)  # vivo: not while anybody is to come


class Held(SimulatedConduct):
    """A block of trials of which every look is kept."""

    kept: list[LookAnalysis]

    def analysis(self, date: Floats, held: Booleans) -> LookAnalysis:
        found = super().analysis(date, held)
        self.kept.append(found)
        return found


def first_look(raw: Raw, trials: int) -> Held:
    design = Design(**raw)
    conduct = Held(
        Plan.of(design), design.truths["expected"], (), latents_for(design, 5, 0, trials)
    )
    conduct.kept = []
    conduct.look(1)
    return conduct


def platform(**tables: Any) -> Raw:
    """Yearly rates; one product enters after the first look, one leaves, one enters at its end."""
    question = {"endpoint": "infection", "arm": "cart", "minus": "soc", "below": 0.0}
    raw: Raw = {
        "name": "Platform",
        "arms": {
            "soc": {"control": True}, "cart": {"leaves": LAST},
            "allo": {"enters": ENTERS[2], "allocation": 2}, "vivo": {"enters": 15.9},
        },
        "endpoints": {"infection": {"type": "event_rate"}},
        "analysis": {"infection": {"model": "gamma_poisson", "prior": {"a": 0.5, "b": 0.5}}},
        "enrolment": {"max_n": 80, "per_month": 5, "arrivals": "regular"},
        "looks": {"months": [8, 24]},
        "rules": [
            {"name": "ahead", "then": "declare_futility", "predictive": {"rule": "fewer"},
             "below": 0.001, "looks": [1]},
            {"name": "fewer", "then": "declare_success", "posterior": question,
             "at_least": 0.95, "looks": ["final"]},
        ],
        "scenarios": {"expected": {
            "infection": {"soc": 1.0, "cart": 0.7, "allo": 0.6, "vivo": 0.5}
        }},
    }  # fmt: skip
    return raw | tables


def come(randomised: list[int]) -> list[tuple[str, float]]:
    """Arm and month of those who come after month 8, the 41st to the 80th at five a month."""
    opens, closes = {"soc": 0.0, "cart": 0.0, "allo": 10.0, "vivo": 15.9}, {"cart": LAST}
    # (month, how much of each arm is expected by then), a small step after the other
    step, grown = 0.0005, {arm: [0.0] for arm in ARMS}
    for number in range(1, round(40 / 5 / step) + 1):
        middle = 8.0 + (number - 0.5) * step
        there = [a for a in ARMS if opens[a] < middle < closes.get(a, math.inf)]
        total = sum(ALLOCATION[ARMS.index(arm)] for arm in there)
        for arm in ARMS:
            part = ALLOCATION[ARMS.index(arm)] / total if arm in there else 0.0
            grown[arm].append(grown[arm][-1] + 5 * step * part)
    whole = {arm: math.floor(grown[arm][-1] + 1e-6) for arm in ARMS}
    rest = sorted(ARMS, key=lambda arm: round(whole[arm] - grown[arm][-1], 6))
    for arm in rest[: 40 - sum(whole.values())]:
        whole[arm] += 1
    moments = [
        (int(np.searchsorted(grown[arm], (k + 0.5) / whole[arm] * grown[arm][-1])), place, arm)
        for place, arm in enumerate(ARMS)
        for k in range(whole[arm])
    ]
    return [(arm, 8.0 + (k + 1) / 5) for k, (_, _, arm) in enumerate(sorted(moments))]


def test_rates_are_completed_by_who_comes_to_each_arm_while_it_is_open() -> None:
    conduct = first_look(platform(), 5)
    found = conduct.records[0].probabilities["ahead"][:, 0]
    seen = conduct.kept[0].summary("infection")
    for trial in range(5):
        arms = conduct.population.arm[trial, :40]
        coming = come([int((arms == arm).sum()) for arm in range(4)])
        # 2 × 5 : 2 × 5 until month 10, then 5 : 5 : 10, from 14 on 3.17 : 6.33, and 1 : 2 : 1
        assert [sum(arm == one for one, _ in coming) for arm in ARMS] == [13, 10, 17, 0]
        assert min(month for arm, month in coming if arm == "allo") > 10.0
        assert max(month for arm, month in coming if arm == "cart") < LAST + 0.2
        mass, events, years = [], [], []
        for arm in (0, 1):
            had, been = seen.events[trial, arm, 0], seen.years[trial, arm, 0]
            more = (arms == arm).sum() * (24.0 - 8.0) / 12
            more += sum(24.0 - month for one, month in coming if one == ARMS[arm]) / 12
            events.append(0.5 + had)
            years.append(0.5 + been + more)
            # gamma-Poisson: negative binomial
            mass.append(stats.nbinom.pmf(np.arange(240), 0.5 + had, (0.5 + been) / years[-1]))
        control, cart = np.meshgrid(np.arange(240), np.arange(240), indexing="ij")
        # rate_1 < rate_0, where r rate_1 / (r rate_1 + s rate_0) is Beta(a, b)
        lower = stats.beta.cdf(years[1] / sum(years), events[1] + cart, events[0] + control)
        expected = float(mass[0] @ (lower >= 0.95) @ mass[1])
        assert found[trial] == pytest.approx(expected, abs=ALLOWED)


def ahead(raw: Raw, apart: bool = False, trials: int = 3) -> tuple[Held, Ahead]:
    conduct = first_look(raw, trials)
    return conduct, Completion(conduct.kept[0], False, apart).ahead


def test_who_is_to_come_arrives_in_the_order_of_the_twin() -> None:
    conduct, found = ahead(platform())
    for trial in range(3):
        arms = conduct.population.arm[trial, :40]
        coming = come([int((arms == arm).sum()) for arm in range(4)])
        new = found.new[trial]
        assert [ARMS[arm] for arm in found.arm[trial, new]] == [arm for arm, _ in coming]
        np.testing.assert_allclose(found.arrival[trial, new], [month for _, month in coming])


STRATA = {"active": 0.7, "quiet": 0.3}


@pytest.mark.parametrize("apart", [False, True])
def test_strata_share_who_is_to_come_to_an_arm(apart: bool) -> None:
    raw = platform(strata=STRATA)
    conduct, found = ahead(raw, apart)
    tally = conduct.population.tally(conduct.kept[0].snapshot.enrolled)
    more = found.planned - tally
    np.testing.assert_array_equal(more.sum(axis=2)[0], [13, 10, 17, 0])
    rounded = [[9, 4], [7, 3], [12, 5], [0, 0]]  # 9.1, 3.9; 7, 3; 11.9, 5.1
    np.testing.assert_array_equal(more[0], rounded)
    come = [[((found.arm == a) & (found.stratum == s) & found.new)[0].sum() for s in (0, 1)]
            for a in range(4)]  # fmt: skip
    np.testing.assert_array_equal(come, rounded)


def test_an_arm_that_has_left_has_nobody_to_come_in_any_stratum() -> None:
    """Nor is any expected of the share of those in it that a stratum would have had."""
    raw = platform(strata=STRATA)
    raw["arms"]["cart"]["leaves"] = 7.0
    conduct, found = ahead(raw, apart=True)
    tally = conduct.population.tally(conduct.kept[0].snapshot.enrolled)
    assert (found.planned[:, 1] == tally[:, 1]).all()


def counts(**tables: Any) -> Raw:
    """The same of responders at month 3."""
    raw = platform(**tables)
    question = {"endpoint": "free", "arm": "each", "minus": "soc", "above": 0.0}
    raw["arms"]["vivo"]["enters"] = 4.0
    raw["endpoints"] = {"free": {"type": "landmark", "month": 3.0}}
    raw["analysis"] = {"free": {"model": "beta_binomial"}}
    raw["rules"][0] |= {"then": "drop_arm"}
    raw["rules"][1] |= {"posterior": question, "at_least": 0.9}
    raw["scenarios"] = {
        "expected": {"free": {"soc": 0.3, "cart": 0.5, "allo": 0.5, "vivo": 0.4}}
    }  # fmt: skip
    return raw


@pytest.mark.parametrize("strata", [False, True])
def test_drawn_tables_give_what_all_tables_give(
    strata: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = counts(**({"strata": STRATA} if strata else {}))
    if strata:
        raw["rules"][0]["then"] = raw["rules"][1]["then"] = "close_stratum"
        raw["rules"][1]["posterior"] |= {"arm": "vivo", "stratum": "each"}
        raw["rules"].append({
            "name": "works", "then": "declare_success", "at_least": 0.9,
            "posterior": {"endpoint": "free", "arm": "vivo", "minus": "soc", "above": 0.0},
        })  # fmt: skip
    summed = first_look(raw, 12).records[0].probabilities["ahead"]
    monkeypatch.setattr(asking, "enumerated", lambda analysis, question: False)
    drawn = first_look(raw, 12).records[0].probabilities["ahead"]
    told = np.isfinite(summed)
    assert told.sum() >= 20
    np.testing.assert_array_equal(told, np.isfinite(drawn))
    away = np.abs(summed - drawn)[told]
    assert away.max() < 2 * ALLOWED
    assert away.mean() < 0.006
    assert ((summed[told] > 0.05) & (summed[told] < 0.95)).sum() >= 5


def test_several_questions_and_scores_are_predicted_too() -> None:
    """Independent endpoints: the product of what each has."""
    raw = counts()
    raw["endpoints"]["free"]["primary"] = True
    raw["endpoints"]["score"] = {"type": "continuous", "visits": [3.0], "better": "lower"}
    raw["analysis"]["score"] = {"model": "normal"}
    values = {arm: {"baseline": {"mean": 9.0, "sd": 3.0}, "change": [change], "sd": [2.0],
                    "correlation": 0.5}
              for arm, change in zip(ARMS, (-1.0, -2.0, -2.0, -2.0), strict=True)}  # fmt: skip
    raw["scenarios"]["expected"]["score"] = values
    asked = [
        {"posterior": {"endpoint": "free", "arm": "vivo", "minus": "soc", "above": 0.0},
         "at_least": 0.8},
        {"posterior": {"endpoint": "score", "arm": "vivo", "minus": "soc", "below": 0.0},
         "at_least": 0.9},
    ]  # fmt: skip
    alone = [
        {"name": f"one{k}", "then": "declare_success", "looks": ["final"], **part}
        for k, part in enumerate(asked)
    ]
    both = {"name": "both", "then": "declare_success", "looks": ["final"], "all": asked}
    wanted = [
        {"name": f"ahead_{named}", "then": "declare_futility", "predictive": {"rule": named},
         "below": 0.0001}
        for named in ("both", "one0", "one1")
    ]  # fmt: skip
    raw["rules"] = [*wanted, both, *alone]
    found = first_look(raw, 12).records[0].probabilities
    first, second = (found[f"ahead_one{k}"][:, 0] for k in (0, 1))
    expected = first * second
    assert np.isfinite(expected).sum() >= 8
    assert np.nanmax(np.abs(found["ahead_both"][:, 0] - expected)) < 2 * ALLOWED
    assert np.nanmax(expected) > 0.1
