"""A utility: several endpoints weighed, against the twin, by hand, and refused in words."""

from __future__ import annotations

import copy
import itertools
import math
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.analysis import analyze
from adaptive_cart.comparison.classical import group_sequential
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan, Weighed
from adaptive_cart.conduct.trial import SimulatedConduct, run_block
from adaptive_cart.conduct.weighing import chance_of_chains, mixed
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Counts, Exposure
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.claims import Claims
from adaptive_cart.results.estimand import true_values
from adaptive_cart.telling.check import described
from adaptive_cart.telling.walkthrough import example
from adaptive_cart.verification.verified_looks import chosen_looks
from adaptive_cart.verification.verified_rows import Comparison
from analysis.test_real_trial_round_trip import simulated, table
from checks import raw_design
from conduct.test_completion import looks_of
from conduct.test_fast_equals_adaptive_twin import compare
from twin import posterior
from twin import utility as twin

WORTH = """
name = "Worth it"
[arms.soc]
control = true
[arms.cart]
product = "autologous"
[endpoints.dfr]
type = "landmark"
month = 6
[endpoints.crs3]
type = "adverse_event"
within_months = 1.0
[endpoints.infection]
type = "event_rate"
[analysis.dfr]
model = "beta_binomial"
prior.soc = { mixture = [{ weight = 0.8, a = 2.0, b = 8.0 }, { weight = 0.2, a = 1.0, b = 1.0 }] }
[analysis.crs3]
model = "beta_binomial"
prior = { a = 0.5, b = 4.5 }
[analysis.infection]
model = "gamma_poisson"
prior = { a = 0.5, b = 2.0 }
[utility.net_benefit]
dfr = 1.0
crs3 = -0.4
infection = -0.8
[enrolment]
max_n = 48
per_month = 4
[looks]
observed = [24, 48]
[[rules]]
name = "harm"
then = "stop_for_safety"
posterior = { utility = "net_benefit", arm = "cart", minus = "soc", below = -0.1 }
at_least = 0.9
[[rules]]
name = "worth_it"
then = "declare_success"
all = [
  { posterior = { utility = "net_benefit", arm = "cart", minus = "soc", above = 0.0 }, at_least = [0.95, 0.9] },
  { posterior = { utility = "net_benefit", arm = "cart", above = -0.2 }, at_least = 0.5 },
]
[[rules]]
name = "large"
then = "claim"
requires = ["worth_it"]
followed_up = true
posterior = { utility = "net_benefit", arm = "cart", minus = "soc", above = 0.2 }
at_least = 0.8
[truth.soc]
remission = { probability = 0.20, onset = { dist = "fixed", value = 2.0 } }
durability = { cured = 0.5, relapse = { dist = "weibull", shape = 1.0, median = 12.0 } }
events = { crs3 = 0.01 }
rates = { infection = 0.2 }
[truth.cart]
remission = { probability = 0.70, onset = { dist = "fixed", value = 2.0 } }
durability = { cured = 0.8, relapse = { dist = "weibull", shape = 1.0, median = 24.0 } }
events = { crs3 = 0.08 }
rates = { infection = 0.3 }
[scenarios.null]
cart = { same_as = "soc" }
[scenarios.expected]
[scenarios.toxic]
role = "null"
cart.events.crs3 = 0.40
cart.rates.infection = 0.9
"""  # noqa: E501

DIRECT = """
name = "Said directly"
[arms.soc]
control = true
[arms.cart]
[endpoints.dfr]
type = "landmark"
month = 6
[endpoints.crs3]
type = "landmark"
month = 6
label = "CRS"
[utility.net]
dfr = 1.0
crs3 = -0.5
[enrolment]
max_n = 40
per_month = 4
[looks]
observed = [20, 40]
[[rules]]
name = "worth_it"
then = "declare_success"
posterior = { utility = "net", arm = "cart", minus = "soc", above = 0.1 }
at_least = 0.9
[scenarios.null]
dfr = { soc = 0.2, cart = 0.2 }
crs3 = { soc = 0.1, cart = 0.1 }
[scenarios.at_the_margin]
dfr = { soc = 0.2, cart = 0.4 }
crs3 = { soc = 0.1, cart = 0.3 }
[scenarios.works]
dfr = { soc = 0.2, cart = 0.6 }
crs3 = { soc = 0.1, cart = 0.2 }
"""


def worth(**tables: Any) -> dict[str, Any]:
    return {**tomllib.loads(WORTH), **tables}


def direct() -> dict[str, Any]:
    return tomllib.loads(DIRECT)


# ── the probability ───────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("scenario", ["expected", "toxic"])
def test_trial_by_trial_it_is_that_of_the_twin(scenario: str) -> None:
    """Participant by participant; the twin convolves the exact posteriors."""
    raw = worth()
    error = Plan.of(Design(**copy.deepcopy(raw))).errors["worth_it"]
    assert error == pytest.approx(0.0004 * math.sqrt(6.0), abs=1e-4)  # three levels in two arms
    block = compare(raw, scenario, 12, tolerance=error)
    assert len(set(block.standing.reason[:12])) > 1


def test_the_stated_error_holds_of_tables_from_nobody_to_hundreds() -> None:
    design = Design(**worth())
    plan, rng = Plan.of(design), np.random.default_rng(7)
    part, number = plan.rules[0].parts[0], 60
    analysed = rng.choice([0, 1, 4, 12, 40, 150], (number, 2))
    counts = {
        name: rng.binomial(analysed, rng.uniform(0.0, 1.0, (number, 2)) ** power)
        for name, power in (("dfr", 1.0), ("crs3", 3.0))
    }
    years = analysed * 0.7
    events = rng.poisson(years * rng.uniform(0.0, 0.6, (number, 2)))
    nothing = np.zeros_like(analysed)[..., None]
    seen = LookAnalysis.of_tables(plan, "dfr", counts["dfr"], analysed)
    totals = analysed[..., None]
    seen.summaries["crs3"] = Counts(counts["crs3"][..., None], totals, nothing, totals)
    seen.summaries["infection"] = Exposure(events[..., None], years[..., None], totals)
    found = seen.probability(part, part.question)
    priors = {"dfr": (((0.8, 2.0, 8.0), (0.2, 1.0, 1.0)), ((1.0, 1.0, 1.0),)),
              "crs3": (((1.0, 0.5, 4.5),), ((1.0, 0.5, 4.5),))}  # fmt: skip
    exact = []
    for row in range(number):
        terms, most = [], 1.0
        for arm, sign in ((0, -1.0), (1, 1.0)):
            n = int(analysed[row, arm])
            for name, weight in (("dfr", 1.0), ("crs3", -0.4)):
                after = posterior.updated(priors[name][arm], int(counts[name][row, arm]), n)
                terms.append((sign * weight, twin.beta_mixture(list(after))))
            shape, rate = 0.5 + events[row, arm], 2.0 + years[row, arm]
            most = max(most, (shape + 8.0 * shape**0.5 + 20.0) / rate)
            terms.append((sign * -0.8, twin.gamma(shape, rate)))
        exact.append(twin.beyond(terms, -0.1, False, most))
    off = np.abs(found - exact)
    assert off.max() < plan.errors["harm"]
    assert off.max() < 0.0005, "what the module says was seen"


def test_of_one_endpoint_it_is_the_model_s_own_answer(tmp_path: Path) -> None:
    """2 × dfr > 0.2 is dfr > 0.1, −2 × crs3 > 0.2 is crs3 < −0.1: to the last bit."""
    for endpoint, weight, key, value in (("dfr", 2.0, "above", 0.1), ("crs3", -2.0, "below", -0.1)):
        raw, plain = direct(), direct()
        raw["utility"]["net"] = {endpoint: weight}
        raw["rules"][0]["posterior"]["above"] = 0.2
        del plain["utility"]
        plain["rules"][0]["posterior"] = {
            "endpoint": endpoint, "arm": "cart", "minus": "soc", key: value,
        }  # fmt: skip
        looks = [
            ac.simulate(Design(**one), trials=40, seed=5, jobs=1, engine="simulate",
                        scenarios=["works"], out=tmp_path / f"{endpoint}_{name}").looks
            for name, one in (("utility", raw), ("plain", plain))
        ]  # fmt: skip
        first, second = (look["p_worth_it"].to_numpy() for look in looks)
        np.testing.assert_array_equal(first, second)
        assert Plan.of(Design(**raw)).errors == Plan.of(Design(**plain)).errors


def test_an_answer_is_the_trial_s_own_whoever_comes_with_it() -> None:
    design = Design(**worth())
    plan, truth = Plan.of(design), design.truths["expected"]
    blocks = [
        run_block(plan, truth, (0.0,), latents_for(design, 4, first, number))
        for first, number in ((0, 30), (7, 1))
    ]
    for together, alone in zip(blocks[0].looks, blocks[1].looks, strict=False):
        for name, values in alone.probabilities.items():
            np.testing.assert_array_equal(values[0], together.probabilities[name][7])


def test_endpoints_are_independent_however_alike_their_data_are() -> None:
    """Equal posteriors of two endpoints: their draws must not be the same ones."""
    raw = direct()
    raw["utility"]["net"] = {"dfr": 1.0, "crs3": 1.0}
    raw["rules"][0]["posterior"] = {"utility": "net", "arm": "cart", "above": 1.2}
    plan = Plan.of(Design(**raw))
    part = plan.rules[0].parts[0]
    seen = LookAnalysis.of_tables(plan, "dfr", np.array([[3, 5]]), np.full((1, 2), 10))
    seen.summaries["crs3"] = seen.summaries["dfr"]
    grid = (np.arange(20_000) + 0.5) / 20_000
    exact = (stats.beta.pdf(grid, 6, 6) * stats.beta.sf(1.2 - grid, 6, 6)).mean()
    assert seen.probability(part, part.question)[0] == pytest.approx(exact, abs=0.002)
    assert stats.beta.sf(0.6, 6, 6) > exact + 0.05, "what draws in step would give"


def test_each_arm_is_asked_in_turn_and_strata_too() -> None:
    raw = direct()
    raw["arms"]["other"] = {}
    raw["strata"] = {"mild": 0.5, "hard": 0.5}
    raw["rules"][0]["posterior"] |= {"arm": "each", "stratum": "each"}
    for scenario in raw["scenarios"].values():
        for values in scenario.values():
            values["other"] = values["cart"]
    design = Design(**raw)
    plan = Plan.of(design)
    assert len(plan.rules[0].targets) == 4
    block = run_block(plan, design.truths["works"], (0.0,) * len(plan.estimands),
                      latents_for(design, 3, 0, 40))  # fmt: skip
    assert np.isfinite(block.looks[0].probabilities["worth_it"]).all()
    assert (block.standing.won[0] > 0).any(axis=0).all()


# ── what is true ──────────────────────────────────────────────────────────────────────────────
def test_a_success_is_false_by_the_true_utility() -> None:
    """0.4 − 0.5 × 0.1 = 0.35 is above 0.1; 0.2 − 0.5 × 0.2 = 0.1 is not, it is at the margin."""
    design = Design(**direct())
    found = {
        name: Claims.of(design, true_values(design, truth)).false(0)
        for name, truth in design.truths.items()
    }
    assert found == {"null": True, "at_the_margin": True, "works": False}


def test_a_true_utility_of_a_course_is_the_sum_of_its_endpoints() -> None:
    design = Design(**worth())
    true = true_values(design, design.truths["toxic"])
    question = Plan.of(design).utilities[0].question
    found = true.quantity(question)
    parts = {name: [each.value for each in true.by_arm[name]] for name in design.endpoints}
    apart = {name: values[1] - values[0] for name, values in parts.items()}
    by_hand = apart["dfr"] - 0.4 * apart["crs3"] - 0.8 * apart["infection"]
    assert found is not None
    assert found.value == pytest.approx(by_hand, abs=1e-12)
    assert found.mcse > 0.0
    assert Claims.of(design, true).false(1) is True
    assert Claims.of(design, true).false(0) is False


def test_measures_follow_from_the_tables_of_the_last_look(tmp_path: Path) -> None:
    raw = direct()
    result = ac.simulate(Design(**raw), trials=80, seed=2, jobs=1, scenarios=["works"],
                         out=tmp_path / "run")  # fmt: skip
    looks = result.looks
    ends = looks[looks["last"]].set_index(["trial", "arm"])
    after = {
        name: (ends[f"{name}_events"] + 1.0) / (ends[f"{name}_analysed"] + 2.0)
        for name in ("dfr", "crs3")
    }
    apart = {
        name: v.xs("cart", level="arm") - v.xs("soc", level="arm") for name, v in after.items()
    }
    expected = apart["dfr"] - 0.5 * apart["crs3"]

    def measured(measure: str, arm: str = "cart") -> Any:
        return result.figure("works", measure, arm=arm)

    assert measured("true_net", "soc").estimate == pytest.approx(0.2 - 0.05)
    assert measured("utility_net").estimate == pytest.approx(0.4 - 0.05)
    assert measured("expected_utility_net").estimate == pytest.approx(expected.mean())
    assert measured("expected_utility_net").mcse == pytest.approx(expected.std() / math.sqrt(80))
    assert measured("bias_utility_net").estimate == pytest.approx(expected.mean() - 0.35)
    assert measured("expected_benefit_net").estimate == pytest.approx(apart["dfr"].mean())
    assert measured("expected_harm_net").estimate == pytest.approx(0.5 * apart["crs3"].mean())
    assert measured("harm_net").estimate == pytest.approx(0.05)
    near = (looks["p_worth_it"] - 0.9).abs() <= Plan.of(result.design).errors["worth_it"]
    counted = result.figure("works", "within_error_worth_it").estimate
    assert counted == pytest.approx(looks[near]["trial"].nunique() / 80)


# ── what is told ──────────────────────────────────────────────────────────────────────────────
def test_check_says_the_weights_the_truth_and_how_it_is_answered() -> None:
    told = described(Design(**worth()))
    assert (
        "net_benefit: 1 × dfr (probability) − 0.4 × crs3 (probability) − 0.8 × infection (rate a "
        "year)" in told
    )
    assert "P(u(cart) − u(soc) > 0.00 | net_benefit) >= 0.95, 0.90 (by look)" in told
    assert "weighed: dfr, crs3 and infection are analysed apart" in told
    assert "net_benefit, utility: soc" in told
    unused = direct()
    unused["utility"]["idle"] = {"dfr": 1.0}
    said = "utility.idle: no rule asks for it: it is measured, decides nothing"
    assert said in described(Design(**unused))


def test_a_real_table_is_judged_as_the_example_was() -> None:
    design = Design(**worth())
    story = example(design, "expected", trial=1)
    found = ac.analyze(design, story.participants, fast=True)
    for rule in (r for r in found.rules if r.fast is not None):
        assert f"{rule.fast:.4f}" in str(story)
    told = {quantity.words: quantity.fast for quantity in found.findings.quantities
            if quantity.endpoint == "net_benefit"}  # fmt: skip
    assert set(told) == {"u(soc)", "u(cart)", "u(cart) − u(soc)"}
    whole = told["u(cart) − u(soc)"]
    by_endpoint = {(q.endpoint, q.words): q.fast.mean for q in found.findings.quantities}
    apart = [by_endpoint[name, "cart − soc"] for name in ("dfr", "crs3", "infection")]
    assert whole.mean == pytest.approx(apart[0] - 0.4 * apart[1] - 0.8 * apart[2])
    assert whole.lower < whole.mean < whole.upper


def test_the_interval_of_a_utility_holds_95_percent() -> None:
    design = Design(**worth())
    story = example(design, "expected", trial=1)
    found = ac.analyze(design, story.participants, fast=True)
    quantity = next(q for q in found.findings.quantities if q.words == "u(cart) − u(soc)")
    raw = worth()
    for value, chance in ((quantity.fast.lower, 0.975), (quantity.fast.upper, 0.025)):
        raw["rules"][0]["posterior"] = {"utility": "net_benefit", "arm": "cart", "minus": "soc",
                                        "above": value}  # fmt: skip
        asked = ac.analyze(Design(**copy.deepcopy(raw)), story.participants, fast=True)
        assert asked.rules[0].fast == pytest.approx(chance, abs=0.001)


# ── what is refused ───────────────────────────────────────────────────────────────────────────
def refused(raw: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(DesignError) as error:
        Design(**raw)
    return {problem.path: problem.message for problem in error.value.problems}


def test_every_fault_of_a_utility_is_told_at_once() -> None:
    raw = worth()
    raw["utility"]["net_benefit"] |= {"drf": 1.0, "crs3": 0.0}
    raw["utility"] |= {"dfr": {"dfr": 1.0}, "none": {}, "number": 3}
    del raw["analysis"]["infection"]
    raw["analysis"]["dfr"] = {"model": "proportions_test"}
    raw["rules"][0]["posterior"]["utility"] = "net_benefti"
    found = refused(raw)
    assert "did you mean 'dfr'?" in found["utility.net_benefit.drf"]
    assert "found 0" in found["utility.net_benefit.crs3"]
    assert "write [analysis.infection]" in found["utility.net_benefit.infection"]
    assert "write one of beta_binomial" in found["utility.net_benefit.dfr"]
    assert "the name is taken by endpoints.dfr" in found["utility.dfr"]
    assert "write a weight for each" in found["utility.none"]
    assert "a table by name is expected" in found["utility.number"]
    assert "did you mean 'net_benefit'?" in found["rules[0].posterior.utility"]


def test_a_time_without_a_level_cannot_be_weighed() -> None:
    raw = direct()
    raw["endpoints"]["flare"] = {"type": "time_to_event", "horizon": 24}
    normal = {"dist": "normal", "mean": 0.0, "sd": 2.0}
    prior = {"baseline": {"a": 0.1, "b": 1.0}, "log_hazard_ratio": normal}
    raw["analysis"] = {"flare": {"model": "piecewise_exponential", "prior": prior}}
    raw["utility"]["net"]["flare"] = -1.0
    assert "asked of weibull_cure" in refused(raw)["utility.net.flare"]


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        ({"posterior": {"utility": "net", "endpoint": "dfr", "arm": "cart", "above": 0.1}},
         "rules[0].posterior", "at most one of the two"),
        ({"posterior": {"arm": "cart", "above": 0.1}}, "rules[0].posterior.endpoint",
         "or write `utility`"),
        ({"posterior": {"utility": "net", "arm": "cart", "ratio_to": "soc", "above": 1.0}},
         "rules[0].posterior", "ratio_to and utility"),
        ({"at_least": {"alpha": 0.025}}, "rules[0].at_least", "spent by the p-value of a test"),
    ],
)  # fmt: skip
def test_a_question_that_is_no_utility_s_is_refused(
    change: dict[str, Any], path: str, says: str
) -> None:
    raw = direct()
    raw["rules"][0] |= change
    assert says in refused(raw)[path]


def looking_ahead() -> dict[str, Any]:
    """Few to come after the first look, so that every final table can be looked at."""
    raw = direct()
    raw["enrolment"]["max_n"] = 16
    raw["looks"]["observed"] = [12, 16]
    raw["rules"][0] |= {"at_least": 0.8, "looks": ["final"]}
    raw["rules"].append({"name": "hopeless", "then": "declare_futility", "looks": [1],
                         "predictive": {"rule": "worth_it"}, "below": 0.1})  # fmt: skip
    return raw


def final_tables(counts: Counts, trial: int, n: int) -> Iterator[tuple[tuple[int, ...], float]]:
    """Responders by arm at the end, and the beta-binomial chance of each."""
    had, seen = counts.successes[trial, :, 0], counts.totals[trial, :, 0]
    for more in np.ndindex(*(n - seen + 1)):
        masses = stats.betabinom.pmf(more, n - seen, 1 + had, 1 + seen - had)
        yield tuple((had + np.array(more)).tolist()), float(np.prod(masses))


@pytest.mark.slow
def test_a_utility_is_predicted_as_over_every_final_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both endpoints' final tables are independent; of each the utility by convolution."""
    monkeypatch.setattr(twin, "CELLS", 1 << 10)  # no table comes as near to the threshold
    found, _ = looks_of(looking_ahead(), 6, "works")
    analysis, predicted = found.kept[0], found.records[0].probabilities["hopeless"][:, 0]
    asked = 0
    for trial in (0, 3, 5):
        tables = [list(final_tables(analysis.summary(name), trial, 8)) for name in ("dfr", "crs3")]
        chance = 0.0
        for (dfr, one), (crs3, other) in itertools.product(*tables):
            terms = [
                (sign * weight, twin.beta_mixture([(1.0, 1.0 + x, 9.0 - x)]))
                for arms, weight in ((dfr, 1.0), (crs3, -0.5))
                for sign, x in zip((-1.0, 1.0), arms, strict=True)
            ]
            chance += one * other * (twin.beyond(terms, 0.1, True, 1.0) >= 0.8)
        asked += 0.02 < chance < 0.98
        assert predicted[trial] == pytest.approx(chance, abs=0.025)
    assert asked == 3


@pytest.mark.slow
def test_what_is_told_of_a_predicted_utility() -> None:
    design = Design(**looking_ahead())
    told = described(design)
    assert "P(worth_it at the last look, with max_n participants | data)" in told
    block = simulated(design, "works", 3)
    found = analyze(design, table(design, block, 0), look=1, what_if=2, fast=True)
    assert "P(worth_it at the last look, with max_n participants | data) = 0." in found.text
    assert "several things are asked at once" in found.text


def test_a_design_without_a_utility_says_what_to_write() -> None:
    raw = direct()
    del raw["utility"]
    assert "write one with a weight" in refused(raw)["rules[0].posterior.utility"]


def test_a_classical_design_beside_it_has_no_utility() -> None:
    raw = direct()
    made = group_sequential(Design(**raw))
    assert made.utility == {}
    assert made.rules[0].posterior.endpoint == "dfr"


# ── PyMC ──────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("third", [0.0, 1.5])
def test_chains_of_independent_normals_give_the_closed_form_and_its_error(third: float) -> None:
    """x − 2 y (+ 1.5 z) > 0.3 of normals; the stated error is that over many such chains."""
    weights = (("x", 1.0), ("y", -2.0), *((("z", third),) if third else ()))
    question = Question("u", 1, weights=weights, kind="utility", value=0.3)
    spread = math.hypot(1.0, 2.0 * 0.4, third * 0.6)
    exact = stats.norm.sf(0.3, loc=0.5 - 2.0 * 0.1, scale=spread)
    answers, errors = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        drawn = [rng.normal(0.5, 1.0, (4, 500)), rng.normal(0.1, 0.4, (4, 500)),
                 rng.normal(0.0, 0.6, (4, 500))]  # fmt: skip
        chains = [[(own, 1.0)] for own in drawn[: len(weights)]]
        for asked in (question, replace(question, above=False)):
            found, error = chance_of_chains(asked, chains)
            answers.append(found if asked.above else 1.0 - found)
            errors.append(error)
    assert np.mean(answers) == pytest.approx(exact, abs=4.0 * np.mean(errors) / math.sqrt(40))
    assert np.std(answers) == pytest.approx(np.mean(errors), rel=0.35)


@pytest.mark.reference
@pytest.mark.slow
def test_the_reference_weighs_the_same() -> None:
    design = Design(**worth())
    looks = chosen_looks(Plan.of(design), {"expected": design.truths["expected"]}, 3, 3, pool=20)
    compared = Comparison(design, 1)
    rows = [row for look in looks for row in compared.rows(look)]
    assert {row.rule for row in rows} >= {"harm", "worth_it_1", "worth_it_2"}
    assert not [row for row in rows if row.failed or not row.trusted]


def test_a_trial_whose_posterior_failed_has_no_benefit_and_no_harm() -> None:
    plan = Plan.of(Design(**raw_design("lupus_net_benefit")))
    means, failed = np.array([0.1, 0.2]), np.array([False, True])
    for unknown in (failed, None):
        posterior = SimpleNamespace(mean=lambda question: means, failed=unknown)
        analysis = SimpleNamespace(posterior=lambda *about, own=posterior: own)
        block = SimpleNamespace(benefit=np.zeros((2, len(plan.utilities))))
        block.harm = block.benefit.copy()
        conduct = SimpleNamespace(
            plan=SimpleNamespace(
                weighed=plan.weighed,
                fitted=dict.fromkeys(plan.weighed, (analysis, None)),
                design=plan.design,
                utilities=plan.utilities,
            ),
            design=plan.design,
            ends=dict.fromkeys(plan.weighed),
            estimated=np.zeros(2, dtype=np.bool_),
            _at_ends=lambda name, trials: None,
            block=block,
        )
        SimulatedConduct._weigh(conduct)  # type: ignore[arg-type]
        for found in (block.benefit, block.harm):
            assert np.isfinite(found[0]).all()
            assert np.isnan(found[1]).all() == (unknown is not None)


def test_a_mixture_has_draws_of_each_part_by_its_weight_from_its_first_to_its_last() -> None:
    five = np.arange(5.0).reshape(1, 5)
    assert mixed([(five, 0.5), (10.0 + five, 0.3)]).tolist() == [0, 1, 2, 3, 4, 10, 12, 14]


def test_columns_of_a_utility_name_the_arm_where_there_are_several() -> None:
    asked = Question("net_benefit", 1)
    assert Weighed(asked, None).suffix == "_net_benefit"
    assert Weighed(asked, "auto").suffix == "_net_benefit_auto"
