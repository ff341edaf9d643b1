"""From the tables ``[truth]`` and ``[scenarios.NAME]`` to every fault in them.

A scenario is read as it is run, laid over ``[truth]``: one parameter of a distribution may be
changed without repeating the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adaptive_cart.courses.tables import COMMON, DISEASE, FEEDS, ArmCourse, Hazard
from adaptive_cart.design.accrual import Accrual, accrual_under
from adaptive_cart.design.correlations import CORRELATION, read_correlation
from adaptive_cart.design.external_truths import outside_value
from adaptive_cart.design.follow_up import FollowUp, follow_up_faults, follow_up_under
from adaptive_cart.design.mixtures import MIXTURE, read_parts
from adaptive_cart.design.scenario import resolve
from adaptive_cart.design.scenario_frame import NOT_INFUSED, SAME_AS, SOURCE, Frame
from adaptive_cart.design.trends import TIME_TREND, read_trends
from adaptive_cart.design.truth import merged
from adaptive_cart.design.validation import (
    Fault,
    Read,
    at,
    closest,
    meant,
    path_to,
    read,
    shown,
    with_right_keys,
)
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.errors import one_of
from adaptive_cart.nouns.roles import ROLES


def check_scenarios(frame: Frame) -> None:
    """Report every fault of ``[truth]`` and of each scenario, and what is missing in each."""
    truth = _laid_over(frame, "truth", frame.truth, {})
    for name, scenario in frame.scenarios.items():
        where = path_to("scenarios", name)
        if not name.strip() or not name.isprintable():
            frame.fault(where, "a name needs letters or digits, on one line")
        if not isinstance(scenario, dict):
            frame.fault(where, f"found {shown(scenario)}; a table is expected")
            continue
        frame.complete[name] = _laid_over(frame, where, scenario, truth)
    for name in frame.complete:
        resolved = resolve(frame, name)
        if resolved is not None:
            frame.truths[name] = resolved


def _laid_over(
    frame: Frame,
    where: str,
    written: Mapping[str, Any],
    base: Mapping[str, Any],
    of_part: bool = False,
) -> dict[str, Any]:
    """Lay a table over the one it starts from, tell the faults of what is written, mend them.

    Parameters
    ----------
    of_part
        Whether it says what differs in a part of the participants, and so nothing of the trial.
    """
    extra = ("role", "enrolment", "follow_up") if where != "truth" else ()
    own: dict[str, Any] = {}
    also = COMMON if of_part else (*COMMON, CORRELATION, TIME_TREND, MIXTURE, *extra)
    known = dict.fromkeys((*frame.with_courses, *frame.endpoints, *also))
    for key, value in written.items():
        if key in known:
            own[key] = value
            continue
        frame.report(
            path_to(where, key),
            f"neither an arm nor an endpoint of this design{meant(key, known)}; "
            f"the arms are {one_of(frame.arms)}; the endpoints are {one_of(frame.endpoints)}; "
            f"also allowed: {one_of(also)}",
        )
        right = closest(key, known)
        if right is not None and right not in written:
            own[right] = value
            frame.take(where, key, right)
    full = {**base, **own}
    for key, value in own.items():
        path = path_to(where, key)
        start = base.get(key, {})
        if key == "role":
            if value not in ROLES:
                hint = meant(value, ROLES) if isinstance(value, str) else ""
                frame.fault(path, f"found {shown(value)}{hint}; allowed: {one_of(ROLES)}")
        elif not isinstance(value, dict):
            frame.fault(path, f"found {shown(value)}; {_table_wanted(frame, key, value)}")
            full[key] = base.get(key)
        elif key == "enrolment":
            full[key] = _accrual(frame, path, value)
        elif key == "follow_up":
            full[key] = _follow_up(frame, path, value)
        elif key in frame.with_courses:
            full[key] = _course(frame, path, key, value, base)
        elif key in frame.endpoints:
            full[key] = _direct(frame, path, key, value, start)
        elif key == CORRELATION:
            full[key] = read_correlation(frame, path, value, start)
        elif key == TIME_TREND:
            full[key] = read_trends(frame, path, value, start)
        elif key == MIXTURE:
            pass  # laid over the rest, when that is complete
        else:
            full[key] = _read(frame, Hazard, path, value, start).data
    complete = {key: value for key, value in full.items() if value is not None}
    parts, before = own.get(MIXTURE, {}), complete.pop(MIXTURE, {})
    if of_part or not (parts or before):
        return complete
    if not isinstance(parts, dict):
        parts = {}  # what is wrong with it is told
    started = base.get(MIXTURE, {})

    def laid(path: str, part: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
        return _laid_over(frame, path, part, over, of_part=True)

    path = path_to(where, MIXTURE)
    return complete | {MIXTURE: read_parts(frame, path, parts, started, complete, laid)}


def _accrual(frame: Frame, where: str, own: dict[str, Any]) -> dict[str, Any] | None:
    """Read how fast participants come, laid over what the design plans."""
    if frame.accrual is None:
        return None  # that the plan is wrong is told of it
    plan = accrual_under(frame.accrual, own)
    result = _read(frame, Accrual, where, own, plan)
    if result.part is not None:
        for key, why in result.part.faults():
            frame.fault(f"{where}.{key}", why)
    return result.data if isinstance(result.data, dict) else None


def _follow_up(frame: Frame, where: str, own: dict[str, Any]) -> dict[str, Any] | None:
    """Read visits and delays of a scenario, laid over what the design plans."""
    if frame.faults.touch("follow_up"):
        return None  # that the plan is wrong is told of it
    if "window" in own:
        message = "the window is the protocol's; write it in [follow_up], and leave it out here"
        frame.fault(path_to(where, "window"), message)
        own = {key: value for key, value in own.items() if key != "window"}
    base = follow_up_under(frame.follow_up, {})
    result = _read(frame, FollowUp, where, own, base)
    if result.part is not None:
        for key, why in follow_up_faults(result.part, frame.endpoints):
            frame.fault(path_to(where, *key), why)
    return result.data if isinstance(result.data, dict) else None


def _table_wanted(frame: Frame, key: str, value: Any) -> str:
    if key in frame.endpoints:
        arms = ", ".join(f"{arm} = …" for arm in frame.arms)
        return f"a value for each arm is expected: {{ {arms} }}"
    if key in COMMON and isinstance(value, int | float) and not isinstance(value, bool):
        return f"a table is expected: {{ per_year = {shown(value)} }}"
    return "a table is expected"


def _read(frame: Frame, kind: Any, where: str, own: Any, base: Any) -> Read:
    """Read a table laid over another, tell what is wrong in it, mend it."""
    result = read(kind, merged(base, own), own)
    _tell(frame, where, result.faults, own, base)
    own, renamed = with_right_keys(own, result.faults)
    if renamed:  # what stands under a misspelt key is read as well
        for right, key in renamed.items():
            frame.take(path_to(where, *key[:-1]), str(key[-1]), str(right[-1]))
        result = read(kind, merged(base, own), own)
        _tell(frame, where, result.faults, own, base)
    return result if result.part is not None else Read()


def _tell(frame: Frame, where: str, faults: list[Fault], own: Any, base: Any) -> None:
    for fault in faults:
        message = fault.message
        if fault.kind == "together" and at(base, fault.steps) and at(own, fault.steps):
            message += ", one of them in the table this is laid over; its own `dist` replaces that"
        frame.fault(path_to(where, *fault.steps), message)


def _course(
    frame: Frame, where: str, arm: str, own: dict[str, Any], base: Mapping[str, Any]
) -> dict[str, Any]:
    """Read the course of an arm, then what differs in its strata."""
    start = base.get(arm, {})
    strata = own.get("strata", {})
    parted = isinstance(strata, dict)  # what is no table is a fault like any other
    main = _read(frame, ArmCourse, where, _without_strata(own, parted), _without_strata(start))
    course = main.data or {}
    _same_as(frame, where, arm, own, course)
    if arm not in frame.arms:
        _disease_only(frame, where, own)
    course = _event_names(frame, where, own, course, base)
    differing = dict(start.get("strata") or {})
    for stratum, table in strata.items() if parted else ():
        path = path_to(where, "strata", stratum)
        if stratum not in frame.strata:
            _unknown_stratum(frame, path, stratum)
        elif not isinstance(table, dict):
            frame.fault(path, f"found {shown(table)}; a table is expected")
        else:
            before = differing.get(stratum, {})
            named = base or {arm: course}  # in [truth] itself: by the arm's own course
            change = _stratum(frame, path, arm, table, merged(course, before), named)
            differing[stratum] = merged(before, change)
    return {**course, "strata": differing} if differing else course


def _without_strata(table: Mapping[str, Any], parted: bool = True) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key != "strata" or not parted}


def _stratum(
    frame: Frame,
    where: str,
    arm: str,
    own: dict[str, Any],
    course: dict[str, Any],
    base: Mapping[str, Any],
) -> dict[str, Any]:
    """Read what differs in one stratum, laid over the course of the arm; returns it mended."""
    if "strata" in own:
        frame.fault(path_to(where, "strata"), "there are no strata within a stratum")
    result = _read(frame, ArmCourse, where, _without_strata(own), course)
    _same_as(frame, where, arm, own, result.data or {})
    _event_names(frame, where, own, result.data or {}, base)
    return dict(result.own or {})


def _disease_only(frame: Frame, where: str, own: Mapping[str, Any]) -> None:
    """Tell what is said of those who are never infused and is no part of their disease."""
    for key in own:
        if key not in (*DISEASE, "strata"):
            message = (
                f"'{NOT_INFUSED}' is no arm: it says how the disease runs in who is never infused, "
                f"by {one_of(DISEASE)}; leave this out"
            )
            frame.report(path_to(where, key), message)


def _same_as(
    frame: Frame, where: str, arm: str, own: Mapping[str, Any], full: Mapping[str, Any]
) -> None:
    """Tell a `same_as` that names no other arm, and what it would silence."""
    other = full.get("same_as")
    if other is None:
        return
    path = path_to(where, "same_as")
    if "same_as" in own and other not in frame.with_courses:
        hint = meant(other, frame.with_courses)
        frame.fault(path, f"found {shown(other)}{hint}; {_courses_there(frame)}")
    elif "same_as" in own and other == arm:
        frame.fault(path, "an arm cannot be the same as itself")
    for key in DISEASE:
        if key in own:
            message = f"`same_as` takes it from '{other}'; leave one of the two out"
            frame.report(path_to(where, key), message)


def _courses_there(frame: Frame) -> str:
    """Whose course an arm can take over, in words."""
    if frame.control is not None:
        return f"the arms are {one_of(frame.arms)}"
    return (
        f"there is no control; write [truth.{NOT_INFUSED}] (how the disease runs in who is never "
        f'infused) and same_as = "{NOT_INFUSED}", or name one of {one_of(frame.arms)}'
    )


def _event_names(
    frame: Frame,
    where: str,
    own: Mapping[str, Any],
    course: dict[str, Any],
    base: Mapping[str, Any],
) -> dict[str, Any]:
    """Tell names of events that nothing reads and that were hardly meant; give the course mended.

    A name that belongs to no endpoint may stand: the event is not simulated, and ``check`` says so.
    But not where it looks like the name of an endpoint that has no truth here, or of one that is
    fed otherwise, or where a scenario or a stratum changes what nothing else has named.
    """
    course = {feed: dict(value) if feed in FEEDS else value for feed, value in course.items()}
    for feed in FEEDS:
        table = own.get(feed)
        if not isinstance(table, dict):
            continue
        known = _named_before(frame, feed, base)
        fed = [name for name, e in frame.endpoints.items() if e is None or e.named_in == feed]
        for name in table:
            if name in fed:
                continue
            path = path_to(where, feed, name)
            endpoint = frame.endpoints.get(name)
            lacking = [right for right in fed if right not in course.get(feed, {})]
            right = closest(name, lacking)
            if endpoint is not None:
                part = "remission" if endpoint.from_course else endpoint.named_in
                feeds = f"`{part}`" if part else "a table of its own"
                message = f"an endpoint of type '{endpoint.type}' takes its truth from {feeds}"
                frame.fault(path, message)
            elif right is not None:
                message = f"no endpoint has this name (did you mean '{right}'?)"
                frame.fault(path, f"{message}; endpoints that `{feed}` feeds: {one_of(fed)}")
                frame.take(path_to(where, feed), name, right)
                course.setdefault(feed, {})[right] = course.get(feed, {}).pop(name, table[name])
            elif known and name not in known:
                known_or_fed = sorted({*known, *fed})
                message = f"neither an endpoint nor named in [truth]{meant(name, known_or_fed)}"
                frame.fault(path, f"{message}; known are {one_of(known_or_fed)}")
    return course


def _named_before(frame: Frame, feed: str, base: Mapping[str, Any]) -> set[str]:
    """Events that the tables laid under this one name; none where this is the first to name any."""
    courses = [base.get(arm, {}) for arm in frame.arms]
    parts = [part for c in courses for part in (c, *(c.get("strata") or {}).values())]
    return {name for part in parts for name in part.get(feed) or {}}


def _unknown_stratum(frame: Frame, path: str, stratum: str) -> None:
    if frame.strata:
        message = f"no stratum of this design{meant(stratum, frame.strata)}"
        frame.report(path, f"{message}; the strata are {one_of(frame.strata)}", "strata")
    else:
        frame.report(path, "this design has no [strata]", "strata")
    frame.faults.add(path)


def _direct(
    frame: Frame, where: str, name: str, own: dict[str, Any], base: dict[str, Any]
) -> dict[str, Any] | None:
    """Read the truth of an endpoint that is given directly, by arm."""
    endpoint, kind = frame.endpoints[name], path_to("endpoints", name, "type")
    known = frame.beside(name)
    if endpoint is not None and endpoint.direct is None and not (own and known.issuperset(own)):
        message = (
            f"an endpoint of type '{endpoint.type}' takes its truth from the participants' course "
            f"([truth.ARM]) and not directly"
        )
        frame.report(where, message, kind)
        frame.faults.add(where)
        return None
    if not known.intersection(own) and _of_no_arm(frame, endpoint, own):
        frame.fault(where, f"found what is true of one arm; {_table_wanted(frame, name, own)}")
        return base or None
    full = dict(base)
    for arm, value in own.items():
        right: str | None = arm
        if arm in known and endpoint is not None:
            if frame.stays(name, arm):
                full[arm] = value
                continue
            full[arm] = outside_value(
                frame, path_to(where, arm), endpoint, arm, value, frame.one_level(name, arm)
            )
            continue
        if arm.removesuffix(SOURCE) in frame.outside:
            message = (
                f"of external data with which no rule compares an arm in '{name}'; leave it out"
            )
            if arm not in frame.outside and arm.removesuffix(SOURCE) not in frame.redrawn:
                path = path_to("external", arm.removesuffix(SOURCE))
                message = f"stays as observed; write redrawn = true in [{path}] to draw it"
            frame.report(path_to(where, arm), message, "rules")
            continue
        if arm not in frame.arms:
            right = closest(arm, frame.arms)
            alone = " (there is no control)" if frame.control is None else ""
            frame.report(
                path_to(where, arm),
                f"no arm of this design{meant(arm, frame.arms)}; the arms are "
                f"{one_of(frame.arms)}{alone}",
            )
        if right is None or (right != arm and right in own):
            continue
        frame.take(where, arm, right)
        if endpoint is None or frame.faults.touch(kind):
            full[right] = value  # what it may be is not known
        else:
            path = path_to(where, right)
            full[right] = _direct_of_arm(frame, path, endpoint, right, value, base.get(right))
    found = {arm: value for arm, value in full.items() if value is not None}
    if own and not found and known.issuperset(own):
        return None  # of external data alone, and wrong: the arms have their truth from the course
    return found


def _of_no_arm(frame: Frame, endpoint: EndpointBase | None, own: Mapping[str, Any]) -> bool:
    """Tell whether a table says what is true of an arm where it should say of which arm."""
    if endpoint is None or endpoint.direct is None or not own or set(own) & set(frame.arms):
        return False
    return not read(endpoint.direct.value, dict(own)).faults


def _direct_of_arm(
    frame: Frame, where: str, endpoint: EndpointBase, arm: str, own: Any, base: Any
) -> Any:
    """Read what is true of an arm, or which other arm it is the same as."""
    if not isinstance(own, dict) or SAME_AS not in merged(base, own):
        return _direct_value(frame, where, endpoint, own, base)
    other, path = merged(base, own)[SAME_AS], path_to(where, SAME_AS)
    beside = [key for key in own if key != SAME_AS]
    if other == arm:
        frame.fault(path, "an arm cannot be the same as itself")
    elif other not in frame.arms:
        hint = meant(other, frame.arms) if isinstance(other, str) else ""
        frame.fault(path, f"found {shown(other)}{hint}; the arms are {one_of(frame.arms)}")
    else:
        if beside:
            message = f"`{SAME_AS}` takes all of it from '{other}'; leave one of the two out"
            frame.report(path_to(where, str(beside[0])), message)
        return {SAME_AS: other}
    return None


def _direct_value(frame: Frame, where: str, endpoint: EndpointBase, own: Any, base: Any) -> Any:
    assert endpoint.direct is not None
    kind = endpoint.direct.value
    if not endpoint.direct.by_stratum(merged(base, own), frame.strata):
        return _read(frame, kind, where, own, base).data
    if not frame.strata and not frame.faults.touch("strata"):
        wanted = f"{endpoint.direct.wanted} is expected, as there are no [strata]"
        frame.fault(where, f"found {shown(own)}; {wanted}")
        return None
    start = base if isinstance(base, dict) else {}
    result = dict(start)
    for stratum, value in own.items():
        right: str | None = stratum
        if stratum not in frame.strata:
            right = closest(stratum, frame.strata)
            _unknown_stratum(frame, path_to(where, stratum), stratum)
        if right is not None and (right == stratum or right not in own):
            frame.take(where, stratum, right)
            result[right] = _read(frame, kind, path_to(where, right), value, start.get(right)).data
    return {stratum: value for stratum, value in result.items() if value is not None}
