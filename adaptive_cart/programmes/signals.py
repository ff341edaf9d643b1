"""A safety signal that the trials of a class share, and what it stops.

A rare harm of those treated (a second malignancy) is counted over all trials of a class, early and
controlled: every participant from treatment on, beyond the end of the trial. Treatments of a trial
are taken to be spread evenly over its months, so that n of them, in a trial that starts at s and
runs for L months, have n (t - s)^2 / (2 L) months by month t of it, and n (t - s - L / 2) later.
The harm is a Poisson process with the class's rate; the event with which the class stops comes when
the expected number reaches a gamma variable of that shape. Then no trial of the class goes on: one
that has not decided has no success, and of its participants those that came by then are counted, in
proportion to its months. That a trial of another class may start earlier in the place of one that
was stopped is left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adaptive_cart.nouns.parts import MONTHS_PER_YEAR
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.streams import uniforms
from adaptive_cart.programmes.tables import ClassSignal

LATEST = 1_200.0  # months after which no signal is looked for
HALVINGS = 50
UNSEEN = (  # what a trial that was stopped would have ended with
    "later_responders", "later_participants", "later_control_responders",
    "later_control_participants", "reversal", "failed",
)  # fmt: skip
STOPPED = -2  # in the place of the reason for which a trial ended
SCALED = ("randomised", "exposed", "infused", "treated")  # numbers of a trial that came by its stop


def stopped_by_signals(
    table: ClassSignal, columns: dict[str, Any], classes: int, seed: int, first: int
) -> None:
    """Stop the trials of classes with a signal, in the columns ``(portfolio, candidate)``.

    Parameters
    ----------
    classes
        How many there are.
    first
        Number of the first portfolio.
    """
    month = signal_months(table, columns, classes, seed, first)
    at = np.take_along_axis(month, columns["class"], axis=1)
    columns["class_signal_month"] = np.where(np.isfinite(at), at, np.nan)
    early = columns.get("early_months", np.zeros(at.shape))
    unborn = columns["go"] & (early > at)
    ends = columns["start"] + columns["months"]
    stopped = columns["go"] & (unborn | (ends > at))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip((at - columns["start"]) / columns["months"], 0.0, 1.0)
    for name in SCALED:
        part = np.floor(columns[name] * share)
        columns[name] = np.where(stopped, part, columns[name]).astype(np.int64)
    columns["cost"] = np.where(stopped, columns["cost"] * share, columns["cost"])
    columns["months"] = np.where(stopped, np.maximum(at - columns["start"], 0.0), columns["months"])
    columns["class_stopped"] = stopped
    columns["lost_to_signal"] = stopped & columns["success"]
    columns["success"] = columns["success"] & ~stopped
    columns["reason"] = np.where(stopped, STOPPED, columns["reason"]).astype(np.int8)
    columns["later_estimate"] = np.where(stopped, np.nan, columns["later_estimate"])
    claims = [name for name in columns if name.startswith("claimed_")]
    for name in (*UNSEEN, *claims):
        columns[name] = np.where(stopped, 0, columns[name]).astype(columns[name].dtype)


def signal_months(
    table: ClassSignal, columns: dict[str, Any], classes: int, seed: int, first: int
) -> Floats:
    """Month at which each class stops, ``(portfolio, class)``; infinite for never."""
    from scipy import stats

    portfolios = len(columns["go"])

    def u(purpose: str) -> Floats:
        found = uniforms(seed, f"programme:{purpose}", first, portfolios, classes)[:, :classes]
        return np.clip(found, 1e-16, 1.0 - 1e-16)

    per_year = table.per_year
    if isinstance(per_year, float | int):
        rate = np.full((portfolios, classes), float(per_year))
    else:
        rate = per_year.quantile(u("signal_rate"))
    needed = stats.gamma.ppf(u("signal"), table.stop_at)
    low, high = np.zeros(rate.shape), np.full(rate.shape, LATEST)

    def reached(month: Floats) -> Floats:
        return rate / MONTHS_PER_YEAR * months_treated(columns, month)

    never = reached(high) < needed
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        enough = reached(middle) >= needed
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(never, np.inf, high)


def months_treated(columns: dict[str, Any], month: Floats) -> Floats:
    """Months since treatment, of all treated in a class, by a month, ``(portfolio, class)``."""
    found = np.zeros(month.shape)
    trials = [(np.where(columns["go"], columns["start"], np.inf), columns["months"],
               columns["treated"])]  # fmt: skip
    if "early_treated" in columns:
        months = columns["early_months"]
        trials.append((np.zeros(months.shape), months, columns["early_treated"]))
    for start, lasts, treated in trials:
        for place in range(month.shape[1]):
            mine = columns["class"] == place
            since = np.clip(month[:, place, None] - start, 0.0, None)
            with np.errstate(divide="ignore", invalid="ignore"):
                during = since**2 / (2.0 * lasts)
            each = np.where(since < lasts, during, since - lasts / 2.0)
            found[:, place] += np.where(mine & (since > 0.0), treated * each, 0.0).sum(axis=1)
    return found
