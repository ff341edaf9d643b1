"""Early participants to priors: what is written, what it rests on, and that a design takes it."""

from __future__ import annotations

import math
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import load_design
from adaptive_cart.errors import DesignError, InputError
from adaptive_cart.models.binary.beta_binomial import BetaMixture
from adaptive_cart.models.durability.weibull_cure import WeibullCure
from adaptive_cart.priors.durability_prior import (
    VAGUE,
    DurabilityPriors,
    durability_moments,
    durability_priors,
)
from adaptive_cart.priors.early_data import early_priors, rate_prior, response_prior
from adaptive_cart.telling.walkthrough import Story
from checks import DESIGNS, median_above, raw_design

TIGHT = DurabilityPriors((2.0, 2.0), (12.0, 0.7), (1.2, 0.3))


@cache
def story() -> tuple[Design, Story]:
    design = load_design(DESIGNS / "sle_autologous.toml")
    return design, ac.example(design, scenario="expected", trial=1)


def early(participants: int = 20) -> tuple[Design, list[dict[str, Any]]]:
    """A design, and a single-arm trial as its participants table has it."""
    design, told = story()
    rows = [dict(row) for row in told.participants if row["arm"] == "cart"]
    return design, rows[:participants]


def remitters(number: int, share: float, seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(2.0, 30.0, number), rng.random(number) < share


# --- responses ----------------------------------------------------------------------------------


def test_a_response_is_counted_as_the_design_counts_it() -> None:
    design, rows = early()
    found = early_priors(design, rows)
    by_name = {part.endpoint: part for part in found.responses}
    assert set(by_name) == {"dfr", "remission", "crs3"}
    date = max(row["randomised_month"] + row["last_contact_month"] for row in rows)
    seen = responders = 0
    for row in rows:
        if row["randomised_month"] + 12.0 > date:
            continue
        seen += 1
        starts, ends = row["remission_month"], row["relapse_month"]
        inside = starts != "" and starts <= 9.0 and (ends == "" or ends > 12.0)
        alive = row["death_month"] == "" or row["death_month"] > 12.0
        stayed = row["last_contact_month"] >= 12.0
        responders += inside and alive and stayed
    dfr = by_name["dfr"]
    assert (dfr.responders, dfr.participants) == (responders, seen)
    assert dfr.prior == BetaMixture.single(1.0 + responders, 1.0 + seen - responders)
    assert dfr.planned == 60


def test_an_earlier_date_shows_less() -> None:
    design, rows = early()
    late, soon = early_priors(design, rows), early_priors(design, rows, date=18.0)
    assert soon.participants <= late.participants
    assert soon.durability[0].months < late.durability[0].months
    assert soon.date == 18.0


@pytest.mark.parametrize("skeptical", [0.1, 0.5, 0.9])
def test_the_discount_of_a_response_is_a_vague_component(skeptical: float) -> None:
    prior = response_prior(10, 14, skeptical)
    assert prior.a == (11.0, 1.0)
    assert prior.b == (5.0, 1.0)
    assert prior.weights == pytest.approx((1.0 - skeptical, skeptical))
    assert response_prior(10, 14, 1.0) == BetaMixture.single(1.0, 1.0)
    with pytest.raises(ValueError, match="15 responders of 14"):
        response_prior(15, 14, 0.0)


# --- durability ---------------------------------------------------------------------------------


def remaining(priors: DurabilityPriors, month: float, rng: np.random.Generator) -> np.ndarray:
    n = 200_000
    cured = rng.beta(*priors.cured, n)
    median = priors.median_months[0] * np.exp(priors.median_months[1] * rng.standard_normal(n))
    shape = priors.shape[0] * np.exp(priors.shape[1] * rng.standard_normal(n))
    return cured + (1.0 - cured) * np.exp(-math.log(2.0) * (month / median) ** shape)


@pytest.mark.parametrize("prior", [VAGUE, TIGHT])
@pytest.mark.parametrize(("number", "share"), [(1, 0.0), (12, 0.0), (15, 0.2), (60, 0.5), (5, 1.0)])
def test_moments_are_those_of_the_fast_posterior(
    number: int, share: float, prior: DurabilityPriors
) -> None:
    months, relapsed = remitters(number, share)
    found = durability_moments(months, relapsed, prior)
    model = WeibullCure(prior.cured, prior.median_months, prior.shape)
    fast = model.posterior(months[None], relapsed[None], np.ones((1, number), dtype=bool))
    assert found.cured[0] == pytest.approx(float(fast.cured_mean()[0]), rel=2e-3)
    # moments of the log median from the fast posterior's distribution function
    centre, sd = found.log_median[0], math.sqrt(found.log_median[1])
    logs = np.linspace(centre - 7.0 * sd, centre + 7.0 * sd, 57)
    above = np.array([float(median_above(fast, math.exp(value))[0]) for value in logs])
    mass = -np.diff(np.concatenate([[1.0], above, [0.0]]))
    middle = np.concatenate([[logs[0]], 0.5 * (logs[1:] + logs[:-1]), [logs[-1]]])
    mean = float(mass @ middle)
    assert centre == pytest.approx(mean, abs=0.02 * sd)
    assert sd == pytest.approx(math.sqrt(float(mass @ (middle - mean) ** 2)), rel=0.03)
    values = np.linspace(0.0025, 0.9975, 200)
    over = np.array([float(fast.cured_above(value)[0]) for value in values])
    second = float((2.0 * values * over).mean())
    assert found.cured[1] == pytest.approx(second - found.cured[0] ** 2, abs=2e-3)


def test_without_remitters_the_prior_comes_back() -> None:
    nobody = durability_moments(np.empty(0), np.empty(0, dtype=bool), TIGHT).matched()
    assert nobody.cured == pytest.approx(TIGHT.cured, rel=1e-3)
    assert nobody.median_months == pytest.approx(TIGHT.median_months, rel=1e-3)
    assert nobody.shape == pytest.approx(TIGHT.shape, rel=1e-3)
    assert durability_priors(np.empty(0), np.empty(0, dtype=bool)) == VAGUE


def test_matched_priors_have_the_moments() -> None:
    found = durability_moments(*remitters(30, 0.4))
    priors = found.matched()
    a, b = priors.cured
    assert a / (a + b) == pytest.approx(found.cured[0])
    assert a * b / ((a + b) ** 2 * (a + b + 1.0)) == pytest.approx(found.cured[1])
    assert math.log(priors.median_months[0]) == pytest.approx(found.log_median[0])
    assert priors.shape[1] ** 2 == pytest.approx(found.log_shape[1])


def test_a_discount_weakens_and_leads_back_to_vague() -> None:
    months, relapsed = remitters(40, 0.3)
    spread = [
        durability_priors(months, relapsed, skeptical).median_months[1]
        for skeptical in (0.0, 0.3, 0.6, 0.9)
    ]
    assert spread == sorted(spread)
    assert durability_priors(months, relapsed, 1.0) == VAGUE
    nearly = durability_priors(months, relapsed, 1.0 - 1e-9)
    assert nearly.median_months == pytest.approx(VAGUE.median_months, rel=1e-3)
    # half of twice the remitters says what all of them say
    twice = durability_moments(np.tile(months, 2), np.tile(relapsed, 2), VAGUE, power=0.5)
    once = durability_moments(months, relapsed, VAGUE)
    assert twice.cured == pytest.approx(once.cured, rel=1e-9)
    with pytest.raises(ValueError, match="skeptical"):
        durability_priors(months, relapsed, -0.1)


def test_the_matched_prior_says_within_follow_up_what_the_data_said() -> None:
    """Independence loses the correlation: right on average, and wider."""
    months, relapsed = remitters(60, 0.4)
    model = WeibullCure(VAGUE.cured, VAGUE.median_months, VAGUE.shape)
    fast = model.posterior(months[None], relapsed[None], np.ones((1, 60), dtype=bool))
    rng = np.random.default_rng(8)
    draws = remaining(durability_priors(months, relapsed), 12.0, rng)
    assert draws.mean() == pytest.approx(float(fast.remaining_mean(12.0)[0]), abs=0.03)
    low, high = (float(fast.remaining_quantile(12.0, q)[0]) for q in (0.025, 0.975))
    assert np.quantile(draws, 0.025) < low + 0.02
    assert np.quantile(draws, 0.975) > high - 0.02


# --- what is written ----------------------------------------------------------------------------


@pytest.mark.parametrize("skeptical", [0.0, 0.5, 1.0])
def test_the_lines_are_a_designs_own(tmp_path: Path, skeptical: float) -> None:
    design, rows = early()
    found = early_priors(design, rows, skeptical=skeptical)
    written = tomllib.loads(found.toml())["analysis"]
    assert set(written) == {"dfr", "remission", "crs3", "relapse"}
    raw = raw_design("sle_autologous")
    raw["analysis"] |= written
    analysis = Design(**raw).analysis_of("dfr")
    assert analysis is not None
    model = analysis.fitted(("soc", "cart"), (1.0,))
    dfr = next(part for part in found.responses if part.endpoint == "dfr")
    assert model.priors[1].mean() == pytest.approx(dfr.prior.mean(), rel=1e-3)
    relapse = Design(**raw).analysis_of("relapse")
    assert relapse is not None
    durable = relapse.fitted(("soc", "cart"), (1.0,))
    assert durable.median_months == pytest.approx(
        found.durability[0].priors.median_months, rel=1e-3
    )
    assert "remission_time (described only)" in found.toml().replace("\n# ", " ")
    assert all(len(line) <= 100 for line in found.toml().splitlines())


def test_it_reads_the_file_that_example_writes(tmp_path: Path) -> None:
    design, told = story()
    file = tmp_path / "early.csv"
    file.write_text(told.participants_csv(), encoding="utf-8")
    found = early_priors(design, file, arm="cart")
    assert found.participants == sum(row["arm"] == "cart" for row in told.participants)
    with pytest.raises(DesignError, match="holds the arms soc, cart"):
        early_priors(design, file)


def test_problems_are_told() -> None:
    design, rows = early()
    with pytest.raises(DesignError) as caught:
        early_priors(design, rows, arm="cort", skeptical=1.5)
    assert "--skeptical: found 1.5" in str(caught.value)
    assert "did you mean 'cart'" in str(caught.value)
    with pytest.raises(DesignError, match="nobody in the table is in arm 'soc'"):
        early_priors(design, rows, arm="soc")
    with pytest.raises(DesignError, match="nobody is randomised by month -1"):
        early_priors(design, rows, date=-1.0)
    rows[3]["remission_month"] = "soon"
    with pytest.raises(InputError, match="remission_month"):
        early_priors(design, rows)
    with pytest.raises(ValueError, match="power"):
        durability_moments(*remitters(3, 0.5), power=2.0)


def test_months_are_counted_from_the_log_scale_safely() -> None:
    """A relapse at once is ordinary data; so is a remitter who has just begun."""
    found = durability_moments(np.array([0.0, 0.0, 12.0]), np.array([True, False, False]))
    assert all(np.isfinite(part).all() for part in (found.cured, found.log_median, found.log_shape))
    assert 0.0 < found.cured[0] < 1.0
    assert special.logit(found.cured[0]) < 3.0


# --- yearly rates -------------------------------------------------------------------------------


def test_a_yearly_rate_has_a_gamma_prior() -> None:
    raw = raw_design("sle_autologous")
    raw["endpoints"]["serious_infection"] = {"type": "event_rate"}
    raw["analysis"]["serious_infection"] = {
        "model": "gamma_poisson",
        "prior": {"a": 0.5, "b": 1.0},
    }
    design = Design(**raw)
    rows = [
        {
            "participant": number,
            "arm": "cart",
            "randomised_month": 0.0,
            "infused_month": 1.0,
            "remission_month": 3.0,
            "relapse_month": "",
            "rescue_month": "",
            "death_month": "",
            "last_contact_month": 12.0 + number,
            "remission_on_drugs_month": "",
            "crs3": "",
            "serious_infection": "2.0;7.5" if number == 3 else "",
        }
        for number in range(1, 7)
    ]
    (rate,) = early_priors(design, rows).rates
    years = sum(12.0 + number for number in range(1, 7)) / 12.0
    assert rate.events == 2
    assert rate.years == pytest.approx(years)
    assert (rate.a, rate.b) == pytest.approx((2.5, 0.1 + years))
    found = early_priors(design, rows, skeptical=0.5)
    assert (found.rates[0].a, found.rates[0].b) == pytest.approx((1.5, 0.1 + 0.5 * years))
    written = tomllib.loads(found.toml())["analysis"]["serious_infection"]
    assert written["model"] == "gamma_poisson"
    assert written["prior"]["a"] == 1.5
    Design(**(raw | {"analysis": raw["analysis"] | {"serious_infection": written}}))
    assert rate_prior(9, 30.0, 1.0) == (0.5, 0.1)
    with pytest.raises(ValueError, match="-1 events"):
        rate_prior(-1, 3.0, 0.0)
