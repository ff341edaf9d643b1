"""Averages of a run over the design priors of its design."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from adaptive_cart.design.design import Design
from adaptive_cart.design.design_prior import weights_of
from adaptive_cart.errors import one_of
from adaptive_cart.results.averages import Member, averages_of, of_rows, of_trials
from adaptive_cart.results.estimand import TrueValues
from adaptive_cart.results.operating import Figure

Averages = dict[str, dict[str, Figure]]
Row = tuple[Any, ...]


def of_simulated(
    design: Design,
    true: Mapping[str, TrueValues],
    columns: Callable[[str], Mapping[str, Any]],
    tell: Callable[[str], None],
) -> Averages:
    """Averages over each design prior all of whose scenarios were simulated.

    Parameters
    ----------
    columns
        Gives the columns of ``trials.parquet`` of a scenario.
    """

    def member(name: str, weight: float) -> Member:
        return of_trials(design, weight, true[name], columns(name))

    return {
        prior: averages_of([member(*one) for one in weights.items()])
        for prior, weights in _complete(design, true, tell)
    }


def of_enumerated(
    design: Design,
    true: Mapping[str, TrueValues],
    rows: list[Row],
    tell: Callable[[str], None],
) -> Averages:
    """Averages over each design prior all of whose scenarios were enumerated.

    Parameters
    ----------
    rows
        Of the table of measures.
    """
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row[2:5] == (None, None, None):  # of the trial as a whole
            found.setdefault(row[0], {})[row[1]] = row[5]
    return {
        prior: averages_of(
            [of_rows(design, w, true[name], found[name]) for name, w in weights.items()]
        )
        for prior, weights in _complete(design, true, tell)
    }


def _complete(
    design: Design, true: Mapping[str, TrueValues], tell: Callable[[str], None]
) -> Iterator[tuple[str, dict[str, float]]]:
    """Design priors with their weights; those of which a scenario was not run are told."""
    roles = {name: truth.role for name, truth in design.truths.items()}
    for name, prior in design.design_prior.items():
        weights = weights_of(name, prior, roles)
        lacking = [scenario for scenario in weights if scenario not in true]
        if lacking:
            tell(f"design prior {name}: no averages, since {one_of(lacking)} was not run")
        else:
            yield name, weights
