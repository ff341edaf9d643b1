"""A folder that we write into and that may hold other people's files as well.

What is ours is what the folder's own list says we wrote, as long as its bytes are still those: only
that is ever replaced or removed. A file that has been changed since, one that we never wrote and a
link are somebody's: they are left as they are, and what would have to replace them is refused with
its name. No link is followed out of the folder.

The list (``.written.json``) is written before the file it tells of, so that a stop at any moment
leaves nothing of ours unrecognised. It holds the digest that is about to be written beside the one
that was there before, and the names of the temporary files, that of the next list among them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from adaptive_cart.errors import ResultsError
from adaptive_cart.nouns.whole_files import renamed, telling, temporary_name

LIST = ".written.json"
LARGEST_LIST = 10_000_000  # bytes; a longer one is none of ours
SHOWN = 5  # names in a refusal


class OwnedFolder:
    """The files of ours in a folder.

    Parameters
    ----------
    folder
        Need not exist yet; it may be a link itself, since the user has named it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._files, listed, self._aside = _read(self.folder / LIST)
        self._temporary = {name for name in listed if os.path.lexists(self.path(name))}
        of_lists = (name for name in listed - self._temporary if _of_a_list(name))
        self._next_list = next(of_lists, temporary_name(self.folder / LIST).name)

    # ── what is ours ──────────────────────────────────────────────────────────────────────
    @property
    def names(self) -> list[str]:
        """Files that the list tells of, whether they are there or not, in order."""
        return sorted(self._files)

    def strangers(self) -> list[str]:
        """What lies in the folder and is, or holds, something not ours; hidden files left out."""
        if not self.folder.is_dir():
            return []
        known = self._temporary | self._aside
        entries = [entry for entry in self.folder.iterdir() if not entry.name.startswith(".")]
        return sorted(e.name for e in entries if e.name not in known and not self._all_ours(e))

    def _all_ours(self, entry: Path) -> bool:
        """Whether a file is ours, or everything in a folder is, and there is something in it."""
        if entry.is_symlink() or not entry.is_dir():
            return self.owns(entry.relative_to(self.folder).as_posix())
        inside = [path for path in entry.rglob("*") if path.is_symlink() or not path.is_dir()]
        return all(self.owns(path.relative_to(self.folder).as_posix()) for path in inside)

    def path(self, name: str) -> Path:
        """Where a file lies."""
        return self.folder / name

    def owns(self, name: str) -> bool:
        """Whether a file is there, ours, and unchanged."""
        path = self.path(name)
        if name not in self._files or self._linked(name) or not path.is_file():
            return False
        return _digest(path) in self._files[name]

    def obstacle(self, name: str) -> str:
        """Why a file cannot be written, in words; empty if nothing is in its way."""
        linked = self._linked(name)
        if linked:
            return f"{linked} is a link"
        if not os.path.lexists(self.path(name)) or self.owns(name):
            return ""
        return f"{name} has been changed" if name in self._files else f"{name} was not written here"

    def require_free(self, names: Iterable[str]) -> None:
        """Raise a :class:`ResultsError` unless all these files may be written."""
        found = list(dict.fromkeys(why for name in names if (why := self.obstacle(name))))
        if found:
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            raise ResultsError(
                f"{self.folder}: {'; '.join(found[:SHOWN])}{more}. Nothing of it is replaced: move "
                f"it away, or choose another --out"
            )

    def require_same(self, record: str, identity: Mapping[str, Any], what: str) -> None:
        """Raise a :class:`ResultsError` where a record, if it is there, tells of something else.

        Parameters
        ----------
        record, identity
            Name of a JSON file, and what must stand in it.
        what
            The folder holds, in a word: ``sweep``.
        """
        path = self.path(record)
        if not path.exists():
            return
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            other = [name for name, value in identity.items() if held[name] != value]
        except (ValueError, KeyError, TypeError):
            raise ResultsError(f"{path}: is damaged; --restart replaces this {what}") from None
        if other:
            told = "; ".join(f"{name} {held[name]} there, {identity[name]} now" for name in other)
            raise ResultsError(
                f"{self.folder}: holds another {what}: {told}. Choose another --out, or --restart "
                f"to replace it"
            )

    def _linked(self, name: str) -> str:
        """The first part of a name, below the folder, that is a link; empty if none is."""
        here = self.folder
        for part in PurePosixPath(name).parts:
            here = here / part
            if here.is_symlink():
                return here.relative_to(self.folder).as_posix()
        return ""

    # ── writing and removing ──────────────────────────────────────────────────────────────
    def write(self, name: str, content: bytes | str, hint: str = "") -> None:
        """Write a file whole or not at all.

        Raises
        ------
        ResultsError
            If something that is not ours has its name.
        """
        whole = content.encode() if isinstance(content, str) else content
        with self.writing(name, hint) as temporary:
            temporary.write_bytes(whole)

    @contextmanager
    def writing(self, name: str, hint: str = "") -> Iterator[Path]:
        """Lend a name to write a file under; it becomes ours, whole, when that is done."""
        self.require_free([name])
        path = self.path(name)
        with telling("be written", path, hint):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = temporary_name(path)
            self._temporary.add(temporary.relative_to(self.folder).as_posix())
            self._save()
            with renamed(path, temporary):
                yield temporary
                now = [_digest(path)] if path.is_file() else []
                self._files[name] = [_digest(temporary), *now]
                self._save()
        self._temporary.discard(temporary.relative_to(self.folder).as_posix())

    def remove(self, name: str) -> bool:
        """Remove a file if it is ours, with its folder if that is empty then; say if it was."""
        if not self.owns(name):
            return False
        path = self.path(name)
        with telling("be removed", path):
            path.unlink()
            if path.parent != self.folder:
                with suppress(OSError):
                    path.parent.rmdir()
        return True

    def keep_only(self, names: Iterable[str]) -> None:
        """Remove what an earlier call wrote and is not among these names."""
        kept = set(names)
        for name in self.names:
            if name not in kept:
                self.remove(name)

    def set_aside(self, name: str) -> str:
        """Give a file that is in our way, and not ours, a name that is free; return that."""
        path = self.path(name)
        number = 1
        while os.path.lexists(aside := path.with_name(f"{path.name}.kept{number}")):
            number += 1
        with telling("be set aside", path):
            self._aside.add(aside.relative_to(self.folder).as_posix())
            self._save()
            path.rename(aside)
        return aside.relative_to(self.folder).as_posix()

    def sweep(self) -> None:
        """Remove the temporary files that a stop has left."""
        for name in sorted(self._temporary):
            path = self.path(name)
            if not self._linked(name) and path.is_file():
                with telling("be removed", path):
                    path.unlink()
        self._temporary.clear()

    def _save(self) -> None:
        path = self.folder / LIST
        this, self._next_list = self.path(self._next_list), temporary_name(path).name
        if os.path.lexists(this):  # another process has opened the same list
            this = temporary_name(path)
        told = {
            "files": {name: self._files[name] for name in sorted(self._files)},
            "temporary": sorted({*self._temporary, self._next_list}),
            "set_aside": sorted(self._aside),
        }
        if path.is_symlink():
            raise ResultsError(f"{path}: is a link; remove it, or choose another --out")
        with renamed(path, this) as temporary:
            temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> tuple[dict[str, list[str]], set[str], set[str]]:
    """What a list tells of: files, temporary files, files set aside.

    A list that is not as we write it tells of nothing.
    """
    nothing: tuple[dict[str, list[str]], set[str], set[str]] = ({}, set(), set())
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_LIST:
        return nothing
    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))
        digests = {str(name): [str(one) for one in all_] for name, all_ in told["files"].items()}
        unfinished = {str(name) for name in told["temporary"]}
        aside = {str(name) for name in told["set_aside"]}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return nothing
    if not all(map(_inside, [*digests, *unfinished, *aside])):
        return nothing
    if not all(name.endswith(".tmp") for name in unfinished):
        return nothing
    return digests, unfinished, aside


def _of_a_list(name: str) -> bool:
    """Whether a temporary file is to become the list."""
    return name.startswith(f"{LIST}.")


def _inside(name: str) -> bool:
    """Whether a name leads to a place inside the folder."""
    pure = PurePosixPath(name)
    return bool(pure.parts) and not pure.is_absolute() and ".." not in pure.parts
