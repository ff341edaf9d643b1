"""Two scores of a participant that correlate, as the scenario says."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.scored import Scored
from adaptive_cart.participants.population import latents_for
from adaptive_cart.telling.check import described
from conduct.test_fast_equals_twin import compare, raw_design

Table = dict[str, Any]


def two_scores(correlation: Table | None = None, visits: Any = (1.0, 3.0, 6.0)) -> Table:
    """Two scores said directly, both asked about."""
    raw: Table = copy.deepcopy(raw_design("hello"))
    arm = {"baseline": {"mean": 9.0, "sd": 3.0}, "sd": [2.0, 2.5, 3.0], "correlation": 0.6}
    other = arm | {"sd": arm["sd"][: len(visits)]}
    raw["endpoints"] = {
        name: {"type": "continuous", "visits": list(months), "better": "lower"}
        for name, months in (("mgadl", (1.0, 3.0, 6.0)), ("qmg", visits))
    }
    raw["analysis"] = {name: {"model": "normal"} for name in ("mgadl", "qmg")}
    raw["rules"] = [{
        "name": "both", "then": "declare_success",
        "all": [{"posterior": {"endpoint": name, "arm": "cart", "minus": "soc", "below": 0.0},
                 "at_least": 0.9} for name in ("mgadl", "qmg")],
    }]  # fmt: skip
    truth: Table = {
        "mgadl": {"soc": arm | {"change": [-0.5, -0.8, -1.0]},
                  "cart": arm | {"change": [-2.0, -3.0, -2.5]}},
        "qmg": {"soc": other | {"change": [-0.5] * len(visits)},
                "cart": other | {"change": [-2.0] * len(visits)}},
        "dropout": {"per_year": 0.3},
    }  # fmt: skip
    if correlation is not None:
        truth["correlation"] = correlation
    raw["scenarios"] = {"works": truth}
    return raw


def values_of(raw: Table, trials: int = 300) -> dict[str, np.ndarray]:
    """Baseline and scores of everybody, ``(value, participant)``."""
    design = Design(**raw)
    latents = latents_for(design, 5, 0, trials)
    truth = design.truths["works"]
    found = run_block(Plan.of(design), truth, (0.0,), latents, keep_population=True)
    assert found.population is not None
    control = found.population.arm == 0
    values = {}
    for name, scored in found.population.outcomes.items():
        assert isinstance(scored, Scored)
        values[name] = np.stack([value[control] for value in scored.values])
    return values


@pytest.mark.parametrize("given", [{"mgadl": {"qmg": 0.5}}, {"qmg": {"mgadl": -0.4}}])
def test_scores_taken_together_correlate_as_said_and_each_stays_as_it_was(given: Table) -> None:
    (pair,) = given.values()
    (wanted,) = pair.values()
    apart, found = values_of(two_scores()), values_of(two_scores(given))
    near = 5.0 / np.sqrt(found["qmg"].shape[1])
    np.testing.assert_array_equal(found["mgadl"], apart["mgadl"])
    for place in range(4):
        together = np.corrcoef(found["mgadl"][place], found["qmg"][place])[0, 1]
        assert together == pytest.approx(wanted, abs=near)
        alone = np.corrcoef(apart["mgadl"][place], apart["qmg"][place])[0, 1]
        assert alone == pytest.approx(0.0, abs=near)
    np.testing.assert_allclose(np.corrcoef(found["qmg"])[np.triu_indices(4, 1)], 0.6, atol=near)
    np.testing.assert_allclose(found["qmg"].std(axis=1), [3.0, 2.0, 2.5, 3.0], rtol=near)


@pytest.mark.parametrize("visits", [(1.0, 3.0, 6.0), (3.0, 6.0)])
def test_the_trial_is_the_twins(visits: Any) -> None:
    raw = two_scores({"mgadl": {"qmg": 0.7}}, visits)
    for endpoint in raw["endpoints"].values():
        endpoint["month"] = 6.0
    raw["rules"] = [raw["rules"][0]["all"][1] | {"name": "qmg", "then": "declare_success"}]
    compare(raw, "works", 4)


def test_success_on_both_is_likelier_where_they_correlate() -> None:
    held = []
    for correlation in ({"mgadl": {"qmg": -0.9}}, None, {"mgadl": {"qmg": 0.95}}):
        raw = two_scores(correlation)
        for name in ("mgadl", "qmg"):
            raw["scenarios"]["works"][name]["cart"]["change"] = [-0.5, -0.8, -1.0]
        design = Design(**raw)
        truth = design.truths["works"]
        looks = run_block(Plan.of(design), truth, (0.0,), latents_for(design, 5, 0, 1500)).looks
        fell = np.stack([
            looks[-1].summaries[name].columns()["change"][:, 1, 0]
            / looks[-1].summaries[name].analysed[:, 1, 0]
            < -1.0 for name in ("mgadl", "qmg")
        ])  # fmt: skip
        held.append(fell.all(axis=0).mean())
    assert held[0] < held[1] - 0.02
    assert held[1] < held[2] - 0.02


def test_it_is_told() -> None:
    told = described(Design(**two_scores({"mgadl": {"qmg": 0.5}})))
    assert "correlation of mgadl and qmg: 0.5" in told
    assert "correlation of" not in described(Design(**two_scores()))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mgadl": {"qmgg": 0.5}}, "correlation.mgadl.qmgg: no score of this design (did you mean"),
        ({"dfr": {"qmg": 0.5}}, "correlation.dfr: no score of this design"),
        ({"mgadl": {"qmg": 1.0}}, "found 1.0; a number between -1 and 1 is expected"),
        ({"mgadl": {"qmg": "high"}}, "a number between -1 and 1 is expected"),
        ({"mgadl": 0.5}, "found 0.5; a table is expected: { OTHER_SCORE = 0.6 }"),
        ({"mgadl": {"mgadl": 0.5}}, "a score correlates with itself by 1"),
        ({"mgadl": {"qmg": 0.5}, "qmg": {"mgadl": 0.4}}, "said twice, also of 'mgadl' and 'qmg'"),
    ],
)
def test_what_is_no_correlation_is_refused(given: Table, message: str) -> None:
    with pytest.raises(DesignError) as refused:
        Design(**two_scores(given))
    assert message in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_three_scores_that_cannot_correlate_like_that_are_refused() -> None:
    raw = two_scores({"mgadl": {"qmg": 0.9, "mgc": -0.9}, "qmg": {"mgc": 0.9}})
    raw["endpoints"]["mgc"] = raw["endpoints"]["qmg"]
    raw["scenarios"]["works"]["mgc"] = raw["scenarios"]["works"]["qmg"]
    with pytest.raises(DesignError, match="no scores can correlate like that"):
        Design(**raw)
    raw["scenarios"]["works"]["correlation"]["mgadl"]["mgc"] = 0.9
    assert Design(**raw)


def test_a_scenario_is_laid_over_the_truth() -> None:
    raw = two_scores()
    raw["truth"] = {"correlation": {"mgadl": {"qmg": 0.5}}}
    raw["scenarios"]["apart"] = copy.deepcopy(raw["scenarios"]["works"])
    raw["scenarios"]["apart"]["correlation"] = {"qmg": {"mgadl": 0.0}}
    truths = Design(**raw).truths
    matrices = [truths[name].correlated.matrix[0][1] for name in ("works", "apart")]
    assert matrices == [0.5, 0.0]
