"""What a simulated probability exceeds nowhere over a region of rates, with 95% confidence.

Trials are simulated at truths all over the region, and all of them are weighed for every other
truth (:mod:`adaptive_cart.running.weighed`). Where truths are needed is found by boxes:

    the whole region ─► the boxes whose bound is foreseen to be the largest are halved ─► …

until as many boxes are there as were asked for, or else no bound is foreseen to lie far above the
largest probability; a truth in each is simulated. What is foreseen comes from a tenth of the
trials, of a seed of their own; the truths are then simulated in full with another one. So they were
chosen before what is told was seen. The boxes are then cut into pieces, which costs no trials,
until the bound over all of a piece is hardly more than that at its middle, wherever it is largest.

Rates that two grounds share with all else alike are one region for this. A single truth, as a null
scenario beside the rates, has the Clopper-Pearson bound of its own trials.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import InputError
from adaptive_cart.nouns.progress import Progress, Tell, silent
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.worst_case import Stated
from adaptive_cart.running.grounds import Ground, Place, Spot, events
from adaptive_cart.running.pieces import MOST_PIECES, Piece, alike, largest_bound, pieces_of
from adaptive_cart.running.revealing import Kinds, numbered, shown_at
from adaptive_cart.running.stated_certificate import (
    CONFIDENCE,
    SURE,
    clopper_pearson,
    lower_bound,
)
from adaptive_cart.running.weighed import Pieces, Shown, Weighed
from adaptive_cart.running.workers import spread, worth_processes

MOST_BOXES = 1_000  # truths that are simulated in full, unless told otherwise
ROOM = 1.05  # how far boxes may bring the bound above the largest probability that was foreseen
FAR = 1.5  # times the largest probability that was foreseen: it is told what helps
PILOT, FEWEST = 10, 100  # one in so many trials foresees, and at least so many
AT_ONCE = 4  # one in so many boxes is halved before the others are looked at again
TRIED = 60  # random truths at which the bound is tried
TIMED = 200  # trials that tell how long the others take


@dataclass(frozen=True)
class Box:
    """Truths between two corners of a ground, and the one of them that is simulated.

    Attributes
    ----------
    spot
        What is simulated, and what counts somewhere in the box.
    inside
        ``(cell,)`` what is drawn there, by arm and stratum.
    """

    ground: Ground
    low: Place
    high: Place
    spot: Spot
    inside: Floats

    @property
    def piece(self) -> Piece:
        """All of it."""
        return Piece(self.ground, self.low, self.high, self.spot.counted)

    def halves(self) -> Iterator[Box]:
        """Both halves of its widest side, as far as anything counts there."""
        for low, high in self.piece.halved():
            yield from box_of(self.ground, low, high)


def box_of(ground: Ground, low: Place, high: Place) -> Iterator[Box]:
    """The box between two corners, without what does not count; none where nothing does."""
    held = ground.shrunk(low, high)
    if held is None:
        return
    counted = ground.counted_between(*held)
    assert counted is not None
    place = _simulated_in(ground, *held)
    name, truth = ground.truth(place)
    yield Box(ground, *held, Spot(name, truth, counted), ground.drawn(place).ravel())


def _simulated_in(ground: Ground, low: Place, high: Place) -> Place:
    """The middle of a box; at the edge of the region where the box touches it.

    So the truths at an edge lie between some that are simulated. Nothing can be told from one where
    nobody responds, or everybody.
    """
    found = [(a + b) / 2.0 for a, b in zip(low, high, strict=True)]
    for axis, (first, last) in enumerate(ground.limits.values()):
        touched = [end for end in {first, last} if end in (low[axis], high[axis])]
        if len(touched) != 1:
            continue
        moved = [*found[:axis], touched[0], *found[axis + 1 :]]
        rates = ground.drawn(tuple(moved))
        if ((rates > 0.0) & (rates < 1.0)).all():
            found = moved
    return tuple(found)


@dataclass(frozen=True)
class Confirming:
    """What a bound may cost, and who is told.

    Attributes
    ----------
    trials
        At each truth.
    tiles
        Truths, together; if left out as many as bring the bound near, up to a limit.
    """

    trials: int
    tiles: int | None
    seed: int
    jobs: int | None
    progress: Progress
    tell: Tell


def stated_over(
    grounds: Sequence[Ground],
    design: Design,
    over: str,
    largest: float,
    seeds: tuple[int, int, int],
    effort: Confirming,
) -> Stated:
    """Bound what is counted over all truths of some grounds, and try the bound at random ones.

    Parameters
    ----------
    over
        The truths, in words.
    largest
        The largest probability that is foreseen, by an earlier simulation of some truths.
    seeds
        Of the trials that foresee, of those that are told, and of the random truths.
    """
    trials, jobs, progress, tell = effort.trials, effort.jobs, effort.progress, effort.tell
    most = effort.tiles or MOST_BOXES
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
    many = (most + TRIED) * trials + 2 * most * few
    tell(
        f"bound with confidence: at most {most:,} truths, {trials:,} trials each, {few:,} at "
        f"twice as many that foresee where, and {TRIED} random truths at which it is tried: up to "
        f"{_long(each * many)} of one core (--tiles), and what weighing the trials takes, which is "
        f"told when the truths are laid"
    )
    simulation = Simulation(design, grounds[0].endpoint, Kinds.of(design, first[0].spot.counted))
    goal = ROOM * largest if effort.tiles is None else 0.0
    laid, foreseen = cut(first, simulation, few, trials, most, goal, seeds[0], jobs, progress)
    tell(f"{len(laid):,} truths are laid: {_outlook(foreseen.bound, largest)}")
    if foreseen.weighing > 0.0:
        tell(
            f"to weigh their trials for all truths between, in at most {MOST_PIECES:,} pieces, "
            f"will take up to {_long(foreseen.weighing)} of one core"
        )
    told = simulation.at(laid, trials, seeds[1], jobs, each * trials, progress)
    found = bound_of(laid, told, simulation, trials, progress)
    one = Stated(
        found.bound, CONFIDENCE, found.estimate, found.name, len(laid), trials, seeds[1], 0, 0,
        over, weighed=True,
    )  # fmt: skip
    return _tried(one, laid, design, seeds[2], jobs, each, progress)


def _corners(ground: Ground) -> tuple[Place, Place]:
    ends = [*ground.limits.values()]
    return tuple(low for low, _ in ends), tuple(high for _, high in ends)


@dataclass
class Simulation:
    """Simulates truths of boxes, and weighs the trials of all that tell of each other."""

    design: Design
    endpoint: str
    kinds: Kinds
    bases: list[Truth] = field(default_factory=list)

    def at(
        self,
        boxes: Sequence[Box],
        trials: int,
        seed: int,
        jobs: int | None,
        seconds: float,
        progress: Progress = silent,
        before: int = 0,
    ) -> list[Shown]:
        """What trials at the truths of some boxes were shown, none of two the same.

        Parameters
        ----------
        seconds
            That one truth takes.
        before
            Trials of this seed that are taken.
        """
        at = functools.partial(
            shown_at, self.design, endpoint=self.endpoint, kinds=self.kinds, seed=seed
        )
        taken = numbered([box.spot.truth for box in boxes], trials, before)
        where = [
            replace(one, alone=not box.ground.limits) for one, box in zip(taken, boxes, strict=True)
        ]
        number = jobs if worth_processes(seconds * len(boxes)) else 1
        found = []
        for one in spread(at, where, number):
            found.append(one)
            progress("certificate", len(found) * trials, len(boxes) * trials)
        return found

    def region(self, box: Box) -> int:
        """Which region a box is in: truths alike but for their rates; -1 for a single truth."""
        if not box.ground.limits:
            return -1
        base = replace(box.spot.truth.with_direct(self.endpoint, ()), name="", role="")
        if base not in self.bases:
            self.bases.append(base)
        return self.bases.index(base)

    def by_region(self, boxes: Sequence[Box]) -> dict[int, list[int]]:
        """Places of boxes by the region they are in."""
        found: dict[int, list[int]] = {}
        for place, box in enumerate(boxes):
            found.setdefault(self.region(box), []).append(place)
        return found

    def weighed(self, boxes: Sequence[Box], shown: Sequence[Shown], trials: int) -> Weighed:
        """Trials at all truths of a region, to be weighed for others of it."""
        truths = np.stack([box.inside for box in boxes])
        everybody = self.design.enrolment.max_n
        return Weighed(truths, Shown.together(shown), trials * len(boxes), everybody)


@dataclass(frozen=True)
class Largest:
    """What a probability exceeds nowhere, and the largest estimate of it.

    Attributes
    ----------
    estimate, name
        At a truth that was simulated, from all trials; the truth in words.
    """

    bound: float
    estimate: float
    name: str


def bound_of(
    laid: Sequence[Box],
    told: Sequence[Shown],
    simulation: Simulation,
    trials: int,
    progress: Progress = silent,
) -> Largest:
    """The largest bound of all boxes, and the largest estimate."""
    kinds = simulation.kinds
    found, by_region = [], simulation.by_region(laid)
    every = MOST_PIECES * sum(region >= 0 for region in by_region)
    done = 0
    for region, places in by_region.items():
        boxes, shown = [laid[k] for k in places], [told[k] for k in places]
        if region >= 0:
            weighed = simulation.weighed(boxes, shown, trials)
            upper = largest_bound(
                [box.piece for box in boxes],
                weighed,
                kinds,
                _beyond(done, every, progress),
            )
            found.append(Largest(upper, *largest_estimate(boxes, weighed, kinds)))
            done += MOST_PIECES
            progress("pieces", done, every)
            continue
        for box, one in zip(boxes, shown, strict=True):
            number = one.counting(kinds.columns(box.spot.counted))
            upper = clopper_pearson(number, trials)
            found.append(Largest(upper, number / trials, box.spot.name))
    most = max(found, key=lambda one: one.estimate)
    return replace(most, bound=max(one.bound for one in found))


def _beyond(done: int, every: int, progress: Progress) -> Callable[[int], None]:
    """What shows of all pieces how many have been looked at, after those of other regions."""
    return lambda looked: progress("pieces", done + looked, every)


def largest_estimate(boxes: Sequence[Box], weighed: Weighed, kinds: Kinds) -> tuple[float, str]:
    """The largest estimate at the truths that were simulated, from all trials, and at which."""
    counted = [box.ground.counted([box.spot.truth]) for box in boxes]
    told = [
        (box, replace(box.piece, counted=own))
        for box, own in zip(boxes, counted, strict=True)
        if own is not None
    ]
    found = (0.0, "")
    for columns, places in alike([piece for _, piece in told], kinds):
        rates = np.stack([told[place][0].inside for place in places])
        means, _ = weighed.means(Pieces.points(rates), columns)
        at = int(means.argmax())
        found = max(found, (float(means[at]), told[places[at]][0].spot.name))
    return found


# ── the boxes ─────────────────────────────────────────────────────────────────────────────────
@dataclass
class Foreseen:
    """Boxes as they are cut, with what few trials at the truths of all so far foresee."""

    simulation: Simulation
    few: int
    trials: int
    seed: int
    jobs: int | None
    every: list[Box] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    each: float = 0.0
    piece: float = 0.0  # seconds that these trials take to be weighed for one piece

    def add(self, new: Sequence[Box]) -> None:
        """Simulate the truths of more boxes."""
        began = time.perf_counter()
        taken = len(self.every) * self.few
        self.shown += self.simulation.at(
            new, self.few, self.seed, self.jobs, self.each, before=taken
        )
        self.every += new
        self.each = (time.perf_counter() - began) / max(len(new), 1)

    def bounds(self, boxes: Sequence[Box]) -> Floats:
        """The bound that all trials are foreseen to have at the truth of each box, ``(box,)``."""
        simulation, kinds = self.simulation, self.simulation.kinds
        found, every = np.zeros(len(boxes)), simulation.by_region(self.every)
        taken = 0.0
        for region, places in simulation.by_region(boxes).items():
            if region < 0:
                found[places] = self._alone([boxes[place] for place in places])
                continue
            among = every[region]
            weighed = simulation.weighed(
                [self.every[k] for k in among], [self.shown[k] for k in among], self.few
            )
            of_region = [boxes[place].piece for place in places]
            for columns, some in alike(of_region, kinds):
                own = [places[k] for k in some]
                rates = pieces_of([of_region[k] for k in some])
                inside = np.stack([boxes[place].inside for place in own])
                still = 0.0 * rates.moves, 0.0 * rates.off
                here = Pieces(inside, rates.low, rates.high, *still)
                began = time.perf_counter()
                found[own], _ = weighed.upper(here, columns, self.trials * len(places))
                taken += time.perf_counter() - began
        self.piece = taken / max(len(boxes), 1)
        return found

    def _alone(self, boxes: Sequence[Box]) -> list[float]:
        """The same of single truths."""
        found = []
        for box in boxes:
            one = next(o for b, o in zip(self.every, self.shown, strict=True) if b is box)
            share = one.counting(self.simulation.kinds.columns(box.spot.counted)) / self.few
            found.append(clopper_pearson(round(share * self.trials), self.trials))
        return found


@dataclass(frozen=True)
class Outlook:
    """What is foreseen of a bound before the trials that it is worked out from.

    Attributes
    ----------
    bound
        The largest at the truths that will be simulated.
    weighing
        Seconds that weighing all trials takes at most.
    """

    bound: float
    weighing: float


def cut(
    first: Sequence[Box],
    simulation: Simulation,
    few: int,
    trials: int,
    most: int,
    goal: float,
    seed: int,
    jobs: int | None,
    progress: Progress,
) -> tuple[list[Box], Outlook]:
    """Boxes that cover the same truths, halved where the largest bounds are foreseen.

    Parameters
    ----------
    few, trials
        Trials that foresee, and those that will be simulated at the truth of each box.
    most
        Boxes, at most.
    goal
        Bounds that are foreseen to be no larger are small enough.

    Returns
    -------
    The boxes, and what is foreseen of their bound.
    """
    foreseen = Foreseen(simulation, few, trials, seed, jobs)
    boxes, new = [*first], [*first]
    while True:
        foreseen.add(new)
        progress("boxes", min(len(boxes), most), most)
        bounds = foreseen.bounds(boxes)
        wide = np.array([box.low != box.high for box in boxes])
        loose = np.flatnonzero((bounds > goal) & wide)
        room = most - len(boxes)
        if not len(loose) or room <= 0:
            # at most: alike trials are weighed once, and more trials have more that are alike
            weighing = foreseen.piece * (trials / few) * MOST_PIECES
            return boxes, Outlook(float(bounds.max()), weighing)
        order = loose[np.argsort(-bounds[loose], kind="stable")]
        chosen = {int(k) for k in order[: min(max(len(boxes) // AT_ONCE, 1), room)]}
        new = [half for place in sorted(chosen) for half in boxes[place].halves()]
        boxes = [box for place, box in enumerate(boxes) if place not in chosen] + new


def _over(
    counted: Callable[[Spot], int], spots: Sequence[Spot], jobs: int | None, seconds: float
) -> Iterator[int]:
    """Numbers of events, over the cores where that is worth it; ``seconds`` of one truth."""
    yield from spread(counted, spots, jobs if worth_processes(seconds * len(spots)) else 1)


def _seconds(design: Design, spot: Spot, seed: int) -> float:
    """Of one trial, about; the first are slower than the others."""
    events(design, spot, trials=TIMED // 4, seed=seed)
    began = time.perf_counter()
    events(design, spot, trials=TIMED, seed=seed)
    return (time.perf_counter() - began) / TIMED


def _outlook(foreseen: float, largest: float) -> str:
    """What the bound is foreseen to be, and what would bring it nearer."""
    if foreseen >= 1.0:
        return "too few to say anything, it is foreseen: write more --tiles, or --trials"
    told = f"the bound is foreseen to be about {foreseen:.3g}"
    far = foreseen > FAR * largest
    return f"{told}; more --tiles or --trials bring it nearer" if far else told


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
    progress: Progress,
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
    found = []
    for number in _over(at, spots, jobs, seconds * one.trials):
        found.append(number)
        progress("random truths", len(found), len(spots))
    exceeded = sum(lower_bound(number, one.trials, SURE) > one.bound for number in found)
    return replace(one, tried=len(spots), exceeded=exceeded)
