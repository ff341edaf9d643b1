"""Log-odds ratios exchangeable around a common mean: the model ``hierarchical_logistic``.

Statement: logit_0s ~ Normal(control_logit), each stratum by itself; the log-odds ratio
delta_s ~ Normal(mu, tau) with mu ~ Normal(effect_mean) and tau ~ half-normal(effect_sd). Method,
error and sources: ``strata_posterior.py``. The shared parameters are mu and tau; nodes of tau
follow the evidence of all strata about it, and every tau has as many nodes of mu as it needs: many
where strata hardly differ, few where they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.strata.strata_approximation import (
    Approximation,
    Normal,
    StratumPrior,
    combine,
)
from adaptive_cart.models.strata.strata_lattice import (
    MANY,
    HyperGrid,
    HyperNodes,
    ladder,
    resolution,
)
from adaptive_cart.models.strata.strata_posterior import Posterior, posterior
from adaptive_cart.nouns.records import Floats, Integers

HYPER_REACH: Final = 4.2
HYPER_STEP: Final = 1.2
SHARP_STEP: Final = 1.2
BLUR: Final = 0.6
SD_STEP: Final = 1.05
SD_REACH: Final = 8.0
NEGLIGIBLE: Final = 11.5
FINE: Final[Floats] = np.asarray((np.arange(48) + 0.5) / 48.0, dtype=np.float64)


@dataclass(frozen=True)
class HierarchicalLogistic:
    """Priors of the control logits, of the mean effect, and the scale of the half-normal of tau."""

    control_logit: Normal
    effect_mean: Normal
    effect_sd: float

    def posterior(self, successes: npt.ArrayLike, totals: npt.ArrayLike) -> Posterior:
        """Posterior of tables of counts, ``(table, arm, stratum)`` each, control first."""
        prior = StratumPrior(
            self.control_logit.mean,
            0.0,
            self.control_logit.sd,
            self.effect_mean.mean,
            self.effect_mean.sd,
            self.effect_sd,
        )
        return posterior(successes, totals, prior, lambda near: hyper_grid(near, prior))


def hyper_grid(near: Approximation, prior: StratumPrior) -> HyperGrid:
    """Nodes of tau, and of mu given each."""
    evidence = Evidence.of(near, prior)
    outer, first, gap, bend = sd_steps(evidence, prior.effect_sd)
    tables, strata = evidence.mean.shape
    lowest = np.full((tables, 2, strata), np.inf)
    highest = np.full((tables, 2, strata), -np.inf)
    wanted = np.zeros((tables, int(outer.max())), dtype=np.int64)  # nodes of mu, given each tau
    step = np.full((tables, strata), np.inf)
    centres, spreads = np.zeros(wanted.shape), np.zeros(wanted.shape)  # of mu, given each tau
    for number in np.unique(outer).tolist():
        rows = np.flatnonzero(outer == number)
        effect_sd, weight = sd_nodes(first[rows], gap[rows], bend[rows], number)
        log = evidence.log(effect_sd, rows) + np.log(weight)
        log -= log.max(axis=1, keepdims=True)
        reach = np.sqrt(np.maximum(2.0 * (log + NEGLIGIBLE), 0.0))
        each = (rows.size, number, strata)  # a table given each value of tau
        given = combine(
            np.repeat(near.precision[rows], number, axis=0),
            np.repeat(near.linear[rows], number, axis=0),
            prior,
            effect_sd.ravel(),
        )
        for side, mean, variance in (
            (0, given.mean[:, 0], given.variance[:, 0]),
            (1, given.effect_mean, given.effect_variance),
        ):
            middle = mean.reshape(each)
            width = np.sqrt(variance).reshape(each) * reach[:, :, None]
            lowest[rows, side] = (middle - width).min(axis=1)
            highest[rows, side] = (middle + width).max(axis=1)
        seen = reach > 0.0
        fine = resolution(given, prior.control_sd, effect_sd.ravel()).reshape(each)
        step[rows] = np.where(seen[:, :, None], fine, np.inf).min(axis=1)
        spread = np.sqrt(given.shared.effect_variance).reshape(rows.size, number)
        centres[rows, :number] = given.shared.effect.reshape(rows.size, number)
        spreads[rows, :number] = spread
        sharp = np.maximum(SHARP_STEP * effect_sd, BLUR * fine.min(axis=2))
        number_of = np.ceil(2 * HYPER_REACH * np.maximum(1 / HYPER_STEP, spread / sharp)) + 1
        wanted[rows, :number] = np.where(seen, number_of, 0)
    nodes = ladder(wanted.sum(axis=1), MANY)

    def place(rows: Integers, outer: int, nodes: int) -> HyperNodes:
        effect_sd, weight = sd_nodes(first[rows], gap[rows], bend[rows], outer)
        weight = weight * np.exp(-0.5 * (effect_sd / prior.effect_sd) ** 2)
        centre, spread = centres[rows, :outer], spreads[rows, :outer]
        # a tau has its share of the nodes, what the standard number has to spare included
        number = wanted[rows, :outer]
        number = number * nodes // number.sum(axis=1, keepdims=True)
        last = number.cumsum(axis=1)
        # by node: whose it is, or of none, which then counts for nothing
        each = np.concatenate([number, nodes - last[:, -1:]], axis=1)
        taus = np.tile(np.arange(outer + 1), rows.size)
        whose = taus.repeat(each.ravel()).reshape(rows.size, nodes)
        used = whose < outer
        at = np.minimum(whose, outer - 1) + outer * np.arange(rows.size)[:, None]
        node = np.arange(nodes)

        def of(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return values.take(at)

        gaps = np.maximum(of(number) - 1, 1)
        place = HYPER_REACH * (2.0 * (node - of(last - number)) / gaps - 1.0)
        effect = of(centre) + of(spread) * np.where(used, place, 0.0)
        share = of(weight * spread) / gaps * used
        share *= np.exp(-0.5 * ((effect - prior.effect_mean) / prior.effect_mean_sd) ** 2)
        share /= share.max(axis=1, keepdims=True)
        return HyperNodes(
            np.full((rows.size, 1), prior.control_mean),
            np.full((rows.size, 1), prior.control_sd),
            effect[:, None],
            of(effect_sd)[:, None],
            share[:, None],
        )

    return HyperGrid(outer, nodes, step, lowest, highest, place)


@dataclass(frozen=True)
class Evidence:
    """What the counts of each stratum alone say about its log-odds ratio, as a normal density."""

    mean: Floats  # (table, stratum)
    variance: Floats  # (table, stratum), infinite where the stratum says nothing
    prior: StratumPrior

    @classmethod
    def of(cls, near: Approximation, prior: StratumPrior) -> Evidence:
        """Take it from the normal approximation to the likelihoods."""
        seen = near.precision[:, 1] > 0.0
        control = near.precision[:, 0] + prior.control_sd**-2.0
        experimental = np.where(seen, near.precision[:, 1], 1.0)
        mean = near.linear[:, 1] / experimental
        mean -= (near.linear[:, 0] + prior.control_mean * prior.control_sd**-2.0) / control
        variance = np.where(seen, 1.0 / control + 1.0 / experimental, np.inf)
        return cls(np.where(seen, mean, 0.0), variance, prior)

    def log(self, effect_sd: Floats, rows: Integers | slice) -> Floats:
        """Log density of tau given the data, (table, node), up to a constant."""
        prior = self.prior
        spread, strata = effect_sd**2, self.mean.shape[1]
        mean, variance = self.mean[rows], self.variance[rows]
        precision = [1.0 / (spread + variance[:, s, None]) for s in range(strata)]
        total = np.full(spread.shape, prior.effect_mean_sd**-2.0)
        centre = np.full(spread.shape, prior.effect_mean * prior.effect_mean_sd**-2.0)
        for s in range(strata):
            total += precision[s]
            centre += precision[s] * mean[:, s, None]
        centre /= total
        misfit = ((centre - prior.effect_mean) / prior.effect_mean_sd) ** 2
        misfit += (effect_sd / prior.effect_sd) ** 2
        misfit += np.log(total)
        for s in range(strata):
            away = mean[:, s, None] - centre
            away *= away
            away *= precision[s]
            misfit += away
            # a stratum that says nothing has no precision
            misfit -= np.log(np.where(precision[s] > 0.0, precision[s], 1.0))
        return -0.5 * misfit


def sd_steps(evidence: Evidence, scale: float) -> tuple[Integers, Floats, Floats, Floats]:
    """Number, start, step and bend of the nodes of tau, ``(table,)`` each.

    Even steps where the evidence is far from zero; else steps that stretch with tau.
    """
    fine = SD_REACH * scale * FINE**2
    log = evidence.log(np.broadcast_to(fine, (evidence.mean.shape[0], fine.size)), slice(None))
    log -= log.max(axis=1, keepdims=True)
    density = np.exp(log) * FINE
    total = density.sum(axis=1)
    mean = (density * fine).sum(axis=1) / total
    sd = np.sqrt((density * fine**2).sum(axis=1) / total - mean**2)
    seen = log > -NEGLIGIBLE
    last = fine[fine.size - 1 - seen[:, ::-1].argmax(axis=1)]
    first = fine[seen.argmax(axis=1)]
    first = np.where(first < 2.0 * sd, 0.0, first)
    sharp = np.sqrt(evidence.variance.min(axis=1))
    step = np.minimum(SD_STEP * sd, sharp)
    even = (last - first) / step
    bend = 2.0 * sharp
    bent_step = np.minimum(0.5, SD_STEP * sd / np.hypot(bend, mean + 1.5 * sd))
    with np.errstate(invalid="ignore"):
        bent = np.where(np.isfinite(bend), np.arcsinh(last / bend) / bent_step, np.inf)
    straight = even <= bent
    outer = ladder(np.where(straight, even, bent))
    with np.errstate(invalid="ignore"):
        step = np.where(straight, last - first, np.arcsinh(last / bend)) / outer
    return outer, np.where(straight, first, 0.0), step, np.where(straight, 0.0, bend)


def sd_nodes(first: Floats, step: Floats, bend: Floats, number: int) -> tuple[Floats, Floats]:
    """Nodes of tau and their weights, ``(table, node)`` each."""
    at = first[:, None] + (np.arange(number) + 0.5) * step[:, None]
    bent = bend[:, None] > 0.0
    turned = np.where(bent, at, 0.0)
    return np.where(bent, bend[:, None] * np.sinh(turned), at), np.cosh(turned)
