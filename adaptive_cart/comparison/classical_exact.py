"""The classical design without Monte Carlo error, where the other design was enumerated too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from adaptive_cart.comparison.classical import Classical
from adaptive_cart.comparison.classical_trials import of_counts
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.estimand import true_values


@dataclass(frozen=True)
class Enumerated:
    """Operating characteristics by enumeration; bias and rmse are of the observed difference."""

    success: float
    futility: float
    n_analysed: float
    bias: float
    rmse: float
    true: float


def enumerate_classical(design: Classical, truth: Truth) -> Enumerated:
    """Enumerate the design of two arms, where looks have fixed counts and the truth is direct."""
    planned = design.planned
    assert planned is not None
    true = true_values(design.design, truth).by_arm[design.design.primary]
    rates = [value.value for value in true]
    allocation = design.design.allocation
    numbers = [
        tuple(number * ratio // sum(allocation) for ratio in allocation) for number in planned
    ]
    bounds = design.bounds(planned)
    mass = np.ones((1, 1))
    success = futility = analysed = bias = square = 0.0
    steps = [(0, 0), *numbers]
    for look, (before, now) in enumerate(pairwise(steps)):
        steps_of = [
            _binomial_steps(old, new, rate)
            for old, new, rate in zip(before, now, rates, strict=True)
        ]
        mass = steps_of[0].T @ mass @ steps_of[1]
        control, other = np.indices(mass.shape).reshape(2, -1)
        counts = np.stack([control, other], axis=1)
        seen = of_counts(counts, np.broadcast_to(np.array(now), counts.shape))
        z = (seen.z if design.higher_is_better else -seen.z).reshape(mass.shape)
        wins = z >= bounds[look]
        gives_up = np.zeros_like(wins)
        if design.futility is not None and look < len(planned) - 1:
            gives_up = ~wins & (z < design.futility)
        ends = wins | gives_up if look < len(planned) - 1 else np.ones_like(wins)
        errors = seen.estimate.reshape(mass.shape) - (rates[1] - rates[0])
        success += float(mass[wins].sum())
        futility += float(mass[gives_up].sum())
        analysed += float(mass[ends].sum()) * sum(now)
        bias += float((mass * errors)[ends].sum())
        square += float((mass * errors**2)[ends].sum())
        mass = np.where(ends, 0.0, mass)
    difference = rates[1] - rates[0]
    return Enumerated(success, futility, analysed, bias, math.sqrt(square), difference)


def _binomial_steps(before: int, now: int, rate: float) -> Floats:
    """Probability of each number of responders now, given that before, ``(before, now)``."""
    from scipy.stats import binom

    steps = np.zeros((before + 1, now + 1))
    added = binom.pmf(np.arange(now - before + 1), now - before, rate)
    for successes in range(before + 1):
        steps[successes, successes : successes + len(added)] = added
    return steps
