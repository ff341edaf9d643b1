"""Appendix: every item that is asked for, with its status and place."""

from __future__ import annotations

from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.document import (
    Block,
    Line,
    Reference,
    Row,
    Table,
    cells,
    line,
    listed,
    paragraph,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given
from adaptive_cart.report.tracing import guidance


def _items(evidence: Evidence) -> list[Block]:
    """Every item with its status and place."""
    documents = guidance()
    findings = evidence.trace.findings()
    rows: list[Row] = []
    for finding in findings:
        item = finding.item
        where: Line = listed([line(Reference(key)) for key in finding.where[:3]])
        said = where if finding.status == "reported" else line(
            given(finding.note or item.supply, "checklist"))  # fmt: skip
        rows.append(
            row(
                given(item.number, "checklist"),
                given(item.title, "checklist") if not item.mandatory
                else line(given(item.title, "checklist"), " *"),
                given("; ".join(documents[key].short for key in item.by), "guidance"),
                finding.status,
                said,
            )
        )  # fmt: skip
    statuses = [finding.status for finding in findings]
    cited = sorted({key for f in findings for key in f.item.by}, key=list(documents).index)
    return [
        paragraph(
            "Of {all} items that guidance and reporting standards ask for, {reported} are "
            "reported, {not_applicable} do not apply and {missing} are missing.",
            all=given(len(findings), "checklist"),
            reported=given(statuses.count("reported"), "checklist"),
            not_applicable=given(statuses.count("not applicable"), "checklist"),
            missing=given(statuses.count("missing"), "checklist"),
        ),
        Table(
            key="t-trace",
            title=line("Traceability of the items to their places in this report"),
            head=cells("Item", "What", "Asked for by", "Status", "Where, why, or what supplies it"),
            rows=tuple(rows),
            widths=(0.5, 2.6, 2.2, 0.9, 2.9),
            notes=(line("* mandatory: while one is missing, the report is a draft."),),
            wide=True,
        ),
        Table(
            key="t-guidance",
            title=line("Guidance and reporting standards, as they stood when they were looked up"),
            head=cells("Short", "Title", "Status", "Date", "Checked on", "Known from"),
            rows=tuple(
                row(
                    *(
                        given(value, "guidance")
                        for value in (
                            documents[key].short,
                            documents[key].title,
                            documents[key].status,
                            documents[key].date,
                            documents[key].checked,
                            {"primary": "the document", "secondary": "summaries of it"}[
                                documents[key].read
                            ],
                        )
                    )
                )
                for key in cited
            ),
            widths=(1.6, 3.0, 1.4, 1.0, 0.9, 1.0),
            notes=(
                line("Nothing is quoted from a document that is known from summaries only. Status "
                     "and date have to be looked up again before a submission."),
            ),
            wide=True,
        ),
    ]  # fmt: skip


CHAPTER = Chapter(
    key="traceability", title="Traceability", sections=(_items,), appendix=True, looks_back=True
)
