"""External counts that are borrowed from and drawn anew in every trial.

Each trial is that of a design whose external data were so: the twins are those designs, by the code
that never draws, and a plain sum written from the page on semantics.
"""

from __future__ import annotations

import copy
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, run_block
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Counts
from adaptive_cart.nouns.summaries.counts_beside import CountsBeside
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.borrowing import borrowing_columns
from adaptive_cart.running.cost import cost_of_draws
from adaptive_cart.running.engine import choose_engine
from adaptive_cart.running.external_law import external_tables, number_of_tables
from adaptive_cart.running.run import simulate
from adaptive_cart.telling.check import described
from adaptive_cart.verification.verified_rows import Comparison
from design.test_bad_input import changed, found

SEEN, NUMBER, SOURCE = 3, 8, 0.45
METHODS: dict[str, dict[str, Any]] = {
    "pooled": {"method": "pooled"},
    "power": {"method": "power", "weight": 0.4},
    "robust_map": {"method": "robust_map", "weight": 0.7},
    "sam": {"method": "sam", "difference": 0.25},
}
MEASURES = ("success", "stop_futility", "bias", "rmse", "coverage", "borrowed_dfr_mean")


def borrowing(method: str, **change: Any) -> dict[str, Any]:
    return {
        "name": "borrowed anew",
        "arms": {"soc": {"control": True}, "cart": {}},
        "endpoints": {"dfr": {"type": "landmark", "month": 6}},
        "external": {
            "trial": {
                "source": "s", "endpoint": "dfr", "responders": SEEN, "participants": NUMBER,
                "redrawn": True,
            }
        },
        "analysis": {
            "dfr": {
                "model": "beta_binomial",
                "prior": {"soc": {"external": ["trial"], **METHODS[method]}},
            }
        },
        "enrolment": {"max_n": 16, "per_month": 2.0},
        "looks": {"observed": [8, 16]},
        "rules": [
            {
                "name": "efficacy", "then": "declare_success", "at_least": 0.9,
                "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
            },
            {
                "name": "futility", "then": "declare_futility", "below": 0.1, "looks": [1],
                "predictive": {"rule": "efficacy"},
            },
        ],
        "scenarios": {"expected": {"dfr": {"soc": 0.3, "cart": 0.65, "trial_source": SOURCE}}},
    } | change  # fmt: skip


def told(result: Any, measure: str) -> float:
    arm = {"arm": "soc"} if "dfr" in measure else {}
    return float(result.figure("expected", measure, **arm).estimate)


def as_drawn(raw: dict[str, Any], responders: int) -> dict[str, Any]:
    """The design whose external data stay as they were drawn."""
    told_ = copy.deepcopy(raw)
    del told_["external"]["trial"]["redrawn"]
    told_["external"]["trial"]["responders"] = responders
    for scenario in told_["scenarios"].values():
        scenario["dfr"].pop("trial_source", None)
    return told_


@cache
def of_fixed(method: str, responders: int) -> dict[str, float]:
    result = simulate(Design(**as_drawn(borrowing(method), responders)), jobs=1)
    return {measure: told(result, measure) for measure in MEASURES}


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_what_is_unconditional_is_a_sum_over_all_that_may_be_drawn(method: str) -> None:
    result = simulate(Design(**borrowing(method)), jobs=1)
    assert result.figure("expected", "success").n is None  # enumerated
    masses = stats.binom.pmf(np.arange(NUMBER + 1), NUMBER, SOURCE)
    every = [of_fixed(method, x) for x in range(NUMBER + 1)]
    for measure in ("success", "stop_futility", "bias", "coverage", "borrowed_dfr_mean"):
        expected = float(sum(p * one[measure] for p, one in zip(masses, every, strict=True)))
        assert told(result, measure) == pytest.approx(expected, abs=1e-9)
    squares = sum(p * one["rmse"] ** 2 for p, one in zip(masses, every, strict=True))
    assert told(result, "rmse") == pytest.approx(math.sqrt(squares), abs=1e-9)
    for measure in ("success", "bias", "rmse", "coverage"):  # and both are told
        given = told(result, f"{measure}_as_observed")
        assert given == pytest.approx(every[SEEN][measure], abs=1e-12)
    assert abs(given - told(result, "coverage")) > 1e-3


def test_it_is_the_plain_sum_of_the_definition() -> None:
    """One look, pooled counts: responders of three binomials, and posteriors by quadrature."""
    raw = borrowing("pooled", looks={"observed": [8]}, enrolment={"max_n": 8, "per_month": 2.0})
    raw["rules"] = raw["rules"][:1]
    nodes, weights = np.polynomial.legendre.leggauss(80)
    rates = 0.5 * (nodes + 1.0)
    expected = 0.0
    for drawn, x, y in np.ndindex(NUMBER + 1, 5, 5):
        soc = stats.beta(1 + x + drawn, 1 + 4 - x + NUMBER - drawn)
        above = 0.5 * (weights * soc.pdf(rates) * stats.beta(1 + y, 5 - y).sf(rates)).sum()
        if above >= 0.9:
            expected += math.prod(
                stats.binom.pmf(*seen)
                for seen in ((drawn, NUMBER, SOURCE), (x, 4, 0.3), (y, 4, 0.65))
            )
    result = simulate(Design(**raw), jobs=1)
    assert told(result, "success") == pytest.approx(expected, abs=1e-9)


def block_of(raw: dict[str, Any]) -> Block:
    design = Design(**raw)
    latents = latents_for(design, 7, 0, 40)
    plan, truth = Plan.of(design), design.truths["expected"]
    return run_block(plan, truth, (0.35,), latents, keep_population=True)


@pytest.mark.parametrize("method", ["power", "sam"])
def test_each_trial_is_that_of_a_design_whose_data_were_so(method: str) -> None:
    raw = borrowing(method)
    block = block_of(raw)
    assert block.population is not None
    drawn = block.population.external["trial"]["responders"]
    assert len(set(drawn.tolist())) > 4
    columns = borrowing_columns(Plan.of(Design(**raw)), block)
    for responders in set(drawn.tolist()):
        own = as_drawn(raw, int(responders))
        alone, here = block_of(own), drawn == responders
        assert (block.look[here] == alone.look[here]).all()
        assert (block.standing.reason[here] == alone.standing.reason[here]).all()
        assert block.estimate[here] == pytest.approx(alone.estimate[here], abs=1e-12)
        for mine, theirs in zip(block.looks, alone.looks, strict=True):
            for rule, p in mine.probabilities.items():
                expected = theirs.probabilities[rule][here]
                assert p[here] == pytest.approx(expected, abs=1e-12, nan_ok=True)
        fixed = borrowing_columns(Plan.of(Design(**own)), alone)
        for name, values in columns.items():
            assert values[here] == pytest.approx(fixed[name][here], abs=1e-12, nan_ok=True)


def test_simulated_trials_come_to_what_is_enumerated() -> None:
    design = Design(**borrowing("sam"))
    exact = simulate(design, jobs=1)
    drawn = simulate(design, jobs=1, engine="simulate", trials=1_500, seed=5)
    for measure in ("success", "bias", "borrowed_dfr_mean", "conflict_dfr"):
        figure = drawn.figure("expected", measure, **({"arm": "soc"} if "dfr" in measure else {}))
        assert abs(figure.estimate - told(exact, measure)) < 4.0 * figure.mcse


def test_a_real_trial_and_the_boundaries_are_as_observed() -> None:
    raw = borrowing("sam")
    fixed = as_drawn(raw, SEEN)
    story = ac.example(Design(**raw), scenario="expected")
    texts = [
        ac.analyze(Design(**one), story.participants, look=1, fast=True).text
        for one in (raw, fixed)
    ]
    assert texts[0] == texts[1]
    words = described(Design(**raw))
    assert "trial: 3 of 8 participants; drawn anew in every simulated trial" in words
    assert "dfr: trial drawn anew from 0.450 (seen there: 3 of 8 participants)" in words
    assert "external data trial, as drawn with this trial" in story.text


def test_what_is_verified_of_a_prediction_has_the_last_tables_of_what_was_drawn() -> None:
    raw, tables = borrowing("sam"), ((1, 2), (4, 4), (8, 8))
    part = next(part for part in Plan.of(Design(**raw)).parts if part.prediction is not None)
    asked = part.prediction.condition(part.question).question
    own = Comparison(Design(**raw), 1)
    for drawn in (0, 5, NUMBER):
        _, answer = own._last_tables(asked, [1, 0], tables, (drawn,))
        fixed = Comparison(Design(**as_drawn(raw, drawn)), 1)
        _, expected = fixed._last_tables(asked, [1, 0], tables, ())
        assert answer == pytest.approx(expected, abs=1e-12)
    assert np.abs(answer - own._last_tables(asked, [1, 0], tables, (0,))[1]).max() > 0.01


def test_what_takes_long_is_told_before() -> None:
    raw = borrowing("robust_map")
    raw["external"]["trial"] |= {"responders": 560, "participants": 6_400}
    raw["scenarios"]["expected"]["dfr"]["trial_source"] = 0.09
    design = Design(**raw)
    (words,) = cost_of_draws(Plan.of(design), 10_000, 1)
    chances = stats.binom.pmf(np.arange(6_401), 6_400, 0.09)
    number = (1.0 - (1.0 - chances) ** 10_000).sum()
    assert f"about {number:.0f} different sets of numbers" in words
    assert f"up to {number * 0.7 / 60.0:.0f} minutes of one core" in words


def test_of_other_endpoints_it_is_not_told_and_of_many_sources_at_once() -> None:
    raw = borrowing("robust_map")
    raw["external"]["trial"] |= {"responders": 20, "participants": 60}
    raw["external"] |= {f"trial_{k}": dict(raw["external"]["trial"]) for k in range(5)}
    raw["analysis"]["dfr"]["prior"]["soc"]["external"] = [*raw["external"]]
    raw["external"]["hazard"] = {
        "source": "s", "endpoint": "flare", "events": 14, "months": 888, "redrawn": True
    }  # fmt: skip
    raw["endpoints"]["flare"] = {"type": "time_to_event", "horizon": 24}
    raw["analysis"]["flare"] = {
        "model": "piecewise_exponential",
        "prior": {
            "baseline": {"a": 0.001, "b": 0.001},
            "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.0},
        },
    }
    same = {"dist": "exponential", "rate": 0.0158}
    raw["scenarios"]["expected"]["flare"] = {"soc": same, "cart": same, "hazard": 0.0158}
    compared = copy.deepcopy(raw)
    compared["rules"].append(
        {
            "name": "flares", "then": "stop_for_safety", "at_least": 0.99,
            "posterior": {
                "endpoint": "flare", "arm": "cart", "hazard_ratio_to": "hazard", "above": 1.0,
            },
        }
    )  # fmt: skip
    (words,) = cost_of_draws(Plan.of(Design(**compared)), 1_000, 1)
    assert "'trial_4' drawn anew: about 1,000 different sets of numbers" in words
    assert "hazard" not in words
    del raw["external"]["hazard"], raw["endpoints"]["flare"], raw["analysis"]["flare"]
    del raw["scenarios"]["expected"]["flare"]
    design = Design(**raw)
    chosen = choose_engine(design, design.truths, "auto")
    assert chosen.engine == "simulate"
    assert "exact would enumerate" in chosen.why


def test_where_nobody_asks_nothing_is_answered() -> None:
    design = Design(**borrowing("sam"))
    analysis, fitted = Plan.of(design).fitted["dfr"]
    nobody = np.zeros((0, 2, 1), dtype=np.int64)
    outside = np.zeros((0, 1), dtype=np.int64)
    counts = CountsBeside.of(Counts(*(nobody,) * 4), outside[:, :0], outside[:, :0], outside)
    asked = Question("dfr", 1, 0, value=0.1)
    assert analysis.posterior(fitted, counts, None).probability(asked).shape == (0,)


# ── refused ───────────────────────────────────────────────────────────────────────────────────
WRONG = [
    ({"external/trial/redrawn": False}, "scenarios.expected.dfr.trial_source",
     "write redrawn = true in [external.trial]"),
    ({"scenarios/expected/dfr/trial_source": 1.2}, "scenarios.expected.dfr.trial_source",
     "from 0 to 1"),
    ({"scenarios/expected/dfr/trial": 0.2}, "scenarios.expected.dfr.trial", "leave it out"),
    ({"prediction": {"dfr": {"from": [3.0]}}}, "external.trial.redrawn", "[prediction] knows one"),
    ({"strata": {"a": 0.5, "b": 0.5}, "rules/0/posterior/stratum": "a"},
     "rules[0].posterior.stratum", "write the numbers of [external.trial] by stratum"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "path", "words"), WRONG)
def test_what_is_refused(change: dict[str, Any], path: str, words: str) -> None:
    told_ = found(changed(borrowing("sam"), change))
    assert any(place == path and words in message for place, message in told_), told_


def test_tables_of_several_scenarios_are_counted_one_by_one() -> None:
    """Sources whose likely numbers move in opposite ways: most of the whole box is never drawn."""
    raw = borrowing("pooled")
    raw["external"]["trial"] |= {"participants": 300, "responders": 30}
    raw["external"]["other"] = dict(raw["external"]["trial"])
    raw["analysis"]["dfr"]["prior"]["soc"]["external"] = ["trial", "other"]
    rates = {"first": (0.05, 0.9), "second": (0.9, 0.05), "third": (0.07, 0.87)}
    raw["scenarios"] = {
        name: {"dfr": {"soc": 0.3, "cart": 0.65, "trial_source": a, "other_source": b}}
        for name, (a, b) in rates.items()
    }
    design = Design(**raw)
    tables = [external_tables(design, truth) for truth in design.truths.values()]
    every = {table.responders for own in tables for table in own}
    assert number_of_tables(design, design.truths.values()) == len(every) < sum(map(len, tables))
