"""Averages of a run over the design priors of its design."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.design.design_prior import Weighed, weighed_by
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import one_of
from adaptive_cart.nouns.progress import Progress, Tell
from adaptive_cart.results.averages import Member, averages_of, of_rows, of_trials
from adaptive_cart.results.estimand import TrueValues
from adaptive_cart.results.figure import Figure
from adaptive_cart.running.conditional_assurance import Ahead, WeighedRates
from adaptive_cart.running.drawn_truths import nodes_of, simulated
from adaptive_cart.running.engine import numbers_at
from adaptive_cart.running.exact import enumerate_design

Averages = dict[str, dict[str, Figure]]
Row = tuple[Any, ...]


def of_simulated(
    design: Design,
    true: Mapping[str, TrueValues],
    columns: Callable[[str], Mapping[str, Any]],
    trials: Mapping[str, int],
    seed: int,
    jobs: int,
    progress: Progress,
    tell: Tell,
) -> Averages:
    """Averages over each design prior all of whose scenarios were simulated.

    Parameters
    ----------
    columns
        Gives the columns of ``trials.parquet`` of a scenario.
    trials
        By scenario: as many are simulated where a truth is drawn, each with one of its own.
    """

    def member(one: Weighed) -> Member:
        name = one.scenario
        if not one.draws:
            return of_trials(design, one.weight, true[name], columns(name))
        number, done = trials[name], 0
        what = f"design prior {one.prior}, {name}"

        def further(count: int) -> None:
            nonlocal done
            done += count
            progress(what, done, number)

        tell(f"{what}: {number:,} trials, each with a truth of its own")
        return simulated(design, one, seed, number, jobs, further)

    return {
        prior: averages_of([member(one) for one in weighed], design.looks.number)
        for prior, weighed in _complete(design, true, tell)
    }


def of_enumerated(
    design: Design, true: Mapping[str, TrueValues], rows: list[Row], progress: Progress, tell: Tell
) -> Averages:
    """Averages over each design prior all of whose scenarios were enumerated.

    Parameters
    ----------
    rows
        Of the table of measures.
    """
    exact, primary = _by_name(rows), design.primary

    def with_rates(weight: float, values: TrueValues) -> WeighedRates:
        return weight, tuple(values.levels(primary))

    def members(one: Weighed) -> tuple[list[Member], list[WeighedRates]] | None:
        if not one.draws:
            own = true[one.scenario]
            member = of_rows(design, one.weight, own, exact[one.scenario])
            return [member], [with_rates(one.weight, own)]
        nodes = nodes_of(design, one.scenario, one.draws)
        if nodes is None:
            tell(
                f"design prior {one.prior}: no averages, since {len(one.draws)} draws are too many "
                f"to be enumerated; --engine simulate draws them"
            )
            return None
        truths = {truth.name: truth for _, truth in nodes}
        of_nodes, known = enumerate_design(design, truths, progress)
        found = _by_name(of_nodes)
        pairs = [(one.weight * weight, truth.name) for weight, truth in nodes]
        return (
            [of_rows(design, weight, known[name], found[name]) for weight, name in pairs],
            [with_rates(weight, known[name]) for weight, name in pairs],
        )

    averages: Averages = {}
    ahead: Ahead | None = None
    for prior, weighed in _complete(design, true, tell):
        parts = [members(one) for one in weighed]
        known = [part for part in parts if part is not None]
        if len(known) == len(parts):
            of_truths = [one for part in known for one in part[0]]
            rates = [one for part in known for one in part[1]]
            ahead = ahead or Ahead.of(Plan.of(design), numbers_at(design))
            averages[prior] = averages_of(of_truths, design.looks.number) | ahead.measures(rates)
    return averages


def weighed_truths(design: Design, prior: str) -> Iterator[tuple[str, float, Truth | None]]:
    """Every truth that a design prior weighs: its scenario, its weight; nothing for too many."""
    for one in weighed_by(design, prior):
        if not one.draws:
            yield one.scenario, one.weight, design.truths[one.scenario]
            continue
        nodes = nodes_of(design, one.scenario, one.draws)
        if nodes is None:
            yield one.scenario, one.weight, None
            continue
        for weight, truth in nodes:
            yield one.scenario, one.weight * weight, truth


def _by_name(rows: list[Row]) -> dict[str, dict[str, float]]:
    """Numbers of the trial as a whole, by scenario and measure."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row[2:5] == (None, None, None):
            found.setdefault(row[0], {})[row[1]] = row[5]
    return found


def _complete(
    design: Design, true: Mapping[str, TrueValues], tell: Tell
) -> Iterator[tuple[str, list[Weighed]]]:
    """Design priors with what they weigh; those of which a scenario was not run are told."""
    for name in design.design_prior:
        weighed = weighed_by(design, name)
        lacking = [one.scenario for one in weighed if one.scenario not in true]
        if lacking:
            tell(f"design prior {name}: no averages, since {one_of(lacking)} was not run")
            continue
        yield name, weighed
