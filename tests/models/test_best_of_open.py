"""Which open arm is the best: together for all trials, as by each set of open arms alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.models.binary.beta_binomial_analysis import CountsPosterior
from adaptive_cart.nouns.questions import Question

FLAT = BetaMixture((1.0,), (1.0,), (1.0,))
OTHER = BetaMixture((0.5, 0.5), (2.0, 1.0), (3.0, 1.0))


@pytest.mark.parametrize("priors", [(FLAT,) * 6, (FLAT, OTHER, FLAT, OTHER, FLAT, FLAT)])
@pytest.mark.parametrize("lowest", [False, True])
def test_sets_of_open_arms_are_asked_together(
    priors: tuple[BetaMixture, ...], lowest: bool
) -> None:
    generator = np.random.default_rng(4)
    totals = generator.integers(0, 40, (120, 6, 1))
    successes = generator.integers(0, totals + 1)
    open_arms = generator.random((120, 6)) < 0.6
    open_arms[0] = False
    posterior = CountsPosterior(BetaBinomial(priors), successes, totals, None)
    order = Question("dfr", 1, kind="best", lowest=lowest)
    found = posterior.best_of_open(order, open_arms)
    for trial in range(120):
        arms = tuple(int(arm) for arm in range(1, 6) if open_arms[trial, arm])
        expected = np.zeros(6)
        if arms:
            asked = replace(order, among=arms)
            expected[list(arms)] = posterior.best(asked, np.array([trial]))[0]
        np.testing.assert_array_equal(found[trial], expected)
    np.testing.assert_array_equal(
        found, super(CountsPosterior, posterior).best_of_open(order, open_arms)
    )
