"""A table of external participants, drawn anew as so many participants as are in effect.

The twin is the design that types whole numbers: participants in effect rounded down, the nearest
numbers of responders and events, and means, standard deviations and months as they were weighted.
"""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.external import External
from adaptive_cart.running.boundaries import boundaries_csv
from adaptive_cart.running.engine import obstacles
from adaptive_cart.telling.check import described
from models.test_borrowed_numbers import means, rates
from running.test_as_observed import Raw, counts, held, ran, told
from running.test_redrawn_numbers import beside

NUMBER = 60


def table(**outcomes: Any) -> Raw:
    """Participants by age, who are younger than those whom the trial expects."""
    rng = np.random.default_rng(20261201)
    age = rng.normal(38.0, 9.0, NUMBER).round(1)
    rows = {"age": age.tolist()} | {key: draw(rng).tolist() for key, draw in outcomes.items()}
    return {"rows": rows, "target": {"age": 41.0}}


OUTCOMES: dict[str, Raw] = {
    "counts": table(responder=lambda rng: (rng.random(NUMBER) < 0.3).astype(float)),
    "rates": table(events=lambda rng: rng.poisson(0.6, NUMBER).astype(float),
                   months=lambda rng: rng.uniform(6.0, 14.0, NUMBER).round(1)),
    "means": table(change=lambda rng: rng.normal(-2.0, 3.0, NUMBER).round(1)),
}  # fmt: skip
MAKERS = {
    "counts": counts,
    "rates": lambda: beside(rates),
    "means": lambda: beside(means),
}


def of_table(name: str) -> Raw:
    raw = MAKERS[name]()
    source = {"source": "a registry", "endpoint": raw["external"]["registry"]["endpoint"]}
    raw["external"]["registry"] = source | OUTCOMES[name] | {"redrawn": True}
    endpoint, level = source["endpoint"], {"counts": 0.3, "rates": 0.6, "means": -2.0}[name]
    for scenario in raw["scenarios"].values():
        scenario[endpoint]["registry_source"] = level
    return raw


def by_hand(name: str) -> dict[str, float]:
    """Whole numbers of the weighted participants."""
    told_ = OUTCOMES[name]
    seen = External(source="s", endpoint="e", **told_)
    assert seen.balance is not None
    weights, rows = seen.balance.weights, {k: np.array(v) for k, v in told_["rows"].items()}
    effective = 1.0 / (weights**2).sum()
    numbers: dict[str, float] = {}
    if name != "rates":
        numbers["participants"] = int(effective)
    if name == "counts":
        numbers["responders"] = round(effective * (weights @ rows["responder"]))
    if name == "rates":
        numbers["events"] = round(effective * (weights @ rows["events"]))
        numbers["months"] = seen.total("months")
    if name == "means":
        numbers |= {"mean": seen.total("mean"), "sd": seen.total("sd")}
    return numbers


@pytest.mark.parametrize("name", MAKERS)
def test_a_run_is_that_of_whole_numbers(name: str) -> None:
    raw = of_table(name)
    typed = copy.deepcopy(raw)
    registry = typed["external"]["registry"]
    for key in ("rows", "target"):
        del registry[key]
    registry |= by_hand(name)
    result = ran(raw, 30)
    assert len(told(result)) >= 6
    assert str(told(result)) == str(told(ran(typed, 30)))
    # given the data as observed they count as they were weighted, in no whole numbers
    assert str(told(result, "_as_observed")) == str(told(ran(held(raw), 30)))


def test_its_source_is_by_default_what_was_weighted() -> None:
    raw = of_table("counts")
    for scenario in raw["scenarios"].values():
        del scenario["dfr"]["registry_source"]
    design = Design(**raw)
    seen = External(source="s", endpoint="e", **OUTCOMES["counts"])
    rate = seen.total("responders") / seen.total("participants")
    assert design.truths["null"].external_source["dfr", "registry"] == pytest.approx((rate,) * 1)
    assert rate != by_hand("counts")["responders"] / by_hand("counts")["participants"]


def test_what_is_as_observed_has_to_be_simulated() -> None:
    design = Design(**of_table("counts"))
    assert any("not whole" in why for why in obstacles(design, design.truths, anew=True))
    whole = by_hand("counts")["participants"]
    assert f"weighted to the target (as {whole} participants where they are drawn)" in described(
        design
    )


@pytest.mark.parametrize("name", MAKERS)
def test_a_real_trial_is_compared_with_them_as_they_were_weighted(name: str) -> None:
    design, fixed = Design(**of_table(name)), Design(**held(of_table(name)))
    seen = ac.example(design, scenario="expected", seed=3).participants
    text, alone = (ac.analyze(one, seen, look=1, fast=True).text for one in (design, fixed))
    own, other = (re.findall(r"= (0\.\d+|1)", told_) for told_ in (text, alone))
    assert own == other
    assert own
    assert boundaries_csv(design) == boundaries_csv(fixed)


def test_the_same_run_again_extends_it(tmp_path: Path) -> None:
    raw = of_table("counts")
    ran(raw, 20, out=tmp_path / "run")
    assert told(ran(raw, 40, out=tmp_path / "run")) == told(ran(raw, 40))
