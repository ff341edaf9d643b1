"""What is gained where early months tell late, and what it costs where they do not.

    python sims/validation/early_tells_late.py [--trials 2000]

The main design with looks by months and a futility rule that looks ahead, without and with
``[prediction.dfr] from``; success is judged at the end, or at every look, and then also with
``counts = "all"``: the posterior at a look counts who has not reached the month. In `expected` and
`null` early remission predicts late remission; in `broken_link` it does not: the control's
remissions before month 6 are lost before month 12, and those of CAR-T come after month 6 and last.
In `early_only` CAR-T has early remissions that are lost before month 12, and no effect: every
success is false. Writes ``results/early_tells_late.csv``: power (or type I error), futility and
months with their Monte Carlo standard errors, and the mean squared distance of the predictive
probabilities at the first look from whether the same trials, run to the end without futility,
succeed.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.decisions import FUTILITY, SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.participants.population import latents_for

HERE = Path(__file__).parent
BLOCK = 500
MONTHS: dict[str, list[float]] = {
    "none": [],
    "6": [6.0],
    "3 and 6": [3.0, 6.0],
    "6 and 9": [6.0, 9.0],
    "3, 6 and 9": [3.0, 6.0, 9.0],
}
# when success is judged, by which months, what they count in, what a state is worth beforehand
VARIANTS = [
    ("at the end", "none", "predictions", 1.0),
    ("at the end", "6", "predictions", 1.0),
    ("at the end", "3 and 6", "predictions", 1.0),
    ("at the end", "3, 6 and 9", "predictions", 1.0),
    ("at every look", "none", "predictions", 1.0),
    ("at every look", "3 and 6", "predictions", 1.0),
    ("at every look", "3 and 6", "all", 1.0),
    ("at every look", "3 and 6", "all", 0.3),
    ("at every look", "6 and 9", "all", 0.3),
]


def base(judged: str = "at the end") -> dict[str, Any]:
    """The main design, with the rules that the study is about and its scenarios.

    Parameters
    ----------
    judged
        When success is.
    """
    raw = tomllib.loads((HERE / "../../designs/sle_autologous.toml").read_text())
    raw["looks"] = {"months": [15.0, 21.0], "final": "all_observed"}
    for rule in raw["rules"]:
        if rule["name"] == "efficacy":
            rule |= {"at_least": 0.975, "looks": ["final"]}
            if judged == "at every look":
                rule |= {"at_least": [0.99, 0.99, 0.975]}
                del rule["looks"]
        if rule["name"] == "futility":
            rule |= {"below": 0.10, "looks": [1, 2]}
    raw["rules"] = [rule for rule in raw["rules"] if rule["name"] != "safety"]
    late = {"dist": "fixed", "value": 6.0}
    soon = {"dist": "fixed", "value": 3.0}
    broken = {
        "cart": {
            "remission": {"probability": 0.45, "onset": late},
            "durability": {"cured": 1.0, "relapse": soon},
        },
        "soc": {
            "remission": {"probability": 0.45, "onset": {"dist": "fixed", "value": 2.0}},
            "durability": {"cured": 0.1, "relapse": {"dist": "fixed", "value": 5.0}},
        },
    }
    early_only = {
        "role": "null",
        "cart": {
            "remission": {"probability": 0.6, "onset": {"dist": "fixed", "value": 1.5}},
            "durability": {"cured": 0.1, "relapse": {"dist": "fixed", "value": 5.0}},
        },
        "soc": {
            "remission": {"probability": 0.06, "onset": {"dist": "fixed", "value": 1.5}},
            "durability": {"cured": 1.0, "relapse": soon},
        },
    }
    kept = {name: raw["scenarios"][name] for name in ("null", "expected")}
    raw["scenarios"] = kept | {"broken_link": broken, "early_only": early_only}
    return raw


def figures(raw: dict[str, Any], trials: int) -> list[dict[str, Any]]:
    """One row a scenario."""
    design = Design(**raw)
    plan, found = Plan.of(design), []
    for name, truth in design.truths.items():
        success, futility, months = [], [], []
        for first in range(0, trials, BLOCK):
            block = run_block(
                plan, truth, [math.nan] * len(plan.estimands), latents_for(design, 7, first, BLOCK)
            )
            success.append(block.standing.reason == SUCCESS)
            futility.append(block.standing.reason == FUTILITY)
            months.append(block.months)
        row: dict[str, Any] = {"scenario": name}
        for measure, values in (("success", success), ("futility", futility), ("months", months)):
            joined = np.concatenate(values).astype(float)
            row[measure] = f"{joined.mean():.4f}"
            row[f"{measure}_mcse"] = f"{joined.std(ddof=1) / math.sqrt(len(joined)):.4f}"
        found.append(row)
    return found


def scores(raw: dict[str, Any], trials: int) -> list[float]:
    """By scenario: mean squared distance of predictions at the first look from what became true."""
    raw = copy.deepcopy(raw)
    for rule in raw["rules"]:
        if rule["name"] == "futility":
            rule |= {"below": 0.0}
    design = Design(**raw)
    plan, found = Plan.of(design), []
    for truth in design.truths.values():
        away = []
        for first in range(0, trials, BLOCK):
            block = run_block(
                plan, truth, [math.nan] * len(plan.estimands), latents_for(design, 7, first, BLOCK)
            )
            said = block.looks[0].probabilities["futility"][:, 0]
            away.append((said - (block.standing.reason == SUCCESS)) ** 2)
        found.append(float(np.concatenate(away).mean()))
    return found


def main() -> None:
    """Run the study and write its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    rows = []
    for judged, label, counts, prior in VARIANTS:
        raw, months = base(judged), MONTHS[label]
        if months:
            raw["prediction"] = {"dfr": {"from": months, "counts": counts, "prior": prior}}
        ends = judged == "at the end"  # else what success is predicted of is not the last look's
        distances = scores(raw, min(trials, 1000)) if ends else [math.nan] * 4
        for row, score in zip(figures(raw, trials), distances, strict=True):
            kept = {"success_judged": judged, "from": label, "counts": counts if months else ""}
            kept["prior"] = f"{prior:g}" if months else ""
            rows.append({**kept, **row, "squared_distance": f"{score:.4f}" if ends else ""})
            print(rows[-1])
    with (HERE / "results/early_tells_late.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
