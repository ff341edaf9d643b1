"""What this version cannot simulate yet, told before a run and not in the middle of one."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.design import Design
from adaptive_cart.errors import DesignError, Problem


def require_supported(design: Design) -> None:
    """Raise a :class:`DesignError` that names everything this version cannot simulate."""
    problems = [Problem(path, message) for path, message in _unsupported(design)]
    if problems:
        raise DesignError(problems)


def _unsupported(design: Design) -> Iterator[tuple[str, str]]:
    later = "is read and checked, but not simulated by this version"
    for position, rule in enumerate(design.rules):
        path = f"rules[{position}]"
        asked = rule.posterior
        analysis = None if asked is None else design.analysis_of(asked.endpoint)
        if asked is not None and analysis is not None and not analysis.available:
            yield (
                f"{path}.posterior.endpoint",
                f"the posterior of '{analysis.model}' (analysis.{asked.endpoint}) {later}",
            )
