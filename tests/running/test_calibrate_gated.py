"""Gated claims on endpoints of their own: each threshold keeps its amount, by enumeration too."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.design.design import Design
from adaptive_cart.results.estimand import true_values
from adaptive_cart.results.shared_calibration import SharedCalibration
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.calibrating.claims import _truths
from adaptive_cart.running.region import with_found, with_threshold

ARM = 30  # participants; one look, at which everybody is known, so that tables decide
MARGIN = {"first": 0.0, "second": 0.0, "third": 0.1}
PASSED = {"first": {"second": 0.5, "third": 0.5}, "second": {"third": 1.0}}


def asked(endpoint: str) -> dict[str, Any]:
    return {"endpoint": endpoint, "arm": "cart", "minus": "soc", "above": MARGIN[endpoint]}


def gated() -> dict[str, Any]:
    """A success on one endpoint opens a claim on the next, and that one on the last."""
    month, flat = {"type": "landmark", "month": 6.0}, {"a": 1.0, "b": 1.0}
    claims = [
        {"name": name, "then": "claim", "requires": [before], "posterior": asked(name),
         "at_least": "calibrate"}
        for before, name in (("first", "second"), ("second", "third"))
    ]  # fmt: skip

    def rates(first: float, second: float, third: float) -> dict[str, Any]:
        own = dict(zip(MARGIN, (first, second, third), strict=True))
        return {name: {"soc": 0.2, "cart": rate} for name, rate in own.items()}

    return {
        "name": "gated", "arms": {"soc": {"control": True}, "cart": {}},
        "endpoints": {name: month for name in MARGIN},
        "analysis": {name: {"model": "beta_binomial", "prior": flat} for name in MARGIN},
        "enrolment": {"max_n": 2 * ARM, "per_month": 4.0}, "looks": {"observed": [2 * ARM]},
        "rules": [{"name": "first", "then": "declare_success", "posterior": asked("first"),
                   "at_least": "calibrate"}, *claims],
        "claims": {"alpha": {"first": 0.03, "second": 0.01, "third": 0.01}, "passes_to": PASSED},
        "calibration": {"type_one_error": 0.05},
        "scenarios": {"null": {"role": "null", **rates(0.2, 0.2, 0.2)},
                      "expected": {"role": "alternative", **rates(0.6, 0.5, 0.5)},
                      "first_only": {"role": "robustness", **rates(0.7, 0.2, 0.3)}},
    }  # fmt: skip


@cache
def beliefs(margin: float) -> np.ndarray[Any, Any]:
    """P(cart − soc > margin | table), by the definition: an integral over the control's rate."""
    points = (np.arange(2000) + 0.5) / 2000
    density = np.stack([stats.beta.pdf(points, 1 + x, 1 + ARM - x) for x in range(ARM + 1)])
    above = np.stack([stats.beta.sf(points + margin, 1 + x, 1 + ARM - x) for x in range(ARM + 1)])
    return density @ above.T / len(points)  # (soc, cart)


def reached(endpoint: str, threshold: float, soc: float, cart: float) -> float:
    """Probability that an endpoint's table reaches a threshold."""
    tables = np.arange(ARM + 1)
    of_soc, of_cart = (stats.binom.pmf(tables, ARM, rate) for rate in (soc, cart))
    return float(of_soc @ (beliefs(MARGIN[endpoint]) >= threshold) @ of_cart)


def worst(endpoint: str, threshold: float) -> float:
    """The largest probability of a false one over a grid of control rates, at the margin."""
    controls = np.linspace(0.0, 1.0 - MARGIN[endpoint], 91)
    return max(reached(endpoint, threshold, c, c + MARGIN[endpoint]) for c in controls)


def test_every_claim_is_false_in_all_truths_in_which_it_is_held_to_be() -> None:
    """Control rates of claims on several endpoints are rates of different endpoints."""
    design = with_threshold(Design(**gated()), 0.5)
    truths = _truths(design, ["second", "third"])
    for claim, margin in (("second", 0.0), ("third", 0.1)):
        varied = set()
        for name in truths.of[claim]:
            value = true_values(design, truths.by_name[name])
            soc, cart = (value.by_arm[claim][arm].value for arm in (0, 1))
            assert cart - soc <= margin + 1e-12, name
            varied.add(round(soc, 4))
        assert {0.0, 0.05, 0.5, 0.95, 1.0} <= varied
    assert len(truths.by_name) == len({id(truth) for truth in truths.by_name.values()})


@pytest.mark.slow
def test_thresholds_of_gated_claims_keep_their_amounts_by_enumeration() -> None:
    """Each amount is kept in the worst case over all control rates, and so is their sum."""
    trials = 4_000
    design = Design(**gated())
    found = calibrate(design, trials=trials, jobs=1)
    assert isinstance(found, SharedCalibration)
    assert {(one.rule, one.alpha) for one in found.claims} == {("second", 0.025), ("third", 0.05)}
    for one in found.claims:
        error = worst(one.rule, one.threshold)
        off = 4.0 * np.sqrt(one.alpha * (1.0 - one.alpha) / trials)
        assert one.alpha - 3.0 * off <= error <= one.alpha + off, (one.rule, one.alpha, error)
    assert found.success is not None
    assert worst("first", found.success.threshold) <= 0.03 + 1e-9
    # as it acts: what is required holds, and the claim is false
    final = with_found(design, found)
    thresholds = {rule.name: rule.at_least for rule in final.rules}
    t = {name: max(np.atleast_1d(v["threshold"] if isinstance(v, dict) else v))
         for name, v in thresholds.items()}  # fmt: skip
    for point in found.family:
        if point.name not in final.truths:  # rates of one claim, which are in no file
            continue
        truth = final.truths[point.name]
        rates = {name: [by[0] for by in truth.direct[name]] for name in MARGIN}
        holds = {name: reached(name, t[name], *rates[name]) for name in MARGIN}
        false = {name: rates[name][1] - rates[name][0] <= MARGIN[name] for name in MARGIN}
        first, second, third = (holds[name] for name in MARGIN)
        # the first false one counts, and each is asked only where those before have held
        chain = 0.0
        if false["first"]:
            chain = first
        elif false["second"]:
            chain = first * second
        elif false["third"]:
            chain = first * second * third
        figure = point.any_false
        assert abs(figure.estimate - chain) <= 4.0 * np.sqrt(max(chain, 0.002) / figure.n)
        assert chain <= 0.05
