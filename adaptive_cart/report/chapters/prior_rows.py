"""Rows of the table of priors: each prior in words, its mean and interval, what it is worth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.priors.effective_sample_size import effective_sample_sizes
from adaptive_cart.priors.prior_numbers import of_mixture, of_table
from adaptive_cart.report.document import Line, Number, Row, code, line, row
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given, rounded, significant

WORTH = 4  # column of what a prior is worth
TAILS = (0.025, 0.975)
UNIT = {"piecewise_exponential": "month", "gamma_poisson": "year"}  # of the time at risk


def prior_rows(evidence: Evidence) -> Iterator[tuple[str, Row]]:
    """Every prior of the design, by its key: endpoint and arm, or part of the model's prior."""
    for name, (analysis, fitted) in evidence.plan.fitted.items():
        if not analysis.bayesian:
            continue
        if isinstance(fitted, BetaBinomial):
            yield from beta_rows(evidence, name, fitted)
        else:
            yield from other_rows(name, analysis)


def beta_rows(evidence: Evidence, endpoint: str, fitted: BetaBinomial) -> Iterator[tuple[str, Row]]:
    """Priors of the arms of a binary endpoint, by their keys."""
    for arm, prior in zip(evidence.design.arm_names, fitted.priors, strict=True):
        yield f"{endpoint}.{arm}", _beta_row(evidence, endpoint, arm, prior)


def _beta_row(evidence: Evidence, endpoint: str, arm: str, prior: BetaMixture) -> Row:
    worth = effective_sample_sizes(prior).quoted
    source = f"design: analysis.{endpoint}.prior.{arm}"
    numbers = of_mixture(prior)
    tails = [numbers.quantile(share) for share in TAILS]
    return row(
        line(
            evidence.endpoint_head(endpoint),
            ", ",
            evidence.arm(arm),
            " (",
            code(f"{endpoint}.{arm}"),
            ")",
        ),
        given(numbers.words, source),
        rounded(numbers.mean, 3, source),
        line(rounded(tails[0], 3, source), " to ", rounded(tails[1], 3, source)),
        line(rounded(worth, 1, source), " participants"),
    )


def other_rows(endpoint: str, analysis: Any) -> Iterator[tuple[str, Row]]:
    """Priors of the parameters of any other model, by their keys."""
    table = analysis.plain().get("prior", {})
    single = all(not isinstance(value, dict) for value in table.values())
    parts = {"": table} if single else table
    for part, value in parts.items():
        key = f"{endpoint}.{part}" if part else endpoint
        source = f"design: analysis.{endpoint}.prior"
        numbers = of_table(value)
        tails: Line = line("–")
        mean: Line = line("–")
        words = in_order(value)
        if numbers is not None:
            words = numbers.words
            low, high = (numbers.quantile(share) for share in TAILS)
            mean = line(_shown(numbers.mean, source))
            tails = line(_shown(low, source), " to ", _shown(high, source))
        yield (
            key,
            row(
                code(key),
                given(words, source),
                mean,
                tails,
                _worth(part, value, analysis.model, source),
            ),
        )


def _shown(value: float, source: str) -> Number:
    """Three digits that count, and no more than three decimals of what is nearly nought."""
    return rounded(value, 3, source) if abs(value) < 1.0 else significant(value, 3, source)


def in_order(value: dict[str, Any]) -> str:
    """A prior of another kind: its name and numbers as they are written."""
    numbers = [f"{name} {v:g}" for name, v in value.items() if isinstance(v, int | float)]
    return " ".join([str(value.get("dist", "")), *numbers]).strip() or "default"


def _worth(part: str, value: dict[str, Any], model: str, source: str) -> Line:
    """The data that a prior counts for: events in a time at risk, events, participants.

    A gamma prior of a rate is worth its shape in events and its rate in time (conjugacy). A log
    hazard ratio has about the variance 4 / events when the arms are equally large (Spiegelhalter,
    Freedman and Parmar 1994, Journal of the Royal Statistical Society A 157:357).
    """
    if value.get("dist") == "beta":
        return line(rounded(value["a"] + value["b"], 1, source), " participants")
    if "a" in value and "dist" not in value and model in UNIT:
        unit = UNIT[model] if value["b"] == 1.0 else f"{UNIT[model]}s"
        return line(given(f"{value['a']:g} events in {value['b']:g} {unit}", source))
    if part == "log_hazard_ratio":
        worth = significant(4.0 / value["sd"] ** 2, 2, source)
        return line(worth, " event" if worth.text == "1" else " events")
    if part == "control_logit":
        rate = 1.0 / (1.0 + math.exp(-value["mean"]))
        worth = 1.0 / (value["sd"] ** 2 * rate * (1.0 - rate))
        return line(significant(worth, 2, source), " participants")
    return line("–")
