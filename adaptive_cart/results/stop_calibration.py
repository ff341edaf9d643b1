"""A calibration of rules that stop a trial, an arm or a stratum: how often they stop it falsely.

Beside it stands that of the threshold for success, found with these stops in force: for its type I
error, or for averages over a design prior.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from adaptive_cart.results.averaged_calibration import AveragedCalibration
from adaptive_cart.results.calibration import (
    Calibrated,
    Searched,
    apart,
    four_decimals,
    of_success_within,
)
from adaptive_cart.results.figure import Figure
from adaptive_cart.results.several_averages import SeveralAverages, averaged_within


@dataclass(frozen=True)
class StopThreshold:
    """The threshold of a rule that stops a trial.

    Attributes
    ----------
    threshold
        Midway between the next two, in the fewest decimals that keep it between them.
    must_not_count, may_count
        The last probability that must not stop a trial, and the next that may; nothing where there
        is none.
    target
        Largest probability of a false stop that is wanted.
    errors
        By scenario in which a stop is false: share of the trials of the search that it stops, or
        where it is enumerated the probability that it stops a trial of the design as it acts.
    worst
        The scenario with the largest.
    fresh
        Stops there by the design as it acts, on trials of another seed; the probability itself
        where it is enumerated.
    """

    rule: str
    threshold: float
    must_not_count: float | None
    may_count: float | None
    target: float
    errors: Mapping[str, float]
    worst: str
    fresh: Figure

    @property
    def enumerated(self) -> bool:
        """Whether false stops were enumerated, so that no trial was simulated."""
        return self.fresh.n is None

    def words(self, trials: int) -> str:
        """Say what was found, what it rests on and what confirms it, in one line."""
        last, next_ = self._beside()
        fresh = self.fresh
        if fresh.n is None:
            return (
                f"'{self.rule}': threshold {self.threshold!r} (between {last}, which must not "
                f"stop, and {next_}, the next that may); a false stop has probability "
                f"{four_decimals(fresh.estimate)} at {self.worst}, exact; at most {self.target:g} "
                f"is wanted"
            )
        over = ""
        if fresh.lower > self.target:
            over = f"; that is more than the {self.target:g} wanted"
        return (
            f"'{self.rule}': threshold {self.threshold!r} (between {last}, which must not stop, "
            f"and {next_}, the next that may); a false stop in {self.errors[self.worst]:.4f} of "
            f"{trials:,} trials at {self.worst}, at most {self.target:g} is wanted; on {fresh.n:,} "
            f"fresh trials {fresh.estimate:.4f} (95% interval {fresh.lower:.4f} to "
            f"{fresh.upper:.4f}){over}"
        )

    def _beside(self) -> tuple[str, str]:
        """The last probability that must not stop, and the next that may, as far as need be."""
        low, high = self.must_not_count, self.may_count
        if low is None or high is None:
            return tuple("none" if v is None else f"{v:.6f}" for v in (low, high))  # type: ignore
        first, second = apart(min(low, high), max(low, high))
        return (first, second) if low < high else (second, first)


@dataclass(frozen=True)
class StopCalibration(Searched):
    """Thresholds of stops, and of success with these stops in force.

    Attributes
    ----------
    success
        How the threshold for success was found; nothing where it is written, or found for averages.
    stops
        By rule.
    trials, seed
        Of the search for stops, in each scenario; 0 where all are enumerated.
    averaged
        How the threshold for success, or those of several rules, were found where averages are
        wanted; nothing where none are.
    """

    KIND = "adaptive_cart calibration of stops"

    success: Calibrated | None
    stops: tuple[StopThreshold, ...]
    trials: int
    seed: int
    notes: tuple[str, ...]
    scenarios: tuple[str, ...]
    asked: str
    found: str
    averaged: AveragedCalibration | SeveralAverages | None = None

    @property
    def of_averages(self) -> tuple[AveragedCalibration, ...]:
        """How that for success, or those of several rules, were found for averages."""
        return () if self.averaged is None else self.averaged.of_averages

    @property
    def of_success(self) -> Calibrated | None:
        """How the threshold for success was found."""
        return self.success

    @property
    def of_stops(self) -> StopCalibration:
        """How those of stops were found."""
        return self

    def of_rule(self, name: str) -> Any:
        """What stands in the place of ``"calibrate"`` in a rule."""
        for one in self.stops:
            if one.rule == name:
                return one.threshold
        success = self.success or self.averaged
        assert success is not None
        return success.of_rule(name)

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def lines(self) -> list[str]:
        """The null points of success, and the scenarios of stops, a line each."""
        success = self.success or self.averaged
        told = [] if success is None else success.lines()
        return told + [
            f"{name:32s} false stop by '{one.rule}' {four_decimals(error)}"
            f"{'  (worst)' if name == one.worst else ''}"
            for one in self.stops
            for name, error in one.errors.items()
        ]

    def short(self) -> str:
        """Say the thresholds in a clause."""
        success = self.success or self.averaged
        told = [] if success is None else [success.short()]
        return "; ".join([*told, *(f"{one.rule}: {one.threshold!r}" for one in self.stops)])

    def words(self) -> str:
        """Say what was found, a line each."""
        found = self.success or self.averaged
        success = [] if found is None else found.words().splitlines()
        stops = [one.words(self.trials) for one in self.stops]
        return "\n".join([*success, *stops, *(f"note: {note}" for note in self.notes)])

    # ── kept ──────────────────────────────────────────────────────────────────────────────
    @classmethod
    def made_of(cls, told: dict[str, Any]) -> Self | None:
        """Make it of its own plain tables."""
        told["success"] = of_success_within(told["success"])
        told["averaged"] = averaged_within(told.get("averaged"))
        told["stops"] = tuple(
            StopThreshold(**one | {"fresh": Figure(**one["fresh"])}) for one in told["stops"]
        )
        return cls(**told)
