"""Numbers of the figures that are read off the operating characteristics, scenario by scenario."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from adaptive_cart.conduct.claimed_utility import claimed_utility
from adaptive_cart.conduct.estimated import estimand_pair
from adaptive_cart.decisions import ENDINGS, NO_SUCCESS, STOPS, SUCCESS, Ending
from adaptive_cart.figures.about import about, asked_below, estimand_words, margin
from adaptive_cart.figures.kinds import ASKED_BELOW, COMPARED, CONTROL, Missing, Tables, short_of
from adaptive_cart.figures.source import (
    plan_of,
    scenarios,
    trials_of,
    truth_of,
)
from adaptive_cart.figures.style import CONTINUING
from adaptive_cart.figures.thinning import shown_scenarios
from adaptive_cart.figures.truths import Line, lines_of
from adaptive_cart.nouns.questions.level import Level
from adaptive_cart.nouns.roles import NULL
from adaptive_cart.results.figure import Figure, exact, proportion
from adaptive_cart.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

PANELS = 12  # scenarios that a figure has room for as panels
CURVES, MOST_CURVES = 7, 14  # by marks of their own: how many are told apart well, and at all
MOST_ROWS = 18  # of a dot plot
MOST_NULLS = 24  # of the dot plot of the type I error
NUMBERS = ("estimate", "mcse", "lower", "upper", "n")
EARLY = "early_success"


def cells_of(figure: Figure) -> dict[str, Any]:
    """A number with its Monte Carlo error as cells of a row."""
    return {name: getattr(figure, name) for name in NUMBERS}


def measured(result: Result, scenario: str, measure: str, **where: Any) -> dict[str, Any] | None:
    """Cells of one operating characteristic, if the run has it."""
    try:
        return cells_of(result.figure(scenario, measure, **where))
    except KeyError:
        return None


def table(rows: list[dict[str, Any]], columns: tuple[str, ...] | None = None) -> pd.DataFrame:
    """Rows as a table; with ``columns`` it has those even where there are no rows."""
    import pandas as pd

    return pd.DataFrame(rows, columns=None if columns is None else list(columns))


def targets(result: Result, scenario: str) -> list[tuple[str | None, str | None]]:
    """Arms and strata (nothing for the whole trial) whose success is counted by itself."""
    rows = result.operating_characteristics
    rows = rows[(rows["scenario"] == scenario) & (rows["measure"] == "arm_success")]
    found: list[tuple[str | None, str | None]] = [
        (str(arm), None if stratum is None else str(stratum))
        for arm, stratum in zip(rows["arm"], rows["stratum"], strict=True)
    ]
    return found if result.design.by_target else [(None, None)]


def true_effect(result: Result, scenario: str, arm: str | None, stratum: str | None) -> float:
    """True value of the estimand of an arm and stratum; nan where there is none."""
    several = result.design.several
    found = measured(result, scenario, "estimand", arm=arm if several else None, stratum=stratum)
    return float("nan") if found is None else float(found["estimate"])


def claimed_effect(
    result: Result, scenario: str, arm: str | None = None, stratum: str | None = None
) -> float:
    """True value of what success claims: of the utility where it is about one, else the estimand.

    Not a number where there is none.
    """
    weighed = claimed_utility(plan_of(result))
    if weighed is None:
        return true_effect(result, scenario, arm, stratum)
    own = result.design.arm_names[weighed.utility.question.arm]
    found = measured(result, scenario, f"utility_{weighed.name}", arm=own)
    return float("nan") if found is None else float(found["estimate"])


def _of_claim(result: Result) -> dict[str, Any]:
    """What the true effect is called, and from where on it is claimed."""
    weighed = claimed_utility(plan_of(result))
    if weighed is None:
        return {"estimand": estimand_words(result), "margin": margin(result)}
    return {
        "estimand": f"difference in the utility {weighed.name}: {estimand_pair(result.design)}",
        "margin": weighed.limit,
        ASKED_BELOW: not weighed.above,
        COMPARED: Level.name,
    }


def of_control(result: Result, scenario: str) -> dict[str, float]:
    """True value of the primary endpoint in the control, as a column; none without a control."""
    return {CONTROL: _first_value(result, scenario)} if result.design.control else {}


def _first_value(result: Result, scenario: str) -> float:
    """True value of the primary endpoint in the first arm: the control, where there is one."""
    primary, first = result.design.primary, result.design.arm_names[0]
    found = measured(result, scenario, f"true_{primary}", arm=first)
    return float("nan") if found is None else float(found["estimate"])


def of_scenarios(result: Result, measure: str, **where: Any) -> dict[str, float]:
    """An operating characteristic by scenario, of those that have it."""
    found = {name: measured(result, name, measure, **where) for name, _ in scenarios(result)}
    return {name: float(cells["estimate"]) for name, cells in found.items() if cells is not None}


def control_words(result: Result) -> str:
    """What the true value of the control is called, or where there is none of the first arm."""
    endpoint = result.design.primary_endpoint
    name = endpoint.label or result.design.primary
    return f"true {name} in {result.design.arm_label(result.design.arm_names[0])}"


def effect_lines(result: Result) -> list[Line]:
    """Lines of scenarios along which the control stays as it is and the effect differs."""
    truths = {name: truth_of(result, name) for name, _ in scenarios(result)}
    found = []
    for line in lines_of(truths):
        effects = {round(claimed_effect(result, name), 9) for name in line.scenarios}
        if line.path[0] != result.design.control and len(effects) == len(line.values):
            found.append(line)
    return found


def early_success(result: Result, scenario: str) -> Figure | None:
    """Success before the last look."""
    last = result.design.looks.number
    found = [
        row
        for look in range(1, last)
        if (row := measured(result, scenario, "stop_success", look=look)) is not None
    ]
    if not found:
        return None
    total = sum(row["estimate"] for row in found)
    if result.exact:
        return exact(total)
    n = int(found[0]["n"])
    return proportion(round(total * n), n)


# ── F4, F5: success against the truth ─────────────────────────────────────────────────────────
def success_tables(result: Result) -> Tables | Missing:
    """F4: how trials end, scenario by scenario, in the order of the true effect."""
    lines = effect_lines(result)
    line_of = {name: number for number, line in enumerate(lines) for name in line.scenarios}
    # where there are curves above, they take the room of as many rows
    most = max(MOST_ROWS // len(targets(result, scenarios(result)[0][0])), 2)
    most = max(most - 5 * -(-len(lines) // 3), 2) if lines else most
    loose = [name for name, _ in scenarios(result) if name not in line_of]
    success = of_scenarios(result, "success")
    shown = shown_scenarios(result, most, success, among=loose) | set(line_of)
    rows = []
    for name, role in scenarios(result):
        for arm, stratum in targets(result, name):
            common = {
                "scenario": name,
                "role": role,
                "shown": name in shown,
                "arm": arm,
                "stratum": stratum,
                "true_effect": claimed_effect(result, name, arm, stratum),
                **of_control(result, name),
                "line": line_of.get(name, -1),
            }
            if arm is not None:
                found = measured(result, name, "arm_success", arm=arm, stratum=stratum)
                if found is not None:
                    rows.append({**common, "outcome": SUCCESS.name, **found})
                continue
            for outcome in STOPS:
                measure = "success" if outcome == SUCCESS else outcome.measure
                found = measured(result, name, measure)
                if found is not None:
                    rows.append({**common, "outcome": outcome.name, **found})
            early = early_success(result, name)
            if early is not None:
                rows.append({**common, "outcome": EARLY, **cells_of(early)})
    return {
        "success": table(rows),
        "about": about(
            result,
            control=control_words(result),
            lines=len(lines),
            by_target=result.design.by_target,
            **_of_claim(result),
        ),
    }


def null_tables(result: Result) -> Tables | Missing:
    """F5: the probability of a success that is false, in every scenario that has a null in it."""
    rows: list[dict[str, Any]] = []
    beyond = margin(result)
    first = "true_value" if result.design.control is None else CONTROL
    for name, role in scenarios(result):
        effects = [true_effect(result, name, *target) for target in targets(result, name)]
        below = asked_below(result)
        partly = beyond is not None and any(short_of(effect, beyond, below) for effect in effects)
        if role != NULL and not partly:
            continue
        measure = "success" if role == NULL else "false_success"
        found = measured(result, name, measure)
        if found is not None:
            rows.append(
                {
                    "scenario": name,
                    "role": role,
                    "measure": measure,
                    first: _first_value(result, name),
                    **found,
                }
            )
    if not rows:
        return Missing(
            "no scenario of this run is a null",
            'add a scenario with role = "null" to the design and simulate again',
        )
    calibration = result.design.calibration
    names = [row["scenario"] for row in rows if row["role"] == NULL]
    truths = {name: truth_of(result, name) for name in names}
    controls = {row[first] for row in rows if row["role"] == NULL}
    whole = len(names) == len(rows)  # a curve is of nulls only, and would hide the others
    curve = whole and len(names) >= 3 and len(controls) == len(names) and truths
    worst = max((row for row in rows if row["role"] == NULL), key=_height, default=rows[0])
    highest = sorted(rows, key=_height, reverse=True)[:MOST_NULLS]
    drawn = {row["scenario"] for row in highest}
    rows = [{"shown": bool(curve) or row["scenario"] in drawn, **row} for row in rows]
    return {
        "type_one_error": table(rows),
        "about": about(
            result,
            control=control_words(result),
            target=None if calibration is None else calibration.type_one_error,
            worst=worst["scenario"],
            curve=bool(curve),
            first=first,
        ),
    }


def _height(row: dict[str, Any]) -> tuple[float, float]:
    return row["estimate"], row["upper"]


# ── F6: how trials end ────────────────────────────────────────────────────────────────────────
def stopping_tables(result: Result) -> Tables | Missing:
    """F6: the share of trials that has ended in each way by each look, and between looks."""
    endings = [ending.measure for ending in ENDINGS]
    shown = shown_scenarios(result, PANELS, *(of_scenarios(result, name) for name in endings))
    rows = [
        {"scenario": name, "role": role, "shown": name in shown, **row}
        for name, role in scenarios(result)
        for row in _endings_of(result, name)
    ]
    about_it = about(result, looks=result.design.looks.number, between=has_rhythm(result))
    return {"endings": table(rows), "about": about_it}


def has_rhythm(result: Result) -> bool:
    """Whether a rule is judged between looks too, so that a trial may end there."""
    return any(rule.every for rule in result.design.rules)


def _endings_of(result: Result, scenario: str) -> Iterator[dict[str, Any]]:
    """Endings of a scenario's trials by date: before a look, between it and the last, and at it."""
    last = result.design.looks.number
    by_now = dict.fromkeys(STOPS, 0.0)
    for look in range(1, last + 1):
        whole = {why: _share(result, scenario, why.measure, look=look) for why in STOPS}
        before = dict.fromkeys(STOPS, 0.0)
        if has_rhythm(result):
            before = {
                why: _share(result, scenario, "stop_between", look=look, reason=why.name)
                for why in STOPS
            }
            yield from _date(result, scenario, look, True, by_now, before)
        # shares of n trials, without what is left of a subtraction
        at_look = {why: round(max(whole[why] - before[why], 0.0), 15) for why in STOPS}
        yield from _date(result, scenario, look, False, by_now, at_look)


def _date(
    result: Result,
    scenario: str,
    look: int,
    between: bool,
    by_now: dict[Ending, float],
    here: dict[Ending, float],
) -> Iterator[dict[str, Any]]:
    """A row an ending of one date; what has ended ``by_now`` goes on from date to date."""
    reached = round(max(1.0 - sum(by_now.values()), 0.0), 15)
    for why in STOPS:
        by_now[why] += here[why]
    ends = {why.name: share for why, share in by_now.items()}
    at_date = {why.name: share for why, share in here.items()}
    last = look == result.design.looks.number and not between
    ends[NO_SUCCESS.name] = _share(result, scenario, NO_SUCCESS.measure) if last else 0.0
    ends[CONTINUING] = max(1.0 - sum(ends.values()), 0.0)
    trials = None if result.exact else result.manifest["trials"][scenario]
    for ending, share in ends.items():
        some = ending in at_date and reached > 0
        yield {
            "look": look,
            "ending": ending,
            "between": between,
            "by_now": share,
            "at_this_look": at_date.get(ending),
            "reached_look": reached,
            "trials_that_reached": None if trials is None else round(reached * trials),
            "of_those_who_reached": at_date[ending] / reached if some else None,
        }


def _share(result: Result, scenario: str, measure: str, **where: Any) -> float:
    """A share of the trials; 0 where the design has no rule that ends a trial so."""
    found = measured(result, scenario, measure, **where)
    return 0.0 if found is None else float(found["estimate"])


def reached(result: Result, scenario: str, look: int) -> float:
    """Probability that a look is held: that a trial has not ended before it."""
    rows = [row for row in _endings_of(result, scenario) if row["look"] == look]
    return float(next(row["reached_look"] for row in rows if not row["between"]))


# ── F7: how many participants ─────────────────────────────────────────────────────────────────
def size_tables(result: Result) -> Tables | Missing:
    """F7: mean and percentiles of the number of participants, and its whole distribution."""
    noun = "n_analysed" if result.exact else "n_randomised"
    lines = effect_lines(result)
    line_of = {name: number for number, line in enumerate(lines) for name in line.scenarios}
    rows = []
    means = of_scenarios(result, f"{noun}_mean")
    loose = [name for name, _ in scenarios(result) if name not in line_of]
    most = MOST_ROWS if not lines else max(MOST_ROWS - 7 * -(-len(lines) // 3), 2)
    shown = shown_scenarios(result, most, means, among=loose) | set(line_of)
    curves = shown_scenarios(result, CURVES, means, room=MOST_CURVES)
    for name, role in scenarios(result):
        row: dict[str, Any] = {
            "scenario": name,
            "role": role,
            "shown": name in shown,
            "true_effect": claimed_effect(result, name),
            **of_control(result, name),
            "line": line_of.get(name, -1),
        }
        for part in ("mean", "p05", "p50", "p95"):
            found = measured(result, name, f"{noun}_{part}")
            if found is not None:
                row |= {
                    f"{part}_{key}" if key != "estimate" else part: found[key]
                    for key in ("estimate", "lower", "upper", "mcse")
                }
        rows.append(row)
    import pandas as pd

    trials = trials_of(result)
    steps = []
    for name, role in scenarios(result):
        numbers = trials.loc[trials["scenario"] == name, noun]
        counted = numbers.value_counts(normalize=True).sort_index().cumsum()
        steps += [
            {
                "scenario": name,
                "role": role,
                "shown": name in curves,
                "participants": int(n),
                "at_most": float(share),
            }
            for n, share in counted.items()
        ]
    return {
        "participants": pd.DataFrame(rows),
        "distribution": pd.DataFrame(steps),
        "about": about(
            result,
            noun="analysed" if result.exact else "randomised",
            max_n=result.design.enrolment.max_n,
            control=control_words(result),
            lines=len(lines),
            **_of_claim(result),
            drawn=len(trials) // max(len(scenarios(result)), 1),
        ),
    }
