"""What each endpoint estimates, by the five attributes of ICH E9(R1): for ``check`` and the report.

Treatment, population, variable, intercurrent events and summary measure, in the order of section
A.3.3 of the addendum (2019).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adaptive_cart.conduct.comparison import wording_of
from adaptive_cart.conduct.plan import estimand_kind
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.endpoints.intercurrent import Circumstances, Handled
from adaptive_cart.nouns.questions import KINDS

TREATMENT = (
    "each arm as a strategy from randomisation on, whatever becomes of a participant, but for the "
    "events below"
)


@dataclass(frozen=True)
class Attributes:
    """The attributes of an endpoint's estimand beside the treatment, in words.

    Attributes
    ----------
    endpoint
        Name in the design file.
    variable
        With settings of its table in braces: ``remission at month {month}``.
    handled
        How each intercurrent event is dealt with; not of what befalls nobody, since the truth of
        the endpoint is said directly.
    measure
        What arms are compared by.
    """

    endpoint: str
    population: str
    variable: str
    handled: tuple[Handled, ...]
    measure: str


def directly_said(truths: Mapping[str, Truth], endpoint: str) -> bool:
    """Whether every scenario says the truth of an endpoint directly."""
    return all(endpoint in truth.direct for truth in truths.values())


def attributes(design: Design, truths: Mapping[str, Truth], name: str) -> Attributes:
    """State the estimand of an endpoint.

    Parameters
    ----------
    truths
        By scenario.
    """
    endpoint = design.endpoints[name]
    circumstances = Circumstances(
        directly=directly_said(truths, name),
        infused=any(any(truth.infused_arms) for truth in truths.values()),
        crossover=None if design.crossover is None else design.crossover.strategy,
    )
    variable = endpoint.variable(circumstances.directly) or endpoint.describes()
    return Attributes(
        endpoint=name,
        population=endpoint.population(circumstances),
        variable=variable,
        handled=tuple(endpoint.handled(circumstances)),
        measure=_measure(design, name),
    )


def _measure(design: Design, name: str) -> str:
    analysis, endpoint = design.analysis_of(name), design.endpoints[name]
    if analysis is None:
        return "its value in each arm, described and not analysed"
    kind = estimand_kind(design) if name == design.primary else None
    if kind is None:
        wanted = endpoint.estimand_kind or "level"
        kind = KINDS[wanted if wanted in analysis.answers else "level"]
    called = design.endpoint_label(name)
    if kind.about_levels or kind.of_two:
        called = wording_of(design, name).parameter.named(called)
    experimental = [design.arm_label(arm) for arm in design.arm_names[1:]]
    control = design.arm_label(design.arm_names[0])
    arm = experimental[0] if len(experimental) == 1 else "each experimental arm"
    return f"{kind.comparison_of(called)}, {arm} {kind.sign} {control}"


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def told_estimands(design: Design, truths: Mapping[str, Truth]) -> Iterator[str]:
    """State every endpoint's estimand, a line an attribute."""
    yield "Estimands, by the attributes of ICH E9(R1)"
    yield f"  treatment: {TREATMENT}"
    for name, endpoint in design.endpoints.items():
        found = attributes(design, truths, name)
        yield f"  {name}{' (primary)' if name == design.primary else ''}"
        yield f"    population: {found.population}"
        settings = {key: _shown(value) for key, value in endpoint.plain().items()}
        yield f"    variable: {found.variable.format_map(settings)}"
        yield "    intercurrent events:"
        for handled in found.handled:
            yield f"      {handled.words()}"
        if directly_said(truths, name):
            yield "      all others are contained in what the scenarios state"
        yield f"    summary measure: {found.measure}"
