"""Candidates that are simulated, all on the same participants.

What a trial adds to an aim is of its own columns. Under a design prior that draws, every trial of a
scenario has a truth of its own (:mod:`adaptive_cart.running.drawn_truths`), the same for every
candidate. Where the calendar alone speaks against enumeration the error is enumerated all the same.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.design_prior import Weighed
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.progress import Progress
from adaptive_cart.nouns.records import Booleans
from adaptive_cart.optimising.aims import averaged
from adaptive_cart.optimising.evaluating import Evaluation, with_thresholds_found
from adaptive_cart.optimising.freeing import Candidate
from adaptive_cart.optimising.wanted import Wanted
from adaptive_cart.results.averages import what_could_be_claimed
from adaptive_cart.results.claims import FALSE
from adaptive_cart.results.estimand import true_values
from adaptive_cart.results.figure import Z95, Figure, exact, proportion
from adaptive_cart.results.result import Result
from adaptive_cart.running.calibrating.overruled import all_binding
from adaptive_cart.running.drawn_truths import trials_drawn
from adaptive_cart.running.exact_error import ExactError
from adaptive_cart.running.null_points import null_points
from adaptive_cart.running.null_region import Point
from adaptive_cart.running.region import region_of
from adaptive_cart.running.run import simulate
from adaptive_cart.running.simulated_error import false_successes
from adaptive_cart.running.workers import all_cores, spread

HARDEST = 2  # null points at which every candidate is judged where its error is simulated


Columns = Mapping[str, Any]


@dataclass
class OnTrials:
    """Simulates candidates.

    Attributes
    ----------
    error_enumerated
        Whether the error is, and success alone is simulated.
    at
        Names of the null points at which the error is simulated; all if left out.
    """

    design: Design
    wanted: Wanted
    trials: int
    seed: int
    jobs: int | None
    progress: Progress
    error_enumerated: bool = False
    at: list[str] | None = None

    @property
    def how(self) -> str:
        """In words."""
        error = ", the error enumerated" if self.error_enumerated else ""
        return f"simulated, {self.trials:,} trials a scenario, seed {self.seed}{error}"

    @property
    def key(self) -> str:
        """What an evaluation hangs on beside the candidate."""
        return f"{self.how}; {self.wanted.averaged}; error at {self.at}"

    def __call__(self, candidate: Candidate) -> tuple[Evaluation, Design]:
        """What a candidate has, and it with its thresholds."""
        design, thresholds = with_thresholds_found(candidate.design, self.seed, "auto", self.jobs)
        weighed = self.wanted.mixture.weighed(design)
        asked = [*(one.scenario for one in weighed if not one.draws), *self.wanted.power]
        result = simulate(
            _uncorrected(design), trials=self.trials, seed=self.seed, jobs=self.jobs,
            engine="simulate", scenarios=[*dict.fromkeys(asked)], progress=self.progress,
        ) if asked else None  # fmt: skip
        members: list[tuple[Columns, bool | Booleans]] = [
            self._drawn(design, one) if one.draws else _as_it_is(design, one.scenario, result)
            for one in weighed
        ]
        average = {}
        for name, aim in self.wanted.aims.items():
            counted = [
                aim.of_trials(design, columns, true, self.wanted.losses)
                for columns, true in members
            ]
            value, mcse = averaged([one.weight for one in weighed], counted)
            half = Z95 * mcse
            average[name] = Figure(value, mcse, value - half, value + half, self.trials)
        success = {
            name: result.figure(name, "success") for name in self.wanted.power if result is not None
        }
        error, where = self._error(design)
        return Evaluation(average, success, error, where, thresholds), design

    def _drawn(self, design: Design, one: Weighed) -> tuple[Columns, Booleans]:
        """Trials with a truth each, by the names of ``trials.parquet``, and whether it is true."""
        done = 0

        def further(count: int) -> None:
            nonlocal done
            done += count
            self.progress(f"{one.scenario}, drawn", done, self.trials)

        jobs = all_cores() if self.jobs is None else self.jobs
        found = trials_drawn(design, one, self.seed, self.trials, jobs, further)
        if np.isnan(found["some_true"]).any():
            raise _not_known(one.scenario)
        success = found["success"].astype(np.bool_)
        columns = {
            "n_randomised": found["participants"],
            "n_analysed": found["analysed"],
            "months": found["months"],
            "reason": np.where(success, SUCCESS.name, ""),
            "false_success": np.where(found["false"] == 1.0, FALSE, 0),
            **{f"n_{arm}": found[f"n_{arm}"] for arm in design.arm_names},
        }
        return columns, found["some_true"] == 1.0

    def hardest(self, design: Design, many: int) -> list[str]:
        """Names of the null points with the most false successes."""
        judged = all_binding(design)
        wrong = self._wrong(judged, null_points(judged)[0], many)
        order = sorted(wrong, key=lambda name: -wrong[name])
        return order[:HARDEST]

    def _error(self, design: Design) -> tuple[Figure, str]:
        """The largest error at the null points that are looked at, and where."""
        judged = all_binding(design)
        if self.error_enumerated:
            largest = ExactError(judged, set(), region_of(design).limits).worst(math.nan)
            return exact(largest.error), largest.name
        points = null_points(judged)[0]
        kept = [p for p in points if self.at is None or p.name in self.at] or points
        wrong = self._wrong(judged, kept, self.trials)
        worst = max(wrong, key=lambda name: wrong[name])
        return proportion(wrong[worst], self.trials), worst

    def _wrong(self, design: Design, points: Sequence[Point], trials: int) -> dict[str, int]:
        at = functools.partial(false_successes, design, trials=trials, seed=self.seed)
        found = spread(at, points, self.jobs)
        return dict(zip((point.name for point in points), found, strict=True))


def _uncorrected(design: Design) -> Design:
    """The design without estimates corrected for the stop, which no decision hangs on."""
    tables = design.plain()
    return design if tables.pop("adjusted_estimates", None) is None else Design(**tables)


def _as_it_is(design: Design, scenario: str, result: Result | None) -> tuple[Columns, bool]:
    """Trials of a scenario of which nothing is drawn, and whether something claimed is true."""
    assert result is not None
    rows = result.trials[result.trials["scenario"] == scenario]
    columns = {column: rows[column].to_numpy() for column in rows}
    return columns, _is_true(design, design.truths[scenario])


def _is_true(design: Design, truth: Truth) -> bool:
    """Whether something that a success claims is true."""
    so = what_could_be_claimed(design, true_values(design, truth))[0]
    if math.isnan(so):
        raise _not_known(truth.name)
    return so == 1.0


def _not_known(scenario: str) -> DesignError:
    message = f"whether what a success claims is true in '{scenario}' is not known"
    return DesignError([Problem("scenarios", message)])
