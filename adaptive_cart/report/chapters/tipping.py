"""How few missing outcomes would turn the decision over, over the simulated trials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.nouns.records import Booleans, Integers
from adaptive_cart.report.chapters.tipping_moves import moved_priors
from adaptive_cart.report.chapters.tipping_shifts import first_trials, shifted
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
    paragraph,
    prose,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, counted, given, significant
from adaptive_cart.report.sensitivity import FEWER, trials_asked
from adaptive_cart.results.figure import proportion
from adaptive_cart.running.boundaries import Boundary
from adaptive_cart.running.completed_tips import completed_tips, rule_to_complete
from adaptive_cart.running.missing_tips import MissingTips, missing_tips, rule_to_tip

if TYPE_CHECKING:
    import pandas as pd

ITEM = 65  # number of the item
FEW = (1, 2, 3)  # outcomes


def tipping(evidence: Evidence) -> list[Block]:
    """By scenario and verdict, how many trials so few missing outcomes would turn over."""
    number = trials_asked(evidence)
    if evidence.exact or not number:
        return []
    rule, why = rule_to_tip(evidence.plan)
    from_counts = rule is not None
    rule = rule or rule_to_complete(evidence.plan)
    heading = Heading(text="Tipping points of missing outcomes", key="tipping", level=2)
    if rule is None:
        blocks, keys, not_moved = shifted(evidence)
        if not blocks:
            return [heading, paragraph("They are not told here: {why}.", why=not_moved or why)]
        evidence.trace.reported(ITEM, *keys)
        return [heading, *blocks]
    if not from_counts:
        number = max(1, min(number, evidence.sensitivity_trials // FEWER))
    rows: list[Row] = []
    of = _of_scenario if from_counts else _completed
    for name in evidence.scenarios:
        tips = of(evidence, rule, name, number)
        if tips is not None:
            rows += _rows(name, tips)
    if not rows:
        why = "no outcome is missing in any of the trials looked at"
        return [heading, paragraph("They are not told here: {why}.", why=why)]
    evidence.trace.reported(ITEM, "t-tipping")
    return [
        heading,
        paragraph(
            "At the look that ended each of the first {number} trials of a scenario, {put}, and "
            "{rule} judged again. "
            "{table} shows in how many trials so few of the missing would have turned it over, "
            "counted from {read}.",
            number=given(number, "sensitivity trials"),
            put=_put_in(evidence, rule),
            rule=code(rule.name),
            table=Reference("t-tipping"),
            read=_read_as(evidence, rule),
        ),
        Table(
            key="t-tipping",
            title=line("Trials in which so few missing outcomes would turn the verdict over"),
            head=cells(
                "Scenario", "Verdict", "Trials", "Missing, mean",
                *(_head(k) for k in FEW), "All missing",
            ),
            rows=tuple(rows),
            align=("left", "left", *("right",) * (3 + len(FEW))),
            widths=(1.2, 1.0, 0.7, 0.8, *(1.6,) * (1 + len(FEW))),
            notes=(prose("In brackets Monte Carlo intervals. Columns count those before them."),),
        ),
    ]  # fmt: skip


def tipping_priors(evidence: Evidence) -> list[Block]:
    """How far a prior would have to be moved at the fewest responders that are a success.

    Where counts alone do not decide, in simulated trials.

    Restricted, as every number of responders at which a rule holds is.
    """
    rule, _ = rule_to_tip(evidence.plan)
    if not evidence.sensitivity_trials:
        return []
    rows = [
        cells_of
        for boundary in (evidence.boundaries if rule is not None else ())
        if rule is not None and boundary.rule == rule.name
        for cells_of in _prior_rows(evidence, rule, boundary)
    ]
    if not rows:
        return moved_priors(evidence)
    evidence.trace.reported(ITEM, "t-tipping-priors")
    return [
        Heading(text="Tipping points of the priors", key="tipping-priors", level=2,
                audience="restricted"),
        Table(
            key="t-tipping-priors",
            title=line("Values of the priors that would turn the smallest success over"),
            head=cells("Look", "Responders", "Number of a prior", "Design", "Below", "Above"),
            rows=tuple(rows),
            align=("right", "left", "left", "right", "right", "right"),
            widths=(0.5, 1.9, 3.0, 0.7, 0.8, 0.8),
            audience="restricted",
            notes=(
                prose(
                    "At each look the fewest responders in the arm that are a success, with as "
                    "many in the control as are expected. Below and above: the nearest values at "
                    "which they would be none, one number at a time; blank where there is none."
                ),
            ),
        ),
    ]  # fmt: skip


def _prior_rows(evidence: Evidence, rule: ResolvedRule, boundary: Boundary) -> Iterator[Row]:
    """One look: each number of the priors of the arms that the rule asks about."""
    part, plan = rule.only, evidence.plan
    assert part is not None
    table = _smallest(evidence, part.question.endpoint, boundary)
    if table is None:
        return
    analysis, model = plan.fitted[part.question.endpoint]
    stratum = part.question.stratum
    model, where = analysis.in_stratum(model, stratum), max(stratum, 0)
    names = evidence.design.arm_names
    successes, totals = np.zeros((1, len(names)), dtype=np.int64), np.zeros((1, len(names)), int)
    for arm, responders, number in zip(boundary.arms, table, boundary.analysed, strict=True):
        successes[0, names.index(arm)], totals[0, names.index(arm)] = responders, number

    def holds(other: object) -> bool:
        changed = replace(plan, fitted={**plan.fitted, part.question.endpoint: (analysis, other)})
        endpoint = part.question.endpoint
        seen = LookAnalysis.of_tables(changed, endpoint, successes, totals, stratum=where)
        answer = seen.probability(part, part.question)
        return bool(part.compared(answer, part.thresholds[boundary.look])[0])

    source = f"boundaries.csv: {rule.name}, look {boundary.look}"
    first = True
    for tip in analysis.prior_tips(model, names):
        if tip.arm not in boundary.arms:
            continue
        ends = [tip.turns(end, holds, True) for end in tip.reach]
        seen = ", ".join(
            f"{evidence.design.arm_label(arm)} {x}/{n}"
            for arm, x, n in zip(boundary.arms, table, boundary.analysed, strict=True)
        )
        yield row(
            given(boundary.look, source) if first else "",
            given(seen, source) if first else "",
            given(evidence.labelled(tip.words), "design: priors"),
            significant(tip.now, 3, "design: priors"),
            *("" if end is None else significant(end, 3, source) for end in ends),
        )
        first = False


def _smallest(evidence: Evidence, endpoint: str, boundary: Boundary) -> tuple[int, ...] | None:
    """The fewest responders in the arm that are a success, the control as expected."""
    place = 0
    if len(boundary.analysed) == 2 and evidence.target is not None:
        control = evidence.design.arm_names.index(boundary.arms[0])
        rate = evidence.cell(
            evidence.target, f"true_{endpoint}", arm=evidence.design.arm_names[control]
        )
        if rate.known:
            place = round(boundary.analysed[0] * rate.figure.estimate)
    turn = int(boundary.turns[place])
    arm = turn if boundary.many else turn - 1
    if not 0 <= arm <= boundary.analysed[-1]:
        return None
    return (arm,) if len(boundary.analysed) == 1 else (place, arm)


def _head(outcomes: int) -> Line:
    number = counted(outcomes, "outcomes counted", capital=True)
    return line(number, " outcome" if outcomes == 1 else " outcomes")


def _read_as(evidence: Evidence, rule: ResolvedRule) -> str:
    assert rule.only is not None
    endpoint = evidence.design.endpoints[rule.only.question.endpoint]
    if endpoint.category_names():
        return "the mean place of the others of their arm between the worst and the best category"
    if endpoint.dropout_counts():
        return "non-response, as which the design reads them"
    how = "imputes them" if endpoint.imputes() else "leaves them out"
    return f"the proportion seen in their arm, since the design {how}"


def _put_in(evidence: Evidence, rule: ResolvedRule) -> Line:
    """What is done with those whose outcome is missing."""
    assert rule.only is not None
    endpoint = evidence.design.endpoints[rule.only.question.endpoint]
    if not (names := endpoint.category_names()):
        return line("every outcome of those whose outcome was due and missing was put in")
    return line(
        "of those whose outcome was due and missing every number was given the best category (",
        code(names[-1]), "), and the others the worst (", code(names[0]), ")",
    )  # fmt: skip


def _rows(name: str, tips: MissingTips) -> list[Row]:
    found: list[Row] = []
    known = ~np.isnan(tips.fewest)
    for verdict, words in ((True, "success"), (False, "no success")):
        here: Booleans = known & (tips.holds == verdict)
        if not here.any():
            continue
        source = f"looks.parquet: {name}, {words}"
        shares = [
            Bound(
                proportion(int((tips.fewest[here] <= most).sum()), int(here.sum())),
                f"{source}, {most:g} missing outcomes",
            ).with_interval()
            for most in (*map(float, FEW), 1e300)
        ]
        found.append(
            row(
                code(name) if not found else "",
                words,
                given(int(here.sum()), source),
                given(round(float(tips.missing[here].mean()), 1), source),
                *shares,
            )
        )
    return found


def _completed(
    evidence: Evidence, rule: ResolvedRule, name: str, number: int
) -> MissingTips | None:
    """The same where counts alone do not tell, of trials that are simulated again."""
    parts = []
    for plan, block in first_trials(evidence, name, number):
        own = rule_to_complete(plan)
        assert own is not None
        parts.append(completed_tips(plan, own, block))
    found = MissingTips(
        np.concatenate([part.holds for part in parts]),
        np.concatenate([part.missing for part in parts]),
        np.concatenate([part.fewest for part in parts]),
    )
    return found if found.missing.any() else None


def _of_scenario(
    evidence: Evidence, rule: ResolvedRule, name: str, number: int
) -> MissingTips | None:
    """The first trials of a scenario; nothing where nobody's outcome is missing."""
    assert rule.only is not None
    endpoint, stratum = rule.only.question.endpoint, rule.only.question.stratum
    rows: pd.DataFrame = evidence.look_rows
    here = rows[(rows["scenario"] == name) & rows["last"] & (rows["trial"] < number)]
    if stratum >= 0:
        here = here[here["stratum"] == evidence.design.stratum_names[stratum]]
    arms = list(evidence.design.arm_names)

    def by_arm(column: str) -> Integers:
        wide = here.pivot_table(
            index="trial", columns="arm", values=f"{endpoint}_{column}", aggfunc="sum"
        )
        return wide[arms].to_numpy().astype(np.int64)

    missing = by_arm("missing")
    if not missing.any():
        return None
    looks = here.groupby("trial")["look"].first().to_numpy().astype(np.int64)
    return missing_tips(evidence.plan, rule, looks, by_arm("events"), by_arm("analysed"), missing)
