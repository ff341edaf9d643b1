"""Safety: how often a trial stops for it, against the true rate, and who is exposed by then."""

from __future__ import annotations

from adaptive_cart.nouns.questions import written
from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Paragraph,
    Reference,
    Table,
    cells,
    code,
    line,
    prose,
    row,
    secret,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given
from adaptive_cart.report.pictures import figures_for


def safety(evidence: Evidence) -> list[Block]:
    """The safety rules in the scenarios."""
    rules = evidence.rules_that("stop_for_safety")
    blocks: list[Block] = [Heading(text="Safety", key="safety")]
    if not rules:
        evidence.trace.missing(24)
        blocks.append(Paragraph(line=prose("No rule of this design stops the trial for safety.")))
    else:
        blocks += _table(evidence)
    evidence.trace.not_applicable(25, "the design has no joint criterion of benefit and risk")
    return [*blocks, *figures_for(evidence, "C6")]


def _table(evidence: Evidence) -> list[Block]:
    rules = evidence.rules_that("stop_for_safety")
    questions = [next(r for r in evidence.plan.rules if r.name == rule.name) for rule in rules]
    places = [(q.question.endpoint, evidence.design.arm_names[q.question.arm]) for q in questions]
    rows = []
    for name in evidence.scenarios:
        rows.append(
            row(
                code(name),
                *(
                    evidence.cell(name, f"true_{endpoint}", "true", arm=arm).number()
                    for endpoint, arm in places
                ),
                evidence.cell(name, "stop_safety").with_interval(),
                evidence.cell(name, "success").number(),
                evidence.cell(name, "n_infused_mean").number(),
            )
        )
    evidence.trace.reported(24, "t-safety")
    said: list[Line] = [
        prose(
            "{rule} asks at every look whether the rate of {endpoint} in {arm} exceeds {limit}; it "
            "stops the trial if that is {threshold} probable.",
            rule=code(rule.name),
            endpoint=evidence.endpoint_words(endpoint),
            arm=code(arm),
            limit=given(question.question.value, f"design: rules.{rule.name}"),
            threshold=secret(
                "at least ",
                given(written(min(question.thresholds.values())), f"design: rules.{rule.name}"),
                otherwise="sufficiently",
            ),
        )
        for rule, question, (endpoint, arm) in zip(rules, questions, places, strict=True)
    ]
    unseen = _unseen(evidence)
    return [
        *(Paragraph(line=sentence) for sentence in said),
        without_blank_columns(
            Table(
                key="t-safety",
                title=line("Stopping for safety against the true rate"),
                head=(
                    line("Scenario"),
                    *(
                        line("True rate of ", evidence.endpoint_head(endpoint), f", {arm}")
                        for endpoint, arm in places
                    ),
                    *cells("Stop for safety", "Success", "Mean infused"),
                ),
                rows=tuple(rows),
                align=("left", *("right",) * (len(places) + 3)),
                widths=(2.2, *(1.0,) * len(places), 2.0, 0.8, 0.9),
            )
        ),
        *([Paragraph(line=unseen)] if unseen else []),
    ]  # fmt: skip


def _unseen(evidence: Evidence) -> Line:
    """Events that the truth has and no endpoint sees."""
    known = set(evidence.design.endpoints)
    events: dict[str, None] = {}
    for truth in evidence.truths.values():
        for strata in truth.courses or ():
            for group in strata:
                events |= dict.fromkeys([*group.events, *group.rates])
    events = {name: None for name in events if name not in known}
    if not events:
        return ()
    return prose(
        "The truth names {events} too, for which the design has no endpoint: no rule sees them, "
        "and {limits} says so.",
        events=given(", ".join(n.replace("_", " ") for n in events), "truth: events, rates"),
        limits=Reference("limitations"),
    )
