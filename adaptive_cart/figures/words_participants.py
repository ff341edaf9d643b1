"""Captions and descriptions of the figures that follow participants, from the same tables."""

from __future__ import annotations

from typing import Any

from adaptive_cart.figures.kinds import Tables, cell
from adaptive_cart.figures.words_calendar import replayed
from adaptive_cart.figures.words_measures import few_of, listed, percent, some_of


def _steps(tables: Tables, arm: str) -> dict[str, Any]:
    frame = tables["flow"]
    return {row["step"]: row for row in frame[frame["arm"] == arm].to_dict("records")}


def say_flow(tables: Tables) -> str:
    """Caption of C1."""
    parts = []
    for arm in dict.fromkeys(tables["flow"]["arm"]):
        own = _steps(tables, arm)
        said = f"{arm}: {own['randomised']['mean']:.1f} randomised"
        if "infused" in own:
            said += f", {own['infused']['mean']:.1f} infused"
        said += (
            f", {own['remission']['mean']:.1f} in drug-free remission at some time, "
            f"{own['relapsed']['mean']:.1f} relapsed"
        )
        parts.append(said)
    return (
        f"Participant flow by the look that ended the trial: mean numbers, in brackets the share "
        f"of the box from which they come (remission: of those randomised). {listed(parts)}. "
        f"Infusion failed: never infused although still followed, for whatever reason the product "
        f"has (manufacturing or other loss). {replayed(tables)}."
    )


def describe_flow(tables: Tables) -> str:
    """Alternative text of C1."""
    arms = list(dict.fromkeys(tables["flow"]["arm"]))
    parts = [
        f"{arm} {percent(_steps(tables, arm)['remission']['share_of_randomised'], 0)}"
        for arm in arms
    ]
    return f"Flow chart by arm. Share of those randomised who reach remission: {listed(parts)}."


def say_swimmer(tables: Tables) -> str:
    """Caption of C2."""
    frame, about = tables["participants"], tables["about"].iloc[0]
    remitted, relapsed = (int(frame[c].notna().sum()) for c in ("remission_month", "relapse_month"))
    shown = (
        ""
        if about["shown"] == about["randomised"]
        else f" The first {int(about['shown'])} of {int(about['randomised'])} randomised are shown."
    )
    return (
        f"The {int(about['shown'])} participants of one simulated trial as known at its end, month "
        f"{about['months']:.1f}, look {int(about['look'])} "
        f"({about['reason'].replace('_', ' ')}): {remitted} reached drug-free remission, "
        f"{relapsed} of them relapsed.{shown} Trial {int(about['trial'])} of scenario "
        f"{about['scenario']}, seed {about['seed']}: the one of median duration among trials 0 to "
        f"{int(about['replayed']) - 1}."
    )


def describe_swimmer(tables: Tables) -> str:
    """Alternative text of C2."""
    frame = tables["participants"]
    parts = [
        f"{arm}: {int(own['remission_month'].notna().sum())} of {len(own)} reach remission"
        for arm, own in frame.groupby("arm", sort=False)
    ]
    return f"Swimmer plot, a lane a participant. {listed(parts)}."


def say_infusion(tables: Tables) -> str:
    """Caption of C3."""
    parts = [
        f"{row['arm']} {percent(row['infused'])} infused, median {row['p50']:.2f} months "
        f"(5th to 95th percentile {row['p05']:.2f} to {row['p95']:.2f})"
        for row in tables["months"].to_dict("records")
    ]
    return (
        f"Months from randomisation to infusion, those never infused counted in: {listed(parts)}. "
        f"Dark band: 95% Monte Carlo interval; pale band: 5th to 95th percentile of single trials "
        f"of {int(cell(tables['about'], 'max_n'))}. {replayed(tables)}, everybody followed for as "
        f"long as it takes."
    )


def describe_infusion(tables: Tables) -> str:
    """Alternative text of C3."""
    parts = [
        f"{row['arm']}: half of those infused by month {row['p50']:.1f}, "
        f"{percent(1 - row['infused'])} never"
        for row in tables["months"].to_dict("records")
    ]
    return f"Curves of the share infused. {listed(parts)}."


def _at_month(tables: Tables) -> tuple[float, list[str]]:
    frame, about = tables["remission"], tables["about"]
    month = cell(about, "primary_month")
    if month is None or month != month:
        month = float(frame["month"].max())
    at = frame[frame["month"] == month]
    parts = []
    for name in dict.fromkeys(at["scenario"]):
        own = at[at["scenario"] == name]
        arms = ", ".join(
            f"{row['arm']} {percent(row['estimate'])}" for row in own.to_dict("records")
        )
        parts.append(f"{name}: {arms}")
    return float(month), parts


def say_remission(tables: Tables) -> str:
    """Caption of C4."""
    month, parts = _at_month(tables)
    about = tables["about"].iloc[0]
    return (
        f"Share of those randomised who are in drug-free remission, by months since randomisation, "
        f"everybody followed; who has died or dropped out counts as not in remission. At month "
        f"{month:g} (dashed): {few_of(parts)}.{some_of(tables['remission'])} A landmark "
        f"that asks for more, such as remission sustained over a span, is met by fewer. "
        f"Dark band: 95% Monte Carlo interval; pale band: "
        f"5th to 95th percentile of single trials of {int(about['max_n'])}. Trials 0 to "
        f"{int(about['replayed']) - 1} of every scenario, seed {about['seed']}."
    )


def describe_remission(tables: Tables) -> str:
    """Alternative text of C4."""
    month, parts = _at_month(tables)
    return f"Curves of the share in remission by arm. At month {month:g}: {listed(parts)}."


def say_durability(tables: Tables) -> str:
    """Caption of C5."""
    frame, about = tables["durability"], tables["about"].iloc[0]
    last = frame[(frame["look"] == frame["look"].max()) & (frame["month"] == frame["month"].max())]
    parts = [
        f"{row['arm']} {percent(row['mean'])} ({percent(row['lower'])} to {percent(row['upper'])})"
        for row in last.to_dict("records")
    ]
    some = "" if frame["shown"].all() else " Not every look is drawn; the table holds them all."
    return (
        f"Durability ({about['endpoint']}): posterior of the fraction of remitters still in "
        f"drug-free remission, at each look of one trial, mean and 95% credible interval; dashed: "
        f"the true fraction, from {int(about['replayed'])} trials' remitters. The trial ended at "
        f"look {int(about['ended'])}; later looks are as they would have been without its rules. "
        f"At month {about['horizon']:g} and the last look: "
        f"{listed(parts)}.{some} Where nobody has remitted the posterior is the prior. Trial "
        f"{int(about['trial'])} of scenario {about['scenario']}, seed {about['seed']}: the one of "
        f"median duration among trials 0 to {int(about['replayed']) - 1}."
    )


def describe_durability(tables: Tables) -> str:
    """Alternative text of C5."""
    frame = tables["durability"]
    return (
        f"Posterior curves of durability at {frame['look'].nunique()} looks for "
        f"{frame['arm'].nunique()} arms; intervals narrow as remitters are followed."
    )
