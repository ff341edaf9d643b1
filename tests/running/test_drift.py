"""What borrowing buys and what it risks: against the exact engine, and by its own promises."""

from __future__ import annotations

import copy
import csv
import math
import re
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from adaptive_cart.cli import main
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, EngineError, InputError
from adaptive_cart.results.bounds import at_most
from adaptive_cart.results.drift import ALONE, EQUAL, WITHOUT, WRITTEN, Drift
from adaptive_cart.results.worst_case import Certificate
from adaptive_cart.running import holding
from adaptive_cart.running.certificate import certify
from adaptive_cart.running.drift import Line, drift, without_borrowing
from adaptive_cart.running.exact import enumerate_design
from adaptive_cart.running.exact_error import ExactError
from adaptive_cart.running.holding import held_over

HYBRID = """
name = "Hybrid"
[arms.soc]
control = true
[arms.cart]
allocation = 2
[endpoints.dfr]
type = "landmark"
month = 6
[external.registry]
source = "A registry"
endpoint = "dfr"
responders = 12
participants = 60
[analysis.dfr]
model = "beta_binomial"
prior.soc = { external = ["registry"], method = "power", weight = 0.3 }
[enrolment]
max_n = 36
per_month = 3
[looks]
observed = [18, 36]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
at_least = 0.97
[[rules]]
name = "futility"
then = "declare_futility"
predictive = { rule = "efficacy" }
below = 0.05
looks = [1]
[scenarios.null]
dfr = { soc = 0.2, cart = 0.2 }
[scenarios.expected]
dfr = { soc = 0.2, cart = 0.6 }
"""


def hybrid(**changes: Any) -> dict[str, Any]:
    raw = tomllib.loads(HYBRID)
    for path, value in changes.items():
        *around, last = [int(s) if s.isdigit() else s for s in path.split("__")]
        inner: Any = raw
        for step in around:
            inner = inner[step]
        inner[last] = value
    return raw


SAM = {"external": ["registry"], "method": "sam", "difference": 0.15}


@cache
def found(adapting: bool = False) -> Drift:
    raw = hybrid(**({"analysis__dfr__prior__soc": SAM} if adapting else {}))
    return drift(Design(**raw), region=(0.05, 0.4), points=21)


def rows_at(design: Design, soc: float, cart: float) -> dict[str, float]:
    raw = copy.deepcopy(design.plain())
    raw["scenarios"] = {"here": {"dfr": {"soc": soc, "cart": cart}}}
    here = Design(**raw)
    rows, _ = enumerate_design(here, here.truths)
    return {measure: value for _, measure, _, _, look, value, *_ in rows if look is None}


@pytest.mark.parametrize("adapting", [False, True])
def test_the_line_is_what_the_exact_engine_finds(adapting: bool) -> None:
    design = Design(**hybrid(**({"analysis__dfr__prior__soc": SAM} if adapting else {})))
    alone = without_borrowing(design, Plan.of(design).borrowing[0])
    assert found(adapting).effect == pytest.approx(0.4)
    assert found(adapting).observed == 0.2
    for label, one in ((WRITTEN, design), (WITHOUT, alone)):
        for truth, moved in (("null", 0.0), ("effect", 0.4)):
            curve = found(adapting).curves[label, truth]
            assert len(curve.controls) == (21 if truth == "null" else 13)
            for place in (0, 4, 11):
                soc, cart = float(curve.controls[place]), float(curve.others[place])
                assert cart == pytest.approx(soc + moved)
                rows = rows_at(one, soc, cart)
                for measure, values in (
                    ("success", curve.success),
                    ("bias", curve.bias),
                    ("coverage", curve.coverage),
                ):
                    assert values[place] == pytest.approx(rows[measure], abs=1e-12), (label, soc)
                if label == WRITTEN:
                    borrowed = curve.borrowed[place]
                    assert borrowed == pytest.approx(rows["borrowed_dfr_mean"], abs=1e-10)
                    assert curve.conflict[place] == pytest.approx(rows["conflict_dfr"], abs=1e-12)
                else:
                    assert curve.borrowed[place] == 0.0


def test_the_worst_error_is_nowhere_exceeded() -> None:
    design = Design(**hybrid())
    line = Line(design, Plan.of(design).borrowing[0])
    rates = np.array([0.05, *np.random.default_rng(7).uniform(0.05, 0.4, 300), 0.4])
    errors = line.success(rates, 0.0)
    worst = found().worst[0]
    assert errors.max() <= worst.worst.figure.estimate + 1e-12
    assert worst.certificate is not None
    assert worst.certificate.holds
    assert worst.worst.figure.estimate - errors.max() < 1e-3


def test_the_largest_region_in_which_the_error_is_held_is_proven_and_no_larger() -> None:
    design = Design(**hybrid())
    line, holds = Line(design, Plan.of(design).borrowing[0]), found().holds
    assert holds[0].low == 0.0
    rng = np.random.default_rng(20261129)
    for one in holds:
        assert one.bound is not None
        assert one.bound <= 0.025
        errors = line.success(rng.uniform(one.low, one.high, 2_500), 0.0)
        assert errors.max() <= one.bound + 1e-12
    ends = [(one.low, -1e-4) for one in holds] + [(one.high, 1e-4) for one in holds]
    for end, step in ends:  # by the exact engine, which knows no lines
        assert rows_at(design, end, end)["success"] <= 0.025
        if 0.0 < end < 1.0:
            assert rows_at(design, end + step, end + step)["success"] > 0.025
    words = found().words()
    assert "does NOT hold 0.025 over soc rates from 0.05 to 0.4; the largest region" in words
    assert holds[0].words in words
    assert holds[0].words in found().paragraph()


def test_the_paragraph_says_that_it_is_proven_just_where_it_is() -> None:
    told = found()
    first, second = told.worst
    certificate = first.certificate
    assert certificate is not None
    assert certificate.holds
    proven = f"It is proven to exceed {at_most(certificate.bound, 6)} nowhere in that region."
    assert proven in told.paragraph()
    for other in (None, replace(certificate, exceeded=1)):
        less = replace(told, worst=(replace(first, certificate=other), second))
        assert less.paragraph() == told.paragraph().replace(f" {proven}", "")


def test_a_bound_that_is_too_large_cuts_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    design = Design(**hybrid())
    error = ExactError(design, set(), (0.0, 1.0))
    whole = held_over(error, 0.0, 0.025)

    def doubting(error: ExactError, limits: tuple[float, float], *more: float) -> Certificate:
        sure = certify(error, limits, *more)
        if limits[0] <= 0.10003 <= limits[1]:  # as if a peak stood between two rates of the grid
            return replace(sure, bound=0.03, at=(0.10003, 0.10003))
        return sure

    monkeypatch.setattr(holding, "certify", doubting)
    cut = held_over(error, 0.0, 0.025)
    assert [(one.low, one.high) for one in cut[:2]] == [(0.0, 0.1), (0.1001, whole[0].high)]
    assert cut[2:] == whole[1:]
    monkeypatch.setattr(holding, "why_none", lambda *asked: "too many")
    assert [one.bound for one in held_over(error, 0.0, 0.025)] == [None] * len(whole)


def test_at_equal_error_both_hold_it_and_powers_cross_where_it_says() -> None:
    equal = found().equal
    assert equal is not None
    for label, error in zip((EQUAL, ALONE), equal.errors, strict=True):
        curve = found().curves[label, "null"]
        inside = (curve.controls >= 0.05) & (curve.controls <= 0.4)
        assert curve.success[inside].max() <= error <= 0.025
    gains = {
        rate: with_ - without
        for rate, with_, without in zip(
            found().curves[EQUAL, "effect"].controls,
            found().curves[EQUAL, "effect"].success,
            found().curves[ALONE, "effect"].success,
            strict=True,
        )
    }
    assert equal.gains
    for rate, gain in gains.items():
        if 0.05 <= rate <= 0.4:
            claimed = any(low <= rate <= high for low, high in equal.gains)
            assert claimed == (gain > 1e-6), rate
    assert equal.expected[0] - equal.expected[1] == pytest.approx(gains[0.2], abs=1e-12)
    assert equal.most[1] >= max(g for r, g in gains.items() if 0.05 <= r <= 0.4) - 1e-12


def test_a_method_that_cannot_hold_the_error_says_so_and_where_it_can() -> None:
    pooled = {"external": ["registry"], "method": "pooled"}
    raw = hybrid(analysis__dfr__prior__soc=pooled, looks__observed=[36])
    raw["external"]["registry"] |= {"responders": 1}
    raw["rules"] = raw["rules"][:1]
    raw["rules"][0]["posterior"]["above"] = -0.3
    told = drift(Design(**raw), region=(0.0, 1.0), error=1e-6, points=11)
    assert told.equal is None
    assert "BROKEN" not in told.words()  # all masses together are 1, and no more by rounding
    assert told.cannot.startswith("with borrowing no threshold holds 1e-06 over the region")
    assert told.cannot in told.words()
    assert told.words().endswith(told.cannot)
    intervals = re.findall(r"(\d\.\d{4}) to (\d\.\d{4}) \(proven", told.cannot)
    assert intervals
    # of the tables of 12 and 24 those with the largest probability alone: a plain sum over them
    known = ExactError(Design(**raw), {"efficacy"}, (0.0, 1.0))
    (asked,) = (look.asked["efficacy"] for look in known.looks)
    wins = np.argwhere((asked >= asked.max()).reshape(13, 25))
    for ends in intervals:
        for end, step in zip(map(float, ends), (-1e-4, 1e-4), strict=True):
            for soc in (end, end + step):
                if not 0.0 <= soc <= 1.0:
                    continue
                cart = max(soc - 0.3, 0.0)
                masses = stats.binom.pmf(wins, [12, 24], [soc, cart]).prod(axis=1)
                false = cart - soc <= -0.3 + 1e-12
                assert (false * math.fsum(masses) <= 1e-6) == (soc == end), (soc, ends)


def test_every_curve_is_written(tmp_path: Path) -> None:
    file = tmp_path / "hybrid.toml"
    file.write_text(HYBRID)
    out = tmp_path / "out"
    given = ["borrowing", str(file), "--region", "0.05", "0.4", "--points", "21", "--format", "svg"]
    done = CliRunner().invoke(main, [*given, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "borrowing gains power where the soc rate is in" in done.output
    rows = list(csv.DictReader((out / "borrowing.csv").read_text().splitlines()))
    assert {row["design"] for row in rows} == {WRITTEN, WITHOUT, EQUAL, ALONE}
    (here,) = [r for r in rows if r["design"] == WRITTEN and r["truth"] == "effect"
               and r["control_rate"] == "0.2"]  # fmt: skip
    place = found().at(WRITTEN, "effect", 0.2)
    assert place is not None
    assert float(here["success"]) == place.success
    paragraph = (out / "protocol_paragraph.txt").read_text()
    assert f"power is {place.success:.3f}" in paragraph
    assert "A registry" in paragraph
    assert (out / "borrowing.svg").stat().st_size > 1_000
    assert "What borrowing buys, and what it risks" in (out / "captions.json").read_text()


@pytest.mark.parametrize(
    ("changes", "given", "words"),
    [
        ({"analysis__dfr__prior__soc": {"a": 1.0, "b": 1.0}}, {}, "does not borrow"),
        ({"rules__0__at_least": "calibrate"}, {}, "`adaptive-cart calibrate` finds it first"),
        ({}, {"region": (0.4, 0.1)}, "--region: found 0.4 0.1"),
        ({}, {"effect": 1.5}, "--effect: found 1.5"),
        ({}, {"error": 0.0}, "--error: found 0"),
        ({}, {"points": 3}, "--points: found 3"),
        (
            {},
            {"points": 3, "trials": 30, "jobs": 1},
            "from 11 to 100,001 is expected\n--trials: found 30",
        ),
        (
            {"rules__0__posterior": {"endpoint": "dfr", "arm": "cart", "above": 0.3}},
            {},
            "one rule that declares success is expected",
        ),
    ],
)
def test_what_cannot_be_told_is_refused(
    changes: dict[str, Any], given: dict[str, Any], words: str
) -> None:
    raw = hybrid(**changes)
    if (
        "soc" in raw["analysis"]["dfr"]["prior"]
        and "external" not in raw["analysis"]["dfr"]["prior"]["soc"]
    ):
        raw.pop("external")
    if raw["rules"][0].get("at_least") == "calibrate":
        raw["calibration"] = {"type_one_error": 0.025}
    with pytest.raises(DesignError) as refused:
        drift(Design(**raw), **given)
    assert words in str(refused.value)


def test_a_region_over_more_than_the_controls_rate_is_refused_or_said_anew() -> None:
    raw = hybrid()
    raw["calibration"] = {
        "type_one_error": 0.025,
        "null_region": {"soc": [0.05, 0.4], "enrolment.per_month": [2.0, 4.0]},
    }
    raw["scenarios"]["null"]["enrolment"] = {"per_month": 3.0}
    design = Design(**raw)
    with pytest.raises(DesignError, match=r"null_region: runs over enrolment\.per_month too"):
        drift(design, points=21)
    held = drift(design, region=(0.05, 0.4), points=21)
    assert held.region == (0.05, 0.4)


def test_a_design_that_is_not_enumerated_is_refused() -> None:
    raw = hybrid(looks={"months": [12.0, 24.0]})
    with pytest.raises(EngineError, match="months"):
        drift(Design(**raw))


def test_where_nothing_is_gained_it_says_so() -> None:
    told = found(True)
    assert told.equal is not None
    assert told.equal.gains == ()
    assert told.equal.most[1] < 0.0
    assert "borrowing gains power at no control rate" in told.words()
    assert "borrowing gains power at no control rate" in told.paragraph()


def test_an_effect_that_no_control_rate_has_room_for_is_refused() -> None:
    with pytest.raises(InputError, match=r"--effect: found 0.5; no control rate from 0.6 to 0.9"):
        drift(Design(**hybrid()), effect=0.5, region=(0.6, 0.9))


def test_the_table_has_the_external_rate() -> None:
    lines = found().table().splitlines()
    assert any(line.lstrip().startswith("0.200") and "+0.000" in line for line in lines)
    assert not any("nan" in line for line in lines)
    assert math.isclose(found().observed, 0.2)
