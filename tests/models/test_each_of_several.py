"""Questions about several arms answered together, of trials that are asked, against each alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.models.binary.beta_binomial_analysis import CountsPosterior
from adaptive_cart.nouns.questions import OPEN, Question

FLAT = BetaMixture.single(1, 1)
ROBUST = BetaMixture((0.7, 0.3), (4.0, 1.0), (16.0, 1.0))
PRIORS = {
    "alike": (FLAT,) * 4,
    "control apart": (ROBUST, FLAT, FLAT, FLAT),
    "each apart": (FLAT, ROBUST, BetaMixture.single(0.4, 2), FLAT),
}


def posterior(priors, strata=1):
    rng = np.random.default_rng(4)
    totals = rng.integers(0, 60, (50, 4, strata))
    successes = rng.binomial(totals, 0.3)
    totals[:9], successes[:9] = 8, 4  # a difference of nought is as likely as not: a tie
    return CountsPosterior(BetaBinomial(priors), successes, totals, rng.random((50, strata)) < 0.7)


@pytest.mark.parametrize("priors", PRIORS.values(), ids=PRIORS)
@pytest.mark.parametrize(
    "question",
    [
        Question("dfr", 1, 0),
        Question("dfr", 1, 0, 0.1, against=(0.1, 0.5)),
        Question("dfr", 1, 0, -0.05, above=False, against=(0.9,)),
        Question("dfr", 1, 0, 1.5, kind="ratio"),
        Question("dfr", 1, 0, 0.8, kind="odds_ratio", stratum=1),
        Question("dfr", 1, 2, 0.0, stratum=OPEN, against=(0.5,)),
    ],
    ids=str,
)
def test_several_arms_are_answered_as_each_by_itself(priors, question):
    seen = posterior(priors, strata=2)
    questions = [replace(question, arm=arm) for arm in (1, 3, 2) if arm != question.minus]
    asked = np.random.default_rng(5).random((50, len(questions))) < 0.6
    found = seen.each(questions, asked)
    assert found is not None
    for place, one in enumerate(questions):
        alone = seen.probability(one)
        assert (found[asked[:, place], place] == alone[asked[:, place]]).all()
    assert np.isnan(found[~asked]).all()


def test_what_is_not_about_pairs_of_arms_alike_is_asked_one_by_one():
    seen = posterior(PRIORS["alike"])
    some = np.arange(50) % 2 == 0
    two = np.stack([some, some], axis=1)
    first = Question("dfr", 1, 0)
    assert seen.each([first], np.ones((50, 1), dtype=np.bool_)) is None
    assert seen.each([first, Question("dfr", 2, 0, 0.1)], two) is None
    assert seen.each([first, Question("dfr", 2, 0, against=(0.5,))], two) is None
    assert seen.each([first, Question("dfr", 2)], two) is None
    assert seen.each([first], some[:, None]) is not None
