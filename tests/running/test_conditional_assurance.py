"""Conditional assurance after each look, against trials walked through and textbook sums."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.running.conditional_assurance import Ahead, given_table
from running.test_adjusted import corrected, one_arm, two_arms, verdict_of
from twin import stagewise as twin

NUMBERS: list[tuple[int, tuple[int, ...]]] = [(1, (2, 4)), (2, (3, 6))]
WEIGHTS = {"null": 0.4, "expected": 0.6}
RATES = {"null": (0.3, 0.3), "expected": (0.2, 0.7)}


def binomial(table: tuple[int, ...], analysed: tuple[int, ...], rates: tuple[float, ...]) -> float:
    return math.prod(
        float(stats.binom.pmf(x, n, p)) for x, n, p in zip(table, analysed, rates, strict=True)
    )


def slow(table: tuple[int, ...]) -> float:
    """P(success at the second look | a table at the first), over both truths."""
    verdict = verdict_of(corrected(two_arms(), [(2, 4), (3, 6)]))
    above = below = 0.0
    for name, weight in WEIGHTS.items():
        rates = RATES[name]
        likelihood = weight * binomial(table, (2, 4), rates)
        later = sum(
            binomial((a, b), (1, 2), rates)
            for a, b in product(range(2), range(3))
            if verdict(2, (table[0] + a, table[1] + b)) == "success"
        )
        above, below = above + likelihood * later, below + likelihood
    return above / below


def test_a_table_is_weighed_by_every_truth() -> None:
    ahead = Ahead.of(Plan.of(two_arms()), NUMBERS[1:])
    truths = [(WEIGHTS[name], RATES[name]) for name in WEIGHTS]
    for table in [(0, 2), (1, 3), (0, 4), (2, 0)]:
        found, probable = given_table(ahead, (2, 4), table, truths)
        assert found == pytest.approx(slow(table), abs=1e-12)
        odds = [w * binomial(table, (2, 4), r) for w, r in truths]
        assert probable == pytest.approx(np.array(odds) / sum(odds), abs=1e-12)


def test_its_distribution_is_over_the_trials_that_go_on(tmp_path: Path) -> None:
    design = two_arms(design_prior={"honest": {"weights": WEIGHTS}})
    averages = ac.simulate(design, out=tmp_path / "a").averages["honest"]
    of = corrected(two_arms(), [(2, 4), (3, 6)])
    verdict, masses = verdict_of(of), dict[tuple[int, ...], float]()
    for table in product(range(3), range(5)):
        if not verdict(1, table):
            masses[table] = sum(w * binomial(table, (2, 4), RATES[n]) for n, w in WEIGHTS.items())
    total = sum(masses.values())
    values = sorted((slow(table), mass / total) for table, mass in masses.items())
    mean = sum(value * mass for value, mass in values)
    assert averages["conditional_assurance_1_mean"].estimate == pytest.approx(mean, abs=1e-12)
    for percent in (5, 50, 95):
        below, expected = 0.0, math.nan
        for value, mass in values:
            below += mass
            if below >= percent / 100 - 1e-12:
                expected = value
                break
        found = averages[f"conditional_assurance_1_p{percent:02d}"].estimate
        assert found == pytest.approx(expected, abs=1e-12)
    # what is to come, and what has come, is all there is
    ends = twin.ends_of([(2, 4), (3, 6)], verdict)
    early = sum(
        w * twin.probability(ends, (3, 6), RATES[n], lambda e: (e.look, e.reason) == (1, "success"))
        for n, w in WEIGHTS.items()
    )
    assert averages["assurance"].estimate == pytest.approx(early + total * mean, abs=1e-12)


def test_simulated_trials_tell_its_mean(tmp_path: Path) -> None:
    """Of the trials that go on after a look, those that succeed in the end, by scenario."""
    design = two_arms(design_prior={"honest": {"weights": WEIGHTS}})
    whole = ac.simulate(design, out=tmp_path / "a").averages["honest"]
    run = ac.simulate(design, trials=2_000, seed=3, jobs=1, engine="simulate", out=tmp_path / "b")
    found = run.averages["honest"]["conditional_assurance_1_mean"]
    trials, above, below = run.trials, 0.0, 0.0
    for name, weight in WEIGHTS.items():
        own = trials[trials["scenario"] == name]
        on = own["look"] > 1
        above += weight * (on & (own["reason"] == "success")).mean()
        below += weight * on.mean()
    assert found.estimate == pytest.approx(above / below, abs=1e-12)
    apart = abs(found.estimate - whole["conditional_assurance_1_mean"].estimate)
    assert apart < 4.0 * found.mcse < 0.12
    assert "conditional_assurance_1_p50" not in run.averages["honest"]


@pytest.mark.parametrize("looks", [[24], [12, 24], [6, 12, 18, 24]])
def test_the_posterior_at_stopping_is_calibrated_whatever_the_looks(
    looks: list[int], tmp_path: Path
) -> None:
    """Design prior and analysis prior agree: of the claims so sure, so many are true, exactly."""
    raw = one_arm(looks, 0.9, 0.5 if len(looks) > 1 else None).plain()
    raw["rules"][0].pop("looks")
    flat, doubt = {"dist": "beta", "a": 1.0, "b": 1.0}, {"dist": "beta", "a": 2.0, "b": 6.0}
    raw["design_prior"] = {
        name: {"weights": {"expected": 1.0}, "draw": {"dfr.cart": dist}}
        for name, dist in (("agreed", flat), ("apart", doubt))
    }
    design = ac.Design(**raw)
    found = ac.simulate(design, scenarios=["expected"], out=tmp_path / "a").averages
    claimed, false = (
        {prior: found[prior][name].estimate for prior in found}
        for name in ("claimed_at_success", "false_discovery")
    )
    assert claimed["agreed"] == pytest.approx(1.0 - false["agreed"], abs=1e-9)
    assert 0.005 < false["agreed"] < 0.06
    # where they do not agree the posterior says more than is so
    assert claimed["apart"] - (1.0 - false["apart"]) > 0.02
