"""Conditional assurance after each look, and the calibration of the posterior at stopping."""

from __future__ import annotations

from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Paragraph,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    paragraph,
    prose,
    row,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, given
from adaptive_cart.results.averages import AHEAD
from adaptive_cart.results.figure import Figure
from adaptive_cart.results.store import AVERAGES
from adaptive_cart.running.conditional_assurance import PERCENTS

SIMULATED = prose(
    "Of simulated trials: the share of those that go on which succeed. How the conditional "
    "assurance differs from trial to trial they do not tell, since that needs the probability of "
    "what was seen under each truth."
)
PARTS = ("mean", *(f"p{percent:02d}" for percent in PERCENTS))


def calibrated(evidence: Evidence) -> list[Block]:
    """A sentence a design prior: how sure the posterior is at a success, and how often rightly."""
    return [
        _calibrated(prior, figures)
        for prior, figures in evidence.result.averages.items()
        if "claimed_at_success" in figures
    ]


def _calibrated(prior: str, figures: dict[str, Figure]) -> Paragraph:
    claimed = _bound(prior, "claimed_at_success", figures["claimed_at_success"])
    false = figures["false_discovery"]
    true = Figure(1.0 - false.estimate, false.mcse, 1.0 - false.upper, 1.0 - false.lower, false.n)
    return paragraph(
        "Where truths are as {prior} weighs them, the posterior probability of the claim is "
        "{claimed} on average when success is declared, and the claim is true in {true} of these "
        "trials.",
        prior=code(prior),
        claimed=claimed.number(),
        true=_bound(prior, "1 - false_discovery", true).with_interval(),
    )


def _bound(prior: str, name: str, figure: Figure) -> Bound:
    return Bound(figure, f"{AVERAGES}: {prior}, {name}", "probability")


def _percentile(percent: int) -> Line:
    return line("Percentile ", given(percent, AVERAGES))


def ahead(evidence: Evidence) -> list[Block]:
    """Conditional assurance over the trials that go on after each look; nothing without it."""
    rows: list[Row] = []
    for prior, figures in evidence.result.averages.items():
        first = True
        for look in evidence.looks:
            if f"{AHEAD}{look}_mean" not in figures:
                continue
            shown = [
                _bound(prior, name, figures[name]).with_interval() if name in figures else ""
                for name in (f"{AHEAD}{look}_{part}" for part in PARTS)
            ]
            name = code(prior) if first else ""
            rows.append(row(name, given(look, "looks"), *shown))
            first = False
    told = calibrated(evidence)
    if not rows:
        return told
    return [
        *told,
        Heading(text="Conditional assurance", key="ahead", level=3),
        paragraph(
            "After a look at which the trial goes on, each truth weighs in proportion to its "
            "weight before and to the probability of what was seen. {table} shows the probability "
            "of success at the end, averaged over the truths so weighed, over the trials that go "
            "on.",
            table=Reference("t-ahead"),
        ),
        without_blank_columns(
            Table(
                key="t-ahead",
                title=line("Conditional assurance after each look"),
                head=cells(
                    "Design prior", "After look", "Mean", *(_percentile(p) for p in PERCENTS)
                ),
                rows=tuple(rows),
                align=("left", *("right",) * (1 + len(PARTS))),
                notes=() if evidence.exact else (SIMULATED,),
            )
        ),
    ]
