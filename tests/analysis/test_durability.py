"""Curves of remission: from a table, from a run, by both posteriors, beside Kaplan and Meier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.analysis.durability_curves import durability, kaplan_meier, true_curve
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import load_design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError
from adaptive_cart.models.durability.weibull_cure import WeibullCure
from adaptive_cart.participants.population import latents_for
from adaptive_cart.telling.walkthrough import Story
from checks import DESIGNS, raw_design
from course_months import months_of

MONTHS = [6.0, 12.0, 24.0]


@pytest.fixture(scope="module")
def design() -> Design:
    return load_design(DESIGNS / "sle_autologous.toml")


@pytest.fixture(scope="module")
def told(design: Design) -> Story:
    return ac.example(design, scenario="early_data_do_not_hold_up", trial=2)


@pytest.fixture(scope="module")
def participants(told: Story) -> list[dict[str, Any]]:
    return told.participants


# --- Kaplan and Meier ---------------------------------------------------------------------------


def product_limit(months: np.ndarray, event: np.ndarray, at: float) -> float:
    """Week by week through the calendar, as the statement has it."""
    left = 1.0
    for time in sorted(set(months[event])):
        if time > at:
            break
        at_risk = sum(m >= time for m in months)
        left *= 1.0 - sum(m == time and e for m, e in zip(months, event, strict=True)) / at_risk
    return left


def test_kaplan_meier_by_hand() -> None:
    months = np.array([2.0, 3.0, 3.0, 5.0, 8.0])
    event = np.array([True, True, False, False, True])
    at = np.array([0.0, 1.9, 2.0, 3.0, 7.9, 8.0, 20.0])
    expected = [1.0, 1.0, 0.8, 0.6, 0.6, 0.0, 0.0]
    assert kaplan_meier(months, event, at) == pytest.approx(expected)
    nobody = kaplan_meier(np.empty(0), np.empty(0, dtype=bool), at)
    assert np.isnan(nobody).all()
    no_event = kaplan_meier(months, np.zeros(5, dtype=bool), at)
    assert no_event[:6] == pytest.approx([1.0] * 6)
    assert np.isnan(no_event[6])


def test_kaplan_meier_against_the_product_limit() -> None:
    rng = np.random.default_rng(3)
    months = np.round(rng.exponential(10.0, 60), 1)  # rounded, so that there are ties
    event = rng.random(60) < 0.6
    at = np.linspace(0.0, months.max(), 40)
    ours = kaplan_meier(months, event, at)
    assert ours == pytest.approx([product_limit(months, event, month) for month in at])


# --- a table of participants --------------------------------------------------------------------


def known_remissions(rows: list[dict[str, Any]], arm: str) -> tuple[np.ndarray, np.ndarray]:
    months, event = [], []
    for row in rows:
        if row["arm"] != arm or row["remission_month"] == "":
            continue
        relapsed = row["relapse_month"] != ""
        until = row["relapse_month"] if relapsed else row["last_contact_month"]
        lasted = until - row["remission_month"]
        if lasted > 36.0:  # the horizon of the endpoint
            lasted, relapsed = 36.0, False
        months.append(lasted)
        event.append(relapsed)
    return np.array(months), np.array(event, dtype=bool)


def test_curves_are_those_of_the_participants(
    design: Design, participants: list[dict[str, Any]]
) -> None:
    found = durability(participants, design, months=[0.0, *MONTHS])
    table = found.table.set_index(["arm", "month"])
    model = WeibullCure((2.0, 2.0), (12.0, 0.7), (1.2, 0.3))
    for arm in ("soc", "cart"):
        months, event = known_remissions(participants, arm)
        assert (table.loc[arm, "remitters"] == len(months)).all()
        assert (table.loc[arm, "relapses"] == event.sum()).all()
        fast = model.posterior(months[None], event[None], np.ones((1, len(months)), dtype=bool))
        for month in MONTHS:
            row = table.loc[(arm, month)]
            assert row["mean"] == pytest.approx(float(fast.remaining_mean(month)[0]), rel=1e-6)
            assert row["lower"] == pytest.approx(
                float(fast.remaining_quantile(month, 0.025)[0]), rel=1e-6
            )
            assert row["lower"] < row["mean"] < row["upper"]
            if month <= months.max(initial=0.0):
                assert row["kaplan_meier"] == pytest.approx(product_limit(months, event, month))
            elif len(months) and not event.all():
                assert np.isnan(row["kaplan_meier"])
        start = table.loc[(arm, 0.0)]
        assert start["mean"] == start["lower"] == start["upper"] == 1.0


def test_a_file_and_its_rows_are_one(design: Design, told: Story, tmp_path: Path) -> None:
    file = tmp_path / "participants.csv"
    file.write_text(told.participants_csv(), encoding="utf-8")
    from_file = durability(file, design, months=MONTHS).table
    from_rows = durability(told.participants, design, months=MONTHS).table
    assert from_file.equals(from_rows)


def test_earlier_looks_know_less_and_other_levels_are_wider(
    design: Design, participants: list[dict[str, Any]]
) -> None:
    late = durability(participants, design, months=MONTHS).table
    soon = durability(participants, design, months=MONTHS, date=16.0).table
    assert soon["remitters"].sum() < late["remitters"].sum()
    wide = durability(participants, design, months=MONTHS, level=0.99).table
    assert (wide["lower"] < late["lower"]).all()
    assert (wide["upper"] > late["upper"]).all()


def test_months_default_to_the_horizon(design: Design, participants: list[dict[str, Any]]) -> None:
    found = durability(participants, design)
    cart = found.table[found.table["arm"] == "cart"]
    assert list(cart["month"]) == [3.0 * step for step in range(13)]
    assert (np.diff(cart["mean"]) < 0.0).all()
    assert "kaplan_meier" in str(found)
    assert "<table" in found._repr_html_()


# --- a run ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_runs_own_trials_are_averaged(design: Design) -> None:
    result = ac.simulate(design, trials=8, seed=31, jobs=1, scenarios=["expected", "rapid_waning"])
    found = durability(result, trials=2, months=MONTHS)
    assert list(found.table["scenario"].unique()) == ["expected", "rapid_waning"]
    assert (found.table["trials"] == 2).all()
    rows = []
    model = WeibullCure((2.0, 2.0), (12.0, 0.7), (1.2, 0.3))
    pooled: list[tuple[np.ndarray, np.ndarray]] = []
    for trial in range(2):
        story = ac.example(design, scenario="rapid_waning", trial=trial, seed=31)
        months, event = known_remissions(story.participants, "cart")
        pooled.append((months, event))
        fast = model.posterior(months[None], event[None], np.ones((1, len(months)), dtype=bool))
        rows.append([float(fast.remaining_mean(month)[0]) for month in MONTHS])
    mine = found.table[
        (found.table["scenario"] == "rapid_waning") & (found.table["arm"] == "cart")
    ].reset_index()
    assert list(mine["mean"]) == pytest.approx(list(np.mean(rows, axis=0)), rel=1e-6)
    together = [np.concatenate(part) for part in zip(*pooled, strict=True)]
    assert mine["kaplan_meier"][0] == pytest.approx(product_limit(*together, 6.0))
    assert mine["remitters"][0] == pytest.approx(np.mean([len(m) for m, _ in pooled]))
    # the truth of this scenario: 15% cured, the others a Weibull of shape 2 and median 8
    hazard = np.log(2.0) * (np.array(MONTHS) / 8.0) ** 2.0
    truth = 0.15 + 0.85 * np.exp(-hazard)
    number = 2 * mine["remitters"][0]
    for true, value in zip(mine["true"], truth, strict=True):
        assert abs(true - value) < 4.0 * np.sqrt(value * (1.0 - value) / number)
    with pytest.raises(DesignError, match="averages over trials"):
        _ = found.posterior


def test_the_true_curve_is_that_of_each_arms_own_remitters(design: Design) -> None:
    plan, truth = Plan.of(design), truths_of(design)["conditioning_null"]
    zero = (0.0,) * len(plan.estimands)
    block = run_block(plan, truth, zero, latents_for(design, 5, 0, 6), keep_population=True)
    at = np.array([0.0, 6.0, 18.0])
    expected = []
    population = block.population
    assert population is not None
    assert population.course is not None
    for arm in range(2):
        lasted = []
        for trial in range(6):
            for who in range(int(block.randomised[trial].sum())):
                began = months_of(population.course)["remission"][trial, who]
                if population.arm[trial, who] == arm and np.isfinite(began):
                    lasted.append(months_of(population.course)["relapse"][trial, who] - began)
        assert len(lasted) > 5
        expected += [np.mean([month < lasts for lasts in lasted]) for month in at]
    assert true_curve(design, block, at) == pytest.approx(expected)


# --- PyMC, and what goes wrong -------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.reference
def test_pymc_draws_the_same_curves(design: Design, participants: list[dict[str, Any]]) -> None:
    found = durability(participants, design, months=MONTHS)
    reference = found.reference_table(seed=2)
    draws = found.fit(seed=2)
    for ours, theirs in zip(
        found.table.to_dict("records"), reference.to_dict("records"), strict=True
    ):
        assert (ours["arm"], ours["month"]) == (theirs["arm"], theirs["month"])
        # 4,000 draws worth at least 400: a mean within 4 of its errors, limits within three times
        spread = (ours["upper"] - ours["lower"]) / 4.0
        assert abs(ours["mean"] - theirs["mean"]) < 4.0 * spread / 400**0.5
        for limit in ("lower", "upper"):
            assert abs(ours[limit] - theirs[limit]) < 12.0 * spread / 400**0.5
    assert draws.diagnostics().r_hat < 1.01
    posterior = found.posterior
    assert "posterior" in str(posterior)


def test_problems_are_told(design: Design, participants: list[dict[str, Any]]) -> None:
    with pytest.raises(DesignError, match="participants need a design"):
        durability(participants)
    with pytest.raises(DesignError, match="no time_to_relapse endpoint is analysed"):
        durability(participants, Design(**raw_design("hello")))
    with pytest.raises(DesignError, match="did you mean 'relapse'"):
        durability(participants, design, endpoint="relaps")
    with pytest.raises(DesignError) as caught:
        durability(participants, design, months=[-1.0], trials=0, level=1.0)
    assert len(caught.value.problems) == 3
