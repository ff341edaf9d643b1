"""Estimates corrected for the stop: what each gains and costs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from adaptive_cart.conduct.plan import Estimand, told_of
from adaptive_cart.report.chapters.by_role import by_role
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
from adaptive_cart.report.evidence import REASON_WORDS, Evidence
from adaptive_cart.report.numbers import Bound, given

BY_STOP = 52  # number of the item
ESTIMATES = {
    "": "uncorrected",
    "_median_unbiased": "median unbiased",
    "_conditional": "less its bias given the stop",
    "_skeptical": "under the skeptical prior",
}
MEDIAN = (
    " The median-unbiased estimate puts all ends of the trial in order, success before any other "
    "end, an earlier success before a later one, and otherwise by the estimate; its interval has "
    "both tails by this order."
)
EXACT = "Without Monte Carlo error."
SIMULATED = "In brackets the Monte Carlo standard error."
ABOVE = (
    "Above the truth: the share of trials whose estimate is larger than the true value, one half "
    "of those in which it is equal."
)


LEARNED = (
    " That bias is learned from the simulated trials of all scenarios: each tells of other true "
    "values by its likelihood there, taken for normal."
)


def adjusted(evidence: Evidence) -> list[Block]:
    """Each estimate beside the uncorrected one; nothing where none was asked for."""
    shown = [s for s in ESTIMATES if any(_has(evidence, name, s) for name in evidence.scenarios)]
    if evidence.design.adjusted_estimates is None or len(shown) < 2:
        return []
    exact = evidence.exact
    evidence.trace.reported(BY_STOP, "t-adjusted-stop")
    return [
        Heading(text="Estimates corrected for the stop", key="adjusted", level=2),
        paragraph(
            "Beside the {estimate}:{median}{conditional}{skeptical} {table} shows what each gains "
            "and costs over all trials, {stops} by look and reason.",
            estimate=told_of(evidence.design).estimate,
            median=MEDIAN if "_median_unbiased" in shown else "",
            conditional=_conditional(exact) if "_conditional" in shown else "",
            skeptical=_prior(evidence),
            table=Reference("t-adjusted"),
            stops=Reference("t-adjusted-stop"),
        ),
        _over_all(evidence, shown, exact),
        _by_stop(evidence, shown, exact),
    ]


def _has(evidence: Evidence, scenario: str, suffix: str) -> bool:
    return any(
        evidence.has(scenario, f"overestimated{suffix}", arm=one.arm, stratum=one.stratum)
        for one in evidence.estimands
    )


def _conditional(exact: bool) -> str:
    at = "at the rates that the data make probable" if exact else "at the estimate itself"
    learned = "" if exact else LEARNED
    return (
        f" The estimate less its bias is without that of trials that end at the same look for the "
        f"same reason, {at}.{learned}"
    )


def _prior(evidence: Evidence) -> Line:
    asked = evidence.design.adjusted_estimates
    prior = None if asked is None else asked.skeptical
    if prior is None:
        return ()
    path = "adjusted_estimates.skeptical"
    ratio = evidence.estimands[0].question.of.ratio
    return line(
        " The skeptical estimate adds a normal prior",
        " of the logarithm" if ratio else "",
        " about ",
        "that of " if ratio else "",
        evidence.setting(prior.no_effect, f"{path}.no_effect"),
        " under which an effect of ",
        evidence.setting(prior.effect, f"{path}.effect"),
        " or beyond has probability ",
        evidence.setting(prior.chance, f"{path}.chance"),
        ".",
    )


def _told(bound: Bound, exact: bool) -> Line:
    """A number, with its Monte Carlo standard error where it has one."""
    if not bound.known:
        return line("–")
    if exact:
        return line(bound.number())
    few = bound.figure.n is not None and bound.figure.n < 2
    return line(bound.number(), " (", "one trial" if few else bound.mcse(), ")")


def _over_all(evidence: Evidence, shown: list[str], exact: bool) -> Table:
    measures = ("bias", "rmse", "coverage", "overestimated")

    def rows_of(name: str) -> Iterator[Row]:
        for one, (place, suffix) in product(evidence.estimands, enumerate(shown)):
            numbers = (
                evidence.cell(name, f"{m}{suffix}", arm=one.arm, stratum=one.stratum)
                for m in measures
            )
            label = _labelled(evidence, name, one) if place == 0 else ""
            yield row(label, ESTIMATES[suffix], *(_told(number, exact) for number in numbers))

    head = cells("Scenario", "Estimate", "Bias", "RMSE", "Coverage", "Above the truth")
    return Table(
        key="t-adjusted",
        title=line("Estimates corrected for the stop, over all trials"),
        head=head,
        rows=by_role(evidence, len(head), rows_of),
        align=("left", "left", *("right",) * 4),
        notes=(prose(f"{EXACT if exact else SIMULATED} {ABOVE}"),),
    )


def _labelled(evidence: Evidence, name: str, estimand: Estimand) -> Line:
    label = evidence.estimand_label(estimand)
    return line(code(name), ", " if label else "", given(label, "design: arms"))


def _by_stop(evidence: Evidence, shown: list[str], exact: bool) -> Table:
    def rows_of(name: str) -> Iterator[Row]:
        for one in evidence.estimands:
            yield from _stops(evidence, name, one, shown, exact)

    head = cells("Scenario", "Trials that end at", *(ESTIMATES[s].capitalize() for s in shown))
    return Table(
        key="t-adjusted-stop",
        title=line("Bias of the estimates by look and reason"),
        head=head,
        rows=by_role(evidence, len(head), rows_of),
        align=("left", "left", *("right",) * len(shown)),
        notes=() if exact else (prose(SIMULATED),),
    )


def _stops(
    evidence: Evidence, name: str, estimand: Estimand, shown: list[str], exact: bool
) -> Iterator[Row]:
    label = _labelled(evidence, name, estimand)
    for look in evidence.looks:
        for reason, words in REASON_WORDS.items():
            where: dict[str, Any] = {
                "look": look, "reason": reason, "arm": estimand.arm, "stratum": estimand.stratum,
            }  # fmt: skip
            found = [evidence.cell(name, f"bias_given_stop{s}", **where) for s in shown]
            if not found[-1].known:
                continue
            ended = line("look ", given(look, "looks"), f": {words}")
            yield row(label, ended, *(_told(one, exact) for one in found))
            label = line("")
