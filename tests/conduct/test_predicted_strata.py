"""Predicting rules about strata, whose priors are mixtures: against a sum over every last table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import SimulatedConduct
from adaptive_cart.design.design import Design
from adaptive_cart.participants.population import latents_for

Parts = list[tuple[float, float, float]]  # weight, a, b
ROBUST: Parts = [(0.8, 3.0, 27.0), (0.2, 1.0, 1.0)]
FLAT: Parts = [(1.0, 1.0, 1.0)]


def design() -> dict[str, Any]:
    """Two strata, a robust prior of the control, success and futility in each stratum."""
    mixture = [{"weight": w, "a": a, "b": b} for w, a, b in ROBUST]
    asked = {"endpoint": "r", "arm": "cart", "minus": "soc", "above": 0.1, "stratum": "each"}
    return {
        "name": "strata",
        "arms": {"soc": {"control": True}, "cart": {}},
        "strata": {"one": 0.5, "two": 0.5},
        "endpoints": {"r": {"type": "landmark", "month": 3.0}},
        "analysis": {
            "r": {
                "model": "beta_binomial",
                "prior": {"soc": {"mixture": mixture}, "cart": {"a": 1.0, "b": 1.0}},
            }
        },
        "enrolment": {"max_n": 28, "per_month": 5.0},
        "looks": {"observed": [14, 28]},
        "rules": [
            {"name": "hopeless", "then": "close_stratum", "predictive": {"rule": "works"},
             "below": 0.01, "looks": [1]},
            {"name": "works", "then": "declare_success", "posterior": asked, "at_least": 0.9},
        ],
        "scenarios": {"a": {"role": "alternative", "r": {"soc": 0.1, "cart": 0.35}}},
    }  # fmt: skip


def updated(parts: Parts, x: int, n: int) -> Parts:
    """The posterior of a mixture of betas, by its marginal likelihoods."""
    weights = [w * stats.betabinom.pmf(x, n, a, b) for w, a, b in parts]
    both = zip(weights, parts, strict=True)
    return [(w / sum(weights), a + x, b + n - x) for w, (_, a, b) in both]


def above(control: Parts, cart: Parts, margin: float) -> float:
    """P(cart - control > margin) by quadrature."""
    node, weight = np.polynomial.legendre.leggauss(200)
    at = (1.0 - margin) * (node + 1.0) / 2.0
    density = sum(
        w * np.exp((a - 1) * np.log(at) + (b - 1) * np.log1p(-at) - special.betaln(a, b))
        for w, a, b in control
    )
    beyond = sum(w * special.betaincc(a, b, at + margin) for w, a, b in cart)
    return float((weight * density * beyond).sum() * (1.0 - margin) / 2.0)


def test_each_stratum_is_predicted_with_its_mixture() -> None:
    made = Design(**design())
    trials = 2
    conduct = SimulatedConduct(Plan.of(made), made.truths["a"], (), latents_for(made, 4, 0, trials))
    conduct.look(1)
    record, compared = conduct.records[0], 0
    counts: Any = record.summaries["r"]
    for trial in range(trials):
        for stratum in (0, 1):
            found = record.probabilities["hopeless"][trial, stratum]
            if np.isnan(found):
                continue
            x, n = counts.successes[trial, :, stratum], counts.totals[trial, :, stratum]
            more = [max(7 - int(counts.due[trial, arm, stratum]), 0) for arm in (0, 1)]
            now = [updated(p, int(x[k]), int(n[k])) for k, p in enumerate((ROBUST, FLAT))]
            expected = 0.0
            for i in range(more[0] + 1):
                for j in range(more[1] + 1):
                    mass = [
                        sum(w * stats.betabinom.pmf(new, more[k], a, b) for w, a, b in now[k])
                        for k, new in enumerate((i, j))
                    ]
                    last = [updated(now[0], i, more[0]), updated(now[1], j, more[1])]
                    expected += mass[0] * mass[1] * (above(*last, 0.1) >= 0.9)
            assert found == pytest.approx(expected, abs=1e-9)
            compared += 1
    assert compared >= 4
