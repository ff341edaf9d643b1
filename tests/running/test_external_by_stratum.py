"""An arm compared with external counts in one stratum: what was seen there, and not the sum.

The twin integrates over the registry's rate in the stratum: Beta(1, 1) and what was seen there.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.design.design import Design
from adaptive_cart.models import ANALYSES
from adaptive_cart.running.run import simulate
from adaptive_cart.telling.check import described
from conduct.test_completion import looks_of
from design.test_bad_input import changed, found

SEEN = {"active": (3, 60), "quiet": (24, 60)}
TRUE = {"active": (0.35, 0.05), "quiet": (0.45, 0.42)}
MARGIN, AT_LEAST = 0.1, 0.9


def single_arm() -> dict[str, Any]:
    return {
        "name": "one arm beside a registry, by stratum",
        "arms": {"cart": {}},
        "strata": {"active": 0.6, "quiet": 0.4},
        "external": {
            "registry": {
                "source": "a registry", "endpoint": "dfr",
                "responders": {name: seen[0] for name, seen in reversed(SEEN.items())},
                "participants": {name: seen[1] for name, seen in reversed(SEEN.items())},
            }
        },
        "endpoints": {"dfr": {"type": "landmark", "month": 6}},
        "analysis": {"dfr": {"model": "beta_binomial"}},
        "enrolment": {"max_n": 60, "per_month": 3.0},
        "looks": {"observed": [30, 60]},
        "rules": [
            {
                "name": "ahead", "then": "close_stratum", "below": 0.05, "looks": [1],
                "predictive": {"rule": "efficacy"},
            },
            {
                "name": "efficacy", "then": "declare_success", "at_least": AT_LEAST,
                "looks": ["final"],
                "posterior": {
                    "endpoint": "dfr", "arm": "cart", "minus": "registry", "above": MARGIN,
                    "stratum": "each",
                },
            },
        ],
        "scenarios": {
            "expected": {
                "dfr": {
                    "cart": {name: true[0] for name, true in TRUE.items()},
                    "registry": {name: true[1] for name, true in TRUE.items()},
                }
            }
        },
    }  # fmt: skip


@cache
def beyond(stratum: str, x: int, n: int) -> float:
    """P(cart - registry > margin) in a stratum after x of n."""
    responders, participants = SEEN[stratum]
    registry = stats.beta(1 + responders, 1 + participants - responders)
    cart = stats.beta(1 + x, 1 + n - x)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    rates = 0.5 * (nodes + 1.0) * (1.0 - MARGIN)
    return (
        0.5
        * (1.0 - MARGIN)
        * float((weights * registry.pdf(rates) * cart.sf(rates + MARGIN)).sum())
    )


def test_a_stratum_is_compared_with_what_was_seen_there() -> None:
    conduct, plan = looks_of(single_arm(), 3, "expected")
    seen = conduct.kept[0].summary("dfr")
    posterior = conduct.kept[0].posterior("dfr")
    ahead = conduct.records[0].probabilities["ahead"]
    for place, name in enumerate(SEEN):
        question = plan.rules[1].parts[0].targets[place]
        found_ = posterior.probability(question)
        planned = round(60 * (0.6, 0.4)[place])
        for trial in range(3):
            x, n, due = (int(part[trial, 0, place])
                         for part in (seen.successes, seen.totals, seen.due))  # fmt: skip
            assert found_[trial] == pytest.approx(beyond(name, x, n), abs=1e-9)
            more = max(planned - due, 0)
            mass = stats.betabinom.pmf(np.arange(more + 1), more, 1 + x, 1 + n - x)
            holds = [beyond(name, x + k, n + more) >= AT_LEAST for k in range(more + 1)]
            assert ahead[trial, place] == pytest.approx(float(mass @ holds), abs=1e-9)


def test_a_success_is_false_by_the_rates_of_its_stratum() -> None:
    """In the quiet stratum the true difference lies below the margin."""
    raw = single_arm()
    raw["rules"] = raw["rules"][1:]
    raw["rules"][0]["at_least"] = 0.3
    result = simulate(Design(**raw), trials=100, seed=1, jobs=1)
    false = result.figure("expected", "false_success").estimate
    success = result.figure("expected", "success").estimate
    assert 0.0 < false < success


def test_the_reference_has_the_counts_of_the_stratum() -> None:
    conduct, plan = looks_of(single_arm(), 2, "expected")
    design = plan.design
    analysis = plan.fitted["dfr"][0]
    face = analysis.reference(design.arm_names, design.stratum_names, design.shares)
    for place, name in enumerate(SEEN):
        question = plan.rules[1].parts[0].targets[place]
        data = face.data(conduct.kept[0].summary("dfr"), 0, None, question)
        responders, participants = SEEN[name]
        assert data["a"][1, 0] == 1 + responders
        assert data["b"][1, 0] == 1 + participants - responders


def test_it_is_told_by_stratum() -> None:
    told = described(Design(**single_arm()))
    assert "27 of 120 participants" in told
    assert "quiet 24/60, active 3/60" in told, "in the order written"


ABLE = [name for name, kind in ANALYSES.items() if kind.external_by_stratum]
WRONG = [
    ({"external/registry/responders": 27, "external/registry/participants": 120},
     "the numbers of [external.registry] are not told by stratum"),
    ({"rules/1/posterior/stratum": "open"}, "and not those that are open"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_what_is_refused(change: dict[str, Any], words: str) -> None:
    told = found(changed(copy.deepcopy(single_arm()), change))
    path = "rules[1].posterior.minus"
    assert any(place == path and words in message for place, message in told), told
    assert sorted(ABLE) == ["beta_binomial", "gamma_poisson", "normal", "piecewise_exponential"]


def test_truths_beside_external_data_are_told_by_the_names_of_strata() -> None:
    told = described(Design(**single_arm()))
    assert "dfr: active 0.050, quiet 0.420 as in registry, in these participants" in told
    assert "(seen there: 27 of 120 participants (active 3/60, quiet 24/60))" in told
