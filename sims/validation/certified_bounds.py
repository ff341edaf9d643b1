"""What ``worst-case`` states of an error or a power, beside what is enumerated.

    python sims/validation/certified_bounds.py [--jobs 1]

The design of ``stated_bounds.py``: two arms, 24 participants, two looks; and the same with two
strata. Writes ``results/certified_bounds.csv``: a row a bound, with the truths and trials that it
comes from (none where it is enumerated), the largest error (or smallest power) that enumeration
finds, what is stated, and how often a random truth at which the bound was tried lay beyond it. The
last row is an error by stratum, of three strata, an allocation of 1:2 and a rule for futility, by
the sum over strata and from simulated trials, with their Monte Carlo standard error.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from stated_bounds import RAW

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.running.exact_error import ExactError
from adaptive_cart.running.strata_error import StrataError

RESULT = Path(__file__).parent / "results" / "certified_bounds.csv"
COLUMNS = (
    "what", "over", "truths", "trials", "enumerated", "stated", "tried", "beyond", "mcse"
)  # fmt: skip
EFFECT, TRIALS = 0.4, 20_000
TWO_STRATA: dict[str, Any] = {**RAW, "strata": {"a": 0.6, "b": 0.4}}
THREE_STRATA: dict[str, Any] = {
    **RAW,
    "strata": {"a": 0.5, "b": 0.3, "c": 0.2},
    "arms": {"soc": {"control": True}, "cart": {"allocation": 2}},
    "rules": [
        RAW["rules"][0] | {"at_least": 0.8},
        {
            "name": "futility",
            "then": "declare_futility",
            "posterior": RAW["rules"][0]["posterior"],
            "below": 0.2,
        },
    ],
    "scenarios": {
        "null": {
            "dfr": {
                "soc": {"a": 0.2, "b": 0.4, "c": 0.6},
                "cart": {"a": 0.2, "b": 0.4, "c": 0.6},
            }
        }
    },
}


def least_power(design: Design) -> float:
    """The smallest power with the effect over a fine grid of control rates, enumerated."""
    controls = np.linspace(0.0, 1.0 - EFFECT, 6_001)
    truths = np.stack([controls, controls + EFFECT], axis=1)
    return float(ExactError(design, set(), (0.0, 1.0)).success_at(truths).min())


def simulated(design: Design, truths: int, jobs: int, **asked: Any) -> tuple[Any, ...]:
    """What is stated from so many truths, and how it was tried."""
    found = ac.worst_case(
        design, engine="simulate", points=2, trials=TRIALS, certify_simulated=True, tiles=truths,
        jobs=jobs, **asked,
    ).stated  # fmt: skip
    assert found is not None
    return found.tiles, found.trials, found.bound, found.tried, found.exceeded


def rows(jobs: int) -> Iterator[tuple[Any, ...]]:
    """All rows of the table."""
    one, two = Design(**RAW), Design(**TWO_STRATA)
    largest = float(ExactError(one, set(), (0.0, 1.0)).worst(np.nan).error)
    for over, truths in (("arms", 40), ("control", 12)):
        tiles, trials, bound, *tried = simulated(one, truths, jobs, over=over)
        yield "error", over, tiles, trials, f"{largest:.5f}", f"{bound:.4f}", *tried, ""
    least = least_power(one)
    tiles, trials, bound, *tried = simulated(one, 6, jobs, measure="power", effect=EFFECT)
    yield (
        f"power, effect {EFFECT}", "control", tiles, trials, f"{least:.5f}", f"{1.0 - bound:.4f}",
        *tried, "",
    )  # fmt: skip
    known = ac.worst_case(two, over="strata", points=5, jobs=jobs).certificate
    assert known is not None
    yield (
        "error, enumerated", "strata", "", "", f"{known.found:.9f}", f"{known.bound:.9f}",
        known.tried, known.exceeded, "",
    )  # fmt: skip
    tiles, trials, bound, *tried = simulated(two, 40, jobs, over="strata")
    yield "error", "strata", tiles, trials, f"{known.found:.5f}", f"{bound:.4f}", *tried, ""
    yield three_strata(jobs)


def three_strata(jobs: int) -> tuple[Any, ...]:
    """An error by stratum, as a sum and from simulated trials."""
    design, trials = Design(**THREE_STRATA), 100_000
    rates = THREE_STRATA["scenarios"]["null"]["dfr"]
    by_stratum = np.array([[rates[arm][s] for arm in ("soc", "cart")] for s in "abc"])
    exact = float(StrataError(design).at(by_stratum[None], ["efficacy"])[0])
    found = ac.simulate(design, trials=trials, seed=1, engine="simulate", jobs=jobs)
    figure = found.figure("null", "success")
    return (
        "error at one truth", "three strata", "", trials, f"{exact:.5f}",
        f"{figure.estimate:.5f}", "", "", f"{figure.mcse:.5f}",
    )  # fmt: skip


def main() -> None:
    """Work out the bounds, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1)
    found = []
    for row in rows(parser.parse_args().jobs):
        print(*row, sep="\t", flush=True)
        found.append(row)
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows((COLUMNS, *found))


if __name__ == "__main__":
    main()
