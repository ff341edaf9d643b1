"""A comparison as text for a terminal, and as a table for a notebook."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from adaptive_cart.comparison.measured import BOTH_EXACT, Candidate, Difference, Key, Measure
from adaptive_cart.nouns.roles import PLURAL
from adaptive_cart.results.laid_out import ruled, shortened

if TYPE_CHECKING:
    from adaptive_cart.comparison.side_by_side import Comparison

SHOWN = (  # heading, measure, fewest and most decimals
    ("success", Key("success"), 3, 4),
    ("N randomised", Key("n_randomised_mean"), 1, 2),
    ("N analysed", Key("n_analysed_mean"), 1, 2),
    ("months", Key("months_mean"), 1, 2),
    ("N infused", Key("n_infused_mean"), 1, 2),
    ("reversal", Key("reversal"), 3, 4),
)
GAP = "   "
LONGEST_LABEL = 22
INDENT = "  "
UNSAFE = " †"  # behind the label of a design without a safety rule, where others have one


@dataclass(frozen=True)
class Group:
    """A measure: its heading, what it is, and for each row value and difference.

    The line of the first design has no difference; there stands the standard error of its value.
    """

    heading: str
    what: str
    values: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """Two lines of headings and a line a row, all of one width."""
        values = _aligned([self.what, *self.values])
        with_errors = any("(" in cell for cell in self.differences)
        second = "diff. (MCSE)" if with_errors else "difference"
        differences = _aligned([second, *self.differences])
        rows = [f"{a}  {b}" for a, b in zip(values, differences, strict=True)]
        wide = max(len(self.heading), len(rows[0]))
        return [self.heading.center(wide), *(row.rjust(wide) for row in rows)]


def laid_out(comparison: Comparison, width: int) -> str:
    """Designs, table and notes, in lines of at most ``width`` characters."""
    blocks = [_designs(comparison, width)]
    rows = list(_rows(comparison))
    groups = _groups(comparison, rows)
    labels = _labels(comparison, rows)
    wide = max(map(len, labels))
    has_cells = [place == 0 or name.startswith(f"{INDENT} ") for place, name in enumerate(labels)]
    parts = beside_each_other(groups, wide, width)
    blocks += [as_lines(labels, part, wide, has_cells) for part in parts]
    blocks.append("\n".join(textwrap.fill(note, width) for note in notes(comparison)))
    return "\n\n".join(blocks)


def notes(comparison: Comparison) -> Iterator[str]:
    """What has to be said below the table."""
    label = comparison.first.label
    paired: list[str] = []
    apart: dict[str, list[str]] = {}
    for other, why in comparison.pairing.items():
        reasons = list(dict.fromkeys(reason for reason in why.values() if reason))
        if reasons == [BOTH_EXACT]:
            continue
        if not reasons:
            paired.append(other)
            continue
        where = "" if all(why.values()) else ", in some scenarios"
        apart.setdefault("; ".join(reasons) + where, []).append(other)
    if not paired and not apart:
        yield f"difference: to {label}; exact, without Monte Carlo error."
    else:
        of_what = f"of the number itself for {label}, of the difference for the others"
        if comparison.first.exact:
            of_what = "of the difference"
        yield (
            f"diff.: to {label}. (MCSE): Monte Carlo standard error, {of_what}; of every number "
            f"itself in comparison.csv. (0): these trials show no error, "
            f"since none differed, or all or none had the event; it does not mean that there is "
            f"none."
        )
    if paired:
        yield f"Paired with {label}, trial by trial on the same participants: {', '.join(paired)}."
    if apart:
        told = (f"{', '.join(others)} ({reason})" for reason, others in apart.items())
        yield f"Not paired with {label}: {'; '.join(told)}."
        yield (
            "Only runs of one version with the same seed, number of trials and max_n have the same "
            "participants. Without pairing the standard error is that of independent runs, 0 for "
            "what is exact."
        )
    unsafe = [c.label for c in comparison.candidates if _unsafe(comparison, c)]
    if unsafe:
        has = "has" if len(unsafe) == 1 else "have"
        yield (
            f"{UNSAFE.strip()} {', '.join(unsafe)} {has} no rule that stops for safety: where the "
            f"treatment harms, successes go on that other designs stop, which is no gain."
        )
    yield from comparison.notes


# ── parts ─────────────────────────────────────────────────────────────────────────────────────
Row = tuple[str, Candidate]


def _rows(comparison: Comparison) -> Iterator[Row]:
    for scenario in comparison.scenarios:
        for candidate in comparison.candidates:
            yield scenario, candidate


def _designs(comparison: Comparison, width: int) -> str:
    lines = ["designs"]
    for candidate in comparison.candidates:
        how = "exact" if candidate.exact else _how_run(candidate)
        text = f"{INDENT}{candidate.label}: {candidate.words} ({how})"
        lines.append(textwrap.fill(text, width, subsequent_indent=INDENT * 3))
    return "\n".join(lines)


def _how_run(candidate: Candidate) -> str:
    numbers = sorted(set(candidate.trials.values()))
    many = f"{numbers[0]:,}" if len(numbers) == 1 else f"{numbers[0]:,} to {numbers[-1]:,}"
    return f"{many} trials a scenario, seed {candidate.seed}"


def _groups(comparison: Comparison, rows: list[Row]) -> list[Group]:
    shown = list(SHOWN)
    arms = list(comparison.first.design.experimental_names)
    if len(arms) > 1:
        shown += [(f"success of {arm}", Key("arm_success", arm), 3, 4) for arm in arms]
    groups = []
    for heading, key, fewest, most in shown:
        if heading == "N analysed" and all(
            Key("n_randomised_mean") in candidate.measures(name) for name, candidate in rows
        ):
            continue
        found = [candidate.measures(name).get(key) for name, candidate in rows]
        if all(measure is None for measure in found):
            continue
        values, differences = [], []
        for measure, (name, candidate) in zip(found, rows, strict=True):
            apart = comparison.difference(candidate, name, key)
            own = candidate is comparison.first and not candidate.exact
            if measure is not None and own:
                value, error = own_text(measure, fewest, most)
            else:
                value = "" if measure is None else value_text(measure, fewest, most)
                error = "" if apart is None else difference_text(apart, fewest, most)
                if error and comparison.pairing[candidate.label][name] == BOTH_EXACT:
                    error = error.removesuffix(" (0)")
            values.append(value)
            differences.append(error)
        what = "mean" if key.measure.endswith("_mean") else "prob."
        groups.append(Group(heading, what, tuple(values), tuple(differences)))
    return groups


def value_text(measure: Measure, fewest: int, most: int) -> str:
    """Write an estimate with no digit beyond its standard error."""
    return f"{measure.estimate:.{min(_decimals(measure.mcse, fewest, most, 0), most)}f}"


def own_text(measure: Measure, fewest: int, most: int) -> tuple[str, str]:
    """Write an estimate and, in brackets, its own standard error, as differences are written."""
    text = difference_text(Difference(measure.estimate, measure.mcse, False), fewest, most)
    value, error = text.rsplit(" ", 1)
    if measure.mcse == 0.0:
        value = value_text(measure, fewest, most)
    return value.removeprefix("+"), error


def difference_text(found: Difference, fewest: int, most: int) -> str:
    """Write a difference and, in brackets, its standard error."""
    if found.mcse == 0.0:
        value = f"{found.value:+.{most}f}" if found.value else "0"
        return f"{value} (0)".replace("-", "−")
    if math.isnan(found.mcse):
        return f"{found.value:+.{fewest}f} (unknown)".replace("-", "−")
    decimals = _decimals(found.mcse, fewest, most, 1)
    value = f"{found.value:+.{decimals}f}"
    if float(value) == 0.0:
        value = value[1:]
    return f"{value} ({found.mcse:.{decimals}f})".replace("-", "−")


def _decimals(mcse: float, fewest: int, most: int, more: int) -> int:
    """Decimals that a standard error leaves; at least its own first digit is shown."""
    if not mcse > 0.0:
        return most if more == 0 and most > 2 else fewest
    first = math.ceil(-math.log10(mcse))
    return min(max(first + more, fewest), max(most, first))


def _labels(comparison: Comparison, rows: list[Row]) -> list[str]:
    """First column, a line a row, with a line for each part and each scenario before them."""
    lines = ["scenario, design"]
    role, scenario = "", ""
    for name, candidate in rows:
        if comparison.scenarios[name] != role:
            role = comparison.scenarios[name]
            lines.append(PLURAL[role])
        if name != scenario:
            scenario = name
            lines.append(f" {shortened(name, LONGEST_LABEL)}")
        label = shortened(candidate.label, LONGEST_LABEL)
        lines.append(f"{INDENT} {label}{_unsafe(comparison, candidate)}")
    return lines


def _unsafe(comparison: Comparison, candidate: Candidate) -> str:
    """Mark a design without a safety rule where others have one: its numbers hide the harm."""
    others = any(other.stops_for_safety for other in comparison.candidates)
    return UNSAFE if others and not candidate.stops_for_safety else ""


def beside_each_other(groups: Iterable[Group], wide: int, width: int) -> Iterator[list[Group]]:
    """Groups that stand beside each other, behind labels, in lines of at most ``width``."""
    part: list[Group] = []
    used = wide
    for group in groups:
        need = len(GAP) + len(group.lines[0])
        if part and used + need > width:
            yield part
            part, used = [], wide
        part.append(group)
        used += need
    if part:
        yield part


def as_lines(
    labels: Sequence[str], groups: Sequence[Group], wide: int, has_cells: Sequence[bool]
) -> str:
    """Groups beside each other as lines; the first label is of the headings.

    Parameters
    ----------
    has_cells
        By label; another stands above others, alone.
    """
    cells = [group.lines for group in groups]
    lines = [" " * wide + GAP + GAP.join(column[0] for column in cells)]
    place = 1
    for label, has_some in zip(labels, has_cells, strict=True):
        if has_some:
            lines.append(label.ljust(wide) + GAP + GAP.join(column[place] for column in cells))
            place += 1
        else:
            lines.append(label)
    return ruled(lines)


def _aligned(cells: list[str]) -> list[str]:
    """Cells of one width, decimal points and brackets below each other; the first is a heading."""
    parts = [_split(cell) for cell in cells[1:]]
    whole, rest, error = (max((len(part[k]) for part in parts), default=0) for k in (0, 1, 2))
    padded = [f"{a.rjust(whole)}{b.ljust(rest)}{c.ljust(error)}" for a, b, c in parts]
    wide = max(map(len, [cells[0], *padded]))
    return [text.rjust(wide) for text in (cells[0], *padded)]


def _split(cell: str) -> tuple[str, str, str]:
    """Sign and whole part of a number, its decimals, and what stands in brackets."""
    found = re.fullmatch(r"([+−-]?\d*)(\S*?)\s*(\(.*\))?", cell)
    assert found is not None
    return found[1], found[2], f" {found[3]}" if found[3] else ""


# ── in a notebook ─────────────────────────────────────────────────────────────────────────────
def as_html(comparison: Comparison) -> str:
    """The same table as HTML, with what was changed in the design files."""
    rows = list(_rows(comparison))
    groups = _groups(comparison, rows)
    head = "".join(f'<th colspan="2">{escape(group.heading)}</th>' for group in groups)
    body = []
    scenario = ""
    for place, (name, candidate) in enumerate(rows):
        if name != scenario:
            scenario = name
            role = PLURAL[comparison.scenarios[name]]
            title = f"{escape(name)} ({role})"
            body.append(f'<tr><th colspan="{1 + 2 * len(groups)}">{title}</th></tr>')
        cells = "".join(
            f"<td>{escape(group.values[place])}</td><td>{escape(group.differences[place])}</td>"
            for group in groups
        )
        label = f"{candidate.label}{_unsafe(comparison, candidate)}"
        body.append(f"<tr><td>{escape(label)}</td>{cells}</tr>")
    told = "".join(f"<p>{escape(note)}</p>" for note in notes(comparison))
    changed = "".join(
        f"<p>{escape(label)}, compared with {escape(comparison.first.label)}:</p><ul>"
        + "".join(f"<li><code>{escape(line)}</code></li>" for line in lines)
        + "</ul>"
        for label, lines in comparison.changes.items()
        if lines
    )
    return f"<table><tr><th></th>{head}</tr>{''.join(body)}</table>{told}{changed}"
