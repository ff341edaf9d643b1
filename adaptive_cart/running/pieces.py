"""The largest bound over boxes of truths, which are cut into pieces until it is known closely."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptive_cart.nouns.records import Floats
from adaptive_cart.running.grounds import Counted, Ground, Place
from adaptive_cart.running.revealing import Kinds
from adaptive_cart.running.weighed import Pieces, Weighed

CLOSE = 0.004  # how much the bound over a piece may lie above that at its middle, of itself
MOST_PIECES = 30_000
TOGETHER = 64  # pieces that are looked at at once
STRAIGHT = 1e-12  # what rates may be off a straight line by rounding


@dataclass(frozen=True)
class Piece:
    """Truths between two corners of a ground.

    Attributes
    ----------
    counted
        What counts somewhere among them.
    alike
        Whether all of it is known to count at each of them.
    """

    ground: Ground
    low: Place
    high: Place
    counted: Counted
    alike: bool = False

    @property
    def middle(self) -> Place:
        """Midway between the corners."""
        return tuple((a + b) / 2.0 for a, b in zip(self.low, self.high, strict=True))

    @property
    def counts_at_middle(self) -> bool:
        """Whether all that counts somewhere in it counts at the middle too."""
        if self.alike or not self.ground.partly:
            return True
        return self.ground.counted_between(self.middle, self.middle) == self.counted

    def halved(self) -> Iterator[tuple[Place, Place]]:
        """Corners of both halves of the side that moves rates most."""
        middle = self.middle
        widths = []
        for axis, (a, b) in enumerate(zip(self.low, self.high, strict=True)):
            ends = [(*middle[:axis], end, *middle[axis + 1 :]) for end in (a, b)]
            first, last = (np.arcsin(np.sqrt(self.ground.drawn(end))) for end in ends)
            widths.append(float(np.abs(last - first).max()))
        axis = int(np.argmax(widths))
        cut = middle[axis]
        yield self.low, (*self.high[:axis], cut, *self.high[axis + 1 :])
        yield (*self.low[:axis], cut, *self.low[axis + 1 :]), self.high

    def parts(self) -> Iterator[Piece]:
        """Both halves, as far as anything counts there."""
        for low, high in self.halved():
            if self.alike or not self.ground.partly:
                yield replace(self, low=low, high=high)
                continue
            counted, alike = self.ground.alike_between(low, high)
            if counted is not None:
                yield Piece(self.ground, low, high, counted, alike)


def pieces_of(several: Sequence[Piece]) -> Pieces:
    """The rates of some pieces of grounds with as many sides."""
    each = [_rates_of(one) for one in several]
    return Pieces(*(np.stack(column) for column in zip(*each, strict=True)))


def _rates_of(piece: Piece) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Middle, lowest, highest, moves to the corners and what lies off them, of one piece.

    Of a number that rises or falls with each side of the box, and is bent one way only, what lies
    off the plane through its corners is known from them and from the middle.
    """
    sides = len(piece.low)
    signs = np.array([*itertools.product((-1.0, 1.0), repeat=sides)])
    places = itertools.product(*zip(piece.low, piece.high, strict=True))
    ends = np.array([piece.ground.drawn(place).ravel() for place in places])
    centre = piece.ground.drawn(piece.middle).ravel()
    low, high, mean = ends.min(axis=0), ends.max(axis=0), ends.mean(axis=0)
    moves = signs @ (signs.T @ ends / len(ends))
    left, bent = ends - mean - moves, centre - mean
    least = np.where(bent >= 0.0, left.min(axis=0), 2.0 * bent - left.max(axis=0))
    most = np.where(bent >= 0.0, 2.0 * bent - left.min(axis=0), left.max(axis=0))
    middle, off = mean + (least + most) / 2.0, (most - least) / 2.0
    # at a rate of 0 or 1 it may be cut off, and so be bent both ways
    all_over = (low == 0.0) & (high == 1.0)
    cut_off = ((low == 0.0) | (high == 1.0)) & (off > STRAIGHT) | all_over
    middle = np.where(cut_off, (low + high) / 2.0, middle)
    off = np.where(cut_off, (high - low) / 2.0, off)
    moves = np.where(cut_off, 0.0, moves)
    return middle, low, high, moves, off


def largest_bound(
    boxes: Sequence[Piece],
    weighed: Weighed,
    kinds: Kinds,
    heard: Callable[[int], None] = lambda done: None,
) -> float:
    """What the probability exceeds in none of the boxes, with 95% confidence.

    Parameters
    ----------
    heard
        Who hears how many pieces, of ``MOST_PIECES`` at most, have been looked at.
    """
    order = itertools.count()
    queue: list[tuple[float, int, Piece]] = []
    reached, looked_at = 0.0, 0
    new = [*boxes]
    while True:
        for piece, upper, at_middle in _bounds(new, weighed, kinds, _beyond(looked_at, heard)):
            heapq.heappush(queue, (-upper, next(order), piece))
            reached = max(reached, at_middle)
        looked_at += len(new)
        if not queue:  # a closer look shows that nothing counts anywhere
            return reached
        enough = reached * (1.0 + CLOSE)
        if -queue[0][0] <= enough or looked_at > MOST_PIECES:
            return -queue[0][0]
        new = []
        while queue and len(new) < TOGETHER and -queue[0][0] > enough:
            new += [*heapq.heappop(queue)[2].parts()]


def _beyond(before: int, heard: Callable[[int], None]) -> Callable[[int], None]:
    """What hears of more pieces, after some, at most as many as may be looked at."""
    return lambda done: heard(min(before + done, MOST_PIECES))


def alike(pieces: Sequence[Piece], kinds: Kinds) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """What counts, and the places of the pieces in which it does and that have as many sides."""
    found: dict[tuple[tuple[int, ...], int], list[int]] = {}
    for place, piece in enumerate(pieces):
        key = tuple(kinds.columns(piece.counted)), len(piece.low)
        found.setdefault(key, []).append(place)
    for (columns, _), places in found.items():
        yield columns, places


def _bounds(
    pieces: Sequence[Piece], weighed: Weighed, kinds: Kinds, heard: Callable[[int], None]
) -> Iterator[tuple[Piece, float, float]]:
    """The bound over each piece, and that at its middle; pieces that are counted alike together."""
    before = 0
    for columns, places in alike(pieces, kinds):
        some = [pieces[place] for place in places]
        rates = pieces_of(some)
        upper, _ = weighed.upper(rates, columns, heard=_beyond(before, heard))
        before += len(some)
        at_middle, _ = weighed.upper(Pieces.points(rates.middle), columns)
        for piece, most, here in zip(some, upper, at_middle, strict=True):
            yield piece, float(most), float(here) if piece.counts_at_middle else 0.0
