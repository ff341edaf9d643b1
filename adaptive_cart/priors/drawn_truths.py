"""What may be true of an endpoint, drawn from its analysis prior, and the outcomes that follow.

=======================  =========================================================================
binary endpoints         a probability by arm (and stratum): `beta_binomial`, `logistic`,
                         `hierarchical_logistic`
an event rate            a yearly rate by arm from its gamma prior: `gamma_poisson`
a time to event          hazards of the control between the cuts, each from the gamma prior, and for
                         each experimental arm a log hazard ratio: `piecewise_exponential`; or by
                         arm a cured fraction and the others' Weibull time: `weibull_cure`
=======================  =========================================================================

Every parameter is the quantile of a uniform that belongs to its trial, so that a trial's truth is
the same whatever the block. Times to an event are found by inversion: an event comes when the
cumulative hazard reaches a unit exponential (Devroye 1986, Non-Uniform Random Variate Generation,
section VI.2). So that times stay finite, hazards and rates below 1e-100 count as 1e-100 and hazard
ratios stay within exp(200) of one.

With several experimental arms the control's hazards are the same beside each of them. The analysis
of a pair of arms knows nothing of the others, so there a posterior probability need not be the one
given all that was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy import special

from adaptive_cart.models import AnalysisBase
from adaptive_cart.models.binary.beta_binomial import BetaBinomial
from adaptive_cart.models.durability.weibull_cure_analysis import WeibullCureAnalysis
from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
from adaptive_cart.models.hazards.piecewise_exponential_analysis import PiecewiseExponentialAnalysis
from adaptive_cart.models.rates.arm_rates import ArmRates
from adaptive_cart.models.rates.gamma_mixture import GammaMixture
from adaptive_cart.models.rates.gamma_poisson_analysis import GammaPoissonAnalysis
from adaptive_cart.models.strata.logistic_analysis import (
    HierarchicalLogisticAnalysis,
    LogisticAnalysis,
)
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.questions import OPEN, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.streams import uniforms

LEAST = 1e-100  # hazard or rate, and its inverse the longest Weibull time
WIDEST = 200.0  # log hazard ratio, either way


@dataclass(frozen=True)
class PriorUniforms:
    """The uniforms with which the truths of one endpoint are drawn, a stretch of them a trial.

    Attributes
    ----------
    first
        Number of the first trial of the block.
    name
        Of the endpoint, which keys the stream.
    """

    seed: int
    first: int
    trials: int
    name: str

    def uniform(self, purpose: str, width: int = 1) -> Floats:
        """Uniforms strictly between 0 and 1, ``(trial, width)``."""
        stream = f"prior:{self.name}:{purpose}"
        drawn = uniforms(self.seed, stream, self.first, self.trials, width)[:, :width]
        return np.clip(drawn, 1e-16, 1.0 - 1e-16)

    def normal(self, purpose: str, mean: float, sd: float, width: int = 1) -> Floats:
        """Normal values, ``(trial, width)``."""
        return mean + sd * np.asarray(special.ndtri(self.uniform(purpose, width)))

    def gamma(self, purpose: str, shape: float, rate: float, width: int = 1) -> Floats:
        """Gamma values, ``(trial, width)``."""
        return np.asarray(special.gammaincinv(shape, self.uniform(purpose, width))) / rate

    def lognormal(self, purpose: str, median: float, sigma: float, width: int = 1) -> Floats:
        """Lognormal values, ``(trial, width)``."""
        return np.exp(self.normal(purpose, np.log(median), sigma, width))


@dataclass(frozen=True)
class Rates:
    """True probabilities, or true yearly rates, by arm and stratum.

    Attributes
    ----------
    values
        ``(trial, arm, stratum)``.
    """

    values: Floats

    def own(self, arm: Labels, stratum: Labels | None) -> Floats:
        """Every participant's rate, ``(trial, participant)``."""
        trial = np.arange(len(self.values))[:, None]
        where = np.zeros(arm.shape, dtype=np.int8) if stratum is None else stratum
        return self.values[trial, arm, where]

    def of(self, quantity: Quantity, shares: tuple[float, ...], open_strata: Booleans) -> Floats:
        """True rate of an arm, ``(trial,)``."""
        if quantity.stratum >= 0:
            return self.values[:, quantity.arm, quantity.stratum]
        weight = np.broadcast_to(np.array(shares), open_strata.shape)
        if quantity.stratum == OPEN:
            weight = weight * open_strata
        by_arm = np.einsum("tas,ts->ta", self.values, weight) / weight.sum(axis=1, keepdims=True)
        return by_arm[:, quantity.arm]


@dataclass(frozen=True)
class Hazards:
    """True hazards of a time to event: constant between cuts, proportional between arms.

    Attributes
    ----------
    cuts
        Months at which the baseline hazard changes.
    baseline
        ``(trial, interval)`` hazard of the control, a month.
    log_ratio
        ``(trial, arm)`` log hazard ratio to the control, whose own is 0.
    """

    cuts: tuple[float, ...]
    baseline: Floats
    log_ratio: Floats

    def months(self, u: Floats, arm: Labels) -> Floats:
        """Months to the event: where the cumulative hazard reaches ``-log(1 - u)``.

        Parameters
        ----------
        u, arm
            ``(trial, participant)``.
        """
        trial = np.arange(len(u))[:, None]
        # on the scale of the control's hazard
        needed = -np.log(1.0 - u) / np.exp(self.log_ratio)[trial, arm]
        months = needed / self.baseline[:, :1]
        so_far, start = np.zeros((len(u), 1)), 0.0
        for interval, cut in enumerate(self.cuts):
            so_far = so_far + self.baseline[:, interval, None] * (cut - start)
            after = cut + (needed - so_far) / self.baseline[:, interval + 1, None]
            months = np.where(needed > so_far, after, months)
            start = cut
        return months

    def of(self, quantity: Quantity, shares: tuple[float, ...], open_strata: Booleans) -> Floats:
        """True hazard ratio of an arm to another, ``(trial,)``."""
        assert quantity.to is not None
        return np.exp(self.log_ratio[:, quantity.arm] - self.log_ratio[:, quantity.to])


@dataclass(frozen=True)
class CuredFractions:
    """True cured fractions of a time to event, and the Weibull time of the others.

    Attributes
    ----------
    cured, median, shape
        ``(trial, arm)``; the median, in months, is that of who is not cured.
    """

    cured: Floats
    median: Floats
    shape: Floats

    def months(self, u: Floats, arm: Labels) -> Floats:
        """Months to the event, ``(trial, participant)``, infinite for the cured."""
        trial = np.arange(len(u))[:, None]
        part = u / (1.0 - self.cured)[trial, arm]
        has_it = part < 1.0
        medians = -np.log2(1.0 - np.where(has_it, part, 0.5))
        with np.errstate(over="ignore", divide="ignore"):
            months = self.median[trial, arm] * medians ** (1.0 / self.shape)[trial, arm]
        return np.where(has_it, np.minimum(months, 1.0 / LEAST), np.inf)

    def of(self, quantity: Quantity, shares: tuple[float, ...], open_strata: Booleans) -> Floats:
        """True fraction of an arm that remains at a month, or for ever, ``(trial,)``."""
        cured, median, shape = (
            part[:, quantity.arm] for part in (self.cured, self.median, self.shape)
        )
        with np.errstate(over="ignore"):
            hazard = np.log(2.0) * (quantity.month / median) ** shape
        return cured + (1.0 - cured) * np.exp(-hazard)


Truth: TypeAlias = Rates | Hazards | CuredFractions


def true_quantity(
    truths: Mapping[str, Truth],
    question: Question,
    arms: int,
    shares: tuple[float, ...],
    open_strata: Booleans,
) -> Floats:
    """True value of what a question is about in each trial, ``(trial,)``.

    Parameters
    ----------
    truths
        By endpoint.
    arms, shares
        How many arms the design has, and the strata's shares of enrolment.
    open_strata
        ``(trial, stratum)`` over which a question about the open ones averages.
    """
    needed = question.quantities(arms)
    of = [truths[each.endpoint].of(each, shares, open_strata) for each in needed]
    return question.combine(of)


def can_be_drawn(analysis: AnalysisBase, model: object) -> bool:
    """Whether truths can be drawn from the prior of an analysis."""
    return isinstance(model, BetaBinomial) or isinstance(
        analysis,
        LogisticAnalysis
        | HierarchicalLogisticAnalysis
        | GammaPoissonAnalysis
        | PiecewiseExponentialAnalysis
        | WeibullCureAnalysis,
    )


def drawn_truth(
    analysis: AnalysisBase, model: object, arms: int, strata: int, draws: PriorUniforms
) -> Truth:
    """Draw what is true of one endpoint in every trial of a block from its analysis prior.

    Parameters
    ----------
    model
        The analysis with its priors in arm order, as the plan has it.
    arms, strata
        How many the design has.
    """
    if isinstance(analysis, PiecewiseExponentialAnalysis):
        assert isinstance(model, PiecewiseExponential)
        return _hazards(analysis, model.baseline, arms, draws)
    if isinstance(analysis, WeibullCureAnalysis):
        given = analysis.prior
        u = draws.uniform("cured", arms)
        cured = np.asarray(special.betaincinv(given.cured.a, given.cured.b, u))
        return CuredFractions(
            np.clip(cured, 0.0, 1.0 - 1e-16),
            draws.lognormal("median", given.median_months.median, given.median_months.sigma, arms),
            draws.lognormal("shape", given.shape.median, given.shape.sigma, arms),
        )
    if isinstance(analysis, GammaPoissonAnalysis):
        assert isinstance(model, ArmRates)
        yearly = np.maximum(_yearly(model.priors[:arms], draws), LEAST)
        # strata are pooled by this model: they share their arm's rate
        return Rates(np.broadcast_to(yearly[:, :, None], (*yearly.shape, strata)))
    if isinstance(model, BetaBinomial):
        return Rates(_mixtures(model, strata, draws))
    return Rates(_logistic(analysis, strata, draws))


def _yearly(priors: Sequence[GammaMixture], draws: PriorUniforms) -> Floats:
    """Yearly rates of the arms, ``(trial, arm)``."""
    where = draws.uniform("rate", len(priors))
    yearly = np.empty((draws.trials, len(priors)))
    for arm, prior in enumerate(priors):
        part = np.zeros(draws.trials, dtype=np.int64)
        if len(prior.weights) > 1:
            which = draws.uniform("component", len(priors))[:, arm]
            part = np.searchsorted(np.cumsum(prior.weights)[:-1], which, side="right")
        a, b = np.array(prior.a)[part], np.array(prior.b)[part]
        yearly[:, arm] = special.gammaincinv(a, where[:, arm]) / b
    return yearly


def _hazards(
    analysis: PiecewiseExponentialAnalysis,
    gamma: tuple[float, float],
    arms: int,
    draws: PriorUniforms,
) -> Hazards:
    ratio = analysis.prior.log_hazard_ratio
    baseline = draws.gamma("baseline", *gamma, len(analysis.cuts) + 1)
    log_ratio = np.zeros((draws.trials, arms))
    log_ratio[:, 1:] = draws.normal("log_hazard_ratio", ratio.mean, ratio.sd, arms - 1)
    return Hazards(
        tuple(analysis.cuts), np.maximum(baseline, LEAST), np.clip(log_ratio, -WIDEST, WIDEST)
    )


def _mixtures(model: BetaBinomial, strata: int, draws: PriorUniforms) -> Floats:
    arms = len(model.priors)
    which, where = draws.uniform("component", arms), draws.uniform("rate", arms)
    rates = np.empty((draws.trials, arms, 1))
    for arm, prior in enumerate(model.priors):
        edges = np.cumsum(prior.weights)[:-1]
        part = np.searchsorted(edges, which[:, arm], side="right")
        a, b = np.array(prior.a)[part], np.array(prior.b)[part]
        rates[:, arm, 0] = special.betaincinv(a, b, where[:, arm])
    # strata are pooled by this model: they share their arm's rate
    return np.broadcast_to(rates, (draws.trials, arms, strata))


def _logistic(analysis: AnalysisBase, strata: int, draws: PriorUniforms) -> Floats:
    if isinstance(analysis, LogisticAnalysis):
        parts = analysis.prior
        control = draws.normal("intercept", parts.intercept.mean, parts.intercept.sd)
        control = control + draws.normal("stratum", parts.stratum.mean, parts.stratum.sd, strata)
        effect = draws.normal("treatment", parts.treatment.mean, parts.treatment.sd)
        effect = effect + draws.normal(
            "interaction", parts.interaction.mean, parts.interaction.sd, strata
        )
    else:
        assert isinstance(analysis, HierarchicalLogisticAnalysis)
        given = analysis.prior
        control = draws.normal("control", given.control_logit.mean, given.control_logit.sd, strata)
        centre = draws.normal("effect_mean", given.effect_mean.mean, given.effect_mean.sd)
        spread = np.abs(draws.normal("effect_sd", 0.0, given.effect_sd.sd))
        effect = centre + spread * draws.normal("effect", 0.0, 1.0, strata)
    return np.asarray(special.expit(np.stack([control, control + effect], axis=1)))
