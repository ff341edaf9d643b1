"""What `check` says of the truth: values that are needed, true values, what a merge keeps."""

from __future__ import annotations

import math
import re
import time
import tomllib
from typing import Any

import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError
from adaptive_cart.results.estimand import SobolLatents, true_values
from adaptive_cart.results.operating import Rows, _described
from adaptive_cart.telling.check import described
from adaptive_cart.telling.truths import LatticePoints, kept_by_merging, true_means
from checks import raw_design

SAFETY = """
name = "Safety against a control"
[arms.usual]
control = true
[arms.cells]
product = "allogeneic"
[endpoints.free]
type = "landmark"
month = 6
[endpoints.icans]
type = "adverse_event"
within_months = 1.0
[endpoints.infection]
type = "event_rate"
[analysis.icans]
model = "beta_binomial"
prior.cells = { a = 0.2, b = 3.8 }
[analysis.infection]
model = "gamma_poisson"
prior = { a = 0.5, b = 5.0 }
[enrolment]
max_n = 40
per_month = 5
[looks]
observed = [40]
[[rules]]
name = "icans"
then = "stop_for_safety"
posterior = { endpoint = "icans", arm = "cells", above = 0.10 }
at_least = 0.90
[truth.usual]
remission = { probability = 0.2, onset = { dist = "fixed", value = 3.0 } }
durability = { cured = 1.0 }
rates = { infection = 0.10 }
[truth.cells]
infusion = { failure = 0.0, delay = { dist = "fixed", value = 1.0 } }
remission = { probability = 0.5, onset = { dist = "fixed", value = 2.0 } }
durability = { cured = 1.0 }
events = { icans = 0.03 }
rates = { infection = 0.20 }
[scenarios.expected]
"""

STRATA = """
name = "Strata"
[arms.usual]
control = true
[arms.cells]
product = "allogeneic"
[strata]
mild = 0.4
hard = 0.6
[endpoints.free]
type = "landmark"
month = 12
[endpoints.fever]
type = "adverse_event"
within_months = 1.0
[endpoints.infection]
type = "event_rate"
[enrolment]
max_n = 80
per_month = 4
[looks]
observed = [80]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "free", arm = "cells", minus = "usual", above = 0.0 }
at_least = 0.975
[truth.usual]
remission = { probability = 0.1, onset = { dist = "fixed", value = 3.0 } }
durability = { cured = 1.0 }
[truth.cells]
infusion = { failure = 0.0, delay = { dist = "fixed", value = 1.0 } }
remission = { probability = 0.5, onset = { dist = "weibull", shape = 1.0, scale = 2.0 } }
durability = { cured = 0.5, relapse = { dist = "exponential", median = 9.0 } }
rescue = { per_year = 0.1 }
events = { fever = 0.1 }
rates = { infection = 0.1 }
[scenarios.expected]
[scenarios.modest]
"""


def changed(text: str, **tables: Any) -> dict[str, Any]:
    """Tables of a design with others laid over them, key by key."""

    def lay(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
        for key, value in change.items():
            if isinstance(value, dict) and isinstance(base.get(key), dict):
                lay(base[key], value)
            elif value is None:
                base.pop(key, None)
            else:
                base[key] = value
        return base

    return lay(tomllib.loads(text), tables)


def refused(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(DesignError) as error:
        Design(**raw)
    return str(error.value).splitlines()


# ── a value that is needed is never nought because it was left out ────────────────────────────
AGAINST_USUAL = {"endpoint": "icans", "arm": "cells", "minus": "usual", "above": 0.1}
NEEDED = [
    ({"truth": {"usual": {"rates": None}}}, ["truth.usual.rates.infection: missing"]),
    ({"truth": {"cells": {"events": None, "rates": None}}}, [
        "scenarios.expected.icans: no truth feeds it", "truth.cells.rates.infection: missing",
    ]),
    ({"analysis": {"icans": {"prior": {"usual": {"a": 1.0, "b": 1.0}}}}},
     ["truth.usual.events.icans: missing"]),
    ({"analysis": {"icans": {"prior": {"cells": None, "a": 1.0, "b": 1.0}}}},
     ["truth.usual.events.icans: missing"]),
    ({"rules": [{"name": "r", "then": "stop_for_safety", "posterior": AGAINST_USUAL,
                 "at_least": 0.9}]}, ["truth.usual.events.icans: missing"]),
    ({"rules": [{"name": "r", "then": "stop_for_safety", "at_least": 0.9,
                 "posterior": {"endpoint": "icans", "arm": "usual", "above": 0.1}}]},
     ["truth.usual.events.icans: missing"]),
    ({"endpoints": {"icans": {"primary": True}}, "looks": {"observed": None, "months": [12]}},
     ["truth.usual.events.icans: missing"]),
    ({"truth": {"usual": {"rates": {"infection": None, "infecton": 0.1}}}},
     ["truth.usual.rates.infecton: no endpoint has this name (did you mean 'infection'?)"]),
    ({"truth": {"cells": {"events": {"icans": None, "ican": 0.1}}}},
     ["truth.cells.events.ican: no endpoint has this name (did you mean 'icans'?)"]),
    ({"truth": {"cells": {"events": {"infection": 0.1}}}},
     ["truth.cells.events.infection: an endpoint of type 'event_rate' takes its truth"]),
    ({"strata": {"a": 0.5, "b": 0.5},
      "truth": {"usual": {"rates": None, "strata": {"a": {"rates": {"infection": 0.1}}}}}},
     ["truth.usual.strata.b.rates.infection: missing"]),
    ({"strata": {"a": 0.5, "b": 0.5},
      "truth": {"usual": {"strata": {"a": {"rates": {"infektion": 0.1}}}}}},
     ["truth.usual.strata.a.rates.infektion: neither an endpoint nor named in [truth]"]),
    ({"crossover": {"from": "usual", "to": "cells", "after_month": 3}},
     ["truth.usual.crossover.probability: missing"]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "told"), NEEDED, ids=[case[1][0] for case in NEEDED])
def test_a_value_that_is_asked_about_is_needed(change: dict[str, Any], told: list[str]) -> None:
    lines = refused(changed(SAFETY, **change))
    assert len(lines) == len(told)
    for line, start in zip(sorted(lines), sorted(told), strict=True):
        assert line.startswith(start)
        assert "missing" not in start or "; 0 if " in line


def test_what_nobody_asks_about_is_blank_and_told() -> None:
    design = Design(**changed(SAFETY, truth={"cells": {"events": {"fever": 0.2}}}))
    truth = truths_of(design)["expected"]
    rows = Rows(truth.name)
    _described(rows, design, truth, true_values(design, truth, LatticePoints()), None)
    found = {(row[1], row[2]): row[5] for row in rows.rows}
    assert math.isnan(found["true_icans", "usual"])
    assert found["true_icans", "cells"] == pytest.approx(0.03, abs=0.001)
    text = described(design)
    assert re.search(r"icans: usual not given, cells 0\.03", text)
    assert "infection, events a year: usual 0.100, cells 0.200" in text
    assert "none: dropout; death; rescue; remission on drugs" in text
    assert "not simulated, since no endpoint has the name: cells.events.fever" in text


# ── true values ───────────────────────────────────────────────────────────────────────────────
def test_true_values_of_a_course_agree_with_the_finer_integration() -> None:
    design = Design(**raw_design("sle_autologous"))
    truth = truths_of(design)["rapid_waning"]
    coarse = true_values(design, truth, LatticePoints()).by_arm
    fine = true_values(design, truth, SobolLatents(scrambles=4, points=2**12)).by_arm
    for name, values in coarse.items():
        for value, better in zip(values, fine[name], strict=True):
            spread = math.hypot(value.mcse, better.mcse)
            assert abs(value.value - better.value) <= 6.0 * spread + 1e-12, name
            assert value.mcse < 0.05


def test_a_stratum_is_shown_where_it_differs() -> None:
    raw = changed(STRATA, truth={"cells": {"strata": {"mild": {"rates": {"infection": 0.3}}}}})
    text = described(Design(**raw))
    assert "infection, events a year: usual not given, cells 0.180 (mild 0.300, hard 0.100)" in text
    assert text.count("cells.infusion.delay: fixed (value 1) from file") == 1, "said once for all"


def test_hazard_ratios_are_said_where_hazards_are_constant() -> None:
    text = described(Design(**raw_design("durability_event_driven")))
    assert "relapse, hazard ratio to withdraw_late: consolidate 0.500" in text
    assert text.count("hazards are not proportional") == 1


def test_a_description_takes_no_time() -> None:
    """The integration is a small part of a second, so that `check` answers at once."""
    design = Design(**raw_design("sle_autologous"))
    truths = truths_of(design)
    begun = time.process_time()
    points = LatticePoints()
    for truth in truths.values():
        true_means(design, truth, points)
    assert time.process_time() - begun < 1.0


# ── what a merge keeps ────────────────────────────────────────────────────────────────────────
def of_mild(**part: Any) -> dict[str, Any]:
    return {"truth": {"cells": {"strata": {"mild": part}}}}


MILD = "truth.cells.strata.mild"
WEIBULL = {"dist": "weibull", "shape": 1.0, "scale": 1.0}
FIXED = {"dist": "fixed", "value": 2.0}
KEPT = [
    (of_mild(remission={"probability": 0.6}), {"cells": {"remission": {"probability": 0.25}}},
     [f"{MILD}.remission.probability = 0.60, beside cells.remission.probability = 0.25"]),
    (of_mild(remission={"probability": 0.6}), {"cells": {"remission": {"onset": FIXED}}}, []),
    (of_mild(remission={"probability": 0.6}), {"cells": {
        "remission": {"probability": 0.25}, "strata": {"mild": {"remission": {"probability": 0.7}}},
    }}, []),
    (of_mild(remission={"probability": 0.6}), {"cells": {
        "remission": {"probability": 0.25}, "strata": {"mild": {"durability": {"cured": 0.7}}},
    }}, [f"{MILD}.remission.probability = 0.60, beside cells.remission.probability = 0.25"]),
    (of_mild(durability={"cured": 0.9}), {"cells": {"durability": {"cured": 0.1}}},
     [f"{MILD}.durability.cured = 0.90, beside cells.durability.cured = 0.10"]),
    (of_mild(remission={"onset": WEIBULL}), {"cells": {"remission": {"onset": FIXED}}},
     [f"{MILD}.remission.onset = ", ]),
    (of_mild(remission={"onset": WEIBULL}), {"cells": {"remission": {"onset": {"shape": 2.0}}}},
     [f"{MILD}.remission.onset = ", ]),
    (of_mild(infusion={"failure": 0.5}), {"cells": {"infusion": {"failure": 0.1}}},
     [f"{MILD}.infusion.failure = 0.50, beside cells.infusion.failure = 0.10"]),
    (of_mild(events={"fever": 0.5}), {"cells": {"events": {"fever": 0.2}}},
     [f"{MILD}.events.fever = 0.50, beside cells.events.fever = 0.20"]),
    (of_mild(rates={"infection": 0.5}), {"cells": {"rates": {"infection": 0.2}}},
     [f"{MILD}.rates.infection = 0.50, beside cells.rates.infection = 0.20"]),
    (of_mild(rescue={"per_year": 0.5}), {"cells": {"rescue": {"per_year": 0.2}}},
     [f"{MILD}.rescue.per_year = 0.50, beside cells.rescue.per_year = 0.20"]),
    (of_mild(same_as="usual"), {"cells": {"remission": {"probability": 0.25}}},
     [f'{MILD}.same_as = "usual", beside cells.remission = ']),
    (of_mild(dropout={"per_year": 0.5}), {"dropout": {"per_year": 0.2}},
     [f"{MILD}.dropout.per_year = 0.50, beside dropout.per_year = 0.20"]),
    ({"truth": {"usual": {"death": {"per_year": 0.5}}}}, {"death": {"per_year": 0.2}},
     ["truth.usual.death.per_year = 0.50, beside death.per_year = 0.20"]),
    ({}, {"cells": {"remission": {"probability": 0.25}}}, []),
]  # fmt: skip


@pytest.mark.parametrize(("truth", "scenario", "told"), KEPT)
def test_what_a_scenario_leaves_in_force_is_told(
    truth: dict[str, Any], scenario: dict[str, Any], told: list[str]
) -> None:
    design = Design(**changed(STRATA, **truth, scenarios={"modest": scenario}))
    lines = list(kept_by_merging(design, "modest"))
    assert len(lines) == len(told)
    for line, start in zip(lines, told, strict=True):
        assert line.startswith(start)
    assert list(kept_by_merging(design, "expected")) == []


def test_direct_values_of_the_other_strata_stay() -> None:
    raw = changed(STRATA, truth=None, endpoints={"fever": None, "infection": None})
    raw["truth"] = {"free": {"usual": 0.1, "cells": {"mild": 0.6, "hard": 0.5}}}
    raw["scenarios"] = {"a": {"free": {"cells": {"hard": 0.2}}}, "b": {"free": {"cells": 0.2}}}
    design = Design(**raw)
    [line] = kept_by_merging(design, "a")
    assert line.startswith("truth.free.cells.mild = 0.60")
    assert list(kept_by_merging(design, "b")) == []
    assert "free: usual 0.100, cells 0.360 (mild 0.600, hard 0.200)" in described(design)
