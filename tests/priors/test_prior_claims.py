"""What the priors say before any data: exact against simulated, and against plain enumeration."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.errors import EngineError
from adaptive_cart.nouns.prior_truths import PriorUniforms, Rates
from adaptive_cart.priors.claims import can_enumerate, prior_claims, prior_predictive
from adaptive_cart.priors.drawn_trials import DrawnTrials, drawn_truth
from adaptive_cart.telling.check import described
from checks import DESIGNS, assert_close_in_mcse, raw_design

SEED = 17


def small(**changes: Any) -> dict[str, Any]:
    """Two looks of a trial small enough to enumerate by hand."""
    raw = raw_design("hello")
    raw["arms"]["cart"]["allocation"] = 1
    raw["enrolment"]["max_n"] = 14
    raw["looks"]["observed"] = [8, 14]
    raw["rules"][0]["at_least"] = 0.90
    raw["rules"][0]["posterior"]["above"] = 0.10
    raw["rules"][1]["below"] = 0.20
    raw["rules"][1]["looks"] = [1]
    raw["analysis"] = {
        "dfr": {
            "model": "beta_binomial",
            "prior": {
                "soc": {
                    "mixture": [
                        {"weight": 0.7, "a": 2.0, "b": 8.0},
                        {"weight": 0.3, "a": 1.0, "b": 1.0},
                    ]
                },
                "cart": {"a": 1.5, "b": 2.5},
            },
        }
    }
    return raw | changes


# --- a twin: nothing but sums over grids and tables ----------------------------------------------

GRID = (np.arange(2000) + 0.5) / 2000.0
CONTROL = 0.7 * stats.beta.pdf(GRID, 2.0, 8.0) + 0.3
OTHER = stats.beta.pdf(GRID, 1.5, 2.5)
MARGIN = 0.10


def weights(prior: np.ndarray, responders: int, participants: int) -> np.ndarray:
    """Prior times likelihood on the grid, not normalised: its mean is the predictive mass."""
    return prior * stats.binom.pmf(responders, participants, GRID)


def claim(control: np.ndarray, other: np.ndarray) -> float:
    """P(other - control > margin) from two weights on the grid."""
    below = np.concatenate([[0.0], np.cumsum(control)]) / control.sum()
    reach = np.interp(GRID - MARGIN, np.linspace(0.0, 1.0, len(below)), below, left=0.0)
    return float(other @ reach / other.sum())


def twin() -> dict[tuple[int, str], float]:
    ends: dict[tuple[int, str], float] = {}

    def add(look: int, reason: str, mass: float) -> None:
        ends[look, reason] = ends.get((look, reason), 0.0) + mass

    last = {
        (c, t): claim(weights(CONTROL, c, 7), weights(OTHER, t, 7))
        for c, t in itertools.product(range(8), repeat=2)
    }
    for c, t in itertools.product(range(5), repeat=2):
        control, other = weights(CONTROL, c, 4), weights(OTHER, t, 4)
        mass = control.mean() * other.mean()
        if claim(control, other) >= 0.90:
            add(1, "success", mass)
            continue
        later = {
            (i, j): weights(control, i, 3).mean() * weights(other, j, 3).mean()
            for i, j in itertools.product(range(4), repeat=2)
        }
        total = math.fsum(later.values())
        hope = math.fsum(m for (i, j), m in later.items() if last[c + i, t + j] >= 0.90)
        if hope / total < 0.20:
            add(1, "futility", mass)
            continue
        for (i, j), m in later.items():
            add(2, "success" if last[c + i, t + j] >= 0.90 else "no_success", m)
    return ends


def test_enumeration_is_what_a_plain_one_finds() -> None:
    found = prior_predictive(Design(**small()))
    assert found.trials == 0
    ours = {(row.look, row.reason): row.probability for row in found.expected}
    assert math.fsum(ours.values()) == pytest.approx(1.0, abs=1e-12)
    plain = twin()
    for key in ours.keys() | plain.keys():
        # the twin's midpoint sums over 2,000 points are good to 1e-5
        assert ours.get(key, 0.0) == pytest.approx(plain.get(key, 0.0), abs=5e-5), key
    assert all(row.mcse == 0.0 for row in found.expected)


def rates_of(block: DrawnTrials) -> np.ndarray:
    """True rates of the primary, (trial, arm, stratum)."""
    truth = block.truths["dfr"]
    assert isinstance(truth, Rates)
    return truth.values


@pytest.mark.parametrize("name", ["small", "hello"])
def test_simulation_agrees_with_enumeration(name: str) -> None:
    raw = small() if name == "small" else raw_design("hello")
    exact = prior_predictive(Design(**raw))
    # described endpoints stand in the way of nothing: an adverse-event rule that never holds does
    raw["endpoints"]["crs"] = {"type": "adverse_event", "within_months": 1.0}
    for scenario in raw["scenarios"].values():
        scenario["crs"] = {"soc": 0.0, "cart": 0.1}
    raw["rules"].insert(
        0,
        {
            "name": "harm",
            "then": "stop_for_safety",
            "posterior": {"endpoint": "crs", "arm": "cart", "above": 0.999},
            "at_least": 0.9999,
        },
    )
    design = Design(**raw)
    assert not can_enumerate(design, Plan.of(design))
    simulated = prior_predictive(design, trials=4000, seed=SEED)
    assert simulated.trials == 4000
    truth = {(row.look, row.reason): row.probability for row in exact.expected}
    for row in simulated.expected:
        expected = truth.get((row.look, row.reason), 0.0)
        error = math.sqrt(expected * (1.0 - expected) / 4000)
        assert_close_in_mcse(row.probability, expected, error, f"{row.look} {row.reason}")
    assert math.fsum(row.probability for row in simulated.expected) == pytest.approx(1.0)
    assert simulated.wrong_success == pytest.approx(exact.wrong_success, rel=0.25)


def test_a_success_is_wrong_as_often_as_its_truth_says() -> None:
    plan = Plan.of(Design(**small()))
    wrong = successes = 0
    for first in range(0, 8000, 1000):
        block = DrawnTrials(plan, SEED, first, 1000)
        block.run()
        rates = rates_of(block)[:, :, 0]
        success = block.standing.reason == SUCCESS
        successes += int(success.sum())
        wrong += int((success & (rates[:, 1] - rates[:, 0] <= MARGIN)).sum())
    exact = prior_predictive(Design(**small()))
    assert_close_in_mcse(
        wrong / successes,
        exact.wrong_success,
        math.sqrt(exact.wrong_success * (1.0 - exact.wrong_success) / successes),
        "wrong successes",
    )


def test_a_block_of_trials_is_the_same_in_pieces() -> None:
    plan = Plan.of(Design(**small()))
    whole = DrawnTrials(plan, SEED, 0, 40)
    part = DrawnTrials(plan, SEED, 25, 15)
    whole.run()
    part.run()
    assert (rates_of(whole)[25:] == rates_of(part)).all()
    assert (whole.standing.reason[25:] == part.standing.reason).all()


# designs whose priors do not say all that happens to participants, and what says so
NOT_DRAWN = {
    "desirability_of_outcome": "'outcome' is analysed by 'dirichlet', whose prior is not drawn",
    "lupus_external_hazard": "'flare' is compared with external data, of whose hazard",
    "lupus_first_flare": "'flare' is analysed by 'stratified_piecewise_exponential', whose prior",
    "lupus_single_arm": "its prior says how long remissions last",
    "lupus_gated_claims": "its prior says how long remissions last",
    "myasthenia_scores": "'mgadl' is analysed by 'normal', whose prior is not drawn from",
}


@pytest.mark.parametrize("name", NOT_DRAWN)
def test_a_design_that_cannot_be_drawn_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(EngineError, match=NOT_DRAWN[name]):
        prior_predictive(Design(**raw_design(name)), trials=300, seed=SEED)


@pytest.mark.parametrize(
    "name", sorted({path.stem for path in DESIGNS.glob("*.toml")} - {*NOT_DRAWN})
)
def test_every_design_has_expected_decisions(name: str) -> None:
    raw = raw_design(name)
    for rule in raw["rules"]:
        if rule.get("at_least") == "calibrate":
            rule["at_least"] = 0.975
    found = prior_predictive(Design(**raw), trials=100, seed=SEED)
    assert found.trials == (0 if name in ("hello", "lupus_hybrid_control") else 100)
    assert found.failed == 0.0
    assert 0.0 <= found.wrong_success < 0.05
    assert math.fsum(row.probability for row in found.expected) == pytest.approx(1.0)
    assert found.probability("success") > 0.1
    assert set(found.table.columns) == {"look", "reason", "probability", "mcse"}
    assert "success" in found.words()


def test_what_cannot_be_drawn_is_named() -> None:
    with pytest.raises(
        EngineError, match=r"rule 'efficacy' is still to be calibrated .*calibrate`"
    ):
        prior_predictive(Design(**raw_design("enrichment_biomarker")))
    raw = raw_design("sle_autologous")
    raw["rules"][1] = raw["rules"][1] | {
        "posterior": {"endpoint": "relapse", "arm": "cart", "remains_at": 24.0, "above": 0.5}
    }
    del raw["rules"][2]
    with pytest.raises(EngineError, match="'relapse' is of type 'time_to_relapse': its prior says"):
        prior_predictive(Design(**raw))


def shown_wrong(block: DrawnTrials) -> np.ndarray:
    """Trials with a claim that is false, arm by arm and stratum by stratum, from their truths."""
    design, rates = block.design, rates_of(block)
    rule = next(rule for rule in design.rules if rule.then == "declare_success")
    assert rule.posterior is not None
    margin = rule.posterior.above
    assert margin is not None
    (won,) = block.standing.won.values()
    found = np.zeros(len(rates), dtype=bool)
    for trial, wins in enumerate(won):
        for place in np.flatnonzero(wins):
            arm, stratum = (1, place) if rule.posterior.stratum == "each" else (place + 1, 0)
            difference = rates[trial, arm, stratum] - rates[trial, 0, stratum]
            found[trial] |= difference <= margin
    return found


@pytest.mark.parametrize(
    "name", ["products_multiarm", pytest.param("basket_diseases", marks=pytest.mark.slow)]
)
def test_of_several_claims_one_wrong_one_is_enough(name: str) -> None:
    raw = raw_design(name)
    for rule in raw["rules"]:
        if rule["then"] == "declare_success":
            rule["at_least"] = 0.85  # so that there is something to be wrong
    design = Design(**raw)
    block = DrawnTrials(Plan.of(design), SEED, 0, 1000)
    block.run()
    success = block.standing.reason == SUCCESS
    wrong = shown_wrong(block)[success]
    found = prior_predictive(design, trials=1000, seed=SEED)
    assert wrong.sum() > 5
    assert found.wrong_success == pytest.approx(wrong.mean(), rel=1e-12)
    error = math.sqrt(wrong.mean() * (1.0 - wrong.mean()) / (len(wrong) - 1))
    assert found.wrong_success_mcse == pytest.approx(error, rel=1e-12)


def test_a_success_that_is_predicted_is_wrong_by_its_truth() -> None:
    raw = small()
    raw["rules"][1] = {
        "name": "early",
        "then": "declare_success",
        "predictive": {"rule": "efficacy"},
        "at_least": 0.3,
        "looks": [1],
    }
    # a predictive probability is none of the claim, and tables have no truth
    assert math.isnan(prior_predictive(Design(**raw)).wrong_success)
    raw["endpoints"]["crs"] = {"type": "adverse_event", "within_months": 1.0}
    for scenario in raw["scenarios"].values():
        scenario["crs"] = {"soc": 0.0, "cart": 0.1}
    raw["rules"].append(
        {
            "name": "harm",
            "then": "stop_for_safety",
            "posterior": {"endpoint": "crs", "arm": "cart", "above": 0.999},
            "at_least": 0.9999,
        }
    )
    design = Design(**raw)
    block = DrawnTrials(Plan.of(design), SEED, 0, 1000)
    block.run()
    rates, success = rates_of(block)[:, :, 0], block.standing.reason == SUCCESS
    wrong = (rates[:, 1] - rates[:, 0] <= MARGIN)[success]
    # only a rule that has won makes a claim, predicted or not
    assert (block.standing.rule[success] == 1).sum() > 20
    assert wrong.sum() > 5
    found = prior_predictive(design, trials=1000, seed=SEED)
    assert found.wrong_success == pytest.approx(wrong.mean(), rel=1e-12)


def test_a_success_that_says_how_improbable_the_opposite_is() -> None:
    """P(no more than the margin better) < 0.1 in place of P(better) >= 0.9: the same trial."""
    raw = small()
    del raw["rules"][1]  # asks for the threshold of the first
    without = prior_predictive(Design(**raw))
    asked = raw["rules"][0].pop("posterior")
    del raw["rules"][0]["at_least"]
    raw["rules"][0] |= {
        "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "below": asked["above"]},
        "below": 0.10,
    }
    turned = prior_predictive(Design(**raw))
    assert turned.wrong_success == pytest.approx(without.wrong_success, rel=1e-9)
    assert turned.probability("success") == pytest.approx(without.probability("success"), rel=1e-9)
    assert 0.0 < turned.wrong_success < 0.1


# --- the claim itself ----------------------------------------------------------------------------


def test_prior_probability_of_the_claim() -> None:
    (found,) = prior_claims(Design(**small()))
    assert found.rule == "efficacy"

    def above(p: float) -> float:
        control = 0.7 * stats.beta.cdf(p - MARGIN, 2.0, 8.0) + 0.3 * max(p - MARGIN, 0.0)
        return float(stats.beta.pdf(p, 1.5, 2.5) * control)

    by_quadrature = integrate.quad(above, MARGIN, 1.0, epsabs=1e-10)[0]
    assert found.probability == pytest.approx(by_quadrature, abs=1e-8)
    assert found.threshold == 0.90
    assert not found.settled


def test_nothing_is_told_before_data_of_several_things_one_of_which_has_a_flat_prior() -> None:
    raw = small()
    raw["endpoints"]["score"] = {"type": "continuous", "visits": [6.0], "better": "lower"}
    raw["analysis"]["score"] = {"model": "normal"}
    asked = raw["rules"][0].pop("posterior")
    other = {"endpoint": "score", "arm": "cart", "minus": "soc", "below": 0.0}
    raw["rules"] = [raw["rules"][0] | {"jointly": [asked, other]}]
    score = {"baseline": {"mean": 9.0, "sd": 3.0}, "change": [-1.0], "sd": [3.0],
             "correlation": 0.5}  # fmt: skip
    for scenario in raw["scenarios"].values():
        scenario["score"] = {"soc": score, "cart": score}
    for turned in (False, True):
        raw["rules"][0]["jointly"] = [other, asked] if turned else [asked, other]
        assert prior_claims(Design(**raw)) == []


def test_a_prior_that_settles_the_claim_is_told() -> None:
    raw = small()
    raw["analysis"]["dfr"]["prior"] = {"soc": {"a": 1.0, "b": 99.0}, "cart": {"a": 80.0, "b": 20.0}}
    design = Design(**raw)
    (found,) = prior_claims(design)
    assert found.settled
    assert "warning: the prior alone makes 'efficacy' hold (declare_success)" in described(design)
    assert "warning" not in described(Design(**small()))


@pytest.mark.parametrize(("word", "acts"), [("all", False), ("any", True)])
def test_a_part_that_the_prior_settles_is_no_rule_that_it_settles(word: str, acts: bool) -> None:
    raw = small()
    rule = raw["rules"][0]
    never = {key: rule.pop(key) for key in ("posterior", "at_least")}
    likely = {"posterior": {**never["posterior"], "above": -0.9}, "at_least": 0.5}
    rule[word] = [never, likely]
    design = Design(**raw)
    assert [claim.settled for claim in prior_claims(design)] == [False, True]
    words = "warning: the prior alone makes 'efficacy' hold (declare_success)"
    assert (words in described(design)) is acts
    assert "warning: the prior alone makes 'efficacy_2'" not in described(design)
    rule[word] = [likely, {**likely, "at_least": 0.6}]
    assert words in described(Design(**raw))


def test_the_description_says_what_the_priors_expect() -> None:
    text = described(Design(**small()))
    found = prior_predictive(Design(**small()))
    assert f"decisions that the priors expect: {found.words()}" in text
    assert "participants" in text
    assert "worth" in text


@pytest.mark.parametrize("name", ["basket_diseases", "enrichment_biomarker"])
def test_rates_are_drawn_from_the_prior_that_the_model_has(name: str) -> None:
    """The fast posterior without data against draws: another way to the same probability."""
    raw = raw_design(name)
    for rule in raw["rules"]:
        if rule.get("at_least") == "calibrate":
            rule["at_least"] = 0.9
    prior = raw["analysis"]["dfr"]["prior"]
    prior["treatment" if "treatment" in prior else "effect_mean"]["mean"] = 0.8
    design = Design(**raw)
    plan = Plan.of(design)
    analysis, model = plan.fitted["dfr"]
    strata = len(design.shares)
    truth = drawn_truth(analysis, model, design, PriorUniforms(SEED, 0, 40_000, "dfr"))
    assert isinstance(truth, Rates)
    rates = truth.values
    for stratum in range(strata):
        claims = [
            one
            for one in prior_claims(design, plan)
            if one.words.endswith(f", {design.stratum_names[stratum]})")
        ]
        for one in claims:
            margin = 0.10 if "> 0.10" in one.words else 0.0
            share = (rates[:, 1, stratum] - rates[:, 0, stratum] > margin).mean()
            # the fast posterior of these models is good to 1e-3
            error = math.sqrt(share * (1.0 - share) / 40_000) + 2e-4
            assert_close_in_mcse(share, one.probability, error, one.words)
        assert claims


def test_mixture_priors_are_drawn_component_by_component() -> None:
    design = Design(**small())
    draws = PriorUniforms(SEED, 0, 40_000, "dfr")
    truth = drawn_truth(*Plan.of(design).fitted["dfr"], design, draws)
    assert isinstance(truth, Rates)
    rates = truth.values[:, :, 0]

    def cdf(p: np.ndarray) -> np.ndarray:
        return np.asarray(0.7 * stats.beta.cdf(p, 2.0, 8.0) + 0.3 * p)

    assert stats.kstest(rates[:, 0], cdf).pvalue > 1e-4
    assert stats.kstest(rates[:, 1], stats.beta(1.5, 2.5).cdf).pvalue > 1e-4
    assert abs(np.corrcoef(rates.T)[0, 1]) < 0.02
