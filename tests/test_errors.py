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
