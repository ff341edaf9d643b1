"""The analysis model in mathematics, its priors, what they are worth, how it is computed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from adaptive_cart.conduct.predictive import enumerated
from adaptive_cart.models import AnalysisBase
from adaptive_cart.models.draws import DRAWS
from adaptive_cart.nouns.questions import written
from adaptive_cart.priors.claims import held_by_priors, prior_claims
from adaptive_cart.report.accuracy import measured
from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.chapters.prior_rows import WORTH, prior_rows
from adaptive_cart.report.document import (
    WITHHELD_SHORT,
    Block,
    Equation,
    Heading,
    Line,
    Paragraph,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    plain,
    prose,
    row,
    secret,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, counted, given, rounded, significant
from adaptive_cart.report.pictures import figures_of
from adaptive_cart.report.verified import HOW, verified
from adaptive_cart.telling.beside_tests import told_beside_tests
from adaptive_cart.telling.early_months import told_early
from adaptive_cart.telling.periods import told_adjusted

NO_PRIOR = "the design tests hypotheses, without a prior"
FLAT = "priors are flat, so that nothing is known before there are data"
SUCCEEDS = ": the prior alone would succeed"
MOST_TABLES = 20_000  # tables of counts that are enumerated for the prior predictive


def _equations(evidence: Evidence) -> list[Block]:
    by_model: dict[type[AnalysisBase], list[str]] = {}
    for name, (analysis, _) in evidence.plan.fitted.items():
        by_model.setdefault(type(analysis), []).append(name)
    described = [name for name in evidence.design.endpoints if name not in evidence.plan.fitted]
    blocks: list[Block] = [Heading(text="Analysis models", key="equations", level=2)]
    if described:
        blocks.append(
            paragraph(
                "No model is fitted to {endpoints}: described only.",
                endpoints=listed([evidence.endpoint_words(name) for name in described]),
            )
        )
    keys = []
    ways: Counter[str] = Counter()
    for model, names in by_model.items():
        kind = evidence.plan.fitted[names[0]][0].model
        # the same model may stand there in several ways: over the calendar, with earlier months
        ways[kind] += 1
        own = kind if ways[kind] == 1 else f"{kind}-{ways[kind]}"
        blocks.append(
            paragraph(
                "{title} (model {code}), for {endpoints}:",
                title=model.title,
                code=code(kind),
                endpoints=listed([evidence.endpoint_words(name) for name in names]),
            )
        )
        for number, statement in enumerate(model.statements):
            key = f"e-{own}-{number}"
            keys.append(key)
            blocks.append(Equation(key=key, source=statement.source, words=statement.words))
            blocks.append(Paragraph(line=line(statement.words), role="note"))
        if any(evidence.plan.fitted[name][0].by_intervals() for name in names):
            blocks.append(
                paragraph(
                    "An event that is seen at a visit is analysed as having happened between that "
                    "visit and the last one held before it, and not at the visit."
                )
            )
    told = (
        *told_early(evidence.design),
        *told_beside_tests(evidence.plan),
        *told_adjusted(evidence.design),
    )
    blocks += [paragraph("{words}.", words=words) for words in told]
    if keys:
        evidence.trace.reported(11, *keys)
    return blocks


def _priors(evidence: Evidence) -> list[Block]:
    rows: list[Row] = []
    lacking: list[str] = []
    for key, shown in prior_rows(evidence):
        rows.append(shown)
        if key not in (*evidence.facts.priors, *lacking):
            lacking.append(key)
    if not rows:
        why = FLAT if evidence.plan.asks_posteriors else NO_PRIOR
        evidence.trace.not_applicable(13, why)
        evidence.trace.not_applicable(12, why)
        evidence.trace.not_applicable(15, why)
        return [
            Heading(text="Priors", key="priors", level=2),
            Paragraph(line=prose("None: {why}.", why=why)),
        ]
    blocks: list[Block] = [
        Heading(text="Priors", key="priors", level=2),
        without_blank_columns(
            Table(
                key="t-priors",
                title=line("Analysis priors: mean, ", evidence.level(), " interval and effective "
                           "sample size (ESS)"),
                head=cells("Prior of", "Prior", "Mean", "Interval", "ESS"),
                rows=tuple(rows),
                align=("left", "left", *("right",) * 3),
                widths=(2.2, 1.8, 0.6, 1.15, 1.2),
                notes=(_worth_note(rows),),
            )
        ),
    ]  # fmt: skip
    evidence.trace.reported(13, "t-priors")
    blocks += _rationales(evidence, lacking)
    if lacking:
        some = ", ".join(f'"{key}"' for key in lacking[:6]) + (", …" if len(lacking) > 6 else "")
        evidence.trace.missing(12, f"[priors] in the file of facts: a rationale for {some}")
    else:
        evidence.trace.reported(12, "t-priors", "t-rationale")
    blocks.append(
        paragraph(
            "These are the priors by which a trial is analysed. What is true in a simulated "
            "trial is fixed by its scenario and is never drawn from them; where probabilities "
            "of scenarios are needed, as in {bayesian}, they are stated there as a design "
            "prior of their own.",
            bayesian=Reference("bayesian"),
        )
    )
    evidence.trace.reported(15, "priors", "bayesian")
    return blocks


def _worth_note(rows: Sequence[Row]) -> Line:
    """What the columns of effective sample sizes mean, as far as there are any."""
    shown = {plain(row_.cells[WORTH]) for row_ in rows}
    said = ["ESS: the data that a prior counts for."]
    if any(words.endswith("participants") for words in shown):
        said.append(
            "Of a probability it is the expected local information ratio (Neuenschwander and "
            "others, Biometrics), which is the one to quote: it alone is predictively consistent, "
            "so that after so many participants more it is on average that much larger. A single "
            "beta prior is worth the sum of its parameters; a prior of a logit the inverse of its "
            "variance, as information at its mean."
        )
    if any("event" in words for words in shown):
        said.append(
            "A rate is worth the events and the time at risk of its gamma prior; a log hazard "
            "ratio so many events, both arms together, that its variance is four divided by their "
            "number."
        )
    return line(" ".join([*said, *(["A dash: not defined."] if "–" in shown else [])]))


def _rationales(evidence: Evidence, lacking: list[str]) -> list[Block]:
    """Why each prior was chosen, as far as the sponsor says."""
    stated = evidence.facts.priors
    blocks: list[Block] = []
    if lacking:
        names = listed([line(code(key)) for key in lacking])
        blocks.append(paragraph("No rationale is given for the priors of {names}.", names=names))
    if stated:
        blocks.append(
            Table(
                key="t-rationale",
                title=line("Where the priors come from, and why"),
                head=cells("Prior of", "Rationale"),
                rows=tuple(
                    row(code(key), given(text, f"facts: priors.{key}"))
                    for key, text in stated.items()
                ),
                widths=(1.4, 4.6),
            )
        )
    return blocks


# ── what the prior alone says ─────────────────────────────────────────────────────────────────
def _claims(evidence: Evidence) -> list[Block]:
    rules = {
        part.name: (rule.name, part)
        for rule in evidence.plan.rules
        if rule.decision.claims
        for part in rule.parts
    }
    rows = []
    claims = prior_claims(evidence.design, evidence.plan)
    succeeding = {rule.name for rule in held_by_priors(claims, evidence.plan)}
    for claim in claims:
        if claim.rule not in rules:
            continue
        name, part = rules[claim.rule]
        source = f"design: rules.{name}"
        threshold = secret(given(written(claim.threshold), source), otherwise=WITHHELD_SHORT)
        rows.append(
            row(
                code(claim.rule),
                given(part.prose(evidence.design, claim.target), source),
                significant(claim.probability, 3, "model: prior alone"),
                threshold,
                ("reaches its threshold" + (SUCCEEDS if name in succeeding else ""))
                if claim.settled
                else "does not reach its threshold",
            )
        )
    if not rows:
        if all(evidence.plan.flat(part) for rule in evidence.plan.rules for part in rule.parts):
            evidence.trace.not_applicable(14, FLAT)
        elif evidence.plan.asks_posteriors:
            evidence.trace.missing(14)
        else:
            evidence.trace.not_applicable(14, NO_PRIOR)
        return []
    evidence.trace.reported(14, "t-claims")
    expected = _expected(evidence)
    return [
        Heading(text="What the priors say alone", key="claims", level=2),
        paragraph(
            "Before any participant is seen, the claim should not be as probable as success "
            "asks for. {table} says how probable it is, and whether it would be enough.",
            table=Reference("t-claims"),
        ),
        Table(
            key="t-claims",
            title=line("Prior probability of the claim of each success rule"),
            head=cells(
                "Rule", "Claim: that", "Prior probability", "Smallest threshold", "The prior alone"
            ),
            rows=tuple(rows),
            align=("left", "left", "right", "right", "left"),
            widths=(0.9, 2.6, 0.9, 0.9, 1.2),
        ),
        *expected,
        *figures_of(evidence, "model"),
    ]


def _expected(evidence: Evidence) -> list[Block]:
    """Decisions that the priors expect, where all tables can be enumerated at once."""
    from adaptive_cart.priors.claims import can_enumerate, prior_predictive

    if not can_enumerate(evidence.design, evidence.plan):
        return []
    if math.prod(n + 1 for n in evidence.design.planned) > MOST_TABLES:
        return []
    found = prior_predictive(evidence.design, evidence.plan)
    words = given(found.words(), "priors: prior predictive")
    return [
        Paragraph(
            line=prose("Decisions that the priors expect: {words}.", words=words),
            audience="restricted",
        )
    ]


# ── how it is computed ────────────────────────────────────────────────────────────────────────
def _computation(evidence: Evidence) -> list[Block]:
    if not evidence.plan.asks_posteriors:
        evidence.trace.not_applicable(40, NO_PRIOR)
        evidence.trace.not_applicable(41, NO_PRIOR)
        again = _worked_out_anew(verified(evidence))
        return [Heading(text="How tests are computed", key="computation", level=2), *again] * bool(
            again
        )
    found = measured(evidence)
    blocks: list[Block] = [
        Heading(text="How posteriors are computed", key="computation", level=2),
        paragraph(
            "Posterior probabilities are closed forms or integrals by quadrature, for all "
            "simulated trials alike; no Markov chain is run in the simulations, so that "
            "thresholds meet no sampling noise from within a trial.{drawn}{predictive}",
            drawn=f" Where a question has neither, its answer is a mean over {DRAWS:,} "
            "stratified quasi-random draws of the posterior, the same for every trial."
            if _drawn(evidence)
            else "",
            predictive=_predictive(evidence),
        ),
    ]
    failed = [(n, evidence.cell(n, "failed")) for n in evidence.scenarios]
    known = [(n, bound) for n, bound in failed if bound.known]
    if known:
        worst_name, worst = max(known, key=lambda part: part[1].figure.estimate)
        blocks.append(Paragraph(line=_failures(worst_name, worst)))
    blocks.append(Paragraph(line=_within_error(evidence)))
    blocks += _verified(evidence)
    if found is not None:
        accuracy = "model/accuracy"
        blocks.append(
            Paragraph(
                line=prose(
                    "Measured for this report: on {tables} tables of counts next to the "
                    "boundaries, where an error could change a decision, the probabilities differ "
                    "by at most {largest} from Simpson's rule on a fine grid; the decision "
                    "differs in {disagreements} of them.",
                    tables=given(found.tables, accuracy),
                    largest=significant(found.largest, 1, accuracy),
                    disagreements="none"
                    if found.disagreements == 0
                    else given(found.disagreements, accuracy),
                ),
                audience="restricted",  # which tables are compared follows from the thresholds
            )
        )
        evidence.trace.reported(40, "computation")
    return blocks


def _drawn(evidence: Evidence) -> bool:
    """Whether a rule asks what its model answers from draws."""
    fitted = evidence.plan.fitted
    if any(question.of.of_several for rule in evidence.plan.rules for question in rule.asked):
        return True
    asked = [target for rule in evidence.plan.rules for target in rule.asked]
    return not all(fitted[target.endpoint][0].answered_by.closed_for(target) for target in asked)


def _verified(evidence: Evidence) -> list[Block]:
    """What a comparison with PyMC found, where the results folder holds one."""
    found = verified(evidence)
    if found is None:
        evidence.trace.missing(40, HOW)
        evidence.trace.not_applicable(41, "no Markov chain is run in the simulations")
        return []
    source = "verification.json"
    if found["failed"]:
        evidence.trace.missing(40, "a verification that does not fail (adaptive-cart verify)")
        words = prose("The comparison of the posteriors with Markov chain Monte Carlo FAILED.")
        return [Paragraph(line=words, role="warning")]
    evidence.trace.reported(40, "computation")
    evidence.trace.reported(41, "computation")
    blocks: list[Block] = []
    tests = found.get("by_other_code", 0)
    if found["probabilities"] > tests:
        blocks.append(
            paragraph(
                "Compared with Markov chain Monte Carlo (PyMC, the same model): {number} posterior "
                "probabilities at {looks} looks of simulated trials, half of them the closest to a "
                "threshold. The largest difference is {largest}; {differing} decisions differ. The "
                "largest R-hat of the chains is {r_hat}, the smallest effective sample size of "
                "their draws {ess}.",
                number=given(found["probabilities"] - tests, source),
                looks=given(found["looks_verified"], source),
                largest=significant(found["largest_difference"], 2, source),
                differing=counted(found["decisions_differing"], source),
                r_hat=rounded(found["largest_r_hat"], 4, source),
                ess=rounded(found["smallest_ess_bulk"], 0, source),
            )
        )
    return blocks + _worked_out_anew(found)


def _worked_out_anew(found: Mapping[str, Any] | None) -> list[Block]:
    """What a comparison of tests with other code found, where there is one."""
    tests = 0 if found is None or found["failed"] else found.get("by_other_code", 0)
    if not tests:
        return []
    words = (
        "Worked out anew by other code: {number} tests at looks of simulated trials; in one less "
        "its p-value none differs by more than a millionth."
    )
    return [paragraph(words, number=given(tests, "verification.json"))]


def _predictive(evidence: Evidence) -> str:
    """How predictive probabilities are found, where there are some."""
    plan = evidence.plan
    ahead = [part.question for part in plan.parts if part.prediction is not None]
    summed = [enumerated(plan.fitted[question.endpoint][0], question) for question in ahead]
    words = ""
    if any(summed):
        words += " Predictive probabilities of counts are exact sums over beta-binomial weights."
    if not all(summed):
        words += (
            f" Other predictive probabilities are shares of up to {DRAWS:,} completions of the "
            "trial, each with one draw of the posterior."
        )
    return words


def _within_error(evidence: Evidence) -> Line:
    """How many verdicts hang on the error of a posterior probability."""
    cases = [
        (error, name, scenario, evidence.cell(scenario, f"within_error_{name}"))
        for error, names in evidence.plan.by_error.items()
        for name in names
        for scenario in evidence.scenarios
    ]
    if not cases:
        return prose("Every comparison of a probability with its threshold is decided exactly.")
    known = [
        line(significant(error, 1, "model: error"), " for ", listed([code(n) for n in names]))
        for error, names in evidence.plan.by_error.items()
    ]
    start = prose(
        "The error of a posterior probability is at most {known}. A verdict is taken also where a "
        "probability lies within its error of the threshold",
        known=listed(known),
    )
    if any(math.isnan(case[3].figure.estimate) for case in cases):
        return line(start, "; such verdicts were not counted in this run.")
    start = line(start, ", and counted: ")
    _, name, scenario, worst = max(cases, key=lambda case: case[3].figure.estimate)
    if worst.figure.estimate == 0.0:
        return line(start, "there is no such verdict of any rule (", evidence.trials_words, ").")
    share = prose(
        "{rule} has one in {share} of the trials of {scenario}, the most of any rule and scenario.",
        rule=code(name), share=worst.with_interval(), scenario=code(scenario),
    )  # fmt: skip
    return line(start, share)


def _failures(name: str, worst: Bound) -> Line:
    if worst.figure.estimate == 0.0:
        return prose("No posterior failed in any trial.")
    return prose(
        "A posterior that cannot be computed makes no rule hold and is counted: in {share} of the "
        "trials of {scenario}, the most of any scenario.",
        share=worst.with_interval(),
        scenario=code(name),
    )


CHAPTER = Chapter(
    key="model", title="Model and priors", sections=(_equations, _priors, _claims, _computation)
)
