"""pydantic's faults in the words of this project: path, what was found, what is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from adaptive_cart.errors import Problem, nearest, one_of, shown

_EXPECTED = {
    "int_type": "a whole number is expected",
    "int_from_float": "a whole number is expected",
    "int_parsing": "a whole number is expected",
    "float_type": "a number is expected",
    "string_type": "text in quotes is expected",
    "bool_type": "true or false is expected",
    "list_type": "a list is expected",
    "dict_type": "a table is expected",
    "model_type": "a table is expected",
    "model_attributes_type": "a table is expected",
    "finite_number": "a finite number is expected",
    "too_short": "a list with at least one entry is expected",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def problems_of_error(
    error: ValidationError, data: Any, where: str = "", root: Any = None
) -> Iterator[Problem]:
    """Translate every fault of a table.

    Parameters
    ----------
    data
        What was validated; it tells which parts of pydantic's location are keys of the file.
    where
        Path of ``data`` in the file.
    root
        The type that ``data`` was read as, from which the allowed keys are found.
    """
    for fault in error.errors(include_url=False):
        path, message = _told(dict(fault), data, root)
        yield Problem(f"{where}.{path}".strip(".") if where else path, message)


def _told(fault: Mapping[str, Any], data: Any, root: Any) -> tuple[str, str]:
    kind, location, found = fault["type"], tuple(fault["loc"]), fault["input"]
    path = path_of(location, data)
    context = fault.get("ctx", {})
    if kind == "missing":
        return path, "missing"
    if kind == "extra_forbidden":
        key = str(location[-1])
        allowed = allowed_keys(root, location[:-1]) if root is not None else ()
        hint = nearest(key, allowed)
        listed = f"; allowed: {one_of(allowed)}" if allowed else ""
        return path, f"unknown key{hint}{listed}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return path, f"found {shown(found)}; {words} {context[name]:g} is expected"
    if kind == "literal_error":
        allowed_words = [word.strip("'") for word in _split(context["expected"])]
        hint = nearest(str(found), allowed_words)
        return path, f"found {shown(found)}{hint}; allowed: {one_of(allowed_words)}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        key = _discriminating_key(data, location)
        allowed_words = [w.strip("'") for w in _split(context.get("expected_tags", ""))]
        if not allowed_words and root is not None:
            allowed_words = list(tags_at(root, location))
        value = found.get(key) if isinstance(found, dict) else found
        if not isinstance(found, dict):
            return path, f"found {shown(found)}; a table is expected"
        if value is None:
            return f"{path}.{key}".strip("."), f"missing; allowed: {one_of(allowed_words)}"
        hint = nearest(str(value), allowed_words)
        return (
            f"{path}.{key}".strip("."),
            f"found {shown(value)}{hint}; allowed: {one_of(allowed_words)}",
        )
    if kind == "value_error":
        return path, str(context.get("error", fault["msg"]))
    if kind in _EXPECTED:
        return path, f"found {shown(found)}; {_EXPECTED[kind]}"
    return path, f"found {shown(found)}; {fault['msg']}"


def _split(expected: str) -> list[str]:
    return [word.strip() for word in expected.replace(" or ", ", ").split(",") if word.strip()]


def _discriminating_key(data: Any, location: tuple[Any, ...]) -> str:
    top = location[0] if location else ""
    if top == "endpoints":
        return "type"
    if top == "analysis":
        return "model"
    if top == "randomisation":
        return "method"
    return "dist"


def path_of(location: tuple[Any, ...], data: Any) -> str:
    """Path in the file: pydantic's location without the names of alternatives."""
    path = ""
    inner = data
    for position, step in enumerate(location):
        last = position == len(location) - 1
        if isinstance(step, int) and isinstance(inner, list):
            path += f"[{step}]"
            inner = inner[step] if step < len(inner) else None
        elif isinstance(inner, dict) and (step in inner or (last and isinstance(step, str))):
            path += f".{step}"
            inner = inner.get(step)
    return path.lstrip(".")


# ── which keys are allowed where ──────────────────────────────────────────────────────────────
def allowed_keys(root: Any, location: tuple[Any, ...]) -> tuple[str, ...]:
    """Keys that a table may have, found by walking the types along a location."""
    kind = _type_at(root, location)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return tuple(info.alias or name for name, info in kind.model_fields.items())
    return ()


def tags_at(root: Any, location: tuple[Any, ...]) -> tuple[str, ...]:
    """Names of the alternatives at a location."""
    return tuple(tag for tag, _ in _tagged(_type_at(root, location)))


def _type_at(kind: Any, location: tuple[Any, ...]) -> Any:
    for step in location:
        kind = _step(kind, step)
        if kind is None:
            return None
    return _bare(kind)


def _bare(kind: Any) -> Any:
    """Strip ``Annotated`` and an optional ``None``, save where the alternatives carry tags."""
    while True:
        if get_origin(kind) is Annotated:
            if any(isinstance(extra, Tag) for extra in kind.__metadata__) or not _tagged(kind):
                kind = get_args(kind)[0]
                continue
            return kind
        if get_origin(kind) in (Union, UnionType):
            inner = [item for item in get_args(kind) if item is not type(None)]
            if len(inner) == 1:
                kind = inner[0]
                continue
        return kind


def _tagged(kind: Any) -> list[tuple[str, Any]]:
    """The tagged alternatives of a union, also inside ``Annotated`` and ``| None``."""
    if get_origin(kind) is Annotated and not any(isinstance(x, Tag) for x in kind.__metadata__):
        return _tagged(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        found = []
        for item in get_args(kind):
            tags = [x.tag for x in getattr(item, "__metadata__", ()) if isinstance(x, Tag)]
            found += [(tags[0], get_args(item)[0])] if tags else _tagged(item)
        return found
    return []


def _step(kind: Any, step: Any) -> Any:
    kind = _bare(kind)
    alternatives = dict(_tagged(kind))
    if step in alternatives:
        return alternatives[step]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, info in kind.model_fields.items():
            if step in (name, info.alias):
                extras = [item for item in info.metadata if not isinstance(item, type)]
                return Annotated[info.annotation, *extras] if extras else info.annotation
        return None
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is dict:
        return arguments[1]
    if origin is list:
        return arguments[0]
    if origin is Literal:
        return None
    return None
