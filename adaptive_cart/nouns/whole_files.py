"""Files that are whole or not there, and what is said where the disk refuses."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adaptive_cart.errors import InputError, RunError

LONGEST_NAME = 100  # bytes; file systems take 255, and names of our own are added to it


@contextmanager
def telling(what: str, path: Path, hint: str = "") -> Iterator[None]:
    """Turn a failure of the disk into a run error that says what could not be done."""
    try:
        yield
    except OSError as error:
        # pyarrow's own words are long; the number says it as well
        reason = os.strerror(error.errno) if error.errno else str(error)
        end = f". {hint}" if hint else ""
        raise RunError(f"{path}: cannot {what}: {reason}{end}") from error


def unfit_for_a_file(name: str) -> str:
    """Why a name cannot be part of the name of a file, in words; empty if it can."""
    if not name.strip() or not name.isprintable():
        return "a name needs letters or digits, on one line"
    if "/" in name or "\\" in name:
        return "a name with a slash cannot be part of the name of a file; leave it out"
    return ""


def unfit_for_a_folder(name: str) -> str:
    """The same of a name that a folder gets, and nothing else."""
    if name.startswith((".", "=")):
        return f"a folder gets this name, which cannot begin with '{name[0]}'"
    if len(name.encode()) > LONGEST_NAME:
        return f"a folder gets this name, which cannot be longer than {LONGEST_NAME} letters"
    return unfit_for_a_file(name)


def temporary_name(path: Path) -> Path:
    """A name beside a file that nobody can foresee."""
    return path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}.tmp")


def made_here(path: Path) -> None:
    """Make an empty file; it is an error if anything of that name is there, a link included."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))


@contextmanager
def renamed(path: Path, temporary: Path | None = None) -> Iterator[Path]:
    """Lend a name to write under, and give the file its own name when it is whole."""
    temporary = temporary or temporary_name(path)
    made_here(temporary)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file that the user has named, whole or not at all."""
    with telling("be written", path):
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")  # a device or a pipe, which has to stay one
            return
        with renamed(path.resolve()) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")


def write_new(path: Path, text: str, again: bool = False) -> None:
    """Write a text file that is not there yet.

    Parameters
    ----------
    again
        Whether a file that holds this very text may be there: what an earlier call wrote.

    Raises
    ------
    InputError
        If anything else of that name is there, a link included; it stays as it is.
    """
    stream = path.exists() and not path.is_file() and not path.is_dir()  # a device or a pipe
    if not os.path.lexists(path) or stream:
        write_text(path, text)
    elif not (again and holds_text(path, text)):
        raise InputError(
            f"{path}: is there already, and is not replaced; move it away, or choose another name"
        )


def holds_text(path: Path, text: str) -> bool:
    """Whether this is a file, no link, and holds a text and nothing else."""
    content = text.encode()
    if path.is_symlink() or not path.is_file() or path.stat().st_size != len(content):
        return False
    return path.read_bytes() == content
