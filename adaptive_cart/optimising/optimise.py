"""Search the best of many designs, and judge it afresh."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, EngineError, Problem
from adaptive_cart.nouns.asked_numbers import (
    MOST_CANDIDATES,
    MOST_TRIALS,
    wrong_jobs,
    wrong_number,
    wrong_seed,
)
from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.nouns.progress import Progress, Tell, silent, unheard
from adaptive_cart.optimising.aims import Losses
from adaptive_cart.optimising.confirming import (
    Told,
    bounded,
    confirmed_exactly,
    confirmed_on_trials,
)
from adaptive_cart.optimising.evaluating import (
    OnCounts,
    why_error_simulated,
    why_simulated,
    with_thresholds_found,
)
from adaptive_cart.optimising.found import Optimum, Row
from adaptive_cart.optimising.freeing import Candidate, Space, space_of
from adaptive_cart.optimising.kept import KEPT, Kept
from adaptive_cart.optimising.on_trials import OnTrials
from adaptive_cart.optimising.searching import Judged, search
from adaptive_cart.optimising.wanted import Wanted, wanted_of
from adaptive_cart.running.best_possible import most_power
from adaptive_cart.running.calibrating.overruled import all_binding
from adaptive_cart.running.engine import Engine
from adaptive_cart.running.region import region_of
from adaptive_cart.running.stated_certificate import why_not_stated

ALLOWED = 300  # candidates
FRESH = 100_000  # trials that confirm, at least
SHOWN = 10  # designs of a front that are told, and what any design can do beside each
PILOT = 4  # one in so many trials finds the null points at which candidates are judged


def optimise(
    design: Design,
    free: Mapping[str, Any] | None = None,
    *,
    looks: tuple[int, int] | None = None,
    minimise: str = "analysed",
    also: str | None = None,
    prior: str | None = None,
    weights: Mapping[str, float] | None = None,
    error: float | None = None,
    power: Mapping[str, float] | None = None,
    front: Iterable[float] = (),
    losses: Losses | None = None,
    candidates: int = ALLOWED,
    trials: int | None = None,
    fresh: int = FRESH,
    seed: int | None = None,
    jobs: int | None = None,
    engine: Engine = "auto",
    out: str | Path | None = None,
    restart: bool = False,
    certify: bool = False,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> Optimum:
    """Find the design that needs least, among those that hold an error and have a power.

    Parameters
    ----------
    free
        By key of the design: a pair of numbers between which it may lie, whole numbers for one that
        is whole, or a list of values.
    looks
        Fewest and most looks, whose timing is then free; as written if left out.
    minimise, also
        Aims, of :mod:`adaptive_cart.optimising.aims`; the second one for the front of the two.
    prior, weights
        The design prior, or by scenario the weights, over which aims are averaged. The design's
        own prior if it has one alone.
    error
        Largest probability of a false success over the null region; that in ``[calibration]`` if
        left out.
    power
        Least probability of success by scenario.
    front
        Powers at which is searched beside those wanted, with as many candidates each.
    losses
        What mistakes cost, for the aim ``loss``.
    candidates
        How many designs are judged at most.
    trials, seed, jobs, engine
        As of ``simulate``, for every candidate.
    fresh
        Trials of another seed that confirm a simulated design, at least.
    out
        Folder in which evaluations are kept; a search that was stopped goes on there.
    restart
        Judge everything again.
    certify
        Confirm a design whose error is simulated only if what it exceeds nowhere between the null
        points either, with 95% confidence, is at most ``error``.

    Raises
    ------
    DesignError
        With every problem of what is asked; nothing is run then.
    """
    wanted_, problems = wanted_of(
        design, minimise, also, prior, weights or {}, error, power or {}, front, losses or Losses()
    )
    space, wrong = space_of(design, free or {}, looks)
    problems += wrong
    problems += wrong_number("--candidates", candidates, 5, MOST_CANDIDATES)
    problems += wrong_number("--fresh", fresh, 1, MOST_TRIALS)
    problems += wrong_number("--trials", trials, 1, MOST_TRIALS)
    problems += wrong_seed(seed) + wrong_jobs(jobs)
    if certify and not problems:
        problems += _no_bound(design)
    if problems or wanted_ is None:
        raise DesignError(problems)
    used = design.simulation.seed if seed is None else seed
    number = design.simulation.trials if trials is None else trials
    folder = None if out is None else Path(out)
    if folder is not None:  # before anything is run
        OwnedFolder(folder).require_free(
            [name for name in (KEPT, *Optimum.FILES) if (folder / name).exists()]
        )
    return _Search(
        design, space, wanted_, candidates, number, max(fresh, 1), used, jobs,
        Kept(folder, restart), progress, tell, engine, certify,
    ).run()  # fmt: skip


def _no_bound(design: Design) -> list[Problem]:
    """Why no bound of a simulated error could be stated with confidence."""
    judged = all_binding(design)
    why = why_not_stated(judged, region_of(judged))
    return [] if why is None else [Problem("--certify", f"not for this design: {why}")]


@dataclass
class _Search:
    """One search."""

    design: Design
    space: Space
    wanted: Wanted
    allowed: int
    trials: int
    fresh: int
    seed: int
    jobs: int | None
    kept: Kept
    progress: Progress
    tell: Tell
    engine: Engine
    certify: bool = False
    done: int = 0
    refusal: DesignError | None = None

    def run(self) -> Optimum:
        """Judge the design as written, search, and judge the best afresh."""
        why, engine = why_simulated(self.design, self.wanted), self.engine
        if engine == "exact" and why:
            raise EngineError(f"candidates cannot be enumerated: {why}")
        exact = not why and engine != "simulate"
        self.tell(f"candidates are {'enumerated' if exact else f'simulated ({why or engine})'}")
        self.evaluator = self._evaluator(exact)
        total = self.allowed * (1 + len(self.wanted.front))
        began = time.monotonic()
        written = self._written()
        seconds = time.monotonic() - began
        if not self.kept.reused:
            self.tell(f"up to {total} designs, about {_long(seconds * total)}")
        try:
            judged = self._searched()
        finally:
            self.kept.save()
        if self.kept.reused:
            self.tell(f"{self.kept.reused} of the designs were judged before")
        return self._found(written, judged)

    def _evaluator(self, exact: bool) -> OnCounts | OnTrials:
        if exact:
            return OnCounts(self.design, self.wanted)
        enumerated = self.engine != "simulate" and not why_error_simulated(self.design)
        made = OnTrials(
            self.design, self.wanted, self.trials, self.seed, self.jobs, self.progress, enumerated
        )
        if enumerated:
            self.tell("the error of each is enumerated")
            return made
        numbers, _ = with_thresholds_found(self.design, self.seed, "auto", self.jobs)
        made.at = made.hardest(numbers, max(self.trials // PILOT, 100))
        self.tell(f"the error of each is judged at {' and at '.join(made.at)}")
        return made

    def _written(self) -> Row:
        judged = self._judge(Candidate({}, self.design))
        if judged.evaluation is None:
            if self.refusal is not None:
                raise self.refusal
            message = "cannot be calibrated as it is written; `calibrate` says why"
            raise DesignError([Problem("calibration", message)])
        return _row(judged)

    def _judge(self, candidate: Candidate) -> Judged:
        """Judge a candidate, unless that was done before; why the last one was none is kept."""
        key = self.evaluator.key
        known, found = self.kept.get(candidate.digest, key)
        if not known:
            try:
                found = self.evaluator(candidate)[0]
            except DesignError as error:  # no threshold keeps the error
                found, self.refusal = None, error
            self.kept.put(candidate.digest, key, found)
        self.done += 1
        self.progress("designs", self.done, 1 + self.allowed * (1 + len(self.wanted.front)))
        return Judged(candidate, found)

    def _searched(self) -> list[Judged]:
        """All candidates of all searches, each once."""
        found: dict[str, Judged] = {}
        powers = [None, *self.wanted.front]
        for power in powers:
            wanted = self.wanted if power is None else self.wanted.with_power(power)
            for one in search(self.space, self._judge, wanted, self.allowed, self.seed):
                found.setdefault(one.candidate.digest, one)
        return list(found.values())

    # ── what was found ────────────────────────────────────────────────────────────────────
    def _found(self, written: Row, judged: Sequence[Judged]) -> Optimum:
        wanted = self.wanted
        there = [one for one in judged if one.evaluation is not None]
        rows = {one.candidate.digest: _row(one) for one in there}
        held = [one for one in there if one.evaluation and one.evaluation.meets(wanted)]
        best, confirmed, found = None, None, None
        if held:
            best, confirmed, found = self._confirmed(held)
        bound, no_bound = None, "candidates are simulated"
        winner = None if best is None else best.candidate
        if isinstance(self.evaluator, OnCounts):
            bound, no_bound = self._bound(winner or Candidate({}, self.design), wanted)
        front = front_of(list(rows.values()), wanted)
        return Optimum(
            design=self.design,
            wanted=wanted,
            space="; ".join(
                [*(f.words() for f in self.space.freed),
                 *([self.space.looks.words()] if self.space.looks else [])]
            ),
            region=region_of(self.design).words,
            how=self.evaluator.how,
            seed=self.seed,
            written=written,
            rows=tuple(rows.values()),
            front=tuple(front),
            shown=tuple(self._with_least(front, judged)),
            best=None if best is None else replace(rows[best.candidate.digest], least=bound),
            found=found,
            confirmed=confirmed,
            bound=bound if best is not None else None,
            no_bound=no_bound,
            why_none=() if held else tuple(self._why_none(list(rows.values()))),
            notes=tuple(
                f"{number} combinations are no designs: {message}"
                for message, number in self.space.refused.items()
            ),
        )  # fmt: skip

    def _bound(self, candidate: Candidate, wanted: Wanted) -> tuple[float | None, str]:
        assert isinstance(self.evaluator, OnCounts)
        found = self.evaluator.any_design(candidate.design, wanted)
        if isinstance(found, str):
            return None, found
        return found.best().bound, ""

    def _with_least(self, front: Sequence[Row], judged: Sequence[Judged]) -> Iterable[Row]:
        """Some designs of a front, and what any design with their looks can come to."""
        if self.wanted.also or not self.wanted.power:
            some = _spread([list(row.evaluation.average.values())[1].estimate for row in front])
            yield from (row for place, row in enumerate(front) if place in some)
            return
        designs = {one.candidate.digest: one.candidate for one in judged}
        some = _spread([row.evaluation.power() for row in front])
        for row in (row for place, row in enumerate(front) if place in some):
            if not isinstance(self.evaluator, OnCounts):
                yield row
                continue
            power = {name: figure.estimate for name, figure in row.evaluation.success.items()}
            wanted = replace(self.wanted, power=power)
            yield replace(row, least=self._bound(designs[row.digest], wanted)[0])

    def _confirmed(self, held: Sequence[Judged]) -> Told:
        """The best that holds when it is judged afresh; if none does, the best."""
        if isinstance(self.evaluator, OnCounts):
            return confirmed_exactly(held, self.wanted, self.evaluator, self.progress)
        told = confirmed_on_trials(held, self.wanted, self.evaluator, self.fresh, self.progress)
        if not self.certify:
            return told
        return bounded(told, self.wanted, self.evaluator, self.progress, self.tell)

    # ── nothing found ─────────────────────────────────────────────────────────────────────
    def _why_none(self, rows: Sequence[Row]) -> Iterable[str]:
        """Which constraints cannot be met together, and why."""
        wanted = self.wanted
        if not rows:
            yield f"no threshold keeps an error of {wanted.error:g} in any of them"
            return
        holding = [r for r in rows if r.evaluation.error.estimate <= wanted.error]
        powerful = [
            r for r in rows
            if all(r.evaluation.success[n].estimate >= p for n, p in wanted.power.items())
        ]  # fmt: skip
        if not holding:
            least = min(rows, key=lambda r: r.evaluation.error.estimate)
            yield (
                f"error at most {wanted.error:g}: the least that was found is "
                f"{least.evaluation.error.estimate:.4f}, of {least.words()}"
            )
        for name, power in wanted.power.items():
            if holding:
                most = max(holding, key=lambda r: r.evaluation.success[name].estimate)
                value = most.evaluation.success[name].estimate
                if value < power:
                    yield (
                        f"power {power:g} in {name}: the most that was found with an error of at "
                        f"most {wanted.error:g} is {value:.4f}, of {most.words()}"
                    )
        if powerful and holding:
            least = min(powerful, key=lambda r: r.evaluation.error.estimate)
            yield (
                f"the least error with all the power wanted is "
                f"{least.evaluation.error.estimate:.4f}, of {least.words()}"
            )
        yield from self._proven(rows)

    def _proven(self, rows: Sequence[Row]) -> Iterable[str]:
        """The most power that any test of the largest size has."""
        if not isinstance(self.evaluator, OnCounts):
            return
        largest = max(rows, key=lambda row: max(row.looks))
        design = self.design.replace(largest.settings) if largest.settings else self.design
        any_ = self.evaluator.any_design(design, self.wanted)
        if isinstance(any_, str):
            return
        for (name, power), wish in zip(self.wanted.power.items(), any_.wishes, strict=True):
            most = most_power(any_.analysed[-1], self.wanted.error, any_.nulls, wish.rates)
            if most < power:
                yield (
                    f"no test of {sum(any_.analysed[-1])} participants, the most that were judged, "
                    f"has more than {most:.4f} in {name} at that error: more participants are "
                    f"needed, or a larger error"
                )


def _row(judged: Judged) -> Row:
    assert judged.evaluation is not None
    design = judged.candidate.design
    looks = tuple(float(at) for at in design.looks.at)
    size = design.enrolment.max_n
    return Row(judged.candidate.digest, judged.candidate.settings, looks, size, judged.evaluation)


def front_of(rows: Sequence[Row], wanted: Wanted) -> list[Row]:
    """The designs than which no other is better in both ways, by the first of the two.

    The two are the least power and the aim, among those that hold the error; or both aims, among
    those that hold everything wanted.
    """
    if wanted.also is not None:
        kept = [r for r in rows if r.evaluation.meets(wanted)]
        pairs = [tuple(f.estimate for f in r.evaluation.average.values()) for r in kept]
    elif wanted.power:
        kept = [r for r in rows if r.evaluation.error.estimate <= wanted.error]
        pairs = [(-r.evaluation.power(), r.evaluation.average[wanted.aim].estimate) for r in kept]
    else:
        return []
    found: list[Row] = []
    least = np.inf
    for _, second, row in sorted(
        ((a, b, k) for k, (a, b) in enumerate(pairs)), key=lambda one: one[:2]
    ):
        if second < least:
            least = second
            found.append(kept[row])
    return found[::-1] if wanted.also is None else found


def _spread(values: Sequence[float]) -> set[int]:
    """Places of a few rising values, as evenly spread over them as may be."""
    steps = np.linspace(values[0], values[-1], SHOWN) if values else np.zeros(0)
    return {int(np.abs(np.array(values) - step).argmin()) for step in steps}


def _long(seconds: float) -> str:
    if seconds < 90.0:
        return f"{max(seconds, 1.0):.0f} seconds"
    return f"{seconds / 60.0:.0f} minutes" if seconds < 5400.0 else f"{seconds / 3600.0:.1f} hours"
