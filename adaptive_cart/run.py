"""From a design to its operating characteristics: engine, true values, trials, results folder."""

from __future__ import annotations

import datetime
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from adaptive_cart.design import Design
from adaptive_cart.design_file import digest_of
from adaptive_cart.errors import DesignError, EngineError, Problem, ResultsError, nearest, one_of
from adaptive_cart.estimand import SobolLatents, TrueValues, target_values, true_values
from adaptive_cart.exact import enumerate_design, obstacles
from adaptive_cart.operating import COLUMNS, measures
from adaptive_cart.plan import Plan
from adaptive_cart.scenarios import truths_of
from adaptive_cart.stretches import (
    STRETCH,
    Job,
    all_cores,
    block_size,
    missing_stretches,
    run_stretches,
    trials_for,
    within,
)
from adaptive_cart.store import (
    BOUNDARIES,
    DESIGN,
    FORMAT,
    LOOKS,
    MEASURES,
    TRIALS,
    Identity,
    Store,
    write_text,
)
from adaptive_cart.support import require_supported
from adaptive_cart.truth import Truth

if TYPE_CHECKING:
    import pandas as pd

Engine = Literal["auto", "exact", "simulate"]
MOST_TRIALS = 100_000_000
_TEXT = {"scenario", "measure", "arm", "stratum", "reason"}


@dataclass(frozen=True)
class Choice:
    """The engine that is taken, and why."""

    engine: Literal["exact", "simulate"]
    why: str


def choose_engine(design: Design, truths: Mapping[str, Truth], wanted: Engine) -> Choice:
    """Take the exact engine where it is valid, unless told otherwise.

    Raises
    ------
    EngineError
        If ``exact`` is asked for and not valid; the message says what stands in the way.
    """
    if wanted == "simulate":
        return Choice("simulate", "asked for")
    found = obstacles(design, truths)
    if not found:
        why = "asked for" if wanted == "exact" else "the truth is direct and every look has fixed counts"
        return Choice("exact", why)
    if wanted == "exact":
        listed = "\n".join(f"  - {reason}" for reason in found)
        raise EngineError(
            f"the exact engine is not valid for this design:\n{listed}\n"
            f"Use --engine simulate, or auto."
        )
    return Choice("simulate", found[0])


class Result:
    """Operating characteristics of a design, and the trials they were read off.

    Attributes
    ----------
    design, folder, manifest
        What was run, where its files lie, and how it was run.
    """

    def __init__(self, design: Design, folder: Path, keep: Any = None) -> None:
        self.design = design
        self.folder = folder
        self._keep = keep  # a temporary folder lives as long as its result

    @cached_property
    def manifest(self) -> dict[str, Any]:
        found = Store(self.folder).manifest()
        if found is None:
            raise ResultsError(f"{self.folder}: no results here")
        return found

    @cached_property
    def operating_characteristics(self) -> pd.DataFrame:
        """A row a scenario and measure: estimate, Monte Carlo standard error and interval."""
        import pandas as pd

        types: Any = {name: "object" for name in _TEXT} | {"look": "Int64", "n": "Int64"}
        path = self.folder / MEASURES
        return pd.read_csv(
            path, dtype=types, keep_default_na=False, na_values={n: [""] for n in COLUMNS}
        )

    @cached_property
    def trials(self) -> pd.DataFrame:
        """A row a simulated trial; empty for the exact engine."""
        return self._table(TRIALS)

    @cached_property
    def looks(self) -> pd.DataFrame:
        """A row a trial, look and arm (and stratum); empty for the exact engine."""
        return self._table(LOOKS)

    def _table(self, name: str) -> pd.DataFrame:
        import pandas as pd

        path = self.folder / name
        return pd.read_parquet(path) if path.exists() else pd.DataFrame()

    def figure(self, scenario: str, measure: str, **where: Any) -> Any:
        """Return one row of the table of measures; ``where`` narrows by arm, look or reason."""
        table = self.operating_characteristics
        chosen = table[(table["scenario"] == scenario) & (table["measure"] == measure)]
        for column in ("arm", "stratum", "look", "reason"):
            value = where.get(column)
            chosen = chosen[chosen[column].isna() if value is None else chosen[column] == value]
        if len(chosen) != 1:
            raise KeyError(f"{len(chosen)} rows for {scenario}, {measure}, {where}")
        return chosen.iloc[0]

    def __repr__(self) -> str:
        engine = self.manifest["engine"]
        return f"Result({self.design.name!r}, engine={engine!r}, folder={str(self.folder)!r})"


Progress = Callable[[str, int, int], None]  # what, how many trials now done, how many in all


def _silent(what: str, done: int, total: int) -> None:
    return None


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
    progress: Progress = _silent,
    tell: Callable[[str], None] = lambda message: None,
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

    Raises
    ------
    DesignError, EngineError, ResultsError
        If the input is wrong; nothing is written then.
    RunError
        If the run fails; what was finished is kept.
    """
    require_supported(design)
    truths = truths_of(design)
    chosen = _chosen(design, scenarios)
    number = design.simulation.trials if trials is None else trials
    used_seed = design.simulation.seed if seed is None else seed
    _check_numbers(number, used_seed, mcse, jobs, block)
    choice = choose_engine(design, {name: truths[name] for name in chosen}, engine)
    tell(f"engine: {choice.engine} ({choice.why})")
    keep = tempfile.TemporaryDirectory(prefix="adaptive_cart_") if out is None else None
    store = Store(keep.name if keep is not None else out or "")
    version = _version()
    # enumeration draws nothing, so that no seed tells two exact results apart
    identity = Identity(
        digest_of(design), 0 if choice.engine == "exact" else used_seed, version, choice.engine
    )
    run = _Run(design, truths, chosen, store, identity, restart, design_text, progress, tell)
    if choice.engine == "exact":
        run.enumerate()
    else:
        run.draw(
            number,
            mcse,
            all_cores() if jobs is None else jobs,
            backend,
            scheduler,
            block or block_size(design),
        )
    return Result(design, store.folder, keep)


def _chosen(design: Design, scenarios: Iterable[str] | None) -> list[str]:
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


def _check_numbers(
    trials: int, seed: int, mcse: float | None, jobs: int | None, block: int | None
) -> None:
    problems = []
    if not 1 <= trials <= MOST_TRIALS:
        problems.append(
            Problem("--trials", f"found {trials}; from 1 to {MOST_TRIALS:,} is expected")
        )
    if not 0 <= seed < 2**63:
        problems.append(Problem("--seed", f"found {seed}; from 0 to 2^63 - 1 is expected"))
    if mcse is not None and not 0.0 < mcse < 0.5:
        problems.append(Problem("--mcse", f"found {mcse:g}; more than 0, below 0.5 is expected"))
    if jobs is not None and jobs < 1:
        problems.append(Problem("--jobs", f"found {jobs}; at least 1 is expected"))
    if block is not None and block < 1:
        problems.append(Problem("block", f"found {block}; at least 1 is expected"))
    if problems:
        raise DesignError(problems)


def _version() -> str:
    try:
        return metadata.version("adaptive_cart")
    except metadata.PackageNotFoundError:
        return "0+unknown"


class _Run:
    """One run into one folder."""

    def __init__(
        self,
        design: Design,
        truths: Mapping[str, Truth],
        chosen: list[str],
        store: Store,
        identity: Identity,
        restart: bool,
        design_text: str | None,
        progress: Progress,
        tell: Callable[[str], None],
    ) -> None:
        self.design = design
        self.truths = truths
        self.chosen = chosen
        self.store = store
        self.identity = identity
        self.progress = progress
        self.tell = tell
        self.started = time.time()
        found = store.open(identity, restart)
        self.held: dict[str, int] = dict(found.get("trials", {})) if found else {}
        self.seconds_before = float(found.get("seconds", 0.0)) if found else 0.0
        if found is None:
            self._manifest("running")
            write_text(store.path(DESIGN), design_text or _as_toml(design))

    # ── engines ───────────────────────────────────────────────────────────────────────────
    def enumerate(self) -> None:
        """Run the exact engine."""
        rows, _ = enumerate_design(self.design, {n: self.truths[n] for n in self.chosen})
        self.held = dict.fromkeys(self.chosen, 0)
        self._write_measures(rows)
        self.store.drop_parts()
        self._manifest("complete")

    def draw(
        self,
        trials: int,
        mcse: float | None,
        jobs: int,
        backend: str,
        scheduler: str | None,
        block: int,
    ) -> None:
        """Run the simulating engine until every scenario has its trials."""
        beyond = [n for n in self.chosen if self.held.get(n, 0) > trials and mcse is None]
        if beyond:
            held = self.held[beyond[0]]
            raise ResultsError(
                f"{self.store.folder}: holds {held:,} trials of '{beyond[0]}', more than the "
                f"{trials:,} asked for. Ask for as many or more, choose another --out, or --restart"
            )
        names = tuple(self.design.scenarios)
        everything = dict.fromkeys([*self.chosen, *self.held])
        points = SobolLatents()
        plan = Plan.of(self.design)
        true = {n: true_values(self.design, self.truths[n], points) for n in everything}
        targets_of = {name: target_values(plan, true[name]) for name in everything}
        unknown = (float("nan"),) * len(plan.estimands)
        job = Job(
            self.design,
            {name: self.truths[name] for name in names},
            {name: targets_of.get(name, unknown) for name in names},
            self.identity.seed,
            str(self.store.folder),
            block,
        )
        targets = {n: max(trials, self.held.get(n, 0)) for n in self.chosen}
        while True:
            self._reach(job, targets, jobs, backend, scheduler)
            if mcse is None:
                break
            more = self._wanted(targets, mcse)
            if more == targets:
                break
            targets = more
        rows = []
        for name in names:
            if name in self.held:
                rows += self._read_off(name, true[name])
        self._write_measures(rows)
        self._write_boundaries()
        self._manifest("complete")
        self.store.drop_parts()

    def _reach(
        self,
        job: Job,
        targets: Mapping[str, int],
        jobs: int,
        backend: str,
        scheduler: str | None,
    ) -> None:
        """Run what is missing and put it into the tables."""
        position = {name: place for place, name in enumerate(self.design.scenarios)}
        by_place = {position[name]: target for name, target in targets.items()}
        kept = {position[name]: number for name, number in self.held.items()}
        finished = within(self.store.finished(), by_place)
        stretches = list(missing_stretches(by_place, kept, finished))
        total = sum(by_place.values())
        lacking = sum((stop - start) * len(places) for start, stop, places in stretches)
        counted = [total - lacking]
        if counted[0] and lacking:
            self.tell(f"{counted[0]:,} of {total:,} trials were there already")

        def done(number: int) -> None:
            counted[0] += number
            self.progress("trials", counted[0], total)

        if stretches:
            self.progress("trials", counted[0], total)
            run_stretches(job, stretches, jobs, backend, scheduler, done)
        finished = within(self.store.finished(), by_place)
        fresh = [part for part in finished if part.stop > kept.get(part.scenario, 0)]
        if fresh:
            self.store.merge(kept, tuple(self.design.scenarios), fresh)
            self.held |= targets
            self._manifest("running")
        self.store.drop_parts()
        self.store.path("parts").mkdir(exist_ok=True)

    def _wanted(self, targets: Mapping[str, int], mcse: float) -> dict[str, int]:
        """Trials each scenario needs, as far as the trials so far tell."""
        wanted = {}
        for name, trials in targets.items():
            reasons = self.store.columns(TRIALS, name, ["reason"]).column("reason")
            successes = int(np.sum(np.asarray(reasons.to_pandas()) == "success"))
            needed = trials_for(mcse, successes, trials)
            whole = -(-needed // STRETCH) * STRETCH
            wanted[name] = trials if needed <= trials else min(whole, MOST_TRIALS)
        return wanted

    # ── what is written ───────────────────────────────────────────────────────────────────
    def _read_off(self, name: str, true: TrueValues) -> list[tuple[Any, ...]]:
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        trials = self.store.columns(TRIALS, name)
        columns = {key: trials.column(key).to_pandas().to_numpy() for key in trials.column_names}
        described = ["scenario", "trial", "arm", "last"]
        schema = pq.read_schema(self.store.path(LOOKS)).names
        described += [
            column
            for column in schema
            if any(column.startswith(f"{endpoint}_") for endpoint in self.design.endpoints)
        ]
        wanted = (pc.field("scenario") == name) & pc.field("last")
        ends = pq.read_table(self.store.path(LOOKS), columns=described, filters=wanted).to_pandas()
        return measures(self.design, self.truths[name], true, columns, ends)

    def _write_measures(self, rows: list[tuple[Any, ...]]) -> None:
        import csv
        import io

        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow(["" if cell is None or cell != cell else cell for cell in row])
        write_text(self.store.path(MEASURES), text.getvalue())

    def _write_boundaries(self) -> None:
        from adaptive_cart.boundaries import boundaries_csv

        write_text(self.store.path(BOUNDARIES), boundaries_csv(self.design))

    def _manifest(self, status: str) -> None:
        now = time.time()
        sources = {
            f"{name}.{path}": source
            for name in self.chosen
            for path, source in self.truths[name].sources.items()
        }
        self.store.write_manifest(
            {
                "format": FORMAT,
                "status": status,
                "name": self.design.name,
                "digest": self.identity.digest,
                "seed": self.identity.seed,
                "version": self.identity.version,
                "engine": self.identity.engine,
                "trials": self.held,
                "roles": {name: self.truths[name].role for name in self.design.scenarios},
                "started": datetime.datetime.fromtimestamp(
                    self.started, datetime.timezone.utc
                ).isoformat(timespec="seconds"),
                "seconds": round(self.seconds_before + now - self.started, 3),
                "versions": _versions(),
                "sources": sources,
            }
        )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in ("numpy", "scipy", "pandas", "pyarrow", "pydantic", "joblib"):
        found[package] = metadata.version(package)
    return found


def _as_toml(design: Design) -> str:
    """Write a design made in Python as a design file."""
    import tomlkit

    return tomlkit.dumps(design.model_dump(mode="json", by_alias=True, exclude_none=True))
