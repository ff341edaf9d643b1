"""Fast posterior against PyMC, tests against other code: all that rules of simulated looks ask.

Looks are taken out of simulated trials (``verified_looks.py``). At each of them every rule is asked
of both faces of its model, the same prior and likelihood computed in two ways that share no code
(``verified_rows.py``). A test has one face; it is worked out anew by other code, and one less p may
differ by no more than a millionth.

A difference larger than 0.01 and larger than 4 Monte Carlo standard errors fails the verification.
Chains that are not to be trusted are run once more with smaller steps; what is then still not to be
trusted is counted, judges nothing, and fails the verification where it is more than one fit in
twenty. Estimates, their intervals and what shares follow are compared beside
(``verified_estimates.py``). What PyMC has no answer to is named, as is what was compared fewer than
five times: then it has passed in part only.

    verification.csv     a row a look, rule and target
    verification.json    what was verified, and the summary
"""

from __future__ import annotations

import csv
import functools
import io
import json
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from adaptive_cart.conduct.completion_by_chains import COMPLETIONS
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import listed
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of
from adaptive_cart.errors import DesignError, InputError, ResultsError
from adaptive_cart.models.sampling import require_sampler
from adaptive_cart.nouns.asked_numbers import MOST_LOOKS, wrong_jobs, wrong_number, wrong_seed
from adaptive_cart.nouns.csv_text import csv_text
from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.nouns.progress import Progress, Tell, silent, unheard
from adaptive_cart.results.parquet_tables import GO_ON
from adaptive_cart.results.store import version
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.cost import seconds_of_completions
from adaptive_cart.running.region import needs_calibration, with_found
from adaptive_cart.running.workers import spread_as_finished
from adaptive_cart.verification.verified_estimates import not_beside
from adaptive_cart.verification.verified_fits import TookByModel, in_all, read, written
from adaptive_cart.verification.verified_looks import POOL, ChosenLook, chosen_looks, not_verified
from adaptive_cart.verification.verified_row import Row
from adaptive_cart.verification.verified_rows import Comparison
from adaptive_cart.verification.verified_sum import labels_of, summarised, told

TABLE: Final = "verification.csv"
SUMMARY: Final = "verification.json"
POOL_SECONDS: Final = 120.0  # for completing the trials out of which looks are taken
LEAST_POOL: Final = 40
LEAST_OF_SLOW: Final = 12  # where completing them is what takes long
TRIALS_OF_A_LOOK: Final = 5  # of each scenario, for a look that is taken out of them


@dataclass(frozen=True)
class Verification:
    """What both faces say, row by row and in sum."""

    rows: tuple[Row, ...]
    summary: Mapping[str, Any]
    folder: Path | None

    @property
    def failed(self) -> bool:
        """Whether the fast posterior differs from the reference, or too few fits can tell."""
        return bool(self.summary["failed"])

    def text(self) -> str:
        """The summary in words."""
        return "\n".join(told(self.summary))


def verify(
    design: Design,
    *,
    looks: int = 200,
    seed: int | None = None,
    jobs: int | None = None,
    out: str | Path | None = None,
    restart: bool = False,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> Verification:
    """Compare the fast posterior with PyMC at looks of simulated trials.

    Parameters
    ----------
    looks
        How many; half of them are the closest to a threshold of some rule.
    seed
        Of the trials and the draws; the design's own if left out.
    jobs
        Processes; all cores if left out. No number of them changes a result.
    out
        Folder for the two files; none are written if left out. What a verification of the same
        design, seed and number of looks has left there is kept and gone on from.
    restart
        Replace what the folder holds.

    Raises
    ------
    DesignError, InputError, ResultsError
        If the input is wrong or PyMC is not installed; nothing is written then.
    RunError
        If a worker dies; what was finished is kept.
    """
    used_seed = design.simulation.seed if seed is None else seed
    _check_numbers(looks, used_seed, jobs)
    if Plan.of(design).asks_posteriors:
        require_sampler()
    began = time.time()
    identity: dict[str, Any] = {
        "design": design.name,
        "digest": digest_of(design),
        "seed": used_seed,
        "looks": looks,
        "version": version(),
    }
    folder = None if out is None else _Folder(Path(out), identity)
    kept = [] if folder is None or restart else folder.found()
    if folder is not None and restart:
        folder.make_room()
    before = 0.0 if folder is None else folder.seconds_before
    took = {} if folder is None else folder.took_before

    def so_far() -> dict[str, Any]:
        running = {**identity, "status": "running"}
        seconds = round(before + time.time() - began, 1)
        return running | {"seconds": seconds, "fits_of_pymc": written(took)}

    if needs_calibration(design):
        found = calibrate(design, seed=seed, jobs=jobs, progress=progress, tell=tell)
        tell(found.words())
        design = with_found(design, found)
    plan = Plan.of(design)
    pool = pool_of(plan, looks)
    tell(f"looks are taken out of {pool * len(design.truths):,} simulated trials")
    chosen = chosen_looks(
        plan, dict(design.truths), used_seed, looks, pool,
        lambda done, total: progress("trials simulated", done, total),
    )  # fmt: skip
    unreached = {
        part.name: why for part in plan.parts if (why := not_verified(plan, part)) is not None
    }
    unreached |= not_beside(plan)
    if not chosen:
        why = "; ".join(f"{name}: {reason}" for name, reason in unreached.items())
        raise InputError(
            f"{design.name}: its rules asked for no probability that PyMC has an answer to"
            + (f" ({why})" if why else "")
        )
    done = {row.key for row in kept}
    rows = list(kept)
    missing = [look for look in chosen if look.key not in done]
    if folder is not None:
        folder.write(rows, so_far())
    tell(cost_of(plan, missing))
    progress("looks verified", len(done), len(chosen))
    compared = functools.partial(_compared, design, used_seed)
    for fresh, more in spread_as_finished(compared, missing, jobs, GO_ON):
        rows += fresh
        took = in_all([took, more])
        done |= {row.key for row in fresh}
        if folder is not None:
            folder.write(_sorted(rows, chosen), so_far())
        progress("looks verified", len(done), len(chosen))
    ordered = _sorted(rows, chosen)
    summary = {
        **identity,
        "status": "complete",
        **summarised(ordered, labels_of(plan), unreached),
        "seconds": so_far()["seconds"],
        "fits_of_pymc": written(took),
        "software": _software(),
    }
    if folder is not None:
        folder.write(ordered, summary)
    return Verification(tuple(ordered), summary, None if folder is None else folder.path)


def read_verification(folder: str | Path) -> Verification:
    """Read what a verification has left in a folder.

    Raises
    ------
    ResultsError
        If there is none, or it is not complete or damaged.
    """
    path = Path(folder)
    try:
        summary = json.loads((path / SUMMARY).read_text(encoding="utf-8"))
        rows = _parsed((path / TABLE).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ResultsError(f"{path}: no verification can be read there ({error})") from None
    if summary.get("status") != "complete":
        raise ResultsError(f"{path}: the verification there is not complete")
    return Verification(tuple(rows), summary, path)


def _check_numbers(looks: int, seed: int, jobs: int | None) -> None:
    problems = wrong_number("--looks", looks, 1, MOST_LOOKS) + wrong_seed(seed) + wrong_jobs(jobs)
    if problems:
        raise DesignError(problems)


def _sorted(rows: Iterable[Row], chosen: Sequence[ChosenLook]) -> list[Row]:
    """In the order in which the looks were chosen, whoever was first to finish."""
    order = {look.key: position for position, look in enumerate(chosen)}
    return sorted((row for row in rows if row.key in order), key=lambda row: order[row.key])


def _software() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("pymc", "arviz", "nutpie", "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


# ── over the cores ────────────────────────────────────────────────────────────────────────────
_COMPARISONS: dict[tuple[str, int], Comparison] = {}


def _compared(design: Design, seed: int, look: ChosenLook) -> tuple[list[Row], TookByModel]:
    """Rows of a look, and what its fits took."""
    key = digest_of(design), seed
    if key not in _COMPARISONS:
        _COMPARISONS.clear()
        _COMPARISONS[key] = Comparison(design, seed)
    own = _COMPARISONS[key]
    return own.rows(look), own.fitting.taken()


# ── what it costs ─────────────────────────────────────────────────────────────────────────────
def pool_of(plan: Plan, looks: int) -> int:
    """Trials of each scenario out of which so many looks are taken.

    Fewer where few looks are asked for, and where completing the trials is slow.
    """
    most = min(POOL, max(LEAST_POOL, TRIALS_OF_A_LOOK * looks))
    seconds = sum(seconds_of_completions(plan, rule) for rule in plan.rules)
    each = seconds * plan.design.looks.number * len(plan.design.truths)
    return most if each == 0.0 else int(min(most, max(LEAST_OF_SLOW, POOL_SECONDS / each)))


def cost_of(plan: Plan, looks: Sequence[ChosenLook]) -> str:
    """Say what there is to fit before it begins."""
    all_asked = [(look, one) for look in looks for one in look.asked]
    asked = [(look, one) for look, one in all_asked if plan.bayesian(plan.parts[one.part])]
    tests = len(all_asked) - len(asked)
    again = f"{tests} tests at {len(looks)} looks are worked out anew, in seconds"
    if not asked:
        return again
    fitted = [plan.fitted[name][0] for look in looks for name in look.summaries]
    fitted += [plan.ahead[name][0] for _, one in asked if one.ahead for name in one.ahead.now]
    models = {analysis.model: None for analysis in fitted if analysis.bayesian}
    ahead = sum(one.ahead is not None for _, one in asked)
    words = (
        f"{len(asked)} probabilities at {len(looks)} looks: PyMC fits {listed(list(models))} to "
        f"the data of each, from a tenth of a second to some seconds a fit, after a minute or so "
        f"in which each process compiles"
    )
    words += f"; {again}" if tests else ""
    return words + (f"; {ahead} trials are completed from {COMPLETIONS:,} draws" if ahead else "")


# ── the folder ────────────────────────────────────────────────────────────────────────────────
class _Folder:
    """Where the two files lie; each is written whole or not at all."""

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path = path
        self.identity = identity
        self.seconds_before = 0.0  # that earlier runs of it took
        self.took_before: TookByModel = {}

    def found(self) -> list[Row]:
        """Rows that an earlier run of the same verification has left."""
        manifest, table = self.path / SUMMARY, self.path / TABLE
        if not manifest.exists():
            if table.exists():
                raise ResultsError(
                    f"{self.path}: holds {TABLE}, but no {SUMMARY} that says of what; choose "
                    f"another --out, or --restart"
                )
            return []
        try:
            held = json.loads(manifest.read_text(encoding="utf-8"))
            differing = [
                f"{name} {held.get(name)!r}, not {value!r}"
                for name, value in self.identity.items()
                if name != "design" and held.get(name) != value
            ]
            if not differing:
                self.seconds_before = float(held.get("seconds", 0.0))
                self.took_before = read(held.get("fits_of_pymc", {}))
                return _parsed(table.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ResultsError(
                f"{self.path}: {TABLE} or {SUMMARY} is damaged ({error}); choose another --out, "
                f"or --restart"
            ) from None
        raise ResultsError(
            f"{self.path}: holds another verification ({'; '.join(differing)}); choose another "
            f"--out, or --restart"
        )

    def make_room(self) -> None:
        """Give files that are in the way and not ours another name."""
        owned = OwnedFolder(self.path)
        for name in (SUMMARY, TABLE):
            if owned.obstacle(name):
                owned.set_aside(name)

    def write(self, rows: Sequence[Row], summary: Mapping[str, Any]) -> None:
        owned = OwnedFolder(self.path)
        cells = ([_cell(getattr(row, name)) for name in _COLUMNS] for row in rows)
        owned.require_free([SUMMARY, TABLE])
        owned.sweep()
        owned.write(SUMMARY, json.dumps(summary, indent=2) + "\n", GO_ON)
        owned.write(TABLE, csv_text(_COLUMNS, cells), GO_ON)


_COLUMNS: Final = tuple(each.name for each in fields(Row))
_KINDS: Final = {each.name: str(each.type) for each in fields(Row)}


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _parsed(text: str) -> list[Row]:
    read: dict[str, Callable[[str], Any]] = {
        "str": str,
        "int": int,
        "float": float,
        "bool": lambda cell: cell == "true",
    }
    table = csv.DictReader(io.StringIO(text))
    if tuple(table.fieldnames or ()) != _COLUMNS:
        raise ValueError(f"columns {table.fieldnames}")
    return [Row(**{name: read[_KINDS[name]](cells[name]) for name in _COLUMNS}) for cells in table]
