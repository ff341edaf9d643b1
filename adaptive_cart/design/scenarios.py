"""The complete truth of every scenario of a design."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from adaptive_cart.design.checks import Pieces, frame_of
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenario import resolve
from adaptive_cart.design.scenario_frame import Frame
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import DesignError


def truths_of(design: Design) -> dict[str, Truth]:
    """Resolve every scenario, in the order of the design file."""
    frame = _frame(design, design.scenarios)
    truths = {name: resolve(frame, name) for name in design.scenarios}
    if frame.problems:
        raise DesignError(frame.problems)
    return {name: truth for name, truth in truths.items() if truth is not None}


def truth_with(design: Design, scenario: str, values: Mapping[tuple[str, ...], float]) -> Truth:
    """Resolve one scenario with some of its values set otherwise, by their steps in its tables."""
    return truths_with(design, scenario, [values])[0]


def truths_with(
    design: Design, scenario: str, rows: Iterable[Mapping[tuple[str, ...], float]]
) -> list[Truth]:
    """Resolve one scenario many times, each with some of its values set otherwise."""
    tables: dict[str, Any] = {}
    frame, found = _frame(design, tables), []
    for values in rows:
        tables[scenario] = _table_with(design, scenario, values)
        truth = resolve(frame, scenario)
        if truth is None:
            raise DesignError(frame.problems)
        found.append(truth)
    return found


def _table_with(
    design: Design, scenario: str, values: Mapping[tuple[str, ...], float]
) -> dict[str, Any]:
    own = copy.deepcopy(design.scenarios[scenario])
    own["role"] = design.truths[scenario].role
    for steps, value in values.items():
        inner = own
        for step in steps[:-1]:
            inner = inner.setdefault(step, {})
        inner[steps[-1]] = value
    return own


def truth_of_table(design: Design, name: str, own: Mapping[str, Any]) -> Truth:
    """Resolve a table as a scenario of a design, which need not have it."""
    frame = _frame(design, {name: own})
    truth = resolve(frame, name)
    if truth is None:
        raise DesignError(frame.problems)
    return truth


def _frame(design: Design, scenarios: Mapping[str, Any]) -> Frame:
    pieces = Pieces(
        arms=design.arms,
        strata=design.strata,
        endpoints=design.endpoints,
        truth=design.truth,
        scenarios=scenarios,
        crossover=design.crossover,
        enrolment=design.enrolment,
        follow_up=design.follow_up,
        rules=design.rules,
        external=design.external,
    )
    return frame_of(pieces)
