"""What makes a participant cross over to the other arm's treatment, one kind a class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from adaptive_cart.courses.group import DiseaseCourse
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.course import Spells
from adaptive_cart.nouns.records import Floats


class Trigger:
    """A reason to cross over.

    Class attributes
    ----------------
    waits
        Whether it is a month of its own accord, which has to be given.
    words
        Whom it makes cross, with the month in braces.
    """

    waits: ClassVar[bool] = False
    words: ClassVar[str]

    def month(self, remissions: Spells, rescue: Floats, after_month: float) -> Floats:
        """Month at which there is reason to cross, ``(participant,)``; infinite where never.

        Parameters
        ----------
        remissions
            Drug-free remissions of the own course, in order of time.
        rescue
            Month of rescue.
        after_month
            Nobody crosses before; a reason that comes sooner waits until then.
        """
        raise NotImplementedError  # abstract: every kind supplies it

    def idle(self, disease: DiseaseCourse) -> str:
        """Why nobody with a disease has such a reason; blank where somebody may."""
        return ""


class AtMonth(Trigger):
    """The month itself: whoever is not in drug-free remission then."""

    waits = True
    words = "who are followed and not in drug-free remission at month {month:g}"

    def month(self, remissions: Spells, rescue: Floats, after_month: float) -> Floats:
        return np.where(remissions.hold_at(after_month), np.inf, after_month)


class NoRemission(Trigger):
    """No drug-free remission by the month."""

    waits = True
    words = "who are followed and have not been in drug-free remission by month {month:g}"

    def month(self, remissions: Spells, rescue: Floats, after_month: float) -> Floats:
        began, _ = remissions.first()
        return np.where(began > until(after_month), after_month, np.inf)


class AtRelapse(Trigger):
    """The loss of a drug-free remission, unless another has begun by the month."""

    words = "who lose a drug-free remission, from month {month:g} on,"

    def month(self, remissions: Spells, rescue: Floats, after_month: float) -> Floats:
        first = np.full(rescue.shape, np.inf)
        for spell in remissions.spells:
            reason = np.maximum(spell.ended, after_month)
            out = np.isfinite(spell.ended) & ~remissions.hold_at(reason)
            first = np.minimum(first, np.where(out, reason, np.inf))
        return first

    def idle(self, disease: DiseaseCourse) -> str:
        return "" if disease.may_relapse else "nobody relapses in that arm, in any scenario"


class AtRescue(Trigger):
    """Rescue immunosuppression."""

    words = "who are rescued, from month {month:g} on,"

    def month(self, remissions: Spells, rescue: Floats, after_month: float) -> Floats:
        return np.maximum(rescue, after_month)

    def idle(self, disease: DiseaseCourse) -> str:
        return "" if disease.rescue > 0.0 else "nobody is rescued in that arm, in any scenario"


TRIGGERS: Final[Mapping[str, Trigger]] = {
    "month": AtMonth(),
    "relapse": AtRelapse(),
    "no_remission": NoRemission(),
    "rescue": AtRescue(),
}
