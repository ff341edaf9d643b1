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
    bayesian, adapts = evidence.plan.asks_posteriors, _adapts(evidence)
    why = [*["adaptive"][: bool(adapts)], *["Bayesian"][:bayesian]] or ["this design"]
    told = adapts or (
        "Not adaptive: nothing that is seen before the last look changes how the {n} participants "
        "are enrolled and followed."
    )
    blocks: list[Block] = [
        Heading(text=f"Why {', and why '.join(why)}", key="why", level=2),
        paragraph(
            f"{told}{_bayesian(evidence) if bayesian else ''}",
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


def _adapts(evidence: Evidence) -> str:
    """Why it is adaptive, in a sentence; blank where nothing before the last look changes it."""
    last = evidence.plan.schedule.number
    early = [
        rule.decision
        for rule in evidence.plan.rules
        if not rule.decision.at_the_end and (rule.every or any(at < last for at in rule.looks))
    ]
    enrolled = "Adaptive, since participants are enrolled while the outcome of earlier ones is "
    if any(decision.may_end for decision in early):
        return enrolled + (
            "still open: a look at what is known by then can end the trial before all {n} have "
            "been enrolled and followed up."
        )
    changed = any(decision.stops_enrolment or decision.chooses for decision in early)
    if changed or evidence.design.randomisation.by_shares is not None:
        return enrolled + (
            "still open: what is known by a look changes how the others of all {n} are enrolled."
        )
    return ""


def _bayesian(evidence: Evidence) -> str:
    """Why it is Bayesian: what its own rules, priors and predictions make of it."""
    plan = evidence.plan
    every = all(plan.bayesian(part) for part in plan.parts)
    rules = "rules" if every else "rules that ask posterior probabilities"
    about = "effect" if evidence.design.control is not None else "quantity that they ask about"
    clauses = [
        f"the {rules} are read as statements about the {about} itself",
        "what is known or assumed beforehand enters by a stated prior",
    ]
    if any(part.prediction is not None for part in plan.parts):
        clauses.append("the probability that a rule will hold at the end is predicted at a look")
    return f" Bayesian, since {', '.join(clauses[:-1])}, and {clauses[-1]}."


CHAPTER = Chapter(key="aims", title="Aims", sections=(_aims, _why))
