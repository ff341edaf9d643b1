"""What a simulated probability exceeds nowhere over more than one rate, with 95% confidence.

The bound between truths is that of :mod:`adaptive_cart.running.stated_certificate`: an exponential
tilt from a truth that was simulated to all others of a box. There are too many boxes to lay them
evenly, so they are cut where it pays:

    the whole region ─► the boxes whose bound is foreseen to be the largest are halved ─► …

until no bound is foreseen to lie far above the largest probability, or as many boxes are there as
were allowed. What is foreseen comes from a tenth of the trials, of a seed of their own; the boxes
are then simulated in full with another one. So the boxes were laid before what is told was seen,
and the truth with the largest probability lies in one of them, whose bound holds there with 95%
confidence: the largest bound of all holds with at least that. Where few boxes are allowed it lies
farther above what was found, and is as true.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.errors import InputError
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.worst_case import Stated
from adaptive_cart.running.grounds import Ground, Place, Spot, events
from adaptive_cart.running.simulated_error import Progress
from adaptive_cart.running.stated_certificate import (
    CONFIDENCE,
    SURE,
    clopper_pearson,
    feared,
    lower_bound,
    tilted,
)
from adaptive_cart.running.workers import spread, worth_processes

MOST_BOXES = 1_000  # truths that are simulated in full, unless told otherwise
ROOM = 1.08  # how far boxes may bring the bound above the largest probability that was foreseen
PILOT, FEWEST = 10, 100  # one in so many trials foresees, and at least so many
AT_ONCE = 4  # one in so many boxes is halved before the others are looked at again
TRIED = 60  # random truths at which the bound is tried
TIMED = 200  # trials that tell how long the others take


@dataclass(frozen=True)
class Box:
    """Truths between two corners of a ground, simulated at the middle.

    Attributes
    ----------
    inside
        ``(cell,)`` what is drawn in the middle, by arm and stratum.
    ends
        ``(end, cell)`` the lowest and the highest of it in the box.
    """

    ground: Ground
    low: Place
    high: Place
    spot: Spot
    inside: Floats
    ends: Floats

    def bound(self, probability: float, participants: int) -> float:
        """What a probability is at most anywhere in it, given what it is at most in the middle."""
        return tilted(probability, self.inside, self.ends, participants)

    def halves(self) -> Iterator[Box]:
        """Both halves of its widest side, as far as anything counts there."""
        middle = _middle(self.low, self.high)
        widths = []
        for axis, (a, b) in enumerate(zip(self.low, self.high, strict=True)):
            ends = [(*middle[:axis], end, *middle[axis + 1 :]) for end in (a, b)]
            first, last = (np.arcsin(np.sqrt(self.ground.drawn(end))) for end in ends)
            widths.append(float(np.abs(last - first).max()))
        axis = int(np.argmax(widths))
        cut = middle[axis]
        for low, high in (
            (self.low, (*self.high[:axis], cut, *self.high[axis + 1 :])),
            ((*self.low[:axis], cut, *self.low[axis + 1 :]), self.high),
        ):
            yield from box_of(self.ground, low, high)


def _middle(low: Place, high: Place) -> Place:
    return tuple((a + b) / 2.0 for a, b in zip(low, high, strict=True))


def box_of(ground: Ground, low: Place, high: Place) -> Iterator[Box]:
    """The box between two corners, without what does not count; none where nothing does."""
    held = ground.shrunk(low, high)
    if held is None:
        return
    counted = ground.counted_between(*held)
    assert counted is not None
    name, truth = ground.truth(_middle(*held))
    inside = ground.drawn(_middle(*held)).ravel()
    ends = np.stack([end.ravel() for end in ground.between(*held)])
    yield Box(ground, *held, Spot(name, truth, counted), inside, ends)


def stated_over(
    grounds: Sequence[Ground],
    design: Design,
    over: str,
    trials: int,
    boxes: int | None,
    largest: float,
    seeds: tuple[int, int, int],
    jobs: int | None,
    progress: Progress,
    tell: Callable[[str], None],
) -> Stated:
    """Bound what is counted over all truths of some grounds, and try the bound at random ones.

    Parameters
    ----------
    over
        The truths, in words.
    trials
        At each box.
    boxes
        At most, together.
    largest
        The largest probability that is foreseen, by an earlier simulation of some truths.
    seeds
        Of the trials that foresee, of those that are told, and of the random truths.
    tell
        Who is told, before it begins, how long it may take.
    """
    most, participants = boxes or MOST_BOXES, design.enrolment.max_n
    first = [box for ground in grounds for box in box_of(ground, *_corners(ground))]
    if not first:
        raise InputError("--certify: at no truth of the region is a claim false")
    if len(first) > most:
        raise InputError(
            f"--tiles: found {most:,}; the region has {len(first):,} parts (null scenarios, values "
            f"of numbers, and choices of who differs), each of which takes one at least"
        )
    few = max(trials // PILOT, FEWEST)
    each = _seconds(design, first[0].spot, seeds[0])
    many = most * trials + 2 * most * few
    tell(
        f"bound with confidence: at most {most:,} truths, {trials:,} trials each, and {few:,} at "
        f"twice as many that foresee where: up to {_long(each * many)} of one core (--tiles)"
    )
    goal = ROOM * feared(largest, trials)
    laid = cut(first, design, few, trials, most, goal, seeds[0], jobs, progress)
    counted = functools.partial(events, design, trials=trials, seed=seeds[1])
    seen = [*_over(counted, [box.spot for box in laid], jobs, each * trials, progress, trials)]
    bound = max(
        box.bound(clopper_pearson(number, trials), participants)
        for box, number in zip(laid, seen, strict=True)
    )
    at = int(np.argmax(seen))
    one = Stated(
        bound, CONFIDENCE, seen[at] / trials, laid[at].spot.name, len(laid), trials, seeds[1], 0, 0,
        over,
    )  # fmt: skip
    return _tried(one, laid, design, seeds[2], jobs, each)


def _corners(ground: Ground) -> tuple[Place, Place]:
    ends = [*ground.limits.values()]
    return tuple(low for low, _ in ends), tuple(high for _, high in ends)


def cut(
    first: Sequence[Box],
    design: Design,
    few: int,
    trials: int,
    most: int,
    goal: float,
    seed: int,
    jobs: int | None,
    progress: Progress,
) -> list[Box]:
    """Boxes that cover the same truths, halved where the largest bounds are foreseen.

    Parameters
    ----------
    few, trials
        Trials that foresee, and those that will be simulated in each box.
    most
        Boxes, at most.
    goal
        Bounds that are foreseen to be no larger are small enough.
    """
    participants = design.enrolment.max_n
    counted = functools.partial(events, design, trials=few, seed=seed)
    boxes: list[Box] = []
    new = [*first]
    bounds = np.zeros(0)
    each = 0.0
    while True:
        began = time.perf_counter()
        shares = np.array([*_over(counted, [box.spot for box in new], jobs, each)]) / few
        each = (time.perf_counter() - began) / max(len(new), 1)
        boxes += new
        foretold = [
            box.bound(feared(float(share), trials), participants)
            for box, share in zip(new, shares, strict=True)
        ]
        bounds = np.concatenate([bounds, foretold])
        progress("boxes", min(len(boxes), most), most)
        wide = [box.low != box.high for box in boxes]
        loose = np.flatnonzero((bounds > goal) & np.array(wide))
        room = most - len(boxes)
        if not len(loose) or room <= 0:
            return boxes
        order = loose[np.argsort(-bounds[loose], kind="stable")]
        chosen = order[: min(max(len(boxes) // AT_ONCE, 1), room)]
        new = [half for place in chosen for half in boxes[int(place)].halves()]
        kept = np.ones(len(boxes), dtype=np.bool_)
        kept[chosen] = False
        boxes = [box for box, stays in zip(boxes, kept, strict=True) if stays]
        bounds = bounds[kept]


def _over(
    counted: Callable[[Spot], int],
    spots: Sequence[Spot],
    jobs: int | None,
    seconds: float,
    progress: Progress = lambda what, done, total: None,
    trials: int = 1,
) -> Iterator[int]:
    """Numbers of events, over the cores where that is worth it; ``seconds`` of one truth."""
    number = jobs if worth_processes(seconds * len(spots)) else 1
    for done, found in enumerate(spread(counted, spots, number), start=1):
        progress("certificate", done * trials, len(spots) * trials)
        yield found


def _seconds(design: Design, spot: Spot, seed: int) -> float:
    """Of one trial, about; the first are slower than the others."""
    events(design, spot, trials=TIMED // 4, seed=seed)
    began = time.perf_counter()
    events(design, spot, trials=TIMED, seed=seed)
    return (time.perf_counter() - began) / TIMED


def _long(seconds: float) -> str:
    if seconds < 90.0:
        return f"{max(seconds, 1.0):.0f} seconds"
    if seconds < 5_400.0:
        return f"{seconds / 60.0:.0f} minutes"
    return f"{seconds / 3_600.0:.1f} hours"


def _tried(
    one: Stated,
    boxes: Sequence[Box],
    design: Design,
    seed: int,
    jobs: int | None,
    seconds: float,
) -> Stated:
    """Look at random truths whether the bound is exceeded there, beyond what chance can do."""
    draw = np.random.default_rng(seed)
    spots = []
    for _ in range(TRIED):
        box = boxes[int(draw.integers(len(boxes)))]
        place = tuple(float(draw.uniform(a, b)) for a, b in zip(box.low, box.high, strict=True))
        counted = box.ground.counted_between(place, place)
        if counted is not None:
            spots.append(Spot(*box.ground.truth(place), counted))
    at = functools.partial(events, design, trials=one.trials, seed=seed)
    found = [*_over(at, spots, jobs, seconds * one.trials)]
    exceeded = sum(lower_bound(number, one.trials, SURE) > one.bound for number in found)
    return replace(one, tried=len(spots), exceeded=exceeded)
