"""What a simulated type I error exceeds nowhere over all control rates, with 95% confidence.

Between truths that are simulated nothing is seen; but how much an event can gain in probability
from one truth to another is bounded by how far apart the two are. Let f(p) be the probability of a
false success, p0 a truth that was simulated, and L the likelihood ratio of all that participants
can show, p against p0. By Hölder's inequality, for every q > 1,

    f(p) ≤ f(p0)^(1 − 1/q) · E0[L^q]^(1/q),   E0[L^q] ≤ exp(N · max over arms of m_q(p0, p))

    m_q(p0, p) = log[(1 − p0) ((1 − p)/(1 − p0))^q + p0 (p/p0)^q]

with N participants at most, whichever arms they come to be in: m is never negative, and what
adaptation does to them depends on what was seen before. It is the exponential tilt of Sklar and
others (2022, arXiv 2212.10042), for binary outcomes. For one q it grows with the distance of each
arm's p from p0, so that over an interval of control rates its largest value lies at an end.

The control rates are cut into tiles before they are simulated, finely where an earlier, separate
simulation saw large errors. In each, f(p0) is replaced by its Clopper-Pearson upper 95% bound. The
truth with the largest error lies in one tile, whose bound holds there with 95% confidence: so the
largest bound of all tiles exceeds the largest error with at least that, and nothing has to be
shared out between the tiles. Where claims have several margins, tiles are laid along each, and the
same is true of all of them together.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptive_cart.conduct.rules import ResolvedRule, resolve_rules
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.worst_case import Place, Stated
from adaptive_cart.running.null_region import (
    Effect,
    Point,
    effects_of,
    rate_points,
)
from adaptive_cart.running.region import Region, calibrated_rules
from adaptive_cart.running.simulated_error import Progress, false_successes
from adaptive_cart.running.workers import spread

CONFIDENCE = 0.95
ROOM = 1.08  # how far tiles may bring the bound above the largest error that was foreseen
POWERS = 1.0 + np.geomspace(0.02, 1e4, 60)  # q, of which the best is taken
TRIED = 20  # random truths at which the bound is tried
SURE = 1e-5  # how improbable it must be that a bound which holds is found exceeded
MOST_TILES = 3_000
HALVINGS = 12  # of what is left, to find where a tile ends
ENDS = 40  # of a thousandth of the rates, to find where a claim can no longer be false


@dataclass(frozen=True)
class Tile:
    """An interval of control rates, simulated at one rate within it.

    Attributes
    ----------
    control
        The control rate at which it is simulated.
    inside
        ``(cell,)`` what is drawn there, by arm and stratum: the rate, before dropout.
    ends
        ``(end, cell)`` the same at its lower and upper end.
    """

    control: float
    inside: Floats
    ends: Floats


def why_not_stated(design: Design, region: Region) -> str | None:
    """Why no bound can be stated with confidence; nothing where one can."""
    if region.base is None:
        return "the truths are scenarios, and nothing lies between them"
    truth = design.truths[region.base]
    if truth.trends:
        return "rates change with time, so that one rate does not say the truth"
    if truth.correlated is not None:
        return "outcomes of one participant are correlated, so that others tell of a rate too"
    if truth.mixture is not None:
        return "parts of the participants fare otherwise, so that one rate does not say the truth"
    return None


def _rules(design: Design) -> list[ResolvedRule]:
    return calibrated_rules(design, resolve_rules(design))


# ── the bound ─────────────────────────────────────────────────────────────────────────────────
def clopper_pearson(events: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Upper bound of a probability (Clopper & Pearson 1934, Biometrika 26:404)."""
    from scipy import stats

    if events >= trials:
        return 1.0
    return float(stats.beta.ppf(confidence, events + 1, trials - events))


def lower_bound(events: int, trials: int, doubt: float) -> float:
    """Lower bound of a probability, with all the confidence but ``doubt``."""
    from scipy import stats

    return float(stats.beta.ppf(doubt, events, trials - events + 1)) if events else 0.0


def log_moment(q: Floats, at: float, to: float) -> Floats:
    """Logarithm of the mean of one participant's likelihood ratio to the power q, ``(q,)``.

    Infinite from a rate of 0 or 1 to any other: what happens there cannot happen here.
    """
    if at in (0.0, 1.0) and to != at:
        return np.full(len(q), np.inf)
    with np.errstate(divide="ignore"):
        none = np.log1p(-at) + q * (np.log1p(-to) - np.log1p(-at))
        one = np.log(at) + q * (np.log(to) - np.log(at))
    return np.asarray(np.logaddexp(none, one))


def tilted(error: float, inside: Floats, ends: Floats, participants: int) -> float:
    """What an error is at most at the ends of a tile, given what it is at most inside it."""
    if error >= 1.0:
        return 1.0
    with np.errstate(divide="ignore"):
        start = (1.0 - 1.0 / POWERS) * np.log(error)
    worst = np.zeros(len(POWERS))
    for end in ends:
        for at, to in zip(inside, end, strict=True):
            if at != to:
                worst = np.maximum(worst, log_moment(POWERS, float(at), float(to)))
    with np.errstate(invalid="ignore"):
        told = start + participants * worst / POWERS
    # from a rate of 0 or 1, where nothing was seen, nothing can be said of another
    return float(min(np.exp(np.where(np.isnan(told), 0.0, told).min()), 1.0))


def bound_of(tiles: Sequence[Tile], wrong: Sequence[int], trials: int, participants: int) -> float:
    """The largest bound of all tiles, from how many trials of each succeed falsely."""
    upper = [clopper_pearson(events, trials) for events in wrong]
    return max(
        tilted(error, tile.inside, tile.ends, participants)
        for error, tile in zip(upper, tiles, strict=True)
    )


# ── the tiles ─────────────────────────────────────────────────────────────────────────────────
def laid(
    rates: Callable[[float], Floats],
    limits: tuple[float, float],
    foreseen: Callable[[float], float],
    participants: int,
    trials: int,
) -> Iterator[Tile]:
    """Tiles from the lowest control rate to the highest, as wide as they may be.

    Parameters
    ----------
    rates
        ``(cell,)`` what is drawn, by control rate.
    foreseen
        The error by control rate, as an earlier simulation saw it.
    """
    largest = max(foreseen(float(at)) for at in np.linspace(*limits, 401))
    goal = ROOM * feared(largest, trials)
    place, last = _angle(limits[0]), _angle(limits[1])

    def bound(end: float) -> float:
        one = _tile(rates, place, end)
        upper = feared(foreseen(one.control), trials)
        return tilted(upper, one.inside, one.ends, participants)

    while place < last:
        low, high = place, last
        if bound(last) > goal:
            for _ in range(HALVINGS):
                middle = (low + high) / 2.0
                low, high = (middle, high) if bound(middle) <= goal else (low, middle)
            high = max(low, place + (last - _angle(limits[0])) / MOST_TILES)
        yield _tile(rates, place, min(high, last))
        place = high


def _seen_beside(controls: Floats, errors: Floats, at: float) -> float:
    """The larger of the errors that were seen on either side of a control rate."""
    place = int(np.clip(np.searchsorted(controls, at), 1, len(controls) - 1))
    return float(errors[place - 1 : place + 1].max())


def feared(error: float, trials: int) -> float:
    """What the upper bound of an error will hardly exceed: by chance more events may be seen."""
    events = error * trials
    return clopper_pearson(min(math.ceil(events + 2.0 * math.sqrt(events) + 2.0), trials), trials)


def _angle(rate: float) -> float:
    """A scale on which the spread of a proportion is the same everywhere."""
    return math.asin(math.sqrt(rate))


def _rate(angle: float) -> float:
    return math.sin(angle) ** 2


def _tile(rates: Callable[[float], Floats], low: float, high: float) -> Tile:
    ends = np.array([rates(_rate(low)), rates(_rate(high))])
    control = _rate((low + high) / 2.0)
    return Tile(control, rates(control), ends)


# ── simulated ─────────────────────────────────────────────────────────────────────────────────
def stated(
    design: Design,
    region: Region,
    places: Sequence[Place],
    trials: int,
    seeds: tuple[int, int],
    jobs: int | None,
    progress: Progress,
) -> Stated:
    """Bound the error over all control rates, and try the bound at random ones.

    Parameters
    ----------
    places
        The curve that was simulated with another seed.
    trials
        At each tile.
    seeds
        Of the tiles, and of the random truths.
    """
    known: dict[float, float] = {}
    for place in places:
        for control in place.rates.values():
            known[control] = max(known.get(control, 0.0), place.figure.estimate)
    controls = np.array(sorted(known))
    errors = np.array([known[control] for control in controls])
    foreseen = functools.partial(_seen_beside, controls, errors)
    lines, tiles = [], []
    for effect in effects_of(_rules(design), design):
        line = _line(design, region, effect)
        if line is not None:
            lines.append(line)
            tiles += [(line, tile) for tile in line.tiles(design, foreseen, trials)]
    inside = [(line.effect, tile.control) for line, tile in tiles]
    at = functools.partial(_falsely, design, region, trials=trials, seed=seeds[0])
    seen: list[tuple[int, str]] = []
    for name, wrong in spread(at, inside, jobs):
        seen.append((wrong, name))
        progress("certificate", len(seen) * trials, len(tiles) * trials)
    bound = bound_of(
        [tile for _, tile in tiles], [wrong for wrong, _ in seen], trials, design.enrolment.max_n
    )
    most, where = max(seen)
    one = Stated(bound, CONFIDENCE, most / trials, where, len(tiles), trials, seeds[0], 0, 0)
    return tried(one, design, region, lines, seeds[1], jobs)


@dataclass(frozen=True)
class _Line:
    """The truths at one margin, by control rate.

    Attributes
    ----------
    rates
        ``(cell,)`` what is drawn, by control rate.
    limits
        Control rates between which a claim can be false there.
    """

    effect: Effect
    rates: Callable[[float], Floats]
    limits: tuple[float, float]

    def tiles(
        self, design: Design, foreseen: Callable[[float], float], trials: int
    ) -> Iterator[Tile]:
        """Its control rates, cut into tiles."""
        return laid(self.rates, self.limits, foreseen, design.enrolment.max_n, trials)


def _line(design: Design, region: Region, effect: Effect) -> _Line | None:
    """The truths at one margin; nothing where none of them is in the region."""
    at_rate = _points(design, region, effect)
    limits = _where_false(at_rate, region.limits)
    if limits is None:
        return None
    return _Line(effect, lambda control: _drawn(at_rate(control), region.endpoint), limits)


def _where_false(
    at: Callable[[float], Point | None], limits: tuple[float, float]
) -> tuple[float, float] | None:
    """The control rates of the region at which the claim can be false; nothing if at none."""
    rates = [float(one) for one in np.linspace(*limits, 1_001)]
    held = [place for place, one in enumerate(rates) if at(one) is not None]
    if not held:
        return None
    first, last = held[0], held[-1]
    return (
        _end(at, rates[first], rates[max(first - 1, 0)]),
        _end(at, rates[last], rates[min(last + 1, len(rates) - 1)]),
    )


def _end(at: Callable[[float], Point | None], held: float, beyond: float) -> float:
    """How far towards a rate beyond it a claim can be false, to the last bits."""
    if at(beyond) is not None:
        return beyond
    for _ in range(ENDS):
        middle = (held + beyond) / 2.0
        held, beyond = (held, middle) if at(middle) is None else (middle, beyond)
    return held


def _drawn(point: Point | None, endpoint: str) -> Floats:
    """What is drawn at a truth, ``(cell,)``."""
    assert point is not None
    return np.array([rate for arm in point.truth.direct[endpoint] for rate in arm], dtype=float)


def _points(design: Design, region: Region, effect: Effect) -> Callable[[float], Point | None]:
    """The truth by control rate; nothing where the claim is true, or no rate can be."""
    assert region.base is not None
    success = [rule for rule in resolve_rules(design) if rule.decision.ends == SUCCESS]
    base = design.truths[region.base]

    def at(control: float) -> Point | None:
        rates = np.array([control])
        points = rate_points(design, base, region.endpoint, success, [effect], rates)
        return next(points, None)

    return at


def _falsely(
    design: Design, region: Region, place: tuple[Effect, float], *, trials: int, seed: int
) -> tuple[str, int]:
    """Name of the truth at a margin and control rate, and how many trials succeed falsely there."""
    effect, control = place
    point = _points(design, region, effect)(control)
    assert point is not None
    return point.name, false_successes(design, point, trials, seed)


def tried(
    one: Stated,
    design: Design,
    region: Region,
    lines: Sequence[_Line],
    seed: int,
    jobs: int | None,
) -> Stated:
    """Look at random truths whether the bound is exceeded there, beyond what chance can do."""
    draw = np.random.default_rng(seed)
    places = [(line.effect, float(c)) for line in lines for c in draw.uniform(*line.limits, TRIED)]
    at = functools.partial(_falsely, design, region, trials=one.trials, seed=seed)
    wrong = [found for _, found in spread(at, places, jobs)]
    exceeded = sum(lower_bound(k, one.trials, SURE) > one.bound for k in wrong)
    return replace(one, tried=len(places), exceeded=exceeded)
