"""Relapses between two visits: the fast cure model against sums over a dense grid, and in PyMC."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adaptive_cart.models import ANALYSES
from adaptive_cart.models.durability.weibull_cure import WeibullCure
from adaptive_cart.nouns.attendance import DrawnAttendance
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Durations, SeenDurations
from checks import median_mean
from tests.models.test_weibull_cure import (
    EXAMPLE,
    MONTHS,
    VAGUE_SHAPE,
    VALUES,
    DenseGrid,
    remitters,
)

PRIOR = {
    "cured": {"dist": "beta", "a": 2.0, "b": 2.0},
    "median_months": {"dist": "lognormal", "median": 12.0, "sigma": 0.7},
    "shape": {"dist": "lognormal", "median": 1.2, "sigma": 0.3},
}


def at_visits(seed: int, number: int, every: float, missed: float, **how: float) -> dict[str, Any]:
    """Remitters, each with the last visit in remission and, of who relapsed, the first without."""
    months, relapsed = remitters(seed, number, **how)
    lost = np.where(relapsed, months, np.inf)[None]
    uniform = np.random.default_rng([seed, 1]).random((1, number))
    attendance = DrawnAttendance(every, every, None, uniform, missed)
    seen = attendance.first_from(lost)
    last = attendance.last_by(np.where(relapsed, 60.0, months)[None])[0]
    event = relapsed & (seen[0] <= 60.0)
    return {
        "event": event,
        "first": np.where(event, attendance.before(seen)[0], 0.0),
        "last": np.where(event, seen[0], last),
    }


def posterior(model: WeibullCure, data: dict[str, Any]) -> Any:
    half = np.where(data["event"], (data["last"] - data["first"]) / 2.0, 0.0)
    middle = (data["last"] - half)[None]
    inside = np.ones_like(data["event"])[None]
    return model.posterior(middle, data["event"][None], inside, half[None])


@pytest.mark.parametrize(
    ("model", "number", "every", "missed", "how"),
    [
        (EXAMPLE, 12, 1.0, 0.2, {}),
        (EXAMPLE, 25, 6.0, 0.0, {"median": 6.0, "cured": 0.2}),  # many from remission itself on
        (EXAMPLE, 8, 6.0, 0.3, {"median": 2.0, "cured": 0.0}),  # all lost by the first visits
        (VAGUE_SHAPE, 25, 3.0, 0.2, {"median": 6.0, "shape": 2.0}),
    ],
)
def test_relapses_between_visits_against_the_statement(
    model: WeibullCure, number: int, every: float, missed: float, how: dict[str, float]
) -> None:
    data = at_visits(3, number, every, missed, **how)
    assert 2 <= data["event"].sum() <= 25
    slow = DenseGrid(model, data["last"], data["event"], since=data["first"])
    fast = posterior(model, data)
    assert not fast.failed[0]
    assert abs(fast.cured_mean()[0] - slow.cured_mean()) < 2e-4
    assert median_mean(fast)[0] == pytest.approx(slow.median_mean(), rel=2e-3)
    for month in MONTHS:
        assert abs(fast.remaining_mean(month)[0] - slow.remaining_mean(month)) < 2e-4
        for value in VALUES:
            exact = slow.remaining_above(month, value)
            assert abs(fast.remaining_above(month, value)[0] - exact) < 0.002


def test_dated_at_the_visit_it_is_another_posterior() -> None:
    """What the test above would not notice if intervals were ignored."""
    data = at_visits(3, 25, 6.0, 0.0, median=6.0, cured=0.2)
    exact = posterior(EXAMPLE, data).remaining_mean(6.0)[0]
    inside = np.ones_like(data["event"])[None]
    dated = EXAMPLE.posterior(data["last"][None], data["event"][None], inside)
    assert abs(dated.remaining_mean(6.0)[0] - exact) > 0.02


def test_a_relapse_of_no_width_is_dated() -> None:
    months, relapsed = remitters(5, 30)
    inside = np.ones_like(relapsed)[None]
    dated = EXAMPLE.posterior(months[None], relapsed[None], inside)
    between = EXAMPLE.posterior(months[None], relapsed[None], inside, np.zeros((1, 30)))
    for month in MONTHS:
        assert between.remaining_mean(month) == pytest.approx(dated.remaining_mean(month), abs=1e-6)
        assert between.remaining_above(month, 0.5) == pytest.approx(
            dated.remaining_above(month, 0.5), abs=2e-4
        )


def test_neither_order_nor_company_matters() -> None:
    data = at_visits(3, 25, 3.0, 0.2)
    order = np.random.default_rng(1).permutation(25)
    mixed = {name: values[order] for name, values in data.items()}
    one, other = posterior(EXAMPLE, data), posterior(EXAMPLE, mixed)
    assert one.remaining_above(12.0, 0.5)[0] == other.remaining_above(12.0, 0.5)[0]
    nobody = {name: np.zeros_like(values) for name, values in data.items()}
    half = np.where(data["event"], (data["last"] - data["first"]) / 2.0, 0.0)
    middles, halves = np.stack([nobody["last"], data["last"] - half]), np.stack([0 * half, half])
    events = np.stack([nobody["event"], data["event"]])
    inside = np.array([[False] * 25, [True] * 25])
    both = EXAMPLE.posterior(middles, events, inside, halves)
    assert both.remaining_above(12.0, 0.5)[1] == one.remaining_above(12.0, 0.5)[0]


def summary(data: dict[str, Any], late: float = 0.0) -> SeenDurations:
    number = len(data["event"])
    one = np.zeros((1, number), dtype=np.int8)
    everybody = np.ones((1, number), dtype=np.bool_)
    dated = Durations.of(data["last"][None], data["event"][None], everybody, one, one, (1, 1))
    return SeenDurations.seen_since(dated, data["first"][None], np.full((1, number), late))


def test_the_table_asks_for_intervals() -> None:
    data = at_visits(3, 25, 6.0, 0.0, median=6.0, cured=0.2)
    question = Question("relapse", 0, kind="remaining", month=6.0, value=0.5)
    found = {}
    for intervals in (None, True):
        analysis = ANALYSES["weibull_cure"](model="weibull_cure", prior=PRIOR, intervals=intervals)
        fitted = analysis.fitted(("cart",), (1.0,))
        seen = analysis.dated(summary(data))
        found[intervals] = analysis.posterior(fitted, seen, None).probability(question)[0]
    assert found[True] == posterior(EXAMPLE, data).remaining_above(6.0, 0.5)[0]
    assert abs(found[None] - found[True]) > 0.02


def test_what_the_clock_begins_with_is_put_at_the_middle_too() -> None:
    data = at_visits(3, 25, 6.0, 0.0, median=6.0)
    plain, later = summary(data).in_the_middle(), summary(data, late=0.5).in_the_middle()
    assert np.allclose(later.months, plain.months + 0.5)
    assert np.allclose(later.exposure, plain.exposure + 0.5 * 25)
    assert np.array_equal(later.half, plain.half)
    assert np.allclose(later.earlier(), 0.5)


@pytest.mark.slow  # a minute
@pytest.mark.reference
def test_pymc_has_the_likelihood_of_the_intervals() -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    data = at_visits(3, 25, 6.0, 0.0, median=6.0, cured=0.2)
    analysis = ANALYSES["weibull_cure"](model="weibull_cure", prior=PRIOR, intervals=True)
    face = analysis.reference(("cart",), ("",), (1.0,))
    seen = analysis.dated(summary(data))
    # one that is known at its moment stays dated
    half = seen.half.copy()
    half[0, np.flatnonzero(data["event"])[0]] = 0.0
    seen = replace(seen, half=half)
    table = face.data(seen)
    assert len(table["first"]) == data["event"].sum() - 1
    assert table["relapsed"].sum() == 1.0
    fit, trouble = fitted_carefully(Compiled(face, table), table, seed=3, draws=4_000)
    assert not trouble
    question = Question("relapse", 0, kind="remaining", month=6.0, value=0.5)
    above = face.quantity(fit.draws, question, None) > 0.5
    found, error = mean_and_error(above.astype(np.float64))
    exact = EXAMPLE.posterior(seen.months, seen.event, seen.included, seen.half).remaining_above(
        6.0, 0.5
    )[0]
    assert abs(found - exact) < 4.0 * error + 0.002
