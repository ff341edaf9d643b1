"""Of several arms a hazard ratio is of the data of its two: probabilities, intervals and draws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adaptive_cart.models import ANALYSES
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Durations

SHARES = (0.6, 0.4)
TABLES: dict[str, dict[str, Any]] = {
    "piecewise_exponential": {"cuts": [6.0]},
    "stratified_piecewise_exponential": {},
    "stratified_piecewise_exponential, own": {"hazard_ratios": "own"},
}


def data(arms: int = 4, trials: int = 5, people: int = 80) -> Durations:
    """Trials of four arms, the later ones with a lower hazard."""
    rng = np.random.default_rng(8)
    shape = (trials, people)
    arm = np.tile(np.arange(people) % arms, (trials, 1)).astype(np.int8)
    stratum = (rng.random(shape) < SHARES[1]).astype(np.int8)
    event, seen = rng.exponential(8.0 + 3.0 * arm), rng.uniform(1.0, 24.0, shape)
    nothing = np.zeros((trials, arms, 2), dtype=np.int64)
    return Durations(
        np.minimum(event, seen), event < seen, rng.random(shape) < 0.9, arm, stratum,
        nothing, nothing, 1.0 * nothing,
    )  # fmt: skip


def of_two_arms(whole: Durations, pair: tuple[int, int]) -> Durations:
    """The trial that has only these arms, the second of them as the experimental one."""
    here = np.isin(whole.arm, pair)
    nothing = np.zeros((len(whole.months), 2, 2), dtype=np.int64)
    return replace(
        whole, arm=(whole.arm == pair[1]).astype(np.int8), included=whole.included & here,
        participants=nothing, events=nothing, exposure=1.0 * nothing,
    )  # fmt: skip


def posterior(name: str, summary: Durations, arms: int) -> Any:
    prior = {
        "baseline": {"a": 0.5, "b": 5.0},
        "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.0},
    }
    model = name.split(",")[0]
    table = ANALYSES[model].model_validate({"model": model, "prior": prior, **TABLES[name]})
    names = ("soc", "auto", "allo", "tce")[:arms]
    return table.posterior(table.fitted(names, SHARES), summary, None)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("pair", [(0, 1), (0, 3), (2, 3)])
def test_several_arms_say_of_a_ratio_what_its_two_say(name: str, pair: tuple[int, int]) -> None:
    whole = data()
    asked = Question("flare", pair[1], pair[0], value=0.9, above=False, kind="hazard_ratio")
    alone = Question("flare", 1, 0, value=0.9, above=False, kind="hazard_ratio")
    many, two = posterior(name, whole, 4), posterior(name, of_two_arms(whole, pair), 2)
    assert np.allclose(many.probability(asked), two.probability(alone), rtol=0.0, atol=1e-9)
    for mine, theirs in zip(many.limits(asked, 0.95), two.limits(alone, 0.95), strict=True):
        assert mine == pytest.approx(theirs, rel=0.03)
    low, high = many.limits(asked, 0.95)
    for trial in range(len(low)):
        for end, below in ((low, 0.025), (high, 0.975)):
            chance = many.probability(asked.at(float(end[trial])))[trial]
            assert chance == pytest.approx(below, abs=0.003)
    # as it is asked with another: their probability at once is that it is between two values
    least = replace(asked, value=0.5, above=True)
    between = many.probability(least) + many.probability(asked) - 1.0
    assert many.together([least, asked]) == pytest.approx(between, abs=0.01)
