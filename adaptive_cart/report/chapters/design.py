"""Design and estimand: arms, looks, endpoints, intercurrent events, analysis sets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from adaptive_cart.conduct.plan import in_what
from adaptive_cart.design.design import Design
from adaptive_cart.design.first_part import planned_in_parts
from adaptive_cart.design.planned import said_moment
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.chapters.analysis_sets import analysis_sets
from adaptive_cart.report.chapters.comparator import comparator
from adaptive_cart.report.chapters.provisions import enrolment_between_looks, provisions
from adaptive_cart.report.document import (
    Block,
    Heading,
    Items,
    Line,
    Number,
    Paragraph,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    prose,
    row,
    secret,
    strong,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence, per_scenario
from adaptive_cart.report.numbers import counted, given
from adaptive_cart.report.pictures import figures_of
from adaptive_cart.telling.estimands import TREATMENT, Attributes, attributes
from adaptive_cart.telling.periods import told_periods
from adaptive_cart.telling.spells import told_spells

ARRIVALS = {"poisson": "arrivals at random (Poisson)", "regular": "arrivals at regular times"}


def _figures(evidence: Evidence) -> list[Block]:
    return figures_of(evidence, "design")


def _arms(evidence: Evidence) -> list[Block]:
    design = evidence.design
    rows: list[Row] = []
    for name, planned in zip(design.arm_names, design.planned, strict=True):
        arm = design.arms[name]
        product = PRODUCTS[arm.product].description if arm.product else "not stated"
        rows.append(
            row(
                evidence.arm_named(name),
                "control" if arm.control else "experimental",
                given(product, f"products: {arm.product}"),
                evidence.setting(arm.allocation, f"arms.{name}.allocation"),
                given(planned, "design: enrolment.max_n by allocation"),
            )
        )
    speed = line(given(design.enrolment.in_words, "design: enrolment"))
    rule = design.randomisation
    if len(design.arms) == 1:
        how: Line = line("none, everybody is enrolled in the one arm")
    elif rule.by_shares is not None:
        how = line("response-adaptive: shares of the arms follow the data")
    else:
        block = rule.block_given
        size = (
            line(" of the smallest size that fits the ratio")
            if block is None
            else line(" of ", evidence.setting(block, "randomisation.block"))
        )
        how = line("permuted blocks", size, ", within strata" if design.strata else "")
    facts = [
        line(strong("Randomisation: "), how, "."),
        line(strong("Blinding: "), "the simulated trial is open label; outcomes do not depend on "
             "knowing the arm."),
        line(strong("Enrolment: "), speed, f", {ARRIVALS[design.enrolment.arrivals]}, at most ",
             evidence.setting(design.enrolment.max_n, "enrolment.max_n"),
             f" participants; it {enrolment_between_looks(evidence)}."),
    ]  # fmt: skip
    if design.first_part is not None:
        said = design.first_part.in_words(design.control)
        facts.append(line(strong("First part: "), given(said, "design: first_part"), "."))
    if design.stays is not None:
        facts += [line(strong(f"{evidence.design.arm_label(name)}: "), *_stay(evidence, name), ".")
                  for name in design.arm_names if design.arms[name].moments()]  # fmt: skip
        facts.append(line(strong("Periods: "), secret(_periods(design)), "."))
    if design.strata:
        shares = [line(code(name), " ", evidence.setting(share, f"strata.{name}"))
                  for name, share in design.strata.items()]  # fmt: skip
        facts.append(line(strong("Strata by share of enrolment: "), listed(list(shares)), "."))
    if rule.by_shares is not None:
        facts.append(
            line(
                strong("Adaptive shares: "),
                secret(
                    f"weight = P(best{in_what(design)}) to the power ",
                    given(rule.by_shares.power, "randomisation.power"),
                    "; least share ", given(rule.by_shares.minimum, "randomisation.minimum"),
                    "; equal until ", given(rule.by_shares.burn_in, "randomisation.burn_in"),
                    " are randomised",
                ),
                ".",
            )
        )  # fmt: skip
    facts += provisions(evidence)
    evidence.trace.reported(7, "t-arms", "t-looks")
    return [
        Heading(text="Arms and enrolment", key="arms", level=2),
        Table(
            key="t-arms",
            title=line("Arms"),
            head=cells("Arm", "Role", "Treatment", "Ratio", "Planned"),
            rows=tuple(rows),
            align=("left", "left", "left", "right", "right"),
            widths=(1.4, 1.1, 2.8, 0.6, 0.8),
            notes=tuple(planned_if_chosen(evidence)),
        ),
        Items(lines=tuple(facts)),
    ]


def planned_if_chosen(evidence: Evidence) -> Iterator[Line]:
    """Who is planned in each arm once one of them has been chosen after a first part."""
    design = evidence.design
    if design.first_part is None or not any(rule.decision.chooses for rule in design.rules):
        return
    for place in design.experimental:
        planned = zip(design.arm_names, planned_in_parts(design, place), strict=True)
        numbers = [line(code(name), " ", given(number, "design")) for name, number in planned]
        yield line(
            "Planned if ", code(design.arm_names[place]), " is chosen: ", listed(numbers), "."
        )


def _stay(evidence: Evidence, name: str) -> list[Any]:
    """When an arm enters and leaves."""
    moments = evidence.design.arms[name].moments()
    parts: list[Any] = []
    for place, (key, moment) in enumerate(moments):
        told = given(said_moment(moment), f"design: arms.{name}.{key}")
        parts += [" and " if place else "", f"{key} ", told]
    return parts


def _periods(design: Design) -> str:
    """Which arms enrol when, as planned, in a line."""
    head, *periods = (told.strip() for told in told_periods(design))
    return "; ".join([head.removeprefix("randomisation: "), *periods])


def _looks(evidence: Evidence) -> list[Block]:
    design = evidence.design
    most = design.enrolment.max_n
    rows = []
    for look in evidence.looks:
        planned = evidence.planned_at(look)
        last = look == design.looks.number
        fraction: Line = line("–")
        if planned is None:
            by_arm: Line = line("–")
            if not design.looks.as_stated:
                pass  # what a look sees is not the number stated
            elif design.looks.counts.of_events and look <= len(design.looks.at):
                share = design.looks.at[look - 1] / design.looks.at[-1]
                fraction = line(given(f"{share:.0%}", "design: looks"))
            elif design.looks.counts.when_followed and look <= len(design.looks.at):
                share = design.looks.at[look - 1] / most
                fraction = line(given(f"{share:.0%}", "design: looks / max_n"))
        else:
            by_arm = listed(
                [line(arm, " ", given(n, "design: looks"))
                 for arm, n in zip(evidence.arms(), planned, strict=True)]
            )  # fmt: skip
            fraction = line(given(f"{sum(planned) / most:.0%}", "design: looks / max_n"))
        rows.append(
            row(
                line(given(look, "design: looks"), " (last)" if last else ""),
                evidence.due(look),
                by_arm,
                fraction,
            )
        )
    first = evidence.planned_at(1)
    minimum: Line = ()
    if first is not None:
        rhythmic = [code(rule.name) for rule in design.rules if rule.every]
        minimum = prose(
            " {nothing} before {n} participants have an outcome.",
            nothing=line("But for ", listed(rhythmic), ", judged between looks too, nothing is "
                         "decided") if rhythmic else "Nothing is decided",
            n=given(sum(first), "design: looks"),
        )  # fmt: skip
    evidence.trace.reported(20, "t-looks")
    beyond: list[Block] = []
    if not design.looks.as_stated:
        beyond = [Paragraph(line=line(f"{design.looks.out_of_reach().capitalize()}."))]
    return [
        Heading(text="Looks", key="looks", level=2),
        Paragraph(
            line=line(
                prose(
                    "{number} {are} planned; {table} says when each is due. {who}",
                    number=counted(design.looks.number, "design: looks", capital=True),
                    are="look is" if design.looks.number == 1 else "looks are",
                    table=Reference("t-looks"),
                    who=_who(evidence),
                ),
                minimum,
            )
        ),
        without_blank_columns(
            Table(
                key="t-looks",
                title=line("Looks, and the numbers planned at each")
                if first is not None
                else line("Looks, and when each is due"),
                head=cells("Look", "Due when", "Planned in the analysis", "Information"),
                rows=tuple(rows),
                align=("left", "left", "left", "right"),
                widths=(0.8, 2.6, 2.1, 1.1),
                notes=(_information(evidence),) if design.looks.as_stated else (),
            )
        ),
        *beyond,
    ]


def _who(evidence: Evidence) -> str:
    """Who is analysed at a look."""
    if evidence.design.primary_endpoint.known_after() is None:
        return (
            "At a look everybody randomised is analysed, with what has been seen of them by then."
        )
    never = "; a look is never sooner because failures are already known"
    return "At a look everybody is analysed whose landmark month has passed" + (
        f"{never}." if evidence.design.looks.counts.when_followed else "."
    )


def _information(evidence: Evidence) -> Line:
    if evidence.design.looks.counts.of_events:
        return line("Information: events as a share of those at the last look planned. Numbers of "
                    "participants at a look are random.")  # fmt: skip
    if evidence.planned_at(1) is None:
        return line("Information: participants with an outcome as a share of the most that can be "
                    "randomised. Their numbers by arm are random.")  # fmt: skip
    return line("Information: participants with an outcome as a share of the most that can be "
                "randomised.")  # fmt: skip


# ── the estimand ──────────────────────────────────────────────────────────────────────────────
def _variable(evidence: Evidence, found: Attributes) -> Line:
    name, endpoint = found.endpoint, evidence.design.endpoints[found.endpoint]
    settings = {
        key: evidence.setting(getattr(endpoint, key), f"endpoints.{name}.{key}")
        for key in re.findall(r"{(\w+)}", found.variable)
    }
    called = evidence.endpoint_words(name) if endpoint.label else code(name)
    if not settings:  # in words that may hold numbers of the table
        return line(called, ": ", given(found.variable, f"endpoints.{name}"))
    return prose("{name}: " + found.variable, name=called, **settings)


def _measured(found: Attributes) -> Number:
    return given(found.measure, f"endpoints.{found.endpoint}.label")


def _handled(evidence: Evidence, found: Attributes) -> str:
    told = [handled.words() for handled in found.handled]
    if evidence.directly(found.endpoint):
        told.append("all others are contained in what the scenarios state")
    return "; ".join(told)


def _estimand(evidence: Evidence) -> list[Block]:
    design = evidence.design
    found = attributes(design, evidence.truths, design.primary)
    kind, called = evidence.estimand_words(), design.told()
    rows = [
        row("Treatment", TREATMENT),
        row("Population", found.population),
        row("Variable", _variable(evidence, found)),
        row("Intercurrent events", _handled(evidence, found)),
        row("Summary measure", line(_measured(found), f", estimated by the {called.estimate} "
            f"with an equal-tailed {called.interval}")),
    ]  # fmt: skip
    blocks: list[Block] = [
        Heading(text="Primary estimand", key="estimand", level=2),
        Table(
            key="t-estimand",
            title=line("The primary estimand"),
            head=cells("Attribute", "Definition"),
            rows=tuple(rows),
            widths=(1.2, 5.0),
        ),
    ]
    if not evidence.estimands:
        evidence.trace.missing(8)
        return blocks
    true = [
        row(
            code(name),
            evidence.role(name),
            *(
                evidence.cell(name, "estimand", arm=e.arm, stratum=e.stratum).number()
                for e in evidence.estimands
            ),
            *(
                evidence.cell(name, f"true_{design.primary}", "true", arm=arm).number()
                for arm in design.arm_names
            ),
        )
        for _, names in per_scenario(evidence)
        for name in names
    ]
    shown = kind.capitalize()
    heads = [shown if not evidence.estimand_label(e) else f"{shown}, {evidence.estimand_label(e)}"
             for e in evidence.estimands]  # fmt: skip
    blocks += [
        paragraph(
            "{what} Bias and coverage are measured against the values of {table}.",
            what="What is true of the estimand in a scenario follows from the whole course of "
            "the participants and is not a number that was typed."
            if evidence.infuses
            else "What is true of the estimand follows from the outcomes that a scenario "
            "states for each arm.",
            table=Reference("t-true"),
        ),
        without_blank_columns(
            Table(
                key="t-true",
                title=line("True value of the estimand in each scenario"),
                head=cells(
                    "Scenario",
                    "Role",
                    *(given(h, "design: arms") for h in heads),
                    *(line("In ", arm) for arm in evidence.arms()),
                ),
                rows=tuple(true),
                align=("left", "left", *("right",) * (len(heads) + len(design.arm_names))),
                widths=(2.2, 1.1, *(1.0,) * (len(heads) + len(design.arm_names))),
                wide=len(heads) > 4,
                notes=_unit_of_arms(evidence),
            )
        ),
    ]
    evidence.trace.reported(8, "t-estimand", "t-true")
    return blocks


def _unit_of_arms(evidence: Evidence) -> tuple[Line, ...]:
    """What the true value in an arm is, where it is no probability."""
    unit = evidence.design.primary_endpoint.true_unit()
    told = given(unit, f"endpoints.{evidence.design.primary}")
    return (line("In an arm: ", told, "."),) if unit else ()


def _other_estimands(evidence: Evidence) -> list[Block]:
    design = evidence.design
    others = [name for name in design.endpoints if name != design.primary]
    if not others:
        return []
    found = [attributes(design, evidence.truths, name) for name in others]
    return [
        paragraph(
            "{table} states the estimands of the other endpoints. Their treatment is that of the "
            "primary estimand.",
            table=Reference("t-estimands"),
        ),
        Table(
            key="t-estimands",
            title=line("The estimands of the other endpoints"),
            head=cells("Population", "Variable", "Intercurrent events", "Summary measure"),
            rows=tuple(
                row(each.population, _variable(evidence, each), _handled(evidence, each),
                    line(_measured(each)))
                for each in found
            ),
            widths=(1.4, 1.8, 3.2, 1.4),
            wide=True,
        ),
    ]  # fmt: skip


# ── intercurrent events ───────────────────────────────────────────────────────────────────────
_EVENTS = (
    ("not infused", "failure", "a probability before infusion; {without} from "
     "randomisation, in the analysis of the own arm"),
    ("rescue", "rescue", "a yearly hazard outside drug-free remission, from infusion on; ends or "
     "precludes the response"),
    ("dropout", "dropout", "a yearly hazard from randomisation"),
    ("death", "death", "a yearly hazard from randomisation; non-response"),
    ("crossover", "crossover", "a probability where there is reason to cross over"),
)  # fmt: skip


def _events(evidence: Evidence) -> list[Block]:
    from adaptive_cart.nouns.parts import MONTHS_PER_YEAR

    name = evidence.target or evidence.scenarios[0]
    courses = evidence.truths[name].courses
    blocks: list[Block] = [Heading(text="Intercurrent events", key="events", level=2)]
    if courses is None:
        evidence.trace.not_applicable(
            9, "the truth gives outcomes directly, so that no intercurrent event is simulated"
        )
        blocks.append(
            paragraph(
                "The truth of this design says the outcome of each arm directly. No infusion, "
                "rescue, crossover or death is simulated; {stated} contain them.",
                stated="the stated probabilities"
                if evidence.design.primary_endpoint.binary
                else "the stated outcomes",
            )
        )
        return blocks
    rows = []
    alone = evidence.design.control is None
    without = "the course said for the not infused" if alone else "the control's course"
    for words, part, how in _EVENTS:
        if part == "crossover" and evidence.design.crossover is None:
            rows.append(row(words, "not simulated: the design has no crossover",
                            *("–" for _ in courses)))  # fmt: skip
            continue
        values = []
        for arm, strata in zip(evidence.design.arm_names, courses, strict=True):
            value = _event(strata[0], part, MONTHS_PER_YEAR)
            path = f"truth.{arm}.{part}"
            values.append(line("–") if value is None else line(evidence.setting(value, path)))
        rows.append(row(words, how.format(without=without), *values))
    delays = [
        line(given(_delay(strata[0]), f"truth.{arm}.infusion.delay"))
        for arm, strata in zip(evidence.design.arm_names, courses, strict=True)
    ]
    rows.insert(1, row("delay to infusion", "months from randomisation", *delays))
    blocks += [
        paragraph(
            "Every participant is followed from randomisation through the events of {table}; "
            "therapy before infusion is bridging and does not count as rescue. Values are "
            "those of scenario {scenario}; {register} has the others.",
            table=Reference("t-events"),
            scenario=code(name),
            register=Reference("t-register"),
        ),
        Table(
            key="t-events",
            title=line("Intercurrent events and how each is simulated"),
            head=cells("Event", "How it is simulated", *evidence.arms()),
            rows=tuple(rows),
            widths=(1.1, 3.2, *(1.4,) * len(courses)),
            notes=(line("Probabilities for events before infusion, rates a year otherwise."),),
        ),
    ]
    beside = list(told_spells(evidence.design, evidence.truths[name]))
    if beside:
        source = f"design: scenarios.{name}"
        blocks += [
            paragraph(
                "The course of {scenario} says besides, of infusions after the first, of "
                "remissions that come again and of background drugs:",
                scenario=code(name),
            ),
            Items(lines=tuple(line(given(words, source), ".") for words in beside)),
        ]
    evidence.trace.reported(9, "t-events", "t-register")
    return blocks


def _event(group: Any, part: str, months: float) -> float | None:
    if part == "failure":
        return float(group.failure) if group.infused else None
    if part == "crossover":
        return float(group.crossover)
    hazard = group.own.rescue if part == "rescue" else getattr(group, part)
    return round(float(hazard) * months, 10)


def _delay(group: Any) -> str:

    return "–" if group.delay is None else group.delay.words()


CHAPTER = Chapter(
    key="design",
    title="Design and estimand",
    sections=(
        _arms,
        comparator,
        _looks,
        _estimand,
        _other_estimands,
        _events,
        analysis_sets,
        _figures,
    ),
)
