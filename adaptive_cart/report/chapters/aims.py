"""Aims: which decision the simulations serve, and why the design is adaptive and Bayesian."""

from __future__ import annotations

from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.document import (
    Block,
    Heading,
    Paragraph,
    Reference,
    Table,
    cells,
    code,
    line,
    paragraph,
    row,
)
from adaptive_cart.report.evidence import AIMS, Evidence, per_scenario
from adaptive_cart.report.numbers import given


def _aims(evidence: Evidence) -> list[Block]:
    """The decision that the simulations serve, scenario by scenario."""
    trace = evidence.trace
    rows = [
        row(code(name), evidence.role(name), AIMS[evidence.role(name)], evidence.trials_of(name)
            if not evidence.exact else "enumerated")
        for _, names in per_scenario(evidence)
        for name in names
    ]  # fmt: skip
    blocks: list[Block] = [
        paragraph(
            "The simulations serve to evaluate a design whose sample size, looks and rules are "
            "fixed beforehand: whether it keeps the probability of a wrong success low where "
            "the treatment does not work, how probable success is where it does, how many "
            "participants and how much time it takes, and how robust all this is. "
            "{table} says what each scenario is for.",
            table=Reference("t-aims"),
        ),
        Table(
            key="t-aims",
            title=line("Scenarios and what they are for"),
            head=cells("Scenario", "Role", "What it is for", "Trials"),
            rows=tuple(rows),
            align=("left", "left", "left", "right"),
            widths=(2.2, 1.2, 1.6, 1.0),
        ),
    ]
    trace.reported(2, "aims", "t-aims")
    return blocks


def _why(evidence: Evidence) -> list[Block]:
    facts, trace = evidence.facts, evidence.trace
    bayesian = evidence.plan.asks_posteriors
    blocks: list[Block] = [
        Heading(text=f"Why adaptive{', and why Bayesian' * bayesian}", key="why", level=2),
        paragraph(
            "Adaptive, since participants are enrolled while the outcome of earlier ones is "
            "still open: a look at what is known by then can end the trial before all {n} have "
            "been enrolled and followed up.{bayesian}",
            bayesian=" Bayesian, since the rules are read as statements about the effect "
            "itself, information from outside the trial enters by a stated prior, and the "
            "probability that the trial will succeed can be predicted at a look."
            if bayesian
            else "",
            n=evidence.setting(evidence.design.enrolment.max_n, "enrolment.max_n"),
        ),
    ]
    if facts.why_adaptive:
        blocks.append(Paragraph(line=line(given(facts.why_adaptive, "facts: why_adaptive"))))
    if facts.alternatives:
        blocks += [
            Heading(text="Alternatives considered", key="alternatives", level=2),
            Paragraph(line=line(given(facts.alternatives, "facts: alternatives"))),
        ]
        trace.reported(5, "alternatives")
    return blocks


CHAPTER = Chapter(key="aims", title="Aims", sections=(_aims, _why))
