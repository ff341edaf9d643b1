"""What estimates corrected for the stop gain and cost.

    python sims/validation/adjusted_estimates.py [CASE ...]

Runs designs of ``designs/`` with ``[adjusted_estimates]``, enumerated or simulated, and writes
``results/adjusted_estimates.csv``: a row a case, scenario and estimate, with bias, root mean
squared error, coverage of the 95% interval, and how often the estimate is above the true value
(half where it is equal), each with its Monte Carlo standard error. Rows of other cases are kept.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import adaptive_cart as ac

HERE = Path(__file__).parent
DESIGNS = HERE.parents[1] / "designs"
RESULT = HERE / "results" / "adjusted_estimates.csv"
MEASURES = ("bias", "rmse", "coverage", "overestimated")
ESTIMATES = {
    "posterior mean": "",
    "median unbiased": "_median_unbiased",
    "less its bias given the stop": "_conditional",
    "skeptical": "_skeptical",
}


@dataclass(frozen=True)
class Case:
    """A design, what the skeptical prior holds, and whether trials are simulated (how many)."""

    design: str
    skeptical: dict[str, float]
    trials: int | None = None


CASES = {
    "hello, enumerated": Case("hello", {"effect": 0.25}),
    "hello, simulated": Case("hello", {"effect": 0.25}, 10_000),
    "durability_event_driven": Case(
        "durability_event_driven", {"effect": 0.5, "no_effect": 1.0}, 5_000
    ),
}


def found(name: str, case: Case, jobs: int) -> Iterator[dict[str, Any]]:
    """A row a scenario and estimate."""
    raw = ac.load_design(DESIGNS / f"{case.design}.toml")
    design = raw.replace({"adjusted_estimates": {"skeptical": case.skeptical}})
    if case.trials is None:
        result = ac.simulate(design, engine="exact", jobs=jobs)
    else:
        result = ac.simulate(design, engine="simulate", trials=case.trials, seed=1, jobs=jobs)
    for scenario in design.scenarios:
        for label, ending in ESTIMATES.items():
            if ending == "_median_unbiased" and case.trials is not None:
                continue  # of enumerated counts alone
            row = {"case": name, "trials": case.trials or "", "scenario": scenario}
            row["estimate"] = label
            for measure in MEASURES:
                figure = result.figure(scenario, measure + ending)
                row |= {measure: f"{figure.estimate:.6f}", f"{measure}_mcse": f"{figure.mcse:.2g}"}
            yield row


def main() -> None:
    """Run the cases, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", default=[*CASES])
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    if unknown := sorted({*asked.cases} - {*CASES}):
        parser.error(f"no case {unknown}; there are {[*CASES]}")
    kept: list[dict[str, Any]] = []
    if RESULT.exists():
        with RESULT.open(newline="", encoding="utf-8") as file:
            kept = list(csv.DictReader(file))
    for name in asked.cases:
        fresh = list(found(name, CASES[name], asked.jobs))
        kept = [row for row in kept if row["case"] != name] + fresh
        for row in fresh:
            print(*row.values(), sep="\t", flush=True)
    kept.sort(key=lambda row: list(CASES).index(row["case"]))
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(kept[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)


if __name__ == "__main__":
    main()
