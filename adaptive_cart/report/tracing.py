"""Which items of the list a report says, where, and what would supply those that it does not."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

Status = Literal["reported", "not applicable", "missing"]


@dataclass(frozen=True)
class Guidance:
    """A document that asks for something, and how it stood on the day it was looked up."""

    key: str
    title: str
    issuer: str
    code: str
    status: str
    date: str
    checked: str
    read: str

    @property
    def short(self) -> str:
        """What it is called in a table: "ICH M11"."""
        return self.code if self.issuer == "literature" else f"{self.issuer} {self.code}"


@dataclass(frozen=True)
class Item:
    """One thing that a simulation report has to say."""

    number: int
    title: str
    by: tuple[str, ...]
    mandatory: bool
    supply: str


@dataclass
class Finding:
    """What became of an item: its status, where it stands, and what there is to say about it."""

    item: Item
    status: Status
    where: list[str] = field(default_factory=list)
    note: str = ""


def _read(name: str) -> dict[str, Any]:
    text = resources.files("adaptive_cart.report").joinpath(name).read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def guidance() -> dict[str, Guidance]:
    """Guidance documents by key."""
    return {key: Guidance(key, **entry) for key, entry in _read("guidance.toml").items()}


@cache
def checklist() -> tuple[Item, ...]:
    """The items, in order."""
    return tuple(
        Item(number, entry["title"], tuple(entry["by"]), entry["mandatory"], entry["supply"])
        for number, entry in enumerate(_read("checklist.toml")["item"], start=1)
    )


class Trace:
    """Collects, while a report is written, what its chapters say."""

    def __init__(self) -> None:
        self._found: dict[int, Finding] = {}

    def reported(self, number: int, *where: str, note: str = "") -> None:
        """An item is said, in the blocks of these keys."""
        finding = self._found.get(number)
        if finding is None or finding.status != "reported":
            finding = self._found[number] = Finding(self._item(number), "reported")
        finding.where += [key for key in where if key not in finding.where]
        finding.note = "; ".join(part for part in (finding.note, note) if part)

    def not_applicable(self, number: int, why: str) -> None:
        """An item does not apply to this design."""
        self._found[number] = Finding(self._item(number), "not applicable", note=why)

    def missing(self, number: int, supply: str = "") -> None:
        """An item is not said; what would supply it, if not what the checklist says."""
        item = self._item(number)
        self._found[number] = Finding(item, "missing", note=supply or item.supply)

    @staticmethod
    def _item(number: int) -> Item:
        return checklist()[number - 1]

    def findings(self) -> list[Finding]:
        """Every item; what no chapter has said anything about is missing."""
        return [
            self._found.get(item.number) or Finding(item, "missing", note=item.supply)
            for item in checklist()
        ]

    def missing_mandatory(self) -> list[Finding]:
        """Mandatory items that are missing: while there are any, the report is a draft."""
        return [f for f in self.findings() if f.status == "missing" and f.item.mandatory]
