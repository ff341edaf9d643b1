"""Do the parts of a design fit together? Every fault between tables, found in one round.

The checks work on whatever tables could be read, mended if need be, so that one broken table does
not hide the faults of the others; and they are silent about what only follows from a fault that has
been told already.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.column_names import doubled_columns
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.design.scenario_frame import BY, Frame, role_of
from adaptive_cart.design.scenario_tables import check_scenarios
from adaptive_cart.design.truth import merged
from adaptive_cart.design.validation import Faults, meant, path_to, shown
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.errors import Problem, one_of
from adaptive_cart.models import ANALYSES, DEFAULT_MODEL, AnalysisBase
from adaptive_cart.nouns.questions import KEYS, KINDS

if TYPE_CHECKING:
    from adaptive_cart.design.design import (
        Arm,
        Calibration,
        Crossover,
        Enrolment,
        Looks,
        PosteriorQuestion,
        Rule,
    )

SCENARIO_KEYS = ("role", "dropout", "death")
RESERVED = (*SCENARIO_KEYS, "strata", "each", "open", "final", "dist")
MOST_IN_A_BLOCK = 300  # a randomisation list is drawn by counting the orders of a block
SCALES = ("observed", "enrolled", "events", "months")
MOST_PARTICIPANTS = 1_000_000  # everybody of the 32 trials of a block is held in memory at once


@dataclass
class Pieces:
    """The tables of a design; nothing stands for one that cannot be read.

    Attributes
    ----------
    rule_names
        Names of the rules as far as they are written; nothing for a rule without.
    faults
        Paths of the faults that the tables have in themselves.
    renamed
        Path to a key as it is written, by path to the key it was taken for.
    """

    arms: Mapping[str, Arm | None] = field(default_factory=dict)
    strata: Mapping[str, float | None] | None = None
    randomisation: Any = None
    endpoints: Mapping[str, EndpointBase | None] = field(default_factory=dict)
    analysis: Mapping[str, AnalysisBase | None] = field(default_factory=dict)
    enrolment: Enrolment | None = None
    looks: Looks | None = None
    rules: Sequence[Rule | None] = ()
    rule_names: Sequence[str | None] = ()
    crossover: Crossover | None = None
    truth: Any = field(default_factory=dict)
    scenarios: Any = field(default_factory=dict)
    calibration: Calibration | None = None
    faults: Faults = field(default_factory=Faults)
    renamed: dict[str, str] = field(default_factory=dict)

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

    @property
    def number_of_looks(self) -> int | None:
        """How many looks there are, where the table of looks says it."""
        if self.looks is None or self.faults.touch("looks"):
            return None
        given = [scale for scale in SCALES if getattr(self.looks, scale)]
        return self.looks.number if len(given) == 1 else None


# path, message, and the places whose faults would make the problem only follow from them
Found = Iterator[tuple[str, ...]]


def problems_between(pieces: Pieces) -> list[Problem]:
    """Every fault between the tables of a design."""
    found: dict[Problem, None] = {}
    checks = (
        _names,
        _arms,
        _strata,
        _endpoints,
        _analyses,
        _enrolment,
        _looks,
        _rules,
        _stopped_enrolment,
        _crossover,
        _calibration,
        doubled_columns,
    )
    for check in checks:
        for path, message, *grounds in check(pieces):
            follows = any(pieces.faults.touch(ground) for ground in grounds)
            if not follows and not pieces.faults.cover(path):
                found[Problem(path, message)] = None
    between = Faults(problem.path for problem in found)
    found |= dict.fromkeys(_scenarios(pieces, between))
    return list(found)


def _unknown(value: str, kind: str, allowed: Iterable[str], also: Sequence[str] = ()) -> str:
    """Tell a name that the design does not have, and those that it has."""
    names = tuple(allowed)
    extra = f"; also allowed: {one_of(also)}" if also else ""
    hint = meant(value, (*names, *also))
    return f"found {shown(value)}{hint}; the {kind} are {one_of(names)}{extra}"


def _names(pieces: Pieces) -> Found:
    rooms = {"arms": pieces.arms, "strata": pieces.strata or {}, "endpoints": pieces.endpoints}
    first: dict[str, str] = {}
    for room, names in rooms.items():
        for name in names:
            path = path_to(room, name)
            if name in first:
                yield (
                    path,
                    f"the name is taken by {path_to(first[name], name)}; arms, strata and "
                    f"endpoints need different names",
                )
            elif name in RESERVED:
                yield path, f"a reserved word; not allowed as a name: {one_of(RESERVED)}"
            elif not name.strip() or not name.isprintable():
                yield path, "a name needs letters or digits, on one line"
            elif "/" in name or "\\" in name:
                yield path, "a name with a slash cannot be part of the name of a file; leave it out"
            first.setdefault(name, room)


def _arms(pieces: Pieces) -> Found:
    if not pieces.arms:
        yield "arms", "no arm; write [arms.NAME] for the control and for each other arm"
        return
    sound = {name: arm for name, arm in pieces.arms.items() if arm is not None}
    controls = [name for name, arm in sound.items() if arm.control]
    if len(controls) > 1:
        yield "arms", f"found {len(controls)} controls ({one_of(controls)}); exactly one is needed"
    if not controls and len(sound) == len(pieces.arms):
        yield (
            "arms",
            "no arm has `control = true`; exactly one is needed",
            *(path_to("arms", name, "control") for name in pieces.arms),
        )
    if len(pieces.arms) < 2:
        yield "arms", f"found only {one_of(pieces.arms)}; a control and another arm are needed"
    for name, arm in sound.items():
        path = path_to("arms", name, "product")
        if arm.product is not None and arm.product not in PRODUCTS:
            yield path, _unknown(arm.product, "products", PRODUCTS)
        elif len(controls) == 1 and arm.control and arm.product and PRODUCTS[arm.product].infused:
            yield (
                path,
                f"the control has product {shown(arm.product)}, which is infused; participants "
                f"who are never infused take the control's course, so the control cannot be",
            )


def _strata(pieces: Pieces) -> Found:
    if pieces.strata is None:
        return
    if not pieces.strata:
        yield "strata", "no stratum; leave the table out or name the strata with their shares"
        return
    total = math.fsum(share or 0.0 for share in pieces.strata.values())
    if abs(total - 1.0) > 1e-9:
        yield "strata", f"the shares sum to {total:.10g}; they must sum to 1", "strata"


def _endpoints(pieces: Pieces) -> Found:
    marked = [n for n, e in pieces.endpoints.items() if e is not None and e.primary]
    if len(marked) > 1:
        yield (
            "endpoints",
            f"found {len(marked)} primary endpoints ({one_of(marked)}); one is needed",
        )
    if not pieces.endpoints:
        yield "endpoints", "no endpoint; write [endpoints.NAME] with its type"


def _analyses(pieces: Pieces) -> Found:
    for name, analysis in pieces.analysis.items():
        path = path_to("analysis", name)
        if name not in pieces.endpoints:
            if pieces.endpoints:
                yield (
                    path,
                    f"no endpoint of this design{meant(name, pieces.endpoints)}; "
                    f"the endpoints are {one_of(pieces.endpoints)}",
                )
            continue
        endpoint = pieces.endpoints[name]
        if analysis is None:
            continue
        for inner, message in analysis.problems(pieces.arm_names, pieces.stratum_names):
            if pieces.arms:
                yield f"{path}.{inner}", message, f"{path}.{inner}"
        if endpoint is not None and endpoint.gives.kind != analysis.reads:
            yield (
                f"{path}.model",
                f"'{analysis.model}' reads {analysis.reads}, but endpoint '{name}' of type "
                f"'{endpoint.type}' gives {endpoint.gives.kind}",
                path_to("endpoints", name, "type"),
            )
            pieces.faults.add(f"{path}.model")  # what rules ask of it is told when it fits


def _enrolment(pieces: Pieces) -> Found:
    sound = [arm for arm in pieces.arms.values() if arm is not None]
    if pieces.enrolment is not None and pieces.enrolment.max_n < len(pieces.arms):
        yield (
            "enrolment.max_n",
            f"found {pieces.enrolment.max_n}; at least one participant an arm is needed",
        )
    if pieces.enrolment is not None and pieces.enrolment.max_n > MOST_PARTICIPANTS:
        yield (
            "enrolment.max_n",
            f"found {pieces.enrolment.max_n:,}; at most {MOST_PARTICIPANTS:,}, since the "
            f"participants of many trials are held in memory at once",
        )
    block = getattr(pieces.randomisation, "block", None)
    allocation = [arm.allocation for arm in sound]
    ratio = sum(allocation) // max(math.gcd(*allocation), 1)
    if ratio > MOST_IN_A_BLOCK and len(sound) == len(pieces.arms):
        largest = max(pieces.arms, key=lambda name: getattr(pieces.arms[name], "allocation", 0))
        yield (
            path_to("arms", largest, "allocation"),
            f"found {max(allocation)}; the allocation {' : '.join(map(str, allocation))} needs "
            f"blocks of {ratio} participants; at most {MOST_IN_A_BLOCK} are drawn at a time",
        )
    elif block is not None and block > MOST_IN_A_BLOCK:
        yield (
            "randomisation.block",
            f"found {block}; at most {MOST_IN_A_BLOCK} participants are drawn at a time",
        )
    if block is not None and len(sound) == len(pieces.arms) and ratio and block % ratio:
        yield (
            "randomisation.block",
            f"found {block}; the allocation {' : '.join(map(str, allocation))} "
            f"needs a multiple of {ratio}",
            *(path_to("arms", name, "allocation") for name in pieces.arms),
        )
    if pieces.randomisation is not None and pieces.randomisation.method == "response_adaptive":
        yield from _adaptive(pieces)


def _adaptive(pieces: Pieces) -> Found:
    rule = pieces.randomisation
    fixed = isinstance(rule.control, float)
    sharing = len(pieces.arms) - fixed
    room = 1.0 - rule.control if fixed else 1.0
    if rule.minimum * sharing > room + 1e-12:
        yield (
            "randomisation.minimum",
            f"found {shown(rule.minimum)}; {sharing} arms share {room:g}, so at most "
            f"{room / sharing:.4g} is expected",
        )
    primary = pieces.endpoints.get(pieces.primary or "")
    analysis = pieces.analysis.get(pieces.primary or "")
    if primary is not None and not primary.binary:
        yield (
            "randomisation.method",
            f"the shares follow P(best) of the primary endpoint; '{pieces.primary}' of type "
            f"'{primary.type}' is not binary",
        )
    elif analysis is not None and "best" not in analysis.answers:
        yield (
            "randomisation.method",
            f"the shares follow P(best), which model '{analysis.model}' does not give; use "
            f"{DEFAULT_MODEL}",
        )


def _looks(pieces: Pieces) -> Found:
    looks = pieces.looks
    if looks is None:
        return
    scales = [scale for scale in SCALES if getattr(looks, scale) is not None]
    if len(scales) != 1:
        found = one_of(scales) or "none"
        places = [f"looks.{scale}" for scale in SCALES]
        yield "looks", f"found {found}; exactly one of {one_of(SCALES)} is needed", *places
        return
    scale = scales[0]
    path, at = f"looks.{scale}", getattr(looks, scale)
    if not at:
        yield path, "an empty list; at least one look is needed", path
    if any(later <= earlier for earlier, later in pairwise(at)):
        yield path, f"found {shown(at)}; the looks must be increasing", path
    if pieces.enrolment is not None and scale in ("observed", "enrolled", "events"):
        beyond = [number for number in at if number > pieces.enrolment.max_n]
        if beyond:
            yield (
                path,
                f"found {one_of(map(str, beyond))}, beyond max_n = {pieces.enrolment.max_n}",
                "enrolment.max_n",
            )
    primary = pieces.endpoints.get(pieces.primary or "")
    if primary is None:
        return
    kind = path_to("endpoints", str(pieces.primary), "type")
    if scale == "observed" and primary.known_after() is None:
        yield (
            path,
            f"the primary endpoint '{pieces.primary}' of type '{primary.type}' has no month at "
            f"which it is observed; use enrolled, events or months",
            kind,
        )
    if scale == "events" and not primary.looks_by_events:
        yield (
            path,
            f"the primary endpoint '{pieces.primary}' is of type '{primary.type}'; looks by events "
            f"need a time_to_event",
            kind,
        )
    if looks.final is not None and primary.known_after() is None:
        yield (
            "looks.final",
            f"the primary endpoint '{pieces.primary}' of type '{primary.type}' is never observed "
            f"for good; leave `final` out",
            kind,
        )


def _rules(pieces: Pieces) -> Found:
    if not pieces.rules:
        yield "rules", "no rule; write each rule as [[rules]]"
    names: dict[str, int] = {}
    for position, rule in enumerate(pieces.rules):
        if rule is None:
            continue
        path = f"rules[{position}]"
        if rule.name in names and rule.name:
            earlier = f"rules[{names[rule.name]}]"
            yield (
                f"{path}.name",
                f"'{rule.name}' is the name of {earlier} as well",
                f"{earlier}.name",
            )
        names.setdefault(rule.name, position)
        if not rule.name.strip():
            yield f"{path}.name", "an empty name; results call the rule by it"
        for keys, example in (
            (("posterior", "predictive"), "posterior = { endpoint = …, arm = …, above = … }"),
            (("at_least", "below"), "at_least = 0.975"),
        ):
            given = [key for key in keys if getattr(rule, key) is not None]
            if len(given) != 1:
                found = one_of(given) or "neither"
                advice = "" if given else f", for example `{example}`"
                yield (
                    path,
                    f"found {found}; exactly one of {one_of(keys)} is needed{advice}",
                    *(f"{path}.{key}" for key in keys),
                )
        yield from _rule_looks(pieces, rule, path)
        yield from _spending(pieces, rule, path)
        if rule.posterior is not None:
            yield from _posterior(pieces, rule.posterior, f"{path}.posterior")
            yield from _consequence(pieces, rule, rule.posterior, path)
        if rule.predictive is not None:
            yield from _predictive(pieces, rule, f"{path}.predictive")


def _rule_looks(pieces: Pieces, rule: Rule, path: str) -> Found:
    if rule.looks is not None and not rule.looks:
        yield f"{path}.looks", "an empty list; leave it out for all looks", f"{path}.looks"
    number = pieces.number_of_looks
    if number is None:
        return
    judged = number
    if rule.looks:
        order = [number if look == "final" else int(look) for look in rule.looks]
        wrong = [look for look in order if look > number]
        if wrong:
            found = one_of(map(str, wrong))
            yield f"{path}.looks", f"found {found}; the design has {_several(number, 'look')}"
        if any(later <= earlier for earlier, later in pairwise(order)):
            yield f"{path}.looks", f"found {shown(rule.looks)}; the looks must be increasing"
        judged = len(set(order))
    threshold = rule.threshold
    key = "at_least" if rule.at_least is not None else "below"
    if isinstance(threshold, list) and len(threshold) != judged:
        yield (
            f"{path}.{key}",
            f"found {_several(len(threshold), 'value')}; the rule is judged at "
            f"{_several(judged, 'look')}, one value for each (or a single number)",
            f"{path}.{key}",
            f"{path}.looks",
        )


def _spending(pieces: Pieces, rule: Rule, path: str) -> Found:
    """Whether a rule can spend a type I error: the p-value of a test, to declare success."""
    from adaptive_cart.design.design import AlphaSpending

    if not isinstance(rule.threshold, AlphaSpending):
        return
    key = "at_least" if rule.at_least is not None else "below"
    told = f"{path}.{key}"
    if rule.decision.ends != SUCCESS or key == "below":
        yield (
            told,
            "found `alpha`; it is for the `at_least` of a rule that declares success; write a "
            "number",
            f"{path}.then",
        )
    if rule.every is not None:
        yield f"{path}.every", "alpha is spent at looks; leave `every` out, or write a number"
    if rule.posterior is None:
        yield told, "found `alpha` for a predictive rule; write a number", f"{path}.predictive"
        return
    endpoint = rule.posterior.endpoint
    analysis = pieces.analysis.get(endpoint)
    if endpoint in pieces.endpoints and (analysis is None or analysis.bayesian):
        model = DEFAULT_MODEL if analysis is None else analysis.model
        yield (
            told,
            f"found `alpha`; it is spent by the p-value of a test, and '{model}' of '{endpoint}' "
            f"gives a posterior probability; write a number, or a test as the model",
            path_to("analysis", endpoint, "model"),
        )
    by_events = getattr(analysis, "information", "") == "events"
    if by_events and pieces.looks is not None and pieces.looks.events is None:
        yield (
            told,
            "found `alpha`; of times to an event it is spent by looks at `events`, since the last "
            "one's number is the whole of the information",
            "looks",
        )
    if by_events and pieces.primary is not None and endpoint != pieces.primary:
        yield (
            told,
            f"found `alpha` for '{endpoint}'; it is spent by the events that looks count, those of "
            f"the primary '{pieces.primary}'; write a number, or make '{endpoint}' the primary",
            path_to("endpoints", endpoint, "primary"),
        )
    by_participants = getattr(analysis, "information", "") == "participants"
    if by_participants and pieces.looks is not None and pieces.looks.events is not None:
        yield (
            told,
            f"found `alpha` for '{endpoint}', of which the test counts participants, and looks at "
            f"`events`; write a number, or looks at `observed`, `enrolled` or `months`",
            "looks.events",
        )


def _stopped_enrolment(pieces: Pieces) -> Found:
    """Whether those who are in when enrolment stops can be followed to an end."""
    name = pieces.primary or ""
    primary = pieces.endpoints.get(name)
    if primary is None or primary.followed_for() is not None:
        return
    end = "has no end"
    if "horizon" in type(primary).model_fields and primary.censors_after() is None:
        end += f" without {path_to('endpoints', name, 'horizon')}; write `horizon = 36`, in months"
    for position, rule in enumerate(pieces.rules):
        if rule is not None and rule.decision.stops_enrolment:
            yield (
                f"rules[{position}].then",
                f"found '{rule.then}', after which everybody who is in is followed to the end: "
                f"follow-up of the primary endpoint '{name}' of type '{primary.type}' {end}",
                path_to("endpoints", name),
            )


def _several(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _posterior(pieces: Pieces, question: PosteriorQuestion, path: str) -> Found:
    arms, endpoints = pieces.arm_names, pieces.endpoints
    if endpoints and question.endpoint not in endpoints:
        yield f"{path}.endpoint", _unknown(question.endpoint, "endpoints", endpoints)
    named = [("arm", question.arm), *question.others]
    for key, value in named:
        also = ("each",) if key == "arm" else ()
        if value is not None and arms and value not in (*arms, *also):
            yield f"{path}.{key}", _unknown(value, "arms", arms, also)
    if question.arm is None and arms:
        yield f"{path}.arm", f"missing; the arms are {one_of(arms)}"
    kind = question.kind
    for key in question.given() if kind.has_value else ():
        if key not in kind.takes:
            pair = " and ".join(k for k in ("minus", *KEYS) if k in (key, kind.asked_by))
            yield path, f"found {pair}; at most one of the two is allowed"
    for key, other in question.others:
        if question.arm == other:
            yield f"{path}.{key}", f"found {shown(other)} twice; two different arms are needed"
        elif question.arm == "each" and other in arms[1:] and _has_control(pieces):
            yield (
                f"{path}.{key}",
                f'found {shown(other)}; `arm = "each"` asks about every experimental arm, this one '
                f"too, so the control '{arms[0]}' is needed",
            )
    yield from _stratum(pieces, question, path)
    yield from _sides(question, path)
    endpoint = endpoints.get(question.endpoint)
    if endpoint is None or pieces.faults.touch(path_to("endpoints", question.endpoint, "type")):
        return
    analysis = pieces.analysis.get(question.endpoint)
    if analysis is None and question.endpoint in pieces.analysis:
        return
    yield from _value(endpoint, question, path)
    if analysis is None and not endpoint.binary:
        yield (
            f"{path}.endpoint",
            f"'{question.endpoint}' has no analysis; write [analysis.{question.endpoint}]",
            path_to("analysis", question.endpoint),
        )
        return
    model = DEFAULT_MODEL if analysis is None else analysis.model
    if not ANALYSES[model].can_be_asked(kind):
        yield (
            path,
            f"model '{model}' cannot be asked for {kind.asked_for}",
            path_to("analysis", question.endpoint, "model"),
        )


def _has_control(pieces: Pieces) -> bool:
    return sum(arm is not None and arm.control for arm in pieces.arms.values()) == 1


def _stratum(pieces: Pieces, question: PosteriorQuestion, path: str) -> Found:
    names = pieces.stratum_names
    if question.stratum is None or question.stratum in names:
        return
    if not names:
        yield (
            f"{path}.stratum",
            f"found {shown(question.stratum)}; this design has no [strata]",
            "strata",
        )
    elif question.stratum not in ("each", "open"):
        yield f"{path}.stratum", _unknown(question.stratum, "strata", names, ("each", "open"))


def _sides(question: PosteriorQuestion, path: str) -> Found:
    kind = question.kind
    sides = [key for key in ("above", "below") if getattr(question, key) is not None]
    if not kind.has_value:
        extra = [*sides, *(key for key in question.given() if key not in kind.takes)]
        if extra:
            yield path, f"found {one_of(extra)}; `{kind.asked_by} = true` takes none of them"
    elif len(sides) != 1:
        found = one_of(sides) or "neither"
        valueless = [kind.asked_by for kind in KINDS.values() if not kind.has_value]
        yield (
            path,
            f"found {found}; exactly one of above, below is needed",
            *(f"{path}.{key}" for key in ("above", "below", *valueless)),
        )


def _value(endpoint: EndpointBase, question: PosteriorQuestion, path: str) -> Found:
    """Whether what a probability is compared with can be reached at all."""
    key = "above" if question.above is not None else "below"
    value = getattr(question, key)
    if value is None:
        return
    kind, summary = question.kind, endpoint.gives
    low, high = kind.range(summary.bounds, bool(question.others))
    if kind.ratio and value <= 0.0:
        yield f"{path}.{key}", f"found {shown(value)}; {kind.asked_for} is more than 0"
    elif not low <= value <= high:
        wanted = f"between {low:g} and {high:g} is expected"
        wanted = wanted if math.isfinite(high) else f"a {summary.parameter} is at least {low:g}"
        yield f"{path}.{key}", f"found {shown(value)}; {wanted}"


def _consequence(pieces: Pieces, rule: Rule, question: PosteriorQuestion, path: str) -> Found:
    """Whether what is asked fits what follows: nobody drops the control."""
    control = pieces.arm_names[0] if _has_control(pieces) else None
    endpoint = pieces.endpoints.get(question.endpoint)
    if rule.decision.claims and question.kind.among_open and endpoint is not None and endpoint.harm:
        yield (
            f"{path}.posterior.{question.kind.asked_by}",
            f"asks which arm has the largest {endpoint.gives.parameter}, and '{question.endpoint}' "
            f'of type "{endpoint.type}" is a harm; write `minus` and `below = 0.0` to ask for less '
            f"than another arm has",
            f"{path}.posterior.endpoint",
        )
    strata = ["strata"] if rule.decision.closes_strata else []
    for where, message, *grounds in rule.decision.refuses(question, control, pieces.stratum_names):
        yield f"{path}.{where}", message, *strata, *(f"{path}.{ground}" for ground in grounds)


def _predictive(pieces: Pieces, rule: Rule, path: str) -> Found:
    assert rule.predictive is not None
    asked = rule.predictive.rule
    position = next(
        (p for p, r in enumerate(pieces.rules) if r is not None and r.name == asked), None
    )
    if position is None:
        if asked not in pieces.rule_names and None not in pieces.rule_names:
            names = [name for name in pieces.rule_names if name is not None and name != rule.name]
            yield f"{path}.rule", _unknown(asked, "rules", names)
        return
    target, place = pieces.rules[position], f"rules[{position}]"
    assert target is not None
    if target.posterior is None:
        yield (
            f"{path}.rule",
            f"'{target.name}' asks no posterior question; only such can be predicted",
            f"{place}.posterior",
            f"{place}.predictive",
        )
        return
    kind, analysis = target.posterior.kind, pieces.analysis.get(target.posterior.endpoint)
    model = ANALYSES[DEFAULT_MODEL if analysis is None else analysis.model]
    drawn = model.can_be_asked(kind) and kind.name not in model.answers
    if kind.among_open or drawn:
        yield (
            f"{path}.rule",
            f"'{target.name}' asks for {kind.asked_for}; predictive probabilities are there for "
            f"levels and differences",
            f"{place}.posterior",
        )
    last = pieces.number_of_looks
    if last is not None and target.looks and not {last, "final"} & set(target.looks):
        yield (
            f"{path}.rule",
            f"'{target.name}' is not judged at the last look, so nothing is to be predicted",
            f"{place}.looks",
        )
    if analysis is not None and not analysis.predicts:
        yield (
            f"{path}.rule",
            f"'{target.name}' is analysed by '{analysis.model}'; predictive probabilities are "
            f"there for beta_binomial",
            path_to("analysis", target.posterior.endpoint, "model"),
        )


def _crossover(pieces: Pieces) -> Found:
    if pieces.crossover is None or not pieces.arms:
        return
    for key, value in (("from", pieces.crossover.from_), ("to", pieces.crossover.to)):
        if value not in pieces.arms:
            yield f"crossover.{key}", _unknown(value, "arms", pieces.arms)
    if pieces.crossover.from_ == pieces.crossover.to:
        yield (
            "crossover.to",
            f"found {shown(pieces.crossover.to)} twice; two different arms are needed",
            "crossover.from",
        )


def _calibration(pieces: Pieces) -> Found:
    asking = [
        f"rules[{place}]"
        for place, rule in enumerate(pieces.rules)
        if rule is not None and rule.threshold == "calibrate"
    ]
    if asking and pieces.calibration is None:
        yield (
            "calibration",
            f'missing; {asking[0]} asks for "calibrate": write [calibration] with '
            f"type_one_error = 0.025, or a number as the threshold",
            "calibration",
        )
    for place, rule in enumerate(pieces.rules):
        if rule is not None and rule.threshold == "calibrate":
            yield from _to_calibrate(rule, f"rules[{place}]")
    yield from null_region(pieces)
    calibration = pieces.calibration
    if not asking or calibration is None or calibration.null_region is not None:
        return
    if not _has_null(pieces):
        other = next(iter(pieces.arm_names[1:]), "cart")
        control = next(iter(pieces.arm_names), "soc")
        yield (
            "scenarios",
            f'no null scenario; {asking[0]} asks for "calibrate", and its claim is not about rates '
            f"that are given directly: write one in which it is false, for example "
            f"[scenarios.null] with {other} = {{ same_as = {shown(control)} }}",
            "scenarios",
            "rules",
            "endpoints",
        )


def _has_null(pieces: Pieces) -> bool:
    """Whether there is a truth at which a claim to be calibrated can be false."""
    if not isinstance(pieces.scenarios, dict):
        return True
    tables = {n: table for n, table in pieces.scenarios.items() if isinstance(table, dict)}
    if any(role_of(name, table) == "null" for name, table in tables.items()):
        return True
    asked = [
        rule.posterior
        for rule in pieces.rules
        if rule is not None and rule.threshold == "calibrate" and rule.posterior is not None
    ]
    name = _calibrated_endpoint(pieces) or ""
    endpoint = pieces.endpoints.get(name)
    if endpoint is None or not asked:
        return True
    levels = all(question.kind.about_levels and question.endpoint == name for question in asked)
    rates = endpoint.binary and levels
    return rates and not _never_direct(pieces, name)


def _to_calibrate(rule: Rule, path: str) -> Found:
    """Whether a rule's threshold is one that a type I error decides."""
    key = "at_least" if rule.at_least is not None else "below"
    if rule.decision.ends != SUCCESS or key == "below":
        yield (
            f"{path}.{key}",
            'found "calibrate"; it is for the `at_least` of a rule that declares success, since '
            "its type I error decides it; write a number",
            f"{path}.then",
        )
    elif rule.posterior is None:
        yield (
            f"{path}.{key}",
            'found "calibrate" for a predictive rule; calibrate the rule that it predicts, and '
            "write a number here",
            f"{path}.posterior",
            f"{path}.predictive",
        )
    elif rule.every is not None:
        yield (
            f"{path}.every",
            'a threshold that is "calibrate" is found for the looks; leave `every` out, or write a '
            "number as the threshold",
        )


def null_region(pieces: Pieces) -> Found:
    """What stands in the way of a null region of control rates.

    It is a region of a rate, so that the endpoint has to be one that a participant has or has not,
    and each rate is put in the place of a truth that is given directly.
    """
    region = None if pieces.calibration is None else pieces.calibration.null_region
    if region is None:
        return
    path, control = "calibration.null_region", next(iter(pieces.arm_names), "soc")
    if not region:
        yield path, f"names no arm; write null_region = {{ {control} = [0.02, 0.30] }}"
    for arm, limits in region.items():
        own = path_to(path, arm)
        if pieces.arms and arm not in pieces.arms:
            yield (
                own,
                f"no arm of this design{meant(arm, pieces.arms)}; "
                f"the arms are {one_of(pieces.arm_names)}",
            )
        elif _has_control(pieces) and arm != control:
            yield own, f"the region is of control rates; write {control} = [0.02, 0.30]"
        elif len(limits) != 2 or limits[0] > limits[1]:
            yield (
                own,
                f"found {shown(limits)}; a lower and an upper limit are expected, [0.02, 0.30]",
                own,
            )
    name = _calibrated_endpoint(pieces)
    endpoint = pieces.endpoints.get(name or "")
    if endpoint is not None and not endpoint.binary:
        yield (
            path,
            f"the region is of control rates from 0 to 1, and '{name}' of type '{endpoint.type}' "
            f'has none; leave it out, and write null scenarios (role = "null") instead',
            path_to("endpoints", name or "", "type"),
        )
    elif endpoint is not None and _never_direct(pieces, name or ""):
        yield (
            path,
            f"every scenario leaves '{name}' to the participant course, in which no rate can be "
            f"put; leave it out, and write null scenarios over the range instead, for example "
            f'[scenarios.null_low] with role = "null", {control}.remission.probability = 0.05 and '
            f"{next(iter(pieces.arm_names[1:]), 'cart')} = {{ same_as = {shown(control)} }}",
            "truth",
            "scenarios",
        )


def _calibrated_endpoint(pieces: Pieces) -> str | None:
    """Endpoint of the rules whose threshold is to be calibrated, else of those for success."""
    asked = [
        rule
        for rule in pieces.rules
        if rule is not None and rule.decision.ends == SUCCESS and rule.posterior is not None
    ]
    asked.sort(key=lambda rule: rule.threshold != "calibrate")
    return asked[0].posterior.endpoint if asked and asked[0].posterior else pieces.primary


def _never_direct(pieces: Pieces, endpoint: str) -> bool:
    """Whether no scenario gives an endpoint's truth directly."""
    if not isinstance(pieces.truth, dict) or not isinstance(pieces.scenarios, dict):
        return False
    tables = [table for table in pieces.scenarios.values() if isinstance(table, dict)]
    laid = [merged(dict(pieces.truth), dict(table)) for table in tables]
    return bool(laid) and not any(endpoint in table for table in laid)


def frame_of(pieces: Pieces, between: Faults | None = None) -> Frame:
    """What of the design its scenarios are read against.

    Parameters
    ----------
    between
        Faults between the tables, told already: what a wrong rule asks about is not needed.
    """
    wrong = between or Faults()
    names = [name for name in pieces.arm_names if name not in SCENARIO_KEYS]
    endpoints = {name: e for name, e in pieces.endpoints.items() if name not in SCENARIO_KEYS}
    return Frame(
        arms=tuple(names),
        products={name: None if arm is None else arm.product for name, arm in pieces.arms.items()},
        strata=pieces.stratum_names,
        shares=tuple(share or 0.0 for share in (pieces.strata or {}).values()) or (1.0,),
        endpoints=endpoints,
        truth=pieces.truth,
        scenarios=pieces.scenarios,
        faults=pieces.faults,
        renamed=pieces.renamed,
        crossover_from=None if pieces.crossover is None else pieces.crossover.from_,
        needed={name: _asked_about(pieces, name, wrong) for name in endpoints},
    )


def _asked_about(pieces: Pieces, endpoint: str, wrong: Faults) -> tuple[str, ...]:
    """Arms in which an endpoint has to have a truth: somebody asks what it is there."""
    if endpoint == pieces.primary:
        return pieces.arm_names
    asked: set[str | None] = set()
    for position, rule in enumerate(pieces.rules):
        question = None if rule is None else rule.posterior
        if wrong.touch(f"rules[{position}]"):
            continue
        if question is not None and question.endpoint == endpoint:
            arms = pieces.arm_names[1:] if question.arm == "each" else (question.arm,)
            asked |= {*arms, *(name for _, name in question.others)}
    analysis = pieces.analysis.get(endpoint)
    if analysis is not None:
        asked |= set(analysis.arms_named(pieces.arm_names))
    return tuple(arm for arm in pieces.arm_names if arm in asked)


def _scenarios(pieces: Pieces, between: Faults) -> list[Problem]:
    found = []
    tables = {"truth": "write [truth.ARM] or [truth]", "scenarios": "write [scenarios.NAME]"}
    for key, header in tables.items():
        table = getattr(pieces, key)
        if not isinstance(table, dict):
            found.append(Problem(key, f"found {shown(table)}; {header}"))
    if found:
        return found
    if not pieces.scenarios and not pieces.faults.cover("scenarios"):
        return [Problem("scenarios", "no scenario; write [scenarios.NAME], at least one")]
    if not pieces.arms or not pieces.endpoints:
        return []  # what a scenario may name is not known
    frame = frame_of(pieces, between)
    if not frame.arms or not frame.endpoints:
        return []
    check_scenarios(frame)
    _number_never_reached(pieces, frame)
    idle = _crossing_nobody(pieces, frame)
    told = (p for p in idle if p.path not in pieces.renamed and not between.touch(p.path))
    return [*frame.problems, *told]


def _crossing_nobody(pieces: Pieces, frame: Frame) -> Iterator[Problem]:
    """Tell a crossover where no scenario has a participant course."""
    truths = frame.truths.values()
    if pieces.crossover is None or len(truths) < len(frame.scenarios):
        return
    if all(truth.courses is None for truth in truths):
        yield Problem(
            "crossover",
            "without effect, since every truth is said directly; give the arms a participant "
            "course ([truth.ARM]), or leave it out",
        )


def _number_never_reached(pieces: Pieces, frame: Frame) -> None:
    """Tell looks by events that could wait for ever for events that do not come."""
    name = pieces.primary or ""
    primary = frame.endpoints.get(name)
    if pieces.looks is None or not pieces.looks.events or primary is None:
        return
    if not primary.looks_by_events or primary.followed_for() is not None:
        return
    for scenario, truth in frame.truths.items():
        if truth.follows_for_ever(name):
            frame.report(
                path_to("endpoints", name, "horizon"),
                f"missing{BY}; some participants are cured and never drop out, so that a look by "
                f"events could wait for ever: write `horizon = 36`, the months for which everybody "
                f"is followed (or give the scenario a dropout)",
                path_to("endpoints", name),
                "looks",
                scenario=scenario,
            )
