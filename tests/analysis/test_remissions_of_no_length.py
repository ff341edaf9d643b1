"""A relapse in the month of its remission: common in records, and no proof that others last."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adaptive_cart.analysis.durability_curves import durability
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.models.durability.weibull_cure import WeibullCure
from adaptive_cart.models.durability.weibull_cure_reference import WeibullCureReference
from adaptive_cart.nouns.parts import ONE_DAY
from adaptive_cart.nouns.summaries import Durations
from adaptive_cart.participants.population import latents_for

MODEL = WeibullCure((1.0, 1.0), (9.0, 0.7), (1.2, 0.3))


def design(relapse: dict[str, Any] | None = None) -> Design:
    prior = {
        "cured": {"dist": "beta", "a": 1.0, "b": 1.0},
        "median_months": {"dist": "lognormal", "median": 9.0, "sigma": 0.7},
        "shape": {"dist": "lognormal", "median": 1.2, "sigma": 0.3},
    }
    onset = {"dist": "weibull", "shape": 1.5, "scale": 5.0}
    course = {
        "remission": {"probability": 0.6, "onset": onset},
        "durability": {
            "cured": 0.5,
            "relapse": relapse or {"dist": "exponential", "median": 9.0},
        },
    }
    question = {"endpoint": "relapse", "arm": "cart", "remains_at": 24, "above": 0.2}
    return Design(
        name="durations",
        arms={"soc": {"control": True}, "cart": {}},
        endpoints={
            "dfr": {"type": "landmark", "month": 12},
            "relapse": {"type": "time_to_relapse", "horizon": 36},
        },
        analysis={"relapse": {"model": "weibull_cure", "prior": prior}},
        enrolment={"max_n": 30, "per_month": 3},
        looks={"observed": [30]},
        rules=[
            {"name": "lasts", "then": "declare_success", "posterior": question, "at_least": 0.9}
        ],
        truth={"soc": course, "cart": course},
        scenarios={"only": {}},
    )


def table(lengths: list[float | None], onset: float = 3.2) -> list[dict[str, Any]]:
    """Remitters followed for 40 months, all from ``onset`` on; with a length, until relapse."""
    rows = []
    for number, length in enumerate(lengths):
        for arm in ("soc", "cart"):
            row: dict[str, Any] = {
                "participant": f"{arm}{number}",
                "arm": arm,
                "randomised_month": number / 10.0,
            }
            row |= {"infused_month": None, "rescue_month": None, "death_month": None}
            row |= {"remission_month": onset, "last_contact_month": 40.0}
            rows.append(row | {"relapse_month": None if length is None else onset + length})
    return rows


def remaining(lengths: list[float | None], onset: float = 3.2) -> float:
    """Posterior mean of the fraction of CAR-T remitters in remission at month 24."""
    found = durability(table(lengths, onset), design(), months=[24.0]).table
    return float(found[found["arm"] == "cart"]["mean"].iloc[0])


def test_no_length_is_no_other_than_one_day() -> None:
    """Nobody can see the difference, and the posterior sees none."""
    for number in (1, 3):
        rest: list[float | None] = [7.7, 14.1, None, None, None, None]
        none, day = (remaining([length] * number + rest) for length in (0.0, ONE_DAY))
        assert none == pytest.approx(day, abs=1e-9)
        assert remaining([1.5 * ONE_DAY] * number + rest) == pytest.approx(day, abs=0.01)


def test_by_whole_months_it_is_half_a_month_and_no_better_than_one_month() -> None:
    rest: list[float | None] = [7.0, 14.0, None, None, None, None]
    for number in (1, 4):
        none, half, one = (remaining([length] * number + rest, 3.0) for length in (0.0, 0.5, 1.0))
        assert none == pytest.approx(half, abs=1e-9)
        assert none == pytest.approx(one, abs=0.02)


def test_however_many_they_are_a_posterior_can_be_computed() -> None:
    """With one in a million of a month they drove it beyond what the lattice holds."""
    months = np.array([[0.0] * 8 + [20.0, 30.0]])
    lost = np.array([[True] * 8 + [False, False]])
    inside = np.ones_like(lost)
    posterior = MODEL.posterior(months, lost, inside)
    assert not posterior.failed.any()
    day = MODEL.posterior(np.where(months == 0.0, ONE_DAY, months), lost, inside)
    assert posterior.remaining_mean(24.0) == pytest.approx(day.remaining_mean(24.0))
    assert posterior.remaining_mean(24.0)[0] < 0.6


def test_the_reference_reads_them_alike() -> None:
    none = np.zeros((1, 2, 1), dtype=np.int64)
    lost = np.array([[True, False, False]])
    arm, stratum = np.array([[1, 1, 1]]), np.array([[0, 0, 0]])
    inside = np.ones_like(lost)
    months = np.array([[0.0, 0.0, 5.0]])
    summary = Durations(months, lost, inside, arm, stratum, none, none, 0.0 * none)
    data = WeibullCureReference(MODEL, ("soc", "cart")).data(summary)
    # an end of follow-up at once says nothing, wherever it is put
    np.testing.assert_array_equal(data["months"], [ONE_DAY, 1e-6, 5.0])


def test_a_truth_in_which_every_relapse_comes_at_once_runs() -> None:
    told = design({"dist": "fixed", "value": 0.0})
    plan = Plan.of(told)
    nothing = (0.0,) * len(plan.estimands)
    block = run_block(plan, truths_of(told)["only"], nothing, latents_for(told, 1, 0, 10))
    asked = block.looks[0].probabilities["lasts"]
    assert not np.isnan(asked).any()
