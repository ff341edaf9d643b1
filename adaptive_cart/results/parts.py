"""Finished stretches of a run that is not finished: what they are called, and how they are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from adaptive_cart.errors import ResultsError, RunError
from adaptive_cart.nouns.whole_files import telling
from adaptive_cart.results.parquet_tables import GO_ON, cut, footer_of, opened, reading, write_table

if TYPE_CHECKING:
    import pyarrow as pa


Found = TypeVar("Found")
STRETCH_FILE = re.compile(r"(\d{3,}-\d{10}-\d{10})\.(trials|looks)\.parquet(\.[0-9a-f]{12}\.tmp)?")


# ── what a run and its pieces are called ──────────────────────────────────────────────────────
@dataclass(frozen=True, order=True)
class Stretch:
    """Trials ``start`` to ``stop`` (excluded) of one scenario, by its position in the design."""

    scenario: int
    start: int
    stop: int

    @property
    def stem(self) -> str:
        """Name of its files, without what follows the first dot."""
        return f"{self.scenario:03d}-{self.start:010d}-{self.stop:010d}"

    @staticmethod
    def parse(stem: str) -> Stretch | None:
        """Read the name of a part; nothing where it is no such name."""
        found = re.fullmatch(r"(\d{3,})-(\d{10})-(\d{10})", stem)
        return Stretch(*(int(number) for number in found.groups())) if found else None


@dataclass(frozen=True)
class Span:
    """Trials ``start`` to ``stop`` (excluded) of a scenario, and where they are to be had.

    Attributes
    ----------
    part
        The finished stretch that holds them; nothing where the table does.
    """

    start: int
    stop: int
    part: Stretch | None


class DamagedStretchError(RunError):
    """A finished stretch cannot be read.

    Parameters
    ----------
    reason
        Of which file, and why.
    """

    def __init__(self, reason: str, stretch: Stretch) -> None:
        super().__init__(reason, stretch)
        self.reason = reason
        self.stretch = stretch


class DroppedStretchError(RunError):
    """A finished stretch could not be read and has been removed: its trials are to be run again.

    Parameters
    ----------
    reason
        Of which file, and why.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason}, and its stretch has been removed. {GO_ON}"


class Parts:
    """Finished stretches that are not in the tables yet, of one run.

    Parameters
    ----------
    folder
        Made by this run, which nobody could foresee: ``<key of the run>-<random>``.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.run = self.folder.name.split("-")[0]

    def path(self, stretch: Stretch, suffix: str) -> Path:
        """File of a stretch: of its ``trials`` or of its ``looks``."""
        return self.folder / f"{stretch.stem}.{suffix}.parquet"

    def write(self, stretch: Stretch, trials: pa.Table, looks: pa.Table) -> None:
        """Keep a finished stretch."""
        write_table(self.path(stretch, "trials"), trials, self.run)
        write_table(self.path(stretch, "looks"), looks, self.run)

    def finished(self) -> list[Stretch]:
        """The stretches that are whole, in order."""
        # the looks are written after the trials: where they are, the stretch is whole
        stems = (path.name.split(".")[0] for path in self.folder.glob("*.looks.parquet"))
        return sorted(stretch for stretch in map(Stretch.parse, stems) if stretch is not None)

    def drop_damaged(self, pages: bool = False) -> int:
        """Remove stretches that cannot be read and return their number; they are run again.

        Parameters
        ----------
        pages
            Read each to its last page, and not its footer alone.
        """
        dropped = 0
        for stretch in self.finished():
            try:
                self._check(stretch, pages)
            except ResultsError:
                self.drop(stretch)
                dropped += 1
        return dropped

    def whole(self, stretch: Stretch, columns: Mapping[str, Sequence[str]]) -> bool:
        """Whether all of a stretch can be read, to its last page, and no file of it is a link.

        Parameters
        ----------
        columns
            That its tables are to have, of ``trials`` and of ``looks``.
        """
        try:
            self._check(stretch)
            for suffix, names in columns.items():
                path = self.path(stretch, suffix)
                with reading(path), opened(path) as file:
                    found = file.read(use_threads=False).column_names
                if found != list(names) or path.is_symlink():
                    return False
        except ResultsError:
            return False
        return True

    def _check(self, stretch: Stretch, pages: bool = False) -> None:
        for suffix in ("trials", "looks"):
            path = self.path(stretch, suffix)
            with reading(path), opened(path) as file:
                rows = file.metadata.num_rows
                if footer_of(file)["run"] != self.run:
                    raise ValueError("it is of another run")
                if suffix == "trials" and rows != stretch.stop - stretch.start:
                    raise ValueError(f"{rows} trials instead of {stretch.stop - stretch.start}")
                if pages:
                    file.read(use_threads=False)

    def drop(self, stretch: Stretch) -> None:
        """Forget a stretch."""
        for suffix in ("looks", "trials"):
            path = self.path(stretch, suffix)
            with telling("be removed", path):
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all stretches, and the folder if nothing else is in it."""
        there = self.folder.is_dir() and not self.folder.is_symlink()
        with telling("be removed", self.folder):
            for path in self.folder.iterdir() if there else ():
                if STRETCH_FILE.fullmatch(path.name) and not path.is_symlink():
                    path.unlink(missing_ok=True)
        for folder in (self.folder, self.folder.parent):
            with suppress(OSError):
                folder.rmdir()

    def sweep(self) -> None:
        """Remove half-written stretches."""
        for path in self.folder.iterdir():
            found = STRETCH_FILE.fullmatch(path.name)
            if found and found[3] and not path.is_symlink():
                with telling("be removed", path):
                    path.unlink(missing_ok=True)

    def read(
        self,
        span: Span,
        suffix: str,
        columns: list[str] | None = None,
        lent: Callable[[Path], AbstractContextManager[Any]] = opened,
    ) -> pa.Table:
        """Read rows of the trials of a span out of its part.

        Parameters
        ----------
        columns
            Names of those that are wanted; all if left out.
        lent
            Where its file is had from, opened.

        Raises
        ------
        DamagedStretchError
            If that cannot be read.
        """
        assert span.part is not None
        path = self.path(span.part, suffix)
        whole = (span.start, span.stop) == (span.part.start, span.part.stop)
        wanted = columns
        if columns is not None and not whole:
            wanted = list(dict.fromkeys(["trial", *columns]))
        try:
            with reading(path), lent(path) as file:
                found = file.read(wanted, use_threads=False)
                if not whole:
                    found = cut(found, span.start, span.stop)
        except ResultsError as error:
            raise DamagedStretchError(error.args[0].split(";")[0], span.part) from None
        return found if columns is None else found.select(columns)

    @contextmanager
    def without_damaged(self) -> Iterator[None]:
        """Remove a stretch that turns out to be damaged, so that it is run again."""
        try:
            yield
        except DamagedStretchError as error:
            self.drop(error.stretch)
            raise DroppedStretchError(error.reason) from error

    def run_again(self, run: Callable[[], Found], tell: Callable[[str], None]) -> Found:
        """What a run of the trials that are missing finds.

        Where a stretch of before turns out to be damaged in a page that nobody had looked at, it is
        run once more, with every page of the others looked at first.
        """
        try:
            return run()
        except DroppedStretchError as error:
            tell(f"{error.reason}; its trials are run again")
            self.drop_damaged(pages=True)
        return run()
