"""The posterior of early series: integrals against brute force, draws and PyMC."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from adaptive_cart.evidence.draws import drawn
from adaptive_cart.evidence.file import read_series
from adaptive_cart.evidence.groups import Grouped, grouped
from adaptive_cart.evidence.integrals import Curve, Posterior, posterior
from adaptive_cart.evidence.outcomes import OUTCOMES, Outcome
from checks import DESIGNS

TABLE = read_series(DESIGNS / "early_series.csv")


def series(outcome: Outcome, rows: list[tuple[float, float, tuple[str, ...]]]) -> Grouped:
    """Series by hand: events, size, and the groups from the widest to the narrowest."""
    levels = range(len(outcome.levels))
    names = [list(dict.fromkeys(row[2][: level + 1] for row in rows)) for level in levels]
    member = [[names[level].index(row[2][: level + 1]) for level in levels] for row in rows]
    return Grouped(
        outcome,
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows]),
        np.array(member),
        tuple(tuple(name[-1] for name in of) for of in names),
    )


# ── brute force: every integral of the statement, by Gauss rules, with nothing shared ───────────
def likelihood(outcome: Outcome, events: float, size: float, at: np.ndarray) -> np.ndarray:
    if outcome.name == "relapse":
        return stats.poisson.pmf(events, size * np.exp(at))
    return stats.binom.pmf(events, size, special.expit(at))


def bounded(outcome: Outcome, at: np.ndarray) -> np.ndarray:
    """Probability; of no relapse in a year, for the mean of a rate is infinite."""
    return np.exp(-12.0 * np.exp(at)) if outcome.name == "relapse" else special.expit(at)


def half_normal(scale: float, points: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(points)
    at = 0.5 * 7.0 * scale * (nodes + 1.0)
    weights = weights * np.exp(-0.5 * (at / scale) ** 2)
    return at, weights / weights.sum()


def mean_centre_and_square(
    outcome: Outcome, rows: list[tuple[float, float]], points: int
) -> tuple[float, float, float]:
    """Posterior mean of the centre, of the first squared sd, and of a new series' value.

    Each series is alone in its groups, so that all its effects add up to one normal.
    """
    normal, mass = np.polynomial.hermite_e.hermegauss(120)
    mass = mass / mass.sum()
    centre = outcome.centre[0] + outcome.centre[1] * normal
    total = first = squared = new = 0.0
    of_sds = [half_normal(level.scale, points) for level in outcome.levels]
    for nodes in itertools.product(*(zip(*one, strict=True) for one in of_sds)):
        weight = math.prod(part[1] for part in nodes)
        sd = math.hypot(*(part[0] for part in nodes))
        if weight < 1e-16:
            continue
        value = centre[:, None] + sd * normal
        seen = mass.copy()
        for events, size in rows:
            seen = seen * (likelihood(outcome, events, size, value) @ mass)
        natural = bounded(outcome, value)
        total += weight * seen.sum()
        first += weight * (seen @ centre)
        squared += weight * nodes[0][0] ** 2 * seen.sum()
        new += weight * (seen @ (natural @ mass))
    return first / total, squared / total, new / total


def mean_of(curve: Curve, values: np.ndarray) -> float:
    """Mean of a function of the values, ``(point,)``."""
    return float(curve.masses @ values)


def the_same(found: Posterior) -> tuple[float, float, float]:
    values, first = found.grid.values, found.spreads[0]
    return (
        mean_of(found.centre, values),
        float(first.masses @ first.nodes**2),
        mean_of(found.new, bounded(found.outcome, values)),
    )


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("crs3", [(0.0, 6.0), (3.0, 12.0)]),
        ("crs3", [(5.0, 5.0), (1.0, 9.0)]),
        ("relapse", [(1.0, 30.0), (0.0, 225.0)]),
        ("relapse", [(2.0, 144.0), (4.0, 10.0)]),
    ],
)
def test_two_series_are_integrated_as_brute_force_does(
    name: str, rows: list[tuple[float, float]]
) -> None:
    outcome = OUTCOMES[name]
    found = posterior(series(outcome, [(*row, (f"p{k}",)) for k, row in enumerate(rows)]), 2)
    expected = mean_centre_and_square(outcome, rows, 70)
    assert the_same(found) == pytest.approx(expected, abs=5e-7)


@pytest.mark.slow
def test_two_series_of_three_levels_are_integrated_as_brute_force_does() -> None:
    outcome, rows = OUTCOMES["response"], [(4.0, 4.0), (1.0, 5.0)]
    groups = [(f"c{k}", f"p{k}", f"d{k}") for k in range(2)]
    found = posterior(series(outcome, [(*row, own) for row, own in zip(rows, groups, strict=True)]))
    expected = mean_centre_and_square(outcome, rows, 14)
    assert the_same(found) == pytest.approx(expected, abs=1e-6)


def nested(outcome: Outcome, rows: list[tuple[float, float]], sds: tuple[float, ...]) -> float:
    """Mean of the centre where both series are diseases of one product, for sds that are known."""
    normal, mass = np.polynomial.hermite_e.hermegauss(80)
    mass = mass / mass.sum()
    centre = outcome.centre[0] + outcome.centre[1] * normal
    own = centre[:, None, None] + math.hypot(*sds[:2]) * normal[:, None] + sds[2] * normal
    seen = math.prod(likelihood(outcome, *row, own) @ mass for row in rows) @ mass * mass
    return float(seen @ centre / seen.sum())


@pytest.mark.parametrize("sds", [(0.35, 0.175, 0.7), (1.4, 0.7, 0.35), (0.7, 0.0, 0.525)])
def test_what_two_diseases_of_a_product_share_is_not_counted_twice(
    sds: tuple[float, ...],
) -> None:
    outcome, rows = OUTCOMES["response"], [(7.0, 8.0), (3.0, 3.0)]
    counts = series(outcome, [(*row, ("c", "p", f"d{k}")) for k, row in enumerate(rows)])
    from adaptive_cart.evidence.integrals import Messages, lattice, normal_masses

    grid = lattice(counts)
    messages = Messages(counts, grid, [grid.decay(np.array(sd)) for sd in sds])
    masses = normal_masses(grid, outcome.centre) * messages.centre
    found = float(masses @ grid.values / masses.sum())
    assert found == pytest.approx(nested(outcome, rows, sds), abs=1e-9)


def test_no_data_leave_the_prior() -> None:
    found = posterior(grouped(TABLE, OUTCOMES["relapse"]).without_data())
    scale = OUTCOMES["relapse"].levels[0].scale
    for probability in (0.05, 0.5, 0.95):
        centre = stats.norm(*OUTCOMES["relapse"].centre).ppf(probability)
        assert found.centre.quantile(probability) == pytest.approx(centre, abs=2e-3)
        sd = stats.halfnorm(scale=scale).ppf(probability)
        assert found.spreads[0].quantile(probability) == pytest.approx(sd, abs=1e-4)
    assert found.spreads[0].moved < 1e-4


@pytest.mark.parametrize("name", ["relapse", "crs3"])
def test_more_points_move_nothing(name: str) -> None:
    counts = grouped(TABLE, OUTCOMES[name])
    once, twice = posterior(counts), posterior(counts, 2)
    assert the_same(once) == pytest.approx(the_same(twice), abs=1e-5)
    for group in once.groups:
        for probability in (0.025, 0.5, 0.975):
            assert once.groups[group].quantile(probability) == pytest.approx(
                twice.groups[group].quantile(probability), abs=2e-3
            )


@pytest.mark.slow
def test_more_points_move_nothing_of_three_levels() -> None:
    counts = grouped(TABLE, OUTCOMES["response"])
    assert the_same(posterior(counts)) == pytest.approx(the_same(posterior(counts, 2)), abs=1e-5)


def test_draws_are_of_the_same_posterior() -> None:
    found = posterior(grouped(TABLE, OUTCOMES["crs3"]))
    draws = drawn(found, 3000, seed=3)
    values = found.grid.values

    def apart(own: np.ndarray, mean: float) -> float:
        return abs(float(own.mean()) - mean) / float(own.std() / math.sqrt(len(own)))

    assert apart(draws.centre, mean_of(found.centre, values)) < 4.0
    (sd,), spread = draws.sds.values(), found.spreads[0]
    assert apart(sd**2, float(spread.masses @ spread.nodes**2)) < 4.0
    for name, own in draws.groups.items():
        assert apart(own, mean_of(found.groups[name], values)) < 4.0
    # a group's own value goes with the centre as far as the sd between groups lets it
    away = np.abs(np.array(list(draws.groups.values())) - draws.centre).max(axis=0)
    assert away[sd == 0.0].max() == 0.0
    assert np.array_equal(draws.centre, drawn(found, 3000, seed=3).centre)


def test_the_order_of_rows_and_names_of_groups_change_nothing() -> None:
    rows = list(TABLE.series)
    turned = replace(TABLE, series=tuple(rows[::-1]))
    once = posterior(grouped(TABLE, OUTCOMES["icans3"]))
    again = posterior(grouped(turned, OUTCOMES["icans3"]))
    assert the_same(once) == pytest.approx(the_same(again), abs=1e-12)
    assert once.groups["TyU19"].masses == pytest.approx(again.groups["TyU19"].masses, abs=1e-12)


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("name", list(OUTCOMES))
def test_pymc_finds_the_same_posterior(name: str) -> None:
    from adaptive_cart.evidence.reference import SeriesReference
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    counts = grouped(TABLE, OUTCOMES[name])
    found = posterior(counts)
    face = SeriesReference(counts.outcome)
    data = face.data(counts)
    fit, why = fitted_carefully(Compiled(face, data), data, seed=5, draws=2000)
    assert why is None
    values = found.grid.values
    expected = [(mean_of(found.centre, values), fit.draws["centre"])]
    expected += [
        (spread.mean, fit.draws["sd"][..., level]) for level, spread in enumerate(found.spreads)
    ]
    expected += [
        (mean_of(curve, values), fit.draws["group"][..., group])
        for group, curve in enumerate(found.groups.values())
    ]
    of = OUTCOMES[name]
    expected.append((mean_of(found.new, bounded(of, values)), bounded(of, fit.draws["new"])))
    for mean, draws in expected:
        seen, error = mean_and_error(draws)
        assert abs(seen - mean) < 4.0 * error
