"""From a design to its operating characteristics: engine, true values, trials, results folder."""

from __future__ import annotations

import datetime
import functools
import itertools
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.decisions import REASONS, SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of
from adaptive_cart.design.replacing import Change
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import DesignError, EngineError, ResultsError, RunError, one_of
from adaptive_cart.nouns.asked_numbers import MOST_TRIALS
from adaptive_cart.nouns.progress import Progress, Tell, silent, unheard
from adaptive_cart.results.averages import averages_csv
from adaptive_cart.results.estimand import SobolLatents, TrueValues, target_values, values_of_all
from adaptive_cart.results.parquet_tables import GO_ON
from adaptive_cart.results.parts import Parts, Span
from adaptive_cart.results.result import Result
from adaptive_cart.results.shared_calibration import AnyCalibration, calibration_of
from adaptive_cart.results.store import (
    AVERAGES,
    BOUNDARIES,
    DESIGN,
    FORMAT,
    LOOKS,
    MEASURES,
    PARTS,
    STOPPING,
    TRIALS,
    Identity,
    Store,
    version,
)
from adaptive_cart.results.unmerged import Unmerged
from adaptive_cart.running.asked import (
    folder_of,
    kept_calibration,
    number_in,
    plain_changes,
    scenarios_chosen,
    versions,
    wrong_numbers,
)
from adaptive_cart.running.averaging import Averages, of_enumerated, of_simulated
from adaptive_cart.running.boundaries import boundaries_csv, left_out
from adaptive_cart.running.cost import cost_of_draws
from adaptive_cart.running.engine import Engine, choose_engine
from adaptive_cart.running.exact import enumerate_design
from adaptive_cart.running.first_trials import FirstTrials, shortly_first
from adaptive_cart.running.memory import freed_memory_kept
from adaptive_cart.running.reading_off import Row, columns_of, done_by, measures_csv, tasks_of
from adaptive_cart.running.region import needs_calibration, with_found
from adaptive_cart.running.shares import SHARE, Share, adopted
from adaptive_cart.running.stopping_counts import stopping_counts_csv
from adaptive_cart.running.stretches import (
    Job,
    block_size,
    columns_written,
    pieces_of,
    run_stretches,
    spans_of,
    stretch_length,
    trials_for,
)
from adaptive_cart.running.workers import Workers, all_cores

ROUNDED = 2_500  # trials, of which a run as sure as wanted has a multiple


def simulate(
    design: Design,
    *,
    trials: int | None = None,
    seed: int | None = None,
    scenarios: Iterable[str] | None = None,
    jobs: int | None = None,
    engine: Engine = "auto",
    mcse: float | None = None,
    out: str | Path | None = None,
    restart: bool = False,
    backend: str = "loky",
    scheduler: str | None = None,
    block: int | None = None,
    design_text: str | None = None,
    calibration: AnyCalibration | None = None,
    share: Share | None = None,
    finished: Sequence[Parts] = (),
    points: SobolLatents | None = None,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> Result:
    """Find the operating characteristics of a design.

    Parameters
    ----------
    trials
        Simulated trials a scenario; the design's own number if left out.
    seed
        Seed of all random numbers; the design's own if left out.
    scenarios
        Names of the scenarios to run; all if left out.
    jobs
        Processes; all cores if left out. No number of them changes a result.
    engine
        ``exact`` enumerates, ``simulate`` draws, ``auto`` takes exact where it is valid.
    mcse
        Go on until the success probability of every scenario is this sure (Monte Carlo standard
        error); ``trials`` is then where it starts.
    out
        Results folder; a temporary one if left out. A run that was killed goes on there, and a
        longer run extends what is there.
    restart
        Replace what the folder holds.
    block
        Trials in a block, if not the usual; changes no result.
    design_text
        Text of the design file, kept beside the results.
    calibration
        Where the design's thresholds came from; kept with the results if it matches the design. A
        design with ``"calibrate"`` is calibrated here, unless the folder holds its calibration.
    share
        Run this share of the trials alone, into a folder of its own below ``out``; the result has
        no measures. :func:`adaptive_cart.running.shares.merge` puts the shares together.
    finished
        Stretches of this run that were run elsewhere.
    points
        On which true values are integrated; pass the same to runs of designs that have arms in
        common, and these are followed once.

    Raises
    ------
    DesignError, EngineError, ResultsError
        If the input is wrong; nothing is written then.
    RunError
        If the run fails; what was finished is kept.
    """
    chosen = scenarios_chosen(design, scenarios)
    number = design.simulation.trials if trials is None else trials
    used_seed = design.simulation.seed if seed is None else seed
    if wrong := wrong_numbers(number, used_seed, mcse, jobs, block):
        raise DesignError(wrong)
    workers = Workers(all_cores() if jobs is None else jobs, backend, scheduler)
    workers.require()
    if share is not None:
        out = folder_of(share, out, mcse)
    replaced = design.replaced
    kept = None if out is None or restart else kept_calibration(Path(out))
    if needs_calibration(design):
        from adaptive_cart.running.calibrate import calibrate, calibrated_text

        if kept is not None and kept.answers(design):
            tell(f"{kept.short()}: calibrated before, by the run that is there")
            calibration = kept
        else:
            with workers.at_work(tell):
                calibration = calibrate(design, seed=seed, jobs=jobs, progress=progress, tell=tell)
            tell(calibration.words())
        design = with_found(design, calibration)
        if design_text is not None:
            design_text = calibrated_text(design_text, calibration)
    of_design = (known for known in (calibration, kept) if known and known.matches(design))
    truths = design.truths
    choice = choose_engine(design, {name: truths[name] for name in chosen}, engine)
    if share is not None and choice.exact:
        raise EngineError(
            f"--part: there is nothing to share out, since {choice.why}; leave it out, or add "
            f"--engine simulate"
        )
    if design.adjusted_estimates is not None:
        from adaptive_cart.running.adjusted import refused

        if why := refused(design, choice):
            raise EngineError(why)
    why = "as its parts were run" if finished else choice.why
    tell(f"engine: {choice.engine} ({why})")
    if not choice.exact:
        for words in cost_of_draws(Plan.of(design), number, len(chosen)):
            tell(words)
    asked = {"--trials": trials, "--seed": seed, "--mcse": mcse}
    idle = [option for option, value in asked.items() if value is not None]
    if choice.exact and idle:
        tell(f"{one_of(idle)}: without effect, since nothing is drawn")
    # enumeration draws nothing, so that no seed tells two exact results apart
    identity = Identity(
        digest_of(design), 0 if choice.exact else used_seed, version(), choice.engine
    )
    folder = Path(tempfile.mkdtemp(prefix="adaptive_cart_") if out is None else out)
    store = Store(folder)
    try:
        with store.locked():
            found = None if restart else store.found(identity)
            if restart:
                store.require_replaceable()
            run = _Run(design, truths, chosen, store, identity, found, progress, tell)
            run.calibration = next(of_design, None)
            run.points = points or run.points
            run.replaced = replaced
            if not choice.exact and mcse is None:
                run.require_no_more_than(number)
            # a table of participants that the file names is not in the folder: its rows are kept
            whole = any(data.rows is not None for data in design.external.values())
            text = design.as_toml() if whole or not design_text else design_text
            if found is not None and run.nothing_to_do(found, number, mcse):
                run.keep_design(text)
                store.tidy(identity)
                return Result(design, folder.absolute(), temporary=out is None)
            if found is not None and not choice.exact:
                store.require_columns(identity, columns_written(design, truths[chosen[0]]))
            for name in store.prepare(identity, restart):
                tell(f"{folder}: holds {name} now, which was in the way and is not this run's")
            run.start(found, text)
            if choice.exact:
                run.enumerate()
            else:
                with workers.at_work(tell):
                    adopted(store.parts, finished, design, truths[chosen[0]], tell)
                    size = block or block_size(design)
                    if share is None:
                        run.draw(number, mcse, workers.jobs, size)
                    else:
                        run.draw_share(number, share, workers.jobs, size)
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return Result(design, folder.absolute(), temporary=out is None)


class _Run:
    """One run into one folder."""

    def __init__(
        self,
        design: Design,
        truths: Mapping[str, Truth],
        chosen: list[str],
        store: Store,
        identity: Identity,
        found: Mapping[str, Any] | None,
        progress: Progress,
        tell: Tell,
    ) -> None:
        self.design = design
        self.truths = truths
        self.chosen = chosen
        self.store = store
        self.identity = identity
        self.progress = progress
        self.tell = tell
        self.started = time.time()
        self.calibration: AnyCalibration | None = None
        self.points = SobolLatents()
        self.replaced: Mapping[str, Change] = {}
        self.share: dict[str, Any] | None = None
        self.helpers = 1  # processes that have been worth starting
        self.held: dict[str, int] = dict(found["trials"]) if found else {}
        self.seconds_before = float(found.get("seconds", 0.0)) if found else 0.0

    @property
    def reported(self) -> list[str]:
        """Scenarios of this run and of those before it, in the design's order."""
        return [name for name in self.design.scenarios if name in {*self.chosen, *self.held}]

    def require_no_more_than(self, trials: int) -> None:
        """Raise a :class:`ResultsError` if the folder holds more trials than were asked for."""
        for name in self.chosen:
            held = self.held.get(name, 0)
            if held > trials:
                raise ResultsError(
                    f"{self.store.folder}: holds {held:,} trials of '{name}', more than the "
                    f"{trials:,} asked for. Ask for as many or more, choose another --out, or "
                    f"--restart"
                )

    def nothing_to_do(self, found: Mapping[str, Any], trials: int, mcse: float | None) -> bool:
        """Whether a folder holds all that is asked for, so that it need only be read."""
        if found["status"] != "complete" or set(self.reported) != self.held.keys():
            return False
        kept = calibration_of(found.get("calibration"))
        if self.calibration is not None and kept != self.calibration:
            return False  # the thresholds have been calibrated since
        if self.identity.exact:
            return True
        return mcse is None and all(self.held[name] == trials for name in self.chosen)

    def keep_design(self, text: str) -> None:
        """Keep the file as it is now: a comment may have changed, or the description."""
        path = self.store.path(DESIGN)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            self.store.write(DESIGN, text)

    def start(self, found: Mapping[str, Any] | None, design_text: str) -> None:
        """Say in a folder whose it is, before anything else is written there."""
        if found is None:
            self._manifest("running")
        elif found.get(PARTS) != self.store.parts.folder.name:
            self.store.write_manifest({**found, PARTS: self.store.parts.folder.name})
        self.store.open_parts()
        self.store.write(DESIGN, design_text)

    # ── engines ───────────────────────────────────────────────────────────────────────────
    def enumerate(self) -> None:
        """Run the exact engine."""
        truths = {name: self.truths[name] for name in self.reported}
        with freed_memory_kept():
            rows, true = enumerate_design(self.design, truths, self.progress)
        if self.design.adjusted_estimates is not None:
            from adaptive_cart.running.adjusted_measures import adjusted_measures

            rows += adjusted_measures(self.design, truths, true)
        self.held = dict.fromkeys(self.reported, 0)
        self._finish(rows, of_enumerated(self.design, true, rows, self.progress, self.tell))

    @freed_memory_kept()
    def draw(self, trials: int, mcse: float | None, jobs: int, block: int) -> None:
        """Run the simulating engine until every scenario has its trials."""
        true = self._true_values()
        job = self._job(true, block)
        targets = {name: max(trials, self.held.get(name, 0)) for name in self.chosen}
        while True:
            wanted = true if mcse is None else {}
            reach = functools.partial(self._reach, job, targets, jobs, wanted)
            rows = self.store.parts.run_again(reach, self.tell)
            more = targets if mcse is None else self._wanted(targets, mcse)
            if more == targets:
                break
            targets = more
        if not rows:
            tasks = tasks_of(self.store, self.design, self.truths, true)
            rows = list(itertools.chain(*done_by(self.helpers, tasks)))
        columns = functools.partial(columns_of, self.store, self.design)
        if self.design.adjusted_estimates is not None:
            from adaptive_cart.running.adjusted_trials import adjusted_of_trials

            rows += adjusted_of_trials(self.design, true, columns)
        averages = of_simulated(
            self.design, true, columns, self.held, self.identity.seed, jobs,
            self.progress, self.tell,
        )  # fmt: skip
        self._finish(rows, averages)

    @freed_memory_kept()
    def draw_share(self, trials: int, share: Share, jobs: int, block: int) -> None:
        """Run one share of the trials and keep its stretches."""
        start, stop = share.bounds(trials)
        job = self._job(self._true_values(), block)
        parts = self.store.parts
        parts.drop_damaged()
        own = parts.finished()
        gaps = {
            position: spans_of(stop, start, [one for one in own if one.scenario == position])[1]
            for position, name in enumerate(self.design.scenarios)
            if name in self.chosen
        }
        total = (stop - start) * len(self.chosen)
        counted = total - sum(map(number_in, gaps.values()))

        def done(number: int) -> None:
            nonlocal counted
            counted += number
            self.progress("trials", counted, total)

        done(0)
        length = stretch_length(stop - start, jobs)
        run_stretches(job, pieces_of(gaps, length), jobs, done)
        wanted = dict.fromkeys(self.chosen, trials)
        self.share = {"number": share.number, "of": share.of, "trials": wanted}
        self._manifest(SHARE)

    def _job(self, true: Mapping[str, TrueValues], block: int) -> Job:
        names = tuple(self.design.scenarios)
        plan = Plan.of(self.design)
        unknown = (float("nan"),) * len(plan.estimands)
        known = {name: target_values(plan, values) for name, values in true.items()}
        return Job(
            self.design,
            {name: self.truths[name] for name in names},
            {name: known.get(name, unknown) for name in names},
            true,
            self.identity.seed,
            str(self.store.parts.folder.absolute()),
            self.identity.version,
            block,
        )

    def _true_values(self) -> dict[str, TrueValues]:
        truths = {name: self.truths[name] for name in self.reported}
        true: dict[str, TrueValues] = {}
        for name, values in values_of_all(self.design, truths, self.points):
            self.progress("true values", len(true), len(truths))
            true[name] = values
        return true

    def _reach(
        self,
        job: Job,
        targets: Mapping[str, int],
        jobs: int,
        wanted: Mapping[str, TrueValues],
    ) -> list[Row]:
        """Run what is missing and put it into the tables.

        Returns
        -------
        Measures of the scenarios whose true values were given, if there was anything to put.
        """
        parts = self.store.parts
        dropped = parts.drop_damaged()
        if dropped:
            self.tell(f"{dropped} damaged stretches of an earlier run are run again")
        _, gaps = self._spans(targets)
        missing = sum(map(number_in, gaps.values()))
        longest = max(map(number_in, gaps.values()))
        pieces = pieces_of(gaps, stretch_length(longest, jobs))
        total = sum(targets.values())
        there = counted = total - missing
        if there:
            self.tell(f"{there:,} of {total:,} trials were there already")
        first = FirstTrials(parts, job.names, targets, self.tell)

        def done(number: int) -> None:
            nonlocal counted
            counted += number
            self.progress("trials", counted, total)
            if not there:
                first.look(counted, total - counted)

        if pieces:
            done(0)
            self.helpers = run_stretches(job, shortly_first(pieces), jobs, done)
        spans, gaps = self._spans(targets)
        if any(gaps.values()):
            raise RunError(
                f"{parts.folder}: not all trials are there that the workers have run; is it a "
                f"folder that all of them share? {GO_ON}"
            )
        goal = {name: pieces[-1].stop for name, pieces in spans.items() if pieces}
        rows: list[Row] = []
        if not self._tables_hold(goal):
            self._manifest("running")
            unmerged = Unmerged(self.store.folder, parts, spans)
            tasks = tasks_of(unmerged, self.design, self.truths, wanted)
            do = functools.partial(done_by, self.helpers)
            rows = list(itertools.chain(*self.store.merge(self.identity, spans, do, tasks)))
        # the tables may hold them already, where a run was stopped before its manifest said so
        if self.held != goal:
            self.held = goal
            self._manifest("running")
        for part in parts.finished():
            parts.drop(part)
        return rows

    def _spans(
        self, targets: Mapping[str, int]
    ) -> tuple[dict[str, list[Span]], dict[int, list[tuple[int, int]]]]:
        """By scenario, where its trials are to be had; by position, which are missing."""
        finished = self.store.parts.finished()
        spans, gaps = {}, {}
        for position, name in enumerate(self.design.scenarios):
            kept = self.held.get(name, 0)
            own = [part for part in finished if part.scenario == position]
            spans[name], gaps[position] = spans_of(targets.get(name, kept), kept, own)
        return spans, gaps

    def _tables_hold(self, goal: Mapping[str, int]) -> bool:
        """Whether both tables hold these trials of this run, no fewer and no more."""
        if not all(self.store.path(name).exists() for name in (TRIALS, LOOKS)):
            return False
        expected = (self.identity.key, goal)
        return all(self.store.footer(name) == expected for name in (TRIALS, LOOKS))

    def _wanted(self, targets: Mapping[str, int], mcse: float) -> dict[str, int]:
        """Trials each scenario needs, as far as the trials so far tell."""
        wanted = {}
        for name, trials in targets.items():
            reason = self.store.column(TRIALS, name, "reason", REASONS)
            successes = int((reason == SUCCESS).sum())
            needed = trials_for(mcse, successes, trials)
            whole = -(-needed // ROUNDED) * ROUNDED
            wanted[name] = trials if needed <= trials else min(whole, MOST_TRIALS)
            if needed > trials == wanted[name]:
                self.tell(f"'{name}': stopped at {trials:,} trials, {needed:,} would be needed")
        return wanted

    # ── what is written ───────────────────────────────────────────────────────────────────
    def _finish(self, rows: list[tuple[Any, ...]], averages: Averages) -> None:
        """Write what was read off, say that all is there, and tidy up."""
        self.store.write(MEASURES, measures_csv(rows))
        if self.design.design_prior:
            self.store.write(AVERAGES, averages_csv(averages))
        self.store.write(BOUNDARIES, boundaries_csv(self.design))
        self.store.write(STOPPING, stopping_counts_csv(self.design))
        for words in left_out(self.design):
            self.tell(words)
        self._manifest("complete")
        self.store.drop_parts()

    def _manifest(self, status: str) -> None:
        sources = {
            f"{name}.{path}": source
            for name in self.reported
            for path, source in self.truths[name].sources.items()
        }
        checksums = {}
        if status == "complete":
            drawn = (TRIALS, LOOKS) if not self.identity.exact else ()
            averages = (AVERAGES,) if self.design.design_prior else ()
            written = (*drawn, MEASURES, BOUNDARIES, STOPPING, *averages)
            checksums = {name: self.store.checksum(name) for name in written}
        self.store.write_manifest(
            {
                "format": FORMAT,
                "status": status,
                "name": self.design.name,
                "digest": self.identity.digest,
                "seed": self.identity.seed,
                "version": self.identity.version,
                "engine": self.identity.engine,
                "trials": {n: self.held[n] for n in self.design.scenarios if n in self.held},
                "checksums": checksums,
                PARTS: self.store.parts.folder.name,
                "roles": {name: self.truths[name].role for name in self.design.scenarios},
                "started": datetime.datetime.fromtimestamp(self.started, datetime.UTC).isoformat(
                    timespec="seconds"
                ),
                "seconds": round(self.seconds_before + time.time() - self.started, 3),
                "versions": versions(),
                "sources": sources,
                **({SHARE: self.share} if self.share else {}),
                **({"set": plain_changes(self.replaced)} if self.replaced else {}),
                "calibration": None if self.calibration is None else self.calibration.plain(),
            }
        )
