"""Decision rules: what is asked, compared and decided at each look, and on which counts."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.design.design import Rule
from adaptive_cart.nouns.questions import written
from adaptive_cart.report.document import (
    WITHHELD_SHORT,
    Block,
    Heading,
    Items,
    Line,
    Paragraph,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    listed,
    prose,
    row,
    secret,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import counted, given, rounded
from adaptive_cart.report.pictures import figures_for
from adaptive_cart.running.boundaries import Boundary

DECISIONS = {
    "declare_success": "declares success",
    "declare_futility": "stops for futility",
    "stop_for_safety": "stops for safety",
    "stop_enrolment": "stops enrolment",
    "drop_arm": "drops an arm",
    "close_stratum": "closes a stratum",
}
LIMIT = 40  # rows of responders in the control that a table of boundaries shows


def rules(evidence: Evidence) -> list[Block]:
    """Criterion, rules by look, boundaries on counts, calibration, multiplicity."""
    blocks: list[Block] = [Heading(text="Decision rules", key="rules")]
    blocks += _criterion(evidence)
    blocks += _by_look(evidence)
    blocks += _boundaries(evidence)
    blocks += _thresholds(evidence)
    blocks += _multiplicity(evidence)
    return blocks


def _criterion(evidence: Evidence) -> list[Block]:
    rows = [
        row(given(place, "design: rules"), code(rule.name), DECISIONS[rule.then],
            evidence.rule_words(rule), _judged(evidence, rule))
        for place, rule in enumerate(evidence.design.rules, start=1)
    ]  # fmt: skip
    claims = [
        line(
            code(rule.name),
            ": success if ",
            evidence.rule_words(rule),
            " is at least ",
            secret(_all_thresholds(rule), otherwise="a threshold given in the restricted annex"),
            ".",
        )
        for rule in evidence.rules_that("declare_success")
        if rule.posterior is not None
    ]
    blocks: list[Block] = [
        Heading(text="Hypotheses and criterion for success", key="criterion", level=2),
        Paragraph(
            line=prose(
                "The claim is one-sided. The criterion is a posterior probability that has to "
                "reach a threshold; behind the stroke stands the endpoint whose data it is given:"
            )
        ),
        Items(lines=tuple(claims)),
        Paragraph(
            line=prose(
                "{table} lists all rules in the order in which they are judged at a look. The "
                "first that ends the trial wins; after the last look a trial without success ends "
                "as no success.",
                table=Reference("t-rules"),
            )
        ),
        Table(
            key="t-rules",
            title=line("Rules, in the order in which they are judged"),
            head=cells("Order", "Rule", "What it does", "What it asks", "Judged at"),
            rows=tuple(rows),
            align=("right", "left", "left", "left", "left"),
            widths=(0.6, 0.9, 1.3, 2.9, 1.1),
        ),
    ]
    if evidence.facts.basis:
        text = given(evidence.facts.basis, "facts: basis")
        blocks.append(Paragraph(line=line("Basis of the criterion: ", text)))
        evidence.trace.reported(17, "criterion")
    elif evidence.design.calibration is not None:
        error = evidence.setting(evidence.design.calibration.type_one_error,
                                 "calibration.type_one_error")  # fmt: skip
        blocks.append(
            Paragraph(
                line=prose(
                    "The criterion rests on its type I error: thresholds were calibrated so that "
                    "in the worst case over the null region it is at most {error}.",
                    error=error,
                )
            )
        )
        evidence.trace.reported(17, "criterion")
    if claims:
        evidence.trace.reported(16, "criterion", "t-rules")
    return blocks


def _judged(evidence: Evidence, rule: Rule) -> Line:
    at = evidence.design.judged_at(rule)
    if len(at) == evidence.design.looks.number:
        return line("every look")
    words = line("look " if len(at) == 1 else "looks ")
    return words + listed([line(given(look, "design: rules.looks")) for look in at])


def _all_thresholds(rule: Rule) -> Line:
    threshold = rule.threshold
    if isinstance(threshold, list):
        values = [line(given(written(float(v)), f"design: rules.{rule.name}")) for v in threshold]
        return line(listed(list(values)), " by look")
    shown = threshold if isinstance(threshold, str) else written(float(threshold))
    return line(given(shown, f"design: rules.{rule.name}"))


# ── the one table a committee looks at (T1) ───────────────────────────────────────────────────
def _by_look(evidence: Evidence) -> list[Block]:
    design = evidence.design
    rows: list[Row] = []
    for look in evidence.looks:
        planned = evidence.planned_at(look)
        numbers: Line = line("–")
        if planned is not None:
            numbers = line(given(" + ".join(map(str, planned)), "design: looks"))
        last = " (last)" if look == design.looks.number else ""
        rows.append(
            row(
                line(given(look, "design: looks"), last),
                numbers,
                *(evidence.threshold(rule, look) for rule in design.rules),
                _smallest(evidence, look),
            )
        )
    heads = [line(code(rule.name), ": ", DECISIONS[rule.then], " if") for rule in design.rules]
    told = evidence.planned_at(1) is not None and any(
        b.then == "declare_success" and len(b.analysed) > 1 for b in evidence.boundaries
    )
    evidence.trace.reported(18, "t-by-look", "t-rules")
    return [
        Heading(text="The rules at each look", key="by-look", level=2),
        without_blank_columns(
            Table(
                key="t-by-look",
                title=line("Rules by look")
                if not told
                else line("Rules by look, with the smallest observed difference that is a success"),
                head=cells("Look", "Analysed", *heads, "Smallest difference"),
                rows=tuple(rows),
                widths=(0.7, 0.85, *(1.2,) * len(heads), 1.9),
                notes=(_by_look_note(evidence, told),),
                wide=len(heads) > 3,
            )
        ),
        *_binding(evidence),
    ]  # fmt: skip


def _by_look_note(evidence: Evidence, told: bool) -> Line:
    full = "Thresholds are used at full precision."
    if not told:
        return line(full)
    return line("Analysed: planned numbers, ", " + ".join(evidence.design.arm_names), ". Smallest "
                "difference: of the observed proportions, at planned numbers, over all numbers of "
                "responders in the control. ", full)  # fmt: skip


def _smallest(evidence: Evidence, look: int) -> Line:
    found = []
    for boundary in evidence.boundaries:
        if boundary.look != look or boundary.then != "declare_success":
            continue
        edge = boundary.edge()
        if edge is None or len(boundary.analysed) < 2:
            continue
        difference, control, arm = edge
        source = f"boundaries.csv: {boundary.rule}, look {look}"
        found.append(
            line(
                rounded(difference, 3, source), " (", given(arm, source), "/",
                given(boundary.analysed[1], source), " against ", given(control, source), "/",
                given(boundary.analysed[0], source), ")",
            )
        )  # fmt: skip
    return line(secret(listed(found), otherwise=WITHHELD_SHORT)) if found else line("–")


def _binding(evidence: Evidence) -> Iterator[Block]:
    if evidence.rules_that("declare_futility"):
        yield Paragraph(
            line=prose(
                "Operating characteristics are those of a trial that obeys its rules. Futility is "
                "meant to be followed; {section} shows what becomes of the type I error if it is "
                "not.",
                section=Reference("sensitivity"),
            )
        )
    if evidence.rules_that("stop_for_safety"):
        yield Paragraph(
            line=prose(
                "A stop for safety is judged before success. No rule prevents the committee from "
                "recommending a stop for another reason of safety."
            )
        )


def _boundaries(evidence: Evidence) -> list[Block]:
    """For each rule on counts, the numbers of responders at which it holds."""
    found = evidence.boundaries
    blocks: list[Block] = [
        Heading(text="The rules on the scale of the data", key="boundaries", level=2,
                audience="restricted"),
    ]  # fmt: skip
    if not found:
        blocks.append(
            Paragraph(
                line=prose(
                    "No rule of this design can be said as whole numbers of responders: {why}.",
                    why="the numbers of each arm and stratum at a look are random"
                    if evidence.kind_of_primary == "counts"
                    else "what is asked is not about counts",
                ),
                audience="restricted",
            )
        )
        return blocks
    blocks.append(
        Paragraph(
            line=prose(
                "At the planned numbers each rule is a list of whole numbers of responders, which "
                "a committee can look up. A run such as {example} means from the one to the other, "
                "both included.",
                example=given("10-24", "notation"),
            ),
            audience="restricted",
        )
    )
    for name in dict.fromkeys(boundary.rule for boundary in found):
        blocks.append(_boundary_table([b for b in found if b.rule == name]))
    return [*blocks, *figures_for(evidence, "F3")]


def _boundary_table(boundaries: list[Boundary]) -> Table:
    first = boundaries[0]
    two = len(first.analysed) == 2
    source = f"boundaries.csv: {first.rule}"
    rows: list[Row] = []
    most = max(b.holds.shape[0] for b in boundaries)
    for control in range(min(most, LIMIT)):
        shown = []
        for boundary in boundaries:
            if control >= boundary.holds.shape[0]:
                shown.append(line("–"))
            else:
                shown.append(line(given(boundary.runs(control) or "none", source)))
        if two and all(part == line("–") or part[0].text == "none" for part in shown):  # type: ignore[union-attr]
            rows.append(row(line(given(control, source), " or more"), *shown))
            break
        rows.append(row(given(control, source) if two else "–", *shown))
    heads = [
        line("Look ", given(b.look, source), " (",
             given(" + ".join(map(str, b.analysed)), source), ")")
        for b in boundaries
    ]  # fmt: skip
    arm = first.arms[-1]
    return Table(
        key=f"t-boundaries-{first.rule}",
        title=line(code(first.rule), f" {DECISIONS[first.then]}: numbers of responders in ",
                   code(arm), " at which it holds"),
        head=(line("Responders in ", code(first.arms[0])) if two else line("Question"), *heads),
        rows=tuple(rows),
        align=("right", *("right",) * len(heads)),
        audience="restricted",
    )  # fmt: skip


# ── thresholds and error ──────────────────────────────────────────────────────────────────────
def _thresholds(evidence: Evidence) -> list[Block]:
    if evidence.design.calibration is None:
        evidence.trace.not_applicable(
            19, "the thresholds were set by the designers and not calibrated"
        )
        return [
            Heading(text="Where the thresholds come from", key="thresholds", level=2),
            Paragraph(
                line=prose(
                    "The thresholds were set by the designers. No search was made for them, and "
                    "their error is what {section} reports.",
                    section=Reference("null"),
                )
            ),
        ]
    calibration = evidence.design.calibration
    evidence.trace.reported(19, "thresholds")
    region = calibration.null_region or {}
    shown = [
        line("The null region: a true rate of ", code(name), " from ",
             given(" to ".join(f"{v:g}" for v in values), "calibration"), ".")
        for name, values in region.items()
    ]  # fmt: skip
    return [
        Heading(text="Where the thresholds come from", key="thresholds", level=2),
        Paragraph(
            line=prose(
                "The threshold for success is the smallest at which the probability of any success "
                "is at most {error} at every point of the null region. It was searched on trials "
                "of their own, with a seed made from that of the design; the operating "
                "characteristics come from others.",
                error=evidence.setting(calibration.type_one_error, "calibration.type_one_error"),
            )
        ),
        *([Items(lines=tuple(shown))] if shown else []),
    ]


def _multiplicity(evidence: Evidence) -> list[Block]:
    design = evidence.design
    successes = evidence.rules_that("declare_success")
    parts = [
        prose(
            "Looks: success may be declared at {looks}. Type I error and power in this report "
            "count every success.",
            looks=_any_look(evidence),
        ),
        prose(
            "Endpoints: {number} success, on {endpoint}. Other endpoints carry no claim.",
            number=line(
                counted(len(successes), "design: rules"),
                " rule declares" if len(successes) == 1 else " rules declare",
            ),
            endpoint=listed([line(code(n)) for n in dict.fromkeys(_endpoint_of(evidence, rule)
                                                                   for rule in successes)]),
        ),
    ]  # fmt: skip
    if design.by_target:
        parts.append(
            prose(
                "Arms and strata: success belongs to each of them. A false success is any success "
                "where the true difference is not above the margin of its rule; {table} has its "
                "probability.",
                table=Reference("t-false"),
            )
        )
    evidence.trace.reported(23, "multiplicity")
    return [
        Heading(text="Multiplicity", key="multiplicity", level=2),
        Items(lines=tuple(parts)),
    ]


def _any_look(evidence: Evidence) -> Line:
    """The looks at which success may be declared."""
    design = evidence.design
    judged = sorted({k for rule in evidence.rules_that("declare_success")
                     for k in design.judged_at(rule)})  # fmt: skip
    if len(judged) < design.looks.number or len(judged) == 1:
        word = "look " if len(judged) == 1 else "looks "
        return line(word, listed([line(given(k, "design: rules.looks")) for k in judged]))
    return line("any of ", counted(len(judged), "design: looks"), " looks")


def _endpoint_of(evidence: Evidence, rule: Rule) -> str:
    resolved = next(found for found in evidence.plan.rules if found.name == rule.name)
    return resolved.question.endpoint
