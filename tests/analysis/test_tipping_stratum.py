"""Who is not of the principal stratum, or not of the part that counts, is none of the missing."""

from __future__ import annotations

from typing import Any

import pytest

import adaptive_cart as ac
from adaptive_cart.analysis import analyze
from adaptive_cart.analysis.flow import Analysis
from adaptive_cart.design.design import Design
from endpoints.test_strategies import lupus

Rows = list[dict[str, Any]]
BLANK = ("relapse_month", "rescue_month", "death_month", "withdrawn_month")
AT: dict[str, Any] = {"look": 1, "fast": True}


def stratum(missing: str) -> Design:
    raw = lupus({"not_infused": "principal_stratum"}, missing)
    for part in ("endpoints", "analysis"):  # the others take their time
        raw[part] = {"dfr": raw[part]["dfr"]}
    for arm in ("soc", "cart"):
        del raw["truth"][arm]["rates"]
    raw["scenarios"] = {"expected": {}}
    asked = {"endpoint": "dfr", "arm": "cart", "above": 0.9}
    rule = {"name": "good", "then": "declare_success", "posterior": asked, "at_least": 0.6}
    return Design(**{**raw, "rules": [rule], "looks": {"observed": [40]}})


def responding(row: dict[str, Any]) -> dict[str, Any]:
    stays = {"remission_month": 6.0, "infused_month": 1.0, "last_contact_month": 60.0}
    return row | dict.fromkeys(BLANK, "") | stays


def typed(own: Design) -> tuple[Rows, list[int]]:
    """Whoever of cart is infused and stays responds; and the rows of those who left."""
    rows = [dict(row) for row in ac.example(own, scenario="expected", trial=2).participants]
    infused = [k for k, r in enumerate(rows) if r["arm"] == "cart" and r["infused_month"] != ""]
    for k in infused:
        rows[k] = responding(rows[k])
    for k in infused[:3]:
        rows[k] |= {"remission_month": "", "withdrawn_month": 2.0, "last_contact_month": 2.0}
    return rows, infused[:3]


def of_cart(found: Analysis, endpoint: str) -> dict[str, float]:
    (told,) = (one.endpoints[endpoint] for one in found.findings.numbers if one.arm == "cart")
    return told


@pytest.mark.parametrize(
    "missing", ["non_response", pytest.param("exclude", marks=pytest.mark.slow)]
)
def test_who_is_not_of_the_stratum_is_not_put_in(missing: str) -> None:
    """They were: as responders beside those analysed, of whom there were then too few."""
    own = stratum(missing)
    rows, gone = typed(own)
    found = analyze(own, rows, **AT, tipping=True)
    seen = of_cart(found, "dfr")
    outside = sum(r["arm"] == "cart" and r["infused_month"] == "" for r in rows)
    assert outside > len(gone)
    assert seen["missing"] == len(gone)
    assert seen["analysed"] - seen["events"] == (len(gone) if missing == "non_response" else 0)
    assert found.findings.tipping is not None
    (tip,) = found.findings.tipping.missing
    assert tip.missing == (len(gone),)
    (told,) = tip.probabilities
    for number, answer in enumerate(told):
        full = [dict(row) for row in rows]
        for place, k in enumerate(gone):
            full[k] = responding(rows[k])
            if place >= number:  # followed, and none
                full[k] |= {"remission_month": ""}
        assert answer == pytest.approx(analyze(own, full, **AT).rules[0].fast, abs=1e-12)


def in_two_parts() -> Design:
    """A dose is chosen in a first part that does not count; then yearly rates are compared."""
    return Design(
        name="In two parts",
        arms={"usual": {"control": True}, "low": {}, "high": {}},
        first_part={"participants": 18, "control": True, "counts": False},
        endpoints={"free": {"type": "landmark", "month": 3.0}, "harm": {"type": "event_rate"}},
        analysis={"free": {"model": "beta_binomial"},
                  "harm": {"model": "gamma_poisson", "prior": {
                      arm: {"a": 0.5, "b": 0.5} for arm in ("usual", "low", "high")}}},
        enrolment={"max_n": 60, "per_month": 4.0},
        looks={"observed": [18, 50]},
        rules=[
            {"name": "chosen", "then": "choose_arm", "looks": [1], "at_least": 0.0,
             "posterior": {"endpoint": "free", "arm": "each", "best": True}},
            {"name": "fewer", "then": "declare_success", "looks": [2], "at_least": 0.9,
             "posterior": {"endpoint": "harm", "arm": "each", "minus": "usual", "below": 0.0}},
        ],
        truth={"dropout": {"per_year": 1.0}},
        scenarios={"a": {"free": {"usual": 0.3, "low": 0.1, "high": 0.9},
                         "harm": {"usual": 1.0, "low": 1.0, "high": 0.7}}},
    )  # fmt: skip


def test_who_left_in_a_first_part_that_does_not_count_is_not_followed_on() -> None:
    own = in_two_parts()
    rows = ac.example(own, scenario="a", trial=1).participants
    found = analyze(own, rows, look=2, fast=True, tipping=True)
    assert found.findings.tipping is not None
    opened = sorted(row["randomised_month"] for row in rows)[18]
    years: dict[tuple[bool, str], list[float]] = {}
    for row in rows:
        due = found.findings.date - row["randomised_month"]
        left = float(row["withdrawn_month"] or 99.0)
        if left < due:
            part = row["randomised_month"] >= opened, row["arm"]
            years.setdefault(part, []).append((due - left) / 12.0)
    tips = [tip for tip in found.findings.tipping.shifts if len(tip.arms) == 1]
    assert [tip.arms for tip in tips] == [("usual",), ("high",)]
    for tip in tips:
        (arm,) = tip.arms
        assert years[False, arm]  # they were counted, too
        assert tip.missing == (len(years[True, arm]),)
        assert tip.amount == pytest.approx((sum(years[True, arm]),), abs=1e-6)
