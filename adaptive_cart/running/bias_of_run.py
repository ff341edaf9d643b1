"""The bias given the stop that a finished simulated run knows, and its Monte Carlo error.

A run keeps each trial's estimate, the interval, and the look and the reason of its end. What is
learned from them is told in :mod:`adaptive_cart.running.likelihood_ratios`. Its error is that of a
jackknife: trials are dealt into groups by their number, which is that of the same participants in
every scenario, and the bias is learned anew without each group.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adaptive_cart.conduct.plan import Estimand, Plan
from adaptive_cart.decisions import Ending
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of
from adaptive_cart.errors import ResultsError
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.results.result import Result, open_result
from adaptive_cart.results.store import Store
from adaptive_cart.results.true_value import TrueValue
from adaptive_cart.running.adjusted import Scale, stopped_by
from adaptive_cart.running.adjusted_trials import Ended, ended_of, seen_of
from adaptive_cart.running.likelihood_ratios import GivenStop, Seen
from adaptive_cart.running.reading_off import columns_of

GROUPS = 50  # so that the error is known to a tenth of itself
NEAR = 2.0  # standard errors of the estimate on each side, within which
FEWEST = 100  # trials have to lie that ended there so


@dataclass(frozen=True)
class LearnedBias:
    """Bias of the estimates of trials that end at one look for one reason, at an estimate.

    Attributes
    ----------
    folder
        Of the run.
    ratio
        Whether it is that of the estimate's logarithm.
    value, mcse
        The bias, and its Monte Carlo standard error.
    look, reason
        Where the trials ended, and why.
    near, ended, trials
        How many of them have an estimate within two standard errors; how many there are; of how
        many simulated trials, over all scenarios.
    """

    folder: str
    ratio: bool
    value: float
    mcse: float
    look: int
    reason: str
    near: int
    ended: int
    trials: int


@dataclass(frozen=True)
class BiasOfRun:
    """Trials of every scenario of a run, from which the bias given a stop is learned.

    Attributes
    ----------
    typed
        The design file as it would be typed.
    """

    folder: Path
    typed: str
    scale: Scale
    ended: Mapping[str, Ended]

    @staticmethod
    def of(design: Design, folder: str | Path, typed: str = "DESIGN") -> BiasOfRun:
        """Read the trials of a run of this very design.

        Raises
        ------
        ResultsError
            If the folder holds none, or nothing of a bias can be learned from it, with every
            reason at once.
        """
        wrong = _not_kept(design)
        found = None
        try:
            found = open_result(folder)
        except ResultsError as error:
            wrong.append(str(error))
        if found is not None:
            wrong += _of_another(design, found, typed)
        place = stopped_by(design)
        if wrong or found is None or place is None:
            raise ResultsError("\n".join(f"--run: {one}" for one in wrong))
        estimand = Plan.of(design).estimands[place]
        ended = {name: _ended(found, name, estimand) for name in found.manifest["trials"]}
        ended = {name: one for name, one in ended.items() if one.known}
        return BiasOfRun(Path(folder), typed, Scale.of(design, estimand.question), ended)

    def at(self, look: int, ending: Ending, value: float, error: float) -> LearnedBias:
        """The bias of trials that end so, at an estimate on the scale that is corrected.

        Parameters
        ----------
        error
            The standard error of the estimate.

        Raises
        ------
        ResultsError
            If too few trials ended so with such an estimate.
        """
        ended = self._those(look, ending)
        estimates = np.concatenate([seen.estimate for seen, _ in ended])
        near = int((np.abs(estimates - value) <= NEAR * error).sum())
        if near < FEWEST:
            raise ResultsError(self._too_few(look, ending, near, len(estimates), value, error))
        own = np.array([value])
        bias = float(_learned([seen for seen, _ in ended], own)[0])
        without = np.concatenate([
            _learned([_without(seen, number, group) for seen, number in ended], own)
            for group in range(GROUPS)
        ])  # fmt: skip
        spread = math.sqrt((GROUPS - 1) * float(without.var()))
        return LearnedBias(
            str(self.folder), self.scale.ratio, bias, spread, look, ending.name,
            near, len(estimates), sum(seen.trials for seen, _ in ended),
        )  # fmt: skip

    def bias(self, look: int, ending: Ending, values: Floats) -> Floats:
        """The bias of trials that end so at some estimates, on the scale that is corrected."""
        return _learned([seen for seen, _ in self._those(look, ending)], values)

    def _those(self, look: int, ending: Ending) -> list[tuple[Seen, Integers]]:
        """By scenario: trials that ended at a look for a reason, and the number of each."""
        found = []
        for one in self.ended.values():
            here = (one.look == look) & (one.reason == ending)
            found.append((seen_of(one, self.scale, here), one.number[here]))
        return found

    def _too_few(
        self, look: int, ending: Ending, near: int, ended: int, value: float, error: float
    ) -> str:
        """What is missing, and what to type."""
        most = max((one.trials for one in self.ended.values()), default=0)
        ends = np.array([value - NEAR * error, value + NEAR * error])
        low, high = np.exp(ends) if self.scale.ratio else ends
        instead = "give the design a scenario in which more of them do, and simulate it"
        if near:
            trials = most * math.ceil(1.5 * FEWEST / near)
            instead = (
                f"adaptive-cart simulate {self.typed} --engine simulate --trials {trials} --out "
                f"{self.folder}"
            )
        return (
            f"--run: {self.folder}: {ended:,} of its trials ended at look {look} with "
            f"{ending.words}, {near:,} of them with an estimate from {low:.4g} to {high:.4g} (two "
            f"standard errors about this trial's); {FEWEST} are needed: {instead}; or leave "
            f"--run out"
        )


def _without(seen: Seen, number: Integers, group: int) -> Seen:
    """The same without the trials of one group."""
    kept = number % GROUPS != group
    trials = seen.trials - len(range(group, seen.trials, GROUPS))
    return Seen(seen.true, trials, seen.estimate[kept], seen.error[kept])


def _learned(scenarios: list[Seen], values: Floats) -> Floats:
    given = GivenStop.of(scenarios)
    return np.zeros(len(values)) if given is None else given.at(values)


def _not_kept(design: Design) -> list[str]:
    """Why no run of a design tells of the bias of its estimate."""
    if not Plan.of(design).estimands:
        return ["nothing is estimated of the primary; leave it out"]
    found = []
    if stopped_by(design) is None:
        found.append(
            "several estimates decide together, so that the bias given the stop is of no one of "
            "them; leave it out"
        )
    if design.adjusted_estimates is None:
        found.append(
            "the design has no table [adjusted_estimates], without which a run does not keep the "
            "intervals of its trials; write that line into it (the table may be empty), and "
            "simulate it"
        )
    return found


def _of_another(design: Design, found: Result, typed: str) -> list[str]:
    """Why a run is not one of this design, or has no trials."""
    manifest, wrong = found.manifest, []
    own = digest_of(design)
    if manifest["digest"] != own:
        wrong.append(
            f"{found.folder}: holds a run of another design ({manifest['digest']} there, "
            f"{own} of {typed}); the run of this one is wanted: adaptive-cart simulate "
            f"{typed} --engine simulate"
        )
    elif manifest["engine"] == "exact":
        wrong.append(
            f"{found.folder}: was enumerated, and holds no simulated trials: adaptive-cart "
            f"simulate {typed} --engine simulate, with another --out"
        )
    return wrong


def _ended(found: Result, scenario: str, estimand: Estimand) -> Ended:
    true = found.figure(scenario, "estimand", arm=estimand.arm, stratum=estimand.stratum)
    trials = columns_of(Store(found.folder), found.design, scenario)
    return ended_of(trials, estimand, TrueValue(true.estimate, true.mcse))
