"""Thresholds of several rules, each for averages of its own claim over a design prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adaptive_cart.results.averaged_calibration import AveragedCalibration
from adaptive_cart.results.of_rules import OfRules


@dataclass(frozen=True)
class SeveralAverages(OfRules):
    """A threshold of each rule that keeps averages of its own claim, with the others in force.

    Attributes
    ----------
    rules
        By rule: how its threshold was found, the others being those found here.
    """

    KIND = "adaptive_cart calibration of averages of several rules"
    OF_EACH = AveragedCalibration

    rules: Mapping[str, AveragedCalibration]
    notes: tuple[str, ...]
    scenarios: tuple[str, ...]
    asked: str
    found: str

    @property
    def of_averages(self) -> tuple[AveragedCalibration, ...]:
        """How each threshold was found."""
        return tuple(self.rules.values())

    @property
    def exact(self) -> bool:
        """Whether all of them were enumerated."""
        return all(one.exact for one in self.rules.values())

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def words(self) -> str:
        """Say what was found, a line each."""
        together = (
            "each of the claim of its own rule, where that rule declares it; the other thresholds "
            "are in force, and none moves any more"
        )
        return self.told(together)


def averaged_within(plain: Any) -> AveragedCalibration | SeveralAverages | None:
    """Read how averages were kept, inside another calibration; raises on what is something else."""
    found = AveragedCalibration.of(plain) or SeveralAverages.of(plain)
    if found is None and plain is not None:
        raise TypeError("no calibration of averages")
    return found
