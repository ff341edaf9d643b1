"""To which arm an arrival goes: permuted blocks within strata, or response-adaptive shares."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from adaptive_cart.design.randomisation import reduced
from adaptive_cart.nouns.counters import Labels, narrow
from adaptive_cart.nouns.records import Booleans, Floats, Integers, any_of
from adaptive_cart.nouns.streams import Latents

ARRANGEMENTS_KEPT = 200_000
AT_ONCE = 2**16  # uniforms that are gone over together


# ── permuted blocks ───────────────────────────────────────────────────────────────────────────
def randomisation_list(
    latents: Latents, allocation: tuple[int, ...], block: int, stratum: int | str, slots: int
) -> Labels:
    """Randomisation list of one stratum, ``(trial, slot)``: one uniform a block picks its order."""
    ratio = reduced(allocation)
    blocks = -(-slots // block)
    u = latents.of(f"assignment:{stratum}", blocks)[:, :blocks]
    number = number_of_arrangements(ratio, block)
    if number <= ARRANGEMENTS_KEPT:
        orders = arrangements(ratio, block).take((u * number).astype(np.intp), axis=0)
    else:
        orders = _unranked(u, ratio, block)
    return np.ascontiguousarray(orders.reshape(latents.trials, blocks * block))


@lru_cache(maxsize=64)
def arrangements(allocation: tuple[int, ...], block: int) -> Labels:
    """All distinct orders of a block, lexicographically, ``(arrangement, slot)``."""
    unit = block // sum(allocation)

    def extend(left: list[int], prefix: list[int]) -> Iterator[list[int]]:
        if len(prefix) == block:
            yield prefix
            return
        for arm, number in enumerate(left):
            if number:
                left[arm] -= 1
                yield from extend(left, [*prefix, arm])
                left[arm] += 1

    return np.array(
        list(extend([ratio * unit for ratio in allocation], [])), dtype=narrow(len(allocation))
    )


def number_of_arrangements(allocation: tuple[int, ...], block: int) -> int:
    """Count the distinct orders of a block."""
    unit = block // sum(allocation)
    number = math.factorial(block)
    for ratio in allocation:
        number //= math.factorial(ratio * unit)
    return number


def _unranked(u: Floats, allocation: tuple[int, ...], block: int) -> Labels:
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
    slots = np.empty((*u.shape, block), dtype=narrow(len(allocation)))
    for slot in range(block):
        shares = left / left.sum(axis=-1, keepdims=True)
        upper = np.cumsum(shares, axis=-1)
        arm = np.minimum((rest[..., None] >= upper).sum(axis=-1), len(allocation) - 1)
        # rounding may point at an arm without places left; take the one with most
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


def next_slots(slots: Labels, first: Integers, open_arms: Booleans) -> Integers:
    """Slots of a randomisation list that are still to be used, in order.

    Parameters
    ----------
    slots
        ``(trial, slot)`` arms of the list.
    first
        ``(trial,)`` first slot that nobody has taken.
    open_arms
        ``(trial, arm)``; slots of other arms are skipped.

    Returns
    -------
    (trial, slot): the usable slots first, in order; what comes after them is not usable.
    """
    usable = np.take_along_axis(open_arms, slots.astype(np.intp), axis=1)
    usable &= np.arange(slots.shape[1]) >= first[:, None]
    order: Integers = np.argsort(~usable, axis=1, kind="stable")
    return order


# ── response-adaptive shares ──────────────────────────────────────────────────────────────────
def equal_shares(open_arms: Booleans) -> Floats:
    """Equal shares of the open arms, ``(trial, arm)``."""
    shares: Floats = open_arms / np.maximum(open_arms.sum(axis=1, keepdims=True), 1)
    return shares


def shares_of_open(shares: Floats, open_arms: Booleans, control: float | None) -> Floats:
    """Shares in force when arms close between looks, ``(trial, arm)``.

    What the closed arms had goes to the open ones in proportion; a fixed control share stays.
    """
    left = np.where(open_arms, shares, 0.0)
    movable, room = open_arms.copy(), 1.0
    if control is not None:
        movable[:, 0], room = False, 1.0 - control
    held = np.where(movable, left, 0.0)
    total = held.sum(axis=1, keepdims=True)
    even = movable / np.maximum(movable.sum(axis=1, keepdims=True), 1)
    scaled: Floats = room * np.where(total > 0.0, held / np.where(total > 0.0, total, 1.0), even)
    if control is not None:
        scaled[:, 0] = control
    return scaled


def adaptive_shares(
    best: Floats,
    open_arms: Booleans,
    power: float,
    minimum: float,
    control: float | None,
    controls: int = 1,
) -> Floats:
    """Shares of the arms from the probabilities that each is the best, ``(trial, arm)``.

    Parameters
    ----------
    best
        ``(trial, arm)`` P(the arm is the best of the open experimental arms); the control's and
        closed arms' entries are ignored.
    control
        Fixed share of the control; nothing to match the largest experimental share.
    controls
        How many of the first arms are the control: 0 where none is.

    Notes
    -----
    Weights best^power become shares; a share below ``minimum`` is raised to it and the others are
    scaled to make room, until none is below (Viele et al. 2020, Clin Trials 17:52, discuss both the
    power and the matched control).
    """
    experimental = open_arms.copy()
    experimental[:, :controls] = False
    weights = np.where(experimental, np.power(np.where(experimental, best, 1.0), power), 0.0)
    if control is None:
        weights[:, :controls] = weights.max(axis=1, keepdims=True)
        movable, room = open_arms, 1.0
    else:
        movable, room = experimental, 1.0 - control
    total = weights.sum(axis=1, keepdims=True)
    even = movable / np.maximum(movable.sum(axis=1, keepdims=True), 1)
    shares = room * np.where(total > 0.0, weights / np.where(total > 0.0, total, 1.0), even)
    shares = shares_kept_above(shares, movable, minimum, room)
    if control is not None:
        shares[:, 0] = control
    # nobody but the control is left: the trial has ended, and the share is never used
    return shares


def shares_kept_above(shares: Floats, movable: Booleans, minimum: float, room: float) -> Floats:
    """Shares of which those below a least one are raised to it, and the others make room for that.

    Parameters
    ----------
    shares, movable
        ``(trial, arm)``, and which of them may move.
    room
        What those that may move come to together.
    """
    raised = np.zeros_like(movable)
    for _ in range(movable.shape[1]):
        low = movable & ~raised & (shares < minimum)
        if not low.any():
            break
        raised |= low
        free = movable & ~raised
        left = room - minimum * raised.sum(axis=1, keepdims=True)
        held = np.where(free, shares, 0.0).sum(axis=1, keepdims=True)
        scaled = np.where(free, shares * left / np.where(held > 0.0, held, 1.0), 0.0)
        # trials with nothing to raise stay as they are to the last bit
        touched = any_of(low)[:, None]
        shares = np.where(touched, np.where(raised, minimum, scaled), shares)
    return shares


def drawn_arms(u: Floats, shares: Floats) -> Labels:
    """Independent draws from the shares in force, ``(trial, participant)``."""
    trials, arms = shares.shape
    kind = narrow(arms)
    upper = np.cumsum(shares, axis=1)
    # rounding of the last edges must not reach past the last arm with a share
    last = (arms - 1 - np.argmax(shares[:, ::-1] > 0.0, axis=1)).astype(kind)
    found = np.zeros(u.shape, dtype=kind)
    some = max(1, AT_ONCE // max(u.shape[1], 1))
    for start in range(0, trials, some):  # some trials at a time, to stay in cache
        own = slice(start, start + some)
        mine, arm, edges = u[own], found[own], upper[own]
        for edge in range(arms - 1):
            arm += (mine >= edges[:, edge, None]).view(np.int8)
        np.minimum(arm, last[own, None], out=arm)
    return found
