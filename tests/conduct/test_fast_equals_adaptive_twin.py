"""Trial by trial, designs that adapt are held against their slow twin: same latents, same trial."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, run_block
from adaptive_cart.decisions import REASONS
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
from adaptive_cart.models.rates.arm_rates import ArmRates
from adaptive_cart.models.rates.gamma_mixture import GammaMixture
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.streams import Latents
from adaptive_cart.nouns.summaries import CalendarCounts, Counts, Durations, Exposure, PeriodCounts
from adaptive_cart.participants.enrolment import Enrolment, first_list
from adaptive_cart.participants.period_lists import most_blocks, name_of
from adaptive_cart.participants.population import latents_for
from conduct.test_fast_equals_twin import PURPOSES, SEED, product_infusion, raw_design
from twin import adaptive_trial


def latents_of_trial(design: Design, trial: int) -> dict[str, Any]:
    latents = latents_for(design, SEED, trial, 1)
    named = [*PURPOSES, "allocation"]
    kinds = ("event", "outcome", "imputation")
    named += [f"{kind}:{name}" for name in design.endpoints for kind in kinds]
    rates = [name for name, e in design.endpoints.items() if e.type == "event_rate"]
    named += [f"rate:{name}:{k}" for name in rates for k in range(60)]
    result: dict[str, Any] = {name: latents.of(name)[0].tolist() for name in named}
    Enrolment(design, latents)
    strata = range(len(design.shares))
    if design.randomisation.method == "permuted_blocks":
        result["assignment"] = [latents.of(f"assignment:{s}")[0].tolist() for s in strata]
    if design.first_part is not None:
        result["first"] = [latents.of(f"assignment:{first_list(s)}")[0].tolist() for s in strata]
    if design.stays is not None:
        number, most = 2 * len(design.arms), most_blocks(latents)
        result["lists"] = [
            [latents.of(f"assignment:{name_of(k, s)}", most)[0].tolist() for s in strata]
            for k in range(number)
        ]
    return result


def asker(raw: dict[str, Any], design: Design) -> Any:
    """Fast posteriors for the twin, from what the twin itself counted."""

    def ask(endpoint: str, question: dict[str, Any], data: dict[str, Any], open_: Any) -> float:
        table = raw["analysis"][endpoint]
        if table["model"] == "gamma_poisson":
            model = ArmRates((GammaMixture.single(table["prior"]["a"], table["prior"]["b"]),))
            events, years = (np.array([seen]) for seen in data["rates"][question["arm"]])
            return float(model.above(0, events, years, question["above"])[0])
        if table["model"] == "piecewise_exponential":
            return hazard_ratio(table, question, data)
        if "cells" in data:
            return adjusted_by_period(design, endpoint, question, data)
        fitted = design.analysis_of(endpoint).fitted(design.arm_names, design.shares)
        return by_strata(design, endpoint, fitted, question, data, open_)

    return ask


def adjusted_by_period(
    design: Design, endpoint: str, question: dict[str, Any], data: dict[str, Any]
) -> float:
    """The fast posterior of what the twin has counted by arm and period."""
    arms = design.arm_names
    most = design.windows(np.full((1, len(arms)), np.inf)).periods
    nobody = np.zeros((1, len(arms), max(most, len(data["cells"]))))
    had, seen = nobody.astype(np.int64), nobody.astype(np.int64)
    open_in = nobody.astype(np.bool_)
    for period, (cells, opened) in enumerate(zip(data["cells"], data["open"], strict=True)):
        for place, arm in enumerate(arms):
            had[0, place, period], seen[0, place, period] = cells[arm]
            open_in[0, place, period] = opened[arm]
    none = np.zeros((1, len(arms), 1), dtype=np.int64)
    counts = PeriodCounts(none, none, none, none, had, seen, open_in)
    analysis = design.analysis_of(endpoint)
    assert analysis is not None
    if analysis.calendar_months is not None:
        whole = counts.successes, counts.totals, counts.missing, counts.due
        had, seen, open_in = (part[..., : len(data["cells"])] for part in (had, seen, open_in))
        calendar = np.array([data["calendar"]])
        counts = CalendarCounts(*whole, had, seen, open_in, calendar)
    asked = Question(endpoint, arms.index(question["arm"]), value=question["above"])
    if "minus" in question:
        asked = replace(asked, minus=arms.index(question["minus"]))
    fitted = analysis.fitted(arms, (1.0,))
    return float(analysis.posterior(fitted, counts, None).probability(asked)[0])


def hazard_ratio(table: dict[str, Any], question: dict[str, Any], data: dict[str, Any]) -> float:
    prior = table["prior"]
    model = PiecewiseExponential(
        tuple(table["cuts"]),
        (prior["baseline"]["a"], prior["baseline"]["b"]),
        (prior["log_hazard_ratio"]["mean"], prior["log_hazard_ratio"]["sd"]),
    )
    pair = []
    for arm in (question["hazard_ratio_to"], question["arm"]):
        rows = [(months, event) for who, _, months, event in data["times"] if who == arm]
        months = np.array([[m for m, _ in rows]])
        events = np.array([[bool(e) for _, e in rows]])
        pair.append(model.split(months, events, np.ones_like(events)))
    events, time = (np.stack([part[k] for part in pair], axis=1) for k in (0, 1))
    return float(model.posterior(events.astype(float), time).hazard_ratio_below(1.0)[0])


def by_strata(
    design: Design, endpoint: str, fitted: Any, question: dict[str, Any], data: Any, open_: Any
) -> float:
    shape = (1, len(design.arm_names), len(design.stratum_names))
    successes, totals = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for a, arm in enumerate(design.arm_names):
        for s, stratum in enumerate(design.stratum_names):
            successes[0, a, s], totals[0, a, s] = data["counts"][arm][stratum]
    model, shares = fitted
    weights = np.array(shares)
    stratum = question.get("stratum")
    if stratum in design.stratum_names:
        weights = np.array([float(name == stratum) for name in design.stratum_names])
    elif stratum == "open":
        weights = np.array([s * (n in open_) for s, n in zip(shares, design.strata, strict=True)])
    posterior = model.posterior(successes, totals)
    return float(posterior.difference_above(question["above"], weights / weights.sum())[0])


def compare(raw: dict[str, Any], scenario: str, trials: int, tolerance: float = 1e-9) -> Block:
    design = Design(**copy.deepcopy(raw))
    truth = truths_of(design)[scenario]
    plan = Plan.of(design)
    targets = (0.1,) * len(plan.estimands)
    latents: Latents = latents_for(design, SEED, 0, trials)
    block = run_block(plan, truth, targets, latents, True)
    for trial in range(trials):
        slow = adaptive_trial.run(
            raw, scenario, latents_of_trial(design, trial),
            product_infusion=product_infusion(design, raw), ask=asker(raw, design),
        )  # fmt: skip
        same_looks(design, plan, block, trial, slow, tolerance)
        same_end(design, block, trial, slow)
    return block


def same_looks(
    design: Design, plan: Plan, block: Block, trial: int, slow: dict[str, Any], tolerance: float
) -> None:
    held = [record for record in block.looks if record.held[trial] and not record.between]
    assert [record.look for record in held] == [look["look"] for look in slow["looks"]]
    for record, look in zip(held, slow["looks"], strict=True):
        np.testing.assert_allclose(record.date[trial], look["date"], rtol=1e-12)
        assert record.randomised[trial].sum() == look["n_randomised"]
        for name in design.endpoints:
            same_summary(design, record.summaries[name], trial, look["endpoints"][name])
        for rule in plan.rules:
            for row in look["rules"].get(rule.name, ()):
                for place, target in enumerate(rule.targets):
                    stratum = design.stratum_names[target.stratum] if target.stratum >= 0 else None
                    if (design.arm_names[target.arm], stratum) != (
                        row["arm"],
                        row["stratum"] if target.stratum >= 0 else None,
                    ):
                        continue
                    theirs = row["probability"]
                    for number, part in enumerate(rule.parts):
                        slow_one = theirs[number] if isinstance(theirs, list) else theirs
                        own = rule.condition.whose(number, place)
                        mine = record.probabilities.get(part.name)
                        if mine is None or math.isnan(mine[trial, own]):
                            continue  # an earlier rule of this look ended the trial
                        assert abs(mine[trial, own] - slow_one) < tolerance, part.name
        if record.shares is not None and look["shares"] is not None:
            for a, arm in enumerate(design.arm_names):
                if arm in look["shares"] and block.look[trial] > record.look:
                    # the twin integrates P(best) adaptively, and a root of it stands in the share
                    assert abs(record.shares[trial, a] - look["shares"][arm]) < 1e-7


def same_summary(design: Design, summary: Any, trial: int, slow: dict[str, Any]) -> None:
    for a, arm in enumerate(design.arm_names):
        if isinstance(summary, Counts):
            key = "successes" if "successes" in slow[arm] else "events"
            assert summary.successes[trial, a].sum() == slow[arm][key]
            assert summary.totals[trial, a].sum() == slow[arm]["totals"]
        elif isinstance(summary, Durations):
            key = "events" if "events" in slow[arm] else "relapses"
            assert summary.events[trial, a].sum() == slow[arm][key]
            np.testing.assert_allclose(
                summary.exposure[trial, a].sum(), slow[arm]["months_at_risk"], rtol=1e-9, atol=1e-9
            )
        elif isinstance(summary, Exposure):
            assert summary.events[trial, a].sum() == slow[arm]["events"]
            np.testing.assert_allclose(
                summary.years[trial, a].sum(), slow[arm]["years"], rtol=1e-9, atol=1e-9
            )


def same_end(design: Design, block: Block, trial: int, slow: dict[str, Any]) -> None:
    end, standing = slow["end"], block.standing
    assert REASONS[standing.reason[trial]] == end["reason"]
    assert block.look[trial] == end["look"]
    np.testing.assert_allclose(block.months[trial], end["months"], rtol=1e-12)
    assert block.randomised[trial].sum() == end["n_randomised"]
    for a, arm in enumerate(design.arm_names):
        assert block.randomised[trial, a] == end["n_randomised_by_arm"][arm]
        if a and design.closes_arms:
            assert int(standing.dropped[trial, a]) == (end["arm_dropped"][arm] or 0)
    for s, stratum in enumerate(design.stratum_names):
        assert bool(standing.closed[trial, s]) == bool(end["stratum_closed"][stratum])
    for position, held in standing.held_at.items():
        assert held[trial] == held_in_twin(slow, design.rules[position].name)
    for position, rule in enumerate(design.rules):
        if rule.then == "claim":
            looks = standing.noted[position][trial]
            made = [record["holds"] for record in end["claims"][rule.name]]
            assert (looks > 0).sum() == sum(made), rule.name
            assert set(looks[looks > 0].tolist()) <= {end["look"]}
    assert block.infused[trial].sum() == end["n_infused"]
    assert block.analysed[trial].sum() == end["n_analysed"]
    assert bool(block.reversal[trial]) == slow["final"]["reversal"]


def held_in_twin(slow: dict[str, Any], name: str) -> int:
    """The look at which a rule held, that to come where it was between looks; 0 for not."""
    dates = [(record["date"], record) for record in (*slow["looks"], *slow["between_looks"])]
    for _, record in sorted(dates, key=lambda pair: pair[0]):
        if any(target["holds"] for target in record["rules"].get(name, ())):
            return int(record["look"])
    return 0


def scenarios(*names: str) -> list[tuple[str, str]]:
    return [(name, scenario) for name in names for scenario in raw_design(name)["scenarios"]]


@pytest.mark.parametrize(
    ("name", "scenario"),
    scenarios("products_multiarm", "goldilocks_allogeneic", "durability_event_driven"),
)
def test_designs(name: str, scenario: str) -> None:
    compare(raw_design(name), scenario, 6)


def first_success(raw: dict[str, Any]) -> None:
    raw["multiarm"]["ends"] = "first_success"


def fixed_control(raw: dict[str, Any]) -> None:
    raw["randomisation"] |= {"control": 0.3, "minimum": 0.15, "power": 1.0}


def in_blocks(raw: dict[str, Any]) -> None:
    raw["randomisation"] = {"method": "permuted_blocks"}
    raw["arms"]["auto"]["allocation"] = 2


def one_arm_named(raw: dict[str, Any]) -> None:
    raw["rules"][0]["posterior"]["arm"] = "allo"


def the_best(raw: dict[str, Any]) -> None:
    # arms are dropped first, and the best is then one of those left
    raw["rules"] = raw["rules"][::-1]
    raw["rules"][0]["below"] = 0.3
    raw["rules"][1]["posterior"] = {"endpoint": "dfr", "arm": "each", "best": True}
    raw["rules"][1]["at_least"] = 0.8


def the_last(raw: dict[str, Any]) -> None:
    # of the arms that are open then, as others have been dropped or have succeeded
    drops = next(rule for rule in raw["rules"] if rule["then"] == "drop_arm")
    drops["posterior"] = {"endpoint": "dfr", "arm": "each", "expected_rank": True}
    drops["below"] = 0.3


def futile_arms(raw: dict[str, Any]) -> None:
    raw["rules"][1]["below"] = 0.6


@pytest.mark.parametrize(
    "change",
    [first_success, fixed_control, in_blocks, one_arm_named, the_best, the_last, futile_arms],
)
@pytest.mark.parametrize("scenario", [pytest.param("null", marks=pytest.mark.slow), "ordered"])
def test_several_arms(scenario: str, change: Any) -> None:
    raw = raw_design("products_multiarm")
    change(raw)
    # the twin integrates P(best) adaptively
    compare(raw, scenario, 5, tolerance=1e-5 if change is the_best else 1e-9)


def basket(**enrolment: Any) -> dict[str, Any]:
    """The basket design with an independent analysis of each disease, which the twin can do."""
    raw = raw_design("basket_diseases")
    raw["analysis"]["dfr"] = {"model": "beta_binomial"}
    raw["enrolment"] |= enrolment
    raw["rules"][0]["below"] = 0.4
    return raw


@pytest.mark.parametrize("after_closing", ["redistribute", "keep"])
@pytest.mark.parametrize("arrivals", ["poisson", "regular"])
def test_closed_strata(after_closing: str, arrivals: str) -> None:
    raw = basket(after_closing=after_closing, arrivals=arrivals)
    block = compare(raw, "sle_only", 12)
    assert (block.standing.closed > 0).any()


def test_strata_succeed_one_by_one() -> None:
    raw = basket()
    raw["rules"][1] |= {"looks": [1, 2, 3], "at_least": 0.9}
    block = compare(raw, "all_work", 12)
    assert (block.look < 3).any()


def test_open_strata_on_average() -> None:
    raw = basket()
    raw["rules"][1]["posterior"]["stratum"] = "open"
    raw["rules"][1] |= {"looks": [1, 2, 3], "at_least": 0.95}
    compare(raw, "sle_only", 12)


def test_events_that_cannot_be_reached() -> None:
    raw = raw_design("durability_event_driven")
    late = {"dist": "exponential", "median": 12.0, "cured": 0.75}
    raw["scenarios"] = {"late": {"relapse": {"withdraw_late": late, "consolidate": late}}}
    raw["rules"].append(copy.deepcopy(raw["rules"][0]))
    raw["rules"][1] |= {"name": "final_only", "at_least": 0.9, "looks": ["final"]}
    block = compare(raw, "late", 10)
    assert (block.look < 3).any()


def test_safety_between_looks() -> None:
    raw = raw_design("sle_autologous")
    raw["rules"][0] |= {"every": 5, "at_least": 0.8}
    block = compare(raw, "toxic", 12)
    stopped = block.standing.reason == REASONS.index("safety")
    assert stopped.any()
    assert (block.analysed[stopped].sum(axis=1) < 36).any()


def test_event_rate() -> None:
    raw = raw_design("enrichment_biomarker")
    raw["analysis"]["dfr"] = {"model": "beta_binomial"}
    raw["rules"][2]["at_least"] = 0.98
    raw["rules"][0]["at_least"] = 0.5
    for scenario in ("harmful", "high_only"):
        compare(raw, scenario, 6)
