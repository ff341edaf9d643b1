"""What this version cannot simulate yet, told before a run and not in the middle of one."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.design import Design
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.rules import ENDS


def require_supported(design: Design) -> None:
    """Raise a :class:`DesignError` that names everything this version cannot simulate."""
    problems = [Problem(path, message) for path, message in _unsupported(design)]
    if problems:
        raise DesignError(problems)


def _unsupported(design: Design) -> Iterator[tuple[str, str]]:
    later = "is read and checked, but not simulated by this version"
    if design.randomisation.method != "permuted_blocks":
        yield "randomisation.method", f"'{design.randomisation.method}' {later}"
    if len(design.arms) > 2:
        yield "arms", f"a design of {len(design.arms)} arms {later}; two are"
    if design.looks.scale == "events":
        yield "looks.events", f"a look by number of events {later}"
    if design.crossover is not None:
        yield "crossover", f"crossover {later}"
    if design.primary_endpoint.summary_kind != "counts":
        kind = design.primary_endpoint.type
        yield f"endpoints.{design.primary}.type", f"a primary endpoint of type '{kind}' {later}"
    for position, rule in enumerate(design.rules):
        path = f"rules[{position}]"
        if rule.then not in ENDS:
            yield f"{path}.then", f"'{rule.then}' {later}"
        if rule.every is not None:
            yield f"{path}.every", f"a rhythm of its own {later}"
        if rule.threshold == "calibrate":
            key = "at_least" if rule.at_least is not None else "below"
            yield f"{path}.{key}", "'calibrate' needs `adaptive-cart calibrate`, which comes later"
        asked = rule.posterior
        if asked is None:
            continue
        if asked.arm == "each":
            yield f"{path}.posterior.arm", f"'each' {later}"
        if asked.stratum in ("each", "open"):
            yield f"{path}.posterior.stratum", f"'{asked.stratum}' {later}"
        analysis = design.analysis_of(asked.endpoint)
        if analysis is not None and not analysis.available:
            yield (
                f"{path}.posterior.endpoint",
                f"the posterior of '{analysis.model}' (analysis.{asked.endpoint}) {later}",
            )
