"""How probable it is that more than a given fraction of the remitters is in remission at a month.

P(R > value) is the sum over one side of a surface. R falls with the hazard and rises with the cured
fraction, so along a diagonal of their lattice it crosses the value once, and the place of the
crossing moves by less than a step from one diagonal to the next: sums over diagonals stay smooth
whether the hazard, the cured fraction or both matter. The crossing is found by Newton steps; the
partial sum up to it integrates the polynomial through six neighbours.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.durability.cure_lattice import CURED, Lattice
from adaptive_cart.models.durability.cure_partial_sums import (
    PADDING,
    SINGLE_WEIGHTS,
    TAPS,
    at_share,
    tail,
)
from adaptive_cart.models.durability.cure_prior import LN2, CuredScale
from adaptive_cart.models.durability.cure_remaining import Remaining
from adaptive_cart.nouns.records import Floats, Integers

Singles: TypeAlias = npt.NDArray[np.float32]

MATTERS: Final = 1e-7  # of the probability: diagonals, and a cured fraction alone, that are summed


def above(lattice: Lattice, scale: CuredScale, remaining: Remaining, values: Floats) -> Floats:
    """Probability that the fraction in remission exceeds values in [0, 1], both (table, value)."""
    result = _inside(lattice, remaining, values)
    result += np.where(values < 1.0, remaining.nobody_lost[:, None], 0.0)
    nobody_left = remaining.nobody_left.sum(axis=1)
    total = remaining.density.sum(axis=(1, 2, 3), dtype=np.float64)
    total += nobody_left + remaining.nobody_lost
    many = np.flatnonzero(nobody_left > MATTERS * total)
    tables = remaining.tables[many]
    place = scale.place(special.logit(values[many])) - lattice.first_cured[tables, None]
    place /= lattice.cured_step[tables, None]
    result[many] += tail(remaining.nobody_left[many, None], place)
    return np.clip(result / total[:, None], 0.0, 1.0)


def _inside(lattice: Lattice, remaining: Remaining, values: Floats) -> Floats:
    """Mass on the lattice where the fraction exceeds values, (table, value).

    A fraction R exceeds v where the uncured have lost F < (1 - v) / (1 - c).
    """
    number, rows, points = remaining.log_hazard.shape
    diagonals, width = points + CURED - 1, points + 2 * PADDING
    density = np.zeros((number, rows, width, diagonals), dtype=np.float32)
    _by_cured(density, points)[...] = remaining.density
    running = np.add.accumulate(density, axis=2)
    totals = running[:, :, -1].copy()
    total = totals.sum(axis=(1, 2), dtype=np.float64)
    matters = totals > MATTERS * total[:, None, None]
    lost = -np.expm1(-LN2 * np.exp(remaining.log_hazard)).astype(np.float32)
    flat_logs, flat_lost = remaining.log_hazard.astype(np.float32).reshape(-1), lost.reshape(-1)
    flat_fall = remaining.step.astype(np.float32).reshape(-1)
    flat_density, flat_running = density.reshape(-1), running.reshape(-1)
    flat_totals = totals.reshape(-1)
    per_uncured = np.exp(np.logaddexp(0.0, lattice.log_odds[remaining.tables]))
    offset = np.arange(diagonals) - points  # of the cured fraction before the crossing
    result = np.empty(values.shape)
    for which in range(values.shape[1]):
        bounds = ((1.0 - values[:, which, None]) * per_uncured).astype(np.float32)
        before = _before(remaining, bounds)
        cured = before + offset
        whole = (before == 0) | (cured < 0)
        crossed = matters & ~whole & (before < points) & (cured < CURED - 1)
        line = np.flatnonzero(crossed)
        row = line // diagonals
        table = row // rows
        before, cured = before.reshape(-1)[line], cured.reshape(-1)[line]
        at = row * points + before - 1
        stencil = np.clip(cured - 1, 0, CURED - 4)
        bound = bounds.reshape(-1)
        start = table * CURED + stencil
        share = _crossing(
            flat_logs[at],
            flat_fall[row],
            flat_lost[at],
            flat_lost[at + 1],
            [bound[start], bound[start + 1], bound[start + 2], bound[start + 3]],
            (cured - stencil).astype(np.float32),
        )
        base = (row * width + before + (PADDING - 1)) * diagonals + line % diagonals
        part = flat_totals[line] - flat_running[base + int(TAPS[-1]) * diagonals]
        for tap, coefficients in zip(TAPS, SINGLE_WEIGHTS, strict=True):
            part += at_share(coefficients, share) * flat_density[base + int(tap) * diagonals]
        sums = np.where(whole, totals, np.float32(0.0)).sum(axis=(1, 2), dtype=np.float64)
        result[:, which] = sums + np.bincount(table, part.astype(np.float64), number)
    return result


def _before(remaining: Remaining, bounds: Singles) -> Integers:
    """How many points come before the crossing on each diagonal, (table, row, diagonal).

    Of the points at one cured fraction those come before whose hazard is above its bound's. The
    difference between the place of a cured fraction and their number rises with that place, and a
    diagonal has the points of those places where it is below the diagonal's own.
    """
    number, rows, points = remaining.log_hazard.shape
    needed = -np.log1p(-np.clip(bounds.astype(np.float64), 1e-300, 1.0 - 1e-15)) / LN2
    place = (remaining.highest[..., None] - np.log(needed)[:, None]) / remaining.step[..., None]
    place = np.clip(np.floor(place) + 1.0, 0.0, points)
    above = np.where(bounds[:, None] < 1.0, place, 0.0).astype(np.int64)
    width = points + CURED
    line = np.arange(number * rows)[:, None] * width
    bins = np.arange(CURED) - above.reshape(-1, CURED) + points + line
    counts = np.bincount(bins.ravel(), minlength=number * rows * width)
    passed = np.add.accumulate(counts.reshape(number, rows, width), axis=2)
    return passed[:, :, :-1] - (np.arange(width - 1) - (points - 1))


def _crossing(
    log_hazard: Singles,
    step: Singles,
    lost_0: Singles,
    lost_1: Singles,
    bounds: list[Singles],
    place: Singles,
) -> Singles:
    """Where between two lattice points of a diagonal the lost fraction falls below its bound.

    Parameters
    ----------
    log_hazard, step
        Log of the cumulative hazard over ln 2 at the first point, and its fall to the second.
    lost_0, lost_1
        Lost fraction of the uncured at both points.
    bounds
        Bounds at four neighbours on the diagonal; the first point is number `place` of them.

    Returns
    -------
    Share of the way, in [0, 1].
    """
    b0 = bounds[0]
    b1 = bounds[1] - b0
    b2 = np.float32(0.5) * (bounds[2] - bounds[1] - b1)
    b3 = (bounds[3] - b0 + np.float32(3.0) * (bounds[1] - bounds[2])) / np.float32(6.0)
    first = np.where(place == 0.0, b0, np.where(place == 1.0, bounds[1], bounds[2]))
    second = np.where(place == 0.0, bounds[1], np.where(place == 1.0, bounds[2], bounds[3]))
    gap_0 = np.maximum(lost_0 - first, np.float32(0.0))
    gap_1 = np.minimum(lost_1 - second, np.float32(0.0))
    share = gap_0 / np.maximum(gap_0 - gap_1, np.float32(1e-30))
    # Compare hazards, nearly straight in log median; where the cured alone exceed the value within
    # the step there is no such hazard, and the lost fractions themselves are compared.
    straight = second < 0.999
    one, two, three, six = np.float32(1.0), np.float32(2.0), np.float32(3.0), np.float32(6.0)
    least, most = np.float32(1e-30), np.float32(1.0 - 1e-6)
    ln2 = np.float32(LN2)
    for _ in range(2):
        z = place + share
        bound = b0 + z * (b1 + (z - one) * (b2 + (z - two) * b3))
        slope = b1 + (two * z - one) * b2 + (three * z * z - six * z + two) * b3
        log_now = log_hazard - share * step
        held = np.clip(bound, least, most)
        needed = -np.log1p(-held)
        gradient = step + slope / ((one - held) * needed)
        by_hazard = (log_now - np.log(needed / ln2)) / np.maximum(gradient, least)
        hazard = np.minimum(ln2 * np.exp(np.clip(log_now, -50.0, 50.0)), np.float32(60.0))
        survival = np.exp(-hazard)
        gradient = survival * hazard * step + slope
        by_fraction = (one - survival - bound) / np.maximum(gradient, least)
        move = np.where(straight, by_hazard, by_fraction)
        share = np.clip(share + move, np.float32(0.0), one)
    return share


def _by_cured(store: Singles, columns: int) -> Singles:
    """View of an array laid out by diagonals as (table, row, column, cured)."""
    base = store[:, :, PADDING:, columns - 1 :]
    strides = (*store.strides[:2], store.strides[2] - store.strides[3], store.strides[3])
    shape = (*store.shape[:2], columns, CURED)
    return np.lib.stride_tricks.as_strided(base, shape=shape, strides=strides)
