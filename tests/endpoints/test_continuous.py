"""A score at visits: what a look sees of it, participant by participant, and what is true of it."""

from __future__ import annotations

import copy
import tomllib
from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, run_block
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.scored import Scored
from adaptive_cart.nouns.summaries import Scores
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.estimand import true_values

RAW = tomllib.loads("""
name = "A score beside a response"
[arms.soc]
control = true
[arms.cart]
product = "autologous"
[strata]
mild = 0.4
hard = 0.6
[endpoints.dfr]
type = "landmark"
month = 9
[endpoints.mgadl]
type = "continuous"
visits = [1.0, 3.0, 6.0]
better = "lower"
[enrolment]
max_n = 60
per_month = 5
[looks]
observed = [20, 60]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
at_least = 0.995
[truth]
dropout.per_year = 0.5
dfr = { soc = 0.1, cart = 0.1 }
[truth.mgadl]
soc = { baseline = { mean = 9, sd = 3 }, change = [-0.5, -0.8, -1], sd = [2, 2.5, 3], correlation = 0.6 }
cart.mild = { baseline = { mean = 9, sd = 3 }, change = [-2, -3, -4], sd = [2, 2, 2], correlation = -0.2 }
cart.hard = { baseline = { mean = 12, sd = 2 }, change = [-1, -2, -3], sd = [2, 2, 2], correlation = 0.5 }
[scenarios.works]
""")  # noqa: E501
TRIALS = 40


def design(**settings: Any) -> Design:
    raw = copy.deepcopy(RAW)
    raw["endpoints"]["mgadl"] |= settings
    return Design(**raw)


def block(of: Design, trials: int = TRIALS) -> Block:
    latents = latents_for(of, 7, 0, trials)
    return run_block(Plan.of(of), of.truths["works"], (0.25,), latents, keep_population=True)


def people(found: Block, look: Any, trial: int, months: tuple[float, ...]) -> list[dict[str, Any]]:
    """Who is in at a look, with the scores seen at each of the months by then."""
    population = found.population
    assert population is not None
    assert population.dropout is not None
    assert population.stratum is not None
    scored = population.outcomes["mgadl"]
    assert isinstance(scored, Scored)
    rows = []
    for j in range(look.randomised[trial].sum()):
        follow = look.date[trial] - population.arrival[trial, j]
        stays = population.dropout[trial, j]
        baseline, *scores = (float(value[trial, j]) for value in scored.values)
        seen = [
            score
            for month, score in zip((1.0, 3.0, 6.0), scores, strict=True)
            if month in months and month <= follow and month <= stays
        ]
        group = population.arm[trial, j], population.stratum[trial, j]
        left = months[-1] <= follow and stays < months[-1]
        rows.append({"group": group, "vector": [1.0, baseline, *seen], "left": left})
    return rows


@pytest.mark.parametrize("months", [(1.0, 3.0, 6.0), (1.0, 3.0)])
def test_a_look_sums_products_of_those_seen_at_each_visit(months: tuple[float, ...]) -> None:
    found = block(design(month=months[-1]))
    for look in found.looks:
        seen = look.summaries["mgadl"]
        assert isinstance(seen, Scores)
        assert seen.products.shape == (TRIALS, 2, 2, len(months), len(months) + 2, len(months) + 2)
        for trial in np.flatnonzero(look.held):
            slow = np.zeros(seen.products.shape[1:])
            missing = np.zeros((2, 2), dtype=int)
            for person in people(found, look, trial, months):
                missing[person["group"]] += person["left"]
                for visit in range(len(person["vector"]) - 2):
                    vector = np.zeros(len(months) + 2)
                    vector[: visit + 3] = person["vector"][: visit + 3]
                    slow[person["group"]][visit] += np.outer(vector, vector)
            np.testing.assert_allclose(seen.products[trial], slow, rtol=1e-12, atol=1e-9)
            np.testing.assert_array_equal(seen.missing[trial], missing)
            columns = seen.columns()
            whole = [p for p in people(found, look, trial, months)
                     if len(p["vector"]) == len(months) + 2 and p["group"] == (1, 1)]  # fmt: skip
            changes = np.array([p["vector"][-1] - p["vector"][1] for p in whole])
            assert columns["analysed"][trial, 1, 1] == len(changes)
            assert columns["change"][trial, 1, 1] == pytest.approx(changes.sum())
            assert columns["squares"][trial, 1, 1] == pytest.approx((changes**2).sum())
    assert found.looks[0].summaries["mgadl"].analysed.any()


def test_scores_have_the_means_the_spread_and_the_correlation_of_the_scenario() -> None:
    found = block(design(), 2000)
    population = found.population
    assert population is not None
    assert population.stratum is not None
    scored = population.outcomes["mgadl"]
    assert isinstance(scored, Scored)
    values = np.stack(scored.values)
    for arm, stratum, mean, sd, correlation in (
        (0, 0, [9, 8.5, 8.2, 8], [3, 2, 2.5, 3], 0.6),
        (0, 1, [9, 8.5, 8.2, 8], [3, 2, 2.5, 3], 0.6),
        (1, 0, [9, 7, 6, 5], [3, 2, 2, 2], -0.2),
        (1, 1, [12, 11, 10, 9], [2, 2, 2, 2], 0.5),
    ):
        own = values[:, (population.arm == arm) & (population.stratum == stratum)]
        near = 5.0 / np.sqrt(own.shape[1])
        np.testing.assert_allclose(own.mean(axis=1), mean, atol=near * 3.0)
        np.testing.assert_allclose(own.std(axis=1), sd, rtol=near)
        apart = np.corrcoef(own)[np.triu_indices(4, 1)]
        np.testing.assert_allclose(apart, correlation, atol=near)


def test_true_changes_are_those_of_who_is_counted() -> None:
    stays = np.exp(-0.5 * 6.0 / 12.0)
    for settings, control, mild in (
        ({}, -1.0, -4.0),
        ({"month": 3.0}, -0.8, -3.0),
        ({"missing": "worst_case", "worst": 20.0}, -stays + (1 - stays) * 11.0,
         -4.0 * stays + (1 - stays) * 11.0),
        ({"missing": "jump_to_reference"}, -1.0, -4.0 * stays - (1 - stays)),
    ):  # fmt: skip
        one = design(**settings)
        true = true_values(one, one.truths["works"]).by_stratum["mgadl"]
        assert true[0][0].value == pytest.approx(control)
        assert true[1][0].value == pytest.approx(mild)


def test_the_worst_case_is_given_to_those_who_left() -> None:
    found = block(design(missing="worst_case", worst=20.0))
    look = found.looks[-1]
    seen = look.summaries["mgadl"]
    assert isinstance(seen, Scores)
    assert seen.products.shape[3:] == (1, 3, 3)
    for trial in np.flatnonzero(look.held):
        slow = np.zeros(seen.products.shape[1:])
        for person in people(found, look, trial, (6.0,)):
            vector = (
                person["vector"] if len(person["vector"]) == 3 else [1, person["vector"][1], 20]
            )
            if len(person["vector"]) == 3 or person["left"]:
                slow[person["group"]][0] += np.outer(vector, vector)
        np.testing.assert_allclose(seen.products[trial], slow, rtol=1e-12)
        assert seen.missing[trial].sum() > 0


def test_who_left_is_drawn_as_the_control_would_have_it() -> None:
    """On average over trials, those drawn have the mean and the spread of the control's change."""
    jumped, staying = design(missing="jump_to_reference"), design()
    drawn, seen = (
        block(one, 1500).looks[-1].summaries["mgadl"].columns() for one in (jumped, staying)
    )
    missing = drawn["missing"]
    assert (drawn["analysed"] == seen["analysed"] + missing).all()
    for stratum, baseline in ((0, 9.0), (1, 12.0)):
        number = missing[:, 1, stratum].sum()
        change = (drawn["change"] - seen["change"])[:, 1, stratum].sum() / number
        # the slope of the change on baseline is that of all arms, which differ in it here
        slope = (change + 1.0) / (baseline - 9.0) if stratum else 0.0
        assert change == pytest.approx(-1.0, abs=0.15) if not stratum else -0.9 < slope < -0.3


BAD = {
    "visits.1": ({"visits": [3.0, 1.0]}, "'visits' are 3, 1; each must come after the one before"),
    "month": ({"month": 4.0}, "month: found 4, and the visits are 1, 3, 6; one of them"),
    "worst": ({"missing": "worst_case"}, "needs `worst`, the score of those missing"),
    "without": ({"worst": 3.0}, "`worst` is read where `missing"),
}


@pytest.mark.parametrize("case", BAD)
def test_settings_that_do_not_fit_are_refused(case: str) -> None:
    settings, message = BAD[case]
    with pytest.raises(DesignError) as refused:
        design(**settings)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"change": [1.0, 2.0]}, "'change' has 2 and 'sd' has 3 numbers"),
        ({"change": [1.0], "sd": [1.0]}, "`change` has 1 numbers, and there are 3 visits"),
        ({"correlation": -0.4}, "correlation: found -0.4; of 4 values"),
        ({"correlation": [[1.0, 0.2], [0.2, 1.0]]}, "4 rows of 4 numbers"),
        ({"correlation": [[1.0, 0.9, 0.0, 0.0], [0.9, 1.0, 0.9, 0.0], [0.0, 0.9, 1.0, 0.0],
                          [0.0, 0.0, 0.0, 1.0]]}, "is not positive definite"),
        ({"correlation": [[1.0, 0.9, 0.0, 0.0], [0.8, 1.0, 0.9, 0.0], [0.0, 0.9, 1.0, 0.0],
                          [0.0, 0.0, 0.0, 1.0]]}, "is not symmetric"),
    ],
)  # fmt: skip
def test_a_truth_that_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    raw = copy.deepcopy(RAW)
    raw["truth"]["mgadl"]["soc"] |= change
    with pytest.raises(DesignError) as refused:
        Design(**raw)
    assert message in str(refused.value)
    assert "truth.mgadl.soc" in str(refused.value)
