"""Questions about several arms answered together, of trials that are asked, against each alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.models.binary.beta_binomial_analysis import CountsPosterior
from adaptive_cart.models.binary.beta_comparison import difference_above
from adaptive_cart.models.binary.beta_cover import LEAST, ROOM, nearly_above
from adaptive_cart.models.posterior import Posterior
from adaptive_cart.nouns.questions import OPEN, Question

NEAR = 0.0081  # what the module says that it is within

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


@pytest.mark.parametrize("priors", PRIORS.values(), ids=PRIORS)
@pytest.mark.parametrize("value", [-0.2, 0.0, 0.15])
@pytest.mark.parametrize("level", [0.95, 0.5])
def test_what_an_interval_plainly_covers_is_what_the_probability_says(priors, value, level):
    rng = np.random.default_rng(6)
    totals = rng.integers(0, 300, (900, 4, 1))
    successes = rng.binomial(totals, rng.uniform(0.05, 0.6, (900, 4, 1)))
    # as a trial has it: the value is not far from the difference seen
    near = successes[:, 0, 0] / np.maximum(totals[:, 0, 0], 1) + value + rng.normal(0, 0.06, 900)
    successes[:, 1, 0] = rng.binomial(totals[:, 1, 0], near.clip(0.01, 0.99))
    seen = CountsPosterior(BetaBinomial(priors), successes, totals, None)
    question = Question("dfr", 1, 0, value)
    found = seen.covers(question, level)
    assert 0.2 < found.mean() < 0.95
    assert (found == Posterior.covers(seen, question, level)).all()


def test_four_moments_are_nearer_than_what_is_left_to_them():
    """Of both arms no parameter is below the least; also where one arm is far from normal."""
    rng = np.random.default_rng(7)
    worst = 0.0
    for value in (0.0, 0.03, 0.1, 0.3, 0.6):
        a, b = np.rint(np.exp(rng.uniform(np.log(LEAST), np.log(600), (2, 2, 3_000))))
        # half of them within a few standard deviations of the value
        size, want = a[0] + b[0], (a[1] / (a[1] + b[1]) + value).clip(0.001, 0.999)
        moved = np.rint(size * (want + rng.normal(0, 1.5, 3_000) / np.sqrt(size)).clip(0, 1))
        a[0, ::2], b[0, ::2] = moved[::2], (size - moved)[::2]
        some = np.minimum(a, b).min(axis=0) >= LEAST
        one, other = ((a[k, some], b[k, some]) for k in (0, 1))
        counts = [(x - 1, x + y - 2) for x, y in (one, other)]
        counts = tuple(part.astype(np.int64) for pair in counts for part in pair)
        exact = difference_above(FLAT, FLAT, counts, value)
        worst = max(worst, np.abs(nearly_above(one, other, value) - exact).max())
    assert 0.001 < worst < NEAR < ROOM


@pytest.mark.parametrize("mirrored", [False, True])
def test_four_moments_of_the_most_skewed_difference_there_is(mirrored):
    """A few of very many respond in one arm, and the other is known: a gamma variable."""
    rare, known, shape = (LEAST, 1e6 * LEAST), (1e17, 1e17), LEAST
    z = np.linspace(-1.0, 1.0, 401) * 4.0
    wanted = stats.gamma.sf(shape + z * np.sqrt(shape), shape)
    if mirrored:
        rare, z, wanted = rare[::-1], -z, 1.0 - wanted
    mean = rare[0] / (rare[0] + rare[1])
    deviation = np.sqrt(LEAST) / (1e6 * LEAST)
    found = np.array([nearly_above(rare, known, mean - 0.5 + one * deviation) for one in z])
    worst = np.abs(found - wanted).max()
    assert 0.0075 < worst < NEAR
