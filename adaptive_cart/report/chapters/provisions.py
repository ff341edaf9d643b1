"""What a design provides for the end of the trial, closed strata and crossover, in prose."""

from __future__ import annotations

from typing import Any

from adaptive_cart.design.randomisation import ResponseAdaptive
from adaptive_cart.report.document import Line, code, line, prose, strong
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given


def enrolment_between_looks(evidence: Evidence) -> str:
    """Whether enrolment goes on between looks, and what ends it."""
    stops = any(rule.decision.stops_enrolment for rule in evidence.design.rules)
    ends = "ends when a rule stops it or the trial ends" if stops else "ends when the trial ends"
    if evidence.design.first_part is not None:
        return f"pauses before the second part, goes on between the looks after that, and {ends}"
    return f"goes on between looks and {ends}"


def ending(evidence: Evidence) -> Line:
    """When a trial with several arms or strata ends; blank where success ends the trial at once."""
    design = evidence.design
    if not design.by_target:
        return ()
    several = design.several
    if several and design.ends_at_first_success:
        return line("The trial ends at the first success of an arm or stratum.")
    what = "experimental arm" if several else "stratum"
    return line(
        f"Success belongs to the arm or stratum that a rule asks about: it enrols no more, and the "
        f"trial ends when every {what} has succeeded, been dropped or been closed."
    )


def provisions(evidence: Evidence) -> list[Line]:
    """What the design says beyond arms and pace, each with a word in front."""
    design = evidence.design
    found: list[Line] = []
    if ending(evidence):
        found.append(line(strong("End of the trial: "), ending(evidence)))
    rule = design.randomisation.by_shares
    if rule is not None and design.control is not None:
        found.append(line(strong("Share of the control: "), _control(rule)))
    if design.strata and (
        design.by_target or any(rule.decision.closes_strata for rule in design.rules)
    ):
        found.append(
            line(
                strong("Arrivals of a closed stratum: "),
                "go to the open strata by their shares."
                if design.enrolment.redistributes
                else "are lost, which slows enrolment.",
            )
        )
    if design.crossover is not None:
        found.append(line(strong("Crossover: "), _crossover(evidence)))
    if any(truth.follow_up is not None for truth in evidence.truths.values()):
        found.append(line(strong("Visits and reports: "), _visits(evidence)))
    return found


def _visits(evidence: Evidence) -> Line:
    """At which visits states are seen, and how late that is known; scenarios that have others."""
    plan, endpoints = evidence.design.follow_up, evidence.design.endpoints
    parts: list[Any] = []
    if plan is not None:
        parts = [given(plan.in_words(endpoints), "design: follow_up"), ". "]
    for name, truth in evidence.truths.items():
        if truth.follow_up is not None and truth.follow_up != plan:
            own = truth.follow_up.in_words(endpoints)
            words = given(own, f"design: scenarios.{name}.follow_up")
            parts += ["In scenario ", code(name), ": ", words, ". "]
    return line(
        *parts,
        "Looks wait for these data. True values are those of the real course of participants: what "
        "visits miss, or show late, is part of the bias that is reported.",
    )


def _control(rule: ResponseAdaptive) -> Line:
    if rule.fixed is None:
        return line("as large as the largest of the experimental arms.")
    return line("fixed at ", given(rule.fixed, "design: randomisation.control"), ".")


def _crossover(evidence: Evidence) -> Line:
    crossover = evidence.design.crossover
    assert crossover is not None
    return prose(
        "participants of {start} {whom} may take the treatment of {end} from then on; {strategy}.",
        start=evidence.arm(crossover.from_),
        end=evidence.arm(crossover.to),
        whom=given(crossover.whom, "design: crossover.when, crossover.after_month"),
        strategy="remission after it counts (treatment policy)"
        if crossover.ignored
        else "crossover before the outcome is non-response (composite)",
    )
