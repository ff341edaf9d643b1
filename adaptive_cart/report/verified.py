"""The comparison with PyMC that ``adaptive-cart verify`` left in the results folder, if it did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from adaptive_cart.report.evidence import Evidence

PLACES = ("verification", ".")  # folders within the results folder
SUMMARY = "verification.json"
HOW = "adaptive-cart verify RESULT/design.toml --out RESULT/verification"


def verified(evidence: Evidence) -> Mapping[str, Any] | None:
    """The summary of a finished verification of the very design that was run."""
    for place in PLACES:
        path = evidence.result.folder / place / SUMMARY
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        own = isinstance(found, dict) and found.get("digest") == evidence.manifest["digest"]
        if own and found.get("status") == "complete":
            return dict(found)
    return None
