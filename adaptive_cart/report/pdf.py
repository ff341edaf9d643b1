"""The report as a PDF: embedded fonts, bookmarks, links, text that can be searched.

Laid out by ReportLab (pure Python, maintained since the year 2000, no system libraries). Figures
and equations stay vectors: their own PDFs are put into the places that the layout keeps free for
them. Fonts are the STIX and DejaVu families that come with Matplotlib, embedded as subsets.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from adaptive_cart.report.columns import (
    CODE_SMALLER,
    SHORT_TABLE,
    SIZES,
    columns,
    kept_with_next,
)
from adaptive_cart.report.document import (
    WITHHELD,
    Block,
    Contents,
    Equation,
    Figure,
    Heading,
    Items,
    Line,
    Listing,
    PageBreak,
    Paragraph,
    Reference,
    Report,
    Secret,
    Table,
    plain,
)
from adaptive_cart.report.equations import drawn
from adaptive_cart.report.layout import LEAD, MARGIN, PAPERS, contents_leading, sheets, text_width
from adaptive_cart.report.pictures import caption_of, picture

INCH = 72.0
BODY, SANS, MONO = "STIX", "DejaVuSans", "DejaVuMono"
FILES = {
    BODY: ("STIXGeneral.ttf", "STIXGeneralBol.ttf", "STIXGeneralItalic.ttf",
           "STIXGeneralBolIta.ttf"),
    SANS: ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf",
           "DejaVuSans-BoldOblique.ttf"),
    MONO: ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSansMono-Oblique.ttf",
           "DejaVuSansMono-BoldOblique.ttf"),
}  # fmt: skip
PDF_VERSION = "%PDF-1.7"  # regulators take no older ones than 1.4
ROOM_BELOW = 2.2  # inches that a heading wants below it on its page
TYPED = 9.2  # points of words as they are typed, in the text
RED, GREY, BLUE = "#B00020", "#555555", "#00528C"


def pdf(report: Report, paper: str = "letter") -> bytes:
    """Lay a report out as a PDF."""
    _fonts()
    return _Writer(report, paper).written()


@cache
def _fonts() -> None:
    """Make the fonts known, each with its bold and italic."""
    import matplotlib
    from reportlab.lib.fonts import addMapping
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for family, files in FILES.items():
        for place, name in enumerate(files):
            face = family if place == 0 else f"{family}-{place}"
            pdfmetrics.registerFont(TTFont(face, str(folder / name)))
            addMapping(family, place % 2, place // 2, face)


@cache
def _styles() -> dict[str, Any]:
    from reportlab.lib.styles import ParagraphStyle

    body = ParagraphStyle("body", fontName=BODY, fontSize=11, leading=14, spaceAfter=6)
    made = {"body": body}

    def add(name: str, **settings: Any) -> None:
        made[name] = ParagraphStyle(name, parent=body, **settings)

    add("title", fontName=f"{SANS}-1", fontSize=19, leading=24, spaceAfter=6)
    add("subtitle", fontName=SANS, fontSize=12.5, leading=16, spaceAfter=14, textColor=GREY)
    add("lead", keepWithNext=1)
    add("note", fontSize=9.5, leading=12, textColor="#333333")
    add("warning", leftIndent=8, borderColor=RED, borderWidth=0.8, borderPadding=5,
        spaceBefore=8, spaceAfter=10)  # fmt: skip
    add("paste", leftIndent=8, borderColor=BLUE, borderWidth=0.8, borderPadding=5, spaceBefore=8,
        spaceAfter=12)  # fmt: skip
    add("item", leftIndent=14, bulletIndent=2, spaceAfter=3, bulletFontName=BODY)
    add("heading1", fontName=f"{SANS}-1", fontSize=14.5, leading=18, spaceBefore=18, spaceAfter=8,
        keepWithNext=1)  # fmt: skip
    add("heading2", fontName=f"{SANS}-1", fontSize=11.5, leading=15, spaceBefore=12, spaceAfter=5,
        keepWithNext=1)  # fmt: skip
    add("heading3", fontName=f"{SANS}-1", fontSize=10, leading=13, spaceBefore=8, spaceAfter=4,
        keepWithNext=1)  # fmt: skip
    add("caption", fontName=SANS, fontSize=8.5, leading=11, spaceBefore=8, spaceAfter=4)
    add("tablenote", fontSize=9, leading=11, spaceBefore=2, spaceAfter=10, textColor="#333333")
    add("code", fontName=MONO, fontSize=7, leading=8.6, spaceAfter=0)
    for side, number in (("left", 0), ("centre", 1), ("right", 2)):
        for size in SIZES:
            add(f"cell-{side}-{size:g}", fontSize=size, leading=1.18 * size, spaceAfter=0,
                alignment=number)  # fmt: skip
    return made


@lru_cache(maxsize=64)
def _equation(source: str) -> tuple[bytes, float, float]:
    """An equation as a PDF of its own, with its width and height in inches."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Sheet

    with rc_context({"mathtext.fontset": "stix", "pdf.fonttype": 42, "font.family": "STIXGeneral"}):
        sheet = Sheet(figsize=(6.0, 0.6))
        words = sheet.text(0.01, 0.5, drawn(source), fontsize=12, va="center")
        sheet.draw_without_rendering()
        box = words.get_window_extent()
        width, height = (box.width + 4) / sheet.dpi, (box.height + 4) / sheet.dpi
        sheet.set_size_inches(width, height)
        words.set_position((2 / sheet.dpi / width, 0.5))
        buffer = io.BytesIO()
        sheet.savefig(buffer, format="pdf", transparent=True,
                      metadata={"CreationDate": None, "ModDate": None})  # fmt: skip
    return buffer.getvalue(), width, height


@cache
def _outline(word: str) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """A word as curves about its middle: move, line, curve, close."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path as Curve
    from matplotlib.textpath import TextPath

    found: list[tuple[str, tuple[float, ...]]] = []
    path = TextPath((0, 0), word, size=130, prop=FontProperties(family="DejaVu Sans",
                                                                weight="bold"))  # fmt: skip
    box = path.get_extents()
    middle = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    last = (0.0, 0.0)
    for points, code in path.iter_segments(curves=True, simplify=False):
        at = [(float(x) - middle[0], float(y) - middle[1])
              for x, y in points.reshape(-1, 2)]  # fmt: skip
        if code == Curve.MOVETO:
            found.append(("M", at[0]))
        elif code == Curve.LINETO:
            found.append(("L", at[0]))
        elif code == Curve.CURVE3:  # as a curve of the third degree
            near, end = at
            first = tuple(a + 2 / 3 * (b - a) for a, b in zip(last, near, strict=True))
            second = tuple(b + 2 / 3 * (a - b) for a, b in zip(near, end, strict=True))
            found.append(("C", (*first, *second, *end)))
        elif code == Curve.CURVE4:
            found.append(("C", tuple(value for point in at for value in point)))
        else:
            found.append(("Z", ()))
        last = at[-1]
    return tuple(found)


class _Writer:
    """One document while it is laid out."""

    def __init__(self, report: Report, paper: str) -> None:
        self.report = report
        self.paper = paper
        self.width = text_width(paper, False)
        self.placed: list[tuple[int, float, float, float, bytes]] = []

    def written(self) -> bytes:
        """The whole document."""
        buffer = io.BytesIO()
        document = self._document(buffer)
        document.multiBuild(self._story())
        return self._with_pictures(buffer.getvalue())

    # ── pages ─────────────────────────────────────────────────────────────────────────────
    def _document(self, buffer: io.BytesIO) -> Any:
        from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

        writer = self

        class Document(BaseDocTemplate):  # type: ignore[misc]
            """Notes headings for the contents and the bookmarks."""

            def beforeDocument(self) -> None:
                writer.placed.clear()  # only the last round of the layout counts

            def afterFlowable(self, flowable: Any) -> None:
                key = getattr(flowable, "heading_key", None)
                if key is None:
                    return
                level = flowable.heading_level - 1
                self.canv.bookmarkPage(key)
                self.canv.addOutlineEntry(flowable.heading_text, key, level, closed=level > 0)
                if level < 2:
                    self.notify("TOCEntry", (level, flowable.heading_text, self.page, key))

        edge = MARGIN * INCH
        document = Document(
            buffer,
            title=self.report.title,
            subject=self.report.subject,
            author="adaptive_cart",
            creator="adaptive_cart",
            lang=self.report.language,
            invariant=1,
            initialFontName=BODY,  # else a font that is not embedded
            leftMargin=edge,
            rightMargin=edge,
            topMargin=edge,
            bottomMargin=edge,
        )
        templates = []
        for name, turned in (("upright", False), ("turned", True)):
            width, height = (side * INCH for side in PAPERS[self.paper])
            if turned:
                width, height = height, width
            frame = Frame(edge, edge, width - 2 * edge, height - 2 * edge, 0, 0, 0, 0, id=name)
            templates.append(
                PageTemplate(name, [frame], onPage=self._frame, pagesize=(width, height))
            )
        document.addPageTemplates(templates)
        return document

    def _frame(self, canvas: Any, document: Any) -> None:
        """Header and footer of a page."""
        width, height = canvas._pagesize
        edge = MARGIN * INCH
        canvas.saveState()
        if self.report.draft:
            self._watermark(canvas, width, height)
            canvas.setFillColor(RED)
            canvas.setFont(f"{SANS}-1", 8)
            canvas.drawRightString(width - edge, height - 0.55 * INCH, self.report.draft)
        canvas.setFillColor(GREY)
        canvas.setFont(SANS, 7)
        most = width - 2 * edge - (2.6 * INCH if self.report.draft else 0)
        canvas.drawString(edge, height - 0.55 * INCH, self._cut(self.report.title, most))
        canvas.drawString(edge, height - 0.7 * INCH, self.report.subject)
        canvas.drawString(edge, 0.6 * INCH, self.report.footer)
        canvas.drawRightString(width - edge, 0.6 * INCH, f"page {document.page}")
        canvas.restoreState()

    @staticmethod
    def _watermark(canvas: Any, width: float, height: float) -> None:
        """The word as an outline: seen on every page, and in nobody's way in a search."""
        outline = canvas.beginPath()
        for kind, points in _outline("DRAFT"):
            if kind == "M":
                outline.moveTo(*points)
            elif kind == "L":
                outline.lineTo(*points)
            elif kind == "C":
                outline.curveTo(*points)
            else:
                outline.close()
        canvas.saveState()
        canvas.setFillColorRGB(0.95, 0.95, 0.95)
        canvas.translate(width / 2, height / 2)
        canvas.rotate(45 if height > width else 30)
        canvas.drawPath(outline, stroke=0, fill=1, fillMode=1)
        canvas.restoreState()

    @staticmethod
    def _cut(text: str, most: float) -> str:
        from reportlab.pdfbase.pdfmetrics import stringWidth

        if stringWidth(text, SANS, 7) <= most:
            return text
        while text and stringWidth(text + "…", SANS, 7) > most:
            text = text[:-1]
        return text + "…"

    # ── blocks ────────────────────────────────────────────────────────────────────────────
    def _story(self) -> list[Any]:
        from reportlab.platypus import NextPageTemplate
        from reportlab.platypus import PageBreak as Break

        story: list[Any] = []
        turned = False
        for sheet in sheets(self.report.blocks):
            if sheet.landscape != turned:
                turned = sheet.landscape
                story += [NextPageTemplate("turned" if turned else "upright"), Break()]
            self.width = text_width(self.paper, turned)
            leading: list[Any] = []
            for block in sheet.blocks:
                made = self._block(block)
                if isinstance(block, Heading):
                    leading += made
                    continue
                story += _led(leading, made) if leading else made
                leading = []
            story += leading
        return story

    def _block(self, block: Block) -> list[Any]:
        from reportlab.platypus import CondPageBreak, KeepTogether, Preformatted
        from reportlab.platypus import PageBreak as Break
        from reportlab.platypus import Paragraph as Words

        styles, labels = _styles(), self.report.labels
        if isinstance(block, Heading):
            word = "Appendix " if block.appendix and block.level == 1 else ""
            text = f"{word}{block.number}  {block.text}"
            made = Words(escape(text), styles[f"heading{block.level}"])
            made.heading_key, made.heading_level = block.key, block.level
            made.heading_text = text
            return [CondPageBreak(ROOM_BELOW * INCH), made]
        if isinstance(block, Paragraph):
            leads = block.role == "body" and plain(block.line).endswith(":")
            style = styles["lead" if leads else block.role]
            return [Words(_markup(block.line, labels), style)]
        if isinstance(block, Items):
            return [
                Words(_markup(item, labels), styles["item"], bulletText="•") for item in block.lines
            ]
        if isinstance(block, Table):
            return self._table(block)
        if isinstance(block, Figure):
            caption = f'<a name="{block.key}"/><b>Figure {block.number}.</b> ' + _markup(
                caption_of(block), labels, 7.6
            )
            content, width, height = picture(block, "pdf")
            tallest = PAPERS[self.paper][1] - 2 * MARGIN - 2.2
            scale = min(self.width / width, tallest / height, 1.0)
            held = self._picture(content, width * scale, height * scale)
            return [KeepTogether([held, Words(caption, styles["caption"])])]
        if isinstance(block, Equation):
            content, width, height = _equation(block.source)
            scale = min(1.0, (self.width - 0.6) / width)
            return [
                self._picture(
                    content, width * scale, height * scale, f"({block.number})", block.key
                )
            ]
        if isinstance(block, Listing):
            most = int(self.width * INCH / (7 * 0.602))
            return [Preformatted(_wrapped(block.text, most), styles["code"])]
        if isinstance(block, Contents):
            return self._contents()
        return [Break()] if isinstance(block, PageBreak) else []

    def _contents(self) -> list[Any]:
        from reportlab.lib.styles import ParagraphStyle
        from reportlab.platypus import Paragraph as Words
        from reportlab.platypus import TableStyle
        from reportlab.platypus.tableofcontents import TableOfContents

        contents = TableOfContents(
            dotsMinLevel=0,
            tableStyle=TableStyle(
                [("FONTNAME", (0, 0), (-1, -1), BODY)]
                + [(f"{side}PADDING", (0, 0), (-1, -1), 0)
                 for side in ("TOP", "BOTTOM", "LEFT", "RIGHT")]
            ),
        )  # fmt: skip
        entries = [b for b in self.report.blocks if isinstance(b, Heading) and b.level < 3]
        leading = contents_leading(self.paper, len(entries))
        size, leading = leading - LEAD, leading - 1.0  # a row takes a point more than its line
        contents.levelStyles = [
            ParagraphStyle("toc1", fontName=BODY, fontSize=size, leading=leading),
            ParagraphStyle("toc2", fontName=BODY, fontSize=size, leading=leading, leftIndent=14),
        ]
        return [Words("Contents", _styles()["heading1"]), contents]

    def _table(self, table: Table) -> list[Any]:
        from reportlab.lib import colors
        from reportlab.platypus import CondPageBreak, KeepTogether, LongTable
        from reportlab.platypus import Paragraph as Words

        styles, labels = _styles(), self.report.labels
        fitted = columns(table, labels, self.width * INCH)
        size, together = fitted.size, kept_with_next(len(table.rows))
        align = table.align or ("left",) * len(fitted.widths)
        looks: list[Any] = [
            ("FONTNAME", (0, 0), (-1, -1), BODY),
            ("LINEABOVE", (0, 0), (-1, 0), 1.0, colors.black),
            ("LINEBELOW", (0, 0), (-1, 0), 0.7, colors.black),
            ("LINEBELOW", (0, 1), (-1, -2), 0.25, colors.HexColor("#C8C8C8")),
            ("LINEBELOW", (0, -1), (-1, -1), 1.0, colors.black),
            ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
            ("VALIGN", (0, 1), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 3),
            ("RIGHTPADDING", (0, 0), (-1, -1), 3),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2.2),
        ]

        def cell(pieces: Line, side: str, bold: bool = False) -> Any:
            text = _markup(pieces, labels, size - CODE_SMALLER)
            style = styles[f"cell-{side}-{size:g}"]
            return Words(f"<b>{text}</b>" if bold and text else text, style)

        data = [[cell(c, side, True) for c, side in zip(table.head, align, strict=True)]]
        for place, row in enumerate(table.rows, start=1):
            if place < len(table.rows) and (row.heading or place - 1 in together):
                looks.append(("NOSPLIT", (0, place), (-1, place + 1)))
            if row.heading:
                data.append([cell(row.cells[0], "left", True), *[""] * (len(align) - 1)])
                looks.append(("SPAN", (0, place), (-1, place)))
                continue
            data.append(
                [cell(c, side, row.strong) for c, side in zip(row.cells, align, strict=True)]
            )
        made = LongTable(data, fitted.widths, repeatRows=1, style=looks, hAlign="LEFT")
        caption = Words(
            f'<a name="{table.key}"/><b>Table {table.number}.</b> '
            + _markup(table.title, labels, 7.6),
            styles["caption"],
        )
        made.spaceAfter = 2 if table.notes else 10
        notes = [Words(_markup(note, labels, 7.6), styles["tablenote"]) for note in table.notes]
        if len(table.rows) <= SHORT_TABLE:
            return [KeepTogether([caption, made, *notes])]
        return [CondPageBreak(1.6 * INCH), caption, made, *notes]

    # ── pictures ──────────────────────────────────────────────────────────────────────────
    def _picture(
        self, content: bytes, width: float, height: float, number: str = "", key: str = ""
    ) -> Any:
        from reportlab.platypus import Flowable

        placed, whole = self.placed, self.width

        class Place(Flowable):  # type: ignore[misc]
            """Keeps a place free for a picture, and remembers where it is."""

            def __init__(self) -> None:
                super().__init__()
                self.width, self.height = whole * INCH, height * INCH + 4
                self.spaceBefore, self.spaceAfter = 6, 2

            def draw(self) -> None:
                x, y = self.canv.absolutePosition(0, 2)
                placed.append((self.canv.getPageNumber() - 1, x, y, width, content))
                if key:
                    self.canv.bookmarkPage(key)
                if number:
                    self.canv.setFont(BODY, 11)
                    self.canv.drawRightString(whole * INCH, height * INCH / 2 - 3, number)

        return Place()

    def _with_pictures(self, content: bytes) -> bytes:
        """Put the pictures into their places."""
        from pypdf import PdfReader, PdfWriter, Transformation

        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(content)))
        for page, x, y, width, picture_ in self.placed:
            source = PdfReader(io.BytesIO(picture_)).pages[0]
            scale = width * INCH / float(source.mediabox.width)
            move = Transformation().scale(scale).translate(x, y)
            writer.pages[page].merge_transformed_page(source, move)
        for page_ in writer.pages:
            page_.compress_content_streams()
        writer.pdf_header = PDF_VERSION
        buffer = io.BytesIO()
        writer.write(buffer)
        return buffer.getvalue()


def _led(leading: list[Any], made: list[Any]) -> list[Any]:
    """Headings with what follows them: on one page where that is kept on one itself."""
    from reportlab.platypus import KeepTogether

    if len(made) == 1 and isinstance(made[0], KeepTogether):
        return [KeepTogether([*leading, *made[0]._content])]
    return [*leading, *made]


def _wrapped(text: str, most: int) -> str:
    """Lines of a file, longer ones continued below."""
    lines = []
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        while len(line) > most:
            cut = line.rfind(" ", 20, most)
            cut = most if cut < 0 else cut
            lines.append(line[:cut])
            line = indent + line[cut:].lstrip()
        lines.append(line)
    return "\n".join(lines)


def _covered(text: str) -> str:
    """Words with those letters in another face that the face of the text does not have."""
    from reportlab.pdfbase import pdfmetrics

    known = pdfmetrics.getFont(BODY).face.charToGlyph
    written = []
    for strange, letters in groupby(text, lambda letter: ord(letter) not in known):
        part = escape("".join(letters))
        written.append(f'<font face="{SANS}">{part}</font>' if strange else part)
    return "".join(written)


def _markup(pieces: Line, labels: Mapping[str, str], typed: float = TYPED) -> str:
    """A line in the small markup of the layout library; ``typed``: points of words as typed."""
    written = []
    for piece in pieces:
        if isinstance(piece, Reference):
            if piece.target in labels:
                words = escape(labels[piece.target])
                written.append(f'<a href="#{piece.target}" color="{BLUE}">{words}</a>')
            else:
                written.append(escape(WITHHELD))
        elif isinstance(piece, Secret):
            written.append(_markup(piece.pieces, labels, typed))
        else:
            text = _covered(piece.text)
            style = getattr(piece, "style", "plain")
            if style == "strong":
                text = f"<b>{text}</b>"
            elif style == "emphasis":
                text = f"<i>{text}</i>"
            elif style == "code":
                text = f'<font face="{MONO}" size="{typed:g}">{text}</font>'
            written.append(text)
    return "".join(written)
