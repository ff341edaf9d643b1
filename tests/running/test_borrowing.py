"""Borrowing from external data, enumerated again by loops over tables from the definitions.

Two looks, a control of three and then six, twice as many in the other arm. Of the definitions only
the logarithm of the beta function is SciPy's; that one arm exceeds the other is the integral of the
slow twin. Everything agrees to 1e-9.
"""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from scipy.special import betaln

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.models.binary.self_adapting import SelfAdapting
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.operating import Rows, _borrowed
from adaptive_cart.results.rows import trials_table
from adaptive_cart.running.exact import enumerate_design
from adaptive_cart.telling.check import described
from twin.posterior import probability_difference_above

Parts = tuple[tuple[float, float, float], ...]  # weight, a, b
DESIGN = """
name = "Hybrid"
[arms.soc]
control = true
[arms.cart]
allocation = 2
[endpoints.dfr]
type = "landmark"
month = 6
[external.registry]
source = "A registry"
endpoint = "dfr"
responders = 5
participants = 20
[external.trial]
source = "A trial"
endpoint = "dfr"
responders = 3
participants = 20
[analysis.dfr]
model = "beta_binomial"
prior.soc = PRIOR
[enrolment]
max_n = 18
per_month = 3
[looks]
observed = [9, 18]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
at_least = 0.93
[[rules]]
name = "futility"
then = "declare_futility"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
below = 0.35
looks = [1]
[scenarios.null]
dfr = { soc = 0.45, cart = 0.45 }
[scenarios.expected]
dfr = { soc = 0.2, cart = 0.6 }
"""
BOTH = 'external = ["registry", "trial"]'
PRIORS = {
    "pooled": f'{{ {BOTH}, method = "pooled" }}',
    "power": f'{{ {BOTH}, method = "power", weight = 0.3 }}',
    "robust_map": f'{{ {BOTH}, method = "robust_map", weight = 0.7 }}',
    "sam": f'{{ {BOTH}, method = "sam", difference = 0.15 }}',
}
LOOKS = ((3, 6), (6, 12))
VAGUE = (1.0, 1.0)


def of(method: str) -> Design:
    return Design(**tomllib.loads(DESIGN.replace("PRIOR", PRIORS[method])))


# ── the definitions ───────────────────────────────────────────────────────────────────────────
def binomial(x: int, n: int, p: float) -> float:
    return math.comb(n, x) * p**x * (1.0 - p) ** (n - x)


def sam(x: int, n: int) -> Parts:
    """Eight of forty; so 0.2143 on average, against 0.15 more and 0.15 less."""
    rate = 9.0 / 42.0
    same = binomial(x, n, rate)
    other = max(binomial(x, n, rate + 0.15), binomial(x, n, rate - 0.15))
    w = (same / other) / (1.0 + same / other)
    return ((w, 9.0, 33.0), (1.0 - w, 1.0, 1.0))


def written(design: Design) -> Parts:
    """The mixture that `check` prints."""
    (line,) = (text for text in described(design).splitlines() if text.startswith("  dfr, soc:"))
    found = re.findall(r"([\d.]+) Beta\(([\d.]+), ([\d.]+)\)", line)
    return tuple((float(w), float(a), float(b)) for w, a, b in found)


def prior_of(method: str) -> tuple[Callable[[int, int], Parts], Parts]:
    """The prior given the control's own data, and the informative part of it."""
    if method == "pooled":
        return lambda x, n: ((1.0, 9.0, 33.0),), ((1.0, 9.0, 33.0),)
    if method == "power":
        return lambda x, n: ((1.0, 3.4, 10.6),), ((1.0, 3.4, 10.6),)
    if method == "sam":
        return sam, ((1.0, 9.0, 33.0),)
    parts = written(of(method))
    assert parts[-1] == (0.3, *VAGUE)
    assert sum(w for w, _, _ in parts) == pytest.approx(1.0, abs=1e-12)
    fitted = Plan.of(of(method)).borrowing[0].prior.informative
    informative = tuple(zip(fitted.weights, fitted.a, fitted.b, strict=True))
    for (w, a, b), (whole, *ab) in zip(parts, informative, strict=False):
        assert [a, b] == ab
        assert w == pytest.approx(0.7 * whole, abs=1e-4)
    return lambda x, n: parts, informative


def posterior(parts: Parts, x: int, n: int) -> Parts:
    weights = [w * math.exp(betaln(a + x, b + n - x) - betaln(a, b)) for w, a, b in parts]
    return tuple(
        (w / sum(weights), a + x, b + n - x) for w, (_, a, b) in zip(weights, parts, strict=True)
    )


def moments(parts: Parts) -> tuple[float, float]:
    mean = sum(w * a / (a + b) for w, a, b in parts)
    square = sum(w * a * (a + 1.0) / ((a + b) * (a + b + 1.0)) for w, a, b in parts)
    return mean, square - mean**2


def conflict(informative: Parts, x: int, n: int) -> float:
    def mass(y: int) -> float:
        return sum(
            w * math.comb(n, y) * math.exp(betaln(a + y, b + n - y) - betaln(a, b))
            for w, a, b in informative
        )

    return sum(mass(y) for y in range(n + 1) if mass(y) <= mass(x) * (1.0 + 1e-12))


@cache
def exceeds(method: str, table: tuple[int, int, int, int], margin: float) -> float:
    x, n, y, m = table
    soc = posterior(prior_of(method)[0](x, n), x, n)
    cart = posterior(((1.0, *VAGUE),), y, m)
    return probability_difference_above(cart, soc, margin)


def percentile(values: list[tuple[float, float]], percent: int) -> float:
    total, reached = sum(mass for _, mass in values), 0.0
    for value, mass in sorted(values):
        reached += mass
        if reached >= percent / 100.0 * total - 1e-12:
            return value
    raise AssertionError


def enumerated(method: str, soc: float, cart: float) -> dict[tuple[str, int | None], float]:
    prior, informative = prior_of(method)
    target, found = cart - soc, {}
    running, before = {(0, 0): 1.0}, (0, 0)
    ends: list[tuple[int, int, int, float]] = []
    for look, (n, m) in enumerate(LOOKS, start=1):
        reached: dict[tuple[int, int], float] = {}
        for (x0, y0), mass in running.items():
            for dx, dy in itertools.product(range(n - before[0] + 1), range(m - before[1] + 1)):
                step = binomial(dx, n - before[0], soc) * binomial(dy, m - before[1], cart)
                key = x0 + dx, y0 + dy
                reached[key] = reached.get(key, 0.0) + mass * step
        running = {}
        success = futility = 0.0
        for (x, y), mass in reached.items():
            p = exceeds(method, (x, n, y, m), 0.0)
            assert min(abs(p - 0.93), abs(p - 0.35)) > 1e-7, "a tie would be decided otherwise"
            if p >= 0.93:
                success += mass
            elif look == 1 and p < 0.35:
                futility += mass
            elif look == 1:
                running[x, y] = mass
                continue
            ends.append((look, x, y, mass))
        found["stop_success", look], found["stop_futility", look] = success, futility
        of_look = [(borrowed(prior, x, n), mass, conflict(informative, x, n))
                   for (x, _), mass in reached.items()]  # fmt: skip
        found |= borrowed_rows(of_look, look)
        before = n, m
    found["success", None] = found["stop_success", 1] + found["stop_success", 2]
    bias = coverage = 0.0
    of_end = []
    for look, x, y, mass in ends:
        n, m = LOOKS[look - 1]
        own = moments(posterior(prior(x, n), x, n))[0]
        bias += mass * ((y + 1.0) / (m + 2.0) - own - target)
        coverage += mass * (0.025 <= exceeds(method, (x, n, y, m), target) <= 0.975)
        of_end.append((borrowed(prior, x, n), mass, conflict(informative, x, n)))
    return (
        found | {("bias", None): bias, ("coverage", None): coverage} | borrowed_rows(of_end, None)
    )


def borrowed(prior: Callable[[int, int], Parts], x: int, n: int) -> float:
    mean, variance = moments(posterior(prior(x, n), x, n))
    alone, spread = moments(((1.0, 1.0 + x, 1.0 + n - x),))
    return (mean * (1.0 - mean) / variance - 1.0) - (alone * (1.0 - alone) / spread - 1.0)


def borrowed_rows(
    of: list[tuple[float, float, float]], look: int | None
) -> dict[tuple[str, int | None], float]:
    total = sum(mass for _, mass, _ in of)
    rows = {("borrowed_dfr_mean", look): sum(b * mass for b, mass, _ in of) / total}
    for percent in (5, 50, 95):
        value = percentile([(b, mass) for b, mass, _ in of], percent)
        rows[f"borrowed_dfr_p{percent:02d}", look] = value
    rows["conflict_dfr", look] = sum(mass for _, mass, p in of if p < 0.05) / total
    return rows


@pytest.mark.parametrize(
    "method",
    [pytest.param(m, marks=pytest.mark.slow) if m == "robust_map" else m for m in PRIORS],
)
def test_every_characteristic_follows_from_the_definitions(method: str) -> None:
    design = of(method)
    rows, _ = enumerate_design(design, design.truths)
    told = {(scenario, measure, look): value for scenario, measure, _, _, look, value, *_ in rows}
    for scenario, (soc, cart) in {"null": (0.45, 0.45), "expected": (0.2, 0.6)}.items():
        for (measure, look), value in enumerated(method, soc, cart).items():
            assert told[scenario, measure, look] == pytest.approx(value, abs=1e-9), (measure, look)


@pytest.mark.parametrize("method", ["robust_map", "sam"])
def test_simulated_trials_borrow_as_enumeration_says(method: str) -> None:
    design = of(method)
    rows, _ = enumerate_design(design, design.truths)
    told = {(measure, look): value for name, measure, _, _, look, value, *_ in rows
            if name == "null"}  # fmt: skip
    plan = Plan.of(design)
    block = run_block(plan, design.truths["null"], (0.0,), latents_for(design, 5, 0, 2_000))
    found = Rows("null")
    table = trials_table(plan, "null", [block])
    _borrowed(found, design, {name: table[name].to_numpy() for name in table.column_names
                              if name.startswith(("borrowed", "conflict"))})  # fmt: skip
    assert len(found.rows) == 15
    for _, measure, arm, _, look, estimate, mcse, lower, upper, *_ in found.rows:
        assert arm == "soc"
        if measure.endswith(("mean", "conflict_dfr")):
            assert abs(estimate - told[measure, look]) < 4.0 * mcse, (measure, look)
        else:
            assert lower - 1e-9 <= told[measure, look] <= upper + 1e-9, (measure, look)


def test_a_mixture_that_adapts_keeps_its_rates_inside() -> None:
    few = SelfAdapting.of(SelfAdapting.single(1.0, 99.0), 0.05)
    assert few.rates == pytest.approx((0.01, 0.06, 0.01))
    many = few.turned
    assert many.rates == pytest.approx((0.99, 0.99, 0.94))
    counts = np.arange(11), np.full(11, 10)
    np.testing.assert_allclose(
        few.log_weights(*counts), many.log_weights(counts[1] - counts[0], counts[1]), atol=1e-12
    )
    for x in (0, 3, 10):
        exact = few.exact_weights(x, 10)
        share = [float(weight / sum(exact)) for weight in exact]
        np.testing.assert_allclose(np.exp(few.log_weights(*counts)[x]), share, atol=1e-12)


def test_what_is_borrowed_may_be_less_than_nobody() -> None:
    prior = Plan.of(of("sam")).borrowing[0].prior
    agree, against = prior.participants(np.array([2, 6]), np.array([9, 9]))
    assert agree > 15.0
    assert against < 0.0
