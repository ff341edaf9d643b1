"""Sizes that were run: what each had, and where they are kept for the next search."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.nouns.roles import NULL
from adaptive_cart.results.figure import Figure
from adaptive_cart.results.store import version

KEPT = "sizes_run.json"
KIND = "adaptive_cart sizes"


@dataclass(frozen=True)
class Tried:
    """A size that was run.

    Attributes
    ----------
    success
        By scenario; of a simulated size far from the answer, in those alone where power is wanted
        and may be lacking.
    roles
        Of all scenarios.
    thresholds
        By success rule, as they were in force.
    design
        As it was run: the tables of a design file.
    choices
        Where looks are free: the power of every choice of them, by their numbers.
    foretold
        Whether its threshold was foretold by those of other sizes, and not calibrated.
    """

    size: int
    looks: tuple[float, ...]
    thresholds: Mapping[str, Any]
    success: Mapping[str, Figure]
    roles: Mapping[str, str]
    design: Mapping[str, Any]
    choices: Mapping[tuple[int, ...], float] = field(default_factory=dict)
    foretold: bool = False

    def power(self, scenarios: Sequence[str]) -> float:
        """The least probability of success in some scenarios, of those in which it was run."""
        return min(self.success[name].estimate for name in scenarios if name in self.success)

    @property
    def type_one_error(self) -> Figure | None:
        """The largest probability of success in a null scenario."""
        null = [figure for name, figure in self.success.items() if self.roles[name] == NULL]
        return max(null, key=lambda figure: figure.estimate, default=None)


class KeptSizes:
    """Sizes that were run, by what their numbers hang on.

    Parameters
    ----------
    folder
        Where they are kept; nowhere if left out.
    """

    def __init__(self, folder: Path | None, restart: bool = False) -> None:
        self.folder = folder
        self.found: dict[str, Any] = {} if folder is None or restart else _read(folder / KEPT)
        self.reused = 0

    def get(self, key: str) -> Tried | None:
        """The size that was run so; nothing if none was."""
        told = self.found.get(_name(key))
        self.reused += told is not None
        return None if told is None else _tried(told)

    def put(self, key: str, tried: Tried) -> None:
        """Keep one, at once: each takes seconds to minutes."""
        plain = asdict(tried)
        plain["choices"] = [[list(at), power] for at, power in tried.choices.items()]
        self.found[_name(key)] = plain
        if self.folder is not None:
            told = {"kind": KIND, "found": self.found}
            OwnedFolder(self.folder).write(KEPT, json.dumps(told, indent=1) + "\n")


def _name(key: str) -> str:
    return f"{key} | {version()}"


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        found = dict(told["found"]) if told.get("kind") == KIND else {}
        for one in found.values():
            _tried(one)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return found


def _tried(told: Mapping[str, Any]) -> Tried:
    return Tried(
        told["size"],
        tuple(told["looks"]),
        told["thresholds"],
        {name: Figure(**one) for name, one in told["success"].items()},
        told["roles"],
        told["design"],
        {tuple(at): power for at, power in told["choices"]},
        told["foretold"],
    )
