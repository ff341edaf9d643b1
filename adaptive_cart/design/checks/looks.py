"""Whether the looks can take place, and follow-up ends."""

from __future__ import annotations

from itertools import pairwise

from adaptive_cart.design.checks.pieces import SCALES, Found, Pieces
from adaptive_cart.design.validation import path_to, shown
from adaptive_cart.errors import one_of


def looks(pieces: Pieces) -> Found:
    """Whether looks are on one scale, in order, and can take place."""
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


def stopped_enrolment(pieces: Pieces) -> Found:
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
