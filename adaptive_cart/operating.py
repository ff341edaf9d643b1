"""Operating characteristics: each measure one function, each with its Monte Carlo standard error.

Read off from stored trials alone. ``estimate``, ``mcse`` and the 95% Monte Carlo interval ``lower``,
``upper`` stand in one row; the interval of a proportion is Wilson's (Wilson 1927), that of a mean
the normal one, that of a quantile by order statistics. It says how sure the simulation is, and
nothing about a clinical effect. Formulas of the standard errors: Morris, White & Crowther 2019, Stat
Med 38:2074, table 6.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.design import Design
from adaptive_cart.estimand import TrueValue, TrueValues
from adaptive_cart.records import Booleans, Floats
from adaptive_cart.truth import Truth

if TYPE_CHECKING:
    import pandas as pd

Z95 = 1.959963984540054
COLUMNS = (
    "scenario",
    "measure",
    "arm",
    "stratum",
    "look",
    "estimate",
    "mcse",
    "lower",
    "upper",
    "n",
    "reason",
)
STOPS = ("success", "futility", "safety")


@dataclass(frozen=True)
class Figure:
    """A number with its Monte Carlo error; ``n`` is how many trials it rests on."""

    estimate: float
    mcse: float
    lower: float
    upper: float
    n: int | None


def exact(value: float) -> Figure:
    """Return a figure without Monte Carlo error."""
    return Figure(value, 0.0, value, value, None)


def proportion(events: int, n: int) -> Figure:
    """Return a proportion of trials with its Wilson interval."""
    if n == 0:
        return Figure(math.nan, math.nan, math.nan, math.nan, 0)
    p = events / n
    centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n * n))
    # at 0 and n events the bound is exactly 0 or 1, whatever the rounding of the formula
    lower = 0.0 if events == 0 else max(centre - half, 0.0)
    upper = 1.0 if events == n else min(centre + half, 1.0)
    return Figure(p, math.sqrt(p * (1 - p) / n), lower, upper, n)


def _around(estimate: float, mcse: float, n: int) -> Figure:
    return Figure(estimate, mcse, estimate - Z95 * mcse, estimate + Z95 * mcse, n)


def mean(values: Floats, extra_mcse: float = 0.0) -> Figure:
    """Return a mean over trials; ``extra_mcse`` is that of a number subtracted from it."""
    n = len(values)
    if n == 0:
        return Figure(math.nan, math.nan, math.nan, math.nan, 0)
    spread = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return _around(float(values.mean()), math.hypot(spread, extra_mcse), n)


def standard_deviation(values: Floats) -> Figure:
    """Return the standard deviation over trials; its error from the fourth central moment."""
    n = len(values)
    if n < 2:
        return Figure(math.nan, math.nan, math.nan, math.nan, n)
    centred = values - values.mean()
    variance = float((centred**2).sum() / (n - 1))
    sd = math.sqrt(variance)
    fourth = float((centred**4).mean())
    mcse = math.sqrt(max(fourth - variance**2, 0.0) / n) / (2 * sd) if sd > 0 else 0.0
    return _around(sd, mcse, n)


def quantile(values: Floats, probability: float) -> Figure:
    """Return a quantile over trials with its order-statistic interval."""
    n = len(values)
    if n == 0:
        return Figure(math.nan, math.nan, math.nan, math.nan, 0)
    ordered = np.sort(values)
    half = Z95 * math.sqrt(n * probability * (1 - probability))

    def order(rank: float) -> float:
        return float(ordered[min(max(math.ceil(rank), 1), n) - 1])

    lower, upper = order(n * probability - half), order(n * probability + half + 1)
    return Figure(order(n * probability), (upper - lower) / (2 * Z95), lower, upper, n)


def root_mean_square(errors: Floats) -> Figure:
    """Return the root mean squared error over trials."""
    n = len(errors)
    if n < 2:
        return Figure(math.nan, math.nan, math.nan, math.nan, n)
    squares = errors**2
    rmse = math.sqrt(float(squares.mean()))
    spread = float(squares.std(ddof=1)) / math.sqrt(n)
    return _around(rmse, spread / (2 * rmse) if rmse > 0 else 0.0, n)


def ratio(events: Floats, exposure: Floats) -> Figure:
    """Return a ratio of sums over trials; its error by the delta method."""
    n, total = len(events), float(exposure.sum())
    if n < 2 or total == 0.0:
        return Figure(math.nan, math.nan, math.nan, math.nan, n)
    value = float(events.sum()) / total
    residual = events - value * exposure
    return _around(value, float(residual.std(ddof=1)) * math.sqrt(n) / total, n)


class Rows:
    """Collects the rows of ``operating_characteristics.csv`` of one scenario."""

    def __init__(self, scenario: str) -> None:
        self.scenario = scenario
        self.rows: list[tuple[Any, ...]] = []

    def add(
        self,
        measure: str,
        figure: Figure,
        arm: str | None = None,
        stratum: str | None = None,
        look: int | None = None,
        reason: str | None = None,
    ) -> None:
        self.rows.append(
            (
                self.scenario,
                measure,
                arm,
                stratum,
                look,
                figure.estimate,
                figure.mcse,
                figure.lower,
                figure.upper,
                figure.n,
                reason,
            )
        )


def measures(
    design: Design,
    truth: Truth,
    true: TrueValues,
    trials: Mapping[str, Any],
    ends: pd.DataFrame | None = None,
) -> list[tuple[Any, ...]]:
    """Every operating characteristic of one scenario, as rows of :data:`COLUMNS`.

    Parameters
    ----------
    trials
        Columns of ``trials.parquet`` for the scenario, in order of trial.
    ends
        Rows of ``looks.parquet`` for the look that ended each trial; descriptive measures of the
        endpoints are left out without it.
    """
    rows = Rows(truth.name)
    reason = np.asarray(trials["reason"]).astype(str)
    look = np.asarray(trials["look"])
    n = len(reason)
    _decisions(rows, design, true, reason, look, n, trials)
    for name in ("n_randomised", "n_analysed", "n_infused", "months"):
        if name == "n_infused" and not any(truth.infused_arms):
            continue
        _distribution(rows, name, np.asarray(trials[name], dtype=np.float64))
    _estimation(rows, design, true, trials, reason, look)
    if ends is not None:
        _described(rows, design, true, ends)
    failed = int(np.asarray(trials["failed"]).sum())
    rows.add("failed", proportion(failed, n))
    return rows.rows


def _decisions(
    rows: Rows,
    design: Design,
    true: TrueValues,
    reason: Any,
    look: Any,
    n: int,
    trials: Mapping[str, Any],
) -> None:
    success = reason == "success"
    rows.add("success", proportion(int(success.sum()), n))
    for stop in STOPS:
        ended = reason == stop
        rows.add(f"stop_{stop}", proportion(int(ended.sum()), n))
        for number in range(1, design.looks.number + 1):
            here = int((ended & (look == number)).sum())
            rows.add(f"stop_{stop}", proportion(here, n), look=number)
    rows.add("no_success", proportion(int((reason == "no_success").sum()), n))
    rows.add("reversal", proportion(int(np.asarray(trials["reversal"]).sum()), n))
    false = false_rules(design, true)
    wrong = success & np.isin(np.asarray(trials["rule"]).astype(str), false)
    rows.add("false_success", proportion(int(wrong.sum()), n))
    for arm in design.arm_names[1:2]:
        rows.add("arm_success", proportion(int(success.sum()), n), arm=arm)


def false_rules(design: Design, true: TrueValues) -> list[str]:
    """Rules whose success would be false: the true difference is not above their margin."""
    found = []
    for rule in design.rules:
        asked = rule.posterior
        if rule.then != "declare_success" or asked is None or asked.arm not in design.arm_names:
            continue
        values = true.by_arm.get(asked.endpoint)
        if values is None:
            continue
        value = true.difference[asked.endpoint] if asked.minus is not None else values
        quantity = value[design.arm_names.index(asked.arm)].value
        if asked.minus is not None and asked.minus != design.arm_names[0]:
            quantity = (
                values[design.arm_names.index(asked.arm)].value
                - values[design.arm_names.index(asked.minus)].value
            )
        holds = quantity > asked.above if asked.above is not None else quantity < (asked.below or 0)
        if not holds:
            found.append(rule.name)
    return found


def _distribution(rows: Rows, name: str, values: Floats) -> None:
    rows.add(f"{name}_mean", mean(values))
    rows.add(f"{name}_sd", standard_deviation(values))
    for label, probability in (("p05", 0.05), ("p50", 0.50), ("p95", 0.95)):
        rows.add(f"{name}_{label}", quantile(values, probability))


def _estimation(
    rows: Rows, design: Design, true: TrueValues, trials: Mapping[str, Any], reason: Any, look: Any
) -> None:
    difference = true.difference.get(design.primary)
    if difference is None:
        return
    target = difference[1]
    rows.add("estimand", Figure(*_true(target)))
    for ending in ("", "_final"):
        estimate = np.asarray(trials[f"estimate{ending}"], dtype=np.float64)
        known = np.isfinite(estimate)
        if not known.any():
            continue
        errors = estimate[known] - target.value
        covered = np.asarray(trials[f"covered{ending}"])[known]
        rows.add(f"bias{ending}", mean(errors, target.mcse))
        rows.add(f"rmse{ending}", root_mean_square(errors))
        rows.add(f"coverage{ending}", proportion(int(covered.sum()), len(covered)))
        if ending:
            continue
        for number, why, inside in _endings(design, reason[known], look[known]):
            rows.add(
                "bias_given_stop", mean(errors[inside], target.mcse), look=number, reason=why
            )


def _endings(design: Design, reason: Any, look: Any) -> Iterator[tuple[int, str, Booleans]]:
    for number in range(1, design.looks.number + 1):
        for why in (*STOPS, "no_success"):
            inside = (reason == why) & (look == number)
            if inside.any():
                yield number, why, inside


def _true(value: TrueValue) -> tuple[float, float, float, float, None]:
    half = Z95 * value.mcse
    return value.value, value.mcse, value.value - half, value.value + half, None


def _described(rows: Rows, design: Design, true: TrueValues, ends: pd.DataFrame) -> None:
    """True and observed values of every endpoint by arm, at the look that ended the trial."""
    for name, endpoint in design.endpoints.items():
        for position, arm in enumerate(design.arm_names):
            if name in true.by_arm:
                rows.add(f"true_{name}", Figure(*_true(true.by_arm[name][position])), arm=arm)
            here = ends[ends["arm"] == arm]
            kind = endpoint.summary_kind
            above, below = {
                "counts": ("events", "analysed"),
                "durations": ("events", "months"),
                "exposure": ("events", "years"),
                "means": ("total", "analysed"),
            }[kind]
            if f"{name}_{below}" not in here:
                continue
            by_trial = here.groupby("trial", sort=False)
            top = by_trial[f"{name}_{above}"].sum().to_numpy(dtype=np.float64)
            bottom = by_trial[f"{name}_{below}"].sum().to_numpy(dtype=np.float64)
            rows.add(f"observed_{name}", ratio(top, bottom), arm=arm)
