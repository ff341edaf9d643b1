"""Programmes on counts: enumerated, by an enumeration from the definitions, and simulated."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.errors import EngineError
from adaptive_cart.programmes import simulate_programme
from adaptive_cart.programmes.exact import exact_measures
from checks import assert_close_in_mcse
from programmes.cases import CONFIRM, programme

ONE_LOOK: dict[str, Any] = copy.deepcopy(CONFIRM)
ONE_LOOK["enrolment"]["max_n"] = 16
ONE_LOOK["looks"] = {"observed": [16]}
ONE_LOOK["rules"] = [{**CONFIRM["rules"][0], "at_least": 0.9}]
HALF = "prior_from_early = { believe = 0.5 }\n"
OF_EARLY = 'does_not_work = "nothing"\nselected = 0.15\n'
DRAWN = """count = 5
share_that_work = { dist = "beta", a = 2, b = 3 }
draw."dfr.cart" = { dist = "beta", a = 3, b = 2 }
"""


# ── the twin: two stages by hand ──────────────────────────────────────────────────────────────
def binomial(k: int, n: int, p: float) -> float:
    return math.comb(n, k) * p**k * (1.0 - p) ** (n - k)


def success_after(r: int) -> Callable[[float], float]:
    """P(success | p) of 8 and 8 participants, with the prior of r early responders of 10."""
    x, w = np.polynomial.legendre.leggauss(300)
    x, w = (x + 1.0) / 2.0, w / 2.0
    a, b = 1.0 + 0.5 * r, 1.0 + 0.5 * (10 - r)
    wins = [
        (s, c)
        for s in range(9)
        for c in range(9)
        if (w * stats.beta(a + s, b + 8 - s).pdf(x) * stats.beta(1 + c, 9 - c).cdf(x)).sum() >= 0.9
    ]
    return lambda p: sum(binomial(s, 8, p) * binomial(c, 8, 0.2) for s, c in wins)


def twin() -> dict[str, float]:
    """Probabilities by two sums and one integral over what is drawn."""
    goes = [r for r in range(11) if stats.beta(1 + r, 11 - r).sf(0.3) >= 0.8]
    later = {r: success_after(r) for r in goes}

    def density(p: float) -> float:
        return 12.0 * p**2 * (1.0 - p)

    def over(p: float, seen: float) -> tuple[float, float, float]:
        mass = {r: binomial(r, 10, seen) for r in goes}
        succeed = sum(mass[r] * later[r](p) for r in goes)
        return sum(mass.values()), succeed, sum(mass[r] * r / 10 for r in goes)

    def integral(low: float, high: float) -> Any:
        """Over p, between the values at which what is seen early, or works, has a kink."""
        x, w = np.polynomial.legendre.leggauss(24)  # polynomials of at most degree 29
        edges = sorted({low, high, *(e for e in (0.2, 0.85) if low < e < high)})
        return sum(
            half * weight * density(p) * np.array(over(p, min(p + 0.15, 1.0)))
            for start, end in itertools.pairwise(edges)
            for half in ((end - start) / 2.0,)
            for p, weight in zip(start + half * (x + 1.0), w, strict=True)
        )

    whole, working = integral(0.0, 1.0), integral(0.2, 1.0)
    share = 2.0 / 5.0
    none = over(0.2, 0.35)  # it does not work: 0.2 in both arms, and selected early
    go = share * whole[0] + (1.0 - share) * none[0]
    succeed = share * whole[1] + (1.0 - share) * none[1]
    observed = share * whole[2] + (1.0 - share) * none[2]
    hold = share * working[1]
    work = share * stats.beta(3.0, 2.0).sf(0.2)
    work_go = share * working[0]
    return {
        "go": go, "succeed": succeed, "succeed_go": succeed / go, "work_succeed": hold / succeed,
        "work_no_go": (work - work_go) / (1.0 - go), "observed_go": observed / go, "work": work,
    }  # fmt: skip


def test_two_stages_are_the_enumeration(tmp_path: Path) -> None:
    counts = programme(tmp_path, DRAWN, confirm=ONE_LOOK, of_early=OF_EARLY, of_confirm=HALF)
    found, by_hand = exact_measures(counts).figures, twin()
    for key, name in (
        (("P(go)", "all"), "go"), (("P(succeed)", "all"), "succeed"), (("P(work)", "all"), "work"),
        (("P(succeed)", "go"), "succeed_go"), (("P(work)", "succeed"), "work_succeed"),
        (("P(work)", "no_go"), "work_no_go"), (("early_observed", "go"), "observed_go"),
    ):  # fmt: skip
        assert found[key].estimate == pytest.approx(by_hand[name], abs=1e-9), key
        assert found[key].mcse == 0.0
    assert found["number_go", "portfolio"].estimate == pytest.approx(5.0 * by_hand["go"], abs=1e-8)


def test_simulated_programmes_are_the_enumerated_ones(tmp_path: Path) -> None:
    counts = programme(tmp_path, DRAWN, of_early=OF_EARLY, of_confirm=HALF)
    exactly = exact_measures(counts)
    drawn = simulate_programme(counts, portfolios=600, seed=8, jobs=1, out=tmp_path / "out")
    compared = 0
    for key, figure in exactly.figures.items():
        simulated = drawn.measures.get(key)
        if simulated is not None and simulated.mcse > 0.0:
            assert_close_in_mcse(simulated.estimate, figure.estimate, simulated.mcse, str(key))
            compared += 1
    assert compared > 25
    for name, masses in exactly.distributions.items():
        assert sum(mass.estimate for mass in masses) == pytest.approx(1.0, abs=1e-12)
        for k, mass in enumerate(masses):
            there = drawn.distributions[name][k]
            error = max(there.mcse, (mass.estimate * (1 - mass.estimate) / 600) ** 0.5)
            assert_close_in_mcse(there.estimate, mass.estimate, error, f"{name} {k}")


def test_what_cannot_be_enumerated_says_why(tmp_path: Path) -> None:
    effects = DRAWN + "between_products = 0.5\n"
    counts = programme(tmp_path, effects)
    with pytest.raises(EngineError, match="effects of classes and products are not enumerated"):
        exact_measures(counts)
