"""Design files: TOML to a :class:`~adaptive_cart.design.design.Design`, templates."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from adaptive_cart.design.design import Design
from adaptive_cart.design.external_tables import with_rows
from adaptive_cart.design.replacing import replaced, settings_of, wrong_values
from adaptive_cart.design.validation import meant, one_line
from adaptive_cart.errors import DesignError, InputError, Problem, one_of
from adaptive_cart.nouns.whole_files import renamed, telling

_PART_OF_KEY = r"""(?:[\w-]{1,50}|"[^"\n]{0,50}"|'[^'\n]{0,50}')"""
_DOTTED = re.compile(rf"(?:{_PART_OF_KEY}[ \t]*\.[ \t]*){{30}}")
_LARGEST = 1_000_000  # bytes; the longest design has a few thousand


def load_design(path: str | Path, settings: Iterable[str] = ()) -> Design:
    """Read a design file.

    Parameters
    ----------
    settings
        Keys to be set otherwise, as ``KEY=VALUE``.

    Raises
    ------
    DesignError
        With every problem of the file at once, each with its path.
    """
    raw = read_tables(path)
    if not raw:
        raise _unreadable(path, "is empty; `adaptive-cart init FILE` writes a design to start from")
    if names_designs(raw):
        message = (
            "is a programme of candidates, which names designs: `adaptive-cart programme` "
            "simulates it, and `adaptive-cart check` tells it"
        )
        raise _unreadable(path, message)
    raw, unread = with_rows(raw, Path(path).parent)
    try:
        loaded = Design(**raw)
    except DesignError as error:
        told = {problem.path for problem in unread}
        also = [problem for problem in error.problems if problem.path not in told]
        raise DesignError([*unread, *also], str(path)) from None
    wanted = settings_of(settings)
    made = replaced(loaded, wanted, str(path)) if wanted else loaded
    problems = list(wrong_values(made))
    if problems:
        raise DesignError(problems, str(path))
    return made


def names_designs(raw: Mapping[str, Any]) -> bool:
    """Whether tables are those of a programme, which names design files, and not of a design."""
    return "rules" not in raw and "arms" not in raw and "confirm" in raw


def _unreadable(path: str | Path, message: str, place: str = "") -> DesignError:
    return DesignError([Problem(place, message)], str(path))


# ── from bytes to tables ──────────────────────────────────────────────────────────────────────
def read_tables(path: str | Path, what: str = "design file") -> dict[str, Any]:
    """Read the tables of a TOML file as they stand.

    Parameters
    ----------
    what
        What the file is meant to be, in the words of a message.

    Raises
    ------
    DesignError
        If the file cannot be read, is no UTF-8 text or no TOML; with line and column.
    """
    text = _text(path, what)
    if _DOTTED.search(text):  # tomllib would take minutes over some
        raise _unreadable(path, "not valid TOML: nested too deeply")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place, message = _broken(str(error), text)
        raise _unreadable(path, message, place) from None
    except ValueError:  # more digits than Python reads
        raise _unreadable(path, "not valid TOML: a number of thousands of digits") from None
    except RecursionError:
        raise _unreadable(path, "not valid TOML: nested too deeply") from None


def _text(path: str | Path, what: str = "design file") -> str:
    source = Path(path)
    try:
        with source.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise _unreadable(path, f"no such file{_neighbour(source)}") from None
    except IsADirectoryError:
        raise _unreadable(path, f"is a folder; the name of a {what} is expected") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise _unreadable(path, f"cannot be read: {reason}") from None
    if len(content) > _LARGEST:
        raise _unreadable(path, f"is larger than {_LARGEST:,} bytes; is it a {what}?")
    if content.startswith(b"\xef\xbb\xbf"):
        message = "begins with a byte-order mark; save it as UTF-8 without one"
        raise _unreadable(path, message, "line 1, column 1")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        place = _place(content[: error.start].decode("utf-8"), error.start)
        raise _unreadable(path, "is not UTF-8 text here; save it as UTF-8", place) from None


def _neighbour(source: Path) -> str:
    """Name the file beside it that is most like one that is not there."""
    try:
        names = [entry.stem for entry in source.parent.iterdir() if entry.suffix == ".toml"]
    except OSError:
        return ""
    return meant(source.stem, names).replace("'?)", ".toml'?)")


def _place(text: str, position: int) -> str:
    before = text[:position]
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


_QUOTES = "text stands in quotes"
# what may be wrong with a value, by the text from its beginning on
_HINTS = (
    (r"[+-]?\.\d", "a number needs a digit before the point, 0.5"),
    (r"[+-]?\d[\d_]*\.(?!\d)", "a number needs a digit after the point, 1.0"),
    (r"[+-]?[\d_.]+\s*%", "a percentage is written as a fraction, 0.05"),
    (r"[+-]?\d{1,3}(,\d{3})+\b", "thousands are written 10_000 or 10000"),
    (r"[+-]?0\d", "a number has no leading zero"),
    (r"(True|TRUE|False|FALSE|[Yy]es|YES|[Nn]o|NO)\b", "write true or false"),
    (r"(None|[Nn]ull|NULL|NA|NaN)\b", "leave the key out"),
    (r"[\u2018\u2019\u201c\u201d]", "use straight quotes"),
    (r"\w+\s*=", "every key stands on a line of its own"),
    (r"[A-Za-z]", _QUOTES),
)


def _broken(told: str, text: str) -> tuple[str, str]:
    """Where TOML is broken, and what to do about it."""
    reason, _, rest = told.rpartition(" (at ")
    reason, position, line = reason or told, len(text), ""
    found = re.match(r"line (\d+), column (\d+)", rest)
    if found is not None:
        lines = text.split("\n")
        number = int(found[1])
        position = sum(len(earlier) + 1 for earlier in lines[: number - 1]) + int(found[2]) - 1
        line = lines[number - 1].strip()
    twice = re.match(r"Cannot declare \((.*)\) twice", reason)
    if twice is not None:
        names = re.findall("'([^']*)'", twice[1])
        reason = f"[{'.'.join(names)}] is given twice"
    elif reason.startswith(("Cannot overwrite", "Cannot mutate")):
        reason = "a key or a table is given twice"
    hint = _hint(reason, line, text, position)
    if line:
        reason += f" in `{one_line(line if len(line) <= 60 else line[:59] + '…')}`"
    message = f"not valid TOML: {reason[0].lower()}{reason[1:]}{hint and '; ' + hint}"
    return _place(text, position), message


def _hint(reason: str, line: str, text: str, position: int) -> str:
    """Say what to type instead, where it can be guessed."""
    if "twice" in reason:
        return "write each rule as [[rules]]" if line.strip("[ ]").startswith("rules") else ""
    if reason.startswith(("Illegal character '\\n'", "Unterminated", 'Expected "\'"')):
        return "a text is not closed by a quote"
    if reason.startswith("Invalid initial character for a key part") and "}" in line:
        return "no comma before }"
    if reason.startswith(("Invalid value", "Expected newline", "Unclosed array")) and line:
        start = position
        while start and text[start - 1] not in "=,[{ \t\n":
            start -= 1
        value = text[start : position + 40]
        hint = next((hint for pattern, hint in _HINTS if re.match(pattern, value)), "")
        if reason.startswith("Unclosed array") and hint in ("", _QUOTES):
            return "entries are separated by commas"
        return hint if hint != _QUOTES or reason.startswith("Invalid value") else ""
    return ""


# ── writing a design file back ────────────────────────────────────────────────────────────────
def text_to_edit(path: str | Path) -> str:
    """Text of a design file with its line ends as they stand, for :func:`write_back`.

    Raises
    ------
    DesignError
        If it cannot be read.
    InputError
        If whoever runs this may not write it, or it is no file of its own.
    """
    text = _text(path)
    target = Path(path).resolve()
    if not target.is_file():
        raise InputError(f"{path}: is no ordinary file, so that nothing can be written back to it")
    if not os.access(target, os.W_OK):
        raise InputError(
            f"{path}: is write-protected; allow writing (chmod u+w {path}), or work on a copy"
        )
    return text


def write_back(path: str | Path, before: str, after: str) -> None:
    """Put another text into a design file whole or not at all; all else about the file stays.

    A link stays a link: the file that it leads to is written.

    Parameters
    ----------
    before
        The text that was read; a file that has another one by now is left alone.

    Raises
    ------
    InputError
        If the file has been changed since it was read, or is write-protected.
    RunError
        If the disk refuses.
    """
    if text_to_edit(path) != before:
        raise InputError(
            f"{path}: has been changed while this ran, and is left as it is; run again"
        )
    target = Path(path).resolve()
    with telling("be written", Path(path)), renamed(target) as temporary:
        old = target.stat()
        temporary.write_bytes(after.encode("utf-8"))
        with suppress(PermissionError):  # whose file it is, only an administrator can say
            os.chown(temporary, old.st_uid, old.st_gid)
        temporary.chmod(stat.S_IMODE(old.st_mode))


def digest_of(design: Design) -> str:
    """Fingerprint of what a design means: comments, texts and run settings left out.

    The order of the tables that arrays follow counts (arms, strata, endpoints, rules, scenarios);
    the order of keys and the way a number is written do not. A value that is its key's default
    is left out, so that a design keeps its fingerprint when the language gains a key.
    """
    plain = design.model_dump(
        mode="json",
        by_alias=True,
        exclude={"simulation", "name", "description", "sensitivity"},
        exclude_defaults=True,
    )
    plain["truth"] = _canonical(design.truth)
    plain["scenarios"] = {name: _canonical(table) for name, table in plain["scenarios"].items()}
    canonical = json.dumps(plain, sort_keys=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _canonical(value: Any) -> Any:
    """Sort the keys of a free table and write every number as a decimal."""
    if isinstance(value, dict):
        return {key: _canonical(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


# ── starting designs ──────────────────────────────────────────────────────────────────────────
def templates() -> tuple[str, ...]:
    """Names of the commented starting designs."""
    from importlib import resources

    folder = resources.files("adaptive_cart.design") / "templates"
    names = (entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(name.removesuffix(".toml") for name in names))


def template(name: str) -> str:
    """Text of a commented starting design."""
    if name not in templates():
        hint = meant(name, templates())
        message = f"no template '{name}'{hint}; there are {one_of(templates())}"
        raise DesignError([Problem("--template", message)])
    from importlib import resources

    folder = resources.files("adaptive_cart.design") / "templates"
    return (folder / f"{name}.toml").read_text(encoding="utf-8")
