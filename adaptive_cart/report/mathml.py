"""Equations as MathML, which browsers draw by themselves."""

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

_TAGS = {"letter": "mi", "number": "mn", "operator": "mo", "words": "mtext"}
_LARGE = "∑∏∫"


def mathml(source: str, words: str = "") -> str:
    """Write an equation; ``words`` are read aloud to those who cannot see it."""
    label = escape(words, {'"': "&quot;"})
    return (
        f'<math xmlns="http://www.w3.org/1998/Math/MathML" display="block" aria-label="{label}">'
        f"{_written(parsed(source))}</math>"
    )


def _written(node: Node) -> str:
    if isinstance(node, Symbol):
        tag = _TAGS[node.kind]
        return f"<{tag}>{escape(node.text)}</{tag}>"
    if isinstance(node, Group):
        return "<mrow>" + "".join(map(_written, node.parts)) + "</mrow>"
    if isinstance(node, Fence):
        inside = _written(node.inside)
        return f"<mrow><mo>{node.opening}</mo>{inside}<mo>{node.closing}</mo></mrow>"
    if isinstance(node, Fraction):
        return f"<mfrac>{_written(node.top)}{_written(node.bottom)}</mfrac>"
    if isinstance(node, Root):
        return f"<msqrt>{_written(node.inside)}</msqrt>"
    return _script(node)


def _script(node: Script) -> str:
    large = isinstance(node.base, Symbol) and node.base.text in _LARGE
    below, above = ("munder", "mover") if large else ("msub", "msup")
    both = "munderover" if large else "msubsup"
    parts = [_written(part) for part in (node.base, node.below, node.above) if part is not None]
    tag = both if len(parts) == 3 else below if node.below is not None else above
    return f"<{tag}>{''.join(parts)}</{tag}>"
