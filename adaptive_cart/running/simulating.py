"""Trials at many truths: as many of each, of one seed, the truths over the cores."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from adaptive_cart.nouns.progress import Progress
from adaptive_cart.running.workers import spread

Truth = TypeVar("Truth")  # or a point: what a function is asked about
Found = TypeVar("Found")


@dataclass(frozen=True)
class Simulating:
    """How truths are simulated.

    Attributes
    ----------
    trials
        At each truth.
    jobs
        Processes; all cores where it is nothing. Changes no result.
    """

    trials: int
    seed: int
    jobs: int | None
    progress: Progress

    def each(self, what: str, work: Callable[..., Found], truths: Collection[Truth]) -> list[Found]:
        """What a function finds at each truth, given it with ``trials`` and ``seed``.

        Parameters
        ----------
        what
            Under which progress is told.
        work
            A function that can be sent to a process.
        """
        at = functools.partial(work, trials=self.trials, seed=self.seed)
        found = []
        for one in spread(at, truths, self.jobs):
            found.append(one)
            self.progress(what, len(found) * self.trials, len(truths) * self.trials)
        return found

    def by_name(
        self, what: str, work: Callable[..., Found], truths: Mapping[str, Truth]
    ) -> dict[str, Found]:
        """The same by the names of the truths."""
        return dict(zip(truths, self.each(what, work, truths.values()), strict=True))
