"""What a report is made of: headings, paragraphs, tables, figures, equations; no layout yet.

One document model for all formats. A chapter builds blocks; a renderer (Word, page, PDF) lays them
out. Each block says for whom it is: ``open`` for the protocol appendix that investigators may
read, ``restricted`` for the annex that only those who may know the adaptation rule read (ICH M11,
section on interim analyses: details that could impede the integrity of the trial may stand in
documents outside the protocol). Within a line, :class:`Secret` does the same for single words.

A number in prose is never typed. :func:`prose` refuses a sentence that holds a digit; every number
comes through a slot, as a :class:`Number` that says which cell of the results it was taken from.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Audience = Literal["open", "restricted"]
AUDIENCES: tuple[Audience, ...] = ("open", "restricted")
WITHHELD = "in the restricted annex"
WITHHELD_SHORT = "withheld"  # in a cell
ANNEX = "restricted annex"


# ── pieces of a line ──────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Text:
    """Words, as they are."""

    text: str
    style: Literal["plain", "strong", "emphasis", "code"] = "plain"


@dataclass(frozen=True)
class Number:
    """A number as it is printed, and where it was taken from."""

    text: str
    source: str


@dataclass(frozen=True)
class Reference:
    """A mention of a table, figure, equation or heading by its key."""

    target: str


@dataclass(frozen=True)
class Secret:
    """Pieces that only the restricted annex shows; the open one says ``otherwise``."""

    pieces: tuple[Piece, ...]
    otherwise: str = WITHHELD


Piece = Text | Number | Reference | Secret
Line = tuple[Piece, ...]
Slot = str | Piece | Sequence[Piece]


def line(*slots: Slot) -> Line:
    """Join words, numbers and references to a line."""
    pieces: list[Piece] = []
    for slot in slots:
        if isinstance(slot, str):
            pieces.append(Text(slot))
        elif isinstance(slot, Text | Number | Reference | Secret):
            pieces.append(slot)
        else:
            pieces.extend(slot)
    return tuple(pieces)


def strong(text: str) -> Text:
    """Words in bold."""
    return Text(text, "strong")


def code(text: str) -> Text:
    """Words as they are typed."""
    return Text(text, "code")


def secret(*slots: Slot, otherwise: str = WITHHELD) -> Secret:
    """Words and numbers for the restricted annex alone."""
    return Secret(line(*slots), otherwise)


def prose(template: str, **slots: Slot) -> Line:
    """Fill the slots of a sentence.

    Parameters
    ----------
    template
        A sentence with ``{names}``; it may hold no digit of its own.

    Raises
    ------
    ValueError
        If a digit is typed, a slot is not filled, or a filling is not used.
    """
    pieces: list[Piece] = []
    used = set()
    for words, name, _, _ in string.Formatter().parse(template):
        if any(letter.isdigit() for letter in words):
            raise ValueError(f"a number is typed in {words!r}; numbers come through slots")
        if words:
            pieces.append(Text(words))
        if name is not None:
            if name not in slots:
                raise ValueError(f"slot {name!r} of {template!r} is not filled")
            used.add(name)
            pieces += line(slots[name])
    if used != slots.keys():
        raise ValueError(f"not used in {template!r}: {sorted(slots.keys() - used)}")
    return tuple(pieces)


def sentence(words: str) -> str:
    """Words as a sentence of their own: a capital first, a full stop last."""
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def listed(items: Sequence[Slot], word: str = "and") -> Line:
    """Join items as a sentence does: "a, b and c"."""
    pieces: list[Piece] = []
    for place, item in enumerate(items):
        if place:
            pieces.append(Text(f" {word} " if place == len(items) - 1 else ", "))
        pieces += line(item)
    return tuple(pieces)


# ── blocks ────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True)
class Block:
    """A part of the report; ``audience`` says for whom it is."""

    audience: Audience = "open"


@dataclass(frozen=True, kw_only=True)
class Heading(Block):
    """A heading; ``level`` 1 is a chapter. An appendix is lettered instead of numbered."""

    text: str
    key: str
    level: int = 1
    appendix: bool = False
    number: str = ""


@dataclass(frozen=True, kw_only=True)
class Paragraph(Block):
    """A paragraph; ``role`` says what it is for, not how it looks."""

    line: Line
    role: Literal["body", "title", "subtitle", "note", "warning", "paste"] = "body"


def paragraph(template: str, **slots: Slot) -> Paragraph:
    """A paragraph of the text, its slots filled as :func:`prose` fills them."""
    return Paragraph(line=prose(template, **slots))


@dataclass(frozen=True, kw_only=True)
class Items(Block):
    """A list of lines."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table; ``heading`` rows name a group of rows that follow."""

    cells: tuple[Line, ...]
    heading: bool = False
    strong: bool = False


@dataclass(frozen=True, kw_only=True)
class Table(Block):
    """A table: title, column heads, rows, and notes below.

    Attributes
    ----------
    align
        Of each column, "left", "right" or "centre"; left if left out.
    widths
        Relative widths of the columns; equal if left out.
    wide
        Whether it needs a landscape page.
    """

    key: str
    title: Line
    head: tuple[Line, ...]
    rows: tuple[Row, ...]
    align: tuple[str, ...] = ()
    widths: tuple[float, ...] = ()
    notes: tuple[Line, ...] = ()
    wide: bool = False
    number: int = 0


@dataclass(frozen=True, kw_only=True)
class Figure(Block):
    """A figure: how it is drawn, its caption, and what it shows for those who cannot see it.

    Attributes
    ----------
    draw
        Makes a fresh ``matplotlib.figure.Figure``.
    """

    key: str
    title: Line
    caption: Line
    alternative: str
    draw: Callable[[], Any]
    wide: bool = False
    number: int = 0


@dataclass(frozen=True, kw_only=True)
class Equation(Block):
    """An equation in the small language of :mod:`adaptive_cart.report.equations`."""

    key: str
    source: str
    words: str
    number: int = 0


@dataclass(frozen=True, kw_only=True)
class Listing(Block):
    """Text as it stands in a file."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Contents(Block):
    """The table of contents."""


@dataclass(frozen=True, kw_only=True)
class Annexed(Block):
    """Where the open report says which tables and figures only the restricted annex has."""


@dataclass(frozen=True, kw_only=True)
class PageBreak(Block):
    """What follows begins a new page."""


Numbered = Heading | Table | Figure | Equation


@dataclass(frozen=True)
class Report:
    """A whole report for one audience, numbered and ready to be laid out.

    Attributes
    ----------
    title, footer
        Title of the document, and the line at the foot of each page.
    draft
        Why it is a draft; nothing where it is none.
    labels
        What a reference to a key reads: "Table 3", "Figure 2", "section 4.1".
    """

    title: str
    subject: str
    footer: str
    blocks: tuple[Block, ...]
    audience: Audience
    draft: str = ""
    language: str = "en"
    labels: Mapping[str, str] = field(default_factory=dict)


def for_audience(blocks: Sequence[Block], audience: Audience) -> tuple[Block, ...]:
    """Leave out what an audience must not see: blocks, columns, single words.

    Where the open report mentions what only the annex has, it names the place in the annex.
    """
    whole = tuple(_mapped(b, _opened) for b in blocks if not isinstance(b, Annexed))
    if audience == "restricted":
        return whole
    shown = []
    for block in blocks:
        if isinstance(block, Annexed):
            shown += _annexed(blocks, numbered(whole)[1])
        elif block.audience == "open":
            cut = _mapped(block, _withheld)
            if not isinstance(cut, Paragraph) or plain(cut.line).strip():
                shown.append(_without_withheld_columns(cut) if isinstance(cut, Table) else cut)
    return _led_to_the_annex(shown, numbered(whole)[1])


def _annexed(blocks: Sequence[Block], places: Mapping[str, str]) -> list[Block]:
    """One sentence that says which tables and figures stand in the annex, by its own numbers."""
    alone = [b for b in blocks if b.audience == "restricted" and isinstance(b, Table | Figure)]
    if not alone:
        return []
    named = [
        line(Number(places[block.key], ANNEX), " (", _withheld(block.title), ")") for block in alone
    ]
    return [Paragraph(line=line("In the restricted annex stand, by its own numbers: ",
                                listed(named), "."))]  # fmt: skip


def _led_to_the_annex(blocks: Sequence[Block], places: Mapping[str, str]) -> tuple[Block, ...]:
    """Mentions of what is not in the open report, as places in the annex."""
    own = {block.key for block in blocks if isinstance(block, Numbered)}

    def led(pieces: Line) -> Line:
        return tuple(
            Number(f"{places.get(piece.target, piece.target)} of the {ANNEX}", ANNEX)
            if isinstance(piece, Reference) and piece.target not in own
            else piece
            for piece in pieces
        )

    return tuple(_mapped(block, led) for block in blocks)


def _opened(pieces: Line) -> Line:
    shown: list[Piece] = []
    for piece in pieces:
        shown += _opened(piece.pieces) if isinstance(piece, Secret) else (piece,)
    return tuple(shown)


def _withheld(pieces: Line) -> Line:
    shown = (Text(p.otherwise) if isinstance(p, Secret) else p for p in pieces)
    return tuple(p for p in shown if not isinstance(p, Text) or p.text)


def _mapped(block: Block, change: Callable[[Line], Line]) -> Block:
    """Change every line of a block."""
    if isinstance(block, Paragraph):
        return replace(block, line=change(block.line))
    if isinstance(block, Items):
        return replace(block, lines=tuple(map(change, block.lines)))
    if isinstance(block, Figure):
        return replace(block, title=change(block.title), caption=change(block.caption))
    if isinstance(block, Table):
        rows = tuple(replace(row, cells=tuple(map(change, row.cells))) for row in block.rows)
        return replace(
            block,
            title=change(block.title),
            head=tuple(map(change, block.head)),
            rows=rows,
            notes=tuple(map(change, block.notes)),
        )
    return block


def numbered(blocks: Iterable[Block]) -> tuple[tuple[Block, ...], dict[str, str]]:
    """Number headings, tables, figures and equations, and say what references to them read.

    Raises
    ------
    ValueError
        If two blocks have the same key, or a reference has no target.
    """
    done: list[Block] = []
    labels: dict[str, str] = {}
    counts = {Table: 0, Figure: 0, Equation: 0}
    levels = [0, 0, 0]
    lettered = False
    for block in blocks:
        if isinstance(block, Heading):
            if block.level == 1 and block.appendix and not lettered:
                lettered, levels = True, [0, 0, 0]
            levels[block.level - 1] += 1
            levels[block.level :] = [0] * (3 - block.level)
            first = chr(ord("A") + levels[0] - 1) if lettered else str(levels[0])
            number = ".".join([first, *map(str, levels[1 : block.level])])
            block = replace(block, number=number)
            word = "appendix" if lettered and block.level == 1 else "section"
            _label(labels, block.key, f"{word} {number}")
        elif isinstance(block, Table | Figure | Equation):
            counts[type(block)] += 1
            number_ = counts[type(block)]
            block = replace(block, number=number_)
            _label(labels, block.key, f"{type(block).__name__} {number_}")
        done.append(block)
    return tuple(done), labels


def _label(labels: dict[str, str], key: str, text: str) -> None:
    if key in labels:
        raise ValueError(f"two blocks have the key {key!r}")
    labels[key] = text


# ── reading a document off ────────────────────────────────────────────────────────────────────
def lines_of(block: Block) -> Iterator[Line]:
    """All lines of a block, in order."""
    if isinstance(block, Paragraph):
        yield block.line
    elif isinstance(block, Items):
        yield from block.lines
    elif isinstance(block, Figure):
        yield from (block.title, block.caption)
    elif isinstance(block, Table):
        yield block.title
        yield from block.head
        for row in block.rows:
            yield from row.cells
        yield from block.notes


def plain(pieces: Line, labels: Mapping[str, str] | None = None) -> str:
    """A line as bare text."""
    shown = []
    for piece in pieces:
        if isinstance(piece, Reference):
            shown.append((labels or {}).get(piece.target, WITHHELD))
        elif isinstance(piece, Secret):
            shown.append(plain(piece.pieces, labels))
        else:
            shown.append(piece.text)
    return "".join(shown)


def without_blank_columns(table: Table) -> Table:
    """The same table without columns that hold nothing but dashes; the first one stays."""
    return _columns_of(table, _columns_that_say_more(table, ("", "–")))


def _without_withheld_columns(table: Table) -> Table:
    """The same table without columns in which all is withheld, and without blank notes."""
    kept = _columns_that_say_more(table, (WITHHELD_SHORT, ""))
    notes = tuple(note for note in table.notes if plain(note).strip())
    if len(kept) == len(table.head) or not table.rows:
        return replace(table, notes=notes)
    return replace(_columns_of(table, kept), notes=notes, wide=False)


def _columns_that_say_more(table: Table, than: Sequence[str]) -> list[int]:
    told = [row.cells for row in table.rows if not row.heading]
    return [
        place
        for place in range(len(table.head))
        if place == 0 or any(plain(cells_[place]).strip() not in than for cells_ in told)
    ]


def _columns_of(table: Table, kept: Sequence[int]) -> Table:
    if len(kept) == len(table.head):
        return table

    def chosen(parts: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(parts[place] for place in kept) if parts else ()

    rows = tuple(replace(row, cells=chosen(row.cells)) for row in table.rows)
    return replace(
        table,
        head=chosen(table.head),
        rows=rows,
        align=chosen(table.align),
        widths=chosen(table.widths),
    )


def cells(*slots: Slot) -> tuple[Line, ...]:
    """Make the cells of a row, or the heads of columns."""
    return tuple(line(slot) for slot in slots)


def row(*slots: Slot, heading: bool = False, strong: bool = False) -> Row:
    """Make a row of a table."""
    return Row(cells=cells(*slots), heading=heading, strong=strong)
