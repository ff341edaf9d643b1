"""Answers to tables met lately, against working every one of them out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adaptive_cart.models.binary import beta_tables
from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.models.binary.beta_binomial_analysis import CountsPosterior
from adaptive_cart.models.lately import Lately
from adaptive_cart.models.posterior import Posterior
from adaptive_cart.nouns.questions import Question


@pytest.mark.parametrize("places_log", [1, 4, 12])
def test_what_was_met_is_not_asked_again_and_what_lost_its_place_is(places_log):
    lately, asked = Lately(places_log), []

    def odd(keys):
        def work_out(rows):
            asked.append(len(rows))
            return keys[rows] % 7 < 3

        return work_out

    rng = np.random.default_rng(3)
    for _ in range(30):
        keys = rng.integers(0, 60, 200) << 40
        assert (lately.answers(keys, odd(keys)) == (keys % 7 < 3)).all()
    few = keys[:1].repeat(5)  # alone, so that nothing takes its place
    lately.answers(few, odd(few))
    before = len(asked)
    lately.answers(few, odd(few))
    assert len(asked) == before
    # in sixty places or more hardly any of sixty tables is asked for twice
    assert sum(asked) > 3_000 if places_log == 1 else sum(asked) < 6_000
    assert places_log < 12 or sum(asked) <= 300


def test_small_integers_of_counts_have_room_for_their_key():
    """Two tables that differ in their first count alone, which is shifted furthest."""
    beta_tables._lately.cache_clear()
    flat = BetaMixture.single(1, 1)
    successes, totals = np.array([[[3], [9]], [[11], [9]]]), np.full((2, 2, 1), 20)
    wide = CountsPosterior(BetaBinomial((flat, flat)), successes, totals, None)
    small = replace(wide, successes=successes.astype(np.int16), totals=totals.astype(np.int16))
    question = Question("dfr", 0, 1, 0.1)
    found = wide.covers(question, 0.5)
    assert found.tolist() == [False, True]
    assert (small.covers(question, 0.5) == found).all()


@pytest.mark.parametrize("too_many", [False, True])
def test_intervals_are_of_their_priors_value_and_level(too_many):
    """Tables that have been met under another question, one after the other."""
    beta_tables._lately.cache_clear()
    rng = np.random.default_rng(8)
    totals = rng.integers(0, 30, (300, 3, 1))
    successes = rng.binomial(totals, 0.3)
    if too_many:  # to have a place
        totals[:5], successes[:5] = beta_tables.COUNT_LIMIT, 900
    flat, other = BetaMixture.single(1, 1), BetaMixture.single(3, 9)
    found = []
    for priors in ((flat, flat, other), (other, flat, flat)):
        seen = CountsPosterior(BetaBinomial(priors), successes, totals, None)
        for arm, minus in ((1, 0), (2, 0), (0, 1)):
            for value, level in ((0.1, 0.95), (0.1, 0.5), (0.25, 0.5)):
                question = Question("dfr", arm, minus, value)
                for _ in range(2):
                    found.append(seen.covers(question, level))
                    assert (found[-1] == Posterior.covers(seen, question, level)).all()
    assert len({one.tobytes() for one in found}) == len(found) // 2
    assert bool(beta_tables._lately.cache_info().hits) != too_many
