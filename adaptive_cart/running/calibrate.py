"""The threshold for success that keeps the type I error, in the worst case over the null region.

Every ``"calibrate"`` of a design is one number: the smallest threshold at which the probability of
any success is at most the wanted type I error at every point of the null region. At each point the
trials are simulated once with success switched off; a trial would have succeeded at a threshold if
the largest probability that its calibrated rules ever asked for reaches it, since success would
have ended it there. So the error at every threshold is read off one simulation. Where another rule
predicts a calibrated one, the futility of a trial depends on the threshold too: then the search is
repeated with the predicted threshold set to the last answer until it settles.

The threshold is found on trials of their own (a seed made from the design's), so that the error of
the calibrated design is estimated on fresh ones.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design, Rule
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.records import Floats
from adaptive_cart.participants.population import latents_for

GRID = 8
TRIALS = 10_000
ROUNDS = 6


@dataclass(frozen=True)
class Calibrated:
    """A threshold and how it was found.

    Attributes
    ----------
    threshold
        At full precision; a rounded one can be another design.
    worst
        Null point with the largest error at this threshold, in words.
    errors
        By null point: the error at this threshold, on the calibration trials.
    fresh
        The error at the worst point, on as many trials of another seed.
    """

    threshold: float
    worst: str
    errors: Mapping[str, float]
    fresh: float
    trials: int
    seed: int

    def words(self) -> str:
        """Say what was found, in one line."""
        return (
            f"calibrated threshold {self.threshold!r}: worst type I error "
            f"{self.errors[self.worst]:.4f} at {self.worst} of {len(self.errors)} null points with "
            f"{self.trials:,} trials each; on fresh trials {self.fresh:.4f} "
            f"(MCSE {math.sqrt(self.fresh * (1.0 - self.fresh) / self.trials):.4f})"
        )


def needs_calibration(design: Design) -> bool:
    """Whether any rule's threshold is to be calibrated."""
    return any(_asks(rule) for rule in design.rules)


def _asks(rule: Rule) -> bool:
    threshold = rule.threshold
    return threshold == "calibrate"


def with_threshold(design: Design, threshold: float) -> Design:
    """Put a number in the place of every ``"calibrate"``."""
    rules = []
    for rule in design.rules:
        plain = rule.plain()
        if _asks(rule):
            plain["at_least" if rule.at_least is not None else "below"] = threshold
        rules.append(plain)
    tables = design.plain()
    tables["rules"] = rules
    return Design(**tables)


def calibrate(
    design: Design,
    trials: int = TRIALS,
    seed: int | None = None,
    jobs: int | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Calibrated:
    """Find the threshold for a design's wanted type I error.

    Parameters
    ----------
    trials
        Simulated trials at each null point.
    jobs
        Processes; all cores if left out. Changes no result.

    Raises
    ------
    DesignError
        If the design asks for no calibration, or not for one that can be done.
    """
    _check(design)
    assert design.calibration is not None
    points = null_points(design)
    own_seed = _own_seed(design.simulation.seed if seed is None else seed)
    predicted = any(rule.predictive is not None for rule in design.rules)
    error = design.calibration.type_one_error
    threshold = 1.0 - error
    largest: dict[str, Floats] = {}
    for round_ in range(ROUNDS if predicted else 1):
        trial = with_threshold(design, threshold)
        truths = {name: point(trial) for name, point in points.items()}
        largest = _over_points(trial, design, truths, trials, own_seed, jobs, progress, round_)
        found = max(_quantile(values, error) for values in largest.values())
        settled = abs(found - threshold) < 1e-6
        threshold = found
        if settled:
            break
    errors = {name: float((values >= threshold).mean()) for name, values in largest.items()}
    worst = max(errors, key=lambda name: errors[name])
    final = with_threshold(design, threshold)
    fresh = _largest(final, design, points[worst](final), trials, _own_seed(own_seed))
    return Calibrated(
        threshold, worst, errors, float((fresh >= threshold).mean()), trials, own_seed
    )


def _over_points(
    trial: Design,
    written: Design,
    truths: Mapping[str, Truth],
    trials: int,
    seed: int,
    jobs: int | None,
    progress: Callable[[str, int, int], None],
    round_: int,
) -> dict[str, Floats]:
    """Largest probability of every trial at every null point, the points over the cores."""
    import joblib

    parallel = joblib.Parallel(n_jobs=jobs or -1, return_as="generator")
    calls = (
        joblib.delayed(_largest)(trial, written, truth, trials, seed) for truth in truths.values()
    )
    found = {}
    for name, values in zip(truths, parallel(calls), strict=True):
        found[name] = values
        progress(f"calibration {round_ + 1}", len(found) * trials, len(truths) * trials)
    return found


def calibrated_text(text: str, found: Calibrated) -> str:
    """Put the threshold into the text of a design file, comments and order kept."""
    import tomlkit

    document = tomlkit.parse(text)
    for rule in document["rules"]:
        for key in ("at_least", "below"):
            if rule.get(key) == "calibrate":
                rule[key] = found.threshold
    return tomlkit.dumps(document)


def _own_seed(seed: int) -> int:
    digest = hashlib.blake2b(f"calibration {seed}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "little")


def _check(design: Design) -> None:
    problems = []
    if not needs_calibration(design):
        problems.append(Problem("rules", 'no threshold is "calibrate", so nothing is to be found'))
    if design.calibration is None:
        problems.append(
            Problem("calibration", "missing; write [calibration] type_one_error = 0.025")
        )
    for position, rule in enumerate(design.rules):
        if _asks(rule) and (rule.then != "declare_success" or rule.at_least is None):
            problems.append(
                Problem(
                    f"rules[{position}]",
                    '"calibrate" is for the at_least of a rule that declares success',
                )
            )
        if _asks(rule) and rule.posterior is None:
            problems.append(Problem(f"rules[{position}]", '"calibrate" needs a posterior question'))
    region = None if design.calibration is None else design.calibration.null_region
    for arm in region or {}:
        if arm != design.arm_names[0]:
            problems.append(
                Problem(
                    f"calibration.null_region.{arm}",
                    f"the region is of control rates; write {design.arm_names[0]} = [low, high]",
                )
            )
    for arm, span in (region or {}).items():
        if len(span) != 2 or not span[0] <= span[1]:
            problems.append(
                Problem(f"calibration.null_region.{arm}", "two rates, low and high, are expected")
            )
    if problems:
        raise DesignError(problems)


def null_points(design: Design) -> dict[str, Callable[[Design], Truth]]:
    """The truths at which the type I error must hold, by name.

    The null region is a grid of control rates, evenly spaced with both ends, the same rate in every
    arm and stratum; all else is as in the first null scenario. Without a region they are the
    design's null scenarios.
    """
    assert design.calibration is not None
    region = design.calibration.null_region
    with_numbers = with_threshold(design, 0.5) if needs_calibration(design) else design
    nulls = [name for name, truth in truths_of(with_numbers).items() if truth.role == "null"]
    if not nulls:
        raise DesignError(
            [Problem("scenarios", 'no null scenario; calibration needs one (role = "null")')]
        )
    if region is None:
        return {name: _scenario(name) for name in nulls}
    low, high = region[design.arm_names[0]]
    rates = sorted({float(rate) for rate in np.linspace(low, high, GRID)})
    return {f"{design.arm_names[0]} {rate:.4g}": _rate(nulls[0], rate) for rate in rates}


def _scenario(name: str) -> Callable[[Design], Truth]:
    return lambda design: truths_of(design)[name]


def _rate(name: str, rate: float) -> Callable[[Design], Truth]:
    def point(design: Design) -> Truth:
        tables: dict[str, Any] = design.plain()
        scenario = dict(tables["scenarios"][name])
        scenario[design.primary] = dict.fromkeys(design.arm_names, rate)
        tables["scenarios"] = {"point": {**scenario, "role": "null"}}
        return truths_of(Design(**tables))["point"]

    return point


def _largest(trial: Design, written: Design, truth: Truth, trials: int, seed: int) -> Floats:
    """Largest probability that a calibrated rule asked for in each trial, ``(trial,)``."""
    plan = Plan.of(trial)
    calibrated = {rule.name for rule in written.rules if _asks(rule)}
    off = tuple(rule.never() if rule.name in calibrated else rule for rule in plan.rules)
    plan = Plan(trial, off, plan.schedule, plan.fitted, ())
    found = []
    size = max(32, 90_000 // trial.enrolment.max_n)
    for first in range(0, trials, size):
        latents = latents_for(trial, seed, first, min(size, trials - first))
        block = run_block(plan, truth, (), latents)
        largest = np.zeros(latents.trials)
        for record in block.looks:
            for name in calibrated & set(record.probabilities):
                asked = record.probabilities[name]
                largest = np.fmax(largest, np.fmax.reduce(asked, axis=1))
        found.append(largest)
    return np.concatenate(found)


def _quantile(values: Floats, error: float) -> float:
    """Smallest threshold that at most a fraction ``error`` of the values reaches."""
    allowed = math.floor(error * len(values) + 1e-9)
    ordered = np.sort(values)[::-1]
    if allowed >= len(ordered):
        return 0.0
    # above the first value that must not reach it, by as little as can be
    return float(min(np.nextafter(ordered[allowed], 2.0), 1.0))
