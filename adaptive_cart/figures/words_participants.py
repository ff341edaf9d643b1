"""Captions and descriptions of the figures that follow participants, from the same tables."""

from __future__ import annotations

from typing import Any

from adaptive_cart.figures.kinds import Tables, called, cell, introduced
from adaptive_cart.figures.style import minus
from adaptive_cart.figures.thinning import left_out
from adaptive_cart.figures.words_calendar import ended_when, replayed
from adaptive_cart.figures.words_measures import few_of, listed
from adaptive_cart.results.percentages import percent


def _steps(tables: Tables, arm: str) -> dict[str, Any]:
    frame = tables["flow"]
    return {row["step"]: row for row in frame[frame["arm"] == arm].to_dict("records")}


def say_flow(tables: Tables) -> str:
    """Caption of C1."""
    parts, about = [], tables["about"].iloc[0]
    for arm in dict.fromkeys(tables["flow"]["arm"]):
        own = _steps(tables, arm)
        said = f"{introduced(about, arm)}: {own['randomised']['mean']:.1f} randomised"
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
    arms, about = list(dict.fromkeys(tables["flow"]["arm"])), tables["about"].iloc[0]
    shares = {arm: _steps(tables, arm)["remission"]["share_of_randomised"] for arm in arms}
    parts = [f"{called(about, arm)} {percent(share, 0)}" for arm, share in shares.items()]
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
        f"{about['months']:.1f}, {ended_when(about)} "
        f"({about['reason'].replace('_', ' ')}): {remitted} reached drug-free remission, "
        f"{relapsed} of them relapsed.{shown} Trial {int(about['trial'])} of scenario "
        f"{about['scenario']}, seed {about['seed']}: the one of median duration among trials 0 to "
        f"{int(about['replayed']) - 1}."
    )


def describe_swimmer(tables: Tables) -> str:
    """Alternative text of C2."""
    frame, about = tables["participants"], tables["about"].iloc[0]
    parts = [
        f"{called(about, arm)}: {int(own['remission_month'].notna().sum())} of {len(own)} reach "
        f"remission"
        for arm, own in frame.groupby("arm", sort=False)
    ]
    return f"Swimmer plot, a lane a participant. {listed(parts)}."


def say_infusion(tables: Tables) -> str:
    """Caption of C3."""
    about = tables["about"].iloc[0]
    parts = [
        f"{introduced(about, row['arm'])} {percent(row['infused'])} infused, median "
        f"{minus(row['p50'], 2)} months "
        f"(5th to 95th percentile {minus(row['p05'], 2)} to {minus(row['p95'], 2)})"
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
    about = tables["about"].iloc[0]
    parts = [
        f"{called(about, row['arm'])}: half of those infused by month {minus(row['p50'], 1)}, "
        f"{percent(1 - row['infused'])} never"
        for row in tables["months"].to_dict("records")
    ]
    return f"Curves of the share infused. {listed(parts)}."


def _at_month(tables: Tables) -> tuple[float, list[tuple[str, str, float]]]:
    frame, about = tables["remission"], tables["about"].iloc[0]
    month = about["primary_month"]
    if month is None or month != month:
        month = float(frame["month"].max())
    at = frame[frame["month"] == month]
    parts = []
    for name in dict.fromkeys(at["scenario"]):
        own = at[at["scenario"] == name]
        arms = ", ".join(
            f"{called(about, row['arm'])} {percent(row['estimate'])}"
            for row in own.to_dict("records")
        )
        parts.append((str(name), f"{name}: {arms}", float(own["estimate"].max())))
    return float(month), parts


def say_remission(tables: Tables) -> str:
    """Caption of C4."""
    month, said = _at_month(tables)
    about = tables["about"].iloc[0]
    return (
        f"Share of those randomised who are in drug-free remission, by months since randomisation, "
        f"everybody followed; who has died or dropped out counts as not in remission. At month "
        f"{month:g} (dashed): {few_of(said, about)}.{left_out(tables['remission'])} A landmark "
        f"that asks for more, such as remission sustained over a span, is met by fewer. "
        f"Dark band: 95% Monte Carlo interval; pale band: "
        f"5th to 95th percentile of single trials of {int(about['max_n'])}. Trials 0 to "
        f"{int(about['replayed']) - 1} of every scenario, seed {about['seed']}."
    )


def describe_remission(tables: Tables) -> str:
    """Alternative text of C4."""
    month, said = _at_month(tables)
    few = few_of(said, tables["about"].iloc[0])
    return f"Curves of the share in remission by arm. At month {month:g}: {few}."


def say_durability(tables: Tables) -> str:
    """Caption of C5."""
    frame, about = tables["durability"], tables["about"].iloc[0]
    last = frame[(frame["look"] == frame["look"].max()) & (frame["month"] == frame["month"].max())]
    parts = [
        f"{introduced(about, row['arm'])} {percent(row['mean'])} "
        f"({percent(row['lower'])} to {percent(row['upper'])})"
        for row in last.to_dict("records")
    ]
    ended = ended_when({"look": about["ended"], "between": about["between"]})
    looks = frame.assign(look="look " + frame["look"].astype(str))
    why = "the first, the last and the one at which the trial ended are drawn"
    some = left_out(looks, "look", why)
    return (
        f"Durability ({about['endpoint']}): posterior of the fraction of remitters still in "
        f"drug-free remission, at each look of one trial, mean and 95% credible interval; dashed: "
        f"the true fraction, from {int(about['replayed'])} trials' remitters. The trial ended "
        f"{ended}; later looks are as they would have been without its rules. "
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
