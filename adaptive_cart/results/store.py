"""The results folder: written so that nothing half-done is ever read, and nothing done is lost.

    manifest.json                    design digest, seed, trials, versions, engine, times, sources
    design.toml                      the design as it was run
    operating_characteristics.csv    a row a scenario and measure
    boundaries.csv                   each rule on counts as integer boundaries
    stopping_counts.csv              rules on one arm's counts: the fewest of n at which each holds
    averages.csv                     a row a design prior and measure; only where there is one
    trials.parquet, looks.parquet    a row a simulated trial; a row a trial, look, arm (and stratum)
    parts/                           finished stretches of a run that is not finished

Every file is written under a name of its own and then renamed. A run that was killed finds its
finished stretches in ``parts``, in a folder that the manifest names and this run has made; a longer
run starts from the tables that are there. A folder of another design, seed, version or engine is
refused. What was not written here, or has been changed since, is never replaced or removed
(:mod:`adaptive_cart.nouns.owned_folder`); only ``--restart`` gives it another name.

Two tables and a manifest cannot be renamed in one go. So each table says in its footer which run it
is of and how many trials of each scenario it holds. The manifest says ``running`` from before the
first of them is replaced until all agree; meanwhile a table may hold more trials than the manifest
counts, and the surplus is not read. Once it says ``complete``, it holds their checksums too, and
those of the tables of numbers beside them.

Tables are written and read a row group at a time, and row groups are cut at fixed trials, so that
neither memory nor the bytes of a file depend on how many runs it took to fill it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.errors import ResultsError, RunError
from adaptive_cart.nouns.locked_folder import locked
from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.nouns.whole_files import telling
from adaptive_cart.results.arrow_columns import array_of, positions_of
from adaptive_cart.results.enumerated import enumerated
from adaptive_cart.results.parquet_tables import (
    FOOTER,
    GO_ON,
    column_names,
    cut,
    footer_of,
    opened,
    reading,
    regrouped,
    unlike,
)
from adaptive_cart.results.parts import Parts, Span

if TYPE_CHECKING:
    import pyarrow as pa

Task = Callable[[], Any]  # what can be done by any process that sees the folder

FORMAT = 1
MANIFEST = "manifest.json"
DESIGN = "design.toml"
MEASURES = "operating_characteristics.csv"
BOUNDARIES = "boundaries.csv"
STOPPING = "stopping_counts.csv"
AVERAGES = "averages.csv"
TRIALS = "trials.parquet"
LOOKS = "looks.parquet"
SUFFIXES = {TRIALS: "trials", LOOKS: "looks"}  # what the stretches of a table end in
PARTS = "parts"
WRITTEN_BY_RUNS = (MANIFEST, DESIGN, MEASURES, BOUNDARIES, STOPPING, AVERAGES, TRIALS, LOOKS)
ROW_GROUP = 100_000  # rows; a group holds one scenario
SHARE_FOLDER = re.compile(r"part-\d{1,5}-of-\d{1,5}")  # a share of the run, made elsewhere


@cache
def version() -> str:
    """Version of this package, as it stands in a manifest."""
    try:
        return metadata.version("adaptive_cart")
    except metadata.PackageNotFoundError:
        return "0+unknown"


@dataclass(frozen=True)
class Identity:
    """What must agree before results are added to a folder."""

    digest: str
    seed: int
    version: str
    engine: str

    @property
    def exact(self) -> bool:
        """Whether it is enumerated."""
        return enumerated(vars(self))

    @property
    def key(self) -> str:
        """A short name that no other run has."""
        text = "\n".join(str(value) for value in vars(self).values())
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def differences(self, manifest: Mapping[str, Any]) -> list[str]:
        """What a folder's manifest says otherwise, in words."""
        words = {
            "digest": "design (digest)",
            "seed": "seed",
            "version": "adaptive_cart version",
            "engine": "engine",
        }
        return [
            f"{words[key]} {manifest.get(key)} there, {value} now"
            for key, value in vars(self).items()
            if manifest.get(key) != value
        ]


def in_turn(tasks: Sequence[Task]) -> Iterator[Any]:
    """Do one after the other, here."""
    return (task() for task in tasks)


class _NotOurs(ResultsError):
    """A file of the name of ours that is something else."""


# ── the folder ────────────────────────────────────────────────────────────────────────────────
class Store:
    """A results folder."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.owned = OwnedFolder(folder)
        self._parts: Parts | None = None

    def path(self, name: str) -> Path:
        """Where a file of the folder lies."""
        return self.folder / name

    @property
    def parts(self) -> Parts:
        """Where the run that :meth:`prepare` has made the folder ready for keeps its stretches."""
        assert self._parts is not None
        return self._parts

    # ── what is there ─────────────────────────────────────────────────────────────────────
    def manifest(self) -> dict[str, Any] | None:
        """The folder's manifest; nothing where there is none.

        Raises
        ------
        ResultsError
            If there is one that cannot be read.
        """
        path = self.path(MANIFEST)
        if not path.exists():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ResultsError(
                f"{path}: is damaged ({error}); --restart replaces these results"
            ) from None
        if not isinstance(found, dict) or "format" not in found or "digest" not in found:
            raise _NotOurs(f"{path}: is no manifest of results; choose another --out")
        if found["format"] != FORMAT:
            raise ResultsError(f"{path}: written in another format; use --restart or another --out")
        fault = _fault(found)
        if fault:
            raise ResultsError(f"{path}: is damaged ({fault}); --restart replaces these results")
        return found

    def found(self, identity: Identity) -> dict[str, Any] | None:
        """Look at what is there, changing nothing: the manifest of a run that can be gone on with.

        Raises
        ------
        ResultsError
            If the folder holds results of another design, seed, version or engine, damaged ones,
            or files that are no results at all.
        """
        manifest = self.manifest()
        if manifest is None:
            self._require_free()
            return None
        differences = identity.differences(manifest)
        if differences:
            raise ResultsError(
                f"{self.folder}: holds results of another run: {'; '.join(differences)}. "
                f"Choose another --out, or --restart to replace them"
            )
        self.verify(manifest)
        return manifest

    def verify(self, manifest: Mapping[str, Any]) -> None:
        """Raise a :class:`ResultsError` unless the tables are those that a manifest tells of."""
        counted = {name: trials for name, trials in manifest["trials"].items() if trials}
        if manifest["status"] == "complete":
            self._require_unchanged(manifest.get("checksums", {}))
        if not counted:
            return
        key = Identity(*(manifest[field] for field in ("digest", "seed", "version", "engine"))).key
        complete = manifest["status"] == "complete"
        for name in (TRIALS, LOOKS):
            path = self.path(name)
            run, held = self.footer(name)
            if run != key:
                raise ResultsError(f"{path}: is of another run; --restart runs its trials again")
            # while tables are being replaced, one may be ahead of the manifest, never behind
            short = {n for n, trials in counted.items() if held.get(n, 0) < trials}
            if short or (complete and held != counted):
                there = ", ".join(f"{trials:,} of '{n}'" for n, trials in held.items())
                told = ", ".join(f"{trials:,} of '{n}'" for n, trials in counted.items())
                raise ResultsError(
                    f"{path}: holds {there or 'no'} trials, {MANIFEST} tells of {told}; "
                    f"--restart runs them again"
                )
            if complete and manifest.get("checksums", {}).get(name) != self.checksum(name):
                raise ResultsError(
                    f"{path}: has been changed since it was written; --restart runs its trials "
                    f"again"
                )

    def require_columns(self, identity: Identity, written: Mapping[str, Sequence[str]]) -> None:
        """Raise a :class:`ResultsError` unless what is there has the columns that are written now.

        Parameters
        ----------
        written
            Columns by table. The same version may have written others, before it was finished.
        """
        held = self._held_parts(identity)
        parts = None if held is None else Parts(self.path(PARTS) / held)
        for name, columns in written.items():
            paths = [self.path(name)] if self.path(name).exists() else []
            if parts is not None:
                suffix = name.split(".")[0]
                paths += [parts.path(stretch, suffix) for stretch in parts.finished()]
            for path in paths:
                try:
                    found = column_names(path)
                except ResultsError:
                    continue  # what is damaged is told, or run again, elsewhere
                if found != list(columns):
                    raise ResultsError(
                        f"{self.folder}: cannot be extended, since {unlike(path, found, columns)}. "
                        f"Choose another --out, or --restart to replace what is there"
                    )

    def _require_unchanged(self, checksums: Mapping[str, str]) -> None:
        """Raise a :class:`ResultsError` if a table of numbers was edited since it was written."""
        for name in (MEASURES, BOUNDARIES, STOPPING, AVERAGES):
            if name in checksums and checksums[name] != self.checksum(name):
                raise ResultsError(
                    f"{self.path(name)}: has been changed since it was written; the same command "
                    f"with --restart writes it again"
                )

    def footer(self, name: str) -> tuple[str, dict[str, int]]:
        """Which run a table is of, and how many trials of each scenario it holds."""
        path = self.path(name)
        with reading(path), opened(path) as file:
            footer = footer_of(file)
            return footer["run"], footer["trials"]

    def checksum(self, name: str) -> str:
        """Fingerprint of a file's bytes."""
        path = self.path(name)
        with reading(path), path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _strangers(self) -> list[str]:
        """What lies in the folder and is not ours.

        Hidden files, empty ``parts`` and the folders of shares are left out.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise ResultsError(f"{self.folder}: is a file; choose another --out")
        return [name for name in self.owned.strangers() if not SHARE_FOLDER.fullmatch(name)]

    def _require_free(self) -> None:
        """Raise a :class:`ResultsError` unless a folder without a manifest is free to be used."""
        names = set(self._strangers()) | {n for n in WRITTEN_BY_RUNS if self.owned.owns(n)}
        strangers = sorted(names - {*WRITTEN_BY_RUNS, PARTS} | names & {DESIGN})
        remains = sorted(names & {*WRITTEN_BY_RUNS, PARTS} - {DESIGN})
        if remains:
            # what is not ours is not replaced by a restart either
            way = "" if self._strangers() else ", or --restart to replace them"
            raise ResultsError(
                f"{self.folder}: holds {', '.join(remains)}, but no {MANIFEST} that says of what; "
                f"choose another --out{way}"
            )
        if strangers:
            raise ResultsError(
                f"{self.folder}: holds files that are no results ({', '.join(strangers[:5])}); "
                f"choose another --out"
            )

    def require_replaceable(self) -> None:
        """Raise a :class:`ResultsError` unless what a folder holds are results, or nothing."""
        try:
            if self.manifest() is not None:
                return  # files beside the results are left alone
        except _NotOurs:
            raise
        except ResultsError:
            return  # a damaged manifest is set aside with the rest
        strangers = self._strangers()
        if strangers:
            raise ResultsError(
                f"{self.folder}: holds files that no run has written here "
                f"({', '.join(strangers[:5])}), so that nothing there is replaced; choose another "
                f"--out"
            )

    # ── making it ready ───────────────────────────────────────────────────────────────────
    def locked(self) -> AbstractContextManager[None]:
        """Keep other runs out of the folder, which is made; the lock goes when the process does."""
        return locked(self.folder)

    def prepare(self, identity: Identity, restart: bool) -> list[str]:
        """Make the folder ready for a run: old results and what killed runs left are removed.

        Returns
        -------
        New names of files that were in the way and are not ours.
        """
        held = self._held_parts(identity)
        aside = self.clear() if restart else []
        self.owned.sweep()
        self.owned.require_free(name for name in WRITTEN_BY_RUNS if name != MANIFEST)
        self._parts = self._own_parts(identity, None if restart else held)
        return aside

    def open_parts(self) -> None:
        """Make the folder of stretches, once the manifest has told its name."""
        with telling("be made", self.parts.folder):
            self.parts.folder.mkdir(parents=True, exist_ok=True)
        self.parts.sweep()

    def _held_parts(self, identity: Identity) -> str | None:
        """Name of the folder of stretches that the manifest tells of, if it is this run's."""
        try:
            name = (self.manifest() or {}).get(PARTS)
        except ResultsError:
            return None
        pattern = rf"{identity.key}-[0-9a-f]{{12}}"
        return name if isinstance(name, str) and re.fullmatch(pattern, name) else None

    def _own_parts(self, identity: Identity, held: str | None) -> Parts:
        """The folder of stretches that the manifest tells of, or a name that nobody can foresee."""
        above = self.path(PARTS)
        if above.is_symlink() or (above.exists() and not above.is_dir()):
            raise ResultsError(
                f"{above}: is a link or a file, where stretches of trials are to be kept; move it "
                f"away, or choose another --out"
            )
        if held is not None and not (above / held).is_symlink():
            return Parts(above / held)
        return Parts(above / f"{identity.key}-{uuid.uuid4().hex[:12]}")

    def clear(self) -> list[str]:
        """Remove the results of a folder; what is in the way and not ours gets a new name."""
        try:
            held = (self.manifest() or {}).get(PARTS)
        except ResultsError:
            held = None
        named = re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]{12}", str(held))
        if named and not self.path(PARTS).is_symlink():
            Parts(self.path(PARTS) / named[0]).clear()
        for name in [MANIFEST, *self.owned.names]:  # the manifest first
            self.owned.remove(name)
        in_the_way = [name for name in WRITTEN_BY_RUNS if os.path.lexists(self.path(name))]
        return [self.owned.set_aside(name) for name in in_the_way]

    def tidy(self, identity: Identity) -> None:
        """Remove what a run that was stopped at its very end has left, where that can be done."""
        held = self._held_parts(identity)
        with suppress(RunError):
            if held is not None and not self.path(PARTS).is_symlink():
                Parts(self.path(PARTS) / held).clear()
            self.owned.sweep()

    def drop_parts(self) -> None:
        """Forget all stretches, once the tables hold them."""
        self.parts.clear()

    # ── writing ───────────────────────────────────────────────────────────────────────────
    def merge(
        self,
        identity: Identity,
        spans: Mapping[str, Sequence[Span]],
        do: Callable[[Sequence[Task]], Iterable[Any]] = in_turn,
        meanwhile: Sequence[Task] = (),
    ) -> list[Any]:
        """Write the whole tables anew from what they held and the finished stretches.

        Parameters
        ----------
        spans
            By name of the scenario, in order: its trials from the first on, without a gap.
        do
            Does tasks, elsewhere or one after the other, and gives what they find in their order.
        meanwhile
            What else is to be done before the old tables are replaced.

        Returns
        -------
        What that finds.
        """
        with self.parts.without_damaged(), ExitStack() as writing:
            lent = [
                (name, suffix, writing.enter_context(self.owned.writing(name, GO_ON)))
                for name, suffix in SUFFIXES.items()
            ]
            # the table of looks, which takes longest, is begun first
            fills = [partial(self._merge, identity, spans, *of) for of in reversed(lent)]
            return list(do([*fills, *meanwhile]))[len(fills) :]

    def _merge(
        self,
        identity: Identity,
        spans: Mapping[str, Sequence[Span]],
        name: str,
        suffix: str,
        temporary: Path,
    ) -> None:
        import pyarrow.parquet as pq

        target = self.path(name)
        held = {scenario: pieces[-1].stop for scenario, pieces in spans.items() if pieces}
        told = json.dumps({"run": identity.key, "trials": held})
        with ExitStack() as closing:
            closing.enter_context(telling("be written", target, GO_ON))  # where two are lent
            writer: Any = None
            for scenario, pieces in spans.items():
                sources = self._sources(name, suffix, scenario, pieces)
                for group in regrouped(sources, ROW_GROUP):
                    if writer is None:
                        schema = group.schema.with_metadata({FOOTER: told})
                        writer = closing.enter_context(
                            pq.ParquetWriter(
                                temporary, schema, compression="zstd", write_page_checksum=True
                            )
                        )
                    elif not group.schema.equals(writer.schema):
                        raise ResultsError(
                            f"{target}: its columns are not those of this version; --restart "
                            f"runs its trials again"
                        )
                    writer.write_table(group, row_group_size=ROW_GROUP)

    def _sources(
        self,
        name: str,
        suffix: str,
        scenario: str,
        pieces: Iterable[Span],
    ) -> Iterator[pa.Table]:
        for span in pieces:
            if span.part is not None:
                yield self.parts.read(span, suffix)
                continue
            for group in self.groups(name, scenario):
                kept = cut(group, span.start, span.stop)
                if kept.num_rows:
                    yield kept

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest whole or not at all."""
        self.write(MANIFEST, json.dumps(manifest, indent=2) + "\n")

    def write(self, name: str, text: str) -> None:
        """Write a file of text whole or not at all."""
        self.owned.write(name, text, GO_ON)

    # ── reading ───────────────────────────────────────────────────────────────────────────
    def groups(
        self, name: str, scenario: str, columns: list[str] | None = None
    ) -> Iterator[pa.Table]:
        """Rows of one scenario in order of trial, a row group at a time."""
        path = self.path(name)
        with reading(path), opened(path) as file:
            place = file.schema_arrow.get_field_index("scenario")
            for group in range(file.num_row_groups):
                if file.metadata.row_group(group).column(place).statistics.min == scenario:
                    yield file.read_row_group(group, columns=columns, use_threads=False)

    def column(
        self, name: str, scenario: str, column: str, words: Sequence[str] = ()
    ) -> npt.NDArray[Any]:
        """One column of one scenario in order of trial.

        Parameters
        ----------
        words
            For a column of text: it comes as positions in these, -1 for any other.
        """
        pieces: list[npt.NDArray[Any]] = []
        for group in self.groups(name, scenario, [column]):
            values = group.column(0)
            pieces += (
                [positions_of(chunk, words) for chunk in values.chunks]
                if words
                else [array_of(values)]
            )
        if not pieces:
            raise ResultsError(f"{self.path(name)}: holds nothing of '{scenario}'")
        return np.concatenate(pieces)

    def column_names(self, name: str) -> list[str]:
        """Columns that a table has."""
        return column_names(self.path(name))

    def table(self, name: str) -> pa.Table:
        """Read a whole table into memory."""
        path = self.path(name)
        with reading(path), opened(path) as file:
            return file.read()


def _fault(manifest: Mapping[str, Any]) -> str:
    """What is wrong with a manifest, if anything."""
    kinds = {"status": str, "digest": str, "version": str, "engine": str, "seed": int}
    for key, kind in (kinds | {"trials": dict}).items():
        if not isinstance(manifest.get(key), kind):
            return f"{key} is {manifest.get(key)!r}"
    for name, trials in manifest["trials"].items():
        if not isinstance(trials, int) or isinstance(trials, bool) or trials < 0:
            return f"trials of '{name}' are {trials!r}"
    return ""
