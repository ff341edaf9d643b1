"""The posterior of an average over strata, through its characteristic function.

Given a node of the shared parameters strata are independent, so that the characteristic function of
a weighted sum of their risks is a product over strata. It is inverted by Gil-Pelaez (1951,
Biometrika 38:481) with frequencies in equal steps, whose number the posterior's width decides.
"""

from __future__ import annotations

import functools
import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.strata.strata_lattice import Block, Real, chunks

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

SPAN: Final = 7.0  # standard deviations of the average that a period holds beyond the threshold
BEYOND: Final = 12.0  # standard deviations from which on a threshold is out of reach
FREQUENCIES: Final = (10, 12, 16, 24, 48, 96, 192)
BLIND: Final = 3.0  # radians in a posterior standard deviation: what turns slower has not decayed
UNSEEN: Final = 2e-2  # probability of what has not decayed that is neglected
STEEP_REACH: Final = 3.0  # posterior standard deviations within which a risk may turn fast
FINER: Final = np.array([2, 3, 4, 6, 8, 12, 16, 24, 32])  # refinements of a lattice that turns fast
FILTER_REACH: Final = 8  # lattice points that a finer point is interpolated from, to either side
FILTER_WIDTH: Final = 3.2


def several_strata(
    block: Block,
    rows: Integers,
    scale: Floats,
    faint: Booleans,
    coefficient: Floats,
    value: float,
    mean: Floats,
    square: Floats,
    answer: Floats,
) -> None:
    """Write the probability that a weighted sum of risks exceeds a value into ``answer``.

    Parameters
    ----------
    rows
        Tables of the block that are asked about.
    scale, faint
        Largest likelihood of each stratum, ``(table, stratum)``, and whether double precision is
        needed, ``(table,)``; of the whole block.
    coefficient
        ``(row, arm, stratum)``.
    mean, square
        Of the risks, ``(row, arm, stratum)``, and of their products, for a scale.
    """
    # location and scale of the quantity asked about
    centre, sds = centre_and_sds(coefficient, mean, square)
    sd = np.sqrt(0.75 * (sds**2).sum(axis=-1) + 0.25 * sds.sum(axis=-1) ** 2)
    away = (value - centre) / sd
    near = np.clip(away, -BEYOND, BEYOND)
    base = 2.0 * math.pi / ((np.abs(near) + SPAN) * sd)
    at_value = (centre + near * sd) * base
    needed = frequencies(block.mean[rows], block.sd[rows], coefficient, base)
    low = faint[rows]
    kind = np.stack([needed, refinement(block, rows, coefficient, base, needed), low], axis=1)
    kind[np.abs(away) > BEYOND] = -1
    classes, member = np.unique(kind, axis=0, return_inverse=True)
    for which, (number, finer, wide) in enumerate(classes.tolist()):
        if number < 0:
            continue
        at = np.flatnonzero(member == which)
        real = np.float64 if wide else np.float32
        each = mean.shape[2] * block.columns
        each *= max(block.rows * number, block.nodes.weight[0].size, 2 * finer * number)
        for part in chunks(at.size, each):
            here = at[part]
            r = rows[here]
            answer[block.tables[r]] = above(
                block.take(r),
                scale[r],
                real,
                number,
                finer,
                coefficient[here] * base[here, None, None],
                at_value[here],
            )
    out = np.abs(away) > BEYOND
    answer[block.tables[rows[out]]] = away[out] < 0.0


def centre_and_sds(coefficient: Floats, mean: Floats, square: Floats) -> tuple[Floats, Floats]:
    """Posterior mean of a weighted sum of risks, and the sd of each stratum's part of it.

    Parameters
    ----------
    coefficient, mean, square
        As for ``several_strata``.

    Returns
    -------
    ``(row,)`` and ``(row, stratum)``.
    """
    centre = (coefficient * mean).sum(axis=(1, 2))
    within = (coefficient**2 * square[:, :2]).sum(axis=1)
    within += 2.0 * coefficient[:, 0] * coefficient[:, 1] * square[:, 2]
    within -= (coefficient * mean).sum(axis=1) ** 2
    return centre, np.sqrt(np.maximum(within, 0.0))


def frequencies(mean: Floats, sd: Floats, coefficient: Floats, base: Floats) -> Integers:
    """How many frequencies of the characteristic function a table needs, ``(table,)``."""
    needed = np.full(base.shape, FREQUENCIES[-1])
    for number in FREQUENCIES[-2::-1]:
        # where a proportion p turns slower than BLIND radians a posterior sd, p (1 - p) is below
        with np.errstate(divide="ignore", over="ignore"):
            slow = BLIND / ((number - 0.5) * base[:, None, None] * np.abs(coefficient) * sd)
        edge = 0.5 - np.sqrt(np.maximum(0.25 - slow, 0.0))
        edge = special.logit(np.maximum(edge, 1e-300))
        share = special.ndtr((edge - mean) / sd) + special.ndtr((edge + mean) / sd)
        unseen = np.minimum(share, 1.0).prod(axis=(1, 2))
        needed = np.where(unseen < UNSEEN, number, needed)
    return needed


def refinement(
    block: Block, rows: Integers, coefficient: Floats, base: Floats, number: Integers
) -> Integers:
    """By how much a lattice must be refined for the fastest of its frequencies, ``(row,)``."""
    mean, sd = block.mean[rows], block.sd[rows]
    steepest = np.maximum(np.abs(mean) - STEEP_REACH * sd, 0.0)
    chance = special.expit(steepest)
    turn = np.abs(coefficient) * (chance * (1.0 - chance) * block.step[rows, None])
    turn = turn.max(axis=(1, 2)) * (number * base)
    needed = (turn + math.pi + 0.6) / (2.0 * math.pi)
    return np.where(
        turn < 2.3, 1, FINER[np.minimum(np.searchsorted(FINER, needed), FINER.size - 1)]
    )


def above(
    block: Block,
    scale: Floats,
    real: Real,
    number: int,
    finer: int,
    rate_of: Floats,
    at_value: Floats,
) -> Floats:
    """Probability that the weighted sum exceeds the value, of tables treated alike, ``(table,)``.

    Parameters
    ----------
    number, finer
        Frequencies, and the refinement of the lattice.
    rate_of
        ``(table, arm, stratum)`` radians of a risk at the lowest frequency.
    at_value
        ``(table,)`` radians of the value.
    """
    columns = block.columns
    by_control, by_effect = block.kernels(real)
    by_control /= scale.astype(real)[..., None, None]
    turn_0 = turns(block.control, block.step, rate_of[:, 0], real, number, finer)
    turn_1 = turns(block.experimental, block.step, rate_of[:, 1], real, number, finer)
    turn_1 *= block.likelihood[..., None].astype(real)
    tables, strata = scale.shape
    outer, inner = block.nodes.weight.shape[1:]
    waves_each = turn_0.shape[-1]
    width = columns * waves_each
    # (row, column, frequency) as a view of (row + column, frequency)
    window = np.lib.stride_tricks.as_strided(
        turn_1, (tables, strata, block.rows, width), turn_1.strides, writeable=False
    )
    turned = np.repeat(turn_0, columns, axis=2).reshape(window.shape)
    turned *= window
    profile = by_control @ turned.view(real)
    profile = profile.reshape(tables, strata, -1, columns, 2 * waves_each)
    wave = (by_effect @ profile).reshape(tables, strata, outer * inner, 2 * waves_each)
    wave = wave.view(turn_0.dtype)
    product = wave[:, 0]
    for s in range(1, strata):
        product = product * wave[:, s]
    weight: npt.NDArray[Any] = block.nodes.weight.reshape(tables, 1, -1).astype(real)
    wave = (weight @ product.view(real)).view(turn_0.dtype)[:, 0].astype(np.complex128)
    order = np.arange(number) + 0.5
    back = np.exp(-1j * at_value[:, None] * order)
    back *= wave[:, 1:]
    back /= wave[:, :1].real
    found: Floats = 0.5 + (back.imag / order).sum(axis=-1) / math.pi
    return found


def turns(logit: Floats, step: Floats, rate: Floats, real: Real, number: int, finer: int) -> Any:
    """Characteristic exponentials of a risk, ``(table, stratum, point, 1 + number)``.

    The first is that of frequency nought; the others are at odd multiples of half the rate. They
    are powers of one another. On a lattice that turns fast they are worked out between its points
    too, and filtered to it.
    """
    points = logit.shape[-1]
    reach = FILTER_REACH if finer > 1 else 0
    fine = np.arange((points - 1 + 2 * reach) * finer + 1) / finer - reach
    angle = logit[..., :1] + step[..., None] * fine
    np.negative(angle, out=angle)
    np.exp(angle, out=angle)
    angle += 1.0
    np.divide(0.5 * rate[..., None], angle, out=angle)
    # whole turns off before the precision goes down
    angle -= 2.0 * math.pi * np.rint(angle / (2.0 * math.pi))
    angle = angle.astype(real)
    once = np.empty(angle.shape, np.result_type(real, np.complex64))
    np.cos(angle, out=once.real)
    np.sin(angle, out=once.imag)
    turn = np.empty((*once.shape[:-1], number + 1, once.shape[-1]), once.dtype)
    turn[..., 0, :] = 1.0
    turn[..., 1, :] = once
    once *= once
    done = 1
    while done < number:
        more = min(done, number - done)
        np.multiply(
            turn[..., 1 : 1 + more, :],
            once[..., None, :],
            out=turn[..., 1 + done : 1 + done + more, :],
        )
        once *= once
        done += more
    turn = np.ascontiguousarray(turn.swapaxes(-1, -2))
    if finer == 1:
        return turn
    return (band(points, finer).astype(real) @ turn.view(real)).view(turn.dtype)


@functools.lru_cache(maxsize=256)
def band(points: int, finer: int) -> Floats:
    """(point, finer point) weights."""
    fine = np.arange((points - 1 + 2 * FILTER_REACH) * finer + 1) / finer - FILTER_REACH
    distance = fine - np.arange(points)[:, None]
    weight: Floats = np.sinc(distance) * np.exp(-((distance / FILTER_WIDTH) ** 2))
    weight[np.abs(distance) > FILTER_REACH] = 0.0
    weight /= weight.sum(axis=1, keepdims=True)
    return weight
