"""Where the thresholds come from: set by hand, or found by a calibration that the run keeps."""

from __future__ import annotations

from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Paragraph,
    Reference,
    code,
    line,
    prose,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given

CALIBRATED, RESTS_ON = 19, 17  # numbers of the items


def thresholds(evidence: Evidence) -> list[Block]:
    """How the thresholds were found, and what became of the type I error."""
    heading = Heading(text="Where the thresholds come from", key="thresholds", level=2)
    return [heading, *(Paragraph(line=said) for said in _by_hand(evidence))]


def _by_hand(evidence: Evidence) -> list[Line]:
    """What a run says whose folder holds no calibration of these thresholds."""
    if evidence.target_error is None:
        evidence.trace.not_applicable(
            CALIBRATED, "the thresholds were set by hand and were not calibrated"
        )
        return [
            prose(
                "The thresholds were set by hand, and the design states no target for its type I "
                "error. {largest}",
                largest=largest_error(evidence),
            )
        ]
    evidence.trace.missing(CALIBRATED, '"calibrate" as a threshold, and adaptive-cart calibrate')
    return [
        prose(
            "The thresholds were set by hand. {largest}",
            largest=largest_error(evidence),
        )
    ]


def largest_error(evidence: Evidence) -> Line:
    """The largest type I error of the null scenarios, beside its target where there is one."""
    null = evidence.worst_null
    if null is None:
        return prose("No null scenario was run, so that their type I error is not known.")
    nulls = evidence.of_role("null")
    return prose(
        "The {largest}type I error of the null {scenarios} is {error} ({null}){against}; see "
        "{section}.",
        largest="largest " if len(nulls) > 1 else "",
        scenarios="scenarios" if len(nulls) > 1 else "scenario",
        error=evidence.cell(null, "success").with_interval(),
        null=code(null),
        against=_against_target(evidence, null),
        section=Reference("null"),
    )


def _against_target(evidence: Evidence, null: str) -> Line:
    if evidence.target_error is None:
        return ()
    above = null in evidence.nulls_above_target
    return prose(
        ", {side} the {target} that {table} asks for{unsure}",
        side="above" if above else "at most",
        target=evidence.target_error_shown(),
        table=code("[calibration]"),
        unsure=_unsure(evidence, null),
    )


def _unsure(evidence: Evidence, null: str) -> str:
    """Whether the simulation can tell on which side of the target the error lies."""
    figure, target = evidence.cell(null, "success").figure, evidence.target_error
    assert target is not None
    inside = figure.n is not None and figure.lower <= target <= figure.upper
    return " (the Monte Carlo interval holds the target)" if inside else ""


def basis(evidence: Evidence) -> list[Block]:
    """What the criterion rests on: what the sponsor says of it, and nothing else."""
    if evidence.facts.basis is None:
        evidence.trace.missing(RESTS_ON)
        return []
    evidence.trace.reported(RESTS_ON, "criterion")
    text = given(evidence.facts.basis, "facts: basis")
    return [Paragraph(line=line("Basis of the criterion: ", text))]
