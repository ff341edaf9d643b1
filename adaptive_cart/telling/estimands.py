"""What each endpoint estimates, by the five attributes of ICH E9(R1): for ``check`` and the report.

Treatment, population, variable, intercurrent events and summary measure, in the order of section
A.3.3 of the addendum (2019).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adaptive_cart.conduct.comparison import wording_of
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.endpoints.intercurrent import Circumstances, Handled
from adaptive_cart.nouns.questions import KINDS, Question

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
    circumstances = circumstances_of(design, truths, name)
    variable = endpoint.variable(circumstances.directly) or endpoint.describes()
    return Attributes(
        endpoint=name,
        population=endpoint.population(circumstances),
        variable=variable,
        handled=tuple(endpoint.handled(circumstances)),
        measure=_measure(design, name),
    )


def circumstances_of(design: Design, truths: Mapping[str, Truth], name: str) -> Circumstances:
    """What of a design decides which intercurrent events an endpoint meets."""
    return Circumstances(
        directly=directly_said(truths, name),
        infused=any(any(truth.infused_arms) for truth in truths.values()),
        crossover=None if design.crossover is None else design.crossover.strategy,
        redosed=any(
            group.own.infuses_again
            for truth in truths.values()
            for by_stratum in truth.courses or ()
            for group in by_stratum
        ),
    )


def _measure(design: Design, name: str) -> str:
    """What is estimated of the primary; of another endpoint, what the rules ask of it."""
    if design.analysis_of(name) is None:
        return "its value in each arm, described and not analysed"
    plan = Plan.of(design)
    asked = [estimand.question for estimand in plan.estimands]
    if name != design.primary:
        asked = [question for rule in plan.rules for question in rule.about]
    own = [q for q in asked if q.endpoint == name and not q.of.among_open]
    return "; ".join(dict.fromkeys(_summary(design, q, own) for q in own)) or _usual(design, name)


def _summary(design: Design, question: Question, asked: Sequence[Question]) -> str:
    wording, kind = wording_of(design, question.endpoint), question.of
    noun = kind.noun(question, wording.endpoint, wording.parameter).removeprefix("the ")
    alike = {
        q.arm for q in asked if (q.of, q.month, q.minus) == (kind, question.month, question.minus)
    }
    arm, *others = (wording.arms[k] for k in question.pair)
    if len(alike) > 1:
        arm = "each experimental arm"
    if not others:
        return f"{noun}, in {arm}"
    compared = noun if kind.ratio or kind.of_two else f"difference in the {noun}"
    return f"{compared}, {arm} {kind.sign} {others[0]}"


def _usual(design: Design, name: str) -> str:
    """What arms would be compared by, where no rule asks about the endpoint."""
    analysis, endpoint = design.analysis_of(name), design.endpoints[name]
    wanted = endpoint.estimand_kind or "level"
    kind = KINDS[wanted if analysis is not None and wanted in analysis.answers else "level"]
    wording = wording_of(design, name)
    called = wording.endpoint
    if kind.about_levels or kind.of_two:
        called = wording.parameter.named(called)
    others = [wording.arms[arm] for arm in design.experimental]
    arm = others[0] if len(others) == 1 else "each experimental arm"
    if design.control is None:
        return (
            f"{wording.parameter.named(wording.endpoint).removeprefix('the ')}, in {arm}, described"
        )
    control = wording.arms[0]
    return f"{kind.comparison_of(called)}, {arm} {kind.sign} {control}, described"


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
