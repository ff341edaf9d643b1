"""Rules between looks are told and judged, and a posterior that fails is told as a failure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.analysis import analyze
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.models.durability.weibull_cure_analysis import DurabilityPosterior
from analysis.test_real_trial_round_trip import simulated, table
from checks import raw_design


def with_rhythm(threshold: float | None = None) -> Design:
    raw = raw_design("sle_autologous")
    raw["rules"][0]["every"] = 6
    if threshold is not None:
        raw["rules"][0]["at_least"] = threshold
    return Design(**raw)


# ── between looks ─────────────────────────────────────────────────────────────────────────────
def test_a_rule_between_looks_is_judged_before_the_first_look() -> None:
    design = with_rhythm()
    block = simulated(design, "expected", 1)
    rows = table(design, block, 0, 20.0)
    first = Plan.of(design).schedule.at[0]
    arrival = sorted(row["randomised_month"] for row in rows)
    assert len(arrival) < first or arrival[int(first) - 1] + 12.0 > 20.0
    infused = sorted(
        row["randomised_month"] + row["infused_month"] for row in rows if row["infused_month"] != ""
    )
    judged = [infused[n - 1] for n in range(6, len(infused) + 1, 6)]
    assert len(judged) >= 2
    found = analyze(design, rows, as_of=20.0, fast=True)
    assert found.findings.between
    assert found.findings.date == found.findings.due == judged[-1]
    assert [rule.rule for rule in found.rules] == ["safety"]
    assert found.rules[0].fast is not None
    assert found.rules[0].holds is False
    assert found.decision.outcome == "goes_on"
    assert "The trial goes on to look 1." in found.text
    here, told = [note for note in found.findings.notes if "between looks" in note]
    assert here.startswith("no look is due by month 20.00; safety was due between looks at month")
    times = "once" if len(judged) == 2 else f"{len(judged) - 1} times"
    assert told.startswith(f"safety was judged {times} between looks, at every 6th infusion")
    # what was asked at that date is what the committee would have been told then
    then = table(design, block, 0, judged[-1])
    assert analyze(design, then, as_of=judged[-1], fast=True).rules[0].fast == found.rules[0].fast
    # without such a rule there is nothing to judge
    without = Design(**raw_design("sle_autologous"))
    with pytest.raises(ac.CartError, match="look 1 is not due"):
        analyze(without, rows, as_of=20.0, fast=True)


def test_a_rule_between_looks_that_holds_ends_the_trial_there() -> None:
    design = with_rhythm(threshold=0.0001)
    block = simulated(with_rhythm(), "expected", 1)
    found = analyze(design, table(design, block, 0, 20.0), as_of=20.0, fast=True)
    assert found.findings.between
    assert found.decision.outcome == "safety"
    assert found.rules[0].holds is True


# ── failures ──────────────────────────────────────────────────────────────────────────────────
def two_rules(first: float) -> Design:
    """Efficacy, then durability: the second is asked where the first does not end the trial."""
    raw = raw_design("sle_autologous")
    efficacy = next(rule for rule in raw["rules"] if rule["name"] == "efficacy")
    durability = {
        "name": "lasting", "then": "stop_for_safety", "below": 0.5,
        "posterior": {"endpoint": "relapse", "arm": "cart", "remains_at": 24, "above": 0.2},
    }  # fmt: skip
    return Design(**raw | {"rules": [efficacy | {"at_least": first}, durability]})


def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    every = property(lambda self: np.ones(1, dtype=np.bool_))
    monkeypatch.setattr(DurabilityPosterior, "failed", every)


@pytest.fixture(scope="module")
def rows() -> list[Any]:
    design = Design(**raw_design("sle_autologous"))
    return table(design, simulated(design, "expected", 1), 0)


def test_a_posterior_that_fails_withholds_the_decision(
    rows: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch)
    found = analyze(two_rules(0.99999999), rows, look=1, fast=True)
    efficacy, lasting = found.rules
    assert efficacy.holds is False
    assert lasting.failed
    assert lasting.why == "the posterior of relapse could not be computed"
    assert found.decision.outcome == "withheld"
    (why,) = found.decision.withheld
    assert why.startswith("lasting, ")
    assert "the posterior of relapse could not be computed" in why
    assert "settled" not in found.text
    assert any(note.startswith("relapse: the posterior") for note in found.findings.notes)


def test_only_what_an_earlier_rule_has_settled_is_told_so(
    rows: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch)
    found = analyze(two_rules(0.9), rows, look=1, fast=True)
    efficacy, lasting = found.rules
    assert efficacy.holds is True
    assert not lasting.failed
    assert lasting.why == "rule 'efficacy' has ended the trial"
    assert found.decision.outcome == "success"
    assert found.decision.withheld == ()


def test_an_arm_resolved_before_is_told_with_what_resolved_it() -> None:
    design = Design(**raw_design("products_multiarm"))
    block = simulated(design, "ordered", 12)
    told = []
    for trial in range(12):
        if block.look[trial] < 2 or len(told) > 2:
            continue
        found = analyze(design, table(design, block, trial), fast=True)
        told += [rule.why for rule in found.rules if rule.why is not None]
    assert told
    for why in told:
        assert "was dropped at look" in why or "succeeded at look" in why or "has ended" in why
