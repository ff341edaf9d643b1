"""A real trial at a look as one HTML page: decision first, then why, then the numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from adaptive_cart.analysis.findings import Findings
from adaptive_cart.analysis.text import (
    Table,
    change_lines,
    diagnosis_lines,
    earlier_lines,
    provenance_lines,
    rule_table,
    tables,
    title,
)

if TYPE_CHECKING:
    from adaptive_cart.analysis.pictures import Picture

STYLE = """
.cart-analysis { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; max-width: 62rem;
  overflow-wrap: anywhere; }
.cart-analysis h1 { font-size: 1.35rem; margin: 0 0 .2rem; }
.cart-analysis h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
.cart-analysis table { border-collapse: collapse; font-size: .9rem; overflow-wrap: normal; }
.cart-analysis .wide { overflow-x: auto; max-width: 100%; }
.cart-analysis th, .cart-analysis td { padding: .2rem .7rem .2rem 0; text-align: left;
  border-bottom: 1px solid #ddd; vertical-align: top; }
.cart-analysis td.n { text-align: right; font-variant-numeric: tabular-nums; }
.cart-analysis th.n { text-align: right; }
.cart-analysis .decision { border-left: .35rem solid #0072B2; background: #f2f6fa;
  padding: .7rem 1rem; margin: 1rem 0; }
.cart-analysis .withheld { border-color: #D55E00; background: #fdf3ee; }
.cart-analysis .decision p { margin: .2rem 0; }
.cart-analysis figure { margin: 1.2rem 0; }
.cart-analysis figure svg { max-width: 100%; height: auto; }
.cart-analysis figcaption, .cart-analysis .small { font-size: .88rem; color: #444; }
"""


def page(findings: Findings, pictures: Mapping[str, tuple[str, Picture]]) -> str:
    """The whole page, with its figures inside."""
    figures = "\n".join(_figure(name, *pair) for name, pair in pictures.items())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(findings.design)}: look {findings.look}</title>\n"
        "<style>body { margin: clamp(.8rem, 4vw, 2rem); }</style>\n</head>\n<body>\n"
        f"{fragment(findings, figures)}\n</body>\n</html>\n"
    )


def fragment(findings: Findings, figures: str = "") -> str:
    """The same without head and body: what a notebook shows."""
    decision = findings.decision
    withheld = " withheld" if decision.outcome == "withheld" else ""
    parts = [
        f'<style>{STYLE}</style><div class="cart-analysis">',
        f"<h1>{escape(findings.design)}</h1>",
        f"<p>{escape(title(findings))}</p>",
        f'<div class="decision{withheld}"><p><strong>{escape(decision.words)}</strong> '
        f"({escape(decision.basis)})</p>",
        *(f"<p>{escape(reason)}</p>" for reason in decision.reasons),
        "</div>",
        "<h2>Rules</h2>",
        _table(rule_table(findings)),
        _list(list(change_lines(findings))),
    ]
    for heading, table in tables(findings):
        parts += [f"<h2>{escape(heading)}</h2>", _table(table)]
    if figures:
        parts += ["<h2>Figures</h2>", figures]
    for heading, lines in (
        ("Chains of the reference posterior", list(diagnosis_lines(findings))),
        ("Earlier looks, held anew on this table", list(earlier_lines(findings))),
        ("Notes", list(findings.notes)),
        ("Where this comes from", list(provenance_lines(findings))),
    ):
        if lines:
            parts += [f"<h2>{escape(heading)}</h2>", _list(lines)]
    return "\n".join([*parts, "</div>"])


def _table(table: Table) -> str:
    head, rows = table
    right = [bool(rows) and all(_number(row[place]) for row in rows) for place in range(len(head))]

    def cells(kind: str, row: list[str]) -> str:
        return "".join(
            f"<{kind}{' class=n' if aligned else ''}>{escape(cell)}</{kind}>"
            for cell, aligned in zip(row, right, strict=True)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{cells("th", head)}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _number(cell: str) -> bool:
    return bool(re.fullmatch(r"-?\d*\.?\d*", cell)) or cell == "–"


def _list(lines: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>" if lines else ""


def _figure(name: str, svg: str, picture: Picture) -> str:
    """One figure inside the page; its ids made its own, since all share the page's names."""
    inside = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    for identity in set(re.findall(r'id="([^"]+)"', inside)):
        inside = re.sub(
            rf'(id="|href="#|url\(#){re.escape(identity)}(?=["\)])',
            rf"\g<1>{name}-{identity}",
            inside,
        )
    inside = inside.replace(
        "<svg", f'<svg role="img" aria-label="{escape(picture.alternative, quote=True)}"', 1
    )
    return f"<figure>{inside}<figcaption>{escape(picture.caption)}</figcaption></figure>"
