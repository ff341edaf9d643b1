"""P(A and B | data): a product where endpoints are analysed apart, else from one model's draws."""

from __future__ import annotations

import copy
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.analysis.reference import ReferencePosteriors
from adaptive_cart.conduct.jointly import product
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.models import sampling
from adaptive_cart.results.claims import Claims
from adaptive_cart.results.estimand import true_values
from adaptive_cart.telling.check import described
from adaptive_cart.telling.walkthrough import example
from adaptive_cart.verification import verified_fits
from adaptive_cart.verification.verified_looks import chosen_looks
from adaptive_cart.verification.verified_rows import Comparison
from checks import raw_design
from conduct.test_conditions import COUNTS, both

BENEFIT = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.1}
SAFE = {"endpoint": "crs3", "arm": "cart", "below": 0.2}


def at_once(*questions: dict[str, Any], at_least: Any = 0.7) -> dict[str, Any]:
    raw = both()
    raw["rules"][0] = {"name": "both", "then": "declare_success",
                       "jointly": list(questions), "at_least": at_least}  # fmt: skip
    return raw


def test_of_two_endpoints_it_is_the_product(tmp_path: Path) -> None:
    raw = at_once(BENEFIT, SAFE)
    apart = copy.deepcopy(raw)
    apart["rules"][0] = {"name": "both", "then": "declare_success", "all": [
        {"posterior": BENEFIT, "at_least": 0.0}, {"posterior": SAFE, "at_least": 1.0},
    ]}  # fmt: skip
    looks = [
        ac.simulate(Design(**copy.deepcopy(one)), trials=30, seed=3, jobs=1,
                    scenarios=["expected"], out=tmp_path / name).looks
        for name, one in (("at_once", raw), ("apart", apart))
    ]  # fmt: skip
    key = ["trial", "look", "arm"]
    merged = looks[0].merge(looks[1], on=key)
    known = merged[merged["arm"] == "cart"].dropna(subset=["p_both", "p_both_1"])
    assert len(known) > 30
    found = known["p_both_1"] * known["p_both_2"]
    np.testing.assert_allclose(known["p_both"], found, rtol=1e-12)


def test_chains_of_different_endpoints_owe_nothing_to_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of one seed the errors of a product's factors would be one error, and not add up squared."""
    design = Design(**at_once(BENEFIT, SAFE))
    plan, seeds = Plan.of(design), []

    def fitted(compiled: Any, data: Any, *, seed: int, **settings: Any) -> tuple[Any, None]:
        seeds.append(seed)
        told = SimpleNamespace(ess_bulk=4.0)
        draws = {"y": np.zeros((4, 1))}
        return SimpleNamespace(length=1, seconds=0.0, draws=draws, diagnostics=lambda: told), None

    for module in (sampling, verified_fits):
        monkeypatch.setattr(module, "Compiled", lambda *given: SimpleNamespace(seconds=0.0))
        monkeypatch.setattr(module, "fitted_carefully", fitted)
    compared, posteriors = Comparison(design, 1), ReferencePosteriors(plan, 1)
    (look,) = chosen_looks(plan, dict(design.truths), 1, 1, 30)
    for endpoint in ("dfr", "crs3"):
        reference = compared.reference(endpoint)
        compared.fit(look, endpoint, reference, {"y": np.zeros(1)}, 10, {})
        posteriors._fit(endpoint, {"y": np.zeros(1)}, reference)
    assert len(seeds) == len(set(seeds)) == 4


def test_of_one_endpoint_it_is_that_of_both_at_once() -> None:
    """Against integration: the arm above 0.4, and better than the control."""
    raw = tomllib.loads(COUNTS)
    raw["rules"][0] = {"name": "both", "then": "declare_success", "jointly": [
        {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
        {"endpoint": "dfr", "arm": "cart", "above": 0.4},
    ], "at_least": 0.8}  # fmt: skip
    plan = Plan.of(Design(**raw))
    part = plan.rules[0].parts[0]
    tables = np.array([[3, 5], [1, 2], [6, 4], [0, 10], [5, 5]])
    seen = LookAnalysis.of_tables(plan, "dfr", tables, np.full((5, 2), 10))
    grid = 0.4 + 0.6 * (np.arange(6000) + 0.5) / 6000
    exact = [
        float((stats.beta.pdf(grid, y + 1, 11 - y) * stats.beta.cdf(grid, x + 1, 11 - x)).mean())
        * 0.6
        for x, y in tables
    ]
    found = seen.probability(part, part.question)
    np.testing.assert_allclose(found, exact, atol=plan.errors["both"])
    assert plan.errors["both"] == pytest.approx(0.005)


def test_a_success_is_false_where_either_is() -> None:
    design = Design(**at_once(BENEFIT, SAFE))
    found = {
        name: Claims.of(design, true_values(design, truth)).false(0)
        for name, truth in design.truths.items()
    }
    assert found == {"null": True, "expected": False, "toxic": True}


def test_it_is_false_where_one_is_whatever_the_others_are() -> None:
    """In either order: of the benefit nothing is known, and the harm is too frequent."""
    for questions in ((BENEFIT, SAFE), (SAFE, BENEFIT)):
        design = Design(**at_once(*questions))
        found = []
        for name in ("toxic", "expected"):
            true = true_values(design, design.truths[name])
            known = {key: cells for key, cells in true.known.items() if key[0] != "dfr"}
            found.append(Claims.of(design, replace(true, known=known)).false(0))
        assert found == [True, None]


def test_it_is_told() -> None:
    design = Design(**at_once(BENEFIT, SAFE))
    told = described(design)
    assert "P(cart − soc > 0.10 | dfr, and cart < 0.20 | crs3) >= 0.70" in told
    assert "at once: dfr and crs3 are analysed apart, so that it is the product" in told
    one = described(Design(**at_once(BENEFIT, {"endpoint": "dfr", "arm": "cart", "above": 0.3})))
    assert "at once: what is asked of dfr from the draws of its one posterior" in one
    story = example(design, "expected", trial=2)
    found = ac.analyze(design, story.participants, fast=True)
    mine = next(rule for rule in found.rules if rule.rule == "both")
    assert f"{mine.fast:.4f}" in str(story)
    assert mine.changes is None


def test_errors_of_a_product() -> None:
    assert product([(0.5, 0.01)]) == (0.5, 0.01)
    value, error = product([(0.5, 0.01), (0.8, 0.02)])
    assert value == 0.4
    assert error == pytest.approx(np.hypot(0.8 * 0.01, 0.5 * 0.02))


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        ({"jointly": [BENEFIT]}, "rules[0].jointly", "two questions or more"),
        ({"jointly": [BENEFIT, SAFE | {"endpoint": "crs"}]}, "rules[0].jointly[1].endpoint",
         "did you mean 'crs3'?"),
        ({"at_least": "calibrate"}, "calibration", "missing"),
        ({"posterior": BENEFIT}, "rules[0]", "exactly one of posterior, predictive, jointly"),
        ({"at_least": {"alpha": 0.025}}, "rules[0].at_least", "several questions at once"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_at_once_is_refused(
    change: dict[str, Any], path: str, says: str
) -> None:
    raw = at_once(BENEFIT, SAFE)
    raw["rules"][0] |= change
    with pytest.raises(DesignError) as error:
        Design(**raw)
    assert says in {p.path: p.message for p in error.value.problems}[path]


def test_one_model_answers_the_same_strata_only() -> None:
    raw = at_once({"endpoint": "dfr", "arm": "cart", "above": 0.3, "stratum": "mild"},
                  {"endpoint": "dfr", "arm": "cart", "above": 0.2})  # fmt: skip
    raw["strata"] = {"mild": 0.5, "hard": 0.5}
    with pytest.raises(DesignError, match="other strata of 'dfr'"):
        Design(**raw)


@pytest.mark.parametrize(("ratios", "refused"), [("shared", True), ("own", False)])
def test_a_hazard_ratio_of_all_strata_is_not_asked_with_that_of_one(
    ratios: str, refused: bool
) -> None:
    """Shared, that of one stratum is of its data alone; own, that of all is made of them."""
    raw = raw_design("lupus_first_flare")
    raw["analysis"]["flare"]["hazard_ratios"] = ratios
    ratio = {"endpoint": "flare", "arm": "cart", "hazard_ratio_to": "soc", "below": 0.9}
    raw["rules"].append(
        {"name": "both", "then": "claim", "at_least": 0.9,
         "jointly": [ratio, ratio | {"stratum": "active"}]}
    )  # fmt: skip
    if refused:
        with pytest.raises(DesignError, match="other strata of 'flare'"):
            Design(**raw)
    else:
        Design(**raw)


@pytest.mark.reference
@pytest.mark.slow
def test_the_reference_asks_the_same() -> None:
    design = Design(**at_once(BENEFIT, SAFE, {"endpoint": "dfr", "arm": "cart", "above": 0.4}))
    truths = {"expected": design.truths["expected"]}
    looks = chosen_looks(Plan.of(design), truths, 3, 3, pool=20)
    compared = Comparison(design, 1)
    rows = [row for look in looks for row in compared.rows(look)]
    assert {row.rule for row in rows} >= {"both"}
    assert not [row for row in rows if row.failed or not row.trusted]
