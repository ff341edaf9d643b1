"""What references have in common in which an event seen at a visit happened between two."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from adaptive_cart.models.reference import Reference

if TYPE_CHECKING:
    Base = Reference  # it stands before a reference, whose statement it goes on with
else:
    Base = object


class BetweenVisits(Base):
    """Stands before a reference in which every event has its moment; nothing is completed.

    Attributes
    ----------
    seen
        What is seen at a visit, with its article.
    """

    completes: ClassVar[bool] = False
    seen: ClassVar[str] = "an event"

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        return (
            f"{super().statement}\n{self.seen} seen at a visit happened between that visit and the "
            "last one held before it"
        )
