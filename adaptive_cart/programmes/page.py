"""The page of a programme that a committee reads: the answer, four figures, what changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from adaptive_cart.figures.writing import FORMATS, rendered, write_pictures
from adaptive_cart.programmes.pictures import (
    PAGE,
    alternative_text,
    caption,
    draw_page,
    numbers_of,
)
from adaptive_cart.programmes.result import ProgrammeResult

FOLDER = "page"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 46rem;
  margin: clamp(.8rem, 4vw, 2rem); overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 .6rem; }
h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; }
figure { margin: 1.2rem 0; }
figure svg { max-width: 100%; height: auto; }
figcaption { font-size: .88rem; color: #444; }
pre { font-size: .76rem; line-height: 1.4; overflow-x: auto; }
"""


def write_page(
    result: ProgrammeResult, beside: str = "", formats: Iterable[str] = FORMATS
) -> list[str]:
    """Write the page beside a simulated programme; returns the names of its files.

    Parameters
    ----------
    beside
        What published early series change, in lines of fixed width; nothing without them.
    formats
        Of the figure, beside the page itself.

    Raises
    ------
    InputError, ResultsError
        If a format does not exist, or the folder holds other people's files of these names.
    """
    picture = draw_page(result)
    texts = {
        f"{PAGE}.html": html(result, rendered(picture, "svg").decode("utf-8"), beside),
        f"{PAGE}.txt": f"{caption(result)}\n\n{alternative_text(result)}\n",
        **numbers_of(result),
    }
    if beside:
        texts["evidence.txt"] = beside
    return write_pictures(result.folder / FOLDER, {PAGE: picture}, texts, formats)


def _blocks(text: str) -> Iterator[str]:
    """Text of fixed width as HTML: tables stay as they are, sentences and lists flow."""
    for block in text.strip("\n").split("\n\n"):
        if any("   " in line.strip() for line in block.splitlines()):
            yield f"<pre>{escape(block)}</pre>"
            continue
        said, *items = (" ".join(part.split()) for part in block.split("\n  - "))
        yield f"<p>{escape(said)}</p>"
        if items:
            yield "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def html(result: ProgrammeResult, picture: str, beside: str = "") -> str:
    """The page with its figure inside; it needs no other file."""
    paragraphs, _, table = result.text().partition("Portfolios of 100 in which so many")
    title, *said = [part.replace("\n", " ").strip() for part in paragraphs.strip().split("\n\n")]
    drawing = picture[picture.index("<svg") :]
    label = escape(alternative_text(result), quote=True)
    drawing = drawing.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    parts = [
        f"<h1>{escape(title)}</h1>",
        *(f"<p>{escape(part)}</p>" for part in said[:1]),
        f"<figure>{drawing}<figcaption>{escape(caption(result))}</figcaption></figure>",
        *(f"<p>{escape(part)}</p>" for part in said[1:]),
    ]
    if beside:
        parts += [
            "<h2>With published early series, and without</h2>",
            *_blocks(beside),
        ]
    parts += [
        "<h2>Portfolios of 100 in which so many products go on, succeed, hold up</h2>",
        f"<pre>{escape(table.strip(chr(10)))}</pre>",
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )
