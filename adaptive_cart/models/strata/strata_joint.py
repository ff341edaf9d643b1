"""The joint posterior of all strata, summed over the nodes of what they share, and its moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adaptive_cart.models.strata.strata_lattice import Block, chunks, pairs
from adaptive_cart.models.strata.strata_loops import LOOPS
from adaptive_cart.nouns.records import Floats, Integers


@dataclass(frozen=True)
class Joint:
    """Posterior of the pairs of logits of tables on grids of one size.

    That of a stratum is :attr:`by_control` times :attr:`pull`, summed over outer nodes, times the
    likelihood of the experimental logit.
    """

    by_control: Floats  # (table, stratum, row, outer) prior and likelihood of the control's logit
    pull: Floats  # (table, stratum, outer, column) prior, and what all strata say
    by_effect: Floats  # (table, stratum, column) posterior of the log-odds ratio
    scale: Floats  # (table, stratum) the largest likelihood of each stratum
    total: Floats  # (table,) their joint likelihood relative to these

    @classmethod
    def of(cls, block: Block) -> Joint:
        """Sum over the nodes of the parameters that strata share."""
        tables, strata = block.step.shape
        outer, inner = block.nodes.weight.shape[1:]
        found = cls(
            np.empty((tables, strata, block.rows, outer)),
            np.empty((tables, strata, outer, block.columns)),
            np.empty((tables, strata, block.columns)),
            np.empty((tables, strata)),
            np.empty(tables),
        )
        levels = LOOPS.compiled[2] if LOOPS.used else _levels
        settle = LOOPS.compiled[9] if LOOPS.used else _settle
        for at in chunks(tables, strata * block.columns * outer * inner):
            part = block.take(at)
            by_control, by_effect = part.kernels()
            found.by_control[at] = by_control
            pull = found.pull[at]
            profile = np.empty(pull.shape)
            rest = np.empty((*pull.shape[:3], inner))
            levels(
                by_effect,
                by_control,
                part.experimental.likelihood,
                part.nodes.weight,
                profile,
                rest,
                found.scale[at],
                found.total[at],
            )
            np.matmul(by_effect.transpose(0, 1, 3, 2, 4), rest[..., None], out=pull[..., None])
            settle(profile, pull, found.by_effect[at])
        return found

    def mass(self, block: Block, at: Integers, s: Integers) -> Floats:
        """Posterior of pairs of logits, ``(asked, row, column)``, of one stratum each."""
        found = mass_of(self.by_control[at, s], self.pull[at, s])
        found *= pairs(block.experimental.likelihood[at, s], block.columns)
        return found


def _levels(
    by_effect: Floats,
    by_control: Floats,
    likelihood: Floats,
    weight: Floats,
    profile: Floats,
    rest: Floats,
    scale: Floats,
    total: Floats,
) -> None:
    """What :func:`strata_loops.levels` fills in, over arrays."""
    strata, columns = by_effect.shape[1:3]
    profile[...] = 0.0
    for row in range(by_control.shape[2]):
        window = likelihood[:, :, None, row : row + columns]
        profile += by_control[:, :, row, :, None] * window
    level = np.zeros(rest.shape)
    for column in range(columns):
        level += by_effect[:, :, column] * profile[..., column, None]
    scale[...] = level.max(axis=(2, 3))
    level /= scale[..., None, None]
    for s in range(strata):
        rest[:, s] = weight
        for other in range(strata):
            if other != s:
                rest[:, s] *= level[:, other]
    total[...] = (rest[:, 0] * level[:, 0]).sum(axis=(1, 2))


def _settle(profile: Floats, pull: Floats, by_effect: Floats) -> None:
    """What :func:`strata_loops.settle` does, over arrays."""
    by_effect[...] = 0.0
    for node in range(pull.shape[2]):
        by_effect += pull[:, :, node] * profile[:, :, node]
    whole = in_order(by_effect)[..., None]
    by_effect /= whole
    pull /= whole[..., None]


def moments(block: Block, joint: Joint, mean: Floats, square: Floats) -> None:
    """Fill means of the risks, ``(table, arm, stratum)``, and of products: 0 0, 1 1 and 0 1."""
    (LOOPS.compiled[3] if LOOPS.used else _moments)(
        joint.by_control,
        joint.pull,
        block.experimental.likelihood,
        block.control.chance,
        block.experimental.chance,
        mean,
        square,
    )


def _moments(
    by_control: Floats,
    pull: Floats,
    likelihood: Floats,
    chance_0: Floats,
    chance_1: Floats,
    mean: Floats,
    square: Floats,
) -> None:
    """What :func:`strata_loops.moments` fills in, over arrays."""
    columns = pull.shape[-1]
    mass = mass_of(by_control, pull)
    mass *= pairs(likelihood, columns)
    plain, once, twice = (np.zeros(likelihood.shape) for _ in range(3))
    for row in range(by_control.shape[2]):
        here, chance = slice(row, row + columns), chance_0[..., row, None]
        value = mass[..., row, :]
        plain[..., here] += value
        value = value * chance
        once[..., here] += value
        twice[..., here] += value * chance
    of_one = plain * chance_1
    mean[:, 0], mean[:, 1] = in_order(once), in_order(of_one)
    square[:, 0], square[:, 1] = in_order(twice), in_order(of_one * chance_1)
    square[:, 2] = in_order(once * chance_1)


def mass_of(by_control: Floats, pull: Floats) -> Floats:
    """Their products summed over outer nodes, ``(…, row, column)``."""
    found: Floats = by_control[..., 0, None] * pull[..., 0, None, :]
    for node in range(1, by_control.shape[-1]):
        found += by_control[..., node, None] * pull[..., node, None, :]
    return found


def in_order(values: Floats) -> Floats:
    """Sum over the last axis, one number after the other."""
    total = np.zeros(values.shape[:-1])
    for place in range(values.shape[-1]):
        total += values[..., place]
    return total
