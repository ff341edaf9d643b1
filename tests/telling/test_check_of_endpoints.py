"""How `check` tells the settings of an endpoint."""

from __future__ import annotations

import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.telling.check import described
from checks import raw_design


@pytest.mark.parametrize(("each", "words"), [(True, "within_months 1.0, each_infusion;"),
                                             (False, "within_months 1.0;")])  # fmt: skip
def test_what_an_endpoint_is_or_is_not_is_told_by_the_key_alone(each: bool, words: str) -> None:
    raw = raw_design("lupus_in_vivo_redosing")
    raw["endpoints"]["crs3"]["each_infusion"] = each
    (line,) = (line for line in described(Design(**raw)).splitlines() if "adverse_event" in line)
    assert words in line
    assert "False" not in line
    assert "True" not in line
