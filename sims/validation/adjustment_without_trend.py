"""What adjustment for the calendar loses where nothing drifts, beside what theory says.

    python sims/validation/adjustment_without_trend.py [--trials 4000]

The platform of ``time_trends.py`` without any trend. Where effects of arm and period add up and
each participant has the variance s^2, the late product and its control have 36 each in the second
year, and the control and the early product 36 each in the first. The difference of the late product
to the control has the variance, in units of s^2 / 36:

* pooled: 1 + 1/2 (all 72 controls);
* concurrent: 1 + 1 (those of the second year);
* periods: that of least squares with a column an arm and a column a period, 2 - 1/4: the control
  less the early product should be the same in both years, and what it differs by (variance 4) tells
  of the control's second year (covariance -1).

So standard errors are 1, 1.155 and 1.080 times that of pooling, and power follows: with z the
normal score at which pooling succeeds, that of another is (z + 1.96) / ratio - 1.96. Writes
``results/adjustment_without_trend.csv``: the ratio of root mean squared errors and the power that
were seen, with Monte Carlo standard errors (the same trials meet every model), beside theory.
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from time_trends import BLOCK, LATE, SEED, design_of

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.estimand import target_values, true_values

HERE = Path(__file__).parent
MODELS = ("pooled", "concurrent", "periods")
EACH = 36  # participants of each arm that is open, a year
NOMINAL = 0.975
NORMAL = NormalDist()
TRUTHS = ("does not work", "works")


def variances() -> dict[str, float]:
    """Variance of the late product's difference to the control, of participants of variance 1."""
    cells = [("usual", 1), ("early", 1), ("usual", 2), ("early", 2), ("late", 2)]
    columns = [
        [1.0, arm == "early", arm == "late", period == 2] for arm, period in cells
    ]  # control and first year are the intercept
    information = EACH * sum(np.outer(row, row) for row in np.array(columns, dtype=np.float64))
    return {
        "pooled": 1.0 / EACH + 1.0 / (2 * EACH),
        "concurrent": 2.0 / EACH,
        "periods": float(np.linalg.inv(information)[2, 2]),
    }


def seen(model: str, truth: str, trials: int) -> tuple[Any, Any]:
    """Errors of the estimate, and successes, of the product that enters late, ``(trial,)``."""
    design = design_of(model)
    plan, own = Plan.of(design), design.truths[f"none; {truth}"]
    targets = target_values(plan, true_values(design, own))
    errors, won = [], []
    for first in range(0, trials, BLOCK):
        latents = latents_for(design, SEED, first, min(BLOCK, trials - first))
        block = run_block(plan, own, targets, latents)
        errors.append(block.estimate[:, LATE - 1] - targets[LATE - 1])
        won.append(block.standing.noted[0][:, LATE - 1] > 0)
    return np.concatenate(errors), np.concatenate(won)


def ratio(errors: Any, pooled: Any) -> tuple[float, float]:
    """Ratio of root mean squared errors in the same trials; its error by the delta method."""
    mine, theirs = errors**2, pooled**2
    found = math.sqrt(mine.mean() / theirs.mean())
    away = mine / mine.mean() - theirs / theirs.mean()
    return found, found * float(away.std(ddof=1)) / (2.0 * math.sqrt(len(away)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=4_000)
    trials = parser.parse_args().trials
    theory = variances()
    found = {
        model: [seen(model, t, trials) for t in ("does not work", "works")] for model in MODELS
    }
    share = float(found["pooled"][1][1].mean())
    at_pooled = NORMAL.inv_cdf(share) + NORMAL.inv_cdf(NOMINAL)
    rows = []
    for model in MODELS:
        (errors, _), (_, won) = found[model]
        spread, spread_mcse = ratio(errors, found["pooled"][0][0])
        larger = math.sqrt(theory[model] / theory["pooled"])
        power = float(won.mean())
        expected = NORMAL.cdf(at_pooled / larger - NORMAL.inv_cdf(NOMINAL))
        lost = (found["pooled"][1][1].astype(float) - won).std(ddof=1) / math.sqrt(trials)
        rows.append(
            {
                "model": model, "trials": trials, "rmse_ratio": spread,
                "rmse_ratio_mcse": spread_mcse, "rmse_ratio_theory": larger, "power": power,
                "power_less_pooled": power - share, "power_less_pooled_mcse": float(lost),
                "power_less_pooled_theory": expected - share,
            }
        )  # fmt: skip
        print(rows[-1], flush=True)
    path = HERE / "results" / "adjustment_without_trend.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})


if __name__ == "__main__":
    main()
