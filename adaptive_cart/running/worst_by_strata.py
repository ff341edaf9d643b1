"""The worst case over the control rates of every stratum, where it is small enough to enumerate."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.errors import InputError
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.figure import exact
from adaptive_cart.results.worst_case import Place, WorstCase
from adaptive_cart.running.engine import Engine, is_enumerated
from adaptive_cart.running.grounds import grounds_of_spans
from adaptive_cart.running.null_region import kept_of
from adaptive_cart.running.null_spans import Spans
from adaptive_cart.running.region import Region
from adaptive_cart.running.strata_certificate import (
    Margin,
    certify_strata,
    tried_strata,
    why_no_margin,
)
from adaptive_cart.running.strata_error import (
    EVER_TABLES,
    MOST_TABLES,
    StrataError,
    tables_by_stratum,
    why_not_by_stratum,
)

MAP, MORE = 21, 7  # rates of each axis, of two strata and of more


def enumerates_strata(design: Design, region: Region, engine: Engine) -> bool:
    """Whether the error by stratum is enumerated.

    Raises
    ------
    EngineError
        If that is asked for and not valid.
    """
    base = region.base
    if base is None or not design.strata:
        return False

    def why_not() -> list[str]:
        found = why_not_by_stratum(design, base)
        tables = 0 if found else tables_by_stratum(design)
        if tables > EVER_TABLES:
            found = [f"{tables:,} tables by stratum, and {EVER_TABLES:,} at most are enumerated"]
        return found

    return is_enumerated(
        engine, "the error of this design cannot be enumerated by stratum", why_not,
        lambda: tables_by_stratum(design) <= MOST_TABLES,
    )  # fmt: skip


def worst_by_strata(
    asked: WorstCase, design: Design, region: Region, points: int | None, words: str
) -> WorstCase:
    """Enumerate the error over the control rates of all strata, and certify it.

    Parameters
    ----------
    region
        That runs over the control rates of each stratum.
    words
        The region, in words.
    """
    assert region.base is not None
    spans = Spans(design, design, region)
    margins = [
        Margin(ground, effect)
        for ground, effect in zip(grounds_of_spans(spans), spans.effects, strict=True)
    ]
    error = StrataError(design)
    kept = kept_of(design, design.truths[region.base], region.endpoint)
    places = _map(error, margins, kept, points)
    if not places:
        raise InputError("at no truth of the region is a claim false: write a wider null_region")
    worst = max(places, key=lambda place: place.figure.estimate)
    why = why_no_margin(error, kept)
    certificate = None
    if why is None:
        certificate = certify_strata(error, margins, kept)
        certificate = tried_strata(certificate, error, margins, kept)
        if certificate.found > worst.figure.estimate:
            by_axis = dict(zip(worst.rates, certificate.at, strict=True))
            name = ", ".join(f"{axis} {rate:.4f}" for axis, rate in by_axis.items())
            worst = Place(name, by_axis, exact(certificate.found))
        certificate = replace(certificate, found=worst.figure.estimate)
    return replace(
        asked, region=words, places=places, worst=worst, certificate=certificate, why_none=why
    )


def _map(
    error: StrataError, margins: list[Margin], kept: Floats, points: int | None
) -> tuple[Place, ...]:
    """The largest error of all margins, by the control rates of the strata."""
    axes = margins[0].ground.limits
    number = points or (MAP if len(axes) == 2 else MORE)
    lines = [np.unique(np.linspace(*ends, number)) for ends in axes.values()]
    found: dict[tuple[float, ...], Place] = {}
    for margin in margins:
        by_false: dict[tuple[str, ...], list[tuple[float, ...]]] = {}
        for place in itertools.product(*lines):
            at = tuple(float(rate) for rate in place)
            by_false.setdefault(margin.false(at), []).append(at)
        by_false.pop((), None)
        for names, places in by_false.items():
            rates = np.array([(margin.ground.drawn(at) * kept).T for at in places])
            for at, value in zip(places, error.at(rates, names), strict=True):
                if at not in found or found[at].figure.estimate < value:
                    told = dict(zip(axes, at, strict=True))
                    found[at] = Place(margin.ground.truth(at)[0], told, exact(float(value)))
    return tuple(found[at] for at in sorted(found))
