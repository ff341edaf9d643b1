"""Stage-wise order of the ends that a trial on counts may come to, and how probable its tails are.

Stages
------
A look is a stage: its tables of counts, which of them end the trial for success or otherwise, and
for each the share ``reached`` of the orders in which its responders may have come that the looks
before let through. That share hangs on no rate, so that the probability of a table is it times a
binomial probability in each arm.

Order
-----
Of two ends the one for success comes first, and of two for success the one at the earlier look; of
two that stop without success the later one comes first; at the same look and for the same reason
the more favourable estimate does. At the last look the estimate alone decides. So what lies beyond
an end depends on no look that was not held (Fairbanks & Madsen 1982, Biometrika 69:69; Tsiatis,
Rosner & Mehta 1984, Biometrics 40:797). Where rules are not binding the stages are those of the
design without them, and who stops by one is ordered by the estimate at that look.

The control's rate
------------------
What is told of a difference of two rates needs the control's: it is the most probable one that goes
with the difference, given the table at the end (Miettinen & Nurminen 1985, Stat Med 4:213, for the
rate; Chuang & Lai 2000, Stat Sinica 10:1, for tails of group-sequential trials at it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.running.carrying import binomials, carried, chosen, over_tables

AT_ONCE = 2_000_000  # products of an outcome and a table
HALVINGS = 50
SUCCEEDS, STOPS_WITHOUT, RUNS_ON = 1, -1, 0


@dataclass(frozen=True)
class Stage:
    """The tables of one look.

    Attributes
    ----------
    number
        Of the look, from 1.
    analysed
        By arm.
    successes
        ``(table, arm)``.
    favour
        ``(table,)`` the estimate, turned where a low one is favourable.
    side
        ``(table,)`` whether the trial succeeds there, stops without success, or runs on. At the
        last look all run on: the estimate decides.
    reached
        ``(table,)`` share of the orders of its responders that come to it.
    """

    number: int
    analysed: tuple[int, ...]
    successes: Integers
    favour: Floats
    side: Integers
    reached: Floats

    def masses(self, rates: Floats) -> Floats:
        """Probability of each table at some rates, ``(rates, table)``; ``rates`` by arm behind."""
        found = np.broadcast_to(self.reached, (len(rates), len(self.reached))).copy()
        for arm, masses in enumerate(self._by_arm(rates)):
            found *= masses[:, self.successes[:, arm]]
        return found

    def mass(self, rates: Floats, inside: Floats) -> Floats:
        """Sum over all tables of their probability times a number each, ``(rates,)``."""
        return over_tables(self.as_table(self.reached * inside), [*self._by_arm(rates)])

    def as_table(self, values: Floats) -> Floats:
        """Numbers of its tables, responders of each arm along an axis."""
        return np.asarray(values, dtype=np.float64).reshape([n + 1 for n in self.analysed])

    def _by_arm(self, rates: Floats) -> Iterator[Floats]:
        for arm, number in enumerate(self.analysed):
            yield binomials(number, rates[:, arm])


@dataclass(frozen=True)
class Outcomes:
    """Ends of trials at one look for one reason, ``(outcome,)`` or ``(outcome, arm)``.

    Attributes
    ----------
    stage
        Position of the look among the stages.
    side
        As of a stage.
    favour
        As of a stage.
    successes
        By arm: the table at the end.
    """

    stage: int
    side: int
    favour: Floats
    successes: Integers

    def rows(self, chosen: Booleans | Integers | slice) -> Outcomes:
        """Some of them."""
        return Outcomes(self.stage, self.side, self.favour[chosen], self.successes[chosen])


@dataclass(frozen=True)
class StageWise:
    """The stages of a trial, up to the last that is needed."""

    stages: tuple[Stage, ...]

    @staticmethod
    def of(looks: Sequence[tuple[int, tuple[int, ...], Integers, Floats, Integers]]) -> StageWise:
        """Put looks in order: of each its number, participants, tables, favour and sides."""
        stages = []
        running: Floats | None = None
        for (number, analysed, successes, favour, side), before in zip(
            looks, [None, *looks], strict=False
        ):
            if running is None or before is None:
                reached = np.ones(len(successes))
            else:
                steps = [chosen(b, a) for b, a in zip(before[1], analysed, strict=True)]
                reached = carried(running, steps).ravel()
            # differences below rounding are none: estimates that are equal by design tie
            stages.append(Stage(number, analysed, successes, favour.round(12), side, reached))
            running = np.where(side == RUNS_ON, reached, 0.0).reshape([n + 1 for n in analysed])
        return StageWise(tuple(stages))

    @cached_property
    def _ends(self) -> dict[int, list[Floats]]:
        """By side and stage: 1 for the tables that end the trial so."""
        return {
            side: [(stage.side == side).astype(np.float64) for stage in self.stages]
            for side in (SUCCEEDS, STOPS_WITHOUT)
        }

    def before(self, stage: int, side: int, rates: Floats) -> Floats:
        """Probability of an end of one side at a stage before, ``(rates,)``."""
        found = np.zeros(len(rates))
        for own, inside in zip(self.stages[:stage], self._ends[side][:stage], strict=True):
            found += own.mass(rates, inside)
        return found

    def beyond(self, ends: Outcomes, rates: Floats, itself: bool) -> Floats:
        """Probability of an end that is more favourable, ``(outcome,)``.

        Parameters
        ----------
        rates
            ``(outcome, arm)``.
        itself
            Whether what is as favourable counts too.
        """
        stage = self.stages[ends.stage]
        without = ends.side == STOPS_WITHOUT
        inside = stage.side == ends.side if ends.side != RUNS_ON else np.ones(len(stage.side), bool)
        tables = Stage(
            stage.number, stage.analysed, stage.successes[inside], stage.favour[inside],
            stage.side[inside], stage.reached[inside],
        )  # fmt: skip
        found = self.before(ends.stage, STOPS_WITHOUT if without else SUCCEEDS, rates)
        size = max(AT_ONCE // max(len(tables.favour), 1), 1)
        for start in range(0, len(rates), size):
            some = slice(start, start + size)
            own = ends.favour[some, None]
            # below: what is left out of the more favourable where the trial stopped without success
            if without:
                counts = tables.favour < own if itself else tables.favour <= own
            else:
                counts = tables.favour >= own if itself else tables.favour > own
            found[some] += (tables.masses(rates[some]) * counts).sum(axis=1)
        return 1.0 - found if without else found


def restricted(
    successes: Integers, analysed: tuple[int, ...], difference: Floats, arm: int = 1, minus: int = 0
) -> Floats:
    """The most probable rates of two arms that differ by so much, ``(outcome, arm)``.

    Parameters
    ----------
    successes
        ``(outcome, arm)``.
    difference
        ``(outcome,)`` of the rate of ``arm`` less that of ``minus``.
    """
    x, y = successes[:, minus], successes[:, arm]
    m, n = analysed[minus], analysed[arm]
    low, high = np.maximum(0.0, -difference), np.minimum(1.0, 1.0 - difference)
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(HALVINGS):  # the slope of the log likelihood falls from end to end
            middle = (low + high) / 2.0
            other = middle + difference
            slope = _score(x, m, middle) + _score(y, n, other)
            low, high = np.where(slope > 0.0, middle, low), np.where(slope > 0.0, high, middle)
    rates = np.empty(successes.shape)
    rates[:, minus] = (low + high) / 2.0
    rates[:, arm] = rates[:, minus] + difference
    return np.clip(rates, 0.0, 1.0)


def _score(with_it: Integers, number: int, rate: Floats) -> Floats:
    """Slope of a binomial log likelihood; nothing where nobody says anything."""
    up = np.where(with_it > 0, with_it / rate, 0.0)
    down = np.where(with_it < number, (number - with_it) / (1.0 - rate), 0.0)
    return np.asarray(up - down)
