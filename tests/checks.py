"""How a simulation is held against the truth: in Monte Carlo standard errors.

Five standard errors, unless said: with a fixed seed a correct simulator passes for ever, and among
a thousand comparisons with another seed one would fail by chance in 1700 runs. A failure says by
how much, and what to run again.
"""

from __future__ import annotations

import json
import math
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.durability.cure_partial_sums import tail
from adaptive_cart.recorded.table import HEADER, WITHDRAWN

DESIGNS = Path(__file__).parent.parent / "designs"
LEVELS = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)

Array = npt.NDArray[Any]


def assert_read_back_or_nothing(log: Any) -> None:
    """A log is read back from its own tables, and from none of another kind or format, or torn."""
    plain = json.loads(json.dumps(log.plain()))
    assert type(log).of(plain) == log
    assert type(log).of(None) is None
    for key, value in {"kind": "something else", "format": plain["format"] + 1}.items():
        assert type(log).of(plain | {key: value}) is None, key
    for key in plain:
        torn = {name: value for name, value in plain.items() if name != key}
        found = type(log).of(torn)
        assert found is None or isinstance(found, type(log)), key
    for key in ("kind", "format"):
        assert type(log).of({n: v for n, v in plain.items() if n != key}) is None, key


def raw_design(name: str) -> dict[str, Any]:
    """Tables of one of the project's designs, a copy of one's own."""
    return tomllib.loads((DESIGNS / f"{name}.toml").read_text(encoding="utf-8"))


def tiny_design(**tables: Any) -> dict[str, Any]:
    """A control, one arm and a direct response at month 4; tables are replaced as a whole."""
    raw: dict[str, Any] = {
        "name": "Tiny",
        "arms": {"soc": {"control": True}, "cart": {}},
        "endpoints": {"dfr": {"type": "landmark", "month": 4}},
        "enrolment": {"max_n": 24, "per_month": 3},
        "looks": {"observed": [12, 24]},
        "rules": [
            {
                "name": "efficacy",
                "then": "declare_success",
                "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
                "at_least": 0.95,
            }
        ],
        "scenarios": {"null": {"dfr": {"soc": 0.2, "cart": 0.2}}},
    }
    return raw | tables


def columns_of(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Columns of a participants table in their order, those of :data:`HEADER` first."""
    keys = dict.fromkeys(key for row in rows for key in row)
    yield from (column for column in HEADER if column != WITHDRAWN or column in keys)
    yield from (key for key in keys if key not in HEADER)


def run_again() -> str:
    """The command that runs the present test alone."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "the test").rsplit(" (", 1)[0]
    return f'run again: python -m pytest "{test}"'


def assert_close_in_mcse(
    estimate: float, truth: float, mcse: float, what: str = "", z: float = 5.0
) -> None:
    """An estimate lies within ``z`` Monte Carlo standard errors of the truth.

    Without Monte Carlo error it equals the truth but for rounding.
    """
    estimate, truth, mcse = float(estimate), float(truth), float(mcse)
    numbers = f"{what}: estimate {estimate:.10g}, truth {truth:.10g}, MCSE {mcse:.3g}"
    assert math.isfinite(estimate), f"{numbers}\n{run_again()}"
    assert math.isfinite(truth), f"{numbers}\n{run_again()}"
    assert mcse >= 0.0, f"{numbers}\n{run_again()}"
    allowed = z * mcse + 1e-12 * max(1.0, abs(truth))
    away = abs(estimate - truth) / mcse if mcse > 0.0 else math.inf
    assert abs(estimate - truth) <= allowed, (
        f"{numbers}; {away:.1f} standard errors apart, {z:g} are allowed\n{run_again()}"
    )


def assert_share(holds: Array, probability: float, what: str = "", z: float = 5.0) -> None:
    """The share of true values is a binomial one with this probability."""
    n = holds.size
    assert n > 0, f"{what}: nobody to count\n{run_again()}"
    mcse = math.sqrt(probability * (1.0 - probability) / n)
    assert_close_in_mcse(float(np.mean(holds)), probability, mcse, f"{what} (n = {n})", z)


def assert_mean(values: Array, truth: float, what: str = "", z: float = 5.0) -> None:
    """The mean of independent values is the truth."""
    mcse = float(np.std(values, ddof=1)) / math.sqrt(values.size)
    assert_close_in_mcse(float(np.mean(values)), truth, mcse, f"{what} (n = {values.size})", z)


def assert_quantiles(
    values: Array,
    quantile: Callable[[float], float],
    what: str = "",
    levels: Sequence[float] = LEVELS,
    z: float = 5.0,
) -> None:
    """The share of values below each true quantile is the quantile's level."""
    for level in levels:
        below = values <= quantile(level)
        assert_share(below, level, f"{what}, below the {level:g} quantile", z)


def assert_uncorrelated(first: Array, second: Array, what: str = "", z: float = 5.0) -> None:
    """Pairs of independent values have no correlation."""
    correlation = float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
    assert_close_in_mcse(correlation, 0.0, 1.0 / math.sqrt(first.size), f"{what}, correlation", z)


def opened_posterior(path: Path) -> Any:
    """Draws that :meth:`Fit.save` wrote, as each ArviZ opens its own."""
    import arviz as az

    if int(az.__version__.split(".")[0]) < 1:
        return az.from_netcdf(str(path))
    import xarray

    engine = "h5netcdf" if path.suffix == ".nc" else "zarr"
    with xarray.open_datatree(str(path), engine=engine) as tree:
        return tree.load()


def median_mean(posterior: Any) -> Array:
    """Posterior mean of the median months of those not cured, summed over the lattice."""
    return of_lattices(
        posterior, lambda lattice: lattice.summary.points * np.exp(lattice._medians(slice(None)))
    )


def median_above(posterior: Any, months: float) -> Array:
    """Posterior probability that the median months of those not cured are more than so many."""

    def above(lattice: Any) -> Array:
        position = (math.log(months) - lattice.first_median) / lattice.median_step
        return tail(lattice.summary.points, position)[:, :, None]

    return np.clip(of_lattices(posterior, above), 0.0, 1.0)


def of_lattices(posterior: Any, parts: Callable[[Any], Array]) -> Array:
    """Sums over rows and columns of the lattices of a durability posterior, ``(table,)``."""
    sums = [parts(lattice).sum(axis=(1, 2)) for lattice in posterior._lattices]
    found: Array = posterior._gather(sums)
    return found
