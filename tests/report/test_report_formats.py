"""The report as Word, page and PDF: native parts, nothing restricted, nothing from the network."""

from __future__ import annotations

import io
import re
import zipfile
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from adaptive_cart.errors import InputError
from adaptive_cart.report.document import Figure, Heading, Report, Table
from adaptive_cart.report.writing import rendered
from report.test_report import flat_thresholds, leaks
from report_case import DRAWN, full_source, source, with_few_figures

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


@cache
def report(audience: str) -> Report:
    return with_few_figures(source().report(audience))  # type: ignore[arg-type]


@cache
def content(audience: str, suffix: str) -> bytes:
    return rendered(report(audience), suffix)


def blocks_of(kind: type) -> list[Any]:
    return [block for block in report("restricted").blocks if isinstance(block, kind)]


# ── text of each format ───────────────────────────────────────────────────────────────────────
class _Words(HTMLParser):
    """Text and attributes of a page, without its style and script."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        self.tags.append((tag, dict(attrs)))
        self.words += [value for name, value in attrs if value and name in ("title", "aria-label")]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside not in ("style", "script"):
            self.words.append(data)


def page() -> _Words:
    parser = _Words()
    parser.feed(content("restricted", "html").decode("utf-8"))
    return parser


def text(audience: str, suffix: str) -> str:
    found = content(audience, suffix)
    if suffix == "html":
        return re.sub(r"<style>.*?</style>|<script>.*?</script>", "", found.decode(), flags=re.S)
    if suffix == "docx":
        with zipfile.ZipFile(io.BytesIO(found)) as archive:
            parts = [n for n in archive.namelist() if n.endswith((".xml", ".rels"))]
            whole = "\n".join(archive.read(name).decode() for name in parts)
            shown = re.sub(r"<[^>]*>", "", whole)
            return shown + whole
    from pypdf import PdfReader

    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(found)).pages)


@pytest.mark.parametrize("suffix", ["html", "docx", pytest.param("pdf", marks=pytest.mark.slow)])
def test_no_restricted_number_leaks_into_a_file(suffix: str) -> None:
    assert leaks(text("open", suffix)) == []
    told = text("restricted", suffix)
    assert [value for value in flat_thresholds() if value not in told] == []


@pytest.mark.slow
def test_no_restricted_number_leaks_into_a_picture() -> None:
    from matplotlib.text import Text

    for block in full_source().report("open").blocks:
        if isinstance(block, Figure):
            words = [found.get_text() for found in block.draw().findobj(Text)]
            assert leaks("\n".join([*words, block.alternative])) == [], block.key


# ── Word ──────────────────────────────────────────────────────────────────────────────────────
def word(audience: str = "restricted") -> Any:
    from docx import Document

    return Document(io.BytesIO(content(audience, "docx")))


def test_headings_are_heading_styles() -> None:
    found = [p for p in word().paragraphs if p.style.name.startswith("Heading")]
    assert [p.text.rsplit("  ", 1)[-1] for p in found] == [h.text for h in blocks_of(Heading)]
    assert [int(p.style.name[-1]) for p in found] == [h.level for h in blocks_of(Heading)]


def test_tables_are_native_and_repeat_their_heads() -> None:
    tables = word().tables
    assert len(tables) == len(blocks_of(Table))
    for made, block in zip(tables, blocks_of(Table), strict=True):
        first = made.rows[0]._tr
        assert first.find(f"{W}trPr/{W}tblHeader") is not None
        assert len(made.columns) == len(block.head)
        assert len(made._tbl.findall(f"{W}tr")) == 1 + len(block.rows)


def test_captions_and_mentions_are_fields() -> None:
    body = word().element.body
    codes = [" ".join(e.text.split()) for e in body.iter(f"{W}instrText")]
    assert codes.count("SEQ Table \\* ARABIC") == len(blocks_of(Table))
    assert codes.count("SEQ Figure \\* ARABIC") == len(DRAWN)
    assert any(c.startswith("TOC ") for c in codes)
    marks = {e.get(f"{W}name") for e in body.iter(f"{W}bookmarkStart")}
    assert len(marks) == len(list(body.iter(f"{W}bookmarkStart")))
    named = {c.split()[1] for c in codes if c.startswith("REF ")}
    assert len(named) > 20
    assert named <= marks
    begins = sum(e.get(f"{W}fldCharType") == "begin" for e in body.iter(f"{W}fldChar"))
    ends = sum(e.get(f"{W}fldCharType") == "end" for e in body.iter(f"{W}fldChar"))
    assert begins == ends


def test_pictures_are_described_and_fit_the_page() -> None:
    shapes = word().inline_shapes
    figures = {f.alternative for f in blocks_of(Figure)}
    assert {shape._inline.docPr.get("descr") for shape in shapes} == figures
    assert all(shape.width.inches <= 6.5 + 1e-6 for shape in shapes)


def test_wide_tables_lie_on_their_side() -> None:
    sections = word().sections
    turned = [s.page_width > s.page_height for s in sections]
    assert any(turned)
    assert not all(turned)
    assert turned[0] is False
    assert {round(s.page_width.inches, 2) for s in sections} == {8.5, 11.0}
    again = zipfile.ZipFile(io.BytesIO(rendered(report("open"), "docx", "a4")))
    assert 'w:w="11905"' in again.read("word/document.xml").decode()


def test_every_page_says_draft() -> None:
    made = word()
    for section in made.sections:
        told = "".join(p.text for p in section.header.paragraphs)
        assert "DRAFT" in told
        assert b"DRAFT" in section.header.part.blob
    final = Report(**{**vars(report("open")), "draft": ""})
    from docx import Document

    header = Document(io.BytesIO(rendered(final, "docx"))).sections[0].header
    assert "DRAFT" not in "".join(p.text for p in header.paragraphs)


def test_equations_are_words_own() -> None:
    made = word().element.body
    math = "{http://schemas.openxmlformats.org/officeDocument/2006/math}oMath"
    assert len(list(made.iter(math))) == 5


def test_properties_of_runs_are_said_once() -> None:
    """Word refuses a document in which a property stands twice."""
    for properties in word().element.body.iter(f"{W}rPr", f"{W}pPr", f"{W}tcPr"):
        tags = [child.tag for child in properties]
        assert len(tags) == len(set(tags))


def test_the_same_report_is_the_same_file() -> None:
    assert rendered(report("open"), "docx") == content("open", "docx")
    assert rendered(report("open"), "html") == content("open", "html")


def test_a_template_lends_its_styles_and_page_furniture(tmp_path: Path) -> None:
    from docx import Document
    from docx.shared import Pt

    template = Document()
    template.styles["Heading 1"].font.name = "Garamond"
    template.styles["Heading 1"].font.size = Pt(23)
    template.styles["Subtitle"].element.getparent().remove(template.styles["Subtitle"].element)
    template.sections[0].header.paragraphs[0].text = "House of Sponsor"
    template.add_paragraph("Old text that must go")
    path = tmp_path / "house.docx"
    template.save(str(path))
    warnings: list[str] = []
    made = Document(io.BytesIO(rendered(report("open"), "docx", "letter", path, warnings)))
    assert warnings == ["house.docx: has no style 'Subtitle'; one like the body text is used"]
    assert made.styles["Heading 1"].font.name == "Garamond"
    assert made.styles["Heading 1"].font.size == Pt(23)
    header = "".join(p.text for p in made.sections[0].header.paragraphs)
    assert "House of Sponsor" in header
    assert "DRAFT" in header
    assert "Old text that must go" not in "\n".join(p.text for p in made.paragraphs)


def test_a_template_that_is_none_is_refused(tmp_path: Path) -> None:
    from adaptive_cart.report.word import require_template

    wrong = tmp_path / "wrong.docx"
    wrong.write_text("no", encoding="utf-8")
    with pytest.raises(InputError, match=r"wrong\.docx: is no Word document"):
        require_template(wrong)
    with pytest.raises(InputError, match="no such file"):
        require_template(tmp_path / "none.docx")


# ── the page ──────────────────────────────────────────────────────────────────────────────────
def test_the_page_needs_no_network() -> None:
    found = content("restricted", "html").decode()
    outside = set(re.findall(r"https?://[^\s\"'<>)]+", re.sub(r'xmlns(:\w+)?="[^"]*"', "", found)))
    in_words = {u for u in outside if u in text("restricted", "html") and f'="{u}' not in found}
    assert outside - in_words == set()
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", found)
    assert "@import" not in found
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|import)\s*\(", found)


def test_anchors_lead_somewhere_and_ids_are_unique() -> None:
    tags = page().tags
    ids = [a["id"] for _, a in tags if a.get("id")]
    assert len(ids) == len(set(ids))
    wanted = {
        value[1:] for _, a in tags for name, value in a.items()
        if name in ("href", "xlink:href") and value and value.startswith("#")
    }  # fmt: skip
    assert len(wanted) > 50
    assert wanted <= set(ids)


def test_tables_sort_and_figures_tell_their_values() -> None:
    tags = page().tags
    assert sum(tag == "table" and "sortable" in (a.get("class") or "") for tag, a in tags) == len(
        blocks_of(Table)
    )
    assert sum(tag == "math" for tag, _ in tags) == 5
    assert sum(tag == "figure" for tag, _ in tags) == len(DRAWN)
    circles = re.findall(r"<circle[^>]*><title>([^<]+)</title>", content("open", "html").decode())
    assert len(circles) > 20
    values = [f"{100 * source().evidence.cell(s, 'success').figure.estimate:.4g}"
              for s in source().evidence.scenarios]  # fmt: skip
    shares = [f"{source().evidence.cell(s, 'success').figure.estimate:.4g}"
              for s in source().evidence.scenarios]  # fmt: skip
    told = " ".join(circles)
    assert all(value in told or share in told for value, share in zip(values, shares, strict=True))


# ── PDF ───────────────────────────────────────────────────────────────────────────────────────
def test_pages_bookmarks_fonts_and_links() -> None:
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(content("restricted", "pdf")))
    sizes = {(round(float(p.mediabox.width)), round(float(p.mediabox.height)))
             for p in reader.pages}  # fmt: skip
    assert sizes == {(612, 792), (792, 612)}
    titles: list[str] = []

    def walk(entries: Any) -> None:
        for entry in entries:
            if isinstance(entry, list):
                walk(entry)
            else:
                titles.append(entry.title)

    walk(reader.outline)
    assert len(titles) == len(blocks_of(Heading))
    assert all("DRAFT" in p.extract_text() for p in reader.pages)
    for p in reader.pages:
        for font in p["/Resources"]["/Font"].values():  # type: ignore[index]
            found = font.get_object()
            described = found.get("/FontDescriptor") or found.get("/DescendantFonts", [{}])[0]
            described = described.get_object() if hasattr(described, "get_object") else described
            described = described.get("/FontDescriptor", described)
            described = described.get_object() if hasattr(described, "get_object") else described
            assert "/FontFile2" in described, found.get("/BaseFont")
    links = [a.get_object() for p in reader.pages for a in p.get("/Annots", [])]
    assert len(links) > 50
    told = "".join("".join(p.extract_text().split()) for p in reader.pages)
    assert "Whatthedesignismostvulnerableto" in told  # no letter of the watermark in between
    assert "×10⁻" in told or "differsinnone" in told
    wanted = "Operating characteristics"
    assert any(wanted in p.extract_text() for p in reader.pages)
    assert reader.pdf_header == "%PDF-1.7"
    assert reader.metadata is not None
    assert reader.metadata.title == report("restricted").title


def test_a4() -> None:
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(rendered(report("open"), "pdf", "a4")))
    assert {round(float(p.mediabox.height)) for p in reader.pages} == {842, 595}


@pytest.mark.slow
def test_nothing_runs_off_a_page() -> None:
    """All words of the PDF lie between its margins, header and footer left out."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(rendered(full_source().report("restricted"), "pdf")))
    for number, made in enumerate(reader.pages):
        width = float(made.mediabox.width)
        found: list[float] = []

        def visit(words: str, cm: Any, tm: Any, font: Any, size: Any, found: Any = found) -> None:
            if words.strip():
                found.append(tm[4] * cm[0] + cm[4])

        made.extract_text(visitor_text=visit)
        assert min(found) >= 0, number
        assert max(found) <= width, number
