"""Conduct and access, and the paragraphs that a protocol can take over."""

from __future__ import annotations

from typing import Any

from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.chapters.provisions import ending, enrolment_between_looks
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
    paragraph,
    prose,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import ROLES
from adaptive_cart.report.numbers import counted, given

TOPICS = {
    "roles": "Who analyses, who sees results, who recommends",
    "access": "Access to data and results",
    "if_overruled": "If a rule is overruled",
    "long_term_follow_up": "Follow-up after the trial",
}
INTERIM, SIZE = "10.9", "10.11"  # sections of the protocol template


def _conduct(evidence: Evidence) -> list[Block]:
    """Roles and access, and the texts for the protocol."""
    facts = evidence.facts.conduct
    rows = [
        row(TOPICS[name], given(getattr(facts, name) or "to be given by the sponsor",
                                f"facts: conduct.{name}"))
        for name in ROLES
    ]  # fmt: skip
    lacking = evidence.facts.lacking_conduct()
    if lacking:
        evidence.trace.missing(
            59, "in the file of facts: " + ", ".join(f"conduct.{name}" for name in lacking)
        )
    else:
        evidence.trace.reported(59, "t-conduct")
    return [
        Table(
            key="t-conduct",
            title=line("Who knows what, and what happens afterwards"),
            head=cells("Topic", "Provision"),
            rows=tuple(rows),
            widths=(1.6, 4.4),
        ),
        *_paste(evidence),
        *_split(evidence),
    ]


def _split(evidence: Evidence) -> list[Block]:
    evidence.trace.reported(6, "split")
    return [
        Heading(text="Open and restricted content", key="split", level=2),
        paragraph(
            "This report exists twice, from one source. The open appendix leaves out "
            "thresholds, boundaries and the probabilities that rules ask for, from which an "
            "interim result could be guessed; the restricted annex has everything and is for "
            "those who conduct the interim analyses and for regulators. Which tables and "
            "figures stand there alone is said in {where}.",
            where=Reference("by-look"),
        ),
    ]


def _paste(evidence: Evidence) -> list[Block]:
    m11 = "guidance: ich_m11"
    return [
        Heading(text="Text for the protocol", key="paste", level=2),
        paragraph(
            "For sections {interim} and {size} of the protocol template of ICH {m11}:",
            interim=given(INTERIM, m11),
            size=given(SIZE, m11),
            m11=given("M11", m11),
        ),
        Heading(text="Interim analyses", key="paste-interim", level=3),
        Paragraph(line=_interim(evidence), role="paste"),
        Heading(text="Sample size determination", key="paste-size", level=3),
        Paragraph(line=_sample_size(evidence), role="paste"),
    ]


def _interim(evidence: Evidence) -> Line:
    number = evidence.design.looks.number
    said = prose(
        "{number} of the data {are} planned, {when}{last}. The following rules are judged in this "
        "order, each at the dates that it names, and the first that ends the trial is obeyed: ",
        number=line(
            counted(number, "design: looks", capital=True),
            " analysis" if number == 1 else " analyses",
        ),
        are="is" if number == 1 else "are",
        when=evidence.all_due(),
        last="" if number == 1 else "; the last of these is the final analysis",
    )
    joined: Line = ()
    for place, rule in enumerate(evidence.design.rules):
        joined += (line("; ") if place else ()) + line(
            code(rule.name), " ", rule.decision.does, " if ", evidence.condition(rule),
            ", judged at ", evidence.when(rule),
        )  # fmt: skip
    end = prose(
        ". {ending}Enrolment {enrolment}. Participants randomised and not yet analysed when the "
        "trial stops are followed up, and the last decision is reported again with them.",
        ending=line(ending(evidence), " ") if ending(evidence) else "",
        enrolment=enrolment_between_looks(evidence),
    )
    return said + joined + end


def _enrolled(evidence: Evidence) -> Line:
    """How they come into the arms: ``randomised 2 : 1 (cart : soc)``, ``enrolled in cart``."""
    if len(evidence.design.arms) == 1:
        return line("enrolled in ", evidence.arms()[0])
    ratio = given(" : ".join(map(str, evidence.design.allocation)), "design: arms.allocation")
    arms = line(*(part for arm in evidence.arms() for part in (" : ", arm)))[1:]
    return line("randomised ", ratio, " (", arms, ")")


def _sample_size(evidence: Evidence) -> Line:
    null, target = evidence.worst_null, evidence.target
    design = evidence.design
    said = prose(
        "At most {n} participants are {enrolled}. The number was judged by "
        "{how}, reported in full in this appendix. ",
        n=evidence.setting(design.enrolment.max_n, "enrolment.max_n"),
        enrolled=_enrolled(evidence),
        how="enumeration of all tables of counts, without Monte Carlo error"
        if evidence.exact
        else line("simulation (", evidence.trials_words, ")"),
    )
    if target is not None:
        first = evidence.estimands[0] if evidence.estimands else None
        where: dict[str, Any] = (
            {} if first is None else {"arm": first.arm, "stratum": first.stratum}
        )
        said += prose(
            "If the true {kind} in {endpoint} is {true}, the probability of success is {power}. ",
            kind=evidence.estimand_words(),
            endpoint=evidence.endpoint_words(design.primary),
            true=evidence.cell(target, "estimand", **where).number(),
            power=evidence.cell(target, "success").with_interval(),
        )
        if not evidence.exact:
            said += prose(
                "The mean number randomised is then {n}, and the mean duration {months} months. ",
                n=evidence.cell(target, "n_randomised_mean").number(),
                months=evidence.cell(target, "months_mean").number(),
            )
    if null is not None:
        said += prose(
            "If there is no benefit (scenario {null}), the probability of success is {error}. ",
            null=code(null),
            error=evidence.cell(null, "success").with_interval(),
        )
    return said + prose(
        "Intercurrent events enter as they do in the estimand: dropout, rescue, death and not "
        "being infused are simulated with the frequencies of the register of assumptions."
        if any(t.courses is not None for t in evidence.truths.values())
        else "Intercurrent events are contained in the stated probabilities."
    )


CHAPTER = Chapter(key="conduct", title="Conduct and access", sections=(_conduct,))
