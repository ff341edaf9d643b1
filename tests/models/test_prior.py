"""Priors of parameters against SciPy's distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.models.binary.beta_binomial_analysis import BetaBinomialAnalysis
from adaptive_cart.models.normal.normal_analysis import NormalAnalysis
from adaptive_cart.models.prior import of_part
from adaptive_cart.models.rates.gamma_poisson_analysis import GammaPoissonAnalysis
from adaptive_cart.running.exact import success_of
from checks import tiny_design
from models.test_borrowed_numbers import rates

NORMAL = {"dist": "normal", "mean": 0.3, "sd": 1.2}
KNOWN: dict[str, tuple[str, dict[str, Any], Any]] = {
    "beta": ("probability", {"dist": "beta", "a": 0.2, "b": 3.8}, stats.beta(0.2, 3.8)),
    "gamma": ("events per month", {"a": 0.1, "b": 1.0}, stats.gamma(0.1)),
    "lognormal": (
        "months",
        {"dist": "lognormal", "median": 12.0, "sigma": 0.7},
        stats.lognorm(0.7, scale=12.0),
    ),
    "half-normal": ("sd (log odds)", {"dist": "half_normal", "sd": 0.5}, stats.halfnorm(0, 0.5)),
    "ratio": ("hazard ratio", NORMAL, stats.lognorm(1.2, scale=np.exp(0.3))),
    "normal": ("log odds", NORMAL, stats.norm(0.3, 1.2)),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_prior_has_its_own_mean_and_quantiles_and_not_those_of_the_drawing(name: str) -> None:
    """A density that is cut off where it rises without end would give others."""
    scale, given, known = KNOWN[name]
    found = of_part("part", "part", scale, given).curve.summary
    wanted = {"mean": known.mean(), "lower": known.ppf(0.025), "median": known.median(),
              "upper": known.ppf(0.975)}  # fmt: skip
    assert found == pytest.approx(wanted, rel=1e-9)


def test_a_normal_logit_is_told_as_a_probability() -> None:
    share = stats.norm.expect(lambda z: 1.0 / (1.0 + np.exp(2.0 - z)))
    given = {"dist": "normal", "mean": -2.0, "sd": 1.0}
    found = of_part("control_logit", "control_logit", "probability", given).curve.summary
    assert found["mean"] == pytest.approx(share, rel=1e-5)


@pytest.mark.parametrize("sd", [1.0, 38.0, 127.0, 300.0, 1e6])
@pytest.mark.parametrize("mean", [0.0, -600.0, 600.0])
def test_a_prior_may_be_wider_than_any_float(mean: float, sd: float) -> None:
    found = of_part("x", "hazard ratio", "hazard ratio", {"dist": "normal", "mean": mean, "sd": sd})
    assert np.isfinite(found.curve.x).all()
    assert found.curve.numbers.quantile(0.5) == pytest.approx(np.exp(mean))
    wide = {"dist": "lognormal", "median": 3.0, "sigma": sd}
    assert of_part("x", "months", "months", wide).numbers.quantile(0.5) == pytest.approx(3.0)


def test_an_arm_without_a_name_is_none_of_the_design() -> None:
    prior = {"": {"a": 1.0, "b": 1.0}, "soc": {"a": 1.0, "b": 1.0}}
    for analysis in (
        BetaBinomialAnalysis(model="beta_binomial", prior=prior),
        GammaPoissonAnalysis(model="gamma_poisson", prior={**prior, "cart": {"a": 1.0, "b": 1.0}}),
    ):
        ((path, told),) = analysis.problems(("soc", "cart"), ())
        assert (path, told) == ("prior.", "no arm of this design; the arms are soc, cart")


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a"), ("method", "b")])
@pytest.mark.parametrize("of_both", [False, True])
def test_an_arm_may_have_the_name_of_a_number_of_a_prior(
    names: tuple[str, str], of_both: bool
) -> None:
    """A table under it is the prior of the arm, and a number is of the prior of all."""
    one, other = {"a": 0.5, "b": 3.0}, {"mixture": [{"weight": 1.0, "a": 2.0, "b": 1.0}]}

    def success(control: str, arm: str, prior: Any) -> dict[str, float]:
        raw = tiny_design(
            arms={control: {"control": True}, arm: {}},
            analysis={"dfr": {"model": "beta_binomial", "prior": prior}},
            scenarios={"null": {"dfr": {control: 0.3, arm: 0.3}}},
        )
        raw["rules"][0]["posterior"] |= {"arm": arm, "minus": control}
        design = Design(**raw)
        return success_of(design, design.truths)

    def priors(control: str, arm: str) -> Any:
        return {control: one, arm: other} if of_both else {control: one}

    first = success("soc", "cart", priors("soc", "cart"))
    assert first != success("soc", "cart", one)
    assert success(*names, priors(*names)) == first
    assert success(*names, one) == success("soc", "cart", one)


def test_a_normal_model_is_about_every_arm_also_where_one_has_a_prior() -> None:
    analysis = NormalAnalysis(model="normal", prior={"soc": {"mean": 0.0, "worth": 1.0}})
    assert analysis.arms_named(("soc", "cart")) == ("soc", "cart")


def test_a_figure_shows_a_prior_where_it_is_below_nothing_too() -> None:
    raw = rates()
    del raw["external"]
    raw["analysis"]["inf"]["prior"] = {"a": 0.5, "b": 0.5}
    raw["analysis"]["inf"]["time_trend"] = {"model": "periods"}
    plan = Plan.of(Design(**raw))
    analysis, fitted = plan.fitted["inf"]
    rate, ratio = analysis.priors(fitted, plan.design.arm_names)
    assert rate.axis[0] == 0.0
    assert ratio.axis == (ratio.curve.x.min(), ratio.curve.x.max())
    assert ratio.axis[0] < ratio.curve.summary["lower"] < 0.0
