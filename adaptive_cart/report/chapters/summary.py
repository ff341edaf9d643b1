"""The summary that is read first."""

from __future__ import annotations

from typing import Any

from adaptive_cart.conduct.claimed_utility import claimed_utility
from adaptive_cart.conduct.plan import told_of
from adaptive_cart.decisions import SAFETY
from adaptive_cart.nouns.roles import NULL
from adaptive_cart.report import grid
from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.chapters.model import FLAT, NO_PRIOR
from adaptive_cart.report.chapters.prior_rows import worth_told
from adaptive_cart.report.chapters.thresholds import against_target
from adaptive_cart.report.document import (
    Block,
    Items,
    Line,
    Paragraph,
    Reference,
    code,
    line,
    listed,
    paragraph,
    prose,
    strong,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, counted, given, rounded
from adaptive_cart.telling.comparator import goals

MOST_TOLD = 3  # of what acts or hurts


def _summary(evidence: Evidence) -> list[Block]:
    """One page: what the design does in the worst null and at its target."""
    trace = evidence.trace
    blocks: list[Block] = [Paragraph(line=_frame(evidence))]
    lines: list[Line] = []
    null, target = evidence.worst_null, evidence.target
    if null is not None:
        error = evidence.cell(null, "success")
        lines.append(
            prose(
                "{label} {among} {scenario}{colon} {error}{against}.",
                label=strong("Type I error."),
                among="Among the null scenarios the probability of success is largest in"
                if len(evidence.of_role(NULL)) > 1
                else "In the null scenario",
                colon=":" if len(evidence.of_role(NULL)) > 1 else " the probability of success is",
                scenario=code(null),
                error=error.with_interval(),
                against=against_target(evidence, null),
            )
        )
    lines += _boundary(evidence)
    if target is not None:
        lines.append(
            prose(
                "{label} In {scenario}, where the true {quantity}{of} is {true}{weighed}, the "
                "probability of success{any} is {power}.",
                label=strong("Power."),
                scenario=code(target),
                quantity=evidence.estimand_words(),
                of=_first_label(evidence),
                true=_first_true(evidence, target).number(),
                weighed=_weighed(evidence, target),
                any=" of any arm or stratum" if evidence.design.by_target else "",
                power=evidence.cell(target, "success").with_interval(),
            )
        )
        lines += _sizes(evidence, target)
    lines += _prior(evidence)
    blocks.append(Items(lines=tuple(lines)))
    acting = safety_acting(evidence)
    if acting:
        blocks.append(paragraph("Where there is harm, the safety rules act:"))
        blocks.append(Items(lines=tuple(acting)))
    vulnerable = vulnerabilities(evidence)
    if vulnerable:
        blocks.append(paragraph("What the design is most vulnerable to:"))
        blocks.append(Items(lines=tuple(vulnerable)))
    if evidence.facts.conclusion:
        text = given(evidence.facts.conclusion, "facts: conclusion")
        blocks.append(Paragraph(line=line(strong("Conclusion. "), text)))
    blocks.append(Paragraph(line=_reading(evidence), role="note"))
    if null is not None and target is not None:
        trace.reported(3, "summary")
    else:
        trace.missing(3)
    return blocks


def _frame(evidence: Evidence) -> Line:
    design = evidence.design
    return prose(
        "The design compares {arms} with {control}{randomised}, with at most {n} "
        "participants and {looks} at the data. It was judged in {scenarios}: {trials}.",
        arms=listed([evidence.arm_named(name) for name in design.experimental_names]),
        control=_compared(evidence),
        randomised=_ratio(evidence),
        n=evidence.setting(design.enrolment.max_n, "enrolment.max_n"),
        looks=line(
            counted(design.looks.number, "design: looks"),
            " look" if design.looks.number == 1 else " looks",
        ),
        scenarios=line(
            counted(len(evidence.scenarios), "manifest: trials"),
            " scenario" if len(evidence.scenarios) == 1 else " scenarios",
        ),
        trials=evidence.trials_words,
    )  # fmt: skip


def _compared(evidence: Evidence) -> Line:
    """With what arms are compared: the control, or what stands in its place."""
    design = evidence.design
    if design.control is not None:
        return evidence.arm_named(design.control)
    with_number = ["a number, its performance goal,"] if goals(design) else []
    outside = [f"external data ({name})" for name in design.comparators]
    told = " and ".join([*with_number, *outside]) or "each other"
    return line(given(told, "design: rules"), " and has no randomised control")


def _ratio(evidence: Evidence) -> Line:
    """In what ratio participants are randomised, the control last; blank for a single arm."""
    design = evidence.design
    if len(design.arms) == 1:
        return ()
    first = min(design.experimental)
    ratio = [*design.allocation[first:], *design.allocation[:first]]
    return line(", randomised ", given(" : ".join(map(str, ratio)), "design: arms.allocation"))


def _boundary(evidence: Evidence) -> list[Line]:
    """The largest type I error where the true difference is just the margin, if it is known."""
    found = grid.grid_of(evidence)
    if found is None:
        return []
    control, error = found.worst
    return [
        prose(
            "{label} Where the true difference is just the margin of {margin}, the largest "
            "probability of success over all control rates is {error} (exact, at a control rate "
            "of {control}; see {table}).{named}",
            label=strong("At the boundary of the null region."),
            margin=given(found.margin, "design: rules"),
            error=rounded(error, 4, "exact enumeration"),
            control=rounded(control, 2, "exact enumeration"),
            table=Reference("t-grid"),
            named=grid.in_named_region(evidence, found),
        )
    ]


def _first_true(evidence: Evidence, scenario: str) -> Bound:
    estimands = evidence.estimands
    if not estimands:
        return evidence.cell(scenario, "estimand")
    first = estimands[0]
    return evidence.cell(scenario, "estimand", arm=first.arm, stratum=first.stratum)


def _weighed(evidence: Evidence, scenario: str) -> Line:
    """The true utility, where success is about that; blank where it is not."""
    weighed, true = claimed_utility(evidence.plan), evidence.of_claimed_utility(scenario)
    if weighed is None or true is None:
        return ()
    return prose(
        ", and that in the utility {name}, which success claims, {true}",
        name=code(weighed.name),
        true=true.number(),
    )


def _first_label(evidence: Evidence) -> Line:
    """Which arm the first estimand is of, where there are several."""
    label = evidence.estimand_label(evidence.estimands[0]) if evidence.estimands else ""
    return line(" of ", given(label, "design: arms")) if label else ()


def _sizes(evidence: Evidence, target: str) -> list[Line]:
    most = evidence.setting(evidence.design.enrolment.max_n, "enrolment.max_n")
    if evidence.exact:
        return [
            prose(
                "{label} In {scenario} the mean number analysed is {n}, of at most {most}.",
                label=strong("Size."),
                scenario=code(target),
                n=evidence.cell(target, "n_analysed_mean").number(),
                most=most,
            )
        ]
    enrolled, analysed = (
        evidence.cell(target, f"n_{name}_mean") for name in ("randomised", "analysed")
    )
    all_of_them = enrolled.figure.estimate == analysed.figure.estimate
    return [
        prose(
            "{label} In {scenario} the trial stops after {months} months on average. By then {n} "
            "of at most {most} participants are enrolled on average, "
            + (
                "all of them in the primary analysis with what has been seen of them."
                if all_of_them
                else "of whom {analysed} are in the primary analysis; the others are still to be "
                "followed up."
            ),
            label=strong("Size and time."),
            scenario=code(target),
            n=enrolled.number(),
            **({} if all_of_them else {"analysed": analysed.number()}),
            most=most,
            months=evidence.cell(target, "months_mean").number(),
        )
    ]


def _prior(evidence: Evidence) -> list[Line]:
    """The priors of the primary endpoint, and what they are worth."""
    fitted = evidence.plan.fitted.get(evidence.design.primary)
    if fitted is None:
        return []
    analysis, model = fitted
    priors = analysis.priors(model, evidence.design.arm_names)
    of_arms = [prior for prior in priors if prior.of_arm]
    if not analysis.bayesian:
        return [prose("{label} None: {why}.", label=strong("Priors."), why=NO_PRIOR)]
    if not of_arms and analysis.flat(model):
        return [prose("{label} None: {why}.", label=strong("Priors."), why=FLAT)]
    if not of_arms:
        return [
            prose(
                "{label} The primary endpoint is analysed by the model {model}; its priors are in "
                "{table}.",
                label=strong("Priors."),
                model=code(analysis.model),
                table=Reference("t-priors"),
            )
        ]
    told = [
        line(evidence.arm(prior.part), " ", given(prior.numbers.words, "design: analysis"),
             " (mean ", rounded(prior.numbers.mean, 3, "design: analysis"),
             *((", worth ", *worth_told(prior.worth, "design: analysis")) if prior.worth else ()),
             ")")
        for prior in of_arms
    ]  # fmt: skip
    return [prose("{label} Of the primary endpoint: {told}.", label=strong("Priors."),
                  told=listed(told))]  # fmt: skip


# ── what hurts ────────────────────────────────────────────────────────────────────────────────
def _fall(evidence: Evidence, scenario: str) -> float:
    """How much the probability of success falls against the target, where that is no chance."""
    target = evidence.target
    cell = evidence.cell(scenario, "success")
    if target is None or evidence.role(scenario) == NULL or scenario == target or not cell.known:
        return 0.0
    base = evidence.cell(target, "success").figure.estimate
    fall = base - cell.figure.estimate
    return fall if fall > 2 * cell.figure.mcse else 0.0


def _by_safety(evidence: Evidence, scenario: str) -> bool:
    """Whether success falls since more trials stop for safety: at least half of what it loses."""
    if evidence.target is None or not evidence.design.rules_ending(SAFETY):
        return False
    here, there = (
        evidence.cell(name, "stop_safety").figure.estimate for name in (scenario, evidence.target)
    )
    return here - there >= _fall(evidence, scenario) / 2 > 0.0


def safety_acting(evidence: Evidence) -> list[Line]:
    """Scenarios in which success falls because safety rules act, as they are meant to."""
    found = [name for name in evidence.scenarios if _by_safety(evidence, name)]
    found.sort(key=lambda name: -evidence.cell(name, "stop_safety").figure.estimate)
    rules = evidence.design.rules_ending(SAFETY)
    return [
        prose(
            "In {scenario} {stopped} of the trials stop for safety{by}; the probability of success "
            "is {success}.",
            scenario=code(name),
            stopped=evidence.cell(name, "stop_safety").with_interval(),
            by=_by_which(evidence, name) if len(rules) > 1 else "",
            success=evidence.cell(name, "success").number(),
        )
        for name in found[:MOST_TOLD]
    ]


def _by_which(evidence: Evidence, scenario: str) -> Line:
    told = [
        line(code(rule.name), " ", evidence.cell(scenario, f"decided_{rule.name}").number())
        for rule in evidence.design.rules_ending(SAFETY)
    ]
    return line(", by ", listed(told))


def vulnerabilities(evidence: Evidence) -> list[Line]:
    """What hurts the design most, the worst first, by how much power or safety it costs."""
    found: list[tuple[float, Line]] = []
    target = evidence.target
    for name in evidence.scenarios:
        fall = _fall(evidence, name)
        if target is None or fall == 0.0 or _by_safety(evidence, name):
            continue
        text = prose(
            "In {scenario} the probability of success falls from {base} to {here}.",
            scenario=code(name),
            base=evidence.cell(target, "success").number(),
            here=evidence.cell(name, "success").with_interval(),
        )
        found.append((fall, text))
    told = told_of(evidence.design)
    for measure, words, limit in (
        ("reversal", "The probability that a declared success is turned into a failure by the "
                     "pipeline is largest in {scenario}: {value}.", 0.01),
        ("bias", f"The {told.estimate} is furthest from the true value in {{scenario}}: "
                 "a bias of {value}.", 0.01),
    ):  # fmt: skip
        worst = _largest(evidence, measure)
        if worst is not None and abs(worst[2].figure.estimate) >= limit:
            name, label, bound = worst
            where = line(code(name), ", " if label else "", given(label, "design: arms"))
            text = prose(words, scenario=where, value=bound.with_interval())
            found.append((abs(bound.figure.estimate), text))
    ordered = sorted(found, key=lambda part: -part[0])
    return [text for _, text in ordered[:MOST_TOLD]]


def _largest(evidence: Evidence, measure: str) -> tuple[str, str, Bound] | None:
    """Where a measure is furthest from nought: scenario, arm and stratum, the number.

    That a success is reversed under a null is what the follow-up is for, and left out.
    """
    known: list[tuple[str, str, Bound]] = []
    for name in evidence.scenarios:
        if measure == "bias":
            for estimand in evidence.estimands:
                where: dict[str, Any] = {"arm": estimand.arm, "stratum": estimand.stratum}
                label = evidence.estimand_label(estimand)
                known.append((name, label, evidence.cell(name, measure, **where)))
        elif evidence.role(name) != NULL:
            known.append((name, "", evidence.cell(name, measure)))
    known = [part for part in known if part[2].known]
    return max(known, key=lambda part: abs(part[2].figure.estimate), default=None)


def _reading(evidence: Evidence) -> Line:
    if evidence.exact:
        return prose(
            "All numbers of the run were enumerated and have no Monte Carlo error. They are "
            "properties of the design under a stated truth, and no evidence about the disease."
        )
    return prose(
        "Intervals are {level} Monte Carlo intervals: they say how sure the simulation is, given "
        "the stated truth, and are no confidence or credible intervals of a clinical effect. "
        "Numbers are shown with the digits that their Monte Carlo standard error allows; nought is "
        "followed by the upper end of its interval where no trial showed the event. {table} holds "
        "all numbers.",
        level=evidence.level(),
        table=Reference("t-all"),
    )


CHAPTER = Chapter(key="summary", title="Summary", sections=(_summary,))
