"""What the first trials of a run say, told once while the rest of them run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from adaptive_cart.decisions import REASONS, SUCCESS
from adaptive_cart.nouns.progress import Tell
from adaptive_cart.results.arrow_columns import positions_of
from adaptive_cart.results.figure import proportion
from adaptive_cart.results.parts import Parts, Span, Stretch
from adaptive_cart.results.percentages import with_interval
from adaptive_cart.running.stretches import SHORTEST_STRETCH, Piece

WORTH_TELLING = 3.0  # seconds that the rest takes: nobody reads what the table follows at once


def shortly_first(pieces: Sequence[Piece]) -> list[Piece]:
    """The same trials, a few of them in a stretch of their own that comes first."""
    (start, stop, positions), *rest = pieces
    middle = min(start + SHORTEST_STRETCH, stop)
    after = [(middle, stop, positions)] if middle < stop else []
    return [(start, middle, positions), *after, *rest]


class FirstTrials:
    """Tells the share of successes among the first trials of every scenario.

    Parameters
    ----------
    parts
        Where finished stretches are.
    names
        Scenarios by position, of which those wanted are told.
    wanted
        Names of the scenarios that are run, and the trials of each.
    tell
        Who is told.
    """

    def __init__(
        self,
        parts: Parts,
        names: Sequence[str],
        wanted: Mapping[str, int],
        tell: Tell,
    ) -> None:
        self.parts = parts
        self.names = names
        self.wanted = wanted
        self.tell = tell
        self.began = time.monotonic()
        self.told = False

    def look(self, done: int, left: int) -> None:
        """Tell it as soon as every scenario has trials, if the rest takes a while.

        Parameters
        ----------
        done, left
            Trials that have been run since the start, and those that are to be run.
        """
        if self.told or done == 0:
            return
        seconds = time.monotonic() - self.began
        if left * seconds / done < WORTH_TELLING:
            return
        finished: dict[str, Stretch] = {}
        for stretch in self.parts.finished():
            finished.setdefault(self.names[stretch.scenario], stretch)
        if all(name in finished for name in self.wanted):
            self.told = True
            with self.parts.without_damaged():
                for name, trials in self.wanted.items():
                    self.tell(self._words(name, trials, finished[name]))

    def _words(self, name: str, trials: int, stretch: Stretch) -> str:
        number = stretch.stop - stretch.start
        table = self.parts.read(Span(stretch.start, stretch.stop, stretch), "trials", ["reason"])
        reasons = (positions_of(chunk, REASONS) for chunk in table.column("reason").chunks)
        found = proportion(sum(int((reason == SUCCESS).sum()) for reason in reasons), number)
        share = with_interval(found.estimate, found.lower, found.upper)
        return f"'{name}', first {number:,} of {trials:,} trials: success {share}"
