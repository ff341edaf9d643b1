"""What a place of a design file may hold, by its type: keys, kinds of table, words, limits."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

from adaptive_cart.nouns.kinds import OneOf

BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}

_FEW = 5  # keys of a table that are told


def allowed_keys(kind: Any) -> tuple[str, ...]:
    """Keys that a table may have."""
    kind = plain_type(kind)
    if not is_table(kind):
        return ()
    return tuple(info.alias or name for name, info in kind.model_fields.items())


def is_table(kind: Any) -> bool:
    """Whether a type is a table with keys of its own."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def plain_type(kind: Any) -> Any:
    """Strip ``Annotated`` and an optional ``None``."""
    while True:
        inner = [item for item in get_args(kind) if item is not type(None)]
        if get_origin(kind) is Annotated or (
            get_origin(kind) in (Union, UnionType) and len(inner) == 1
        ):
            kind = inner[0]
        else:
            return kind


def tagged(kind: Any) -> list[tuple[str, Any]]:
    """The tagged alternatives of a union, also inside ``Annotated`` and ``| None``."""
    if get_origin(kind) is Annotated:
        several = [item.union for item in kind.__metadata__ if isinstance(item, OneOf)]
        return tagged(several[0] if several else get_args(kind)[0])
    found = []
    if get_origin(kind) in (Union, UnionType):
        for item in get_args(kind):
            tags = [x.tag for x in getattr(item, "__metadata__", ()) if isinstance(x, Tag)]
            found += [(tags[0], item)] if tags else tagged(item)
    return found


def tag_key(kind: Any) -> str:
    """Name of the key that says which alternative is meant: ``type``, ``model``, ``dist``."""
    for tag, alternative in tagged(kind):
        for key in allowed_keys(alternative):
            if tag in get_args(plain_type(type_at(alternative, key))):
                return key
    return ""


def type_at(kind: Any, step: str | int) -> Any:
    """Type of what stands at a key or a place; nothing where there is none."""
    kind = plain_type(kind)
    if is_table(kind):
        for name, info in kind.model_fields.items():
            if step in (name, info.alias):
                return annotated(info)
        return None
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    return get_args(kind)[0] if get_origin(kind) is list else None


def annotated(info: FieldInfo) -> Any:
    """Type of a field with what is said of it."""
    return Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation


def limits(kind: Any) -> dict[str, Any]:
    """Limits of a number: ``ge``, ``gt``, ``le``, ``lt``."""
    found: dict[str, Any] = {}
    while get_origin(kind) in (Annotated, Union, UnionType):
        for item in getattr(kind, "__metadata__", ()):
            for limit in item.metadata if isinstance(item, FieldInfo) else (item,):
                found |= {
                    name: getattr(limit, name)
                    for name in ("ge", "gt", "le", "lt")
                    if getattr(limit, name, None) is not None
                }
        kind = next((item for item in get_args(kind) if item is not type(None)), None)
    return found


def leaves(kind: Any) -> set[Any]:
    """Plain types that a value may have."""
    alternatives = [item for _, item in tagged(kind)]
    if alternatives:
        return set().union(*(leaves(item) for item in alternatives))
    bare = plain_type(kind)
    return {bare} if isinstance(bare, type) else set()


def _plain_alternatives(kind: Any) -> list[Any]:
    """Alternatives of alternatives; one that a key tells apart from its like stays as it is."""
    alternatives = [] if tag_key(kind) else tagged(kind)
    return [inner for _, item in alternatives for inner in _plain_alternatives(item)] or [kind]


def words_of(kind: Any) -> list[str]:
    """Words that a value may be."""
    alternatives = [item for _, item in tagged(kind)] or [kind]
    literals = [bare for bare in map(plain_type, alternatives) if get_origin(bare) is Literal]
    return [str(word) for literal in literals for word in get_args(literal)]


def what_is_wanted(kind: Any, several: bool = False) -> str:
    """Say what a value may be: "a number from 0 to 1"; ``several`` says it of many values."""
    one, s = ("", "s") if several else ("a ", "")
    key, alternatives = tag_key(kind), [item for _, item in tagged(kind)]
    if key:
        return f"{one}table{s} {{ {key} = …, … }}"
    if alternatives:
        nested = [inner for item in alternatives for inner in _plain_alternatives(item)]
        words = list(dict.fromkeys(what_is_wanted(item, several) for item in nested))
        return ", ".join(words[:-1]) + (" or " if len(words) > 1 else "") + words[-1]
    bare = plain_type(kind)
    if get_origin(bare) is Literal:
        words = [f'"{word}"' for word in get_args(bare)]
        return words[0] if len(words) == 1 else f"one of {', '.join(words)}"
    if get_origin(bare) is list:
        return f"{one}list{s} of {what_is_wanted(get_args(bare)[0], several=True)}"
    if get_origin(bare) is dict:
        return f"{one}table{s} by name"
    simple = {
        bool: "true or false",
        int: f"{one}whole number{s}{_range(limits(kind))}",
        float: f"{one}number{s}{_range(limits(kind))}",
        str: f"text{s} in quotes",
    }
    return simple.get(bare) or f"{one}table{s}{_written(bare)}"


def _written(table: Any) -> str:
    """How a table is written, with the keys that it needs; without any, those that it may have."""
    keys = allowed_keys(table)
    fields = dict(zip(keys, table.model_fields.values(), strict=True)) if keys else {}
    kinds = {key: get_args(plain_type(info.annotation)) for key, info in fields.items()}
    told = [f'{key} = "{words[0]}"' for key, words in kinds.items() if _one_word(words)]
    told += [
        f"{key} = …" for key, i in fields.items() if i.is_required() and not _one_word(kinds[key])
    ]
    told = told if any(info.is_required() for info in fields.values()) else list(keys)
    return f" {{ {', '.join(told)} }}" if 0 < len(told) <= _FEW else ""


def _one_word(words: tuple[Any, ...]) -> bool:
    return len(words) == 1 and isinstance(words[0], str)


def _range(limits: Mapping[str, Any]) -> str:
    if set(limits) == {"ge", "le"}:
        return f" from {in_digits(limits['ge'])} to {in_digits(limits['le'])}"
    words = {"gt": "more than", "ge": "of at least", "lt": "less than", "le": "at most"}
    told = [f"{words[name]} {in_digits(limits[name])}" for name in words if name in limits]
    return " " + " and ".join(told) if told else ""


def in_digits(value: float) -> str:
    """A number as short as it can be told."""
    return f"{value:g}" if isinstance(value, float) else str(value)
