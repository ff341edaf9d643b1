"""The elements of a Word document as text: runs, fields, bookmarks, tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from adaptive_cart.report.document import WITHHELD, Line, Number, Reference, Secret, Table, Text

NAMESPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
TWIPS = 1440  # in an inch
FEW_COLUMNS = 10
CODE = '<w:rFonts w:ascii="Courier New" w:hAnsi="Courier New" w:cs="Courier New"/>'


def bookmark_name(key: str) -> str:
    """Name of a bookmark: letters, digits and underscores, forty at most."""
    return ("r_" + re.sub(r"\W", "_", key))[:40]


def run(text: str, properties: str = "") -> str:
    """A run of words."""
    shown = escape(_ILLEGAL.sub("", text))
    inside = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    return f'<w:r>{inside}<w:t xml:space="preserve">{shown}</w:t></w:r>'


def field(instruction: str, shown: str, properties: str = "", dirty: bool = False) -> str:
    """A field with the text that it shows until it is updated."""
    old = ' w:dirty="true"' if dirty else ""
    return (
        f'<w:r><w:fldChar w:fldCharType="begin"{old}/></w:r>'
        f'<w:r><w:instrText xml:space="preserve"> {escape(instruction)} </w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r>'
        f'{run(shown, properties)}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


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


def runs(pieces: Line, labels: Mapping[str, str], properties: str = "") -> str:
    """The pieces of a line as runs and fields."""
    written = []
    for piece in pieces:
        if isinstance(piece, Reference):
            written.append(_reference(piece, labels, properties))
        elif isinstance(piece, Secret):
            written.append(runs(piece.pieces, labels, properties))
        elif isinstance(piece, Number):
            written.append(run(piece.text, properties))
        else:
            own = "" if piece.style == "strong" and "<w:b/>" in properties else _styled(piece)
            written.append(run(piece.text, own + properties))
    return "".join(written)


def _styled(piece: Text) -> str:
    return {"strong": "<w:b/>", "emphasis": "<w:i/>", "code": CODE, "plain": ""}[piece.style]


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
    columns = len(block.head)
    shares = block.widths or (1.0,) * columns
    sizes = [int(width * TWIPS * share / sum(shares)) for share in shares]
    align = block.align or ("left",) * columns
    small = '<w:sz w:val="16"/><w:szCs w:val="16"/>' if columns > FEW_COLUMNS else ""
    grid = "".join(f'<w:gridCol w:w="{size}"/>' for size in sizes)
    head = "".join(
        _cell(cell, size, side, labels, style, "<w:b/>" + small, under=True)
        for cell, size, side in zip(block.head, sizes, align, strict=True)
    )
    rows = [f"<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>{head}</w:tr>"]
    for entry in block.rows:
        if entry.heading:
            inside = _cell(entry.cells[0], sum(sizes), "left", labels, style, "<w:b/>" + small,
                           span=columns, keep=True)  # fmt: skip
        else:
            bold = "<w:b/>" if entry.strong else ""
            inside = "".join(
                _cell(cell, size, side, labels, style, bold + small)
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
        '<w:tblCellMar><w:left w:w="60" w:type="dxa"/>'
        '<w:right w:w="60" w:type="dxa"/></w:tblCellMar>'
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
    together = "<w:keepNext/>" if keep or under else ""
    inside = runs(pieces, labels, properties)
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
