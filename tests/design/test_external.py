"""``[external.NAME]``: what it holds, and every way to write it wrongly."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.external import External

HELLO = (Path(__file__).parents[2] / "designs" / "hello.toml").read_text()
REGISTRY = {"source": "A registry", "endpoint": "dfr", "responders": 14, "participants": 310}


def told(change: dict[str, Any], **tables: Any) -> str:
    raw = tomllib.loads(HELLO) | tables
    raw["external"] = {"registry": {k: v for k, v in (REGISTRY | change).items() if v is not None}}
    with pytest.raises(DesignError) as refused:
        Design(**raw)
    return str(refused.value)


def test_it_says_what_was_seen() -> None:
    registry = External.model_validate(REGISTRY)
    assert registry.total("responders") == 14.0
    assert registry.in_words == "14 of 310 participants"
    by_stratum = External.model_validate(
        REGISTRY | {"responders": {"a": 4, "b": 10}, "participants": {"a": 100, "b": 210}}
    )
    assert (by_stratum.total("responders"), by_stratum.of("participants", "b")) == (14.0, 210.0)
    assert by_stratum.in_words == "14 of 310 participants (a 4/100, b 10/210)"
    rate = External.model_validate({"source": "s", "endpoint": "e", "events": 3, "months": 40.5})
    assert rate.in_words == "3 events in 40.5 months"
    score = External.model_validate(
        {"source": "s", "endpoint": "e", "mean": -2.0, "sd": 3.0, "participants": 40}
    )
    assert score.in_words == "mean -2, SD 3 in 40 participants"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": None}, "external.registry.source: missing"),
        ({"source": "  "}, "external.registry.source: found no text"),
        ({"endpoint": "dff"}, "external.registry.endpoint: found \"dff\" (did you mean 'dfr'?)"),
        ({"responders": 311}, "external.registry.responders: found 311 responders of 310"),
        ({"responders": None}, "external.registry.responders: missing; 'dfr' of type 'landmark'"),
        ({"mean": 3.0}, "external.registry.mean: 'dfr' of type 'landmark' takes responders"),
        ({"responders": {"a": 1}}, "external.registry.participants: a table by stratum"),
        (
            {"responders": {"a": 1}, "participants": {"a": 10}},
            "external.registry.responders: found the strata a; those of the design are none",
        ),
        (
            {"responders": {"a": 1}, "participants": {"b": 10}},
            "external.registry.responders: the strata differ",
        ),
        ({"responders": -1}, "external.registry.responders: found -1"),
        ({}, "external.registry: nothing is compared with it and nothing borrows from it"),
    ],
)
def test_what_is_wrong_is_told(change: dict[str, Any], words: str) -> None:
    assert words in told(change)


def test_several_faults_are_told_at_once() -> None:
    found = told({"source": None, "responders": 400, "sd": 1.0})
    assert "registry.source: missing" in found
    assert "found 400 responders" in found
    assert "registry.sd" in found


def test_a_name_is_taken_once() -> None:
    raw = tomllib.loads(HELLO) | {"external": {"soc": REGISTRY}}
    with pytest.raises(DesignError, match=r"external\.soc: the name is taken by arms\.soc"):
        Design(**raw)


def test_the_design_gives_it_by_name() -> None:
    design = Design(**tomllib.loads(HELLO))
    assert design.external == {}


BORROWS = {"external": ["registry"], "method": "pooled"}


def borrowing(prior: Any, **changes: Any) -> dict[str, Any]:
    raw = tomllib.loads(HELLO)
    raw["external"] = {"registry": REGISTRY, "trial": REGISTRY | {"endpoint": "crs"}}
    raw["endpoints"]["crs"] = {"type": "landmark", "month": 6}
    for scenario in raw["scenarios"].values():
        scenario["crs"] = {"soc": 0.1, "cart": 0.1}
    other = {"external": ["trial"], "method": "pooled"}
    raw["analysis"] = {
        "dfr": {"model": "beta_binomial", "prior": {"soc": prior}},
        "crs": {"model": "beta_binomial", "prior": {"soc": other}},
    }
    return raw | changes


def test_who_borrows_says_it() -> None:
    design = Design(**borrowing(BORROWS))
    analysis = design.analysis_of("dfr")
    assert analysis is not None
    assert list(analysis.borrowed(design.arm_names)) == ["soc"]
    fitted = analysis.fitted(design.arm_names, design.shares)
    assert fitted.priors[0].words == "Beta(15, 297)"
    assert fitted.priors[1].words == "Beta(1, 1)"


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ({"external": [], "method": "pooled"}, "external: names no external data to borrow from"),
        (BORROWS | {"external": ["registri"]}, "found \"registri\" (did you mean 'registry'?)"),
        (BORROWS | {"external": ["registry", "registry"]}, "'registry' is named twice"),
        (BORROWS | {"external": ["trial"]}, "'trial' is of 'crs'; data of 'dfr' are expected"),
        (BORROWS | {"method": "pool"}, "method: found \"pool\" (did you mean 'pooled'?)"),
        (
            {"method": "pooled"},
            "external: missing; a list of texts in quotes is expected",
        ),
        ({"external": ["registry"]}, "method: missing; allowed: pooled, power, robust_map, sam"),
        (BORROWS | {"method": "power"}, "weight: missing"),
        (BORROWS | {"method": "power", "weight": 1.2}, "weight: found 1.2"),
        (BORROWS | {"method": "sam"}, "difference: missing"),
        (BORROWS | {"method": "sam", "difference": 1.0}, "difference: found 1.0"),
        (BORROWS | {"method": "robust_map", "heterogeneity": 0.0}, "heterogeneity: found 0.0"),
        (BORROWS | {"weight": 0.5}, "weight: unknown key"),
    ],
)
def test_borrowing_that_is_written_wrongly_is_told(prior: Any, words: str) -> None:
    with pytest.raises(DesignError) as refused:
        Design(**borrowing(prior))
    assert "analysis.dfr.prior.soc" in str(refused.value)
    assert words in str(refused.value)


def test_an_arm_borrows_and_not_all() -> None:
    raw = borrowing(BORROWS)
    raw["analysis"]["dfr"]["prior"] = BORROWS
    with pytest.raises(DesignError, match=r"analysis\.dfr\.prior: an arm borrows, and not all"):
        Design(**raw)


def test_a_question_about_one_stratum_is_refused() -> None:
    raw = borrowing(BORROWS, strata={"a": 0.5, "b": 0.5})
    raw["rules"] = [raw["rules"][0]]
    raw["rules"][0]["posterior"]["stratum"] = "a"
    with pytest.raises(DesignError, match=r"posterior\.stratum: 'soc' borrows external data of"):
        Design(**raw)


def test_a_weight_that_data_set_and_a_stratum_leave_out_who_counts_by_an_earlier_month() -> None:
    early = {"prediction": {"dfr": {"from": [3.0], "counts": "all"}}}
    raw = borrowing(BORROWS | {"method": "sam", "difference": 0.2}, **early)
    with pytest.raises(DesignError) as refused:
        Design(**raw)
    assert "analysis.dfr.prior.soc.external: its weight is set by what was" in str(refused.value)
    raw = borrowing(BORROWS, strata={"a": 0.5, "b": 0.5}, **early)
    by_stratum = {"responders": {"a": 4, "b": 10}, "participants": {"b": 210, "a": 100}}
    raw["external"]["registry"] = REGISTRY | by_stratum
    raw["rules"][0]["posterior"]["stratum"] = "a"
    with pytest.raises(DesignError, match="a rule asks of one stratum, in which another prior"):
        Design(**raw)


def test_numbers_by_stratum_are_added_up() -> None:
    raw = borrowing(BORROWS, strata={"a": 0.5, "b": 0.5})
    by_stratum = {"responders": {"a": 4, "b": 10}, "participants": {"b": 210, "a": 100}}
    raw["external"]["registry"] = REGISTRY | by_stratum
    design = Design(**raw)
    analysis = design.analysis_of("dfr")
    assert analysis is not None
    fitted = analysis.fitted(design.arm_names, design.shares)
    assert fitted.priors[0].words == "Beta(15, 297)"
