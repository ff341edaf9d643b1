"""Compiling, refitting, diagnostics, files: what the reference fits stand on.

The fits are of the conjugate gamma-Poisson model, whose posterior is known: Gamma(a + events,
rate b + years) in every arm. Means agree with it within five Monte Carlo standard errors.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from adaptive_cart.errors import InputError, RunError
from adaptive_cart.models import ANALYSES, sampling
from adaptive_cart.models.sampling import Diagnostics, Fit, fitted_carefully, lengthened
from checks import assert_close_in_mcse, opened_posterior

A, B = 0.5, 5.0
TABLES = {
    "usual": {"events": np.array([3, 7]), "years": np.array([21.0, 30.5])},
    "no events": {"events": np.array([0, 0]), "years": np.array([4.0, 30.5])},
    "one participant": {"events": np.array([1, 0]), "years": np.array([0.4, 1e-9])},
}


def gamma_poisson() -> Any:
    analysis = ANALYSES["gamma_poisson"].model_validate(
        {"model": "gamma_poisson", "prior": {"a": A, "b": B}}
    )
    return analysis.reference(("soc", "cart"), (), (1.0,))


@pytest.fixture(scope="module")
def compiled() -> Any:
    pytest.importorskip("pymc", reason="needs the `reference` extra")
    return sampling.Compiled(gamma_poisson(), TABLES["usual"])


def assert_conjugate(fit: Fit, data: dict[str, Any]) -> None:
    for arm in range(2):
        shape, rate = A + data["events"][arm], B + data["years"][arm]
        mean, mcse = sampling.mean_and_error(fit.draws["rate"][..., arm])
        assert 0.0 < mcse < 0.1 * np.sqrt(shape) / rate
        assert_close_in_mcse(mean, shape / rate, mcse, f"rate of arm {arm}")


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("table", TABLES)
def test_a_compiled_model_is_refitted_to_other_data(compiled: Any, table: str) -> None:
    fit = compiled.fit(TABLES[table], seed=1)
    assert fit.diagnostics().trouble is None
    assert_conjugate(fit, TABLES[table])


@pytest.mark.slow
@pytest.mark.reference
def test_the_same_seed_gives_the_same_draws(compiled: Any) -> None:
    first, again, other = (compiled.fit(TABLES["usual"], seed=seed, draws=50) for seed in (7, 7, 8))
    assert np.array_equal(first.draws["rate"], again.draws["rate"])
    assert not np.array_equal(first.draws["rate"], other.draws["rate"])
    assert first.draws["rate"].shape == (4, 50, 2)


@pytest.mark.slow
@pytest.mark.reference
def test_where_no_chain_begins_it_is_told_in_a_line(
    compiled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*given: Any, **settings: Any) -> Any:
        raise RuntimeError("All initialization points failed\n\nCaused by: …")

    monkeypatch.setattr("nutpie.sample", nowhere)
    with pytest.raises(RunError) as told:
        compiled.fit(TABLES["usual"], seed=7)
    assert "did not draw from the posterior of rate" in str(told.value)
    assert "nutpie says 'All initialization points failed';" in str(told.value)


@pytest.mark.slow
@pytest.mark.reference
def test_a_fit_that_is_stopped_is_none(compiled: Any) -> None:
    """As if somebody had typed Ctrl-C; nutpie by itself would give what it has drawn."""
    # these tests may themselves run in the background, where Ctrl-C is ignored and inherited so
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            compiled.fit(TABLES["usual"], seed=7, chains=1, draws=3_000_000)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.reference
def test_a_saved_posterior_opens_again_with_its_names(compiled: Any, tmp_path: Path) -> None:
    fit = compiled.fit(TABLES["usual"], seed=3, draws=100)
    path = fit.save(tmp_path / "posterior")
    assert path == fit.save(tmp_path / "posterior"), "it is replaced"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    held = opened_posterior(path)
    assert np.array_equal(held["posterior"]["rate"].values, fit.draws["rate"])
    assert held["posterior"]["rate"].dims == ("chain", "draw", "arm")
    assert list(held["posterior"]["rate"].coords["arm"].values) == ["soc", "cart"]
    assert held["observed_data"]["occurrence"].values.tolist() == [3, 7]
    assert held["constant_data"]["years"].values.tolist() == [21.0, 30.5]
    assert held["sample_stats"]["diverging"].shape == (4, 100)


@pytest.mark.reference
@pytest.mark.slow
def test_without_nutpie_pymc_itself_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pymc", reason="needs the `reference` extra")
    found = sampling.util.find_spec
    monkeypatch.setattr(
        sampling.util, "find_spec", lambda name: None if name == "nutpie" else found(name)
    )
    compiled = sampling.Compiled(gamma_poisson(), TABLES["usual"])
    assert compiled.sampler == "pymc"
    for table in ("usual", "no events"):
        fit = compiled.fit(TABLES[table], seed=5)
        assert fit.sampler == "pymc"
        assert fit.diagnostics().ess_bulk > 400
        assert_conjugate(fit, TABLES[table])


@pytest.mark.reference
def test_what_pymc_has_drawn_when_it_is_stopped_is_no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    pymc = pytest.importorskip("pymc", reason="needs the `reference` extra")
    some = SimpleNamespace(sizes={"chain": 1, "draw": 7})
    monkeypatch.setattr("pymc.sample", lambda **settings: {"posterior": some})
    with pytest.raises(KeyboardInterrupt):
        sampling._drawn_by_pymc(pymc.Model(), {}, 1, {"chains": 1, "draws": 50})


@pytest.mark.reference
def test_diagnostics_of_chains_that_are_known() -> None:
    pytest.importorskip("arviz", reason="needs the `reference` extra")
    generator = np.random.default_rng(4)
    independent = generator.normal(size=(4, 1000, 2))
    good = Fit({"x": independent}, 0, {}, {}).diagnostics()
    assert good.trouble is None
    assert set(good.by_parameter) == {"x[0]", "x[1]"}
    assert 0.999 < good.r_hat < 1.01
    assert 3000 < good.ess_bulk < 5000  # four thousand independent draws
    apart = independent + np.arange(4)[:, None, None]  # chains that never meet
    assert "R-hat" in str(Fit({"x": apart}, 0, {}, {}).diagnostics().trouble)
    stuck = np.zeros((4, 1000))
    assert Fit({"x": stuck}, 0, {}, {}).diagnostics().trouble is not None
    constant = {"x": independent, "of_data": np.stack([stuck, independent[..., 0]], axis=-1)}
    beside = Fit(constant, 0, {}, {}, derived=("of_data",)).diagnostics()
    assert beside.trouble is None, "a constant that the data make is not a chain that is stuck"
    assert set(beside.by_parameter) == {"x[0]", "x[1]", "of_data[1]"}
    mean, error = sampling.mean_and_error(independent[..., 0])
    np.testing.assert_allclose(error, 1 / np.sqrt(4000), rtol=0.15)
    assert abs(mean) < 5 * error
    assert sampling.mean_and_error(np.ones((4, 10))) == (1.0, 0.0)


def test_trouble_says_every_reason() -> None:
    assert Diagnostics(1.009, 401.0, 400.0, 0, {}).trouble is None
    assert Diagnostics(1.02, 100.0, 90.0, 3, {}).trouble == (
        "R-hat 1.020 > 1.01, bulk ESS 100 < 400, tail ESS 90 < 400, 3 divergent transitions"
    )
    assert "R-hat nan" in str(Diagnostics(float("nan"), 500.0, 500.0, 0, {}).trouble)


class _Scripted:
    """Stands for a compiled model: fits with divergences until the steps are small."""

    def __init__(self, cured: bool) -> None:
        self.cured = cured
        self.accepted: list[float] = []

    def fit(self, data: Any, **settings: Any) -> Any:
        accept = settings.get("target_accept", sampling.TARGET_ACCEPT)
        self.accepted.append(accept)
        diverging = 0 if self.cured and accept > 0.95 else 2
        fit = Fit({}, diverging, {}, {})
        fit._diagnostics = Diagnostics(1.0, 500.0, 500.0, diverging, {})
        return fit


@pytest.mark.parametrize("cured", [True, False])
def test_a_fit_in_trouble_is_repeated_once_with_smaller_steps(cured: bool) -> None:
    scripted = _Scripted(cured)
    fit, trouble = fitted_carefully(scripted, {}, seed=1)  # type: ignore[arg-type]
    assert scripted.accepted == [0.9, 0.99]
    assert trouble == (None if cured else "2 divergent transitions")
    assert fit.diverging == (0 if cured else 2)


class _Drawing:
    """Stands for a compiled model: draws that tell their seed, and diverge if they are to."""

    def __init__(self, *diverging: float) -> None:
        self.diverging = diverging  # what they are tuned to where they do
        self.asked: list[tuple[int, int, int, float]] = []

    def fit(
        self,
        data: Any,
        *,
        seed: int,
        chains: int,
        tune: int,
        draws: int,
        target_accept: float = 0.9,
    ) -> Fit:
        self.asked.append((seed, tune, draws, target_accept))
        drawn = np.random.default_rng(seed).normal(size=(chains, draws))
        trouble = int(target_accept in self.diverging)
        energy = {"energy": np.full((chains, draws), float(seed))}
        return Fit({"x": drawn}, trouble, {}, {}, {}, {}, energy, "nutpie", target_accept, 1.0)


@pytest.mark.reference
def test_a_longer_fit_begins_with_the_shorter_one() -> None:
    pytest.importorskip("arviz", reason="needs the `reference` extra")
    drawing = _Drawing()
    short = drawing.fit({}, seed=3, chains=4, tune=1000, draws=500)
    longer, trouble = lengthened(drawing, {}, short, seed=5, draws=1_200)  # type: ignore[arg-type]
    assert trouble is None
    assert drawing.asked[1:] == [(5, 1000, 700, 0.9)], "what is missing alone is drawn"
    assert longer.length == 1_200
    assert longer.seconds == 2.0
    assert np.array_equal(longer.draws["x"][:, :500], short.draws["x"])
    assert np.array_equal(
        longer.draws["x"][:, 500:], np.random.default_rng(5).normal(size=(4, 700))
    )
    assert longer.statistics["energy"][:, [499, 500]].tolist() == [[3.0, 5.0]] * 4
    elsewhere = drawing.fit({}, seed=9, chains=4, tune=1000, draws=600)
    elsewhere.draws["x"] += 3.0
    assert "R-hat" in str(longer.followed_by(elsewhere).diagnostics().trouble)


@pytest.mark.reference
def test_a_longer_fit_in_trouble_is_drawn_anew_with_smaller_steps() -> None:
    pytest.importorskip("arviz", reason="needs the `reference` extra")
    drawing = _Drawing(0.9)
    short = _Drawing().fit({}, seed=3, chains=4, tune=1000, draws=500)
    longer, trouble = lengthened(drawing, {}, short, seed=5, draws=1_200)  # type: ignore[arg-type]
    assert drawing.asked == [(5, 1000, 700, 0.9), (5, 2000, 1_200, 0.99)]
    assert trouble is None
    assert longer.length == 1_200
    drawing = _Drawing(0.9, 0.99)
    careful = drawing.fit({}, seed=1, chains=4, tune=9, draws=500, target_accept=0.99)
    found, trouble = lengthened(drawing, {}, careful, seed=5, draws=600)  # type: ignore[arg-type]
    assert drawing.asked[1:] == [(5, 2000, 100, 0.99)], "small steps already"
    assert trouble == "2 divergent transitions"
    assert found.length == 600


def test_without_pymc_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling.util, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r'pymc and arviz.*pip install "adaptive_cart\[reference\]"'
    ):
        sampling.Compiled(gamma_poisson(), TABLES["usual"])
