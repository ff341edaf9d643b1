"""What no design on counts can do better: by all rules there are, the exact engine and theory."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

import adaptive_cart as ac
from adaptive_cart.running.best_possible import AnyDesign, Decisions, Stake, Wish, most_power
from adaptive_cart.running.exact_error import ExactError

NULLS = np.array([(rate, rate) for rate in (0.1, 0.3, 0.5, 0.7)])
FIRST, LAST = (1, 1), (2, 2)  # analysed in each arm at two looks
BEFORE = list(itertools.product(range(2), range(2)))
AFTER = list(itertools.product(range(3), range(3)))


def stakes() -> list[Stake]:
    """Two truths; a trial costs its participants, and one more for a success under the first."""
    return [
        Stake(0.4, (0.2, 0.2), (3.0, 5.0), (2.0, 4.0)),
        Stake(0.6, (0.2, 0.8), (2.0, 4.0), (2.0, 4.0)),
    ]


def paths(rates: tuple[float, ...]) -> dict[tuple[Any, Any], float]:
    """Probability of the table at the first look and that at the last, from every outcome."""
    found: dict[tuple[Any, Any], float] = {}
    for outcomes in itertools.product((0, 1), repeat=4):  # control, other; then one more of each
        arms = (rates[0], rates[1], rates[0], rates[1])
        chance = math.prod(p if y else 1.0 - p for y, p in zip(outcomes, arms, strict=True))
        before = (outcomes[0], outcomes[1])
        after = (before[0] + outcomes[2], before[1] + outcomes[3])
        found[before, after] = found.get((before, after), 0.0) + chance
    return found


def every_rule() -> tuple[np.ndarray, np.ndarray]:
    """Of all deterministic rules: cost over the mixture, and success at every truth that counts."""
    truths = [*map(tuple, NULLS), (0.2, 0.8)]
    of_stakes = [paths(stake.rates) for stake in stakes()]
    of_truths = [paths(rates) for rates in truths]
    costs, successes = [], []
    for first in itertools.product(("success", "stop", "on"), repeat=len(BEFORE)):
        at_first = dict(zip(BEFORE, first, strict=True))
        cost = sum(
            stake.weight * chance * (stake.success[0] if at_first[b] == "success" else
                                     stake.otherwise[0])
            for stake, chances in zip(stakes(), of_stakes, strict=True)
            for (b, _), chance in chances.items() if at_first[b] != "on"
        )  # fmt: skip
        won = [
            sum(chance for (b, _), chance in chances.items() if at_first[b] == "success")
            for chances in of_truths
        ]
        reached = [a for a in AFTER if any(at_first[b] == "on" and (b, a) in of_truths[0]
                                           for b in BEFORE)]  # fmt: skip
        gained, extra = [], []
        for after in reached:
            going = [b for b in BEFORE if at_first[b] == "on"]
            gained.append([sum(c.get((b, after), 0.0) for b in going) for c in of_truths])
            mass = [sum(c.get((b, after), 0.0) for b in going) for c in of_stakes]
            base = sum(s.weight * m * s.otherwise[1] for s, m in zip(stakes(), mass, strict=True))
            more = sum(
                s.weight * m * (s.success[1] - s.otherwise[1])
                for s, m in zip(stakes(), mass, strict=True)
            )
            cost += base
            extra.append(more)
        last = np.array(list(itertools.product((0, 1), repeat=len(reached)))).reshape(
            2 ** len(reached), len(reached)
        )
        costs.append(cost + last @ np.array(extra))
        successes.append(np.array(won) + last @ np.array(gained).reshape(len(reached), 5))
    return np.concatenate(costs), np.concatenate(successes)


@pytest.mark.parametrize(("error", "power"), [(0.3, 0.5), (0.2, 0.35), (0.6, 0.9)])
def test_it_is_what_trying_every_rule_gives_randomised_ones_among_them(
    error: float, power: float
) -> None:
    costs, successes = every_rule()
    by_hand = optimize.linprog(
        costs,
        A_ub=np.vstack([successes[:, :4].T, -successes[:, 4]]),
        b_ub=[error] * 4 + [-power],
        A_eq=np.ones((1, len(costs))),
        b_eq=[1.0],
    )
    assert by_hand.success
    best = AnyDesign([FIRST, LAST], stakes(), error, NULLS, [Wish((0.2, 0.8), power)]).best(1e-9)
    assert best.bound == pytest.approx(by_hand.fun, abs=1e-6)
    assert best.attained == pytest.approx(by_hand.fun, abs=1e-5)
    prices = [price for _, price in best.error_prices] + [*best.success_prices]
    assert prices == pytest.approx(-by_hand.ineqlin.marginals, abs=1e-6)
    meets = (successes[:, :4].max(axis=1) <= error) & (successes[:, 4] >= power)
    assert costs[meets].min() >= best.bound - 1e-9


def test_what_no_rule_can_meet_is_told_so() -> None:
    none = AnyDesign([FIRST, LAST], stakes(), 0.05, NULLS, [Wish((0.2, 0.8), 0.9)]).best()
    assert none.bound == math.inf


def test_the_most_power_is_that_of_the_lemma_of_neyman_and_pearson() -> None:
    null, other, (a, b) = (0.3, 0.3), (0.3, 0.7), (12, 9)

    def masses(rates: tuple[float, float]) -> np.ndarray:
        by_arm = [stats.binom.pmf(np.arange(n + 1), n, p) for n, p in zip((a, b), rates,
                                                                          strict=True)]  # fmt: skip
        return np.outer(*by_arm).ravel()

    under, wanted = masses(null), masses(other)
    left, power = 0.05, 0.0
    for table in np.argsort(-wanted / under):
        share = min(left / under[table], 1.0)
        power, left = power + share * wanted[table], left - share * under[table]
    found = most_power((a, b), 0.05, np.array([null]), other)
    assert found == pytest.approx(power, abs=1e-6)


def test_a_design_s_own_decisions_have_what_the_exact_engine_says() -> None:
    design = ac.load_design("designs/hello.toml").replace(
        {"enrolment.max_n": 45, "looks.observed": [15, 30, 45]}
    )
    looks = ExactError(design, set(), (0.0, 1.0)).verdicts()
    wins = tuple(look.wins["efficacy"] for look in looks)
    goes_on = tuple(look.open_ for look in looks[:-1])
    rule = Decisions(wins, (*goes_on, np.zeros_like(looks[-1].open_)))
    numbers = tuple(float(sum(look.analysed)) for look in looks)
    rates = {"null": (0.1, 0.1), "expected": (0.1, 0.35)}
    stakes_ = [Stake(0.5, own, numbers, numbers) for own in rates.values()]
    wish = Wish(rates["expected"], 0.5)
    any_ = AnyDesign(
        [look.analysed for look in looks], stakes_, 0.05, np.array([rates["null"]]), [wish]
    )
    cost, errors, powers = any_.judged(rule)
    run = ac.simulate(design, engine="exact")
    mean = [run.figure(name, "n_analysed_mean").estimate for name in rates]
    assert cost == pytest.approx(sum(mean) / 2.0, abs=1e-9)
    assert errors[0] == pytest.approx(run.figure("null", "success").estimate, abs=1e-12)
    assert powers[0] == pytest.approx(run.figure("expected", "success").estimate, abs=1e-12)
