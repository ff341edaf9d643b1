"""A success that is declared since a rule on several questions will hold: when, and what is false.

The twin completes the trial itself, table by table, from the words: each endpoint's responders to
come are beta-binomial and independent of the other's; the predicted rule is asked of every pair
of final tables; the claim of a success is that of the rule which it predicts.
"""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.analysis.replay import replayed
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.results.claims import FALSE, NONE, Claims
from adaptive_cart.results.estimand import true_values
from adaptive_cart.running.null_region import effects_of
from adaptive_cart.running.region import region_of
from adaptive_cart.telling.check import described
from analysis.test_real_trial_round_trip import as_file, same_end, simulated, table
from conduct.test_early_tells_late import Kept

Table = dict[str, Any]
LAST, FIRST, TRIALS = 24, 12, 40
ABOVE, BELOW, SURE, LIKELY = 0.35, 0.45, 0.8, 0.6


def design(
    word: str, free: float, fever: float, sign: str = "at_least", then: str = "declare_success"
) -> Design:
    """One arm, two endpoints; ends in success at its first look if the rule is likely to hold."""
    inner = [
        {"posterior": {"endpoint": "free", "arm": "cells", "above": ABOVE}, "at_least": SURE},
        {"posterior": {"endpoint": "fever", "arm": "cells", "above": BELOW}, "below": 1 - SURE},
    ]
    return Design(
        name="Predicted success",
        arms={"cells": {"product": "autologous"}},
        endpoints={
            "free": {"type": "landmark", "month": 2},
            "fever": {"type": "landmark", "month": 1},
        },
        analysis={
            name: {"model": "beta_binomial", "prior": {"a": 1.0, "b": 1.0}}
            for name in ("free", "fever")
        },
        enrolment={"max_n": LAST, "per_month": 6.0},
        looks={"observed": [FIRST, LAST]},
        rules=[
            {
                "name": "soon",
                "then": "declare_success",
                "predictive": {"rule": "both"},
                sign: LIKELY,
                "looks": [1],
            },
            {"name": "both", "then": then, word: inner, "looks": [2]},
        ],
        scenarios={
            "null": {
                "role": "null",
                "free": {"cells": free},
                "fever": {"cells": fever},
            }
        },
    )


@cache
def chance(responders: int, number: int, holds: Any) -> float:
    """Probability that something holds of the responders at the end."""
    law = stats.betabinom(LAST - number, 1.0 + responders, 1.0 + number - responders)
    return sum(float(law.pmf(more)) * holds(responders + more) for more in range(LAST + 1 - number))


@cache
def free_holds(responders: int) -> bool:
    return stats.beta(1 + responders, 1 + LAST - responders).sf(ABOVE) >= SURE


@cache
def fever_holds(responders: int) -> bool:
    return stats.beta(1 + responders, 1 + LAST - responders).sf(BELOW) < 1 - SURE


def first_look(made: Design) -> Kept:
    """The first look of some trials."""
    latents = latents_for(made, 5, 0, TRIALS)
    conduct = Kept(Plan.of(made), made.truths["null"], (), latents)
    conduct.look(1)
    return conduct


@pytest.mark.parametrize("sign", ["at_least", "below"])
@pytest.mark.parametrize("word", ["all", "any"])
def test_success_is_declared_where_the_predicted_rule_is_likely_to_hold(
    word: str, sign: str
) -> None:
    conduct = first_look(design(word, 0.45, 0.35, sign))
    assert conduct.seen is not None
    chances = []
    for name, holds in (("free", free_holds), ("fever", fever_holds)):
        counts = conduct.seen.summary(name)
        seen = counts.successes[:, 0, 0], counts.totals[:, 0, 0]
        chances.append([chance(int(x), int(n), holds) for x, n in zip(*seen, strict=True)])
    free, fever = np.array(chances)
    expected = free * fever if word == "all" else 1.0 - (1.0 - free) * (1.0 - fever)
    said = conduct.records[0].probabilities["soon"][:, 0]
    away = (said - expected) / 0.01  # the standard error that is stated, at most
    assert np.abs(away).max() < 4.0
    assert abs(away.mean()) < 4.0 / np.sqrt(TRIALS)
    assert expected.std() > 0.1  # floors: the trials differ
    won = conduct.standing.noted[0][:, 0] > 0
    np.testing.assert_array_equal(won, said >= LIKELY if sign == "at_least" else said < LIKELY)
    assert (conduct.standing.reason[won] == SUCCESS).all()
    assert 0 < won.sum() < TRIALS


@pytest.mark.parametrize("sign", ["at_least", "below"])
@pytest.mark.parametrize("word", ["all", "any"])
def test_its_claim_is_that_of_the_rule_which_it_predicts(word: str, sign: str) -> None:
    """A part claims what it asks, or with `below` the opposite: `fever` claims to be below."""
    for free, fever in itertools.product((0.7, 0.35, 0.3), (0.1, 0.45, 0.6)):
        made = design(word, free, fever, sign)
        so = free > ABOVE, fever < BELOW  # at its margin a claim is false
        whole = all(so) if word == "all" else any(so)
        claims = Claims.of(made, true_values(made, made.truths["null"]))
        assert claims.false(1) is not whole
        if sign == "below":  # the opposite; at a margin that is false, too
            not_so = free < ABOVE, fever > BELOW
            whole = any(not_so) if word == "all" else all(not_so)
        assert claims.false(0) is not whole


def test_what_it_claims_is_said_and_a_real_table_is_judged_alike(tmp_path: Path) -> None:
    made = design("all", 0.6, 0.3)
    said = described(made).splitlines()
    assert "    claims what 'both' claims, with all of its questions" in said
    plan, block = Plan.of(made), simulated(made, "null", 6, seed=2)
    ends = set()
    for trial in range(6):
        path = as_file(table(made, block, trial), tmp_path / "data.csv")
        same_end(block, trial, replayed(plan, read_participants(path, made)))
        ends.add(bool(block.standing.noted[0][trial, 0] > 0))
    assert ends == {True, False}


def test_a_run_counts_each_false_success_once() -> None:
    made = design("all", 0.5, BELOW)
    plan, truth = Plan.of(made), made.truths["null"]
    latents = latents_for(made, 5, 0, TRIALS)
    block = run_block(plan, truth, [np.nan] * len(plan.estimands), latents)
    found = Claims.of(made, true_values(made, truth)).of_trials(block.standing)
    success = block.standing.reason == SUCCESS
    np.testing.assert_array_equal(found, np.where(success, FALSE, NONE))
    assert (block.standing.noted[0][:, 0] > 0).any()
    assert (block.standing.noted[1][:, 0] > 0).any()


def test_the_null_region_is_that_of_all_that_is_claimed() -> None:
    """Of rates of one endpoint nothing can be said where another is claimed, too."""
    made = design("all", 0.3, 0.6, then="stop_enrolment")
    region = region_of(made)
    assert region.base is None
    assert region.words == "the null scenario 'null'"
    (soon, _) = Plan.of(made).rules
    names = {effect.question.endpoint for effect in effects_of([soon], made)}
    assert names == {"free", "fever"}
