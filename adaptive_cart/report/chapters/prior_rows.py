"""Rows of the table of priors: each prior in words, its mean and interval, what it is worth."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.models.prior import Prior, Worth
from adaptive_cart.priors.by_stratum import priors_of_strata
from adaptive_cart.report.document import Line, Number, Row, code, line, row
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given, rounded, significant

WORTH = 4  # column of what a prior is worth
TAILS = (0.025, 0.975)


def prior_rows(evidence: Evidence) -> Iterator[tuple[str, Row]]:
    """Every prior of the design, by its key: endpoint and arm, or part of the model's prior."""
    for name, (analysis, fitted) in evidence.plan.fitted.items():
        for prior in analysis.priors(fitted, evidence.design.arm_names):
            key = f"{name}.{prior.part}" if prior.part else name
            yield key, _row(evidence, name, key, prior)
        for place, prior in priors_of_strata(analysis, fitted, evidence.design):
            key = f"{name}.{prior.part}"
            yield key, _row(evidence, name, key, prior, evidence.design.stratum_names[place])
        if analysis.ahead is None or analysis.ahead is analysis:
            continue
        ahead, drawn_from = evidence.plan.ahead[name]  # beside a test, for what is to come
        for prior in ahead.priors(drawn_from, evidence.design.arm_names):
            key = f"{name}.to_come" + (f".{prior.part}" if prior.part else "")
            yield key, _row(evidence, name, key, prior)


def _row(evidence: Evidence, endpoint: str, key: str, prior: Prior, stratum: str = "") -> Row:
    source = f"design: analysis.{endpoint}.prior" + (f".{prior.part}" if prior.of_arm else "")
    head = line(code(key))
    if prior.of_arm:
        label, arm = evidence.endpoint_head(endpoint), evidence.arm(prior.part)
        there = (", in ", code(stratum)) if stratum else ()
        head = line(label, ", ", arm, *there, " (", code(key), ")")
    numbers = prior.numbers
    mean, *tails = (
        rounded(value, 3, source) if prior.of_arm else _shown(value, source)
        for value in (numbers.mean, *(numbers.quantile(share) for share in TAILS))
    )
    return row(
        head,
        given(numbers.words, source),
        mean,
        line(tails[0], " to ", tails[1]),
        worth_told(prior.worth, source),
    )


def _shown(value: float, source: str) -> Number:
    """Three digits that count, and no more than three decimals of what is nearly nought."""
    return rounded(value, 3, source) if abs(value) < 1.0 else significant(value, 3, source)


def worth_told(worth: Worth | None, source: str) -> Line:
    """Say the data that a prior counts for."""
    if worth is None:
        return line("–")
    if worth.time:
        return line(given(f"{worth.number:g} {worth.unit} in {worth.time}", source))
    if worth.digits is not None:
        return line(rounded(worth.number, worth.digits, source), f" {worth.unit}")
    number = significant(worth.number, 2, source)
    one = number.text == "1" and worth.unit == "events"
    return line(number, " event" if one else f" {worth.unit}")
