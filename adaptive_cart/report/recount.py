"""Does the table of measures say what the stored trials say? A second count, written anew.

Shares, means and percentiles that need nothing but ``trials.parquet`` are counted again, by pandas
and from their definitions, and compared with ``operating_characteristics.csv``. It checks the
program, and it finds a table that was edited by hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adaptive_cart.errors import ResultsError
from adaptive_cart.figures.source import kept
from adaptive_cart.results.result import Result
from adaptive_cart.results.store import BOUNDARIES, MEASURES, TRIALS

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 1e-9  # relative: sums in another order
PERCENTILES = (5, 50, 95)


@dataclass(frozen=True)
class Recount:
    """How many numbers were counted again, and the addresses of those that differ."""

    counted: int
    different: tuple[str, ...]


def recounted(result: Result) -> Recount:
    """Count again what needs only the stored trials; once for a result."""
    return kept(result, "recount", lambda: _counted(result))


def _counted(result: Result) -> Recount:
    if result.exact:
        return Recount(0, ())
    trials = result.trials
    of = trials["scenario"].astype(str).to_numpy(dtype=object)
    looks = result.design.looks.number
    counted = 0
    different = []
    for scenario in result.manifest["trials"]:
        here = trials[of == scenario]
        for measure, look, value in _values(here, looks):
            try:
                told = result.figure(scenario, measure, look=look).estimate
            except KeyError:
                continue
            counted += 1
            if not math.isclose(told, value, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
                place = "" if look is None else f", look {look}"
                different.append(f"{scenario}, {measure}{place}: {told:.6g} there, {value:.6g} "
                                 f"in {TRIALS}")  # fmt: skip
    return Recount(counted, tuple(different))


def _values(here: pd.DataFrame, looks: int) -> Iterator[tuple[str, int | None, float]]:
    """Measures of one scenario: name, look or nothing, value."""
    n = len(here)
    reason = here["reason"].astype(str).to_numpy(dtype=object)
    at = here["look"].to_numpy()
    yield "success", None, (reason == "success").sum() / n
    yield "no_success", None, (reason == "no_success").sum() / n
    yield "reversal", None, here["reversal"].sum() / n
    for stop in ("success", "futility", "safety"):
        ended = reason == stop
        yield f"stop_{stop}", None, ended.sum() / n
        for look in range(1, looks + 1):
            yield f"stop_{stop}", look, (ended & (at == look)).sum() / n
    for name in ("n_randomised", "n_analysed", "n_infused", "months"):
        if name not in here:
            continue
        ordered = sorted(here[name].to_numpy(dtype=float).tolist())
        yield f"{name}_mean", None, math.fsum(ordered) / n
        for percent in PERCENTILES:
            rank = -(-n * percent // 100)  # the smallest with as many percent at or below it
            yield f"{name}_p{percent:02d}", None, ordered[max(rank, 1) - 1]


def require_untouched(result: Result) -> Recount:
    """Raise a :class:`ResultsError` if a table of the folder is not the one that the run wrote."""
    from adaptive_cart.running.boundaries import boundaries_csv

    assert result.manifest  # raises where design, trials or looks are not those of the run
    found = recounted(result)
    if found.different:
        more = "" if len(found.different) == 1 else f" and {len(found.different) - 1} more"
        raise ResultsError(
            f"{result.folder / MEASURES}: is not what the run wrote ({found.different[0]}{more}); "
            f"simulate again, or put the file back"
        )
    path = result.folder / BOUNDARIES
    if not path.is_file():
        raise ResultsError(f"{path}: is missing; simulate again, or put the file back")
    if path.read_text(encoding="utf-8") != boundaries_csv(result.design):
        raise ResultsError(
            f"{path}: is not what the run wrote; simulate again, or put the file back"
        )
    return found
