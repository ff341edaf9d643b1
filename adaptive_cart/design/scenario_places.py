"""Where the values of a scenario were written, and how what is wrong with them is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adaptive_cart.design.mixtures import MIXTURE
from adaptive_cart.design.scenario_frame import BY, Frame
from adaptive_cart.design.validation import path_to


class Places:
    """One merged scenario; knows where each of its values was written."""

    def __init__(
        self, frame: Frame, name: str, table: Mapping[str, Any], part: str | None = None
    ) -> None:
        self.frame = frame
        self.name = name
        self.table = table
        self.part = part
        self.sources: dict[str, str] = {}

    def where(self, *path: str | int) -> str:
        """Path in the file at which a value stands: the scenario if it is there, else [truth].

        Of a part of the participants, in its own table first.
        """
        if self.part is not None:
            inside = (MIXTURE, self.part, *path)
            for top, table in (
                (path_to("scenarios", self.name), self.frame.scenarios[self.name]),
                ("truth", self.frame.truth),
            ):
                if _stands(table, inside):
                    return path_to(top, *inside)
        here = _stands(self.frame.scenarios[self.name], path)
        return path_to(path_to("scenarios", self.name) if here else "truth", *path)

    def of_arm(self, arm: str) -> Mapping[str, Any]:
        """What the scenario says of an arm; nothing for an arm with the name of something else."""
        table = self.table.get(arm, {})
        return table if isinstance(table, dict) else {}

    @property
    def _tops(self) -> tuple[str, str]:
        return "truth", path_to("scenarios", self.name)

    def report(self, path: str, message: str, *grounds: str, alone: str = "") -> None:
        """Report a problem of this scenario; one of several scenarios is told once."""
        self.frame.report(path, message, *grounds, scenario=self.name, alone=alone)

    def missing(self, arm: str, *path: str, write: str) -> None:
        """Report a value that the course of an arm needs and nothing gives."""
        place = path_to("truth", arm, *path)
        own = path_to("scenarios", self.name, arm, *path)
        advice = write if write.startswith("0 if") else f"write {write}"
        self.report(place, f"missing{BY}; {advice}", path_to("arms", arm), place, own)


def _stands(table: Any, path: tuple[str | int, ...]) -> bool:
    """Whether a value stands at a path of a table."""
    for key in path:
        if not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return table is not None
