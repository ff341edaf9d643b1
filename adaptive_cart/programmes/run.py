"""Simulate a programme into a folder that can be gone on from.

    programme.toml       the file as it was
    programme.json       which programme, seed and version; how many portfolios
    parts/               candidates of some portfolios each, as they were finished
    candidates.parquet   a row a candidate, portfolio by portfolio
    measures.csv         what the programme tells, with Monte Carlo errors
    distributions.csv    how many of a portfolio work, go on, succeed, hold up
    programme.txt        the first page, in words

A run that was stopped goes on, and a longer one extends what is there: portfolio i is the same in
both, for any number of jobs.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from adaptive_cart.design.file import digest_of
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.asked_numbers import wrong_jobs, wrong_number, wrong_seed
from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.nouns.progress import Progress, Tell, silent, unheard
from adaptive_cart.programmes.known import known_of
from adaptive_cart.programmes.measured import Measures, measures_of
from adaptive_cart.programmes.programme import Programme
from adaptive_cart.programmes.result import (
    CANDIDATES,
    COMPLETE,
    FILES,
    RECORD,
    ProgrammeResult,
)
from adaptive_cart.programmes.stages import Columns, Truths, reason_word, stretch_of
from adaptive_cart.programmes.telling import first_page
from adaptive_cart.results.store import version
from adaptive_cart.running.workers import all_cores, spread

STRETCH = 4_000  # candidates that are simulated together
MOST = 10_000_000  # candidates of a run
PARTS = "parts"
KEPT = "What was finished is kept; the same command goes on from there"
Span = tuple[int, int]  # portfolios, from and up to


def simulate_programme(
    programme: Programme,
    *,
    portfolios: int | None = None,
    seed: int | None = None,
    jobs: int | None = None,
    out: str | Path | None = None,
    restart: bool = False,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> ProgrammeResult:
    """Simulate portfolios of candidates, from early trials to the decisions of controlled ones.

    Parameters
    ----------
    portfolios
        How many; the file's own number if left out.
    seed
        Of all chance; the file's own if left out.
    jobs
        Processes; all cores if left out. No number of them changes a result.
    out
        Folder; a temporary one if left out.
    restart
        Replace what the folder holds.

    Raises
    ------
    DesignError
        If a number is none that can be run.
    ResultsError
        If the folder holds another programme, seed or version.
    """
    settings = programme.tables.simulation
    number = settings.portfolios if portfolios is None else portfolios
    used = settings.seed if seed is None else seed
    cores = all_cores() if jobs is None else jobs
    _check(programme, number, used, cores)
    folder = Path(tempfile.mkdtemp(prefix="adaptive_cart_") if out is None else out)
    try:
        _simulate(programme, folder, number, used, cores, restart, progress, tell)
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return ProgrammeResult(programme, folder.absolute(), temporary=out is None)


def enumerate_programme(
    programme: Programme, *, out: str | Path | None = None, restart: bool = False
) -> ProgrammeResult:
    """Enumerate a programme of designs on counts; there are no candidates, and no calendar.

    Raises
    ------
    EngineError
        With all that stands in the way.
    ResultsError
        If the folder holds something else.
    """
    from adaptive_cart.programmes.exact import exact_measures

    measures = exact_measures(programme)
    folder = Path(tempfile.mkdtemp(prefix="adaptive_cart_") if out is None else out)
    owned, identity = OwnedFolder(folder), _identity(programme, 0, "exact")
    _require_ours(owned, identity, restart)
    if restart:
        owned.keep_only([])
    owned.write("programme.toml", programme.text)
    record = {**identity, "name": programme.tables.name}
    _tell(owned, programme, measures, record)
    return ProgrammeResult(programme, folder.absolute(), temporary=out is None)


def _identity(programme: Programme, seed: int, engine: str) -> dict[str, Any]:
    """By what two results are of one programme."""
    return {"digest": programme.digest, "seed": seed, "version": version(), "engine": engine}


def _check(programme: Programme, number: int, seed: int, jobs: int) -> None:
    most = MOST // programme.law.count
    problems = wrong_number("--portfolios", number, 1, most) + wrong_seed(seed) + wrong_jobs(jobs)
    if problems:
        raise DesignError(problems)


def _simulate(
    programme: Programme,
    folder: Path,
    number: int,
    seed: int,
    jobs: int,
    restart: bool,
    progress: Progress,
    tell: Tell,
) -> None:
    identity = _identity(programme, seed, "simulate")
    owned = OwnedFolder(folder)
    owned.sweep()
    _require_ours(owned, identity, restart)
    if restart:
        owned.keep_only([])
    off = _off(owned)
    record = {
        **identity,
        "name": programme.tables.name,
        "controlled_design": digest_of(programme.confirm.design),
        "portfolios": number,
    }
    owned.write("programme.toml", programme.text)
    record["true_values_off_by"] = off
    owned.write(RECORD, json.dumps({**record, "status": "running"}, indent=1) + "\n")
    gaps = list(_gaps(_parts(owned), number))
    missing = sum(stop - start for start, stop in gaps)
    count = programme.law.count
    controlled = "controlled trials of those that go on"
    early = "" if programme.early is None else f"{number * count:,} early trials and the "
    tell(
        f"{number:,} portfolios of {count} candidates: {early}{controlled}"
        + (f"; {number - missing:,} portfolios are there already" if missing < number else "")
    )
    if gaps:
        truths = _truths(programme, progress)
        known = [one.off for one in (truths.early, truths.confirm) if one is not None]
        off = max(known)
        record["true_values_off_by"] = off
        owned.write(RECORD, json.dumps({**record, "status": "running"}, indent=1) + "\n")
        done = number - missing
        for span, columns in _columns(programme, truths, seed, gaps, jobs):
            _write_part(owned, span, columns)
            done += span[1] - span[0]
            progress("portfolios", done, number)
    record["true_values_off_by"] = off
    columns = _whole(owned, number)
    _finish(owned, programme, columns, record)


def _off(owned: OwnedFolder) -> float:
    """By how much lines between true values were off, where a run has found it."""
    try:
        told = json.loads(owned.path(RECORD).read_text(encoding="utf-8"))
        return float(told.get("true_values_off_by", 0.0))
    except (OSError, ValueError, TypeError):
        return 0.0


def _truths(programme: Programme, progress: Progress) -> Truths:
    reaches = programme.law.reaches
    early = None if programme.early is None else known_of(programme.early, reaches, progress)
    return Truths(early, known_of(programme.confirm, reaches, progress))


def _columns(
    programme: Programme, truths: Truths, seed: int, gaps: list[Span], jobs: int
) -> Iterator[tuple[Span, Columns]]:
    """Candidates of all stretches of portfolios, in order."""
    missing = sum(stop - start for start, stop in gaps)
    size = max(1, min(STRETCH // programme.law.count, -(-missing // jobs)))
    spans = [(at, min(at + size, stop)) for start, stop in gaps for at in range(start, stop, size)]
    work = functools.partial(_stretch, programme, truths, seed)
    yield from zip(spans, spread(work, spans, jobs, KEPT), strict=True)


def _stretch(programme: Programme, truths: Truths, seed: int, span: Span) -> Columns:
    start, stop = span
    return stretch_of(programme, truths, seed, start, stop - start)


# ── the folder ────────────────────────────────────────────────────────────────────────────────
def _require_ours(owned: OwnedFolder, identity: Mapping[str, Any], restart: bool) -> None:
    """Raise a :class:`ResultsError` where a folder holds something else."""
    owned.require_free(name for name in FILES if owned.path(name).exists())
    if not restart:
        owned.require_same(RECORD, identity, "programme")


def _parts(owned: OwnedFolder) -> list[Span]:
    """Finished stretches of portfolios, in order."""
    found = []
    for name in owned.names:
        told = re.fullmatch(rf"{PARTS}/(\d+)-(\d+)\.parquet", name)
        if told and owned.owns(name):
            found.append((int(told[1]), int(told[2])))
    return sorted(found)


def _part(span: Span) -> str:
    return f"{PARTS}/{span[0]:08d}-{span[1]:08d}.parquet"


def _gaps(parts: list[Span], number: int) -> Iterator[Span]:
    """What is missing of so many portfolios."""
    edge = 0
    for start, stop in parts:
        if start > edge:
            yield edge, min(start, number)
        edge = max(edge, stop)
        if edge >= number:
            return
    yield edge, number


def _write_part(owned: OwnedFolder, span: Span, columns: Columns) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with owned.writing(_part(span)) as temporary:
        pq.write_table(pa.table(columns), temporary)


def _whole(owned: OwnedFolder, number: int) -> Columns:
    """All candidates of the portfolios asked for."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    edge, tables = 0, []
    for span in _parts(owned):
        table = pq.read_table(owned.path(_part(span)), memory_map=False)
        portfolio = table["portfolio"].to_numpy()
        tables.append(table.filter(pa.array((portfolio >= edge) & (portfolio < number))))
        edge = max(edge, span[1])
    whole = pa.concat_tables(tables)
    return {name: whole[name].to_numpy() for name in whole.column_names}


def _finish(
    owned: OwnedFolder, programme: Programme, columns: Columns, record: Mapping[str, Any]
) -> None:
    """Write what the programme tells beside its candidates."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    measures = measures_of(programme, columns)
    told = dict(columns)
    told["class"] = np.array(programme.law.classes, dtype=object)[columns["class"]]
    reasons = {code: reason_word(int(code)) for code in np.unique(columns["reason"])}
    told["reason"] = np.array([reasons[code] for code in columns["reason"]], dtype=object)
    with owned.writing(CANDIDATES) as temporary:
        pq.write_table(pa.table(told), temporary)
    _tell(owned, programme, measures, record)


def _tell(
    owned: OwnedFolder, programme: Programme, measures: Measures, record: Mapping[str, Any]
) -> None:
    """Write measures and the first page, and that all is done."""
    owned.write("measures.csv", measures.csv())
    owned.write("distributions.csv", measures.distributions_csv())
    page = first_page(programme, measures, record)
    owned.write("programme.txt", page)
    owned.write(RECORD, json.dumps({**record, "status": COMPLETE}, indent=1) + "\n")
