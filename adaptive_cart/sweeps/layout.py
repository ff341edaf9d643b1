"""A sweep as text: a block a measure, a line a variant, a column a scenario."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from adaptive_cart.comparison.layout import (
    SHOWN,
    Group,
    as_lines,
    beside_each_other,
    difference_text,
    own_text,
    value_text,
)
from adaptive_cart.comparison.measured import BOTH_EXACT, Key, Measure
from adaptive_cart.nouns.roles import ALTERNATIVE
from adaptive_cart.results.laid_out import shortened
from adaptive_cart.running.region import wanted_words
from adaptive_cart.sweeps.swept import POWER, TYPE_ONE, Cell, Sweep
from adaptive_cart.sweeps.varying import AS_WRITTEN

LONGEST = 46  # characters of a label
MEASURES = SHOWN[:4]  # success, participants randomised or analysed, months
ERROR = "type I error, nulls"


def laid_out(sweep: Sweep, width: int) -> str:
    """Tables and notes, in lines of at most ``width`` characters."""
    blocks = []
    analysed = Key("n_analysed_mean")
    for heading, key, fewest, most in MEASURES:
        known = [c for c in sweep.rows if c.key == key]
        everybody = any(c.key == Key("n_randomised_mean") for c in sweep.rows)
        if known and not (key == analysed and everybody):
            blocks.append(_block(sweep, heading, key, fewest, most, width))
    blocks.append("\n".join(textwrap.fill(note, width) for note in notes(sweep)))
    return "\n\n".join(blocks)


def _block(sweep: Sweep, heading: str, key: Key, fewest: int, most: int, width: int) -> str:
    columns = [(name, name, key) for name in sweep.scenarios]
    if key == POWER:
        thresholds = _thresholds(sweep) if sweep.recalibrated else []
        columns += [(name, "", Key(name)) for name in thresholds]
        if list(sweep.scenarios.values()).count("null") > 1:
            columns.insert(0, (ERROR, "", TYPE_ONE))
    groups = [_group(sweep, *column, fewest, most) for column in columns]
    labels = [heading, *(shortened(sweep.called(variant), LONGEST) for variant in sweep.variants)]
    wide, has_cells = max(map(len, labels)), [True] * len(labels)
    parts = beside_each_other((group for group in groups if any(group.values)), wide, width)
    return "\n\n".join(as_lines(labels, part, wide, has_cells) for part in parts)


def _group(sweep: Sweep, heading: str, scenario: str, key: Key, fewest: int, most: int) -> Group:
    values, differences = [], []
    for variant in sweep.variants:
        cell = sweep.cell(variant, scenario, key)
        value, apart = ("", "") if cell is None else _texts(sweep, cell, fewest, most)
        values.append(value)
        differences.append(apart)
    what = "mean" if key.measure.endswith("_mean") else "prob."
    return Group(heading, what, tuple(values), tuple(differences))


def _texts(sweep: Sweep, cell: Cell, fewest: int, most: int) -> tuple[str, str]:
    measure = Measure(cell.estimate, cell.mcse)
    if cell.apart is None:
        drawn = cell.mcse > 0.0
        return own_text(measure, fewest, most) if drawn else (value_text(measure, fewest, most), "")
    apart = difference_text(cell.apart, fewest, most)
    if BOTH_EXACT in sweep.pairing[cell.variant.label] or not (cell.scenario or cell.role):
        apart = apart.removesuffix(" (0)")
    return value_text(measure, fewest, most), apart


def _thresholds(sweep: Sweep) -> list[str]:
    """Thresholds, as measures, that are not the same in all variants."""
    found: dict[str, set[float]] = {}
    for cell in sweep.rows:
        if cell.key.measure.startswith("threshold_"):
            found.setdefault(cell.key.measure, set()).add(cell.estimate)
    return [name for name, values in found.items() if len(values) > 1]


def notes(sweep: Sweep) -> Iterator[str]:
    """What has to be said below the tables."""
    short = [f"{end}: {key}" for key, end in sweep.short.items() if end != key]
    if short:
        yield f"{'; '.join(short)}."
    drawn = any(cell.mcse > 0.0 for cell in sweep.rows)
    errors = (
        f"; in brackets its Monte Carlo standard error, for the design {AS_WRITTEN} that of the "
        f"number itself. Every number has its own in sweep.csv"
    )
    exact = "; exact, without Monte Carlo error"
    yield f"difference: to the design {AS_WRITTEN}{errors if drawn else exact}."
    apart: dict[str, list[str]] = {}
    for label, reasons in sweep.pairing.items():
        told = [why for why in reasons if why != BOTH_EXACT]
        if told:
            apart.setdefault("; ".join(told), []).append(label)
    if not apart and not any(BOTH_EXACT in reasons for reasons in sweep.pairing.values()):
        yield "Differences are taken trial by trial, on the same participants."
    for why, labels in apart.items():
        many = labels[0] if len(labels) == 1 else f"{len(labels)} variants"
        yield f"Not paired with the design {AS_WRITTEN}: {many} ({why})."
    if sweep.recalibrated:
        wanted = wanted_words(sweep.variants[0].design)
        yield f"Thresholds of success are calibrated anew in every variant; {wanted}."
    yield from _worst(sweep)


def _worst(sweep: Sweep) -> Iterator[str]:
    """The variants that are worst: of pairs, the worst pair."""
    found = sweep.worst()
    if found is not None:
        yield (
            f"Largest type I error of the null scenarios: {_told(found)}, of {found.variant.label}."
        )
    for name, role in sweep.scenarios.items():
        least = sweep.worst(name)
        if role == ALTERNATIVE and least is not None:
            yield f"Least success in {name}: {_told(least)}, of {least.variant.label}."


def _told(cell: Cell) -> str:
    value = value_text(Measure(cell.estimate, cell.mcse), 3, 4)
    return value if cell.mcse == 0.0 else f"{value} (MCSE {cell.mcse:.2g})"
