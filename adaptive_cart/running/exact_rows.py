"""Rows of the results table that follow from how probable each end at each look is, exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from adaptive_cart.decisions import NO_SUCCESS, STOPS, SUCCESS, Ending
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.figure import exact
from adaptive_cart.results.operating import Rows


def percentile(values: Floats, mass: Floats, percent: int) -> float:
    """The smallest value with as many percent of the mass at or below it."""
    if not mass.sum() > 0.0:
        return math.nan
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(mass[order])
    # as of a round number: sums of many masses fall short of it by rounding alone
    first = np.searchsorted(cumulative, percent / 100.0 * cumulative[-1] - 1e-12)
    return float(values[order][min(first, len(values) - 1)])


def decision_rows(rows: Rows, design: Design, sums: Mapping[tuple[int, Ending], float]) -> None:
    """How probable each way to end is, at any look and at each.

    Parameters
    ----------
    sums
        By look and why.
    """

    def any_look(ending: Ending) -> float:
        return math.fsum(mass for (_, why), mass in sums.items() if why == ending)

    rows.add("success", exact(any_look(SUCCESS)))
    for ending in STOPS:
        rows.add(ending.measure, exact(any_look(ending)))
        for (number, why), mass in sums.items():
            if why == ending:
                rows.add(ending.measure, exact(mass), look=number)
    rows.add(NO_SUCCESS.measure, exact(any_look(NO_SUCCESS)))
    rows.add("arm_success", exact(any_look(SUCCESS)), arm=design.experimental_names[0])


def analysed_rows(rows: Rows, ended: list[tuple[float, float]]) -> None:
    """Distribution of the number in the primary analysis.

    Parameters
    ----------
    ended
        Numbers analysed and probabilities, one after the other.
    """
    shares: dict[float, float] = {}
    for number, probability in ended:
        shares[number] = shares.get(number, 0.0) + probability
    mean = math.fsum(n * p for n, p in shares.items())
    variance = math.fsum((n - mean) ** 2 * p for n, p in shares.items())
    rows.add("n_analysed_mean", exact(mean))
    rows.add("n_analysed_sd", exact(math.sqrt(max(variance, 0.0))))
    for label, probability in (("p05", 0.05), ("p50", 0.50), ("p95", 0.95)):
        cumulative = 0.0
        for n in sorted(shares):
            cumulative += shares[n]
            # a share summed from many masses may fall short of a round number by rounding alone
            if cumulative >= probability - 1e-12:
                rows.add(f"n_analysed_{label}", exact(n))
                break
