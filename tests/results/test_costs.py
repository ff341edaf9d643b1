"""Costs: a participant, a year in remission, a year gained; told only where they are asked for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.errors import DesignError, EngineError
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import followed, latents_for
from adaptive_cart.report.chapters.costs import costs
from adaptive_cart.report.document import Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.results import costs as results_costs
from adaptive_cart.results.costs import costs_of
from adaptive_cart.results.true_value import TrueValue
from adaptive_cart.telling.costs import told_costs
from checks import assert_close_in_mcse, raw_design

SAID = {
    "currency": "EUR",
    "per_randomised": {"cart": 30_000, "soc": 4_000},
    "per_infused": {"cart": 350_000},
    "remission": "remission_time",
}


def raw(**table: Any) -> dict[str, Any]:
    found = raw_design("sle_autologous")
    found["costs"] = {**SAID, **table}
    return found


def test_a_participant_costs_what_participants_cost_on_average() -> None:
    """One by one: randomised, and infused unless cells failed, or who waits drops out or dies."""
    design = ac.Design(**raw())
    truth = raw()["truth"]["cart"]
    rng = np.random.default_rng(77)
    number = 40_000
    delay = truth["infusion"]["delay"]
    wait = rng.lognormal(math.log(delay["median"]), delay["sigma"], number) / 12.0
    leaving = truth["dropout"]["per_year"] + truth["death"]["per_year"]
    lost = rng.exponential(1.0 / leaving, number)
    infused = (rng.random(number) >= truth["infusion"]["failure"]) & (lost > wait)
    cost = 30_000 + 350_000 * infused
    soc, cart = costs_of(design, design.truths["expected"], None)
    assert soc.participant == TrueValue(4_000.0, 0.0)
    error = cost.std() / math.sqrt(number)
    assert_close_in_mcse(cost.mean(), cart.participant.value, error, "cost of a participant")


def test_years_are_those_beyond_the_control() -> None:
    design = ac.Design(**raw())
    months = (TrueValue(3.0, 0.0), TrueValue(15.0, 0.12))
    soc, cart = costs_of(design, design.truths["expected"], months)
    assert soc.gained is None
    assert soc.year is not None
    assert cart.year is not None
    assert cart.gained is not None
    assert soc.year.value == pytest.approx(4_000 / 0.25)
    assert cart.year.value == pytest.approx(cart.participant.value / 1.25)
    assert cart.gained.value == pytest.approx((cart.participant.value - 4_000) / 1.0)
    assert cart.gained.mcse == pytest.approx(cart.gained.value * 0.01)
    _, none = costs_of(design, design.truths["expected"], (months[1], months[0]))
    assert none.gained is not None
    assert math.isnan(none.gained.value)


@pytest.mark.parametrize("asked", [False, True])
def test_a_run_has_them_and_the_report_only_if_asked(asked: bool, tmp_path: Path) -> None:
    design = ac.Design(**raw(report=asked))
    result = ac.simulate(design, trials=20, seed=3, jobs=1, scenarios=["expected"], out=tmp_path)
    rows = result.operating_characteristics
    of_arm = rows[rows["arm"].notna()].set_index(["measure", "arm"])["estimate"]
    each = costs_of(design, design.truths["expected"], None)
    for arm, cost in zip(design.arm_names, each, strict=True):
        assert of_arm["cost_participant", arm] == pytest.approx(cost.participant.value)
        years = of_arm["true_remission_time", arm] / 12.0
        assert of_arm["cost_remission_year", arm] == pytest.approx(cost.participant.value / years)
    trials = result.trials
    arms = zip(design.arm_names, each, strict=True)
    total = sum(cost.participant.value * trials[f"n_{arm}"] for arm, cost in arms)
    whole = rows.set_index("measure")["estimate"]
    assert whole["cost_trial_mean"] == pytest.approx(total.mean())
    blocks = costs(Evidence(result, Facts(), 0))
    tables = [block for block in blocks if isinstance(block, Table)]
    assert len(tables) == asked
    if asked:
        assert [plain(row.cells[0]) for row in tables[0].rows] == ["expected", "expected"]


def test_a_design_that_could_be_enumerated_is_simulated_for_its_costs() -> None:
    direct = raw_design("hello")
    direct["costs"] = {"currency": "EUR", "per_randomised": {"cart": 30_000}}
    design = ac.Design(**direct)
    result = ac.simulate(design, trials=10, seed=1, jobs=1, scenarios=["expected"])
    assert result.manifest["engine"] == "simulate"
    total = result.operating_characteristics.set_index("measure")["estimate"]["cost_trial_mean"]
    assert total == pytest.approx(30_000 * result.trials["n_cart"].mean())
    with pytest.raises(EngineError, match="costs are of everybody randomised"):
        ac.simulate(design, engine="exact")


@pytest.mark.parametrize(
    ("table", "path", "words"),
    [
        ({"per_randomised": {}, "per_infused": {}}, "costs", "no arm costs anything"),
        ({"per_randomised": {"crat": 3.0}}, "costs.per_randomised.crat", "did you mean 'cart'?"),
        ({"per_infused": {"soc": 3.0}}, "costs.per_infused.soc", "per_randomised.soc"),
        ({"remission": "dfr"}, "costs.remission", "those of this design: remission_time"),
    ],
)
def test_costs_that_cannot_be_are_told(table: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(DesignError) as told:
        ac.Design(**raw(**table))
    (problem,) = told.value.problems
    assert problem.path == path
    assert words in problem.message


def crossing_and_again(until: float | None) -> dict[str, Any]:
    """Controls cross at a rescue, and whoever is infused may be infused again at a relapse."""
    found = raw()
    found["crossover"] = {"from": "soc", "to": "cart", "when": "rescue"}
    found["truth"]["soc"]["crossover"] = {"probability": 0.7}
    found["truth"]["soc"]["rescue"] = {"per_year": 0.8}
    found["truth"]["cart"]["redosing"] = {
        "when": "relapse",
        "probability": 0.8,
        "delay": {"dist": "fixed", "value": 1.0},
        "remission": {"probability": 0.6},
        "at_most": 2,
    }
    found["truth"]["cart"]["durability"]["cured"] = 0.1
    if until is None:
        del found["costs"]["remission"]
    else:
        found["endpoints"]["remission_time"]["horizon"] = until
    return found


@pytest.mark.parametrize("until", [pytest.param(None, marks=pytest.mark.slow), 24.0])
def test_every_infusion_costs(until: float | None) -> None:
    """Counted in simulated participants: the first, those after it, and those after a crossover."""
    design = ac.Design(**crossing_and_again(until))
    truth, trials = design.truths["expected"], 60
    latents = latents_for(design, 9, 0, trials)
    people = followed(design, truth, latents, Enrolment(design, latents))
    course = people.course
    assert course is not None
    assert course.crossed is not None
    number = np.zeros(people.arm.shape)
    last = math.inf if until is None else until
    for arm, participant in np.ndindex(people.arm.shape):
        at = (arm, participant)
        own = people.arm[at] == 1 and course.infused[at] < math.inf
        after = people.arm[at] == 0 and course.infused[at] <= last and course.infused[at] < math.inf
        again = sum(m[at] < math.inf and m[at] <= last for m in course.infused_again)
        number[at] = own + after + again
    costs = costs_of(design, truth, None)
    for arm, fixed in ((0, 4_000), (1, 30_000)):
        mine = people.arm == arm
        each = fixed + 350_000 * number[mine]
        error = math.hypot(each.std() / math.sqrt(mine.sum()), costs[arm].participant.mcse)
        assert_close_in_mcse(each.mean(), costs[arm].participant.value, error, f"arm {arm}")
        once = 4_000 if arm == 0 else 30_000 + 350_000
        assert costs[arm].participant.value > once + 20_000  # what the first alone would cost
    told = "\n".join(told_costs(design))
    until_words = "whenever they come" if until is None else "up to month 24"
    assert f"infusions after the first and after a crossover are counted {until_words}" in told
    assert "cart: 350,000 for each infusion" in told


def test_further_infusions_cost_in_proportion_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_costs, "POINTS", 2**8)
    found = []
    for price in (350_000.0, 3.5):
        changed = crossing_and_again(24.0)
        changed["costs"] |= {"per_randomised": {}, "per_infused": {"cart": price}}
        design = ac.Design(**changed)
        costs = costs_of(design, design.truths["expected"], None)
        found.append([one.participant.value / price for one in costs])
    np.testing.assert_allclose(*found, rtol=1e-12)
    assert min(found[0]) > 0.05


def test_the_error_of_a_cost_a_year_is_that_of_cost_and_years() -> None:
    found = results_costs._by(TrueValue(100.0, 3.0), TrueValue(4.0, 0.5))
    assert found.value == 25.0
    assert found.mcse == pytest.approx(math.sqrt((25.0 * 0.5 / 4.0) ** 2 + (3.0 / 4.0) ** 2))
