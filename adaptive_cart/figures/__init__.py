"""The figures of a simulation report, from a results folder.

    result ─► tables (numbers) ─► figure (picture) ─► caption and description, from the same numbers

One function a figure for notebooks; :data:`FIGURES` for what goes through all of them. Matplotlib
is loaded when the first figure is drawn; pyplot never, so that nothing here touches the caller's
own plots.

>>> import adaptive_cart as ac
>>> ac.figures.power_curve(result)
"""

from __future__ import annotations

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
    "bayesian_characteristics",
    "benefit_risk",
    "boundaries",
    "durability",
    "duration",
    "estimation",
    "example_trial",
    "figure_of",
    "flow",
    "infusion",
    "participants",
    "power_curve",
    "priors",
    "remission",
    "rendered",
    "robustness",
    "stopping",
    "swimmer",
    "tables_of",
    "timeline",
    "type_one_error",
    "write_figures",
]


def timeline(result: Result) -> Figure:
    """When enrolment, infusion, follow-up and looks take place (F1)."""
    return figure_of(result, "F1")


def priors(result: Result) -> Figure:
    """Every prior, and what they say together of the claim (F2)."""
    return figure_of(result, "F2")


def boundaries(result: Result) -> Figure:
    """Decision rules on the scale of the data (F3)."""
    return figure_of(result, "F3")


def power_curve(result: Result) -> Figure:
    """Probability of success by the true effect (F4)."""
    return figure_of(result, "F4")


def type_one_error(result: Result) -> Figure:
    """Type I error over the null scenarios (F5)."""
    return figure_of(result, "F5")


def stopping(result: Result) -> Figure:
    """How trials end, by look (F6)."""
    return figure_of(result, "F6")


def participants(result: Result) -> Figure:
    """Mean, percentiles and distribution of the number of participants (F7)."""
    return figure_of(result, "F7")


def duration(result: Result) -> Figure:
    """Accrual over the calendar, and months to the end of the trial (F8)."""
    return figure_of(result, "F8")


def estimation(result: Result) -> Figure:
    """Errors of the estimate by the look that ended the trial and why (F9)."""
    return figure_of(result, "F9")


def robustness(result: Result) -> Figure:
    """What changes when something else is true (F10)."""
    return figure_of(result, "F10")


def bayesian_characteristics(result: Result) -> Figure:
    """What a success means, by the prior probability of benefit (F12)."""
    return figure_of(result, "F12")


def flow(result: Result) -> Figure:
    """What has become of those randomised when a trial ends, by arm (C1)."""
    return figure_of(result, "C1")


def swimmer(result: Result) -> Figure:
    """Every participant of one trial (C2)."""
    return figure_of(result, "C2")


def infusion(result: Result) -> Figure:
    """Months from randomisation to infusion, by arm (C3)."""
    return figure_of(result, "C3")


def remission(result: Result) -> Figure:
    """Share in drug-free remission over time, by arm (C4)."""
    return figure_of(result, "C4")


def durability(result: Result) -> Figure:
    """Posterior of the fraction still in remission, at each look (C5)."""
    return figure_of(result, "C5")


def benefit_risk(result: Result) -> Figure:
    """Benefit against risk by scenario (C6)."""
    return figure_of(result, "C6")


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
