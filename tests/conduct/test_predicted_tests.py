"""Tests that are predicted: the trial is completed from a posterior beside them (``to_come``).

The twin of two proportions adds up beta-binomial weights of its own over all last tables at which
the pooled z test holds. Completed times are those that the same posterior
completes where it is asked itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.conduct.completion import Completion
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.models.reference import OneTrial
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.summaries import Counts, Durations
from adaptive_cart.participants.population import latents_for
from checks import raw_design
from conduct.test_completion import ALLOWED, Held

HAZARDS = {
    "model": "piecewise_exponential",
    "prior": {
        "baseline": {"a": 0.5, "b": 5.0},
        "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.0},
    },
}
FUTILITY = {
    "name": "futility",
    "then": "declare_futility",
    "predictive": {"rule": "efficacy"},
    "below": 0.001,
    "looks": [1],
}


def looks_of(raw: dict[str, Any], trials: int) -> tuple[Held, Plan]:
    """The first look of some trials."""
    design = Design(**raw)
    plan, latents = Plan.of(design), latents_for(design, 5, 0, trials)
    conduct = Held(plan, design.truths["expected"], (np.nan,), latents)
    conduct.kept = []
    conduct.look(1)
    return conduct, plan


def of_proportions(**threshold: Any) -> dict[str, Any]:
    raw = raw_design("hello")
    test = {"model": "proportions_test", "to_come": {"model": "beta_binomial", "prior": PRIOR}}
    efficacy = {
        "name": "efficacy",
        "then": "declare_success",
        "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
    } | (threshold or {"at_least": 0.975})
    return raw | {"analysis": {"dfr": test}, "rules": [FUTILITY, efficacy]}


PRIOR = {"soc": {"a": 0.5, "b": 1.5}, "cart": {"a": 1.0, "b": 1.0}}


def of_times(analysis: dict[str, Any]) -> dict[str, Any]:
    raw = raw_design("hello")
    asked = {"endpoint": "flare", "arm": "cart", "hazard_ratio_to": "soc", "below": 1.0}
    months = {"soc": 8.0, "cart": 14.0}
    truth = {arm: {"dist": "exponential", "median": months[arm]} for arm in months}
    return raw | {
        "endpoints": {"flare": {"type": "time_to_event"}},
        "analysis": {"flare": analysis},
        "looks": {"months": [10, 24]},
        "rules": [
            FUTILITY,
            {"name": "efficacy", "then": "declare_success", "posterior": asked, "at_least": 0.975},
        ],
        "scenarios": {"expected": {"flare": truth, "role": "alternative"}},
    }


@pytest.mark.parametrize(
    "threshold",
    [{}, {"at_least": {"alpha": 0.025, "spending": "obrien_fleming"}}],
    ids=["one threshold", "alpha spent"],
)
def test_a_predicted_test_is_the_sum_over_all_last_tables(threshold: dict[str, Any]) -> None:
    conduct, plan = looks_of(of_proportions(**threshold), 40)
    efficacy = next(rule for rule in plan.rules if rule.name == "efficacy").parts[0]
    against = efficacy.threshold_at(plan.design.looks.number)
    seen = conduct.kept[0].summary("dfr")
    assert isinstance(seen, Counts)
    fast, compared = conduct.records[0].probabilities["futility"][:, 0], 0
    for trial in range(0, 40, 3):
        successes, totals = seen.successes[trial, :, 0], seen.totals[trial, :, 0]
        more = np.array(plan.design.planned) - totals
        masses = [
            stats.betabinom.pmf(
                np.arange(more[arm] + 1),
                more[arm],
                PRIOR[name]["a"] + successes[arm],
                PRIOR[name]["b"] + totals[arm] - successes[arm],
            )
            for arm, name in enumerate(("soc", "cart"))
        ]
        soc, cart = (successes[arm] + np.arange(more[arm] + 1) for arm in (0, 1))
        n0, n1 = plan.design.planned
        pooled = (soc[:, None] + cart) / (n0 + n1)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (cart / n1 - soc[:, None] / n0) / np.sqrt(
                pooled * (1.0 - pooled) * (1.0 / n0 + 1.0 / n1)
            )
        reached = stats.norm.cdf(np.nan_to_num(z, nan=0.0)) >= against
        chance = float(masses[0] @ reached @ masses[1])
        assert fast[trial] == pytest.approx(chance, abs=2 * ALLOWED), trial
        compared += 0.02 < chance < 0.98
    assert compared > 5


def test_completed_times_are_those_of_the_posterior_beside() -> None:
    tested, plan = looks_of(of_times({"model": "logrank_test", "to_come": HAZARDS}), 4)
    asked, _ = looks_of(of_times(HAZARDS), 4)
    rows, some = np.arange(4), Completions(0, 32)
    mine, theirs = (
        Completion(each.kept[0], enrolled=False, apart=False).summary("flare", rows, some)
        for each in (tested, asked)
    )
    assert isinstance(mine, Durations)
    assert isinstance(theirs, Durations)
    for name in ("months", "event", "included", "arm"):
        assert np.array_equal(getattr(mine, name), getattr(theirs, name), equal_nan=True), name
    # and each of them is judged by the test, worked out by other code
    fast, analysis = tested.records[0].probabilities["futility"][:, 0], plan.fitted["flare"][0]
    efficacy = next(rule for rule in plan.rules if rule.name == "efficacy").parts[0]
    for trial in (0, 3):
        every = [
            analysis.anew(OneTrial(mine, 32 * trial + completion, question=efficacy.question))
            >= 0.975
            for completion in range(32)
        ]
        assert fast[trial] == pytest.approx(np.mean(every), abs=4 * np.sqrt(0.25 / 32))
    assert len(set(fast.tolist())) > 2


def refused(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(DesignError) as caught:
        Design(**raw)
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


def test_what_is_missing_or_too_much_is_said() -> None:
    bare = of_proportions()
    bare["analysis"]["dfr"].pop("to_come")
    (said,) = refused(bare)
    assert 'analysis.dfr.to_come = { model = "beta_binomial" }' in said
    idle = of_proportions()
    idle["rules"] = idle["rules"][1:]
    (said,) = refused(idle)
    assert said.startswith("analysis.dfr.to_come: ")
    assert "none predicts one about 'dfr'; leave it out" in said
    other = of_proportions()
    other["analysis"]["dfr"]["to_come"]["prior"] = {"nobody": {"a": 1.0, "b": 1.0}}
    assert any("to_come.prior" in line for line in refused(other))
    between = of_times({"model": "logrank_test", "to_come": HAZARDS | {"intervals": True}})
    assert any("analysis.flare.to_come.intervals" in line for line in refused(between))


def test_pymc_completes_from_the_posterior_beside() -> None:
    for raw, model in ((of_proportions(), "beta_binomial"), (of_times(
        {"model": "logrank_test", "to_come": HAZARDS}), "piecewise_exponential")):  # fmt: skip
        plan = Plan.of(Design(**raw))
        ((analysis, _),) = plan.ahead.values()
        assert analysis.model == model
        assert plan.bayesian(plan.parts[0])
        assert not plan.bayesian(plan.parts[1])
