"""Numbers of the figure of priors: their densities, and what they claim beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

from adaptive_cart.conduct.rules import threshold_words
from adaptive_cart.figures.about import about
from adaptive_cart.figures.kinds import Missing, Tables
from adaptive_cart.figures.source import (
    plan_of,
    scenarios,
)
from adaptive_cart.figures.tables_measures import measured, table
from adaptive_cart.models import AnalysisBase, Posterior
from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import SUMMARIES
from adaptive_cart.priors.claims import nothing_seen
from adaptive_cart.priors.effective_sample_size import effective_sample_sizes
from adaptive_cart.priors.prior_numbers import PriorNumbers, of_mixture, of_table
from adaptive_cart.results.result import Result

POINTS = 401
TAIL = 0.999  # of a prior without an upper end, as much is shown


def prior_tables(result: Result) -> Tables | Missing:
    """F2: density of every prior, and what they say together of the claim."""
    plan, design = plan_of(result), result.design
    if not plan.fitted:
        return Missing(
            "no endpoint of the design has an analysis model",
            "give one a model in [analysis] and simulate again",
        )
    densities, summary = [], []
    asked = {rule.question.endpoint for rule in plan.rules}
    shown = {name: fit for name, fit in plan.fitted.items() if name in asked or name in
             design.analysis}  # fmt: skip
    for name, (analysis, model) in shown.items():
        words = design.endpoint_label(name)
        for parameter, scale, curve in _priors(result, name, analysis, model):
            key = {"endpoint": words, "parameter": parameter, "scale": scale}
            for component, values in {"prior": curve.density, **curve.components}.items():
                densities += [
                    {**key, "component": component, "x": float(a), "density": float(b)}
                    for a, b in zip(curve.x, values, strict=True)
                ]
            summary.append({**key, "effective_sample_size": curve.effective_sample_size,
                            **curve.summary})  # fmt: skip
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


@dataclass(frozen=True)
class Curve:
    """A prior as it is drawn, and its own numbers, which the drawing does not limit.

    Attributes
    ----------
    density
        At ``x``; of the logarithm where the parameter is a ratio.
    components
        Of a mixture, by name.
    """

    x: Floats
    density: Floats
    numbers: PriorNumbers
    effective_sample_size: float | None = None
    components: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def summary(self) -> dict[str, float]:
        """Mean, median and central 95%."""
        low, middle, high = (self.numbers.quantile(p) for p in (0.025, 0.5, 0.975))
        return {"mean": self.numbers.mean, "lower": low, "median": middle, "upper": high}


def _priors(
    result: Result, endpoint: str, analysis: AnalysisBase, model: Any
) -> Iterator[tuple[str, str, Curve]]:
    """Each prior of an analysis: name of the parameter, its scale, and its density."""
    if isinstance(model, BetaBinomial):
        names = result.design.arm_names
        given = analysis.plain().get("prior")
        shown = {name for name in names if isinstance(given, dict) and name in given}
        for rule in plan_of(result).rules:
            for target in rule.targets:
                if target.endpoint == endpoint:
                    shown |= {names[arm] for arm in (target.arm, target.minus) if arm is not None}
        pairs = [(arm, own) for arm, own in zip(names, model.priors, strict=True) if arm in shown]
        for prior in dict.fromkeys(own for _, own in pairs):
            arms = [arm for arm, own in pairs if own == prior]
            yield ", ".join(arms), "probability", _mixture(prior)
        return
    table = analysis.plain()["prior"]
    nested = all(isinstance(value, dict) for value in table.values())
    parts = table if nested else {"rate": table}
    if any(of_table(given) is None for given in parts.values()):
        yield _level(result, endpoint, analysis, model)
        return
    for name, given in parts.items():
        yield _parameter(name, given)


def _level(
    result: Result, endpoint: str, analysis: AnalysisBase, model: Any
) -> tuple[str, str, Curve]:
    """Prior of an arm's level where it is no distribution of the design file, from its draws."""
    posterior = analysis.posterior(model, nothing_seen(result.design, analysis.reads), None)
    drawn = posterior.drawn(Question(endpoint, 1))[0]
    below = np.linspace(0.005, 0.995, 100)
    values = np.quantile(drawn, below)
    numbers = PriorNumbers(
        analysis.title, float(drawn.mean()), lambda share: float(np.quantile(drawn, share))
    )
    x = (values[1:] + values[:-1]) / 2.0
    return analysis.level, analysis.level, Curve(x, np.diff(below) / np.diff(values), numbers)


def _mixture(prior: BetaMixture) -> Curve:
    """Density of a mixture of betas, its components and its effective sample size."""
    # denser towards 0 and 1, where densities may rise without end
    x = 0.5 - 0.5 * np.cos(np.linspace(0.02, np.pi - 0.02, POINTS))
    parts = {
        f"{weight:g} Beta({a:g}, {b:g})": weight * _beta(x, a, b)
        for weight, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
    }
    return Curve(
        x,
        np.sum([*parts.values()], axis=0),
        of_mixture(prior),
        effective_sample_sizes(prior).quoted,
        parts if len(parts) > 1 else {},
    )


def _beta(x: Floats, a: float, b: float) -> Floats:
    density: Floats = np.exp(
        special.xlogy(a - 1.0, x) + special.xlog1py(b - 1.0, -x) - special.betaln(a, b)
    )
    return density


def _parameter(name: str, given: Mapping[str, float]) -> tuple[str, str, Curve]:
    """Density of one parameter from its table in the design, on a scale that says something."""
    kind = given.get("dist", "gamma")
    if kind == "beta":
        return name, "probability", _mixture(BetaMixture.single(given["a"], given["b"]))
    numbers = of_table(given)
    assert numbers is not None
    if kind == "gamma":
        a, b = given["a"], given["b"]
        x = np.linspace(0.0, 1.0, POINTS + 1)[1:] ** 2 * numbers.quantile(0.99)
        density = np.exp(a * np.log(b) + (a - 1.0) * np.log(x) - b * x - special.gammaln(a))
        # a baseline hazard is monthly (piecewise_exponential), an event rate yearly (gamma_poisson)
        scale = f"events per {'month' if name == 'baseline' else 'year'}"
        return name, scale, Curve(x, density, numbers)
    if kind == "lognormal":
        median, sigma = given["median"], given["sigma"]
        z = float(special.ndtri(TAIL))
        x = np.linspace(0.0, median * np.exp(min(z, 2.6) * sigma), POINTS + 1)[1:]
        density = _normal(np.log(x), np.log(median), sigma) / x
        return name, "months" if "month" in name else name, Curve(x, density, numbers)
    if kind == "half_normal":
        x = np.linspace(0.0, 3.3 * given["sd"], POINTS)
        return name, "sd (log odds)", Curve(x, 2 * _normal(x, 0.0, given["sd"]), numbers)
    mean, sd = given["mean"], given["sd"]
    if name in ("control_logit", "intercept"):
        x = 0.5 - 0.5 * np.cos(np.linspace(0.05, np.pi - 0.05, POINTS))
        density = _normal(special.logit(x), mean, sd) / (x * (1.0 - x))
        return name, "probability", Curve(x, density, numbers.seen_as(special.expit))
    if name == "log_hazard_ratio":
        ratio = of_table({"dist": "lognormal", "median": np.exp(mean), "sigma": sd})
        assert ratio is not None
        x = np.exp(np.linspace(mean - 3.0 * sd, mean + 3.0 * sd, POINTS))
        return "hazard ratio", "hazard ratio", Curve(x, _normal(np.log(x), mean, sd), ratio)
    x = np.linspace(mean - 3.3 * sd, mean + 3.3 * sd, POINTS)
    return name, "log odds", Curve(x, _normal(x, mean, sd), numbers)


def _normal(x: Floats, mean: float, sd: float) -> Floats:
    density: Floats = np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * np.sqrt(2.0 * np.pi))
    return density


def _claims(result: Result) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the priors alone say of each success rule's quantity: density and P(claim)."""
    plan, design = plan_of(result), result.design
    labels = tuple(design.arm_label(name) for name in design.arm_names)
    claims: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for rule in plan.rules:
        if not rule.decision.claims or rule.prediction is not None:
            continue
        asked = rule.question
        analysis, model = plan.fitted[asked.endpoint]
        posterior = analysis.posterior(model, nothing_seen(design, analysis.reads), None)
        words = asked.words(labels, design.stratum_names)
        if not asked.of.has_value:
            continue
        above, grid = _above(posterior, asked, SUMMARIES[analysis.reads].bounds)
        middle = (grid[1:] + grid[:-1]) / 2
        # of the logarithm where the quantity is a ratio
        density = np.diff(1.0 - above) / np.diff(np.log(grid) if asked.of.ratio else grid)
        rows += [
            {"rule": rule.name, "x": float(a), "density": float(b), "kind": asked.kind}
            for a, b in zip(middle, density, strict=True)
        ]
        claims.append(
            {
                "rule": rule.name,
                "claim": words.replace(" | ", " | prior, "),
                "margin": asked.value,
                "above": asked.above,
                "kind": asked.kind,
                "probability": float(posterior.probability(asked)[0]),
                "threshold": rule.easiest,
                "threshold_words": threshold_words(rule.easiest),
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

    low, high = asked.of.range(level, asked.minus is not None)
    if asked.of.ratio:
        grid = np.exp(np.linspace(np.log(0.02), np.log(50.0), 121))
    else:
        if not np.isfinite(high):
            high = next((2.0**k for k in range(64) if above(2.0**k) < 1.0 - TAIL), 2.0**64)
            low = low if np.isfinite(low) else -high
        grid = np.linspace(low, high, 121)
    return np.array([above(float(value)) for value in grid]), grid
