"""Which looks are verified: rules that are asked seldom are among them."""

from __future__ import annotations

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.scenarios import truths_of
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
