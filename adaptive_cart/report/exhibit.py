"""What stands beside a run and is told in its report: a worst case, a sweep.

Each comes from a folder that another command wrote for the same design. It knows in which chapter
it is told and writes its own blocks, so that the report need not know what kinds there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from adaptive_cart.report.document import Block

if TYPE_CHECKING:
    from adaptive_cart.report.evidence import Evidence


class Exhibit(Protocol):
    """One thing that was found about the design of a run, and is told in its report.

    Attributes
    ----------
    chapter
        Key of the chapter that tells it, at its end.
    key
        No other that is told has it.
    name
        What it is, for messages: "the sweep in sweeps/hello".
    """

    @property
    def chapter(self) -> str:
        """Which chapter tells it."""
        ...

    @property
    def key(self) -> str:
        """What its heading is referred to by."""
        ...

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    def belongs_to(self, digest: str) -> bool:
        """Whether it was found for the design of this fingerprint."""
        ...

    def blocks(self, evidence: Evidence) -> list[Block]:
        """What is told, below a heading of level two."""
        ...
