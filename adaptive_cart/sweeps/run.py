"""Run the variants of a sweep: each into a results folder of its own, finished ones reused.

    sweep.json       which design, seed and trials; each variant with its settings and its folder
    sweep.csv        a row a variant, scenario and measure: difference to the design as written
    sweep.parquet    the same, as a typed table
    sweep.txt        what the terminal showed
    variants/        results folders, called by the fingerprints of their designs

A sweep that was stopped goes on, and one of more values adds to what is there: a variant is known
by its fingerprint, whatever it was varied with. Files that were not written here, or have been
changed, are left alone, and a folder of another design's sweep is refused.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from adaptive_cart.comparison.build import candidate_of
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of
from adaptive_cart.errors import ResultsError
from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.nouns.progress import Progress, Tell, silent, unheard
from adaptive_cart.results.estimand import SobolLatents
from adaptive_cart.results.result import Result
from adaptive_cart.results.store import Store, version
from adaptive_cart.running.engine import Engine
from adaptive_cart.running.run import simulate
from adaptive_cart.sweeps.swept import Sweep, SweepRows
from adaptive_cart.sweeps.varying import How, Variant, variants_of

SWEEP, VARIANTS = "sweep.json", "variants"


def sweep(
    design: Design,
    vary: Mapping[str, Sequence[Any]] | None = None,
    *,
    how: How | None = None,
    recalibrate: bool = False,
    looks_in_proportion: bool = False,
    trials: int | None = None,
    seed: int | None = None,
    scenarios: Iterable[str] | None = None,
    jobs: int | None = None,
    engine: Engine = "auto",
    out: str | Path | None = None,
    restart: bool = False,
    backend: str = "loky",
    scheduler: str | None = None,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> Sweep:
    """Run a design as written and with keys of it set otherwise, on the same participants.

    Parameters
    ----------
    vary
        Values by key; keys as ``Design.replace`` takes them. The design's ``[sensitivity]`` if left
        out, one key at a time.
    how
        ``grid``: all combinations, of what is given here if left out; ``one_at_a_time``: one key
        changed, the others as written; ``pairs``: that, and all combinations of two keys.
    recalibrate
        Calibrate the thresholds of the success rules of every variant, the design as written among
        them, for ``[calibration] type_one_error`` first: what is compared has the same worst error.
    looks_in_proportion
        Where ``enrolment.max_n`` is varied, move the looks by number with it.
    trials, seed, scenarios, jobs, engine, backend, scheduler
        As of ``simulate``, for every variant.
    out
        Folder of the sweep; a temporary one if left out.
    restart
        Run everything again, replacing what the folder holds.

    Raises
    ------
    DesignError
        With every problem of every variant; nothing is run then.
    ResultsError
        If the folder holds the sweep of another design.
    """
    if how is None:
        how = "one_at_a_time" if vary is None else "grid"
    vary = design.sensitivity if vary is None else vary
    variants = variants_of(
        design, vary, how, recalibrate=recalibrate, looks_in_proportion=looks_in_proportion
    )
    names = None if scenarios is None else list(scenarios)
    folder = Path(tempfile.mkdtemp(prefix="adaptive_cart_") if out is None else out)
    identity = {
        "digest": digest_of(design),
        "seed": design.simulation.seed if seed is None else seed,
        "version": version(),
    }
    try:
        _require_ours(folder, identity, restart)
        number = design.simulation.trials if trials is None else trials
        tell(_cost(design, variants, number, names, folder))
        rows = SweepRows(variants[0])
        for variant, result in run_variants(
            variants, folder, progress, tell, trials=trials, seed=seed, scenarios=names,
            jobs=jobs, engine=engine, restart=restart, backend=backend, scheduler=scheduler,
        ):  # fmt: skip
            rows.add(variant, candidate_of(result, variant.label))
        found = Sweep(
            design=design,
            vary={key: tuple(values) for key, values in vary.items()},
            how=how,
            recalibrated=recalibrate,
            variants=tuple(variants),
            rows=tuple(rows.rows),
            scenarios=rows.scenarios,
            pairing=rows.pairing,
            folder=folder.absolute(),
            temporary=out is None,
        )
        _keep(found, identity)
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return found


def run_variants(
    variants: Sequence[Variant],
    folder: Path,
    progress: Progress,
    tell: Tell,
    **asked: Any,
) -> Iterator[tuple[Variant, Result]]:
    """Run variants one after the other, each into its folder of a sweep.

    Parameters
    ----------
    asked
        As of ``simulate``.
    """
    told, points = set[str](), SobolLatents()

    def once(message: str) -> None:
        if message not in told:
            told.add(message)
            tell(message)

    for place, variant in enumerate(variants):
        what = f"{place + 1} of {len(variants)}, {variant.label}: "

        def show(stage: str, done: int, total: int, what: str = what) -> None:
            progress(f"{what}{stage}", done, total)

        yield (
            variant,
            simulate(
                variant.design,
                **asked,
                out=folder / VARIANTS / variant.digest,
                points=points,
                progress=show,
                tell=once,
            ),
        )


def _require_ours(folder: Path, identity: Mapping[str, Any], restart: bool) -> None:
    """Raise a :class:`ResultsError` where a folder holds a sweep of another design."""
    owned = OwnedFolder(folder)
    owned.require_free([name for name in (SWEEP, *Sweep.FILES) if (folder / name).exists()])
    if not restart:
        owned.require_same(SWEEP, identity, "sweep")


def _cost(
    design: Design,
    variants: Sequence[Variant],
    trials: int,
    scenarios: Sequence[str] | None,
    folder: Path,
) -> str:
    """Say what there is to run, before it is run."""
    number = len(design.scenarios) if scenarios is None else len(scenarios)
    runs = len(variants)
    there = sum(finished(folder / VARIANTS / variant.digest) for variant in variants)
    said = (
        f"{runs} runs, the design as written among them, in each of {number} "
        f"scenario{'s' if number > 1 else ''}: {runs * number * trials:,} trials where they are "
        f"simulated"
    )
    return f"{said}; {there} of the runs are there already" if there else said


def finished(folder: Path) -> bool:
    """Whether a variant has been run, by its folder."""
    try:
        found = Store(folder).manifest()
    except ResultsError:  # told when it is run
        return False
    return found is not None and found["status"] == "complete"


def _keep(found: Sweep, identity: Mapping[str, Any]) -> None:
    """Write the sweep's own files beside the results of its variants."""
    told = {
        **identity,
        "design": found.design.name,
        "vary": {key: list(values) for key, values in found.vary.items()},
        "how": found.how,
        "recalibrated": found.recalibrated,
        "pairing": {label: list(reasons) for label, reasons in found.pairing.items()},
        "variants": [
            {"settings": dict(one.settings), "folder": f"{VARIANTS}/{one.digest}"}
            for one in found.variants
        ],
    }
    owned = OwnedFolder(found.folder)
    owned.sweep()
    owned.write(SWEEP, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    for name, content in found.files():
        owned.write(name, content)
