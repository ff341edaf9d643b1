"""Limitations and conclusions, and the glossary."""

from __future__ import annotations

from collections.abc import Sequence

from adaptive_cart.nouns.roles import NULL
from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.chapters.assumptions import drifts
from adaptive_cart.report.chapters.comparator import conclusion, limitations
from adaptive_cart.report.chapters.summary import vulnerabilities
from adaptive_cart.report.chapters.thresholds import against_target
from adaptive_cart.report.document import (
    Block,
    Heading,
    Items,
    Line,
    Paragraph,
    Reference,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    prose,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import counted, given
from adaptive_cart.report.sensitivity import trials_asked

GLOSSARY = (
    ("arm", "treatment group"),
    ("assurance", "probability of success averaged over a design prior"),
    ("course", "what happens to a participant: infusion, remission, relapse, rescue, dropout, "
     "death"),
    ("coverage", "how often the interval of an estimate covers the true value"),
    ("design prior", "how probable the scenarios are thought to be; never used to analyse a trial"),
    ("effective sample size (ESS)", "participants that a prior is worth"),
    ("estimand", "the quantity of the primary endpoint that is estimated"),
    ("look", "a planned analysis of the data"),
    ("MCSE", "Monte Carlo standard error: what is left of chance because the number of simulated "
     "trials is finite"),
    ("operating characteristic", "a long-run property of the design under a truth"),
    ("participant", "somebody randomised"),
    ("pipeline", "randomised but not yet analysed"),
    ("power", "probability of success under an alternative"),
    ("predictive probability", "probability, given the data so far, that a rule will hold at the "
     "last look"),
    ("reversal", "a success that the pipeline turns into a failure"),
    ("rule", "a question, a comparison, and what follows when it holds"),
    ("scenario", "one truth, with a role: null, alternative or robustness"),
    ("trial", "one simulated trial"),
    ("type I error", "probability of success under a null"),
)  # fmt: skip


def _calendar(evidence: Evidence) -> Line:
    """What does not change with calendar time, and in which scenarios something does."""
    moving = [name for name in evidence.scenarios if evidence.truths[name].changes]
    others = "no difference between sites, and no limit to manufacturing slots."
    if not moving:
        return prose(
            "The truth does not change with calendar time; there is no learning curve, {drift}, "
            "{others}",
            drift=f"no drift of {drifts(evidence.design)}",
            others=others,
        )
    return prose(
        "The truth changes with calendar time in {names}, as {register} and {catalogue} say, and "
        "in nothing else; there is {others}",
        names=_among(evidence, moving),
        register=Reference("t-register"),
        catalogue=Reference("t-scenarios"),
        others=others,
    )


def _among(evidence: Evidence, names: Sequence[str]) -> Line:
    """In which scenarios something is so."""
    if len(names) == len(evidence.scenarios):
        return line("every scenario")
    return line(listed([line(code(name)) for name in names]), " alone")


def _data(evidence: Evidence) -> Line:
    """How orderly looks and their data are, and in which scenarios something delays or hides them.

    Nothing is in error in any.
    """
    plans = {name: evidence.truths[name].follow_up for name in evidence.scenarios}
    late = [name for name, plan in plans.items() if plan is not None and not plan.at_once]
    if not late:
        return prose(
            "Simulated trials obey their rules to the letter, looks are held on the day they are "
            "due, and what has happened by then to those in follow-up is known on that day, "
            "without errors."
        )
    return prose(
        "Simulated trials obey their rules to the letter, and looks are held on the day they are "
        "due. Visits and delays come between what happens and what a look knows in {names}, as "
        "{register} says; what it knows has no errors.",
        names=_among(evidence, late),
        register=Reference("t-register"),
    )


def _conclusions(evidence: Evidence) -> list[Block]:
    """What the simulations do not show, and what they do."""
    lines: list[Line] = [
        prose(
            "The truth of a scenario is assumed. What is assumed or unavailable in {table} limits "
            "every number of this report.",
            table=Reference("t-register"),
        ),
        _calendar(evidence),
        _data(evidence),
        prose(
            "A Monte Carlo error says how sure the simulation is, not how sure the assumptions are."
        ),
    ]
    lines[1:1] = limitations(evidence)
    evidence.trace.reported(60, "limitations", "glossary", "t-trace")
    number = trials_asked(evidence)
    if number:
        lines.append(
            prose(
                "The variants of {section} rest on {number} trials each.",
                section=Reference("sensitivity"),
                number=given(number, "sensitivity trials"),
            )
        )
    missing = [f for f in evidence.trace.findings() if f.status == "missing"]
    if missing:
        lines.append(
            prose(
                "{number} of the items that a simulation report should hold {are} missing; "
                "{table} says which, and what would supply {them}.",
                number=counted(len(missing), "checklist", capital=True),
                are="is" if len(missing) == 1 else "are",
                them="it" if len(missing) == 1 else "them",
                table=Reference("t-trace"),
            )
        )
    blocks: list[Block] = [
        Heading(text="Limitations", key="limitations", level=2),
        Items(lines=tuple(lines)),
        Heading(text="Conclusions", key="conclusion", level=2),
    ]
    blocks += _concluded(evidence)
    blocks += [
        Heading(text="Glossary", key="glossary", level=2),
        Table(
            key="t-glossary",
            title=line("Words"),
            head=cells("Word", "Means"),
            rows=tuple(row(word, meaning) for word, meaning in GLOSSARY),
            widths=(1.6, 4.4),
        ),
    ]
    return blocks


def _concluded(evidence: Evidence) -> list[Block]:
    if evidence.facts.conclusion:
        return [Paragraph(line=line(given(evidence.facts.conclusion, "facts: conclusion")))]
    null, target = evidence.worst_null, evidence.target
    if null is None or target is None:
        return [paragraph("Without a null and an alternative nothing is concluded.")]
    return [
        paragraph(
            "Under the stated truths the design succeeds with probability {power} at its "
            "target, and with probability {error} in {null}{against}.{vulnerable} Whether that "
            "is good enough is for the sponsor and the regulator to judge.{assumed}",
            assumed=conclusion(evidence),
            null="the worst of its null scenarios"
            if len(evidence.of_role(NULL)) > 1
            else "its null scenario",
            against=against_target(evidence, null),
            vulnerable=line(" What it is most vulnerable to is said in ", Reference("summary"), ".")
            if vulnerabilities(evidence)
            else "",
            power=evidence.cell(target, "success").with_interval(),
            error=evidence.cell(null, "success").with_interval(),
        )
    ]


CHAPTER = Chapter(
    key="conclusions",
    title="Limitations and conclusions",
    sections=(_conclusions,),
    looks_back=True,
)
