"""What only the sponsor knows: identity of the protocol, rationale of priors, roles, sources.

A file of facts is optional. Without it the report is a draft, and says which facts are missing.
Unknown keys are errors, all told at once.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.parts import Part

SourceStatus = Literal["reported", "inferred", "assumed", "unavailable"]
IDENTITY = ("title", "number", "version", "date", "sponsor", "author")
ROLES = ("roles", "access", "if_overruled", "long_term_follow_up")


class Protocol(Part):
    """Identity of the protocol that the report is an appendix to."""

    title: str | None = None
    number: str | None = None
    version: str | None = None
    date: str | None = None
    sponsor: str | None = None
    author: str | None = None


class Version(Part):
    """One line of the version history."""

    version: str
    date: str
    change: str


class Assumption(Part):
    """Where a number of the truth comes from."""

    status: SourceStatus
    source: str


class Conduct(Part):
    """Who sees what, and what happens afterwards."""

    roles: str | None = None
    access: str | None = None
    if_overruled: str | None = None
    long_term_follow_up: str | None = None


class Facts(Part):
    """A file of facts."""

    protocol: Protocol = Protocol()
    versions: list[Version] = Field(default_factory=list)
    basis: str | None = None
    why_adaptive: str | None = None
    alternatives: str | None = None
    priors: dict[str, str] = Field(default_factory=dict)
    assumptions: dict[str, Assumption] = Field(default_factory=dict)
    conduct: Conduct = Conduct()
    conclusion: str | None = None

    def lacking_identity(self) -> list[str]:
        """Facts of identity that are not given."""
        return [name for name in IDENTITY if not getattr(self.protocol, name)]

    def lacking_conduct(self) -> list[str]:
        """Facts of conduct that are not given."""
        return [name for name in ROLES if not getattr(self.conduct, name)]


def facts_template() -> str:
    """A file of facts to start from, every key commented out."""
    folder = resources.files("adaptive_cart.report")
    return folder.joinpath("facts_template.toml").read_text(encoding="utf-8")


def load_facts(path: str | Path) -> Facts:
    """Read a file of facts.

    Raises
    ------
    DesignError
        With every problem of the file at once.
    """
    source = Path(path)
    try:
        tables = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        problem = Problem("", f"cannot be read: {error.strerror}")
        raise DesignError([problem], str(path)) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DesignError([Problem("", f"not valid TOML: {error}")], str(path)) from None
    try:
        return Facts.model_validate(tables)
    except ValidationError as error:
        problems = [
            Problem(".".join(map(str, part["loc"])), _said(str(part["type"]), str(part["msg"])))
            for part in error.errors()
        ]
        raise DesignError(problems, str(path)) from None


def _said(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return f"no such key; the tables are {', '.join(Facts.model_fields)}"
    return message[:1].lower() + message[1:]
