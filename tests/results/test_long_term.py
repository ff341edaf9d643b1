"""Long-term follow-up: what is worked out is what following each participant for years gives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.errors import DesignError
from adaptive_cart.results.long_term import bound, one_participant
from checks import assert_close_in_mcse, raw_design

LAST = 15.0


def raw(**table: Any) -> dict[str, Any]:
    """The lupus design with long-term follow-up, in two strata that differ in all that matters."""
    found = raw_design("sle_autologous")
    found["strata"] = {"renal": 0.4, "other": 0.6}
    found["truth"]["soc"]["rates"] = {"serious_infection": 0.07, "second_t_cell_malignancy": 0.0}
    found["truth"]["cart"]["strata"] = {
        "renal": {
            "rates": {"serious_infection": 0.30, "second_t_cell_malignancy": 0.004},
            "death": {"per_year": 0.05},
            "infusion": {"failure": 0.20},
            "dropout": {"per_year": 0.5},
        }
    }
    found["long_term_follow_up"] = {"years": LAST, "lost": {"per_year": 0.04}, **table}
    return found


def follow_one(rng: np.random.Generator, arm: dict[str, Any]) -> tuple[float, dict[str, int]]:
    """Years of one participant from infusion on, and events in them: nobody is asked twice."""
    renal = rng.random() < 0.4
    table = {**arm, **arm["strata"]["renal"]} if renal and "strata" in arm else arm
    death, dropout = table["death"]["per_year"], table["dropout"]["per_year"]
    none = dict.fromkeys(arm["rates"], 0)
    if "infusion" in arm:
        delay = arm["infusion"]["delay"]
        wait = rng.lognormal(math.log(delay["median"]), delay["sigma"]) / 12.0
        if rng.random() < table["infusion"]["failure"]:
            return 0.0, none
        if rng.exponential(1.0 / death) < wait or rng.exponential(1.0 / dropout) < wait:
            return 0.0, none
    years = min(LAST, rng.exponential(1.0 / death), rng.exponential(1.0 / 0.04))
    return years, {name: int(rng.poisson(rate * years)) for name, rate in table["rates"].items()}


@pytest.mark.parametrize("arm", ["soc", "cart"])
def test_years_events_and_the_chance_of_any_are_those_of_participants(arm: str) -> None:
    design = ac.Design(**raw())
    position = design.arm_names.index(arm)
    asked = design.long_term_follow_up
    assert asked is not None
    one = one_participant(design, design.truths["expected"], position, LAST, asked)
    rng = np.random.default_rng(1501)
    number, table = 20_000, raw()["truth"][arm]
    seen = [follow_one(rng, table) for _ in range(number)]
    years = np.array([each for each, _ in seen])
    error = years.std() / math.sqrt(number)
    assert_close_in_mcse(years.mean(), one.years, error, "participant-years")
    for name in one.events:
        events = np.array([counts[name] for _, counts in seen], dtype=np.float64)
        if not events.any():
            assert one.events[name] == 0.0
            assert one.none[name] == pytest.approx(1.0, abs=1e-12)
            continue
        error = events.std() / math.sqrt(number)
        assert_close_in_mcse(events.mean(), one.events[name], error, f"events of {name}")
        none = (events == 0).astype(np.float64)
        error = none.std() / math.sqrt(number)
        assert_close_in_mcse(none.mean(), one.none[name], error, f"no event of {name}")


def test_a_run_s_rows_are_those_of_the_participants_of_its_trials() -> None:
    design = ac.Design(**raw(at=[2.0]))
    result = ac.simulate(design, trials=30, seed=5, jobs=1, scenarios=["expected"])
    rows = result.operating_characteristics.set_index(["measure", "arm"])["estimate"]
    randomised = result.trials["n_cart"].to_numpy(dtype=float)
    asked = design.long_term_follow_up
    assert asked is not None
    for year in (2.0, 15.0):
        one = one_participant(design, design.truths["expected"], 1, year, asked)
        years = randomised * one.years
        name = "second_t_cell_malignancy"
        any_ = [1.0 - one.none[name] ** number for number in randomised]
        assert rows[f"long_term_years_{year:g}", "cart"] == pytest.approx(years.mean())
        assert rows[f"long_term_any_{name}_{year:g}", "cart"] == pytest.approx(np.mean(any_))
        assert rows[f"long_term_bound_{year:g}", "cart"] == pytest.approx(np.mean(bound(years)))


def test_a_rate_at_the_bound_is_seen_at_least_once_with_probability_95() -> None:
    years = np.array([10.0, 400.0])
    assert 1.0 - np.exp(-bound(years) * years) == pytest.approx([0.95, 0.95])


@pytest.mark.parametrize(
    ("table", "path", "words"),
    [
        ({"at": [20.0]}, "long_term_follow_up.at[0]", "follow-up ends after 15 years"),
        ({"events": []}, "long_term_follow_up.events", "name at least one"),
        ({"events": ["serious_infectoin"]}, "long_term_follow_up.events[0]",
         "did you mean 'serious_infection'?"),
        ({"events": ["serious_infection"] * 2}, "long_term_follow_up.events[1]", "twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_told(table: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(DesignError) as told:
        ac.Design(**raw(**table))
    (problem,) = told.value.problems
    assert problem.path == path
    assert words in problem.message


def test_a_rate_that_is_counted_and_not_given_is_an_error() -> None:
    lacking = raw()
    del lacking["truth"]["soc"]["rates"]["second_t_cell_malignancy"]
    with pytest.raises(DesignError) as told:
        ac.Design(**lacking)
    (problem,) = told.value.problems
    assert problem.path == "truth.soc.rates.second_t_cell_malignancy"
    assert "write 0 if it never happens" in problem.message


def test_a_truth_said_directly_has_no_years_to_follow() -> None:
    direct = raw_design("hello")
    direct["long_term_follow_up"] = {"years": 15.0, "lost": {"per_year": 0.04}}
    with pytest.raises(DesignError) as told:
        ac.Design(**direct)
    (problem,) = told.value.problems
    assert problem.path == "long_term_follow_up"
    assert "said directly" in problem.message
