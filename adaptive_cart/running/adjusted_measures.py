"""What estimates corrected for the stop gain and cost: exact measures of each, by scenario.

Tables of counts whose probability is together below 1e-9 in a scenario are left out there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.decisions import NO_SUCCESS, STOPS, Ending
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.results.estimand import TrueValues, target_values
from adaptive_cart.results.figure import exact
from adaptive_cart.results.operating import Rows
from adaptive_cart.running.adjusted import MEDIAN_UNBIASED, Corrected, Spans, ended_so
from adaptive_cart.running.engine import numbers_at
from adaptive_cart.running.exact import judged_look
from adaptive_cart.running.stagewise import Outcomes

LEFT_OUT = 1e-9
EQUAL = 1e-9  # two values of an estimand that differ by less are the same

Where = tuple[int, Ending]


@dataclass(frozen=True)
class _Ends:
    """Trials that end at a look for a reason: tables, their estimates, and how probable they are.

    Attributes
    ----------
    places
        Of the tables among those of the look.
    masses
        ``(scenario, table)``.
    """

    ends: Outcomes
    places: Integers
    masses: Floats
    estimates: Mapping[str, Spans]
    median: Floats


def adjusted_measures(
    design: Design, truths: Mapping[str, Truth], true: Mapping[str, TrueValues]
) -> list[tuple[Any, ...]]:
    """Bias, error, coverage and overestimation of each corrected estimate, as rows of the table."""
    plan = Plan.of(design)
    looks = [judged_look(plan, number, analysed) for number, analysed in numbers_at(design)]
    corrected = Corrected.of(plan, looks)
    rates = np.array([true[name].levels(design.primary) for name in truths])
    found = _found(corrected, rates)
    rows: list[tuple[Any, ...]] = []
    for place, name in enumerate(truths):
        (target,) = target_values(plan, true[name])
        rows += _of_scenario(corrected, name, place, target, found)
    return rows


def _found(corrected: Corrected, rates: Floats) -> dict[Where, _Ends]:
    """Every way in which a trial may end in any of the scenarios, with its estimates."""
    masses: dict[Where, Floats] = {}
    for look, judged in enumerate(corrected.looks):
        reached = corrected.stages.stages[look].masses(rates)
        last = judged is corrected.looks[-1]
        for ending in (*STOPS, *((NO_SUCCESS,) if last else ())):
            masses[look, ending] = reached * ended_so(judged, ending)
    wanted = _wanted(masses)
    found = {}
    for (look, ending), mass in masses.items():
        chosen = wanted[look, ending]
        if chosen.any():
            ends = corrected.ends(look, ending, chosen)
            found[look, ending] = _Ends(
                ends,
                np.flatnonzero(chosen),
                mass[:, chosen],
                corrected.estimates(look, ending, chosen),
                corrected.median_unbiased(ends),
            )
    return found


def _wanted(masses: Mapping[Where, Floats]) -> dict[Where, Booleans]:
    """Tables that count: in each scenario all but those that are together too improbable."""
    together = np.concatenate(list(masses.values()), axis=1)
    kept = np.zeros(together.shape[1], dtype=np.bool_)
    for mass in together:
        order = np.argsort(mass, kind="stable")
        kept[order[np.cumsum(mass[order]) > LEFT_OUT]] = True
    edges = np.cumsum([mass.shape[1] for mass in masses.values()])[:-1]
    return dict(zip(masses, np.split(kept, edges), strict=True))


def _of_scenario(
    corrected: Corrected,
    scenario: str,
    place: int,
    target: float,
    found: Mapping[Where, _Ends],
) -> list[tuple[Any, ...]]:
    rows = Rows(scenario)
    names = ["", *next(iter(found.values())).estimates.keys() - {""}, MEDIAN_UNBIASED]
    for name in sorted(names, key=("", "conditional", "skeptical", MEDIAN_UNBIASED).index):
        suffix = f"_{name}" if name else ""
        sums: dict[str, list[float]] = {key: [] for key in ("error", "square", "inside", "above")}
        given = []
        for (look, ending), ends in found.items():
            mass = ends.masses[place]
            if name == MEDIAN_UNBIASED:
                values, inside = ends.median, corrected.covers(ends.ends, target)
            else:
                span = ends.estimates[name]
                values = span.value
                inside = (span.lower <= target) & (target <= span.upper)
            errors = values - target
            above = (errors > EQUAL) + 0.5 * (np.abs(errors) <= EQUAL)
            for key, part in (
                ("error", errors), ("square", errors**2), ("inside", inside), ("above", above),
            ):  # fmt: skip
                sums[key].append(math.fsum(mass * part))
            if (weight := math.fsum(mass)) > LEFT_OUT:
                given.append((look, ending, sums["error"][-1] / weight))
        rows.add(f"overestimated{suffix}", exact(math.fsum(sums["above"])))
        if not name:  # its bias, error and coverage are told already
            continue
        rows.add(f"bias{suffix}", exact(math.fsum(sums["error"])))
        rows.add(f"rmse{suffix}", exact(math.sqrt(math.fsum(sums["square"]))))
        rows.add(f"coverage{suffix}", exact(math.fsum(sums["inside"])))
        for look, ending, bias in given:
            number = corrected.looks[look].number
            rows.add(f"bias_given_stop{suffix}", exact(bias), look=number, reason=ending.name)
    return rows.rows
