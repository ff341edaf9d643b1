"""External data whose strata differ, in another mix than the trial's: who asks over all is warned.

What is compared with is too high (or low) by the sum of each stratum's level times the difference
of the shares; the estimate that is simulated is off by as much.
"""

from __future__ import annotations

from typing import Any

import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.running.run import simulate
from adaptive_cart.telling.check import described
from models.test_borrowed_numbers import Table, hazards, means, rates
from models.test_external_numbers_by_stratum import SEEN, by_stratum
from running.test_external_by_stratum import single_arm


def warned(raw: Table) -> list[str]:
    lines = described(Design(**raw)).splitlines()
    return [line for line in lines if "biased over all strata" in line]


def counts(**shares: float) -> Table:
    raw = single_arm()
    raw["strata"] = shares or {"active": 0.9, "quiet": 0.1}
    raw["rules"] = raw["rules"][1:]
    del raw["rules"][0]["posterior"]["stratum"]
    raw["rules"][0]["at_least"] = 1.0
    raw["scenarios"]["expected"]["dfr"] = {
        "cart": {"active": 0.5, "quiet": 0.5},
        "registry": {"active": 3 / 60, "quiet": 24 / 60},
    }
    return raw


def test_an_estimate_is_off_by_what_is_told() -> None:
    (line,) = warned(counts())
    for words in ("active 0.5, quiet 0.5", "active 0.9, quiet 0.1", "0.225 was seen",
                  "would be 0.085", "'efficacy'", "0.14 too high"):  # fmt: skip
        assert words in line
    result = simulate(Design(**counts()), trials=400, seed=3, jobs=1)
    bias = result.figure("expected", "bias")
    assert bias.estimate == pytest.approx(-0.14, abs=4.0 * bias.mcse + 0.01)


def test_the_report_says_so_too(tmp_path: Any) -> None:
    from adaptive_cart.report.chapters.comparator import unlike_mixes

    (words,) = unlike_mixes(Design(**counts()))
    assert "is not this trial's" in words


def test_alike_mixes_and_alike_strata_are_not_warned_of() -> None:
    assert warned(counts(active=0.5, quiet=0.5)) == []
    raw = counts()
    raw["external"]["registry"]["responders"] = {"active": 12, "quiet": 12}
    assert warned(raw) == []
    raw = counts()
    raw["external"]["registry"] |= {"responders": 27, "participants": 120}
    assert warned(raw) == []


@pytest.mark.parametrize("make", [rates, hazards, means])
def test_numbers_have_mixes_of_their_own(make: Any) -> None:
    """Events are mixed by months, means by participants."""
    raw = by_stratum(make, each=False)
    (name,) = raw["endpoints"]
    raw["strata"] = {"active": 0.8, "quiet": 0.2}
    (line,) = warned(raw)
    seen = SEEN[name]
    weight = seen["participants" if name == "mg" else "months"]
    mix = {s: weight[s] / sum(weight.values()) for s in weight}
    assert f"active {mix['active']:.3g}, quiet {mix['quiet']:.3g}" in line
    unit = 12.0 if name == "inf" else 1.0
    level = seen["mean"] if name == "mg" else {
        s: unit * seen["events"][s] / seen["months"][s] for s in mix
    }  # fmt: skip
    off = sum(level[s] * (mix[s] - raw["strata"][s]) for s in mix)
    assert f"{abs(off):.3g} too {'high' if off > 0 else 'low'}" in line
