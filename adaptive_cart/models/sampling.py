"""Fits of the PyMC face of a model: the one room that knows PyMC, ArviZ and nutpie.

A reference posterior is a sample, so that it is only as good as its chains: every fit carries its
rank-normalised split R-hat and effective sample sizes (Vehtari et al. 2021, Bayesian Analysis
16:667, doi:10.1214/20-BA1221) and its divergences, and says in words when it is not to be trusted.

A model is compiled once (nutpie, seconds) and then fitted to one table of data after another (tens
of milliseconds), of any number of participants. Without nutpie PyMC's own sampler does the same,
slowly. PyMC 5 and 6 and ArviZ 0 and 1 differ in names and files, not in what is computed; the
differences end here. A compiled model cannot be pickled, so every process compiles its own.
"""

from __future__ import annotations

import copy
import shutil
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import util
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from adaptive_cart.errors import InputError, RunError
from adaptive_cart.models.reference import Data
from adaptive_cart.nouns.records import Floats

LARGEST_R_HAT: Final = 1.01  # the limits that Vehtari et al. (2021) recommend
SMALLEST_ESS: Final = 400.0
TARGET_ACCEPT: Final = 0.9
CAREFUL_ACCEPT: Final = 0.99
INSTALL: Final = 'pip install "adaptive_cart[reference]"'
STATISTICS: Final = {  # ours (ArviZ's) by what the samplers call them
    "diverging": "diverging",
    "depth": "tree_depth",
    "tree_depth": "tree_depth",
    "n_steps": "n_steps",
    "energy": "energy",
    "logp": "lp",
    "lp": "lp",
    "step_size": "step_size",
}


def require_sampler() -> None:
    """Raise an :class:`InputError` that says what to install if PyMC or ArviZ is missing."""
    missing = [name for name in ("pymc", "arviz") if util.find_spec(name) is None]
    if missing:
        raise InputError(f"this needs {' and '.join(missing)}; type: {INSTALL}")


@dataclass(frozen=True)
class Diagnostics:
    """Whether the chains of a fit are to be trusted.

    Attributes
    ----------
    r_hat
        Largest rank-normalised split R-hat over all parameters.
    ess_bulk, ess_tail
        Smallest effective sample sizes over all parameters, of the bulk and of the 5% tails.
    diverging
        Transitions that diverged.
    by_parameter
        ``r_hat``, ``ess_bulk`` and ``ess_tail`` by parameter, ``cured[0]`` for an element.
    """

    r_hat: float
    ess_bulk: float
    ess_tail: float
    diverging: int
    by_parameter: Mapping[str, Mapping[str, float]]

    @property
    def trouble(self) -> str | None:
        """Why the fit is not to be trusted; nothing where it is."""
        found = []
        if not self.r_hat <= LARGEST_R_HAT:
            found.append(f"R-hat {self.r_hat:.3f} > {LARGEST_R_HAT}")
        if not self.ess_bulk >= SMALLEST_ESS:
            found.append(f"bulk ESS {self.ess_bulk:.0f} < {SMALLEST_ESS:.0f}")
        if not self.ess_tail >= SMALLEST_ESS:
            found.append(f"tail ESS {self.ess_tail:.0f} < {SMALLEST_ESS:.0f}")
        if self.diverging:
            found.append(f"{self.diverging} divergent transitions")
        return ", ".join(found) or None


@dataclass
class Fit:
    """Draws of a posterior.

    Attributes
    ----------
    draws
        By parameter, ``(chain, draw, ...)``, on the scale of the model's statement.
    diverging
        Transitions that diverged.
    coords, dims
        Names along the axes after the second: by axis, and the axes by parameter.
    data
        What the model was fitted to.
    observed
        Names of the data by the name of the observed variable that they are.
    statistics
        Of the sampler, ``(chain, draw)``.
    sampler
        ``nutpie`` or ``pymc``.
    target_accept
        What its steps were tuned to: nearer to 1, smaller steps.
    seconds
        Of processor time that it took to draw.
    derived
        Names of the parameters that others and the data make.
    """

    draws: dict[str, Floats]
    diverging: int
    coords: dict[str, list[Any]]
    dims: dict[str, list[str]]
    data: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    observed: dict[str, str] = field(default_factory=dict)
    statistics: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    sampler: str = "nutpie"
    target_accept: float = TARGET_ACCEPT
    seconds: float = 0.0
    derived: tuple[str, ...] = ()

    def followed_by(self, more: Fit) -> Fit:
        """Each chain, and behind it one of another fit to the same data.

        The chains of the other began anew, so that R-hat of the halves shows where they differ.
        """

        def joined(name: str) -> dict[str, npt.NDArray[Any]]:
            own, other = getattr(self, name), getattr(more, name)
            return {key: np.concatenate([own[key], other[key]], axis=1) for key in own}

        return replace(
            self,
            draws=joined("draws"),
            statistics=joined("statistics"),
            diverging=self.diverging + more.diverging,
            seconds=self.seconds + more.seconds,
        )

    def asked_with(self, data: Data, names: tuple[str, ...]) -> Fit:
        """The same draws beside what a question has, which no likelihood knows."""
        if not names:
            return self
        found = copy.copy(self)  # with the diagnostics, if they are known
        shape = next(iter(self.draws.values())).shape[:2]
        there = {name: np.asarray(data[name], dtype=np.float64) for name in names}
        found.draws = self.draws | {
            name: np.broadcast_to(values, (*shape, *values.shape)) for name, values in there.items()
        }
        return found

    @property
    def length(self) -> int:
        """Draws of each chain."""
        return int(next(iter(self.draws.values())).shape[1])

    def diagnostics(self) -> Diagnostics:
        """R-hat, effective sample sizes and divergences."""
        return self._diagnostics

    @cached_property
    def _diagnostics(self) -> Diagnostics:
        found: dict[str, dict[str, float]] = {}
        for name, values in self.draws.items():
            for place in np.ndindex(values.shape[2:]):
                own = values[(slice(None), slice(None), *place)]
                if name in self.derived and (own == own[0, 0]).all():
                    continue  # a constant by its definition: what it is made of is judged
                label = name + (f"[{', '.join(map(str, place))}]" if place else "")
                found[label] = convergence(own)

        def of(what: str) -> list[float]:
            return [numbers[what] for numbers in found.values()]

        # a parameter that never moves has no R-hat; np.max hands the nan on, and nan is trouble
        return Diagnostics(
            float(np.max(of("r_hat"))),
            float(np.min(of("ess_bulk"))),
            float(np.min(of("ess_tail"))),
            self.diverging,
            found,
        )

    def to_arviz(self) -> Any:
        """Return ArviZ's container: ``InferenceData`` with ArviZ 0, ``DataTree`` with ArviZ 1."""
        require_sampler()
        with _quiet():
            import arviz as az

            groups: dict[str, Mapping[str, npt.NDArray[Any]]] = {
                "posterior": self.draws,
                "sample_stats": self.statistics,
                "observed_data": {rv: self.data[name] for rv, name in self.observed.items()},
                "constant_data": {
                    name: values
                    for name, values in self.data.items()
                    if name not in self.observed.values()
                },
            }
            groups = {name: group for name, group in groups.items() if group}
            if _arviz_is_old():
                return az.from_dict(**groups, coords=self.coords, dims=self.dims)
            return az.from_dict(groups, coords=self.coords, dims=self.dims)

    def save(self, stem: Path) -> Path:
        """Write the posterior beside ``stem`` in a format that this ArviZ opens; return its path.

        NetCDF (``.nc``) where h5netcdf is installed, which ArviZ 0 brings; else a Zarr folder.
        """
        container = self.to_arviz()
        netcdf = _arviz_is_old() or util.find_spec("h5netcdf") is not None
        path = Path(f"{stem}.nc" if netcdf else f"{stem}.zarr")
        temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}.tmp")
        try:
            with _quiet():
                if _arviz_is_old():
                    container.to_netcdf(str(temporary))
                elif netcdf:
                    container.to_netcdf(str(temporary), engine="h5netcdf")
                else:
                    container.to_zarr(str(temporary), zarr_format=2)
            _remove(path)
            temporary.replace(path)
        finally:
            _remove(temporary)
        return path


class Sampled(Protocol):
    """What can be fitted: the reference of an analysis, or another model in PyMC."""

    @property
    def made_of(self) -> tuple[str, ...]:
        """Names of data of which a model is made, and which it has not."""

    @property
    def asked_with(self) -> tuple[str, ...]:
        """Names of data that a question alone has, and which stand beside the draws."""

    def model(self, data: Data) -> Any:
        """A new model of these data."""


class Compiled:
    """A reference model compiled once, to be fitted to one table of data after another.

    Parameters
    ----------
    data
        Any data of the model; other data may have another number of participants.

    Raises
    ------
    InputError
        If PyMC is not installed.
    """

    def __init__(self, reference: Sampled, data: Data) -> None:
        require_sampler()
        self.reference = reference
        began = time.process_time()
        with _quiet():
            self._model = reference.model(data)
            model = self._model
            self._parameters = [
                variable.name for variable in (*model.free_RVs, *model.deterministics)
            ]
            self._derived = tuple(variable.name for variable in model.deterministics)
            self._dims = {
                name: list(model.named_vars_to_dims.get(name, ()))
                for name in (*self._parameters, *(rv.name for rv in model.observed_RVs), *data)
                if name in model.named_vars_to_dims
            }
            self._coords = {name: list(values) for name, values in model.coords.items()}
            self._observed = _observed_by(model)
            self._compiled = None
            if util.find_spec("nutpie") is not None:
                import nutpie

                self._compiled = nutpie.compile_pymc_model(model)
        self.seconds = time.process_time() - began

    @property
    def sampler(self) -> str:
        """What draws: ``nutpie``, or ``pymc`` where nutpie is not installed."""
        return "pymc" if self._compiled is None else "nutpie"

    def fit(
        self,
        data: Data,
        *,
        seed: int,
        chains: int = 4,
        tune: int = 1000,
        draws: int = 1000,
        target_accept: float = TARGET_ACCEPT,
    ) -> Fit:
        """Draw from the posterior of these data; the same seed gives the same draws."""
        settings: dict[str, Any] = {
            "chains": chains,
            "tune": tune,
            "draws": draws,
            "target_accept": target_accept,
            "cores": 1,
        }
        apart = {*self.reference.made_of, *self.reference.asked_with}
        given = {name: own for name, own in data.items() if name not in apart}
        began = time.process_time()
        with _quiet():
            if self._compiled is not None:
                try:
                    result = _drawn_by_nutpie(self._compiled.with_data(**given), seed, settings)
                except RuntimeError as error:
                    raise self._undrawn(error) from None
            else:
                result = _drawn_by_pymc(self._model, given, seed, settings)
            fit = self._fit(result, data)
        took = time.process_time() - began
        fit = replace(fit, target_accept=target_accept, seconds=took)
        return fit.asked_with(data, self.reference.asked_with)

    def _undrawn(self, error: RuntimeError) -> RunError:
        """What is said where no chain begins, or all of them break off."""
        why = next(iter(str(error).splitlines()), "no reason given")
        return RunError(
            f"PyMC did not draw from the posterior of {', '.join(self._parameters)}: nutpie says "
            f"'{why}'; the fast posterior alone tells of these data"
        )

    def _fit(self, result: Any, data: Data) -> Fit:
        posterior, sampled = result["posterior"], result["sample_stats"]
        statistics = {
            ours: np.asarray(sampled[theirs].values)
            for theirs, ours in STATISTICS.items()
            if theirs in sampled
        }
        return Fit(
            draws={
                name: np.asarray(posterior[name].values, dtype=np.float64)
                for name in self._parameters
            },
            diverging=int(statistics["diverging"].sum()),
            coords=dict(self._coords),
            dims=dict(self._dims),
            data={name: np.asarray(values) for name, values in data.items()},
            observed=dict(self._observed),
            statistics=statistics,
            sampler=self.sampler,
            derived=(*self._derived, *self.reference.asked_with),
        )


def fitted_carefully(
    compiled: Compiled,
    data: Data,
    *,
    seed: int,
    chains: int = 4,
    tune: int = 1000,
    draws: int = 1000,
) -> tuple[Fit, str | None]:
    """Fit, once more with smaller steps and a longer warm-up if the chains are not to be trusted.

    Returns
    -------
    The fit, and why it is still not to be trusted; nothing where it is.
    """
    fit = compiled.fit(data, seed=seed, chains=chains, tune=tune, draws=draws)
    if fit.diagnostics().trouble is None:
        return fit, None
    again = _with_small_steps(compiled, data, seed, chains, tune, draws)
    again.seconds += fit.seconds
    return again, again.diagnostics().trouble


def lengthened(
    compiled: Compiled, data: Data, fit: Fit, *, seed: int, draws: int, tune: int = 1000
) -> tuple[Fit, str | None]:
    """A fit of so many draws a chain that begins with those of another, and any trouble.

    What is missing is drawn by chains that begin anew. Where the whole is not to be trusted, all of
    it is drawn once more with smaller steps.

    Parameters
    ----------
    seed
        Of the draws that are missing; another one than that of the fit.
    """
    chains = next(iter(fit.draws.values())).shape[0]
    careful = fit.target_accept >= CAREFUL_ACCEPT
    missing = draws - fit.length
    if careful:
        more = _with_small_steps(compiled, data, seed, chains, tune, missing)
    else:
        more = compiled.fit(data, seed=seed, chains=chains, tune=tune, draws=missing)
    longer = fit.followed_by(more)
    trouble = longer.diagnostics().trouble
    if trouble is None or careful:
        return longer, trouble
    again = _with_small_steps(compiled, data, seed, chains, tune, draws)
    again.seconds += longer.seconds
    return again, again.diagnostics().trouble


def _with_small_steps(
    compiled: Compiled, data: Data, seed: int, chains: int, tune: int, draws: int
) -> Fit:
    """Chains with smaller steps and a longer warm-up."""
    return compiled.fit(
        data, seed=seed, chains=chains, tune=2 * tune, draws=draws, target_accept=CAREFUL_ACCEPT
    )


# ── numbers about draws ───────────────────────────────────────────────────────────────────────
def convergence(values: Floats) -> dict[str, float]:
    """R-hat and effective sample sizes of one quantity, ``(chain, draw)``."""
    with _quiet():
        import arviz as az

        return {
            "r_hat": float(az.rhat(values)),
            "ess_bulk": float(az.ess(values, method="bulk")),
            "ess_tail": float(az.ess(values, method="tail", prob=(0.05, 0.95))),
        }


def mean_and_error(values: Floats) -> tuple[float, float]:
    """Mean of draws, ``(chain, draw)``, and its Monte Carlo standard error.

    By the effective sample size of the mean (Vehtari et al. 2021); 0 where all draws are the same.
    """
    mean, spread = float(values.mean()), float(values.std())
    if spread == 0.0:
        return mean, 0.0
    with _quiet():
        import arviz as az

        size = float(az.ess(values, method="mean"))
    return mean, float(spread / np.sqrt(size))


def _observed_by(model: Any) -> dict[str, str]:
    """Names of the data by the name of the observed variable; a cast may stand between them."""
    found = {}
    for variable in model.observed_RVs:
        value = model.rvs_to_values[variable]
        while value not in model.data_vars and value.owner is not None:
            value = value.owner.inputs[0]
        if value in model.data_vars:
            found[variable.name] = value.name
    return found


# ── what differs between versions ─────────────────────────────────────────────────────────────
def _arviz_is_old() -> bool:
    import arviz

    return int(arviz.__version__.split(".")[0]) < 1


def _drawn_by_nutpie(compiled: Any, seed: int, settings: Mapping[str, Any]) -> Any:
    """Draw; stopped, it keeps nothing, where nutpie by itself would give what it has."""
    import nutpie

    sampling = nutpie.sample(
        compiled, seed=seed, progress_bar=False, save_warmup=False, blocking=False, **settings
    )
    try:
        return sampling.wait()
    except BaseException:
        sampling.cancel()
        raise


def _drawn_by_pymc(model: Any, data: Data, seed: int, settings: Mapping[str, Any]) -> Any:
    """Likewise."""
    import pymc as pm

    with model:
        pm.set_data(dict(data))
        found = pm.sample(
            nuts_sampler="pymc",
            random_seed=seed,
            progressbar=False,
            quiet=True,
            compute_convergence_checks=False,
            **settings,
        )
    drawn = found["posterior"].sizes
    if (drawn["chain"], drawn["draw"]) != (settings["chains"], settings["draws"]):
        raise KeyboardInterrupt  # which it does not pass on
    return found


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Let the libraries' warnings about themselves pass; what counts is in the diagnostics."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
