"""Thresholds of several rules for success, each for its share of the type I error."""

from __future__ import annotations

from adaptive_cart.report.document import (
    WITHHELD_SHORT,
    Block,
    Heading,
    Line,
    Reference,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    row,
    secret,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, given, rounded
from adaptive_cart.results.calibration import Calibrated
from adaptive_cart.results.several_calibration import SeveralCalibration

SOURCE, CALIBRATED = "calibration", 19  # number of the item


def several_thresholds(evidence: Evidence) -> list[Block]:
    """How they were found, one by one; nothing where none were."""
    found = evidence.searched.of_several
    if found is None:
        return []
    evidence.trace.reported(CALIBRATED, "thresholds", "t-several-thresholds")
    figure = found.family
    shown = (
        Bound(figure, f"{SOURCE}: any false success").with_interval()
        if figure.n
        else rounded(figure.estimate, 4, SOURCE)
    )
    rows = tuple(row(*_cells(evidence, name, one)) for name, one in found.rules.items())
    return [
        Heading(text="Where the thresholds come from", key="thresholds", level=2),
        paragraph(
            "Each of the rules {rules} has a threshold of its own, found for its share of the type "
            "I error over the null region, which is {region}, while no other rule declares success "
            "({table}). Any false success has at most the sum of the shares, {target}; with all "
            "thresholds in force the largest probability of one that was found is {family}, at "
            "{at}.",
            rules=listed([code(name) for name in found.rules]),
            region=given(evidence.labelled(_regions(found)), SOURCE),
            table=Reference("t-several-thresholds"),
            target=given(found.target, SOURCE),
            family=shown,
            at=given(evidence.labelled(found.family_at), SOURCE),
        ),
        Table(
            key="t-several-thresholds",
            title=line("Thresholds of the rules for success, and the largest error of each"),
            head=cells("Rule", "Threshold", "Share", "Largest error", "At"),
            rows=rows,
            align=("left", "right", "right", "right", "left"),
            widths=(1.1, 1.4, 0.8, 0.9, 2.2),
            notes=tuple(line(given(evidence.labelled(note), SOURCE)) for note in found.notes),
        ),
    ]


def _regions(found: SeveralCalibration) -> str:
    """The null region, of each rule by itself where their claims differ."""
    by_rule = {name: one.region for name, one in found.rules.items()}
    if len({*by_rule.values()}) == 1:
        return next(iter(by_rule.values()))
    return "; ".join(f"of '{name}' {region}" for name, region in by_rule.items())


def _cells(evidence: Evidence, name: str, one: Calibrated) -> tuple[Line, ...]:
    threshold = one.of_rule(name)
    told = ", ".join(map(repr, threshold)) if isinstance(threshold, list) else threshold
    return (
        line(code(name)),
        line(secret(given(told, SOURCE), otherwise=WITHHELD_SHORT)),
        line(given(one.target, SOURCE)),
        line(rounded(one.worst_point.error, 4, SOURCE)),
        line(given(evidence.labelled(one.worst), SOURCE)),
    )
