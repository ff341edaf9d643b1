"""Designs drawn at random: courses and direct truths, strata, crossover, visits and delays.

Everything that is drawn is what the slow twin knows, and small, so that a trial of each costs
little. What does not go together is drawn again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError

Table = dict[str, Any]
Generator = np.random.Generator


def one(rng: Generator, values: list[Any]) -> Any:
    """One of several, as likely as any other."""
    return values[int(rng.integers(len(values)))]


def between(rng: Generator, low: float, high: float) -> float:
    """A number between two, with four decimals."""
    return round(float(rng.uniform(low, high)), 4)


def often(rng: Generator, chance: float) -> bool:
    """Whether something is so, with a probability."""
    return bool(rng.random() < chance)


def some_time(rng: Generator, median: float) -> Table:
    """A distribution of a time with about that median."""
    months = between(rng, median / 2.0, median * 2.0)
    return one(
        rng,
        [
            {"dist": "exponential", "median": months},
            {"dist": "weibull", "shape": between(rng, 0.7, 2.5), "median": months},
            {"dist": "lognormal", "median": months, "sigma": between(rng, 0.2, 0.9)},
            {"dist": "fixed", "value": round(months * 2.0) / 2.0},
        ],
    )


def drawn_design(seed: int, imputed: bool = True, beside: bool = False) -> Table:
    """A design with one scenario, ``so``, as a file would have it.

    Parameters
    ----------
    imputed
        Whether responses that are missing may be imputed: a real trial's are drawn anew.
    beside
        Whether it may have what the slow twin does not know, and a table may hold: analyses by the
        intervals between visits, and earlier months that tell late.
    """
    rng, other, third = (np.random.default_rng(key) for key in (seed, [seed, 1], [seed, 2]))
    while True:
        raw = _tables(rng, often(rng, 0.75))
        _what_becomes_of_infusions(other, raw)
        _scores(third, raw)
        _sites(third, raw)
        if beside:
            _beside_the_twin(third, raw)
        if not imputed and raw["endpoints"]["dfr"]["missing"] == "impute":
            raw["endpoints"]["dfr"]["missing"] = "exclude"
        try:
            Design(**raw)
        except DesignError:
            continue
        return raw


def _tables(rng: Generator, follow_up: bool) -> Table:
    course = often(rng, 0.8)
    product = {"product": "autologous"} if course else {}
    raw: Table = {
        "name": "drawn",
        "arms": {
            "soc": {"control": True},
            "cart": {"allocation": one(rng, [1, 2]), **product},
        },
        "endpoints": _endpoints(rng, course),
        "enrolment": _enrolment(rng),
        "scenarios": {"so": {}},
    }
    if often(rng, 0.3):
        raw["strata"] = {"mild": 0.6, "hard": 0.4}
    _looks(rng, raw)
    raw["rules"] = _rules(rng, raw, course)
    if course:
        raw["truth"] = {arm: _course(rng, arm == "cart") for arm in ("soc", "cart")}
        if often(rng, 0.3):
            _crossover(rng, raw)
    else:
        raw["truth"] = {"dropout": {"per_year": between(rng, 0.0, 0.6)}}
        raw["scenarios"]["so"]["dfr"] = {
            "soc": between(rng, 0.0, 0.5),
            "cart": between(rng, 0.2, 0.9),
        }
    if follow_up:
        raw["follow_up"] = _follow_up(rng, raw["endpoints"])
    return raw


def _endpoints(rng: Generator, course: bool) -> Table:
    month = one(rng, [3.0, 5.5, 6.0, 9.0])
    dfr: Table = {"type": "landmark", "month": month}
    dfr["missing"] = one(rng, ["non_response", "exclude", "impute"])
    found = {"dfr": dfr}
    if not course:
        return found
    if often(rng, 0.5):
        dfr["sustained_from"] = one(rng, [0.5, 0.75]) * month
    if often(rng, 0.3) and dfr["missing"] != "non_response":
        dfr["strategy"] = {"rescue": one(rng, ["treatment_policy", "hypothetical"])}
    horizon = one(rng, [6.0, 12.0])
    others: Table = {
        "remission": {"type": "landmark", "state": "remission", "month": month},
        "relapse": {"type": "time_to_relapse", "horizon": horizon},
        "remission_time": {
            "type": "time_in_remission",
            "horizon": horizon,
            "missing": one(rng, ["not_in_remission", "exclude"]),
        },
        "flare": {"type": "time_to_event", "event": ["relapse", "rescue", "death"]},
        "rescued": {"type": "time_to_event", "event": ["rescue", "death"], "horizon": horizon},
        "loss": {"type": "time_to_event", "event": "relapse", "clock": "infusion"},
        "kept": {"type": "time_to_event", "event": ["relapse", "rescue"], "clock": "remission"},
        "crs3": {"type": "adverse_event", "within_months": one(rng, [1.0, 2.5])},
    }
    chosen = [name for name in others if name == "crs3" or often(rng, 0.4)]
    return found | {name: others[name] for name in chosen}


def _enrolment(rng: Generator) -> Table:
    found: Table = {"max_n": one(rng, [24, 30, 36]), "per_month": between(rng, 1.5, 6.0)}
    if often(rng, 0.3):
        found["arrivals"] = "regular"
    if often(rng, 0.2):
        found["per_month"] = {"ramp_months": 4.0, "plateau": 3.5}
    return found


def _looks(rng: Generator, raw: Table) -> None:
    most = raw["enrolment"]["max_n"]
    raw["looks"] = one(
        rng,
        [
            {"observed": [most // 2, most]},
            {"observed": [most // 2], "final": "all_observed"},
            {"enrolled": [most // 2, most], "final": "all_observed"},
            {"months": [12.0, 19.5]},
        ],
    )


def _rules(rng: Generator, raw: Table, course: bool) -> list[Table]:
    efficacy = {
        "name": "efficacy",
        "then": "declare_success",
        "posterior": {
            "endpoint": "dfr", "arm": "cart", "minus": "soc", "above": one(rng, [0.0, 0.1]),
        },
        "at_least": between(rng, 0.85, 0.99),
    }  # fmt: skip
    futility = {
        "name": "futility",
        "then": one(rng, ["declare_futility", "stop_enrolment"]),
        "predictive": {"rule": "efficacy", "with": one(rng, ["max_n", "enrolled"])},
        "below": between(rng, 0.02, 0.3),
        "looks": [1],
    }
    safety = {
        "name": "safety",
        "then": "stop_for_safety",
        "posterior": {"endpoint": "crs3", "arm": "cart", "above": 0.2},
        "at_least": 0.8,
    }
    found = [safety] if course else []
    return [*found, efficacy, *([futility] if often(rng, 0.5) else [])]


def _course(rng: Generator, infused: bool) -> Table:
    found: Table = {
        "remission": {
            "probability": between(rng, 0.1, 0.95),
            "onset": some_time(rng, 2.0),
        },
        "durability": {"cured": one(rng, [0.0, 0.3]), "relapse": some_time(rng, 4.0)},
        "events": {"crs3": between(rng, 0.0, 0.4)},
    }
    if often(rng, 0.4):
        found["remission"]["again"] = {"probability": between(rng, 0.3, 1.0), "at_most": 3}
    if often(rng, 0.5):
        found["remission_on_drugs"] = {
            "probability": between(rng, 0.1, 0.6), "onset": some_time(rng, 3.0),
        }  # fmt: skip
    for name, most in (("rescue", 1.2), ("dropout", 0.6), ("death", 0.3)):
        found[name] = {"per_year": between(rng, 0.0, most)}
    if often(rng, 0.25):
        found["taper"] = {"months": some_time(rng, 1.5)}
    if infused and often(rng, 0.4):
        found["redosing"] = _redosing(rng)
    if infused:
        delay = one(rng, [{"dist": "fixed", "value": 1.0}, some_time(rng, 1.0)])
        found["infusion"] = {"failure": between(rng, 0.0, 0.2), "delay": delay}
    return found


def _redosing(rng: Generator) -> Table:
    found: Table = {
        "when": one(rng, ["relapse", "no_remission"]),
        "probability": between(rng, 0.4, 1.0),
        "delay": one(rng, [{"dist": "fixed", "value": 0.25}, some_time(rng, 1.0)]),
        "remission": {"probability": between(rng, 0.3, 1.0)},
        "at_most": one(rng, [1, 2]),
    }
    if found["when"] == "no_remission":
        found["after_month"] = one(rng, [2.0, 3.5])
    return found


def _what_becomes_of_infusions(rng: Generator, raw: Table) -> None:
    """Reasons to cross over, a wash-out, and what endpoints make of infusions after the first."""
    if "crossover" in raw:
        raw["crossover"]["when"] = one(rng, ["month", "relapse", "no_remission", "rescue"])
    cart = raw["truth"].get("cart", {})
    if "infusion" in cart and often(rng, 0.25):
        cart["washout"] = {"months": some_time(rng, 1.5)}
    if "redosing" not in cart:
        return
    if often(rng, 0.6):
        raw["endpoints"]["crs3"]["each_infusion"] = True
        cart["redosing"]["events"] = {"crs3": between(rng, 0.2, 0.8)}
    for name in ("dfr", "remission_time"):
        if name in raw["endpoints"] and often(rng, 0.4):
            strategy = raw["endpoints"][name].setdefault("strategy", {})
            strategy["redosing"] = "composite"


def _scores(rng: Generator, raw: Table) -> None:
    """A score that the state moves, and a landmark of states and that score together."""
    if "relapse" not in raw["endpoints"] or not often(rng, 0.7):
        return
    plan = raw.get("follow_up", {})
    every = plan.get("visit_every", 1.5) if plan.get("missed") else 1.5
    month = max(2.0 * every, round(5.0 / every) * every)
    raw["endpoints"]["score"] = {
        "type": "continuous", "visits": [month / 2.0, month] if _planned(month / 2.0, every)
        else [every, month], "better": "lower",
    }  # fmt: skip
    bound = one(rng, [{"at_most": 4.0}, {"at_most": 7.0}, {"at_least": 3.0}])
    raw["endpoints"]["low"] = {
        "type": "landmark",
        "month": month,
        "all": [one(rng, ["remission", "drug_free_remission"]), {"score": "score", **bound}],
        "missing": one(rng, ["non_response", "exclude"]),
    }
    for course in raw["truth"].values():
        course["scores"] = {
            "score": {
                "baseline": {"mean": 10.0, "sd": 3.0},
                "in_remission": between(rng, -8.0, -4.0),
                "otherwise": between(rng, -3.0, 1.0),
                "sd": 2.0,
                "correlation": one(rng, [0.0, 0.6]),
            }
        }


def _sites(rng: Generator, raw: Table) -> None:
    """Sites that open one after the other, one of them with a pause of its own."""
    if not often(rng, 0.2):
        return
    pause = [{"from": 0.0, "rate": 2.5}, {"from": 3.0, "rate": 0.0}, {"from": 4.5, "rate": 2.0}]
    enrolment = raw["enrolment"]
    del enrolment["per_month"]
    enrolment["sites"] = {
        "first": {"per_month": one(rng, [pause, between(rng, 1.5, 3.0)])},
        "second": {"opens": between(rng, 0.5, 5.0), "closes": 14.0, "per_month": pause},
    }
    if often(rng, 0.5):
        enrolment["screening"] = {"failure": 0.2, "lag": {"dist": "fixed", "value": 0.5}}


def _planned(month: float, every: float) -> bool:
    """Whether a visit is planned at a month."""
    return abs(round(month / every) * every - month) < 1e-9


def _beside_the_twin(rng: Generator, raw: Table) -> None:
    """Times analysed by the intervals between visits, and earlier months for predictions."""
    visits = "visit_every" in raw.get("follow_up", {})
    endpoints, analysis = raw["endpoints"], raw.setdefault("analysis", {})
    if "relapse" in endpoints and visits and often(rng, 0.6):
        analysis["relapse"] = {
            "model": "weibull_cure",
            "intervals": True,
            "prior": {
                "cured": {"dist": "beta", "a": 2.0, "b": 2.0},
                "median_months": {"dist": "lognormal", "median": 6.0, "sigma": 0.7},
                "shape": {"dist": "lognormal", "median": 1.2, "sigma": 0.3},
            },
        }
        asked = {"endpoint": "relapse", "arm": "cart", "remains_at": 4, "above": 0.2}
        raw["rules"].append(
            {"name": "lost", "then": "declare_futility", "posterior": asked, "below": 0.05}
        )
    if "kept" in endpoints and visits and often(rng, 0.6):
        strata = "strata" in raw
        analysis["kept"] = {
            "model": "stratified_piecewise_exponential" if strata else "piecewise_exponential",
            "intervals": True,
            "cuts": one(rng, [[], [3.0]]),
            "prior": {
                "baseline": {"a": 0.5, "b": 5.0},
                "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.0},
            },
        }
        asked = {"endpoint": "kept", "arm": "cart", "hazard_ratio_to": "soc", "below": 2.0}
        raw["rules"].append(
            {"name": "worse", "then": "stop_for_safety", "posterior": asked, "below": 0.05}
        )
    if "remission" in raw["truth"].get("cart", {}) and often(rng, 0.5):
        month = endpoints["dfr"]["month"]
        counts = one(rng, ["predictions", "all"])
        raw["prediction"] = {"dfr": {"from": [round(month / 2.0, 2)], "counts": counts}}
    if not analysis:
        del raw["analysis"]


def _crossover(rng: Generator, raw: Table) -> None:
    raw["crossover"] = {
        "from": "soc",
        "to": "cart",
        "after_month": one(rng, [3.0, 4.5]),
        "strategy": one(rng, ["composite", "treatment_policy"]),
    }
    raw["truth"]["soc"]["crossover"] = {"probability": between(rng, 0.3, 1.0)}


def _follow_up(rng: Generator, endpoints: Table) -> Table:
    every = one(rng, [0.5, 1.0, 1.5, 2.0, 3.0])
    found: Table = {
        "visit_every": every,
        "window": one(rng, [0.25 * every, 0.5 * every, every, 2.0 * every]),
        "missed": one(rng, [0.0, 0.1, 0.4]),
    }
    if often(rng, 0.3):
        del found["window"]
    if often(rng, 0.15):
        found = {}
    found["reporting_delay"] = one(rng, [0.0, 0.5, 1.25])
    some = one(rng, list(endpoints))
    found["adjudication_delay"] = one(rng, [0.0, 0.75, {some: 1.0}])
    return found
