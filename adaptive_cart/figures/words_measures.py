"""Captions and descriptions of the figures of operating characteristics, from the same tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from adaptive_cart.decisions import NO_SUCCESS, SUCCESS
from adaptive_cart.figures.kinds import ALONE, MUST, NOUN, Tables, called, cell, introduced
from adaptive_cart.figures.style import minus
from adaptive_cart.figures.thinning import choose, left_out
from adaptive_cart.nouns.roles import NULL
from adaptive_cart.results.enumerated import enumerated
from adaptive_cart.results.percentages import of_trials, percent, with_interval

MOST_SAID, FEWEST_SAID = 9, 5  # numbers in a sentence: all of them, or some


def of_run(about: Any) -> str:
    """Say how many trials a figure rests on and what its intervals are."""
    row = about.iloc[0]
    if enumerated(row):
        return "Enumerated: exact, without Monte Carlo error."
    few, most = int(row["trials_fewest"]), int(row["trials_most"])
    number = f"{few:,}" if few == most else f"{few:,} to {most:,}"
    return (
        f"{number} simulated trials a scenario, seed {row['seed']}; bars and bands are 95% Monte "
        f"Carlo intervals, which say how sure the simulation is and nothing about the disease."
    )


def few_of(said: Sequence[tuple[str, str, float]], about: Any) -> str:
    """Join parts of a sentence; of many, those that no figure leaves out and the extremes.

    Parameters
    ----------
    said
        Scenario, what is said of it, and the number in it by which extremes are told.
    about
        The row that says of what run the figure is.
    """
    first = [
        place
        for name in about[MUST]
        for place, (scenario, *_) in enumerate(said)
        if scenario == name
    ]
    numbers = {place: number for place, (*_, number) in enumerate(said)}
    most = len(said) if len(said) <= MOST_SAID else FEWEST_SAID
    chosen = choose(range(len(said)), most, first, [numbers], room=MOST_SAID)
    parts = [said[place][1] for place in chosen]
    return listed(parts if len(chosen) == len(said) else [*parts, "the others are in the table"])


def said_of(
    frame: Any, text: Callable[[dict[str, Any]], str], number: str, name: str = "scenario"
) -> list[tuple[str, str, float]]:
    """What is said of each row of a table, and the number by which extremes are told."""
    return [(str(row[name]), text(row), row[number]) for row in frame.to_dict("records")]


def interval(row: Any) -> str:
    """Write an estimate with its Monte Carlo interval; without one where it is exact."""
    return with_interval(row["estimate"], row["lower"], row["upper"])


def listed(parts: list[str]) -> str:
    """Join parts of a sentence."""
    return "; ".join(parts)


def say_success(tables: Tables) -> str:
    """Caption of F4."""
    frame, about = tables["success"], tables["about"].iloc[0]
    own = frame[frame["outcome"] == SUCCESS.name]
    said = said_of(own, lambda row: f"{_whose(row, about)} {interval(row)}", "estimate")
    if about["by_target"]:
        form = "A row for each arm and stratum that can succeed, its true effect in brackets"
    elif about["lines"]:
        form = "Lines join scenarios that differ in one number of the truth only"
    else:
        form = (
            "Scenarios in the order of the true effect (in brackets); no line joins them, since "
            "no three of them differ in one number only"
        )
    margin = about["margin"]
    mark = "" if margin is None or margin != margin else f" Margin of the success rule: {margin:g}."
    return (
        f"Probability of success by the true {about['estimand']}: {few_of(said, about)}. {form}."
        f"{left_out(frame)}"
        f"{mark} {of_run(tables['about'])}"
    )


def _whose(row: dict[str, Any], about: Any) -> str:
    arm = called(about, row["arm"]) if isinstance(row["arm"], str) else None
    target = [part for part in (arm, row["stratum"]) if isinstance(part, str)]
    return ", ".join([str(row["scenario"]), *target])


def describe_success(tables: Tables) -> str:
    """Alternative text of F4."""
    frame, about = tables["success"], tables["about"].iloc[0]
    own = frame[frame["outcome"] == SUCCESS.name].sort_values("estimate", kind="stable")
    low, high = (
        f"{interval(row)} in {_whose(row, about)}"
        + ("" if row["true_effect"] != row["true_effect"]
           else f", where the true effect is {minus(row['true_effect'], 2)}")
        for row in (own.iloc[0].to_dict(), own.iloc[-1].to_dict())
    )  # fmt: skip
    return f"The probability of success is lowest, {low}, and highest, {high}."


def say_type_one_error(tables: Tables) -> str:
    """Caption of F5."""
    frame, about = tables["type_one_error"], tables["about"]
    errors = said_of(frame, lambda row: f"{row['scenario']} {interval(row)}", "estimate")
    target = cell(about, "target")
    said = (
        " The design states no target for it."
        if target is None or target != target
        else f" Target: {percent(target)}."
    )
    partly = (frame["role"] != NULL).any()
    note = (
        " Where only some arms or strata are null, the probability is that of declaring success "
        "for any of those."
        if partly
        else ""
    )
    some = left_out(frame, why="the highest are drawn")
    few = few_of(errors, about.iloc[0])
    return f"Type I error: {few}.{some}{note}{said} {of_run(about)}"


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
    row = about.iloc[0]
    dates = [
        f"at look 1 of {row['looks']}",
        *(["before it, between looks"] if row["between"] else []),
    ]
    between = (
        " Bars between two looks (and before the first): what a rule that is judged between looks "
        "has ended by then; the look is not held in those trials."
        if row["between"]
        else ""
    )
    return (
        f"How trials have ended by each look, in per cent of all trials (small shares "
        f"without their number). Ended {' and '.join(dates)}: "
        f"{few_of(list(_ended_first(frame, row)), row)}.{between}{left_out(frame)} "
        f"Shares of those that reached a look are in the table of this figure. "
        f"{_counted(about)}"
    )


def _ended_first(frame: Any, about: Any) -> Iterator[tuple[str, str, float]]:
    """What has ended at the first look and before it, by scenario."""
    first = frame[frame["look"] == 1]
    for name, own in first.groupby("scenario", sort=False):
        at_look, before = (
            own[own["between"] == between]["at_this_look"].sum() for between in (False, True)
        )
        no_success = own[(~own["between"]) & (own["ending"] == NO_SUCCESS.name)]["by_now"].sum()
        n = None if enumerated(about) else own["trials_that_reached"].max()
        shares = [at_look + no_success, *([before] if about["between"] else [])]
        words = " and ".join(of_trials(_whole(share), n, 1) for share in shares)
        yield str(name), f"{name} {words}", float(sum(shares))


def _whole(share: float) -> float:
    """A sum of shares without what is left of rounding."""
    return float(min(max(round(share, 12), 0.0), 1.0))


def _counted(about: Any) -> str:
    """Say how many trials; for figures without intervals."""
    said = of_run(about)
    return said.split(";")[0] + "." if ";" in said else said


def describe_stopping(tables: Tables) -> str:
    """Alternative text of F6."""
    frame = tables["endings"]
    about = tables["about"].iloc[0]
    last = frame[(frame["look"] == frame["look"].max()) & ~frame["between"]]
    parts = []
    for name in dict.fromkeys(last.loc[last["shown"], "scenario"]):
        own = last[(last["scenario"] == name) & (last["by_now"] > 0.005)]
        ends = ", ".join(
            f"{row['ending'].replace('_', ' ')} {_ended_in(row, about)}"
            for row in own.to_dict("records")
        )
        parts.append(f"{name}: {ends}")
    return f"Stacked bars by look. In the end: {listed(parts)}."


def _ended_in(row: dict[str, Any], about: Any) -> str:
    trials = None if enumerated(about) else about["trials_most"]
    return of_trials(_whole(row["by_now"]), trials)


def say_size(tables: Tables) -> str:
    """Caption of F7."""
    frame, about = tables["participants"], tables["about"]
    said = said_of(
        frame,
        lambda row: f"{row['scenario']} {row['mean']:.1f} ({row['p05']:.0f} to {row['p95']:.0f})",
        "mean",
    )
    rows = "mean (symbol), median (stroke) and 5th to 95th percentile of trials (line)"
    if cell(about, "lines"):
        form = "Line: mean; band: 5th to 95th percentile of trials."
        if (frame["line"] < 0).any():
            form += f" Below, scenarios on no line: {rows}."
    else:
        form = f"Above: {rows}; below: their distribution{_without_curve(tables)}."
    drawn = ""
    if enumerated(about.iloc[0]) and not cell(about, "lines"):
        drawn = (
            f" The distribution is that of {int(cell(about, 'drawn')):,} trials simulated beside "
            f"the enumeration, seed {cell(about, 'seed')}."
        )
    return (
        f"Participants {cell(about, 'noun')} by the end of the trial, of at most "
        f"{cell(about, 'max_n')}; mean (5th to 95th percentile): {few_of(said, about.iloc[0])}. "
        f"{form}{left_out(frame)} "
        f"{_counted(about)}{drawn}"
    )


def _without_curve(tables: Tables) -> str:
    """Name the rows (hollow marks) that have no distribution below."""
    steps, rows = tables["distribution"], tables["participants"]
    curves = set(steps.loc[steps["shown"], "scenario"])
    drawn = list(rows.loc[rows["shown"], "scenario"])
    grey = [name for name in drawn if name not in curves]
    return f" (not drawn of those in grey: {', '.join(grey)})" if grey else ""


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
    n = None if enumerated(about.iloc[0]) else cell(about, "trials_fewest")
    said = said_of(
        own,
        lambda row: (
            f"{row['scenario']} {of_trials(row['value'], n, 1)} against "
            f"{of_trials(row['base_value'], n, 1)} in {row['base']}"
        ),
        "estimate",
    )
    paired = (
        ""
        if enumerated(about.iloc[0])
        else " Scenarios share their participants trial by trial, so that the differences are "
        "paired."
    )
    why = "those that no figure leaves out and the largest changes are drawn"
    few = few_of(said, about.iloc[0])
    return (
        f"P(success) when something else is true: {few}.{left_out(own, why=why)}{paired} "
        f"{of_run(about)}"
    )


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
    said = said_of(
        even,
        lambda row: (
            f"{row['alternative']}: P(no benefit given success) "
            f"{_up_to(row, 'false_discovery')}, P(benefit given no success) "
            f"{_up_to(row, 'false_omission')}"
        ),
        "false_discovery",
        "alternative",
    )
    bands = (
        ""
        if enumerated(about.iloc[0])
        else " Bands are what both Monte Carlo intervals together allow, wider than 95%."
    )
    return (
        f"What a success means, by how probable a benefit was before the trial, when the truth is "
        f"either {cell(about, 'null')} (success {_null(about)}) or the "
        f"alternative of the panel. Symbols: even odds beforehand. At even odds, "
        f"{few_of(said, about.iloc[0])}."
        f"{left_out(frame, 'alternative')}{bands} {_counted(about)}"
    )


def _up_to(row: dict[str, Any], column: str) -> str:
    """A mixture and how high it may be as far as the simulation can tell."""
    value, upper = row[column], row[f"{column}_upper"]
    return percent(value) + (f" (at most {percent(upper)})" if upper > value else "")


def _null(about: Any) -> str:
    row = about.iloc[0]
    return with_interval(row["null_success"], row["null_lower"], row["null_upper"])


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
    frame, about = tables["benefit_risk"], tables["about"].iloc[0]
    several = frame["arm"].nunique() > 1
    said = []
    for row in frame.to_dict("records"):
        name = row["scenario"] + (f", {called(about, row['arm'])}" if several else "")
        benefit, risk = minus(row["benefit"], 3, sign=not about[ALONE]), minus(row["risk"], 3)
        said.append((row["scenario"], f"{name} {benefit} at {risk}", row["risk"]))
    return (
        f"True benefit ({benefit_words(about)}) against true risk "
        f"({risk_words(about)}), and how often the design succeeds or stops for safety there: "
        f"{few_of(said, about)}.{_limit(about)}{left_out(frame)} {_counted(tables['about'])}"
    )


def benefit_words(about: Any) -> str:
    """What the benefit is: ``difference in dfr``, or of an arm alone ``probability of dfr``."""
    noun = f"{about[NOUN]} of" if about[ALONE] else "difference in"
    return f"{noun} {about['primary']}"


def risk_words(about: Any) -> str:
    """What the risk is: of what harm, in which unit, alone or less that of another arm."""
    unit = about["unit"] or about["noun"]
    less = about["less"]
    if isinstance(less, str):
        return f"{about['harm']}, difference to {less} in {unit}"
    return f"{about['harm']}, {unit}"


def _limit(about: Any) -> str:
    """Say what the line of the limit is: it is what a safety rule asks the risk to be beyond."""
    if about["limit"] is None or about["limit"] != about["limit"]:
        return ""
    arm = about["limit_arm"]
    of = f" (asked of {introduced(about, arm)})" if isinstance(arm, str) else ""
    others = ", ".join(about["other_rules"])
    left = f" Other safety rules, of which no risk is shown: {others}." if others else ""
    return f" Dashed: the limit of the safety rule, {about['limit']:g}{of}.{left}"


def describe_benefit_risk(tables: Tables) -> str:
    """Alternative text of the figure of benefit and risk."""
    frame = tables["benefit_risk"]
    worst = frame.loc[frame["risk"].idxmax()]
    said = ""
    if worst["success"] == worst["success"] and worst["success"] is not None:
        said = f" Success there: {of_trials(worst['success'], worst['success_trials'], 1)}."
    return (
        f"Scatter of {frame['scenario'].nunique()} scenarios. The riskiest is {worst['scenario']} "
        f"with a risk of {minus(worst['risk'], 3)} and a benefit of {minus(worst['benefit'], 3)}."
        f"{said}"
    )
