"""The threshold of several questions at once: its error by enumeration of both endpoints."""

from __future__ import annotations

import copy
import tomllib
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.results.calibration import Calibrated
from adaptive_cart.running.calibrate import calibrate

ARM, ERROR, NODES = 20, 0.1, 400
TEXT = f"""
name = "Benefit and safety at once"
[arms.soc]
control = true
[arms.cart]
[endpoints.dfr]
type = "landmark"
month = 3
[endpoints.harm]
type = "landmark"
month = 3
[enrolment]
max_n = {2 * ARM}
per_month = 4
[looks]
observed = [{2 * ARM}]
[calibration]
type_one_error = {ERROR}
[[rules]]
name = "both"
then = "declare_success"
jointly = [
  {{ endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }},
  {{ endpoint = "harm", arm = "cart", below = 0.4 }},
]
at_least = "calibrate"
[scenarios.null]
dfr = {{ soc = 0.3, cart = 0.3 }}
harm = {{ soc = 0.1, cart = 0.05 }}
[scenarios.unsafe]
role = "null"
dfr = {{ soc = 0.3, cart = 0.9 }}
harm = {{ soc = 0.1, cart = 0.4 }}
[scenarios.expected]
dfr = {{ soc = 0.3, cart = 0.6 }}
harm = {{ soc = 0.1, cart = 0.1 }}
"""


def raw_design(**calibration: Any) -> dict[str, Any]:
    raw = tomllib.loads(TEXT)
    raw["calibration"] |= calibration
    return raw


def asked_of_tables() -> np.ndarray:
    """P(both | data) of every table, ``(dfr in soc, dfr in cart, harm in cart)``, by quadrature."""
    x = (np.arange(NODES) + 0.5) / NODES
    k = np.arange(ARM + 1)[:, None]
    density = stats.beta.pdf(x, 1.0 + k, 1.0 + ARM - k) / NODES
    above = stats.beta.sf(x, 1.0 + k, 1.0 + ARM - k)
    larger = density @ above.T  # (soc, cart)
    safe = stats.beta.cdf(0.4, 1.0 + k[:, 0], 1.0 + ARM - k[:, 0])
    return np.asarray(larger[:, :, None] * safe)


def enumerated(threshold: float, soc: float, cart: float, harm: float) -> float:
    """Probability of a success, the endpoints of a participant being independent."""
    k = np.arange(ARM + 1)
    masses = [stats.binom.pmf(k, ARM, rate) for rate in (soc, cart, harm)]
    return float(np.einsum("ijk,i,j,k->", asked_of_tables() >= threshold, *masses))


def test_the_error_is_that_of_an_enumeration_of_both_endpoints() -> None:
    found = calibrate(Design(**raw_design()), trials=2_000, jobs=1)
    assert isinstance(found, Calibrated)
    assert found.method == "simulated"
    errors = {
        "null": enumerated(found.threshold, 0.3, 0.3, 0.05),
        "unsafe": enumerated(found.threshold, 0.3, 0.9, 0.4),
    }
    assert found.worst in errors
    assert found.fresh is not None
    assert found.fresh.estimate == pytest.approx(errors[found.worst], abs=4.0 * found.fresh.mcse)
    assert max(errors.values()) <= ERROR + 2.0 * found.fresh.mcse
    assert max(errors.values()) > 0.05, "it uses what it may"
    assert not [note for note in found.notes if "at once" in note]


def test_it_is_told_where_one_thing_is_never_false_alone() -> None:
    raw = raw_design(confidence="estimate")
    raw["scenarios"]["unsafe"]["dfr"]["cart"] = 0.3
    raw["scenarios"]["unsafe"]["harm"]["cart"] = 0.5
    found = calibrate(Design(**raw), trials=200, jobs=1)
    told = [note for note in found.notes if "at once" in note]
    assert len(told) == 1
    assert "cart < 0.40 false and all else true" in told[0]


def test_what_cannot_be_found_is_refused() -> None:
    raw = raw_design()
    raw["scenarios"] = {"expected": raw["scenarios"]["expected"]}
    with pytest.raises(DesignError, match="no null scenario"):
        Design(**copy.deepcopy(raw))
