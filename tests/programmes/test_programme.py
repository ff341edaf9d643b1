"""The file, the folder, the calendar and the text of a programme."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from adaptive_cart.cli import main
from adaptive_cart.errors import DesignError, EngineError, ResultsError
from adaptive_cart.programmes import load_programme, simulate_programme
from adaptive_cart.programmes.accounts import starts_of
from adaptive_cart.programmes.exact import exact_measures
from adaptive_cart.programmes.measured import ratio
from adaptive_cart.programmes.tables import ProgrammeTables
from adaptive_cart.programmes.telling import number, percent
from adaptive_cart.results.estimand import SobolLatents, true_values
from checks import raw_design
from programmes.cases import EARLY, SHIPPED, programme, written

DRAWN = """count = 4
classes = { a = 3, b = 1 }
share_that_work = { dist = "beta", a = 3, b = 2 }
draw."dfr.cart" = { dist = "beta", a = 6, b = 4 }
between_classes = 0.5
between_products = 0.5
"""
BELIEVED = "prior_from_early = { believe = 0.5 }\n"


def test_the_shipped_programme_loads() -> None:
    found = load_programme(SHIPPED)
    assert found.law.count == 25
    assert found.believe == 0.5
    # the drawn value is put into a truth without resolving it anew, in both designs
    assert found.early is not None
    assert found.early.planted.places is not None
    assert found.confirm.planted.places is not None


@pytest.mark.parametrize(
    ("candidates", "more", "told"),
    [
        ("cont = 4\n", {}, r"candidates\.cont: unknown key \(did you mean 'count'\?\)"),
        ("count = 0\n", {}, r"candidates\.count: found 0; at least 1"),
        ("count = 4\nshare_that_work = 1.2\n", {}, r"share_that_work: found 1\.2; at most 1"),
        ("count = 4\ncapacity = { participants_per_year = 0 }\n", {},
         r"candidates\.capacity\.participants_per_year: found 0; more than 0"),
        ("count = 4\nclasses = { a = 3 }\n", {}, r"candidates\.classes: sum to 3; the 4"),
        ('count = 4\ndraw."dfr.crt" = { dist = "beta", a = 1, b = 1 }\n', {},
         r"draw\.\"dfr\.crt\": no value 'dfr\.crt' \(did you mean 'cart'\?\).*early\.toml"),
        ('count = 4\nbetween_classes = 0.5\ndraw."dfr.cart" = { dist = "beta", a = 1, b = 1 }\n',
         {}, r"between_classes: without effect with one class"),
        ("count = 4\nbetween_products = 0.5\n", {}, r"effect_on: missing.*write candidates\.draw"),
        ('count = 4\nstart = "sequential"\ncapacity = { participants_per_year = 90 }\n', {},
         r"candidates\.capacity: without effect: one trial runs at a time"),
        ("count = 4\n", {"of_early": ""}, r"early\.does_not_work: .*no control"),
        ("count = 4\n", {"of_early": 'scenario = "wrks"\n'}, r"no scenario \"wrks\" \(did you"),
        ("count = 4\n", {"early": None, "of_confirm": BELIEVED},
         r"prior_from_early: there is no \[early\]"),
        ("count = 4\n", {"early": {**EARLY, "rules": [{**EARLY["rules"][0],
                                                       "then": "declare_futility"}]}},
         r"early\.design: .*no rule declares success"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(
    candidates: str, more: Mapping[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(DesignError, match=told):
        programme(tmp_path, candidates, **more)


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "count = 4\nshare_that_work = 2\n")
    text = path.read_text(encoding="utf-8").replace("early.toml", "nowhere.toml")
    path.write_text(text.replace('design = "confirm', 'scenario = "x"\ndesign = "confirm'))
    outcome = CliRunner().invoke(main, ["programme", str(path), "--out", str(tmp_path / "out")])
    assert outcome.exit_code == 2
    for told in ("share_that_work: found 2", "nowhere.toml: no such file", 'no scenario "x"'):
        assert told in outcome.output
    assert not (tmp_path / "out").exists()


def test_a_run_goes_on_and_is_the_same_however_it_is_cut(tmp_path: Path) -> None:
    drawn = programme(tmp_path, DRAWN, of_confirm=BELIEVED)
    whole = simulate_programme(drawn, portfolios=12, seed=3, jobs=1, out=tmp_path / "whole")
    first = simulate_programme(drawn, portfolios=5, seed=3, jobs=1, out=tmp_path / "cut")
    longer = simulate_programme(drawn, portfolios=12, seed=3, jobs=1, out=tmp_path / "cut")
    for name in ("measures.csv", "distributions.csv", "programme.txt"):
        here, there = (one.folder / name for one in (whole, longer))
        assert here.read_bytes() == there.read_bytes(), name
    for name, values in whole.candidates.items():
        np.testing.assert_array_equal(values, longer.candidates[name], err_msg=name)
    assert len(list((first.folder / "parts").iterdir())) == 2
    record = (longer.folder / "programme.json").read_bytes()
    again = simulate_programme(drawn, portfolios=12, seed=3, jobs=1, out=tmp_path / "cut")
    assert again.text() == whole.text()
    assert (longer.folder / "programme.json").read_bytes() == record
    with pytest.raises(ResultsError, match="seed 3 there, 4 now"):
        simulate_programme(drawn, portfolios=5, seed=4, jobs=1, out=tmp_path / "cut")


def test_columns_are_what_they_say(tmp_path: Path) -> None:
    drawn = programme(tmp_path, DRAWN, of_confirm=BELIEVED)
    found = simulate_programme(drawn, portfolios=60, seed=3, jobs=1, out=tmp_path / "out")
    of = found.candidates
    assert list(of["class"][:4]) == ["a", "a", "a", "b"]
    worked = of["drawn_to_work"]
    np.testing.assert_allclose(of["true_level"][worked], of["dfr.cart"][worked], atol=1e-12)
    np.testing.assert_array_equal(of["true_level"][~worked], 0.2)
    # a product below its control's rate does not work, whatever was drawn
    np.testing.assert_array_equal(of["works"], worked & (of["true_level"] > of["true_control"]))
    assert not of["success"][~of["go"]].any()
    assert (of["randomised"][~of["go"]] == 0).all()
    assert set(of["reason"][~of["go"]]) == {"not_run"}
    hold = (of["success"] & of["works"]).reshape(-1, 4).sum(axis=1)
    assert found.figure("number_hold_up").estimate == hold.mean()
    assert found.distributions["hold_up"][1].estimate == (hold == 1).mean()


def test_selected_participants_have_the_endpoint_more_often(tmp_path: Path) -> None:
    """Of a course: remission is raised until the endpoint is more probable by so much."""
    from adaptive_cart.conduct.plan import Plan
    from adaptive_cart.programmes.known import GAIN, LEVEL, known_of, numbers_of
    from adaptive_cart.results.estimand import SobolLatents

    trial = load_programme(SHIPPED).early
    assert trial is not None
    known = known_of(trial, {})
    works = np.array([True, False])
    own = trial.truths(works, {}, known.of(GAIN, works, {}))
    points = SobolLatents(points=2**14)
    for truth, before in zip(own.distinct, known.of(LEVEL, works, {}), strict=True):
        after = numbers_of(trial, Plan.of(trial.design), points, truth)[LEVEL]
        assert after == pytest.approx(before + trial.selected, abs=0.002)


def test_nobody_is_treated_where_the_product_never_comes(tmp_path: Path) -> None:
    raw = raw_design("sle_autologous")
    raw["truth"]["cart"] |= {"infusion": {"failure": 1.0}}
    none = programme(tmp_path, "count = 2\nshare_that_work = 0.5\n", early=None, confirm=raw)
    found = simulate_programme(none, portfolios=3, seed=2, jobs=1, out=tmp_path / "out")
    assert (found.candidates["exposed"] > 0).all()
    assert not found.candidates["treated"].any()


def test_years_in_remission_are_those_of_who_was_treated(tmp_path: Path) -> None:
    benefit = """count = 2
share_that_work = 0.5
benefit = { endpoint = "remission_time", treated_after_success = 100 }
"""
    raw = raw_design("sle_autologous")
    gaining = programme(tmp_path, benefit, early=None, confirm=raw)
    found = simulate_programme(gaining, portfolios=10, seed=2, jobs=1, out=tmp_path / "out")
    of = found.candidates
    design = gaining.confirm.design
    points = SobolLatents(points=2**12)
    for works, truth in ((True, design.truths["expected"]), (False, design.truths["null"])):
        months = [v.value for v in true_values(design, truth, points).by_arm["remission_time"]]
        mine = of["true_months_gained"][of["drawn_to_work"] == works]
        np.testing.assert_allclose(mine, months[1] - months[0], atol=0.05)
    treated = of["exposed"] + 100 * of["success"]
    years = (treated * of["true_months_gained"] / 12.0).sum() / 10
    assert found.figure("remission_years_gained").estimate == pytest.approx(years)
    with pytest.raises(EngineError, match=r"years in remission \(candidates\.benefit\) are not"):
        exact_measures(gaining)
    other = benefit.replace("remission_time", "remision_time")
    with pytest.raises(DesignError, match=r"benefit\.endpoint: .*did you mean 'remission_time'"):
        programme(tmp_path / "b", other, early=None, confirm=raw)


def test_controlled_trials_wait_for_their_turn() -> None:
    ready = np.array([[2.0, 1.0, 3.0, 0.0]])
    lasts = np.array([[10.0, 20.0, 5.0, 1.0]])
    go = np.array([[True, True, True, False]])
    at_once = starts_of(ready, lasts, go, math.inf)
    np.testing.assert_array_equal(at_once, [[2.0, 1.0, 3.0, np.nan]])
    in_turn = starts_of(ready, lasts, go, 1)
    np.testing.assert_array_equal(in_turn, [[21.0, 1.0, 31.0, np.nan]])
    by_two = starts_of(ready, lasts, go, 2)
    np.testing.assert_array_equal(by_two, [[2.0, 1.0, 12.0, np.nan]])


def test_the_error_of_a_ratio_is_its_spread() -> None:
    rng = np.random.default_rng(1)
    found, errors = [], []
    for _ in range(400):
        below = rng.integers(1, 9, size=200).astype(float)
        figure = ratio(rng.binomial(below.astype(int), 0.3).astype(float), below)
        found.append(figure.estimate)
        errors.append(figure.mcse)
    assert np.std(found) == pytest.approx(np.mean(errors), rel=0.12)


def test_what_is_the_same_in_every_portfolio_is_not_told_to_be_without_error() -> None:
    """No false success in 30 portfolios, two of them without any: as none in 28 trials."""
    successes = np.array([3.0] * 28 + [0.0] * 2)
    always = ratio(successes, successes, 0.0, 1.0)
    never = ratio(0.0 * successes, successes, 0.0, 1.0)
    z = 1.959963984540054
    assert (always.estimate, always.upper, never.estimate, never.lower) == (1.0, 1.0, 0.0, 0.0)
    assert never.upper == pytest.approx(z**2 / (28 + z**2), abs=1e-6)
    assert always.lower == pytest.approx(1.0 - never.upper)
    assert percent(always) == "100% (at least 88%)"
    assert number(ratio(successes * 0.0, np.ones(30))) == "0 (no spread seen)"
    assert number(ratio(successes * 0.0 + 1_300.0, np.ones(30))) == "1,300 (no spread seen)"
    assert percent(ratio(np.ones(1), np.ones(1), 0.0, 1.0)) == "100.0% (error unknown)"
    some = ratio(np.array([1.0, 0.0]), np.ones(2), 0.0, 1.0)
    assert "MCSE" in percent(some)
    apart = ratio(np.array([0.0, 1.0] * 8), np.ones(16))
    assert number(apart, sign="+") == "+0.5 (MCSE 0.1)"


def test_numbers_of_the_first_page_are_measures(tmp_path: Path) -> None:
    drawn = programme(tmp_path, DRAWN, of_confirm=BELIEVED)
    found = simulate_programme(drawn, portfolios=40, seed=3, jobs=1, out=tmp_path / "out")
    text = found.text().replace("\n", " ")
    told = re.search(r"Of 4 protocols ([\d.]+) \(MCSE ([\d.]+)\) go on", text)
    assert told is not None
    figure = found.figure("number_go")
    decimals = len(told[2].partition(".")[2])  # as many as one figure of the error takes
    assert float(told[1]) == round(figure.estimate, decimals)
    assert float(told[2]) == round(figure.mcse, decimals) > 0.0


def test_every_key_is_documented() -> None:
    page = (SHIPPED.parents[2] / "docs" / "programme.md").read_text(encoding="utf-8")

    def keys(part: Any, before: str = "") -> list[str]:
        found = []
        for name, info in part.model_fields.items():
            inner = [t for t in (info.annotation, *getattr(info.annotation, "__args__", ()))
                     if isinstance(t, type) and issubclass(t, BaseModel)]  # fmt: skip
            found += keys(inner[0], f"{before}{name}.") if inner else [f"{before}{name}"]
        return found

    for key in keys(ProgrammeTables):
        assert f"`{key}`" in page, key
    example = re.search(r"```toml\n(.*?)```", page, re.S)
    assert example is not None
    assert set(tomllib.loads(example[1])) >= {"early", "confirm", "candidates", "simulation"}
