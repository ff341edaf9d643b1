"""Worst cases of power and of stops over control rates with an effect, against the twin."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, InputError
from checks import raw_design
from twin import enumeration


def small() -> dict[str, Any]:
    """Two looks, a safety rule on the rate itself, success, futility."""
    raw: dict[str, Any] = copy.deepcopy(raw_design("hello"))
    raw["enrolment"]["max_n"], raw["looks"]["observed"] = 24, [12, 24]
    harm = {"name": "harm", "then": "stop_for_safety", "at_least": 0.8,
            "posterior": {"endpoint": "dfr", "arm": "cart", "below": 0.4}}  # fmt: skip
    efficacy, futility = raw["rules"]
    efficacy["at_least"], futility["looks"] = 0.95, [1]
    raw["rules"] = [efficacy, harm, futility]
    return raw


def by_twin(raw: dict[str, Any], measure: str, control: float, effect: float) -> float:
    tables = copy.deepcopy(raw)
    tables["scenarios"] = {"here": {"dfr": {"soc": control, "cart": min(control + effect, 1.0)}}}
    return enumeration.enumerate_design(tables)["here", measure, None, None]


MEASURED = [("futility_stop", "stop_futility"), ("safety_stop", "stop_safety"),
            ("power", "success")]  # fmt: skip


@pytest.mark.parametrize(("measure", "in_twin"), MEASURED)
def test_an_ending_is_enumerated_and_certified_along_an_effect(measure: Any, in_twin: str) -> None:
    raw = small()
    found = ac.worst_case(Design(**raw), measure=measure, effect=0.2, points=9)
    assert found.engine == "exact"
    for place in found.places:
        exact = by_twin(raw, in_twin, place.rates["soc"], 0.2)
        assert place.figure.estimate == pytest.approx(exact, abs=1e-10)
    assert found.certificate is not None
    assert found.certificate.holds
    assert found.certificate.tried == 10_000
    smallest = measure == "power"
    bound = 1.0 - found.certificate.bound if smallest else found.certificate.bound
    values = [by_twin(raw, in_twin, c, 0.2) for c in np.linspace(0.0, 0.8, 161)]
    assert min(values) >= bound - 1e-9 if smallest else max(values) <= bound + 1e-9
    worst = min(values) if smallest else max(values)
    assert found.worst.figure.estimate == pytest.approx(worst, abs=2e-3)
    assert found.of.worst in found.words()
    assert "asks for" not in found.words()


SLOW = [pytest.param(*one, marks=pytest.mark.slow) for one in MEASURED[1:]]


@pytest.mark.parametrize(("measure", "in_twin"), [MEASURED[0], *SLOW])
def test_an_ending_is_simulated_where_it_is_not_enumerated(measure: Any, in_twin: str) -> None:
    raw = small()
    found = ac.worst_case(
        Design(**raw), measure=measure, effect=0.3, points=4, trials=1_500, seed=3, jobs=1,
        engine="simulate",
    )  # fmt: skip
    assert found.engine == "simulated"
    for place in found.places:
        exact = by_twin(raw, in_twin, place.rates["soc"], 0.3)
        within = 4.5 * math.sqrt(exact * (1.0 - exact) / 1_500) + 1e-9
        assert abs(place.figure.estimate - exact) < within
    exact = by_twin(raw, in_twin, found.worst.rates["soc"], 0.3)
    assert found.fresh is not None
    assert found.fresh.n == 100_000
    assert abs(found.fresh.estimate - exact) < 4.5 * math.sqrt(exact * (1 - exact) / 1e5) + 1e-9


@pytest.mark.slow
def test_rates_count_dropout_and_strata_and_arms_are_alike() -> None:
    raw = small()
    raw["strata"] = {"a": 0.5, "b": 0.5}
    raw["arms"] = {"soc": {"control": True}, "cart": {}, "other": {}}
    raw["rules"] = raw["rules"][:1]
    raw["truth"] = {"dropout": {"per_year": 0.2}}
    raw["scenarios"] = {"null": {"dfr": {"soc": 0.2, "cart": 0.2, "other": 0.2}}}
    found = ac.worst_case(
        Design(**raw), measure="power", effect=0.4, points=3, trials=1_000, seed=1, jobs=1
    )
    assert [place.name for place in found.places] == [
        "soc 0.0000, cart 0.4000, other 0.4000",
        "soc 0.3000, cart 0.7000, other 0.7000",
    ]  # at the third dropout leaves no such rate
    kept = math.exp(-0.2 * raw["endpoints"]["dfr"]["month"] / 12.0)
    raw["scenarios"]["here"] = {
        "dfr": {"soc": 0.3 / kept, "cart": 0.7 / kept, "other": 0.7 / kept}, "role": "alternative",
    }  # fmt: skip
    run = ac.simulate(Design(**raw), trials=4_000, seed=5, jobs=1)
    told = run.figure("here", "success")
    within = 4.5 * math.hypot(told.mcse, found.places[1].figure.mcse)
    assert abs(told.estimate - found.places[1].figure.estimate) < within


def test_what_cannot_be_looked_for_is_told() -> None:
    raw = small()
    raw["rules"] = raw["rules"][:1]
    with pytest.raises(DesignError, match="no rule ends a trial so"):
        ac.worst_case(Design(**raw), measure="futility_stop", effect=0.2)
    with pytest.raises(DesignError, match="--effect: goes with --measure power, futility_stop"):
        ac.worst_case(Design(**small()), measure="futility_stop")
    with pytest.raises(DesignError, match="--tiles: found 0; from 1 to"):
        ac.worst_case(Design(**small()), measure="power", effect=0.2, tiles=0)
    course = copy.deepcopy(raw_design("sle_autologous"))
    with pytest.raises(InputError, match="leaves 'dfr' to a course"):
        ac.worst_case(Design(**course), measure="power", effect=0.2)
    for name, why in (
        ("myasthenia_scores", "what is claimed is not about the rates of one endpoint alone"),
        ("durability_event_driven", "what is claimed is not about the rates of one endpoint alone"),
    ):
        with pytest.raises(InputError, match=f"over control rates, and {why}; `simulate` tells"):
            ac.worst_case(Design(**raw_design(name)), measure="power", effect=0.2)
