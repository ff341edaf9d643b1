"""Operating characteristics read off the simulated trials, each scenario for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from adaptive_cart.decisions import REASONS
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.csv_text import csv_text
from adaptive_cart.results.columns import Columns, LastLooks
from adaptive_cart.results.estimand import TrueValues
from adaptive_cart.results.operating import COLUMNS, measures
from adaptive_cart.results.parquet_tables import GO_ON
from adaptive_cart.results.store import TRIALS, Store
from adaptive_cart.running.workers import over_a_cluster, spread

Found = TypeVar("Found")
Row = tuple[Any, ...]  # of the table of measures


def columns_of(store: Store, design: Design, scenario: str) -> Mapping[str, Any]:
    """Columns of the trials of a scenario, each read when it is asked for."""
    words = {"reason": REASONS, "rule": tuple(rule.name for rule in design.rules)}
    return Columns(store, TRIALS, scenario, words)


def read_off(
    store: Store, design: Design, scenario: str, truth: Truth, true: TrueValues
) -> list[Row]:
    """Rows of the table of measures of one scenario."""
    ends = LastLooks(store, scenario, len(design.arm_names), len(design.shares))
    return measures(design, truth, true, columns_of(store, design, scenario), ends)


def tasks_of(
    store: Store, design: Design, truths: Mapping[str, Truth], true: Mapping[str, TrueValues]
) -> list[Callable[[], list[Row]]]:
    """The same of each scenario, to be done by any process."""
    return [partial(read_off, store, design, name, truths[name], true[name]) for name in true]


def done_by(jobs: int, tasks: Sequence[Callable[[], Found]]) -> list[Found]:
    """What tasks find, done by processes of this machine; here where the work is a cluster's.

    They write and read files of the results folder, which workers elsewhere may see too late.
    """
    if over_a_cluster():
        return [task() for task in tasks]
    return list(spread(_called, tasks, jobs, GO_ON))


def measures_csv(rows: Iterable[Row]) -> str:
    """The table of measures as a file has it; what is not known is left blank."""
    blanked = (["" if cell is None or cell != cell else cell for cell in row] for row in rows)
    return csv_text(COLUMNS, blanked)


def _called(task: Callable[[], Found]) -> Found:
    return task()
