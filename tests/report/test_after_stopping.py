"""Sections on what comes after stopping: corrected estimates, averages ahead, tipping points."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.report.chapters.adjusted import adjusted
from adaptive_cart.report.chapters.ahead import ahead
from adaptive_cart.report.chapters.tipping import tipping, tipping_priors
from adaptive_cart.report.document import Block, Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.running.missing_tips import missing_tips, rule_to_tip
from checks import raw_design
from conduct.test_utility import DIRECT
from running.test_adjusted import two_arms
from twin import posterior


def tables_of(blocks: list[Block]) -> dict[str, Table]:
    return {block.key: block for block in blocks if isinstance(block, Table)}


def text_of(table: Table) -> list[list[str]]:
    return [[plain(cell) for cell in one.cells] for one in table.rows]


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    design = two_arms(
        adjusted_estimates={"skeptical": {"effect": 0.4}},
        design_prior={"honest": {"weights": {"null": 0.4, "expected": 0.6}}},
    )
    run = ac.simulate(design, out=tmp_path_factory.mktemp("after") / "run")
    return Evidence(run, Facts(), 0)


def test_what_each_corrected_estimate_gains_and_costs_is_told(exact: Evidence) -> None:
    found = tables_of(adjusted(exact))
    rows = text_of(found["t-adjusted"])
    expected = next(place for place, row in enumerate(rows) if row[0] == "expected")
    shown = {row[1]: row[2:] for row in rows[expected : expected + 4]}
    for suffix, words in (
        ("", "uncorrected"),
        ("_median_unbiased", "median unbiased"),
        ("_conditional", "less its bias given the stop"),
        ("_skeptical", "under the skeptical prior"),
    ):
        measures = [f"{m}{suffix}" for m in ("bias", "rmse", "coverage", "overestimated")]
        values = [exact.result.figure("expected", m).estimate for m in measures]
        told = [float(cell.replace("−", "-")) for cell in shown[words]]
        assert told == pytest.approx(values, abs=5.1e-5)
    stops = text_of(found["t-adjusted-stop"])
    assert any("look 1: success" in row[1] for row in stops)
    statuses = {f.item.number: f for f in exact.trace.findings()}
    assert statuses[52].where == ["t-adjusted-stop"]


def test_calibration_and_conditional_assurance_are_told(exact: Evidence) -> None:
    blocks = ahead(exact)
    averages = exact.result.averages["honest"]
    assert tables_of(blocks)["t-ahead"].notes == ()
    run = ac.simulate(exact.design, trials=20, jobs=1, engine="simulate")
    (simulated,) = tables_of(ahead(Evidence(run, Facts(), 0)))["t-ahead"].notes
    assert "they do not tell" in plain(simulated)
    (row,) = text_of(tables_of(blocks)["t-ahead"])
    values = [
        averages[f"conditional_assurance_1_{p}"].estimate for p in ("mean", "p05", "p50", "p95")
    ]
    assert [float(cell) for cell in row[2:]] == pytest.approx(values, abs=5.1e-5)
    said = " ".join(plain(block.line) for block in blocks if hasattr(block, "line"))
    claimed, true = (
        averages["claimed_at_success"].estimate,
        1.0 - averages["false_discovery"].estimate,
    )
    assert f"{claimed:.4f} on average when success is declared" in said
    assert f"the claim is true in {true:.4f}" in said


# ── tipping points ────────────────────────────────────────────────────────────────────────────
def slow(looks: Any, events: Any, analysed: Any, missing: Any, left_out: bool) -> list[float]:
    """Every outcome of the missing, one by one, by the posterior of the twin."""
    found = []
    for (x, y), (n, m), (a, b) in zip(events, analysed, missing, strict=True):

        def holds(x: int, y: int, n: int, m: int) -> bool:
            flat = ((1.0, 1.0, 1.0),)
            table = posterior.difference_above_table(flat, int(m), flat, int(n), 0.0)
            return bool(table[y, x] >= 0.93)

        now, fewest = holds(x, y, n, m), np.inf
        read_as = (round(a * x / n), round(b * y / m)) if left_out else (0, 0)
        for i in range(a + 1):
            for j in range(b + 1):
                size = (n + a, m + b) if left_out else (n, m)
                if holds(x + i, y + j, *size) != now:
                    fewest = min(fewest, abs(i - read_as[0]) + abs(j - read_as[1]))
        found.append(fewest)
    return found


@pytest.mark.parametrize("missing", ["exclude", "non_response"])
def test_the_fewest_missing_outcomes_are_those_of_every_outcome(missing: str) -> None:
    endpoints = {"dfr": {"type": "landmark", "month": 6, "missing": missing}}
    plan = Plan.of(two_arms(endpoints=endpoints))
    rule, why = rule_to_tip(plan)
    assert (rule is None, why) == (False, "")
    assert rule is not None
    events = np.array([[1, 5], [1, 3], [2, 4], [0, 2], [3, 3]])
    analysed = np.array([[4, 8], [5, 7], [4, 7], [4, 6], [6, 8]])
    gone = np.array([[1, 1], [0, 2], [2, 1], [0, 0], [1, 2]])
    looks = np.array([2, 1, 2, 1, 2])
    found = missing_tips(plan, rule, looks, events, analysed, gone)
    expected = slow(looks, events, analysed, gone, missing == "exclude")
    assert found.fewest.tolist() == expected
    assert {np.isinf(value) for value in expected} == {True, False}
    assert found.missing.tolist() == [2, 2, 3, 0, 3]


@pytest.mark.parametrize("about", [None, "mild"])
def test_missing_counts_of_strata_that_are_pooled_and_of_one_stratum_are_told(
    about: str | None, tmp_path: Path
) -> None:
    """By the rows of that stratum, or of all; the prior of a stratum is that of the question."""
    raw = raw_design("hello")
    raw["endpoints"]["dfr"]["missing"] = "exclude"
    raw["truth"] = {"dropout": {"per_year": 0.3}}
    raw["strata"] = {"mild": 0.4, "severe": 0.6}
    raw["rules"] = [rule for rule in raw["rules"] if rule["then"] == "declare_success"]
    if about is not None:
        raw["rules"][0]["posterior"]["stratum"] = about
    raw["scenarios"] = {name: raw["scenarios"][name] for name in ("null", "expected")}
    run = ac.simulate(ac.Design(**raw), trials=40, jobs=1, engine="simulate", out=tmp_path / "a")
    rows = text_of(tables_of(tipping(Evidence(run, Facts(), 40)))["t-tipping"])
    looks = run.looks[run.looks["last"] & (run.looks["scenario"] == "expected")]
    mine = looks if about is None else looks[looks["stratum"] == about]
    by = {name: mine.pivot_table(index="trial", columns="arm", values=f"dfr_{name}", aggfunc="sum",
                                 observed=True)[["soc", "cart"]].to_numpy()
          for name in ("events", "analysed", "missing")}  # fmt: skip
    won, fewest, flat = 0, [], ((1.0, 1.0, 1.0),)
    for (x, y), (n, m), (a, b) in zip(by["events"], by["analysed"], by["missing"], strict=True):

        def holds(x: int, y: int, n: int, m: int) -> bool:
            return bool(posterior.difference_above_table(flat, m, flat, n, 0.0)[y, x] >= 0.985)

        now = holds(x, y, n, m)
        won += now
        turned = [abs(i - round(a * x / n)) + abs(j - round(b * y / m))
                  for i in range(a + 1) for j in range(b + 1)
                  if holds(x + i, y + j, n + a, m + b) != now]  # fmt: skip
        fewest += [min(turned, default=np.inf)] if now else []
    place = next(k for k, row in enumerate(rows) if row[0] == "expected")
    assert rows[place][2] == str(won)
    three = float(np.mean([few <= 3 for few in fewest]))
    assert float(rows[place][6].split()[0]) == pytest.approx(three, abs=0.051)


@pytest.mark.slow
def test_the_report_tells_in_how_many_trials_few_would_have_done(tmp_path: Path) -> None:
    raw = raw_design("hello")
    raw["endpoints"]["dfr"]["missing"] = "exclude"
    raw["truth"] = {"dropout": {"per_year": 0.15}}
    run = ac.simulate(ac.Design(**raw), trials=60, jobs=1, engine="simulate", out=tmp_path / "a")
    evidence = Evidence(run, Facts(), 40)
    rows = text_of(tables_of(tipping(evidence))["t-tipping"])
    assert sum(int(row[2]) for row in rows) == 2 * 40
    last = run.looks[run.looks["last"]]
    first = last[(last["scenario"] == "expected") & (last["trial"] < 40)]
    trials = run.trials[(run.trials["scenario"] == "expected") & (run.trials["trial"] < 40)]
    won = trials.set_index("trial")["reason"] == "success"
    mean = first.groupby("trial")["dfr_missing"].sum()[won].mean()
    place = next(k for k, row in enumerate(rows) if row[0] == "expected")
    assert rows[place][1:4] == ["success", str(int(won.sum())), f"{round(mean, 1):g}"]
    shares = [float(cell.split()[0]) for cell in rows[place][4:]]
    assert shares == sorted(shares)
    assert shares[0] < shares[-1]
    assert {f.item.number: f.status for f in evidence.trace.findings()}[65] == "reported"
    # priors, at the smallest success of each look: for the annex alone
    blocks = tipping_priors(evidence)
    assert {block.audience for block in blocks} == {"restricted"}
    rows = text_of(tables_of(blocks)["t-tipping-priors"])
    first, mean = rows[0], rows[1]
    flat, size, centre = ((1.0, 1.0, 1.0),), float(first[5]), float(mean[5])
    table = posterior.difference_above_table(flat, 40, flat, 20, 0.0)
    fewest = next(k for k in range(41) if table[k, 2] >= 0.985)
    assert first[1] == f"soc 2/20, cart {fewest}/40"
    assert first[2:4] == ["effective size of the prior of soc", "2"]

    def success(a: float, b: float) -> bool:
        table = posterior.difference_above_table(flat, 40, ((1.0, a, b),), 20, 0.0)
        return bool(table[fewest, 2] >= 0.985)

    assert success(0.49 * size, 0.49 * size)
    assert not success(0.51 * size, 0.51 * size)
    assert success(1.98 * centre, 2.0 - 1.98 * centre)
    assert not success(2.02 * centre, 2.0 - 2.02 * centre)
    imputed = raw | {"endpoints": {"dfr": raw["endpoints"]["dfr"] | {"missing": "impute"}}}
    assert rule_to_tip(Plan.of(ac.Design(**imputed)))[1] == "missing responses are imputed"
    weighed = Plan.of(ac.Design(**tomllib.loads(DIRECT)))
    assert rule_to_tip(weighed) == (
        None, "success does not hang on one posterior probability of one endpoint"
    )  # fmt: skip


def test_corrected_estimates_of_simulated_trials_are_told_with_their_error(tmp_path: Path) -> None:
    raw = raw_design("products_multiarm")
    raw["adjusted_estimates"] = {"skeptical": {"effect": 0.25}}
    several = ac.simulate(ac.Design(**raw), trials=40, jobs=1, out=tmp_path / "several")
    blocks = adjusted(Evidence(several, Facts(), 0))
    rows = text_of(tables_of(blocks)["t-adjusted"])
    assert {row[1] for row in rows if row[1]} == {"uncorrected", "under the skeptical prior"}
    place = next(k for k, row in enumerate(rows) if row[0].startswith("null, "))
    figure = several.figure("null", "bias_skeptical", arm="auto")
    number, error = rows[place + 1][2].replace("−", "-").rstrip(")").split(" (")
    assert float(number) == pytest.approx(figure.estimate, abs=5.1e-4)
    assert float(error) == pytest.approx(figure.mcse, abs=5.1e-3)
    one = two_arms(adjusted_estimates={})
    drawn = ac.simulate(one, trials=60, jobs=1, engine="simulate", out=tmp_path / "one")
    blocks = adjusted(Evidence(drawn, Facts(), 0))
    rows = text_of(tables_of(blocks)["t-adjusted"])
    assert {row[1] for row in rows if row[1]} == {"uncorrected", "less its bias given the stop"}
    said = " ".join(plain(block.line) for block in blocks if hasattr(block, "line"))
    assert "learned from the simulated trials of all scenarios" in said
    assert "median-unbiased" not in said
