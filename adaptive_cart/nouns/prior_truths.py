"""What may be true of an endpoint, drawn from the prior of its analysis, and what follows from it.

Every parameter is the quantile of a uniform that belongs to its trial, so that a trial's truth is
the same whatever the block; each model says what of it is drawn (``prior_truths``). Times to an
event are found by inversion: an event comes when the cumulative hazard reaches a unit exponential
(Devroye 1986, Non-Uniform Random Variate Generation, section VI.2). So that times stay finite,
hazards and rates below 1e-100 count as 1e-100 and hazard ratios stay within exp(200) of one.

With several experimental arms the control's hazards are the same beside each of them. The analysis
of a pair of arms knows nothing of the others, so there a posterior probability need not be the one
given all that was seen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from scipy import special

from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.questions import OPEN, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats, Outcome
from adaptive_cart.nouns.streams import uniforms

LEAST = 1e-100  # hazard or rate, and its inverse the longest Weibull time
WIDEST = 200.0  # log hazard ratio, either way


class Mixture(Protocol):
    """A mixture of betas, or of gammas: by component a weight and two parameters."""

    @property
    def weights(self) -> Sequence[float]:
        """How likely each component is."""

    @property
    def a(self) -> Sequence[float]:
        """Their first parameter."""

    @property
    def b(self) -> Sequence[float]:
        """Their second parameter."""


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

    def lognormal(self, purpose: str, median: float, sigma: float, width: int = 1) -> Floats:
        """Lognormal values, ``(trial, width)``."""
        return np.exp(self.normal(purpose, np.log(median), sigma, width))

    def of_mixtures(
        self, mixtures: Sequence[Mixture], inverse: Callable[[Floats, Floats, Floats], Floats]
    ) -> Floats:
        """Rates of the arms, each from one component of its mixture, ``(trial, arm)``.

        Parameters
        ----------
        inverse
            Quantiles of components with parameters ``a`` and ``b`` at uniforms.
        """
        where = self.uniform("rate", len(mixtures))
        parts = [self.component(mixture, len(mixtures)) for mixture in mixtures]
        rates = [inverse(a[:, arm], b[:, arm], where[:, arm]) for arm, (a, b) in enumerate(parts)]
        return np.stack(rates, axis=1)

    def component(self, mixture: Mixture, width: int) -> tuple[Floats, Floats]:
        """Parameters of the component of a mixture that each value is of, ``(trial, width)``."""
        edges = np.cumsum(mixture.weights)[:-1]
        part = np.searchsorted(edges, self.uniform("component", width), side="right")
        return np.array(mixture.a)[part], np.array(mixture.b)[part]


AtRates: TypeAlias = Callable[[Floats], Outcome]


class PriorTruth(ABC):
    """What is true of an endpoint in every trial of a block."""

    @abstractmethod
    def outcomes(
        self, arm: Labels, stratum: Labels | None, uniforms: Floats, at_rates: AtRates
    ) -> Outcome:
        """What becomes of every participant, ``(trial, participant)``.

        Parameters
        ----------
        uniforms
            One of each participant, of which a time to an event is the quantile.
        at_rates
            The endpoint's outcomes where every participant's rate is known.
        """

    @abstractmethod
    def of(self, quantity: Quantity, shares: tuple[float, ...], open_strata: Booleans) -> Floats:
        """True value of a quantity of an arm, ``(trial,)``.

        Parameters
        ----------
        shares
            The strata's, of enrolment.
        open_strata
            ``(trial, stratum)`` over which a question about the open ones averages.
        """


class TimesOfArms(PriorTruth):
    """What is true of a time to an event."""

    @abstractmethod
    def months(self, u: Floats, arm: Labels) -> Floats:
        """Months to the event at uniforms, ``(trial, participant)``."""

    def outcomes(
        self, arm: Labels, stratum: Labels | None, uniforms: Floats, at_rates: AtRates
    ) -> Outcome:
        """Months to the event, whatever the stratum."""
        return self.months(uniforms, arm)


@dataclass(frozen=True)
class Rates(PriorTruth):
    """True probabilities, or true yearly rates, by arm and stratum.

    Attributes
    ----------
    values
        ``(trial, arm, stratum)``.
    """

    values: Floats

    @classmethod
    def pooled(cls, by_arm: Floats, strata: int) -> Rates:
        """Rates of a model by which strata share that of their arm, ``(trial, arm)``."""
        return cls(np.broadcast_to(by_arm[:, :, None], (*by_arm.shape, strata)))

    def outcomes(
        self, arm: Labels, stratum: Labels | None, uniforms: Floats, at_rates: AtRates
    ) -> Outcome:
        """The endpoint's, at every participant's own rate."""
        return at_rates(self.own(arm, stratum))

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
class Hazards(TimesOfArms):
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

    @classmethod
    def drawn(
        cls,
        cuts: tuple[float, ...],
        baseline: Mixture,
        ratio: tuple[float, float],
        arms: int,
        draws: PriorUniforms,
    ) -> Hazards:
        """Hazards from gamma priors, and log hazard ratios of the experimental arms, normal.

        Parameters
        ----------
        baseline
            Prior of the control's hazard a month, between any two cuts.
        ratio
            Mean and standard deviation.
        """
        width = len(cuts) + 1
        a, b = draws.component(baseline, width)
        hazards = np.asarray(special.gammaincinv(a, draws.uniform("baseline", width))) / b
        log_ratio = np.zeros((draws.trials, arms))
        log_ratio[:, 1:] = draws.normal("log_hazard_ratio", *ratio, arms - 1)
        return cls(cuts, np.maximum(hazards, LEAST), np.clip(log_ratio, -WIDEST, WIDEST))

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
class CuredFractions(TimesOfArms):
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


def true_quantity(
    truths: Mapping[str, PriorTruth],
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
