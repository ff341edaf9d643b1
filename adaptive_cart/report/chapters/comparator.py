"""What stands in the place of a randomised control, and what is assumed instead."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.report.chapters.balance import balance
from adaptive_cart.report.document import (
    Block,
    Heading,
    Items,
    Line,
    Table,
    cells,
    line,
    paragraph,
    prose,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given
from adaptive_cart.telling.comparator import (
    assumed,
    goal_words,
    goals,
    kind_of_trial,
    outside,
    unlike_mixes,
)

PROVENANCE = 67  # number of the item


def comparator(evidence: Evidence) -> list[Block]:
    """What replaces randomisation and what that assumes, or what stands beside a control."""
    design = evidence.design
    if not design.external:
        evidence.trace.not_applicable(PROVENANCE, "the design has no external data")
    if design.control is not None:
        if not design.comparators:
            return []
        evidence.trace.reported(PROVENANCE, "comparator")
        heading = Heading(text="External data beside the control", key="comparator", level=2)
        return [heading, *_outside(evidence)]
    found = [given(goal_words(design, goal), "design: rules") for goal in goals(design)]
    blocks: list[Block] = [
        Heading(text="What replaces a randomised control", key="comparator", level=2),
        paragraph(
            "This is a {kind}: no arm is the control, and nobody is randomised to go without the "
            "product.{enrolled}{goals}",
            enrolled=" Where this report says randomised, it means enrolled."
            if len(design.arms) == 1
            else "",
            kind=given(kind_of_trial(design), "design: arms"),
            goals=" Success is claimed against the performance goal:" if found else "",
        ),
    ]
    if found:
        blocks.append(Items(lines=tuple(line(words, ".") for words in found)))
    if design.comparators:
        evidence.trace.reported(PROVENANCE, "comparator", "t-comparator")
        blocks += _outside(evidence)
    blocks.append(
        Table(
            key="t-comparator",
            title=line("What is assumed in the place of randomisation"),
            head=cells("Assumption", "What it means"),
            rows=tuple(row(named, why) for named, why in assumed(design)),
            widths=(1.4, 4.6),
        )
    )
    return blocks


def _outside(evidence: Evidence) -> list[Block]:
    """The external data with which arms are compared, and how those of a table are weighted."""
    design = evidence.design
    told = [given(words, "design: external") for words in outside(design)]
    return [
        paragraph("Arms are compared with external data:"),
        Items(lines=tuple(line(words, ".") for words in told)),
        *(
            paragraph("This biases the comparison: {mixes}.", mixes=given(words, "design: strata"))
            for words in unlike_mixes(design)
        ),
        *balance(evidence, design.comparators),
    ]


def subtitle(evidence: Evidence) -> str:
    """What a trial without a control is, below the title; blank where there is one."""
    if evidence.design.control is not None:
        return ""
    words = kind_of_trial(evidence.design)
    return f"{words[:1].upper()}{words[1:]}"


def limitations(evidence: Evidence) -> Iterator[Line]:
    """Each assumption that stands in the place of randomisation, as a limitation."""
    if evidence.design.control is not None:
        return
    for named, why in assumed(evidence.design):
        yield prose("{named}: {why}.", named=f"{named[:1].upper()}{named[1:]}", why=why)


def conclusion(evidence: Evidence) -> str:
    """What a conclusion without a control rests on; blank where there is one."""
    if evidence.design.control is not None:
        return ""
    return (
        " All of this holds only if what is assumed in the place of randomisation is so: no "
        "operating characteristic shows how wrong the comparison is if it is not."
    )
