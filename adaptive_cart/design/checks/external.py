"""External data: of an endpoint, in its numbers and the design's strata, and named by a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from adaptive_cart.design.checks.pieces import Found, Pieces, has_numbers, unknown
from adaptive_cart.design.rule_tables import questions
from adaptive_cart.design.validation import path_to
from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.errors import one_of
from adaptive_cart.models.borrowed import Borrowed
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.external_rows import OUTCOMES

SHORT_OF_TYPED: Final = 1e-3  # what a mean and a deviation lose where they are typed in few digits
UNNAMED = "nothing is compared with it and nothing borrows from it; leave it out"


def external(pieces: Pieces) -> Found:
    """Whether external data fit the endpoint that they are of, and are named by anything."""
    named = set(_named(pieces))
    for name, data in pieces.external.items():
        path = path_to("external", name)
        if data is None:
            continue
        place = path_to(path, "endpoint")
        for key, message in data.faults():
            table, _, inner = key.partition(".")
            yield path_to(path, table, *([inner] if inner else [])), message
        if data.endpoint not in pieces.endpoints:
            if pieces.endpoints:
                yield place, unknown(data.endpoint, "endpoints", pieces.endpoints)
            continue
        endpoint = pieces.endpoints[data.endpoint]
        if endpoint is None:
            continue
        needed = endpoint.gives.external_form(data).keys
        if not needed:
            takes = f"of type '{endpoint.type}' there are no external data yet"
            yield place, f"found '{data.endpoint}'; {takes}"
            continue
        if data.rows is not None:
            wanted = endpoint.gives.external_columns
            if not wanted:
                told = f"of type '{endpoint.type}' no participants are read; write {one_of(needed)}"
                yield path_to(path, "data"), f"'{data.endpoint}' {told}", place
                continue
            for column in (name for name in wanted if name not in data.rows):
                message = f"missing; participants of '{data.endpoint}' have {one_of(wanted)}"
                yield f"{path_to(path, 'rows')}.{column}", message, place
            for column in (n for n in data.rows if n in OUTCOMES and n not in wanted):
                message = f"participants of '{data.endpoint}' have {one_of(wanted)}"
                yield f"{path_to(path, 'rows')}.{column}", message, place
            if name not in named:
                yield path, UNNAMED, "analysis"
            continue
        if data.data is not None or data.target is not None:
            continue  # told by the data themselves
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
        yield from ((path_to(path, *keys), told, place) for keys, told in _beyond(data, endpoint))
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
            yield path, UNNAMED, "analysis"


def _beyond(data: External, endpoint: EndpointBase) -> Iterator[tuple[tuple[str, ...], str]]:
    """Means and standard deviations that no participants can have had: keys, message.

    Values between two limits have at most the spread of those that all lie at either.
    """
    low, high = endpoint.level_limits
    if data.mean is None or data.sd is None or not (math.isfinite(low) and math.isfinite(high)):
        return
    for stratum in data.strata or (None,):
        own = data if stratum is None else data.in_stratum(stratum)
        at = () if stratum is None else (stratum,)
        mean, sd, participants = own.total("mean"), own.total("sd"), own.total("participants")
        if not low <= mean <= high:
            told = f"found {mean:g}; '{data.endpoint}' has values from {low:g} to {high:g}"
            yield ("mean", *at), told
        elif participants > 1:
            most = math.sqrt((mean - low) * (high - mean) * participants / (participants - 1))
            if sd > most * (1.0 + SHORT_OF_TYPED):
                yield (
                    ("sd", *at),
                    f"found {sd:g}; values from {low:g} to {high:g} with the mean {mean:g} have a "
                    f"standard deviation of at most {most:.4g}",
                )


def _named(pieces: Pieces) -> Iterator[str]:
    """Names of the external data that any table of the design speaks of."""
    yield from pieces.comparators
    for _, prior in _borrowing(pieces):
        yield from prior.external


def _borrowing(pieces: Pieces) -> Iterator[tuple[tuple[str, str], Borrowed]]:
    """Priors that borrow, by endpoint and arm."""
    for endpoint, analysis in pieces.analysis.items():
        if analysis is not None:
            for arm, prior in analysis.borrowed(pieces.arm_names).items():
                yield (endpoint, arm), prior


def borrowing(pieces: Pieces) -> Found:
    """Whether a prior borrows from data of its own endpoint, in questions about all strata."""
    for (endpoint, arm), prior in _borrowing(pieces):
        analysis = pieces.analysis[endpoint]
        assert analysis is not None
        path = f"{path_to('analysis', endpoint)}.{analysis.borrows_at(arm)}"
        place = path_to(path, "external")
        if arm not in pieces.arm_names and arm in pieces.external:
            yield (
                path,
                "of external data that arms are compared with, a prior of numbers is expected",
            )
            continue
        if not prior.external:
            known = one_of(pieces.external) or "none"
            yield place, f"names no external data to borrow from; the external data are {known}"
        for name in prior.external:
            data = pieces.external.get(name)
            if name not in pieces.external:
                if not pieces.external:
                    message = f"found '{name}', and there are no external data; write "
                    yield place, f"{message}[{path_to('external', name)}]"
                else:
                    yield place, unknown(name, "external data", pieces.external)
            elif data is not None and data.endpoint != endpoint:
                yield (
                    place,
                    f"'{name}' is of '{data.endpoint}'; data of '{endpoint}' are expected",
                    path_to("external", name, "endpoint"),
                )
            elif data is not None and data.month is not None:
                borrowed = pieces.endpoints[endpoint]
                keys = () if borrowed is None else borrowed.gives.external
                yield (
                    place,
                    f"'{name}' is counted at a month, and a prior borrows {one_of(keys)}",
                    path_to("external", name),
                )
            if prior.external.count(name) > 1:
                yield place, f"'{name}' is named twice, and would count twice"
        sources = {name: pieces.external.get(name) for name in prior.external}
        sound = {n: d for n, d in sources.items() if d is not None and _fits(d, pieces, endpoint)}
        if sources and len(sound) == len(sources):
            little = prior.told(sound).too_little()
            if little is not None:
                yield path, f"{little}", *(path_to("external", name) for name in sources)
        early = pieces.prediction.get(endpoint)
        if early is not None and early.in_posterior:
            why = _why_not_early(pieces, endpoint, prior)
            if why:
                yield path_to(path, "external"), why, path_to("prediction", endpoint)
        anew = [name for name, data in sound.items() if data.redrawn]
        if anew and early is not None:
            yield (
                path_to("external", anew[0], "redrawn"),
                f"what '{arm}' borrows is then another in each trial, and [prediction] knows one "
                "prior; leave one of the two out",
                path_to("prediction", endpoint),
            )
        yield from _of_strata(pieces, endpoint, arm, prior, sound)


def _why_not_early(pieces: Pieces, endpoint: str, prior: Borrowed) -> str:
    """Why a prior cannot borrow where who has not reached the month counts; blank where it can."""
    out = 'and counts = "all" in [prediction] counts who has not reached the month; leave one out'
    if prior.set_by_data:
        return f"its weight is set by what was seen at the month alone, {out}"
    if any(one.endpoint == endpoint and one.stratum is not None for one in pieces.questions):
        return f"a rule asks of one stratum, in which another prior borrows, {out}"
    return ""


def _fits(data: External, pieces: Pieces, endpoint: str) -> bool:
    """Whether external data have what an endpoint needs."""
    return data.endpoint == endpoint and has_numbers(data, pieces.endpoints.get(endpoint))


def _of_strata(
    pieces: Pieces, endpoint: str, arm: str, prior: Borrowed, sources: Mapping[str, External]
) -> Found:
    """Tell questions about one stratum of which nothing is known, or past the control."""
    analysis = pieces.analysis[endpoint]
    beside = analysis is not None and analysis.beside_control
    for path, rule in pieces.rules_read.items():
        for place, asked in questions(rule, path):
            if asked.endpoint == endpoint and asked.stratum is not None:
                why = _why_no_stratum(asked.stratum, prior, sources)
                if why:
                    yield (
                        path_to(place, "stratum"),
                        f"'{arm}' borrows {why}",
                        path_to("analysis", endpoint),
                        *(path_to("external", name) for name in prior.external),
                    )
            past = [name for _, name in asked.others if name != pieces.control]
            if asked.endpoint == endpoint and beside and past:
                yield (
                    path_to(place, "minus"),
                    f"'{arm}' borrows external data, and has no part in a comparison with "
                    f"'{past[0]}'; compare with '{arm}', or write a prior of numbers",
                    path_to("analysis", endpoint),
                )


def _why_no_stratum(
    stratum: str,
    prior: Borrowed,
    sources: Mapping[str, External],
) -> str:
    """Why a question about a stratum cannot be asked of what is borrowed; blank where it can."""
    other = "ask about all, or write a prior of numbers"
    if not prior.of_a_stratum:
        return f"external data of all strata together, which say nothing of one of them; {other}"
    if any(data.strata is None for data in sources.values()):
        together = next(name for name, data in sources.items() if data.strata is None)
        return (
            f"external data of all strata together, which say nothing of one of them; write the "
            f"numbers of [{path_to('external', together)}] by stratum, {other}"
        )
    if stratum == "open":
        return f"what was seen in one stratum or in all, and not in those that are open; {other}"
    return ""
