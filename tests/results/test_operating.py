"""Each operating characteristic against a calculation by hand, in pandas or by the bootstrap."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import resolve_rules
from adaptive_cart.conduct.standing import ends_by_holding
from adaptive_cart.decisions import REASONS
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.results.estimand import TrueValues, true_values
from adaptive_cart.results.figure import (
    mean,
    proportion,
    quantile,
    ratio,
    root_mean_square,
    standard_deviation,
)
from adaptive_cart.results.operating import COLUMNS, measures
from adaptive_cart.results.tables import summary
from adaptive_cart.running.exact import enumerate_design
from adaptive_cart.running.run import simulate
from checks import tiny_design

Z = stats.norm.ppf(0.975)
TWO_ARMS = """
name = "two arms"
[arms.soc]
control = true
[arms.cart]
product = "autologous"
allocation = 2
[endpoints.dfr]
type = "landmark"
month = 3
[enrolment]
max_n = 30
per_month = 5
[looks]
observed = [12, 21, 30]
[[rules]]
name = "large"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.3 }
at_least = 0.9
[[rules]]
name = "any"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
at_least = 0.95
[[rules]]
name = "futility"
then = "declare_futility"
predictive = { rule = "any" }
below = 0.05
looks = [1, 2]
[scenarios.null]
dfr = { soc = 0.2, cart = 0.2 }
[scenarios.expected]
dfr = { soc = 0.2, cart = 0.4 }
"""
THREE_ARMS = """
name = "three arms"
[arms.soc]
control = true
[arms.a]
[arms.b]
[endpoints.dfr]
type = "landmark"
month = 3
[enrolment]
max_n = 60
per_month = 5
[looks]
observed = [30, 60]
[[rules]]
name = "superior"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "each", minus = "soc", above = 0.0 }
at_least = 0.98
[[rules]]
name = "futile"
then = "drop_arm"
posterior = { endpoint = "dfr", arm = "each", minus = "soc", above = 0.0 }
below = 0.1
looks = [1]
[scenarios.expected]
dfr = { soc = 0.2, a = 0.2, b = 0.5 }
"""


def designed(text: str) -> Design:
    return Design(**tomllib.loads(text))


def bootstrap(statistic: Any, *samples: npt.NDArray[np.float64], repeats: int = 1_500) -> float:
    """Standard error of a statistic of paired samples."""
    generator = np.random.default_rng(5)
    n = len(samples[0])
    found = []
    for _ in range(repeats):
        rows = generator.integers(n, size=n)
        found.append(statistic(*(sample[rows] for sample in samples)))
    return float(np.std(found, ddof=1))


@pytest.fixture
def skewed() -> npt.NDArray[np.float64]:
    return np.random.default_rng(3).gamma(2.0, 5.0, size=800)


# ── one number ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("events", "n"), [(0, 10), (10, 10), (3, 10), (1, 1), (164, 10_000), (9_119, 10_000)]
)
def test_a_proportion_has_its_wilson_interval(events, n):
    found = proportion(events, n)
    interval = stats.binomtest(events, n).proportion_ci(0.95, method="wilson")
    assert found.estimate == events / n
    assert found.lower == pytest.approx(interval.low, rel=1e-12, abs=1e-15)
    assert found.upper == pytest.approx(interval.high, rel=1e-12)
    assert found.mcse == pytest.approx(math.sqrt(events / n * (1 - events / n) / n))
    assert 0.0 <= found.lower <= found.estimate <= found.upper <= 1.0


def test_wilson_as_printed():
    # Newcombe 1998, Stat Med 17:857, table I, method 3: 81/263, 15/148, 0/20, 1/29
    printed = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (events, n), bounds in printed.items():
        found = proportion(events, n)
        assert (round(found.lower, 4), round(found.upper, 4)) == bounds


def test_a_mean_and_its_error(skewed):
    found = mean(skewed)
    assert found.estimate == skewed.mean()
    assert found.mcse == pytest.approx(stats.sem(skewed), rel=1e-12)
    assert found.lower == pytest.approx(found.estimate - Z * found.mcse, rel=1e-12)
    assert found.upper == pytest.approx(found.estimate + Z * found.mcse, rel=1e-12)
    assert mean(skewed, 0.5).mcse == pytest.approx(math.hypot(stats.sem(skewed), 0.5))
    assert math.isnan(mean(skewed[:1]).mcse)
    assert mean(skewed[:0]).n == 0


# The bootstrap of 1,500 repeats is itself uncertain by 2% (one standard error), and the formulas
# leave out terms of order 1/n: 8% is four standard errors of the first.
@pytest.mark.parametrize("shape", [0.5, 2.0, 50.0])
def test_errors_of_other_numbers_agree_with_the_bootstrap(shape):
    generator = np.random.default_rng(8)
    values = generator.gamma(shape, 1.0, size=1_500)
    exposure = values + generator.gamma(1.0, 1.0, size=1_500)
    errors = values - shape - 0.2
    sd = standard_deviation(values)
    assert sd.estimate == pytest.approx(values.std(ddof=1), rel=1e-12)
    assert sd.mcse == pytest.approx(bootstrap(lambda v: v.std(ddof=1), values), rel=0.08)
    rmse = root_mean_square(errors)
    assert rmse.estimate == pytest.approx(math.sqrt((errors**2).mean()), rel=1e-12)
    assert rmse.mcse == pytest.approx(
        bootstrap(lambda e: math.sqrt((e**2).mean()), errors), rel=0.08
    )
    quotient = ratio(values, exposure)
    assert quotient.estimate == pytest.approx(values.sum() / exposure.sum(), rel=1e-12)
    assert quotient.mcse == pytest.approx(
        bootstrap(lambda v, e: v.sum() / e.sum(), values, exposure), rel=0.08
    )


def test_numbers_without_spread_have_no_error():
    same = np.full(50, 7.0)
    assert standard_deviation(same).mcse == 0.0
    assert root_mean_square(same * 0).mcse == 0.0
    assert quantile(same, 95).mcse == 0.0
    assert ratio(same, same).mcse == 0.0
    assert math.isnan(ratio(same, same * 0).estimate)


@pytest.mark.parametrize("n", [1, 2, 19, 20, 140, 999, 10_000])
@pytest.mark.parametrize("percent", [5, 50, 95])
def test_a_percentile_is_an_observed_value(n, percent):
    values = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))
    found = quantile(values, percent)
    # the smallest value with so many percent at or below it, in whole numbers
    expected = next(k for k in range(1, n + 1) if 100 * k >= percent * n)
    assert found.estimate == expected
    assert found.lower <= found.estimate <= found.upper


@pytest.mark.parametrize("percent", [5, 50, 95])
def test_the_interval_of_a_percentile_covers_it(percent):
    generator = np.random.default_rng(percent)
    true = stats.expon.ppf(percent / 100)
    found = [quantile(generator.exponential(size=500), percent) for _ in range(1_500)]
    inside = np.mean([figure.lower <= true <= figure.upper for figure in found])
    # 95% within five standard errors of 1,500 samples; ranks are whole, so it may cover more
    assert 0.95 - 5 * math.sqrt(0.95 * 0.05 / 1_500) < inside < 0.98
    # the width is a rank too wide, and curved in the tail: 15% at 500 trials, 3% at 5,000, where
    # the spread of 600 samples is known to 2.9% (one standard error)
    found = [quantile(generator.exponential(size=5_000), percent) for _ in range(600)]
    spread = np.std([figure.estimate for figure in found])
    assert np.mean([figure.mcse for figure in found]) == pytest.approx(spread, rel=0.15)


# ── all of them ───────────────────────────────────────────────────────────────────────────────
def synthetic(design: Design, n: int = 400) -> dict[str, npt.NDArray[Any]]:
    """Columns as ``trials.parquet`` has them, of no trial that could have happened."""
    generator = np.random.default_rng(17)
    last = design.looks.number
    reason = generator.integers(len(REASONS), size=n).astype(np.int8)
    rule = np.where(reason == REASONS.index("success"), generator.integers(2, size=n), -1)
    experimental = generator.integers(5, 20, size=(n, len(design.arms) - 1))
    control = generator.integers(4, 9, size=n)
    columns: dict[str, npt.NDArray[Any]] = {
        "reason": reason,
        "rule": rule.astype(np.int8),
        "look": generator.integers(1, last + 1, size=n).astype(np.int8),
        "months": generator.gamma(9.0, 2.0, size=n),
        "n_randomised": control + experimental.sum(axis=1),
        "n_analysed": generator.integers(5, 30, size=n),
        "n_infused": generator.integers(0, 20, size=n),
        "reversal": generator.random(n) < 0.1,
        "false_success": generator.integers(2, size=n).astype(np.int8),
        "failed": generator.random(n) < 0.05,
        f"n_{design.arm_names[0]}": control,
    }
    for place, name in enumerate(design.arm_names[1:]):
        columns[f"n_{name}"] = experimental[:, place]
        columns[f"success_{name}"] = generator.integers(0, last + 1, size=n).astype(np.int8)
        columns[f"dropped_{name}"] = generator.integers(0, last + 1, size=n).astype(np.int8)
    for estimand in Plan.of(design).estimands:
        for ending in ("", "_final"):
            estimate = generator.normal(0.1, 0.2, size=n)
            estimate[generator.random(n) < 0.02] = np.nan
            columns[f"estimate{estimand.suffix}{ending}"] = estimate
            columns[f"covered{estimand.suffix}{ending}"] = generator.random(n) < 0.9
    for resolved in resolve_rules(design):
        if ends_by_holding(design, resolved):
            columns[f"held_{resolved.name}"] = generator.integers(0, last + 1, size=n)
    return columns


class Seen:
    """The last looks, as arrays by arm and trial."""

    def __init__(self, columns: Mapping[str, npt.NDArray[np.float64]]) -> None:
        self.columns = columns

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def by_arm(self, column: str) -> npt.NDArray[np.float64]:
        return self.columns[column]


def table(
    text: str, scenario: str, columns: Mapping[str, Any], ends: Seen | None = None
) -> tuple[pd.DataFrame, Design, TrueValues]:
    design = designed(text)
    truth = truths_of(design)[scenario]
    true = true_values(design, truth)
    rows = measures(design, truth, true, columns, ends)
    return pd.DataFrame(rows, columns=list(COLUMNS)), design, true


def one(rows: pd.DataFrame, measure: str, **where: Any) -> pd.Series:
    chosen = rows[rows["measure"] == measure]
    for column in ("arm", "stratum", "look", "reason"):
        value = where.get(column)
        chosen = chosen[chosen[column].isna() if value is None else chosen[column] == value]
    assert len(chosen) == 1, (measure, where, len(chosen))
    return chosen.iloc[0]


def test_columns_are_those_of_the_results_folder():
    assert COLUMNS == (
        "scenario", "measure", "arm", "stratum", "look", "estimate", "mcse", "lower", "upper", "n",
        "reason",
    )  # fmt: skip


def test_every_measure_of_two_arms_by_hand():
    columns = synthetic(designed(TWO_ARMS))
    rows, design, _ = table(TWO_ARMS, "expected", columns)
    frame = pd.DataFrame(columns)
    frame["reason"] = [REASONS[code] for code in frame["reason"]]
    n = len(frame)

    def is_share(found: pd.Series, events: pd.Series) -> None:
        assert found["estimate"] == events.mean()
        assert found["mcse"] == pytest.approx(math.sqrt(events.mean() * (1 - events.mean()) / n))
        assert found["n"] == n

    is_share(one(rows, "success"), frame["reason"] == "success")
    is_share(one(rows, "no_success"), frame["reason"] == "no_success")
    is_share(one(rows, "reversal"), frame["reversal"])
    is_share(one(rows, "arm_success", arm="cart"), frame["reason"] == "success")
    for stop in ("success", "futility", "safety"):
        is_share(one(rows, f"stop_{stop}"), frame["reason"] == stop)
        for look in (1, 2, 3):
            here = (frame["reason"] == stop) & (frame["look"] == look)
            is_share(one(rows, f"stop_{stop}", look=look), here)
    for name in ("n_randomised", "n_analysed", "months"):
        values = frame[name].astype(float)
        assert one(rows, f"{name}_mean")["estimate"] == pytest.approx(values.mean(), rel=1e-12)
        assert one(rows, f"{name}_mean")["mcse"] == pytest.approx(values.sem(), rel=1e-12)
        assert one(rows, f"{name}_sd")["estimate"] == pytest.approx(values.std(), rel=1e-12)
        for percent in (5, 50, 95):
            expected = np.quantile(values, percent / 100, method="inverted_cdf")
            assert one(rows, f"{name}_p{percent:02d}")["estimate"] == expected
    for arm in ("soc", "cart"):
        share = frame[f"n_{arm}"] / frame["n_randomised"]
        assert one(rows, "arm_share", arm=arm)["estimate"] == pytest.approx(share.mean())
    true = 0.4 - 0.2
    assert one(rows, "estimand")["estimate"] == true
    assert one(rows, "estimand")["mcse"] == 0.0
    for ending in ("", "_final"):
        known = frame[frame[f"estimate{ending}"].notna()]
        errors = known[f"estimate{ending}"] - true
        bias = one(rows, f"bias{ending}")
        assert bias["estimate"] == pytest.approx(errors.mean(), rel=1e-12)
        assert bias["mcse"] == pytest.approx(errors.sem(), rel=1e-12)
        assert bias["n"] == len(known) < n
        rmse = one(rows, f"rmse{ending}")["estimate"]
        assert rmse == pytest.approx(math.sqrt((errors**2).mean()), rel=1e-12)
        covered = known[f"covered{ending}"]
        assert one(rows, f"coverage{ending}")["estimate"] == covered.mean()
    given = rows[rows["measure"] == "bias_given_stop"].set_index(["look", "reason"])
    known = frame[frame["estimate"].notna()]
    groups = (known["estimate"] - true).groupby([known["look"], known["reason"]])
    assert sorted(given.index) == sorted(groups.groups)
    for place, errors in groups:
        assert given.loc[place, "estimate"] == pytest.approx(errors.mean(), rel=1e-12)
        assert given.loc[place, "mcse"] == pytest.approx(errors.sem(), rel=1e-12)
        assert given.loc[place, "n"] == len(errors)
    failed = frame["failed"] | frame["estimate"].isna() | frame["estimate_final"].isna()
    is_share(one(rows, "failed"), failed)
    # nobody is infused where the truth is direct
    assert not rows["measure"].str.startswith("n_infused").any()
    assert design.arm_names == ("soc", "cart")


def test_false_successes_are_counted_or_told_as_unknown():
    columns = synthetic(designed(TWO_ARMS))
    rows, _, _ = table(TWO_ARMS, "expected", columns)
    found = one(rows, "false_success")
    assert found["estimate"] == (columns["false_success"] == 1).mean()
    columns["false_success"][7] = -1
    rows, _, _ = table(TWO_ARMS, "expected", columns)
    found = one(rows, "false_success")
    assert math.isnan(found["estimate"])
    assert found["n"] == 400


def test_every_measure_of_three_arms_by_hand():
    columns = synthetic(designed(THREE_ARMS))
    rows, _, _ = table(THREE_ARMS, "expected", columns)
    frame = pd.DataFrame(columns)
    total = frame["n_randomised"]
    for arm in ("a", "b"):
        assert one(rows, "arm_success", arm=arm)["estimate"] == (frame[f"success_{arm}"] > 0).mean()
        dropped = frame[f"dropped_{arm}"]
        assert one(rows, "arm_dropped", arm=arm)["estimate"] == (dropped > 0).mean()
        for look in (1, 2):
            assert (
                one(rows, "arm_dropped", arm=arm, look=look)["estimate"] == (dropped == look).mean()
            )
        true = {"a": 0.0, "b": 0.3}[arm]
        assert one(rows, "estimand", arm=arm)["estimate"] == pytest.approx(true, abs=1e-15)
        bias = (frame[f"estimate_{arm}"] - true).mean()
        assert one(rows, "bias", arm=arm)["estimate"] == pytest.approx(bias, rel=1e-12)
        known = frame[f"estimate_{arm}"].notna()
        coverage = frame[f"covered_{arm}"][known].mean()
        assert one(rows, "coverage", arm=arm)["estimate"] == coverage
    for arm in ("soc", "a", "b"):
        share = (frame[f"n_{arm}"] / total).mean()
        assert one(rows, "arm_share", arm=arm)["estimate"] == pytest.approx(share)
    # b is truly the best: it is selected where it succeeds and a does not with a better estimate
    a, b = (
        frame[f"estimate_{arm}"].where(frame[f"success_{arm}"] > 0, -np.inf).fillna(-np.inf)
        for arm in ("a", "b")
    )
    assert one(rows, "best_selected")["estimate"] == (b > a).mean()


def test_what_was_observed_is_a_ratio_of_totals():
    columns = synthetic(designed(TWO_ARMS))
    generator = np.random.default_rng(2)
    analysed = generator.integers(3, 20, size=(2, 400)).astype(float)
    events = np.floor(analysed * generator.random((2, 400)))
    rows, _, _ = table(
        TWO_ARMS, "expected", columns, Seen({"dfr_events": events, "dfr_analysed": analysed})
    )
    for place, arm in enumerate(("soc", "cart")):
        assert one(rows, "true_dfr", arm=arm)["estimate"] == (0.2, 0.4)[place]
        found = one(rows, "observed_dfr", arm=arm)["estimate"]
        assert found == events[place].sum() / analysed[place].sum()
    rows, _, _ = table(TWO_ARMS, "expected", columns)
    assert not (rows["measure"] == "observed_dfr").any()


def test_simulated_and_exact_measures_have_the_same_names():
    design = designed(TWO_ARMS)
    truths = {"expected": truths_of(design)["expected"]}
    enumerated, _ = enumerate_design(design, truths)
    rows, _, _ = table(TWO_ARMS, "expected", synthetic(design))
    simulated = set(zip(rows["measure"], rows["arm"], rows["look"], rows["reason"], strict=True))
    simulated = {tuple(None if v != v else v for v in key) for key in simulated}
    exact = {(row[1], row[2], row[4], row[10]) for row in enumerated}
    assert exact <= simulated
    depends_on_the_calendar = {"reversal", "failed", "arm_share", "n_randomised_mean", "months_sd"}
    assert depends_on_the_calendar <= {measure for measure, *_ in simulated - exact}


def test_the_measures_of_the_contract_are_there():
    distributions = ("n_randomised", "n_analysed", "months")
    wanted = {
        "success", "stop_success", "stop_futility", "stop_safety", "no_success", "reversal",
        "false_success", "estimand", "bias", "rmse", "coverage", "bias_final", "rmse_final",
        "coverage_final", "bias_given_stop", "arm_success", "arm_share", "failed",
        *(f"{name}_{end}" for name in distributions for end in ("mean", "sd", "p05", "p50", "p95")),
    }  # fmt: skip
    two, _, _ = table(TWO_ARMS, "null", synthetic(designed(TWO_ARMS)))
    assert wanted <= set(two["measure"])
    three, _, _ = table(THREE_ARMS, "expected", synthetic(designed(THREE_ARMS)))
    assert wanted | {"arm_dropped"} <= set(three["measure"])


def test_the_only_arm_that_is_dropped_ends_trials_in_a_column_of_their_own(tmp_path: Path) -> None:
    raw = tiny_design()
    drop = {**raw["rules"][0], "name": "drop", "then": "drop_arm", "below": 0.7}
    raw["rules"].append({key: value for key, value in drop.items() if key != "at_least"})
    result = simulate(Design(**raw), trials=60, engine="simulate", jobs=1, out=tmp_path / "run")
    assert result.figure("null", "stop_futility").estimate > 0.3
    assert "futility" in summary(result)
