"""Decision rules: what is asked, compared and decided at each look, and on which counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from adaptive_cart.decisions import FUTILITY, SAFETY, SUCCESS
from adaptive_cart.design.rule_tables import Rule
from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.chapters.shared_thresholds import shared_words
from adaptive_cart.report.chapters.thresholds import basis, thresholds
from adaptive_cart.report.document import (
    WITHHELD_SHORT,
    Annexed,
    Block,
    Heading,
    Items,
    Line,
    Paragraph,
    Reference,
    Row,
    Slot,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    prose,
    row,
    secret,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import counted, given, rounded
from adaptive_cart.report.pictures import figures_of
from adaptive_cart.running.boundaries import Boundary, arms_alike, planned_if
from adaptive_cart.telling.comparator import only_as_observed

LIMIT = 40  # rows of responders in the control that a table of boundaries shows


def _claims_of(evidence: Evidence, name: str) -> Iterator[Slot]:
    """Say whose claims a rule takes, where what it predicts asks several questions."""
    resolved = next(rule for rule in evidence.plan.rules if rule.name == name)
    for other in resolved.claims_of:
        yield from (" It claims what ", code(other), " claims, with all of its questions.")


def _criterion(evidence: Evidence) -> list[Block]:
    rows = [
        row(given(place, "design: rules"), code(rule.name), rule.decision.does,
            _question(evidence, rule),
            evidence.when(rule))
        for place, rule in enumerate(evidence.design.rules, start=1)
    ]  # fmt: skip
    claims = [
        line(
            code(rule.name), ": success if ", evidence.condition(rule),
            ", judged at ", evidence.when(rule), ".",
            *_claims_of(evidence, rule.name),
        )
        for rule in evidence.design.rules_ending(SUCCESS)
    ]  # fmt: skip
    if claims:
        evidence.trace.reported(16, "criterion", "t-rules")
    return [
        Heading(text="Hypotheses and criterion for success", key="criterion", level=2),
        Paragraph(
            line=prose(
                "The claim is one-sided. The criterion is {what} that has to reach a threshold:",
                what=_criteria(evidence),
            )
            if claims
            else prose("No rule of this design declares success.")
        ),
        *([Items(lines=tuple(claims))] if claims else []),
        paragraph(
            "{table} lists all rules in the order in which they are judged at a look. The "
            "first that ends the trial wins; after the last look a trial without success ends "
            "as no success.",
            table=Reference("t-rules"),
        ),
        Table(
            key="t-rules",
            title=line("Rules, in the order in which they are judged"),
            head=cells("Order", "Rule", "What it does", "What it asks", "Judged at"),
            rows=tuple(rows),
            align=("right", "left", "left", "left", "left"),
            widths=(0.6, 0.9, 1.2, 2.7, 1.4),
        ),
        *basis(evidence),
    ]


def _question(evidence: Evidence, rule: Rule) -> Line:
    """What a rule asks, without its thresholds."""
    asked = [_asked(evidence, rule, number) for number in range(len(rule.comparisons))]
    return evidence.together(rule, asked)


def _asked(evidence: Evidence, rule: Rule, number: int) -> Line:
    part = evidence.resolved(rule).parts[number]
    if evidence.plan.bayesian(part):
        sign = "probable" if part.at_least else "improbable"
        return line(f"whether it is sufficiently {sign} that ", evidence.asked(rule, number))
    size = "large" if part.at_least else "small"
    return line(f"whether 1 − p is sufficiently {size} of the one-sided test that ",
                evidence.asked(rule, number))  # fmt: skip


def _criteria(evidence: Evidence) -> str:
    """What the rules for success compare with their thresholds."""
    rules = evidence.design.rules_ending(SUCCESS)
    parts = [part for rule in rules for part in evidence.resolved(rule).parts]
    kinds = {evidence.plan.bayesian(part) for part in parts}
    tested = "1 − p, one less the one-sided p-value of a test and no posterior probability,"
    both = ["a probability, given the data,"] * (True in kinds) + [tested] * (False in kinds)
    return " or ".join(both)


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
    heads = [line(code(rule.name), ": ", rule.decision.does, " if") for rule in design.rules]
    told = evidence.planned_at(1) is not None and any(
        b.decision.ends == SUCCESS and len(b.analysed) > 1 for b in evidence.boundaries
    )
    evidence.trace.reported(18, "t-by-look", "t-rules")
    return [
        Heading(text="The rules at each look", key="by-look", level=2),
        Annexed(),
        without_blank_columns(
            Table(
                key="t-by-look",
                audience="restricted",
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
    if any(rule.every for rule in evidence.design.rules):
        full += (
            " Between looks a rule is compared with its threshold at the next look it is judged."
        )
    if not told:
        return line(full)
    return line("Analysed: planned numbers, ", _plus(evidence.arms()), ". Smallest "
                "difference: of the observed proportions, at planned numbers, over all numbers of "
                "responders in the control. ", full)  # fmt: skip


def _plus(names: Sequence[Slot]) -> Line:
    return line(*(part for name in names for part in (" + ", name)))[1:]


def _smallest(evidence: Evidence, look: int) -> Line:
    found = []
    here = (b for b in evidence.boundaries if b.look == look and b.decision.ends == SUCCESS)
    asked = {arm for rule in evidence.plan.rules if rule.decision.ends == SUCCESS
             for arm in (target.arm for target in rule.targets)}  # fmt: skip
    for boundary, arms in ((one, arms) for arms, own in arms_alike(here) for one in own):
        edge = boundary.edge()
        if edge is None or len(boundary.analysed) < 2:
            continue
        difference, control, arm = edge
        source = f"boundaries.csv: {boundary.rule}, look {look}"
        named = listed([evidence.arm(name) for name in arms]) if len(asked) > 1 else ()
        found.append(
            line(
                *named, " " if named else "",
                rounded(difference, 3, source), " (", given(arm, source), "/",
                given(boundary.analysed[1], source), " against ", given(control, source), "/",
                given(boundary.analysed[0], source), ")",
            )
        )  # fmt: skip
    return line(secret(listed(found), otherwise=WITHHELD_SHORT)) if found else line("–")


def _binding(evidence: Evidence) -> Iterator[Block]:
    if evidence.design.rules_ending(FUTILITY):
        yield paragraph(
            "Operating characteristics are those of a trial that obeys its rules. Futility is "
            "{meant}{otherwise}.",
            meant=_meant(evidence),
            otherwise=line(
                "; ",
                Reference("sensitivity"),
                " shows what becomes of the type I error if it is not",
            )
            if evidence.sensitivity_trials and evidence.worst_null
            else "",
        )
    if evidence.design.rules_ending(SAFETY):
        yield paragraph(
            "{order}No rule prevents the committee from recommending a stop for another reason "
            "of safety.",
            order=_safety_first(evidence),
        )


def _meant(evidence: Evidence) -> str:
    """Whether futility has to be followed for the error that was asked for."""
    overruled = evidence.design.overruled
    if not any(rule.decision.ends == FUTILITY for rule in overruled):
        return "meant to be followed"
    return "not binding: it may be overruled, and thresholds are searched without it"


def _safety_first(evidence: Evidence) -> str:
    """Whether stops for safety are judged before success, as the order of the rules has it."""
    order = [rule.decision.ends for rule in evidence.design.rules]
    if SUCCESS not in order:
        return ""
    last_safety = len(order) - order[::-1].index(SAFETY)
    if last_safety <= order.index(SUCCESS):
        return "A stop for safety is judged before success. "
    return "At a look success is judged before a rule that stops for safety, in the order written. "


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
                    why=_why_no_counts(evidence),
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
                "both included.{if_so}",
                example=given("10-24", "notation"),
                if_so=_planned_if(evidence),
            ),
            audience="restricted",
        )
    )
    for name in dict.fromkeys(boundary.rule for boundary in found):
        groups = arms_alike(b for b in found if b.rule == name)
        for arms, own in groups:
            blocks.append(_boundary_table(evidence, own, arms, len(groups) > 1))
    return [*blocks, *figures_of(evidence, "rules")]


def _planned_if(evidence: Evidence) -> str:
    """Say of which trial the planned numbers are, where not of every one."""
    when = planned_if(evidence.design)
    if not when:
        return ""
    counted = evidence.plan.fitted[evidence.design.primary or ""][0].counted
    who = f"; a comparison counts {counted}" if counted else ""
    return f" Numbers are those planned {when}; at others the rule is another list{who}."


def _why_no_counts(evidence: Evidence) -> str:
    design = evidence.design
    if not design.primary_endpoint.binary:
        return "what is asked is not about counts"
    assert design.primary is not None
    analysis = evidence.plan.fitted[design.primary][0]
    if analysis.by_period and not analysis.of_two_counts:
        return (
            "what a comparison says depends on the responders of every arm in each period, and not "
            "on those of two arms alone"
        )
    return "the numbers of each arm and stratum at a look are random"


def _boundary_table(
    evidence: Evidence, boundaries: list[Boundary], arms: tuple[str, ...], several: bool
) -> Table:
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
    return Table(
        key=f"t-boundaries-{first.rule}" + (f"-{arms[0]}" if several else ""),
        title=line(code(first.rule), f" {first.decision.does}: numbers of responders in ",
                   "each of " if len(arms) > 1 else "",
                   listed([evidence.arm(name) for name in arms]),
                   " at which it holds"),
        head=(
            line("Responders in ", evidence.arm(first.arms[0])) if two else line("Question"),
            *heads,
        ),
        rows=tuple(rows),
        align=("right", *("right",) * len(heads)),
        notes=_beside_note(evidence, first.rule),
        audience="restricted",
    )  # fmt: skip


def _beside_note(evidence: Evidence, rule: str) -> tuple[Line, ...]:
    """Beside which external data the numbers of a table are so, where these are drawn anew."""
    own = next(one for one in evidence.design.rules if one.name == rule)
    words = only_as_observed(evidence.design, evidence.resolved(own))
    told = f"{words[:1].upper()}{words[1:]}"
    return (line(given(told, "design: external"), "."),) if words else ()


def _multiplicity(evidence: Evidence) -> list[Block]:
    design = evidence.design
    successes = evidence.design.rules_ending(SUCCESS)
    parts = [
        prose(
            "Looks: success may be declared at {looks}. Type I error and power in this report "
            "count every success.",
            looks=_any_look(evidence),
        ),
        prose(
            "Endpoints: {number} success, on {endpoint}. {further}",
            further=_further_claims(evidence),
            number=line(
                counted(len(successes), "design: rules"),
                " rule declares" if len(successes) == 1 else " rules declare",
            ),
            endpoint=listed([evidence.endpoint_words(name) for name in dict.fromkeys(
                q.endpoint for rule in successes for q in evidence.resolved(rule).about)]),
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


def _further_claims(evidence: Evidence) -> Line:
    """What is claimed beside success, and with which family-wise error."""
    claims = evidence.design.further_claims
    if not claims:
        return line("Other endpoints carry no claim.")
    again = any(rule.followed_up for rule in claims)
    measure = "any_false_claim_final" if again else "any_false_claim"
    worst = evidence.worst_of(measure)
    error = () if worst is None else prose(
        " Any claim of a trial, success counted in, {when}is false with probability {error} in "
        "{worst}, the scenario where that is largest; {table} has the others.",
        when="made at its end or when the pipeline has been followed up, " if again else "",
        error=evidence.cell(worst, measure).with_interval(),
        worst=code(worst),
        table=Reference("t-further-claims"),
    )  # fmt: skip
    asked = listed([line(code(rule.name), " at ", evidence.when(rule)) for rule in claims])
    said = prose("Further claims: {claims}; none of them counts as success.", claims=asked)
    return said + shared_words(evidence) + error


def _any_look(evidence: Evidence) -> Line:
    """The dates at which success may be declared."""
    return listed([*dict.fromkeys(evidence.when(r) for r in evidence.design.rules_ending(SUCCESS))])


CHAPTER = Chapter(
    key="rules",
    title="Decision rules",
    sections=(_criterion, _by_look, _boundaries, thresholds, _multiplicity),
)
