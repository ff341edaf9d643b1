"""Whether every arm can enter and leave as written, and what goes with arms that do."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, Final

from adaptive_cart.design.checks.pieces import Found, Pieces, unknown
from adaptive_cart.design.planned import may_close
from adaptive_cart.design.rule_tables import AlphaSpending, Comparing
from adaptive_cart.design.validation import path_to, shown
from adaptive_cart.errors import one_of

MOST_PERIODS: Final = 40  # of the calendar, that an analysis tells apart: a posterior takes longer


def periods(pieces: Pieces) -> Found:
    """Whether arms enter and leave in the course of the trial, one after the other."""
    moving = {name: arm for name, arm in pieces.arms.items() if arm is not None and arm.moments()}
    if not moving:
        return
    if pieces.control is None:
        for name, arm in moving.items():
            yield (
                path_to("arms", name, arm.moments()[0][0]),
                "arms enter and leave beside a control that enrols from the opening to the end; "
                "this design has none: write `control = true` for one, or leave it out",
                "arms",
            )
        return
    faults = [*_named(pieces, moving), *_in_a_circle(moving)]
    yield from faults
    if not faults:
        for name, arm in moving.items():
            yield from _never_stops(pieces, name, arm)
            yield from _in_order(name, arm)
            yield from _too_late(pieces, name, arm)
    yield from _blocks(pieces)
    yield from _together(pieces, moving)


def _waits(arm: Any) -> Iterator[tuple[str, str]]:
    """By key, the arms that an arm waits for."""
    for key, moment in arm.moments():
        if not isinstance(moment, float | int):
            yield key, moment.after


def _named(pieces: Pieces, moving: dict[str, Any]) -> Found:
    """Whether arms that are waited for are there, and may stop enrolling at all."""
    control = pieces.control
    others = [name for name in pieces.arms if name != control]
    for name, arm in moving.items():
        if arm.control:
            for key, _ in arm.moments():
                yield (
                    path_to("arms", name, key),
                    f"'{name}' is the control, which enrols from the opening to the end; leave "
                    f"`{key}` out",
                )
            continue
        for key, after in _waits(arm):
            path = path_to("arms", name, key, "after")
            if after == name:
                yield path, f"found {shown(after)}; an arm cannot wait for itself"
            elif after == control:
                yield path, f"found {shown(after)}, the control, which enrols to the end"
            elif after not in pieces.arms:
                yield path, unknown(after, "experimental arms", others)


def _in_a_circle(moving: dict[str, Any]) -> Found:
    for name in moving:
        seen, waiting = {name}, [after for _, after in _waits(moving[name])]
        while waiting:
            after = waiting.pop()
            if after == name and len(seen) > 1:
                key = next(key for key, _ in _waits(moving[name]))
                yield path_to("arms", name, key), f"'{name}' waits for itself, by {one_of(seen)}"
                return
            if after in moving and after not in seen:
                seen.add(after)
                waiting += [inner for _, inner in _waits(moving[after])]


def _never_stops(pieces: Pieces, name: str, arm: Any) -> Found:
    """Tell an arm that waits for one that enrols to the end."""
    rules = [*pieces.rules_read.values()]
    if None in pieces.rules:
        return  # a rule that cannot be read may close it
    for key, after in _waits(arm):
        other = pieces.arms[after]
        closed = any(may_close(rule, after, rules) for rule in rules)
        if other is None or other.leaves is not None or closed:
            continue
        yield (
            path_to("arms", name, key),
            f"'{after}' stops enrolling only when the trial ends: it does not leave, and no rule "
            f"drops it or declares its success; write `leaves` for it, a rule with then = "
            f'"drop_arm", or a month here',
        )


def _in_order(name: str, arm: Any) -> Found:
    enters, leaves = arm.enters, arm.leaves
    if not all(isinstance(moment, float | int) for moment in (enters, leaves)):
        same = enters is not None and leaves is not None and enters == leaves
        if same:
            told = "it leaves at the moment at which it enters; nobody is randomised to it"
            yield path_to("arms", name, "leaves"), told
        return
    if leaves <= enters:
        yield (
            path_to("arms", name, "leaves"),
            f"found {leaves:g}; '{name}' enters at month {enters:g}, and leaves after that",
        )


def _too_late(pieces: Pieces, name: str, arm: Any) -> Found:
    """Tell an arm that enters when the last participant is expected, or at the last look."""
    enrolment, looks = pieces.enrolment, pieces.looks
    if not isinstance(arm.enters, float | int) or enrolment is None or any(enrolment.faults()):
        return
    path, enters = path_to("arms", name, "enters"), float(arm.enters)
    full = enrolment.pace.month_of(enrolment.max_n)
    if enters >= full:
        yield (
            path,
            f"found {enters:g}; '{name}' enters after the trial can end: the last of max_n = "
            f"{enrolment.max_n} participants is expected at month {full:.4g}; write an earlier "
            f"month, or a larger enrolment.max_n",
            "enrolment",
        )
        return
    if looks is None or not looks.given:
        return
    by_month = looks.counts.by_calendar and looks.final is None
    if by_month and enters >= max(looks.at, default=enters + 1.0):
        yield (
            path,
            f"found {enters:g}; '{name}' enters after the trial can end: the last look is at "
            f"month {looks.at[-1]:g}",
            "looks",
        )


def _blocks(pieces: Pieces) -> Found:
    """Whether blocks of a given size fit whichever arms are open together."""
    block = pieces.block
    arms = {name: arm for name, arm in pieces.arms.items() if arm is not None}
    if block is None:
        return
    control = [name for name, arm in arms.items() if arm.control]
    others = [name for name in arms if name not in control]
    for size in range(len(others)):
        for chosen in itertools.combinations(others, size):
            ratio = [arms[name].allocation for name in (*control, *chosen)]
            least = sum(ratio) // math.gcd(*ratio) if ratio else 1
            if block % least:
                names = " and ".join((*control, *chosen))
                yield (
                    "randomisation.block",
                    f"found {block}; while only {names} enrol, {' : '.join(map(str, ratio))} needs "
                    f"a multiple of {least}; leave it out for the smallest that fits each list",
                )
                return


def _together(pieces: Pieces, moving: dict[str, Any]) -> Found:
    """Tell what is not there beside arms that enter or leave."""
    name, arm = next(iter(moving.items()))
    which = (
        f"arm '{name}' {' and '.join(key for key, _ in arm.moments())} in the course of the trial"
    )
    if pieces.looks is not None and pieces.looks.minimum_in_each_arm:
        yield (
            "looks.minimum_in_each_arm",
            f"{which}, and a look would wait for an arm that has not entered; leave it out",
        )
    waited = {after for one in moving.values() for _, after in _waits(one)}
    if pieces.looks is not None and pieces.looks.events and waited:
        yield (
            "looks.events",
            f"no month can be planned at which {one_of(waited)} stops enrolling, which "
            f"{one_of(n for n, a in moving.items() if any(_waits(a)))} waits for; write months in "
            f"place of `after`, or looks by observed, enrolled or months",
        )
    for path, asked in pieces.rules_read.items():
        for part in asked.comparisons:
            yield from _spent(pieces, part, path, which)


def _spent(pieces: Pieces, part: Comparing, path: str, which: str) -> Found:
    """Whether a type I error is spent by the participants of an arm's own comparison."""
    rules = pieces.rules_read.values()
    spends = [rule.name for rule in rules if isinstance(rule.threshold, AlphaSpending)]
    if part.predictive is not None and part.predictive.rule in spends:
        yield (
            f"{path}.predictive.rule",
            f"{which}, and '{part.predictive.rule}' spends a type I error by what each arm's own "
            f"comparison has seen, which is not predicted; write its thresholds as numbers",
        )
    if not isinstance(part.threshold, AlphaSpending) or part.posterior is None:
        return
    analysis = pieces.analysis.get(part.posterior.about)
    if analysis is not None and analysis.information == "events":
        yield (
            path,
            f"{which}; a type I error is spent there by the participants of an arm and of its "
            f"comparator, and '{part.posterior.about}' is tested by events; write the thresholds "
            f"as numbers",
        )


def adjusted(pieces: Pieces) -> Found:
    """Whether what is asked of an endpoint goes with telling periods of randomisation apart."""
    for name, analysis in pieces.analysis.items():
        endpoint = pieces.endpoints.get(name)
        if analysis is None or endpoint is None or not analysis.over_time().by_period:
            continue
        where = path_to("analysis", name, "time_trend", "model")
        if pieces.control is None:
            yield (
                where,
                "no arm is the control, whose participants it is about; leave time_trend out",
                "arms",
            )
        if pieces.strata:
            found = shown(analysis.plain()["time_trend"]["model"])
            yield (
                where,
                f"found {found}; participants are not told apart by stratum and period at once: "
                f'write "pooled", or a design without [strata]',
            )
        if endpoint.imputes():
            yield (
                path_to("endpoints", name, "missing"),
                f'found "impute", and {where} tells periods apart, which imputation does not; '
                f'write missing = "non_response" or "exclude"',
            )
        yield from _too_many(pieces, name, analysis.over_time().calendar_months)
        beside = [key for key, data in pieces.external.items() if data and data.endpoint == name]
        if beside:
            yield (
                path_to("external", beside[0]),
                f"{where} tells periods of the trial apart, and external data of '{name}' lie in "
                f"none of them; leave one of the two out",
            )
        if name in pieces.prediction:
            yield (
                path_to("prediction", name),
                f"{where} tells periods apart, which a chain of earlier months does not; leave one "
                f"of the two out",
            )
        yield from _not_asked(pieces, name, where)


def _too_many(pieces: Pieces, name: str, every: float | None) -> Found:
    """Tell calendar periods that are so short that there are more than can be told apart."""
    enrolment = pieces.enrolment
    if every is None or enrolment is None or any(enrolment.faults()):
        return
    full = enrolment.pace.month_of(enrolment.max_n)
    if full > MOST_PERIODS * every:
        yield (
            path_to("analysis", name, "time_trend", "period_months"),
            f"found {every:g}; the last of max_n = {enrolment.max_n} participants is expected at "
            f"month {full:.4g}, which makes more than {MOST_PERIODS} calendar periods: write at "
            f"least {_up(full / MOST_PERIODS):g}",
            "enrolment",
        )


def _up(months: float) -> float:
    """A length in two digits, none of them below it, so that what is told to type is allowed."""
    digits = 1 - math.floor(math.log10(months))
    return round(math.ceil(round(months * 10.0**digits, 9)) * 10.0**-digits, max(digits, 0))


def _not_asked(pieces: Pieces, name: str, where: str) -> Found:
    """Tell questions about an endpoint that are not answered where periods are told apart."""
    told = f"of '{name}', where {where} tells periods apart"
    rules = pieces.rules_read
    about = {r.name for r in rules.values() if any(_about(pieces, q, name) for q in r.asked)}
    for path, rule in rules.items():
        if any(q.kind.among_open and _about(pieces, q, name) for q in rule.asked):
            yield (
                path,
                f"the best arm is not sought {told}: each comparison has participants of its own; "
                f"ask each arm against the control",
            )
        for part in rule.comparisons:
            if isinstance(part.threshold, AlphaSpending) and rule.name in about:
                yield (
                    path,
                    f"a type I error is not spent {told}: how many of a comparison are to come "
                    f"is not planned; write its thresholds as numbers",
                )
            if any(_about(pieces, question, name) for question in part.jointly or ()):
                yield (
                    path,
                    f"a joint probability is not known {told}; write `all` with a comparison for "
                    f"each",
                )
            if part.predictive is not None and part.predictive.rule in about:
                yield f"{path}.predictive", f"nothing is predicted {told}; ask a posterior"
    shares = pieces.by_shares
    if shares is not None and shares.endpoint_followed(pieces.primary) == name:
        yield "randomisation.method", f"shares follow the best arm, which is not sought {told}"


def _about(pieces: Pieces, question: Any, name: str) -> bool:
    return name in pieces.endpoints_of(question.about)
