"""What a programme tells, each number with its Monte Carlo standard error.

Candidates of a portfolio share its share that works and the effects of their classes, so that the
portfolio is what is independent. Every measure is a ratio of two sums over portfolios (the second
counts portfolios, or candidates of some kind); its standard error is by the delta method.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.nouns.csv_text import csv_text, known
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR
from adaptive_cart.nouns.records import Floats
from adaptive_cart.programmes.common_control import counted_once
from adaptive_cart.programmes.programme import Programme
from adaptive_cart.results.figure import Z95, Figure, proportion

COLUMNS = ("measure", "of", "estimate", "mcse", "lower", "upper", "n")
Key = tuple[str, str]
HOLD_UP = "hold_up"
COUNTED = ("work", "go", "succeed", HOLD_UP)


@dataclass(frozen=True)
class Measures:
    """Numbers of a programme.

    Attributes
    ----------
    figures
        By measure and of which candidates (or of a portfolio).
    distributions
        By what is counted in a portfolio: the probability of each number, from 0 on.
    """

    figures: Mapping[Key, Figure]
    distributions: Mapping[str, tuple[Figure, ...]]

    def csv(self) -> str:
        """Rows of ``measures.csv``."""
        rows = [(*key, *_cells(figure)) for key, figure in self.figures.items()]
        return csv_text(COLUMNS, rows)

    def distributions_csv(self) -> str:
        """Rows of ``distributions.csv``."""
        rows = [
            (what, number, *_cells(figure))
            for what, figures in self.distributions.items()
            for number, figure in enumerate(figures)
        ]
        return csv_text(("what", "number", *COLUMNS[2:]), rows)


def _cells(figure: Figure) -> list[Any]:
    return [*known((figure.estimate, figure.mcse, figure.lower, figure.upper)), figure.n]


def ratio(above: Floats, below: Floats, low: float = -math.inf, high: float = math.inf) -> Figure:
    """Ratio of two sums over portfolios, ``(portfolio,)`` each; nan where the second is 0.

    A probability that is 0 or 1 in every portfolio has no spread: its interval is then that of
    Wilson, each portfolio that counts taken for one trial.
    """
    n = len(above)
    total = float(below.sum())
    if total == 0.0:
        return Figure(math.nan, math.nan, math.nan, math.nan, n)
    found = float(above.sum()) / total
    rest = above - found * below
    mcse = math.nan
    if n > 1:
        mcse = math.sqrt(float((rest**2).sum()) * n / (n - 1)) / total
    if mcse == 0.0 and found in (low, high):
        counting = int((below > 0.0).sum())
        spread = proportion(counting if found == high else 0, counting)
        return Figure(found, mcse, spread.lower, spread.upper, n)
    half = Z95 * mcse
    return Figure(found, mcse, max(found - half, low), min(found + half, high), n)


# ── from candidates ───────────────────────────────────────────────────────────────────────────
def measures_of(programme: Programme, columns: Mapping[str, Any]) -> Measures:
    """All measures of simulated candidates.

    Parameters
    ----------
    columns
        As ``candidates.parquet`` has them, whole portfolios in order.
    """
    count = programme.law.count
    table = {name: np.asarray(of).reshape(-1, count) for name, of in columns.items()}
    figures: dict[Key, Figure] = {}
    figures.update(_probabilities(table))
    figures.update(_effects(table))
    figures.update(_of_portfolios(programme, table))
    kinds = _kinds(table)
    distributions = {
        name: tuple(
            ratio((kinds[name].sum(axis=1) == k).astype(float), np.ones(len(kinds[name])), 0.0, 1.0)
            for k in range(count + 1)
        )
        for name in COUNTED
    }
    return Measures(figures, distributions)


def _kinds(table: Mapping[str, Any]) -> dict[str, Any]:
    """Candidates of a kind, ``(portfolio, candidate)``."""
    works, go, success = table["works"], table["go"], table["success"]
    return {
        "all": np.ones_like(works), "work": works, "not_work": ~works, "go": go, "no_go": ~go,
        "succeed": success, "go_and_fail": go & ~success, HOLD_UP: success & works,
    }  # fmt: skip


def _probabilities(table: Mapping[str, Any]) -> Iterator[tuple[Key, Figure]]:
    kinds = _kinds(table)
    for measure, of in (
        ("work", "all"), ("go", "all"), ("go", "work"), ("go", "not_work"), ("succeed", "all"),
        ("succeed", "go"), ("work", "go"), ("work", "no_go"), ("work", "succeed"),
        ("work", "go_and_fail"), ("succeed", "work"), ("succeed", "not_work"),
    ):  # fmt: skip
        both = (kinds[measure] & kinds[of]).sum(axis=1)
        found = ratio(both.astype(float), kinds[of].sum(axis=1).astype(float), 0.0, 1.0)
        yield (f"P({measure})", of), found
    for name in table:
        if name.startswith("claimed_"):
            made = (table[name] & kinds["succeed"]).sum(axis=1).astype(float)
            of_success = kinds["succeed"].sum(axis=1).astype(float)
            yield (f"P({name})", "succeed"), ratio(made, of_success, 0.0, 1.0)


def _effects(table: Mapping[str, Any]) -> Iterator[tuple[Key, Figure]]:
    """Means over candidates: what early data said, what is true, what was seen later."""
    kinds = _kinds(table)
    means: dict[str, tuple[Floats, tuple[str, ...]]] = {}
    decided = ("go", "succeed", "go_and_fail")
    if "early_true" in table:
        with np.errstate(divide="ignore", invalid="ignore"):
            observed = table["early_responders"] / table["early_participants"]
        every = ("all", "go", "no_go", "succeed", "go_and_fail", "work", "not_work")
        means["early_observed"] = (observed, every)
        means["early_posterior_mean"] = (table["early_mean"], every)
        means["early_true"] = (table["early_true"], every)
        means["early_overstated"] = (observed - table["early_true"], every)
    means["true_level"] = (table["true_level"], ("all", *decided))
    with np.errstate(divide="ignore", invalid="ignore"):
        later = table["later_responders"] / table["later_participants"]
    means["later_observed"] = (later, decided)
    means["true_effect"] = (table["true_effect"], ("all", *decided))
    means["later_estimate"] = (table["later_estimate"], decided)
    means["later_overstated"] = (table["later_estimate"] - table["true_effect"], decided)
    for name, (values, of_kinds) in means.items():
        for of in of_kinds:
            mine = kinds[of] & np.isfinite(values)
            above = np.where(mine, values, 0.0).sum(axis=1)
            yield (name, of), ratio(above, mine.sum(axis=1).astype(float))


def per_portfolio(programme: Programme, columns: Mapping[str, Any]) -> dict[str, Floats]:
    """Numbers of each portfolio, ``(portfolio,)`` by measure.

    Parameters
    ----------
    columns
        As ``candidates.parquet`` has them, whole portfolios in order.
    """
    count = programme.law.count
    table = {name: np.asarray(of).reshape(-1, count) for name, of in columns.items()}
    return dict(_numbers(programme, table))


def _of_portfolios(programme: Programme, table: Mapping[str, Any]) -> Iterator[tuple[Key, Figure]]:
    """Numbers of a portfolio: how many, how long, at what cost, and who is exposed."""
    for name, values in _numbers(programme, table):
        yield (name, "portfolio"), ratio(values, np.ones(len(values)))
    go = table["go"]
    ready = table.get("early_months", np.zeros(go.shape))
    at = go.sum(axis=1).astype(float)
    decided = np.where(go, table["start"] + table["months"], 0.0)
    yield ("months_until_decision", "go"), ratio(decided.sum(axis=1), at)
    waited = np.where(go, table["start"] - ready, 0.0)
    yield ("months_waited", "go"), ratio(waited.sum(axis=1), at)


def _numbers(programme: Programme, table: Mapping[str, Any]) -> Iterator[tuple[str, Floats]]:
    """By measure: the number of each portfolio."""
    for name, values in _counts(programme, table):
        yield name, np.asarray(values, dtype=np.float64)


def _counts(programme: Programme, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    kinds = _kinds(table)
    go, works = kinds["go"], kinds["work"]
    for name in COUNTED:
        yield f"number_{name}", kinds[name].sum(axis=1)
    yield "number_false_success", (kinds["succeed"] & ~works).sum(axis=1)
    yield "working_lost", (works & ~kinds["succeed"]).sum(axis=1)
    yield "working_not_gone", (works & ~go).sum(axis=1)
    none = np.zeros(works.shape)
    early = table.get("early_randomised", none)
    exposed = table.get("early_exposed", none) + table["exposed"]
    yield "participants_early", early.sum(axis=1)
    controls = table["randomised"] - table["exposed"]
    common = programme.tables.candidates.control == "common"
    shared = counted_once(controls) if common else controls.sum(axis=1)
    controlled = table["exposed"].sum(axis=1) + shared
    yield "participants_controlled", controlled
    yield "participants", early.sum(axis=1) + controlled
    yield "exposed_to_no_effect", np.where(works, 0, exposed).sum(axis=1)
    denied = np.where(works, controls, 0)
    yield "denied_an_effect", counted_once(denied) if common else denied.sum(axis=1)
    ready = table.get("early_months", none)
    ends = np.where(go, table["start"] + table["months"], ready)
    yield "months_until_all_decided", ends.max(axis=1)
    if "class_stopped" in table:
        yield "class_stopped", table["class_stopped"].sum(axis=1)
        yield "working_lost_to_signal", (table["lost_to_signal"] & works).sum(axis=1)
        signals = [
            (np.isfinite(table["class_signal_month"]) & (table["class"] == place)).any(axis=1)
            for place in classes_of(table, programme)
        ]
        yield "classes_with_signal", np.sum(signals, axis=0)
    asked = programme.tables.candidates.benefit
    if asked is not None and "true_months_gained" in table:
        treated = exposed + asked.treated_after_success * kinds["succeed"]
        years = treated * table["true_months_gained"] / MONTHS_PER_YEAR
        yield "remission_years_gained", years.sum(axis=1)
    cost = np.where(go, table["cost"], 0.0) + table.get("early_cost", none)
    if np.isfinite(cost).all() and not common:  # a control would be counted in each trial's cost
        yield "cost", cost.sum(axis=1)


def classes_of(table: Mapping[str, Any], programme: Programme) -> Sequence[Any]:
    """How classes stand in a table: by position while it is simulated, by name in the file."""
    names = programme.law.classes
    return range(len(names)) if table["class"].dtype.kind == "i" else names
