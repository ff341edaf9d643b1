"""Alpha spending where arms enter and leave: each arm's by the information of its own comparison.

The twin works from the covariance of the differences of two means. At two looks it is the variance
at the later one, 1 / n₁ + 1 / n₀, whatever the numbers were before, and boundaries are found by the
multivariate normal law of scipy. The control counts from the opening, also before the arm entered.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import SimulatedConduct
from adaptive_cart.design.design import Design
from adaptive_cart.design.spending import fixed_numbers, planned_bounds
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.participants.population import latents_for
from adaptive_cart.telling.check import described

Raw = dict[str, Any]
ALPHA = 0.05


def platform(**tables: Any) -> Raw:
    """A control and two products, the second of which enters at month 9, analysed by a test."""
    question = {"endpoint": "free", "arm": "each", "minus": "usual", "above": 0.0}
    raw: Raw = {
        "name": "Platform",
        "arms": {"usual": {"control": True}, "auto": {"leaves": 21.0},
                 "allo": {"enters": 9.0, "allocation": 2}},
        "endpoints": {"free": {"type": "landmark", "month": 3.0}},
        "analysis": {"free": {"model": "proportions_test"}},
        "enrolment": {"max_n": 120, "per_month": 4.0},
        "looks": {"observed": [30, 60, 120]},
        "rules": [{"name": "works", "then": "declare_success", "posterior": question,
                   "at_least": {"alpha": ALPHA}}],
        "scenarios": {"null": {"free": {"usual": 0.4, "auto": 0.4, "allo": 0.4}}},
    }  # fmt: skip
    return raw | tables


def spent(fraction: float) -> float:
    """Lan and DeMets: 2 − 2 Φ(z(1 − error / 2) / √t)."""
    at = stats.norm.ppf(1 - ALPHA / 2)
    return float(2 - 2 * stats.norm.cdf(at / math.sqrt(min(fraction, 1.0)))) if fraction else 0.0


def information(one: float, other: float) -> float:
    return 1 / (1 / one + 1 / other) if one and other else 0.0


def boundaries(seen: list[tuple[float, float]], planned: tuple[float, float]) -> list[float]:
    """Of z at each look, given the participants of the arm and of the control."""
    found: list[float] = []
    used, before = [], 0.0
    for number, (one, other) in enumerate(seen):
        now = information(one, other)
        last = number == len(seen) - 1
        upto = ALPHA if last else spent(now / information(*planned))
        if now == 0.0 or (used and now <= information(*used[-1][:2])) or upto <= before:
            found.append(math.inf)
            continue
        every = [*used, (one, other, 0.0)]
        variance = [1 / a + 1 / b for a, b, _ in every]
        size = len(every)
        correlation = np.array(
            [[variance[max(i, j)] / math.sqrt(variance[i] * variance[j]) for j in range(size)]
             for i in range(size)]
        )  # fmt: skip
        bounds = [bound for _, _, bound in used]

        def stays(bound: float, law: Any = correlation, among: Any = bounds) -> float:
            if not among:
                return float(stats.norm.cdf(bound))
            limits = np.array([*among, bound])
            law_of = stats.multivariate_normal(
                np.zeros(len(limits)), law, abseps=1e-7, releps=1e-7, maxpts=60_000, seed=1
            )
            return float(law_of.cdf(limits))

        wanted = 1.0 - upto  # of those who have not stopped by this look
        bound = optimize.brentq(lambda b: stays(b) - wanted, 0.5, 8.0, xtol=1e-7)  # noqa: B023
        found.append(float(bound))
        used.append((one, other, bound))
        before = upto
    return found


class Held(SimulatedConduct):
    """A block of trials of which every look is kept."""

    kept: list[LookAnalysis]

    def ended_at(self, *ended: Any, **more: Any) -> None:
        """Estimate nothing."""

    def analysis(self, date: Floats, held: Booleans) -> LookAnalysis:
        found = super().analysis(date, held)
        self.kept.append(found)
        return found


def test_each_arm_spends_by_its_own_comparison() -> None:
    design = Design(**platform())
    plan, trials = Plan.of(design), 2
    conduct = Held(plan, design.truths["null"], (), latents_for(design, 2, 0, trials))
    conduct.kept = []
    for look in range(1, 4):
        conduct.look(look)
    numbers = [seen.summary("free").totals.sum(axis=2) for seen in conduct.kept]
    assert numbers[0][:, 2].max() < 8 < numbers[0][:, 1].min()  # allo has hardly entered
    thresholds = conduct.spent["works"].at
    for trial in range(trials):
        for place, arm in ((0, 1), (1, 2)):
            counted = [(n[trial, arm], n[trial, 0]) for n in numbers]
            expected = boundaries(counted, (design.planned[arm], design.planned[0]))
            found = [thresholds[look][trial, place] for look in range(1, 4)]
            told = [stats.norm.cdf(bound) if np.isfinite(bound) else np.inf for bound in expected]
            np.testing.assert_allclose(found, told, atol=5e-5)


def test_planned_boundaries_are_of_those_expected_among_the_first() -> None:
    """Four a month: 36 in two arms until month 9, then 48 in 1 : 1 : 2, from 21 on 36 in 1 : 2."""
    design = Design(**platform())
    usual, auto, allo = [15.0, 18.0], [15.0, 18.0], [0.0, 0.0]
    for more, both in ((60.0 - 36.0, True), (84.0 - 60.0, True), (120.0 - 84.0, False)):
        usual.append(usual[-1] + more / (4 if both else 3))
        auto.append(auto[-1] + (more / 4 if both else 0.0))
        allo.append(allo[-1] + more * (2 / 4 if both else 2 / 3))
    for arm, numbers in (("auto", auto), ("allo", allo)):
        place = design.arm_names.index(arm)
        seen = [(numbers[k], usual[k]) for k in (0, 2, 4)]
        expected = boundaries(seen, (design.planned[place], design.planned[0]))
        found = list(planned_bounds(design, design.rules[0], arm).values())
        np.testing.assert_allclose(found, expected, atol=1e-3)
    assert math.isinf(found[0])
    assert not fixed_numbers(design)
    told = described(design)
    assert "of each arm, by what is planned for its own comparison" in told
    assert f"      allo: none, {found[1]:.4f}, " in told
    assert "(by look, as planned for auto)" in told


def test_what_does_not_go_with_it_is_told() -> None:
    ahead = {"name": "ahead", "then": "drop_arm", "predictive": {"rule": "works"}, "below": 0.05}
    raw = platform()
    raw["rules"].append(ahead)
    with pytest.raises(DesignError, match=r"rules\[1\].predictive.rule: .*own comparison"):
        Design(**raw)
    raw = platform(looks={"events": [30, 60]})
    raw["endpoints"] = {"free": {"type": "time_to_event", "horizon": 12.0}}
    raw["analysis"]["free"] = {"model": "logrank_test"}
    hazards = {arm: {"dist": "exponential", "rate": 0.1} for arm in raw["arms"]}
    raw["scenarios"] = {"null": {"free": hazards}}
    raw["rules"][0]["posterior"] = {
        "endpoint": "free", "arm": "each", "hazard_ratio_to": "usual", "below": 1.0,
    }  # fmt: skip
    with pytest.raises(DesignError, match="'free' is tested by events; write the thresholds"):
        Design(**raw)
