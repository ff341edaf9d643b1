"""Fits that are verified: one for all that is asked of the data, lengthened where it must be."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from adaptive_cart.models.sampling import Fit
from adaptive_cart.verification import verified_fits
from adaptive_cart.verification.verified_fits import (
    DRAWS,
    LEAST_MORE,
    Fitting,
    Took,
    in_all,
    read,
    written,
)


class Compiled:
    """Stands for a compiled model: independent draws, a second of each fit."""

    seconds = 7.0
    drawn: list[tuple[int, int]]

    def __init__(self, reference: Any, data: Any) -> None:
        self.reference = reference
        self.drawn = reference.drawn

    def fit(self, data: Any, *, seed: int, chains: int, tune: int, draws: int) -> Fit:
        self.drawn.append((seed, draws))
        values = np.random.default_rng(seed).normal(data["seen"][0], 1.0, (chains, draws))
        found = Fit({"x": values}, 0, {}, {}, derived=self.reference.asked_with, seconds=1.0)
        return found.asked_with(data, self.reference.asked_with)


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("arviz", reason="needs the `reference` extra")
    monkeypatch.setattr(verified_fits, "Compiled", Compiled)
    return SimpleNamespace(asked_with=("shares",), form=lambda data: None, drawn=[])


def data(seen: float, *shares: float) -> dict[str, Any]:
    return {"seen": np.array([seen]), "shares": np.array(shares)}


@pytest.mark.reference
def test_questions_of_the_same_data_share_a_fit(reference: Any) -> None:
    fitting, fits = Fitting(), {}

    def fit(of: dict[str, Any], draws: int) -> Fit:
        found, trouble = fitting.fit(fits, "y", "a model", reference, of, draws, 5)
        assert trouble is None
        return found

    one, other = fit(data(0.0, 0.2, 0.8), 0), fit(data(0.0, 0.5, 0.5), 100)
    assert reference.drawn == [(5, DRAWS)]
    assert np.array_equal(one.draws["x"], other.draws["x"])
    for found, shares in ((one, [0.2, 0.8]), (other, [0.5, 0.5])):
        assert found.draws["shares"].shape == (4, DRAWS, 2)
        assert found.draws["shares"][3, -1].tolist() == shares

    longer = fit(data(0.0, 0.2, 0.8), DRAWS + 1)
    assert reference.drawn[1:] == [(5 + DRAWS, LEAST_MORE)], (
        "a warm-up for one draw is not worth it"
    )
    assert np.array_equal(longer.draws["x"][:, :DRAWS], one.draws["x"])
    assert longer.draws["shares"].shape == (4, DRAWS + LEAST_MORE, 2)
    assert (longer.draws["shares"] == [0.2, 0.8]).all()
    assert longer.diagnostics().trouble is None
    assert fit(data(0.0, 0.5, 0.5), 0).length == longer.length

    fit(data(1.0, 0.2, 0.8), 0)
    assert len(reference.drawn) == 3, "of other data another fit"
    took = fitting.taken()["a model"]
    assert (took.compiled, took.compiling, took.fits, took.sampling) == (1, 7.0, 2, 3.0)
    assert took.draws == 4 * (2 * DRAWS + LEAST_MORE)
    assert 0.8 * took.draws < took.effective < 1.2 * took.draws
    assert fitting.taken() == {}


def test_what_fits_took_is_added_up_and_comes_back_as_it_was_written() -> None:
    one, other = Took(1, 7.25, 2, 3.5, 100, 50.0), Took(1, 6.0, 1, 0.5, 20, 10.0)
    both = in_all([{"a": one}, {"a": other, "b": other}])
    assert both == {"a": Took(2, 13.25, 3, 4.0, 120, 60.0), "b": other}
    assert read(written(both)) == both | {"a": Took(2, 13.2, 3, 4.0, 120, 60.0)}
    assert both["a"].words("a model") == (
        "a model: 3 fits in 4 s of processor time, compiled 2 times in 13 s; "
        "40 draws a fit, 20 effective"
    )
    assert (
        Took(1, 7.0).words("a model")
        == "a model: 0 fits in 0 s of processor time, compiled 1 times in 7 s"
    )
