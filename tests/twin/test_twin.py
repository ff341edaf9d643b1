"""The slow twin against hand-worked cases, closed forms and brute force."""

from __future__ import annotations

import copy
import itertools
import math
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import beta as beta_function

from checks import raw_design
from twin import enumeration, one_trial, posterior

NEVER = math.inf
UNIFORM = ((1.0, 1.0, 1.0),)
ROBUST = ((0.8, 1.2, 38.8), (0.2, 1.0, 1.0))
SMALL = ((1.0, 0.2, 3.8),)
JEFFREYS = ((1.0, 0.5, 0.5),)


# --- Posteriors -----------------------------------------------------------------------------


def closed_form(a_first: int, b_first: int, a_second: int, b_second: int) -> float:
    """P(first > second) for whole parameters, as a finite sum of beta functions."""
    return float(
        sum(
            beta_function(a_second + i, b_first + b_second)
            / ((b_first + i) * beta_function(1 + i, b_first) * beta_function(a_second, b_second))
            for i in range(a_first)
        )
    )


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (5, 7, 1, 6), (12, 40, 3, 20), (9, 9, 0, 9)])
def test_difference_agrees_with_the_closed_form(counts: tuple[int, int, int, int]) -> None:
    s_first, n_first, s_second, n_second = counts
    expected = closed_form(
        1 + s_first, 1 + n_first - s_first, 1 + s_second, 1 + n_second - s_second
    )
    table = posterior.difference_above_table(UNIFORM, n_first, UNIFORM, n_second, 0.0)
    single = posterior.probability_difference_above(
        posterior.updated(UNIFORM, s_first, n_first),
        posterior.updated(UNIFORM, s_second, n_second),
        0.0,
    )
    assert single == pytest.approx(expected, abs=1e-12)
    assert table[s_first, s_second] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("margin", [-0.3, 0.0, 0.02, 0.15, 0.6])
def test_difference_agrees_with_quadrature_on_the_plain_scale(margin: float) -> None:
    first, second = (7.5, 20.0), (2.5, 31.0)

    def integrand(p: float) -> float:
        return float(stats.beta.pdf(p, *second) * stats.beta.sf(p + margin, *first))

    points = [0.0, *np.linspace(0.005, 0.3, 20), 0.6, 1.0]
    expected = math.fsum(
        integrate.quad(integrand, low, high, epsabs=1e-14, epsrel=1e-11)[0]
        for low, high in itertools.pairwise(points)
    )
    value = posterior.probability_difference_above(((1.0, *first),), ((1.0, *second),), margin)
    assert value == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("margin", [-0.1, 0.0, 0.15])
@pytest.mark.parametrize(
    ("first", "second"), [(SMALL, SMALL), (JEFFREYS, ROBUST), (SMALL, JEFFREYS)]
)
def test_grid_quadrature_and_mirror_image_agree(
    first: posterior.Mixture, second: posterior.Mixture, margin: float
) -> None:
    """P(a - b > x) and P(b - a > -x) are integrals over different variables, and add up to 1."""
    table = posterior.difference_above_table(first, 12, second, 6, margin)
    mirror = posterior.difference_above_table(second, 6, first, 12, -margin)
    np.testing.assert_allclose(table + mirror.T, 1.0, rtol=0, atol=1e-11)
    for s_first, s_second in [(0, 0), (12, 6), (0, 6), (5, 1)]:
        single = posterior.probability_difference_above(
            posterior.updated(first, s_first, 12), posterior.updated(second, s_second, 6), margin
        )
        assert single == pytest.approx(table[s_first, s_second], abs=1e-11)


def test_mixture_is_updated_by_the_marginal_likelihoods() -> None:
    # B(2,1)/B(1,1) = 1/2 and B(3,1)/B(2,1) = 2/3, so the weights become 3/7 and 4/7.
    mixture = posterior.updated(((0.5, 1.0, 1.0), (0.5, 2.0, 1.0)), 1, 1)
    np.testing.assert_allclose(mixture, [(3 / 7, 2, 1), (4 / 7, 3, 1)], rtol=1e-14)
    assert posterior.mean(mixture) == pytest.approx(5 / 7)
    # P(p > 1/2) is 3/4 under Beta(2, 1) and 7/8 under Beta(3, 1).
    assert posterior.probability_above(mixture, 0.5) == pytest.approx((9 / 4 + 7 / 2) / 7)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="3 successes among 2"):
        posterior.updated(UNIFORM, 3, 2)


def test_predictive_weights_of_a_uniform_are_uniform() -> None:
    np.testing.assert_allclose(posterior.predictive_weights(UNIFORM, 4), 0.2, rtol=1e-13)
    assert posterior.predictive_weights(ROBUST, 0).tolist() == [1.0]


def test_predictive_expectation_of_the_final_posterior_is_the_present_one() -> None:
    now_first, now_second = posterior.updated(JEFFREYS, 3, 5), posterior.updated(ROBUST, 1, 4)
    table = posterior.difference_above_table(JEFFREYS, 12, ROBUST, 9, 0.1)
    expected = 0.0
    for i, p_first in enumerate(posterior.predictive_weights(now_first, 7)):
        for j, p_second in enumerate(posterior.predictive_weights(now_second, 5)):
            expected += p_first * p_second * table[3 + i, 1 + j]
    now = posterior.probability_difference_above(now_first, now_second, 0.1)
    assert expected == pytest.approx(now, abs=1e-11)


def test_predictive_probability_by_hand() -> None:
    # One to come in each arm, both Beta(1, 1): P(first responds and second does not) = 1/4.
    value = posterior.predictive_probability(UNIFORM, 1, UNIFORM, 1, lambda i, j: i > j)
    assert value == pytest.approx(0.25)


# --- A participant's course -----------------------------------------------------------------

COURSE: dict[str, Any] = {
    "arms": {"soc": {"control": True}, "cart": {"product": "autologous"}},
    "endpoints": {
        "dfr": {"type": "landmark", "month": 12, "sustained_from": 9},
        "remission": {"type": "landmark", "month": 12, "state": "remission"},
        "relapse": {"type": "time_to_relapse", "horizon": 24},
        "remission_time": {"type": "time_in_remission", "horizon": 24},
        "crs3": {"type": "adverse_event", "within_months": 2.0},
    },
}
EVERY_MONTH = {"per_year": 12.0}  # a hazard of 1 a month: exposure = -log(1 - u)
TRUTH: dict[str, Any] = {
    "soc": {
        "remission": {"probability": 0.2, "onset": {"dist": "fixed", "value": 4.0}},
        "durability": {"cured": 0.5, "relapse": {"dist": "fixed", "value": 3.0}},
        "rescue": EVERY_MONTH,
        "dropout": EVERY_MONTH,
    },
    "cart": {
        "infusion": {"failure": 0.1, "delay": {"dist": "fixed", "value": 1.0}},
        "remission": {"probability": 0.6, "onset": {"dist": "fixed", "value": 2.0}},
        "durability": {"cured": 0.5, "relapse": {"dist": "fixed", "value": 10.0}},
        "remission_on_drugs": {"probability": 0.5, "onset": {"dist": "fixed", "value": 3.0}},
        "rescue": EVERY_MONTH,
        "dropout": EVERY_MONTH,
        "death": EVERY_MONTH,
        "events": {"crs3": 0.5, "no_endpoint": 0.5},
    },
}


def after(months: float) -> float:
    """Uniform at which a hazard of 1 a month strikes after so many months."""
    return -math.expm1(-months)


def course(arm: str = "cart", truth: Any = None, **given: Any) -> Any:
    """A course in which, save what is given, all goes well and nothing adverse happens."""
    uniforms = {
        "infusion_failure": 0.9,
        "infusion_delay": 0.5,
        "remission": 0.1,
        "remission_onset": 0.5,
        "cured": 0.1,
        "relapse": 0.5,
        "remission_on_drugs": 0.9,
        "remission_on_drugs_onset": 0.5,
        "rescue": after(24.0),
        "dropout": after(24.0),
        "death": after(24.0),
        "event:crs3": 0.9,
    }
    uniforms |= {key.replace("event_", "event:"): value for key, value in given.items()}
    return one_trial.run_course(COURSE, truth or TRUTH, arm, None, uniforms.__getitem__)


def approximately(person: Any, **months: float) -> None:
    """Months agree, but for the coarseness of uniforms near 1."""
    for key, month in months.items():
        assert person[f"{key}_month"] == pytest.approx(month, abs=1e-5), (
            key
        )  # a uniform near 1 is coarse


def test_infused_in_lasting_remission() -> None:
    person = course(event_crs3=0.25)
    approximately(person, infused=1.0, remission=3.0, relapse=NEVER, rescue=NEVER, dropout=24.0)
    assert person["crs3"] == pytest.approx(1.0 + 0.25 / 0.5 * 2.0)
    assert "no_endpoint" not in person


def test_control_has_its_own_clock() -> None:
    person = course("soc", cured=0.5, rescue=after(5.0))
    # In remission from month 4 to 7; 5 months outside it are months 0 to 4 and 7 to 8.
    approximately(person, infused=NEVER, remission=4.0, relapse=7.0, rescue=8.0)


def test_never_infused_has_the_controls_disease_and_the_own_arms_follow_up() -> None:
    person = course(infusion_failure=0.05, cured=0.9, rescue=after(5.0), event_crs3=0.1)
    approximately(person, infused=NEVER, remission=4.0, relapse=7.0, rescue=8.0, death=24.0)
    assert person["crs3"] == NEVER
    assert course(infusion_failure=0.05, remission=0.5)["remission_month"] == NEVER
    assert course(remission=0.5)["remission_month"] == 3.0


@pytest.mark.parametrize("event", ["dropout", "death"])
def test_not_infused_after_dropout_or_death(event: str) -> None:
    given: dict[str, Any] = {event: after(0.5)}
    person = course(**given)
    approximately(person, infused=NEVER, remission=4.0, **{event: 0.5})


def test_rescue_before_onset_precludes_remission() -> None:
    # The rescue clock starts at infusion: month 1 + 1.5.
    approximately(course(rescue=after(1.5)), remission=NEVER, relapse=NEVER, rescue=2.5)


def test_rescue_after_relapse_counts_the_months_outside_remission() -> None:
    # In remission from month 3 to 13; 5 months outside are 1 to 3 and 13 to 16.
    approximately(course(cured=0.9, rescue=after(5.0)), remission=3.0, relapse=13.0, rescue=16.0)


def test_rescue_without_remission() -> None:
    approximately(course(remission=0.7, rescue=after(5.0)), remission=NEVER, rescue=6.0)


def test_remission_on_drugs_starts_its_clock_at_randomisation() -> None:
    person = course(remission_on_drugs=0.4, remission=0.9)
    approximately(person, remission_on_drugs=3.0, remission=NEVER)


def test_same_as_gives_the_identical_disease_course() -> None:
    truth = one_trial.merge(TRUTH, {"cart": {"same_as": "soc"}})
    generator = np.random.default_rng(20250101)
    purposes = ["remission", "cured", "rescue", "dropout", "remission_on_drugs", "event_crs3"]
    infused = 0
    for _ in range(200):
        given = {purpose: float(generator.random()) for purpose in purposes}
        given["infusion_failure"] = float(generator.random())
        control, experimental = course("soc", truth, **given), course("cart", truth, **given)
        for key in ("remission", "relapse", "rescue", "dropout", "death", "remission_on_drugs"):
            assert control[f"{key}_month"] == experimental[f"{key}_month"]
        infused += experimental["infused_month"] < NEVER
        assert control["infused_month"] == NEVER
    assert 50 < infused < 190  # of 200: 0.9 times the chance of no dropout in the first month


def test_product_infusion_serves_where_the_truth_names_none() -> None:
    truth = copy.deepcopy(TRUTH)
    del truth["cart"]["infusion"]
    default = {"cart": {"failure": 0.95, "delay": {"dist": "fixed", "value": 2.5}}}
    uniforms = dict.fromkeys(("infusion_failure", "infusion_delay", "remission_on_drugs"), 0.96)
    uniforms |= dict.fromkeys(("dropout", "death", "rescue"), after(24.0))
    uniforms |= {"remission": 0.1, "remission_onset": 0.5, "cured": 0.1, "event:crs3": 0.9}

    def months(truth: dict[str, Any]) -> float:
        person = one_trial.run_course(COURSE, truth, "cart", None, uniforms.__getitem__, default)
        return float(person["infused_month"])

    assert months(truth) == 2.5
    truth["cart"]["infusion"] = {"delay": {"dist": "fixed", "value": 0.5}}
    assert months(truth) == 0.5
    truth["cart"]["infusion"]["failure"] = 0.97
    assert months(truth) == NEVER


def test_parameters_may_differ_by_stratum() -> None:
    truth = {
        "dropout": {"per_year": 0.1},
        "cart": {
            "remission": {"probability": 0.6, "onset": {"dist": "fixed", "value": 2.0}},
            "death": {"per_year": 0.2},
            "strata": {"ssc": {"remission": {"probability": 0.45}}},
        },
    }
    ssc, sle = (one_trial.parameters(truth, "cart", stratum) for stratum in ("ssc", "sle"))
    assert ssc["remission"] == {"probability": 0.45, "onset": {"dist": "fixed", "value": 2.0}}
    assert sle["remission"]["probability"] == 0.6
    assert ssc["dropout"] == {"per_year": 0.1}
    assert ssc["death"] == {"per_year": 0.2}


def test_a_scenario_replaces_a_distribution_whole_and_merges_the_rest() -> None:
    raw: dict[str, Any] = {
        "truth": {"cart": {"a": {"dist": "weibull", "shape": 1.5, "median": 18.0}, "b": 1}},
        "scenarios": {
            "new": {"role": "null", "cart": {"a": {"dist": "exponential", "median": 9.0}}},
            "part": {"cart": {"a": {"median": 9.0}}},
        },
    }
    assert one_trial.truth_of(raw, "new") == {
        "cart": {"a": {"dist": "exponential", "median": 9.0}, "b": 1}
    }
    assert one_trial.truth_of(raw, "part") == {
        "cart": {"a": {"dist": "weibull", "shape": 1.5, "median": 9.0}, "b": 1}
    }
    assert raw["truth"]["cart"]["a"]["median"] == 18.0


@pytest.mark.parametrize(
    ("distribution", "u", "expected"),
    [
        ({"dist": "weibull", "shape": 2.0, "median": 8.0}, 0.5, 8.0),
        ({"dist": "weibull", "shape": 2.0, "scale": 3.0}, 1 - math.exp(-4.0), 6.0),
        ({"dist": "exponential", "median": 9.0}, 0.75, 18.0),
        ({"dist": "exponential", "rate": 0.5}, 1 - math.exp(-1.0), 2.0),
        ({"dist": "lognormal", "median": 1.3, "sigma": 0.3}, 0.5, 1.3),
        ({"dist": "lognormal", "median": 1.0, "sigma": 2.0}, stats.norm.cdf(1.0), math.exp(2.0)),
        ({"dist": "fixed", "value": 4.0}, 0.3, 4.0),
        ({"dist": "exponential", "median": 9.0, "cured": 0.5}, 0.25, 9.0),
        ({"dist": "exponential", "median": 9.0, "cured": 0.5}, 0.5, NEVER),
    ],
)
def test_quantiles(distribution: dict[str, Any], u: float, expected: float) -> None:
    assert one_trial.quantile(distribution, float(u)) == pytest.approx(expected)


# --- What is seen of a participant ----------------------------------------------------------


def somebody(**months: Any) -> dict[str, Any]:
    """A participant randomised when the trial opens, to whom nothing happens save what is given."""
    person: dict[str, Any] = {"randomised_month": 0.0, "infused_arm": True, "crs3": NEVER}
    for key in ("infused", "remission", "relapse", "rescue", "death", "dropout"):
        person[f"{key}_month"] = months.pop(key, NEVER)
    person["remission_on_drugs_month"] = months.pop("on_drugs", NEVER)
    return person | months


@pytest.mark.parametrize(
    ("months", "outcome"),
    [
        ({"remission": 9.0}, "success"),
        ({"remission": 9.5}, "failure"),
        ({"remission": 3.0, "relapse": 12.0}, "failure"),
        ({"remission": 3.0, "relapse": 12.1, "rescue": 12.2}, "success"),
        ({"remission": 3.0, "relapse": 8.0}, "failure"),
        ({"remission": 3.0, "death": 12.0}, "failure"),
        ({"remission": 3.0, "dropout": 11.0}, "missing"),
        ({"remission": 3.0, "dropout": 12.0}, "success"),
        ({"dropout": 11.0}, "missing"),
        ({"rescue": 5.0, "dropout": 11.0}, "failure"),
        ({"rescue": 8.0, "dropout": 5.0}, "missing"),
        ({"death": 5.0, "dropout": 11.0}, "failure"),
        ({"death": 8.0, "dropout": 5.0}, "missing"),
        ({"on_drugs": 3.0}, "failure"),
    ],
)
def test_landmark_in_sustained_drug_free_remission(months: dict[str, float], outcome: str) -> None:
    endpoint = COURSE["endpoints"]["dfr"]
    assert one_trial.landmark_outcome("dfr", endpoint, somebody(**months)) == outcome


@pytest.mark.parametrize(
    ("months", "at_month", "sustained"),
    [
        ({"on_drugs": 9.0}, "success", "success"),
        ({"on_drugs": 11.0}, "success", "failure"),
        ({"on_drugs": 3.0, "rescue": 12.5}, "success", "success"),
        ({"on_drugs": 3.0, "rescue": 5.0}, "failure", "failure"),
        ({"remission": 3.0, "relapse": 10.0, "on_drugs": 10.0}, "success", "success"),
        ({"remission": 3.0, "relapse": 10.0, "on_drugs": 10.5}, "success", "failure"),
        ({"remission": 3.0, "relapse": 10.0, "on_drugs": 12.5}, "failure", "failure"),
        ({"remission": 10.0}, "success", "failure"),
    ],
)
def test_landmark_in_remission_of_either_kind(
    months: dict[str, float], at_month: str, sustained: str
) -> None:
    endpoint = COURSE["endpoints"]["remission"]
    assert one_trial.landmark_outcome("remission", endpoint, somebody(**months)) == at_month
    endpoint = endpoint | {"sustained_from": 9}
    assert one_trial.landmark_outcome("remission", endpoint, somebody(**months)) == sustained


def test_the_missing_are_failures_or_left_out_once_their_month_has_passed() -> None:
    people = [
        somebody(remission=3.0),
        somebody(dropout=2.0),
        somebody(death=2.0),
        somebody(remission=3.0) | {"randomised_month": 0.5},
    ]
    endpoint = {"type": "landmark", "month": 12}
    assert one_trial.see("dfr", endpoint, people, 11.9)["totals"] == 0
    assert one_trial.see("dfr", endpoint, people, 12.0) == {
        "successes": 1, "totals": 3, "missing": 1
    }  # fmt: skip
    endpoint["missing"] = "exclude"
    assert one_trial.see("dfr", endpoint, people, 12.5) == {
        "successes": 2, "totals": 3, "missing": 1
    }  # fmt: skip


def test_adverse_events_wait_for_the_window() -> None:
    endpoint = COURSE["endpoints"]["crs3"]
    people = [
        somebody(infused=1.0, crs3=1.1),
        somebody(infused=1.0, crs3=2.5, dropout=2.0),  # happened after the last contact
        somebody(),  # never infused
    ]
    assert one_trial.see("crs3", endpoint, people, 2.9) == {"events": 0, "totals": 0}
    assert one_trial.see("crs3", endpoint, people, 3.0) == {"events": 1, "totals": 2}
    assert one_trial.see("crs3", endpoint, people, NEVER) == {"events": 1, "totals": 2}
    control = [somebody(crs3=0.5) | {"infused_arm": False}]
    assert one_trial.see("crs3", endpoint, control, 1.9) == {"events": 0, "totals": 0}
    assert one_trial.see("crs3", endpoint, control, 2.0) == {"events": 1, "totals": 1}


def test_time_to_relapse_among_remitters_seen() -> None:
    endpoint = COURSE["endpoints"]["relapse"]  # horizon 24 months from onset
    people = [
        somebody(remission=2.0, relapse=8.0),  # 6 months, a relapse
        somebody(remission=2.0, relapse=8.0, dropout=5.0),  # 3 months
        somebody(remission=2.0, death=6.0),  # 4 months
        somebody(remission=2.0, relapse=27.0),  # 24 months: the horizon
        somebody(remission=31.0),  # not yet at the look
        somebody(remission=6.0, dropout=5.0),  # never seen
        somebody(),
    ]
    seen = one_trial.see("relapse", endpoint, people, 30.0)
    assert seen == {"remitters": 4, "relapses": 1, "months_at_risk": 37.0}
    early = one_trial.see("relapse", endpoint, people, 4.0)
    assert early == {"remitters": 4, "relapses": 0, "months_at_risk": 8.0}


def test_time_in_remission_of_everybody_whose_horizon_has_passed() -> None:
    endpoint = COURSE["endpoints"]["remission_time"]  # horizon 24 months from randomisation
    people = [
        somebody(remission=2.0, relapse=8.0),  # 6
        somebody(remission=20.0, relapse=30.0),  # 4
        somebody(remission=2.0, dropout=5.0),  # 3
        somebody(remission=6.0, death=5.0),  # 0
        somebody(remission=2.0) | {"randomised_month": 0.1},
    ]
    seen = one_trial.see("remission_time", endpoint, people, 24.0)
    assert seen == {"totals": 4, "mean_months": 13 / 4}
    assert one_trial.see("remission_time", endpoint, people, 23.0)["totals"] == 0


def test_time_to_event_stated_directly() -> None:
    endpoint = {"type": "time_to_event", "horizon": 36}
    people = [
        somebody(relapse=NEVER, outcome=5.0),
        somebody(outcome=12.0, dropout=10.0),
        somebody(outcome=40.0),
        somebody(outcome=5.0) | {"randomised_month": 38.0},
    ]
    assert one_trial.see("outcome", endpoint, people, 40.0) == {
        "totals": 4, "events": 1, "months_at_risk": 5.0 + 10.0 + 36.0 + 2.0
    }  # fmt: skip


def test_the_record_is_blank_after_the_last_contact() -> None:
    person = {"participant": 3, "randomised_month": 1.0} | course(dropout=after(6.0))
    row = one_trial.recorded(COURSE, person, 30.0)
    assert row["infused_month"] == 1.0
    assert row["remission_month"] == 3.0
    assert row["last_contact_month"] == pytest.approx(6.0)
    assert row["relapse_month"] is row["rescue_month"] is row["death_month"] is row["crs3"] is None
    assert one_trial.recorded(COURSE, person, 2.0)["remission_month"] is None


# --- Arrivals and randomisation -------------------------------------------------------------


def test_arrivals() -> None:
    raw: dict[str, Any] = {"enrolment": {"max_n": 12, "per_month": 2, "arrivals": "regular"}}
    assert one_trial.arrival_months(raw, []) == [0.5 * (j + 1) for j in range(12)]
    raw["enrolment"]["per_month"] = {"ramp_months": 6, "plateau": 3.0}
    months = one_trial.arrival_months(raw, [])  # 9 are expected in the ramp
    assert months[0] == 2.0  # 3 * 2^2 / (2 * 6) = 1
    assert months[8] == 6.0
    assert months[11] == 7.0
    raw["enrolment"] = {"max_n": 2, "per_month": 2}
    assert one_trial.arrival_months(raw, [after(1.0), after(3.0)]) == pytest.approx([0.5, 2.0])


def test_strata_by_cumulative_shares() -> None:
    raw = {"enrolment": {"max_n": 4}, "strata": {"sle": 0.5, "ssc": 0.3, "iim": 0.2}}
    assert one_trial.strata_of(raw, [0.0, 0.5, 0.79, 0.999]) == ["sle", "ssc", "ssc", "iim"]


def test_blocks() -> None:
    raw: dict[str, Any] = {"arms": {"cart": {"allocation": 2}, "soc": {"control": True}}}
    assert one_trial.block_of(raw) == [1, 2]
    assert one_trial.arrangements((1, 2)) == ((0, 1, 1), (1, 0, 1), (1, 1, 0))
    people = one_trial.assignments(raw, [None] * 6, [[0.5, 0.99]])
    assert people == ["cart", "soc", "cart", "cart", "cart", "soc"]
    raw["randomisation"] = {"block": 6}
    assert one_trial.block_of(raw) == [2, 4]
    assert len(one_trial.arrangements((2, 4))) == 15
    raw["randomisation"] = {"block": 4}
    with pytest.raises(ValueError, match="does not fit"):
        one_trial.block_of(raw)


def test_blocks_are_filled_within_strata() -> None:
    raw = {
        "arms": {"soc": {"control": True}, "cart": {}},
        "strata": {"sle": 0.5, "ssc": 0.5},
    }
    strata = ["sle", "ssc", "ssc", "sle", "sle"]
    # sle: (soc, cart), (cart, soc); ssc: (cart, soc).
    arms = one_trial.assignments(raw, strata, [[0.0, 0.5], [0.7]])
    assert arms == ["soc", "cart", "soc", "cart", "cart"]


def test_planned_numbers_by_largest_remainder() -> None:
    arms: dict[str, Any] = {"soc": {"control": True}, "cart": {"allocation": 2}}
    assert one_trial.planned_numbers({"arms": arms, "enrolment": {"max_n": 10}}) == [3, 7]
    arms = {"soc": {"control": True}, "one": {}, "two": {}}
    assert one_trial.planned_numbers({"arms": arms, "enrolment": {"max_n": 11}}) == [4, 4, 3]


# --- A whole trial --------------------------------------------------------------------------


def small_design(**changes: Any) -> dict[str, Any]:
    """Eight participants 1:1 in blocks (soc, cart), one a month, the landmark at month 3."""
    design: dict[str, Any] = {
        "arms": {"soc": {"control": True}, "cart": {}},
        "endpoints": {"dfr": {"type": "landmark", "month": 3}},
        "enrolment": {"max_n": 8, "per_month": 1, "arrivals": "regular"},
        "looks": {"observed": [4, 8]},
        "rules": [
            {
                "name": "efficacy",
                "then": "declare_success",
                "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
                "at_least": 0.9,
            },
            {
                "name": "futility",
                "then": "declare_futility",
                "predictive": {"rule": "efficacy"},
                "below": 0.05,
                "looks": [1],
            },
        ],
        "scenarios": {"only": {"dfr": {"soc": 0.5, "cart": 0.5}}},
    }
    return design | changes


def answers(pattern: str, **others: list[float]) -> dict[str, Any]:
    """Latents by which participants respond where the pattern has a 1 (direct truth of 0.5)."""
    return {
        "assignment": [[0.0] * len(pattern)],
        "outcome:dfr": [0.0 if character == "1" else 0.9 for character in pattern],
        **others,
    }


def test_a_look_counts_the_first_n_and_the_pipeline_is_followed() -> None:
    # At the first look cart 2/2, soc 0/2; the others contradict it.
    trial = one_trial.run(small_design(), "only", answers("01011010"))
    assert len(trial["looks"]) == 1
    look = trial["looks"][0]
    assert look["date"] == 4.0 + 3.0
    assert look["n_randomised"] == 7
    assert look["n_randomised_by_arm"] == {"soc": 4, "cart": 3}
    assert look["endpoints"]["dfr"] == {
        "soc": {"successes": 0, "totals": 2, "missing": 0},
        "cart": {"successes": 2, "totals": 2, "missing": 0},
    }
    # Beta(3, 1) above Beta(1, 3): 1 - 3!3!/6! = 19/20.
    assert look["rules"]["efficacy"]["probability"] == pytest.approx(19 / 20)
    assert look["rules"]["efficacy"]["holds"]
    end = trial["end"]
    assert (end["look"], end["reason"], end["rule"]) == (1, "success", "efficacy")
    assert (end["months"], end["n_randomised"], end["n_analysed"]) == (7.0, 7, 4)
    assert end["n_infused"] == 0
    assert end["counts"] == {"soc": (0, 2), "cart": (2, 2)}
    assert end["posterior_mean"] == pytest.approx({"soc": 0.25, "cart": 0.75})
    assert end["estimate"] == pytest.approx({"cart": 0.5})
    # Participant 8 comes after the stop; of the pipeline, 5 and 7 (soc) respond, 6 (cart) not.
    assert trial["final"]["counts"] == {"soc": (2, 4), "cart": (2, 3)}
    assert trial["final"]["estimate"] == pytest.approx({"cart": 3 / 5 - 3 / 6})
    assert trial["final"]["reversal"]


def test_a_success_that_the_pipeline_confirms_is_no_reversal() -> None:
    trial = one_trial.run(small_design(), "only", answers("01010101"))
    assert trial["end"]["reason"] == "success"
    assert not trial["final"]["reversal"]


def test_futility_by_the_predictive_probability() -> None:
    trial = one_trial.run(small_design(), "only", answers("10100000"))
    rule = trial["looks"][0]["rules"]["futility"]
    # With soc 2/2 and cart 0/2, no final table reaches 0.9: cart 2/4 against soc 2/4 is 1/2.
    assert rule["probability"] == 0.0
    assert trial["end"]["reason"] == "futility"
    assert not trial["final"]["reversal"]


def test_predictive_probability_sums_over_all_that_may_come() -> None:
    trial = one_trial.run(small_design(), "only", answers("00010000"))
    expected = 0.0
    for soc in range(3):
        for cart in range(3):
            weight = stats.betabinom.pmf(soc, 2, 1, 3) * stats.betabinom.pmf(cart, 2, 2, 2)
            chance = closed_form(2 + cart, 4 - cart, 1 + soc, 5 - soc)
            expected += float(weight) * (chance >= 0.9)
    assert 0.0 < expected < 1.0
    assert trial["looks"][0]["rules"]["futility"]["probability"] == pytest.approx(expected)


def test_no_success_at_the_last_look() -> None:
    trial = one_trial.run(small_design(), "only", answers("00010000"))
    end = trial["end"]
    assert (end["look"], end["reason"], end["rule"]) == (2, "no_success", None)
    assert (end["months"], end["n_randomised"], end["n_analysed"]) == (11.0, 8, 8)
    assert "futility" not in trial["looks"][1]["rules"]
    assert trial["final"]["counts"] == end["counts"]


def test_looks_go_on_without_stopping_but_the_end_is_the_rules() -> None:
    stopped = one_trial.run(small_design(), "only", answers("01011010"))
    watched = one_trial.run(small_design(), "only", answers("01011010"), stop=False)
    assert [look["date"] for look in watched["looks"]] == [7.0, 11.0]
    assert watched["looks"][0] == stopped["looks"][0]
    assert watched["end"] == stopped["end"]


def test_the_first_rule_that_ends_the_trial_wins() -> None:
    design = small_design()
    safety = {
        "name": "safety",
        "then": "stop_for_safety",
        "posterior": {"endpoint": "dfr", "arm": "cart", "above": 0.5},
        "at_least": [0.85, 0.99],
    }
    design["rules"].insert(0, safety)
    trial = one_trial.run(design, "only", answers("01010000"))
    # P(Beta(3, 1) > 1/2) = 7/8; efficacy holds too, but is written after it.
    assert trial["looks"][0]["rules"]["safety"]["probability"] == pytest.approx(7 / 8)
    assert trial["looks"][0]["rules"]["efficacy"]["holds"]
    assert trial["end"]["reason"] == "safety"
    design["rules"] = design["rules"][1:] + design["rules"][:1]
    assert one_trial.run(design, "only", answers("01010000"))["end"]["reason"] == "success"


def test_dropout_is_missing_and_a_failure_or_left_out() -> None:
    design = small_design(truth={"dropout": EVERY_MONTH})
    dropout = [after(24.0)] * 8
    dropout[0], dropout[1] = after(1.0), after(1.0)
    latents = answers("11110000", dropout=dropout)
    counts = one_trial.run(design, "only", latents)["looks"][0]["endpoints"]["dfr"]
    assert counts["soc"] == {"successes": 1, "totals": 2, "missing": 1}
    assert counts["cart"] == {"successes": 1, "totals": 2, "missing": 1}
    design["endpoints"]["dfr"]["missing"] = "exclude"
    trial = one_trial.run(design, "only", latents)
    counts = trial["looks"][0]["endpoints"]["dfr"]
    assert counts["soc"] == {"successes": 1, "totals": 1, "missing": 1}
    # Two still to come in each arm, not three: soc 1/1 and cart 1/1 become x/3.
    expected = 0.0
    for soc, cart in itertools.product(range(3), repeat=2):
        weight = stats.betabinom.pmf(soc, 2, 2, 1) * stats.betabinom.pmf(cart, 2, 2, 1)
        expected += float(weight) * (closed_form(2 + cart, 3 - cart, 2 + soc, 3 - soc) >= 0.9)
    rule = trial["looks"][0]["rules"]["futility"]
    assert rule["probability"] == pytest.approx(expected, abs=1e-12)
    # The other four all fail: 1/3 in each arm, two of the eight left out.
    watched = one_trial.run(design, "only", latents, stop=False)
    assert watched["looks"][1]["endpoints"]["dfr"]["cart"] == {
        "successes": 1, "totals": 3, "missing": 1
    }  # fmt: skip


def test_direct_truth_by_stratum() -> None:
    design = small_design(strata={"sle": 0.5, "ssc": 0.5})
    design["scenarios"]["only"]["dfr"] = {"soc": 0.1, "cart": {"sle": 0.8, "ssc": 0.3}}
    latents = {
        "stratum": [0.1, 0.1, 0.6, 0.6] * 2,
        "assignment": [[0.0] * 4, [0.0] * 4],
        "outcome:dfr": [0.5] * 8,
    }
    trial = one_trial.run(design, "only", latents, stop=False)
    strata = trial["looks"][-1]["strata"]["dfr"]
    assert {arm: seen["sle"]["successes"] for arm, seen in strata.items()} == {"soc": 0, "cart": 2}
    assert {arm: seen["ssc"]["successes"] for arm, seen in strata.items()} == {"soc": 0, "cart": 0}
    assert strata["cart"]["ssc"]["totals"] == 2


def test_looks_by_months() -> None:
    trial = one_trial.run(
        small_design(looks={"months": [5.5, 20.0]}), "only", answers("0" * 8), stop=False
    )
    assert [look["date"] for look in trial["looks"]] == [5.5, 20.0]
    assert [look["n_randomised"] for look in trial["looks"]] == [5, 8]
    assert trial["looks"][0]["endpoints"]["dfr"]["soc"]["totals"] == 1
    assert trial["looks"][0]["endpoints"]["dfr"]["cart"]["totals"] == 1


def goldilocks() -> dict[str, Any]:
    efficacy, futility = small_design()["rules"]
    enough = {
        "name": "enough",
        "then": "stop_enrolment",
        "predictive": {"rule": "efficacy", "with": "enrolled"},
        "at_least": 0.9,
    }
    return small_design(
        looks={"enrolled": [6, 8], "final": "all_observed"},
        rules=[efficacy | {"looks": ["final"]}, enough, futility | {"looks": [1, 2]}],
    )


def test_enrolment_stops_and_everybody_in_is_followed() -> None:
    # At month 6 three are observed (soc 0/2, cart 1/1) and six are in: cart 2 to come, soc 1.
    trial = one_trial.run(goldilocks(), "only", answers("01010100"))
    first = trial["looks"][0]
    assert (first["date"], first["n_randomised"]) == (6.0, 6)
    weights = {
        (soc, cart): float(stats.betabinom.pmf(soc, 1, 1, 3) * stats.betabinom.pmf(cart, 2, 2, 1))
        for soc in range(2)
        for cart in range(3)
    }
    expected = sum(
        weight
        for (soc, cart), weight in weights.items()
        if closed_form(2 + cart, 3 - cart, 1 + soc, 4 - soc) >= 0.9
    )
    assert first["rules"]["enough"]["probability"] == pytest.approx(expected)
    assert "efficacy" not in first["rules"]
    # 5/8 at first, not enough; at month 8 five are observed (soc 0/3, cart 2/2).
    assert [look["look"] for look in trial["looks"]] == [1, 2, 3]
    assert trial["looks"][-1]["date"] == 8.0 + 3.0
    eager = goldilocks()
    eager["rules"][1]["at_least"] = expected
    trial = one_trial.run(eager, "only", answers("01010100"))
    assert [look["look"] for look in trial["looks"]] == [1, 3]
    assert trial["looks"][1]["date"] == 6.0 + 3.0
    assert trial["end"]["n_randomised"] == trial["end"]["n_analysed"] == 6
    assert trial["end"]["reason"] == "success"  # soc 0/3, cart 3/3: Beta(4, 1) above Beta(1, 4)
    assert not trial["final"]["reversal"]


def test_a_course_design_is_conducted_from_infusion_to_the_look() -> None:
    design = small_design(endpoints=COURSE["endpoints"], truth=TRUTH, scenarios={"truth": {}})
    well = dict.fromkeys(("rescue", "dropout", "death"), [after(30.0)] * 8)
    ill = dict.fromkeys(("remission", "remission_on_drugs", "event:crs3"), [0.9] * 8)
    latents: dict[str, Any] = {"assignment": [[0.0] * 4], **well, **ill}
    latents["infusion_failure"] = [0.5] * 7 + [0.0]
    latents["infusion_delay"] = latents["remission_onset"] = latents["cured"] = [0.1] * 8
    latents["remission"] = [0.9, 0.1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
    latents["event:crs3"] = [0.9, 0.9, 0.9, 0.2, 0.9, 0.9, 0.9, 0.2]
    trial = one_trial.run(design, "truth", latents)
    look = trial["looks"][0]
    assert look["date"] == 4.0 + 12.0
    assert look["n_randomised"] == 8
    assert look["n_infused"] == 3  # the eighth never is
    assert look["endpoints"]["dfr"]["cart"] == {"successes": 1, "totals": 2, "missing": 0}
    assert look["endpoints"]["crs3"]["cart"] == {"events": 1, "totals": 3}
    assert look["endpoints"]["relapse"]["cart"] == {
        "remitters": 1, "relapses": 0, "months_at_risk": 16.0 - 2.0 - 3.0
    }  # fmt: skip
    assert trial["participants"][1]["remission_month"] == 3.0
    assert trial["participants"][3]["crs3"] == pytest.approx(1.0 + 0.2 / 0.5 * 2.0)


# --- Enumeration ----------------------------------------------------------------------------


def test_one_look_is_the_textbook_double_sum() -> None:
    design = small_design(looks={"observed": [21]}, enrolment={"max_n": 21, "per_month": 3})
    design["arms"]["cart"] = {"allocation": 2}
    design["rules"] = design["rules"][:1]
    design["scenarios"]["only"]["dfr"] = {"soc": 0.2, "cart": 0.6}
    result = enumeration.enumerate_design(design)
    success = bias = square = covered = 0.0
    for soc, cart in itertools.product(range(8), range(15)):
        mass = float(stats.binom.pmf(soc, 7, 0.2) * stats.binom.pmf(cart, 14, 0.6))
        error = (1 + cart) / 16 - (1 + soc) / 9 - 0.4
        bias += mass * error
        square += mass * error**2
        success += mass * (closed_form(1 + cart, 15 - cart, 1 + soc, 8 - soc) >= 0.9)
        above = posterior.probability_difference_above(
            ((1.0, 1.0 + cart, 15.0 - cart),), ((1.0, 1.0 + soc, 8.0 - soc),), 0.4
        )
        covered += mass * (0.025 <= above <= 0.975)
    assert 0.5 < success < 0.999
    expected = {
        ("success", None): success,
        ("stop_success", 1): success,
        ("no_success", None): 1.0 - success,
        ("n_analysed_mean", None): 21.0,
        ("estimand", None): 0.4,
        ("bias", None): bias,
        ("rmse", None): math.sqrt(square),
        ("coverage", None): covered,
    }
    for (measure, look), value in expected.items():
        assert result["only", measure, None, look] == pytest.approx(value, abs=1e-11), measure


def every_rule_design() -> dict[str, Any]:
    """Nine participants 2:1 over three looks, with three kinds of rules and a mixture prior."""
    return {
        "arms": {"soc": {"control": True}, "cart": {"allocation": 2}},
        "endpoints": {"dfr": {"type": "landmark", "month": 3}},
        "analysis": {
            "dfr": {
                "prior": {
                    "soc": {
                        "mixture": [
                            {"weight": 0.8, "a": 1.2, "b": 8.8},
                            {"weight": 0.2, "a": 1.0, "b": 1.0},
                        ]
                    },
                    "cart": {"a": 0.5, "b": 0.5},
                }
            }
        },
        "enrolment": {"max_n": 9, "per_month": 1, "arrivals": "regular"},
        "looks": {"observed": [3, 6, 9]},
        "rules": [
            {
                "name": "harm",
                "then": "stop_for_safety",
                "posterior": {"endpoint": "dfr", "arm": "cart", "below": 0.2},
                "at_least": [0.65, 0.34, 0.19],
            },
            {
                "name": "efficacy",
                "then": "declare_success",
                "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.05},
                "at_least": [0.99, 0.98, 0.93],
            },
            {
                "name": "futility",
                "then": "declare_futility",
                "predictive": {"rule": "efficacy"},
                "below": 0.3,
                "looks": [1, 2],
            },
        ],
        "scenarios": {
            "null": {"dfr": {"soc": 0.3, "cart": 0.3}},
            "good": {"dfr": {"soc": 0.2, "cart": 0.7}},
        },
    }


def test_enumeration_agrees_with_every_possible_trial() -> None:
    """All 2^9 outcomes, each conducted as one trial and weighed by its probability."""
    design = every_rule_design()
    result = enumeration.enumerate_design(design)
    control = ((0.8, 1.2, 8.8), (0.2, 1.0, 1.0))
    rates = {"soc": 0.2, "cart": 0.7}
    sums: defaultdict[tuple[str, int | None], float] = defaultdict(float)
    for responses in itertools.product([False, True], repeat=9):
        latents = {
            "assignment": [[0.0, 0.4, 0.9]],
            # Below 0.2 both arms respond, above 0.7 neither.
            "outcome:dfr": [0.1 if response else 0.9 for response in responses],
        }
        trial = one_trial.run(design, "good", latents)
        weight = math.prod(
            rates[person["arm"]] if response else 1.0 - rates[person["arm"]]
            for person, response in zip(trial["participants"], responses, strict=True)
        )
        end = trial["end"]
        error = end["estimate"]["cart"] - 0.5
        name = "no_success" if end["reason"] == "no_success" else f"stop_{end['reason']}"
        sums[name, None if name == "no_success" else end["look"]] += weight
        if name != "no_success":
            sums[name, None] += weight
        sums["n_analysed_mean", None] += weight * end["n_analysed"]
        sums["bias", None] += weight * error
        sums["square", None] += weight * error**2
        sums[f"sum_{end['reason']}", end["look"]] += weight * error
        covers = posterior.interval_covers(
            posterior.updated(JEFFREYS, *end["counts"]["cart"]),
            posterior.updated(control, *end["counts"]["soc"]),
            rates["cart"] - rates["soc"],
        )
        sums["coverage", None] += weight * covers
    sums["rmse", None] = math.sqrt(sums.pop(("square", None)))
    sums["success", None] = sums["stop_success", None]
    compared = set()
    for (scenario, measure, arm, look), value in result.items():
        if scenario != "good" or measure == "estimand":
            continue
        assert arm is None
        if measure.startswith("bias_given_stop_"):
            reason = measure.removeprefix("bias_given_stop_")
            probability = sums["no_success", None]
            if reason != "no_success":
                probability = sums[f"stop_{reason}", look]
            assert value == pytest.approx(sums[f"sum_{reason}", look] / probability, abs=1e-11)
        else:
            assert value == pytest.approx(sums[measure, look], abs=1e-11), (measure, look)
        compared.add(measure)
    for outcome in ("success", "futility", "safety"):
        assert 0.0 < result["good", f"stop_{outcome}", None, None] < 1.0
        assert f"bias_given_stop_{outcome}" in compared
    assert {"coverage", "rmse", "bias", "n_analysed_mean", "no_success"} <= compared


@pytest.mark.parametrize("scenario", ["null", "good"])
def test_outcome_probabilities_add_up_to_one(scenario: str) -> None:
    result = enumeration.enumerate_design(every_rule_design())
    outcomes = ("stop_success", "stop_futility", "stop_safety", "no_success")
    assert math.fsum(result[scenario, outcome, None, None] for outcome in outcomes) == (
        pytest.approx(1.0, abs=1e-13)
    )
    for outcome in outcomes[:3]:
        by_look = math.fsum(result[scenario, outcome, None, look] for look in (1, 2, 3))
        assert by_look == pytest.approx(result[scenario, outcome, None, None], abs=1e-14)


def test_a_design_of_full_size_agrees_with_simulated_single_trials() -> None:
    """The predictive table by explicit double sum, and 60 trials conducted one by one."""
    design = raw_design("hello")
    table = enumeration.predictive_table(design, design["rules"][1], (20, 40))
    final = posterior.difference_above_table(UNIFORM, 100, UNIFORM, 50, 0.0)
    for soc, cart in [(2, 4), (0, 3), (5, 12), (1, 8)]:
        known = [posterior.updated(UNIFORM, cart, 40), posterior.updated(UNIFORM, soc, 20)]

        def holds(further_cart: int, further_soc: int, cart: int = cart, soc: int = soc) -> bool:
            return bool(final[cart + further_cart, soc + further_soc] >= 0.985)

        value = posterior.predictive_probability(known[0], 60, known[1], 30, holds)
        assert table[soc, cart] == pytest.approx(value, abs=1e-12)

    result = enumeration.enumerate_design(design)
    generator = np.random.default_rng(7)
    trials = 60
    stops: Counter[tuple[str, int]] = Counter()
    for _ in range(trials):
        latents = {
            "arrival": generator.random(150),
            "assignment": [generator.random(50)],
            "outcome:dfr": generator.random(150),
        }
        end = one_trial.run(design, "expected", latents)["end"]
        stops[end["reason"], end["look"]] += 1
    for look in (1, 2, 3):
        exact = result["expected", "stop_success", None, look]
        standard_error = math.sqrt(exact * (1.0 - exact) / trials)
        assert abs(stops["success", look] / trials - exact) < 5 * standard_error


@pytest.mark.parametrize(
    "change",
    [
        {"looks": {"observed": [3, 7]}},
        {"looks": {"enrolled": [4, 8]}},
        {"strata": {"sle": 0.5, "ssc": 0.5}},
        {"truth": {"dropout": {"per_year": 0.1}}},
    ],
)
def test_enumeration_refuses_counts_that_are_not_fixed(change: dict[str, Any]) -> None:
    with pytest.raises(NotImplementedError):
        enumeration.enumerate_design(small_design(**change))
