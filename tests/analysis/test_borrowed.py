"""A real trial whose control borrows: what is borrowed, and whether its data are in conflict."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import adaptive_cart as ac
from adaptive_cart.design.design import Design

HYBRID = """
name = "Hybrid"
[arms.soc]
control = true
[arms.cart]
[endpoints.dfr]
type = "landmark"
month = 6
[external.registry]
source = "A registry"
endpoint = "dfr"
responders = 6
participants = 60
[analysis.dfr]
model = "beta_binomial"
prior.soc = { external = ["registry"], method = "power", weight = 0.5 }
[enrolment]
max_n = 20
per_month = 3
[looks]
observed = [20]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
at_least = 0.97
[scenarios.null]
dfr = { soc = 0.1, cart = 0.1 }
"""


@pytest.mark.parametrize(("responders", "conflict"), [(1, False), (7, True)])
def test_what_is_borrowed_is_told(tmp_path: Path, responders: int, conflict: bool) -> None:
    rows = ["participant,arm,randomised_month,last_contact_month,dfr"]
    for place in range(20):
        arm, month = ("soc", "cart")[place % 2], place / 3.0
        had = int(place % 2 == 1 or place // 2 < responders)
        rows.append(f"p{place},{arm},{month:.3f},{month + 12.0:.3f},{had}")
    table = tmp_path / "participants.csv"
    table.write_text("\n".join(rows) + "\n")
    found = ac.analyze(Design(**tomllib.loads(HYBRID)), table, look=1, fast=True)
    (one,) = found.findings.borrowed
    assert (one.endpoint, one.arm) == ("dfr", "soc")
    assert one.external == ("registry: 6 of 60 participants (A registry)",)
    # Beta(1 + 3 + x, 1 + 27 + 10 - x) is worth 42 by its moments, and Beta(1 + x, 11 - x) 12
    assert one.participants == pytest.approx(30.0)
    assert one.conflict is conflict
    assert "Borrowed from external data" in found.text
    assert ("(conflict)" in found.text) is conflict
    assert found.findings.as_json()["borrowed"][0]["participants"] == one.participants
