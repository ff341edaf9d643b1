"""Scores of those who left, drawn from the control's: participant by participant, by least squares.

The slow twin is written from Carpenter, Roger and Kenward (2013) as docs/semantics.md reads them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.nouns.scored import Scored
from adaptive_cart.nouns.summaries import Scores
from adaptive_cart.results.estimand import true_values
from endpoints.test_continuous import block, design

Person = dict[str, Any]
VISITS = (1.0, 3.0, 6.0)
WAYS = ("jump_to_reference", "copy_reference", "copy_increments_in_reference")


def people(found: Any, look: Any, trial: int) -> list[Person]:
    """Everybody whose month has passed, or who was in at all: what was seen of each by the look."""
    population = found.population
    scored = population.outcomes["mgadl"]
    assert isinstance(scored, Scored)
    rows = []
    for j in range(look.randomised[trial].sum()):
        follow = look.date[trial] - population.arrival[trial, j]
        stays = population.dropout[trial, j]
        values = [float(value[trial, j]) for value in scored.values]
        seen = sum(month <= min(follow, stays) for month in VISITS)
        rows.append(
            {
                "group": (int(population.arm[trial, j]), int(population.stratum[trial, j])),
                "values": values[: 1 + seen],
                "left": follow >= VISITS[-1] > stays,
                "uniform": population.imputations["mgadl"][trial, j],
            }
        )
    return rows


def fitted(rows: list[Person], before: int, place: int) -> tuple[Any, Any, list[Any], int]:
    """Least squares of the value in a place on the first so many: a mean for every group."""
    seen = [row for row in rows if len(row["values"]) > place]
    groups = sorted({row["group"] for row in seen})
    x = np.array(
        [[float(row["group"] == g) for g in groups] + row["values"][:before] for row in seen]
    )
    y = np.array([row["values"][place] for row in seen])
    beta, *_ = np.linalg.lstsq(x, y, rcond=None)
    freedom = len(y) - np.linalg.matrix_rank(x)
    scale = np.linalg.pinv(x.T @ x) * ((y - x @ beta) ** 2).sum() / max(freedom, 1)
    return beta, scale, groups, int(freedom)


def imputed(way: str, rows: list[Person], person: Person) -> float | None:
    """The last score of one who left, or nothing where the control tells nothing of it."""
    (arm, stratum), values = person["group"], list(person["values"])
    before = 1 if way == "jump_to_reference" else len(values)
    back = 0.0
    if way == "copy_increments_in_reference":
        for place in range(1, before):
            beta, _, groups, _ = fitted(rows, 1, place)
            if (0, stratum) not in groups:
                return None
            back = beta[groups.index((arm, stratum))] - beta[groups.index((0, stratum))]
            values[place] -= back
    beta, scale, groups, freedom = fitted(rows, before, len(VISITS))
    if (0, stratum) not in groups or freedom < 1:
        return None
    x = np.array([float(g == (0, stratum)) for g in groups] + values[:before])
    seen = [row["values"] for row in rows if len(row["values"]) > len(VISITS)]
    residual = scale_of_one(rows, before, seen, freedom)
    spread = np.sqrt(residual + x @ scale @ x)
    return float(x @ beta + spread * stats.t.ppf(person["uniform"], freedom) + back)


def scale_of_one(rows: list[Person], before: int, seen: list[Any], freedom: int) -> float:
    """Variance of one score about the fit."""
    beta, _, groups, _ = fitted(rows, before, len(VISITS))
    whole = [row for row in rows if len(row["values"]) > len(VISITS)]
    x = np.array(
        [[float(row["group"] == g) for g in groups] + row["values"][:before] for row in whole]
    )
    y = np.array([values[-1] for values in seen])
    return float(((y - x @ beta) ** 2).sum() / freedom)


@pytest.mark.parametrize("way", WAYS)
def test_who_left_is_drawn_as_the_twin_draws(way: str) -> None:
    found = block(design(missing=way), 12)
    drawn = 0
    for look in found.looks:
        summary = look.summaries["mgadl"]
        assert isinstance(summary, Scores)
        assert summary.products.shape[3:] == (1, 3, 3)
        for trial in np.flatnonzero(look.held):
            rows = people(found, look, trial)
            slow = np.zeros(summary.products.shape[1:])
            for person in rows:
                last = person["values"][-1] if len(person["values"]) > len(VISITS) else None
                if person["left"]:
                    last = imputed(way, rows, person)
                    drawn += last is not None
                if last is not None:
                    vector = np.array([1.0, person["values"][0], last])
                    slow[person["group"]][0] += np.outer(vector, vector)
            np.testing.assert_allclose(summary.products[trial], slow, rtol=1e-9, atol=1e-7)
    assert drawn > 60


@pytest.mark.parametrize("way", WAYS)
def test_the_true_change_is_that_of_participants_who_leave_as_the_words_say(way: str) -> None:
    """A million participants of the mild stratum, from the means and covariances of the truth."""
    one = design(missing=way)
    generator, number = np.random.default_rng(3), 1_000_000
    sd = {0: np.array([3, 2, 2.5, 3]), 1: np.array([3.0, 2, 2, 2])}
    mean = {0: 9 + np.array([0, -0.5, -0.8, -1]), 1: 9 + np.array([0.0, -2, -3, -4])}
    correlation = {0: 0.6, 1: -0.2}
    covariance = {
        arm: np.outer(sd[arm], sd[arm]) * (correlation[arm] + (1 - correlation[arm]) * np.eye(4))
        for arm in (0, 1)
    }
    values = generator.multivariate_normal(mean[1], covariance[1], number)
    leaves = generator.exponential(12.0 / 0.5, number)
    change = values[:, 3] - values[:, 0]
    for seen, (since, until) in enumerate([(0.0, 1.0), (1.0, 3.0), (3.0, 6.0)]):
        who = (since <= leaves) & (leaves < until)
        here = values[who]
        before = slice(0, 1 if way == "jump_to_reference" else seen + 1)
        slopes = np.linalg.solve(covariance[0][before, before], covariance[0][before, 3])
        expected = np.array(mean[1]) if way.startswith("copy_incr") else np.array(mean[0])
        after = mean[0][3]
        if way.startswith("copy_incr"):
            after = mean[1][seen] + mean[0][3] - mean[0][seen]
        change[who] = after + (here[:, before] - expected[before]) @ slopes - here[:, 0]
    true = true_values(one, one.truths["works"]).by_stratum["mgadl"]
    mcse = change.std() / np.sqrt(number)
    assert true[1][0].value == pytest.approx(change.mean(), abs=4 * mcse)
    assert true[0][0].value == pytest.approx(-1.0)


def test_what_was_gained_is_lost_fades_or_stays() -> None:
    lost, fades, stays = (
        true_values(one, one.truths["works"]).by_stratum["mgadl"][1][0].value
        for one in (design(missing=way) for way in WAYS)
    )
    assert -4.0 < stays < fades < lost < -3.0
