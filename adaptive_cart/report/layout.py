"""Which parts of a report stand upright and which lie on their side, for paged formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adaptive_cart.report.document import Block, Contents, Figure, Heading, Items, PageBreak, Table
from adaptive_cart.report.document import Paragraph as Words

PAPERS = {"letter": (8.5, 11.0), "a4": (8.268, 11.693)}  # inches
MARGIN = 1.0


LOOSE, TIGHT = 13.0, 10.2  # points from line to line of the contents, at most and at least
LEAD = 1.2  # points by which its words are smaller than that
CONTENTS_HEAD = 68.0  # points that the heading of the contents takes


def contents_leading(paper: str, entries: int) -> float:
    """Points from line to line at which the contents fill one page.

    Where they would be too tight to read they take two, and not one and a few lines.
    """
    room = 72.0 * (PAPERS[paper][1] - 2 * MARGIN) - CONTENTS_HEAD
    found = room / max(entries, 1)
    return LOOSE if found < TIGHT else min(found, LOOSE)


@dataclass(frozen=True)
class Sheet:
    """Blocks on pages of one orientation."""

    landscape: bool
    blocks: tuple[Block, ...]


def text_width(paper: str, landscape: bool) -> float:
    """Inches between the margins."""
    width, height = PAPERS[paper]
    return (height if landscape else width) - 2 * MARGIN


def sheets(blocks: Sequence[Block]) -> list[Sheet]:
    """Cut a report where the page has to be turned.

    A wide table takes the heading and the words that lead up to it along; the pages stay turned
    until something comes that stands upright: a table, a figure, or a heading.
    """
    wide = _wide(blocks)
    found: list[Sheet] = []
    start = 0
    for place in range(1, len(blocks) + 1):
        if place == len(blocks) or wide[place] != wide[start]:
            found.append(Sheet(wide[start], tuple(blocks[start:place])))
            start = place
    return found


def _wide(blocks: Sequence[Block]) -> list[bool]:
    sides = [isinstance(block, Table | Figure) and block.wide for block in blocks]
    for place in range(len(blocks) - 2, -1, -1):  # what leads up to a wide table goes with it
        block = blocks[place]
        if sides[place + 1] and (
            isinstance(block, Heading) or (isinstance(block, Words | Items) and _led(blocks, place))
        ):
            sides[place] = True
    turned = False
    for place, block in enumerate(blocks):  # and what follows stays with it
        if sides[place]:
            turned = True
        elif turned and isinstance(block, Words | Items):
            sides[place] = True
        else:
            turned = False
    return sides


def _led(blocks: Sequence[Block], place: int) -> bool:
    """Whether only words stand between a block and the heading above it."""
    for block in reversed(blocks[:place]):
        if isinstance(block, Heading):
            return True
        if not isinstance(block, Words | Items):
            return False
        if isinstance(block, Contents | PageBreak):
            return False
    return False
