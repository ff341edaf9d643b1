"""How many of the months not seen would have to be in remission, worked out from the rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.analysis import analyze
from adaptive_cart.analysis.text import shifts_table
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.running.success_question import parts_to_shift
from models.test_restricted_mean import raw_of

HORIZON, LIMIT, THRESHOLD = 18.0, 8.0, 0.2


def design(missing: str = "not_in_remission") -> Design:
    raw = raw_of(missing)
    asked = {"endpoint": "months", "arm": "cart", "above": LIMIT}
    raw["rules"] = [
        {"name": "long", "then": "declare_success", "at_least": THRESHOLD, "posterior": asked}
    ]
    raw["looks"] = {"observed": [60]}
    return Design(**raw)


def by_hand(rows: list[dict[str, Any]], date: float) -> tuple[np.ndarray, np.ndarray]:
    """Months in remission of cart's participants, and those not seen of who left alive."""
    seen, unseen = [], []
    for row in rows:
        if row["arm"] != "cart" or row["randomised_month"] + HORIZON > date:
            continue
        at = {key: float(row[f"{key}_month"] or math.inf)
              for key in ("remission", "relapse", "rescue", "death", "withdrawn")}  # fmt: skip
        end = min(at["relapse"], at["rescue"], at["death"], at["withdrawn"], HORIZON)
        seen.append(max(end - at["remission"], 0.0))
        left = at["withdrawn"] < min(at["death"], HORIZON)
        unseen.append(HORIZON - at["withdrawn"] if left else 0.0)
    return np.array(seen), np.array(unseen)


def probability(months: np.ndarray) -> float:
    """Of a mean above the limit: normal months, known as from half a participant of 4 months."""
    number, mean = len(months), months.mean()
    weight, freedom = 0.5 + number, 1.0 + number
    location = (0.5 * 4.0 + months.sum()) / weight
    spread = 36.0 + ((months - mean) ** 2).sum() + 0.5 * number / weight * (mean - 4.0) ** 2
    scale = math.sqrt(spread / freedom / weight)
    return float(stats.t.sf((LIMIT - location) / scale, freedom))


def test_a_share_of_the_months_not_seen_counts_as_in_remission() -> None:
    rows = ac.example(design(), scenario="expected", trial=1).participants
    found = analyze(design(), rows, look=1, fast=True, tipping=True)
    assert found.findings.tipping is not None
    (tip,) = found.findings.tipping.shifts
    seen, unseen = by_hand(rows, found.findings.date)
    assert tip.missing == (int((unseen > 0.0).sum()),)
    assert tip.amount == pytest.approx((unseen.sum(),))
    assert tip.curve[0][1] == pytest.approx(found.rules[0].fast)
    for share, told in tip.curve[::8]:
        assert told == pytest.approx(probability(seen + share * unseen), abs=1e-6)
    assert not tip.holds_now
    assert tip.below is None
    assert tip.above is not None
    assert probability(seen + tip.above * unseen) == pytest.approx(THRESHOLD, abs=1e-6)
    head, (row,) = shifts_table([tip])
    assert row[head.index("above")] == f"+{tip.above:.3g} of the months not seen"
    assert row[head.index("what differs")] == "months in remission of those who left in cart"
    told = " ".join(row)
    assert f"{unseen.sum():.1f} months of {len(unseen[unseen > 0.0])}" in told


def test_who_leaves_and_is_left_out_is_not_put_in() -> None:
    own = design("exclude")
    rows = ac.example(own, scenario="expected", trial=1).participants
    found = analyze(own, rows, look=1, fast=True, tipping=True)
    assert found.findings.tipping is not None
    assert not found.findings.tipping.shifts
    assert "months leaves out who leaves" in " ".join(found.findings.tipping.notes)
    assert "is moved where one trial is analysed alone" in parts_to_shift(Plan.of(design()))[2]
