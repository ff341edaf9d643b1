"""Where external data are drawn anew: what is so given the data as they were observed."""

from __future__ import annotations

from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given
from adaptive_cart.results.operating import AS_OBSERVED

TOLD = (("success", "Success"), ("false_success", "False success"))
ESTIMATED = (("bias", "Bias"), ("coverage", "Coverage"))


def as_observed(evidence: Evidence) -> list[Block]:
    """Unconditional characteristics, and beside each the one given the data as observed."""
    design, key = evidence.design, "t-as-observed"
    if not design.redrawn:
        return []
    one = len(evidence.plan.estimands) == 1 and not design.several
    told = (*TOLD, *(ESTIMATED if one else ()))
    head = [
        line(f"{words}: {which}") for _, words in told for which in ("unconditional", "as observed")
    ]
    data = [
        line(code(name), given(f", {design.external[name].in_words}", f"design: external.{name}"))
        for name in design.redrawn
    ]
    judged = "" if evidence.exact else " The same participants are judged both times."
    return [
        Heading(text="Given the external data as observed", key="as-observed", level=2),
        paragraph(
            "In every trial external data are drawn anew ({data}), so that all other "
            "characteristics are unconditional: they allow for what another such source might have "
            "shown. {table} has beside them those given the data as they were observed, which are "
            "what this very source gives.{judged}",
            data=listed(data),
            table=Reference(key),
            judged=judged,
        ),
        Table(
            key=key,
            title=line("Unconditional, and given the external data as observed"),
            head=(*cells("Scenario"), *head),
            rows=tuple(_row(evidence, name, [of for of, _ in told]) for name in evidence.scenarios),
            align=("left", *("right" for _ in head)),
        ),
    ]


def _row(evidence: Evidence, scenario: str, measures: list[str]) -> Row:
    """A scenario: each measure twice."""
    found: list[Line] = [
        line(evidence.cell(scenario, f"{measure}{ending}").number())
        for measure in measures
        for ending in ("", AS_OBSERVED)
    ]
    return row(code(scenario), *found)
