"""A participants table of a design with visits and delays, written and read."""

from __future__ import annotations

from typing import Any

import pytest

from adaptive_cart.analysis.replay import replayed
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.recorded.file import ParticipantsError, read_participants
from analysis.test_real_trial_round_trip import held_in, same_end, same_look, simulated, table, told
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


def test_a_table_whose_data_took_longer_than_planned_is_read_and_told() -> None:
    """Of a scenario with a delay of its own: who was infused may not have been seen since."""
    raw = infused_before_it_is_told()
    raw["follow_up"]["reporting_delay"] = 0.5
    raw["scenarios"]["late"] = {"follow_up": {"reporting_delay": 5.0}}
    design = Design(**raw)
    block = simulated(design, "late", 3)
    ahead = 0
    for trial in range(3):
        rows = table(told(design, "late"), block, trial, float(block.looks[0].date[trial]))
        after = [
            month - row["last_contact_month"]
            for row in rows
            for column, month in row.items()
            if month != "" and (column.startswith("infused") or column == "crossover_month")
        ]
        late = [months for months in after if months > 0.5]
        ahead += len(late)
        read = read_participants(rows, design)
        notes = [note for note in read.notes if "after the last contact" in note]
        words = f"an infusion or crossover is up to {max(late):g} months" if late else ""
        assert [note for note in notes if note.startswith(words)] == notes
        assert len(notes) == bool(late)
    assert ahead > 0
    undelayed = Design(**{k: v for k, v in raw.items() if k != "follow_up"} | {
        "follow_up": {k: v for k, v in raw["follow_up"].items() if k != "reporting_delay"},
        "scenarios": {"expected": raw["scenarios"]["expected"]},
    })  # fmt: skip
    with pytest.raises(ParticipantsError, match=r"infused_month.*after last contact"):
        read_participants(rows, undelayed)
