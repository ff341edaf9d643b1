"""Corrected estimates of simulated trials: in closed form, beside enumeration, of every kind."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.errors import EngineError
from adaptive_cart.running.adjusted import Scale, Spans, skeptical
from adaptive_cart.running.likelihood_ratios import GivenStop, Seen
from adaptive_cart.telling.check import described
from checks import raw_design, tiny_design

Raw = dict[str, Any]
CUT = 1.2


# ── the bias given the stop ───────────────────────────────────────────────────────────────────
def normal_trials(true: float, number: int) -> dict[str, Seen]:
    """Two looks at normal estimates, of errors 1 and 1/sqrt(2); the first ends above a cut."""
    random = np.random.default_rng(int(1000 * (true + 5)))
    first = true + random.standard_normal(number)
    whole = (first + true + random.standard_normal(number)) / 2.0
    stops = first > CUT
    return {
        "early": Seen(true, number, first[stops], np.ones(int(stops.sum()))),
        "late": Seen(true, number, whole[~stops], np.full(int((~stops).sum()), math.sqrt(0.5))),
    }


def closed_form(end: str, true: float) -> float:
    """Bias of a truncated normal: of the first look, and of half of it at the second."""
    cut = CUT - true
    if end == "early":
        return float(stats.norm.pdf(cut) / stats.norm.sf(cut))
    return float(-stats.norm.pdf(cut) / stats.norm.cdf(cut) / 2.0)


@pytest.mark.parametrize("end", ["early", "late"])
def test_the_bias_given_the_stop_is_that_of_the_truncated_normal(end: str) -> None:
    """At the scenarios, between them, and two standard errors beyond the last one."""
    scenarios = [normal_trials(true, 60_000)[end] for true in (0.0, 1.5)]
    found = GivenStop.of(scenarios)
    assert found is not None
    at = np.array([-0.5, 0.0, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0])
    expected = [closed_form(end, value) for value in at]
    assert found.at(at) == pytest.approx(expected, abs=0.035)
    # at a scenario it is that of its own trials
    own = float(scenarios[1].estimate.mean()) - 1.5
    assert found.at(np.array([1.5]))[0] == pytest.approx(own, abs=0.005)


def test_far_beyond_all_scenarios_nothing_is_taken_away() -> None:
    found = GivenStop.of([normal_trials(true, 20_000)["early"] for true in (0.0, 1.5)])
    assert found is not None
    assert found.at(np.array([5.0]))[0] == pytest.approx(0.0, abs=0.15)


def test_a_scenario_whose_ratio_is_nought_teaches_nothing() -> None:
    """Its logarithm has no place on the scale; what the others teach stays as it is."""
    scenarios = [normal_trials(true, 2_000)["early"] for true in (0.0, 1.5)]
    without = Seen(-math.inf, 2_000, np.full(30, -9.0), np.ones(30))
    found, alone = GivenStop.of([*scenarios, without]), GivenStop.of(scenarios)
    assert found is not None
    assert alone is not None
    np.testing.assert_array_equal(found.bias, alone.bias)
    assert GivenStop.of([without]) is None


def test_between_scenarios_far_apart_the_bias_is_that_of_both() -> None:
    """Where neither has trials, what is known on one side passes into what is on the other."""
    found = GivenStop.of([normal_trials(true, 20_000)["early"] for true in (0.0, 14.0)])
    assert found is not None
    at = np.array([0.0, 1.0, 6.0, 7.0, 8.0, 14.0])
    expected = [closed_form("early", float(value)) for value in at]
    assert found.at(at) == pytest.approx(expected, abs=0.1)


def test_a_trial_of_a_large_error_leaves_the_others_their_bias() -> None:
    scenarios = []
    for true in (0.0, 1.5):
        one = normal_trials(true, 60_000)["early"]
        whole = np.append(one.estimate, -300.0), np.append(one.error, 100.0)
        scenarios.append(Seen(true, one.trials, *whole))
    found = GivenStop.of(scenarios)
    assert found is not None
    at = np.array([0.0, 0.5, 1.0, 1.5])
    expected = [closed_form("early", float(value)) for value in at]
    assert found.at(at) == pytest.approx(expected, abs=0.05)


def test_one_trial_teaches_nothing() -> None:
    assert GivenStop.of([Seen(0.0, 10, np.array([1.0]), np.array([0.5]))]) is None


# ── beside enumeration ────────────────────────────────────────────────────────────────────────
def test_simulated_measures_agree_with_enumerated_ones(tmp_path: Path) -> None:
    """The skeptical ones within Monte Carlo error; the bias given the stop is made as small."""
    raw = raw_design("hello")
    raw["enrolment"]["max_n"], raw["looks"] = 60, {"observed": [30, 60]}
    raw["rules"][1]["looks"] = [1]
    raw["adjusted_estimates"] = {"skeptical": {"effect": 0.25}}
    design = Design(**raw)
    exact = ac.simulate(design, out=tmp_path / "exact")
    drawn = ac.simulate(
        design, trials=3000, seed=5, jobs=1, engine="simulate", out=tmp_path / "drawn"
    )
    for scenario in design.scenarios:
        for measure in ("bias", "rmse", "coverage", "overestimated"):
            name = f"{measure}_skeptical"
            mine, known = drawn.figure(scenario, name), exact.figure(scenario, name)
            assert abs(mine.estimate - known.estimate) < 4.0 * mine.mcse
            assert mine.n == 3000
    rows = drawn.operating_characteristics
    stops = rows[rows["measure"] == "bias_given_stop_conditional"]
    far = []
    for row in stops.itertuples():
        where = {"look": int(row.look), "reason": row.reason}
        before = drawn.figure(row.scenario, "bias_given_stop", **where)
        known = exact.figure(row.scenario, "bias_given_stop_conditional", **where).estimate
        if row.n < 100 or abs(known - before.estimate) < 0.01:
            continue
        # nearer to the enumerated one, which knows the model, than to none at all
        far.append(abs(row.estimate - known) / abs(before.estimate - known))
    assert len(far) >= 4
    assert np.mean(far) < 0.5
    # an estimate that hangs on no order of tables: no median-unbiased one is made up
    assert not rows["measure"].str.contains("median_unbiased").any()


# ── every kind ────────────────────────────────────────────────────────────────────────────────
def of_scores() -> Raw:
    score = {"baseline": {"mean": 9.0, "sd": 3.0}, "sd": [3.0], "correlation": 0.5}
    asked = {"endpoint": "score", "arm": "cart", "minus": "soc", "below": 0.0}
    return tiny_design(
        endpoints={"score": {"type": "continuous", "visits": [6.0], "better": "lower"}},
        analysis={"score": {"model": "normal"}},
        rules=[{"name": "works", "then": "declare_success", "posterior": asked, "at_least": 0.95}],
        scenarios={
            "null": {"score": {arm: {**score, "change": [-1.0]} for arm in ("soc", "cart")}},
            "good": {"score": {"soc": {**score, "change": [-1.0]},
                               "cart": {**score, "change": [-4.0]}}},
        },
        adjusted_estimates={"skeptical": {"effect": -4.0, "chance": 0.1}},
    )  # fmt: skip


def of_rates() -> Raw:
    asked = {"endpoint": "flares", "arm": "cart", "minus": "soc", "below": 0.0}
    return tiny_design(
        endpoints={"flares": {"type": "event_rate"}},
        analysis={"flares": {"model": "gamma_poisson", "prior": {"a": 1.0, "b": 1.0}}},
        looks={"months": [9.0, 18.0]},
        rules=[{"name": "works", "then": "declare_success", "posterior": asked, "at_least": 0.95}],
        scenarios={
            "null": {"flares": {"soc": 1.5, "cart": 1.5}},
            "good": {"flares": {"soc": 1.5, "cart": 0.6}},
        },
        adjusted_estimates={"skeptical": {"effect": -1.0, "chance": 0.1}},
    )


HAZARD = {
    "baseline": {"a": 0.1, "b": 1.0},
    "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 2.0},
}


def of_hazards() -> Raw:
    asked = {"endpoint": "flare", "arm": "cart", "hazard_ratio_to": "soc", "below": 1.0}
    return tiny_design(
        endpoints={"flare": {"type": "time_to_event"}},
        analysis={"flare": {"model": "piecewise_exponential", "prior": HAZARD}},
        looks={"events": [8, 14]},
        rules=[{"name": "works", "then": "declare_success", "posterior": asked, "at_least": 0.95}],
        scenarios={
            "null": {"flare": {a: {"dist": "exponential", "median": 6.0} for a in ("soc", "cart")}},
            "good": {"flare": {"soc": {"dist": "exponential", "median": 6.0},
                               "cart": {"dist": "exponential", "median": 15.0}}},
        },
        adjusted_estimates={"skeptical": {"effect": 0.4, "no_effect": 1.0, "chance": 0.1}},
    )  # fmt: skip


def of_counts() -> Raw:
    scenarios = {n: {"dfr": {"soc": 0.2, "cart": p}} for n, p in (("null", 0.2), ("good", 0.6))}
    return tiny_design(
        scenarios=scenarios, adjusted_estimates={"skeptical": {"effect": 0.3, "chance": 0.1}}
    )


KINDS = {"counts": of_counts, "scores": of_scores, "rates": of_rates, "hazards": of_hazards}


def slow_skeptical(value: float, lower: float, upper: float, prior: Raw, ratio: bool) -> float:
    """The mean of a normal estimate and a normal prior, one trial at a time."""
    about, effect = prior.get("no_effect", 0.0), prior["effect"]
    if ratio:
        value, lower, upper, about, effect = map(math.log, (value, lower, upper, about, effect))
    sd = abs(effect - about) / stats.norm.isf(prior["chance"])
    error = (upper - lower) / (2.0 * stats.norm.isf(0.025))
    mean = (value / error**2 + about / sd**2) / (1.0 / error**2 + 1.0 / sd**2)
    return math.exp(mean) if ratio else mean


@pytest.mark.parametrize("kind", KINDS)
def test_measures_of_every_kind_are_those_of_its_trials(kind: str, tmp_path: Path) -> None:
    raw = KINDS[kind]()
    design = Design(**raw)
    run = ac.simulate(design, trials=120, seed=2, jobs=1, engine="simulate", out=tmp_path / "run")
    ratio = kind == "hazards"
    told = 0
    for scenario in design.scenarios:
        trials = run.trials[run.trials["scenario"] == scenario]
        target = run.figure(scenario, "estimand").estimate
        ends = trials[["estimate", "estimate_lower", "estimate_upper"]].to_numpy(dtype=float)
        assert np.isfinite(ends).all()
        assert (ends[:, 1] < ends[:, 0]).all()
        assert (ends[:, 0] < ends[:, 2]).all()
        # its ends are those by which coverage is measured, but for trials at the very edge
        inside = (ends[:, 1] <= target) & (target <= ends[:, 2])
        assert (inside != trials["covered"].to_numpy()).mean() < 0.02
        prior = raw["adjusted_estimates"]["skeptical"]
        slow = np.array([slow_skeptical(*one, prior, ratio) for one in ends])
        shown = run.figure(scenario, "bias_skeptical")
        assert shown.estimate == pytest.approx(float(slow.mean()) - target, abs=1e-9)
        assert shown.mcse >= float(slow.std(ddof=1)) / math.sqrt(120) * 0.999
        assert shown.n == 120
        rmse = run.figure(scenario, "rmse_skeptical").estimate
        assert rmse == pytest.approx(math.sqrt(float(((slow - target) ** 2).mean())), abs=1e-9)
        over = run.figure(scenario, "overestimated_skeptical").estimate
        assert over == pytest.approx(
            float(((slow > target) + 0.5 * (np.abs(slow - target) < 1e-9)).mean()), abs=1e-9
        )
        for measure in ("bias", "rmse", "coverage", "overestimated"):
            figure = run.figure(scenario, f"{measure}_conditional")
            assert math.isfinite(figure.estimate)
            told += figure.mcse > 0.0
    assert told >= 6
    words = described(design)
    assert ("normal about 0 of the logarithm" in words) == ratio
    # without the table nothing else is kept, and no number moves
    del raw["adjusted_estimates"]
    plain = ac.simulate(
        Design(**raw), trials=120, seed=2, jobs=1, engine="simulate", out=tmp_path / "plain"
    )
    assert not {"estimate_lower", "estimate_upper"} & set(plain.trials.columns)
    common = list(plain.trials.columns)
    assert run.trials[common].equals(plain.trials)


def test_the_measures_of_a_run_that_is_extended_are_those_of_a_whole_one(tmp_path: Path) -> None:
    design = Design(**of_counts())
    ac.simulate(design, trials=40, seed=2, jobs=1, engine="simulate", out=tmp_path / "a")
    longer = ac.simulate(design, trials=90, seed=2, jobs=1, engine="simulate", out=tmp_path / "a")
    whole = ac.simulate(design, trials=90, seed=2, jobs=1, engine="simulate", out=tmp_path / "b")
    assert longer.operating_characteristics.equals(whole.operating_characteristics)
    assert longer.operating_characteristics["measure"].str.endswith("_conditional").any()


def test_measures_are_numbers_where_a_ratio_is_truly_nought(tmp_path: Path) -> None:
    raw = of_rates()
    raw["rules"][0]["posterior"] = {
        "endpoint": "flares", "arm": "cart", "ratio_to": "soc", "below": 1.0,
    }  # fmt: skip
    raw["scenarios"]["good"]["flares"]["cart"] = 0.0
    raw["adjusted_estimates"] = {"skeptical": {"effect": 0.4, "no_effect": 1.0}}
    run = ac.simulate(Design(**raw), trials=60, seed=2, jobs=1, out=tmp_path / "run")
    for scenario in ("null", "good"):
        for measure in ("bias", "rmse", "coverage", "overestimated"):
            figure = run.figure(scenario, f"{measure}_conditional")
            assert math.isfinite(figure.estimate)
            assert figure.n == 60


# ── what is refused ───────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("prior", "told"),
    [
        ({"effect": 0.5}, r"skeptical\.no_effect: found 0; a ratio .* no_effect = 1\.0"),
        ({"effect": -0.5, "no_effect": 1.0}, r"skeptical\.effect: found -0\.5; a ratio"),
    ],
)
def test_a_skeptical_prior_of_a_ratio_is_about_one(prior: Raw, told: str) -> None:
    raw = {**of_hazards(), "adjusted_estimates": {"skeptical": prior}}
    assert "refused when it is run" in described(Design(**raw))
    with pytest.raises(EngineError, match=told):
        ac.simulate(Design(**raw), trials=10, jobs=1)


def test_a_mean_by_precisions_stays_where_the_estimate_can_lie() -> None:
    design = Design(**of_counts())
    scale = Scale.of(design, Plan.of(design).estimands[0].question)
    assert (scale.ratio, scale.low, scale.high) == (False, -1.0, 1.0)
    asked = design.adjusted_estimates
    assert asked is not None
    assert asked.skeptical is not None
    seen = Spans(np.array([0.95]), np.array([0.6]), np.array([1.3]))
    found = skeptical(asked.skeptical, seen, scale)
    assert found.upper[0] <= 1.0
