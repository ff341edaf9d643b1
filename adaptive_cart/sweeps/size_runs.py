"""Sizes as a search runs them: each once, in the scenarios that the search hangs on.

Where power is simulated a tenth of the trials draw the line first. After that a scenario in which
the power is there beyond doubt, at the sizes on both sides that drew the line, is left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of
from adaptive_cart.errors import EngineError
from adaptive_cart.nouns.progress import Progress
from adaptive_cart.nouns.streams import fresh_seed
from adaptive_cart.results.calibration import Calibrated
from adaptive_cart.results.figure import Figure, exact, proportion
from adaptive_cart.running.adjusted import refused
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.calibrating.search import TRIALS
from adaptive_cart.running.engine import Engine, choose_engine
from adaptive_cart.running.exact import success_of
from adaptive_cart.running.region import asks, needs_calibration, with_found, with_threshold
from adaptive_cart.running.stated_certificate import lower_bound
from adaptive_cart.sweeps.counted_success import successes
from adaptive_cart.sweeps.foretold_thresholds import ForetoldThresholds
from adaptive_cart.sweeps.moving_looks import FreeLooks
from adaptive_cart.sweeps.sized_looks import Judging, best_looks
from adaptive_cart.sweeps.steps_of_power import step_of_power
from adaptive_cart.sweeps.tried_sizes import KeptSizes, Tried
from adaptive_cart.sweeps.varying import design_of_size

ROUGH = 10  # the line is drawn by one in so many trials, where power is simulated
FEWEST = 100  # trials that draw it
PLAIN = 1e-6  # that a power is less than its bound on the trials that draw the line
BEYOND = 0.05  # of power that this bound has above the one wanted, where none may be lacking
WORTH_SAYING = 6.0  # seconds that a calibration takes
NO_CHOICES: Mapping[tuple[int, ...], float] = {}


@dataclass
class SizeRuns:
    """Sizes as they are run, each once."""

    design: Design
    free: FreeLooks | None
    scenarios: tuple[str, ...]
    wanted: float
    recalibrate: bool
    engine: Engine
    trials: int
    seed: int
    fresh: int
    jobs: int | None
    progress: Progress
    known: KeptSizes
    number: int
    tried: dict[int, Tried] = field(default_factory=dict)
    rough: dict[int, Mapping[str, Figure]] = field(default_factory=dict)
    counts: dict[int, tuple[int, dict[str, int]]] = field(default_factory=dict)
    near: float | None = None  # threshold of the size that was calibrated last
    thresholds: ForetoldThresholds = field(init=False)
    calibrations: list[tuple[int, float]] = field(default_factory=list)  # trials, and seconds

    def __post_init__(self) -> None:
        self.thresholds = ForetoldThresholds(self.trials)

    def of(self, number: int) -> Tried:
        """A size, run unless it was before."""
        if number not in self.tried:
            self.progress("sizes", len(self.tried), self.number)
            made = design_of_size(self.design, number, self.recalibrate)
            found = self.known.get(self._key(made))
            if found is None:
                doubtful = self._doubtful(number)
                found = self._run(number, made, self.trials, doubtful, foretell=True)
                self.known.put(self._key(made), found)
            self.tried[number] = found
            self._also_in(number, self._doubtful(number))  # kept by a search for another power
        return self.tried[number]

    def calibrated(self, number: int) -> None:
        """Calibrate a size whose threshold was foretold, and run it again."""
        before = self.of(number)
        if not before.foretold:
            return
        made = design_of_size(self.design, number, self.recalibrate)
        found = self._run(number, made, self.trials, tuple(before.success))
        self.known.put(self._key(made), found)
        self.tried[number] = found

    def to_calibrate(self, answer: int | None) -> int | None:
        """The next size whose threshold was foretold and on which the answer hangs; none if none.

        That is the answer itself, and the size tried below it.
        """
        ordered = [one for one in self.ordered() if answer is None or one.size <= answer]
        return next((one.size for one in reversed(ordered[-2:]) if one.foretold), None)

    def cost(self) -> str:
        """What a calibration takes, as those that drew the line say; blank where there was none."""
        if not self.calibrations:
            return ""
        few, seconds = self.calibrations[0]
        each = seconds * self.trials / few
        if each < WORTH_SAYING:
            return ""
        return (
            f"to calibrate a size takes about {each / 60.0:.1f} minutes; thresholds of other sizes "
            f"are foretold, and those on which the answer hangs are calibrated"
        )

    def _doubtful(self, number: int) -> tuple[str, ...]:
        """Scenarios in which power is wanted, and may be lacking at a size.

        Not those that have it beyond doubt at the sizes on both sides that drew the line. The one
        with least power is always one of them.
        """
        if not self.rough:
            return self.scenarios
        beside = (
            max(size for size in self.rough if size <= number),
            min(size for size in self.rough if size >= number),
        )
        least = {n: min(_surely(self.rough[at][n]) for at in beside) for n in self.scenarios}
        lowest, enough = min(least.values()), self.wanted + BEYOND
        return tuple(n for n, power in least.items() if power == lowest or power < enough)

    def _key(self, made: Design) -> str:
        """What the numbers of a size hang on."""
        return (
            f"{digest_of(made)}; {self.free}; {self.scenarios}; {self.trials} trials; seed "
            f"{self.seed}; {self.engine}"
        )

    def ordered(self) -> tuple[Tried, ...]:
        """All that were run, by size."""
        return tuple(self.tried[number] for number in sorted(self.tried))

    def drawn(self, number: int) -> bool:
        """Whether a size is simulated, and not enumerated."""
        numbers = with_threshold(design_of_size(self.design, number, self.recalibrate), 0.5)
        return not choose_engine(numbers, numbers.truths, self.engine).exact

    def step(self, number: int) -> float:
        """By how much power may jump at an enumerated size, because counts are whole numbers."""
        made = with_threshold(design_of_size(self.design, number, self.recalibrate), 0.5)
        return step_of_power(made, self.scenarios, self.wanted)

    def simulated(self, number: int) -> bool:
        """Whether a size was simulated, and not enumerated."""
        return any(figure.n is not None for figure in self.of(number).success.values())

    def roughly(self, number: int) -> float:
        """Power of a size by a tenth of the trials."""
        made = design_of_size(self.design, number, self.recalibrate)
        few = min(max(self.trials // ROUGH, FEWEST), self.trials)
        found = self._run(number, made, few, self.scenarios)
        self.rough[number] = found.success
        return found.power(self.scenarios)

    def in_every_scenario(self, number: int) -> None:
        """Run a size in the other scenarios too: where power is not wanted, or not in doubt."""
        self._also_in(number, tuple(self.of(number).roles))

    def _also_in(self, number: int, scenarios: Iterable[str]) -> None:
        tried = self.tried[number]
        rest = tuple(name for name in scenarios if name not in tried.success)
        if rest:
            success = {**tried.success, **self._success(Design(**tried.design), rest, self.trials)}
            in_order = {name: success[name] for name in tried.roles if name in success}
            self.tried[number] = replace(tried, success=in_order)
            made = design_of_size(self.design, number, self.recalibrate)
            self.known.put(self._key(made), self.tried[number])

    def _run(
        self,
        number: int,
        made: Design,
        trials: int,
        scenarios: Sequence[str],
        foretell: bool = False,
    ) -> Tried:
        foretold = None
        calibrated, choices = needs_calibration(made), NO_CHOICES
        sought = {rule.name for rule in made.rules if asks(rule)}
        if self.free is not None:
            how = Judging(
                self.scenarios, self.recalibrate, self.engine, trials, self.seed, self.jobs,
                self.progress,
            )  # fmt: skip
            best = best_looks(self.design, self.free, number, how)
            made, calibrated, choices = best.design, best.calibrated, best.powers
        if foretell and self.free is None and calibrated:
            foretold = self.thresholds.of(number)
        if foretold is not None:
            made = with_threshold(made, foretold)
        if needs_calibration(made):
            began = time.perf_counter()
            found = calibrate(
                made, seed=self.seed, jobs=self.jobs, progress=self.progress, near=self.near,
                trials=TRIALS * trials // self.trials,
            )  # fmt: skip
            made = with_found(made, found)
            self.near = getattr(found, "threshold", None)
            if isinstance(found, Calibrated) and not found.exact and not found.by_look:
                self.calibrations.append((trials, time.perf_counter() - began))
                self.thresholds.put(number, found.threshold, trials)
        thresholds = {
            rule.name: rule.at_least if rule.at_least is not None else rule.below
            for rule in made.rules
            if rule.name in sought and calibrated
        }
        return Tried(
            number,
            tuple(float(at) for at in made.looks.at),
            thresholds,
            self._success(made, scenarios, trials),
            {name: truth.role for name, truth in made.truths.items()},
            made.model_dump(mode="json", by_alias=True, exclude_none=True),
            choices,
            foretold is not None,
        )

    def _success(
        self, design: Design, scenarios: Sequence[str], trials: int
    ) -> Mapping[str, Figure]:
        """Success in some scenarios; enumerated in all, which costs next to nothing."""
        truths = design.truths
        choice = choose_engine(design, truths, self.engine)
        if why := refused(design, choice):
            raise EngineError(why)
        if choice.exact:
            return {name: exact(value) for name, value in success_of(design, truths).items()}
        number = successes(design, scenarios, self.seed, (0, trials), self.jobs)
        return {n: proportion(k, trials) for n, k in zip(scenarios, number, strict=True)}

    def afresh(self, number: int, trials: int, scenarios: Sequence[str]) -> Mapping[str, Figure]:
        """Success of a size on fresh trials, with its calibrated thresholds, and its looks."""
        self.calibrated(number)
        design, seed = Design(**self.of(number).design), fresh_seed(self.seed, "size")
        there, before = self.counts.get(number, (0, {}))
        self.progress("fresh trials", there, trials)
        more = successes(design, scenarios, seed, (there, trials), self.jobs)
        now = {name: before.get(name, 0) + k for name, k in zip(scenarios, more, strict=True)}
        self.counts[number] = trials, now
        return {name: proportion(k, trials) for name, k in now.items()}


def _surely(figure: Figure) -> float:
    """What a power is at least, but for one chance in a million."""
    if figure.n is None:
        return figure.estimate
    return lower_bound(round(figure.estimate * figure.n), figure.n, PLAIN)
