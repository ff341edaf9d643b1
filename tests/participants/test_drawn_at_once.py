"""Arms by shares and responses by arms, drawn for a block at once, against one after the other."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from adaptive_cart.endpoints.direct.response import Response
from adaptive_cart.nouns.streams import Latents
from adaptive_cart.participants import randomisation
from adaptive_cart.participants.randomisation import drawn_arms


def arm_of(u, shares):
    """The first arm up to which the shares come to more than a uniform; the last that has one."""
    upper, last = 0.0, 0
    for arm, share in enumerate(shares):
        upper += share
        last = arm if share > 0 else last
        if u < upper:
            return arm
    return last


@pytest.mark.parametrize("at_once", [1, 100, 2**16])
def test_an_arm_is_drawn_by_the_running_sum_of_the_shares(monkeypatch, at_once):
    monkeypatch.setattr(randomisation, "AT_ONCE", at_once)
    rng = np.random.default_rng(1)
    shares = rng.dirichlet([0.5] * 4, 30) * (rng.random((30, 4)) < 0.7)
    shares[:, 1] += 0.01
    shares /= shares.sum(axis=1, keepdims=True)
    u = rng.random((30, 24))
    u[:, 0], u[:, 1] = 0.0, np.nextafter(1.0, 0.0)
    found = drawn_arms(u[:, :], shares)
    expected = [[arm_of(x, own) for x in row] for row, own in zip(u, shares, strict=True)]
    assert (found == expected).all()
    assert drawn_arms(u[:, 24:], shares).shape == (30, 0)


@pytest.mark.parametrize(
    "chances",
    [[0.3, 0.3], [0.2, 0.5, 0.2, 0.4], [0.0, 1.0, 0.4], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2]],
    ids=str,
)
def test_whoever_has_a_uniform_below_the_probability_of_the_arm_responds(chances):
    latents = Latents(3, 0, 20, 16)
    arm = np.random.default_rng(2).integers(0, len(chances), (20, 16)).astype(np.int8)
    for values in (chances, chances[::-1], chances):  # one scenario after the other
        drawing = SimpleNamespace(
            trend=(), values=[(chance,) for chance in values], arm=arm, stratum=None, name="dfr",
            latents=latents, uniforms=lambda: latents.of("outcome:dfr"),
        )  # fmt: skip
        found = Response().draw(drawing)
        assert (found == (latents.of("outcome:dfr") < np.array(values)[arm])).all()
