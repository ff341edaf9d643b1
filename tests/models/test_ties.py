"""A probability that equals its threshold in exact arithmetic is a tie: it reaches it.

The slow twin multiplies out densities as polynomials in the probability itself, with fractions.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from math import comb, factorial
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from adaptive_cart.conduct.predictive import Condition, predictive_probability
from adaptive_cart.conduct.rules import resolve_rules
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.models import ANALYSES
from adaptive_cart.models.binary.beta_answers import answered
from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.models.ties import Error, as_written, not_known, settled, undecided
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Durations, Exposure
from adaptive_cart.running.boundaries import boundaries
from adaptive_cart.running.exact import enumerate_design

UNIFORM = BetaMixture.single(1.0, 1.0)
THRESHOLDS = (0.5, 0.75, 0.8, 0.9, 0.95, 0.975, 0.98, 0.99)
Polynomial = list[Fraction]  # coefficients of x^0, x^1 …


# ── the slow twin ─────────────────────────────────────────────────────────────────────────────
def density(a: int, b: int) -> Polynomial:
    """Beta density: x^(a - 1) (1 - x)^(b - 1) (a + b - 1)! / ((a - 1)! (b - 1)!)."""
    constant = Fraction(factorial(a + b - 1), factorial(a - 1) * factorial(b - 1))
    signed = [constant * comb(b - 1, k) * (-1) ** k for k in range(b)]
    return [Fraction(0)] * (a - 1) + signed


def times(first: Polynomial, second: Polynomial) -> Polynomial:
    product = [Fraction(0)] * (len(first) + len(second) - 1)
    for (i, x), (j, y) in itertools.product(enumerate(first), enumerate(second)):
        product[i + j] += x * y
    return product


def integral(of: Polynomial) -> Polynomial:
    return [Fraction(0), *(value / (k + 1) for k, value in enumerate(of))]


def at(of: Polynomial, x: Fraction) -> Fraction:
    return sum((value * x**k for k, value in enumerate(of)), Fraction(0))


def better(arm: tuple[int, int], other: tuple[int, int], margin: Fraction) -> Fraction:
    """P(arm - other > margin >= 0) for x of n responders each, uniform priors."""
    (x, n), (y, m) = arm, other
    inside = integral(density(y + 1, m - y + 1))  # P(other < c), wanted at c = p - margin
    shifted = [Fraction(0)] * len(inside)
    for k, value in enumerate(inside):
        for j in range(k + 1):
            shifted[j] += value * comb(k, j) * (-margin) ** (k - j)
    whole = integral(times(density(x + 1, n - x + 1), shifted))
    return at(whole, Fraction(1)) - at(whole, margin)


def first_of_sorted(arm: tuple[int, int], other: tuple[int, int]) -> Fraction:
    """The same without a margin, by counting.

    Beta(x + 1, n - x + 1) is the (x + 1)-th smallest of n + 1 uniform numbers. It is the larger of
    two such when at least y + 1 of the other arm's numbers are among those below it.
    """
    (x, n), (y, m) = arm, other
    orders = comb(n + m + 2, m + 1)
    ways = (comb(x + k, k) * comb(n - x + m + 1 - k, m + 1 - k) for k in range(y + 1, m + 2))
    return Fraction(sum(ways), orders)


def asked(model: BetaBinomial, question: Question, *arms: tuple[int, int]) -> float:
    table = np.array([arms], dtype=np.int64)
    return float(answered(model, question, table[..., 0], table[..., 1])[0])


TWO = BetaBinomial((UNIFORM, UNIFORM))
BETTER = Question("dfr", 1, 0).compared_with(*THRESHOLDS)


# ── counts ────────────────────────────────────────────────────────────────────────────────────
def test_every_small_table_is_judged_as_fractions_judge_it() -> None:
    """All tables of two equal arms up to 23, and those of two unequal arms up to 7."""
    sizes = [(n, n) for n in range(1, 24)]
    sizes += [(n, m) for n in range(1, 8) for m in range(1, 8) if n != m]
    ties = 0
    for n, m in sizes:
        for x in range(n + 1):
            answers = answered(
                TWO,
                BETTER,
                np.array([[y, x] for y in range(m + 1)]),
                np.array([[m, n]] * (m + 1)),
            )
            for y, found in enumerate(answers):
                right = first_of_sorted((x, n), (y, m))
                if n + m < 7:
                    assert right == better((x, n), (y, m), Fraction(0))
                for threshold in THRESHOLDS:
                    written = as_written(threshold)
                    assert (found >= threshold) == (right >= written), (x, n, y, m, threshold)
                    assert (found == threshold) == (right == written)
                    ties += right == written
    assert ties > 100


@pytest.mark.parametrize(
    ("arm", "other", "threshold"),
    [
        ((2, 2), (0, 2), 0.95),
        ((11, 11), (2, 3), 0.95),
        ((18, 18), (4, 5), 0.95),
        ((11, 13), (0, 1), 0.95),
        ((2, 2), (0, 1), 0.9),
        ((17, 17), (1, 1), 0.9),
        ((13, 13), (5, 6), 0.9),
        ((12, 12), (1, 2), 0.975),
        ((12, 13), (0, 1), 0.975),
        ((21, 21), (1, 2), 0.99),
    ],
)
def test_known_ties(arm: tuple[int, int], other: tuple[int, int], threshold: float) -> None:
    assert better(arm, other, Fraction(0)) == as_written(threshold)
    assert asked(TWO, BETTER, other, arm) == threshold
    turned = Question("dfr", 1, 0, above=False).compared_with(round(1.0 - threshold, 6))
    assert asked(TWO, turned, other, arm) == round(1.0 - threshold, 6)


def test_margins_and_fixed_values_tie_too() -> None:
    """A threshold that is the exact value, beside its neighbours of one more or less digit."""
    for margin in (0.25, 0.5, -0.25):
        first, second = ((3, 4), (1, 3)) if margin > 0 else ((1, 3), (3, 4))
        right = better(first, second, abs(as_written(margin)))
        right = right if margin > 0 else 1 - right
        near = float(right)
        question = Question("dfr", 1, 0, margin).compared_with(near)
        found = asked(TWO, question, (1, 3), (3, 4))
        assert (found >= near) == (right >= as_written(near))
        assert (found == near) == (right == as_written(near))
    # one arm: P(Beta(2, 1) > 1/2) = 3/4, and any symmetric posterior has 1/2 on either side
    alone = Question("dfr", 1, None, 0.5)
    assert asked(TWO, alone.compared_with(0.75), (0, 0), (1, 1)) == 0.75
    jeffreys = BetaBinomial((BetaMixture.single(0.5, 0.5),) * 2)
    assert asked(jeffreys, alone.compared_with(0.5), (0, 0), (7, 14)) == 0.5


def test_equal_arms_are_each_better_with_one_half_under_any_prior() -> None:
    priors = (
        BetaMixture.single(0.5, 0.5),
        BetaMixture.single(2.7, 11.3),
        BetaMixture((0.8, 0.2), (4.3, 1.0), (15.9, 1.0)),
    )
    for prior, n in itertools.product(priors, (1, 7, 40, 400)):
        for x in range(0, n + 1, max(n // 5, 1)):
            model = BetaBinomial((prior, prior, prior))
            question = Question("dfr", 1, 0).compared_with(0.5)
            assert asked(model, question, (x, n), (x, n), (0, 0)) == 0.5
            best = Question("dfr", 2, kind="best").compared_with(0.5)
            assert asked(model, best, (0, 0), (x, n), (x, n)) == 0.5


def test_the_best_of_four_equal_arms_has_a_quarter() -> None:
    model = BetaBinomial((UNIFORM,) * 5)
    table = [(0, 0), (3, 9), (3, 9), (3, 9), (3, 9)]
    assert asked(model, Question("dfr", 3, kind="best").compared_with(0.25), *table) == 0.25
    # 1 of 1 against two arms of which nothing is known: the integral of 2 x times x^2 is 1/2
    model = BetaBinomial((UNIFORM,) * 4)
    table = [(0, 0), (1, 1), (0, 0), (0, 0)]
    assert asked(model, Question("dfr", 1, kind="best").compared_with(0.5), *table) == 0.5


def test_a_fraction_that_no_decimal_is_lies_beside_its_threshold() -> None:
    """1/3 is above 0.3333333333333333 and below 0.3333333333333334."""
    model = BetaBinomial((UNIFORM,) * 4)
    table = [(0, 0), (2, 5), (2, 5), (2, 5)]
    for threshold, reached in ((0.3333333333333333, True), (0.3333333333333334, False)):
        best = Question("dfr", 1, kind="best").compared_with(threshold)
        assert (asked(model, best, *table) >= threshold) is reached


def test_no_data_make_anything_certain() -> None:
    """Above 1 - 1e-16 a probability is 1 in floating point, and still below 1."""
    question = Question("dfr", 1, 0).compared_with(1.0)
    assert asked(TWO, question, (0, 300), (300, 300)) < 1.0
    assert asked(TWO, Question("dfr", 1, 0, -1.0).compared_with(1.0), (0, 9), (9, 9)) == 1.0
    assert asked(TWO, Question("dfr", 1, 0, 1.0).compared_with(0.0), (0, 9), (9, 9)) == 0.0


def test_what_is_not_near_a_threshold_keeps_every_bit() -> None:
    rng = np.random.default_rng(3)
    totals = rng.integers(1, 60, (500, 2))
    successes = rng.integers(0, totals + 1)
    plain = answered(TWO, BETTER.compared_with(), successes, totals)
    found = answered(TWO, BETTER, successes, totals)
    moved = found != plain
    assert np.abs(found - plain).max() < 1e-12
    assert np.isin(found[moved], THRESHOLDS).all()


def test_a_probability_is_moved_by_no_more_than_it_may_be_wrong() -> None:
    probability = np.array([0.4, 0.5 - 1e-10, 0.5 + 1e-10, np.nan, 0.5])
    found = settled(
        probability, (0.5,), 1e-9, lambda _, rows: np.array([1.0, -1.0, np.nan])[: len(rows)]
    )
    np.testing.assert_array_equal(
        found, [0.4, np.nextafter(0.5, 1.0), np.nextafter(0.5, 0.0), np.nan, 0.5]
    )


def test_a_predictive_probability_that_equals_its_threshold_reaches_it() -> None:
    """1 of 1 so far, 1 to come: it succeeds with 2/3; with 2 to come both do with 1/2."""
    condition = Condition(Question("dfr", 1, None, 0.5), True, 0.9, (0.5, 2 / 3, 1.0))
    seen = np.array([[0, 1]]), np.array([[0, 1]])
    for last, right in ((3, Fraction(1, 2)), (2, Fraction(0)), (1, Fraction(0))):
        found = predictive_probability(TWO, condition, *seen, np.array([[0, last]]))[0]
        assert found == float(right)
    # P(Beta(3, 1) > 1/2) is 7/8: a condition at exactly that holds
    at_tie = Condition(Question("dfr", 1, None, 0.5), True, 0.875, (2 / 3,))
    found = predictive_probability(TWO, at_tie, *seen, np.array([[0, 2]]))[0]
    assert (found >= 2 / 3) == (Fraction(2, 3) >= as_written(2 / 3))
    # whatever is still to come, the condition holds: certain, not nearly so
    sure = Condition(Question("dfr", 1, None, 0.1), True, 0.9, (1.0,))
    many = predictive_probability(
        TWO, sure, np.array([[0, 30]]), np.array([[0, 30]]), np.array([[0, 61]])
    )
    assert many[0] == 1.0


# ── other models ──────────────────────────────────────────────────────────────────────────────
def test_rates_of_equal_arms_tie() -> None:
    analysis = ANALYSES["gamma_poisson"](model="gamma_poisson", prior={"a": 0.5, "b": 0.7})
    years = np.array([[[0.1 + 0.2 + 0.3], [0.3 + 0.2 + 0.1]], [[0.0], [0.0]], [[1.0], [2.0]]])
    events = np.array([[[3], [3]], [[0], [0]], [[3], [3]]])
    posterior = analysis.posterior(
        analysis.fitted(("c", "t"), (1.0,)), Exposure(events, years, events), None
    )
    found = posterior.probability(Question("sae", 1, 0).compared_with(0.5))
    assert (found[:2] == 0.5).all()
    assert found[2] < 0.5
    # shapes 1 and 1: the share of one arm of both rates is uniform, 1 in 4 years against 3
    analysis = ANALYSES["gamma_poisson"](model="gamma_poisson", prior={"a": 1.0, "b": 1.0})
    nobody = np.zeros((1, 2, 1), dtype=np.int64)
    one = Exposure(nobody, np.array([[[2.0], [0.0]]]), nobody)
    posterior = analysis.posterior(analysis.fitted(("c", "t"), (1.0,)), one, None)
    assert posterior.probability(Question("sae", 1, 0).compared_with(0.75))[0] == 0.75


def durations(months: list[float], events: list[bool], arms: list[int]) -> Durations:
    inside = np.ones((1, len(months)), dtype=np.bool_)
    none = np.zeros((1, 2, 1), dtype=np.int64)
    return Durations(
        np.array([months]),
        np.array([events]),
        inside,
        np.array([arms]),
        np.zeros_like([arms]),
        none,
        none,
        0.0 * none,
    )


def test_durability_of_arms_with_the_same_remissions_ties() -> None:
    prior = {
        "cured": {"dist": "beta", "a": 2.0, "b": 2.0},
        "median_months": {"dist": "lognormal", "median": 9.0, "sigma": 0.7},
        "shape": {"dist": "lognormal", "median": 1.0, "sigma": 0.3},
    }
    analysis = ANALYSES["weibull_cure"](model="weibull_cure", prior=prior)
    data = durations([3.0, 20.0, 20.0, 3.0], [True, False, False, True], [0, 0, 1, 1])
    posterior = analysis.posterior(analysis.fitted(("c", "t"), (1.0,)), data, None)
    question = Question("relapse", 1, 0, kind="remaining", month=24.0)
    assert posterior.probability(question.compared_with(0.5))[0] == 0.5


def hazards(data: Durations) -> Any:
    prior = {
        "baseline": {"a": 0.1, "b": 1.0},
        "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.5},
    }
    analysis = ANALYSES["piecewise_exponential"](model="piecewise_exponential", prior=prior)
    return analysis.posterior(analysis.fitted(("c", "t"), (1.0,)), data, None)


def test_a_hazard_ratio_of_which_nothing_is_known_ties() -> None:
    posterior = hazards(durations([5.0, 9.0], [True, False], [0, 0]))
    question = Question("os", 1, 0, 1.0, kind="hazard_ratio", above=False)
    assert posterior.probability(question.compared_with(0.5))[0] == 0.5


@pytest.mark.parametrize("value", [0.0, np.inf])
def test_no_interval_of_a_hazard_ratio_covers_nought_or_infinity(value: float) -> None:
    """Where nobody in an arm can have the event the true ratio is one of these."""
    posterior = hazards(durations([5.0, 9.0, 4.0], [True, False, False], [0, 0, 1]))
    question = Question("os", 1, 0, value, kind="hazard_ratio")
    assert not posterior.covers(question, 0.95).any()
    assert posterior.probability(question)[0] == float(value == 0.0)


# ── designs ───────────────────────────────────────────────────────────────────────────────────
def two_arms(looks: list[int], rules: list[dict[str, Any]], control: float, cart: float) -> Design:
    posterior = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0}
    return Design(
        name="ties",
        arms={"soc": {"control": True}, "cart": {}},
        endpoints={"dfr": {"type": "landmark", "month": 12}},
        enrolment={"max_n": looks[-1], "per_month": 3},
        looks={"observed": looks},
        rules=[{"posterior": posterior, **rule} for rule in rules],
        scenarios={"only": {"dfr": {"soc": control, "cart": cart}}},
    )


EFFICACY = {"name": "efficacy", "then": "declare_success", "at_least": 0.95}
WORSE = {"name": "worse", "then": "declare_futility", "below": 0.5, "looks": [1]}


def measure(design: Design, name: str, look: int | None = None) -> float:
    rows, _ = enumerate_design(design, truths_of(design))
    return float(next(row[5] for row in rows if row[1] == name and look in row))


def test_equal_arms_are_no_reason_for_futility_below_one_half() -> None:
    design = two_arms([30, 60], [EFFICACY, WORSE], 0.02, 0.02)
    p = np.array([comb(15, k) * 0.02**k * 0.98 ** (15 - k) for k in range(16)])
    right = sum(p[x] * p[y] for y in range(16) for x in range(y))
    assert measure(design, "stop_futility") == pytest.approx(right, abs=1e-12)
    assert right == pytest.approx(0.2011732, abs=1e-7)
    (worse,) = (found for found in boundaries(design) if found.rule == "worse")
    np.testing.assert_array_equal(worse.holds, np.tri(16, 16, -1, dtype=np.bool_))


def test_a_rule_with_other_thresholds_asks_with_those() -> None:
    (part,) = resolve_rules(two_arms([4, 40], [EFFICACY], 0.1, 0.9))[0].parts
    assert part.question.against == (0.95, 0.95)
    assert replace(part, thresholds={1: 0.9, 2: float("nan")}).question.against == (0.9,)


def test_two_of_two_against_none_of_two_reach_ninety_five_per_cent() -> None:
    design = two_arms([4, 40], [EFFICACY], 0.1, 0.9)
    assert measure(design, "stop_success", 1) == pytest.approx(0.6561, abs=1e-12)


def test_fifty_looks_as_fractions_judge_them() -> None:
    """One participant an arm from look to look, and every table judged by the sum itself."""
    looks = list(range(2, 101, 2))
    design = two_arms(looks, [EFFICACY], 0.1, 0.1)
    assert measure(design, "success") == pytest.approx(0.13379474064908, abs=1e-12)


# ── priors at the edge ────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("value", [1e308, 1e9, 1e-300])
def test_a_prior_that_nothing_can_be_worked_out_with_is_refused(value: float) -> None:
    for prior in ({"a": value, "b": 1.0}, {"soc": {"a": 1.0, "b": value}}):
        with pytest.raises(ValidationError, match=r"5000000|at least 1e-06"):
            ANALYSES["beta_binomial"](model="beta_binomial", prior=prior)


def test_an_error_is_least_near_certainty() -> None:
    at = np.array([0.0, 0.001, 0.05, 0.5, 0.95, 0.999, 1.0])
    assert (Error(0.005).of(at) == 0.005).all()
    for error in (Error.of_tails(0.005), Error.of_draws(0.015)):
        found = error.of(at)
        assert found == pytest.approx(found[::-1])
        assert (np.diff(found[:4]) >= 0.0).all()
        assert found[0] == error.least < found[2] <= found[3] == error.most
        assert error.at(0.05) == found[2]
    assert np.isnan(Error.of_tails(0.005).at(np.nan))
    # a probability that is all but certain is not in doubt at 0.995, as one at 0.99 is at 0.991
    near = undecided(np.array([0.9999, 0.99]), 0.991, Error.of_tails(0.005), not_known)
    assert near.tolist() == [False, True]
    assert undecided(np.array([1.0]), 0.996, Error(0.005), not_known).all()
    assert not undecided(np.array([1.0]), 0.996, Error.of_tails(0.005), not_known).any()
