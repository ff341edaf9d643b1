"""Captions and descriptions of the figures of operating characteristics, from the same tables."""

from __future__ import annotations

from typing import Any

from adaptive_cart.figures.kinds import Tables, cell
from adaptive_cart.figures.style import minus


def of_run(about: Any) -> str:
    """Say how many trials a figure rests on and what its intervals are."""
    row = about.iloc[0]
    if row["engine"] == "exact":
        return "Enumerated: exact, without Monte Carlo error."
    few, most = int(row["trials_fewest"]), int(row["trials_most"])
    number = f"{few:,}" if few == most else f"{few:,} to {most:,}"
    return (
        f"{number} simulated trials a scenario, seed {row['seed']}; bars and bands are 95% Monte "
        f"Carlo intervals, which say how sure the simulation is and nothing about the disease."
    )


def some_of(frame: Any, key: str = "scenario") -> str:
    """Say where not every scenario of a table is drawn; nothing where all are."""
    drawn, there = frame.loc[frame["shown"], key].nunique(), frame[key].nunique()
    if drawn == there:
        return ""
    return (
        f" {drawn} of {there} are drawn, at equal steps in the order of the true effect; the table "
        f"holds them all."
    )


def few_of(parts: list[str]) -> str:
    """Join parts of a sentence; of many, the first and the last."""
    return listed(parts if len(parts) <= 9 else [*parts[:2], "…", parts[-1]])


def percent(value: float, decimals: int = 1) -> str:
    """Write a probability in per cent."""
    if value != value:
        return "not defined"
    return f"{100 * value:.{decimals}f}%"


def interval(row: Any) -> str:
    """Write an estimate with its Monte Carlo interval; without one where it is exact."""
    if row["mcse"] == 0.0 and row["lower"] == row["upper"]:
        return percent(row["estimate"], 2)
    return f"{percent(row['estimate'])} ({percent(row['lower'])} to {percent(row['upper'])})"


def listed(parts: list[str]) -> str:
    """Join parts of a sentence."""
    return "; ".join(parts)


def say_success(tables: Tables) -> str:
    """Caption of F4."""
    frame, about = tables["success"], tables["about"]
    own = frame[frame["outcome"] == "success"]
    parts = [f"{_whose(row)} {interval(row)}" for row in own.to_dict("records")]
    if cell(about, "by_target"):
        form = "A row for each arm and stratum that can succeed, its true effect in brackets"
    elif cell(about, "lines"):
        form = "Lines join scenarios that differ in one number of the truth only"
    else:
        form = (
            "Scenarios in the order of the true effect (in brackets); no line joins them, since "
            "no three of them differ in one number only"
        )
    margin = cell(about, "margin")
    mark = "" if margin is None or margin != margin else f" Margin of the success rule: {margin:g}."
    return (
        f"Probability of success by the true {cell(about, 'estimand')}: {few_of(parts)}. {form}."
        f"{some_of(frame)}"
        f"{mark} {of_run(about)}"
    )


def _whose(row: dict[str, Any]) -> str:
    target = [part for part in (row["arm"], row["stratum"]) if isinstance(part, str)]
    return ", ".join([str(row["scenario"]), *target])


def describe_success(tables: Tables) -> str:
    """Alternative text of F4."""
    own = tables["success"]
    own = own[own["outcome"] == "success"].sort_values("true_effect")
    low, high = own.iloc[0], own.iloc[-1]
    return (
        f"Probability of success runs from {percent(low['estimate'])} at a true effect of "
        f"{minus(low['true_effect'], 2)} to {percent(high['estimate'])} at "
        f"{minus(high['true_effect'], 2)}."
    )


def say_type_one_error(tables: Tables) -> str:
    """Caption of F5."""
    frame, about = tables["type_one_error"], tables["about"]
    parts = [f"{row['scenario']} {interval(row)}" for row in frame.to_dict("records")]
    target = cell(about, "target")
    said = (
        " The design states no target for it."
        if target is None or target != target
        else f" Target: {percent(target)}."
    )
    partly = (frame["role"] != "null").any()
    note = (
        " Where only some arms or strata are null, the probability is that of declaring success "
        "for any of those."
        if partly
        else ""
    )
    drawn = int(frame["shown"].sum())
    some = (
        ""
        if drawn == len(frame) or cell(about, "curve")
        else f" The {drawn} highest of {len(frame)} are drawn; the table holds them all."
    )
    return f"Type I error: {few_of(parts)}.{some}{note}{said} {of_run(about)}"


def describe_type_one_error(tables: Tables) -> str:
    """Alternative text of F5."""
    frame, about = tables["type_one_error"], tables["about"]
    worst = frame[frame["scenario"] == cell(about, "worst")].iloc[0]
    return (
        f"Probability of a false success in {len(frame)} scenarios; among nulls the largest is "
        f"{interval(worst)} in {worst['scenario']}."
    )


def say_stopping(tables: Tables) -> str:
    """Caption of F6."""
    frame, about = tables["endings"], tables["about"]
    first = frame[(frame["look"] == 1) & (frame["ending"] == "continuing")]
    parts = [f"{row['scenario']} {percent(1 - row['by_now'])}" for row in first.to_dict("records")]
    return (
        f"How trials have ended by each look, in per cent of all trials (small shares "
        f"without their number). Ended at the first of {cell(about, 'looks')} looks: "
        f"{few_of(parts)}.{some_of(frame)} "
        f"Shares of those that reached a look are in the table of this figure. "
        f"{_counted(about)}"
    )


def _counted(about: Any) -> str:
    """Say how many trials; for figures without intervals."""
    said = of_run(about)
    return said.split(";")[0] + "." if ";" in said else said


def describe_stopping(tables: Tables) -> str:
    """Alternative text of F6."""
    frame = tables["endings"]
    last = frame[frame["look"] == frame["look"].max()]
    parts = []
    for name in dict.fromkeys(last.loc[last["shown"], "scenario"]):
        own = last[(last["scenario"] == name) & (last["by_now"] > 0.005)]
        ends = ", ".join(
            f"{row['ending'].replace('_', ' ')} {percent(row['by_now'], 0)}"
            for row in own.to_dict("records")
        )
        parts.append(f"{name}: {ends}")
    return f"Stacked bars by look. In the end: {listed(parts)}."


def say_size(tables: Tables) -> str:
    """Caption of F7."""
    frame, about = tables["participants"], tables["about"]
    parts = [
        f"{row['scenario']} {row['mean']:.1f} ({row['p05']:.0f} to {row['p95']:.0f})"
        for row in frame.to_dict("records")
    ]
    if cell(about, "lines"):
        form = "Line: mean; band: 5th to 95th percentile of trials."
        loose = int((frame["line"] < 0).sum())
        if loose:
            form += f" Scenarios on no line ({loose}) are in the table only."
    else:
        form = (
            "Above: mean (symbol), median (stroke) and 5th to 95th percentile of trials (line); "
            "below: their distribution."
        )
    drawn = ""
    if cell(about, "engine") == "exact" and not cell(about, "lines"):
        drawn = (
            f" The distribution is that of {int(cell(about, 'drawn')):,} trials simulated beside "
            f"the enumeration, seed {cell(about, 'seed')}."
        )
    return (
        f"Participants {cell(about, 'noun')} by the end of the trial, of at most "
        f"{cell(about, 'max_n')}; mean (5th to 95th percentile): {few_of(parts)}. {form}"
        f"{some_of(frame) if not cell(about, 'lines') else ''} "
        f"{_counted(about)}{drawn}"
    )


def describe_size(tables: Tables) -> str:
    """Alternative text of F7."""
    frame = tables["participants"].sort_values("mean")
    low, high = frame.iloc[0], frame.iloc[-1]
    return (
        f"The mean number of participants is smallest in {low['scenario']} ({low['mean']:.1f}) "
        f"and largest in {high['scenario']} ({high['mean']:.1f})."
    )


def say_robustness(tables: Tables) -> str:
    """Caption of F10."""
    frame, about = tables["changes"], tables["about"]
    own = frame[frame["what"] == "success"]
    parts = [
        f"{row['scenario']} {percent(row['value'])} against {percent(row['base_value'])} in "
        f"{row['base']}"
        for row in own.to_dict("records")
    ]
    paired = (
        ""
        if cell(about, "engine") == "exact"
        else " Scenarios share their participants trial by trial, so that the differences are "
        "paired."
    )
    drawn = int(own["shown"].sum())
    some = (
        ""
        if drawn == len(own)
        else f" The {drawn} largest changes of P(success) among {len(own)} are drawn; the table "
        f"holds them all."
    )
    return f"P(success) when something else is true: {few_of(parts)}.{some}{paired} {of_run(about)}"


def describe_robustness(tables: Tables) -> str:
    """Alternative text of F10."""
    own = tables["changes"]
    own = own[own["what"] == "success"]
    worst = own.loc[own["estimate"].abs().idxmax()]
    return (
        f"Dot plot of {len(own)} comparisons. The probability of success changes most in "
        f"{worst['scenario']}, by {minus(100 * worst['estimate'], 1, sign=True)} percentage points."
    )


def say_bayesian(tables: Tables) -> str:
    """Caption of F12."""
    frame, about = tables["bayesian"], tables["about"]
    even = frame[frame["prior"] == 0.5]
    parts = [
        f"{row['alternative']}: P(no benefit given success) {_up_to(row, 'false_discovery')}, "
        f"P(benefit given no success) {_up_to(row, 'false_omission')}"
        for row in even.to_dict("records")
    ]
    bands = (
        ""
        if cell(about, "engine") == "exact"
        else " Bands are what both Monte Carlo intervals together allow, wider than 95%."
    )
    return (
        f"What a success means, by how probable a benefit was before the trial, when the truth is "
        f"either {cell(about, 'null')} (success {percent(cell(about, 'null_success'), 2)}"
        f"{_at_most(about)}) or the "
        f"alternative of the panel. Symbols: even odds beforehand. At even odds, {few_of(parts)}."
        f"{some_of(frame, 'alternative')}{bands} {_counted(about)}"
    )


def _up_to(row: dict[str, Any], column: str) -> str:
    """A mixture and how high it may be as far as the simulation can tell."""
    value, upper = row[column], row[f"{column}_upper"]
    return percent(value) + ("" if not upper > value else f" (up to {percent(upper)})")


def _at_most(about: Any) -> str:
    if cell(about, "engine") == "exact":
        return ""
    return f", 95% Monte Carlo interval to {percent(cell(about, 'null_upper'), 2)}"


def describe_bayesian(tables: Tables) -> str:
    """Alternative text of F12."""
    about = tables["about"]
    return (
        f"Curves by prior probability of benefit. At even odds the chance that a success is false "
        f"is {percent(cell(about, 'worst_discovery'))} at the worst alternative, "
        f"{cell(about, 'worst')}, and at most {percent(cell(about, 'worst_discovery_upper'))} as "
        f"far as the simulation can tell."
    )


def say_benefit_risk(tables: Tables) -> str:
    """Caption of the figure of benefit and risk."""
    frame, about = tables["benefit_risk"], tables["about"]
    parts = []
    for row in frame.to_dict("records"):
        name = (
            row["scenario"] if frame["arm"].nunique() == 1 else f"{row['scenario']}, {row['arm']}"
        )
        parts.append(f"{name} {minus(row['benefit'], 3, sign=True)} at {row['risk']:.3f}")
    return (
        f"True benefit (difference in {cell(about, 'primary')}) against true risk "
        f"({cell(about, 'harm')}), and how often the design succeeds or stops for safety there: "
        f"{few_of(parts)}.{some_of(frame)} {_counted(about)}"
    )


def describe_benefit_risk(tables: Tables) -> str:
    """Alternative text of the figure of benefit and risk."""
    frame = tables["benefit_risk"]
    worst = frame.loc[frame["risk"].idxmax()]
    said = "" if worst["success"] is None else f" Success there: {percent(worst['success'])}."
    return (
        f"Scatter of {len(frame)} scenarios. The riskiest is {worst['scenario']} with a risk of "
        f"{worst['risk']:.3f} and a benefit of {minus(worst['benefit'], 3)}.{said}"
    )
