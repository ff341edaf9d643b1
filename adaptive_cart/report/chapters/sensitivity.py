"""Prior sensitivity and robustness: one thing changed at a time, on the same participants."""

from __future__ import annotations

from collections.abc import Sequence

from adaptive_cart.decisions import SAFETY
from adaptive_cart.nouns.roles import ROBUSTNESS
from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.chapters.tipping import tipping, tipping_priors
from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    row,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, given
from adaptive_cart.report.pictures import figures_of
from adaptive_cart.report.sensitivity import Change, Refused, changes, refused, trials_asked
from adaptive_cart.results.figure import proportion

BY_TOPIC = (
    ("fixed", "Against a design without interim looks", "t-fixed", ("fixed",)),
    ("futility", "If futility is not followed", "t-futility", ("no_futility",)),
    ("prior-sensitivity", "Other priors at the same thresholds", "t-priors-other",
     ("vague", "sceptical")),
    ("one-factor", "Enrolment, dropout and the date of looks", "t-one-factor",
     ("slower", "faster", "later", "dropout")),
)  # fmt: skip


def _variants(evidence: Evidence) -> list[Block]:
    """Variants of the design beside its run, and the robustness scenarios."""
    found = changes(evidence)
    number = trials_asked(evidence)
    cannot = refused(evidence.design) if number else []
    blocks: list[Block] = []
    beside = any(exhibit.chapter == "sensitivity" for exhibit in evidence.exhibits)
    if found:
        scenarios = dict.fromkeys(change.scenario for change in found)
        blocks.append(
            paragraph(
                "One thing at a time was changed in the design or in the truth, and the first "
                "{number} trials of {scenarios} were simulated again with the seed "
                "of the run. Trial by trial the participants are the same, so that changes are "
                "paired; intervals are {level} Monte Carlo intervals of the change. They are "
                "meant to show what matters, and do not replace a run of their own.",
                number=given(number, "sensitivity trials"),
                scenarios=listed([line(code(name)) for name in scenarios]),
                level=evidence.level(),
            )
        )
    else:
        blocks.append(
            paragraph(
                "No variants of the design were simulated for this report ({option}){but}.",
                option=code("--sensitivity-trials"),
                but="; what was run beside it follows" if beside else "",
            )
        )
    blocks += [_not_simulated(evidence, one) for one in cannot]
    for key, title, table, variants in BY_TOPIC if found else ():
        blocks += _topic(evidence, found, cannot, key, title, table, variants)
    return blocks


def _not_simulated(evidence: Evidence, one: Refused) -> Block:
    """Say of a variant that it cannot be run, and why, here and where the report is written."""
    evidence.warnings.append(f"sensitivity: {one.title}: not simulated: {one.why}")
    return paragraph(
        "Not simulated: {title}. The design so changed is refused: {why}.",
        title=one.title,
        why=one.why.rstrip("."),
    )


def _topic(
    evidence: Evidence,
    found: Sequence[Change],
    cannot: Sequence[Refused],
    key: str,
    title: str,
    table: str,
    variants: tuple[str, ...],
) -> list[Block]:
    here = [change for change in found if change.variant.key in variants]
    for one in cannot:
        if one.key in variants:
            for item in one.items:
                evidence.trace.missing(item, f"{one.title}: not simulated: {one.why}")
    if not here:
        return _lacking(evidence, key, {one.key for one in cannot} & {*variants})
    rows: list[Row] = []
    for variant in dict.fromkeys(change.variant.key for change in here):
        members = [change for change in here if change.variant.key == variant]
        heading = members[0].variant.title
        rows.append(row(heading[:1].upper() + heading[1:], "", "", "", "", heading=True))
        rows += [_row(change) for change in members]
        for item in members[0].variant.items:
            evidence.trace.reported(item, table)
    return [
        Heading(text=title, key=key, level=2),
        *_lead(evidence, here, key),
        Table(
            key=table,
            title=line(title, ": change against the design as it stands"),
            head=cells("Scenario", "Success", "Change of success", "Change of N",
                       "Change of months"),
            rows=tuple(rows),
            align=("left", *("right",) * 4),
            widths=(2.0, 0.8, 1.8, 1.8, 1.8),
        ),
    ]  # fmt: skip


def _row(change: Change) -> Row:
    source = f"sensitivity: {change.variant.key}, {change.scenario}"
    return row(
        code(change.scenario),
        Bound(change.success, f"{source}, success").number(),
        _changed_success(change, f"{source}, change of success"),
        _changed(Bound(change.participants, f"{source}, change of N", "difference")),
        _changed(Bound(change.months, f"{source}, change of months", "difference")),
    )


def _changed(bound: Bound) -> Line:
    if bound.figure.mcse == 0.0 and bound.figure.estimate == 0.0:
        return line("the same in every trial")
    if bound.figure.mcse == 0.0:
        return line(bound.number(), " in every trial")
    return bound.with_interval()


def _changed_success(change: Change, source: str) -> Line:
    """The change of a probability; where no trial ended otherwise, how large it may be."""
    bound = Bound(change.change, source, "difference")
    if bound.figure.mcse > 0.0 or bound.figure.estimate != 0.0 or not bound.figure.n:
        return bound.with_interval()
    return (Bound(proportion(0, bound.figure.n), source).number(),)


def _lead(evidence: Evidence, here: Sequence[Change], key: str) -> list[Block]:
    """One sentence that says what the table shows of the first scenario of interest."""
    target = next((c for c in here if c.scenario == evidence.target), None)
    null = next((c for c in here if c.scenario == evidence.worst_null), None)
    if key == "fixed" and target is not None:
        source = "sensitivity: fixed"
        return [
            paragraph(
                "A design that looks only once, at its planned end, with the last threshold "
                "is compared with the one at hand. {safety} In {scenario} the probability of "
                "success changes by {success}, and the mean number randomised by {n}.",
                safety=_safety_of_fixed(evidence, target),
                scenario=code(target.scenario),
                success=_changed_success(target, source),
                n=_changed(Bound(target.participants, source, "difference")),
            )
        ]
    if key == "futility" and null is not None:
        return [
            paragraph(
                "If a committee goes on in spite of futility, the probability of success in "
                "{scenario} is {success}.",
                scenario=code(null.scenario),
                success=Bound(null.success, "sensitivity: no_futility").with_interval(),
            )
        ]
    if key == "prior-sensitivity":
        return [
            paragraph(
                "The thresholds stay those of the design, which were set for its own priors. "
                "The table says what becomes of the rules as they stand when other priors are "
                "used in the analysis. It does not say what the priors gain: for that the type "
                "I error would have to be equal, with thresholds set anew for each prior."
            )
        ]
    return []


def _safety_of_fixed(evidence: Evidence, change: Change) -> str:
    """What becomes of the safety rules in a design without looks before the last."""
    own = evidence.design.rules_ending(SAFETY)
    kept = [rule for rule in change.variant.design.rules if rule.decision.ends == SAFETY]
    if not own:
        return "Neither has a rule that stops for safety."
    if not kept:
        return "It has no rule that stops for safety, so that it succeeds in spite of harm."
    rhythm = " and between looks, as the rules say" if any(rule.every for rule in kept) else ""
    return f"Its safety rules are judged at that look{rhythm}, and at no earlier one."


def _lacking(evidence: Evidence, key: str, cannot: set[str]) -> list[Block]:
    if cannot:  # said already
        return []
    once = evidence.design.looks.number == 1
    alone = "the design has one look only" if once else "no success is judged at the last look"
    reasons = {
        "fixed": (4, alone),
        "futility": (21, "the design has no futility rule"),
    }
    if key == "prior-sensitivity" and evidence.sensitivity_trials:
        evidence.trace.missing(
            56, "other priors than the design's to compare with: tried are uniform ones and the "
            "control's, of beta-binomial arms",
        )  # fmt: skip
    if key in reasons and evidence.sensitivity_trials:
        evidence.trace.not_applicable(*reasons[key])
    return []


def _robustness(evidence: Evidence) -> list[Block]:
    names = evidence.of_role(ROBUSTNESS)
    if not names:
        return []
    blocks: list[Block] = [Heading(text="Robustness scenarios", key="robustness", level=2)]
    rows = [
        row(
            code(name),
            evidence.cell(name, "success").with_interval(),
            evidence.cell(name, "stop_safety").number(),
            evidence.cell(name, "n_randomised_mean").number(),
        )
        for name in names
    ]
    evidence.trace.reported(57, "t-robustness")
    blocks += [
        paragraph(
            "Truths that are not expected and are possible; {table} says in what each differs.",
            table=Reference("t-scenarios"),
        ),
        without_blank_columns(
            Table(
                key="t-robustness",
                title=line("Robustness scenarios"),
                head=cells("Scenario", "Success", "Stop for safety", "Mean N"),
                rows=tuple(rows),
                align=("left", "right", "right", "right"),
            )
        ),
        *figures_of(evidence, "sensitivity"),
    ]
    return blocks


CHAPTER = Chapter(
    key="sensitivity",
    title="Sensitivity and robustness",
    sections=(_variants, _robustness, tipping, tipping_priors),
)
