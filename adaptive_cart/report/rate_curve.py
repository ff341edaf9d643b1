"""Probability of success of a single arm over its true rates, without Monte Carlo error.

The rules about the primary endpoint are enumerated at every rate of a table. Up to the number that
success is compared with the entries are type I errors, beyond it they are power.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from adaptive_cart.design.rule_tables import PosteriorQuestion
from adaptive_cart.report.counts_alone import counts_alone, enumerated
from adaptive_cart.report.document import (
    Block,
    Heading,
    Paragraph,
    Row,
    Table,
    cells,
    code,
    line,
    listed,
    prose,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given, rounded
from adaptive_cart.running.engine import cost_of

STEP = 0.05  # between true rates
LONGEST = 20.0  # seconds that the enumeration may take
SOURCE = "exact enumeration"


@dataclass(frozen=True)
class RateCurve:
    """Probability of success, and bias, by the true rate of the arm.

    Attributes
    ----------
    goal
        The number that success is compared with.
    left_out
        Names of the rules that ask about something else.
    """

    success: dict[float, float]
    bias: dict[float, float]
    goal: float
    left_out: tuple[str, ...]


def rate_curve(evidence: Evidence) -> RateCurve | None:
    """The curve of a single arm; nothing where its rules cannot be enumerated, or take too long."""
    design = evidence.design
    if len(design.arms) != 1:
        return None
    found = counts_alone(design, _goal)
    if found is None:
        return None
    made, goal, left_out = found
    rates = sorted({*(round(k * STEP, 2) for k in range(1, round(1.0 / STEP))), goal})
    if cost_of(made, len(rates)).seconds > LONGEST:
        return None
    numbers = enumerated(json.dumps(made.plain()), tuple((rate,) for rate in rates))
    success, bias = (
        {rate: one[k] for rate, one in zip(rates, numbers, strict=True)} for k in (0, 1)
    )
    return RateCurve(success, bias, goal, left_out)


def _goal(asked: PosteriorQuestion) -> float | None:
    """The rate at which a claim about an arm alone is just false; nothing for another claim."""
    return asked.above if asked.kind.about_levels and asked.minus is None else None


def over_all_rates(evidence: Evidence) -> list[Block]:
    """Success over the null region and beyond, of a single arm."""
    curve = rate_curve(evidence)
    if curve is None:
        return []
    for item in (28, 45, 46):
        evidence.trace.reported(item, "t-rates")
    rows: list[Row] = [
        row(
            line(given(rate, SOURCE), " (the goal)" if rate == curve.goal else ""),
            rounded(curve.success[rate], 4, SOURCE),
            rounded(curve.bias[rate], 4, SOURCE),
            strong=rate == curve.goal,
        )
        for rate in curve.success
    ]
    left = ""
    if curve.left_out:
        left = " Left out: {names}, about something else."
    return [
        Heading(text="The whole null region, and power", key="rates", level=3),
        Paragraph(
            line=prose(
                "Success is false where the true rate is the performance goal of {goal} or less. "
                "At the goal its probability is {error}; the table has the others." + left,
                goal=given(curve.goal, "design: rules"),
                error=rounded(curve.success[curve.goal], 4, SOURCE),
                **({"names": listed([line(code(n)) for n in curve.left_out])} if left else {}),
            )
        ),
        Table(
            key="t-rates",
            title=line("Probability of success by the true rate of the arm (exact)"),
            head=cells("True rate", "Probability of success", "Bias"),
            rows=tuple(rows),
            align=("right", "right", "right"),
            widths=(1.2, 1.6, 1.0),
            notes=(
                line("Up to the goal the entries are type I errors, beyond it they are power. "
                     "Nobody is missing."),
            ),
        ),
    ]  # fmt: skip
