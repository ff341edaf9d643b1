"""What an error quotes cannot act on a terminal, whoever raises it."""

from __future__ import annotations

import pytest

from adaptive_cart.errors import (
    CartError,
    DesignError,
    EngineError,
    InputError,
    Problem,
    ResultsError,
    RunError,
)
from adaptive_cart.recorded.file import ParticipantsError

HOSTILE = "a\x1b[31mb\u202ec\u0007"
HARMLESS = r"a\x1b[31mb\u202ec\x07"


@pytest.mark.parametrize("kind", [CartError, InputError, EngineError, ResultsError, RunError])
def test_names_in_an_error_are_made_harmless(kind):
    assert (
        str(kind(f"{HOSTILE}: is no file\nsecond line")) == f"{HARMLESS}: is no file\nsecond line"
    )


@pytest.mark.parametrize("kind", [DesignError, ParticipantsError])
def test_names_in_a_list_of_problems_are_made_harmless(kind):
    told = str(kind([Problem(f"{HOSTILE}\nx", f"found {HOSTILE}")], HOSTILE))
    assert told == f"{HARMLESS}: {HARMLESS}\\nx: found {HARMLESS}"  # and one line stays one line


@pytest.mark.parametrize("kind", [DesignError, ParticipantsError])
def test_a_list_of_problems_has_an_end(kind):
    def told(number: int, letters: int) -> list[str]:
        problems = [Problem(f"row {row}", "x" * letters) for row in range(number)]
        return str(kind(problems, "table.csv")).split("\n")

    assert len(told(100, 20)) == 100
    assert told(101, 20)[-1] == "table.csv: and 1 more"
    few = told(72, 300)  # of long lines fewer
    assert len("\n".join(few)) < 16_000
    assert few[-1] == f"table.csv: and {72 - (len(few) - 1)} more"
    assert len(told(1, 30_000)) == 1  # one is always told
