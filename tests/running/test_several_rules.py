"""Thresholds of several rules for success that differ, against the twin's enumeration."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.report.chapters.thresholds import thresholds
from adaptive_cart.report.document import Paragraph, Table, for_audience, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.results.several_calibration import SeveralCalibration
from adaptive_cart.results.shared_calibration import calibration_of
from adaptive_cart.running.calibrate import calibrate, calibrated_text
from adaptive_cart.running.region import with_found
from adaptive_cart.telling.check import described
from checks import assert_read_back_or_nothing, raw_design
from twin import enumeration

SHARES = {"much": 0.25, "efficacy": 0.75}


def small(**calibration: Any) -> dict[str, Any]:
    """Success for any difference and, first, for a large one; futility predicts the first."""
    raw: dict[str, Any] = copy.deepcopy(raw_design("hello"))
    raw["enrolment"]["max_n"], raw["looks"]["observed"] = 24, [12, 24]
    efficacy, futility = raw["rules"]
    efficacy["at_least"], futility["looks"] = "calibrate", [1]
    much = copy.deepcopy(efficacy) | {"name": "much"}
    much["posterior"]["above"] = 0.2
    raw["rules"] = [much, efficacy, futility]
    raw["calibration"] = {"type_one_error": 0.1, "shares": SHARES} | calibration
    return raw


def alone(raw: dict[str, Any], name: str, threshold: float, control: float, cart: float) -> float:
    """By the twin: success of one rule, the other being none."""
    tables = copy.deepcopy(raw)
    tables.pop("calibration")
    futility = tables["rules"][2]
    rule = next(one for one in tables["rules"] if one["name"] == name) | {"at_least": threshold}
    tables["rules"] = [rule, futility] if futility["predictive"]["rule"] == name else [rule]
    tables["scenarios"] = {"here": {"dfr": {"soc": control, "cart": cart}}}
    return enumeration.enumerate_design(tables)["here", "success", None, None]


def test_each_has_the_smallest_threshold_of_its_share() -> None:
    raw = small()
    found = calibrate(Design(**raw), jobs=1)
    assert isinstance(found, SeveralCalibration)
    for name, margin in (("much", 0.2), ("efficacy", 0.0)):
        one, share = found.rules[name], SHARES[name] * 0.1
        at = [(c, c + margin) for c in np.linspace(0.0, 1.0 - margin, 81)]
        assert max(alone(raw, name, one.threshold, *rates) for rates in at) <= share + 1e-9
        assert one.must_not_count is not None
        below = one.must_not_count - 1e-9
        assert max(alone(raw, name, below, *rates) for rates in at) > share
    assert found.rules["much"].threshold != found.rules["efficacy"].threshold
    final = with_found(Design(**raw), found)
    by_name = {rule.name: rule.at_least for rule in final.rules}
    assert by_name["much"] == found.rules["much"].threshold
    # any false success has at most the sum of the shares, and that is told
    worst = ac.worst_case(final)
    assert worst.certificate is not None
    assert worst.certificate.bound <= 0.1
    assert found.family.estimate == worst.worst.figure.estimate
    assert f"{found.family.estimate:.4f}" in found.words()
    assert "'futility' left out while the threshold of 'much' was searched" in found.words()
    assert found.matches(final)
    assert found.answers(Design(**raw))
    assert "shares of it: much 0.25, efficacy 0.75" in described(Design(**raw))
    assert calibration_of(json.loads(json.dumps(found.plain()))) == found
    assert_read_back_or_nothing(found)


@pytest.mark.slow
def test_simulated_thresholds_keep_their_shares() -> None:
    raw = small()
    found = calibrate(Design(**raw), trials=2_000, seed=5, jobs=1, engine="simulate")
    assert isinstance(found, SeveralCalibration)
    for name, margin in (("much", 0.2), ("efficacy", 0.0)):
        share = SHARES[name] * 0.1
        at = [(c, c + margin) for c in np.linspace(0.0, 1.0 - margin, 81)]
        largest = max(alone(raw, name, found.rules[name].threshold, *rates) for rates in at)
        assert largest <= share + 3.0 * math.sqrt(share / 20_000)
        assert largest > 0.4 * share
    assert found.family.n == 2_000


def test_the_file_and_the_report_have_them(tmp_path: Path) -> None:
    raw = small()
    design = Design(**raw)
    found = calibrate(design, jobs=1)
    run = ac.simulate(design, trials=30, jobs=1, out=tmp_path / "run", calibration=found)
    _, said, table = thresholds(Evidence(run, Facts(), 0))
    assert isinstance(said, Paragraph)
    assert isinstance(table, Table)
    assert "Any false success has at most the sum of the shares, 0.1" in plain(said.line)
    # each claims something else, and is false elsewhere
    for margin in ("> 0.20) is just false", "> 0.00) is just false"):
        assert margin in plain(said.line)
    told = {plain(one.cells[0]): plain(one.cells[1]) for one in table.rows}
    assert told == {name: repr(found.of_rule(name)) for name in SHARES}
    (open_,) = (one for one in for_audience([table], "open") if isinstance(one, Table))
    hidden = "".join(plain(cell) for one in open_.rows for cell in one.cells)
    assert repr(found.of_rule("much")) not in hidden
    toml = "\n".join(f'[[rules]]\nname = "{name}"\nat_least = "calibrate"' for name in SHARES)
    assert calibrated_text(toml, found).count("0.9") == 2


BAD = [
    ({"shares": {"much": 0.5, "efficacy": 0.4}}, "sum to 0.9; 1 is expected"),
    ({"shares": {"efficacy": 0.9}}, "gives nothing to 'much'"),
    ({"shares": SHARES | {"futility": 0.1}}, "the rules that declare success are much, efficacy"),
    ({"spend": [0.05, 0.1]}, "cannot be met together with the rest: spend is for one rule"),
    ({"held": "by_claim"}, 'cannot be met together with the rest: held = "by_claim"'),
]


@pytest.mark.parametrize(("calibration", "words"), BAD)
def test_what_cannot_be_shared_is_refused(calibration: dict[str, Any], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        Design(**small(**calibration))


def test_rules_that_hang_on_each_other_are_refused_by_name_and_why() -> None:
    raw = small()
    raw["rules"][1]["requires"] = ["much"]
    with pytest.raises(DesignError, match="'efficacy' predicts or requires another of them"):
        Design(**raw)
    raw = small()
    raw["rules"][2]["then"] = "stop_enrolment"
    with pytest.raises(DesignError, match="'futility' predicts or requires one of them, and does"):
        Design(**raw)
    raw = small()
    raw["rules"][1]["at_least"] = 0.99
    with pytest.raises(DesignError, match=r"'efficacy' has the threshold 0\.99"):
        Design(**raw)


def test_a_share_out_of_range_is_told_alone() -> None:
    for share in (1.7, -0.5, 0.0):
        with pytest.raises(DesignError) as caught:
            Design(**small(shares={"much": 0.5, "efficacy": share}))
        assert [one.path for one in caught.value.problems] == ["calibration.shares.efficacy"]
