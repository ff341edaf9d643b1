"""Predictive probabilities of counts: sums over what is still to come, by table or one by one."""

from __future__ import annotations

import numpy as np
import pytest

from adaptive_cart.conduct import predictive
from adaptive_cart.conduct.predictive import Condition, predictive_probability
from adaptive_cart.models.binary.beta_binomial import BetaBinomial
from adaptive_cart.models.binary.beta_mixture import BetaMixture
from adaptive_cart.nouns.questions import Question

UNIFORM = BetaBinomial((BetaMixture.single(1.0, 1.0), BetaMixture.single(1.0, 1.0)))


def test_a_predictive_probability_of_two_arms_that_equals_its_threshold_reaches_it() -> None:
    """Of uniform priors. 1 of 1 in one arm and 0 of 2 in the other, one more to come in each.

    The condition, P(difference > 0) of 0.95, holds only of 2 of 2 against 0 of 3 (0.9714; the next
    is 0.8857), which comes with 2/3 times 3/4.
    """
    condition = Condition(Question("dfr", 1, 0, 0.0), True, 0.95, (0.5,))
    found = predictive_probability(
        UNIFORM, condition, np.array([[0, 1]]), np.array([[2, 1]]), np.array([[3, 2]])
    )
    assert found[0] == 0.5


@pytest.mark.parametrize("minus", [None, 0])
def test_one_by_one_they_are_those_of_the_whole_table(
    monkeypatch: pytest.MonkeyPatch, minus: int | None
) -> None:
    condition = Condition(Question("dfr", 1, minus, 0.2), True, 0.8, ())
    rng = np.random.default_rng(8)
    totals = np.repeat([[11, 17]], 40, axis=0)
    final, seen = np.repeat([[16, 25]], 40, axis=0), rng.integers(0, totals + 1)
    whole = predictive_probability(UNIFORM, condition, seen, totals, final)
    monkeypatch.setattr(predictive, "MOST_TERMS", 10)
    alone = predictive_probability(UNIFORM, condition, seen, totals, final)
    np.testing.assert_allclose(alone, whole, rtol=0.0, atol=1e-12)
    assert len(np.unique(whole)) > 10


def test_near_ties_of_two_arms_are_decided_as_long_as_the_whole_table_is_summed() -> None:
    uniform = BetaMixture.single(1.0, 1.0)
    two, alone = Question("dfr", 1, 0, value=0.0), Question("dfr", 1, None, value=0.3)
    model = BetaBinomial((uniform, uniform))
    assert predictive.always_decided(model, two, (200, 200))
    assert not predictive.always_decided(model, two, (400, 400))
    assert predictive.always_decided(model, alone, (200, 200))
    assert not predictive.always_decided(model, alone, (200, 4_000))
