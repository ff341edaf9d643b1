"""Figures of the appendix as blocks of the report, and as pictures in each format."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from adaptive_cart.report.document import Audience, Block, Figure, Line, Number, Paragraph, line
from adaptive_cart.report.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 400  # of one line or set of points whose values are shown


def figures_of(evidence: Evidence, chapter: str) -> list[Block]:
    """Figures of a chapter, in their order, or a sentence that says why one is not there."""
    from adaptive_cart.figures.kinds import Missing
    from adaptive_cart.figures.registry import FIGURES

    blocks: list[Block] = []
    for key, kind in FIGURES.items():
        if kind.chapter != chapter:
            continue
        tables = kind.tables(evidence.result)
        audience: Audience = kind.audience
        if isinstance(tables, Missing):
            said = line(f"Not drawn: {kind.title[:1].lower()}{kind.title[1:]}. ",
                        _said(f"{tables.reason}.", key))  # fmt: skip
            blocks.append(Paragraph(line=said, role="note", audience=audience))
            continue
        blocks.append(
            Figure(
                key=f"f-{key}",
                title=line(kind.title),
                caption=line(_said(kind.caption(tables), key)),
                alternative=kind.alternative_text(tables),
                draw=lambda kind=kind, tables=tables: kind.draw(tables),  # type: ignore[misc]
                wide=kind.landscape,
                audience=audience,
            )
        )
    return blocks


def _said(text: str, key: str) -> Number:
    return Number(text[:1].upper() + text[1:], f"figure {key}")


# ── pictures ──────────────────────────────────────────────────────────────────────────────────
def picture(figure: Figure, suffix: str) -> tuple[bytes, float, float]:
    """A picture as the bytes of a file, with its width and height in inches."""
    return _picture(figure.draw, suffix)


@lru_cache(maxsize=64)  # the open and the restricted report share most of their figures
def _drawn(draw: Callable[[], Any]) -> Any:
    """A figure, laid out once; each format then only writes it."""
    from matplotlib import rc_context

    from adaptive_cart.figures.style import RC

    drawn = draw()
    with rc_context(RC):
        drawn.draw_without_rendering()
    drawn.set_layout_engine("none")
    return drawn


@lru_cache(maxsize=64)
def _picture(draw: Callable[[], Any], suffix: str) -> tuple[bytes, float, float]:
    from adaptive_cart.figures.writing import rendered

    drawn = _drawn(draw)
    width, height = drawn.get_size_inches()
    return rendered(drawn, suffix), float(width), float(height)


def vectors(figure: Figure) -> tuple[str, float, float]:
    """A picture as SVG whose words are words, with its width and height in inches."""
    return _vectors(figure.draw)


@lru_cache(maxsize=64)
def _vectors(draw: Callable[[], Any]) -> tuple[str, float, float]:
    drawn = _drawn(draw)
    width, height = drawn.get_size_inches()
    return as_svg(drawn, words=True), float(width), float(height)


def as_svg(drawn: Any, words: bool) -> str:
    """A figure as SVG; its ``words`` as text or as outlines."""
    from matplotlib import rc_context

    from adaptive_cart.figures.style import RC
    from adaptive_cart.figures.writing import METADATA

    buffer = io.StringIO()
    with rc_context(RC | {"svg.fonttype": "none" if words else "path"}):
        drawn.savefig(buffer, format="svg", metadata=METADATA["svg"], dpi=72)
    text = buffer.getvalue()
    return re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.S)


def scalable(figure: Figure) -> str:
    """A picture to be put into a page, with the values behind its marks as tooltips."""
    return _scalable(figure.draw, figure.key, figure.alternative)


@lru_cache(maxsize=64)
def _scalable(draw: Callable[[], Any], key: str, alternative: str) -> str:
    drawn = _drawn(draw)
    text = as_svg(drawn, words=False)
    prefix = re.sub(r"\W", "", key)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'xlink:href="#([^"]+)"', rf'xlink:href="#{prefix}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    label = escape(alternative, quote=True)
    text = re.sub(r"<svg ", f'<svg role="img" aria-label="{label}" class="picture" ', text, count=1)
    layer = "".join(_spots(drawn))
    return text.replace("</svg>", f'<g class="values">{layer}</g></svg>')


def _spots(drawn: Any) -> Iterator[str]:
    """Invisible circles over the marks of a figure, each with the value it stands for."""
    height = drawn.get_size_inches()[1] * 72.0
    before = drawn.get_dpi()
    drawn.set_dpi(72)
    seen = set()
    for axes in drawn.get_axes():
        names = _named(axes.xaxis), _named(axes.yaxis)
        for x, y, label in _points(axes):
            at = axes.transData.transform((x, y))
            if not axes.bbox.contains(*at):
                continue
            place = (round(float(at[0]), 1), round(height - float(at[1]), 1))
            if place in seen:
                continue
            seen.add(place)
            across, up = _value(axes.xaxis, names[0], x), _value(axes.yaxis, names[1], y)
            words = f"{across}, {up}"
            told = f"{label}: {words}" if label else words
            yield (
                f'<circle cx="{place[0]}" cy="{place[1]}" r="5"><title>{escape(told)}</title>'
                "</circle>"
            )
    drawn.set_dpi(before)


def _points(axes: Axes) -> Iterator[tuple[float, float, str]]:
    import numpy as np

    for drawn in axes.lines:
        points = np.asarray(drawn.get_xydata(), dtype=float)
        if drawn.get_transform() != axes.transData or len(points) > MOST_POINTS:
            continue
        label = str(drawn.get_label())
        for x, y in points:
            if np.isfinite(x) and np.isfinite(y):
                yield float(x), float(y), "" if label.startswith("_") else label
    for part in axes.patches:
        if type(part).__name__ == "Rectangle" and part.get_transform() is not None:
            x, y = part.get_x(), part.get_y()  # type: ignore[attr-defined]
            wide, high = part.get_width(), part.get_height()  # type: ignore[attr-defined]
            if np.isfinite([x, y, wide, high]).all() and wide and high:
                yield float(x + wide / 2), float(y + high / 2), f"{high:.4g} high, {wide:.4g} wide"


def _named(axis: Any) -> dict[float, str]:
    """Ticks whose labels are words rather than numbers."""
    found = {}
    for place, tick in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False):
        text = tick.get_text()
        if text and not re.fullmatch(r"[−\-+.,\d %]+", text):
            found[round(float(place), 6)] = str(text)
    return found


def _value(axis: Any, named: dict[float, str], value: float) -> str:
    """A value on an axis: the word at its tick where ticks are words, else the number."""
    word = named.get(round(value, 6))
    return word or f"{axis.get_label().get_text() or axis.axis_name} {value:.4g}"


def caption_of(figure: Figure) -> Line:
    """Title and caption of a figure in one line."""
    return line(figure.title, ". ", figure.caption)
