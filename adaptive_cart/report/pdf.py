"""The report as a PDF for everybody: tagged (PDF/UA), with bookmarks, links and embedded fonts.

Typst (a compiler in a wheel: no system library, nothing from the network) lays it out as
``pdf.typ`` says. It is given the report as data, so that no name and no description can be read
as markup. Fonts: Libertinus Serif (Open Font License) and New Computer Modern Math (GUST Font
License), inside Typst; DejaVu (licence of Bitstream Vera), inside Matplotlib.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from adaptive_cart.report.columns import SHORT_TABLE, columns
from adaptive_cart.report.document import (
    WITHHELD,
    Block,
    Equation,
    Figure,
    Heading,
    Paragraph,
    Reference,
    Report,
    Secret,
    Table,
    plain,
)
from adaptive_cart.report.equations import parsed
from adaptive_cart.report.layout import LEAD, MARGIN, PAPERS, contents_leading, sheets, text_width
from adaptive_cart.report.pictures import caption_of, vectors

INCH = 72.0
CAPTION = 2.2  # inches of a page that a figure leaves for its caption and the heading above it
UNKNOWN = "\N{REPLACEMENT CHARACTER}"  # for what is no letter


def pdf(report: Report, paper: str = "letter", warnings: list[str] | None = None) -> bytes:
    """Lay a report out as a PDF; ``warnings`` is told which letters no font has."""
    import typst

    data = _data(report, {})
    data["sheets"] = [
        {
            "landscape": sheet.landscape,
            "blocks": [_block(b, report.labels, paper, sheet.landscape) for b in sheet.blocks],
        }
        for sheet in sheets(report.blocks)
    ]
    data["paper"] = {"letter": "us-letter"}.get(paper, paper)
    entries = sum(isinstance(block, Heading) and block.level < 3 for block in report.blocks)
    data |= {"contents_gap": LEAD, "contents_size": contents_leading(paper, entries) - LEAD}
    data["watermark"] = _watermark()
    fonts, data["more_faces"], lacking = _fonts(json.dumps(data, ensure_ascii=False))
    if lacking and warnings is not None:
        warnings.append(f"PDF: no font on this machine has {', '.join(lacking)}")
    look = resources.files("adaptive_cart.report").joinpath("pdf.typ").read_bytes()
    return typst.compile(
        look,
        format="pdf",
        font_paths=fonts,
        sys_inputs={"report": json.dumps(data)},
        pdf_standards=["ua-1"],
        timestamp=0,
    )


def _block(block: Block, labels: Mapping[str, str], paper: str, turned: bool) -> dict[str, Any]:
    """A block as data, with what only a layout needs."""
    said = _data(block, labels)
    width = text_width(paper, turned)
    if isinstance(block, Heading):
        word = "Appendix " if block.appendix and block.level == 1 else ""
        said["text"] = f"{word}{block.number}  {said['text']}"
    elif isinstance(block, Paragraph):
        said["leads"] = plain(block.line).endswith(":")
    elif isinstance(block, Table):
        said |= vars(columns(block, labels, width * INCH))
        said["align"] = block.align or ("left",) * len(block.head)
        said["long"] = len(block.rows) > SHORT_TABLE
    elif isinstance(block, Figure):
        said["svg"], wide, high = vectors(block)
        tallest = PAPERS[paper][1] - 2 * MARGIN - CAPTION
        said["breadth"] = wide * min(width / wide, tallest / high, 1.0)
        said["whole"] = _data(caption_of(block), labels)
    elif isinstance(block, Equation):
        said["tree"] = _data(parsed(block.source), labels)
    return said


def _data(value: Any, labels: Mapping[str, str]) -> Any:
    """Anything of a document as data: an object says what it ``is``, a reference what it reads."""
    if isinstance(value, str):
        return "".join(UNKNOWN if _no_letter(letter) else letter for letter in value)
    if isinstance(value, tuple | list):
        whole = [p for part in value for p in (part.pieces if isinstance(part, Secret) else [part])]
        return [_data(part, labels) for part in whole]
    if isinstance(value, Reference):
        known = value.target in labels
        return {
            "is": "Reference",
            "text": labels.get(value.target, WITHHELD),
            "target": value.target if known else None,
        }
    if is_dataclass(value):
        held = {part.name: _data(getattr(value, part.name), labels) for part in fields(value)}
        return {"is": type(value).__name__} | held
    return value if isinstance(value, bool | int | float) else None


def _no_letter(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cn", "Cs") and letter not in "\n\t"


def _fonts(words: str) -> tuple[Any, list[str], list[str]]:
    """The fonts, names of more that are tried, and the letters that none of them has.

    Those of this machine are looked at only where a letter is not in our own, so that a report
    is the same file on every machine as long as it can be.
    """
    import matplotlib
    from matplotlib.ft2font import FT2Font
    from typst import Fonts

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    own = FT2Font(str(folder / "DejaVuSans.ttf")).get_charmap()
    strange = sorted({letter for letter in words if ord(letter) not in own and letter != "\n"})
    if not strange:
        return Fonts(include_system_fonts=False, font_paths=[folder]), [], []
    here = Fonts()
    lacking = [letter for letter in strange if not _shows(here, letter)]
    return Fonts(font_paths=[folder]), here.families(), lacking


def _shows(fonts: Any, letter: str) -> bool:
    import typst

    source = b'#set document(title: "letter")\n#sys.inputs.letter'
    try:
        typst.compile(source, format="pdf", font_paths=fonts, sys_inputs={"letter": letter},
                      pdf_standards=["ua-1"])  # fmt: skip
    except typst.TypstError:
        return False
    return True


@cache
def _watermark() -> str:
    """The word DRAFT as an outline: seen on every page, and in nobody's way in a search."""
    from matplotlib.figure import Figure as Sheet

    from adaptive_cart.report.pictures import as_svg

    sheet = Sheet(figsize=(7.0, 2.0))
    sheet.text(0.5, 0.5, "DRAFT", size=130, weight="bold", color="0.95", ha="center", va="center")
    sheet.patch.set_visible(False)
    return as_svg(sheet, words=False)
