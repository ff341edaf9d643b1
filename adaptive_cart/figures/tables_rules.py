"""Numbers of the figures of priors and of decision rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy import special

from adaptive_cart.boundaries import Boundary, boundaries
from adaptive_cart.figures.kinds import Missing, Tables
from adaptive_cart.figures.source import (
    about,
    endpoint_words,
    looks_of,
    main_scenario,
    plan_of,
    scenarios,
    trials_of,
)
from adaptive_cart.figures.tables_measures import measured, table
from adaptive_cart.models import AnalysisBase
from adaptive_cart.models.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.operating import RATIOS
from adaptive_cart.priors.claims import nothing_seen
from adaptive_cart.priors.effective_sample_size import by_moments
from adaptive_cart.records import Floats
from adaptive_cart.result import Result
from adaptive_cart.rules import ResolvedRule

POINTS = 401
MAPS, RANGES = 9, 24  # looks, and rows of ranges, that a page has room for
TAIL = 0.999  # of a prior without an upper end, as much is shown


# ── F2: priors ────────────────────────────────────────────────────────────────────────────────
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
        words = endpoint_words(design, name)
        for parameter, scale, curve in _priors(result, name, analysis, model):
            x, density, ess, parts = curve
            key = {"endpoint": words, "parameter": parameter, "scale": scale}
            for component, values in {"prior": density, **parts}.items():
                densities += [
                    {**key, "component": component, "x": float(a), "density": float(b)}
                    for a, b in zip(x, values, strict=True)
                ]
            summary.append({**key, "effective_sample_size": ess,
                            **_summary(x, density, scale)})  # fmt: skip
    claim, difference = _claims(result)
    true = []
    for name in shown:
        for scenario, _ in scenarios(result):
            for arm in design.arm_names:
                found = measured(result, scenario, f"true_{name}", arm=arm)
                if found is not None:
                    true.append({"endpoint": endpoint_words(design, name), "arm": arm,
                                 "scenario": scenario, "value": found["estimate"]})  # fmt: skip
    return {
        "densities": table(densities),
        "priors": table(summary),
        "claims": table(claim),
        "difference": table(difference),
        "true": table(true),
        "about": about(result),
    }


def _summary(x: Floats, density: Floats, scale: str) -> dict[str, float]:
    """Mean and 2.5th, 50th and 97.5th percentile of a density given on a grid.

    The density of a ratio is that of its logarithm.
    """
    weight = density * np.gradient(np.log(x) if scale == "hazard ratio" else x)
    total = np.cumsum(weight) / weight.sum()
    low, middle, high = (float(x[np.searchsorted(total, p)]) for p in (0.025, 0.5, 0.975))
    return {"mean": float((x * weight).sum() / weight.sum()), "lower": low, "median": middle,
            "upper": high}  # fmt: skip


Curve = tuple[Floats, Floats, float | None, dict[str, Floats]]


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
    for name, given in analysis.plain()["prior"].items() if _nested(analysis) else [("rate", None)]:
        yield _parameter(name, given if given is not None else analysis.plain()["prior"])


def _nested(analysis: AnalysisBase) -> bool:
    return any(isinstance(value, dict) for value in analysis.plain()["prior"].values())


def _mixture(prior: BetaMixture) -> Curve:
    """Density of a mixture of betas, its components and its effective sample size."""
    # denser towards 0 and 1, where densities may rise without end
    x = 0.5 - 0.5 * np.cos(np.linspace(0.02, np.pi - 0.02, POINTS))
    parts = {}
    if len(prior.weights) > 1:
        parts = {
            f"{weight:g} Beta({a:g}, {b:g})": weight * _beta(x, a, b)
            for weight, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
        }
        density = np.sum([*parts.values()], axis=0)
    else:
        density = _beta(x, prior.a[0], prior.b[0])
    return x, density, by_moments(prior), parts


def _beta(x: Floats, a: float, b: float) -> Floats:
    density: Floats = np.exp(
        special.xlogy(a - 1.0, x) + special.xlog1py(b - 1.0, -x) - special.betaln(a, b)
    )
    return density


def _parameter(name: str, given: Mapping[str, float]) -> tuple[str, str, Curve]:
    """Density of one parameter from its table in the design, on a scale that says something."""
    kind = given.get("dist", "gamma")
    if kind == "beta":
        x = 0.5 - 0.5 * np.cos(np.linspace(0.02, np.pi - 0.02, POINTS))
        ess = given["a"] + given["b"]
        return name, "probability", (x, _beta(x, given["a"], given["b"]), ess, {})
    if kind == "gamma":
        a, b = given["a"], given["b"]
        top = float(special.gammaincinv(a, 0.99)) / b
        x = np.linspace(0.0, 1.0, POINTS + 1)[1:] ** 2 * top
        density = np.exp(a * np.log(b) + (a - 1.0) * np.log(x) - b * x - special.gammaln(a))
        # a baseline hazard is monthly (piecewise_exponential), an event rate yearly (gamma_poisson)
        return name, f"events per {'month' if name == 'baseline' else 'year'}", (
            x, density, None, {},
        )  # fmt: skip
    if kind == "lognormal":
        median, sigma = given["median"], given["sigma"]
        z = float(special.ndtri(TAIL))
        x = np.linspace(0.0, median * np.exp(min(z, 2.6) * sigma), POINTS + 1)[1:]
        density = _normal(np.log(x), np.log(median), sigma) / x
        return name, "months" if "month" in name else name, (x, density, None, {})
    if kind == "half_normal":
        x = np.linspace(0.0, 3.3 * given["sd"], POINTS)
        return name, "sd (log odds)", (x, 2 * _normal(x, 0.0, given["sd"]), None, {})
    mean, sd = given["mean"], given["sd"]
    if name in ("control_logit", "intercept"):
        x = 0.5 - 0.5 * np.cos(np.linspace(0.05, np.pi - 0.05, POINTS))
        density = _normal(special.logit(x), mean, sd) / (x * (1.0 - x))
        return name, "probability", (x, density, None, {})
    if name == "log_hazard_ratio":
        x = np.exp(np.linspace(mean - 3.0 * sd, mean + 3.0 * sd, POINTS))
        return "hazard ratio", "hazard ratio", (x, _normal(np.log(x), mean, sd), None, {})
    x = np.linspace(mean - 3.3 * sd, mean + 3.3 * sd, POINTS)
    return name, "log odds", (x, _normal(x, mean, sd), None, {})


def _normal(x: Floats, mean: float, sd: float) -> Floats:
    density: Floats = np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * np.sqrt(2.0 * np.pi))
    return density


def _claims(result: Result) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the priors alone say of each success rule's quantity: density and P(claim)."""
    plan, design = plan_of(result), result.design
    claims: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for rule in plan.rules:
        if rule.then != "declare_success" or rule.prediction is not None:
            continue
        asked = rule.question
        analysis, model = plan.fitted[asked.endpoint]
        posterior = analysis.posterior(model, nothing_seen(design, analysis.reads), None)
        words = asked.words(design.arm_names, design.stratum_names)
        grid = _grid_of(asked.kind, asked.minus)
        if grid is None:
            continue
        above = np.array([float(posterior.probability(asked.at(float(v)))[0]) for v in grid])
        if not asked.above:
            above = 1.0 - above
        middle = (grid[1:] + grid[:-1]) / 2
        # of the logarithm where the quantity is a ratio
        density = np.diff(1.0 - above) / np.diff(np.log(grid) if _is_ratio(asked.kind) else grid)
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
                "threshold": min(rule.thresholds.values()),
            }
        )
    return claims, rows


def _is_ratio(kind: str) -> bool:
    return kind == "hazard_ratio"


def _grid_of(kind: str, minus: int | None) -> Floats | None:
    if _is_ratio(kind):
        return np.exp(np.linspace(np.log(0.02), np.log(50.0), 121))
    if kind in ("level", "remaining"):
        return np.linspace(-1.0 if minus is not None else 0.0, 1.0, 121)
    return None


# ── F3: boundaries ────────────────────────────────────────────────────────────────────────────
def boundary_tables(result: Result) -> Tables | Missing:
    """F3: each rule as numbers of responders, or as differences seen where it has no such table."""
    found = boundaries(result.design, plan_of(result))
    told = {boundary.rule for boundary in found}
    rest = [rule for rule in plan_of(result).rules if rule.name not in told]
    by_rule = [list(_seen(result, rule)) for rule in rest]
    seen: list[dict[str, Any]] = []
    for own in by_rule:
        few = _steps(len(own), RANGES // len(by_rule))
        seen += [{**row, "shown": place in few} for place, row in enumerate(own)]
    if not found and not seen:
        return Missing(
            "no rule of the design asks about counts, and none was judged in a trial",
            "adaptive-cart simulate with a larger --trials may give some",
        )
    rows: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    looks = sorted({boundary.look for boundary in found})
    shown = {looks[place] for place in _steps(len(looks), MAPS)}
    for boundary in found:
        rows += _cells(boundary, shown)
        difference = _difference(result, boundary)
        if difference is not None:
            differences.append(difference)
    return {
        "boundaries": table(rows),
        "differences": table(differences),
        "seen": table(seen),
        "about": about(
            result,
            scenario=main_scenario(result),
            primary_name=result.design.primary,
            drawn=len(trials_of(result)) // max(len(scenarios(result)), 1),
        ),
    }


def _steps(number: int, most: int) -> set[int]:
    """All of so many things, or at most so many at equal steps, the first and last among them."""
    if number <= most:
        return set(range(number))
    return {round(k * (number - 1) / (most - 1)) for k in range(most)}


def _cells(boundary: Boundary, shown: set[int]) -> Iterator[dict[str, Any]]:
    """Responders in the arm at which a rule holds, by responders in the control."""
    two = len(boundary.analysed) == 2
    for row in range(boundary.holds.shape[0]):
        inside = np.flatnonzero(boundary.holds[row])
        yield {
            "rule": boundary.rule,
            "then": boundary.then,
            "look": boundary.look,
            "shown": boundary.look in shown,
            "control": boundary.arms[0] if two else None,
            "control_n": boundary.analysed[0] if two else None,
            "control_responders": row if two else None,
            "arm": boundary.arms[-1],
            "arm_n": boundary.analysed[-1],
            "from": int(inside[0]) if len(inside) else None,
            "to": int(inside[-1]) if len(inside) else None,
            "holds_at": boundary.runs(row),
        }


def _difference(result: Result, boundary: Boundary) -> dict[str, Any] | None:
    """Difference at which a rule begins to hold, at the control's likely responders."""
    if len(boundary.analysed) != 2:
        return None
    rule = next(r for r in plan_of(result).rules if r.name == boundary.rule)
    found = measured(
        result, main_scenario(result), f"true_{rule.question.endpoint}", arm=boundary.arms[0]
    )
    if found is None:
        return None
    n, arm_n = boundary.analysed
    counts = np.arange(n + 1)
    probability = np.exp(
        special.gammaln(n + 1) - special.gammaln(counts + 1) - special.gammaln(n - counts + 1)
        + special.xlogy(counts, found["estimate"]) + special.xlog1py(n - counts, -found["estimate"])
    )  # fmt: skip
    so_far = np.cumsum(probability)
    low, middle, high = (int(np.searchsorted(so_far, p)) for p in (0.05, 0.5, 0.95))
    few = bool(boundary.holds[:, 0].sum() > boundary.holds[:, -1].sum())

    def at(row: int) -> float | None:
        inside = np.flatnonzero(boundary.holds[min(row, n)])
        if len(inside) == 0:
            return None
        return float((inside[-1] if few else inside[0]) / arm_n - row / n)

    return {
        "rule": boundary.rule,
        "then": boundary.then,
        "look": boundary.look,
        "margin": None if rule.prediction is not None else rule.question.value,
        "analysed": n + arm_n,
        "control_responders": middle,
        "control_n": n,
        "difference": at(middle),
        "at_low_control": at(low),
        "at_high_control": at(high),
    }


def _seen(result: Result, rule: ResolvedRule) -> Iterator[dict[str, Any]]:
    """Differences seen in simulated trials with a rule holding, and with it not holding."""
    design, looks = result.design, looks_of(result)
    question = rule.question
    summary = RATIOS.get(design.endpoints[question.endpoint].summary_kind)
    column = f"p_{rule.name}"
    if summary is None or column not in looks or question.kind not in ("level", "hazard_ratio"):
        return
    top, bottom = (f"{question.endpoint}_{name}" for name in summary)
    if top not in looks or bottom not in looks:
        return
    ratio = _is_ratio(question.kind)
    by_stratum = question.stratum >= 0
    keys = ["scenario", "trial", "look", *(["stratum"] if by_stratum else [])]
    names = {target.arm for target in rule.targets}
    columns = [*keys, "arm", top, bottom, column]
    wanted = looks[columns].copy()
    wanted["arm"] = wanted["arm"].astype(str)
    for key in ("scenario", *(["stratum"] if by_stratum else [])):
        wanted[key] = wanted[key].astype(str)
    totals = wanted.groupby([*keys, "arm"], observed=True, sort=False).agg(
        {top: "sum", bottom: "sum", column: "first"}
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        totals["value"] = totals[top] / totals[bottom].where(totals[bottom] > 0)
    flat = totals.reset_index()
    control = flat[flat["arm"] == design.arm_names[question.minus or 0]].set_index(keys)["value"]
    for arm in names:
        own = flat[flat["arm"] == design.arm_names[arm]].set_index(keys)
        if question.minus is not None:
            other = control.reindex(own.index)
            own["value"] = own["value"] / other if ratio else own["value"] - other
        flat.loc[flat["arm"] == design.arm_names[arm], "seen"] = own["value"].to_numpy()
    flat = flat[flat["arm"].isin([design.arm_names[arm] for arm in names])]
    flat = flat[flat[column].notna() & np.isfinite(flat["seen"].astype(float))]
    group = ["look", *(["stratum"] if by_stratum else [])]
    if by_stratum:
        import pandas as pd

        flat["stratum"] = pd.Categorical(flat["stratum"], design.stratum_names)
    for key, part in flat.groupby(group, observed=True):
        look = int(key[0])
        threshold = rule.thresholds.get(look, rule.thresholds.get(design.looks.number, np.nan))
        holds = rule.compared(part[column].to_numpy(), threshold)
        held, other = (part["seen"].to_numpy()[mask] for mask in (holds, ~holds))
        yield {
            "rule": rule.name,
            "then": rule.then,
            "look": look,
            "target": str(key[1]) if by_stratum else None,
            "quantity": _quantity(result, rule),
            "margin": None if rule.prediction is not None else question.value,
            "compared": "limit" if question.minus is None else "margin",
            "held": len(held),
            "held_least": float(held.min()) if len(held) else None,
            "held_most": float(held.max()) if len(held) else None,
            "not_held": len(other),
            "not_held_least": float(other.min()) if len(other) else None,
            "not_held_most": float(other.max()) if len(other) else None,
        }


def _quantity(result: Result, rule: ResolvedRule) -> str:
    design, question = result.design, rule.question
    name = endpoint_words(design, question.endpoint)
    summary_kind = design.endpoints[question.endpoint].summary_kind
    arms = {target.arm for target in rule.targets}
    arm = design.arm_names[question.arm] if len(arms) == 1 else "arm"
    if question.minus is None:
        rate = summary_kind == "exposure"
        return f"observed {name}, {arm}" + (", events per year" if rate else "")
    control = design.arm_names[question.minus]
    if question.kind == "hazard_ratio":
        return f"observed ratio of event rates, {arm} / {control}"
    return f"observed difference in {name}, {arm} − {control}"
