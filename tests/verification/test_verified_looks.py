"""Which looks are verified: rules that are asked seldom are among them; out of how many trials."""

from __future__ import annotations

import pytest

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.verification import verify
from adaptive_cart.verification.verified_looks import ChosenLook, chosen_looks
from checks import raw_design


def looks_of(number: int) -> list[ChosenLook]:
    design = ac.Design(**raw_design("lupus_gated_claims"))
    return chosen_looks(Plan.of(design), dict(truths_of(design)), 3, number, 6)


def test_rules_that_are_asked_seldom_are_not_left_out() -> None:
    """Claims behind a gate: each look is the closest one of the rule that was asked least."""
    everything, chosen = looks_of(10**6), looks_of(16)
    asked = [{own.part for own in look.asked} for look in chosen[:8]]
    could = set().union(*({own.part for own in look.asked} for look in everything))
    so_far = dict.fromkeys(could, 0)
    for look in asked:
        least = min(so_far.values())
        assert any(so_far[part] == least for part in look)
        for part in look:
            so_far[part] += 1
    assert min(so_far.values()) >= 2


def test_few_looks_are_taken_out_of_few_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan.of(ac.Design(**raw_design("hello")))
    pools = [verify.pool_of(plan, looks) for looks in (1, 8, 20, 80, 200, 1000)]
    assert pools == [40, 40, 100, 400, 400, 400]
    # two rules, as many looks and scenarios as there are: two minutes of completing, 12 at least
    number = 2 * plan.design.looks.number * len(plan.design.truths)
    for seconds, pool in ((120.0 / 60 / number, 60), (120.0 / 5 / number, 12)):
        monkeypatch.setattr(verify, "seconds_of_completions", lambda plan, rule, s=seconds: s)
        assert verify.pool_of(plan, 200) == pytest.approx(pool, abs=1)
