"""Bounds as they are written: rounded to the side on which they still hold."""

from __future__ import annotations


def at_most(bound: float, decimals: int) -> str:
    """An upper bound, rounded up."""
    scale = 10.0**decimals
    return f"{-(-bound * scale // 1) / scale:.{decimals}f}"


def at_least(bound: float, decimals: int) -> str:
    """A lower bound, rounded down."""
    scale = 10.0**decimals
    return f"{bound * scale // 1 / scale:.{decimals}f}"
