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
from adaptive_cart.nouns.records import Snapshot
from adaptive_cart.nouns.scored import Scored
from adaptive_cart.nouns.summaries import Scores
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.file import ParticipantsError, read_participants
from adaptive_cart.recorded.table import participants_table
from adaptive_cart.recorded.template import columns_for
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
    "missing": (
        {"missing": "jump"},
        "missing: found \"jump\" (did you mean 'jump_to_reference'?); allowed: at_random, "
        "worst_case, jump_to_reference, copy_reference, copy_increments_in_reference",
    ),
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


def test_what_is_true_of_one_arm_is_no_truth_of_the_endpoint() -> None:
    raw = copy.deepcopy(RAW)
    raw["scenarios"]["works"]["mgadl"] = dict(RAW["truth"]["mgadl"]["soc"])
    with pytest.raises(DesignError) as refused:
        Design(**raw)
    assert str(refused.value) == (
        "scenarios.works.mgadl: found what is true of one arm; a value for each arm is expected: "
        "{ soc = …, cart = … }"
    )


def test_its_columns_are_written_and_read_back() -> None:
    one = design()
    found = block(one, 2)
    assert found.population is not None
    rows = participants_table(one, found.population, 0, 9.0, 45)
    again = read_participants(rows, one)
    columns = ["mgadl_baseline", "mgadl_month_1", "mgadl_month_3", "mgadl_month_6"]
    assert [column for column in columns_for(one) if "mgadl" in column] == columns
    written = [[np.nan if row[c] == "" else row[c] for c in columns] for row in rows]
    np.testing.assert_array_equal(again.outcomes["mgadl"], written)
    assert np.isnan(written).any()
    # a look on the table is the look on the trial
    looks = []
    for population in (found.population, again.population(9.0)):
        look = Snapshot(np.full(population.trials, 9.0), np.full(population.trials, 45), population)
        endpoint = one.endpoints["mgadl"]
        looks.append(
            endpoint.summary(endpoint.prepare("mgadl", population), look).rows(np.array([0]))
        )
    np.testing.assert_allclose(looks[0].products, looks[1].products, rtol=1e-12)
    np.testing.assert_array_equal(looks[0].missing, looks[1].missing)


def test_a_table_is_told_what_is_wrong_with_its_scores_and_gaps_lie_on_a_line() -> None:
    one = design()
    found = block(one, 2)
    assert found.population is not None
    rows = participants_table(one, found.population, 0, 30.0, 60)
    whole = next(row for row in rows if row["mgadl_month_6"] != "")
    at = rows.index(whole)
    whole["mgadl_month_1"] = ""
    again = read_participants(rows, one)
    line = whole["mgadl_baseline"] + (whole["mgadl_month_3"] - whole["mgadl_baseline"]) / 3.0
    prepared = one.endpoints["mgadl"].prepare("mgadl", again.population(30.0))
    assert prepared.vector[1][0, at] == pytest.approx(line)
    assert prepared.known is not None  # from the later visit on
    assert [float(month[0, at]) for month in prepared.known] == [3.0, 3.0, 6.0]
    assert "mgadl: 1 between two that are not blank, taken on the line" in " ".join(again.notes)
    whole["mgadl_month_3"] = "good"
    gone = next(row for row in rows if row["mgadl_month_6"] == "")
    gone["mgadl_month_6"] = 4.0
    with pytest.raises(ParticipantsError) as refused:
        read_participants(rows, one)
    assert "mgadl_month_3: found 'good'; a number or blank is expected" in str(refused.value)
    assert "mgadl_month_6: found 4.0, the outcome at month 6; but" in str(refused.value)


def test_who_was_not_seen_may_be_read_as_keeping_the_last_score() -> None:
    values = np.array([[9.0, 7.0, np.nan, np.nan], [8.0, np.nan, np.nan, np.nan]])
    direct = design().endpoints["mgadl"].direct
    assert direct is not None
    scored = direct.recorded(values, lambda column, _: column[None], np.array([True, False]))
    assert isinstance(scored, Scored)
    kept = np.stack([value[0] for value in scored.values], axis=1)
    np.testing.assert_array_equal(kept, [[9.0, 7.0, 7.0, 7.0], [8.0, *[np.nan] * 3]])


SCORE = {"baseline": {"mean": 9.0, "sd": 0.5}, "in_remission": -6.0, "otherwise": -1.0, "sd": 0.5,
         "correlation": 0.3}  # fmt: skip
ONSET = {"dist": "lognormal", "median": 2.0, "sigma": 0.5}


def by_state(**settings: Any) -> dict[str, Any]:
    """The same score, from the state of a course in which some are in remission at a visit."""
    raw = copy.deepcopy(RAW)
    raw["endpoints"] = {"mgadl": raw["endpoints"]["mgadl"] | settings}
    raw["analysis"] = {"mgadl": {"model": "normal"}}
    raw["rules"][0]["posterior"] |= {"endpoint": "mgadl", "above": -1.0}
    course = {
        "remission": {"probability": 0.6, "onset": ONSET},
        "durability": {"cured": 0.3, "relapse": {"dist": "exponential", "median": 3.0}},
        "dropout": {"per_year": 0.5}, "death": {"per_year": 0.2}, "scores": {"mgadl": SCORE},
    }  # fmt: skip
    raw["truth"] = {"soc": copy.deepcopy(course), "cart": copy.deepcopy(course)}
    return raw


def test_a_score_follows_the_state_at_the_visit() -> None:
    one = Design(**by_state())
    latents = latents_for(one, 7, 0, 60)
    found = run_block(Plan.of(one), one.truths["works"], (0.0,), latents, keep_population=True)
    assert found.population is not None
    course, scored = found.population.course, found.population.outcomes["mgadl"]
    assert course is not None
    assert isinstance(scored, Scored)
    changes: dict[tuple[float, bool], list[float]] = {}
    for trial in range(60):
        for j in range(60):
            for month, value in zip((1.0, 3.0, 6.0), scored.values[1:], strict=True):
                inside = any(
                    spell.began[trial, j] <= month < spell.ended[trial, j]
                    for spell in course.spells
                )
                change = value[trial, j] - scored.values[0][trial, j]
                changes.setdefault((month, inside), []).append(change)
    for (_, inside), own in changes.items():
        near = 5.0 * 0.6 / np.sqrt(len(own))
        assert np.mean(own) == pytest.approx(-6.0 if inside else -1.0, abs=near)
    assert len(changes) == 6
    # the true value is that of everybody, had nobody left
    share = np.mean(
        [inside for (month, inside), own in changes.items() for _ in own if month == 6.0]
    )
    true = true_values(one, one.truths["works"]).by_arm["mgadl"][1]
    assert true.value == pytest.approx(-1.0 - 5.0 * share, abs=0.2)
    assert 0.0 < true.mcse < 0.01


def test_a_course_says_a_score_of_every_arm_and_no_jump_to_the_reference() -> None:
    raw = by_state(missing="jump_to_reference")
    del raw["truth"]["cart"]["scores"]
    del raw["truth"]["soc"]["scores"]["mgadl"]["sd"]
    with pytest.raises(DesignError) as refused:
        Design(**raw)
    said = str(refused.value)
    assert "truth.cart.scores.mgadl: missing" in said
    assert "truth.soc.scores.mgadl.sd: missing" in said
    assert "endpoints.mgadl.missing: needs the change of the control had all stayed" in said


@pytest.mark.parametrize(("better", "lowest"), [("lower", True), ("higher", False)])
def test_the_best_arm_is_the_one_whose_scores_are_better(better: str, lowest: bool) -> None:
    raw = copy.deepcopy(RAW)
    raw["endpoints"]["mgadl"]["better"] = better
    raw["analysis"] = {"mgadl": {"model": "normal"}}
    asked = {"endpoint": "mgadl", "arm": "cart", "best": True}
    raw["rules"] = [{"name": "best", "then": "declare_success", "posterior": asked, "below": 0.5}]
    one = Design(**raw)
    assert one.order_of("mgadl", one.rules[0].posterior) == ("level", lowest)
