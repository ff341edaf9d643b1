"""A number that the type I error of a design on counts provably does not exceed.

Where all participants are in, the probability that the trial had ended with a success is a number
of each final table: those who were analysed at a look are any of them. So the error is a polynomial
in the rates of the two arms, of which :mod:`adaptive_cart.running.bernstein` knows bounds.

Of a single arm the other has nobody. The truths are cut into cells by the margins of the claims: in
a cell the same successes are false.
Where more responders in an arm make success more likely on every final table, so does a larger rate
in it, and the largest error of a cell lies on one of its edges; that is looked up on the tables of
the design. Where it is not so the whole cell is bounded.

What counts as a success on a table is the rules' verdict as the program gives it, ties included.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.results.worst_case import Certificate
from adaptive_cart.running.bernstein import (
    UNIT,
    Bounds,
    along,
    between,
    largest,
    rounding,
    with_more,
)
from adaptive_cart.running.exact_error import ExactError, false_of

WITHIN = 1e-6  # how far the bound may lie above the largest error found
MOST = 900  # participants; of more, the share of one is too small for a number in double precision
MOST_WHOLE = 130  # participants in an arm where a cell is bounded as a whole, in seconds
FALLS = 1e-9  # what success may be less likely with one responder more, of rounding
POINTS = 10_000  # at which a certificate is tried
SEED = 20260114  # of these points


@dataclass(frozen=True)
class Cell:
    """Truths between two straight lines over an interval of control rates.

    Attributes
    ----------
    control
        Smallest and largest control rate.
    low, high
        The other arm's rate on the lower and the upper line, at both ends of the interval.
    false
        Names of the rules whose claim is false in it.
    """

    control: tuple[float, float]
    low: tuple[float, float]
    high: tuple[float, float]
    false: frozenset[str]

    @property
    def line(self) -> bool:
        """Whether it is one line."""
        return self.low == self.high

    def rates(self, along_: float, up: float = 0.0) -> tuple[float, float]:
        """The pair of rates at a place in it, both from 0 to 1."""
        low, high = (a + (b - a) * along_ for a, b in (self.low, self.high))
        control = self.control[0] + (self.control[1] - self.control[0]) * along_
        return control, low + (high - low) * up


# ── where claims are false ────────────────────────────────────────────────────────────────────
def curved(rules: Sequence[ResolvedRule]) -> list[Question]:
    """Claims whose margin is no straight line of the two rates."""
    found = []
    for asked in (question for rule in rules for question in rule.claimed):
        ends = asked.of.at_margin(asked, np.array([0.25, 0.5, 0.75]))
        if abs(ends[0] - 2.0 * ends[1] + ends[2]) > 1e-12:
            found.append(asked)
    return found


def why_curved(rules: Sequence[ResolvedRule]) -> str | None:
    """Why margins are no straight lines of the two rates; nothing where all are."""
    questions = curved(rules)
    if not questions:
        return None
    return (
        f"the margin of a claim ({questions[0].of.asked_for}) is no straight line of the two rates"
    )


def cells(rules: Sequence[ResolvedRule], limits: tuple[float, float]) -> list[Cell]:
    """The truths at which some claim is false, cut so that in each cell the same ones are.

    Parameters
    ----------
    rules
        Those that declare success.
    limits
        Lowest and highest control rate.
    """
    lines, walls = _margins(rules)
    stops = _stops(lines, walls, limits)
    intervals = [(a, b) for a, b in pairwise(stops) if b > a]
    found: list[Cell] = []
    for a, b in intervals:
        found += _stack(rules, lines, a, b)
    for stop in stops:  # at a wall, or where margins meet, more may be false than beside it
        found += [cell for cell in _stack(rules, lines, stop, stop) if not _beside(cell, found)]
    return found


def _beside(cell: Cell, found: Sequence[Cell]) -> bool:
    """Whether a cell of one control rate is the edge of one where as much is false."""
    control, (low, high) = cell.control[0], (cell.low[0], cell.high[0])
    for other in found:
        if control in other.control and cell.false <= other.false:
            end = other.control.index(control)
            if other.low[end] <= low + 1e-15 and high <= other.high[end] + 1e-15:
                return True
    return False


def _margins(rules: Sequence[ResolvedRule]) -> tuple[list[tuple[float, float]], list[float]]:
    """Margins as lines, (rate at a control rate of 0, slope), and as control rates alone."""
    lines, walls = [], []
    for asked in (question for rule in rules for question in rule.claimed):
        if asked.minus is None and asked.arm == 0:
            walls.append(float(asked.value))
            continue
        at = asked.of.at_margin(asked, np.array([0.0, 0.5]))
        lines.append((float(at[0]), float(2.0 * (at[1] - at[0]))))
    return list(dict.fromkeys(lines)), walls


def _stops(
    lines: list[tuple[float, float]], walls: list[float], limits: tuple[float, float]
) -> list[float]:
    """Control rates between which no two margins cross, and none the edge of the square."""
    found = [*limits, *walls]
    edges = [*lines, (0.0, 0.0), (1.0, 0.0)]
    for place, (at, slope) in enumerate(edges):
        for other, steeper in edges[place + 1 :]:
            if slope != steeper:
                found.append((other - at) / (slope - steeper))
    return sorted({stop for stop in found if limits[0] <= stop <= limits[1]})


def _stack(
    rules: Sequence[ResolvedRule], lines: list[tuple[float, float]], a: float, b: float
) -> Iterator[Cell]:
    """The cells over an interval of control rates, from below, and margins with more false."""
    middle = (a + b) / 2.0
    levels = {(0.0, 0.0): 0.0, (1.0, 0.0): 1.0}
    levels |= {(at, slope): at + slope * middle for at, slope in lines}
    inside = sorted((y, line) for line, y in levels.items() if 0.0 <= y <= 1.0)
    edges = [tuple(_clipped(at + slope * x) for x in (a, b)) for _, (at, slope) in inside]
    found: list[Cell] = []
    for low, high in pairwise(edges):
        if low != high:
            found.append(_cell(rules, (a, b), low, high))
    for edge in edges:
        line = _cell(rules, (a, b), edge, edge)
        touching = [cell.false for cell in found if edge in (cell.low, cell.high)]
        if not any(line.false <= false for false in touching):
            found.append(line)
    yield from (cell for cell in found if cell.false)


def _clipped(rate: float) -> float:
    return min(max(rate, 0.0), 1.0)


def _cell(
    rules: Sequence[ResolvedRule],
    control: tuple[float, float],
    low: tuple[float, ...],
    high: tuple[float, ...],
) -> Cell:
    cell = Cell(control, (low[0], low[1]), (high[0], high[1]), frozenset())
    middle = np.array([cell.rates(0.5, 0.5)])
    return replace(cell, false=frozenset(r.name for r in rules if false_of(r, middle)[0]))


# ── what success depends on ───────────────────────────────────────────────────────────────────
def success_by_final_table(error: ExactError, threshold: float = math.nan) -> dict[str, Floats]:
    """By rule: probability that it had declared success, ``(control responders, other)``.

    Given the responders among all planned, with those analysed at each look any of them.

    Parameters
    ----------
    threshold
        Of the rules whose thresholds are tried, where there are any.
    """
    running = np.ones((1, 1))
    found = {rule.name: np.zeros((1, 1)) for rule in error.success}
    before = [0, 0]
    for look in error.verdicts(threshold):
        analysed = _both(look.analysed)
        shape = tuple(number + 1 for number in analysed)
        new = [after - b for b, after in zip(before, analysed, strict=True)]
        running = _with_more(running, new)
        found = {name: _with_more(event, new) for name, event in found.items()}
        for name, wins in look.wins.items():
            found[name] = found[name] + np.where(wins.reshape(shape), running, 0.0)
        running = np.where(look.open_.reshape(shape), running, 0.0)
        before = analysed
    return found


def _both(analysed: Sequence[int]) -> list[int]:
    """Numbers in two arms; of a single one the other has nobody."""
    return [*analysed, 0][:2]


def _with_more(event: Floats, more: Sequence[int]) -> Floats:
    return with_more(with_more(event, more[0], 0), more[1], 1)


@dataclass(frozen=True)
class _Edge:
    """A cell reduced to what has to be bounded: a line, or all of it, and an event not smaller."""

    cell: Cell
    event: Floats
    monotone: bool


def _reduced(cell: Cell, event: Floats) -> _Edge:
    """Take the edge on which the error is largest, where the tables say that there is one."""
    if cell.line:
        return _Edge(cell, event, True)
    rising = np.maximum.accumulate(event, axis=1)
    if float((rising - event).max()) <= FALLS:
        return _Edge(replace(cell, low=cell.high), rising, True)
    falling = np.maximum.accumulate(event[:, ::-1], axis=1)[:, ::-1]
    if float((falling - event).max()) <= FALLS:
        return _Edge(replace(cell, high=cell.low), falling, True)
    return _Edge(cell, event, False)


# ── the certificate ───────────────────────────────────────────────────────────────────────────
def why_no_line(error: ExactError) -> str | None:
    """Why no certificate along an effect can be had; nothing where one can."""
    participants = sum(error.looks[-1].analysed)
    if participants > MOST:
        return (
            f"{participants:,} participants, and a certificate is worked out for at most {MOST:,}"
        )
    return None


def why_none(error: ExactError, threshold: float = math.nan) -> str | None:
    """Why no certificate of a design can be had; nothing where one can; parameters as above."""
    if len(error.design.arms) > 1 and error.design.control is None:
        return "two arms without a control have no control rate to run over"
    if (why := why_no_line(error) or why_curved(error.success)) is not None:
        return why
    events = success_by_final_table(error, threshold)
    whole = any(
        not _reduced(cell, _of(events, cell.false)).monotone
        for cell in cells(error.success, (0.0, 1.0))
    )
    if whole and error.looks[-1].analysed[-1] > MOST_WHOLE:
        return (
            f"success is not more likely the more respond, so that all pairs of rates have to be "
            f"bounded together, which is done for at most {MOST_WHOLE} participants in an arm"
        )
    return None


def _of(events: dict[str, Floats], names: frozenset[str]) -> Floats:
    return np.asarray(sum(events[name] for name in sorted(names)))


def certify(
    error: ExactError,
    limits: tuple[float, float],
    within: float = WITHIN,
    threshold: float = math.nan,
) -> Certificate:
    """Bound the probability of a false success over a null region.

    Parameters
    ----------
    limits
        Lowest and highest control rate.
    threshold
        Of the rules whose thresholds are tried, where there are any.
    """
    events = success_by_final_table(error, threshold)
    edges = [_reduced(cell, _of(events, cell.false)) for cell in cells(error.success, limits)]
    found = _certified(error, edges, limits, within)
    return replace(found, found=float(error.at(np.array([found.at]), threshold)[0]))


def certify_line(
    error: ExactError,
    limits: tuple[float, float],
    effect: float,
    lacking: bool,
) -> Certificate:
    """Bound the probability of an ending, or of its absence, where the arms differ by an effect.

    Parameters
    ----------
    lacking
        Whether what is bounded from above is what the probability lacks of 1: power has to be
        large.
    """
    names = frozenset(rule.name for rule in error.success)
    event = np.clip(_of(success_by_final_table(error), names), 0.0, 1.0)
    low, high = max(limits[0], -effect), min(limits[1], 1.0 - effect)
    line = (_clipped(low + effect), _clipped(high + effect))
    edge = _Edge(Cell((low, high), line, line, names), 1.0 - event if lacking else event, True)
    found = _certified(error, [edge], limits, WITHIN)
    there = float(error.success_at(np.array([found.at]))[0])
    return replace(found, found=1.0 - there if lacking else there)


def _certified(
    error: ExactError, edges: Sequence[_Edge], limits: tuple[float, float], within: float
) -> Certificate:
    best = Bounds(0.0, 0.0, (0.0,), 0, 0)
    at, upper, boxes, halvings = (limits[0], 0.0), 0.0, 0, 0
    for edge in edges:
        found = _bounds(edge, within, best.found)
        upper = max(upper, found.upper)
        boxes, halvings = boxes + found.boxes, max(halvings, found.halvings)
        if found.found > best.found:
            best, at = found, edge.cell.rates(*found.at)
    participants = sum(error.looks[-1].analysed)
    relative = rounding(participants, len(error.looks), halvings)
    # an end of a line may be rounded, and no derivative exceeds the number of participants
    outward = upper * relative + 8.0 * participants * UNIT
    return Certificate(
        bound=float(min(upper + outward, 1.0)),
        found=best.found,
        at=at,
        rounding=outward,
        monotone=all(edge.monotone for edge in edges),
        pieces=boxes,
        degree=participants,
    )


def _bounds(edge: _Edge, within: float, enough: float) -> Bounds:
    cell = edge.cell
    if cell.line:
        return largest(along(edge.event, cell.control, cell.low), within, enough)
    return largest(between(edge.event, cell.control, cell.low, cell.high), within, enough)


# ── tried ─────────────────────────────────────────────────────────────────────────────────────
def tried(certificate: Certificate, error: ExactError, limits: tuple[float, float]) -> Certificate:
    """Try a certificate at random truths of the region, with errors worked out another way.

    Half of the points lie at margins. The errors are sums over the tables of every look, and not
    over final tables; they are known to 1e-12.
    """
    return _tried(certificate, error.at(random_points(error, limits, POINTS)))


def tried_line(
    certificate: Certificate,
    error: ExactError,
    limits: tuple[float, float],
    effect: float,
    lacking: bool,
) -> Certificate:
    """Try such a certificate at random control rates."""
    low, high = max(limits[0], -effect), min(limits[1], 1.0 - effect)
    controls = np.random.default_rng(SEED).uniform(low, high, size=POINTS)
    rates = np.stack([controls, np.clip(controls + effect, 0.0, 1.0)], axis=1)
    found = error.success_at(rates)
    return _tried(certificate, 1.0 - found if lacking else found)


def _tried(certificate: Certificate, errors: Floats) -> Certificate:
    over = int((errors > certificate.bound + 1e-12).sum())
    return replace(certificate, tried=len(errors), exceeded=over)


def random_points(error: ExactError, limits: tuple[float, float], points: int) -> Floats:
    """Random pairs of rates at which some claim is false, ``(point, arm)``; half at margins."""
    rng = np.random.default_rng(SEED)
    parts = cells(error.success, limits)
    if not parts:
        return np.zeros((0, 2))
    chosen = rng.integers(len(parts), size=points)
    places = rng.random((points, 2))
    places[: points // 2, 1] = rng.integers(2, size=points // 2)
    rates = np.array(
        [parts[k].rates(*place) for k, place in zip(chosen, places.tolist(), strict=True)]
    )
    some_false: Booleans = np.logical_or.reduce([false_of(r, rates) for r in error.success])
    return rates[some_false]
