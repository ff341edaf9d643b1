"""How many participants, for how long, and what they meet."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.report.chapters.by_role import by_role
from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Row,
    Table,
    code,
    line,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given
from adaptive_cart.report.pictures import figures_of


def size_and_time(evidence: Evidence) -> list[Block]:
    """Distributions of size and duration, and what happens to participants."""
    measures = ["n_analysed"] if evidence.exact else [
        "n_randomised", "n_analysed", "n_infused", "months"]  # fmt: skip
    words = {"n_randomised": "randomised", "n_analysed": "analysed", "n_infused": "infused",
             "months": "months"}  # fmt: skip

    def rows_of(name: str) -> Iterator[Row]:
        there = [measure for measure in measures if evidence.has(name, f"{measure}_mean")]
        for place, measure in enumerate(there):
            numbers = (
                evidence.cell(name, f"{measure}_{part}").number()
                for part in ("mean", "sd", "p05", "p50", "p95")
            )
            yield row(code(name) if place == 0 else "", words[measure], *numbers)

    head = (line("Scenario"), line("What"), line("Mean"), line("SD"),
            *(line(given(p, "percentile")) for p in ("5th", "50th", "95th")))  # fmt: skip
    blocks: list[Block] = [
        Heading(text="Size and duration", key="size", level=2),
        Table(
            key="t-size",
            title=line("Distribution of the numbers of participants and of the duration"),
            head=head,
            rows=by_role(evidence, len(head), rows_of),
            align=("left", "left", *("right",) * 5),
            widths=(2.4, 1.2, *(0.8,) * 5),
        ),
        *figures_of(evidence, "size_and_time"),
    ]
    if evidence.exact:
        evidence.trace.not_applicable(49, "an enumerated run knows no calendar time")
    else:
        evidence.trace.reported(49, "t-size")
        blocks += consequences(evidence)
    return blocks


def consequences(evidence: Evidence) -> list[Block]:
    """What happens to participants: exposed, responders, severe events."""
    design = evidence.design
    arms = design.experimental_names
    weighed = {n for utility in design.utility.values() for n, w in utility.items() if w < 0.0}
    harms = [
        n
        for n, e in design.endpoints.items()
        if n != design.primary and ((e.harm and e.binary) or n in weighed)
    ]
    shown_of = [(endpoint, arm) for endpoint in (design.primary, *harms) for arm in arms]
    exposed = "Mean infused" if evidence.infuses else "Mean randomised"
    head = (
        line("Scenario"),
        line(exposed),
        *(
            line(_observed(evidence, endpoint), ", ", evidence.arm(arm))
            for endpoint, arm in shown_of
        ),
    )
    rows = []
    for name in evidence.scenarios:
        measure = "n_infused_mean" if evidence.infuses else "n_randomised_mean"
        rows.append(
            row(
                code(name),
                evidence.cell(name, measure).number(),
                *(
                    evidence.cell(name, f"observed_{endpoint}", arm=arm).number()
                    for endpoint, arm in shown_of
                ),
            )
        )
    evidence.trace.reported(50, "t-consequences")
    return [
        Table(
            key="t-consequences",
            title=line("What participants meet: how many, and what is observed of them"),
            head=head,
            rows=tuple(rows),
            align=("left", *("right",) * (len(head) - 1)),
            notes=(
                line("Observed at the look that ended the trial, all trials together. Without "
                     "other words it is the share of those analysed in whom it was seen."),
            ),
        )
    ]  # fmt: skip


def _observed(evidence: Evidence, endpoint: str) -> Line:
    """What is observed of an endpoint, with its unit."""
    unit = evidence.design.endpoints[endpoint].gives.observed_unit
    return line(evidence.endpoint_head(endpoint), f", {unit}" if unit else "")
