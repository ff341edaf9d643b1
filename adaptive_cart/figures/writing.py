"""Figures as files: the picture in each format, the numbers behind it, and what is said of it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaptive_cart.errors import InputError, ResultsError, nearest, one_of
from adaptive_cart.figures.kinds import FigureKind, Missing, Tables
from adaptive_cart.figures.registry import FIGURES
from adaptive_cart.figures.style import DOTS_A_INCH, RC
from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.nouns.progress import Progress, silent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from adaptive_cart.results.result import Result

FORMATS = ("pdf", "svg", "png")
FOLDER = "figures"
CAPTIONS = "captions.json"
ABOUT = "about"  # the table that says of what run a figure is
# no dates: the same numbers give the same file
METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": "adaptive_cart"},
    "svg": {"Date": None, "Creator": "adaptive_cart"},
    "png": {"Software": None},
}


@dataclass
class Written:
    """What was written and what could not be drawn.

    Attributes
    ----------
    folder
        Where the files lie.
    drawn
        By id of a figure: its files.
    missing
        By id of a figure: why it is not there.
    """

    folder: Path
    drawn: dict[str, list[str]] = field(default_factory=dict)
    missing: dict[str, Missing] = field(default_factory=dict)

    def words(self) -> str:
        """Say it, a line a figure."""
        lines = [f"{key:4s} {FIGURES[key].title}: {', '.join(names)}"
                 for key, names in self.drawn.items()]  # fmt: skip
        if self.missing:
            together: dict[Missing, list[str]] = {}
            for key, why in self.missing.items():
                together.setdefault(why, []).append(key)
            lines += ["", "not drawn:"]
            lines += [f"{', '.join(keys)}: {why}" for why, keys in together.items()]
        return "\n".join(lines)


def tables_of(result: Result, key: str) -> Tables | Missing:
    """Return the numbers behind a figure, or why they cannot be had."""
    return kind_of_figure(key).tables(result)


def figure_of(result: Result, key: str) -> Figure:
    """Draw one figure of a run.

    Raises
    ------
    InputError
        If there is no such figure, or the run does not hold what it needs.
    """
    kind = kind_of_figure(key)
    tables = kind.tables(result)
    if isinstance(tables, Missing):
        raise InputError(f"{kind.id} ({kind.title.lower()}) cannot be drawn: {tables}")
    return kind.draw(tables)


def kind_of_figure(key: str) -> FigureKind:
    """The figure of an id; an unknown id raises, so that none is left out in silence."""
    if key not in FIGURES:
        raise InputError(
            f"no figure '{key}'{nearest(key, FIGURES)}; the figures are {one_of(FIGURES)}"
        )
    return FIGURES[key]


def write_figures(
    result: Result,
    folder: str | Path | None = None,
    formats: Iterable[str] = FORMATS,
    only: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Written:
    """Draw every figure that a run holds the numbers for, and write them beside those numbers.

    Parameters
    ----------
    folder
        ``figures`` in the results folder, if left out.
    formats
        Some of ``pdf``, ``svg`` and ``png`` (300 dots an inch).
    only
        Ids of the figures that are wanted; all if left out.

    Raises
    ------
    InputError
        If a format or figure does not exist; nothing is written then.
    """
    wanted = formats_asked(formats)
    kinds = [kind_of_figure(key) for key in (FIGURES if only is None else dict.fromkeys(only))]
    assert result.manifest  # raises where the results are not sound
    out = Path(folder) if folder is not None else result.folder / FOLDER
    place = Place(OwnedFolder(out)) if folder is not None else Place.beside(result)
    place.require_free([f"{kind.file_name}.{suffix}" for kind in kinds for suffix in wanted])
    written = Written(out)
    captions: dict[str, Any] = {}
    for number, kind in enumerate(kinds):
        progress("figures", number, len(kinds))
        tables = kind.tables(result)
        if isinstance(tables, Missing):
            written.missing[kind.id] = tables
            continue
        written.drawn[kind.id] = _write(kind, tables, place, wanted)
        captions[kind.id] = {
            "file": kind.file_name,
            "title": kind.title,
            "caption": kind.caption(tables),
            "alternative_text": kind.alternative_text(tables),
            "audience": kind.audience,
        }
    progress("figures", len(kinds), len(kinds))
    _tidy(kinds, written, place)
    if captions or (out / CAPTIONS).exists():
        said = _said_before(out, kinds) | captions
        ordered = {key: said[key] for key in FIGURES if key in said}
        place.write(CAPTIONS, json.dumps(ordered, indent=2, ensure_ascii=False) + "\n")
    return written


@dataclass(frozen=True)
class Place:
    """Where figures go: a folder of ours, or one in the folder of results."""

    owned: OwnedFolder
    under: str = ""

    @staticmethod
    def beside(result: Result) -> Place:
        """The folder of figures in a results folder."""
        return Place(OwnedFolder(result.folder), f"{FOLDER}/")

    def require_free(self, names: Iterable[str]) -> None:
        """Raise a :class:`ResultsError` if files of these names are there and are not ours."""
        self.owned.require_free(self.under + name for name in names)

    def write(self, name: str, content: bytes | str) -> None:
        """Write a file whole or not at all."""
        self.owned.write(self.under + name, content)

    def remove(self, name: str) -> None:
        """Remove a file if it is ours."""
        self.owned.remove(self.under + name)


def _said_before(out: Path, kinds: list[FigureKind]) -> dict[str, Any]:
    """Captions in the folder of the figures that were not asked for now."""
    try:
        found = json.loads((out / CAPTIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    asked = {kind.id for kind in kinds}
    return {key: value for key, value in dict(found).items() if key not in asked}


def _tidy(kinds: list[FigureKind], written: Written, place: Place) -> None:
    """Remove what an earlier call wrote of the same figures and this one did not."""
    if not written.folder.is_dir():
        return
    new = {name for names in written.drawn.values() for name in names}
    for kind in kinds:
        old = [written.folder / f"{kind.file_name}.{suffix}" for suffix in (*FORMATS, "csv")]
        old += sorted(written.folder.glob(f"{kind.file_name}_*.csv"))
        for path in old:
            if path.name not in new:
                place.remove(path.name)


def _write(kind: FigureKind, tables: Tables, place: Place, formats: list[str]) -> list[str]:
    figure = kind.draw(tables)
    names = []
    for suffix in formats:
        name = f"{kind.file_name}.{suffix}"
        place.write(name, rendered(figure, suffix))
        names.append(name)
    numbers = [table for table in tables if table != ABOUT]
    for table, frame in tables.items():
        if table in numbers:
            name = f"{kind.file_name}_{table}.csv" if len(numbers) > 1 else f"{kind.file_name}.csv"
            place.write(name, frame.to_csv(index=False, lineterminator="\n"))
            names.append(name)
    return names


def write_pictures(
    folder: Path, pictures: Mapping[str, Figure], texts: Mapping[str, str], formats: Iterable[str]
) -> list[str]:
    """Write figures with the texts that belong to them; returns the names of the files.

    Parameters
    ----------
    pictures, texts
        By name of the file, without suffix and with it.

    Raises
    ------
    InputError, ResultsError
        If a format does not exist, or the folder holds other people's files of these names.
    """
    wanted = formats_asked(formats)
    for parent in (folder, *folder.parents):
        if parent.exists() and not parent.is_dir():
            raise ResultsError(f"{parent}: is a file; choose another --out")
    drawn = {f"{name}.{suffix}": (name, suffix) for name in pictures for suffix in wanted}
    owned = OwnedFolder(folder)
    owned.require_free([*texts, *drawn])
    owned.sweep()
    owned.keep_only([*texts, *drawn])  # of an earlier call
    for file, text in texts.items():
        owned.write(file, text)
    for file, (name, suffix) in drawn.items():
        owned.write(file, rendered(pictures[name], suffix))
    return [*texts, *drawn]


def told_beside(name: str, title: str, caption: str, alternative: str) -> str:
    """The file of captions of one figure alone."""
    told = {"file": name, "title": title, "caption": caption, "alternative_text": alternative}
    return json.dumps({name: told}, indent=2, ensure_ascii=False) + "\n"


def asked_of(option: str, asked: Iterable[str], allowed: Sequence[str]) -> list[str]:
    """The names that are asked for by an option, each once.

    Raises
    ------
    InputError
        If there are none, or one is not allowed.
    """
    wanted = list(dict.fromkeys(asked))
    unknown = [name for name in wanted if name not in allowed]
    if unknown or not wanted:
        found = ", ".join(unknown)
        raise InputError(f"{option}: found '{found}'; some of {one_of(allowed)} are expected")
    return wanted


def formats_asked(formats: Iterable[str]) -> list[str]:
    """The formats of figures that are asked for, each once; errors as for :func:`asked_of`."""
    return asked_of("--format", formats, FORMATS)


def write_captioned(
    folder: Path,
    captions: Mapping[str, Mapping[str, str]],
    draw: Callable[[str], Figure],
    formats: Iterable[str],
) -> list[str]:
    """Write figures and a file of their captions; returns the names of the files.

    Parameters
    ----------
    captions
        By name of a figure: its title, its caption and its alternative text.
    draw
        Draws the figure of a name.

    Raises
    ------
    InputError, ResultsError
        If a format does not exist, or the folder holds other people's files of these names.
    """
    wanted = formats_asked(formats)
    owned = OwnedFolder(folder)
    files = {f"{name}.{suffix}": (name, suffix) for name in captions for suffix in wanted}
    owned.require_free([*files, CAPTIONS])
    drawn = {name: draw(name) for name in captions}
    for file, (name, suffix) in files.items():
        owned.write(file, rendered(drawn[name], suffix))
    owned.write(CAPTIONS, json.dumps(captions, indent=2, ensure_ascii=False) + "\n")
    return [*files, CAPTIONS]


def rendered(figure: Figure, suffix: str) -> bytes:
    """Return a figure as the bytes of a file: the same bytes for the same figure, always."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context(RC):
        figure.savefig(buffer, format=suffix, metadata=METADATA[suffix], dpi=DOTS_A_INCH)
    return buffer.getvalue()
