"""Measures averaged over a design prior: assurance, wrong and right conclusions."""

from __future__ import annotations

import math

from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Table,
    cells,
    code,
    line,
    paragraph,
    prose,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, given, rounded, significant
from adaptive_cart.report.pictures import figures_of

PRIORS = (0.25, 0.5, 0.75)


def bayesian(evidence: Evidence) -> list[Block]:
    """Bayesian operating characteristics by design prior."""
    null, target = evidence.worst_null, evidence.target
    heading = Heading(text="Bayesian operating characteristics", key="bayesian", level=2)
    if null is None or target is None:
        return [heading, paragraph("They need a null and an alternative scenario.")]
    error, power = evidence.cell(null, "success"), evidence.cell(target, "success")
    rows = []
    source = f"{null}, {target}: success"
    for prior in PRIORS:
        rows.append(row(given(prior, "design prior"), *_mixtures(prior, error, power, source)))
    evidence.trace.reported(54, "bayesian", "t-bayesian")
    return [
        heading,
        paragraph(
            "A design prior says how probable it is that the truth is that of {target} rather "
            "than that of {null}. Averaged over it, success has the probability called "
            "assurance; and among the trials that succeed, some share comes from the null."
            "{brackets}",
            brackets=""
            if error.exact
            else " In brackets the type I error is not the estimate but the upper end of its "
            "Monte Carlo interval.",
            target=code(target),
            null=code(null),
        ),
        Table(
            key="t-bayesian",
            title=line("Bayesian operating characteristics by design prior"),
            head=cells("Prior probability of benefit", "Assurance", "No benefit, given success",
                       "Benefit, given no success", "Correct decision"),
            rows=tuple(rows),
            align=("right",) * 5,
            notes=_error(error, power),
        ),
        *figures_of(evidence, "bayesian"),
    ]  # fmt: skip


def _mixtures(prior: float, error: Bound, power: Bound, source: str) -> list[Line]:
    shown = []
    digits = min(max(error.digits, 2), max(power.digits, 2), 3)

    def pair(formula: str) -> Line:
        values = [_mixture(formula, prior, a, power.figure.estimate)
                  for a in (error.figure.estimate, error.figure.upper)]  # fmt: skip
        first = line(rounded(values[0], digits, source))
        if error.exact:
            return first
        return line(first, " (", rounded(values[1], digits, source), ")")

    for formula in ("assurance", "discovery", "omission", "correct"):
        shown.append(pair(formula))
    return shown


def _mixture(formula: str, prior: float, error: float, power: float) -> float:
    success = (1 - prior) * error + prior * power
    if formula == "assurance":
        return success
    if formula == "discovery":
        return (1 - prior) * error / success if success > 0 else float("nan")
    if formula == "omission":
        return prior * (1 - power) / (1 - success) if success < 1 else float("nan")
    return prior * power + (1 - prior) * (1 - error)


def _error(error: Bound, power: Bound) -> tuple[Line, ...]:
    """The largest Monte Carlo standard error of assurance and of a correct decision."""
    if error.exact and power.exact:
        return ()
    largest = max(
        math.hypot((1 - prior) * error.figure.mcse, prior * power.figure.mcse) for prior in PRIORS
    )
    if largest == 0.0:  # every trial succeeded, or none: the intervals say more
        return ()
    return (
        prose(
            "Monte Carlo standard error of assurance and of a correct decision: at most {largest}.",
            largest=significant(largest, 2, f"{error.source}, {power.source} (mcse)"),
        ),
    )
