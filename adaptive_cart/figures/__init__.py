"""The figures of a simulation report, from a results folder.

    result ─► tables (numbers) ─► figure (picture) ─► caption and description, from the same numbers

One function a figure for notebooks, by the name that its kind has in :data:`FIGURES`. Matplotlib is
loaded when the first figure is drawn; pyplot never, so that nothing here touches the caller's own
plots.

>>> import adaptive_cart as ac
>>> ac.figures.power_curve(result)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from adaptive_cart.figures.kinds import FigureKind, Missing, Tables
from adaptive_cart.figures.registry import FIGURES
from adaptive_cart.figures.writing import (
    FORMATS,
    Written,
    figure_of,
    rendered,
    tables_of,
    write_figures,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from adaptive_cart.results.result import Result

__all__ = [
    "FIGURES",
    "FORMATS",
    "FigureKind",
    "Missing",
    "Tables",
    "Written",
    "example_trial",
    "figure_of",
    "rendered",
    "tables_of",
    "write_figures",
]


def __getattr__(name: str) -> Callable[[Result], Figure]:
    """Return the function of a figure by its name."""
    kinds = [kind for kind in FIGURES.values() if kind.name == name]
    if not kinds:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def drawn(result: Result) -> Figure:
        return figure_of(result, kinds[0].id)

    drawn.__name__, drawn.__doc__ = name, f"{kinds[0].title} ({kinds[0].id})."
    return drawn


def __dir__() -> list[str]:
    return sorted([*__all__, *(kind.name for kind in FIGURES.values())])


def example_trial(result: Result, ending: str = "a") -> Figure:
    """One simulated trial over its calendar (F11).

    Parameters
    ----------
    ending
        How it ends: ``a`` early success, ``b`` early futility, ``c`` success at the last look,
        ``d`` no success at the last look, ``e`` a success that the pipeline reverses, ``f`` a stop
        for safety.
    """
    return figure_of(result, f"F11{ending}")
