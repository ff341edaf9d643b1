"""The true value of an estimand in a scenario: what bias and coverage are measured against.

A direct truth gives it in closed form. The truth of a course is integrated over the latent uniforms
by randomised quasi-Monte Carlo: the very code that follows simulated participants is run on
scrambled Sobol points (Owen 1998, J Complexity 14:466), both arms on the same points, and the
spread over independent scrambles is the Monte Carlo standard error that is reported with the value.
SciPy's generator is used because its scrambling and direction numbers are well tried.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adaptive_cart.design import Design
from adaptive_cart.endpoints import Landmark
from adaptive_cart.population import populate
from adaptive_cart.records import Floats
from adaptive_cart.streams import Latents
from adaptive_cart.truth import Truth

SCRAMBLES = 16
POINTS = 2**16
DIMENSIONS = 32
SEED = 20_070_917


@dataclass(frozen=True)
class TrueValue:
    """A true value with its Monte Carlo standard error (0 where it is exact)."""

    value: float
    mcse: float


@dataclass(frozen=True)
class TrueValues:
    """True values of a scenario.

    Attributes
    ----------
    by_arm
        By endpoint, then arm: the mean outcome under unlimited follow-up.
    difference
        By endpoint, then arm: the same minus the control's, from the same participants.
    """

    by_arm: Mapping[str, tuple[TrueValue, ...]]
    difference: Mapping[str, tuple[TrueValue, ...]]


class SobolLatents(Latents):
    """Latent uniforms from scrambled Sobol points: a trial is a scramble, a participant a point."""

    def __init__(self, seed: int = SEED, scrambles: int = SCRAMBLES, points: int = POINTS) -> None:
        super().__init__(seed, 0, scrambles, points)
        self._points: npt.NDArray[np.float64] | None = None

    def of(self, purpose: str, width: int | None = None) -> Floats:
        if purpose in self._kept:
            return self._kept[purpose]
        dimension = len(self._kept)
        if dimension >= DIMENSIONS:
            return super().of(purpose)
        if self._points is None:
            from scipy.stats import qmc

            self._points = np.empty((DIMENSIONS, self.trials, self.participants))
            for scramble in range(self.trials):
                sobol = qmc.Sobol(DIMENSIONS, scramble=True, rng=self.seed + scramble)
                self._points[:, scramble, :] = sobol.random(self.participants).T
        # the first point of a scramble may round to one, which is no uniform in [0, 1)
        values = np.minimum(self._points[dimension], np.nextafter(1.0, 0.0))
        values.setflags(write=False)
        self._kept[purpose] = values
        return values


def true_values(design: Design, truth: Truth, latents: SobolLatents | None = None) -> TrueValues:
    """True mean outcomes of every endpoint by arm, and their differences from the control.

    Parameters
    ----------
    latents
        Points to integrate over; pass the same to several scenarios to draw them once.
    """
    by_arm: dict[str, tuple[TrueValue, ...]] = {}
    difference: dict[str, tuple[TrueValue, ...]] = {}
    course_fed = [name for name in design.endpoints if name not in truth.direct]
    sampled = _sampled(design, truth, course_fed, latents) if course_fed and truth.courses else {}
    for name, endpoint in design.endpoints.items():
        if name in sampled:
            arms = sampled[name]
            by_arm[name] = tuple(_mean(values) for values in arms)
            difference[name] = tuple(_mean(values - arms[0]) for values in arms)
        elif name in truth.direct and endpoint.direct_truth == "probability":
            exact = _exact(design, truth, name)
            by_arm[name] = tuple(TrueValue(value, 0.0) for value in exact)
            difference[name] = tuple(TrueValue(value - exact[0], 0.0) for value in exact)
    return TrueValues(by_arm, difference)


def _exact(design: Design, truth: Truth, name: str) -> list[float]:
    """Probability of a direct binary endpoint by arm, averaged over strata by their shares."""
    endpoint = design.endpoints[name]
    result = []
    for arm, probabilities in enumerate(truth.direct[name]):
        stays = [1.0] * len(probabilities)
        if isinstance(endpoint, Landmark) and endpoint.missing == "non_response":
            stays = [math.exp(-hazard * endpoint.month) for hazard in truth.dropout[arm]]
        terms = [p * s * w for p, s, w in zip(probabilities, stays, truth.shares, strict=True)]
        result.append(terms[0] if len(terms) == 1 else math.fsum(terms))
    return result


def _sampled(
    design: Design, truth: Truth, names: list[str], latents: SobolLatents | None
) -> dict[str, list[Floats]]:
    """By endpoint: for each arm the mean outcome of every scramble."""
    points = latents or SobolLatents()
    shape = (points.trials, points.participants)
    arrival = np.zeros(shape)
    stratum = _strata(points, truth)
    result: dict[str, list[Floats]] = {}
    for arm in range(len(truth.arms)):
        everybody = np.full(shape, arm, dtype=np.int8)
        population = populate(design, truth, points, arrival, everybody, stratum)
        for name in names:
            values = design.endpoints[name].true_values(name, population)
            if values is not None:
                result.setdefault(name, []).append(values)
    return result


def _strata(points: SobolLatents, truth: Truth) -> npt.NDArray[np.int8] | None:
    if len(truth.shares) == 1:
        return None
    edges = np.cumsum(truth.shares)[:-1]
    return np.searchsorted(edges, points.of("stratum"), side="right").astype(np.int8)


def _mean(values: Floats) -> TrueValue:
    spread = float(values.std(ddof=1)) / math.sqrt(len(values))
    return TrueValue(float(values.mean()), spread)
