"""What a table of early series supports, and what it cannot, in words with its numbers."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator

from adaptive_cart.evidence.findings import Finding, Findings, Row
from adaptive_cart.evidence.outcomes import Outcome
from adaptive_cart.evidence.series import Record, Series

HARDLY = 0.2  # no probability moved by more: the series say little
SURE = 0.975
_WIDTH = 100


def told(findings: Findings) -> str:
    """Return all of it as text, outcome by outcome."""
    record = findings.record
    lines = [f"Early series of {record.source}: {_number(len(record.series), 'row')}."]
    for finding in findings.found.values():
        lines += ["", *_outcome(findings, finding)]
    lines += ["", "What no number above can say:", *_bullets(cannot(findings))]
    return "\n".join(lines) + "\n"


def _outcome(findings: Findings, finding: Finding) -> Iterator[str]:
    outcome = finding.outcome
    yield _sentence(counted(findings.record, finding))
    yield _sentence(f"Priors: {outcome.priors}.", "  ")
    yield ""
    yield f"  {'':44s} {'median':>8s}   {'95% interval':18s}   before the series"
    for row in finding.rows():
        line = f"  {_label(row, outcome):44s} {_interval(row.after)}   {_interval(row.before)}"
        yield line.rstrip()
    yield ""
    yield "  What the series support:"
    yield from _bullets(supported(finding), "  ")
    yield "  What they do not:"
    yield from _bullets(unsupported(findings.record, finding), "  ")


def counted(record: Record, finding: Finding) -> str:
    """Say how much counts for an outcome."""
    outcome, grouped = finding.outcome, finding.after.grouped
    rows = record.counted(outcome)
    people = sum(getattr(row, outcome.size) for row in rows)
    products = len({row.product for row in rows})
    classes = len({row.of_class for row in rows})
    share = f"{grouped.events.sum():.0f} of {people} participants"
    if outcome.by_months:
        share += f", in {grouped.size.sum():.0f} {outcome.law.unit}"
    else:
        share += f" ({grouped.events.sum() / people:.2f})"
    among = f"{_number(len(rows), 'series', 'series')} of {_number(products, 'product')}"
    text = f"{outcome.words}: {among} in {_number(classes, 'class', 'classes')} count, {share}."
    return text[0].upper() + text[1:]


def supported(finding: Finding) -> Iterator[str]:
    """Say what the series changed."""
    outcome = finding.outcome
    rows = {row.kind: row for row in finding.rows() if row.kind in ("centre", "new")}
    level = outcome.levels[0].name
    for kind, whose in (("centre", f"a typical {level}"), ("new", f"a {level} not in the table")):
        low, _, high = (_plain(value) for value in rows[kind].after)
        before, _, after = (_plain(value) for value in rows[kind].before)
        yield (
            f"{outcome.quantity} of {whose} lies between {low} and {high} with probability 0.95, "
            f"given these series and the priors; before them between {before} and {after}"
        )
    for one, spread in zip(outcome.levels, finding.after.spreads, strict=True):
        if spread.moved > HARDLY:
            yield (
                f"how far {one.plural} differ: probabilities about that standard deviation "
                f"moved by up to {spread.moved:.2f}"
            )
    order = finding.surest_order()
    if order is not None and order[2] >= SURE:
        yield f"{order[0]} is above {order[1]}, with probability {_probability(order[2])}"


def unsupported(record: Record, finding: Finding) -> Iterator[str]:
    """Say what the series leave as it was."""
    outcome = finding.outcome
    pairs = zip(outcome.levels, finding.after.spreads, finding.after.grouped.names, strict=True)
    for level, spread, names in pairs:
        if spread.moved <= HARDLY:
            yield (
                f"how far {level.plural} differ: {_number(len(names), 'group')} hardly tell; no "
                f"probability about that standard deviation moved by more than {spread.moved:.2f}, "
                "so that what is said of it is mostly the prior"
            )
    order = finding.surest_order()
    if order is not None and order[2] < SURE:
        plural = outcome.levels[0].plural
        yield (
            f"an order of {plural}: the surest of all pairs, {order[0]} above {order[1]}, has "
            f"probability {_probability(order[2])}"
        )
    endpoints = {row.endpoint for row in record.counted(outcome)}
    if outcome.events == "responders" and len(endpoints) > 1:
        yield (
            f"one endpoint: the series have {len(endpoints)} different ones, and what is of the "
            "disease cannot be told from what is of its endpoint"
        )
    if outcome.by_months:
        yield (
            "when relapses come: months of follow-up are participants times their median or mean, "
            "and the rate is one over all of them"
        )
    left = [row for row in record.series if reports(row, outcome) and not counts(row, outcome)]
    if left:
        told = "; ".join(
            f"{row.name} {getattr(row, outcome.events)} of {getattr(row, outcome.size)} "
            f"({row.not_counted_because or 'no reason given'})"
            for row in left
        )
        yield f"anything of rows that report it and do not count: {told}"


def cannot(findings: Findings) -> Iterator[str]:
    """Say what no model of such a table can know."""
    record = findings.record
    yield (
        "What a treatment does: the table has no controls. A response here is one of participants "
        "who were chosen for an open-label series, and what they would have done otherwise is in "
        "none of the rows"
    )
    silent = [row for row in record.series if not row.counts_for]
    if silent:
        reasons = Counter(row.not_counted_because for row in silent)
        told = "; ".join(f"{reason} ({times})" for reason, times in reasons.most_common())
        yield (
            f"What is not there: {len(silent)} of {_number(len(record.series), 'row')} count for "
            f"nothing ({told}), and nobody knows which series were never published. The model "
            "takes the rows that count as if they were all"
        )
    grades = Counter(row.grade for row in record.series if row.counts_for)
    if grades["B"]:
        yield (
            f"Whether a report is right: {grades['B']} of {grades.total()} rows that count rest on "
            "company reports (grade B)"
        )
    if findings.spread != 1.0:
        yield f"The prior scales of all standard deviations were multiplied by {findings.spread:g}"


def reports(row: Series, outcome: Outcome) -> bool:
    """Whether a row has the numbers of an outcome."""
    there = getattr(row, outcome.events) is not None and getattr(row, outcome.size) is not None
    return there and not (outcome.by_months and row.follow_up_months is None)


def counts(row: Series, outcome: Outcome) -> bool:
    """Whether a row counts for an outcome."""
    return outcome.name in row.counts_for


def _label(row: Row, outcome: Outcome) -> str:
    first = outcome.levels[0].name
    level = {one.name: one for one in outcome.levels}.get(row.name)
    return {
        "centre": f"a typical {first}",
        "sd": f"sd between {level.plural if level else ''}",
        "group": row.name,
        "new_in": f"a new product, {row.name}",
        "new": f"a {first} not in the table",
    }[row.kind]


def _interval(three: tuple[float, float, float]) -> str:
    low, middle, high = (_plain(value) for value in three)
    return f"{middle:>8s}   {f'{low} to {high}':18s}"


def _plain(value: float) -> str:
    return f"{value:.2f}" if value >= 0.095 else f"{value:.4f}" if value < 0.01 else f"{value:.3f}"


def _probability(value: float) -> str:
    return f"{value:.2f}" if value < 0.995 else f"{value:.3f}"


def _number(count: int, word: str, plural: str = "") -> str:
    return f"{count} {word if count == 1 else plural or word + 's'}"


def _sentence(text: str, indent: str = "") -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")


def _bullets(sentences: Iterator[str], indent: str = "") -> Iterator[str]:
    for sentence in sentences:
        yield textwrap.fill(
            sentence + ".",
            _WIDTH,
            initial_indent=f"{indent}  - ",
            subsequent_indent=f"{indent}    ",
            break_on_hyphens=False,
        )
