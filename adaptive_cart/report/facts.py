"""What only the sponsor knows: identity of the protocol, rationale of priors, roles, sources.

A file of facts is optional. Without it the report is a draft, and says which facts are missing.
Unknown keys are errors, all told at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import Field

from adaptive_cart.design.file import read_tables
from adaptive_cart.design.validation import as_written, meant, path_to, read
from adaptive_cart.errors import DesignError, Problem, one_of
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
    found = read(Facts, read_tables(path, "file of facts"))
    if found.faults:
        taken = {path_to("", *right): path_to("", *key) for right, key in found.renamed.items()}
        problems = [Problem(as_written(p.path, taken), p.message) for p in found.problems("")]
        raise DesignError(problems, str(path))
    facts: Facts = found.part
    return facts


def refuse_unread(
    facts: Facts, priors: Iterable[str], numbers: Iterable[str], path: str | Path
) -> None:
    """Raise an error for every fact about a name that the report does not have.

    Parameters
    ----------
    priors
        Names of the priors, "dfr.soc".
    numbers
        Names of the register of assumptions, "soc.dropout".

    Raises
    ------
    DesignError
        With every such fact at once: nobody would ever read it.
    """
    known = {"priors": ("prior", tuple(priors)), "assumptions": ("number", tuple(numbers))}
    problems = []
    for table, (kind, names) in known.items():
        for name in getattr(facts, table):
            if name not in names:
                there = f"there are {one_of(names)}" if names else f"this design has no {kind}"
                message = f"no such {kind}{meant(name, names)}; {there}"
                problems.append(Problem(path_to("", table, name), message))
    if problems:
        raise DesignError(problems, str(path))
