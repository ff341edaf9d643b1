"""Thresholds of several rules, each for averages of its own claim over a design prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from adaptive_cart.results.averaged_calibration import AveragedCalibration
from adaptive_cart.results.calibration import Searched


@dataclass(frozen=True)
class SeveralAverages(Searched):
    """A threshold of each rule that keeps averages of its own claim, with the others in force.

    Attributes
    ----------
    rules
        By rule: how its threshold was found, the others being those found here.
    """

    KIND = "adaptive_cart calibration of averages of several rules"

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

    @property
    def trials(self) -> int:
        """Simulated trials in each scenario; 0 where all were enumerated."""
        return max(one.trials for one in self.rules.values())

    def of_rule(self, name: str) -> Any:
        """What stands in the place of ``"calibrate"`` in a rule."""
        return self.rules[name].of_rule(name)

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def lines(self) -> list[str]:
        """The averages of each rule, a line each."""
        return [f"{name}: {told}" for name, one in self.rules.items() for told in one.lines()]

    def short(self) -> str:
        """Say the thresholds in a clause."""
        return "; ".join(f"{name}: {one.short()}" for name, one in self.rules.items())

    def words(self) -> str:
        """Say what was found, a line each."""
        told = [f"'{n}': {line}" for n, one in self.rules.items() for line in _lines_of(one)]
        together = (
            "each of the claim of its own rule, where that rule declares it; the other thresholds "
            "are in force, and none moves any more"
        )
        return "\n".join([*told, together, *(f"note: {note}" for note in self.notes)])

    # ── kept ──────────────────────────────────────────────────────────────────────────────
    @classmethod
    def made_of(cls, told: dict[str, Any]) -> Self | None:
        """Make it of its own plain tables; nothing where a rule has none."""
        rules = {name: AveragedCalibration.of(one) for name, one in told["rules"].items()}
        if not rules or None in rules.values():
            return None
        told["rules"] = rules
        return cls(**told)


def _lines_of(one: AveragedCalibration) -> list[str]:
    return one.words().splitlines()


def averaged_within(plain: Any) -> AveragedCalibration | SeveralAverages | None:
    """Read how averages were kept, inside another calibration; raises on what is something else."""
    found = AveragedCalibration.of(plain) or SeveralAverages.of(plain)
    if found is None and plain is not None:
        raise TypeError("no calibration of averages")
    return found
