"""Conditional priors of one logit on a lattice, at every node of the shared parameters.

From one point of a lattice to the next a normal density is multiplied by a factor, and the factor
by another that stays: of a stretch of points only the first is an exponential. A kernel narrower
than the lattice is widened to what the lattice resolves, and the variance that was added is taken
back by a polynomial.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from adaptive_cart.models.strata.strata_loops import LOOPS
from adaptive_cart.nouns.records import Floats

NARROWEST: Final = 0.85  # lattice steps: a kernel with a smaller sd is widened
STRETCH: Final = 16  # points of a lattice that an exponential is followed for
# a density that is not nought at the beginning of a stretch falls or rises no faster
STEEPEST: Final = 46.0


def normal_kernel(first: Floats, step: Floats, number: int, centre: Floats, sd: Floats) -> Floats:
    """Normal density of lattice points about centres, ``(table, stratum, point, centre)``.

    Parameters
    ----------
    first, step, number
        ``(table, stratum)`` where a lattice begins and its step; how many points it has.
    centre, sd
        ``(table, centre)`` and ``(table, centre or 1)``, of all strata the same.
    """
    centres = centre.shape[1]
    if sd.shape[1] != centres:
        sd = np.repeat(sd, centres, axis=1)
    where = first, step, centre, sd, NARROWEST * step
    seeds, fill = LOOPS.compiled[:2] if LOOPS.used else (_seeds, _fill)
    seed = np.empty((*step.shape, 2 * -(-number // STRETCH) + 1, centres))
    seeds(*where, STRETCH, STEEPEST, seed)
    np.exp(seed, out=seed)
    found = np.empty((*step.shape, number, centres))
    fill(seed, *where, STRETCH, found)
    return found


def _seeds(
    first: Floats,
    step: Floats,
    centre: Floats,
    sd: Floats,
    least: Floats,
    stretch: int,
    steepest: float,
    found: Floats,
) -> None:
    """What :func:`strata_loops.seeds` fills in, over arrays."""
    number = found.shape[2] // 2
    each = step[..., None]
    share = each / np.maximum(sd[:, None], least[..., None])
    bend = -(share * share)
    found[:, :, 2 * number] = bend
    for part in range(number):
        away = (first[..., None] - centre[:, None]) / each + float(stretch * part)
        slope = bend * away
        found[:, :, part] = 0.5 * (slope * away)
        np.clip(slope + 0.5 * bend, -steepest, steepest, out=found[:, :, number + part])


def _fill(
    seed: Floats,
    first: Floats,
    step: Floats,
    centre: Floats,
    sd: Floats,
    least: Floats,
    stretch: int,
    found: Floats,
) -> None:
    """What :func:`strata_loops.fill` fills in, over arrays."""
    number, points = seed.shape[2] // 2, found.shape[2]
    per = 1.0 / np.maximum(sd[:, None], least[..., None])
    bend = seed[:, :, 2 * number]
    for point in range(points):
        at, on = divmod(point, stretch)
        if on == 0:
            np.multiply(seed[:, :, at], per, out=found[:, :, point])
            factor = seed[:, :, number + at].copy()
        else:
            np.multiply(found[:, :, point - 1], factor, out=found[:, :, point])
            factor *= bend
    table, stratum, node = np.nonzero(least[..., None] > sd[:, None])
    if not table.size:
        return
    wide, own = least[table, stratum], sd[table, node]
    start = (first[table, stratum] - centre[table, node]) / wide
    away = start[:, None] + np.arange(points) * (step[table, stratum] / wide)[:, None]
    share = own / wide
    found[table, stratum, :, node] *= sharpening(away * away, (1.0 - share * share)[:, None])


def sharpening(y: Floats, q: Floats) -> Floats:
    """Factor that takes back the variance by which a kernel was widened, to fourth order in it.

    Parameters
    ----------
    y, q
        Squared distance in standard deviations of the wide kernel, and the share of its variance
        that is too much.
    """
    square = q * q
    cube, fourth = square * q, square * square
    found: Floats = (fourth / 384.0) * y
    for part in (
        -cube / 48.0 - fourth * (28.0 / 384.0),
        square / 8.0 + cube * (15.0 / 48.0) + fourth * (210.0 / 384.0),
        -q / 2.0 - square * 0.75 - cube * (45.0 / 48.0) - fourth * (420.0 / 384.0),
    ):
        found += part
        found *= y
    found += 1.0 + q / 2.0 + square * 0.375 + cube * (15.0 / 48.0) + fourth * (105.0 / 384.0)
    return found
