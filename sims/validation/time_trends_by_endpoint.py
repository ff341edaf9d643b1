"""As ``time_trends.py``, of a rate, a time and a score; and what theory says without a trend.

    python sims/validation/time_trends_by_endpoint.py [--trials 2000] [--endpoints rate time score]

The platform of ``time_trends.py``: one control, a product from the beginning and one that enters a
year later, 6 participants a month, 180 in all, one look at month 36, a nominal one-sided level of
0.025. Of each endpoint nothing drifts, or all arms do by a line, or the control alone. The rows are
of the product that enters late: how often it succeeds where it does not work and, without a trend,
where it does, and bias and root mean squared error of its estimate, with Monte Carlo standard
errors. It can be stopped, and goes on from the rows that are there; ``--anew`` makes them again.

Without a trend least squares with effects of arms and periods say how much larger standard errors
are than those of pooling (``theory``): each participant weighs as one of a score, and as the events
expected of him of a rate or a time. Estimates are the difference of a score or a rate, and the
hazard ratio, whose errors are taken on the logarithm. Writes
``results/time_trends_by_endpoint.csv``.
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
from time_trends import BLOCK, LATE, SEED

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.estimand import target_values, true_values

RESULT = Path(__file__).parent / "results" / "time_trends_by_endpoint.csv"
ARMS = ("usual", "early", "late")
LOOK, HORIZON, MEDIAN = 36.0, 18.0, 8.0
HAZARDS: dict[str, Any] = {
    "baseline": {"a": 0.5, "b": 5.0},
    "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 2.5},
}


def score(change: float) -> dict[str, Any]:
    """A score whose mean changes by so much until month 3."""
    of_score = {"mean": 9.0, "sd": 3.0}
    return {"baseline": of_score, "change": [change], "sd": [3.0], "correlation": 0.5}


def time(ratio: float) -> dict[str, Any]:
    """A time with so many times the control's hazard."""
    return {"dist": "exponential", "median": MEDIAN / ratio}


ENDPOINTS: dict[str, dict[str, Any]] = {
    "rate": {
        "endpoint": {"type": "event_rate"},
        "analysis": {"model": "gamma_poisson", "prior": {"a": 0.5, "b": 0.5}},
        "asked": {"minus": "usual", "below": 0.0},
        "null": 1.0, "works": 0.55, "line": -0.7, "step_scale": 0.1,
    },
    "time": {
        "endpoint": {"type": "time_to_event", "horizon": HORIZON},
        "analysis": {"model": "piecewise_exponential", "prior": HAZARDS},
        "asked": {"hazard_ratio_to": "usual", "below": 1.0},
        "null": time(1.0), "works": time(0.5), "line": -0.7, "step_scale": 0.1,
    },
    "score": {
        "endpoint": {"type": "continuous", "visits": [3.0], "better": "lower"},
        "analysis": {"model": "normal"},
        "asked": {"minus": "usual", "below": 0.0},
        "null": score(-1.0), "works": score(-2.8), "line": -1.5, "step_scale": 0.3,
    },
}  # fmt: skip
MODELS = ("pooled", "concurrent", "periods", "time_machine")
KEYS = ("endpoint", "model", "trend", "late product")
TRENDS = ("none", "a line in all arms", "a line in the control alone")


def design_of(name: str, model: str) -> Design:
    """The platform, with a scenario for each trend and truth."""
    own = ENDPOINTS[name]
    trend: dict[str, Any] = {"model": model}
    if model == "time_machine":
        trend |= {"period_months": 3.0, "step_scale": own["step_scale"]}
    line = {"per_year": own["line"]}
    drifts = dict(zip(TRENDS, ({"per_year": 0.0}, line, {"usual": line}), strict=True))
    return Design(
        name="A product that enters a year late",
        arms={"usual": {"control": True}, "early": {}, "late": {"enters": 12.0}},
        endpoints={name: own["endpoint"] | {"primary": True}},
        analysis={name: own["analysis"] | {"time_trend": trend}},
        enrolment={"max_n": 180, "per_month": 6.0},
        looks={"months": [LOOK]},
        rules=[
            {
                "name": "works",
                "then": "declare_success",
                "posterior": {"endpoint": name, "arm": "each", **own["asked"]},
                "at_least": 0.975,
            }
        ],
        scenarios={
            f"{drift}; {truth}": {
                name: {arm: own["works" if arm == "late" and truth == "works" else "null"]
                       for arm in ARMS},
                "time_trend": {name: table},
            }
            for drift, table in drifts.items()
            for truth in (("does not work", "works") if drift == "none" else ("does not work",))
        },
    )  # fmt: skip


def weight_of(name: str, month: float) -> float:
    """What a participant weighs who is randomised at a month."""
    followed = LOOK - month
    if name == "rate":
        return followed / 12.0
    if name == "time":
        return float(-math.expm1(-math.log(2.0) * min(followed, HORIZON) / MEDIAN))
    return 1.0


def theory(name: str) -> dict[str, float]:
    """Standard error of the late product's effect without a trend, over that of pooling."""
    cells = {(arm, later): 0.0 for arm in ARMS for later in (False, True)}
    for place in range(180):
        month = (place + 0.5) / 6.0
        there = ARMS[:2] if month < 12.0 else ARMS
        for arm in there:
            cells[arm, month >= 12.0] += weight_of(name, month) / len(there)
    rows = np.array([[1.0, arm == "early", arm == "late", later] for arm, later in cells], float)
    weights = np.array(list(cells.values()))
    inside = np.array([later for _, later in cells])

    def error(columns: slice | list[int], own: Any) -> float:
        square = (rows[:, columns] * own[:, None]).T @ rows[:, columns]
        return math.sqrt(float(np.linalg.inv(square)[2, 2]))

    pooled = error([0, 1, 2], weights)
    return {
        "pooled": 1.0,
        "concurrent": error([0, 1, 2], weights * inside) / pooled,
        "periods": error([0, 1, 2, 3], weights) / pooled,
    }


def measured(name: str, model: str, scenario: str, trials: int) -> dict[str, Any]:
    """What becomes of the product that enters late."""
    design = design_of(name, model)
    plan, truth = Plan.of(design), design.truths[scenario]
    targets = target_values(plan, true_values(design, truth))
    target = targets[LATE - 1]
    won, estimates = [], []
    for first in range(0, trials, BLOCK):
        number = min(BLOCK, trials - first)
        block = run_block(plan, truth, targets, latents_for(design, SEED, first, number))
        won.append(block.standing.noted[0][:, LATE - 1] > 0)
        estimates.append(block.estimate[:, LATE - 1])
    found = np.concatenate(estimates)
    error = np.log(found / target) if name == "time" else found - target
    share = float(np.concatenate(won).mean())
    return {
        "success": share,
        "success_mcse": math.sqrt(share * (1.0 - share) / trials),
        "bias": float(error.mean()),
        "bias_mcse": float(error.std()) / math.sqrt(trials),
        "rmse": math.sqrt(float((error**2).mean())),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=2_000)
    parser.add_argument("--endpoints", nargs="*", default=list(ENDPOINTS), choices=ENDPOINTS)
    parser.add_argument("--anew", action="store_true")
    given = parser.parse_args()
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    if RESULT.exists() and not given.anew:
        with RESULT.open(newline="", encoding="utf-8") as file:
            rows = {tuple(row[key] for key in KEYS): row for row in csv.DictReader(file)}
    for name in given.endpoints:
        expected = theory(name)
        for model in MODELS:
            for scenario in design_of(name, model).scenarios:
                trend, truth = scenario.split("; ")
                key = (name, model, trend, truth)
                if key in rows:
                    continue
                row: dict[str, Any] = dict(zip(KEYS, key, strict=True)) | {"trials": given.trials}
                row |= measured(name, model, scenario, given.trials)
                plain = trend == "none" and truth == "does not work"
                row["rmse_theory"] = expected.get(model, "") if plain else ""
                rows[key] = row
                print(row, flush=True)
                written(rows)


def written(rows: dict[tuple[str, ...], dict[str, Any]]) -> None:
    """Write what there is, in order."""
    order = [list(ENDPOINTS), list(MODELS), list(TRENDS)]
    known = sorted(rows, key=lambda key: [own.index(k) for own, k in zip(order, key, strict=False)])
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[known[0]]))
        writer.writeheader()
        for key in known:
            told = rows[key].items()
            writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in told})


if __name__ == "__main__":
    main()
