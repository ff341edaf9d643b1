"""Numbers that a command may be asked for, each within bounds: trials, processes, points, seeds."""

from __future__ import annotations

from adaptive_cart.errors import Problem

MOST_TRIALS = 100_000_000
MOST_JOBS = 10_000
MOST_POINTS = 100_001  # of a curve or map
MOST_LOOKS = 1_000_000  # to be verified
MOST_CANDIDATES = 1_000_000
MOST_PARTICIPANTS = 100_000  # that are still to come
LARGEST_TRIAL = 1_000_000  # participants
SEEDS = 2**63  # beyond the largest


def wrong_number(option: str, found: int | None, least: int, most: int) -> list[Problem]:
    """What is wrong with a number that was asked for; nothing with one that was left out."""
    if found is None or least <= found <= most:
        return []
    return [Problem(option, f"found {found}; from {least:,} to {most:,} is expected")]


def wrong_seed(seed: int | None) -> list[Problem]:
    """The same of a seed."""
    if seed is None or 0 <= seed < SEEDS:
        return []
    return [Problem("--seed", f"found {seed}; from 0 to 2^63 - 1 is expected")]


def wrong_jobs(jobs: int | None) -> list[Problem]:
    """The same of processes."""
    return wrong_number("--jobs", jobs, 1, MOST_JOBS)
