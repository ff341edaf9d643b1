"""Numbers of the figure of priors: their densities, and what they claim beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from adaptive_cart.conduct.estimated import noun_alone
from adaptive_cart.figures.about import about
from adaptive_cart.figures.kinds import Missing, Tables
from adaptive_cart.figures.source import (
    plan_of,
    scenarios,
)
from adaptive_cart.figures.tables_measures import measured, table
from adaptive_cart.models import AnalysisBase, Posterior
from adaptive_cart.models.prior import Prior
from adaptive_cart.nouns.questions import Question, written
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import SUMMARIES
from adaptive_cart.priors.claims import nothing_seen
from adaptive_cart.results.result import Result

TAIL = 0.999  # of a prior without an upper end, as much is shown


def prior_tables(result: Result) -> Tables | Missing:
    """F2: density of every prior, and what they say together of the claim."""
    plan, design = plan_of(result), result.design
    asked = {question.endpoint for rule in plan.rules for question in rule.about}
    shown = {
        name: fit
        for name, fit in plan.fitted.items()
        if fit[0].bayesian and (name in asked or name in design.analysis)
    }
    if not shown:
        return Missing(
            "no endpoint of the design has an analysis model with a prior",
            "give one a model in [analysis] and simulate again",
        )
    densities, summary = [], []
    for name, (analysis, model) in shown.items():
        words = design.endpoint_label(name)
        for parameter, prior in _shown(result, name, analysis, model):
            curve = prior.curve
            key = {"endpoint": words, "parameter": parameter, "scale": prior.scale}
            for component, values in {"prior": curve.density, **curve.components}.items():
                densities += [
                    {**key, "component": component, "x": float(a), "density": float(b)}
                    for a, b in zip(curve.x, values, strict=True)
                ]
            start, end = prior.axis
            summary.append({**key, "effective_sample_size": curve.effective_sample_size,
                            **curve.summary, "middle": curve.middle, "from": start, "to": end,
                            "logarithmic": curve.of_logarithm})  # fmt: skip
    if not summary:
        return Missing(
            "the priors are flat, and have no density to show",
            "give a model a prior with a spread and simulate again",
        )
    claim, difference = _claims(result)
    true = []
    for name in shown:
        for scenario, _ in scenarios(result):
            for arm in design.arm_names:
                found = measured(result, scenario, f"true_{name}", arm=arm)
                if found is not None:
                    true.append({"endpoint": design.endpoint_label(name), "arm": arm,
                                 "scenario": scenario, "value": found["estimate"]})  # fmt: skip
    return {
        "densities": table(densities),
        "priors": table(summary),
        "claims": table(claim),
        "difference": table(difference),
        "true": table(true),
        "about": about(result),
    }


def _shown(
    result: Result, endpoint: str, analysis: AnalysisBase, model: Any
) -> Iterator[tuple[str, Prior]]:
    """Each prior of an analysis with the name of its parameter; equal ones of arms but once."""
    names = result.design.arm_names
    priors = list(analysis.priors(model, names))
    given = analysis.plain().get("prior")
    asked = {name for name in names if isinstance(given, dict) and name in given}
    for rule in plan_of(result).rules:
        for target in rule.about:
            if target.endpoint == endpoint:
                asked |= {names[arm] for arm in target.pair if arm < len(names)}
    priors = [prior for prior in priors if not prior.of_arm or prior.part in asked]
    for curve in {id(prior.curve): prior.curve for prior in priors}.values():
        alike = [prior for prior in priors if prior.curve is curve]
        yield ", ".join(prior.name for prior in alike), alike[0]


def _claims(result: Result) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the priors alone say of each success rule's quantity: density and P(claim)."""
    plan, design = plan_of(result), result.design
    labels = tuple(design.arm_label(name) for name in design.compared_names)
    claims: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for part in (part for rule in plan.rules if rule.decision.claims for part in rule.parts):
        if part.prediction is not None or part.several or not plan.bayesian(part):
            continue
        if plan.flat(part):
            continue
        asked = part.question
        analysis, model = plan.fitted[asked.endpoint]
        posterior = analysis.posterior(model, nothing_seen(design, asked.endpoint), None)
        words = asked.words(labels, design.stratum_names)
        if not asked.of.has_value:
            continue
        above, grid = _above(posterior, asked, SUMMARIES[analysis.reads].bounds)
        middle = (grid[1:] + grid[:-1]) / 2
        # of the logarithm where the quantity is a ratio
        density = np.diff(1.0 - above) / np.diff(np.log(grid) if asked.of.ratio else grid)
        rows += [
            {"rule": part.name, "x": float(a), "density": float(b), "kind": asked.kind}
            for a, b in zip(middle, density, strict=True)
        ]
        claims.append(
            {
                "rule": part.name,
                "claim": words.replace(" | ", " | prior, "),
                "margin": asked.value,
                "above": asked.above,
                "kind": asked.kind,
                "noun": asked.of.comparison
                if asked.minus is not None
                else noun_alone(result.design, asked),
                "probability": float(posterior.probability(asked)[0]),
                "threshold": part.easiest,
                "threshold_words": written(part.easiest),
            }
        )
    return claims, rows


def _above(
    posterior: Posterior, asked: Question, level: tuple[float, float]
) -> tuple[Floats, Floats]:
    """P(quantity > value) over a grid of values, and the grid; it goes where the quantity may be.

    Where its range has no end, as far as hardly anything lies beyond.
    """

    def above(value: float) -> float:
        found = float(posterior.probability(asked.at(value))[0])
        return found if asked.above else 1.0 - found

    low, high = asked.of.range(level, asked.minus is not None, asked.month)
    if asked.of.ratio:
        grid = np.exp(np.linspace(np.log(0.02), np.log(50.0), 121))
    else:
        if not np.isfinite(high):
            high = next((2.0**k for k in range(64) if above(2.0**k) < 1.0 - TAIL), 2.0**64)
            low = low if np.isfinite(low) else -high
        if not np.isfinite(low):
            low = next((-(2.0**k) for k in range(64) if above(-(2.0**k)) > TAIL), -(2.0**64))
        grid = np.linspace(low, high, 121)
    return np.array([above(float(value)) for value in grid]), grid
