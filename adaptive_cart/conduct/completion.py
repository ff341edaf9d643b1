"""Completing a trial: what will be seen at the last look, given what is seen now.

Each completion takes a draw of every posterior that is asked for and draws, given it, what is still
to come: endpoints say what that is (``to_come``), posteriors complete the summary (``completed``).
What is completed is looked at as any look is. Where only counts are asked about and their model is
``beta_binomial``, completed tables need not be drawn: :mod:`adaptive_cart.conduct.predictive` sums
over all of them.

The probability of a condition is the share of completions in which it holds. They are drawn in
steps, the same for every trial, until the standard error is below :data:`WANTED` and no threshold
lies within :data:`NEAR` standard errors; there are at most 4,096, so that no standard error is
above 0.008, and it is 0.0035 where the probability is 0.05.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.to_come import ahead_of, last_dates, up_to
from adaptive_cart.nouns.ahead import Coming
from adaptive_cart.nouns.completions import DRAWS, Completions
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Summary

ERROR: Final = 0.01  # of a predictive probability from completions
WANTED: Final = 0.009
NEAR: Final = 3.0
STEPS: Final = (128, 128, 256, 512, 1024, 2048)  # completions, 4,096 in all
CELLS: Final = 3_000_000  # of completed trials held at once

assert sum(STEPS) == DRAWS


class Completion:
    """What will be seen of some trials at the last look, given what is seen now.

    Parameters
    ----------
    seen
        What is seen now.
    enrolled
        With those who are enrolled, or else with the planned number.
    apart
        Whether strata are predicted each by itself.
    waited
        The endpoint that dates the last look, where how much is seen of others hangs on its date.
    """

    def __init__(
        self, seen: LookAnalysis, enrolled: bool, apart: bool, waited: str | None = None
    ) -> None:
        self.seen = seen
        self.apart = apart
        self.waited = waited
        plan = seen.plan
        self._names = list(plan.design.endpoints)
        self.ahead = ahead_of(
            plan.design, plan.schedule, seen.snapshot, enrolled, apart, seen.closed_by_now()
        )
        self._coming: dict[str, Coming] = {}

    def completed(self, rows: Integers, some: Completions) -> LookAnalysis:
        """Some completions of some of the chosen trials: the first's, then the second's, and on.

        Parameters
        ----------
        rows
            Positions among the chosen trials.
        """
        return _Completed(self, rows, some)

    def nothing(self, endpoints: tuple[str, ...]) -> Booleans:
        """Chosen trials in which all has been seen of some endpoints, ``(chosen trial,)``."""
        found = np.ones(len(self.seen.trials), dtype=np.bool_)
        for name in endpoints:
            found &= self.coming(name).nothing[self.seen.trials]
        return found

    def coming(self, endpoint: str) -> Coming:
        """What is still to be seen of an endpoint, of all trials of the block."""
        if endpoint not in self._coming:
            seen = self.seen
            kind = seen.plan.design.endpoints[endpoint]
            prepared = seen.prepared.get(endpoint)
            if prepared is None and not kind.binary:  # the same trial, asked what if
                prepared = kind.prepare(endpoint, seen.snapshot.population)
            delay = seen.plan.delay(endpoint)
            self._coming[endpoint] = kind.to_come(
                prepared,
                seen.snapshot.reported(delay),
                seen.summary(endpoint),
                self.ahead.reported(delay),
            )
        return self._coming[endpoint]

    def dates(self, last: Summary, rows: Integers, some: Completions) -> Floats:
        """Calendar month of the last look of each completion, ``(trial, completion)``.

        Parameters
        ----------
        last
            What has then been seen of the endpoint whose events it waits for.
        """
        assert self.waited is not None
        seen, trials = self.seen, self.seen.trials[rows]
        coming, mine = self.coming(self.waited).rows(trials), self._own(self.waited, some)
        return last_dates(seen.plan, seen.snapshot.date[trials], coming, last, mine)

    def summary(
        self, endpoint: str, rows: Integers, some: Completions, dates: Floats | None = None
    ) -> Summary:
        """An endpoint at the last look, a row a completion.

        Parameters
        ----------
        dates
            Of that look, where each completion has one of its own.
        """
        seen, trials = self.seen, self.seen.trials[rows]
        analysis, model = seen.plan.ahead[endpoint]
        now = seen.looking_ahead(endpoint).rows(trials)
        open_strata = None if seen.open_strata is None else seen.open_strata[rows]
        posterior = analysis.posterior(model, now, open_strata)
        mine = self._own(endpoint, some)
        coming = up_to(seen.plan, endpoint, self.coming(endpoint).rows(trials), dates, mine)
        return posterior.completed(now, coming, mine, self.apart)

    def _own(self, endpoint: str, some: Completions) -> Completions:
        """The same completions with the endpoint's own random numbers."""
        return replace(some, stream=self._names.index(endpoint))

    def chance(
        self,
        holds: Callable[[LookAnalysis], Booleans],
        endpoints: tuple[str, ...],
        against: tuple[float, ...],
        held_beside: int = 0,
    ) -> Floats:
        """Probability that a condition holds at the last look, ``(chosen trial,)``.

        Parameters
        ----------
        holds
            Whether it does at a look, ``(chosen trial,)``.
        endpoints
            Those that it is about.
        against
            What the probability will be compared with.
        held_beside
            Numbers that are held of each completion when the condition is asked: draws, for one.
        """
        columns = max(self.ahead.arrival.shape[1], held_beside)
        trials = len(self.seen.trials)
        hits, drawn = np.zeros(trials), np.zeros(trials)
        certain = self.nothing(endpoints)
        if certain.any():
            known = np.flatnonzero(certain)
            hits[known] = holds(self.completed(known, Completions(0, 1)))
        waiting, first = np.flatnonzero(~certain), 0
        for number in STEPS:
            if not len(waiting):
                break
            size = max(1, CELLS // (number * columns))
            for rows in np.split(waiting, range(size, len(waiting), size)):
                held = holds(self.completed(rows, Completions(first, number)))
                hits[rows] += held.reshape(len(rows), number).sum(axis=1)
            first += number
            drawn[waiting] = first
            waiting = waiting[~settled(hits[waiting], first, against)]
        return np.where(certain, hits, hits / np.maximum(drawn, 1.0))


def settled(hits: Floats, drawn: int, against: tuple[float, ...]) -> Booleans:
    """Whether so many completions say enough, of each trial."""
    chance = (hits + 1.0) / (drawn + 2.0)
    error = np.sqrt(chance * (1.0 - chance) / drawn)
    enough: Booleans = error <= WANTED
    for threshold in against:
        enough &= np.abs(chance - threshold) > NEAR * error
    return enough


class _Completed(LookAnalysis):
    """Trials that have been completed, as they are looked at."""

    orders = 1

    def __init__(self, completion: Completion, rows: Integers, some: Completions) -> None:
        seen = completion.seen
        self.plan, self.snapshot, self.prepared = seen.plan, seen.snapshot, {}
        self.trials = np.arange(len(rows) * some.number)
        self.open_arms = np.repeat(seen.open_arms[rows], some.number, axis=0)
        self.open_strata = (
            None
            if seen.open_strata is None
            else np.repeat(seen.open_strata[rows], some.number, axis=0)
        )
        self.summaries = {}
        self._posteriors = {}
        self._completion, self._rows, self._some = completion, rows, some

    def summary(self, endpoint: str) -> Summary:
        """Summary at the last look."""
        if endpoint not in self.summaries:
            dates = self._dates(endpoint)
            found = self._completion.summary(endpoint, self._rows, self._some, dates)
            self.summaries[endpoint] = found
        return self.summaries[endpoint]

    def _dates(self, endpoint: str) -> Floats | None:
        """Of the last look of each completion, as another endpoint has it."""
        completion = self._completion
        if completion.waited in (None, endpoint):
            return None
        return completion.dates(self.summary(completion.waited), self._rows, self._some)
