"""What a search for thresholds is: what it takes, what it finds, how it is kept and read.

To add one: write a module that imitates ``overruled.py``, and name it in ``SEARCHES``
(``calibrating/__init__.py``), before those that would take the same design.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from adaptive_cart.design.design import Design
from adaptive_cart.nouns.progress import Progress
from adaptive_cart.nouns.streams import fresh_seed
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.running.engine import Engine
from adaptive_cart.running.region import with_threshold
from adaptive_cart.running.simulating import Simulating

TRIALS = 10_000
CALIBRATION = "calibration"  # what its seeds are for
FRESH = 10  # so many times as many trials confirm a threshold as search it
CONFIRMED = 2  # truths, those with the largest errors
ROUNDS = 6  # in which thresholds that depend on each other have to settle
SETTLED = 1e-6  # a threshold that moves by less has settled


@dataclass(frozen=True)
class Effort:
    """With what a search searches.

    Attributes
    ----------
    trials
        Simulated at each truth.
    seed
        Of the run; those of the search and of what confirms it are made from it.
    jobs
        Processes; all cores where it is nothing. Changes no result.
    engine
        ``exact`` enumerates, ``simulate`` draws trials, ``auto`` enumerates where that is valid
        and quick.
    near
        A threshold near which the one that is sought is expected: that of a design much like it.
        Saves time, and changes no result.
    """

    trials: int
    seed: int
    jobs: int | None
    progress: Progress
    engine: Engine
    near: float | None = None

    @property
    def searching(self) -> Simulating:
        """The trials that search."""
        return Simulating(self.trials, self.seeds[0], self.jobs, self.progress)

    @property
    def confirming(self) -> Simulating:
        """Those that confirm, of another seed."""
        return Simulating(FRESH * self.trials, self.seeds[1], self.jobs, self.progress)

    @property
    def seeds(self) -> tuple[int, int]:
        """Seed of the trials that search, and of those that confirm."""
        return fresh_seed(self.seed, CALIBRATION), fresh_seed(self.seed, CALIBRATION, times=2)


Rest = Callable[[Design, Effort], AnyCalibration]


class Search(ABC):
    """One way to find thresholds that are ``"calibrate"``.

    Attributes
    ----------
    finds
        What it finds, for what.
    confirmed
        How what it found is confirmed.
    log
        The record that is kept beside the design file, and told in the report.
    """

    finds: ClassVar[str]
    confirmed: ClassVar[str]
    log: ClassVar[type[AnyCalibration]]

    @abstractmethod
    def takes(self, design: Design) -> bool:
        """Whether it is the search for a design, where none before it in the registry is."""

    def leaves(self, design: Design) -> Design:
        """The design with numbers for what it finds: what is left is for the others to find."""
        return with_threshold(design, 0.5)

    @abstractmethod
    def find(self, design: Design, effort: Effort, rest: Rest) -> AnyCalibration:
        """Find the thresholds.

        Parameters
        ----------
        rest
            Finds the thresholds of a design that this search leaves to the others.

        Raises
        ------
        DesignError
            If no thresholds keep what is wanted.
        EngineError
            If ``exact`` is asked for and not valid.
        """


def not_settled(rounds: int, moved: float, threshold: float) -> str:
    """Say that a threshold and what predicts its rule were still moving when the search ended."""
    return (
        f"the threshold and what predicts its rule depend on each other, and had not settled "
        f"after {rounds} rounds: it still moved by {moved:.2g}, to {threshold:.10g}; what the "
        f"design comes to with it is told by the fresh trials"
    )
