"""Trial by trial, the simulator is held against its slow twin: same latents, same trial."""

from __future__ import annotations

import copy
import itertools
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, run_block
from adaptive_cart.decisions import REASONS
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.nouns.summaries import Counts, Durations, Means, Scores
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import latents_for
from course_months import months_of
from twin import one_trial

DESIGNS = Path(__file__).parents[2] / "designs"
SEED = 11
PURPOSES = (
    "arrival", "stratum", "infusion_failure", "infusion_delay", "remission", "remission_onset",
    "cured", "relapse", "remission_on_drugs", "remission_on_drugs_onset", "rescue", "dropout",
    "death", "visits", "mixture",
    "crossover", "crossover:infusion_failure", "crossover:infusion_delay", "crossover:remission",
    "crossover:remission_onset", "crossover:cured", "crossover:relapse", "crossover:rescue",
    "crossover:dropout", "crossover:death",
    *(
        f"{course}again:{k}{purpose}" for course in ("", "crossover:") for k in range(1, 7)
        for purpose in ("", ":onset", ":cured", ":relapse")
    ),
    *(f"{course}{purpose}" for course in ("", "crossover:") for purpose in ("taper", "washout")),
    *(
        f"{course}redosing:{k}{purpose}" for course in ("", "crossover:") for k in range(1, 7)
        for purpose in (
            "", ":infusion_delay", ":infusion_failure", ":taper", ":remission", ":onset", ":cured",
            ":relapse",
        )
    ),
)  # fmt: skip


def raw_design(name: str) -> dict[str, Any]:
    return tomllib.loads((DESIGNS / f"{name}.toml").read_text())


def latents_of_trial(design: Design, trial: int) -> dict[str, Any]:
    """The latents of one trial, as the twin wants them."""
    latents = latents_for(design, SEED, trial, 1)
    named = list(PURPOSES)
    named += [f"event:{name}" for name in design.endpoints]
    named += [f"again_event:{name}:{k}" for name in design.endpoints for k in range(1, 4)]
    named += [f"outcome:{name}" for name in design.endpoints]
    named += [f"imputation:{name}" for name in design.endpoints]
    named += [f"score:{name}:{place}" for name in design.endpoints for place in range(6)]
    result: dict[str, Any] = {name: latents.of(name)[0].tolist() for name in named}
    Enrolment(design, latents)
    strata = range(len(design.shares))
    result["assignment"] = [latents.of(f"assignment:{s}")[0].tolist() for s in strata]
    return result


def product_infusion(design: Design, raw: dict[str, Any]) -> dict[str, Any]:
    from adaptive_cart.design.products import PRODUCTS

    if "truth" not in raw or not any(arm in raw["truth"] for arm in raw["arms"]):
        return {}
    found = {}
    for name, arm in design.arms.items():
        product = PRODUCTS.get(arm.product or "")
        if product is not None and product.infused:
            found[name] = {"failure": product.failure, "delay": product.delay.plain()}
    return found


def compare(raw: dict[str, Any], scenario: str, trials: int) -> None:
    design = Design(**copy.deepcopy(raw))
    truth = truths_of(design)[scenario]
    plan = Plan.of(design)
    targets = (0.0,) * len(plan.estimands)
    block = run_block(plan, truth, targets, latents_for(design, SEED, 0, trials), True)
    for trial in range(trials):
        slow = one_trial.run(
            raw, scenario, latents_of_trial(design, trial),
            product_infusion=product_infusion(design, raw),
        )  # fmt: skip
        same_participants(design, block, trial, slow)
        same_looks(design, block, trial, slow)
        same_end(design, block, trial, slow)


def same_participants(design: Design, block: Block, trial: int, slow: dict[str, Any]) -> None:
    population, people = block.population, slow["participants"]
    assert population is not None
    arms = population.arm[trial, : len(people)]
    assert [design.arm_names[arm] for arm in arms] == [person["arm"] for person in people]

    def same(months: Any, theirs: list[float], name: str = "") -> None:
        mine = np.asarray(months)[trial, : len(people)]
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, err_msg=name)

    same(population.arrival, [person["randomised_month"] for person in people])
    if population.course is None:
        return
    for name, months in months_of(population.course).items():
        same(months, [one_trial.month_of(person, name) for person in people], name)
    for name in (n for n, e in design.endpoints.items() if e.harm and e.binary):
        same(population.outcomes[name], [person[name] for person in people], name)


def same_looks(design: Design, block: Block, trial: int, slow: dict[str, Any]) -> None:
    held = [record for record in block.looks if record.held[trial]]
    assert len(slow["looks"]) == len(held)
    for seen, record in zip(slow["looks"], held, strict=True):
        assert seen["look"] == record.look
        np.testing.assert_allclose(record.date[trial], seen["date"], rtol=1e-12)
        assert record.randomised[trial].sum() == seen["n_randomised"]
        assert record.infused[trial].sum() == seen["n_infused"]
        for name in design.endpoints:
            for position, arm in enumerate(design.arm_names):
                same_summary(record.summaries[name], trial, position, seen["endpoints"][name][arm])
        for name, rule in seen["rules"].items():
            probability = record.probabilities[name][trial, 0]
            if not np.isnan(probability):  # nan: an earlier rule of this look ended the trial
                assert abs(probability - rule["probability"]) < 1e-9


def same_summary(summary: Any, trial: int, arm: int, slow: dict[str, Any]) -> None:
    if isinstance(summary, Counts):
        key = "successes" if "successes" in slow else "events"
        assert summary.successes[trial, arm].sum() == slow[key]
        assert summary.totals[trial, arm].sum() == slow["totals"]
        assert summary.missing[trial, arm].sum() == slow.get("missing", 0)
    elif isinstance(summary, Durations):
        counted, ended = ("remitters", "relapses") if "relapses" in slow else ("totals", "events")
        assert summary.participants[trial, arm].sum() == slow[counted]
        assert summary.events[trial, arm].sum() == slow[ended]
        np.testing.assert_allclose(
            summary.exposure[trial, arm].sum(), slow["months_at_risk"], rtol=1e-10, atol=1e-10
        )
    elif isinstance(summary, Scores):
        number = summary.analysed[trial, arm].sum()
        assert number == slow["totals"]
        if number:
            mean = summary.columns()["change"][trial, arm].sum() / number
            np.testing.assert_allclose(mean, slow["mean_change"], rtol=1e-10, atol=1e-10)
    else:
        assert isinstance(summary, Means)
        number = summary.participants[trial, arm].sum()
        assert number == slow["totals"]
        if number:
            mean = summary.total[trial, arm].sum() / number
            np.testing.assert_allclose(mean, slow["mean_months"], rtol=1e-10, atol=1e-10)


def same_end(design: Design, block: Block, trial: int, slow: dict[str, Any]) -> None:
    end, final = slow["end"], slow["final"]
    assert REASONS[block.standing.reason[trial]] == end["reason"]
    assert block.look[trial] == end["look"]
    assert block.randomised[trial].sum() == end["n_randomised"]
    assert block.analysed[trial].sum() == end["n_analysed"]
    assert block.infused[trial].sum() == end["n_infused"]
    np.testing.assert_allclose(block.months[trial], end["months"], rtol=1e-12)
    arm = design.experimental_names[0]
    assert abs(block.estimate[trial, 0] - end["estimate"][arm]) < 1e-10
    assert abs(block.estimate_final[trial, 0] - final["estimate"][arm]) < 1e-10
    assert bool(block.reversal[trial]) == final["reversal"]


@pytest.mark.parametrize("scenario", ["null", "expected"])
def test_hello(scenario: str) -> None:
    compare(raw_design("hello"), scenario, 30)


@pytest.mark.parametrize("scenario", list(raw_design("sle_autologous")["scenarios"]))
def test_sle_autologous(scenario: str) -> None:
    compare(raw_design("sle_autologous"), scenario, 6)


def with_strata(raw: dict[str, Any]) -> None:
    raw["strata"] = {"high": 0.6, "low": 0.4}
    if "truth" in raw:
        raw["truth"]["cart"]["strata"] = {"low": {"remission": {"probability": 0.2}}}
    else:
        raw["scenarios"]["expected"]["dfr"]["cart"] = {"high": 0.5, "low": 0.1}


def with_regular_arrivals(raw: dict[str, Any]) -> None:
    raw["enrolment"]["arrivals"] = "regular"


def with_dropout(raw: dict[str, Any]) -> None:
    raw.setdefault("truth", {})["dropout"] = {"per_year": 0.2}


def with_exclusion(raw: dict[str, Any]) -> None:
    raw["endpoints"]["dfr"]["missing"] = "exclude"
    if "arms" in raw and "product" not in raw["arms"].get("soc", {}):
        with_dropout(raw)


def with_exclusion_and_strata(raw: dict[str, Any]) -> None:
    with_strata(raw)
    with_exclusion(raw)


def with_exclusion_and_strata_predicted_both_ways(raw: dict[str, Any]) -> None:
    with_exclusion_and_strata(raw)
    (position,) = (p for p, rule in enumerate(raw["rules"]) if "predictive" in rule)
    enrolled = copy.deepcopy(raw["rules"][position]) | {"name": "futility_enrolled"}
    enrolled["predictive"]["with"] = "enrolled"
    enrolled["below"] = 0.01  # asked first, it seldom ends the trial before the other is asked
    raw["rules"].insert(position, enrolled)


def with_enrolled_looks(raw: dict[str, Any]) -> None:
    at = raw["looks"].pop("observed")
    raw["looks"]["enrolled"] = at
    raw["looks"]["final"] = "all_observed"
    for rule in raw["rules"]:
        if isinstance(rule.get("at_least"), list):
            rule["at_least"] = [*rule["at_least"], 0.97]


def with_calendar_looks(raw: dict[str, Any]) -> None:
    raw["looks"] = {"months": [24.0, 33.5, 48.0]}


def with_final(raw: dict[str, Any]) -> None:
    raw["looks"]["observed"] = raw["looks"]["observed"][:2]
    raw["looks"]["final"] = "all_observed"


def with_predicted_enrolled(raw: dict[str, Any]) -> None:
    for rule in raw["rules"]:
        if "predictive" in rule:
            rule["predictive"]["with"] = "enrolled"


def with_product_defaults(raw: dict[str, Any]) -> None:
    if "truth" in raw:
        del raw["truth"]["cart"]["infusion"]
        raw["arms"]["cart"]["product"] = "regulatory"
        del raw["scenarios"]["early_data_do_not_hold_up"]["cart"]["infusion"]


SITES = {
    "europe": {"per_month": {"ramp_months": 5, "plateau": 2.0}},
    "america": {"opens": 4.5, "per_month": 1.5, "closes": 30.0},
    "asia": {"opens": 9.0, "per_month": 1.0},
}


def with_pieces(raw: dict[str, Any]) -> None:
    raw["enrolment"]["per_month"] = [
        {"from": 0, "rate": 1.0}, {"from": 6, "rate": 3.0}, {"from": 14.5, "rate": 0.0},
        {"from": 16, "rate": 4.0},
    ]  # fmt: skip


def with_sites_and_holds(raw: dict[str, Any]) -> None:
    del raw["enrolment"]["per_month"]
    raw["enrolment"]["sites"] = SITES
    raw["enrolment"]["holds"] = [{"from": 12, "until": 14}, {"from": 13, "until": 15.5}]
    raw["enrolment"]["arrivals"] = "regular"


def with_screening(raw: dict[str, Any]) -> None:
    lag = {"dist": "lognormal", "median": 1.2, "sigma": 0.5}
    raw["enrolment"]["screening"] = {"failure": 0.3, "lag": lag}
    raw["enrolment"]["holds"] = [{"from": 10, "until": 13}]


def with_another_enrolment_in_each_scenario(raw: dict[str, Any]) -> None:
    raw["enrolment"]["screening"] = {"failure": 0.3, "lag": {"dist": "fixed", "value": 0.7}}
    for scenario in raw["scenarios"].values():
        scenario["enrolment"] = {"sites": SITES, "screening": {"failure": 0.1}}


OF_ENROLMENT = [
    with_pieces, with_sites_and_holds, with_screening, with_another_enrolment_in_each_scenario,
]  # fmt: skip
CHANGES = [
    with_strata, with_regular_arrivals, with_dropout, with_exclusion, with_enrolled_looks,
    with_calendar_looks, with_final, with_predicted_enrolled, with_product_defaults,
    with_exclusion_and_strata_predicted_both_ways,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize(
    ("name", "scenario"),
    [("hello", "expected"), ("sle_autologous", "early_data_do_not_hold_up")],
)
def test_variants(name: str, scenario: str, change: Any) -> None:
    raw = raw_design(name)
    change(raw)
    compare(raw, scenario, 4)


@pytest.mark.parametrize("change", OF_ENROLMENT, ids=lambda change: change.__name__)
def test_enrolment_of_every_kind(change: Any) -> None:
    raw = raw_design("hello")
    raw["enrolment"]["max_n"] = 40
    raw["looks"]["observed"] = [15, 28, 40]
    change(raw)
    compare(raw, "expected", 2)


def test_hazards_that_change_over_time() -> None:
    raw = raw_design("sle_autologous")
    soc, cart = raw["truth"]["soc"], raw["truth"]["cart"]
    cart["remission"]["onset"] = {"dist": "loglogistic", "median": 2.0, "shape": 2.0}
    cart["durability"]["relapse"] = {"dist": "piecewise", "hazards": [0.2, 0.0], "cuts": [6.0]}
    soc["remission"]["onset"] = {"dist": "gompertz", "shape": 0.2, "median": 3.0}
    soc["durability"]["relapse"] = {"dist": "gompertz", "shape": -0.1, "rate": 0.2}
    raw["scenarios"] = {"works": {}}
    compare(raw, "works", 3)


SCORE = {"visits": [1.0, 3.0, 6.0], "type": "continuous", "better": "lower"}


def test_scores_said_directly() -> None:
    raw = raw_design("hello")
    raw["endpoints"] = {"mgadl": SCORE | {"month": 6.0}}
    raw["analysis"] = {"mgadl": {"model": "normal"}}
    raw["rules"] = raw["rules"][:1]
    raw["rules"][0]["posterior"] = {
        "endpoint": "mgadl", "arm": "cart", "minus": "soc", "below": -1.0,
    }  # fmt: skip
    arm = {"baseline": {"mean": 9.0, "sd": 3.0}, "sd": [2.0, 2.5, 3.0], "correlation": 0.6}
    changes = {"soc": [-0.5, -0.8, -1.0], "cart": [-2.0, -3.0, -2.5]}
    truth = {name: arm | {"change": change} for name, change in changes.items()}
    raw["scenarios"] = {"works": {"mgadl": truth, "dropout": {"per_year": 0.3}}}
    compare(raw, "works", 6)


def test_a_score_that_follows_the_course() -> None:
    raw = raw_design("sle_autologous")
    raw["endpoints"] = {"mgadl": SCORE | {"month": 3.0}}
    raw["analysis"] = {"mgadl": {"model": "normal"}}
    raw["rules"] = [rule for rule in raw["rules"] if rule["name"] == "efficacy"]
    raw["rules"][0]["posterior"] = {"endpoint": "mgadl", "arm": "cart", "above": -4.5}
    for arm in ("soc", "cart"):
        raw["truth"][arm]["scores"] = {"mgadl": {
            "baseline": {"mean": 9.0, "sd": 3.0}, "in_remission": -6.0, "otherwise": -1.0,
            "sd": 2.5, "correlation": 0.6,
        }}  # fmt: skip
    raw["scenarios"] = {"works": {}}
    compare(raw, "works", 6)


@pytest.mark.parametrize(
    "allocation", [(1, 1, 4), (1, 2), (1, 1, 1), (3, 2, 2), (1, 1, 4, 1), (2, 3, 5, 7)]
)
def test_planned_numbers_are_the_twins(allocation: tuple[int, ...]) -> None:
    raw = raw_design("hello")
    names = [f"arm_{number}" for number in range(len(allocation))]
    raw["arms"] = {name: {"allocation": n} for name, n in zip(names, allocation, strict=True)}
    raw["arms"]["arm_0"]["control"] = True
    raw["rules"][0]["posterior"] |= {"arm": "arm_1", "minus": "arm_0"}
    raw["scenarios"] = {"null": {"dfr": dict.fromkeys(names, 0.1)}}
    raw["looks"] = {"months": [12.0, 18.0, 24.0]}
    for max_n in (*range(len(names), 25), 999_997, 10**6):
        raw["enrolment"]["max_n"] = max_n
        design = Design(**copy.deepcopy(raw))
        planned = list(design.planned)
        assert planned == one_trial.planned_numbers(raw), max_n
        assert sum(planned) == max_n
        # the definition, without a fraction: remainders in units of 1 / sum(allocation)
        remainders = [max_n * share % sum(allocation) for share in allocation]
        raised = [
            number - max_n * share // sum(allocation)
            for number, share in zip(planned, allocation, strict=True)
        ]
        assert set(raised) <= {0, 1}
        for arm, later in itertools.combinations(range(len(allocation)), 2):
            if remainders[arm] == remainders[later]:
                assert raised[arm] >= raised[later]
            else:
                more, less = sorted((arm, later), key=lambda one: -remainders[one])
                assert raised[more] >= raised[less]


def test_planned_numbers_of_ten_at_one_to_one_to_four() -> None:
    raw = {
        "arms": {"soc": {"control": True}, "one": {}, "two": {"allocation": 4}},
        "enrolment": {"max_n": 10},
    }
    assert one_trial.planned_numbers(raw) == [2, 2, 6]  # 5/3, 5/3, 20/3: equal remainders
