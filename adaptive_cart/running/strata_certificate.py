"""A number that the type I error exceeds nowhere over the control rates of every stratum.

In each stratum the control rate runs, and the other arm has the rate at which the claim is just
false: a straight line of the two, but where that rate would be above 1 or below 0 and stays there.
Between such corners the error is a polynomial in one place a stratum. Its Bernstein coefficients
are found as of one line (:mod:`adaptive_cart.running.bernstein`), stratum by stratum, from the urns
of :mod:`adaptive_cart.running.strata_error`; boxes are halved in turn along the strata until the
largest coefficient lies near the largest error found.

Where in every urn success is more likely with one responder more in the other arm of a stratum (or
everywhere less likely), so that the error is largest at the margin, smaller effects in any stratum
are bounded too. That is looked up, and what is bounded is the nearest event for which it is so
without exception.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.worst_case import Certificate
from adaptive_cart.running.bernstein import (
    UNIT,
    along_every_stratum,
    largest,
)
from adaptive_cart.running.certificate import FALLS, POINTS, SEED, why_curved
from adaptive_cart.running.grounds import Ground, Place
from adaptive_cart.running.null_region import Effect
from adaptive_cart.running.strata_error import StrataError

WITHIN = 1e-6  # how far the bound may lie above the largest error found
MOST_DRAWS = 5  # random places, for each at which the certificate is tried
BESIDE = 1e-6  # of a side of a box: so far from its corners is looked at what is false in it


@dataclass(frozen=True)
class Margin:
    """The truths of one margin: a ground, and the effect that it is of."""

    ground: Ground
    effect: Effect

    def false(self, *at: Place) -> tuple[str, ...]:
        """Names of the successes that are false at some control rates; none where none counts.

        Between several places, all corners of a box of straight lines: those that may be so.
        """
        counted = self.ground.counted([self.ground.truth(one)[1] for one in at])
        if counted is None or counted.false is None:
            return ()
        return tuple(sorted(name for name, places in counted.false.items() if places))


@dataclass(frozen=True)
class _Piece:
    """A box of control rates over which rates lie on straight lines, and what is false there."""

    low: Place
    high: Place
    names: tuple[str, ...]


def why_no_margin(error: StrataError, kept: Floats) -> str | None:
    """Why no certificate by stratum can be had; nothing where one can."""
    if (why := why_curved(error.success)) is not None:
        return why
    if (kept < 1.0).any():
        return "dropout leaves no rates near 1, so that margins are no straight lines there"
    return None


def _stops(effect: Effect, low: float, high: float) -> list[float]:
    """Control rates of a stratum between which all its rates lie on straight lines."""
    asked = effect.question
    if asked.minus is None and not effect.controlled:
        found = [float(asked.value)]
    else:
        at, end = (float(rate) for rate in asked.of.at_margin(asked, np.array([0.0, 1.0])))
        found = [(level - at) / (end - at) for level in (0.0, 1.0)] if end != at else []
    return sorted({low, high, *(stop for stop in found if low < stop < high)})


def _pieces(margin: Margin) -> Iterator[_Piece]:
    """The boxes between the corners of a margin at which a claim is false."""
    lines = []
    for ends in margin.ground.limits.values():
        lines.append([*itertools.pairwise(_stops(margin.effect, *ends))] or [ends])
    for sides in itertools.product(*lines):
        low, high = tuple(side[0] for side in sides), tuple(side[1] for side in sides)
        beside = [(a + BESIDE * (b - a), b - BESIDE * (b - a)) for a, b in sides]
        if names := margin.false(*itertools.product(*beside)):
            yield _Piece(low, high, names)


def certify_strata(error: StrataError, margins: Sequence[Margin], kept: Floats) -> Certificate:
    """Bound the probability of a false success over the control rates of all strata.

    Parameters
    ----------
    kept
        What dropout leaves of a probability, ``(arm, stratum)``.
    """
    at: Place = tuple(low for low, _ in margins[0].ground.limits.values())
    best, upper, boxes, halvings, inside = 0.0, 0.0, 0, 0, len(margins) == 1
    for margin in margins:
        for piece in _pieces(margin):
            event, monotone = _rising(error, margin.effect, error.event(piece.names))
            inside = inside and monotone
            rates = np.array([
                (margin.ground.drawn(end) * kept).T for end in (piece.low, piece.high)
            ])  # fmt: skip
            found = largest(along_every_stratum(event, rates), WITHIN, best)
            upper = max(upper, found.upper)
            boxes, halvings = boxes + found.boxes, max(halvings, found.halvings)
            if found.found > best:
                place = zip(piece.low, piece.high, found.at, strict=True)
                best, at = found.found, tuple(a + (b - a) * x for a, b, x in place)
    participants = sum(error.most)
    looks = len(error.looks)
    # every sum of a table, a mixture of numbers, an urn, a line; then the halvings
    steps = looks * (8 * participants + 2 * error.longest) + participants * (20 + halvings)
    outward = 2.0 * UNIT * upper * steps + 8.0 * participants * UNIT
    return Certificate(
        bound=float(min(upper + outward, 1.0)),
        found=best,
        at=at,
        rounding=outward,
        monotone=inside,
        pieces=boxes,
        degree=participants,
        over=_over(inside),
    )


def _over(inside: bool) -> str:
    if inside:
        return (
            "over the control rates of all strata at the margin in each, and so at every smaller "
            "effect in any of them, since in every urn success is more likely the larger the "
            "effect seen (looked up)"
        )
    return (
        "over the control rates of all strata at the margin in each; smaller effects are not "
        "bounded, since success is not everywhere more likely the larger the effect seen"
    )


def _rising(error: StrataError, effect: Effect, event: Floats) -> tuple[Floats, bool]:
    """The nearest event that is nowhere less likely nearer to the margin; the same if far off."""
    arms = len(error.design.arms)
    raised = event
    for axis in range(event.ndim):
        if axis % arms == arms - 1:
            turned = raised if effect.question.above else np.flip(raised, axis)
            turned = np.maximum.accumulate(turned, axis=axis)
            raised = turned if effect.question.above else np.flip(turned, axis)
    if float((raised - event).max()) > FALLS:
        return event, False
    return raised, True


def tried_strata(
    certificate: Certificate,
    error: StrataError,
    margins: Sequence[Margin],
    kept: Floats,
) -> Certificate:
    """Try a certificate at random truths, with errors summed over the numbers of every look.

    Half of them lie at a margin; the others, where smaller effects are bounded, inside.
    """
    draw = np.random.default_rng(SEED)
    over, tried = 0, 0
    for margin in margins:
        places, false = _false_places(margin, draw, POINTS // len(margins))
        if not places:
            continue
        rates = np.array([(margin.ground.drawn(place) * kept).T for place in places])
        if certificate.monotone:
            half = rates[: len(rates) // 2, :, -1]
            end = 0.0 if margin.effect.question.above else 1.0
            half += (end - half) * draw.random(half.shape)
        for names in {*false}:
            whose = [k for k, one in enumerate(false) if one == names]
            found = error.at(rates[whose], names)
            over += int((found > certificate.bound + 1e-12).sum())
            tried += len(found)
    return replace(certificate, tried=tried, exceeded=over)


def _false_places(
    margin: Margin, draw: np.random.Generator, points: int
) -> tuple[list[Place], list[tuple[str, ...]]]:
    """Random places of a margin at which something is false, and what; fewer where few are."""
    places: list[Place] = []
    false: list[tuple[str, ...]] = []
    for _ in range(MOST_DRAWS * points):
        if len(places) == points:
            break
        place = tuple(float(draw.uniform(*ends)) for ends in margin.ground.limits.values())
        if names := margin.false(place):
            places.append(place)
            false.append(names)
    return places, false
