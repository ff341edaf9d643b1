"""The report as a Word document that survives editing: styles, fields, native tables and equations.

Headings are heading styles, captions are SEQ fields with bookmarks, mentions of them REF fields,
the table of contents a TOC field with its entries filled in; equations are Word's own. A sponsor's
document given as a template lends its styles, page, header and footer; its text is left out.
"""

from __future__ import annotations

import io
import zipfile
from copy import deepcopy
from pathlib import Path
from typing import Any

from adaptive_cart.errors import InputError
from adaptive_cart.report.document import (
    Block,
    Contents,
    Equation,
    Figure,
    Heading,
    Items,
    Listing,
    PageBreak,
    Paragraph,
    Report,
    Table,
    plain,
)
from adaptive_cart.report.layout import LEAD, MARGIN, PAPERS, contents_leading, sheets, text_width
from adaptive_cart.report.omml import omml
from adaptive_cart.report.pictures import caption_of, picture
from adaptive_cart.report.word_xml import (
    NAMESPACES,
    TWIPS,
    TYPED,
    TYPED_SMALL,
    WATERMARK,
    Bookmarks,
    bookmark_name,
    field,
    listing,
    paragraph,
    run,
    runs,
    sized,
    table,
)

STYLES = ("Heading 1", "Heading 2", "Heading 3", "Title", "Subtitle", "Caption", "List Bullet")
OWN = {  # styles that a template need not have: name, points
    "Report Table": 9.0,
    "Report Note": 9.0,
    "Report Code": 7.5,
    "toc 1": 10.0,
    "toc 2": 9.5,
}
RED = '<w:color w:val="B00020"/>'


def require_template(path: Path) -> None:
    """Raise an :class:`InputError` unless a file is a Word document."""
    from docx import Document
    from docx.opc.exceptions import PackageNotFoundError

    try:
        Document(str(path))
    except (PackageNotFoundError, KeyError, ValueError, OSError, zipfile.BadZipFile):
        reason = "is no Word document (.docx)" if path.is_file() else "no such file"
        raise InputError(f"--reference-docx: {path}: {reason}") from None


def word(
    report: Report,
    paper: str = "letter",
    template: Path | None = None,
    warnings: list[str] | None = None,
) -> bytes:
    """Lay a report out as a Word document.

    Parameters
    ----------
    template
        A Word document whose styles, header and footer are taken over.
    warnings
        What of the template could not be honoured is added to it.
    """
    return _Writer(report, paper, template, [] if warnings is None else warnings).written()


class _Writer:
    """One document while it is written."""

    def __init__(
        self, report: Report, paper: str, template: Path | None, warnings: list[str]
    ) -> None:
        from docx import Document

        self.report = report
        self.paper = paper
        self.template = template
        self.warnings = warnings
        self.document: Any = Document(str(template)) if template else Document()
        self.body: Any = self.document.element.body
        self.bookmarks = Bookmarks()
        self._empty()
        self.style_ids = self._styles()
        self.numbered = self._numbers_itself()

    # ── the template ──────────────────────────────────────────────────────────────────────
    def _empty(self) -> None:
        """Leave out a template's text, and keep its last section: page, header, footer."""
        from docx.oxml import parse_xml

        for element in list(self.body):
            if not element.tag.endswith("}sectPr"):
                self.body.remove(element)
        if len(self.body) == 0:
            self.body.append(parse_xml(f"<w:sectPr {NAMESPACES}/>"))
        # what older programs kept of styles beside them does not know ours
        for key, relation in list(self.document.part.rels.items()):
            if relation.reltype.endswith("/stylesWithEffects"):
                del self.document.part.rels[key]

    def _styles(self) -> dict[str, str]:
        """Ids of the styles that are used; missing ones are made."""
        from docx.enum.style import WD_STYLE_TYPE
        from docx.shared import Pt

        styles = self.document.styles
        known = {style.name.lower(): style for style in styles}
        found: dict[str, str] = {}
        for name in (*STYLES, *OWN):
            style = known.get(name.lower())
            if style is None:
                if name in STYLES and self.template is not None:
                    self.warnings.append(
                        f"{self.template.name}: has no style '{name}'; one like the body text "
                        f"is used"
                    )
                style = styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
                style.base_style = known.get("normal")
                if name.startswith("Heading"):
                    style.font.bold = True
                    style.paragraph_format.keep_with_next = True
                    self._outline(style, int(name[-1]))
                if name in OWN:
                    style.font.size = Pt(OWN[name])
                    style.paragraph_format.space_before = Pt(1)
                    style.paragraph_format.space_after = Pt(1)
                    style.paragraph_format.line_spacing = 1.0
                if name == "toc 2":
                    style.paragraph_format.left_indent = Pt(14)
            found[name] = style.style_id
        if self.template is None:
            self._own_look(known)
        return found

    @staticmethod
    def _outline(style: Any, level: int) -> None:
        from docx.oxml import parse_xml

        properties = style.element.get_or_add_pPr()
        properties.append(parse_xml(f'<w:outlineLvl {NAMESPACES} w:val="{level - 1}"/>'))

    def _own_look(self, known: dict[str, Any]) -> None:
        """How the report looks without a sponsor's template."""
        from docx.oxml.ns import qn
        from docx.shared import Pt, RGBColor

        sizes = {"normal": 11, "title": 20, "subtitle": 13, "heading 1": 15, "heading 2": 12.5,
                 "heading 3": 11, "caption": 9.5}  # fmt: skip
        for name, size in sizes.items():
            style = known[name]
            font = "Times New Roman" if name in ("normal",) else "Arial"
            style.font.name = font
            fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
            for attribute in list(fonts.attrib):
                if "theme" in attribute.lower():
                    del fonts.attrib[attribute]
            for script in ("w:ascii", "w:hAnsi", "w:cs", "w:eastAsia"):
                fonts.set(qn(script), font)
            style.font.size = Pt(size)
            style.font.color.rgb = RGBColor(0, 0, 0)
            style.font.italic = False
            if name != "normal":
                style.font.bold = name not in ("subtitle", "caption")
        known["normal"].paragraph_format.space_after = Pt(6)
        known["caption"].paragraph_format.space_before = Pt(8)
        known["caption"].paragraph_format.space_after = Pt(4)
        borders = known["title"].element.find(".//" + qn("w:pBdr"))
        if borders is not None:
            borders.getparent().remove(borders)

    def _numbers_itself(self) -> bool:
        """Whether the template's headings number themselves."""
        from docx.oxml.ns import qn

        style = next(s for s in self.document.styles if s.style_id == self.style_ids["Heading 1"])
        return style.element.find(f".//{qn('w:numPr')}") is not None

    # ── writing ───────────────────────────────────────────────────────────────────────────
    def written(self) -> bytes:
        """The whole document."""
        last = self.body[-1]  # the section that the template ends with
        upright, turned = self._page(last, False), self._page(last, True)
        parts = sheets(self.report.blocks)
        for place, sheet in enumerate(parts):
            self.width = text_width(self.paper, sheet.landscape)
            for block in sheet.blocks:
                self._block(block)
            end = turned if sheet.landscape else upright
            if place < len(parts) - 1:
                self._section(end, first=place == 0)
            else:
                self._finish(last, end, first=place == 0)
        self._frame()
        core = self.document.core_properties
        core.title, core.subject = self.report.title, self.report.subject
        core.author, core.comments = "adaptive_cart", self.report.footer
        core.language = self.report.language
        buffer = io.BytesIO()
        self.document.save(buffer)
        return _undated(buffer.getvalue())

    def _add(self, xml: str) -> None:
        from docx.oxml import parse_xml

        self.body.insert(len(self.body) - 1, parse_xml(xml))

    def _page(self, section: Any, landscape: bool) -> Any:
        """A copy of the template's section with our page."""
        from docx.oxml import parse_xml
        from docx.oxml.ns import qn

        made = deepcopy(section)
        for name in ("w:pgSz", "w:pgMar", "w:type"):
            for element in made.findall(qn(name)):
                made.remove(element)
        width, height = PAPERS[self.paper]
        if landscape:
            width, height = height, width
        turn = ' w:orient="landscape"' if landscape else ""
        twips = [int(side * TWIPS) for side in (width, height)]
        edge = int(MARGIN * TWIPS)
        size = parse_xml(f'<w:pgSz {NAMESPACES} w:w="{twips[0]}" w:h="{twips[1]}"{turn}/>')
        margins = parse_xml(
            f'<w:pgMar {NAMESPACES} w:top="{edge}" w:right="{edge}" w:bottom="{edge}" '
            f'w:left="{edge}" w:header="560" w:footer="560" w:gutter="0"/>'
        )
        before = sum(
            len(made.findall(qn(name)))
            for name in ("w:headerReference", "w:footerReference", "w:footnotePr", "w:endnotePr")
        )
        made.insert(before, size)
        made.insert(before + 1, margins)
        return made

    def _section(self, page: Any, first: bool) -> None:
        """End a section here; only the first one holds the headers, the others go on with them."""
        from docx.oxml import parse_xml

        ending = deepcopy(page) if first else _without_furniture(page)
        holder = parse_xml(f"<w:p {NAMESPACES}><w:pPr></w:pPr></w:p>")
        tiny = parse_xml(
            f'<w:spacing {NAMESPACES} w:before="0" w:after="0" w:line="20" w:lineRule="exact"/>'
        )
        holder.pPr.append(tiny)
        holder.pPr.append(ending)
        self.body.insert(len(self.body) - 1, holder)

    def _finish(self, last: Any, page: Any, first: bool) -> None:
        self.body.remove(last)
        self.body.append(page if first else _without_furniture(page))

    def _frame(self) -> None:
        """Header and footer of every page."""
        from docx.oxml import parse_xml

        section = self.document.sections[0]
        footers = [section.footer]
        headers = [section.header]
        if section.different_first_page_header_footer:
            headers.append(section.first_page_header)
            footers.append(section.first_page_footer)
        if self.document.settings.odd_and_even_pages_header_footer:
            headers.append(section.even_page_header)
            footers.append(section.even_page_footer)
        small = '<w:sz w:val="16"/><w:szCs w:val="16"/>'
        for header in headers:
            header.is_linked_to_previous = False
            subject = run(f"{self.report.title} – {self.report.subject}", small)
            if self.template is None:
                header._element.append(parse_xml(paragraph(subject)))
                _drop_first(header)
            if self.report.draft:
                lead = run(self.report.draft, "<w:b/>" + RED)
                header._element.append(parse_xml(WATERMARK.format(lead=lead)))
        for footer in footers:
            footer.is_linked_to_previous = False
            inside = (
                run(f"{self.report.footer}    page ", small)
                + field("PAGE", "1", small)
                + run(" of ", small)
                + field("NUMPAGES", "1", small)
            )
            footer._element.append(parse_xml(paragraph(inside)))
            if self.template is None:
                _drop_first(footer)

    # ── blocks ────────────────────────────────────────────────────────────────────────────
    def _block(self, block: Block) -> None:
        report = self.report
        ids, labels = self.style_ids, report.labels
        if isinstance(block, Heading):
            self._heading(block)
        elif isinstance(block, Paragraph):
            self._paragraph(block)
        elif isinstance(block, Items):
            for item in block.lines:
                self._add(paragraph(runs(item, labels, typed=TYPED), ids["List Bullet"]))
        elif isinstance(block, Table):
            title = runs(block.title, labels, typed=TYPED_SMALL)
            self._caption("Table", block.key, block.number, title, above=True)
            self._add(table(block, labels, self.width, ids["Report Table"]))
            for place, note in enumerate(block.notes, start=1):
                together = "<w:keepNext/>" if place < len(block.notes) else ""
                inside = runs(note, labels, typed=TYPED_SMALL)
                self._add(paragraph(inside, ids["Report Note"], together))
            self._add(paragraph("", ids["Report Note"]))
        elif isinstance(block, Figure):
            self._figure(block)
        elif isinstance(block, Equation):
            number = run("\t(") + self.bookmarks.around(
                block.key, field("SEQ Equation \\* ARABIC", str(block.number))
            )
            stop = (  # in the order of the schema: keepNext before tabs
                "<w:keepNext/>"
                f'<w:tabs><w:tab w:val="right" w:pos="{int(self.width * TWIPS)}"/></w:tabs>'
            )
            self._add(paragraph(omml(block.source) + number + run(")"), "", stop))
        elif isinstance(block, Listing):
            for line in listing(block.text, ids["Report Code"]):
                self._add(line)
        elif isinstance(block, Contents):
            self._contents()
        elif isinstance(block, PageBreak):
            self._add(paragraph('<w:r><w:br w:type="page"/></w:r>'))

    def _heading(self, block: Heading) -> None:
        style = self.style_ids[f"Heading {block.level}"]
        # a template that numbers its headings numbers chapters, and cannot letter appendices
        if self.numbered and not self._lettered(block):
            inside = self.bookmarks.around(block.key, run(block.text))
            self._add(paragraph(inside, style))
            return
        lead = run("Appendix ") if block.appendix and block.level == 1 else ""
        number = self.bookmarks.around(block.key, run(block.number))
        none = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="0"/></w:numPr>' if self.numbered else ""
        self._add(paragraph(lead + number + run(f"  {block.text}"), style, none))

    @staticmethod
    def _lettered(block: Heading) -> bool:
        return block.number[:1].isalpha()

    def _paragraph(self, block: Paragraph) -> None:
        typed = TYPED_SMALL if block.role == "note" else TYPED
        inside = runs(block.line, self.report.labels, typed=typed)
        ids = self.style_ids
        edge = (
            '<w:pBdr><w:left w:val="single" w:sz="18" w:space="6" w:color="{}"/></w:pBdr>'
            '<w:ind w:left="200"/>'
        )
        if block.role == "title":
            self._add(paragraph(inside, ids["Title"]))
        elif block.role == "subtitle":
            self._add(paragraph(inside, ids["Subtitle"]))
        elif block.role == "note":
            self._add(paragraph(inside, ids["Report Note"], '<w:spacing w:after="100"/>'))
        elif block.role == "warning":
            self._add(paragraph(inside, "", edge.format("B00020")))
        elif block.role == "paste":
            self._add(paragraph(inside, "", edge.format("00528C")))
        else:  # words that lead up to something stay with it
            leads = plain(block.line).endswith(":")
            self._add(paragraph(inside, "", "<w:keepNext/>" if leads else ""))

    def _caption(self, kind: str, key: str, number: int, title: str, above: bool) -> None:
        label = self.bookmarks.around(key, field(f"SEQ {kind} \\* ARABIC", str(number), "<w:b/>"))
        bold = "<w:b/>"
        inside = run(f"{kind} ", bold) + label + run(". ", bold) + title
        together = "<w:keepNext/>" if above else ""
        self._add(paragraph(inside, self.style_ids["Caption"], together))

    def _figure(self, block: Figure) -> None:
        from docx.shared import Inches

        content, width, height = picture(block, "png")
        tallest = PAPERS[self.paper][1] - 2 * MARGIN - 2.2
        scale = min(self.width / width, tallest / height, 1.0)
        holder = self.document.add_paragraph()
        holder.paragraph_format.keep_with_next = True
        shape = holder.add_run().add_picture(
            io.BytesIO(content), Inches(width * scale), Inches(height * scale)
        )
        described = shape._inline.docPr
        described.set("descr", block.alternative)
        described.set("title", plain(block.title))
        self._caption(
            "Figure", block.key, block.number, runs(caption_of(block), self.report.labels), False
        )

    def _contents(self) -> None:
        """The table of contents: a field, its entries filled in until it is updated.

        Page numbers are known to the word processor alone; it fills them in when it updates.
        """
        headings = [b for b in self.report.blocks if isinstance(b, Heading) and b.level < 3]
        begin = (
            '<w:r><w:fldChar w:fldCharType="begin" w:dirty="true"/></w:r><w:r><w:instrText '
            'xml:space="preserve"> TOC \\o "1-2" \\h \\z \\u </w:instrText></w:r>'
            '<w:r><w:fldChar w:fldCharType="separate"/></w:r>'
        )
        stop = (
            '<w:tabs><w:tab w:val="right" w:leader="dot" '
            f'w:pos="{int(self.width * TWIPS)}"/></w:tabs>'
        )
        leading = contents_leading(self.paper, len(headings))
        stop += (
            f'<w:spacing w:before="0" w:after="0" w:line="{int(20 * leading)}" w:lineRule="exact"/>'
        )
        size = sized(leading - LEAD)
        self._add(paragraph(run("Contents", "<w:b/>"), self.style_ids["Subtitle"]))
        for place, block in enumerate(headings):
            name = bookmark_name(block.key)
            word_ = "Appendix " if block.appendix and block.level == 1 else ""
            entry = (
                f'<w:hyperlink w:anchor="{name}" w:history="1">'
                + run(f"{word_}{block.number}  {block.text}", size)
                + "</w:hyperlink>"
            )
            end = (
                '<w:r><w:fldChar w:fldCharType="end"/></w:r>' if place == len(headings) - 1 else ""
            )
            self._add(
                paragraph((begin if place == 0 else "") + entry + end,
                          self.style_ids[f"toc {block.level}"], stop)
            )  # fmt: skip


def _without_furniture(page: Any) -> Any:
    """A copy of a section that takes header and footer from the section before."""
    from docx.oxml.ns import qn

    made = deepcopy(page)
    for name in ("w:headerReference", "w:footerReference"):
        for element in made.findall(qn(name)):
            made.remove(element)
    return made


def _drop_first(part: Any) -> None:
    """Remove the empty paragraph that a new header or footer begins with."""
    first = part._element[0]
    if len(part._element) > 1 and not first.findall(".//{*}t"):
        part._element.remove(first)


def _undated(content: bytes) -> bytes:
    """The same document with one date in its archive, so that the same report is the same file."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            info = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, old.read(name))
    return buffer.getvalue()
