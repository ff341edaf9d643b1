"""A comparison: every measure of every design in every common scenario, and what to do with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaptive_cart.comparison.changes import changes
from adaptive_cart.comparison.measured import Candidate, Difference, Key, difference
from adaptive_cart.errors import InputError, nearest, one_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

COLUMNS = (
    "scenario",
    "role",
    "measure",
    "arm",
    "stratum",
    "design",
    "estimate",
    "mcse",
    "difference",
    "difference_mcse",
    "paired",
)


@dataclass(frozen=True)
class Comparison:
    """Designs side by side, the others compared with the first.

    Attributes
    ----------
    candidates
        The designs, in order.
    scenarios
        Roles by name of the scenario: those that all designs have.
    pairing
        By label and scenario: why a design is not compared with the first trial by trial; blank
        where it is.
    notes
        What a reader has to know.
    """

    candidates: tuple[Candidate, ...]
    scenarios: Mapping[str, str]
    pairing: Mapping[str, Mapping[str, str]]
    notes: tuple[str, ...]

    @property
    def first(self) -> Candidate:
        """The design that the others are compared with."""
        return self.candidates[0]

    def difference(self, candidate: Candidate, scenario: str, key: Key) -> Difference | None:
        """A design less the first, in one measure; nothing where one of the two lacks it."""
        mine = candidate.measures(scenario).get(key)
        base = self.first.measures(scenario).get(key)
        if candidate is self.first or mine is None or base is None:
            return None
        return difference(base, mine, not self.pairing[candidate.label][scenario])

    def keys(self, scenario: str) -> Iterator[Key]:
        """Measures that any design has in a scenario, in the order of the first that has them."""
        seen: dict[Key, None] = {}
        for candidate in self.candidates:
            seen |= dict.fromkeys(candidate.measures(scenario))
        yield from seen

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a scenario, measure and design: estimate, MCSE, difference to the first, its MCSE.

        ``paired`` says whether the difference was taken trial by trial.
        """
        import pandas as pd

        frame = pd.DataFrame(list(self._rows()), columns=list(COLUMNS))
        for name in ("estimate", "mcse", "difference", "difference_mcse"):
            frame[name] = frame[name].astype("float64")
        return frame

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for scenario, role in self.scenarios.items():
            for key in self.keys(scenario):
                for candidate in self.candidates:
                    measure = candidate.measures(scenario).get(key)
                    if measure is None:
                        continue
                    found = self.difference(candidate, scenario, key)
                    apart = (
                        (None, None, None)
                        if found is None
                        else (found.value, found.mcse, "yes" if found.paired else "no")
                    )
                    yield (
                        scenario, role, *key, candidate.label, measure.estimate, measure.mcse,
                        *apart,
                    )  # fmt: skip

    @cached_property
    def changes(self) -> dict[str, tuple[str, ...]]:
        """By label: what the design file has otherwise than the first, a line each."""
        return {
            candidate.label: changes(self.first.design, candidate.design)
            for candidate in self.candidates[1:]
        }

    def changes_text(self) -> str:
        """Say what differs between the design files."""
        blocks = []
        for candidate in self.candidates[1:]:
            lines = self.changes[candidate.label]
            told = [f"  {line}" for line in lines] or ["  nothing"]
            heading = f"{candidate.label}, compared with {self.first.label}:"
            blocks.append("\n".join([heading, *told]))
        return "\n\n".join(blocks)

    def text(self, width: int = 100) -> str:
        """Lay the main measures out as plain text, lines of at most ``width`` characters."""
        from adaptive_cart.comparison.layout import laid_out

        return laid_out(self, width)

    def figure(self, kind: str = "frontier") -> Figure:
        """Draw the comparison.

        Parameters
        ----------
        kind
            ``frontier``: power against participants, months and exposure; ``differences``: each
            design less the first, with 95% Monte Carlo intervals.
        """
        from adaptive_cart.comparison.pictures import PICTURES

        if kind not in PICTURES:
            raise InputError(f"no figure '{kind}'{nearest(kind, PICTURES)}; {one_of(PICTURES)}")
        return PICTURES[kind](self)

    def write(
        self, folder: str | Path, formats: tuple[str, ...] = ("pdf", "svg", "png")
    ) -> list[str]:
        """Write table, changes and figures into a folder; returns the names of the files.

        Raises
        ------
        InputError
            If a format does not exist; nothing is written then.
        """
        from adaptive_cart.comparison.files import write_comparison

        return write_comparison(self, Path(folder), formats)

    def _repr_html_(self) -> str:
        from adaptive_cart.comparison.layout import as_html

        return as_html(self)

    def __repr__(self) -> str:
        labels = ", ".join(repr(candidate.label) for candidate in self.candidates)
        return f"Comparison({labels}; scenarios: {one_of(self.scenarios)})"
