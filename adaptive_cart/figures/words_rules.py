"""Captions and descriptions of the figures of priors and rules, from the same tables."""

from __future__ import annotations

from adaptive_cart.figures.kinds import Tables, cell
from adaptive_cart.figures.style import minus
from adaptive_cart.figures.words_measures import listed


def say_priors(tables: Tables) -> str:
    """Caption of F2."""
    parts = []
    for row in tables["priors"].to_dict("records"):
        ess = row["effective_sample_size"]
        middle = "median" if row["scale"] == "hazard ratio" else "mean"
        worth = "" if ess is None or ess != ess else f", worth {ess:.1f} participants"
        parts.append(
            f"{row['endpoint']}, {row['parameter']}: {middle} {minus(row[middle], 3)} "
            f"({minus(row['lower'], 3)} to {minus(row['upper'], 3)}{worth})"
        )
    claims = [
        f"{row['claim']} = {row['probability']:.4f} against a threshold of {row['threshold']:g}"
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
    said = []
    differences, seen = tables["differences"], tables["seen"]
    rules = tables["boundaries"]
    if len(differences):
        known = differences[differences["difference"].notna()]
        parts = [
            f"{row['rule']}, look {int(row['look'])}: {minus(row['difference'], 3, sign=True)} "
            f"with {int(row['control_responders'])} of {int(row['control_n'])} in the control"
            for row in known.to_dict("records")
        ]
        said.append(
            f"Difference at which a rule begins to hold, at the control's median number of "
            f"responders in scenario {cell(tables['about'], 'scenario')} (strokes: at its 5th and "
            f"95th percentile): {listed(parts)}"
        )
    if len(rules) and rules["control"].isna().any():
        own = rules[rules["control"].isna() & rules["from"].notna()]
        parts = [
            f"{row['rule']}, look {int(row['look'])}: from {int(row['from'])} of "
            f"{int(row['arm_n'])} in {row['arm']} on"
            for row in own.to_dict("records")
        ]
        said.append(listed(parts))
    if len(seen):
        own = seen[seen["held_least"].notna()]
        parts = [
            f"{row['rule']}, look {int(row['look'])}"
            + (f", {row['target']}" if isinstance(row["target"], str) else "")
            + f": held at {minus(row['held_least'], 3)} to {minus(row['held_most'], 3)}"
            for row in own.to_dict("records")
        ]
        shown = parts if len(parts) <= 8 else [*parts[:7], "the others are in the table"]
        said.append(
            f"Where a rule has no table of counts (it depends on more than two numbers, or on a "
            f"number that is not planned), what was seen in "
            f"{int(cell(tables['about'], 'drawn')):,} simulated trials a scenario: {listed(shown)}"
            f"; between the two bars it depends on the rest of the data"
        )
    return (
        f"Decision rules on the scale of the data, at planned numbers. {'. '.join(said)}."
        f"{_left_out(tables)}"
    )


def _left_out(tables: Tables) -> str:
    """Say where not every look or row is drawn."""
    frames = [frame for frame in (tables["boundaries"], tables["seen"]) if len(frame)]
    if all(frame["shown"].all() for frame in frames):
        return ""
    return " Not every look is drawn; the tables hold them all."


def describe_boundaries(tables: Tables) -> str:
    """Alternative text of F3."""
    rules, seen = tables["boundaries"], tables["seen"]
    maps = rules["look"].nunique() if len(rules) else 0
    ranges = seen["rule"].nunique() if len(seen) else 0
    parts = [f"as counts at {maps} look{'' if maps == 1 else 's'}"] if maps else []
    one = "rule" if ranges == 1 else "rules"
    parts += [f"as ranges of observed values for {ranges} {one}"] if ranges else []
    return f"Decision rules {' and '.join(parts)}."
