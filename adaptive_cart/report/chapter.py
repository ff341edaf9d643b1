"""What a chapter of the report declares: its title, for whom it is, what it needs, its sections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from adaptive_cart.report.document import Audience, Block, Heading, Paragraph, line
from adaptive_cart.report.evidence import Evidence


def _nothing(evidence: Evidence) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A chapter of the report.

    Attributes
    ----------
    key
        What references to its heading name.
    sections
        What writes its blocks below the heading, in order; what was found beside the run (an
        exhibit) follows.
    audience
        ``restricted`` for a chapter that only the annex has.
    appendix
        Whether it is lettered instead of numbered; appendices stand last.
    lacks
        What keeps it from being written, as a sentence that then stands in its place; blank where
        nothing does.
    looks_back
        Whether it tells what the other chapters report, and is written after them.
    """

    key: str
    title: str
    sections: tuple[Callable[[Evidence], Sequence[Block]], ...]
    audience: Audience = "open"
    appendix: bool = False
    lacks: Callable[[Evidence], str] = _nothing
    looks_back: bool = False

    def blocks(self, evidence: Evidence) -> list[Block]:
        """The heading and what stands below it."""
        blocks: list[Block] = [Heading(text=self.title, key=self.key, appendix=self.appendix)]
        lacking = self.lacks(evidence)
        if lacking:
            blocks.append(Paragraph(line=line(lacking)))
        else:
            for section in self.sections:
                blocks += section(evidence)
            for exhibit in evidence.exhibits:
                if exhibit.chapter == self.key:
                    blocks += exhibit.blocks(evidence)
        if self.audience == "open":
            return blocks
        return [replace(block, audience=self.audience) for block in blocks]
