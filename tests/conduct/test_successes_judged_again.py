"""A success that the trial outlives is judged again at its end, with or without a pipeline."""

from __future__ import annotations

from typing import Any

from conduct.test_fast_equals_adaptive_twin import compare, raw_design


def all_seen_at_the_end() -> dict[str, Any]:
    """Several arms that succeed early, in a trial whose last look has seen everybody."""
    raw: dict[str, Any] = raw_design("products_multiarm")
    raw["looks"]["final"] = "all_observed"
    for rule in raw["rules"]:
        rule.pop("looks", None)
        if rule["then"] == "declare_success":
            rule["at_least"] = 0.7
        if rule["then"] == "drop_arm":
            rule["below"] = 0.05
    return raw


def test_an_early_success_is_judged_again_where_nobody_is_left_to_follow_up() -> None:
    block = compare(all_seen_at_the_end(), "null", 12)
    no_pipeline = (block.analysed == block.analysed_final).all(axis=1)
    assert (block.reversal & no_pipeline).any()
