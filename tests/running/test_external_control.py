"""A single arm beside an external control: against plain sums, and what is judged by its truth."""

from __future__ import annotations

import copy
import math
import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.run import simulate
from adaptive_cart.telling.check import described
from conduct.test_completion import ALLOWED, looks_of, predicting
from conduct.test_fast_equals_twin import compare, raw_design
from design.test_bad_input import changed, found
from running.test_exact_single_arm import told

MARGIN, LOOKS, AT_LEAST, FUTILE = 0.15, (16, 32), 0.95, 0.10
RESPONDERS, PARTICIPANTS = 14, 310
TRUTHS = {"as_seen": (0.35, 0.045), "drift": (0.35, 0.20), "null": (0.25, 0.10)}
DESIGN: dict[str, Any] = {
    "name": "one arm beside a registry",
    "arms": {"cart": {}},
    "external": {
        "registry": {
            "source": "a registry",
            "endpoint": "dfr",
            "responders": RESPONDERS,
            "participants": PARTICIPANTS,
        }
    },
    "endpoints": {"dfr": {"type": "landmark", "month": 12}},
    "analysis": {
        "dfr": {"model": "beta_binomial", "prior": {"registry": {"a": 0.5, "b": 2.0}}},
    },
    "enrolment": {"max_n": LOOKS[-1], "per_month": 3},
    "looks": {"observed": [*LOOKS]},
    "rules": [
        {
            "name": "efficacy",
            "then": "declare_success",
            "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "registry", "above": MARGIN},
            "at_least": AT_LEAST,
        },
        {
            "name": "futility",
            "then": "declare_futility",
            "predictive": {"rule": "efficacy"},
            "below": FUTILE,
            "looks": [1],
        },
    ],
    "scenarios": {
        name: {"role": "null" if name == "null" else "alternative",
               "dfr": {"cart": cart, "registry": registry}}
        for name, (cart, registry) in TRUTHS.items()
    },
}  # fmt: skip
REGISTRY = stats.beta(0.5 + RESPONDERS, 2.0 + PARTICIPANTS - RESPONDERS)


@cache
def beyond(x: int, n: int) -> float:
    """P(cart - registry > margin) after x of n, by Gauss and Legendre over the registry's rate."""
    cart = stats.beta(1 + x, 1 + n - x)
    low, high = REGISTRY.ppf(1e-15), REGISTRY.isf(1e-15)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    rates = low + 0.5 * (high - low) * (nodes + 1.0)
    return 0.5 * float(
        (high - low) * (weights * REGISTRY.pdf(rates) * cart.sf(rates + MARGIN)).sum()
    )


def predicted(x: int) -> float:
    more = LOOKS[1] - LOOKS[0]
    weights = stats.betabinom(more, 1 + x, 1 + LOOKS[0] - x)
    held = [k for k in range(more + 1) if beyond(x + k, LOOKS[1]) >= AT_LEAST]
    return math.fsum(float(weights.pmf(k)) for k in held)


def plain_sum(cart: float, registry: float) -> dict[str, float]:
    found = dict.fromkeys(("success", "stop_futility", "bias"), 0.0)

    def end(mass: float, x: int, n: int, why: str | None) -> None:
        if why:
            found[why] += mass
        estimate = (1 + x) / (2 + n) - float(REGISTRY.mean())
        found["bias"] += mass * (estimate - (cart - registry))

    for x in range(LOOKS[0] + 1):
        mass = float(stats.binom.pmf(x, LOOKS[0], cart))
        if beyond(x, LOOKS[0]) >= AT_LEAST:
            end(mass, x, LOOKS[0], "success")
        elif predicted(x) < FUTILE:
            end(mass, x, LOOKS[0], "stop_futility")
        else:
            more = LOOKS[1] - LOOKS[0]
            for k in range(more + 1):
                won = beyond(x + k, LOOKS[1]) >= AT_LEAST
                part = mass * float(stats.binom.pmf(k, more, cart))
                end(part, x + k, LOOKS[1], "success" if won else None)
    return found


def test_enumeration_is_the_plain_sum() -> None:
    result = simulate(Design(**DESIGN), jobs=1)
    for name, (cart, registry) in TRUTHS.items():
        expected = plain_sum(cart, registry)
        for measure, value in expected.items():
            assert told(result, name, measure) == pytest.approx(value, abs=1e-9), (name, measure)
        assert told(result, name, "estimand") == pytest.approx(cart - registry)
        false = expected["success"] if cart - registry <= MARGIN + 1e-9 else 0.0
        assert told(result, name, "false_success") == pytest.approx(false, abs=1e-9)


def test_simulated_trials_are_their_slow_twin() -> None:
    for scenario in TRUTHS:
        compare(copy.deepcopy(DESIGN), scenario, 6)


def test_the_truth_of_the_comparison_may_stand_beside_a_course() -> None:
    raw = raw_design("lupus_single_arm")
    raw["rules"] = [rule for rule in raw["rules"] if rule["name"] != "lasting"]
    del raw["endpoints"]["serious_infection"]
    raw["external"] = copy.deepcopy(DESIGN["external"])
    raw["rules"][1]["posterior"] |= {"minus": "registry", "above": 0.10}
    raw["truth"]["dfr"] = {"registry": 0.02}
    raw["scenarios"]["selected"]["dfr"] = {"registry": 0.20}
    design = Design(**raw)
    assert design.truths["kind"].external == {("dfr", "registry"): (0.02,)}
    assert design.truths["selected"].external == {("dfr", "registry"): (0.20,)}
    assert design.truths["kind"].courses is not None
    compare(raw, "selected", 3)
    assert "    dfr: 0.020 as in registry, in these participants" in described(design)


def test_strata_may_have_rates_of_their_own() -> None:
    raw = copy.deepcopy(DESIGN)
    raw["strata"] = {"high": 0.25, "low": 0.75}
    for scenario in raw["scenarios"].values():
        scenario["dfr"]["registry"] = {"high": 0.2, "low": 0.04}
    result = simulate(Design(**raw), trials=50, seed=1, jobs=1)
    true = 0.35 - (0.25 * 0.2 + 0.75 * 0.04)
    assert told(result, "as_seen", "estimand") == pytest.approx(true)


# ── drawn anew in every trial ─────────────────────────────────────────────────────────────────
def redrawn(**truth: float) -> dict[str, Any]:
    raw = copy.deepcopy(DESIGN)
    raw["external"]["registry"] |= {"responders": 4, "participants": 40, "redrawn": True}
    raw["looks"] = {"observed": [32]}
    raw["rules"] = raw["rules"][:1]
    raw["scenarios"] = {"null": {"dfr": {"cart": 0.25, "registry": 0.10, **truth}}}
    return raw


@pytest.mark.parametrize("source", [None, 0.30])
def test_unconditional_characteristics_are_sums_over_the_registry_too(source: float | None) -> None:
    raw = redrawn(**({} if source is None else {"registry_source": source}))
    result = simulate(Design(**raw), jobs=1)
    drawn = simulate(Design(**raw), engine="simulate", trials=2_000, seed=9, jobs=1)
    expected = 0.0
    nodes, weights = np.polynomial.legendre.leggauss(100)
    steps = 0.5 * (nodes + 1.0)
    rates = (1.0 - MARGIN) * steps**2  # the prior of the registry's rate has no limit at 0
    widths = (1.0 - MARGIN) * weights * steps
    for y in range(41):
        density = widths * stats.beta(0.5 + y, 2.0 + 40 - y).pdf(rates)
        mass = float(stats.binom.pmf(y, 40, 0.1 if source is None else source))
        for x in range(33):
            above = float((density * stats.beta(1 + x, 33 - x).sf(rates + MARGIN)).sum())
            if above >= AT_LEAST:
                expected += mass * float(stats.binom.pmf(x, 32, 0.25))
    assert told(result, "null", "success") == pytest.approx(expected, abs=1e-9)
    error = math.sqrt(expected * (1.0 - expected) / 2_000)
    assert abs(told(drawn, "null", "success") - expected) < 4.0 * error
    assert told(result, "null", "estimand") == pytest.approx(0.15)
    assert "drawn anew in every trial" in described(Design(**raw))


def test_a_real_trial_sees_the_registry_as_it_was_observed() -> None:
    drawn, fixed = redrawn(), redrawn()
    del fixed["external"]["registry"]["redrawn"]
    story = ac.example(Design(**drawn))
    found_ = [
        ac.analyze(Design(**raw), story.participants, look=1, fast=True).text
        for raw in (drawn, fixed)
    ]
    assert found_[0] == found_[1]


def test_a_prediction_counts_what_was_drawn() -> None:
    raw = redrawn()
    raw["looks"] = {"observed": [16, 32]}
    raw["rules"] += [DESIGN["rules"][1]]
    result = simulate(Design(**raw), engine="simulate", trials=20, seed=9, jobs=1)
    looks = result.looks
    last = looks[looks["look"] == 2]
    assert len(last)
    design = Design(**raw | {"looks": {"observed": [32]}, "rules": raw["rules"][:1]})
    alone = simulate(design, engine="simulate", trials=20, seed=9, jobs=1).looks
    alone = alone.set_index("trial")["p_efficacy"]
    for row in last.to_dict("records"):  # the same registry at every look of a trial
        assert row["p_efficacy"] == pytest.approx(alone[row["trial"]], abs=1e-12)


def test_a_trial_that_is_completed_counts_what_was_drawn() -> None:
    raw = redrawn()
    raw["looks"] = {"observed": [16, 32]}
    raw["endpoints"]["crs"] = {"type": "landmark", "month": 12}
    raw["analysis"]["crs"] = {"model": "beta_binomial"}
    raw["scenarios"]["null"] |= {"dfr": {"cart": 0.35, "registry": 0.10}, "crs": {"cart": 0.15}}
    posterior = raw["rules"][0].pop("posterior")
    safe = {"endpoint": "crs", "arm": "cart", "below": 0.3}
    del raw["rules"][0]["at_least"]
    raw["rules"][0]["all"] = [
        {"posterior": posterior, "at_least": AT_LEAST},
        {"posterior": safe, "at_least": 0.9},
    ]
    conduct, _ = looks_of(predicting(raw, "efficacy"), 12, "null")
    found_, seen = conduct.records[0].probabilities["ahead"][:, 0], conduct.kept[0]
    registry = conduct.population.external["registry"]["responders"]
    nodes, weights = np.polynomial.legendre.leggauss(100)
    rates, more = 0.5 * (nodes + 1.0), np.arange(17)
    assert len(set(registry.tolist())) > 3
    for trial in range(12):
        density = 0.5 * weights * stats.beta(0.5 + registry[trial], 42 - registry[trial]).pdf(rates)
        chance = 1.0
        for name, n in (("dfr", 16), ("crs", 16)):
            x = int(np.asarray(seen.summary(name).successes)[trial].sum())
            mass = stats.betabinom(32 - n, 1 + x, 1 + n - x).pmf(more)
            last = [stats.beta(1 + x + k, 33 - x - k) for k in more]
            if name == "dfr":
                p = [float((density * one.sf(rates + MARGIN)).sum()) for one in last]
                held = np.array(p) >= AT_LEAST
            else:
                held = np.array([one.cdf(0.3) >= 0.9 for one in last])
            chance *= float(mass @ held)
        assert found_[trial] == pytest.approx(chance, abs=ALLOWED)
    assert found_.max() - found_.min() > 0.2


# ── calibration ───────────────────────────────────────────────────────────────────────────────
def to_calibrate(region: list[float] | None) -> Design:
    raw = copy.deepcopy(DESIGN)
    raw["rules"] = [raw["rules"][0] | {"at_least": "calibrate"}]
    raw["calibration"] = {"type_one_error": 0.05}
    if region is not None:
        raw["calibration"]["null_region"] = {"registry": region}
    return Design(**raw)


def test_the_error_is_held_where_the_registry_would_have_been_so() -> None:
    found_ = calibrate(to_calibrate([0.02, 0.06]), jobs=1)
    n, worst = LOOKS, 0.06 + MARGIN
    # success from so many on at each look: the error at the worst rate, by a plain sum
    edges = [next(x for x in range(m + 1) if beyond(x, m) >= found_.threshold) for m in n]
    first = stats.binom(n[0], worst)
    error = float(first.sf(edges[0] - 1)) + math.fsum(
        float(first.pmf(x)) * float(stats.binom.sf(edges[1] - x - 1, n[1] - n[0], worst))
        for x in range(edges[0])
    )
    largest = max(found_.points, key=lambda point: point.error)
    assert largest.error == pytest.approx(error, abs=1e-9)
    assert largest.error <= 0.05
    assert largest.name == "cart 0.2100, registry 0.0600"
    assert "registry rates from 0.02 to 0.06" in found_.region


def test_a_null_scenario_is_moved_to_the_margin_of_external_data() -> None:
    """A rate to the external rate, a time to a constant hazard; a score is left alone."""
    from adaptive_cart.running.null_region import moved_to_margin
    from models.test_external_hazard import alone
    from running.test_redrawn_numbers import beside, means, rates

    for raw, wanted in ((beside(rates), 0.5), (beside(means), None), (alone(), 0.05)):
        design = Design(**raw)
        (asked,) = Plan.of(design).rules[0].claimed
        ((name, truth),) = design.truths.items()
        moved = moved_to_margin(design, name, truth, asked)
        values = [one.direct[asked.endpoint][0][0] for one in moved.values()]
        assert [getattr(value, "rate", value) for value in values] == (
            [] if wanted is None else [pytest.approx(wanted)]
        )


def test_over_every_rate_the_error_cannot_be_held_and_that_is_said() -> None:
    with pytest.raises(ac.CartError, match="no threshold"):
        calibrate(to_calibrate(None), jobs=1)


def test_the_worst_case_over_all_rates_is_refused() -> None:
    with pytest.raises(DesignError, match="whose data stay while the truth"):
        ac.worst_case(Design(**DESIGN))


# ── refused, and told ─────────────────────────────────────────────────────────────────────────
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"external/registry/endpoint": "other", "endpoints/other": {"type": "landmark", "month": 6},
      "scenarios/null/other": {"cart": 0.1}, "scenarios/drift/other": {"cart": 0.1},
      "scenarios/as_seen/other": {"cart": 0.1}},
     "rules[0].posterior.minus", "external data of 'other'; data of 'dfr' are expected"),
    ({"scenarios/null/dfr": {"cart": 0.2}}, "scenarios.null.dfr.registry",
     "what these participants would have had as controls"),
    ({"rules/0/posterior/arm": "registry", "rules/0/posterior/minus": "cart"},
     "rules[0].posterior.arm", "the arms are cart"),
    ({"external/registry/responders": 400}, "external.registry.responders", "cannot be more"),
    ({"scenarios/null/dfr/registry_source": 0.2}, "scenarios.null.dfr.registry_source",
     "stays as observed; write redrawn = true"),
    ({"scenarios/null/dfr/registry": 1.2}, "scenarios.null.dfr.registry", "found 1.2"),
    ({"strata": {"a": 0.5, "b": 0.5}, "rules/0/posterior/stratum": "a"},
     "rules[0].posterior.minus", "are not told by stratum; leave `stratum` out"),
    ({"prediction": {"dfr": {"from": [6.0]}}}, "rules[0].posterior.minus",
     "leave [prediction.dfr] out"),
    ({"calibration": {"type_one_error": 0.05, "null_region": {"other": [0.0, 0.1]}}},
     "calibration.null_region.other", "registry"),
    ({"rules/0/posterior/minus": "soc"}, "rules[0].posterior.minus",
     'compare with external data ("registry") or with a number'),
    ({"rules/0/posterior/minus": "soc"}, "scenarios.null.dfr.registry",
     "of external data with which no rule compares an arm in 'dfr'"),
    ({"external/registry/endpoint": "dff"}, "external.registry.endpoint", "did you mean 'dfr'"),
    ({"strata": {"a": 0.5, "b": 0.5}, "external/registry/responders": {"a": 4, "c": 10},
      "external/registry/participants": {"a": 100, "c": 210}},
     "external.registry.responders", "found the strata a, c; those of the design are a, b"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "path", "words"), WRONG)
def test_what_is_refused(changes: dict[str, Any], path: str, words: str) -> None:
    problems = found(changed(copy.deepcopy(DESIGN), changes))
    assert any(words in message for where, message in problems if where == path), problems


def test_what_only_follows_from_data_of_an_unknown_endpoint_is_not_told() -> None:
    problems = found(changed(copy.deepcopy(DESIGN), {"external/registry/endpoint": "dff"}))
    assert [path for path, _ in problems] == [
        "external.registry.endpoint",
        "rules[0].posterior.minus",
    ]


def test_what_is_told() -> None:
    text = described(Design(**DESIGN))
    assert "Comparison: single-arm trial against an external control" in text
    assert "  external control: registry, 14 of 310 participants, as observed in" in text
    assert "only their sampling error is counted" in text
    assert "look 2: from" in text
    (estimand,) = Plan.of(Design(**DESIGN)).estimands
    assert (estimand.question.arm, estimand.question.minus) == (0, 1)


def test_a_real_trial_is_judged_beside_the_registry() -> None:
    design = Design(**DESIGN)
    story = ac.example(design, scenario="as_seen")
    analysis = ac.analyze(design, story.participants, look=1, fast=True)
    x, n = _seen(analysis.text)
    assert f"{beyond(x, n):.4f}" in analysis.text
    posterior = (1 + x) / (2 + n) - float(REGISTRY.mean())
    assert f"cart − registry  {posterior:>14.3f}"[-8:] in analysis.text


def _seen(text: str) -> tuple[int, int]:
    """Responders and participants in the table of what was seen."""
    rows = [line for line in text.splitlines() if re.fullmatch(r"  cart( +\d+){3}", line)]
    _, x, n, _ = rows[-1].split()  # the first is of who was randomised
    return int(x), int(n)


def test_a_randomised_trial_may_look_at_a_registry_too() -> None:
    raw = copy.deepcopy(DESIGN)
    raw["arms"]["soc"] = {"control": True}
    raw["rules"][0]["posterior"] |= {"minus": "soc"}
    claim = {
        "name": "registry",
        "then": "claim",
        "requires": ["efficacy"],
        "at_least": 0.9,
        "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "registry", "above": 0.0},
    }
    raw["rules"].append(claim)
    for scenario in raw["scenarios"].values():
        scenario["dfr"]["soc"] = 0.05
    result = simulate(Design(**raw), trials=100, seed=2, jobs=1)
    assert told(result, "as_seen", "claimed_registry") > 0.1
    assert np.isfinite(told(result, "as_seen", "false_claim_registry"))
    assert told(result, "as_seen", "estimand") == pytest.approx(0.30)
