"""When participants arrive, in which stratum, and to which arm they are randomised."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from adaptive_cart.records import Floats
from adaptive_cart.streams import Latents, padded

ARRANGEMENTS_KEPT = 200_000


@dataclass(frozen=True)
class Pace:
    """Intensity of enrolment: ``plateau`` a month, reached linearly over ``ramp_months``."""

    plateau: float
    ramp_months: float = 0.0

    def date(self, operational: Floats) -> Floats:
        """Calendar month at which the expected number of arrivals reaches ``operational``.

        The inverse of the cumulative intensity: plateau * t^2 / (2 ramp) up to the ramp's end,
        plateau * (t - ramp / 2) afterwards (Çinlar's time change of a unit-rate Poisson process).
        """
        if self.ramp_months == 0.0:
            return operational / self.plateau
        during = np.sqrt(operational * (2.0 * self.ramp_months / self.plateau))
        after = operational / self.plateau + self.ramp_months / 2.0
        return np.where(during < self.ramp_months, during, after)


def arrival_dates(latents: Latents, pace: Pace, regular: bool, max_n: int) -> Floats:
    """Calendar month of every arrival, ``(trial, participant)``; infinite past ``max_n``.

    Poisson arrivals are a unit-rate process in operational time; regular ones come when their
    expected number is reached.
    """
    width = padded(max_n)
    if regular:
        operational = np.broadcast_to(np.arange(1.0, width + 1.0), (latents.trials, width))
        dates = np.array(pace.date(operational))
    else:
        gaps = np.subtract(1.0, latents.of("arrival"))
        np.log(gaps, out=gaps)
        np.negative(gaps, out=gaps)
        # a running sum along the trial: the order of additions never depends on the block
        dates = pace.date(np.cumsum(gaps, axis=1, out=gaps))
    dates[:, max_n:] = np.inf
    return dates


def strata_of(latents: Latents, shares: tuple[float, ...]) -> npt.NDArray[np.int8] | None:
    """Stratum of every arrival, ``(trial, participant)``; nothing where there is only one."""
    if len(shares) == 1:
        return None
    edges = np.cumsum(shares)[:-1]
    u = latents.of("stratum")
    stratum = np.zeros(u.shape, dtype=np.int8)
    for edge in edges:
        stratum += u >= edge
    return stratum


def smallest_block(allocation: tuple[int, ...]) -> int:
    """Return the smallest block that fits the allocation ratio."""
    return sum(allocation) // math.gcd(*allocation)


@lru_cache(maxsize=64)
def arrangements(allocation: tuple[int, ...], block: int) -> npt.NDArray[np.int8]:
    """All distinct orders of a block, lexicographically, ``(arrangement, slot)``."""
    unit = block // sum(allocation)
    content = [ratio * unit for ratio in allocation]

    def extend(left: list[int], prefix: list[int]) -> Iterator[list[int]]:
        if len(prefix) == block:
            yield prefix
            return
        for arm, number in enumerate(left):
            if number:
                left[arm] -= 1
                yield from extend(left, [*prefix, arm])
                left[arm] += 1

    return np.array(list(extend(content, [])), dtype=np.int8)


def number_of_arrangements(allocation: tuple[int, ...], block: int) -> int:
    """Count the distinct orders of a block."""
    unit = block // sum(allocation)
    number = math.factorial(block)
    for ratio in allocation:
        number //= math.factorial(ratio * unit)
    return number


def permuted_blocks(
    latents: Latents,
    allocation: tuple[int, ...],
    block: int,
    stratum: npt.NDArray[np.int8] | None,
    strata: int,
) -> npt.NDArray[np.int8]:
    """Arm of every participant by permuted blocks within strata, ``(trial, participant)``.

    One uniform a block picks one of its equally likely orders.
    """
    width = latents.participants
    if stratum is None:
        return _list(latents, allocation, block, 0, width)
    arm = np.zeros(stratum.shape, dtype=np.int8)
    for label in range(strata):
        here = stratum == label
        rank = np.cumsum(here, axis=1) - 1
        slots = _list(latents, allocation, block, label, width)
        arm[here] = np.take_along_axis(slots, np.maximum(rank, 0), axis=1)[here]
    return arm


def _list(
    latents: Latents, allocation: tuple[int, ...], block: int, stratum: int, width: int
) -> npt.NDArray[np.int8]:
    """Randomisation list of one stratum, ``(trial, slot)``."""
    blocks = -(-width // block)
    u = latents.of(f"assignment:{stratum}", blocks)
    number = number_of_arrangements(allocation, block)
    if number <= ARRANGEMENTS_KEPT:
        picked = (u[:, :blocks] * number).astype(np.intp)
        slots = arrangements(allocation, block).take(picked, axis=0)
    else:
        slots = _unranked(u[:, :blocks], allocation, block)
    return np.ascontiguousarray(slots.reshape(latents.trials, blocks * block)[:, :width])


def _unranked(u: Floats, allocation: tuple[int, ...], block: int) -> npt.NDArray[np.int8]:
    """Orders of blocks too large to list, slot by slot from the rank's remaining fraction.

    The share of orders that begin with an arm is that arm's share of what is left in the block, so
    the uniform is cut by these shares and stretched again, slot after slot.
    """
    unit = block // sum(allocation)
    left = np.broadcast_to(
        np.array([ratio * unit for ratio in allocation], dtype=np.float64),
        (*u.shape, len(allocation)),
    ).copy()
    rest = u.copy()
    slots = np.empty((*u.shape, block), dtype=np.int8)
    for slot in range(block):
        shares = left / left.sum(axis=-1, keepdims=True)
        upper = np.cumsum(shares, axis=-1)
        arm = np.minimum((rest[..., None] >= upper).sum(axis=-1), len(allocation) - 1)
        # rounding may point past the last arm with places left; take the nearest that has some
        empty = np.take_along_axis(left, arm[..., None], axis=-1)[..., 0] <= 0.0
        arm = np.where(empty, left.argmax(axis=-1), arm)
        share = np.take_along_axis(shares, arm[..., None], axis=-1)[..., 0]
        start = np.take_along_axis(upper, arm[..., None], axis=-1)[..., 0] - share
        rest = np.clip((rest - start) / share, 0.0, np.nextafter(1.0, 0.0))
        np.put_along_axis(
            left, arm[..., None], np.take_along_axis(left, arm[..., None], axis=-1) - 1, axis=-1
        )
        slots[..., slot] = arm
    return slots
