"""A number of a prior that is moved, against the table of the design with another number."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest

from adaptive_cart.models import ANALYSES, AnalysisBase
from models.test_draws import TABLES

ARMS, SHARES = ("soc", "cart"), (0.5, 0.5)
CATEGORIES = ("dead", "bad", "fair", "good")
Write = Callable[[dict[str, Any], float], None]


def put(*path: str, of: Callable[[float], float] = lambda value: value) -> Write:
    """Write a value, or what is made of it, at a place of the table."""

    def write(table: dict[str, Any], value: float) -> None:
        for key in path[:-1]:
            table = table[key]
        table[path[-1]] = of(value)

    return write


def sized(*path: str, names: tuple[str, ...] = ("a", "b")) -> Write:
    """The parameters keep their proportions and sum to the value."""

    def write(table: dict[str, Any], value: float) -> None:
        for key in path:
            table = table[key]
        whole = sum(table[name] for name in names)
        table |= {name: table[name] / whole * value for name in names}

    return write


def centred(*path: str, names: tuple[str, ...] = ("b", "a")) -> Write:
    """The last has that share of their sum; the others share the rest as they did."""

    def write(table: dict[str, Any], value: float) -> None:
        for key in path:
            table = table[key]
        whole, others = sum(table[n] for n in names), sum(table[n] for n in names[:-1])
        table |= {n: table[n] / others * (1.0 - value) * whole for n in names[:-1]}
        table[names[-1]] = value * whole

    return write


def events(*path: str) -> Write:
    """So many events, with the same mean hazard."""

    def write(table: dict[str, Any], value: float) -> None:
        for key in path:
            table = table[key]
        table |= {"a": value, "b": table["b"] / table["a"] * value}

    return write


def normals(*parts: str) -> dict[str, Write]:
    return {f"{part}.{key}": put("prior", part, key) for part in parts for key in ("mean", "sd")}


HAZARDS: dict[str, Write] = {
    "mean": put("prior", "log_hazard_ratio", "mean", of=math.log),
    "sd": put("prior", "log_hazard_ratio", "sd"),
    "size": events("prior", "baseline"),
}
WRITES: Mapping[str, dict[str, Write]] = {
    "restricted_mean": {key: put("prior", key) for key in ("mean", "worth", "sd", "sd_worth")},
    "piecewise_exponential": HAZARDS,
    "stratified_piecewise_exponential": HAZARDS,
    "weibull_cure": {
        "cured.size": sized("prior", "cured"),
        "cured.mean": centred("prior", "cured"),
        **{f"{part}.{key}": put("prior", part, key)
           for part, key in (("median_months", "median"), ("median_months", "sigma"),
                             ("shape", "median"), ("shape", "sigma"))},
    },
    "logistic": normals("intercept", "treatment", "stratum", "interaction"),
    "hierarchical_logistic": {
        **normals("control_logit", "effect_mean"),
        "effect_sd": put("prior", "effect_sd", "sd"),
    },
    "proportional_odds": {
        "control.size": sized("prior", "control", names=CATEGORIES),
        "control.mean": centred("prior", "control", names=CATEGORIES),
        "mean": put("prior", "log_odds_ratio", "mean", of=math.log),
        "sd": put("prior", "log_odds_ratio", "sd"),
    },
}  # fmt: skip


def analysis_of(name: str, table: dict[str, Any]) -> AnalysisBase:
    return ANALYSES[name].model_validate({"model": name, **table})


def numbers(model: Any) -> Any:
    """What a fitted model holds, whatever its classes."""
    if is_dataclass(model):
        return [numbers(getattr(model, one.name)) for one in fields(model)]
    if isinstance(model, tuple | list):
        return [numbers(one) for one in model]
    if hasattr(model, "plain"):
        return [number for _, number in sorted(model.plain().items())]
    return model


def flat(values: Any) -> list[Any]:
    return [one for part in values for one in flat(part)] if isinstance(values, list) else [values]


def same(mine: Any, written: Any) -> None:
    left, right = flat(numbers(mine)), flat(numbers(written))
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert a == (pytest.approx(b, rel=1e-12) if isinstance(b, float) else b)


@pytest.mark.parametrize("name", list(WRITES))
def test_the_moved_model_is_that_of_the_table_with_the_other_number(name: str) -> None:
    analysis = analysis_of(name, TABLES[name])
    fitted = analysis.of_categories(analysis.fitted(ARMS, SHARES), CATEGORIES)
    tips = {tip.what: tip for tip in analysis.prior_tips(fitted, ARMS)}
    assert set(tips) == set(WRITES[name])
    for what, tip in tips.items():
        same(tip.model(tip.now), fitted)
        for value in (*tip.reach, 0.3 * tip.now + 0.7 * tip.reach[1]):
            table = json.loads(json.dumps(TABLES[name]))  # no table is shared
            WRITES[name][what](table, value)
            other = analysis_of(name, table)  # a value that is told may be typed
            same(tip.model(value), other.of_categories(other.fitted(ARMS, SHARES), CATEGORIES))


@pytest.mark.parametrize("by_arm", [False, True])
def test_each_arm_has_the_categories_of_its_own_table_moved(by_arm: bool) -> None:
    own = dict(zip(CATEGORIES, (0.5, 1.0, 2.0, 0.25), strict=True))
    prior = {"cart": own, "soc": {"each": 0.5}} if by_arm else own
    analysis = analysis_of("dirichlet", {"prior": prior})
    fitted = analysis.of_categories(analysis.fitted(ARMS, SHARES), CATEGORIES)
    tips = {(tip.arm, tip.what): tip for tip in analysis.prior_tips(fitted, ARMS)}
    assert set(tips) == {(arm, what) for arm in ARMS for what in ("size", "mean")}
    first = np.full(4, 0.5) if by_arm else np.array(list(own.values()))
    second = np.array(list(own.values()))

    def moved(key: tuple[str, str], value: float) -> Any:
        return tips[key].model(value).parameters(CATEGORIES)

    assert moved(("cart", "size"), 7.5) == pytest.approx(np.stack([first, 2.0 * second]))
    assert moved(("soc", "size"), 1.0) == pytest.approx(np.stack([first / first.sum(), second]))
    others = second[:3] * (3.75 * 0.4) / 3.5  # of 3.75 in all, six tenths the best
    assert moved(("cart", "mean"), 0.6)[1] == pytest.approx([*others, 2.25])
    assert tips["cart", "mean"].now == pytest.approx(0.25 / 3.75)


# ── over the calendar ─────────────────────────────────────────────────────────────────────────
WALK = {"model": "time_machine", "period_months": 3.0, "step_scale": 0.2}


@pytest.mark.parametrize(("name", "table", "ratio"), [
    ("gamma_poisson", TABLES["gamma_poisson"], None),
    ("piecewise_exponential", TABLES["piecewise_exponential"], "log_hazard_ratio"),
])  # fmt: skip
def test_over_the_calendar_baselines_ratios_and_the_walk_are_moved(
    name: str, table: dict[str, Any], ratio: str | None
) -> None:
    def made(table: dict[str, Any]) -> tuple[AnalysisBase, Any]:
        own = analysis_of(name, table).over_time()
        return own, own.fitted(ARMS, SHARES)

    start = {**table, "time_trend": WALK}
    analysis, fitted = made(start)
    tips = {tip.what: tip for tip in analysis.prior_tips(fitted, ARMS)}
    where = ("prior",) if ratio is None else ("prior", "baseline")
    writes = {"size": events(*where), "step": put("time_trend", "step_scale")}
    if ratio is not None:
        writes |= {
            "mean": put("prior", ratio, "mean", of=math.log),
            "sd": put("prior", ratio, "sd"),
        }
    assert set(tips) == {"size", "step", "mean", "sd"}
    for what, write in writes.items():
        value = 0.6 * tips[what].now + 0.4 * tips[what].reach[1]
        other = json.loads(json.dumps(start))  # no table is shared
        write(other, value)
        same(tips[what].model(value), made(other)[1])


def test_models_that_take_no_priors_of_arms_over_the_calendar_have_none_moved() -> None:
    """`periods` and the random walk of `beta_binomial` have no betas; of a walk, the step is."""
    for model, moved in (("periods", []), ("time_machine", ["step"])):
        trend = {**WALK, "model": model} if model == "time_machine" else {"model": model}
        own = analysis_of("beta_binomial", {"time_trend": trend}).over_time()
        fitted = own.fitted(ARMS, SHARES)
        assert [tip.what for tip in own.prior_tips(fitted, ARMS)] == moved
