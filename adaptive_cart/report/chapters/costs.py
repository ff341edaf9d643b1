"""Costs as an outcome: only where the design asks the report for them."""

from __future__ import annotations

from adaptive_cart.report.document import (
    Block,
    Heading,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    paragraph,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given

MEASURES = ("cost_participant", "cost_remission_year", "cost_remission_year_gained")
HEADS = ("A participant", "A year in remission", "A year gained")


def costs(evidence: Evidence) -> list[Block]:
    """A sentence and a table of costs by scenario and arm."""
    asked = evidence.design.costs
    if asked is None or not asked.report:
        return []
    shown = MEASURES if asked.remission is not None else MEASURES[:1]
    rows: list[Row] = []
    for scenario in evidence.scenarios:
        for arm in evidence.design.arm_names:
            numbers = [
                evidence.cell(scenario, measure, "amount", arm=arm).number()
                if evidence.has(scenario, measure, arm=arm)
                else ""
                for measure in shown
            ]
            rows.append(row(code(scenario), evidence.arm_named(arm), *numbers))
    what = "Costs are those that the design states, in {currency}; {table} has them by scenario"
    if asked.remission is not None:
        what += (
            ", for each participant randomised and by the true years in remission, "
            "and what each year gained beyond the control costs beyond it"
        )
    return [
        Heading(text="Costs", key="costs", level=2),
        paragraph(
            f"{what}.",
            currency=given(asked.currency, "design: costs.currency"),
            table=Reference("t-costs"),
        ),
        Table(
            key="t-costs",
            title=line("Costs by scenario and arm"),
            head=cells("Scenario", "Arm", *HEADS[: len(shown)]),
            rows=tuple(rows),
            align=("left", "left", *("right",) * len(shown)),
        ),
    ]
