"""What a design asks to be calibrated, and the truths at which its type I error must hold.

The region is made of control rates where the claims are about rates and a scenario gives them
directly; else of scenarios. :mod:`adaptive_cart.running.null_points` makes the points.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from adaptive_cart.conduct.rules import ResolvedRule, resolve_rules
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.error_tables import Averages
from adaptive_cart.design.null_ranges import NullRanges, null_ranges
from adaptive_cart.design.rule_tables import Rule
from adaptive_cart.design.truth import Truth
from adaptive_cart.design.validation import path_to
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.questions import Question
from adaptive_cart.results.calibration import SHAPES, fingerprint
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.running.null_region import claim_words, false_at
from adaptive_cart.running.shapes import Shape, as_written

Found = TypeVar("Found", bound=AnyCalibration)
GRID = 8  # control rates of a region that is given
WIDE_GRID = 21  # of all control rates


def needs_calibration(design: Design) -> bool:
    """Whether any rule's threshold is to be calibrated."""
    return any(asks(rule) for rule in design.rules)


def asks(rule: Rule) -> bool:
    """Whether a threshold of a rule is to be calibrated."""
    return rule.to_calibrate


def with_threshold(design: Design, threshold: float) -> Design:
    """Put a number in the place of every ``"calibrate"``; where they have a shape, at each look.

    Then the number is that of the last look.
    """
    shape = Shape.of(design)
    by_name = {rule.name: rule for rule in design.rules}

    def threshold_of(name: str) -> Any:
        rule = by_name[name]
        if shape.flat or rule.decision.at_the_end:
            return for_each_amount(design, name, threshold)
        return as_written(shape.thresholds(design, rule, threshold))

    return _replaced(design, threshold_of)


def with_thresholds(
    design: Design, threshold: float, by_look: Mapping[str, Mapping[int, float]]
) -> Design:
    """Put thresholds by look in the place of ``"calibrate"`` in some rules, one in the others."""
    some = _replaced(
        design, lambda name: as_written(by_look[name]) if name in by_look else "calibrate"
    )
    return with_threshold(some, threshold)


def with_found(design: Design, found: AnyCalibration) -> Design:
    """Put what a calibration found in the place of every ``"calibrate"``."""
    return _replaced(design, found.of_rule)


def found_for(design: Design, found: Found) -> Found:
    """What a calibration found, known by the design that it was made for."""
    return replace(
        found,
        asked=fingerprint(design, found.scenarios),
        found=fingerprint(with_found(design, found), found.scenarios),
    )


def for_each_amount(design: Design, name: str, threshold: float) -> Any:
    """A number as a rule's threshold; of a claim that may hold several amounts, for each."""
    graph = design.alpha_graph
    claims = [rule.name for rule in design.further_claims]
    amounts = () if graph is None else graph.amounts(graph.names.index(name))
    if name not in claims or len(amounts) < 2:
        return threshold
    return {"alpha": list(amounts), "threshold": [threshold] * len(amounts)}


def _replaced(design: Design, threshold_of: Callable[[str], Any]) -> Design:
    """Put something in the place of every ``"calibrate"``, by name of the rule."""
    rules = []
    for rule in design.rules:
        plain = rule.plain()
        put_in_place(plain, functools.partial(threshold_of, rule.name))
        rules.append(plain)
    tables = design.plain()
    tables["rules"] = rules
    return Design(**tables)


def put_in_place(table: Any, found: Callable[[], Any]) -> None:
    """Put what was found in the place of every ``"calibrate"`` of a rule's table."""
    for key in ("at_least", "below"):
        if table.get(key) == "calibrate":
            table[key] = found()
    for one in (*(table.get("all") or ()), *(table.get("any") or ())):
        put_in_place(one, found)


def wanted_words(design: Design) -> str | None:
    """What ``[calibration]`` asks for, with its null region; nothing where it asks for nothing."""
    if design.calibration is None or not design.rules_ending(SUCCESS):
        return None
    asked = _averages(design)
    if design.calibration.type_one_error is None:
        told = f"{asked}{_left_out(design)}{_stops(design)}"
        return told.removeprefix("; ")
    if design.alpha_graph is not None:
        return (
            f"family-wise error wanted: at most {design.calibration.type_one_error:g}; each claim "
            f"at most what it holds, in every scenario in which it is false{_left_out(design)}"
        )
    error = f"type I error wanted: at most {design.calibration.type_one_error:g}"
    if design.calibration.by_claim:
        error += " for each claim by itself (any false claim may be more frequent)"
    try:
        region = region_of(design).words
    except DesignError:  # typed thresholds, and no null scenario to judge them by
        return error
    by = (
        ""
        if needs_calibration(design)
        else "; the thresholds are written, and not found for it here"
    )
    also = f"; {asked}" if asked else ""
    return f"{error}, over {region}{_left_out(design)}{by}{_bound(design)}{_stops(design)}{also}"


SUCCEEDED, CLAIMED, EITHER = ("success", "success"), ("claimed", "claim"), ("it is made", "claim")


def _averages(design: Design) -> str:
    """What is wanted on average over a design prior, in words; blank for nothing."""
    asked = design.calibration
    if asked is None or not asked.averaged:
        return ""
    at_the_end = [rule.name for rule in design.rules if rule.decision.at_the_end]
    names = [rule.name for rule in design.rules if asks(rule) and rule.decision.claims]
    if asked.averages is not None:
        told = [
            f"of '{name}' {_wanted(one, CLAIMED if name in at_the_end else SUCCEEDED)}"
            for name, one in asked.averages.items()
        ]
    elif len(names) > 1:
        made = EITHER if set(names) & set(at_the_end) else SUCCEEDED
        told = [f"{_of_each(names)}{_wanted(asked.of_all, made)}"]
    else:
        made = CLAIMED if names and names[0] in at_the_end else SUCCEEDED
        told = [_wanted(asked.of_all, made)]
    return f"{'; '.join(told)}; averaged over the design prior {asked.design_prior}"


def _of_each(names: Sequence[str]) -> str:
    """Say that something is of each of several rules."""
    return f"of each of {_quoted(names)}, with a threshold of its own, "


def _wanted(asked: Averages, made: tuple[str, str]) -> str:
    """What is wanted on average, in words.

    Parameters
    ----------
    made
        What the rule does with its claim, and what it is then.
    """
    told, (done, noun) = [], made
    if asked.false_discovery is not None:
        told.append(f"P(claim false | {done}) wanted: at most {asked.false_discovery:g}")
    if asked.correct_decision is not None:
        told.append(f"P(correct decision) wanted: at least {asked.correct_decision:g}")
    if asked.expected_loss is not None:
        one = asked.expected_loss
        told.append(
            f"the smallest expected loss wanted, where a false {noun} costs "
            f"{one.false_success:g} and a missed claim {one.missed:g}"
        )
    return "; ".join(told)


def _stops(design: Design) -> str:
    """What false stops are wanted, in words; blank for none."""
    wanted = {} if design.calibration is None else design.calibration.false_stop or {}
    return "".join(
        f"; false stops by {name} wanted: at most {one.at_most:g} in {_quoted(one.scenarios)}"
        for name, one in wanted.items()
    )


def _bound(design: Design) -> str:
    """What of a simulated error is held, in words; blank where nothing is searched."""
    if design.calibration is None or not needs_calibration(design):
        return ""
    what = "its upper 95% bound" if design.calibration.by_upper_bound else "its estimate"
    shape = Shape.of(design)
    shared = design.calibration.shares
    each = ""
    if shared is not None:
        named = ", ".join(f"{name} {share:g}" for name, share in shared.items())
        each = f"; a threshold for each rule, by shares of it: {named}"
    form = "" if shape.flat else f"; thresholds over the looks {SHAPES[shape.name]}"
    if design.calibration.spend is not None:
        spent = ", ".join(f"{most:g}" for most in design.calibration.spend)
        form = f"; up to the looks at which success is judged at most {spent} of it is spent"
    return f"; where it is simulated, {what} is{form}{each}"


def _left_out(design: Design) -> str:
    """Which rules the search leaves out, in words; blank for none."""
    if not design.overruled:
        return ""
    names = ", ".join(rule.name for rule in design.overruled)
    return f", with {names} left out ({design.overruled_words})"


@dataclass(frozen=True)
class Region:
    """Where the error must hold.

    Attributes
    ----------
    base
        Scenario in whose truth rates are put; nothing where the null scenarios are the region.
    limits
        Lowest and highest control rate.
    given
        Whether the design limits the control rates.
    nulls
        Names of the scenarios that are points, as far as a claim is false there.
    words
        The region as a protocol would say it.
    whose
        Whose rates run.
    ranges
        What else it runs over.
    without_rates
        Why it does not run over rates; blank where it does.
    """

    endpoint: str
    base: str | None
    limits: tuple[float, float]
    given: bool
    nulls: tuple[str, ...]
    words: str
    whose: str
    ranges: NullRanges
    without_rates: str = ""

    @property
    def spans(self) -> bool:
        """Whether it runs over more than the rates of one arm."""
        return self.ranges.beyond_rates

    @property
    def of_strata_alone(self) -> bool:
        """Whether what it runs over is control rates, some of them by stratum, and no scenario."""
        ranges = self.ranges
        beside = ranges.elsewhere is not None or ranges.values or self.nulls
        return bool(ranges.by_stratum) and not beside


def region_of(design: Design) -> Region:
    """The null region of a design, as its calibration reads it."""
    numbers = with_threshold(design, 0.5) if needs_calibration(design) else design
    truths = numbers.truths
    rules = calibrated_rules(design, resolve_rules(numbers))
    endpoint = rules[0].claimed[0].endpoint
    nulls = tuple(name for name, truth in truths.items() if truth.is_null)
    same = all(
        asked.endpoint == endpoint and asked.of.about_levels
        for rule in rules
        for asked in rule.claimed
    )
    # with several targets one claim can be false where another is true
    several = len({target for rule in rules for target in rule.targets}) > 1
    direct = [name for name in (*nulls, *truths) if endpoint in truths[name].direct]
    without = _why_without_rates(design, endpoint, same, bool(direct))
    whose = whose_rates(design, [asked for rule in rules for asked in rule.claimed])
    given = None if design.calibration is None else design.calibration.null_region
    scenarios = design.scenarios
    ranges = null_ranges(given, design.compared_names, design.stratum_names, scenarios)
    if not without:
        limits = ranges.rates.get(whose, (0.0, 1.0))
        patterns = tuple(
            name
            for name, truth in truths.items()
            if (truth.is_null or several)
            and _pattern(truth, endpoint, design.control)
            and _inside(truth, endpoint, whose, limits)
        )
        claims = "; ".join(dict.fromkeys(claims_of(rule, design) for rule in rules))
        run = ranges.rate_words(limits, design.stratum_names)
        words = (
            f"all {whose} rates {run} with the effects at which the claim ({claims}) is just false"
        )
        if design.control is None and all(
            asked.minus is None for rule in rules for asked in rule.claimed
        ):
            words = _alone(design, run, claims)
            _require_false(design, rules, limits)
        if patterns:
            words += f", and {_scenario_words(patterns)}"
        words += ranges.words
        return Region(
            endpoint, direct[0], limits, given is not None, patterns, words, whose, ranges
        )
    if not nulls:
        raise DesignError(
            [Problem("scenarios", 'no null scenario; calibration needs one (role = "null")')]
        )
    partly = tuple(truths) if several else nulls
    words = f"the null scenario{'s' if len(nulls) > 1 else ''} {_quoted(nulls)}"
    if several and len(partly) > len(nulls):
        words = _scenario_words(partly)
    words += ranges.words
    return Region(endpoint, None, (0.0, 1.0), False, partly, words, whose, ranges, without)


def _why_without_rates(design: Design, endpoint: str, same: bool, direct: bool) -> str:
    """Say why the region does not run over rates; blank where it does.

    Parameters
    ----------
    same
        Whether all that is claimed is about the level of this endpoint, or a difference of it.
    direct
        Whether a scenario gives its truth directly.
    """
    if not same:
        return "what is claimed is not about the rates of one endpoint alone"
    if not design.endpoints[endpoint].binary:
        return f"'{endpoint}' has no rate of responders"
    if not direct:
        return f"every scenario leaves '{endpoint}' to a course"
    if endpoint in design.prediction:
        return f"a rate does not say the states from which '{endpoint}' is predicted"
    return ""


def _alone(design: Design, run: str, claims: str) -> str:
    """The region of arms that are compared with a number, in words."""
    whose = listed_arms(design)
    return (
        f"all rates of {whose} {run} at which the claim ({claims}) is false, the number itself "
        f"among them"
    )


def _require_false(
    design: Design, rules: Sequence[ResolvedRule], limits: tuple[float, float]
) -> None:
    """Look whether arms that are compared with a number have a rate at which a claim is false.

    Raises
    ------
    DesignError
        If the region has none.
    """
    ends = np.repeat(np.array(limits)[:, None], len(design.compared_names), axis=1)
    claimed = [asked for rule in rules for asked in rule.claimed]
    if any(false_at(asked, ends).any() for asked in claimed):
        return
    claims = "; ".join(dict.fromkeys(claims_of(rule, design) for rule in rules))
    low, high = limits
    message = (
        f"found [{low:g}, {high:g}], and what is claimed ({claims}) is true at all of these rates: "
        f"a success would be right there; name rates at which it is false as well"
    )
    arm = design.experimental_names[0]
    raise DesignError([Problem(path_to("calibration", "null_region", arm), message)])


def listed_arms(design: Design) -> str:
    """Names of the experimental arms: ``cart``, ``low and high``."""
    names = design.experimental_names
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _scenario_words(names: Sequence[str]) -> str:
    return f"what is claimed falsely in scenario{'s' if len(names) > 1 else ''} {_quoted(names)}"


def whose_rates(design: Design, asked: Sequence[Question]) -> str:
    """Whose rates a region runs over: the control's, an external control's, else an arm's own."""
    outside = [q.minus for q in asked if q.minus is not None and q.minus >= len(design.arms)]
    if design.control is None and outside:
        return design.compared_names[outside[0]]
    return design.arm_names[0]


def _inside(truth: Truth, endpoint: str, whose: str, limits: tuple[float, float]) -> bool:
    """Whether the rates over which the region runs lie in it, in a scenario."""
    rates: Sequence[Any] | None = truth.external.get((endpoint, whose))
    if rates is None and endpoint in truth.direct:
        rates = truth.direct[endpoint][0]
    return rates is None or all(limits[0] <= float(rate) <= limits[1] for rate in rates)


def _pattern(truth: Truth, endpoint: str, controlled: str | None) -> bool:
    """Whether a direct truth differs by stratum, or between experimental arms."""
    by_arm = truth.direct.get(endpoint)
    if by_arm is None:
        return True
    others = by_arm if controlled is None else by_arm[1:]
    return any(len(set(strata)) > 1 for strata in by_arm) or len(set(others)) > 1


def calibrated_rules(design: Design, rules: Sequence[ResolvedRule]) -> list[ResolvedRule]:
    """The rules for success whose threshold is to be calibrated; all where there is none."""
    success = [
        pair for pair in zip(design.rules, rules, strict=True) if pair[1].decision.ends == SUCCESS
    ]
    return [new for old, new in success if asks(old)] or [new for _, new in success]


def claims_of(rule: ResolvedRule, design: Design) -> str:
    """Say all claims of a rule, target by target."""
    return "; ".join(dict.fromkeys(claim_words(asked, design) for asked in rule.claimed))
