"""The type I error at null points by simulation: at every threshold at once, and of a design.

Success is switched off in the rules to be calibrated; the largest probability that one of them asks
for about a claim that is false says which thresholds the trial would have reached.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptive_cart.conduct.block import Block
from adaptive_cart.conduct.conditions import folded
from adaptive_cart.conduct.look_record import LookRecord
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.conduct.trial import run_block, run_looks
from adaptive_cart.decisions import SUCCESS, Ending
from adaptive_cart.design.design import Design
from adaptive_cart.design.rule_tables import Rule
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.progress import silent
from adaptive_cart.nouns.records import Floats
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.calibration import four_decimals
from adaptive_cart.results.figure import Z95, proportion
from adaptive_cart.running.null_region import Point
from adaptive_cart.running.region import GRID, Region, asks
from adaptive_cart.running.shapes import DECIMALS, Shape
from adaptive_cart.running.simulating import Simulating
from adaptive_cart.running.stretches import block_size

PILOT = 10  # of a wide grid, one in so many trials chooses the points
ALWAYS = 2.0  # stands for a false success at every threshold
NEVER = -1.0  # and for one at none
EDGE = 1e-10  # how near to a probability a threshold may lie that is to be on one side of it
TIE = 1e-11  # what two posterior probabilities may differ by and still be equal


def hardest(
    numbers: Design,
    written: Design,
    region: Region,
    points: Sequence[Point],
    simulating: Simulating,
) -> list[str]:
    """Names of the points to simulate in full: all, or of a wide grid those that need most."""
    names = [point.name for point in points]
    if region.base is None or region.given or len(points) <= GRID:
        return names
    assert written.calibration is not None
    error = written.calibration.type_one_error
    assert error is not None
    pilot = {point.name: point for point in points}
    few = max(simulating.trials // PILOT, 100)
    found = over_points(
        numbers, written, pilot, replace(simulating, trials=few, progress=silent), ""
    )
    needed = {name: float(np.quantile(values, 1.0 - error)) for name, values in found.items()}
    hardest = sorted(names, key=lambda name: -needed[name])[:GRID]
    return [name for name in names if name in hardest]


def over_points(
    numbers: Design,
    written: Design,
    points: Mapping[str, Point],
    simulating: Simulating,
    what: str,
) -> dict[str, Floats]:
    """Largest probability of every trial at every null point."""
    return simulating.by_name(what, functools.partial(largest_asked, numbers, written), points)


def largest_asked(
    numbers: Design, written: Design, point: Point, trials: int, seed: int, unasked: float = 0.0
) -> Floats:
    """Smallest threshold that each trial's false success would still reach, ``(trial,)``.

    That is the largest of what was asked at any look; parameters as of ``asked_by_look``.
    """
    found = asked_by_look(numbers, written, point, trials, seed, unasked)
    return np.asarray(found.max(axis=1))


def asked_by_look(
    numbers: Design, written: Design, point: Point, trials: int, seed: int, unasked: float = 0.0
) -> Floats:
    """What a false success of each trial would have to reach at each look, ``(trial, look)``.

    That is the largest probability, as it would be at the last look, that a calibrated rule asked
    for about a target whose claim is false. A trial that another rule for success has ended falsely
    counts at every threshold of that look.

    Parameters
    ----------
    unasked
        What stands where nothing was asked.
    """
    watched = Watched.of(numbers, written)
    every = simulated(watched.plan, point.truth, trials, seed)
    return np.concatenate([watched.by_look(block, point.false, unasked) for block in every])


@dataclass(frozen=True)
class Watched:
    """A design in which the rules to be calibrated never hold, and what they ask for is read off.

    Attributes
    ----------
    plan
        Of the design without success by these rules.
    reached
        By rule to be calibrated: from the record of a look, the largest threshold that it reaches.
    """

    plan: Plan
    reached: Mapping[str, Callable[[LookRecord], Floats | None]]

    @staticmethod
    def of(numbers: Design, written: Design) -> Watched:
        """Watch the rules that a design as it is written leaves to be calibrated."""
        plan = Plan.of(numbers)
        reached = {
            old.name: functools.partial(reached_by, new, sought_in(old), shape_of(written, old))
            for old, new in zip(written.rules, plan.rules, strict=True)
            if asks(old)
        }
        return Watched(without(plan, reached), reached)

    def by_look(
        self, block: Block, counted: Mapping[str, tuple[int, ...]], unasked: float = 0.0
    ) -> Floats:
        """What each trial would have to reach at each look, ``(trial, look)``.

        Parameters
        ----------
        counted
            By rule for success: positions of the targets that count.
        unasked
            What stands where nothing was asked.
        """
        looks = self.plan.design.looks.number
        largest = np.full((len(block.standing.reason), looks), unasked)
        for record in block.looks:
            here = largest[:, record.look - 1]
            for name, reached_in in self.reached.items():
                asked = reached_in(record)
                if asked is not None:
                    asked = asked[:, list(counted[name])]
                    np.fmax(here, np.fmax.reduce(asked, axis=1, initial=unasked), out=here)
        for position, rule in enumerate(self.plan.rules):
            if rule.decision.ends != SUCCESS or rule.name in self.reached:
                continue
            won = block.standing.won[position][:, list(counted[rule.name])]
            for look in range(1, looks + 1):
                largest[(won == look).any(axis=1), look - 1] = ALWAYS
        return largest


def shape_of(written: Design, rule: Rule) -> Shape:
    """How the thresholds of a rule differ by look; a claim is judged once, for one number."""
    return Shape.one_number() if rule.decision.at_the_end else Shape.of(written)


def sought_in(rule: Rule) -> tuple[bool, ...]:
    """By comparison of a rule: whether its threshold is the one that is sought."""
    return tuple(part.threshold == "calibrate" for part in rule.comparisons)


def reached_by(
    rule: ResolvedRule, sought: Sequence[bool], shape: Shape, record: LookRecord
) -> Floats | None:
    """The largest threshold, as of the last look, at which a rule holds at a look.

    A comparison whose threshold is a number holds at every one that is sought, or at none; that
    of all of several is the smallest of theirs, and of any the largest.

    Parameters
    ----------
    rule
        With numbers as thresholds.

    Returns
    -------
    ``(trial, target)``; nothing where the rule is not judged at the look.
    """
    if any(part.name not in record.probabilities for part in rule.parts):
        return None
    found, closed = [], np.zeros(1, dtype=np.bool_)
    for part, places, open_yet in zip(rule.parts, rule.condition.places, sought, strict=True):
        asked = record.probabilities[part.name][:, list(places)]
        if len(set(places)) > 1:  # what targets share is answered while any of them is open
            closed = closed | np.isnan(asked)
        if open_yet:
            found.append(np.nan_to_num(shape.as_last(asked, record.look), nan=NEVER))
        else:
            holds = part.compared(asked, part.threshold_at(record.look, record.between))
            found.append(np.where(holds, ALWAYS, NEVER))
    every = folded(rule.condition.shape, found.__getitem__, np.minimum.reduce, np.maximum.reduce)
    return np.where(closed, NEVER, every)


def false_successes(design: Design, point: Point, trials: int, seed: int) -> int:
    """How many trials of a design as it acts declare a success whose claim is false."""
    plan, number = Plan.of(design), 0
    for first, many in blocks(design, trials):
        ended = run_looks(plan, point.truth, latents_for(design, seed, first, many))
        wrong = np.zeros(many, dtype=np.bool_)
        for position, looks in ended.won.items():
            places = list(point.false[plan.rules[position].name])
            wrong |= (looks[:, places] > 0).any(axis=1)
        number += int(wrong.sum())
    return number


def endings(design: Design, truth: Truth, ending: Ending, trials: int, seed: int) -> int:
    """How many trials of a design as it acts end in a way: by success, for futility or safety."""
    return endings_in(design, [truth], ending, seed, (0, trials))[0]


def endings_in(
    design: Design, truths: Sequence[Truth], ending: Ending, seed: int, span: tuple[int, int]
) -> list[int]:
    """How many of some trials end in a way, by truth; the same participants meet all of them.

    Parameters
    ----------
    span
        Numbers of the first trial, and of the one after the last.
    """
    plan, (start, stop) = Plan.of(design), span
    size, number = block_size(design), [0] * len(truths)
    for first in range(start, stop, size):
        latents = latents_for(design, seed, first, min(size, stop - first))
        for place, truth in enumerate(truths):
            number[place] += int((run_looks(plan, truth, latents).reason == ending).sum())
    return number


def blocks(design: Design, trials: int) -> Iterator[tuple[int, int]]:
    """First trial and number of trials of each block that is simulated at once."""
    size = max(32, 90_000 // design.enrolment.max_n)
    for first in range(0, trials, size):
        yield first, min(size, trials - first)


def simulated(plan: Plan, truth: Truth, trials: int, seed: int) -> Iterator[Block]:
    """The trials of a plan under one truth, block by block."""
    for first, many in blocks(plan.design, trials):
        yield run_block(plan, truth, (), latents_for(plan.design, seed, first, many))


def without(plan: Plan, rules: Collection[str]) -> Plan:
    """A plan in which some rules never hold, and nothing is estimated."""
    never = tuple(rule.never() if rule.name in rules else rule for rule in plan.rules)
    return Plan(plan.design, never, plan.schedule, plan.fitted, ())


def most_events(
    error: float, trials: int, upper: bool, path: str = "calibration.type_one_error"
) -> int:
    """Largest number of trials that an error which is wanted lets be wrong.

    Parameters
    ----------
    upper
        Whether the upper end of the 95% interval has to be at most the error, or the estimate.

    Raises
    ------
    DesignError
        If so few trials cannot show so small an error.
    """
    most = math.floor(error * trials + 1e-9)
    if not upper:
        return most
    while most >= 0 and proportion(most, trials).upper > error:
        most -= 1
    if most < 0:
        needed = math.ceil(Z95**2 * (1.0 - error) / error)
        message = (
            f"found {error:g}, which {trials:,} trials cannot show: without a single error "
            f"among them their upper 95% bound is still "
            f"{proportion(0, trials).upper:.2g}; at least {needed:,} are needed, and many more to "
            f"come near it (--trials, of which ten times as many confirm), or "
            f'confidence = "estimate"'
        )
        raise DesignError([Problem(path, message)])
    return most


def require_shown(
    error: float,
    trials: int,
    confirming: int,
    upper: bool,
    path: str = "calibration.type_one_error",
) -> None:
    """Look, before any trial is simulated, whether so many can show an error that is wanted.

    Parameters
    ----------
    trials, confirming
        Trials that search, and those that confirm where the upper bound is held.
    upper
        As for :func:`most_events`.

    Raises
    ------
    DesignError
        If not even trials without a single error could.
    """
    if upper:
        most_events(error, confirming, upper, path)
    elif error * trials < 1.0 - 1e-9:
        message = (
            f"found {error:g}, which {trials:,} trials cannot show: one error among them is "
            f"{1.0 / trials:.2g} already; at least {math.ceil(1.0 / error - 1e-6):,} are needed "
            f"(--trials)"
        )
        raise DesignError([Problem(path, message)])


def smallest(
    found: Sequence[Floats],
    error: float,
    upper: bool = False,
    path: str = "calibration.type_one_error",
) -> tuple[float, float | None, float | None]:
    """Smallest threshold that at most a fraction ``error`` of the trials of each point reaches.

    Parameters
    ----------
    upper
        Whether the upper 95% bound of that fraction has to be at most the error. It is one although
        these trials choose the threshold: were the true error at it larger, then so many trials or
        fewer would have reached a threshold of the error itself, which has a probability of 2.5%.

    Returns
    -------
    It, between the largest probability that must not count and the next that may.
    """
    must_not = -1.0
    for values in found:
        allowed = most_events(error, len(values), upper, path)
        if allowed < len(values):
            must_not = max(must_not, float(np.sort(values)[::-1][allowed]))
    if must_not < 0.0:
        return 0.0, None, None
    if must_not >= 1.0:
        counts = max(float((values >= must_not).mean()) for values in found)
        raise nothing_keeps(error, counts, 1.0)
    above = np.concatenate([values[values > must_not + TIE] for values in found])
    above = above[above <= 1.0]
    may = float(above.min()) if len(above) else None
    return midway(must_not, 1.0 if may is None else may), must_not, may


def midway(low: float, high: float) -> float:
    """Midway between two probabilities, to ten decimals, or as many more as keep it between.

    So it does not hang on the last bits of either, which differ from processor to processor.
    """
    middle, edge = (low + high) / 2.0, min(EDGE, (high - low) / 4.0)
    for digits in range(DECIMALS, 18):
        value = round(middle, digits)
        if low + edge < value < high - edge:
            return value
    return middle


def nothing_keeps(target: float, error: float, largest: float) -> DesignError:
    """The error to raise where even the largest probability is reached too often."""
    still = four_decimals(error)
    message = (
        f"no threshold keeps a type I error of {target:g} over the null region: at {largest:.6g}, "
        f"the largest that a posterior probability reaches there, it is still {still}; "
        f"ask for a larger type_one_error, a narrower null_region, or fewer other rules for success"
    )
    return DesignError([Problem("calibration.type_one_error", message)])
