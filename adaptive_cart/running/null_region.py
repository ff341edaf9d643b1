"""The null region of a calibration: the truths at which what a rule claims is false.

A claim such as "by more than 0.10" is false at a difference of 0.10 and below, and the error is
largest at that boundary. So each control rate of the region is joined with the rate of the other
arms at which the claim is just false; where no rate can be (1.05 is none) with the nearest that
still makes it false, and where every rate makes it true the control rate is left out.

Rates are true values of the endpoint: where dropout is non-response, they count it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.distributions import Exponential
from adaptive_cart.nouns.questions import Question, written
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.roles import NULL
from adaptive_cart.results.claims import Claims, ClaimsAmong
from adaptive_cart.results.estimand import SobolLatents, TrueValues, true_values
from adaptive_cart.results.true_value import TrueValue

AT = 1e-9  # what two true values may differ by and still be equal
DECIMALS, SAME = 4, 12  # of a rate in the name of a point; rates alike to so many are the same
POINTS = 2**13  # of each scramble, where the truth of a course is integrated


@dataclass(frozen=True)
class Effect:
    """Where a claim about one endpoint's rates is just false.

    Attributes
    ----------
    question
        One of the claims with this boundary.
    controlled
        Whether the first arm is the control.
    """

    question: Question
    controlled: bool = True

    def rates(self, control: Floats, arms: int) -> tuple[Floats, Booleans]:
        """Rates of every arm at each control rate, ``(rate, arm)``, and where there are any.

        Arms that a claim compares others with have the control's rate. Where no arm is the control
        and a claim is about an arm alone, each rate counts itself, or the margin if it is beyond.
        """
        asked = self.question
        if asked.minus is None and not self.controlled:
            held = np.minimum if asked.above else np.maximum
            own = np.repeat(held(control, asked.value)[:, None], arms, axis=1)
            return own, np.ones(len(own), dtype=np.bool_)
        moved = asked.of.at_margin(asked, control)
        rates = np.repeat(np.clip(moved, 0.0, 1.0)[:, None], arms, axis=1)
        if self.controlled:
            rates[:, 0] = control
        if asked.minus is not None and asked.minus >= asked.first and asked.arm >= asked.first:
            rates[:, asked.minus] = control
        return rates, false_at(asked, rates)


def false_at(question: Question, rates: Floats) -> Booleans:
    """Whether a claim about rates is false, ``(rate,)``; at its margin it is.

    Parameters
    ----------
    rates
        ``(rate, arm)``.
    """
    quantity = question.combine([rates[:, q.arm] for q in question.quantities(rates.shape[1])])
    beyond = quantity - question.value if question.above else question.value - quantity
    return ~np.asarray(beyond > AT)


def claim_words(question: Question, design: Design) -> str:
    """Say a claim: ``cells − usual > 0.10``."""
    words = question.words(design.compared_names, design.stratum_names)
    return words.removeprefix("P(").rsplit(" | ", 1)[0]


def rates_of(design: Design) -> str:
    """Whose rates a null region runs over: ``control rate``, ``rate``."""
    return "rate" if design.control is None else "control rate"


def effects_of(rules: Sequence[ResolvedRule], design: Design) -> list[Effect]:
    """The different boundaries of some rules' claims, one of each."""
    controlled = design.control is not None
    found: dict[tuple[object, ...], Effect] = {}
    for rule in rules:
        for asked in rule.claimed:
            signed = asked.value if asked.arm >= asked.first else -asked.value
            beside: object = (asked.minus or 0) > 0
            if not controlled and asked.minus is not None:
                beside = asked.pair
            key = (asked.kind, asked.minus is None, beside, signed, asked.above)
            found.setdefault(key, Effect(asked, controlled))
    return list(found.values())


@dataclass(frozen=True)
class Point:
    """One truth of the null region, to be simulated.

    Attributes
    ----------
    false
        By name of a success rule: ``(target,)`` positions of the targets whose claim is false here.
    """

    name: str
    truth: Truth
    false: dict[str, tuple[int, ...]]


def rate_words(design: Design, rates: Floats, decimals: int = DECIMALS) -> str:
    """Say a point of rates: ``usual 0.3000, cells 0.4000``."""
    named = zip(design.compared_names, rates, strict=True)
    return ", ".join(f"{arm} {rate:.{decimals}f}" for arm, rate in named)


def _names(design: Design, rows: Floats) -> list[str]:
    """Say points of rates, ``(point, arm)``, in as many decimals as tell them apart."""
    different = len({tuple(row) for row in np.round(rows, SAME)})
    names: list[str] = []
    for decimals in range(DECIMALS, SAME + 1):
        names = [rate_words(design, row, decimals) for row in rows]
        if len({*names}) >= different:
            break
    return names


def rate_points(
    design: Design,
    base: Truth,
    endpoint: str,
    success: Sequence[ResolvedRule],
    effects: Sequence[Effect],
    controls: Floats,
) -> Iterator[Point]:
    """Points at which control rates meet effects that are just false, alike in every stratum."""
    keep, beyond = kept_of(design, base, endpoint), len(design.arms)
    found = [effect.rates(controls, len(design.compared_names)) for effect in effects]
    rows = [[rates[place] for place in _different(rates, there)] for rates, there in found]
    names = iter(_names(design, np.array([row for of_effect in rows for row in of_effect])))
    for of_effect in rows:
        for row in of_effect:
            name = next(names)
            direct = row[:beyond, None] / keep
            if (direct > 1.0 + 1e-12).any():  # dropout leaves no such rate
                continue
            values = tuple(tuple(float(min(rate, 1.0)) for rate in arm) for arm in direct)
            compared = {
                (endpoint, name): (float(rate),) * len(base.strata)
                for name, rate in zip(design.comparators, row[beyond:], strict=True)
            }
            truth = replace(
                base.with_direct(endpoint, values),
                role=NULL,
                external={**base.external, **compared},
            )
            false = {rule.name: _false_targets(rule, endpoint, row) for rule in success}
            yield Point(name, truth, false)


def _different(rates: Floats, there: Booleans) -> list[int]:
    """Places of the different rates, ``(rate, arm)``, among those that are there."""
    found: dict[tuple[float, ...], int] = {}
    for place in np.flatnonzero(there):
        found.setdefault(tuple(rates[place]), int(place))
    return list(found.values())


def kept_of(design: Design, base: Truth, endpoint: str) -> Floats:
    """What dropout leaves of a probability, ``(arm, stratum)``: 1 where it is no part of it."""
    certain = np.ones((len(base.arms), len(base.strata)))
    kept = design.endpoints[endpoint].closed_form(certain, np.array(base.dropout), course=False)
    return certain if kept is None else kept


def _false_targets(rule: ResolvedRule, endpoint: str, rates: Floats) -> tuple[int, ...]:
    """Targets whose claim is false where rates are alike in every stratum.

    A claim about another endpoint counts as false: nothing here makes it true.
    """
    found = []
    for place in range(len(rule.targets)):
        true = [
            _true_at(part, part.targets[places[place]], endpoint, rates)
            for part, places in zip(rule.parts, rule.condition.places, strict=True)
        ]
        if not rule.condition.known_of_target(true):
            found.append(place)
    return tuple(found)


def _true_at(part: Comparison, asked: Question, endpoint: str, rates: Floats) -> bool:
    """Whether what a comparison claims of a target is so at some rates of an endpoint."""
    behind = part.asks.of_whole(asked)
    if behind is not None and not part.affirms:  # its opposite: nothing here makes it true
        return False
    if behind is not None:
        whole, questions = behind
        own = zip(whole.parts, questions, strict=True)
        return bool(whole.known_of_target([_true_at(p, q, endpoint, rates) for p, q in own]))
    true = (
        one.endpoint == endpoint and not bool(false_at(one, rates[None, :])[0])
        for one in part.claimed(asked)
    )
    return all(true) if part.affirms else any(true)


# ── scenarios ─────────────────────────────────────────────────────────────────────────────────
def scenario_points(
    design: Design,
    nulls: dict[str, Truth],
    calibrated: Sequence[ResolvedRule],
    success: Sequence[ResolvedRule],
) -> tuple[list[Point], list[str]]:
    """Points that scenarios are, moved to the margin where that is simple, and what to tell.

    A null scenario at which every claim to be calibrated is true is told and does not count; in any
    other only the targets count whose claim is false.
    """
    points, notes = [], []
    latents = SobolLatents(points=POINTS)
    alone: set[tuple[str, Question]] = set()
    for name, truth in nulls.items():
        found: dict[str, Truth] = {name: truth}
        null = truth.is_null
        for rule in calibrated if null else ():
            for asked in rule.claimed:
                found |= moved_to_margin(design, name, truth, asked)
        for label, moved in found.items():
            true = true_values(design, moved, latents)
            false = {rule.name: falsely(rule, true) for rule in success}
            if any(false[rule.name] for rule in calibrated):
                points.append(Point(label, moved, false))
                alone |= {(rule.name, one) for rule in calibrated for one in _alone(rule, true)}
            elif label == name and null:
                notes.append(_true_claim(design, name, calibrated[0], true))
        if len(found) == 1 and null:
            true = true_values(design, truth, latents)
            notes += _beside_the_margin(design, name, calibrated, true)
    for rule in calibrated:
        for asked in rule.claimed if _at_once(rule) else ():
            if (rule.name, asked) not in alone:
                notes.append(
                    f"'{rule.name}' claims several things at once, and in no scenario of the null "
                    f"region is {claim_words(asked, design)} false and all else true: the error is "
                    f"larger there and is not held; write a null scenario there"
                )
    return points, notes


def _at_once(rule: ResolvedRule) -> bool:
    """Whether a rule about one target claims that several things are so, all of them."""
    return len(rule.targets) == 1 and len(rule.claimed) > 1 and rule.condition.all_are_needed


def _alone(rule: ResolvedRule, true: TrueValues) -> Iterator[Question]:
    """What is false of all that a rule claims at once, where it is a single thing."""
    beyond = {asked: _beyond(asked, true) for asked in rule.claimed}
    false = [asked for asked, one in beyond.items() if one is None or one.value <= _slack(one)]
    if len(false) == 1:
        yield false[0]


def true_nulls(
    design: Design, calibrated: Sequence[ResolvedRule], besides: Collection[str] = ()
) -> list[str]:
    """Say which scenarios have the role null although everything that is claimed is true there.

    Parameters
    ----------
    besides
        Scenarios that are looked at elsewhere.
    """
    latents = SobolLatents(points=POINTS)
    notes = []
    for name, truth in design.truths.items():
        if truth.is_null and name not in besides:
            true = true_values(design, truth, latents)
            if not any(falsely(rule, true) for rule in calibrated):
                notes.append(_true_claim(design, name, calibrated[0], true))
    return notes


def false_elsewhere(
    design: Design, calibrated: Sequence[ResolvedRule], besides: Collection[str]
) -> list[str]:
    """Say in which scenarios that are no null ones something is claimed falsely, and not held.

    Parameters
    ----------
    besides
        Scenarios of the null region.
    """
    latents = SobolLatents(points=POINTS)
    notes = []
    for name, truth in design.truths.items():
        if name in besides or truth.is_null:
            continue
        true = true_values(design, truth, latents)
        for rule in calibrated:
            claims = Claims((rule,), true)
            if any(claims.false(0, place) for place in range(len(rule.targets))):
                notes.append(
                    f"what '{rule.name}' claims is false in scenario '{name}' too, whose role is "
                    f"{truth.role}: a run counts its successes there as false, and how frequent "
                    f'they are is not held; role = "null" holds it'
                )
    return notes


def falsely(rule: ResolvedRule, *true: TrueValues) -> tuple[int, ...]:
    """Places of the targets whose claim is, or may be, false; at a truth, or between several."""
    claims = ClaimsAmong((rule,), true[0], true[1:])
    # a claim of which it is not known whether it is so may be false
    return tuple(place for place in range(len(rule.targets)) if claims.false(0, place) is not False)


def _slack(beyond: TrueValue) -> float:
    return AT + 3.0 * beyond.mcse


def at_its_margin(asked: Question, true: TrueValues) -> bool:
    """Whether a claim is false by no more than its true value is known."""
    beyond = _beyond(asked, true)
    return beyond is None or beyond.value >= -_slack(beyond)


def _beyond(asked: Question, true: TrueValues) -> TrueValue | None:
    """How far the true value lies on the side that a claim names; nothing where it is not known."""
    quantity = true.quantity(asked)
    if quantity is None or not math.isfinite(quantity.value):
        return None
    distance = quantity.value - asked.value
    return TrueValue(distance if asked.above else -distance, quantity.mcse)


def _true_claim(design: Design, name: str, rule: ResolvedRule, true: TrueValues) -> str:
    asked = rule.claimed[0]
    quantity = true.quantity(asked)
    so = "" if quantity is None else f" (the true value is {quantity.value:.4g})"
    return (
        f"scenario '{name}' has the role null, and {claim_words(asked, design)} is true there{so}: "
        f"a success would be right, so that it does not count"
    )


def _beside_the_margin(
    design: Design, name: str, calibrated: Sequence[ResolvedRule], true: TrueValues
) -> Iterator[str]:
    """Say that the error at the margin is not what a scenario holds."""
    for rule in calibrated:
        for asked in rule.claimed:
            beyond, quantity = _beyond(asked, true), true.quantity(asked)
            if beyond is None or quantity is None or beyond.value >= -_slack(beyond):
                continue
            yield (
                f"'{rule.name}' claims {claim_words(asked, design)}, and in scenario '{name}' the "
                f"true value is {quantity.value:.4g}: the error where it is "
                f"{written(asked.value)} is larger and is not held; write a null scenario there"
            )
            return


def moved_to_margin(design: Design, name: str, truth: Truth, asked: Question) -> dict[str, Truth]:
    """A null scenario with an arm moved to the margin of a claim, where its truth lets it."""
    direct = truth.direct.get(asked.endpoint)
    other = asked.minus if design.control is not None or asked.minus is not None else asked.arm
    if direct is None or other is None or asked.arm < asked.first:
        return {}
    beside = _true_of(design, truth, asked, other)
    if not beside:
        return {}
    moved = tuple(asked.of.at_margin(asked, given) for given in beside)
    rates = [value for value in moved if isinstance(value, float)]
    if design.endpoints[asked.endpoint].binary or None in moved:
        return {}
    if min(rates, default=0.0) < 0.0 or moved == direct[asked.arm]:
        return {}
    arms = list(direct)
    arms[asked.arm] = moved
    label = f"{name}, {claim_words(replace(asked, above=True), design).replace(' > ', ' = ')}"
    return {label: truth.with_direct(asked.endpoint, tuple(arms))}


def _true_of(design: Design, truth: Truth, asked: Question, place: int) -> tuple[Any, ...]:
    """What is true of an arm by stratum, or of the external data that stand in its place.

    Nothing where what is said of external data could not be said of an arm.
    """
    direct, endpoint = truth.direct[asked.endpoint], design.endpoints[asked.endpoint]
    if place < len(direct):
        return direct[place]
    name = design.comparators[place - len(direct)]
    levels = truth.external.get((asked.endpoint, name), ())
    if endpoint.direct is not None and endpoint.direct.is_time:
        return tuple(Exponential(dist="exponential", rate=level) for level in levels)
    return levels if all(isinstance(value, float) for value in direct[asked.arm]) else ()


def not_at_margin(design: Design, rule: ResolvedRule, points: Sequence[Point]) -> Iterator[str]:
    """Say that no truth is at the margin of a claim, where its error would be larger."""
    asked = rule.parts[0].question
    found: list[tuple[float, str, float]] = []
    for point in points:
        true = true_values(design, point.truth, SobolLatents(points=POINTS))
        beyond, quantity = _beyond(asked, true), true.quantity(asked)
        if beyond is None or quantity is None:
            continue
        if beyond.value >= -_slack(beyond):
            return
        found.append((beyond.value, point.name, quantity.value))
    if found:
        _, nearest, value = max(found)
        yield (
            f"'{rule.name}' claims {claim_words(asked, design)}; nearest to its margin is "
            f"{nearest}, where the true value is {value:.4g}: the error at "
            f"{written(asked.value)} is larger and is not held; write a scenario there"
        )
