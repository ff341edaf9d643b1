"""Scales on which Markov chains move well through gamma and beta distributions of small shape.

A vague gamma prior has a shape far below 1. Where nothing has been seen, the logarithm of the rate
then has a density that falls like exp(shape t) to the left, slowly, and like a wall to the right;
on that scale the small steps that the wall asks for make the chains crawl along the tail. The logit
of a probability under Beta(a, b) with a small a is no different. So the chains move in y, with::

    log(rate) or logit(probability) = wall + mean y - half (sqrt(1 + y^2) - 1)

whose slope goes from 1 / shape far to the left (mean + half) to 1 far to the right (mean - half):
both tails then fall within a few units of y. Events that have been seen add to the shape: from one
on the left tail is short, y is the logarithm or logit itself, and a chain that starts a unit of y
away starts near. The distribution is the same on any scale; only the sampler's work differs.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def log_scale(shape: Any, wall: Any, events: Any) -> dict[str, Any]:
    """Return what a ``pymc.Gamma`` takes to be sampled on that scale; nothing where it need not.

    Parameters
    ----------
    shape
        Of the gamma prior.
    wall
        Logarithm of where the density begins to fall, of the form of the variable.
    events
        Seen at this very rate, of the same form.
    """
    return _scale(shape, wall, events, probability=False)


def logit_scale(shape: Any, wall: Any, events: Any) -> dict[str, Any]:
    """Return the same for a ``pymc.Beta`` whose first parameter is the shape."""
    return _scale(shape, wall, events, probability=True)


def _scale(shape: Any, wall: Any, events: Any, probability: bool) -> dict[str, Any]:
    if (np.asarray(shape) >= 1.0).all():
        return {}
    from pymc.logprob.transforms import Transform
    from pytensor import tensor as pt

    left = pt.minimum(shape + events, 1.0)
    mean, half = (1.0 / left + 1.0) / 2.0, (1.0 / left - 1.0) / 2.0

    class TailScale(Transform):  # type: ignore[misc]
        name = "scale"
        ndim_supp = 0

        def forward(self, value: Any, *inputs: Any) -> Any:
            linked = pt.log(value) - (pt.log1p(-value) if probability else 0.0)
            away = linked - wall - half
            inside = (mean * away) ** 2 - (away**2 - half**2) / left
            # never below 0 but by rounding
            return left * (mean * away + pt.sqrt(pt.maximum(inside, 0.0)))

        def backward(self, value: Any, *inputs: Any) -> Any:
            linked = self._linked(value)
            return pt.sigmoid(linked) if probability else pt.exp(linked)

        def log_jac_det(self, value: Any, *inputs: Any) -> Any:
            linked = self._linked(value)
            slope = mean - half * value / pt.sqrt(1.0 + value**2)
            inside = -pt.softplus(linked) - pt.softplus(-linked) if probability else linked
            return inside + pt.log(slope)

        def _linked(self, value: Any) -> Any:
            return wall + mean * value - half * (pt.sqrt(1.0 + value**2) - 1.0)

    return {"default_transform": TailScale()}
