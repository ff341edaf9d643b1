"""The results folder: written so that nothing half-done is ever read, and nothing done is lost.

    manifest.json                    design digest, seed, trials, versions, engine, times, sources
    design.toml                      the design as it was run
    operating_characteristics.csv    a row a scenario and measure
    boundaries.csv                   each rule on counts as integer boundaries
    trials.parquet, looks.parquet    a row a simulated trial; a row a trial, look, arm (and stratum)
    parts/                           finished stretches of a run that is not finished

Every file is written under another name and then renamed. A run that was killed finds its finished
stretches in ``parts``; a longer run starts from the tables that are there. A folder of another
design, seed, version or engine is refused. Parquet by pyarrow: columns, compression and streaming in
one well-kept library.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaptive_cart.errors import ResultsError, RunError

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
MANIFEST = "manifest.json"
DESIGN = "design.toml"
MEASURES = "operating_characteristics.csv"
BOUNDARIES = "boundaries.csv"
TRIALS = "trials.parquet"
LOOKS = "looks.parquet"
PARTS = "parts"
ROW_GROUP = 100_000


@contextmanager
def telling(what: str, path: Path) -> Iterator[None]:
    """Turn a failure of the disk into a run error that says what could not be done."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(
            f"{path}: cannot {what}: {reason}. What was finished before is kept; run the same "
            f"command again to go on."
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with telling("be written", path):
        temporary = path.with_name(path.name + ".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file whole or not at all."""
    import pyarrow.parquet as pq

    with telling("be written", path):
        temporary = path.with_name(path.name + ".tmp")
        pq.write_table(table, temporary, compression="zstd", row_group_size=ROW_GROUP)
        temporary.replace(path)


@dataclass(frozen=True, order=True)
class Stretch:
    """Trials ``start`` to ``stop`` (excluded) of one scenario, by its position in the design."""

    scenario: int
    start: int
    stop: int

    @property
    def stem(self) -> str:
        return f"{self.scenario:03d}-{self.start:010d}-{self.stop:010d}"

    @staticmethod
    def parse(stem: str) -> Stretch:
        scenario, start, stop = stem.split("-")
        return Stretch(int(scenario), int(start), int(stop))


@dataclass(frozen=True)
class Identity:
    """What must agree before results are added to a folder."""

    digest: str
    seed: int
    version: str
    engine: str

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


class Store:
    """A results folder."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def path(self, name: str) -> Path:
        return self.folder / name

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
            raise ResultsError(f"{path}: cannot be read ({error}); use --restart") from None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ResultsError(f"{path}: written in another format; use --restart or another --out")
        return found

    def open(self, identity: Identity, restart: bool) -> dict[str, Any] | None:
        """Make the folder ready for a run; returns the manifest of what is there, if anything.

        Raises
        ------
        ResultsError
            If the folder holds results of another design, seed, version or engine, or files that
            are no results at all.
        """
        if restart:
            self.clear()
        found = self.manifest()
        if found is None:
            strangers = self._strangers()
            if strangers:
                raise ResultsError(
                    f"{self.folder}: holds files that are no results ({', '.join(strangers)}); "
                    f"choose another --out"
                )
        else:
            differences = identity.differences(found)
            if differences:
                raise ResultsError(
                    f"{self.folder}: holds results of another run: {'; '.join(differences)}. "
                    f"Choose another --out, or --restart to replace them"
                )
        with telling("be made", self.folder):
            self.path(PARTS).mkdir(parents=True, exist_ok=True)
        return found

    def _strangers(self) -> list[str]:
        if not self.folder.exists():
            return []
        if not self.folder.is_dir():
            return [self.folder.name]
        own = {MANIFEST, DESIGN, MEASURES, BOUNDARIES, TRIALS, LOOKS, PARTS}
        names = (entry.name.removesuffix(".tmp") for entry in self.folder.iterdir())
        return sorted(name for name in names if name not in own)[:5]

    def clear(self) -> None:
        """Remove the results that a folder holds, and nothing else in it."""
        with telling("be cleared", self.folder):
            for name in (MANIFEST, MEASURES, BOUNDARIES, TRIALS, LOOKS, DESIGN):
                self.path(name).unlink(missing_ok=True)
            if self.path(PARTS).exists():
                shutil.rmtree(self.path(PARTS))

    def finished(self) -> list[Stretch]:
        """Finished stretches that are not in the tables yet, in order."""
        folder = self.path(PARTS)
        if not folder.exists():
            return []
        # the looks are written after the trials: where they are, the stretch is whole
        stems = (path.name.split(".")[0] for path in folder.glob("*.looks.parquet"))
        return sorted(Stretch.parse(stem) for stem in stems)

    # ── writing ───────────────────────────────────────────────────────────────────────────
    def write_stretch(self, stretch: Stretch, trials: pa.Table, looks: pa.Table) -> None:
        """Keep a finished stretch."""
        write_table(self.path(PARTS) / f"{stretch.stem}.trials.parquet", trials)
        write_table(self.path(PARTS) / f"{stretch.stem}.looks.parquet", looks)

    def merge(self, kept: Mapping[int, int], names: tuple[str, ...], wanted: list[Stretch]) -> None:
        """Write the whole tables anew from what they held and the finished stretches.

        Parameters
        ----------
        kept
            By scenario position: how many of its trials the present tables are trusted for.
        names
            Names of all scenarios, in order.
        wanted
            The stretches to add.
        """
        for name, suffix in ((TRIALS, "trials"), (LOOKS, "looks")):
            self._merge(name, suffix, kept, names, wanted)

    def _merge(
        self,
        name: str,
        suffix: str,
        kept: Mapping[int, int],
        names: tuple[str, ...],
        wanted: list[Stretch],
    ) -> None:
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        target = self.path(name)
        temporary = target.with_name(target.name + ".tmp")
        writer: Any = None
        with telling("be written", target):
            try:
                for position, scenario in enumerate(names):
                    sources: list[Any] = []
                    if kept.get(position) and target.exists():
                        chosen = (pc.field("scenario") == scenario) & (
                            pc.field("trial") < kept[position]
                        )
                        sources.append(pq.read_table(target, filters=chosen))
                    for stretch in wanted:
                        if stretch.scenario == position:
                            path = self.path(PARTS) / f"{stretch.stem}.{suffix}.parquet"
                            sources.append(pq.read_table(path))
                    for table in sources:
                        if writer is None:
                            writer = pq.ParquetWriter(temporary, table.schema, compression="zstd")
                        writer.write_table(table, row_group_size=ROW_GROUP)
            finally:
                if writer is not None:
                    writer.close()
            if writer is not None:
                temporary.replace(target)

    def drop_parts(self) -> None:
        """Forget the stretches, once the tables hold them."""
        with telling("be tidied", self.path(PARTS)):
            if self.path(PARTS).exists():
                shutil.rmtree(self.path(PARTS))

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        write_text(self.path(MANIFEST), json.dumps(manifest, indent=2) + "\n")

    # ── reading ───────────────────────────────────────────────────────────────────────────
    def columns(self, name: str, scenario: str, wanted: list[str] | None = None) -> pa.Table:
        """Columns of a table for one scenario, in order of trial."""
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        path = self.path(name)
        return pq.read_table(path, columns=wanted, filters=pc.field("scenario") == scenario)
