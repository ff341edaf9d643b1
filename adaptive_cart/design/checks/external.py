"""External data: of an endpoint, in its numbers and the design's strata, and named by a table."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.design.checks.pieces import Found, Pieces, unknown
from adaptive_cart.design.validation import path_to
from adaptive_cart.errors import one_of
from adaptive_cart.nouns.external import SEEN


def external(pieces: Pieces) -> Found:
    """Whether external data fit the endpoint that they are of, and are named by anything."""
    named = set(_named(pieces))
    for name, data in pieces.external.items():
        path = path_to("external", name)
        if data is None:
            continue
        place = path_to(path, "endpoint")
        for key, message in data.faults():
            yield path_to(path, key), message
        if data.endpoint not in pieces.endpoints:
            if pieces.endpoints:
                yield place, unknown(data.endpoint, "endpoints", pieces.endpoints)
            continue
        endpoint = pieces.endpoints[data.endpoint]
        if endpoint is None:
            continue
        needed = SEEN.get(endpoint.gives.kind)
        if needed is None:
            takes = f"of type '{endpoint.type}' there are no external data yet"
            yield place, f"found '{data.endpoint}'; {takes}"
            continue
        for key in (key for key in data.said if key not in needed):
            yield (
                path_to(path, key),
                f"'{data.endpoint}' of type '{endpoint.type}' takes {one_of(needed)}",
                place,
            )
        missing = [key for key in needed if key not in data.said]
        if missing:
            yield (
                path_to(path, missing[0]),
                f"missing; '{data.endpoint}' of type '{endpoint.type}' needs {one_of(needed)}",
                *(path_to(path, key) for key in missing),
            )
            continue
        strata = data.strata
        if strata is not None and set(strata) != set(pieces.stratum_names):
            of_design = one_of(pieces.stratum_names) or "none"
            yield (
                path_to(path, needed[0]),
                f"found the strata {one_of(strata)}; those of the design are {of_design}, and "
                "numbers by stratum are of just these (or are told for all together)",
                "strata",
            )
        if name not in named:
            yield path, "nothing is compared with it and nothing borrows from it; leave it out"


def _named(pieces: Pieces) -> Iterator[str]:
    """Names of the external data that any table of the design speaks of."""
    for analysis in pieces.analysis.values():
        if analysis is not None:
            yield from analysis.external_named()
