"""Whether the report is a draft: what is missing, and where the run's own numbers contradict it."""

from __future__ import annotations

from adaptive_cart.report import grid
from adaptive_cart.report.document import (
    Block,
    Items,
    Line,
    Paragraph,
    Row,
    Table,
    cells,
    code,
    line,
    prose,
    row,
    strong,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, counted, given, rounded
from adaptive_cart.report.tracing import Finding

ACCURACY = 40  # number of the item on how exactly posteriors are computed


def draft_reasons(evidence: Evidence) -> list[str]:
    """Why every page says DRAFT, each reason in a few words; none where the report is final."""
    lacking = len(evidence.trace.missing_mandatory())
    reasons = [f"{lacking} mandatory item{'s' * (lacking > 1)} missing"] if lacking else []
    enumerated = grid.above_target(evidence) is not None
    if evidence.nulls_above_target or enumerated or _searched_above(evidence):
        reasons.append("type I error above its target")
    if not _accuracy_known(evidence):
        reasons.append("accuracy of posteriors not measured")
    return reasons


def _searched_above(evidence: Evidence) -> bool:
    """Whether fresh trials put the error of a calibrated threshold above what was asked for."""
    found = evidence.searched.of_success
    return found is not None and found.fresh is not None and found.fresh.estimate > found.target


def _accuracy_known(evidence: Evidence) -> bool:
    found = evidence.trace.findings()[ACCURACY - 1]
    return found.status == "reported" or not evidence.plan.asks_posteriors


def status(evidence: Evidence) -> list[Block]:
    """Why the report is a draft, where it is one."""
    if not draft_reasons(evidence):
        return []
    found = evidence.trace.missing_mandatory()
    lines = [*_missing(found), *_contradictions(evidence)]
    blocks: list[Block] = [
        Paragraph(
            line=prose(
                "{draft} The report is final when none of this holds any more:",
                draft=strong("DRAFT."),
            ),
            role="warning",
        ),
        Items(lines=tuple(lines)),
    ]
    return [*blocks, *_table(found)]


def _missing(found: list[Finding]) -> list[Line]:
    if not found:
        return []
    number = line(
        counted(len(found), "checklist", capital=True),
        " mandatory item is" if len(found) == 1 else " mandatory items are",
    )
    return [prose("{number} missing.", number=number)]


def _contradictions(evidence: Evidence) -> list[Line]:
    """Where the numbers of the run are not what the design asks for, or are not known."""
    lines = [
        prose(
            "The type I error in {scenario} is {error}, above the {target} that {table} asks for.",
            scenario=code(name),
            error=evidence.cell(name, "success").with_interval(),
            target=evidence.target_error_shown(),
            table=code("[calibration]"),
        )
        for name in evidence.nulls_above_target
    ]
    enumerated = grid.above_target(evidence)
    if enumerated is not None:
        lines.append(
            prose(
                "Enumerated at the boundary of the null region, the type I error is {error} at a "
                "control rate of {rate}, above the {target} that {table} asks for.",
                error=rounded(enumerated[1], 4, "exact enumeration"),
                rate=rounded(enumerated[0], 2, "exact enumeration"),
                target=evidence.target_error_shown(),
                table=code("[calibration]"),
            )
        )
    found = evidence.searched.of_success
    if found is not None and found.fresh is not None and _searched_above(evidence):
        lines.append(
            prose(
                "Fresh trials of the calibration put the type I error at {fresh}, above the "
                "{target} that was asked for.",
                fresh=Bound(found.fresh, "calibration: fresh").with_interval(),
                target=given(found.target, "calibration"),
            )
        )
    if not _accuracy_known(evidence):
        lines.append(
            prose(
                "How exactly the posterior probabilities of this design are computed has not been "
                "measured ({supply}).",
                supply=given(evidence.trace.findings()[ACCURACY - 1].note, "checklist"),
            )
        )
    return lines


def _table(found: list[Finding]) -> list[Block]:
    if not found:
        return []
    rows: list[Row] = [
        row(given(f.item.number, "checklist"), f.item.title, f.note or f.item.supply) for f in found
    ]
    return [
        Table(
            key="t-draft",
            title=line("Mandatory items that are missing"),
            head=cells("Item", "What is missing", "What supplies it"),
            rows=tuple(rows),
            widths=(0.5, 2.2, 3.4),
        )
    ]
