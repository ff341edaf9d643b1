"""A calibration of claims that share the family-wise error: thresholds by amount of alpha."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, get_args

from adaptive_cart.results.averaged_calibration import AveragedCalibration
from adaptive_cart.results.calibration import Calibrated, Searched, of_success_within
from adaptive_cart.results.figure import Figure
from adaptive_cart.results.several_averages import SeveralAverages
from adaptive_cart.results.several_calibration import SeveralCalibration
from adaptive_cart.results.stop_calibration import StopCalibration


@dataclass(frozen=True)
class ClaimThreshold:
    """The threshold of a claim for one amount of alpha.

    Attributes
    ----------
    threshold
        Midway between the next two, in the fewest decimals that keep it between them.
    must_not_count, may_count
        The largest posterior probability that must not count, and the next larger one that may;
        nothing where there is none.
    errors
        By truth in which the claim is false: share of the trials of the search that reach it.
    worst
        Name of the truth with the largest.
    fresh
        The same there on trials of another seed.
    """

    rule: str
    alpha: float
    threshold: float
    must_not_count: float | None
    may_count: float | None
    errors: Mapping[str, float]
    worst: str
    fresh: Figure

    def words(self, trials: int) -> str:
        """Say what was found, what it rests on and what confirms it, in one line."""
        low = "none" if self.must_not_count is None else f"{self.must_not_count:.6f}"
        high = "none" if self.may_count is None else f"{self.may_count:.6f}"
        fresh = self.fresh
        over = ""
        if fresh.upper > self.alpha:
            over = f"; these do not show that it is at most {self.alpha:.6g}"
        return (
            f"'{self.rule}' for alpha {self.alpha:.6g}: threshold {self.threshold!r} (between "
            f"{low}, which must not count, and {high}, the next that may); falsely reached in "
            f"{self.errors[self.worst]:.4f} of {trials:,} trials at {self.worst}, and in "
            f"{fresh.estimate:.4f} of {fresh.n:,} fresh ones (95% interval {fresh.lower:.4f} to "
            f"{fresh.upper:.4f}){over}"
        )


@dataclass(frozen=True)
class FamilyPoint:
    """How often a design, as it acts, claims falsely in one truth.

    Attributes
    ----------
    any_false
        A success or a claim, at the end of the trial.
    by_rule
        By rule that claims falsely there.
    """

    name: str
    any_false: Figure
    by_rule: Mapping[str, Figure]


@dataclass(frozen=True)
class SharedCalibration(Searched):
    """Thresholds of claims that share the family-wise error, found together.

    Attributes
    ----------
    success
        How the threshold for success was found; nothing where it is written.
    claims
        The thresholds, by claim and amount.
    shares
        By rule: its own share.
    family
        Truths at which any false claim was counted, on fresh trials.
    trials, seed
        Of the search, at each truth.
    """

    KIND = "adaptive_cart calibration of claims"

    success: Calibrated | None
    claims: tuple[ClaimThreshold, ...]
    shares: Mapping[str, float]
    family: tuple[FamilyPoint, ...]
    trials: int
    seed: int
    notes: tuple[str, ...]
    scenarios: tuple[str, ...]
    asked: str
    found: str

    @property
    def of_success(self) -> Calibrated | None:
        """How the threshold for success was found."""
        return self.success

    @property
    def of_claims(self) -> SharedCalibration:
        """How those of the claims were found."""
        return self

    @property
    def target(self) -> float:
        """The family-wise error that the shares sum to."""
        return float(f"{sum(self.shares.values()):.12g}")

    @property
    def worst(self) -> FamilyPoint:
        """The truth with the most false claims."""
        return max(self.family, key=lambda point: point.any_false.estimate)

    def of_rule(self, name: str) -> Any:
        """What stands in the place of ``"calibrate"`` in a rule: a number, or one an amount."""
        own = [one for one in self.claims if one.rule == name]
        if not own:
            assert self.success is not None
            return self.success.of_rule(name)
        if len(own) == 1:
            return own[0].threshold
        return {"alpha": [one.alpha for one in own], "threshold": [one.threshold for one in own]}

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def lines(self) -> list[str]:
        """The truths at which false claims were counted, a line each."""
        return [
            f"{point.name:32s} any false claim {point.any_false.estimate:.4f}"
            f"{'  (worst)' if point is self.worst else ''}"
            for point in self.family
        ]

    def short(self) -> str:
        """Say the thresholds in a clause."""
        return "; ".join(f"{c.rule} for alpha {c.alpha:.6g}: {c.threshold!r}" for c in self.claims)

    def words(self) -> str:
        """Say what was found, a line each."""
        figure = self.worst.any_false
        above = figure.estimate > self.target
        return "\n".join(
            [
                *(self.success.words().splitlines() if self.success is not None else ()),
                *(one.words(self.trials) for one in self.claims),
                f"any false claim, success counted in: {figure.estimate:.4f} at {self.worst.name}, "
                f"the largest of {len(self.family)} truths, on {figure.n:,} fresh trials each "
                f"(95% interval {figure.lower:.4f} to {figure.upper:.4f}), "
                f"{'above' if above else 'at most'} {self.target:g}, the sum of the shares",
                *(f"note: {note}" for note in self.notes),
            ]
        )

    # ── kept ──────────────────────────────────────────────────────────────────────────────
    @classmethod
    def made_of(cls, told: dict[str, Any]) -> Self | None:
        """Make it of its own plain tables; nothing where no truth was counted."""
        told["success"] = of_success_within(told["success"])
        told["claims"] = tuple(
            ClaimThreshold(**one | {"fresh": Figure(**one["fresh"])}) for one in told["claims"]
        )
        told["family"] = tuple(
            FamilyPoint(
                one["name"],
                Figure(**one["any_false"]),
                {name: Figure(**figure) for name, figure in one["by_rule"].items()},
            )
            for one in told["family"]
        )
        found = cls(**told)
        return found if found.family and found.worst else None


AnyCalibration = (
    Calibrated
    | SharedCalibration
    | StopCalibration
    | AveragedCalibration
    | SeveralAverages
    | SeveralCalibration
)


def calibration_of(plain: Any) -> AnyCalibration | None:
    """Read the plain tables of a calibration of any kind; nothing where they are of none."""
    kinds = get_args(AnyCalibration)
    found: list[AnyCalibration | None] = [kind.of(plain) for kind in kinds]
    return next((one for one in found if one is not None), None)
