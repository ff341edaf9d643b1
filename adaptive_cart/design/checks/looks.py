"""Whether the looks can take place, and follow-up ends."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from adaptive_cart.design.checks.pieces import Found, Pieces, several, unknown, wrong_scales
from adaptive_cart.design.look_scales import NUMBERS
from adaptive_cart.design.validation import path_to, shown
from adaptive_cart.errors import one_of

if TYPE_CHECKING:
    from adaptive_cart.design.look_tables import Looks


def looks(pieces: Pieces) -> Found:
    """Whether looks are on one scale (or two, together), in order, and can take place."""
    looks = pieces.looks
    if looks is None:
        return
    wrong = list(wrong_scales(looks))
    if wrong:
        yield from wrong
        return
    scale = looks.scale
    path, at = f"looks.{scale}", looks.at
    if not at:
        yield path, "an empty list; at least one look is needed", path
    for where, dates in ((path, at), ("looks.months", looks.at_months)):
        if any(later <= earlier for earlier, later in pairwise(dates)):
            yield where, f"found {shown(list(dates))}; the looks must be increasing", where
    if looks.whichever is not None and len(looks.at_months) != len(at):
        yield (
            "looks.months",
            f"found {several(len(looks.at_months), 'month')} beside "
            f"{several(len(at), 'number')} of looks.{scale}; one for each look is needed",
            path,
        )
    if pieces.enrolment is not None and not looks.counts.by_calendar:
        beyond = [number for number in at if number > pieces.enrolment.max_n]
        if beyond:
            yield (
                path,
                f"found {one_of(f'{number:g}' for number in beyond)}, beyond max_n = "
                f"{pieces.enrolment.max_n}",
                "enrolment.max_n",
            )
    yield from _in_whom(pieces, looks, path)
    yield from _in_each_arm(pieces, looks)
    primary = pieces.endpoints.get(pieces.primary or "")
    if primary is None:
        return
    kind = path_to("endpoints", str(pieces.primary), "type")
    if looks.counts.when_followed and primary.known_after() is None:
        yield (
            path,
            f"the primary endpoint '{pieces.primary}' of type '{primary.type}' has no month at "
            f"which it is observed; use enrolled, events or months",
            kind,
        )
    if looks.counts.of_events and looks.endpoint is None and not primary.looks_by_events:
        yield (
            path,
            f"the primary endpoint '{pieces.primary}' is of type '{primary.type}'; looks by events "
            f"need a time_to_event (another one's are counted by events = {{ endpoint = …, "
            f"numbers = […] }})",
            kind,
        )
    if looks.final is not None and primary.known_after() is None:
        yield (
            "looks.final",
            f"the primary endpoint '{pieces.primary}' of type '{primary.type}' is never observed "
            f"for good; leave `final` out",
            kind,
        )


def _in_whom(pieces: Pieces, looks: Looks, path: str) -> Found:
    """Whether the stratum and the endpoint in which looks count exist, and have events."""
    if looks.stratum is not None and looks.stratum not in pieces.stratum_names:
        message = "the design has no strata; leave it out"
        if pieces.stratum_names:
            message = unknown(looks.stratum, "strata", pieces.stratum_names)
        yield f"{path}.stratum", message, "strata"
    name = looks.endpoint
    if name is None:
        return
    counting = [n for n, e in pieces.endpoints.items() if e is not None and e.looks_by_events]
    if name not in pieces.endpoints:
        yield f"{path}.endpoint", unknown(name, "endpoints", pieces.endpoints)
        return
    endpoint = pieces.endpoints[name]
    if endpoint is not None and not endpoint.looks_by_events:
        there = f" ({one_of(counting)})" if counting else ""
        yield (
            f"{path}.endpoint",
            f"'{name}' is of type '{endpoint.type}'; looks by events need a time_to_event{there}",
            path_to("endpoints", name, "type"),
        )


def _in_each_arm(pieces: Pieces, looks: Looks) -> Found:
    """Whether there is something of which each arm may have a minimum."""
    least, path = looks.minimum_in_each_arm, "looks.minimum_in_each_arm"
    if least is None:
        return
    if looks.counts.by_calendar:
        yield (
            path,
            f"found {least}, and looks by months alone count nothing; write one of "
            f"{one_of(NUMBERS)} beside them, with `whichever`",
            "looks.months",
        )
        return
    if pieces.enrolment is not None and least * len(pieces.arms) > pieces.enrolment.max_n:
        yield (
            path,
            f"found {least} in each of {several(len(pieces.arms), 'arm')}, beyond max_n = "
            f"{pieces.enrolment.max_n}",
            "enrolment.max_n",
            "arms",
        )


def stopped_enrolment(pieces: Pieces) -> Found:
    """Whether those who are in when enrolment stops can be followed to an end."""
    name = pieces.primary or ""
    primary = pieces.endpoints.get(name)
    if primary is None or primary.followed_for() is not None:
        return
    end = "has no end"
    key = primary.censored_by
    if key is not None and primary.censors_after() is None:
        end += f" without {path_to('endpoints', name, key)}; write `{key} = 36`, in months"
    for path, rule in pieces.rules_read.items():
        if rule.decision.stops_enrolment:
            yield (
                f"{path}.then",
                f"found '{rule.then}', after which everybody who is in is followed to the end: "
                f"follow-up of the primary endpoint '{name}' of type '{primary.type}' {end}",
                path_to("endpoints", name),
            )
