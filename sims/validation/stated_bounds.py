"""How often bounds with confidence of simulated errors hold, and how near they lie.

    python sims/validation/stated_bounds.py [--repetitions 200] [--cases ...]

Of a small design on counts the largest type I error is enumerated. It is then bounded as
``worst-case --certify`` bounds simulated errors, again and again with other seeds, from as many
truths and trials each. Writes ``results/stated_bounds.csv``: for each case how often the bound was
not below the largest error, and the median bound; beside it the median of what the exponential
tilt from the Clopper-Pearson bound at the truth of each box gives from the same trials (Sklar and
others 2022).
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adaptive_cart.conduct.rules import resolve_rules
from adaptive_cart.design.design import Design
from adaptive_cart.running.exact_error import ExactError
from adaptive_cart.running.grounds import Ground, ground_of_arms
from adaptive_cart.running.margin_grounds import grounds_of_margins
from adaptive_cart.running.pieces import pieces_of
from adaptive_cart.running.region import calibrated_rules, region_of
from adaptive_cart.running.revealing import Kinds
from adaptive_cart.running.stated_boxes import Box, Simulation, bound_of, box_of, cut
from adaptive_cart.running.stated_certificate import clopper_pearson, tilted
from adaptive_cart.running.weighed import Shown

RESULTS = Path(__file__).parent / "results"
COLUMNS = ("region", "truths", "trials", "repetitions", "held", "largest", "bound", "tilt")
RAW: dict[str, Any] = {
    "name": "Two looks at few",
    "arms": {"soc": {"control": True}, "cart": {}},
    "endpoints": {"dfr": {"type": "landmark", "month": 4}},
    "enrolment": {"max_n": 24, "per_month": 3},
    "looks": {"observed": [12, 24]},
    "rules": [
        {
            "name": "efficacy",
            "then": "declare_success",
            "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
            "at_least": 0.95,
        }
    ],
    "scenarios": {"null": {"dfr": {"soc": 0.2, "cart": 0.2}}},
}


def of_arms(design: Design) -> list[Ground]:
    """The rates of both arms, as far as the claim is false."""
    rules = calibrated_rules(design, resolve_rules(design))
    return [ground_of_arms(design, region_of(design), rules)]


def of_margins(design: Design) -> list[Ground]:
    """The control rates, with the effect at which the claim is just false."""
    return grounds_of_margins(design, region_of(design))


@dataclass(frozen=True)
class Case:
    """What is bounded, from how many truths and trials at each."""

    grounds: Callable[[Design], list[Ground]]
    truths: int
    trials: int


CASES = {
    "control rate": Case(of_margins, 12, 2_000),
    "control rate, few trials": Case(of_margins, 8, 200),
    "both arms' rates": Case(of_arms, 30, 2_000),
}


def repeated(case: Case, design: Design, number: int) -> tuple[float, list[Box], list[Shown]]:
    """The bound with one seed, and what it was worked out from."""
    simulation, boxes = _laid(case, design, 1_000_000 + number)
    shown = simulation.at(boxes, case.trials, number, 1, 0.0)
    return bound_of(boxes, shown, simulation, case.trials).bound, boxes, shown


def _laid(case: Case, design: Design, seed: int) -> tuple[Simulation, list[Box]]:
    first = [box for ground in case.grounds(design) for box in _whole(ground)]
    simulation = Simulation(design, "dfr", Kinds.of(design, first[0].spot.counted))
    few = max(case.trials // 10, 100)
    boxes, _ = cut(first, simulation, few, case.trials, case.truths, 0.0, seed, 1, lambda *_: None)
    return simulation, boxes


def _whole(ground: Ground) -> list[Box]:
    low, high = zip(*ground.limits.values(), strict=True)
    return [*box_of(ground, low, high)]


def by_tilt(case: Case, design: Design, boxes: list[Box], shown: list[Shown]) -> float:
    """The largest bound of boxes, each by its own trials and the tilt."""
    kinds, found = Kinds.of(design, boxes[0].spot.counted), []
    for box, one in zip(boxes, shown, strict=True):
        rates = pieces_of([box.piece])
        upper = clopper_pearson(one.counting(kinds.columns(box.spot.counted)), case.trials)
        ends = np.concatenate([rates.low, rates.high])
        found.append(tilted(upper, box.inside, ends, design.enrolment.max_n))
    return max(found)


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--cases", nargs="*", default=[*CASES], choices=[*CASES])
    asked = parser.parse_args()
    design = Design(**RAW)
    largest = float(ExactError(design, set(), (0.0, 1.0)).worst(np.nan).error)
    for name in asked.cases:
        case, bounds, beside = CASES[name], [], []
        for number in range(asked.repetitions):
            bound, boxes, shown = repeated(case, design, number)
            bounds.append(bound)
            beside.append(by_tilt(case, design, boxes, shown))
        held = int((np.array(bounds) >= largest).sum())
        medians = (f"{np.median(found):.5f}" for found in (bounds, beside))
        keep(name, case.truths, case.trials, asked.repetitions, held, f"{largest:.5f}", *medians)


def keep(*row: Any) -> None:
    """Put a row in the place of the one of the same region, in the order of the cases."""
    print(*row, sep="\t", flush=True)
    path, rows = RESULTS / "stated_bounds.csv", {}
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            rows = {found[0]: found for found in [*csv.reader(file)][1:]}
    rows[row[0]] = [str(value) for value in row]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows[name] for name in CASES if name in rows)


if __name__ == "__main__":
    main()
