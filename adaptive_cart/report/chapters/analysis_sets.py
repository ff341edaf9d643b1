"""Who is analysed at each look, and who is still to be seen then."""

from __future__ import annotations

from typing import Any

from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Reference,
    Table,
    code,
    line,
    paragraph,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, given

MOST_LOOKS = 6  # that stand beside each other on an upright page


def analysis_sets(evidence: Evidence) -> list[Block]:
    """How far the trial is at each look: randomised, infused, analysed, still to come."""
    if evidence.exact:
        evidence.trace.not_applicable(10, "an enumerated run knows no calendar time")
        evidence.trace.not_applicable(31, "an enumerated run knows no calendar time")
        return []
    frame = evidence.look_rows
    primary = evidence.design.primary
    name = evidence.target or evidence.scenarios[0]
    here = frame[frame["scenario"] == name]
    by_look = _by_look(here, primary, _ended_between(evidence, name))
    heads = {
        "months": "Month",
        "n_randomised": "Randomised",
        "n_infused": "Infused",
        f"{primary}_analysed": "In the primary analysis",
        f"{primary}_missing": "Outcome missing",
        f"{primary}_events": "Events of the primary",
        "pipeline": "Pipeline",
    }
    shown = [column for column in heads if column in by_look]
    places = [
        (look, between) for look in evidence.looks
        for between in (True, False)
        if ((by_look["look"] == look) & (by_look["between"] == between)).any()
    ]  # fmt: skip
    columns = [
        by_look[(by_look["look"] == look) & (by_look["between"] == between)]
        for look, between in places
    ]
    counted = "Trials that reach it, or stop there" if evidence.rhythmic else "Trials that reach it"
    rows = [
        row(counted, *(given(len(c), f"looks.parquet: {name}") for c in columns)),
        *(
            row(heads[what], *(_spread(c[what].to_numpy(), f"looks.parquet: {name}, {what}")
                               for c in columns))
            for what in shown
        ),
        row(
            "Share of all enrolled",
            *(
                Bound(
                    _mean((c["n_randomised"] / evidence.design.enrolment.max_n).to_numpy()),
                    f"looks.parquet: {name}, enrolled",
                ).number()
                for c in columns
            ),
        ),
    ]  # fmt: skip
    evidence.trace.reported(10, "t-sets")
    evidence.trace.reported(31, "t-sets")
    notes = ["Share of all enrolled: of the most that can be randomised."]
    if any(between for _, between in places):
        notes.append("Before a look: trials that stopped between looks, at the date of the stop.")
    if "pipeline" in shown:
        notes.insert(0, "Pipeline: randomised, not in the primary analysis yet.")
    return [
        Heading(text="Who is analysed at each look", key="sets", level=2),
        paragraph(
            "Time zero is randomisation. {table} says how far the trial is at each look in "
            "scenario {scenario}: when enrolment outruns follow-up, most participants are in "
            "before the first decision, and little is left for it to save.",
            table=Reference("t-sets"),
            scenario=code(name),
        ),
        Table(
            key="t-sets",
            title=line("How far the trial is at each look: mean (", given("5th", "percentile"),
                       " to ", given("95th", "percentile"), " percentile)"),
            head=(
                line("At the look"),
                *(line("Before look " if between else "Look ", given(look, "looks"))
                  for look, between in places),
            ),
            rows=tuple(rows),
            align=("left", *("right",) * len(places)),
            widths=(1.7, *(1.3,) * len(places)),
            wide=len(places) > MOST_LOOKS,
            notes=(line(" ".join(notes)),),
        ),
    ]  # fmt: skip


def _ended_between(evidence: Evidence, scenario: str) -> set[int]:
    """Trials that ended between looks: their last rows are no look that was held."""
    trials = evidence.trials
    if not evidence.rhythmic:
        return set()
    mine = trials[(trials["scenario"] == scenario) & trials["between"]]
    return {*map(int, mine["trial"])}


def _by_look(here: Any, primary: str, ended_between: set[int]) -> Any:
    """Numbers of every trial and look, arms and strata together; none that are always nought."""
    counted_ = ["n_randomised", "n_infused", f"{primary}_analysed", f"{primary}_missing"]
    times = f"{primary}_months" in here or f"{primary}_years" in here
    if times:
        counted_.append(f"{primary}_events")
    counted_ = [column for column in counted_ if column in here]
    sums = {"months": "first", **dict.fromkeys(counted_, "sum")}
    frame = here.groupby(["trial", "look"], observed=True).agg(sums).reset_index()
    if not times and f"{primary}_analysed" in frame:
        frame["pipeline"] = frame["n_randomised"] - frame[f"{primary}_analysed"]
    last = frame["look"] == frame.groupby("trial", observed=True)["look"].transform("max")
    frame["between"] = last & frame["trial"].isin(ended_between)
    blank = [column for column in counted_ if not frame[column].any()]
    return frame.drop(columns=blank)


def _mean(values: Any) -> Any:
    from adaptive_cart.results.figure import mean

    return mean(values.astype(float))


def _spread(values: Any, source: str) -> Line:
    from adaptive_cart.results.figure import quantile

    middle = Bound(_mean(values), source, "mean")
    if values.min() == values.max():
        return line(middle.number())
    low, high = (
        Bound(quantile(values.astype(float), percent), source, "mean") for percent in (5, 95)
    )
    ends = [f"{bound.figure.estimate:.0f}" for bound in (low, high)]
    return line(middle.number(), " (", given(ends[0], source), " to ", given(ends[1], source), ")")
