"""The page ``reference.md``: every table and key of a design file, from its schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tomlkit
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from adaptive_cart.design.json_schema import schema

INTRODUCTION = """\
# Every table and key

Made from the fields of the design and the JSON Schema that `adaptive-cart schema` prints. What goes
with what, and what each means in a trial, is told in [the design file](design.md) and in
[how it decides](semantics.md).
"""
Table = dict[str, Any]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page; mkdocs calls this before it reads any."""
    files.append(File.generated(config, "reference.md", content="\n".join(page(schema()))))
    return files


def page(document: Table) -> Iterator[str]:
    """Lines of the page: the top of the file, then each kind of table where it is first named."""
    yield INTRODUCTION
    yield from section("The file", document, document)
    for name in reached(document):
        table = document["$defs"][name]
        if table.get("properties"):
            yield from section(title(document, name), table, document)


def reached(document: Table) -> list[str]:
    """Definitions in the order in which a reader meets them; changes of a table left out."""
    found: list[str] = []
    waiting = [document["properties"]]
    while waiting:
        for name in named(waiting.pop(0)):
            if name not in found and not name.endswith("Change"):
                found.append(name)
                waiting.append(document["$defs"][name])
    return found


def named(part: Any) -> Iterator[str]:
    """Names of the definitions that a part of the schema refers to."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield reference(part)
        for value in part.values():
            yield from named(value)
    elif isinstance(part, list):
        for value in part:
            yield from named(value)


def title(document: Table, name: str) -> str:
    """What a kind of table is called: by the word that chooses it, where there is one."""
    for key, noun in CHOOSING.items():
        chosen = document["$defs"][name].get("properties", {}).get(key, {}).get("const")
        if chosen is not None:
            if "external" not in document["$defs"][name]["properties"]:
                return f"{noun} {chosen}"
            # what it borrows stands behind the method in the name: PooledRates
            method = "".join(word.capitalize() for word in chosen.split("_"))
            of = name.removeprefix(method).lower()
            return f"Borrowing {chosen}{f' {of}' if of else ''}"
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return spaced.strip().capitalize()


CHOOSING = {
    "model": "Analysis",
    "type": "Endpoint",
    "dist": "Distribution",
    "method": "Randomisation",
}


def section(heading: str, table: Table, document: Table) -> Iterator[str]:
    """One table of the file, a row a key."""
    yield f"\n## {heading}\n"
    if table.get("description"):
        yield f"{table['description']}\n"
    needed = table.get("required", [])
    yield "| key | what it takes | if left out | |"
    yield "|---|---|---|---|"
    for key, value in table["properties"].items():
        default = "must be given" if key in needed else shown(value.get("default"))
        meaning = str(value.get("description", "")).replace("|", "\\|")
        yield f"| `{key}` | {taken(value, document)} | {default} | {meaning} |"


def taken(value: Table, document: Table) -> str:
    """What a key takes, in words."""
    chosen = [part["then"] for part in value.get("allOf", ()) if "then" in part]
    chosen += [value[key] for key in ("then", "else") if key in value]
    choices = value.get("oneOf") or value.get("anyOf") or chosen
    if choices:
        return " or ".join(dict.fromkeys(taken(choice, document) for choice in choices))
    if "$ref" in value:
        heading = title(document, reference(value).removesuffix("Change"))
        return f"[{heading}](#{heading.lower().replace(' ', '-')})"
    if "enum" in value:
        return ", ".join(shown(item) for item in value["enum"])
    if "const" in value:
        return shown(value["const"])
    if value.get("type") == "array":
        return f"list of: {taken(value['items'], document)}"
    if value.get("type") == "object":
        inside = value.get("additionalProperties")
        return f"table of: {taken(inside, document)}" if isinstance(inside, dict) else "table"
    return " ".join(filter(None, (KINDS.get(value.get("type", ""), ""), limits(value))))


KINDS = {
    "number": "number",
    "integer": "whole number",
    "string": "text",
    "boolean": "`true` or `false`",
}


def limits(value: Table) -> str:
    """The range of a number, in words."""
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return ", ".join(f"{sign} {value[key]:g}" for key, sign in signs.items() if key in value)


def reference(value: Table) -> str:
    """Name of the definition that is referred to."""
    return str(value["$ref"]).rpartition("/")[2]


def shown(value: Any) -> str:
    """A value as it is typed into the file; nothing where there is none."""
    if value is None:
        return ""
    if isinstance(value, dict):
        inside = ", ".join(
            f"{key} = {tomlkit.item(item).as_string()}" for key, item in value.items()
        )
        return f"`{{ {inside} }}`"
    return f"`{tomlkit.item(value).as_string()}`"
