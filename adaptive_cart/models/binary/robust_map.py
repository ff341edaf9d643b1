"""From earlier controls to a prior for the next control arm: the meta-analytic-predictive prior.

Earlier trials say what to expect of a control, but trials differ by more than chance.  The
meta-analytic-predictive (MAP) prior is what a random-effects meta-analysis predicts for the true
rate of one trial more; and a robust one keeps some weight on knowing nothing, so that the trial's
own controls can overrule the earlier ones (Neuenschwander, Capkun-Niggli, Branson and Spiegelhalter
2010, Clin Trials 7:5, doi:10.1177/1740774509356002; Schmidli et al. 2014, Biometrics 70:1023,
doi:10.1111/biom.12242).

Model
-----
::

    responders_j | rate_j ~ Binomial(participants_j, rate_j)      study j = 1 ... J, and the new one
    logit(rate_j)         ~ Normal(centre, between)
    centre                ~ Normal(centre_mean, centre_sd)        0 and 2 unless said
    between               ~ half-normal(between_sd)               1 unless said: conservative

The MAP prior is the posterior distribution of the new study's rate.

Method
------
Integrals and no sampling.  The likelihood of a study given (centre, between) is an integral over
its own logit, by Gauss-Hermite quadrature placed at the integrand's mode and scaled by its
curvature (Liu & Pierce 1994, Biometrika 81:624).  The posterior of (centre, between) is computed by
Gauss-Legendre panels in ``between``, the first as long as the studies' own standard error and each
one four times as long as that before, and for each value on a lattice in ``centre`` of its own: two
large registries that agree leave a spike of both, beside a long tail.  The predictive density of
the logit is summed from it: a mixture of normals, except where ``between`` is small against the
spacing, where the density of the centre, interpolated, is smoothed instead.

Error: doubling all numbers of points moves mean and standard deviation of the predictive
by less than 1e-6 for the published placebo data of ankylosing spondylitis, and for one study of 0
of 5, one of 3 of 2,000, and twelve studies (tests); quantiles are read off the lattice to 2e-4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from adaptive_cart.models.binary.beta_binomial import BetaMixture
from adaptive_cart.nouns.historical import Historical
from adaptive_cart.nouns.records import Floats

_HERMITE = 24  # points of a study's own integral
_BETWEEN = 12  # points of a panel of the standard deviation between studies
_LONGER = 4.0  # times the panel before
_CLOSER, _COARSE = 5, 61  # looks for the place of the centre, and their points
_CENTRE = 201  # points of the centre
_LOGITS = 2401  # points of the predictive
_TAIL = 7.0  # standard deviations kept


@dataclass(frozen=True)
class Heterogeneity:
    """Priors of the meta-analysis, on the logit scale.

    Attributes
    ----------
    centre_mean, centre_sd
        Of the mean over studies.
    between_sd
        Of the half-normal prior of the standard deviation between studies. 1 allows rates to differ
        widely; 0.5 is for studies known to be alike.
    """

    centre_mean: float = 0.0
    centre_sd: float = 2.0
    between_sd: float = 1.0

    def __post_init__(self) -> None:
        for name in ("centre_sd", "between_sd"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} must be positive; found {value}")
        if not math.isfinite(self.centre_mean):
            raise ValueError(f"centre_mean must be a number; found {self.centre_mean}")


@dataclass(frozen=True)
class Predictive:
    """Distribution of the true rate of a new control arm, on a fine lattice of its logit.

    Attributes
    ----------
    logits, density, cells
        ``(point,)``: a lattice, the density of the logit there, and how much of the logit each
        point stands for.
    between, between_weights
        ``(point,)`` standard deviation between studies and its posterior probabilities.
    """

    logits: Floats
    density: Floats
    cells: Floats
    between: Floats
    between_weights: Floats

    @cached_property
    def weights(self) -> Floats:
        """Probability of each point of the lattice; they add up to 1."""
        masses = self.density * self.cells
        return np.asarray(masses / masses.sum())

    @cached_property
    def rates(self) -> Floats:
        """The lattice as rates, ``(point,)``."""
        return np.asarray(special.expit(self.logits))

    @cached_property
    def _below(self) -> Floats:
        half = 0.5 * self.weights
        return np.cumsum(self.weights) - half

    def mean(self) -> float:
        """Mean rate."""
        return float(self.weights @ self.rates)

    def sd(self) -> float:
        """Standard deviation of the rate."""
        return math.sqrt(float(self.weights @ (self.rates - self.mean()) ** 2))

    def quantile(self, probability: float) -> float:
        """Rate that the new arm's lies below with this probability."""
        return float(special.expit(np.interp(probability, self._below, self.logits)))

    def below(self, rates: Floats) -> Floats:
        """Probability that the new arm's rate lies below each of these."""
        return np.interp(special.logit(rates), self.logits, self._below, left=0.0, right=1.0)


def map_predictive(
    data: Historical, heterogeneity: Heterogeneity | None = None, refine: int = 1
) -> Predictive:
    """Meta-analytic-predictive distribution of the rate of a new control arm.

    Parameters
    ----------
    refine
        Multiplies every number of quadrature points, to see that they were enough.
    """
    prior = heterogeneity or Heterogeneity()
    between, step = _half_line(prior.between_sd, _own_spread(data), _BETWEEN * refine)
    centres = _centres(data, prior, between, _CENTRE * refine)
    logs = _log_likelihood(data, centres, between, _HERMITE * refine)
    logs += (np.log(step) - 0.5 * (between / prior.between_sd) ** 2)[:, None]
    logs += np.log(centres[:, 1] - centres[:, 0])[:, None]
    logs -= 0.5 * ((centres - prior.centre_mean) / prior.centre_sd) ** 2
    joint = np.exp(logs - logs.max())
    joint /= joint.sum()
    logits, cells = _lattice(centres, between, joint, _LOGITS * refine)
    density = _predicted(centres, between, joint, logits)
    return Predictive(logits, density, cells, between, joint.sum(axis=1))


def _own_spread(data: Historical) -> float:
    """Standard deviation of the centre on the logit if the studies were all alike."""
    events, n = (np.array(part, dtype=np.float64) for part in (data.responders, data.participants))
    rates = (events + 0.5) / (n + 1.0)
    return 1.0 / math.sqrt(float((n * rates * (1.0 - rates)).sum()))


def _half_line(sd: float, smallest: float, points: int) -> tuple[Floats, Floats]:
    """Nodes and weights on (0, 7 sd): a panel up to the smallest scale, then ever longer ones.

    The density of the standard deviation between studies may fall like its inverse from the
    smallest scale of the data to the largest of the prior.
    """
    edges = [0.0, min(smallest, sd)]
    while edges[-1] < _TAIL * sd:
        edges.append(min(_LONGER * edges[-1], _TAIL * sd))
    nodes, weights = np.polynomial.legendre.leggauss(points)
    low, high = np.array(edges[:-1])[:, None], np.array(edges[1:])[:, None]
    between = low + (high - low) * 0.5 * (nodes + 1.0)
    return between.ravel(), ((high - low) * 0.5 * weights).ravel()


def _centres(data: Historical, prior: Heterogeneity, between: Floats, points: int) -> Floats:
    """Logits that the mean over studies can have, ``(between, point)``, each row equally spaced.

    From ever closer looks, beginning with the whole prior range: for every standard deviation
    between studies the centre is known to another accuracy.
    """
    ends = [prior.centre_mean + side * _TAIL * prior.centre_sd for side in (-1.0, 1.0)]
    low, high = (np.full(len(between), end) for end in ends)
    for _ in range(_CLOSER):
        coarse = np.linspace(low, high, _COARSE, axis=1)
        logs = _log_likelihood(data, coarse, between, _HERMITE // 3)
        logs -= 0.5 * ((coarse - prior.centre_mean) / prior.centre_sd) ** 2
        inside = logs > logs.max(axis=1, keepdims=True) - 0.5 * _TAIL**2
        first = inside.argmax(axis=1)
        last = _COARSE - 1 - inside[:, ::-1].argmax(axis=1)
        row, spacing = np.arange(len(between)), coarse[:, 1] - coarse[:, 0]
        low, high = coarse[row, first] - spacing, coarse[row, last] + spacing
    return np.linspace(low, high, points, axis=1)


def _log_likelihood(data: Historical, centres: Floats, between: Floats, points: int) -> Floats:
    """Log likelihood of all studies, ``(between, centre)``, binomial coefficients left out.

    ``centres`` are ``(between, centre)``.
    """
    nodes, weights = np.polynomial.hermite.hermgauss(points)
    log_weights = np.log(weights) + nodes**2
    total = np.zeros(centres.shape)
    variance = between[:, None] ** 2
    for events, n in zip(data.responders, data.participants, strict=True):
        mode = centres.copy()
        for _ in range(60):
            rate = special.expit(mode)
            slope = events - n * rate - (mode - centres) / variance
            curvature = n * rate * (1.0 - rate) + 1.0 / variance
            # a whole Newton step may overshoot where the binomial is flat
            move = np.clip(slope / curvature, -1.0, 1.0)
            mode += move
            if np.abs(move).max() < 1e-8:
                break
        rate = special.expit(mode)
        scale = np.sqrt(2.0 / (n * rate * (1.0 - rate) + 1.0 / variance))
        logs = np.empty((points, *total.shape))
        for place in range(points):
            at = mode + scale * nodes[place]
            logs[place] = log_weights[place] + events * at - n * np.logaddexp(0.0, at)
            logs[place] -= 0.5 * (at - centres) ** 2 / variance
        largest = logs.max(axis=0)
        total += largest + np.log(np.exp(logs - largest).sum(axis=0))
        total += np.log(scale / between[:, None])
    return total


def _lattice(centres: Floats, between: Floats, joint: Floats, points: int) -> tuple[Floats, Floats]:
    """Logits that hold all but 1e-9 of a new study's, and the width of each one's cell.

    Equally spaced where that resolves the narrowest part, else denser about it.
    """
    kept = joint.sum(axis=1).cumsum() < 1.0 - 1e-9
    kept[0] = True
    low = float((centres[:, 0] - 6.0 * between)[kept].min())
    high = float((centres[:, -1] + 6.0 * between)[kept].max())
    narrow = float(centres[0, -1] - centres[0, 0]) / (2.0 * _TAIL)
    if (high - low) / (points - 1) <= narrow / 4.0:
        logits = np.linspace(low, high, points)
        return logits, np.full(points, logits[1] - logits[0])
    middle, scale = 0.5 * float(centres[0, 0] + centres[0, -1]), 10.0 * narrow
    even = np.linspace(
        math.asinh((low - middle) / scale), math.asinh((high - middle) / scale), points
    )
    return middle + scale * np.sinh(even), scale * np.cosh(even) * (even[1] - even[0])


def _predicted(centres: Floats, between: Floats, joint: Floats, logits: Floats) -> Floats:
    """Density of a new study's logit on a lattice."""
    from scipy.interpolate import CubicSpline

    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    weights = weights / weights.sum()
    density = np.zeros(len(logits))
    for sd, row, places in zip(between, joint, centres, strict=True):
        if row.sum() == 0.0:
            continue
        spacing = places[1] - places[0]
        reach = 8.0 * sd
        near = slice(*np.searchsorted(logits, [places[0] - reach, places[-1] + reach]))
        if sd >= spacing:
            kernel = np.exp(-0.5 * ((logits[near, None] - places) / sd) ** 2)
            density[near] += kernel @ row / (sd * math.sqrt(2.0 * math.pi))
            continue
        smooth = CubicSpline(places, np.log(np.maximum(row, 1e-300)))
        for node, weight in zip(nodes, weights, strict=True):
            at = logits[near] - sd * node
            inside = (at >= places[0]) & (at <= places[-1])
            density[near][inside] += weight * np.exp(smooth(at[inside])) / spacing
    return density


def robustified(prior: BetaMixture, weight: float, mean: float = 0.5) -> BetaMixture:
    """Mix a prior with a vague component, so that the trial's own data can overrule it.

    Parameters
    ----------
    weight
        Of the vague component: the prior probability that the earlier trials say nothing about the
        new one.
    mean
        Of the vague component, which is worth two participants: Beta(2 mean, 2 (1 - mean)), the
        uniform at one half.
    """
    if not 0.0 <= weight <= 1.0:
        raise ValueError(f"weight must be between 0 and 1; found {weight}")
    if not 0.0 < mean < 1.0:
        raise ValueError(f"mean must be between 0 and 1; found {mean}")
    if weight == 0.0:
        return prior
    if weight == 1.0:
        return BetaMixture.single(2.0 * mean, 2.0 * (1.0 - mean))
    return BetaMixture(
        (*((1.0 - weight) * part for part in prior.weights), weight),
        (*prior.a, 2.0 * mean),
        (*prior.b, 2.0 * (1.0 - mean)),
    )
