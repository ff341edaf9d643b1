"""Thresholds of rules that stop a trial, an arm or a stratum, and how a search found them."""

from __future__ import annotations

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
    row,
    secret,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, given, rounded
from adaptive_cart.results.stop_calibration import StopCalibration, StopThreshold

SOURCE = "calibration"


def stop_thresholds(evidence: Evidence) -> list[Block]:
    """How the thresholds of stops were found; nothing where none were searched."""
    found = evidence.searched.of_stops
    if found is None:
        return []
    rows = tuple(row(*_cells(one, scenario)) for one in found.stops for scenario in one.errors)
    return [
        paragraph(
            "The thresholds of {rules} were searched in turn with those of success, until none "
            "moved: for each the one at which it stops the most trials, and no more than is "
            "wanted in any scenario in which a stop is false{how} ({table}).",
            rules=listed([code(one.rule) for one in found.stops]),
            how=_how(found),
            table=Reference("t-stop-thresholds"),
        ),
        Table(
            key="t-stop-thresholds",
            title=line("Thresholds of stops, and how often they stop a trial falsely"),
            head=cells("Rule", "Threshold", "Scenario", "Stopped falsely", "Wanted, at most",
                       "On fresh trials"),
            rows=rows,
            align=("left", "right", "left", "right", "right", "right"),
            widths=(1.1, 1.2, 1.3, 0.9, 0.9, 1.7),
            notes=tuple(line(given(evidence.labelled(note), SOURCE)) for note in found.notes),
        ),
    ]  # fmt: skip


def _how(found: StopCalibration) -> Line:
    """What the search rests on: tables, or trials."""
    enumerated = [one.rule for one in found.stops if one.enumerated]
    said: list[Line] = []
    if enumerated:
        of = listed([code(name) for name in enumerated])
        said.append(line(". How often ", of, " stops such a trial was enumerated"))
    if len(enumerated) < len(found.stops):
        said.append(
            line(
                ". The search simulated ",
                given(found.trials, SOURCE),
                " trials in each, with a seed of its own, in which the rule stops nobody; the "
                "largest share was counted anew on fresh trials of the design as it acts",
            )
        )
    return line(*said)


def _cells(one: StopThreshold, scenario: str) -> tuple[Line, ...]:
    worst = scenario == one.worst
    return (
        line(code(one.rule)),
        line(secret(given(one.threshold, SOURCE), otherwise=WITHHELD_SHORT)),
        line(code(scenario), " (largest)" if worst and len(one.errors) > 1 else ""),
        line(rounded(one.errors[scenario], 4, SOURCE)),
        line(given(one.target, SOURCE)),
        _fresh(one) if worst or one.enumerated else line("–"),
    )


def _fresh(one: StopThreshold) -> Line:
    if one.enumerated:
        return line("enumerated")
    return Bound(one.fresh, f"{SOURCE}: {one.rule}, fresh").with_interval()
