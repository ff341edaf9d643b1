"""Kinds by name, each loaded when it is asked for: a design uses few of all there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import Annotated, Any, TypeVar

from pydantic import Discriminator, GetCoreSchemaHandler, GetJsonSchemaHandler, Tag, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")


class Kinds(Mapping[str, type[T]]):
    """The members of a room by name; what they are called is known before any is loaded."""

    def __init__(self, room: str, homes: Mapping[str, str]) -> None:
        """Name the kinds of a room: each by its module in the room, and its class."""
        self._room = room
        self._homes = dict(homes)

    def __getitem__(self, name: str) -> type[T]:
        home, _, member = f"{self._room}.{self._homes[name]}".rpartition(".")
        found: type[T] = getattr(import_module(home), member)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)


class OneOf:
    """Stands in ``Annotated``: a table of one of several kinds, which a key of it names.

    Only the kind that is named is loaded to read a table; all of them where none is, to say which
    there are.
    """

    def __init__(self, kinds: Kinds[Any], key: str) -> None:
        """Name the kinds, and the key of the table that says which."""
        self.kinds = kinds
        self._key = key
        self._adapters: dict[str, TypeAdapter[Any]] = {}

    @cached_property
    def union(self) -> Any:
        """The type of a table of any of the kinds."""
        return self._of(*self.kinds)

    def read(self, value: Any) -> Any:
        """Read a table as the kind that it names."""
        tag = self._tag(value)
        if not (isinstance(tag, str) and tag in self.kinds):
            return TypeAdapter(self.union).validate_python(value)
        if tag not in self._adapters:
            self._adapters[tag] = TypeAdapter(self._of(tag))
        return self._adapters[tag].validate_python(value)

    def _tag(self, value: Any) -> Any:
        return value.get(self._key) if isinstance(value, dict) else getattr(value, self._key, None)

    def _of(self, *tags: str) -> Any:
        union: Any = None
        for tag in tags:
            tagged: Any = Annotated[self.kinds[tag], Tag(tag)]
            union = tagged if union is None else union | tagged
        return Annotated[union, Discriminator(self._tag)]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(TypeAdapter(self.union).core_schema)
