"""A calibration for what is wanted on average over a design prior, and not in the worst case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from adaptive_cart.results.calibration import SHAPES, Calibrated, Searched, of_success_within
from adaptive_cart.results.figure import Figure

LABELS = {
    "false_discovery": "P(claim false | success)",
    "correct_decision": "P(correct decision)",
    "expected_loss": "expected loss",
    "assurance": "P(success)",
}
SIDES = {"false_discovery": "at most", "correct_decision": "at least"}


@dataclass(frozen=True)
class AveragedCalibration(Searched):
    """The threshold for success that keeps averages over a design prior.

    Attributes
    ----------
    threshold
        Midway between the next two, to ten decimals; of the last look, where they have a shape.
    must_not_count, may_count
        The largest posterior probability that must not count as success, and the next that may.
    rule
        Whose threshold it is; its ``claim`` in words.
    prior, weights
        The design prior, and what it weighs in words.
    wanted
        By measure: what is wanted of it.
    losses
        What a false success and a missed claim cost; nothing where the loss is not made small.
    averages
        By measure: what it is at this threshold, exact or on the trials that chose it.
    fresh
        The same of the design as it acts, on trials of another seed; nothing where it is exact.
    success
        How the threshold that the type I error needs was found, where that is wanted too.
    made
        What the rule does: it declares ``success``, or something is ``claimed`` at the end.
    """

    KIND = "adaptive_cart calibration of averages"

    threshold: float
    must_not_count: float | None
    may_count: float
    rule: str
    claim: str
    prior: str
    weights: str
    wanted: Mapping[str, float]
    losses: Mapping[str, float] | None
    averages: Mapping[str, Figure]
    fresh: Mapping[str, Figure]
    method: Literal["exact", "simulated"]
    trials: int
    seed: int
    confidence: Literal["exact", "upper", "estimate"]
    shape: str
    by_look: tuple[float, ...]
    success: Calibrated | None
    notes: tuple[str, ...]
    scenarios: tuple[str, ...]
    asked: str
    found: str
    made: str = "success"

    @property
    def exact(self) -> bool:
        """Whether it was enumerated."""
        return self.method == "exact"

    @property
    def bounded(self) -> bool:
        """Whether the bounds of Monte Carlo intervals keep what is wanted, and not estimates."""
        return self.confidence == "upper"

    @property
    def of_averages(self) -> tuple[AveragedCalibration, ...]:
        """How the threshold was found."""
        return (self,)

    def of_rule(self, name: str) -> Any:
        """What stands in the place of ``"calibrate"``: one number, or one a look."""
        assert name == self.rule
        return [*self.by_look] if len(set(self.by_look)) > 1 else self.threshold

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def lines(self) -> list[str]:
        """The averages, a line each."""
        return [
            f"{self._label(name):28s} {_shown(figure)}" for name, figure in self.averages.items()
        ]

    def short(self) -> str:
        """Say the threshold in a clause."""
        return f"threshold {', '.join(map(repr, self.by_look)) or repr(self.threshold)}"

    def words(self) -> str:
        """Say what was found, what it rests on and what confirms it."""
        low = "everything may count"
        if self.must_not_count is not None:
            low = (
                f"between {self.must_not_count:.6f}, which must not count, and "
                f"{self.may_count:.6f}, the next that may"
            )
        which = "the smallest attainable threshold that keeps this"
        if self.losses is not None:
            costs = ", ".join(f"{name} costs {value:g}" for name, value in self.losses.items())
            which = f"the attainable threshold with the smallest expected loss ({costs})"
            which += " that keeps this" if self.wanted else ""
        lines = [
            f"calibrated threshold {self.threshold!r} ({low})",
            *([f"'{self.rule}' by look, {SHAPES[self.shape]}: {', '.join(map(repr, self.by_look))}"]
              if self.by_look else []),
            f"{self._targets()}over the design prior {self.prior} ({self.weights}): {which}",
        ]  # fmt: skip
        if not self.exact:
            by = "its 95% bound" if self.bounded else "its estimate"
            kept = f"; {by} keeps it" if self.wanted else ""  # a smallest loss is held to nothing
            lines.append(f"simulated, {self.trials:,} trials in each scenario{kept}")
            told = "; ".join(f"{self._label(n)} {_shown(f)}" for n, f in self.fresh.items())
            lines.append(f"the design as it acts, on as many fresh trials: {told}")
        if self.success is not None:
            lines.append(
                f"a type I error of {self.success.target:g} alone needs {self.success.threshold!r}"
            )
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def _label(self, name: str) -> str:
        return LABELS[name].replace("success", self.made)

    def _targets(self) -> str:
        told = [f"{self._label(n)} {SIDES[n]} {v:g}" for n, v in self.wanted.items() if n in SIDES]
        return f"{' and '.join(told)} wanted, " if told else ""

    # ── kept ──────────────────────────────────────────────────────────────────────────────
    @classmethod
    def made_of(cls, told: dict[str, Any]) -> Self | None:
        """Make it of its own plain tables."""
        told["success"] = of_success_within(told["success"])
        for name in ("averages", "fresh"):
            told[name] = {key: Figure(**figure) for key, figure in told[name].items()}
        told["by_look"] = tuple(told["by_look"])
        return cls(**told)


def _shown(figure: Figure) -> str:
    if figure.n is None:
        return f"{figure.estimate:.6f}"
    return (
        f"{figure.estimate:.4f} (MCSE {figure.mcse:.4f}, 95% interval {figure.lower:.4f} to "
        f"{figure.upper:.4f})"
    )
