"""Captions and descriptions of the example trials, from the same tables."""

from __future__ import annotations

from adaptive_cart.figures.kinds import Tables
from adaptive_cart.figures.style import minus


def say_example(tables: Tables) -> str:
    """Caption of an example trial."""
    about, rules, effects = tables["about"].iloc[0], tables["rules"], tables["effects"]
    last = rules[(rules["month"] == rules["month"].max()) & rules["holds"]] if len(rules) else rules
    why = f" {last['reason'].iloc[0].replace('>=', '≥')}." if len(last) else ""
    several = effects["estimand"].nunique() > 1 if len(effects) else False
    estimate = ""
    if not several and about["estimate"] == about["estimate"]:
        estimate = f" Posterior mean then {minus(about['estimate'], 3)}"
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
        f"{about['scenario']}, seed {about['seed']}. It ended at look {int(about['look'])} of "
        f"{int(about['last_look'])}, month {about['months']:.1f}, with {int(about['randomised'])} "
        f"randomised and {int(about['analysed'])} analysed.{why}{estimate}{turned} Picked as the "
        f"one of median duration among the {int(about['ended_so']):,} of {int(about['of']):,} "
        f"trials{beside} that ended so in the scenario where that is most frequent. Middle: "
        f"posterior mean and 95% credible interval. Below: filled symbols where the rule held; "
        f"thick strokes: thresholds{'; symbols as in the middle' if several else ''}."
    )


def describe_example(tables: Tables) -> str:
    """Alternative text of an example trial."""
    about, rules = tables["about"].iloc[0], tables["rules"]
    said = "; ".join(
        f"look {int(row['look'])}, {row['rule']}"
        + (f" ({row['target']})" if isinstance(row["target"], str) else "")
        + f" {row['probability']:.3f}"
        for row in rules.to_dict("records")[:12]
    )
    return (
        f"A simulated trial over its calendar, ending with {about['ending']} at month "
        f"{about['months']:.1f}. Probabilities: {said}."
    )
