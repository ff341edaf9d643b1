"""What a design has a scenario for."""

from __future__ import annotations

from typing import Final

NULL: Final = "null"  # a success is an error there
ALTERNATIVE: Final = "alternative"  # a success is wanted there
ROBUSTNESS: Final = "robustness"  # a truth that nobody wants but that may be

ROLES = (NULL, ALTERNATIVE, ROBUSTNESS)
PLURAL = {NULL: "nulls", ALTERNATIVE: "alternatives", ROBUSTNESS: "robustness"}
