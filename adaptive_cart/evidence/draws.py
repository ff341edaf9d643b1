"""Draws of the posterior of early series: what programmes are simulated from.

Ancestral sampling from the integrals of :mod:`adaptive_cart.evidence.integrals`: the standard
deviations together, on their nodes; given these the centre; given both each group of the first
level. There is no Markov chain, so that draws are independent. Means over the nodes are the
integrals themselves, which is why draws stay on them. Every uniform is stratified over the draws,
so that any one quantity is spread more evenly than by chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adaptive_cart.evidence.integrals import Messages, Posterior, normal_masses
from adaptive_cart.nouns.records import Floats

_BLOCK = 256


@dataclass(frozen=True)
class Draws:
    """Draws of what early series leave open of an outcome, ``(draw,)`` each.

    Attributes
    ----------
    centre
        Of a typical group of the first level, on the scale of the law.
    sds
        Standard deviation of each level, by its name.
    groups
        Value of each group of the first level, by its name.
    """

    centre: Floats
    sds: Mapping[str, Floats]
    groups: Mapping[str, Floats]

    def within(self) -> Floats:
        """Return the sd of a new series in a group of the first level: all narrower levels."""
        narrower = list(self.sds.values())[1:]
        squares = sum((part**2 for part in narrower), start=np.zeros(len(self.centre)))
        return np.asarray(np.sqrt(squares))


def drawn(posterior: Posterior, number: int, seed: int) -> Draws:
    """Draw from the posterior of early series; the same seed gives the same draws."""
    generator = np.random.default_rng(seed)
    masses = posterior.together
    flat = np.cumsum(masses.ravel())
    names = posterior.grouped.names[0]
    of_sds, *_ = own = _stratified(generator, 2 + len(names), number)
    latent = own[1:]
    cells = np.searchsorted(flat, of_sds * flat[-1], side="right")
    places = np.unravel_index(cells, masses.shape)
    sds = [spread.nodes[place] for spread, place in zip(posterior.spreads, places, strict=True)]
    centre, groups = np.empty(number), np.empty((len(names), number))
    for first in range(0, number, _BLOCK):
        here = slice(first, first + _BLOCK)
        centre[here], groups[:, here] = _block(
            posterior, [level[here] for level in sds], latent[:, here]
        )
    by_level = zip(posterior.outcome.levels, sds, strict=True)
    return Draws(
        centre,
        {level.name: values for level, values in by_level},
        dict(zip(names, groups, strict=True)),
    )


def _stratified(generator: np.random.Generator, rows: int, number: int) -> Floats:
    """Uniforms, ``(row, draw)``: in each row one in every stratum, in an order of its own."""
    strata = np.broadcast_to(np.arange(number), (rows, number))
    return (generator.permuted(strata, axis=1) + generator.random((rows, number))) / number


def _block(posterior: Posterior, sds: list[Floats], latent: Floats) -> tuple[Floats, Floats]:
    """Draw the centre, ``(draw,)``, and the groups, ``(group, draw)``, given the sds."""
    grid = posterior.grid
    messages = Messages(posterior.grouped, grid, [grid.decay(level) for level in sds])
    prior = normal_masses(grid, posterior.outcome.centre)
    number = len(sds[0])
    weights = np.broadcast_to(prior * messages.centre, (number, len(prior)))
    centre = grid.values[_picked(weights, latent[0])]
    sd = sds[0][:, None]
    away = grid.values - centre[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        near = np.exp(-0.5 * (away / sd) ** 2)
    # no difference between groups: each is the centre itself
    near = np.where(sd > 0.0, near, np.abs(away) < 0.5 * grid.width)
    groups = [
        grid.values[_picked(near * inside, own)]
        for inside, own in zip(messages.inside, latent[1:], strict=True)
    ]
    return centre, np.stack(groups)


def _picked(weights: Floats, latent: Floats) -> npt.NDArray[np.int64]:
    """Place drawn in each row with these weights, ``(draw,)``, by inversion."""
    below = np.cumsum(weights, axis=1)
    return np.asarray((below <= (latent * below[:, -1])[:, None]).sum(axis=1), dtype=np.int64)
