"""Whether ``optimise`` finds better designs than a random search that judges as many.

    python sims/validation/optimise_against_chance.py [--seeds 6] [--candidates 40] [--cases ...]

Of each case the search of ``optimise`` judges so many different designs, and so many are drawn
evenly from what is free; both are judged alike. The better one is nearer to what is wanted, or,
where both hold the error and have the power, needs less. Writes
``results/optimise_against_chance.csv``: for each case how often the search was better, equal and
worse over the seeds, what its best design and that of chance need on average, in how many of
the seeds either found one that holds what is wanted, and the number that no design with the looks
of the last one found can be below. All designs are enumerated.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.file import load_design
from adaptive_cart.errors import DesignError
from adaptive_cart.optimising.aims import Losses
from adaptive_cart.optimising.evaluating import OnCounts
from adaptive_cart.optimising.freeing import Candidate, space_of
from adaptive_cart.optimising.searching import Judged, search
from adaptive_cart.optimising.wanted import Wanted, wanted_of

HERE = Path(__file__).parent
DESIGNS = HERE.parent.parent / "designs"
HELLO = load_design(DESIGNS / "hello.toml")
SKEPTICAL = {"analysis.dfr.model": "beta_binomial", "analysis.dfr.prior.cart": {"a": 1, "b": 1},
             "analysis.dfr.prior.soc": {"a": 1, "b": 1}}  # fmt: skip

SIZES = {"enrolment.max_n": [*range(90, 211, 3)]}
THRESHOLDS = {"rules.efficacy.at_least": (0.97, 0.999), "rules.futility.below": (0.01, 0.5)}
BY_LOOK = {f"rules.efficacy.at_least[{k}]": (0.97, 0.9999) for k in range(3)}


@dataclass(frozen=True)
class Case:
    """What is free, and what is wanted."""

    design: Design
    free: Mapping[str, Any]
    looks: tuple[int, int] | None = None
    aim: str = "analysed"
    power: float | None = 0.9

    def wanted(self) -> Wanted:
        """An error of 0.025 and the power, over null and expected alike."""
        power = {} if self.power is None else {"expected": self.power}
        found, problems = wanted_of(
            self.design, self.aim, None, None, {"null": 0.5, "expected": 0.5}, 0.025, power, (),
            Losses(500.0, 100.0) if self.aim == "loss" else Losses(),
        )  # fmt: skip
        assert found is not None, problems
        return found


CASES = {
    "thresholds, size and looks": Case(HELLO, THRESHOLDS | SIZES, (2, 4)),
    "thresholds by look, and size": Case(
        HELLO.replace("rules.efficacy.at_least", [0.99, 0.985, 0.98]),
        BY_LOOK | SIZES | {"rules.futility.below": (0.01, 0.5)},
    ),
    "calibrated; futility, size and looks": Case(
        HELLO.replace(
            {"rules.efficacy.at_least": "calibrate", "calibration.type_one_error": 0.025}
        ),
        SIZES | {"rules.futility.below": (0.01, 0.5)},
        (2, 3),
    ),
    "allocation, thresholds and size": Case(
        HELLO,
        THRESHOLDS
        | {"enrolment.max_n": [*range(84, 217, 12)], "arms.cart.allocation": [1, 2, 3]},
    ),
    "a skeptical prior, thresholds and size": Case(
        HELLO.replace(SKEPTICAL),
        THRESHOLDS | SIZES | {"analysis.dfr.prior.cart.b": (0.5, 20.0)},
    ),
    "expected loss over thresholds, size and looks": Case(
        HELLO, THRESHOLDS | SIZES, (2, 4), "loss", None
    ),
}  # fmt: skip


def judging(case: Case, wanted: Wanted) -> Callable[[Candidate], Judged]:
    """Judge each candidate once, whoever asks."""
    ask = OnCounts(case.design, wanted)
    known: dict[str, Judged] = {}

    def judge(candidate: Candidate) -> Judged:
        if candidate.digest not in known:
            try:
                found = ask(candidate)[0]
            except DesignError:  # no threshold keeps the error
                found = None
            known[candidate.digest] = Judged(candidate, found)
        return known[candidate.digest]

    return judge


def compared(name: str, case: Case, seeds: int, allowed: int) -> dict[str, Any]:
    """One row of the table."""
    wanted = case.wanted()
    space, problems = space_of(case.design, case.free, case.looks)
    assert not problems, problems
    judge = judging(case, wanted)
    counts = {"better": 0, "equal": 0, "worse": 0}
    needs: dict[str, list[float]] = {"search": [], "chance": []}
    for seed in range(seeds):
        best = min(search(space, judge, wanted, allowed, seed), key=lambda one: one.order(wanted))
        rng, drawn = np.random.default_rng([seed, 1]), dict[str, Judged]()
        while len(drawn) < allowed:
            candidate = space.candidate(rng.random(space.dimensions))
            if candidate is not None:
                drawn[candidate.digest] = judge(candidate)
        chance = min(drawn.values(), key=lambda one: one.order(wanted))
        own, other = best.order(wanted), chance.order(wanted)
        counts["better" if own < other else "equal" if own == other else "worse"] += 1
        for who, one in (("search", best), ("chance", chance)):
            if one.order(wanted)[0] == 0.0:
                needs[who].append(one.cost(wanted))
    row: dict[str, Any] = {
        "case": name, "aim": case.aim, "free": space.dimensions, "candidates": allowed,
        "seeds": seeds, **counts,
    }  # fmt: skip
    for who, values in needs.items():
        row[f"{who}_holds"] = len(values)
        row[f"{who}_needs"] = f"{np.mean(values):.2f}" if values else ""
    row["no_design_below"] = least(case, best, wanted)
    return row


def least(case: Case, best: Judged, wanted: Wanted) -> str:
    """What no design with the looks of one found can be below; blank where none is proven."""
    any_ = OnCounts(case.design, wanted).any_design(best.candidate.design, wanted)
    if isinstance(any_, str):
        return ""
    bound = any_.best().bound
    return f"{bound:.2f}" if math.isfinite(bound) else ""


def main() -> None:
    """Compare, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--candidates", type=int, default=40)
    parser.add_argument("--cases", nargs="*", default=[*CASES], choices=[*CASES])
    asked = parser.parse_args()
    table = HERE / "results" / "optimise_against_chance.csv"
    kept: dict[str, dict[str, Any]] = {}
    if table.exists():
        with table.open(encoding="utf-8") as rows:
            kept = {row["case"]: row for row in csv.DictReader(rows)}
    for name in asked.cases:
        kept[name] = compared(name, CASES[name], asked.seeds, asked.candidates)
        print(kept[name], flush=True)
        rows_ = [kept[one] for one in CASES if one in kept]
        with table.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, [*rows_[0]], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows_)


if __name__ == "__main__":
    main()
