"""Evaluations that are kept in the folder, so that a search that was stopped goes on."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.optimising.evaluating import Evaluation, evaluation_of
from adaptive_cart.results.store import version

KEPT = "evaluations.json"
KIND = "adaptive_cart evaluations"
SECONDS = 5.0  # between two savings


class Kept:
    """Evaluations by fingerprint of the candidate and by what they hang on beside it.

    Parameters
    ----------
    folder
        Where they are kept; nowhere if left out.
    """

    def __init__(self, folder: Path | None, restart: bool = False) -> None:
        self.folder = folder
        self.found: dict[str, Any] = {} if folder is None or restart else _read(folder / KEPT)
        self._before = set(self.found)
        self._saved = time.monotonic()
        self.reused = 0

    def get(self, digest: str, key: str) -> tuple[bool, Evaluation | None]:
        """Whether a candidate was judged before, and what it had."""
        name = _name(digest, key)
        told = self.found.get(name, False)
        if told is False:
            return False, None
        self.reused += name in self._before
        self._before.discard(name)
        return True, None if told is None else evaluation_of(told)

    def put(self, digest: str, key: str, found: Evaluation | None) -> None:
        """Keep an evaluation; a few at a time they go to the folder."""
        self.found[_name(digest, key)] = None if found is None else asdict(found)
        if time.monotonic() - self._saved > SECONDS:
            self.save()

    def save(self) -> None:
        """Write all of them."""
        self._saved = time.monotonic()
        if self.folder is not None:
            told = {"kind": KIND, "found": self.found}
            OwnedFolder(self.folder).write(KEPT, json.dumps(told, indent=1) + "\n")


def _name(digest: str, key: str) -> str:
    return f"{digest} | {key} | {version()}"


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        ours = isinstance(told, dict) and told.get("kind") == KIND
        found = dict(told["found"]) if ours else {}
        for one in found.values():
            if one is not None:
                evaluation_of(one)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return found
