"""What events and exposure of others say of the logarithm of an arm's own rate, on a lattice.

Two ways to go from others to the arm. Source j had D_j events in an exposure T_j::

    meta-analytic-predictive (MAP)                       commensurate
    events_j    ~ Poisson(rate_j T_j)                    events      ~ Poisson(rate_0 T), all
    log(rate_j) ~ Normal(centre, between), new one too   rate_0      ~ Gamma(a, b)
    centre      ~ flat                                   log(rate)   ~ Normal(log(rate_0), between)

The first is Neuenschwander, Capkun-Niggli, Branson and Spiegelhalter (2010, Clin Trials 7:5,
doi:10.1177/1740774509356002); the second Hobbs, Carlin, Mandrekar and Sargent (2011, Biometrics
67:1047, doi:10.1111/j.1541-0420.2011.01564.x) and Hobbs, Sargent and Carlin (2012, Bayesian Anal
7:639, doi:10.1214/12-BA722), whose external data have the rate that the arm's own is centred at.

Method
------
Integrals and no sampling. What a source says of its logarithm is a smooth function on an equally
spaced lattice, of steps much smaller than it is wide, and being Normal about another value is a
convolution, exact on such a lattice by its Fourier transform. That is done for each of some
standard deviations between the rates, Gauss-Legendre nodes in panels that grow fourfold from the
smallest scale of the data, and summed by what the data leave of each (in the commensurate prior
they say nothing of it). Twice the points move no probability by more than 1e-6 (tests).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from adaptive_cart.models.rates.between_rates import Between
from adaptive_cart.nouns.records import Floats

_PER_SD: Final = 12  # steps of the lattice in the narrowest that any data say
_TAIL: Final = 5.0  # standard deviations to either side of the widest
_LEFT_OUT: Final = 1e-7  # probability beyond each end of what is returned


@dataclass(frozen=True)
class Seen:
    """Events, and the exposure that they were seen in, of one source."""

    events: float
    exposure: float


@dataclass(frozen=True)
class LogRates:
    """Distribution of the logarithm of a rate.

    Attributes
    ----------
    logs, weights
        ``(point,)``: equally spaced, and how probable each is; they add up to 1.
    narrow
        Standard deviation of the narrowest that the data say.
    """

    logs: Floats
    weights: Floats
    narrow: float

    def below(self, log: float) -> float:
        """Probability that the logarithm lies below a value."""
        from scipy.interpolate import CubicSpline

        step = float(self.logs[1] - self.logs[0])
        inside = min(max(log, float(self.logs[0])), float(self.logs[-1]))
        return float(CubicSpline(self.logs, self.weights / step).integrate(self.logs[0], inside))


def meta_analytic(sources: tuple[Seen, ...], between: Between, refine: int = 1) -> LogRates:
    """What a random-effects meta-analysis of the sources predicts for the arm.

    Parameters
    ----------
    refine
        Multiplies every number of points, to see that they were enough.
    """
    lattice = _Lattice.of(sources, between, 2.0, refine)
    sds, prior = between.nodes(lattice.narrow, refine)
    each = [lattice.wave(lattice.said(one)) for one in sources]
    density = np.zeros(len(lattice.logs))
    for sd, weight in zip(sds, prior, strict=True):
        centre = np.ones(len(lattice.logs))
        for wave in each:
            centre = centre * lattice.widened(wave, sd)
        density += weight * lattice.widened(lattice.wave(centre), sd)
    return lattice.found(density)


def commensurate(
    sources: tuple[Seen, ...], own: Seen, between: Between, refine: int = 1
) -> LogRates:
    """What a commensurate prior says of the arm.

    Parameters
    ----------
    own
        Shape and rate of the gamma that the external rate has before its data.
    """
    together = Seen(
        own.events + math.fsum(one.events for one in sources),
        own.exposure + math.fsum(one.exposure for one in sources),
    )
    lattice = _Lattice.of((together,), between, 1.0, refine)
    sds, prior = between.nodes(lattice.narrow, refine)
    external = lattice.said(together)
    wave = lattice.wave(external / external.sum())
    density = np.zeros(len(lattice.logs))
    for sd, weight in zip(sds, prior, strict=True):
        density += weight * lattice.widened(wave, sd)
    return lattice.found(density)


@dataclass(frozen=True)
class _Lattice:
    """Equally spaced logarithms, wide enough that nothing comes round the ends."""

    logs: Floats
    narrow: float

    @staticmethod
    def of(sources: tuple[Seen, ...], between: Between, spread: float, refine: int) -> _Lattice:
        """About what the sources have seen; ``spread`` is a variance in squares of `between`."""
        narrow = 1.0 / math.sqrt(math.fsum(one.events for one in sources) + 1.0)
        places = [math.log((one.events + 0.5) / one.exposure) for one in sources]
        # the own logarithm of few events has a tail of exp(events x log) to the left
        least = max(one.events for one in sources)
        away = _TAIL * math.sqrt(spread) * between.largest + 40.0 / max(least, 1.0) + 4.0
        low, high = min(places) - away, max(places) + away
        from scipy.fft import next_fast_len

        points = next_fast_len(math.ceil(_PER_SD * refine * (high - low) / narrow), real=True)
        return _Lattice(np.linspace(low, high, points), narrow)

    @property
    def step(self) -> float:
        return float(self.logs[1] - self.logs[0])

    def said(self, seen: Seen) -> Floats:
        """Likelihood of a source by the logarithm of its own rate, 1 where it is largest."""
        with np.errstate(over="ignore"):
            log = seen.events * self.logs - seen.exposure * np.exp(self.logs)
        found: Floats = np.exp(log - log.max())
        return found

    def wave(self, values: Floats) -> np.ndarray:
        return np.fft.rfft(values)

    def widened(self, wave: np.ndarray, sd: float) -> Floats:
        """The values of a wave, each spread about itself by a normal."""
        turns = 2.0 * math.pi * np.fft.rfftfreq(len(self.logs), self.step)
        found = np.fft.irfft(wave * np.exp(-0.5 * (sd * turns) ** 2), len(self.logs))
        return np.maximum(found, 0.0)

    def found(self, density: Floats) -> LogRates:
        """What is left, without the ends where there is nothing."""
        weights = density / density.sum()
        below = np.cumsum(weights)
        inside = (below > _LEFT_OUT) & (below < 1.0 - _LEFT_OUT)
        kept = weights[inside]
        return LogRates(self.logs[inside], kept / kept.sum(), self.narrow)
