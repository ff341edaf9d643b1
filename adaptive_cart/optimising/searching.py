"""The search: what is known of the designs judged so far foretells the next one worth judging.

A radial basis surface (SciPy's ``RBFInterpolator``) is laid through the aim and through each
constraint of all designs judged so far. Many candidates are drawn, near the best one and
everywhere; of those foretold to meet the constraints the one is judged next that is foretold to
need least, weighed against how far it lies from all that is known: the stochastic method of Regis
and Shoemaker (2007, INFORMS J Comput 19:497), with constraints as in Regis (2011, Comput Oper Res
38:837). It begins with the design as written, where that is free
to be so, and a Sobol sequence. The surface is laid over what a design is, and not over
how it was drawn: looks as shares of the last one, those that a design has not at 1, where a look
coincides with the last. Where no more designs are free than may be judged, all of them are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.records import Floats
from adaptive_cart.optimising.evaluating import Evaluation
from adaptive_cart.optimising.freeing import FREE, Candidate, Space
from adaptive_cart.optimising.wanted import Wanted

NO_DESIGN = 1.0  # how far from met each constraint of what cannot be calibrated counts
FIRST = 0.25  # share of the designs that the Sobol sequence has, at most
PER_DIMENSION = 4  # and so many a coordinate
DRAWN = 600  # candidates of which one is judged, half of them near the best design
NEAR = (0.2, 0.1, 0.05, 0.02)  # standard deviations of those, in turn
WEIGHTS = (0.5, 0.8, 0.95, 1.0)  # of what is foretold, against the distance, in turn
SMOOTH = 1e-3  # of a surface, whose values have standard deviation 1: counts go in steps
STALE = 50  # draws in a row of which all designs are known: there is nothing new
LARGE = 3.0  # how far from met a constraint counts at most, so that the surface keeps its detail


@dataclass(frozen=True)
class Judged:
    """A candidate and what it has; nothing where it could not be calibrated."""

    candidate: Candidate
    evaluation: Evaluation | None

    def lacks(self, wanted: Wanted) -> list[float]:
        """By constraint, how far from met it is."""
        if self.evaluation is None:
            return [NO_DESIGN] * (1 + len(wanted.power))
        return self.evaluation.lacks(wanted)

    def cost(self, wanted: Wanted) -> float:
        """What is to be little."""
        return math.inf if self.evaluation is None else self.evaluation.average[wanted.aim].estimate

    def order(self, wanted: Wanted) -> tuple[float, float]:
        """The smaller the better: how far from met, then the cost."""
        lack = sum(max(one, 0.0) for one in self.lacks(wanted))
        return (lack if lack > 1e-12 else 0.0, self.cost(wanted))


def search(
    space: Space,
    judge: Callable[[Candidate], Judged],
    wanted: Wanted,
    allowed: int,
    seed: int,
) -> list[Judged]:
    """Judge up to so many different candidates, those that promise most.

    Returns
    -------
    All of them, in the order in which they were judged.
    """
    found = _Found(space, judge, wanted)
    if space.number <= allowed:
        for at in space.all():
            found.add(at)
        if not found.judged:
            raise no_designs(space)
        return found.judged
    from scipy.stats import qmc

    written = space.written()
    if written is not None:
        found.add(written)
    rng = np.random.default_rng(seed)
    first = min(max(int(allowed * FIRST), 5), 2 + PER_DIMENSION * space.dimensions)
    for at in qmc.Sobol(space.dimensions, rng=rng).random(2 ** math.ceil(math.log2(first))):
        if len(found.judged) < first:
            found.add([float(place) for place in at])
    if not found.judged:  # every start is no design: look for one anywhere
        for at in rng.random((DRAWN, space.dimensions)):
            if not found.judged:
                found.add([float(place) for place in at])
    if not found.judged:
        raise no_designs(space)
    stale = turn = 0
    while len(found.judged) < allowed and stale < STALE:
        before = len(found.judged)
        point = found.next(rng, turn)
        if point is not None:
            found.add([float(place) for place in point])
        stale, turn = (stale + 1 if len(found.judged) == before else 0), turn + 1
    return found.judged


def no_designs(space: Space) -> DesignError:
    """The error to raise where no combination of what is free is a design."""
    told = "; ".join(f"{number} times: {message}" for message, number in space.refused.items())
    free = "; ".join(
        [f.words() for f in space.freed] + ([space.looks.words()] if space.looks else [])
    )
    message = f"no combination of {free} is a design ({told}); free other values, or fewer keys"
    return DesignError([Problem(FREE, message)])


class _Found:
    """The designs judged so far, and what they foretell."""

    def __init__(self, space: Space, judge: Callable[[Candidate], Judged], wanted: Wanted) -> None:
        self.space, self.judge, self.wanted = space, judge, wanted
        self.judged: list[Judged] = []
        self.at: list[Sequence[float]] = []
        self.features: list[Floats] = []
        self.known: set[str] = set()

    def add(self, at: Sequence[float]) -> None:
        """Judge the design at a point, if it is one, and not known."""
        candidate = self.space.candidate(at)
        if candidate is None or candidate.digest in self.known:
            return
        self.known.add(candidate.digest)
        self.judged.append(self.judge(candidate))
        self.at.append(at)
        self.features.append(self.space.features(at))

    def next(self, rng: np.random.Generator, turn: int) -> Floats | None:
        """The point worth judging next; nothing where all that were drawn are known.

        Parameters
        ----------
        turn
            How often this was asked before.
        """
        drawn = self._drawn(rng, NEAR[turn % len(NEAR)])
        features = np.array([self.space.features(at) for at in drawn])
        own = np.array(self.features)
        distance = np.sqrt(((features[:, None] - own[None]) ** 2).sum(axis=2)).min(axis=1)
        foretold = self._foretold(own, features)
        lack = np.maximum(foretold[:, 1:], 0.0).sum(axis=1)
        weight = WEIGHTS[turn % len(WEIGHTS)]
        score = weight * _scaled(foretold[:, 0]) - (1.0 - weight) * _scaled(distance)
        for place in np.lexsort((score, np.round(lack, 3))):
            candidate = self.space.candidate(drawn[place])
            if candidate is not None and candidate.digest not in self.known:
                return np.asarray(drawn[place])
        return None

    def _drawn(self, rng: np.random.Generator, near: float) -> Floats:
        """Points everywhere, and points near the best one: each moved in some coordinates."""
        many, half = self.space.dimensions, DRAWN // 2
        if not self.judged:
            return rng.random((DRAWN, many))
        best = min(range(len(self.at)), key=lambda k: self.judged[k].order(self.wanted))
        moved = rng.random((half, many)) < max(min(3.0 / many, 1.0), 1.0 / many)
        moved[np.arange(half), rng.integers(many, size=half)] = True
        steps = rng.normal(0.0, near, (half, many)) * moved
        around = np.abs(np.asarray(self.at[best]) + steps)  # reflected at the edges
        around = np.clip(1.0 - np.abs(1.0 - around), 0.0, 1.0)
        return np.concatenate([rng.random((half, many)), around])

    def _foretold(self, own: Floats, features: Floats) -> Floats:
        """The aim and each constraint of points not judged, ``(point, what)``."""
        from scipy.interpolate import RBFInterpolator

        told = [one for one in self.judged if one.evaluation is not None]
        dearest = max((one.cost(self.wanted) for one in told), default=1.0)
        values = np.array(
            [[min(one.cost(self.wanted), dearest), *one.lacks(self.wanted)] for one in self.judged]
        )
        values[:, 1:] = np.clip(values[:, 1:], -LARGE, LARGE)
        middle, spread = values.mean(axis=0), values.std(axis=0)
        spread[spread == 0.0] = 1.0
        kernel: Any = {"kernel": "cubic", "degree": 1} if len(own) > own.shape[1] + 2 else {
            "kernel": "linear", "degree": 0,
        }  # fmt: skip
        try:
            surface = RBFInterpolator(own, (values - middle) / spread, smoothing=SMOOTH, **kernel)
        except np.linalg.LinAlgError:  # all that is known lies in one plane
            surface = RBFInterpolator(
                own, (values - middle) / spread, smoothing=SMOOTH, kernel="linear", degree=0
            )
        return np.asarray(surface(features)) * spread + middle


def _scaled(values: Floats) -> Floats:
    """From 0, the least, to 1, the largest."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
