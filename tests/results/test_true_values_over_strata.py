"""True values averaged over strata: each stratum weighs by its share of the denominator."""

from __future__ import annotations

import copy
import math
import tomllib
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.nouns.distributions import Exponential, Fixed, Gamma, Lognormal, Weibull
from adaptive_cart.nouns.questions import OPEN, Question
from adaptive_cart.results.claims import Claims
from adaptive_cart.results.estimand import SobolLatents, TrueValues, target_values, true_values
from adaptive_cart.results.true_times import OF_TIMES
from adaptive_cart.results.true_value import TrueValue, told

Table = dict[str, Any]

# `mild` has nearly all the remitters and the infused; those never infused take the control's course
BASE = """
name = "Two strata"
[arms.usual]
control = true
[arms.cells]
product = "autologous"
[strata]
mild = 0.4
severe = 0.6
[endpoints.free]
type = "landmark"
month = 12
[endpoints.loss]
type = "time_to_relapse"
horizon = 24
[endpoints.crs]
type = "adverse_event"
within_months = 1.0
[analysis.loss]
model = "weibull_cure"
prior.cured = { dist = "beta", a = 2.0, b = 2.0 }
prior.median_months = { dist = "lognormal", median = 12.0, sigma = 0.7 }
prior.shape = { dist = "lognormal", median = 1.2, sigma = 0.3 }
[enrolment]
max_n = 40
per_month = 10
[looks]
observed = [40]
[[rules]]
name = "lasts"
then = "declare_success"
posterior = { endpoint = "loss", arm = "cells", remains_at = 8, above = 0.5 }
at_least = 0.9
[truth.usual]
remission = { probability = 0.5, onset = { dist = "fixed", value = 1.0 } }
durability = { cured = 0.2, relapse = { dist = "fixed", value = 10.0 } }
[truth.cells]
infusion = { failure = 0.0, delay = { dist = "fixed", value = 1.0 } }
remission = { probability = 0.8, onset = { dist = "fixed", value = 1.0 } }
durability = { cured = 0.9, relapse = { dist = "fixed", value = 5.0 } }
events = { crs = 0.05 }
strata.severe.remission.probability = 0.1
strata.severe.durability = { cured = 0.1, relapse = { dist = "fixed", value = 5.0 } }
strata.severe.events.crs = 0.45
strata.severe.infusion.failure = 0.8
[scenarios.so]
"""
SHARE = {"mild": 0.4, "severe": 0.6}
FAILURE = {"mild": 0.0, "severe": 0.8}
REMITS, STAYS, CRS = (
    dict(zip(SHARE, values, strict=True)) for values in ((0.8, 0.1), (0.9, 0.1), (0.05, 0.45))
)


def found_in(raw: Table) -> tuple[Design, TrueValues]:
    design = Design(**copy.deepcopy(raw))
    latents = SobolLatents(scrambles=8, points=2**12)
    return design, true_values(design, truths_of(design)["so"], latents)


def near(found: TrueValue | None, expected: float, slack: float = 1e-12) -> None:
    assert found is not None
    assert abs(found.value - expected) <= 6.0 * found.mcse + slack, (found, expected)


def difference_of(true: TrueValues) -> TrueValue:
    found = true.quantity(Question("free", 1, 0))
    assert found is not None
    return found


def remitters_left(month: float, strata: tuple[str, ...] = ("mild", "severe")) -> float:
    """Fraction of the remitters of `cells` in remission beyond a month."""
    remitters = left = 0.0
    for s in strata:
        own, control = 1.0 - FAILURE[s], FAILURE[s]
        for weight, remits, stays, relapse in (
            (own, REMITS[s], STAYS[s], 5.0),
            (control, 0.5, 0.2, 10.0),
        ):
            remitters += SHARE[s] * weight * remits
            left += SHARE[s] * weight * remits * (1.0 if month < relapse else stays)
    return left / remitters


def test_remitters_and_the_infused_weigh() -> None:
    _, true = found_in(tomllib.loads(BASE))
    near(true.by_arm["loss"][1], remitters_left(24.0))
    loss = true.cells["loss"]
    near(told(loss.of(1) - loss.of(0)), remitters_left(24.0) - 0.2)
    infused = {s: SHARE[s] * (1.0 - FAILURE[s]) for s in SHARE}
    events = sum(infused[s] * CRS[s] for s in SHARE)
    near(true.by_arm["crs"][1], events / sum(infused.values()))
    # everybody counts for the landmark
    free = sum(
        SHARE[s] * ((1.0 - FAILURE[s]) * REMITS[s] * STAYS[s] + FAILURE[s] * 0.5 * 0.2)
        for s in SHARE
    )
    near(true.by_arm["free"][1], free)
    # a question about durability, at its own month, over all, one or the open strata
    asked = Question("loss", 1, kind="remaining", month=8.0)
    near(true.quantity(asked), remitters_left(8.0))
    for place, stratum in enumerate(SHARE):
        near(true.quantity(Question("loss", 1, kind="remaining", month=8.0, stratum=place)),
             remitters_left(8.0, (stratum,)))  # fmt: skip
    about_open = Question("loss", 1, kind="remaining", month=8.0, stratum=OPEN)
    near(true.quantity(about_open, (1,)), remitters_left(8.0, ("severe",)))
    near(true.quantity(about_open, (0, 1)), remitters_left(8.0))


@pytest.mark.parametrize(("claimed", "false"), [(0.50, True), (0.49, False), (0.51, True)])
def test_an_integrated_value_at_the_margin_is_not_beyond_it(claimed: float, false: bool) -> None:
    raw = tomllib.loads(BASE)
    del raw["strata"], raw["truth"]["cells"]["strata"]
    raw["truth"]["cells"]["durability"]["cured"] = 0.5
    raw["rules"][0]["posterior"]["above"] = claimed
    design, true = found_in(raw)
    found = true.quantity(Question("loss", 1, kind="remaining", month=8.0))
    near(found, 0.5)
    assert found is not None
    assert found.mcse > 0.0
    assert Claims.of(design, true).false(0) is false


def excluding(direct: bool) -> Table:
    raw = tomllib.loads(BASE)
    raw["endpoints"] = {"free": raw["endpoints"]["free"] | {"missing": "exclude"}}
    del raw["analysis"]
    asked = {"endpoint": "free", "arm": "cells", "minus": "usual", "above": 0.0}
    raw["rules"][0]["posterior"] = asked
    leaves = {"dropout": {"per_year": 0.2}, "strata": {"severe": {"dropout": {"per_year": 1.5}}}}
    if direct:
        raw["truth"] = {"cells": leaves}
        raw["scenarios"] = {"so": {"free": {"usual": 0.3, "cells": {"mild": 0.6, "severe": 0.2}}}}
    else:
        cells = raw["truth"]["cells"]
        cells["strata"]["severe"] |= leaves["strata"]["severe"]
        cells["dropout"] = leaves["dropout"]
        # nobody fails to be infused or relapses, so that only dropout tells the strata's courses
        cells["durability"] = cells["strata"]["severe"]["durability"] = {"cured": 1.0}
        cells["remission"]["probability"] = 0.6
        cells["strata"]["severe"]["remission"] = {"probability": 0.2}
        cells["strata"]["severe"]["infusion"] = {"failure": 0.0}
        cells["infusion"]["delay"]["value"] = 0.0
    return raw


@pytest.mark.parametrize("direct", [True, False])
def test_those_not_missing_weigh(direct: bool) -> None:
    stays = {"mild": math.exp(-0.2), "severe": math.exp(-1.5)}
    weights = {s: SHARE[s] * stays[s] for s in SHARE}
    expected = (0.6 * weights["mild"] + 0.2 * weights["severe"]) / sum(weights.values())
    raw = excluding(direct)
    design, true = found_in(raw)
    near(true.by_arm["free"][1], expected)
    control = true.by_arm["free"][0].value
    (target,) = target_values(Plan.of(design), true)
    near(TrueValue(target, difference_of(true).mcse), expected - control)


def test_a_model_that_averages_by_shares_is_asked_about_that_average() -> None:
    raw = excluding(direct=True)
    normal = {"dist": "normal", "mean": 0.0, "sd": 1.0}
    raw["analysis"] = {"free": {"model": "logistic"}}
    parts = ("intercept", "treatment", "stratum", "interaction")
    raw["analysis"]["free"]["prior"] = dict.fromkeys(parts, normal)
    design, true = found_in(raw)
    assert target_values(Plan.of(design), true)[0] == difference_of(true).value
    near(difference_of(true), 0.4 * 0.6 + 0.6 * 0.2 - 0.3)
    assert true.by_arm["free"][1].value > 0.4 * 0.6 + 0.6 * 0.2 + 0.02


def test_patient_years_weigh() -> None:
    raw = excluding(direct=True)
    raw["endpoints"] = {
        "free": {"type": "landmark", "month": 6.0},
        "infection": {"type": "event_rate"},
    }
    raw["enrolment"]["per_month"] = 100_000  # everybody is in at once and followed for two years
    raw["looks"] = {"months": [24.0]}
    raw["scenarios"]["so"]["infection"] = {"usual": 0.1, "cells": {"mild": 0.2, "severe": 1.0}}
    _, true = found_in(raw)
    years = {"mild": (1 - math.exp(-0.2 * 2)) / 0.2, "severe": (1 - math.exp(-1.5 * 2)) / 1.5}
    weights = {s: SHARE[s] * years[s] for s in SHARE}
    expected = (0.2 * weights["mild"] + 1.0 * weights["severe"]) / sum(weights.values())
    assert 0.0 < true.by_arm["infection"][1].mcse < 0.01
    near(true.by_arm["infection"][1], expected)
    assert true.by_arm["infection"][0].value == pytest.approx(0.1, abs=1e-12)


@pytest.mark.parametrize(
    ("time", "survival"),
    [
        (Weibull(dist="weibull", shape=1.5, scale=14.0), stats.weibull_min(1.5, scale=14.0).sf),
        (Exponential(dist="exponential", median=9.0), stats.expon(scale=9.0 / math.log(2)).sf),
        (Lognormal(dist="lognormal", median=8.0, sigma=0.7), stats.lognorm(0.7, scale=8.0).sf),
        (Gamma(dist="gamma", shape=2.0, scale=5.0), stats.gamma(2.0, scale=5.0).sf),
        (Fixed(dist="fixed", value=12.0), lambda months: float(months < 12.0)),
    ],
)
def test_the_fraction_beyond_a_month(time: Any, survival: Any) -> None:
    for cured in (None, 0.3, 1.0):
        mixed = time.model_copy(update={"cured": cured})
        for month in (0.5, 12.0, 40.0):
            expected = (cured or 0.0) + (1.0 - (cured or 0.0)) * survival(month)
            assert mixed.beyond(month) == pytest.approx(expected, abs=1e-12)
        assert mixed.beyond(np.inf) == (cured or 0.0)


@pytest.mark.parametrize("strata", [None, (0, 2), (1,)])
def test_a_median_over_strata_is_that_of_their_mixture(strata: tuple[int, ...] | None) -> None:
    """Not the average of their medians: half of all have had the event by then."""
    shares, scales = (0.2, 0.3, 0.5), ((4.0, 9.0, 30.0), (12.0, 20.0, 50.0))
    times = [[Exponential(dist="exponential", median=m) for m in arm] for arm in scales]
    found = OF_TIMES["median"].directly(times, shares, 12.0)
    for arm, medians in enumerate(scales):
        chosen = range(3) if strata is None else strata
        weights = np.array([shares[s] for s in chosen])
        weights = weights / weights.sum()

        def had(
            month: float, medians: Any = medians, chosen: Any = chosen, w: Any = weights
        ) -> Any:
            parts = zip(w, chosen, strict=True)
            return sum(weight * (1.0 - 0.5 ** (month / medians[s])) for weight, s in parts) - 0.5

        expected = optimize.brentq(had, 0.1, 200.0, xtol=1e-12)
        assert found.of(arm, strata).item() == pytest.approx(expected, rel=1e-9)
    if strata is None:
        averaged = OF_TIMES["restricted_mean"].directly(times, shares, 12.0)
        means = [time.mean_until(12.0) for time in times[0]]
        assert averaged.of(0).item() == pytest.approx(np.average(means, weights=shares))
