"""Operating characteristics averaged over a design prior, with their Monte Carlo standard errors.

========================  ==========================================================================
`assurance`               P(success), whether what it claims is true or not
`type_one_error_average`  P(false success | something that a success could claim is false)
`power_average`           P(true success | something that a success could claim is true)
`false_discovery`         P(the claim is false | success)
`false_omission`          P(something that a success could claim is true | no success)
`claimed_at_success`      mean posterior probability of the claim, given success: it is 1 less the
                          false discovery where design prior and analysis prior agree
`correct_decision`        P(a success that is true, or no success where none could be)
`participants`, `months`  mean number randomised, mean duration
`participants_helped`     mean number of participants who have the primary outcome, or are spared
                          it where it is a harm, because they were randomised to an experimental arm
                          and not to the control
`participants_harmed`     the same, of those who for that reason lack it, or suffer it
========================  ==========================================================================

Each is a ratio of two weighted sums over scenarios (the second is 1 where nothing is conditioned
on). Trial i has the same participants in every scenario, so that the standard error is that of the
trial's contributions summed over scenarios, by the delta method: with the ratio R of sums A and B,
trial i contributes Σ w (a_i − R b_i) / (n B).

Source of the names: O'Hagan, Stevens & Campbell 2005, Pharm Stat 4:187 (assurance); Grieve 2022,
Hybrid frequentist/Bayesian power (averages conditional on the truth of the claim).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.csv_text import csv_text, known
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.claims import FALSE, UNKNOWN, Claims
from adaptive_cart.results.estimand import TrueValues
from adaptive_cart.results.figure import Z95, Figure

COLUMNS = ("design_prior", "measure", "estimate", "mcse", "lower", "upper", "n")
PROBABILITIES = (
    "assurance", "type_one_error_average", "power_average", "false_discovery", "false_omission",
    "claimed_at_success", "correct_decision",
)  # fmt: skip
MEANS = ("participants", "months", "participants_helped", "participants_harmed")
AHEAD = "conditional_assurance_"  # before the number of a look
ONE = np.ones(1)


@dataclass(frozen=True)
class Member:
    """What one truth of a design prior gives: by trial, or one number where it is exact.

    Attributes
    ----------
    weight
        In the design prior.
    success, false
        ``(trial,)`` whether the trial was a success, and whether that is false; a probability where
        it is exact.
    some_true, some_false
        Whether something that a success could claim is true here, and whether something is false;
        by trial where each has a truth of its own.
    claimed
        ``(trial,)`` the posterior probability of the claim where a success was declared; not a
        number where it hung on several questions, and nothing where tables were enumerated.
    means
        ``(trial,)`` by name of a measure, what the trial counts; without those that are not known.
    ended
        ``(trial,)`` the look that ended the trial; nothing where tables were enumerated.
    """

    weight: float
    success: Floats
    false: Floats
    some_true: Floats | float
    some_false: Floats | float
    claimed: Floats | None
    means: Mapping[str, Floats]
    ended: Floats | None = None

    @property
    def exact(self) -> bool:
        """Whether there are no trials behind it."""
        return len(self.success) == 1

    def parts(self, measure: str) -> tuple[Floats, Floats] | None:
        """What each trial adds to the sum above the line and to that below it."""
        success, false, none = self.success, self.false, 1.0 - self.success
        if measure in MEANS:
            found = self.means.get(measure)
            return None if found is None else (found, np.ones_like(found))
        if measure == "claimed_at_success":
            of_success = (
                None if self.claimed is None else np.where(success > 0.0, self.claimed, 0.0)
            )
            return None if of_success is None else (of_success, success)
        if measure.startswith(AHEAD):
            look = int(measure.removeprefix(AHEAD).removesuffix("_mean"))
            goes_on = None if self.ended is None else (self.ended > look).astype(np.float64)
            return None if goes_on is None else (success * goes_on, goes_on)
        ones = np.ones_like(success)
        return {
            "assurance": (success, ones),
            "type_one_error_average": (false * self.some_false, ones * self.some_false),
            "power_average": ((success - false) * self.some_true, ones * self.some_true),
            "false_discovery": (false, success),
            "false_omission": (none * self.some_true, none),
            "correct_decision": (success - false + none * (1.0 - self.some_true), ones),
        }[measure]


def averaged(members: Sequence[Member], measure: str) -> Figure | None:
    """One measure over all truths of a design prior; nothing where one of them lacks it."""
    found = [(member, member.parts(measure)) for member in members]
    pieces = [(member.weight, *parts) for member, parts in found if parts is not None]
    if len(pieces) < len(members):
        return None
    above = math.fsum(weight * float(a.mean()) for weight, a, _ in pieces)
    below = math.fsum(weight * float(b.mean()) for weight, _, b in pieces)
    trials = max(len(a) for _, a, _ in pieces)
    exact = all(member.exact for member in members)
    number = None if exact else trials
    if below == 0.0 or math.isnan(above) or math.isnan(below):
        return Figure(math.nan, math.nan, math.nan, math.nan, number)
    ratio = above / below
    mcse = 0.0
    if not exact:
        whole = np.zeros(trials)
        for weight, a, b in pieces:
            part = a - ratio * b
            whole[: len(part)] += weight * (part - part.mean()) / (len(part) * below)
        mcse = (
            math.sqrt(float((whole**2).sum()) * trials / (trials - 1)) if trials > 1 else math.nan
        )
    half = Z95 * mcse
    probable = measure in PROBABILITIES or measure.startswith(AHEAD)
    low, high = (0.0, 1.0) if probable else (-math.inf, math.inf)
    return Figure(ratio, mcse, max(ratio - half, low), min(ratio + half, high), number)


def averages_of(members: Sequence[Member], looks: int) -> dict[str, Figure]:
    """Every measure that all truths of a design prior have, of a design with so many looks."""
    ahead = [f"{AHEAD}{look}_mean" for look in range(1, looks)]
    found = {name: averaged(members, name) for name in (*PROBABILITIES, *MEANS, *ahead)}
    return {name: figure for name, figure in found.items() if figure is not None}


# ── what one scenario gives ───────────────────────────────────────────────────────────────────
def what_could_be_claimed(design: Design, true: TrueValues) -> tuple[float, float]:
    """Whether something that a success could claim is true, and whether something is false."""
    return could_be(Claims.of(design, true))


def could_be(claims: Claims) -> tuple[float, float]:
    """The same of claims."""
    false = [
        claims.false(position, place)
        for position, rule in enumerate(claims.rules)
        if rule.decision.ends == SUCCESS
        for place in range(len(rule.targets))
    ]
    if None in false:
        return math.nan, math.nan
    return float(False in false), float(True in false)


def verdicts(false_success: Any) -> Floats:
    """Whether successes are false, ``(trial,)``; not a number where it is not known."""
    return np.where(false_success == UNKNOWN, np.nan, false_success == FALSE).astype(np.float64)


def of_trials(design: Design, weight: float, true: TrueValues, trials: Mapping[str, Any]) -> Member:
    """A scenario that was simulated.

    Parameters
    ----------
    trials
        Columns of ``trials.parquet`` of the scenario.
    """
    false = verdicts(np.asarray(trials["false_success"]))
    means = {
        "participants": np.asarray(trials["n_randomised"], dtype=np.float64),
        "months": np.asarray(trials["months"], dtype=np.float64),
    }
    gains = gain_by_arm(design, true)
    if gains is not None:
        by_arm = [np.asarray(trials[f"n_{arm}"], dtype=np.float64) for arm in design.arm_names]
        for name, side in (("participants_helped", 1.0), ("participants_harmed", -1.0)):
            gained = [n * max(side * gain, 0.0) for n, gain in zip(by_arm, gains, strict=True)]
            means[name] = np.add.reduce(gained)
    success = (np.asarray(trials["reason"]) == SUCCESS).astype(np.float64)
    claimed = np.asarray(trials["probability"], dtype=np.float64)
    ended = np.asarray(trials["look"], dtype=np.float64)
    could = what_could_be_claimed(design, true)
    return Member(weight, success, false, *could, claimed, means, ended)


def of_rows(design: Design, weight: float, true: TrueValues, found: Mapping[str, float]) -> Member:
    """A scenario that was enumerated; participants and months are of the calendar, and left out.

    Parameters
    ----------
    found
        Exact probabilities by name of the measure.
    """
    success, false = (ONE * found[name] for name in ("success", "false_success"))
    return Member(weight, success, false, *what_could_be_claimed(design, true), None, {})


def gain_by_arm(design: Design, true: TrueValues) -> list[float] | None:
    """By arm, how much more probable a good primary outcome is than in the control.

    Nothing where the primary is not something that a participant has or has not.
    """
    if not design.primary_endpoint.binary:
        return None
    side = -1.0 if design.primary_endpoint.lower_is_better else 1.0
    values = true.levels(design.primary)
    return [side * (value - values[0]) for value in values]


# ── as a file ─────────────────────────────────────────────────────────────────────────────────
def averages_csv(found: Mapping[str, Mapping[str, Figure]]) -> str:
    """Rows by design prior and measure."""
    rows = []
    for prior, figures in found.items():
        for name, figure in figures.items():
            cells = known((figure.estimate, figure.mcse, figure.lower, figure.upper))
            rows.append([prior, name, *cells, "" if figure.n is None else figure.n])
    return csv_text(COLUMNS, rows)


def read_averages(rows: Iterable[Mapping[str, str]]) -> dict[str, dict[str, Figure]]:
    """The same, read back."""
    found: dict[str, dict[str, Figure]] = {}
    for row in rows:
        value, mcse, low, high = (float(row[name] or "nan") for name in COLUMNS[2:6])
        figure = Figure(value, mcse, low, high, int(row["n"]) if row["n"] else None)
        found.setdefault(row["design_prior"], {})[row["measure"]] = figure
    return found
