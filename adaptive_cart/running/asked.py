"""What a run was asked for: numbers, scenarios, the folder, and what its manifest says of them."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from adaptive_cart.design.design import Design
from adaptive_cart.design.replacing import Change
from adaptive_cart.errors import DesignError, Problem, ResultsError, nearest, one_of
from adaptive_cart.nouns.asked_numbers import MOST_TRIALS, wrong_jobs, wrong_number, wrong_seed
from adaptive_cart.results.shared_calibration import AnyCalibration, calibration_of
from adaptive_cart.results.store import Store
from adaptive_cart.running.shares import Share


def folder_of(share: Share, out: str | Path | None, mcse: float | None) -> Path:
    """Where a share is run."""
    problems = []
    if mcse is not None:
        message = "--mcse goes on until all trials say enough, which a part of them cannot know"
        problems.append(Problem("--part", f"{message}; leave one of the two out"))
    if out is None:
        problems.append(Problem("--part", "is run into a folder that all parts share; add --out"))
    if problems:
        raise DesignError(problems)
    return Path(out or "") / share.folder


def kept_calibration(folder: Path) -> AnyCalibration | None:
    """The calibration that a results folder holds; nothing where it holds none."""
    try:
        found = Store(folder).manifest()
    except ResultsError:  # told when the folder is looked at
        return None
    return None if found is None else calibration_of(found.get("calibration"))


def scenarios_chosen(design: Design, scenarios: Iterable[str] | None) -> list[str]:
    """Names of the scenarios to run, in the order of the design; all if left out."""
    if scenarios is None:
        return list(design.scenarios)
    wanted = list(dict.fromkeys(scenarios))
    unknown = [name for name in wanted if name not in design.scenarios]
    if unknown or not wanted:
        raise DesignError(
            Problem(
                "--scenario",
                f"no scenario '{name}'{nearest(name, design.scenarios)}; "
                f"the scenarios are {one_of(design.scenarios)}",
            )
            for name in unknown or [""]
        )
    return [name for name in design.scenarios if name in wanted]


def plain_changes(replaced: Mapping[str, Change]) -> dict[str, Any]:
    """What was set otherwise than the design was written, as it stands in a manifest."""
    return {
        key: {"before": change.before, "after": change.after} for key, change in replaced.items()
    }


def number_in(gaps: list[tuple[int, int]]) -> int:
    """How many trials lie in some gaps."""
    return sum(stop - start for start, stop in gaps)


@cache
def versions() -> dict[str, str]:
    """Versions of what the numbers may hang on."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in ("numpy", "scipy", "pandas", "pyarrow", "pydantic", "joblib"):
        found[package] = metadata.version(package)
    return found


def wrong_numbers(
    trials: int,
    seed: int,
    mcse: float | None = None,
    jobs: int | None = None,
    block: int | None = None,
) -> list[Problem]:
    """What is wrong with the numbers that a run was asked for."""
    problems = wrong_number("--trials", trials, 1, MOST_TRIALS) + wrong_seed(seed)
    if mcse is not None and not 0.0 < mcse < 0.5:
        problems.append(Problem("--mcse", f"found {mcse:g}; more than 0, below 0.5 is expected"))
    problems += wrong_jobs(jobs)
    if block is not None and block < 1:
        problems.append(Problem("block", f"found {block}; at least 1 is expected"))
    return problems
