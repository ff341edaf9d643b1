"""The report as one page: everything in a single file, nothing from the network."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib import resources

from adaptive_cart.report.columns import MANY_COLUMNS, SHORT
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
    Number,
    Paragraph,
    Reference,
    Report,
    Secret,
    Table,
    plain,
)
from adaptive_cart.report.mathml import mathml
from adaptive_cart.report.pictures import scalable


def page(report: Report) -> str:
    """Lay a report out as HTML."""
    css, script = (_asset(name) for name in ("page.css", "page.js"))
    body = "\n".join(_block(block, report) for block in report.blocks)
    draft = f'<div class="draft">{escape(report.draft)}</div>' if report.draft else ""
    return (
        f'<!doctype html>\n<html lang="{report.language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(report.title)}: {escape(report.subject)}</title>\n"
        f"<style>\n{css}</style>\n</head>\n<body>\n{draft}\n<main>\n{body}\n"
        f"<footer>{escape(report.footer)}</footer>\n</main>\n<script>\n{script}</script>\n"
        "</body>\n</html>\n"
    )


def _asset(name: str) -> str:
    return resources.files("adaptive_cart.report").joinpath(name).read_text(encoding="utf-8")


def _block(block: Block, report: Report) -> str:
    labels = report.labels
    if isinstance(block, Heading):
        level = block.level
        word = "Appendix " if block.appendix and level == 1 else ""
        return (
            f'<h{level} id="{escape(block.key)}">{word}{block.number}&ensp;{escape(block.text)}'
            f"</h{level}>"
        )
    if isinstance(block, Paragraph):
        role = "" if block.role == "body" else f' class="{block.role}"'
        return f"<p{role}>{_line(block.line, labels)}</p>"
    if isinstance(block, Items):
        items = "".join(f"<li>{_line(item, labels)}</li>" for item in block.lines)
        return f"<ul>{items}</ul>"
    if isinstance(block, Table):
        return _table(block, labels)
    if isinstance(block, Figure):
        caption = f"<strong>Figure {block.number}. {_line(block.title, labels)}.</strong> "
        return (
            f'<figure id="{escape(block.key)}">{scalable(block)}'
            f"<figcaption>{caption}{_line(block.caption, labels)}</figcaption></figure>"
        )
    if isinstance(block, Equation):
        return (
            f'<div class="equation" id="{escape(block.key)}">{mathml(block.source, block.words)}'
            f"<span>({block.number})</span></div>"
        )
    if isinstance(block, Listing):
        return f"<pre>{escape(block.text)}</pre>"
    if isinstance(block, Contents):
        return _contents(report)
    return ""


def _contents(report: Report) -> str:
    entries = [
        f'<p class="l{block.level}"><a href="#{escape(block.key)}">'
        f"{'Appendix ' if block.appendix and block.level == 1 else ''}{block.number}&ensp;"
        f"{escape(block.text)}</a></p>"
        for block in report.blocks
        if isinstance(block, Heading) and block.level < 3
    ]
    return (
        '<p class="contents" id="contents">Contents</p>'
        '<nav aria-labelledby="contents">' + "".join(entries) + "</nav>"
    )


def _table(table: Table, labels: Mapping[str, str]) -> str:
    align = table.align or ("left",) * len(table.head)
    head = "".join(
        f'<th scope="col" class="{side}">{_line(cell, labels)}</th>'
        for cell, side in zip(table.head, align, strict=True)
    )
    rows = []
    for row in table.rows:
        if row.heading:
            rows.append(
                f'<tr class="group"><td colspan="{len(table.head)}">'
                f"{_line(row.cells[0], labels)}</td></tr>"
            )
            continue
        kind = ' class="strong"' if row.strong else ""
        written = "".join(
            f'<td class="{_class(cell, side, labels)}">{_line(cell, labels)}</td>'
            for cell, side in zip(row.cells, align, strict=True)
        )
        rows.append(f"<tr{kind}>{written}</tr>")
    notes = "".join(f'<p class="tablenote">{_line(note, labels)}</p>' for note in table.notes)
    caption = f"Table {table.number}. {_line(table.title, labels)}"
    many = " many" if len(table.head) > MANY_COLUMNS else ""
    return (
        f'<div class="wrap" id="{escape(table.key)}"><table class="sortable{many}">'
        f"<caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>{notes}</div>"
    )


def _class(cell: Line, side: str, labels: Mapping[str, str]) -> str:
    return f"{side} short" if len(plain(cell, labels)) <= SHORT else side


def _line(pieces: Line, labels: Mapping[str, str]) -> str:
    written = []
    for piece in pieces:
        if isinstance(piece, Reference):
            written.append(_reference(piece, labels))
        elif isinstance(piece, Secret):
            written.append(_line(piece.pieces, labels))
        elif isinstance(piece, Number):
            written.append(f'<span title="{escape(piece.source)}">{escape(piece.text)}</span>')
        elif piece.style == "plain":
            written.append(escape(piece.text))
        else:
            tag = {"strong": "strong", "emphasis": "em", "code": "code"}[piece.style]
            written.append(f"<{tag}>{escape(piece.text)}</{tag}>")
    return "".join(written)


def _reference(piece: Reference, labels: Mapping[str, str]) -> str:
    if piece.target not in labels:
        return escape(WITHHELD)
    return f'<a href="#{escape(piece.target)}">{escape(labels[piece.target])}</a>'
