"""How the time of a trial grows with what is asked of it.

    python sims/benchmarks/growth.py [--trials 2000] [--rounds 3]

Each line of ``growth.csv`` is a design with one of its numbers set otherwise: processor time of a
trial, followed and judged in a block of the usual size, the median of several rounds that go
through all settings in turn; and, over the last step and over all of them, the slope on the
logarithmic scale (1: twice as much takes twice as long). Tables of counts are looked up once
before, and freed memory is kept, as in a long run. The last lines are of what a scenario costs
once: its true values. The first line of the file names the machine.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import machine

os.environ.setdefault("OMP_NUM_THREADS", "1")

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import load_design, read_tables
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.estimand import SobolLatents, true_values
from adaptive_cart.running.memory import freed_memory_kept
from adaptive_cart.running.region import needs_calibration, with_threshold
from adaptive_cart.running.stretches import block_size

HERE = Path(__file__).parent
DESIGNS = HERE.parents[1] / "designs"
ADAPTIVE = HERE / "designs" / "four_arms_adaptive.toml"
RESULTS = HERE / "growth.csv"
HEAD = ("design", "grows", "value", "microseconds", "slope_of_last_step", "slope_of_all")


def settings() -> Iterator[tuple[str, str, float, Design]]:
    """Name of the design, what grows, its value, and the design with it."""
    for name, sizes in (("hello", (75, 150, 300, 600)), ("sle_autologous", (45, 90, 180, 360))):
        for size in sizes:
            looks = [round(size * share) for share in (0.4, 0.7, 1.0)]
            yield (
                name,
                "participants",
                size,
                _with(name, {"enrolment.max_n": size, "looks.observed": looks}),
            )
    for number in (2, 4, 8, 16):
        looks = [round(240 * look / number) for look in range(1, number + 1)]
        yield (
            "hello",
            "looks",
            number,
            _with("hello", {"enrolment.max_n": 240, "looks.observed": looks}),
        )

    for arms in (2, 4, 8):
        yield "four_arms_adaptive", "arms, 250 each", arms, adaptive(arms)


def adaptive(arms: int) -> Design:
    """The response-adaptive design with so many arms and 250 participants each, as many looks."""
    raw = read_tables(ADAPTIVE)
    (control, _), *_, (name, last) = raw["arms"].items()
    others = [f"{name}{number}" for number in range(1, arms)]
    raw["arms"] = {control: raw["arms"][control]} | {other: last for other in others}
    raw["enrolment"]["max_n"] = most = 250 * arms
    looks = len(raw["looks"]["observed"])
    raw["looks"]["observed"] = [most * look // (looks + 1) for look in range(2, looks + 2)]
    raw["randomisation"]["burn_in"] = raw["looks"]["observed"][0]
    for scenario in raw["scenarios"].values():
        for endpoint, rates in scenario.items():
            first, *rest = rates.values()
            more = {other: rest[k % len(rest)] for k, other in enumerate(others)}
            scenario[endpoint] = {control: first} | more
    return Design(**raw)


def _with(name: str, changes: dict[str, object]) -> Design:
    design = load_design(DESIGNS / f"{name}.toml")
    design = with_threshold(design, 0.98) if needs_calibration(design) else design
    last = changes["looks.observed"]
    assert isinstance(last, list)
    for rule in design.rules:
        at_least = rule.at_least
        if isinstance(at_least, list | tuple):
            changes[f"rules.{rule.name}.at_least"] = at_least[-1]
        if rule.looks:
            changes[f"rules.{rule.name}.looks"] = list(range(1, len(last)))
    return design.replace(changes)


def seconds_of(design: Design, trials: int) -> float:
    """Processor seconds of a trial, all scenarios together."""
    plan = Plan.of(design)
    unknown = (math.nan,) * len(plan.estimands)
    size = min(block_size(design), trials)
    done, began = 0, time.process_time()
    while done < trials:
        latents = latents_for(design, 1, done, size)
        for truth in design.truths.values():
            run_block(plan, truth, unknown, latents)
        done += size
    return (time.process_time() - began) / done / len(design.truths)


def _slope(start: tuple[float, float] | None, value: float, seconds: float) -> str:
    if start is None:
        return ""
    return f"{math.log(seconds / start[1]) / math.log(value / start[0]):.2f}"


def once(name: str) -> float:
    """Processor seconds for the true values of a scenario of a shipped design."""
    design = load_design(DESIGNS / f"{name}.toml")
    points = SobolLatents()
    began = time.process_time()
    for truth in design.truths.values():
        true_values(design, truth, points)
    return (time.process_time() - began) / len(design.truths)


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    asked = list(settings())
    with freed_memory_kept():
        for *_, design in asked:
            seconds_of(design, wanted.trials)
        rounds = [
            [seconds_of(design, wanted.trials) for *_, design in asked]
            for _ in range(wanted.rounds)
        ]
    times = [statistics.median(of_one) for of_one in zip(*rounds, strict=True)]
    rows, first, before = [], {}, {}
    for (name, what, value, _), seconds in zip(asked, times, strict=True):
        slopes = [_slope(start.get((name, what)), value, seconds) for start in (before, first)]
        rows.append((name, what, value, f"{seconds * 1e6:.1f}", *slopes))
        first.setdefault((name, what), (value, seconds))
        before[name, what] = (value, seconds)
        print(rows[-1])
    for name in ("hello", "sle_autologous"):
        rows.append((name, "a scenario, once", 1, f"{once(name) * 1e6:.1f}", "", ""))
        print(rows[-1])
    machine.keep(RESULTS, HEAD, rows)


if __name__ == "__main__":
    main()
