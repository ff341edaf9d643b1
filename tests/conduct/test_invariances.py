"""What must change nothing, and what may only change one way.

Trials share their uniforms, so that two designs are compared trial by trial and not on average.
"""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.rows import looks_table, trials_table
from checks import raw_design

SEED = 13
Table = dict[str, Any]
Told = tuple[pd.DataFrame, pd.DataFrame]
TARGET = 0.2  # of coverage; any number does


def told(raw: Table, scenario: str, trials: int = 200, first: int = 0, block: int = 0) -> Told:
    """Rows of ``trials.parquet`` and ``looks.parquet`` of some trials, in blocks of some size."""
    design = Design(**copy.deepcopy(raw))
    plan, truth = Plan.of(design), truths_of(design)[scenario]
    targets = (TARGET,) * len(plan.estimands)
    blocks = []
    for start in range(first, first + trials, block or trials):
        number = min(block or trials, first + trials - start)
        latents = latents_for(design, SEED, start, number)
        blocks.append(run_block(plan, truth, targets, latents))
    return (
        trials_table(plan, scenario, blocks).to_pandas(),
        looks_table(plan, scenario, blocks).to_pandas(),
    )


def assert_equal_bits(first: pd.DataFrame, second: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def assert_same(first: Told, second: Told) -> None:
    for one, other in zip(first, second, strict=True):
        assert_equal_bits(one, other)


def in_strata(raw: Table) -> Table:
    raw["strata"] = {"high": 0.7, "low": 0.3}
    raw["scenarios"]["expected"]["dfr"]["cart"] = {"high": 0.5, "low": 0.1}
    return raw


def closing_strata(raw: Table) -> Table:
    raw = in_strata(raw)
    asked = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.1, "stratum": "each"}
    raw["rules"].insert(
        0, {"name": "close", "then": "close_stratum", "posterior": asked, "below": 0.2}
    )
    raw["rules"][1]["posterior"]["stratum"] = "each"
    raw["rules"][2] = {
        "name": "futility",
        "then": "declare_futility",
        "posterior": {**asked, "stratum": "open"},
        "below": 0.05,
        "looks": [1, 2],
    }
    return raw


def keeping_closed_strata(raw: Table) -> Table:
    raw = closing_strata(raw)
    raw["enrolment"]["after_closing"] = "keep"
    return raw


def with_infections(raw: Table) -> Table:
    raw["endpoints"]["infection"] = {"type": "event_rate"}
    raw["analysis"] = {
        "infection": {"model": "gamma_poisson", "prior": {"a": 0.5, "b": 5.0}},
    }
    asked = {"endpoint": "infection", "arm": "cart", "above": 0.3}
    raw["rules"].insert(
        0, {"name": "harm", "then": "stop_for_safety", "posterior": asked, "at_least": 0.95}
    )
    for scenario in raw["scenarios"].values():
        scenario["infection"] = {"soc": 0.1, "cart": 0.35}
    return raw


def with_imputation(raw: Table) -> Table:
    raw["endpoints"]["dfr"]["missing"] = "impute"
    return raw


def judged_between_looks(raw: Table) -> Table:
    raw["rules"][0]["every"] = 5
    return raw


def dropped_from_blocks(raw: Table) -> Table:
    raw["randomisation"] = {"method": "permuted_blocks", "block": 10}
    raw["multiarm"]["ends"] = "first_success"
    return raw


def fixed_control_in_strata(raw: Table) -> Table:
    raw["randomisation"] |= {"control": 0.3, "power": 1.0, "burn_in": 40}
    raw["strata"] = {"young": 0.4, "old": 0.6}
    return raw


def as_it_is(raw: Table) -> Table:
    return raw


CASES: list[tuple[str, Callable[[Table], Table], str]] = [
    ("hello", as_it_is, "expected"),
    ("hello", in_strata, "expected"),
    ("hello", closing_strata, "expected"),
    ("hello", keeping_closed_strata, "expected"),
    ("hello", with_infections, "expected"),
    ("sle_autologous", as_it_is, "early_data_do_not_hold_up"),
    ("sle_autologous", as_it_is, "toxic"),
    ("sle_autologous", with_imputation, "expected"),
    ("products_multiarm", as_it_is, "ordered"),
    ("sle_autologous", judged_between_looks, "toxic"),
    ("products_multiarm", as_it_is, "null"),
    ("products_multiarm", dropped_from_blocks, "ordered"),
    ("products_multiarm", fixed_control_in_strata, "one_works"),
    ("goldilocks_allogeneic", as_it_is, "expected"),
    ("durability_event_driven", as_it_is, "cured_half"),
    ("basket_diseases", as_it_is, "sle_only"),
    ("enrichment_biomarker", as_it_is, "high_only"),
]


def case_of(name: str, change: Callable[[Table], Table]) -> Table:
    raw = change(raw_design(name))
    for rule in raw["rules"]:
        for comparison in ("at_least", "below"):
            if rule.get(comparison) == "calibrate":
                rule[comparison] = 0.98
    return raw


def label(value: Any) -> str:
    return value.__name__ if callable(value) else str(value)


# ── blocks ────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("name", "change", "scenario"), CASES, ids=label)
def test_block_size_changes_no_bit(
    name: str, change: Callable[[Table], Table], scenario: str
) -> None:
    raw = case_of(name, change)
    whole = told(raw, scenario, 50)
    ends = whole[0][["reason", "look"]].astype(str).drop_duplicates()
    assert len(ends) > 1, "trials end differently"
    assert_same(told(raw, scenario, 50, block=3), whole)
    assert_same(told(raw, scenario, 10, block=1), told(raw, scenario, 10))


@pytest.mark.parametrize(("name", "change", "scenario"), CASES, ids=label)
def test_trial_4711_alone(name: str, change: Callable[[Table], Table], scenario: str) -> None:
    raw = case_of(name, change)
    alone = told(raw, scenario, 1, first=4711)
    block = told(raw, scenario, 25, first=4700)
    assert alone[0]["trial"].tolist() == [4711]
    for one, many in zip(alone, block, strict=True):
        mine = many[many["trial"] == 4711].reset_index(drop=True)
        assert_equal_bits(one, mine)


# ── names and order ───────────────────────────────────────────────────────────────────────────
def renamed(value: Any, names: dict[str, str]) -> Any:
    """A design's tables with some words replaced, as keys and as values."""
    if isinstance(value, dict):
        return {names.get(key, key): renamed(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


def rename_everything(table: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """The same rows under other names, in labels of columns and in words of text columns."""
    word = re.compile(rf"(?:^|(?<=_))({'|'.join(names)})(?=_|$)")
    table = table.rename(columns=lambda label: word.sub(lambda found: names[found[0]], label))
    for column in ("arm", "stratum", "rule"):
        if column in table:
            table[column] = table[column].cat.rename_categories(
                [names.get(category, category) for category in table[column].cat.categories]
            )
    return table


@pytest.mark.parametrize(
    ("name", "scenario", "names"),
    [
        ("hello", "expected", {"soc": "usual_care", "cart": "cells"}),
        ("products_multiarm", "ordered", {"auto": "zulu", "allo": "yankee", "soc": "whiskey"}),
        ("durability_event_driven", "expected", {"withdraw_late": "stay", "consolidate": "go"}),
        (
            "sle_autologous",
            "expected",
            {"soc": "control", "cart": "cells", "dfr": "primary_endpoint",
             "relapse": "durability_of_remission", "remission_time": "months_free"},
        ),
    ],
)  # fmt: skip
def test_renaming_changes_no_number(name: str, scenario: str, names: dict[str, str]) -> None:
    """Arms always; endpoints where a course feeds them.

    (The uniform of a direct outcome or of an adverse event carries its endpoint's name.)
    """
    raw = raw_design(name)
    words = dict(names)
    if "relapse" in words and name == "sle_autologous":
        # `relapse` is also a key of `durability`, which keeps its name
        other = renamed(raw, {k: v for k, v in names.items() if k != "relapse"})
        for table in ("endpoints", "analysis"):
            other[table] = {words.get(key, key): value for key, value in other[table].items()}
    else:
        other = renamed(raw, words)
    usual = told(raw, scenario)
    called = told(other, scenario)
    for one, many in zip(usual, called, strict=True):
        assert_equal_bits(rename_everything(one, words), many)


def test_renaming_endpoint_and_arms_changes_no_exact_number(tmp_path: Path) -> None:
    raw = raw_design("hello")
    names = {"dfr": "response", "soc": "usual_care", "cart": "cells", "efficacy": "wins"}
    found = []
    for place, tables in enumerate((raw, renamed(raw, names))):
        result = ac.simulate(Design(**tables), engine="exact", out=tmp_path / str(place))
        found.append(result.operating_characteristics)
    words = {**names, "true_dfr": "true_response", "decided_efficacy": "decided_wins"}
    words["held_efficacy"] = "held_wins"
    assert_equal_bits(found[0].replace({"arm": words, "measure": words}), found[1])


def test_relabelled_strata_change_no_number() -> None:
    for change in (in_strata, closing_strata, keeping_closed_strata):
        raw = change(raw_design("hello"))
        names = {"high": "zebra", "low": "aardvark"}
        usual, called = told(raw, "expected"), told(renamed(raw, names), "expected")
        for one, many in zip(usual, called, strict=True):
            assert_equal_bits(rename_everything(one, names), many)


def test_order_of_the_control_in_the_file_changes_no_number() -> None:
    raw = raw_design("hello")
    turned = copy.deepcopy(raw)
    turned["arms"] = dict(reversed(raw["arms"].items()))
    assert_same(told(raw, "expected"), told(turned, "expected"))


def test_order_and_choice_of_scenarios_change_nothing(tmp_path: Path) -> None:
    raw = raw_design("sle_autologous")
    chosen = ["toxic", "rapid_waning", "null"]

    def run(tables: Table, folder: str, scenarios: list[str] | None = None) -> Any:
        return ac.simulate(
            Design(**tables), trials=40, seed=3, jobs=1, scenarios=scenarios, out=tmp_path / folder
        )

    turned = copy.deepcopy(raw)
    turned["scenarios"] = dict(reversed(raw["scenarios"].items()))
    everything = run(raw, "all")
    for other in (run(turned, "turned"), run(raw, "some", chosen)):
        for scenario in chosen:
            for table in ("trials", "looks", "operating_characteristics"):
                mine, usual = (
                    getattr(result, table).query(f"scenario == '{scenario}'")
                    .drop(columns="scenario").reset_index(drop=True)
                    for result in (other, everything)
                )  # fmt: skip
                assert len(mine) > 0
                assert_equal_bits(mine, usual)


# ── rules ─────────────────────────────────────────────────────────────────────────────────────
NEVER = [
    {
        "name": "never",
        "then": then,
        "posterior": {"endpoint": "dfr", "arm": "cart", "above": 0.5},
        "below": 0.0,
    }
    for then in ("declare_success", "declare_futility", "stop_for_safety", "stop_enrolment")
]


@pytest.mark.parametrize("rule", NEVER, ids=lambda rule: rule["then"])
@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("name", ["hello", "sle_autologous", "goldilocks_allogeneic"])
def test_a_rule_that_never_holds_changes_nothing(name: str, place: int, rule: Table) -> None:
    raw = raw_design(name)
    usual = told(raw, "expected", 100)
    raw["rules"].insert(place, copy.deepcopy(rule))
    more = told(raw, "expected", 100)
    assert more[1].pop("p_never").between(0.0, 1.0).any(), "it is judged"
    assert_same_but_for_rule_names(usual, more)


def test_an_arm_rule_that_never_holds_changes_nothing() -> None:
    raw = raw_design("products_multiarm")
    usual = told(raw, "ordered", 100)
    asked = {"endpoint": "dfr", "arm": "each", "minus": "soc", "above": 0.0}
    raw["rules"].insert(0, {"name": "never", "then": "drop_arm", "posterior": asked, "below": 0.0})
    more = told(raw, "ordered", 100)
    assert more[1].pop("p_never").between(0.0, 1.0).any(), "it is judged"
    assert_same_but_for_rule_names(usual, more)


def assert_same_but_for_rule_names(first: Told, second: Told) -> None:
    for one, other in zip(first, second, strict=True):
        own = [name for name in other if name.startswith(("within_error_never", "held_never"))]
        other = other.drop(columns=own)  # its own verdicts
        one, other = (table.sort_index(axis="columns") for table in (one, other))
        for table in (one, other):
            if "rule" in table:
                table["rule"] = table["rule"].astype(str)
        assert_equal_bits(one, other)


def at_threshold(raw: Table, shift: float) -> Table:
    """The efficacy threshold moved, at every look if it has one for each."""
    raw = copy.deepcopy(raw)
    rule = next(rule for rule in raw["rules"] if rule["name"] == "efficacy")
    given_ = rule["at_least"]
    moved = [min(value + shift, 1.0) for value in given_] if isinstance(given_, list) else None
    rule["at_least"] = moved if moved is not None else min(given_ + shift, 1.0)
    return raw


@pytest.mark.parametrize(
    ("name", "scenario"),
    [
        ("hello", "expected"),
        ("hello", "null"),
        ("sle_autologous", "early_data_do_not_hold_up"),
        ("sle_autologous", "toxic"),
        ("durability_event_driven", "expected"),
    ],
)
def test_a_higher_threshold_creates_no_winner(name: str, scenario: str) -> None:
    raw = raw_design(name)
    ladder = [-0.4, -0.1, -0.03, -0.01, 0.0, 0.005, 0.01, 0.0149]
    results = [told(at_threshold(raw, shift), scenario)[0] for shift in ladder]
    winners = [(result["reason"] == "success").to_numpy() for result in results]
    assert winners[0].sum() > winners[-1].sum(), "the thresholds matter"
    for (lower, low), (higher, high) in itertools.combinations(
        zip(results, winners, strict=True), 2
    ):
        assert not (high & ~low).any()
        # and whoever wins by the higher threshold has won no later by the lower one
        assert (lower["look"][high] <= higher["look"][high]).all()


@settings(max_examples=12)
@given(low=st.floats(0.5, 0.9999), high=st.floats(0.5, 0.9999))
def test_any_higher_threshold_creates_no_winner(low: float, high: float) -> None:
    low, high = sorted((low, high))
    wins = []
    for threshold in (low, high):
        raw = raw_design("hello")
        raw["rules"][0]["at_least"] = threshold
        wins.append((told(raw, "null", 120)[0]["reason"] == "success").to_numpy())
    assert not (wins[1] & ~wins[0]).any()


@pytest.mark.parametrize("comparison", ["at_least", "below"])
def test_a_rule_holds_at_its_threshold_and_not_below_it(comparison: str) -> None:
    """``at_least`` is >= and ``below`` is <, at full precision: the next number is another one."""
    raw = raw_design("hello")
    raw["looks"]["observed"] = [60]
    raw["rules"] = raw["rules"][:1]
    reached = told(raw, "expected", 40)[1].groupby("trial")["p_efficacy"].max()
    del raw["rules"][0]["at_least"]
    for value in sorted(set(reached))[::3]:
        for threshold in (np.nextafter(value, 0.0), value, np.nextafter(value, 1.0)):
            raw["rules"][0][comparison] = float(threshold)
            trials, looks = told(raw, "expected", 40)
            won = (trials["reason"] == "success").to_numpy()
            # asked anew: beside its own threshold a probability is decided exactly, and told so
            asked = looks.groupby("trial")["p_efficacy"].max()
            np.testing.assert_allclose(asked, reached, rtol=0.0, atol=1e-9)
            holds = asked >= threshold if comparison == "at_least" else asked < threshold
            np.testing.assert_array_equal(won, holds)


def test_without_a_futility_rule_nothing_ends_for_futility() -> None:
    for name, scenario in (("hello", "null"), ("sle_autologous", "null")):
        raw = raw_design(name)
        with_rule = told(raw, scenario)[0]
        raw["rules"] = [rule for rule in raw["rules"] if rule["then"] != "declare_futility"]
        without = told(raw, scenario)[0]
        assert (with_rule["reason"] == "futility").any()
        assert not (without["reason"] == "futility").any()
        # who won before wins still, at the same look
        won = with_rule["reason"] == "success"
        assert (without["reason"][won] == "success").all()
        assert (without["look"][won] == with_rule["look"][won]).all()


@settings(max_examples=12)
@given(
    efficacy=st.sets(st.integers(1, 3), min_size=1),
    futility=st.sets(st.integers(1, 3), min_size=1),
    scenario=st.sampled_from(["null", "expected"]),
)
def test_nothing_stops_where_its_rule_is_not_judged(
    efficacy: set[int], futility: set[int], scenario: str
) -> None:
    raw = raw_design("hello")
    raw["rules"][0] |= {"looks": sorted(efficacy), "at_least": 0.9}
    raw["rules"][1] = {
        "name": "futility",
        "then": "declare_futility",
        "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.1},
        "below": 0.5,
        "looks": sorted(futility),
    }
    trials, looks = told(raw, scenario, 150)
    for reason, judged in (("success", efficacy), ("futility", futility)):
        ended = trials[trials["reason"] == reason]
        assert set(ended["look"]) <= judged
        rule = "efficacy" if reason == "success" else "futility"
        asked = looks[looks[f"p_{rule}"].notna()]
        assert set(asked["look"]) <= judged
    assert set(trials.loc[trials["reason"] == "no_success", "look"]) <= {3}


# ── looks ─────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("name", "scenario", "scale", "fewer", "more"),
    [
        ("hello", "null", "observed", [60, 105, 150], [60, 105, 130, 150]),
        ("hello", "expected", "observed", [60, 105], [60, 105, 150]),
        ("durability_event_driven", "expected", "events", [30, 60], [30, 60, 90]),
        ("durability_event_driven", "null", "events", [30, 60, 90], [30, 60, 75, 90]),
    ],
)
def test_a_later_look_changes_nothing_before_it(
    name: str, scenario: str, scale: str, fewer: list[int], more: list[int]
) -> None:
    found = []
    for at in (fewer, more):
        raw = raw_design(name)
        raw["looks"] = {scale: at}
        for rule in raw["rules"]:
            if rule["name"] == "futility":
                rule["looks"] = [1]
        found.append(told(raw, scenario))
    (trials, looks), (more_trials, more_looks) = found
    common = sum(a == b for a, b in zip(fewer, more, strict=False))
    assert common >= 2 if len(fewer) == 3 else common == len(fewer)
    earlier = common if len(fewer) == 3 else common - 1
    # the same looks, to the bit, but for which of them was a trial's last
    one, other = (
        table[table["look"] <= common].drop(columns="last").reset_index(drop=True)
        for table in (looks, more_looks)
    )
    assert_equal_bits(one, other)
    ended = trials["look"] <= earlier
    assert ended.any()
    assert_equal_bits(trials[ended], more_trials[ended])
    won = (trials["reason"] == "success") & (trials["look"] <= common)
    assert won.any()
    assert_equal_bits(trials[won], more_trials[won])
    assert (more_trials["look"][~ended] > earlier).all()


# ── numbers that belong together ──────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("name", "change", "scenario"), CASES, ids=label)
def test_numbers_add_up(name: str, change: Callable[[Table], Table], scenario: str) -> None:
    raw = case_of(name, change)
    design = Design(**copy.deepcopy(raw))
    trials, looks = told(raw, scenario, 60)
    arms = [f"n_{arm}" for arm in design.arm_names]
    assert (trials[arms].sum(axis=1) == trials["n_randomised"]).all()
    assert (trials["n_randomised"] <= design.enrolment.max_n).all()
    assert (trials["n_analysed"] <= trials["n_randomised"]).all()
    assert (trials["n_analysed"] <= trials["n_analysed_final"]).all()
    assert (trials["n_infused"] <= trials["n_randomised"]).all()
    assert not trials["failed"].any()
    by_look = looks.groupby(["trial", "look"])
    assert (by_look["months"].nunique() == 1).all(), "one date a look"
    assert (by_look.size() == len(design.arm_names) * len(design.shares)).all()
    dates = by_look["months"].first().unstack()
    assert (dates.diff(axis=1).iloc[:, 1:].fillna(0.0) >= 0.0).all(axis=None)
    numbers = by_look["n_randomised"].sum().unstack()
    assert (numbers.diff(axis=1).iloc[:, 1:].fillna(0.0) >= 0.0).all(axis=None)
    ends = looks[looks["last"]].groupby("trial")
    at_a_look = trials["trial"].isin(ends.groups)
    assert at_a_look.all() or any(rule.every for rule in design.rules)
    trials = trials[at_a_look]
    np.testing.assert_array_equal(ends["n_randomised"].sum(), trials["n_randomised"])
    np.testing.assert_array_equal(ends["n_infused"].sum(), trials["n_infused"])
    np.testing.assert_array_equal(ends["months"].first(), trials["months"])
    np.testing.assert_array_equal(ends["look"].first(), trials["look"])
    analysed = f"{design.primary}_analysed"
    if analysed in looks:
        np.testing.assert_array_equal(ends[analysed].sum(), trials["n_analysed"])
        events = looks[f"{design.primary}_events"]
        assert ((events >= 0) & (events <= looks[analysed])).all()
        assert (looks[analysed] <= looks["n_randomised"]).all()
    for rule in design.rules:
        asked = looks[f"p_{rule.name}"].dropna()
        assert asked.between(0.0, 1.0).all()
    if design.looks.scale == "observed" and not design.adaptive:
        at = pd.Series(design.looks.at, index=range(1, len(design.looks.at) + 1))
        counted = by_look[analysed].sum().unstack()
        if "missing" not in raw["endpoints"][design.primary]:
            for look in counted.columns:
                assert (counted[look].dropna() == at[look]).all(), "never sooner, never later"


# ── trials with nobody in a corner ────────────────────────────────────────────────────────────
def a_rare_stratum(raw: Table) -> None:
    raw["strata"] = {"common": 0.999, "rare": 0.001}


def a_rare_stratum_asked_about(raw: Table) -> None:
    closing_strata(raw)
    raw["strata"] = {"high": 0.999, "low": 0.001}


def two_participants(raw: Table) -> None:
    raw["enrolment"]["max_n"] = 2
    raw["looks"] = {"observed": [1, 2]}
    for rule in raw["rules"]:
        if "looks" in rule:
            rule["looks"] = [1]
        if isinstance(rule.get("at_least"), list):
            rule["at_least"] = 0.9


def looks_before_anybody(raw: Table) -> None:
    raw["looks"] = {"months": [0.001, 0.5, 1.0]}


def two_participants_by_events(raw: Table) -> None:
    raw["enrolment"]["max_n"] = 2
    raw["looks"] = {"events": [1, 2]}


def no_events(raw: Table) -> None:
    for scenario in raw["scenarios"].values():
        for arm in scenario["relapse"]:
            scenario["relapse"][arm] = {"dist": "exponential", "median": 1e5}


def five_arms_of_one(raw: Table) -> None:
    raw["enrolment"]["max_n"] = 5
    raw["looks"] = {"observed": [1, 2, 3, 5]}
    raw["randomisation"]["burn_in"] = 0


def four_by_enrolment(raw: Table) -> None:
    raw["enrolment"]["max_n"] = 4
    raw["looks"] = {"enrolled": [1, 2, 4], "final": "all_observed"}


def counts_by_stratum(raw: Table) -> None:
    del raw["analysis"]
    raw["strata"] = {"sle": 0.98, "ssc": 0.0195, "iim": 0.0005}


def rare_diseases(raw: Table) -> None:
    raw["strata"] = {"sle": 0.98, "ssc": 0.0195, "iim": 0.0005}
    raw["enrolment"]["max_n"] = 12
    raw["looks"]["observed"] = [2, 6, 12]


def nobody_is_infused(raw: Table) -> None:
    raw["scenarios"] = {"nobody": {"cart": {"infusion": {"failure": 1.0}}}}


def nobody_remits(raw: Table) -> None:
    never = {"remission": {"probability": 0.0}}
    raw["scenarios"] = {"nobody": {"soc": never, "cart": never}}


STARVED: list[tuple[str, Callable[[Table], None]]] = [
    ("hello", a_rare_stratum),
    ("hello", a_rare_stratum_asked_about),
    ("hello", two_participants),
    ("hello", looks_before_anybody),
    ("sle_autologous", a_rare_stratum),
    ("sle_autologous", two_participants),
    ("sle_autologous", looks_before_anybody),
    ("sle_autologous", nobody_is_infused),
    ("sle_autologous", nobody_remits),
    ("products_multiarm", five_arms_of_one),
    ("goldilocks_allogeneic", four_by_enrolment),
    ("durability_event_driven", two_participants_by_events),
    ("durability_event_driven", looks_before_anybody),
    ("durability_event_driven", no_events),
    ("basket_diseases", counts_by_stratum),
    ("basket_diseases", rare_diseases),
]


@pytest.mark.parametrize(("name", "change"), STARVED, ids=label)
def test_starved_trials_run_without_warnings(
    name: str, change: Callable[[Table], None], tmp_path: Path
) -> None:
    def changed(raw: Table) -> Table:
        change(raw)
        return raw

    raw = case_of(name, changed)
    result = ac.simulate(
        Design(**raw), trials=30, seed=5, jobs=1, engine="simulate", out=tmp_path / "trials"
    )
    nobody = "n_infused" if change is nobody_is_infused else "n_randomised"
    if change in (no_events, nobody_remits, two_participants_by_events):
        nobody = f"{result.design.primary}_events"
    assert (result.looks[nobody] == 0).any(), "somewhere there is nobody"
    for scenario in result.design.scenarios:
        total = sum(
            result.figure(scenario, measure).estimate
            for measure in ("stop_success", "stop_futility", "stop_safety", "no_success")
        )
        assert total == pytest.approx(1.0)
        assert result.figure(scenario, "failed").estimate == 0.0
