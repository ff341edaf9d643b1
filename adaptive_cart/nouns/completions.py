"""Which completions of a trial are drawn, and the numbers that they are drawn with.

A completion takes one draw of the posterior and, given it, what will be seen. Draws of parameters
are those of :mod:`adaptive_cart.models.draws`, in their order, so that the first 128 of them are
already spread evenly; numbers to come have a scrambled Sobol sequence of their own, and single
participants plain uniforms. All are the same for every table, look and trial: what is predicted
depends on a trial's own data alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.records import Floats, Integers

Number = TypeVar("Number", np.float64, np.int64)
LOG_DRAWS: Final = 12
DRAWS: Final = 2**LOG_DRAWS  # of a posterior; so many completions there are at most
SEED: Final = 2006
OWN: Final = 64  # first axis that is not one of a posterior's draws: equal axes move together
MOST_STEPS: Final = 500.0  # of a mean that is counted up to


@dataclass(frozen=True)
class Completions:
    """Some of the completions of a trial, in their order.

    Attributes
    ----------
    first, number
        Which ones.
    stream
        Position of the endpoint: posteriors of different endpoints are independent.
    """

    first: int
    number: int
    stream: int = 0

    def of(self, draws: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """The draws of a parameter that belong to them, ``(…, draw)`` to ``(…, completion)``."""
        return draws[..., _order(self.stream)[self.first : self.first + self.number]]

    def even(self, axes: int) -> Floats:
        """Uniforms that are spread evenly, ``(axis, completion)``."""
        return _even(axes, self.stream)[:, self.first : self.first + self.number]

    def plain(self, columns: int, purpose: int = 0) -> Floats:
        """A uniform of each participant, ``(completion, participant)``; the same in any company."""
        drawn = np.random.default_rng([SEED, self.stream, purpose, self.first])
        return drawn.random((columns, self.number)).T


@dataclass(frozen=True)
class PlainCompletions(Completions):
    """Completions of a Markov chain's draws, with uniforms that owe nothing to other completions.

    Attributes
    ----------
    seed
        Of the uniforms.
    """

    seed: int = 0

    def of(self, draws: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """The draws, which are as many as there are completions."""
        return draws

    def even(self, axes: int) -> Floats:
        """Uniforms, ``(axis, completion)``."""
        return self.generator(0).random((axes, self.number))

    def plain(self, columns: int, purpose: int = 0) -> Floats:
        """Uniforms of each participant, ``(completion, participant)``."""
        return self.generator(1 + purpose).random((self.number, columns))

    def generator(self, purpose: int) -> np.random.Generator:
        """Random numbers of one purpose."""
        return np.random.default_rng([self.seed, self.stream, self.first, purpose])


@lru_cache(maxsize=16)
def _order(stream: int) -> npt.NDArray[np.intp]:
    if stream == 0:
        return np.arange(DRAWS)
    return np.random.default_rng([SEED, stream]).permutation(DRAWS)


@lru_cache(maxsize=32)
def _even(axes: int, stream: int) -> Floats:
    from scipy.stats import qmc  # slow to import

    drawn = qmc.Sobol(OWN + axes, rng=np.random.default_rng([SEED, 1, stream]))
    # in an order of each endpoint's own: points of two scrambled sequences share their first digits
    points: Floats = drawn.random_base2(LOG_DRAWS).T[OWN:, _order(stream)]
    return np.clip(points, 0.5 / DRAWS / DRAWS, 1.0 - 0.5 / DRAWS / DRAWS)


def binomial(uniform: Floats, number: Integers, chance: Floats) -> Integers:
    """How many of a number respond: the smallest count whose probability reaches the uniform."""
    shape = np.broadcast_shapes(uniform.shape, number.shape, chance.shape)
    many = np.broadcast_to(number, shape)
    often = np.broadcast_to(chance > 0.5, shape)
    rare = np.where(often, 1.0 - chance, chance)
    left = np.where(often, 1.0 - uniform, uniform)  # the others are counted
    with np.errstate(divide="ignore", invalid="ignore"):
        mass = np.exp(many * np.log1p(-rare))
        odds = rare / (1.0 - rare)
    count, reached = np.zeros(shape, dtype=np.int64), mass.copy()
    for step in range(1, int(many.max(initial=0)) + 1):
        more = (left > reached) & (count < many)
        if not more.any():
            break
        mass = mass * odds * np.maximum(many - step + 1, 0) / step
        count += more
        reached = np.where(more, reached + mass, reached)
    return np.where(often, many - count, count)


def poisson(uniform: Floats, mean: Floats) -> Integers:
    """How many events there are: the smallest count whose probability reaches the uniform."""
    from scipy import special  # slow to import

    uniform, mean = np.broadcast_arrays(uniform, mean)
    found = np.ceil(special.pdtrik(uniform, np.maximum(mean, 1e-300)))
    few = mean < MOST_STEPS
    mass = np.exp(-np.where(few, mean, 0.0))
    count, reached = np.zeros(mean.shape, dtype=np.int64), mass.copy()
    step = 0
    while (more := few & (uniform > reached)).any() and step < 4 * MOST_STEPS:
        step += 1
        mass = mass * mean / step
        count += more
        reached = np.where(more, reached + mass, reached)
    return np.where(few, count, np.nan_to_num(np.maximum(found, 0.0))).astype(np.int64)
