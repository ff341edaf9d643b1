"""The operating characteristics of one design, ready to be set against those of another.

Beside each estimate stands what every simulated trial contributes to its error. Two designs that
were run on the same participants are compared trial by trial: their contributions are subtracted
before the standard error is taken, so that what both have in common drops out of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.decisions import NO_SUCCESS, REASONS, SAFETY, STOPS, SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.streams import padded
from adaptive_cart.results.columns import Columns
from adaptive_cart.results.figure import Figure as Estimate
from adaptive_cart.results.result import Result
from adaptive_cart.results.store import TRIALS, Store
from adaptive_cart.results.true_value import TrueValue

BOTH_EXACT = "both are exact"
COUNTED = ("n_randomised", "n_analysed", "n_infused", "months")


class Key(NamedTuple):
    """Which measure; arm and stratum where it is not of the trial as a whole."""

    measure: str
    arm: str | None = None
    stratum: str | None = None


@dataclass(frozen=True)
class Measure:
    """One operating characteristic in one scenario.

    Attributes
    ----------
    contributions
        ``(trial,)`` what each trial adds to the error: mean about 0, and the spread over the root
        of the number of trials is the standard error. Nothing where there is no such error.
    true
        The true value that was subtracted, where one was.
    """

    estimate: float
    mcse: float
    contributions: Floats | None = None
    true: TrueValue | None = None


Measures = dict[Key, Measure]


@dataclass(frozen=True)
class Candidate:
    """One of the designs that are compared.

    Attributes
    ----------
    label, words
        What it is called in tables, and what it is in a line.
    engine, seed, version
        How it was run, and by which version of the package.
    trials
        By scenario: simulated trials; 0 where it was enumerated.
    made
        Whether it was made from the first.
    """

    label: str
    words: str
    design: Design
    engine: str
    seed: int
    version: str
    trials: Mapping[str, int]
    result: Result
    made: bool = False
    found: dict[str, Measures] = field(default_factory=dict)

    def measures(self, scenario: str) -> Measures:
        """Operating characteristics in a scenario."""
        if scenario not in self.found:
            self.found[scenario] = measures_of(self.result, scenario)
        return self.found[scenario]

    @property
    def exact(self) -> bool:
        """Whether it was enumerated."""
        return self.result.exact

    @property
    def stops_for_safety(self) -> bool:
        """Whether a rule stops the trial for safety."""
        return self.design.may_end(SAFETY)

    @property
    def participants(self) -> int:
        """Uniforms a trial for each purpose; trials with other numbers share no participants."""
        return padded(self.design.enrolment.max_n)


# ── of a run ──────────────────────────────────────────────────────────────────────────────────
def measures_of(result: Result, scenario: str) -> Measures:
    """Read the operating characteristics of a run, and each trial's part in them."""
    exact = result.exact
    columns: Mapping[str, Any] = {}
    if not exact:
        columns = Columns(Store(result.folder), TRIALS, scenario, {"reason": REASONS})
    found: Measures = {}
    for key, values, squared in _columns_of(result.design, columns):
        figure = _figure(result, scenario, key)
        if figure is None:
            continue
        true = None
        if key.measure in ("bias", "rmse"):
            target = _figure(result, scenario, key._replace(measure="estimand"))
            true = None if target is None else TrueValue(target.estimate, target.mcse)
        contributions = None
        if values is not None:
            errors = values if true is None else values - true.value
            contributions = _contributions(errors, figure.estimate if squared else None)
        found[key] = Measure(figure.estimate, figure.mcse, contributions, true)
    return found


def _figure(result: Result, scenario: str, key: Key) -> Estimate | None:
    try:
        figure = result.figure(scenario, key.measure, arm=key.arm, stratum=key.stratum)
    except KeyError:
        return None
    return None if math.isnan(figure.estimate) else figure


def _contributions(values: Floats, root: float | None) -> Floats:
    """What each trial adds to the error of a mean, or of a root mean square; unknown adds nothing.

    The root by the delta method: (square − mean square) / (2 root).
    """
    known = np.isfinite(values)
    terms = values[known] if root is None else values[known] ** 2 / (2.0 * root if root else 1.0)
    parts = np.zeros(len(values))
    parts[known] = (terms - terms.mean()) * (len(values) / max(int(known.sum()), 1))
    return parts


def _columns_of(
    design: Design, columns: Mapping[str, Any]
) -> Iterator[tuple[Key, Floats | None, bool]]:
    """Yield each measure, its value in every trial (nothing if exact), and if it is squared."""

    def column(name: str) -> Floats | None:
        return np.asarray(columns[name], dtype=np.float64) if columns else None

    def flag(name: str, wanted: int) -> Floats | None:
        return (np.asarray(columns[name]) == wanted).astype(np.float64) if columns else None

    yield Key("success"), flag("reason", SUCCESS), False
    for stop in STOPS[1:]:
        yield Key(stop.measure), flag("reason", stop), False
    yield Key(NO_SUCCESS.measure), flag("reason", NO_SUCCESS), False
    yield Key("reversal"), column("reversal"), False
    for name in COUNTED:
        yield Key(f"{name}_mean"), column(name), False
    if design.by_target:
        for arm in design.experimental_names:
            for stratum in (None, *design.stratum_names):
                name = f"success_{arm}" if stratum is None else f"success_{arm}_{stratum}"
                if name in columns:
                    won = (np.asarray(columns[name]) > 0).astype(np.float64)
                    yield Key("arm_success", arm, stratum), won, False
    for estimand in Plan.of(design).estimands:
        at = (estimand.arm, estimand.stratum)
        estimate = column(f"estimate{estimand.suffix}")
        covered = column(f"covered{estimand.suffix}")
        if estimate is not None and covered is not None:
            covered = np.where(np.isfinite(estimate), covered, np.nan)
        yield Key("bias", *at), estimate, False
        yield Key("rmse", *at), estimate, True
        yield Key("coverage", *at), covered, False


# ── differences ───────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Difference:
    """One design less the first, with its Monte Carlo standard error."""

    value: float
    mcse: float
    paired: bool


def standard_error(contributions: Floats) -> float:
    """Monte Carlo standard error of what these contributions are of."""
    n = len(contributions)
    return float(contributions.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan


def difference(first: Measure, other: Measure, paired: bool) -> Difference:
    """Subtract the first design's measure from another's.

    Parameters
    ----------
    paired
        Whether trial i of both has the same participants; the standard error is then that of the
        mean of the differences of the trials.
    """
    value = other.estimate - first.estimate
    if not paired or first.contributions is None or other.contributions is None:
        return Difference(value, math.hypot(first.mcse, other.mcse), False)
    error = standard_error(other.contributions - first.contributions)
    if first.true is not None and other.true is not None and first.true != other.true:
        error = math.hypot(error, first.true.mcse, other.true.mcse)
    return Difference(value, error, True)


def why_not_paired(first: Candidate, other: Candidate, scenario: str) -> str:
    """Say why two designs are not compared trial by trial; nothing where they are."""
    if first.exact and other.exact:
        return BOTH_EXACT
    if other.exact:
        return "exact, without trials"
    if first.exact:
        return f"{first.label} is exact, without trials"
    if first.seed != other.seed:
        return f"seed {other.seed}, not {first.seed}"
    if first.version != other.version:
        return f"version {other.version} of adaptive_cart, not {first.version}"
    numbers = first.trials[scenario], other.trials[scenario]
    if numbers[0] != numbers[1]:
        return f"{numbers[1]:,} trials, not {numbers[0]:,}"
    if first.participants != other.participants:
        sizes = first.design.enrolment.max_n, other.design.enrolment.max_n
        return f"max_n {sizes[1]}, not {sizes[0]}"
    return ""
