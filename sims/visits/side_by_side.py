"""What all visits of a score are worth: one design, analysed by `normal` and by `normal_visits`.

    python sims/visits/side_by_side.py [--trials 2000] [--jobs 1]

`design.toml` is run with either model, in the same scenarios, on the same participants (one seed),
and `side_by_side.csv` is written: the probability of success, months, participants, error and
coverage, each with its Monte Carlo standard error. `README.md` beside it reads them.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import tomllib
from pathlib import Path
from typing import Any

import adaptive_cart as ac

HERE = Path(__file__).parent
MODELS = ("normal", "normal_visits")
MEASURES = ("success", "months_mean", "n_randomised_mean", "rmse_final", "coverage_final", "failed")


def run(model: str, trials: int, jobs: int) -> ac.Result:
    """The design with one of the models."""
    raw = tomllib.loads((HERE / "design.toml").read_text("utf-8"))
    raw["analysis"]["score"]["model"] = model
    return ac.simulate(ac.Design(**raw), trials=trials, seed=1, jobs=jobs)


def rows(trials: int, jobs: int) -> list[dict[str, Any]]:
    """A row a scenario, model and measure."""
    found = []
    for model in MODELS:
        result = run(model, trials, jobs)
        for scenario, measure in itertools.product(result.design.scenarios, MEASURES):
            one = result.figure(scenario, measure)
            row = {"scenario": scenario, "model": model, "measure": measure}
            found.append(row | {"estimate": f"{one.estimate:.5g}", "mcse": f"{one.mcse:.2g}"})
    return sorted(found, key=lambda row: (row["scenario"], row["measure"], row["model"]))


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    reader.add_argument("--trials", type=int, default=2_000)
    reader.add_argument("--jobs", type=int, default=1)
    given = reader.parse_args()
    found = rows(given.trials, given.jobs)
    with (HERE / "side_by_side.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


if __name__ == "__main__":
    main()
