"""Sums of months that are equal in whole fractions are equal, whatever their last bits say."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adaptive_cart.analysis.replay import replayed
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, SimulatedConduct, run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.nouns.calendar import TIE, short_of, until
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.recorded.table import participants_table
from checks import columns_of, tiny_design
from conduct.test_fast_equals_adaptive_twin import compare

LOOKS = [10, 22, 35, 52, 60, 77]


def fixed(months: float) -> dict[str, Any]:
    return {"dist": "fixed", "value": months}


def regular(per_month: int = 3, **tables: Any) -> dict[str, Any]:
    enrolment = {"max_n": 90, "per_month": per_month, "arrivals": "regular"}
    raw = tiny_design(enrolment=enrolment, looks={"enrolled": LOOKS})
    raw["rules"][0]["looks"] = ["final"]  # nothing ends a trial before
    return raw | tables


def course(per_month: int = 3, **tables: Any) -> dict[str, Any]:
    """Everybody's months are fixed: infusion 0.1, remission 0.3, relapse 1.3, window 0.2."""
    disease = {
        "remission": {"probability": 1.0, "onset": fixed(0.2)},
        "durability": {"cured": 0.0, "relapse": fixed(1.0)},
    }
    raw = regular(
        per_month,
        endpoints={
            "dfr": {"type": "landmark", "month": 1.2, "sustained_from": 0.3},
            "crs": {"type": "adverse_event", "within_months": 0.2},
            "relapse": {"type": "time_to_relapse", "horizon": 1.0},
        },
        truth={
            "soc": disease,
            "cart": disease | {"infusion": {"failure": 0.0, "delay": fixed(0.1)}},
        },
        scenarios={"null": {}},
    )
    raw["truth"]["cart"]["events"] = {"crs": 1.0}
    return raw | tables


def run(raw: dict[str, Any]) -> Block:
    design = Design(**raw)
    plan = Plan.of(design)
    latents = latents_for(design, 3, 0, 2)
    return run_block(plan, truths_of(design)["null"], (0.5,) * len(plan.estimands), latents, True)


def look_dates(per_month: int) -> list[Fraction]:
    return [Fraction(k, per_month) for k in LOOKS]


def seen_by(block: Block, arm: int, per_month: int, months: str) -> list[int]:
    """Participants of an arm for whom so many months have passed at each look, by fractions."""
    assert block.population is not None
    mine = [j + 1 for j in range(90) if block.population.arm[0, j] == arm]
    wait = Fraction(months)
    return [
        sum(Fraction(j, per_month) + wait <= date for j in mine) for date in look_dates(per_month)
    ]


@pytest.mark.parametrize("per_month", [3, 7, 10])
def test_a_landmark_at_the_very_date_of_a_look_is_analysed(per_month: int) -> None:
    raw = regular(per_month)
    block = run(raw)
    for arm in (0, 1):
        found = [int(record.summaries["dfr"].analysed[0, arm].sum()) for record in block.looks]
        assert found == seen_by(block, arm, per_month, "4")
    compare(raw, "null", 1)


@pytest.mark.parametrize("per_month", [3, 7, 10])
def test_windows_and_horizons_that_end_on_the_date_of_a_look(per_month: int) -> None:
    block = run(course(per_month))
    windows = [int(r.summaries["crs"].analysed[0, 1].sum()) for r in block.looks]
    assert windows == seen_by(block, 1, per_month, "0.3")
    for arm, months in ((0, "0.2"), (1, "0.3")):
        remitters = [int(r.summaries["relapse"].analysed[0, arm].sum()) for r in block.looks]
        assert remitters == seen_by(block, arm, per_month, months)
    for arm, months in ((0, "1.2"), (1, "1.3")):
        # relapse after 1.0 months of remission is at the very horizon: an event, not censored
        events = [int(r.summaries["relapse"].events[0, arm].sum()) for r in block.looks]
        assert events == seen_by(block, arm, per_month, months)
    # month 1.2: the control relapses then and does not respond; CAR-T is in remission from 0.3
    due = [r.summaries["dfr"] for r in block.looks]
    assert [int(d.successes[0, 0].sum()) for d in due] == [0] * len(LOOKS)
    assert [int(d.successes[0, 1].sum()) for d in due] == seen_by(block, 1, per_month, "1.2")
    compare(course(per_month), "null", 1)


def test_looks_by_months_and_observed() -> None:
    months = run(regular(looks={"months": [4, 7, 11, 20]}))
    assert [int(r.randomised[0].sum()) for r in months.looks] == [12, 21, 33, 60]
    assert [int(r.summaries["dfr"].analysed[0].sum()) for r in months.looks] == [0, 9, 21, 48]
    observed = run(regular(looks={"observed": [10, 23, 40, 48, 86]}))
    assert [int(r.summaries["dfr"].analysed[0].sum()) for r in observed.looks] == [
        10,
        23,
        40,
        48,
        86,
    ]
    assert [int(r.randomised[0].sum()) for r in observed.looks] == [22, 35, 52, 60, 90]


def test_a_check_on_the_date_of_a_look_is_no_check_between_looks() -> None:
    # an infusion 1.0 months after arrival falls on the date at which three more have come
    raw = course(
        looks={"enrolled": LOOKS}, arms={"soc": {"control": True}, "cart": {"allocation": 8}}
    )
    raw["truth"]["cart"] |= {
        "infusion": {"failure": 0.0, "delay": fixed(1.0)},
        "events": {"crs": 0.0},
    }
    raw["rules"].append(
        {
            "name": "safety",
            "then": "stop_for_safety",
            "posterior": {"endpoint": "crs", "arm": "cart", "above": 0.5},
            "at_least": 1.0,
            "every": 1,
        }
    )
    design = Design(**raw)
    plan = Plan.of(design)
    checked: list[float] = []

    class Noting(SimulatedConduct):
        def check(self, look: int, at: Any, rules: Any) -> bool:
            checked.append(float(at[0]))
            return super().check(look, at, rules)

    noting = Noting(plan, truths_of(design)["null"], (0.0,) * len(plan.estimands),
                    latents_for(design, 3, 0, 1))  # fmt: skip
    for look in range(1, 1 + len(LOOKS)):
        noting.look(look)
    arm = noting.population.arm[0]
    infusions = {Fraction(j + 1, 3) + 1 for j in range(90) if arm[j] == 1}
    wanted = sorted(infusions - set(look_dates(3)))
    wanted = [date for date in wanted if date < look_dates(3)[-1]]
    assert len(wanted) < sum(date <= look_dates(3)[-1] for date in infusions)
    np.testing.assert_allclose(checked, [float(date) for date in wanted], rtol=1e-12)


def test_events_at_the_horizon_and_on_the_date_of_a_look() -> None:
    raw = regular(
        10,
        endpoints={"loss": {"type": "time_to_event", "horizon": 0.3}},
        analysis={
            "loss": {
                "model": "piecewise_exponential",
                "prior": {
                    "baseline": {"a": 0.1, "b": 1.0},
                    "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 2.0},
                },
            }
        },
        scenarios={"null": {"loss": {"soc": fixed(0.3), "cart": fixed(0.1)}}},
    )
    question = {"endpoint": "loss", "arm": "cart", "hazard_ratio_to": "soc", "below": 1.0}
    raw["rules"] = [raw["rules"][0] | {"posterior": question}]
    block = run(raw)
    for arm, months in ((0, "0.3"), (1, "0.1")):
        events = [int(r.summaries["loss"].events[0, arm].sum()) for r in block.looks]
        assert events == seen_by(block, arm, 10, months)
        assert (block.looks[0].summaries["loss"].exposure >= 0.0).all()


@pytest.mark.parametrize("digits", [None, 10])
def test_a_table_of_rounded_dates_has_the_same_looks(digits: int | None, tmp_path: Path) -> None:
    raw = course(7)
    design, block = Design(**raw), run(raw)
    assert block.population is not None
    rows = participants_table(design, block.population, 0, float(block.months[0]), LOOKS[-1])
    if digits is not None:
        rows = [
            {k: round(v, digits) if isinstance(v, float) else v for k, v in row.items()}
            for row in rows
        ]
    path = tmp_path / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns_of(rows)))
        writer.writeheader()
        writer.writerows(rows)
    replay = replayed(Plan.of(design), read_participants(path, design))
    assert [held.look for held in replay.held] == list(range(1, 1 + len(LOOKS)))
    for mine, held in zip(block.looks, replay.held, strict=True):
        assert held.record.randomised.tolist() == mine.randomised[:1].tolist()
        for name, summary in mine.summaries.items():
            theirs = held.record.summaries[name]
            np.testing.assert_array_equal(summary.analysed[0], theirs.analysed[0], err_msg=name)


def test_the_tolerance_is_far_below_any_time_that_matters() -> None:
    assert until(4.0) - 4.0 == pytest.approx(TIE)
    assert 4.0 - short_of(4.0) == pytest.approx(TIE)
    assert TIE * 30.4 * 86_400 < 0.003  # seconds
