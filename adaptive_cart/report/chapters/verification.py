"""Appendix: what was checked for this report."""

from __future__ import annotations

from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.chapters.examples import all_replayed
from adaptive_cart.report.document import (
    Block,
    Items,
    Line,
    Reference,
    line,
    paragraph,
    prose,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given
from adaptive_cart.report.recount import recounted

ACCURACY = 40  # number of the item on how exactly posteriors are computed


def _checked(evidence: Evidence) -> list[Block]:
    """What was checked for this report."""
    found = recounted(evidence.result)
    good, told = all_replayed(evidence)
    lines: list[Line] = [
        prose(
            "Results folder: manifest, design, trials and looks agree with each other and with "
            "the checksums that the run wrote."
        )
    ]
    if found.counted:
        lines.append(
            prose(
                "Counted again: {counted} numbers of the table of measures were counted a second "
                "time from the stored trials by other code; {different}.",
                counted=given(found.counted, "recount"),
                different="none differs"
                if not found.different
                else line(given(len(found.different), "recount"), " DIFFER"),
            )
        )
    if told:
        lines.append(
            prose(
                "Replayed: {good} of {told} example trials, simulated again alone, gave the stored "
                "numbers to the last bit.",
                good=given(good, "examples"),
                told=given(told, "examples"),
            )
        )
        evidence.trace.reported(42, "verification")
    if any(f.item.number == ACCURACY and f.status == "reported" for f in evidence.trace.findings()):
        lines.append(
            prose(
                "Posterior probabilities: compared with another method of integration, see "
                "{section}.",
                section=Reference("computation"),
            )
        )
    if evidence.exact:
        evidence.trace.reported(42, "verification")
    return [
        paragraph("Checked while this report was written:"),
        Items(lines=tuple(lines)),
    ]


CHAPTER = Chapter(key="verification", title="Verification", sections=(_checked,), appendix=True)
