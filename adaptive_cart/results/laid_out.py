"""Groups of columns of figures laid out as plain text, and as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

BETWEEN_GROUPS = "   "
BETWEEN_COLUMNS = "  "
BETWEEN_BOUNDS = " – "
SHORTEST_NAME = 16
ANY = ""  # stands for all claims of a trial, success counted in


@dataclass(frozen=True)
class Column:
    """A column of figures: heading, and a cell a row."""

    heading: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Columns that belong together, under one heading."""

    heading: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Row:
    """Where a row's figures are to be had, and what it is called.

    Attributes
    ----------
    arm, stratum
        Nothing for the trial as a whole, or for all strata.
    claim
        Rule that makes a further claim, ``ANY`` for all that a trial claims; nothing for neither.
    """

    scenario: str
    label: str
    arm: str | None = None
    stratum: str | None = None
    claim: str | None = None

    def named(self, measure: str) -> str:
        """What a measure is called in this row: ``false_claim_lasting``, ``any_false_claim``."""
        if self.claim is None:
            return measure
        return f"any_{measure}" if self.claim == ANY else f"{measure}_{self.claim}"


# ── how it is laid out ────────────────────────────────────────────────────────────────────────
def laid_out(
    heading: str, rows: dict[str, list[Row]], groups: list[Group], width: int | None
) -> str:
    """Lay groups of columns out, in as many blocks as the width asks for."""
    groups = [shown for group in groups if (shown := _without_empty(group)).columns]
    labels = [heading]
    for part, members in rows.items():
        if members:
            labels += [part, *(" " + row.label for row in members)]
    if width is not None:
        widths = [len(BETWEEN_GROUPS) + _width(group) for group in groups]
        left = width - sum(widths)  # for names, if all columns are to stand side by side
        least = left if left >= SHORTEST_NAME else width // 3
        labels = _shortened(labels, least, max(width - max(widths), SHORTEST_NAME))
    first = max(map(len, labels))
    blocks: list[list[Group]] = [[]]
    used = first
    for group in groups:
        used += len(BETWEEN_GROUPS) + _width(group)
        if width is not None and used > width and blocks[-1]:
            blocks.append([])
            used = first + len(BETWEEN_GROUPS) + _width(group)
        blocks[-1].append(group)
    indented = [bool(label.startswith(" ")) for label in labels]
    return "\n\n".join(_block(labels, indented, first, block) for block in blocks)


def as_html(heading: str, rows: dict[str, list[Row]], groups: list[Group]) -> str:
    """One table: a row of headings of groups, one of columns, and the rows in their parts."""
    shown = [group for group in map(_without_empty, groups) if group.columns]
    columns = [column for group in shown for column in group.columns]
    spans = "".join(
        f'<th colspan="{len(group.columns)}">{escape(group.heading)}</th>' for group in shown
    )
    names = "".join(f"<th>{escape(column.heading)}</th>" for column in columns)
    body, place = [], 0
    for part, inside in rows.items():
        if inside:
            body.append(f'<tr><th colspan="{len(columns) + 1}">{escape(part)}</th></tr>')
        for row in inside:
            cells = "".join(f"<td>{escape(column.cells[place])}</td>" for column in columns)
            body.append(f"<tr><th>{escape(row.label)}</th>{cells}</tr>")
            place += 1
    head = f"<tr><th></th>{spans}</tr><tr><th>{escape(heading)}</th>{names}</tr>"
    return f"<table><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>"


def _without_empty(group: Group) -> Group:
    return Group(group.heading, tuple(column for column in group.columns if any(column.cells)))


def _block(labels: list[str], indented: list[bool], first: int, groups: list[Group]) -> str:
    lines = [" " * first, labels[0].ljust(first)]
    lines += [label.ljust(first) for label in labels[1:]]
    for group in groups:
        columns = [_aligned(column) for column in group.columns]
        wide = _width(group)
        extra = wide - sum(map(len, (column[0] for column in columns)))
        extra -= len(BETWEEN_COLUMNS) * (len(columns) - 1)
        lines[0] += BETWEEN_GROUPS + group.heading.center(wide)
        place = 0
        for number, line in enumerate(lines[1:]):
            is_row = number == 0 or indented[number]
            if is_row:
                cells = BETWEEN_COLUMNS.join(column[place] for column in columns)
                lines[number + 1] = line + BETWEEN_GROUPS + " " * extra + cells
                place += 1
    return ruled(lines)


def ruled(lines: list[str]) -> str:
    """A table with a rule below its two lines of headings, and one below all."""
    lines = [line.rstrip() for line in lines]
    rule = "─" * max(map(len, lines))
    return "\n".join([*lines[:2], rule, *lines[2:], rule])


def _width(group: Group) -> int:
    columns = sum(len(_aligned(column)[0]) for column in group.columns)
    return max(columns + len(BETWEEN_COLUMNS) * (len(group.columns) - 1), len(group.heading))


def _aligned(column: Column) -> list[str]:
    """Heading and cells of one width, with the decimal points below each other."""
    padded = []
    if any(BETWEEN_BOUNDS in cell for cell in column.cells):
        bounds = [cell.partition(BETWEEN_BOUNDS) for cell in column.cells]
        before, after = (max(len(bound[place]) for bound in bounds) for place in (0, 2))
        padded = [f"{a.rjust(before)}{mark}{b.ljust(after)}" for a, mark, b in bounds]
        wide = max(map(len, (column.heading, *padded)))
        return [text.rjust(wide) for text in (column.heading, *padded)]
    after = max((len(cell.partition(".")[2]) for cell in column.cells), default=0)
    for cell in column.cells:
        whole, point, decimals = cell.partition(".")
        padded.append(f"{whole}{point or (' ' if after else '')}{decimals.ljust(after)}")
    wide = max(map(len, (column.heading, *padded)))
    return [text.rjust(wide) for text in (column.heading, *padded)]


def _shortened(labels: list[str], least: int, most: int) -> list[str]:
    """Cut long names in their middle, since names of one design often begin alike.

    To ``least`` characters, or to as many more, up to ``most``, as keep them apart.
    """
    for size in range(max(least, SHORTEST_NAME), most + 1):
        cut = [shortened(label, size) for label in labels]
        if len(set(cut)) == len(set(labels)):
            return cut
    return [shortened(label, most) for label in labels]


def shortened(label: str, size: int) -> str:
    """A name of so many characters at most, cut in its middle."""
    end = (size - 1) // 2
    return label if len(label) <= size else label[: size - 1 - end] + "…" + label[-end:]
