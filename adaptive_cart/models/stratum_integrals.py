"""draft"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

REACH: Final = 5.0
FINENESS: Final = 0.9
COARSEST: Final = 0.65
HYPER_REACH: Final = 4.4
HYPER_STEP: Final = 1.1
SHARP_STEP: Final = 1.5
FREQUENCIES: Final = 14
SWEEPS: Final = 3
LIMIT: Final = 1024
BYTES_AT_ONCE: Final = 2**21
TABLES_AT_ONCE: Final = 2**11

LADDER: Final = np.array(
    [6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 28, 32, 36, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024]
)


@dataclass(frozen=True)
class Normal:
    mean: float
    sd: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and math.isfinite(self.sd) and self.sd > 0.0):
            raise ValueError(f"normal prior: {self} found, a finite mean and an sd above 0 allowed")


@dataclass(frozen=True)
class Shared:
    """Priors: control logit of a stratum ~ N(a, control_sd), a ~ N(control_mean, control_mean_sd)..."""

    control_mean: float
    control_mean_sd: float
    control_sd: float
    effect_mean: float
    effect_mean_sd: float


@dataclass(frozen=True)
class Gaussian:
    precision: Floats
    linear: Floats
    hyper_mean: Floats  # (2, table)
    hyper_cov: Floats  # (3, table): aa, ab, bb
    mean: Floats
    var: Floats
    effect_mean: Floats
    effect_var: Floats


def joint(precision: Floats, linear: Floats, prior: Shared, effect_sd: Floats) -> Gaussian:
    r2 = effect_sd[:, None] ** 2
    s2 = prior.control_sd**2
    shrink = 1.0 / (1.0 + r2 * precision[:, 1])
    l1 = precision[:, 1] * shrink
    n1 = linear[:, 1] * shrink
    p = 1.0 / s2 + precision[:, 0] + l1
    q = linear[:, 0] + n1
    jaa = ((1.0 - 1.0 / (s2 * p)) / s2).sum(axis=1)
    jab = (l1 / (s2 * p)).sum(axis=1)
    jbb = (l1 * (1.0 - l1 / p)).sum(axis=1) + 1.0 / prior.effect_mean_sd**2
    ha = (q / (s2 * p)).sum(axis=1)
    hb = (n1 - l1 * q / p).sum(axis=1) + prior.effect_mean / prior.effect_mean_sd**2
    if prior.control_mean_sd > 0.0:
        jaa = jaa + 1.0 / prior.control_mean_sd**2
        ha = ha + prior.control_mean / prior.control_mean_sd**2
        det = jaa * jbb - jab * jab
        caa, cab, cbb = jbb / det, -jab / det, jaa / det
        ma = caa * ha + cab * hb
        mb = cab * ha + cbb * hb
    else:
        caa = cab = np.zeros_like(jaa)
        cbb = 1.0 / jbb
        ma = np.full_like(jaa, prior.control_mean)
        mb = cbb * (hb - jab * ma)

    def quad(x: Floats, y: Floats) -> Floats:
        return x * x * caa[:, None] + 2.0 * x * y * cab[:, None] + y * y * cbb[:, None]

    ga, gb = 1.0 / (s2 * p), -l1 / p
    m0 = (ma[:, None] / s2 + q - l1 * mb[:, None]) / p
    v0 = 1.0 / p + quad(ga, gb)
    w = m0 + mb[:, None]
    vw = 1.0 / p + quad(ga, 1.0 + gb)
    m1 = shrink * w + r2 * shrink * linear[:, 1]
    v1 = r2 * shrink + shrink**2 * vw
    k = shrink
    vd = r2 * shrink + (1 - k) ** 2 / p + quad(-(1 - k) * ga, k - (1 - k) * gb)
    return Gaussian(
        precision,
        linear,
        np.stack([ma, mb]),
        np.stack([caa, cab, cbb]),
        np.stack([m0, m1], axis=1),
        np.stack([v0, v1], axis=1),
        m1 - m0,
        vd,
    )


_z = np.arange(-8, 9) * 0.4
_SINH: Final = np.sinh(_z)
_COSH: Final = np.cosh(_z)


def softplus(x: Floats) -> Floats:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def tilted(x: Floats, n: Floats, m: Floats, v: Floats) -> tuple[Floats, Floats]:
    p = (x + 0.5) / (n + 1.0)
    weight = n * p * (1.0 - p)
    eta = (weight * np.log(p / (1.0 - p)) + m / v) / (weight + 1.0 / v)
    for _ in range(8):
        p = special.expit(eta)
        step = (x - n * p - (eta - m) / v) / (n * p * (1.0 - p) + 1.0 / v)
        eta = eta + np.clip(step, -2.0, 2.0)
    p = special.expit(eta)
    sd = 1.0 / np.sqrt(n * p * (1.0 - p) + 1.0 / v)
    node = eta[..., None] + sd[..., None] * _SINH
    log = x[..., None] * node - n[..., None] * softplus(node)
    log -= (node - m[..., None]) ** 2 / (2.0 * v[..., None])
    log -= log[..., 8:9]
    density = np.exp(log) * _COSH
    total = density.sum(axis=-1)
    shift = (density * _SINH).sum(axis=-1) / total
    second = (density * _SINH**2).sum(axis=-1) / total
    return eta + sd * shift, sd**2 * (second - shift**2)


def messages(successes: Floats, totals: Floats, prior: Shared, effect_sd: Floats) -> Gaussian:
    precision = np.zeros_like(totals)
    linear = np.zeros_like(totals)
    for _ in range(SWEEPS):
        g = joint(precision, linear, prior, effect_sd)
        cp = 1.0 / g.var - precision
        cl = g.mean / g.var - linear
        m, v = tilted(successes, totals, cl / cp, 1.0 / cp)
        precision = np.where(totals > 0, np.maximum(1.0 / v - cp, 0.0), 0.0)
        linear = np.where(totals > 0, m / v - cl, 0.0)
    return joint(precision, linear, prior, effect_sd)


@dataclass(frozen=True)
class Nodes:
    """Hyper-parameter nodes: control_centre (t,o'), effect_centre (t,o,b), effect_sd (t,o'), weight (t,o,b)"""

    control_centre: Floats
    effect_centre: Floats
    effect_sd: Floats
    weight: Floats


@dataclass(frozen=True)
class Lattice:
    step: Floats  # (t,s)
    control: Floats  # first control node (t,s)
    effect: Floats  # first effect node
    rows: int
    columns: int


def up(n: Floats) -> Integers:
    # the smallest entry of the ladder not below
    return LADDER[np.minimum(np.searchsorted(LADDER, n), LADDER.size - 1)]


def make_windows(g: Gaussian, control_sd: float, sharpest: Floats, low: Floats, high: Floats):
    """step, rows, columns needed"""
    l0, l1 = g.precision[:, 0], g.precision[:, 1]
    s2 = 1.0 / control_sd**2
    r2 = 1.0 / sharpest[:, None] ** 2
    skew = np.minimum(1 / np.sqrt(l0 + l1 + s2), 1 / np.sqrt(l1 + r2))
    straight = np.minimum(1 / np.sqrt(l0 + s2 + r2), 1 / np.sqrt(l1 + r2))
    step = np.minimum(FINENESS * np.maximum(skew, straight), COARSEST)
    width0 = 2 * REACH * np.sqrt(g.var[:, 0])
    width1 = high - low
    rows = up(np.ceil(width0 / step).max(axis=1) + 1)
    columns = up(np.ceil(width1 / step).max(axis=1) + 1)
    step = np.maximum(width0 / (rows[:, None] - 1), width1 / (columns[:, None] - 1))
    control = g.mean[:, 0] - step * (rows[:, None] - 1) / 2
    effect = (low + high) / 2 - step * (columns[:, None] - 1) / 2
    return step, control, effect, rows, columns


def hankel(values: Floats, columns: int) -> Floats:
    return np.lib.stride_tricks.sliding_window_view(values, columns, axis=-1)


@dataclass
class Block:
    """Tables of one size class."""

    index: Integers
    successes: Floats
    totals: Floats
    step: Floats
    control: Floats
    effect: Floats
    rows: int
    columns: int
    nodes: Nodes
    control_sd: float


def pieces(b: Block):
    eta0 = b.control[..., None] + b.step[..., None] * np.arange(b.rows)
    eta1 = (b.control + b.effect)[..., None] + b.step[..., None] * np.arange(b.rows + b.columns - 1)
    x, n = b.successes, b.totals
    log0 = x[:, 0, :, None] * eta0 - n[:, 0, :, None] * softplus(eta0)
    log1 = x[:, 1, :, None] * eta1 - n[:, 1, :, None] * softplus(eta1)
    lik0 = np.exp(log0 - log0.max(axis=-1, keepdims=True))
    lik1 = np.exp(log1 - log1.max(axis=-1, keepdims=True))
    nodes = b.nodes
    u = (eta0[:, :, None, :] - nodes.control_centre[:, None, :, None]) / b.control_sd
    u *= u
    u *= -0.5
    np.exp(u, out=u)
    u *= lik0[:, :, None, :]
    delta = b.effect[..., None] + b.step[..., None] * np.arange(b.columns)
    k = delta[:, :, None, None, :] - nodes.effect_centre[:, None, :, :, None]
    k *= math.sqrt(0.5) / nodes.effect_sd[:, None, :, None, None]
    k *= k
    np.negative(k, out=k)
    np.exp(k, out=k)
    if nodes.effect_sd.shape[1] > 1:
        k /= nodes.effect_sd[:, None, :, None, None]
    return eta0, eta1, u, lik1, k


def others(level: Floats) -> Floats:
    """Product over strata other than each (t,s,o,b)."""
    out = np.ones_like(level)
    S = level.shape[1]
    for s in range(S):
        for q in range(S):
            if q != s:
                out[:, s] *= level[:, q]
    return out


def solve(b: Block):
    eta0, eta1, u, lik1, k = pieces(b)
    h1 = np.ascontiguousarray(hankel(lik1, b.columns))
    f = u @ h1  # t,s,o',D
    level = (k @ f[..., None])[..., 0]
    level /= level.max(axis=(-1, -2), keepdims=True)
    cav = others(level) * b.nodes.weight[:, None]
    joint = cav[:, 0] * level[:, 0]
    total = joint.sum(axis=(-1, -2))
    g = (cav[..., None, :] @ k)[..., 0, :]
    if u.shape[2] == 1:
        g = g.sum(axis=2, keepdims=True)
    mass = (np.ascontiguousarray(u.swapaxes(-1, -2)) @ g) * h1
    mass /= mass.sum(axis=(-1, -2), keepdims=True)
    return eta0, eta1, mass, level, joint / total[:, None, None], total


_X = np.arange(-32 * 512, 32 * 512 + 1) / 512.0
_STEP: Final = (_X > 0) + (0.5 + special.sici(np.pi * _X)[0] / np.pi - (_X > 0)) * np.exp(-((_X / 9.0) ** 2))
_STEP[0], _STEP[-1] = 0.0, 1.0
_RISE: Final = np.append(np.diff(_STEP), 0.0)


def cut(x: Floats) -> Floats:
    """Band-limited step at x in units of lattice spacing."""
    place = np.clip(x, -32.0, 32.0)
    place += 32.0
    place *= 512.0
    low = place.astype(np.int64)
    place -= low
    place *= _RISE[low]
    place += _STEP[low]
    return place
