"""A landmark of several states and scores together: remission, and a score that is low."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.records import Snapshot
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.recorded.table import participants_table
from adaptive_cart.results.estimand import SobolLatents, true_values
from adaptive_cart.telling.check import described
from adaptive_cart.telling.estimands import attributes
from conduct.test_fast_equals_twin import compare, raw_design

SCORE = {"baseline": {"mean": 10.0, "sd": 3.0}, "in_remission": -7.0, "otherwise": -2.0,
         "sd": 2.0, "correlation": 0.5}  # fmt: skip
LOW = {"score": "sledai", "at_most": 4.0}


def lupus(together: list[Any] | None = None, **dfr: Any) -> dict[str, Any]:
    """The lupus design; drug-free remission and a low score at month 12."""
    raw: dict[str, Any] = copy.deepcopy(raw_design("sle_autologous"))
    raw["endpoints"]["sledai"] = {
        "type": "continuous", "visits": [3.0, 6.0, 9.0, 12.0], "better": "lower"
    }  # fmt: skip
    raw["endpoints"]["dfr"] = {
        "type": "landmark", "month": 12, "all": together or ["drug_free_remission", LOW], **dfr
    }  # fmt: skip
    for arm in ("soc", "cart"):
        raw["truth"][arm]["scores"] = {"sledai": copy.deepcopy(SCORE)}
    raw["truth"]["dropout"] = {"per_year": 0.2}
    return raw


@pytest.mark.parametrize(
    ("together", "settings"),
    [
        (["drug_free_remission", LOW], {}),
        (["drug_free_remission", LOW], {"missing": "exclude", "sustained_from": 5.0}),
        (["remission", {"score": "sledai", "at_least": 3.0}, LOW], {"missing": "impute"}),
        ([LOW], {"missing": "impute", "strategy": {"rescue": "treatment_policy"}}),
        (["remission", "drug_free_remission", LOW], {"strategy": {"rescue": "hypothetical"},
                                                      "missing": "exclude"}),
    ],
)  # fmt: skip
def test_what_is_analysed_is_what_the_twin_analyses(
    together: list[Any], settings: dict[str, Any]
) -> None:
    compare(lupus(together, **settings), "expected", 4)


def prepared(raw: dict[str, Any], trials: int = 60) -> tuple[Design, Any]:
    design = Design(**raw)
    latents = latents_for(design, 3, 0, trials)
    truth = design.truths["expected"]
    return design, run_block(Plan.of(design), truth, (0.0,), latents, keep_population=True)


def test_the_score_makes_it_rarer_and_a_bound_that_all_meet_changes_nothing() -> None:
    counts = []
    for bound in (None, {"score": "sledai", "at_most": 1000.0}, LOW):
        together = ["drug_free_remission", *([bound] if bound else [])]
        _, found = prepared(lupus(together))
        counts.append(found.looks[-1].summaries["dfr"].successes.sum())
    assert counts[0] == counts[1] > counts[2] > 0


def test_the_true_value_is_the_state_and_the_share_of_scores_below() -> None:
    """Given remission at the month the score is normal, whatever came before."""
    values = []
    for together in (["drug_free_remission"], ["drug_free_remission", LOW]):
        design = Design(**lupus(together))
        true = true_values(
            design, design.truths["expected"], SobolLatents(scrambles=8, points=4096)
        )
        values.append(true.by_arm["dfr"])
    share = stats.norm(3.0, 2.0).cdf(4.0)
    for alone, both in zip(*values, strict=True):
        near = 4.0 * both.mcse + 1e-4
        assert both.value == pytest.approx(alone.value * share, abs=near)
        assert 0.0 < both.mcse < 0.005


def test_it_is_told_with_its_bounds() -> None:
    design = Design(**lupus(["drug_free_remission", LOW], sustained_from=9.0))
    assert design.endpoints["dfr"].describes() == (
        "drug-free remission and sledai at most 4 at month 12"
    )
    assert attributes(design, design.truths, "dfr").variable == (
        "drug-free remission and sledai at most 4 at month {month} after randomisation, without a "
        "gap since month {sustained_from}, alive"
    )


def test_a_description_has_its_true_value() -> None:
    told = described(Design(**lupus()))
    assert "drug-free remission and sledai at most 4 at month 12" in told


# ── a real table ─────────────────────────────────────────────────────────────────────────────
def of_table(design: Design, rows: list[dict[str, Any]], date: float) -> Any:
    population = read_participants(rows, design).population(date)
    uniforms = {name: np.full(population.arm.shape, 0.5) for name in ("dfr",)}
    population = read_participants(rows, design).population(date, uniforms=uniforms)
    look = Snapshot(np.full(1, date), np.full(1, len(rows)), population)
    endpoint = design.endpoints["dfr"]
    return endpoint.summary(endpoint.prepare("dfr", population), look).rows(np.array([0]))


@pytest.mark.parametrize("missing", ["non_response", "exclude", "impute"])
def test_a_score_that_was_not_taken_is_missing_unless_the_state_has_failed(missing: str) -> None:
    design, found = prepared(lupus(missing=missing), 3)
    date, number = 40.0, design.enrolment.max_n
    rows = participants_table(design, found.population, 0, date, number)
    assert any(name.startswith("sledai") for name in rows[0])
    before = of_table(design, rows, date)
    population = found.population
    assert population.course is not None
    state = population.state("drug_free_remission").hold_at(12.0)[0]
    scores = population.outcomes["sledai"].values[4][0]
    seen = [j for j in range(number) if rows[j]["sledai_month_12"] != ""]
    gone = np.minimum(population.course.death, population.course.rescue)[0] <= 12.0
    success = next(j for j in seen if state[j] and scores[j] <= 4.0 and not gone[j])
    failure = next(j for j in seen if not state[j])
    for j, moves in ((success, 1), (failure, 0)):
        changed = [dict(row) for row in rows]
        changed[j]["sledai_month_12"] = ""
        after = of_table(design, changed, date)
        lost = {"non_response": 1, "exclude": 1, "impute": 0}[missing]
        assert after.missing.sum() - before.missing.sum() == moves
        if missing != "impute":
            assert before.successes.sum() - after.successes.sum() == moves * lost
        assert before.totals.sum() - after.totals.sum() == (moves if missing == "exclude" else 0)
        assert (after.due == before.due).all()


# ── what is refused ──────────────────────────────────────────────────────────────────────────
def refused(raw: dict[str, Any]) -> str:
    with pytest.raises(DesignError) as found:
        Design(**raw)
    return str(found.value)


def test_a_score_that_is_not_there_or_not_taken_then_is_told() -> None:
    raw = lupus(["drug_free_remission", {"score": "sledia", "at_most": 4.0}])
    assert "endpoints.dfr.all: found \"sledia\" (did you mean 'sledai'?)" in refused(raw)
    raw = lupus(["drug_free_remission", {"score": "remission", "at_most": 4.0}])
    assert "'remission' is of type \"landmark\"; a score is of type" in refused(raw)
    raw = lupus()
    raw["endpoints"]["sledai"]["visits"] = [3.0, 9.0]
    told = refused(raw)
    assert "'sledai' is taken at months 3, 9, and 'dfr' asks at month 12" in told
    assert "add 12 to endpoints.sledai.visits" in told


def test_a_score_that_the_course_does_not_give_is_told() -> None:
    raw = lupus()
    arm = {"baseline": {"mean": 10.0, "sd": 3.0}, "change": [-1.0] * 4, "sd": [2.0] * 4,
           "correlation": 0.5}  # fmt: skip
    for name in ("soc", "cart"):
        del raw["truth"][name]["scores"]
    raw["truth"]["sledai"] = {"soc": arm, "cart": arm}
    assert "'dfr' reads 'sledai' beside states of the course" in refused(raw)
    raw = lupus()
    del raw["truth"]["cart"]["scores"]
    assert "truth.cart.scores.sledai: missing" in refused(raw)


@pytest.mark.parametrize(
    ("together", "message"),
    [
        ([{"score": "sledai"}], "found neither; exactly one of at_most, at_least is needed"),
        ([LOW | {"at_least": 1.0}], "found at_most and at_least; exactly one"),
        ([LOW, LOW], "'all' has sledai at most 4 twice"),
        (["remision"], "endpoints.dfr.all[0]: found \"remision\" (did you mean 'remission'?)"),
    ],
)
def test_a_bound_that_says_too_little_or_too_much_is_told(
    together: list[Any], message: str
) -> None:
    told = refused(lupus(together))
    assert message in told
    assert len(told.splitlines()) == 1, "what is left of a list that was mended is no fault"


def test_the_state_is_said_once() -> None:
    assert "'all' says the states; leave out 'state'" in refused(lupus(state="remission"))


def test_early_months_have_to_be_visits() -> None:
    raw = lupus()
    raw["rules"] = [rule for rule in raw["rules"] if rule["name"] == "efficacy"]
    raw["rules"].append({
        "name": "ahead", "then": "declare_futility", "predictive": {"rule": "efficacy"},
        "below": 0.05,
    })  # fmt: skip
    raw["prediction"] = {"dfr": {"from": [4.0]}}
    told = refused(raw)
    assert "prediction.dfr.from: found 4; 'dfr' reads 'sledai', which is taken at months" in told
    raw["prediction"]["dfr"]["from"] = [3.0, 6.0]
    assert Design(**raw).prediction


def test_bounds_are_included_on_both_sides() -> None:
    design = Design(**lupus(["drug_free_remission", LOW, {"score": "sledai", "at_least": 4.0}]))
    for bound, value in itertools.product(design.endpoints["dfr"].bounds, (4.0, np.nan)):
        assert bound.holds(np.array([value]))[0] == (value == 4.0)
