"""What may follow a relapse, one kind a file: the contract, and those who have relapsed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.course import DRUG_FREE
from adaptive_cart.nouns.distributions import EventTime
from adaptive_cart.nouns.parts import Part
from adaptive_cart.nouns.records import Booleans, Floats, Integers

if TYPE_CHECKING:
    from adaptive_cart.courses.follow import Following, Positions
    from adaptive_cart.courses.group import DiseaseCourse


class Sequel(Part):
    """A table of a course that says what may follow a relapse.

    A field whose default is nothing has to be given, in ``[truth]`` or in the scenario.
    """

    def lacking(self) -> list[tuple[str, ...]]:
        """Paths of what is needed and not given."""
        return [(key,) for key in type(self).model_fields if getattr(self, key) is None]

    def values(self) -> Iterator[tuple[str, Any]]:
        """What holds, by its key."""
        for key in type(self).model_fields:
            yield key, getattr(self, key)

    def words(self) -> str:
        """Say it as a protocol would."""
        raise NotImplementedError  # abstract: every kind supplies it

    def idle(self, disease: DiseaseCourse) -> str:
        """Why nothing ever follows in participants of a disease; blank where something may."""
        return "" if disease.may_relapse else "nobody relapses there, in any scenario"

    @property
    def infuses(self) -> bool:
        """Whether participants are infused again."""
        return False

    @property
    def events_after(self) -> Mapping[str, float]:
        """Probability of adverse events after such an infusion, where it is another one."""
        return {}

    @property
    def after_relapse(self) -> bool:
        """Whether it changes nothing of the first remission."""
        return True

    def beside(self, failure: float) -> Self:
        """The same, with what is left out taken from the first infusion.

        Parameters
        ----------
        failure
            Probability of the first not to take place.
        """
        return self

    def unremitted(self, waiting: Relapsed) -> tuple[Integers, Floats]:
        """Begin what follows where no remission has come; whatever was to come does not then.

        Parameters
        ----------
        waiting
            Participants, with the month of their last infusion in place of that of a relapse.

        Returns
        -------
        Positions in ``waiting`` of those in whom it begins, and its month.
        """
        return np.zeros(0, dtype=np.int64), np.zeros(0)

    def follow(self, relapsed: Relapsed) -> Booleans:
        """Begin what follows.

        Returns
        -------
        (relapsed,): of whom; of the others it is asked what else may follow.
        """
        raise NotImplementedError  # abstract: every kind supplies it


@dataclass(frozen=True)
class Relapsed:
    """Participants of one disease at a relapse; arrays are ``(relapsed,)``.

    Attributes
    ----------
    number
        Which relapse of this course it is, from 1.
    after_crossover
        Whether it is of the other arm's course.
    at
        Flat positions in the block.
    month
        Months since randomisation of the relapse.
    rescue
        Month of rescue if there is no other remission; rescue is a hazard outside of remission, so
        that another one moves it.
    tapered
        Month at which background drugs end, before which no drug-free remission begins; nothing
        where there is no taper.
    spell
        Number of the remission that may begin; the one after the relapse if left out.
    """

    people: Following
    disease: DiseaseCourse
    number: int
    after_crossover: bool
    at: Positions
    month: Floats
    rescue: Floats
    tapered: Floats | None = None
    spell: int | None = None

    @property
    def _prefix(self) -> str:
        return "crossover:" if self.after_crossover else ""

    def u(self, purpose: str) -> Floats:
        """Everybody's uniform for a purpose at this relapse."""
        return self.people.u(f"{self._prefix}{purpose}:{self.number}", self.at)

    def u_of(self, who: Integers, purpose: str, part: str) -> Floats:
        """Uniforms of some for a part of a purpose."""
        return self.people.u(f"{self._prefix}{purpose}:{self.number}:{part}", self.at[who])

    @property
    def coming(self) -> Floats:
        """Month at which the remission that may begin does, as things stand."""
        return self.people.spell(DRUG_FREE, self.after_crossover, self._next).began[self.at]

    @property
    def _next(self) -> int:
        return self.number + 1 if self.spell is None else self.spell

    @property
    def gone(self) -> Floats:
        """Month of death or dropout, whichever comes first."""
        months = self.people.months
        return np.minimum(months["death"][self.at], months["dropout"][self.at])

    def times(self, purpose: str) -> npt.NDArray[np.int8]:
        """How often each has had what a purpose gives."""
        return self.people.counts(purpose, self.after_crossover)[self.at]

    def infuse(self, who: Integers, month: Floats, purpose: str) -> None:
        """Infuse some again: a remission that was to come does not, a taper may begin anew."""
        times = self.people.counts(purpose, self.after_crossover)
        self.people.infuse_again(self.at[who], month, times[self.at[who]])
        times[self.at[who]] += 1
        if self.spell is not None:
            self.begin(DRUG_FREE, who, np.full(len(who), np.inf), np.full(len(who), np.inf))
        taper = self.disease.taper
        if taper is not None and taper.again:
            assert self.tapered is not None
            self.tapered[who] = month + taper.until_off(self.u_of(who, purpose, "taper"))

    def remit(
        self,
        who: Integers,
        purpose: str,
        since: Floats | None = None,
        onset: EventTime | None = None,
    ) -> None:
        """Let some reach another drug-free remission; what it lasts is the first's.

        Rescue before it begins precludes it.

        Parameters
        ----------
        since
            ``(who,)`` month from which its onset counts; the relapse if left out.
        onset
            Months to it; those of the first if left out.
        """
        onset = onset or self.disease.onset
        assert onset is not None
        prefix = f"{self._prefix}{purpose}:{self.number}:"
        since = self.month[who] if since is None else since
        began = since + onset.quantile(self.people.u(f"{prefix}onset", self.at[who]))
        if self.tapered is not None:
            began = np.maximum(began, self.tapered[who])
        in_time = began <= self.rescue[who]
        who, began = who[in_time], began[in_time]
        lasts = self.people.lasts(self.disease, self.at[who], prefix)
        self.rescue[who] += lasts
        self.people.counts(f"{purpose}:remission", self.after_crossover)[self.at[who]] += 1
        self.begin(DRUG_FREE, who, began, began + lasts)

    def begin(self, state: str, who: Integers, began: Floats, ended: Floats) -> None:
        """Let some begin a spell in a state."""
        spell = self.people.spell(state, self.after_crossover, self._next)
        spell.began[self.at[who]], spell.ended[self.at[who]] = began, ended
