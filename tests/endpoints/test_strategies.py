"""Strategies for intercurrent events: what is analysed, what is true, what is said and refused."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.endpoints import KINDS
from adaptive_cart.endpoints.intercurrent import EVENTS, STRATEGIES, Circumstances
from adaptive_cart.errors import DesignError
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.estimand import SobolLatents, true_values
from adaptive_cart.telling.estimands import attributes, told_estimands
from adaptive_cart.telling.without_effect import without_effect
from conduct.test_fast_equals_twin import compare, raw_design


def lupus(
    strategy: dict[str, str], missing: str = "exclude", month: float = 24.0
) -> dict[str, Any]:
    """The lupus design with crossover at month 12, rescue and failures that matter."""
    raw: dict[str, Any] = copy.deepcopy(raw_design("sle_autologous"))
    raw["endpoints"]["dfr"] |= {"month": month, "sustained_from": month - 3.0, "missing": missing}
    raw["endpoints"]["remission"] |= {"month": month, "missing": missing, "strategy": strategy}
    raw["endpoints"]["dfr"]["strategy"] = strategy
    raw["crossover"] = {"from": "soc", "to": "cart", "after_month": 12.0}
    raw["truth"]["soc"]["crossover"] = {"probability": 0.5}
    raw["truth"]["cart"]["infusion"] = {"failure": 0.3}
    return raw


@pytest.mark.parametrize(
    ("missing", "dfr", "remission"),
    [
        ("exclude", {"rescue": "treatment_policy"}, {"rescue": "hypothetical"}),
        ("impute", {"crossover": "treatment_policy"}, {"crossover": "hypothetical"}),
        (
            "impute",
            {"not_infused": "principal_stratum"},
            {
                "not_infused": "principal_stratum",
                "rescue": "hypothetical",
                "crossover": "hypothetical",
            },
        ),
        ("non_response", {"not_infused": "principal_stratum"}, {"rescue": "treatment_policy"}),
    ],
)
def test_what_is_analysed_is_what_the_twin_analyses(
    missing: str, dfr: dict[str, str], remission: dict[str, str]
) -> None:
    raw = lupus(dfr, missing)
    raw["endpoints"]["remission"]["strategy"] = remission
    raw["endpoints"]["remission_time"]["strategy"] = {"crossover": "treatment_policy"}
    compare(raw, "expected", 5)


# ── what is true ──────────────────────────────────────────────────────────────────────────────
def value(raw: dict[str, Any], arm: int, endpoint: str = "remission") -> float:
    design = Design(**raw)
    found = true_values(design, design.truths["expected"], SobolLatents(scrambles=4, points=1024))
    return found.by_arm[endpoint][arm].value


def test_had_nobody_been_rescued_is_what_a_truth_without_rescue_gives() -> None:
    raw = lupus({"rescue": "hypothetical"})
    nobody = lupus({})
    for arm in ("soc", "cart"):
        nobody["truth"][arm]["rescue"]["per_year"] = 0.0
    for arm in range(2):
        assert value(raw, arm) == value(nobody, arm)
    assert value(raw, 0) > value(lupus({}), 0) + 0.02


def test_had_nobody_crossed_over_is_what_a_design_without_crossover_gives() -> None:
    raw, without = lupus({"crossover": "hypothetical"}), lupus({})
    del without["crossover"], without["truth"]["soc"]["crossover"]
    assert value(raw, 0) == value(without, 0)
    composite = value(lupus({}), 0)
    counted = value(lupus({"crossover": "treatment_policy"}), 0)
    assert composite < value(raw, 0) < counted


def test_of_the_infused_more_respond_by_the_share_of_those_who_are_not() -> None:
    stratum, everybody = lupus({"not_infused": "principal_stratum"}), lupus({})
    for raw in (stratum, everybody):
        raw["truth"]["cart"]["infusion"] = {"failure": 0.5}
        raw["endpoints"]["remission"]["strategy"] = raw["endpoints"]["dfr"]["strategy"]
    assert value(stratum, 0, "dfr") == value(everybody, 0, "dfr"), "nobody is infused in that arm"
    # who is not infused takes the control's course, in which hardly anybody is free of drugs
    ratio = value(stratum, 1, "dfr") / value(everybody, 1, "dfr")
    assert 1.9 < ratio < 2.2


# ── what is said ──────────────────────────────────────────────────────────────────────────────
def test_every_endpoint_of_the_lupus_design_has_its_five_attributes() -> None:
    design = Design(**lupus({"rescue": "hypothetical"}))
    told = "\n".join(told_estimands(design, design.truths))
    for name in design.endpoints:
        found = attributes(design, design.truths, name)
        assert found.population
        assert found.variable
        assert found.measure
        events = [handled.event for handled in found.handled]
        assert "dropout" in events
        assert len(events) == len(set(events))
        assert "crossover" in events
    assert (
        "rescue immunosuppression: hypothetical (from then on missing as after dropout; the" in told
    )
    assert told.count("summary measure: ") == len(design.endpoints)


@pytest.mark.parametrize("kind", KINDS)
def test_every_strategy_that_an_endpoint_can_take_has_words(kind: str) -> None:
    endpoint = KINDS[kind]
    assert set(endpoint.strategies) <= set(EVENTS) - {"dropout"}
    for event, strategies in endpoint.strategies.items():
        assert set(strategies) <= set(STRATEGIES), event


def test_what_a_landmark_says_of_an_event_is_what_was_chosen() -> None:
    landmark = KINDS["landmark"]
    events = {e: s for e, s in landmark.strategies.items() if e != "death"}
    met = Circumstances(directly=False, infused=True, crossover="composite", redosed=True)
    for chosen in itertools.product(*events.values()):
        said = dict(zip(events, chosen, strict=True))
        table = {"type": "landmark", "month": 12.0, "missing": "exclude", "strategy": said}
        handled = {h.event: h.strategy for h in landmark(**table).handled(met)}
        assert said.items() <= handled.items()


# ── what is refused ───────────────────────────────────────────────────────────────────────────
def problems(raw: dict[str, Any]) -> str:
    with pytest.raises(DesignError) as caught:
        Design(**raw)
    return str(caught.value)


def test_a_strategy_that_is_not_simulated_is_refused_with_those_that_are() -> None:
    raw = lupus({"death": "hypothetical", "dropout": "composite", "rescue": "while_alive"})
    told = problems(raw)
    at = "endpoints.dfr.strategy."
    assert told.count(at) == 3
    assert f'{at}death: found "hypothetical", which is not simulated; "composite" is' in told
    assert f'{at}rescue: found "while_alive", which is not simulated; "composite" or ' in told
    assert f'{at}dropout: found "composite", and `missing` says it' in told


def test_what_is_hypothetical_needs_a_way_to_deal_with_who_is_missing() -> None:
    told = problems(lupus({"rescue": "hypothetical"}, missing="non_response"))
    assert 'missing = "exclude" or "impute" is needed' in told


def test_an_endpoint_without_a_choice_takes_none() -> None:
    raw = lupus({})
    raw["endpoints"]["crs3"]["strategy"] = {"rescue": "composite"}
    told = problems(raw)
    assert 'crs3.strategy.rescue: found "composite", and there is no choice here' in told


def test_the_share_analysed_is_the_share_of_the_infused() -> None:
    design = Design(**lupus({"not_infused": "principal_stratum"}, "non_response"))
    from adaptive_cart.participants.population import latents_for, populate

    latents = latents_for(design, 3, 0, 50)
    shape = (50, latents.participants)
    everybody = np.ones(shape, dtype=np.int8)
    people = populate(design, design.truths["expected"], latents, np.zeros(shape), everybody, None)
    endpoint = design.endpoints["dfr"]
    course = people.course
    assert course is not None
    np.testing.assert_allclose(
        endpoint.counted("dfr", people), (course.infused <= 24.0).mean(axis=1), rtol=1e-12
    )


def responders(design: Design) -> Any:
    """Responders and those analysed at every look of a few trials."""
    latents = latents_for(design, 7, 0, 40)
    looks = run_block(Plan.of(design), design.truths["expected"], (0.0,), latents).looks
    counts = [look.summaries["dfr"] for look in looks]
    return [(seen.successes.tolist(), seen.totals.tolist()) for seen in counts]


@pytest.mark.parametrize(
    ("missing", "crossover", "idle"),
    [
        ("non_response", "composite", True),
        ("exclude", "composite", False),
        ("non_response", "treatment_policy", False),
    ],
)
def test_rescue_that_ends_drug_free_remission_for_good_is_told(
    missing: str, crossover: str, idle: bool
) -> None:
    """No number moves where, and only where, the description says so."""
    ways = []
    for rescue in ("composite", "treatment_policy"):
        raw = lupus({"rescue": rescue, "crossover": crossover}, missing, month=36.0)
        raw["endpoints"]["remission"]["strategy"] = {}
        for arm in ("soc", "cart"):
            raw["truth"][arm]["rescue"]["per_year"] = 0.5
        ways.append(Design(**raw))
    design = ways[-1]
    assert (responders(ways[0]) == responders(ways[1])) == idle
    why = (
        "endpoints.dfr.strategy.rescue: no drug-free remission begins after rescue: "
        "who is rescued is no responder whatever the strategy"
    )
    told = [line for line in without_effect(design, design.truths) if "strategy.rescue" in line]
    assert told == ([why] if idle else [])
    words = [handled.words() for handled in attributes(design, design.truths, "dfr").handled]
    ends = any("no drug-free remission begins after rescue" in said for said in words)
    assert ends == (crossover == "composite")
