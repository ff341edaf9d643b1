"""Equations as Office MathML, which Word edits as its own."""

from __future__ import annotations

from xml.sax.saxutils import escape

from adaptive_cart.report.equations import (
    Fence,
    Fraction,
    Group,
    Node,
    Root,
    Script,
    Symbol,
    parsed,
)

NAMESPACE = "http://schemas.openxmlformats.org/officeDocument/2006/math"
_LARGE = "∑∏∫"


def omml(source: str) -> str:
    """Write an equation as an ``m:oMath`` element."""
    parts = list(parsed(source).parts)
    return f'<m:oMath xmlns:m="{NAMESPACE}">{_row(parts)}</m:oMath>'


def _row(parts: list[Node]) -> str:
    """Parts in a row; a large operator takes what follows it as its argument."""
    written = []
    for place, part in enumerate(parts):
        base = part.base if isinstance(part, Script) else part
        if isinstance(base, Symbol) and base.text in _LARGE:
            script = part if isinstance(part, Script) else Script(base, None, None)
            written.append(_large(base, script, parts[place + 1 :]))
            break
        written.append(_written(part))
    return "".join(written)


def _large(base: Symbol, script: Script, rest: list[Node]) -> str:
    hide = "".join(
        f'<m:{side}Hide m:val="1"/>'
        for side, part in (("sub", script.below), ("sup", script.above))
        if part is None
    )
    return (
        f'<m:nary><m:naryPr><m:chr m:val="{base.text}"/><m:limLoc m:val="undOvr"/>{hide}</m:naryPr>'
        f"<m:sub>{_part(script.below)}</m:sub><m:sup>{_part(script.above)}</m:sup>"
        f"<m:e>{_row(rest)}</m:e></m:nary>"
    )


def _part(node: Node | None) -> str:
    if node is None:
        return ""
    return _row(list(node.parts)) if isinstance(node, Group) else _written(node)


def _written(node: Node) -> str:
    if isinstance(node, Symbol):
        plain = "<m:rPr><m:nor/></m:rPr>" if node.kind == "words" else ""
        return f'<m:r>{plain}<m:t xml:space="preserve">{escape(node.text)}</m:t></m:r>'
    if isinstance(node, Group):
        return _row(list(node.parts))
    if isinstance(node, Fence):
        return (
            f'<m:d><m:dPr><m:begChr m:val="{node.opening}"/><m:endChr m:val="{node.closing}"/>'
            f"</m:dPr><m:e>{_part(node.inside)}</m:e></m:d>"
        )
    if isinstance(node, Fraction):
        top, bottom = _part(node.top), _part(node.bottom)
        return f"<m:f><m:num>{top}</m:num><m:den>{bottom}</m:den></m:f>"
    if isinstance(node, Root):
        inside = _part(node.inside)
        return (
            f'<m:rad><m:radPr><m:degHide m:val="1"/></m:radPr><m:deg/><m:e>{inside}</m:e></m:rad>'
        )
    base, below, above = _part(node.base), _part(node.below), _part(node.above)
    if node.below is None:
        return f"<m:sSup><m:e>{base}</m:e><m:sup>{above}</m:sup></m:sSup>"
    if node.above is None:
        return f"<m:sSub><m:e>{base}</m:e><m:sub>{below}</m:sub></m:sSub>"
    return f"<m:sSubSup><m:e>{base}</m:e><m:sub>{below}</m:sub><m:sup>{above}</m:sup></m:sSubSup>"
