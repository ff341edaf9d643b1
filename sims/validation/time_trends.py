"""What controls who are not concurrent do to the error and power of an arm that enters late.

    python sims/validation/time_trends.py [--trials 4000] [--models time_machine ...]

One control and two products, the second of which enters a year after the first; 6 participants a
month, 180 in all, one look at the end, a nominal one-sided level of 0.025. The probability of a
response is 0.30 at the opening and drifts on the logit: not at all, by 0.5 or 1 a year in all arms,
by a step of 1 at month 12, by a wave of twelve months, by 1 a year that turns at month 15, or by
1 a year in the control alone, which no model here allows for. A product that works has 0.55. Each
of the ways to deal with it meets the same trials. Writes
``results/time_trends.csv``: for the product that enters late how often it succeeds (a type I error
where it does not work), bias and root mean squared error of its posterior mean difference and the
coverage of its interval, with Monte Carlo standard errors.
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path
from typing import Any

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.estimand import target_values, true_values

HERE = Path(__file__).parent
BLOCK, SEED = 1000, 11
MODELS: dict[str, dict[str, Any]] = {
    "pooled": {"model": "pooled"},
    "concurrent": {"model": "concurrent"},
    "periods": {"model": "periods"},
    "time_machine": {"model": "time_machine", "period_months": 3.0, "step_scale": 0.1},
    "time_machine, first order": {
        "model": "time_machine", "period_months": 3.0, "step_scale": 0.2, "order": 1
    },
}  # fmt: skip
TRENDS: dict[str, dict[str, Any]] = {
    "none": {"per_year": 0.0},
    "0.5 a year": {"per_year": 0.5},
    "1 a year": {"per_year": 1.0},
    "a step of 1 at month 12": {"step": 1.0, "at_month": 12.0},
    "a season of 0.7": {"amplitude": 0.7, "peak_month": 3.0},
    "1 a year until month 15, and back": {"per_year": 1.0, "turns_at_month": 15.0},
    "1 a year in the control alone": {"usual": {"per_year": 1.0}},
}
LATE = 2  # position of the arm that enters late


def design_of(model: str) -> Design:
    """The platform, with a scenario for each trend and truth."""
    truths = {
        "does not work": {"usual": 0.3, "early": 0.3, "late": 0.3},
        "works": {"usual": 0.3, "early": 0.3, "late": 0.55},
    }
    return Design(
        name="A product that enters a year late",
        arms={"usual": {"control": True}, "early": {}, "late": {"enters": 12.0}},
        endpoints={"free": {"type": "landmark", "month": 6.0}},
        analysis={"free": {"model": "beta_binomial", "time_trend": MODELS[model]}},
        enrolment={"max_n": 180, "per_month": 6.0},
        looks={"observed": [180]},
        rules=[
            {
                "name": "works",
                "then": "declare_success",
                "posterior": {"endpoint": "free", "arm": "each", "minus": "usual", "above": 0.0},
                "at_least": 0.975,
            }
        ],
        scenarios={
            f"{trend}; {truth}": {"free": values, "time_trend": {"free": table}}
            for trend, table in TRENDS.items()
            for truth, values in truths.items()
        },
    )


def measured(design: Design, scenario: str, trials: int) -> dict[str, float]:
    """What becomes of the product that enters late."""
    plan, truth = Plan.of(design), design.truths[scenario]
    targets = target_values(plan, true_values(design, truth))
    target = targets[LATE - 1]
    won, estimates, covered = [], [], []
    for first in range(0, trials, BLOCK):
        number = min(BLOCK, trials - first)
        block = run_block(plan, truth, targets, latents_for(design, SEED, first, number))
        won.append(block.standing.noted[0][:, LATE - 1] > 0)
        estimates.append(block.estimate[:, LATE - 1])
        covered.append(block.covered[:, LATE - 1])
    error = np.concatenate(estimates) - target
    shares = {"success": np.concatenate(won), "coverage": np.concatenate(covered)}
    row = {"true": target}
    for name, values in shares.items():
        share = float(values.mean())
        row |= {name: share, f"{name}_mcse": math.sqrt(share * (1.0 - share) / trials)}
    row |= {"bias": float(error.mean()), "bias_mcse": float(error.std()) / math.sqrt(trials)}
    return row | {"rmse": math.sqrt(float((error**2).mean()))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=4_000)
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=MODELS, help="these "
                        "alone; the rows of others stay as they are")  # fmt: skip
    given = parser.parse_args()
    table = HERE / "results" / "time_trends.csv"
    rows: list[dict[str, Any]] = []
    with table.open(newline="", encoding="utf-8") as file:
        rows += [row for row in csv.DictReader(file) if row["model"] not in given.models]
    for model in given.models:
        design = design_of(model)
        for scenario in design.scenarios:
            trend, truth = scenario.split("; ")
            told = {"model": model, "trend": trend, "late product": truth, "trials": given.trials}
            rows.append(told | measured(design, scenario, given.trials))
            print(rows[-1], flush=True)
    order = [list(MODELS), list(TRENDS)]
    rows.sort(key=lambda row: [order[0].index(row["model"]), order[1].index(row["trend"])])
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            told = {k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()}
            writer.writerow(told)


if __name__ == "__main__":
    main()
