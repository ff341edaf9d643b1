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
