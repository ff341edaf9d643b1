"""A sweep as a section of the report: one table, the tornado, the heat map."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from adaptive_cart.comparison.measured import Key
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.roles import NULL
from adaptive_cart.report.document import (
    WITHHELD_SHORT,
    Block,
    Figure,
    Heading,
    Line,
    Reference,
    Table,
    code,
    line,
    listed,
    paragraph,
    prose,
    row,
    secret,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, Kind, given
from adaptive_cart.results.figure import Z95
from adaptive_cart.results.figure import Figure as Told
from adaptive_cart.results.result import open_result
from adaptive_cart.running.region import region_of
from adaptive_cart.sweeps.opened import open_sweep
from adaptive_cart.sweeps.pictures import PICTURES
from adaptive_cart.sweeps.run import SWEEP
from adaptive_cart.sweeps.swept import POWER, TYPE_ONE, Sweep
from adaptive_cart.sweeps.varying import Variant

PRIORS, ONE_FACTOR = 56, 57  # numbers of the items
MOST_SCENARIOS = 3  # besides the null ones
SOURCE = "sweep.csv"


@dataclass(frozen=True)
class SweepExhibit:
    """A sweep as a section of the report; of thresholds, in the restricted annex alone.

    Attributes
    ----------
    digest
        Fingerprint of the design as written, before anything is calibrated.
    trials
        Of each scenario of the design as written; nothing where it was enumerated.
    """

    found: Sweep
    digest: str
    trials: int | None
    chapter = "sensitivity"

    @staticmethod
    def read(folder: Path) -> SweepExhibit:
        """Read the folder that ``sweep`` wrote."""
        found = open_sweep(folder)
        told = json.loads((folder / SWEEP).read_text("utf-8"))
        first = open_result(folder / told["variants"][0]["folder"])
        trials = None if first.exact else max(first.manifest["trials"].values())
        return SweepExhibit(found, told["digest"], trials)

    @property
    def key(self) -> str:
        """One for each name of a folder."""
        return f"sweep-{self.found.folder.name}"

    @property
    def name(self) -> str:
        """What it is."""
        return f"the sweep in {self.found.folder}"

    def belongs_to(self, digest: str) -> bool:
        """Whether the design of this fingerprint is the one as written."""
        return digest in (self.digest, self.found.variants[0].digest)

    def blocks(self, evidence: Evidence) -> list[Block]:
        """What was varied and how, a table, and the figures that it gives."""
        found, key = self.found, self.key
        _traced(evidence, found, f"t-{key}")
        blocks = [
            Heading(text=_title(found), key=key, level=2),
            _lead(found, f"t-{key}"),
            _table(found, self.trials, f"t-{key}"),
            *_figures(found, key),
        ]
        if any(varied.startswith("rules.") for varied in found.vary):
            return [replace(block, audience="restricted") for block in blocks]
        return blocks


def _title(found: Sweep) -> str:
    return "Sensitivity at equal type I error" if found.recalibrated else "Keys set otherwise"


def _traced(evidence: Evidence, found: Sweep, table: str) -> None:
    """What of the list it supplies: other priors, and other factors one at a time."""
    priors = [key for key in found.vary if key.startswith("analysis.")]
    if priors:
        evidence.trace.reported(PRIORS, table)
    if len(priors) < len(found.vary):
        evidence.trace.reported(ONE_FACTOR, table)


def _lead(found: Sweep, table: str) -> Block:
    ways = {
        "grid": "in all combinations of their values" if len(found.vary) > 1 else "",
        "one_at_a_time": "one key at a time, the others as written",
        "pairs": "one key at a time and in pairs, the others as written",
    }
    return paragraph(
        "The design was run with {keys} set otherwise{how}. {table} has every variant with its "
        "difference from the design as written.{paired}{equal}",
        keys=listed([line(code(key)) for key in found.vary]),
        how=f", {ways[found.how]}" if ways[found.how] else "",
        table=Reference(table),
        paired=_paired(found),
        equal=_equal(found),
    )


def _enumerated(found: Sweep) -> bool:
    return all(cell.mcse == 0.0 for cell in found.rows)


def _paired(found: Sweep) -> str:
    if _enumerated(found):
        return " All were enumerated, without Monte Carlo error."
    unpaired = any(cell.apart is not None and not cell.apart.paired for cell in found.rows)
    if unpaired:
        return " Where participants are not the same, differences are those of independent runs."
    return " Differences are taken trial by trial, on the same participants."


def _equal(found: Sweep) -> Line:
    """At which error the variants are compared, where each has thresholds of its own."""
    first = found.variants[0].design
    if not found.recalibrated or first.calibration is None:
        return ()
    try:
        where = prose(" over {region}", region=given(region_of(first).words, SOURCE))
    except DesignError:  # shares among claims have no region of control rates
        where = ()
    return prose(
        " The thresholds for success were calibrated anew in each, so that all hold a type I error "
        "of {target}{where}: what differs is what the change buys.",
        target=given(first.calibration.type_one_error, "design: calibration.type_one_error"),
        where=where,
    )


# ── the table ─────────────────────────────────────────────────────────────────────────────────
def _columns(found: Sweep) -> Iterator[tuple[Line, str, Key]]:
    """Head, scenario and measure of each column."""
    names = dict.fromkeys(cell.key.measure for cell in found.rows)
    for name in names:
        if found.recalibrated and name.startswith("threshold_"):
            yield line("Threshold of ", code(name.removeprefix("threshold_"))), "", Key(name)
    if any(cell.key == TYPE_ONE for cell in found.rows):
        yield line("Type I error, null scenarios"), "", TYPE_ONE
    others = [name for name, role in found.scenarios.items() if role != NULL]
    for scenario in others[:MOST_SCENARIOS]:
        yield line("Success in ", code(scenario)), scenario, POWER
    participants = Key("n_randomised_mean")
    for scenario in others[:1]:
        yield line("Mean N in ", code(scenario)), scenario, participants


def _table(found: Sweep, trials: int | None, key: str) -> Table:
    columns = list(_columns(found))
    rows = [
        row(
            line(code(found.called(variant))),
            *itertools.chain.from_iterable(
                _told(found, trials, variant, scenario, of) for _, scenario, of in columns
            ),
            strong=not variant.settings,
        )
        for variant in found.variants
    ]
    heads = itertools.chain.from_iterable((head, line("Change")) for head, _, _ in columns)
    short = [
        line(code(end), " is ", code(name), ".") for name, end in found.short.items() if end != name
    ]
    return without_blank_columns(
        Table(
            key=key,
            title=line(
                _title(found), ": each variant, and its difference from the design as written"
            ),
            head=(line("Variant"), *heads),
            rows=tuple(rows),
            align=("left", *("right",) * 2 * len(columns)),
            widths=(1.8, *(0.9, 1.5) * len(columns)),
            notes=(
                *short,
                line("Change: from the design as written", _brackets(found), "."),
                *_over_scenarios(found),
            ),
            wide=len(columns) > 2,
        )
    )


def _brackets(found: Sweep) -> str:
    """What stands in brackets; nothing where nothing was simulated."""
    return "" if _enumerated(found) else "; in brackets Monte Carlo intervals"


def _over_scenarios(found: Sweep) -> Iterator[Line]:
    """Of which truths the type I error is, so that no worst case is read into it."""
    nulls = [name for name, role in found.scenarios.items() if role == NULL]
    if nulls:
        what = "Type I error: of " if len(nulls) == 1 else "Type I error: the largest of "
        yield line(what, listed([line(code(name)) for name in nulls]), ".")


def _told(
    found: Sweep, trials: int | None, variant: Variant, scenario: str, key: Key
) -> tuple[Line, Line]:
    """A number of a variant, and its change from the design as written; dashes without them."""
    cell = found.cell(variant, scenario, key)
    if cell is None:
        return line("–"), line("–")
    source = f"{SOURCE}: {variant.label}, {scenario or 'all null scenarios'}, {key.measure}"
    if key.measure.startswith("threshold_"):
        return line(secret(given(cell.estimate, source), otherwise=WITHHELD_SHORT)), line("–")
    kind: Kind = "mean" if key.measure.endswith("_mean") else "probability"
    own = Bound(_with_interval(cell.estimate, cell.mcse, trials), source, kind)
    if cell.apart is None:
        return own.with_interval(), line("–")
    moved = _with_interval(cell.apart.value, cell.apart.mcse, trials)
    return line(own.beside_interval()), Bound(moved, source, "difference").with_interval()


def _with_interval(value: float, mcse: float, trials: int | None) -> Told:
    half = Z95 * mcse
    return Told(value, mcse, value - half, value + half, trials)


def _figures(found: Sweep, key: str) -> Iterator[Block]:
    for name, kind in PICTURES.items():
        if kind.lacks(found):
            continue
        yield Figure(
            key=f"f-{key}-{name}",
            title=line(kind.title),
            caption=line(given(kind.caption(found), SOURCE)),
            alternative=kind.alternative_text(found),
            draw=lambda kind=kind: kind.draw(found),  # type: ignore[misc]
        )
