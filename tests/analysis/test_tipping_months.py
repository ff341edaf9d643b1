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
from adaptive_cart.design.design import Design
from models.test_restricted_mean import raw_of

Rows = list[dict[str, Any]]
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


def followed_on(rows: Rows, share: float, arms: tuple[str, ...] = ("cart",)) -> Rows:
    """The rows, had who left alive been followed, and such a share of the time been remission."""
    found = [dict(row) for row in rows]
    for row in found:
        left = float(row["withdrawn_month"] or math.inf)
        if row["arm"] not in arms or left >= min(float(row["death_month"] or math.inf), HORIZON):
            continue
        more = share * (HORIZON - left)
        row |= {"withdrawn_month": "", "last_contact_month": HORIZON}
        if row["remission_month"] == "":  # it comes so late
            row["remission_month"] = HORIZON - more if more else ""
            continue
        ended = [key for key in ("relapse_month", "rescue_month") if row[key] != ""]
        for key in ended:  # it lasts longer by so much
            row[key] = float(row[key]) + more
        row["relapse_month"] = row["relapse_month"] if ended else left + more
    return found


def test_who_leaves_and_is_left_out_is_put_in_with_a_share_of_the_months_not_seen() -> None:
    """The rows typed so, and analysed; the nearest is counted from the mean of the others."""
    own = design("exclude")
    rows = ac.example(own, scenario="expected", trial=1).participants
    found = analyze(own, rows, look=1, fast=True, tipping=True)
    assert found.findings.tipping is not None
    (tip,) = found.findings.tipping.shifts
    seen, unseen = by_hand(rows, found.findings.date)
    left = unseen > 0.0
    assert tip.missing == (int(left.sum()),)
    assert tip.amount == pytest.approx((unseen.sum(),))
    assert found.rules[0].fast == pytest.approx(probability(seen[~left]), abs=1e-6)
    for share, told in tip.curve[::8]:
        assert told == pytest.approx(probability(seen + share * unseen), abs=1e-6)
    for share, told in tip.curve[::20]:
        typed = analyze(own, followed_on(rows, share), look=1, fast=True).rules[0].fast
        assert told == pytest.approx(typed, abs=1e-9)
    start = (left.sum() * seen[~left].mean() - seen[left].sum()) / unseen.sum()
    assert 0.0 < start < 1.0
    assert tip.start == pytest.approx(start)
    ends = [(tip.below, 0.0), (tip.above, 1.0)]
    turned = 0
    for end, limit in ends:
        between = np.linspace(start, limit if end is None else end, 50)[:-1]
        held = [probability(seen + share * unseen) >= THRESHOLD for share in between]
        assert held == [tip.holds_now] * len(held)
        if end is not None:
            assert probability(seen + end * unseen) == pytest.approx(THRESHOLD, abs=1e-6)
            turned += 1
    assert turned == 1
    _, (row,) = shifts_table([tip])
    assert "months in remission of those who left, not left out, in cart" in row
    assert f"months of {left.sum()} (as the others of their arm with +{start:.3g})" in " ".join(row)


@pytest.mark.parametrize(
    "missing", ["not_in_remission", pytest.param("exclude", marks=pytest.mark.slow)]
)
def test_months_by_period_are_put_into_their_period(missing: str) -> None:
    """With concurrent controls alone: the rows typed so, and analysed."""
    raw = design(missing).plain()
    raw["arms"]["cart"] |= {"enters": 6.0}
    raw["analysis"]["months"]["time_trend"] = {"model": "concurrent"}
    raw["rules"][0]["posterior"] = {"endpoint": "months", "arm": "cart", "minus": "soc",
                                    "above": 2.0}  # fmt: skip
    own = Design(**raw)
    rows = ac.example(own, scenario="expected", trial=1).participants
    found = analyze(own, rows, look=1, fast=True, tipping=True)
    assert found.findings.tipping is not None
    tips = {tip.arms: tip for tip in found.findings.tipping.shifts}
    gone = {arm: [r for r in rows if r["arm"] == arm and r["randomised_month"] > 6.0
                  and r["randomised_month"] + HORIZON <= found.findings.date
                  and float(r["withdrawn_month"] or math.inf)
                  < min(float(r["death_month"] or math.inf), HORIZON)]
            for arm in ("soc", "cart")}  # fmt: skip
    for arms in (("soc",), ("cart",), ("soc", "cart")):
        tip = tips[arms]
        assert tip.missing == tuple(len(gone[arm]) for arm in arms)
        for share, told in tip.curve[30:31] if len(arms) > 1 else tip.curve[:1]:
            typed = analyze(own, followed_on(rows, share, arms), look=1, fast=True).rules[0].fast
            assert told == pytest.approx(typed, abs=1e-9)
