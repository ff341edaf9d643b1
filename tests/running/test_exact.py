"""The exact engine against its slow twin, a textbook sum, and simulated trials."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.running import exact as exact_engine
from adaptive_cart.running.engine import obstacles
from adaptive_cart.running.exact import enumerate_design
from checks import assert_close_in_mcse, assert_share, raw_design
from conduct.test_early_tells_late import design as with_early_months
from twin import enumeration

Table = dict[str, Any]
Key = tuple[str, str, str | None, int | None, str | None]  # scenario, measure, arm, look, reason
REASONS = ("success", "futility", "safety", "no_success")
PROPORTIONS = {
    "success", "arm_success", "false_success", "no_success", "coverage",
    "stop_success", "stop_futility", "stop_safety",
}  # fmt: skip


def exact_measures(raw: Table) -> dict[Key, float]:
    """Estimates of the exact engine, by scenario, measure, arm, look and reason."""
    design = Design(**copy.deepcopy(raw))
    rows, _ = enumerate_design(design, truths_of(design))
    found: dict[Key, float] = {}
    for scenario, measure, arm, stratum, look, estimate, mcse, lower, upper, n, reason in rows:
        assert (mcse, lower, upper, n, stratum) == (0.0, estimate, estimate, None, None)
        key = (scenario, measure, arm, look, reason)
        assert key not in found, f"two rows for {key}"
        found[key] = estimate
    return found


def slow_measures(raw: Table) -> dict[Key, float]:
    """The same from the twin, under the names of the results table."""
    found: dict[Key, float] = {}
    for (scenario, measure, arm, look), value in enumeration.enumerate_design(raw).items():
        reason = None
        if measure.startswith("bias_given_stop_"):
            measure, reason = "bias_given_stop", measure.removeprefix("bias_given_stop_")
        found[scenario, measure, arm, look, reason] = value
    return found


def assert_same(raw: Table, slow_raw: Table | None = None) -> None:
    fast, slow = exact_measures(raw), slow_measures(slow_raw or raw)
    both = fast.keys() & slow.keys()
    named = {measure for _, measure, *_ in both}
    assert named >= {
        "success", "stop_success", "stop_futility", "stop_safety", "no_success",
        "n_analysed_mean", "estimand", "bias", "rmse", "coverage", "bias_given_stop",
    }  # fmt: skip
    missing = {key for key in slow.keys() - both if abs(slow[key]) > 1e-12}
    assert not missing, "whatever is possible has a row"
    for key in both:
        assert abs(fast[key] - slow[key]) < 1e-9, f"{key}: {fast[key]!r} v {slow[key]!r}"
    assert_adds_up(fast)


def assert_adds_up(found: dict[Key, float]) -> None:
    """Probabilities of all ends sum to one, and those by look to those at any."""
    for scenario in {key[0] for key in found}:
        total = math.fsum(
            found[scenario, measure, None, None, None]
            for measure in ("stop_success", "stop_futility", "stop_safety", "no_success")
        )
        assert total == pytest.approx(1.0, abs=1e-12)
        assert found[scenario, "success", None, None, None] == pytest.approx(
            found[scenario, "stop_success", None, None, None], abs=1e-15
        )
        for measure in ("stop_success", "stop_futility", "stop_safety"):
            by_look = [
                value
                for (name, row, _, look, _), value in found.items()
                if (name, row) == (scenario, measure) and look is not None
            ]
            assert len(by_look) >= 1
            assert all(0.0 <= value <= 1.0 for value in by_look)
            any_look = found[scenario, measure, None, None, None]
            assert math.fsum(by_look) == pytest.approx(any_look, abs=1e-12)


# ── the twin ──────────────────────────────────────────────────────────────────────────────────
def small() -> Table:
    """The smallest design with half its participants: 20 and 40 at the last look."""
    raw = raw_design("hello")
    raw["enrolment"]["max_n"] = 60
    raw["looks"]["observed"] = [24, 42, 60]
    raw["rules"][0]["at_least"] = 0.95
    raw["scenarios"]["zero"] = {"dfr": {"soc": 0.0, "cart": 0.5}}
    raw["scenarios"]["one"] = {"dfr": {"soc": 0.3, "cart": 1.0}}
    return raw


def a_margin(raw: Table) -> None:
    raw["rules"][0]["posterior"]["above"] = 0.10
    raw["rules"][0]["at_least"] = 0.8


def a_negative_margin(raw: Table) -> None:
    raw["rules"][0]["posterior"]["above"] = -0.05


def below_a_margin(raw: Table) -> None:
    asked = raw["rules"][0]["posterior"]
    asked["below"] = asked.pop("above")
    del raw["rules"][0]["at_least"]
    raw["rules"][0]["below"] = 0.05


def mixture_priors(raw: Table) -> None:
    robust = [{"weight": 0.8, "a": 1.2, "b": 38.8}, {"weight": 0.2, "a": 1.0, "b": 1.0}]
    raw["analysis"] = {
        "dfr": {
            "model": "beta_binomial",
            "prior": {"soc": {"mixture": robust}, "cart": {"a": 0.5, "b": 0.5}},
        }
    }


def one_look(raw: Table) -> None:
    raw["looks"]["observed"] = [60]
    raw["rules"] = raw["rules"][:1]


def four_looks(raw: Table) -> None:
    raw["looks"]["observed"] = [15, 30, 45, 60]
    raw["rules"][0]["at_least"] = [0.999, 0.99, 0.98, 0.95]
    raw["rules"][1]["looks"] = [1, 2, 3]
    raw["rules"][1]["below"] = [0.02, 0.05, 0.10]


def equal_allocation(raw: Table) -> None:
    del raw["arms"]["cart"]["allocation"]


def three_to_one(raw: Table) -> None:
    raw["arms"]["cart"]["allocation"] = 3
    raw["looks"]["observed"] = [24, 44, 60]


def futility_first(raw: Table) -> None:
    raw["rules"][1]["below"] = 0.97  # so high that some tables meet both rules
    before = exact_measures(raw)
    raw["rules"].reverse()
    assert exact_measures(raw) != before, "the first rule that holds wins"


def safety_on_the_primary(raw: Table) -> None:
    worse = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "below": 0.0}
    raw["rules"].insert(
        0, {"name": "harm", "then": "stop_for_safety", "posterior": worse, "at_least": 0.7}
    )


def one_arm_alone(raw: Table) -> None:
    too_few = {"endpoint": "dfr", "arm": "cart", "above": 0.20}
    raw["rules"].append(
        {"name": "too_few", "then": "declare_futility", "posterior": too_few, "below": 0.3}
    )
    too_many = {"endpoint": "dfr", "arm": "soc", "above": 0.25}
    raw["rules"].insert(
        0, {"name": "easy", "then": "stop_for_safety", "posterior": too_many, "at_least": 0.9}
    )


def futility_by_posterior(raw: Table) -> None:
    asked = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.10}
    raw["rules"][1] = {
        "name": "futility", "then": "declare_futility", "posterior": asked, "below": 0.5,
    }  # fmt: skip


def success_predicted(raw: Table) -> None:
    raw["rules"].append(
        {
            "name": "early",
            "then": "declare_success",
            "predictive": {"rule": "efficacy"},
            "at_least": 0.60,
            "looks": [1, 2],
        }
    )


def a_final_look(raw: Table) -> None:
    raw["looks"] = {"observed": [24, 42], "final": "all_observed"}


def a_final_rule(raw: Table) -> None:
    raw["looks"] = {"observed": [24, 42], "final": "all_observed"}
    raw["rules"][0]["looks"] = ["final"]
    raw["rules"][1]["looks"] = [1, 2]


def more_planned_than_the_last_look(raw: Table) -> None:
    raw["enrolment"]["max_n"] = 71  # 24 and 47 planned


def larger_blocks(raw: Table) -> None:
    raw["randomisation"] = {"method": "permuted_blocks", "block": 6}


VARIANTS: list[Callable[[Table], None]] = [
    a_margin, a_negative_margin, below_a_margin, mixture_priors, one_look, four_looks,
    equal_allocation, three_to_one, futility_first, safety_on_the_primary, one_arm_alone,
    futility_by_posterior, success_predicted, a_final_look, a_final_rule,
    more_planned_than_the_last_look, larger_blocks,
]  # fmt: skip


def test_hello_against_enumeration() -> None:
    assert_same(raw_design("hello"))


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.__name__)
def test_variants_against_enumeration(variant: Callable[[Table], None]) -> None:
    raw = small()
    usual = exact_measures(raw)
    variant(raw)
    assert_same(raw)
    # what is below a margin with a small probability is above it with a large one
    unchanged = variant in (larger_blocks, a_final_look, below_a_margin)
    assert (exact_measures(raw) == usual) == unchanged


def test_scenarios_enumerated_together_are_those_of_each_alone() -> None:
    """To the last bit, with as many effects as scenarios, and rates of 0 and 1 among them."""
    raw = small()
    safety_on_the_primary(raw)
    raw["scenarios"]["another"] = {"dfr": {"soc": 0.2, "cart": 0.45}}
    together = exact_measures(raw)
    for name in raw["scenarios"]:
        alone = small()
        safety_on_the_primary(alone)
        alone["scenarios"] = {name: raw["scenarios"][name]}
        assert exact_measures(alone) == {k: v for k, v in together.items() if k[0] == name}


def test_few_tables_at_once_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = small()
    usual = exact_measures(raw)
    monkeypatch.setattr(exact_engine, "AT_ONCE", 2_000)
    monkeypatch.setattr(exact_engine, "NUMBERS_AT_ONCE", 500)
    assert exact_measures(raw) == usual
    design = Design(**raw)
    power = exact_engine.success_of(design, truths_of(design))
    assert power == {name: usual[name, "success", None, None, None] for name in power}


def test_dropout_is_a_smaller_probability() -> None:
    """A participant responds with p exp(-12 h): the twin is given that probability."""
    raw = small()
    raw["truth"] = {"dropout": {"per_year": 0.2}, "cart": {"dropout": {"per_year": 0.1}}}
    slow = small()
    for scenario in slow["scenarios"].values():
        scenario["dfr"]["soc"] *= math.exp(-0.2)
        scenario["dfr"]["cart"] *= math.exp(-0.1)
    assert_same(raw, slow)


# ── the textbook ──────────────────────────────────────────────────────────────────────────────
def cook(a: int, b: int, c: int, d: int) -> float:
    """P(X > Y) of X ~ Beta(a, b) and Y ~ Beta(c, d), whole parameters: a finite sum.

    Given Y = y, X > y when fewer than a of a + b - 1 uniforms fall below y.
    """
    n = a + b - 1
    return float(stats.betabinom.pmf(np.arange(a), n, c, d).sum())


@pytest.mark.parametrize(("soc", "cart"), [(0.1, 0.1), (0.1, 0.35), (0.5, 0.9)])
def test_one_look_is_a_double_binomial_sum(soc: float, cart: float) -> None:
    raw = raw_design("hello")
    raw["enrolment"]["max_n"] = 45
    raw["looks"]["observed"] = [45]
    raw["rules"] = raw["rules"][:1]
    raw["scenarios"] = {"here": {"dfr": {"soc": soc, "cart": cart}}}
    found = exact_measures(raw)
    success = bias = square = 0.0
    masses = stats.binom.pmf(np.arange(16), 15, soc), stats.binom.pmf(np.arange(31), 30, cart)
    for x in range(16):
        for y in range(31):
            mass = masses[0][x] * masses[1][y]
            success += mass * (cook(1 + y, 31 - y, 1 + x, 16 - x) >= 0.985)
            error = (y + 1) / 32 - (x + 1) / 17 - (cart - soc)
            bias, square = bias + mass * error, square + mass * error**2
    assert found["here", "success", None, None, None] == pytest.approx(success, abs=1e-12)
    assert found["here", "bias", None, None, None] == pytest.approx(bias, abs=1e-12)
    rmse = found["here", "rmse", None, None, None]
    assert rmse == pytest.approx(math.sqrt(square), abs=1e-12)
    assert found["here", "n_analysed_mean", None, None, None] == pytest.approx(45.0)
    assert found["here", "n_analysed_sd", None, None, None] == pytest.approx(0.0, abs=1e-9)
    false = found["here", "false_success", None, None, None]
    assert false == pytest.approx(success if cart == soc else 0.0, abs=1e-12)


def test_distribution_of_the_number_analysed() -> None:
    raw = raw_design("hello")
    found = exact_measures(raw)
    for scenario in ("null", "expected"):

        def stopped(look: int, name: str = scenario) -> float:
            return math.fsum(
                found[name, f"stop_{reason}", None, look, None] for reason in REASONS[:3]
            )

        shares = {60: stopped(1), 105: stopped(2)}
        shares[150] = 1.0 - math.fsum(shares.values())
        mean = math.fsum(n * share for n, share in shares.items())
        sd = math.sqrt(math.fsum((n - mean) ** 2 * share for n, share in shares.items()))
        assert found[scenario, "n_analysed_mean", None, None, None] == pytest.approx(mean)
        assert found[scenario, "n_analysed_sd", None, None, None] == pytest.approx(sd)
        for label, level in (("p05", 0.05), ("p50", 0.50), ("p95", 0.95)):
            reached = np.cumsum(list(shares.values())) >= level
            expected = list(shares)[int(reached.argmax())]
            assert found[scenario, f"n_analysed_{label}", None, None, None] == expected


# ── simulated trials ──────────────────────────────────────────────────────────────────────────
def simulated_against_exact(raw: Table, trials: int, seed: int, folder: Path, z: float) -> int:
    """Hold every measure that both engines have against each other; returns how many."""
    design = Design(**copy.deepcopy(raw))
    result = ac.simulate(
        design, trials=trials, seed=seed, jobs=1, engine="simulate", out=folder / "trials"
    )
    exact = exact_measures(raw)
    every: npt.NDArray[Any] = result.trials["scenario"].to_numpy()
    compared = set()
    table = result.operating_characteristics
    for row in table.astype({"look": "object"}).itertuples(index=False):
        look = None if pd.isna(row.look) else int(row.look)
        arm, reason = (None if pd.isna(value) else value for value in (row.arm, row.reason))
        key = (row.scenario, row.measure, arm, look, reason)
        if key not in exact:
            continue
        truth, what = exact[key], str(key)
        compared.add(key)
        if row.measure.startswith("n_analysed_p"):
            level = float(row.measure.removeprefix("n_analysed_p")) / 100.0
            here = result.trials["n_analysed"].to_numpy()[every == row.scenario]
            slack = z * math.sqrt(level * (1.0 - level) / len(here))
            assert (here <= truth).mean() >= level - slack, what
            assert (here < truth).mean() <= level + slack, what
        elif row.measure in PROPORTIONS or row.measure.startswith(("decided_", "held_")):
            assert row.n == trials
            # a proportion of all trials: its error from the exact probability, and never less
            # than that of one trial, so that what happens in one of a million may happen
            mcse = max(math.sqrt(truth * (1.0 - truth) / trials), 0.3 / trials * (truth > 0.0))
            assert_close_in_mcse(row.estimate, truth, mcse, what, z)
        elif row.measure == "bias_given_stop" and row.n < 100:
            # too few such trials for an error of their own; |bias| is at most 2
            assert abs(row.estimate - truth) <= z * 2.0 / math.sqrt(row.n), what
        else:
            assert_close_in_mcse(row.estimate, truth, row.mcse, what, z)
    named = {key[1] for key in compared}
    assert named >= {
        "success", "stop_success", "stop_futility", "no_success", "false_success", "arm_success",
        "n_analysed_mean", "n_analysed_sd", "n_analysed_p50", "estimand", "bias", "rmse",
        "coverage", "bias_given_stop", "true_dfr",
    }  # fmt: skip
    lacking = {key for key in exact.keys() - compared if key[1] != "bias_given_stop"}
    assert not lacking, f"the simulation has no row for {lacking}"
    return len(compared)


def test_simulated_hello_against_exact(tmp_path: Path) -> None:
    assert simulated_against_exact(raw_design("hello"), 20_000, 1, tmp_path, 5.0) > 60


def test_simulated_dropout_and_mixture_against_exact(tmp_path: Path) -> None:
    raw = small()
    mixture_priors(raw)
    safety_on_the_primary(raw)
    raw["truth"] = {"dropout": {"per_year": 0.2}, "cart": {"dropout": {"per_year": 0.1}}}
    assert simulated_against_exact(raw, 5_000, 2, tmp_path, 5.0) > 100


@pytest.mark.slow
def test_two_hundred_thousand_simulated_trials_against_exact(tmp_path: Path) -> None:
    assert simulated_against_exact(raw_design("hello"), 200_000, 3, tmp_path, 4.0) > 60


def test_outcomes_of_simulated_trials_have_the_exact_distribution(tmp_path: Path) -> None:
    """Reason and look together, in a design whose three reasons all occur."""
    raw = small()
    safety_on_the_primary(raw)
    raw["scenarios"] = {"null": {"dfr": {"soc": 0.25, "cart": 0.25}}}
    exact = exact_measures(raw)
    result = ac.simulate(
        Design(**raw), trials=20_000, seed=4, jobs=1, engine="simulate", out=tmp_path / "trials"
    )
    for reason in REASONS[:3]:
        for look in (1, 2, 3):
            here = (result.trials["reason"] == reason) & (result.trials["look"] == look)
            truth = exact["null", f"stop_{reason}", None, look, None]
            assert_share(here.to_numpy(), truth, f"{reason} at look {look}")
    assert {"success", "futility", "safety", "no_success"} == set(result.trials["reason"])


# ── the choice of the engine ──────────────────────────────────────────────────────────────────
def test_auto_takes_exact_where_it_is_valid(tmp_path: Path) -> None:
    raw = raw_design("hello")
    result = ac.simulate(Design(**raw), out=tmp_path / "exact")
    assert result.manifest["engine"] == "exact"
    exact = exact_measures(raw)
    assert result.figure("null", "success").estimate == exact["null", "success", None, None, None]
    assert result.figure("null", "success").mcse == 0.0
    again = ac.simulate(Design(**raw), out=tmp_path / "asked", engine="exact", seed=99)
    assert again.operating_characteristics.equals(result.operating_characteristics)


def refused(raw: Table, folder: Path) -> str:
    with pytest.raises(ac.EngineError) as caught:
        ac.simulate(Design(**raw), engine="exact", out=folder / "none")
    assert not (folder / "none").exists(), "nothing is written when the input is wrong"
    return str(caught.value)


def test_exact_is_refused_with_every_obstacle_named(tmp_path: Path) -> None:
    raw = raw_design("sle_autologous")
    message = refused(raw, tmp_path)
    for name in raw["scenarios"]:
        assert f"'{name}'" in message, "each scenario is a course"
    for endpoint in ("remission", "relapse", "remission_time", "crs3"):
        assert endpoint in message, "endpoints beside the primary"
    assert "--engine simulate" in message, "what to type instead"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("products_multiarm", ["5 arms", "response-adaptive", "inferior", "drop_arm"]),
        ("goldilocks_allogeneic", ["enrolled", "enough", "stop_enrolment"]),
        ("durability_event_driven", ["time_to_event", "events", "counts alone"]),
    ],
)
def test_other_designs_are_refused_with_their_obstacles(
    name: str, words: list[str], tmp_path: Path
) -> None:
    message = refused(raw_design(name), tmp_path)
    for word in words:
        assert word in message


def test_a_look_that_cuts_a_block_is_refused(tmp_path: Path) -> None:
    raw = raw_design("hello")
    raw["looks"]["observed"] = [60, 104, 150]
    message = refused(raw, tmp_path)
    assert "104" in message
    assert "60" not in message.split("104")[0], "the other looks are no obstacle"


def test_what_varies_from_trial_to_trial_is_refused(tmp_path: Path) -> None:
    raw = raw_design("hello")
    raw["strata"] = {"high": 0.5, "low": 0.5}
    raw["endpoints"]["dfr"]["missing"] = "exclude"
    raw["truth"] = {"dropout": {"per_year": 0.1}}
    raw["rules"][1]["predictive"]["with"] = "enrolled"
    message = refused(raw, tmp_path)
    for word in ("strata", "'null'", "'expected'", "dropout", "futility", "enrolled"):
        assert word in message


def test_a_prediction_that_is_drawn_stands_in_the_way() -> None:
    told = "what rule 'ahead' predicts is drawn, and not enumerated"
    drawn, summed = (Design(**with_early_months(months)) for months in ([3.0], []))
    assert told in obstacles(drawn, drawn.truths)
    assert told not in obstacles(summed, summed.truths)
