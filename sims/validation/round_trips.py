"""A simulated trial, written as a table and read as a real one, is decided alike at every look.

    python sims/validation/round_trips.py --designs --trials 20
    python sims/validation/round_trips.py --drawn 0 1500

`--designs` takes every design of ``designs/`` in every scenario; `--drawn A B` the designs of
numbers A to B − 1 that ``tests/twin/drawn_designs.py`` draws at random (visits, missed visits,
delays, windows, crossover, strata, remission that comes again, times with every clock, analyses by
intervals, scores that visits miss, earlier months), one trial each. A trial is simulated, its
participants are written to CSV as they were known when it ended, and `analyze` (without PyMC)
judges every look of it. Compared are the date, those randomised, every number of every summary and
every probability, to the last bit; what the look decided; and at the end the decision that
`analyze` tells. Where responses are imputed a real trial's imputations are its own, so that drawn
designs do not impute. Writes a row a design (or a piece of the drawn ones) to
``results/round_trips.csv``; rows of the same name are replaced.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from adaptive_cart.analysis.flow import analyze
from adaptive_cart.analysis.replay import replayed
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.standing import RUNNING
from adaptive_cart.conduct.trial import Block, run_block
from adaptive_cart.decisions import REASONS
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import load_design
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.recorded.table import participants_table
from adaptive_cart.running.region import needs_calibration, with_threshold

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = HERE / "results" / "round_trips.csv"
HEAD = ("designs", "scenarios", "trials", "looks", "looks_that_differ", "decisions_that_differ",
        "decisions_withheld", "seed", "seconds")  # fmt: skip


def main() -> None:
    """Compare, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--designs", action="store_true", help="every design of designs/")
    parser.add_argument("--drawn", nargs=2, type=int, metavar=("FIRST", "AFTER"))
    parser.add_argument("--trials", type=int, default=20, help="of each scenario of designs/")
    parser.add_argument("--seed", type=int, default=20261129)
    wanted = parser.parse_args()
    rows = []
    for path in sorted((ROOT / "designs").glob("*.toml")) if wanted.designs else ():
        design = load_design(path)
        design = with_threshold(design, 0.98) if needs_calibration(design) else design
        rows.append(of_design(path.stem, design, wanted.trials, wanted.seed))
        print(rows[-1], flush=True)
    if wanted.drawn:
        rows.append(of_drawn(*wanted.drawn))
        print(rows[-1], flush=True)
    write(rows)


class Found:
    """Numbers of a row."""

    def __init__(self) -> None:
        self.looks = self.differ = self.decisions = self.withheld = self.trials = 0
        self.began = time.perf_counter()

    def row(self, name: str, scenarios: int, seed: int | str) -> dict[str, Any]:
        """The row, as it is written."""
        seconds = round(time.perf_counter() - self.began, 1)
        values = (name, scenarios, self.trials, self.looks, self.differ, self.decisions,
                  self.withheld, seed, seconds)  # fmt: skip
        return dict(zip(HEAD, values, strict=True))

    def compare(self, design: Design, block: Block, trial: int) -> None:
        """Compare one trial with what its table says at every look."""
        plan = Plan.of(design)
        self.trials += 1
        with tempfile.TemporaryDirectory() as folder:
            path = written(design, block, trial, Path(folder) / "participants.csv")
            people = read_participants(path, design)
            for record in block.looks:
                if not record.held[trial] or record.look > block.look[trial]:
                    continue
                self.looks += 1
                at = {"as_of": float(record.date[trial])} if record.between else {}
                at = at or {"look": record.look}
                real = replayed(plan, people, **at).now
                self.differ += not same_look(record, trial, real.record)
                self.decisions += not same_decision(block, trial, record, real.after)
            told = analyze(design, path, fast=True).decision
        self.decisions += told.fast != REASONS[block.standing.reason[trial]]
        self.withheld += bool(told.withheld)


def of_design(name: str, design: Design, trials: int, seed: int) -> dict[str, Any]:
    """Every scenario of a design."""
    found = Found()
    for scenario in design.scenarios:
        # of a scenario with visits or delays of its own, analyze is told of these
        own = design.truths[scenario].follow_up
        told = design.model_copy(update={"follow_up": own})
        block = simulated(design, scenario, trials, seed)
        for trial in range(trials):
            found.compare(told, block, trial)
    return found.row(name, len(design.scenarios), seed)


def of_drawn(first: int, after: int) -> dict[str, Any]:
    """One trial of each of the designs that are drawn."""
    sys.path.insert(0, str(ROOT / "tests"))
    from twin.drawn_designs import drawn_design

    found = Found()
    for number in range(first, after):
        design = Design(**drawn_design(number, imputed=False, beside=True))
        found.compare(design, simulated(design, "so", 1, number), 0)
    return found.row(f"drawn {first} to {after - 1}", after - first, "number of the design")


def simulated(design: Design, scenario: str, trials: int, seed: int) -> Block:
    """Some trials of a scenario."""
    plan = Plan.of(design)
    targets = (0.0,) * len(plan.estimands)
    latents = latents_for(design, seed, 0, trials)
    return run_block(plan, design.truths[scenario], targets, latents, keep_population=True)


def written(design: Design, block: Block, trial: int, path: Path) -> Path:
    """The participants table of a trial, as `example --participants` writes it."""
    assert block.population is not None
    number = int(block.randomised[trial].sum())
    rows = participants_table(design, block.population, trial, float(block.months[trial]), number)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(column for row in rows for column in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


def same_look(record: Any, trial: int, real: Any) -> bool:
    """Whether date, numbers and probabilities of a look are the same."""
    pairs = [(record.date[trial], real.date[0]), (record.randomised[trial], real.randomised[0])]
    for endpoint, summary in record.summaries.items():
        found = real.summaries[endpoint].columns()
        pairs += [(values[trial], found[name][0]) for name, values in summary.columns().items()]
    pairs += [
        (values[trial], real.probabilities[rule][0])
        for rule, values in record.probabilities.items()
        if rule in real.probabilities
    ]
    return all(np.array_equal(one, other, equal_nan=True) for one, other in pairs)


def same_decision(block: Block, trial: int, record: Any, after: Any) -> bool:
    """Whether a look ended the trial, or dropped an arm or closed a stratum, in both."""
    standing, look = block.standing, record.look
    ends = look == block.look[trial] and record.between == block.between[trial]
    reason = standing.reason[trial] if ends else RUNNING
    same = bool(after.reason[0] == reason)
    if ends:
        for name in ("dropped", "closed", "enrolment_stopped"):
            own = getattr(standing, name)[trial]
            same &= bool(np.array_equal(own, getattr(after, name)[0]))
    return same


def write(rows: list[dict[str, Any]]) -> None:
    """Write the rows in place of those of the same name."""
    kept: list[dict[str, Any]] = []
    if RESULTS.exists():
        with RESULTS.open(encoding="utf-8") as file:
            new = {row["designs"] for row in rows}
            kept = [row for row in csv.DictReader(file) if row["designs"] not in new]
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEAD, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *rows])


if __name__ == "__main__":
    main()
