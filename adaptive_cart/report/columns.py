"""How wide the columns of a table are, how small its words, and which rows stay together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adaptive_cart.report.document import Line, Table, Text, plain

SIZES = (9.0, 8.0, 7.5)  # points of the words in a table, the first that fits
CODE_SMALLER = 1.0  # points by which words as they are typed are smaller
SHORT = 28  # characters of a cell that is kept on one line
PADDING = 9.0  # points left and right of a cell together
SHORT_TABLE = 14  # rows that are kept on one page
TOGETHER = 3  # rows that are not parted at the start and at the end of a longer table
MANY_COLUMNS = 9
_NARROW, _WIDE = frozenset("ijlt.,;:'|!()[]I /"), frozenset("mwMWOQGD@%—…→")


@dataclass(frozen=True)
class Columns:
    """Widths of the columns of a table and size of its words, in points; whether words break."""

    widths: tuple[float, ...]
    size: float
    tight: bool = False  # which the template of the PDF asks for


def columns(table: Table, labels: Mapping[str, str], width: float) -> Columns:
    """Fit the columns of a table to a page.

    The widths that the table asks for are kept where every word fits and no short cell, such as a
    number with its interval, breaks. Otherwise what is lacking is taken from columns that have
    room, and the words become smaller where there is none.

    Parameters
    ----------
    width
        Points between the margins.
    """
    shares = table.widths or (1.0,) * len(table.head)
    asked = [width * share / sum(shares) for share in shares]
    sizes = SIZES[1:] if len(asked) > MANY_COLUMNS else SIZES
    for whole in (True, False):
        for size in sizes:
            needed = [
                _needed(table, labels, place, size, whole) for place in range(len(table.head))
            ]
            if sum(needed) <= width:
                return Columns(_shifted(asked, needed), size)
    scale = width / sum(needed)
    return Columns(tuple(part * scale for part in needed), sizes[-1], tight=True)


def _needed(table: Table, labels: Mapping[str, str], place: int, size: float, whole: bool) -> float:
    """Points that a column needs so that no word, and if asked no short cell, breaks."""
    found = _longest_word(table.head[place], labels, size, True)
    for row in table.rows:
        if row.heading:
            continue
        cell = row.cells[place]
        short = whole and len(plain(cell, labels)) <= SHORT
        measure = _breadth if short else _longest_word
        found = max(found, measure(cell, labels, size, row.strong))
    return found + PADDING


def _pieces(pieces: Line, labels: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    for piece in pieces:
        typed = isinstance(piece, Text) and piece.style == "code"
        yield plain((piece,), labels), typed


def _breadth(pieces: Line, labels: Mapping[str, str], size: float, bold: bool) -> float:
    return sum(breadth(text, size, typed, bold) for text, typed in _pieces(pieces, labels))


def _longest_word(pieces: Line, labels: Mapping[str, str], size: float, bold: bool) -> float:
    words: list[float] = [0.0]
    for text, typed in _pieces(pieces, labels):
        for part, word in enumerate(text.split(" ")):
            wide = breadth(word, size, typed, bold)
            if part == 0:  # goes on with the piece before it
                words[-1] += wide
            else:
                words.append(wide)
    return max(words)


def breadth(text: str, size: float, typed: bool = False, bold: bool = False) -> float:
    """About how many points a text takes in a serif face, or as it is typed; rather too many."""
    if typed:
        return 0.605 * (size - CODE_SMALLER) * len(text)
    units = 0.0
    for letter in text:
        if letter in _NARROW:
            units += 0.34
        elif letter in _WIDE:
            units += 0.85
        elif letter.isupper():
            units += 0.72
        else:
            units += 0.51
    return units * size * (1.06 if bold else 1.0)


def _shifted(asked: Sequence[float], needed: Sequence[float]) -> tuple[float, ...]:
    """Widths as asked for, with what some lack taken from those that have room."""
    lack = sum(max(need - have, 0.0) for have, need in zip(asked, needed, strict=True))
    room = sum(max(have - need, 0.0) for have, need in zip(asked, needed, strict=True))
    share = lack / room if room > 0.0 else 0.0
    return tuple(
        max(have, need) - share * max(have - need, 0.0)
        for have, need in zip(asked, needed, strict=True)
    )


def kept_with_next(rows: int) -> frozenset[int]:
    """Rows of a table, the head not counted, that stay on the page of the row after them."""
    if rows <= SHORT_TABLE:
        return frozenset(range(rows - 1))
    return frozenset(range(TOGETHER - 1)) | frozenset(range(rows - TOGETHER, rows - 1))
