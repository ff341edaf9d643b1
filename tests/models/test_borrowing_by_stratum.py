"""Questions about a stratum of an arm that borrows: what was seen there is borrowed.

The twin is written from the definition of each prior: external counts of the stratum are added to
Beta(1, 1), for a share of each, or mixed with it by what the arm's own data say.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.analysis import analyze
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.errors import EngineError
from adaptive_cart.nouns.questions import ALL, Question
from adaptive_cart.participants.population import latents_for
from adaptive_cart.priors.claims import prior_predictive
from adaptive_cart.results.borrowing import added
from adaptive_cart.running.run import simulate
from adaptive_cart.telling.check import described
from adaptive_cart.verification.verified_rows import Comparison
from design.test_bad_input import changed, found

SEEN = {"active": (3, 30), "quiet": (12, 20)}
STRATA = tuple(SEEN)
METHODS: dict[str, dict[str, Any]] = {
    "pooled": {"method": "pooled"},
    "power": {"method": "power", "weight": 0.3},
    "sam": {"method": "sam", "difference": 0.2},
}
NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)
STEPS = 0.5 * (NODES + 1.0)  # flat at both ends, where powers that are not whole are not smooth
RATES = 0.9 * STEPS**2 * (3.0 - 2.0 * STEPS)  # nobody exceeds a control beyond 0.9 by 0.1
WIDTHS = 0.5 * WEIGHTS * 0.9 * 6.0 * STEPS * (1.0 - STEPS)


def stratified(method: str) -> dict[str, Any]:
    responders = {name: SEEN[name][0] for name in reversed(STRATA)}  # in whatever order
    participants = {name: SEEN[name][1] for name in reversed(STRATA)}
    return {
        "name": "by stratum",
        "arms": {"soc": {"control": True}, "cart": {}},
        "strata": {"active": 0.6, "quiet": 0.4},
        "endpoints": {"dfr": {"type": "landmark", "month": 6}},
        "external": {
            "registry": {
                "source": "s", "endpoint": "dfr", "responders": responders,
                "participants": participants,
            }
        },
        "analysis": {
            "dfr": {
                "model": "beta_binomial",
                "prior": {"soc": {"external": ["registry"], **METHODS[method]}},
            }
        },
        "enrolment": {"max_n": 60, "per_month": 3.0},
        "looks": {"observed": [30, 60]},
        "rules": [
            {
                "name": "efficacy", "then": "declare_success", "at_least": 0.99,
                "posterior": {
                    "endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.1,
                    "stratum": "each",
                },
            },
            {
                "name": "ahead", "then": "close_stratum", "below": 1e-9, "looks": [1],
                "predictive": {"rule": "efficacy"},
            },
        ],
        "scenarios": {
            "expected": {
                "dfr": {
                    "soc": {"active": 0.2, "quiet": 0.4},
                    "cart": {"active": 0.4, "quiet": 0.7},
                }
            }
        },
    }  # fmt: skip


def components(method: str, stratum: str, x: int, n: int) -> list[tuple[float, float, float]]:
    """Weight and both parameters of the control's posterior in a stratum, from the definition."""
    responders, participants = SEEN[stratum]
    if method != "sam":
        share = METHODS[method].get("weight", 1.0)
        a, b = 1 + share * responders, 1 + share * (participants - responders)
        return [(1.0, a + x, b + n - x)]
    a, b = 1 + responders, 1 + participants - responders
    rate = a / (a + b)
    same, *others = (
        stats.binom.pmf(x, n, np.clip(p, 0.01, 0.99)) for p in (rate, rate + 0.2, rate - 0.2)
    )
    prior = same / (same + max(others))
    likelihood = stats.betabinom.pmf(x, n, a, b), stats.betabinom.pmf(x, n, 1, 1)
    weights = prior * likelihood[0], (1 - prior) * likelihood[1]
    both = (a + x, b + n - x), (1 + x, 1 + n - x)
    return [(w / sum(weights), *part) for w, part in zip(weights, both, strict=True)]


def above(method: str, stratum: str, control: tuple[int, int], other: tuple[int, int]) -> float:
    (y, m) = other
    beyond = stats.beta(1 + y, 1 + m - y).sf(RATES + 0.1)
    return sum(
        w * float((WIDTHS * stats.beta(a, b).pdf(RATES) * beyond).sum())
        for w, a, b in components(method, stratum, *control)
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_stratum_borrows_what_was_seen_there(method: str) -> None:
    design = Design(**stratified(method))
    plan = Plan.of(design)
    latents = latents_for(design, 3, 0, 6)
    block = run_block(plan, design.truths["expected"], (0.24,) * len(plan.estimands), latents)
    record = block.looks[0]
    counts = record.summaries["dfr"]
    seen = [np.asarray(part)[:, :, k] for k in (0, 1) for part in (counts.successes, counts.totals)]
    for k, stratum in enumerate(STRATA):
        x, n = seen[2 * k], seen[2 * k + 1]
        for trial in range(6):
            control, cart = ((int(x[trial, arm]), int(n[trial, arm])) for arm in (0, 1))
            expected = above(method, stratum, control, cart)
            assert record.probabilities["efficacy"][trial, k] == pytest.approx(expected, abs=1e-9)
        (arm,) = (one for one in plan.borrowing if one.suffix == f"dfr_soc_{stratum}")
        found_ = added(arm, counts)
        for trial in range(6):
            own = int(x[trial, 0]), int(n[trial, 0])
            parts = components(method, stratum, *own)
            mean = sum(w * a / (a + b) for w, a, b in parts)
            square = sum(w * a * (a + 1) / ((a + b) * (a + b + 1)) for w, a, b in parts)
            size = mean * (1 - mean) / (square - mean**2) - 1 - (own[1] + 2)
            assert found_.participants[trial] == pytest.approx(size, abs=1e-9)


def test_what_is_predicted_of_a_stratum_goes_by_its_own_prior() -> None:
    design = Design(**stratified("sam"))
    plan = Plan.of(design)
    block = run_block(
        plan, design.truths["expected"], (0.24,) * len(plan.estimands), latents_for(design, 3, 0, 1)
    )
    counts, k = block.looks[0].summaries["dfr"], 1
    (x, y), (n, m) = (np.asarray(part)[0, :, k] for part in (counts.successes, counts.totals))
    due = np.asarray(counts.due)[0, :, k]
    more = np.maximum(np.rint(np.array(design.planned) * 0.4).astype(int) - due, 0)
    mass = sum(
        w * stats.betabinom.pmf(np.arange(more[0] + 1), more[0], a, b)
        for w, a, b in components("sam", "quiet", int(x), int(n))
    )
    other = stats.betabinom.pmf(np.arange(more[1] + 1), more[1], 1 + y, 1 + m - y)
    expected = sum(
        mass[i] * other[j]
        for i in range(more[0] + 1)
        for j in range(more[1] + 1)
        if above("sam", "quiet", (int(x) + i, int(n + more[0])), (int(y) + j, int(m + more[1])))
        >= 0.99
    )
    assert block.looks[0].probabilities["ahead"][0, k] == pytest.approx(expected, abs=1e-9)
    assert 0.001 < expected < 0.99


def test_the_reference_has_the_prior_of_the_stratum() -> None:
    design = Design(**stratified("power"))
    plan = Plan.of(design)
    truth, latents = design.truths["expected"], latents_for(design, 3, 0, 1)
    block = run_block(plan, truth, (0.24,) * len(plan.estimands), latents)
    analysis = plan.fitted["dfr"][0]
    reference = analysis.reference(design.arm_names, STRATA, design.shares)
    summary = block.looks[0].summaries["dfr"]
    for k, stratum in enumerate(STRATA):
        data = reference.data(summary, 0, None, Question("dfr", 1, 0, stratum=k))
        responders, participants = SEEN[stratum]
        assert data["a"][0, 0] == pytest.approx(1 + 0.3 * responders)
        assert data["b"][0, 0] == pytest.approx(1 + 0.3 * (participants - responders))
        assert data["totals"].tolist() == np.asarray(summary.totals)[0, :, k].tolist()
    assert "a" not in reference.data(summary, 0, None, Question("dfr", 1, 0))  # all: as always


def test_what_is_verified_of_a_prediction_has_the_prior_of_the_stratum() -> None:
    design = Design(**stratified("power"))
    asked = Question("dfr", 1, 0, stratum=1, value=0.1)
    counts, answer = Comparison(design, 1)._last_tables(asked, [1, 0], ((4, 6), (10, 10), (12, 11)))
    seen = np.asarray(counts.successes)[:, :, 1]
    for (x, y), found_ in zip(seen.tolist(), answer, strict=True):
        assert found_ == pytest.approx(above("power", "quiet", (x, 12), (y, 11)), abs=1e-9)


def test_it_is_told_and_measured_by_stratum() -> None:
    design = Design(**stratified("power"))
    words = described(design)
    assert "soc in active borrows from external data" in words
    assert "registry: 12 of 20 participants" in words
    own = [line.strip() for line in words.splitlines() if " worth " in line]
    assert [line.partition(":")[0] for line in own] == [
        "dfr, soc, all strata together", "dfr, soc, active", "dfr, soc, quiet", "dfr, cart",
    ]  # fmt: skip
    for line, (responders, participants) in zip(own[1:3], SEEN.values(), strict=True):
        a, b = 1 + 0.3 * responders, 1 + 0.3 * (participants - responders)
        assert f"mean {a / (a + b):.3f}" in line
    result = simulate(design, trials=20, seed=1, jobs=1)
    whole, *each = (
        result.figure("expected", "borrowed_dfr_mean", arm="soc", **where).estimate
        for where in ({}, {"stratum": "active"}, {"stratum": "quiet"})
    )
    assert whole == pytest.approx(15.0, abs=1e-9)
    assert each == pytest.approx([9.0, 6.0], abs=1e-9)


def test_priors_are_moved_from_what_is_borrowed_in_the_stratum() -> None:
    raw = stratified("pooled")
    raw["rules"] = raw["rules"][:1]
    raw["rules"][0]["at_least"] = 0.6
    design = Design(**raw)
    rows = ac.example(design, scenario="expected", trial=2).participants
    found_ = analyze(design, rows, look=1, fast=True, tipping=True)
    assert found_.findings.tipping is not None
    seen = np.asarray(found_.recorded.summary("dfr").successes)[0]
    analysed = np.asarray(found_.recorded.summary("dfr").totals)[0]
    told = [tip for tip in found_.findings.tipping.priors if tip.arm == "soc"]
    turned = 0
    for stratum, name in enumerate(STRATA):
        responders, participants = SEEN[name]
        size, mean = (tip for tip in told if name in tip.question and tip.what in ("size", "mean"))
        assert size.now == participants + 2
        assert mean.now == pytest.approx((responders + 1) / (participants + 2))
        (x, y), (n, m) = seen[:, stratum], analysed[:, stratum]
        for value in (mean.below, mean.above):
            if value is not None:
                a = value * size.now
                control = stats.beta(a + x, size.now - a + n - x).pdf(RATES)
                other = stats.beta(1 + y, 1 + m - y).sf(RATES + 0.1)
                assert float((WIDTHS * control * other).sum()) == pytest.approx(0.6, abs=1e-4)
                turned += 1
    assert turned


def test_a_prediction_is_decided_exactly_where_it_is_by_the_prior_of_the_stratum() -> None:
    """Half of 14 of 50 is a whole number, and half of 3 of 30 is none."""
    raw = stratified("power")
    raw["external"]["registry"]["responders"] = {"active": 3, "quiet": 11}
    raw["analysis"]["dfr"]["prior"]["soc"]["weight"] = 0.5
    plan = Plan.of(Design(**raw))
    posterior, predicted = plan.parts
    for part in (posterior, predicted):
        in_a_stratum = part.targets[0]
        whole = replace(in_a_stratum, stratum=ALL)
        assert part.asks.error_in(plan.fitted, whole, (10, 10)).most == 0.0
        assert part.asks.error_in(plan.fitted, in_a_stratum, (10, 10)).most > 0.0


def test_no_trials_are_drawn_of_priors_that_differ_by_stratum() -> None:
    raw = stratified("pooled")
    raw["rules"] = raw["rules"][:1]
    with pytest.raises(EngineError, match="'dfr' has another prior in each stratum"):
        prior_predictive(Design(**raw), trials=10)
    del raw["rules"][0]["posterior"]["stratum"]  # of all together there is one
    assert prior_predictive(Design(**raw), trials=10).trials == 10


def test_earlier_months_predict_by_what_is_borrowed_in_the_stratum() -> None:
    """The twin says the prior of one stratum in numbers, for both: Beta(1, 1) and what was seen."""
    raw = stratified("pooled")
    raw["prediction"] = {"dfr": {"from": [3.0]}}
    late = {"month": 6.0, "from_in": {"in": 0.9}, "from_out": {"in": 0.2}}
    raw["scenarios"]["expected"]["dfr"] = {
        arm: {"chain": [{"month": 3.0, "in": share, "failed": 0.1}, late]}
        for arm, share in (("soc", 0.3), ("cart", 0.6))
    }
    ahead = raw["rules"].pop()
    raw["rules"].insert(0, ahead)

    def predicted(raw: dict[str, Any]) -> np.ndarray:
        design = Design(**raw)
        plan, latents = Plan.of(design), latents_for(design, 3, 0, 8)
        targets = (0.24,) * len(plan.estimands)
        block = run_block(plan, design.truths["expected"], targets, latents)
        return block.looks[0].probabilities["ahead"]

    mine = predicted(raw)
    for place, name in enumerate(STRATA):
        x, n = SEEN[name]
        told = copy.deepcopy(raw)
        del told["external"]
        told["analysis"]["dfr"]["prior"] = {
            "soc": {"a": 1.0 + x, "b": 1.0 + n - x}, "cart": {"a": 1.0, "b": 1.0}
        }  # fmt: skip
        np.testing.assert_allclose(mine[:, place], predicted(told)[:, place], rtol=1e-12)
    assert np.ptp(mine) > 0.01


def test_the_second_endpoint_of_a_joint_question_is_measured_by_stratum_too() -> None:
    raw = stratified("pooled")
    raw["endpoints"] = {
        "crs": {"type": "landmark", "month": 6, "primary": True}, "dfr": raw["endpoints"]["dfr"]
    }  # fmt: skip
    asked = raw["rules"][0].pop("posterior")
    raw["rules"] = [raw["rules"][0] | {"jointly": [asked | {"endpoint": "crs"}, asked]}]
    raw["scenarios"]["expected"]["crs"] = dict(raw["scenarios"]["expected"]["dfr"])
    plan = Plan.of(Design(**raw))
    assert [arm.suffix for arm in plan.borrowing] == [
        "dfr_soc", "dfr_soc_active", "dfr_soc_quiet"
    ]  # fmt: skip


WRONG = [
    ({"external/registry/responders": 15, "external/registry/participants": 50},
     "rules[0].posterior.stratum", "write the numbers of [external.registry] by stratum"),
    ({"external/registry/responders": {"active": 3, "calm": 12},
      "external/registry/participants": {"active": 30, "calm": 20}},
     "external.registry.responders", "found the strata active, calm; those of the design"),
    ({"rules/0/posterior/stratum": "open"}, "rules[0].posterior.stratum", "not in those that are"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "path", "words"), WRONG)
def test_what_is_refused(change: dict[str, Any], path: str, words: str) -> None:
    told = found(changed(copy.deepcopy(stratified("sam")), change))
    assert any(place == path and words in message for place, message in told), told
