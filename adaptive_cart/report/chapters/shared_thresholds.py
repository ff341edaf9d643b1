"""Thresholds of claims that share the family-wise error, and what the search found of it."""

from __future__ import annotations

from fractions import Fraction

from adaptive_cart.report.document import (
    WITHHELD_SHORT,
    Block,
    Line,
    Reference,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    prose,
    row,
    secret,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, given, rounded
from adaptive_cart.results.shared_calibration import ClaimThreshold

SOURCE = "calibration"


def shared_thresholds(evidence: Evidence) -> list[Block]:
    """How the thresholds of claims were found; nothing where none were searched."""
    found = evidence.searched.of_claims
    if found is None:
        return []
    worst = found.worst
    figure = Bound(worst.any_false, f"{SOURCE}: {worst.name}, any false claim")
    return [
        paragraph(
            "The thresholds of {rules} were searched together: for each amount of alpha that a "
            "claim can come to hold the smallest that at most this share of the trials reach in "
            "every truth in which the claim is false, asked at the end of each whatever else has "
            "held. {table} has them, with the share on fresh trials. As the design acts, any claim "
            "of a trial, success counted in, is false with probability {error} at {worst}, the "
            "largest of {truths}, {side} the {target} to which the shares sum.",
            rules=listed([code(name) for name in dict.fromkeys(c.rule for c in found.claims)]),
            table=Reference("t-claim-thresholds"),
            error=figure.with_interval(),
            worst=given(evidence.labelled(worst.name), SOURCE),
            truths=line(given(len(found.family), SOURCE), " truths"),
            side="above" if worst.any_false.estimate > found.target else "at most",
            target=given(found.target, SOURCE),
        ),
        Table(
            key="t-claim-thresholds",
            title=line("Thresholds of claims by the alpha that they hold"),
            head=cells("Claim", "Alpha", "Threshold", "Worst truth", "Reached falsely", "Fresh"),
            rows=tuple(row(*_cells(evidence, one)) for one in found.claims),
            align=("left", "right", "right", "left", "right", "right"),
            widths=(1.2, 0.7, 1.2, 1.6, 1.0, 1.6),
            notes=tuple(line(given(evidence.labelled(note), SOURCE)) for note in found.notes),
        ),
    ]


def _cells(evidence: Evidence, one: ClaimThreshold) -> tuple[Line, ...]:
    threshold = given(one.threshold, SOURCE)
    error = one.errors[one.worst]
    return (
        line(code(one.rule)),
        line(given(float(f"{one.alpha:.6g}"), SOURCE)),
        line(secret(threshold, otherwise=WITHHELD_SHORT)),
        line(given(evidence.labelled(one.worst), SOURCE)),
        line(rounded(error, 4, SOURCE)),
        Bound(one.fresh, f"{SOURCE}: {one.rule}, fresh").with_interval(),
    )


def _part(part: Fraction) -> Line:
    """How much of its share a claim passes on."""
    if part == 1:
        return line("all of it")
    return line(given(float(f"{float(part):.6g}"), "design: claims.passes_to"), " of it")


def shared_words(evidence: Evidence) -> Line:
    """How the family-wise error is shared, for the section on multiplicity; blank if it is not."""
    passing = evidence.plan.passing
    if passing is None:
        return ()
    graph = passing.graph
    shares = [
        line(given(float(share), "design: claims.alpha"), " for ", code(name))
        for name, share in zip(graph.names, graph.alpha, strict=True)
        if share
    ]
    passed = [
        line(code(one), " passes ", _part(part), " to ", code(other))
        for one, weights in zip(graph.names, graph.weights, strict=True)
        for other, part in zip(graph.names, weights, strict=True)
        if part
    ]  # fmt: skip
    said = prose(
        " They share a family-wise error of {total} with success: {shares}.",
        total=given(float(graph.total), "design: claims.alpha"),
        shares=listed(shares),
    )
    if passed:
        said += prose(
            " What holds passes its share on, by the graph of Bretz and Maurer: {passed}.",
            passed=listed(passed),
        )
    return said
