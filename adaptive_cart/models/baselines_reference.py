"""Baselines in PyMC, for the proportion of participants whose change lies beyond a value."""

from __future__ import annotations

from typing import Any

import numpy as np

from adaptive_cart.models.reference import Draws
from adaptive_cart.nouns.questions import Cut
from adaptive_cart.nouns.records import Floats


def add_baselines(number: Any, squares: Any) -> None:
    """Add the baselines of all who are analysed, about their mean, to the model that is open.

    Parameters
    ----------
    number, squares
        How many, and their sum of squares about their mean.
    """
    import pymc as pm

    left = pm.ChiSquared("baseline_squares", nu=pm.math.maximum(number - 1.0, 1.0))
    away = pm.Normal("baseline_away")
    sd = pm.Deterministic("baseline_sd", pm.math.sqrt(squares / left))
    pm.Deterministic("baseline_mean", sd * away / pm.math.sqrt(pm.math.maximum(number, 1.0)))


def beyond(
    cut: Cut,
    draws: Draws,
    mean: Floats,
    slope: Floats,
    variance: Floats,
) -> Floats:
    """Proportion of participants whose change lies beyond a cut, draw by draw.

    Parameters
    ----------
    mean, slope, variance
        Mean change at the mean baseline, its slope on the baseline, and the variance about it.
    """
    from scipy import stats

    mean = mean + slope * draws["baseline_mean"]
    variance = variance + slope**2 * draws["baseline_sd"] ** 2
    changes = stats.norm(mean, np.sqrt(variance))
    found: Floats = changes.cdf(cut.value) if cut.lower else changes.sf(cut.value)
    return found
