"""A participants table of a design with visits and delays, written and read."""

from __future__ import annotations

from typing import Any

import pytest

from adaptive_cart.analysis.replay import replayed
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.recorded.file import read_participants
from analysis.test_real_trial_round_trip import held_in, same_end, same_look, simulated, table
from checks import raw_design
from conduct.test_seen_at_visits import TIMES, crossing, short_spells, with_visits


def many_times() -> dict[str, Any]:
    raw = short_spells()
    raw["endpoints"] |= TIMES
    return raw


def direct() -> dict[str, Any]:
    return with_visits("hello", visit_every=1.0, window=0.5)


def late_only() -> dict[str, Any]:
    raw = raw_design("sle_autologous")
    raw["follow_up"] = {"reporting_delay": 1.5, "adjudication_delay": {"dfr": 2.0}}
    return raw


def infused_before_it_is_told() -> dict[str, Any]:
    """Who crosses over is infused long before a look knows what was seen then."""
    raw = crossing("treatment_policy")
    raw["follow_up"]["reporting_delay"] = 5.0
    return raw


CASES = {
    "infused": infused_before_it_is_told,
    "course": with_visits,
    "crossover": lambda: crossing("treatment_policy"),
    "short": short_spells,
    "times": many_times,
    "direct": direct,
    "late": late_only,
}


@pytest.mark.parametrize("name", CASES)
def test_a_trial_with_visits_and_delays_read_back_is_the_same_at_every_look(name: str) -> None:
    design = Design(**CASES[name]())
    plan = Plan.of(design)
    for scenario in list(design.scenarios)[:2]:
        block = simulated(design, scenario, 3)
        for trial in range(3):
            participants = read_participants(table(design, block, trial), design)
            same_end(block, trial, replayed(plan, participants))
            for look in held_in(block, trial):
                earlier = replayed(plan, participants, as_of=float(look.date[trial]))
                same_look(look, trial, earlier.now.record)
