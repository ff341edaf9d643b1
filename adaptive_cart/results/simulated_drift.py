"""What borrowing buys and what it risks where it is simulated: rates, times and scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from adaptive_cart.nouns.csv_text import csv_text
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.results.bounds import at_most
from adaptive_cart.results.drift import ALONE, EQUAL, WITHOUT, WRITTEN, Truth

MEASURES: Final = ("success", "bias", "coverage", "borrowed", "conflict")
SURE: Final = 1.96  # standard errors beyond which a difference is told


@dataclass(frozen=True)
class Simulated:
    """Characteristics over true levels of the control, by measure, ``(level,)`` each, and MCSE."""

    estimate: Mapping[str, Floats]
    mcse: Mapping[str, Floats]


@dataclass(frozen=True)
class SimulatedDrift:
    """A design that borrows and the same without, along a line of true levels of the control.

    Attributes
    ----------
    design, endpoint, arms, how, sources
        As of a drift that is enumerated.
    unit, multiplied
        What a level is; whether drift is told as a ratio, of levels that are never below 0.
    ratio
        Whether the other arm is compared with the control by a ratio.
    observed, levels
        Level of the external data; true levels of the control, ``(level,)``, rising.
    margin, effect, error, trials
        Comparisons at which errors and power are told; the error to be held; trials a point.
    curves
        By design and truth.
    thresholds, cannot
        With and without borrowing at equal error; else nothing, and why.
    bound
        Of the largest error as written and without, with confidence 0.95 at all points together.
    """

    design: str
    endpoint: str
    arms: tuple[str, str]
    how: str
    sources: tuple[str, ...]
    unit: str
    multiplied: bool
    ratio: bool
    observed: float
    levels: Floats
    margin: float
    effect: float
    error: float
    trials: int
    curves: Mapping[tuple[str, Truth], Simulated]
    thresholds: tuple[float, float] | None
    cannot: str
    bound: tuple[float, float]

    @property
    def drifts(self) -> Floats:
        """How far the control is from the external data: a ratio of levels, or a difference."""
        return self.levels / self.observed if self.multiplied else self.levels - self.observed

    def gains(self, borrowing: str, alone: str) -> tuple[Floats, Floats]:
        """Power gained by borrowing at each level, and its MCSE if trials were not in common."""
        with_, without = (self.curves[name, "effect"] for name in (borrowing, alone))
        gain = with_.estimate["success"] - without.estimate["success"]
        return gain, np.hypot(with_.mcse["success"], without.mcse["success"])

    def worst(self, name: str) -> tuple[float, float, float]:
        """Level at which a design's error is largest, that error and its MCSE."""
        curve = self.curves[name, "null"]
        place = int(np.nanargmax(curve.estimate["success"]))
        return (
            float(self.levels[place]),
            float(curve.estimate["success"][place]),
            float(curve.mcse["success"][place]),
        )

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def words(self) -> str:
        """Say what was found, a line each."""
        control, _ = self.arms
        lines = [
            f"{control} borrows in {self.endpoint}: {self.how}",
            *(f"  {source}" for source in self.sources),
            f"external {self.unit} {self.observed:.4g}; error where {self._compared(self.margin)}, "
            f"power where {self._compared(self.effect)}",
            f"simulated, {self.trials:,} trials a point (standard errors in brackets); between the "
            f"{len(self.levels)} points nothing was looked at",
        ]
        for name, bound in zip((WRITTEN, WITHOUT), self.bound, strict=True):
            level, error, mcse = self.worst(name)
            lines.append(
                f"{name}: largest type I error {error:.4f} ({mcse:.4f}), where the {control} "
                f"{self.unit} is {level:.4g}; at none of the points above "
                f"{at_most(bound, 4)} (confidence "
                "0.95, of all points together)"
            )
        if self.thresholds is None:
            return "\n".join([*lines, f"at equal error: {self.cannot}"])
        errors = [self.worst(name) for name in (EQUAL, ALONE)]
        lines.append(
            f"at equal error, at most {self.error:g} at every point: thresholds "
            f"{self.thresholds[0]:.6f} with borrowing, {self.thresholds[1]:.6f} without, one for "
            f"all looks; in other trials the largest error is {errors[0][1]:.4f} "
            f"({errors[0][2]:.4f}) and {errors[1][1]:.4f} ({errors[1][2]:.4f})"
        )
        return "\n".join([*lines, f"  {self._gained()}"])

    def _compared(self, value: float) -> str:
        control, other = self.arms
        return f"{other} {'/' if self.ratio else '−'} {control} is {value:g}"

    def _gained(self) -> str:
        gain, mcse = self.gains(EQUAL, ALONE)
        where = f"where the {self.arms[0]} {self.unit} is"

        def told(chosen: Booleans) -> str:
            return ", ".join(_minus(f"{level:.4g}") for level in self.levels[chosen])

        def at(place: int) -> str:
            level, by = f"{self.levels[place]:.4g}", f"{gain[place]:+.3f}"
            return f"at {_minus(level)} by {_minus(by)} ({mcse[place]:.3f})"

        more, less = gain > SURE * mcse, gain < -SURE * mcse
        found = (
            f"borrowing has more power (beyond {SURE:g} standard errors) {where} {told(more)}, "
            f"most {at(int(np.nanargmax(gain)))}"
            if more.any()
            else "at no point has borrowing more power than chance explains"
        )
        if less.any():
            found += f"; less {where} {told(less)}, {at(int(np.nanargmin(gain)))}"
        return found

    def paragraph(self) -> str:
        """What a protocol would say of it."""
        control, _ = self.arms
        level, error, mcse = self.worst(WRITTEN)
        _, other_error, other_mcse = self.worst(WITHOUT)
        here = int(np.abs(self.levels - self.observed).argmin())
        near = (
            "the control is as the external data"
            if math.isclose(self.levels[here], self.observed)
            else f"the {control} {self.unit} is {self.levels[here]:.4g}"
        )
        at = {name: self._at(name, here) for name in ("success", "bias", "coverage", "borrowed")}
        text = (
            f"The {control} arm borrows external data of {self.endpoint} "
            f"({'; '.join(self.sources)}): {self.how}. All numbers that follow are of "
            f"{self.trials:,} simulated trials at each of {len(self.levels)} true values, with "
            f"Monte Carlo standard errors in brackets. Over these values of the {control} "
            f"{self.unit}, from {self.levels[0]:.4g} to {self.levels[-1]:.4g}, where "
            f"{self._compared(self.margin)}, the probability of a false success is estimated as at "
            f"most {error:.4f} ({mcse:.4f}), at "
            f"{level:.4g}, and with confidence 0.95 above {at_most(self.bound[0], 4)} at none of "
            f"them; without borrowing it is {other_error:.4f} ({other_mcse:.4f}). Where {near} "
            f"and {self._compared(self.effect)}, power is {at['success']}, "
            f"the bias {at['bias']}, the coverage of the 95% interval {at['coverage']}, and "
            f"{at['borrowed']} participants are borrowed on average."
        )
        if self.thresholds is None:
            return f"{text} {self.cannot[:1].upper()}{self.cannot[1:]}."
        return f"{text} At equal error ({self.error:g}) {self._gained()}."

    def _at(self, measure: str, place: int) -> str:
        curve = self.curves[WRITTEN, "effect"]
        value, mcse = float(curve.estimate[measure][place]), float(curve.mcse[measure][place])
        told = f"{value:.3f} ({mcse:.3f})" if math.isfinite(value) else "not defined"
        return _minus(told)

    # ── as numbers ────────────────────────────────────────────────────────────────────────
    def table(self) -> str:
        """The points of the line, a line each."""
        head = (
            f"{self.arms[0]:>9s} {'drift':>7s} | type I error                    | power          "
            f"                 | at equal error, power           | bias    | cover- | borrowed\n"
            f"{'':9s} {'':7s} | written         without         | written         without         "
            f"| with            without         | written | age    | null"
        )
        rows = []
        for place, (level, drift) in enumerate(zip(self.levels, self.drifts, strict=True)):
            cells = [
                f"{level:9.4g} {drift:7.3f}",
                self._cells(place, "null", WRITTEN, WITHOUT),
                self._cells(place, "effect", WRITTEN, WITHOUT),
                self._cells(place, "effect", EQUAL, ALONE),
                self._cell(WRITTEN, "effect", "bias", place, "+7.3f"),
                self._cell(WRITTEN, "effect", "coverage", place, "6.3f"),
                self._cell(WRITTEN, "null", "borrowed", place, "7.1f"),
            ]
            rows.append(" | ".join(cells))
        return "\n".join([head, *rows])

    def _cells(self, place: int, truth: Truth, *names: str) -> str:
        found = []
        for name in names:
            curve = self.curves.get((name, truth))
            if curve is None:
                found.append(f"{'–':<15s}")
                continue
            value, mcse = (part["success"][place] for part in (curve.estimate, curve.mcse))
            known = math.isfinite(value)
            found.append(f"{value:.4f} ({mcse:.4f})" if known else f"{'–':<15s}")
        return " ".join(found)

    def _cell(self, name: str, truth: Truth, measure: str, place: int, form: str) -> str:
        value = float(self.curves[name, truth].estimate[measure][place])
        return format(value, form) if math.isfinite(value) else "–"

    def csv(self) -> str:
        """Every curve as text: a row a design, truth and level."""
        columns = [part for name in MEASURES for part in (name, f"{name}_mcse")]
        rows = []
        for (design, truth), curve in self.curves.items():
            for place, level in enumerate(self.levels):
                values = [
                    float(part[name][place])
                    for name in MEASURES
                    for part in (curve.estimate, curve.mcse)
                ]
                told = ["" if math.isnan(value) else repr(value) for value in values]
                row = [repr(float(level)), repr(float(self.drifts[place])), *told]
                rows.append([design, truth, *row])
        return csv_text(["design", "truth", "control", "drift", *columns], rows)


def _minus(number: str) -> str:
    """A number with the sign of a minus; names keep their hyphens."""
    return number.replace("-", "−")
