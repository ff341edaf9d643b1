"""Captions and descriptions of the figures with a calendar, from the same tables."""

from __future__ import annotations

from typing import Any

from adaptive_cart.figures.kinds import Tables, cell
from adaptive_cart.figures.style import minus
from adaptive_cart.figures.thinning import left_out
from adaptive_cart.figures.words_measures import few_of, listed, of_run, said_of
from adaptive_cart.results.enumerated import enumerated
from adaptive_cart.results.percentages import of_trials


def replayed(tables: Tables) -> str:
    """Say which trials' participants are shown."""
    about = tables["about"].iloc[0]
    number, seed = int(about["replayed"]), about["seed"]
    beside = " beside the enumeration" if enumerated(about) else " of the run"
    return f"Trials 0 to {number - 1}{beside} (seed {seed}, scenario {about['scenario']})"


def _drawn(tables: Tables) -> str:
    about = tables["about"].iloc[0]
    if not enumerated(about):
        return of_run(tables["about"]).split(";")[0] + "."
    return (
        f"{int(about['drawn']):,} trials a scenario simulated beside the enumeration, seed "
        f"{about['seed']}."
    )


def say_timeline(tables: Tables) -> str:
    """Caption of F1."""
    looks = tables["looks"]
    parts = [
        f"look {int(row['look'])} at month {row['p50']:.1f} ({row['p05']:.1f} to {row['p95']:.1f})"
        for row in looks.to_dict("records")
    ]
    arms = [lane for lane in tables["lanes"]["lane"] if lane.startswith("to ")]
    by_arm = f" Of {listed(arms)}: trials in which anybody is." if arms else ""
    return (
        f"The course of a trial if no rule ends it. Bars: from the median first to the median last "
        f"of each kind of date; lines: 5th to 95th percentile of trials.{by_arm} Median "
        f"(5th to 95th percentile): {listed(parts)}. Numbers at the looks are medians; the last is "
        f"the share of trials that have not ended before. {replayed(tables)}."
    )


def describe_timeline(tables: Tables) -> str:
    """Alternative text of F1."""
    lanes, looks = tables["lanes"], tables["looks"]
    enrolled = lanes[lanes["lane"] == "enrolment"].iloc[0]
    return (
        f"Timeline. Enrolment lasts until month {enrolled['last_p50']:.1f} (median); the "
        f"{len(looks)} looks fall between month {looks['p50'].iloc[0]:.1f} and "
        f"{looks['p50'].iloc[-1]:.1f}."
    )


def say_duration(tables: Tables) -> str:
    """Caption of F8."""
    said = said_of(
        tables["months"],
        lambda row: f"{row['scenario']} {row['mean']:.1f} ({row['p05']:.1f} to {row['p95']:.1f})",
        "mean",
    )
    return (
        f"Above: participants over the calendar if no rule ends the trial, median and 5th to 95th "
        f"percentile of trials; dashed: median dates of the looks. {replayed(tables)}. Below: "
        f"months to the date at which the trial ended; mean (5th to 95th percentile): "
        f"{few_of(said, tables['about'].iloc[0])}.{left_out(tables['duration'])} {_drawn(tables)}"
    )


def describe_duration(tables: Tables) -> str:
    """Alternative text of F8."""
    months = tables["months"].sort_values("mean")
    low, high = months.iloc[0], months.iloc[-1]
    return (
        f"Fan chart of accrual, and distribution of the trial's duration. The mean duration is "
        f"shortest in {low['scenario']} ({low['mean']:.1f} months) and longest in "
        f"{high['scenario']} ({high['mean']:.1f} months)."
    )


def say_estimation(tables: Tables) -> str:
    """Caption of F9."""
    cells, about = tables["errors"], tables["about"]
    whole = cells[cells["look"] == 0]
    said = said_of(
        whole,
        lambda row: (
            f"{row['panel']} {minus(row['bias'], 3, sign=True)} "
            f"(true value {minus(row['true'], 3)})"
        ),
        "bias",
    )
    few = " † Fewer than 1,000 trials: read with care." if (cells["n"] < 1000).any() else ""
    between = (
        " Before a look: between looks, by a rule that is judged there."
        if cells["between"].any()
        else ""
    )
    return (
        f"Error of the {cell(about, 'called')} of the {cell(about, 'estimand')}, by the look that "
        f"ended the trial and why (look: reason).{between} Shape: distribution over trials; lines: "
        f"5th to 95th and 25th to 75th percentile; diamond: mean, the bias. At the right: number "
        f"of trials, and how often the 95% {cell(about, 'interval')} covers the true value. "
        f"Bias over all trials: {few_of(said, about.iloc[0])}.{left_out(cells, 'panel')} Estimates "
        f"that are too favourable where a trial stopped early for success come from stopping "
        f"early.{few} {_drawn(tables)}"
    )


def describe_estimation(tables: Tables) -> str:
    """Alternative text of F9."""
    cells = tables["errors"]
    ends = cells[cells["look"] > 0]
    worst = ends.loc[ends["bias"].abs().idxmax()]
    return (
        f"Distributions of errors. The largest conditional bias is {minus(worst['bias'], 3, True)} "
        f"in {worst['panel']}, among {int(worst['n']):,} trials that ended {ended_when(worst)} "
        f"({worst['reason'].replace('_', ' ')}); {of_trials(worst['coverage'], worst['n'], 1)} "
        f"of their intervals cover the true value."
    )


def ended_when(row: Any) -> str:
    """At which look a trial ended, or before which one, from cells ``look`` and ``between``."""
    look = int(row["look"])
    return f"between looks, before look {look}" if row["between"] else f"at look {look}"
