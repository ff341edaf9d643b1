"""Truths that a design prior draws: integrals where tables are enumerated, else trial by trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

import adaptive_cart as ac
from adaptive_cart.design.scenarios import truth_with
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.parameter_draws import BetaDraw, LognormalDraw, UniformDraw
from adaptive_cart.running.exact import enumerate_design
from adaptive_cart.telling.check import described
from checks import raw_design

WEIGHTS = {"null": 0.3, "expected": 0.7}


def small(looks: list[int] | None = None, **prior: Any) -> ac.Design:
    """Looks at few participants, a low threshold and futility."""
    found = raw_design("hello")
    found["looks"]["observed"] = looks or [12, 24]
    found["enrolment"]["max_n"] = found["looks"]["observed"][-1]
    found["rules"][0]["at_least"] = 0.8
    found["rules"][1]["looks"] = [1]
    found["design_prior"] = {"drawn": {"weights": WEIGHTS, **prior}}
    return ac.Design(**found)


def exact(design: ac.Design, **values: float) -> dict[str, float]:
    """Exact probabilities under a truth that is typed."""
    steps = {("dfr", arm): value for arm, value in values.items()}
    rows, _ = enumerate_design(design, {"expected": truth_with(design, "expected", steps)})
    return {row[1]: row[5] for row in rows if row[2:5] == (None, None, None)}


@pytest.mark.parametrize(
    ("dist", "density", "ends"),
    [
        ({"dist": "beta", "a": 2.5, "b": 4.0}, stats.beta(2.5, 4.0).pdf, (0.0, 1.0)),
        ({"dist": "beta", "a": 0.6, "b": 1.0}, stats.beta(0.6, 1.0).pdf, (0.0, 1.0)),
        ({"dist": "uniform", "low": 0.05, "high": 0.6}, stats.uniform(0.05, 0.55).pdf, (0.05, 0.6)),
    ],
)
def test_enumerated_averages_are_integrals(
    dist: Any, density: Any, ends: tuple[float, float], tmp_path: Path
) -> None:
    design = small(draw={"dfr.cart": dist})
    found = ac.simulate(design, out=tmp_path / "a").averages["drawn"]
    assert found["assurance"].mcse == 0.0
    null = exact(design, cart=0.1)["success"]

    def integral(low: float, high: float) -> float:
        def inside(p: float) -> float:
            return float(exact(design, cart=p)["success"] * density(p))

        return float(integrate.quad(inside, low, high, epsabs=1e-8, limit=60)[0])

    # the claim is false at and below the control's 0.10
    wrong, right = integral(ends[0], 0.1), integral(0.1, ends[1])
    mass = integrate.quad(density, ends[0], 0.1, epsabs=1e-10)[0]
    success = 0.3 * null + 0.7 * (wrong + right)
    assert found["assurance"].estimate == pytest.approx(success, abs=1e-6)
    false = 0.3 * null + 0.7 * wrong
    assert found["false_discovery"].estimate == pytest.approx(false / success, abs=1e-6)
    error = false / (0.3 + 0.7 * mass)
    assert found["type_one_error_average"].estimate == pytest.approx(error, abs=1e-6)


def test_early_data_are_a_beta_and_a_named_scenario_alone_is_drawn(tmp_path: Path) -> None:
    early = {"responders": 4, "participants": 10, "believe": 0.5}
    by_data = small(early_data=early)
    by_hand = small(draw={"dfr.cart": {"dist": "beta", "a": 3.0, "b": 4.0}})
    named = small(draw={"expected.dfr.cart": {"dist": "beta", "a": 3.0, "b": 4.0}})
    of_null = small(draw={"null.dfr.cart": {"dist": "uniform", "low": 0.05, "high": 0.1}})
    found = [
        ac.simulate(design, out=tmp_path / str(n)).averages["drawn"]
        for n, design in enumerate((by_data, by_hand, named, of_null))
    ]
    assert found[0] == found[1] == found[2]
    assert "drawn from a beta with a = 3, b = 4" in described(by_data)
    fixed = exact(by_data, cart=0.35)["success"]
    assert found[3]["power_average"].estimate == pytest.approx(fixed, abs=1e-12)
    assert found[3]["type_one_error_average"].estimate < exact(by_data, cart=0.1)["success"]


def test_early_data_of_a_trial_with_one_arm_need_not_name_it(tmp_path: Path) -> None:
    found = raw_design("hello")
    found["arms"] = {"cart": found["arms"]["cart"]}
    del found["arms"]["cart"]["allocation"]
    found["rules"] = [{"name": "efficacy", "then": "declare_success", "at_least": 0.9,
                       "posterior": {"endpoint": "dfr", "arm": "cart", "above": 0.3}}]  # fmt: skip
    found["enrolment"]["max_n"], found["looks"]["observed"] = 20, [20]
    found["scenarios"] = {"null": {"dfr": {"cart": 0.3}}, "expected": {"dfr": {"cart": 0.5}}}
    early = {"responders": 9, "participants": 14, "believe": 0.5}
    found["design_prior"] = {"drawn": {"weights": WEIGHTS, "early_data": early}}
    averages = ac.simulate(ac.Design(**found), out=tmp_path / "a").averages["drawn"]
    x = np.arange(21)
    holds = stats.beta.sf(0.3, 1 + x, 21 - x) >= 0.9
    null = stats.binom.pmf(x[holds], 20, 0.3).sum()
    drawn = stats.betabinom.pmf(x[holds], 20, 1 + 4.5, 1 + 2.5).sum()
    assert averages["assurance"].estimate == pytest.approx(0.3 * null + 0.7 * drawn, abs=1e-9)


@pytest.mark.slow
def test_two_draws_are_integrated_together(tmp_path: Path) -> None:
    flat = {"dist": "uniform", "low": 0.0, "high": 1.0}
    design = small([6, 12], draw={"dfr.soc": flat, "dfr.cart": flat})
    found = ac.simulate(design, out=tmp_path / "a").averages["drawn"]
    nodes, weights = np.polynomial.legendre.leggauss(6)
    p, w = (nodes + 1.0) / 2.0, weights / 2.0
    whole = sum(
        wa * wb * exact(design, soc=float(a), cart=float(b))["success"]
        for a, wa in zip(p, w, strict=True)
        for b, wb in zip(p, w, strict=True)
    )
    null = exact(design, cart=0.1)["success"]
    assert found["assurance"].estimate == pytest.approx(0.3 * null + 0.7 * whole, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("looks", [[12, 24], [6, 12, 18, 24]])
def test_the_posterior_at_stopping_is_calibrated_whatever_the_looks(
    looks: list[int], tmp_path: Path
) -> None:
    """Both rates from the analysis prior, flat: of the claims that are 90% sure 90% are true."""
    flat = {"dist": "beta", "a": 1.0, "b": 1.0}
    found = raw_design("hello")
    design = small(looks, draw={"dfr.soc": flat, "dfr.cart": flat}).replace(
        "design_prior.drawn.weights", {"expected": 1.0}
    )
    assert "analysis" not in found  # Beta(1, 1) in every arm
    result = ac.simulate(
        design, scenarios=["expected"], trials=1_200, seed=6, jobs=1, engine="simulate",
        out=tmp_path / "a",
    )  # fmt: skip
    averages = result.averages["drawn"]
    claimed, wrong = averages["claimed_at_success"], averages["false_discovery"]
    assert 0.8 < claimed.estimate < 0.99
    assert abs(claimed.estimate - (1.0 - wrong.estimate)) < 4.0 * wrong.mcse
    assert wrong.mcse < 0.015  # of some 500 successes, of which a tenth is false
    # and the simulated numbers are those of the integral
    if len(looks) == 2:
        whole = ac.simulate(design, scenarios=["expected"], out=tmp_path / "b").averages["drawn"]
        for name in ("assurance", "false_discovery", "correct_decision", "false_omission"):
            apart = abs(averages[name].estimate - whole[name].estimate)
            assert apart < 4.0 * averages[name].mcse, name


def test_a_course_is_drawn_too(tmp_path: Path) -> None:
    found = raw_design("sle_autologous")
    found["design_prior"] = {
        "x": {
            "weights": {"expected": 1.0},
            "draw": {"cart.remission.probability": {"dist": "uniform", "low": 0.0, "high": 0.02}},
        }
    }
    design = ac.Design(**found)
    few = ac.simulate(design, scenarios=["expected"], trials=12, seed=1, jobs=1, out=tmp_path / "a")
    averages = few.averages["x"]
    # nobody gets better: of 12 trials of 90% power none succeeds
    assert averages["assurance"].estimate == 0.0 < few.figure("expected", "success").estimate
    assert averages["participants_harmed"].estimate > 0.0
    assert averages["participants_helped"].estimate < 0.1


@pytest.mark.parametrize(
    ("prior", "told"),
    [
        ({"draw": {"dfr.car": {"dist": "beta", "a": 1.0, "b": 1.0}}},
         r"no value 'dfr\.car' \(did you mean 'cart'\?\)"),
        ({"draw": {"dfr": {"dist": "beta", "a": 1.0, "b": 1.0}}}, r"a number is expected"),
        ({"draw": {"dfr.cart": {"dist": "uniform", "low": 0.5, "high": 1.2}}},
         r"draw\.\"dfr\.cart\": reaches 1\.2, where .*at most 1 is expected"),
        ({"draw": {"dfr.cart": {"dist": "lognormal", "median": 0.2, "sigma": 0.1}}},
         r"reaches 1e\+09, where"),
        ({"draw": {"dfr.cart": {"dist": "uniform", "low": 0.5, "high": 0.2}}}, r"less than high"),
        ({"draw": {"dfr.cart": {"dist": "beta", "a": -1.0, "b": 0.2}}}, r"more than 0"),
        ({"draw": {"dfr.cart": {"dist": "normal", "mean": 0.3, "sd": 0.2}}}, r"allowed: beta"),
        ({"weights": {"null": 1.0}, "draw": {"dfr.cart": {"dist": "beta", "a": 1.0, "b": 1.0}}},
         r"is drawn in no scenario"),
        ({"early_data": {"responders": 5, "participants": 4}}, r"at most the 4 participants"),
        ({"early_data": {"responders": 5, "participants": 9, "believe": 1.5}}, r"at most 1"),
        ({"early_data": {"responders": 5, "participants": 9, "arm": "soc"}},
         r"early_data\.arm: found \"soc\".*experimental arms are cart"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(prior: Any, told: str) -> None:
    with pytest.raises(DesignError, match=told):
        small(**prior)


def test_draws_have_the_quantiles_and_nodes_of_their_distribution() -> None:
    u = np.array([0.05, 0.5, 0.9])
    pairs = [
        (BetaDraw(dist="beta", a=0.5, b=3.0), stats.beta(0.5, 3.0)),
        (UniformDraw(dist="uniform", low=-1.0, high=3.0), stats.uniform(-1.0, 4.0)),
        (LognormalDraw(dist="lognormal", median=2.0, sigma=0.4), stats.lognorm(0.4, scale=2.0)),
    ]
    for draw, twin in pairs:
        assert draw.quantile(u) == pytest.approx(twin.ppf(u))
        low, high = (max(end, -1.0) if end > -1e8 else end for end in draw.reach)
        for start, end in ((low, min(high, 1.0)), (0.25, 0.75)):
            values, weights = draw.nodes(60, start, end)
            assert weights.sum() == pytest.approx(twin.cdf(end) - twin.cdf(start), abs=1e-7)
            mean = integrate.quad(lambda x, of=twin: x * of.pdf(x), start, end)[0]
            assert (values * weights).sum() == pytest.approx(mean, abs=1e-7)
