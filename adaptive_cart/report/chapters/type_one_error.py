"""Type I error: in each null scenario, and over the whole null region."""

from __future__ import annotations

from adaptive_cart.nouns.roles import NULL
from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Table,
    cells,
    code,
    line,
    prose,
    row,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.grid import null_and_power
from adaptive_cart.report.numbers import given


def type_one_error(evidence: Evidence) -> list[Block]:
    """Type I error by null scenario, then exactly over the null region (T4)."""
    nulls = evidence.of_role(NULL)
    blocks: list[Block] = [Heading(text="Type I error", key="null", level=2)]
    if nulls:
        worst = evidence.worst_null
        control = evidence.design.arm_names[0]
        whose = "control" if evidence.design.control else evidence.design.arm_label(control)
        rows = []
        for name in nulls:
            true = evidence.cell(name, f"true_{evidence.design.primary}", "true", arm=control)
            cell = evidence.cell(name, "success")
            rows.append(
                row(
                    line(code(name), " (largest)" if name == worst and len(nulls) > 1 else ""),
                    true.number(),
                    cell.beside_interval(),
                    cell.interval() or "–",
                    cell.mcse(),
                    given(cell.figure.n, cell.source) if cell.figure.n is not None else "–",
                    strong=name == worst and len(nulls) > 1,
                )
            )
        table = without_blank_columns(
            Table(
                key="t-null",
                title=line("Type I error in each null scenario"),
                head=cells("Scenario", f"True rate of {whose}", "Type I error", "MC interval",
                           "MCSE", "Trials"),
                rows=tuple(rows),
                align=("left", *("right",) * 5),
                widths=(2.4, 1.2, 1.0, 1.5, 0.9, 0.8),
                notes=_notes(evidence, len(nulls)),
            )
        )  # fmt: skip
        blocks.append(table)
        evidence.trace.reported(45, "t-null")
    blocks += null_and_power(evidence)
    if len(nulls) > 1:
        evidence.trace.reported(28, "t-null")
    if evidence.draws_power_curve:
        evidence.trace.reported(46, "f-F4")
    return blocks


def _notes(evidence: Evidence, number: int) -> tuple[Line, ...]:
    if evidence.exact:
        return (line("Enumerated, without Monte Carlo error."),)
    if number == 1:
        return ()
    return (
        prose(
            "The largest of several estimates is biased upwards; its interval is that of the one "
            "scenario."
        ),
    )
