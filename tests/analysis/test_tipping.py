"""Tipping points of a look, against every table and every prior judged by itself."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from scipy import stats

import adaptive_cart as ac
import adaptive_cart.analysis.tipping as sought
from adaptive_cart.analysis import analyze, folder
from adaptive_cart.analysis.flow import Analysis
from adaptive_cart.analysis.tipping_pictures import three_decimals, tipping
from adaptive_cart.cli import main
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import load_design
from adaptive_cart.nouns.summaries import Exposure
from analysis.test_absence import TOML, VISITS, visit_rows
from analysis.test_corrected import responders
from analysis.test_what_if import better
from checks import DESIGNS, raw_design, tiny_design

AT: dict[str, Any] = {"look": 1, "as_of": 15.75, "fast": True}
LEFT = {"cells": 7, "usual": 3}


def with_missing() -> list[dict[str, Any]]:
    """Eleven and five respond; seven and three of the others withdrew in month 4."""
    rows = responders(11, 5)
    for k, row in enumerate(rows):
        arm = "cells" if k % 2 else "usual"
        first = 11 if arm == "cells" else 15
        if first <= k // 2 < first + LEFT[arm]:
            row |= {"withdrawn_month": 4.0, "last_contact_month": 4.0}
    return rows


def design(missing: str, **prior: Any) -> Design:
    endpoints = {"free": {"type": "landmark", "month": 6, "missing": missing}}
    analysis = {"free": {"model": "beta_binomial", "prior": prior}} if prior else {}
    return Design(**{**VISITS, "endpoints": endpoints, "analysis": analysis})


@pytest.mark.parametrize("missing", ["non_response", "exclude", "impute"])
def test_every_outcome_of_the_missing_is_judged(missing: str) -> None:
    """However the missing are read, the tables in which all are known are the same ones."""
    found = analyze(design(missing), with_missing(), tipping=True, **AT)
    tipping = found.findings.tipping
    assert tipping is not None
    tip = tipping.missing[0]
    assert (tip.rule, tip.arms, tip.missing) == ("efficacy", ("usual", "cells"), (3, 7))
    ways = list(product(range(4), range(8)))
    corner = {k: better(11 + k[1], 5 + k[0], 20, 20) for k in [(0, 0), (3, 0), (1, 1), (3, 3)]}
    for (usual, cells), probability in corner.items():
        assert tip.probabilities[usual][cells] == pytest.approx(probability, abs=2e-4)
    expected = [k for k in ways if tip.probabilities[k[0]][k[1]] >= 0.99]
    assert list(tip.holds) == expected
    assert 0 < len(expected) < len(ways)
    # counted from where the design puts them: none respond, or as the others of their arm
    assert tip.read_as == ((0, 0) if missing == "non_response" else (1, 6))
    turned = [k for k in ways if (k in expected) != tip.holds_now]
    apart = {k: sum(abs(a - b) for a, b in zip(k, tip.read_as, strict=True)) for k in turned}
    assert tip.fewest is not None
    assert apart[tip.fewest] == min(apart.values())
    assert "Tipping points of the missing outcomes (3 in usual and 7 in cells)" in found.text
    assert "of 7 missing in cells" not in found.text
    assert "in cells, of 7 missing: holds with" in found.text


def test_where_a_model_tells_strata_apart_the_missing_are_told_stratum_by_stratum() -> None:
    """Each outcome written into the rows: who withdrew is followed to month 6 instead."""
    one = {"dist": "normal", "mean": 0.0, "sd": 1.5}
    prior = {"intercept": one, "treatment": one, "stratum": one, "interaction": one}
    own = Design(**{**VISITS, "strata": {"mild": 0.5, "severe": 0.5}, "rules": VISITS["rules"][:1],
                    "analysis": {"free": {"model": "logistic", "prior": prior}}})  # fmt: skip
    rows = responders(10, 6)
    gone = {"usual": {"mild": [36], "severe": [30]}, "cells": {"mild": [29, 33], "severe": [31]}}
    for k, row in enumerate(rows):
        row["stratum"] = "mild" if k % 4 < 2 else "severe"
    left = [(arm, stratum, who) for arm, by in gone.items() for stratum, who in by.items()]
    for arm, stratum, who in left:
        assert all((rows[k]["arm"], rows[k]["stratum"]) == (arm, stratum) for k in who)
        for k in who:
            rows[k] |= {"withdrawn_month": 4.0, "last_contact_month": 4.0}
    found = analyze(own, rows, tipping=True, **AT)
    assert found.findings.tipping is not None
    tip = found.findings.tipping.missing[0]
    assert tip.arms == tuple(f"{arm}, {stratum}" for arm, stratum, _ in left)
    assert tip.missing == (1, 1, 2, 1)
    ways = list(product(range(2), range(2), range(3), range(2)))
    by_way = dict(zip(ways, (p for row in tip.probabilities for p in row), strict=True))
    for way in (ways[0], (1, 0, 2, 1), (0, 1, 1, 0)):
        other = [dict(row) for row in rows]
        for (*_, who), number in zip(left, way, strict=True):
            for place, k in enumerate(who):
                other[k] |= {"withdrawn_month": "", "last_contact_month": 6.0,
                             "remission_month": 3.1 if place < number else ""}  # fmt: skip
        judged = analyze(own, other, **AT).rules[0].fast
        assert by_way[way] == pytest.approx(judged, abs=1e-9)
    assert set(tip.holds) == {way for way, p in by_way.items() if p >= 0.99}
    told = {tip.what: tip for tip in found.findings.tipping.priors}
    parts = ("intercept", "treatment", "stratum", "interaction")
    assert set(told) == {f"{part}.{key}" for part in parts for key in ("mean", "sd")}
    turned = 0
    for part in ("treatment", "interaction"):
        moved = told[f"{part}.mean"]
        for value in (moved.below, moved.above):
            if value is None:
                continue
            for nudge in (-1e-3, 1e-3):
                other = {**prior, part: {**one, "mean": value * (1.0 + nudge)}}
                judged = analyze(own.replace("analysis.free.prior", other), rows, **AT).rules[0]
                assert judged.holds == (moved.holds_now if nudge < 0.0 else not moved.holds_now)
            turned += 1
    assert turned == 2


def test_a_prior_turns_the_rule_over_where_it_is_said_to() -> None:
    """The value on either side, written into the design: the rule holds on one and not beyond."""
    vague = {"weight": 0.2, "a": 1.0, "b": 1.0}
    main_part = {"weight": 0.8, "a": 4.0, "b": 16.0}
    rows = with_missing()

    def holds(a: float, b: float, weight: float, cells: tuple[float, float]) -> bool:
        mixture = [main_part | {"a": a, "b": b, "weight": 1.0 - weight}, vague | {"weight": weight}]
        own = design("non_response", usual={"mixture": mixture},
                     cells={"a": cells[0], "b": cells[1]})  # fmt: skip
        return bool(analyze(own, rows, **AT).rules[0].holds)

    prior = {"usual": {"mixture": [main_part, vague]}, "cells": {"a": 1.0, "b": 1.0}}
    found = analyze(design("non_response", **prior), rows, tipping=True, **AT)
    assert found.findings.tipping is not None
    tips = {(tip.arm, tip.what): tip for tip in found.findings.tipping.priors}
    assert set(tips) == {("usual", "size"), ("usual", "mean"), ("usual", "vague_weight"),
                         ("cells", "size"), ("cells", "mean")}  # fmt: skip
    now = found.rules[0].holds
    assert all(tip.holds_now == now for tip in tips.values())
    written = {
        ("usual", "size"): lambda v: holds(0.2 * v, 0.8 * v, 0.2, (1.0, 1.0)),
        ("usual", "mean"): lambda v: holds(20 * v, 20 * (1 - v), 0.2, (1.0, 1.0)),
        ("usual", "vague_weight"): lambda v: holds(4.0, 16.0, v, (1.0, 1.0)),
        ("cells", "mean"): lambda v: holds(4.0, 16.0, 0.2, (2 * v, 2 - 2 * v)),
    }
    turned = 0
    for key, judged in written.items():
        tip = tips[key]
        for value, sign in ((tip.below, -1.0), (tip.above, 1.0)):
            if value is None:
                continue
            step = 1e-4 * abs(value - tip.now)
            assert judged(value + sign * step) != now, key
            assert judged(value - sign * step) == now, key
            turned += 1
    assert turned == 5
    assert tips["cells", "size"].below is tips["cells", "size"].above is None
    assert "none up to 10000" in found.text
    # what is predicted has no priors moved, and is said so
    assert "turns over below" in found.text


def test_the_command_tells_it_and_without_being_asked_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = {"tipping": tipping}  # the other figures take seconds
    monkeypatch.setattr(folder, "figures_of", lambda a: {k: draw(a) for k, draw in alone.items()})
    path, data = tmp_path / "design.toml", tmp_path / "data.csv"
    path.write_text(TOML, encoding="utf-8")
    rows = with_missing()
    lines = [",".join(rows[0]), *(",".join(str(v) for v in row.values()) for row in rows)]
    data.write_text("\n".join(lines), encoding="utf-8")
    command = ["analyze", str(path), str(data), "--fast", "--out", str(tmp_path / "o"),
               "--as-of", "15.75", "--tipping"]  # fmt: skip
    run = CliRunner().invoke(main, command)
    assert run.exit_code == 0, run.output
    assert "Tipping points of the missing outcomes" in run.output
    written = json.loads((tmp_path / "o" / "analysis.json").read_text(encoding="utf-8"))
    assert written["tipping"]["missing"][0]["missing"] == [3, 7]
    table = (tmp_path / "o" / "figures" / "tipping.csv").read_text(encoding="utf-8")
    assert table.splitlines()[0] == "rule,responders_usual,responders_cells,probability,holds"
    assert len(table.splitlines()) >= 1 + 4 * 8
    assert "tipping" in written["figures"]
    assert analyze(design("exclude"), visit_rows(), **AT).findings.tipping is None


def test_nothing_less_than_certain_reads_as_certain() -> None:
    shown = [three_decimals(value) for value in (0.0, 0.0004, 0.0006, 0.9994, 0.9996, 1.0)]
    assert shown == ["0.000", "<0.001", "0.001", "0.999", ">0.999", "1.000"]


# ── priors of other models ────────────────────────────────────────────────────────────────────
def tips_at(design: Design, **example: Any) -> tuple[list[dict[str, Any]], Analysis]:
    """A simulated trial as a table, and its first look."""
    rows = ac.example(design, **example).participants
    return rows, analyze(design, rows, look=1, fast=True, tipping=True)


def turns(found: Analysis, judged: Mapping[tuple[str, str], Callable[[float], bool]]) -> int:
    """How many values turn a rule over, each judged by itself a little to either side."""
    assert found.findings.tipping is not None
    told = 0
    tips = {(tip.arm, tip.what): tip for tip in found.findings.tipping.priors}
    assert set(tips) == set(judged)
    for key, holds in judged.items():
        tip = tips[key]
        assert holds(tip.now) == tip.holds_now
        for value, end in ((tip.below, tip.reach[0]), (tip.above, tip.reach[1])):
            if value is None:
                assert holds(end) == tip.holds_now
                continue
            step = 1e-4 * (value - tip.now)
            assert holds(value + step) != tip.holds_now, key
            assert holds(value - step) == tip.holds_now, key
            told += 1
    return told


def test_the_prior_of_a_rate_turns_a_rule_over_where_its_gamma_distribution_does() -> None:
    raw = tiny_design(
        endpoints={"dfr": {"type": "landmark", "month": 4}, "harm": {"type": "event_rate"}},
        analysis={"harm": {"model": "gamma_poisson", "prior": {"a": 0.5, "b": 2.0}}},
        scenarios={"null": {"dfr": {"soc": 0.2, "cart": 0.2}, "harm": {"soc": 0.2, "cart": 0.9}}},
    )
    raw["rules"] = [{"name": "harm", "then": "stop_for_safety", "at_least": 0.9,
                     "posterior": {"endpoint": "harm", "arm": "cart", "above": 0.5}}]  # fmt: skip
    _, found = tips_at(Design(**raw), scenario="null", trial=3)
    seen = found.recorded.summary("harm")
    assert isinstance(seen, Exposure)
    events, years = float(seen.events[0, 1].sum()), float(seen.years[0, 1].sum())

    def holds(a: float, b: float) -> bool:
        return bool(stats.gamma.sf(0.5, a + events, scale=1.0 / (b + years)) >= 0.9)

    assert turns(found, {
        ("cart", "size"): lambda years: holds(0.25 * years, years),
        ("cart", "mean"): lambda rate: holds(2.0 * rate, 2.0),
    }) >= 1  # fmt: skip


@pytest.mark.slow
def test_priors_of_hazards_and_of_scores_turn_a_rule_over_where_they_are_said_to() -> None:
    """The value on either side, written into the design."""
    design = load_design(DESIGNS / "durability_event_driven.toml")
    rows, found = tips_at(design, scenario="expected", trial=2)

    def ratio(mean: float = 0.0, sd: float = 2.0, a: float = 0.1, b: float = 1.0) -> bool:
        prior = {"baseline": {"a": a, "b": b},
                 "log_hazard_ratio": {"dist": "normal", "mean": mean, "sd": sd}}  # fmt: skip
        own = design.replace("analysis.relapse.prior", prior)
        return bool(analyze(own, rows, look=1, fast=True).rules[0].holds)

    assert turns(found, {
        ("", "mean"): lambda value: ratio(mean=math.log(value)),
        ("", "sd"): lambda value: ratio(sd=value),
        ("", "size"): lambda value: ratio(a=value, b=10.0 * value),
    }) >= 2  # fmt: skip

    raw = raw_design("myasthenia_scores")
    rule = {"name": "better", "then": "declare_success", "at_least": 0.6,
            "posterior": raw["rules"][0]["all"][0]["posterior"]}  # fmt: skip
    raw["rules"] = [rule]
    for score, mean in (("mgadl", -1.0), ("qmg", -2.0)):
        raw.setdefault("analysis", {})[score] = {
            "model": "normal", "prior": {"soc": {"mean": mean, "worth": 5.0}}
        }  # fmt: skip
    design = Design(**raw)
    rows, found = tips_at(design, scenario="null", trial=1)

    def better(mean: float = -1.0, worth: float = 5.0) -> bool:
        own = design.replace("analysis.mgadl.prior", {"soc": {"mean": mean, "worth": worth}})
        return bool(analyze(own, rows, look=1, fast=True).rules[0].holds)

    assert turns(found, {
        ("soc", "mean"): lambda value: better(mean=value),
        ("soc", "size"): lambda value: better(worth=value),
    }) >= 1  # fmt: skip


def test_where_it_takes_long_it_is_told_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, told = [0.0], list[str]()
    monkeypatch.setattr(sought.time, "monotonic", lambda: clock[0])
    asked: list[Any] = [("efficacy", None, place) for place in range(6)]
    for number, _ in enumerate(sought.told_as_they_go(asked, told.append)):
        clock[0] += 1.0 if number < 2 else 4.0
    assert told == [
        "tipping points of 6 comparisons, each judged anew many times",
        "tipping points: 3 of 6 comparisons, about 6 s left",  # 6 s for three
        "tipping points: 5 of 6 comparisons, about 3 s left",  # 14 s for five; not at 10, below 12
    ]
    told.clear()
    assert list(sought.told_as_they_go(asked[:1], told.append)) == asked[:1]
    assert told == ["tipping points of 1 comparison, each judged anew many times"]
