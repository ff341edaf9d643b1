"""Do the parts of a design fit together? Every fault between tables, found in one round.

The checks work on whatever tables were sound in themselves, so that one broken table does not hide
the faults of the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.errors import Problem, nearest, one_of, shown
from adaptive_cart.models import AnalysisBase
from adaptive_cart.products import PRODUCTS
from adaptive_cart.questions import Kind
from adaptive_cart.scenario import Frame, check_names, resolve

if TYPE_CHECKING:
    from adaptive_cart.design import Arm, Crossover, Enrolment, Looks, PosteriorQuestion, Rule

RESERVED = ("role", "dropout", "death", "strata", "each", "open", "final")


@dataclass
class Pieces:
    """The tables of a design; nothing stands for one that is wrong in itself."""

    arms: Mapping[str, Arm | None] = field(default_factory=dict)
    strata: Mapping[str, float] | None = None
    strata_sound: bool = True
    randomisation: Any = None
    endpoints: Mapping[str, EndpointBase | None] = field(default_factory=dict)
    analysis: Mapping[str, AnalysisBase | None] = field(default_factory=dict)
    enrolment: Enrolment | None = None
    looks: Looks | None = None
    rules: Sequence[Rule | None] = ()
    crossover: Crossover | None = None
    truth: Any = field(default_factory=dict)
    scenarios: Any = field(default_factory=dict)
    calibration: Any = None

    @property
    def arm_names(self) -> tuple[str, ...]:
        """Control first, then the others in the order written."""
        control = [n for n, arm in self.arms.items() if arm is not None and arm.control]
        return tuple(control[:1] + [name for name in self.arms if name not in control[:1]])

    @property
    def stratum_names(self) -> tuple[str, ...]:
        """Names of the strata, in the order written."""
        return tuple(self.strata or ())

    @property
    def primary(self) -> str | None:
        """Name of the primary endpoint, if there is any endpoint."""
        marked = [n for n, e in self.endpoints.items() if e is not None and e.primary]
        return next(iter([*marked, *self.endpoints]), None)


def problems_between(pieces: Pieces) -> list[Problem]:
    """Every fault between the tables of a design."""
    found: list[Problem] = []
    for check in (_names, _arms, _strata, _endpoints, _analyses, _enrolment, _looks, _rules):
        found += [Problem(path, message) for path, message in check(pieces)]
    found += [Problem(path, message) for path, message in _crossover(pieces)]
    found += _scenarios(pieces)
    return list(dict.fromkeys(found))


Found = Iterator[tuple[str, str]]


def _names(pieces: Pieces) -> Found:
    rooms = {"arms": pieces.arms, "strata": pieces.strata or {}, "endpoints": pieces.endpoints}
    first: dict[str, str] = {}
    for room, names in rooms.items():
        for name in names:
            if name in first:
                yield (
                    f"{room}.{name}",
                    f"the name is taken by {first[name]}.{name}; arms, strata and endpoints "
                    f"need different names",
                )
            elif name in RESERVED:
                yield f"{room}.{name}", f"a reserved word; not allowed: {one_of(RESERVED)}"
            first.setdefault(name, room)


def _arms(pieces: Pieces) -> Found:
    sound = {name: arm for name, arm in pieces.arms.items() if arm is not None}
    controls = [name for name, arm in sound.items() if arm.control]
    if len(controls) > 1:
        yield "arms", f"found {len(controls)} controls ({one_of(controls)}); exactly one is needed"
    if not controls and len(sound) == len(pieces.arms):
        yield "arms", "no arm has `control = true`; exactly one is needed"
    if len(pieces.arms) < 2:
        yield "arms", f"found {len(pieces.arms)}; a control and at least one other arm are needed"
    for name, arm in sound.items():
        if arm.product is not None and arm.product not in PRODUCTS:
            yield (
                f"arms.{name}.product",
                f"found {shown(arm.product)}{nearest(arm.product, PRODUCTS)}; "
                f"allowed: {one_of(PRODUCTS)}",
            )
        elif arm.control and arm.product is not None and PRODUCTS[arm.product].infused:
            yield (
                f"arms.{name}.product",
                f"the control has product {shown(arm.product)}, which is infused; participants "
                f"who are never infused take the control's course, so the control cannot be",
            )


def _strata(pieces: Pieces) -> Found:
    if pieces.strata is None:
        return
    if not pieces.strata:
        yield "strata", "no stratum; leave the table out or name the strata with their shares"
    elif pieces.strata_sound:
        total = math.fsum(pieces.strata.values())
        if abs(total - 1.0) > 1e-9:
            yield "strata", f"the shares sum to {total:.10g}; they must sum to 1"


def _endpoints(pieces: Pieces) -> Found:
    marked = [n for n, e in pieces.endpoints.items() if e is not None and e.primary]
    if len(marked) > 1:
        yield "endpoints", f"found {len(marked)} primary endpoints ({one_of(marked)}); one is needed"
    if not pieces.endpoints:
        yield "endpoints", "no endpoint; at least one is needed"


def _analyses(pieces: Pieces) -> Found:
    for name, analysis in pieces.analysis.items():
        if name not in pieces.endpoints:
            yield (
                f"analysis.{name}",
                f"no endpoint of this design{nearest(name, pieces.endpoints)}; "
                f"the endpoints are {one_of(pieces.endpoints)}",
            )
            continue
        endpoint = pieces.endpoints[name]
        if analysis is None:
            continue
        for path, message in analysis.problems(pieces.arm_names, pieces.stratum_names):
            yield f"analysis.{name}.{path}", message
        if endpoint is not None and endpoint.summary_kind != analysis.reads:
            yield (
                f"analysis.{name}.model",
                f"'{analysis.model}' reads {analysis.reads}, but endpoint '{name}' of type "
                f"'{endpoint.type}' gives {endpoint.summary_kind}",
            )


def _enrolment(pieces: Pieces) -> Found:
    sound = [arm for arm in pieces.arms.values() if arm is not None]
    if pieces.enrolment is not None and pieces.enrolment.max_n < len(pieces.arms):
        yield (
            "enrolment.max_n",
            f"found {pieces.enrolment.max_n}; at least one participant an arm is needed",
        )
    block = getattr(pieces.randomisation, "block", None)
    allocation = [arm.allocation for arm in sound]
    ratio = sum(allocation) // max(math.gcd(*allocation), 1)
    if block is not None and len(sound) == len(pieces.arms) and ratio and block % ratio:
        yield (
            "randomisation.block",
            f"found {block}; the allocation {' : '.join(map(str, allocation))} "
            f"needs a multiple of {ratio}",
        )


def _looks(pieces: Pieces) -> Found:
    looks = pieces.looks
    if looks is None:
        return
    scales = [n for n in ("observed", "enrolled", "events", "months") if getattr(looks, n) is not None]
    if len(scales) != 1:
        found = one_of(scales) or "none"
        yield "looks", f"found {found}; exactly one of observed, enrolled, events, months is needed"
        return
    scale = scales[0]
    at = getattr(looks, scale)
    if not at:
        yield f"looks.{scale}", "an empty list; at least one look is needed"
    if any(later <= earlier for earlier, later in zip(at, at[1:], strict=False)):
        yield f"looks.{scale}", f"found {shown(at)}; the looks must be increasing"
    if pieces.enrolment is not None and scale in ("observed", "enrolled", "events"):
        beyond = [number for number in at if number > pieces.enrolment.max_n]
        if beyond:
            yield (
                f"looks.{scale}",
                f"found {one_of(map(str, beyond))}, beyond max_n = {pieces.enrolment.max_n}",
            )
    primary = pieces.endpoints.get(pieces.primary or "")
    if primary is None:
        return
    if scale == "observed" and primary.known_after() is None:
        yield (
            "looks.observed",
            f"the primary endpoint '{pieces.primary}' of type '{primary.type}' has no month at "
            f"which it is observed; use enrolled, events or months",
        )
    if scale == "events" and primary.type != "time_to_event":
        yield (
            "looks.events",
            f"the primary endpoint '{pieces.primary}' is of type '{primary.type}'; looks by events "
            f"need a time_to_event",
        )
    if looks.final is not None and primary.known_after() is None:
        yield (
            "looks.final",
            f"the primary endpoint '{pieces.primary}' of type '{primary.type}' is never observed "
            f"for good; leave `final` out",
        )


def _rules(pieces: Pieces) -> Found:
    names: dict[str, int] = {}
    for position, rule in enumerate(pieces.rules):
        if rule is None:
            continue
        path = f"rules[{position}]"
        if rule.name in names:
            yield f"{path}.name", f"'{rule.name}' is the name of rules[{names[rule.name]}] as well"
        names.setdefault(rule.name, position)
        questions = [key for key in ("posterior", "predictive") if getattr(rule, key) is not None]
        if len(questions) != 1:
            yield path, (
                f"found {one_of(questions) or 'no question'}; exactly one of posterior, predictive "
                f"is needed"
            )
        comparisons = [key for key in ("at_least", "below") if getattr(rule, key) is not None]
        if len(comparisons) != 1:
            yield path, (
                f"found {one_of(comparisons) or 'no comparison'}; exactly one of at_least, below "
                f"is needed"
            )
        yield from _rule_looks(pieces, rule, path)
        if rule.posterior is not None:
            yield from _posterior(pieces, rule.posterior, f"{path}.posterior")
        if rule.predictive is not None:
            yield from _predictive(pieces, rule, f"{path}.predictive")
    if not pieces.rules:
        yield "rules", "no rule; at least one is needed"


def _rule_looks(pieces: Pieces, rule: Rule, path: str) -> Found:
    if pieces.looks is None:
        return
    try:
        number = pieces.looks.number
    except StopIteration:
        return
    judged = number
    if rule.looks is not None:
        wrong = [look for look in rule.looks if look != "final" and int(look) > number]
        if wrong:
            yield f"{path}.looks", f"found {one_of(map(str, wrong))}; there are {number} looks"
        if not rule.looks:
            yield f"{path}.looks", "an empty list; leave it out for all looks"
        order = [number if look == "final" else int(look) for look in rule.looks]
        if any(later <= earlier for earlier, later in zip(order, order[1:], strict=False)):
            yield f"{path}.looks", f"found {shown(rule.looks)}; the looks must be increasing"
        judged = len({number if look == "final" else int(look) for look in rule.looks})
    threshold = rule.threshold
    key = "at_least" if rule.at_least is not None else "below"
    if isinstance(threshold, list) and len(threshold) != judged:
        yield (
            f"{path}.{key}",
            f"found {len(threshold)} values; the rule is judged at {judged} "
            f"look{'' if judged == 1 else 's'}, one value for each (or a single number)",
        )


def _posterior(pieces: Pieces, question: PosteriorQuestion, path: str) -> Found:
    endpoint = pieces.endpoints.get(question.endpoint)
    if question.endpoint not in pieces.endpoints:
        yield (
            f"{path}.endpoint",
            f"found {shown(question.endpoint)}{nearest(question.endpoint, pieces.endpoints)}; "
            f"the endpoints are {one_of(pieces.endpoints)}",
        )
    arms = pieces.arm_names
    for key, allowed in (
        ("arm", (*arms, "each")),
        ("minus", arms),
        ("hazard_ratio_to", arms),
    ):
        value = getattr(question, key)
        if value is not None and value not in allowed:
            yield (
                f"{path}.{key}",
                f"found {shown(value)}{nearest(value, allowed)}; the arms are {one_of(arms)}",
            )
    if question.arm is None:
        yield f"{path}.arm", f"missing; the arms are {one_of(arms)}"
    for key in ("minus", "hazard_ratio_to"):
        if question.arm is not None and question.arm == getattr(question, key):
            yield f"{path}.{key}", f"found {shown(question.arm)} twice; two different arms are needed"
    if question.stratum is not None and question.stratum not in (
        *pieces.stratum_names,
        "each",
        "open",
    ):
        yield (
            f"{path}.stratum",
            f"found {shown(question.stratum)}{nearest(question.stratum, pieces.stratum_names)}; "
            f"allowed: {one_of((*pieces.stratum_names, 'each', 'open'))}",
        )
    sides = [key for key in ("above", "below") if getattr(question, key) is not None]
    if question.best:
        if sides:
            yield path, f"'best' takes no {one_of(sides)}"
    elif len(sides) != 1:
        yield path, f"found {one_of(sides) or 'neither'}; exactly one of above, below is needed"
    if endpoint is None:
        return
    value = question.above if question.above is not None else question.below
    if endpoint.summary_kind == "counts" and value is not None:
        low = -1.0 if question.minus is not None else 0.0
        if not low <= value <= 1.0:
            key = "above" if question.above is not None else "below"
            yield f"{path}.{key}", f"found {shown(value)}; between {low:g} and 1 is expected"
    analysis = pieces.analysis.get(question.endpoint)
    if analysis is None and question.endpoint in pieces.analysis:
        return
    if analysis is None:
        if endpoint.summary_kind != "counts":
            yield (
                f"{path}.endpoint",
                f"'{question.endpoint}' has no analysis; write [analysis.{question.endpoint}]",
            )
        answers: tuple[str, ...] = ("level", "best")
    else:
        answers = analysis.answers
    kind = kind_of(question)
    if kind not in answers:
        model = "beta_binomial" if analysis is None else analysis.model
        yield path, f"model '{model}' cannot be asked for {kind.replace('_', ' ')}"


def kind_of(question: PosteriorQuestion) -> Kind:
    """Which of the closed list of questions a rule's table asks."""
    if question.best:
        return "best"
    if question.hazard_ratio_to is not None:
        return "hazard_ratio"
    return "level" if question.remains_at is None else "remaining"


def _predictive(pieces: Pieces, rule: Rule, path: str) -> Found:
    assert rule.predictive is not None
    named = [other for other in pieces.rules if other is not None]
    target = next((other for other in named if other.name == rule.predictive.rule), None)
    if target is None:
        names = [other.name for other in named]
        if None not in pieces.rules or rule.predictive.rule not in names:
            yield (
                f"{path}.rule",
                f"found {shown(rule.predictive.rule)}{nearest(rule.predictive.rule, names)}; "
                f"the rules are {one_of(names)}",
            )
        return
    if target.posterior is None:
        yield f"{path}.rule", f"'{target.name}' asks no posterior question; only such can be predicted"
        return
    if pieces.looks is not None and target.looks is not None:
        try:
            last = pieces.looks.number
        except StopIteration:
            return
        if last not in target.looks and "final" not in target.looks:
            yield (
                f"{path}.rule",
                f"'{target.name}' is not judged at the last look, so nothing is to be predicted",
            )
    analysis = pieces.analysis.get(target.posterior.endpoint)
    if analysis is not None and analysis.model != "beta_binomial":
        yield (
            f"{path}.rule",
            f"'{target.name}' is analysed by '{analysis.model}'; predictive probabilities are "
            f"there for beta_binomial",
        )


def _crossover(pieces: Pieces) -> Found:
    if pieces.crossover is None:
        return
    for key, value in (("from", pieces.crossover.from_), ("to", pieces.crossover.to)):
        if value not in pieces.arms:
            yield (
                f"crossover.{key}",
                f"found {shown(value)}{nearest(value, pieces.arms)}; "
                f"the arms are {one_of(pieces.arms)}",
            )


def frame_of(pieces: Pieces) -> Frame:
    """What of the design its scenarios are read against."""
    products = {name: None if arm is None else arm.product for name, arm in pieces.arms.items()}
    strata = pieces.stratum_names
    shares = tuple((pieces.strata or {}).values()) or (1.0,)
    truth = pieces.truth if isinstance(pieces.truth, dict) else {}
    scenarios = pieces.scenarios if isinstance(pieces.scenarios, dict) else {}
    return Frame(
        arms=pieces.arm_names,
        products=products,
        strata=strata,
        shares=shares,
        endpoints=pieces.endpoints,
        truth=truth,
        scenarios=scenarios,
    )


def _scenarios(pieces: Pieces) -> list[Problem]:
    if not isinstance(pieces.truth, dict):
        return [Problem("truth", f"found {shown(pieces.truth)}; a table is expected")]
    if not isinstance(pieces.scenarios, dict):
        return [Problem("scenarios", f"found {shown(pieces.scenarios)}; a table is expected")]
    if not pieces.scenarios:
        return [Problem("scenarios", "no scenario; at least one is needed")]
    frame = frame_of(pieces)
    check_names(frame, "truth", frame.truth)
    truth_is_sound = not frame.problems
    for name, scenario in frame.scenarios.items():
        before = len(frame.problems)
        if not isinstance(scenario, dict):
            frame.report(f"scenarios.{name}", f"found {shown(scenario)}; a table is expected")
            continue
        check_names(frame, f"scenarios.{name}", scenario)
        if truth_is_sound and len(frame.problems) == before:
            resolve(frame, name)
    return frame.problems
