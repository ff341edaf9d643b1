"""The Word document as a package: what a validator of the format would look at.

The orders are those of the transitional schema of ECMA-376 (ISO/IEC 29500-4), part of them that we
write: the children of the properties of paragraphs, runs, tables, cells and sections.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from adaptive_cart.report.document import Heading, Paragraph, Report, Table, line, numbered, row
from adaptive_cart.report.word_xml import LONGEST_NAME, bookmark_name
from adaptive_cart.report.writing import rendered
from report_case import source, with_few_figures

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
ORDER = {
    "pPr": "pStyle keepNext keepLines pageBreakBefore framePr widowControl numPr "
    "suppressLineNumbers pBdr shd tabs suppressAutoHyphens kinsoku wordWrap overflowPunct "
    "topLinePunct autoSpaceDE autoSpaceDN bidi adjustRightInd snapToGrid spacing ind "
    "contextualSpacing mirrorIndents suppressOverlap jc textDirection textAlignment "
    "textboxTightWrap outlineLvl divId cnfStyle rPr sectPr pPrChange",
    "rPr": "rStyle rFonts b bCs i iCs caps smallCaps strike dstrike outline shadow emboss imprint "
    "noProof snapToGrid vanish webHidden color spacing w kern position sz szCs highlight u effect "
    "bdr shd fitText vertAlign rtl cs em lang eastAsianLayout specVanish oMath",
    "tblPr": "tblStyle tblpPr tblOverlap bidiVisual tblStyleRowBandSize tblStyleColBandSize tblW "
    "jc tblCellSpacing tblInd tblBorders shd tblLayout tblCellMar tblLook tblCaption",
    "tcPr": "cnfStyle tcW gridSpan hMerge vMerge tcBorders shd noWrap tcMar textDirection "
    "tcFitText vAlign hideMark",
    "trPr": "cantSplit tblHeader",
    "sectPr": "headerReference footerReference footnotePr endnotePr type pgSz pgMar paperSrc "
    "pgBorders lnNumType pgNumType cols formProt vAlign noEndnote titlePg textDirection bidi "
    "rtlGutter docGrid printerSettings",
    "tbl": "tblPr tblGrid tr",
    "tc": "tcPr p",
}


@cache
def report(audience: str) -> Report:
    return with_few_figures(source().report(audience))  # type: ignore[arg-type]


@cache
def template() -> Path:
    """A sponsor's template: three kinds of headers, notes at the foot, headings that number."""
    from tempfile import mkdtemp

    from docx import Document
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    made = Document()
    section = made.sections[0]
    section.different_first_page_header_footer = True
    made.settings.odd_and_even_pages_header_footer = True
    for part in (section.header, section.first_page_header, section.even_page_header):
        part.paragraphs[0].text = "House of Sponsor"
    properties: Any = section._sectPr
    last = max(k for k, child in enumerate(properties) if child.tag.endswith("Reference"))
    properties.insert(
        last + 1,
        parse_xml(f'<w:footnotePr {nsdecls("w")}><w:numFmt w:val="decimal"/></w:footnotePr>'),
    )
    heading: Any = made.styles["Heading 1"].element.get_or_add_pPr()
    heading.insert_element_before(
        parse_xml(f'<w:numPr {nsdecls("w")}><w:numId w:val="1"/></w:numPr>'),
        "w:spacing",
        "w:outlineLvl",
    )
    path = Path(mkdtemp(prefix="report_template_")) / "house.docx"
    made.save(str(path))
    return path


@cache
def parts(kind: str) -> dict[str, bytes]:
    """The parts of a package by name: open, restricted, or restricted by a template."""
    path = template() if kind == "template" else None
    audience = "open" if kind == "open" else "restricted"
    content = rendered(report(audience), "docx", "letter", path)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == len(set(archive.namelist()))
        return {name: archive.read(name) for name in archive.namelist()}


KINDS = ("open", "restricted", "template")


def document(kind: str) -> ElementTree.Element:
    return ElementTree.fromstring(parts(kind)["word/document.xml"])


def texts(kind: str) -> list[tuple[str, ElementTree.Element]]:
    """Parts that hold words of ours."""
    return [
        (name, ElementTree.fromstring(content))
        for name, content in parts(kind).items()
        if re.fullmatch(r"word/(document|styles|header\d*|footer\d*)\.xml", name)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_children_stand_in_the_order_of_the_schema(kind: str) -> None:
    looked_at = 0
    for name, tree in texts(kind):
        for parent, order in ORDER.items():
            places = {f"{W}{child}": place for place, child in enumerate(order.split())}
            for element in tree.iter(f"{W}{parent}"):
                if parent == "rPr" and element.find(f"{W}rPrDefault") is not None:
                    continue
                found = [places.get(child.tag, -1) for child in element]
                assert -1 not in found, (name, parent, [c.tag for c in element])
                assert found == sorted(found), (name, parent, [c.tag for c in element])
                looked_at += 1
    assert looked_at > 1000


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_unique_and_bookmarks_come_in_pairs(kind: str) -> None:
    tree = document(kind)
    starts = [(e.get(f"{W}id"), e.get(f"{W}name")) for e in tree.iter(f"{W}bookmarkStart")]
    ends = [e.get(f"{W}id") for e in tree.iter(f"{W}bookmarkEnd")]
    assert len(starts) > 50
    assert len({key for key, _ in starts}) == len({name for _, name in starts}) == len(starts)
    assert sorted(key for key, _ in starts if key) == sorted(key for key in ends if key)
    assert all(re.fullmatch(r"[A-Za-z_]\w{0,39}", name or "") for _, name in starts)
    pictures = [e.get("id") for e in tree.iter() if e.tag.endswith("}docPr")]
    assert pictures
    assert len(set(pictures)) == len(pictures)
    assert all(e.get("descr") for e in tree.iter() if e.tag.endswith("}docPr"))


@pytest.mark.parametrize("kind", KINDS)
def test_fields_are_whole_and_lead_to_bookmarks(kind: str) -> None:
    names = {e.get(f"{W}name") for e in document(kind).iter(f"{W}bookmarkStart")}
    wanted: set[str] = set()
    for _, tree in texts(kind):
        for paragraph in tree.iter(f"{W}p"):
            marks = [e.get(f"{W}fldCharType") for e in paragraph.iter(f"{W}fldChar")]
            if "TOC" in "".join(e.text or "" for e in paragraph.iter(f"{W}instrText")):
                continue  # goes on over the paragraphs of the contents
            if marks != ["end"]:  # of the contents
                assert marks == ["begin", "separate", "end"] * (len(marks) // 3)
        for code in tree.iter(f"{W}instrText"):
            words = (code.text or "").split()
            if words[0] == "REF":
                wanted.add(words[1])
        wanted |= {e.get(f"{W}anchor") or "" for e in tree.iter(f"{W}hyperlink")}
    assert len(wanted) > 50
    assert wanted <= names


@pytest.mark.parametrize("kind", KINDS)
def test_styles_and_relations_exist_and_every_part_has_a_type(kind: str) -> None:
    package = parts(kind)
    styles = ElementTree.fromstring(package["word/styles.xml"])
    known = {e.get(f"{W}styleId") for e in styles.iter(f"{W}style")}
    for _, tree in texts(kind):
        used = {
            e.get(f"{W}val")
            for tag in ("pStyle", "rStyle", "tblStyle")
            for e in tree.iter(f"{W}{tag}")
        }
        assert used <= known
    for name, content in package.items():
        if name.endswith(".rels"):
            folder = posixpath.dirname(posixpath.dirname(name))
            for relation in ElementTree.fromstring(content).iter(RELATIONS):
                if relation.get("TargetMode") == "External":
                    continue
                target = relation.get("Target") or ""
                path = posixpath.normpath(posixpath.join(folder, target)).lstrip("/")
                assert path in package, (name, target)
    for name, tree in texts(kind):
        at = f"word/_rels/{posixpath.basename(name)}.rels"
        ids = set()
        if at in package:
            ids = {e.get("Id") for e in ElementTree.fromstring(package[at]).iter(RELATIONS)}
        asked = {value for e in tree.iter() for key, value in e.attrib.items()
                 if key in (f"{R}id", f"{R}embed", f"{R}link")}  # fmt: skip
        assert asked <= ids, name
    types = ElementTree.fromstring(package["[Content_Types].xml"])
    endings = {e.get("Extension") for e in types if e.tag.endswith("Default")}
    overrides = {(e.get("PartName") or "")[1:] for e in types if e.tag.endswith("Override")}
    for name in package.keys() - {"[Content_Types].xml"}:
        assert name in overrides or name.rsplit(".", 1)[-1] in endings, name
    assert overrides <= package.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_tables_are_whole(kind: str) -> None:
    for table in document(kind).iter(f"{W}tbl"):
        grid = [int(e.get(f"{W}w") or 0) for e in table.findall(f"{W}tblGrid/{W}gridCol")]
        assert grid
        assert min(grid) > 0
        for line_ in table.findall(f"{W}tr"):
            spans = [e.find(f"{W}tcPr/{W}gridSpan") for e in line_.findall(f"{W}tc")]
            columns = sum(1 if e is None else int(e.get(f"{W}val") or 0) for e in spans)
            assert columns == len(grid)
            assert all(e.find(f"{W}p") is not None for e in line_.findall(f"{W}tc"))


def test_names_of_bookmarks_stay_apart() -> None:
    long = "t-boundaries-" + "a_rule_with_a_very_long_name" * 2
    names = {bookmark_name(long + end) for end in ("_one", "_two")}
    assert len(names) == 2
    assert all(len(name) <= LONGEST_NAME for name in names)
    assert bookmark_name("t-main") == "r_t_main"


def test_a_short_table_stays_on_its_page_and_a_long_one_is_parted_well() -> None:
    def rows_kept(number: int) -> list[bool]:
        table = Table(key="t", title=line("T"), head=(line("a"),),
                      rows=tuple(row(str(k)) for k in range(number)))  # fmt: skip
        blocks, labels = numbered([Heading(text="H", key="h"), Paragraph(line=line("w")), table])
        made = Report("T", "S", "F", blocks, "open", labels=labels)
        with zipfile.ZipFile(io.BytesIO(rendered(made, "docx"))) as archive:
            tree = ElementTree.fromstring(archive.read("word/document.xml"))
        return [e.find(f".//{W}keepNext") is not None for e in tree.iter(f"{W}tr")]

    assert rows_kept(5) == [True] * 5 + [False]
    long = rows_kept(30)
    assert long[:3] == [True] * 3  # the head and two rows: three rows together
    assert long[3:28] == [False] * 25
    assert long[28:] == [True, True, False]
