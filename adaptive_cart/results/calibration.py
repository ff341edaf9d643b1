"""A calibration that was made: the threshold, what it rests on, and which design it belongs to.

It is kept beside the design file by ``calibrate`` (``NAME.calibration.json``) and in the manifest
of a run, so that a report can quote what the search found instead of what the file asks for. A
fingerprint of the tables that the search read ties it to its design: once a threshold or one of
these tables is edited, it no longer matches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of
from adaptive_cart.results.figure import Figure

if TYPE_CHECKING:
    from adaptive_cart.results.averaged_calibration import AveragedCalibration
    from adaptive_cart.results.several_calibration import SeveralCalibration
    from adaptive_cart.results.shared_calibration import SharedCalibration
    from adaptive_cart.results.stop_calibration import StopCalibration

FORMAT = 1
WITHIN = ("success", "rules", "averaged")  # what holds calibrations itself
SHAPES = {
    "pocock": "Pocock-like",
    "obrien_fleming": "O'Brien-Fleming-like",
    "spending": "by what may be spent up to each",
}


@dataclass(frozen=True)
class NullPoint:
    """A truth at which the claim is false, and the type I error there.

    Attributes
    ----------
    name
        In words: ``usual 0.3000, cells 0.4000``, or the name of a scenario.
    error, mcse
        Probability of a false success at the threshold, and its Monte Carlo standard error (0 where
        it was enumerated).
    """

    name: str
    error: float
    mcse: float


class Searched:
    """A search for thresholds, known by the design that it was made for.

    Attributes
    ----------
    KIND
        What kind of search it was, in the file where it is kept.
    notes
        What a reader must know.
    scenarios
        Names of the scenarios that the search read.
    asked, found
        Fingerprints of the design as it was written, and with the thresholds in their place.
    """

    KIND: ClassVar[str]
    notes: tuple[str, ...]
    scenarios: tuple[str, ...]
    asked: str
    found: str

    # ── what was found: each kind of search answers for its own ───────────────────────────
    @property
    def of_success(self) -> Calibrated | None:
        """How the one threshold for success was found, where it was."""
        return None

    @property
    def of_several(self) -> SeveralCalibration | None:
        """How those of several rules for success were found."""
        return None

    @property
    def of_claims(self) -> SharedCalibration | None:
        """How those of claims that share the error were found."""
        return None

    @property
    def of_stops(self) -> StopCalibration | None:
        """How those of stops were found."""
        return None

    @property
    def of_averages(self) -> tuple[AveragedCalibration, ...]:
        """How thresholds were found for averages, a rule each."""
        return ()

    def matches(self, design: Design) -> bool:
        """Whether a design's thresholds are the ones found here, and its tables those searched."""
        return fingerprint(design, self.scenarios) == self.found

    def answers(self, design: Design) -> bool:
        """Whether this is the search that a design with ``"calibrate"`` asks for."""
        return fingerprint(design, self.scenarios) == self.asked

    # ── kept ──────────────────────────────────────────────────────────────────────────────
    def plain(self) -> dict[str, Any]:
        """As plain tables, for JSON."""
        own = asdict(cast(Any, self))
        within: dict[str, Any] = {
            name: _plain(getattr(self, name)) for name in own if name in WITHIN
        }
        return {"kind": self.KIND, "format": FORMAT, **own, **within}

    @classmethod
    def of(cls, plain: Any) -> Self | None:
        """Read plain tables; nothing where they are not those of such a calibration."""
        if not isinstance(plain, dict):
            return None
        if (plain.get("kind"), plain.get("format")) != (cls.KIND, FORMAT):
            return None
        told = {key: value for key, value in plain.items() if key not in ("kind", "format")}
        try:
            told["notes"], told["scenarios"] = tuple(told["notes"]), tuple(told["scenarios"])
            return cls.made_of(told)
        except (AttributeError, KeyError, StopIteration, TypeError):
            return None

    @classmethod
    def made_of(cls, told: dict[str, Any]) -> Self | None:
        """Make it of its own plain tables; raises where one is missing or something else."""
        raise NotImplementedError


def _plain(found: Any) -> Any:
    """Plain tables of a calibration inside another, or of several by name."""
    if isinstance(found, Mapping):
        return {name: _plain(one) for name, one in found.items()}
    return None if found is None else found.plain()


@dataclass(frozen=True)
class Calibrated(Searched):
    """A threshold and how it was found.

    Attributes
    ----------
    threshold
        Midway between the next two, to ten decimals.
    must_not_count, may_count
        The largest posterior probability that must not count as success, and the next larger one
        that may; nothing where there is none.
    target
        The type I error wanted.
    claims
        By calibrated rule: what it claims, with its margin, in words.
    margins
        By calibrated rule: the value that its claim is compared with.
    region
        The null region in words.
    method
        ``exact`` where the error was enumerated, else ``simulated``.
    points
        Null points with their errors at this threshold. Where the error was enumerated these are
        some of the many that were looked at, the worst among them.
    worst
        Name of the point with the largest error.
    trials
        Simulated trials at each point; 0 where it was enumerated.
    fresh
        Error at the worst point on trials of another seed, with its 95% Monte Carlo interval;
        nothing where it was enumerated.
    seed
        Of the search; that of the fresh trials differs from it, and both from the design's.
    notes
        What a reader must know: null scenarios that do not count, truths that are not at a margin.
    scenarios
        Names of the scenarios that the search read.
    asked, found
        Fingerprints of the design as it was written, and with the threshold in its place.
    confidence
        Whether the upper 95% bound of the error on fresh trials is at most the target, or its
        estimate on those of the search.
    shape
        Of the thresholds over the looks; the threshold above is then that of the last look, and
        its neighbours are as they would be there.
    by_look
        By calibrated rule: its thresholds at the looks at which it is judged; empty where all are
        one number.
    """

    KIND = "adaptive_cart calibration"

    threshold: float
    must_not_count: float | None
    may_count: float | None
    target: float
    claims: Mapping[str, str]
    margins: Mapping[str, float]
    region: str
    method: Literal["exact", "simulated"]
    points: tuple[NullPoint, ...]
    worst: str
    trials: int
    fresh: Figure | None
    seed: int
    notes: tuple[str, ...]
    scenarios: tuple[str, ...]
    asked: str
    found: str
    confidence: Literal["exact", "upper", "estimate"] = "estimate"
    shape: str = "pocock"
    by_look: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """Whether it was enumerated."""
        return self.method == "exact"

    @property
    def bounded(self) -> bool:
        """Whether the bounds of Monte Carlo intervals keep what is wanted, and not estimates."""
        return self.confidence == "upper"

    @property
    def of_success(self) -> Calibrated:
        """How the threshold for success was found."""
        return self

    @property
    def errors(self) -> dict[str, float]:
        """Type I error by null point, at the threshold."""
        return {point.name: point.error for point in self.points}

    @property
    def worst_point(self) -> NullPoint:
        """The null point with the largest error."""
        return next(point for point in self.points if point.name == self.worst)

    def of_rule(self, name: str) -> Any:
        """What stands in the place of ``"calibrate"`` in a rule: one number, or one a look."""
        values = self.by_look.get(name, ())
        return [*values] if len(set(values)) > 1 else self.threshold

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def lines(self) -> list[str]:
        """The null points with their errors, a line each."""
        return [
            f"{point.name:32s} type I error {four_decimals(point.error)}"
            f"{'  (worst)' if point.name == self.worst else ''}"
            for point in self.points
        ]

    def short(self) -> str:
        """Say the threshold in a clause."""
        at = "; ".join(", ".join(map(repr, values)) for values in self.by_look.values())
        return f"threshold {at or repr(self.threshold)}"

    def words(self) -> str:
        """Say what was found, a line each: the threshold, its error, what confirms it."""
        worst = self.worst_point
        last = " of the last look" if self.by_look else ""
        lines = [f"calibrated threshold{last} {self.threshold!r} ({self._between()})"]
        for name, values in self.by_look.items():
            numbers = ", ".join(map(repr, values))
            lines.append(f"'{name}' by look, {SHAPES[self.shape]}: {numbers}")
        if self.exact:
            lines.append(
                f"worst type I error {four_decimals(worst.error)} at {worst.name}, exact over "
                f"{self.region}; at most {self.target:g} is wanted"
            )
        else:
            lines.append(
                f"worst type I error {four_decimals(worst.error)} (MCSE {worst.mcse:.4f}) at "
                f"{worst.name} of {len(self.points)} null points with {self.trials:,} trials each, "
                f"over {self.region}; at most {self.target:g} is wanted"
            )
        if self.fresh is not None:
            fresh = self.fresh
            lines.append(
                f"on {fresh.n:,} fresh trials {fresh.estimate:.4f} there (MCSE {fresh.mcse:.4f}, "
                f"95% interval {fresh.lower:.4f} to {fresh.upper:.4f}){self._advice(fresh)}"
                f"{self._chosen_by()}"
            )
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def _between(self) -> str:
        low, high = self.must_not_count, self.may_count
        if low is None:
            return "everything may count"
        if high is None:
            return f"above {apart(low, 1.0)[0]}, which must not count and is the largest seen"
        below, above = apart(low, high)
        return f"between {below}, which must not count, and {above}, the next that may"

    def _chosen_by(self) -> str:
        if not self.bounded:
            return ""
        return f"; the smallest threshold at which that upper bound is at most {self.target:g}"

    def _advice(self, fresh: Figure) -> str:
        if fresh.upper <= self.target:
            return ""
        return (
            f": these trials do not show that the error is at most {self.target:g}; calibrate with "
            f"--trials {4 * self.trials} for half the error, or ask for a smaller type_one_error"
        )

    # ── kept ──────────────────────────────────────────────────────────────────────────────
    @classmethod
    def made_of(cls, told: dict[str, Any]) -> Self | None:
        """Make it of its own plain tables; nothing where no point is the worst."""
        told["points"] = tuple(NullPoint(**point) for point in told["points"])
        told["fresh"] = None if told["fresh"] is None else Figure(**told["fresh"])
        by_look = told.get("by_look", {})
        told["by_look"] = {name: tuple(values) for name, values in by_look.items()}
        found = cls(**told)
        return found if found.worst_point else None


def of_success_within(plain: Any) -> Calibrated | None:
    """Read how success was found, inside another calibration; raises on what is something else."""
    found = Calibrated.of(plain)
    if found is None and plain is not None:
        raise TypeError("no calibration of the threshold for success")
    return found


def four_decimals(probability: float) -> str:
    """Write a probability with four decimals; one that they do not show, with two digits."""
    shown = f"{probability:.4f}"
    return shown if probability == 0.0 or float(shown) > 0.0 else f"{probability:.2g}"


def apart(low: float, high: float) -> tuple[str, str]:
    """Write two probabilities with six decimals, or as many more as tell them apart."""
    for decimals in range(6, 16):
        shown = f"{low:.{decimals}f}", f"{high:.{decimals}f}"
        if shown[0] != shown[1] and (float(shown[1]) < 1.0 or high >= 1.0):
            return shown
    return repr(low), repr(high)


def fingerprint(design: Design, scenarios: tuple[str, ...]) -> str:
    """Fingerprint of what a calibration reads: every table but other scenarios and run settings.

    Blank where the design lacks one of the scenarios.
    """
    if any(name not in design.scenarios for name in scenarios):
        return ""
    used = {name: table for name, table in design.scenarios.items() if name in scenarios}
    return digest_of(design.model_copy(update={"scenarios": used}))
