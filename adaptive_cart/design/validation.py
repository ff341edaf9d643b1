"""pydantic's faults in the words of this project: path, what was found, what is allowed.

A table that is wrong is also mended, just enough to be read on: a misspelt key is taken for the
nearest right one, and a wrong value is left out or stood in for. So the faults beside it, and those
between it and the other tables, are told in the same round. Nothing that was mended is ever run: a
design with a fault is refused, and the mended part only serves to look for more.
"""

from __future__ import annotations

import copy
import datetime
import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from adaptive_cart.design.allowed import (
    BOUNDS,
    allowed_keys,
    annotated,
    in_digits,
    is_table,
    leaves,
    plain_type,
    tag_key,
    tagged,
    type_at,
    what_is_wanted,
    words_of,
)
from adaptive_cart.errors import Problem, one_of, printable

Steps = tuple[str | int, ...]
_ROUNDS = 8
_MISSPELT = 0.7  # of two words, by the share of letters in common; "thn" and "then" have 0.86
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STEP = re.compile(r'\.?(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*")|\[\d+\]')


# ── how values and places are written ─────────────────────────────────────────────────────────
def shown(value: object, limit: int = 60) -> str:
    """Show a found value the way it would stand in the file, on one line, cut to a length."""
    text = _shown(value, limit, 3)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _shown(value: object, limit: int, depth: int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value[: limit + 1])
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 256 else "an integer of more than 77 digits"
    if value is None:
        return "nothing"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, dict | list | tuple) and depth == 0:
        return "…"
    if isinstance(value, dict):
        parts = (
            f"{_key(str(key))} = {_shown(item, limit, depth - 1)}" for key, item in value.items()
        )
        inside = _until(parts, limit)
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{_until((_shown(item, limit, depth - 1) for item in value), limit)}]"
    return one_line(str(value))


def _until(parts: Iterable[str], limit: int) -> str:
    """Join parts until the text is long enough to be cut anyway."""
    text = ""
    for part in parts:
        text += (", " if text else "") + part
        if len(text) > limit:
            break
    return text


def _quoted(text: str) -> str:
    return one_line(json.dumps(text, ensure_ascii=False))


def one_line(text: str) -> str:
    """Escape what would break a line or cannot be printed."""
    return printable(text, kept="")


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _quoted(key)


def path_to(where: str, *steps: str | int) -> str:
    """Path in the file, as one would write it there: ``rules[1].posterior.arm``."""
    path = where
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{_key(step)}" if path else _key(step)
    return path


def steps_of(path: str) -> Steps:
    """Take a path apart again."""
    steps: list[str | int] = []
    for step in _STEP.findall(path):
        key = step.removeprefix(".")
        if key.startswith("["):
            steps.append(int(key[1:-1]))
        else:
            steps.append(json.loads(key, strict=False) if key.startswith('"') else key)
    return tuple(steps)


class Faults:
    """Paths at which a fault has been told, so that nothing that follows from it is told too."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._at: set[str] = set()
        self._above: set[str] = set()
        for path in paths:
            self.add(path)

    def add(self, path: str) -> None:
        """Remember a fault."""
        if path not in self._at:
            self._at.add(path)
            self._above.update(_ancestors(path))

    def cover(self, path: str) -> bool:
        """Whether there is a fault at the path or in a table around it."""
        return any(place in self._at for place in _ancestors(path))

    def touch(self, path: str) -> bool:
        """Whether there is a fault at the path, around it or inside it."""
        return path in self._above or self.cover(path)


def as_written(path: str, renamed: Mapping[str, str]) -> str:
    """Path with the keys as they are written, where they were taken for others.

    Parameters
    ----------
    renamed
        Path with the key as it is written, by path with the right key.
    """
    right = written = ""
    for step in _STEP.findall(path):
        right += step
        last = _STEP.findall(renamed[right])[-1] if right in renamed else step
        written += last if written else last.removeprefix(".")
    return written


def _ancestors(path: str) -> list[str]:
    """List a path and every table around it."""
    found, here = [], ""
    for step in _STEP.findall(path):
        here += step
        found.append(here)
    return found


def closest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word that is most like another one, or the only one it begins."""
    words = list(allowed)
    same = [right for right in words if _letters(right) == _letters(word) != ""]
    alike = same or difflib.get_close_matches(word, words, n=1, cutoff=0.55)
    begun = [right for right in words if len(word) >= 3 and right.startswith(word)]
    return alike[0] if alike else begun[0] if len(begun) == 1 else None


def misspelt(word: str, right: str) -> bool:
    """Tell whether a word is so like another that what stands under it may be read as that.

    What is merely most like it of all that is allowed is suggested, and its value is not read:
    every fault of it as the other would be told too.
    """
    begun = len(word) >= 3 and right.startswith(word)
    alike = difflib.SequenceMatcher(None, word, right).ratio() >= _MISSPELT
    return begun or alike or _letters(word) == _letters(right)


def _letters(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum())


def meant(word: str, allowed: Iterable[str]) -> str:
    """Return ' (did you mean …?)' for the closest of the allowed words."""
    right = closest(word, allowed)
    return "" if right is None else f" (did you mean '{right}'?)"


# ── reading a table, faults and all ───────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Fault:
    """One fault of a table and how it is mended.

    Attributes
    ----------
    steps
        Keys and positions that lead from the table to what is wrong.
    kind
        ``unknown`` key, ``missing``, ``value``, ``tag`` (which of several kinds of table) or
        ``together`` (values that do not go together).
    cure
        The right key, the right tag or a stand-in; nothing where the value is to be left out.
    names
        Keys of the table that the fault is about.
    """

    steps: Steps
    kind: Literal["unknown", "missing", "short", "value", "tag", "together"]
    message: str
    cure: Any = field(default=None, compare=False)
    names: tuple[str, ...] = ()

    @property
    def place(self) -> Steps:
        """What is mended: the table as a whole where nothing says which kind it is."""
        return self.steps[:-1] if self.kind == "tag" and self.cure is None else self.steps


@dataclass
class Read:
    """What became of a table.

    Attributes
    ----------
    part
        The typed table, mended if it has faults; nothing where it cannot be mended.
    data, own
        The same as plain data; and what of it is written here.
    renamed
        Steps to a key as it is written, by steps to the key it was taken for.
    """

    part: Any = None
    data: Any = None
    own: Any = None
    faults: list[Fault] = field(default_factory=list)
    renamed: dict[Steps, Steps] = field(default_factory=dict)

    def problems(self, where: str) -> list[Problem]:
        """Tell the faults; ``where`` is the path of the table in the file."""
        return [Problem(path_to(where, *fault.steps), fault.message) for fault in self.faults]


def read(kind: Any, data: Any, own: Any = None) -> Read:
    """Read a table strictly, and go on past its faults.

    Parameters
    ----------
    own
        Where the data were laid over others (a scenario over ``[truth]``): those written here. Only
        their faults are told.
    """
    result = Read(data=data, own=data if own is None else own)
    mended: set[Steps] = set()
    for _ in range(_ROUNDS):
        try:
            result.part = _adapter(kind).validate_python(result.data, strict=True)
            break
        except ValidationError as error:
            faults = _faults(error, result.data, kind)
        for fault in faults:
            if not _follows(fault, mended) and lies_in(result.own, fault.steps):
                result.faults.append(fault)
        if not all(fault.place for fault in faults):
            break
        result.renamed.update(_renamed(faults))
        result.data = _mended(result.data, faults)
        result.own = _mended(result.own, faults)
        mended.update(f.place for f in faults if f.kind != "tag" or f.cure is None)
    result.faults = list(dict.fromkeys(result.faults))
    return result


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _renamed(faults: list[Fault]) -> dict[Steps, Steps]:
    return {
        (*fault.steps[:-1], fault.cure): fault.steps
        for fault in faults
        if fault.kind == "unknown" and fault.cure is not None
    }


def _follows(fault: Fault, mended: set[Steps]) -> bool:
    """Whether a fault comes from mending: of what was left out, or of what lacks it now."""
    inside = any(fault.steps[: len(place)] == place for place in mended)
    lacking = fault.kind == "missing" and any(place[:-1] == fault.steps[:-1] for place in mended)
    emptied = fault.kind == "short" and any(place[:-1] == fault.steps for place in mended)
    return (
        inside or lacking or emptied or any((*fault.steps, name) in mended for name in fault.names)
    )


def lies_in(own: Any, steps: Steps) -> bool:
    """Whether what the steps lead to, or the table that lacks it, is written here."""
    for position, step in enumerate(steps):
        inside = (
            step in own
            if isinstance(own, dict)
            else isinstance(own, list) and isinstance(step, int) and step < len(own)
        )
        if not inside:
            return isinstance(own, dict) and position == len(steps) - 1
        own = own[step]
    return True


def _mended(data: Any, faults: list[Fault]) -> Any:
    data = copy.deepcopy(data)
    # from the end, so that a list's entries keep their positions until they are left out
    for fault in sorted(faults, key=lambda f: [str(s).zfill(9) for s in f.place], reverse=True):
        inner, last = at(data, fault.place[:-1]), fault.place[-1]
        if isinstance(inner, list) and isinstance(last, int) and last < len(inner):
            del inner[last]
        elif not isinstance(inner, dict):
            continue
        elif fault.kind == "unknown":
            value = inner.pop(last, None)
            if fault.cure is not None and value is not None:
                inner.setdefault(fault.cure, value)
        elif fault.cure is not None:
            inner[last] = fault.cure
        else:
            inner.pop(last, None)
    return data


def problems_of_error(error: ValidationError, data: Any, root: Any) -> list[Problem]:
    """Tell the faults that pydantic found in data read as the type ``root``."""
    return Read(faults=_faults(error, data, root)).problems("")


# ── pydantic's faults, told ───────────────────────────────────────────────────────────────────
def with_right_keys(table: Any, faults: list[Fault]) -> tuple[Any, dict[Steps, Steps]]:
    """Give a table in which misspelt keys are taken for right ones, and which were (`renamed`)."""
    table, renamed = copy.deepcopy(table), {}
    for fault in faults:
        parent = at(table, fault.steps[:-1])
        if fault.kind == "unknown" and fault.names and isinstance(parent, dict):
            key, right = fault.steps[-1], fault.names[0]
            if key in parent and right not in parent:
                parent[right] = parent.pop(key)
                renamed[(*fault.steps[:-1], right)] = fault.steps
    return table, renamed


def _faults(error: ValidationError, data: Any, root: Any) -> list[Fault]:
    found = [_fault(detail, data, root) for detail in error.errors(include_url=False)]
    renamed = {(*f.steps[:-1], f.cure) for f in found if f.kind == "unknown" and f.cure is not None}
    # a key that is there but misspelt is not missing as well
    return [fault for fault in found if fault.kind != "missing" or fault.steps not in renamed]


def _fault(detail: ErrorDetails, data: Any, root: Any) -> Fault:
    kind, found = detail["type"], detail["input"]
    context: Mapping[str, Any] = detail.get("ctx", {})
    steps, here, whole = located(root, detail["loc"])
    if kind == "missing":
        message = f"missing; {what_is_wanted(here)} is expected{_described(root, detail['loc'])}"
        return Fault(steps, "missing", message, cure=_stand_in(here))
    if kind == "extra_forbidden":
        _, table, union = located(root, detail["loc"][:-1])
        allowed, present = allowed_keys(table), at(data, steps[:-1])
        tag = tag_key(union)
        of = f' with {tag} = "{get_args(plain_type(type_at(table, tag)))[0]}"' if tag else ""
        key = str(steps[-1])
        right = closest(key, allowed)
        hint = f" (did you mean '{right}'?)" if right else ""
        free = isinstance(present, dict) and right not in present
        cure = right if free and right is not None and misspelt(key, right) else None
        message = f"unknown key{hint or of}; allowed: {one_of(allowed)}"
        return Fault(steps, "unknown", message, cure, (right,) if right else ())
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _tag_fault(steps, whole, found)
    if kind == "value_error":
        return _together(steps, str(context.get("error", detail["msg"])))
    if kind in BOUNDS and not _unbounded(found):
        name, words = BOUNDS[kind]
        message = f"found {shown(found)}; {words} {in_digits(context[name])} is expected"
    elif kind in ("finite_number", *BOUNDS):
        wanted = what_is_wanted(here).replace("a number", "a finite number", 1)
        message = f"found {shown(found)}; {wanted} is expected"
    elif kind == "literal_error" and not tagged(whole):
        allowed_words = [str(word) for word in get_args(plain_type(here))]
        hint = meant(str(found), allowed_words) if isinstance(found, str) else ""
        message = f"found {shown(found)}{hint}; allowed: {one_of(allowed_words)}"
    elif kind == "too_short":
        message = f"found {shown(found)}; a list with at least one entry is expected"
    elif kind == "invalid_key":
        message = f"found the key {shown(found)}; a name is expected"
    else:
        hint = meant(found, words_of(whole)) if isinstance(found, str) else ""
        advice = _advice(found, whole)
        message = f"found {shown(found)}{hint}; {what_is_wanted(whole)} is expected{advice}"
    return Fault(steps, "short" if kind == "too_short" else "value", message)


def _described(root: Any, location: tuple[int | str, ...]) -> str:
    """Say what a key holds, where its field says it."""
    table = plain_type(located(root, location[:-1])[1])
    fields = table.model_fields if is_table(table) else {}
    texts = [
        info.description for name, info in fields.items() if location[-1] in (name, info.alias)
    ]
    return f": {texts[0]}" if texts and texts[0] else ""


def _tag_fault(steps: Steps, kind: Any, found: Any) -> Fault:
    """Nothing says, or nothing right, which of several kinds of table is meant."""
    key, tags = tag_key(kind), [tag for tag, _ in tagged(kind)]
    if not isinstance(found, dict):
        wanted = f"a table {{ {key} = …, … }} is expected{_advice(found, kind)}"
        return Fault(steps, "value", f"found {shown(found)}; {wanted}")
    if key not in found:
        instead = closest(key, [word for word in found if isinstance(word, str)])
        if instead is not None and isinstance(found[instead], str) and found[instead] in tags:
            message = f"unknown key (did you mean '{key}'?)"
            return Fault((*steps, instead), "unknown", message, key)
        return Fault((*steps, key), "tag", f"missing; allowed: {one_of(tags)}")
    value = found[key]
    right = closest(value, tags) if isinstance(value, str) else None
    hint = f" (did you mean '{right}'?)" if right else ""
    message = f"found {shown(value)}{hint}; allowed: {one_of(tags)}"
    alike = right is not None and difflib.SequenceMatcher(None, value, right).ratio() > 0.8
    return Fault((*steps, key), "tag", message, right if alike else None)


def _together(steps: Steps, message: str) -> Fault:
    """Values that do not go together; a message that begins with one key is about that key."""
    names = tuple(re.findall(r"'(\w+)'", message))
    about = re.match(r"'(\w+)' is (.*)", message)
    if about is None:
        return Fault(steps, "together", message, names=names)
    return Fault((*steps, about[1]), "together", f"found {about[2]}", names=names)


def _unbounded(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _advice(found: Any, kind: Any) -> str:
    """Say what to type where the value is nearly right."""
    kinds = leaves(kind)
    if isinstance(found, str) and {int, float} & kinds:
        try:
            float(found)
        except ValueError:
            return ""
        return " (without quotes)"
    if isinstance(found, float) and int in kinds and float not in kinds and found.is_integer():
        return f" (write {int(found)})"
    number = isinstance(found, int | float) and not isinstance(found, bool)
    if number and any(tag == "fixed" for tag, _ in tagged(kind)):
        return f', such as {{ dist = "fixed", value = {shown(found)} }}'
    bare = plain_type(kind)
    if isinstance(found, list) and found and isinstance(found[0], dict) and is_table(bare):
        return " (its header in single brackets)"
    if number and is_table(bare) and len(bare.model_fields) == 1:
        return f": {{ {allowed_keys(bare)[0]} = {shown(found)} }}"
    return ""


def at(data: Any, steps: Steps) -> Any:
    """Return what steps lead to; nothing where they lead nowhere."""
    for step in steps:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data


# ── what may stand where: walking the types ───────────────────────────────────────────────────
def located(root: Any, location: tuple[int | str, ...]) -> tuple[Steps, Any, Any]:
    """Follow pydantic's location through the types.

    Returns
    -------
    steps
        The location without the names of alternatives: keys and positions of the file.
    here
        The type at its end.
    whole
        The same, before one of several alternatives was chosen.
    """
    steps: list[str | int] = []
    here = whole = root
    for step in location:
        alternatives = dict(tagged(here))
        if isinstance(step, str) and step in alternatives:
            here = alternatives[step]
            whole = here if tag_key(here) else whole  # of which another key says more
        elif step != "[key]":
            steps.append(step)
            here = whole = type_at(here, step)
    return tuple(steps), here, whole


def _stand_in(kind: Any) -> Any:
    """Return a value that may stand where a required one is missing, to read on."""
    key = tag_key(kind)
    for tag, alternative in tagged(kind):
        table = _stand_in(alternative)
        return {**table, key: tag} if key else table
    bare = plain_type(kind)
    if get_origin(bare) is Literal:
        return get_args(bare)[0]
    if is_table(bare):
        return {
            info.alias or name: _stand_in(annotated(info))
            for name, info in bare.model_fields.items()
            if info.is_required()
        }
    simple: dict[Any, Any] = {bool: False, int: 1, float: 1.0, str: ""}
    return simple.get(bare, [] if get_origin(bare) is list else {})
