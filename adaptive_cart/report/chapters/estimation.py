"""Bias, root mean squared error and coverage, by look and reason too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adaptive_cart.conduct.plan import Estimand, told_of
from adaptive_cart.decisions import NO_SUCCESS
from adaptive_cart.report.chapters.by_role import by_role
from adaptive_cart.report.document import (
    Block,
    Heading,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    paragraph,
    row,
)
from adaptive_cart.report.evidence import REASON_WORDS, Evidence
from adaptive_cart.report.numbers import given
from adaptive_cart.report.pictures import figures_of


def estimation(evidence: Evidence) -> list[Block]:
    """How far the estimate lies from the true value (T6)."""
    if not evidence.estimands:
        return []

    def rows_of(name: str) -> Iterator[Row]:
        for place, estimand in enumerate(evidence.estimands):
            yield from _all_trials(evidence, name, estimand)
            if place == 0:  # of the first alone
                yield from _given_stop(evidence, name)
                yield from _after_follow_up(evidence, name)

    head = cells("Scenario", "Trials that", "Number", "True", "Bias (MCSE)", "RMSE", "Coverage")
    evidence.trace.reported(51, "t-estimation")
    evidence.trace.reported(53, "t-estimation")
    if any(evidence.result.operating_characteristics["measure"] == "bias_given_stop"):
        evidence.trace.reported(52, "t-estimation")
    told = told_of(evidence.design)
    return [
        Heading(text="Estimation", key="estimation", level=2),
        paragraph(
            "The estimate is the {estimate} at the look that ended the trial. A trial that "
            "stops early for success stops because its data look good, so that its estimate "
            "is too favourable on average, unless the prior takes back as much; {table} shows what "
            "remains, by look and reason. Cells that "
            "rest on few trials are unsure, as their standard errors say.",
            estimate=told.estimate,
            table=Reference("t-estimation"),
        ),
        Table(
            key="t-estimation",
            title=line("Bias, root mean squared error and coverage of the ", evidence.level(),
                       f" {told.interval}"),
            head=head,
            rows=by_role(evidence, len(head), rows_of),
            align=("left", "left", *("right",) * 5),
            widths=(2.1, 2.0, 0.85, 0.7, 1.5, 0.75, 0.95),
        ),
        *figures_of(evidence, "estimation"),
    ]  # fmt: skip


def _all_trials(evidence: Evidence, name: str, estimand: Estimand) -> list[Row]:
    where: dict[str, Any] = {"arm": estimand.arm, "stratum": estimand.stratum}
    bias = evidence.cell(name, "bias", **where)
    if not bias.known:
        return []
    label = evidence.estimand_label(estimand)
    return [
        row(
            line(code(name), ", " if label else "", given(label, "design: arms")),
            "all trials",
            given(bias.figure.n, bias.source) if bias.figure.n else "–",
            evidence.cell(name, "estimand", **where).number(),
            line(bias.number(), " (", bias.mcse(), ")"),
            evidence.cell(name, "rmse", **where).number(),
            evidence.cell(name, "coverage", **where).number(),
        )
    ]


def _given_stop(evidence: Evidence, name: str) -> list[Row]:
    found = []
    for look in evidence.looks:
        for reason, words in REASON_WORDS.items():
            bound = evidence.cell(name, "bias_given_stop", look=look, reason=reason)
            if not bound.known:
                continue
            ended = line("stop ", _where(evidence, name, look, reason), given(look, "looks"),
                         f": {words}")  # fmt: skip
            if reason == NO_SUCCESS.name:
                ended = line(words)
            few = bound.figure.n is not None and bound.figure.n < 2
            error = line("one trial") if few else line(bound.mcse())
            found.append(
                row(
                    "",
                    ended,
                    given(bound.figure.n, bound.source) if bound.figure.n is not None else "–",
                    "",
                    line(bound.number(), " (", error, ")"),
                    "",
                    "",
                )
            )
    return found


def _where(evidence: Evidence, name: str, look: int, reason: str) -> str:
    """Whether trials ended at a look, between looks before it, or at either."""
    between = evidence.between(name, look, reason)
    if not between > 0.0:
        return "at look "
    ended = evidence.cell(name, f"stop_{reason}", look=look).figure.estimate
    return "before look " if between >= ended else "at or before look "


def _after_follow_up(evidence: Evidence, name: str) -> list[Row]:
    first = evidence.estimands[0]
    where: dict[str, Any] = {"arm": first.arm, "stratum": first.stratum}
    bias = evidence.cell(name, "bias_final", "difference", **where)
    if not bias.known:
        return []
    return [
        row(
            "",
            "all, pipeline followed up",
            given(bias.figure.n, bias.source) if bias.figure.n else "–",
            "",
            line(bias.number(), " (", bias.mcse(), ")"),
            evidence.cell(name, "rmse_final", **where).number(),
            evidence.cell(name, "coverage_final", **where).number(),
        )
    ]
