"""Thresholds of several rules for success, each for its share of the type I error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from adaptive_cart.results.calibration import Calibrated
from adaptive_cart.results.figure import Figure
from adaptive_cart.results.of_rules import OfRules


@dataclass(frozen=True)
class SeveralCalibration(OfRules):
    """A threshold of each rule for success, and what all of them together come to.

    Attributes
    ----------
    rules
        By rule: how its threshold was found, for its share of the error.
    target
        The type I error of any of them that is wanted.
    family
        The largest probability of any false success that was found, with all thresholds in force,
        and ``family_at`` which truth.
    notes
        What a reader must know.
    """

    KIND = "adaptive_cart calibration of several rules"
    OF_EACH = Calibrated

    rules: Mapping[str, Calibrated]
    target: float
    family: Figure
    family_at: str
    notes: tuple[str, ...]
    scenarios: tuple[str, ...]
    asked: str
    found: str

    @property
    def of_several(self) -> SeveralCalibration:
        """How those of several rules for success were found."""
        return self

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def words(self) -> str:
        """Say what was found, a line each."""
        figure = self.family
        how = "exact" if not figure.n else (
            f"{figure.n:,} trials, 95% interval {figure.lower:.4f} to {figure.upper:.4f}"
        )  # fmt: skip
        above = "above" if figure.estimate > self.target else "at most"
        together = (
            f"any false success with all of them in force: {figure.estimate:.4f} at "
            f"{self.family_at} ({how}), {above} the {self.target:g} wanted"
        )
        return self.told(together)

    # ── kept ──────────────────────────────────────────────────────────────────────────────
    @classmethod
    def made_of(cls, told: dict[str, Any]) -> Self | None:
        """Make it of its own plain tables; nothing where a rule has none."""
        return super().made_of(told | {"family": Figure(**told["family"])})
