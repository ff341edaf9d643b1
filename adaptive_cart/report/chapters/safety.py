"""Safety: how often a trial stops for it, against the true rate, and who is exposed by then."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from adaptive_cart.conduct.comparison import Comparison, wording_of
from adaptive_cart.decisions import SAFETY, SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.rule_tables import Rule
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.questions.words import value_words
from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.chapters.long_term import long_term
from adaptive_cart.report.document import (
    Block,
    Line,
    Paragraph,
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
from adaptive_cart.report.pictures import figures_of
from adaptive_cart.report.utilities import WEIGHED, utilities
from adaptive_cart.results.figure import Figure
from adaptive_cart.running.stopping_counts import StoppingCounts, stopping_counts


def _safety(evidence: Evidence) -> list[Block]:
    """The safety rules in the scenarios."""
    rules = evidence.design.rules_ending(SAFETY)
    blocks: list[Block] = []
    if not rules:
        evidence.trace.missing(24)
        blocks.append(paragraph("No rule of this design stops the trial for safety."))
        blocks += [Paragraph(line=sentence) for sentence in _arms_dropped(evidence)]
    else:
        blocks += _table(evidence)
        blocks += _by_look(evidence)
        blocks += _by_number(evidence)
    if _asks_both(evidence):
        for item in (25, WEIGHED):
            evidence.trace.reported(item, "criterion", "t-rules")
    else:
        evidence.trace.not_applicable(25, "the design has no joint criterion of benefit and risk")
    return [*blocks, *utilities(evidence), *figures_of(evidence, "safety")]


def _harms(design: Design, rule: Rule) -> set[bool]:
    """Whether what a rule asks about is a harm, for all that it asks about."""
    return {
        design.endpoints[name].harm
        for question in rule.asked
        for name in design.endpoints_of(question.about)
    }


def _arms_dropped(evidence: Evidence) -> Iterator[Line]:
    """The rules by which an arm is dropped for a harm while the trial goes on with the others."""
    design = evidence.design
    for rule in design.rules:
        if rule.decision.drops_arms and _harms(design, rule) == {True}:
            yield prose(
                "{rule} {does} for harm if {condition}. It is judged at {when}; the trial goes "
                "on with the arms that are left.",
                rule=code(rule.name),
                does=rule.decision.does,
                condition=evidence.condition(rule),
                when=evidence.when(rule),
            )


def _asks_both(evidence: Evidence) -> bool:
    """Whether a rule for success asks about a harm beside something else."""
    design = evidence.design
    return {True, False} in [_harms(design, rule) for rule in design.rules_ending(SUCCESS)]


def _table(evidence: Evidence) -> list[Block]:
    rules = evidence.design.rules_ending(SAFETY)
    asked = [part for rule in rules for part in evidence.resolved(rule).parts]
    rows = []
    for name in evidence.scenarios:
        rows.append(
            row(
                code(name),
                *(_true(evidence, name, part.question).number() for part in asked),
                *(evidence.cell(name, f"decided_{rule.name}").number() for rule in rules),
                evidence.cell(name, "stop_safety").with_interval(),
                evidence.cell(name, "success").number(),
                evidence.cell(name, "n_infused_mean").number(),
            )
        )
    evidence.trace.reported(24, "t-safety")
    said: list[Line] = [
        prose(
            "{rule} stops the trial for safety if {condition}. It is judged at {when}.",
            rule=code(rule.name),
            condition=evidence.condition(rule),
            when=evidence.when(rule),
        )
        for rule in rules
    ]
    unseen = _unseen(evidence)
    stopped = cells(*(line("Stopped by ", code(rule.name)) for rule in rules))
    return [
        *(Paragraph(line=sentence) for sentence in said),
        without_blank_columns(
            Table(
                key="t-safety",
                title=line("Stopping for safety against the truth, by rule"),
                head=(
                    line("Scenario"),
                    *(_head(evidence, part) for part in asked),
                    *stopped,
                    *cells("Stop for safety", "Success", "Mean infused"),
                ),
                rows=tuple(rows),
                align=("left", *("right",) * (len(asked) + len(rules) + 3)),
                widths=(2.0, *(1.2,) * len(asked), *(0.9,) * len(rules), 1.9, 0.8, 0.9),
                wide=len(asked) > 1,
                notes=(
                    line("Stopped by: share of all trials that the rule stopped. True values are "
                         "those of what the rule asks about."),
                ),
            )
        ),
        *([Paragraph(line=unseen)] if unseen else []),
    ]  # fmt: skip


def _by_look(evidence: Evidence) -> Iterator[Block]:
    """How often each safety rule holds and stops the trial, by look."""
    rules = evidence.design.rules_ending(SAFETY)
    rows = []
    for name in evidence.scenarios:
        for place, rule in enumerate(rules):
            if not evidence.has(name, f"held_{rule.name}"):
                continue
            held = [
                evidence.cell(name, f"held_{rule.name}", look=look).number()
                for look in evidence.looks
            ]
            rows.append(
                row(
                    code(name) if not place else "",
                    code(rule.name),
                    *held,
                    evidence.cell(name, f"held_{rule.name}").with_interval(),
                    evidence.cell(name, f"decided_{rule.name}").with_interval(),
                )
            )
    if not rows:
        return
    between = " or between it and the one before" if evidence.rhythmic else ""
    looks = [line("Look ", given(look, "design: looks")) for look in evidence.looks]
    yield Table(
        key="t-safety-by-look",
        title=line("Trials in which each safety rule holds, by look"),
        head=(*cells("Scenario", "Rule"), *looks, *cells("Any look", "Stops the trial")),
        rows=tuple(rows),
        align=("left", "left", *("right",) * (len(looks) + 2)),
        widths=(1.6, 1.4, *(0.8,) * len(looks), 1.7, 1.7),
        wide=len(looks) > 3,
        notes=(
            line(
                f"Shares of all trials in which the rule holds at a look{between}, also where a "
                "rule written before it has ended the trial at the same look: each rule stands for "
                "itself, whatever their order. Stops the trial: it was the one that did."
            ),
        ),
    )


def _head(evidence: Evidence, part: Comparison) -> Line:
    """What is asked about and the value it compares with, for the head of a column."""
    question = part.question
    wording = wording_of(evidence.design, question.endpoint)
    what = question.of.noun(question, wording.endpoint, wording.parameter).removeprefix("the ")
    arms = wording.arms[question.arm]
    if question.minus is not None:
        arms += f" {question.of.sign} {wording.arms[question.minus]}"
    value = given(value_words(question, wording.parameter), f"design: rules.{part.name}")
    return line(given(f"True {what}, {arms}", "design: rules"), " (limit ", value, ")")


def _true(evidence: Evidence, scenario: str, question: Question) -> Bound:
    """The true value of what a question is about, from the table of measures if it is there."""
    names = evidence.design.arm_names
    stratum = evidence.design.stratum_names[question.stratum] if question.stratum >= 0 else None
    measure = f"true_{question.endpoint}"

    def of(arm: int) -> Bound:
        return evidence.cell(scenario, measure, "true", arm=names[arm], stratum=stratum)

    if not question.of.about_levels:
        return evidence.true_of(scenario, question)
    if question.minus is None:
        return of(question.arm)
    one, other = of(question.arm), of(question.minus)
    mine, theirs = one.figure, other.figure
    value = question.of.compare(np.float64(mine.estimate), theirs.estimate)
    error = math.hypot(mine.mcse, theirs.mcse)
    if question.of.ratio:
        relative = math.hypot(mine.mcse, float(value) * theirs.mcse)
        error = relative / theirs.estimate if theirs.estimate else math.nan
    figure = Figure(float(value), error, float(value), float(value), None)
    return Bound(figure, f"{one.source} {question.of.sign} {other.source}", "true")


# ── what a safety board looks up ──────────────────────────────────────────────────────────────
def _by_number(evidence: Evidence) -> Iterator[Block]:
    """For each rule on one arm's counts, how many events stop the trial, by number analysed."""
    for table in stopping_counts(evidence.design, evidence.plan):
        if table.decision.ends == SAFETY or evidence.design.endpoints[table.endpoint].harm:
            yield _counts(evidence, table)


def _counts(evidence: Evidence, table: StoppingCounts) -> Table:
    source = f"stopping_counts.csv: {table.part}"
    rows = []
    for first, last, fewest in table.runs():
        shown = str(last) if first == last else f"{first} to {last}"
        told = line("no number stops it")
        if fewest is not None:
            told = line(given(fewest, source), " or more")
        rows.append(row(given(shown, source), told))
    arm = evidence.arm(table.arm)
    where = line(arm, ", ", given(table.stratum, source)) if table.stratum else line(arm)
    looks = [str(look) for look in table.looks] if table.several else []
    at = line(", at look ", given(" and ".join(looks), source)) if looks else ()
    does = "stops the trial" if table.decision.ends == SAFETY else table.decision.does
    each = [table.arm, *([table.stratum] if table.stratum else [])] if table.each else []
    note = (
        "Analysed: infused participants whose time of observation has passed (everybody "
        "randomised where nobody is infused), up to the number planned."
    )
    silent: Line = ()
    if table.least:
        silent = line(" The rule is silent before ", given(table.least, source), " of them.")
    return Table(
        key="-".join(["t-stops", table.part, *looks, *each]),
        title=line(code(table.part), f" {does} by number analysed in ", where, at),
        head=(line("Analysed in ", where), line("With ", evidence.endpoint_head(table.endpoint))),
        rows=tuple(rows),
        align=("right", "right"),
        widths=(1.0, 1.4),
        audience="restricted",
        notes=(line(note, silent),),
    )


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
        "The truth names {events} too, for which the design has no endpoint: they are not "
        "simulated, and no rule sees them.",
        events=given(", ".join(n.replace("_", " ") for n in events), "truth: events, rates"),
    )


CHAPTER = Chapter(key="safety", title="Safety", sections=(_safety, long_term))
