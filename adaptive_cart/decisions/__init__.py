"""What follows when a rule holds: one kind a file, with its words; and how trials end.

To add one: ``docs/extending/decision.md``, and a line in ``DECISIONS``.
"""

from __future__ import annotations

from adaptive_cart.decisions.base import Actions, Decision, Holding
from adaptive_cart.decisions.choosing import CHOOSE_ARM
from adaptive_cart.decisions.claim import CLAIM
from adaptive_cart.decisions.closing import CLOSE_STRATUM, DROP_ARM
from adaptive_cart.decisions.endings import (
    ENDINGS,
    FUTILITY,
    NO_SUCCESS,
    REASONS,
    SAFETY,
    STOPS,
    SUCCESS,
    Ending,
)
from adaptive_cart.decisions.enrolment import STOP_ENROLMENT
from adaptive_cart.decisions.success import DECLARE_SUCCESS
from adaptive_cart.decisions.without_success import DECLARE_FUTILITY, STOP_FOR_SAFETY

DECISIONS: dict[str, Decision] = {
    decision.name: decision
    for decision in (
        DECLARE_SUCCESS,
        DECLARE_FUTILITY,
        STOP_FOR_SAFETY,
        STOP_ENROLMENT,
        DROP_ARM,
        CHOOSE_ARM,
        CLOSE_STRATUM,
        CLAIM,
    )
}

__all__ = [
    "DECISIONS",
    "ENDINGS",
    "FUTILITY",
    "NO_SUCCESS",
    "REASONS",
    "SAFETY",
    "STOPS",
    "SUCCESS",
    "Actions",
    "Decision",
    "Ending",
    "Holding",
]
