"""Estimates corrected for the stop: what each gains and costs."""

from __future__ import annotations

from typing import Any

from adaptive_cart.conduct.plan import told_of
from adaptive_cart.report.chapters.by_role import headed
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
from adaptive_cart.report.evidence import REASON_WORDS, Evidence, per_scenario
from adaptive_cart.report.numbers import given

BY_STOP = 52  # number of the item
ESTIMATES = {
    "": "uncorrected",
    "_median_unbiased": "median unbiased",
    "_conditional": "less its bias given the stop",
    "_skeptical": "under the skeptical prior",
}


def adjusted(evidence: Evidence) -> list[Block]:
    """Each estimate beside the uncorrected one; nothing where none was asked for."""
    asked = evidence.design.adjusted_estimates
    first = next(iter(evidence.scenarios), None)
    if asked is None or first is None or not evidence.has(first, "bias_median_unbiased"):
        return []
    shown = [s for s in ESTIMATES if evidence.has(first, f"bias{s}")]
    evidence.trace.reported(BY_STOP, "t-adjusted-stop")
    return [
        Heading(text="Estimates corrected for the stop", key="adjusted", level=2),
        paragraph(
            "Beside the {estimate}: the median-unbiased estimate puts all ends of the trial in "
            "order, success before any other end, an earlier success before a later one, and "
            "otherwise by the estimate; its interval has both tails by this order. The second "
            "takes away the bias of trials that end at the same look for the same reason, at the "
            "rates that the data make probable.{skeptical} {table} shows what each gains and costs "
            "over all trials, {stops} by look and reason.",
            estimate=told_of(evidence.design).estimate,
            skeptical=_prior(evidence),
            table=Reference("t-adjusted"),
            stops=Reference("t-adjusted-stop"),
        ),
        _over_all(evidence, shown),
        _by_stop(evidence, shown),
    ]


def _prior(evidence: Evidence) -> Line:
    asked = evidence.design.adjusted_estimates
    prior = None if asked is None else asked.skeptical
    if prior is None:
        return ()
    path = "adjusted_estimates.skeptical"
    return line(
        " The third adds a normal prior about ",
        evidence.setting(prior.no_effect, f"{path}.no_effect"),
        " under which an effect of ",
        evidence.setting(prior.effect, f"{path}.effect"),
        " or beyond has probability ",
        evidence.setting(prior.chance, f"{path}.chance"),
        ".",
    )


def _over_all(evidence: Evidence, shown: list[str]) -> Table:
    rows: dict[str, list[Row]] = {}
    for role, names in per_scenario(evidence):
        rows[role] = [
            row(
                code(name) if place == 0 else "",
                ESTIMATES[suffix],
                evidence.cell(name, f"bias{suffix}").number(),
                evidence.cell(name, f"rmse{suffix}").number(),
                evidence.cell(name, f"coverage{suffix}").number(),
                evidence.cell(name, f"overestimated{suffix}").number(),
            )
            for name in names
            for place, suffix in enumerate(shown)
        ]
    head = cells("Scenario", "Estimate", "Bias", "RMSE", "Coverage", "Above the truth")
    return Table(
        key="t-adjusted",
        title=line("Estimates corrected for the stop, over all trials"),
        head=head,
        rows=headed(rows, len(head)),
        align=("left", "left", *("right",) * 4),
        notes=(
            prose(
                "Without Monte Carlo error. Above the truth: the share of trials whose estimate is "
                "larger than the true value, one half of those in which it is equal."
            ),
        ),
    )


def _by_stop(evidence: Evidence, shown: list[str]) -> Table:
    rows: dict[str, list[Row]] = {}
    for role, names in per_scenario(evidence):
        rows[role] = []
        for name in names:
            first = True
            for look in evidence.looks:
                for reason, words in REASON_WORDS.items():
                    where: dict[str, Any] = {"look": look, "reason": reason}
                    found = [evidence.cell(name, f"bias_given_stop{s}", **where) for s in shown]
                    if not found[-1].known:
                        continue
                    ended = line("look ", given(look, "looks"), f": {words}")
                    rows[role].append(
                        row(code(name) if first else "", ended, *(one.number() for one in found))
                    )
                    first = False
    head = cells("Scenario", "Trials that end at", *(ESTIMATES[s].capitalize() for s in shown))
    return Table(
        key="t-adjusted-stop",
        title=line("Bias of the estimates by look and reason"),
        head=head,
        rows=headed(rows, len(head)),
        align=("left", "left", *("right",) * len(shown)),
    )
