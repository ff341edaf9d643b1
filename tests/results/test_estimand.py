"""The true value of an estimand, against closed forms and plain simulations written here."""

from __future__ import annotations

import copy
import itertools
import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import integrate, optimize
from scipy.stats import qmc

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.nouns.questions import ALL, Question
from adaptive_cart.nouns.summaries import Durations
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results import estimand, hazard_ratios
from adaptive_cart.results.estimand import (
    SobolLatents,
    TrueValue,
    TrueValues,
    target_of,
    target_values,
    true_values,
)
from adaptive_cart.results.hazard_ratios import _score_root
from checks import assert_close_in_mcse, raw_design

Array = npt.NDArray[Any]
Table = dict[str, Any]


@cache
def points() -> SobolLatents:
    return SobolLatents()


def of_scenario(raw: Table, scenario: str, few: bool = True) -> TrueValues:
    design = Design(**copy.deepcopy(raw))
    latents = SobolLatents(points=2**13) if few else points()
    return true_values(design, truths_of(design)[scenario], latents)


def difference(found: TrueValues, stratum: int = ALL) -> TrueValue:
    value = found.quantity(Question("dfr", 1, 0, stratum=stratum))
    assert value is not None
    return value


def hazard_ratio(found: TrueValues) -> TrueValue:
    value = found.quantity(Question("relapse", 1, 0, kind="hazard_ratio"))
    assert value is not None
    return value


def assert_true(found: TrueValue, expected: float, what: str) -> None:
    assert 0.0 <= found.mcse < 5e-4, what
    assert_close_in_mcse(found.value, expected, found.mcse, what)


# ── direct truth: closed forms ────────────────────────────────────────────────────────────────
def test_direct_probability() -> None:
    found = of_scenario(raw_design("hello"), "expected")
    assert found.by_arm["dfr"] == (TrueValue(0.10, 0.0), TrueValue(0.35, 0.0))
    assert difference(found).value == pytest.approx(0.25, abs=1e-15)
    assert difference(found).mcse == 0.0


@pytest.mark.parametrize(("missing", "counts"), [("non_response", True), ("exclude", False)])
def test_direct_probability_with_dropout(missing: str, counts: bool) -> None:
    raw = raw_design("hello")
    raw["endpoints"]["dfr"]["missing"] = missing
    raw["truth"] = {"dropout": {"per_year": 0.3}, "cart": {"dropout": {"per_year": 0.12}}}
    raw["endpoints"]["dfr"]["month"] = 9
    found = of_scenario(raw, "expected").by_arm["dfr"]
    stays = (math.exp(-0.3 * 9 / 12), math.exp(-0.12 * 9 / 12)) if counts else (1.0, 1.0)
    assert found[0].value == pytest.approx(0.10 * stays[0], rel=1e-14)
    assert found[1].value == pytest.approx(0.35 * stays[1], rel=1e-14)


def test_direct_probability_by_stratum() -> None:
    raw = raw_design("basket_diseases")
    del raw["analysis"]
    found = of_scenario(raw, "sle_only")
    assert found.by_arm["dfr"][1].value == pytest.approx(0.5 * 0.4 + 0.3 * 0.1 + 0.2 * 0.1)
    assert difference(found).value == pytest.approx(0.15)
    by_stratum = [difference(found, stratum).value for stratum in range(3)]
    assert by_stratum == pytest.approx([0.3, 0.0, 0.0], abs=1e-15)


def test_direct_null_is_exactly_no_difference() -> None:
    for name in ("hello", "goldilocks_allogeneic", "products_multiarm"):
        raw = raw_design(name)
        design = Design(**raw)
        found = of_scenario(raw, "null")
        for arm in range(1, len(raw["arms"])):
            assert found.quantity(Question("dfr", arm, 0)) == TrueValue(0.0, 0.0)
        assert set(target_values(Plan.of(design), found)) == {0.0}


# ── a course worked out by hand ───────────────────────────────────────────────────────────────
# Fixed delay and onsets, exponential everything else. Months and hazards a month.
DELAY, ONSET, ONSET_SOC = 1.5, 3.0, 4.0
FAILURE, REMISSION, REMISSION_SOC = 0.15, 0.6, 0.2
CURED, CURED_SOC, RELAPSE, RELAPSE_SOC = 0.4, 0.1, 0.06, 0.09
RESCUE, RESCUE_SOC = 0.04, 0.07
LEAVES, LEAVES_SOC = (0.20 + 0.05) / 12, (0.30 + 0.02) / 12  # dropout and death together
CRS, WINDOW = 0.3, 2.0


def by_hand(rescued: bool = True) -> Table:
    fixed = {"dist": "fixed"}
    return {
        "name": "a course with a closed form",
        "arms": {"soc": {"control": True}, "cart": {"product": "autologous"}},
        "endpoints": {
            "dfr": {"type": "landmark", "month": 12},
            "sustained": {"type": "landmark", "month": 12, "sustained_from": 9},
            "too_early": {"type": "landmark", "month": 12, "sustained_from": 4.2},
            "remission": {"type": "landmark", "month": 12, "state": "remission"},
            "remission_time": {"type": "time_in_remission", "horizon": 24},
            "crs3": {"type": "adverse_event", "within_months": WINDOW},
            "infection": {"type": "event_rate"},
        },
        "enrolment": {"max_n": 20, "per_month": 2},
        "looks": {"observed": [20]},
        "rules": [
            {
                "name": "efficacy",
                "then": "declare_success",
                "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
                "at_least": 0.975,
            }
        ],
        "truth": {
            "soc": {
                "remission": {"probability": REMISSION_SOC, "onset": {**fixed, "value": ONSET_SOC}},
                "durability": {
                    "cured": CURED_SOC,
                    "relapse": {"dist": "exponential", "rate": RELAPSE_SOC},
                },
                "remission_on_drugs": {"probability": 0.25, "onset": {**fixed, "value": 8.0}},
                "rescue": {"per_year": 12 * RESCUE_SOC * rescued},
                "dropout": {"per_year": 0.30},
                "death": {"per_year": 0.02},
                "events": {"crs3": 0.05},
                "rates": {"infection": 0.07},
            },
            "cart": {
                "infusion": {"failure": FAILURE, "delay": {**fixed, "value": DELAY}},
                "remission": {"probability": REMISSION, "onset": {**fixed, "value": ONSET}},
                "durability": {"cured": CURED, "relapse": {"dist": "exponential", "rate": RELAPSE}},
                "remission_on_drugs": {"probability": 0.35, "onset": {**fixed, "value": 8.0}},
                "rescue": {"per_year": 12 * RESCUE * rescued},
                "dropout": {"per_year": 0.20},
                "death": {"per_year": 0.05},
                "events": {"crs3": CRS},
                "rates": {"infection": 0.10},
            },
        },
        "scenarios": {"expected": {}},
    }


def in_remission(month: float, k: float = 1.0) -> tuple[float, float]:
    """P(in drug-free remission and still followed at a month), by arm; ``k`` = 0 without rescue."""

    def lasting(since: float, cured: float, relapse: float) -> float:
        return cured + (1.0 - cured) * math.exp(-relapse * since) if since >= 0.0 else 0.0

    control = REMISSION_SOC * math.exp(-k * RESCUE_SOC * ONSET_SOC)
    control *= lasting(month - ONSET_SOC, CURED_SOC, RELAPSE_SOC)
    own = REMISSION * math.exp(-k * RESCUE * ONSET)
    own *= lasting(month - DELAY - ONSET, CURED, RELAPSE)
    cart = (1.0 - FAILURE) * own + FAILURE * control
    return control * math.exp(-LEAVES_SOC * month), cart * math.exp(-LEAVES * month)


def test_landmark_by_hand() -> None:
    found = of_scenario(by_hand(), "expected")
    for arm, expected in enumerate(in_remission(12.0)):
        assert_true(found.by_arm["dfr"][arm], expected, f"month 12, arm {arm}")
        # remission began before month 9, so that lasting to month 12 is having lasted since then
        assert_true(found.by_arm["sustained"][arm], expected, f"months 9 to 12, arm {arm}")
    # at month 4.2 only those with the control's onset at month 4 are in remission: the infused are
    # so from month 4.5 on
    early = in_remission(12.0)[0] / math.exp(-LEAVES_SOC * 12.0)
    assert_true(found.by_arm["too_early"][0], in_remission(12.0)[0], "months 4.2 to 12, soc")
    expected = FAILURE * early * math.exp(-LEAVES * 12.0)
    assert_true(found.by_arm["too_early"][1], expected, "months 4.2 to 12, cart")
    effect = in_remission(12.0)[1] - in_remission(12.0)[0]
    assert_true(difference(found), effect, "risk difference")


def test_remission_of_either_kind_by_hand() -> None:
    found = of_scenario(by_hand(rescued=False), "expected")
    for arm, (free, drugs, leaves) in enumerate(
        zip(in_remission(12.0, k=0.0), (0.25, 0.35), (LEAVES_SOC, LEAVES), strict=True)
    ):
        stays = math.exp(-12.0 * leaves)
        expected = free + (stays - free) * drugs
        assert_true(found.by_arm["remission"][arm], expected, f"either remission, arm {arm}")


def test_months_in_remission_by_hand() -> None:
    found = of_scenario(by_hand(), "expected")
    for arm in (0, 1):
        months, _ = integrate.quad(
            lambda t, a=arm: in_remission(t)[a], 0.0, 24.0, points=[4.0, 4.5], limit=200
        )
        value = found.by_arm["remission_time"][arm]
        assert value.mcse < 3e-3
        assert_close_in_mcse(value.value, months, value.mcse, f"months in remission, arm {arm}")


def test_adverse_events_and_rates_by_hand() -> None:
    """An event is not seen after dropout or death; the infused were all followed to infusion."""
    found = of_scenario(by_hand(), "expected")
    for arm, (probability, leaves) in enumerate(((0.05, LEAVES_SOC), (CRS, LEAVES))):
        seen = -math.expm1(-leaves * WINDOW) / (leaves * WINDOW)
        assert_true(found.by_arm["crs3"][arm], probability * seen, f"adverse event, arm {arm}")
    assert found.by_arm["infection"] == (TrueValue(0.07, 0.0), TrueValue(0.10, 0.0))


@pytest.mark.parametrize("missing", ["exclude", "impute"])
def test_had_nobody_dropped_out(missing: str) -> None:
    """Nobody lost: then nobody loses the infusion by dropping out before it, either."""
    raw = by_hand()
    raw["endpoints"] = {"dfr": {"type": "landmark", "month": 12, "missing": missing}}
    raw["truth"]["cart"]["dropout"] = {"per_year": 1.0}
    without = copy.deepcopy(raw)
    for arm in ("soc", "cart"):
        without["truth"][arm]["dropout"] = {"per_year": 0.0}
    found, expected = (of_scenario(r, "expected").by_arm["dfr"][1] for r in (raw, without))
    assert_true(found, expected.value, "response had nobody dropped out")


# ── strict null ───────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("scenario", ["null", "conditioning_null"])
def test_strict_null_is_exactly_no_difference(scenario: str) -> None:
    raw = raw_design("sle_autologous")
    found = of_scenario(raw, scenario)
    for endpoint in ("dfr", "remission", "relapse", "remission_time"):
        control, cart = found.by_arm[endpoint]
        assert control == cart
        cells = found.cells[endpoint]
        assert (cells.of(1) == cells.of(0)).all(), endpoint
        assert control.value > 0.0
        assert control.mcse > 0.0
    control, cart = found.by_arm["crs3"]
    assert cart.value > control.value, "adverse events stay the arm's own"
    design = Design(**raw)
    assert target_values(Plan.of(design), found) == (0.0,)


def test_strict_null_by_stratum() -> None:
    raw = raw_design("sle_autologous")
    raw["strata"] = {"young": 0.3, "old": 0.7}
    raw["truth"]["soc"]["strata"] = {"old": {"remission": {"probability": 0.3}}}
    found = of_scenario(raw, "null")
    assert found.by_stratum["dfr"][0][1].value > found.by_stratum["dfr"][0][0].value
    for stratum in (0, 1):
        assert difference(found, stratum) == TrueValue(0.0, 0.0)
    young, old = (value.value for value in found.by_stratum["dfr"][0])
    assert found.by_arm["dfr"][0].value == pytest.approx(0.3 * young + 0.7 * old, rel=1e-12)


# ── against a plain simulation ────────────────────────────────────────────────────────────────
def weibull(generator: np.random.Generator, n: int, table: Table) -> Array:
    scale = table["scale"] if "scale" in table else table["median"] / math.log(2) ** (
        1 / table["shape"]
    )  # fmt: skip
    return scale * generator.weibull(table["shape"], n)


def relapse_months(generator: np.random.Generator, n: int, table: Table) -> Array:
    if table["dist"] == "exponential":
        return generator.exponential(table["median"] / math.log(2), n)
    return weibull(generator, n, table)


def plain_simulation(truth: Table, arm: str, n: int, seed: int) -> dict[str, tuple[float, float]]:
    """Two million participants of one arm of the SLE design, each clock drawn as it is told.

    Rescue is drawn anew where remission is lost, and not as one clock that stands still.

    Returns
    -------
    By endpoint: mean outcome and its standard error.
    """
    generator = np.random.default_rng(seed)
    own, control = truth[arm], truth["soc"]

    def after(table: Table, what: str) -> Array:
        return generator.exponential(12.0 / table[what]["per_year"], n)

    dropout, death = after(own, "dropout"), after(own, "death")
    last = np.minimum(dropout, death)
    infused = np.zeros(n, dtype=bool)
    start = np.zeros(n)
    if "infusion" in own:
        delay = own["infusion"]["delay"]
        waits = np.exp(generator.normal(math.log(delay["median"]), delay["sigma"], n))
        infused = (generator.random(n) >= own["infusion"]["failure"]) & (waits < last)
        start = np.where(infused, waits, 0.0)

    def disease(table: Table) -> tuple[Array, Array, Array]:
        onset = start + weibull(generator, n, table["remission"]["onset"])
        rescue = start + after(table, "rescue")
        begins = (generator.random(n) < table["remission"]["probability"]) & (onset <= rescue)
        lasts = relapse_months(generator, n, table["durability"]["relapse"])
        lasts[generator.random(n) < table["durability"]["cured"]] = np.inf
        onset = np.where(begins, onset, np.inf)
        relapse = np.where(begins, onset + lasts, np.inf)
        return onset, relapse, np.where(begins, relapse + after(table, "rescue"), rescue)

    theirs = disease(control)
    if arm != "soc":
        theirs = tuple(  # type: ignore[assignment]
            np.where(infused, mine, other) for mine, other in zip(disease(own), theirs, strict=True)
        )
    onset, relapse, rescue = theirs
    drugs = own["remission_on_drugs"]
    on_drugs = weibull(generator, n, drugs["onset"])
    on_drugs[generator.random(n) >= drugs["probability"]] = np.inf

    settled = np.minimum(np.minimum(rescue, death), dropout) > 12.0
    free = (onset <= 9.0) & (relapse > 12.0)
    free_at_12 = (onset <= 12.0) & (relapse > 12.0)
    end = np.minimum(np.minimum(relapse, last), 24.0)
    outcome = {
        "dfr": free & settled,
        "remission": (free_at_12 | (on_drugs <= 12.0)) & settled,
        "remission_time": np.maximum(end - np.minimum(onset, 24.0), 0.0),
        "relapse": relapse[np.isfinite(onset)] - onset[np.isfinite(onset)] > 36.0,
    }
    if arm != "soc":
        at = start + generator.random(n)
        hurt = (generator.random(n) < own["events"]["crs3"]) & (at <= last)
        outcome["crs3"] = hurt[infused]
    return {
        name: (float(values.mean()), float(values.std()) / math.sqrt(len(values)))
        for name, values in outcome.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "scenario",
    ["expected", "early_data_do_not_hold_up"],
)
def test_quasi_monte_carlo_against_two_million_participants(scenario: str) -> None:
    raw = raw_design("sle_autologous")
    truth = raw["truth"]
    for arm, change in raw["scenarios"][scenario].items():
        for part, values in change.items():
            truth[arm][part] = {**truth[arm][part], **values}
    found = of_scenario(raw_design("sle_autologous"), scenario, few=False)
    for position, arm in enumerate(("soc", "cart")):
        for endpoint, (mean, error) in plain_simulation(truth, arm, 2_000_000, 42).items():
            value = found.by_arm[endpoint][position]
            # each number has an error of its own; the quasi-random one is the smaller
            assert value.mcse < error, f"{endpoint}, {arm}: {value.mcse} v {error}"
            mcse = math.hypot(value.mcse, error)
            assert_close_in_mcse(value.value, mean, mcse, f"{endpoint}, {arm}")


# ── hazard ratios ─────────────────────────────────────────────────────────────────────────────
def test_exponential_hazard_ratio_is_exact() -> None:
    raw = raw_design("durability_event_driven")
    ratio = hazard_ratio(of_scenario(raw, "expected"))
    assert ratio == TrueValue(pytest.approx(0.5, rel=1e-14), 0.0)
    raw["scenarios"]["expected"]["relapse"]["consolidate"] = {"dist": "exponential", "rate": 0.02}
    ratio = hazard_ratio(of_scenario(raw, "expected"))
    assert ratio == TrueValue(pytest.approx(0.02 / (math.log(2.0) / 12.0), rel=1e-14), 0.0)


@pytest.mark.parametrize(
    "time",
    [
        {"dist": "exponential", "median": 12.0},
        {"dist": "weibull", "shape": 1.4, "scale": 9.0},
        {"dist": "weibull", "shape": 1.2, "scale": 14.0, "cured": 0.5},
        {"dist": "exponential", "median": 3.0, "cured": 1.0},
    ],
)
def test_null_hazard_ratio_is_exactly_one(time: Table) -> None:
    raw = raw_design("durability_event_driven")
    raw["scenarios"] = {"null": {"relapse": {"withdraw_late": time, "consolidate": time}}}
    found = of_scenario(raw, "null")
    assert hazard_ratio(found) == TrueValue(1.0, 0.0)
    assert target_values(Plan.of(Design(**raw)), found) == (1.0,)


def profile_likelihood_root(events: Array, months: Array) -> float:
    """Log hazard ratio that maximises the profile likelihood; arrays are (arm, interval).

    With a hazard of its own in every interval, profiled out, the log likelihood is the sum over
    intervals of events_1 theta - (events_0 + events_1) log(months_0 + exp(theta) months_1).
    """

    def minus_log_likelihood(theta: float) -> float:
        at_risk = months[0] + math.exp(theta) * months[1]
        return float(-(events[1] * theta - events.sum(axis=0) * np.log(at_risk)).sum())

    found = optimize.minimize_scalar(
        minus_log_likelihood, bounds=(-4.0, 4.0), method="bounded", options={"xatol": 1e-10}
    )
    return float(found.x)


def cured_half_trials(trials: int, seed: int) -> tuple[Array, Array]:
    """Events and months at risk, (trial, arm, interval), at the ninetieth event."""
    generator = np.random.default_rng(seed)
    n, cuts, horizon = 160, (0.0, 6.0, 12.0, np.inf), 36.0
    arrival = np.cumsum(generator.exponential(1.0 / 8.0, (trials, n)), axis=1)
    pairs = generator.random((trials, n // 2)) < 0.5
    arm = np.stack([pairs, ~pairs], axis=2).reshape(trials, n)  # blocks of two
    control = generator.exponential(12.0 / math.log(2.0), (trials, n))
    other = 14.0 * generator.weibull(1.2, (trials, n))
    other[generator.random((trials, n)) < 0.5] = np.inf
    time = np.where(arm, other, control)
    ends = np.minimum(generator.exponential(12.0 / 0.05, (trials, n)), horizon)
    seen = time <= ends
    dates = np.sort(np.where(seen, arrival + time, np.inf), axis=1)[:, 89]
    nobody_left = (arrival + np.minimum(time, ends)).max(axis=1)
    date = np.where(np.isfinite(dates), dates, nobody_left)[:, None]
    months = np.clip(np.minimum(np.minimum(time, ends), date - arrival), 0.0, None)
    event = seen & (arrival + time <= date)
    shape = (trials, 2, 3)
    events, at_risk = np.zeros(shape), np.zeros(shape)
    for interval, (low, high) in enumerate(itertools.pairwise(cuts)):
        inside = event & (time > low) & (time <= high)
        spent = np.clip(np.minimum(months, high) - low, 0.0, None)
        for position, mine in enumerate((~arm, arm)):
            events[:, position, interval] = (inside & mine).sum(axis=1)
            at_risk[:, position, interval] = (spent * mine).sum(axis=1)
    return events, at_risk


def test_hazard_ratio_without_proportional_hazards() -> None:
    found = of_scenario(raw_design("durability_event_driven"), "cured_half")
    ratio = hazard_ratio(found)
    events, months = cured_half_trials(3_000, 7)
    whole = profile_likelihood_root(events.sum(axis=0), months.sum(axis=0))
    left_out = [
        profile_likelihood_root(
            events.sum(axis=0) - events[batch::50].sum(axis=0),
            months.sum(axis=0) - months[batch::50].sum(axis=0),
        )
        for batch in range(50)
    ]
    error = math.sqrt(49.0 * float(np.var(left_out))) * math.exp(whole)
    assert 0.0 < ratio.mcse < 0.01
    assert 0.3 < ratio.value < 0.7, "half of them never relapse"
    mcse = math.hypot(ratio.mcse, error)
    assert_close_in_mcse(ratio.value, math.exp(whole), mcse, "limit of the hazard ratio")


def test_the_error_of_a_hazard_ratio_is_the_jackknife_over_batches_of_trials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """sqrt((B - 1) / B * sum of (root without one batch - their mean)^2), trials counted anew."""
    batches, many, cuts, limit = 20, 10, (0.0, 6.0, 12.0, np.inf), 40
    monkeypatch.setattr(hazard_ratios, "RATIO_BATCHES", batches)
    monkeypatch.setattr(hazard_ratios, "RATIO_TRIALS", batches * many)
    raw = raw_design("durability_event_driven")
    raw["enrolment"]["max_n"], raw["looks"]["events"] = 60, [limit]
    design = Design(**raw)
    truth = truths_of(design)["cured_half"]
    plan = Plan.of(design)
    events, months = np.zeros((batches, 2, 3)), np.zeros((batches, 2, 3))
    for batch in range(batches):
        latents = latents_for(design, hazard_ratios.SEED, batch * many, many)
        seen = run_block(plan, truth, (1.0,), latents).looks[-1].summaries["relapse"]
        assert isinstance(seen, Durations)
        for interval, (low, high) in enumerate(itertools.pairwise(cuts)):
            inside = seen.event & (seen.months > low) & (seen.months <= high)
            spent = np.clip(np.minimum(seen.months, high) - low, 0.0, None)
            for arm in (0, 1):
                mine = seen.included & (seen.arm == arm)
                events[batch, arm, interval] = (inside & mine).sum()
                months[batch, arm, interval] = (spent * mine).sum()
    together = events.sum(axis=0), months.sum(axis=0)
    without = [
        profile_likelihood_root(together[0] - events[b], together[1] - months[b])
        for b in range(batches)
    ]
    root = profile_likelihood_root(*together)
    squares = sum((one - sum(without) / batches) ** 2 for one in without)
    found = target_of(plan, true_values(design, truth), 0)
    assert found.value == pytest.approx(math.exp(root), rel=1e-6)
    error = math.exp(root) * math.sqrt((batches - 1) / batches * squares)
    assert found.mcse == pytest.approx(error, rel=1e-3)


# ── how it is computed changes nothing ────────────────────────────────────────────────────────
def test_a_scenarios_value_does_not_depend_on_the_scenarios_before_it() -> None:
    raw = raw_design("sle_autologous")
    raw["scenarios"] = {"never_cured": {"soc": {"durability": {"cured": 0.0}}}, "expected": {}}
    design = Design(**raw)
    truths = truths_of(design)
    shared = SobolLatents(scrambles=4, points=2**8)
    true_values(design, truths["never_cured"], shared)
    second = true_values(design, truths["expected"], shared)
    alone = true_values(design, truths["expected"], SobolLatents(scrambles=4, points=2**8))
    assert second.by_arm == alone.by_arm


@pytest.mark.parametrize(
    "name", ["sle_autologous", "lupus_first_flare", "myasthenia_repeat_cycles", "lupus_net_benefit"]
)
def test_an_arm_is_followed_once_for_all_scenarios_that_say_the_same(name: str) -> None:
    design = Design(**raw_design(name))
    shared = SobolLatents(scrambles=2, points=2**6)
    for truth in truths_of(design).values():
        together = true_values(design, truth, shared)
        alone = true_values(design, truth, SobolLatents(scrambles=2, points=2**6))
        for endpoint, cells in alone.cells.items():
            np.testing.assert_array_equal(together.cells[endpoint].values, cells.values)


def test_an_arm_without_events_has_a_value_or_says_so() -> None:
    """Everybody cured in one arm: no hazard ratio is finite, and the run must not break off."""
    raw = raw_design("durability_event_driven")
    raw["scenarios"]["cured_half"]["relapse"]["consolidate"]["cured"] = 1.0
    ratio = hazard_ratio(of_scenario(raw, "cured_half"))
    assert math.isnan(ratio.value) or ratio.value < 1e-6


def test_reported_error_is_the_spread_over_scrambles() -> None:
    """Errors of independent runs, in their own standard errors, look like a normal sample."""
    raw = by_hand()
    design = Design(**raw)
    truth = truths_of(design)["expected"]
    away = []
    for seed in range(30):
        latents = SobolLatents(seed=1000 * seed, scrambles=16, points=2**8)
        value = difference(true_values(design, truth, latents))
        exact = in_remission(12.0)[1] - in_remission(12.0)[0]
        away.append((value.value - exact) / value.mcse)
    # with 15 degrees of freedom the variance of t is 15 / 13
    assert_close_in_mcse(float(np.mean(away)), 0.0, math.sqrt(15 / 13 / 30), "unbiased")
    assert 0.4 < float(np.var(away)) < 2.5


def test_the_true_value_of_what_a_safety_rule_asks_is_had_where_it_is_wanted() -> None:
    """The fraction of remissions that last 24 months, of which no rule claims anything."""
    design = Design(**raw_design("sle_autologous"))
    truth = truths_of(design)["expected"]
    asked = Question("relapse", 0, kind="remaining", month=24.0)
    few = SobolLatents(scrambles=4, points=2**11)
    assert true_values(design, truth, few).quantity(asked) is None
    found = true_values(design, truth, few, also=[asked]).quantity(asked)
    assert found is not None
    lasting = 0.05 + 0.95 * 0.5 ** (24.0 / 9.0)  # as the design has the control's durability
    assert_close_in_mcse(found.value, lasting, max(found.mcse, 1e-3))


@pytest.mark.parametrize("name", ["sle_autologous", "lupus_gated_claims", "lupus_first_flare"])
def test_scrambles_that_are_followed_a_few_at_a_time_give_the_same_values(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = Design(**raw_design(name))
    truth = list(truths_of(design).values())[-1]
    found = []
    for at_a_time in (2**8, 3 * 2**8, 2**20):
        monkeypatch.setattr(estimand, "AT_A_TIME", at_a_time)
        found.append(true_values(design, truth, SobolLatents(points=2**8)))
    for other in found[1:]:
        assert other.by_stratum == found[0].by_stratum
        assert [*other.known] == [*found[0].known]
        for known, cells in found[0].known.items():
            np.testing.assert_array_equal(other.known[known].values, cells.values)


def test_points_are_those_that_the_library_draws() -> None:
    latents = SobolLatents(seed=3, scrambles=2, points=2**6)
    for scramble in range(2):
        sobol = qmc.Sobol(estimand.DIMENSIONS, scramble=True, rng=3 + scramble).random(2**6)
        for place, purpose in enumerate(estimand.PURPOSES):
            np.testing.assert_array_equal(latents.of(purpose)[scramble], sobol[:, place])


def test_months_in_which_nobody_is_at_risk_say_nothing_of_a_hazard_ratio() -> None:
    data = np.array([[[4.0, 2.0], [20.0, 12.0]], [[3.0, 1.0], [22.0, 14.0]]])
    nobody = np.zeros((2, 2, 1))
    assert _score_root(np.concatenate([data, nobody], axis=2)) == _score_root(data)
    with_events = nobody.copy()
    with_events[0, 0] = 1.0
    assert _score_root(np.concatenate([data, with_events], axis=2)) == _score_root(data)
