"""Captions and descriptions of the figures of priors and rules, from the same tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adaptive_cart.figures.kinds import Tables, called, cell, introduced
from adaptive_cart.figures.style import minus
from adaptive_cart.figures.thinning import left_out
from adaptive_cart.figures.words_measures import few_of, listed, said_of


def say_priors(tables: Tables) -> str:
    """Caption of F2."""
    parts, about = [], tables["about"].iloc[0]
    for row in tables["priors"].to_dict("records"):
        ess = row["effective_sample_size"]
        middle = row["middle"]
        worth = "" if ess is None or ess != ess else f", worth {ess:.1f} participants"
        parts.append(
            f"{row['endpoint']}, {called(about, row['parameter'])}: {middle} "
            f"{minus(row[middle], 3)} ({minus(row['lower'], 3)} to {minus(row['upper'], 3)}{worth})"
        )
    claims = [
        f"{row['claim']} = {row['probability']:.4f} against {_against(row)}"
        for row in tables["claims"].to_dict("records")
    ]
    said = f" Prior probability of the claim: {listed(claims)}." if claims else ""
    true = " Triangles: true values in the scenarios." if len(tables["true"]) else ""
    return (
        f"Priors of the analysis; shaded: central 95%. {listed(parts)}. Effective sample sizes "
        f"are expected local information ratios. Densities that rise without end are cut "
        f"off; those of ratios are of their logarithm.{true}{said} "
        f"Hatched: the claim. Exact, from the design; no simulation."
    )


def _against(row: dict[str, Any]) -> str:
    known = row["threshold"] == row["threshold"]
    return f"a threshold of {row['threshold_words']}" if known else str(row["threshold_words"])


def describe_priors(tables: Tables) -> str:
    """Alternative text of F2."""
    claims = tables["claims"]
    said = (
        f" The prior probability of the claim of {claims['rule'].iloc[0]} is "
        f"{claims['probability'].iloc[0]:.3f}."
        if len(claims)
        else ""
    )
    return f"Density curves of the priors ({len(tables['priors'])} panels).{said}"


def say_boundaries(tables: Tables) -> str:
    """Caption of F3."""
    said, about = list[str](), tables["about"].iloc[0]
    differences, seen = tables["differences"], tables["seen"]
    rules = tables["boundaries"]
    if len(differences):
        known = differences[differences["difference"].notna()]
        said += _said_of_control(known[known["external"].isna()], tables)
        said += _said_of_external(known[known["external"].notna()], about)
    if len(rules) and rules["control"].isna().any():
        own = rules[rules["control"].isna() & rules["from"].notna()]
        parts = [
            f"{row['rule']}, look {int(row['look'])}: {_alone_words(row, about)}"
            for row in own.to_dict("records")
        ]
        said.append(listed(parts))
    if len(seen):
        own = seen[seen["held_least"].notna()]
        held = said_of(
            own,
            lambda row: (
                f"{row['rule']}, {row['when']}: held at {minus(row['held_least'], 3)} to "
                f"{minus(row['held_most'], 3)}"
            ),
            "held_least",
            "rule",
        )
        said.append(
            f"Where a rule has no table of counts (it depends on more than two numbers, or on a "
            f"number that is not planned), what was seen in "
            f"{int(cell(tables['about'], 'drawn')):,} simulated trials a scenario: "
            f"{few_of(held, about) if held else 'no such rule held in any'}; between the two "
            f"bars it depends on the rest of the data"
        )
    if spending := cell(tables["about"], "spending"):
        said.append(
            f"Not drawn: {listed(spending)}, with thresholds by alpha spending that are worked out "
            f"anew in each trial"
        )
    return (
        f"Decision rules on the scale of the data, at planned numbers. {'. '.join(said)}."
        f"{_left_out(tables)}"
    )


def _alone_words(row: Any, about: Any) -> str:
    """From, or up to, how many events a rule about one arm holds."""
    of = f"of {int(row['arm_n'])} in {introduced(about, row['arm'])}"
    return f"from {int(row['from'])} {of} on" if row["many"] else f"up to {int(row['to'])} {of}"


def _said_of_control(known: Any, tables: Tables) -> Iterator[str]:
    parts = [
        f"{row['rule']}, look {int(row['look'])}: {minus(row['difference'], 3, sign=True)} "
        f"with {int(row['control_responders'])} of {int(row['control_n'])} in the control"
        for row in known.to_dict("records")
    ]
    if parts:
        yield (
            f"Difference at which a rule begins to hold, at the control's median number of "
            f"responders in scenario {cell(tables['about'], 'scenario')} (strokes: at its 5th and "
            f"95th percentile): {listed(parts)}"
        )


def _said_of_external(known: Any, about: Any) -> Iterator[str]:
    """Of rules about external data, which stay as they were observed."""
    parts = [
        f"{row['rule']}, look {int(row['look'])}: {minus(row['difference'], 3, sign=True)} "
        f"({called(about, row['external'])}: {row['external_share']:.3g})"
        for row in known.to_dict("records")
    ]
    if parts:
        yield (
            f"Difference to external data, as they were observed, at which a rule begins to hold: "
            f"{listed(parts)}"
        )


def _left_out(tables: Tables) -> str:
    """Name the looks and rows that are not drawn."""
    maps, seen = tables["boundaries"], tables["seen"]
    said = ""
    if len(maps) and not maps["shown"].all():
        why = "the first and the last of each rule are drawn"
        looks = maps.assign(look="look " + maps["look"].astype(int).astype(str))
        said += left_out(looks, "look", why)
    if len(seen) and not seen["shown"].all():
        rows = seen.assign(row=seen["rule"] + ", " + seen["when"])
        said += left_out(rows, "row", "the extremes of what was seen are drawn")
    return said


def describe_boundaries(tables: Tables) -> str:
    """Alternative text of F3."""
    rules, seen = tables["boundaries"], tables["seen"]
    maps = rules["look"].nunique() if len(rules) else 0  # several arms may have one each
    ranges = seen["rule"].nunique() if len(seen) else 0
    parts = [f"as counts at {maps} look{'' if maps == 1 else 's'}"] if maps else []
    one = "rule" if ranges == 1 else "rules"
    parts += [f"as ranges of observed values for {ranges} {one}"] if ranges else []
    return f"Decision rules {' and '.join(parts)}."
