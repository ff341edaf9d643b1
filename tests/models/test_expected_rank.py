"""The expected rank of an arm, by every model of three arms.

In other words than those of the documents, (K - E R) / (K - 1) for the place R of the arm among K
that are open: the mean of the probabilities to be better than each of the others.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adaptive_cart.models import ANALYSES
from adaptive_cart.nouns.questions import Question
from models.test_draws import TABLES, TWO_ARMS, posterior

RANKED = [name for name in TABLES if name not in TWO_ARMS]


def asked_of(name: str, among: tuple[int, ...], lowest: bool) -> Question:
    by = ANALYSES[name].ordered_by
    return Question(
        "y", among[0], kind="expected_rank", among=among, lowest=lowest, ordered_by=by
    )  # fmt: skip


@pytest.mark.parametrize("lowest", [False, True])
@pytest.mark.parametrize("name", RANKED)
def test_expected_ranks_of_all_arms_have_one_half_as_their_mean(name: str, lowest: bool) -> None:
    own = posterior(name)
    for among in ((0, 1, 2), (1, 2), (0, 2)):
        asked = asked_of(name, among, lowest)
        found = [own.probability(replace(asked, arm=arm)) for arm in among]
        error = own.error(asked)
        np.testing.assert_allclose(np.mean(found, axis=0), 0.5, atol=error, err_msg=str(among))
    assert set(own.probability(asked_of(name, (2,), lowest)).tolist()) == {1.0}


@pytest.mark.parametrize("name", RANKED)
def test_the_expected_rank_is_the_chance_to_be_better_than_another_arm(name: str) -> None:
    """By draws of the numbers that put arms in order, whichever way the model answers."""
    own = posterior(name)
    asked = asked_of(name, (1, 0, 2), lowest=True)
    first, *others = (own.draws(one) for one in asked.quantities(own.arms))
    better = np.mean([(first < other).mean(axis=1) for other in others], axis=0)
    error = 2.0 * own.drawn_error
    np.testing.assert_allclose(own.probability(asked), better, atol=error)
