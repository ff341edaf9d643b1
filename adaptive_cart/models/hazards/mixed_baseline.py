"""A baseline hazard whose prior is a mixture of gammas, as what is borrowed leaves it.

Given the component everything is as in :mod:`adaptive_cart.models.hazards.piecewise_exponential`,
so that the posterior of the log hazard ratio is a mixture of theirs. With D events in all arms and
w_i, a_i, b_i of the component, its weight is up to a constant::

    w_i  b_i ** a_i  Gamma(a_i + D) / Gamma(a_i)  integral of the component's density over beta

where w_i may be set by the control's own events and months (the self-adapting mixture). Given the
hazard ratios, too, a baseline hazard is a mixture of gammas: a component is drawn, then the hazard.
The control stands first in every table, and there is one interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.draws import MIDDLES
from adaptive_cart.models.hazards.log_ratio_panels import FURTHEST, normal_scores
from adaptive_cart.models.hazards.log_ratio_posterior import Posterior
from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
from adaptive_cart.models.rates.gamma_mixture import GammaMixture
from adaptive_cart.nouns.records import Booleans, Floats

KNOTS = 1201  # that join a distribution function, over the ranges of all components
LEAST = 1e-12  # weight of a component below which its range does not count


@dataclass(frozen=True)
class MixedBaseline(PiecewiseExponential):
    """Proportional hazards over a baseline hazard with a mixture of gammas as its prior.

    Parameters
    ----------
    baseline
        Of the heaviest component, which is where joint draws of several arms begin.
    mixture
        Prior of the baseline hazard a month.
    """

    mixture: GammaMixture = field(default_factory=lambda: GammaMixture.single(1.0, 1.0))

    @staticmethod
    def of(model: PiecewiseExponential, mixture: GammaMixture) -> PiecewiseExponential:
        """The same model with a mixture; an ordinary one where there is one component."""
        first = int(np.argmax(mixture.weights))
        baseline = mixture.a[first], mixture.b[first]
        if len(mixture.weights) == 1:
            return PiecewiseExponential(model.cuts, baseline, model.log_hazard_ratio)
        assert not model.cuts
        return MixedBaseline(model.cuts, baseline, model.log_hazard_ratio, mixture=mixture)

    @cached_property
    def parts(self) -> tuple[PiecewiseExponential, ...]:
        """The model of each component."""
        pairs = zip(self.mixture.a, self.mixture.b, strict=True)
        return tuple(PiecewiseExponential((), pair, self.log_hazard_ratio) for pair in pairs)

    @property
    def of_baseline(self) -> GammaMixture:
        """Prior of the baseline hazard a month."""
        return self.mixture

    def posterior(  # type: ignore[override]  # of a Posterior it has what is asked of one ratio
        self,
        events: npt.ArrayLike,
        time: npt.ArrayLike,
        squares: Floats | None = None,
        between: Floats | None = None,
    ) -> MixedRatio:
        """Posterior of the log hazard ratio; parameters as of one component."""
        found = [part.posterior(events, time, squares, between) for part in self.parts]
        counts, months = (np.asarray(given, dtype=np.float64) for given in (events, time))
        logs = self._log_weights(counts, months)
        return MixedRatio(found, logs + np.stack([one.log_constant for one in found], axis=1))

    def log_joint(self, events: Floats, time: Floats, others: Floats) -> Floats:
        """Logarithm of what is left of the baseline of one table at draws, up to a constant."""
        prior = self._log_weights(events[None], time[None])[0]
        shape = np.array(self.mixture.a) + events.sum()
        rate = np.array(self.mixture.b)[:, None] + time[0, 0] + others[0]
        found: Floats = special.logsumexp(prior[:, None] - shape[:, None] * np.log(rate), axis=0)
        return found

    def drawn_hazards(
        self, events: Floats, time: Floats, ratios: Floats, ranks: npt.NDArray[np.int64]
    ) -> Floats:
        """Draws of the control's hazard a month, ``(table, interval, draw)``."""
        risk = np.repeat(time[:, :1, 0], ratios.shape[-1], axis=1)
        for k in range(ratios.shape[1]):
            risk += np.exp(ratios[:, k]) * time[:, k + 1]
        uniform = np.broadcast_to(MIDDLES[ranks[0]][:, None], (*risk.shape, 1))
        return self.baseline_quantiles(events, time, risk[..., None], uniform).swapaxes(1, 2)

    def _log_weights(self, events: Floats, time: Floats) -> Floats:
        """Weights of the components before beta is integrated out, ``(table, component)``."""
        a, b = np.array(self.mixture.a), np.array(self.mixture.b)
        control = events[:, 0].sum(axis=-1), time[:, 0].sum(axis=-1)
        everybody = events.sum(axis=(1, 2))[:, None]
        logs: Floats = self.mixture.log_weights(*control) + a * np.log(b)
        return logs + special.gammaln(a + everybody) - special.gammaln(a)

    def baseline_quantiles(
        self, events: Floats, time: Floats, risk: Floats, uniform: Floats
    ) -> Floats:
        """Draws of the baseline hazard given the hazard ratios.

        One uniform says which component, and how far into it.
        """
        a, b = np.array(self.mixture.a), np.array(self.mixture.b)
        shape = a + events.sum(axis=(1, 2))[:, None]
        logs = self._log_weights(events, time)[:, None]
        rate = b + risk[..., 0, None]
        logs = logs - shape[:, None] * np.log(rate)
        weights = np.exp(logs - logs.max(axis=-1, keepdims=True))
        reached = np.cumsum(weights, axis=-1)
        wanted = uniform[..., 0] * reached[..., -1]
        which = np.minimum((reached <= wanted[..., None]).sum(axis=-1), len(a) - 1)[..., None]
        own, until = (np.take_along_axis(part, which, axis=-1) for part in (weights, reached))
        share = np.clip((wanted[..., None] - until + own) / np.maximum(own, 1e-300), 0.0, 1.0)
        share = np.clip(share, 1e-12, 1.0 - 1e-12)
        shapes = np.take_along_axis(np.broadcast_to(shape[:, None], rate.shape), which, axis=-1)
        found: Floats = special.gammaincinv(shapes, share) / np.take_along_axis(
            rate, which, axis=-1
        )
        return found


class MixedRatio:
    """Posterior of the log hazard ratio of each table: a weighted sum of posteriors.

    Attributes
    ----------
    failed
        ``(table,)`` where a component's has failed.
    weights
        ``(table, component)``.
    """

    def __init__(self, parts: Sequence[Posterior], logs: Floats) -> None:
        self._parts = parts
        self.failed: Booleans = np.logical_or.reduce([part.failed for part in parts])
        logs = np.where(self.failed[:, None], 0.0, logs)
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        self.weights: Floats = weights / weights.sum(axis=1, keepdims=True)

    def take(self, tables: npt.NDArray[np.int64]) -> MixedRatio:
        """Keep these tables only, with what is known of them."""
        kept = MixedRatio.__new__(MixedRatio)
        kept._parts = [part.take(tables) for part in self._parts]
        kept.failed, kept.weights = self.failed[tables], self.weights[tables]
        return kept

    def _over(self, values: Sequence[Floats]) -> Floats:
        found: Floats = (self.weights * np.stack(values, axis=1)).sum(axis=1)
        return np.where(self.failed, np.nan, found)

    def hazard_ratio_below(self, value: float) -> Floats:
        """Probability that the hazard ratio lies below a value, ``(table,)``."""
        return np.minimum(self._over([part.hazard_ratio_below(value) for part in self._parts]), 1.0)

    def hazard_ratio_above(self, value: float) -> Floats:
        """Probability that the hazard ratio lies above a value, ``(table,)``."""
        return np.minimum(self._over([part.hazard_ratio_above(value) for part in self._parts]), 1.0)

    def hazard_ratio_mean(self) -> Floats:
        """Posterior mean of the hazard ratio, ``(table,)``."""
        return self._over([part.hazard_ratio_mean() for part in self._parts])

    def curve(self) -> tuple[Floats, Floats]:
        """Log hazard ratios, rising, and normal scores of being below them, (table, knot) each."""
        ends = [part.on_panels.range() for part in self._parts]
        low, high = (np.stack(side, axis=1) for side in zip(*ends, strict=True))
        small = self.weights < LEAST
        first = np.where(small, np.inf, low).min(axis=1)[:, None]
        last = np.where(small, -np.inf, high).max(axis=1)[:, None]
        values = first + (last - first) * np.linspace(0.0, 1.0, KNOTS)
        density = np.zeros_like(values)
        for weight, part in zip(self.weights.T, self._parts, strict=True):
            density += weight[:, None] * part.on_panels.density(values)
        scores = normal_scores(density)
        return np.where(self.failed[:, None], np.nan, values), np.clip(scores, -FURTHEST, FURTHEST)

    def log_density(self, table: int, beta: Floats) -> Floats:
        """Logarithm of the density of one table at some log hazard ratios, up to a constant."""
        logs = [
            np.log(max(self.weights[table, place], 1e-300))
            + part.log_density(table, beta)
            - part.log_constant[table]
            for place, part in enumerate(self._parts)
        ]
        found: Floats = special.logsumexp(np.stack(logs), axis=0)
        return found
