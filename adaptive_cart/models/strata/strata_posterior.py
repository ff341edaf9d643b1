"""Posterior of risks in strata that learn from one another: what both logistic models share.

Statement
---------
For stratum s, with x_as responders of n_as in arm a (0 control, 1 experimental)::

    x_as         ~ Binomial(n_as, expit(logit_as))
    logit_0s     ~ Normal(alpha, control sd)
    logit_1s     = logit_0s + delta_s,   delta_s ~ Normal(beta, effect sd)

alpha and beta (and, in the hierarchical model, the effect sd itself) are shared by the strata;
given them strata are independent. ``logistic.py`` and ``hierarchical_logistic.py`` say what the
shared parameters' priors are and where their nodes lie.

Method
------
1. Expectation propagation (Minka 2001, UAI) gives a normal approximation to everything; it places
   grids and never enters an answer.
2. Each stratum gets a lattice in (control logit, log-odds ratio), with the same step in both,
   fine enough for its posterior; sums over it converge geometrically (Trefethen & Weideman 2014,
   SIAM Review 56:385). The shared parameters get nodes laid out by the model.
3. At every shared node the likelihood is summed against its conditional prior, which is a product
   of two kernels; products over strata, weighted over the nodes, are the joint posterior (the
   exact counterpart of Rue, Martino & Chopin 2009, JRSS B 71:319).
4. A question about one stratum sums its marginal over the lattice against a band-limited step at
   the threshold, so that a cut between lattice points costs no accuracy. An average over several
   strata inverts its characteristic function, which given a node is a product over strata
   (Gil-Pelaez 1951, Biometrika 38:481).

Error
-----
``tests/models/test_strata_posteriors.py`` holds every probability to 0.002 of brute force, over
tables with empty cells, no and all events, a control of 2%, one participant and 250 a stratum. A
table's answer never depends on the other tables of its batch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.base import within_tails
from adaptive_cart.models.strata.strata_approximation import (
    Approximation,
    StratumPrior,
    approximate,
)
from adaptive_cart.models.strata.strata_average import centre_and_sds, several_strata
from adaptive_cart.models.strata.strata_cut import one_stratum
from adaptive_cart.models.strata.strata_draws import drawn_logits
from adaptive_cart.models.strata.strata_joint import Joint, moments
from adaptive_cart.models.strata.strata_lattice import (
    Block,
    HyperGrid,
    chunks,
    lay_out,
)
from adaptive_cart.models.strata.strata_loops import LOOPS
from adaptive_cart.nouns.records import Booleans, Floats

TABLES_AT_ONCE: Final = 2**12
# Level of an equal-tailed interval of a gamma distribution, how near to the mean it ends at most,
# in standard deviations, and by how much nearer for a skewness of one. What lies nearer is covered.
ENDS: Final = ((0.9, 1.64, 0.35), (0.95, 1.95, 0.51))
SPARE: Final = 0.15


class Posterior:
    """What the data of many tables say about the risks of their strata.

    Attributes
    ----------
    failed
        ``(table,)`` tables whose posterior could not be computed; their answers are nan.
    """

    def __init__(self, successes: Floats, totals: Floats) -> None:
        self.failed = np.zeros(len(totals), dtype=np.bool_)
        self._counts = successes, totals
        self._blocks: list[tuple[Block, Joint]] = []

    def _add(self, block: Block) -> None:
        """Work out the joint weights of tables on grids of one size."""
        joint = Joint.of(block)
        self.failed[block.tables] = ~(np.isfinite(joint.total) & (joint.total > 0.0))
        self._blocks.append((block, joint))

    @functools.cached_property
    def _moments(self) -> tuple[Floats, Floats]:
        """Means of the risks, ``(table, arm, stratum)``, and of products: 0 0, 1 1 and 0 1."""
        tables, _, strata = self._counts[1].shape
        mean = np.full((tables, 2, strata), np.nan)
        square = np.full((tables, 3, strata), np.nan)
        for block, joint in self._blocks:
            shape = block.tables.size, 3, strata
            of_block = np.empty((shape[0], 2, strata)), np.empty(shape)
            moments(block, joint, *of_block)
            mean[block.tables], square[block.tables] = of_block
        return mean, square

    def difference_above(
        self, margin: float, weights: npt.ArrayLike, asked: Booleans | None = None
    ) -> Floats:
        """Posterior probability that the weighted risk difference exceeds a margin, ``(table,)``.

        Parameters
        ----------
        weights
            ``(stratum,)`` or ``(table, stratum)``, not negative, summing to one.
        asked
            ``(table,)`` tables asked about, all if left out; of others nothing is said.
        """
        weight = self._weights(weights)
        return self._above(np.stack([-weight, weight], axis=1), margin, asked)

    def difference_covers(
        self, value: float, weights: npt.ArrayLike, level: float, asked: Booleans | None = None
    ) -> Booleans:
        """Whether the credible interval of the weighted risk difference holds a value, (table,)."""
        weight = self._weights(weights)
        return self._covers(np.stack([-weight, weight], axis=1), value, level, asked)

    def difference_mean(self, weights: npt.ArrayLike) -> Floats:
        """Posterior mean of the weighted risk difference, ``(table,)``."""
        weight = self._weights(weights)
        average, _ = self._moments
        difference = average[:, 1] - average[:, 0]
        mean: Floats = (weight * difference).sum(axis=-1)
        return mean

    def arm_above(
        self, arm: int, value: float, weights: npt.ArrayLike, asked: Booleans | None = None
    ) -> Floats:
        """Posterior probability that an arm's weighted risk exceeds a value, ``(table,)``."""
        return self._above(self._of_arm(arm, weights), value, asked)

    def arm_covers(
        self,
        arm: int,
        value: float,
        weights: npt.ArrayLike,
        level: float,
        asked: Booleans | None = None,
    ) -> Booleans:
        """Whether the credible interval of an arm's weighted risk holds a value, ``(table,)``."""
        return self._covers(self._of_arm(arm, weights), value, level, asked)

    def arm_mean(self, arm: int, weights: npt.ArrayLike) -> Floats:
        """Posterior mean of an arm's weighted risk, ``(table,)``."""
        average, _ = self._moments
        mean: Floats = (self._weights(weights) * average[:, arm]).sum(axis=-1)
        return mean

    def draws(self, chance: Floats) -> Floats:
        """Draws of the risks of all strata together, ``(table, arm, stratum, draw)``.

        Parameters
        ----------
        chance
            ``(1 + 2 x stratum, draw)`` in (0, 1).
        """
        drawn = np.full((*self._counts[1].shape, chance.shape[1]), np.nan)
        successes, totals = self._counts
        for block, *_ in self._blocks:
            of = block.tables
            drawn[of] = special.expit(drawn_logits(block, successes[of], totals[of], chance))
        drawn[self.failed] = np.nan
        return drawn

    def _weights(self, weights: npt.ArrayLike) -> Floats:
        weight = np.asarray(weights, dtype=np.float64)
        tables, _, strata = self._counts[1].shape
        return np.ascontiguousarray(np.broadcast_to(weight, (tables, strata)))

    def _of_arm(self, arm: int, weights: npt.ArrayLike) -> Floats:
        weight = self._weights(weights)
        nothing = np.zeros_like(weight)
        return np.stack([nothing, weight] if arm else [weight, nothing], axis=1)

    def _covers(
        self, coefficient: Floats, value: float, level: float, asked: Booleans | None = None
    ) -> Booleans:
        """Ask for the probability only where the value is not plainly inside."""
        centre, sds = centre_and_sds(coefficient, *self._moments)
        # strata that learn from one another vary together: apart they vary least
        sd = np.sqrt((sds**2).sum(axis=1))
        plain = np.zeros(sd.shape, dtype=np.bool_)
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.abs(value - centre) / sd + SPARE
            skewness = self._third_moment(coefficient) / sd**3
            for at_least, end, nearer in ENDS:
                if level >= at_least:
                    plain |= away < end - nearer * skewness
        asked = ~plain if asked is None else ~plain & asked
        inside = within_tails(self._above(coefficient, value, asked), level)
        found: Booleans = (plain | inside) & ~self.failed
        return found

    def _third_moment(self, coefficient: Floats) -> Floats:
        """At most that, ``(table,)``: as if each risk's distance from 0 or 1 were lognormal."""
        mean, square = self._moments
        near = np.minimum(mean, 1.0 - mean)
        variance = np.maximum(square[:, :2] - mean**2, 0.0)
        part = np.sqrt(variance) / np.maximum(near, np.finfo(np.float64).tiny)
        third = np.abs(coefficient) ** 3 * variance**1.5 * part * (3.0 + part**2)
        total: Floats = third.sum(axis=(1, 2))
        return total

    def _above(self, coefficient: Floats, value: float, asked: Booleans | None = None) -> Floats:
        """Answer the tables asked for, all of them where nothing is said; nan in the others."""
        answer = np.full(self.failed.shape, np.nan)
        used = (coefficient != 0.0).any(axis=1)
        alone = used.sum(axis=1) == 1
        several = ~alone
        if asked is not None:
            alone, several = alone & asked, several & asked
        only = used.argmax(axis=1)  # the stratum, where one is asked about
        for block, joint in self._blocks:
            rows = np.flatnonzero(alone[block.tables])
            for at in chunks(rows.size, block.rows * block.columns):
                of = block.tables[rows[at]]
                stratum = only[of]
                first, second = coefficient[of[0], :, stratum[0]]
                answer[of] = one_stratum(block, joint, rows[at], stratum, (first, second), value)
            rows = np.flatnonzero(several[block.tables])
            if rows.size:
                of = block.tables[rows]
                mean, square = self._moments
                several_strata(
                    block,
                    rows,
                    joint.scale,
                    coefficient[of],
                    value,
                    mean[of],
                    square[of],
                    answer,
                )
        np.clip(answer, 0.0, 1.0, out=answer)
        answer[self.failed] = np.nan
        return answer


def posterior(
    successes: npt.ArrayLike,
    totals: npt.ArrayLike,
    prior: StratumPrior,
    hyper_grid: Callable[[Approximation], HyperGrid],
) -> Posterior:
    """Posterior of tables of counts, ``(table, arm, stratum)`` each.

    Tables are grouped by the sizes of their grids, which each table's own data decide.
    """
    x, n = np.asarray(successes, np.float64), np.asarray(totals, np.float64)
    found = Posterior(x, n)
    LOOPS.pay(len(n))
    for first in range(0, len(n), TABLES_AT_ONCE):
        here = slice(first, first + TABLES_AT_ONCE)
        near = approximate(x[here], n[here], prior)
        grid = hyper_grid(near)
        lattice = lay_out(near, grid)
        sizes = np.stack([lattice.rows, lattice.columns, grid.outer, grid.inner], axis=1)
        classes, member = np.unique(sizes, axis=0, return_inverse=True)
        for number, (_, _, outer, inner) in enumerate(classes.tolist()):
            rows = np.flatnonzero(member == number)
            at = rows + first
            found._add(
                Block.lay(
                    at,
                    x[at],
                    n[at],
                    near.mean[rows],
                    np.sqrt(near.variance[rows]),
                    lattice.take(rows),
                    grid.place(rows, outer, inner),
                )
            )
    return found
