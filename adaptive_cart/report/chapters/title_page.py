"""What stands before the first chapter: the name of the design, identity and versions."""

from __future__ import annotations

import datetime

from adaptive_cart.report.chapters.comparator import subtitle
from adaptive_cart.report.document import (
    Block,
    Paragraph,
    Table,
    cells,
    code,
    line,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import IDENTITY
from adaptive_cart.report.numbers import given

SUBJECT = "Simulation report: appendix to the protocol"
TO_BE_GIVEN = "to be given by the sponsor"


def title_page(evidence: Evidence) -> list[Block]:
    """Name of the design, what the document is, identity and versions."""
    facts, manifest = evidence.facts, evidence.manifest
    started = datetime.datetime.fromisoformat(manifest["started"])
    known = [(name.capitalize(), getattr(facts.protocol, name) or TO_BE_GIVEN) for name in IDENTITY]
    identity = [row(f"Protocol {name.lower()}" if name in ("Title", "Number", "Version", "Date")
                    else name, given(value, f"facts: protocol.{name.lower()}"))
                for name, value in known]  # fmt: skip
    identity += [
        row("Design digest", code(manifest["digest"])),
        row("Simulated on", given(f"{started:%d %B %Y, %H:%M} UTC", "manifest: started")),
        row("Software", given(f"adaptive_cart {manifest['version']}", "manifest: version")),
        row("Seed", evidence.run_fact("seed")),
    ]
    blocks: list[Block] = [
        Paragraph(line=line(given(evidence.design.name, "design: name")), role="title"),
        Paragraph(line=line(SUBJECT), role="subtitle"),
    ]
    if alone := subtitle(evidence):
        blocks.append(Paragraph(line=line(given(alone, "design: arms")), role="subtitle"))
    if evidence.design.description:
        blocks.append(
            Paragraph(line=line(given(evidence.design.description, "design: description")))
        )
    blocks.append(
        Table(
            key="t-identity",
            title=line("Identity of the protocol and of the simulations"),
            head=cells("What", "Value"),
            rows=tuple(identity),
            widths=(1.0, 2.4),
        )
    )
    if facts.versions:
        blocks.append(
            Table(
                key="t-versions",
                title=line("Version history"),
                head=cells("Version", "Date", "Change"),
                rows=tuple(
                    row(
                        *(given(value, "facts: versions") for value in (v.version, v.date)),
                        given(v.change, "facts: versions"),
                    )
                    for v in facts.versions
                ),
                widths=(1.0, 1.2, 4.0),
            )
        )
    lacking = facts.lacking_identity()
    if lacking or not facts.versions:
        named = [f"protocol.{name}" for name in lacking] + ([] if facts.versions else ["versions"])
        evidence.trace.missing(1, f"in the file of facts: {', '.join(named)}")
    else:
        evidence.trace.reported(1, "t-identity", "t-versions")
    return blocks
