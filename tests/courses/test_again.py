"""A drug-free remission that comes again after a relapse: by hand, by the twin, in a table."""

from __future__ import annotations

import copy
import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import participants.test_crossover as test_crossover
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.course import DRUG_FREE
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.file import ParticipantsError, read_participants
from adaptive_cart.recorded.table import participants_table
from adaptive_cart.recorded.template import template
from adaptive_cart.results.estimand import SobolLatents, true_values
from adaptive_cart.telling.without_effect import without_effect
from checks import raw_design, tiny_design
from conduct.test_fast_equals_twin import compare, latents_of_trial
from twin import one_trial

Raw = dict[str, Any]
NEVER = np.inf


# ── by hand ───────────────────────────────────────────────────────────────────────────────────
def fate(at_most: int = 1, hazard: float = 0.0, **uniforms: float) -> tuple[Any, ...]:
    """Remissions and rescue: onset after 2 months, lost after 5 more."""
    disease = {
        "remission": {
            "probability": 0.5,
            "onset": {"dist": "fixed", "value": 2.0},
            "again": {"probability": 0.3, "at_most": at_most},
        },
        "durability": {"relapse": {"dist": "fixed", "value": 5.0}},
        "rescue": {"per_year": 12.0 * hazard},
    }
    found = one_trial.disease_course(
        disease, 1.0, lambda name: uniforms.get(name, 0.1 if "again" not in name else 0.2)
    )
    first = (found["remission_month"], found["relapse_month"])
    return [first, *found["later_remissions"]], found["rescue_month"]


def test_by_hand_how_often_it_comes_and_what_rescue_precludes() -> None:
    first, second, third = (3.0, 8.0), (10.0, 15.0), (17.0, 22.0)
    assert fate() == ([first, second], NEVER)
    assert fate(at_most=2) == ([first, second, third], NEVER)
    assert fate(at_most=2, **{"again:2": 0.3}) == ([first, second], NEVER)
    assert fate(**{"again:1": 0.3}) == ([first], NEVER)
    assert fate(remission=0.6) == ([(NEVER, NEVER)], NEVER)
    # a hazard of 1 a month outside remission, used up after so many months there
    after = {months: 1.0 - np.exp(-months) for months in (1.0, 3.0, 4.5)}
    assert fate(hazard=1.0, rescue=after[1.0])[0] == [(NEVER, NEVER)]
    assert fate(hazard=1.0, rescue=after[3.0]) == ([first], pytest.approx(9.0))
    assert fate(hazard=1.0, rescue=after[4.5]) == ([first, second], pytest.approx(15.5))


# ── trial by trial, against the slow twin ─────────────────────────────────────────────────────
def coming_again(at_most: int = 2) -> Raw:
    """Remissions of either arm are short and often come again."""
    raw: Raw = copy.deepcopy(raw_design("sle_autologous"))
    raw["rules"] = [rule for rule in raw["rules"] if "predictive" not in rule]
    for arm, probability in (("soc", 0.5), ("cart", 0.7)):
        raw["truth"][arm]["remission"] |= {
            "probability": 0.6,
            "again": {"probability": probability, "at_most": at_most},
        }
        raw["truth"][arm]["durability"] = {
            "cured": 0.1,
            "relapse": {"dist": "exponential", "median": 3.0},
        }
        raw["truth"][arm]["rescue"] = {"per_year": 0.6}
    return raw


def crossing(strategy: str) -> Raw:
    raw = coming_again()
    raw |= {"crossover": test_crossover.crossing(strategy)["crossover"]}
    raw["truth"]["soc"]["crossover"] = {"probability": 0.7}
    return raw


def imputed(raw: Raw) -> None:
    raw["endpoints"]["dfr"] |= {"missing": "impute"}
    raw["truth"]["cart"]["dropout"] = {"per_year": 0.5}


def sustained(raw: Raw) -> None:
    raw["endpoints"]["remission"] |= {"sustained_from": 6}


@pytest.mark.parametrize("change", [imputed, sustained], ids=lambda change: change.__name__)
def test_trials_are_the_twins(change: Callable[[Raw], None]) -> None:
    raw = coming_again()
    change(raw)
    compare(raw, "expected", 2)


@pytest.mark.parametrize("strategy", ["composite", "treatment_policy"])
def test_trials_with_a_crossover_are_the_twins(strategy: str) -> None:
    compare(crossing(strategy), "expected", 3)


def test_the_compared_trials_hold_what_they_are_to_compare() -> None:
    raw = crossing("treatment_policy")
    latents = latents_of_trial(Design(**copy.deepcopy(raw)), 0)
    people = one_trial.participants_of(raw, "expected", latents)
    numbers = [len(person["later_remissions"]) for person in people]
    assert numbers.count(1) >= 3
    assert numbers.count(2) >= 3
    assert any(person["later_remissions_after"] for person in people)


# ── what follows from it ──────────────────────────────────────────────────────────────────────
def block_of(raw: Raw) -> Any:
    design = Design(**copy.deepcopy(raw))
    plan, truth = Plan.of(design), truths_of(design)["expected"]
    zero = (0.0,) * len(plan.estimands)
    return run_block(plan, truth, zero, latents_for(design, 3, 0, 20), keep_population=True)


def test_the_first_remissions_are_those_without_it() -> None:
    first = [
        block_of(raw).population.course.state(DRUG_FREE).spells[0]
        for raw in (coming_again(), raw_without_again())
    ]
    np.testing.assert_array_equal(first[0].began, first[1].began)
    np.testing.assert_array_equal(first[0].ended, first[1].ended)


def raw_without_again() -> Raw:
    raw = coming_again()
    for arm in ("soc", "cart"):
        del raw["truth"][arm]["remission"]["again"]
    return raw


def test_the_true_rate_is_that_of_the_participants() -> None:
    """The share in remission from month 9 to 12, with and without: to five standard errors."""
    rates = []
    for raw in (coming_again(), raw_without_again()):
        design = Design(**copy.deepcopy(raw))
        truth = truths_of(design)["expected"]
        rates.append(true_values(design, truth, SobolLatents(points=2**12)).by_arm["dfr"][1])
    assert rates[0].value - rates[1].value > 0.05
    block = block_of(coming_again())
    population, months = block.population, block.population.course
    gone = np.minimum(months.gone, months.rescue) > 12.0
    assert design.endpoints["dfr"].sustained_from == 9.0
    there = population.state(DRUG_FREE).throughout(9.0, 12.0) & gone
    cart = (population.arm == 1) & np.isfinite(population.arrival)
    mine = there[cart]
    error = np.hypot(mine.std() / np.sqrt(mine.size), rates[0].mcse)
    assert abs(mine.mean() - rates[0].value) < 5 * error


def test_a_table_holds_every_remission_and_reads_it_back(tmp_path: Path) -> None:
    raw = crossing("treatment_policy")
    design, block = Design(**copy.deepcopy(raw)), block_of(raw)
    rows = participants_table(design, block.population, 0, 400.0, 60)
    assert any(row["remission_3_month"] != "" for row in rows)
    assert any(row["remission_2_after_crossover_month"] != "" for row in rows)
    with (tmp_path / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    found = read_participants(tmp_path / "table.csv", design).population(400.0)
    again = participants_table(design, found, 0, 400.0, 60)
    for mine, theirs in zip(rows, again, strict=True):
        shared = [name for name in mine if name.endswith("_month") and name in theirs]
        assert [mine[name] for name in shared] == [theirs[name] for name in shared]
        assert {name for name in mine if "remission" in name} <= set(theirs)

    for row in rows:
        row["remission_2_month"] = row["relapse_2_month"] = ""
    rows[0] |= {"remission_month": 1.0, "relapse_month": 4.0, "remission_2_month": 3.0}
    with pytest.raises(ParticipantsError, match=r"remission_2_month: found 3; .* before the relap"):
        read_participants(rows, design)


def row(**cells: Any) -> Raw:
    """A participant of the control who is seen for 20 months."""
    return {
        "participant": 1, "arm": "soc", "randomised_month": 0.1, "infused_month": "",
        "remission_month": "", "relapse_month": "", "rescue_month": "", "death_month": "",
        "last_contact_month": 20.0,
    } | cells  # fmt: skip


def refused(raw: Raw, **cells: Any) -> list[str]:
    raw = copy.deepcopy(raw)
    raw["endpoints"] = {"dfr": raw["endpoints"]["dfr"]}
    raw["rules"] = [r for r in raw["rules"] if r["posterior"]["endpoint"] == "dfr"]
    raw.pop("analysis", None)
    for arm in ("soc", "cart"):
        raw["truth"][arm].pop("events", None)
    with pytest.raises(ParticipantsError) as error:
        read_participants([row(**cells)], Design(**raw))
    return [f"{problem.path}: {problem.message}" for problem in error.value.problems]


def test_a_remission_has_ended_before_that_after_crossover_comes() -> None:
    raw = crossing("treatment_policy")
    after: Raw = {"remission_after_crossover_month": 8, "relapse_after_crossover_month": ""}
    after |= {"crossover_month": 6}
    (message,) = refused(raw, remission_month=2, **after)
    assert message.startswith("row 1, relapse_month: blank; remission_month (month 2) has not end")
    assert "remission_after_crossover_month (month 8)" in message
    second: Raw = {"remission_2_month": 4, "relapse_2_month": 9}
    (message,) = refused(raw, remission_month=2, relapse_month=3, **second, **after)
    assert message.startswith("row 1, relapse_2_month: found 9; remission_2_month (month 4) has")


def test_a_column_without_the_other_is_told_once() -> None:
    found = refused(coming_again(), remission_month=2, relapse_month=5, relapse_2_month=7)
    assert found == ["column remission_2_month: missing; relapse_2_month stands there without it"]


def test_nothing_follows_from_a_month_that_cannot_be_read() -> None:
    second: Raw = {"remission_2_month": 8, "relapse_2_month": 9}
    (message,) = refused(coming_again(), remission_month=2, relapse_month="x", **second)
    assert message.startswith("row 1, relapse_month: found 'x'")


def test_columns_after_crossover_are_unknown_where_there_is_none() -> None:
    after = {"remission_2_after_crossover_month": 8, "relapse_2_after_crossover_month": 9}
    found = refused(coming_again(), **after)
    assert [message.split(": unknown")[0] for message in found] == [f"column {c}" for c in after]


def test_the_template_says_how_further_remissions_are_written() -> None:
    plain, crossed = (
        template(Design(**copy.deepcopy(raw)))
        for raw in (coming_again(), crossing("treatment_policy"))
    )
    assert "remission_2_month and relapse_2_month" in plain
    assert "remission_2_after_crossover_month" not in plain
    assert "remission_2_after_crossover_month and relapse_2_after_crossover_month" in crossed


@pytest.mark.parametrize("name", ["remission_6_month", "relapse_2_after_crossover_month"])
def test_an_endpoint_has_not_the_name_of_a_further_remission(name: str) -> None:
    raw = tiny_design(
        endpoints={name: {"type": "landmark", "month": 4}},
        scenarios={"null": {name: {"soc": 0.2, "cart": 0.2}}},
    )
    raw["rules"][0]["posterior"]["endpoint"] = name
    with pytest.raises(DesignError, match=rf"endpoints\.{name}: .* and of a further remission"):
        Design(**raw)


# ── what the file may say ─────────────────────────────────────────────────────────────────────
def test_the_probability_has_to_be_given_and_only_drug_free_remission_comes_again() -> None:
    raw = coming_again()
    del raw["truth"]["cart"]["remission"]["again"]["probability"]
    with pytest.raises(DesignError, match=r"truth\.cart\.remission\.again\.probability: missing"):
        Design(**raw)
    raw = coming_again()
    raw["truth"]["cart"]["remission_on_drugs"]["again"] = {"probability": 0.1}
    with pytest.raises(DesignError, match=r"remission_on_drugs\.again"):
        Design(**raw)


def never_lost(remission: Raw, durability: Raw) -> Raw:
    """The control's remission is not lost, and may come again all the same."""
    raw = coming_again()
    raw["scenarios"].pop("conditioning_null")
    soc = raw["truth"]["soc"]
    soc["remission"] = remission | {"again": {"probability": 0.3}}
    soc["durability"] = durability
    return raw


@pytest.mark.parametrize(
    "raw",
    [
        never_lost({"probability": 0.0}, {"cured": 1.0}),
        never_lost({"probability": 0.5, "onset": {"dist": "fixed", "value": 2.0}}, {"cured": 1.0}),
    ],
    ids=["nobody remits", "everybody is cured"],
)
def test_where_nobody_relapses_nothing_follows_and_it_is_told(raw: Raw) -> None:
    block = block_of(raw)
    _, *further = block.population.course.state(DRUG_FREE).spells
    usual = block.population.arm == 0
    assert all(not np.isfinite(spell.began[usual]).any() for spell in further)
    design = Design(**copy.deepcopy(raw))
    told = [line for line in without_effect(design, truths_of(design)) if "again" in line]
    assert told == ["truth.soc.remission.again: nobody relapses there, in any scenario"]
    design = Design(**coming_again())
    assert not [line for line in without_effect(design, truths_of(design)) if "again" in line]


def test_it_comes_no_more_than_ten_times() -> None:
    assert Design(**coming_again(at_most=10))
    with pytest.raises(DesignError, match=r"remission\.again\.at_most: .*10"):
        Design(**coming_again(at_most=11))


def test_where_nobody_counts_what_comes_after_the_first_relapse_it_is_told() -> None:
    def until_relapse(raw: Raw) -> Raw:
        raw["endpoints"] = {"relapse": raw["endpoints"]["relapse"]}
        raw["analysis"] = {"relapse": raw["analysis"]["relapse"]}
        asked = {"endpoint": "relapse", "arm": "cart", "remains_at": 12, "above": 0.1}
        rule = {"name": "lasting", "then": "declare_success", "posterior": asked, "at_least": 0.9}
        return raw | {"looks": {"months": [24, 40]}, "rules": [rule]}

    def told(raw: Raw) -> list[str]:
        design = Design(**copy.deepcopy(raw))
        return [line for line in without_effect(design, truths_of(design)) if "again" in line]

    raw, plain = until_relapse(coming_again()), until_relapse(raw_without_again())
    why = "no endpoint counts what comes after the first relapse"
    assert told(raw) == [f"truth.soc.remission.again, truth.cart.remission.again: {why}"]
    block, without = block_of(raw), block_of(plain)
    for look, same in zip(block.looks, without.looks, strict=True):
        for name, values in look.summaries["relapse"].columns().items():
            np.testing.assert_array_equal(values, same.summaries["relapse"].columns()[name])
    raw["endpoints"]["months"] = {"type": "time_in_remission", "horizon": 24}
    assert not told(raw)
    raw["endpoints"].pop("months")
    raw |= {"crossover": test_crossover.crossing("composite")["crossover"]}
    raw["truth"]["soc"]["crossover"] = {"probability": 0.7}
    assert not told(raw), "who is in remission again does not cross"
