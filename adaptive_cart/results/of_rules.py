"""What is kept of a search that gave each of several rules a threshold of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from adaptive_cart.results.calibration import Searched


class OfRules(Searched):
    """How the threshold of each rule was found, the others being in force.

    Attributes
    ----------
    OF_EACH
        What kind of search found each threshold.
    rules
        By rule: how its threshold was found.
    """

    OF_EACH: ClassVar[type[Searched]]
    rules: Mapping[str, Any]
    notes: tuple[str, ...]

    @property
    def trials(self) -> int:
        """Simulated trials at each truth; 0 where all were enumerated."""
        return max(one.trials for one in self.rules.values())

    def of_rule(self, name: str) -> Any:
        """What stands in the place of ``"calibrate"`` in a rule."""
        return self.rules[name].of_rule(name)

    def lines(self) -> list[str]:
        """What was found of each rule, a line each."""
        return [f"{name}: {told}" for name, one in self.rules.items() for told in one.lines()]

    def short(self) -> str:
        """Say the thresholds in a clause."""
        return "; ".join(f"{name}: {one.short()}" for name, one in self.rules.items())

    def told(self, together: str) -> str:
        """Say what was found of each, and of them together, a line each."""
        told = [f"'{n}': {line}" for n, one in self.rules.items() for line in _lines_of(one)]
        return "\n".join([*told, together, *(f"note: {note}" for note in self.notes)])

    @classmethod
    def made_of(cls, told: dict[str, Any]) -> Self | None:
        """Make it of its own plain tables; nothing where a rule has none."""
        rules = {name: cls.OF_EACH.of(one) for name, one in told["rules"].items()}
        if not rules or None in rules.values():
            return None
        return cls(**told | {"rules": rules})


def _lines_of(one: Any) -> list[str]:
    return str(one.words()).splitlines()
