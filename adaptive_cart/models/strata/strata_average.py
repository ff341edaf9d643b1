"""The posterior of an average over strata, through its characteristic function.

Given a node of the shared parameters strata are independent, so that the characteristic function of
a weighted sum of their risks is a product over strata. It is inverted by Gil-Pelaez (1951,
Biometrika 38:481) with frequencies in equal steps, whose number the posterior's width decides.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.models.strata.strata_lattice import Block, chunks
from adaptive_cart.models.strata.strata_turns import product, profiles, turns
from adaptive_cart.nouns.records import Floats, Integers

SPAN: Final = 7.0  # standard deviations of the average that a period holds beyond the threshold
BEYOND: Final = 12.0  # standard deviations from which on a threshold is out of reach
FREQUENCIES: Final = (10, 12, 16, 24, 48, 96, 192)
BLIND: Final = 3.0  # radians in a posterior standard deviation: what turns slower has not decayed
UNSEEN: Final = 2e-2  # probability of what has not decayed that is neglected
STEEP_REACH: Final = 3.0  # posterior standard deviations within which a risk may turn fast
FINER: Final = np.array([2, 3, 4, 6, 8, 12, 16, 24, 32])  # refinements of a lattice that turns fast


def several_strata(
    block: Block,
    rows: Integers,
    scale: Floats,
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
    scale
        Largest likelihood of each stratum, ``(table, stratum)``, of the whole block.
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
    kind = np.stack([needed, refinement(block, rows, coefficient, base, needed)], axis=1)
    kind[np.abs(away) > BEYOND] = -1
    classes, member = np.unique(kind, axis=0, return_inverse=True)
    for which, (number, finer) in enumerate(classes.tolist()):
        if number < 0:
            continue
        at = np.flatnonzero(member == which)
        each = mean.shape[2] * block.columns
        each *= block.nodes.weight[0].size
        for part in chunks(at.size, each):
            here = at[part]
            r = rows[here]
            answer[block.tables[r]] = above(
                block.take(r),
                scale[r],
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
    left = np.arange(base.size)
    for number in FREQUENCIES[:-1]:  # what suffices is not asked about more
        # where a proportion p turns slower than BLIND radians a posterior sd, p (1 - p) is below
        with np.errstate(divide="ignore", over="ignore"):
            turn = (number - 0.5) * base[left, None, None] * np.abs(coefficient[left])
            slow = BLIND / (turn * sd[left])
        edge = 0.5 - np.sqrt(np.maximum(0.25 - slow, 0.0))
        edge = special.logit(np.maximum(edge, 1e-300))
        share = special.ndtr((edge - mean[left]) / sd[left])
        share += special.ndtr((edge + mean[left]) / sd[left])
        enough = np.minimum(share, 1.0).prod(axis=(1, 2)) < UNSEEN
        needed[left[enough]] = number
        left = left[~enough]
        if not left.size:
            break
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
    rows, columns, lattice = block.rows, block.columns, block.lattice
    by_control, by_effect = block.kernels()
    by_control /= scale[..., None, None]
    of_control = turns(lattice.control, lattice.step, rows, rate_of[:, 0], number, finer)
    of_experimental = turns(
        lattice.control + lattice.effect,
        lattice.step,
        rows + columns - 1,
        rate_of[:, 1],
        number,
        finer,
    )
    of_experimental *= block.experimental.likelihood[:, :, None]
    profile = profiles(by_control, of_control, of_experimental)
    wave = product(profile @ by_effect.transpose(0, 1, 3, 2, 4), block.nodes.weight)
    real, imaginary = wave[:, : number + 1], wave[:, number + 1 :]
    order = np.arange(number) + 0.5
    back = at_value[:, None] * order
    # the imaginary part of the wave turned back
    wave = imaginary[:, 1:] * np.cos(back) - real[:, 1:] * np.sin(back)
    wave /= real[:, :1] * order
    found: Floats = 0.5 + wave.sum(axis=-1) / math.pi
    return found
