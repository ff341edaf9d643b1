"""Whether numbers were enumerated, and so have no Monte Carlo error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def enumerated(told: Mapping[str, Any]) -> bool:
    """Whether what a manifest tells of, or a table that says the same, was enumerated."""
    return bool(told["engine"] == "exact")
