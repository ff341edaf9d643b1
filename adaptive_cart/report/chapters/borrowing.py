"""What arms borrow from external data, and how often their own data contradict these."""

from __future__ import annotations

from typing import Any

from adaptive_cart.conduct.plan import BorrowingArm
from adaptive_cart.models.borrowed import CONFLICT
from adaptive_cart.report.chapters.balance import balance
from adaptive_cart.report.document import (
    Block,
    Heading,
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

CONFLICTS, BORROWED, PROVENANCE = 63, 64, 67  # numbers of the items


def borrowing(evidence: Evidence) -> list[Block]:
    """A sentence an arm, with its sources, and a table by scenario and look."""
    arms = evidence.plan.borrowing
    if not arms:
        for item in (CONFLICTS, BORROWED):
            evidence.trace.not_applicable(item, "nothing is borrowed from external data")
        return []
    blocks: list[Block] = [Heading(text="Borrowing from external data", key="borrowing", level=2)]
    for number, arm in enumerate(arms):
        key = f"t-borrowing-{number}"
        blocks += _arm(evidence, arm, key)
        for item in (CONFLICTS, BORROWED):
            evidence.trace.reported(item, key)
    evidence.trace.reported(PROVENANCE, "borrowing")
    sources = dict.fromkeys(name for arm in arms for name in arm.prior.external)
    return blocks + balance(evidence, sources)


def _arm(evidence: Evidence, arm: BorrowingArm, key: str) -> list[Block]:
    design, name = evidence.design, evidence.design.arm_names[arm.arm]
    stratum = arm.stratum_of(design)
    sources = [
        line(
            code(source),
            given(f", {data.in_words}", f"design: external.{source}"),
            given(f" ({data.source})", f"design: external.{source}.source"),
        )
        for source, data in zip(arm.prior.external, arm.prior.seen, strict=True)
    ]
    looks = (*range(1, design.looks.number + 1), None)
    rows = [
        _row(evidence, arm, scenario, look) for scenario in evidence.scenarios for look in looks
    ]
    words = given(arm.prior.in_words, f"design: analysis.{arm.endpoint}.prior.{name}")
    return [
        paragraph(
            "In {endpoint}, {arm}{stratum} borrows from {sources}: {words}. {how} {table} shows by "
            "scenario how many participants are borrowed ({counted}), and how often its own data "
            "contradict the external ones (a prior predictive p-value below {limit}), among the "
            "trials that held the look.",
            endpoint=evidence.endpoint_words(arm.endpoint),
            arm=evidence.arm_named(name),
            stratum="" if stratum is None else line(" in stratum ", code(stratum)),
            how=line(_how(arm)),
            sources=listed(sources),
            words=words,
            counted=given(arm.prior.counted, "convention"),
            table=Reference(key),
            limit=given(f"{CONFLICT:g}", "convention"),
        ),
        Table(
            key=key,
            title=line("Participants borrowed, and conflicts with the external data"),
            head=cells("Scenario", "Look", "Borrowed, mean", "In the middle of trials", "Conflict"),
            rows=tuple(rows),
            align=("left", "right", "right", "right", "right"),
        ),
    ]


def _how(arm: BorrowingArm) -> str:
    """Whether the data that are borrowed from stay as they are."""
    anew = [n for n, d in zip(arm.prior.external, arm.prior.seen, strict=True) if d.redrawn]
    if not anew:
        return "The external data stay as they were observed."
    whole = len(anew) == len(arm.prior.seen)
    which = "The external data" if whole else f"The data of {' and '.join(anew)}"
    rest = "" if whole else "; the others stay as they were observed"
    return (
        f"{which} are drawn anew in every trial, so that characteristics are unconditional{rest}."
    )


def _row(evidence: Evidence, arm: BorrowingArm, scenario: str, look: int | None) -> Row:
    """What is borrowed in a scenario at a look, or where trials ended."""
    where: dict[str, Any] = {"arm": evidence.design.arm_names[arm.arm], "look": look}
    stratum = arm.stratum_of(evidence.design)
    where |= {} if stratum is None else {"stratum": stratum}
    mean, low, high = (
        evidence.cell(scenario, f"borrowed_{arm.endpoint}_{part}", **where)
        for part in ("mean", "p05", "p95")
    )
    return row(
        code(scenario),
        "the end" if look is None else given(str(look), "design: looks"),
        mean.with_interval(),
        line(low.number(), " to ", high.number()),
        evidence.cell(scenario, f"conflict_{arm.endpoint}", **where).with_interval(),
    )
