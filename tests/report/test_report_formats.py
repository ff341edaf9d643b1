"""The report as Word, page and PDF: native parts, nothing restricted, nothing from the network."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from adaptive_cart.errors import InputError
from adaptive_cart.models import ANALYSES
from adaptive_cart.models.periods.kinds import ADJUSTED
from adaptive_cart.report.document import (
    Block,
    Equation,
    Figure,
    Heading,
    Items,
    Listing,
    Paragraph,
    Reference,
    Report,
    Table,
    cells,
    code,
    line,
    numbered,
    row,
    strong,
)
from adaptive_cart.report.mathml import mathml
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
    return "\n".join(page.extract_text() for page in reader(found).pages)


@pytest.mark.parametrize(
    "suffix", ["html", *(pytest.param(name, marks=pytest.mark.slow) for name in ("docx", "pdf"))]
)
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
def reader(found: bytes) -> Any:
    from pypdf import PdfReader

    return PdfReader(io.BytesIO(found))


@cache
def pages() -> list[str]:
    return [p.extract_text() for p in reader(content("restricted", "pdf")).pages]


def small(*blocks: Block, **other: str) -> Report:
    """A report of a few blocks."""
    made, labels = numbered((Heading(text="First", key="first"), *blocks))
    words = {"title": "T", "subject": "S", "footer": "F"} | other
    return Report(**words, blocks=made, audience="open", labels=labels)  # type: ignore[arg-type]


def told(report: Report) -> str:
    """The words of its PDF, in their usual letters and without spaces."""
    words = "".join(page.extract_text() for page in reader(rendered(report, "pdf")).pages)
    return "".join(unicodedata.normalize("NFKC", words).split())


@pytest.mark.slow
def test_pages_bookmarks_fonts_and_links() -> None:
    made = reader(content("restricted", "pdf"))
    sizes = {(round(float(p.mediabox.width)), round(float(p.mediabox.height)))
             for p in made.pages}  # fmt: skip
    assert sizes == {(612, 792), (792, 612)}
    titles: list[str] = []

    def walk(entries: Any) -> None:
        for entry in entries:
            if isinstance(entry, list):
                walk(entry)
            else:
                titles.append(entry.title)

    walk(made.outline)
    assert [title.rsplit("  ", 1)[-1] for title in titles] == [h.text for h in blocks_of(Heading)]
    assert all("DRAFT" in page for page in pages())
    for p in made.pages:
        for font in p["/Resources"]["/Font"].values():
            described = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
            assert described.keys() & {"/FontFile2", "/FontFile3"}, font["/BaseFont"]
    links = [a.get_object() for p in made.pages for a in p.get("/Annots", [])]
    assert len(links) > 50
    places = {p.indirect_reference.idnum for p in made.pages}
    for link in links:
        goes = link["/A"]["/D"] if "/A" in link else link["/Dest"]
        goes = made.named_destinations[goes].page if isinstance(goes, str) else goes[0]
        assert getattr(goes, "idnum", None) in places
    words = "".join("".join(pages()).split())
    assert "Whatthedesignismostvulnerableto" in words  # no letter of the watermark in between
    assert "×10⁻" in words or "differsinnone" in words
    assert made.pdf_header == "%PDF-1.7"
    assert made.metadata.title == report("restricted").title


def test_the_contents_name_the_pages_of_their_headings() -> None:
    contents = "\n".join(pages()[1:3])
    for heading in blocks_of(Heading):
        if heading.level == 1:
            entry = rf"{re.escape(heading.number)}\s+{re.escape(heading.text)}[ .]*(\d+)\n"
            found = re.search(entry, contents)
            assert found, heading.text
            assert heading.text in pages()[int(found[1]) - 1]


def test_the_structure_is_tagged_for_those_who_listen() -> None:
    """Every table, row, figure, equation and heading is one to a screen reader as well."""
    root = reader(content("restricted", "pdf")).root_object
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert "<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data().decode()
    found: Counter[str] = Counter()
    spoken = set()

    def walk(part: Any) -> None:
        part = part.get_object()
        for inner in part if isinstance(part, list) else [part.get("/K")] if "/K" in part else []:
            if not isinstance(inner, int):
                walk(inner)
        if not isinstance(part, list):
            found[part.get("/S")] += 1
            spoken.add(part.get("/Alt"))

    walk(root["/StructTreeRoot"]["/K"])
    tables = blocks_of(Table)
    assert found["/Table"] == len(tables)
    assert found["/TR"] == sum(1 + len(table.rows) for table in tables)
    heads = sum(len(table.head) + sum(row.heading for row in table.rows) for table in tables)
    assert found["/TH"] == heads
    for level in (1, 2, 3):
        headings = sum(block.level == level for block in blocks_of(Heading))
        assert found[f"/H{level}"] == headings + (level == 1)  # "Contents"
    assert {block.alternative for block in blocks_of(Figure)} <= spoken
    assert {block.words for block in blocks_of(Equation)} <= spoken


HOSTILE = [
    '#import "@preview/x:1.0.0": *', "#panic(1)", "$a_b$", "*bold* _not_", "\\ @first <first>",
    "= No", "`raw` ```", "// no /* no */ ~", '[#read("/etc/passwd")]', "\\u{41}", "<b>&amp;</b>",
    "x" * 300,
]  # fmt: skip


def test_no_name_is_read_as_markup() -> None:
    words = told(
        small(
            *(Heading(text=said, key=said, level=2) for said in HOSTILE),
            *(Paragraph(line=line(said, strong(said), code(said), Reference(said)))
              for said in HOSTILE),
            Table(key="t", title=line(*HOSTILE), head=cells(*HOSTILE), rows=(row(*HOSTILE),)),
            Items(lines=cells(*HOSTILE)),
            Listing(text="\n".join(HOSTILE)),
        )
    )  # fmt: skip
    for said in HOSTILE[:-1]:
        assert words.count("".join(said.split())) >= 8, said
    assert words.count("x") > 8 * 300


def test_letters_show_or_are_told() -> None:
    shown = "Żółć ελληνικά Привет 😀 ≥ עולם"
    assert "ŻółćελληνικάПривет😀≥" in told(small(Paragraph(line=line(shown))))
    warnings: list[str] = []
    lost = small(Paragraph(line=line("a\x01b \ufffe \U00012000")), title="a\x07")  # cuneiform
    assert "a\N{REPLACEMENT CHARACTER}b" in told(lost)
    rendered(lost, "pdf", warnings=warnings)
    assert warnings == ["PDF: no font on this machine has \U00012000"]


def test_the_pdf_has_every_letter_of_an_equation() -> None:
    over_time = [way for kinds in ADJUSTED.values() for way in kinds.values()]
    models = [*ANALYSES.values(), *over_time]
    said = [statement for model in models for statement in model.statements]
    words = told(small(*(Equation(key=f"e{place}", source=one.source, words=one.words)
                         for place, one in enumerate(said))))  # fmt: skip
    letters = "".join(
        "".join(ElementTree.fromstring(mathml(one.source)).itertext()) for one in said
    )
    wanted = Counter(filter(str.isalnum, unicodedata.normalize("NFKC", letters)))
    assert len(wanted) > 30
    assert {letter for letter, number in wanted.items() if words.count(letter) < number} == set()


def test_the_same_report_is_the_same_pdf_and_nothing_is_fetched() -> None:
    from importlib import resources

    made = small(Paragraph(line=line("a")), blocks_of(Figure)[0], draft="DRAFT")
    first = rendered(made, "pdf")
    assert rendered(made, "pdf") == first
    assert b"CreationDate" not in first
    look = resources.files("adaptive_cart.report").joinpath("pdf.typ").read_text()
    assert not re.search(r"\b(import|include|plugin|eval|read\()", look)


def test_a_long_word_breaks_and_is_copied_whole() -> None:
    word = "0123456789abcdef" * 12
    made = reader(rendered(small(Paragraph(line=line("see ", code(word), " there"))), "pdf"))
    words = "".join(page.extract_text() for page in made.pages)
    assert "\u200b" not in words
    assert word in "".join(words.split())


def test_a_design_without_a_name_has_a_title_all_the_same() -> None:
    made = reader(rendered(small(Paragraph(line=line("a")), title=""), "pdf"))
    assert made.metadata.title == "S"


def test_a4() -> None:
    made = reader(rendered(small(Paragraph(line=line("a"))), "pdf", "a4"))
    assert {round(float(p.mediabox.height)) for p in made.pages} == {842}


@pytest.mark.slow
def test_nothing_runs_off_a_page() -> None:
    """All words of the PDF lie between its margins, header and footer left out."""
    whole = reader(rendered(full_source().report("restricted"), "pdf"))
    for number, made in enumerate(whole.pages):
        width = float(made.mediabox.width)
        found: list[float] = []

        def visit(words: str, cm: Any, tm: Any, font: Any, size: Any, found: Any = found) -> None:
            if words.strip():
                found.append(tm[4] * cm[0] + cm[4])

        made.extract_text(visitor_text=visit)
        assert min(found) >= 0, number
        assert max(found) <= width, number
