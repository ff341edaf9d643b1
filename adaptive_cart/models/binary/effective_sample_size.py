"""What a prior of a probability is worth, counted in participants.

A Beta(a, b) prior is worth a + b participants, a of them responders; on that definitions agree.
For a mixture, such as a robust prior from earlier controls, they do not, and a protocol has to name
the one it uses:

* **Expected local information ratio** (ELIR), `expected_local_information_ratio`: the information
  in the prior, i(p) = -(log p)'', divided by that in one participant, 1 / (p (1 - p)), averaged
  over the prior.  The only one of the four that is predictively consistent: after n participants
  whose outcomes follow the prior predictive distribution, it is on average n larger.
  Neuenschwander, Weber, Schmidli and O'Hagan (2020), Biometrics 76:578, doi:10.1111/biom.13252.
* **Moments**, `by_moments`: the a + b of the beta with the prior's mean and variance.  Small for
  mixtures with a vague part, since its tails make the variance.
* **Curvature at the mode**, `by_curvature`: the information at the prior's mode beyond that of a
  beta of size 1/100 with the same mean as the mode, divided by the expected information in one
  participant there.  Large for mixtures with a sharp part.  Morita, Thall and Müller (2008),
  Biometrics 64:595, taken at the mode as in Neuenschwander et al. (2020).
* **Variance ratio**, `borrowing`: n V1 / V2, where n is the planned number in the arm, V1 the
  posterior variance without borrowing and V2 that with the prior.  FDA (2010), Guidance for the Use
  of Bayesian Statistics in Medical Device Clinical Trials, section 7.1.  It depends on the data,
  which are not there yet: both are taken at n times an assumed rate responders, without rounding;
  by default the rate is the prior's mean.  "Without borrowing" is the limit of a beta prior worth
  nobody, V1 = rate (1 - rate) / (n + 1), since near 0 or 1 any proper prior moves the rate and with
  it the variance.  What exceeds n are participants borrowed from the prior: of a Beta(a, b) at its
  own mean (a + b) n / (n + 1), of a robust prior in conflict with the data few, or less than none.

Method
------
The average is an integral over log odds y = 2 sinh(t), by the trapezoidal rule, which converges
geometrically for integrands that are analytic and decay doubly exponentially (Trefethen & Weideman
2014, SIAM Review 56:385).  With s the density of p and G, H the derivatives of the log density of
each component times p (1 - p) and its square, G = (a - 1)(1 - p) - (b - 1) p and
H = -(a - 1)(1 - p)^2 - (b - 1) p^2, the integrand is s [(mean G)^2 - mean(H + G^2)], the means over
components by their shares of the density at p.  (The bracket is the mean of -H less the variance of
G, which does not cancel in the tails.)

The integral diverges where some a or b is below 1, and nan is given.  Taken of the log odds instead
it exists for more mixtures (with the second-smallest a and b above 1); where both exist it is
larger by the prior's density at 0 and at 1, which is nothing unless some a or b is 1.  A single
beta has a + b on either scale, also where the integral on the first does not exist.

Checked against the values that the R package RBesT publishes for its method of the same name
(tests): 0.2 Beta(1, 1) + 0.8 Beta(10, 2) is worth 7.65152, 3.161034 and 8.487603 by information,
moments and curvature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from adaptive_cart.models.binary.beta_binomial import BetaMixture
from adaptive_cart.nouns.records import Floats

Scale = Literal["probability", "log_odds"]

_FARTHEST = 700.0  # log odds; exp(-700) is still a number
_STEP = 1.0 / 64.0
_RESOLVED, _FINEST = 0.6, 2.0**-20  # of a component's standard deviation; and the end of it
_FLAT = 100.0  # the beta that curvature is compared with has this fraction of a participant


def expected_local_information_ratio(prior: BetaMixture, scale: Scale = "probability") -> float:
    """Participants that a prior is worth on average over its own values.

    Parameters
    ----------
    scale
        Of the parameter whose information is meant: the probability, as published for betas, or its
        log odds, where it exists for more mixtures.

    Returns
    -------
        nan where the average does not exist.
    """
    parts = _merged(prior)
    if len(parts.weights) == 1:
        return parts.a[0] + parts.b[0]
    if not _exists(parts, scale):
        return math.nan
    less = 1.0 if scale == "probability" else 0.0
    a, b = np.array(parts.a)[:, None] - less, np.array(parts.b)[:, None] - less
    step = _step(parts)
    t = np.arange(-math.asinh(_FARTHEST / 2.0), math.asinh(_FARTHEST / 2.0), step)
    y = 2.0 * np.sinh(t)
    log_p, log_q = special.log_expit(y), special.log_expit(-y)
    p, q = np.exp(log_p), np.exp(log_q)
    logs = np.log(np.array(parts.weights))[:, None] + a * log_p + b * log_q
    logs -= special.betaln(np.array(parts.a), np.array(parts.b))[:, None]
    total = special.logsumexp(logs, axis=0)
    shares = np.exp(logs - total)
    first = a * q - b * p
    second = -a * q**2 - b * p**2 if less else -(a + b) * p * q
    centre = (shares * first).sum(axis=0)
    information = -(shares * second).sum(axis=0) - (shares * (first - centre) ** 2).sum(axis=0)
    log_measure = total if less else total - log_p - log_q
    with np.errstate(over="ignore", invalid="ignore"):
        integrand = np.where(information == 0.0, 0.0, np.exp(log_measure) * information)
    return float(math.fsum(integrand * 2.0 * np.cosh(t)) * step)


def _step(parts: BetaMixture) -> float:
    """Step in t that resolves every component, halved as often as the sharpest one needs."""
    step = _STEP
    for a, b in zip(parts.a, parts.b, strict=True):
        spread = math.sqrt(special.polygamma(1, a) + special.polygamma(1, b))  # of the log odds
        centre = special.digamma(a) - special.digamma(b)
        width = spread / (2.0 * math.cosh(math.asinh(0.5 * float(centre))))
        while step > _RESOLVED * width and step > _FINEST:
            step *= 0.5
    return step


def _merged(prior: BetaMixture) -> BetaMixture:
    """The same mixture without empty components, equal ones put together."""
    sums: dict[tuple[float, float], float] = {}
    for weight, a, b in zip(prior.weights, prior.a, prior.b, strict=True):
        if weight > 0.0:
            sums[a, b] = sums.get((a, b), 0.0) + weight
    total = math.fsum(sums.values())
    return BetaMixture(
        tuple(weight / total for weight in sums.values()),
        tuple(a for a, _ in sums),
        tuple(b for _, b in sums),
    )


def _exists(prior: BetaMixture, scale: Scale) -> bool:
    """Whether the average information ratio of a mixture is finite."""
    for parameters in (prior.a, prior.b):
        different = sorted(set(parameters))
        if scale == "probability" and different[0] < 1.0:
            return False
        if scale == "log_odds" and len(different) > 1 and different[1] <= 1.0:
            return False
    return True


def moments(prior: BetaMixture) -> tuple[float, float]:
    """Mean and variance of the probability under a prior."""
    mean = prior.mean()
    variance = math.fsum(
        weight * (a * b / ((a + b) ** 2 * (a + b + 1.0)) + (a / (a + b) - mean) ** 2)
        for weight, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
    )
    return mean, variance


def by_moments(prior: BetaMixture) -> float:
    """Size a + b of the beta that has the prior's mean and variance."""
    mean, variance = moments(prior)
    others = math.fsum(
        weight * b / (a + b) for weight, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
    )
    return mean * others / variance - 1.0


def by_curvature(prior: BetaMixture) -> float:
    """Information at the prior's mode in participants; nan where the mode is 0 or 1."""
    mode = _mode(prior)
    if mode is None:
        return math.nan
    at = np.array([mode])
    logs, first, second = _derivatives(prior, at)
    shares = np.exp(logs - special.logsumexp(logs, axis=0))
    centre = (shares * first).sum(axis=0)
    spread = (shares * (first - centre) ** 2).sum(axis=0)
    information = float((-(shares * second).sum(axis=0) - spread)[0])
    flat_a, flat_b = mode / _FLAT, (1.0 - mode) / _FLAT
    flat = (flat_a - 1.0) / mode**2 + (flat_b - 1.0) / (1.0 - mode) ** 2
    mean = prior.mean()
    expected = mean / mode**2 + (1.0 - mean) / (1.0 - mode) ** 2
    return (information - flat) / expected


def _derivatives(prior: BetaMixture, at: Floats) -> tuple[Floats, Floats, Floats]:
    """Log weighted density of each component, and the first two derivatives of its log density."""
    weights = np.array(prior.weights)[:, None]
    a, b = np.array(prior.a)[:, None], np.array(prior.b)[:, None]
    with np.errstate(divide="ignore"):
        logs = np.log(weights) + special.xlogy(a - 1.0, at) + special.xlog1py(b - 1.0, -at)
    logs = logs - special.betaln(a, b)
    first = (a - 1.0) / at - (b - 1.0) / (1.0 - at)
    second = -(a - 1.0) / at**2 - (b - 1.0) / (1.0 - at) ** 2
    return logs, first, second


def _mode(prior: BetaMixture) -> float | None:
    """Probability at which the prior's density is largest, if it lies inside (0, 1)."""
    low, high = 0.0, 1.0
    for _ in range(6):  # each round looks 2,000 times closer
        grid: Floats = low + (high - low) * (np.arange(4000.0) + 0.5) / 4000.0
        density = special.logsumexp(_derivatives(prior, grid)[0], axis=0)
        best = int(density.argmax())
        if best in (0, 3999):
            return None
        low, high = float(grid[best - 1]), float(grid[best + 1])
        if high - low < 1e-9:  # the density is flat to rounding here
            break
    return 0.5 * (low + high)


def updated(prior: BetaMixture, successes: float, failures: float) -> BetaMixture:
    """Posterior after some responders and non-responders, which need not be whole numbers."""
    a, b = np.array(prior.a), np.array(prior.b)
    seen = np.asarray(successes), np.asarray(successes + failures)
    logs = prior.log_weights(*seen) + special.betaln(a + successes, b + failures)
    logs = logs - special.betaln(a, b)
    weights = np.exp(logs - special.logsumexp(logs))
    weights = weights / weights.sum()
    return BetaMixture(
        tuple(weights.tolist()), tuple((a + successes).tolist()), tuple((b + failures).tolist())
    )


@dataclass(frozen=True)
class Borrowing:
    """What a prior adds to the participants of an arm, by the ratio of posterior variances.

    Attributes
    ----------
    participants, rate
        Number in the arm, and share of responders among them that is assumed.
    alone, variance
        Of the posterior without borrowing (V1) and with the prior (V2).
    """

    participants: int
    rate: float
    alone: float
    variance: float

    @property
    def effective_sample_size(self) -> float:
        """Participants that the arm and its prior are worth together, n V1 / V2."""
        return self.participants * self.alone / self.variance

    @property
    def borrowed(self) -> float:
        """What of it comes from the prior."""
        return self.effective_sample_size - self.participants

    @property
    def too_informative(self) -> bool:
        """Whether more is borrowed than the arm has participants of its own."""
        return self.borrowed > self.participants


def borrowing(
    prior: BetaMixture,
    participants: int,
    rate: float | None = None,
) -> Borrowing:
    """Participants borrowed from a prior when an arm of this size has been observed.

    Parameters
    ----------
    rate
        Share of responders that the arm is assumed to show, between 0 and 1; the prior's mean if
        left out. The number of responders is taken as it comes, without rounding.
    """
    if participants < 1:
        raise ValueError(f"an arm needs participants; found {participants}")
    share = prior.mean() if rate is None else rate
    if not 0.0 < share < 1.0:
        raise ValueError(f"rate must lie between 0 and 1; found {share}")
    after = updated(prior, participants * share, participants * (1.0 - share))
    alone = share * (1.0 - share) / (participants + 1.0)
    return Borrowing(participants, share, alone, moments(after)[1])


@dataclass(frozen=True)
class EffectiveSampleSizes:
    """One prior's worth in participants by every definition; nan where one does not exist.

    Attributes
    ----------
    open_edge
        Whether a component, other than the uniform, has a density at 0 or 1. What lies at the edge
        is no curvature of the density, so that `information` misses it and may even be negative.
    """

    information: float
    information_on_log_odds: float
    moments: float
    curvature: float
    open_edge: bool
    borrowing: Borrowing | None = None

    @property
    def quoted(self) -> float:
        """The one to quote: the expected local information ratio.

        Of the probability; of its log odds where it exists only there, or where what lies at an
        open edge is missed. By moments where neither exists.
        """
        known = [math.nan if self.open_edge else self.information, self.information_on_log_odds,
                 self.moments]  # fmt: skip
        return next(value for value in known if not math.isnan(value))

    def words(self) -> str:
        """Say them in one line, with the definition of each."""
        known = [math.nan if self.open_edge else self.information, self.information_on_log_odds]
        kinds = ["ELIR", "ELIR of the log odds"]
        best = next((k for k, value in enumerate(known) if not math.isnan(value)), None)
        if best is None:
            said = f"{self.moments:.1f} (moments; no ELIR with parameters below 1)"
        elif f"{known[best]:.1f}" == f"{self.moments:.1f}":
            said = f"{self.moments:.1f}"
        else:
            said = f"{known[best]:.1f} ({kinds[best]}, to be quoted); {self.moments:.1f} by moments"
        added = self.borrowing
        if added is None or said == f"{self.moments:.1f}":  # it would say the same once more
            return said
        return (
            f"{said}; at {added.participants} participants {added.borrowed:+.1f} borrowed (V1/V2)"
        )


def effective_sample_sizes(
    prior: BetaMixture, participants: int | None = None
) -> EffectiveSampleSizes:
    """Participants that a prior is worth, by every definition.

    Parameters
    ----------
    participants
        Planned number in the arm, for the variance ratio; left out without one.
    """
    return EffectiveSampleSizes(
        information=expected_local_information_ratio(prior),
        information_on_log_odds=expected_local_information_ratio(prior, "log_odds"),
        moments=by_moments(prior),
        curvature=by_curvature(prior),
        open_edge=any(
            min(a, b) <= 1.0 and max(a, b) > 1.0 for a, b in zip(prior.a, prior.b, strict=True)
        ),
        borrowing=borrowing(prior, participants) if participants else None,
    )
