"""Design files: TOML to :class:`~adaptive_cart.design.Design`, starting designs, JSON Schema."""

from __future__ import annotations

import hashlib
import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from adaptive_cart.design import Design
from adaptive_cart.errors import DesignError, Problem, one_of


def load_design(path: str | Path) -> Design:
    """Read a design file.

    Raises
    ------
    DesignError
        With every problem of the file at once, each with its path.
    """
    raw = read_tables(path)
    try:
        return Design(**raw)
    except DesignError as error:
        raise DesignError(error.problems, str(path)) from None


def read_tables(path: str | Path) -> dict[str, Any]:
    """Read the tables of a TOML file as they stand."""
    source = Path(path)
    try:
        text = source.read_bytes().decode("utf-8")
    except OSError as error:
        raise DesignError([Problem("", f"cannot be read: {error.strerror}")], str(path)) from None
    except UnicodeDecodeError as error:
        raise DesignError(
            [Problem("", f"is not UTF-8 text (byte {error.start}); save it as UTF-8")], str(path)
        ) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DesignError([Problem("", f"is not valid TOML: {error}")], str(path)) from None


def digest_of(design: Design) -> str:
    """Fingerprint of what a design means: comments, texts and run settings left out."""
    plain = design.model_dump(mode="json", by_alias=True, exclude={"simulation", "name", "description"})
    canonical = json.dumps(plain, sort_keys=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def templates() -> tuple[str, ...]:
    """Names of the commented starting designs."""
    folder = resources.files("adaptive_cart") / "templates"
    names = (entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(name.removesuffix(".toml") for name in names))


def template(name: str) -> str:
    """Text of a commented starting design."""
    if name not in templates():
        message = f"no template '{name}'; there are {one_of(templates())}"
        raise DesignError([Problem("--template", message)])
    folder = resources.files("adaptive_cart") / "templates"
    return (folder / f"{name}.toml").read_text(encoding="utf-8")


def schema() -> dict[str, Any]:
    """JSON Schema of a design file, for editors."""
    from adaptive_cart.truth import ArmCourse, Hazard

    document = Design.model_json_schema(by_alias=True)
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    document["title"] = "adaptive_cart design"
    definitions = document.setdefault("$defs", {})
    for part in (ArmCourse, Hazard):
        inner = part.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
        definitions.update(inner.pop("$defs", {}))
        definitions.setdefault(part.__name__, inner)
    # an arm's course, or an endpoint's truth by arm (a number, a distribution, or either by stratum)
    entry = {"anyOf": [{"$ref": "#/$defs/ArmCourse"}, {"type": "object"}]}
    truth = {
        "type": "object",
        "properties": {
            "dropout": {"$ref": "#/$defs/Hazard"},
            "death": {"$ref": "#/$defs/Hazard"},
        },
        "additionalProperties": entry,
    }
    scenario = {
        "type": "object",
        "properties": {
            **truth["properties"],  # type: ignore[dict-item]
            "role": {"enum": ["null", "alternative", "robustness"]},
        },
        "additionalProperties": entry,
    }
    document["properties"]["truth"] = truth
    document["properties"]["scenarios"] = {"type": "object", "additionalProperties": scenario}
    return document
