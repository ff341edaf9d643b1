"""What may follow a relapse, one kind a file: the contract, and those who have relapsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adaptive_cart.nouns.course import DRUG_FREE
from adaptive_cart.nouns.parts import Part
from adaptive_cart.nouns.records import Booleans, Floats, Integers

if TYPE_CHECKING:
    from adaptive_cart.courses.follow import Following, Positions
    from adaptive_cart.courses.group import DiseaseCourse


class Sequel(Part):
    """A table of a course that says what may follow a relapse.

    A field whose default is nothing has to be given, in ``[truth]`` or in the scenario.
    """

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
    """

    people: Following
    disease: DiseaseCourse
    number: int
    after_crossover: bool
    at: Positions
    month: Floats
    rescue: Floats

    @property
    def _prefix(self) -> str:
        return "crossover:" if self.after_crossover else ""

    def u(self, purpose: str) -> Floats:
        """Everybody's uniform for a purpose at this relapse."""
        return self.people.u(f"{self._prefix}{purpose}:{self.number}", self.at)

    def remit(self, who: Integers, purpose: str) -> None:
        """Let some reach another drug-free remission: its onset and what it lasts are the first's.

        Rescue before the onset precludes it.
        """
        assert self.disease.onset is not None
        prefix = f"{self._prefix}{purpose}:{self.number}:"
        onset = self.disease.onset.quantile(self.people.u(f"{prefix}onset", self.at[who]))
        in_time = self.month[who] + onset <= self.rescue[who]
        who, onset = who[in_time], onset[in_time]
        lasts = self.people.lasts(self.disease, self.at[who], prefix)
        self.rescue[who] += lasts
        began = self.month[who] + onset
        self.begin(DRUG_FREE, who, began, began + lasts)

    def begin(self, state: str, who: Integers, began: Floats, ended: Floats) -> None:
        """Let some begin a spell in a state."""
        spell = self.people.spell(state, self.after_crossover, self.number + 1)
        spell.began[self.at[who]], spell.ended[self.at[who]] = began, ended
