"""The course of participants: events at a moment, and spells of time in a state.

All arrays are ``(trial, participant)``, months since randomisation; what never happens is at
infinity. What comes after death does not happen and what comes after dropout is not seen:
endpoints see to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.calendar import Months, short_of, until
from adaptive_cart.nouns.rows_of import at_least

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

DRUG_FREE = "drug_free_remission"
ON_DRUGS = "remission_on_drugs"
# by the name that an endpoint has for it: in which of the states one is
STATES = {DRUG_FREE: (DRUG_FREE,), "remission": (DRUG_FREE, ON_DRUGS)}


class Spell(NamedTuple):
    """A time in a state that every participant may have once: from ``began`` until ``ended``.

    What began after crossover, of the other arm's course, says so.
    """

    state: str
    began: Floats
    ended: Floats
    after_crossover: bool = False


@dataclass(frozen=True)
class Spells:
    """Spells in a state, in order of time; each is held from its beginning until before its end."""

    spells: tuple[Spell, ...]

    def rows(self, trial: Integers) -> Spells:
        """Return those of the participants of some trials, a trial a row."""
        return Spells(
            tuple(s._replace(began=s.began[trial], ended=s.ended[trial]) for s in self.spells)
        )

    def hold_at(self, month: Months) -> Booleans:
        """In the state at a month."""
        return self.throughout(month, month)

    def throughout(self, start: Months, end: Months) -> Booleans:
        """In the state at every moment from one month to another.

        A spell that is lost is lost, also where the next one begins at that moment; but going over
        from one kind of state into another (off the drugs) loses nothing.
        """
        return _any(
            (spell.began <= until(start)) & self._lasts(spell, end) for spell in self.spells
        )

    def _lasts(self, spell: Spell, end: Months) -> Booleans:
        """Whether a spell lasts beyond a month, or goes over into one that does."""
        lasts = spell.ended > until(end)
        if lasts.all():
            return lasts
        others = (other for other in self.spells if other.state != spell.state)
        return _any(
            [lasts] + [(o.began <= until(spell.ended)) & (o.ended > until(end)) for o in others]
        )

    def time_until(self, month: Floats) -> Floats:
        """Months in the state up to a month of each participant."""
        first, *more = (
            at_least(np.minimum(spell.ended, month) - spell.began, 0.0) for spell in self.spells
        )
        for months in more:
            first += months
        return first

    def next_began(self, start: Floats) -> Floats:
        """Month at which the first spell begins that does not begin before a month of each."""
        return self._next([spell.began for spell in self.spells], start)

    def next_ended(self, start: Floats) -> Floats:
        """Month at which a spell is first lost, and not before a month of each participant."""
        # what does not count has no beginning, whatever its end
        ends = [np.where(np.isfinite(s.began), s.ended, np.inf) for s in self.spells]
        return self._next(ends, start)

    @staticmethod
    def _next(months: Iterable[Floats], start: Floats) -> Floats:
        from_then_on = [np.where(found >= short_of(start), found, np.inf) for found in months]
        first: Floats = np.minimum.reduce(from_then_on)
        return first

    def first(self) -> tuple[Floats, Floats]:
        """Months at which the first spell of each begins and ends."""
        _, began, ended, _ = self.spells[0]
        for spell in self.spells[1:]:
            had = np.isfinite(began)
            began, ended = np.where(had, began, spell.began), np.where(had, ended, spell.ended)
        return began, ended


def _any(found: Iterable[Booleans]) -> Booleans:
    first, *more = found
    for flags in more:
        first |= flags
    return first


@dataclass(frozen=True)
class Course:
    """What would happen to every participant if followed for ever.

    Attributes
    ----------
    infused, rescue, death, dropout
        First infusion; first rescue immunosuppression; and so on.
    spells
        In every state, those of a state in order of time.
    crossed
        Crossover to the other arm's course; nothing where the design has none.
    infused_again
        The second infusion, the third, and so on, as far as anybody has one.
    """

    infused: Floats
    rescue: Floats
    death: Floats
    dropout: Floats
    spells: tuple[Spell, ...]
    crossed: Floats | None = None
    infused_again: tuple[Floats, ...] = ()

    def rows(self, trial: Integers) -> Course:
        """Return those of the participants of some trials, a trial a row."""
        return Course(
            self.infused[trial],
            self.rescue[trial],
            self.death[trial],
            self.dropout[trial],
            Spells(self.spells).rows(trial).spells,
            None if self.crossed is None else self.crossed[trial],
            tuple(months[trial] for months in self.infused_again),
        )

    @cached_property
    def gone(self) -> Floats:
        """Death or dropout, whichever comes first."""
        return np.minimum(self.death, self.dropout)

    def state(self, name: str, after_crossover: bool = True) -> Spells:
        """Spells in a state, by the name that an endpoint has for it.

        Parameters
        ----------
        after_crossover
            Whether those count that begin after crossover, whichever course they are of.
        """
        spells = [spell for spell in self.spells if spell.state in STATES[name]]
        if self.crossed is None or after_crossover:
            return Spells(tuple(spells))
        return Spells(
            tuple(
                spell._replace(began=np.where(spell.began > self.crossed, np.inf, spell.began))
                for spell in spells
                if not spell.after_crossover
            )
        )
