"""A sweep that has been run: one table of all variants, and what it shows at a glance."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from adaptive_cart.comparison.measured import (
    Candidate,
    Difference,
    Key,
    Measure,
    difference,
    why_not_paired,
)
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.validation import at, path_to, shown, steps_of
from adaptive_cart.errors import InputError, nearest, one_of
from adaptive_cart.nouns.passing_folder import removed_with
from adaptive_cart.nouns.roles import NULL
from adaptive_cart.sweeps.varying import AS_WRITTEN, How, Variant

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

POWER = Key("success")
TYPE_ONE = Key("type_one_error")  # the largest probability of success over the null scenarios
COLUMNS = (
    "variant", "scenario", "role", "measure", "arm", "stratum", "estimate", "mcse", "difference",
    "difference_mcse", "paired",
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One measure of one variant in one scenario.

    Attributes
    ----------
    scenario
        Blank for the largest type I error, which is over all null scenarios.
    apart
        The variant less the design as written; nothing for that itself.
    """

    variant: Variant
    scenario: str
    role: str
    key: Key
    estimate: float
    mcse: float
    apart: Difference | None


class SweepRows:
    """Collects the cells of a sweep, variant by variant; keeps the trials of the first alone."""

    def __init__(self, first: Variant) -> None:
        self.first = first
        self.rows: list[Cell] = []
        self.scenarios: dict[str, str] = {}
        self.pairing: dict[str, tuple[str, ...]] = {}
        self._base: Candidate | None = None

    def add(self, variant: Variant, candidate: Candidate) -> None:
        """Add a variant's measures in every scenario; the first one is the design as written."""
        base = self._base
        if base is None:
            self._base = candidate
            held = candidate.result.roles
            self.scenarios = {name: held[name] for name in held if name in candidate.trials}
        reasons = []
        for name, role in self.scenarios.items():
            why = "" if base is None else why_not_paired(base, candidate, name)
            reasons += [why] if why else []
            for key, measure in candidate.measures(name).items():
                before = None if base is None else base.measures(name).get(key)
                self._cell(variant, name, role, key, measure, before, not why)
        self.pairing[variant.label] = tuple(dict.fromkeys(reasons))
        self._worst(variant, candidate, base, not reasons)
        self._thresholds(variant, candidate)
        if base is not None:
            candidate.found.clear()  # its trials are not needed any more

    def _cell(
        self,
        variant: Variant,
        scenario: str,
        role: str,
        key: Key,
        measure: Measure,
        before: Measure | None,
        paired: bool,
    ) -> None:
        apart = None if before is None else difference(before, measure, paired)
        self.rows.append(Cell(variant, scenario, role, key, measure.estimate, measure.mcse, apart))

    def _worst(
        self, variant: Variant, candidate: Candidate, base: Candidate | None, paired: bool
    ) -> None:
        mine = self._largest(candidate)
        if mine is not None:
            before = None if base is None else self._largest(base)
            self._cell(variant, "", "null", TYPE_ONE, mine, before, paired)

    def _largest(self, candidate: Candidate) -> Measure | None:
        nulls = [name for name, role in self.scenarios.items() if role == NULL]
        found = [candidate.measures(name)[POWER] for name in nulls]
        return max(found, key=lambda measure: measure.estimate, default=None)

    def _thresholds(self, variant: Variant, candidate: Candidate) -> None:
        """What success rules ask for: with ``recalibrate`` each variant has its own."""
        for rule in candidate.design.rules:
            value = rule.threshold
            if rule.decision.ends == SUCCESS and isinstance(value, float):
                base = self.rows_of(AS_WRITTEN, f"threshold_{rule.name}")
                apart = Difference(value - base[0].estimate, 0.0, True) if base else None
                cell = Cell(variant, "", "", Key(f"threshold_{rule.name}"), value, 0.0, apart)
                self.rows.append(cell)

    def rows_of(self, label: str, measure: str) -> list[Cell]:
        """Cells of a variant and measure so far."""
        return [c for c in self.rows if c.variant.label == label and c.key.measure == measure]


@dataclass(frozen=True)
class Sweep:
    """A design as written and its variants, in every scenario.

    Attributes
    ----------
    vary, how, recalibrated
        What was varied, in which combinations, and whether at equal type I error.
    variants
        The design as written first.
    scenarios
        Roles by name.
    pairing
        By label: why a variant is not compared trial by trial; empty where it is.
    folder
        Where the table, and the results of every variant, lie.
    """

    FILES: ClassVar[tuple[str, ...]] = ("sweep.csv", "sweep.parquet", "sweep.txt")

    design: Design
    vary: Mapping[str, tuple[Any, ...]]
    how: How
    recalibrated: bool
    variants: tuple[Variant, ...]
    rows: tuple[Cell, ...]
    scenarios: Mapping[str, str]
    pairing: Mapping[str, tuple[str, ...]]
    folder: Path
    temporary: bool = False
    _cells: dict[tuple[str, str, Key], Cell] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for cell in self.rows:
            self._cells[cell.variant.label, cell.scenario, cell.key] = cell
        if self.temporary:  # such a folder lives as long as its sweep
            removed_with(self, self.folder)

    # ── numbers ───────────────────────────────────────────────────────────────────────────
    def cell(self, variant: Variant, scenario: str, key: Key) -> Cell | None:
        """One number of a variant; the largest type I error is of the scenario ``""``."""
        return self._cells.get((variant.label, scenario, key))

    def value_of(self, variant: Variant, key: str) -> Any:
        """What a variant has under a key that was varied."""
        return variant.settings[key] if key in variant.settings else self.written[key]

    @cached_property
    def written(self) -> dict[str, Any]:
        """By key that was varied: what the design as written has; nothing where it says nothing."""
        tables = self.design.plain()
        tables["rules"] = {rule["name"]: rule for rule in tables["rules"]} | dict(
            enumerate(tables["rules"])
        )
        return {key: at(tables, steps_of(key)) for key in self.vary}

    @cached_property
    def short(self) -> dict[str, str]:
        """By key that was varied: its end, as much of it as no other has."""
        found = {}
        for key in self.vary:
            ends = [path_to("", *steps_of(key)[-n:]) for n in range(1, len(steps_of(key)) + 1)]
            others = [other for other in self.vary if other != key]
            alone = (end for end in ends if not any(o.endswith(end) for o in others))
            found[key] = next(alone, key)
        return found

    def called(self, variant: Variant) -> str:
        """What a variant is called where there is little room: ``max_n = 90``."""
        told = [f"{self.short[key]} = {shown(v, 24)}" for key, v in variant.settings.items()]
        return ", ".join(told) or AS_WRITTEN

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a variant, scenario and measure.

        A column for each key that was varied, with its value; estimate and MCSE; the difference to
        the design as written and its MCSE, which is that of the trial-by-trial differences where
        ``paired`` says so.
        """
        import pandas as pd

        frame = pd.DataFrame([self._row(cell) for cell in self.rows], columns=list(COLUMNS))
        for name in ("estimate", "mcse", "difference", "difference_mcse"):
            frame[name] = frame[name].astype("float64")
        for place, key in enumerate(self.vary):
            values = [self.value_of(cell.variant, key) for cell in self.rows]
            frame.insert(1 + place, key, pd.Series(_typed(values)))
        return frame

    def _row(self, cell: Cell) -> tuple[Any, ...]:
        apart = cell.apart
        more = (
            (None, None, None)
            if apart is None
            else (apart.value, apart.mcse, "yes" if apart.paired else "no")
        )
        return (
            cell.variant.label, cell.scenario or None, cell.role or None, *cell.key, cell.estimate,
            cell.mcse, *more,
        )  # fmt: skip

    def worst(self, scenario: str = "") -> Cell | None:
        """The variant with the largest type I error, or with the least success in a scenario."""
        key = POWER if scenario else TYPE_ONE
        cells = [c for c in self.rows if c.scenario == scenario and c.key == key]
        pick = min if scenario else max
        return pick(cells, key=lambda cell: cell.estimate, default=None)

    # ── what it shows ─────────────────────────────────────────────────────────────────────
    def text(self, width: int = 100) -> str:
        """Lay the main measures out as plain text, lines of at most ``width`` characters."""
        from adaptive_cart.sweeps.layout import laid_out

        return laid_out(self, width)

    def figure(self, kind: str = "tornado") -> Figure:
        """Draw the sweep.

        Parameters
        ----------
        kind
            ``tornado``: how far each key alone moves success; ``heat_map``: success over the values
            of two keys.
        """
        from adaptive_cart.sweeps.pictures import PICTURES

        if kind not in PICTURES:
            raise InputError(f"no figure '{kind}'{nearest(kind, PICTURES)}; {one_of(PICTURES)}")
        missing = PICTURES[kind].lacks(self)
        if missing:
            raise InputError(f"{kind}: {missing}")
        return PICTURES[kind].draw(self)

    def write_figures(self, formats: tuple[str, ...] = ("pdf", "svg", "png")) -> list[str]:
        """Write the figures that this sweep gives, with captions, into its folder."""
        from adaptive_cart.sweeps.pictures import write_pictures

        return write_pictures(self, formats)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The table and the text, as files."""
        yield "sweep.csv", self.table.to_csv(index=False, lineterminator="\n").encode()
        whole = io.BytesIO()
        self.table.to_parquet(whole, index=False)
        yield "sweep.parquet", whole.getvalue()
        yield "sweep.txt", f"{self.text()}\n".encode()

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(self.text())}</pre>"

    def __repr__(self) -> str:
        many = f"{len(self.variants)} variants"
        return f"Sweep({one_of(self.vary)}; {many}; scenarios: {one_of(self.scenarios)})"


def _typed(values: list[Any]) -> list[Any]:
    """Numbers as numbers; as text, as a file has them, where any is none."""
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return values if numbers else [None if v is None else shown(v, 200) for v in values]
