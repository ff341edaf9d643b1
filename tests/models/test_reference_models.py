"""The PyMC face of every model against its fast face, on small tables and at the edges.

Probabilities and means agree within four Monte Carlo standard errors of the draws, plus 0.002 (of
the mean's own size where it is larger than 1) for what the standard error of a few thousand draws
does not know about itself and for the fast faces' own error (at most 6e-4 with these priors).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adaptive_cart.models import ANALYSES
from adaptive_cart.models.base import holds
from adaptive_cart.nouns.questions import ALL, OPEN, Category, Cut, Question
from adaptive_cart.nouns.summaries import Categories, Counts, Durations, Exposure, Means, Scores

reference = pytest.mark.reference

SEED = 20261122
DRAWS = 4_000  # of each of four chains
ARMS = ("soc", "cart", "mrna")
STRATA = ("sle", "ssc")
SHARES = (0.7, 0.3)


def counts(*trials: tuple[list[list[int]], list[list[int]]]) -> Counts:
    successes = np.array([trial[0] for trial in trials])
    totals = np.array([trial[1] for trial in trials])
    return Counts(successes, totals, np.zeros_like(totals), totals)


def categories(*trials: list[list[list[int]]]) -> Categories:
    """Trials by arm, stratum and category."""
    seen = np.array(trials)
    none = np.zeros(seen.shape[:3], dtype=np.int64)
    return Categories(seen, none, seen.sum(axis=-1), ("dead", "bad", "good"), (0.0, 50.0, 100.0))


def durations(*trials: tuple[list[float], list[int], list[int]], arms: int = 2) -> Durations:
    """Trials of (months, event, arm), filled with nonsense that is not included."""
    width = max(len(trial[0]) for trial in trials) + 2
    shape = (len(trials), width)
    months, event = np.full(shape, np.nan), np.ones(shape, dtype=np.bool_)
    inside, arm = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.int8)
    for trial, (time, ended, of) in enumerate(trials):
        here = slice(1, 1 + len(time))  # not flush left, so that positions have to be respected
        months[trial, here], event[trial, here] = time, np.array(ended, dtype=np.bool_)
        arm[trial, here], inside[trial, here] = of, True
    nothing = np.zeros((len(trials), arms, 2), dtype=np.int64)
    time = nothing.astype(np.float64)
    stratum = np.broadcast_to((np.arange(width) % 3 == 0).astype(np.int8), shape)
    return Durations(months, event, inside, arm, stratum, nothing, nothing, time)


def sums(*trials: list[tuple[int, int, float, float]]) -> np.ndarray[Any, Any]:
    """Sums of products of scores, from arm, stratum, baseline and score of everybody."""
    products = np.zeros((len(trials), 3, 2, 1, 3, 3))
    for trial, people in enumerate(trials):
        for arm, stratum, *values in people:
            products[trial, arm, stratum, 0] += np.outer([1.0, *values], [1.0, *values])
    return products


def asked(*questions: dict[str, Any]) -> list[Question]:
    return [Question("endpoint", **question) for question in questions]


RNG = np.random.default_rng(SEED)
CURE = np.minimum(RNG.weibull(1.3, 60) * 14.0, RNG.uniform(2.0, 40.0, 60))
CURE_EVENT = (CURE < 18.0) & (RNG.random(60) < 0.6)
PIECES = RNG.exponential(9.0, 50)

# model -> (table of the design, summary, open strata by trial, questions)
CASES: dict[str, tuple[dict[str, Any], Any, Any, list[Question]]] = {
    "beta_binomial": (
        {
            "prior": {
                "soc": {
                    "mixture": [
                        {"weight": 0.8, "a": 4.0, "b": 36.0},
                        {"weight": 0.2, "a": 1.0, "b": 1.0},
                    ]
                },
                "cart": {"a": 0.5, "b": 0.5},
            }
        },
        counts(
            ([[2, 1], [9, 2], [4, 4]], [[20, 10], [21, 9], [12, 10]]),
            ([[0, 0], [0, 0], [0, 0]], [[0, 0], [0, 0], [0, 0]]),
            ([[18, 6], [12, 0], [0, 1]], [[18, 6], [12, 0], [10, 1]]),  # the prior was wrong
        ),
        np.array([[True, True], [True, False], [False, True]]),
        asked(
            {"arm": 1, "minus": 0, "value": 0.1},
            {"arm": 1, "value": 0.3, "above": False},
            {"arm": 2, "minus": 1, "value": 0.0, "stratum": 1},
            {"arm": 1, "minus": 0, "value": 0.05, "stratum": OPEN},
            {"arm": 2, "kind": "best", "above": False},
            {"arm": 1, "kind": "best", "lowest": True, "among": (1, 2)},
            {"arm": 1, "kind": "rank", "among": (0, 1, 2), "places": 2},
            {"arm": 1, "kind": "expected_rank", "among": (0, 1, 2)},
            {"arm": 1, "minus": 0, "value": 2.0, "kind": "ratio"},
            {"arm": 0, "minus": 2, "value": 0.4, "kind": "odds_ratio", "above": False},
        ),
    ),
    "dirichlet": (
        {"prior": {"soc": {"each": 0.5, "dead": 0.2}, "cart": {"each": 2.0}}},
        categories(
            [[[2, 9, 4], [1, 0, 3]], [[1, 5, 11], [0, 2, 6]], [[0, 0, 9], [1, 1, 1]]],
            [[[0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 1]]],
        ),
        np.array([[True, True], [True, False]]),
        asked(
            {"arm": 1, "minus": 0, "value": 0.5, "kind": "better"},
            {"arm": 2, "minus": 1, "value": 0.6, "kind": "better", "stratum": OPEN},
            {"arm": 1, "value": 50.0, "above": False},
            {"arm": 1, "minus": 0, "value": 5.0, "stratum": 0},
            {"arm": 1, "value": 0.4, "kind": "reaches", "category": Category(2, "good")},
        ),
    ),
    "proportional_odds": (
        {
            "prior": {
                "control": {"each": 1.0, "dead": 0.5},
                "log_odds_ratio": {"dist": "normal", "mean": 0.2, "sd": 1.5},
            }
        },
        categories(
            [[[2, 9, 4], [1, 0, 3]], [[1, 5, 11], [0, 2, 6]], [[0, 0, 9], [1, 1, 1]]],
            [[[0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 1]]],
        ),
        np.array([[True, True], [True, False]]),
        asked(
            {"arm": 1, "minus": 0, "value": 1.5, "kind": "common_odds_ratio"},
            {"arm": 2, "minus": 1, "value": 1.0, "kind": "common_odds_ratio", "stratum": OPEN},
            {"arm": 0, "minus": 1, "value": 1.0, "kind": "common_odds_ratio", "above": False},
            {"arm": 2, "minus": 1, "value": 0.6, "kind": "better"},
            {"arm": 1, "value": 50.0, "above": False},
            {
                "arm": 1,
                "minus": 0,
                "value": 0.1,
                "kind": "reaches",
                "category": Category(2, "good"),
            },
        ),
    ),
    "logistic": (
        {
            "prior": {
                "intercept": {"dist": "normal", "mean": -2.0, "sd": 1.0},
                "treatment": {"dist": "normal", "mean": 0.3, "sd": 1.5},
                "stratum": {"dist": "normal", "mean": 0.1, "sd": 0.7},
                "interaction": {"dist": "normal", "mean": 0.0, "sd": 0.7},
            }
        },
        counts(
            ([[2, 1], [9, 2]], [[20, 10], [21, 9]]),
            ([[0, 0], [1, 0]], [[0, 0], [1, 0]]),
            ([[0, 0], [15, 0]], [[15, 8], [15, 0]]),
        ),
        np.array([[True, True], [True, False], [False, True]]),
        asked(
            {"arm": 1, "minus": 0, "value": 0.1},
            {"arm": 0, "minus": 1, "value": -0.3, "stratum": 0},
            {"arm": 1, "minus": 0, "value": 0.2, "stratum": 1, "above": False},
            {"arm": 1, "minus": 0, "value": 0.1, "stratum": OPEN},
            {"arm": 1, "value": 0.4, "stratum": ALL},
            {"arm": 0, "value": 0.1, "stratum": 1},
            {"arm": 1, "minus": 0, "value": 2.5, "kind": "ratio"},
            {"arm": 1, "minus": 0, "value": 2.5, "kind": "odds_ratio", "stratum": 0},
        ),
    ),
    "hierarchical_logistic": (
        {
            "prior": {
                "control_logit": {"dist": "normal", "mean": -2.0, "sd": 1.0},
                "effect_mean": {"dist": "normal", "mean": 0.0, "sd": 1.5},
                "effect_sd": {"dist": "half_normal", "sd": 0.5},
            }
        },
        counts(
            ([[2, 1], [9, 2]], [[20, 10], [21, 9]]),
            ([[0, 0], [0, 1]], [[0, 1], [0, 1]]),
            ([[0, 8], [15, 0]], [[15, 8], [15, 0]]),
        ),
        np.array([[True, True], [True, False], [False, True]]),
        asked(
            {"arm": 1, "minus": 0, "value": 0.1},
            {"arm": 1, "minus": 0, "value": 0.3, "stratum": 0},
            {"arm": 1, "minus": 0, "value": 0.2, "stratum": 1, "above": False},
            {"arm": 1, "minus": 0, "value": 0.1, "stratum": OPEN},
            {"arm": 1, "value": 0.4, "stratum": ALL},
            {"arm": 0, "value": 0.1, "stratum": 1},
            {"arm": 1, "minus": 0, "value": 2.5, "kind": "odds_ratio"},
        ),
    ),
    "piecewise_exponential": (
        {
            "cuts": [6.0, 12.0],
            "prior": {
                "baseline": {"a": 0.1, "b": 1.0},
                "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.0},
            },
        },
        durations(
            (
                [*np.minimum(PIECES, 20.0), 6.0, 12.0],
                [*(PIECES < 20.0), 1, 0],
                [*np.arange(50) % 3, 1, 0],
            ),
            ([3.0], [0], [1]),
            ([3.0, 7.0, 13.0, 2.0, 0.5], [1, 1, 1, 1, 1], [1, 1, 1, 1, 0]),
            arms=3,
        ),
        np.array([[True, True], [True, False], [False, True]]),
        asked(
            {"arm": 1, "minus": 0, "value": 1.0, "above": False, "kind": "hazard_ratio"},
            {"arm": 2, "minus": 1, "value": 0.7, "above": True, "kind": "hazard_ratio"},
            {"arm": 0, "minus": 2, "value": 1.2, "above": False, "kind": "hazard_ratio"},
            {"arm": 1, "minus": 0, "value": 0.8, "kind": "hazard_ratio", "stratum": 0},
            {"arm": 1, "minus": 0, "value": 0.8, "kind": "hazard_ratio", "stratum": OPEN},
            {"arm": 1, "value": 0.4, "kind": "remaining", "month": 9.0},
            {"arm": 2, "minus": 1, "value": 0.0, "kind": "remaining", "month": 12.0},
            {"arm": 1, "value": 8.0, "kind": "median"},
            {"arm": 1, "minus": 0, "value": 1.2, "kind": "median_ratio"},
            {"arm": 1, "minus": 0, "value": 0.5, "kind": "restricted_mean", "month": 15.0},
            {"arm": 2, "kind": "best", "ordered_by": "hazard_ratio", "lowest": True},
            {"arm": 2, "kind": "best", "ordered_by": "restricted_mean", "month": 10.0},
            {
                "arm": 1,
                "kind": "rank",
                "among": (0, 1, 2),
                "places": 2,
                "ordered_by": "hazard_ratio",
                "lowest": True,
            },
        ),
    ),
    **{
        f"stratified_piecewise_exponential{name}": (
            {
                "model": "stratified_piecewise_exponential",
                "hazard_ratios": ratios,
                "cuts": [8.0],
                "prior": {
                    "baseline": {"a": 0.1, "b": 1.0},
                    "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.0},
                },
            },
            durations(
                (list(np.minimum(PIECES, 20.0)), list(PIECES < 20.0), list(np.arange(50) % 3)),
                ([3.0, 7.0, 13.0, 2.0, 0.5], [1, 1, 1, 1, 1], [1, 1, 1, 1, 0]),
                arms=3,
            ),
            np.array([[True, False], [True, True]]),
            asked(
                {"arm": 1, "minus": 0, "value": 0.8, "above": False, "kind": "hazard_ratio"},
                {"arm": 2, "minus": 1, "value": 0.7, "kind": "hazard_ratio", "stratum": 1},
                {"arm": 1, "minus": 0, "value": 0.8, "kind": "hazard_ratio", "stratum": OPEN},
                {"arm": 2, "kind": "best", "ordered_by": "hazard_ratio", "lowest": True},
                {
                    "arm": 1,
                    "kind": "rank",
                    "among": (0, 1, 2),
                    "places": 2,
                    "ordered_by": "hazard_ratio",
                    "lowest": True,
                },
            ),
        )
        for name, ratios in (("", "shared"), ("_own", "own"))
    },
    "weibull_cure": (
        {
            "prior": {
                "cured": {"dist": "beta", "a": 2.0, "b": 2.0},
                "median_months": {"dist": "lognormal", "median": 12.0, "sigma": 0.7},
                "shape": {"dist": "lognormal", "median": 1.2, "sigma": 0.3},
            }
        },
        durations(
            (list(CURE), list(CURE_EVENT), list((np.arange(60) % 3 > 0) * 1)),
            ([], [], []),  # nobody in remission
            ([30.0, 25.0, 18.0, 14.0, 6.0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]),
            ([8.0], [1], [1]),
            ([2.0, 3.0, 9.0, 5.0, 4.0, 12.0], [1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]),
        ),
        np.array([[True, True], [True, False], [False, True], [True, True], [True, False]]),
        asked(
            {"arm": 1, "value": 0.5},
            {"arm": 1, "value": 0.6, "kind": "remaining", "month": 24.0},
            {"arm": 1, "minus": 0, "value": 0.1, "kind": "remaining", "month": 12.0},
            {"arm": 1, "minus": 0, "value": 0.0, "above": False},
            {"arm": 1, "value": 0.6, "kind": "remaining", "month": 24.0, "stratum": 1},
            {"arm": 1, "minus": 0, "value": 0.0, "above": False, "stratum": OPEN},
            {"arm": 1, "value": 15.0, "kind": "median"},
            {"arm": 1, "minus": 0, "value": 2.0, "kind": "median"},
            {"arm": 1, "value": 14.0, "kind": "restricted_mean", "month": 24.0},
            {"arm": 1, "minus": 0, "value": 1.1, "kind": "restricted_mean_ratio", "month": 24.0},
            {"arm": 1, "minus": 0, "value": 1.5, "kind": "odds_ratio"},
        ),
    ),
    "restricted_mean": (
        {"prior": {"mean": 4.0, "worth": 1.5, "sd": 6.0, "sd_worth": 3.0}},
        Means(
            np.array([[[90.0, 12.0], [140.5, 60.0], [9.0, 0.0]], [[0.0, 0.0], [0.0, 7.0], [0, 0]]]),
            np.array(
                [[[990.0, 90.0], [2200.0, 700.0], [81.0, 0.0]], [[0.0, 0.0], [0, 49.0], [0, 0]]]
            ),
            np.array([[[20, 9], [21, 8], [3, 1]], [[5, 0], [0, 1], [0, 0]]]),
        ),
        np.array([[True, True], [False, True]]),
        asked(
            {"arm": 1, "value": 5.0},
            {"arm": 1, "minus": 0, "value": 1.0},
            {"arm": 2, "minus": 1, "value": 0.0, "above": False, "stratum": OPEN},
            {"arm": 1, "minus": 0, "value": 2.0, "stratum": 1},
        ),
    ),
    "normal": (
        {
            "prior": {"soc": {"mean": -1.0, "worth": 4.0}, "mrna": {"mean": 0.0, "worth": 1.0}},
            "spread": {"sd": 2.0, "worth": 3.0},
        },
        Scores(
            sums(
                [
                    (0, 0, 9.0, 8.5),
                    (0, 1, 7.0, 7.5),
                    (1, 0, 12.0, 8.0),
                    (1, 1, 8.0, 5.0),
                    (1, 1, 6.0, 5.5),
                    (2, 0, 9.0, 9.5),
                    (0, 0, 5.0, 3.5),
                    (1, 0, 10.0, 5.0),
                ],
                [(1, 1, 9.0, 4.0), (1, 0, 7.0, 6.0), (2, 1, 8.0, 8.0)],
            ),
            np.zeros((2, 3, 2), dtype=np.int64),
        ),
        np.array([[True, True], [False, True]]),
        asked(
            {"arm": 1, "value": -2.0},
            {"arm": 1, "minus": 0, "value": -1.0, "above": False},
            {"arm": 1, "value": 0.6, "kind": "beyond", "cut": Cut(-2.0, lower=True)},
            {"arm": 1, "minus": 0, "value": 0.1, "kind": "beyond", "cut": Cut(-1.0, lower=False)},
            {"arm": 2, "minus": 0, "value": 0.0, "above": False, "stratum": OPEN},
        ),
    ),
    "gamma_poisson": (
        {"prior": {"a": 0.5, "b": 5.0}},
        Exposure(
            np.array(
                [[[4, 2], [7, 0], [3, 1]], [[0, 0], [0, 0], [0, 0]], [[9, 0], [0, 3], [1, 0]]]
            ),
            np.array(
                [
                    [[20.0, 11.0], [18.0, 9.0], [15.5, 2.0]],
                    [[0.0, 0.0], [0.0, 0.0], [3.0, 0.0]],
                    [[2.0, 0.0], [30.0, 1.0], [0.1, 0.0]],
                ]
            ),
            np.full((3, 3, 2), 20),
        ),
        np.array([[True, True], [True, False], [False, True]]),
        asked(
            {"arm": 1, "value": 0.2},
            {"arm": 1, "minus": 0, "value": 0.05},
            {"arm": 2, "minus": 0, "value": 0.0, "above": False, "stratum": OPEN},
            {"arm": 1, "value": 0.3, "stratum": 1},
            {"arm": 1, "minus": 0, "value": 1.5, "kind": "ratio"},
            {"arm": 2, "kind": "best", "lowest": True},
            {"arm": 2, "kind": "rank", "among": (0, 1, 2), "places": 2},
        ),
    ),
}
TWO_ARMS = {"logistic", "hierarchical_logistic", "weibull_cure"}


def faces(name: str) -> tuple[Any, Any, Any, Any, Any, list[Question]]:
    """Analysis, reference, summary, open strata and questions of a case."""
    table, summary, open_strata, questions = CASES[name]
    analysis = ANALYSES[table.get("model", name)].model_validate({"model": name, **table})
    arms = ARMS[:2] if name in TWO_ARMS else ARMS
    fitted = analysis.fitted(arms, SHARES)
    face = analysis.reference(arms, STRATA, SHARES)
    return analysis, fitted, face, summary, open_strata, questions


@reference
@pytest.mark.slow  # half a minute each; without it, `verify` compares both faces of one
@pytest.mark.parametrize("name", CASES)
def test_both_faces_agree(name: str) -> None:
    pytest.importorskip("pymc", reason="needs the `reference` extra")
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    analysis, fitted, face, summary, open_strata, questions = faces(name)
    compiled = None
    wrong, untrusted = [], []
    for trial in range(len(summary.analysed)):
        one = summary.rows(np.array([trial]))
        is_open = None if open_strata is None else open_strata[trial]
        fast = analysis.posterior(fitted, one, None if is_open is None else is_open[None])
        fits: dict[bytes, Any] = {}
        for question in questions:
            data = face.data(summary, trial, is_open, question)
            key = b"".join(values.tobytes() for values in data.values())
            if key not in fits:
                compiled = compiled or Compiled(face, data)  # one compilation for every number
                fits[key], trouble = fitted_carefully(compiled, data, seed=SEED, draws=DRAWS)
                if trouble is not None:
                    untrusted.append((trial, trouble))
            quantity = face.quantity(fits[key].draws, question, is_open)
            assert quantity.shape == (4, DRAWS)
            probability, error = mean_and_error(holds(question, quantity))
            answer = float(fast.probability(question)[0])
            assert fast.failed is None or not fast.failed[0]
            allowed = 4.0 * error + max(0.002, fast.error(question))
            if not abs(answer - probability) <= allowed:
                wrong.append((trial, question, "probability", answer, probability, error))
            if question.of.among_open or question.of.heavy:
                continue
            mean, error = mean_and_error(quantity)
            answer = float(fast.mean(question)[0])
            drawn = 0.0 if fast.without_draws(question) else 0.02 * float(quantity.std())
            if not abs(answer - mean) <= 4.0 * error + max(0.002 * max(1.0, abs(answer)), drawn):
                wrong.append((trial, question, "mean", answer, mean, error))
    assert not wrong, "\n".join(map(str, wrong))
    assert not untrusted, untrusted


def only(summary: Any, strata: list[int]) -> Any:
    """The data of some strata, as if there were no others."""
    if isinstance(summary, Durations):
        return replace(summary, included=summary.included & np.isin(summary.stratum, strata))
    inside = np.isin((0, 1), strata)
    return type(summary)(*(values * inside for values in vars(summary).values()))


@pytest.mark.parametrize(
    "name", ["beta_binomial", "piecewise_exponential", "weibull_cure", "gamma_poisson"]
)
def test_a_stratum_is_answered_from_its_own_data(name: str) -> None:
    analysis, fitted, face, summary, _, questions = faces(name)
    summary = summary.rows(np.array([0, 2]))
    is_open = np.array([[False, True]]).repeat(len(summary.analysed), axis=0)
    pooled = [question for question in questions if question.stratum == ALL][:1]
    for strata, asked_of in (([0], 0), ([1], OPEN), ([0, 1], ALL)):
        apart = analysis.posterior(fitted, only(summary, strata), None)
        together = analysis.posterior(fitted, summary, None).where_open(is_open)
        for question in pooled:
            mine = replace(question, stratum=asked_of)
            np.testing.assert_array_equal(together.probability(mine), apart.probability(question))
            if question.kind != "best":
                np.testing.assert_array_equal(together.mean(mine), apart.mean(question))
            left = face.data(summary, 0, is_open[0], mine)
            for key, values in face.data(only(summary, strata), 0, None, question).items():
                np.testing.assert_array_equal(left[key], values, err_msg=key)


@pytest.mark.parametrize("name", CASES)
def test_the_statement_names_every_number_of_the_prior(name: str) -> None:
    *_, face, _, _, _ = faces(name)

    def numbers(table: Any) -> list[float]:
        if isinstance(table, dict):
            return [number for value in table.values() for number in numbers(value)]
        if isinstance(table, list):
            return [number for value in table for number in numbers(value)]
        return [table] if isinstance(table, float) else []

    for number in numbers(CASES[name][0]):
        assert f"{number:g}" in face.statement, (number, face.statement)


def test_the_data_are_those_that_the_question_is_about() -> None:
    *_, face, summary, _, _ = faces("beta_binomial")
    only_second = np.array([False, True])
    pooled = face.data(summary, 0)
    assert pooled["successes"].tolist() == [3, 11, 8]
    assert pooled["totals"].tolist() == [30, 30, 22]
    stratum = face.data(summary, 0, None, Question("endpoint", 1, stratum=0))
    assert stratum["successes"].tolist() == [2, 9, 4]
    open_ = face.data(summary, 0, only_second, Question("endpoint", 1, stratum=OPEN))
    assert open_["totals"].tolist() == [10, 9, 10]
    everything = face.data(summary, 0, only_second, Question("endpoint", 1, stratum=ALL))
    assert everything["totals"].tolist() == [30, 30, 22]


def test_follow_up_is_split_at_the_cuts() -> None:
    *_, face, summary, _, _ = faces("piecewise_exponential")
    data = face.data(summary, 2, None, Question("endpoint", 1, 0, kind="hazard_ratio"))
    assert data["events"].tolist() == [[1, 0, 0], [2, 1, 1], [0, 0, 0]]
    np.testing.assert_allclose(data["months"][:2], [[0.5, 0, 0], [3 + 6 + 6 + 2, 7, 1]], atol=1e-8)
    assert data["effects"].tolist() == [[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    together = face.data(summary, 2, None, Question("endpoint", 1, 0, kind="median"))
    assert together["effects"].tolist() == [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    exactly = durations(([6.0, 12.0], [1, 1], [1, 1]), arms=3)
    assert face.data(exactly)["events"][1].tolist() == [1, 1, 0]


def test_durations_of_those_not_included_are_left_out() -> None:
    *_, face, summary, _, _ = faces("weibull_cure")
    data = face.data(summary, 4)
    assert data["months"].tolist() == [2.0, 3.0, 9.0, 5.0, 4.0, 12.0]
    assert data["arm_of"].tolist() == [1, 1, 1, 1, 0, 0]
    assert face.data(summary, 1)["months"].shape == (0,)


def test_an_arm_with_fewer_components_repeats_its_own() -> None:
    *_, face, _, _, _ = faces("beta_binomial")
    weights, a, b = face._components(face.priors)
    np.testing.assert_allclose(weights, [[0.8, 0.2], [0.5, 0.5], [0.5, 0.5]])
    np.testing.assert_allclose(a, [[4.0, 1.0], [0.5, 0.5], [1.0, 1.0]])
    np.testing.assert_allclose(b, [[36.0, 1.0], [0.5, 0.5], [1.0, 1.0]])


def test_quantities_of_draws_by_hand() -> None:
    draws = {"probability": np.array([[[0.1, 0.5, 0.3], [0.9, 0.2, 0.4]]])}
    *_, face, _, _, _ = faces("beta_binomial")
    best = Question("endpoint", 2, kind="best")
    assert face.quantity(draws, best).tolist() == [[0.0, 1.0]]
    assert holds(best, face.quantity(draws, best)).tolist() == [[0.0, 1.0]]
    alone = Question("endpoint", 2, kind="best", among=(2,))  # the other arm is no longer open
    assert face.quantity(draws, alone).tolist() == [[1.0, 1.0]]
    above = Question("endpoint", 1, 0, value=0.0)
    np.testing.assert_allclose(face.quantity(draws, above), [[0.4, -0.7]])
    assert holds(above, face.quantity(draws, above)).tolist() == [[1.0, 0.0]]

    by_stratum = {"probability": np.array([[[[0.1, 0.2], [0.5, 0.8]]]])}  # arm, stratum
    *_, face, _, _, _ = faces("logistic")
    only_second = np.array([False, True])
    for question, expected in (
        (Question("endpoint", 1, 0), 0.7 * 0.4 + 0.3 * 0.6),
        (Question("endpoint", 1, 0, stratum=1), 0.6),
        (Question("endpoint", 1, 0, stratum=OPEN), 0.6),
        (Question("endpoint", 1), 0.7 * 0.5 + 0.3 * 0.8),
    ):
        found = face.quantity(by_stratum, question, only_second)
        np.testing.assert_allclose(found, [[expected]])

    remitters = {
        "cured": np.array([[[0.2, 0.4]]]),
        "median_months": np.array([[[12.0, 24.0]]]),
        "shape": np.array([[[1.0, 2.0]]]),
    }
    *_, face, _, _, _ = faces("weibull_cure")
    at_median = Question("endpoint", 1, kind="remaining", month=24.0)
    np.testing.assert_allclose(face.quantity(remitters, at_median), [[0.4 + 0.6 * 0.5]])
    np.testing.assert_allclose(face.quantity(remitters, Question("endpoint", 1, 0)), [[0.2]])
