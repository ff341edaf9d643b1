"""Find the thresholds of a design that are ``"calibrate"``, and put them into its file.

How they are found stands in :mod:`adaptive_cart.running.calibrating`, one kind of search a file.
"""

from __future__ import annotations

import functools
from typing import Any

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.asked_numbers import MOST_TRIALS, wrong_jobs, wrong_number, wrong_seed
from adaptive_cart.nouns.progress import Progress, Tell, silent, unheard
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.running.calibrating import Effort, announced, found_by
from adaptive_cart.running.calibrating.search import TRIALS
from adaptive_cart.running.engine import Engine
from adaptive_cart.running.region import needs_calibration, put_in_place

__all__ = ["announced", "calibrate", "calibrated_text"]


def calibrate(
    design: Design,
    trials: int | None = None,
    seed: int | None = None,
    jobs: int | None = None,
    progress: Progress = silent,
    engine: Engine = "auto",
    near: float | None = None,
    tell: Tell = unheard,
) -> AnyCalibration:
    """Find the threshold for a design's wanted type I error; of claims that share it, for each.

    Where averages over a design prior are wanted, the threshold keeps these (too).

    Parameters
    ----------
    trials
        Simulated trials at each null point; 10,000 if left out. Enumeration needs none.
    jobs
        Processes; all cores if left out. Changes no result.
    engine
        ``exact`` enumerates the error, ``simulate`` draws trials, ``auto`` enumerates where that is
        valid and quick.
    near
        Where the threshold is expected; saves time where the error is enumerated.
    tell
        Who is told what is searched for, before it begins.

    Raises
    ------
    DesignError
        If the design asks for no calibration, or no threshold keeps the error.
    EngineError
        If ``exact`` is asked for and not valid.
    """
    _check(design, trials, seed, jobs)
    first = design.simulation.seed if seed is None else seed
    number = TRIALS if trials is None else trials
    tell(announced(design, trials))
    return found_by(design, Effort(number, first, jobs, progress, engine, near))


def calibrated_text(text: str, found: AnyCalibration) -> str:
    """Put the thresholds into the text of a design file, comments and order kept."""
    import tomlkit

    document = tomlkit.parse(text)

    def threshold_of(name: str) -> Any:
        value = found.of_rule(name)
        if isinstance(value, dict):  # by amount of alpha
            table = tomlkit.inline_table()
            table.update(value)
            return table
        return value

    for rule in document["rules"]:
        put_in_place(rule, functools.partial(threshold_of, str(rule["name"])))
    return tomlkit.dumps(document)


def _check(design: Design, trials: int | None, seed: int | None, jobs: int | None) -> None:
    problems = []
    if not needs_calibration(design):
        problems.append(Problem("rules", 'no threshold is "calibrate", so nothing is to be found'))
    if design.calibration is None:
        problems.append(
            Problem("calibration", "missing; write [calibration] type_one_error = 0.025")
        )
    problems += wrong_number("--trials", trials, 1, MOST_TRIALS)
    problems += wrong_seed(seed) + wrong_jobs(jobs)
    if problems:
        raise DesignError(problems)
