"""External data behind the arms of a trial, of a model that has them as they were observed.

Nobody of a trial is in them, so that what they say is known before it begins. Data of the model's
own kind are one more arm of it (:meth:`Summary.behind`); others say what they say of one quantity
by a law of their own (``outside_laws.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import PrivateAttr

from adaptive_cart.models.base import AnalysisBase, Reference
from adaptive_cart.nouns.external import External

LEAST = 3  # participants of whom a mean has a posterior with a mean

if TYPE_CHECKING:
    from adaptive_cart.models.outside_laws import OutsideLaw


def few(data: External) -> str:
    """Why a mean and a standard deviation alone say nothing; blank where they do."""
    if data.total("participants") >= LEAST:
        return ""
    return f"of {data.total('participants'):g}, whose spread is not known; {LEAST} at least say it"


class BesideExternal(AnalysisBase):
    """An analysis in which arms are compared with external data, which stay as observed."""

    beside_external: ClassVar[bool] = True
    _beside: dict[str, External] = PrivateAttr(default_factory=dict)

    def beside(self, external: Mapping[str, External], controlled: bool = True) -> Self:
        copy = self.model_copy()
        copy._beside = dict(external)
        return copy

    @property
    def data_beside(self) -> tuple[External, ...]:
        """External data in the order in which they stand behind the arms."""
        return tuple(self._beside.values())

    def names_beside(self, arms: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the arms, and behind them of the external data."""
        return (*arms, *self._beside)

    @property
    def laws(self) -> tuple[OutsideLaw | None, ...]:
        """What each of them says of the quantity that it is of; nothing where it is of another."""
        if not self._beside:
            return ()
        from adaptive_cart.models.outside_laws import law_of

        return tuple(map(law_of, self.data_beside))

    def reference_beside(self, face: Reference) -> Reference:
        """The model in PyMC with external data behind the arms; of these alone where none are."""
        from adaptive_cart.models.beside_laws_analysis import ReferenceBeside

        if not self._beside:
            return face
        return ReferenceBeside(face, tuple(self._beside), self.laws)
