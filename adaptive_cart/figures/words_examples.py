"""Captions and descriptions of the example trials, from the same tables."""

from __future__ import annotations

from typing import Any

from adaptive_cart.figures.kinds import Tables, called
from adaptive_cart.figures.style import minus
from adaptive_cart.figures.words_calendar import ended_when


def say_example(tables: Tables) -> str:
    """Caption of an example trial."""
    about, rules, effects = tables["about"].iloc[0], tables["rules"], tables["effects"]
    last = rules[(rules["month"] == rules["month"].max()) & rules["holds"]] if len(rules) else rules
    why = f" {last['reason'].iloc[0].replace('>=', '≥')}." if len(last) else ""
    several = effects["estimand"].nunique() > 1 if len(effects) else False
    estimate = ""
    if not several and about["estimate"] == about["estimate"]:
        estimate = (
            f" {about['called'][0].upper()}{about['called'][1:]} then {minus(about['estimate'], 3)}"
        )
        if int(about["analysed_final"]) > int(about["analysed"]):
            estimate += (
                f"; {minus(about['estimate_final'], 3)} when all {int(about['randomised'])} "
                f"randomised had been followed up"
            )
        estimate += "."
    turned = " The pipeline turned the success into a failure." if about["reversal"] else ""
    beside = " beside the enumeration" if about["beside"] else ""
    return (
        f"Example of {about['ending']}: trial {int(about['trial'])} of scenario "
        f"{about['scenario']}, seed {about['seed']}. It ended {ended_when(about)} of "
        f"{int(about['last_look'])}, in month {about['months']:.1f}, with "
        f"{int(about['randomised'])} randomised and {int(about['analysed'])} analysed."
        f"{why}{estimate}{turned} Picked as the middle one, by participants and then by months, of "
        f"the {int(about['ended_so']):,} of {int(about['of']):,} trials{beside} that ended so in "
        f"the scenario that has most of them. Middle: {about['called']} and 95% "
        f"{about['interval']}. Below: filled symbols where the rule held; thick strokes: thresholds"
        f"{'; symbols as in the middle' if several else ''}.{_not_written(tables)}"
    )


def _not_written(tables: Tables) -> str:
    from adaptive_cart.figures.draw_examples import unseen

    missing = unseen(tables)
    if not missing:
        return ""
    return f" Not written below for want of room, but in the table: {', '.join(missing)}."


def _date(row: dict[str, Any]) -> str:
    look = int(row["look"])
    return f"before look {look}" if row["between"] else f"look {look}"


def describe_example(tables: Tables) -> str:
    """Alternative text of an example trial."""
    about, rules = tables["about"].iloc[0], tables["rules"]
    said = "; ".join(
        f"{_date(row)}, {row['rule']}"
        + (f" ({called(about, row['target'])})" if isinstance(row["target"], str) else "")
        + f" {row['probability']:.3f}"
        for row in rules.to_dict("records")[:12]
    )
    return (
        f"A simulated trial over its calendar, ending with {about['ending']} at month "
        f"{about['months']:.1f}. Probabilities: {said}."
    )
