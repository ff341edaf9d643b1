"""The scales on which chains move: chains begin near the posterior, however vague the prior."""

from __future__ import annotations

import numpy as np
import pytest

from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
from adaptive_cart.models.hazards.piecewise_exponential_reference import (
    PiecewiseExponentialReference,
)
from adaptive_cart.models.reference_scales import log_scale, logit_scale
from adaptive_cart.models.sampling import Compiled

pytestmark = [pytest.mark.reference, pytest.mark.slow]

VAGUE = 0.001


@pytest.mark.parametrize("scale", [log_scale, logit_scale])
@pytest.mark.parametrize("events", [1, 14])
def test_where_events_are_seen_a_unit_of_the_scale_is_one_of_the_logarithm(scale, events):
    wall = np.log([0.001])
    transform = scale(np.array([VAGUE]), wall, np.array([events]))["default_transform"]
    for unit in (-1.0, 0.0, 1.0):
        value = transform.backward(np.array([unit])).eval()
        linked = np.log(value) - (np.log1p(-value) if scale is logit_scale else 0.0)
        assert linked == pytest.approx(wall + unit, abs=1e-12)
        assert transform.forward(value).eval() == pytest.approx([unit], abs=1e-9)


def test_where_none_is_seen_both_tails_fall_within_a_few_units():
    """To the left by 1 / shape a unit, far to the right by 1, after half of what lies between."""
    shape = 0.02
    scale = log_scale(np.array([shape]), np.array([0.0]), np.array([0]))["default_transform"]
    left, right = (float(np.log(scale.backward(np.array([y])).eval()[0])) for y in (-4.0, 400.0))
    assert left < -3.0 / shape
    assert right == pytest.approx(400.0 + (1.0 / shape - 1.0) / 2.0, abs=0.1)


def test_a_prior_that_is_not_vague_needs_no_scale():
    assert log_scale(np.array([1.0, 2.0]), np.zeros(2), np.zeros(2)) == {}


def test_no_chain_stays_where_it_began_under_a_vague_prior_of_a_hazard():
    prior = PiecewiseExponential((), (VAGUE, VAGUE), (0.0, 1.0))
    face = PiecewiseExponentialReference(prior, ("registry", "cart"))
    data = {
        "events": np.array([[14], [5]]),
        "months": np.array([[888.0], [400.0]]),
        "effects": np.array([[0.0], [1.0]]),
    }
    compiled = Compiled(face, data)
    for seed in (3, 7, 8, 9, 10, 19):
        fit = compiled.fit(data, seed=seed)
        assert fit.diagnostics().trouble is None
        assert fit.draws["baseline_hazard"].mean() == pytest.approx(14 / 888, rel=0.05)
