"""What it costs that states are seen at visits: designs with the same truth and other visits.

    python sims/visits/seen_at_visits.py [PART ...] [--trials 2000] [--jobs 1]

The main design (a state at a month), the event-driven one (a hazard ratio), and how long drug-free
remission lasts in CAR-T of the main design (a cured fraction and Weibull times), each with
everything seen at its moment and with visits further and further apart, and missed; the latter two
analysed by intervals too. Same participants (one seed). `seen_at_visits.csv` is written, of whose
rows those of other parts are kept; `README.md` beside it reads it.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import adaptive_cart as ac
from adaptive_cart.conduct.looks import snapshot_at
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.questions import Question
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import followed, latents_for
from adaptive_cart.participants.seen import as_seen

HERE = Path(__file__).parent
DESIGNS = HERE.parents[1] / "designs"
Row = dict[str, Any]
SCHEDULES: dict[str, Row] = {
    "at its moment": {},
    "every month": {"visit_every": 1.0},
    "every month, a tenth missed": {"visit_every": 1.0, "missed": 0.1},
    "every month, a third missed": {"visit_every": 1.0, "missed": 0.33},
    "every 3 months": {"visit_every": 3.0, "window": 1.0},
    "every 3 months, a tenth missed": {"visit_every": 3.0, "window": 1.0, "missed": 0.1},
    "every 6 months": {"visit_every": 6.0, "window": 1.0},
}
LATE = {"reporting_delay": 2.0, "adjudication_delay": 1.0}
MEASURES = ("success", "bias_final", "coverage_final")
RUNS = {"sle_autologous": ("null", "expected"), "durability_event_driven": ("null", "expected")}
TIMED = "durability_event_driven"
END = 60.0  # months since the trial opened at which durability is looked at
BLOCK = 100
BY_INTERVALS = [(f"{called}, by intervals", own) for called, own in SCHEDULES.items() if own]


def design_with(name: str, schedule: Row, intervals: bool = False) -> Design:
    """A design of the project, seen so."""
    raw = tomllib.loads((DESIGNS / f"{name}.toml").read_text("utf-8"))
    if intervals:
        raw["analysis"]["relapse"]["intervals"] = True
    if schedule:
        raw["follow_up"] = schedule
    return Design(**raw)


def conducted(trials: int, jobs: int, intervals: bool) -> Iterator[Row]:
    """What a trial finds, of each design and schedule."""
    schedules = {**SCHEDULES, "at its moment, 3 months late": LATE}
    variants = [(*run, *one) for run in RUNS.items() for one in schedules.items()]
    if intervals:
        variants = [(TIMED, RUNS[TIMED], *one) for one in BY_INTERVALS]
    for name, scenarios, called, schedule in variants:
        design = design_with(name, schedule, intervals)
        result = ac.simulate(design, trials=trials, seed=1, jobs=jobs)
        for scenario, measure in itertools.product(scenarios, MEASURES):
            one = result.figure(scenario, measure)
            yield row(name, scenario, called, measure, one.estimate, one.mcse)


def lasting(trials: int, intervals: bool) -> Iterator[Row]:
    """Posterior means of the fraction in remission after so long, less what is true."""
    for called, schedule in BY_INTERVALS if intervals else SCHEDULES.items():
        design = design_with("sle_autologous", schedule, intervals)
        plan, truth = Plan.of(design), design.truths["expected"]
        analysis, model = plan.fitted["relapse"]
        endpoint = design.endpoints["relapse"]
        errors: dict[float, list[Any]] = {month: [] for month in (6.0, 12.0, 24.0, math.inf)}
        remitters: list[Any] = []  # of CAR-T: months that drug-free remission really lasts
        for first in range(0, trials, BLOCK):
            number = min(BLOCK, trials - first)
            latents = latents_for(design, 1, first, number)
            everybody = followed(design, truth, latents, Enrolment(design, latents))
            seen = as_seen(everybody, design, truth.follow_up, latents)
            snapshot = snapshot_at(seen, np.full(number, END), np.full(number, 90))
            summary = plan.summary("relapse", endpoint.prepare("relapse", seen), snapshot)
            posterior = analysis.posterior(model, summary, None)
            for month, kept in errors.items():
                kept.append(posterior.mean(asked(month)))
            began, ended = everybody.state("drug_free_remission").first()
            mine = (everybody.arm == 1) & np.isfinite(began)
            remitters.append(ended[mine] - began[mine])
        lasts = np.concatenate(remitters)
        for month, kept in errors.items():
            true = np.isinf(lasts).mean() if math.isinf(month) else (lasts > month).mean()
            values = np.concatenate(kept) - true
            name = "cured fraction" if math.isinf(month) else f"in remission after {month:g} months"
            mcse = values.std(ddof=1) / math.sqrt(len(values))
            yield row("sle_autologous, cart", "expected", called, name, values.mean(), mcse)


def asked(month: float) -> Question:
    """What is asked of CAR-T: the fraction that remains, or is cured."""
    if math.isinf(month):
        return Question("relapse", 1)
    return Question("relapse", 1, kind="remaining", month=month)


def row(design: str, scenario: str, visits: str, measure: str, value: float, mcse: float) -> Row:
    """A row of the table."""
    keys = {"design": design, "scenario": scenario, "visits": visits, "measure": measure}
    return keys | {"estimate": f"{value:.5g}", "mcse": f"{mcse:.2g}"}


PARTS = {  # whether of how long remission lasts (else of whole trials), and by intervals
    "lasting": (True, False),
    "lasting-intervals": (True, True),
    "trials": (False, False),
    "trials-intervals": (False, True),
}


def part_of(own: Row) -> str:
    """Which part a row is of."""
    kind = own["design"].endswith(", cart"), own["visits"].endswith(", by intervals")
    return next(part for part, of in PARTS.items() if of == kind)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    reader.add_argument("parts", nargs="*", metavar="PART", default=list(PARTS))
    reader.add_argument("--trials", type=int, default=2_000)
    reader.add_argument("--jobs", type=int, default=1)
    given = reader.parse_args()
    path = HERE / "seen_at_visits.csv"
    with path.open(newline="") as file:
        before = list(csv.DictReader(file))
    found: list[Row] = []
    for part, (lasts, intervals) in PARTS.items():
        if part not in given.parts:
            found += [own for own in before if part_of(own) == part]
        elif lasts:
            found += lasting(min(given.trials, 1_000), intervals)
        else:
            found += conducted(given.trials, given.jobs, intervals)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


if __name__ == "__main__":
    main()
