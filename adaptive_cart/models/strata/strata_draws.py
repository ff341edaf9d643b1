"""Draws of the logits of all strata together, from lattices finer than those that sum them.

A node of the shared parameters is drawn by its posterior weight; given it strata are independent,
and each takes a log-odds ratio and then a control logit from its lattice. Draws cannot lie between
lattice points by summing, as answers do, so the lattice is :data:`FINER`, and a draw is placed
within its cell. A kernel narrower than that was widened: what it draws is drawn together again, and
the node spread over the gap to the next, which such kernels leave open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from adaptive_cart.models.draws import within_cells
from adaptive_cart.models.strata.strata_kernels import NARROWEST
from adaptive_cart.models.strata.strata_lattice import Block, Lattice, pairs
from adaptive_cart.nouns.records import Floats

FINER: Final = 4
REACH: Final = 1.2  # spreads of a kernel that fill the gap to the next
SECOND: Final = 7.0  # makes a second number in (0, 1) of one


@dataclass(frozen=True)
class _Kernel:
    """Conditional prior of one logit at the node of each draw."""

    centre: Floats  # (draw,)
    sd: Floats
    shift: Floats  # to where the draw lies between its node and the next

    @classmethod
    def at(cls, centres: Floats, sds: Floats, place: Any, left: Floats) -> _Kernel:
        """Take it at the nodes of the draws; nodes of one spread lie side by side."""
        sds = np.broadcast_to(sds, centres.shape)
        gap = np.zeros_like(centres)
        alike = sds[:, 1:] == sds[:, :-1]
        apart = np.where(alike, np.abs(np.diff(centres, axis=1)), 0.0)
        gap[:, 1:] = apart
        gap[:, :-1] = np.maximum(gap[:, :-1], apart)
        open_ = np.sqrt(np.maximum(gap**2 - (REACH * sds) ** 2, 0.0))
        return cls(centres[place], sds[place], (left - 0.5) * open_[place])

    def narrowed(self, drawn: Floats, step: float) -> Floats:
        """Draw what a widened kernel drew together, about a node that fills its gap."""
        widened = np.maximum(self.sd, NARROWEST * step)
        return self.centre + self.shift + (drawn - self.centre) * self.sd / widened


def drawn_logits(block: Block, successes: Floats, totals: Floats, chance: Floats) -> Floats:
    """Draws of the logits of the tables of a block, ``(table, arm, stratum, draw)``.

    Parameters
    ----------
    successes, totals
        ``(table, arm, stratum)`` of the block's tables.
    chance
        ``(1 + 2 x stratum, draw)`` in (0, 1): of the node, and of the two logits of each stratum.
    """
    tables, strata = block.step.shape
    found = np.empty((tables, 2, strata, chance.shape[1]))
    rows, columns = FINER * (block.rows - 1) + 1, FINER * (block.columns - 1) + 1
    for table in range(tables):
        at = slice(table, table + 1)
        coarse = block.take(at)
        lattice = Lattice(
            coarse.step / FINER,
            coarse.lattice.control,
            coarse.lattice.effect,
            np.array([rows]),
            np.array([columns]),
        )
        fine = Block.lay(
            coarse.tables,
            successes[at],
            totals[at],
            coarse.mean,
            coarse.sd,
            lattice,
            coarse.nodes,
        )
        found[table] = _of_table(fine, chance)
    return found


def _of_table(block: Block, chance: Floats) -> Floats:
    """Draws of the only table of a block, ``(arm, stratum, draw)``."""
    by_control, by_effect = (np.maximum(part[0], 0.0) for part in block.kernels())
    by_control = np.ascontiguousarray(by_control.swapaxes(-1, -2))
    by_effect = np.ascontiguousarray(by_effect.transpose(0, 2, 3, 1))
    likelihood = pairs(block.experimental.likelihood, block.columns)[0]
    profile = by_control @ likelihood
    level = (by_effect @ profile[..., None])[..., 0]
    level /= level.max(axis=(1, 2), keepdims=True)
    reached = (block.nodes.weight[0] * level.prod(axis=0)).cumsum()
    node = np.minimum(np.searchsorted(reached, chance[0] * reached[-1]), reached.size - 1)
    outer, inner = np.unravel_index(node, level.shape[1:])
    left = (reached[node] - chance[0] * reached[-1]) / np.diff(reached, prepend=0.0)[node]
    nodes, shape = block.nodes, level.shape[1:]
    of_effect = _Kernel.at(nodes.effect_centre[0], nodes.effect_sd[0], (outer, inner), left)
    of_control = _Kernel.at(
        nodes.control_centre, np.broadcast_to(nodes.control_sd, (1, shape[0])), (0, outer),
        (left * SECOND) % 1.0,
    )  # fmt: skip
    found = np.empty((2, len(profile), chance.shape[1]))
    for s, (own, other) in enumerate(zip(by_control, by_effect, strict=True)):
        step = block.step[0, s]
        column = within_cells(other[outer, inner] * profile[s, outer], chance[1 + 2 * s])
        near = np.clip(np.rint(column), 0, block.columns - 1).astype(np.int64)
        effect = block.lattice.effect[0, s] + step * column
        effect = of_effect.narrowed(effect, step)
        row = within_cells(own[outer] * likelihood[s].T[near], chance[2 + 2 * s])
        found[0, s] = of_control.narrowed(block.lattice.control[0, s] + step * row, step)
        found[1, s] = found[0, s] + effect
    return found
