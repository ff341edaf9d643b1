"""The elements of a Word document as text: runs, fields, bookmarks, tables."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from adaptive_cart.report.columns import CODE_SMALLER, SIZES, columns, kept_with_next
from adaptive_cart.report.document import WITHHELD, Line, Number, Reference, Secret, Table, Text

NAMESPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
TWIPS = 1440  # in an inch
POINTS = 72.0  # in an inch
LONGEST_NAME = 40  # letters of a bookmark
TYPED, TYPED_SMALL = 9.5, 8.0  # points of words as they are typed, in the text and in notes
CODE = '<w:rFonts w:ascii="Courier New" w:hAnsi="Courier New" w:cs="Courier New"/>'


def bookmark_name(key: str) -> str:
    """Name of a bookmark: letters, digits and underscores, forty at most, its own for each key."""
    name = "r_" + re.sub(r"\W", "_", key)
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 9]}_{zlib.crc32(key.encode()):08x}"


def run(text: str, properties: str = "") -> str:
    """A run of words."""
    shown = escape(_ILLEGAL.sub("", text))
    inside = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    return f'<w:r>{inside}<w:t xml:space="preserve">{shown}</w:t></w:r>'


def field(instruction: str, shown: str, properties: str = "") -> str:
    """A field with the text that it shows until it is updated."""
    look = f"<w:rPr>{properties}</w:rPr>" if properties else ""

    def mark(kind: str) -> str:
        return f'<w:r>{look}<w:fldChar w:fldCharType="{kind}"/></w:r>'

    told = f'<w:instrText xml:space="preserve"> {escape(instruction)} </w:instrText>'
    return (
        f"{mark('begin')}<w:r>{look}{told}</w:r>{mark('separate')}"
        f"{run(shown, properties)}{mark('end')}"
    )


def sized(points: float) -> str:
    """The size of words, as a property of a run."""
    half = round(2 * points)
    return f'<w:sz w:val="{half}"/><w:szCs w:val="{half}"/>'


class Bookmarks:
    """Numbers the bookmarks of a document."""

    def __init__(self) -> None:
        self.number = 0

    def around(self, key: str, inside: str) -> str:
        """Put a bookmark around runs."""
        self.number += 1
        name = bookmark_name(key)
        return (
            f'<w:bookmarkStart w:id="{self.number}" w:name="{name}"/>{inside}'
            f'<w:bookmarkEnd w:id="{self.number}"/>'
        )


def paragraph(inside: str, style: str = "", properties: str = "") -> str:
    """A paragraph of runs."""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    both = f"<w:pPr>{named}{properties}</w:pPr>" if named or properties else ""
    return f"<w:p {NAMESPACES}>{both}{inside}</w:p>"


def runs(
    pieces: Line,
    labels: Mapping[str, str],
    properties: str = "",
    points: float = 0.0,
    typed: float = 0.0,
) -> str:
    """The pieces of a line as runs and fields.

    Parameters
    ----------
    points, typed
        Size of the words, and of those as they are typed; 0 for that of the style.
    """
    size = sized(points) if points else ""
    smaller = sized(typed) if typed else size
    written = []
    for piece in pieces:
        if isinstance(piece, Reference):
            written.append(_reference(piece, labels, properties + size))
        elif isinstance(piece, Secret):
            written.append(runs(piece.pieces, labels, properties, points, typed))
        elif isinstance(piece, Number):
            written.append(run(piece.text, properties + size))
        elif piece.style == "code":
            written.append(run(piece.text, CODE + properties + smaller))
        else:
            own = "" if piece.style == "strong" and "<w:b/>" in properties else _styled(piece)
            written.append(run(piece.text, own + properties + size))
    return "".join(written)


def _styled(piece: Text) -> str:
    return {"strong": "<w:b/>", "emphasis": "<w:i/>"}.get(piece.style, "")


def _reference(piece: Reference, labels: Mapping[str, str], properties: str) -> str:
    if piece.target not in labels:
        return run(WITHHELD, properties)
    word, _, number = labels[piece.target].rpartition(" ")
    lead = run(f"{word} ", properties)
    return lead + field(f"REF {bookmark_name(piece.target)} \\h", number, properties)


def table(block: Table, labels: Mapping[str, str], width: float, style: str) -> str:
    """A native table with its head repeated on every page, rows kept whole.

    Parameters
    ----------
    width
        Inches between the margins.
    style
        Style of the paragraphs in cells.
    """
    fitted = columns(block, labels, width * POINTS)
    sizes = [int(TWIPS / POINTS * part) for part in fitted.widths]
    align = block.align or ("left",) * len(sizes)
    points = 0.0 if fitted.size == SIZES[0] else fitted.size  # the style's own
    together = kept_with_next(len(block.rows))
    grid = "".join(f'<w:gridCol w:w="{size}"/>' for size in sizes)
    head = "".join(
        _cell(cell, size, side, labels, style, "<w:b/>", points, under=True, keep=True)
        for cell, size, side in zip(block.head, sizes, align, strict=True)
    )
    rows = [f"<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>{head}</w:tr>"]
    for place, entry in enumerate(block.rows):
        keep = entry.heading or place in together
        if place == len(block.rows) - 1:
            keep = bool(block.notes)
        if entry.heading:
            inside = _cell(entry.cells[0], sum(sizes), "left", labels, style, "<w:b/>", points,
                           span=len(sizes), keep=keep)  # fmt: skip
        else:
            bold = "<w:b/>" if entry.strong else ""
            inside = "".join(
                _cell(cell, size, side, labels, style, bold, points, keep=keep)
                for cell, size, side in zip(entry.cells, sizes, align, strict=True)
            )
        rows.append(f"<w:tr><w:trPr><w:cantSplit/></w:trPr>{inside}</w:tr>")
    line = 'w:val="single" w:sz="8" w:space="0" w:color="000000"'
    thin = 'w:val="single" w:sz="2" w:space="0" w:color="BFBFBF"'
    return (
        f"<w:tbl {NAMESPACES}><w:tblPr>"
        f'<w:tblW w:w="{sum(sizes)}" w:type="dxa"/>'
        f"<w:tblBorders><w:top {line}/><w:bottom {line}/><w:insideH {thin}/></w:tblBorders>"
        '<w:tblLayout w:type="fixed"/>'
        '<w:tblCellMar><w:left w:w="85" w:type="dxa"/>'
        '<w:right w:w="85" w:type="dxa"/></w:tblCellMar>'
        '<w:tblLook w:val="0020" w:firstRow="1" w:lastRow="0" w:firstColumn="0" w:lastColumn="0" '
        'w:noHBand="1" w:noVBand="1"/>'
        f"</w:tblPr><w:tblGrid>{grid}</w:tblGrid>{''.join(rows)}</w:tbl>"
    )


def _cell(
    pieces: Line,
    size: int,
    side: str,
    labels: Mapping[str, str],
    style: str,
    properties: str,
    points: float,
    under: bool = False,
    span: int = 1,
    keep: bool = False,
) -> str:
    spanned = f'<w:gridSpan w:val="{span}"/>' if span > 1 else ""
    border = (
        '<w:tcBorders><w:bottom w:val="single" w:sz="6" w:space="0" w:color="000000"/>'
        '</w:tcBorders><w:vAlign w:val="bottom"/>'
        if under
        else ""
    )
    just = {"left": "", "right": '<w:jc w:val="right"/>', "centre": '<w:jc w:val="center"/>'}[side]
    together = "<w:keepNext/>" if keep else ""
    inside = runs(pieces, labels, properties, points, (points or SIZES[0]) - CODE_SMALLER)
    return (
        f'<w:tc><w:tcPr><w:tcW w:w="{size}" w:type="dxa"/>{spanned}{border}</w:tcPr>'
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{together}{just}</w:pPr>{inside}</w:p></w:tc>'
    )


def listing(text: str, style: str) -> Sequence[str]:
    """Text as it stands in a file, a paragraph a line."""
    return [
        paragraph(run(part or " ", CODE + '<w:sz w:val="15"/><w:szCs w:val="15"/>'), style)
        for part in text.split("\n")
    ]


WATERMARK = (
    '<w:p xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office">'
    "{lead}<w:r><w:pict>"
    '<v:shapetype id="_x0000_t136" coordsize="21600,21600" o:spt="136" adj="10800" '
    'path="m@7,l@8,m@5,21600l@6,21600e"><v:formulas><v:f eqn="sum #0 0 10800"/>'
    '<v:f eqn="prod #0 2 1"/><v:f eqn="sum 21600 0 @1"/><v:f eqn="sum 0 0 @2"/>'
    '<v:f eqn="sum 21600 0 @3"/><v:f eqn="if @0 @3 0"/><v:f eqn="if @0 21600 @1"/>'
    '<v:f eqn="if @0 0 @2"/><v:f eqn="if @0 @4 21600"/><v:f eqn="mid @5 @6"/>'
    '<v:f eqn="mid @8 @5"/><v:f eqn="mid @7 @8"/><v:f eqn="mid @6 @7"/><v:f eqn="sum @6 0 @5"/>'
    '</v:formulas><v:path textpathok="t" o:connecttype="rect"/><v:textpath on="t" fitshape="t"/>'
    "</v:shapetype>"
    '<v:shape id="DraftWatermark" o:spid="_x0000_s2049" type="#_x0000_t136" alt="DRAFT" '
    'style="position:absolute;margin-left:0;margin-top:0;width:400pt;height:130pt;rotation:315;'
    "z-index:-251658752;mso-position-horizontal:center;mso-position-horizontal-relative:margin;"
    'mso-position-vertical:center;mso-position-vertical-relative:margin" fillcolor="#d9d9d9" '
    'stroked="f"><v:fill opacity=".4"/><v:textpath style="font-family:Arial;font-size:1pt" '
    'string="DRAFT"/></v:shape></w:pict></w:r></w:p>'
)
